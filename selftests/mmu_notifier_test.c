// SPDX-License-Identifier: GPL-2.0
/*
 * The host changes its memory under a running guest (munmap, madvise, mprotect,
 * mremap, fork with copy-on-write): the guest sees what the process sees, and a
 * page that was given back is never written again.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "vcpu.h"

#define SLOT_GPA 0x10000000ull
#define SLOT_PAGES 64
#define SLOT_BYTES (SLOT_PAGES * PAGE_BYTES)

static volatile uint64_t guest_stop, guest_rounds;

static struct vcpu *create(void (*entry)(void), uint64_t **memory)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, entry);

	*memory = host_alloc(SLOT_BYTES);
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, *memory);
	return vcpu;
}

static void guest_echo(void)
{
	volatile uint64_t *word = (uint64_t *)SLOT_GPA;

	/* What the host left there comes back, and the next number goes in. */
	for (;;) {
		uint64_t value = *word;

		*word = value + 1;
		GUEST_SYNC_ARGS(1, value, 0, 0);
	}
}

static uint64_t echo(struct vcpu *vcpu)
{
	return vcpu_run_sync(vcpu, 1).args[1];
}

static void dontneed(void)
{
	uint64_t *memory;
	struct vcpu *vcpu = create(guest_echo, &memory);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		memory[0] = 100 + i;
		ASSERT_EQ(echo(vcpu), 100u + i);
		ASSERT_EQ(memory[0], 101u + i);
		ASSERT_EQ(madvise(memory, SLOT_BYTES, MADV_DONTNEED), 0);
		/* A fresh page of zeros, for both. */
		ASSERT_EQ(echo(vcpu), 0u);
		ASSERT_EQ(memory[0], 1u);
	}
	vm_destroy(vcpu->vm);
}

static void remapped(void)
{
	uint64_t *memory;
	struct vcpu *vcpu = create(guest_echo, &memory);
	void *place;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		memory[0] = 500 + i;
		ASSERT_EQ(echo(vcpu), 500u + i);
		munmap(memory, SLOT_BYTES);
		place = mmap(memory, SLOT_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		ASSERT_EQ(place == memory, 1);
		memory[0] = 700 + i;
		ASSERT_EQ(echo(vcpu), 700u + i);
		ASSERT_EQ(memory[0], 701u + i);
	}
	vm_destroy(vcpu->vm);
}

/* The process loses its right to write: so does the guest. */
static void protection(void)
{
	uint64_t *memory;
	struct vcpu *vcpu = create(guest_echo, &memory);

	memory[0] = 5;
	ASSERT_EQ(echo(vcpu), 5u);
	ASSERT_EQ(mprotect(memory, SLOT_BYTES, PROT_READ), 0);
	/* The write cannot be done, reads still could. */
	ASSERT_ERRNO(__vcpu_run(vcpu), EFAULT);
	ASSERT_EQ(memory[0], 6u);
	ASSERT_EQ(mprotect(memory, SLOT_BYTES, PROT_READ | PROT_WRITE), 0);
	ASSERT_EQ(echo(vcpu), 6u);
	ASSERT_EQ(memory[0], 7u);
	ASSERT_EQ(mprotect(memory, SLOT_BYTES, PROT_NONE), 0);
	ASSERT_ERRNO(__vcpu_run(vcpu), EFAULT);
	ASSERT_EQ(mprotect(memory, SLOT_BYTES, PROT_READ | PROT_WRITE), 0);
	ASSERT_EQ(echo(vcpu), 7u);
	vm_destroy(vcpu->vm);
}

/* After fork() the parent writes to a copy; the guest belongs to the parent. */
static void copy_on_write(void)
{
	uint64_t *memory;
	struct vcpu *vcpu = create(guest_echo, &memory);
	int to_child[2], status;
	uint64_t seen;
	pid_t pid;

	memory[0] = 40;
	ASSERT_EQ(echo(vcpu), 40u);
	ASSERT_EQ(pipe(to_child), 0);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		/* Until the parent and its guest have written. */
		(void)!read(to_child[0], &seen, 1);
		_exit(memory[0] == 41 ? 0 : 1);
	}
	ASSERT_EQ(echo(vcpu), 41u);
	ASSERT_EQ(memory[0], 42u);
	memory[0] = 90;
	ASSERT_EQ(echo(vcpu), 90u);
	ASSERT_EQ(write(to_child[1], "x", 1), 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status), "the child saw the guest's write");
	ASSERT_EQ(echo(vcpu), 91u);
	vm_destroy(vcpu->vm);
}

static void guest_hammer(void)
{
	volatile uint64_t *word = (uint64_t *)SLOT_GPA;
	unsigned int page;

	while (!guest_stop) {
		for (page = 0; page < SLOT_PAGES; page++) {
			volatile uint64_t *here = word + page * 512;
			uint64_t value = *here;

			/* Zero, or what was written here: never another page's word. */
			GUEST_ASSERT(value == 0 || value == SLOT_GPA + page);
			*here = SLOT_GPA + page;
		}
		guest_rounds++;
	}
}

static void hammer(void (*disturb)(uint64_t *memory, unsigned int round))
{
	uint64_t *memory, rounds;
	struct vcpu *vcpu = create(guest_hammer, &memory);
	unsigned int i;

	vcpu_thread_start(vcpu);
	for (i = 0; i < 100; i++) {
		rounds = GUEST(vcpu->vm, guest_rounds);
		disturb(memory, i);
		while (GUEST(vcpu->vm, guest_rounds) == rounds)
			test_sleep_ms(1);
	}
	GUEST(vcpu->vm, guest_stop) = 1;
	vcpu_thread_join(vcpu);
	vm_destroy(vcpu->vm);
}

static void drop_pages(uint64_t *memory, unsigned int round)
{
	ASSERT_EQ(madvise(memory + round % SLOT_PAGES * 512, PAGE_BYTES, MADV_DONTNEED), 0);
}

static void drop_all(uint64_t *memory, unsigned int round)
{
	ASSERT_EQ(madvise(memory, SLOT_BYTES, MADV_DONTNEED), 0);
}

static void fork_and_exit(uint64_t *memory, unsigned int round)
{
	pid_t pid;

	if (round % 5)
		return;
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid)
		_exit(0);
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
}

static void dontneed_while_running(void)
{
	hammer(drop_pages);
	hammer(drop_all);
}

static void fork_while_running(void)
{
	hammer(fork_and_exit);
}

/* A mapping of a file, shared: guest and file show the same. */
static void shared_file(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_echo);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	uint64_t value = 11;
	void *memory;

	TEST_ASSERT(fd >= 0, "memfd_create");
	ASSERT_EQ(ftruncate(fd, SLOT_BYTES), 0);
	ASSERT_EQ(pwrite(fd, &value, 8, 0), 8);
	memory = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	ASSERT_EQ(echo(vcpu), 11u);
	ASSERT_EQ(pread(fd, &value, 8, 0), 8);
	ASSERT_EQ(value, 12u);
	/* Punched out: zeros. */
	ASSERT_EQ(ftruncate(fd, 0), 0);
	ASSERT_ERRNO(__vcpu_run(vcpu), EFAULT);
	ASSERT_EQ(ftruncate(fd, SLOT_BYTES), 0);
	ASSERT_EQ(echo(vcpu), 0u);
	vm_destroy(vm);
}

/* The private mapping of a file: the first write makes a page of one's own. */
static void private_file(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_echo);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	uint64_t value = 21, *memory;

	TEST_ASSERT(fd >= 0, "memfd_create");
	ASSERT_EQ(ftruncate(fd, SLOT_BYTES), 0);
	ASSERT_EQ(pwrite(fd, &value, 8, 0), 8);
	memory = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	ASSERT_EQ(echo(vcpu), 21u);
	ASSERT_EQ(echo(vcpu), 22u);
	ASSERT_EQ(memory[0], 23u);
	ASSERT_EQ(pread(fd, &value, 8, 0), 8);
	ASSERT_EQ(value, 21u);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "dontneed", dontneed },
	{ "remapped", remapped },
	{ "protection", protection },
	{ "copy_on_write", copy_on_write },
	{ "dontneed_while_running", dontneed_while_running, 40 },
	{ "fork_while_running", fork_while_running, 40 },
	{ "shared_file", shared_file },
	{ "private_file", private_file },
};

TEST_MAIN(cases)
