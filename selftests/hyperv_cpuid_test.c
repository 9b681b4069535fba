// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's CPUID leaves: what the device and a vCPU offer, that nothing of Hyper-V is there
 * for a guest without them, and KVM_CAP_HYPERV_ENFORCE_CPUID, which makes each bit count.
 */
#include <string.h>
#include <unistd.h>

#include "apic.h"
#include "hyperv.h"

struct leaves {
	struct kvm_cpuid2 header;
	struct kvm_cpuid_entry2 entries[HV_NR_LEAVES + 5];
};

static const struct kvm_cpuid_entry2 *find(const struct leaves *leaves, uint32_t function)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(&leaves->header, function, 0);

	TEST_ASSERT(entry, "leaf %#x", function);
	return entry;
}

static void check(const struct leaves *leaves, bool has_lapic)
{
	const uint32_t eax = HV_EAX_RUNTIME | HV_EAX_REFERENCE_COUNTER | HV_EAX_SYNIC |
		HV_EAX_TIMERS | HV_EAX_APIC | HV_EAX_HYPERCALL | HV_EAX_VP_INDEX | HV_EAX_RESET |
		HV_EAX_REFERENCE_TSC | HV_EAX_FREQUENCIES | HV_EAX_REENLIGHTENMENT;
	const struct kvm_cpuid_entry2 *features = find(leaves, HV_LEAF_FEATURES);
	uint32_t i;

	ASSERT_EQ(leaves->header.nent, (uint32_t)HV_NR_LEAVES);
	for (i = 0; i < leaves->header.nent; i++) {
		ASSERT_EQ(leaves->entries[i].index, 0u);
		ASSERT_EQ(leaves->entries[i].flags, 0u);
		ASSERT_EQ(leaves->entries[i].function >> 8, 0x400000u);
	}
	/* "Hv#1" */
	ASSERT_EQ(find(leaves, HV_LEAF_INTERFACE)->eax, 0x31237648u);
	ASSERT_EQ(features->eax & eax, eax);
	ASSERT_EQ(!!(features->edx & HV_EDX_DIRECT_TIMERS), has_lapic);
	ASSERT_EQ(!!(find(leaves, HV_LEAF_HINTS)->eax & HV_HINT_IPI), has_lapic);
}

static void supported_leaves(void)
{
	struct leaves leaves = { .header.nent = 0 };
	struct vm *vm, *bare;
	struct vcpu *vcpu;
	int fd;

	REQUIRE_CAP(KVM_CAP_SYS_HYPERV_CPUID);
	fd = node_open(O_RDWR);
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_SUPPORTED_HV_CPUID, &leaves), E2BIG);
	leaves.header.nent = HV_NR_LEAVES - 1;
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_SUPPORTED_HV_CPUID, &leaves), E2BIG);
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_SUPPORTED_HV_CPUID, 1), EFAULT);
	leaves.header.nent = HV_NR_LEAVES + 5;
	fd_ioctl(fd, KVM_GET_SUPPORTED_HV_CPUID, &leaves);
	check(&leaves, true);
	close(fd);

	vm = vm_create_with_irqchip();
	vcpu = vcpu_add(vm, 0, guest_return);
	memset(&leaves, 0, sizeof(leaves));
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_GET_SUPPORTED_HV_CPUID, &leaves), E2BIG);
	leaves.header.nent = HV_NR_LEAVES;
	vcpu_ioctl(vcpu, KVM_GET_SUPPORTED_HV_CPUID, &leaves);
	check(&leaves, true);
	vm_destroy(vm);

	bare = vm_create();
	vcpu = vcpu_add(bare, 0, guest_return);
	vcpu_ioctl(vcpu, KVM_GET_SUPPORTED_HV_CPUID, &leaves);
	check(&leaves, false);
	vm_destroy(bare);
}

/* What the guest finds in an MSR: GUEST_NO_TRAP, or a vector. */
static void guest_read_msr(uint64_t msr)
{
	uint64_t value;

	GUEST_SYNC_ARGS(1, guest_rdmsr_try(msr, &value), 0, 0);
}

static void guest_write_msr(uint64_t msr, uint64_t value)
{
	GUEST_SYNC_ARGS(1, guest_wrmsr_try(msr, value), 0, 0);
}

/* 0 if the guest may, else the vector that it gets. */
static int try_msr(struct vcpu *vcpu, uint32_t msr, bool write, uint64_t value)
{
	int trap;

	vcpu_set_entry(vcpu, (void (*)(void))(write ? (void *)guest_write_msr :
						      (void *)guest_read_msr));
	vcpu_set_arg(vcpu, 0, msr);
	vcpu_set_arg(vcpu, 1, value);
	trap = vcpu_run_sync(vcpu, 1).args[1];
	return trap == GUEST_NO_TRAP ? 0 : trap;
}

/* MSRs that any guest of Hyper-V can read, and the bit that offers each. */
static const struct {
	uint32_t msr, eax, edx;
} offers[] = {
	{ HV_GUEST_OS_ID, HV_EAX_HYPERCALL, 0 },
	{ HV_HYPERCALL, HV_EAX_HYPERCALL, 0 },
	{ HV_VP_INDEX, HV_EAX_VP_INDEX, 0 },
	{ HV_RESET, HV_EAX_RESET, 0 },
	{ HV_VP_RUNTIME, HV_EAX_RUNTIME, 0 },
	{ HV_TIME_REF_COUNT, HV_EAX_REFERENCE_COUNTER, 0 },
	{ HV_REFERENCE_TSC, HV_EAX_REFERENCE_TSC, 0 },
	{ HV_TSC_FREQUENCY, HV_EAX_FREQUENCIES, 0 },
	{ HV_APIC_FREQUENCY, HV_EAX_FREQUENCIES, 0 },
	{ HV_TPR, HV_EAX_APIC, 0 },
	{ HV_VP_ASSIST_PAGE, HV_EAX_APIC, 0 },
	{ HV_SIMP, HV_EAX_SYNIC, 0 },
	{ HV_STIMER_COUNT(3), HV_EAX_TIMERS, 0 },
	{ HV_CRASH_P(0), 0, HV_EDX_CRASH },
	{ HV_REENLIGHTENMENT_CONTROL, HV_EAX_REENLIGHTENMENT, 0 },
	{ HV_TSC_EMULATION_STATUS, HV_EAX_REENLIGHTENMENT, 0 },
};

static void nothing_without_leaves(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	uint64_t value;
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_HYPERV);
	for (i = 0; i < ARRAY_SIZE(offers); i++) {
		ASSERT_EQ(try_msr(vcpu, offers[i].msr, false, 0), GP_VECTOR);
		/* User space may save all of them. */
		ASSERT_EQ(__vcpu_get_msr(vcpu, offers[i].msr, &value), 0);
	}
	ASSERT_EQ(try_msr(vcpu, HV_GUEST_OS_ID, true, HV_OS_ID), GP_VECTOR);
	vm_destroy(vm);
}

static void msrs_with_leaves(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_return);
	unsigned int i;

	/* The SynIC is activated by user space. */
	ASSERT_EQ(try_msr(vcpu, HV_SIMP, false, 0), GP_VECTOR);
	ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0), 0);
	for (i = 0; i < ARRAY_SIZE(offers); i++)
		ASSERT_EQ(try_msr(vcpu, offers[i].msr, false, 0), 0);
	/* Write-only, and numbers in between. */
	ASSERT_EQ(try_msr(vcpu, HV_EOI, false, 0), GP_VECTOR);
	ASSERT_EQ(try_msr(vcpu, HV_EOI, true, 0), 0);
	ASSERT_EQ(try_msr(vcpu, 0x40000004, false, 0), GP_VECTOR);
	ASSERT_EQ(try_msr(vcpu, 0x40000085, false, 0), GP_VECTOR);
	/* Read-only. */
	ASSERT_EQ(try_msr(vcpu, HV_VP_INDEX, true, 0), GP_VECTOR);
	ASSERT_EQ(try_msr(vcpu, HV_VP_RUNTIME, true, 0), GP_VECTOR);
	ASSERT_EQ(try_msr(vcpu, HV_TIME_REF_COUNT, true, 0), GP_VECTOR);
	ASSERT_EQ(try_msr(vcpu, HV_TSC_FREQUENCY, true, 0), GP_VECTOR);
	ASSERT_EQ(try_msr(vcpu, HV_SVERSION, true, 1), GP_VECTOR);
	ASSERT_EQ(try_msr(vcpu, HV_TSC_EMULATION_STATUS, true, 1), GP_VECTOR);
	ASSERT_EQ(try_msr(vcpu, HV_TSC_EMULATION_STATUS, true, 0), 0);
	vm_destroy(vm);
}

static void enforced_msrs(void)
{
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_HYPERV_ENFORCE_CPUID);
	for (i = 0; i < ARRAY_SIZE(offers); i++) {
		struct hyperv_bits with = {
			.features_eax = offers[i].eax,
			.features_edx = offers[i].edx,
		};
		struct hyperv_bits without = {
			.features_eax = ~offers[i].eax,
			.features_edx = ~offers[i].edx,
		};
		struct vm *vm = vm_create_with_irqchip();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);

		ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0), 0);
		vcpu_enforce_hyperv(vcpu, &with);
		ASSERT_EQ(try_msr(vcpu, offers[i].msr, false, 0), 0);
		vm_destroy(vm);

		vm = vm_create_with_irqchip();
		vcpu = vcpu_add(vm, 0, guest_return);
		ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0), 0);
		vcpu_enforce_hyperv(vcpu, &without);
		ASSERT_EQ(try_msr(vcpu, offers[i].msr, false, 0), GP_VECTOR);
		vm_destroy(vm);
	}
}

/* Calls that do nothing with this input. */
static const struct {
	uint64_t input;
	struct hyperv_bits needs;
} calls[] = {
	{ HV_CALL_SPIN, { .hints_ebx = 0xfff } },
	{ HV_CALL_POST_MESSAGE, { .features_ebx = HV_EBX_POST_MESSAGES } },
	{ HV_CALL_SIGNAL_EVENT, { .features_ebx = HV_EBX_SIGNAL_EVENTS } },
	{ HV_CALL_FLUSH_SPACE, { .hints_eax = HV_HINT_TLB_FLUSH } },
	{ HV_CALL_FLUSH_SPACE_EX, { .hints_eax = HV_HINT_TLB_FLUSH | HV_HINT_EX_MASKS } },
	{ HV_CALL_IPI, { .hints_eax = HV_HINT_IPI } },
	{ HV_CALL_IPI_EX, { .hints_eax = HV_HINT_IPI | HV_HINT_EX_MASKS } },
};

static uint8_t guest_input[PAGE_BYTES] __attribute__((aligned(4096)));

static void guest_call(uint64_t input)
{
	guest_hyperv_begin();
	GUEST_SYNC_ARGS(1, guest_hypercall(input, (uintptr_t)guest_input, 0), 0, 0);
}

static int call_with(uint64_t input, const struct hyperv_bits *bits)
{
	struct hyperv_bits all = *bits;
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_call);
	int result;

	all.features_eax |= HV_EAX_HYPERCALL;
	vcpu_enforce_hyperv(vcpu, &all);
	vcpu_set_arg(vcpu, 0, input);
	result = vcpu_run_sync(vcpu, 1).args[1];
	vm_destroy(vm);
	return result;
}

static void enforced_calls(void)
{
	struct hyperv_bits none = {}, never = { .hints_ebx = 0xffffffff };
	struct hyperv_bits no_masks = { .hints_eax = HV_HINT_IPI | HV_HINT_TLB_FLUSH };
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_HYPERV_ENFORCE_CPUID);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		ASSERT_EQ(call_with(calls[i].input, &none), HV_ACCESS_DENIED);
		TEST_ASSERT(call_with(calls[i].input, &calls[i].needs) != HV_ACCESS_DENIED,
			    "call %#llx", (unsigned long long)calls[i].input);
	}
	ASSERT_EQ(call_with(HV_CALL_SPIN, &never), HV_ACCESS_DENIED);
	ASSERT_EQ(call_with(HV_CALL_IPI_EX, &no_masks), HV_ACCESS_DENIED);
	ASSERT_EQ(call_with(HV_CALL_FLUSH_LIST_EX, &no_masks), HV_ACCESS_DENIED);
	/* What does not exist. */
	ASSERT_EQ(call_with(0xbeef, &none), HV_INVALID_CODE);
}

/* Fast input in XMM registers that the guest was not told of is #UD. */
static void guest_fast_flush(void)
{
	guest_hyperv_begin();
	guest_hypercall_try(HV_CALL_FLUSH_SPACE | HV_CALL_FAST, 0, HV_FLUSH_ALL_PROCESSORS);
	GUEST_SYNC_ARGS(1, guest_recovery.vector, 0, 0);
}

static int try_fast_flush(uint32_t features_edx)
{
	struct hyperv_bits bits = {
		.features_eax = HV_EAX_HYPERCALL,
		.features_edx = features_edx,
		.hints_eax = HV_HINT_TLB_FLUSH,
	};
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_fast_flush);
	int vector;

	vcpu_enforce_hyperv(vcpu, &bits);
	vector = vcpu_run_sync(vcpu, 1).args[1];
	vm_destroy(vm);
	return vector;
}

static void enforced_xmm_input(void)
{
	REQUIRE_CAP(KVM_CAP_HYPERV_ENFORCE_CPUID);
	ASSERT_EQ(try_fast_flush(0), UD_VECTOR);
	ASSERT_EQ(try_fast_flush(HV_EDX_XMM_INPUT), GUEST_NO_TRAP);
}

static void bad_capabilities(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_SYNIC, .flags = 1 };
	struct vm *bare = vm_create(), *vm;
	struct vcpu *vcpu = vcpu_add(bare, 0, guest_return);

	REQUIRE_CAP(KVM_CAP_HYPERV_SYNIC2);
	/* There is no LAPIC in the kernel. */
	ASSERT_ERRNO(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC, 0), EINVAL);
	ASSERT_ERRNO(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0), EINVAL);
	vm_destroy(bare);

	vm = vm_create_with_irqchip();
	vcpu = vcpu_add(vm, 0, guest_return);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &cap), EINVAL);
	ASSERT_ERRNO(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 1), EINVAL);
	ASSERT_ERRNO(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV, 0), EINVAL);
	ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_ENFORCE_CPUID, 0), 0);
	ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC2, 0), 0);
	ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC, 0), 0);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "supported_leaves", supported_leaves },
	{ "nothing_without_leaves", nothing_without_leaves },
	{ "msrs_with_leaves", msrs_with_leaves },
	{ "enforced_msrs", enforced_msrs, 60 },
	{ "enforced_calls", enforced_calls, 60 },
	{ "enforced_xmm_input", enforced_xmm_input },
	{ "bad_capabilities", bad_capabilities },
};

TEST_MAIN(cases)
