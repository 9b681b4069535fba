// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the dirty log. Which pages of a slot were written since user space last
 * asked, be it by the guest or by the kernel on its behalf. Here: when writes are
 * watched for, and the bitmap; dirty_ring.c has what may stand in its place.
 *
 * Where writes are trapped, a leaf is writable only if the page's bit is set: faults
 * set it under the lock for read, in which they store the entry. Asking, or clearing
 * where user space chose to do that itself, takes the bits first, write-protects
 * second, under the lock for write, and flushes third:
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
 *
 * A CPU that notes writes itself (page-modification logging) does so when it sets the
 * dirty bit of a leaf. Then that bit takes the place of the right to write: it is set
 * only if the page's bit is, or is about to be, as the CPU's notes are read at each exit
 * from the guest. All vCPUs must note before the first such bit is cleared. Pages that are
 * not logged are mapped dirty, so there is nothing to be noted of them.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "../request.h"
#include "dirty.h"
#include "tdp.h"

/* Where the CPU notes writes, have it begin or cease to. No vCPU runs as before behind this. */
static void tell_vcpus(struct lodge_vm *vm)
{
	/* A vCPU that is not published yet asks dirty_log_needs_cpu() later than this. */
	smp_mb();
	if (lodge_caps.nr_written_max)
		lodge_request_all_and_wait(vm, LODGE_REQ_DIRTY_LOG);
}

/**
 * dirty_log_begin() - one logged slot more
 * @vm: the VM, slots_lock held; the slot is not published yet
 */
void dirty_log_begin(struct lodge_vm *vm)
{
	lockdep_assert_held(&vm->slots_lock);

	WRITE_ONCE(vm->nr_logged_slots, vm->nr_logged_slots + 1);
	if (vm->nr_logged_slots == 1)
		tell_vcpus(vm);
}

/**
 * dirty_log_end() - one logged slot less
 * @vm: the VM, slots_lock held; the slot is gone or logged no more, its leaves zapped
 */
void dirty_log_end(struct lodge_vm *vm)
{
	lockdep_assert_held(&vm->slots_lock);

	WRITE_ONCE(vm->nr_logged_slots, vm->nr_logged_slots - 1);
	if (!vm->nr_logged_slots)
		tell_vcpus(vm);
}

/**
 * dirty_log_needs_cpu() - tell whether the CPU is to note writes
 * @vm: the VM
 *
 * Return: whether any slot is logged now. A vCPU asks when it finds LODGE_REQ_DIRTY_LOG,
 * and before it first runs.
 */
bool dirty_log_needs_cpu(struct lodge_vm *vm)
{
	return READ_ONCE(vm->nr_logged_slots);
}

/**
 * dirty_log_note() - note a write to a logged slot
 * @vcpu: the calling thread's vCPU
 * @slot: where, held by srcu
 * @gfn: which page of it
 */
void dirty_log_note(struct lodge_vcpu *vcpu, struct lodge_memslot *slot, gfn_t gfn)
{
	if (vcpu->dirty_ring)
		dirty_ring_push(vcpu, slot, gfn);
	else if (slot->dirty_bitmap)
		set_bit(gfn - slot->base_gfn, slot->dirty_bitmap);
}

/**
 * dirty_log_take_written() - take over what the CPU has noted
 * @vcpu: loaded vCPU, just exited
 * @gpas: struct lodge_exit.written
 * @nr: how many
 *
 * What has no slot any more, or one that is not logged, is nobody's business. May sleep.
 */
void dirty_log_take_written(struct lodge_vcpu *vcpu, const u64 *gpas, unsigned int nr)
{
	struct lodge_vm *vm = vcpu->vm;
	int idx = srcu_read_lock(&vm->srcu);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		gfn_t gfn = gpas[i] >> PAGE_SHIFT;
		/* One that is leaving, too: its log may move along. */
		struct lodge_memslot *slot = memslots_find(memslots_get(vm), gfn);

		if (slot)
			memslot_mark_dirty(vcpu, slot, gfn);
	}
	srcu_read_unlock(&vm->srcu, idx);
}

/* What the CPU has noted is read when the vCPU has left the guest: make that soon. */
static void hasten_notes(struct lodge_vm *vm)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;

	if (!lodge_caps.nr_written_max)
		return;
	lodge_for_each_vcpu(vm, index, vcpu)
		lodge_vcpu_kick(vcpu);
}

/* As many bits again, of which dirty_log_get() and dirty_log_clear() make use. */
static unsigned long *slot_taken(struct lodge_memslot *slot)
{
	return slot->dirty_bitmap + BITS_TO_LONGS(slot->nr_pages);
}

/*
 * Take the bits of longs [@first, @first + @nr) and watch those pages anew. What was taken
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
		 * Of the pages in between some are clean, and watched already; others are not
		 * wanted now, and get noted once more.
		 */
		if (taken[i])
			needs_flush |= tdp_watch_writes(vm, gfn + __ffs(taken[i]),
							gfn + __fls(taken[i]) + 1, false);
		tdp_yield(vm, &needs_flush);
	}
	if (needs_flush)
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);
}

/* The slot of that number, if it has a bitmap. 0, or an error as documented below. */
static int find_logged(struct lodge_vm *vm, u32 id, struct lodge_memslot **slot)
{
	lockdep_assert_held(&vm->slots_lock);

	if (READ_ONCE(vm->dirty_ring_bytes))
		return -ENXIO;
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
 * Return: 0; -ENXIO if vCPUs have rings; -EINVAL for a slot number out of range; -ENOENT
 * if there is no such slot or it is not logged; -EFAULT.
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

	hasten_notes(vm);
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
 * Return: 0; -ENXIO if vCPUs have rings; -EINVAL for a slot number out of range, pages that
 * do not begin with a whole long or end in the middle of one before the slot does, or pages
 * outside; -ENOENT if there is no such slot or it is not logged; -EFAULT.
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
 *        all pages dirty, so that nothing need be watched at once.
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
