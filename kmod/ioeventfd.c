// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 5: KVM_IOEVENTFD: a guest's write to a port or an address signals an eventfd, and
 * the guest goes on; user space, or the kernel's vhost, has somebody who waits there.
 */
#include <linux/eventfd.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/slab.h>

#include "iobus.h"
#include "lifecycle.h"

#define VALID_FLAGS	(KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO | \
			 KVM_IOEVENTFD_FLAG_DEASSIGN)

/* The widest access there is. */
#define MAX_ACCESS	8

/**
 * struct ioeventfd - one place and what it signals
 * @iodev: the place
 * @list: in vm->ioeventfds
 * @eventfd: with a reference
 * @len: of the writes that count; 0 for any
 * @datamatch: value that counts
 * @is_wildcard: any value counts
 * @bus: which bus
 */
struct ioeventfd {
	struct iodev iodev;
	struct list_head list;
	struct eventfd_ctx *eventfd;
	u32 len;
	u64 datamatch;
	bool is_wildcard;
	enum iobus_id bus;
};

static int ioeventfd_read(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			  unsigned int len, void *data)
{
	return -EOPNOTSUPP;
}

/* The range may be wider than what counts: for any length it has room for all. */
static int ioeventfd_write(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			   unsigned int len, const void *data)
{
	struct ioeventfd *ioeventfd = container_of(dev, struct ioeventfd, iodev);
	u64 value = 0;

	if (addr != dev->addr || (ioeventfd->len && len != ioeventfd->len))
		return -EOPNOTSUPP;
	if (!ioeventfd->is_wildcard) {
		memcpy(&value, data, len);
		if (value != ioeventfd->datamatch)
			return -EOPNOTSUPP;
	}
	eventfd_signal(ioeventfd->eventfd, 1);
	return 0;
}

static const struct iodev_ops ioeventfd_ops = {
	.read = ioeventfd_read,
	.write = ioeventfd_write,
};

static enum iobus_id bus_of(const struct kvm_ioeventfd *request)
{
	return request->flags & KVM_IOEVENTFD_FLAG_PIO ? IOBUS_PIO : IOBUS_MMIO;
}

static bool wants_wildcard(const struct kvm_ioeventfd *request)
{
	return !(request->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
}

/* Would one write signal both? */
static bool collides(const struct ioeventfd *ioeventfd, const struct kvm_ioeventfd *request)
{
	if (ioeventfd->bus != bus_of(request) || ioeventfd->iodev.addr != request->addr)
		return false;
	if (!ioeventfd->len || !request->len)
		return true;
	return ioeventfd->len == request->len &&
	       (ioeventfd->is_wildcard || wants_wildcard(request) ||
		ioeventfd->datamatch == request->datamatch);
}

static struct ioeventfd *find_collision(struct lodge_vm *vm, const struct kvm_ioeventfd *request)
{
	struct ioeventfd *ioeventfd;

	list_for_each_entry(ioeventfd, &vm->ioeventfds, list) {
		if (collides(ioeventfd, request))
			return ioeventfd;
	}
	return NULL;
}

static void ioeventfd_free(struct ioeventfd *ioeventfd)
{
	eventfd_ctx_put(ioeventfd->eventfd);
	kfree(ioeventfd);
}

/* @eventfd's reference is the new one's, or the caller's still upon an error. */
static int assign(struct lodge_vm *vm, const struct kvm_ioeventfd *request,
		  struct eventfd_ctx *eventfd)
{
	struct ioeventfd *ioeventfd;
	int ret;

	if (find_collision(vm, request))
		return -EEXIST;
	ioeventfd = kzalloc(sizeof(*ioeventfd), GFP_KERNEL_ACCOUNT);
	if (!ioeventfd)
		return -ENOMEM;
	ioeventfd->iodev.ops = &ioeventfd_ops;
	ioeventfd->iodev.addr = request->addr;
	ioeventfd->iodev.len = request->len ?: min_t(u64, MAX_ACCESS - 1, ~request->addr) + 1;
	ioeventfd->eventfd = eventfd;
	ioeventfd->len = request->len;
	ioeventfd->datamatch = request->datamatch;
	ioeventfd->is_wildcard = wants_wildcard(request);
	ioeventfd->bus = bus_of(request);

	ret = iobus_register(vm, ioeventfd->bus, &ioeventfd->iodev);
	if (ret)
		kfree(ioeventfd);
	else
		list_add_tail(&ioeventfd->list, &vm->ioeventfds);
	return ret;
}

static int deassign(struct lodge_vm *vm, const struct kvm_ioeventfd *request,
		    const struct eventfd_ctx *eventfd)
{
	struct ioeventfd *ioeventfd;

	list_for_each_entry(ioeventfd, &vm->ioeventfds, list) {
		if (ioeventfd->eventfd != eventfd || ioeventfd->bus != bus_of(request) ||
		    ioeventfd->iodev.addr != request->addr || ioeventfd->len != request->len ||
		    ioeventfd->is_wildcard != wants_wildcard(request))
			continue;
		if (!ioeventfd->is_wildcard && ioeventfd->datamatch != request->datamatch)
			continue;
		iobus_unregister(vm, ioeventfd->bus, &ioeventfd->iodev);
		list_del(&ioeventfd->list);
		ioeventfd_free(ioeventfd);
		return 0;
	}
	return -ENOENT;
}

static int check_request(const struct kvm_ioeventfd *request)
{
	if (request->flags & ~VALID_FLAGS)
		return -EINVAL;
	switch (request->len) {
	case 0:
		/* Any length has no value to compare with. */
		return wants_wildcard(request) ? 0 : -EINVAL;
	case 1:
	case 2:
	case 4:
	case 8:
		return request->addr + request->len < request->addr ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/**
 * ioeventfd_set() - KVM_IOEVENTFD
 * @vm: the VM, slots_lock held
 * @request: a copy in kernel memory
 *
 * Return: 0; -EINVAL for other flags or lengths, a range that wraps, a value with length 0,
 * or a file that is no eventfd; -EBADF; -EEXIST if a write could signal two; -ENOENT for one
 * to be taken away that is not there; -ENOSPC if the bus has too many devices; -ENOMEM.
 */
int ioeventfd_set(struct lodge_vm *vm, const struct kvm_ioeventfd *request)
{
	struct eventfd_ctx *eventfd;
	int ret;

	lockdep_assert_held(&vm->slots_lock);

	ret = check_request(request);
	if (ret)
		return ret;
	eventfd = eventfd_ctx_fdget(request->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	if (request->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		ret = deassign(vm, request, eventfd);
		eventfd_ctx_put(eventfd);
		return ret;
	}
	ret = assign(vm, request, eventfd);
	if (ret)
		eventfd_ctx_put(eventfd);
	return ret;
}

/**
 * ioeventfd_destroy() - free those that are left
 * @vm: VM that nobody uses any more, its buses included
 */
void ioeventfd_destroy(struct lodge_vm *vm)
{
	struct ioeventfd *ioeventfd, *next;

	list_for_each_entry_safe(ioeventfd, next, &vm->ioeventfds, list)
		ioeventfd_free(ioeventfd);
}
