// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the MSR permission maps. A guest gets without an exit exactly those
 * MSRs that VMRUN, VMLOAD or enter.S switches between host and guest; the table
 * says which. The maps depend on nothing else, so all vCPUs share them: one for
 * each combination of the policy bits.
 */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/string.h>

#include <asm/io.h>
#include <asm/msr-index.h>

#include "msr_filter.h"
#include "svm/svm.h"

#define WRITE_ONLY	SVM_MSRPM_WRITE
#define FULL		(SVM_MSRPM_READ | SVM_MSRPM_WRITE)

struct passed_msr {
	u32 msr;
	u8 access;
	u32 policy;		/* LODGE_PASS_* that allows it; 0 for always */
};

static const struct passed_msr passed_msrs[] = {
	/* Switched by VMLOAD and VMSAVE. */
	{ MSR_STAR,		FULL, 0 },
	{ MSR_LSTAR,		FULL, 0 },
	{ MSR_CSTAR,		FULL, 0 },
	{ MSR_SYSCALL_MASK,	FULL, 0 },
	{ MSR_KERNEL_GS_BASE,	FULL, 0 },
	{ MSR_FS_BASE,		FULL, 0 },
	{ MSR_GS_BASE,		FULL, 0 },
	{ MSR_IA32_SYSENTER_CS,	FULL, 0 },
	{ MSR_IA32_SYSENTER_ESP, FULL, 0 },
	{ MSR_IA32_SYSENTER_EIP, FULL, 0 },
	/* Switched by enter.S or VMRUN, once the guest has shown that it uses it. */
	{ MSR_IA32_SPEC_CTRL,	FULL, LODGE_PASS_SPEC_CTRL },
	/* No state, only an effect; reading it is #GP. */
	{ MSR_IA32_PRED_CMD,	WRITE_ONLY, LODGE_PASS_PRED_CMD },
};

/* Index of a map: bit 0 for SPEC_CTRL, bit 1 for PRED_CMD. */
#define NR_MAPS		4

/* Behind those: nothing is passed, for a VM whose filter denies one of the passed MSRs. */
static u8 *maps[NR_MAPS + 1];

static unsigned int map_index(u32 policy)
{
	return (policy & LODGE_PASS_SPEC_CTRL ? 1 : 0) + (policy & LODGE_PASS_PRED_CMD ? 2 : 0);
}

/*
 * AMD APM volume 2, "MSR Intercepts": ranges of 0x2000 MSRs from 0, 0xc0000000 and
 * 0xc0010000. The table above holds only MSRs of the first two.
 */
static void pass_msr(u8 *map, const struct passed_msr *entry)
{
	u32 start = entry->msr & 0xc0000000;
	u32 index = entry->msr - start;
	u8 *range = map + (start ? SVM_MSRPM_RANGE_BYTES : 0);

	range[index / 4] &= ~(entry->access << (index % 4 * 2));
}

/**
 * svm_msr_setup() - build the maps
 *
 * May sleep. Return: 0 or -ENOMEM; what was allocated is left to svm_msr_teardown().
 */
int svm_msr_setup(void)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		u32 policy = (i & 1 ? LODGE_PASS_SPEC_CTRL : 0) |
			     (i & 2 ? LODGE_PASS_PRED_CMD : 0);

		maps[i] = (u8 *)__get_free_pages(GFP_KERNEL, get_order(SVM_MSRPM_BYTES));
		if (!maps[i])
			return -ENOMEM;
		memset(maps[i], 0xff, SVM_MSRPM_BYTES);
		for (j = 0; i < NR_MAPS && j < ARRAY_SIZE(passed_msrs); j++) {
			const struct passed_msr *entry = &passed_msrs[j];

			if (!entry->policy || (entry->policy & policy))
				pass_msr(maps[i], entry);
		}
	}
	return 0;
}

/**
 * svm_msr_teardown() - free the maps, also those of a setup that failed
 */
void svm_msr_teardown(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		free_pages((unsigned long)maps[i], get_order(SVM_MSRPM_BYTES));
		maps[i] = NULL;
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
		if ((entry->access & SVM_MSRPM_READ) &&
		    !msr_filter_allows(vm, entry->msr, KVM_MSR_FILTER_READ))
			return false;
		if ((entry->access & SVM_MSRPM_WRITE) &&
		    !msr_filter_allows(vm, entry->msr, KVM_MSR_FILTER_WRITE))
			return false;
	}
	return true;
}

/**
 * svm_msrpm_pa() - the map for a vCPU
 * @vcpu: its intercept_policy and its VM's filter decide
 *
 * Return: address as the VMCB takes it.
 */
hpa_t svm_msrpm_pa(const struct lodge_vcpu *vcpu)
{
	unsigned int index = map_index(vcpu->intercept_policy);

	if (msr_filter_exists(vcpu->vm) && !is_all_allowed(vcpu))
		index = NR_MAPS;
	return __sme_set(virt_to_phys(maps[index]));
}
