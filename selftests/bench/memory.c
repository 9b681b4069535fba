// SPDX-License-Identifier: GPL-2.0
/*
 * Memory: what a page costs when the guest touches it first, when it is
 * written under a dirty log, when the log is taken, when the host takes the
 * page away; changes of slots, and freeing it all.  What the guest has written
 * is looked at in the host each time.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "bench.h"

#define SLOT 1
#define SLOT_GPA 0x10000000ull
#define OTHER_GPA 0x30000000ull
#define LOG KVM_MEM_LOG_DIRTY_PAGES

/* Samples are of this many pages and twice as many, the slots as large as the latter. */
#define SMALL_PAGES 1024ull
#define LARGE_PAGES 16ull
#define AREA_BYTES (2 * LARGE_PAGES * LARGE_PAGE_BYTES)
/* What a sample of 1 is where memory is freed. */
#define FREED_PAGES (AREA_BYTES / 2 / PAGE_BYTES)
#define GIB (1ull << 30)

struct area {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *memory;
	uint64_t page_bytes;
	/* Of the slot. */
	uint64_t bytes;
	/* The host has the pages before the guest touches them. */
	bool is_present;
	unsigned long bitmap[2 * SMALL_PAGES / 64];
};

static volatile uint64_t step;

/* Writes only: an emulated CPU that reads first would see a page of zeros that it cannot write. */
static void guest_touch(void)
{
	GUEST_LOOP(uint64_t at = SLOT_GPA; uint64_t by = step,
		   *(volatile uint64_t *)at = at; at += by,
		   true);
}

static volatile uint64_t *word(struct area *area, uint64_t page)
{
	return (uint64_t *)(area->memory + page * area->page_bytes);
}

/* What the guest has written, or may write; this gives the host all pages. */
static void clear(struct area *area)
{
	uint64_t at;

	for (at = 0; at < area->bytes; at += PAGE_BYTES)
		*(volatile uint64_t *)(area->memory + at) = 0;
}

static void assert_huge(struct area *area)
{
	unsigned long kib, most = 0;
	char line[256];
	FILE *file = fopen("/proc/self/smaps", "r");

	TEST_ASSERT(file, "/proc/self/smaps");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "AnonHugePages: %lu kB", &kib) == 1 && kib > most)
			most = kib;
	fclose(file);
	if (most * 1024 < area->bytes)
		test_skip("the host has no huge pages for it: %lu KiB", most);
}

static void area_begin(struct area *area, uint64_t page_bytes)
{
	bool is_huge = page_bytes == LARGE_PAGE_BYTES;

	area->vm = vm_create();
	area->vcpu = vcpu_add(area->vm, 0, guest_touch);
	area->page_bytes = page_bytes;
	area->bytes = is_huge ? AREA_BYTES : 2 * SMALL_PAGES * PAGE_BYTES;
	area->memory = host_alloc(AREA_BYTES);
	TEST_ASSERT(!madvise(area->memory, AREA_BYTES, is_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE),
		    "madvise");
	GUEST(area->vm, step) = page_bytes;
	clear(area);
	if (is_huge)
		assert_huge(area);
	vm_set_slot(area->vm, SLOT, 0, SLOT_GPA, area->bytes, area->memory);
}

/* Let the guest write to pages that have nothing in them; returns the ticks. */
static uint64_t touch(struct area *area, uint64_t pages)
{
	struct bench_guest guest = { area->vcpu, 0 };
	uint64_t ticks = bench_sample_guest(&guest, pages), page;

	for (page = 0; page < pages; page++)
		if (*word(area, page) != SLOT_GPA + page * area->page_bytes)
			TEST_FAIL("page %llu was not written", (unsigned long long)page);
	return ticks;
}

/* All of the slot anew, so that nothing of it is mapped for the guest. */
static void renew_slot(struct area *area)
{
	vm_set_slot(area->vm, SLOT, 0, SLOT_GPA, 0, NULL);
	vm_set_slot(area->vm, SLOT, 0, SLOT_GPA, area->bytes, area->memory);
}

static uint64_t sample_fault(void *context, uint64_t count)
{
	struct area *area = context;

	renew_slot(area);
	if (area->is_present)
		clear(area);
	else
		madvise(area->memory, area->bytes, MADV_DONTNEED);
	return touch(area, count);
}

static void measure_fault(uint64_t page_bytes, bool is_present)
{
	struct area area = { .is_present = is_present };

	area_begin(&area, page_bytes);
	bench_report(bench_measure(sample_fault, &area,
				   page_bytes == PAGE_BYTES ? SMALL_PAGES : LARGE_PAGES),
		     "ticks");
	vm_destroy(area.vm);
}

static void fault_4k(void)
{
	measure_fault(PAGE_BYTES, true);
}

static void fault_4k_new(void)
{
	measure_fault(PAGE_BYTES, false);
}

static void fault_2m(void)
{
	measure_fault(LARGE_PAGE_BYTES, true);
}

static void fault_2m_new(void)
{
	measure_fault(LARGE_PAGE_BYTES, false);
}

static uint64_t take_log(struct area *area, uint64_t expected)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = area->bitmap };
	uint64_t begin, ticks, count = 0;
	size_t i;

	memset(area->bitmap, 0, sizeof(area->bitmap));
	begin = bench_begin();
	vm_ioctl(area->vm, KVM_GET_DIRTY_LOG, &log);
	ticks = bench_end(begin);
	for (i = 0; i < ARRAY_SIZE(area->bitmap); i++)
		count += __builtin_popcountl(area->bitmap[i]);
	ASSERT_EQ(count, expected);
	return ticks;
}

/* Pages that are mapped, and write-protected since the log was taken. */
static uint64_t sample_log_fault(void *context, uint64_t count)
{
	uint64_t ticks;

	clear(context);
	ticks = touch(context, count);
	take_log(context, count);
	return ticks;
}

static uint64_t sample_log_get(void *context, uint64_t count)
{
	clear(context);
	touch(context, count);
	return take_log(context, count);
}

static void measure_log(bench_sample sample)
{
	struct area area = { .is_present = true };

	area_begin(&area, PAGE_BYTES);
	touch(&area, 2 * SMALL_PAGES);
	GUEST(area.vm, bench_prepares) = sample == sample_log_get;
	vm_set_slot(area.vm, SLOT, LOG, SLOT_GPA, area.bytes, area.memory);
	take_log(&area, 0);
	bench_report(bench_measure(sample, &area, SMALL_PAGES), "ticks");
	vm_destroy(area.vm);
}

static void log_fault(void)
{
	measure_log(sample_log_fault);
}

static void log_get_page(void)
{
	measure_log(sample_log_get);
}

/*
 * A slot of @count small pages, mapped as huge ones, gets a log: what that takes, and the first
 * write to each page.
 */
static uint64_t sample_log_huge(void *context, uint64_t count)
{
	struct area *area = context;
	uint64_t begin, ticks, bytes = count * PAGE_BYTES;

	vm_set_slot(area->vm, SLOT, 0, SLOT_GPA, 0, NULL);
	vm_set_slot(area->vm, SLOT, 0, SLOT_GPA, bytes, area->memory);
	clear(area);
	area->page_bytes = LARGE_PAGE_BYTES;
	GUEST(area->vm, step) = LARGE_PAGE_BYTES;
	touch(area, bytes / LARGE_PAGE_BYTES);
	clear(area);
	begin = bench_begin();
	vm_set_slot(area->vm, SLOT, LOG, SLOT_GPA, bytes, area->memory);
	ticks = bench_end(begin);
	area->page_bytes = PAGE_BYTES;
	GUEST(area->vm, step) = PAGE_BYTES;
	ticks += touch(area, count);
	take_log(area, count);
	return ticks;
}

static void log_huge(void)
{
	struct area area = { .is_present = true };

	area_begin(&area, LARGE_PAGE_BYTES);
	bench_report(bench_measure(sample_log_huge, &area, SMALL_PAGES), "ticks");
	vm_destroy(area.vm);
}

/* One call for all pages, or one for each. */
static uint64_t drop_ticks(struct area *area, uint64_t count, bool one_by_one)
{
	uint64_t begin, page, ticks;

	begin = bench_begin();
	if (one_by_one)
		for (page = 0; page < count; page++)
			madvise(area->memory + page * PAGE_BYTES, PAGE_BYTES, MADV_DONTNEED);
	else
		madvise(area->memory, count * PAGE_BYTES, MADV_DONTNEED);
	ticks = bench_end(begin);
	for (page = 0; page < count; page++)
		if (*word(area, page))
			TEST_FAIL("page %llu is still there", (unsigned long long)page);
	return ticks;
}

struct unmapping {
	struct area area;
	bool one_by_one;
	bool is_mapped;
};

static uint64_t sample_unmap(void *context, uint64_t count)
{
	struct unmapping *this = context;
	struct area *area = &this->area;
	uint64_t ticks;

	clear(area);
	if (this->is_mapped) {
		touch(area, count);
		clear(area);
	}
	ticks = drop_ticks(area, count, this->one_by_one);
	/* Had the guest its old pages still, what it writes would not be seen. */
	if (this->is_mapped) {
		touch(area, count);
		renew_slot(area);
	}
	return ticks;
}

/* What is more than without a guest that has the pages. */
static void measure_unmap(bool one_by_one)
{
	struct unmapping with = { .one_by_one = one_by_one, .is_mapped = true };
	struct unmapping without = { .one_by_one = one_by_one };
	uint64_t ticks, alone;

	area_begin(&without.area, PAGE_BYTES);
	alone = bench_measure(sample_unmap, &without, SMALL_PAGES);
	vm_destroy(without.area.vm);
	area_begin(&with.area, PAGE_BYTES);
	GUEST(with.area.vm, bench_prepares) = true;
	ticks = bench_measure(sample_unmap, &with, SMALL_PAGES);
	bench_report(ticks > alone ? ticks - alone : 0, "ticks");
	vm_destroy(with.area.vm);
}

static void unmap_page_of_many(void)
{
	measure_unmap(false);
}

static void unmap_page_alone(void)
{
	measure_unmap(true);
}

/* To and fro; the guest has pages of it mapped before the first. */
static uint64_t sample_move(void *context, uint64_t count)
{
	struct area *area = context;
	uint64_t ticks = 0, begin, left = count;

	do {
		uint64_t gpa = left & 1 ? SLOT_GPA : OTHER_GPA;

		begin = bench_begin();
		vm_set_slot(area->vm, SLOT, 0, gpa, area->bytes, area->memory);
		ticks += bench_end(begin);
	} while (--left);
	clear(area);
	touch(area, SMALL_PAGES);
	return ticks;
}

static uint64_t sample_new_slot(void *context, uint64_t count)
{
	struct area *area = context;
	uint64_t begin = bench_begin(), left = count;

	do {
		vm_set_slot(area->vm, SLOT, 0, SLOT_GPA, 0, NULL);
		vm_set_slot(area->vm, SLOT, 0, SLOT_GPA, area->bytes, area->memory);
	} while (--left);
	return bench_end(begin);
}

static void slot_move(void)
{
	struct area area = { .is_present = true };

	area_begin(&area, PAGE_BYTES);
	bench_report(bench_measure(sample_move, &area, 20), "ticks");
	vm_destroy(area.vm);
}

static void slot_add_delete(void)
{
	struct area area = { .is_present = true };

	area_begin(&area, PAGE_BYTES);
	bench_report(bench_measure(sample_new_slot, &area, 20), "ticks");
	vm_destroy(area.vm);
}

/*
 * Units of pages, in which a table or two do not show.  The host keeps the memory itself: what is
 * freed is what the module had for it.
 */
static uint64_t sample_free(void *context, uint64_t count)
{
	struct area *area = context;
	uint64_t begin, ticks;

	area->vm = vm_create();
	area->vcpu = vcpu_add(area->vm, 0, guest_touch);
	GUEST(area->vm, step) = PAGE_BYTES;
	GUEST(area->vm, bench_prepares) = true;
	clear(area);
	vm_set_slot(area->vm, SLOT, 0, SLOT_GPA, area->bytes, area->memory);
	touch(area, count * FREED_PAGES);
	munmap(area->vcpu->run, area->vcpu->run_bytes);
	close(area->vcpu->fd);
	begin = bench_begin();
	close(area->vm->fd);
	ticks = bench_end(begin);
	munmap(area->vm->ram, area->vm->ram_bytes);
	return ticks;
}

static void free_gib(void)
{
	struct area area = { .is_present = true };

	area_begin(&area, PAGE_BYTES);
	vm_destroy(area.vm);
	area.bytes = AREA_BYTES;
	bench_report(bench_measure(sample_free, &area, 1) * (GIB / PAGE_BYTES / FREED_PAGES),
		     "ticks");
}

static const struct test_case cases[] = {
	{ "fault_4k", fault_4k },
	{ "fault_4k_new_page", fault_4k_new },
	{ "fault_2m", fault_2m },
	{ "fault_2m_new_page", fault_2m_new },
	{ "dirty_log_fault", log_fault },
	{ "dirty_log_begin_in_huge", log_huge, 60 },
	{ "dirty_log_get_page", log_get_page },
	{ "unmap_page_of_many", unmap_page_of_many },
	{ "unmap_page_alone", unmap_page_alone },
	{ "slot_add_delete", slot_add_delete },
	{ "slot_move", slot_move },
	{ "free_gib_of_4k", free_gib, 60 },
};

const struct figures memory_figures = { cases, ARRAY_SIZE(cases) };
