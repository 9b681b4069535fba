// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_MEM_LOG_DIRTY_PAGES, KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG: which pages are
 * reported, when, and that copying what is reported makes a true copy of a running guest's
 * memory.
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
#define MANUAL KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
#define INITIALLY_SET KVM_DIRTY_LOG_INITIALLY_SET

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

static int __clear_log(struct vm *vm, uint64_t first, uint32_t nr, void *buffer)
{
	struct kvm_clear_dirty_log log = {
		.slot = SLOT,
		.first_page = first,
		.num_pages = nr,
		.dirty_bitmap = buffer,
	};

	return __vm_ioctl(vm, KVM_CLEAR_DIRTY_LOG, &log);
}

static int __set_mode(struct vm *vm, uint64_t mode)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { mode },
	};

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
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
	ASSERT_ERRNO(__get_log(vm, 2 << 16 | SLOT, bitmap), EINVAL);
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

static void clear_bad_arguments(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .flags = 1 };
	struct vm *vm = vm_create();
	uint8_t *memory = slot_memory();
	uint64_t bytes = SLOT_BYTES - PAGE_BYTES;

	ASSERT_EQ(__vm_ioctl(vm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2),
		  MANUAL | INITIALLY_SET);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_ENABLE_CAP, &cap), EINVAL);
	ASSERT_ERRNO(__set_mode(vm, INITIALLY_SET), EINVAL);
	ASSERT_ERRNO(__set_mode(vm, MANUAL | 4), EINVAL);
	ASSERT_EQ(__set_mode(vm, MANUAL), 0);
	ASSERT_EQ(__set_mode(vm, 0), 0);

	ASSERT_ERRNO(__clear_log(vm, 0, 64, bitmap), ENOENT);
	vm_set_slot(vm, SLOT, 0, SLOT_GPA, bytes, memory);
	ASSERT_ERRNO(__clear_log(vm, 0, 64, bitmap), ENOENT);
	vm_set_slot(vm, SLOT, LOG, SLOT_GPA, bytes, memory);
	ASSERT_EQ(__clear_log(vm, 0, 64, bitmap), 0);
	ASSERT_EQ(__clear_log(vm, 0, SLOT_PAGES - 1, bitmap), 0);
	ASSERT_EQ(__clear_log(vm, SLOT_PAGES - 64, 63, bitmap), 0);
	ASSERT_EQ(__clear_log(vm, 64, 0, bitmap), 0);
	ASSERT_ERRNO(__clear_log(vm, 1, 64, bitmap), EINVAL);
	ASSERT_ERRNO(__clear_log(vm, 0, 65, bitmap), EINVAL);
	ASSERT_ERRNO(__clear_log(vm, 0, SLOT_PAGES, bitmap), EINVAL);
	ASSERT_ERRNO(__clear_log(vm, SLOT_PAGES, 1, bitmap), EINVAL);
	ASSERT_ERRNO(__clear_log(vm, ~63ull, 64, bitmap), EINVAL);
	ASSERT_ERRNO(__clear_log(vm, 0, ~0u, bitmap), EINVAL);
	ASSERT_ERRNO(__clear_log(vm, 0, 64, NULL), EFAULT);
	vm_destroy(vm);
}

static void guest_three_pages(void)
{
	unsigned int round;

	for (round = 1; ; round++) {
		touch(1, round);
		touch(65, round);
		touch(700, round);
		GUEST_SYNC(round);
	}
}

/* Reading leaves the log alone; what is cleared, and only that, is reported anew. */
static void cleared_pages(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_three_pages);
	uint8_t *memory = slot_memory();

	ASSERT_EQ(__set_mode(vm, MANUAL), 0);
	vm_set_slot(vm, SLOT, LOG, SLOT_GPA, SLOT_BYTES, memory);
	get_log(vm);
	ASSERT_EQ(count_dirty(), 0u);
	vcpu_run_sync(vcpu, 1);
	get_log(vm);
	get_log(vm);
	TEST_ASSERT(count_dirty() == 3 && is_dirty(1) && is_dirty(65) && is_dirty(700),
		    "%u pages", count_dirty());

	/* Bits of pages that are clean do not matter; those outside of the range stay. */
	memset(bitmap, 0xff, sizeof(bitmap));
	ASSERT_EQ(__clear_log(vm, 64, 64, bitmap), 0);
	get_log(vm);
	TEST_ASSERT(count_dirty() == 2 && is_dirty(1) && is_dirty(700), "%u pages",
		    count_dirty());
	memset(bitmap, 0, sizeof(bitmap));
	bitmap[0] = 1 << 1;
	ASSERT_EQ(__clear_log(vm, 0, SLOT_PAGES, bitmap), 0);
	get_log(vm);
	TEST_ASSERT(count_dirty() == 1 && is_dirty(700), "%u pages", count_dirty());

	vcpu_run_sync(vcpu, 2);
	get_log(vm);
	TEST_ASSERT(count_dirty() == 3 && is_dirty(1) && is_dirty(65), "%u pages",
		    count_dirty());

	/* Back to the mode in which reading clears. */
	ASSERT_EQ(__set_mode(vm, 0), 0);
	get_log(vm);
	ASSERT_EQ(count_dirty(), 3u);
	get_log(vm);
	ASSERT_EQ(count_dirty(), 0u);
	vcpu_run_sync(vcpu, 3);
	get_log(vm);
	ASSERT_EQ(count_dirty(), 3u);
	vm_destroy(vm);
}

static void initially_set(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_three_pages);
	uint8_t *memory = slot_memory();

	ASSERT_EQ(__set_mode(vm, MANUAL | INITIALLY_SET), 0);
	vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_run_sync(vcpu, 1);
	vm_set_slot(vm, SLOT, LOG, SLOT_GPA, SLOT_BYTES, memory);
	get_log(vm);
	ASSERT_EQ(count_dirty(), (unsigned int)SLOT_PAGES);
	vcpu_run_sync(vcpu, 2);

	/* The memory was mapped large and writable: clearing one page must see its writes. */
	memset(bitmap, 0xff, sizeof(bitmap));
	ASSERT_EQ(__clear_log(vm, 0, 128, bitmap), 0);
	get_log(vm);
	ASSERT_EQ(count_dirty(), (unsigned int)SLOT_PAGES - 128);
	vcpu_run_sync(vcpu, 3);
	get_log(vm);
	TEST_ASSERT(count_dirty() == SLOT_PAGES - 126 && is_dirty(1) && is_dirty(65),
		    "%u pages", count_dirty());
	vm_destroy(vm);
}

/* What migration does; the copy must be true once the guest has stopped. */
static void copy_of_a_running_guest(bool is_manual)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpus[2] = {
		vcpu_add(vm, 0, guest_write_at_random),
		vcpu_add(vm, 1, guest_write_at_random),
	};
	uint8_t *memory = slot_memory(), *copy = host_alloc(SLOT_BYTES);
	uint64_t page, copied = 0;
	unsigned int round;

	if (is_manual)
		ASSERT_EQ(__set_mode(vm, MANUAL | INITIALLY_SET), 0);
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
		/* In two parts, as VMMs do for large slots. */
		if (is_manual) {
			ASSERT_EQ(__clear_log(vm, 0, 192, bitmap), 0);
			ASSERT_EQ(__clear_log(vm, 192, SLOT_PAGES - 192, &bitmap[192 / 64]), 0);
		}
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

static void copy_by_reading(void)
{
	copy_of_a_running_guest(false);
}

static void copy_by_clearing(void)
{
	copy_of_a_running_guest(true);
}

static const struct test_case cases[] = {
	{ "bad_arguments", bad_arguments },
	{ "reported_pages", reported_pages },
	{ "clear_bad_arguments", clear_bad_arguments },
	{ "cleared_pages", cleared_pages },
	{ "initially_set", initially_set },
	{ "copy_by_reading", copy_by_reading },
	{ "copy_by_clearing", copy_by_clearing },
};

TEST_MAIN(cases)
