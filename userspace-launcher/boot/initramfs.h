/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The initramfs that a guest gets when none is named, and the host's own kernel. Floor 4 of the
 * launcher.
 */
#ifndef LODGE_BOOT_INITRAMFS_H
#define LODGE_BOOT_INITRAMFS_H

#include "boot/image.h"

int initramfs_build(struct image *image, const char *exec);
int host_kernel_find(char **path);

#endif
