// SPDX-License-Identifier: GPL-2.0
/*
 * PV EOI: a guest ends its interrupt by a flag in memory, where that is enough.
 */
#include "apic.h"
#include "pv.h"
#include "vcpu.h"

#define FLAG_GPA (GPA_TEST + 0x44)

static volatile uint64_t guest_count, guest_offered;
static volatile uint8_t guest_order[4];

static bool end_by_flag(void)
{
	volatile uint32_t *flag = (void *)FLAG_GPA;
	bool was_set = *flag & KVM_PV_EOI_ENABLED;

	if (was_set)
		*flag &= ~KVM_PV_EOI_ENABLED;
	return was_set;
}

static void guest_values(void)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_PV_EOI_EN), 0);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_KVM_PV_EOI_EN, (FLAG_GPA + 2) | 1), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_KVM_PV_EOI_EN, GPA_MMIO | 1), GP_VECTOR);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_PV_EOI_EN), 0);
	wrmsr(MSR_KVM_PV_EOI_EN, GPA_MMIO);
	wrmsr(MSR_KVM_PV_EOI_EN, FLAG_GPA | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_PV_EOI_EN), FLAG_GPA | 1);
}

static void values(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_values);

	REQUIRE_PV(PV_EOI);
	vcpu_run_done(vcpu);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_KVM_PV_EOI_EN), FLAG_GPA | 1);
	vm_destroy(vm);
}

static void guest_take(struct guest_regs *regs)
{
	guest_count++;
	if (end_by_flag())
		guest_offered++;
	else
		xapic_eoi();
}

static void guest_begin(void)
{
	/* The flag's page is there, so that using it in a handler does not exit. */
	*(volatile uint32_t *)FLAG_GPA = 0;
	xapic_enable(0xff);
	wrmsr(MSR_KVM_PV_EOI_EN, FLAG_GPA | 1);
	guest_handlers[0x50] = guest_take;
}

static void guest_many(void)
{
	unsigned int i;

	guest_begin();
	sti();
	for (i = 1; i <= 100; i++) {
		xapic_ipi(0, 0x50);
		while (guest_count < i)
			cpu_relax();
	}
	/* An exit in the handler may have taken the flag back; that is for the first ones. */
	GUEST_ASSERT(guest_offered > 50);
	GUEST_ASSERT(!xapic_test_vector(APIC_ISR, 0x50));
}

/* Were one not ended, the next would never come. */
static void many(void)
{
	struct vm *vm = vm_create_with_irqchip();

	REQUIRE_PV(PV_EOI);
	vcpu_run_done(vcpu_add(vm, 0, guest_many));
	ASSERT_EQ(*(uint32_t *)vm_hva(vm, FLAG_GPA, 4), 0u);
	vm_destroy(vm);
}

static void guest_note(struct guest_regs *regs)
{
	guest_order[guest_count] = end_by_flag();
	if (!guest_order[guest_count])
		xapic_eoi();
	guest_count++;
}

static void guest_two(void)
{
	guest_begin();
	guest_handlers[0x50] = guest_note;
	guest_handlers[0x40] = guest_note;
	xapic_ipi(0, 0x40);
	xapic_ipi(0, 0x50);
	sti();
	while (guest_count < 2)
		cpu_relax();
	/* Of its end the LAPIC has to know: the second waits for it. */
	GUEST_ASSERT_EQ(guest_order[0], 0);
}

static void not_while_another_waits(void)
{
	struct vm *vm = vm_create_with_irqchip();

	REQUIRE_PV(PV_EOI);
	vcpu_run_done(vcpu_add(vm, 0, guest_two));
	vm_destroy(vm);
}

static void guest_level(void)
{
	guest_begin();
	guest_handlers[0x50] = guest_note;
	ioapic_set_pin(5, 0, 0x50 | IOAPIC_LEVEL);
	GUEST_SYNC(1);
	sti();
	while (guest_count < 1)
		cpu_relax();
	cli();
	GUEST_ASSERT_EQ(guest_order[0], 0);
}

/* The IOAPIC waits for the end. */
static void not_if_level_triggered(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_level);

	REQUIRE_PV(PV_EOI);
	vcpu_run_sync(vcpu, 1);
	vm_irq_line(vm, 5, 1);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_exiting_handler(struct guest_regs *regs)
{
	GUEST_SYNC(1);
	guest_take(regs);
	GUEST_SYNC(2);
}

static void guest_exiting(void)
{
	guest_begin();
	guest_handlers[0x50] = guest_exiting_handler;
	sti();
	xapic_ipi(0, 0x50);
	while (!guest_count)
		cpu_relax();
}

static bool is_in_service(struct vcpu *vcpu, uint8_t vector)
{
	struct kvm_lapic_state state;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state);
	return *(uint32_t *)(state.regs + APIC_ISR + vector / 32 * 16) >> vector % 32 & 1;
}

/* User space sees the LAPIC as it would be without the flag, and the flag taken back. */
static void user_space_sees_the_truth(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_exiting);

	REQUIRE_PV(PV_EOI);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(is_in_service(vcpu, 0x50), true);
	ASSERT_EQ(*(uint32_t *)vm_hva(vm, FLAG_GPA, 4), 0u);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(is_in_service(vcpu, 0x50), false);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "values", values },
	{ "many", many },
	{ "not_while_another_waits", not_while_another_waits },
	{ "not_if_level_triggered", not_if_level_triggered },
	{ "user_space_sees_the_truth", user_space_sees_the_truth },
};

TEST_MAIN(cases)
