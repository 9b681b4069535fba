/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few helpers that a kernel programmer expects and the C library lacks. Floor 1.
 */
#ifndef LODGE_UTIL_H
#define LODGE_UTIL_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#ifndef __packed
#define __packed __attribute__((packed))
#endif

#endif
