/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's ACPI tables. Floor 4 of the launcher.
 */
#ifndef LODGE_BOOT_ACPI_H
#define LODGE_BOOT_ACPI_H

#include "guest_ram.h"

int acpi_build(const struct guest_ram *ram, unsigned int nr_cpus, gpa_t *rsdp);

#endif
