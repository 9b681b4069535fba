// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: the one dispatcher of all ioctl tables: finds the entry, takes its locks,
 * copies its structure.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ioctl.h"
#include "run.h"

/* Structures up to this size travel on the stack. */
#define STACK_BYTES	256

/**
 * ioctl_find() - look an ioctl up
 * @table: of the file descriptor's kind
 * @cmd: as user space gave it
 *
 * Return: the entry; NULL if there is none (-ENOTTY).
 */
const struct ioctl_entry *ioctl_find(const struct ioctl_entry table[IOCTL_TABLE_SIZE],
				     unsigned int cmd)
{
	unsigned int index = array_index_nospec(IOCTL_INDEX(cmd), IOCTL_TABLE_SIZE);
	const struct ioctl_entry *entry = &table[index];

	return entry->handler && entry->cmd == cmd ? entry : NULL;
}

static long call_vcpu(const struct ioctl_entry *entry, struct ioctl_args *args)
{
	struct lodge_vcpu *vcpu = args->vcpu;
	long ret;

	if ((entry->flags & IOCTL_NEEDS_LAPIC) && !vcpu->lapic)
		return -EINVAL;
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	if (entry->flags & IOCTL_UNLOADED) {
		ret = entry->handler(args);
	} else {
		vcpu_load(vcpu);
		ret = entry->handler(args);
		vcpu_put(vcpu);
	}
	mutex_unlock(&vcpu->mutex);
	return ret;
}

static long call_vm(const struct ioctl_entry *entry, struct ioctl_args *args)
{
	struct lodge_vm *vm = args->vm;
	long ret;

	/* Acquire: an irqchip that is seen is complete. */
	if ((entry->flags & IOCTL_NEEDS_IRQCHIP) && !smp_load_acquire(&vm->irqchip))
		return -ENXIO;
	if (entry->flags & IOCTL_VM_LOCK)
		mutex_lock(&vm->lock);
	if (entry->flags & IOCTL_SLOTS_LOCK)
		mutex_lock(&vm->slots_lock);
	ret = entry->handler(args);
	if (entry->flags & IOCTL_SLOTS_LOCK)
		mutex_unlock(&vm->slots_lock);
	if (entry->flags & IOCTL_VM_LOCK)
		mutex_unlock(&vm->lock);
	return ret;
}

static long call_handler(const struct ioctl_entry *entry, struct ioctl_args *args)
{
	if (args->vcpu)
		return call_vcpu(entry, args);
	if (args->vm)
		return call_vm(entry, args);
	return entry->handler(args);
}

static long call_with_data(const struct ioctl_entry *entry, struct ioctl_args *args,
			   unsigned int size)
{
	long ret;

	if (entry->flags & IOCTL_IN) {
		if (copy_from_user(args->data, args->user, size))
			return -EFAULT;
	}
	ret = call_handler(entry, args);
	if ((entry->flags & IOCTL_OUT) && (ret >= 0 || ret == -E2BIG)) {
		if (copy_to_user(args->user, args->data, size))
			return -EFAULT;
	}
	return ret;
}

/**
 * ioctl_call() - carry out an ioctl
 * @entry: from ioctl_find()
 * @args: objects and value filled in by the caller
 *
 * Process context. A VM's memory is its process's: others are refused.
 *
 * Return: what the handler returns; -EFAULT for a bad pointer; -EIO for a foreign process
 * (a child's, or what was executed since); -EINTR if killed while waiting for the vCPU;
 * -ENOMEM; -ENXIO, -EINVAL for what IOCTL_NEEDS_* say.
 */
long ioctl_call(const struct ioctl_entry *entry, struct ioctl_args *args)
{
	unsigned int size = _IOC_SIZE(entry->cmd);
	u64 on_stack[STACK_BYTES / sizeof(u64)];
	long ret;

	if (args->vm && args->vm->mm != current->mm)
		return -EIO;
	args->user = (void __user *)args->value;
	if (!(entry->flags & (IOCTL_IN | IOCTL_OUT)))
		return call_handler(entry, args);

	if (size <= sizeof(on_stack)) {
		memset(on_stack, 0, size);
		args->data = on_stack;
		return call_with_data(entry, args, size);
	}
	args->data = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!args->data)
		return -ENOMEM;
	ret = call_with_data(entry, args, size);
	kfree(args->data);
	return ret;
}
