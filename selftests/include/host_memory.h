/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the host's kernel tells of memory: its counters, and what backs an address of
 * this process.  Holds nothing of VMs.
 */
#ifndef SELFTESTS_HOST_MEMORY_H
#define SELFTESTS_HOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Bits of host_pagemap(); the lower ones are the frame number. */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_FRAME ((1ull << 55) - 1)

/* A line of /proc/meminfo, in bytes. */
uint64_t host_meminfo(const char *field);

/* Page tables of guests, in pages: how large the leaves are shows in how many there are. */
uint64_t host_guest_tables(void);

/* A line of /proc/self/smaps of the mapping that holds @address, in bytes. */
uint64_t host_smaps(const void *address, const char *field);

/* The entry of /proc/self/pagemap. */
uint64_t host_pagemap(const void *address);

/* How many of the @pages, at most 512, from @address on have @bits in their pagemap entry. */
unsigned int host_count_pages(const void *address, unsigned int pages, uint64_t bits);

/* Have the kernel use 2 MiB pages for this memory, or skip. */
void host_want_huge_pages(void *address, uint64_t bytes);

#endif
