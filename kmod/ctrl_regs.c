// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: legality and consequences of writes to control and debug registers
 * (AMD APM volume 2, "System Resources" and "Long-Mode Consistency Checks"; Intel SDM
 * volume 3, "Control Registers"). What bits a guest may have at all is cpuid.c's; how
 * registers reach the hardware is the backend's.
 */
#include <linux/errno.h>
#include <linux/string.h>

#include <asm/processor-flags.h>

#include "cpuid.h"
#include "ctrl_regs.h"
#include "fpu.h"
#include "mmu/mmu.h"
#include "regs.h"
#include "request.h"
#include "x86.h"

/* Bits of CR0 that exist; others read as written by nobody. */
#define CR0_DEFINED \
	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | \
	 X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

/* A change of any of these drops the TLB, global entries too. */
#define CR0_FLUSHES	(X86_CR0_PG | X86_CR0_PE | X86_CR0_WP)
#define CR4_FLUSHES \
	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_SMEP | \
	 X86_CR4_SMAP | X86_CR4_LA57)

/* A change of any of these makes a CPU with PAE paging load its four PDPTEs. */
#define CR0_LOADS_PDPTES	(X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)
#define CR4_LOADS_PDPTES	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_SMEP)

#define NR_PDPTES		4

/* Bits of a PDPTE that must be zero beside those above the address width. */
#define PDPTE_PRESENT		BIT_ULL(0)
#define PDPTE_RESERVED		(BIT_ULL(1) | BIT_ULL(2) | GENMASK_ULL(8, 5))

#define CR3_PAE_ADDRESS		GENMASK_ULL(31, 5)


unsigned int ctrl_linear_bits(struct lodge_vcpu *vcpu)
{
	return lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr4 & X86_CR4_LA57 ? 57 : 48;
}

/*
 * PAE paging outside of long mode: the PDPTEs are checked when they are loaded, and a
 * bad one faults the instruction that loads them. Those at @cr3 are read from guest
 * memory; one that cannot be read is as bad. Good ones become part of the CRS block, which
 * the caller has fetched and is about to change.
 */
static bool load_pdptes(struct lodge_vcpu *vcpu, u64 cr3)
{
	u64 reserved = vcpu->cpuid->gpa_reserved | PDPTE_RESERVED;
	u64 pdptes[NR_PDPTES];
	int i;

	if (guest_read(vcpu->vm, cr3 & CR3_PAE_ADDRESS, pdptes, sizeof(pdptes)))
		return false;
	for (i = 0; i < NR_PDPTES; i++) {
		if ((pdptes[i] & PDPTE_PRESENT) && (pdptes[i] & reserved))
			return false;
	}
	memcpy(vcpu->state.pdptrs, pdptes, sizeof(pdptes));
	return true;
}

static bool uses_pdptes(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LME);
}

/**
 * ctrl_reload_pdptes() - load the PDPTEs for control registers that user space has set
 * @vcpu: loaded vCPU, CRS changed
 *
 * What cannot be loaded now is left: user space may fill memory later, and a guest that
 * runs before faults.
 */
void ctrl_reload_pdptes(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = &vcpu->state;

	memset(state->pdptrs, 0, sizeof(state->pdptrs));
	if (uses_pdptes(state->cr0, state->cr4, state->efer))
		load_pdptes(vcpu, state->cr3);
}

/**
 * ctrl_get_pdptes() - the PDPTEs in force, for user space
 * @vcpu: loaded vCPU
 * @pdptes: filled, zeros where memory cannot be read
 *
 * What a CPU that reads them from memory has noted there (emulated ones note accesses) is not
 * part of them.
 *
 * Return: whether the paging mode has any.
 */
bool ctrl_get_pdptes(struct lodge_vcpu *vcpu, u64 pdptes[4])
{
	const struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_CRS);
	int i;

	if (!uses_pdptes(state->cr0, state->cr4, state->efer))
		return false;
	if (lodge_caps.has_pdptes) {
		memcpy(pdptes, state->pdptrs, sizeof(state->pdptrs));
		return true;
	}
	if (guest_read(vcpu->vm, state->cr3 & CR3_PAE_ADDRESS, pdptes, sizeof(state->pdptrs)))
		memset(pdptes, 0, sizeof(state->pdptrs));
	for (i = 0; i < NR_PDPTES; i++)
		pdptes[i] &= ~PDPTE_RESERVED;
	return true;
}

/* What holds of any value of CR0. */
static bool is_cr0_valid(u64 cr0)
{
	if (cr0 >> 32)
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	return !(cr0 & X86_CR0_PG) || (cr0 & X86_CR0_PE);
}

/*
 * CR0.PG turned on or off, with EFER.LME deciding whether that is long mode:
 *
 *   PG goes | LME | allowed if
 *   on      | 0   | (PAE: PDPTEs are good, the caller checks)
 *   on      | 1   | CR4.PAE, and CS is not a 64-bit segment
 *   off     | any | not executing 64-bit code, and no PCIDs in use
 */
static bool may_switch_paging(struct lodge_vcpu *vcpu, bool on)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_CRS | LODGE_STATE_SEGS);

	if (!on)
		return !lodge_is_64bit(vcpu) && !(state->cr4 & X86_CR4_PCIDE);
	if (!(state->efer & EFER_LME))
		return true;
	return (state->cr4 & X86_CR4_PAE) && !(state->segs[LODGE_SEG_CS].attr & LODGE_SEG_L);
}

/**
 * ctrl_set_cr0() - MOV to CR0
 * @vcpu: loaded vCPU
 * @value: operand
 *
 * Enters or leaves long mode where PG changes with EFER.LME set.
 *
 * Return: 0; -EINVAL (#GP).
 */
int ctrl_set_cr0(struct lodge_vcpu *vcpu, u64 value)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_CRS);
	u64 cr0, changed;

	if (!is_cr0_valid(value))
		return -EINVAL;
	cr0 = (value & CR0_DEFINED) | X86_CR0_ET;
	changed = cr0 ^ state->cr0;

	if ((changed & X86_CR0_PG) && !may_switch_paging(vcpu, cr0 & X86_CR0_PG))
		return -EINVAL;
	if ((changed & CR0_LOADS_PDPTES) && uses_pdptes(cr0, state->cr4, state->efer) &&
	    !load_pdptes(vcpu, state->cr3))
		return -EINVAL;

	lodge_regs_change(vcpu, LODGE_STATE_CRS);
	state->cr0 = cr0;
	if (changed & X86_CR0_PG) {
		state->efer &= ~EFER_LMA;
		if ((cr0 & X86_CR0_PG) && (state->efer & EFER_LME))
			state->efer |= EFER_LMA;
	}
	if (changed & CR0_FLUSHES)
		lodge_request_set(vcpu, LODGE_REQ_TLB_FLUSH_GUEST);
	return 0;
}

/**
 * ctrl_lmsw() - LMSW: the low four bits of CR0; PE can be set, not cleared
 * @vcpu: loaded vCPU
 * @source: operand
 *
 * Return: 0; -EINVAL (#GP).
 */
int ctrl_lmsw(struct lodge_vcpu *vcpu, u16 source)
{
	const u64 replaced = X86_CR0_MP | X86_CR0_EM | X86_CR0_TS;
	u64 cr0 = lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr0;

	return ctrl_set_cr0(vcpu, (cr0 & ~replaced) | (source & (replaced | X86_CR0_PE)));
}

/* CLTS. */
void ctrl_clts(struct lodge_vcpu *vcpu)
{
	lodge_regs_change(vcpu, LODGE_STATE_CRS)->cr0 &= ~(u64)X86_CR0_TS;
}

/**
 * ctrl_set_cr3() - MOV to CR3
 * @vcpu: loaded vCPU
 * @value: operand; with PCIDs, bit 63 keeps the TLB and is not stored
 *
 * Return: 0; -EINVAL (#GP).
 */
int ctrl_set_cr3(struct lodge_vcpu *vcpu, u64 value)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_CRS);
	bool keeps_tlb = false;

	if (state->cr4 & X86_CR4_PCIDE) {
		keeps_tlb = value & X86_CR3_PCID_NOFLUSH;
		value &= ~X86_CR3_PCID_NOFLUSH;
	}
	if ((state->efer & EFER_LMA) && (value & vcpu->cpuid->gpa_reserved))
		return -EINVAL;
	if (uses_pdptes(state->cr0, state->cr4, state->efer) && !load_pdptes(vcpu, value))
		return -EINVAL;

	lodge_regs_change(vcpu, LODGE_STATE_CRS)->cr3 = value;
	if (!keeps_tlb)
		lodge_request_set(vcpu, LODGE_REQ_TLB_FLUSH_GUEST);
	return 0;
}

/*
 * CR4 in long mode, or on the way to PCIDs:
 *
 *   bit   | change | allowed if
 *   PAE   | off    | not in long mode
 *   LA57  | any    | not in long mode
 *   PCIDE | on     | in long mode, and CR3's PCID is zero
 */
static bool may_change_cr4(const struct lodge_x86_state *state, u64 cr4)
{
	u64 changed = cr4 ^ state->cr4;
	bool is_long = state->efer & EFER_LMA;

	if (is_long && (!(cr4 & X86_CR4_PAE) || (changed & X86_CR4_LA57)))
		return false;
	if (changed & cr4 & X86_CR4_PCIDE)
		return is_long && !(state->cr3 & X86_CR3_PCID_MASK);
	return true;
}

/**
 * ctrl_set_cr4() - MOV to CR4
 * @vcpu: loaded vCPU
 * @value: operand
 *
 * Return: 0; -EINVAL (#GP).
 */
int ctrl_set_cr4(struct lodge_vcpu *vcpu, u64 value)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_CRS);
	u64 changed = value ^ state->cr4;

	if (value & ~vcpu->cpuid->cr4_allowed)
		return -EINVAL;
	if (!may_change_cr4(state, value))
		return -EINVAL;
	if ((changed & CR4_LOADS_PDPTES) && uses_pdptes(state->cr0, value, state->efer) &&
	    !load_pdptes(vcpu, state->cr3))
		return -EINVAL;

	lodge_regs_change(vcpu, LODGE_STATE_CRS)->cr4 = value;
	if (changed & CR4_FLUSHES)
		lodge_request_set(vcpu, LODGE_REQ_TLB_FLUSH_GUEST);
	return 0;
}

/**
 * ctrl_set_efer() - WRMSR to EFER
 * @vcpu: loaded vCPU
 * @value: operand; LMA is not written, it follows from LME and CR0.PG
 * @from_user: KVM_SET_MSRS: the guest's CPUID is not asked, only what is supported,
 *             and LME may change while paging is on, as KVM lets it
 *
 * Return: 0; -EINVAL (#GP).
 */
int ctrl_set_efer(struct lodge_vcpu *vcpu, u64 value, bool from_user)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_CRS);
	u64 allowed = from_user ? cpuid_supported_efer() : vcpu->cpuid->efer_allowed;
	u64 changed;

	if (value & ~allowed)
		return -EINVAL;
	value = (value & ~EFER_LMA) | (state->efer & EFER_LMA);
	changed = value ^ state->efer;
	if (!from_user && (changed & EFER_LME) && (state->cr0 & X86_CR0_PG))
		return -EINVAL;

	lodge_regs_change(vcpu, LODGE_STATE_CRS)->efer = value;
	if (changed & EFER_NX)
		lodge_request_set(vcpu, LODGE_REQ_TLB_FLUSH_GUEST);
	return 0;
}

/**
 * ctrl_set_xcr0() - XSETBV
 * @vcpu: loaded vCPU
 * @index: ECX; there is XCR0 only
 * @value: EDX:EAX
 *
 * Return: 0; -EINVAL (#GP).
 */
int ctrl_set_xcr0(struct lodge_vcpu *vcpu, u32 index, u64 value)
{
	if (index || lodge_cpl(vcpu))
		return -EINVAL;
	return fpu_set_xcr0(vcpu, value);
}

/* DR4 and DR5 are other names of DR6 and DR7, unless CR4.DE makes them undefined. */
static int resolve_dr(struct lodge_vcpu *vcpu, unsigned int *dr)
{
	if (*dr != 4 && *dr != 5)
		return 0;
	if (lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr4 & X86_CR4_DE)
		return -EOPNOTSUPP;
	*dr += 2;
	return 0;
}

/**
 * ctrl_get_dr() - MOV from a debug register
 * @vcpu: loaded vCPU
 * @dr: 0 to 7
 * @value: filled
 *
 * Return: 0; -EOPNOTSUPP (#UD).
 */
int ctrl_get_dr(struct lodge_vcpu *vcpu, unsigned int dr, u64 *value)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_DRS);
	int ret = resolve_dr(vcpu, &dr);

	if (ret)
		return ret;
	if (dr < 4)
		*value = state->dr[dr];
	else
		*value = dr == 6 ? state->dr6 : state->dr7;
	return 0;
}

/**
 * ctrl_set_dr() - MOV to a debug register
 * @vcpu: loaded vCPU
 * @dr: 0 to 7
 * @value: operand
 *
 * Return: 0; -EINVAL (#GP) for bits above 31 of DR6 and DR7; -EOPNOTSUPP (#UD).
 */
int ctrl_set_dr(struct lodge_vcpu *vcpu, unsigned int dr, u64 value)
{
	struct lodge_x86_state *state;
	int ret = resolve_dr(vcpu, &dr);
	u64 fixed = LODGE_DR6_FIXED_1;

	if (ret)
		return ret;
	if (dr >= 4 && value >> 32)
		return -EINVAL;

	state = lodge_regs_change(vcpu, LODGE_STATE_DRS);
	if (dr < 4) {
		state->dr[dr] = value;
	} else if (dr == 6) {
		if (!cpuid_has(vcpu, X86_FEATURE_RTM))
			fixed |= LODGE_DR6_RTM;
		state->dr6 = (value & LODGE_DR6_VOLATILE) | fixed;
	} else {
		state->dr7 = (value & LODGE_DR7_VOLATILE) | LODGE_DR7_FIXED_1;
	}
	return 0;
}

/**
 * ctrl_sregs_valid() - could a CPU be in this state? For KVM_SET_SREGS
 * @vcpu: loaded vCPU
 * @sregs: what user space wants
 *
 *   CR0.PG and EFER.LME | must be
 *   both                | CR4.PAE, EFER.LMA, CR3 within the address width
 *   not both            | no EFER.LMA, no 64-bit CS
 *
 * Besides each register is checked by itself. PDPTEs are not: user space may fill
 * memory later.
 */
bool ctrl_sregs_valid(struct lodge_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	bool is_long = (sregs->efer & EFER_LME) && (sregs->cr0 & X86_CR0_PG);

	if (!is_cr0_valid(sregs->cr0))
		return false;
	if (sregs->cr4 & ~vcpu->cpuid->cr4_allowed)
		return false;
	if (sregs->efer & ~cpuid_supported_efer())
		return false;

	if (!is_long)
		return !(sregs->efer & EFER_LMA) && !sregs->cs.l;
	return (sregs->efer & EFER_LMA) && (sregs->cr4 & X86_CR4_PAE) &&
	       !(sregs->cr3 & vcpu->cpuid->gpa_reserved);
}
