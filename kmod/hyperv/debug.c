// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the synthetic debugger, by which Windows' kernel debugger talks over the
 * hypervisor's network. The kernel keeps the registers; user space, told of the two that ask
 * for something, does the work. The TLFS does not describe it.
 */
#include <linux/errno.h>

#include "state.h"

/* The guest was told of the debugger. */
bool debug_is_enabled(struct lodge_vcpu *vcpu)
{
	return vcpu->hyperv->words[HYPERV_SYNDBG_EAX] & HV_X64_SYNDBG_CAP_ALLOW_KERNEL_DEBUGGING;
}

/* Why the debugger's hypercalls are refused, as a HV_STATUS; 0 if they are not. */
u64 debug_refusal(struct lodge_vcpu *vcpu)
{
	if (!debug_is_enabled(vcpu))
		return HV_STATUS_INVALID_HYPERCALL_CODE;
	if (!(READ_ONCE(vcpu->vm->hyperv->debug.options) & HV_X64_SYNDBG_OPTION_USE_HCALLS))
		return HV_STATUS_OPERATION_DENIED;
	return 0;
}

static u64 *register_of(struct hyperv_debug *debug, u32 index)
{
	switch (index) {
	case HV_X64_MSR_SYNDBG_CONTROL:
		return &debug->control;
	case HV_X64_MSR_SYNDBG_STATUS:
		return &debug->status;
	case HV_X64_MSR_SYNDBG_SEND_BUFFER:
		return &debug->send_page;
	case HV_X64_MSR_SYNDBG_RECV_BUFFER:
		return &debug->recv_page;
	case HV_X64_MSR_SYNDBG_PENDING_BUFFER:
		return &debug->pending_page;
	case HV_X64_MSR_SYNDBG_OPTIONS:
		return &debug->options;
	default:
		return NULL;
	}
}

int debug_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	struct lodge_hyperv *hyperv = vcpu->vm->hyperv;
	u64 *place = register_of(&hyperv->debug, index);

	if (!place)
		return -EINVAL;
	mutex_lock(&hyperv->lock);
	*data = *place;
	mutex_unlock(&hyperv->lock);
	return 0;
}

static void tell_user(struct lodge_vcpu *vcpu, u32 index)
{
	const struct hyperv_debug *debug = &vcpu->vm->hyperv->debug;

	lockdep_assert_held(&vcpu->vm->hyperv->lock);

	vcpu->hyperv->exit = (struct kvm_hyperv_exit) {
		.type = KVM_EXIT_HYPERV_SYNDBG,
		.u.syndbg = {
			.msr = index,
			.control = debug->control,
			.send_page = debug->send_page,
			.recv_page = debug->recv_page,
			.pending_page = debug->pending_page,
		},
	};
	user_exit_request(vcpu, HYPERV_EXIT_SYNDBG);
}

int debug_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	struct lodge_hyperv *hyperv = vcpu->vm->hyperv;
	u64 *place = register_of(&hyperv->debug, index);

	if (!place)
		return -EINVAL;
	mutex_lock(&hyperv->lock);
	*place = data;
	if (!from_user &&
	    (index == HV_X64_MSR_SYNDBG_CONTROL || index == HV_X64_MSR_SYNDBG_PENDING_BUFFER))
		tell_user(vcpu, index);
	mutex_unlock(&hyperv->lock);
	return 0;
}
