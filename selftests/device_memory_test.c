// SPDX-License-Identifier: GPL-2.0
/*
 * Slots on memory that has no struct page: registers of a PCI device and the firmware's
 * ROM, mapped by the process as drivers in user space do.  The guest reaches the device
 * itself, without exits, as long as the process does.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "host.h"
#include "host_memory.h"
#include "vcpu.h"

#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES (16 * PAGE_BYTES)

/* QEMU's device for teaching: what is written to one register can be read inverted. */
#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8
#define EDU_ID 0
#define EDU_ID_VALUE 0x010000edu
#define EDU_INVERT 4

#define ROM_BASE 0xf0000
/* PCI's, with nothing there: reads as ones. */
#define EMPTY_BASE 0xe0000000

static volatile uint32_t *edu_register(uintptr_t base, unsigned int offset)
{
	return (volatile uint32_t *)(base + offset);
}

static long pci_number(const char *device, const char *file)
{
	char path[320], text[32] = "";
	long number = -1;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) > 0)
		number = strtol(text, NULL, 16);
	close(fd);
	return number;
}

/* The registers' file, decoding enabled, or skip. */
static int open_edu(void)
{
	DIR *devices = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	char path[320];
	int fd = -1;

	while (devices && fd < 0 && (entry = readdir(devices))) {
		if (pci_number(entry->d_name, "vendor") != EDU_VENDOR ||
		    pci_number(entry->d_name, "device") != EDU_DEVICE)
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", entry->d_name);
		TEST_ASSERT(host_write(path, "1"), "%s", path);
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", entry->d_name);
		fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
		TEST_ASSERT(fd >= 0, "%s", path);
	}
	if (devices)
		closedir(devices);
	if (fd < 0)
		test_skip("the host has no such device");
	return fd;
}

static void *map_at(void *address, int fd, int prot, off_t offset)
{
	int fixed = address ? MAP_FIXED : 0;
	void *memory = mmap(address, SLOT_BYTES, prot, MAP_SHARED | fixed, fd, offset);

	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	return memory;
}

static void guest_use_edu(uint64_t rounds)
{
	uint32_t i;

	for (;;) {
		GUEST_ASSERT_EQ(*edu_register(SLOT_GPA, EDU_ID), EDU_ID_VALUE);
		for (i = 0; i < rounds; i++) {
			*edu_register(SLOT_GPA, EDU_INVERT) = i * 77;
			GUEST_ASSERT_EQ(*edu_register(SLOT_GPA, EDU_INVERT), ~(i * 77));
		}
		*edu_register(SLOT_GPA, EDU_INVERT) = 0x1234;
		GUEST_SYNC(1);
		/* The process has written meanwhile. */
		GUEST_ASSERT_EQ(*edu_register(SLOT_GPA, EDU_INVERT), ~0x5678u);
		GUEST_SYNC(2);
	}
}

static void use_edu(struct vcpu *vcpu, void *registers)
{
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(*edu_register((uintptr_t)registers, EDU_INVERT), ~0x1234u);
	*edu_register((uintptr_t)registers, EDU_INVERT) = 0x5678;
	vcpu_run_sync(vcpu, 2);
}

static struct vcpu *create(uint32_t flags, void *memory)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_use_edu);

	vm_set_slot(vm, 1, flags, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_set_arg(vcpu, 0, 100);
	return vcpu;
}

static void registers(void)
{
	void *memory = map_at(NULL, open_edu(), PROT_READ | PROT_WRITE, 0);
	struct vcpu *vcpu = create(0, memory);

	use_edu(vcpu, memory);
	/* With a log, and without one again. */
	vm_set_slot(vcpu->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_BYTES, memory);
	use_edu(vcpu, memory);
	vm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	use_edu(vcpu, memory);
	vm_destroy(vcpu->vm);
}

/* What the process may no longer use, the guest may not either; then both may again. */
static void taken_away(void)
{
	int fd = open_edu();
	void *memory = map_at(NULL, fd, PROT_READ | PROT_WRITE, 0);
	struct vcpu *vcpu = create(0, memory);
	struct ucall ucall;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		use_edu(vcpu, memory);
		ASSERT_EQ(munmap(memory, SLOT_BYTES), 0);
		ASSERT_ERRNO(__vcpu_run(vcpu), EFAULT);
		ASSERT_ERRNO(__vcpu_run(vcpu), EFAULT);
		map_at(memory, fd, PROT_READ | PROT_WRITE, 0);
		use_edu(vcpu, memory);
		/* Ordinary memory in its place, and the device again. */
		TEST_ASSERT(mmap(memory, SLOT_BYTES, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory, "mmap");
		*edu_register((uintptr_t)memory, EDU_ID) = EDU_ID_VALUE;
		/* No register inverts what is written there. */
		vcpu_run_to(vcpu, KVM_EXIT_IO);
		TEST_ASSERT(vcpu_is_ucall(vcpu, &ucall), "no report");
		ASSERT_EQ(ucall.command, (uint64_t)UCALL_ASSERT);
		vcpu_set_entry(vcpu, (void (*)(void))guest_use_edu);
		vcpu_set_arg(vcpu, 0, 100);
		map_at(memory, fd, PROT_READ | PROT_WRITE, 0);
	}
	vm_destroy(vcpu->vm);
}

static void guest_sum(uint64_t bytes)
{
	uint64_t sum = 0, offset;

	for (offset = 0; offset < bytes; offset += 8)
		sum = sum * 31 + *(volatile uint64_t *)(SLOT_GPA + offset);
	GUEST_SYNC_ARGS(1, sum, 0, 0);
	*(volatile uint64_t *)SLOT_GPA = 1;
}

/* By /dev/mem: guest and process read the same, and the guest's write is user space's. */
static void check_read_only(off_t base)
{
	int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	uint64_t sum = 0, offset;
	struct vcpu *vcpu;
	void *memory;

	if (fd < 0)
		test_skip("the host's kernel has no /dev/mem");
	memory = map_at(NULL, fd, PROT_READ, base);
	for (offset = 0; offset < SLOT_BYTES; offset += 8)
		sum = sum * 31 + *(volatile uint64_t *)((uint8_t *)memory + offset);
	vcpu = create(KVM_MEM_READONLY, memory);
	vcpu_set_entry(vcpu, (void (*)(void))guest_sum);
	vcpu_set_arg(vcpu, 0, SLOT_BYTES);
	ASSERT_EQ(vcpu_run_sync(vcpu, 1).args[1], sum);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.is_write, 1);
	vm_destroy(vcpu->vm);
}

static void rom(void)
{
	check_read_only(ROM_BASE);
}

static void empty_bus(void)
{
	check_read_only(EMPTY_BASE);
}

static void guest_write_edu(void)
{
	GUEST_ASSERT_EQ(*edu_register(SLOT_GPA, EDU_ID), EDU_ID_VALUE);
	GUEST_SYNC(1);
	*edu_register(SLOT_GPA, EDU_INVERT) = 1;
}

/*
 * The process may only read the registers: a write of the guest's does not reach them. KVM
 * hands it to user space as one to a device; that it cannot be done is an answer as well.
 */
static void read_only(void)
{
	int fd = open_edu();
	void *memory = map_at(NULL, fd, PROT_READ, 0), *writable;
	struct vcpu *vcpu = create(0, memory);
	int ret;

	writable = map_at(NULL, fd, PROT_READ | PROT_WRITE, 0);
	*edu_register((uintptr_t)writable, EDU_INVERT) = 0x99;
	vcpu_set_entry(vcpu, guest_write_edu);
	vcpu_run_sync(vcpu, 1);
	ret = __vcpu_run(vcpu);
	if (ret)
		ASSERT_ERRNO(ret, EFAULT);
	else
		ASSERT_EXIT(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(*edu_register((uintptr_t)memory, EDU_INVERT), ~0x99u);
	vm_destroy(vcpu->vm);
}

static const struct test_case cases[] = {
	{ "registers", registers },
	{ "taken_away", taken_away },
	{ "rom", rom },
	{ "empty_bus", empty_bus },
	{ "read_only", read_only },
};

TEST_MAIN(cases)
