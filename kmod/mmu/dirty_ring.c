// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: dirty rings. Where a VM has them, a write to a logged slot is noted in a ring
 * of the vCPU that wrote, which user space maps and reads while the guest runs.
 *
 * An entry's flags say whose it is:
 *
 *   flags   | meaning                 | who changes it next
 *   0       | free                    | the vCPU's thread: fills it, then DIRTY
 *   DIRTY   | a page was written      | user space: when it has read it, RESET
 *   RESET   | user space has it       | dirty_ring_reset_all(): 0, and the page is watched anew
 *
 * One side fills, under vcpu->mutex, the other empties, under vm->slots_lock; each has an
 * index of its own that the other only reads. User space can write all entries at any time:
 * nothing in them is believed but what is checked anew, and the two indices are not there.
 *
 * As in dirty.c, a fault notes a page and stores its entry under one hold of mmu_lock, and
 * emptying protects under the lock for write: a write behind that faults and is noted again.
 * User space reads a page after that call, so it has what was written before.
 *
 * A vCPU whose ring is nearly full goes to user space before it enters the guest. The rest,
 * RESERVED_ENTRIES and what the CPU itself may note in one stay in the guest, is room for
 * what a round of KVM_RUN can still write.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../request.h"
#include "dirty.h"
#include "tdp.h"

/* As KVM has both. */
#define RESERVED_ENTRIES	64
#define MAX_ENTRIES		65536

/**
 * struct lodge_dirty_ring - where one vCPU's writes are noted
 * @entries: pages that user space maps
 * @nr: how many entries, a power of two
 * @filled: entries ever filled, [v]; modulo @nr the next to be filled
 * @emptied: entries ever emptied, under vm->slots_lock; likewise
 */
struct lodge_dirty_ring {
	struct kvm_dirty_gfn *entries;
	u32 nr;
	u32 filled;
	u32 emptied;
};

static u32 reserved_entries(void)
{
	return RESERVED_ENTRIES + lodge_caps.nr_written_max;
}

static u32 nr_used(const struct lodge_dirty_ring *ring)
{
	return READ_ONCE(ring->filled) - READ_ONCE(ring->emptied);
}

/**
 * dirty_ring_max_bytes() - the answer to KVM_CAP_DIRTY_LOG_RING
 */
unsigned int dirty_ring_max_bytes(void)
{
	return MAX_ENTRIES * sizeof(struct kvm_dirty_gfn);
}

/**
 * dirty_ring_enable() - KVM_ENABLE_CAP of KVM_CAP_DIRTY_LOG_RING
 * @vm: the VM, vm->lock held
 * @bytes: size of the ring that each vCPU will get
 *
 * Return: 0; -EINVAL if @bytes is no power of two, less than a page or than what must stay
 * free, if the VM has rings already or a vCPU; -E2BIG if it is too large.
 */
int dirty_ring_enable(struct lodge_vm *vm, u64 bytes)
{
	lockdep_assert_held(&vm->lock);

	if (!is_power_of_2(bytes) || bytes < PAGE_SIZE ||
	    bytes < reserved_entries() * sizeof(struct kvm_dirty_gfn))
		return -EINVAL;
	if (bytes > dirty_ring_max_bytes())
		return -E2BIG;
	if (vm->dirty_ring_bytes || vm->nr_vcpus)
		return -EINVAL;
	WRITE_ONCE(vm->dirty_ring_bytes, bytes);
	return 0;
}

/**
 * dirty_ring_create() - give a vCPU its ring, if its VM has rings
 * @vcpu: being created
 *
 * Return: 0 or -ENOMEM.
 */
int dirty_ring_create(struct lodge_vcpu *vcpu)
{
	u32 bytes = vcpu->vm->dirty_ring_bytes;
	struct lodge_dirty_ring *ring;

	if (!bytes)
		return 0;
	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return -ENOMEM;
	ring->entries = __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ring->entries) {
		kfree(ring);
		return -ENOMEM;
	}
	ring->nr = bytes / sizeof(*ring->entries);
	vcpu->dirty_ring = ring;
	return 0;
}

/**
 * dirty_ring_destroy() - free a vCPU's ring
 * @vcpu: vCPU that nobody reaches any more; one without a ring is fine
 *
 * A mapping of the ring may outlive it by its own references to the pages.
 */
void dirty_ring_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->dirty_ring)
		return;
	vfree(vcpu->dirty_ring->entries);
	kfree(vcpu->dirty_ring);
	vcpu->dirty_ring = NULL;
}

/**
 * dirty_ring_page() - a page of the ring, to be mapped by user space
 * @vcpu: the vCPU
 * @index: which
 *
 * Return: the page, without a reference; NULL if there is none.
 */
struct page *dirty_ring_page(struct lodge_vcpu *vcpu, unsigned long index)
{
	unsigned long nr = vcpu->vm->dirty_ring_bytes >> PAGE_SHIFT;

	if (index >= nr)
		return NULL;
	index = array_index_nospec(index, nr);
	return vmalloc_to_page((void *)vcpu->dirty_ring->entries + (index << PAGE_SHIFT));
}

/**
 * dirty_ring_has_room() - tell whether a write can be noted
 * @vcpu: the calling thread's vCPU
 *
 * Only ioctls that write guest memory, one after the other without KVM_RUN in between, come
 * to the last entry.
 *
 * Return: whether it can; always without a ring.
 */
bool dirty_ring_has_room(struct lodge_vcpu *vcpu)
{
	return !vcpu->dirty_ring || nr_used(vcpu->dirty_ring) < vcpu->dirty_ring->nr;
}

/**
 * dirty_ring_push() - note a write
 * @vcpu: the calling thread's vCPU, which has a ring
 * @slot: where
 * @gfn: which page of it
 */
void dirty_ring_push(struct lodge_vcpu *vcpu, const struct lodge_memslot *slot, gfn_t gfn)
{
	struct lodge_dirty_ring *ring = vcpu->dirty_ring;
	struct kvm_dirty_gfn *entry = &ring->entries[ring->filled & (ring->nr - 1)];

	if (!dirty_ring_has_room(vcpu))
		return;
	WRITE_ONCE(entry->slot, slot->id);
	WRITE_ONCE(entry->offset, gfn - slot->base_gfn);
	/* Who sees the flag sees the rest. */
	smp_store_release(&entry->flags, KVM_DIRTY_GFN_F_DIRTY);
	WRITE_ONCE(ring->filled, ring->filled + 1);

	if (nr_used(ring) >= ring->nr - reserved_entries())
		lodge_request_set(vcpu, LODGE_REQ_DIRTY_RING);
}

/**
 * dirty_ring_is_full() - tell whether user space must empty the ring before the guest runs
 * @vcpu: the calling thread's vCPU; asked when LODGE_REQ_DIRTY_RING is set, which stays until
 *        there is room
 */
bool dirty_ring_is_full(struct lodge_vcpu *vcpu)
{
	const struct lodge_dirty_ring *ring = vcpu->dirty_ring;

	if (!lodge_request_take(vcpu, LODGE_REQ_DIRTY_RING))
		return false;
	if (nr_used(ring) < ring->nr - reserved_entries())
		return false;
	lodge_request_set(vcpu, LODGE_REQ_DIRTY_RING);
	return true;
}

/* What user space has given back: pages one behind the other are watched in one go. */
struct given_back {
	u32 id;
	u64 first;		/* offset in the slot */
	u64 nr;			/* 0: nothing yet */
};

/* Take the next entry that user space has given back. Return whether there was one. */
static bool take_entry(struct lodge_dirty_ring *ring, u32 *id, u64 *offset)
{
	struct kvm_dirty_gfn *entry = &ring->entries[ring->emptied & (ring->nr - 1)];

	/* What user space wrote before it gave the entry back is seen now. */
	if (!(smp_load_acquire(&entry->flags) & KVM_DIRTY_GFN_F_RESET))
		return false;
	*id = READ_ONCE(entry->slot);
	*offset = READ_ONCE(entry->offset);
	WRITE_ONCE(entry->flags, 0);
	/* Pairs with nr_used(): who finds the entry free finds its flags clear. */
	smp_wmb();
	WRITE_ONCE(ring->emptied, ring->emptied + 1);
	return true;
}

/* See the next write to these pages. Return whether tdp_flush() is owed. */
static bool watch(struct lodge_vm *vm, const struct given_back *pages)
{
	struct lodge_memslot *slot;
	u64 first, nr;

	if (!pages->nr)
		return false;
	/* User space may have written anything there, and slots come and go. */
	slot = memslots_find_id(memslots_get(vm), pages->id);
	if (!slot || !memslot_is_logged(slot) || pages->first >= slot->nr_pages)
		return false;
	first = array_index_nospec(pages->first, slot->nr_pages);
	nr = min(pages->nr, slot->nr_pages - first);
	return tdp_watch_writes(vm, slot->base_gfn + first, slot->base_gfn + first + nr, false);
}

static bool follows(const struct given_back *pages, u32 id, u64 offset)
{
	return pages->nr && id == pages->id && offset == pages->first + pages->nr;
}

/* Each entry once at most, however fast user space gives them back. */
static unsigned int reset_ring(struct lodge_vm *vm, struct lodge_dirty_ring *ring)
{
	struct given_back pages = {};
	bool needs_flush = false;
	unsigned int nr;
	u64 offset;
	u32 id;

	write_lock(&vm->mmu_lock);
	for (nr = 0; nr < ring->nr && take_entry(ring, &id, &offset); nr++) {
		if (follows(&pages, id, offset)) {
			pages.nr++;
			continue;
		}
		needs_flush |= watch(vm, &pages);
		pages = (struct given_back) { .id = id, .first = offset, .nr = 1 };
		tdp_yield(vm, &needs_flush);
	}
	needs_flush |= watch(vm, &pages);
	if (needs_flush)
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);
	return nr;
}

/**
 * dirty_ring_reset_all() - KVM_RESET_DIRTY_RINGS
 * @vm: the VM, slots_lock held
 *
 * Takes back the entries that user space has marked, of all vCPUs; the next write to each
 * of those pages is noted again. May sleep.
 *
 * Return: how many; -EINVAL if the VM has no rings.
 */
int dirty_ring_reset_all(struct lodge_vm *vm)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;
	int nr = 0;

	lockdep_assert_held(&vm->slots_lock);

	if (!READ_ONCE(vm->dirty_ring_bytes))
		return -EINVAL;
	lodge_for_each_vcpu(vm, index, vcpu) {
		if (fatal_signal_pending(current))
			break;
		nr += reset_ring(vm, vcpu->dirty_ring);
	}
	return nr;
}
