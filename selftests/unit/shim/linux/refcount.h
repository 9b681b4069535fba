/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: a structure to have a member of. */
#ifndef SHIM_LINUX_REFCOUNT_H
#define SHIM_LINUX_REFCOUNT_H

#include <linux/types.h>

typedef struct {
	atomic_t refs;
} refcount_t;

#endif /* SHIM_LINUX_REFCOUNT_H */
