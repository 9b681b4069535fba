// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_X86_USER_SPACE_MSR: which failed MSR accesses come to user space and how they are
 * completed. KVM_X86_SET_MSR_FILTER: which MSRs are denied, the ones that run without an exit
 * too, and which filters are refused.
 */
#include <string.h>

#include "vcpu.h"

#define MSR_NOWHERE 0x12345678
#define MSR_IA32_POWER_CTL 0x1fc
#define MSR_X2APIC_TPR 0x808
#define APIC_BASE_X2APIC BIT(10)

#define ALL_REASONS (KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |	\
		     KVM_MSR_EXIT_REASON_FILTER)
#define READ_WRITE (KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

/* The guest's list of accesses; what comes of each is reported. */
struct access {
	uint32_t index;
	bool is_write;
	uint64_t value;
};

static struct access accesses[8];
static unsigned int nr_accesses;

static void guest_access(void)
{
	unsigned int i;

	for (i = 0; i < nr_accesses; i++) {
		uint64_t value = accesses[i].value, vector;

		if (accesses[i].is_write)
			vector = guest_wrmsr_try(accesses[i].index, value);
		else
			vector = guest_rdmsr_try(accesses[i].index, &value);
		GUEST_SYNC_ARGS(i, vector, value, 0);
	}
}

static struct vcpu *add_guest(struct vm *vm, const struct access *list, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		memcpy((void *)&GUEST(vm, accesses[i]), &list[i], sizeof(list[i]));
	GUEST(vm, nr_accesses) = nr;
	return vcpu_add(vm, 0, guest_access);
}

/* The next report is of this access, with this outcome. */
static uint64_t expect_outcome(struct vcpu *vcpu, unsigned int i, uint64_t vector)
{
	struct ucall ucall = vcpu_run_sync(vcpu, i);

	ASSERT_EQ(ucall.args[1], vector);
	return ucall.args[2];
}

static void expect_exit(struct vcpu *vcpu, uint32_t reason, uint32_t why, uint32_t index)
{
	vcpu_run_to(vcpu, reason);
	ASSERT_EQ(vcpu->run->msr.reason, why);
	ASSERT_EQ(vcpu->run->msr.index, index);
	ASSERT_EQ(vcpu->run->msr.error, 0);
}

static const struct access unknown_and_invalid[] = {
	{ .index = MSR_NOWHERE },
	{ .index = MSR_NOWHERE, .is_write = true, .value = 0x1122334455667788 },
	{ .index = MSR_IA32_PAT, .is_write = true, .value = 0x0202020202020202 },
};

/* Without the capability nobody is asked. */
static void not_asked(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_guest(vm, unknown_and_invalid, 3);
	unsigned int i;

	for (i = 0; i < 3; i++)
		expect_outcome(vcpu, i, GP_VECTOR);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void unknown(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_guest(vm, unknown_and_invalid, 3);

	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN), 0);
	expect_exit(vcpu, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_UNKNOWN, MSR_NOWHERE);
	vcpu->run->msr.data = 0xfedcba9876543210;
	ASSERT_EQ(expect_outcome(vcpu, 0, GUEST_NO_TRAP), 0xfedcba9876543210);

	expect_exit(vcpu, KVM_EXIT_X86_WRMSR, KVM_MSR_EXIT_REASON_UNKNOWN, MSR_NOWHERE);
	ASSERT_EQ(vcpu->run->msr.data, 0x1122334455667788u);
	expect_outcome(vcpu, 1, GUEST_NO_TRAP);

	/* Not unknown. */
	expect_outcome(vcpu, 2, GP_VECTOR);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void invalid(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_guest(vm, unknown_and_invalid, 3);

	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_INVAL), 0);
	expect_outcome(vcpu, 0, GP_VECTOR);
	expect_outcome(vcpu, 1, GP_VECTOR);
	expect_exit(vcpu, KVM_EXIT_X86_WRMSR, KVM_MSR_EXIT_REASON_INVAL, MSR_IA32_PAT);
	ASSERT_EQ(vcpu->run->msr.data, 0x0202020202020202u);
	expect_outcome(vcpu, 2, GUEST_NO_TRAP);
	ASSERT_NE(vcpu_get_msr(vcpu, MSR_IA32_PAT), 0x0202020202020202u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* User space says that it is an error; and an interrupted KVM_RUN completes the access. */
static void error_and_completion(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_guest(vm, unknown_and_invalid, 2);
	uint64_t rip;

	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, ALL_REASONS), 0);
	vcpu_run_to(vcpu, KVM_EXIT_X86_RDMSR);
	vcpu->run->msr.error = 1;
	expect_outcome(vcpu, 0, GP_VECTOR);

	vcpu_run_to(vcpu, KVM_EXIT_X86_WRMSR);
	rip = vcpu_regs(vcpu).rip;
	vcpu->run->immediate_exit = 1;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	ASSERT_EQ(vcpu_regs(vcpu).rip, rip + 2);
	vcpu->run->immediate_exit = 0;
	expect_outcome(vcpu, 1, GUEST_NO_TRAP);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* One MSR, denied. */
static void set_filter(struct vm *vm, uint32_t base, uint32_t flags)
{
	uint8_t bitmap[8] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct kvm_msr_filter filter = {
		.ranges[3] = { .flags = flags, .nmsrs = 3, .base = base, .bitmap = bitmap },
	};

	vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter);
}

static void drop_filter(struct vm *vm)
{
	struct kvm_msr_filter filter = {};

	vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter);
}

static const uint32_t passed_msrs[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_LSTAR, MSR_IA32_SYSENTER_EIP,
};

/*
 * MSRs that usually run without an exit: denied while the guest runs, in one direction or in
 * both, and allowed again.
 */
static void filter_passed_msrs(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(passed_msrs); i++) {
		uint32_t index = passed_msrs[i];
		const struct access list[] = {
			{ .index = index, .is_write = true, .value = 0x1000 },
			{ .index = index },
			{ .index = index, .is_write = true, .value = 0x2000 },
			{ .index = index },
			{ .index = index, .is_write = true, .value = 0x3000 },
			{ .index = index },
		};
		struct vm *vm = vm_create();
		struct vcpu *vcpu = add_guest(vm, list, ARRAY_SIZE(list));

		ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR,
					  KVM_MSR_EXIT_REASON_FILTER), 0);
		expect_outcome(vcpu, 0, GUEST_NO_TRAP);
		set_filter(vm, index, KVM_MSR_FILTER_READ);
		expect_exit(vcpu, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_FILTER, index);
		vcpu->run->msr.data = 0x7777;
		ASSERT_EQ(expect_outcome(vcpu, 1, GUEST_NO_TRAP), 0x7777u);
		expect_outcome(vcpu, 2, GUEST_NO_TRAP);
		ASSERT_EQ(vcpu_get_msr(vcpu, index), 0x2000u);

		set_filter(vm, index, READ_WRITE);
		ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, 0), 0);
		expect_outcome(vcpu, 3, GP_VECTOR);
		expect_outcome(vcpu, 4, GP_VECTOR);
		/* User space itself is not filtered. */
		vcpu_set_msr(vcpu, index, 0x4000);
		drop_filter(vm);
		ASSERT_EQ(expect_outcome(vcpu, 5, GUEST_NO_TRAP), 0x4000u);
		vcpu_run_done(vcpu);
		vm_destroy(vm);
	}
}

/* Everything that no range names is denied; of two ranges the first decides. */
static void default_deny(void)
{
	static const struct access list[] = {
		{ .index = MSR_STAR },
		{ .index = MSR_IA32_POWER_CTL, .is_write = true, .value = 5 },
		{ .index = MSR_IA32_POWER_CTL },
		{ .index = MSR_NOWHERE },
		{ .index = MSR_KERNEL_GS_BASE },
	};
	uint64_t allow = ~0ull, deny = 0;
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_DENY,
		.ranges = {
			{ .flags = READ_WRITE, .nmsrs = 1, .base = MSR_STAR,
			  .bitmap = (uint8_t *)&allow },
			{ .flags = READ_WRITE, .nmsrs = 1, .base = MSR_STAR,
			  .bitmap = (uint8_t *)&deny },
			{ .flags = KVM_MSR_FILTER_WRITE, .nmsrs = 1, .base = MSR_IA32_POWER_CTL,
			  .bitmap = (uint8_t *)&allow },
			{ .flags = READ_WRITE, .nmsrs = 64, .base = MSR_NOWHERE - 63,
			  .bitmap = (uint8_t *)&allow },
		},
	};
	struct vm *vm = vm_create();
	struct vcpu *vcpu = add_guest(vm, list, ARRAY_SIZE(list));

	vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter);
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, ALL_REASONS), 0);
	expect_outcome(vcpu, 0, GUEST_NO_TRAP);
	expect_outcome(vcpu, 1, GUEST_NO_TRAP);
	expect_exit(vcpu, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_FILTER, MSR_IA32_POWER_CTL);
	vcpu->run->msr.data = 9;
	ASSERT_EQ(expect_outcome(vcpu, 2, GUEST_NO_TRAP), 9u);
	/* Allowed, and yet not there. */
	expect_exit(vcpu, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_UNKNOWN, MSR_NOWHERE);
	expect_outcome(vcpu, 3, GUEST_NO_TRAP);
	expect_exit(vcpu, KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_FILTER, MSR_KERNEL_GS_BASE);
	expect_outcome(vcpu, 4, GUEST_NO_TRAP);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_IA32_POWER_CTL), 5u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* The LAPIC's MSRs are out of the filter's reach. */
static void x2apic_is_not_filtered(void)
{
	static const struct access list[] = { { .index = MSR_X2APIC_TPR } };
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = add_guest(vm, list, 1);

	if (!CPUID_HAS_X2APIC())
		test_skip("no x2APIC");
	vcpu_set_msr(vcpu, MSR_IA32_APICBASE,
		     vcpu_get_msr(vcpu, MSR_IA32_APICBASE) | APIC_BASE_X2APIC);
	set_filter(vm, MSR_X2APIC_TPR, READ_WRITE);
	expect_outcome(vcpu, 0, GUEST_NO_TRAP);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* A vCPU made after the filter has it, too. */
static void later_vcpu(void)
{
	static const struct access list[] = { { .index = MSR_GS_BASE } };
	struct vm *vm = vm_create();
	struct vcpu *vcpu;

	set_filter(vm, MSR_GS_BASE, KVM_MSR_FILTER_READ);
	vcpu = add_guest(vm, list, 1);
	expect_outcome(vcpu, 0, GP_VECTOR);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void bad_filters(void)
{
	static uint8_t bitmap[KVM_MSR_FILTER_MAX_BITMAP_SIZE];
	struct kvm_msr_filter filter = {};
	struct vm *vm = vm_create();

	ASSERT_EQ(node_check(KVM_CAP_X86_USER_SPACE_MSR), 1);
	ASSERT_EQ(node_check(KVM_CAP_X86_MSR_FILTER), 1);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, ALL_REASONS | BIT(3)), EINVAL);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, BIT(63)), EINVAL);

	filter.flags = KVM_MSR_FILTER_DEFAULT_DENY;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter), EINVAL);
	filter.flags = 2;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter), EINVAL);
	filter.flags = 0;
	filter.ranges[15] = (struct kvm_msr_filter_range) { .nmsrs = 1, .bitmap = bitmap };
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter), EINVAL);
	filter.ranges[15].flags = 4 | KVM_MSR_FILTER_READ;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter), EINVAL);
	filter.ranges[15].flags = KVM_MSR_FILTER_READ;
	filter.ranges[15].nmsrs = sizeof(bitmap) * 8 + 1;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter), EINVAL);
	filter.ranges[15].nmsrs = ~0u;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter), EINVAL);
	filter.ranges[15].nmsrs = sizeof(bitmap) * 8;
	filter.ranges[15].bitmap = (uint8_t *)8;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter), EFAULT);
	filter.ranges[15].bitmap = bitmap;
	ASSERT_EQ(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter), 0);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_X86_SET_MSR_FILTER, NULL), EFAULT);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "not_asked", not_asked },
	{ "unknown", unknown },
	{ "invalid", invalid },
	{ "error_and_completion", error_and_completion },
	{ "filter_passed_msrs", filter_passed_msrs },
	{ "default_deny", default_deny },
	{ "x2apic_is_not_filtered", x2apic_is_not_filtered },
	{ "later_vcpu", later_vcpu },
	{ "bad_filters", bad_filters },
};

TEST_MAIN(cases)
