/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the routing table in the form that injecting reads. For this folder only.
 */
#ifndef LODGE_IRQCHIP_ROUTING_H
#define LODGE_IRQCHIP_ROUTING_H

#include "lapic.h"

enum route_kind {
	ROUTE_PIC,
	ROUTE_IOAPIC,
	ROUTE_MSI,
	ROUTE_SINT,
};

/**
 * struct route - where one GSI goes
 * @gsi: which
 * @kind: enum route_kind
 * @pin: of the PIC pair or the IOAPIC; for ROUTE_SINT the source
 * @message: for ROUTE_MSI
 * @vp_index: for ROUTE_SINT
 */
struct route {
	u16 gsi;
	u8 kind;
	u8 pin;
	union {
		struct lapic_message message;
		u32 vp_index;
	};
};

/**
 * struct lodge_irq_routing - behind vm->routing, immutable once published
 * @nr_gsis: the highest GSI that has a route, plus one
 * @nr_routes: entries of @routes
 * @first: by GSI: its first route; one more at the end
 * @routes: sorted by GSI
 */
struct lodge_irq_routing {
	u32 nr_gsis;
	u32 nr_routes;
	u16 *first;
	struct route routes[];
};

int routing_create_default(struct lodge_vm *vm);
void routing_destroy(struct lodge_vm *vm);
const struct route *routing_lookup(const struct lodge_irq_routing *routing, u32 gsi,
				   u32 *nr);
const struct route *routing_end(const struct lodge_irq_routing *routing, u32 gsi);
bool routing_msi_message(struct lodge_vm *vm, const struct kvm_msi *msi,
			 struct lapic_message *message);
struct lodge_irq_routing *routing_build(struct lodge_vm *vm,
					const struct kvm_irq_routing_entry *entries, u32 nr);
bool routing_leads_to_sint(const struct lodge_irq_routing *routing, u32 gsi, u32 vp_index,
			   u32 sint);
u64 routing_pins_of(const struct lodge_irq_routing *routing, u32 gsi);

#endif /* LODGE_IRQCHIP_ROUTING_H */
