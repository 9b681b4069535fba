// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the 8254 as a pure model. Counters do not run: what they would show is
 * computed from the time since they were loaded. By Intel's data sheet of the 8254.
 *
 * As in KVM the gate of modes 0 and 4 does not stop a count, and a count written while
 * one runs counts at once.
 */
#include <linux/bcd.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "pit.h"

/* Control word. */
#define CONTROL_CHANNEL_SHIFT	6
#define CONTROL_READ_BACK	3	/* instead of a channel */
#define CONTROL_ACCESS_SHIFT	4
#define CONTROL_MODE_SHIFT	1
#define CONTROL_BCD		BIT(0)

/* Read-back command, active low. */
#define READ_BACK_NO_COUNT	BIT(5)
#define READ_BACK_NO_STATUS	BIT(4)

/* Status byte. */
#define STATUS_OUTPUT_SHIFT	7
#define STATUS_NULL		BIT(6)

/* The largest count is written as 0. */
static u32 count_range(const struct kvm_pit_channel_state *channel)
{
	return channel->bcd ? 10000 : 0x10000;
}

static u32 count_from_register(const struct kvm_pit_channel_state *channel, u16 value)
{
	u32 count = value;

	/* Digits above nine are undefined; whatever they are worth, it stays in range. */
	if (channel->bcd)
		count = (bcd2bin(value >> 8) * 100 + bcd2bin(value & 0xff)) % 10000;
	return count ?: count_range(channel);
}

static u16 count_to_register(const struct kvm_pit_channel_state *channel, u32 count)
{
	if (channel->bcd)
		return bin2bcd(count / 100 % 100) << 8 | bin2bcd(count % 100);
	return count;
}

/* Input clocks since the channel was loaded (or triggered). */
static u64 elapsed_clocks(const struct kvm_pit_channel_state *channel, u64 now_ns)
{
	u64 elapsed_ns = now_ns - channel->count_load_time;

	if ((s64)elapsed_ns < 0)
		return 0;
	return mul_u64_u32_div(elapsed_ns, PIT_FREQUENCY_HZ, NSEC_PER_SEC);
}

/* The counter's value, 0 up to the range. */
static u32 counter(const struct kvm_pit_channel_state *channel, u64 now_ns)
{
	u64 clocks = elapsed_clocks(channel, now_ns);
	u32 count = channel->count, range = count_range(channel), phase, half;

	switch (channel->mode) {
	case 2:
		div_u64_rem(clocks, count, &phase);
		return count - phase;
	case 3:
		/* Counts by two, twice a period; an odd count's high half is longer by one. */
		div_u64_rem(clocks, count, &phase);
		half = (count + 1) / 2;
		if (phase >= half)
			phase -= half;
		return (count & ~1u) - 2 * phase;
	default:
		/* Goes on below zero from the highest value. */
		div_u64_rem(clocks, range, &phase);
		return (count + range - phase) % range;
	}
}

/**
 * pit_output() - the OUT pin of a channel
 * @pit: the PIT
 * @index: channel
 * @now_ns: the time
 */
bool pit_output(const struct pit *pit, u32 index, u64 now_ns)
{
	const struct kvm_pit_channel_state *channel = &pit->channels[index];
	u64 clocks = elapsed_clocks(channel, now_ns);
	u32 phase;

	switch (channel->mode) {
	case 2:		/* low for the last clock of each period */
		div_u64_rem(clocks, channel->count, &phase);
		return phase != channel->count - 1;
	case 3:
		div_u64_rem(clocks, channel->count, &phase);
		return phase < (channel->count + 1) / 2;
	case 4:
	case 5:		/* low for one clock */
		return clocks != channel->count;
	default:	/* 0 and 1: high when the count has ended */
		return clocks >= channel->count;
	}
}

static void load_count(struct pit *pit, u32 index, u16 value, u64 now_ns)
{
	struct kvm_pit_channel_state *channel = &pit->channels[index];

	channel->count = count_from_register(channel, value);
	channel->count_load_time = now_ns;
	pit->is_null[index] = false;
}

static void latch_count(struct kvm_pit_channel_state *channel, u64 now_ns)
{
	/* A second latch before the first was read changes nothing. */
	if (channel->count_latched)
		return;
	channel->latched_count = count_to_register(channel, counter(channel, now_ns));
	channel->count_latched = channel->rw_mode;
}

static void latch_status(struct pit *pit, u32 index, u64 now_ns)
{
	struct kvm_pit_channel_state *channel = &pit->channels[index];

	if (channel->status_latched)
		return;
	channel->status = pit_output(pit, index, now_ns) << STATUS_OUTPUT_SHIFT |
			  (pit->is_null[index] ? STATUS_NULL : 0) |
			  channel->rw_mode << CONTROL_ACCESS_SHIFT |
			  (channel->mode & 7) << CONTROL_MODE_SHIFT | channel->bcd;
	channel->status_latched = 1;
}

static void read_back(struct pit *pit, u8 value, u64 now_ns)
{
	u32 index;

	for (index = 0; index < PIT_NR_CHANNELS; index++) {
		if (!(value & (2 << index)))
			continue;
		if (!(value & READ_BACK_NO_COUNT))
			latch_count(&pit->channels[index], now_ns);
		if (!(value & READ_BACK_NO_STATUS))
			latch_status(pit, index, now_ns);
	}
}

/**
 * pit_write_control() - write port 0x43
 * @pit: the PIT
 * @value: control word, counter latch or read-back command
 * @now_ns: the time
 *
 * Return: whether channel 0's timer is to be stopped (a count must follow).
 */
enum pit_timer_change pit_write_control(struct pit *pit, u8 value, u64 now_ns)
{
	u32 index = value >> CONTROL_CHANNEL_SHIFT;
	u32 access = value >> CONTROL_ACCESS_SHIFT & 3;
	struct kvm_pit_channel_state *channel;

	if (index == CONTROL_READ_BACK) {
		read_back(pit, value, now_ns);
		return PIT_TIMER_KEEP;
	}
	index = array_index_nospec(index, PIT_NR_CHANNELS);
	channel = &pit->channels[index];
	if (access == PIT_ACCESS_LATCH) {
		latch_count(channel, now_ns);
		return PIT_TIMER_KEEP;
	}

	channel->rw_mode = access;
	channel->read_state = access;
	channel->write_state = access;
	channel->mode = value >> CONTROL_MODE_SHIFT & 7;
	if (channel->mode > 5)		/* bit 2 of modes 2 and 3 has no meaning */
		channel->mode -= 4;
	channel->bcd = value & CONTROL_BCD;
	channel->count_latched = 0;
	channel->status_latched = 0;
	/* A count from before may be too large for BCD. */
	channel->count = min(channel->count, count_range(channel));
	pit->is_null[index] = true;
	return index == 0 ? PIT_TIMER_STOP : PIT_TIMER_KEEP;
}

/**
 * pit_write_count() - write port 0x40, 0x41 or 0x42
 * @pit: the PIT
 * @index: channel, below PIT_NR_CHANNELS
 * @value: the next byte of the count
 * @now_ns: the time
 *
 * Return: whether channel 0's timer starts anew; it stops when mode 0 gets the first
 * of two bytes (data sheet, "Mode 0").
 */
enum pit_timer_change pit_write_count(struct pit *pit, u32 index, u8 value, u64 now_ns)
{
	struct kvm_pit_channel_state *channel;

	index = array_index_nospec(index, PIT_NR_CHANNELS);
	channel = &pit->channels[index];
	switch (channel->write_state) {
	case PIT_ACCESS_HIGH:
		load_count(pit, index, value << 8, now_ns);
		break;
	case PIT_ACCESS_WORD:
		channel->write_latch = value;
		channel->write_state = PIT_ACCESS_WORD_HIGH;
		return index == 0 && channel->mode == 0 ? PIT_TIMER_STOP : PIT_TIMER_KEEP;
	case PIT_ACCESS_WORD_HIGH:
		load_count(pit, index, channel->write_latch | value << 8, now_ns);
		channel->write_state = PIT_ACCESS_WORD;
		break;
	default:
		load_count(pit, index, value, now_ns);
		break;
	}
	return index == 0 ? PIT_TIMER_START : PIT_TIMER_KEEP;
}

/* The byte that is due of @value, and how the access goes on. */
static u8 next_byte(u16 value, u8 *state, u8 after_low, u8 after_high)
{
	switch (*state) {
	case PIT_ACCESS_HIGH:
	case PIT_ACCESS_WORD_HIGH:
		*state = after_high;
		return value >> 8;
	case PIT_ACCESS_WORD:
		*state = after_low;
		return value;
	default:
		*state = after_high;
		return value;
	}
}

/**
 * pit_read_count() - read port 0x40, 0x41 or 0x42
 * @pit: the PIT
 * @index: channel, below PIT_NR_CHANNELS
 * @now_ns: the time
 *
 * Return: latched status, else latched count, else the counter as it runs.
 */
u8 pit_read_count(struct pit *pit, u32 index, u64 now_ns)
{
	struct kvm_pit_channel_state *channel;
	u8 state, byte;

	index = array_index_nospec(index, PIT_NR_CHANNELS);
	channel = &pit->channels[index];
	if (channel->status_latched) {
		channel->status_latched = 0;
		return channel->status;
	}
	if (channel->count_latched)
		return next_byte(channel->latched_count, &channel->count_latched,
				 PIT_ACCESS_HIGH, 0);

	state = channel->read_state;
	byte = next_byte(count_to_register(channel, counter(channel, now_ns)), &state,
			 PIT_ACCESS_WORD_HIGH,
			 state == PIT_ACCESS_WORD_HIGH ? PIT_ACCESS_WORD : state);
	channel->read_state = state;
	return byte;
}

/**
 * pit_set_gate() - the GATE pin of a channel
 * @pit: the PIT
 * @index: channel
 * @gate: its level
 * @now_ns: the time; a rising edge starts modes 1, 2, 3 and 5 anew
 */
void pit_set_gate(struct pit *pit, u32 index, bool gate, u64 now_ns)
{
	struct kvm_pit_channel_state *channel = &pit->channels[index];

	if (gate && !channel->gate && channel->mode != 0 && channel->mode != 4)
		channel->count_load_time = now_ns;
	channel->gate = gate;
}

/**
 * pit_reset() - state after power-up, as far as the data sheet defines one
 * @pit: the PIT
 * @now_ns: the time
 */
void pit_reset(struct pit *pit, u64 now_ns)
{
	u32 index;

	memset(pit, 0, sizeof(*pit));
	for (index = 0; index < PIT_NR_CHANNELS; index++) {
		pit->channels[index].mode = PIT_NO_MODE;
		pit->channels[index].gate = index != 2;
		load_count(pit, index, 0, now_ns);
	}
}

/**
 * pit_load_state() - take over channels from user space
 * @pit: the PIT
 * @state: what no PIT could hold is made right
 * @now_ns: the time from which all counts run
 */
void pit_load_state(struct pit *pit, const struct kvm_pit_state2 *state, u64 now_ns)
{
	u32 index;

	for (index = 0; index < PIT_NR_CHANNELS; index++) {
		struct kvm_pit_channel_state *channel = &pit->channels[index];

		*channel = state->channels[index];
		channel->bcd = !!channel->bcd;
		channel->gate = !!channel->gate;
		channel->status_latched = !!channel->status_latched;
		channel->rw_mode &= 3;
		if (channel->count_latched > PIT_ACCESS_WORD)
			channel->count_latched = 0;
		if (channel->mode > 5)
			channel->mode = PIT_NO_MODE;
		if (!channel->count || channel->count > count_range(channel))
			channel->count = count_range(channel);
		channel->count_load_time = now_ns;
		pit->is_null[index] = false;
	}
	pit->flags = state->flags & (KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON);
}

/**
 * pit_period_ns() - when channel 0 raises its interrupt
 * @pit: the PIT
 * @is_periodic: set to whether it does so again and again
 *
 * Return: time from loading to the interrupt; 0 if there is none (modes that wait for
 * a trigger which never comes, or an HPET that has taken over).
 */
u64 pit_period_ns(const struct pit *pit, bool *is_periodic)
{
	const struct kvm_pit_channel_state *channel = &pit->channels[0];

	*is_periodic = channel->mode == 2 || channel->mode == 3;
	if ((pit->flags & KVM_PIT_FLAGS_HPET_LEGACY) || channel->mode > 4)
		return 0;
	return mul_u64_u32_div(channel->count, NSEC_PER_SEC, PIT_FREQUENCY_HZ);
}
