// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_USER_MEMORY_REGION: create, move, delete, flags, read-only slots, and
 * every argument that must be refused; changes under a running vCPU.
 */
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "vcpu.h"

#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES (64 * PAGE_BYTES)

static void create_delete(void)
{
	struct vm *vm = vm_create_bare();
	void *memory = host_alloc(SLOT_BYTES);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(__vm_set_slot(vm, 3, 0, SLOT_GPA, SLOT_BYTES, memory), 0);
		ASSERT_EQ(__vm_set_slot(vm, 3, 0, SLOT_GPA, 0, memory), 0);
	}
	/* What is not there cannot be deleted. */
	ASSERT_ERRNO(__vm_set_slot(vm, 3, 0, SLOT_GPA, 0, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 4, 0, 0, 0, NULL), EINVAL);
	vm_destroy(vm);
}

static void bad_arguments(void)
{
	struct vm *vm = vm_create_bare();
	uint8_t *memory = host_alloc(SLOT_BYTES);
	uint32_t too_many = node_check(KVM_CAP_NR_MEMSLOTS);

	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA + 1, SLOT_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA + 0x800, SLOT_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES - 1, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA, 0x800, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory + 1), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 1u << 31, SLOT_GPA, SLOT_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 1u << 2, SLOT_GPA, SLOT_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, too_many, 0, SLOT_GPA, SLOT_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0x7fff, 0, SLOT_GPA, SLOT_BYTES, memory), EINVAL);
	/* No such address space. */
	ASSERT_ERRNO(__vm_set_slot(vm, 0xffff0000, 0, SLOT_GPA, SLOT_BYTES, memory), EINVAL);
	/* Wraps around, in the guest and in the host. */
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, -PAGE_BYTES, 2 * PAGE_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, PAGE_BYTES, -PAGE_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, (void *)-PAGE_BYTES), EINVAL);
	/* A kernel address, and one that is not canonical. */
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES,
				   (void *)0xffff888000000000), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES,
				   (void *)0x8000000000000000), EINVAL);
	/* After all this the slot is free and usable. */
	ASSERT_EQ(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory), 0);
	ASSERT_EQ(__vm_set_slot(vm, too_many - 1, 0, 0, PAGE_BYTES, memory), 0);
	vm_destroy(vm);
}

/* No guest frame beyond what the host's CPU can address. */
static void address_limits(void)
{
	struct vm *vm = vm_create_bare();
	uint8_t *memory = host_alloc(SLOT_BYTES);
	uint32_t regs[4];
	uint64_t end;

	cpuid(0x80000008, 0, regs);
	end = 1ull << (regs[0] & 0xff);
	ASSERT_EQ(__vm_set_slot(vm, 0, 0, end - SLOT_BYTES, SLOT_BYTES, memory), 0);
	ASSERT_EQ(__vm_set_slot(vm, 0, 0, end - SLOT_BYTES, 0, memory), 0);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, end - SLOT_BYTES + PAGE_BYTES, SLOT_BYTES, memory),
		     EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, end, PAGE_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, BIT(52) - PAGE_BYTES, 2 * PAGE_BYTES, memory),
		     EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, BIT(52), PAGE_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, BIT(63), PAGE_BYTES, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, -PAGE_BYTES, PAGE_BYTES, memory), EINVAL);
	/* More pages than a slot may have, and a size that is most of the address space. */
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, 0, BIT(31) * PAGE_BYTES, NULL), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, 0, BIT(63), NULL), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, 0, -PAGE_BYTES, NULL), EINVAL);
	/* A slot that is there does not move out of reach. */
	ASSERT_EQ(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory), 0);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, end, SLOT_BYTES, memory), EINVAL);
	vm_destroy(vm);
}

/* The memory behind a slot need not be there when the slot is made. */
static void unmapped_host_address(void)
{
	struct vm *vm = vm_create_bare();
	uint8_t *memory = host_alloc(SLOT_BYTES);

	munmap(memory, SLOT_BYTES);
	ASSERT_EQ(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory), 0);
	vm_destroy(vm);
}

static void overlap(void)
{
	struct vm *vm = vm_create_bare();
	uint8_t *memory = host_alloc(SLOT_BYTES);

	ASSERT_EQ(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory), 0);
	ASSERT_ERRNO(__vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory), EEXIST);
	ASSERT_ERRNO(__vm_set_slot(vm, 1, 0, SLOT_GPA + SLOT_BYTES - PAGE_BYTES, PAGE_BYTES,
				   memory), EEXIST);
	ASSERT_ERRNO(__vm_set_slot(vm, 1, 0, SLOT_GPA - PAGE_BYTES, 2 * PAGE_BYTES, memory),
		     EEXIST);
	ASSERT_ERRNO(__vm_set_slot(vm, 1, 0, SLOT_GPA + PAGE_BYTES, PAGE_BYTES, memory), EEXIST);
	/* Neighbours, on the same host memory too. */
	ASSERT_EQ(__vm_set_slot(vm, 1, 0, SLOT_GPA - PAGE_BYTES, PAGE_BYTES, memory), 0);
	ASSERT_EQ(__vm_set_slot(vm, 2, 0, SLOT_GPA + SLOT_BYTES, SLOT_BYTES, memory), 0);
	/* Moving onto another slot is an overlap as well. */
	ASSERT_ERRNO(__vm_set_slot(vm, 2, 0, SLOT_GPA, SLOT_BYTES, memory), EEXIST);
	/* Onto itself, a page further, is none. */
	ASSERT_EQ(__vm_set_slot(vm, 2, 0, SLOT_GPA + SLOT_BYTES + PAGE_BYTES, SLOT_BYTES,
				memory), 0);
	vm_destroy(vm);
}

static void change_of_an_existing_slot(void)
{
	struct vm *vm = vm_create_bare();
	uint8_t *memory = host_alloc(2 * SLOT_BYTES);

	ASSERT_EQ(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory), 0);
	/* The same again changes nothing and is no error. */
	ASSERT_EQ(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory), 0);
	ASSERT_EQ(__vm_set_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_BYTES, memory), 0);
	ASSERT_EQ(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory), 0);
	/* Size, host address and the read-only flag are fixed for a slot's life. */
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES / 2, memory), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, 0, SLOT_GPA, SLOT_BYTES, memory + SLOT_BYTES), EINVAL);
	ASSERT_ERRNO(__vm_set_slot(vm, 0, KVM_MEM_READONLY, SLOT_GPA, SLOT_BYTES, memory),
		     EINVAL);
	vm_destroy(vm);
}

static void many_slots(void)
{
	enum { SLOTS = 500 };
	struct vm *vm = vm_create_bare();
	uint8_t *memory = host_alloc(PAGE_BYTES);
	unsigned int i;

	/* In an order that is neither up nor down. */
	for (i = 0; i < SLOTS; i++) {
		uint64_t page = i * 7919 % SLOTS;

		ASSERT_EQ(__vm_set_slot(vm, i, 0, page * PAGE_BYTES, PAGE_BYTES, memory), 0);
	}
	for (i = 0; i < SLOTS; i += 2)
		ASSERT_EQ(__vm_set_slot(vm, i, 0, 0, 0, NULL), 0);
	for (i = 0; i < SLOTS; i += 2) {
		uint64_t page = i * 7919 % SLOTS;

		ASSERT_EQ(__vm_set_slot(vm, i, 0, page * PAGE_BYTES, PAGE_BYTES, memory), 0);
	}
	vm_destroy(vm);
}

static uint64_t guest_read(uint64_t gpa)
{
	return *(volatile uint64_t *)gpa;
}

static void guest_write(uint64_t gpa, uint64_t value)
{
	*(volatile uint64_t *)gpa = value;
}

static void guest_move(void)
{
	guest_write(SLOT_GPA, 0x1111);
	guest_write(SLOT_GPA + PAGE_BYTES, 0x2222);
	GUEST_SYNC(1);
	/* Moved up by a page; the first page is MMIO now. */
	GUEST_ASSERT_EQ(guest_read(SLOT_GPA + PAGE_BYTES), 0x1111);
	GUEST_ASSERT_EQ(guest_read(SLOT_GPA + 2 * PAGE_BYTES), 0x2222);
	GUEST_ASSERT_EQ(guest_read(SLOT_GPA), 0x77);
	GUEST_SYNC(2);
	/* Deleted: all of it is MMIO. */
	GUEST_ASSERT_EQ(guest_read(SLOT_GPA + PAGE_BYTES), 0x88);
	GUEST_SYNC(3);
	/* Back, on other memory. */
	GUEST_ASSERT_EQ(guest_read(SLOT_GPA), 0x99);
}

static void answer_mmio_read(struct vcpu *vcpu, uint64_t gpa, uint64_t value)
{
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, gpa);
	ASSERT_EQ(vcpu->run->mmio.is_write, 0);
	ASSERT_EQ(vcpu->run->mmio.len, 8u);
	memcpy(vcpu->run->mmio.data, &value, sizeof(value));
}

static void move_and_delete(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_move);
	uint64_t *memory = host_alloc(SLOT_BYTES), *other = host_alloc(SLOT_BYTES);

	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(memory[0], 0x1111u);
	ASSERT_EQ(memory[PAGE_BYTES / 8], 0x2222u);
	vm_set_slot(vm, 1, 0, SLOT_GPA + PAGE_BYTES, SLOT_BYTES, memory);
	answer_mmio_read(vcpu, SLOT_GPA, 0x77);
	vcpu_run_sync(vcpu, 2);
	vm_set_slot(vm, 1, 0, 0, 0, NULL);
	answer_mmio_read(vcpu, SLOT_GPA + PAGE_BYTES, 0x88);
	vcpu_run_sync(vcpu, 3);
	other[0] = 0x99;
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, other);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_read_only(void)
{
	GUEST_ASSERT_EQ(guest_read(SLOT_GPA), 0xabcd);
	guest_write(SLOT_GPA, 0x1234);
	GUEST_ASSERT_EQ(guest_read(SLOT_GPA), 0xabcd);
	/* Behind the write, one page on, a first touch by a write. */
	guest_write(SLOT_GPA + PAGE_BYTES + 8, 0x5678);
	GUEST_ASSERT_EQ(guest_read(SLOT_GPA + PAGE_BYTES + 8), 0);
}

/* Reads go to memory, writes to user space: a ROM with a device in it. */
static void read_only(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_only);
	uint64_t *memory = host_alloc(SLOT_BYTES), value;

	REQUIRE_CAP(KVM_CAP_READONLY_MEM);
	memory[0] = 0xabcd;
	vm_set_slot(vm, 1, KVM_MEM_READONLY, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, SLOT_GPA);
	ASSERT_EQ(vcpu->run->mmio.is_write, 1);
	ASSERT_EQ(vcpu->run->mmio.len, 8u);
	memcpy(&value, vcpu->run->mmio.data, sizeof(value));
	ASSERT_EQ(value, 0x1234u);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, SLOT_GPA + PAGE_BYTES + 8);
	vcpu_run_done(vcpu);
	ASSERT_EQ(memory[0], 0xabcdu);
	ASSERT_EQ(memory[PAGE_BYTES / 8 + 1], 0u);
	vm_destroy(vm);
}

/* A slot on memory the process itself may only read. */
static void read_only_host_memory(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_only);
	uint64_t *memory = host_alloc(SLOT_BYTES);

	memory[0] = 0xabcd;
	ASSERT_EQ(mprotect(memory, SLOT_BYTES, PROT_READ), 0);
	vm_set_slot(vm, 1, KVM_MEM_READONLY, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_touch_hole(void)
{
	guest_write(SLOT_GPA, 1);
}

/* Memory that is gone: KVM_RUN says EFAULT, and the process goes on. */
static void access_to_unmapped_memory(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_touch_hole);
	uint8_t *memory = host_alloc(SLOT_BYTES);

	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	munmap(memory, SLOT_BYTES);
	ASSERT_ERRNO(__vcpu_run(vcpu), EFAULT);
	ASSERT_ERRNO(__vcpu_run(vcpu), EFAULT);
	/* Memory comes back at the same place: the guest goes on. */
	TEST_ASSERT(mmap(memory, SLOT_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory, "mmap");
	vcpu_run_done(vcpu);
	ASSERT_EQ(memory[0], 1);
	vm_destroy(vm);
}

static volatile uint64_t guest_stop, guest_rounds;

static void guest_hammer(void)
{
	volatile uint64_t *word = (uint64_t *)SLOT_GPA;
	uint64_t value;

	while (!guest_stop) {
		value = *word;
		GUEST_ASSERT(value == 0x5a5a || value == ~0ull);
		guest_rounds++;
	}
}

/* The slot comes and goes while the vCPU reads from it; MMIO reads are answered with ones. */
static void *run_and_answer(void *arg)
{
	struct vcpu *vcpu = arg;
	struct ucall ucall;

	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason == KVM_EXIT_MMIO) {
			ASSERT_EQ(vcpu->run->mmio.phys_addr, SLOT_GPA);
			memset(vcpu->run->mmio.data, 0xff, 8);
			continue;
		}
		ucall = vcpu_ucall(vcpu);
		ASSERT_EQ(ucall.command, (uint64_t)UCALL_DONE);
		return NULL;
	}
}

static void change_under_running_vcpu(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_hammer);
	uint64_t *memory = host_alloc(SLOT_BYTES), rounds;
	unsigned int i;

	memory[0] = 0x5a5a;
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	ASSERT_EQ(pthread_create(&vcpu->thread, NULL, run_and_answer, vcpu), 0);
	for (i = 0; i < 100; i++) {
		rounds = GUEST(vm, guest_rounds);
		vm_set_slot(vm, 1, 0, 0, 0, NULL);
		vm_set_slot(vm, 1, i & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0, SLOT_GPA, SLOT_BYTES,
			    memory);
		while (GUEST(vm, guest_rounds) == rounds)
			test_sleep_ms(1);
	}
	GUEST(vm, guest_stop) = 1;
	ASSERT_EQ(pthread_join(vcpu->thread, NULL), 0);
	vm_destroy(vm);
}

static void guest_touch_large(void)
{
	uint64_t gpa;

	for (gpa = SLOT_GPA; gpa < SLOT_GPA + 2048 * PAGE_BYTES; gpa += PAGE_BYTES)
		guest_write(gpa, gpa);
	for (gpa = SLOT_GPA; gpa < SLOT_GPA + 2048 * PAGE_BYTES; gpa += PAGE_BYTES)
		GUEST_ASSERT_EQ(guest_read(gpa), gpa);
}

static void populate(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_touch_large);
	uint8_t *memory = host_alloc(2048 * PAGE_BYTES);
	uint64_t offset;

	vm_set_slot(vm, 1, 0, SLOT_GPA, 2048 * PAGE_BYTES, memory);
	vcpu_run_done(vcpu);
	for (offset = 0; offset < 2048 * PAGE_BYTES; offset += PAGE_BYTES)
		ASSERT_EQ(*(uint64_t *)(memory + offset), SLOT_GPA + offset);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "create_delete", create_delete },
	{ "bad_arguments", bad_arguments },
	{ "address_limits", address_limits },
	{ "unmapped_host_address", unmapped_host_address },
	{ "overlap", overlap },
	{ "change_of_an_existing_slot", change_of_an_existing_slot },
	{ "many_slots", many_slots },
	{ "move_and_delete", move_and_delete },
	{ "read_only", read_only },
	{ "read_only_host_memory", read_only_host_memory },
	{ "access_to_unmapped_memory", access_to_unmapped_memory },
	{ "change_under_running_vcpu", change_under_running_vcpu },
	{ "populate", populate },
};

TEST_MAIN(cases)
