/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: reader-writer locks. */
#ifndef SHIM_LINUX_RWLOCK_H
#define SHIM_LINUX_RWLOCK_H

#include <linux/spinlock.h>

#endif /* SHIM_LINUX_RWLOCK_H */
