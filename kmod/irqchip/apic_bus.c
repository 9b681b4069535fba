// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: finds the LAPICs that a message is for, lets them take it and tells their
 * vCPUs. A map by physical id and by xAPIC logical id, rebuilt whenever a guest
 * changes one of these, serves every message for one CPU and logical ones that the
 * map can decide; the rest (broadcasts, shorthands, odd logical ids) asks each LAPIC.
 */
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../request.h"
#include "apic_bus.h"
#include "lapic_timer.h"
#include "models.h"

/* What the logical ids of a VM's LAPICs have in common. */
enum apic_map_kind {
	APIC_MAP_NONE,		/* nobody has one */
	APIC_MAP_FLAT,		/* xAPIC, 8 single bits */
	APIC_MAP_CLUSTER,	/* xAPIC, 16 clusters of 4 bits */
	APIC_MAP_X2APIC,	/* follows from the id */
	APIC_MAP_MIXED,		/* not one rule: ask each LAPIC */
};

/*
 * A guest that changes its ids in a loop makes maps faster than RCU frees them: every
 * so many times it waits for RCU.
 */
#define REBUILDS_PER_WAIT	64

/* Targets of one logical message at most: the bits of an x2APIC cluster. */
#define MAX_TARGETS	16

/**
 * struct apic_map - destinations, immutable once published
 * @rcu: for freeing
 * @kind: how logical destinations are decided
 * @is_ambiguous: two LAPICs have one physical id: ask each
 * @logical: FLAT: by bit; CLUSTER: by cluster * 4 + bit
 * @nr_physical: entries of @physical
 * @physical: by id
 */
struct apic_map {
	struct rcu_head rcu;
	enum apic_map_kind kind;
	bool is_ambiguous;
	struct lodge_vcpu *logical[64];
	u32 nr_physical;
	struct lodge_vcpu *physical[];
};

static u32 physical_id(const struct lapic *lapic)
{
	if ((READ_ONCE(lapic->base) & X2APIC_ENABLE) || lapic->id > 0xff)
		return lapic->id;
	return lapic_reg(lapic, APIC_ID) >> 24;
}

static bool is_on(const struct lapic *lapic)
{
	return READ_ONCE(lapic->base) & MSR_IA32_APICBASE_ENABLE;
}

/*
 * Enter one LAPIC's logical id. A guest writes LDRs one after the other, so two kinds
 * at once, or an id with more than one bit, is nothing that must be quick: MIXED.
 */
static void map_add_logical(struct apic_map *map, struct lodge_vcpu *vcpu)
{
	const struct lapic *lapic = &vcpu->lapic->model;
	u32 ldr = lapic_reg(lapic, APIC_LDR) >> 24;
	enum apic_map_kind kind;
	u32 bits, place;

	if (READ_ONCE(lapic->base) & X2APIC_ENABLE) {
		if (map->kind != APIC_MAP_NONE && map->kind != APIC_MAP_X2APIC)
			map->kind = APIC_MAP_MIXED;
		else
			map->kind = APIC_MAP_X2APIC;
		return;
	}
	if (!ldr)
		return;

	if (lapic_reg(lapic, APIC_DFR) == APIC_DFR_FLAT) {
		kind = APIC_MAP_FLAT;
		bits = ldr;
		place = __ffs(bits);
	} else {
		kind = APIC_MAP_CLUSTER;
		bits = ldr & 0xf;
		place = (ldr >> 4) * 4 + (bits ? __ffs(bits) : 0);
	}
	if ((map->kind != APIC_MAP_NONE && map->kind != kind) || hweight32(bits) != 1 ||
	    map->logical[place]) {
		map->kind = APIC_MAP_MIXED;
		return;
	}
	map->kind = kind;
	map->logical[place] = vcpu;
}

static void map_fill(struct apic_map *map, struct lodge_vm *vm)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;

	lodge_for_each_vcpu(vm, index, vcpu) {
		u32 id;

		if (!vcpu->lapic || !is_on(&vcpu->lapic->model))
			continue;
		id = physical_id(&vcpu->lapic->model);
		/* Larger than when it was measured: its own rebuild waits for the lock. */
		if (id >= map->nr_physical || map->physical[id] || id != vcpu->lapic->model.id)
			map->is_ambiguous = true;
		else
			map->physical[id] = vcpu;
		map_add_logical(map, vcpu);
	}
}

/**
 * apic_bus_rebuild() - who listens to which destination has changed
 * @vm: VM with irqchip
 *
 * May sleep. A change that comes while this runs has a rebuild of its own behind it,
 * so the last one sees all. Without memory the bus goes on, slower.
 */
void apic_bus_rebuild(struct lodge_vm *vm)
{
	struct apic_bus *bus = &vm->irqchip->bus;
	struct lodge_vcpu *vcpu;
	struct apic_map *map, *old;
	unsigned long index;
	bool wait;
	u32 nr = 1;

	mutex_lock(&bus->lock);
	lodge_for_each_vcpu(vm, index, vcpu)
		nr = max(nr, vcpu->id + 1);
	map = kvzalloc(struct_size(map, physical, nr), GFP_KERNEL_ACCOUNT);
	if (map) {
		map->nr_physical = nr;
		map_fill(map, vm);
	}
	old = rcu_replace_pointer(bus->map, map, lockdep_is_held(&bus->lock));
	wait = ++bus->nr_rebuilds % REBUILDS_PER_WAIT == 0;
	mutex_unlock(&bus->lock);
	if (wait) {
		synchronize_rcu();
		kvfree(old);
	} else if (old) {
		kvfree_rcu(old, rcu);
	}
}

/**
 * apic_bus_create() - an empty bus
 * @bus: zeroed
 */
void apic_bus_create(struct apic_bus *bus)
{
	mutex_init(&bus->lock);
}

/**
 * apic_bus_destroy() - free the map
 * @bus: bus that nobody uses any more
 */
void apic_bus_destroy(struct apic_bus *bus)
{
	kvfree(rcu_dereference_protected(bus->map, 1));
	mutex_destroy(&bus->lock);
}

/* A source that is the target's own thread need not kick itself. */
static void tell(struct lodge_vcpu *vcpu, struct lodge_vcpu *source, enum lodge_request request)
{
	if (vcpu == source)
		lodge_request_set(vcpu, request);
	else
		lodge_request(vcpu, request);
}

/**
 * apic_bus_deliver() - one LAPIC takes a message
 * @vcpu: whose LAPIC; need not be a target by the message's destination
 * @source: the vCPU whose own thread calls, or NULL
 * @message: the message
 *
 * Any context.
 *
 * Return: whether it was accepted; one that was pending already counts.
 */
bool apic_bus_deliver(struct lodge_vcpu *vcpu, struct lodge_vcpu *source,
		      const struct lapic_message *message)
{
	struct lapic *lapic = &vcpu->lapic->model;
	struct lapic_message error;

	switch (lapic_receive(lapic, message)) {
	case LAPIC_TAKEN_IRQ:
		tell(vcpu, source, LODGE_REQ_EVENT);
		return true;
	case LAPIC_TAKEN_BEFORE:
		return true;
	case LAPIC_TAKEN_NMI:
		/* One in service and one waiting is all a CPU remembers. */
		atomic_add_unless(&vcpu->nmi_queued, 1, 2);
		tell(vcpu, source, LODGE_REQ_NMI);
		return true;
	case LAPIC_TAKEN_INIT_SIPI:
		tell(vcpu, source, LODGE_REQ_INIT_SIPI);
		return true;
	case LAPIC_TAKEN_ERROR:
		/* Its vector is legal, so this does not come back here. */
		if (lapic_lvt_message(lapic, APIC_LVTERR, &error) &&
		    lapic_receive(lapic, &error) == LAPIC_TAKEN_IRQ)
			tell(vcpu, source, LODGE_REQ_EVENT);
		return false;
	case LAPIC_REFUSED:
		break;
	}
	return false;
}

/* Lowest priority goes to one of those that software enabled, chosen by the vector. */
static bool can_arbitrate(struct lodge_vcpu *vcpu)
{
	return lapic_reg(&vcpu->lapic->model, APIC_SPIV) & APIC_SPIV_APIC_ENABLED;
}

static struct lodge_vcpu *map_physical(const struct apic_map *map, u32 id)
{
	if (id >= map->nr_physical)
		return NULL;
	return map->physical[array_index_nospec(id, map->nr_physical)];
}

/**
 * apic_bus_find() - the vCPU with a physical id
 * @bus: the bus
 * @id: its id
 *
 * Any context.
 *
 * Return: the vCPU; NULL also while there is no map, or more than one has the id.
 */
struct lodge_vcpu *apic_bus_find(struct apic_bus *bus, u32 id)
{
	struct lodge_vcpu *vcpu = NULL;
	const struct apic_map *map;

	rcu_read_lock();
	map = rcu_dereference(bus->map);
	if (map && !map->is_ambiguous)
		vcpu = map_physical(map, id);
	rcu_read_unlock();
	return vcpu;
}

/*
 * Targets by the map: how many of @targets were filled, or -1 if the map cannot tell.
 * What the map says is checked against the LAPIC once more, as the map may be older.
 */
static int map_lookup(const struct apic_map *map, const struct lapic_message *message,
		      struct lodge_vcpu *targets[MAX_TARGETS])
{
	u32 dest = message->dest, bits, first;
	struct lodge_vcpu *vcpu;
	int nr = 0;

	/* Either broadcast value, whatever it means to whom: each LAPIC knows. */
	if (!map || message->shorthand || map->is_ambiguous || dest == 0xff || dest == ~0u)
		return -1;

	if (!message->is_logical) {
		bits = 1;
		first = dest;
	} else if (map->kind == APIC_MAP_FLAT) {
		bits = dest & 0xff;
		first = 0;
	} else if (map->kind == APIC_MAP_CLUSTER) {
		bits = dest & 0xf;
		first = (dest >> 4 & 0xf) * 4;
	} else if (map->kind == APIC_MAP_X2APIC) {
		bits = dest & 0xffff;
		first = (dest >> 16) * 16;
	} else {
		return -1;
	}

	for (; bits; bits &= bits - 1) {
		u32 place = first + __ffs(bits);

		if (message->is_logical && map->kind != APIC_MAP_X2APIC)
			vcpu = map->logical[array_index_nospec(place, ARRAY_SIZE(map->logical))];
		else
			vcpu = map_physical(map, place);
		if (vcpu && lapic_matches(&vcpu->lapic->model, message))
			targets[nr++] = vcpu;
	}
	return nr;
}

static int send_to_targets(struct lodge_vcpu *targets[MAX_TARGETS], int nr,
			   struct lodge_vcpu *source, const struct lapic_message *message)
{
	int i, able = 0, taken = 0;

	if (message->delivery == LAPIC_DELIVERY_LOWEST) {
		for (i = 0; i < nr; i++)
			if (can_arbitrate(targets[i]))
				targets[able++] = targets[i];
		if (!able)
			return 0;
		return apic_bus_deliver(targets[message->vector % able], source, message);
	}
	for (i = 0; i < nr; i++)
		taken += apic_bus_deliver(targets[i], source, message);
	return taken;
}

static bool is_target(struct lodge_vcpu *vcpu, struct lodge_vcpu *source,
		      const struct lapic_message *message)
{
	if (!vcpu->lapic || !is_on(&vcpu->lapic->model))
		return false;
	switch (message->shorthand) {
	case LAPIC_TO_ALL:
		return true;
	case LAPIC_TO_OTHERS:
		return vcpu != source;
	default:
		return lapic_matches(&vcpu->lapic->model, message);
	}
}

/* Ask every LAPIC; for lowest priority twice, first to count. */
static int send_to_matching(struct lodge_vm *vm, struct lodge_vcpu *source,
			    const struct lapic_message *message)
{
	bool is_lowest = message->delivery == LAPIC_DELIVERY_LOWEST;
	u32 able = 0, chosen = 0, place = 0;
	struct lodge_vcpu *vcpu;
	unsigned long index;
	int taken = 0;

	if (is_lowest) {
		lodge_for_each_vcpu(vm, index, vcpu)
			able += is_target(vcpu, source, message) && can_arbitrate(vcpu);
		if (!able)
			return 0;
		chosen = message->vector % able;
	}
	lodge_for_each_vcpu(vm, index, vcpu) {
		if (!is_target(vcpu, source, message))
			continue;
		if (is_lowest && (!can_arbitrate(vcpu) || place++ != chosen))
			continue;
		taken += apic_bus_deliver(vcpu, source, message);
	}
	return taken;
}

/* An IOAPIC's or MSI's 8 bits of destination, all set, may be an id like any other. */
static void note_broadcast_rule(struct lodge_vm *vm, struct lapic_message *message)
{
	if (READ_ONCE(vm->x2apic_api) & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		message->is_ipi = true;
}

/**
 * apic_bus_reaches() - would a message without shorthand reach this LAPIC?
 * @vcpu: vCPU with LAPIC
 * @message: the message
 */
bool apic_bus_reaches(struct lodge_vcpu *vcpu, const struct lapic_message *message)
{
	struct lapic_message ruled = *message;

	note_broadcast_rule(vcpu->vm, &ruled);
	return lapic_matches(&vcpu->lapic->model, &ruled);
}

/**
 * apic_bus_send() - send a message to whom it is for
 * @vm: VM with irqchip
 * @source: the vCPU whose LAPIC sends, in its own thread; NULL for IOAPIC and MSI
 * @message: the message
 *
 * Any context.
 *
 * Return: how many LAPICs accepted it.
 */
int apic_bus_send(struct lodge_vm *vm, struct lodge_vcpu *source,
		  const struct lapic_message *message)
{
	struct lodge_vcpu *targets[MAX_TARGETS];
	struct lapic_message ruled = *message;
	int nr, ret;

	if (message->shorthand == LAPIC_TO_SELF)
		return source ? apic_bus_deliver(source, source, message) : 0;

	note_broadcast_rule(vm, &ruled);
	/* There is no lowest priority among all CPUs: SDM, "Lowest Priority Delivery Mode". */
	if (message->delivery == LAPIC_DELIVERY_LOWEST && !message->is_logical &&
	    !message->shorthand && message->dest == 0xff)
		ruled.delivery = LAPIC_DELIVERY_FIXED;

	rcu_read_lock();
	nr = map_lookup(rcu_dereference(vm->irqchip->bus.map), &ruled, targets);
	if (nr >= 0)
		ret = send_to_targets(targets, nr, source, &ruled);
	else
		ret = send_to_matching(vm, source, &ruled);
	rcu_read_unlock();
	return ret;
}
