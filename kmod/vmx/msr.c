// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the MSR bitmaps, and the lists that VM entry and VM exit load. A guest gets
 * without an exit exactly those MSRs that VM entry, enter.S or vcpu_load() switches
 * between host and guest and that need no check of what is written; the table says which.
 * The bitmaps depend on nothing else, so all vCPUs share them: one for each combination of
 * the policy bits.
 */
#include <linux/gfp.h>
#include <linux/string.h>

#include <asm/io.h>
#include <asm/msr.h>
#include <asm/perf_event.h>

#include "msr_filter.h"
#include "vmx/vmx.h"

#define PASS_READ	BIT(0)
#define PASS_WRITE	BIT(1)
#define FULL		(PASS_READ | PASS_WRITE)

struct passed_msr {
	u32 msr;
	u8 access;
	u32 policy;		/* LODGE_PASS_* that allows it; 0 for always */
};

/*
 * STAR, LSTAR, SFMASK and TSC_AUX are the guest's while it runs but are not here:
 * vcpu->state stays their only copy, so nothing has to be read back at vcpu_put().
 */
static const struct passed_msr passed_msrs[] = {
	/* Written by system calls of some guests; read back at vcpu_put(). */
	{ MSR_KERNEL_GS_BASE,	FULL, 0 },
	/* Switched by VM entry and exit. */
	{ MSR_FS_BASE,		FULL, 0 },
	{ MSR_GS_BASE,		FULL, 0 },
	{ MSR_IA32_SYSENTER_CS,	FULL, 0 },
	{ MSR_IA32_SYSENTER_ESP, FULL, 0 },
	{ MSR_IA32_SYSENTER_EIP, FULL, 0 },
	/* Switched by enter.S, once the guest has shown that it uses it. */
	{ MSR_IA32_SPEC_CTRL,	FULL, LODGE_PASS_SPEC_CTRL },
	/* No state, only an effect; reading it is #GP. */
	{ MSR_IA32_PRED_CMD,	PASS_WRITE, LODGE_PASS_PRED_CMD },
	/* The CPU's own counts, for guests that may choose its idle states. */
	{ MSR_CORE_C1_RES,	PASS_READ, LODGE_PASS_CSTATE },
	{ MSR_CORE_C3_RESIDENCY, PASS_READ, LODGE_PASS_CSTATE },
	{ MSR_CORE_C6_RESIDENCY, PASS_READ, LODGE_PASS_CSTATE },
	{ MSR_CORE_C7_RESIDENCY, PASS_READ, LODGE_PASS_CSTATE },
};

/* Index of a bitmap: bit 0 for SPEC_CTRL, bit 1 for PRED_CMD, bit 2 for C-states. */
#define NR_BITMAPS	8

/* Behind those: nothing is passed, for a VM whose filter denies one of the passed MSRs. */
static u8 *bitmaps[NR_BITMAPS + 1];

static unsigned int bitmap_index(u32 policy)
{
	return (policy & LODGE_PASS_SPEC_CTRL ? 1 : 0) + (policy & LODGE_PASS_PRED_CMD ? 2 : 0) +
	       (policy & LODGE_PASS_CSTATE ? 4 : 0);
}

/*
 * Intel SDM volume 3, "MSR-Bitmap Address": a bit per MSR for ranges of 0x2000 MSRs from
 * 0 and 0xc0000000; both ranges for reads, then both for writes.
 */
static void pass_msr(u8 *bitmap, const struct passed_msr *entry)
{
	u32 start = entry->msr & 0xc0000000;
	u32 index = entry->msr - start;
	u8 *range = bitmap + (start ? VMX_MSR_BITMAP_RANGE_BYTES : 0);

	if (entry->access & PASS_READ)
		range[index / 8] &= ~BIT(index % 8);
	range += VMX_MSR_BITMAP_WRITES;
	if (entry->access & PASS_WRITE)
		range[index / 8] &= ~BIT(index % 8);
}

/**
 * vmx_msr_setup() - build the bitmaps
 *
 * May sleep. Return: 0 or -ENOMEM; what was allocated is left to vmx_msr_teardown().
 */
int vmx_msr_setup(void)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(bitmaps); i++) {
		u32 policy = (i & 1 ? LODGE_PASS_SPEC_CTRL : 0) |
			     (i & 2 ? LODGE_PASS_PRED_CMD : 0) |
			     (i & 4 ? LODGE_PASS_CSTATE : 0);

		bitmaps[i] = (u8 *)__get_free_page(GFP_KERNEL);
		if (!bitmaps[i])
			return -ENOMEM;
		memset(bitmaps[i], 0xff, PAGE_SIZE);
		for (j = 0; i < NR_BITMAPS && j < ARRAY_SIZE(passed_msrs); j++) {
			const struct passed_msr *entry = &passed_msrs[j];

			if (!entry->policy || (entry->policy & policy))
				pass_msr(bitmaps[i], entry);
		}
	}
	return 0;
}

/**
 * vmx_msr_teardown() - free the bitmaps, also those of a setup that failed
 */
void vmx_msr_teardown(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bitmaps); i++) {
		free_page((unsigned long)bitmaps[i]);
		bitmaps[i] = NULL;
	}
}

/* Whether the guest may have all passed MSRs, or user space wants to see some. */
static bool is_all_allowed(const struct lodge_vcpu *vcpu)
{
	struct lodge_vm *vm = vcpu->vm;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(passed_msrs); i++) {
		const struct passed_msr *entry = &passed_msrs[i];

		if (entry->policy && !(entry->policy & vcpu->intercept_policy))
			continue;
		if ((entry->access & PASS_READ) &&
		    !msr_filter_allows(vm, entry->msr, KVM_MSR_FILTER_READ))
			return false;
		if ((entry->access & PASS_WRITE) &&
		    !msr_filter_allows(vm, entry->msr, KVM_MSR_FILTER_WRITE))
			return false;
	}
	return true;
}

/**
 * vmx_msr_bitmap_pa() - the bitmap for a vCPU
 * @vcpu: its intercept_policy and its VM's filter decide
 *
 * Return: address as the VMCS takes it.
 */
hpa_t vmx_msr_bitmap_pa(const struct lodge_vcpu *vcpu)
{
	unsigned int index = bitmap_index(vcpu->intercept_policy);

	if (msr_filter_exists(vcpu->vm) && !is_all_allowed(vcpu))
		index = NR_BITMAPS;
	return virt_to_phys(bitmaps[index]);
}

/**
 * vmx_msr_note_perf() - have the host's counters stop, as far as they must, in the guest
 * @vmx: vCPU, about to be entered
 *
 * IRQs off. Events that were asked to exclude guests stop there; those that write records to
 * a linear address (PEBS) always: in a guest the address is the guest's. PEBS is switched off
 * ahead of the entry, as a record may still be on its way.
 */
void vmx_msr_note_perf(struct vmx_vcpu *vmx)
{
	const struct perf_guest_switch_msr *msrs;
	unsigned int nr = 0;
	int i, offered = 0;

	msrs = perf_guest_get_msrs(&offered, NULL);
	for (i = 0; msrs && i < offered && nr < VMX_MAX_PERF_MSRS; i++) {
		if (likely(msrs[i].host == msrs[i].guest))
			continue;
		if (msrs[i].msr == MSR_IA32_PEBS_ENABLE)
			wrmsrl(MSR_IA32_PEBS_ENABLE, 0);
		vmx->guest_perf[nr] = (struct vmx_msr_entry) {
			.index = msrs[i].msr, .value = msrs[i].guest,
		};
		vmx->host_perf[nr] = (struct vmx_msr_entry) {
			.index = msrs[i].msr, .value = msrs[i].host,
		};
		nr++;
	}
	if (likely(nr == vmx->nr_perf))
		return;
	vmx->nr_perf = nr;
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, nr);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, nr);
}
