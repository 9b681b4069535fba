// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of the guest's page tables: every paging mode, rights, reserved bits,
 * error codes, accessed and dirty bits. Guest memory is an array.
 */
#include <errno.h>
#include <string.h>
#include <linux/kernel.h>

#include "ktap.h"
#include "mmu/mmu.h"
#include "regs.h"
#include "vm.h"
#include "x86.h"
#include <asm/pgtable_types.h>

#define MEMORY_BYTES	0x10000

static u64 memory[MEMORY_BYTES / 8];
static struct lodge_vm vm;
static struct lodge_vcpu vcpu;

/* What another vCPU does in the moment before the next exchange. */
static u64 *intruder_entry;
static u64 intruder_value;
static int nr_intrusions;
static bool is_rom;

static const struct lodge_vendor_ops ops = { .name = "test" };
const struct lodge_vendor_ops *lodge_vendor = &ops;

int guest_read(struct lodge_vm *vm, gpa_t gpa, void *data, unsigned int len)
{
	if (gpa + len > MEMORY_BYTES)
		return -EFAULT;
	memcpy(data, (u8 *)memory + gpa, len);
	return 0;
}

int guest_cmpxchg(struct lodge_vcpu *vcpu, gpa_t gpa, void *old, const void *new,
		  unsigned int len)
{
	if (is_rom)
		return -EFAULT;
	if (nr_intrusions) {
		nr_intrusions--;
		*intruder_entry = intruder_value;
	}
	if (memcmp((u8 *)memory + gpa, old, len))
		return -EAGAIN;
	memcpy((u8 *)memory + gpa, new, len);
	return 0;
}

#define P	_PAGE_PRESENT
#define W	_PAGE_RW
#define U	_PAGE_USER
#define A	_PAGE_ACCESSED
#define D	_PAGE_DIRTY
#define PS	_PAGE_PSE
#define NX	_PAGE_NX
#define ALL	(P | W | U)

#define RD	LODGE_ACCESS_READ
#define WR	LODGE_ACCESS_WRITE
#define EX	LODGE_ACCESS_EXEC
#define USR	LODGE_GVA_USER
#define IMP	LODGE_GVA_IMPLICIT

#define PF_P	LODGE_PFERR_PRESENT
#define PF_W	LODGE_PFERR_WRITE
#define PF_U	LODGE_PFERR_USER
#define PF_R	LODGE_PFERR_RSVD
#define PF_I	LODGE_PFERR_FETCH

/* No fault. */
#define OK	(~0u)

enum mode { NONE, LEGACY, LEGACY_PSE, PAE, LONG4, LONG5, NR_MODES };

static const struct {
	u64 cr0, cr4, efer;
} mode_regs[NR_MODES] = {
	[NONE]		= { X86_CR0_PE, 0, 0 },
	[LEGACY]	= { X86_CR0_PE | X86_CR0_PG, 0, 0 },
	[LEGACY_PSE]	= { X86_CR0_PE | X86_CR0_PG, X86_CR4_PSE, 0 },
	[PAE]		= { X86_CR0_PE | X86_CR0_PG, X86_CR4_PAE, 0 },
	[LONG4]		= { X86_CR0_PE | X86_CR0_PG, X86_CR4_PAE, EFER_LMA | EFER_LME },
	[LONG5]		= { X86_CR0_PE | X86_CR0_PG, X86_CR4_PAE | X86_CR4_LA57,
			    EFER_LMA | EFER_LME },
};

/*
 * Tables: the one of level n lies at n * 0x1000, CR3 points to the topmost one, and
 * all entries but the wanted ones are clear. An entry of 0 stands for a plain table.
 */
static void set_up(enum mode mode, u64 gva, const u64 *entries)
{
	static const int depth[NR_MODES] = { 0, 2, 2, 3, 4, 5 };
	int level, bits = mode <= LEGACY_PSE ? 10 : 9;

	memset(memory, 0, sizeof(memory));
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.vm = &vm;
	vcpu.phys_bits = 40;
	vcpu.state_valid = LODGE_STATE_ALL;
	vcpu.state.cr0 = mode_regs[mode].cr0;
	vcpu.state.cr4 = mode_regs[mode].cr4;
	vcpu.state.efer = mode_regs[mode].efer;
	vcpu.state.cr3 = depth[mode] * 0x1000;
	is_rom = false;
	nr_intrusions = 0;

	for (level = depth[mode]; level; level--) {
		u64 index = gva >> (12 + bits * (level - 1)) & (BIT(bits) - 1);
		u64 entry = entries[level - 1];

		if (!entry)
			entry = (level - 1) * 0x1000 | (mode == PAE && level == 3 ? P : ALL);
		if (bits == 10)
			((u32 *)memory)[level * 0x400 + index] = entry;
		else
			memory[level * 0x200 + index] = entry;
	}
}

static u64 *entry_at(u64 gva, int level)
{
	return &memory[level * 0x200 + (gva >> (12 + 9 * (level - 1)) & 511)];
}

/* One walk: by mode, with these entries from level 1 up, bits added to registers. */
static const struct walk_case {
	const char *name;
	enum mode mode;
	u64 gva;
	u32 access;
	u32 error;			/* or OK */
	u64 gpa;
	u64 entries[5];
	u64 cr0, cr4, efer, rflags;
} walk_cases[] = {
	{ "no_paging", NONE, 0x123456789, RD, OK, 0x23456789 },

	{ "legacy", LEGACY, 0xc0101234, RD, OK, 0x7234, { 0x7000 | ALL } },
	{ "legacy_upper_half_is_cut", LEGACY, 0xffffffffc0101234, RD, OK, 0x7234, { 0x7000 | ALL } },
	{ "legacy_ignores_large_bit", LEGACY, 0x1234, RD, OK, 0x7234,
	  { 0x7000 | ALL, 0x1000 | ALL | PS } },
	{ "legacy_large", LEGACY_PSE, 0x801234, WR, OK, 0xc01234, { 0, 0xc00000 | ALL | PS } },
	{ "legacy_large_above_4g", LEGACY_PSE, 0x801234, RD, OK, 0xff00c01234,
	  { 0, 0xc00000 | ALL | PS | 0xffull << 13 } },
	{ "legacy_large_reserved", LEGACY_PSE, 0x801234, RD, PF_P | PF_R, 0,
	  { 0, 0xc00000 | ALL | PS | BIT(21) } },
	{ "legacy_has_no_noexec", LEGACY, 0x1234, EX, OK, 0x7234, { 0x7000 | ALL },
	  .efer = EFER_NX },

	{ "pae", PAE, 0xc0101234, RD, OK, 0x7234, { 0x7000 | ALL } },
	{ "pae_high_frame", PAE, 0x1234, RD, OK, 0xfffffff234, { 0xfffffff000 | ALL } },
	{ "pae_large", PAE, 0xc0301234, RD, OK, 0xf01234,
	  { 0, 0xe00000 | ALL | PS } },
	{ "pae_pointer_not_present", PAE, 0x1234, WR, PF_W, 0, { 0x7000 | ALL, 0, 0x2000 } },
	/* Reserved bits there are the business of loading CR3, not of a walk. */
	{ "pae_pointer_has_no_rights", PAE, 0x1234, WR | USR, OK, 0x7234,
	  { 0x7000 | ALL, 0, 0x2000 | P } },
	{ "pae_pointer_is_no_leaf", PAE, 0x1234, RD, OK, 0x7234,
	  { 0x7000 | ALL, 0, 0x2000 | P | A | PS } },
	{ "pae_bit_52_reserved", PAE, 0x1234, RD, PF_P | PF_R, 0, { 0x7000 | ALL | BIT_ULL(52) } },
	{ "pae_noexec", PAE, 0x1234, EX, PF_P | PF_I, 0, { 0x7000 | ALL | NX }, .efer = EFER_NX },
	{ "pae_noexec_reserved", PAE, 0x1234, RD, PF_P | PF_R, 0, { 0x7000 | ALL | NX } },

	{ "long", LONG4, 0xffff888000001234, RD, OK, 0x7234, { 0x7000 | ALL } },
	{ "long_2m", LONG4, 0x7f00003ff234, RD, OK, 0x5ff234,
	  { 0, 0x400000 | ALL | PS } },
	{ "long_1g", LONG4, 0x3fffffff, RD, OK, 0x7fffffff, { 0, 0, 0x40000000 | ALL | PS } },
	{ "long_pat_bit_of_large", LONG4, 0x234, RD, OK, 0x400234,
	  { 0, 0x400000 | ALL | PS | BIT(12) } },
	{ "long_2m_reserved", LONG4, 0x234, RD, PF_P | PF_R, 0,
	  { 0, 0x400000 | ALL | PS | BIT(13) } },
	{ "long_1g_reserved", LONG4, 0x234, RD, PF_P | PF_R, 0,
	  { 0, 0, 0x40000000 | ALL | PS | BIT(29) } },
	{ "long_top_large_reserved", LONG4, 0x234, RD, PF_P | PF_R, 0,
	  { 0, 0, 0, 0x3000 | ALL | PS } },
	{ "long_beyond_width", LONG4, 0x234, RD, PF_P | PF_R, 0, { BIT_ULL(40) | ALL } },
	{ "long_ignored_bits", LONG4, 0x234, RD, OK, 0x7234,
	  { 0x7000 | ALL | GENMASK_ULL(62, 52) } },
	{ "long_pcid_is_no_address", LONG4, 0x234, RD, OK, 0x7234, { 0x7000 | ALL },
	  .cr4 = X86_CR4_PCIDE },
	{ "reserved_but_not_present", LONG4, 0x234, RD, 0, 0, { BIT_ULL(40) | W } },
	{ "long5", LONG5, 0xff11223344556678, RD, OK, 0x7678, { 0x7000 | ALL } },
	{ "long5_top_large_reserved", LONG5, 0x234, RD, PF_P | PF_R, 0,
	  { 0, 0, 0, 0, 0x4000 | ALL | PS } },

	{ "not_present_read", LONG4, 0x234, RD, 0, 0, { 0x7000 | W } },
	{ "not_present_user_write", LONG4, 0x234, WR | USR, PF_W | PF_U, 0, { 0x7000 | W } },
	{ "not_present_fetch", LONG4, 0x234, EX, 0, 0, { 0x7000 | W } },
	{ "not_present_fetch_nx", LONG4, 0x234, EX, PF_I, 0, { 0x7000 | W }, .efer = EFER_NX },
	{ "not_present_fetch_smep", LONG4, 0x234, EX, PF_I, 0, { 0x7000 | W },
	  .cr4 = X86_CR4_SMEP },
	{ "table_where_no_memory_is", LONG4, 0x234, RD | USR, PF_U, 0, { 0, 0x100000 | ALL } },

	{ "user_read", LONG4, 0x234, RD | USR, OK, 0x7234, { 0x7000 | P | U } },
	{ "user_reads_system", LONG4, 0x234, RD | USR, PF_P | PF_U, 0, { 0x7000 | P | W } },
	{ "user_reads_under_system_table", LONG4, 0x234, RD | USR, PF_P | PF_U, 0,
	  { 0x7000 | ALL, 0, 0x2000 | P | W } },
	{ "user_writes_read_only", LONG4, 0x234, WR | USR, PF_P | PF_W | PF_U, 0,
	  { 0x7000 | P | U } },
	{ "user_writes_under_read_only_table", LONG4, 0x234, WR | USR, PF_P | PF_W | PF_U, 0,
	  { 0x7000 | ALL, 0x1000 | P | U } },
	{ "system_writes_read_only", LONG4, 0x234, WR, OK, 0x7234, { 0x7000 | P } },
	{ "system_writes_read_only_wp", LONG4, 0x234, WR, PF_P | PF_W, 0, { 0x7000 | P },
	  .cr0 = X86_CR0_WP },
	{ "noexec_in_table", LONG4, 0x234, EX | USR, PF_P | PF_U | PF_I, 0,
	  { 0x7000 | ALL, 0, 0x2000 | ALL | NX }, .efer = EFER_NX },
	{ "noexec_read", LONG4, 0x234, RD | USR, OK, 0x7234, { 0x7000 | ALL | NX },
	  .efer = EFER_NX },
	{ "noexec_off_reserved", LONG4, 0x234, RD, PF_P | PF_R, 0, { 0x7000 | ALL | NX } },

	{ "smep_off", LONG4, 0x234, EX, OK, 0x7234, { 0x7000 | ALL } },
	{ "smep", LONG4, 0x234, EX, PF_P | PF_I, 0, { 0x7000 | ALL }, .cr4 = X86_CR4_SMEP },
	{ "smep_system_page", LONG4, 0x234, EX, OK, 0x7234, { 0x7000 | P },
	  .cr4 = X86_CR4_SMEP },
	{ "smep_user", LONG4, 0x234, EX | USR, OK, 0x7234, { 0x7000 | ALL },
	  .cr4 = X86_CR4_SMEP },
	{ "smap_read", LONG4, 0x234, RD, PF_P, 0, { 0x7000 | ALL }, .cr4 = X86_CR4_SMAP },
	{ "smap_write", LONG4, 0x234, WR, PF_P | PF_W, 0, { 0x7000 | ALL }, .cr4 = X86_CR4_SMAP },
	{ "smap_ac", LONG4, 0x234, WR, OK, 0x7234, { 0x7000 | ALL }, .cr4 = X86_CR4_SMAP,
	  .rflags = X86_EFLAGS_AC },
	{ "smap_ac_implicit", LONG4, 0x234, RD | IMP, PF_P, 0, { 0x7000 | ALL },
	  .cr4 = X86_CR4_SMAP, .rflags = X86_EFLAGS_AC },
	{ "smap_implicit_system_page", LONG4, 0x234, RD | IMP, OK, 0x7234, { 0x7000 | P },
	  .cr4 = X86_CR4_SMAP },
	{ "smap_user", LONG4, 0x234, RD | USR, OK, 0x7234, { 0x7000 | ALL },
	  .cr4 = X86_CR4_SMAP },
	{ "smap_does_not_stop_fetches", LONG4, 0x234, EX, OK, 0x7234, { 0x7000 | ALL },
	  .cr4 = X86_CR4_SMAP },
};

static void test_walk(const struct walk_case *test)
{
	static u64 before[ARRAY_SIZE(memory)];
	struct lodge_event fault = {};
	gpa_t gpa = 0;
	bool ok;
	int ret;

	set_up(test->mode, test->gva, test->entries);
	vcpu.state.cr0 |= test->cr0;
	vcpu.state.cr4 |= test->cr4;
	vcpu.state.efer |= test->efer;
	vcpu.state.rflags = test->rflags;
	if (test->cr4 & X86_CR4_PCIDE)
		vcpu.state.cr3 |= 0xfff;
	memcpy(before, memory, sizeof(memory));

	ret = gva_to_gpa(&vcpu, test->gva, test->access, &gpa, &fault);
	if (test->error == OK) {
		ok = !ret && gpa == test->gpa;
	} else {
		/* A faulting access leaves no trace in the tables. */
		ok = ret == -EFAULT && fault.class == LODGE_EVENT_EXCEPTION &&
		     fault.vector == LODGE_VECTOR_PF && fault.has_error && fault.has_payload &&
		     fault.error_code == test->error && fault.payload == test->gva &&
		     !memcmp(before, memory, sizeof(memory));
	}
	if (!ok)
		ktap_note("returned %d, gpa %llx, error code %x", ret, (unsigned long long)gpa,
			  fault.error_code);
	ktap_result(ok, "%s", test->name);
}

static void test_used_bits(void)
{
	const u64 entries[5] = { 0x7000 | ALL }, none[5] = {};
	struct lodge_event fault;
	u32 *legacy = (u32 *)memory;
	gpa_t gpa;

	set_up(LONG4, 0x234, entries);
	gva_to_gpa(&vcpu, 0x234, RD, &gpa, &fault);
	ktap_result(*entry_at(0, 1) == (0x7000 | ALL | A) && *entry_at(0, 4) == (0x3000 | ALL | A),
		    "read_sets_accessed");
	gva_to_gpa(&vcpu, 0x234, WR, &gpa, &fault);
	ktap_result(*entry_at(0, 1) == (0x7000 | ALL | A | D) &&
		    *entry_at(0, 2) == (0x1000 | ALL | A), "write_sets_dirty_in_the_leaf");

	set_up(PAE, 0x234, entries);
	gva_to_gpa(&vcpu, 0x234, WR, &gpa, &fault);
	ktap_result(*entry_at(0, 3) == (0x2000 | P) && *entry_at(0, 2) == (0x1000 | ALL | A),
		    "pae_pointers_have_no_accessed_bit");

	set_up(LEGACY, 0x401234, entries);
	legacy[0x402] = 0xdeadbeef;
	gva_to_gpa(&vcpu, 0x401234, WR, &gpa, &fault);
	ktap_result(legacy[0x401] == (0x7000 | ALL | A | D) && legacy[0x402] == 0xdeadbeef &&
		    legacy[0x801] == (0x1000 | ALL | A), "legacy_entries_are_four_bytes");

	set_up(LONG4, 0x234, entries);
	is_rom = true;
	ktap_result(!gva_to_gpa(&vcpu, 0x234, WR, &gpa, &fault) && gpa == 0x7234 &&
		    *entry_at(0, 1) == (0x7000 | ALL), "tables_in_rom_stay");

	set_up(LONG4, 0x234, none);
	vcpu.phys_bits = 0;
	*entry_at(0, 1) = BIT_ULL(36) | ALL;
	ktap_result(gva_to_gpa(&vcpu, 0x234, RD, &gpa, &fault) == -EFAULT &&
		    (fault.error_code & PF_R), "width_without_cpuid_is_36");
}

static void test_races(void)
{
	const u64 entries[5] = { 0x7000 | ALL };
	struct lodge_event fault;
	gpa_t gpa;
	int ret;

	set_up(LONG4, 0x234, entries);
	intruder_entry = entry_at(0, 1);
	intruder_value = 0x8000 | ALL;
	nr_intrusions = 4;
	ret = gva_to_gpa(&vcpu, 0x234, RD, &gpa, &fault);
	ktap_result(!ret && gpa == 0x8234, "changed_entry_is_read_again");

	set_up(LONG4, 0x234, entries);
	intruder_value = 0;
	nr_intrusions = 4;
	ret = gva_to_gpa(&vcpu, 0x234, RD, &gpa, &fault);
	ktap_result(ret == -EFAULT && !fault.error_code, "removed_entry_faults");

	set_up(LONG4, 0x234, entries);
	intruder_entry = entry_at(0, 4);
	intruder_value = 0x3000 | ALL | A;
	nr_intrusions = 1;
	ret = gva_to_gpa(&vcpu, 0x234, RD, &gpa, &fault);
	ktap_result(!ret && gpa == 0x7234, "another_vcpu_sets_the_bit_first");
}

int main(void)
{
	unsigned int i;

	ktap_begin();
	for (i = 0; i < ARRAY_SIZE(walk_cases); i++)
		test_walk(&walk_cases[i]);
	test_used_bits();
	test_races();
	return ktap_end();
}
