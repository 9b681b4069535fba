/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: what the bits of a TDP entry mean, by the backend's format table.
 * Reads and makes entries; where they are stored is tdp.c's business. Pure.
 */
#ifndef LODGE_MMU_PTE_H
#define LODGE_MMU_PTE_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/mm.h>

#include "../types.h"
#include "../vendor.h"

/* Levels count from the leaves: 1 holds 4 KiB leaves, 2 holds 2 MiB leaves, ... */
#define TDP_LEVEL_4K		1
#define TDP_LEVEL_2M		2
#define TDP_LEVEL_1G		3
#define TDP_MAX_LEVELS		5

#define TDP_INDEX_BITS		9
#define TDP_NR_ENTRIES		BIT(TDP_INDEX_BITS)

static_assert(TDP_NR_ENTRIES * sizeof(u64) == PAGE_SIZE);

/**
 * enum tdp_leaf_flag - how a leaf maps
 * @TDP_LEAF_WRITABLE: the guest may write
 * @TDP_LEAF_DIRTY: it is about to: spare the CPU setting the bit
 * @TDP_LEAF_DEVICE: no ordinary memory: uncached
 * @TDP_LEAF_NOEXEC: the guest may not execute, if the leaf is large; small ones it always may
 */
enum tdp_leaf_flag {
	TDP_LEAF_WRITABLE = BIT(0),
	TDP_LEAF_DIRTY	  = BIT(1),
	TDP_LEAF_DEVICE	  = BIT(2),
	TDP_LEAF_NOEXEC	  = BIT(3),
};

/* Pages of 4 KiB that an entry at @level stands for. */
static inline u64 tdp_level_pages(int level)
{
	return 1ull << (TDP_INDEX_BITS * (level - 1));
}

/* Place of @gfn's entry in its table at @level. */
static inline unsigned int tdp_index(gfn_t gfn, int level)
{
	return (gfn >> (TDP_INDEX_BITS * (level - 1))) & (TDP_NR_ENTRIES - 1);
}

static inline bool tdp_pte_is_present(const struct lodge_pte_format *format, u64 pte)
{
	return pte & format->present;
}

static inline bool tdp_pte_is_leaf(const struct lodge_pte_format *format, u64 pte, int level)
{
	return tdp_pte_is_present(format, pte) &&
	       (level == TDP_LEVEL_4K || (pte & format->large));
}

static inline bool tdp_pte_is_table(const struct lodge_pte_format *format, u64 pte, int level)
{
	return tdp_pte_is_present(format, pte) &&
	       level > TDP_LEVEL_4K && !(pte & format->large);
}

static inline bool tdp_pte_is_writable(const struct lodge_pte_format *format, u64 pte)
{
	return pte & format->writable;
}

static inline bool tdp_pte_is_executable(const struct lodge_pte_format *format, u64 pte)
{
	return (pte & (format->exec | format->noexec)) == format->exec;
}

/* First frame of a leaf, or the frame of a table. */
static inline lodge_pfn_t tdp_pte_pfn(const struct lodge_pte_format *format, u64 pte)
{
	return (pte & format->address) >> PAGE_SHIFT;
}

/* The table that an entry points to. */
static inline u64 *tdp_pte_table(const struct lodge_pte_format *format, u64 pte)
{
	return __va(pte & format->address);
}

u64 tdp_pte_make_table(const struct lodge_pte_format *format, hpa_t table);
u64 tdp_pte_make_leaf(const struct lodge_pte_format *format, lodge_pfn_t pfn, int level,
		      u32 flags);
u64 tdp_pte_upgrade(const struct lodge_pte_format *format, u64 pte, u32 flags);
u64 tdp_pte_make_part(const struct lodge_pte_format *format, u64 pte, int level,
		      unsigned int index);
gfn_t tdp_max_gfn(const struct lodge_pte_format *format);

#endif /* LODGE_MMU_PTE_H */
