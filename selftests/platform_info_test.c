// SPDX-License-Identifier: GPL-2.0
/*
 * MSR_PLATFORM_INFO, which user space may keep from guests (KVM_CAP_MSR_PLATFORM_INFO), and
 * what it promises: CPUID that faults in user code.
 */
#include "vcpu.h"

#define MSR_PLATFORM_INFO 0xce
#define MSR_MISC_FEATURES_ENABLES 0x140
#define CPUID_FAULT_OFFERED BIT(31)
#define CPUID_FAULT_ENABLED BIT(0)

static void guest_read(uint64_t vector, uint64_t expected)
{
	uint64_t value;

	GUEST_ASSERT_EQ(guest_rdmsr_try(MSR_PLATFORM_INFO, &value), vector);
	if (vector == GUEST_NO_TRAP)
		GUEST_ASSERT_EQ(value, expected);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_PLATFORM_INFO, 0), GP_VECTOR);
}

static void shown_or_not(void)
{
	unsigned int is_hidden;

	ASSERT_EQ(node_check(KVM_CAP_MSR_PLATFORM_INFO), 1);
	for (is_hidden = 0; is_hidden < 2; is_hidden++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_read);

		ASSERT_EQ(vcpu_get_msr(vcpu, MSR_PLATFORM_INFO), CPUID_FAULT_OFFERED);
		vcpu_set_msr(vcpu, MSR_PLATFORM_INFO, 0x123400);
		if (is_hidden)
			ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_MSR_PLATFORM_INFO, 0), 0);
		vcpu_set_arg(vcpu, 0, is_hidden ? GP_VECTOR : GUEST_NO_TRAP);
		vcpu_set_arg(vcpu, 1, 0x123400);
		vcpu_run_done(vcpu);
		ASSERT_EQ(vcpu_get_msr(vcpu, MSR_PLATFORM_INFO), 0x123400u);
		vm_destroy(vm);
	}
}

extern char user_cpuid[], user_cpuid_end[];
asm(".pushsection .text\n"
	"user_cpuid:\n"
	"xor %eax, %eax\n"
	"xor %ecx, %ecx\n"
	"cpuid\n"
	"ud2\n"
	"user_cpuid_end:\n"
	".popsection\n");

static void guest_back(struct guest_regs *regs)
{
	GUEST_ASSERT_EQ(regs->cs, SEL_USER_CODE64);
	GUEST_SYNC_ARGS(1, regs->vector, regs->error, 0);
	GUEST_DONE();
}

static void guest_cpuid(uint64_t features)
{
	uint32_t regs[4];

	wrmsr(MSR_MISC_FEATURES_ENABLES, features);
	GUEST_ASSERT_EQ(rdmsr(MSR_MISC_FEATURES_ENABLES), features);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_MISC_FEATURES_ENABLES, 2), GP_VECTOR);
	/* The kernel is never refused. */
	cpuid(0, 0, regs);
	guest_handlers[GP_VECTOR] = guest_back;
	guest_handlers[UD_VECTOR] = guest_back;
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "r"((uint64_t)SEL_USER_DATA), "r"(GPA_TEST + 0x800),
		       "r"((uint64_t)SEL_USER_CODE64), "r"(GPA_TEST)
		     : "memory");
}

static void cpuid_faulting(void)
{
	uint64_t features;

	for (features = 0; features < 2; features++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_cpuid);
		uint64_t *pml4 = vm_hva(vm, GPA_PML4, 4096);
		uint64_t *pdpt = vm_hva(vm, GPA_PDPT, 4096);
		uint64_t *pd = vm_hva(vm, GPA_PD, 4096);
		uint64_t stack = vm_alloc_pages(vm, 1) + 4096;

		pml4[0] |= PTE_USER;
		pdpt[0] |= PTE_USER;
		pd[GPA_TEST / LARGE_PAGE_BYTES] |= PTE_USER;
		/* RSP0 of the TSS. */
		vm_copy_in(vm, GPA_TSS + 4, &stack, sizeof(stack));
		vm_copy_snippet(vm, GPA_TEST, user_cpuid, user_cpuid_end);
		vcpu_set_arg(vcpu, 0, features);
		ASSERT_EQ(vcpu_run_sync(vcpu, 1).args[1],
			  (uint64_t)(features ? GP_VECTOR : UD_VECTOR));
		vcpu_run_done(vcpu);
		vm_destroy(vm);
	}
}

/* What is not offered cannot be enabled, and the offer stands while it is used. */
static void offer_and_use(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);

	ASSERT_EQ(__vcpu_set_msr(vcpu, MSR_PLATFORM_INFO, 0), 0);
	ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_MISC_FEATURES_ENABLES, CPUID_FAULT_ENABLED), ENOENT);
	ASSERT_EQ(__vcpu_set_msr(vcpu, MSR_PLATFORM_INFO, CPUID_FAULT_OFFERED), 0);
	ASSERT_EQ(__vcpu_set_msr(vcpu, MSR_MISC_FEATURES_ENABLES, CPUID_FAULT_ENABLED), 0);
	ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_PLATFORM_INFO, 0), ENOENT);
	ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_MISC_FEATURES_ENABLES, 2), ENOENT);
	ASSERT_EQ(__vcpu_set_msr(vcpu, MSR_MISC_FEATURES_ENABLES, 0), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "shown_or_not", shown_or_not },
	{ "cpuid_faulting", cpuid_faulting },
	{ "offer_and_use", offer_and_use },
};

TEST_MAIN(cases)
