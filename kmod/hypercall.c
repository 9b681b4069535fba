// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the hypercalls of the KVM ABI, as the kernel's kvm_para.h numbers them.
 * What a guest is offered to call stands in its CPUID; nothing needs it yet but the
 * call that does nothing.
 */
#include <linux/types.h>
#include <uapi/linux/kvm_para.h>

#include "hypercall.h"
#include "regs.h"

/**
 * hypercall_handle() - carry out VMCALL or VMMCALL
 * @vcpu: loaded vCPU
 *
 * Number in RAX; arguments in RBX, RCX, RDX, RSI; result, a KVM_E* negated, in RAX.
 * Outside of 64-bit mode registers are 32 bits wide, the result too. The caller skips
 * the instruction.
 */
void hypercall_handle(struct lodge_vcpu *vcpu)
{
	bool is_64bit = lodge_is_64bit(vcpu);
	u64 nr = vcpu->state.gprs[LODGE_RAX];
	long ret = -KVM_ENOSYS;

	if (!is_64bit)
		nr = (u32)nr;

	/* Guest user space may not call at all: it cannot find out what exists either. */
	if (lodge_cpl(vcpu))
		ret = -KVM_EPERM;
	else if (nr == KVM_HC_VAPIC_POLL_IRQ)
		ret = 0;

	vcpu->state.gprs[LODGE_RAX] = is_64bit ? (u64)ret : (u32)ret;
}
