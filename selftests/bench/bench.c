// SPDX-License-Identifier: GPL-2.0
/*
 * Rounds, the loop around a guest's loop, and the program itself.  What is
 * measured is in the files beside this one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apic.h"
#include "bench.h"

#define ROUNDS 7
#define GUEST_OPERATIONS 100
#define FIGURES_MAX 128

/* What the host answers a read with, and the guest asserts. */
#define ANSWER 0x5a5a5a5a

volatile uint64_t bench_count, bench_seen;
volatile bool bench_prepares;

/* All operations between marks, for what the profiler divides by. */
static uint64_t operations;

void bench_x2apic_handler(struct guest_regs *regs)
{
	bench_seen++;
	x2apic_write(APIC_EOI, 0);
}

void bench_xapic_handler(struct guest_regs *regs)
{
	bench_seen++;
	xapic_eoi();
}

/*
 * The least of all rounds is one that no interrupt of the host has hit, if a round is short
 * beside the time between two.
 */
uint64_t bench_measure(bench_sample sample, void *context, uint64_t count)
{
	uint64_t once = UINT64_MAX, twice = UINT64_MAX;
	unsigned int round;

	for (round = 0; round < ROUNDS; round++) {
		uint64_t ticks = sample(context, count);

		if (ticks < once)
			once = ticks;
		ticks = sample(context, 2 * count);
		if (ticks < twice)
			twice = ticks;
		operations += 3 * count;
	}
	return twice < once ? 0 : (twice - once + count / 2) / count;
}

void bench_report(uint64_t value, const char *unit)
{
	printf("# figure %llu %s of %llu operations\n", (unsigned long long)value, unit,
	       (unsigned long long)operations);
}

static void answer(struct kvm_run *run)
{
	static const uint32_t data = ANSWER;

	if (run->exit_reason == KVM_EXIT_MMIO && !run->mmio.is_write)
		memcpy(run->mmio.data, &data, sizeof(data));
	if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN)
		memcpy((uint8_t *)run + run->io.data_offset, &data, sizeof(data));
}

uint64_t bench_sample_guest(void *context, uint64_t count)
{
	struct bench_guest *guest = context;
	struct vcpu *vcpu = guest->vcpu;
	struct kvm_run *run = vcpu->run;
	uint64_t exits = 0;
	struct ucall ucall;

	GUEST(vcpu->vm, bench_count) = count;
	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0))
			TEST_FAIL("KVM_RUN: %s", strerror(errno));
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == UCALL_PORT)
			break;
		if (run->exit_reason != guest->reason)
			ASSERT_EXIT(vcpu, guest->reason);
		answer(run);
		exits++;
	}
	ASSERT_EQ(exits, guest->reason ? count : 0);
	ucall = vcpu_ucall(vcpu);
	TEST_ASSERT(ucall.command == UCALL_SYNC && ucall.args[2] == count, "the guest has ended");
	return ucall.args[1];
}

static void guest_nothing(void)
{
	GUEST_LOOP(, asm volatile(""), true);
}

static uint64_t loop_ticks(void)
{
	struct vm *vm = vm_create();
	struct bench_guest guest = { vcpu_add(vm, 0, guest_nothing), 0 };
	uint64_t ticks = bench_measure(bench_sample_guest, &guest, GUEST_OPERATIONS);

	vm_destroy(vm);
	operations = 0;
	return ticks;
}

void bench_guest(struct vcpu *vcpu, uint32_t reason)
{
	struct bench_guest guest = { vcpu, reason };
	uint64_t loop = loop_ticks();
	uint64_t ticks = bench_measure(bench_sample_guest, &guest, GUEST_OPERATIONS);

	bench_report(ticks > loop ? ticks - loop : 0, "ticks");
}

void bench_guest_code(void (*code)(void), uint32_t reason)
{
	struct vm *vm = vm_create();

	bench_guest(vcpu_add(vm, 0, code), reason);
	vm_destroy(vm);
}

void bench_guest_code_with_irqchip(void (*code)(void))
{
	struct vm *vm = vm_create_with_irqchip();

	bench_guest(vcpu_add(vm, 0, code), 0);
	vm_destroy(vm);
}

int main(int argc, char **argv)
{
	static const struct figures * const groups[] = {
		&exit_figures, &device_figures, &round_trip_figures, &memory_figures, &life_figures,
	};
	static struct test_case all[FIGURES_MAX];
	size_t count = 0, i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		TEST_ASSERT(count + groups[i]->count <= FIGURES_MAX, "more figures than places");
		memcpy(all + count, groups[i]->cases, groups[i]->count * sizeof(*all));
		count += groups[i]->count;
	}
	return test_main(all, count, argc, argv);
}
