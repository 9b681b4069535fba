// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: CPUID as a guest was given it: keeps the entries of user space, holds ready
 * what other code derives from them, and answers the CPUID instruction.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/fpu/types.h>
#include <asm/kvm_para.h>

#include "cpuid.h"
#include "cpuid_words.h"
#include "fpu.h"
#include "regs.h"
#include "vendor.h"
#include "vm.h"

#define F(name)		BIT(X86_FEATURE_##name % 32)

/* Bits of vcpu->intercept_policy that follow from CPUID. */
#define INSTRUCTION_INTERCEPTS \
	(LODGE_INTERCEPT_RDTSCP | LODGE_INTERCEPT_INVPCID | LODGE_INTERCEPT_XSAVES)

static struct kvm_cpuid_entry2 *find_entry(const struct lodge_cpuid *cpuid, u32 function, u32 index)
{
	u32 i;

	for (i = 0; i < cpuid->nr_entries; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function != function)
			continue;
		if (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == index)
			return entry;
	}
	return NULL;
}

/* The vendors whose CPUs answer zero for a leaf that they do not have. */
static bool is_amd_vendor(const struct kvm_cpuid_entry2 *leaf0)
{
	static const char names[][12] = { "AuthenticAMD", "HygonGenuine", "AMDisbetter!" };
	u32 name[3] = { leaf0->ebx, leaf0->edx, leaf0->ecx };
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!memcmp(name, names[i], sizeof(name)))
			return true;
	}
	return false;
}

/* Leaves of hypervisors come in blocks of 0x100; the first of a block has the signature. */
static void find_pv_features(struct lodge_cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *entry;
	u32 base;

	cpuid->pv_leaf = 0;
	cpuid->pv_features = 0;
	for (base = KVM_CPUID_SIGNATURE; base < KVM_CPUID_SIGNATURE + 0x10000; base += 0x100) {
		entry = find_entry(cpuid, base, 0);
		if (!entry || memcmp(&entry->ebx, "KVMKVMKVM\0\0\0", 12))
			continue;
		entry = find_entry(cpuid, base | KVM_CPUID_FEATURES, 0);
		if (entry) {
			cpuid->pv_leaf = entry->function;
			cpuid->pv_features = entry->eax;
		}
		return;
	}
}

/* Work out the facts that depend on the entries. */
static void derive_facts(struct lodge_cpuid *cpuid)
{
	struct kvm_cpuid_entry2 *entry;
	int i;

	memset(cpuid->features, 0, sizeof(cpuid->features));
	for (i = 0; i < cpuid_nr_words; i++) {
		const struct feature_word *word = &cpuid_words[i];

		entry = find_entry(cpuid, word->function, word->index);
		if (entry)
			cpuid->features[word->word] = *cpuid_entry_reg(entry, word->reg);
	}

	entry = find_entry(cpuid, 0, 0);
	cpuid->is_amd = entry && is_amd_vendor(entry);

	cpuid->phys_bits = 36;
	entry = find_entry(cpuid, 0x80000000, 0);
	if (entry && entry->eax >= 0x80000008) {
		entry = find_entry(cpuid, 0x80000008, 0);
		if (entry)
			cpuid->phys_bits = entry->eax;
	}
	cpuid->gpa_reserved = cpuid->phys_bits < 64 ? GENMASK_ULL(63, cpuid->phys_bits) : 0;

	cpuid->cr4_allowed = cpuid_cr4_of_words(cpuid->features);
	cpuid->efer_allowed = cpuid_efer_of_words(cpuid->features);

	cpuid->xcr0_allowed = XFEATURE_MASK_FP;
	entry = find_entry(cpuid, 0xd, 0);
	if (entry)
		cpuid->xcr0_allowed |= fpu_supported_xcr0() & ((u64)entry->edx << 32 | entry->eax);

	find_pv_features(cpuid);
}

static bool is_withheld(struct lodge_vcpu *vcpu, unsigned int feature)
{
	return cpuid_is_supported(feature) && !cpuid_has(vcpu, feature);
}

/*
 * Instructions that the host has and the guest was not given. Other features' instructions
 * depend on a bit of CR4 or XCR0, which is refused, or cannot be taken away.
 */
static u32 instruction_policy(struct lodge_vcpu *vcpu)
{
	u32 policy = 0;

	if (is_withheld(vcpu, X86_FEATURE_RDTSCP) && !cpuid_has(vcpu, X86_FEATURE_RDPID))
		policy |= LODGE_INTERCEPT_RDTSCP;
	if (is_withheld(vcpu, X86_FEATURE_INVPCID))
		policy |= LODGE_INTERCEPT_INVPCID;
	if (is_withheld(vcpu, X86_FEATURE_XSAVES))
		policy |= LODGE_INTERCEPT_XSAVES;
	return policy;
}

/**
 * cpuid_create() - give a vCPU an empty CPUID
 * @vcpu: vCPU in creation
 *
 * Until KVM_SET_CPUID2 every leaf reads as zero, but user space may load any control
 * register value that is supported.
 *
 * Return: 0; -ENOMEM.
 */
int cpuid_create(struct lodge_vcpu *vcpu)
{
	struct lodge_cpuid *cpuid = kzalloc(sizeof(*cpuid), GFP_KERNEL_ACCOUNT);

	if (!cpuid)
		return -ENOMEM;
	vcpu->cpuid = cpuid;
	derive_facts(cpuid);
	cpuid->cr4_allowed = cpuid_supported_cr4();
	cpuid->efer_allowed = cpuid_supported_efer();
	return 0;
}

/* Counterpart of cpuid_create(), also of one that failed. */
void cpuid_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->cpuid)
		return;
	kvfree(vcpu->cpuid->entries);
	kfree(vcpu->cpuid);
	vcpu->cpuid = NULL;
}

static void set_bits(u32 *reg, u32 bits, bool value)
{
	*reg = value ? *reg | bits : *reg & ~bits;
}

/* Bits of an answer that follow the vCPU's state. */
static void apply_state(struct lodge_vcpu *vcpu, struct kvm_cpuid_entry2 *entry)
{
	switch (entry->function) {
	case 0x1:
		set_bits(&entry->ecx, F(OSXSAVE),
			 lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr4 & X86_CR4_OSXSAVE);
		set_bits(&entry->edx, F(APIC), vcpu->apic_base & MSR_IA32_APICBASE_ENABLE);
		if (!lodge_has_quirk(vcpu->vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT))
			set_bits(&entry->ecx, F(MWAIT),
				 vcpu->misc_enable & MSR_IA32_MISC_ENABLE_MWAIT);
		break;
	case 0x7:
		if (entry->index == 0)
			set_bits(&entry->ecx, F(OSPKE), false);
		break;
	case 0xd:
		if (entry->index == 0)
			entry->ebx = cpuid_xsave_size(fpu_xcr0(vcpu), false);
		else if (entry->index == 1 && (entry->eax & (F(XSAVES) | F(XSAVEC))))
			entry->ebx = cpuid_xsave_size(fpu_xcr0(vcpu), true);
		break;
	}
	/* Nobody would be there to wake a vCPU that halts by itself. */
	if (entry->function == vcpu->cpuid->pv_leaf &&
	    (vcpu->vm->passed_insns & KVM_X86_DISABLE_EXITS_HLT))
		set_bits(&entry->eax, BIT(KVM_FEATURE_PV_UNHALT), false);
}

/* Whether CPUID shows MONITOR and MWAIT to the guest now. */
bool cpuid_has_mwait(struct lodge_vcpu *vcpu)
{
	struct kvm_cpuid_entry2 *entry = find_entry(vcpu->cpuid, 1, 0), now;

	if (!entry)
		return false;
	now = *entry;
	apply_state(vcpu, &now);
	return now.ecx & F(MWAIT);
}

/* Whether @entries say the same as what is there; state-dependent bits do not count. */
static bool is_same(struct lodge_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	const struct lodge_cpuid *cpuid = vcpu->cpuid;
	u32 i;

	if (nent != cpuid->nr_entries)
		return false;
	for (i = 0; i < nent; i++) {
		struct kvm_cpuid_entry2 old = cpuid->entries[i], new = entries[i];

		apply_state(vcpu, &old);
		apply_state(vcpu, &new);
		if (memcmp(&old, &new, offsetof(struct kvm_cpuid_entry2, padding)))
			return false;
	}
	return true;
}

/* Linear addresses are 48 or 57 bits wide; 0 says nothing. */
static bool has_valid_width(const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	u32 i;

	for (i = 0; i < nent; i++) {
		u32 linear = entries[i].eax >> 8 & 0xff;

		if (entries[i].function == 0x80000008)
			return !linear || linear == 48 || linear == 57;
	}
	return true;
}

/**
 * cpuid_set() - KVM_SET_CPUID2
 * @vcpu: loaded vCPU
 * @entries: kernel copy of the entries
 * @nent: how many
 *
 * The caller tells the LAPIC afterwards (lapic_set_features()).
 *
 * Return: 0; -E2BIG for too many; -EINVAL for an impossible address width, or for a
 * change once the vCPU has run; -ENOMEM.
 */
int cpuid_set(struct lodge_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	struct lodge_cpuid *cpuid = vcpu->cpuid;
	struct kvm_cpuid_entry2 *copy = NULL;

	if (nent > LODGE_MAX_CPUID_ENTRIES)
		return -E2BIG;
	if (cpuid->is_frozen)
		return is_same(vcpu, entries, nent) ? 0 : -EINVAL;
	if (!has_valid_width(entries, nent))
		return -EINVAL;

	if (nent) {
		copy = kvmalloc_array(nent, sizeof(*copy), GFP_KERNEL_ACCOUNT);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, entries, nent * sizeof(*copy));
	}
	kvfree(cpuid->entries);
	cpuid->entries = copy;
	cpuid->nr_entries = nent;
	derive_facts(cpuid);
	if (vcpu->vm->passed_insns & KVM_X86_DISABLE_EXITS_HLT)
		cpuid->pv_features &= ~BIT(KVM_FEATURE_PV_UNHALT);
	vcpu->phys_bits = cpuid->phys_bits;
	vcpu->intercept_policy &= ~INSTRUCTION_INTERCEPTS;
	vcpu->intercept_policy |= instruction_policy(vcpu);
	lodge_vendor->update_intercepts(vcpu);
	return 0;
}

/**
 * cpuid_get() - KVM_GET_CPUID2: entries as the guest would read them now
 * @vcpu: loaded vCPU
 * @entries: room for *@nent entries
 * @nent: in: room; out: number of entries
 *
 * Return: 0; -E2BIG if the room is too small, nothing is copied then.
 */
int cpuid_get(struct lodge_vcpu *vcpu, struct kvm_cpuid_entry2 *entries, u32 *nent)
{
	const struct lodge_cpuid *cpuid = vcpu->cpuid;
	u32 room = *nent;
	u32 i;

	*nent = cpuid->nr_entries;
	if (room < cpuid->nr_entries)
		return -E2BIG;
	for (i = 0; i < cpuid->nr_entries; i++) {
		entries[i] = cpuid->entries[i];
		apply_state(vcpu, &entries[i]);
	}
	return 0;
}

/*
 * Which entry answers for a leaf that has none (Intel SDM volume 2, "CPUID"):
 *
 *   vendor | leaf                         | answer
 *   AMD    | any                          | zero
 *   other  | within its range's maximum   | zero
 *   other  | beyond it, or no such range  | the highest basic leaf, same sub-leaf
 *
 * Ranges: basic, extended, each 0x100 leaves of hypervisor, and Centaur's.
 */
static struct kvm_cpuid_entry2 *out_of_range_entry(const struct lodge_cpuid *cpuid,
						   u32 *function, u32 index)
{
	const struct kvm_cpuid_entry2 *basic = find_entry(cpuid, 0, 0);
	const struct kvm_cpuid_entry2 *range;

	if (!basic || cpuid->is_amd)
		return NULL;

	if (*function >> 28 == 0x4)
		range = find_entry(cpuid, *function & 0xffffff00, 0);
	else if (*function >= 0xc0000000)
		range = find_entry(cpuid, 0xc0000000, 0);
	else
		range = find_entry(cpuid, *function & 0x80000000, 0);
	if (range && *function <= range->eax)
		return NULL;

	*function = basic->eax;
	return find_entry(cpuid, basic->eax, index);
}

/**
 * cpuid_read() - what the CPUID instruction returns
 * @vcpu: loaded vCPU
 * @eax: leaf on call
 * @ebx: filled
 * @ecx: sub-leaf on call
 * @edx: filled
 *
 * Return: whether user space gave an entry for exactly this leaf.
 */
bool cpuid_read(struct lodge_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	const struct lodge_cpuid *cpuid = vcpu->cpuid;
	u32 function = *eax, index = *ecx;
	struct kvm_cpuid_entry2 *entry, answer = {};
	bool is_exact;

	entry = find_entry(cpuid, function, index);
	is_exact = entry;
	if (!entry)
		entry = out_of_range_entry(cpuid, &function, index);

	if (entry) {
		answer = *entry;
		apply_state(vcpu, &answer);
	} else if (function == 0xb || function == 0x1f) {
		/* Any sub-leaf of a topology leaf gives the x2APIC id, and CL back. */
		entry = find_entry(cpuid, function, 1);
		if (entry) {
			answer.ecx = index & 0xff;
			answer.edx = entry->edx;
		}
	}

	*eax = answer.eax;
	*ebx = answer.ebx;
	*ecx = answer.ecx;
	*edx = answer.edx;
	return is_exact;
}
