// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: MSRs that are one for all vCPUs, but for those of time: who the guest is, its
 * hypercall page, reset, crash, and the notes on what a migration did to its TSC.
 */
#include <linux/errno.h>
#include <linux/nospec.h>

#include "../caps.h"
#include "../mmu/mmu.h"
#include "state.h"

#define HYPERCALL_INSN_BYTES	sizeof(lodge_caps.hypercall_insn)
#define INSN_RET		0xc3

/* TLFS, "Establishing the Hypercall Interface": a guest calls into the page, which returns. */
static int set_hypercall_locked(struct lodge_vcpu *vcpu, struct lodge_hyperv *hyperv, u64 data)
{
	gpa_t gpa = data & HV_X64_MSR_HYPERCALL_PAGE_ADDRESS_MASK;
	u8 code[HYPERCALL_INSN_BYTES + 1];

	lockdep_assert_held(&hyperv->lock);

	/* Who has not said who it is gets no page. */
	if (!hyperv->guest_os_id)
		return 0;
	if (data & HV_X64_MSR_HYPERCALL_ENABLE) {
		memcpy(code, lodge_caps.hypercall_insn, HYPERCALL_INSN_BYTES);
		code[HYPERCALL_INSN_BYTES] = INSN_RET;
		if (guest_write(vcpu, gpa, code, sizeof(code)))
			return -EINVAL;
	}
	hyperv->hypercall = data;
	return 0;
}

/* A guest only notifies: what it may notify of, and that it wants to, is user space's. */
static void set_crash_ctl_locked(struct lodge_vcpu *vcpu, struct lodge_hyperv *hyperv, u64 data,
				 bool from_user)
{
	lockdep_assert_held(&hyperv->lock);

	if (from_user)
		hyperv->crash_ctl = data & HV_CRASH_CTL_CRASH_NOTIFY;
	else if (data & HV_CRASH_CTL_CRASH_NOTIFY)
		user_exit_request(vcpu, HYPERV_EXIT_CRASH);
}

static u64 *crash_param(struct lodge_hyperv *hyperv, u32 index)
{
	index = array_index_nospec(index - HV_X64_MSR_CRASH_P0, HV_X64_MSR_CRASH_PARAMS);
	return &hyperv->crash_params[index];
}

static int get_locked(struct lodge_hyperv *hyperv, u32 index, u64 *data)
{
	lockdep_assert_held(&hyperv->lock);

	switch (index) {
	case HV_X64_MSR_GUEST_OS_ID:
		*data = hyperv->guest_os_id;
		return 0;
	case HV_X64_MSR_HYPERCALL:
		*data = hyperv->hypercall;
		return 0;
	case HV_X64_MSR_RESET:
		*data = 0;
		return 0;
	case HV_X64_MSR_CRASH_P0 ... HV_X64_MSR_CRASH_P4:
		*data = *crash_param(hyperv, index);
		return 0;
	case HV_X64_MSR_CRASH_CTL:
		*data = hyperv->crash_ctl;
		return 0;
	case HV_X64_MSR_REENLIGHTENMENT_CONTROL:
		*data = hyperv->reenlightenment_control;
		return 0;
	case HV_X64_MSR_TSC_EMULATION_CONTROL:
		*data = hyperv->tsc_emulation_control;
		return 0;
	case HV_X64_MSR_TSC_EMULATION_STATUS:
		*data = hyperv->tsc_emulation_status;
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_locked(struct lodge_vcpu *vcpu, struct lodge_hyperv *hyperv, u32 index, u64 data,
		      bool from_user)
{
	lockdep_assert_held(&hyperv->lock);

	switch (index) {
	case HV_X64_MSR_GUEST_OS_ID:
		WRITE_ONCE(hyperv->guest_os_id, data);
		if (!data)
			hyperv->hypercall &= ~(u64)HV_X64_MSR_HYPERCALL_ENABLE;
		return 0;
	case HV_X64_MSR_HYPERCALL:
		return set_hypercall_locked(vcpu, hyperv, data);
	case HV_X64_MSR_RESET:
		if (data == 1)
			user_exit_request(vcpu, HYPERV_EXIT_RESET);
		return 0;
	case HV_X64_MSR_CRASH_P0 ... HV_X64_MSR_CRASH_P4:
		*crash_param(hyperv, index) = data;
		return 0;
	case HV_X64_MSR_CRASH_CTL:
		set_crash_ctl_locked(vcpu, hyperv, data, from_user);
		return 0;
	case HV_X64_MSR_REENLIGHTENMENT_CONTROL:
		hyperv->reenlightenment_control = data;
		return 0;
	case HV_X64_MSR_TSC_EMULATION_CONTROL:
		hyperv->tsc_emulation_control = data;
		return 0;
	case HV_X64_MSR_TSC_EMULATION_STATUS:
		/* The guest can only end the emulation. */
		if (data && !from_user)
			return -EINVAL;
		hyperv->tsc_emulation_status = data;
		return 0;
	default:
		return -EINVAL;
	}
}

int partition_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	struct lodge_hyperv *hyperv = vcpu->vm->hyperv;
	int ret;

	mutex_lock(&hyperv->lock);
	ret = get_locked(hyperv, index, data);
	mutex_unlock(&hyperv->lock);
	return ret;
}

int partition_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	struct lodge_hyperv *hyperv = vcpu->vm->hyperv;
	int ret;

	mutex_lock(&hyperv->lock);
	ret = set_locked(vcpu, hyperv, index, data, from_user);
	mutex_unlock(&hyperv->lock);
	return ret;
}
