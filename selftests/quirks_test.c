// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_DISABLE_QUIRKS and its second form: what guests see with each quirk, which is the
 * default, and without it.
 */
#include <string.h>

#include "apic.h"
#include "vcpu.h"

#define QUIRKS (KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_CD_NW_CLEARED |		\
		KVM_X86_QUIRK_LAPIC_MMIO_HOLE | KVM_X86_QUIRK_OUT_7E_INC_RIP |		\
		KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT | KVM_X86_QUIRK_FIX_HYPERCALL_INSN |	\
		KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)

#define CPUID_1_ECX_MWAIT BIT(3)
#define MISC_ENABLE_MWAIT BIT(18)

static void disable(struct vm *vm, uint64_t quirks)
{
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, quirks), 0);
}

static void bad_arguments(void)
{
	struct vm *vm = vm_create();

	ASSERT_EQ(node_check(KVM_CAP_DISABLE_QUIRKS), 1);
	ASSERT_EQ(node_check(KVM_CAP_DISABLE_QUIRKS2) & QUIRKS, QUIRKS);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, BIT(31)), EINVAL);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, BIT(63) | QUIRKS), EINVAL);
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS, ~0ull), 0);
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, QUIRKS), 0);
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, 0), 0);
	vm_destroy(vm);
}

static void lint0(void)
{
	unsigned int is_off;

	for (is_off = 0; is_off < 2; is_off++) {
		struct vm *vm = vm_create_bare();
		struct kvm_lapic_state state;
		struct vcpu *vcpu;
		uint32_t lint;

		disable(vm, is_off ? KVM_X86_QUIRK_LINT0_REENABLED : 0);
		vm_add_irqchip(vm);
		vcpu = vcpu_create(vm, 0);
		vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state);
		memcpy(&lint, state.regs + APIC_LVT_LINT0, sizeof(lint));
		ASSERT_EQ(lint, is_off ? APIC_LVT_MASKED : APIC_DM_EXTINT);
		vm_destroy(vm);
	}
}

/* The bits that a guest sets in CR0 are there to read, real or not. */
static void guest_cr0(void)
{
	uint64_t cr0 = read_cr0();

	write_cr0(cr0 | X86_CR0_CD);
	GUEST_ASSERT_EQ(read_cr0(), cr0 | X86_CR0_CD);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(read_cr0(), cr0 | X86_CR0_CD);
	write_cr0(cr0);
	GUEST_ASSERT_EQ(read_cr0(), cr0);
}

static void cd_and_nw(void)
{
	unsigned int is_off;

	for (is_off = 0; is_off < 2; is_off++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_cr0);

		disable(vm, is_off ? KVM_X86_QUIRK_CD_NW_CLEARED : 0);
		vcpu_run_sync(vcpu, 1);
		ASSERT_EQ(vcpu_sregs(vcpu).cr0 & X86_CR0_CD, X86_CR0_CD);
		vcpu_run_done(vcpu);
		vm_destroy(vm);
	}
}

/* A LAPIC that is switched off still takes accesses to its page, or does not. */
static void guest_lapic_hole(void)
{
	volatile uint32_t *tpr = (uint32_t *)(APIC_BASE + APIC_TPR);

	wrmsr(MSR_IA32_APICBASE, rdmsr(MSR_IA32_APICBASE) & ~APICBASE_ENABLE);
	*tpr = 5;
	GUEST_SYNC_ARGS(1, *tpr, 0, 0);
}

static void lapic_hole(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_lapic_hole);

	ASSERT_EQ(vcpu_run_sync(vcpu, 1).args[1], 0xffffffffu);
	vcpu_run_done(vcpu);
	vm_destroy(vm);

	vm = vm_create_with_irqchip();
	disable(vm, KVM_X86_QUIRK_LAPIC_MMIO_HOLE);
	vcpu = vcpu_add(vm, 0, guest_lapic_hole);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, APIC_BASE + APIC_TPR);
	ASSERT_EQ(vcpu->run->mmio.is_write, 1);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.is_write, 0);
	memcpy(vcpu->run->mmio.data, &(uint32_t){ 0x1234 }, 4);
	ASSERT_EQ(vcpu_run_sync(vcpu, 1).args[1], 0x1234u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

extern char guest_out_insn[];

static void guest_out_7e(void)
{
	asm volatile("guest_out_insn: outb %%al, $0x7e" : : "a"(0));
}

static void out_7e(void)
{
	unsigned int is_off;

	for (is_off = 0; is_off < 2; is_off++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_out_7e);

		disable(vm, is_off ? KVM_X86_QUIRK_OUT_7E_INC_RIP : 0);
		vcpu_run_to(vcpu, KVM_EXIT_IO);
		ASSERT_EQ(vcpu_regs(vcpu).rip, (uintptr_t)guest_out_insn + (is_off ? 0u : 2u));
		vcpu_run_done(vcpu);
		vm_destroy(vm);
	}
}

static void guest_mwait(uint64_t vector, uint64_t is_shown)
{
	uint32_t regs[4];

	cpuid(1, 0, regs);
	GUEST_ASSERT_EQ(!!(regs[2] & CPUID_1_ECX_MWAIT), is_shown);
	asm volatile(GUEST_TRY("monitor") : : "a"(guest_mwait), "c"(0), "d"(0) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, vector);
	asm volatile(GUEST_TRY("mwait") : : "a"(0), "c"(0) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, vector);
}

/* MONITOR and MWAIT do nothing; or they are #UD where CPUID does not show them. */
static void mwait(void)
{
	static const struct {
		uint64_t quirks;
		uint64_t misc_enable;
		bool is_shown;
		uint64_t vector;
	} rows[] = {
		{ 0, 0, false, GUEST_NO_TRAP },
		{ 0, MISC_ENABLE_MWAIT, false, GUEST_NO_TRAP },
		{ KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS, MISC_ENABLE_MWAIT, false, UD_VECTOR },
		{ KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT, 0, false, GUEST_NO_TRAP },
		{ KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT, MISC_ENABLE_MWAIT, true, GUEST_NO_TRAP },
		{ KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS | KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT, 0,
		  false, UD_VECTOR },
		{ KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS | KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT,
		  MISC_ENABLE_MWAIT, true, GUEST_NO_TRAP },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_mwait);

		disable(vm, rows[i].quirks);
		vcpu_set_msr(vcpu, MSR_IA32_MISC_ENABLE, rows[i].misc_enable);
		ASSERT_EQ(vcpu_get_msr(vcpu, MSR_IA32_MISC_ENABLE), rows[i].misc_enable);
		vcpu_set_arg(vcpu, 0, rows[i].vector);
		vcpu_set_arg(vcpu, 1, rows[i].is_shown);
		vcpu_run_done(vcpu);
		vm_destroy(vm);
	}
}

/* Without SSE3 there is no MWAIT to enable. */
static void mwait_needs_sse3(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);

	ASSERT_EQ(__vcpu_set_msr(vcpu, MSR_IA32_MISC_ENABLE, MISC_ENABLE_MWAIT), 0);
	ASSERT_EQ(__vcpu_set_msr(vcpu, MSR_IA32_MISC_ENABLE, 0), 0);
	disable(vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT);
	ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_IA32_MISC_ENABLE, MISC_ENABLE_MWAIT), ENOENT);
	vm_destroy(vm);
}

/* VMCALL and VMMCALL: one of them is the other vendor's. */
extern char guest_vmcall[], guest_vmmcall[];

static void guest_hypercalls(uint64_t is_off)
{
	uint64_t result, nr_faults = 0;

	result = 11;	/* KVM_HC_SCHED_YIELD's number or not: an unknown call is no fault */
	asm volatile(GUEST_TRY("guest_vmcall: .byte 0x0f, 0x01, 0xc1")
		     : "+a"(result) : "b"(0) : "r11", "memory");
	nr_faults += guest_recovery.vector == UD_VECTOR;
	result = 11;
	asm volatile(GUEST_TRY("guest_vmmcall: .byte 0x0f, 0x01, 0xd9")
		     : "+a"(result) : "b"(0) : "r11", "memory");
	nr_faults += guest_recovery.vector == UD_VECTOR;
	GUEST_ASSERT_EQ(nr_faults, is_off ? 1 : 0);
	/* Changed to the same opcode, or left as they were. */
	GUEST_ASSERT_EQ(guest_vmcall[2] == guest_vmmcall[2], !is_off);
	/* Other bytes that mean nothing are #UD in any case. */
	asm volatile(GUEST_TRY("ud2") : : : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, UD_VECTOR);
}

static void hypercall_opcode(void)
{
	unsigned int is_off;

	for (is_off = 0; is_off < 2; is_off++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_hypercalls);

		disable(vm, is_off ? KVM_X86_QUIRK_FIX_HYPERCALL_INSN : 0);
		vcpu_set_arg(vcpu, 0, is_off);
		vcpu_run_done(vcpu);
		vm_destroy(vm);
	}
}

/* The opcode's page cannot be written: a page fault tells the guest, and nothing changes. */
static void guest_fix_in_read_only(uint64_t insn)
{
	/* The code goes on at R11, which is where an exception would have come back to. */
	asm volatile(GUEST_TRY("jmp *%0") : : "r"(insn) : "r11", "rax", "rbx", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, PF_VECTOR);
	GUEST_ASSERT_EQ(guest_recovery.cr2, insn);
	GUEST_ASSERT_EQ(guest_recovery.error, PFERR_PRESENT | PFERR_WRITE);
}

static void hypercall_in_read_only_page(void)
{
	static const uint8_t calls[2][6] = {
		{ 0x0f, 0x01, 0xc1, 0x41, 0xff, 0xe3 }, { 0x0f, 0x01, 0xd9, 0x41, 0xff, 0xe3 },
	};
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_fix_in_read_only);
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	uint64_t *table = vm_split_large_page(vm, GPA_TEST);
	bool is_amd = cpuid_find(node_supported_cpuid(), 0, 0)->ecx == 0x444d4163;

	sregs.cr0 |= X86_CR0_WP;
	vcpu_set_sregs(vcpu, &sregs);
	table[GPA_TEST >> 12 & 511] &= ~PTE_WRITE;
	vm_copy_in(vm, GPA_TEST, calls[is_amd ? 0 : 1], 6);
	vcpu_set_arg(vcpu, 0, GPA_TEST);
	vcpu_run_done(vcpu);
	ASSERT_EQ(memcmp(vm_hva(vm, GPA_TEST, 6), calls[is_amd ? 0 : 1], 6), 0);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "bad_arguments", bad_arguments },
	{ "lint0", lint0 },
	{ "cd_and_nw", cd_and_nw },
	{ "lapic_hole", lapic_hole },
	{ "out_7e", out_7e },
	{ "mwait", mwait },
	{ "mwait_needs_sse3", mwait_needs_sse3 },
	{ "hypercall_opcode", hypercall_opcode },
	{ "hypercall_in_read_only_page", hypercall_in_read_only_page },
};

TEST_MAIN(cases)
