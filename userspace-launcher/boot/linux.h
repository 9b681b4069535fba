/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading a Linux kernel by its 64-bit boot protocol. Floor 4 of the launcher.
 */
#ifndef LODGE_BOOT_LINUX_H
#define LODGE_BOOT_LINUX_H

#include <stdbool.h>

#include "boot/image.h"
#include "guest_ram.h"

/* What the first vCPU must have in its registers. */
struct linux_entry {
	gpa_t rip;
	gpa_t rsi;		/* struct boot_params */
	gpa_t cr3;
	gpa_t gdt;
	uint16_t gdt_limit;
};

/* Selectors that the boot protocol prescribes. */
#define LINUX_BOOT_CS	0x10
#define LINUX_BOOT_DS	0x18

int linux_command_line(char **command_line, const char *append);
int linux_load(const struct guest_ram *ram, const struct image *kernel,
	       const struct image *initrd, const char *command_line, gpa_t rsdp,
	       struct linux_entry *entry);
bool linux_reset_was_panic(const struct guest_ram *ram, const char *command_line);

#endif
