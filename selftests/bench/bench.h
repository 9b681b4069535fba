/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a figure of the benchmark is taken.  A figure is a test case that ends in
 * bench_report(): what one operation takes, as the difference between two
 * numbers of operations, so that what is not repeated drops out.  The clock is
 * the TSC; where the host counts instructions a tick is one.
 */
#ifndef SELFTESTS_BENCH_H
#define SELFTESTS_BENCH_H

#include "test.h"
#include "ucall.h"
#include "vcpu.h"
#include "x86.h"

/* Of the table of each group; main.c puts them together. */
struct figures {
	const struct test_case *cases;
	size_t count;
};

extern const struct figures exit_figures, device_figures, round_trip_figures, memory_figures,
	life_figures;

/*
 * No-operations that the profiler looks for in the instructions executed: between them is what a
 * figure counts.
 */
#define BENCH_BEGIN ".byte 0x0f, 0x1f, 0x80, 'b', 'e', 'g', 0\n\t"
#define BENCH_END ".byte 0x0f, 0x1f, 0x80, 'e', 'n', 'd', 0\n\t"

static inline uint64_t bench_begin(void)
{
	asm volatile(BENCH_BEGIN : : : "memory");
	return rdtsc();
}

/* Ticks since bench_begin(). */
static inline uint64_t bench_end(uint64_t begin)
{
	uint64_t ticks = rdtsc() - begin;

	asm volatile(BENCH_END : : : "memory");
	return ticks;
}

/* Ticks that @count operations take. */
typedef uint64_t (*bench_sample)(void *context, uint64_t count);

/* Ticks of one operation, of samples of @count and of twice as many. */
uint64_t bench_measure(bench_sample sample, void *context, uint64_t count);

/* The case's figure; @unit "ticks" or "KiB". */
void bench_report(uint64_t value, const char *unit);

/* Guest side: how many operations, and how often a handler was there. */
extern volatile uint64_t bench_count, bench_seen;

/* Guest side: what the guest does is only the preparation of what the host measures. */
extern volatile bool bench_prepares;

/*
 * Body of a guest function: for ever @init, then the number of operations that the host wants,
 * then @check, then a report.
 */
#define GUEST_LOOP(init, operation, check)				\
	for (;;) {							\
		uint64_t count = bench_count, left = count, ticks;	\
									\
		bench_seen = 0;						\
		init;							\
		if (!bench_prepares)					\
			bench_begin();					\
		ticks = rdtsc();					\
		do {							\
			operation;					\
		} while (--left);					\
		ticks = bench_end(ticks);				\
		GUEST_ASSERT(check);					\
		GUEST_SYNC_ARGS(1, ticks, count, 0);			\
	}

/* Counts, and ends the interrupt. */
void bench_x2apic_handler(struct guest_regs *regs);
void bench_xapic_handler(struct guest_regs *regs);

/* Run a guest that loops so; it exits to user space with @reason for each operation, 0 for none. */
struct bench_guest {
	struct vcpu *vcpu;
	uint32_t reason;
};

uint64_t bench_sample_guest(void *guest, uint64_t count);

/* Report what an operation of the guest takes, without the loop around it. */
void bench_guest(struct vcpu *vcpu, uint32_t reason);

/* The same with a VM made for it. */
void bench_guest_code(void (*code)(void), uint32_t reason);
void bench_guest_code_with_irqchip(void (*code)(void));

#endif
