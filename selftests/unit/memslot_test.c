// SPDX-License-Identifier: GPL-2.0
/*
 * The slot table: requests and their answers, lookups against a linear search,
 * order of publishing and zapping, and behaviour without memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <linux/kernel.h>
#include <linux/kvm.h>
#include <linux/slab.h>

#include "ktap.h"

/* Allocations that fail: the one counted down to, and all behind it. */
static int allocations_left = -1;

static void *test_alloc(size_t size)
{
	if (!allocations_left)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return calloc(1, size);
}

#undef kzalloc
#undef kvmalloc
#undef kvcalloc
#define kzalloc(size, flags)		test_alloc(size)
#define kvcalloc(nr, size, flags)	test_alloc((nr) * (size))
/* Not zeroed. */
#define kvmalloc(size, flags) ({			\
	void *new = test_alloc(size);			\
							\
	new ? memset(new, 0x5a, size) : NULL;		\
})

#include "mmu/memslot.c"
#include "mmu/pte.c"

static const struct lodge_pte_format format = {
	.present = 1, .address = GENMASK_ULL(51, 12), .levels = 4,
};

static const struct lodge_vendor_ops ops = { .pte = &format };
const struct lodge_vendor_ops *lodge_vendor = &ops;
struct lodge_caps lodge_caps;
struct shim_cpuinfo boot_cpu_data = { .x86_phys_bits = 46 };

static struct lodge_vm vm;

/* What was asked of tdp.c since the last look. */
static struct {
	int nr_zaps, nr_watches, nr_flushes;
	gfn_t start, end;
	bool notifier_finds_it;
	bool guest_finds_it;
} tdp;

/* The slot must still be found by host address, but no longer serve accesses. */
static void look_at_slots(gfn_t start, gfn_t end)
{
	struct lodge_memslots *slots = vm.memslots;
	struct lodge_memslot *slot = memslots_find(slots, start);
	unsigned int i;

	tdp.start = start;
	tdp.end = end;
	tdp.guest_finds_it = memslot_find(&vm, start);
	tdp.notifier_finds_it = false;
	for (i = slot ? memslots_find_hva(slots, slot->hva) : slots->nr; i < slots->nr; i++)
		tdp.notifier_finds_it |= slots->by_hva[i].slot == slot;
}

bool tdp_zap_range(struct lodge_vm *vm, gfn_t start, gfn_t end, bool can_yield)
{
	lockdep_assert_held_write(&vm->mmu_lock);
	tdp.nr_zaps++;
	look_at_slots(start, end);
	return true;
}

bool tdp_watch_writes(struct lodge_vm *vm, gfn_t start, gfn_t end, bool can_yield)
{
	lockdep_assert_held_write(&vm->mmu_lock);
	tdp.nr_watches++;
	look_at_slots(start, end);
	return true;
}

void dirty_log_begin(struct lodge_vm *vm)
{
	vm->nr_logged_slots++;
}

void dirty_log_end(struct lodge_vm *vm)
{
	vm->nr_logged_slots--;
}

void tdp_flush(struct lodge_vm *vm)
{
	lockdep_assert_held_write(&vm->mmu_lock);
	tdp.nr_flushes++;
}

static void begin(void)
{
	memset(&vm, 0, sizeof(vm));
	memset(&tdp, 0, sizeof(tdp));
	memslots_create(&vm);
	mutex_lock(&vm.slots_lock);
}

static void end(void)
{
	mutex_unlock(&vm.slots_lock);
	memslots_destroy(&vm);
}

static int set(u32 id, u32 flags, u64 gpa, u64 size, u64 hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = id, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = hva,
	};

	return memslot_set_region(&vm, &region);
}

#define K	0x1000ull
#define USER	0x10000000ull
#define LOG	KVM_MEM_LOG_DIRTY_PAGES
#define RO	KVM_MEM_READONLY

/* Each is asked with slots 0 (16 pages at 1 MiB) and 1 (read-only, behind a hole). */
static const struct request {
	const char *name;
	u32 id, flags;
	u64 gpa, size, hva;
	int ret;
} requests[] = {
	{ "create", 2, 0, 0, K, USER, 0 },
	{ "create_logged", 2, LOG, 0, K, USER, 0 },
	{ "create_read_only", 2, RO, 0, K, USER, 0 },
	{ "create_in_the_hole", 2, 0, 0x110000, 16 * K, USER, 0 },
	{ "create_last_slot", 32763, 0, 0, K, USER, 0 },
	{ "create_largest", 2, 0, 0x1000000, 0x7fffffffull * K, 0, 0 },
	{ "create_at_the_last_address", 2, 0, (1ull << 46) - K, K, USER, 0 },
	{ "same_again", 0, 0, 0x100000, 16 * K, USER, 0 },
	{ "log", 0, LOG, 0x100000, 16 * K, USER, 0 },
	{ "move", 0, 0, 0x200000, 16 * K, USER, 0 },
	{ "move_over_own_place", 0, 0, 0x101000, 16 * K, USER, 0 },
	{ "move_and_log", 0, LOG, 0x200000, 16 * K, USER, 0 },
	{ "delete", 0, 0, 0x100000, 0, USER, 0 },
	{ "delete_without_address", 0, 0, 0, 0, 0, 0 },

	{ "unknown_flag", 2, 4, 0, K, USER, -EINVAL },
	{ "unknown_flag_on_delete", 0, 1u << 31, 0, 0, 0, -EINVAL },
	{ "slot_number_too_high", 32764, 0, 0, K, USER, -EINVAL },
	{ "other_address_space", 1 << 16, 0, 0, K, USER, -EINVAL },
	{ "delete_in_other_address_space", 1 << 16, 0, 0, 0, USER, -EINVAL },
	{ "size_not_pages", 2, 0, 0, K + 1, USER, -EINVAL },
	{ "guest_address_not_a_page", 2, 0, 0x800, K, USER, -EINVAL },
	{ "user_address_not_a_page", 2, 0, 0, K, USER + 8, -EINVAL },
	{ "kernel_address", 2, 0, 0, K, 1ull << 63, -EINVAL },
	{ "reaches_out_of_user_space", 2, 0, 0, 2 * K, (1ull << 47) - K, -EINVAL },
	{ "guest_address_wraps", 2, 0, -K, 2 * K, USER, -EINVAL },
	{ "too_many_pages", 2, 0, 0x1000000, 0x80000000ull * K, 0, -EINVAL },
	{ "beyond_the_host_address_width", 2, 0, (1ull << 46) - K, 2 * K, USER, -EINVAL },
	{ "far_beyond", 2, 0, 1ull << 62, K, USER, -EINVAL },
	{ "delete_what_is_not_there", 2, 0, 0, 0, USER, -EINVAL },
	{ "grow", 0, 0, 0x100000, 17 * K, USER, -EINVAL },
	{ "shrink", 0, 0, 0x100000, 15 * K, USER, -EINVAL },
	{ "other_backing", 0, 0, 0x100000, 16 * K, USER + K, -EINVAL },
	{ "becomes_read_only", 0, RO, 0x100000, 16 * K, USER, -EINVAL },
	{ "becomes_writable", 1, 0, 0x120000, 16 * K, USER, -EINVAL },
	{ "overlap_whole", 2, 0, 0, 2048 * K, USER, -EEXIST },
	{ "overlap_inside", 2, 0, 0x101000, K, USER, -EEXIST },
	{ "overlap_first_page", 2, 0, 0xff000, 2 * K, USER, -EEXIST },
	{ "overlap_last_page", 2, 0, 0x10f000, 2 * K, USER, -EEXIST },
	{ "overlap_next", 2, 0, 0x110000, 17 * K, USER, -EEXIST },
	{ "move_onto_another", 0, 0, 0x118000, 16 * K, USER, -EEXIST },
};

static void test_requests(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		const struct request *r = &requests[i];

		begin();
		set(0, 0, 0x100000, 16 * K, USER);
		set(1, RO, 0x120000, 16 * K, USER);
		ret = set(r->id, r->flags, r->gpa, r->size, r->hva);
		if (ret != r->ret)
			ktap_note("answered %d, expected %d", ret, r->ret);
		/* What was refused has changed nothing. */
		ktap_result(ret == r->ret &&
			    (!ret || (vm.memslots->nr == 2 && !tdp.nr_zaps &&
				      memslot_find(&vm, 0x100)->id == 0)),
			    "%s", r->name);
		end();
	}
}

static void test_changes(void)
{
	unsigned long *bitmap;

	begin();
	set(0, 0, 0, 16 * K, USER);
	ktap_result(!tdp.nr_zaps && !tdp.nr_watches, "create_zaps_nothing");
	set(0, LOG, 0, 16 * K, USER);
	ktap_result(tdp.nr_watches == 1 && !tdp.nr_zaps && tdp.nr_flushes == 1 &&
		    tdp.start == 0 && tdp.end == 16, "logging_watches_writes");
	ktap_result(vm.nr_logged_slots == 1, "logging_is_counted");
	bitmap = memslot_find(&vm, 0)->dirty_bitmap;
	bitmap[0] = 8;
	set(0, LOG, 64 * K, 16 * K, USER);
	ktap_result(memslot_find(&vm, 64)->dirty_bitmap == bitmap && bitmap[0] == 8 &&
		    !memslot_find(&vm, 0), "log_moves_along");
	ktap_result(tdp.nr_zaps == 1 && tdp.start == 0 && tdp.end == 16 &&
		    tdp.notifier_finds_it && !tdp.guest_finds_it,
		    "move_zaps_the_old_place_while_the_notifier_still_finds_it");
	set(0, 0, 64 * K, 16 * K, USER);
	ktap_result(tdp.nr_zaps == 2 && !memslot_find(&vm, 64)->dirty_bitmap,
		    "end_of_logging_zaps");
	ktap_result(!vm.nr_logged_slots, "end_of_logging_is_counted");
	set(1, LOG, 128 * K, 16 * K, USER);
	set(1, LOG, 256 * K, 16 * K, USER);
	ktap_result(vm.nr_logged_slots == 1, "move_keeps_the_count");
	set(1, 0, 0, 0, 0);
	ktap_result(!vm.nr_logged_slots, "delete_ends_logging");
	memset(&tdp, 0, sizeof(tdp));
	set(0, 0, 0, 0, 0);
	ktap_result(tdp.nr_zaps == 1 && tdp.nr_flushes == 1 && tdp.notifier_finds_it &&
		    !tdp.guest_finds_it && !memslot_find(&vm, 64) && !vm.memslots->nr,
		    "delete_zaps_while_the_notifier_still_finds_it");
	end();
}

/* Each change, with the first, second, ... allocation failing. */
static void test_no_memory(void)
{
	bool ok = true;
	int i, kind;

	for (kind = 0; kind < 4; kind++) {
		int ret = -ENOMEM;

		for (i = 0; ret == -ENOMEM && i < 10; i++) {
			begin();
			set(0, 0, 0, 16 * K, USER);
			memset(&tdp, 0, sizeof(tdp));
			allocations_left = i;
			if (kind == 0)
				ret = set(1, LOG, 64 * K, K, USER);
			else if (kind == 1)
				ret = set(0, LOG, 0, 16 * K, USER);
			else if (kind == 2)
				ret = set(0, LOG, 64 * K, 16 * K, USER);
			else
				ret = set(0, 0, 0, 0, 0);
			allocations_left = -1;
			if (ret)
				ok &= ret == -ENOMEM && vm.memslots->nr == 1 && !tdp.nr_zaps &&
				      memslot_find(&vm, 0) && !memslot_find(&vm, 0)->flags &&
				      !vm.nr_logged_slots;
			end();
		}
		/* Removing needs none: the table before is written again. */
		ok &= !ret && (i > 1 || kind == 3);
	}
	ktap_result(ok, "without_memory_nothing_changes");
}

/* Compare the indices with a linear search, for random slots that come, move and go. */
static bool lookups_agree(const struct lodge_memslot *model, int nr)
{
	struct lodge_memslots *slots = vm.memslots;
	unsigned int i;
	gfn_t gfn;
	hva_t hva, max_end = 0;
	int id;

	for (id = 0; id < nr; id++) {
		struct lodge_memslot *slot = memslots_find_id(slots, id);

		if (slot ? slot->id != id || slot->base_gfn != model[id].base_gfn :
		    model[id].nr_pages)
			return false;
	}
	for (gfn = 0; gfn < 256; gfn++) {
		struct lodge_memslot *slot = memslot_find(&vm, gfn);

		for (id = 0; id < nr; id++)
			if (model[id].nr_pages && memslot_has(&model[id], gfn))
				break;
		if (slot ? id == nr || slot->id != id : id != nr)
			return false;
		if (slot && memslot_hva(slot, gfn) !=
		    model[id].hva + (gfn - model[id].base_gfn) * K)
			return false;
	}
	for (i = 0; i < slots->nr; i++) {
		max_end = max(max_end, memslot_hva_end(slots->by_hva[i].slot));
		if (slots->by_hva[i].max_end != max_end)
			return false;
	}
	for (hva = USER; hva < USER + 64 * K; hva += K) {
		unsigned int first = memslots_find_hva(slots, hva);

		for (i = 0; i < slots->nr; i++) {
			struct lodge_memslot *slot = slots->by_hva[i].slot;

			/* None that contains the address lies before the start. */
			if (slot->hva <= hva && memslot_hva_end(slot) > hva && i < first)
				return false;
			if (i && slots->by_hva[i - 1].slot->hva > slot->hva)
				return false;
		}
	}
	return true;
}

static void test_lookups(void)
{
	struct lodge_memslot model[24] = {};
	int nr_created = 0, nr_refused = 0, i;
	bool ok = true;

	begin();
	srand(1);
	for (i = 0; i < 3000 && ok; i++) {
		int id = rand() % ARRAY_SIZE(model), ret;
		u64 gfn = rand() % 240, pages = 1 + rand() % 12;
		hva_t hva = USER + rand() % 60 * K;

		if (model[id].nr_pages && i % 2) {
			ret = set(id, 0, gfn * K, model[id].nr_pages * K, model[id].hva);
			if (!ret)
				model[id].base_gfn = gfn;
			ok &= !ret || ret == -EEXIST;
		} else if (model[id].nr_pages) {
			ret = set(id, 0, 0, 0, 0);
			model[id].nr_pages = 0;
			ok &= !ret;
		} else {
			ret = set(id, 0, gfn * K, pages * K, hva);
			nr_created += !ret;
			nr_refused += ret == -EEXIST;
			if (!ret)
				model[id] = (struct lodge_memslot) {
					.base_gfn = gfn, .nr_pages = pages, .hva = hva,
				};
		}
		ok &= lookups_agree(model, ARRAY_SIZE(model));
	}
	ktap_result(ok && nr_created > 100 && nr_refused > 100, "lookups_agree_with_linear_search");
	end();
}

static void test_limits(void)
{
	int i, ret = 0;

	begin();
	for (i = 0; i < LODGE_NR_MEMSLOTS && !ret; i++)
		ret = set(i, 0, (u64)i * 2 * K, K, USER + i * K);
	ktap_result(!ret && vm.memslots->nr == LODGE_NR_MEMSLOTS &&
		    memslot_find(&vm, 2 * 16 * 999)->id == 16 * 999 &&
		    !memslot_find(&vm, 2 * 16 * 999 + 1) && !memslot_find(&vm, ~0ull),
		    "all_slots");
	end();
}

int main(void)
{
	ktap_begin();
	test_requests();
	test_changes();
	test_no_memory();
	test_lookups();
	test_limits();
	return ktap_end();
}
