// SPDX-License-Identifier: GPL-2.0
/*
 * The host's memory management moves guest memory away and about while the guest uses it:
 * swap, merging of equal pages, migration, compaction, balancing between nodes, huge pages
 * made and split, memory handed back.  The guest notices nothing, and what was given back is
 * the host's at once.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "host.h"
#include "host_memory.h"
#include "vcpu.h"

#ifndef MADV_PAGEOUT
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif

#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES LARGE_PAGE_BYTES
#define SLOT_PAGES (SLOT_BYTES / PAGE_BYTES)

static volatile uint64_t guest_stop, guest_rounds;

/* What is in each page: its address, or with @is_equal the same in all. */
static uint64_t content(uint64_t gpa, uint64_t is_equal)
{
	return is_equal ? 0x1122334455667788 : gpa ^ 0x5555;
}

static void guest_fill(uint64_t is_equal)
{
	uint64_t gpa;

	for (gpa = SLOT_GPA; gpa < SLOT_GPA + SLOT_BYTES; gpa += PAGE_BYTES)
		*(volatile uint64_t *)gpa = content(gpa, is_equal);
}

static void guest_check(uint64_t is_equal)
{
	uint64_t gpa;

	for (gpa = SLOT_GPA; gpa < SLOT_GPA + SLOT_BYTES; gpa += PAGE_BYTES)
		GUEST_ASSERT_EQ(*(volatile uint64_t *)gpa, content(gpa, is_equal));
}

static void guest_check_in_turns(uint64_t is_equal)
{
	guest_fill(is_equal);
	for (;;) {
		GUEST_SYNC(1);
		guest_check(is_equal);
		GUEST_SYNC(2);
		guest_fill(is_equal);
	}
}

/* A second word in each page counts the writes to it. */
static void guest_work(void)
{
	uint64_t gpa;

	guest_fill(0);
	while (!guest_stop) {
		for (gpa = SLOT_GPA; gpa < SLOT_GPA + SLOT_BYTES; gpa += PAGE_BYTES) {
			volatile uint64_t *word = (uint64_t *)gpa;

			GUEST_ASSERT_EQ(word[0], content(gpa, 0));
			GUEST_ASSERT_EQ(word[1], guest_rounds);
			word[1] = guest_rounds + 1;
		}
		guest_rounds++;
	}
}

static struct vcpu *create(void (*entry)(void), uint8_t **memory, bool is_huge)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, entry);

	*memory = host_alloc(SLOT_BYTES);
	if (is_huge)
		host_want_huge_pages(*memory, SLOT_BYTES);
	else
		(void)madvise(*memory, SLOT_BYTES, MADV_NOHUGEPAGE);
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, *memory);
	return vcpu;
}

static struct vcpu *create_filled(uint8_t **memory, bool is_equal, bool is_huge)
{
	struct vcpu *vcpu = create((void (*)(void))guest_check_in_turns, memory, is_huge);

	vcpu_set_arg(vcpu, 0, is_equal);
	vcpu_run_sync(vcpu, 1);
	return vcpu;
}

static void check_and_refill(struct vcpu *vcpu)
{
	vcpu_run_sync(vcpu, 2);
	vcpu_run_sync(vcpu, 1);
}

/* Something to swap to: memory, compressed. */
static void need_swap(void)
{
	if (!host_swap_begin())
		test_skip("the host has no swap, nor a zram device for it");
}

static unsigned int swapped_pages(uint8_t *memory, uint64_t bytes)
{
	return host_count_pages(memory, bytes / PAGE_BYTES, PAGEMAP_SWAPPED);
}

/* What has been used since the kernel last looked stays this time. */
static void page_out(uint8_t *memory, uint64_t bytes)
{
	if (madvise(memory, bytes, MADV_PAGEOUT))
		test_skip("this kernel has no MADV_PAGEOUT");
}

/* But for a few that the kernel has in its hands just now. */
static void page_out_all(uint8_t *memory)
{
	unsigned int tries;

	for (tries = 0; swapped_pages(memory, SLOT_BYTES) < SLOT_PAGES * 9 / 10; tries++) {
		TEST_ASSERT(tries < 100, "%u pages were swapped out",
			    swapped_pages(memory, SLOT_BYTES));
		page_out(memory, SLOT_BYTES);
	}
}

static void swapped_out(void)
{
	struct vcpu *vcpu;
	uint8_t *memory;
	unsigned int i;

	need_swap();
	vcpu = create_filled(&memory, false, false);
	for (i = 0; i < 3; i++) {
		page_out_all(memory);
		check_and_refill(vcpu);
		ASSERT_EQ(swapped_pages(memory, SLOT_BYTES), 0u);
	}
	vm_destroy(vcpu->vm);
	host_swap_end();
}

static void swapped_out_huge(void)
{
	struct vcpu *vcpu;
	uint8_t *memory;

	need_swap();
	vcpu = create_filled(&memory, false, true);
	page_out_all(memory);
	check_and_refill(vcpu);
	vm_destroy(vcpu->vm);
	host_swap_end();
}

static void guest_use_half(void)
{
	uint64_t gpa;

	guest_fill(0);
	for (;;) {
		GUEST_SYNC(1);
		for (gpa = SLOT_GPA; gpa < SLOT_GPA + SLOT_BYTES / 2; gpa += PAGE_BYTES)
			(void)*(volatile uint64_t *)gpa;
	}
}

/* The kernel keeps what the guest uses, though the process has not touched it. */
static void used_is_kept(void)
{
	struct vcpu *vcpu;
	uint8_t *memory;

	need_swap();
	vcpu = create(guest_use_half, &memory, false);
	vcpu_run_sync(vcpu, 1);
	/* All has been used; that is forgotten by this. */
	page_out(memory, SLOT_BYTES);
	ASSERT_EQ(swapped_pages(memory, SLOT_BYTES), 0u);
	vcpu_run_sync(vcpu, 1);
	page_out(memory, SLOT_BYTES);
	ASSERT_EQ(swapped_pages(memory, SLOT_BYTES / 2), 0u);
	ASSERT_EQ(swapped_pages(memory + SLOT_BYTES / 2, SLOT_BYTES / 2), SLOT_PAGES / 2);
	vcpu_run_sync(vcpu, 1);
	vm_destroy(vcpu->vm);
	host_swap_end();
}

/* Let the guest work, and disturb it in each of its rounds. */
static void disturb_running(bool is_huge, unsigned int rounds,
			    void (*disturb)(uint8_t *memory, unsigned int round))
{
	uint8_t *memory;
	struct vcpu *vcpu = create(guest_work, &memory, is_huge);
	uint64_t seen;
	unsigned int i;

	vcpu_thread_start(vcpu);
	for (i = 0; i < rounds; i++) {
		seen = GUEST(vcpu->vm, guest_rounds);
		disturb(memory, i);
		while (GUEST(vcpu->vm, guest_rounds) < seen + 2)
			test_sleep_ms(1);
	}
	GUEST(vcpu->vm, guest_stop) = 1;
	vcpu_thread_join(vcpu);
	vm_destroy(vcpu->vm);
}

static void page_out_a_part(uint8_t *memory, unsigned int round)
{
	page_out(memory + round % 4 * SLOT_BYTES / 4, SLOT_BYTES / 4);
}

static void swapped_while_running(void)
{
	need_swap();
	disturb_running(false, 10, page_out_a_part);
	host_swap_end();
}

/* Memory that may be dropped as long as nobody writes: what the guest writes then is kept. */
static void given_up_lazily(void)
{
	struct vcpu *vcpu;
	uint8_t *memory;

	need_swap();
	vcpu = create_filled(&memory, false, false);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(madvise(memory, SLOT_BYTES, MADV_FREE), 0);
	/* All of it is written anew, so nothing may be dropped. */
	vcpu_run_sync(vcpu, 1);
	page_out_all(memory);
	check_and_refill(vcpu);
	vm_destroy(vcpu->vm);
	host_swap_end();
}

/* Pages of equal content become one, read-only; a write makes a page of one's own again. */
static void merged(void)
{
	struct vcpu *vcpu;
	unsigned int tries;
	uint8_t *memory;

	if (host_number("/sys/kernel/mm/ksm/run") < 0)
		test_skip("this kernel does not merge pages");
	vcpu = create_filled(&memory, true, false);
	ASSERT_EQ(madvise(memory, SLOT_BYTES, MADV_MERGEABLE), 0);
	host_write("/sys/kernel/mm/ksm/sleep_millisecs", "0");
	host_write("/sys/kernel/mm/ksm/pages_to_scan", "10000");
	host_write("/sys/kernel/mm/ksm/run", "1");
	for (tries = 0; host_number("/sys/kernel/mm/ksm/pages_sharing") <
	     (long)SLOT_PAGES / 2; tries++) {
		TEST_ASSERT(tries < 10000, "nothing was merged");
		test_sleep_ms(1);
	}
	/* A kernel that does nothing but merge lets nobody come to write. */
	host_write("/sys/kernel/mm/ksm/sleep_millisecs", "20");
	/* The guest reads what is merged, writes it all, and is merged again meanwhile. */
	for (tries = 0; tries < 3; tries++)
		check_and_refill(vcpu);
	/* One page's change is not another's. */
	*(volatile uint64_t *)(memory + 7 * PAGE_BYTES) = 1;
	*(volatile uint64_t *)(memory + 7 * PAGE_BYTES) = content(0, true);
	check_and_refill(vcpu);
	/* Unmerge all. */
	host_write("/sys/kernel/mm/ksm/run", "2");
	ASSERT_EQ(host_number("/sys/kernel/mm/ksm/pages_sharing"), 0);
	check_and_refill(vcpu);
	host_write("/sys/kernel/mm/ksm/run", "0");
	vm_destroy(vcpu->vm);
}

static void move_to_node(uint8_t *memory, unsigned int node)
{
	enum { MOVE_ALL = 1 << 1 };
	static void *pages[SLOT_PAGES];
	static int nodes[SLOT_PAGES], status[SLOT_PAGES];
	unsigned int i;

	for (i = 0; i < SLOT_PAGES; i++) {
		pages[i] = memory + i * PAGE_BYTES;
		nodes[i] = node;
	}
	ASSERT_GE(syscall(SYS_move_pages, 0, SLOT_PAGES, pages, nodes, status, MOVE_ALL), 0);
}

static void need_two_nodes(void)
{
	if (access("/sys/devices/system/node/node1", F_OK))
		test_skip("the host has one memory node: boot parameter numa=fake=2");
}

static void migrated(void)
{
	struct vcpu *vcpu;
	uint64_t before;
	uint8_t *memory;
	unsigned int i;

	need_two_nodes();
	vcpu = create_filled(&memory, false, false);
	for (i = 0; i < 4; i++) {
		move_to_node(memory, i % 2);
		before = host_pagemap(memory) & PAGEMAP_FRAME;
		move_to_node(memory, 1 - i % 2);
		ASSERT_NE(host_pagemap(memory) & PAGEMAP_FRAME, before);
		check_and_refill(vcpu);
	}
	vm_destroy(vcpu->vm);
}

static void move_about(uint8_t *memory, unsigned int round)
{
	move_to_node(memory, round % 2);
}

static void migrated_while_running(void)
{
	need_two_nodes();
	disturb_running(false, 5, move_about);
	disturb_running(true, 5, move_about);
}

static void compact(uint8_t *memory, unsigned int round)
{
	if (!host_write("/proc/sys/vm/compact_memory", "1"))
		test_skip("this kernel does not compact memory");
}

static void compacted_while_running(void)
{
	disturb_running(false, 5, compact);
}

/* The scheduler takes away access to see who uses what. */
static void balanced_while_running(void)
{
	need_two_nodes();
	if (!host_write("/proc/sys/kernel/numa_balancing", "1"))
		test_skip("this kernel does not balance nodes");
	host_write("/sys/kernel/debug/sched/numa_balancing/scan_delay_ms", "1");
	host_write("/sys/kernel/debug/sched/numa_balancing/scan_period_min_ms", "10");
	disturb_running(false, 5, move_about);
	host_write("/proc/sys/kernel/numa_balancing", "0");
}

static void split_huge(void)
{
	uint8_t *memory;
	struct vcpu *vcpu = create_filled(&memory, false, true);

	ASSERT_EQ(mprotect(memory + PAGE_BYTES, PAGE_BYTES, PROT_READ), 0);
	ASSERT_EQ(mprotect(memory + PAGE_BYTES, PAGE_BYTES, PROT_READ | PROT_WRITE), 0);
	check_and_refill(vcpu);
	vm_destroy(vcpu->vm);
}

/* khugepaged puts small pages together under the guest. */
static void collapsed(void)
{
	uint8_t *memory;
	struct vcpu *vcpu = create_filled(&memory, false, false);
	uint64_t tables = host_guest_tables();
	unsigned int tries;

	if (madvise(memory, SLOT_BYTES, MADV_HUGEPAGE))
		test_skip("this kernel has no transparent huge pages");
	host_write("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "0");
	host_write("/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan", "10000");
	for (tries = 0; host_smaps(memory, "AnonHugePages") < SLOT_BYTES; tries++) {
		TEST_ASSERT(tries < 10000, "nothing was collapsed");
		test_sleep_ms(1);
	}
	check_and_refill(vcpu);
	/* Mapped by a large leaf, not by a table. */
	ASSERT_LE(host_guest_tables() + 1, tables);
	host_write("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "10000");
	vm_destroy(vcpu->vm);
}

/* What a balloon does: the pages are the host's at once, while the guest goes on. */
static void handed_back(bool is_huge)
{
	uint8_t *memory;
	struct vcpu *vcpu = create_filled(&memory, false, is_huge);
	uint64_t anon = host_meminfo("AnonPages");

	ASSERT_EQ(host_smaps(memory, "Rss"), SLOT_BYTES);
	/* No huge page is to be made anew of what is left. */
	(void)madvise(memory, SLOT_BYTES, MADV_NOHUGEPAGE);
	ASSERT_EQ(madvise(memory + SLOT_BYTES / 2, SLOT_BYTES / 2, MADV_DONTNEED), 0);
	ASSERT_EQ(host_smaps(memory, "Rss"), SLOT_BYTES / 2);
	ASSERT_LE(host_meminfo("AnonPages") + SLOT_BYTES / 4, anon);
	ASSERT_EQ(madvise(memory, SLOT_BYTES / 2, MADV_DONTNEED), 0);
	ASSERT_EQ(host_smaps(memory, "Rss"), 0u);
	vm_destroy(vcpu->vm);
}

static void handed_back_small(void)
{
	handed_back(false);
}

static void handed_back_huge(void)
{
	handed_back(true);
}

static const struct test_case cases[] = {
	{ "swapped_out", swapped_out },
	{ "swapped_out_huge", swapped_out_huge },
	{ "used_is_kept", used_is_kept },
	{ "swapped_while_running", swapped_while_running },
	{ "given_up_lazily", given_up_lazily },
	{ "merged", merged, 40 },
	{ "migrated", migrated },
	{ "migrated_while_running", migrated_while_running },
	{ "compacted_while_running", compacted_while_running },
	{ "balanced_while_running", balanced_while_running },
	{ "split_huge", split_huge },
	{ "collapsed", collapsed },
	{ "handed_back_small", handed_back_small },
	{ "handed_back_huge", handed_back_huge },
};

TEST_MAIN(cases)
