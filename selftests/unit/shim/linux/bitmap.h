/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: bit maps. */
#ifndef SHIM_LINUX_BITMAP_H
#define SHIM_LINUX_BITMAP_H

#include <string.h>
#include <linux/bitops.h>

#define bitmap_zero(map, n)	memset(map, 0, BITS_TO_LONGS(n) * sizeof(long))
#define bitmap_fill(map, n)	memset(map, 0xff, BITS_TO_LONGS(n) * sizeof(long))

#endif /* SHIM_LINUX_BITMAP_H */
