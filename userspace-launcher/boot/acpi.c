// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI tables of a small PC without PCI: RSDP, XSDT, FADT, FACS, MADT, DSDT. Enough for a stock
 * kernel to find its CPUs, IOAPIC, serial port and clock, to power off and to reset.
 * Floor 4 of the launcher.
 *
 * Source of every layout: ACPI Specification, chapter ACPI Software Programming Model. The
 * machine is no "hardware-reduced" one: that would make Linux leave out the PIC and the PIT,
 * which the module offers.
 */
#include "boot/acpi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "boot/aml.h"
#include "layout.h"
#include "report.h"
#include "util.h"

#define TABLE_ALIGN	64	/* what the FACS wants; more than the others need */

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __packed;

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;	/* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address;
	uint32_t length;
	uint64_t xsdt_address;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __packed;

#define RSDP_V1_LENGTH	20

struct acpi_address {
	uint8_t space;		/* 1: system I/O */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;	/* 1: byte, 2: word */
	uint64_t address;
} __packed;

struct acpi_fadt {
	struct acpi_header header;
	uint32_t facs, dsdt;
	uint8_t reserved, profile;
	uint16_t sci_interrupt;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	uint32_t pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base, cst_control;
	uint16_t c2_latency, c3_latency;
	uint16_t flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved2;
	uint32_t flags;
	struct acpi_address reset_register;
	uint8_t reset_value;
	uint8_t reserved3[3];
	uint64_t x_facs, x_dsdt;
	struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct acpi_address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
} __packed;

#define FADT_LATENCY_C2_NONE	101	/* beyond the limits: the state does not exist */
#define FADT_LATENCY_C3_NONE	1001
#define FADT_BOOT_LEGACY	0x0001	/* serial port and clock are at their ISA places */
#define FADT_BOOT_NO_VGA	0x0004
#define FADT_WBINVD		0x00000001u
#define FADT_C1			0x00000004u
#define FADT_NO_POWER_BUTTON	0x00000010u
#define FADT_NO_SLEEP_BUTTON	0x00000020u
#define FADT_NO_FIXED_RTC	0x00000040u
#define FADT_RESET_REGISTER	0x00000400u

struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} __packed;

struct madt_head {
	struct acpi_header header;
	uint32_t lapic_address;
	uint32_t flags;		/* bit 0: a PIC pair is there as well */
} __packed;

struct madt_lapic {
	uint8_t type, length;
	uint8_t uid, apic_id;
	uint32_t flags;
} __packed;

struct madt_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t apic_id, flags, uid;
} __packed;

struct madt_ioapic {
	uint8_t type, length;
	uint8_t id, reserved;
	uint32_t address, gsi_base;
} __packed;

struct madt_override {
	uint8_t type, length;
	uint8_t bus, source;
	uint32_t gsi;
	uint16_t flags;
} __packed;

struct madt_lapic_nmi {
	uint8_t type, length;
	uint8_t uid;
	uint16_t flags;
	uint8_t lint;
} __packed;

struct madt_x2apic_nmi {
	uint8_t type, length;
	uint16_t flags;
	uint32_t uid;
	uint8_t lint;
	uint8_t reserved[3];
} __packed;

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

#define MADT_PCAT_COMPAT	1
#define MADT_ENABLED		1
#define MADT_ACTIVE_HIGH_LEVEL	0x000d
#define MADT_ALL_UIDS		0xff
#define MADT_X2_ALL_UIDS	0xffffffffu

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI System Description Table Header");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI Root System Description Pointer");
_Static_assert(sizeof(struct acpi_fadt) == 244, "ACPI FADT, revision 4");
_Static_assert(sizeof(struct acpi_facs) == 64, "ACPI FACS");
_Static_assert(sizeof(struct madt_x2apic) == 16, "ACPI Processor Local x2APIC");

/* Where tables go: they are laid one behind the other. aml does the bounds. */
struct acpi_area {
	struct aml bytes;
	gpa_t gpa;
};

static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	while (len--)
		sum += *bytes++;
	return -sum;
}

static struct acpi_header make_header(const char *signature, uint8_t revision)
{
	struct acpi_header header = { .revision = revision, .oem_revision = 1,
				      .creator_revision = 1 };

	memcpy(header.signature, signature, sizeof(header.signature));
	memcpy(header.oem_id, "LODGE ", sizeof(header.oem_id));
	memcpy(header.oem_table_id, "LODGEVM ", sizeof(header.oem_table_id));
	memcpy(header.creator_id, "LODG", sizeof(header.creator_id));
	return header;
}

static size_t table_begin(struct acpi_area *area)
{
	while (area->bytes.len % TABLE_ALIGN && !area->bytes.overflowed)
		aml_byte(&area->bytes, 0);
	return area->bytes.len;
}

/* Fill in length and checksum; the table's address in the guest comes back. */
static gpa_t table_end(struct acpi_area *area, size_t start)
{
	struct acpi_header *header = (struct acpi_header *)(area->bytes.data + start);

	if (area->bytes.overflowed)
		return 0;
	header->length = area->bytes.len - start;
	header->checksum = checksum(header, header->length);
	return area->gpa + start;
}

static void add_ports(struct aml *aml, uint16_t port, uint8_t count)
{
	size_t resources;

	aml_name(aml, "_CRS");
	resources = aml_resources_begin(aml);
	aml_io(aml, port, count);
	aml_resources_end(aml, resources);
}

static void add_serial(struct aml *aml)
{
	size_t device = aml_device_begin(aml, "COM1");
	size_t resources;

	aml_name(aml, "_HID");
	aml_eisa_id(aml, "PNP0501");
	aml_name(aml, "_UID");
	aml_integer(aml, 1);
	aml_name(aml, "_CRS");
	resources = aml_resources_begin(aml);
	aml_io(aml, PORT_COM1, 8);
	aml_irq(aml, GSI_COM1);
	aml_resources_end(aml, resources);
	aml_end(aml, device);
}

static void add_rtc(struct aml *aml)
{
	size_t device = aml_device_begin(aml, "RTC_");

	aml_name(aml, "_HID");
	aml_eisa_id(aml, "PNP0B00");
	add_ports(aml, PORT_RTC, 2);
	aml_end(aml, device);
}

/* The name under which Linux's pvpanic driver looks for its port. */
static void add_panic_port(struct aml *aml)
{
	size_t device = aml_device_begin(aml, "PEVT");

	aml_name(aml, "_HID");
	aml_string(aml, "QEMU0001");
	add_ports(aml, PORT_PVPANIC, 1);
	aml_end(aml, device);
}

static void add_processor(struct aml *aml, unsigned int cpu)
{
	char name[8];
	size_t device;

	snprintf(name, sizeof(name), "C%03X", cpu & 0xfff);
	device = aml_device_begin(aml, name);
	aml_name(aml, "_HID");
	aml_string(aml, "ACPI0007");
	aml_name(aml, "_UID");
	aml_integer(aml, cpu);
	aml_end(aml, device);
}

static gpa_t build_dsdt(struct acpi_area *area, unsigned int nr_cpus)
{
	struct acpi_header header = make_header("DSDT", 2);
	size_t start = table_begin(area);
	struct aml *aml = &area->bytes;
	size_t bracket;
	unsigned int i;

	aml_bytes(aml, &header, sizeof(header));
	aml_name(aml, "_S5_");
	bracket = aml_package_begin(aml, 2);
	aml_integer(aml, PM1_SLEEP_TYPE_S5);
	aml_integer(aml, 0);	/* there is no PM1b */
	aml_end(aml, bracket);

	bracket = aml_scope_begin(aml, "\\_SB_");
	add_serial(aml);
	add_rtc(aml);
	add_panic_port(aml);
	for (i = 0; i < nr_cpus; i++)
		add_processor(aml, i);
	aml_end(aml, bracket);
	return table_end(area, start);
}

static struct acpi_address io_address(uint16_t port, uint8_t bytes, uint8_t access_bytes)
{
	return (struct acpi_address){
		.space = 1, .bit_width = 8 * bytes, .access_size = access_bytes, .address = port,
	};
}

static gpa_t build_fadt(struct acpi_area *area, gpa_t facs, gpa_t dsdt)
{
	struct acpi_fadt fadt = {
		.header = make_header("FACP", 4),
		.facs = facs,
		.dsdt = dsdt,
		.sci_interrupt = GSI_SCI,
		.pm1a_event = PORT_PM1_EVENT,
		.pm1a_control = PORT_PM1_CONTROL,
		.pm1_event_len = PM1_EVENT_LEN,
		.pm1_control_len = PM1_CONTROL_LEN,
		.c2_latency = FADT_LATENCY_C2_NONE,
		.c3_latency = FADT_LATENCY_C3_NONE,
		.century = 0x32,
		.boot_flags = FADT_BOOT_LEGACY | FADT_BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
			 FADT_NO_FIXED_RTC | FADT_RESET_REGISTER,
		.reset_register = io_address(PORT_RESET, 1, 1),
		.reset_value = RESET_VALUE,
		.x_dsdt = dsdt,
		.x_pm1a_event = io_address(PORT_PM1_EVENT, PM1_EVENT_LEN, 2),
		.x_pm1a_control = io_address(PORT_PM1_CONTROL, PM1_CONTROL_LEN, 2),
	};
	size_t start = table_begin(area);

	aml_bytes(&area->bytes, &fadt, sizeof(fadt));
	return table_end(area, start);
}

static gpa_t build_facs(struct acpi_area *area)
{
	struct acpi_facs facs = { .signature = "FACS", .length = sizeof(facs), .version = 1 };
	size_t start = table_begin(area);

	/* No checksum in this one: the guest writes to it. */
	aml_bytes(&area->bytes, &facs, sizeof(facs));
	return area->gpa + start;
}

static void add_madt_cpu(struct aml *aml, unsigned int cpu)
{
	struct madt_lapic lapic = {
		.type = MADT_LAPIC, .length = sizeof(lapic),
		.uid = cpu, .apic_id = cpu, .flags = MADT_ENABLED,
	};
	struct madt_x2apic x2apic = {
		.type = MADT_X2APIC, .length = sizeof(x2apic),
		.uid = cpu, .apic_id = cpu, .flags = MADT_ENABLED,
	};

	if (cpu < LAYOUT_X2APIC_FIRST_ID)
		aml_bytes(aml, &lapic, sizeof(lapic));
	else
		aml_bytes(aml, &x2apic, sizeof(x2apic));
}

static void add_madt_override(struct aml *aml, uint8_t source, uint32_t gsi, uint16_t flags)
{
	struct madt_override override = {
		.type = MADT_OVERRIDE, .length = sizeof(override),
		.source = source, .gsi = gsi, .flags = flags,
	};

	aml_bytes(aml, &override, sizeof(override));
}

static gpa_t build_madt(struct acpi_area *area, unsigned int nr_cpus)
{
	struct madt_head head = {
		.header = make_header("APIC", 4), .lapic_address = LAYOUT_LAPIC,
		.flags = MADT_PCAT_COMPAT,
	};
	struct madt_ioapic ioapic = {
		.type = MADT_IOAPIC, .length = sizeof(ioapic), .address = LAYOUT_IOAPIC,
	};
	struct madt_lapic_nmi nmi = {
		.type = MADT_LAPIC_NMI, .length = sizeof(nmi), .uid = MADT_ALL_UIDS, .lint = 1,
	};
	struct madt_x2apic_nmi x2apic_nmi = {
		.type = MADT_X2APIC_NMI, .length = sizeof(x2apic_nmi),
		.uid = MADT_X2_ALL_UIDS, .lint = 1,
	};
	size_t start = table_begin(area);
	struct aml *aml = &area->bytes;
	unsigned int i;

	aml_bytes(aml, &head, sizeof(head));
	for (i = 0; i < nr_cpus; i++)
		add_madt_cpu(aml, i);
	aml_bytes(aml, &ioapic, sizeof(ioapic));
	/* The PIT arrives at pin 2 (irq_setup_routing()), the SCI is a level. */
	add_madt_override(aml, 0, 2, 0);
	add_madt_override(aml, GSI_SCI, GSI_SCI, MADT_ACTIVE_HIGH_LEVEL);
	aml_bytes(aml, &nmi, sizeof(nmi));
	if (nr_cpus > LAYOUT_X2APIC_FIRST_ID)
		aml_bytes(aml, &x2apic_nmi, sizeof(x2apic_nmi));
	return table_end(area, start);
}

static gpa_t build_xsdt(struct acpi_area *area, gpa_t fadt, gpa_t madt)
{
	struct acpi_header header = make_header("XSDT", 1);
	uint64_t entries[] = { fadt, madt };
	size_t start = table_begin(area);

	aml_bytes(&area->bytes, &header, sizeof(header));
	aml_bytes(&area->bytes, entries, sizeof(entries));
	return table_end(area, start);
}

/**
 * acpi_build() - write the tables into guest memory
 * @ram: the guest's
 * @nr_cpus: how many processors to list; APIC id and UID are the index
 * @rsdp: set to the address of the root pointer
 *
 * The RSDP comes first, at a place where a guest that is not told finds it by scanning.
 *
 * Return: 0; -E2BIG when the tables of so many CPUs do not fit below 1 MiB.
 */
int acpi_build(const struct guest_ram *ram, unsigned int nr_cpus, gpa_t *rsdp)
{
	size_t size = LAYOUT_ACPI_END - LAYOUT_ACPI;
	struct acpi_area area = {
		.bytes = { .data = guest_ram_ptr(ram, LAYOUT_ACPI, size), .size = size },
		.gpa = LAYOUT_ACPI,
	};
	struct acpi_rsdp root = { .revision = 2, .length = sizeof(root) };
	gpa_t facs, dsdt, fadt, madt;

	memcpy(root.signature, "RSD PTR ", sizeof(root.signature));
	memcpy(root.oem_id, "LODGE ", sizeof(root.oem_id));
	aml_bytes(&area.bytes, &root, sizeof(root));
	facs = build_facs(&area);
	dsdt = build_dsdt(&area, nr_cpus);
	fadt = build_fadt(&area, facs, dsdt);
	madt = build_madt(&area, nr_cpus);
	root.xsdt_address = build_xsdt(&area, fadt, madt);
	if (area.bytes.overflowed) {
		report("the ACPI tables of %u vCPUs do not fit: give fewer with --cpus", nr_cpus);
		return -E2BIG;
	}
	root.checksum = checksum(&root, RSDP_V1_LENGTH);
	root.extended_checksum = checksum(&root, sizeof(root));
	memcpy(area.bytes.data, &root, sizeof(root));
	*rsdp = area.gpa;
	return 0;
}
