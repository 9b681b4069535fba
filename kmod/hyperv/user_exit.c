// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: what a write to an MSR has to say to user space. The write is done by then: the
 * guest goes on behind it when user space comes back.
 */
#include <linux/bitops.h>

#include "../request.h"
#include "state.h"

/* Have the guest's run end before the next entry. Own thread. */
void user_exit_request(struct lodge_vcpu *vcpu, enum hyperv_exit exit)
{
	vcpu->hyperv->exits |= BIT(exit);
	lodge_request_set(vcpu, LODGE_REQ_HYPERV_EXIT);
}

static void fill_system_event(struct kvm_run *run, u32 type)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = type;
	run->system_event.ndata = 0;
}

bool hyperv_fill_exit(struct lodge_vcpu *vcpu)
{
	struct lodge_hyperv_vcpu *hyperv = vcpu->hyperv;
	enum hyperv_exit exit;

	if (!hyperv || !hyperv->exits)
		return false;
	exit = __ffs(hyperv->exits);
	hyperv->exits &= ~BIT(exit);
	if (hyperv->exits)
		lodge_request_set(vcpu, LODGE_REQ_HYPERV_EXIT);

	switch (exit) {
	case HYPERV_EXIT_CRASH:
		fill_system_event(vcpu->run, KVM_SYSTEM_EVENT_CRASH);
		break;
	case HYPERV_EXIT_RESET:
		fill_system_event(vcpu->run, KVM_SYSTEM_EVENT_RESET);
		break;
	default:
		vcpu->run->exit_reason = KVM_EXIT_HYPERV;
		vcpu->run->hyperv = hyperv->exit;
		hyperv->completes_debug = exit == HYPERV_EXIT_SYNDBG &&
			hyperv->exit.u.syndbg.msr == HV_X64_MSR_SYNDBG_CONTROL;
		break;
	}
	return true;
}

/* The debugger's control register is a command, and its status the answer. */
void hyperv_complete_exit(struct lodge_vcpu *vcpu)
{
	struct lodge_hyperv *hyperv = vcpu->vm->hyperv;

	if (!vcpu->hyperv->completes_debug)
		return;
	vcpu->hyperv->completes_debug = false;
	mutex_lock(&hyperv->lock);
	hyperv->debug.status = READ_ONCE(vcpu->run->hyperv.u.syndbg.status);
	mutex_unlock(&hyperv->lock);
}
