// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the timer of a LAPIC by an hrtimer: one-shot, periodic, TSC deadline. A deadline
 * is left to run() where the backend can end there, which spares the host an hrtimer and its
 * interrupt; while the vCPU sleeps, it is an hrtimer again. Expiry only notes that and kicks
 * the vCPU; the interrupt is made in the own thread by lapic_timer_deliver(). An hrtimer
 * stays on the CPU where it was started: when the vCPU moves, the kick is what crosses CPUs.
 */
#include <asm/apicdef.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "../caps.h"
#include "../clock.h"
#include "../host.h"
#include "../request.h"
#include "apic_bus.h"
#include "lapic_timer.h"

/* The bus clock that CPUID and the frequency MSRs of other hypervisors promise: 1 GHz. */
#define BUS_CYCLE_NS		1

/*
 * hrtimers are not throttled by the host's scheduler: a guest may not ask for more
 * than 5000 interrupts a second without exiting for each.
 */
#define MIN_PERIOD_NS		200000

/* A deadline farther away than this is looked at once in a decade. */
#define MAX_DEADLINE_S		(10ull * 365 * 24 * 3600)

static enum lapic_timer_mode lvtt_mode(struct lodge_lapic *lapic)
{
	return lapic_reg(&lapic->model, APIC_LVTT) >> 17 & 3;
}

/* Count registers run in one-shot and periodic mode only. */
static bool is_counting(struct lapic_timer *timer)
{
	return timer->mode <= LAPIC_TIMER_PERIODIC && timer->period_ns;
}

static u64 count_to_ns(struct lapic_timer *timer, u32 count)
{
	return (u64)count * BUS_CYCLE_NS * timer->divisor;
}

/* Any context. */
static void expired(struct lodge_lapic *lapic)
{
	if (atomic_xchg(&lapic->timer.pending, 1) == 0)
		lodge_request(lapic->vcpu, LODGE_REQ_TIMER);
}

/*
 * A periodic timer is not restarted here but when the expiry is delivered: a vCPU that
 * has no time to take its ticks, or that nobody runs, gets no more of them, and costs
 * the host nothing.
 */
static enum hrtimer_restart lapic_timer_callback(struct hrtimer *hrtimer)
{
	struct lapic_timer *timer = container_of(hrtimer, struct lapic_timer, hrtimer);

	expired(container_of(timer, struct lodge_lapic, timer));
	return HRTIMER_NORESTART;
}

/* Start the hrtimer for @timer->target; what is past expires at once. */
static void arm_target(struct lodge_lapic *lapic)
{
	hrtimer_start(&lapic->timer.hrtimer, lapic->timer.target, HRTIMER_MODE_ABS_HARD);
}

/* Return whether it was running. */
static bool cancel(struct lodge_lapic *lapic)
{
	lapic->vcpu->deadline = 0;
	return hrtimer_cancel(&lapic->timer.hrtimer);
}

/* The period that the initial count asks for, within what the host grants. */
static void update_period(struct lodge_lapic *lapic)
{
	struct lapic_timer *timer = &lapic->timer;

	timer->period_ns = count_to_ns(timer, lapic_reg(&lapic->model, APIC_TMICT));
	if (timer->mode == LAPIC_TIMER_PERIODIC && timer->period_ns)
		timer->period_ns = max_t(u64, timer->period_ns, MIN_PERIOD_NS);
}

/**
 * lapic_timer_create() - prepare the timer of a new LAPIC
 * @lapic: zeroed but for the vCPU
 */
void lapic_timer_create(struct lodge_lapic *lapic)
{
	hrtimer_init(&lapic->timer.hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	lapic->timer.hrtimer.function = lapic_timer_callback;
	lapic->timer.divisor = 2;
}

/**
 * lapic_timer_reset() - stop and forget everything
 * @lapic: LAPIC whose registers have been reset; own thread
 */
void lapic_timer_reset(struct lodge_lapic *lapic)
{
	struct lapic_timer *timer = &lapic->timer;

	cancel(lapic);
	atomic_set(&timer->pending, 0);
	timer->mode = lvtt_mode(lapic);
	timer->divisor = lapic_divisor(&lapic->model);
	timer->period_ns = 0;
	timer->deadline = 0;
}

/**
 * lapic_timer_start() - the initial count was written
 * @lapic: LAPIC; own thread
 */
void lapic_timer_start(struct lodge_lapic *lapic)
{
	struct lapic_timer *timer = &lapic->timer;

	cancel(lapic);
	atomic_set(&timer->pending, 0);
	update_period(lapic);
	if (!is_counting(timer))
		return;
	timer->target = ktime_add_ns(ktime_get(), timer->period_ns);
	arm_target(lapic);
}

/**
 * lapic_timer_resume() - registers were set by user space: go on
 * @lapic: LAPIC; own thread
 * @current_count: what the timer shall count down from first
 *
 * A count of zero cannot tell "expired and delivered" from "expired, and the
 * interrupt was lost with the old host": the interrupt comes once more then.
 */
void lapic_timer_resume(struct lodge_lapic *lapic, u32 current_count)
{
	struct lapic_timer *timer = &lapic->timer;
	u64 remaining_ns;

	lapic_timer_reset(lapic);
	update_period(lapic);
	if (!is_counting(timer))
		return;
	remaining_ns = min(count_to_ns(timer, current_count), timer->period_ns);
	if (!remaining_ns && timer->mode == LAPIC_TIMER_PERIODIC)
		remaining_ns = timer->period_ns;
	timer->target = ktime_add_ns(ktime_get(), remaining_ns);
	arm_target(lapic);
}

/**
 * lapic_timer_set_mode() - LVTT was written
 * @lapic: LAPIC; own thread
 *
 * To or from TSC-deadline mode disarms the timer; between one-shot and periodic the
 * count goes on (Intel SDM volume 3, "APIC Timer").
 */
void lapic_timer_set_mode(struct lodge_lapic *lapic)
{
	struct lapic_timer *timer = &lapic->timer;
	u8 mode = lvtt_mode(lapic);
	bool was_running;

	if (mode == timer->mode)
		return;
	was_running = cancel(lapic);
	if (mode > LAPIC_TIMER_PERIODIC || timer->mode > LAPIC_TIMER_PERIODIC) {
		lapic_set_reg(&lapic->model, APIC_TMICT, 0);
		timer->deadline = 0;
		was_running = false;
	}
	timer->mode = mode;
	update_period(lapic);
	if (was_running && is_counting(timer))
		arm_target(lapic);
}

/**
 * lapic_timer_set_divisor() - the divide configuration was written
 * @lapic: LAPIC; own thread
 *
 * What is left of the count takes longer or shorter from now on.
 */
void lapic_timer_set_divisor(struct lodge_lapic *lapic)
{
	struct lapic_timer *timer = &lapic->timer;
	u32 divisor = lapic_divisor(&lapic->model), old = timer->divisor;
	s64 left_ns;

	if (divisor == old)
		return;
	if (!is_counting(timer) || !hrtimer_cancel(&timer->hrtimer)) {
		timer->divisor = divisor;
		update_period(lapic);
		return;
	}
	left_ns = max_t(s64, ktime_to_ns(ktime_sub(timer->target, ktime_get())), 0);
	timer->divisor = divisor;
	update_period(lapic);
	timer->target = ktime_add_ns(ktime_get(), mul_u64_u32_div(left_ns, divisor, old));
	arm_target(lapic);
}

/* A deadline goes by the guest's TSC, the end of a run by that of one CPU after another. */
static bool can_leave_to_run(void)
{
	return lodge_caps.has_deadline && host_tsc_is_stable();
}

/* Arm for @timer->deadline by what the guest's TSC says now. */
static void arm_deadline(struct lodge_lapic *lapic, bool is_halted)
{
	struct lapic_timer *timer = &lapic->timer;
	struct lodge_vcpu *vcpu = lapic->vcpu;
	u64 khz = clock_tsc_khz(vcpu);
	u64 tsc, left;

	if (!timer->deadline || !khz)
		return;
	tsc = clock_guest_tsc(vcpu);
	if (timer->deadline <= tsc) {
		expired(lapic);
		return;
	}
	if (!is_halted && can_leave_to_run()) {
		vcpu->deadline = timer->deadline;
		return;
	}
	left = min(timer->deadline - tsc, khz * 1000 * MAX_DEADLINE_S);
	timer->target = ktime_add_ns(ktime_get(), mul_u64_u64_div_u64(left, NSEC_PER_MSEC, khz));
	arm_target(lapic);
}

/**
 * lapic_timer_set_deadline() - IA32_TSC_DEADLINE was written
 * @lapic: LAPIC; own thread
 * @deadline: in the guest's TSC; 0 disarms
 *
 * Ignored outside of TSC-deadline mode (Intel SDM volume 3, "TSC-Deadline Mode").
 */
void lapic_timer_set_deadline(struct lodge_lapic *lapic, u64 deadline)
{
	struct lapic_timer *timer = &lapic->timer;

	if (timer->mode != LAPIC_TIMER_TSC_DEADLINE)
		return;
	cancel(lapic);
	atomic_set(&timer->pending, 0);
	timer->deadline = deadline;
	arm_deadline(lapic, false);
}

/**
 * lapic_timer_deadline() - read IA32_TSC_DEADLINE
 * @lapic: LAPIC; own thread
 *
 * Return: the deadline; 0 if disarmed, expired or in another mode.
 */
u64 lapic_timer_deadline(struct lodge_lapic *lapic)
{
	return lapic->timer.mode == LAPIC_TIMER_TSC_DEADLINE ? lapic->timer.deadline : 0;
}

/**
 * lapic_timer_current_count() - read the current-count register
 * @lapic: LAPIC; own thread
 *
 * Return: the count; 0 in TSC-deadline mode or after a one-shot.
 */
u32 lapic_timer_current_count(struct lodge_lapic *lapic)
{
	struct lapic_timer *timer = &lapic->timer;
	s64 left_ns;

	if (!is_counting(timer))
		return 0;
	left_ns = ktime_to_ns(ktime_sub(timer->target, ktime_get()));
	if (left_ns <= 0) {
		if (timer->mode == LAPIC_TIMER_ONESHOT)
			return 0;
		/* Has begun again, as the guest sees it, even if that is not delivered yet. */
		left_ns = timer->period_ns - (u64)-left_ns % timer->period_ns;
	}
	return min_t(u64, div_u64(left_ns, BUS_CYCLE_NS * timer->divisor),
		     lapic_reg(&lapic->model, APIC_TMICT));
}

/* The next expiry of a periodic timer; those that nobody saw make no interrupts. */
static void arm_next_period(struct lodge_lapic *lapic)
{
	struct lapic_timer *timer = &lapic->timer;
	s64 late_ns = ktime_to_ns(ktime_sub(ktime_get(), timer->target));
	u64 periods = late_ns < 0 ? 0 : div64_u64(late_ns, timer->period_ns) + 1;

	timer->target = ktime_add_ns(timer->target, periods * timer->period_ns);
	arm_target(lapic);
}

void lapic_timer_deliver(struct lodge_vcpu *vcpu)
{
	struct lodge_lapic *lapic = vcpu->lapic;
	struct lapic_message message;

	if (!atomic_xchg(&lapic->timer.pending, 0))
		return;
	/* The host's clock and the TSC do not run at quite the same rate. */
	if (lapic->timer.deadline > clock_guest_tsc(vcpu)) {
		arm_deadline(lapic, false);
		return;
	}
	if (lapic->timer.mode == LAPIC_TIMER_TSC_DEADLINE)
		lapic->timer.deadline = 0;
	else if (lapic->timer.mode == LAPIC_TIMER_PERIODIC && lapic->timer.period_ns)
		arm_next_period(lapic);
	if (lapic_lvt_message(&lapic->model, APIC_LVTT, &message))
		apic_bus_deliver(vcpu, vcpu, &message);
}

void lapic_timer_tsc_changed(struct lodge_vcpu *vcpu)
{
	struct lodge_lapic *lapic = vcpu->lapic;

	if (!lapic || lapic->timer.mode != LAPIC_TIMER_TSC_DEADLINE)
		return;
	cancel(lapic);
	if (!atomic_read(&lapic->timer.pending))
		arm_deadline(lapic, false);
}

void lapic_timer_deadline_reached(struct lodge_vcpu *vcpu)
{
	vcpu->deadline = 0;
	if (vcpu->lapic)
		arm_deadline(vcpu->lapic, false);
}

void lapic_timer_halt(struct lodge_vcpu *vcpu)
{
	if (!vcpu->deadline)
		return;
	vcpu->deadline = 0;
	arm_deadline(vcpu->lapic, true);
}
