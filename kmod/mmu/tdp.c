// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the TDP tables of a VM. Maps, zaps, write-protects and ages by frame
 * number; whoever calls knows why.
 *
 * Who may change what:
 *
 *   change of an entry               | vm->mmu_lock | flush before the lock is dropped
 *   nothing -> table                 | read         | no
 *   nothing -> leaf                  | read         | no
 *   leaf -> same leaf, more rights   | read         | no: a stale TLB entry only faults
 *   leaf -> same leaf, not accessed  | write        | as the caller needs
 *   leaf -> same leaf, fewer rights  | write        | yes
 *   leaf -> same leaf, not dirty     | write        | yes: a TLB entry would set no bit
 *   large leaf -> table of its parts | write        | yes
 *   leaf or table -> nothing         | write        | yes
 *
 * So a fault that holds the lock for read sees tables that only grow. Two of them
 * may want the same entry: each store is a compare-and-exchange against the value
 * that the decision was made on, the loser looks again. The CPU sets accessed and
 * dirty bits at any time, in entries of any kind, for the same reason plain stores
 * are not allowed even under the lock for write.
 *
 * A table is unhooked under the lock for write only, hence with no walk of lodge's
 * in it, and freed after lodge_request_all_and_wait(LODGE_REQ_TLB_FLUSH), hence
 * with no walk of a CPU's in it. That is all that keeps tables alive; RCU is not
 * needed. Long work under the lock stops for others, and flushes before it stops.
 *
 * A leaf that is in the way of another mapping is not replaced under the lock for
 * read: tdp_map() reports it, and the fault zaps it with the lock for write. It
 * takes a lost race to get there.
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../caps.h"
#include "../request.h"
#include "../vendor.h"
#include "../vm.h"
#include "tdp.h"
#include "tdp_iter.h"

/* Host's count of memory in page tables of this kind: "SecPageTables". */
static u64 *table_alloc(gfp_t gfp)
{
	u64 *table = (u64 *)get_zeroed_page(gfp | __GFP_ACCOUNT);

	if (table)
		mod_lruvec_page_state(virt_to_page(table), NR_SECONDARY_PAGETABLE, 1);
	return table;
}

static void table_free(u64 *table)
{
	mod_lruvec_page_state(virt_to_page(table), NR_SECONDARY_PAGETABLE, -1);
	free_page((unsigned long)table);
}

/**
 * tdp_cache_fill() - allocate tables for one mapping
 * @vm: the VM
 * @cache: receives as many as a mapping can need
 *
 * May sleep. Return: 0; -ENOMEM, with what there is left in @cache.
 */
int tdp_cache_fill(struct lodge_vm *vm, struct tdp_cache *cache)
{
	while (cache->nr_tables < vm->tdp->format->levels - 1) {
		u64 *table = table_alloc(GFP_KERNEL);

		if (!table)
			return -ENOMEM;
		cache->tables[cache->nr_tables++] = table;
	}
	return 0;
}

/**
 * tdp_cache_drain() - free what was not used
 * @cache: the cache
 */
void tdp_cache_drain(struct tdp_cache *cache)
{
	while (cache->nr_tables)
		table_free(cache->tables[--cache->nr_tables]);
}

/**
 * tdp_create() - make the empty tables of a VM
 * @vm: VM under construction
 *
 * Return: 0 or -ENOMEM.
 */
int tdp_create(struct lodge_vm *vm)
{
	struct lodge_tdp *tdp = kzalloc(sizeof(*tdp), GFP_KERNEL_ACCOUNT);

	if (!tdp)
		return -ENOMEM;
	tdp->format = lodge_vendor->pte;
	tdp->root = table_alloc(GFP_KERNEL);
	if (!tdp->root) {
		kfree(tdp);
		return -ENOMEM;
	}
	INIT_LIST_HEAD(&tdp->detached);
	vm->tdp = tdp;
	return 0;
}

/* Depth is bounded by TDP_MAX_LEVELS. */
static void free_tables_under(struct lodge_tdp *tdp, u64 *table, int level)
{
	int i;

	for (i = 0; i < TDP_NR_ENTRIES; i++) {
		if (tdp_pte_is_table(tdp->format, table[i], level))
			free_tables_under(tdp, tdp_pte_table(tdp->format, table[i]), level - 1);
	}
	table_free(table);
	cond_resched();
}

/**
 * tdp_destroy() - free the tables of a VM
 * @vm: VM that no vCPU runs and no notifier reaches any more; vm->tdp may be NULL
 *
 * Preemptible, without the lock: nobody else is there.
 */
void tdp_destroy(struct lodge_vm *vm)
{
	struct lodge_tdp *tdp = vm->tdp;

	if (!tdp)
		return;
	free_tables_under(tdp, tdp->root, tdp->format->levels);
	kfree(tdp);
	vm->tdp = NULL;
}

/**
 * tdp_root() - what lodge_vendor->tdp_load() is to load
 * @vm: the VM
 *
 * Return: address of the top table; the same for the VM's whole life.
 */
hpa_t tdp_root(struct lodge_vm *vm)
{
	return __pa(vm->tdp->root);
}

/**
 * tdp_flush() - make every CPU forget what was removed, then free the tables
 * @vm: the VM, mmu_lock held for write
 *
 * Returns when no vCPU runs on old translations.
 */
void tdp_flush(struct lodge_vm *vm)
{
	struct page *page, *next;

	lockdep_assert_held_write(&vm->mmu_lock);

	lodge_request_all_and_wait(vm, LODGE_REQ_TLB_FLUSH);
	list_for_each_entry_safe(page, next, &vm->tdp->detached, lru) {
		list_del(&page->lru);
		table_free(page_address(page));
	}
}

/*
 * The one place that stores to an entry of a live table. Return whether it did;
 * if not, *@old is what stands there instead, and the caller decides again.
 */
static bool entry_set(struct lodge_vm *vm, u64 *entry, u64 *old, u64 new)
{
	lockdep_assert_held(&vm->mmu_lock);
	return try_cmpxchg64(entry, old, new);
}

/**
 * tdp_yield() - let others have the lock or the CPU, if they want it
 * @vm: the VM, mmu_lock held for write
 * @needs_flush: whether a flush is owed; it is made before the lock is dropped
 *
 * Return: whether the lock was dropped: tables that were seen before may be gone.
 */
bool tdp_yield(struct lodge_vm *vm, bool *needs_flush)
{
	lockdep_assert_held_write(&vm->mmu_lock);

	if (!need_resched() && !rwlock_needbreak(&vm->mmu_lock))
		return false;
	if (*needs_flush) {
		tdp_flush(vm);
		*needs_flush = false;
	}
	cond_resched_rwlock_write(&vm->mmu_lock);
	return true;
}

/* The same for a walk. Return whether it was restarted: it stands on another entry now. */
static bool yield_if_needed(struct lodge_vm *vm, struct tdp_iter *iter, bool *needs_flush)
{
	if (iter->next_gfn == iter->yield_gfn || !tdp_yield(vm, needs_flush))
		return false;
	tdp_iter_restart(iter);
	return true;
}

/* Put a table that nothing points to any more, and those under it, on the list. */
static void detach_table(struct lodge_tdp *tdp, u64 *table, int level)
{
	int i;

	for (i = 0; level > TDP_LEVEL_4K && i < TDP_NR_ENTRIES; i++) {
		u64 pte = READ_ONCE(table[i]);

		if (tdp_pte_is_table(tdp->format, pte, level))
			detach_table(tdp, tdp_pte_table(tdp->format, pte), level - 1);
	}
	list_add(&virt_to_page(table)->lru, &tdp->detached);
}

/* Clear a present entry, whatever it is. */
static void zap_entry(struct lodge_vm *vm, struct tdp_iter *iter)
{
	struct lodge_tdp *tdp = vm->tdp;

	/* Only the CPU's accessed and dirty bits can get in between. */
	while (!entry_set(vm, iter->entry, &iter->old, 0))
		;
	if (tdp_pte_is_table(tdp->format, iter->old, iter->level))
		detach_table(tdp, tdp_pte_table(tdp->format, iter->old), iter->level - 1);
	iter->old = 0;
}

/*
 * Zap the leaves of a range, and its tables up to @level. A table goes only if the
 * range covers it whole; a large leaf goes even if the range cuts it.
 */
static void zap_level(struct lodge_vm *vm, gfn_t start, gfn_t end, int level,
		      bool can_yield, bool *needs_flush)
{
	const struct lodge_pte_format *format = vm->tdp->format;
	int min_level = level == TDP_LEVEL_2M ? TDP_LEVEL_4K : level;
	struct tdp_iter iter;

	tdp_iter_start(&iter, format, vm->tdp->root, min_level, start, end);
	while (iter.is_valid) {
		if (can_yield && yield_if_needed(vm, &iter, needs_flush))
			continue;
		if (tdp_pte_is_leaf(format, iter.old, iter.level) ||
		    (tdp_pte_is_table(format, iter.old, iter.level) && iter.level <= level &&
		     tdp_iter_is_covered(&iter, start))) {
			zap_entry(vm, &iter);
			*needs_flush = true;
		}
		tdp_iter_next(&iter);
	}
}

/**
 * tdp_zap_range() - remove all that is mapped in a range
 * @vm: the VM, mmu_lock held for write
 * @start: first frame number
 * @end: behind the last
 * @can_yield: may drop the lock on the way; then nothing but the caller keeps new
 *             mappings out of the part that is done
 *
 * Works bottom up: first leaves with the tables of 4 KiB leaves, then the tables
 * above, which have become empty. Unhooking from the top would collect all tables
 * of a big guest in one go, with no place to stop.
 *
 * Return: whether tdp_flush() must be called before the lock is dropped.
 */
bool tdp_zap_range(struct lodge_vm *vm, gfn_t start, gfn_t end, bool can_yield)
{
	bool needs_flush = false;
	int level;

	lockdep_assert_held_write(&vm->mmu_lock);

	zap_level(vm, start, end, TDP_LEVEL_2M, can_yield, &needs_flush);
	for (level = TDP_LEVEL_1G; level <= vm->tdp->format->levels; level++) {
		if (end - start < tdp_level_pages(level))
			break;
		zap_level(vm, start, end, level, can_yield, &needs_flush);
	}
	return needs_flush;
}

/*
 * Put a table with leaves of the next lower level in the place of a large leaf; all that was
 * allowed is allowed still. Return false without memory, which is not waited for under the lock.
 */
static bool split_leaf(struct lodge_vm *vm, struct tdp_iter *iter)
{
	const struct lodge_pte_format *format = iter->format;
	u64 *table = table_alloc(GFP_NOWAIT | __GFP_NOWARN);
	u64 new;
	int i;

	if (!table)
		return false;
	new = tdp_pte_make_table(format, __pa(table));
	do {
		for (i = 0; i < TDP_NR_ENTRIES; i++)
			table[i] = tdp_pte_make_part(format, iter->old, iter->level, i);
		/* Only the CPU's accessed and dirty bits can get in between. */
	} while (!entry_set(vm, iter->entry, &iter->old, new));
	iter->old = new;
	return true;
}

/* What must go from a leaf so that the next write through it is seen. */
static u64 write_watch_bits(const struct lodge_pte_format *format)
{
	/* The CPU notes a page when it sets the dirty bit; where it cannot, writes fault. */
	return lodge_caps.nr_written_max ? format->dirty : format->writable;
}

/**
 * tdp_watch_writes() - see to it that the next write to each page of a range is known
 * @vm: the VM, mmu_lock held for write
 * @start: first frame number
 * @end: behind the last
 * @can_yield: may drop the lock on the way
 *
 * Large leaves are split, writable or not: writes are to be seen page by page. Without
 * memory for that they are removed, and the fault that follows puts small ones there.
 *
 * Return: whether tdp_flush() must be called before the lock is dropped.
 */
bool tdp_watch_writes(struct lodge_vm *vm, gfn_t start, gfn_t end, bool can_yield)
{
	const struct lodge_pte_format *format = vm->tdp->format;
	u64 bits = write_watch_bits(format);
	bool needs_flush = false;
	struct tdp_iter iter;

	lockdep_assert_held_write(&vm->mmu_lock);

	tdp_iter_start(&iter, format, vm->tdp->root, TDP_LEVEL_4K, start, end);
	while (iter.is_valid) {
		if (can_yield && yield_if_needed(vm, &iter, &needs_flush))
			continue;
		if (!tdp_pte_is_leaf(format, iter.old, iter.level)) {
			/* nothing to watch */
		} else if (iter.level > TDP_LEVEL_4K) {
			/* The walk goes on in the new table. */
			if (!split_leaf(vm, &iter))
				zap_entry(vm, &iter);
			needs_flush = true;
		} else if (iter.old & bits) {
			while (!entry_set(vm, iter.entry, &iter.old, iter.old & ~bits))
				;
			needs_flush = true;
		}
		tdp_iter_next(&iter);
	}
	return needs_flush;
}

/**
 * tdp_is_young() - tell whether the guest has used a range since it was last aged
 * @vm: the VM, mmu_lock held
 * @start: first frame number
 * @end: behind the last
 *
 * Where the CPU does not track it, whatever is mapped counts as used.
 */
bool tdp_is_young(struct lodge_vm *vm, gfn_t start, gfn_t end)
{
	const struct lodge_pte_format *format = vm->tdp->format;
	u64 used = format->accessed ?: format->present;
	struct tdp_iter iter;

	lockdep_assert_held(&vm->mmu_lock);

	tdp_iter_start(&iter, format, vm->tdp->root, TDP_LEVEL_4K, start, end);
	while (iter.is_valid) {
		if (tdp_pte_is_leaf(format, iter.old, iter.level) && (iter.old & used))
			return true;
		tdp_iter_next(&iter);
	}
	return false;
}

/**
 * tdp_age_range() - tell whether the guest has used a range, and forget it
 * @vm: the VM, mmu_lock held for write
 * @start: first frame number
 * @end: behind the last
 *
 * Where the CPU does not track use, mappings are removed: their return is the mark
 * of use. A TLB may keep an accessed translation unless the caller flushes, which
 * makes a page look older than it is and does no other harm.
 *
 * Return: whether it was used.
 */
bool tdp_age_range(struct lodge_vm *vm, gfn_t start, gfn_t end)
{
	const struct lodge_pte_format *format = vm->tdp->format;
	bool is_young = false;
	struct tdp_iter iter;

	lockdep_assert_held_write(&vm->mmu_lock);

	if (!format->accessed) {
		is_young = tdp_zap_range(vm, start, end, false);
		if (is_young)
			tdp_flush(vm);
		return is_young;
	}

	tdp_iter_start(&iter, format, vm->tdp->root, TDP_LEVEL_4K, start, end);
	while (iter.is_valid) {
		if (tdp_pte_is_leaf(format, iter.old, iter.level) &&
		    (iter.old & format->accessed)) {
			while (!entry_set(vm, iter.entry, &iter.old,
					  iter.old & ~format->accessed))
				;
			is_young = true;
		}
		tdp_iter_next(&iter);
	}
	return is_young;
}

/*
 * A leaf is there already: another vCPU's fault was quicker, or a right is missing.
 * Return 0 if the mapping is there now, -EEXIST if the leaf must go first, -EAGAIN
 * if it changed.
 */
static int map_over_leaf(struct lodge_vm *vm, struct tdp_iter *iter,
			 const struct tdp_mapping *mapping)
{
	const struct lodge_pte_format *format = iter->format;
	lodge_pfn_t pfn = tdp_pte_pfn(format, iter->old) + (mapping->gfn - iter->gfn);
	u64 new = tdp_pte_upgrade(format, iter->old, mapping->flags);

	if (pfn != mapping->pfn)
		return -EEXIST;
	if (!(mapping->flags & TDP_LEAF_NOEXEC) && !tdp_pte_is_executable(format, iter->old))
		return -EEXIST;
	if (!(mapping->flags & TDP_LEAF_WRITABLE) || tdp_pte_is_writable(format, iter->old))
		return 0;
	/* What is right for this page need not be right for all of a larger leaf. */
	if (iter->level > mapping->level)
		return -EEXIST;
	return entry_set(vm, iter->entry, &iter->old, new) ? 0 : -EAGAIN;
}

/* Hook an empty table in. Return 0, or -ENOBUFS if the cache is empty. */
static int add_table(struct lodge_vm *vm, struct tdp_iter *iter, struct tdp_cache *cache)
{
	u64 *table, new;

	if (!cache->nr_tables)
		return -ENOBUFS;
	table = cache->tables[cache->nr_tables - 1];
	new = tdp_pte_make_table(iter->format, __pa(table));
	if (entry_set(vm, iter->entry, &iter->old, new)) {
		cache->nr_tables--;
		iter->old = new;
	}
	return 0;
}

/* Map a page where nothing is mapped. Return 0, or -EAGAIN if something is now. */
static int add_leaf(struct lodge_vm *vm, struct tdp_iter *iter,
		    const struct tdp_mapping *mapping)
{
	lodge_pfn_t pfn = mapping->pfn & ~(tdp_level_pages(iter->level) - 1);
	u64 new = tdp_pte_make_leaf(iter->format, pfn, iter->level, mapping->flags);

	return entry_set(vm, iter->entry, &iter->old, new) ? 0 : -EAGAIN;
}

/**
 * tdp_map() - map a page, or the large page around it
 * @vm: the VM, mmu_lock held for read at least
 * @cache: where tables come from
 * @mapping: what to map
 *
 * Where a table stands already, leaves under it are used although a larger one
 * would be allowed; the notifier has removed the table if host memory became huge
 * meanwhile.
 *
 * Return: 0 if the mapping is there now, by whomever; -ENOBUFS if @cache is empty
 * and a table is needed: fill it and call again; -EEXIST if another leaf is in the
 * way: zap it under the lock for write.
 */
int tdp_map(struct lodge_vm *vm, struct tdp_cache *cache, const struct tdp_mapping *mapping)
{
	const struct lodge_pte_format *format = vm->tdp->format;
	struct tdp_iter iter;
	int ret = -EAGAIN;

	lockdep_assert_held(&vm->mmu_lock);

	tdp_iter_start(&iter, format, vm->tdp->root, TDP_LEVEL_4K, mapping->gfn,
		       mapping->gfn + 1);
	/* -EAGAIN: the entry has changed; iter.old says what is there now. */
	while (iter.is_valid && ret == -EAGAIN) {
		if (tdp_pte_is_leaf(format, iter.old, iter.level))
			ret = map_over_leaf(vm, &iter, mapping);
		else if (tdp_pte_is_present(format, iter.old))
			tdp_iter_next(&iter);
		else if (iter.level <= mapping->level)
			ret = add_leaf(vm, &iter, mapping);
		else
			ret = add_table(vm, &iter, cache) ?: -EAGAIN;
	}
	return ret;
}
