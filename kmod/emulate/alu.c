// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: results and flags of integer instructions as pure functions of their
 * operands (AMD APM volume 3, "General-Purpose Instruction Reference"). Flags
 * that the manual calls undefined get what current CPUs produce, or stay.
 */
#include <asm/processor-flags.h>
#include <linux/bitops.h>
#include <linux/kernel.h>

#include "exec.h"

static void set_flag(struct emulate_alu *alu, u64 flag, bool value)
{
	if (value)
		alu->rflags |= flag;
	else
		alu->rflags &= ~flag;
}

/* SF, ZF and PF depend on the result only. PF looks at the low byte. */
static void set_result_flags(struct emulate_alu *alu, u64 result)
{
	result &= emulate_size_mask(alu->size);
	set_flag(alu, X86_EFLAGS_ZF, result == 0);
	set_flag(alu, X86_EFLAGS_SF, result & emulate_sign_bit(alu->size));
	set_flag(alu, X86_EFLAGS_PF, !(hweight8(result & 0xff) & 1));
}

/*
 * Addition and subtraction derive CF and OF from the top bits of operands and
 * result, which works for 64 bits without a wider type.
 */
static u64 alu_add(struct emulate_alu *alu, bool carry)
{
	u64 sign = emulate_sign_bit(alu->size);
	u64 dst = alu->dst;
	u64 src = alu->src;
	u64 result = dst + src + carry;

	set_flag(alu, X86_EFLAGS_CF, ((dst & src) | ((dst | src) & ~result)) & sign);
	set_flag(alu, X86_EFLAGS_OF, (dst ^ result) & (src ^ result) & sign);
	set_flag(alu, X86_EFLAGS_AF, (dst ^ src ^ result) & 0x10);
	set_result_flags(alu, result);
	return result;
}

static u64 alu_sub(struct emulate_alu *alu, bool borrow)
{
	u64 sign = emulate_sign_bit(alu->size);
	u64 dst = alu->dst;
	u64 src = alu->src;
	u64 result = dst - src - borrow;

	set_flag(alu, X86_EFLAGS_CF, ((~dst & src) | ((~dst | src) & result)) & sign);
	set_flag(alu, X86_EFLAGS_OF, (dst ^ src) & (dst ^ result) & sign);
	set_flag(alu, X86_EFLAGS_AF, (dst ^ src ^ result) & 0x10);
	set_result_flags(alu, result);
	return result;
}

static u64 alu_logic(struct emulate_alu *alu, u64 result)
{
	alu->rflags &= ~(X86_EFLAGS_CF | X86_EFLAGS_OF | X86_EFLAGS_AF);
	set_result_flags(alu, result);
	return result;
}

/* INC and DEC leave CF alone, so that loops can carry it along. */
static u64 alu_step(struct emulate_alu *alu, bool up)
{
	u64 carry = alu->rflags & X86_EFLAGS_CF;
	u64 result;

	alu->src = 1;
	result = up ? alu_add(alu, false) : alu_sub(alu, false);
	set_flag(alu, X86_EFLAGS_CF, carry);
	return result;
}

static u64 alu_neg(struct emulate_alu *alu)
{
	alu->src = alu->dst;
	alu->dst = 0;
	return alu_sub(alu, false);
}

/* Counts are cut to 5 bits, or 6 for 64-bit operands, whatever the operand size. */
static unsigned int shift_count(const struct emulate_alu *alu, u64 count)
{
	return count & (alu->size == 8 ? 63 : 31);
}

/*
 * Rotates. A count that is a multiple of the width moves nothing, but updates CF
 * all the same. OF is defined for a count of one and computed the same for all.
 */
static u64 alu_rotate(struct emulate_alu *alu, bool left)
{
	unsigned int bits = 8 * alu->size;
	unsigned int count = shift_count(alu, alu->src);
	unsigned int n = count % bits;
	u64 result = alu->dst;
	bool top, next;

	if (!count)
		return result;
	if (n && left)
		result = result << n | result >> (bits - n);
	else if (n)
		result = result >> n | result << (bits - n);

	top = result & emulate_sign_bit(alu->size);
	if (left) {
		set_flag(alu, X86_EFLAGS_CF, result & 1);
		set_flag(alu, X86_EFLAGS_OF, top != (result & 1));
	} else {
		next = result & (emulate_sign_bit(alu->size) >> 1);
		set_flag(alu, X86_EFLAGS_CF, top);
		set_flag(alu, X86_EFLAGS_OF, top != next);
	}
	return result;
}

/* Rotates through CF, bit by bit: at most 63 steps, and rarely used. */
static u64 alu_rotate_carry(struct emulate_alu *alu, bool left)
{
	unsigned int bits = 8 * alu->size;
	unsigned int count = shift_count(alu, alu->src) % (bits + 1);
	u64 sign = emulate_sign_bit(alu->size);
	bool carry = alu->rflags & X86_EFLAGS_CF;
	u64 result = alu->dst;
	bool out;

	if (!count)
		return result;
	while (count--) {
		if (left) {
			out = result & sign;
			result = result << 1 | carry;
		} else {
			out = result & 1;
			result = (result & emulate_size_mask(alu->size)) >> 1;
			result |= carry ? sign : 0;
		}
		carry = out;
	}
	set_flag(alu, X86_EFLAGS_CF, carry);
	if (left)
		set_flag(alu, X86_EFLAGS_OF, !!(result & sign) != carry);
	else
		set_flag(alu, X86_EFLAGS_OF, !!(result & sign) != !!(result & (sign >> 1)));
	return result;
}

static u64 alu_shift_left(struct emulate_alu *alu)
{
	unsigned int bits = 8 * alu->size;
	unsigned int count = shift_count(alu, alu->src);
	u64 sign = emulate_sign_bit(alu->size);
	bool carry = false;
	u64 result;

	if (!count)
		return alu->dst;
	if (count <= bits)
		carry = alu->dst >> (bits - count) & 1;
	result = alu->dst << count;
	set_flag(alu, X86_EFLAGS_CF, carry);
	set_flag(alu, X86_EFLAGS_OF, !!(result & sign) != carry);
	set_flag(alu, X86_EFLAGS_AF, false);
	set_result_flags(alu, result);
	return result;
}

/* Both right shifts: SAR works on the sign-extended operand. */
static u64 alu_shift_right(struct emulate_alu *alu, bool arithmetic)
{
	unsigned int count = shift_count(alu, alu->src);
	s64 extended = emulate_sign_extend(alu->dst, alu->size);
	bool carry;
	u64 result;

	if (!count)
		return alu->dst;
	if (arithmetic) {
		carry = extended >> (count - 1) & 1;
		result = extended >> count;
		set_flag(alu, X86_EFLAGS_OF, false);
	} else {
		carry = alu->dst >> (count - 1) & 1;
		result = alu->dst >> count;
		set_flag(alu, X86_EFLAGS_OF, alu->dst & emulate_sign_bit(alu->size));
	}
	set_flag(alu, X86_EFLAGS_CF, carry);
	set_flag(alu, X86_EFLAGS_AF, false);
	set_result_flags(alu, result);
	return result;
}

/*
 * SHLD and SHRD. For 16-bit operands a count above 16 is undefined; it shifts in
 * the destination again here, like a rotate of the pair of registers.
 */
static u64 alu_shift_double(struct emulate_alu *alu, bool left)
{
	unsigned int bits = 8 * alu->size;
	unsigned int count = shift_count(alu, alu->src2);
	u64 sign = emulate_sign_bit(alu->size);
	u64 dst = alu->dst;
	u64 src = alu->src;
	u64 swap, result;
	bool carry;

	if (!count)
		return dst;
	if (count > bits) {
		swap = dst;
		dst = src;
		src = swap;
		count -= bits;
	}
	if (left) {
		carry = dst >> (bits - count) & 1;
		result = count == bits ? src : dst << count | src >> (bits - count);
	} else {
		carry = dst >> (count - 1) & 1;
		result = count == bits ? src : dst >> count | src << (bits - count);
	}
	set_flag(alu, X86_EFLAGS_CF, carry);
	set_flag(alu, X86_EFLAGS_OF, (result ^ alu->dst) & sign);
	set_flag(alu, X86_EFLAGS_AF, false);
	set_result_flags(alu, result);
	return result;
}

/* The source is a bit number within the operand; only CF changes. */
static u64 alu_bit(struct emulate_alu *alu, enum lodge_op op)
{
	u64 bit = 1ull << (alu->src & (8 * alu->size - 1));

	set_flag(alu, X86_EFLAGS_CF, alu->dst & bit);
	switch (op) {
	case LODGE_OP_BTS:
		return alu->dst | bit;
	case LODGE_OP_BTR:
		return alu->dst & ~bit;
	case LODGE_OP_BTC:
		return alu->dst ^ bit;
	default:
		return alu->dst;
	}
}

/**
 * emulate_alu() - compute one integer operation
 * @op: LODGE_OP_ADD to LODGE_OP_BTC
 * @alu: operands, zero extended from alu->size bytes; rflags is updated
 *
 * Return: the result; bits above the operand size are undefined.
 */
u64 emulate_alu(enum lodge_op op, struct emulate_alu *alu)
{
	bool carry = alu->rflags & X86_EFLAGS_CF;

	switch (op) {
	case LODGE_OP_ADD:
		return alu_add(alu, false);
	case LODGE_OP_ADC:
		return alu_add(alu, carry);
	case LODGE_OP_SUB:
	case LODGE_OP_CMP:
		return alu_sub(alu, false);
	case LODGE_OP_SBB:
		return alu_sub(alu, carry);
	case LODGE_OP_OR:
		return alu_logic(alu, alu->dst | alu->src);
	case LODGE_OP_AND:
	case LODGE_OP_TEST:
		return alu_logic(alu, alu->dst & alu->src);
	case LODGE_OP_XOR:
		return alu_logic(alu, alu->dst ^ alu->src);
	case LODGE_OP_INC:
	case LODGE_OP_DEC:
		return alu_step(alu, op == LODGE_OP_INC);
	case LODGE_OP_NEG:
		return alu_neg(alu);
	case LODGE_OP_NOT:
		return ~alu->dst;
	case LODGE_OP_ROL:
	case LODGE_OP_ROR:
		return alu_rotate(alu, op == LODGE_OP_ROL);
	case LODGE_OP_RCL:
	case LODGE_OP_RCR:
		return alu_rotate_carry(alu, op == LODGE_OP_RCL);
	case LODGE_OP_SHL:
		return alu_shift_left(alu);
	case LODGE_OP_SHR:
	case LODGE_OP_SAR:
		return alu_shift_right(alu, op == LODGE_OP_SAR);
	case LODGE_OP_SHLD:
	case LODGE_OP_SHRD:
		return alu_shift_double(alu, op == LODGE_OP_SHLD);
	default:
		return alu_bit(alu, op);
	}
}

/**
 * emulate_multiply() - full product of two numbers
 * @alu: dst times src; rflags: CF and OF tell that the upper half matters
 * @is_signed: IMUL
 * @low: lower half of the product
 * @high: upper half
 */
void emulate_multiply(struct emulate_alu *alu, bool is_signed, u64 *low, u64 *high)
{
	unsigned int bits = 8 * alu->size;
	u64 mask = emulate_size_mask(alu->size);
	bool overflow;

	if (is_signed) {
		s64 dst = emulate_sign_extend(alu->dst, alu->size);
		s64 src = emulate_sign_extend(alu->src, alu->size);

		*low = (u64)dst * (u64)src;
		*high = (u64)(((__int128)dst * src) >> bits);
	} else {
		*low = alu->dst * alu->src;
		*high = (u64)(((__uint128_t)alu->dst * alu->src) >> bits);
	}
	*low &= mask;
	*high &= mask;
	if (is_signed)
		overflow = *high != ((*low & emulate_sign_bit(alu->size)) ? mask : 0);
	else
		overflow = *high != 0;
	set_flag(alu, X86_EFLAGS_CF | X86_EFLAGS_OF, overflow);
}

/* 128 by 64 bits; the caller guarantees high < divisor, so that DIV cannot fault. */
static u64 divide128(u64 high, u64 low, u64 divisor, u64 *remainder)
{
	u64 quotient;

	asm("divq %[divisor]"
	    : "=a" (quotient), "=d" (*remainder)
	    : "a" (low), "d" (high), [divisor] "rm" (divisor)
	    : "cc");
	return quotient;
}

/**
 * emulate_divide() - divide a number of twice the operand size
 * @alu: dst lower and src2 upper half of the dividend, src the divisor
 * @is_signed: IDIV: truncates towards zero, the remainder has the dividend's sign
 * @low: quotient
 * @high: remainder
 *
 * Return: false for #DE: division by zero, or the quotient does not fit.
 */
bool emulate_divide(struct emulate_alu *alu, bool is_signed, u64 *low, u64 *high)
{
	unsigned int bits = 8 * alu->size;
	u64 sign = emulate_sign_bit(alu->size);
	u64 mask = emulate_size_mask(alu->size);
	bool negative = is_signed && (alu->src2 & sign);
	bool differs = is_signed && ((alu->src2 ^ alu->src) & sign);
	u64 divisor = alu->src;
	u64 lower = alu->dst;
	u64 upper = alu->src2;
	u64 quotient, remainder, max = mask;

	if (negative) {
		/* Negate the pair. */
		lower = -lower & mask;
		upper = (~upper + !lower) & mask;
	}
	if (is_signed) {
		if (divisor & sign)
			divisor = -divisor & mask;
		max = differs ? sign : sign - 1;
	}
	if (upper >= divisor)
		return false;
	if (bits < 64) {
		lower |= upper << bits;
		upper = 0;
	}
	quotient = divide128(upper, lower, divisor, &remainder);
	if (quotient > max)
		return false;
	*low = (differs ? -quotient : quotient) & mask;
	*high = (negative ? -remainder : remainder) & mask;
	return true;
}
