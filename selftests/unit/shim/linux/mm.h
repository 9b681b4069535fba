/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: pages, and addresses that are what they point to. */
#ifndef SHIM_LINUX_MM_H
#define SHIM_LINUX_MM_H

#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1ul << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define PAGE_ALIGNED(address)	IS_ALIGNED((unsigned long)(address), PAGE_SIZE)
#define offset_in_page(address)	((unsigned long)(address) & ~PAGE_MASK)
#define __va(address)		((void *)(unsigned long)(address))
#define __pa(pointer)		((unsigned long)(pointer))

struct mm_struct;

/* The test that needs it defines it. */
extern struct shim_cpuinfo {
	u8 x86_phys_bits;
} boot_cpu_data;

#endif /* SHIM_LINUX_MM_H */
