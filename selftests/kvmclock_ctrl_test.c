// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_KVMCLOCK_CTRL, the wall clock in KVM_SET_CLOCK, and how TSC and TSC_ADJUST go
 * together. kvmclock_test.c and tsc_test.c have what the guest reads.
 */
#include <time.h>

#include "vcpu.h"

#define MSR_SYSTEM_TIME 0x4b564d01

#define SECOND_NS 1000000000ull

/* Emulation is slow, and its clocks are read one after the other. */
#define SLACK_NS (5 * SECOND_NS)

#define FLAG_GUEST_STOPPED BIT(1)

struct time_info {
	uint32_t version;
	uint32_t pad;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
	uint8_t pad2[2];
};

static _Alignas(64) struct time_info guest_time;

static uint64_t vm_clock(struct vm *vm)
{
	struct kvm_clock_data data;

	vm_ioctl(vm, KVM_GET_CLOCK, &data);
	return data.clock;
}

/* With a wall clock of the past the guest's clock has gone on since. */
static void set_clock_by_wall_clock(void)
{
	struct vm *vm = vm_create();
	struct kvm_clock_data data = {
		.clock = 0,
		.flags = KVM_CLOCK_REALTIME,
		.realtime = (time(NULL) - 1000) * SECOND_NS,
	};

	if (!(node_check(KVM_CAP_ADJUST_CLOCK) & KVM_CLOCK_REALTIME))
		test_skip("no wall clock in KVM_SET_CLOCK");
	vcpu_add(vm, 0, guest_return);
	vm_ioctl(vm, KVM_SET_CLOCK, &data);
	ASSERT_GE(vm_clock(vm), 1000 * SECOND_NS);
	ASSERT_GE(1000 * SECOND_NS + SLACK_NS, vm_clock(vm));
	vm_destroy(vm);
}

static void guest_enable_clock(void)
{
	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&guest_time | 1);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(guest_time.flags & FLAG_GUEST_STOPPED, 0);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(guest_time.flags & FLAG_GUEST_STOPPED, FLAG_GUEST_STOPPED);
	guest_time.flags &= ~FLAG_GUEST_STOPPED;
	GUEST_SYNC(3);
	GUEST_ASSERT_EQ(guest_time.flags & FLAG_GUEST_STOPPED, 0);
}

static void guest_was_stopped(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_enable_clock);
	struct kvm_clock_data data = { .clock = SECOND_NS };

	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_KVMCLOCK_CTRL, 0), EINVAL);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_sync(vcpu, 2);
	vcpu_ioctl(vcpu, KVM_KVMCLOCK_CTRL, 0);
	vcpu_run_sync(vcpu, 3);
	/* What the guest has cleared stays so, also over the next update. */
	vm_ioctl(vm, KVM_SET_CLOCK, &data);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_tsc(void)
{
	uint64_t before = rdtsc();

	/* Writing the TSC shows in TSC_ADJUST by as much ... */
	GUEST_ASSERT_EQ(rdmsr(MSR_IA32_TSC_ADJUST), 0);
	wrmsr(MSR_IA32_TSC, before + (1ull << 40));
	GUEST_ASSERT(rdtsc() >= before + (1ull << 40));
	GUEST_ASSERT(rdtsc() - before < (1ull << 40) + (1ull << 36));
	GUEST_ASSERT((int64_t)rdmsr(MSR_IA32_TSC_ADJUST) > (1ll << 40) - (1ll << 36));
	/* ... and the other way round. */
	wrmsr(MSR_IA32_TSC_ADJUST, 0);
	GUEST_ASSERT(rdtsc() - before < 1ull << 37);
	GUEST_SYNC(1);
	/* User space's writes leave the TSC alone. */
	GUEST_ASSERT_EQ(rdmsr(MSR_IA32_TSC_ADJUST), 1ull << 50);
	GUEST_ASSERT(rdtsc() - before < 1ull << 38);
	GUEST_SYNC(2);
	GUEST_ASSERT(rdtsc() >= 1ull << 56);
	GUEST_ASSERT_EQ(rdmsr(MSR_IA32_TSC_ADJUST), 1ull << 50);
}

static void tsc_and_adjust(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_tsc);

	vcpu_run_sync(vcpu, 1);
	vcpu_set_msr(vcpu, MSR_IA32_TSC_ADJUST, 1ull << 50);
	vcpu_run_sync(vcpu, 2);
	vcpu_set_msr(vcpu, MSR_IA32_TSC, 1ull << 56);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "set_clock_by_wall_clock", set_clock_by_wall_clock },
	{ "guest_was_stopped", guest_was_stopped },
	{ "tsc_and_adjust", tsc_and_adjust },
};

TEST_MAIN(cases)
