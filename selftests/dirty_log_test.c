// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_MEM_LOG_DIRTY_PAGES and KVM_GET_DIRTY_LOG: which pages are reported, when,
 * and that copying what is reported makes a true copy of a running guest's memory.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "guest.h"
#include "ucall.h"
#include "vcpu.h"
#include "x86.h"

#define SLOT 1
#define SLOT_GPA 0x10000000ull
#define SLOT_PAGES 1024ull
#define SLOT_BYTES (SLOT_PAGES * PAGE_BYTES)
#define LOG KVM_MEM_LOG_DIRTY_PAGES

#define PORT 0x4000

/* MADV_COLLAPSE, which an older C library does not name. */
#define COLLAPSE 25

static unsigned long bitmap[SLOT_PAGES / 64];

/* Memory that can be huge, aligned as the slot is. */
static uint8_t *slot_memory(void)
{
	uint8_t *memory = host_alloc(SLOT_BYTES + LARGE_PAGE_BYTES);

	memory += -(uintptr_t)memory & (LARGE_PAGE_BYTES - 1);
	madvise(memory, SLOT_BYTES, MADV_HUGEPAGE);
	return memory;
}

static int __get_log(struct vm *vm, uint32_t slot, void *buffer)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = buffer };

	return __vm_ioctl(vm, KVM_GET_DIRTY_LOG, &log);
}

static void get_log(struct vm *vm)
{
	memset(bitmap, 0xaa, sizeof(bitmap));
	ASSERT_EQ(__get_log(vm, SLOT, bitmap), 0);
}

static bool is_dirty(uint64_t page)
{
	return bitmap[page / 64] >> (page % 64) & 1;
}

static unsigned int count_dirty(void)
{
	unsigned int count = 0;
	uint64_t page;

	for (page = 0; page < SLOT_PAGES; page++)
		count += is_dirty(page);
	return count;
}

static void bad_arguments(void)
{
	struct vm *vm = vm_create();
	uint8_t *memory = slot_memory();

	ASSERT_ERRNO(__get_log(vm, SLOT, bitmap), ENOENT);
	vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, memory);
	ASSERT_ERRNO(__get_log(vm, SLOT, bitmap), ENOENT);
	vm_set_slot(vm, SLOT, LOG, SLOT_GPA, SLOT_BYTES, memory);
	ASSERT_EQ(__get_log(vm, SLOT, bitmap), 0);
	ASSERT_ERRNO(__get_log(vm, 1 << 16 | SLOT, bitmap), EINVAL);
	ASSERT_ERRNO(__get_log(vm, ~0u, bitmap), EINVAL);
	ASSERT_ERRNO(__get_log(vm, SLOT, NULL), EFAULT);
	ASSERT_ERRNO(__get_log(vm, SLOT, (void *)~0xfffull), EFAULT);
	vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, memory);
	ASSERT_ERRNO(__get_log(vm, SLOT, bitmap), ENOENT);
	vm_destroy(vm);
}

static void touch(uint64_t page, uint64_t value)
{
	*(volatile uint64_t *)(SLOT_GPA + page * PAGE_BYTES) = value;
}

static void guest_pages(void)
{
	uint64_t page, sum = 0;

	for (page = 0; page < SLOT_PAGES; page++)
		touch(page, page);
	GUEST_SYNC(1);
	for (page = 0; page < SLOT_PAGES; page++)
		sum += *(volatile uint64_t *)(SLOT_GPA + page * PAGE_BYTES);
	GUEST_ASSERT_EQ(sum, SLOT_PAGES * (SLOT_PAGES - 1) / 2);
	GUEST_SYNC(2);
	touch(0, 1);
	touch(63, 1);
	touch(64, 1);
	touch(SLOT_PAGES - 1, 1);
	GUEST_SYNC(3);
	touch(64, 2);
	GUEST_SYNC(4);
	/* Written by the module on the guest's behalf, over a page boundary. */
	asm volatile("rep insb"
		     : : "D"(SLOT_GPA + 8 * PAGE_BYTES - 2), "c"(4ull), "d"(PORT) : "memory");
	GUEST_SYNC(5);
	for (page = 0; page < SLOT_PAGES; page += 2)
		touch(page, 7);
	GUEST_SYNC(6);
}

static void reported_pages(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_pages);
	uint8_t *memory = slot_memory();
	uint64_t page;

	vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_run_sync(vcpu, 1);

	/* What was written before logging began does not count, nor do reads. */
	vm_set_slot(vm, SLOT, LOG, SLOT_GPA, SLOT_BYTES, memory);
	get_log(vm);
	ASSERT_EQ(count_dirty(), 0u);
	vcpu_run_sync(vcpu, 2);
	get_log(vm);
	ASSERT_EQ(count_dirty(), 0u);

	vcpu_run_sync(vcpu, 3);
	get_log(vm);
	TEST_ASSERT(count_dirty() == 4 && is_dirty(0) && is_dirty(63) && is_dirty(64) &&
		    is_dirty(SLOT_PAGES - 1), "%u pages", count_dirty());
	/* Each page is reported once for any number of writes before, and again after. */
	get_log(vm);
	ASSERT_EQ(count_dirty(), 0u);
	vcpu_run_sync(vcpu, 4);
	get_log(vm);
	TEST_ASSERT(count_dirty() == 1 && is_dirty(64), "%u pages", count_dirty());

	vcpu_run_to(vcpu, KVM_EXIT_IO);
	for (;;) {
		struct ucall ucall;

		if (vcpu_is_ucall(vcpu, &ucall))
			break;
		memset((uint8_t *)vcpu->run + vcpu->run->io.data_offset, 0x5a,
		       vcpu->run->io.size * vcpu->run->io.count);
		vcpu_run_to(vcpu, KVM_EXIT_IO);
	}
	get_log(vm);
	TEST_ASSERT(count_dirty() == 2 && is_dirty(7) && is_dirty(8), "%u pages", count_dirty());

	/* Off and on again: what was written while it was off is forgotten. */
	vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, memory);
	vm_set_slot(vm, SLOT, LOG, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_run_sync(vcpu, 6);
	get_log(vm);
	for (page = 0; page < SLOT_PAGES; page++)
		ASSERT_EQ(is_dirty(page), !(page & 1));
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static volatile uint64_t guest_stop;

static void guest_write_at_random(void)
{
	uint64_t id = (rdtsc() << 1) | 1, value = id;

	while (!guest_stop) {
		value ^= value << 13;
		value ^= value >> 7;
		value ^= value << 17;
		touch(value % SLOT_PAGES, value);
	}
}

/* What migration does; the copy must be true once the guest has stopped. */
static void copy_of_a_running_guest(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpus[2] = {
		vcpu_add(vm, 0, guest_write_at_random),
		vcpu_add(vm, 1, guest_write_at_random),
	};
	uint8_t *memory = slot_memory(), *copy = host_alloc(SLOT_BYTES);
	uint64_t page, copied = 0;
	unsigned int round;

	vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_thread_start(vcpus[0]);
	vcpu_thread_start(vcpus[1]);
	test_sleep_ms(100);

	vm_set_slot(vm, SLOT, LOG, SLOT_GPA, SLOT_BYTES, memory);
	memcpy(copy, memory, SLOT_BYTES);
	for (round = 0; round < 40; round++) {
		if (round == 35) {
			GUEST(vm, guest_stop) = 1;
			vcpu_thread_join(vcpus[0]);
			vcpu_thread_join(vcpus[1]);
		}
		test_sleep_ms(round % 8);
		get_log(vm);
		for (page = 0; page < SLOT_PAGES; page++) {
			if (!is_dirty(page))
				continue;
			copied++;
			memcpy(copy + page * PAGE_BYTES, memory + page * PAGE_BYTES, PAGE_BYTES);
		}
		/* The host moves memory around under the log, too. */
		if (round % 4 == 0)
			madvise(memory, SLOT_BYTES, COLLAPSE);
	}
	ASSERT_EQ(count_dirty(), 0u);
	TEST_ASSERT(copied > SLOT_PAGES, "only %llu pages", (unsigned long long)copied);
	for (page = 0; page < SLOT_PAGES; page++)
		TEST_ASSERT(!memcmp(copy + page * PAGE_BYTES, memory + page * PAGE_BYTES,
				    PAGE_BYTES),
			    "page %llu differs", (unsigned long long)page);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "bad_arguments", bad_arguments },
	{ "reported_pages", reported_pages },
	{ "copy_of_a_running_guest", copy_of_a_running_guest },
};

TEST_MAIN(cases)
