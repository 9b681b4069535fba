// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: KVM_ENABLE_CAP on a VM where it sets one word of struct lodge_vm: which bits there
 * are, and where they go.
 */
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/lockdep.h>

#include "ioctl.h"
#include "vm.h"

/**
 * struct setting - one capability
 * @capability: KVM_CAP_*
 * @place: offset of a u64 in struct lodge_vm
 * @valid: bits of the first argument that may be set; what CHECK_EXTENSION answers, too, if
 *         it is a mask
 */
struct setting {
	u32 capability;
	u32 place;
	u64 valid;
};

#define SETTING(cap, field, bits)	{ KVM_CAP_##cap, offsetof(struct lodge_vm, field), bits }

static const struct setting settings[] = {
	SETTING(X86_USER_SPACE_MSR, user_msr_reasons, KVM_MSR_EXIT_REASON_INVAL |
		KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_FILTER),
};

/**
 * vm_setting_enable() - KVM_ENABLE_CAP
 * @vm: vm->lock held; vCPUs may be running, and see the change at any time
 * @cap: kernel copy, flags checked
 *
 * Return: 0; -EINVAL for an unknown capability or argument.
 */
int vm_setting_enable(struct lodge_vm *vm, const struct kvm_enable_cap *cap)
{
	unsigned int i;

	lockdep_assert_held(&vm->lock);
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		const struct setting *setting = &settings[i];

		if (setting->capability != cap->cap)
			continue;
		if (cap->args[0] & ~setting->valid)
			return -EINVAL;
		WRITE_ONCE(*(u64 *)((u8 *)vm + setting->place), cap->args[0]);
		return 0;
	}
	return -EINVAL;
}
