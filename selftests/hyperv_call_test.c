// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's hypercalls: interrupts and TLB flushes for sets of vCPUs, in each form of input,
 * events and messages that go to user space or to an eventfd, and input that must be refused.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "apic.h"
#include "hyperv.h"

#define NR_VCPUS 3
#define VECTOR 0x61

static uint64_t guest_input[128] __attribute__((aligned(4096)));
static volatile uint64_t guest_counts[NR_VCPUS], guest_ready[NR_VCPUS], guest_stop;

static void guest_on_interrupt(struct guest_regs *regs)
{
	guest_counts[rdmsr(HV_VP_INDEX) % NR_VCPUS]++;
	xapic_eoi();
}

static void guest_wait(uint64_t id)
{
	guest_handlers[VECTOR] = guest_on_interrupt;
	xapic_enable(0xff);
	guest_ready[id] = 1;
	sti();
	while (!guest_stop)
		cpu_relax();
}

static void guest_expect(uint64_t count0, uint64_t count1, uint64_t count2)
{
	while (guest_counts[0] != count0 || guest_counts[1] != count1 || guest_counts[2] != count2)
		cpu_relax();
}

/* A fast call with further input in XMM registers 0 to 2. */
static uint64_t guest_call_xmm(uint64_t input, uint64_t in, uint64_t out, const uint64_t *more)
{
	asm volatile("movdqu (%0), %%xmm0\n\t"
		     "movdqu 16(%0), %%xmm1\n\t"
		     "movdqu 32(%0), %%xmm2" : : "r"(more) : "memory");
	return guest_hypercall(input | HV_CALL_FAST, in, out);
}

static uint64_t guest_call(uint64_t input)
{
	return guest_hypercall(input, (uintptr_t)guest_input, 0);
}

static void guest_send(void)
{
	uint64_t more[6] = {};

	guest_handlers[VECTOR] = guest_on_interrupt;
	xapic_enable(0xff);
	sti();
	guest_hyperv_begin();
	while (!guest_ready[1] || !guest_ready[2])
		cpu_relax();

	/* A mask, in memory and in registers. */
	guest_input[0] = VECTOR;
	guest_input[1] = 6;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI), HV_SUCCESS);
	guest_expect(0, 1, 1);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_IPI | HV_CALL_FAST, VECTOR, 5), HV_SUCCESS);
	guest_expect(1, 1, 2);

	/* All; and bank 0 of a sparse set, in memory and in registers. */
	guest_input[1] = HV_SET_ALL;
	guest_input[2] = 0;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI_EX), HV_SUCCESS);
	guest_expect(2, 2, 3);
	guest_input[1] = HV_SET_SPARSE;
	guest_input[2] = 1;
	guest_input[3] = 2;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI_EX | HV_CALL_VAR(1)), HV_SUCCESS);
	guest_expect(2, 3, 3);
	more[0] = 1;
	more[1] = 4;
	GUEST_ASSERT_EQ(guest_call_xmm(HV_CALL_IPI_EX | HV_CALL_VAR(1), VECTOR, HV_SET_SPARSE,
				       more), HV_SUCCESS);
	guest_expect(2, 3, 4);
	/* Banks without vCPUs, and all that there may be. */
	guest_input[2] = BIT(63) | BIT(3);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI_EX | HV_CALL_VAR(2)), HV_SUCCESS);
	guest_input[2] = ~0ull;
	guest_input[3] = 1;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI_EX | HV_CALL_VAR(64)), HV_SUCCESS);
	guest_expect(3, 3, 4);
	guest_stop = 1;
}

static void interrupts(void)
{
	struct vm *vm;
	struct vcpu *vcpus[NR_VCPUS];
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_HYPERV_SEND_IPI);
	vm = vm_create_with_irqchip();
	for (i = 0; i < NR_VCPUS; i++) {
		vcpus[i] = vcpu_add_hyperv(vm, i, i ? (void (*)(void))guest_wait : guest_send);
		vcpu_set_arg(vcpus[i], 0, i);
	}
	/* VP indices need not be in the order of creation. */
	vcpu_set_msr(vcpus[1], HV_VP_INDEX, 2);
	vcpu_set_msr(vcpus[2], HV_VP_INDEX, 1);
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_thread_start(vcpus[i]);
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_thread_join(vcpus[i]);
	vm_destroy(vm);
}

static void guest_send_bad(void)
{
	uint64_t more[6] = {};

	guest_hyperv_begin();
	/* Vectors of exceptions; bits that are reserved. */
	guest_input[0] = 15;
	guest_input[1] = 1;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI), HV_INVALID_INPUT);
	guest_input[0] = 256;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI), HV_INVALID_INPUT);
	guest_input[0] = VECTOR;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI | HV_CALL_VAR(1)), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI | HV_CALL_REPS(1)), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI | HV_CALL_REP_START(1)), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI | BIT(27)), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI | BIT(44)), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI | BIT(63)), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_IPI | HV_CALL_FAST, BIT(32) | VECTOR, 1),
			HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_IPI, GPA_MMIO, 0), HV_INVALID_INPUT);
	/* A mask of banks that does not fit the number of words. */
	guest_input[1] = HV_SET_SPARSE;
	guest_input[2] = 3;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_IPI_EX | HV_CALL_VAR(1)), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_SPACE_EX | HV_CALL_VAR(1)), HV_INVALID_INPUT);
	/* More words than there are registers. */
	more[0] = 0xfff;
	GUEST_ASSERT_EQ(guest_call_xmm(HV_CALL_IPI_EX | HV_CALL_VAR(12), VECTOR, HV_SET_SPARSE,
				       more), HV_INVALID_INPUT);

	/* A list is one, from its beginning; other calls are none. */
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_LIST), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_LIST | HV_CALL_REPS(2) | HV_CALL_REP_START(1)),
			HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_SPACE | HV_CALL_REPS(1)), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_FLUSH_SPACE, GPA_MMIO, 0), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_SPIN | HV_CALL_VAR(1)), HV_INVALID_INPUT);
	/* Without a SynIC there are no messages. */
	GUEST_ASSERT_EQ(guest_call(HV_CALL_POST_MESSAGE), HV_INVALID_INPUT);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, 5, 0),
			HV_INVALID_INPUT);
}

static void bad_input(void)
{
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_HYPERV);
	vm = vm_create_with_irqchip();
	vcpu_run_done(vcpu_add_hyperv(vm, 0, guest_send_bad));
	vm_destroy(vm);
}

/* One page of the guest's that two entries lead to in turn, and what the other vCPU saw. */
static uint64_t guest_pages[2][512] __attribute__((aligned(4096)));
static uint64_t *guest_entry;
static volatile uint64_t *guest_window;
static volatile uint64_t guest_round, guest_seen;

static void guest_look(void)
{
	uint64_t round = 0;

	while (!guest_stop) {
		if (guest_round == round)
			continue;
		round = guest_round;
		guest_seen = *guest_window << 32 | round;
	}
}

static uint64_t guest_look_elsewhere(uint64_t page)
{
	*(volatile uint64_t *)guest_entry =
		(uintptr_t)guest_pages[page] | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY;
	return (uintptr_t)guest_window;
}

static uint64_t guest_seen_now(void)
{
	guest_round++;
	while ((uint32_t)guest_seen != guest_round)
		cpu_relax();
	return guest_seen >> 32;
}

static void guest_flush(void)
{
	uint64_t more[6] = {};

	guest_hyperv_begin();
	guest_pages[0][0] = 10;
	guest_pages[1][0] = 11;
	guest_look_elsewhere(0);
	GUEST_ASSERT_EQ(guest_seen_now(), 10);

	/* By a mask, by none (which means all), by the flag. */
	guest_input[2] = 2;
	guest_look_elsewhere(1);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_SPACE), HV_SUCCESS);
	GUEST_ASSERT_EQ(guest_seen_now(), 11);
	guest_input[2] = 0;
	guest_look_elsewhere(0);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_SPACE), HV_SUCCESS);
	GUEST_ASSERT_EQ(guest_seen_now(), 10);
	more[0] = 1;
	guest_look_elsewhere(1);
	GUEST_ASSERT_EQ(guest_call_xmm(HV_CALL_FLUSH_SPACE, 0, HV_FLUSH_ALL_PROCESSORS, more),
			HV_SUCCESS);
	GUEST_ASSERT_EQ(guest_seen_now(), 11);

	/* A list: all of it is reported done. */
	guest_input[2] = 2;
	guest_input[3] = guest_look_elsewhere(0);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_LIST | HV_CALL_REPS(1)), HV_CALL_REPS(1));
	GUEST_ASSERT_EQ(guest_seen_now(), 10);

	/* Sparse sets: format and mask of banks, then the banks. */
	guest_input[2] = HV_SET_SPARSE;
	guest_input[3] = 1;
	guest_input[4] = 2;
	guest_look_elsewhere(1);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_SPACE_EX | HV_CALL_VAR(1)), HV_SUCCESS);
	GUEST_ASSERT_EQ(guest_seen_now(), 11);
	guest_input[5] = guest_look_elsewhere(0);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_FLUSH_LIST_EX | HV_CALL_VAR(1) | HV_CALL_REPS(1)),
			HV_CALL_REPS(1));
	GUEST_ASSERT_EQ(guest_seen_now(), 10);
	more[0] = HV_SET_SPARSE;
	more[1] = 1;
	more[2] = 2;
	guest_look_elsewhere(1);
	GUEST_ASSERT_EQ(guest_call_xmm(HV_CALL_FLUSH_SPACE_EX | HV_CALL_VAR(1), 0, 0, more),
			HV_SUCCESS);
	GUEST_ASSERT_EQ(guest_seen_now(), 11);
	guest_stop = 1;
}

static void flushes(void)
{
	struct vcpu *vcpus[2];
	uint64_t *table;
	struct vm *vm;
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_HYPERV_TLBFLUSH);
	vm = vm_create_with_irqchip();
	table = vm_split_large_page(vm, GPA_TEST);
	GUEST(vm, guest_window) = (void *)GPA_TEST;
	/* Memory is mapped one to one. */
	GUEST(vm, guest_entry) =
		(uint64_t *)((uint8_t *)&table[GPA_TEST / PAGE_BYTES % 512] - vm->ram);
	vcpus[0] = vcpu_add_hyperv(vm, 0, guest_flush);
	vcpus[1] = vcpu_add_hyperv(vm, 1, guest_look);
	for (i = 0; i < 2; i++)
		vcpu_thread_start(vcpus[i]);
	for (i = 0; i < 2; i++)
		vcpu_thread_join(vcpus[i]);
	vm_destroy(vm);
}

static int __set_eventfd(struct vm *vm, uint32_t connection, int fd, uint32_t flags)
{
	struct kvm_hyperv_eventfd request = { .conn_id = connection, .fd = fd, .flags = flags };

	return __vm_ioctl(vm, KVM_HYPERV_EVENTFD, &request);
}

static void guest_signal(void)
{
	guest_hyperv_begin();
	/* In registers and in memory. */
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, 5, 0), HV_SUCCESS);
	guest_input[0] = 5;
	GUEST_ASSERT_EQ(guest_call(HV_CALL_SIGNAL_EVENT), HV_SUCCESS);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_SIGNAL_EVENT, (uintptr_t)guest_input + 4, 0),
			HV_INVALID_ALIGNMENT);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, BIT(24) | 5, 0),
			HV_INVALID_INPUT);
	GUEST_SYNC(1);
	/* Nobody's: user space is asked, which knows neither. */
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, 6, 0), 0x1234);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, BIT(32) | 5, 0),
			0x1234);
	GUEST_ASSERT_EQ(guest_call(HV_CALL_POST_MESSAGE), HV_INVALID_PORT);
	/* What was connected is so no more. */
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, 5, 0), 0x1234);
}

static void answer_call(struct vcpu *vcpu, uint64_t input, uint64_t param, uint64_t result)
{
	vcpu_run_to(vcpu, KVM_EXIT_HYPERV);
	ASSERT_EQ(vcpu->run->hyperv.type, (uint32_t)KVM_EXIT_HYPERV_HCALL);
	ASSERT_EQ(vcpu->run->hyperv.u.hcall.input, input);
	ASSERT_EQ(vcpu->run->hyperv.u.hcall.params[0], param);
	vcpu->run->hyperv.u.hcall.result = result;
}

static void events(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vcpu *vcpu;
	struct vm *vm;
	uint64_t count;

	REQUIRE_CAP(KVM_CAP_HYPERV_EVENTFD);
	vm = vm_create_with_irqchip();
	ASSERT_ERRNO(__set_eventfd(vm, 1 << 24, fd, 0), EINVAL);
	ASSERT_ERRNO(__set_eventfd(vm, 5, fd, 2), EINVAL);
	ASSERT_ERRNO(__set_eventfd(vm, 5, -1, 0), EBADF);
	ASSERT_ERRNO(__set_eventfd(vm, 5, STDOUT_FILENO, 0), EINVAL);
	ASSERT_ERRNO(__set_eventfd(vm, 5, fd, KVM_HYPERV_EVENTFD_DEASSIGN), ENOENT);
	ASSERT_EQ(__set_eventfd(vm, 5, fd, 0), 0);
	ASSERT_ERRNO(__set_eventfd(vm, 5, fd, 0), EEXIST);
	ASSERT_EQ(__set_eventfd(vm, 0xffffff, fd, 0), 0);

	vcpu = vcpu_add_hyperv(vm, 0, guest_signal);
	ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0), 0);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(read(fd, &count, 8), 8);
	ASSERT_EQ(count, 2u);
	answer_call(vcpu, HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, 6, 0x1234);
	answer_call(vcpu, HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, BIT(32) | 5, 0x1234);
	answer_call(vcpu, HV_CALL_POST_MESSAGE, (uintptr_t)guest_input, HV_INVALID_PORT);
	ASSERT_EQ(__set_eventfd(vm, 5, -1, KVM_HYPERV_EVENTFD_DEASSIGN), 0);
	answer_call(vcpu, HV_CALL_SIGNAL_EVENT | HV_CALL_FAST, 5, 0x1234);
	vcpu_run_done(vcpu);
	/* One is still connected. */
	vm_destroy(vm);
	close(fd);
}

static const struct test_case cases[] = {
	{ "interrupts", interrupts },
	{ "bad_input", bad_input },
	{ "flushes", flushes },
	{ "events", events },
};

TEST_MAIN(cases)
