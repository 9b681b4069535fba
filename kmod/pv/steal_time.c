// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: what the guest is told of the time in which its vCPU could have run, but the host
 * ran somebody else: an area of the guest's memory with the sum, and with a byte that says
 * whether that is so just now.
 *
 * Life of the byte (KVM_VCPU_*):
 *
 *   the thread is preempted       PREEMPTED                by steal_time_preempted()
 *   another vCPU of the guest     PREEMPTED | FLUSH_TLB    instead of an IPI that says so
 *   has unmapped something
 *   before the next entry         0, and the TLB is dropped    by steal_time_update()
 *
 * That is sound as long as a vCPU so marked does nothing that began with an address which the
 * guest has unmapped since: it must be between two instructions, see vcpu->is_at_boundary.
 *
 * The memory may be on its way out, the slot may have gone: then the area is not written this
 * time; a vCPU that could not be marked gets its IPIs.
 */
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/stddef.h>

#include "../mmu/mmu.h"
#include "../request.h"
#include "pv.h"

/* A guest sets one bit while the vCPU is away; one that does more can wait for its answer. */
#define MAX_TRIES	4

static gpa_t area_of(const struct lodge_pv *pv)
{
	return pv->steal_time & KVM_STEAL_VALID_BITS;
}

/**
 * steal_time_set() - write MSR_KVM_STEAL_TIME
 * @vcpu: loaded vCPU
 * @value: address and KVM_MSR_ENABLED
 *
 * Return: 0; -EINVAL for reserved bits, or if the host's scheduler does not count.
 */
int steal_time_set(struct lodge_vcpu *vcpu, u64 value)
{
	if (!sched_info_on() || (value & KVM_STEAL_RESERVED_MASK))
		return -EINVAL;
	vcpu->pv->steal_time = value;
	vcpu->pv->is_marked_preempted = false;
	steal_time_load(vcpu);
	return 0;
}

/* The vCPU has got a CPU, or the MSR. Preemption may be off, so a request does the rest. */
void steal_time_load(struct lodge_vcpu *vcpu)
{
	if (vcpu->pv->steal_time & KVM_MSR_ENABLED)
		lodge_request_set(vcpu, LODGE_REQ_STEAL_TIME);
}

/**
 * steal_time_preempted() - the thread loses its CPU though it could go on
 * @vcpu: loaded vCPU, at an instruction's boundary
 *
 * From the scheduler's notifier: IRQs off, its locks held.
 */
void steal_time_preempted(struct lodge_vcpu *vcpu)
{
	struct lodge_pv *pv = vcpu->pv;
	gpa_t gpa = area_of(pv) + offsetof(struct kvm_steal_time, preempted);

	if (!(pv->steal_time & KVM_MSR_ENABLED) || pv->is_marked_preempted)
		return;
	if (!guest_write_nofault(vcpu, gpa, KVM_VCPU_PREEMPTED))
		pv->is_marked_preempted = true;
}

/* Clear the byte. Return 0, or -EFAULT if the area is not there. */
static int unmark(struct lodge_vcpu *vcpu)
{
	gpa_t gpa = area_of(vcpu->pv) + offsetof(struct kvm_steal_time, preempted);
	u8 marked = KVM_VCPU_PREEMPTED;
	const u8 running = 0;
	int tries, ret;

	for (tries = 0; tries < MAX_TRIES; tries++) {
		ret = guest_cmpxchg(vcpu, gpa, &marked, &running, sizeof(running));
		if (ret != -EAGAIN)
			break;
	}
	if (ret && ret != -EAGAIN)
		return ret;
	vcpu->pv->is_marked_preempted = false;
	/* In doubt too. */
	if ((marked & KVM_VCPU_FLUSH_TLB) || ret)
		lodge_request_set(vcpu, LODGE_REQ_TLB_FLUSH_GUEST);
	return 0;
}

/* What has come to the thread's waiting since the last time, in ns. Threads may change. */
static u64 take_new_delay(struct lodge_pv *pv)
{
	u64 delay = current->sched_info.run_delay;
	u64 before = pv->last_run_delay;

	pv->last_run_delay = delay;
	return delay > before ? delay - before : 0;
}

/**
 * steal_time_update() - write the area
 * @vcpu: loaded vCPU, upon LODGE_REQ_STEAL_TIME; may sleep
 *
 * May ask for a flush of the guest's TLB, which must come before the next entry. Readers
 * discard what they read while the version was odd or changed.
 */
void steal_time_update(struct lodge_vcpu *vcpu)
{
	struct lodge_pv *pv = vcpu->pv;
	gpa_t area = area_of(pv);
	struct kvm_steal_time old;

	if (!(pv->steal_time & KVM_MSR_ENABLED) || unmark(vcpu) ||
	    guest_read(vcpu->vm, area, &old, offsetofend(struct kvm_steal_time, version)))
		return;

	/* What the guest left there at first may be anything. */
	old.version += old.version & 1 ? 2 : 1;
	if (guest_write(vcpu, area + offsetof(struct kvm_steal_time, version), &old.version,
			sizeof(old.version)))
		return;
	/* Odd version, then content, then even version: readers rely on the order. */
	smp_wmb();
	old.steal += take_new_delay(pv);
	if (guest_write(vcpu, area, &old.steal, sizeof(old.steal)))
		return;
	/* As above. */
	smp_wmb();
	old.version++;
	guest_write(vcpu, area + offsetof(struct kvm_steal_time, version), &old.version,
		    sizeof(old.version));
}
