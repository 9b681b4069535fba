// SPDX-License-Identifier: GPL-2.0
/*
 * TDP entries by format: the same calls make NPT and EPT entries, whose bits are
 * written out here by hand.
 */
#include <linux/kernel.h>

#include "ktap.h"
#include "mmu/pte.h"

/* AMD APM volume 2, "Nested Paging". */
static const struct lodge_pte_format npt = {
	.present = 0x1, .table = 0x27, .leaf = 0x5, .writable = 0x2, .noexec = 1ull << 63,
	.large = 0x80, .accessed = 0x20, .dirty = 0x40, .memtype_uc = 0x18,
	.address = GENMASK_ULL(51, 12), .levels = 4, .max_leaf_level = 3,
};

/* Intel SDM volume 3, "The Extended Page Table Mechanism (EPT)". */
static const struct lodge_pte_format ept = {
	.present = 0x7, .table = 0x7, .leaf = 0x1, .writable = 0x2, .exec = 0x4,
	.large = 0x80, .accessed = 0x100, .dirty = 0x200, .memtype_wb = 6 << 3,
	.memtype_uc = 1 << 6, .address = GENMASK_ULL(51, 12), .levels = 4,
	.max_leaf_level = 3,
};

/* The same without accessed and dirty bits, as early CPUs have it, with five levels. */
static const struct lodge_pte_format ept_no_ad = {
	.present = 0x7, .table = 0x7, .leaf = 0x1, .writable = 0x2, .exec = 0x4,
	.large = 0x80, .memtype_wb = 6 << 3, .address = GENMASK_ULL(51, 12), .levels = 5,
	.max_leaf_level = 2,
};

static const struct leaf_case {
	const char *name;
	const struct lodge_pte_format *format;
	u64 pfn;
	int level;
	u32 flags;
	u64 pte;
} leaf_cases[] = {
	{ "npt_read_only", &npt, 0x1234, 1, 0, 0x1234025 },
	{ "npt_writable", &npt, 0x1234, 1, TDP_LEAF_WRITABLE, 0x1234027 },
	{ "npt_dirty", &npt, 0x1234, 1, TDP_LEAF_WRITABLE | TDP_LEAF_DIRTY, 0x1234067 },
	{ "npt_large", &npt, 0x1200, 2, TDP_LEAF_WRITABLE, 0x12000a7 },
	{ "npt_device", &npt, 0xfee00, 1, TDP_LEAF_WRITABLE | TDP_LEAF_DEVICE, 0xfee0003f },
	{ "npt_not_executable", &npt, 0x1200, 2, TDP_LEAF_NOEXEC, 0x80000000012000a5ull },
	{ "npt_high", &npt, 0xffffffffffull, 1, 0, 0xffffffffff025ull },
	{ "ept_read_only", &ept, 0x1234, 1, 0, 0x1234135 },
	{ "ept_dirty", &ept, 0x1234, 1, TDP_LEAF_WRITABLE | TDP_LEAF_DIRTY, 0x1234337 },
	{ "ept_huge", &ept, 0x40000, 3, TDP_LEAF_WRITABLE, 0x400001b7 },
	{ "ept_not_executable", &ept, 0x1200, 2, TDP_LEAF_NOEXEC, 0x12001b1 },
	{ "ept_small", &ept, 0x1234, 1, TDP_LEAF_NOEXEC, 0x1234135 },
	{ "ept_device", &ept, 0xfee00, 1, TDP_LEAF_DEVICE, 0xfee00145 },
	{ "ept_without_ad", &ept_no_ad, 1, 1, TDP_LEAF_WRITABLE | TDP_LEAF_DIRTY, 0x1037 },
};

static void test_leaf(const struct leaf_case *test)
{
	u64 pte = tdp_pte_make_leaf(test->format, test->pfn, test->level, test->flags);
	bool is_writable = test->flags & TDP_LEAF_WRITABLE;
	bool is_executable = !(test->flags & TDP_LEAF_NOEXEC) || test->level == 1;

	if (pte != test->pte)
		ktap_note("made %llx, expected %llx", (unsigned long long)pte,
			  (unsigned long long)test->pte);
	ktap_result(pte == test->pte && tdp_pte_is_present(test->format, pte) &&
		    tdp_pte_is_leaf(test->format, pte, test->level) &&
		    !tdp_pte_is_table(test->format, pte, test->level) &&
		    tdp_pte_is_writable(test->format, pte) == is_writable &&
		    tdp_pte_is_executable(test->format, pte) == is_executable &&
		    tdp_pte_pfn(test->format, pte) == test->pfn, "leaf_%s", test->name);
}

static void test_table(const char *name, const struct lodge_pte_format *format)
{
	u64 pte = tdp_pte_make_table(format, 0xabcde000);

	ktap_result(tdp_pte_is_present(format, pte) && tdp_pte_is_table(format, pte, 2) &&
		    !tdp_pte_is_leaf(format, pte, 2) &&
		    /* At the lowest level there is no such thing as a table. */
		    !tdp_pte_is_table(format, pte, 1) && tdp_pte_is_leaf(format, pte, 1) &&
		    (unsigned long)tdp_pte_table(format, pte) == 0xabcde000, "table_%s", name);
	ktap_result(!tdp_pte_is_present(format, 0) && !tdp_pte_is_leaf(format, 0, 1) &&
		    !tdp_pte_is_table(format, 0, 4) &&
		    !tdp_pte_is_present(format, ~format->present), "nothing_%s", name);
}

static void test_upgrade(void)
{
	u64 pte = tdp_pte_make_leaf(&npt, 5, 1, 0) & ~npt.accessed;

	ktap_result(tdp_pte_upgrade(&npt, pte, 0) == (pte | 0x20), "upgrade_accessed");
	ktap_result(tdp_pte_upgrade(&npt, pte, TDP_LEAF_WRITABLE) == (pte | 0x22),
		    "upgrade_writable");
	ktap_result(tdp_pte_upgrade(&npt, pte, TDP_LEAF_WRITABLE | TDP_LEAF_DIRTY) ==
		    (pte | 0x62), "upgrade_dirty");
}

/* A large leaf's parts are what the leaves would be if they had been made one by one. */
static void test_part(const char *name, const struct lodge_pte_format *format, int level)
{
	u32 flags = TDP_LEAF_WRITABLE | TDP_LEAF_DIRTY;
	u64 first = 8 * tdp_level_pages(level), pages = tdp_level_pages(level - 1);
	u64 large = tdp_pte_make_leaf(format, first, level, flags);
	bool ok = true;
	unsigned int i;

	for (i = 0; i < TDP_NR_ENTRIES; i++)
		ok &= tdp_pte_make_part(format, large, level, i) ==
		      tdp_pte_make_leaf(format, first + i * pages, level - 1, flags);
	ktap_result(ok, "parts_%s_%d", name, level);
}

static void test_geometry(void)
{
	ktap_result(tdp_level_pages(1) == 1 && tdp_level_pages(2) == 512 &&
		    tdp_level_pages(3) == 512 * 512 && tdp_level_pages(5) == 1ull << 36,
		    "pages_of_a_level");
	ktap_result(tdp_index(0x12345, 1) == 0x145 && tdp_index(0x12345, 2) == 0x91 &&
		    tdp_index(0x12345, 3) == 0 && tdp_index(~0ull, 5) == 511, "index");
	ktap_result(tdp_max_gfn(&npt) == 0xfffffffffull &&
		    tdp_max_gfn(&ept_no_ad) == 0x1fffffffffffull, "last_frame_number");
}

int main(void)
{
	unsigned int i;

	ktap_begin();
	for (i = 0; i < ARRAY_SIZE(leaf_cases); i++)
		test_leaf(&leaf_cases[i]);
	test_table("npt", &npt);
	test_table("ept", &ept);
	test_upgrade();
	test_part("npt", &npt, 2);
	test_part("npt", &npt, 3);
	test_part("ept", &ept, 2);
	test_part("ept", &ept, 3);
	test_geometry();
	return ktap_end();
}
