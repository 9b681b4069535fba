// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the kernel's counters of memory, in /proc, and what it tells of single pages.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "host.h"
#include "host_memory.h"
#include "test.h"
#include "vm.h"

/* The number of a line "FIELD:   NUMBER kB", in bytes. */
static bool parse_field(const char *line, const char *field, uint64_t *bytes)
{
	size_t length = strlen(field);
	unsigned long kilobytes;

	if (strncmp(line, field, length) || line[length] != ':' ||
	    sscanf(line + length + 1, "%lu kB", &kilobytes) != 1)
		return false;
	*bytes = (uint64_t)kilobytes << 10;
	return true;
}

uint64_t host_meminfo(const char *field)
{
	char name[64];
	long kilobytes;

	/* Each CPU keeps a part of the counters to itself until it is asked. */
	host_write("/proc/sys/vm/stat_refresh", "1");
	snprintf(name, sizeof(name), "%s:", field);
	kilobytes = host_field("/proc/meminfo", name);
	if (kilobytes < 0)
		test_skip("/proc/meminfo has no %s", field);
	return (uint64_t)kilobytes << 10;
}

uint64_t host_guest_tables(void)
{
	return host_meminfo("SecPageTables") / PAGE_BYTES;
}

uint64_t host_smaps(const void *address, const char *field)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	bool is_inside = false, is_found = false;
	unsigned long start, end;
	uint64_t bytes = 0;
	char line[256];

	TEST_ASSERT(file, "/proc/self/smaps");
	while (!is_found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_inside = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (is_inside)
			is_found = parse_field(line, field, &bytes);
	}
	fclose(file);
	return bytes;
}

uint64_t host_pagemap(const void *address)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	TEST_ASSERT(fd >= 0, "/proc/self/pagemap");
	ASSERT_EQ(pread(fd, &entry, sizeof(entry), (uintptr_t)address / PAGE_BYTES * 8), 8);
	close(fd);
	return entry;
}

unsigned int host_count_pages(const void *address, unsigned int pages, uint64_t bits)
{
	uint64_t entries[512];
	unsigned int i, count = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	ASSERT_LE(pages, (unsigned int)ARRAY_SIZE(entries));
	TEST_ASSERT(fd >= 0, "/proc/self/pagemap");
	ASSERT_EQ(pread(fd, entries, pages * 8, (uintptr_t)address / PAGE_BYTES * 8), pages * 8);
	close(fd);
	for (i = 0; i < pages; i++)
		count += !!(entries[i] & bits);
	return count;
}

void host_want_huge_pages(void *address, uint64_t bytes)
{
	uint64_t offset;

	if (madvise(address, bytes, MADV_HUGEPAGE))
		test_skip("this kernel has no transparent huge pages");
	/* Touch it from the host: that is what makes them. */
	for (offset = 0; offset < bytes; offset += LARGE_PAGE_BYTES)
		*((volatile uint8_t *)address + offset) = 0;
	if (host_smaps(address, "AnonHugePages") < bytes)
		test_skip("the host gave no huge pages");
}
