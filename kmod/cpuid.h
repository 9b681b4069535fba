/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: what CPUID tells a guest. One table of what lodge supports, and per
 * vCPU the entries that user space gave, with the facts that other code derives
 * from them held ready.
 */
#ifndef LODGE_CPUID_H
#define LODGE_CPUID_H

#include <asm/cpufeatures.h>
#include <linux/kvm.h>

#include "vcpu.h"

/* As KVM: the largest count that KVM_SET_CPUID2 takes and GET_SUPPORTED_CPUID gives. */
#define LODGE_MAX_CPUID_ENTRIES		256

/**
 * struct lodge_cpuid - one vCPU's CPUID
 * @entries: as user space gave them
 * @nr_entries: how many
 * @is_set: KVM_SET_CPUID2 has succeeded once; until then every supported bit of
 *          CR4 and EFER is allowed
 * @is_amd: the vendor string is AMD's or Hygon's: leaves out of range read as zero
 * @phys_bits: guest physical-address width
 * @linear_bits: widest linear address, 48 or 57; CR4.LA57 says what holds now
 * @features: bits by X86_FEATURE_* number, see cpuid_has()
 * @cr4_allowed: bits the guest may set
 * @efer_allowed: likewise
 * @xcr0_allowed: likewise, within what the host and lodge support
 * @gpa_reserved: bits a guest physical address cannot have
 * @pv_base: leaf where the KVM signature stands, 0 for none
 * @pv_features: EAX of the KVM feature leaf
 */
struct lodge_cpuid {
	struct kvm_cpuid_entry2 *entries;
	u32 nr_entries;
	bool is_set;
	bool is_amd;
	u8 phys_bits;
	u8 linear_bits;
	u32 features[NCAPINTS];
	u64 cr4_allowed;
	u64 efer_allowed;
	u64 xcr0_allowed;
	u64 gpa_reserved;
	u32 pv_base;
	u32 pv_features;
};

/* Module: derives the supported table from the host and lodge_caps. */
void cpuid_setup(void);
bool cpuid_is_supported(unsigned int feature);

/* System ioctls. */
int cpuid_get_supported(struct kvm_cpuid_entry2 *entries, u32 *nent);
int cpuid_get_emulated(struct kvm_cpuid_entry2 *entries, u32 *nent);

/* Per vCPU. */
int cpuid_create(struct lodge_vcpu *vcpu);
void cpuid_destroy(struct lodge_vcpu *vcpu);
int cpuid_set(struct lodge_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent);
int cpuid_get(struct lodge_vcpu *vcpu, struct kvm_cpuid_entry2 *entries, u32 *nent);
bool cpuid_read(struct lodge_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

/**
 * cpuid_has() - whether the guest was given a feature
 * @vcpu: any context in which vcpu->cpuid is stable
 * @feature: X86_FEATURE_*, of a word that CPUID leaves define (no synthetic bits)
 */
static inline bool cpuid_has(struct lodge_vcpu *vcpu, unsigned int feature)
{
	return vcpu->cpuid->features[feature / 32] & BIT(feature % 32);
}

/* Whether a KVM_FEATURE_* bit was given to the guest. */
static inline bool cpuid_has_pv(struct lodge_vcpu *vcpu, unsigned int feature)
{
	return vcpu->cpuid->pv_features & BIT(feature);
}

#endif /* LODGE_CPUID_H */
