// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: GSI routing: checks what KVM_SET_GSI_ROUTING gives, turns it into a sorted
 * table and publishes that. Injecting is irqchip.c's.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "../vm.h"
#include "models.h"
#include "routing.h"

static_assert(IRQCHIP_MAX_GSIS <= U16_MAX);

/* MSI address and data (Intel SDM volume 3, "Message Signalled Interrupts"). */
#define MSI_ADDRESS_LOGICAL	BIT(2)
#define MSI_ADDRESS_REDIRECT	BIT(3)
#define MSI_ADDRESS_DEST_SHIFT	12
#define MSI_DATA_DELIVERY_SHIFT	8
#define MSI_DATA_LEVEL		BIT(15)

/**
 * routing_msi_message() - what an MSI says to the LAPICs
 * @vm: whose
 * @msi: address and data; the address's upper half has a meaning only with
 *       KVM_X2APIC_API_USE_32BIT_IDS: the destination above its lowest 8 bits
 * @message: filled
 *
 * The redirection hint asks for one CPU of several, which is lowest priority.
 *
 * Return: false for an address that has no meaning.
 */
bool routing_msi_message(struct lodge_vm *vm, const struct kvm_msi *msi,
			 struct lapic_message *message)
{
	bool has_full_ids = READ_ONCE(vm->x2apic_api) & KVM_X2APIC_API_USE_32BIT_IDS;
	u32 address = msi->address_lo, data = msi->data;

	if (has_full_ids && (msi->address_hi & 0xff))
		return false;
	*message = (struct lapic_message) {
		.dest = address >> MSI_ADDRESS_DEST_SHIFT & 0xff,
		.vector = data & 0xff,
		.delivery = data >> MSI_DATA_DELIVERY_SHIFT & 7,
		.is_logical = address & MSI_ADDRESS_LOGICAL,
		.is_level = data & MSI_DATA_LEVEL,
		.is_asserted = true,
	};
	if ((address & MSI_ADDRESS_REDIRECT) && message->delivery == LAPIC_DELIVERY_FIXED)
		message->delivery = LAPIC_DELIVERY_LOWEST;
	if (has_full_ids)
		message->dest |= msi->address_hi;
	return true;
}

static int route_fill_msi(struct lodge_vm *vm, struct route *route,
			  const struct kvm_irq_routing_entry *entry)
{
	const struct kvm_msi msi = {
		.address_lo = entry->u.msi.address_lo,
		.address_hi = entry->u.msi.address_hi,
		.data = entry->u.msi.data,
	};

	/* The device id, allowed here as in KVM, has no meaning on x86. */
	if (entry->flags & ~KVM_MSI_VALID_DEVID)
		return -EINVAL;
	route->kind = ROUTE_MSI;
	return routing_msi_message(vm, &msi, &route->message) ? 0 : -EINVAL;
}

/* User space that has the chips has no use for their pins. */
static bool has_pins(struct lodge_vm *vm)
{
	return !vm->irqchip || !vm->irqchip->is_split;
}

/* Check one entry and convert it. */
static int route_fill(struct lodge_vm *vm, struct route *route,
		      const struct kvm_irq_routing_entry *entry)
{
	u32 pin = entry->u.irqchip.pin;

	if (entry->gsi >= IRQCHIP_MAX_GSIS)
		return -EINVAL;
	route->gsi = entry->gsi;

	if (entry->type == KVM_IRQ_ROUTING_MSI)
		return route_fill_msi(vm, route, entry);
	if (entry->type == KVM_IRQ_ROUTING_HV_SINT && !entry->flags) {
		/* Whether there is such a source is found out when it is signalled, as in KVM. */
		route->kind = ROUTE_SINT;
		route->vp_index = entry->u.hv_sint.vcpu;
		route->pin = min_t(u32, entry->u.hv_sint.sint, U8_MAX);
		return 0;
	}
	if (entry->type != KVM_IRQ_ROUTING_IRQCHIP || entry->flags || !has_pins(vm))
		return -EINVAL;

	switch (entry->u.irqchip.irqchip) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		if (pin >= 8)
			return -EINVAL;
		route->kind = ROUTE_PIC;
		route->pin = pin + (entry->u.irqchip.irqchip == KVM_IRQCHIP_PIC_SLAVE ? 8 : 0);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		if (pin >= IOAPIC_NR_PINS)
			return -EINVAL;
		route->kind = ROUTE_IOAPIC;
		route->pin = pin;
		return 0;
	default:
		return -EINVAL;
	}
}

/* May a GSI have both routes? One per chip, and what is no chip's pin alone. */
static bool can_coexist(const struct route *a, const struct route *b)
{
	if (a->kind >= ROUTE_MSI || b->kind >= ROUTE_MSI)
		return false;
	if (a->kind != b->kind)
		return true;
	return a->kind == ROUTE_PIC && a->pin / 8 != b->pin / 8;
}

/* Sort by counting. @used: how many routes each GSI already has in the table, zeroed. */
static int table_fill(struct lodge_vm *vm, struct lodge_irq_routing *table,
		      const struct kvm_irq_routing_entry *entries, u8 *used)
{
	u32 i, j;
	int ret;

	for (i = 0; i < table->nr_routes; i++)
		table->first[entries[i].gsi + 1]++;
	for (i = 0; i < table->nr_gsis; i++)
		table->first[i + 1] += table->first[i];

	for (i = 0; i < table->nr_routes; i++) {
		u32 gsi = entries[i].gsi;
		struct route *routes = &table->routes[table->first[gsi]];
		struct route *route = &routes[used[gsi]];

		ret = route_fill(vm, route, &entries[i]);
		if (ret)
			return ret;
		/* No more than three can coexist, so this is short and @used small. */
		for (j = 0; j < used[gsi]; j++)
			if (!can_coexist(&routes[j], route))
				return -EINVAL;
		used[gsi]++;
	}
	return 0;
}

/**
 * routing_build() - check entries and make a table of them
 * @vm: whose; one without irqchip is about to get one with all its chips
 * @entries: from user space
 * @nr: at most IRQCHIP_MAX_GSIS
 *
 * Return: the table, or an ERR_PTR(): -EINVAL for a bad entry or two that exclude one
 * another, -ENOMEM.
 */
struct lodge_irq_routing *routing_build(struct lodge_vm *vm,
					const struct kvm_irq_routing_entry *entries, u32 nr)
{
	struct lodge_irq_routing *table;
	u32 nr_gsis = 0, i;
	int ret = -ENOMEM;
	size_t size;
	u8 *used;

	if (nr > IRQCHIP_MAX_GSIS)
		return ERR_PTR(-EINVAL);
	for (i = 0; i < nr; i++) {
		if (entries[i].gsi >= IRQCHIP_MAX_GSIS)
			return ERR_PTR(-EINVAL);
		nr_gsis = max(nr_gsis, entries[i].gsi + 1);
	}

	used = kvzalloc(nr_gsis + 1, GFP_KERNEL_ACCOUNT);
	if (!used)
		return ERR_PTR(-ENOMEM);
	size = struct_size(table, routes, nr);
	table = kvzalloc(size + (nr_gsis + 1) * sizeof(*table->first), GFP_KERNEL_ACCOUNT);
	if (!table)
		goto free_used;
	table->nr_gsis = nr_gsis;
	table->nr_routes = nr;
	table->first = (void *)table + size;
	ret = table_fill(vm, table, entries, used);
	if (ret) {
		kvfree(table);
		table = NULL;
	}
free_used:
	kvfree(used);
	return table ?: ERR_PTR(ret);
}

/**
 * routing_lookup() - the routes of a GSI
 * @routing: the table; the caller is in vm->srcu
 * @gsi: any number
 * @nr: how many routes there are
 *
 * Return: the first of them.
 */
const struct route *routing_lookup(const struct lodge_irq_routing *routing, u32 gsi,
				   u32 *nr)
{
	if (!routing || gsi >= routing->nr_gsis) {
		*nr = 0;
		return NULL;
	}
	gsi = array_index_nospec(gsi, routing->nr_gsis);
	*nr = routing->first[gsi + 1] - routing->first[gsi];
	return &routing->routes[routing->first[gsi]];
}

/**
 * routing_end() - where the routes of the first GSIs end
 * @routing: the table; the caller is in vm->srcu
 * @gsi: any number: the first GSI that is not meant
 *
 * Return: behind the last route of a lower GSI; NULL without a table.
 */
const struct route *routing_end(const struct lodge_irq_routing *routing, u32 gsi)
{
	if (!routing)
		return NULL;
	return &routing->routes[routing->first[min(gsi, routing->nr_gsis)]];
}

/**
 * routing_pins_of() - pins to which a GSI is routed
 * @routing: the table
 * @gsi: any number
 *
 * Return: mask in the numbering of models.h.
 */
u64 routing_pins_of(const struct lodge_irq_routing *routing, u32 gsi)
{
	const struct route *route;
	u64 pins = 0;
	u32 nr;

	for (route = routing_lookup(routing, gsi, &nr); nr; nr--, route++) {
		if (route->kind == ROUTE_PIC)
			pins |= BIT_ULL(IRQCHIP_PIC_PIN0 + route->pin);
		else if (route->kind == ROUTE_IOAPIC)
			pins |= BIT_ULL(IRQCHIP_IOAPIC_PIN0 + route->pin);
	}
	return pins;
}

/* Does a GSI lead to this source of this vCPU? */
bool routing_leads_to_sint(const struct lodge_irq_routing *routing, u32 gsi, u32 vp_index,
			   u32 sint)
{
	const struct route *route;
	u32 nr;

	/* It has one such route or none. */
	route = routing_lookup(routing, gsi, &nr);
	return nr && route->kind == ROUTE_SINT && route->vp_index == vp_index &&
	       route->pin == sint;
}

static void publish_locked(struct lodge_vm *vm, struct lodge_irq_routing *table)
{
	lockdep_assert_held(&vm->irq_lock);
	irqchip_routing_changed(vm, table);
	/* Pairs with READ_ONCE() in irqchip_set_line(): the table is complete before. */
	smp_store_release(&vm->routing, table);
}

int routing_set(struct lodge_vm *vm, const struct kvm_irq_routing_entry *entries,
		u32 nr, u32 flags)
{
	struct lodge_irq_routing *table, *old;

	/* Pairs with the release in irqchip_create(). */
	if (flags || !smp_load_acquire(&vm->irqchip))
		return -EINVAL;
	table = routing_build(vm, entries, nr);
	if (IS_ERR(table))
		return PTR_ERR(table);

	mutex_lock(&vm->irq_lock);
	old = vm->routing;
	publish_locked(vm, table);
	mutex_unlock(&vm->irq_lock);

	synchronize_srcu_expedited(&vm->srcu);
	kvfree(old);
	return 0;
}

/**
 * routing_create_default() - the table of KVM_CREATE_IRQCHIP
 * @vm: VM whose irqchip is not yet published: nobody reads the table
 *
 * GSI n goes to pin n of the IOAPIC, and below 16 to that of the PIC pair.
 *
 * Return: 0; -ENOMEM.
 */
int routing_create_default(struct lodge_vm *vm)
{
	struct kvm_irq_routing_entry *entries, *entry;
	struct lodge_irq_routing *table;
	u32 gsi;

	entries = kcalloc(PIC_NR_PINS + IOAPIC_NR_PINS, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	entry = entries;
	for (gsi = 0; gsi < IOAPIC_NR_PINS; gsi++, entry++) {
		entry->gsi = gsi;
		entry->type = KVM_IRQ_ROUTING_IRQCHIP;
		entry->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		entry->u.irqchip.pin = gsi;
	}
	for (gsi = 0; gsi < PIC_NR_PINS; gsi++, entry++) {
		entry->gsi = gsi;
		entry->type = KVM_IRQ_ROUTING_IRQCHIP;
		entry->u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
		entry->u.irqchip.pin = gsi % 8;
	}
	table = routing_build(vm, entries, entry - entries);
	kfree(entries);
	if (IS_ERR(table))
		return PTR_ERR(table);
	vm->routing = table;
	return 0;
}

/**
 * routing_destroy() - free the table
 * @vm: VM in which nobody injects any more
 */
void routing_destroy(struct lodge_vm *vm)
{
	kvfree(vm->routing);
	vm->routing = NULL;
}
