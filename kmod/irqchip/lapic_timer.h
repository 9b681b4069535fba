/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the timer of a LAPIC, and struct lodge_lapic that joins it with the
 * registers and the vCPU. For this folder only.
 */
#ifndef LODGE_IRQCHIP_LAPIC_TIMER_H
#define LODGE_IRQCHIP_LAPIC_TIMER_H

#include <linux/atomic.h>
#include <linux/hrtimer.h>

#include "lapic.h"

struct lapic_sints;

/**
 * struct lapic_timer - the timer
 * @hrtimer: runs while an expiry is to come; changed by the own thread only
 * @mode: enum lapic_timer_mode, as LVTT had it when last looked at
 * @divisor: likewise for the divide configuration
 * @period_ns: initial count in time; 0 if none
 * @target: when the count reaches zero
 * @deadline: IA32_TSC_DEADLINE, 0 for disarmed
 * @pending: expired, not yet delivered
 *
 * All is the own thread's but @pending, which the callback sets, on any CPU.
 */
struct lapic_timer {
	struct hrtimer hrtimer;
	u8 mode;
	u32 divisor;
	u64 period_ns;
	ktime_t target;
	u64 deadline;
	atomic_t pending;
};

/**
 * struct lodge_lapic - behind vcpu->lapic
 * @model: the registers
 * @vcpu: whose
 * @timer: its timer
 * @tpr_rip: the last instruction that used the TPR's register, where that is reported
 * @tpr_is_written: it wrote it
 * @ended: the last vector of which user space's IOAPIC is to be told that it was ended
 */
struct lodge_lapic {
	struct lapic model;
	struct lodge_vcpu *vcpu;
	struct lapic_timer timer;
	u64 tpr_rip;
	bool tpr_is_written;
	u8 ended;
	struct lapic_sints *sints;	/* NULL until they are activated */
};

void lapic_timer_create(struct lodge_lapic *lapic);
void lapic_timer_reset(struct lodge_lapic *lapic);
void lapic_timer_start(struct lodge_lapic *lapic);
void lapic_timer_resume(struct lodge_lapic *lapic, u32 current_count);
void lapic_timer_set_mode(struct lodge_lapic *lapic);
void lapic_timer_set_divisor(struct lodge_lapic *lapic);
void lapic_timer_set_deadline(struct lodge_lapic *lapic, u64 deadline);
u64 lapic_timer_deadline(struct lodge_lapic *lapic);
u32 lapic_timer_current_count(struct lodge_lapic *lapic);

void vapic_note_tpr_access(struct lodge_lapic *lapic, bool is_write);

#endif /* LODGE_IRQCHIP_LAPIC_TIMER_H */
