// SPDX-License-Identifier: GPL-2.0
/*
 * AML bytes, one function per construct. Source: ACPI Specification, chapter ACPI Machine
 * Language (AML) Specification, and for the resources chapter Resource Data Types for ACPI.
 * Floor 4 of the launcher.
 *
 * Lengths are always written in their longest form: it is as valid as the shortest, and its size
 * is known before the content is.
 */
#include "boot/aml.h"

#include <string.h>

enum aml_op {
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_EXTENDED = 0x5b,
	AML_DEVICE = 0x82,	/* after AML_EXTENDED */
};

#define PKG_LENGTH_BYTES	4
#define NAME_SEGMENT		4

/* A resource template: Buffer, its length, the size of the buffer as a DWord. */
#define BUFFER_SIZE_BYTES	5

enum aml_resource {
	RESOURCE_IRQ = 0x22,	/* two bytes of mask: edge-triggered, active high */
	RESOURCE_IO = 0x47,
	RESOURCE_END = 0x79,
};

/**
 * aml_bytes() - append bytes
 * @aml: under construction
 * @bytes: what
 * @len: how many
 */
void aml_bytes(struct aml *aml, const void *bytes, size_t len)
{
	if (len > aml->size - aml->len) {
		aml->overflowed = true;
		return;
	}
	memcpy(aml->data + aml->len, bytes, len);
	aml->len += len;
}

/**
 * aml_byte() - append one byte
 * @aml: under construction
 * @byte: what
 */
void aml_byte(struct aml *aml, uint8_t byte)
{
	aml_bytes(aml, &byte, 1);
}

static void put_le(struct aml *aml, uint32_t value, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		aml_byte(aml, value >> 8 * i);
}

/* Leave room for a length; aml_end() fills it in. */
static size_t length_begin(struct aml *aml)
{
	size_t start = aml->len;

	put_le(aml, 0, PKG_LENGTH_BYTES);
	return start;
}

/**
 * aml_end() - close what a begin function opened
 * @aml: under construction
 * @start: what the begin function returned
 */
void aml_end(struct aml *aml, size_t start)
{
	size_t len = aml->len - start;

	if (aml->overflowed)
		return;
	/* Two bits say that three bytes follow; the lowest four bits of the length come here. */
	aml->data[start] = (PKG_LENGTH_BYTES - 1) << 6 | (len & 0xf);
	aml->data[start + 1] = len >> 4;
	aml->data[start + 2] = len >> 12;
	aml->data[start + 3] = len >> 20;
}

/**
 * aml_scope_begin() - open a Scope
 * @aml: under construction
 * @path: such as "\\_SB_": an optional backslash and one segment of four characters
 *
 * Return: for aml_end().
 */
size_t aml_scope_begin(struct aml *aml, const char *path)
{
	size_t start;

	aml_byte(aml, AML_SCOPE);
	start = length_begin(aml);
	aml_bytes(aml, path, strlen(path));
	return start;
}

/**
 * aml_device_begin() - open a Device
 * @aml: under construction
 * @name: four characters
 *
 * Return: for aml_end().
 */
size_t aml_device_begin(struct aml *aml, const char *name)
{
	size_t start;

	aml_byte(aml, AML_EXTENDED);
	aml_byte(aml, AML_DEVICE);
	start = length_begin(aml);
	aml_bytes(aml, name, NAME_SEGMENT);
	return start;
}

/**
 * aml_package_begin() - open a Package
 * @aml: under construction
 * @nr_elements: how many elements will follow
 *
 * Return: for aml_end().
 */
size_t aml_package_begin(struct aml *aml, uint8_t nr_elements)
{
	size_t start;

	aml_byte(aml, AML_PACKAGE);
	start = length_begin(aml);
	aml_byte(aml, nr_elements);
	return start;
}

/**
 * aml_resources_begin() - open a resource template
 * @aml: under construction
 *
 * Return: for aml_resources_end().
 */
size_t aml_resources_begin(struct aml *aml)
{
	size_t start;

	aml_byte(aml, AML_BUFFER);
	start = length_begin(aml);
	aml_integer(aml, 0);
	return start;
}

/**
 * aml_resources_end() - close a resource template
 * @aml: under construction
 * @start: what aml_resources_begin() returned
 */
void aml_resources_end(struct aml *aml, size_t start)
{
	size_t size_at = start + PKG_LENGTH_BYTES + 1;
	uint32_t size;
	unsigned int i;

	aml_byte(aml, RESOURCE_END);
	aml_byte(aml, 0);	/* no checksum */
	if (aml->overflowed)
		return;
	size = aml->len - start - PKG_LENGTH_BYTES - BUFFER_SIZE_BYTES;
	for (i = 0; i < sizeof(size); i++)
		aml->data[size_at + i] = size >> 8 * i;
	aml_end(aml, start);
}

/**
 * aml_name() - begin a Name; its value follows
 * @aml: under construction
 * @name: four characters
 */
void aml_name(struct aml *aml, const char *name)
{
	aml_byte(aml, AML_NAME);
	aml_bytes(aml, name, NAME_SEGMENT);
}

/**
 * aml_integer() - an integer constant
 * @aml: under construction
 * @value: of it
 */
void aml_integer(struct aml *aml, uint32_t value)
{
	aml_byte(aml, AML_DWORD);
	put_le(aml, value, sizeof(value));
}

/**
 * aml_string() - a string constant
 * @aml: under construction
 * @string: of it
 */
void aml_string(struct aml *aml, const char *string)
{
	aml_byte(aml, AML_STRING);
	aml_bytes(aml, string, strlen(string) + 1);
}

static unsigned int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/**
 * aml_eisa_id() - a device id such as "PNP0501", packed into an integer
 * @aml: under construction
 * @id: three capital letters and four hexadecimal digits
 */
void aml_eisa_id(struct aml *aml, const char *id)
{
	uint8_t packed[4];

	/* Five bits a letter, four a digit, most significant byte first. */
	packed[0] = (id[0] - '@') << 2 | (id[1] - '@') >> 3;
	packed[1] = (id[1] - '@') << 5 | (id[2] - '@');
	packed[2] = hex_digit(id[3]) << 4 | hex_digit(id[4]);
	packed[3] = hex_digit(id[5]) << 4 | hex_digit(id[6]);
	aml_byte(aml, AML_DWORD);
	aml_bytes(aml, packed, sizeof(packed));
}

/**
 * aml_io() - a resource: fixed ports
 * @aml: under construction, in a resource template
 * @port: first
 * @count: how many
 */
void aml_io(struct aml *aml, uint16_t port, uint8_t count)
{
	aml_byte(aml, RESOURCE_IO);
	aml_byte(aml, 1);	/* decodes 16 bits of address */
	put_le(aml, port, 2);
	put_le(aml, port, 2);
	aml_byte(aml, 1);	/* alignment */
	aml_byte(aml, count);
}

/**
 * aml_irq() - a resource: an edge-triggered ISA interrupt
 * @aml: under construction, in a resource template
 * @irq: 0 to 15
 */
void aml_irq(struct aml *aml, unsigned int irq)
{
	aml_byte(aml, RESOURCE_IRQ);
	put_le(aml, 1u << irq, 2);
}
