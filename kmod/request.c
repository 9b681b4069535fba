// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 1: kicking and waking vCPUs.
 *
 * Who sends an IPI is decided by the mode that the kicker finds:
 *
 *   mode found     | kicker does                | why that is enough
 *   OUTSIDE_GUEST  | nothing                    | the thread looks at requests after
 *                  |                            | it has set IN_GUEST
 *   IN_GUEST       | sets EXITING, sends an IPI | with IRQs off until the entry the IPI
 *                  |                            | stays pending and ends the guest at once
 *   EXITING        | nothing                    | somebody else's IPI is on its way
 */
#include <linux/cpumask.h>
#include <linux/smp.h>

#include "request.h"

/* Return whether the caller now owes the vCPU an IPI. */
static bool vcpu_start_exiting(struct lodge_vcpu *vcpu)
{
	/* cmpxchg() is a full barrier: the request is visible before the mode is read. */
	return cmpxchg(&vcpu->mode, LODGE_IN_GUEST, LODGE_EXITING) == LODGE_IN_GUEST;
}

/**
 * lodge_vcpu_wake() - end a halt
 * @vcpu: target
 *
 * Any context. Harmless if the vCPU does not sleep.
 */
void lodge_vcpu_wake(struct lodge_vcpu *vcpu)
{
	rcuwait_wake_up(&vcpu->wait);
}

/**
 * lodge_vcpu_kick() - make a vCPU look at its requests soon
 * @vcpu: target
 *
 * Ends a halt and makes a running guest exit. Any context but NMI.
 */
void lodge_vcpu_kick(struct lodge_vcpu *vcpu)
{
	int cpu;

	lodge_vcpu_wake(vcpu);

	preempt_disable();
	if (vcpu_start_exiting(vcpu)) {
		/*
		 * Stable enough: a vCPU in the guest stays on its CPU, and one
		 * that moved meanwhile has been outside and has looked. This CPU too
		 * may be meant: by the vCPU's own thread, which has looked at its
		 * requests and is about to enter.
		 */
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu >= 0 && cpu_online(cpu))
			smp_send_reschedule(cpu);
	}
	preempt_enable();
}

/**
 * lodge_request() - set a request and kick
 * @vcpu: target
 * @request: enum lodge_request
 *
 * Any context but NMI.
 */
void lodge_request(struct lodge_vcpu *vcpu, enum lodge_request request)
{
	lodge_request_set(vcpu, request);
	lodge_vcpu_kick(vcpu);
}

/* The IPI itself is the message: it returns when the CPU has left the guest. */
static void acknowledge(void *unused)
{
}

/**
 * lodge_request_and_wait() - set a request on a vCPU and wait
 * @vcpu: target; the calling thread's own needs no waiting for
 * @request: enum lodge_request
 *
 * When it returns the vCPU runs no guest code that it entered before the request was set.
 * Preemptible or not, IRQs on.
 */
void lodge_request_and_wait(struct lodge_vcpu *vcpu, enum lodge_request request)
{
	int this_cpu = get_cpu(), cpu;

	lodge_request_set(vcpu, request);
	/* Unlike a kick: an IPI that is on its way is nothing to wait for. */
	if (cmpxchg(&vcpu->mode, LODGE_IN_GUEST, LODGE_EXITING) != LODGE_OUTSIDE_GUEST) {
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu >= 0 && cpu != this_cpu)
			smp_call_function_single(cpu, acknowledge, NULL, true);
	}
	put_cpu();
}

/**
 * lodge_request_all_and_wait() - set a request on every vCPU of a VM and wait
 * @vm: the VM
 * @request: enum lodge_request
 *
 * When it returns no vCPU runs guest code that it entered before the request was
 * set. Used where memory may be freed afterwards: what a vCPU had in its TLB is
 * dropped before its next entry. Preemptible or not, IRQs on; may be called under
 * vm->mmu_lock.
 */
void lodge_request_all_and_wait(struct lodge_vm *vm, enum lodge_request request)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;

	lodge_for_each_vcpu(vm, index, vcpu)
		lodge_request_and_wait(vcpu, request);
}
