/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's memory, port and GSI map on one page. Floor 1 of the launcher; holds numbers only.
 *
 *   0x00000000  boot structures (below), all inside the first 640 KiB
 *   0x0009fc00  reserved up to 1 MiB; the ACPI tables stand at 0xe0000, where a guest scans for
 *               them
 *   0x00100000  RAM: kernel from its preferred address, initrd at the top below 3 GiB
 *   0xc0000000  hole for devices: IOAPIC, LAPIC, the module's own TSS pages
 *   4 GiB       the rest of the RAM
 */
#ifndef LODGE_LAYOUT_H
#define LODGE_LAYOUT_H

/* Boot structures. The guest's kernel copies what it needs and then reuses the memory. */
#define LAYOUT_GDT		0x00001000u
#define LAYOUT_PAGE_TABLES	0x00002000u	/* six pages */
#define LAYOUT_BOOT_PARAMS	0x00010000u
#define LAYOUT_COMMAND_LINE	0x00020000u
#define LAYOUT_COMMAND_LINE_MAX	0x00010000u

#define LAYOUT_EBDA		0x0009fc00u	/* end of low RAM, as PC firmware reports it */
#define LAYOUT_VGA		0x000a0000u
#define LAYOUT_ACPI		0x000e0000u
#define LAYOUT_ACPI_END		0x00100000u
#define LAYOUT_HIGH_RAM		0x00100000u
#define LAYOUT_HOLE		0xc0000000ull
#define LAYOUT_HOLE_END		0x100000000ull

#define LAYOUT_IOAPIC		0xfec00000u
#define LAYOUT_IDENTITY_MAP	0xfeffc000u	/* one page, KVM_SET_IDENTITY_MAP_ADDR */
#define LAYOUT_TSS		0xfeffd000u	/* three pages, KVM_SET_TSS_ADDR */
#define LAYOUT_LAPIC		0xfee00000u

/* The BIOS data area's reset flag: a warm reset leaves 0x1234 here. */
#define LAYOUT_RESET_FLAG	0x00000472u
#define LAYOUT_RESET_FLAG_WARM	0x1234

#define PORT_I8042_DATA		0x060
#define PORT_I8042_COMMAND	0x064
#define PORT_RTC		0x070	/* index, data */
#define PORT_COM1		0x3f8	/* eight ports */
#define PORT_PVPANIC		0x505
#define PORT_PM1_EVENT		0x600	/* status and enable, two bytes each */
#define PORT_PM1_CONTROL	0x604
#define PORT_RESET		0xcf9

/* What the ACPI tables say of the PM1 registers, and the device does. */
#define PM1_EVENT_LEN		4
#define PM1_CONTROL_LEN		2
#define PM1_SLEEP_TYPE_S5	5
#define RESET_VALUE		0x06	/* written to PORT_RESET */

#define GSI_COM1		4
#define GSI_SCI			9
#define GSI_IOAPIC_PINS		24

/* From this APIC id on, a CPU is reachable in x2APIC mode only (0xff is the xAPIC broadcast). */
#define LAYOUT_X2APIC_FIRST_ID	255

#endif
