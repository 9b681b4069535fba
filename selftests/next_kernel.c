// SPDX-License-Identifier: GPL-2.0
/*
 * Helper of shutdown_test.sh: loads a vmlinux as the next kernel, or as the crash kernel,
 * and starts the next kernel.  No test itself.
 *
 * next_kernel load|crash VMLINUX INITRD COMMAND_LINE
 * next_kernel start
 *
 * A vmlinux and not a bzImage, which would take an emulated machine a minute to unpack; the
 * kernel's own loader wants a bzImage, so what it does is done here, by the 64-bit boot
 * protocol (Linux, Documentation/x86/boot.rst).  A crash kernel gets the memory set aside for
 * it (crashkernel=) and what lies below 640 KiB.
 */
#define _GNU_SOURCE
#include <asm/bootparam.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

#define KIB		1024ull
#define MIB		(1024 * KIB)
#define LOW_END		(640 * KIB)
#define PAGE_BYTES	4096ull

/* What a kernel may be moved by. */
#define KERNEL_ALIGN	(2 * MIB)

/* What the first segment holds, one page each. */
struct first_segment {
	struct boot_params params;
	char command_line[PAGE_BYTES];
	uint8_t code[PAGE_BYTES];
};

struct range {
	uint64_t begin, end;
};

struct image {
	uint8_t *data;
	size_t size;
};

static struct image read_file(const char *path)
{
	struct image image;
	struct stat stat;
	size_t done = 0;
	int fd = open(path, O_RDONLY);

	TEST_ASSERT(fd >= 0 && !fstat(fd, &stat), "%s cannot be opened", path);
	image.size = stat.st_size;
	image.data = malloc(image.size);
	TEST_ASSERT(image.data, "no memory for %s", path);
	while (done < image.size) {
		ssize_t count = read(fd, image.data + done, image.size - done);

		TEST_ASSERT(count > 0, "%s cannot be read", path);
		done += count;
	}
	close(fd);
	return image;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

static void add_range(struct boot_params *params, struct range range, uint32_t type)
{
	struct boot_e820_entry *entry = &params->e820_table[params->e820_entries];

	TEST_ASSERT(params->e820_entries < E820_MAX_ENTRIES_ZEROPAGE, "too many memory ranges");
	entry->addr = range.begin;
	entry->size = range.end - range.begin;
	entry->type = type;
	params->e820_entries++;
}

/*
 * Tells the next kernel its memory, from /proc/iomem, and returns where it goes: the
 * largest range, or what is set aside for a crash kernel.
 */
static struct range find_memory(struct boot_params *params, bool is_crash)
{
	struct range home = { }, range;
	FILE *file = fopen("/proc/iomem", "r");
	unsigned long begin, end;
	char line[256];

	TEST_ASSERT(file, "/proc/iomem");
	while (fgets(line, sizeof(line), file)) {
		bool is_ram = strstr(line, ": System RAM");

		if (sscanf(line, "%lx-%lx", &begin, &end) != 2)
			continue;
		range = (struct range) { begin, end + 1ull };
		if (strstr(line, ": Crash kernel") && is_crash) {
			home = range;
			add_range(params, range, 1);
		} else if (is_ram && !is_crash) {
			add_range(params, range, 1);
			if (range.end - range.begin > home.end - home.begin)
				home = range;
		} else if (is_ram && range.end <= LOW_END) {
			add_range(params, range, 1);
		} else if (strstr(line, ": ACPI Tables") && line[0] != ' ') {
			add_range(params, range, 3);
		} else if (strstr(line, ": Reserved") && line[0] != ' ') {
			add_range(params, range, 2);
		}
	}
	fclose(file);
	TEST_ASSERT(home.end, is_crash ? "no memory for a crash kernel (crashkernel=)"
				       : "no memory in /proc/iomem");
	return home;
}

/*
 * The kernel's segments as one piece of memory, from which its entry is returned as a
 * distance.
 */
static struct image flatten(const struct image *elf, uint64_t *begin, uint64_t *entry)
{
	const Elf64_Ehdr *header = (void *)elf->data;
	const Elf64_Phdr *segment = (void *)(elf->data + header->e_phoff);
	struct image flat = { };
	uint64_t end = 0;
	int i;

	*begin = UINT64_MAX;
	for (i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type != PT_LOAD)
			continue;
		if (segment[i].p_paddr < *begin)
			*begin = segment[i].p_paddr;
		if (segment[i].p_paddr + segment[i].p_memsz > end)
			end = segment[i].p_paddr + segment[i].p_memsz;
	}
	flat.size = end - *begin;
	flat.data = calloc(1, flat.size);
	TEST_ASSERT(flat.data, "no memory");
	for (i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD)
			memcpy(flat.data + segment[i].p_paddr - *begin,
			       elf->data + segment[i].p_offset, segment[i].p_filesz);
	}
	*entry = header->e_entry - *begin;
	return flat;
}

/* mov rsi, parameters; mov rax, entry; jmp rax */
static void write_code(uint8_t *code, uint64_t params, uint64_t entry)
{
	memcpy(code, "\x48\xbe", 2);
	memcpy(code + 2, &params, 8);
	memcpy(code + 10, "\x48\xb8", 2);
	memcpy(code + 12, &entry, 8);
	memcpy(code + 20, "\xff\xe0", 2);
}

static void write_header(struct setup_header *header, uint64_t first_at, uint64_t initrd_at,
			 size_t initrd_size)
{
	header->boot_flag = 0xaa55;
	memcpy(&header->header, "HdrS", 4);
	header->version = 0x20f;
	header->type_of_loader = 0xff;
	header->loadflags = LOADED_HIGH;
	header->cmd_line_ptr = first_at + offsetof(struct first_segment, command_line);
	header->ramdisk_image = initrd_at;
	header->ramdisk_size = initrd_size;
}

static void load(const char *kernel_path, const char *initrd_path, const char *command_line,
		 bool is_crash)
{
	struct image elf = read_file(kernel_path), initrd = read_file(initrd_path);
	struct first_segment *first = calloc(1, sizeof(*first));
	struct kexec_segment segments[3];
	uint64_t kernel_at, first_at, initrd_at, begin, entry;
	struct image kernel;
	struct range home;

	TEST_ASSERT(first && elf.size > sizeof(Elf64_Ehdr) && !memcmp(elf.data, ELFMAG, SELFMAG),
		    "%s is no vmlinux", kernel_path);
	TEST_ASSERT(strlen(command_line) < sizeof(first->command_line), "command line too long");
	kernel = flatten(&elf, &begin, &entry);

	home = find_memory(&first->params, is_crash);
	kernel_at = home.begin > begin ? round_up(home.begin, KERNEL_ALIGN) : begin;
	/* Its first allocations lie right behind the kernel. */
	first_at = round_up(kernel_at + kernel.size + 8 * MIB, PAGE_BYTES);
	initrd_at = round_up(first_at + sizeof(*first), PAGE_BYTES);
	TEST_ASSERT(initrd_at + initrd.size + 32 * MIB < home.end, "too little memory");

	strcpy(first->command_line, command_line);
	write_code(first->code, first_at, kernel_at + entry);
	write_header(&first->params.hdr, first_at, initrd_at, initrd.size);
	segments[0] = (struct kexec_segment) {
		kernel.data, kernel.size, (void *)kernel_at, round_up(kernel.size, PAGE_BYTES),
	};
	segments[1] = (struct kexec_segment) {
		first, sizeof(*first), (void *)first_at, round_up(sizeof(*first), PAGE_BYTES),
	};
	segments[2] = (struct kexec_segment) {
		initrd.data, initrd.size, (void *)initrd_at, round_up(initrd.size, PAGE_BYTES),
	};
	TEST_ASSERT(!syscall(SYS_kexec_load, first_at + offsetof(struct first_segment, code),
			     3, segments, is_crash ? KEXEC_ON_CRASH : 0), "kexec_load");
}

int main(int argc, char **argv)
{
	if (argc == 5 && (!strcmp(argv[1], "load") || !strcmp(argv[1], "crash"))) {
		load(argv[2], argv[3], argv[4], !strcmp(argv[1], "crash"));
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "start")) {
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_KEXEC, NULL);
		perror("next_kernel: start");
		return 1;
	}
	fprintf(stderr, "usage: next_kernel load|crash VMLINUX INITRD COMMAND_LINE\n"
			"       next_kernel start\n");
	return 2;
}
