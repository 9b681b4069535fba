// SPDX-License-Identifier: GPL-2.0
/*
 * As many slots as KVM_CAP_NR_MEMSLOTS says, each of them reached by the guest.  Apart from
 * memslot_test because it takes long.
 */
#include <sys/mman.h>

#include "vcpu.h"

#define SLOT_GPA 0x10000000ull
#define BACKING_PAGES 64

/* Each page of the row holds its number within BACKING_PAGES. */
static void guest_read_row(uint64_t pages)
{
	uint64_t i;

	for (;;) {
		for (i = 0; i < pages; i++)
			GUEST_ASSERT_EQ(*(volatile uint64_t *)(SLOT_GPA + i * PAGE_BYTES),
					i % BACKING_PAGES);
		GUEST_SYNC(1);
	}
}

static void number_pages(uint64_t *memory)
{
	unsigned int i;

	for (i = 0; i < BACKING_PAGES; i++)
		memory[i * PAGE_BYTES / 8] = i;
}

static void note_duration(const char *what, uint64_t start)
{
	test_note("%s in %llu ms", what, (unsigned long long)(test_now_ns() - start) / 1000000);
}

static void all_slots(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_read_row);
	unsigned int slots = node_check(KVM_CAP_NR_MEMSLOTS), i;
	uint64_t *memory = host_alloc(BACKING_PAGES * PAGE_BYTES), start = test_now_ns();

	ASSERT_EQ(slots, 32764u);
	number_pages(memory);
	/* Slot 0 is the library's; in an order that is neither up nor down. */
	for (i = 1; i < slots; i++) {
		uint64_t page = (uint64_t)i * 7919 % (slots - 1);

		vm_set_slot(vm, i, 0, SLOT_GPA + page * PAGE_BYTES, PAGE_BYTES,
			    memory + page % BACKING_PAGES * PAGE_BYTES / 8);
	}
	note_duration("made", start);
	ASSERT_ERRNO(__vm_set_slot(vm, slots, 0, 0xf0000000, PAGE_BYTES, memory), EINVAL);
	vcpu_set_arg(vcpu, 0, slots - 1);
	vcpu_run_sync(vcpu, 1);
	/* Each page is behind hundreds of slots, and all of them notice when it goes. */
	ASSERT_EQ(madvise(memory, BACKING_PAGES * PAGE_BYTES, MADV_DONTNEED), 0);
	number_pages(memory);
	vcpu_run_sync(vcpu, 1);

	/* Some one by one; the others go with the VM. */
	start = test_now_ns();
	for (i = 1; i < slots; i += 64)
		vm_set_slot(vm, i, 0, 0, 0, NULL);
	note_duration("a 64th removed", start);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "all_slots", all_slots, 300 },
};

TEST_MAIN(cases)
