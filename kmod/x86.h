/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 0: facts of the x86 architecture that the kernel's headers lack.
 */
#ifndef LODGE_X86_H
#define LODGE_X86_H

#include <linux/bits.h>
#include <linux/types.h>

/* Exception vectors (AMD APM volume 2, "Exceptions and Interrupts"). */
enum lodge_vector {
	LODGE_VECTOR_DE	= 0,
	LODGE_VECTOR_DB	= 1,
	LODGE_VECTOR_NMI = 2,
	LODGE_VECTOR_BP	= 3,
	LODGE_VECTOR_OF	= 4,
	LODGE_VECTOR_BR	= 5,
	LODGE_VECTOR_UD	= 6,
	LODGE_VECTOR_NM	= 7,
	LODGE_VECTOR_DF	= 8,
	LODGE_VECTOR_TS	= 10,
	LODGE_VECTOR_NP	= 11,
	LODGE_VECTOR_SS	= 12,
	LODGE_VECTOR_GP	= 13,
	LODGE_VECTOR_PF	= 14,
	LODGE_VECTOR_MF	= 16,
	LODGE_VECTOR_AC	= 17,
	LODGE_VECTOR_MC	= 18,
	LODGE_VECTOR_XM	= 19,
	LODGE_VECTOR_VE	= 20,
	LODGE_VECTOR_CP	= 21,
};

/* Page-fault error code bits. */
#define LODGE_PFERR_PRESENT	BIT(0)
#define LODGE_PFERR_WRITE	BIT(1)
#define LODGE_PFERR_USER	BIT(2)
#define LODGE_PFERR_RSVD	BIT(3)
#define LODGE_PFERR_FETCH	BIT(4)

/*
 * How two exceptions combine when the second arises during delivery of the
 * first (AMD APM volume 2, "Double-Fault Exception"; Intel SDM volume 3,
 * "Interrupt 8, Double Fault Exception").
 */
enum lodge_exception_class {
	LODGE_EXCEPTION_BENIGN,
	LODGE_EXCEPTION_CONTRIBUTORY,
	LODGE_EXCEPTION_PAGE_FAULT,
};

static inline enum lodge_exception_class lodge_exception_class(u8 vector)
{
	switch (vector) {
	case LODGE_VECTOR_PF:
		return LODGE_EXCEPTION_PAGE_FAULT;
	case LODGE_VECTOR_DE:
	case LODGE_VECTOR_TS:
	case LODGE_VECTOR_NP:
	case LODGE_VECTOR_SS:
	case LODGE_VECTOR_GP:
		return LODGE_EXCEPTION_CONTRIBUTORY;
	default:
		return LODGE_EXCEPTION_BENIGN;
	}
}

static inline bool lodge_exception_has_error(u8 vector)
{
	const u32 with_error = BIT(LODGE_VECTOR_DF) | BIT(LODGE_VECTOR_TS) |
			       BIT(LODGE_VECTOR_NP) | BIT(LODGE_VECTOR_SS) |
			       BIT(LODGE_VECTOR_GP) | BIT(LODGE_VECTOR_PF) |
			       BIT(LODGE_VECTOR_AC) | BIT(LODGE_VECTOR_CP);

	return vector < 32 && (with_error & BIT(vector));
}

/* DR6 and DR7 bits that always read as one (and RTM, off here). */
#define LODGE_DR6_FIXED_1	0xfffe0ff0ull
#define LODGE_DR6_RTM		BIT(16)
#define LODGE_DR6_RESET		0xffff0ff0ull
#define LODGE_DR6_VOLATILE	0x0001e80full
#define LODGE_DR7_FIXED_1	0x00000400ull
#define LODGE_DR7_VOLATILE	0xffff2bffull

/* What they say, and how. DR6 bits also as payload of a #DB. */
#define LODGE_DR6_BREAKPOINTS	0xfull
#define LODGE_DR6_BD		BIT(13)
#define LODGE_DR6_BS		BIT(14)
#define LODGE_DR6_BT		BIT(15)
#define LODGE_DR7_GD		BIT(13)
/* Breakpoint @slot is enabled, locally or globally; is one for execution if 0. */
#define LODGE_DR7_ENABLE(slot)	(3ull << 2 * (slot))
#define LODGE_DR7_KIND(slot)	(0xfull << (16 + 4 * (slot)))

/* The highest linear-address bit decides; @bits is 48 or 57. */
static inline bool lodge_is_canonical(u64 address, unsigned int bits)
{
	return (u64)((s64)(address << (64 - bits)) >> (64 - bits)) == address;
}

#endif /* LODGE_X86_H */
