/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: access to a vCPU's state blocks. A block is fetched from the
 * hardware when it is first looked at after an exit and written back before
 * the next entry if it was changed.
 *
 * Context of everything here: vcpu->mutex held, vCPU loaded.
 */
#ifndef LODGE_REGS_H
#define LODGE_REGS_H

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "vcpu.h"
#include "vendor.h"

/**
 * lodge_regs_get() - make blocks current for reading
 * @vcpu: loaded vCPU
 * @blocks: LODGE_STATE_* mask
 *
 * Return: the state; only the named blocks (and GPRS) may be read.
 */
static inline struct lodge_x86_state *lodge_regs_get(struct lodge_vcpu *vcpu, u32 blocks)
{
	u32 missing = blocks & ~vcpu->state_valid;

	if (missing) {
		lodge_vendor->state_read(vcpu, missing);
		vcpu->state_valid |= missing;
	}
	return &vcpu->state;
}

/**
 * lodge_regs_change() - make blocks current and note that they will be changed
 * @vcpu: loaded vCPU
 * @blocks: LODGE_STATE_* mask
 *
 * Return: the state; the named blocks may be written until the next entry.
 */
static inline struct lodge_x86_state *lodge_regs_change(struct lodge_vcpu *vcpu, u32 blocks)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, blocks);

	vcpu->state_dirty |= blocks;
	return state;
}

/**
 * lodge_regs_flush() - write changed blocks to the hardware, before an entry
 * @vcpu: loaded vCPU
 */
static inline void lodge_regs_flush(struct lodge_vcpu *vcpu)
{
	u32 dirty = vcpu->state_dirty & ~LODGE_STATE_GPRS;

	if (dirty)
		lodge_vendor->state_write(vcpu, dirty);
	vcpu->state_dirty = 0;
}

/**
 * lodge_regs_forget() - after an exit: only GPRS are current
 * @vcpu: loaded vCPU
 */
static inline void lodge_regs_forget(struct lodge_vcpu *vcpu)
{
	vcpu->state_valid = LODGE_STATE_GPRS;
}

/* The breakpoints that the CPU is to have: the debugger's, or else the guest's own. */
static inline const u64 *lodge_breakpoints(const struct lodge_vcpu *vcpu)
{
	return vcpu->intercept_policy & LODGE_INTERCEPT_DR ? vcpu->debug.dr : vcpu->state.dr;
}

/* Likewise DR7; the DRS block is current. */
static inline u64 lodge_effective_dr7(const struct lodge_vcpu *vcpu)
{
	return vcpu->intercept_policy & LODGE_INTERCEPT_DR ? vcpu->debug.dr7 : vcpu->state.dr7;
}

/* 32-bit halves as RDMSR, CPUID and the like use them. */
static inline u32 lodge_reg32(struct lodge_vcpu *vcpu, enum lodge_gpr reg)
{
	return vcpu->state.gprs[reg];
}

/* RDX:RAX as WRMSR and XSETBV take it. */
static inline u64 lodge_edx_eax(struct lodge_vcpu *vcpu)
{
	return (u64)lodge_reg32(vcpu, LODGE_RDX) << 32 | lodge_reg32(vcpu, LODGE_RAX);
}

static inline bool lodge_is_protected(struct lodge_vcpu *vcpu)
{
	return lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr0 & X86_CR0_PE;
}

static inline bool lodge_is_paging(struct lodge_vcpu *vcpu)
{
	return lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr0 & X86_CR0_PG;
}

static inline bool lodge_is_long_mode(struct lodge_vcpu *vcpu)
{
	return lodge_regs_get(vcpu, LODGE_STATE_CRS)->efer & EFER_LMA;
}

/* Long mode with a 64-bit code segment. */
static inline bool lodge_is_64bit(struct lodge_vcpu *vcpu)
{
	return lodge_is_long_mode(vcpu) &&
	       (lodge_regs_get(vcpu, LODGE_STATE_SEGS)->segs[LODGE_SEG_CS].attr & LODGE_SEG_L);
}

int lodge_cpl(struct lodge_vcpu *vcpu);
void lodge_skip_insn(struct lodge_vcpu *vcpu, unsigned int length);
void lodge_regs_reset(struct lodge_vcpu *vcpu, bool is_init);

#endif /* LODGE_REGS_H */
