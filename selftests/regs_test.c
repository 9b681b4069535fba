// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_REGS and KVM_SET_REGS: values survive the way through the guest in
 * both directions, and reserved RFLAGS bits do not get in.
 */
#include <string.h>

#include "vcpu.h"

static uint64_t pattern(unsigned int number)
{
	return 0x0123456789abcdefull * (number + 1) ^ (uint64_t)number << 56;
}

static void set_patterns(struct kvm_regs *regs)
{
	regs->rax = pattern(0);
	regs->rbx = pattern(1);
	regs->rcx = pattern(2);
	regs->rdx = pattern(3);
	regs->rsi = pattern(4);
	regs->rdi = pattern(5);
	regs->rbp = pattern(6);
	regs->r8 = pattern(8);
	regs->r9 = pattern(9);
	regs->r10 = pattern(10);
	regs->r11 = pattern(11);
	regs->r12 = pattern(12);
	regs->r13 = pattern(13);
	regs->r14 = pattern(14);
	regs->r15 = pattern(15);
}

/* Turns each register over, then exits; the host compares. */
extern char guest_invert[];
asm(".pushsection .text\n"
	"guest_invert:\n"
	"notq %rax\n notq %rbx\n notq %rcx\n notq %rdx\n notq %rsi\n notq %rdi\n notq %rbp\n"
	"notq %r8\n notq %r9\n notq %r10\n notq %r11\n notq %r12\n notq %r13\n notq %r14\n"
	"notq %r15\n"
	"outb %al, $0x10\n"
	"jmp guest_invert\n"
	".popsection\n");

static void general_registers(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_invert);
	struct kvm_regs before = vcpu_regs(vcpu), after;
	unsigned int i, pass;
	__u64 *word;

	set_patterns(&before);
	vcpu_set_regs(vcpu, &before);
	after = vcpu_regs(vcpu);
	ASSERT_EQ(memcmp(&before, &after, sizeof(before)), 0);

	/* An even number of passes gives the patterns back. */
	for (pass = 1; pass <= 4; pass++) {
		vcpu_run_to(vcpu, KVM_EXIT_IO);
		after = vcpu_regs(vcpu);
		for (i = 0, word = &after.rax; word <= &after.r15; i++, word++) {
			uint64_t expected = (&before.rax)[i];

			if (word == &after.rsp)
				continue;
			TEST_ASSERT(*word == (pass & 1 ? ~expected : expected),
				    "register %u: %#llx", i, (unsigned long long)*word);
		}
		ASSERT_EQ(after.rsp, before.rsp);
	}
	vm_destroy(vm);
}

static void guest_read_registers(uint64_t arg0, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	GUEST_ASSERT_EQ(arg0, 0x1111);
	GUEST_ASSERT_EQ(arg1, 0xffffffff00000000ull);
	GUEST_ASSERT_EQ(arg2, 0x8000000000000000ull);
	GUEST_ASSERT_EQ(arg3, ~0ull);
}

static void arguments(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_read_registers);

	vcpu_set_arg(vcpu, 0, 0x1111);
	vcpu_set_arg(vcpu, 1, 0xffffffff00000000ull);
	vcpu_set_arg(vcpu, 2, 0x8000000000000000ull);
	vcpu_set_arg(vcpu, 3, ~0ull);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

extern char guest_flags[];
asm(".pushsection .text\n"
	"guest_flags:\n"
	"pushfq\n"
	"popq %rax\n"
	"outb %al, $0x10\n"
	".popsection\n");

static void rflags(void)
{
	static const uint64_t values[] = {
		X86_EFLAGS_FIXED,
		X86_EFLAGS_FIXED | X86_EFLAGS_CF | X86_EFLAGS_ZF,
		X86_EFLAGS_FIXED | X86_EFLAGS_DF | BIT(11) | BIT(7) | BIT(4) | BIT(2),
		X86_EFLAGS_FIXED | X86_EFLAGS_AC | BIT(21),
	};
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_flags);
	struct kvm_regs regs = vcpu_regs(vcpu);
	uint64_t start = regs.rip;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		regs.rip = start;
		regs.rflags = values[i];
		vcpu_set_regs(vcpu, &regs);
		vcpu_run_to(vcpu, KVM_EXIT_IO);
		ASSERT_EQ(vcpu_regs(vcpu).rax, values[i]);
		ASSERT_EQ(vcpu_regs(vcpu).rflags, values[i]);
	}
	/* Bit 1 is always one. */
	regs.rip = start;
	regs.rflags = 0;
	vcpu_set_regs(vcpu, &regs);
	ASSERT_EQ(vcpu_regs(vcpu).rflags, X86_EFLAGS_FIXED);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu_regs(vcpu).rax, X86_EFLAGS_FIXED);
	vm_destroy(vm);
}

/* A new vCPU is in the architecture's reset state. */
static void reset_state(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct kvm_regs regs = vcpu_regs(vcpu);

	ASSERT_EQ(regs.rip, 0xfff0u);
	ASSERT_EQ(regs.rflags, X86_EFLAGS_FIXED);
	ASSERT_EQ(regs.rsp, 0u);
	ASSERT_EQ(regs.rax, 0u);
	vm_destroy(vm);
}

/* Nonsense in RIP and RSP is the guest's problem, never the host's. */
static void hostile_values(void)
{
	static const uint64_t values[] = {
		0, ~0ull, 0x8000000000000000ull, 0x0000800000000000ull, 0xdeadbeefdeadbeefull,
	};
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_regs regs = vcpu_regs(vcpu);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		regs.rip = values[i];
		regs.rsp = values[i];
		regs.rflags = ~0ull;
		/* No IF or TF: with neither stack nor code that would be another test. */
		regs.rflags &= ~(X86_EFLAGS_IF | X86_EFLAGS_TF | BIT(17));
		(void)__vcpu_ioctl(vcpu, KVM_SET_REGS, &regs);
		(void)__vcpu_run(vcpu);
	}
	vm_destroy(vm);
	/* The host still works. */
	vm_run_guest(guest_return);
}

static const struct test_case cases[] = {
	{ "general_registers", general_registers },
	{ "arguments", arguments },
	{ "rflags", rflags },
	{ "reset_state", reset_state },
	{ "hostile_values", hostile_values },
};

TEST_MAIN(cases)
