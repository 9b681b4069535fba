// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: state blocks between the VMCS and vcpu->state. GPRS move in run.c and
 * enter.S. Also the MSRs that VM entry does not switch.
 *
 * Values that differ between the two on purpose: CR0 and CR4 (bits that VMX demands,
 * cache bits), and an interrupt shadow that does not fit RFLAGS. DR0-3, DR6, STAR, LSTAR,
 * SFMASK, CSTAR and TSC_AUX are in vcpu->state only: nothing changes them without an exit.
 */
#include <linux/preempt.h>

#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "regs.h"
#include "vmx/vmx.h"
#include "x86.h"

/*
 * With CD set in hardware all guest memory would be uncached. Firmware starts that way
 * and guests expect to be able to ask for it, but to them it makes no visible
 * difference; so the bits are kept in the read shadow.
 */
#define CR0_HIDDEN	(X86_CR0_CD | X86_CR0_NW)

/* VMX demands them of a CPU, but not of a guest that is unrestricted. */
#define CR0_EXEMPT	(X86_CR0_PE | X86_CR0_PG)

/* Bits that guests change without an exit; all else may be refused or has consequences. */
#define CR0_GUEST_OWNED	X86_CR0_TS
#define CR4_GUEST_OWNED \
	(X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PGE | X86_CR4_PCE | \
	 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

/* Fields of a segment lie two apart in each group, in the order of enum lodge_seg. */
static_assert(GUEST_ES_SELECTOR + 2 * LODGE_SEG_TR == GUEST_TR_SELECTOR);
static_assert(GUEST_ES_LIMIT + 2 * LODGE_SEG_TR == GUEST_TR_LIMIT);
static_assert(GUEST_ES_AR_BYTES + 2 * LODGE_SEG_TR == GUEST_TR_AR_BYTES);
static_assert(GUEST_ES_BASE + 2 * LODGE_SEG_TR == GUEST_TR_BASE);
static_assert(GUEST_ES_BASE + 2 * LODGE_SEG_CS == GUEST_CS_BASE);
static_assert(GUEST_ES_BASE + 2 * LODGE_SEG_LDTR == GUEST_LDTR_BASE);

/*
 * Of DEBUGCTL the guest gets what needs nothing of the host: its branch records are not
 * switched, so LBR is only remembered.
 */
#define DEBUGCTL_REAL	DEBUGCTLMSR_BTF

/* An unusable segment's other attributes are undefined; one bit less is reported set. */
static u32 attr_from_vmcs(u32 attr)
{
	return attr & LODGE_SEG_UNUSABLE ? attr & ~LODGE_SEG_P : attr;
}

/*
 * VM entry demands what loading a segment brings about: a usable one is present, and
 * code or data was accessed. User space may not know.
 */
static u32 attr_to_vmcs(u32 attr, unsigned int seg)
{
	if (!(attr & LODGE_SEG_P))
		attr |= LODGE_SEG_UNUSABLE;
	else if (seg <= LODGE_SEG_GS)
		attr |= 1;
	return attr;
}

static void read_segments(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = &vcpu->state;
	unsigned int i;

	for (i = 0; i < LODGE_NR_SEGS; i++) {
		struct lodge_segment *to = &state->segs[i];

		to->base = vmcs_read(GUEST_ES_BASE + 2 * i);
		to->limit = vmcs_read(GUEST_ES_LIMIT + 2 * i);
		to->selector = vmcs_read(GUEST_ES_SELECTOR + 2 * i);
		to->attr = attr_from_vmcs(vmcs_read(GUEST_ES_AR_BYTES + 2 * i));
	}
	state->gdtr.base = vmcs_read(GUEST_GDTR_BASE);
	state->gdtr.limit = vmcs_read(GUEST_GDTR_LIMIT);
	state->idtr.base = vmcs_read(GUEST_IDTR_BASE);
	state->idtr.limit = vmcs_read(GUEST_IDTR_LIMIT);
}

static void write_segments(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	unsigned int i;

	for (i = 0; i < LODGE_NR_SEGS; i++) {
		const struct lodge_segment *from = &state->segs[i];

		vmcs_write(GUEST_ES_BASE + 2 * i, from->base);
		vmcs_write(GUEST_ES_LIMIT + 2 * i, from->limit);
		vmcs_write(GUEST_ES_SELECTOR + 2 * i, from->selector);
		vmcs_write(GUEST_ES_AR_BYTES + 2 * i, attr_to_vmcs(from->attr, i));
	}
	vmcs_write(GUEST_GDTR_BASE, state->gdtr.base);
	vmcs_write(GUEST_GDTR_LIMIT, state->gdtr.limit);
	vmcs_write(GUEST_IDTR_BASE, state->idtr.base);
	vmcs_write(GUEST_IDTR_LIMIT, state->idtr.limit);
}

/* The four PDPTEs are in registers of the CPU only while this holds. */
static bool is_pae_paging(const struct lodge_x86_state *state)
{
	return (state->cr0 & X86_CR0_PG) && (state->cr4 & X86_CR4_PAE) &&
	       !(state->efer & EFER_LMA);
}

static void read_control(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = &vcpu->state;
	unsigned int i;

	state->cr0 = (vmcs_read(CR0_READ_SHADOW) & ~(u64)CR0_GUEST_OWNED) |
		     (vmcs_read(GUEST_CR0) & CR0_GUEST_OWNED);
	state->cr2 = vcpu->vmx->cr2;
	state->cr3 = vmcs_read(GUEST_CR3);
	state->cr4 = (vmcs_read(CR4_READ_SHADOW) & ~(u64)CR4_GUEST_OWNED) |
		     (vmcs_read(GUEST_CR4) & CR4_GUEST_OWNED);
	state->efer = vmcs_read(GUEST_IA32_EFER);
	if (!is_pae_paging(state))
		return;
	for (i = 0; i < ARRAY_SIZE(state->pdptrs); i++)
		state->pdptrs[i] = vmcs_read(GUEST_PDPTR0 + 2 * i);
}

static void write_control(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	u32 entry = vmx_caps.entry;
	unsigned int i;

	vmcs_write(GUEST_CR0, (state->cr0 & ~(u64)CR0_HIDDEN) |
			      (vmx_caps.cr0_fixed & ~(u64)CR0_EXEMPT));
	vmcs_write(CR0_READ_SHADOW, state->cr0);
	vmcs_write(CR0_GUEST_HOST_MASK, ~(u64)CR0_GUEST_OWNED);
	vcpu->vmx->cr2 = state->cr2;
	vmcs_write(GUEST_CR3, state->cr3);
	vmcs_write(GUEST_CR4, state->cr4 | vmx_caps.cr4_fixed);
	vmcs_write(CR4_READ_SHADOW, state->cr4);
	vmcs_write(CR4_GUEST_HOST_MASK, ~(u64)CR4_GUEST_OWNED);

	vmcs_write(GUEST_IA32_EFER, state->efer);
	if (state->efer & EFER_LMA)
		entry |= VM_ENTRY_IA32E_MODE;
	vmcs_write(VM_ENTRY_CONTROLS, entry);

	/* With EPT an entry takes them from here, not from memory. */
	if (!is_pae_paging(state))
		return;
	for (i = 0; i < ARRAY_SIZE(state->pdptrs); i++)
		vmcs_write(GUEST_PDPTR0 + 2 * i, state->pdptrs[i]);
}

static void read_debug(struct lodge_vcpu *vcpu)
{
	/* Nothing changes it without an exit then, and the CPU's is not the guest's. */
	if (!(vcpu->intercept_policy & LODGE_INTERCEPT_DR))
		vcpu->state.dr7 = vmcs_read(GUEST_DR7);
}

static void write_debug(struct lodge_vcpu *vcpu)
{
	u64 dr7 = lodge_effective_dr7(vcpu);

	vmcs_write(GUEST_DR7, dr7);
	vcpu->vmx->has_breakpoints = dr7 & VMX_DR7_ENABLED;
}

/*
 * PAT is as common code wrote it, the TSC offset likewise; DEBUGCTL but for what a #DB
 * clears in it.
 */
static void read_msrs(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = &vcpu->state;
	struct vmx_vcpu *vmx = vcpu->vmx;

	/* If the thread loses its CPU in between, the MSR is the host's again. */
	preempt_disable();
	if (vmx->is_resident)
		rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	preempt_enable();
	state->kernel_gs_base = vmx->kernel_gs_base;
	state->sysenter_cs = vmcs_read(GUEST_SYSENTER_CS);
	state->sysenter_esp = vmcs_read(GUEST_SYSENTER_ESP);
	state->sysenter_eip = vmcs_read(GUEST_SYSENTER_EIP);
	state->debugctl = (state->debugctl & ~(u64)DEBUGCTL_REAL) | vmcs_read(GUEST_IA32_DEBUGCTL);
	state->spec_ctrl = vmx->enter.spec_ctrl;
}

static void set_tsc_aux(struct vmx_vcpu *vmx, u64 value)
{
	if (vmx_caps.has_tsc_aux && vmx->tsc_aux != value) {
		vmx->tsc_aux = value;
		wrmsrl_safe(MSR_TSC_AUX, value);
	}
}

/* A value that the CPU refuses stays out of the MSR and harms the guest alone. */
static void write_guest_msrs(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	struct vmx_vcpu *vmx = vcpu->vmx;

	wrmsrl_safe(MSR_STAR, state->star);
	wrmsrl_safe(MSR_LSTAR, state->lstar);
	wrmsrl_safe(MSR_SYSCALL_MASK, state->sfmask);
	wrmsrl_safe(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	set_tsc_aux(vmx, state->tsc_aux);
}

/**
 * vmx_load_guest_msrs() - put the guest's values into the MSRs that VM entry leaves alone
 * @vcpu: loaded vCPU
 *
 * Preemption off. The kernel itself uses none of them; user space does.
 */
void vmx_load_guest_msrs(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	rdmsrl(MSR_KERNEL_GS_BASE, vmx->host.kernel_gs_base);
	vmx->tsc_aux = this_cpu_read(vmx_cpu.host_tsc_aux);
	write_guest_msrs(vcpu);
}

/**
 * vmx_load_host_msrs() - counterpart of vmx_load_guest_msrs()
 * @vcpu: vCPU that leaves this pCPU
 *
 * Preemption off.
 */
void vmx_load_host_msrs(struct lodge_vcpu *vcpu)
{
	const struct vmx_cpu *here = this_cpu_ptr(&vmx_cpu);
	struct vmx_vcpu *vmx = vcpu->vmx;

	rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	wrmsrl(MSR_KERNEL_GS_BASE, vmx->host.kernel_gs_base);
	wrmsrl(MSR_STAR, here->host_star);
	wrmsrl(MSR_LSTAR, here->host_lstar);
	wrmsrl(MSR_SYSCALL_MASK, here->host_sfmask);
	set_tsc_aux(vmx, here->host_tsc_aux);
}

static void write_msrs(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	struct vmx_vcpu *vmx = vcpu->vmx;

	vmx->kernel_gs_base = state->kernel_gs_base;
	if (vmx->is_resident)
		write_guest_msrs(vcpu);
	vmcs_write(GUEST_SYSENTER_CS, state->sysenter_cs);
	vmcs_write(GUEST_SYSENTER_ESP, state->sysenter_esp);
	vmcs_write(GUEST_SYSENTER_EIP, state->sysenter_eip);
	vmcs_write(GUEST_IA32_PAT, state->pat);
	vmcs_write(GUEST_IA32_DEBUGCTL, state->debugctl & DEBUGCTL_REAL);
	vmcs_write(TSC_OFFSET, state->tsc_offset);
	vmx->enter.spec_ctrl = state->spec_ctrl;
	/* Of DEBUGCTL.BTF it depends what a shadow may look like. */
	vmx->checks_shadow = true;
}

static void read_interruptibility(struct lodge_vcpu *vcpu)
{
	u32 info = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);

	vcpu->state.shadow = (info & GUEST_INTR_STATE_STI ? LODGE_SHADOW_STI : 0) |
			     (info & GUEST_INTR_STATE_MOV_SS ? LODGE_SHADOW_MOV_SS : 0);
	vcpu->state.nmi_blocked = info & GUEST_INTR_STATE_NMI;
}

/* VM entry refuses both shadows at once; that of MOV SS holds off more. */
static void write_interruptibility(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	u32 info = 0;

	if (state->shadow & LODGE_SHADOW_MOV_SS)
		info = GUEST_INTR_STATE_MOV_SS;
	else if (state->shadow & LODGE_SHADOW_STI)
		info = GUEST_INTR_STATE_STI;
	/* An NMI that goes in begins the blocking itself, and is refused behind one. */
	if (state->nmi_blocked && !vmx_is_injecting_nmi(vcpu->vmx))
		info |= GUEST_INTR_STATE_NMI;
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, info);
	vcpu->vmx->checks_shadow = true;
	/* A reset, or user space, has the guest go on; it may have halted by itself. */
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
}

/*
 * A loaded TSS is busy, and long mode knows 64-bit ones only: VM entry demands both, but a CPU
 * that goes into long mode leaves TR as it was.
 */
static void fit_task_register(void)
{
	u32 old = vmcs_read(GUEST_TR_AR_BYTES);
	u32 attr = old | 2;

	if (vmcs_read(GUEST_IA32_EFER) & EFER_LMA)
		attr = (attr & ~LODGE_SEG_TYPE_MASK) | 0xb;
	if (attr != old)
		vmcs_write(GUEST_TR_AR_BYTES, attr);
}

/**
 * vmx_state_read() - hardware to vcpu->state
 * @vcpu: loaded vCPU
 * @blocks: LODGE_STATE_*
 */
void vmx_state_read(struct lodge_vcpu *vcpu, u32 blocks)
{
	if (blocks & LODGE_STATE_SEGS)
		read_segments(vcpu);
	if (blocks & LODGE_STATE_CRS)
		read_control(vcpu);
	if (blocks & LODGE_STATE_DRS)
		read_debug(vcpu);
	if (blocks & LODGE_STATE_MSRS)
		read_msrs(vcpu);
	if (blocks & LODGE_STATE_INTR)
		read_interruptibility(vcpu);
}

/**
 * vmx_state_write() - vcpu->state to hardware
 * @vcpu: loaded vCPU
 * @blocks: LODGE_STATE_*
 */
void vmx_state_write(struct lodge_vcpu *vcpu, u32 blocks)
{
	if (blocks & LODGE_STATE_CRS)
		write_control(vcpu);
	if (blocks & LODGE_STATE_SEGS)
		write_segments(vcpu);
	if (blocks & (LODGE_STATE_CRS | LODGE_STATE_SEGS))
		fit_task_register();
	if (blocks & LODGE_STATE_DRS)
		write_debug(vcpu);
	if (blocks & LODGE_STATE_MSRS)
		write_msrs(vcpu);
	if (blocks & LODGE_STATE_INTR)
		write_interruptibility(vcpu);
}
