/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's RAM: one host mapping, seen by the guest in two pieces around the hole below
 * 4 GiB, and the one checked way from a guest physical address to a pointer. Floor 1.
 */
#ifndef LODGE_GUEST_RAM_H
#define LODGE_GUEST_RAM_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t gpa_t;

struct guest_ram {
	uint8_t *base;		/* first byte of the RAM, 2 MiB aligned */
	uint64_t size;
	uint64_t low_size;	/* bytes below the hole, at GPA 0 */
	uint64_t high_size;	/* bytes from 4 GiB on */
	void *mapping;		/* what mmap() returned, for munmap() */
	size_t mapping_size;
};

int guest_ram_create(struct guest_ram *ram, uint64_t size);
void guest_ram_destroy(struct guest_ram *ram);
void *guest_ram_ptr(const struct guest_ram *ram, gpa_t gpa, uint64_t len);

#endif
