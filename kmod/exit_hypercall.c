// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: exits for VMCALL and VMMCALL. Calls that user space has asked for go there
 * (KVM_CAP_EXIT_HYPERCALL), the others to hypercall.c.
 */
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "hypercall.h"
#include "hyperv/hyperv.h"
#include "regs.h"
#include "run.h"
#include "vm.h"

static void finish(struct lodge_vcpu *vcpu, u64 result, unsigned int length)
{
	vcpu->state.gprs[LODGE_RAX] = lodge_is_64bit(vcpu) ? result : (u32)result;
	event_skip_insn(vcpu, length);
}

static int complete_hypercall(struct lodge_vcpu *vcpu)
{
	if (vcpu->state.rip == vcpu->emulator->rip)
		finish(vcpu, vcpu->run->hypercall.ret, vcpu->emulator->length);
	return LODGE_RESUME_GUEST;
}

static u64 argument(struct lodge_vcpu *vcpu, unsigned int gpr)
{
	return lodge_is_64bit(vcpu) ? vcpu->state.gprs[gpr] : lodge_reg32(vcpu, gpr);
}

/* KVM_HC_MAP_GPA_RANGE: the guest tells what it wants of some of its memory. */
static int map_gpa_range(struct lodge_vcpu *vcpu)
{
	u64 gpa = argument(vcpu, LODGE_RBX);
	u64 nr_pages = argument(vcpu, LODGE_RCX);
	struct kvm_run *run = vcpu->run;
	gfn_t gfn = gpa >> PAGE_SHIFT;

	if (!PAGE_ALIGNED(gpa) || gfn + nr_pages <= gfn) {
		finish(vcpu, -KVM_EINVAL, vcpu->exit.inst_len);
		return LODGE_RESUME_GUEST;
	}
	vcpu->emulator->rip = vcpu->state.rip;
	vcpu->emulator->length = vcpu->exit.inst_len;
	memset(&run->hypercall, 0, sizeof(run->hypercall));
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	run->hypercall.args[0] = gpa;
	run->hypercall.args[1] = nr_pages;
	run->hypercall.args[2] = argument(vcpu, LODGE_RDX);
	run->hypercall.longmode = lodge_is_64bit(vcpu);
	vcpu->completion = complete_hypercall;
	return LODGE_RETURN_TO_USER;
}

/**
 * exit_hypercall() - VMCALL or VMMCALL
 * @vcpu: loaded vCPU, exit filled, its length too
 *
 * Return: as exit handlers do.
 */
int exit_hypercall(struct lodge_vcpu *vcpu)
{
	if (hyperv_has_calls(vcpu))
		return exit_hyperv_call(vcpu);
	if (argument(vcpu, LODGE_RAX) == KVM_HC_MAP_GPA_RANGE && !lodge_cpl(vcpu) &&
	    (READ_ONCE(vcpu->vm->hypercall_exits) & BIT(KVM_HC_MAP_GPA_RANGE)))
		return map_gpa_range(vcpu);
	hypercall_handle(vcpu);
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}
