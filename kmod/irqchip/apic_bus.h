/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the bus between LAPICs, IOAPIC and MSIs: finds whom a message is for. For
 * this folder only.
 */
#ifndef LODGE_IRQCHIP_APIC_BUS_H
#define LODGE_IRQCHIP_APIC_BUS_H

#include <linux/mutex.h>

#include "lapic.h"

struct lodge_vm;
struct lodge_vcpu;
struct apic_map;

/**
 * struct apic_bus - one VM's bus
 * @map: who listens to which destination; NULL without memory for it: then every
 *       LAPIC is asked. Read under RCU.
 * @lock: held while the map is rebuilt; nothing is taken inside
 * @nr_rebuilds: how often that was; under @lock
 */
struct apic_bus {
	struct apic_map __rcu *map;
	struct mutex lock;
	u32 nr_rebuilds;
};

void apic_bus_create(struct apic_bus *bus);
void apic_bus_destroy(struct apic_bus *bus);
void apic_bus_rebuild(struct lodge_vm *vm);
int apic_bus_send(struct lodge_vm *vm, struct lodge_vcpu *source,
		  const struct lapic_message *message);
bool apic_bus_reaches(struct lodge_vcpu *vcpu, const struct lapic_message *message);
struct lodge_vcpu *apic_bus_find(struct apic_bus *bus, u32 id);
bool apic_bus_deliver(struct lodge_vcpu *vcpu, struct lodge_vcpu *source,
		      const struct lapic_message *message);

#endif /* LODGE_IRQCHIP_APIC_BUS_H */
