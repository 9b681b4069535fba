/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: 64-bit arithmetic. */
#ifndef SHIM_LINUX_MATH64_H
#define SHIM_LINUX_MATH64_H

#include <linux/types.h>

#define div64_u64(a, b)		((u64)(a) / (u64)(b))
#define div64_s64(a, b)		((s64)(a) / (s64)(b))
#define div_u64(a, b)		((u64)(a) / (u32)(b))
#define do_div(n, base) ({ u32 __rem = (n) % (u32)(base); (n) /= (u32)(base); __rem; })

static inline u64 div_u64_rem(u64 a, u32 divisor, u32 *remainder)
{
	*remainder = a % divisor;
	return a / divisor;
}

static inline u64 mul_u64_u32_div(u64 a, u32 mul, u32 divisor)
{
	return (__uint128_t)a * mul / divisor;
}

static inline u64 mul_u64_u64_shr(u64 a, u64 mul, unsigned int shift)
{
	return (__uint128_t)a * mul >> shift;
}

#endif /* SHIM_LINUX_MATH64_H */
