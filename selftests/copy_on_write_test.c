// SPDX-License-Identifier: GPL-2.0
/*
 * Reading costs no memory: what the guest only reads stays the kernel's page of zeros or
 * the file's page, and its first write makes a page of the process's own, as a write by the
 * process does.
 */
#define _GNU_SOURCE
#include <unistd.h>
#include <sys/mman.h>

#include "host.h"
#include "host_memory.h"
#include "vcpu.h"

#define SLOT_GPA 0x10000000ull
#define SLOT_PAGES 64
#define SLOT_BYTES (SLOT_PAGES * PAGE_BYTES)

/* Read all, then write to every @step'th page, and read all again. */
static void guest_read_and_write(uint64_t bytes, uint64_t step)
{
	uint64_t gpa, sum = 0;

	for (gpa = SLOT_GPA; gpa < SLOT_GPA + bytes; gpa += PAGE_BYTES)
		sum += *(volatile uint64_t *)gpa;
	GUEST_SYNC_ARGS(1, sum, 0, 0);
	sum = 0;
	for (gpa = SLOT_GPA; gpa < SLOT_GPA + bytes; gpa += step * PAGE_BYTES)
		*(volatile uint64_t *)gpa = 5;
	for (gpa = SLOT_GPA; gpa < SLOT_GPA + bytes; gpa += PAGE_BYTES)
		sum += *(volatile uint64_t *)gpa;
	GUEST_SYNC_ARGS(2, sum, 0, 0);
	sum = 0;
	for (gpa = SLOT_GPA; gpa < SLOT_GPA + bytes; gpa += PAGE_BYTES)
		sum += *(volatile uint64_t *)gpa;
	GUEST_SYNC_ARGS(3, sum, 0, 0);
}

static struct vcpu *create(void *memory, uint64_t bytes, uint64_t step)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_read_and_write);

	vm_set_slot(vm, 1, 0, SLOT_GPA, bytes, memory);
	vcpu_set_arg(vcpu, 0, bytes);
	vcpu_set_arg(vcpu, 1, step);
	return vcpu;
}

static uint64_t run_sum(struct vcpu *vcpu, uint64_t stage)
{
	return vcpu_run_sync(vcpu, stage).args[1];
}

/* Nobody else's zeros have changed. */
static void check_zeros(void)
{
	volatile uint8_t *memory = host_alloc(PAGE_BYTES);
	unsigned int i;

	for (i = 0; i < PAGE_BYTES; i++)
		ASSERT_EQ(memory[i], 0);
}

static void page_of_zeros(void)
{
	uint64_t *memory = host_alloc(SLOT_BYTES), first;
	struct vcpu *vcpu;
	unsigned int i;

	(void)madvise(memory, SLOT_BYTES, MADV_NOHUGEPAGE);
	vcpu = create(memory, SLOT_BYTES, 2);
	ASSERT_EQ(run_sum(vcpu, 1), 0u);
	ASSERT_EQ(host_smaps(memory, "Anonymous"), 0u);
	/* All of them are the same page. */
	first = host_pagemap(memory);
	ASSERT_NE(first & PAGEMAP_PRESENT, 0u);
	for (i = 1; i < SLOT_PAGES; i++)
		ASSERT_EQ(host_pagemap(memory + i * 512) & PAGEMAP_FRAME, first & PAGEMAP_FRAME);
	ASSERT_EQ(run_sum(vcpu, 2), 5u * SLOT_PAGES / 2);
	ASSERT_EQ(host_smaps(memory, "Anonymous"), SLOT_BYTES / 2);
	for (i = 0; i < SLOT_PAGES; i++)
		ASSERT_EQ(memory[i * 512], i % 2 ? 0u : 5u);
	check_zeros();
	vm_destroy(vcpu->vm);
}

static void huge_page_of_zeros(void)
{
	uint64_t *memory = host_alloc(LARGE_PAGE_BYTES), tables;
	struct vcpu *vcpu;

	if (host_number("/sys/kernel/mm/transparent_hugepage/use_zero_page") != 1 ||
	    madvise(memory, LARGE_PAGE_BYTES, MADV_HUGEPAGE))
		test_skip("this kernel has no huge page of zeros");
	vcpu = create(memory, LARGE_PAGE_BYTES, 512);
	tables = host_guest_tables();
	ASSERT_EQ(run_sum(vcpu, 1), 0u);
	ASSERT_EQ(host_smaps(memory, "Anonymous"), 0u);
	/* Those of a VM that has not run, and none for the slot's small pages. */
	tables = host_guest_tables() - tables;
	ASSERT_EQ(run_sum(vcpu, 2), 5u);
	ASSERT_GE(host_smaps(memory, "Anonymous"), PAGE_BYTES);
	ASSERT_EQ(memory[0], 5u);
	ASSERT_EQ(run_sum(vcpu, 3), 5u);
	check_zeros();
	vm_destroy(vcpu->vm);
	ASSERT_LE(tables, 8u);
}

/* A file's pages: the guest sees what is written to the file until it writes itself. */
static void private_file(void)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);
	struct vcpu *vcpu;
	uint64_t value, *memory;
	unsigned int i;

	TEST_ASSERT(fd >= 0, "memfd_create");
	for (i = 0; i < SLOT_PAGES; i++) {
		value = i;
		ASSERT_EQ(pwrite(fd, &value, 8, i * PAGE_BYTES), 8);
	}
	ASSERT_EQ(ftruncate(fd, SLOT_BYTES), 0);
	memory = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	vcpu = create(memory, SLOT_BYTES, SLOT_PAGES / 2);
	ASSERT_EQ(run_sum(vcpu, 1), SLOT_PAGES * (SLOT_PAGES - 1) / 2u);
	ASSERT_EQ(host_smaps(memory, "Anonymous"), 0u);
	/* Pages 0 and 32 become the guest's; page 1 is the file's as before. */
	value = 1001;
	ASSERT_EQ(pwrite(fd, &value, 8, PAGE_BYTES), 8);
	ASSERT_EQ(run_sum(vcpu, 2),
		  SLOT_PAGES * (SLOT_PAGES - 1) / 2u + 1000 + 5 + 5 - SLOT_PAGES / 2);
	ASSERT_EQ(host_smaps(memory, "Anonymous"), 2 * PAGE_BYTES);
	value = 7777;
	ASSERT_EQ(pwrite(fd, &value, 8, 0), 8);
	ASSERT_EQ(run_sum(vcpu, 3),
		  SLOT_PAGES * (SLOT_PAGES - 1) / 2u + 1000 + 5 + 5 - SLOT_PAGES / 2);
	ASSERT_EQ(pread(fd, &value, 8, SLOT_BYTES / 2), 8);
	ASSERT_EQ(value, SLOT_PAGES / 2u);
	vm_destroy(vcpu->vm);
}

/* The process has read the page before: that makes it no more writable. */
static void read_by_process_first(void)
{
	volatile uint64_t *memory = host_alloc(SLOT_BYTES);
	struct vcpu *vcpu;
	unsigned int i;

	(void)madvise((void *)memory, SLOT_BYTES, MADV_NOHUGEPAGE);
	for (i = 0; i < SLOT_PAGES; i++)
		ASSERT_EQ(memory[i * 512], 0u);
	vcpu = create((void *)memory, SLOT_BYTES, 1);
	ASSERT_EQ(run_sum(vcpu, 1), 0u);
	ASSERT_EQ(host_smaps((void *)memory, "Anonymous"), 0u);
	ASSERT_EQ(run_sum(vcpu, 2), 5u * SLOT_PAGES);
	ASSERT_EQ(host_smaps((void *)memory, "Anonymous"), SLOT_BYTES);
	check_zeros();
	vm_destroy(vcpu->vm);
}

static const struct test_case cases[] = {
	{ "page_of_zeros", page_of_zeros },
	{ "huge_page_of_zeros", huge_page_of_zeros },
	{ "private_file", private_file },
	{ "read_by_process_first", read_by_process_first },
};

TEST_MAIN(cases)
