// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: KVM_ENABLE_CAP on a VM where it sets one word of struct lodge_vm: which bits there
 * are, and where they go.
 */
#define pr_fmt(fmt) "lodge: " fmt

#include <linux/capability.h>
#include <linux/cpu.h>
#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/lockdep.h>
#include <linux/printk.h>

#include <asm/cpufeature.h>

#include "ioctl.h"
#include "request.h"
#include "vm.h"

/**
 * struct setting - one capability
 * @capability: KVM_CAP_*
 * @place: offset of a u64 in struct lodge_vm
 * @valid: bits of the first argument that may be set
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
	/* The older of the two takes bits that mean nothing. */
	SETTING(DISABLE_QUIRKS, disabled_quirks, ~0ull),
	SETTING(DISABLE_QUIRKS2, disabled_quirks, VM_SETTING_QUIRKS),
	SETTING(MSR_PLATFORM_INFO, shows_platform_info, ~0ull),
	SETTING(EXIT_HYPERCALL, hypercall_exits, VM_SETTING_HYPERCALLS),
	SETTING(EXIT_ON_EMULATION_FAILURE, exits_on_failure, 1),
};

/**
 * vm_setting_insns() - instructions that a guest may have for itself
 *
 * MWAIT only where the CPU's timer ticks on while it sleeps and its monitor works, as
 * in KVM.
 *
 * Return: KVM_X86_DISABLE_EXITS_*.
 */
u64 vm_setting_insns(void)
{
	u64 insns = KVM_X86_DISABLE_EXITS_PAUSE | KVM_X86_DISABLE_EXITS_HLT |
		    KVM_X86_DISABLE_EXITS_CSTATE;

	if (boot_cpu_has(X86_FEATURE_MWAIT) && boot_cpu_has(X86_FEATURE_ARAT) &&
	    !boot_cpu_has_bug(X86_BUG_MONITOR))
		insns |= KVM_X86_DISABLE_EXITS_MWAIT;
	return insns;
}

/* KVM_CAP_X86_DISABLE_EXITS: more and more, until there is a vCPU. */
static int pass_insns(struct lodge_vm *vm, u64 insns)
{
	if (vm->nr_vcpus || (insns & ~(u64)KVM_X86_DISABLE_VALID_EXITS))
		return -EINVAL;
	/* What a guest leaves in the return-address predictor of its core's other thread. */
	if (boot_cpu_has_bug(X86_BUG_SMT_RSB) && cpu_smt_possible() &&
	    (insns & ~(u64)KVM_X86_DISABLE_EXITS_PAUSE))
		pr_warn_once("guests that halt by themselves can attack the other thread of their core: switch SMT off, or trust them\n");
	vm->passed_insns |= insns & vm_setting_insns();
	return 0;
}

/*
 * KVM_CAP_VM_DISABLE_NX_HUGE_PAGES: code in large pages where it can stop the machine. In the
 * first user namespace, as the node may be in any.
 */
static int allow_large_exec(struct lodge_vm *vm, u64 arg)
{
	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (arg || vm->nr_vcpus)
		return -EINVAL;
	vm->allows_large_exec = true;
	return 0;
}

/**
 * vm_setting_enable() - KVM_ENABLE_CAP
 * @vm: vm->lock held; vCPUs may be running
 * @cap: kernel copy, flags checked
 *
 * When it returns no vCPU runs by the setting before. Return: 0; -EINVAL for an unknown
 * capability or argument, or where it is too late; -EPERM.
 */
int vm_setting_enable(struct lodge_vm *vm, const struct kvm_enable_cap *cap)
{
	unsigned int i;

	lockdep_assert_held(&vm->lock);
	if (cap->cap == KVM_CAP_X86_DISABLE_EXITS)
		return pass_insns(vm, cap->args[0]);
	if (cap->cap == KVM_CAP_VM_DISABLE_NX_HUGE_PAGES)
		return allow_large_exec(vm, cap->args[0]);
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		const struct setting *setting = &settings[i];

		if (setting->capability != cap->cap)
			continue;
		if (cap->args[0] & ~setting->valid)
			return -EINVAL;
		WRITE_ONCE(*(u64 *)((u8 *)vm + setting->place), cap->args[0]);
		lodge_request_all_and_wait(vm, LODGE_REQ_INTERCEPTS);
		return 0;
	}
	return -EINVAL;
}
