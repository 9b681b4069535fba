/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: error numbers of the C library. */
#ifndef SHIM_LINUX_ERRNO_H
#define SHIM_LINUX_ERRNO_H

#include_next <linux/errno.h>
#include <errno.h>

#endif /* SHIM_LINUX_ERRNO_H */
