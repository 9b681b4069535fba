// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 5: a VM's creation and destruction. It lives as long as a file descriptor
 * of it or of one of its vCPUs is open.
 */
#include <linux/preempt.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "clock.h"
#include "coalesced.h"
#include "hyperv/hyperv.h"
#include "iobus.h"
#include "irqchip/irqchip.h"
#include "lifecycle.h"
#include "mmu/mmu.h"
#include "msr_filter.h"
#include "request.h"

/**
 * vm_create() - make an empty VM whose memory is the calling process's
 *
 * Process context.
 *
 * Return: the VM with one reference, or ERR_PTR: -ENOMEM; -EINTR for a fatal signal.
 */
struct lodge_vm *vm_create(void)
{
	struct lodge_vm *vm;
	int ret;

	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);

	vm->shows_platform_info = 1;
	vm->mm = current->mm;
	mmgrab(vm->mm);
	refcount_set(&vm->users, 1);
	vm->halt_poll_max_ns = -1;
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	mutex_init(&vm->irq_lock);
	rwlock_init(&vm->mmu_lock);
	xa_init(&vm->vcpus);
	INIT_LIST_HEAD(&vm->ioeventfds);
	irqfd_create(vm);

	ret = init_srcu_struct(&vm->srcu);
	if (ret)
		goto free_vm;
	ret = coalesced_create(vm);
	if (ret)
		goto cleanup_srcu;
	ret = clock_vm_create(vm);
	if (ret)
		goto destroy_coalesced;
	ret = memslots_create(vm);
	if (ret)
		goto destroy_clock;
	ret = tdp_create(vm);
	if (ret)
		goto destroy_slots;
	ret = mmu_notifier_setup(vm);
	if (ret)
		goto destroy_tdp;

	return vm;

destroy_tdp:
	tdp_destroy(vm);
destroy_slots:
	memslots_destroy(vm);
destroy_clock:
	clock_vm_destroy(vm);
destroy_coalesced:
	coalesced_destroy(vm);
cleanup_srcu:
	cleanup_srcu_struct(&vm->srcu);
free_vm:
	mmdrop(vm->mm);
	kfree(vm);
	return ERR_PTR(ret);
}

static void destroy_vcpus(struct lodge_vm *vm)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;

	lodge_for_each_vcpu(vm, index, vcpu)
		vcpu_destroy(vcpu);
	xa_destroy(&vm->vcpus);
}

/*
 * Nobody else is left: no fd, so no ioctl and no vCPU thread. Whoever signals an eventfd,
 * timers of the irqchip and the process's memory management are what can still call in;
 * they end first.
 */
static void vm_destroy(struct lodge_vm *vm)
{
	irqfd_destroy(vm);
	irqchip_destroy(vm);
	mmu_notifier_teardown(vm);
	destroy_vcpus(vm);
	hyperv_vm_destroy(vm);
	iobus_destroy(vm);
	ioeventfd_destroy(vm);
	coalesced_destroy(vm);
	tdp_destroy(vm);
	memslots_destroy(vm);
	clock_vm_destroy(vm);
	msr_filter_destroy(vm);
	cleanup_srcu_struct(&vm->srcu);
	mmdrop(vm->mm);
	kfree(vm);
}

/**
 * vm_get() - take a reference for a new file descriptor
 * @vm: VM that the caller has a reference to
 */
void vm_get(struct lodge_vm *vm)
{
	refcount_inc(&vm->users);
}

/**
 * vm_put() - drop a file descriptor's reference, destroy the VM with the last one
 * @vm: VM
 *
 * Process context, may sleep.
 */
void vm_put(struct lodge_vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		vm_destroy(vm);
}

/**
 * vm_publish_vcpu() - make a vCPU part of its VM
 * @vm: vm->lock held
 * @vcpu: from vcpu_create()
 *
 * From now on interrupts find it, and only the VM's end removes it.
 *
 * Return: 0; -ENOMEM.
 */
int vm_publish_vcpu(struct lodge_vm *vm, struct lodge_vcpu *vcpu)
{
	int ret;

	lockdep_assert_held(&vm->lock);
	ret = xa_err(xa_store(&vm->vcpus, vcpu->index, vcpu, GFP_KERNEL_ACCOUNT));
	if (ret)
		return ret;
	vm->nr_vcpus++;
	if (vcpu->lapic)
		lapic_published(vcpu);
	return 0;
}
