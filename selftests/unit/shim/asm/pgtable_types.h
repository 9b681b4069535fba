/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: bits of page-table entries, as far as unit-tested code names them. */
#ifndef SHIM_ASM_PGTABLE_TYPES_H
#define SHIM_ASM_PGTABLE_TYPES_H

#include <linux/bits.h>

#define _PAGE_PRESENT	BIT_ULL(0)
#define _PAGE_RW	BIT_ULL(1)
#define _PAGE_USER	BIT_ULL(2)
#define _PAGE_PWT	BIT_ULL(3)
#define _PAGE_PCD	BIT_ULL(4)
#define _PAGE_ACCESSED	BIT_ULL(5)
#define _PAGE_DIRTY	BIT_ULL(6)
#define _PAGE_PSE	BIT_ULL(7)
#define _PAGE_NX	BIT_ULL(63)

#endif /* SHIM_ASM_PGTABLE_TYPES_H */
