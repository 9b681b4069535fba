// SPDX-License-Identifier: GPL-2.0
/*
 * Of the keyboard controller only what a guest needs to reset the machine: an idle status, so
 * that waiting for it ends at once, and the command that pulses the reset line. There is no
 * keyboard, and the ACPI tables say so. Floor 3 of the launcher.
 */
#include "dev/device.h"

#include <string.h>

#include "layout.h"

/* Commands 0xf0 to 0xff pulse the lines whose bits are 0; bit 0 is the CPU's reset. */
#define COMMAND_PULSE	0xf0
#define PULSE_NO_RESET	0x01

static void i8042_access(void *device, uint64_t offset, uint8_t *data, uint32_t len,
			 bool is_write)
{
	(void)offset;
	if (!is_write) {
		memset(data, 0, len);	/* both buffers empty */
		return;
	}
	if ((*data & COMMAND_PULSE) == COMMAND_PULSE && !(*data & PULSE_NO_RESET))
		outcome_set(device, OUTCOME_REBOOT);
}

static void i8042_data_access(void *device, uint64_t offset, uint8_t *data, uint32_t len,
			      bool is_write)
{
	(void)device;
	(void)offset;
	if (!is_write)
		memset(data, 0, len);
}

/**
 * i8042_create() - put the controller's two ports on the bus
 * @ports: the port space
 * @outcome: where a reset goes
 *
 * Return: 0, or a negative errno after a message.
 */
int i8042_create(struct iobus *ports, struct outcome_box *outcome)
{
	int ret = iobus_add(ports, PORT_I8042_DATA, 1, i8042_data_access, NULL);

	return ret ? ret : iobus_add(ports, PORT_I8042_COMMAND, 1, i8042_access, outcome);
}
