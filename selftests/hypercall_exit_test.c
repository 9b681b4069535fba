// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_EXIT_HYPERCALL: the call that tells which memory is shared comes to user space, if
 * it has asked for that and the arguments make sense; user space's answer is the result.
 */
#include <linux/kvm_para.h>

#include "vcpu.h"

/* What a call gave; args of the report: result as the guest read it. */
static void guest_call(uint64_t nr, uint64_t gpa, uint64_t nr_pages, uint64_t attributes)
{
	uint64_t result = nr;

	/* Either opcode works on either host. */
	asm volatile(".byte 0x0f, 0x01, 0xc1"
		     : "+a"(result) : "b"(gpa), "c"(nr_pages), "d"(attributes), "S"(0) : "memory");
	GUEST_SYNC_ARGS(1, result, 0, 0);
}

static struct vcpu *add_caller(struct vm *vm, uint64_t gpa, uint64_t nr_pages)
{
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_call);

	vcpu_set_arg(vcpu, 0, KVM_HC_MAP_GPA_RANGE);
	vcpu_set_arg(vcpu, 1, gpa);
	vcpu_set_arg(vcpu, 2, nr_pages);
	vcpu_set_arg(vcpu, 3, 0xabcd0010);
	return vcpu;
}

static void enable(struct vm *vm)
{
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_EXIT_HYPERCALL, 1 << KVM_HC_MAP_GPA_RANGE), 0);
}

static void goes_to_user_space(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_caller(vm, 0x123000, 5);
	uint64_t rip;

	enable(vm);
	vcpu_run_to(vcpu, KVM_EXIT_HYPERCALL);
	ASSERT_EQ(vcpu->run->hypercall.nr, (uint64_t)KVM_HC_MAP_GPA_RANGE);
	ASSERT_EQ(vcpu->run->hypercall.args[0], 0x123000u);
	ASSERT_EQ(vcpu->run->hypercall.args[1], 5u);
	ASSERT_EQ(vcpu->run->hypercall.args[2], 0xabcd0010u);
	ASSERT_EQ(vcpu->run->hypercall.longmode, 1u);
	rip = vcpu_regs(vcpu).rip;
	vcpu->run->hypercall.ret = 0x1122334455667788;
	vcpu->run->immediate_exit = 1;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	ASSERT_EQ(vcpu_regs(vcpu).rip, rip + 3);
	vcpu->run->immediate_exit = 0;
	ASSERT_EQ(vcpu_run_sync(vcpu, 1).args[1], 0x1122334455667788u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void check_result(uint64_t gpa, uint64_t nr_pages, bool is_enabled, int64_t result)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_caller(vm, gpa, nr_pages);

	if (is_enabled)
		enable(vm);
	ASSERT_EQ((int64_t)vcpu_run_sync(vcpu, 1).args[1], result);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void not_asked_for(void)
{
	check_result(0x123000, 5, false, -KVM_ENOSYS);
}

static void bad_ranges(void)
{
	check_result(0x123001, 5, true, -KVM_EINVAL);
	check_result(0x123000, 0, true, -KVM_EINVAL);
	check_result(0x123000, ~0ull, true, -KVM_EINVAL);
}

/* Other calls stay where they are. */
static void other_calls(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_caller(vm, 0, 1);

	enable(vm);
	vcpu_set_arg(vcpu, 0, KVM_HC_VAPIC_POLL_IRQ);
	ASSERT_EQ(vcpu_run_sync(vcpu, 1).args[1], 0u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* 32-bit code: half a register each way. */
extern char guest_call32[], guest_call32_end[];
asm(".pushsection .text\n"
	".code32\n"
	"guest_call32:\n"
	".byte 0x0f, 0x01, 0xc1\n"
	"hlt\n"
	"guest_call32_end:\n"
	".code64\n"
	".popsection\n");

static void from_32_bit_code(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_regs regs;

	enable(vm);
	vm_copy_snippet(vm, GPA_SNIPPET, guest_call32, guest_call32_end);
	vcpu_set_flat_mode(vcpu, GPA_SNIPPET);
	regs = vcpu_regs(vcpu);
	regs.rax = KVM_HC_MAP_GPA_RANGE;
	regs.rbx = 0x5000;
	regs.rcx = 1;
	regs.rdx = 7;
	vcpu_set_regs(vcpu, &regs);
	vcpu_run_to(vcpu, KVM_EXIT_HYPERCALL);
	ASSERT_EQ(vcpu->run->hypercall.longmode, 0u);
	ASSERT_EQ(vcpu->run->hypercall.args[0], 0x5000u);
	vcpu->run->hypercall.ret = 0x1122334455667788;
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	ASSERT_EQ(vcpu_regs(vcpu).rax, 0x55667788u);
	vm_destroy(vm);
}

static void bad_arguments(void)
{
	struct vm *vm = vm_create();

	ASSERT_EQ(node_check(KVM_CAP_EXIT_HYPERCALL), 1 << KVM_HC_MAP_GPA_RANGE);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_EXIT_HYPERCALL, 1), EINVAL);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_EXIT_HYPERCALL, ~0ull), EINVAL);
	enable(vm);
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_EXIT_HYPERCALL, 0), 0);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "goes_to_user_space", goes_to_user_space },
	{ "not_asked_for", not_asked_for },
	{ "bad_ranges", bad_ranges },
	{ "other_calls", other_calls },
	{ "from_32_bit_code", from_32_bit_code },
	{ "bad_arguments", bad_arguments },
};

TEST_MAIN(cases)
