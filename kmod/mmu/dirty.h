/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: noting writes, for the files of this folder: which slots are logged, and
 * where a write to one of them is noted: in the slot's bitmap or in the vCPU's ring.
 */
#ifndef LODGE_MMU_DIRTY_H
#define LODGE_MMU_DIRTY_H

#include "../caps.h"
#include "memslot.h"

static inline bool memslot_is_logged(const struct lodge_memslot *slot)
{
	return slot->flags & KVM_MEM_LOG_DIRTY_PAGES;
}

/* Whether writes are seen because they fault. Otherwise the CPU notes them itself. */
static inline bool memslot_traps_writes(const struct lodge_memslot *slot)
{
	return memslot_is_logged(slot) && !lodge_caps.nr_written_max;
}

/* dirty.c */
void dirty_log_begin(struct lodge_vm *vm);
void dirty_log_end(struct lodge_vm *vm);
void dirty_log_note(struct lodge_vcpu *vcpu, struct lodge_memslot *slot, gfn_t gfn);

/* dirty_ring.c */
bool dirty_ring_has_room(struct lodge_vcpu *vcpu);
void dirty_ring_push(struct lodge_vcpu *vcpu, const struct lodge_memslot *slot, gfn_t gfn);

/* Note a write to @gfn, which lies in @slot, by @vcpu or on its behalf. Behind the write. */
static inline void memslot_mark_dirty(struct lodge_vcpu *vcpu, struct lodge_memslot *slot,
				      gfn_t gfn)
{
	if (memslot_is_logged(slot))
		dirty_log_note(vcpu, slot, gfn);
}

#endif /* LODGE_MMU_DIRTY_H */
