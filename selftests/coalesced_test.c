// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_REGISTER_COALESCED_MMIO: writes to a zone wait in the ring, in order, until it is full;
 * and what user space may do to the ring harms nobody.
 */
#include <string.h>

#include "guest.h"
#include "ucall.h"
#include "vcpu.h"
#include "x86.h"

#define MMIO 0xd0000000ull
#define PORT 0x3c0
/* KVM_COALESCED_MMIO_MAX, but for the kernel's PAGE_SIZE in it. */
#define ENTRIES ((uint32_t)((PAGE_BYTES - sizeof(struct kvm_coalesced_mmio_ring)) / \
			    sizeof(struct kvm_coalesced_mmio)))

static struct kvm_coalesced_mmio_ring *ring_of(struct vm *vm, struct vcpu *vcpu)
{
	int page = __vm_ioctl(vm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_COALESCED_MMIO);

	TEST_ASSERT(page > 0 && (page + 1) * PAGE_BYTES <= vcpu->run_bytes, "page %d", page);
	return (void *)((uint8_t *)vcpu->run + page * PAGE_BYTES);
}

static int __set_zone(struct vm *vm, unsigned long request, uint64_t addr, uint32_t size,
		      uint32_t pio)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = addr, .size = size, .pio = pio };

	return __vm_ioctl(vm, request, &zone);
}

static void add_zone(struct vm *vm, uint64_t addr, uint32_t size, uint32_t pio)
{
	ASSERT_EQ(__set_zone(vm, KVM_REGISTER_COALESCED_MMIO, addr, size, pio), 0);
}

static void remove_zone(struct vm *vm, uint64_t addr, uint32_t size, uint32_t pio)
{
	ASSERT_EQ(__set_zone(vm, KVM_UNREGISTER_COALESCED_MMIO, addr, size, pio), 0);
}

static void write32(uint64_t offset, uint32_t value)
{
	*(volatile uint32_t *)(MMIO + offset) = value;
}

static void guest_writes(void)
{
	write32(0, 0x11111111);
	*(volatile uint8_t *)(MMIO + 7) = 0x22;
	*(volatile uint64_t *)(MMIO + 0x7f8) = 0x3333333333333333;
	outb(PORT, 0x44);
	write32(4, 0x55555555);
	GUEST_SYNC(1);
	/* Half of it is outside: the whole goes to user space. */
	write32(0x7fe, 0x66666666);
	GUEST_SYNC(2);
	/* Reads are not coalesced. */
	GUEST_ASSERT_EQ(*(volatile uint32_t *)MMIO, 0x77777777u);
	GUEST_SYNC(3);
	write32(0, 0x88888888);
	outb(PORT, 0x99);
	GUEST_SYNC(4);
}

static void expect_entry(const struct kvm_coalesced_mmio_ring *ring, unsigned int index,
			 uint64_t addr, uint32_t len, uint64_t value, uint32_t pio)
{
	const struct kvm_coalesced_mmio *entry = &ring->coalesced_mmio[index];

	ASSERT_EQ(entry->phys_addr, addr);
	ASSERT_EQ(entry->len, len);
	ASSERT_EQ(entry->pio, pio);
	TEST_ASSERT(!memcmp(entry->data, &value, len), "entry %u has other data", index);
}

static void order_and_limits(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_writes);
	struct kvm_coalesced_mmio_ring *ring = ring_of(vm, vcpu);

	add_zone(vm, MMIO, 0x800, 0);
	add_zone(vm, PORT, 1, 1);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(ring->first, 0u);
	ASSERT_EQ(ring->last, 5u);
	expect_entry(ring, 0, MMIO, 4, 0x11111111, 0);
	expect_entry(ring, 1, MMIO + 7, 1, 0x22, 0);
	expect_entry(ring, 2, MMIO + 0x7f8, 8, 0x3333333333333333, 0);
	expect_entry(ring, 3, PORT, 1, 0x44, 1);
	expect_entry(ring, 4, MMIO + 4, 4, 0x55555555, 0);
	ring->first = ring->last;

	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.is_write, 1);
	ASSERT_EQ(ring->last, 5u);
	while (vcpu->run->exit_reason == KVM_EXIT_MMIO)
		vcpu_run(vcpu);
	ASSERT_EQ(ring->last, 5u);

	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.is_write, 0);
	memset(vcpu->run->mmio.data, 0x77, 4);
	vcpu_run_sync(vcpu, 3);

	remove_zone(vm, MMIO, 0x800, 0);
	remove_zone(vm, PORT, 1, 1);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->io.port, PORT);
	ASSERT_EQ(ring->last, 5u);
	vm_destroy(vm);
}

static void guest_flood(void)
{
	uint32_t i;

	for (i = 0; ; i++)
		write32(0, i);
}

/* A write that finds the ring full is user space's; after that it has room again. */
static void full_ring(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_flood);
	struct kvm_coalesced_mmio_ring *ring = ring_of(vm, vcpu);
	uint32_t round, expected = 0, value;

	add_zone(vm, MMIO, 4, 0);
	for (round = 0; round < 3; round++) {
		vcpu_run_to(vcpu, KVM_EXIT_MMIO);
		while (ring->first != ring->last) {
			expect_entry(ring, ring->first, MMIO, 4, expected++, 0);
			ring->first = (ring->first + 1) % ENTRIES;
		}
		memcpy(&value, vcpu->run->mmio.data, 4);
		ASSERT_EQ(value, expected++);
	}
	/* How many wait depends on where the ring begins, in KVM. */
	TEST_ASSERT(expected > 3 * 2 && expected <= 3 * ENTRIES, "%u writes", expected);

	/* Nonsense in the ring: the writes go to user space. */
	ring->last = ENTRIES;
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ring->last = ~0u;
	ring->first = ~0u;
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ring->last = 0;
	ring->first = 0;
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	TEST_ASSERT(ring->last && ring->last < ENTRIES, "last is %u", ring->last);
	vm_destroy(vm);
}

static void guest_one_write(void)
{
	write32(0, 1);
	GUEST_SYNC(1);
}

static void zones(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_one_write);
	struct kvm_coalesced_mmio_ring *ring = ring_of(vm, vcpu);

	ASSERT_ERRNO(__set_zone(vm, KVM_REGISTER_COALESCED_MMIO, MMIO, 4, 2), EINVAL);
	ASSERT_ERRNO(__set_zone(vm, KVM_UNREGISTER_COALESCED_MMIO, MMIO, 4, 2), EINVAL);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_REGISTER_COALESCED_MMIO, NULL), EFAULT);
	remove_zone(vm, MMIO, 4, 0);
	add_zone(vm, MMIO, 0, 0);

	/* The same range twice, and a request that is larger or of another bus. */
	add_zone(vm, MMIO, 16, 0);
	add_zone(vm, MMIO, 16, 0);
	remove_zone(vm, MMIO, 17, 0);
	remove_zone(vm, MMIO - 1, 4, 0);
	remove_zone(vm, MMIO, 16, 1);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(ring->last, 1u);

	/* A part of it names it. */
	remove_zone(vm, MMIO + 15, 1, 0);
	vcpu_set_entry(vcpu, guest_one_write);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(ring->last, 1u);
	vm_destroy(vm);
}

/* User space cannot make the kernel hold any number of them. */
static void many_zones(void)
{
	struct vm *vm = vm_create();
	int ret = 0;
	uint32_t i;

	for (i = 0; i < 5000 && !ret; i++)
		ret = __set_zone(vm, KVM_REGISTER_COALESCED_MMIO, MMIO + i * 4, 4, 0);
	TEST_ASSERT(ret < 0 && errno == ENOSPC, "%u zones, errno %d", i, errno);
	remove_zone(vm, MMIO, 4, 0);
	add_zone(vm, MMIO, 4, 0);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "order_and_limits", order_and_limits },
	{ "full_ring", full_ring },
	{ "zones", zones },
	{ "many_zones", many_zones },
};

TEST_MAIN(cases)
