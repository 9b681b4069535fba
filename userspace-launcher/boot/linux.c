// SPDX-License-Identifier: GPL-2.0
/*
 * A bzImage into guest memory: the checks of its setup header, placement of kernel and initrd,
 * boot_params with the memory map, the page tables and GDT of the 64-bit entry. Floor 4 of the
 * launcher.
 *
 * Source: the kernel's documentation, The Linux/x86 Boot Protocol, 64-bit Boot Protocol.
 */
#include "boot/linux.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "report.h"

#define SETUP_HEADER		0x1f1	/* offset in the file and in struct boot_params */
#define SETUP_HEADER_END	0x202	/* plus the byte at 0x201: end of what the file defines */
#define SECTOR			512
#define DEFAULT_SETUP_SECTORS	4
#define BOOT_FLAG		0xaa55
#define HEADER_MAGIC		0x53726448u	/* "HdrS" */
#define PROTOCOL_LEAST		0x020c	/* the first with xloadflags */
#define LOADER_UNDEFINED	0xff
#define ENTRY_64		0x200
#define VIDEO_NORMAL		0xffff

#define E820_RAM		1
#define E820_RESERVED		2

#define PAGE			4096ull
#define LARGE_PAGE		(2ull << 20)
#define PTE_PRESENT		0x01ull
#define PTE_WRITABLE		0x02ull
#define PTE_LARGE		0x80ull
#define MAPPED_GIB		4

/*
 * console: the only device a guest can show itself on. panic=-1 ends a panicked guest at once;
 * panic_warm makes that reset tell itself from an ordinary one, see linux_reset_was_panic().
 */
#define DEFAULT_COMMAND_LINE	"console=ttyS0,115200 panic=-1 reboot=panic_warm"

static uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) / align * align;
}

/* What makes the file no kernel that can be started here; NULL if nothing does. */
static const char *find_fault(const struct image *kernel, const struct setup_header *header)
{
	if (kernel->len < SETUP_HEADER + sizeof(*header) || header->boot_flag != BOOT_FLAG ||
	    header->header != HEADER_MAGIC)
		return "it is no bzImage (a kernel from /boot, or arch/x86/boot/bzImage)";
	if (header->version < PROTOCOL_LEAST)
		return "its boot protocol is older than 2.12 (Linux 3.8): take a newer kernel";
	if (!(header->loadflags & LOADED_HIGH))
		return "it is a zImage: build a bzImage";
	if (!(header->xloadflags & XLF_KERNEL_64))
		return "it has no 64-bit entry point: take a 64-bit kernel";
	return NULL;
}

static size_t setup_size(const struct setup_header *header)
{
	unsigned int sectors = header->setup_sects ? header->setup_sects : DEFAULT_SETUP_SECTORS;

	return (sectors + 1) * SECTOR;
}

/* Below the hole: the boot page tables map no more. */
static bool fits_low(const struct guest_ram *ram, gpa_t address, uint64_t need)
{
	return address >= LAYOUT_HIGH_RAM && address < ram->low_size &&
	       need <= ram->low_size - address;
}

/*
 * Where the kernel goes:
 *
 *   fits at its preferred address  -> there
 *   does not, but is relocatable   -> the first aligned address above 1 MiB, if it fits there
 *   otherwise                      -> 0
 */
static gpa_t place_kernel(const struct guest_ram *ram, const struct setup_header *header,
			  uint64_t need)
{
	uint64_t align = header->kernel_alignment ? header->kernel_alignment : LARGE_PAGE;
	gpa_t address = header->pref_address;

	if (fits_low(ram, address, need))
		return address;
	if (!header->relocatable_kernel)
		return 0;
	address = align_up(LAYOUT_HIGH_RAM, align);
	return fits_low(ram, address, need) ? address : 0;
}

static int load_kernel(const struct guest_ram *ram, const struct image *kernel,
		       const struct setup_header *header, gpa_t *start, gpa_t *end)
{
	size_t setup = setup_size(header);
	uint64_t need = header->init_size;
	size_t len;

	if (setup >= kernel->len) {
		report("the kernel file ends inside its setup code: it is damaged");
		return -ENOEXEC;
	}
	len = kernel->len - setup;
	if (need < len)
		need = len;
	*start = place_kernel(ram, header, need);
	if (!*start) {
		report("the kernel needs %" PRIu64 "M from address 0x%" PRIx64
		       " on: give more with --memory", (need >> 20) + 1,
		       (uint64_t)header->pref_address);
		return -ENOMEM;
	}
	memcpy(guest_ram_ptr(ram, *start, len), kernel->data + setup, len);
	*end = *start + need;
	return 0;
}

/* As high as the kernel allows, so that its own growth at @kernel_end meets nothing. */
static int load_initrd(const struct guest_ram *ram, const struct image *initrd,
		       gpa_t kernel_end, struct boot_params *params)
{
	uint64_t top = params->hdr.initrd_addr_max + 1ull;
	gpa_t address;

	if (!initrd->len)
		return 0;
	if (top > ram->low_size)
		top = ram->low_size;
	if (initrd->len > top || (top - initrd->len) / PAGE * PAGE < kernel_end) {
		report("the initrd (%zuM) does not fit behind the kernel: give more with --memory",
		       (initrd->len >> 20) + 1);
		return -ENOMEM;
	}
	address = (top - initrd->len) / PAGE * PAGE;
	memcpy(guest_ram_ptr(ram, address, initrd->len), initrd->data, initrd->len);
	params->hdr.ramdisk_image = address;
	params->hdr.ramdisk_size = initrd->len;
	return 0;
}

static int load_command_line(const struct guest_ram *ram, const char *command_line,
			     struct boot_params *params)
{
	size_t len = strlen(command_line);
	size_t limit = params->hdr.cmdline_size;

	if (limit >= LAYOUT_COMMAND_LINE_MAX)
		limit = LAYOUT_COMMAND_LINE_MAX - 1;
	if (len > limit) {
		report("the command line has %zu characters, this kernel takes %zu: shorten "
		       "--append", len, limit);
		return -E2BIG;
	}
	memcpy(guest_ram_ptr(ram, LAYOUT_COMMAND_LINE, len + 1), command_line, len + 1);
	params->hdr.cmd_line_ptr = LAYOUT_COMMAND_LINE;
	return 0;
}

static void add_memory(struct boot_params *params, gpa_t start, gpa_t end, uint32_t type)
{
	struct boot_e820_entry *entry = &params->e820_table[params->e820_entries];

	if (start >= end)
		return;
	entry->addr = start;
	entry->size = end - start;
	entry->type = type;
	params->e820_entries++;
}

static void fill_memory_map(const struct guest_ram *ram, struct boot_params *params)
{
	add_memory(params, 0, LAYOUT_EBDA, E820_RAM);
	add_memory(params, LAYOUT_EBDA, LAYOUT_VGA, E820_RESERVED);
	add_memory(params, LAYOUT_ACPI, LAYOUT_ACPI_END, E820_RESERVED);
	add_memory(params, LAYOUT_HIGH_RAM, ram->low_size, E820_RAM);
	add_memory(params, LAYOUT_IDENTITY_MAP, LAYOUT_TSS + 3 * PAGE, E820_RESERVED);
	add_memory(params, LAYOUT_HOLE_END, LAYOUT_HOLE_END + ram->high_size, E820_RAM);
}

/* Identity map of the first 4 GiB: PML4, PDPT, four directories of 2 MiB pages. */
static void build_page_tables(const struct guest_ram *ram)
{
	uint64_t *pml4 = guest_ram_ptr(ram, LAYOUT_PAGE_TABLES, (2 + MAPPED_GIB) * PAGE);
	uint64_t *pdpt = pml4 + PAGE / sizeof(*pml4);
	uint64_t *directory = pdpt + PAGE / sizeof(*pdpt);
	uint64_t i;

	pml4[0] = (LAYOUT_PAGE_TABLES + PAGE) | PTE_PRESENT | PTE_WRITABLE;
	for (i = 0; i < MAPPED_GIB; i++)
		pdpt[i] = (LAYOUT_PAGE_TABLES + (2 + i) * PAGE) | PTE_PRESENT | PTE_WRITABLE;
	for (i = 0; i < MAPPED_GIB * 512; i++)
		directory[i] = i * LARGE_PAGE | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE;
}

static void build_gdt(const struct guest_ram *ram, struct linux_entry *entry)
{
	uint64_t *gdt = guest_ram_ptr(ram, LAYOUT_GDT, 4 * sizeof(*gdt));

	gdt[LINUX_BOOT_CS / 8] = 0x00af9b000000ffffull;	/* 64-bit code, execute and read */
	gdt[LINUX_BOOT_DS / 8] = 0x00cf93000000ffffull;	/* flat data, read and write */
	entry->gdt = LAYOUT_GDT;
	entry->gdt_limit = 4 * sizeof(*gdt) - 1;
}

static void copy_setup_header(struct boot_params *params, const struct image *kernel)
{
	size_t end = SETUP_HEADER_END + kernel->data[SETUP_HEADER_END - 1];

	/* A newer kernel may define more than this struct knows; the page has room for it. */
	if (end > SETUP_HEADER + sizeof(params->hdr))
		end = SETUP_HEADER + sizeof(params->hdr);
	memcpy(&params->hdr, kernel->data + SETUP_HEADER, end - SETUP_HEADER);
}

/**
 * linux_command_line() - the guest's whole command line
 * @command_line: set to allocated memory
 * @append: what the person adds
 *
 * Return: 0, or -ENOMEM after a message.
 */
int linux_command_line(char **command_line, const char *append)
{
	if (asprintf(command_line, "%s%s%s", DEFAULT_COMMAND_LINE, *append ? " " : "",
		     append) >= 0)
		return 0;
	report("out of memory for the command line");
	return -ENOMEM;
}

/**
 * linux_load() - put kernel, initrd and boot structures into guest memory
 * @ram: the guest's, all zero
 * @kernel: the bzImage
 * @initrd: may be empty
 * @command_line: for the guest
 * @rsdp: address of the ACPI root pointer
 * @entry: filled with the first vCPU's registers
 *
 * Return: 0; after a message -ENOEXEC when the file is no kernel for this, -ENOMEM when kernel
 * or initrd do not fit in the guest's memory, -E2BIG when the command line is too long.
 */
int linux_load(const struct guest_ram *ram, const struct image *kernel,
	       const struct image *initrd, const char *command_line, gpa_t rsdp,
	       struct linux_entry *entry)
{
	struct boot_params *params = guest_ram_ptr(ram, LAYOUT_BOOT_PARAMS, sizeof(*params));
	const struct setup_header *header = (const void *)(kernel->data + SETUP_HEADER);
	const char *fault = find_fault(kernel, header);
	gpa_t start, end;
	int ret;

	if (fault) {
		report("cannot boot the kernel file: %s", fault);
		return -ENOEXEC;
	}
	copy_setup_header(params, kernel);
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.vid_mode = VIDEO_NORMAL;
	params->acpi_rsdp_addr = rsdp;
	fill_memory_map(ram, params);
	ret = load_kernel(ram, kernel, header, &start, &end);
	if (!ret)
		ret = load_initrd(ram, initrd, end, params);
	if (!ret)
		ret = load_command_line(ram, command_line, params);
	if (ret)
		return ret;
	build_page_tables(ram);
	build_gdt(ram, entry);
	entry->rip = start + ENTRY_64;
	entry->rsi = LAYOUT_BOOT_PARAMS;
	entry->cr3 = LAYOUT_PAGE_TABLES;
	return 0;
}

/* Whether the words of @line that begin with @key all read @value after it. */
static bool only_value(const char *line, const char *key, const char *value)
{
	size_t key_len = strlen(key);

	for (; *line; line += strcspn(line, " "), line += strspn(line, " ")) {
		size_t word = strcspn(line, " ");

		if (word < key_len || memcmp(line, key, key_len))
			continue;
		if (word - key_len != strlen(value) ||
		    memcmp(line + key_len, value, strlen(value)))
			return false;
	}
	return true;
}

/**
 * linux_reset_was_panic() - whether a guest that reset itself had panicked
 * @ram: of the guest, as it left it
 * @command_line: what it was booted with
 *
 * A kernel without a panic device ends a panic by an ordinary reset. Before any reset Linux
 * stores the reset's kind in the BIOS data area: zero for a cold one, the default. The command
 * line asks for a warm one after a panic only, so the two can be told apart with every stock
 * kernel. If the person's own "reboot=" words changed the kind, nothing can be said.
 *
 * Return: true when it certainly had.
 */
bool linux_reset_was_panic(const struct guest_ram *ram, const char *command_line)
{
	const uint16_t *flag = guest_ram_ptr(ram, LAYOUT_RESET_FLAG, sizeof(*flag));

	return *flag == LAYOUT_RESET_FLAG_WARM &&
	       only_value(command_line, "reboot=", "panic_warm");
}
