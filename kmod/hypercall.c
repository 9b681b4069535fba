// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the hypercalls of the KVM ABI, as the kernel's kvm_para.h numbers them
 * (Documentation/virt/kvm/x86/hypercalls.rst). What a guest is offered to call stands in its
 * CPUID.
 */
#include <linux/types.h>
#include <uapi/linux/kvm_para.h>

#include <asm/apicdef.h>

#include "clock.h"
#include "cpuid.h"
#include "hypercall.h"
#include "irqchip/irqchip.h"
#include "pv/pv.h"
#include "regs.h"
#include "request.h"
#include "yield.h"

/* End the halt of the vCPU with this APIC id; if it does not halt now, its next one. */
static void kick_cpu(struct lodge_vcpu *vcpu, u32 apic_id)
{
	struct lodge_vcpu *other = irqchip_find_vcpu(vcpu->vm, apic_id);

	if (!other)
		return;
	WRITE_ONCE(other->pv->is_kicked, true);
	lodge_vcpu_wake(other);
	yield_to_vcpu(vcpu, other);
}

/* One IPI to many: two registers of APIC ids, a bit each, from @first_id on. */
static long send_ipis(struct lodge_vcpu *vcpu, const u64 *registers, u32 first_id, u32 icr,
		      bool is_64bit)
{
	unsigned long targets[2] = { registers[0], registers[1] };

	if (icr & (APIC_DEST_LOGICAL | APIC_DEST_ALLBUT))
		return -KVM_EINVAL;
	if (!vcpu->lapic)
		return -KVM_EOPNOTSUPP;
	if (!is_64bit)
		targets[0] |= registers[1] << 32;
	return irqchip_send_ipis(vcpu, targets, first_id, is_64bit ? 128 : 64, icr);
}

static long call(struct lodge_vcpu *vcpu, u64 nr, const u64 args[4], bool is_64bit)
{
	switch (nr) {
	case KVM_HC_VAPIC_POLL_IRQ:
		return 0;
	case KVM_HC_KICK_CPU:
		if (!cpuid_allows_pv(vcpu, KVM_FEATURE_PV_UNHALT))
			return -KVM_ENOSYS;
		kick_cpu(vcpu, args[1]);
		return 0;
	case KVM_HC_CLOCK_PAIRING:
		return clock_pair(vcpu, args[0], args[1]);
	case KVM_HC_SEND_IPI:
		if (!cpuid_allows_pv(vcpu, KVM_FEATURE_PV_SEND_IPI))
			return -KVM_ENOSYS;
		return send_ipis(vcpu, args, args[2], args[3], is_64bit);
	case KVM_HC_SCHED_YIELD:
		if (!cpuid_allows_pv(vcpu, KVM_FEATURE_PV_SCHED_YIELD))
			return -KVM_ENOSYS;
		yield_to_vcpu(vcpu, irqchip_find_vcpu(vcpu->vm, args[0]));
		return 0;
	default:
		return -KVM_ENOSYS;
	}
}

/**
 * hypercall_handle() - carry out VMCALL or VMMCALL
 * @vcpu: loaded vCPU; may sleep
 *
 * Number in RAX; arguments in RBX, RCX, RDX, RSI; result, a KVM_E* negated, in RAX.
 * Outside of 64-bit mode registers are 32 bits wide, the result too. The caller skips
 * the instruction.
 */
void hypercall_handle(struct lodge_vcpu *vcpu)
{
	bool is_64bit = lodge_is_64bit(vcpu);
	u64 mask = is_64bit ? ~0ull : U32_MAX;
	const u64 *gprs = vcpu->state.gprs;
	const u64 args[4] = {
		gprs[LODGE_RBX] & mask, gprs[LODGE_RCX] & mask,
		gprs[LODGE_RDX] & mask, gprs[LODGE_RSI] & mask,
	};
	long ret = -KVM_EPERM;

	/* Guest user space may not call at all: it cannot find out what exists either. */
	if (!lodge_cpl(vcpu))
		ret = call(vcpu, gprs[LODGE_RAX] & mask, args, is_64bit);
	vcpu->state.gprs[LODGE_RAX] = ret & mask;
}
