// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: what the host does to the memory of a VM. The host is about to change
 * its page tables; what was derived from them goes first.
 *
 * A fault reads vm->invalidate_seq, finds the page, takes mmu_lock and looks at
 * both counters again before it maps. Begin and end of an invalidation change
 * them under that lock, so one of the two sees the other:
 *
 *   the fault maps before begin     begin zaps it
 *   between begin and end           nr_invalidating is not 0 and the address lies in
 *                                   the hull: the fault gives up
 *   behind end                      the number has changed if the page was found
 *                                   before end: the fault gives up
 *
 * Both counters move for every invalidation, slots or not: a slot that is created
 * between begin and end is covered, too.
 *
 * There is no change_pte: all its callers in the kernel stand between begin and
 * end, where nothing is mapped that could be changed; later kernels have dropped it.
 */
#include <linux/minmax.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>

#include "memslot.h"
#include "tdp.h"

static struct lodge_vm *notifier_vm(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct lodge_vm, mmu_notifier);
}

/* What is done to a range of frame numbers; returns as the function that it names. */
typedef bool (*range_action_t)(struct lodge_vm *vm, gfn_t start, gfn_t end);

static bool zap_and_yield(struct lodge_vm *vm, gfn_t start, gfn_t end)
{
	return tdp_zap_range(vm, start, end, true);
}

static bool zap_at_once(struct lodge_vm *vm, gfn_t start, gfn_t end)
{
	return tdp_zap_range(vm, start, end, false);
}

/*
 * Call @action for all frames that are backed by [start, end). Under srcu and
 * mmu_lock. Return whether it returned true for any.
 */
static __must_check bool act_on_frames(struct lodge_vm *vm, hva_t start, hva_t end,
				       range_action_t action)
{
	struct lodge_memslots *slots = memslots_get(vm);
	bool ret = false;
	unsigned int i;

	for (i = memslots_find_hva(slots, start); i < slots->nr; i++) {
		const struct lodge_memslot *slot = slots->by_hva[i].slot;
		hva_t first, last;

		if (slot->hva >= end)
			break;
		if (memslot_hva_end(slot) <= start)
			continue;
		/* Pages that are touched in part count. */
		first = max(start, slot->hva) - slot->hva;
		last = min(end, memslot_hva_end(slot)) - slot->hva - 1;
		ret |= action(vm, slot->base_gfn + (first >> PAGE_SHIFT),
			      slot->base_gfn + (last >> PAGE_SHIFT) + 1);
	}
	return ret;
}

static void begin_invalidation(struct lodge_vm *vm, hva_t start, hva_t end)
{
	lockdep_assert_held_write(&vm->mmu_lock);

	if (!vm->nr_invalidating++) {
		vm->invalidate_start = start;
		vm->invalidate_end = end;
	} else {
		/* Only the hull is kept: it may refuse a fault too many, never one too few. */
		vm->invalidate_start = min(vm->invalidate_start, start);
		vm->invalidate_end = max(vm->invalidate_end, end);
	}
}

static int notifier_invalidate_range_start(struct mmu_notifier *notifier,
					   const struct mmu_notifier_range *range)
{
	struct lodge_vm *vm = notifier_vm(notifier);
	bool can_yield = mmu_notifier_range_blockable(range);
	int idx = srcu_read_lock(&vm->srcu);

	write_lock(&vm->mmu_lock);
	begin_invalidation(vm, range->start, range->end);
	if (act_on_frames(vm, range->start, range->end,
			  can_yield ? zap_and_yield : zap_at_once))
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);

	srcu_read_unlock(&vm->srcu, idx);
	return 0;
}

static void notifier_invalidate_range_end(struct mmu_notifier *notifier,
					  const struct mmu_notifier_range *range)
{
	struct lodge_vm *vm = notifier_vm(notifier);

	write_lock(&vm->mmu_lock);
	vm->invalidate_seq++;
	vm->nr_invalidating--;
	write_unlock(&vm->mmu_lock);
}

static bool age_range(struct lodge_vm *vm, hva_t start, hva_t end, bool flush)
{
	int idx = srcu_read_lock(&vm->srcu);
	bool is_young;

	write_lock(&vm->mmu_lock);
	is_young = act_on_frames(vm, start, end, tdp_age_range);
	if (is_young && flush)
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);

	srcu_read_unlock(&vm->srcu, idx);
	return is_young;
}

static int notifier_clear_flush_young(struct mmu_notifier *notifier, struct mm_struct *mm,
				      unsigned long start, unsigned long end)
{
	return age_range(notifier_vm(notifier), start, end, true);
}

static int notifier_clear_young(struct mmu_notifier *notifier, struct mm_struct *mm,
				unsigned long start, unsigned long end)
{
	return age_range(notifier_vm(notifier), start, end, false);
}

static int notifier_test_young(struct mmu_notifier *notifier, struct mm_struct *mm,
			       unsigned long address)
{
	struct lodge_vm *vm = notifier_vm(notifier);
	int idx = srcu_read_lock(&vm->srcu);
	bool is_young;

	read_lock(&vm->mmu_lock);
	is_young = act_on_frames(vm, address, address + 1, tdp_is_young);
	read_unlock(&vm->mmu_lock);

	srcu_read_unlock(&vm->srcu, idx);
	return is_young;
}

/*
 * The mm goes away, or the VM unregisters. No thread of that mm can fault any more,
 * or the VM is dying; nothing is mapped again behind this.
 */
static void notifier_release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct lodge_vm *vm = notifier_vm(notifier);
	gfn_t end = tdp_max_gfn(vm->tdp->format) + 1;

	write_lock(&vm->mmu_lock);
	if (tdp_zap_range(vm, 0, end, true))
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start	= notifier_invalidate_range_start,
	.invalidate_range_end	= notifier_invalidate_range_end,
	.clear_flush_young	= notifier_clear_flush_young,
	.clear_young		= notifier_clear_young,
	.test_young		= notifier_test_young,
	.release		= notifier_release,
};

/**
 * mmu_notifier_setup() - begin to follow the host's page tables
 * @vm: VM with slots, tables, srcu and mmu_lock; vm->mm is the caller's
 *
 * May sleep. Return: 0, -ENOMEM, or -EINTR.
 */
int mmu_notifier_setup(struct lodge_vm *vm)
{
	vm->mmu_notifier.ops = &notifier_ops;
	return mmu_notifier_register(&vm->mmu_notifier, vm->mm);
}

/**
 * mmu_notifier_teardown() - stop following
 * @vm: VM whose vCPUs run no more; mmu_notifier_setup() has succeeded
 *
 * Zaps all, unless the mm has gone before. No callback runs when it returns. May sleep.
 */
void mmu_notifier_teardown(struct lodge_vm *vm)
{
	mmu_notifier_unregister(&vm->mmu_notifier, vm->mm);
}
