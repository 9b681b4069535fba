/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: what CPUID tells a guest. One table of what lodge supports, and per
 * vCPU the entries that user space gave, with the facts that other code derives
 * from them held ready.
 */
#ifndef LODGE_CPUID_H
#define LODGE_CPUID_H

#include <asm/cpufeatures.h>
#include <linux/bits.h>
#include <linux/kvm.h>

#include "vcpu.h"

/* As KVM: the largest count that KVM_SET_CPUID2 takes and GET_SUPPORTED_CPUID gives. */
#define LODGE_MAX_CPUID_ENTRIES		256

/**
 * struct lodge_cpuid - one vCPU's CPUID
 * @entries: as user space gave them
 * @nr_entries: how many
 * @is_frozen: the vCPU has run: KVM_SET_CPUID2 may only repeat what is there
 * @is_amd: the vendor string is AMD's or Hygon's
 * @phys_bits: guest physical-address width
 * @features: bits by X86_FEATURE_* number, see cpuid_has()
 * @cr4_allowed: bits the guest may set; before KVM_SET_CPUID2 all that are supported
 * @efer_allowed: likewise
 * @xcr0_allowed: likewise, but FP only before KVM_SET_CPUID2
 * @gpa_reserved: bits a guest physical address cannot have
 * @pv_leaf: leaf of the paravirtual features (KVM_FEATURE_*); 0 if there is none
 * @pv_features: EAX of that leaf
 * @is_privileged: CPUID is #GP but for CPL 0 (MSR_MISC_FEATURES_ENABLES)
 * @enforces_pv: the guest cannot use what @pv_features lacks
 *
 * All but @is_frozen, @is_privileged and @enforces_pv change in cpuid_set() only.
 */
struct lodge_cpuid {
	struct kvm_cpuid_entry2 *entries;
	u32 nr_entries;
	bool is_frozen;
	bool is_amd;
	u8 phys_bits;
	u32 features[NCAPINTS];
	u64 cr4_allowed;
	u64 efer_allowed;
	u64 xcr0_allowed;
	u64 gpa_reserved;
	u32 pv_leaf;
	u32 pv_features;
	bool is_privileged;
	bool enforces_pv;
};

/* Module: derives the supported table from host, lodge_caps and fpu_setup(). */
void cpuid_setup(void);
bool cpuid_is_supported(unsigned int feature);
u64 cpuid_supported_cr4(void);
u64 cpuid_supported_efer(void);

/*
 * System ioctls. *@nent is the room on call, the count on return; -E2BIG if the room is
 * too small.
 */
int cpuid_get_supported(struct kvm_cpuid_entry2 *entries, u32 *nent);
int cpuid_get_emulated(struct kvm_cpuid_entry2 *entries, u32 *nent);

/* Per vCPU. */
int cpuid_create(struct lodge_vcpu *vcpu);
void cpuid_destroy(struct lodge_vcpu *vcpu);
int cpuid_set(struct lodge_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent);
int cpuid_get(struct lodge_vcpu *vcpu, struct kvm_cpuid_entry2 *entries, u32 *nent);
bool cpuid_has_mwait(struct lodge_vcpu *vcpu);
bool cpuid_read(struct lodge_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

/**
 * cpuid_has() - whether the guest was given a feature
 * @vcpu: vCPU, mutex held
 * @feature: X86_FEATURE_*, of a word that CPUID leaves define (no synthetic bits)
 */
static inline bool cpuid_has(struct lodge_vcpu *vcpu, unsigned int feature)
{
	return vcpu->cpuid->features[feature / 32] & BIT(feature % 32);
}

/**
 * cpuid_allows_pv() - whether the guest may use a paravirtual feature
 * @vcpu: vCPU, mutex held
 * @feature: KVM_FEATURE_*
 *
 * All of them work whatever CPUID says, unless user space has asked to enforce it
 * (KVM_CAP_ENFORCE_PV_FEATURE_CPUID): then an MSR of another feature is #GP, a hypercall of it
 * unknown.
 */
static inline bool cpuid_allows_pv(struct lodge_vcpu *vcpu, unsigned int feature)
{
	return !vcpu->cpuid->enforces_pv || (vcpu->cpuid->pv_features & BIT(feature));
}

/* To be called before an entry: what the guest has seen of CPUID stays. */
static inline void cpuid_freeze(struct lodge_vcpu *vcpu)
{
	vcpu->cpuid->is_frozen = true;
}

#endif /* LODGE_CPUID_H */
