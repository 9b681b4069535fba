// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: a vCPU that does not run: what ends that, and how it passes the time. A guest that
 * halts is often wanted again in a moment, and to sleep and wake takes the host longer: so it
 * looks for events for a while before it sleeps, as long as nobody else wants the CPU. How
 * long follows from how long its halts were:
 *
 *   the halt took        the next time it looks
 *   no longer than that  as long
 *   less than the limit  twice as long, 10 us at first
 *   longer               not at all
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/rcuwait.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>

#include "irqchip/irqchip.h"
#include "pv/pv.h"
#include "request.h"
#include "run.h"

#define HALT_POLL_FIRST_NS	10000

static unsigned int halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "a halted vCPU looks for events so long at most before it sleeps, in ns; 0: not at all");

/* Whether it waits for an event, and not for another vCPU's INIT or SIPI. */
static bool waits_for_event(struct lodge_vcpu *vcpu)
{
	return vcpu->mp_state == KVM_MP_STATE_HALTED || vcpu->pv->waits_for_page;
}

static bool has_event(struct lodge_vcpu *vcpu)
{
	return READ_ONCE(vcpu->pv->is_kicked) || event_has_work(vcpu);
}

/**
 * halt_is_over() - look whether the vCPU may run, and if so let it
 * @vcpu: loaded vCPU, requests handled
 */
bool halt_is_over(struct lodge_vcpu *vcpu)
{
	if (waits_for_event(vcpu) && has_event(vcpu)) {
		WRITE_ONCE(vcpu->pv->is_kicked, false);
		vcpu->pv->waits_for_page = false;
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	}
	return vcpu->mp_state == KVM_MP_STATE_RUNNABLE && !vcpu->pv->waits_for_page;
}

/* Must not sleep: looked at with the task state already set. */
static bool has_reason_to_wake(struct lodge_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->requests) &
	    (BIT(LODGE_REQ_TIMER) | BIT(LODGE_REQ_STIMER) | BIT(LODGE_REQ_NMI) |
	     BIT(LODGE_REQ_INIT_SIPI) | BIT(LODGE_REQ_ASYNC_PF)))
		return true;
	return signal_pending(current) || (waits_for_event(vcpu) && has_event(vcpu));
}

/* The most that a vCPU may look for events; 0 if its guest does so itself. */
static u64 poll_limit(struct lodge_vcpu *vcpu)
{
	s64 limit = READ_ONCE(vcpu->vm->halt_poll_max_ns);

	if (!(vcpu->pv->poll_control & 1))
		return 0;
	return limit < 0 ? READ_ONCE(halt_poll_ns) : limit;
}

/* Return whether something came before it is time to sleep. */
static bool look_for_events(struct lodge_vcpu *vcpu, u64 begin)
{
	u64 end = begin + min_t(u64, vcpu->pv->halt_poll_ns, poll_limit(vcpu));

	while (ktime_get_ns() < end && single_task_running() && !need_resched()) {
		if (has_reason_to_wake(vcpu))
			return true;
		cpu_relax();
	}
	return false;
}

/* By the table at the head of the file. */
static void learn(struct lodge_vcpu *vcpu, u64 halted_ns)
{
	u64 limit = poll_limit(vcpu), ns = vcpu->pv->halt_poll_ns;

	if (halted_ns > limit)
		ns = 0;
	else if (halted_ns > ns)
		ns = max_t(u64, 2 * ns, HALT_POLL_FIRST_NS);
	vcpu->pv->halt_poll_ns = min(ns, limit);
}

static void sleep(struct lodge_vcpu *vcpu)
{
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (has_reason_to_wake(vcpu))
			break;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
}

/**
 * halt_wait() - pass the time until something may end a halt, or bring an AP to life, or a
 *               signal comes
 * @vcpu: loaded vCPU
 */
void halt_wait(struct lodge_vcpu *vcpu)
{
	u64 begin;

	lapic_timer_halt(vcpu);
	if (vcpu->mp_state != KVM_MP_STATE_HALTED) {
		sleep(vcpu);
		return;
	}
	begin = ktime_get_ns();
	if (!look_for_events(vcpu, begin))
		sleep(vcpu);
	learn(vcpu, ktime_get_ns() - begin);
}
