// SPDX-License-Identifier: GPL-2.0
/*
 * The walk over TDP tables: which entries it visits, in which order, on small trees
 * that each case builds.
 */
#include <stdlib.h>
#include <string.h>
#include <linux/kernel.h>

#include "ktap.h"
#include "mmu/tdp_iter.h"

static const struct lodge_pte_format format4 = {
	.present = 0x1, .table = 0x27, .leaf = 0x5, .writable = 0x2, .large = 0x80,
	.accessed = 0x20, .address = GENMASK_ULL(51, 12), .levels = 4, .max_leaf_level = 3,
};

static struct lodge_pte_format format5;

static u64 *new_table(void)
{
	u64 *table = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	memset(table, 0, PAGE_SIZE);
	return table;
}

static void free_tree(u64 *table, int level)
{
	int i;

	for (i = 0; i < TDP_NR_ENTRIES; i++)
		if (tdp_pte_is_table(&format4, table[i], level))
			free_tree(tdp_pte_table(&format4, table[i]), level - 1);
	free(table);
}

/* Put a leaf for @gfn in at @level, with tables above. */
static void map(u64 *root, const struct lodge_pte_format *format, gfn_t gfn, int level)
{
	u64 *table = root;
	int at;

	for (at = format->levels; at > level; at--) {
		u64 *entry = &table[tdp_index(gfn, at)];

		if (!tdp_pte_is_present(format, *entry))
			*entry = tdp_pte_make_table(format, (unsigned long)new_table());
		table = tdp_pte_table(format, *entry);
	}
	table[tdp_index(gfn, level)] = tdp_pte_make_leaf(format, gfn, level, 0);
}

/* A visit that a case expects; only present entries are listed. */
struct visit {
	gfn_t gfn;
	int level;
	bool is_leaf;
};

/* Walk, compare the present entries with @visits, check what holds for each entry. */
static bool walk_is(const struct lodge_pte_format *format, u64 *root, int min_level,
		    gfn_t start, gfn_t end, const struct visit *visits, int nr)
{
	struct tdp_iter iter;
	gfn_t next = start;
	int seen = 0, count = 0;
	bool ok = true;

	tdp_iter_start(&iter, format, root, min_level, start, end);
	for (; iter.is_valid; tdp_iter_next(&iter)) {
		bool is_leaf = tdp_pte_is_leaf(format, iter.old, iter.level);

		/* No gap, no step back, alignment, and a true copy of the entry. */
		ok &= iter.next_gfn >= next && iter.level >= min_level &&
		      iter.gfn <= iter.next_gfn && iter.old == *iter.entry &&
		      iter.gfn + tdp_level_pages(iter.level) > iter.next_gfn &&
		      !(iter.gfn & (tdp_level_pages(iter.level) - 1));
		next = iter.next_gfn;
		if (++count > 100000)
			return false;
		if (!tdp_pte_is_present(format, iter.old))
			continue;
		if (seen < nr && (visits[seen].gfn != iter.gfn ||
				  visits[seen].level != iter.level ||
				  visits[seen].is_leaf != is_leaf)) {
			ktap_note("visit %d: gfn %llx level %d", seen,
				  (unsigned long long)iter.gfn, iter.level);
			ok = false;
		}
		seen++;
	}
	if (seen != nr)
		ktap_note("%d present entries, expected %d", seen, nr);
	return ok && seen == nr;
}

#define CHECK_WALK(name, format, root, min_level, start, end, ...) do {		\
	const struct visit visits[] = { __VA_ARGS__ };					\
											\
	ktap_result(walk_is(format, root, min_level, start, end, visits,		\
			    ARRAY_SIZE(visits)), name);					\
} while (0)

static void test_order(void)
{
	u64 *root = new_table();

	map(root, &format4, 0x3, 1);
	map(root, &format4, 0x1ff, 1);
	map(root, &format4, 0x200, 2);
	map(root, &format4, 0x40000, 3);
	map(root, &format4, 1ull << 27 | 0x205, 1);

	CHECK_WALK("upper_entries_first", &format4, root, 1, 0, ~0ull,
		   { 0, 4 }, { 0, 3 }, { 0, 2 }, { 3, 1, true }, { 0x1ff, 1, true },
		   { 0x200, 2, true }, { 0x40000, 3, true },
		   { 1ull << 27, 4 }, { 1ull << 27, 3 }, { 1ull << 27 | 0x200, 2 },
		   { 1ull << 27 | 0x205, 1, true });
	CHECK_WALK("lowest_level", &format4, root, 3, 0, ~0ull,
		   { 0, 4 }, { 0, 3 }, { 0x40000, 3, true }, { 1ull << 27, 4 },
		   { 1ull << 27, 3 });
	CHECK_WALK("one_page", &format4, root, 1, 0x1ff, 0x200,
		   { 0, 4 }, { 0, 3 }, { 0, 2 }, { 0x1ff, 1, true });
	CHECK_WALK("end_is_excluded", &format4, root, 1, 0, 0x1ff,
		   { 0, 4 }, { 0, 3 }, { 0, 2 }, { 3, 1, true });
	CHECK_WALK("range_cuts_a_large_leaf", &format4, root, 1, 0x300, 0x301,
		   { 0, 4 }, { 0, 3 }, { 0x200, 2, true });
	CHECK_WALK("range_crosses_tables", &format4, root, 1, 0x1ff, 0x201,
		   { 0, 4 }, { 0, 3 }, { 0, 2 }, { 0x1ff, 1, true }, { 0x200, 2, true });
	ktap_result(walk_is(&format4, root, 1, 5, 5, NULL, 0), "empty_range");
	ktap_result(walk_is(&format4, root, 1, 1ull << 36, ~0ull, NULL, 0),
		    "range_beyond_the_tables");
	CHECK_WALK("last_page_of_all", &format4, root, 1, (1ull << 36) - 1, ~0ull);
	free_tree(root, 4);
}

static void test_five_levels(void)
{
	u64 *root = new_table(), *top;

	map(root, &format5, 1ull << 44 | 7, 1);
	CHECK_WALK("five_levels", &format5, root, 1, 0, ~0ull,
		   { 1ull << 44, 5 }, { 1ull << 44, 4 }, { 1ull << 44, 3 }, { 1ull << 44, 2 },
		   { 1ull << 44 | 7, 1, true });
	CHECK_WALK("five_levels_other_half", &format5, root, 1, 0, 1ull << 44);
	top = tdp_pte_table(&format5, root[tdp_index(1ull << 44, 5)]);
	free_tree(top, 4);
	free(root);
}

/* The caller may change the entry that the walk stands on. */
static void test_change_under_way(void)
{
	u64 *root = new_table(), *table = new_table();
	struct tdp_iter iter;
	int nr_leaves = 0;

	map(root, &format4, 0x0, 1);
	map(root, &format4, 0x201, 1);
	for (tdp_iter_start(&iter, &format4, root, 1, 0, 0x400); iter.is_valid;
	     tdp_iter_next(&iter)) {
		nr_leaves += tdp_pte_is_leaf(&format4, iter.old, iter.level);
		/* Unhook the first table before the walk goes down into it. */
		if (iter.level == 2 && iter.gfn == 0) {
			free(tdp_pte_table(&format4, iter.old));
			*iter.entry = 0;
		}
	}
	ktap_result(nr_leaves == 1, "unhooked_table_is_not_entered");

	nr_leaves = 0;
	for (tdp_iter_start(&iter, &format4, root, 1, 0, 0x200); iter.is_valid;
	     tdp_iter_next(&iter)) {
		nr_leaves += tdp_pte_is_leaf(&format4, iter.old, iter.level);
		if (iter.level == 2) {
			table[9] = tdp_pte_make_leaf(&format4, 9, 1, 0);
			*iter.entry = tdp_pte_make_table(&format4, (unsigned long)table);
		}
	}
	ktap_result(nr_leaves == 1, "new_table_is_entered");
	free_tree(root, 4);
}

static void test_restart(void)
{
	u64 *root = new_table();
	struct tdp_iter iter;
	int nr_leaves = 0, nr_restarts = 0;
	gfn_t gfn;

	for (gfn = 0; gfn < 0x600; gfn += 3)
		map(root, &format4, gfn, 1);
	tdp_iter_start(&iter, &format4, root, 1, 0, 0x600);
	while (iter.is_valid) {
		/* As tdp.c does it: wherever it stands, if it came on since the last time. */
		if (iter.next_gfn != iter.yield_gfn && iter.next_gfn % 7 == 0) {
			nr_restarts++;
			tdp_iter_restart(&iter);
			continue;
		}
		nr_leaves += tdp_pte_is_leaf(&format4, iter.old, iter.level);
		tdp_iter_next(&iter);
	}
	ktap_result(nr_leaves == 0x200 && nr_restarts == (0x600 + 6) / 7,
		    "restarts_lose_and_repeat_no_leaf");
	free_tree(root, 4);
}

static void test_covered(void)
{
	struct tdp_iter iter = { .gfn = 0x200, .level = 2, .end = 0x400 };

	ktap_result(tdp_iter_is_covered(&iter, 0x200) && tdp_iter_is_covered(&iter, 0) &&
		    !tdp_iter_is_covered(&iter, 0x201), "covered_from_start");
	iter.end = 0x3ff;
	ktap_result(!tdp_iter_is_covered(&iter, 0x200), "covered_to_end");
}

int main(void)
{
	format5 = format4;
	format5.levels = 5;
	ktap_begin();
	test_order();
	test_five_levels();
	test_change_under_way();
	test_restart();
	test_covered();
	return ktap_end();
}
