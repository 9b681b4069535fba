// SPDX-License-Identifier: GPL-2.0
/*
 * VM creation and guest memory: RAM in slot 0 with the program's image at its
 * own address, a GDT, an IDT and identity page tables.  vCPU state is not here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "guest.h"
#include "vcpu.h"
#include "vm.h"
#include "x86.h"

/* Given by the linker: the loaded image of this program. */
extern char __executable_start[], _end[];

const char *node_path(void)
{
	const char *path = getenv("LODGE_NODE");

	return path ? path : "/dev/lodge";
}

bool node_is_lodge(void)
{
	return !access("/sys/module/lodge", F_OK);
}

int node_open(int flags)
{
	int fd = open(node_path(), flags | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == EACCES))
		test_skip("%s: %s", node_path(), strerror(errno));
	TEST_ASSERT(fd >= 0, "%s", node_path());
	return fd;
}

int node_check(long capability)
{
	int fd = node_open(O_RDWR);
	int ret = __fd_ioctl(fd, KVM_CHECK_EXTENSION, capability);

	close(fd);
	return ret;
}

const struct kvm_cpuid2 *node_supported_cpuid(void)
{
	enum { ENTRIES = 256 };
	static struct kvm_cpuid2 *cpuid;
	int fd;

	if (cpuid)
		return cpuid;
	cpuid = calloc(1, sizeof(*cpuid) + ENTRIES * sizeof(cpuid->entries[0]));
	TEST_ASSERT(cpuid, "out of memory");
	cpuid->nent = ENTRIES;
	fd = node_open(O_RDWR);
	fd_ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid);
	close(fd);
	return cpuid;
}

struct kvm_cpuid_entry2 *cpuid_find(const struct kvm_cpuid2 *cpuid, uint32_t function,
				    uint32_t index)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == function &&
		    (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == index))
			return (struct kvm_cpuid_entry2 *)entry;
	}
	return NULL;
}

bool cpuid_has(uint32_t function, uint32_t index, enum cpuid_register reg, unsigned int bit)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(node_supported_cpuid(), function, index);

	if (!entry)
		return false;
	switch (reg) {
	case CPUID_EAX:
		return entry->eax >> bit & 1;
	case CPUID_EBX:
		return entry->ebx >> bit & 1;
	case CPUID_ECX:
		return entry->ecx >> bit & 1;
	default:
		return entry->edx >> bit & 1;
	}
}

void *host_alloc(uint64_t bytes)
{
	/* Over-allocate for the alignment; the slack is never touched. */
	uint8_t *area = mmap(NULL, bytes + LARGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	TEST_ASSERT(area != MAP_FAILED, "%llu bytes", (unsigned long long)bytes);
	return (void *)(((uintptr_t)area + LARGE_PAGE_BYTES - 1) & ~(LARGE_PAGE_BYTES - 1));
}

void *vm_hva(struct vm *vm, uint64_t gpa, uint64_t bytes)
{
	TEST_ASSERT(gpa < vm->ram_bytes && bytes <= vm->ram_bytes - gpa,
		    "GPA %#llx, %llu bytes", (unsigned long long)gpa, (unsigned long long)bytes);
	return vm->ram + gpa;
}

void vm_copy_in(struct vm *vm, uint64_t gpa, const void *data, uint64_t bytes)
{
	memcpy(vm_hva(vm, gpa, bytes), data, bytes);
}

uint64_t vm_alloc_pages(struct vm *vm, unsigned int pages)
{
	uint64_t gpa = vm->next_page;

	TEST_ASSERT(gpa + pages * PAGE_BYTES <= GPA_ALLOC_END, "%u pages", pages);
	vm->next_page += pages * PAGE_BYTES;
	memset(vm->ram + gpa, 0, pages * PAGE_BYTES);
	return gpa;
}

int __vm_enable_cap(struct vm *vm, uint32_t capability, uint64_t arg)
{
	struct kvm_enable_cap cap = { .cap = capability, .args = { arg } };

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

int __vm_set_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t bytes,
		  void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)hva,
	};

	return __vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

int __vm_irq_line(struct vm *vm, uint32_t gsi, int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return __vm_ioctl(vm, KVM_IRQ_LINE, &line);
}

static void map_identity(struct vm *vm)
{
	uint64_t *pml4 = vm_hva(vm, GPA_PML4, PAGE_BYTES);
	uint64_t *pdpt = vm_hva(vm, GPA_PDPT, PAGE_BYTES);
	uint64_t *pd = vm_hva(vm, GPA_PD, 4 * PAGE_BYTES);
	unsigned int i;

	pml4[0] = GPA_PDPT | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (GPA_PD + i * PAGE_BYTES) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i * LARGE_PAGE_BYTES | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

uint64_t *vm_split_large_page(struct vm *vm, uint64_t gva)
{
	uint64_t *pd = vm_hva(vm, GPA_PD, 4 * PAGE_BYTES);
	uint64_t table = vm_alloc_pages(vm, 1);
	uint64_t *entries = vm_hva(vm, table, PAGE_BYTES);
	uint64_t index = gva / LARGE_PAGE_BYTES;
	unsigned int i;

	TEST_ASSERT(index < 4 * 512 && (pd[index] & PTE_LARGE), "no large page at %#llx",
		    (unsigned long long)gva);
	for (i = 0; i < 512; i++)
		entries[i] = ((pd[index] & PTE_ADDRESS & ~(LARGE_PAGE_BYTES - 1)) +
			      i * PAGE_BYTES) |
			     PTE_PRESENT | PTE_WRITE;
	pd[index] = table | PTE_PRESENT | PTE_WRITE;
	return entries;
}

static void write_gdt(struct vm *vm)
{
	uint64_t *gdt = vm_hva(vm, GPA_GDT, PAGE_BYTES);
	unsigned int i;

	gdt[SEL_CODE64 / 8] = 0x00af9b000000ffffull;
	gdt[SEL_DATA / 8] = 0x00cf93000000ffffull;
	gdt[SEL_CODE32 / 8] = 0x00cf9b000000ffffull;
	gdt[SEL_CODE16 / 8] = 0x00009b000000ffffull;
	gdt[SEL_DATA16 / 8] = 0x000093000000ffffull;
	gdt[SEL_USER_DATA / 8] = 0x00cff3000000ffffull;
	gdt[SEL_USER_CODE64 / 8] = 0x00affb000000ffffull;
	for (i = 0; i < VM_MAX_VCPUS; i++) {
		uint64_t base = GPA_TSS + i * 256;

		gdt[SEL_TSS / 8 + 2 * i] = 0x0000890000000067ull | (base & 0xffffff) << 16;
		gdt[SEL_TSS / 8 + 2 * i + 1] = 0;
	}
}

static void write_idt(struct vm *vm)
{
	uint64_t *idt = vm_hva(vm, GPA_IDT, PAGE_BYTES);
	unsigned int vector;

	for (vector = 0; vector < 256; vector++) {
		uint64_t entry = (uintptr_t)guest_stubs + vector * GUEST_STUB_BYTES;
		/* #BP and #OF come from INT3 and INTO: user code may use the gates. */
		uint64_t access = vector == BP_VECTOR || vector == OF_VECTOR ? 0xee : 0x8e;

		idt[2 * vector] = (entry & 0xffff) | SEL_CODE64 << 16 | access << 40 |
				  (entry >> 16 & 0xffff) << 48;
		idt[2 * vector + 1] = entry >> 32;
	}
}

struct vm *vm_create_bare(void)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int node;

	TEST_ASSERT(vm, "out of memory");
	node = node_open(O_RDWR);
	vm->fd = fd_ioctl(node, KVM_CREATE_VM, 0);
	close(node);
	return vm;
}

struct vm *vm_create(void)
{
	struct vm *vm = vm_create_bare();
	uintptr_t image = (uintptr_t)__executable_start;
	uint64_t image_bytes = _end - __executable_start;

	TEST_ASSERT(image >= GPA_ALLOC_END && image + image_bytes <= GPA_TEST,
		    "link this program with -no-pie: its image is at %#lx", image);
	vm->ram_bytes = VM_RAM_BYTES;
	vm->ram = host_alloc(vm->ram_bytes);
	vm->next_page = GPA_ALLOC;
	vm_set_slot(vm, 0, 0, 0, vm->ram_bytes, vm->ram);
	vm_copy_in(vm, image, __executable_start, image_bytes);
	map_identity(vm);
	write_gdt(vm);
	write_idt(vm);
	return vm;
}

void vm_add_irqchip(struct vm *vm)
{
	uint64_t identity_map = GPA_IDENTITY_MAP;

	vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	vm_ioctl(vm, KVM_SET_TSS_ADDR, GPA_VMX_TSS);
	vm_ioctl(vm, KVM_CREATE_IRQCHIP, 0);
	vm->has_irqchip = true;
}

struct vm *vm_create_with_irqchip(void)
{
	struct vm *vm = vm_create();

	vm_add_irqchip(vm);
	return vm;
}

void vm_destroy(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < VM_MAX_VCPUS; i++)
		if (vm->vcpus[i])
			vcpu_destroy(vm->vcpus[i]);
	TEST_ASSERT(!close(vm->fd), "close of the VM");
	if (vm->ram)
		munmap(vm->ram, vm->ram_bytes);
	free(vm);
}
