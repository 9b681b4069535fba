// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: a vCPU's paravirtual features together: their life, and their MSRs.
 */
#include <linux/errno.h>
#include <linux/slab.h>

#include "../cpuid.h"
#include "../request.h"
#include "pv.h"

/* MSR_KVM_POLL_CONTROL: the host may look for events on behalf of a halted guest. */
#define POLL_CONTROL_ENABLED	BIT_ULL(0)

/**
 * pv_create() - give a vCPU its features, all of them off
 * @vcpu: vCPU in creation
 *
 * Return: 0; -ENOMEM.
 */
int pv_create(struct lodge_vcpu *vcpu)
{
	struct lodge_pv *pv = kzalloc(sizeof(*pv), GFP_KERNEL_ACCOUNT);

	if (!pv)
		return -ENOMEM;
	INIT_LIST_HEAD(&pv->pages);
	pv->poll_control = POLL_CONTROL_ENABLED;
	vcpu->pv = pv;
	return 0;
}

/* Counterpart of pv_create(), also of one that failed. */
void pv_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->pv)
		return;
	async_pf_destroy(vcpu);
	kfree(vcpu->pv);
	vcpu->pv = NULL;
}

/**
 * pv_reset() - RESET or INIT: what the guest has set up is gone
 * @vcpu: vCPU, mutex held
 */
void pv_reset(struct lodge_vcpu *vcpu)
{
	struct lodge_pv *pv = vcpu->pv;

	pv->steal_time = 0;
	pv->eoi = 0;
	pv->is_eoi_offered = false;
	WRITE_ONCE(pv->is_kicked, false);
	async_pf_reset(vcpu);
}

static bool has_feature_of(struct lodge_vcpu *vcpu, u32 index)
{
	switch (index) {
	case MSR_KVM_ASYNC_PF_EN:
		return cpuid_allows_pv(vcpu, KVM_FEATURE_ASYNC_PF);
	case MSR_KVM_STEAL_TIME:
		return cpuid_allows_pv(vcpu, KVM_FEATURE_STEAL_TIME);
	case MSR_KVM_PV_EOI_EN:
		return cpuid_allows_pv(vcpu, KVM_FEATURE_PV_EOI);
	case MSR_KVM_POLL_CONTROL:
		return cpuid_allows_pv(vcpu, KVM_FEATURE_POLL_CONTROL);
	default:	/* MSR_KVM_ASYNC_PF_INT, _ACK */
		return cpuid_allows_pv(vcpu, KVM_FEATURE_ASYNC_PF_INT);
	}
}

/**
 * pv_get_msr() - read one of the folder's MSRs
 * @vcpu: loaded vCPU
 * @index: which
 * @data: filled
 *
 * Return: 0; -EINVAL if the guest may not use the feature.
 */
int pv_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	struct lodge_pv *pv = vcpu->pv;

	if (!has_feature_of(vcpu, index))
		return -EINVAL;
	switch (index) {
	case MSR_KVM_ASYNC_PF_EN:
		*data = pv->async_pf;
		return 0;
	case MSR_KVM_STEAL_TIME:
		*data = pv->steal_time;
		return 0;
	case MSR_KVM_PV_EOI_EN:
		*data = pv->eoi;
		return 0;
	case MSR_KVM_POLL_CONTROL:
		*data = pv->poll_control;
		return 0;
	case MSR_KVM_ASYNC_PF_INT:
		*data = pv->async_pf_vector;
		return 0;
	default:	/* MSR_KVM_ASYNC_PF_ACK */
		*data = 0;
		return 0;
	}
}

/**
 * pv_set_msr() - write one of the folder's MSRs
 * @vcpu: loaded vCPU
 * @index: which
 * @data: new value
 * @from_user: user space restores, which is the same
 *
 * Return: 0; -EINVAL if the guest may not use the feature, or not so.
 */
int pv_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (!has_feature_of(vcpu, index))
		return -EINVAL;
	switch (index) {
	case MSR_KVM_ASYNC_PF_EN:
		return async_pf_set(vcpu, data);
	case MSR_KVM_STEAL_TIME:
		return steal_time_set(vcpu, data);
	case MSR_KVM_PV_EOI_EN:
		return pv_eoi_set(vcpu, data);
	case MSR_KVM_POLL_CONTROL:
		if (data & ~POLL_CONTROL_ENABLED)
			return -EINVAL;
		vcpu->pv->poll_control = data;
		return 0;
	case MSR_KVM_ASYNC_PF_INT:
		return async_pf_set_vector(vcpu, data);
	default:	/* MSR_KVM_ASYNC_PF_ACK: a token was read, there is room for another */
		if (data & 1)
			lodge_request_set(vcpu, LODGE_REQ_ASYNC_PF);
		return 0;
	}
}
