/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: a structure to have a member of. */
#ifndef SHIM_LINUX_MMU_NOTIFIER_H
#define SHIM_LINUX_MMU_NOTIFIER_H

struct mmu_notifier {
	const void *ops;
};

#endif /* SHIM_LINUX_MMU_NOTIFIER_H */
