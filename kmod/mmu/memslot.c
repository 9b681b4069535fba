// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the slot table: check what user space asks for, build a new table
 * beside the old one, publish it, remove what the old one had mapped. What lies in
 * the memory is unknown here.
 *
 * Order of a change, and why it is safe:
 *
 *   create   publish
 *   flags    publish; then watch for writes, or zap so that large leaves come back
 *   remove   mark the slot as leaving; zap; publish without it
 *   move     mark the slot as leaving; zap; publish with its heir in the new place
 *
 * Each publish, and each mark, waits for the readers that may not have seen it, faults
 * among them, from finding the slot to storing the entry. So when a zap begins, no fault
 * that knew the slot in its old form can store another entry. A slot that is leaving
 * stays in the table until it maps nothing: if the host takes its memory away meanwhile,
 * the notifier must still find it.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../vendor.h"
#include "dirty.h"
#include "memslot.h"
#include "tdp.h"

/* Pages in one slot, as KVM has it: bitmap sizes and counts fit 32 bits. */
#define MAX_SLOT_PAGES	((1ul << 31) - 1)

/* Flags that a slot may have. */
#define VALID_FLAGS	(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

typedef bool (*is_before_t)(const struct lodge_memslots *slots, unsigned int index, u64 key);

/* How many entries of a sorted index come before @key. */
static __always_inline unsigned int count_before(const struct lodge_memslots *slots,
						 is_before_t is_before, u64 key)
{
	unsigned int low = 0, high = slots->nr;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (is_before(slots, middle, key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool begins_before(const struct lodge_memslots *slots, unsigned int index, u64 gfn)
{
	return slots->by_gfn[index]->base_gfn < gfn;
}

static bool is_backed_before(const struct lodge_memslots *slots, unsigned int index, u64 hva)
{
	return slots->by_hva[index].slot->hva < hva;
}

static bool all_end_before(const struct lodge_memslots *slots, unsigned int index, u64 hva)
{
	return slots->by_hva[index].max_end <= hva;
}

static bool is_numbered_before(const struct lodge_memslots *slots, unsigned int index, u64 id)
{
	return slots->by_id[index]->id < id;
}

/* Index behind the last slot that begins at or before @gfn. */
static unsigned int upper_bound(const struct lodge_memslots *slots, gfn_t gfn)
{
	return count_before(slots, begins_before, gfn + 1);
}

/**
 * memslots_find() - the slot of a frame number
 * @slots: a table that stays published meanwhile
 * @gfn: any number
 *
 * Return: the slot, leaving or not, or NULL.
 */
struct lodge_memslot *memslots_find(struct lodge_memslots *slots, gfn_t gfn)
{
	unsigned int index = READ_ONCE(slots->last_hit);

	if (!slots->nr)
		return NULL;
	if (memslot_has(slots->by_gfn[array_index_nospec(index, slots->nr)], gfn))
		return slots->by_gfn[array_index_nospec(index, slots->nr)];

	index = upper_bound(slots, gfn);
	if (!index)
		return NULL;
	index = array_index_nospec(index - 1, slots->nr);
	if (!memslot_has(slots->by_gfn[index], gfn))
		return NULL;
	WRITE_ONCE(slots->last_hit, index);
	return slots->by_gfn[index];
}

/**
 * memslots_find_id() - the slot of a number that user space gave
 * @slots: a table that stays published meanwhile
 * @id: any number
 *
 * Return: the slot or NULL.
 */
struct lodge_memslot *memslots_find_id(struct lodge_memslots *slots, u32 id)
{
	unsigned int i = count_before(slots, is_numbered_before, id);

	return i < slots->nr && slots->by_id[i]->id == id ? slots->by_id[i] : NULL;
}

/**
 * memslots_find_hva() - where to begin to look for slots backed at or behind an address
 * @slots: a table that stays published meanwhile
 * @start: host address
 *
 * Return: index into by_hva; no slot before it reaches past @start.
 */
unsigned int memslots_find_hva(struct lodge_memslots *slots, hva_t start)
{
	return count_before(slots, all_end_before, start);
}

static struct lodge_memslots *memslots_alloc(unsigned int capacity)
{
	struct lodge_memslots *slots;
	size_t head = struct_size(slots, by_gfn, capacity);

	slots = kvmalloc(head + capacity * (sizeof(*slots->by_hva) + sizeof(*slots->by_id)),
			 GFP_KERNEL_ACCOUNT);
	if (!slots)
		return NULL;
	slots->nr = 0;
	slots->last_hit = 0;
	slots->capacity = capacity;
	slots->by_hva = (void *)slots + head;
	slots->by_id = (void *)(slots->by_hva + capacity);
	return slots;
}

/*
 * A table to copy to: the one that was replaced last, or a larger one. Allocating, clearing and
 * unmapping a megabyte at each change would cost more than the copy.
 */
static struct lodge_memslots *spare_table(struct lodge_vm *vm, unsigned int nr)
{
	struct lodge_memslots *slots = vm->spare_memslots;

	lockdep_assert_held(&vm->slots_lock);

	if (!slots || slots->capacity < nr) {
		slots = memslots_alloc(nr + nr / 2);
		if (!slots)
			return NULL;
		kvfree(vm->spare_memslots);
	}
	vm->spare_memslots = NULL;
	slots->nr = nr;
	slots->last_hit = 0;
	return slots;
}

/*
 * Copy an array of @nr elements of @size bytes without the one at @out, and with room for
 * another before the one at @in; @nr for neither. Return where the room is. There may be
 * thousands of elements: in as few pieces as can be.
 */
static unsigned int copy_array(void *to, const void *from, size_t size, unsigned int nr,
			       unsigned int out, unsigned int in)
{
	if (out < in) {
		memcpy(to, from, out * size);
		memcpy(to + out * size, from + (out + 1) * size, (in - out - 1) * size);
		memcpy(to + in * size, from + in * size, (nr - in) * size);
		return in - 1;
	}
	memcpy(to, from, in * size);
	memcpy(to + (in + 1) * size, from + in * size, (out - in) * size);
	if (out < nr)
		memcpy(to + (out + 1) * size, from + (out + 1) * size, (nr - out - 1) * size);
	return in;
}

static void copy_by_gfn(struct lodge_memslots *copy, const struct lodge_memslots *slots,
			const struct lodge_memslot *old, struct lodge_memslot *new)
{
	unsigned int nr = slots->nr;
	unsigned int out = old ? count_before(slots, begins_before, old->base_gfn) : nr;
	unsigned int in = new ? count_before(slots, begins_before, new->base_gfn) : nr;
	unsigned int room = copy_array(copy->by_gfn, slots->by_gfn, sizeof(*copy->by_gfn), nr,
				       out, in);

	if (new)
		copy->by_gfn[room] = new;
}

static void copy_by_id(struct lodge_memslots *copy, const struct lodge_memslots *slots,
		       const struct lodge_memslot *old, struct lodge_memslot *new)
{
	unsigned int nr = slots->nr;
	unsigned int out = old ? count_before(slots, is_numbered_before, old->id) : nr;
	unsigned int in = new ? count_before(slots, is_numbered_before, new->id) : nr;
	unsigned int room = copy_array(copy->by_id, slots->by_id, sizeof(*copy->by_id), nr,
				       out, in);

	if (new)
		copy->by_id[room] = new;
}

static void copy_by_hva(struct lodge_memslots *copy, const struct lodge_memslots *slots,
			const struct lodge_memslot *old, struct lodge_memslot *new)
{
	unsigned int nr = slots->nr, out = nr, in = nr, room, last = 0, i;
	hva_t max_end;

	if (old) {
		out = count_before(slots, is_backed_before, old->hva);
		while (slots->by_hva[out].slot != old)
			out++;
		last = out;
	}
	if (new)
		in = count_before(slots, is_backed_before, new->hva);
	room = copy_array(copy->by_hva, slots->by_hva, sizeof(*copy->by_hva), nr, out, in);
	if (new) {
		copy->by_hva[room].slot = new;
		last = max(last, room);
	}

	/* Behind both places, one end that is right already means that all are. */
	i = min(in, out);
	max_end = i ? copy->by_hva[i - 1].max_end : 0;
	for (; i < copy->nr; i++) {
		max_end = max(max_end, memslot_hva_end(copy->by_hva[i].slot));
		if (i > last && copy->by_hva[i].max_end == max_end)
			break;
		copy->by_hva[i].max_end = max_end;
	}
}

/**
 * memslots_replace() - copy the table with one slot more, less or exchanged
 * @vm: the VM, slots_lock held
 * @old: slot in it to leave out, or NULL
 * @new: slot to put in, or NULL; must not overlap another by frame number
 *
 * Return: a new table that shares the slots, or NULL without memory.
 */
struct lodge_memslots *memslots_replace(struct lodge_vm *vm,
					const struct lodge_memslot *old,
					struct lodge_memslot *new)
{
	const struct lodge_memslots *slots = memslots_get(vm);
	struct lodge_memslots *copy = spare_table(vm, slots->nr - !!old + !!new);

	if (!copy)
		return NULL;
	copy_by_gfn(copy, slots, old, new);
	copy_by_id(copy, slots, old, new);
	copy_by_hva(copy, slots, old, new);
	return copy;
}

/**
 * memslots_create() - give a VM an empty slot table
 * @vm: VM under construction
 *
 * Return: 0 or -ENOMEM.
 */
int memslots_create(struct lodge_vm *vm)
{
	struct lodge_memslots *slots = memslots_alloc(0);

	if (!slots)
		return -ENOMEM;
	rcu_assign_pointer(vm->memslots, slots);
	return 0;
}

static void memslot_free(struct lodge_memslot *slot)
{
	kvfree(slot->dirty_bitmap);
	kfree(slot);
}

/**
 * memslots_destroy() - free the slot table and all slots
 * @vm: VM that nobody reaches any more, the notifier included; without a table is fine
 */
void memslots_destroy(struct lodge_vm *vm)
{
	struct lodge_memslots *slots = rcu_dereference_protected(vm->memslots, true);
	unsigned int i;

	if (!slots)
		return;
	for (i = 0; i < slots->nr; i++)
		memslot_free(slots->by_gfn[i]);
	kvfree(slots);
	RCU_INIT_POINTER(vm->memslots, NULL);
	kvfree(vm->spare_memslots);
	vm->spare_memslots = NULL;
}

/**
 * memslot_find() - the slot of a frame number
 * @vm: the VM; vm->srcu or vm->slots_lock is held as long as the slot is used
 * @gfn: any number
 *
 * Return: the slot, or NULL if there is none or it is being removed or moved.
 */
struct lodge_memslot *memslot_find(struct lodge_vm *vm, gfn_t gfn)
{
	struct lodge_memslot *slot = memslots_find(memslots_get(vm), gfn);

	return slot && !READ_ONCE(slot->is_leaving) ? slot : NULL;
}

/* Make @slots the table; the one before is the next to be written. Slots themselves live on. */
static void publish(struct lodge_vm *vm, struct lodge_memslots *slots)
{
	struct lodge_memslots *old = memslots_get(vm);

	rcu_assign_pointer(vm->memslots, slots);
	synchronize_srcu_expedited(&vm->srcu);
	vm->spare_memslots = old;
}

static void zap_slot(struct lodge_vm *vm, const struct lodge_memslot *slot)
{
	write_lock(&vm->mmu_lock);
	if (tdp_zap_range(vm, slot->base_gfn, slot->base_gfn + slot->nr_pages, true))
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);
}

static void watch_slot(struct lodge_vm *vm, const struct lodge_memslot *slot)
{
	write_lock(&vm->mmu_lock);
	if (tdp_watch_writes(vm, slot->base_gfn, slot->base_gfn + slot->nr_pages, true))
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);
}

/* Put @slot into the table. 0 or -ENOMEM. */
static int create_slot(struct lodge_vm *vm, struct lodge_memslot *slot)
{
	struct lodge_memslots *slots = memslots_replace(vm, NULL, slot);

	if (!slots)
		return -ENOMEM;
	publish(vm, slots);
	return 0;
}

/* Exchange @old for @new, which differs in flags only. 0 or -ENOMEM. */
static int change_flags(struct lodge_vm *vm, struct lodge_memslot *old,
			struct lodge_memslot *new)
{
	struct lodge_memslots *slots = memslots_replace(vm, old, new);

	if (!slots)
		return -ENOMEM;
	publish(vm, slots);

	/*
	 * The only flag that may change is KVM_MEM_LOG_DIRTY_PAGES. Where all pages begin as
	 * dirty, writes are watched for from when user space clears them.
	 */
	if (!memslot_is_logged(new))
		zap_slot(vm, new);
	else if (!new->dirty_bitmap || !(vm->dirty_log_mode & KVM_DIRTY_LOG_INITIALLY_SET))
		watch_slot(vm, new);
	return 0;
}

/* Take @old out and, for a move, put @new in. 0, or -ENOMEM with nothing changed. */
static int remove_slot(struct lodge_vm *vm, struct lodge_memslot *old,
		       struct lodge_memslot *new)
{
	struct lodge_memslots *slots = memslots_replace(vm, old, new);

	if (!slots)
		return -ENOMEM;
	WRITE_ONCE(old->is_leaving, true);
	synchronize_srcu_expedited(&vm->srcu);
	zap_slot(vm, old);
	publish(vm, slots);
	return 0;
}

/*
 * Whether the frames [base_gfn, base_gfn + nr_pages) belong to a slot that is not
 * @except.
 */
static bool is_occupied(const struct lodge_memslots *slots, gfn_t base_gfn, u64 nr_pages,
			const struct lodge_memslot *except)
{
	unsigned int i = upper_bound(slots, base_gfn);

	/* The last to begin at or before the range is the first that can overlap. */
	for (i = i ? i - 1 : 0; i < slots->nr; i++) {
		const struct lodge_memslot *slot = slots->by_gfn[i];

		if (slot->base_gfn >= base_gfn + nr_pages)
			break;
		if (slot != except && slot->base_gfn + slot->nr_pages > base_gfn)
			return true;
	}
	return false;
}

/* What can be said of a request without a look at the slots. 0 or -EINVAL. */
static int check_region(const struct kvm_userspace_memory_region *region)
{
	u64 size = region->memory_size;

	if (region->flags & ~VALID_FLAGS)
		return -EINVAL;
	/* The upper half names the address space; there is one. */
	if (region->slot >= LODGE_NR_MEMSLOTS)
		return -EINVAL;
	if (!PAGE_ALIGNED(size | region->guest_phys_addr | region->userspace_addr))
		return -EINVAL;
	if (region->guest_phys_addr + size < region->guest_phys_addr)
		return -EINVAL;
	if (size >> PAGE_SHIFT > MAX_SLOT_PAGES)
		return -EINVAL;
	if (!access_ok((void __user *)(unsigned long)region->userspace_addr, size))
		return -EINVAL;
	return 0;
}

/* Frames that neither the tables nor the host's CPU can address. */
static bool is_beyond_reach(gfn_t last_gfn)
{
	gfn_t host_max = (1ull << (boot_cpu_data.x86_phys_bits - PAGE_SHIFT)) - 1;

	return last_gfn > min(host_max, tdp_max_gfn(lodge_vendor->pte));
}

static unsigned long *dirty_bitmap_alloc(u64 nr_pages)
{
	/* Twice, see struct lodge_memslot. At most 512 MiB, paid by the caller's cgroup. */
	return kvcalloc(2 * BITS_TO_LONGS(nr_pages), sizeof(long),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

/* Make the slot that @region describes, in succession of @old if that is not NULL. */
static struct lodge_memslot *memslot_alloc(const struct lodge_vm *vm,
					   const struct kvm_userspace_memory_region *region,
					   const struct lodge_memslot *old)
{
	struct lodge_memslot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->base_gfn = region->guest_phys_addr >> PAGE_SHIFT;
	slot->nr_pages = region->memory_size >> PAGE_SHIFT;
	slot->hva = region->userspace_addr;
	slot->flags = region->flags;
	slot->id = region->slot;

	if (!memslot_is_logged(slot) || READ_ONCE(vm->dirty_ring_bytes))
		return slot;
	if (old && old->dirty_bitmap) {
		slot->dirty_bitmap = old->dirty_bitmap;
		return slot;
	}
	slot->dirty_bitmap = dirty_bitmap_alloc(slot->nr_pages);
	if (!slot->dirty_bitmap) {
		kfree(slot);
		return NULL;
	}
	if (vm->dirty_log_mode & KVM_DIRTY_LOG_INITIALLY_SET)
		bitmap_fill(slot->dirty_bitmap, slot->nr_pages);
	return slot;
}

/*
 * Free one of a pair of which the other lives on, or NULL lives on. @slot may be
 * NULL as well.
 */
static void memslot_free_after(struct lodge_memslot *slot, const struct lodge_memslot *heir)
{
	if (!slot)
		return;
	if (heir && heir->dirty_bitmap == slot->dirty_bitmap)
		slot->dirty_bitmap = NULL;
	memslot_free(slot);
}

/* A slot of non-zero size: new, moved, or with other flags. Errors as below. */
static int install_slot(struct lodge_vm *vm, const struct kvm_userspace_memory_region *region,
			struct lodge_memslot *old)
{
	gfn_t base_gfn = region->guest_phys_addr >> PAGE_SHIFT;
	u64 nr_pages = region->memory_size >> PAGE_SHIFT;
	bool is_moved = old && old->base_gfn != base_gfn;
	bool was_logged = old && memslot_is_logged(old);
	struct lodge_memslot *new;
	bool is_logged;
	int ret;

	if (old) {
		if (region->userspace_addr != old->hva || nr_pages != old->nr_pages ||
		    ((region->flags ^ old->flags) & KVM_MEM_READONLY))
			return -EINVAL;
		if (!is_moved && region->flags == old->flags)
			return 0;
	}
	if ((!old || is_moved) && is_occupied(memslots_get(vm), base_gfn, nr_pages, old))
		return -EEXIST;
	if (is_beyond_reach(base_gfn + nr_pages - 1))
		return -EINVAL;

	new = memslot_alloc(vm, region, old);
	if (!new)
		return -ENOMEM;
	is_logged = memslot_is_logged(new);
	if (is_logged && !was_logged)
		dirty_log_begin(vm);
	if (!old)
		ret = create_slot(vm, new);
	else if (is_moved)
		ret = remove_slot(vm, old, new);
	else
		ret = change_flags(vm, old, new);

	/* A log that is over, or that did not begin. */
	if (ret ? is_logged && !was_logged : was_logged && !is_logged)
		dirty_log_end(vm);
	if (ret)
		memslot_free_after(new, old);
	else
		memslot_free_after(old, new);
	return ret;
}

/**
 * memslot_set_region() - KVM_SET_USER_MEMORY_REGION
 * @vm: the VM; slots_lock is held, vm->srcu is not
 * @region: a copy in kernel memory of what user space passed
 *
 * Creates, moves, removes or changes the flags of one slot. When it returns, no
 * vCPU reaches memory that the slot had before. May sleep long.
 *
 * Return: 0; -EINVAL for unknown flags, a slot number out of range, addresses or
 * sizes that are not pages, wrap, lie outside user space, or exceed what can be
 * translated, for removing a slot that does not exist, for changing size, backing
 * or KVM_MEM_READONLY of one that does; -EEXIST if the range meets another slot;
 * -ENOMEM.
 */
int memslot_set_region(struct lodge_vm *vm, const struct kvm_userspace_memory_region *region)
{
	struct lodge_memslot *old;
	int ret;

	lockdep_assert_held(&vm->slots_lock);

	ret = check_region(region);
	if (ret)
		return ret;

	old = memslots_find_id(memslots_get(vm), region->slot);
	if (region->memory_size)
		return install_slot(vm, region, old);
	if (!old)
		return -EINVAL;
	ret = remove_slot(vm, old, NULL);
	if (ret)
		return ret;
	if (memslot_is_logged(old))
		dirty_log_end(vm);
	memslot_free(old);
	return 0;
}
