/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The devices of the guest, one pair of functions each. A device is created before the vCPUs
 * run and destroyed after they have ended; in between its only entry is its bus callback.
 * Floor 3 of the launcher.
 */
#ifndef LODGE_DEV_DEVICE_H
#define LODGE_DEV_DEVICE_H

#include "iobus.h"
#include "outcome.h"
#include "term.h"

struct serial;

/* dev/serial.c: the 16550A at COM1 */
struct serial *serial_create(struct iobus *ports, int vm_fd, struct term *term);
void serial_destroy(struct serial *serial);

/* dev/rtc.c: date and time of the MC146818. Needs no state beyond the index register. */
struct rtc {
	_Atomic uint8_t index;
};

int rtc_create(struct rtc *rtc, struct iobus *ports);

/* dev/i8042.c: the reset line of the keyboard controller. */
int i8042_create(struct iobus *ports, struct outcome_box *outcome);

/* dev/power.c: ACPI sleep and reset registers, the panic port. */
struct power {
	struct outcome_box *outcome;
	_Atomic uint16_t enable;	/* PM1 enable register, remembered for the guest */
};

int power_create(struct power *power, struct iobus *ports, struct outcome_box *outcome);

#endif
