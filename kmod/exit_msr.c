// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: exits for RDMSR and WRMSR. What user space's filter denies, or what is not there or
 * not allowed, is #GP; unless user space has asked to decide (KVM_CAP_X86_USER_SPACE_MSR).
 */
#include <linux/errno.h>
#include <linux/string.h>

#include "msr.h"
#include "msr_filter.h"
#include "regs.h"
#include "run.h"
#include "vm.h"
#include "x86.h"

/* Why an access failed, in the ABI's words. */
static u32 exit_msr_reason(int error)
{
	switch (error) {
	case -EPERM:
		return KVM_MSR_EXIT_REASON_FILTER;
	case -ENOENT:
		return KVM_MSR_EXIT_REASON_UNKNOWN;
	default:
		return KVM_MSR_EXIT_REASON_INVAL;
	}
}

static int raise_gp(struct lodge_vcpu *vcpu)
{
	event_raise_error(vcpu, LODGE_VECTOR_GP, 0);
	return LODGE_RESUME_GUEST;
}

static void finish_read(struct lodge_vcpu *vcpu, u64 value, unsigned int length)
{
	vcpu->state.gprs[LODGE_RAX] = (u32)value;
	vcpu->state.gprs[LODGE_RDX] = value >> 32;
	event_skip_insn(vcpu, length);
}

/* If user space has moved the guest elsewhere meanwhile, there is nothing to complete. */
static int complete_read(struct lodge_vcpu *vcpu)
{
	if (vcpu->state.rip != vcpu->emulator->rip)
		return LODGE_RESUME_GUEST;
	if (vcpu->run->msr.error)
		return raise_gp(vcpu);
	finish_read(vcpu, vcpu->run->msr.data, vcpu->emulator->length);
	return LODGE_RESUME_GUEST;
}

static int complete_write(struct lodge_vcpu *vcpu)
{
	if (vcpu->state.rip != vcpu->emulator->rip)
		return LODGE_RESUME_GUEST;
	if (vcpu->run->msr.error)
		return raise_gp(vcpu);
	event_skip_insn(vcpu, vcpu->emulator->length);
	return LODGE_RESUME_GUEST;
}

/* An access has failed: #GP, or user space's decision. @exit_reason says which access. */
static int fail(struct lodge_vcpu *vcpu, u32 exit_reason, u32 index, u64 data, int error)
{
	u32 reason = exit_msr_reason(error);
	struct kvm_run *run = vcpu->run;

	if (!(READ_ONCE(vcpu->vm->user_msr_reasons) & reason))
		return raise_gp(vcpu);

	vcpu->emulator->rip = vcpu->state.rip;
	vcpu->emulator->length = vcpu->exit.inst_len;
	memset(&run->msr, 0, sizeof(run->msr));
	run->exit_reason = exit_reason;
	run->msr.reason = reason;
	run->msr.index = index;
	run->msr.data = data;
	vcpu->completion = exit_reason == KVM_EXIT_X86_RDMSR ? complete_read : complete_write;
	return LODGE_RETURN_TO_USER;
}

/**
 * exit_rdmsr() - RDMSR
 * @vcpu: loaded vCPU, exit filled, its length too
 *
 * Return: as exit handlers do.
 */
int exit_rdmsr(struct lodge_vcpu *vcpu)
{
	u32 index = lodge_reg32(vcpu, LODGE_RCX);
	int ret = -EPERM;
	u64 value;

	if (msr_filter_allows(vcpu->vm, index, KVM_MSR_FILTER_READ))
		ret = msr_get(vcpu, index, &value, false);
	if (unlikely(ret))
		return fail(vcpu, KVM_EXIT_X86_RDMSR, index, 0, ret);
	finish_read(vcpu, value, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

/**
 * exit_wrmsr() - WRMSR
 * @vcpu: loaded vCPU, exit filled, its length too
 *
 * Return: as exit handlers do.
 */
int exit_wrmsr(struct lodge_vcpu *vcpu)
{
	u32 index = lodge_reg32(vcpu, LODGE_RCX);
	u64 value = lodge_edx_eax(vcpu);
	int ret = -EPERM;

	if (msr_filter_allows(vcpu->vm, index, KVM_MSR_FILTER_WRITE))
		ret = msr_set(vcpu, index, value, false);
	if (unlikely(ret))
		return fail(vcpu, KVM_EXIT_X86_WRMSR, index, value, ret);
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}
