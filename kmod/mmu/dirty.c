// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the dirty log. Which pages of a slot were written since user space last
 * asked, be it by the guest or by the kernel on its behalf.
 *
 * With logging on, a leaf is writable only if the page's bit is set: faults set it
 * under the lock for read, in which they store the entry. Asking takes the bits
 * first, write-protects second, under the lock for write, and flushes third:
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

/* Take the bits of @slot into @taken and write-protect those pages. */
static void take_dirty_bits(struct lodge_vm *vm, struct lodge_memslot *slot,
			    unsigned long *taken)
{
	unsigned long i, nr = BITS_TO_LONGS(slot->nr_pages);
	bool needs_flush = false;

	for (i = 0; i < nr; i++) {
		taken[i] = READ_ONCE(slot->dirty_bitmap[i]) ?
			   xchg(&slot->dirty_bitmap[i], 0) : 0;
		cond_resched();
	}

	write_lock(&vm->mmu_lock);
	for (i = 0; i < nr; i++) {
		gfn_t gfn = slot->base_gfn + i * BITS_PER_LONG;

		/* Pages in between that are clean are write-protected already. */
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

/**
 * dirty_log_get() - KVM_GET_DIRTY_LOG
 * @vm: the VM, slots_lock held
 * @log: slot number and where in user space the bitmap goes, one bit per page, whole
 *       longs; a copy in kernel memory
 *
 * The log is empty afterwards, even if copying it fails.
 *
 * Return: 0; -EINVAL for a slot number out of range; -ENOENT if there is no such
 * slot or it is not logged; -EFAULT.
 */
int dirty_log_get(struct lodge_vm *vm, struct kvm_dirty_log *log)
{
	struct lodge_memslot *slot;
	unsigned long *taken;
	size_t nr_longs;

	lockdep_assert_held(&vm->slots_lock);

	if (log->slot >= LODGE_NR_MEMSLOTS)
		return -EINVAL;
	slot = memslots_find_id(memslots_get(vm), log->slot);
	if (!slot || !slot->dirty_bitmap)
		return -ENOENT;

	nr_longs = BITS_TO_LONGS(slot->nr_pages);
	taken = slot->dirty_bitmap + nr_longs;
	take_dirty_bits(vm, slot, taken);
	return copy_to_user(log->dirty_bitmap, taken, nr_longs * sizeof(long)) ? -EFAULT : 0;
}
