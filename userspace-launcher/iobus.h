/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two address spaces in which a guest reaches devices, and what a device must offer to be on
 * one of them. Floor 2 of the launcher.
 */
#ifndef LODGE_IOBUS_H
#define LODGE_IOBUS_H

#include <stdbool.h>
#include <stdint.h>

#define IOBUS_MAX_RANGES	16

/*
 * One access, called on the thread of the vCPU that made it; several vCPUs may call at once,
 * the device locks for itself. @offset counts from the start of the range. @data holds @len
 * bytes (1, 2, 4 or 8), little-endian as the guest sees them: to be filled for a read.
 */
typedef void (*iobus_access_fn)(void *device, uint64_t offset, uint8_t *data, uint32_t len,
				bool is_write);

struct iobus_range {
	uint64_t start;
	uint64_t len;
	iobus_access_fn access;
	void *device;
};

/* One address space: ports or memory. Filled before the vCPUs run, constant from then on. */
struct iobus {
	struct iobus_range ranges[IOBUS_MAX_RANGES];
	unsigned int nr_ranges;
};

int iobus_add(struct iobus *bus, uint64_t start, uint64_t len, iobus_access_fn access,
	      void *device);
void iobus_access(const struct iobus *bus, uint64_t address, uint8_t *data, uint32_t len,
		  bool is_write);

#endif
