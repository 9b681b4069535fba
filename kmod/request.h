/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: how anybody tells a vCPU's thread something. A request is a bit;
 * a kick makes the vCPU leave the guest, a wake ends a halt.
 */
#ifndef LODGE_REQUEST_H
#define LODGE_REQUEST_H

#include <linux/bitops.h>

#include "vcpu.h"
#include "vm.h"

/**
 * enum lodge_request - bits of vcpu->requests, looked at before each entry
 * @LODGE_REQ_EVENT: look again which event goes in next
 * @LODGE_REQ_TLB_FLUSH: drop everything derived from the second dimension
 * @LODGE_REQ_TLB_FLUSH_GUEST: drop the guest's own translations
 * @LODGE_REQ_NMI: more NMIs (vcpu->nmi_queued counts them)
 * @LODGE_REQ_CLOCK: write the paravirtual clock anew
 * @LODGE_REQ_TIMER: the LAPIC timer expired
 * @LODGE_REQ_INIT_SIPI: INIT or SIPI waits in the LAPIC
 * @LODGE_REQ_STIMER: a synthetic timer expired, is to be armed, or may send its message again
 * @LODGE_REQ_HYPERV_EXIT: user space is to hear of what the guest told Hyper-V
 * @LODGE_REQ_DIRTY_RING: user space must empty the dirty ring; stays set until it has
 * @LODGE_REQ_INTERCEPTS: settings of the VM that intercepts follow from have changed
 * @LODGE_REQ_DIRTY_LOG: dirty_log_needs_cpu() has another answer
 * @LODGE_REQ_TPR_ACCESS: user space is to be told of an access to the TPR
 * @LODGE_REQ_IOAPIC_EOI: user space's IOAPIC is to be told of an interrupt's end
 * @LODGE_REQ_STEAL_TIME: tell the guest how long it had no CPU, and that it has one
 * @LODGE_REQ_ASYNC_PF: a page that the guest waits for is there
 */
enum lodge_request {
	LODGE_REQ_EVENT,
	LODGE_REQ_TLB_FLUSH,
	LODGE_REQ_TLB_FLUSH_GUEST,
	LODGE_REQ_NMI,
	LODGE_REQ_CLOCK,
	LODGE_REQ_TIMER,
	LODGE_REQ_INIT_SIPI,
	LODGE_REQ_STIMER,
	LODGE_REQ_HYPERV_EXIT,
	LODGE_REQ_DIRTY_RING,
	LODGE_REQ_INTERCEPTS,
	LODGE_REQ_DIRTY_LOG,
	LODGE_REQ_TPR_ACCESS,
	LODGE_REQ_IOAPIC_EOI,
	LODGE_REQ_STEAL_TIME,
	LODGE_REQ_ASYNC_PF,
};

/**
 * lodge_request_set() - set a request without kicking
 * @vcpu: target
 * @request: enum lodge_request
 *
 * Any context. What the caller wrote before is visible to the vCPU's thread
 * once it sees the bit.
 */
static inline void lodge_request_set(struct lodge_vcpu *vcpu, enum lodge_request request)
{
	/* Pairs with the barrier in lodge_request_take(). */
	smp_mb__before_atomic();
	set_bit(request, &vcpu->requests);
}

/**
 * lodge_request_take() - test a request and clear it
 * @vcpu: the calling thread's vCPU
 * @request: enum lodge_request
 *
 * Return: whether it was set.
 */
static inline bool lodge_request_take(struct lodge_vcpu *vcpu, enum lodge_request request)
{
	if (likely(!test_bit(request, &vcpu->requests)))
		return false;
	clear_bit(request, &vcpu->requests);
	/* What the requester wrote before lodge_request_set() is visible now. */
	smp_mb__after_atomic();
	return true;
}

void lodge_vcpu_kick(struct lodge_vcpu *vcpu);
void lodge_vcpu_wake(struct lodge_vcpu *vcpu);
void lodge_request(struct lodge_vcpu *vcpu, enum lodge_request request);
void lodge_request_and_wait(struct lodge_vcpu *vcpu, enum lodge_request request);
void lodge_request_all_and_wait(struct lodge_vm *vm, enum lodge_request request);

/* Visit every published vCPU of a VM; @index is an unsigned long. Any context. */
#define lodge_for_each_vcpu(vm, index, vcpu) \
	xa_for_each(&(vm)->vcpus, index, vcpu)

#endif /* LODGE_REQUEST_H */
