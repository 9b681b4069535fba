/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: the checks stand with the locks. */
#ifndef SHIM_LINUX_LOCKDEP_H
#define SHIM_LINUX_LOCKDEP_H

#include <linux/spinlock.h>

#endif /* SHIM_LINUX_LOCKDEP_H */
