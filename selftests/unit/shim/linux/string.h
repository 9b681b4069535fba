/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: memory and string functions of the C library. */
#ifndef SHIM_LINUX_STRING_H
#define SHIM_LINUX_STRING_H

#include <string.h>

#endif /* SHIM_LINUX_STRING_H */
