// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the walk over TDP tables. What is done with an entry, and under which
 * lock, is the caller's business: the tables that the walk has passed must stay
 * allocated until it moves on, or tdp_iter_restart() must follow.
 */
#include <linux/compiler.h>
#include <linux/minmax.h>

#include "tdp_iter.h"

/* Look at the entry of iter->next_gfn at @level; the path down to it is known. */
static void look_at(struct tdp_iter *iter, int level)
{
	iter->level = level;
	iter->gfn = iter->next_gfn & ~(tdp_level_pages(level) - 1);
	iter->entry = &iter->tables[level - 1][tdp_index(iter->gfn, level)];
	iter->old = READ_ONCE(*iter->entry);
}

/**
 * tdp_iter_start() - begin a walk
 * @iter: the walk
 * @format: the backend's
 * @root: the top table
 * @min_level: lowest level to visit
 * @start: first frame number to cover
 * @end: behind the last; what the tables cannot translate is left out
 *
 * Stands on the top table's entry for @start then, unless the range is empty.
 */
void tdp_iter_start(struct tdp_iter *iter, const struct lodge_pte_format *format, u64 *root,
		    int min_level, gfn_t start, gfn_t end)
{
	iter->format = format;
	iter->tables[format->levels - 1] = root;
	iter->min_level = min_level;
	iter->next_gfn = start;
	iter->end = min(end, tdp_max_gfn(format) + 1);
	/* No walk has come this far, so the first stop is always allowed. */
	iter->yield_gfn = ~(gfn_t)0;
	iter->is_valid = start < iter->end;
	if (iter->is_valid)
		look_at(iter, format->levels);
}

/**
 * tdp_iter_restart() - walk down anew, because tables on the path may be gone
 * @iter: a valid walk
 *
 * Goes on with the top entry above the place where the walk stood, so entries
 * that were passed on the way down are visited again.
 */
void tdp_iter_restart(struct tdp_iter *iter)
{
	iter->yield_gfn = iter->next_gfn;
	look_at(iter, iter->format->levels);
}

/**
 * tdp_iter_next() - go on to the next entry
 * @iter: a valid walk
 *
 * 1. Down, if the entry is a table now (it may have become one, or none, since it
 *    was visited) and the level below is wanted.
 * 2. Otherwise to the entry on the right, if the table has one.
 * 3. Otherwise up until it has.
 */
void tdp_iter_next(struct tdp_iter *iter)
{
	u64 pte = READ_ONCE(*iter->entry);
	int level = iter->level;

	if (level > iter->min_level && tdp_pte_is_table(iter->format, pte, level)) {
		iter->tables[level - 2] = tdp_pte_table(iter->format, pte);
		look_at(iter, level - 1);
		return;
	}

	iter->next_gfn = iter->gfn + tdp_level_pages(level);
	if (iter->next_gfn >= iter->end) {
		iter->is_valid = false;
		return;
	}
	/* An index of zero means that the table was left to the right. */
	while (level < iter->format->levels && !tdp_index(iter->next_gfn, level))
		level++;
	look_at(iter, level);
}
