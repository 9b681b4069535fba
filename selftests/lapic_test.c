// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC as its own vCPU sees it, in xAPIC and x2APIC mode: registers,
 * self IPIs, priorities, TPR, EOI, and the state as KVM_GET_LAPIC gives it.
 * Timers are in lapic_timer_test, several vCPUs in smp_boot_test.
 */
#include <string.h>

#include "apic.h"
#include "vcpu.h"

#define LOW_VECTOR 0x41
#define HIGH_VECTOR 0x81

static volatile uint64_t guest_order, guest_order_count;

static void guest_note(struct guest_regs *regs)
{
	guest_order = guest_order << 8 | regs->vector;
	guest_order_count++;
	xapic_eoi();
}

static void guest_note_x2apic(struct guest_regs *regs)
{
	guest_order = guest_order << 8 | regs->vector;
	guest_order_count++;
	x2apic_write(APIC_EOI, 0);
}

static void guest_take_order(uint64_t expected)
{
	guest_order = 0;
	sti();
	asm volatile("nop; nop; nop; nop");
	cli();
	GUEST_ASSERT_EQ(guest_order, expected);
}

static void run_guest(void (*entry)(void))
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add(vm, 0, entry));
	vm_destroy(vm);
}

static void guest_registers(void)
{
	uint32_t version = xapic_read(APIC_VERSION);

	GUEST_ASSERT_EQ(xapic_read(APIC_ID), 0);
	GUEST_ASSERT_EQ(version & 0xf0, 0x10);
	GUEST_ASSERT((version >> 16 & 0xff) >= 4);
	/* Reset: software-disabled, spurious vector 255, all LVTs but LINT0 masked. */
	GUEST_ASSERT_EQ(xapic_read(APIC_SVR), 0xff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVTT), APIC_LVT_MASKED);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVT_ERROR), APIC_LVT_MASKED);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_DFR), 0xffffffff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LDR), 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_IA32_APICBASE),
			APIC_BASE | APICBASE_ENABLE | APICBASE_BSP);

	xapic_enable(0xee);
	GUEST_ASSERT_EQ(xapic_read(APIC_SVR), 0x1ee);
	xapic_write(APIC_LDR, 0xa5ffffff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LDR), 0xa5000000);
	xapic_write(APIC_DFR, 0x0fffffff);
	GUEST_ASSERT_EQ(xapic_read(APIC_DFR), 0x0fffffff);
	xapic_write(APIC_ICR2, 0x12000000);
	GUEST_ASSERT_EQ(xapic_read(APIC_ICR2), 0x12000000);
	xapic_write(APIC_TMICT, 0);
	xapic_write(APIC_TDCR, 0xb);
	GUEST_ASSERT_EQ(xapic_read(APIC_TDCR), 0xb);
	/* Read-only registers stay. */
	xapic_write(APIC_VERSION, 0);
	GUEST_ASSERT_EQ(xapic_read(APIC_VERSION), version);
	xapic_write(APIC_IRR, 0xffffffff);
	GUEST_ASSERT_EQ(xapic_read(APIC_IRR), 0);
	/* Software-disabled: every LVT becomes masked. */
	xapic_write(APIC_LVT_ERROR, 0x33);
	xapic_write(APIC_SVR, 0xff);
	GUEST_ASSERT_EQ(xapic_read(APIC_LVT_ERROR), APIC_LVT_MASKED | 0x33);
}

static void registers(void)
{
	run_guest(guest_registers);
}

static void guest_self_ipi(void)
{
	unsigned int i;

	guest_handlers[LOW_VECTOR] = guest_note;
	xapic_enable(0xff);
	for (i = 0; i < 20; i++) {
		xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF | APIC_INT_ASSERT);
		GUEST_ASSERT_EQ(xapic_test_vector(APIC_IRR, LOW_VECTOR), 1);
		/* Twice before it is taken is once. */
		xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF | APIC_INT_ASSERT);
		guest_take_order(LOW_VECTOR);
		GUEST_ASSERT_EQ(xapic_test_vector(APIC_IRR, LOW_VECTOR), 0);
		GUEST_ASSERT_EQ(xapic_test_vector(APIC_ISR, LOW_VECTOR), 0);
	}
	GUEST_ASSERT_EQ(guest_order_count, 20);
}

static void self_ipi(void)
{
	run_guest(guest_self_ipi);
}

/* Higher vectors first; a handler that leaves IF clear is not interrupted. */
static void guest_priority(void)
{
	guest_handlers[LOW_VECTOR] = guest_note;
	guest_handlers[LOW_VECTOR + 1] = guest_note;
	guest_handlers[HIGH_VECTOR] = guest_note;
	xapic_enable(0xff);
	xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF);
	xapic_write(APIC_ICR, HIGH_VECTOR | APIC_DEST_SELF);
	xapic_write(APIC_ICR, (LOW_VECTOR + 1) | APIC_DEST_SELF);
	guest_take_order(HIGH_VECTOR << 16 | (LOW_VECTOR + 1) << 8 | LOW_VECTOR);
}

static void priority(void)
{
	run_guest(guest_priority);
}

static volatile uint64_t guest_in_low, guest_nested_seen;

static void guest_low_with_sti(struct guest_regs *regs)
{
	guest_in_low = 1;
	GUEST_ASSERT_EQ(xapic_read(APIC_PPR), LOW_VECTOR & 0xf0);
	/* Same class: waits for the EOI.  Higher class: comes at once. */
	xapic_write(APIC_ICR, (LOW_VECTOR + 1) | APIC_DEST_SELF);
	xapic_write(APIC_ICR, HIGH_VECTOR | APIC_DEST_SELF);
	sti();
	asm volatile("nop; nop");
	cli();
	guest_nested_seen = guest_order;
	GUEST_ASSERT_EQ(xapic_test_vector(APIC_IRR, LOW_VECTOR + 1), 1);
	GUEST_ASSERT_EQ(xapic_test_vector(APIC_ISR, LOW_VECTOR), 1);
	xapic_eoi();
}

static void guest_nesting(void)
{
	guest_handlers[LOW_VECTOR] = guest_low_with_sti;
	guest_handlers[LOW_VECTOR + 1] = guest_note;
	guest_handlers[HIGH_VECTOR] = guest_note;
	xapic_enable(0xff);
	xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF);
	guest_take_order(HIGH_VECTOR << 8 | (LOW_VECTOR + 1));
	GUEST_ASSERT_EQ(guest_in_low, 1);
	GUEST_ASSERT_EQ(guest_nested_seen, HIGH_VECTOR);
}

static void nesting(void)
{
	run_guest(guest_nesting);
}

static void guest_tpr(void)
{
	guest_handlers[LOW_VECTOR] = guest_note;
	guest_handlers[HIGH_VECTOR] = guest_note;
	xapic_enable(0xff);
	xapic_write(APIC_TPR, 0x50);
	GUEST_ASSERT_EQ(read_cr8(), 5);
	GUEST_ASSERT_EQ(xapic_read(APIC_PPR), 0x50);
	xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF);
	guest_take_order(0);
	xapic_write(APIC_ICR, HIGH_VECTOR | APIC_DEST_SELF);
	guest_take_order(HIGH_VECTOR);
	/* CR8 is the upper half of the TPR; lowering it lets the interrupt in. */
	write_cr8(4);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x40);
	guest_take_order(0);
	write_cr8(3);
	guest_take_order(LOW_VECTOR);
	/* Without a handler's EOI between: the TPR's sub-class does not matter. */
	xapic_write(APIC_TPR, 0x4f);
	xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF);
	guest_take_order(0);
	xapic_write(APIC_TPR, 0);
	guest_take_order(LOW_VECTOR);
}

static void task_priority(void)
{
	run_guest(guest_tpr);
}

/* TPR lowered with IF set, as Windows does: taken right behind the write. */
static void guest_tpr_open(void)
{
	unsigned int i;

	guest_handlers[LOW_VECTOR] = guest_note;
	xapic_enable(0xff);
	for (i = 1; i <= 20; i++) {
		write_cr8(8);
		sti();
		xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF);
		asm volatile("nop; nop");
		GUEST_ASSERT_EQ(guest_order_count, i - 1);
		write_cr8(0);
		asm volatile("nop; nop");
		GUEST_ASSERT_EQ(guest_order_count, i);
		cli();
	}
}

static void task_priority_open(void)
{
	run_guest(guest_tpr_open);
}

static void guest_disabled(void)
{
	guest_handlers[LOW_VECTOR] = guest_note;
	xapic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	/* Software-disabled: fixed interrupts are not accepted. */
	xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF);
	guest_take_order(0);
	xapic_enable(0xff);
	guest_take_order(0);
	/* An EOI with nothing in service is harmless. */
	xapic_eoi();
	xapic_eoi();
	xapic_write(APIC_ICR, LOW_VECTOR | APIC_DEST_SELF);
	guest_take_order(LOW_VECTOR);
}

static void software_disabled(void)
{
	run_guest(guest_disabled);
}

static void guest_x2apic(void)
{
	uint64_t value;

	/* No MSR access in xAPIC mode. */
	GUEST_ASSERT_EQ(guest_rdmsr_try(X2APIC_MSR(APIC_ID), &value), GP_VECTOR);
	guest_handlers[LOW_VECTOR] = guest_note_x2apic;
	guest_handlers[HIGH_VECTOR] = guest_note_x2apic;
	x2apic_enable(0xff);
	GUEST_ASSERT_EQ(x2apic_read(APIC_ID), 0);
	GUEST_ASSERT_EQ(x2apic_read(APIC_SVR), 0x1ff);
	/* Flat-mode register does not exist; LDR is derived from the id and read-only. */
	GUEST_ASSERT_EQ(x2apic_read(APIC_LDR), 1);
	GUEST_ASSERT_EQ(guest_rdmsr_try(X2APIC_MSR(APIC_DFR), &value), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_rdmsr_try(X2APIC_MSR(APIC_ICR2), &value), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(X2APIC_MSR(APIC_ID), 5), GP_VECTOR);
	/* Reserved bits. */
	GUEST_ASSERT_EQ(guest_wrmsr_try(X2APIC_MSR(APIC_TPR), BIT(40)), GP_VECTOR);
	/* The self-IPI register is write-only. */
	GUEST_ASSERT_EQ(guest_rdmsr_try(0x83f, &value), GP_VECTOR);
	wrmsr(0x83f, HIGH_VECTOR);
	guest_take_order(HIGH_VECTOR);
	/* ICR is one 64-bit register, destination in the upper half. */
	x2apic_write(APIC_ICR, LOW_VECTOR);
	guest_take_order(LOW_VECTOR);
	x2apic_write(APIC_ICR, (0xffffffffull << 32) | LOW_VECTOR);
	guest_take_order(LOW_VECTOR);
	x2apic_write(APIC_TPR, 0x90);
	GUEST_ASSERT_EQ(read_cr8(), 9);
	wrmsr(0x83f, HIGH_VECTOR);
	guest_take_order(0);
	x2apic_write(APIC_TPR, 0);
	guest_take_order(HIGH_VECTOR);
	/* Back to xAPIC is not allowed without a stop in between. */
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_IA32_APICBASE,
					APIC_BASE | APICBASE_ENABLE | APICBASE_BSP), GP_VECTOR);
	wrmsr(MSR_IA32_APICBASE, APIC_BASE | APICBASE_BSP);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_IA32_APICBASE, APIC_BASE | APICBASE_BSP |
					APICBASE_X2APIC), GP_VECTOR);
	wrmsr(MSR_IA32_APICBASE, APIC_BASE | APICBASE_ENABLE | APICBASE_BSP);
}

static void x2apic(void)
{
	if (!CPUID_HAS_X2APIC())
		test_skip("x2APIC is not offered");
	run_guest(guest_x2apic);
}

static void guest_state(void)
{
	xapic_enable(0xfd);
	xapic_write(APIC_TPR, 0x30);
	xapic_write(APIC_ICR, HIGH_VECTOR | APIC_DEST_SELF);
	GUEST_SYNC(1);
	/* The host changed LDR and TPR and made LOW_VECTOR pending. */
	GUEST_ASSERT_EQ(xapic_read(APIC_LDR), 0x42000000);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x20);
	GUEST_ASSERT_EQ(read_cr8(), 2);
	guest_handlers[LOW_VECTOR] = guest_note;
	guest_handlers[HIGH_VECTOR] = guest_note;
	guest_take_order(HIGH_VECTOR << 8 | LOW_VECTOR);
}

static uint32_t *lapic_register(struct kvm_lapic_state *state, uint32_t offset)
{
	return (uint32_t *)(state->regs + offset);
}

static void get_and_set(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_state);
	struct kvm_lapic_state state, back;

	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state);
	ASSERT_EQ(*lapic_register(&state, APIC_SVR), 0x1fdu);
	ASSERT_EQ(*lapic_register(&state, APIC_TPR), 0x30u);
	ASSERT_EQ(*lapic_register(&state, APIC_IRR + (HIGH_VECTOR / 32) * 0x10),
		  1u << HIGH_VECTOR % 32);
	*lapic_register(&state, APIC_LDR) = 0x42000000;
	*lapic_register(&state, APIC_TPR) = 0x20;
	*lapic_register(&state, APIC_IRR + (LOW_VECTOR / 32) * 0x10) |= 1u << LOW_VECTOR % 32;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &state);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &back);
	ASSERT_EQ(*lapic_register(&back, APIC_LDR), 0x42000000u);
	ASSERT_EQ(*lapic_register(&back, APIC_IRR + (LOW_VECTOR / 32) * 0x10),
		  1u << LOW_VECTOR % 32);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Any bytes may come; they must not harm the host, and the vCPU still ends. */
static void hostile_state(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_lapic_state state;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		memset(&state, i * 37 + 1, sizeof(state));
		(void)__vcpu_ioctl(vcpu, KVM_SET_LAPIC, &state);
		ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state), 0);
	}
	vcpu_set_entry(vcpu, guest_return);
	(void)__vcpu_run(vcpu);
	vm_destroy(vm);
}

static void no_irqchip(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_lapic_state state;

	memset(&state, 0, sizeof(state));
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state), EINVAL);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_LAPIC, &state), EINVAL);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "registers", registers },
	{ "self_ipi", self_ipi },
	{ "priority", priority },
	{ "nesting", nesting },
	{ "task_priority", task_priority },
	{ "task_priority_open", task_priority_open },
	{ "software_disabled", software_disabled },
	{ "x2apic", x2apic },
	{ "get_and_set", get_and_set },
	{ "hostile_state", hostile_state },
	{ "no_irqchip", no_irqchip },
};

TEST_MAIN(cases)
