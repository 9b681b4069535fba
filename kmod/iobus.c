// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the registry of in-kernel devices on the port I/O and MMIO buses.
 * Each bus is one immutable array, sorted by first address; a change publishes a
 * changed copy. An access costs a binary search and no lock.
 *
 * Registering never waits: the array that was replaced is chained behind the new
 * one and freed with the next grace period that unregistering needs anyhow, or
 * with the bus. The chain is bounded, as between two of them only IOBUS_MAX_DEVICES
 * devices can be registered.
 */
#include <linux/lockdep.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "iobus.h"
#include "vcpu.h"
#include "vm.h"

/**
 * struct iobus_range - what a device covers
 * @first: first address
 * @last: last address
 * @reach: the greatest last address of this range and all before it: devices may
 *         overlap (several ioeventfds on one port), and this tells a search that
 *         goes backwards where to stop
 * @dev: the device
 */
struct iobus_range {
	gpa_t first;
	gpa_t last;
	gpa_t reach;
	struct iodev *dev;
};

struct iobus {
	struct iobus *retired;	/* older array, perhaps still being read */
	u32 nr;
	struct iobus_range ranges[];
};

static struct iobus **bus_of(struct lodge_vm *vm, enum iobus_id id)
{
	return id == IOBUS_PIO ? &vm->pio_bus : &vm->mmio_bus;
}

static struct iobus *bus_alloc(u32 nr)
{
	struct iobus *bus;

	bus = kvzalloc(struct_size(bus, ranges, nr), GFP_KERNEL_ACCOUNT);
	if (bus)
		bus->nr = nr;
	return bus;
}

static void bus_free_chain(struct iobus *bus)
{
	struct iobus *retired;

	for (; bus; bus = retired) {
		retired = bus->retired;
		kvfree(bus);
	}
}

static void bus_compute_reach(struct iobus *bus)
{
	gpa_t reach = 0;
	u32 i;

	for (i = 0; i < bus->nr; i++) {
		reach = max(reach, bus->ranges[i].last);
		bus->ranges[i].reach = reach;
	}
}

/**
 * iobus_register() - put a device on a bus
 * @vm: the VM
 * @id: which bus
 * @dev: ops, addr and len filled in; may overlap with others, then each is asked
 *       in turn until one takes the access
 *
 * Process context, vm->slots_lock held. Accesses may arrive before it returns.
 *
 * Return: 0; -EINVAL if the range is empty or wraps; -ENOSPC if the bus is full;
 * -ENOMEM.
 */
int iobus_register(struct lodge_vm *vm, enum iobus_id id, struct iodev *dev)
{
	struct iobus **slot = bus_of(vm, id);
	struct iobus *old = *slot, *new;
	u32 nr = old ? old->nr : 0;
	gpa_t last;
	u32 place;

	lockdep_assert_held(&vm->slots_lock);
	if (!dev->len || check_add_overflow(dev->addr, dev->len - 1, &last))
		return -EINVAL;
	if (nr >= IOBUS_MAX_DEVICES)
		return -ENOSPC;
	new = bus_alloc(nr + 1);
	if (!new)
		return -ENOMEM;

	for (place = 0; place < nr && old->ranges[place].first <= dev->addr; place++)
		new->ranges[place] = old->ranges[place];
	new->ranges[place].first = dev->addr;
	new->ranges[place].last = last;
	new->ranges[place].dev = dev;
	for (; place < nr; place++)
		new->ranges[place + 1] = old->ranges[place];
	bus_compute_reach(new);
	new->retired = old;
	/* Pairs with the READ_ONCE() in bus_access(): the array is complete before. */
	smp_store_release(slot, new);
	return 0;
}

/**
 * iobus_unregister() - take a device off a bus and wait until nobody is in it
 * @vm: the VM
 * @id: which bus
 * @dev: the device; one that is not there is ignored
 *
 * Process context, vm->slots_lock held, vm->srcu not entered. Without memory for
 * the smaller array the bus is emptied instead of keeping a pointer to a device
 * that is about to be freed: the guest then loses its devices, nothing worse.
 */
void iobus_unregister(struct lodge_vm *vm, enum iobus_id id, struct iodev *dev)
{
	struct iobus **slot = bus_of(vm, id);
	struct iobus *old = *slot, *new = NULL;
	u32 place, i, out = 0;

	lockdep_assert_held(&vm->slots_lock);
	for (place = 0; old && place < old->nr; place++)
		if (old->ranges[place].dev == dev)
			break;
	if (!old || place == old->nr)
		return;

	if (old->nr > 1)
		new = bus_alloc(old->nr - 1);
	if (new) {
		for (i = 0; i < old->nr; i++)
			if (i != place)
				new->ranges[out++] = old->ranges[i];
		bus_compute_reach(new);
	}
	/* As in iobus_register(). */
	smp_store_release(slot, new);
	synchronize_srcu_expedited(&vm->srcu);
	bus_free_chain(old);
}

/**
 * iobus_destroy() - free both buses
 * @vm: VM that nobody uses any more; the devices are their owners' to free
 *
 * Does not wait.
 */
void iobus_destroy(struct lodge_vm *vm)
{
	bus_free_chain(vm->pio_bus);
	bus_free_chain(vm->mmio_bus);
	vm->pio_bus = NULL;
	vm->mmio_bus = NULL;
}

/* The number of ranges that begin at @addr or below. */
static u32 bus_search(const struct iobus *bus, gpa_t addr)
{
	u32 low = 0, high = bus->nr;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (bus->ranges[middle].first <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int dev_access(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
		      unsigned int len, void *in, const void *out)
{
	if (in)
		return dev->ops->read(dev, vcpu, addr, len, in);
	return dev->ops->write(dev, vcpu, addr, len, out);
}

/* Ask every device whose range holds the whole access, the closest first. */
static int bus_access(struct lodge_vcpu *vcpu, enum iobus_id id, gpa_t addr,
		      unsigned int len, void *in, const void *out)
{
	struct lodge_vm *vm = vcpu->vm;
	int ret = -EOPNOTSUPP;
	struct iobus *bus;
	gpa_t last;
	int srcu;
	u32 i;

	if (check_add_overflow(addr, (gpa_t)len - 1, &last))
		return -EOPNOTSUPP;

	srcu = srcu_read_lock(&vm->srcu);
	bus = READ_ONCE(*bus_of(vm, id));
	for (i = bus ? bus_search(bus, addr) : 0; i > 0; i--) {
		const struct iobus_range *range = &bus->ranges[i - 1];

		if (range->reach < last)
			break;
		if (range->last < last)
			continue;
		ret = dev_access(range->dev, vcpu, addr, len, in, out);
		if (ret != -EOPNOTSUPP)
			break;
	}
	srcu_read_unlock(&vm->srcu, srcu);
	return ret;
}

/**
 * iobus_read() - let a device in the kernel answer a read
 * @vcpu: who reads
 * @id: which bus
 * @addr: first port or guest physical address
 * @len: 1 to 8 bytes
 * @data: filled with @len bytes
 *
 * Process context of the vCPU's thread.
 *
 * Return: 0; -EOPNOTSUPP if no device takes it: user space's.
 */
int iobus_read(struct lodge_vcpu *vcpu, enum iobus_id id, gpa_t addr,
	       unsigned int len, void *data)
{
	return bus_access(vcpu, id, addr, len, data, NULL);
}

/**
 * iobus_write() - let a device in the kernel take a write
 * @vcpu: who writes
 * @id: which bus
 * @addr: first port or guest physical address
 * @len: 1 to 8 bytes
 * @data: @len bytes
 *
 * Process context of the vCPU's thread.
 *
 * Return: 0; -EOPNOTSUPP if no device takes it: user space's.
 */
int iobus_write(struct lodge_vcpu *vcpu, enum iobus_id id, gpa_t addr,
		unsigned int len, const void *data)
{
	return bus_access(vcpu, id, addr, len, NULL, data);
}
