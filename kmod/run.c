// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: the loop of KVM_RUN. Requests, then one event, then the guest, then what
 * its exit asks for; halts, signals, INIT and SIPI in between.
 *
 * Life of a round, with what is off:
 *
 *   requests          -                may sleep
 *   IRQs off, mode = IN_GUEST, requests looked at once more
 *   event, state, FPU IRQs             nothing can come in unseen: it would IPI
 *   run()             IRQs
 *   mode = OUTSIDE_GUEST, IRQs on      the host's interrupt, if any, is taken here
 *   exit handler      -                may sleep
 */
#include <linux/entry-kvm.h>
#include <linux/string.h>
#include <linux/vtime.h>

#include "clock.h"
#include "cpuid.h"
#include "fpu.h"
#include "host.h"
#include "hyperv/hyperv.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "msr.h"
#include "pv/pv.h"
#include "regs.h"
#include "request.h"
#include "run.h"
#include "x86.h"

/* Put the vCPU on this CPU; preemption off. Also from the scheduler's notifier. */
static void load_on_cpu(struct lodge_vcpu *vcpu, int cpu)
{
	vcpu->cpu = cpu;
	lodge_vendor->vcpu_load(vcpu, cpu);
	clock_vcpu_load(vcpu);
	steal_time_load(vcpu);
	vcpu->last_cpu = cpu;
}

static void take_off_cpu(struct lodge_vcpu *vcpu)
{
	clock_vcpu_put(vcpu);
	lodge_vendor->vcpu_put(vcpu);
	vcpu->cpu = -1;
}

static void sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct lodge_vcpu *vcpu = container_of(notifier, struct lodge_vcpu, preempt_notifier);

	WRITE_ONCE(vcpu->is_preempted, false);
	load_on_cpu(vcpu, cpu);
}

static void sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct lodge_vcpu *vcpu = container_of(notifier, struct lodge_vcpu, preempt_notifier);
	bool is_preempted = task_is_running(current);

	if (is_preempted && vcpu->is_at_boundary)
		steal_time_preempted(vcpu);
	take_off_cpu(vcpu);
	WRITE_ONCE(vcpu->is_preempted, is_preempted);
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

/**
 * vcpu_load() - begin a stretch in which the vCPU's state may be touched
 * @vcpu: its mutex is held
 *
 * From here to vcpu_put() the vCPU is loaded whenever this thread runs.
 */
void vcpu_load(struct lodge_vcpu *vcpu)
{
	int cpu = get_cpu();

	lockdep_assert_held(&vcpu->mutex);
	preempt_notifier_init(&vcpu->preempt_notifier, &preempt_ops);
	preempt_notifier_register(&vcpu->preempt_notifier);
	load_on_cpu(vcpu, cpu);
	WRITE_ONCE(vcpu->thread, current);
	put_cpu();
}

/**
 * vcpu_put() - end what vcpu_load() began
 * @vcpu: loaded vCPU
 */
void vcpu_put(struct lodge_vcpu *vcpu)
{
	lockdep_assert_held(&vcpu->mutex);
	preempt_disable();
	WRITE_ONCE(vcpu->thread, NULL);
	take_off_cpu(vcpu);
	preempt_notifier_unregister(&vcpu->preempt_notifier);
	preempt_enable();
}

/* RDX after reset names the CPU, as leaf 1 does. */
static void set_signature(struct lodge_vcpu *vcpu)
{
	u32 eax = 1, ebx, ecx = 0, edx;

	if (cpuid_read(vcpu, &eax, &ebx, &ecx, &edx))
		vcpu->state.gprs[LODGE_RDX] = eax;
}

/**
 * vcpu_reset() - power-on reset, or INIT
 * @vcpu: loaded vCPU, or one that is not yet published
 * @is_init: INIT
 *
 * What remains over an INIT is each part's own knowledge. mp_state is the caller's.
 */
void vcpu_reset(struct lodge_vcpu *vcpu, bool is_init)
{
	/* Registers that survive INIT must be here before the others change. */
	if (is_init)
		lodge_regs_get(vcpu, LODGE_STATE_ALL);
	lodge_regs_reset(vcpu, is_init);
	set_signature(vcpu);
	memset(&vcpu->events, 0, sizeof(vcpu->events));
	atomic_set(&vcpu->nmi_queued, 0);
	vcpu->completion = NULL;
	vcpu->cr8 = 0;
	if (vcpu->lapic)
		lapic_reset(vcpu, is_init);
	msr_reset(vcpu, is_init);
	fpu_reset(vcpu, is_init);
	pv_reset(vcpu);
	lodge_request_set(vcpu, LODGE_REQ_EVENT);
	lodge_request_set(vcpu, LODGE_REQ_TLB_FLUSH_GUEST);
}

static void start_at_sipi_vector(struct lodge_vcpu *vcpu, u8 vector)
{
	struct lodge_segment *cs = &lodge_regs_change(vcpu, LODGE_STATE_SEGS)->segs[LODGE_SEG_CS];

	cs->selector = vector << 8;
	cs->base = vector << 12;
	vcpu->state.rip = 0;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

/**
 * vcpu_take_init_sipi() - take over an INIT and a SIPI that have arrived
 * @vcpu: loaded vCPU
 *
 * By state (Intel SDM volume 3, "MP Initialization Protocol Algorithm"):
 *
 *   arrives | BSP                       | AP
 *   INIT    | reset, runs at the vector | reset, waits (INIT_RECEIVED)
 *   SIPI    | ignored                   | starts if INIT_RECEIVED, else ignored
 */
void vcpu_take_init_sipi(struct lodge_vcpu *vcpu)
{
	u8 vector;

	if (!vcpu->lapic)
		return;
	if (lapic_take_init(vcpu)) {
		vcpu_reset(vcpu, true);
		vcpu->mp_state = vcpu->apic_base & MSR_IA32_APICBASE_BSP ?
				 KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED;
	}
	if (lapic_take_sipi(vcpu, &vector) && vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED)
		start_at_sipi_vector(vcpu, vector);
}

static void follow_dirty_log(struct lodge_vcpu *vcpu)
{
	vcpu->intercept_policy &= ~LODGE_NOTE_WRITES;
	if (dirty_log_needs_cpu(vcpu->vm))
		vcpu->intercept_policy |= LODGE_NOTE_WRITES;
	lodge_vendor->update_intercepts(vcpu);
}

/**
 * vcpu_follow_settings() - derive intercepts anew from the VM's settings
 * @vcpu: loaded vCPU
 *
 * What else the policy holds stays.
 */
void vcpu_follow_settings(struct lodge_vcpu *vcpu)
{
	u64 passed = READ_ONCE(vcpu->vm->passed_insns);
	u32 policy = 0;

	if (!(passed & KVM_X86_DISABLE_EXITS_HLT))
		policy |= LODGE_INTERCEPT_HLT;
	if (!(passed & KVM_X86_DISABLE_EXITS_PAUSE))
		policy |= LODGE_INTERCEPT_PAUSE;
	if (!(passed & KVM_X86_DISABLE_EXITS_MWAIT))
		policy |= LODGE_INTERCEPT_MWAIT;
	if (passed & KVM_X86_DISABLE_EXITS_CSTATE)
		policy |= LODGE_PASS_CSTATE;
	if (lodge_has_quirk(vcpu->vm, KVM_X86_QUIRK_FIX_HYPERCALL_INSN))
		policy |= LODGE_INTERCEPT_UD;

	vcpu->intercept_policy &= ~(LODGE_INTERCEPT_HLT | LODGE_INTERCEPT_PAUSE |
				    LODGE_INTERCEPT_MWAIT | LODGE_INTERCEPT_UD |
				    LODGE_PASS_CSTATE);
	vcpu->intercept_policy |= policy;
	lodge_vendor->update_intercepts(vcpu);
}

/* Carry out pending requests. @vcpu may have become, or stopped being, runnable. */
static void handle_requests(struct lodge_vcpu *vcpu)
{
	/* First: it may ask for a flush of the TLB. */
	if (lodge_request_take(vcpu, LODGE_REQ_STEAL_TIME))
		steal_time_update(vcpu);
	if (lodge_request_take(vcpu, LODGE_REQ_TLB_FLUSH)) {
		clear_bit(LODGE_REQ_TLB_FLUSH_GUEST, &vcpu->requests);
		lodge_vendor->tlb_flush(vcpu, LODGE_TLB_TDP);
	}
	if (lodge_request_take(vcpu, LODGE_REQ_TLB_FLUSH_GUEST))
		lodge_vendor->tlb_flush(vcpu, LODGE_TLB_GUEST);
	if (lodge_request_take(vcpu, LODGE_REQ_CLOCK)) {
		clock_update_guest(vcpu);
		hyperv_clock_changed(vcpu);
	}
	/* Their time is the clock's. */
	if (lodge_request_take(vcpu, LODGE_REQ_STIMER))
		hyperv_process_timers(vcpu);
	if (lodge_request_take(vcpu, LODGE_REQ_TIMER))
		lapic_timer_deliver(vcpu);
	if (lodge_request_take(vcpu, LODGE_REQ_NMI))
		event_collect_nmis(vcpu);
	if (lodge_request_take(vcpu, LODGE_REQ_INIT_SIPI))
		vcpu_take_init_sipi(vcpu);
	if (lodge_request_take(vcpu, LODGE_REQ_INTERCEPTS))
		vcpu_follow_settings(vcpu);
	if (lodge_request_take(vcpu, LODGE_REQ_DIRTY_LOG))
		follow_dirty_log(vcpu);
	if (lodge_request_take(vcpu, LODGE_REQ_ASYNC_PF))
		async_pf_deliver(vcpu);
	/* The queue is always looked at, but a LAPIC that was off may be on now. */
	if (lodge_request_take(vcpu, LODGE_REQ_EVENT))
		async_pf_deliver(vcpu);
}

/*
 * What happened while the guest ran, as far as every exit tells it. The TPR may have
 * changed without an exit.
 */
static void note_exit(struct lodge_vcpu *vcpu)
{
	struct lodge_exit *exit = &vcpu->exit;

	pv_eoi_take_back(vcpu);
	/* No guest ran: CR8 is as it was, and what was injected still waits. */
	if (exit->reason == LODGE_EXIT_ENTRY_FAILED)
		return;
	if (unlikely(exit->nr_written))
		dirty_log_take_written(vcpu, exit->written, exit->nr_written);
	if (!vcpu->lapic)
		vcpu->cr8 = exit->cr8;
	else if (unlikely(exit->cr8 != lapic_get_cr8(vcpu)))
		lapic_set_cr8(vcpu, exit->cr8);
	if (unlikely(vcpu->vapic))
		lapic_vapic_load(vcpu);
	if (vcpu->events.injected.class || exit->interrupted.class)
		event_requeue(vcpu, &exit->interrupted);
}

/* The host is on its way down, or a CPU came back without virtualization. */
static int cpu_is_gone(struct lodge_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	vcpu->run->fail_entry.hardware_entry_failure_reason = 0;
	vcpu->run->fail_entry.cpu = vcpu->last_cpu;
	return LODGE_RETURN_TO_USER;
}

/*
 * One stay in the guest and what follows from it. Return as exit handlers do;
 * LODGE_RESUME_GUEST also if something has to be looked at before the entry.
 */
static int enter_guest(struct lodge_vcpu *vcpu)
{
	preempt_disable();
	local_irq_disable();
	/*
	 * Full barrier: whoever sets a request after the look at it below finds
	 * IN_GUEST and sends an IPI, which stays pending until the guest is left.
	 */
	xchg(&vcpu->mode, LODGE_IN_GUEST);
	if (READ_ONCE(vcpu->requests) || xfer_to_guest_mode_work_pending()) {
		WRITE_ONCE(vcpu->mode, LODGE_OUTSIDE_GUEST);
		local_irq_enable();
		preempt_enable();
		return LODGE_RESUME_GUEST;
	}

	if (unlikely(!this_cpu_read(lodge_in_root_mode))) {
		WRITE_ONCE(vcpu->mode, LODGE_OUTSIDE_GUEST);
		local_irq_enable();
		preempt_enable();
		return cpu_is_gone(vcpu);
	}

	event_inject(vcpu);
	if (unlikely(vcpu->debug.step))
		guest_debug_begin_step(vcpu);
	pv_eoi_offer(vcpu);
	lodge_regs_flush(vcpu);
	cpuid_freeze(vcpu);
	fpu_enter_guest(vcpu);
	vtime_account_guest_enter();

	lodge_vendor->run(vcpu, &vcpu->exit);

	/* A kicker that still sees IN_GUEST sends an IPI for nothing: harmless. */
	smp_store_release(&vcpu->mode, LODGE_OUTSIDE_GUEST);
	fpu_leave_guest(vcpu);
	/*
	 * A tick that ended the stay is to be accounted to the guest, so it must come in
	 * here. IRQs come in after the instruction that follows STI: one is needed.
	 */
	local_irq_enable();
	lodge_regs_forget(vcpu);
	local_irq_disable();
	vtime_account_guest_exit();
	local_irq_enable();
	/* The host takes this CPU away here ... */
	vcpu->is_at_boundary = vcpu->exit.reason == LODGE_EXIT_HOST_IRQ;
	preempt_enable();
	vcpu->is_at_boundary = false;

	note_exit(vcpu);
	if (unlikely(vcpu->debug.step))
		guest_debug_end_step(vcpu);
	return exit_handle(vcpu);
}

/* ... or here, by how it is built. Return 0, or -EINTR for a signal. */
static int work_before_guest(struct lodge_vcpu *vcpu)
{
	int ret;

	vcpu->is_at_boundary = vcpu->exit.reason == LODGE_EXIT_HOST_IRQ;
	ret = host_work_before_guest();
	vcpu->is_at_boundary = false;
	return ret;
}

static int interrupted(struct lodge_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

/* Whether it may run; if not, it may the next time. */
static bool pass_halt(struct lodge_vcpu *vcpu)
{
	if (likely(vcpu->mp_state == KVM_MP_STATE_RUNNABLE && !vcpu->pv->waits_for_page))
		return true;
	handle_requests(vcpu);
	if (!halt_is_over(vcpu))
		halt_wait(vcpu);
	return false;
}

/* One round of a vCPU that may run. Return as exit handlers do. */
static int run_once(struct lodge_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->requests)) {
		if (dirty_ring_is_full(vcpu)) {
			vcpu->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
			return LODGE_RETURN_TO_USER;
		}
		if (vcpu->lapic && irqchip_report(vcpu))
			return LODGE_RETURN_TO_USER;
		if (lodge_request_take(vcpu, LODGE_REQ_HYPERV_EXIT) && exit_hyperv_tell_user(vcpu))
			return LODGE_RETURN_TO_USER;
		handle_requests(vcpu);
	}
	if (unlikely(vcpu->events.triple_fault)) {
		vcpu->events.triple_fault = false;
		vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return LODGE_RETURN_TO_USER;
	}
	/* An INIT was among the requests. */
	if (vcpu->mp_state != KVM_MP_STATE_RUNNABLE)
		return LODGE_RESUME_GUEST;
	if (unlikely(vcpu->debug.control & KVM_GUESTDBG_SINGLESTEP))
		guest_debug_choose_step(vcpu);
	if (unlikely(vcpu->vapic))
		lapic_vapic_store(vcpu);
	return enter_guest(vcpu);
}

static int run_loop(struct lodge_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int ret;

	for (;;) {
		ret = LODGE_RESUME_GUEST;
		if (pass_halt(vcpu))
			ret = run_once(vcpu);
		if (ret != LODGE_RESUME_GUEST || guest_debug_has_stepped(vcpu, &ret))
			return ret;

		if (event_wants_user_irq(vcpu) && event_is_ready_for_user_irq(vcpu)) {
			run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
			return LODGE_RETURN_TO_USER;
		}
		if (work_before_guest(vcpu))
			return interrupted(vcpu);
	}
}

/* kvm_run's fields that user space gives with each call. */
static int take_user_input(struct lodge_vcpu *vcpu)
{
	u64 cr8 = READ_ONCE(vcpu->run->cr8);

	if (vcpu->lapic)
		return 0;
	if (cr8 & ~0xfull)
		return -EINVAL;
	vcpu->cr8 = cr8;
	return 0;
}

static void give_user_output(struct lodge_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->if_flag = !!(vcpu->state.rflags & X86_EFLAGS_IF);
	run->cr8 = vcpu->lapic ? lapic_get_cr8(vcpu) : vcpu->cr8;
	run->apic_base = vcpu->apic_base;
	run->flags = 0;
	run->ready_for_interrupt_injection = event_is_ready_for_user_irq(vcpu);
}

static int complete_and_loop(struct lodge_vcpu *vcpu)
{
	lodge_completion_t completion = vcpu->completion;
	int ret;

	if (completion) {
		vcpu->completion = NULL;
		ret = completion(vcpu);
		if (ret != LODGE_RESUME_GUEST)
			return ret;
	}
	if (guest_debug_has_stepped(vcpu, &ret))
		return ret;
	/* As in KVM the exit before stays readable: user space only wanted it completed. */
	if (READ_ONCE(vcpu->run->immediate_exit))
		return -EINTR;
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	return run_loop(vcpu);
}

/**
 * vcpu_run() - KVM_RUN
 * @vcpu: loaded vCPU
 *
 * Return: 0 with vcpu->run filled; -EINTR for a signal or immediate_exit; -EFAULT if
 * memory of a slot is not there; -EINVAL for a bad kvm_run.cr8.
 */
int vcpu_run(struct lodge_vcpu *vcpu)
{
	int ret;

	ret = take_user_input(vcpu);
	if (ret)
		return ret;

	if (vcpu->has_sigset)
		host_sigmask_set(&vcpu->sigset);
	fpu_load(vcpu);
	/* User space may have moved the guest; if not, it finds out again. */
	vcpu->pv->waits_for_page = false;

	ret = complete_and_loop(vcpu);

	fpu_put(vcpu);
	give_user_output(vcpu);
	if (vcpu->has_sigset)
		host_sigmask_restore();
	return ret;
}
