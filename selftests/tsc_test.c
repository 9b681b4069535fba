// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's TSC: its start, KVM_GET_TSC_KHZ and KVM_SET_TSC_KHZ, the MSR from
 * inside and outside, TSC_ADJUST, and that it never goes back.
 */
#include "vcpu.h"

static void guest_read_tsc(void)
{
	uint64_t last = rdtsc(), now;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		now = rdtsc();
		GUEST_ASSERT(now >= last);
		last = now;
	}
	for (;;) {
		last = rdtsc();
		now = rdmsr(MSR_IA32_TSC);
		GUEST_SYNC_ARGS(1, last, now, 0);
	}
}

static void monotonic(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_tsc);
	uint64_t last = 0;
	unsigned int i;

	for (i = 0; i < 50; i++) {
		struct ucall ucall = vcpu_run_sync(vcpu, 1);

		ASSERT_GE(ucall.args[1], last);
		/* The MSR was read after RDTSC. */
		ASSERT_GE(ucall.args[2], ucall.args[1]);
		last = ucall.args[2];
	}
	vm_destroy(vm);
}

static void frequency(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_tsc);
	uint64_t first, second, ms;
	int khz;

	REQUIRE_CAP(KVM_CAP_GET_TSC_KHZ);
	khz = vcpu_ioctl(vcpu, KVM_GET_TSC_KHZ, 0);
	ASSERT_GE(khz, 10000);
	ASSERT_LE(khz, 20000000);
	/* Its own frequency can always be set. */
	ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_SET_TSC_KHZ, (long)khz), 0);
	ASSERT_EQ(vcpu_ioctl(vcpu, KVM_GET_TSC_KHZ, 0), khz);
	first = vcpu_run_sync(vcpu, 1).args[1];
	ms = test_now_ns();
	test_sleep_ms(200);
	ms = (test_now_ns() - ms) / 1000000;
	second = vcpu_run_sync(vcpu, 1).args[1];
	/* Within a factor of two of what it says. */
	ASSERT_GE((second - first) / khz, ms / 2);
	ASSERT_LE((second - first) / khz, ms * 2);
	vm_destroy(vm);
}

/* A value far ahead written by the host counts on from there. */
static void set_by_host(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_tsc);
	uint64_t start = 1ull << 60;

	vcpu_run_sync(vcpu, 1);
	vcpu_set_msr(vcpu, MSR_IA32_TSC, start);
	ASSERT_GE(vcpu_get_msr(vcpu, MSR_IA32_TSC), start);
	vcpu_run_sync(vcpu, 1);
	ASSERT_GE(vcpu_run_sync(vcpu, 1).args[1], start);
	ASSERT_LE(vcpu_run_sync(vcpu, 1).args[1], start + (1ull << 50));
	vm_destroy(vm);
}

static void guest_write_tsc(void)
{
	uint64_t target = 1ull << 58, value;

	wrmsr(MSR_IA32_TSC, target);
	value = rdtsc();
	GUEST_ASSERT(value >= target && value < target + (1ull << 50));
	if (guest_rdmsr_try(MSR_IA32_TSC_ADJUST, &value) != GUEST_NO_TRAP)
		return;
	/* TSC_ADJUST moves the counter by the difference. */
	wrmsr(MSR_IA32_TSC_ADJUST, value + (1ull << 57));
	GUEST_ASSERT(rdtsc() >= target + (1ull << 57));
	GUEST_ASSERT_EQ(rdmsr(MSR_IA32_TSC_ADJUST), value + (1ull << 57));
}

static void set_by_guest(void)
{
	vm_run_guest(guest_write_tsc);
}

/* vCPUs that were made one behind the other agree, as Linux demands of SMP. */
static void vcpus_agree(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpus[2];
	uint64_t last = 0, now;
	unsigned int i;

	for (i = 0; i < 2; i++)
		vcpus[i] = vcpu_add(vm, i, guest_read_tsc);
	for (i = 0; i < 50; i++) {
		now = vcpu_run_sync(vcpus[i & 1], 1).args[1];
		ASSERT_GE(now, last);
		last = now;
	}
	vm_destroy(vm);
}

static void guest_tsd(void)
{
	uint64_t code = 0;

	/* CR4.TSD binds user code only. */
	write_cr4(read_cr4() | X86_CR4_TSD);
	code = rdtsc();
	GUEST_ASSERT(code != 0);
}

static void time_stamp_disable(void)
{
	vm_run_guest(guest_tsd);
}

static const struct test_case cases[] = {
	{ "monotonic", monotonic },
	{ "frequency", frequency },
	{ "set_by_host", set_by_host },
	{ "set_by_guest", set_by_guest },
	{ "vcpus_agree", vcpus_agree },
	{ "time_stamp_disable", time_stamp_disable },
};

TEST_MAIN(cases)
