/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: signal sets are those of the C library. */
#ifndef SHIM_LINUX_SIGNAL_H
#define SHIM_LINUX_SIGNAL_H

#include <signal.h>

#endif /* SHIM_LINUX_SIGNAL_H */
