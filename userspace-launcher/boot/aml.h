/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A byte-builder for the few ACPI Machine Language constructs that the guest's DSDT needs.
 * Floor 4 of the launcher, without guest access.
 */
#ifndef LODGE_BOOT_AML_H
#define LODGE_BOOT_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *data;
	size_t len;
	size_t size;
	bool overflowed;	/* something did not fit; the content is then useless */
};

void aml_bytes(struct aml *aml, const void *bytes, size_t len);
void aml_byte(struct aml *aml, uint8_t byte);

/* begin ... end bracket what belongs to the object; begin returns what end wants. */
size_t aml_scope_begin(struct aml *aml, const char *path);
size_t aml_device_begin(struct aml *aml, const char *name);
size_t aml_package_begin(struct aml *aml, uint8_t nr_elements);
size_t aml_resources_begin(struct aml *aml);
void aml_end(struct aml *aml, size_t start);
void aml_resources_end(struct aml *aml, size_t start);

void aml_name(struct aml *aml, const char *name);
void aml_integer(struct aml *aml, uint32_t value);
void aml_string(struct aml *aml, const char *string);
void aml_eisa_id(struct aml *aml, const char *id);
void aml_io(struct aml *aml, uint16_t port, uint8_t count);
void aml_irq(struct aml *aml, unsigned int irq);

#endif
