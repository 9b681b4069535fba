// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 5: KVM_IRQFD: whoever signals an eventfd raises an interrupt, without a system call
 * of the VMM's. The signal arrives as a wake-up of the eventfd's queue, in any context, and
 * injects at once.
 *
 * For a level-triggered line there is a second eventfd ("resample"): the first holds the
 * line, the guest's end of the interrupt lets it go and signals the second, and whoever
 * reads that signals the first again if the device still wants service. Several such
 * eventfds may share a GSI: they share a struct resampler, and hear of each end.
 *
 * An eventfd may be closed without having been taken away. The wake-up that says so cannot
 * wait for anything: it marks the irqfd, and a work item cleans up.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/kvm.h>
#include <linux/lockdep.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "irqchip/irqchip.h"
#include "lifecycle.h"

#define VALID_FLAGS	(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE)

/**
 * struct resampler - what the irqfds of one level-triggered GSI share
 * @watcher: hears of each end of the interrupt
 * @vm: the VM
 * @list: in vm->resamplers, under irq_lock
 * @irqfds: written under irq_lock, read under srcu; the resampler goes with the last
 */
struct resampler {
	struct irqchip_watcher watcher;
	struct lodge_vm *vm;
	struct list_head list;
	struct list_head irqfds;
};

/**
 * struct irqfd - one eventfd and the interrupt that it raises
 * @vm: the VM
 * @wait: in the eventfd's queue
 * @poll: how it gets there
 * @list: in vm->irqfds, under irq_lock
 * @eventfd: with a reference
 * @gsi: what it raises
 * @is_dead: the eventfd was closed
 * @resampler: NULL without a second eventfd, likewise the next two
 * @resample_eventfd: with a reference
 * @resample_list: in resampler->irqfds
 */
struct irqfd {
	struct lodge_vm *vm;
	wait_queue_entry_t wait;
	poll_table poll;
	struct list_head list;
	struct eventfd_ctx *eventfd;
	u32 gsi;
	bool is_dead;
	struct resampler *resampler;
	struct eventfd_ctx *resample_eventfd;
	struct list_head resample_list;
};

static void inject(struct irqfd *irqfd)
{
	if (irqfd->resampler) {
		irqchip_set_line(irqfd->vm, IRQCHIP_SOURCE_RESAMPLE, irqfd->gsi, 1);
		return;
	}
	/* An edge; where the line is a level the guest sees no more than that, as with KVM. */
	irqchip_set_line(irqfd->vm, IRQCHIP_SOURCE_USER, irqfd->gsi, 1);
	irqchip_set_line(irqfd->vm, IRQCHIP_SOURCE_USER, irqfd->gsi, 0);
}

/* The lock of the eventfd's queue is held, IRQs are off. */
static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	u64 count;
	int ret = 0;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		inject(irqfd);
		/* It is taken: nobody else need be woken. */
		ret = 1;
	}
	if (events & EPOLLHUP) {
		WRITE_ONCE(irqfd->is_dead, true);
		schedule_work(&irqfd->vm->irqfd_reaper);
	}
	return ret;
}

static void irqfd_enqueue(struct file *file, wait_queue_head_t *queue, poll_table *poll)
{
	struct irqfd *irqfd = container_of(poll, struct irqfd, poll);

	add_wait_queue_priority(queue, &irqfd->wait);
}

/* The guest has ended the interrupt of a GSI. Any context; vm->srcu is held. */
static void interrupt_ended(struct irqchip_watcher *watcher)
{
	struct resampler *resampler = container_of(watcher, struct resampler, watcher);
	struct irqfd *irqfd;

	irqchip_set_line(resampler->vm, IRQCHIP_SOURCE_RESAMPLE, watcher->gsi, 0);
	/* Not from within another eventfd's wake-up; an end comes from a vCPU's thread. */
	if (!eventfd_signal_allowed())
		return;
	list_for_each_entry_srcu(irqfd, &resampler->irqfds, resample_list,
				 srcu_read_lock_held(&resampler->vm->srcu))
		eventfd_signal(irqfd->resample_eventfd, 1);
}

static struct resampler *find_resampler(struct lodge_vm *vm, u32 gsi)
{
	struct resampler *resampler;

	list_for_each_entry(resampler, &vm->resamplers, list) {
		if (resampler->watcher.gsi == gsi)
			return resampler;
	}
	return NULL;
}

/* Join those that share the GSI. 0 or -ENOMEM. */
static int join_resampler(struct irqfd *irqfd)
{
	struct lodge_vm *vm = irqfd->vm;
	struct resampler *resampler = find_resampler(vm, irqfd->gsi);

	lockdep_assert_held(&vm->irq_lock);

	if (!resampler) {
		resampler = kzalloc(sizeof(*resampler), GFP_KERNEL_ACCOUNT);
		if (!resampler)
			return -ENOMEM;
		resampler->vm = vm;
		resampler->watcher.gsi = irqfd->gsi;
		resampler->watcher.ended = interrupt_ended;
		INIT_LIST_HEAD(&resampler->irqfds);
		list_add(&resampler->list, &vm->resamplers);
		irqchip_watch(vm, &resampler->watcher);
	}
	irqfd->resampler = resampler;
	list_add_rcu(&irqfd->resample_list, &resampler->irqfds);
	return 0;
}

static void leave_resampler(struct irqfd *irqfd)
{
	struct resampler *resampler = irqfd->resampler;
	struct lodge_vm *vm = irqfd->vm;

	lockdep_assert_held(&vm->irq_lock);

	list_del_rcu(&irqfd->resample_list);
	if (!list_empty(&resampler->irqfds)) {
		synchronize_srcu_expedited(&vm->srcu);
		return;
	}
	irqchip_unwatch(vm, &resampler->watcher);
	irqchip_set_line(vm, IRQCHIP_SOURCE_RESAMPLE, irqfd->gsi, 0);
	list_del(&resampler->list);
	kfree(resampler);
}

static void put_eventfds(struct irqfd *irqfd)
{
	if (irqfd->resample_eventfd)
		eventfd_ctx_put(irqfd->resample_eventfd);
	eventfd_ctx_put(irqfd->eventfd);
}

/* Nobody is woken through it, and it hears of no end, when this returns. */
static void irqfd_remove(struct irqfd *irqfd)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	if (irqfd->resampler)
		leave_resampler(irqfd);
	list_del(&irqfd->list);
	put_eventfds(irqfd);
	kfree(irqfd);
}

static void reap(struct work_struct *work)
{
	struct lodge_vm *vm = container_of(work, struct lodge_vm, irqfd_reaper);
	struct irqfd *irqfd, *next;

	mutex_lock(&vm->irq_lock);
	list_for_each_entry_safe(irqfd, next, &vm->irqfds, list) {
		if (READ_ONCE(irqfd->is_dead))
			irqfd_remove(irqfd);
	}
	mutex_unlock(&vm->irq_lock);
}

static int get_eventfds(struct irqfd *irqfd, struct file *file, const struct kvm_irqfd *request)
{
	irqfd->eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->eventfd))
		return PTR_ERR(irqfd->eventfd);
	if (!(request->flags & KVM_IRQFD_FLAG_RESAMPLE))
		return 0;
	irqfd->resample_eventfd = eventfd_ctx_fdget(request->resamplefd);
	if (IS_ERR(irqfd->resample_eventfd)) {
		eventfd_ctx_put(irqfd->eventfd);
		return PTR_ERR(irqfd->resample_eventfd);
	}
	return 0;
}

static bool is_in_use(struct lodge_vm *vm, const struct eventfd_ctx *eventfd)
{
	struct irqfd *irqfd;

	list_for_each_entry(irqfd, &vm->irqfds, list) {
		if (irqfd->eventfd == eventfd)
			return true;
	}
	return false;
}

/* From here on signals inject; one that was there before does so, too. */
static int irqfd_add(struct irqfd *irqfd, struct file *file)
{
	struct lodge_vm *vm = irqfd->vm;
	int ret = 0;

	mutex_lock(&vm->irq_lock);
	if (is_in_use(vm, irqfd->eventfd))
		ret = -EBUSY;
	else if (irqfd->resample_eventfd)
		ret = join_resampler(irqfd);
	if (ret)
		goto unlock;

	list_add_tail(&irqfd->list, &vm->irqfds);
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		inject(irqfd);
unlock:
	mutex_unlock(&vm->irq_lock);
	return ret;
}

static int assign(struct lodge_vm *vm, const struct kvm_irqfd *request)
{
	struct irqfd *irqfd;
	struct fd file;
	int ret;

	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vm = vm;
	irqfd->gsi = request->gsi;
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->poll, irqfd_enqueue);

	file = fdget(request->fd);
	if (!file.file) {
		ret = -EBADF;
		goto free_irqfd;
	}
	ret = get_eventfds(irqfd, file.file, request);
	if (ret)
		goto put_file;
	ret = irqfd_add(irqfd, file.file);
	if (ret)
		goto put_eventfds;
	fdput(file);
	return 0;

put_eventfds:
	put_eventfds(irqfd);
put_file:
	fdput(file);
free_irqfd:
	kfree(irqfd);
	return ret;
}

static int deassign(struct lodge_vm *vm, const struct kvm_irqfd *request)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(request->fd);
	struct irqfd *irqfd, *next;

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	mutex_lock(&vm->irq_lock);
	list_for_each_entry_safe(irqfd, next, &vm->irqfds, list) {
		if (irqfd->eventfd == eventfd && irqfd->gsi == request->gsi)
			irqfd_remove(irqfd);
	}
	mutex_unlock(&vm->irq_lock);
	eventfd_ctx_put(eventfd);
	return 0;
}

/**
 * irqfd_set() - KVM_IRQFD
 * @vm: the VM; takes irq_lock, and waits for readers of srcu
 * @request: a copy in kernel memory
 *
 * Taking away one that is not there is no error, as in KVM.
 *
 * Return: 0; -EINVAL for other flags, a file that is no eventfd, without an irqchip, or for
 * RESAMPLE where the IOAPIC is user space's;
 * -EBADF; -EBUSY if the eventfd raises an interrupt of this VM already; -ENOMEM.
 */
int irqfd_set(struct lodge_vm *vm, const struct kvm_irqfd *request)
{
	if (request->flags & ~VALID_FLAGS)
		return -EINVAL;
	if (request->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return deassign(vm, request);
	/* Pairs with the release in irqchip_create(). */
	if (!smp_load_acquire(&vm->irqchip))
		return -EINVAL;
	if ((request->flags & KVM_IRQFD_FLAG_RESAMPLE) && !irqchip_has_pic(vm))
		return -EINVAL;
	return assign(vm, request);
}

/**
 * irqfd_create() - prepare a VM for irqfds
 * @vm: VM under construction
 */
void irqfd_create(struct lodge_vm *vm)
{
	INIT_LIST_HEAD(&vm->irqfds);
	INIT_LIST_HEAD(&vm->resamplers);
	INIT_WORK(&vm->irqfd_reaper, reap);
}

/**
 * irqfd_destroy() - remove those that are left
 * @vm: VM without file descriptors; its irqchip is there still
 *
 * No signal reaches the VM when it returns.
 */
void irqfd_destroy(struct lodge_vm *vm)
{
	struct irqfd *irqfd, *next;

	mutex_lock(&vm->irq_lock);
	list_for_each_entry_safe(irqfd, next, &vm->irqfds, list)
		irqfd_remove(irqfd);
	mutex_unlock(&vm->irq_lock);
	cancel_work_sync(&vm->irqfd_reaper);
}
