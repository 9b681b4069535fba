/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file, or something made at run time, as bytes in memory. Floor 1 of the launcher.
 */
#ifndef LODGE_BOOT_IMAGE_H
#define LODGE_BOOT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct image {
	uint8_t *data;
	size_t len;
};

int image_read(struct image *image, const char *option, const char *path);
void image_free(struct image *image);

#endif
