/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 0: the address types. One name for each kind of address, so that a
 * guest address can never be taken for a host one by accident of spelling.
 */
#ifndef LODGE_TYPES_H
#define LODGE_TYPES_H

#include <linux/types.h>

/*
 * Address legend
 *
 *   gva  guest virtual (linear) address: what the guest's own page tables translate
 *   gpa  guest physical address: what those tables yield, what NPT/EPT translate
 *   gfn  guest frame number: gpa >> PAGE_SHIFT
 *   hva  host virtual address: in the address space of the VMM's process
 *   hpa  host physical address: what goes into NPT/EPT entries
 *   pfn  host frame number: hpa >> PAGE_SHIFT
 */
typedef unsigned long	gva_t;
typedef u64		gpa_t;
typedef u64		gfn_t;
typedef unsigned long	hva_t;
typedef u64		hpa_t;
typedef u64		lodge_pfn_t;

#define LODGE_INVALID_GPA	(~(gpa_t)0)

#endif /* LODGE_TYPES_H */
