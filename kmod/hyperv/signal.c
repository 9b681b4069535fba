// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: KVM_HYPERV_EVENTFD: the hypercall that signals an event on a connection signals an
 * eventfd, without user space's vCPU thread in between.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/eventfd.h>
#include <linux/srcu.h>

#include "state.h"

static int assign(struct lodge_hyperv *hyperv, u32 id, int fd)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(fd);
	int ret;

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	ret = xa_insert(&hyperv->connections, id, eventfd, GFP_KERNEL_ACCOUNT);
	if (ret)
		eventfd_ctx_put(eventfd);
	return ret == -EBUSY ? -EEXIST : ret;
}

static int deassign(struct lodge_vm *vm, struct lodge_hyperv *hyperv, u32 id)
{
	struct eventfd_ctx *eventfd = xa_erase(&hyperv->connections, id);

	if (!eventfd)
		return -ENOENT;
	/* Who has found it is done with it. */
	synchronize_srcu(&vm->srcu);
	eventfd_ctx_put(eventfd);
	return 0;
}

int hyperv_set_eventfd(struct lodge_vm *vm, const struct kvm_hyperv_eventfd *request)
{
	struct lodge_hyperv *hyperv;

	if ((request->flags & ~KVM_HYPERV_EVENTFD_DEASSIGN) ||
	    (request->conn_id & ~KVM_HYPERV_CONN_ID_MASK))
		return -EINVAL;
	hyperv = hyperv_vm_get(vm);
	if (!hyperv)
		return -ENOMEM;
	if (request->flags & KVM_HYPERV_EVENTFD_DEASSIGN)
		return deassign(vm, hyperv, request->conn_id);
	return assign(hyperv, request->conn_id, request->fd);
}

/**
 * signal_connection() - signal the eventfd of a connection
 * @vcpu: vCPU; own thread
 * @id: any number
 *
 * Return: 0; -ENOENT if the connection has none.
 */
int signal_connection(struct lodge_vcpu *vcpu, u32 id)
{
	struct lodge_vm *vm = vcpu->vm;
	int srcu = srcu_read_lock(&vm->srcu);
	struct eventfd_ctx *eventfd = xa_load(&vm->hyperv->connections, id);

	if (eventfd)
		eventfd_signal(eventfd, 1);
	srcu_read_unlock(&vm->srcu, srcu);
	return eventfd ? 0 : -ENOENT;
}

/* No fd of the VM is left, so nobody signals. */
void signal_destroy(struct lodge_hyperv *hyperv)
{
	struct eventfd_ctx *eventfd;
	unsigned long id;

	xa_for_each(&hyperv->connections, id, eventfd)
		eventfd_ctx_put(eventfd);
	xa_destroy(&hyperv->connections);
}
