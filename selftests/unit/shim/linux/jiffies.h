/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: the tick. */
#ifndef SHIM_LINUX_JIFFIES_H
#define SHIM_LINUX_JIFFIES_H

#define HZ	250

#endif /* SHIM_LINUX_JIFFIES_H */
