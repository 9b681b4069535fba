// SPDX-License-Identifier: GPL-2.0
/*
 * The paravirtual clock: the page the guest registers, its monotony, wall clock,
 * KVM_GET_CLOCK and KVM_SET_CLOCK.
 */
#include <time.h>

#include "vcpu.h"

#define MSR_WALL_CLOCK_NEW 0x4b564d00
#define MSR_SYSTEM_TIME_NEW 0x4b564d01

#define CLOCK_GPA GPA_TEST
#define WALL_GPA (GPA_TEST + 0x100)

/* Layout given by the kernel's description of KVM's MSRs. */
struct clock_page {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad[2];
} __attribute__((packed));

struct wall_clock {
	uint32_t version;
	uint32_t seconds;
	uint32_t nanoseconds;
} __attribute__((packed));

static uint64_t guest_clock_ns(void)
{
	volatile struct clock_page *page = (void *)CLOCK_GPA;
	uint32_t version;
	uint64_t delta, time;

	do {
		version = page->version;
		asm volatile("lfence" : : : "memory");
		delta = rdtsc() - page->tsc_timestamp;
		if (page->tsc_shift >= 0)
			delta <<= page->tsc_shift;
		else
			delta >>= -page->tsc_shift;
		time = page->system_time +
		       (uint64_t)(((unsigned __int128)delta * page->tsc_to_system_mul) >> 32);
		asm volatile("lfence" : : : "memory");
	} while ((version & 1) || version != page->version);
	return time;
}

static void guest_read_clock(void)
{
	uint64_t last = 0, now;
	unsigned int i;

	GUEST_ASSERT_EQ(rdmsr(MSR_SYSTEM_TIME_NEW), 0);
	wrmsr(MSR_SYSTEM_TIME_NEW, CLOCK_GPA | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_SYSTEM_TIME_NEW), CLOCK_GPA | 1);
	for (i = 0; i < 1000; i++) {
		now = guest_clock_ns();
		GUEST_ASSERT(now >= last);
		last = now;
	}
	GUEST_ASSERT(last > 0);
	for (;;)
		GUEST_SYNC_ARGS(1, guest_clock_ns(), 0, 0);
}

static void advances(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_clock);
	uint64_t first, second, host = test_now_ns();

	first = vcpu_run_sync(vcpu, 1).args[1];
	test_sleep_ms(200);
	second = vcpu_run_sync(vcpu, 1).args[1];
	host = test_now_ns() - host;
	/* At least what was slept, less a little for two clocks; no more than the host saw. */
	ASSERT_GE(second - first, 150000000u);
	ASSERT_LE(second - first, host + 50000000);
	vm_destroy(vm);
}

static void get_and_set(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_clock);
	struct kvm_clock_data clock = { 0 };
	uint64_t guest, hour = 3600ull * 1000000000;

	REQUIRE_CAP(KVM_CAP_ADJUST_CLOCK);
	guest = vcpu_run_sync(vcpu, 1).args[1];
	vm_ioctl(vm, KVM_GET_CLOCK, &clock);
	ASSERT_GE(clock.clock + 10000000, guest);
	clock.clock = hour;
	clock.flags = 0;
	vm_ioctl(vm, KVM_SET_CLOCK, &clock);
	vm_ioctl(vm, KVM_GET_CLOCK, &clock);
	ASSERT_GE(clock.clock, hour);
	ASSERT_LE(clock.clock, hour + 60000000000ull);
	guest = vcpu_run_sync(vcpu, 1).args[1];
	ASSERT_GE(guest, hour);
	ASSERT_LE(guest, hour + 60000000000ull);
	/* And back. */
	clock.clock = 0;
	clock.flags = 0;
	vm_ioctl(vm, KVM_SET_CLOCK, &clock);
	guest = vcpu_run_sync(vcpu, 1).args[1];
	ASSERT_LE(guest, 60000000000ull);
	clock.flags = 1u << 31;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SET_CLOCK, &clock), EINVAL);
	vm_destroy(vm);
}

static void guest_read_wall(void)
{
	volatile struct wall_clock *wall = (void *)WALL_GPA;

	wrmsr(MSR_SYSTEM_TIME_NEW, CLOCK_GPA | 1);
	wrmsr(MSR_WALL_CLOCK_NEW, WALL_GPA);
	GUEST_ASSERT_EQ(wall->version & 1, 0);
	GUEST_SYNC_ARGS(1, wall->seconds, wall->nanoseconds, guest_clock_ns());
}

/* Wall clock of the boot plus the clock is the time of day. */
static void wall_clock(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_wall);
	struct ucall ucall = vcpu_run_sync(vcpu, 1);
	int64_t difference = time(NULL) - ucall.args[1] - ucall.args[3] / 1000000000;

	ASSERT_GE(difference, -5);
	ASSERT_LE(difference, 5);
	ASSERT_LE(ucall.args[2], 999999999u);
	vm_destroy(vm);
}

static void guest_bad_addresses(void)
{
	/* In a hole, at the end of memory, over its end, far above: the guest's problem. */
	wrmsr(MSR_SYSTEM_TIME_NEW, GPA_MMIO | 1);
	GUEST_SYNC(1);
	wrmsr(MSR_SYSTEM_TIME_NEW, (VM_RAM_BYTES - 32) | 1);
	GUEST_SYNC(2);
	(void)guest_wrmsr_try(MSR_SYSTEM_TIME_NEW, (VM_RAM_BYTES - 8) | 1);
	GUEST_SYNC(3);
	(void)guest_wrmsr_try(MSR_SYSTEM_TIME_NEW, 0xfffffffffffff001ull);
	GUEST_SYNC(4);
	(void)guest_wrmsr_try(MSR_WALL_CLOCK_NEW, 0xffffffffffffffffull);
	GUEST_SYNC(5);
	wrmsr(MSR_SYSTEM_TIME_NEW, 0);
}

static void bad_addresses(void)
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add(vm, 0, guest_bad_addresses));
	vm_destroy(vm);
}

static volatile uint64_t guest_last, guest_turns;

static void guest_alternate(void)
{
	uint64_t now;

	wrmsr(MSR_SYSTEM_TIME_NEW, CLOCK_GPA | 1);
	while (guest_turns < 200) {
		now = guest_clock_ns();
		GUEST_ASSERT(now >= guest_last);
		guest_last = now;
		guest_turns++;
		GUEST_SYNC(1);
	}
}

/* Two vCPUs share the page's place: what one read, the other must not undercut. */
static void monotonic_over_vcpus(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpus[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		vcpus[i] = vcpu_add(vm, i, guest_alternate);
	for (i = 0; i < 200; i++)
		vcpu_run_sync(vcpus[i & 1], 1);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "advances", advances },
	{ "get_and_set", get_and_set },
	{ "wall_clock", wall_clock },
	{ "bad_addresses", bad_addresses },
	{ "monotonic_over_vcpus", monotonic_over_vcpus },
};

TEST_MAIN(cases)
