/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: a structure to have a member of. */
#ifndef SHIM_LINUX_RCUWAIT_H
#define SHIM_LINUX_RCUWAIT_H

struct rcuwait {
	void *task;
};

#endif /* SHIM_LINUX_RCUWAIT_H */
