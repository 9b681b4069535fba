// SPDX-License-Identifier: GPL-2.0
/*
 * Helper of module_test.sh: holds a VM with busy vCPUs for a while and says
 * whether they got on.  No test itself.
 *
 * vm_holder SECONDS [VCPUS [CPU]]: prints "ready" once every vCPU runs, on CPU
 * only if one is given; ends after SECONDS or with SIGTERM.  Status 0 if each
 * vCPU made progress in its last half second.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vcpu.h"

static volatile uint64_t guest_rounds[VM_MAX_VCPUS];

static void guest_count(uint64_t id)
{
	for (;;) {
		guest_rounds[id]++;
		/* An exit now and then, to come through every part of the host. */
		if (!(guest_rounds[id] & 0xffff))
			outb(0x510, 1);
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

		TEST_ASSERT(!ret || ret == -EINTR, "KVM_RUN returned %d", ret);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 1;
	unsigned int vcpus = argc > 2 ? atoi(argv[2]) : 1;
	uint64_t end = test_now_ns() + seconds * 1000000000ull;
	uint64_t before[VM_MAX_VCPUS];
	struct vm *vm;
	unsigned int i;
	cpu_set_t set;

	TEST_ASSERT(vcpus >= 1 && vcpus <= VM_MAX_VCPUS, "%u vCPUs", vcpus);
	if (argc > 3) {
		CPU_ZERO(&set);
		CPU_SET(atoi(argv[3]), &set);
		TEST_ASSERT(!sched_setaffinity(0, sizeof(set), &set), "CPU %s", argv[3]);
	}
	signal(SIGTERM, on_terminate);
	vm = vm_create();
	for (i = 0; i < vcpus; i++) {
		struct vcpu *vcpu = vcpu_add(vm, i, (void (*)(void))guest_count);

		vcpu_set_arg(vcpu, 0, i);
		TEST_ASSERT(!pthread_create(&vcpu->thread, NULL, run_forever, vcpu), "thread");
	}
	for (i = 0; i < vcpus; i++)
		while (!GUEST(vm, guest_rounds[i]))
			test_sleep_ms(1);
	printf("ready\n");
	fflush(stdout);
	while (!is_terminated && test_now_ns() < end)
		test_sleep_ms(20);

	for (i = 0; i < vcpus; i++)
		before[i] = GUEST(vm, guest_rounds[i]);
	test_sleep_ms(500);
	for (i = 0; i < vcpus; i++)
		TEST_ASSERT(GUEST(vm, guest_rounds[i]) != before[i], "vCPU %u stands still", i);
	/* The threads are still running: exit closes everything under them. */
	_exit(0);
}
