// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: a VM's file descriptor and its ioctl table.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "clock.h"
#include "coalesced.h"
#include "ioctl.h"
#include "irqchip/irqchip.h"
#include "lifecycle.h"
#include "mmu/mmu.h"
#include "msr_filter.h"

static long check_extension(struct ioctl_args *args)
{
	return capability_value(args->vm, args->value);
}

static long create_vcpu(struct ioctl_args *args)
{
	if (args->value >= LODGE_MAX_VCPU_ID)
		return -EINVAL;
	return vcpu_fd_create(args->vm, args->value);
}

static long set_user_memory_region(struct ioctl_args *args)
{
	return memslot_set_region(args->vm, args->data);
}

static long get_dirty_log(struct ioctl_args *args)
{
	return dirty_log_get(args->vm, args->data);
}

static long clear_dirty_log(struct ioctl_args *args)
{
	return dirty_log_clear(args->vm, args->data);
}

static long reset_dirty_rings(struct ioctl_args *args)
{
	return dirty_ring_reset_all(args->vm);
}

/* Only once: user space says how many ids it will need, the first vCPU says that it did not. */
static long set_max_vcpu_id(struct lodge_vm *vm, u64 nr)
{
	if (nr > LODGE_MAX_VCPU_ID || (vm->max_vcpu_ids && vm->max_vcpu_ids != nr))
		return -EINVAL;
	vm->max_vcpu_ids = nr;
	return 0;
}

static long enable_cap(struct ioctl_args *args)
{
	const struct kvm_enable_cap *cap = args->data;

	if (cap->flags)
		return -EINVAL;
	switch (cap->cap) {
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return dirty_log_set_mode(args->vm, cap->args[0]);
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return dirty_ring_enable(args->vm, cap->args[0]);
	case KVM_CAP_EXCEPTION_PAYLOAD:
		WRITE_ONCE(args->vm->shows_payloads, !!cap->args[0]);
		return 0;
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		WRITE_ONCE(args->vm->shows_triple_fault, !!cap->args[0]);
		return 0;
	case KVM_CAP_SPLIT_IRQCHIP:
		return irqchip_create_split(args->vm, cap->args[0]);
	case KVM_CAP_X2APIC_API:
		return irqchip_set_x2apic_api(args->vm, cap->args[0]);
	case KVM_CAP_MAX_VCPU_ID:
		return set_max_vcpu_id(args->vm, cap->args[0]);
	case KVM_CAP_HALT_POLL:
		if (cap->args[0] > U32_MAX)
			return -EINVAL;
		WRITE_ONCE(args->vm->halt_poll_max_ns, cap->args[0]);
		return 0;
	default:
		return vm_setting_enable(args->vm, cap);
	}
}

static long set_msr_filter(struct ioctl_args *args)
{
	return msr_filter_set(args->vm, args->data);
}

static long register_coalesced(struct ioctl_args *args)
{
	return coalesced_register(args->vm, args->data);
}

static long unregister_coalesced(struct ioctl_args *args)
{
	return coalesced_unregister(args->vm, args->data);
}

static long irqfd(struct ioctl_args *args)
{
	return irqfd_set(args->vm, args->data);
}

static long ioeventfd(struct ioctl_args *args)
{
	return ioeventfd_set(args->vm, args->data);
}

/* With two-dimensional paging neither backend needs pages of the guest's for itself. */
static long set_tss_addr(struct ioctl_args *args)
{
	return args->value > (u32)(-3 * PAGE_SIZE) ? -EINVAL : 0;
}

static long set_identity_map_addr(struct ioctl_args *args)
{
	return args->vm->nr_vcpus ? -EINVAL : 0;
}

static long set_boot_cpu_id(struct ioctl_args *args)
{
	if (args->vm->nr_vcpus)
		return -EBUSY;
	args->vm->bsp_id = args->value;
	return 0;
}

static long create_irqchip(struct ioctl_args *args)
{
	return irqchip_create(args->vm);
}

static long get_irqchip(struct ioctl_args *args)
{
	return irqchip_get_state(args->vm, args->data);
}

static long set_irqchip(struct ioctl_args *args)
{
	return irqchip_set_state(args->vm, args->data);
}

static long create_pit(struct ioctl_args *args)
{
	/* The older call has the speaker port. */
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return pit_create(args->vm, &config);
}

static long create_pit2(struct ioctl_args *args)
{
	return pit_create(args->vm, args->data);
}

static long get_pit2(struct ioctl_args *args)
{
	return pit_get_state(args->vm, args->data);
}

static long set_pit2(struct ioctl_args *args)
{
	return pit_set_state(args->vm, args->data);
}

static long irq_line(struct ioctl_args *args)
{
	const struct kvm_irq_level *irq = args->data;

	irqchip_set_line(args->vm, IRQCHIP_SOURCE_USER, irq->irq, !!irq->level);
	return 0;
}

static long irq_line_status(struct ioctl_args *args)
{
	struct kvm_irq_level *irq = args->data;

	irq->status = irqchip_set_line(args->vm, IRQCHIP_SOURCE_USER, irq->irq, !!irq->level);
	return 0;
}

static long signal_msi(struct ioctl_args *args)
{
	return irqchip_send_msi(args->vm, args->data);
}

static long set_gsi_routing(struct ioctl_args *args)
{
	struct kvm_irq_routing __user *user = args->user;
	const struct kvm_irq_routing *header = args->data;
	struct kvm_irq_routing_entry *entries = NULL;
	long ret;

	if (header->flags || header->nr > IRQCHIP_MAX_GSIS)
		return -EINVAL;
	if (header->nr) {
		entries = vmemdup_user(user->entries, array_size(header->nr, sizeof(*entries)));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	ret = routing_set(args->vm, entries, header->nr, header->flags);
	kvfree(entries);
	return ret;
}

static long get_clock(struct ioctl_args *args)
{
	clock_get(args->vm, args->data);
	return 0;
}

static long set_clock(struct ioctl_args *args)
{
	return clock_set(args->vm, args->data);
}

static const struct ioctl_entry vm_ioctls[IOCTL_TABLE_SIZE] = {
	IOCTL_ENTRY(KVM_CHECK_EXTENSION, 0, check_extension),
	IOCTL_ENTRY(KVM_CREATE_VCPU, IOCTL_VM_LOCK, create_vcpu),
	IOCTL_ENTRY(KVM_SET_USER_MEMORY_REGION, IOCTL_IN | IOCTL_SLOTS_LOCK,
		    set_user_memory_region),
	IOCTL_ENTRY(KVM_GET_DIRTY_LOG, IOCTL_IN | IOCTL_SLOTS_LOCK, get_dirty_log),
	IOCTL_ENTRY(KVM_CLEAR_DIRTY_LOG, IOCTL_IN | IOCTL_SLOTS_LOCK, clear_dirty_log),
	IOCTL_ENTRY(KVM_RESET_DIRTY_RINGS, IOCTL_SLOTS_LOCK, reset_dirty_rings),
	IOCTL_ENTRY(KVM_ENABLE_CAP, IOCTL_IN | IOCTL_VM_LOCK | IOCTL_SLOTS_LOCK, enable_cap),
	IOCTL_ENTRY(KVM_REGISTER_COALESCED_MMIO, IOCTL_IN | IOCTL_SLOTS_LOCK, register_coalesced),
	IOCTL_ENTRY(KVM_UNREGISTER_COALESCED_MMIO, IOCTL_IN | IOCTL_SLOTS_LOCK,
		    unregister_coalesced),
	IOCTL_ENTRY(KVM_IRQFD, IOCTL_IN, irqfd),
	IOCTL_ENTRY(KVM_IOEVENTFD, IOCTL_IN | IOCTL_SLOTS_LOCK, ioeventfd),
	IOCTL_ENTRY(KVM_SET_TSS_ADDR, 0, set_tss_addr),
	IOCTL_ENTRY(KVM_SET_IDENTITY_MAP_ADDR, IOCTL_IN | IOCTL_VM_LOCK, set_identity_map_addr),
	IOCTL_ENTRY(KVM_SET_BOOT_CPU_ID, IOCTL_VM_LOCK, set_boot_cpu_id),
	IOCTL_ENTRY(KVM_CREATE_IRQCHIP, IOCTL_VM_LOCK, create_irqchip),
	IOCTL_ENTRY(KVM_GET_IRQCHIP, IOCTL_IN | IOCTL_OUT | IOCTL_NEEDS_IRQCHIP, get_irqchip),
	IOCTL_ENTRY(KVM_SET_IRQCHIP, IOCTL_IN | IOCTL_NEEDS_IRQCHIP, set_irqchip),
	IOCTL_ENTRY(KVM_CREATE_PIT, IOCTL_VM_LOCK, create_pit),
	IOCTL_ENTRY(KVM_CREATE_PIT2, IOCTL_IN | IOCTL_VM_LOCK, create_pit2),
	IOCTL_ENTRY(KVM_GET_PIT2, IOCTL_OUT | IOCTL_VM_LOCK, get_pit2),
	IOCTL_ENTRY(KVM_SET_PIT2, IOCTL_IN | IOCTL_VM_LOCK, set_pit2),
	IOCTL_ENTRY(KVM_IRQ_LINE, IOCTL_IN | IOCTL_NEEDS_IRQCHIP, irq_line),
	IOCTL_ENTRY(KVM_IRQ_LINE_STATUS, IOCTL_IN | IOCTL_OUT | IOCTL_NEEDS_IRQCHIP,
		    irq_line_status),
	IOCTL_ENTRY(KVM_SIGNAL_MSI, IOCTL_IN, signal_msi),
	IOCTL_ENTRY(KVM_SET_GSI_ROUTING, IOCTL_IN, set_gsi_routing),
	IOCTL_ENTRY(KVM_X86_SET_MSR_FILTER, IOCTL_IN, set_msr_filter),
	IOCTL_ENTRY(KVM_GET_CLOCK, IOCTL_OUT, get_clock),
	IOCTL_ENTRY(KVM_SET_CLOCK, IOCTL_IN, set_clock),
	IOCTL_ENTRY(KVM_HYPERV_EVENTFD, IOCTL_IN, hyperv_eventfd),
};

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long value)
{
	const struct ioctl_entry *entry = ioctl_find(vm_ioctls, cmd);
	struct ioctl_args args = { .vm = file->private_data, .value = value };

	return entry ? ioctl_call(entry, &args) : -ENOTTY;
}

static int vm_release(struct inode *inode, struct file *file)
{
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vm_release,
	.llseek = noop_llseek,
};

/**
 * vm_fd_create() - KVM_CREATE_VM
 *
 * Return: file descriptor; -ENOMEM, -EINTR, -EMFILE and the like.
 */
int vm_fd_create(void)
{
	struct lodge_vm *vm;
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	vm = vm_create();
	if (IS_ERR(vm)) {
		put_unused_fd(fd);
		return PTR_ERR(vm);
	}
	file = anon_inode_getfile("lodge-vm", &vm_fops, vm, O_RDWR);
	if (IS_ERR(file)) {
		vm_put(vm);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}
