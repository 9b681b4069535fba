// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254: counters and outputs of every mode at given times, access modes, latches,
 * read-back, BCD, gates, what channel 0's timer is told. Time is this file's.
 */
#include <string.h>

#include <linux/kernel.h>

#include "irqchip/pit.h"
#include "ktap.h"

static struct pit pit;

/* The first nanosecond of the given input clock. */
static u64 at(u64 clocks)
{
	return (clocks * 1000000000ull + PIT_FREQUENCY_HZ - 1) / PIT_FREQUENCY_HZ;
}

/* Control word and count at clock 0: low byte, then high. */
static void program(u32 channel, u32 mode, u16 count, bool bcd)
{
	pit_reset(&pit, 0);
	pit_write_control(&pit, channel << 6 | 0x30 | mode << 1 | bcd, 0);
	pit_write_count(&pit, channel, count, 0);
	pit_write_count(&pit, channel, count >> 8, 0);
}

static u16 latched(u32 channel, u64 clocks)
{
	u16 value;

	pit_write_control(&pit, channel << 6, at(clocks));
	value = pit_read_count(&pit, channel, at(clocks));
	return value | pit_read_count(&pit, channel, at(clocks)) << 8;
}

static const struct {
	u8 mode;
	u16 count;
	bool bcd;
	u64 clocks;
	u16 counter;
	bool output;
} counts[] = {
	{ 0, 1000, false, 0, 1000, false },
	{ 0, 1000, false, 999, 1, false },
	{ 0, 1000, false, 1000, 0, true },
	{ 0, 1000, false, 1001, 0xffff, true },
	{ 0, 1000, false, 1000 + 65536, 0, true },
	{ 0, 0, false, 1, 0xffff, false },
	{ 0, 0, false, 65535, 1, false },
	{ 0, 0, false, 65536, 0, true },
	{ 0, 1000, false, 1ull << 33, (1000 - (1ull << 33)) & 0xffff, true },
	{ 1, 100, false, 50, 50, false },
	{ 1, 100, false, 100, 0, true },
	{ 2, 4, false, 0, 4, true },
	{ 2, 4, false, 2, 2, true },
	{ 2, 4, false, 3, 1, false },
	{ 2, 4, false, 4, 4, true },
	{ 2, 4, false, 4003, 1, false },
	{ 2, 0, false, 65535, 1, false },
	{ 2, 0, false, 65536, 0, true },
	{ 3, 4, false, 0, 4, true },
	{ 3, 4, false, 1, 2, true },
	{ 3, 4, false, 2, 4, false },
	{ 3, 4, false, 3, 2, false },
	{ 3, 4, false, 4, 4, true },
	{ 3, 5, false, 0, 4, true },
	{ 3, 5, false, 2, 0, true },
	{ 3, 5, false, 3, 4, false },
	{ 3, 5, false, 4, 2, false },
	{ 3, 0, false, 32768, 0, false },
	{ 4, 10, false, 9, 1, true },
	{ 4, 10, false, 10, 0, false },
	{ 4, 10, false, 11, 0xffff, true },
	{ 5, 10, false, 10, 0, false },
	{ 0, 0x1234, true, 0, 0x1234, false },
	{ 0, 0x1234, true, 35, 0x1199, false },
	{ 0, 0x1234, true, 1234, 0, true },
	{ 0, 0x1234, true, 1235, 0x9999, true },
	{ 0, 0, true, 1, 0x9999, false },
	{ 2, 0x0010, true, 9, 1, false },
};

static void test_counts(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		u32 channel = i % 3;
		u16 counter;
		bool output;

		program(channel, counts[i].mode, counts[i].count, counts[i].bcd);
		counter = latched(channel, counts[i].clocks);
		output = pit_output(&pit, channel, at(counts[i].clocks));
		if (counter != counts[i].counter || output != counts[i].output)
			ktap_note("counter %x, output %d", counter, output);
		ktap_result(counter == counts[i].counter && output == counts[i].output,
			    "mode_%u%s_count_%x_after_%llu", counts[i].mode,
			    counts[i].bcd ? "_bcd" : "", counts[i].count,
			    (unsigned long long)counts[i].clocks);
	}
}

static void test_access(void)
{
	bool passed;

	pit_reset(&pit, 0);
	passed = pit_write_control(&pit, 0x50, 0) == PIT_TIMER_KEEP;	/* 1, low byte only */
	pit_write_count(&pit, 1, 0x80, 0);
	passed &= pit_read_count(&pit, 1, 0) == 0x80 && pit_read_count(&pit, 1, at(1)) == 0x7f;
	pit_write_control(&pit, 0x60, 0);				/* 1, high byte only */
	pit_write_count(&pit, 1, 0x12, 0);
	passed &= pit.channels[1].count == 0x1200 && pit_read_count(&pit, 1, 0) == 0x12;
	program(1, 0, 0x1234, false);
	passed &= pit_read_count(&pit, 1, 0) == 0x34 && pit_read_count(&pit, 1, 0) == 0x12 &&
		  pit_read_count(&pit, 1, 0) == 0x34;
	ktap_result(passed, "access_modes");

	program(2, 0, 0x1234, false);
	pit_write_control(&pit, 0x80, 0);
	pit_write_control(&pit, 0x80, at(100));		/* the first latch stays */
	passed = pit_read_count(&pit, 2, at(200)) == 0x34 &&
		 pit_read_count(&pit, 2, at(200)) == 0x12 &&
		 pit_read_count(&pit, 2, at(0x34)) == 0x00;
	ktap_result(passed, "latch_is_kept");
}

static void test_read_back(void)
{
	bool passed;

	program(0, 2, 0x0400, false);
	program(2, 3, 0x0100, true);
	pit_write_control(&pit, 0xc0 | BIT(3), 0);	/* status and count of channel 2 */
	passed = pit_read_count(&pit, 2, 0) == 0xb7;	/* output, word, mode 3, BCD */
	passed &= pit_read_count(&pit, 2, at(7)) == 0x00 && pit_read_count(&pit, 2, at(7)) == 0x01;
	passed &= !pit.channels[0].status_latched && !pit.channels[0].count_latched;
	pit_write_control(&pit, 0xb0, 0);
	pit_write_control(&pit, 0xe0 | BIT(3), 0);	/* status alone: null count now */
	passed &= !!(pit_read_count(&pit, 2, 0) & BIT(6));
	passed &= !pit.channels[2].count_latched;
	pit_write_control(&pit, 0xd0 | BIT(1) | BIT(2) | BIT(3), 0);	/* counts of all */
	passed &= pit.channels[2].count_latched && !pit.channels[2].status_latched;
	ktap_result(passed, "read_back");
}

static void test_gate(void)
{
	bool passed;

	program(2, 1, 100, false);
	pit_set_gate(&pit, 2, true, at(500));
	passed = !pit_output(&pit, 2, at(599)) && pit_output(&pit, 2, at(601));
	pit_set_gate(&pit, 2, true, at(700));		/* no edge */
	passed &= pit_output(&pit, 2, at(701));
	pit_set_gate(&pit, 2, false, at(800));
	pit_set_gate(&pit, 2, true, at(900));
	passed &= !pit_output(&pit, 2, at(950));
	program(2, 0, 100, false);
	pit_set_gate(&pit, 2, true, at(50));		/* mode 0 is not triggered */
	ktap_result(passed && pit_output(&pit, 2, at(100)), "gate");
}

static const struct {
	u8 mode;
	u16 count;
	bool is_periodic;
	u64 period_ns;
} periods[] = {
	{ 0, 1193, false, 999847 }, { 1, 1193, false, 999847 }, { 2, 1193, true, 999847 },
	{ 3, 0, true, 54925401 }, { 4, 1193, false, 999847 }, { 5, 1193, false, 0 },
	{ 6, 1193, true, 999847 }, { 7, 1, true, 838 },
};

static void test_periods(void)
{
	bool is_periodic;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(periods); i++) {
		u64 period_ns;

		program(0, periods[i].mode, periods[i].count, false);
		period_ns = pit_period_ns(&pit, &is_periodic);
		if (period_ns != periods[i].period_ns)
			ktap_note("%llu ns", (unsigned long long)period_ns);
		ktap_result(period_ns == periods[i].period_ns &&
			    (!period_ns || is_periodic == periods[i].is_periodic),
			    "period_mode_%u_count_%u", periods[i].mode, periods[i].count);
	}
	pit_reset(&pit, 0);
	ktap_result(pit_period_ns(&pit, &is_periodic) == 0, "period_after_reset");
	program(0, 2, 1193, false);
	pit.flags = KVM_PIT_FLAGS_HPET_LEGACY;
	ktap_result(pit_period_ns(&pit, &is_periodic) == 0, "period_with_hpet");
}

static void test_timer_changes(void)
{
	bool passed;

	pit_reset(&pit, 0);
	passed = pit_write_control(&pit, 0x34, 0) == PIT_TIMER_STOP &&
		 pit_write_count(&pit, 0, 1, 0) == PIT_TIMER_KEEP &&
		 pit_write_count(&pit, 0, 1, 0) == PIT_TIMER_START;
	passed &= pit_write_control(&pit, 0x30, 0) == PIT_TIMER_STOP &&
		  pit_write_count(&pit, 0, 1, 0) == PIT_TIMER_STOP &&
		  pit_write_count(&pit, 0, 1, 0) == PIT_TIMER_START;
	passed &= pit_write_control(&pit, 0xb4, 0) == PIT_TIMER_KEEP &&
		  pit_write_count(&pit, 2, 1, 0) == PIT_TIMER_KEEP &&
		  pit_write_count(&pit, 2, 1, 0) == PIT_TIMER_KEEP &&
		  pit_write_control(&pit, 0x00, 0) == PIT_TIMER_KEEP &&
		  pit_write_control(&pit, 0xff, 0) == PIT_TIMER_KEEP;
	ktap_result(passed, "timer_changes");
}

/* Whatever state and bytes come: no division by zero, no index out of bounds. */
static void test_hostile(void)
{
	struct kvm_pit_state2 state;
	u32 byte, fill, port, seed = 1;
	bool passed = true;

	for (fill = 0; fill < 256; fill += 0x55) {
		memset(&state, fill, sizeof(state));
		pit_load_state(&pit, &state, at(5));
		for (byte = 0; byte < 20000; byte++) {
			seed = seed * 1664525 + 1013904223;
			port = seed >> 30;
			if (port == 3)
				pit_write_control(&pit, seed >> 16, at(byte));
			else if (seed & 0x100)
				pit_write_count(&pit, port, seed >> 16, at(byte));
			else
				pit_read_count(&pit, port, at(byte));
			for (port = 0; port < 3; port++)
				passed &= pit.channels[port].count >= 1 &&
					  pit.channels[port].count <= 0x10000;
		}
	}
	/* A time before the load, as after a restore on another host. */
	program(0, 2, 100, false);
	passed &= pit_output(&pit, 0, 0) && (s64)at(0) == 0;
	pit.channels[0].count_load_time = at(1000);
	passed &= latched(0, 0) == 100;
	ktap_result(passed, "hostile");
}

int main(void)
{
	ktap_begin();
	test_counts();
	test_access();
	test_read_back();
	test_gate();
	test_periods();
	test_timer_changes();
	test_hostile();
	return ktap_end();
}
