// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: coalesced I/O. A zone is a device on a bus that takes writes as long as the
 * ring has room; a write that finds it full goes to user space, which empties it then.
 * One ring serves the whole VM, so writes keep their order across zones and vCPUs.
 *
 * User space can write the ring, too: what it holds is checked at each use, and nothing in it
 * is believed but the place of the reader.
 */
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "coalesced.h"
#include "iobus.h"
#include "vm.h"

/**
 * struct lodge_coalesced - the ring of a VM and what fills it
 * @ring: a page that user space maps
 * @lock: one writer at a time
 * @zones: struct io_zone, under vm->slots_lock
 */
struct lodge_coalesced {
	struct kvm_coalesced_mmio_ring *ring;
	spinlock_t lock;
	struct list_head zones;
};

struct io_zone {
	struct iodev iodev;
	struct list_head list;
	struct lodge_coalesced *owner;
	bool is_pio;
};

static enum iobus_id bus_of(bool is_pio)
{
	return is_pio ? IOBUS_PIO : IOBUS_MMIO;
}

static int zone_read(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
		     unsigned int len, void *data)
{
	return -EOPNOTSUPP;
}

static int zone_write(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
		      unsigned int len, const void *data)
{
	struct io_zone *zone = container_of(dev, struct io_zone, iodev);
	struct lodge_coalesced *coalesced = zone->owner;
	struct kvm_coalesced_mmio_ring *ring = coalesced->ring;
	struct kvm_coalesced_mmio *entry;
	int ret = -EOPNOTSUPP;
	u32 last, next;

	spin_lock(&coalesced->lock);
	last = READ_ONCE(ring->last);
	if (len > sizeof(entry->data) || last >= KVM_COALESCED_MMIO_MAX)
		goto unlock;
	next = (last + 1) % KVM_COALESCED_MMIO_MAX;
	if (next == READ_ONCE(ring->first))
		goto unlock;

	entry = &ring->coalesced_mmio[array_index_nospec(last, KVM_COALESCED_MMIO_MAX)];
	entry->phys_addr = addr;
	entry->len = len;
	memcpy(entry->data, data, len);
	entry->pio = zone->is_pio;
	/* Who sees the new end sees the entry. */
	smp_store_release(&ring->last, next);
	ret = 0;
unlock:
	spin_unlock(&coalesced->lock);
	return ret;
}

static const struct iodev_ops zone_ops = {
	.read = zone_read,
	.write = zone_write,
};

/**
 * coalesced_create() - give a VM its ring
 * @vm: VM under construction
 *
 * Return: 0 or -ENOMEM.
 */
int coalesced_create(struct lodge_vm *vm)
{
	struct lodge_coalesced *coalesced = kzalloc(sizeof(*coalesced), GFP_KERNEL_ACCOUNT);

	if (!coalesced)
		return -ENOMEM;
	coalesced->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!coalesced->ring) {
		kfree(coalesced);
		return -ENOMEM;
	}
	spin_lock_init(&coalesced->lock);
	INIT_LIST_HEAD(&coalesced->zones);
	vm->coalesced = coalesced;
	return 0;
}

/**
 * coalesced_destroy() - free the ring and all zones
 * @vm: VM whose buses nobody uses any more
 *
 * A mapping of the ring may outlive it by its own reference to the page.
 */
void coalesced_destroy(struct lodge_vm *vm)
{
	struct io_zone *zone, *next;

	list_for_each_entry_safe(zone, next, &vm->coalesced->zones, list)
		kfree(zone);
	free_page((unsigned long)vm->coalesced->ring);
	kfree(vm->coalesced);
	vm->coalesced = NULL;
}

/**
 * coalesced_page() - the ring, to be mapped by user space
 * @vm: the VM
 *
 * Return: address of a page of its own.
 */
void *coalesced_page(struct lodge_vm *vm)
{
	return vm->coalesced->ring;
}

/**
 * coalesced_register() - KVM_REGISTER_COALESCED_MMIO
 * @vm: the VM, slots_lock held
 * @request: which addresses of which bus; a copy in kernel memory
 *
 * An empty range is accepted and takes nothing.
 *
 * Return: 0; -EINVAL for another bus or a range that wraps; -ENOSPC if the bus has too
 * many devices; -ENOMEM.
 */
int coalesced_register(struct lodge_vm *vm, const struct kvm_coalesced_mmio_zone *request)
{
	struct io_zone *zone;
	int ret;

	lockdep_assert_held(&vm->slots_lock);

	if (request->pio > 1)
		return -EINVAL;
	if (!request->size)
		return 0;
	zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return -ENOMEM;
	zone->iodev = (struct iodev) {
		.ops = &zone_ops,
		.addr = request->addr,
		.len = request->size,
	};
	zone->owner = vm->coalesced;
	zone->is_pio = request->pio;

	ret = iobus_register(vm, bus_of(zone->is_pio), &zone->iodev);
	if (ret)
		kfree(zone);
	else
		list_add_tail(&zone->list, &vm->coalesced->zones);
	return ret;
}

/* Whether the range lies in the zone. */
static bool zone_has(const struct io_zone *zone, gpa_t addr, u64 size)
{
	return addr >= zone->iodev.addr && size <= zone->iodev.len &&
	       addr - zone->iodev.addr <= zone->iodev.len - size;
}

/**
 * coalesced_unregister() - KVM_UNREGISTER_COALESCED_MMIO
 * @vm: the VM, slots_lock held
 * @request: every zone goes that this range lies in; a copy in kernel memory
 *
 * What is in the ring stays there.
 *
 * Return: 0, also where there is no such zone; -EINVAL for another bus.
 */
int coalesced_unregister(struct lodge_vm *vm, const struct kvm_coalesced_mmio_zone *request)
{
	struct io_zone *zone, *next;

	lockdep_assert_held(&vm->slots_lock);

	if (request->pio > 1)
		return -EINVAL;
	list_for_each_entry_safe(zone, next, &vm->coalesced->zones, list) {
		if (zone->is_pio != request->pio || !zone_has(zone, request->addr, request->size))
			continue;
		iobus_unregister(vm, bus_of(zone->is_pio), &zone->iodev);
		list_del(&zone->list);
		kfree(zone);
	}
	return 0;
}
