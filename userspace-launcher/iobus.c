// SPDX-License-Identifier: GPL-2.0
/*
 * Dispatch of port and memory accesses to devices. An access that no device claims reads as all
 * ones and writes to nowhere, as on a PC's bus: that is what makes a guest's probe for PCI, a
 * second serial port or a VGA card end at once. Floor 2 of the launcher.
 */
#include "iobus.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "report.h"

/**
 * iobus_add() - put a device on the bus
 * @bus: not yet used by a vCPU
 * @start: first address
 * @len: number of addresses
 * @access: called for an access that begins in the range
 * @device: passed to @access
 *
 * Return: 0; -EBUSY when the range overlaps another one or the table is full: a mistake in the
 * launcher's own map, reported all the same.
 */
int iobus_add(struct iobus *bus, uint64_t start, uint64_t len, iobus_access_fn access,
	      void *device)
{
	unsigned int i;

	for (i = 0; i < bus->nr_ranges; i++) {
		const struct iobus_range *range = &bus->ranges[i];

		if (start < range->start + range->len && range->start < start + len)
			break;
	}
	if (i < bus->nr_ranges || bus->nr_ranges == IOBUS_MAX_RANGES) {
		report("no room on the bus for a device at 0x%" PRIx64, start);
		return -EBUSY;
	}
	bus->ranges[bus->nr_ranges++] = (struct iobus_range){
		.start = start, .len = len, .access = access, .device = device,
	};
	return 0;
}

/**
 * iobus_access() - carry out one access of a guest
 * @bus: ports or memory
 * @address: first byte
 * @data: bytes to write, or room for the bytes read
 * @len: 1, 2, 4 or 8
 * @is_write: direction
 *
 * Context: the vCPU's thread. The device may block on its own lock or on the terminal.
 */
void iobus_access(const struct iobus *bus, uint64_t address, uint8_t *data, uint32_t len,
		  bool is_write)
{
	unsigned int i;

	for (i = 0; i < bus->nr_ranges; i++) {
		const struct iobus_range *range = &bus->ranges[i];

		/* Only an access inside one range: 4 bytes at 0xcf8 are PCI, not reset. */
		if (address < range->start || address - range->start >= range->len)
			continue;
		range->access(range->device, address - range->start, data, len, is_write);
		return;
	}
	if (!is_write)
		memset(data, 0xff, len);
}
