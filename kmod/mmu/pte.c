// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: making TDP entries by the backend's format table. The same few lines
 * serve NPT and EPT because the table names bits by what they do. Pure.
 */
#include "pte.h"

/**
 * tdp_pte_make_table() - entry that points to a table
 * @format: the backend's
 * @table: address of the table, page-aligned
 *
 * Rights are not restricted here: leaves alone decide.
 */
u64 tdp_pte_make_table(const struct lodge_pte_format *format, hpa_t table)
{
	return (table & format->address) | format->table;
}

/**
 * tdp_pte_make_leaf() - entry that maps memory
 * @format: the backend's
 * @pfn: first frame; a multiple of what @level covers
 * @level: 1 to @format->max_leaf_level
 * @flags: TDP_LEAF_*
 *
 * What a guest may execute is its own tables' choice, but for large leaves on some CPUs.
 * A leaf is born accessed, because a fault on it is the reason for its birth.
 */
u64 tdp_pte_make_leaf(const struct lodge_pte_format *format, lodge_pfn_t pfn, int level,
		      u32 flags)
{
	u64 pte = (pfn << PAGE_SHIFT) & format->address;

	pte |= format->leaf;
	pte |= (flags & TDP_LEAF_DEVICE) ? format->memtype_uc : format->memtype_wb;
	if (level > TDP_LEVEL_4K)
		pte |= format->large;
	if (level > TDP_LEVEL_4K && (flags & TDP_LEAF_NOEXEC))
		pte |= format->noexec;
	else
		pte |= format->exec;
	return tdp_pte_upgrade(format, pte, flags);
}

/**
 * tdp_pte_upgrade() - the same leaf with more rights
 * @format: the backend's
 * @pte: a leaf
 * @flags: TDP_LEAF_WRITABLE and TDP_LEAF_DIRTY are looked at
 */
u64 tdp_pte_upgrade(const struct lodge_pte_format *format, u64 pte, u32 flags)
{
	pte |= format->accessed;
	if (flags & TDP_LEAF_WRITABLE)
		pte |= format->writable;
	if (flags & TDP_LEAF_DIRTY)
		pte |= format->dirty;
	return pte;
}

/**
 * tdp_pte_make_part() - one of the leaves that a large leaf falls into
 * @format: the backend's
 * @pte: a leaf
 * @level: its level, above TDP_LEVEL_4K
 * @index: which of the TDP_NR_ENTRIES parts
 */
u64 tdp_pte_make_part(const struct lodge_pte_format *format, u64 pte, int level, unsigned int index)
{
	pte += (index * tdp_level_pages(level - 1)) << PAGE_SHIFT;
	if (level - 1 > TDP_LEVEL_4K)
		return pte;
	return (pte & ~(format->large | format->noexec)) | format->exec;
}

/**
 * tdp_max_gfn() - the last frame number that tables of this depth translate
 * @format: the backend's
 */
gfn_t tdp_max_gfn(const struct lodge_pte_format *format)
{
	return (1ull << (TDP_INDEX_BITS * format->levels)) - 1;
}
