/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: a walk over the entries of TDP tables, upper entries before the ones
 * under them. It reads entries and never changes one. Pure.
 */
#ifndef LODGE_MMU_TDP_ITER_H
#define LODGE_MMU_TDP_ITER_H

#include "pte.h"

/**
 * struct tdp_iter - where a walk is
 * @format: how to read entries
 * @tables: the path: tables[level - 1] is the table that the walk is in at that
 *          level; valid from @level up to the format's depth
 * @entry: the entry that is looked at
 * @old: its value when it was last read; whoever changes the entry keeps it true
 * @gfn: first frame number that the entry stands for
 * @next_gfn: first frame number that is still to be covered: where a walk that
 *            was cut off goes on
 * @end: frame number behind the last one to be covered
 * @yield_gfn: @next_gfn at the last restart: a walk that has not come further
 *             must not stop again
 * @level: level of @entry
 * @min_level: the walk does not go below this one
 * @is_valid: there is an entry; false ends the walk
 */
struct tdp_iter {
	const struct lodge_pte_format *format;
	u64 *tables[TDP_MAX_LEVELS];
	u64 *entry;
	u64 old;
	gfn_t gfn;
	gfn_t next_gfn;
	gfn_t end;
	gfn_t yield_gfn;
	int level;
	int min_level;
	bool is_valid;
};

/* Whether every page of the entry lies in the range that is walked from @start on. */
static inline bool tdp_iter_is_covered(const struct tdp_iter *iter, gfn_t start)
{
	return iter->gfn >= start && iter->end - iter->gfn >= tdp_level_pages(iter->level);
}

void tdp_iter_start(struct tdp_iter *iter, const struct lodge_pte_format *format, u64 *root,
		    int min_level, gfn_t start, gfn_t end);
void tdp_iter_next(struct tdp_iter *iter);
void tdp_iter_restart(struct tdp_iter *iter);

#endif /* LODGE_MMU_TDP_ITER_H */
