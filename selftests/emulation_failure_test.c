// SPDX-License-Identifier: GPL-2.0
/*
 * An instruction that would have to be emulated and cannot be: a defined
 * KVM_EXIT_INTERNAL_ERROR with the bytes in it, never a hang.
 */
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "vcpu.h"

/*
 * x87 environment and state of 94 bytes to MMIO: no emulator of this family
 * carries out FNSAVE, and no register operand is involved.
 */
extern char guest_unknown[], guest_unknown_end[];
asm(".pushsection .text\n"
	"guest_unknown:\n"
	"fnsave (%rax)\n"
	"guest_unknown_end:\n"
	"hlt\n"
	".popsection\n");

static struct vcpu *create_at_unknown(struct vm *vm)
{
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_unknown);
	struct kvm_regs regs = vcpu_regs(vcpu);

	regs.rax = GPA_MMIO;
	vcpu_set_regs(vcpu, &regs);
	return vcpu;
}

static void internal_error(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = create_at_unknown(vm);

	vcpu_run_to(vcpu, KVM_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(vcpu->run->internal.suberror, (uint32_t)KVM_INTERNAL_ERROR_EMULATION);
	ASSERT_LE(vcpu->run->internal.ndata, 16u);
	/* RIP stays, so that user space may look and mend. */
	ASSERT_EQ(vcpu_regs(vcpu).rip, (uintptr_t)guest_unknown);
	vm_destroy(vm);
}

static void instruction_bytes(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = create_at_unknown(vm);
	typeof(vcpu->run->emulation_failure) *failure = &vcpu->run->emulation_failure;

	vcpu_run_to(vcpu, KVM_EXIT_INTERNAL_ERROR);
	if (!(failure->flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		test_skip("no instruction bytes in the exit");
	ASSERT_GE(failure->ndata, 3u);
	ASSERT_LE(failure->insn_size, 15);
	ASSERT_GE(failure->insn_size, guest_unknown_end - guest_unknown);
	ASSERT_EQ(memcmp(failure->insn_bytes, guest_unknown, guest_unknown_end - guest_unknown),
		  0);
	vm_destroy(vm);
}

/* User space may step over it: the guest goes on. */
static void skipped_by_user_space(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = create_at_unknown(vm);
	struct kvm_regs regs;

	vcpu_run_to(vcpu, KVM_EXIT_INTERNAL_ERROR);
	regs = vcpu_regs(vcpu);
	regs.rip = (uintptr_t)guest_unknown_end;
	vcpu_set_regs(vcpu, &regs);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

/* The same from user code, which only gets #UD by default. */
static void guest_user_unknown(void)
{
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "r"((uint64_t)SEL_USER_DATA), "r"(GPA_TEST + 0x800),
		       "r"((uint64_t)SEL_USER_CODE64), "r"(GPA_TEST), "a"(GPA_MMIO)
		     : "memory");
}

static void guest_ud_of_user(struct guest_regs *regs)
{
	GUEST_SYNC_ARGS(1, regs->cs, regs->rip, 0);
}

static void exit_on_any_failure(void)
{
	unsigned int is_wanted;

	REQUIRE_CAP(KVM_CAP_EXIT_ON_EMULATION_FAILURE);
	for (is_wanted = 0; is_wanted < 2; is_wanted++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_user_unknown);
		uint64_t *pdpt = vm_hva(vm, GPA_PDPT, 4096);
		uint64_t *pd = vm_hva(vm, GPA_PD, 4 * 4096);
		uint64_t stack = vm_alloc_pages(vm, 1) + 4096;

		*(uint64_t *)vm_hva(vm, GPA_PML4, 8) |= PTE_USER;
		pdpt[0] |= PTE_USER;
		pdpt[GPA_MMIO >> 30] |= PTE_USER;
		pd[GPA_TEST / LARGE_PAGE_BYTES] |= PTE_USER;
		pd[GPA_MMIO / LARGE_PAGE_BYTES] |= PTE_USER;
		/* RSP0 of the TSS. */
		vm_copy_in(vm, GPA_TSS + 4, &stack, sizeof(stack));
		vm_copy_snippet(vm, GPA_TEST, guest_unknown, guest_unknown_end);
		GUEST(vm, guest_handlers[UD_VECTOR]) = guest_ud_of_user;
		ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, is_wanted), 0);
		if (is_wanted) {
			vcpu_run_to(vcpu, KVM_EXIT_INTERNAL_ERROR);
			ASSERT_EQ(vcpu->run->internal.suberror,
				  (uint32_t)KVM_INTERNAL_ERROR_EMULATION);
			ASSERT_EQ(vcpu_regs(vcpu).rip, GPA_TEST);
		} else {
			struct ucall ucall = vcpu_run_sync(vcpu, 1);

			ASSERT_EQ(ucall.args[1], (uint64_t)SEL_USER_CODE64);
			ASSERT_EQ(ucall.args[2], GPA_TEST);
		}
		ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 2), EINVAL);
		vm_destroy(vm);
	}
}

/* Code that lies in MMIO itself cannot be fetched. */
static void guest_jump_to_mmio(void)
{
	((void (*)(void))GPA_MMIO)();
}

static void code_without_memory(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_jump_to_mmio);

	vcpu_run_to(vcpu, KVM_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(vcpu->run->internal.suberror, (uint32_t)KVM_INTERNAL_ERROR_EMULATION);
	ASSERT_EQ(vcpu_regs(vcpu).rip, GPA_MMIO);
	vm_destroy(vm);
}

static void on_alarm(int number)
{
}

/* Page tables of the guest in a hole: its own accesses cannot be walked. */
static void guest_wild_cr3(void)
{
	write_cr3(GPA_MMIO);
}

static void page_tables_without_memory(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wild_cr3);
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value.tv_usec = 200000 };
	unsigned int i;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	/* What it becomes is not defined (error, MMIO, faults for ever); a signal ends it. */
	for (i = 0; i < 20; i++) {
		int ret = __vcpu_run(vcpu);

		if (ret < 0 || vcpu->run->exit_reason != KVM_EXIT_MMIO)
			break;
	}
	vm_destroy(vm);
	vm_run_guest(guest_return);
}

static const struct test_case cases[] = {
	{ "internal_error", internal_error },
	{ "instruction_bytes", instruction_bytes },
	{ "skipped_by_user_space", skipped_by_user_space },
	{ "exit_on_any_failure", exit_on_any_failure },
	{ "code_without_memory", code_without_memory },
	{ "page_tables_without_memory", page_tables_without_memory },
};

TEST_MAIN(cases)
