// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: checked access to guest memory by guest physical address, through the
 * user mapping that backs it. TDP tables are not looked at: the two see the same
 * pages because both follow the host's page tables.
 *
 * All of it may sleep, and runs in a thread whose mm is vm->mm.
 */
#include <linux/minmax.h>
#include <linux/uaccess.h>

#include "../vcpu.h"
#include "dirty.h"
#include "memslot.h"

/* How much of @len at @gpa lies in @slot. */
static unsigned int part_in_slot(const struct lodge_memslot *slot, gpa_t gpa,
				 unsigned int len)
{
	gpa_t end = (slot->base_gfn + slot->nr_pages) << PAGE_SHIFT;

	return min_t(u64, len, end - gpa);
}

static void __user *user_pointer(const struct lodge_memslot *slot, gpa_t gpa)
{
	return (void __user *)(memslot_hva(slot, gpa >> PAGE_SHIFT) + offset_in_page(gpa));
}

static void mark_range_dirty(struct lodge_vcpu *vcpu, struct lodge_memslot *slot, gpa_t gpa,
			     unsigned int len)
{
	gfn_t gfn;

	for (gfn = gpa >> PAGE_SHIFT; gfn <= (gpa + len - 1) >> PAGE_SHIFT; gfn++)
		memslot_mark_dirty(vcpu, slot, gfn);
}

#define READ_AS(type, data, from)					\
({									\
	type value_;							\
	int ret_ = get_user(value_, (type __user *)(from));		\
									\
	if (!ret_)							\
		*(type *)(data) = value_;				\
	ret_;								\
})

#define WRITE_AS(type, data, to)	put_user(*(const type *)(data), (type __user *)(to))

/*
 * What is aligned is read and written in one piece: page-table entries and rings
 * change under the reader. The buffer on this side may be aligned or not.
 */
static int read_user(void *data, const void __user *from, unsigned int len)
{
	if (IS_ALIGNED((unsigned long)from, len)) {
		switch (len) {
		case 1:
			return READ_AS(u8, data, from);
		case 2:
			return READ_AS(u16, data, from);
		case 4:
			return READ_AS(u32, data, from);
		case 8:
			return READ_AS(u64, data, from);
		}
	}
	return copy_from_user(data, from, len) ? -EFAULT : 0;
}

static int write_user(void __user *to, const void *data, unsigned int len)
{
	if (IS_ALIGNED((unsigned long)to, len)) {
		switch (len) {
		case 1:
			return WRITE_AS(u8, data, to);
		case 2:
			return WRITE_AS(u16, data, to);
		case 4:
			return WRITE_AS(u32, data, to);
		case 8:
			return WRITE_AS(u64, data, to);
		}
	}
	return copy_to_user(to, data, len) ? -EFAULT : 0;
}

/**
 * guest_read() - read guest memory
 * @vm: the VM
 * @gpa: where; pages and slots may be crossed
 * @data: receives it; partly written on error
 * @len: how many bytes
 *
 * Naturally aligned 1, 2, 4 and 8 bytes are read in one piece.
 *
 * Return: 0; -EFAULT where there is no slot (so: MMIO) or nothing is mapped in user
 * space.
 */
int guest_read(struct lodge_vm *vm, gpa_t gpa, void *data, unsigned int len)
{
	int ret = 0, idx = srcu_read_lock(&vm->srcu);

	while (len && !ret) {
		struct lodge_memslot *slot = memslot_find(vm, gpa >> PAGE_SHIFT);
		unsigned int part;

		if (!slot) {
			ret = -EFAULT;
			break;
		}
		part = part_in_slot(slot, gpa, len);
		ret = read_user(data, user_pointer(slot, gpa), part);
		gpa += part;
		data += part;
		len -= part;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

/* The slot of @gpa if it may be written; under srcu. */
static struct lodge_memslot *find_writable(struct lodge_vm *vm, gpa_t gpa)
{
	struct lodge_memslot *slot = memslot_find(vm, gpa >> PAGE_SHIFT);

	return slot && !memslot_is_readonly(slot) ? slot : NULL;
}

/* A write that could not be noted is not done. */
static bool can_note_write(struct lodge_vcpu *vcpu, const struct lodge_memslot *slot)
{
	return !memslot_is_logged(slot) || dirty_ring_has_room(vcpu);
}

/**
 * guest_write() - write guest memory, and note it in the dirty log
 * @vcpu: the calling thread's vCPU
 * @gpa: where; pages and slots may be crossed
 * @data: what
 * @len: how many bytes
 *
 * Naturally aligned 1, 2, 4 and 8 bytes are written in one piece.
 *
 * Return: 0; -EFAULT where there is no slot or a read-only one (so: MMIO), nothing
 * writable is mapped in user space, or the vCPU's dirty ring is full to the last entry.
 * On error a part may be written.
 */
int guest_write(struct lodge_vcpu *vcpu, gpa_t gpa, const void *data, unsigned int len)
{
	struct lodge_vm *vm = vcpu->vm;
	int ret = 0, idx = srcu_read_lock(&vm->srcu);

	while (len && !ret) {
		struct lodge_memslot *slot = find_writable(vm, gpa);
		unsigned int part;

		if (!slot || !can_note_write(vcpu, slot)) {
			ret = -EFAULT;
			break;
		}
		part = part_in_slot(slot, gpa, len);
		ret = write_user(user_pointer(slot, gpa), data, part);
		/* Even if it failed half way; and behind the write, see dirty.c. */
		mark_range_dirty(vcpu, slot, gpa, part);
		gpa += part;
		data += part;
		len -= part;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

/**
 * guest_write_nofault() - write a byte of guest memory without sleeping
 * @vcpu: the calling thread's vCPU
 * @gpa: where
 * @value: what
 *
 * Any context of that thread, IRQs off included, but not inside of another function that
 * writes guest memory.
 *
 * Return: 0; -EFAULT also if the page is not at hand, which guest_write() would wait for.
 */
int guest_write_nofault(struct lodge_vcpu *vcpu, gpa_t gpa, u8 value)
{
	struct lodge_vm *vm = vcpu->vm;
	int ret = -EFAULT, idx = srcu_read_lock(&vm->srcu);
	struct lodge_memslot *slot = find_writable(vm, gpa);

	if (slot && can_note_write(vcpu, slot)) {
		ret = copy_to_user_nofault(user_pointer(slot, gpa), &value, sizeof(value));
		memslot_mark_dirty(vcpu, slot, gpa >> PAGE_SHIFT);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

/* CMPXCHG16B on user memory; the kernel has it for up to eight bytes. As below. */
static int cmpxchg16_user(void __user *to, void *old, const void *new)
{
	u64 *expected = old;
	const u64 *wanted = new;
	bool is_equal = false;
	int err = 0;

	if (!user_access_begin(to, 16))
		return -EFAULT;
	asm volatile("1: lock cmpxchg16b %[to]\n"
		     CC_SET(z)
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_EFAULT_REG,
					   %[err])
		     : CC_OUT(z) (is_equal), [err] "+r" (err),
		       [to] "+m" (*(char (__force *)[16])to),
		       "+a" (expected[0]), "+d" (expected[1])
		     : "b" (wanted[0]), "c" (wanted[1])
		     : "memory");
	user_access_end();

	if (err)
		return -EFAULT;
	return is_equal ? 0 : -EAGAIN;
}

#define CMPXCHG_AS(type, to, old, new)					\
	__try_cmpxchg_user((type __user *)(to), (type *)(old), *(const type *)(new), fault_##type)

/* 0; positive if it differs; -EFAULT. @to is aligned to @len. */
static int cmpxchg_user(void __user *to, void *old, const void *new, unsigned int len)
{
	switch (len) {
	case 1:
		return CMPXCHG_AS(u8, to, old, new);
	case 2:
		return CMPXCHG_AS(u16, to, old, new);
	case 4:
		return CMPXCHG_AS(u32, to, old, new);
	case 8:
		return CMPXCHG_AS(u64, to, old, new);
	default:
		return cmpxchg16_user(to, old, new);
	}
}

/**
 * guest_cmpxchg() - compare and exchange guest memory
 * @vcpu: the calling thread's vCPU
 * @gpa: where, aligned to @len
 * @old: what should be there; receives what is there if that is something else
 * @new: what to put there instead
 * @len: 1, 2, 4, 8 or 16
 *
 * One locked instruction on the page that the guest sees, hence atomic against the
 * other vCPUs. Buffers are aligned to their size (8 for 16 bytes).
 *
 * Return: 0 if exchanged; -EAGAIN if something else was there; -EINVAL for another
 * length or an unaligned address, which the caller must do in other ways; -EFAULT
 * as guest_write().
 */
int guest_cmpxchg(struct lodge_vcpu *vcpu, gpa_t gpa, void *old, const void *new,
		  unsigned int len)
{
	struct lodge_vm *vm = vcpu->vm;
	struct lodge_memslot *slot;
	int ret = -EFAULT;
	int idx;

	if (!is_power_of_2(len) || len > 16 || !IS_ALIGNED(gpa, len))
		return -EINVAL;

	idx = srcu_read_lock(&vm->srcu);
	slot = find_writable(vm, gpa);
	if (slot && can_note_write(vcpu, slot)) {
		ret = cmpxchg_user(user_pointer(slot, gpa), old, new, len);
		if (!ret)
			memslot_mark_dirty(vcpu, slot, gpa >> PAGE_SHIFT);
		else if (ret > 0)
			ret = -EAGAIN;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

/**
 * gpa_is_ram() - tell whether an access goes to memory rather than to a device
 * @vm: the VM
 * @gpa: where
 * @write: whether it is a write
 *
 * Return: whether there is a slot, and one that can be written if need be. User
 * space may change it at any time.
 */
bool gpa_is_ram(struct lodge_vm *vm, gpa_t gpa, bool write)
{
	int idx = srcu_read_lock(&vm->srcu);
	bool is_ram = write ? find_writable(vm, gpa) : memslot_find(vm, gpa >> PAGE_SHIFT);

	srcu_read_unlock(&vm->srcu, idx);
	return is_ram;
}
