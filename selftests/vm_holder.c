// SPDX-License-Identifier: GPL-2.0
/*
 * Helper of the tests of the module: holds a VM with busy vCPUs for a while and says
 * whether they get on as they should.  No test itself.
 *
 * vm_holder SECONDS [VCPUS [CPU]]: prints "ready" once every vCPU runs, on CPU
 * only if one is given; ends after SECONDS or with SIGTERM.  Each vCPU counts, exits now
 * and then, and takes ticks of its LAPIC's timer.  Status 0 if none ever stood still,
 * counted wrongly, lost its ticks or saw its TSC go back.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "apic.h"
#include "vcpu.h"

#define TIMER_VECTOR	0x61
#define PORT		0x510

/* 10 ms of the LAPIC's 1 GHz. */
#define TICK_COUNT	10000000

/* A vCPU without a CPU, or a host that sleeps, is no fault. */
#define PATIENCE_NS	30000000000ull

/* Of one vCPU; all go up. */
struct progress {
	uint64_t rounds;
	uint64_t ticks;
};

static volatile struct progress guest_progress[VM_MAX_VCPUS];

static void guest_on_tick(struct guest_regs *regs)
{
	guest_progress[xapic_read(APIC_ID) >> 24].ticks++;
	xapic_eoi();
}

static void guest_count(uint64_t id)
{
	uint64_t rounds = 0, sum = 0, tsc = rdtsc();

	xapic_enable(0xff);
	xapic_write(APIC_TDCR, 0xb);
	xapic_write(APIC_LVTT, TIMER_VECTOR | APIC_LVTT_PERIODIC);
	xapic_write(APIC_TMICT, TICK_COUNT);
	sti();
	for (;;) {
		uint64_t now = rdtsc();

		/* Both figures are told then. */
		if (now < tsc)
			GUEST_ASSERT_EQ(now, tsc);
		tsc = now;
		/* Counted three times: in two registers and in memory. */
		rounds++;
		sum += rounds;
		guest_progress[id].rounds++;
		GUEST_ASSERT_EQ(guest_progress[id].rounds, rounds);
		GUEST_ASSERT_EQ(sum * 2, rounds * (rounds + 1));
		if (!(rounds & 0x3fff))
			outb(PORT, 1);
	}
}

static volatile sig_atomic_t is_terminated;

static void on_terminate(int number)
{
	is_terminated = 1;
}

static void *run_forever(void *arg)
{
	struct vcpu *vcpu = arg;

	for (;;) {
		int ret = __vcpu_run(vcpu);

		if (ret == -EINTR)
			continue;
		TEST_ASSERT(!ret, "KVM_RUN returned %d", ret);
		ASSERT_EXIT(vcpu, KVM_EXIT_IO);
		/* Any other port is a report, which is a complaint. */
		if (vcpu->run->io.port != PORT)
			vcpu_ucall(vcpu);
	}
	return NULL;
}

static void pin(const char *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(set), &set), "CPU %s", cpu);
}

static struct vm *start(unsigned int vcpus)
{
	struct vm *vm = vm_create_with_irqchip();
	unsigned int i;

	GUEST(vm, guest_handlers[TIMER_VECTOR]) = guest_on_tick;
	for (i = 0; i < vcpus; i++) {
		struct vcpu *vcpu = vcpu_add(vm, i, (void (*)(void))guest_count);

		vcpu_set_arg(vcpu, 0, i);
		TEST_ASSERT(!pthread_create(&vcpu->thread, NULL, run_forever, vcpu), "thread");
	}
	return vm;
}

/* Wait until every vCPU has counted and ticked again. */
static void wait_for_progress(struct vm *vm, unsigned int vcpus)
{
	struct progress before[VM_MAX_VCPUS];
	uint64_t begin = test_now_ns();
	unsigned int i;

	for (i = 0; i < vcpus; i++)
		before[i] = GUEST(vm, guest_progress[i]);
	for (i = 0; i < vcpus; i++) {
		for (;;) {
			struct progress now = GUEST(vm, guest_progress[i]);

			if (now.rounds > before[i].rounds && now.ticks > before[i].ticks)
				break;
			TEST_ASSERT(test_now_ns() - begin < PATIENCE_NS,
				    "vCPU %u stands still: %lu rounds, then %lu; %lu ticks, then %lu",
				    i, before[i].rounds, now.rounds, before[i].ticks, now.ticks);
			test_sleep_ms(5);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 1;
	unsigned int vcpus = argc > 2 ? atoi(argv[2]) : 1;
	uint64_t end = test_now_ns() + seconds * 1000000000ull;
	struct vm *vm;

	TEST_ASSERT(vcpus >= 1 && vcpus <= VM_MAX_VCPUS, "%u vCPUs", vcpus);
	if (argc > 3)
		pin(argv[3]);
	signal(SIGTERM, on_terminate);
	vm = start(vcpus);
	wait_for_progress(vm, vcpus);
	printf("ready\n");
	fflush(stdout);
	while (!is_terminated && test_now_ns() < end) {
		test_sleep_ms(20);
		wait_for_progress(vm, vcpus);
	}
	wait_for_progress(vm, vcpus);
	/* The threads are still running: exit closes everything under them. */
	_exit(0);
}
