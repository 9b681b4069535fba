// SPDX-License-Identifier: GPL-2.0
/* GSI routing: which entries are taken, how they are found, what an MSI means. */
#include <stdlib.h>
#include <string.h>

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "irqchip/models.h"
#include "irqchip/routing.h"
#include "vm.h"
#include "ktap.h"

/* What irqchip.c does for the PIT. */
void irqchip_routing_changed(struct lodge_vm *vm, const struct lodge_irq_routing *routing)
{
	vm->irqchip->pit_pins = routing_pins_of(routing, IRQCHIP_PIT_GSI);
}

/* Without irqchip: as while one is created, all chips are there. */
static struct lodge_vm vm;

#define PIN(g, chip, p) \
	{ .gsi = (g), .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { (chip), (p) } }
#define MSI(g, address, value) \
	{ .gsi = (g), .type = KVM_IRQ_ROUTING_MSI, .u.msi = { (address), 0, (value) } }
#define SINT(g, vp_index, number) \
	{ .gsi = (g), .type = KVM_IRQ_ROUTING_HV_SINT, .u.hv_sint = { (vp_index), (number) } }

static const struct {
	const char *name;
	bool allowed;
	u32 nr;
	struct kvm_irq_routing_entry entries[4];
} tables[] = {
	{ "empty", true, 0, {} },
	{ "highest_gsi", true, 1, { MSI(4095, 0, 0) } },
	{ "gsi_too_high", false, 1, { MSI(4096, 0, 0) } },
	{ "gsi_all_ones", false, 1, { MSI(~0u, 0, 0) } },
	{ "highest_pins", true, 3, { PIN(0, 0, 7), PIN(0, 1, 7), PIN(0, 2, 23) } },
	{ "master_pin_too_high", false, 1, { PIN(0, 0, 8) } },
	{ "slave_pin_too_high", false, 1, { PIN(0, 1, 8) } },
	{ "ioapic_pin_too_high", false, 1, { PIN(0, 2, 24) } },
	{ "pin_all_ones", false, 1, { PIN(0, 2, ~0u) } },
	{ "no_such_chip", false, 1, { PIN(0, 3, 0) } },
	{ "same_chip_twice", false, 2, { PIN(5, 2, 1), PIN(5, 2, 2) } },
	{ "same_pic_twice", false, 2, { PIN(5, 0, 1), PIN(5, 0, 2) } },
	{ "msi_beside_pin", false, 2, { PIN(5, 2, 1), MSI(5, 0, 0) } },
	{ "pin_beside_msi", false, 2, { MSI(5, 0, 0), PIN(5, 2, 1) } },
	{ "msi_twice", false, 2, { MSI(5, 0, 0), MSI(5, 0, 0) } },
	{ "sint", true, 2, { SINT(5, 1, 2), SINT(6, ~0u, ~0u) } },
	{ "sint_twice", false, 2, { SINT(5, 1, 2), SINT(5, 1, 3) } },
	{ "sint_beside_pin", false, 2, { PIN(5, 2, 1), SINT(5, 1, 2) } },
	{ "one_pin_for_two_gsis", true, 2, { PIN(5, 2, 1), PIN(6, 2, 1) } },
	{ "unknown_type", false, 1, { { .gsi = 1, .type = 9 } } },
	{ "msi_flag", true, 1, { { .gsi = 1, .type = KVM_IRQ_ROUTING_MSI,
				   .flags = KVM_MSI_VALID_DEVID } } },
	{ "msi_unknown_flag", false, 1, { { .gsi = 1, .type = KVM_IRQ_ROUTING_MSI, .flags = 2 } } },
	{ "pin_flag", false, 1, { { .gsi = 1, .type = KVM_IRQ_ROUTING_IRQCHIP, .flags = 1 } } },
};

static void test_tables(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		struct lodge_irq_routing *routing;

		routing = routing_build(&vm, tables[i].entries, tables[i].nr);
		ktap_result(!IS_ERR(routing) == tables[i].allowed, "table_%s", tables[i].name);
		if (!IS_ERR(routing))
			kvfree(routing);
	}
}

static void test_lookup(void)
{
	static const struct kvm_irq_routing_entry entries[] = {
		MSI(40, 0xfee12000, 0x4055), PIN(4, 2, 4), PIN(0, 2, 2), PIN(4, 0, 4), PIN(0, 0, 0),
		PIN(9, 1, 1), SINT(12, 700, 3),
	};
	struct lodge_irq_routing *routing;
	const struct route *route;
	bool passed;
	u32 nr;

	routing = routing_build(&vm, entries, ARRAY_SIZE(entries));
	route = routing_lookup(routing, 4, &nr);
	passed = nr == 2 && route[0].kind == ROUTE_IOAPIC && route[0].pin == 4 &&
		 route[1].kind == ROUTE_PIC && route[1].pin == 4;
	route = routing_lookup(routing, 9, &nr);
	passed &= nr == 1 && route->kind == ROUTE_PIC && route->pin == 9;
	route = routing_lookup(routing, 40, &nr);
	passed &= nr == 1 && route->kind == ROUTE_MSI && route->message.dest == 0x12 &&
		  route->message.vector == 0x55;
	passed &= routing_leads_to_sint(routing, 12, 700, 3) &&
		  !routing_leads_to_sint(routing, 12, 700, 4) &&
		  !routing_leads_to_sint(routing, 12, 701, 3) &&
		  !routing_leads_to_sint(routing, 40, 700, 3) &&
		  !routing_leads_to_sint(routing, 13, 700, 3) && !routing_pins_of(routing, 12);
	routing_lookup(routing, 5, &nr);
	passed &= nr == 0;
	routing_lookup(routing, 41, &nr);
	passed &= nr == 0;
	routing_lookup(routing, ~0u, &nr);
	passed &= nr == 0;
	routing_lookup(NULL, 0, &nr);
	passed &= nr == 0;
	passed &= routing_pins_of(routing, 0) == (BIT_ULL(0) | BIT_ULL(16 + 2));
	kvfree(routing);
	ktap_result(passed, "lookup");
}

static const struct {
	const char *name;
	u32 address, data;
	struct lapic_message message;
	u32 address_hi, x2apic_api;
	bool refused;
} messages[] = {
	{ "physical", 0xfee05000, 0x41, { .dest = 5, .vector = 0x41 } },
	{ "logical_lowest", 0xfeeff004, 0x1a0,
	  { .dest = 0xff, .vector = 0xa0, .delivery = 1, .is_logical = true } },
	{ "redirection_hint", 0xfee0300c, 0x41,
	  { .dest = 3, .vector = 0x41, .delivery = 1, .is_logical = true } },
	{ "hint_and_nmi", 0xfee03008, 0x400, { .dest = 3, .delivery = 4 } },
	{ "level", 0xfee01000, 0xc031, { .dest = 1, .vector = 0x31, .is_level = true } },
	{ "upper_bits", 0xfff01000, 0xffff0031, { .dest = 1, .vector = 0x31 } },
	{ "upper_half_ignored", 0xfee01000, 0x31, { .dest = 1, .vector = 0x31 }, ~0u },
	{ "full_id", 0xfee01000, 0x31, { .dest = 0x12345601, .vector = 0x31 }, 0x12345600,
	  KVM_X2APIC_API_USE_32BIT_IDS },
	{ "full_id_twice", 0xfee01000, 0x31, { }, 0x12345601, KVM_X2APIC_API_USE_32BIT_IDS, true },
};

static void test_messages(void)
{
	struct lapic_message message;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(messages); i++) {
		const struct lapic_message *expected = &messages[i].message;
		struct lodge_vm vm = { .x2apic_api = messages[i].x2apic_api };
		const struct kvm_msi msi = {
			.address_lo = messages[i].address,
			.address_hi = messages[i].address_hi,
			.data = messages[i].data,
		};

		if (!routing_msi_message(&vm, &msi, &message)) {
			ktap_result(messages[i].refused, "msi_%s", messages[i].name);
			continue;
		}
		ktap_result(!messages[i].refused && message.dest == expected->dest &&
			    message.vector == expected->vector &&
			    message.delivery == expected->delivery &&
			    message.is_logical == expected->is_logical &&
			    message.is_level == expected->is_level && message.is_asserted &&
			    !message.is_ipi && !message.shorthand, "msi_%s", messages[i].name);
	}
}

static void test_set(void)
{
	static const struct kvm_irq_routing_entry good[] = { PIN(0, 2, 5) };
	static const struct kvm_irq_routing_entry bad[] = { PIN(0, 7, 5) };
	struct lodge_irqchip irqchip = {};
	struct lodge_vm vm = { .irqchip = &irqchip };
	struct kvm_irq_routing_entry *many;
	const struct route *route;
	bool passed;
	u32 i, nr;

	passed = routing_create_default(&vm) == 0;
	for (i = 0; i < 24; i++) {
		routing_lookup(vm.routing, i, &nr);
		passed &= nr == (i < 16 ? 2 : 1);
		passed &= routing_pins_of(vm.routing, i) ==
			  (BIT_ULL(16 + i) | (i < 16 ? BIT_ULL(i) : 0));
	}
	ktap_result(passed, "default_table");

	passed = routing_set(&vm, bad, 1, 0) == -EINVAL && routing_set(&vm, good, 1, 1) == -EINVAL;
	routing_lookup(vm.routing, 23, &nr);
	passed &= nr == 1;		/* unchanged */
	passed &= routing_set(&vm, good, 1, 0) == 0;
	route = routing_lookup(vm.routing, 0, &nr);
	passed &= nr == 1 && route->pin == 5 && irqchip.pit_pins == BIT_ULL(16 + 5);
	passed &= routing_set(&vm, NULL, 0, 0) == 0 && irqchip.pit_pins == 0;

	many = calloc(4097, sizeof(*many));
	for (i = 0; i < 4097; i++) {
		many[i].gsi = 4095 - i % 4096;
		many[i].type = KVM_IRQ_ROUTING_MSI;
	}
	passed &= routing_set(&vm, many, 4097, 0) == -EINVAL;
	passed &= routing_set(&vm, many, 4096, 0) == 0;
	free(many);
	routing_destroy(&vm);
	ktap_result(passed && !vm.routing, "set");
}

int main(void)
{
	ktap_begin();
	test_tables();
	test_lookup();
	test_messages();
	test_set();
	return ktap_end();
}
