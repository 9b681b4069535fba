// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: attributes, which are addressed by group and number and are one u64 each: of the
 * device (what the host supports) and of a vCPU (its TSC).
 */
#include <linux/uaccess.h>

#include "clock.h"
#include "fpu.h"
#include "ioctl.h"
#include "irqchip/irqchip.h"

/* Where the value is, or is to go. */
static u64 __user *value_place(const struct kvm_device_attr *attr)
{
	return (u64 __user *)(unsigned long)attr->addr;
}

/* A 32-bit process must not have the upper half dropped. */
static bool is_address(const struct kvm_device_attr *attr)
{
	return (unsigned long)attr->addr == attr->addr;
}

static bool is_guest_xcr0(const struct kvm_device_attr *attr)
{
	return attr->group == 0 && attr->attr == KVM_X86_XCOMP_GUEST_SUPP;
}

static bool is_tsc_offset(const struct kvm_device_attr *attr)
{
	return attr->group == KVM_VCPU_TSC_CTRL && attr->attr == KVM_VCPU_TSC_OFFSET;
}

/* Handlers for the device. -ENXIO: no such attribute; -EFAULT. */
long device_attr_has(struct ioctl_args *args)
{
	return is_guest_xcr0(args->data) ? 0 : -ENXIO;
}

long device_attr_get(struct ioctl_args *args)
{
	const struct kvm_device_attr *attr = args->data;

	if (!is_guest_xcr0(attr))
		return -ENXIO;
	if (!is_address(attr) || put_user(fpu_supported_xcr0(), value_place(attr)))
		return -EFAULT;
	return 0;
}

/* Handlers for a vCPU, likewise. */
long vcpu_attr_has(struct ioctl_args *args)
{
	return is_tsc_offset(args->data) ? 0 : -ENXIO;
}

long vcpu_attr_get(struct ioctl_args *args)
{
	const struct kvm_device_attr *attr = args->data;

	if (!is_tsc_offset(attr))
		return -ENXIO;
	if (!is_address(attr) || put_user(clock_tsc_offset(args->vcpu), value_place(attr)))
		return -EFAULT;
	return 0;
}

long vcpu_attr_set(struct ioctl_args *args)
{
	const struct kvm_device_attr *attr = args->data;
	u64 offset;

	if (!is_tsc_offset(attr))
		return -ENXIO;
	if (!is_address(attr) || get_user(offset, value_place(attr)))
		return -EFAULT;
	clock_set_tsc_offset(args->vcpu, offset);
	lapic_timer_tsc_changed(args->vcpu);
	return 0;
}
