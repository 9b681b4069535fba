// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: the device node and the ioctls on it: what the host supports, and the
 * creation of VMs.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "clock.h"
#include "cpuid.h"
#include "ioctl.h"
#include "lifecycle.h"
#include "msr.h"

/* As KVM: more entries in one KVM_GET/SET_MSRS are refused. */
#define MAX_MSRS_PER_CALL	256

static long get_api_version(struct ioctl_args *args)
{
	return args->value ? -EINVAL : KVM_API_VERSION;
}

static long create_vm(struct ioctl_args *args)
{
	/* The only type of VM on x86 is 0. */
	return args->value ? -EINVAL : vm_fd_create();
}

static long check_extension(struct ioctl_args *args)
{
	return capability_value(NULL, args->value);
}

static long get_vcpu_mmap_size(struct ioctl_args *args)
{
	return args->value ? -EINVAL : LODGE_VCPU_MMAP_PAGES * PAGE_SIZE;
}

static long get_cpuid_table(struct ioctl_args *args,
			    int (*get)(struct kvm_cpuid_entry2 *entries, u32 *nent))
{
	struct kvm_cpuid2 __user *user = args->user;
	struct kvm_cpuid2 *header = args->data;
	struct kvm_cpuid_entry2 *entries;
	int ret;

	header->nent = min_t(u32, header->nent, LODGE_MAX_CPUID_ENTRIES);
	if (!header->nent)
		return -E2BIG;
	entries = kvcalloc(header->nent, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries)
		return -ENOMEM;
	ret = get(entries, &header->nent);
	if (!ret && copy_to_user(user->entries, entries, header->nent * sizeof(*entries)))
		ret = -EFAULT;
	kvfree(entries);
	return ret;
}

static long get_supported_cpuid(struct ioctl_args *args)
{
	return get_cpuid_table(args, cpuid_get_supported);
}

static long get_emulated_cpuid(struct ioctl_args *args)
{
	return get_cpuid_table(args, cpuid_get_emulated);
}

static long get_msr_list(struct ioctl_args *args, int (*get)(u32 *indices, u32 *count))
{
	struct kvm_msr_list __user *user = args->user;
	struct kvm_msr_list *header = args->data;
	u32 room = header->nmsrs, count = 0;
	u32 *indices;
	int ret;

	/* First the count, which user space learns whatever its room is. */
	get(NULL, &count);
	header->nmsrs = count;
	if (room < count)
		return -E2BIG;
	indices = kcalloc(count, sizeof(*indices), GFP_KERNEL_ACCOUNT);
	if (!indices)
		return -ENOMEM;
	ret = get(indices, &count);
	if (!ret && copy_to_user(user->indices, indices, count * sizeof(*indices)))
		ret = -EFAULT;
	kfree(indices);
	return ret;
}

static long get_msr_index_list(struct ioctl_args *args)
{
	return get_msr_list(args, msr_index_list);
}

static long get_msr_feature_index_list(struct ioctl_args *args)
{
	return get_msr_list(args, msr_feature_list);
}

/**
 * dev_copy_msrs() - KVM_GET_MSRS and KVM_SET_MSRS, on whatever they are called
 * @args: data is the header
 * @one: what to do with each; its failure ends the count
 * @write_back: values go back to user space
 *
 * Return: how many were done; -E2BIG for too many at once; -EFAULT; -ENOMEM.
 */
long dev_copy_msrs(struct ioctl_args *args,
		   int (*one)(struct lodge_vcpu *vcpu, struct kvm_msr_entry *entry),
		   bool write_back)
{
	struct kvm_msrs __user *user = args->user;
	const struct kvm_msrs *header = args->data;
	struct kvm_msr_entry *entries;
	size_t size;
	long ret;
	u32 i;

	if (header->nmsrs >= MAX_MSRS_PER_CALL)
		return -E2BIG;
	size = array_size(header->nmsrs, sizeof(*entries));
	entries = memdup_user(user->entries, size);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	for (i = 0; i < header->nmsrs; i++) {
		if (one(args->vcpu, &entries[i]))
			break;
	}
	ret = i;
	if (write_back && copy_to_user(user->entries, entries, size))
		ret = -EFAULT;
	kfree(entries);
	return ret;
}

static int get_feature_msr(struct lodge_vcpu *vcpu, struct kvm_msr_entry *entry)
{
	return msr_get_feature(entry->index, &entry->data);
}

static long get_feature_msrs(struct ioctl_args *args)
{
	return dev_copy_msrs(args, get_feature_msr, true);
}

static long get_mce_cap_supported(struct ioctl_args *args)
{
	*(u64 *)args->data = msr_mce_cap_supported();
	return 0;
}

static const struct ioctl_entry dev_ioctls[IOCTL_TABLE_SIZE] = {
	IOCTL_ENTRY(KVM_GET_API_VERSION, 0, get_api_version),
	IOCTL_ENTRY(KVM_CREATE_VM, 0, create_vm),
	IOCTL_ENTRY(KVM_CHECK_EXTENSION, 0, check_extension),
	IOCTL_ENTRY(KVM_GET_VCPU_MMAP_SIZE, 0, get_vcpu_mmap_size),
	IOCTL_ENTRY(KVM_GET_SUPPORTED_CPUID, IOCTL_IN | IOCTL_OUT, get_supported_cpuid),
	IOCTL_ENTRY(KVM_GET_EMULATED_CPUID, IOCTL_IN | IOCTL_OUT, get_emulated_cpuid),
	IOCTL_ENTRY(KVM_GET_SUPPORTED_HV_CPUID, IOCTL_IN | IOCTL_OUT, hyperv_get_supported_cpuid),
	IOCTL_ENTRY(KVM_GET_MSR_INDEX_LIST, IOCTL_IN | IOCTL_OUT, get_msr_index_list),
	IOCTL_ENTRY(KVM_GET_MSR_FEATURE_INDEX_LIST, IOCTL_IN | IOCTL_OUT,
		    get_msr_feature_index_list),
	IOCTL_ENTRY(KVM_GET_MSRS, IOCTL_IN, get_feature_msrs),
	IOCTL_ENTRY(KVM_HAS_DEVICE_ATTR, IOCTL_IN, device_attr_has),
	IOCTL_ENTRY(KVM_GET_DEVICE_ATTR, IOCTL_IN, device_attr_get),
	IOCTL_ENTRY(KVM_X86_GET_MCE_CAP_SUPPORTED, IOCTL_OUT, get_mce_cap_supported),
};

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long value)
{
	const struct ioctl_entry *entry = ioctl_find(dev_ioctls, cmd);
	struct ioctl_args args = { .value = value };

	return entry ? ioctl_call(entry, &args) : -ENOTTY;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.fops = &dev_fops,
};

/**
 * dev_register() - make the device node appear
 * @node: its name below /dev; must stay allocated
 *
 * Return: 0, or what misc_register() returns.
 */
int dev_register(const char *node)
{
	device.name = node;
	return misc_register(&device);
}

/**
 * dev_unregister() - make it disappear; nobody has it open, or the module would be busy
 */
void dev_unregister(void)
{
	misc_deregister(&device);
}
