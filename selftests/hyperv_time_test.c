// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's reference time: the counter, the page that agrees with it, what becomes of both when
 * user space sets the clock, a guest that has its TSC emulated, restored pages, frequencies.
 */
#include <string.h>

#include "hyperv.h"

struct tsc_page {
	volatile uint32_t sequence;
	uint32_t reserved;
	volatile uint64_t scale;
	volatile int64_t offset;
};

static struct tsc_page guest_page __attribute__((aligned(4096)));

static uint64_t guest_page_time(void)
{
	return (uint64_t)((unsigned __int128)rdtsc() * guest_page.scale >> 64) +
	       (uint64_t)guest_page.offset;
}

/* The counter lies between two readings of the page. */
static void guest_compare(void)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		uint64_t before = guest_page_time();
		uint64_t now = rdmsr(HV_TIME_REF_COUNT);
		uint64_t after = guest_page_time();

		GUEST_ASSERT(now >= before);
		GUEST_ASSERT(after >= now);
	}
}

static void guest_use_counter(void)
{
	uint64_t last = rdmsr(HV_TIME_REF_COUNT), now, tsc, ticks, units;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		now = rdmsr(HV_TIME_REF_COUNT);
		GUEST_ASSERT(now >= last);
		last = now;
	}
	/* At the TSC's rate, as the guest is told it: within a tenth. */
	tsc = rdtsc();
	while (rdmsr(HV_TIME_REF_COUNT) - last < 200000)
		cpu_relax();
	ticks = rdtsc() - tsc;
	units = rdmsr(HV_TIME_REF_COUNT) - last;
	GUEST_ASSERT(ticks < rdmsr(HV_TSC_FREQUENCY) / 10000 * units / 1000 * 11 / 10);
	GUEST_ASSERT_EQ(rdmsr(HV_APIC_FREQUENCY), 1000000000);
}

static void counter(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_use_counter);
	uint64_t khz = vcpu_ioctl(vcpu, KVM_GET_TSC_KHZ, 0);

	ASSERT_EQ(vcpu_get_msr(vcpu, HV_TSC_FREQUENCY), khz * 1000);
	/* What cannot be written may be restored all the same. */
	vcpu_set_msr(vcpu, HV_TIME_REF_COUNT, 5);
	vcpu_set_msr(vcpu, HV_TSC_FREQUENCY, 5);
	vcpu_set_msr(vcpu, HV_APIC_FREQUENCY, 5);
	vcpu_run_done(vcpu);
	ASSERT_EQ(vcpu_get_msr(vcpu, HV_TSC_FREQUENCY), khz * 1000);
	vm_destroy(vm);
}

static void guest_use_page(void)
{
	uint32_t sequence;
	int64_t offset;

	wrmsr(HV_REFERENCE_TSC, (uintptr_t)&guest_page);
	GUEST_ASSERT_EQ(guest_page.sequence, 0);
	GUEST_ASSERT_EQ(guest_page.scale, 0);
	wrmsr(HV_REFERENCE_TSC, (uintptr_t)&guest_page | 1);
	GUEST_SYNC_ARGS(1, guest_page.sequence, 0, 0);
	guest_compare();

	/* User space sets the clock. */
	offset = guest_page.offset;
	sequence = guest_page.sequence;
	GUEST_SYNC(2);
	GUEST_ASSERT(guest_page.offset != offset);
	GUEST_ASSERT(guest_page.sequence != sequence);
	guest_compare();

	/* And again, but the guest wants no change before it has taken note. */
	wrmsr(HV_REENLIGHTENMENT_CONTROL, 1 << 16 | 0xee);
	wrmsr(HV_TSC_EMULATION_CONTROL, 1);
	offset = guest_page.offset;
	GUEST_SYNC(3);
	GUEST_ASSERT(guest_page.offset == offset);
	guest_compare();

	/* Not any more a page of Hyper-V's. */
	wrmsr(HV_TSC_EMULATION_CONTROL, 0);
	wrmsr(HV_REFERENCE_TSC, 0);
	guest_page.sequence = 0;
	guest_page.offset = 0;
	GUEST_SYNC(4);
	GUEST_ASSERT_EQ(guest_page.sequence, 0);
	GUEST_ASSERT_EQ(guest_page.offset, 0);
}

static void set_clock(struct vm *vm, uint64_t ns)
{
	struct kvm_clock_data clock = { .clock = ns };

	vm_ioctl(vm, KVM_SET_CLOCK, &clock);
}

/* Begin, up to the page; skips where a shared line cannot be had. */
static struct vcpu *start(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_use_page);
	struct kvm_clock_data clock = {};
	uint64_t sequence = vcpu_run_sync(vcpu, 1).args[1];

	/* KVM knows only once a vCPU has run. */
	vm_ioctl(vm, KVM_GET_CLOCK, &clock);
	if (!(clock.flags & KVM_CLOCK_TSC_STABLE))
		test_skip("the host's TSC is not stable");
	TEST_ASSERT(sequence, "no sequence number");
	return vcpu;
}

static void page(void)
{
	struct vcpu *vcpu = start();
	struct vm *vm = vcpu->vm;

	vcpu_run_sync(vcpu, 2);
	set_clock(vm, 1ull << 50);
	ASSERT_GE(vcpu_get_msr(vcpu, HV_TIME_REF_COUNT), (1ull << 50) / 100);
	vcpu_run_sync(vcpu, 3);
	set_clock(vm, 1ull << 52);
	vcpu_run_sync(vcpu, 4);
	set_clock(vm, 1ull << 53);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_wait_for_page(void)
{
	GUEST_SYNC(1);
	GUEST_ASSERT(guest_page.sequence != 0);
	guest_compare();
}

/* User space restores the MSR, in a VM whose clock is another. */
static void restored_page(void)
{
	struct vcpu *vcpu = start(), *other;
	struct vm *vm = vcpu->vm, *copy;
	struct tsc_page page;

	copy = vm_create_with_irqchip();
	other = vcpu_add_hyperv(copy, 0, guest_wait_for_page);
	memcpy(&page, vm_hva(vm, (uintptr_t)&guest_page, sizeof(page)), sizeof(page));
	memcpy(vm_hva(copy, (uintptr_t)&guest_page, sizeof(page)), &page, sizeof(page));
	set_clock(copy, 1ull << 55);
	vcpu_set_msr(other, HV_REFERENCE_TSC, vcpu_get_msr(vcpu, HV_REFERENCE_TSC));
	vcpu_run_sync(other, 1);
	vcpu_run_done(other);
	ASSERT_GE(vcpu_get_msr(other, HV_TIME_REF_COUNT), (1ull << 55) / 100);
	vm_destroy(copy);

	/* The same, but the guest relies on what is in the page. */
	copy = vm_create_with_irqchip();
	other = vcpu_add_hyperv(copy, 0, guest_wait_for_page);
	memcpy(vm_hva(copy, (uintptr_t)&guest_page, sizeof(page)), &page, sizeof(page));
	set_clock(copy, 1ull << 55);
	vcpu_set_msr(other, HV_TSC_EMULATION_CONTROL, 1);
	vcpu_set_msr(other, HV_REFERENCE_TSC, vcpu_get_msr(vcpu, HV_REFERENCE_TSC));
	vcpu_run_sync(other, 1);
	vcpu_run_done(other);
	ASSERT_EQ(memcmp(&page, vm_hva(copy, (uintptr_t)&guest_page, sizeof(page)), sizeof(page)),
		  0);
	vm_destroy(copy);
	vm_destroy(vm);
}

static void guest_use_bad_page(void)
{
	uint64_t last;

	/* There is no memory: the counter still counts. */
	wrmsr(HV_REFERENCE_TSC, GPA_MMIO | 1);
	GUEST_ASSERT_EQ(rdmsr(HV_REFERENCE_TSC), GPA_MMIO | 1);
	GUEST_SYNC(1);
	last = rdmsr(HV_TIME_REF_COUNT);
	while (rdmsr(HV_TIME_REF_COUNT) == last)
		cpu_relax();
}

static void bad_page(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, guest_use_bad_page);

	vcpu_run_sync(vcpu, 1);
	set_clock(vm, 1ull << 40);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "counter", counter },
	{ "page", page },
	{ "restored_page", restored_page },
	{ "bad_page", bad_page },
};

TEST_MAIN(cases)
