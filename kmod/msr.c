// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the MSRs as guests and user space reach them: find the entry of msr_table.c,
 * ask whether this is allowed, read or write where the MSR lives.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

#include "cpuid.h"
#include "ctrl_regs.h"
#include "irqchip/irqchip.h"
#include "mca.h"
#include "msr.h"
#include "msr_table.h"
#include "regs.h"
#include "request.h"
#include "x86.h"

/* Microcode levels that no guest takes for one with a known fault. */
#define UCODE_REV_AMD		0x01000065ull
#define UCODE_REV_INTEL		0x100000000ull

/* Errata 400 and 415 are not visible to guests: HLT and port accesses exit. */
#define OSVW_KNOWN_ERRATA	3

/* What lodge has of IA32_ARCH_CAPABILITIES: "this CPU does not suffer from". */
#define ARCH_CAPABILITIES_PASSED \
	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA | ARCH_CAP_SKIP_VMENTRY_L1DFLUSH | \
	 ARCH_CAP_SSB_NO | ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO | \
	 ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO | ARCH_CAP_FB_CLEAR | \
	 ARCH_CAP_RRSBA | ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO | \
	 ARCH_CAP_RFDS_CLEAR | ARCH_CAP_BHI_NO | ARCH_CAP_ITS_NO)

/* NULL if there is no such MSR here. */
static const struct msr_entry *find_msr(u32 index)
{
	int i;

	for (i = 0; i < msr_table_size; i++) {
		const struct msr_entry *entry = &msr_table[i];

		if (index - entry->first < entry->count)
			return entry->exists && !entry->exists() ? NULL : entry;
	}
	return NULL;
}

static u64 *own_place(struct lodge_vcpu *vcpu, const struct msr_entry *entry, u32 index)
{
	u32 i = array_index_nospec(index - entry->first, entry->count);

	return (u64 *)((u8 *)vcpu->msrs + entry->offset) + i;
}

static u64 *state_place(struct lodge_x86_state *state, const struct msr_entry *entry)
{
	return (u64 *)((u8 *)state + entry->offset);
}

/**
 * msr_get() - RDMSR, and KVM_GET_MSRS
 * @vcpu: loaded vCPU
 * @index: which
 * @data: filled on success
 * @from_user: the guest's CPUID is not asked
 *
 * Return: 0; -ENOENT if there is no such MSR, or none to be read; -EINVAL if the guest may not.
 */
int msr_get(struct lodge_vcpu *vcpu, u32 index, u64 *data, bool from_user)
{
	const struct msr_entry *entry;

	/* A busy guest's LAPIC accesses do not have to wait for the search. */
	if (index - APIC_BASE_MSR < 0x100)
		return msr_get_lapic(vcpu, index, data);

	entry = find_msr(index);
	if (!entry)
		return -ENOENT;
	if (!from_user && msr_guest_lacks(vcpu, entry, index))
		return -EINVAL;

	switch (entry->place) {
	case PLACE_OWN:
		*data = *own_place(vcpu, entry, index);
		return 0;
	case PLACE_STATE:
		*data = *state_place(lodge_regs_get(vcpu, LODGE_STATE_MSRS), entry);
		return 0;
	case PLACE_CONSTANT:
		*data = entry->value;
		return 0;
	case PLACE_FUNCTIONS:
		return entry->get(vcpu, index, data);
	default:
		return -ENOENT;
	}
}

static int store_msr(struct lodge_vcpu *vcpu, const struct msr_entry *entry, u32 index, u64 data,
		     bool from_user)
{
	if (data & ~entry->writable)
		return -EINVAL;
	if (entry->is_canonical && !lodge_is_canonical(data, ctrl_linear_bits(vcpu)))
		return -EINVAL;
	if (entry->check && entry->check(vcpu, index, data, from_user))
		return -EINVAL;

	switch (entry->place) {
	case PLACE_OWN:
		*own_place(vcpu, entry, index) = data;
		return 0;
	case PLACE_STATE:
		*state_place(lodge_regs_change(vcpu, LODGE_STATE_MSRS), entry) = data;
		return 0;
	default:
		return entry->set(vcpu, index, data, from_user);
	}
}

/**
 * msr_set() - WRMSR, and KVM_SET_MSRS
 * @vcpu: loaded vCPU
 * @index: which
 * @data: new value
 * @from_user: user space restores: it may write what guests may only read, and the
 *             guest's CPUID is not asked
 *
 * Return: 0; -ENOENT if there is no such MSR, or none to be written; -EINVAL if this value, or
 * the guest at all, may not.
 */
int msr_set(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	const struct msr_entry *entry;

	if (index - APIC_BASE_MSR < 0x100)
		return msr_set_lapic(vcpu, index, data, from_user);

	entry = find_msr(index);
	if (!entry)
		return -ENOENT;
	if (!from_user && msr_guest_lacks(vcpu, entry, index))
		return -EINVAL;

	switch (entry->write) {
	case WRITE_ALL:
		break;
	case WRITE_USER:
		if (!from_user)
			return -EINVAL;
		break;
	case WRITE_USER_ELSE_IGNORE:
		if (!from_user)
			return 0;
		break;
	case WRITE_IGNORE:
		return 0;
	default:
		return -ENOENT;
	}
	return store_msr(vcpu, entry, index, data, from_user);
}

/**
 * msr_index_list() - KVM_GET_MSR_INDEX_LIST
 * @indices: room for *@count numbers
 * @count: in: room; out: how many there are
 *
 * Each of the list can be read and written back by user space at any time.
 *
 * Return: 0; -E2BIG if the room is too small.
 */
int msr_index_list(u32 *indices, u32 *count)
{
	u32 room = *count, total = 0, i, j;

	for (i = 0; i < msr_table_size; i++) {
		const struct msr_entry *entry = &msr_table[i];

		if (!entry->is_saved || (entry->exists && !entry->exists()))
			continue;
		for (j = 0; j < entry->count; j++, total++) {
			if (total < room)
				indices[total] = entry->first + j;
		}
	}
	*count = total;
	return total > room ? -E2BIG : 0;
}

/* MSRs that describe the host to user space, by KVM_GET_MSRS on the system fd. */
static const u32 feature_msrs[] = {
	MSR_IA32_UCODE_REV, MSR_IA32_ARCH_CAPABILITIES,
	/* The last: AMD's alone. */
	MSR_AMD64_DE_CFG,
};

static u32 nr_feature_msrs(void)
{
	bool is_amd = boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
		      boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;

	return ARRAY_SIZE(feature_msrs) - !is_amd;
}

/**
 * msr_feature_list() - KVM_GET_MSR_FEATURE_INDEX_LIST
 * @indices: room for *@count numbers
 * @count: in: room; out: how many there are
 *
 * Return: 0; -E2BIG if the room is too small.
 */
int msr_feature_list(u32 *indices, u32 *count)
{
	u32 room = *count;

	*count = nr_feature_msrs();
	if (room < *count)
		return -E2BIG;
	memcpy(indices, feature_msrs, *count * sizeof(*indices));
	return 0;
}

/* The host's own value, completed by what the kernel knows of the CPU. */
static u64 feature_arch_capabilities(void)
{
	static const struct {
		u16 bug;
		u64 bit;
	} immune[] = {
		{ X86_BUG_CPU_MELTDOWN, ARCH_CAP_RDCL_NO },
		{ X86_BUG_SPEC_STORE_BYPASS, ARCH_CAP_SSB_NO },
		{ X86_BUG_MDS, ARCH_CAP_MDS_NO },
		{ X86_BUG_GDS, ARCH_CAP_GDS_NO },
	};
	u64 data = 0;
	int i;

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, data);
	data &= ARCH_CAPABILITIES_PASSED;

	/* A page-size change in a guest cannot stop the host: nested guests are not offered. */
	data |= ARCH_CAP_PSCHANGE_MC_NO;
	for (i = 0; i < ARRAY_SIZE(immune); i++) {
		if (!boot_cpu_has_bug(immune[i].bug))
			data |= immune[i].bit;
	}
	/* "Not affected" by TSX asynchronous abort says something only where there is TSX. */
	if (!boot_cpu_has(X86_FEATURE_RTM))
		data &= ~(u64)ARCH_CAP_TAA_NO;
	else if (!boot_cpu_has_bug(X86_BUG_TAA))
		data |= ARCH_CAP_TAA_NO;
	return data;
}

/**
 * msr_get_feature() - KVM_GET_MSRS on the system fd
 * @index: one of msr_feature_list()
 * @data: filled
 *
 * Return: 0; -ENOENT for another.
 */
int msr_get_feature(u32 index, u64 *data)
{
	switch (index) {
	case MSR_IA32_UCODE_REV:
		*data = 0;
		/* Some hypervisors beneath lack it; then there is nothing to tell. */
		rdmsrl_safe(MSR_IA32_UCODE_REV, data);
		return 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		*data = feature_arch_capabilities();
		return 0;
	case MSR_AMD64_DE_CFG:
		if (nr_feature_msrs() < ARRAY_SIZE(feature_msrs))
			return -ENOENT;
		*data = msr_host_de_cfg();
		return 0;
	default:
		return -ENOENT;
	}
}

/**
 * msr_create() - give a vCPU its MSRs
 * @vcpu: vCPU in creation
 *
 * Return: 0; -ENOMEM. msr_destroy() undoes either.
 */
int msr_create(struct lodge_vcpu *vcpu)
{
	struct lodge_msrs *msrs = kzalloc(sizeof(*msrs), GFP_KERNEL_ACCOUNT);

	if (!msrs)
		return -ENOMEM;
	msrs->ucode_rev = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ? UCODE_REV_INTEL :
									 UCODE_REV_AMD;
	msrs->arch_capabilities = feature_arch_capabilities();
	msrs->osvw_id_length = OSVW_KNOWN_ERRATA;
	msrs->platform_info = MSR_PLATFORM_INFO_CPUID_FAULT;
	vcpu->msrs = msrs;
	msr_reset(vcpu, false);
	msrs->mca = mca_create();
	return msrs->mca ? 0 : -ENOMEM;
}

/* Counterpart of msr_create(), also of one that failed. */
void msr_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->msrs)
		return;
	mca_destroy(vcpu->msrs->mca);
	kfree(vcpu->msrs);
	vcpu->msrs = NULL;
}

/**
 * msr_reset() - values after RESET; INIT leaves all of them alone
 * @vcpu: vCPU, mutex held
 * @is_init: INIT
 *
 * Machine-check registers survive both. The state block's are regs.c's.
 */
void msr_reset(struct lodge_vcpu *vcpu, bool is_init)
{
	struct lodge_msrs *msrs = vcpu->msrs;

	if (is_init)
		return;
	vcpu->misc_enable = MISC_ENABLE_NO_PMU;
	msrs->misc_features = 0;
	vcpu->cpuid->is_privileged = false;
	msrs->hwcr = 0;
	msrs->de_cfg = msr_host_de_cfg();
	msrs->mtrr_def_type = 0;
	memset(msrs->mtrr_fixed, 0, sizeof(msrs->mtrr_fixed));
	memset(msrs->mtrr_var, 0, sizeof(msrs->mtrr_var));
}

u64 msr_mce_cap_supported(void)
{
	return MCA_CAP_SUPPORTED;
}

/**
 * msr_setup_mce() - KVM_X86_SETUP_MCE
 * @vcpu: vCPU, mutex held
 * @mcg_cap: number of banks, and abilities
 *
 * Return: 0; -EINVAL for too many banks or none, or an ability that is not supported.
 */
int msr_setup_mce(struct lodge_vcpu *vcpu, u64 mcg_cap)
{
	return mca_setup(vcpu->msrs->mca, mcg_cap);
}

/**
 * msr_set_mce() - KVM_X86_SET_MCE: a machine-check error befalls the guest
 * @vcpu: loaded vCPU
 * @mce: where and what
 *
 * Uncorrected, it raises #MC, or shuts the guest down if that is not ready for one.
 *
 * Return: 0; -EINVAL for a bank that is not there, or a status that is not valid.
 */
int msr_set_mce(struct lodge_vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	bool is_ready = lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr4 & X86_CR4_MCE;
	int ret = mca_record(vcpu->msrs->mca, mce, is_ready);

	/* The queue's rules are floor 4's; its place is in the vCPU. */
	switch (ret) {
	case MCA_RAISE:
		vcpu->events.exception = (struct lodge_event) {
			.class = LODGE_EVENT_EXCEPTION,
			.vector = LODGE_VECTOR_MC,
		};
		break;
	case MCA_SHUTDOWN:
		vcpu->events.triple_fault = true;
		break;
	default:
		return ret;
	}
	lodge_request_set(vcpu, LODGE_REQ_EVENT);
	return 0;
}
