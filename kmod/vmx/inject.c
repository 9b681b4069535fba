// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: events into the guest, and exits at the moment when one can be taken.
 * Which event goes in when is not decided here.
 *
 * Windows: the CPU has a control for each, which exits as soon as nothing holds the
 * event off. NMI blocking is virtual: an NMI that goes in sets it, an IRET clears it. Whether
 * the shadow of STI holds off the NMI window differs between CPUs; it does the IRQ window, and
 * IF is set behind an STI, so that one serves for both then.
 *
 * The TPR, where the CPU virtualizes it, is in the virtual-APIC page:
 *
 *   threshold       | with a virtual-APIC page         | without
 *   0               | CR8 is the guest's own           | each access of CR8 exits
 *   1 to 15         | exit when the TPR falls below it | likewise
 *   LODGE_TPR_ANY   | each write of CR8 exits          | likewise
 */
#include <linux/minmax.h>

#include "vmx/vmx.h"
#include "x86.h"

/**
 * vmx_inject() - deliver an event with the next entry
 * @vcpu: loaded vCPU, IRQs off until run()
 * @event: class other than NONE
 *
 * All exceptions go in as hardware exceptions, #BP and #OF too: as those of the other
 * vendor's hardware they push the RIP that is there, which is behind the instruction.
 */
void vmx_inject(struct lodge_vcpu *vcpu, const struct lodge_event *event)
{
	u32 info = event->vector | INTR_INFO_VALID_MASK;
	u32 interruptibility;

	switch (event->class) {
	case LODGE_EVENT_IRQ:
		info |= INTR_TYPE_EXT_INTR;
		break;
	case LODGE_EVENT_NMI:
		info |= INTR_TYPE_NMI_INTR;
		/* Refused behind blocking by another; the entry itself sets it. */
		interruptibility = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);
		if (interruptibility & GUEST_INTR_STATE_NMI)
			vmcs_write(GUEST_INTERRUPTIBILITY_INFO,
				   interruptibility & ~GUEST_INTR_STATE_NMI);
		break;
	default:
		info |= INTR_TYPE_HARD_EXCEPTION;
		if (event->has_error) {
			info |= INTR_INFO_DELIVER_CODE_MASK;
			vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, event->error_code);
		}
		break;
	}
	/* The event ends a halt of the guest's own; RIP is behind the HLT already. */
	if (unlikely(!(vcpu->intercept_policy & LODGE_INTERCEPT_HLT)))
		vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vcpu->vmx->entry_event = info;
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, info);
}

static bool has_sti_shadow(struct lodge_vcpu *vcpu)
{
	if (vcpu->state_dirty & LODGE_STATE_INTR)
		return vcpu->state.shadow & LODGE_SHADOW_STI;
	return vmcs_read(GUEST_INTERRUPTIBILITY_INFO) & GUEST_INTR_STATE_STI;
}

/**
 * vmx_request_window() - exit when an event can be taken
 * @vcpu: loaded vCPU
 * @events: LODGE_WINDOW_*; stays in force until the next call
 */
void vmx_request_window(struct lodge_vcpu *vcpu, u32 events)
{
	if (unlikely(events & LODGE_WINDOW_NMI) && has_sti_shadow(vcpu))
		events = LODGE_WINDOW_IRQ;
	vmx_set_primary(vcpu->vmx, CPU_BASED_INTR_WINDOW_EXITING, events & LODGE_WINDOW_IRQ);
	vmx_set_primary(vcpu->vmx, CPU_BASED_NMI_WINDOW_EXITING, events & LODGE_WINDOW_NMI);
}

/**
 * vmx_update_tpr() - set the guest's TPR
 * @vcpu: loaded vCPU
 * @tpr: 0-15
 * @threshold: see the table above
 */
void vmx_update_tpr(struct lodge_vcpu *vcpu, u8 tpr, u8 threshold)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (!vmx->vapic) {
		vmx->cr8 = tpr;
		return;
	}
	vmx->vapic[VMX_VAPIC_TPR] = tpr << 4;
	vmx_set_primary(vmx, CPU_BASED_CR8_LOAD_EXITING, threshold == LODGE_TPR_ANY);
	/* A threshold above the TPR is refused, as it would mean an exit at once. */
	threshold = threshold == LODGE_TPR_ANY ? 0 : min(threshold, tpr);
	if (threshold != vmx->tpr_threshold) {
		vmx->tpr_threshold = threshold;
		vmcs_write(TPR_THRESHOLD, threshold);
	}
}

/**
 * vmx_cr8() - the guest's CR8 now
 * @vmx: loaded vCPU
 */
u8 vmx_cr8(const struct vmx_vcpu *vmx)
{
	return vmx->vapic ? READ_ONCE(vmx->vapic[VMX_VAPIC_TPR]) >> 4 : vmx->cr8;
}

/**
 * vmx_is_injecting_nmi() - does an NMI go in with the next entry?
 * @vmx: loaded vCPU
 */
bool vmx_is_injecting_nmi(const struct vmx_vcpu *vmx)
{
	return (vmx->entry_event & (INTR_INFO_VALID_MASK | INTR_INFO_INTR_TYPE_MASK)) ==
	       (INTR_INFO_VALID_MASK | INTR_TYPE_NMI_INTR);
}

/**
 * vmx_nmi_set_blocked() - take back that an IRET ended the blocking of NMIs
 *
 * For an IRET that faulted after it had done so: it will be executed again (Intel SDM
 * volume 3, "Resuming Guest Software after Handling an Exception"). The VMCS is current.
 */
void vmx_nmi_set_blocked(void)
{
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO,
		   vmcs_read(GUEST_INTERRUPTIBILITY_INFO) | GUEST_INTR_STATE_NMI);
}
