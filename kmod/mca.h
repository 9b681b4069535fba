/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: a vCPU's machine-check architecture: banks of registers in which user
 * space may report errors to the guest. Knows nothing of vCPUs; msr.c owns it.
 */
#ifndef LODGE_MCA_H
#define LODGE_MCA_H

#include <asm/mce.h>
#include <linux/kvm.h>
#include <linux/types.h>

/* The answer to KVM_CAP_MCE: the most banks that a guest can have. */
#define LODGE_MCE_BANKS		32

#define MCA_REGS_PER_BANK	4

/* Abilities that user space may give a guest, in MCG_CAP's bits. */
#define MCA_CAP_SUPPORTED	(MCG_CTL_P | MCG_SER_P)

/* What mca_record() leaves to its caller. */
enum mca_effect {
	MCA_NONE,
	MCA_RAISE,		/* #MC */
	MCA_SHUTDOWN,
};

struct lodge_mca;

struct lodge_mca *mca_create(void);
void mca_destroy(struct lodge_mca *mca);
int mca_setup(struct lodge_mca *mca, u64 mcg_cap);
bool mca_has_ctl(const struct lodge_mca *mca);
int mca_read(const struct lodge_mca *mca, u32 index, u64 *data);
int mca_write(struct lodge_mca *mca, u32 index, u64 data, bool any_status);
int mca_record(struct lodge_mca *mca, const struct kvm_x86_mce *error, bool is_ready);

#endif /* LODGE_MCA_H */
