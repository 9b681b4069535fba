// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: from guest virtual to guest physical addresses, by the guest's own page
 * tables, with the checks that the CPU makes and the bits that it sets (AMD APM
 * volume 2, "Page Translation and Protection"; Intel SDM volume 3, "Paging").
 * Segments and canonical addresses are checked before anybody comes here.
 *
 * Protection keys and shadow stacks are not known here: guests are not offered
 * either, so CR4.PKE and CR4.CET stay clear. Bit 8 of upper entries, reserved by
 * one vendor and ignored by the other, is ignored.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <asm/pgtable_types.h>

#include "../regs.h"
#include "../x86.h"
#include "mmu.h"

#define MAX_LEVELS	5

/* Another vCPU that changes an entry in the very moment, so often: no accident. */
#define MAX_WALKS	64

/* Width if user space has not set CPUID: what a CPU that does not say has. */
#define DEFAULT_PHYS_BITS	36

/**
 * struct walk - one translation on its way
 * @vcpu: whose tables
 * @state: its registers
 * @gva: what is translated
 * @access: LODGE_ACCESS_* and LODGE_GVA_*
 * @levels: depth of the tables: 2, 3 (PAE), 4 or 5
 * @index_bits: bits of the address that each level takes
 * @entry_size: bytes
 * @leaf_level: where the walk ended
 * @rights: _PAGE_RW and _PAGE_USER, if all levels grant them
 * @noexec: any level forbids execution
 * @entry_gpa: by level - 1, where the entry is
 * @entry: by level - 1, its value
 */
struct walk {
	struct lodge_vcpu *vcpu;
	const struct lodge_x86_state *state;
	u64 gva;
	u32 access;
	int levels;
	unsigned int index_bits;
	unsigned int entry_size;
	int leaf_level;
	u64 rights;
	bool noexec;
	gpa_t entry_gpa[MAX_LEVELS];
	u64 entry[MAX_LEVELS];
};

static bool is_long(const struct walk *walk)
{
	return walk->levels >= 4;
}

/* PAE's third level: four entries without rights and without accessed bits. */
static bool is_pae_pointer(const struct walk *walk, int level)
{
	return walk->levels == 3 && level == 3;
}

static bool has_noexec(const struct walk *walk)
{
	return walk->entry_size == 8 && (walk->state->efer & EFER_NX);
}

static unsigned int phys_bits(const struct walk *walk)
{
	return walk->vcpu->phys_bits ?: DEFAULT_PHYS_BITS;
}

/*
 *   EFER.LMA  CR4.LA57  CR4.PAE | levels  index  entry
 *      1         1         -    |    5      9      8
 *      1         0         -    |    4      9      8
 *      0         -         1    |    3      9      8
 *      0         -         0    |    2     10      4
 */
static void set_mode(struct walk *walk)
{
	const struct lodge_x86_state *state = walk->state;

	walk->index_bits = 9;
	walk->entry_size = 8;
	if (state->efer & EFER_LMA) {
		walk->levels = (state->cr4 & X86_CR4_LA57) ? 5 : 4;
	} else if (state->cr4 & X86_CR4_PAE) {
		walk->levels = 3;
	} else {
		walk->levels = 2;
		walk->index_bits = 10;
		walk->entry_size = 4;
	}
	if (!is_long(walk))
		walk->gva = (u32)walk->gva;
}

/* Low bits of the address that a leaf at @level does not translate. */
static unsigned int offset_bits(const struct walk *walk, int level)
{
	return PAGE_SHIFT + walk->index_bits * (level - 1);
}

static gpa_t top_table(const struct walk *walk)
{
	if (is_long(walk))
		return walk->state->cr3 & GENMASK_ULL(51, 12);
	if (walk->levels == 3)
		return walk->state->cr3 & GENMASK_ULL(31, 5);
	return walk->state->cr3 & GENMASK_ULL(31, 12);
}

static bool is_leaf(const struct walk *walk, u64 entry, int level)
{
	if (level == 1)
		return true;
	if (!(entry & _PAGE_PSE))
		return false;
	if (walk->levels == 2)
		return walk->state->cr4 & X86_CR4_PSE;
	return level == 2 || (level == 3 && is_long(walk));
}

/* Bits that must be clear in a present entry. */
static u64 reserved_bits(const struct walk *walk, u64 entry, int level)
{
	unsigned int width = phys_bits(walk);
	u64 reserved = 0;

	if (walk->entry_size == 4) {
		/* A large page has address bits 32 to 39 in 13 to 20, as far as they exist. */
		if (is_leaf(walk, entry, level) && level == 2)
			reserved = GENMASK_ULL(21, 13 + clamp(width, 32u, 40u) - 32);
		return reserved;
	}

	if (width < 52)
		reserved |= GENMASK_ULL(51, width);
	if (!has_noexec(walk))
		reserved |= _PAGE_NX;
	if (walk->levels == 3)
		reserved |= GENMASK_ULL(62, 52);
	/*
	 * The four PAE pointers were checked when CR3 was loaded, and a CPU that goes by
	 * what it loaded then does not look again; an emulated one sets accessed there.
	 */
	if (is_pae_pointer(walk, level))
		return 0;
	if (level >= 4)
		reserved |= _PAGE_PSE;
	else if (level > 1 && is_leaf(walk, entry, level))
		reserved |= GENMASK_ULL(offset_bits(walk, level) - 1, 13);
	return reserved;
}

/* What a table entry points to. */
static gpa_t next_table(const struct walk *walk, u64 entry)
{
	return entry & (walk->entry_size == 4 ? GENMASK_ULL(31, 12) : GENMASK_ULL(51, 12));
}

static gpa_t leaf_address(const struct walk *walk)
{
	u64 entry = walk->entry[walk->leaf_level - 1];
	u64 offset = GENMASK_ULL(offset_bits(walk, walk->leaf_level) - 1, 0);
	u64 base = next_table(walk, entry) & ~offset;

	if (walk->entry_size == 4 && walk->leaf_level == 2)
		base |= (entry & GENMASK_ULL(20, 13)) << (32 - 13);
	return base | (walk->gva & offset);
}

/* Read the entry for @level of the table at @table. 0 or -EFAULT. */
static int read_entry(struct walk *walk, gpa_t table, int level)
{
	u64 index = walk->gva >> offset_bits(walk, level) & (BIT(walk->index_bits) - 1);
	gpa_t gpa = table + index * walk->entry_size;
	u64 entry = 0;
	int ret;

	/* Little endian: four bytes land in the low half. */
	ret = guest_read(walk->vcpu->vm, gpa, &entry, walk->entry_size);
	walk->entry_gpa[level - 1] = gpa;
	walk->entry[level - 1] = entry;
	return ret;
}

/*
 * Walk down to the leaf and collect rights. Return whether there is one; if not,
 * *@error_code is the page fault's, less the bits that tell of the access.
 */
static bool walk_tables(struct walk *walk, u32 *error_code)
{
	gpa_t table = top_table(walk);
	int level;

	walk->rights = _PAGE_RW | _PAGE_USER;
	walk->noexec = false;
	for (level = walk->levels; level; level--) {
		u64 entry;

		/* Tables where there is no memory: as if they were empty. */
		*error_code = 0;
		if (read_entry(walk, table, level))
			return false;
		entry = walk->entry[level - 1];
		if (!(entry & _PAGE_PRESENT))
			return false;

		*error_code = LODGE_PFERR_PRESENT | LODGE_PFERR_RSVD;
		if (entry & reserved_bits(walk, entry, level))
			return false;

		if (!is_pae_pointer(walk, level)) {
			walk->rights &= entry;
			walk->noexec |= has_noexec(walk) && (entry & _PAGE_NX);
			if (is_leaf(walk, entry, level))
				break;
		}
		table = next_table(walk, entry);
	}
	walk->leaf_level = level;
	return true;
}

/*
 *   access by   page is  | read                | write             | execute
 *   CPL 3       user     | yes                 | if writable       | unless NX
 *   CPL 3       system   | no                  | no                | no
 *   supervisor  system   | yes                 | writable or !WP   | unless NX
 *   supervisor  user     | unless SMAP stops   | unless SMAP stops,| unless NX or SMEP
 *               |        | it                  | as above          |
 *
 * SMAP stops all but explicit accesses with EFLAGS.AC set.
 */
static bool is_allowed(const struct walk *walk)
{
	const struct lodge_x86_state *state = walk->state;
	bool is_user_page = walk->rights & _PAGE_USER;
	bool is_exec = walk->access & LODGE_ACCESS_EXEC;
	bool obeys_rw = (walk->access & LODGE_GVA_USER) || (state->cr0 & X86_CR0_WP);

	if (is_exec && walk->noexec)
		return false;
	if ((walk->access & LODGE_ACCESS_WRITE) && obeys_rw && !(walk->rights & _PAGE_RW))
		return false;
	if (walk->access & LODGE_GVA_USER)
		return is_user_page;
	if (!is_user_page)
		return true;
	if (is_exec)
		return !(state->cr4 & X86_CR4_SMEP);
	return !(state->cr4 & X86_CR4_SMAP) ||
	       (!(walk->access & LODGE_GVA_IMPLICIT) && (state->rflags & X86_EFLAGS_AC));
}

/*
 * Set accessed and dirty bits on the path. Return -EAGAIN if an entry changed since it was
 * read. Tables in memory that cannot be written stay as they are.
 */
static int set_used_bits(struct walk *walk)
{
	int level;

	for (level = walk->levels; level >= walk->leaf_level; level--) {
		u64 old = walk->entry[level - 1];
		u64 new = old | _PAGE_ACCESSED;

		if (is_pae_pointer(walk, level))
			continue;
		if (level == walk->leaf_level && (walk->access & LODGE_ACCESS_WRITE))
			new |= _PAGE_DIRTY;
		if (new == old)
			continue;
		if (guest_cmpxchg(walk->vcpu, walk->entry_gpa[level - 1], &old, &new,
				  walk->entry_size) == -EAGAIN)
			return -EAGAIN;
	}
	return 0;
}

static void make_fault(const struct walk *walk, u32 error_code, struct lodge_event *fault)
{
	bool reports_fetch = has_noexec(walk) || (walk->state->cr4 & X86_CR4_SMEP);

	if (walk->access & LODGE_ACCESS_WRITE)
		error_code |= LODGE_PFERR_WRITE;
	if (walk->access & LODGE_GVA_USER)
		error_code |= LODGE_PFERR_USER;
	if ((walk->access & LODGE_ACCESS_EXEC) && reports_fetch)
		error_code |= LODGE_PFERR_FETCH;

	*fault = (struct lodge_event) {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = LODGE_VECTOR_PF,
		.has_error = true,
		.error_code = error_code,
		.has_payload = true,
		.payload = walk->gva,
	};
}

/**
 * gva_to_gpa() - translate as the guest's CPU would for an access
 * @vcpu: loaded vCPU; its thread, may sleep
 * @gva: linear address, canonical
 * @access: one of LODGE_ACCESS_READ, _WRITE, _EXEC, with LODGE_GVA_USER if the access
 *          has the rights of CPL 3, LODGE_GVA_IMPLICIT if it is the CPU's own
 *          to a descriptor or the like
 * @gpa: receives the result; the page around it has the same answer
 * @fault: receives the page fault that the guest is to get
 *
 * Sets accessed bits on the way and the dirty bit for a write.
 *
 * Return: 0, or -EFAULT with *@fault filled.
 */
int gva_to_gpa(struct lodge_vcpu *vcpu, gva_t gva, u32 access, gpa_t *gpa,
	       struct lodge_event *fault)
{
	struct walk walk = {
		.vcpu = vcpu,
		.state = lodge_regs_get(vcpu, LODGE_STATE_CRS),
		.gva = gva,
		.access = access,
	};
	u32 error_code;
	int i;

	if (!(walk.state->cr0 & X86_CR0_PG)) {
		*gpa = (u32)gva;
		return 0;
	}

	set_mode(&walk);
	for (i = 0; i < MAX_WALKS; i++) {
		if (!walk_tables(&walk, &error_code)) {
			make_fault(&walk, error_code, fault);
			return -EFAULT;
		}
		if (!is_allowed(&walk)) {
			make_fault(&walk, LODGE_PFERR_PRESENT, fault);
			return -EFAULT;
		}
		if (set_used_bits(&walk) != -EAGAIN)
			break;
	}
	/* Out of patience: the translation is right, a bit more or less harms the guest alone. */
	*gpa = leaf_address(&walk);
	return 0;
}
