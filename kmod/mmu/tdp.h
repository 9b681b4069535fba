/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the TDP tables of a VM, for the files of this folder: what is mapped,
 * removed, write-protected and aged, in frame numbers. Slots, host addresses and
 * the reasons for it all are unknown here.
 */
#ifndef LODGE_MMU_TDP_H
#define LODGE_MMU_TDP_H

#include <linux/list.h>

#include "mmu.h"
#include "pte.h"

/**
 * struct lodge_tdp - one VM's tables
 * @format: lodge_vendor->pte
 * @root: the top table; never replaced
 * @detached: [t] for write: tables that no entry points to any more but that a CPU
 *            may still walk; freed by tdp_flush(). Empty when the lock is dropped.
 */
struct lodge_tdp {
	const struct lodge_pte_format *format;
	u64 *root;
	struct list_head detached;
};

/**
 * struct tdp_cache - empty tables, allocated before the lock is taken
 * @tables: them
 * @nr_tables: how many
 */
struct tdp_cache {
	u64 *tables[TDP_MAX_LEVELS - 1];
	int nr_tables;
};

/**
 * struct tdp_mapping - what a fault wants to be mapped
 * @gfn: the frame number that faulted
 * @pfn: the frame that backs it
 * @level: largest leaf that host memory and slot allow; @gfn and @pfn are congruent
 *         by what it covers
 * @flags: TDP_LEAF_*
 */
struct tdp_mapping {
	gfn_t gfn;
	lodge_pfn_t pfn;
	int level;
	u32 flags;
};

int tdp_cache_fill(struct lodge_vm *vm, struct tdp_cache *cache);
void tdp_cache_drain(struct tdp_cache *cache);
int tdp_map(struct lodge_vm *vm, struct tdp_cache *cache, const struct tdp_mapping *mapping);

bool __must_check tdp_zap_range(struct lodge_vm *vm, gfn_t start, gfn_t end, bool can_yield);
bool __must_check tdp_watch_writes(struct lodge_vm *vm, gfn_t start, gfn_t end, bool can_yield);
bool tdp_age_range(struct lodge_vm *vm, gfn_t start, gfn_t end);
bool tdp_is_young(struct lodge_vm *vm, gfn_t start, gfn_t end);
void tdp_flush(struct lodge_vm *vm);
bool tdp_yield(struct lodge_vm *vm, bool *needs_flush);

#endif /* LODGE_MMU_TDP_H */
