// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory is mapped in pieces as large as the host's: 4 KiB, 2 MiB (transparent
 * or of hugetlbfs) and 1 GiB.  The size shows in how many page tables a guest costs,
 * which the host's kernel counts.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "host.h"
#include "host_memory.h"
#include "vcpu.h"

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB (30 << 26)
#endif

/* A GiB of guest addresses of its own: one table of level 2, if there are no larger leaves. */
#define SLOT_GPA 0x40000000ull
#define GIB (1ull << 30)
#define LARGE_PAGES 16
#define SLOT_BYTES (LARGE_PAGES * LARGE_PAGE_BYTES)

static void guest_touch(uint64_t bytes, uint64_t write)
{
	uint64_t gpa;

	for (;;) {
		for (gpa = SLOT_GPA; gpa < SLOT_GPA + bytes; gpa += LARGE_PAGE_BYTES) {
			volatile uint64_t *word = (uint64_t *)gpa;

			if (write)
				*word = gpa;
			else
				(void)*word;
		}
		GUEST_SYNC(1);
	}
}

/* A VM whose own tables stand already, so that what comes is the slot's. */
static struct vcpu *create(void *memory, uint64_t gpa, uint64_t bytes, bool write)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_touch);

	vm_set_slot(vm, 1, 0, gpa, bytes, memory);
	vcpu_set_arg(vcpu, 0, 0);
	vcpu_run_sync(vcpu, 1);
	vcpu_set_entry(vcpu, (void (*)(void))guest_touch);
	vcpu_set_arg(vcpu, 0, bytes);
	vcpu_set_arg(vcpu, 1, write);
	return vcpu;
}

/* Let the guest use one page of each 2 MiB; return how many tables that took. */
static uint64_t touch(struct vcpu *vcpu)
{
	uint64_t before = host_guest_tables();

	vcpu_run_sync(vcpu, 1);
	return host_guest_tables() - before;
}

static void *small_pages(uint64_t bytes)
{
	void *memory = host_alloc(bytes);

	/* Fails where there are none. */
	(void)madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

static void *huge_pages(uint64_t bytes)
{
	void *memory = host_alloc(bytes);

	host_want_huge_pages(memory, bytes);
	return memory;
}

static void *hugetlb_pages(uint64_t bytes, int size)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size, -1, 0);

	if (memory == MAP_FAILED)
		test_skip("the host has no such huge pages free");
	return memory;
}

/* The table of each 2 MiB; the one above them is there already, or comes with the first. */
static void size_4k(void)
{
	struct vcpu *vcpu = create(small_pages(SLOT_BYTES), SLOT_GPA, SLOT_BYTES, true);
	uint64_t tables = touch(vcpu);

	ASSERT_GE(tables, (uint64_t)LARGE_PAGES);
	ASSERT_LE(tables, (uint64_t)LARGE_PAGES + 1);
	vm_destroy(vcpu->vm);
}

static void size_2m(void)
{
	struct vcpu *vcpu = create(huge_pages(SLOT_BYTES), SLOT_GPA, SLOT_BYTES, true);

	ASSERT_LE(touch(vcpu), 1u);
	vm_destroy(vcpu->vm);
	vcpu = create(huge_pages(SLOT_BYTES), SLOT_GPA, SLOT_BYTES, false);
	ASSERT_LE(touch(vcpu), 1u);
	vm_destroy(vcpu->vm);
}

/* The first touch is the guest's: the host makes huge pages for it, too. */
static void size_2m_by_guest(void)
{
	void *memory = huge_pages(SLOT_BYTES);
	struct vcpu *vcpu = create(memory, SLOT_GPA, SLOT_BYTES, true);

	ASSERT_EQ(madvise(memory, SLOT_BYTES, MADV_DONTNEED), 0);
	ASSERT_LE(touch(vcpu), 1u);
	ASSERT_EQ(host_smaps(memory, "AnonHugePages"), SLOT_BYTES);
	vm_destroy(vcpu->vm);
}

static void size_2m_hugetlb(void)
{
	struct vcpu *vcpu;

	host_write("/proc/sys/vm/nr_hugepages", "16");
	vcpu = create(hugetlb_pages(SLOT_BYTES, MAP_HUGE_2MB), SLOT_GPA, SLOT_BYTES, true);
	ASSERT_LE(touch(vcpu), 1u);
	vm_destroy(vcpu->vm);
	host_write("/proc/sys/vm/nr_hugepages", "0");
}

/* Not even a table of level 2: where the host has boot parameters hugepagesz=1G hugepages=1. */
static void size_1g(void)
{
	struct vcpu *vcpu = create(hugetlb_pages(GIB, MAP_HUGE_1GB), SLOT_GPA, GIB, true);

	ASSERT_EQ(touch(vcpu), 0u);
	vm_destroy(vcpu->vm);
}

/* A slot of a 1 GiB page less 2 MiB: the next smaller size does. */
static void size_1g_in_part(void)
{
	void *memory = hugetlb_pages(GIB, MAP_HUGE_1GB);
	struct vcpu *vcpu = create(memory, SLOT_GPA, GIB - LARGE_PAGE_BYTES, true);

	ASSERT_EQ(touch(vcpu), 1u);
	vm_destroy(vcpu->vm);
}

/* Guest and host addresses differ in what a large leaf covers: small ones. */
static void misaligned(void)
{
	uint8_t *memory = huge_pages(SLOT_BYTES + LARGE_PAGE_BYTES);
	struct vcpu *vcpu = create(memory + PAGE_BYTES, SLOT_GPA, SLOT_BYTES, true);

	ASSERT_GE(touch(vcpu), (uint64_t)LARGE_PAGES);
	vm_destroy(vcpu->vm);
}

/* Small leaves while writes are logged, large ones before and after. */
static void dirty_logging(void)
{
	void *memory = huge_pages(SLOT_BYTES);
	struct vcpu *vcpu = create(memory, SLOT_GPA, SLOT_BYTES, true);
	struct vm *vm = vcpu->vm;
	uint64_t large, small, again;
	unsigned int i;

	touch(vcpu);
	large = host_guest_tables();
	for (i = 0; i < 3; i++) {
		vm_set_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_BYTES, memory);
		touch(vcpu);
		small = host_guest_tables();
		ASSERT_GE(small, large + LARGE_PAGES);
		vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
		touch(vcpu);
		again = host_guest_tables();
		ASSERT_LE(again, large);
	}
	vm_destroy(vm);
}

/* The host splits one page of sixteen: that one's leaf goes, the others stay large. */
static void split_by_host(void)
{
	uint8_t *memory = huge_pages(SLOT_BYTES);
	struct vcpu *vcpu = create(memory, SLOT_GPA, SLOT_BYTES, true);

	touch(vcpu);
	ASSERT_EQ(madvise(memory + LARGE_PAGE_BYTES + PAGE_BYTES, PAGE_BYTES, MADV_DONTNEED), 0);
	ASSERT_EQ(touch(vcpu), 1u);
	ASSERT_EQ(touch(vcpu), 0u);
	vm_destroy(vcpu->vm);
}

static const struct test_case cases[] = {
	{ "size_4k", size_4k },
	{ "size_2m", size_2m },
	{ "size_2m_by_guest", size_2m_by_guest },
	{ "size_2m_hugetlb", size_2m_hugetlb },
	{ "size_1g", size_1g },
	{ "size_1g_in_part", size_1g_in_part },
	{ "misaligned", misaligned },
	{ "dirty_logging", dirty_logging },
	{ "split_by_host", split_by_host },
};

TEST_MAIN(cases)
