// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: joins the models of a VM: creates and destroys the set, injects lines and
 * MSIs by the routing table, says which interrupt a vCPU takes next, and passes on what
 * one model has to tell another.
 */
#include <asm/apicdef.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "../request.h"
#include "lapic_timer.h"
#include "models.h"
#include "pit_device.h"
#include "routing.h"
#include "sint.h"

static void unregister_devices(struct lodge_vm *vm, struct lodge_irqchip *irqchip)
{
	lockdep_assert_held(&vm->slots_lock);
	iobus_unregister(vm, IOBUS_MMIO, &irqchip->ioapic.iodev);
	iobus_unregister(vm, IOBUS_PIO, &irqchip->pic.elcr);
	iobus_unregister(vm, IOBUS_PIO, &irqchip->pic.command[1]);
	iobus_unregister(vm, IOBUS_PIO, &irqchip->pic.command[0]);
}

/* All or none: unregistering ignores what was not registered. */
static int register_devices(struct lodge_vm *vm, struct lodge_irqchip *irqchip)
{
	int ret;

	mutex_lock(&vm->slots_lock);
	ret = iobus_register(vm, IOBUS_PIO, &irqchip->pic.command[0]);
	if (!ret)
		ret = iobus_register(vm, IOBUS_PIO, &irqchip->pic.command[1]);
	if (!ret)
		ret = iobus_register(vm, IOBUS_PIO, &irqchip->pic.elcr);
	if (!ret)
		ret = iobus_register(vm, IOBUS_MMIO, &irqchip->ioapic.iodev);
	if (ret)
		unregister_devices(vm, irqchip);
	mutex_unlock(&vm->slots_lock);
	return ret;
}

/* Pins of which an end is told to somebody: the PIT, and those who watch. */
static void note_pins(struct lodge_irqchip *irqchip, const struct lodge_irq_routing *routing)
{
	u64 pins = routing_pins_of(routing, IRQCHIP_PIT_GSI);
	struct irqchip_watcher *watcher;

	WRITE_ONCE(irqchip->pit_pins, pins);
	list_for_each_entry(watcher, &irqchip->watchers, list)
		pins |= routing_pins_of(routing, watcher->gsi);
	ioapic_watch(&irqchip->ioapic, pins >> IRQCHIP_IOAPIC_PIN0);
}

/* Another table is about to be published. */
void irqchip_routing_changed(struct lodge_vm *vm, const struct lodge_irq_routing *routing)
{
	lockdep_assert_held(&vm->irq_lock);
	note_pins(vm->irqchip, routing);
}

void irqchip_watch(struct lodge_vm *vm, struct irqchip_watcher *watcher)
{
	lockdep_assert_held(&vm->irq_lock);
	list_add_rcu(&watcher->list, &vm->irqchip->watchers);
	note_pins(vm->irqchip, vm->routing);
}

void irqchip_unwatch(struct lodge_vm *vm, struct irqchip_watcher *watcher)
{
	lockdep_assert_held(&vm->irq_lock);
	list_del_rcu(&watcher->list);
	note_pins(vm->irqchip, vm->routing);
	synchronize_srcu_expedited(&vm->srcu);
}

static struct lodge_irqchip *irqchip_alloc(struct lodge_vm *vm)
{
	struct lodge_irqchip *irqchip = kzalloc(sizeof(*irqchip), GFP_KERNEL_ACCOUNT);

	if (!irqchip)
		return NULL;
	apic_bus_create(&irqchip->bus);
	pic_create(&irqchip->pic, vm);
	ioapic_create(&irqchip->ioapic, vm);
	INIT_LIST_HEAD(&irqchip->watchers);
	return irqchip;
}

/* Without vCPUs nobody has reached a device before this. */
static void publish(struct lodge_vm *vm, struct lodge_irqchip *irqchip)
{
	/* Pairs with the acquires of ioctls that do not hold vm->lock. */
	smp_store_release(&vm->irqchip, irqchip);
}

int irqchip_create(struct lodge_vm *vm)
{
	struct lodge_irqchip *irqchip;
	int ret;

	lockdep_assert_held(&vm->lock);
	if (vm->irqchip)
		return -EEXIST;
	if (vm->nr_vcpus)
		return -EINVAL;
	irqchip = irqchip_alloc(vm);
	if (!irqchip)
		return -ENOMEM;
	ret = routing_create_default(vm);
	if (ret)
		goto free_irqchip;
	note_pins(irqchip, vm->routing);
	ret = register_devices(vm, irqchip);
	if (ret)
		goto destroy_routing;
	publish(vm, irqchip);
	return 0;

destroy_routing:
	routing_destroy(vm);
free_irqchip:
	kfree(irqchip);
	return ret;
}

/* No table of routes is an empty one. */
int irqchip_create_split(struct lodge_vm *vm, u64 nr_pins)
{
	struct lodge_irqchip *irqchip;

	lockdep_assert_held(&vm->lock);
	if (nr_pins > IRQCHIP_MAX_GSIS)
		return -EINVAL;
	if (vm->irqchip || vm->nr_vcpus)
		return -EEXIST;
	irqchip = irqchip_alloc(vm);
	if (!irqchip)
		return -ENOMEM;
	irqchip->is_split = true;
	irqchip->nr_user_pins = nr_pins;
	publish(vm, irqchip);
	return 0;
}

int irqchip_set_x2apic_api(struct lodge_vm *vm, u64 flags)
{
	lockdep_assert_held(&vm->lock);
	if (flags & ~(u64)(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))
		return -EINVAL;
	WRITE_ONCE(vm->x2apic_api, vm->x2apic_api | flags);
	return 0;
}

void irqchip_destroy(struct lodge_vm *vm)
{
	struct lodge_irqchip *irqchip = vm->irqchip;

	if (!irqchip)
		return;
	/* The PIT injects by itself: it goes first. */
	if (irqchip->pit)
		pit_destroy(irqchip->pit);
	ioapic_destroy(&irqchip->ioapic);
	routing_destroy(vm);
	apic_bus_destroy(&irqchip->bus);
	vm->irqchip = NULL;
	kfree(irqchip);
}

int irqchip_get_state(struct lodge_vm *vm, struct kvm_irqchip *chip)
{
	struct lodge_irqchip *irqchip = vm->irqchip;

	if (irqchip->is_split)
		return -ENXIO;
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_get_state(&irqchip->pic, chip->chip_id, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_get_state(&irqchip->ioapic, &chip->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

int irqchip_set_state(struct lodge_vm *vm, const struct kvm_irqchip *chip)
{
	struct lodge_irqchip *irqchip = vm->irqchip;

	if (irqchip->is_split)
		return -ENXIO;
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_set_state(&irqchip->pic, chip->chip_id, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_set_state(&irqchip->ioapic, &chip->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_route(struct lodge_vm *vm, const struct route *route,
		     enum irqchip_source source, int level)
{
	struct lodge_irqchip *irqchip = vm->irqchip;

	switch (route->kind) {
	case ROUTE_PIC:
		return pic_set_line(&irqchip->pic, route->pin, source, level);
	case ROUTE_IOAPIC:
		return ioapic_set_line(&irqchip->ioapic, route->pin, source, level);
	case ROUTE_SINT:
		return level ? sint_raise_by_route(vm, route->vp_index, route->pin) : -1;
	default:
		return level ? apic_bus_send(vm, NULL, &route->message) : -1;
	}
}

int irqchip_set_line(struct lodge_vm *vm, enum irqchip_source source, u32 gsi, int level)
{
	const struct route *route;
	int ret = -1, one, srcu;
	u32 nr;

	srcu = srcu_read_lock(&vm->srcu);
	for (route = routing_lookup(READ_ONCE(vm->routing), gsi, &nr); nr; nr--, route++) {
		one = set_route(vm, route, source, level);
		if (one >= 0)
			ret = max(ret, 0) + one;
	}
	srcu_read_unlock(&vm->srcu, srcu);
	return ret;
}

int irqchip_send_msi(struct lodge_vm *vm, const struct kvm_msi *msi)
{
	struct lapic_message message;

	/* Pairs with the release in irqchip_create(). */
	if (msi->flags || !smp_load_acquire(&vm->irqchip))
		return -EINVAL;
	if (!routing_msi_message(vm, msi, &message))
		return -EINVAL;
	return apic_bus_send(vm, NULL, &message);
}

int irqchip_send_ipis(struct lodge_vcpu *vcpu, const unsigned long *targets, u32 first_id,
		      unsigned int nr_bits, u32 icr)
{
	struct lapic_message message;
	unsigned int bit;
	int taken = 0;

	lapic_ipi_message(icr, 0, &message);
	for_each_set_bit(bit, targets, nr_bits) {
		/* An id that no vCPU can have; in particular no broadcast. */
		if (first_id >= LODGE_MAX_VCPU_ID - bit)
			break;
		message.dest = first_id + bit;
		taken += apic_bus_send(vcpu->vm, vcpu, &message);
	}
	return taken;
}

struct lodge_vcpu *irqchip_find_vcpu(struct lodge_vm *vm, u32 apic_id)
{
	/* Pairs with the release in irqchip_create(). */
	struct lodge_irqchip *irqchip = smp_load_acquire(&vm->irqchip);

	return irqchip ? apic_bus_find(&irqchip->bus, apic_id) : NULL;
}

/* Virtual wire: a LAPIC that is off, or LINT0 as ExtINT, lets the PIC through. */
static bool lets_pic_through(struct lodge_vcpu *vcpu)
{
	return vcpu->lapic && lapic_accepts_pic(&vcpu->lapic->model);
}

static bool has_pic_irq(struct lodge_vcpu *vcpu)
{
	return pic_has_irq(&vcpu->vm->irqchip->pic) && lets_pic_through(vcpu);
}

bool irqchip_has_pic(struct lodge_vm *vm)
{
	/* Pairs with the release in publish(). */
	const struct lodge_irqchip *irqchip = smp_load_acquire(&vm->irqchip);

	return irqchip && !irqchip->is_split;
}

bool irqchip_takes_user_irq(struct lodge_vcpu *vcpu)
{
	return !vcpu->lapic || lets_pic_through(vcpu);
}

bool irqchip_has_irq(struct lodge_vcpu *vcpu)
{
	return has_pic_irq(vcpu) || irqchip_next_vector(vcpu) >= 0;
}

int irqchip_next_vector(struct lodge_vcpu *vcpu)
{
	return lapic_deliverable(&vcpu->lapic->model);
}

int irqchip_accept(struct lodge_vcpu *vcpu)
{
	int vector;

	if (has_pic_irq(vcpu))
		return pic_acknowledge(&vcpu->vm->irqchip->pic);
	vector = irqchip_next_vector(vcpu);
	if (vector < 0)
		return vector;
	if (unlikely(vcpu->lapic->sints) && sint_is_auto_eoi(vcpu, vector))
		lapic_acknowledge_ended(&vcpu->lapic->model, vector);
	else
		lapic_acknowledge(&vcpu->lapic->model, vector);
	return vector;
}

bool irqchip_report(struct lodge_vcpu *vcpu)
{
	struct lodge_lapic *lapic = vcpu->lapic;
	struct kvm_run *run = vcpu->run;

	if (lodge_request_take(vcpu, LODGE_REQ_TPR_ACCESS)) {
		run->exit_reason = KVM_EXIT_TPR_ACCESS;
		run->tpr_access.rip = lapic->tpr_rip;
		run->tpr_access.is_write = lapic->tpr_is_written;
		return true;
	}
	if (lodge_request_take(vcpu, LODGE_REQ_IOAPIC_EOI)) {
		run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		run->eoi.vector = lapic->ended;
		return true;
	}
	return false;
}

static struct pit_device *pit_behind(struct lodge_vm *vm, u32 first_pin, u32 mask)
{
	struct lodge_irqchip *irqchip = vm->irqchip;

	if (!((u64)mask << first_pin & READ_ONCE(irqchip->pit_pins)))
		return NULL;
	/* Pairs with the release in pit_create(). */
	return smp_load_acquire(&irqchip->pit);
}

static void tell_watchers(struct lodge_vm *vm, u64 pins)
{
	const struct lodge_irq_routing *routing;
	struct irqchip_watcher *watcher;
	int srcu = srcu_read_lock(&vm->srcu);

	routing = READ_ONCE(vm->routing);
	list_for_each_entry_srcu(watcher, &vm->irqchip->watchers, list,
				 srcu_read_lock_held(&vm->srcu)) {
		if (routing_pins_of(routing, watcher->gsi) & pins)
			watcher->ended(watcher);
	}
	srcu_read_unlock(&vm->srcu, srcu);
}

void irqchip_pins_ended(struct lodge_vm *vm, u32 first_pin, u32 mask)
{
	struct pit_device *pit = pit_behind(vm, first_pin, mask);

	if (pit)
		pit_tick_ended(pit);
	if (!list_empty(&vm->irqchip->watchers))
		tell_watchers(vm, (u64)mask << first_pin);
}

/* The guest is done with an interrupt of a synthetic source. */
void irqchip_sint_ended(struct lodge_vm *vm, u32 vp_index, u32 sint)
{
	const struct lodge_irq_routing *routing;
	struct irqchip_watcher *watcher;
	int srcu;

	if (list_empty(&vm->irqchip->watchers))
		return;
	srcu = srcu_read_lock(&vm->srcu);
	routing = READ_ONCE(vm->routing);
	list_for_each_entry_srcu(watcher, &vm->irqchip->watchers, list,
				 srcu_read_lock_held(&vm->srcu)) {
		if (routing_leads_to_sint(routing, watcher->gsi, vp_index, sint))
			watcher->ended(watcher);
	}
	srcu_read_unlock(&vm->srcu, srcu);
}

void irqchip_pins_unmasked(struct lodge_vm *vm, u32 first_pin, u32 mask)
{
	struct pit_device *pit = pit_behind(vm, first_pin, mask);

	if (pit)
		pit_tick_unmasked(pit);
}

/* One CPU only takes the PIC's interrupt: the first that lets it through. */
void irqchip_wake_for_pic(struct lodge_vm *vm)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;

	lodge_for_each_vcpu(vm, index, vcpu) {
		if (!lets_pic_through(vcpu))
			continue;
		lodge_request(vcpu, LODGE_REQ_EVENT);
		return;
	}
}
