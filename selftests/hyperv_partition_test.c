// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's MSRs but for time and interrupts: who the guest is and its hypercall page, VP index,
 * runtime, assist page, the LAPIC's registers as MSRs, crash and reset, the notes of a
 * migration, the debugger's registers; and that all of it can be saved and restored.
 */
#include <string.h>

#include "apic.h"
#include "hyperv.h"

static uint8_t guest_page[PAGE_BYTES] __attribute__((aligned(4096)));

static void guest_take_page(void)
{
	/* No page for somebody unknown. */
	wrmsr(HV_HYPERCALL, (uintptr_t)guest_hypercall_page | 1);
	GUEST_ASSERT_EQ(rdmsr(HV_HYPERCALL), 0);
	GUEST_ASSERT_EQ(guest_hypercall_page[0], 0);

	guest_hyperv_begin();
	GUEST_ASSERT_EQ(rdmsr(HV_GUEST_OS_ID), HV_OS_ID);
	GUEST_ASSERT_EQ(rdmsr(HV_HYPERCALL), (uintptr_t)guest_hypercall_page | 1);
	/* VMCALL or VMMCALL, then RET. */
	GUEST_ASSERT_EQ(guest_hypercall_page[0], 0x0f);
	GUEST_ASSERT_EQ(guest_hypercall_page[1], 0x01);
	GUEST_ASSERT_EQ(guest_hypercall_page[3], 0xc3);
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_SPIN, 0, 0), HV_SUCCESS);
	GUEST_ASSERT_EQ(guest_hypercall(0x7777, 0, 0), HV_INVALID_CODE);

	/* Where there is no memory there can be no page, and the old one stays. */
	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_HYPERCALL, GPA_MMIO | 1), GP_VECTOR);
	GUEST_ASSERT_EQ(rdmsr(HV_HYPERCALL), (uintptr_t)guest_hypercall_page | 1);

	/* Who is nobody any more has no calls: this is KVM's "no such call". */
	wrmsr(HV_GUEST_OS_ID, 0);
	GUEST_ASSERT_EQ(rdmsr(HV_HYPERCALL), (uintptr_t)guest_hypercall_page);
	GUEST_ASSERT_EQ((int64_t)guest_hypercall(HV_CALL_SPIN, 0, 0), -1000);
}

static void hypercall_page(void)
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add_hyperv(vm, 0, guest_take_page));
	vm_destroy(vm);
}

static void guest_read_vp_index(void)
{
	GUEST_SYNC_ARGS(1, rdmsr(HV_VP_INDEX), 0, 0);
}

static void vp_index(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpus[2];

	vcpus[0] = vcpu_add_hyperv(vm, 0, guest_read_vp_index);
	/* It follows the order of creation, not the APIC id. */
	vcpus[1] = vcpu_add_hyperv(vm, 5, guest_read_vp_index);
	ASSERT_EQ(vcpu_run_sync(vcpus[0], 1).args[1], 0u);
	ASSERT_EQ(vcpu_run_sync(vcpus[1], 1).args[1], 1u);
	/* User space may choose another. */
	vcpu_set_msr(vcpus[1], HV_VP_INDEX, 17);
	ASSERT_EQ(vcpu_get_msr(vcpus[1], HV_VP_INDEX), 17u);
	vcpu_set_entry(vcpus[1], guest_read_vp_index);
	ASSERT_EQ(vcpu_run_sync(vcpus[1], 1).args[1], 17u);
	TEST_ASSERT(__vcpu_set_msr(vcpus[1], HV_VP_INDEX, 1 << 20), "an index that is too large");
	vm_destroy(vm);
}

static void guest_run_a_while(void)
{
	uint64_t before = rdmsr(HV_VP_RUNTIME);

	while (rdmsr(HV_VP_RUNTIME) == before)
		cpu_relax();
	GUEST_ASSERT(rdmsr(HV_VP_RUNTIME) > before);
	GUEST_SYNC_ARGS(1, before, 0, 0);
	GUEST_ASSERT(rdmsr(HV_VP_RUNTIME) >= 1ull << 60);
}

static void runtime(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_run_a_while);

	vcpu_run_sync(vcpu, 1);
	/* It goes on from what is restored. */
	vcpu_set_msr(vcpu, HV_VP_RUNTIME, 1ull << 60);
	ASSERT_GE(vcpu_get_msr(vcpu, HV_VP_RUNTIME), 1ull << 60);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_enable_assist_page(void)
{
	volatile uint32_t *page = (volatile uint32_t *)guest_page;

	page[0] = 0x12345678;
	page[1] = 0x9abcdef0;
	wrmsr(HV_VP_ASSIST_PAGE, (uintptr_t)guest_page);
	GUEST_ASSERT_EQ(page[0], 0x12345678);
	wrmsr(HV_VP_ASSIST_PAGE, (uintptr_t)guest_page | 1);
	/* The word for EOIs only. */
	GUEST_ASSERT_EQ(page[0], 0);
	GUEST_ASSERT_EQ(page[1], 0x9abcdef0);
	GUEST_ASSERT_EQ(rdmsr(HV_VP_ASSIST_PAGE), (uintptr_t)guest_page | 1);
	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_VP_ASSIST_PAGE, GPA_MMIO | 1), GP_VECTOR);
	GUEST_ASSERT_EQ(rdmsr(HV_VP_ASSIST_PAGE), (uintptr_t)guest_page | 1);
	wrmsr(HV_VP_ASSIST_PAGE, 0);
}

static void assist_page(void)
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add_hyperv(vm, 0, guest_enable_assist_page));
	vm_destroy(vm);
}

static volatile uint64_t guest_interrupts;

static void guest_end_by_msr(struct guest_regs *regs)
{
	guest_interrupts++;
	/* Any value. */
	wrmsr(HV_EOI, 1);
}

/* With the LAPIC in either mode: destination 0 is this vCPU. */
static void guest_use_apic_msrs(uint64_t x2apic)
{
	guest_handlers[0x41] = guest_end_by_msr;
	if (x2apic)
		x2apic_enable(0xff);
	else
		xapic_enable(0xff);
	sti();

	wrmsr(HV_ICR, 0x41 | APIC_INT_ASSERT);
	GUEST_ASSERT_EQ(guest_interrupts, 1);
	GUEST_ASSERT_EQ((uint32_t)rdmsr(HV_ICR), 0x41 | APIC_INT_ASSERT);
	/* Ended, or a second one would not come. */
	wrmsr(HV_ICR, 0x41 | APIC_INT_ASSERT);
	GUEST_ASSERT_EQ(guest_interrupts, 2);
	/* Nobody. */
	wrmsr(HV_ICR, (x2apic ? 7ull << 32 : 7ull << 56) | 0x41 | APIC_INT_ASSERT);
	GUEST_ASSERT_EQ(guest_interrupts, 2);

	wrmsr(HV_TPR, 0x50);
	GUEST_ASSERT_EQ(rdmsr(HV_TPR), 0x50);
	GUEST_ASSERT_EQ(read_cr8(), 5);
	wrmsr(HV_ICR, 0x41 | APIC_INT_ASSERT);
	GUEST_ASSERT_EQ(guest_interrupts, 2);
	wrmsr(HV_TPR, 0);
	GUEST_ASSERT_EQ(guest_interrupts, 3);
	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_TPR, 1ull << 32), GP_VECTOR);
}

static void use_apic_msrs(uint64_t x2apic)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, (void (*)(void))guest_use_apic_msrs);

	vcpu_set_arg(vcpu, 0, x2apic);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void apic_msrs(void)
{
	use_apic_msrs(0);
	if (CPUID_HAS_X2APIC())
		use_apic_msrs(1);
}

static void guest_use_apic_msrs_without(void)
{
	uint64_t value;

	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_EOI, 0), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_ICR, 0), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_rdmsr_try(HV_TPR, &value), GP_VECTOR);
}

static void apic_msrs_without_lapic(void)
{
	struct vm *vm = vm_create();

	vcpu_run_done(vcpu_add_hyperv(vm, 0, guest_use_apic_msrs_without));
	vm_destroy(vm);
}

static void guest_crash(void)
{
	unsigned int i;

	GUEST_ASSERT_EQ(rdmsr(HV_CRASH_CTL), HV_CRASH_NOTIFY);
	for (i = 0; i < 5; i++)
		wrmsr(HV_CRASH_P(i), 0x100 + i);
	/* Without the bit nobody is told. */
	wrmsr(HV_CRASH_CTL, 1);
	GUEST_SYNC(1);
	wrmsr(HV_CRASH_CTL, HV_CRASH_NOTIFY);
	GUEST_SYNC(2);
	wrmsr(HV_RESET, 0);
	GUEST_SYNC(3);
	wrmsr(HV_RESET, 1);
	GUEST_ASSERT_EQ(rdmsr(HV_RESET), 0);
}

static void check_system_event(struct vcpu *vcpu, uint32_t type)
{
	vcpu_run_to(vcpu, KVM_EXIT_SYSTEM_EVENT);
	ASSERT_EQ(vcpu->run->system_event.type, type);
	ASSERT_EQ(vcpu->run->system_event.ndata, 0u);
}

static void crash_and_reset(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_crash);
	unsigned int i;

	vcpu_set_msr(vcpu, HV_CRASH_CTL, HV_CRASH_NOTIFY | 1);
	vcpu_run_sync(vcpu, 1);
	check_system_event(vcpu, KVM_SYSTEM_EVENT_CRASH);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(vcpu_get_msr(vcpu, HV_CRASH_P(i)), 0x100u + i);
	/* The guest could go on: it is user space that ends it. */
	vcpu_run_sync(vcpu, 2);
	vcpu_run_sync(vcpu, 3);
	check_system_event(vcpu, KVM_SYSTEM_EVENT_RESET);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_debug(void)
{
	uint64_t value;

	GUEST_ASSERT_EQ(guest_rdmsr_try(HV_SYNDBG_STATUS, &value), GUEST_NO_TRAP);
	wrmsr(HV_SYNDBG_CONTROL, 0x1234);
	/* User space's answer. */
	GUEST_ASSERT_EQ(rdmsr(HV_SYNDBG_STATUS), 0x77);
	guest_hyperv_begin();
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_RESET_DEBUG, 0, 0), HV_OPERATION_DENIED);
	wrmsr(HV_SYNDBG_OPTIONS, BIT(2));
	GUEST_ASSERT_EQ(guest_hypercall(HV_CALL_RESET_DEBUG, 0x10, 0x20), 0x55);
}

static void debugger(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_debug);

	vcpu_run_to(vcpu, KVM_EXIT_HYPERV);
	ASSERT_EQ(vcpu->run->hyperv.type, (uint32_t)KVM_EXIT_HYPERV_SYNDBG);
	ASSERT_EQ(vcpu->run->hyperv.u.syndbg.msr, (uint32_t)HV_SYNDBG_CONTROL);
	ASSERT_EQ(vcpu->run->hyperv.u.syndbg.control, 0x1234u);
	vcpu->run->hyperv.u.syndbg.status = 0x77;
	vcpu_run_to(vcpu, KVM_EXIT_HYPERV);
	ASSERT_EQ(vcpu->run->hyperv.type, (uint32_t)KVM_EXIT_HYPERV_HCALL);
	ASSERT_EQ(vcpu->run->hyperv.u.hcall.input, (uint64_t)HV_CALL_RESET_DEBUG);
	ASSERT_EQ(vcpu->run->hyperv.u.hcall.params[0], 0x10u);
	ASSERT_EQ(vcpu->run->hyperv.u.hcall.params[1], 0x20u);
	vcpu->run->hyperv.u.hcall.result = 0x55;
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Saved from one VM, restored in another, in the order in which they are listed. */
static const struct {
	uint32_t msr;
	uint64_t value;
} saved[] = {
	{ HV_GUEST_OS_ID, HV_OS_ID | 5 },
	{ HV_HYPERCALL, GPA_TEST | 1 },
	{ HV_CRASH_CTL, HV_CRASH_NOTIFY },
	{ HV_CRASH_P(4), 0x1122334455667788 },
	{ HV_VP_INDEX, 3 },
	{ HV_SCONTROL, 1 },
	{ HV_SVERSION, 1 },
	{ HV_SIEFP, (GPA_TEST + PAGE_BYTES) | 1 },
	{ HV_SIMP, (GPA_TEST + 2 * PAGE_BYTES) | 1 },
	{ HV_SINT(2), 0x30 },
	{ HV_SINT(15), HV_SINT_MASKED | 0xff },
	{ HV_STIMER_CONFIG(1), HV_STIMER_AUTO_ENABLE | HV_STIMER_SINT(2) },
	{ HV_STIMER_COUNT(1), 1ull << 62 },
	{ HV_VP_ASSIST_PAGE, (GPA_TEST + 3 * PAGE_BYTES) | 1 },
	{ HV_REENLIGHTENMENT_CONTROL, 0x100ee },
	{ HV_TSC_EMULATION_CONTROL, 1 },
	{ HV_TSC_EMULATION_STATUS, 1 },
	{ HV_SYNDBG_OPTIONS, 4 },
};

static void save_and_restore(void)
{
	unsigned int i, round;

	REQUIRE_CAP(KVM_CAP_HYPERV_SYNIC2);
	for (round = 0; round < 2; round++) {
		struct vm *vm = vm_create_with_irqchip();
		struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_return);

		ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0), 0);
		for (i = 0; i < ARRAY_SIZE(saved); i++)
			vcpu_set_msr(vcpu, saved[i].msr, saved[i].value);
		for (i = 0; i < ARRAY_SIZE(saved); i++)
			ASSERT_EQ(vcpu_get_msr(vcpu, saved[i].msr), saved[i].value);
		/* The page is there again. */
		ASSERT_EQ(*(uint8_t *)vm_hva(vm, GPA_TEST, 1), 0x0f);
		vm_destroy(vm);
	}
}

/* Without an active SynIC there are only the values after reset to restore. */
static void restore_without_synic(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_return);

	REQUIRE_CAP(KVM_CAP_HYPERV_SYNIC2);
	ASSERT_EQ(vcpu_get_msr(vcpu, HV_SCONTROL), 0u);
	ASSERT_EQ(vcpu_get_msr(vcpu, HV_SINT(3)), HV_SINT_MASKED);
	vcpu_set_msr(vcpu, HV_SCONTROL, 0);
	vcpu_set_msr(vcpu, HV_SIMP, 0);
	vcpu_set_msr(vcpu, HV_STIMER_CONFIG(0), 0);
	TEST_ASSERT(__vcpu_set_msr(vcpu, HV_SCONTROL, 1), "SCONTROL");
	TEST_ASSERT(__vcpu_set_msr(vcpu, HV_SIMP, GPA_TEST | 1), "SIMP");
	TEST_ASSERT(__vcpu_set_msr(vcpu, HV_SINT(0), HV_SINT_MASKED), "SINT0");
	TEST_ASSERT(__vcpu_set_msr(vcpu, HV_STIMER_COUNT(0), 1), "STIMER0");
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "hypercall_page", hypercall_page },
	{ "vp_index", vp_index },
	{ "runtime", runtime },
	{ "assist_page", assist_page },
	{ "apic_msrs", apic_msrs },
	{ "apic_msrs_without_lapic", apic_msrs_without_lapic },
	{ "crash_and_reset", crash_and_reset },
	{ "debugger", debugger },
	{ "save_and_restore", save_and_restore },
	{ "restore_without_synic", restore_without_synic },
};

TEST_MAIN(cases)
