// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the life of a vCPU's hardware half: create, destroy, residence on a pCPU,
 * and the intercept policy as tables, as far as it is not in the control words that
 * every VMCS begins with (caps.c).
 */
#include <linux/atomic.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

#include "vmx/vmx.h"
#include "x86.h"

/* A PAUSE at CPL 0 exits when it belongs to a loop that takes so many cycles ... */
#define PAUSE_LOOP_WINDOW	4096
/* ... with at most so many between one PAUSE and the next. */
#define PAUSE_LOOP_GAP		128

struct exception_rule {
	u8 vector;
	u32 policy;	/* LODGE_INTERCEPT_* that asks for it; 0 for always */
};

/*
 * Which exceptions exit, and why. The others, #PF among them, are the guest's own.
 *
 * What exits beside these: what caps.c switches on; CR0 and CR4 where state.c owns a
 * bit; CR8 and the windows (inject.c); MSRs one by one (msr.c). And what no control
 * can switch off: CPUID, INVD, XSETBV, GETSEC, all VMX instructions, task switches,
 * triple faults, INIT.
 */
static const struct exception_rule exception_rules[] = {
	/* A machine check concerns the hardware. */
	{ LODGE_VECTOR_MC },
	/*
	 * #AC and #DB can be raised by their own delivery, for ever, without an
	 * instruction boundary at which the host's interrupts could get through
	 * (CVE-2015-5307, CVE-2015-8104).
	 */
	{ LODGE_VECTOR_AC },
	{ LODGE_VECTOR_DB },
	/* Guest debugging. */
	{ LODGE_VECTOR_BP,	LODGE_INTERCEPT_BP },
	{ LODGE_VECTOR_DE,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_BR,	LODGE_INTERCEPT_EXCEPTIONS },
	/* Or the other vendor's hypercall. */
	{ LODGE_VECTOR_UD,	LODGE_INTERCEPT_EXCEPTIONS | LODGE_INTERCEPT_UD },
	{ LODGE_VECTOR_NM,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_DF,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_TS,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_NP,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_SS,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_GP,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_PF,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_MF,	LODGE_INTERCEPT_EXCEPTIONS },
	{ LODGE_VECTOR_XM,	LODGE_INTERCEPT_EXCEPTIONS },
};

/* Instructions that are #UD while their control is off, and what asks for that. */
static const struct {
	u32 control;
	u32 policy;	/* LODGE_INTERCEPT_* */
} instruction_rules[] = {
	{ SECONDARY_EXEC_ENABLE_RDTSCP,		LODGE_INTERCEPT_RDTSCP },
	{ SECONDARY_EXEC_ENABLE_INVPCID,	LODGE_INTERCEPT_INVPCID },
	{ SECONDARY_EXEC_XSAVES,		LODGE_INTERCEPT_XSAVES },
};

struct initial_field {
	u32 field;
	u64 value;
};

/* Fields that no block of state and no policy writes; what is 0 in a new VMCS, too. */
static const struct initial_field initial_fields[] = {
	/* Whether #PF exits is told by the exception bitmap alone. */
	{ PAGE_FAULT_ERROR_CODE_MASK, 0 },
	{ PAGE_FAULT_ERROR_CODE_MATCH, 0 },
	{ CR3_TARGET_COUNT, 0 },
	/*
	 * MSRs that VM entry has no field for are switched by vcpu_load(), not by lists, but
	 * for those of perf (msr.c).
	 */
	{ VM_EXIT_MSR_STORE_COUNT, 0 },
	{ VM_EXIT_MSR_LOAD_COUNT, 0 },
	{ VM_ENTRY_MSR_LOAD_COUNT, 0 },
	{ VM_ENTRY_INTR_INFO_FIELD, 0 },
	/* No shadow VMCS. */
	{ VMCS_LINK_POINTER, ~0ull },
	{ GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE },
	{ GUEST_INTERRUPTIBILITY_INFO, 0 },
	{ GUEST_PENDING_DBG_EXCEPTIONS, 0 },

	/* The host, as far as it is the same on all CPUs and for all threads. */
	{ HOST_CS_SELECTOR, __KERNEL_CS },
	{ HOST_SS_SELECTOR, __KERNEL_DS },
	{ HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8 },
	/* A user's selector is refused here; vcpu_put() brings it back. */
	{ HOST_DS_SELECTOR, 0 },
	{ HOST_ES_SELECTOR, 0 },
	{ HOST_FS_SELECTOR, 0 },
	{ HOST_GS_SELECTOR, 0 },
};

/**
 * vmx_set_primary() - switch primary processor-based controls
 * @vmx: loaded vCPU
 * @bits: CPU_BASED_* mask
 * @on: set or clear
 */
void vmx_set_primary(struct vmx_vcpu *vmx, u32 bits, bool on)
{
	u32 primary = on ? vmx->primary | bits : vmx->primary & ~bits;

	if (primary == vmx->primary)
		return;
	vmx->primary = primary;
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, primary);
}

static u32 secondary_controls(const struct lodge_vcpu *vcpu)
{
	u32 secondary = vmx_caps.secondary;
	unsigned int i;

	/* Tag 0 with the control on would be refused. */
	if (!vcpu->vmx->vpid)
		secondary &= ~SECONDARY_EXEC_ENABLE_VPID;
	for (i = 0; i < ARRAY_SIZE(instruction_rules); i++) {
		if (vcpu->intercept_policy & instruction_rules[i].policy)
			secondary &= ~instruction_rules[i].control;
	}
	if (!(vcpu->intercept_policy & LODGE_INTERCEPT_PAUSE))
		secondary &= ~SECONDARY_EXEC_PAUSE_LOOP_EXITING;
	if (!(vcpu->intercept_policy & LODGE_NOTE_WRITES))
		secondary &= ~SECONDARY_EXEC_ENABLE_PML;
	return secondary;
}

/**
 * vmx_update_intercepts() - derive intercepts and MSR permissions anew
 * @vcpu: loaded vCPU, intercept_policy set
 */
void vmx_update_intercepts(struct lodge_vcpu *vcpu)
{
	u32 secondary = secondary_controls(vcpu);
	u32 bitmap = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(exception_rules); i++) {
		const struct exception_rule *rule = &exception_rules[i];

		if (!rule->policy || (rule->policy & vcpu->intercept_policy))
			bitmap |= BIT(rule->vector);
	}
	vmcs_write(EXCEPTION_BITMAP, bitmap);
	vmx_set_primary(vcpu->vmx, CPU_BASED_HLT_EXITING,
			vcpu->intercept_policy & LODGE_INTERCEPT_HLT);
	vmx_set_primary(vcpu->vmx, CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING,
			vcpu->intercept_policy & LODGE_INTERCEPT_MWAIT);
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, secondary);
	vcpu->vmx->notes_writes = secondary & SECONDARY_EXEC_ENABLE_PML;
	vmcs_write(MSR_BITMAP, vmx_msr_bitmap_pa(vcpu));
	vcpu->vmx->enter.spec_ctrl_is_passed =
		!!(vcpu->intercept_policy & LODGE_PASS_SPEC_CTRL);
}

/*
 * The control words but for the secondary, which update_intercepts() writes, and what
 * belongs to optional bits in them.
 */
static void write_controls(struct vmx_vcpu *vmx)
{
	u32 secondary = vmx_caps.secondary;

	vmx->primary = vmx_caps.primary;
	if (!vmx->vapic)
		vmx->primary |= CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING;

	vmcs_write(PIN_BASED_VM_EXEC_CONTROL, vmx_caps.pin);
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, vmx->primary);
	vmcs_write(VM_EXIT_CONTROLS, vmx_caps.exit);
	vmcs_write(VM_ENTRY_CONTROLS, vmx_caps.entry);

	if (vmx->vpid)
		vmcs_write(VIRTUAL_PROCESSOR_ID, vmx->vpid);
	if (vmx->vapic) {
		vmcs_write(VIRTUAL_APIC_PAGE_ADDR, virt_to_phys(vmx->vapic));
		vmcs_write(TPR_THRESHOLD, 0);
	}
	if (vmx->pml) {
		vmcs_write(PML_ADDRESS, virt_to_phys(vmx->pml));
		vmcs_write(GUEST_PML_INDEX, VMX_PML_ENTRIES - 1);
	}
	if (secondary & SECONDARY_EXEC_PAUSE_LOOP_EXITING) {
		vmcs_write(PLE_GAP, PAUSE_LOOP_GAP);
		vmcs_write(PLE_WINDOW, PAUSE_LOOP_WINDOW);
	}
	/* XSS stays 0, so XSAVES never has a reason to exit. */
	if (secondary & SECONDARY_EXEC_XSAVES)
		vmcs_write(XSS_EXIT_BITMAP, 0);
	if (secondary & SECONDARY_EXEC_ENCLS_EXITING)
		vmcs_write(ENCLS_EXITING_BITMAP, ~0ull);
}

static void write_initial_fields(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	unsigned int i;
	u64 value;

	for (i = 0; i < ARRAY_SIZE(initial_fields); i++)
		vmcs_write(initial_fields[i].field, initial_fields[i].value);
	write_controls(vmx);

	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, virt_to_phys(vmx->guest_perf));
	vmcs_write(VM_EXIT_MSR_LOAD_ADDR, virt_to_phys(vmx->host_perf));
	vmcs_write(HOST_RIP, (unsigned long)vmx_exit_point);
	rdmsrl(MSR_EFER, value);
	vmcs_write(HOST_IA32_EFER, value);
	rdmsrl(MSR_IA32_CR_PAT, value);
	vmcs_write(HOST_IA32_PAT, value);
	vmx_update_intercepts(vcpu);
}

/**
 * vmx_vcpu_create() - allocate the hardware half and set up its controls
 * @vcpu: being created
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int vmx_vcpu_create(struct lodge_vcpu *vcpu)
{
	static atomic64_t last_id;
	struct vmx_vcpu *vmx;
	int ret;

	vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	if (!vmx)
		return -ENOMEM;
	vcpu->vmx = vmx;
	vmx->id = atomic64_inc_return(&last_id);
	ret = vmcs_create(&vmx->vmcs);
	if (ret)
		return ret;
	if (vmx_caps.has_tpr_shadow) {
		vmx->vapic = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
		if (!vmx->vapic)
			return -ENOMEM;
	}
	if (vmx_caps.secondary & SECONDARY_EXEC_ENABLE_PML) {
		vmx->pml = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
		if (!vmx->pml)
			return -ENOMEM;
	}
	vmx_vpid_alloc(vmx);

	/* The CPU alone knows how a VMCS is laid out: it must be current to be written. */
	preempt_disable();
	vmcs_load(&vmx->vmcs);
	write_initial_fields(vcpu);
	/* The first vcpu_load() finds it nowhere and fills in what differs between CPUs. */
	vmcs_unload(&vmx->vmcs);
	preempt_enable();
	return 0;
}

/**
 * vmx_vcpu_destroy() - free what vmx_vcpu_create() allocated, or a part of it
 * @vcpu: not loaded
 */
void vmx_vcpu_destroy(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (!vmx)
		return;
	vmcs_destroy(&vmx->vmcs);
	vmx_vpid_free(vmx);
	free_page((unsigned long)vmx->pml);
	free_page((unsigned long)vmx->vapic);
	kfree(vmx);
	vcpu->vmx = NULL;
}

/* Host state that differs between CPUs but not between threads. */
static void write_cpu_fields(int cpu)
{
	struct desc_ptr idt;
	u64 value;

	vmcs_write(HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmcs_write(HOST_GDTR_BASE, (unsigned long)get_cpu_gdt_ro(cpu));
	store_idt(&idt);
	vmcs_write(HOST_IDTR_BASE, idt.address);
	rdmsrl(MSR_GS_BASE, value);
	vmcs_write(HOST_GS_BASE, value);
	rdmsrl(MSR_IA32_SYSENTER_CS, value);
	vmcs_write(HOST_IA32_SYSENTER_CS, value);
	rdmsrl(MSR_IA32_SYSENTER_ESP, value);
	vmcs_write(HOST_IA32_SYSENTER_ESP, value);
	rdmsrl(MSR_IA32_SYSENTER_EIP, value);
	vmcs_write(HOST_IA32_SYSENTER_EIP, value);
}

/**
 * vmx_vcpu_load() - take up residence on a pCPU
 * @vcpu: vCPU whose thread runs here
 * @cpu: this pCPU
 *
 * Preemption off, IRQs on. What the thread itself loses to the guest is noted and switched
 * by the first run(): most ioctls load a vCPU and never enter it.
 */
void vmx_vcpu_load(struct lodge_vcpu *vcpu, int cpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	struct vmx_cpu *here = per_cpu_ptr(&vmx_cpu, cpu);

	if (vmcs_load(&vmx->vmcs)) {
		write_cpu_fields(cpu);
		vmx->flushes = VMX_FLUSH_VPID | VMX_FLUSH_EPT;
	}
	/*
	 * One vCPU must not steer the branch prediction of another. Where each exit
	 * does it already, it is not done twice.
	 */
	if (here->last_id != vmx->id) {
		here->last_id = vmx->id;
		if (!boot_cpu_has(X86_FEATURE_IBPB_ON_VMEXIT))
			indirect_branch_prediction_barrier();
	}
}

/**
 * vmx_vcpu_put() - leave a pCPU
 * @vcpu: loaded vCPU
 *
 * Preemption off. The VMCS stays active here until another pCPU wants it.
 */
void vmx_vcpu_put(struct lodge_vcpu *vcpu)
{
	if (vcpu->vmx->is_resident)
		vmx_leave_residence(vcpu);
}
