// SPDX-License-Identifier: GPL-2.0
/*
 * The LAPIC timer: one-shot, periodic and TSC-deadline mode, its count, its
 * mask, and waking a halted vCPU.  Durations are only checked for being finite
 * and not absurd.
 */
#include "apic.h"
#include "vcpu.h"

#define TIMER_VECTOR 0x61

/* About a millisecond: KVM's LAPIC bus runs at 1 GHz, and TDCR divides by 1. */
#define COUNT_1MS 1000000

static volatile uint64_t guest_ticks;

static void guest_on_timer(struct guest_regs *regs)
{
	guest_ticks++;
	xapic_eoi();
}

static void guest_setup(void)
{
	guest_handlers[TIMER_VECTOR] = guest_on_timer;
	xapic_enable(0xff);
	xapic_write(APIC_TDCR, 0xb);
}

static void guest_wait_tick(uint64_t tick)
{
	while (guest_ticks < tick) {
		sti_hlt();
		cli();
	}
}

static void run_guest(void (*entry)(void))
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add(vm, 0, entry));
	vm_destroy(vm);
}

static void guest_one_shot(void)
{
	uint32_t count;
	unsigned int i;

	guest_setup();
	xapic_write(APIC_LVTT, TIMER_VECTOR);
	GUEST_ASSERT_EQ(xapic_read(APIC_TMCCT), 0);
	for (i = 1; i <= 10; i++) {
		xapic_write(APIC_TMICT, COUNT_1MS);
		guest_wait_tick(i);
		/* It does not start again by itself. */
		GUEST_ASSERT_EQ(xapic_read(APIC_TMCCT), 0);
		GUEST_ASSERT_EQ(xapic_read(APIC_TMICT), COUNT_1MS);
	}
	/* The count goes down. */
	xapic_write(APIC_TMICT, 0xffffffff);
	count = xapic_read(APIC_TMCCT);
	GUEST_ASSERT(count > 0);
	for (i = 0; i < 1000; i++)
		cpu_relax();
	GUEST_ASSERT(xapic_read(APIC_TMCCT) < count);
	/* Zero stops it. */
	xapic_write(APIC_TMICT, 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_TMCCT), 0);
	GUEST_ASSERT_EQ(guest_ticks, 10);
}

static void one_shot(void)
{
	run_guest(guest_one_shot);
}

/* The interrupt comes to a guest that never halts or exits, too. */
static void guest_one_shot_spin(void)
{
	guest_setup();
	xapic_write(APIC_LVTT, TIMER_VECTOR);
	xapic_write(APIC_TMICT, COUNT_1MS);
	sti();
	while (!guest_ticks)
		cpu_relax();
}

static void one_shot_while_running(void)
{
	run_guest(guest_one_shot_spin);
}

static void guest_periodic(void)
{
	uint64_t ticks;

	guest_setup();
	xapic_write(APIC_LVTT, TIMER_VECTOR | APIC_LVTT_PERIODIC);
	xapic_write(APIC_TMICT, COUNT_1MS);
	guest_wait_tick(20);
	GUEST_ASSERT(xapic_read(APIC_TMCCT) <= COUNT_1MS);
	/* Masked, nothing comes, though it goes on counting. */
	xapic_write(APIC_LVTT, TIMER_VECTOR | APIC_LVTT_PERIODIC | APIC_LVT_MASKED);
	sti_nop_cli();
	ticks = guest_ticks;
	while (xapic_read(APIC_TMCCT) < COUNT_1MS / 2)
		cpu_relax();
	while (xapic_read(APIC_TMCCT) > COUNT_1MS / 2)
		cpu_relax();
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_ticks, ticks);
	xapic_write(APIC_TMICT, 0);
}

static void periodic(void)
{
	run_guest(guest_periodic);
}

static void guest_deadline(void)
{
	unsigned int i;

	guest_setup();
	/* In another mode the MSR is ignored and reads as zero. */
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + 1000);
	GUEST_ASSERT_EQ(rdmsr(MSR_IA32_TSC_DEADLINE), 0);
	xapic_write(APIC_LVTT, TIMER_VECTOR | APIC_LVTT_DEADLINE);
	for (i = 1; i <= 10; i++) {
		uint64_t deadline = rdtsc() + COUNT_1MS;

		wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
		guest_wait_tick(i);
		GUEST_ASSERT(rdtsc() >= deadline);
		GUEST_ASSERT_EQ(rdmsr(MSR_IA32_TSC_DEADLINE), 0);
	}
	/* A deadline in the past fires at once. */
	wrmsr(MSR_IA32_TSC_DEADLINE, 1);
	guest_wait_tick(11);
	/* Zero disarms. */
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + 1000ull * COUNT_1MS);
	GUEST_ASSERT(rdmsr(MSR_IA32_TSC_DEADLINE) != 0);
	wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_ticks, 11);
	/* The count registers are out of use in this mode. */
	xapic_write(APIC_TMICT, COUNT_1MS);
	GUEST_ASSERT_EQ(xapic_read(APIC_TMCCT), 0);
}

/* While the guest runs, while it sleeps, and while it is out in user space. */
static void guest_deadline_anywhere(void)
{
	uint64_t deadline;

	guest_setup();
	xapic_write(APIC_LVTT, TIMER_VECTOR | APIC_LVTT_DEADLINE);
	deadline = rdtsc() + COUNT_1MS;
	wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
	sti();
	while (!*(volatile uint64_t *)&guest_ticks)
		cpu_relax();
	GUEST_ASSERT(rdtsc() >= deadline);
	cli();

	deadline = rdtsc() + COUNT_1MS;
	wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
	asm volatile("sti; hlt; cli" : : : "memory");
	GUEST_ASSERT_EQ(guest_ticks, 2);
	GUEST_ASSERT(rdtsc() >= deadline);

	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + COUNT_1MS);
	GUEST_SYNC(1);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_ticks, 3);

	/* Replaced before it comes; the other way round it is long gone. */
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + 1000ull * COUNT_1MS);
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + COUNT_1MS);
	asm volatile("sti; hlt; cli" : : : "memory");
	GUEST_ASSERT_EQ(guest_ticks, 4);
}

static void tsc_deadline_anywhere(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_create(vm, 0);

	REQUIRE_CAP(KVM_CAP_TSC_DEADLINE_TIMER);
	vcpu_set_cpuid_bit(vcpu, 1, 0, CPUID_ECX, 24);
	vcpu_set_entry(vcpu, guest_deadline_anywhere);
	vcpu_run_sync(vcpu, 1);
	test_sleep_ms(50);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void tsc_deadline(void)
{
	REQUIRE_CAP(KVM_CAP_TSC_DEADLINE_TIMER);
	/* The capability promises it; user space sets the CPUID bit itself if need be. */
	if (CPUID_HAS_TSC_DEADLINE()) {
		run_guest(guest_deadline);
	} else {
		struct vm *vm = vm_create_with_irqchip();
		struct vcpu *vcpu = vcpu_create(vm, 0);

		vcpu_set_cpuid_bit(vcpu, 1, 0, CPUID_ECX, 24);
		vcpu_set_entry(vcpu, guest_deadline);
		vcpu_run_done(vcpu);
		vm_destroy(vm);
	}
}

/* A tiny period with its handler slower than it: the host must stay alive. */
static void guest_storm(void)
{
	guest_setup();
	xapic_write(APIC_LVTT, TIMER_VECTOR | APIC_LVTT_PERIODIC);
	xapic_write(APIC_TMICT, 1);
	guest_wait_tick(100);
	xapic_write(APIC_TMICT, 0);
}

static void shortest_period(void)
{
	run_guest(guest_storm);
}

/* The VM goes away with its timers armed. */
static void guest_arm_and_leave(void)
{
	guest_setup();
	xapic_write(APIC_LVTT, TIMER_VECTOR | APIC_LVTT_PERIODIC);
	xapic_write(APIC_TMICT, COUNT_1MS);
}

static void destroyed_while_armed(void)
{
	unsigned int i;

	for (i = 0; i < 5; i++)
		run_guest(guest_arm_and_leave);
	test_sleep_ms(50);
	run_guest(guest_one_shot_spin);
}

/* The remaining count moves with KVM_GET_LAPIC and KVM_SET_LAPIC. */
static void guest_arm_long(void)
{
	guest_setup();
	xapic_write(APIC_LVTT, TIMER_VECTOR);
	xapic_write(APIC_TMICT, 0xf0000000);
	GUEST_SYNC(1);
	GUEST_ASSERT(xapic_read(APIC_TMCCT) != 0);
	GUEST_ASSERT(xapic_read(APIC_TMCCT) <= 0x70000000);
}

static void state_keeps_count(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_arm_long);
	struct kvm_lapic_state state;

	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state);
	ASSERT_EQ(*(uint32_t *)(state.regs + APIC_TMICT), 0xf0000000u);
	ASSERT_NE(*(uint32_t *)(state.regs + APIC_TMCCT), 0u);
	*(uint32_t *)(state.regs + APIC_TMICT) = 0x70000000;
	*(uint32_t *)(state.regs + APIC_TMCCT) = 0x60000000;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &state);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "one_shot", one_shot },
	{ "one_shot_while_running", one_shot_while_running },
	{ "periodic", periodic },
	{ "tsc_deadline", tsc_deadline },
	{ "tsc_deadline_anywhere", tsc_deadline_anywhere },
	{ "shortest_period", shortest_period },
	{ "destroyed_while_armed", destroyed_while_armed },
	{ "state_keeps_count", state_keeps_count },
};

TEST_MAIN(cases)
