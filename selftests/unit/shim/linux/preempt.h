/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: a structure to have a member of. */
#ifndef SHIM_LINUX_PREEMPT_H
#define SHIM_LINUX_PREEMPT_H

struct preempt_notifier {
	const void *ops;
};

#endif /* SHIM_LINUX_PREEMPT_H */
