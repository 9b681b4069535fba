/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: slots, for the files of this folder: their shape and the ways to find
 * one by guest frame number or by host address.
 */
#ifndef LODGE_MMU_MEMSLOT_H
#define LODGE_MMU_MEMSLOT_H

#include <linux/bitops.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/srcu.h>

#include "../vm.h"
#include "mmu.h"

/**
 * struct lodge_memslot - a range of frame numbers backed by host memory
 * @base_gfn: first frame number
 * @nr_pages: length, never 0
 * @hva: where it is backed, in vm->mm
 * @flags: KVM_MEM_*
 * @id: the number that user space gave
 * @is_leaving: about to be removed or moved: accesses through it are refused, but
 *              the notifier still finds it, until what it mapped is zapped
 * @dirty_bitmap: a bit per page, [a]; NULL without KVM_MEM_LOG_DIRTY_PAGES, or if vCPUs
 *                have dirty rings. As many bits again behind it are dirty.c's own, under
 *                vm->slots_lock. Successors of a slot share it.
 *
 * Immutable once published but for the bits and @is_leaving.
 */
struct lodge_memslot {
	gfn_t base_gfn;
	u64 nr_pages;
	hva_t hva;
	u32 flags;
	u16 id;
	bool is_leaving;
	unsigned long *dirty_bitmap;
};

/**
 * struct memslot_by_hva - an entry of the index by host address
 * @slot: in ascending order of @slot->hva; slots may overlap here
 * @max_end: highest end of this and of all entries before it, so that a search may
 *           begin behind everything that ends too early
 */
struct memslot_by_hva {
	struct lodge_memslot *slot;
	hva_t max_end;
};

/**
 * struct lodge_memslots - all slots of a VM at one time
 * @nr: how many
 * @last_hit: index that the last lookup ended at; only a hint
 * @capacity: how many there is room for
 * @by_hva: index by host address
 * @by_id: index by number, in ascending order
 * @by_gfn: in ascending order of base_gfn; slots do not overlap here
 *
 * Immutable once published but for the hint. Replaced as a whole.
 */
struct lodge_memslots {
	unsigned int nr;
	unsigned int last_hit;
	unsigned int capacity;
	struct memslot_by_hva *by_hva;
	struct lodge_memslot **by_id;
	struct lodge_memslot *by_gfn[];
};

static inline bool memslot_has(const struct lodge_memslot *slot, gfn_t gfn)
{
	return gfn >= slot->base_gfn && gfn - slot->base_gfn < slot->nr_pages;
}

static inline hva_t memslot_hva_end(const struct lodge_memslot *slot)
{
	return slot->hva + (slot->nr_pages << PAGE_SHIFT);
}

/*
 * Where @gfn, which lies in @slot, is backed. The guest chose it: no speculation
 * past the end of the slot.
 */
static inline hva_t memslot_hva(const struct lodge_memslot *slot, gfn_t gfn)
{
	u64 offset = array_index_nospec(gfn - slot->base_gfn, slot->nr_pages);

	return slot->hva + (offset << PAGE_SHIFT);
}

static inline bool memslot_is_readonly(const struct lodge_memslot *slot)
{
	return slot->flags & KVM_MEM_READONLY;
}

/* The slots as they are; vm->srcu or vm->slots_lock is held. */
static inline struct lodge_memslots *memslots_get(struct lodge_vm *vm)
{
	return srcu_dereference_check(vm->memslots, &vm->srcu,
				      lockdep_is_held(&vm->slots_lock));
}

struct lodge_memslot *memslots_find(struct lodge_memslots *slots, gfn_t gfn);
struct lodge_memslot *memslots_find_id(struct lodge_memslots *slots, u32 id);
unsigned int memslots_find_hva(struct lodge_memslots *slots, hva_t start);
struct lodge_memslots *memslots_replace(struct lodge_vm *vm,
					const struct lodge_memslot *old,
					struct lodge_memslot *new);

#endif /* LODGE_MMU_MEMSLOT_H */
