/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: what an MSR is: one entry of msr_table.c's table, which msr.c reads. MSRs that
 * the hardware switches are in the state blocks, those that only are remembered in struct
 * lodge_msrs, and those that do something belong to clock, LAPIC or control registers.
 */
#ifndef LODGE_MSR_TABLE_H
#define LODGE_MSR_TABLE_H

#include <linux/types.h>

#include <asm/msr-index.h>

#include "vcpu.h"

#define NR_MTRR_VAR		8
#define NR_MTRR_FIXED		11

/* No branch trace store, no PEBS. */
#define MISC_ENABLE_NO_PMU	(MSR_IA32_MISC_ENABLE_BTS_UNAVAIL | \
				 MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL)

/* MSRs that are only remembered, each under its manual's name; what must be 0 is in zero. */
struct lodge_msrs {
	u64 zero;
	u64 power_ctl;
	u64 ucode_rev;
	u64 platform_info;
	u64 misc_features;
	u64 arch_capabilities;
	u64 hwcr;
	u64 de_cfg;
	u64 osvw_id_length;
	u64 osvw_status;
	u64 mtrr_def_type;
	u64 mtrr_fixed[NR_MTRR_FIXED];
	u64 mtrr_var[2 * NR_MTRR_VAR];
	struct lodge_mca *mca;
};

/* Who may write; everybody who may, may within writable bits and what check() allows. */
enum msr_write {
	WRITE_ALL,
	WRITE_USER,		/* user space restores it; guests get #GP */
	WRITE_USER_ELSE_IGNORE,	/* guests' writes have no effect */
	WRITE_IGNORE,
	WRITE_NONE,
};

enum msr_place {
	PLACE_OWN,		/* struct lodge_msrs at offset */
	PLACE_STATE,		/* struct lodge_x86_state at offset, block MSRS */
	PLACE_CONSTANT,		/* reads as value */
	PLACE_WRITE_ONLY,	/* #GP when read */
	PLACE_FUNCTIONS,	/* get() and set() */
};

/**
 * struct msr_entry - one MSR or a row of them
 * @first: index
 * @count: how many in a row
 * @feature: X86_FEATURE_* that a guest must have; X86_FEATURE_FPU if none
 * @write: enum msr_write
 * @place: enum msr_place
 * @is_saved: in KVM_GET_MSR_INDEX_LIST
 * @is_canonical: a value must be a canonical address
 * @offset: by @place
 * @value: by @place
 * @writable: bits that a write may set
 * @exists: if set and false, the MSR does not exist on this host
 * @is_withheld: instead of @feature: whether the guest was not given this MSR
 * @check: -EINVAL for a value that is not allowed
 * @get: PLACE_FUNCTIONS
 * @set: PLACE_FUNCTIONS, and PLACE_WRITE_ONLY
 */
struct msr_entry {
	u32 first;
	u16 count;
	u16 feature;
	u8 write;
	u8 place;
	bool is_saved;
	bool is_canonical;
	u16 offset;
	u64 value;
	u64 writable;
	bool (*exists)(void);
	bool (*is_withheld)(struct lodge_vcpu *vcpu, u32 index);
	int (*check)(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);
	int (*get)(struct lodge_vcpu *vcpu, u32 index, u64 *data);
	int (*set)(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);
};

/* In ascending order. */
extern const struct msr_entry msr_table[];
extern const unsigned int msr_table_size;

u64 msr_host_de_cfg(void);
/* The LAPIC's row, which a busy guest's accesses reach without a search. */
int msr_get_lapic(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int msr_set_lapic(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

bool msr_guest_lacks(struct lodge_vcpu *vcpu, const struct msr_entry *entry, u32 index);

#endif /* LODGE_MSR_TABLE_H */
