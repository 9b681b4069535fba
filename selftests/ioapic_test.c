// SPDX-License-Identifier: GPL-2.0
/*
 * The IOAPIC: registers, edge and level pins with remote IRR, masks, the state
 * as KVM_GET_IRQCHIP gives it, and KVM_IRQ_LINE's bad arguments.
 */
#include <string.h>

#include "apic.h"
#include "vcpu.h"

#define PIN 10
#define VECTOR 0x52

static volatile uint64_t guest_count, guest_no_eoi;

static void guest_on_interrupt(struct guest_regs *regs)
{
	guest_count++;
	if (!guest_no_eoi)
		xapic_eoi();
}

static void guest_setup(uint32_t entry)
{
	guest_handlers[VECTOR] = guest_on_interrupt;
	xapic_enable(0xff);
	ioapic_set_pin(PIN, 0, entry);
}

static void guest_registers(void)
{
	unsigned int pin, pins;

	xapic_enable(0xff);
	pins = (ioapic_read(IOAPIC_REG_VERSION) >> 16 & 0xff) + 1;
	GUEST_ASSERT_EQ(pins, 24);
	for (pin = 0; pin < pins; pin++) {
		GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REDTBL(pin)) & IOAPIC_MASKED, IOAPIC_MASKED);
		ioapic_set_pin(pin, pin + 1, IOAPIC_MASKED | (0x30 + pin));
	}
	for (pin = 0; pin < pins; pin++) {
		GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REDTBL(pin)), IOAPIC_MASKED | (0x30 + pin));
		GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REDTBL(pin) + 1), (pin + 1) << 24);
	}
	ioapic_write(IOAPIC_REG_ID, 0x05000000);
	GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REG_ID), 0x05000000);
	/* Delivery status and remote IRR are the IOAPIC's own. */
	ioapic_set_pin(3, 0, IOAPIC_MASKED | IOAPIC_REMOTE_IRR | BIT(12) | 0x40);
	GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REDTBL(3)), IOAPIC_MASKED | 0x40);
	/* Beyond the last register. */
	(void)ioapic_read(0x40);
	ioapic_write(0xff, 0xffffffff);
}

static void registers(void)
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add(vm, 0, guest_registers));
	vm_destroy(vm);
}

static void guest_edge(void)
{
	guest_setup(VECTOR);
	GUEST_SYNC(1);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 1);
	GUEST_SYNC(2);
	/* The line stayed up: no new edge. */
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 1);
	GUEST_SYNC(3);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 2);
}

static void edge(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_edge);

	vcpu_run_sync(vcpu, 1);
	vm_irq_line(vm, PIN, 1);
	vcpu_run_sync(vcpu, 2);
	vm_irq_line(vm, PIN, 1);
	vcpu_run_sync(vcpu, 3);
	vm_irq_line(vm, PIN, 0);
	vm_irq_line(vm, PIN, 1);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_level(void)
{
	guest_setup(VECTOR | IOAPIC_LEVEL);
	guest_no_eoi = 1;
	GUEST_SYNC(1);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 1);
	GUEST_ASSERT_EQ(xapic_test_vector(APIC_TMR, VECTOR), 1);
	GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REDTBL(PIN)) & IOAPIC_REMOTE_IRR, IOAPIC_REMOTE_IRR);
	/* EOI with the line still up: it comes again. */
	xapic_eoi();
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 2);
	GUEST_SYNC(2);
	/* EOI with the line down: it is over. */
	xapic_eoi();
	GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REDTBL(PIN)) & IOAPIC_REMOTE_IRR, 0);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 2);
}

static void level(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_level);

	vcpu_run_sync(vcpu, 1);
	vm_irq_line(vm, PIN, 1);
	vcpu_run_sync(vcpu, 2);
	vm_irq_line(vm, PIN, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_masked(void)
{
	guest_setup(VECTOR | IOAPIC_LEVEL | IOAPIC_MASKED);
	GUEST_SYNC(1);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 0);
	/* The level is still there when the mask goes. */
	ioapic_write(IOAPIC_REDTBL(PIN), VECTOR | IOAPIC_LEVEL);
	guest_no_eoi = 1;
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 1);
	GUEST_SYNC(2);
	xapic_eoi();
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 1);
}

static void masked(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_masked);

	vcpu_run_sync(vcpu, 1);
	vm_irq_line(vm, PIN, 1);
	vcpu_run_sync(vcpu, 2);
	vm_irq_line(vm, PIN, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* A second vCPU is the target; the first sees nothing. */
static void guest_receive(void)
{
	xapic_enable(0xff);
	while (!guest_count) {
		sti_hlt();
		cli();
	}
	GUEST_ASSERT_EQ(xapic_read(APIC_ID) >> 24, 1);
}

static void guest_program_for_other(void)
{
	guest_handlers[VECTOR] = guest_on_interrupt;
	xapic_enable(0xff);
	ioapic_set_pin(PIN, 1, VECTOR);
}

static void other_vcpu(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *first = vcpu_add(vm, 0, guest_program_for_other);
	struct vcpu *second = vcpu_add(vm, 1, guest_receive);

	vcpu_run_done(first);
	vcpu_thread_start(second);
	test_sleep_ms(30);
	vm_irq_line(vm, PIN, 1);
	vcpu_thread_join(second);
	ASSERT_EQ(GUEST(vm, guest_count), 1u);
	vm_destroy(vm);
}

static void guest_program(void)
{
	guest_setup(VECTOR | IOAPIC_LEVEL);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REDTBL(7)), IOAPIC_MASKED | 0x99);
	GUEST_ASSERT_EQ(ioapic_read(IOAPIC_REDTBL(PIN)), VECTOR | IOAPIC_LEVEL);
}

static void get_and_set(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_program);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	vcpu_run_sync(vcpu, 1);
	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	ASSERT_EQ(chip.chip.ioapic.base_address, IOAPIC_BASE);
	ASSERT_EQ(chip.chip.ioapic.redirtbl[PIN].bits, VECTOR | IOAPIC_LEVEL);
	ASSERT_EQ(chip.chip.ioapic.redirtbl[PIN + 1].bits & IOAPIC_MASKED, IOAPIC_MASKED);
	chip.chip.ioapic.redirtbl[7].bits = IOAPIC_MASKED | 0x99;
	vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void bad_arguments(void)
{
	struct vm *vm = vm_create_with_irqchip(), *bare = vm_create_bare();
	struct kvm_irqchip chip = { .chip_id = 3 };
	unsigned int i;

	ASSERT_ERRNO(__vm_ioctl(vm, KVM_GET_IRQCHIP, &chip), EINVAL);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SET_IRQCHIP, &chip), EINVAL);
	chip.chip_id = 0xffffffff;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_GET_IRQCHIP, &chip), EINVAL);
	chip.chip_id = KVM_IRQCHIP_IOAPIC;
	ASSERT_ERRNO(__vm_ioctl(bare, KVM_GET_IRQCHIP, &chip), ENXIO);
	ASSERT_ERRNO(__vm_irq_line(bare, PIN, 1), ENXIO);
	/* Lines that lead nowhere: no harm, whatever the answer. */
	(void)__vm_irq_line(vm, 23, 1);
	(void)__vm_irq_line(vm, 24, 1);
	(void)__vm_irq_line(vm, 0xffffffff, 1);
	(void)__vm_irq_line(vm, PIN, -1);
	/* One irqchip for a VM, and before its vCPUs. */
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_CREATE_IRQCHIP, 0), EEXIST);
	vcpu_create(bare, 0);
	ASSERT_ERRNO(__vm_ioctl(bare, KVM_CREATE_IRQCHIP, 0), EINVAL);
	/* Any state may come in; the lines still work. */
	for (i = 0; i < 256; i += 51) {
		memset(&chip, i, sizeof(chip));
		chip.chip_id = KVM_IRQCHIP_IOAPIC;
		(void)__vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);
		(void)__vm_irq_line(vm, PIN, 1);
		(void)__vm_irq_line(vm, PIN, 0);
	}
	vm_destroy(vm);
	vm_destroy(bare);
}

/* KVM_IRQ_LINE_STATUS says what became of the interrupt. */
static void guest_status(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	guest_setup(VECTOR);
	GUEST_SYNC(1);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_count, 1);
}

static void line_status(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_status);
	struct kvm_irq_level line = { .irq = PIN, .level = 1 };

	REQUIRE_CAP(KVM_CAP_IRQ_INJECT_STATUS);
	vcpu_run_sync(vcpu, 1);
	vm_ioctl(vm, KVM_IRQ_LINE_STATUS, &line);
	/* The PIC is masked: the IOAPIC alone. */
	ASSERT_EQ((int)line.status, 1);
	/* No new edge. The status came in the place of the number. */
	line.irq = PIN;
	vm_ioctl(vm, KVM_IRQ_LINE_STATUS, &line);
	ASSERT_EQ((int)line.status, 0);
	/* Nobody takes it: negative. */
	line.irq = PIN + 1;
	vm_ioctl(vm, KVM_IRQ_LINE_STATUS, &line);
	ASSERT_LE((int)line.status, -1);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "registers", registers },
	{ "edge", edge },
	{ "level", level },
	{ "masked", masked },
	{ "other_vcpu", other_vcpu },
	{ "get_and_set", get_and_set },
	{ "bad_arguments", bad_arguments },
	{ "line_status", line_status },
};

TEST_MAIN(cases)
