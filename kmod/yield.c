// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: a vCPU that has nothing to do but to wait for another one lends it its CPU. Only
 * one that was preempted can make use of it.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/sched/task.h>

#include "request.h"
#include "yield.h"

/* The thread of a vCPU that was preempted, with a reference; NULL if there is none. */
static struct task_struct *get_preempted_thread(struct lodge_vcpu *vcpu)
{
	struct task_struct *thread;

	if (!READ_ONCE(vcpu->is_preempted))
		return NULL;
	/* It is in an ioctl of the vCPU, or was a moment ago: RCU keeps the task. */
	rcu_read_lock();
	thread = READ_ONCE(vcpu->thread);
	if (thread)
		get_task_struct(thread);
	rcu_read_unlock();
	return thread;
}

/* Return whether @vcpu's thread has got this CPU. */
static bool lend_cpu(struct lodge_vcpu *vcpu)
{
	struct task_struct *thread = get_preempted_thread(vcpu);
	bool has_yielded;

	if (!thread)
		return false;
	has_yielded = yield_to(thread, true) > 0;
	put_task_struct(thread);
	return has_yielded;
}

/**
 * yield_to_any() - lend this CPU to a vCPU of the VM that has none
 * @vcpu: loaded vCPU whose guest spins
 *
 * What the guest waits for is likely held by a vCPU that was preempted. The search starts
 * behind @vcpu, so that all get their turn. Without one, any other thread of the host may
 * go first. May sleep.
 */
void yield_to_any(struct lodge_vcpu *vcpu)
{
	struct lodge_vm *vm = vcpu->vm;
	u32 nr = READ_ONCE(vm->nr_vcpus);
	struct lodge_vcpu *other;
	u32 step;

	for (step = 1; step < nr; step++) {
		other = xa_load(&vm->vcpus, (vcpu->index + step) % nr);
		if (other && lend_cpu(other))
			return;
	}
	cond_resched();
}

/**
 * yield_to_vcpu() - lend this CPU to the vCPU that the guest waits for
 * @vcpu: loaded vCPU
 * @other: of the same VM; NULL or @vcpu itself for none
 *
 * May sleep.
 */
void yield_to_vcpu(struct lodge_vcpu *vcpu, struct lodge_vcpu *other)
{
	/* With this CPU to itself the thread would only come back here. */
	if (!other || other == vcpu || single_task_running())
		return;
	lend_cpu(other);
}
