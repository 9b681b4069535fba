// SPDX-License-Identifier: GPL-2.0
/*
 * The 8259 pair: initialization, delivery through LINT0 as ExtINT, masks,
 * priorities, the slave, EOI, level mode by ELCR, and KVM_GET_IRQCHIP.
 */
#include "apic.h"
#include "vcpu.h"

#define PIC1 0x20
#define PIC2 0xa0
#define BASE1 0x20
#define BASE2 0x28
#define EOI 0x20

static volatile uint64_t guest_order, guest_no_eoi;

static void guest_on_interrupt(struct guest_regs *regs)
{
	guest_order = guest_order << 8 | regs->vector;
	if (guest_no_eoi)
		return;
	if (regs->vector >= BASE2)
		outb(PIC2, EOI);
	outb(PIC1, EOI);
}

static void guest_init_pic(void)
{
	unsigned int i;

	for (i = BASE1; i < BASE2 + 8; i++)
		guest_handlers[i] = guest_on_interrupt;
	outb(PIC1, 0x11);
	outb(PIC1 + 1, BASE1);
	outb(PIC1 + 1, 4);
	outb(PIC1 + 1, 1);
	outb(PIC2, 0x11);
	outb(PIC2 + 1, BASE2);
	outb(PIC2 + 1, 2);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, 0);
	outb(PIC2 + 1, 0);
}

static void guest_take(uint64_t expected)
{
	guest_order = 0;
	sti();
	asm volatile("nop; nop; nop; nop");
	cli();
	GUEST_ASSERT_EQ(guest_order, expected);
}

static void guest_delivery(void)
{
	guest_init_pic();
	GUEST_ASSERT_EQ(inb(PIC1 + 1), 0);
	GUEST_SYNC(1);
	/* IRR is set until the interrupt is taken. */
	outb(PIC1, 0x0a);
	GUEST_ASSERT_EQ(inb(PIC1), 1 << 3);
	guest_take(BASE1 + 3);
	GUEST_ASSERT_EQ(inb(PIC1), 0);
	/* Lines 3 and 5 together: the lower number first. */
	GUEST_SYNC(2);
	guest_take((BASE1 + 3) << 8 | (BASE1 + 5));
	/* On the slave, by way of line 2 of the master. */
	GUEST_SYNC(3);
	guest_take(BASE2 + 2);
	/* Masked, then not. */
	outb(PIC1 + 1, 1 << 5);
	GUEST_SYNC(4);
	guest_take(0);
	outb(PIC1 + 1, 0);
	guest_take(BASE1 + 5);
}

static void pulse(struct vm *vm, uint32_t gsi)
{
	vm_irq_line(vm, gsi, 1);
	vm_irq_line(vm, gsi, 0);
}

static void edge(struct vm *vm, uint32_t gsi)
{
	vm_irq_line(vm, gsi, 0);
	vm_irq_line(vm, gsi, 1);
}

/* A pulse is lost with an edge-triggered PIC if the line falls before the INTA. */
static void delivery(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_delivery);

	vcpu_run_sync(vcpu, 1);
	edge(vm, 3);
	vcpu_run_sync(vcpu, 2);
	edge(vm, 5);
	edge(vm, 3);
	vcpu_run_sync(vcpu, 3);
	edge(vm, 10);
	vcpu_run_sync(vcpu, 4);
	edge(vm, 5);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_in_service(void)
{
	guest_init_pic();
	guest_no_eoi = 1;
	GUEST_SYNC(1);
	guest_take(BASE1 + 4);
	outb(PIC1, 0x0b);
	GUEST_ASSERT_EQ(inb(PIC1), 1 << 4);
	GUEST_SYNC(2);
	/* 6 waits behind 4, 1 does not. */
	guest_take(BASE1 + 1);
	outb(PIC1, EOI);
	outb(PIC1, EOI);
	guest_take(BASE1 + 6);
	outb(PIC1, 0x60 | 6);
	GUEST_ASSERT_EQ(inb(PIC1), 0);
}

static void in_service(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_in_service);

	vcpu_run_sync(vcpu, 1);
	edge(vm, 4);
	vcpu_run_sync(vcpu, 2);
	edge(vm, 6);
	edge(vm, 1);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_level_mode(void)
{
	guest_init_pic();
	/* ELCR of the master: line 5 is level-triggered. */
	outb(0x4d0, 1 << 5);
	GUEST_ASSERT_EQ(inb(0x4d0), 1 << 5);
	GUEST_SYNC(1);
	/* As long as the line is up it comes again after each EOI. */
	guest_no_eoi = 1;
	guest_take(BASE1 + 5);
	outb(PIC1, EOI);
	guest_take(BASE1 + 5);
	GUEST_SYNC(2);
	outb(PIC1, EOI);
	guest_take(0);
}

static void level_mode(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_level_mode);

	vcpu_run_sync(vcpu, 1);
	vm_irq_line(vm, 5, 1);
	vcpu_run_sync(vcpu, 2);
	vm_irq_line(vm, 5, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_lint0_masked(void)
{
	guest_init_pic();
	xapic_enable(0xff);
	GUEST_SYNC(1);
	guest_take(0);
	xapic_write(APIC_LVT_LINT0, APIC_DM_EXTINT);
	/* KVM looks again only when the PIC's output rises. */
	outb(PIC1 + 1, 0xff);
	outb(PIC1 + 1, 0);
	guest_take(BASE1 + 3);
}

/* LINT0 of the LAPIC is the PIC's only way in. */
static void lint0_is_the_gate(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_lint0_masked);

	vcpu_run_sync(vcpu, 1);
	edge(vm, 3);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_halt_on_pic(void)
{
	guest_init_pic();
	GUEST_SYNC(1);
	while (!guest_order) {
		sti_hlt();
		cli();
	}
}

static void wakes_halt(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt_on_pic);

	vcpu_run_sync(vcpu, 1);
	vcpu_thread_start(vcpu);
	test_sleep_ms(30);
	vm_irq_line(vm, 4, 1);
	vcpu_thread_join(vcpu);
	vm_destroy(vm);
}

static void guest_program(void)
{
	guest_init_pic();
	outb(PIC1 + 1, 0xfb);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(inb(PIC1 + 1), 0xa5);
}

static void get_and_set(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_program);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	vcpu_run_sync(vcpu, 1);
	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	ASSERT_EQ(chip.chip.pic.irq_base, BASE1);
	ASSERT_EQ(chip.chip.pic.imr, 0xfb);
	chip.chip.pic.imr = 0xa5;
	vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);
	chip.chip_id = KVM_IRQCHIP_PIC_SLAVE;
	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	ASSERT_EQ(chip.chip.pic.irq_base, BASE2);
	ASSERT_EQ(chip.chip.pic.imr, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_spurious(void)
{
	guest_init_pic();
	GUEST_SYNC(1);
	/* Up and down again before anybody looked: nothing, or the spurious line 7. */
	guest_order = 0;
	sti_nop_cli();
	GUEST_ASSERT(guest_order == 0 || guest_order == BASE1 + 7 || guest_order == BASE1 + 3);
}

static void withdrawn(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spurious);

	vcpu_run_sync(vcpu, 1);
	pulse(vm, 3);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "delivery", delivery },
	{ "in_service", in_service },
	{ "level_mode", level_mode },
	{ "lint0_is_the_gate", lint0_is_the_gate },
	{ "wakes_halt", wakes_halt },
	{ "get_and_set", get_and_set },
	{ "withdrawn", withdrawn },
};

TEST_MAIN(cases)
