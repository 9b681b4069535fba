// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the dirty log. Which pages of a slot were written since user space last
 * asked, be it by the guest or by the kernel on its behalf.
 *
 * With logging on, a leaf is writable only if the page's bit is set: faults set it
 * under the lock for read, in which they store the entry. Asking, or clearing where
 * user space chose to do that itself, takes the bits first, write-protects second,
 * under the lock for write, and flushes third:
 *
 *   a fault's bit and entry         | the bit            | the entry
 *   both before the bits are taken  | reported now       | write-protected
 *   entry before the protection,    | reported next time | protected or not; no matter
 *   bit behind the taking           |                    |
 *   both behind the protection      | reported next time | writable, as it should
 *
 * Writes that went through the old entry until the flush are in memory before
 * user space reads the page. guest_write() marks behind its write: seen from
 * here the same as a fault.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "memslot.h"
#include "tdp.h"

/**
 * mark_page_dirty() - note that a page was written
 * @vm: the VM
 * @gfn: its frame number; without a slot, or without a log there, nothing happens
 *
 * After the write. guest_write() and guest_cmpxchg() do it themselves.
 */
void mark_page_dirty(struct lodge_vm *vm, gfn_t gfn)
{
	int idx = srcu_read_lock(&vm->srcu);
	struct lodge_memslot *slot = memslot_find(vm, gfn);

	if (slot)
		memslot_mark_dirty(slot, gfn);
	srcu_read_unlock(&vm->srcu, idx);
}

/* As many bits again, of which dirty_log_get() and dirty_log_clear() make use. */
static unsigned long *slot_taken(struct lodge_memslot *slot)
{
	return slot->dirty_bitmap + BITS_TO_LONGS(slot->nr_pages);
}

/*
 * Take the bits of longs [@first, @first + @nr) and write-protect those pages. What was taken
 * is in slot_taken() then; with @is_masked only what was in there before is.
 */
static void take_dirty_bits(struct lodge_vm *vm, struct lodge_memslot *slot,
			    unsigned long first, unsigned long nr, bool is_masked)
{
	unsigned long *taken = slot_taken(slot), i;
	bool needs_flush = false;

	for (i = first; i < first + nr; i++) {
		unsigned long wanted = is_masked ? taken[i] : ~0ul;

		taken[i] = READ_ONCE(slot->dirty_bitmap[i]) & wanted;
		if (taken[i])
			taken[i] = wanted & atomic_long_fetch_andnot(wanted,
					(atomic_long_t *)&slot->dirty_bitmap[i]);
		cond_resched();
	}

	write_lock(&vm->mmu_lock);
	for (i = first; i < first + nr; i++) {
		gfn_t gfn = slot->base_gfn + i * BITS_PER_LONG;

		/*
		 * Of the pages in between some are clean, and write-protected already; others
		 * are not wanted now, and get a fault more.
		 */
		if (taken[i])
			needs_flush |= tdp_write_protect_range(vm, gfn + __ffs(taken[i]),
							       gfn + __fls(taken[i]) + 1, false);
		if (!need_resched() && !rwlock_needbreak(&vm->mmu_lock))
			continue;
		if (needs_flush)
			tdp_flush(vm);
		needs_flush = false;
		cond_resched_rwlock_write(&vm->mmu_lock);
	}
	if (needs_flush)
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);
}

/* The slot of that number, if it is logged. 0, or -EINVAL, -ENOENT as documented below. */
static int find_logged(struct lodge_vm *vm, u32 id, struct lodge_memslot **slot)
{
	lockdep_assert_held(&vm->slots_lock);

	/* The upper half names the address space; there is one. */
	if (id >= LODGE_NR_MEMSLOTS)
		return -EINVAL;
	*slot = memslots_find_id(memslots_get(vm), id);
	return *slot && (*slot)->dirty_bitmap ? 0 : -ENOENT;
}

/**
 * dirty_log_get() - KVM_GET_DIRTY_LOG
 * @vm: the VM, slots_lock held
 * @log: slot number and where in user space the bitmap goes, one bit per page, whole
 *       longs; a copy in kernel memory
 *
 * The log is empty afterwards, even if copying it fails, unless user space clears it
 * itself (dirty_log_set_mode()).
 *
 * Return: 0; -EINVAL for a slot number out of range; -ENOENT if there is no such
 * slot or it is not logged; -EFAULT.
 */
int dirty_log_get(struct lodge_vm *vm, struct kvm_dirty_log *log)
{
	const unsigned long *bits;
	struct lodge_memslot *slot;
	unsigned long nr_longs;
	int ret;

	ret = find_logged(vm, log->slot, &slot);
	if (ret)
		return ret;

	nr_longs = BITS_TO_LONGS(slot->nr_pages);
	if (vm->dirty_log_mode & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) {
		bits = slot->dirty_bitmap;
	} else {
		take_dirty_bits(vm, slot, 0, nr_longs, false);
		bits = slot_taken(slot);
	}
	return copy_to_user(log->dirty_bitmap, bits, nr_longs * sizeof(long)) ? -EFAULT : 0;
}

/**
 * dirty_log_clear() - KVM_CLEAR_DIRTY_LOG
 * @vm: the VM, slots_lock held
 * @log: which pages of which slot, and where in user space the bitmap is that has a bit
 *       for each page to clear; a copy in kernel memory
 *
 * What is written from now on is reported again.
 *
 * Return: 0; -EINVAL for a slot number out of range, pages that do not begin with a whole
 * long or end in the middle of one before the slot does, or pages outside; -ENOENT if
 * there is no such slot or it is not logged; -EFAULT.
 */
int dirty_log_clear(struct lodge_vm *vm, struct kvm_clear_dirty_log *log)
{
	unsigned long first, nr_longs;
	struct lodge_memslot *slot;
	u64 nr_behind;
	int ret;

	if (log->first_page % BITS_PER_LONG)
		return -EINVAL;
	ret = find_logged(vm, log->slot, &slot);
	if (ret)
		return ret;
	if (log->first_page > slot->nr_pages)
		return -EINVAL;
	nr_behind = slot->nr_pages - log->first_page;
	if (log->num_pages > nr_behind ||
	    (log->num_pages < nr_behind && log->num_pages % BITS_PER_LONG))
		return -EINVAL;

	first = log->first_page / BITS_PER_LONG;
	nr_longs = BITS_TO_LONGS((unsigned long)log->num_pages);
	if (copy_from_user(slot_taken(slot) + first, log->dirty_bitmap, nr_longs * sizeof(long)))
		return -EFAULT;
	take_dirty_bits(vm, slot, first, nr_longs, true);
	return 0;
}

/**
 * dirty_log_set_mode() - KVM_ENABLE_CAP of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
 * @vm: the VM, slots_lock held
 * @mode: KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE: reading the log leaves it, and the pages
 *        writable; user space clears it. With KVM_DIRTY_LOG_INITIALLY_SET a log begins with
 *        all pages dirty, so that nothing need be write-protected at once.
 *
 * Of the logs that there are already, the second leaves the content alone.
 *
 * Return: 0 or -EINVAL.
 */
int dirty_log_set_mode(struct lodge_vm *vm, u64 mode)
{
	u64 valid = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	lockdep_assert_held(&vm->slots_lock);

	if (mode & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		valid |= KVM_DIRTY_LOG_INITIALLY_SET;
	if (mode & ~valid)
		return -EINVAL;
	vm->dirty_log_mode = mode;
	return 0;
}
