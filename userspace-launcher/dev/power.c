// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest ends itself: the ACPI PM1 registers (power-off is sleep state S5), the reset
 * register at 0xcf9, and the panic port of the QEMU0001 device. There is no power button and no
 * PM timer, so PM1 never has an event to report. Floor 3 of the launcher.
 *
 * Source: ACPI Specification, chapter ACPI Hardware Specification, PM1 Control Registers.
 */
#include "dev/device.h"

#include <string.h>

#include "layout.h"

#define PM1_SCI_EN		0x0001u
#define PM1_SLEEP_TYPE_SHIFT	10
#define PM1_SLEEP_TYPE_MASK	0x7u
#define PM1_SLEEP_ENABLE	0x2000u

#define RESET_CPU		0x04u

#define PVPANIC_PANICKED	0x01u
#define PVPANIC_CRASH_LOADED	0x02u

/* Byte-wise and wider accesses alike see one little-endian register file. */
static void fill(uint8_t *data, uint32_t len, uint32_t registers, uint64_t offset)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		data[i] = offset + i < sizeof(registers) ? registers >> 8 * (offset + i) : 0xff;
}

static void pm1_event_access(void *device, uint64_t offset, uint8_t *data, uint32_t len,
			     bool is_write)
{
	struct power *power = device;
	uint16_t enable = power->enable;
	uint32_t i;

	if (!is_write) {
		fill(data, len, (uint32_t)enable << 16, offset);
		return;
	}
	for (i = 0; i < len; i++) {
		if (offset + i == 2)
			enable = (enable & 0xff00) | data[i];
		else if (offset + i == 3)
			enable = (enable & 0x00ff) | data[i] << 8;
	}
	power->enable = enable;
}

static void pm1_control_access(void *device, uint64_t offset, uint8_t *data, uint32_t len,
			       bool is_write)
{
	struct power *power = device;
	uint32_t value;

	if (!is_write) {
		/* No SMI command exists, so ACPI mode is always on. */
		fill(data, len, PM1_SCI_EN, offset);
		return;
	}
	/* Sleep type and enable share the upper byte, whichever way it is written. */
	if (offset)
		value = data[0] << 8;
	else
		value = len > 1 ? data[0] | data[1] << 8 : data[0];
	if ((value & PM1_SLEEP_ENABLE) &&
	    (value >> PM1_SLEEP_TYPE_SHIFT & PM1_SLEEP_TYPE_MASK) == PM1_SLEEP_TYPE_S5)
		outcome_set(power->outcome, OUTCOME_POWER_OFF);
}

static void reset_access(void *device, uint64_t offset, uint8_t *data, uint32_t len,
			 bool is_write)
{
	struct power *power = device;

	(void)offset;
	if (!is_write)
		memset(data, 0, len);
	else if (*data & RESET_CPU)
		outcome_set(power->outcome, OUTCOME_REBOOT);
}

static void pvpanic_access(void *device, uint64_t offset, uint8_t *data, uint32_t len,
			   bool is_write)
{
	struct power *power = device;

	(void)offset;
	if (!is_write)
		fill(data, len, PVPANIC_PANICKED | PVPANIC_CRASH_LOADED, 0);
	else if (*data & PVPANIC_PANICKED)
		outcome_set(power->outcome, OUTCOME_PANIC);
	/* With PVPANIC_CRASH_LOADED alone the guest takes its own dump and goes on. */
}

/**
 * power_create() - put the registers on the bus
 * @power: to fill; lives as long as the bus
 * @ports: the port space
 * @outcome: where the guest's end goes
 *
 * Return: 0, or a negative errno after a message.
 */
int power_create(struct power *power, struct iobus *ports, struct outcome_box *outcome)
{
	int ret;

	power->outcome = outcome;
	power->enable = 0;
	ret = iobus_add(ports, PORT_PM1_EVENT, PM1_EVENT_LEN, pm1_event_access, power);
	if (!ret)
		ret = iobus_add(ports, PORT_PM1_CONTROL, PM1_CONTROL_LEN,
				pm1_control_access, power);
	if (!ret)
		ret = iobus_add(ports, PORT_RESET, 1, reset_access, power);
	if (!ret)
		ret = iobus_add(ports, PORT_PVPANIC, 1, pvpanic_access, power);
	return ret;
}
