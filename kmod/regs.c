// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 1: what is said of registers in more than a line: privilege level,
 * skipping an instruction, reset values.
 */
#include <linux/string.h>

#include "regs.h"
#include "x86.h"

/**
 * lodge_cpl() - current privilege level
 * @vcpu: loaded vCPU
 *
 * The DPL of SS is the CPL on every exit: VMX keeps it so, svm/state.c makes it so.
 *
 * Return: 0 to 3.
 */
int lodge_cpl(struct lodge_vcpu *vcpu)
{
	u32 attr = lodge_regs_get(vcpu, LODGE_STATE_SEGS)->segs[LODGE_SEG_SS].attr;

	return (attr & LODGE_SEG_DPL_MASK) >> LODGE_SEG_DPL_SHIFT;
}

/**
 * lodge_skip_insn() - go on behind an instruction that was handled
 * @vcpu: loaded vCPU
 * @length: its length in bytes
 *
 * RIP wraps as the code segment's size says; an interrupt shadow ends here.
 */
void lodge_skip_insn(struct lodge_vcpu *vcpu, unsigned int length)
{
	struct lodge_x86_state *state = &vcpu->state;
	u64 rip = state->rip + length;

	/* Only a carry out of bit 31 can need the mode, which costs a fetch. */
	if (unlikely((rip ^ state->rip) >> 32) && !lodge_is_64bit(vcpu))
		rip = (u32)rip;
	state->rip = rip;

	if (lodge_regs_get(vcpu, LODGE_STATE_INTR)->shadow)
		lodge_regs_change(vcpu, LODGE_STATE_INTR)->shadow = 0;
}

static void segment_reset(struct lodge_segment *seg, u32 attr)
{
	*seg = (struct lodge_segment) { .limit = 0xffff, .attr = attr };
}

/**
 * lodge_regs_reset() - give all blocks their architectural reset values
 * @vcpu: vCPU, mutex held
 * @is_init: INIT rather than power-on: CR0.CD and NW, the debug registers' and
 *           most MSRs' values survive
 *
 * AMD APM volume 2, "Processor Initialization State"; Intel SDM volume 3, "Processor
 * State After Reset".
 */
void lodge_regs_reset(struct lodge_vcpu *vcpu, bool is_init)
{
	const u32 data = 0x3 | LODGE_SEG_S | LODGE_SEG_P;	/* read/write, accessed */
	const u32 code = 0xb | LODGE_SEG_S | LODGE_SEG_P;	/* execute/read, accessed */
	struct lodge_x86_state *state = &vcpu->state;
	u64 cache_bits = X86_CR0_CD | X86_CR0_NW;
	int i;

	if (is_init)
		cache_bits &= state->cr0;

	memset(state->gprs, 0, sizeof(state->gprs));
	state->gprs[LODGE_RDX] = 0x600;		/* a family 6 signature */
	state->rip = 0xfff0;
	state->rflags = X86_EFLAGS_FIXED;

	for (i = LODGE_SEG_ES; i <= LODGE_SEG_GS; i++)
		segment_reset(&state->segs[i], data);
	segment_reset(&state->segs[LODGE_SEG_CS], code);
	state->segs[LODGE_SEG_CS].selector = 0xf000;
	state->segs[LODGE_SEG_CS].base = 0xffff0000;
	segment_reset(&state->segs[LODGE_SEG_LDTR], 0x2 | LODGE_SEG_P);
	segment_reset(&state->segs[LODGE_SEG_TR], 0xb | LODGE_SEG_P);
	state->gdtr = (struct lodge_table) { .limit = 0xffff };
	state->idtr = (struct lodge_table) { .limit = 0xffff };

	state->cr0 = X86_CR0_ET | cache_bits;
	state->cr2 = 0;
	state->cr3 = 0;
	state->cr4 = 0;
	state->efer = 0;

	memset(state->dr, 0, sizeof(state->dr));
	state->dr6 = LODGE_DR6_RESET;
	state->dr7 = LODGE_DR7_FIXED_1;

	if (!is_init) {
		state->star = 0;
		state->lstar = 0;
		state->cstar = 0;
		state->sfmask = 0;
		state->kernel_gs_base = 0;
		state->sysenter_cs = 0;
		state->sysenter_esp = 0;
		state->sysenter_eip = 0;
		state->debugctl = 0;
		state->spec_ctrl = 0;
		state->virt_spec_ctrl = 0;
		state->tsc_aux = 0;
		/* PA0..PA7: WB WT UC- UC, twice; the value of every reset. */
		state->pat = 0x0007040600070406ull;
	}

	state->shadow = 0;
	state->nmi_blocked = false;

	vcpu->state_valid = LODGE_STATE_ALL;
	vcpu->state_dirty = LODGE_STATE_ALL;
}
