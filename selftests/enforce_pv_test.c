// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_ENFORCE_PV_FEATURE_CPUID: paravirtual MSRs of features that CPUID does not show
 * are #GP from then on, for user space too; and what KVM_ENABLE_CAP of a vCPU refuses.
 */
#include <linux/kvm_para.h>
#include <stdlib.h>
#include <string.h>

#include "vcpu.h"

static const uint32_t clock_msrs[] = { MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME };
static const uint32_t new_clock_msrs[] = { MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW };

/* Give the vCPU the supported CPUID with these paravirtual features, at this leaf. */
static void set_pv_features(struct vcpu *vcpu, uint32_t base, uint32_t features)
{
	const struct kvm_cpuid2 *supported = node_supported_cpuid();
	size_t bytes = sizeof(*supported) + supported->nent * sizeof(supported->entries[0]);
	struct kvm_cpuid2 *cpuid = malloc(bytes);
	unsigned int i;

	memcpy(cpuid, supported, bytes);
	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == KVM_CPUID_FEATURES)
			entry->eax = features;
		if (entry->function >> 8 == KVM_CPUID_SIGNATURE >> 8)
			entry->function += base - KVM_CPUID_SIGNATURE;
	}
	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static void guest_access(uint64_t expected_old, uint64_t expected_new)
{
	uint64_t value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(clock_msrs); i++) {
		GUEST_ASSERT_EQ(guest_rdmsr_try(clock_msrs[i], &value), expected_old);
		GUEST_ASSERT_EQ(guest_wrmsr_try(clock_msrs[i], 0), expected_old);
		GUEST_ASSERT_EQ(guest_rdmsr_try(new_clock_msrs[i], &value), expected_new);
		GUEST_ASSERT_EQ(guest_wrmsr_try(new_clock_msrs[i], 0), expected_new);
	}
}

static struct vcpu *add_vcpu(struct vm *vm, uint64_t expected_old, uint64_t expected_new)
{
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_access);

	vcpu_set_arg(vcpu, 0, expected_old);
	vcpu_set_arg(vcpu, 1, expected_new);
	return vcpu;
}

/* Without the capability all work, shown or not. */
static void not_enforced(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_vcpu(vm, GUEST_NO_TRAP, GUEST_NO_TRAP);

	set_pv_features(vcpu, KVM_CPUID_SIGNATURE, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Enforced before CPUID is set or after, the leaf at its place or at another. */
static void enforced(void)
{
	unsigned int order;

	for (order = 0; order < 2; order++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = add_vcpu(vm, GP_VECTOR, GUEST_NO_TRAP);
		uint64_t value;

		if (!order)
			ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1), 0);
		set_pv_features(vcpu, KVM_CPUID_SIGNATURE + order * 0x300,
				1u << KVM_FEATURE_CLOCKSOURCE2);
		if (order)
			ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1), 0);
		ASSERT_ERRNO(__vcpu_get_msr(vcpu, MSR_KVM_SYSTEM_TIME, &value), ENOENT);
		ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_KVM_SYSTEM_TIME, 0), ENOENT);
		vcpu_run_done(vcpu);

		/* Switched off again. */
		ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 0), 0);
		ASSERT_EQ(__vcpu_get_msr(vcpu, MSR_KVM_SYSTEM_TIME, &value), 0);
		vm_destroy(vm);
	}
}

/* A vCPU without the leaf has no feature. */
static void no_leaf(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	uint64_t value;

	ASSERT_EQ(__vcpu_get_msr(vcpu, MSR_KVM_SYSTEM_TIME, &value), 0);
	ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1), 0);
	ASSERT_ERRNO(__vcpu_get_msr(vcpu, MSR_KVM_SYSTEM_TIME, &value), ENOENT);
	ASSERT_ERRNO(__vcpu_get_msr(vcpu, MSR_KVM_WALL_CLOCK_NEW, &value), ENOENT);
	vm_destroy(vm);
}

static void bad_arguments(void)
{
	struct kvm_enable_cap with_flags = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
		.flags = 1,
		.args = { 1 },
	};
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);

	ASSERT_EQ(node_check(KVM_CAP_ENABLE_CAP), 1);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &with_flags), EINVAL);
	ASSERT_ERRNO(__vcpu_enable_cap(vcpu, 0x7fffffff, 0), EINVAL);
	ASSERT_ERRNO(__vcpu_enable_cap(vcpu, KVM_CAP_IRQCHIP, 0), EINVAL);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1), EINVAL);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_ENABLE_CAP, NULL), EFAULT);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "not_enforced", not_enforced },
	{ "enforced", enforced },
	{ "no_leaf", no_leaf },
	{ "bad_arguments", bad_arguments },
};

TEST_MAIN(cases)
