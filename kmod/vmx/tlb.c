// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: VPIDs, INVVPID and INVEPT. Translations of a guest's linear addresses carry
 * its VPID and the address of the EPT root; those of guest-physical addresses only the
 * latter (Intel SDM volume 3, "Caching Translation Information").
 *
 *   what is asked                   | with a VPID       | without
 *   LODGE_TLB_GUEST                 | INVVPID of it     | nothing: each entry drops them
 *   LODGE_TLB_TDP, another EPT root | INVEPT of the root: drops both kinds, of any VPID
 *   another pCPU than before        | both              | INVEPT
 *
 * A vCPU that comes back to a pCPU gets everything dropped even if it was there before:
 * what it was told to flush elsewhere may live on. So a VPID or a page of a root that is
 * used again by another vCPU meets nothing of its former user.
 *
 * Where the form for one context is not offered, the form for all is used.
 */
#include <linux/bitmap.h>
#include <linux/spinlock.h>

#include <asm/asm.h>

#include "vmx/vmx.h"

/* VPID 0 is the host's. */
static DECLARE_BITMAP(used_vpids, VMX_NR_VPIDS) = { 1 };
static DEFINE_SPINLOCK(vpid_lock);

/* Operand of both instructions. */
struct context {
	u64 tag;
	u64 reserved;
};

static void invvpid(unsigned long extent, u16 vpid)
{
	struct context context = { .tag = vpid };

	asm volatile("1: invvpid %0, %1\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (context), "r" (extent) : "cc", "memory");
}

static void invept(unsigned long extent, u64 eptp)
{
	struct context context = { .tag = eptp };

	asm volatile("1: invept %0, %1\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (context), "r" (extent) : "cc", "memory");
}

/**
 * vmx_vpid_alloc() - give a vCPU a VPID, if there is one left
 * @vmx: its vpid is set; 0 for none
 */
void vmx_vpid_alloc(struct vmx_vcpu *vmx)
{
	unsigned long vpid;

	if (!vmx_caps.has_vpid)
		return;
	spin_lock(&vpid_lock);
	vpid = find_first_zero_bit(used_vpids, VMX_NR_VPIDS);
	if (vpid < VMX_NR_VPIDS) {
		__set_bit(vpid, used_vpids);
		vmx->vpid = vpid;
	}
	spin_unlock(&vpid_lock);
}

/**
 * vmx_vpid_free() - give a VPID back
 * @vmx: vCPU that no pCPU runs; one without a VPID is fine
 */
void vmx_vpid_free(struct vmx_vcpu *vmx)
{
	if (!vmx->vpid)
		return;
	spin_lock(&vpid_lock);
	__clear_bit(vmx->vpid, used_vpids);
	spin_unlock(&vpid_lock);
	vmx->vpid = 0;
}

/**
 * vmx_tlb_carry_out() - do the flushes that are due
 * @vmx: vCPU, about to be entered
 *
 * IRQs off.
 */
void vmx_tlb_carry_out(struct vmx_vcpu *vmx)
{
	u64 offered = vmx_caps.ept_vpid;

	if (vmx->flushes & VMX_FLUSH_EPT) {
		if (offered & VMX_EPT_EXTENT_CONTEXT_BIT)
			invept(VMX_EPT_EXTENT_CONTEXT, vmx->eptp);
		else
			invept(VMX_EPT_EXTENT_GLOBAL, 0);
	}
	if ((vmx->flushes & VMX_FLUSH_VPID) && vmx->vpid) {
		if (offered & VMX_VPID_EXTENT_SINGLE_CONTEXT_CAP)
			invvpid(VMX_VPID_EXTENT_SINGLE_CONTEXT, vmx->vpid);
		else
			invvpid(VMX_VPID_EXTENT_ALL_CONTEXT, 0);
	}
	vmx->flushes = 0;
}

/**
 * vmx_tdp_load() - use another table of the second dimension
 * @vcpu: loaded vCPU
 * @root: address of the top table
 */
void vmx_tdp_load(struct lodge_vcpu *vcpu, hpa_t root)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	vmx->eptp = root | VMX_EPTP_MT_WB | VMX_EPTP_PWL_4;
	if (vmx_caps.has_ept_ad)
		vmx->eptp |= VMX_EPTP_AD_ENABLE_BIT;
	vmcs_write(EPT_POINTER, vmx->eptp);
	vmx_tlb_flush(vcpu, LODGE_TLB_TDP);
}

/**
 * vmx_tlb_flush() - drop translations with the next entry
 * @vcpu: loaded vCPU
 * @scope: the guest's own, or everything
 */
void vmx_tlb_flush(struct lodge_vcpu *vcpu, enum lodge_tlb_scope scope)
{
	vcpu->vmx->flushes |= scope == LODGE_TLB_TDP ? VMX_FLUSH_EPT : VMX_FLUSH_VPID;
}
