// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: the ioctls that are Hyper-V's.
 */
#include <linux/uaccess.h>

#include "hyperv/hyperv.h"
#include "ioctl.h"

/**
 * hyperv_get_supported_cpuid() - KVM_GET_SUPPORTED_HV_CPUID, on the device and on a vCPU
 * @args: data is a struct kvm_cpuid2
 *
 * Return: 0; -E2BIG if there is no room for all; -EFAULT.
 */
long hyperv_get_supported_cpuid(struct ioctl_args *args)
{
	struct kvm_cpuid_entry2 entries[HYPERV_NR_LEAVES];
	struct kvm_cpuid2 __user *user = args->user;
	struct kvm_cpuid2 *header = args->data;

	if (header->nent < HYPERV_NR_LEAVES)
		return -E2BIG;
	header->nent = HYPERV_NR_LEAVES;
	/* The device cannot know whether a VM's LAPICs will be in the kernel: they may. */
	hyperv_supported_cpuid(entries, !args->vcpu || args->vcpu->lapic);
	return copy_to_user(user->entries, entries, sizeof(entries)) ? -EFAULT : 0;
}

/**
 * hyperv_enable_cap() - what KVM_ENABLE_CAP of a vCPU can enable here
 * @vcpu: loaded vCPU
 * @cap: from user space, flags are 0
 *
 * Return: 0; -EINVAL for other capabilities, a bad argument, or without an in-kernel LAPIC
 * where one is needed; -ENOMEM.
 */
long hyperv_enable_cap(struct lodge_vcpu *vcpu, const struct kvm_enable_cap *cap)
{
	switch (cap->cap) {
	case KVM_CAP_HYPERV_SYNIC:
		return hyperv_activate_synic(vcpu, false);
	case KVM_CAP_HYPERV_SYNIC2:
		return cap->args[0] ? -EINVAL : hyperv_activate_synic(vcpu, true);
	case KVM_CAP_HYPERV_ENFORCE_CPUID:
		return hyperv_enforce_cpuid(vcpu, cap->args[0]);
	default:
		return -EINVAL;
	}
}

/* KVM_HYPERV_EVENTFD; data is a struct kvm_hyperv_eventfd. */
long hyperv_eventfd(struct ioctl_args *args)
{
	return hyperv_set_eventfd(args->vm, args->data);
}
