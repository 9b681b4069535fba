/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the 8254 as a pure model: what each access does, and what counters and
 * outputs show at a given time. Timers and ticks are pit_device.c's. For this folder
 * only.
 */
#ifndef LODGE_IRQCHIP_PIT_H
#define LODGE_IRQCHIP_PIT_H

#include <linux/kvm.h>
#include <linux/types.h>

#include "irqchip.h"

#define PIT_NR_CHANNELS		3
#define PIT_FREQUENCY_HZ	1193182
#define PIT_NO_MODE		0xff	/* no control word yet, as in KVM's state */

/* Access modes of a channel, bits 5:4 of the control word. */
enum pit_access {
	PIT_ACCESS_LATCH,
	PIT_ACCESS_LOW,
	PIT_ACCESS_HIGH,
	PIT_ACCESS_WORD,	/* low byte, then high */
	PIT_ACCESS_WORD_HIGH,	/* a state only: the high byte is next */
};

/**
 * struct pit - the three channels, [q]
 * @channels: in the form of the ABI; times are CLOCK_MONOTONIC in ns, a count in BCD
 *            is held as its value
 * @is_null: by channel: a control word came and no count after it
 * @flags: KVM_PIT_FLAGS_*
 */
struct pit {
	struct kvm_pit_channel_state channels[PIT_NR_CHANNELS];
	bool is_null[PIT_NR_CHANNELS];
	u32 flags;
};

/* What a write means for channel 0's timer. */
enum pit_timer_change {
	PIT_TIMER_KEEP,
	PIT_TIMER_STOP,
	PIT_TIMER_START,
};

void pit_reset(struct pit *pit, u64 now_ns);
enum pit_timer_change pit_write_control(struct pit *pit, u8 value, u64 now_ns);
enum pit_timer_change pit_write_count(struct pit *pit, u32 index, u8 value, u64 now_ns);
u8 pit_read_count(struct pit *pit, u32 index, u64 now_ns);
void pit_set_gate(struct pit *pit, u32 index, bool gate, u64 now_ns);
bool pit_output(const struct pit *pit, u32 index, u64 now_ns);
void pit_load_state(struct pit *pit, const struct kvm_pit_state2 *state, u64 now_ns);
u64 pit_period_ns(const struct pit *pit, bool *is_periodic);

#endif /* LODGE_IRQCHIP_PIT_H */
