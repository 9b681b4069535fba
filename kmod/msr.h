/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the MSRs, as one table: where each lives, who may write what, and
 * whether it is part of what user space saves.
 */
#ifndef LODGE_MSR_H
#define LODGE_MSR_H

#include <linux/kvm.h>

#include "mca.h"
#include "vcpu.h"

/* vCPU life; may sleep. msr_create() after cpuid_create(). */
int msr_create(struct lodge_vcpu *vcpu);
void msr_destroy(struct lodge_vcpu *vcpu);
void msr_reset(struct lodge_vcpu *vcpu, bool is_init);

/*
 * One MSR. vCPU loaded, may sleep. 0; -EINVAL for a value that is not allowed, or an
 * access that is not; -ENOENT for an MSR that does not exist, for anybody. Either is #GP for
 * the guest, or an exit to user space that says which, and ends the count of KVM_GET/SET_MSRS.
 */
int msr_get(struct lodge_vcpu *vcpu, u32 index, u64 *data, bool from_user);
int msr_set(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

/*
 * System ioctls. The lists: *@count is the room on call and the number there are on
 * return; -E2BIG if the room is too small (KVM_GET_MSR_INDEX_LIST and its kin).
 */
int msr_index_list(u32 *indices, u32 *count);
int msr_feature_list(u32 *indices, u32 *count);
int msr_get_feature(u32 index, u64 *data);

/* KVM_X86_GET_MCE_CAP_SUPPORTED, KVM_X86_SETUP_MCE, KVM_X86_SET_MCE. */
u64 msr_mce_cap_supported(void);
int msr_setup_mce(struct lodge_vcpu *vcpu, u64 mcg_cap);
int msr_set_mce(struct lodge_vcpu *vcpu, const struct kvm_x86_mce *mce);

#endif /* LODGE_MSR_H */
