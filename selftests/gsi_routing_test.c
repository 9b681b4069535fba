// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_GSI_ROUTING and KVM_SIGNAL_MSI: routes to the IOAPIC, to the PIC and to
 * MSIs, replaced while in use, and entries that must be refused.
 */
#include <stdlib.h>
#include <string.h>

#include "apic.h"
#include "vcpu.h"

#define VECTOR 0x59
#define MSI_VECTOR 0x5a
#define MSI_GSI 30

static volatile uint64_t guest_order;

static void guest_on_interrupt(struct guest_regs *regs)
{
	guest_order = guest_order << 8 | regs->vector;
	xapic_eoi();
}

static void guest_take(uint64_t expected)
{
	guest_order = 0;
	sti();
	asm volatile("nop; nop; nop; nop");
	cli();
	GUEST_ASSERT_EQ(guest_order, expected);
}

struct routing {
	struct kvm_irq_routing header;
	struct kvm_irq_routing_entry entries[64];
};

static struct kvm_irq_routing_entry chip_route(uint32_t gsi, uint32_t chip, uint32_t pin)
{
	struct kvm_irq_routing_entry entry = {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};

	return entry;
}

static struct kvm_irq_routing_entry msi_route(uint32_t gsi, uint64_t address, uint32_t data)
{
	struct kvm_irq_routing_entry entry = {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = address, .address_hi = address >> 32, .data = data },
	};

	return entry;
}

static int __set_routes(struct vm *vm, const struct kvm_irq_routing_entry *entries,
			uint32_t count)
{
	struct routing routing = { .header.nr = count };

	memcpy(routing.entries, entries, count * sizeof(entries[0]));
	return __vm_ioctl(vm, KVM_SET_GSI_ROUTING, &routing);
}

static void guest_routes(void)
{
	guest_handlers[VECTOR] = guest_on_interrupt;
	guest_handlers[MSI_VECTOR] = guest_on_interrupt;
	xapic_enable(0xff);
	ioapic_set_pin(9, 0, VECTOR);
	ioapic_set_pin(5, 0, VECTOR + 8);
	GUEST_SYNC(1);
	/* GSI 5 leads to pin 9 now. */
	guest_take(VECTOR);
	GUEST_SYNC(2);
	guest_take(MSI_VECTOR);
	GUEST_SYNC(3);
	/* Every route is gone. */
	guest_take(0);
}

static void routes(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_routes);
	struct kvm_irq_routing_entry entries[2];

	REQUIRE_CAP(KVM_CAP_IRQ_ROUTING);
	entries[0] = chip_route(5, KVM_IRQCHIP_IOAPIC, 9);
	entries[1] = msi_route(MSI_GSI, APIC_BASE, MSI_VECTOR);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(__set_routes(vm, entries, 2), 0);
	vm_irq_line(vm, 5, 1);
	vm_irq_line(vm, 5, 0);
	vcpu_run_sync(vcpu, 2);
	vm_irq_line(vm, MSI_GSI, 1);
	/* An MSI is an edge: going down sends nothing. */
	vm_irq_line(vm, MSI_GSI, 0);
	vcpu_run_sync(vcpu, 3);
	ASSERT_EQ(__set_routes(vm, entries, 0), 0);
	(void)__vm_irq_line(vm, 5, 1);
	(void)__vm_irq_line(vm, MSI_GSI, 1);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void bad_routes(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct kvm_irq_routing_entry entry;
	uint32_t limit = node_check(KVM_CAP_IRQ_ROUTING);
	struct kvm_irq_routing *many;
	struct routing routing;

	entry = chip_route(5, 3, 0);
	ASSERT_ERRNO(__set_routes(vm, &entry, 1), EINVAL);
	entry = chip_route(5, KVM_IRQCHIP_IOAPIC, 24);
	ASSERT_ERRNO(__set_routes(vm, &entry, 1), EINVAL);
	entry = chip_route(5, KVM_IRQCHIP_PIC_MASTER, 8);
	ASSERT_ERRNO(__set_routes(vm, &entry, 1), EINVAL);
	entry = chip_route(5, 0xffffffff, 0xffffffff);
	ASSERT_ERRNO(__set_routes(vm, &entry, 1), EINVAL);
	entry = chip_route(limit, KVM_IRQCHIP_IOAPIC, 0);
	ASSERT_ERRNO(__set_routes(vm, &entry, 1), EINVAL);
	entry = chip_route(5, KVM_IRQCHIP_IOAPIC, 5);
	entry.type = 77;
	ASSERT_ERRNO(__set_routes(vm, &entry, 1), EINVAL);
	entry = chip_route(5, KVM_IRQCHIP_IOAPIC, 5);
	entry.flags = 0x80;
	ASSERT_ERRNO(__set_routes(vm, &entry, 1), EINVAL);

	memset(&routing, 0, sizeof(routing));
	routing.header.flags = 1;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SET_GSI_ROUTING, &routing), EINVAL);
	routing.header.flags = 0;
	routing.header.nr = limit + 1;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SET_GSI_ROUTING, &routing), EINVAL);
	routing.header.nr = 0xffffffff;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SET_GSI_ROUTING, &routing), EINVAL);

	/* As many as there may be, all for one GSI or all for different ones. */
	many = calloc(1, sizeof(*many) + limit * sizeof(many->entries[0]));
	for (many->nr = 0; many->nr < limit; many->nr++)
		many->entries[many->nr] = msi_route(many->nr, APIC_BASE, MSI_VECTOR);
	ASSERT_EQ(__vm_ioctl(vm, KVM_SET_GSI_ROUTING, many), 0);
	vm_destroy(vm);
}

/* A GSI may have one IOAPIC and one PIC route, as the default has; not two of a kind. */
static void several_routes_of_a_gsi(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct kvm_irq_routing_entry entries[2];

	entries[0] = chip_route(5, KVM_IRQCHIP_IOAPIC, 5);
	entries[1] = chip_route(5, KVM_IRQCHIP_PIC_MASTER, 5);
	ASSERT_EQ(__set_routes(vm, entries, 2), 0);
	entries[1] = chip_route(5, KVM_IRQCHIP_IOAPIC, 6);
	ASSERT_ERRNO(__set_routes(vm, entries, 2), EINVAL);
	entries[1] = msi_route(5, APIC_BASE, MSI_VECTOR);
	ASSERT_ERRNO(__set_routes(vm, entries, 2), EINVAL);
	vm_destroy(vm);
}

static volatile uint64_t guest_count, guest_stop;

static void guest_count_interrupt(struct guest_regs *regs)
{
	guest_count++;
	xapic_eoi();
}

static void guest_spin(void)
{
	guest_handlers[MSI_VECTOR] = guest_count_interrupt;
	guest_handlers[MSI_VECTOR + 1] = guest_count_interrupt;
	xapic_enable(0xff);
	sti();
	while (!guest_stop)
		cpu_relax();
}

/* Readers of the table never see a half-made one. */
static void replaced_while_in_use(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin);
	struct kvm_irq_routing_entry entry;
	unsigned int i;

	vcpu_thread_start(vcpu);
	for (i = 0; i < 200; i++) {
		entry = msi_route(MSI_GSI, APIC_BASE, MSI_VECTOR + (i & 1));
		ASSERT_EQ(__set_routes(vm, &entry, 1), 0);
		vm_irq_line(vm, MSI_GSI, 1);
	}
	while (!GUEST(vm, guest_count))
		test_sleep_ms(1);
	GUEST(vm, guest_stop) = 1;
	vcpu_thread_join(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "routes", routes },
	{ "bad_routes", bad_routes },
	{ "several_routes_of_a_gsi", several_routes_of_a_gsi },
	{ "replaced_while_in_use", replaced_while_in_use },
};

TEST_MAIN(cases)
