// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: handlers of the integer instructions: operands in, alu.c, operands
 * out. What a read-modify-write of memory looks like to the owner is decided
 * here: one read with ctxt->rmw set, then one compare-and-exchange.
 */
#include <asm/processor-flags.h>
#include <linux/bitops.h>
#include <linux/kernel.h>

#include "exec.h"

/* A destination that is read before it is written. */
struct target {
	const struct lodge_operand *operand;
	gva_t linear;
	u64 old;
};

/*
 * Read the destination. Its address is checked for writing already, so that a
 * fault comes before the read of a device that would have side effects.
 * @offset moves a memory operand away from its address (bit strings).
 */
static enum emulate_result target_read(struct emulate_ctxt *ctxt, struct target *target,
				       u64 offset)
{
	u64 address;
	enum emulate_result ret;

	if (target->operand->kind != LODGE_OPERAND_MEM)
		return emulate_operand_read(ctxt, target->operand, &target->old);

	address = emulate_effective_address(ctxt) + offset;
	ret = emulate_linearize(ctxt, ctxt->insn.segment,
				address & emulate_size_mask(ctxt->insn.addr_size),
				target->operand->size, EMULATE_WRITE, &target->linear);
	if (ret)
		return ret;
	ctxt->rmw = true;
	ret = emulate_mem_read(ctxt, target->linear, &target->old, target->operand->size);
	ctxt->rmw = false;
	return ret;
}

/* EMULATE_CONTINUE if another CPU changed the memory since: execute again. */
static enum emulate_result target_write(struct emulate_ctxt *ctxt, const struct target *target,
					u64 value)
{
	if (target->operand->kind != LODGE_OPERAND_MEM)
		return emulate_operand_write(ctxt, target->operand, value);
	/* In parentheses, as cmpxchg() is also a macro of the kernel's. */
	return (ctxt->ops->cmpxchg)(ctxt, target->linear, &target->old, &value,
				    target->operand->size);
}

/* The operands behind the first one, if there are any. */
static enum emulate_result read_sources(struct emulate_ctxt *ctxt, struct emulate_alu *alu)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	enum emulate_result ret = EMULATE_DONE;

	if (operand[1].kind != LODGE_OPERAND_NONE)
		ret = emulate_operand_read(ctxt, &operand[1], &alu->src);
	if (!ret && operand[2].kind != LODGE_OPERAND_NONE)
		ret = emulate_operand_read(ctxt, &operand[2], &alu->src2);
	return ret;
}

/* ADD to XOR, INC to NOT, shifts and rotates, SHLD and SHRD. */
enum emulate_result emulate_exec_modify(struct emulate_ctxt *ctxt)
{
	struct target target = { .operand = &ctxt->insn.operand[0] };
	struct emulate_alu alu = {
		.size = target.operand->size,
		.rflags = ctxt->state->rflags,
	};
	enum emulate_result ret;
	u64 result;

	ret = read_sources(ctxt, &alu);
	if (ret)
		return ret;
	ret = target_read(ctxt, &target, 0);
	if (ret)
		return ret;
	alu.dst = target.old;
	result = emulate_alu(ctxt->insn.op, &alu);
	ret = target_write(ctxt, &target, result);
	if (ret)
		return ret;
	ctxt->state->rflags = alu.rflags;
	return emulate_complete(ctxt);
}

/* CMP and TEST: flags only. */
enum emulate_result emulate_exec_compare(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	struct emulate_alu alu = {
		.size = operand[0].size,
		.rflags = ctxt->state->rflags,
	};
	enum emulate_result ret;

	ret = read_sources(ctxt, &alu);
	if (ret)
		return ret;
	ret = emulate_operand_read(ctxt, &operand[0], &alu.dst);
	if (ret)
		return ret;
	emulate_alu(ctxt->insn.op, &alu);
	ctxt->state->rflags = alu.rflags;
	return emulate_complete(ctxt);
}

/*
 * How far a bit number in a register reaches beyond a memory operand: it counts
 * from the operand's first bit over all of memory, in both directions (AMD APM
 * volume 3, "Bit Test"). An immediate stays within the operand.
 */
static u64 bit_string_offset(const struct lodge_insn *insn, u64 bit)
{
	unsigned int size = insn->operand[0].size;
	s64 number = emulate_sign_extend(bit, size);

	if (insn->operand[0].kind != LODGE_OPERAND_MEM ||
	    insn->operand[1].kind != LODGE_OPERAND_GPR)
		return 0;
	return (number >> (ffs(size) + 2)) * size;
}

/* BT, BTS, BTR, BTC. */
enum emulate_result emulate_exec_bit(struct emulate_ctxt *ctxt)
{
	const struct lodge_insn *insn = &ctxt->insn;
	struct target target = { .operand = &insn->operand[0] };
	struct emulate_alu alu = {
		.size = target.operand->size,
		.rflags = ctxt->state->rflags,
	};
	enum emulate_result ret;
	u64 offset, result;
	gva_t linear;

	ret = read_sources(ctxt, &alu);
	if (ret)
		return ret;
	offset = bit_string_offset(insn, alu.src);

	if (insn->op == LODGE_OP_BT && target.operand->kind == LODGE_OPERAND_MEM) {
		offset += emulate_effective_address(ctxt);
		ret = emulate_linearize(ctxt, insn->segment,
					offset & emulate_size_mask(insn->addr_size),
					alu.size, EMULATE_READ, &linear);
		if (!ret)
			ret = emulate_mem_read(ctxt, linear, &target.old, alu.size);
	} else {
		ret = target_read(ctxt, &target, offset);
	}
	if (ret)
		return ret;
	alu.dst = target.old;
	result = emulate_alu(insn->op, &alu);
	if (insn->op != LODGE_OP_BT) {
		ret = target_write(ctxt, &target, result);
		if (ret)
			return ret;
	}
	ctxt->state->rflags = alu.rflags;
	return emulate_complete(ctxt);
}

/* IMUL with two or three operands: the upper half of the product is dropped. */
enum emulate_result emulate_exec_imul(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	struct emulate_alu alu = {
		.size = operand[0].size,
		.rflags = ctxt->state->rflags,
	};
	enum emulate_result ret;
	u64 low, high;

	ret = read_sources(ctxt, &alu);
	if (ret)
		return ret;
	alu.dst = alu.src2;
	emulate_multiply(&alu, true, &low, &high);
	emulate_operand_write(ctxt, &operand[0], low);
	ctxt->state->rflags = alu.rflags;
	return emulate_complete(ctxt);
}

/* Products and quotients of bytes live in AL and AH, the others in rAX and rDX. */
static void write_pair(struct emulate_ctxt *ctxt, unsigned int size, u64 low, u64 high)
{
	if (size == 1) {
		emulate_gpr_write(ctxt, LODGE_RAX, 2, high << 8 | low);
		return;
	}
	emulate_gpr_write(ctxt, LODGE_RAX, size, low);
	emulate_gpr_write(ctxt, LODGE_RDX, size, high);
}

/* MUL and IMUL with one operand. */
enum emulate_result emulate_exec_multiply(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	struct emulate_alu alu = {
		.size = operand[0].size,
		.dst = emulate_gpr_read(ctxt, LODGE_RAX, operand[0].size),
		.rflags = ctxt->state->rflags,
	};
	enum emulate_result ret;
	u64 low, high;

	ret = emulate_operand_read(ctxt, &operand[0], &alu.src);
	if (ret)
		return ret;
	emulate_multiply(&alu, ctxt->insn.op == LODGE_OP_IMUL1, &low, &high);
	write_pair(ctxt, alu.size, low, high);
	ctxt->state->rflags = alu.rflags;
	return emulate_complete(ctxt);
}

/* DIV and IDIV: flags are undefined and stay. */
enum emulate_result emulate_exec_divide(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	struct emulate_alu alu = {
		.size = operand[0].size,
		.dst = emulate_gpr_read(ctxt, LODGE_RAX, operand[0].size),
		.src2 = emulate_gpr_read(ctxt, LODGE_RDX, operand[0].size),
	};
	enum emulate_result ret;
	u64 low, high;

	if (alu.size == 1)
		alu.src2 = emulate_gpr_read(ctxt, LODGE_RAX, 2) >> 8;
	ret = emulate_operand_read(ctxt, &operand[0], &alu.src);
	if (ret)
		return ret;
	if (!emulate_divide(&alu, ctxt->insn.op == LODGE_OP_IDIV, &low, &high))
		return emulate_raise(ctxt, LODGE_VECTOR_DE, 0);
	write_pair(ctxt, alu.size, low, high);
	return emulate_complete(ctxt);
}

/* BSF and BSR: a source of zero sets ZF and leaves the destination as it is. */
enum emulate_result emulate_exec_bit_scan(struct emulate_ctxt *ctxt)
{
	const struct lodge_insn *insn = &ctxt->insn;
	enum emulate_result ret;
	u64 value;

	ret = emulate_operand_read(ctxt, &insn->operand[1], &value);
	if (ret)
		return ret;
	if (value) {
		value = insn->op == LODGE_OP_BSF ? __ffs64(value) : fls64(value) - 1;
		emulate_operand_write(ctxt, &insn->operand[0], value);
		ctxt->state->rflags &= ~X86_EFLAGS_ZF;
	} else {
		ctxt->state->rflags |= X86_EFLAGS_ZF;
	}
	return emulate_complete(ctxt);
}

enum emulate_result emulate_exec_xchg(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	struct target target = { .operand = &operand[0] };
	enum emulate_result ret;
	u64 value;

	emulate_operand_read(ctxt, &operand[1], &value);
	ret = target_read(ctxt, &target, 0);
	if (ret)
		return ret;
	ret = target_write(ctxt, &target, value);
	if (ret)
		return ret;
	emulate_operand_write(ctxt, &operand[1], target.old);
	return emulate_complete(ctxt);
}

enum emulate_result emulate_exec_xadd(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	struct target target = { .operand = &operand[0] };
	struct emulate_alu alu = {
		.size = operand[0].size,
		.rflags = ctxt->state->rflags,
	};
	enum emulate_result ret;
	u64 sum;

	emulate_operand_read(ctxt, &operand[1], &alu.src);
	ret = target_read(ctxt, &target, 0);
	if (ret)
		return ret;
	alu.dst = target.old;
	sum = emulate_alu(LODGE_OP_ADD, &alu);
	if (operand[0].kind == LODGE_OPERAND_MEM) {
		ret = target_write(ctxt, &target, sum);
		if (ret)
			return ret;
		emulate_operand_write(ctxt, &operand[1], target.old);
	} else {
		/* Both may be the same register: the sum is what stays. */
		emulate_operand_write(ctxt, &operand[1], target.old);
		emulate_operand_write(ctxt, &operand[0], sum);
	}
	ctxt->state->rflags = alu.rflags;
	return emulate_complete(ctxt);
}

/*
 * Memory is written in any case, with its own value if the comparison fails: a
 * device sees the cycle, a read-only page faults (AMD APM volume 3, "Compare and
 * Exchange"). A register is not: not even its upper half is cleared then.
 */
enum emulate_result emulate_exec_cmpxchg(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	struct target target = { .operand = &operand[0] };
	struct emulate_alu alu = {
		.size = operand[0].size,
		.dst = emulate_gpr_read(ctxt, LODGE_RAX, operand[0].size),
		.rflags = ctxt->state->rflags,
	};
	enum emulate_result ret;
	bool equal;
	u64 value;

	emulate_operand_read(ctxt, &operand[1], &value);
	ret = target_read(ctxt, &target, 0);
	if (ret)
		return ret;
	alu.src = target.old;
	emulate_alu(LODGE_OP_CMP, &alu);
	equal = alu.dst == alu.src;
	if (equal || operand[0].kind == LODGE_OPERAND_MEM) {
		ret = target_write(ctxt, &target, equal ? value : target.old);
		if (ret)
			return ret;
	}
	if (!equal)
		emulate_gpr_write(ctxt, LODGE_RAX, alu.size, target.old);
	ctxt->state->rflags = alu.rflags;
	return emulate_complete(ctxt);
}

/* CMPXCHG8B and CMPXCHG16B: only ZF changes. */
enum emulate_result emulate_exec_cmpxchg8b(struct emulate_ctxt *ctxt)
{
	unsigned int len = ctxt->insn.operand[0].size;
	unsigned int half = len / 2;
	u64 *gprs = ctxt->state->gprs;
	u64 old[2] = { 0 };
	u64 low, high;
	u64 new[2];
	enum emulate_result ret;
	gva_t linear;
	bool equal;

	ret = emulate_operand_linear(ctxt, len, EMULATE_WRITE, &linear);
	if (ret)
		return ret;
	if (len == 16 && (linear & 15))
		return emulate_raise(ctxt, LODGE_VECTOR_GP, 0);
	ctxt->rmw = true;
	ret = ctxt->ops->read(ctxt, linear, old, len);
	ctxt->rmw = false;
	if (ret)
		return ret;

	low = half == 8 ? old[0] : (u32)old[0];
	high = half == 8 ? old[1] : old[0] >> 32;
	equal = low == emulate_gpr_read(ctxt, LODGE_RAX, half) &&
		high == emulate_gpr_read(ctxt, LODGE_RDX, half);
	new[0] = old[0];
	new[1] = old[1];
	if (equal && half == 8) {
		new[0] = gprs[LODGE_RBX];
		new[1] = gprs[LODGE_RCX];
	} else if (equal) {
		new[0] = (u32)gprs[LODGE_RBX] | gprs[LODGE_RCX] << 32;
	}
	ret = (ctxt->ops->cmpxchg)(ctxt, linear, old, new, len);
	if (ret)
		return ret;

	if (equal) {
		ctxt->state->rflags |= X86_EFLAGS_ZF;
	} else {
		ctxt->state->rflags &= ~X86_EFLAGS_ZF;
		write_pair(ctxt, half, low, high);
	}
	return emulate_complete(ctxt);
}
