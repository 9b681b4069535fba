// SPDX-License-Identifier: GPL-2.0
/*
 * The page tables of a big guest: charged to the cgroup of whoever runs it, and freed to the
 * last one, in little time and without holding up the host, when the VM or the slot goes.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "host.h"
#include "host_memory.h"
#include "vcpu.h"

#define GIB (1ull << 30)
#define SLOT_GPA (4 * GIB)
#define SLOT_BYTES (16 * GIB)
#define LARGE_PAGES (SLOT_BYTES / LARGE_PAGE_BYTES)
#define GROUP "/sys/fs/cgroup/table_memory_test"

/* One page of each 2 MiB: a table each. */
static void guest_touch(uint64_t large_pages)
{
	uint64_t i;

	for (;;) {
		GUEST_SYNC(1);
		for (i = 0; i < large_pages; i++)
			(void)*(volatile uint64_t *)(SLOT_GPA + i * LARGE_PAGE_BYTES);
		GUEST_SYNC(2);
	}
}

/* The library maps the guest's first 4 GiB; map the slot behind them. */
static void map_slot(struct vm *vm)
{
	unsigned int tables = SLOT_BYTES / GIB, i;
	uint64_t gpa = vm_alloc_pages(vm, tables);
	uint64_t *pdpt = vm_hva(vm, GPA_PDPT, PAGE_BYTES);
	uint64_t *pd = vm_hva(vm, gpa, tables * PAGE_BYTES);

	for (i = 0; i < tables; i++)
		pdpt[SLOT_GPA / GIB + i] = (gpa + i * PAGE_BYTES) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < LARGE_PAGES; i++)
		pd[i] = (SLOT_GPA + i * LARGE_PAGE_BYTES) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

static void *slot_memory(void)
{
	void *memory = host_alloc(SLOT_BYTES);

	(void)madvise(memory, SLOT_BYTES, MADV_NOHUGEPAGE);
	return memory;
}

static struct vcpu *create(void *memory)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_touch);

	map_slot(vm);
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_set_arg(vcpu, 0, LARGE_PAGES);
	vcpu_run_sync(vcpu, 1);
	return vcpu;
}

/* Let the guest touch everything; return how many tables that took. */
static uint64_t touch(struct vcpu *vcpu)
{
	uint64_t before = host_guest_tables();

	vcpu_run_sync(vcpu, 2);
	return host_guest_tables() - before;
}

static void note_duration(const char *what, uint64_t start)
{
	uint64_t ms = (test_now_ns() - start) / 1000000;

	test_note("%s: %llu tables in %llu ms", what, (unsigned long long)LARGE_PAGES,
		  (unsigned long long)ms);
	/* A soft lockup would be twenty. */
	ASSERT_LE(ms, 10000u);
}

static void freed_with_the_vm(void)
{
	uint64_t base = host_guest_tables(), start;
	struct vcpu *vcpu = create(slot_memory());

	ASSERT_GE(touch(vcpu), LARGE_PAGES);
	start = test_now_ns();
	vm_destroy(vcpu->vm);
	note_duration("VM", start);
	ASSERT_EQ(host_guest_tables(), base);
}

static void freed_with_the_slot(void)
{
	struct vcpu *vcpu = create(slot_memory());
	uint64_t base = host_guest_tables(), start;
	struct vm *vm = vcpu->vm;

	ASSERT_GE(touch(vcpu), LARGE_PAGES);
	start = test_now_ns();
	vm_set_slot(vm, 1, 0, 0, 0, NULL);
	note_duration("slot", start);
	ASSERT_LE(host_guest_tables(), base);
	vm_destroy(vm);
}

/* The process unmaps the memory: nothing is behind the slot any more. KVM keeps the tables. */
static void freed_with_the_memory(void)
{
	uint8_t *memory = slot_memory();
	struct vcpu *vcpu = create(memory);
	uint64_t base = host_guest_tables(), start;

	ASSERT_GE(touch(vcpu), LARGE_PAGES);
	start = test_now_ns();
	ASSERT_EQ(munmap(memory, SLOT_BYTES), 0);
	note_duration("memory", start);
	if (node_is_lodge())
		ASSERT_LE(host_guest_tables(), base + 64);
	vm_destroy(vcpu->vm);
}

/* The process dies, with its guest in its midst. */
static void freed_with_the_process(void)
{
	uint64_t base = host_guest_tables(), start;
	int pipes[2], status;
	struct vcpu *vcpu;
	pid_t pid;
	char byte;

	ASSERT_EQ(pipe(pipes), 0);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		vcpu = create(slot_memory());
		touch(vcpu);
		(void)!write(pipes[1], "x", 1);
		for (;;)
			pause();
	}
	ASSERT_EQ(read(pipes[0], &byte, 1), 1);
	ASSERT_GE(host_guest_tables(), base + LARGE_PAGES);
	start = test_now_ns();
	ASSERT_EQ(kill(pid, SIGKILL), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	note_duration("process", start);
	ASSERT_EQ(host_guest_tables(), base);
}

/* A line of the group's memory.stat. */
static uint64_t group_stat(const char *field)
{
	FILE *file = fopen(GROUP "/memory.stat", "r");
	uint64_t value;
	char line[128];

	if (!file)
		test_skip("the host has no cgroups with memory");
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ' ') {
			value = strtoull(line + strlen(field), NULL, 10);
			fclose(file);
			return value;
		}
	}
	fclose(file);
	test_skip("memory.stat has no %s", field);
}

static void charged_to_the_group(void)
{
	uint64_t base, before, bytes = LARGE_PAGES * PAGE_BYTES;
	struct vcpu *vcpu;
	char pid[16];

	host_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0755) && errno != EEXIST)
		test_skip("no cgroup can be made");
	snprintf(pid, sizeof(pid), "%d", getpid());
	TEST_ASSERT(host_write(GROUP "/cgroup.procs", pid), "cgroup.procs");
	base = group_stat("sec_pagetables");
	vcpu = create(slot_memory());
	before = host_number(GROUP "/memory.current");
	touch(vcpu);
	ASSERT_GE(group_stat("sec_pagetables"), base + bytes);
	ASSERT_GE((uint64_t)host_number(GROUP "/memory.current"), before + bytes);
	vm_destroy(vcpu->vm);
	ASSERT_EQ(group_stat("sec_pagetables"), base);
	TEST_ASSERT(host_write("/sys/fs/cgroup/cgroup.procs", pid), "cgroup.procs");
	rmdir(GROUP);
}

static const struct test_case cases[] = {
	{ "freed_with_the_vm", freed_with_the_vm },
	{ "freed_with_the_slot", freed_with_the_slot },
	{ "freed_with_the_memory", freed_with_the_memory },
	{ "freed_with_the_process", freed_with_the_process },
	{ "charged_to_the_group", charged_to_the_group },
};

TEST_MAIN(cases)
