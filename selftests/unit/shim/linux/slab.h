/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: allocation by the C library, under its sanitizer. */
#ifndef SHIM_LINUX_SLAB_H
#define SHIM_LINUX_SLAB_H

#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
#define GFP_ATOMIC		0
#define __GFP_ZERO		0
#define __GFP_NOWARN		0

#define kmalloc(size, flags)		malloc(size)
#define kzalloc(size, flags)		calloc(1, size)
#define kcalloc(n, size, flags)		calloc(n, size)
#define kvcalloc(n, size, flags)	calloc(n, size)
#define kvmalloc(size, flags)		malloc(size)
#define kvzalloc(size, flags)		calloc(1, size)
#define kfree(pointer)			free((void *)(pointer))
#define kvfree(pointer)			free((void *)(pointer))

#endif /* SHIM_LINUX_SLAB_H */
