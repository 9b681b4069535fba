// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: what a hypercall, or a write to an MSR, of a guest that takes this for Hyper-V
 * means for the run: go on, #UD, give way, or ask user space.
 */
#include "hyperv/hyperv.h"
#include "run.h"
#include "yield.h"
#include "x86.h"

/* The exit is the one that went to user space: nobody has entered the guest since. */
static int complete_call(struct lodge_vcpu *vcpu)
{
	hyperv_complete_call(vcpu);
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

/**
 * exit_hyperv_call() - handle a hypercall of Hyper-V's
 * @vcpu: loaded vCPU, of which hyperv_has_calls() is true; exit.inst_len is known
 *
 * Return: as all exit handlers do.
 */
int exit_hyperv_call(struct lodge_vcpu *vcpu)
{
	switch (hyperv_call(vcpu)) {
	case HYPERV_CALL_REFUSED:
		event_raise_vector(vcpu, LODGE_VECTOR_UD);
		return LODGE_RESUME_GUEST;
	case HYPERV_CALL_TO_USER:
		vcpu->completion = complete_call;
		return LODGE_RETURN_TO_USER;
	case HYPERV_CALL_YIELD:
		event_skip_insn(vcpu, vcpu->exit.inst_len);
		yield_to_any(vcpu);
		return LODGE_RESUME_GUEST;
	case HYPERV_CALL_DONE:
		break;
	}
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

static int complete_exit(struct lodge_vcpu *vcpu)
{
	hyperv_complete_exit(vcpu);
	return LODGE_RESUME_GUEST;
}

/**
 * exit_hyperv_tell_user() - upon LODGE_REQ_HYPERV_EXIT, before an entry
 * @vcpu: loaded vCPU
 *
 * Return: whether kvm_run is filled and KVM_RUN is to return.
 */
bool exit_hyperv_tell_user(struct lodge_vcpu *vcpu)
{
	if (!hyperv_fill_exit(vcpu))
		return false;
	vcpu->completion = complete_exit;
	return true;
}
