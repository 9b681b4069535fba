// SPDX-License-Identifier: GPL-2.0
/*
 * Two VMs at once, on one thread in turns and on two threads: each sees its own
 * memory at the same GPA, its own registers and its own MSRs.
 */
#include <string.h>

#include "vcpu.h"

#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES (16 * PAGE_BYTES)

static void guest_own_memory(uint64_t id)
{
	volatile uint64_t *word = (uint64_t *)SLOT_GPA;
	uint64_t round;

	wrmsr(MSR_STAR, id);
	wrmsr(MSR_KERNEL_GS_BASE, id << 12);
	asm volatile("movq %0, %%xmm6" : : "r"(id));
	write_cr2(id << 12);
	for (round = 0; round < 50; round++) {
		uint64_t xmm;

		GUEST_ASSERT_EQ(*word, id + round);
		*word = id + round + 1;
		word[512] = ~id;
		GUEST_ASSERT_EQ(rdmsr(MSR_STAR), id);
		GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), id << 12);
		asm volatile("movq %%xmm6, %0" : "=r"(xmm));
		GUEST_ASSERT_EQ(xmm, id);
		GUEST_ASSERT_EQ(read_cr2(), id << 12);
		GUEST_SYNC(round);
	}
}

static struct vcpu *create(uint64_t id, uint64_t **memory)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_own_memory);

	*memory = host_alloc(SLOT_BYTES);
	(*memory)[0] = id;
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, *memory);
	vcpu_set_arg(vcpu, 0, id);
	return vcpu;
}

static void check_and_destroy(struct vcpu *vcpu, const uint64_t *memory, uint64_t id)
{
	ASSERT_EQ(memory[0], id + 50);
	ASSERT_EQ(memory[512], ~id);
	vm_destroy(vcpu->vm);
}

static void in_turns(void)
{
	struct vcpu *vcpus[2];
	uint64_t *memory[2];
	unsigned int i, round;

	for (i = 0; i < 2; i++)
		vcpus[i] = create(0x1000 * (i + 1), &memory[i]);
	for (round = 0; round < 50; round++)
		for (i = 0; i < 2; i++)
			vcpu_run_sync(vcpus[i], round);
	for (i = 0; i < 2; i++) {
		vcpu_run_done(vcpus[i]);
		check_and_destroy(vcpus[i], memory[i], 0x1000 * (i + 1));
	}
}

static void at_once(void)
{
	struct vcpu *vcpus[4];
	uint64_t *memory[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		vcpus[i] = create(0x1000 * (i + 1), &memory[i]);
	for (i = 0; i < 4; i++)
		vcpu_thread_start(vcpus[i]);
	for (i = 0; i < 4; i++) {
		vcpu_thread_join(vcpus[i]);
		check_and_destroy(vcpus[i], memory[i], 0x1000 * (i + 1));
	}
}

/* The same host memory in two VMs, at different places. */
static void guest_shared(uint64_t gpa, uint64_t is_writer)
{
	volatile uint64_t *word = (uint64_t *)gpa;

	if (is_writer) {
		*word = 0xfeed;
	} else {
		while (*word != 0xfeed)
			cpu_relax();
	}
}

static void shared_memory(void)
{
	struct vm *first = vm_create(), *second = vm_create();
	struct vcpu *reader = vcpu_add(first, 0, (void (*)(void))guest_shared);
	struct vcpu *writer = vcpu_add(second, 0, (void (*)(void))guest_shared);
	void *memory = host_alloc(SLOT_BYTES);

	vm_set_slot(first, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	vm_set_slot(second, 1, 0, 2 * SLOT_GPA, SLOT_BYTES, memory);
	vcpu_set_arg(reader, 0, SLOT_GPA);
	vcpu_set_arg(writer, 0, 2 * SLOT_GPA);
	vcpu_set_arg(writer, 1, true);
	vcpu_thread_start(reader);
	test_sleep_ms(20);
	vcpu_run_done(writer);
	vcpu_thread_join(reader);
	vm_destroy(first);
	vm_destroy(second);
}

/* One VM dies while the other runs. */
static void guest_long(void)
{
	uint64_t round;

	for (round = 0; round < 300; round++)
		GUEST_SYNC(round);
}

static void one_dies(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_long);
	unsigned int i;

	vcpu_thread_start(vcpu);
	for (i = 0; i < 10; i++) {
		struct vm *other = vm_create_with_irqchip();

		vcpu_run_done(vcpu_add(other, 0, guest_return));
		vm_destroy(other);
	}
	vcpu_thread_join(vcpu);
	vm_destroy(vm);
}

/* More vCPUs than CPUs, in several VMs, moved about by the scheduler. */
static void many_vcpus(void)
{
	enum { VMS = 3, VCPUS = 4 };
	struct vm *vms[VMS];
	unsigned int i, j;

	for (i = 0; i < VMS; i++) {
		vms[i] = vm_create();
		for (j = 0; j < VCPUS; j++)
			vcpu_thread_start(vcpu_add(vms[i], j, guest_long));
	}
	for (i = 0; i < VMS; i++) {
		for (j = 0; j < VCPUS; j++)
			vcpu_thread_join(vms[i]->vcpus[j]);
		vm_destroy(vms[i]);
	}
}

static const struct test_case cases[] = {
	{ "in_turns", in_turns },
	{ "at_once", at_once },
	{ "shared_memory", shared_memory },
	{ "one_dies", one_dies },
	{ "many_vcpus", many_vcpus, 40 },
};

TEST_MAIN(cases)
