// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: state blocks between the VMCB and vcpu->state. Segment attributes are
 * converted here and nowhere else. GPRS move in run.c and enter.S.
 *
 * Three values differ between the two on purpose: CR0 (cache bits), EFER (SVME) and
 * CPL, which the VMCB holds apart and everybody else finds in SS.DPL.
 */
#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "regs.h"
#include "svm/svm.h"
#include "vm.h"
#include "x86.h"

/*
 * With CD set in the VMCB all guest memory would be uncached. Firmware starts that
 * way and guests expect to be able to ask for it, but to them it makes no visible
 * difference; so the bits are kept here, unless user space wants them to be real.
 */
#define CR0_HIDDEN	(X86_CR0_CD | X86_CR0_NW)

/* Where the VMCB has each segment; order of enum lodge_seg. */
static struct vmcb_seg *segment(struct vmcb *vmcb, unsigned int i)
{
	struct vmcb_save_area *save = &vmcb->save;

	switch (i) {
	case LODGE_SEG_ES:
		return &save->es;
	case LODGE_SEG_CS:
		return &save->cs;
	case LODGE_SEG_SS:
		return &save->ss;
	case LODGE_SEG_DS:
		return &save->ds;
	case LODGE_SEG_FS:
		return &save->fs;
	case LODGE_SEG_GS:
		return &save->gs;
	case LODGE_SEG_LDTR:
		return &save->ldtr;
	default:
		return &save->tr;
	}
}

/*
 * The VMCB packs attributes without the gap that descriptors have (AMD APM volume 2,
 * "Layout of VMCB", note on segment attributes), and has no bit for "unusable": such
 * a segment is not present.
 */
static u32 attr_from_vmcb(const struct vmcb_seg *from)
{
	u32 attr = (from->attrib & 0xff) | (u32)(from->attrib & 0xf00) << 4;

	/* Some CPUs do not keep G up to date; the limit tells what it must be. */
	attr &= ~LODGE_SEG_G;
	if (from->limit > 0xfffff)
		attr |= LODGE_SEG_G;
	if (!(attr & LODGE_SEG_P))
		attr |= LODGE_SEG_UNUSABLE;
	return attr;
}

static u16 attr_to_vmcb(u32 attr)
{
	if (attr & LODGE_SEG_UNUSABLE)
		attr &= ~LODGE_SEG_P;
	return (attr & 0xff) | (attr >> 4 & 0xf00);
}

static void read_segments(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = &vcpu->state;
	struct vmcb *vmcb = vcpu->svm->vmcb;
	unsigned int i;

	for (i = 0; i < LODGE_NR_SEGS; i++) {
		const struct vmcb_seg *from = segment(vmcb, i);
		struct lodge_segment *to = &state->segs[i];

		to->base = from->base;
		to->limit = from->limit;
		to->selector = from->selector;
		to->attr = attr_from_vmcb(from);
		/*
		 * Loading a segment sets its accessed bit, but some CPUs do not show
		 * it in the hidden part; Intel's checks demand it.
		 */
		if (i <= LODGE_SEG_GS && !(to->attr & LODGE_SEG_UNUSABLE))
			to->attr |= 1;
	}
	/* A loaded TSS is busy; some CPUs show it as available. */
	state->segs[LODGE_SEG_TR].attr |= 2;

	state->segs[LODGE_SEG_SS].attr &= ~LODGE_SEG_DPL_MASK;
	state->segs[LODGE_SEG_SS].attr |= vmcb->save.cpl << LODGE_SEG_DPL_SHIFT;

	state->gdtr = (struct lodge_table) { vmcb->save.gdtr.base, vmcb->save.gdtr.limit };
	state->idtr = (struct lodge_table) { vmcb->save.idtr.base, vmcb->save.idtr.limit };
}

/* Needs CR0 in the VMCB, so CRS is written first. */
static u8 derive_cpl(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;

	if (!(vcpu->svm->vmcb->save.cr0 & X86_CR0_PE))
		return 0;
	if (state->rflags & X86_EFLAGS_VM)
		return 3;
	return (state->segs[LODGE_SEG_SS].attr & LODGE_SEG_DPL_MASK) >> LODGE_SEG_DPL_SHIFT;
}

static void write_segments(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	struct vmcb *vmcb = vcpu->svm->vmcb;
	unsigned int i;

	for (i = 0; i < LODGE_NR_SEGS; i++) {
		const struct lodge_segment *from = &state->segs[i];
		struct vmcb_seg *to = segment(vmcb, i);

		to->base = from->base;
		to->limit = from->limit;
		to->selector = from->selector;
		to->attrib = attr_to_vmcb(from->attr);
	}
	vmcb->save.cpl = derive_cpl(vcpu);

	vmcb->save.gdtr.base = state->gdtr.base;
	vmcb->save.gdtr.limit = state->gdtr.limit;
	vmcb->save.idtr.base = state->idtr.base;
	vmcb->save.idtr.limit = state->idtr.limit;
	vmcb_set_dirty(vmcb, SVM_CLEAN_SEG | SVM_CLEAN_DT);
}

static void read_control(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = &vcpu->state;
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_save_area *save = &svm->vmcb->save;

	state->cr0 = save->cr0 | svm->cr0_hidden;
	state->cr2 = save->cr2;
	state->cr3 = save->cr3;
	state->cr4 = save->cr4;
	state->efer = save->efer & ~(u64)EFER_SVME;
}

static void write_control(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb *vmcb = svm->vmcb;

	svm->cr0_hidden = 0;
	if (lodge_has_quirk(vcpu->vm, KVM_X86_QUIRK_CD_NW_CLEARED))
		svm->cr0_hidden = state->cr0 & CR0_HIDDEN;
	vmcb->save.cr0 = state->cr0 & ~svm->cr0_hidden;
	vmcb->save.cr2 = state->cr2;
	vmcb->save.cr3 = state->cr3;
	vmcb->save.cr4 = state->cr4;
	/* VMRUN refuses a guest without SVME. */
	vmcb->save.efer = state->efer | EFER_SVME;
	vmcb_set_dirty(vmcb, SVM_CLEAN_CR | SVM_CLEAN_CR2);

	/* Every access shows the difference, while there is one. */
	vmcb_intercept(vmcb, INTERCEPT_CR0_READ, svm->cr0_hidden);
	vmcb_intercept(vmcb, INTERCEPT_CR0_WRITE, svm->cr0_hidden);
}

/* DR0-3 are in vcpu->state whenever the guest does not run. */
static void read_debug(struct lodge_vcpu *vcpu)
{
	struct vmcb_save_area *save = &vcpu->svm->vmcb->save;

	/* Nothing changes them without an exit then. */
	if (vcpu->svm->keeps_debug)
		return;
	vcpu->state.dr7 = save->dr7;
	vcpu->state.dr6 = save->dr6;
}

static void write_debug(struct lodge_vcpu *vcpu)
{
	struct vmcb *vmcb = vcpu->svm->vmcb;

	vmcb->save.dr7 = lodge_effective_dr7(vcpu);
	vmcb->save.dr6 = vcpu->svm->keeps_debug ? LODGE_DR6_RESET : vcpu->state.dr6;
	vmcb_set_dirty(vmcb, SVM_CLEAN_DR);
}

/*
 * PAT and DEBUGCTL are as common code wrote them but for what a #DB clears in
 * DEBUGCTL; TSC_AUX and the TSC offset change by common code alone.
 */
static void read_msrs(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = &vcpu->state;
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_save_area *save = &svm->vmcb->save;

	state->star = save->star;
	state->lstar = save->lstar;
	state->cstar = save->cstar;
	state->sfmask = save->sfmask;
	state->kernel_gs_base = save->kernel_gs_base;
	state->sysenter_cs = save->sysenter_cs;
	state->sysenter_esp = save->sysenter_esp;
	state->sysenter_eip = save->sysenter_eip;
	if (svm_caps.has_lbr)
		state->debugctl = save->dbgctl;
	state->spec_ctrl = svm_caps.has_virt_spec_ctrl_vmcb ? save->spec_ctrl :
							      svm->enter.spec_ctrl;
}

/**
 * svm_set_tsc_aux() - make the TSC_AUX MSR hold a value
 * @svm: loaded vCPU
 * @value: the guest's, or the host's to leave
 */
void svm_set_tsc_aux(struct svm_vcpu *svm, u64 value)
{
	if (svm_caps.has_tsc_aux && svm->tsc_aux != value) {
		svm->tsc_aux = value;
		wrmsrl(MSR_TSC_AUX, value);
	}
}

static void write_msrs(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb *vmcb = svm->vmcb;
	struct vmcb_save_area *save = &vmcb->save;

	save->star = state->star;
	save->lstar = state->lstar;
	save->cstar = state->cstar;
	save->sfmask = state->sfmask;
	save->kernel_gs_base = state->kernel_gs_base;
	save->sysenter_cs = state->sysenter_cs;
	save->sysenter_esp = state->sysenter_esp;
	save->sysenter_eip = state->sysenter_eip;
	save->g_pat = state->pat;
	save->spec_ctrl = state->spec_ctrl;
	svm->enter.spec_ctrl = state->spec_ctrl;

	/* The branch records are switched only for a guest that uses them. */
	save->dbgctl = state->debugctl;
	if (svm_caps.has_lbr && state->debugctl)
		vmcb->control.virt_ext |= LBR_CTL_ENABLE_MASK;
	else
		vmcb->control.virt_ext &= ~LBR_CTL_ENABLE_MASK;

	vmcb->control.tsc_offset = state->tsc_offset;
	svm_set_tsc_aux(svm, state->tsc_aux);
	vmcb_set_dirty(vmcb, SVM_CLEAN_NPT | SVM_CLEAN_LBR | SVM_CLEAN_INTERCEPTS);
}

/* SVM does not say which instruction cast the shadow; MOV SS holds off more. */
static void read_interruptibility(struct lodge_vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	bool shadow = svm->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK;

	vcpu->state.shadow = shadow ? LODGE_SHADOW_STI | LODGE_SHADOW_MOV_SS : 0;
	vcpu->state.nmi_blocked = svm->nmi != SVM_NMI_OPEN;
}

static void write_interruptibility(struct lodge_vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	u32 *int_state = &svm->vmcb->control.int_state;

	if (vcpu->state.shadow)
		*int_state |= SVM_INTERRUPT_SHADOW_MASK;
	else
		*int_state &= ~SVM_INTERRUPT_SHADOW_MASK;
	svm_nmi_set_blocked(svm, vcpu->state.nmi_blocked);
}

/**
 * svm_state_read() - hardware to vcpu->state
 * @vcpu: loaded vCPU
 * @blocks: LODGE_STATE_*
 */
void svm_state_read(struct lodge_vcpu *vcpu, u32 blocks)
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
 * svm_state_write() - vcpu->state to hardware
 * @vcpu: loaded vCPU
 * @blocks: LODGE_STATE_*
 */
void svm_state_write(struct lodge_vcpu *vcpu, u32 blocks)
{
	if (blocks & LODGE_STATE_CRS)
		write_control(vcpu);
	if (blocks & LODGE_STATE_SEGS)
		write_segments(vcpu);
	if (blocks & LODGE_STATE_DRS)
		write_debug(vcpu);
	if (blocks & LODGE_STATE_MSRS)
		write_msrs(vcpu);
	if (blocks & LODGE_STATE_INTR)
		write_interruptibility(vcpu);
}
