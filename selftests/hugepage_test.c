// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory on transparent huge pages: contents are right while the host
 * splits, drops and remakes them under the guest.  Whether they are mapped as such
 * is mapping_size_test's question.
 */
#include <sys/mman.h>

#include "host_memory.h"
#include "vcpu.h"

#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES (4 * LARGE_PAGE_BYTES)

static void guest_fill(uint64_t gpa, uint64_t bytes)
{
	uint64_t offset;

	for (offset = 0; offset < bytes; offset += PAGE_BYTES)
		*(volatile uint64_t *)(gpa + offset) = offset ^ 0x5555;
	GUEST_SYNC(1);
	for (;;) {
		uint64_t zeros = 0;

		for (offset = 0; offset < bytes; offset += PAGE_BYTES) {
			uint64_t value = *(volatile uint64_t *)(gpa + offset);

			GUEST_ASSERT(value == 0 || value == (offset ^ 0x5555));
			zeros += !value;
		}
		GUEST_SYNC_ARGS(2, zeros, 0, 0);
	}
}

static struct vcpu *create(uint8_t **memory, uint64_t gpa, uint64_t hva_offset, uint64_t bytes)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_fill);

	*memory = host_alloc(SLOT_BYTES + LARGE_PAGE_BYTES);
	host_want_huge_pages(*memory, SLOT_BYTES + LARGE_PAGE_BYTES);
	*memory += hva_offset;
	vm_set_slot(vm, 1, 0, gpa, bytes, *memory);
	vcpu_set_arg(vcpu, 0, gpa);
	vcpu_set_arg(vcpu, 1, bytes);
	return vcpu;
}

static void check_host_side(const uint8_t *memory, uint64_t bytes)
{
	uint64_t offset;

	for (offset = 0; offset < bytes; offset += PAGE_BYTES)
		ASSERT_EQ(*(uint64_t *)(memory + offset), offset ^ 0x5555);
}

static void contents(void)
{
	uint8_t *memory;
	struct vcpu *vcpu = create(&memory, SLOT_GPA, 0, SLOT_BYTES);

	vcpu_run_sync(vcpu, 1);
	check_host_side(memory, SLOT_BYTES);
	ASSERT_EQ(vcpu_run_sync(vcpu, 2).args[1], 0u);
	vm_destroy(vcpu->vm);
}

/* GPA and HVA differ in their low 21 bits: no large mapping is possible. */
static void misaligned(void)
{
	uint8_t *memory;
	struct vcpu *vcpu = create(&memory, SLOT_GPA + PAGE_BYTES, 0, SLOT_BYTES);

	vcpu_run_sync(vcpu, 1);
	check_host_side(memory, SLOT_BYTES);
	vm_destroy(vcpu->vm);
}

/* The slot begins and ends inside a huge page: what lies outside stays untouched. */
static void slot_edges(void)
{
	uint64_t hva_offset = 3 * PAGE_BYTES;
	uint64_t bytes = SLOT_BYTES - 7 * PAGE_BYTES;
	uint8_t *memory, *end;
	struct vcpu *vcpu = create(&memory, SLOT_GPA + hva_offset, hva_offset, bytes);

	vcpu_run_sync(vcpu, 1);
	check_host_side(memory, bytes);
	for (end = memory - hva_offset; end < memory; end++)
		ASSERT_EQ(*end, 0);
	for (end = memory + bytes; end < memory + bytes + 4 * PAGE_BYTES; end++)
		ASSERT_EQ(*end, 0);
	vm_destroy(vcpu->vm);
}

static void split_by_host(void)
{
	uint8_t *memory;
	struct vcpu *vcpu = create(&memory, SLOT_GPA, 0, SLOT_BYTES);

	vcpu_run_sync(vcpu, 1);
	/* One small page out of the middle. */
	ASSERT_EQ(madvise(memory + LARGE_PAGE_BYTES + 5 * PAGE_BYTES, PAGE_BYTES,
			  MADV_DONTNEED), 0);
	ASSERT_EQ(vcpu_run_sync(vcpu, 2).args[1], 1u);
	/* A protection change of a part splits as well. */
	ASSERT_EQ(mprotect(memory + 9 * PAGE_BYTES, PAGE_BYTES, PROT_READ), 0);
	ASSERT_EQ(vcpu_run_sync(vcpu, 2).args[1], 1u);
	/* A whole huge page gone. */
	ASSERT_EQ(madvise(memory + 2 * LARGE_PAGE_BYTES, LARGE_PAGE_BYTES, MADV_DONTNEED), 0);
	ASSERT_EQ(vcpu_run_sync(vcpu, 2).args[1], 513u);
	vm_destroy(vcpu->vm);
}

/* Dirty logging needs small pages: the huge mapping goes, and comes back without it. */
static void dirty_logging(void)
{
	uint8_t *memory;
	struct vcpu *vcpu = create(&memory, SLOT_GPA, 0, SLOT_BYTES);
	unsigned int i;

	vcpu_run_sync(vcpu, 1);
	for (i = 0; i < 3; i++) {
		vm_set_slot(vcpu->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_BYTES, memory);
		ASSERT_EQ(vcpu_run_sync(vcpu, 2).args[1], 0u);
		vm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
		ASSERT_EQ(vcpu_run_sync(vcpu, 2).args[1], 0u);
	}
	vm_destroy(vcpu->vm);
}

/* What is data at first is code then, and the other way round. */
static void guest_execute(void)
{
	unsigned int round, page;

	for (round = 0; round < 2; round++) {
		for (page = 0; page < SLOT_BYTES / PAGE_BYTES; page += 100) {
			volatile uint8_t *code = (uint8_t *)SLOT_GPA + page * PAGE_BYTES;
			uint32_t value = 0;

			/* MOV EAX, page; RET */
			code[0] = 0xb8;
			*(volatile uint32_t *)(code + 1) = page + round;
			code[5] = 0xc3;
			asm volatile("call *%1" : "=a"(value) : "r"(code) : "memory");
			GUEST_ASSERT_EQ(value, page + round);
			/* Its neighbour is data still. */
			code[PAGE_BYTES] = round + 1;
		}
	}
}

static void executed(void)
{
	uint8_t *memory;
	struct vcpu *vcpu = create(&memory, SLOT_GPA, 0, SLOT_BYTES);
	unsigned int page;

	vcpu_set_entry(vcpu, guest_execute);
	vcpu_run_done(vcpu);
	for (page = 0; page < SLOT_BYTES / PAGE_BYTES - 1; page += 100)
		ASSERT_EQ(memory[(page + 1) * PAGE_BYTES], 2);
	vm_destroy(vcpu->vm);
}

static const struct test_case cases[] = {
	{ "contents", contents },
	{ "misaligned", misaligned },
	{ "slot_edges", slot_edges },
	{ "split_by_host", split_by_host },
	{ "dirty_logging", dirty_logging },
	{ "executed", executed },
};

TEST_MAIN(cases)
