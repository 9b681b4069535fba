/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VM side of the library: node, VM file descriptor, guest memory and the
 * guest's first page.  Plain helpers assert, their `__` twins return the
 * ioctl's result or a negative errno.  vCPUs are in vcpu.h.
 */
#ifndef SELFTESTS_VM_H
#define SELFTESTS_VM_H

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "test.h"

#define PAGE_BYTES 4096ull
#define LARGE_PAGE_BYTES (2ull << 20)

/*
 * Guest memory of vm_create(): one slot, number 0, from GPA 0.  The image of the
 * program lies at its own link address, 4 MiB and up.  GPA_TEST and above is
 * never used by the library; nor is GPA_SNIPPET's page.
 */
#define VM_RAM_BYTES (16ull << 20)
#define GPA_SNIPPET 0x8000ull
#define GPA_GDT 0x10000ull
#define GPA_IDT 0x11000ull
#define GPA_TSS 0x12000ull
#define GPA_PML4 0x20000ull
#define GPA_PDPT 0x21000ull
#define GPA_PD 0x22000ull
#define GPA_ALLOC 0x100000ull
#define GPA_ALLOC_END 0x400000ull
#define GPA_TEST 0xc00000ull
/* Nothing is mapped here: an access becomes KVM_EXIT_MMIO. */
#define GPA_MMIO 0xd0000000ull

/* KVM's own choice for the identity map and the TSS, out of RAM's way. */
#define GPA_IDENTITY_MAP 0xfeffc000ull
#define GPA_VMX_TSS 0xfeffd000ull

#define VM_MAX_VCPUS 16

struct vcpu;

struct vm {
	int fd;
	/* Host address of GPA 0; NULL for vm_create_bare(). */
	uint8_t *ram;
	uint64_t ram_bytes;
	uint64_t next_page;
	bool has_irqchip;
	struct vcpu *vcpus[VM_MAX_VCPUS];
};

static inline int ioctl_result(int ret)
{
	return ret < 0 ? -errno : ret;
}

#define __fd_ioctl(fd, command, arg) ioctl_result(ioctl(fd, command, arg))
#define fd_ioctl(fd, command, arg)					\
	({								\
		int __ioctl_ret = ioctl(fd, command, arg);		\
									\
		TEST_ASSERT(__ioctl_ret >= 0, #command);		\
		__ioctl_ret;						\
	})
#define __vm_ioctl(vm, command, arg) __fd_ioctl((vm)->fd, command, arg)
#define vm_ioctl(vm, command, arg) fd_ioctl((vm)->fd, command, arg)

/* The device node under test: $LODGE_NODE or /dev/lodge. */
const char *node_path(void);

/* Open the node; skips the case where there is none. */
int node_open(int flags);

/* Whether the node is this project's module rather than KVM. */
bool node_is_lodge(void);

/* KVM_CHECK_EXTENSION on the node. */
int node_check(long capability);
#define REQUIRE_CAP(capability)						\
	do {								\
		if (node_check(capability) <= 0)			\
			test_skip(#capability " is not offered");	\
	} while (0)

/* CPUID the module offers; static storage, do not change. */
const struct kvm_cpuid2 *node_supported_cpuid(void);

/* The entry of a leaf in @cpuid, or NULL. */
struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t function,
				    uint32_t index);

/* One register bit of the supported CPUID. */
enum cpuid_register { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };
bool cpuid_has(uint32_t function, uint32_t index, enum cpuid_register reg, unsigned int bit);
#define CPUID_HAS_SMEP() cpuid_has(7, 0, CPUID_EBX, 7)
#define CPUID_HAS_SMAP() cpuid_has(7, 0, CPUID_EBX, 20)
#define CPUID_HAS_X2APIC() cpuid_has(1, 0, CPUID_ECX, 21)
#define CPUID_HAS_TSC_DEADLINE() cpuid_has(1, 0, CPUID_ECX, 24)
#define CPUID_HAS_XSAVE() cpuid_has(1, 0, CPUID_ECX, 26)
#define CPUID_HAS_RDTSCP() cpuid_has(0x80000001, 0, CPUID_EDX, 27)

/* A VM with neither memory nor vCPU. */
struct vm *vm_create_bare(void);

/* A VM with RAM, the program's image, GDT, IDT and page tables. */
struct vm *vm_create(void);

/* The same with PIC, IOAPIC and LAPICs in the kernel. */
struct vm *vm_create_with_irqchip(void);

/* Close everything and free the memory. */
void vm_destroy(struct vm *vm);

void vm_add_irqchip(struct vm *vm);

/* KVM_SET_USER_MEMORY_REGION in one line. */
int __vm_set_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t bytes,
		  void *hva);
#define vm_set_slot(vm, slot, flags, gpa, bytes, hva)			\
	TEST_ASSERT(!__vm_set_slot(vm, slot, flags, gpa, bytes, hva), "slot %u", slot)

/* KVM_ENABLE_CAP with one argument; 0 or -errno. */
int __vm_enable_cap(struct vm *vm, uint32_t capability, uint64_t arg);

/* Anonymous memory for a slot, zeroed; aligned to 2 MiB. */
void *host_alloc(uint64_t bytes);

/* Zeroed pages of the guest's RAM below 4 MiB. */
uint64_t vm_alloc_pages(struct vm *vm, unsigned int pages);

/* Host address of guest memory in slot 0; asserts the range. */
void *vm_hva(struct vm *vm, uint64_t gpa, uint64_t bytes);

void vm_copy_in(struct vm *vm, uint64_t gpa, const void *data, uint64_t bytes);

/* This VM's copy of a global variable, as an lvalue. */
#define GUEST(vm, variable)						\
	(*(volatile typeof(variable) *)					\
	 vm_hva(vm, (uintptr_t)&(variable), sizeof(variable)))

/* Copy the assembly between two labels to @gpa. */
#define vm_copy_snippet(vm, gpa, start, end)				\
	vm_copy_in(vm, gpa, start, (uintptr_t)(end) - (uintptr_t)(start))

/* Replace the 2 MiB entry that maps @gva by 512 small ones; returns the table. */
uint64_t *vm_split_large_page(struct vm *vm, uint64_t gva);

/* KVM_IRQ_LINE. */
int __vm_irq_line(struct vm *vm, uint32_t gsi, int level);
#define vm_irq_line(vm, gsi, level)					\
	TEST_ASSERT(!__vm_irq_line(vm, gsi, level), "GSI %u", gsi)

#endif
