// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: handlers of the moves between registers and memory, and of the
 * instructions that only touch registers or flags. Segment registers are loaded
 * only where that needs no descriptor: in real and virtual-8086 mode.
 */
#include <asm/processor-flags.h>
#include <linux/kernel.h>

#include "exec.h"

/* MOV and MOVZX; the operand sizes differ where zero extension is meant. */
enum emulate_result emulate_exec_mov(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	enum emulate_result ret;
	u64 value;

	ret = emulate_operand_read(ctxt, &operand[1], &value);
	if (ret)
		return ret;
	ret = emulate_operand_write(ctxt, &operand[0], value);
	if (ret)
		return ret;
	return emulate_complete(ctxt);
}

/* MOVSX and MOVSXD. */
enum emulate_result emulate_exec_movsx(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	enum emulate_result ret;
	u64 value;

	ret = emulate_operand_read(ctxt, &operand[1], &value);
	if (ret)
		return ret;
	emulate_operand_write(ctxt, &operand[0], emulate_sign_extend(value, operand[1].size));
	return emulate_complete(ctxt);
}

static u64 swap_bytes(u64 value, unsigned int size)
{
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

enum emulate_result emulate_exec_movbe(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	enum emulate_result ret;
	u64 value;

	ret = emulate_operand_read(ctxt, &operand[1], &value);
	if (ret)
		return ret;
	ret = emulate_operand_write(ctxt, &operand[0],
				    swap_bytes(value, operand[1].size));
	if (ret)
		return ret;
	return emulate_complete(ctxt);
}

/* The result for 16 bits is undefined; zero is what CPUs give. */
enum emulate_result emulate_exec_bswap(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	u64 value;

	emulate_operand_read(ctxt, &operand[0], &value);
	value = operand[0].size == 2 ? 0 : swap_bytes(value, operand[0].size);
	emulate_operand_write(ctxt, &operand[0], value);
	return emulate_complete(ctxt);
}

/* MOV to a segment register; from one it is an ordinary MOV. */
enum emulate_result emulate_exec_mov_to_seg(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	enum emulate_result ret;
	u64 selector;

	if (emulate_is_protected(ctxt))
		return EMULATE_UNKNOWN;
	ret = emulate_operand_read(ctxt, &operand[1], &selector);
	if (ret)
		return ret;
	emulate_load_segment(ctxt, operand[0].reg, selector);
	return emulate_complete(ctxt);
}

/**
 * emulate_load_segment() - load a segment register outside protected mode
 * @ctxt: the emulation
 * @reg: enum lodge_seg
 * @selector: new value; the base follows from it
 *
 * Limit and attributes stay: real mode keeps what protected mode left there, and
 * in virtual-8086 mode they have one legal value. Loading SS holds off events
 * until the next instruction is done (AMD APM volume 2, "Interrupt Shadows").
 */
void emulate_load_segment(struct emulate_ctxt *ctxt, u8 reg, u16 selector)
{
	struct lodge_segment *segment = &ctxt->state->segs[reg];

	segment->selector = selector;
	segment->base = (u32)selector << 4;
	ctxt->segs_written = true;
	if (reg == LODGE_SEG_SS)
		ctxt->shadow = LODGE_SHADOW_MOV_SS;
}

enum emulate_result emulate_exec_lea(struct emulate_ctxt *ctxt)
{
	emulate_operand_write(ctxt, &ctxt->insn.operand[0], emulate_effective_address(ctxt));
	return emulate_complete(ctxt);
}

/* The source is read, and a 4-byte destination zero extended, in either case. */
enum emulate_result emulate_exec_cmov(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	enum emulate_result ret;
	u64 value;

	ret = emulate_operand_read(ctxt, &operand[1], &value);
	if (ret)
		return ret;
	if (!emulate_condition(ctxt->state->rflags, ctxt->insn.opcode))
		emulate_operand_read(ctxt, &operand[0], &value);
	emulate_operand_write(ctxt, &operand[0], value);
	return emulate_complete(ctxt);
}

enum emulate_result emulate_exec_setcc(struct emulate_ctxt *ctxt)
{
	enum emulate_result ret;

	ret = emulate_operand_write(ctxt, &ctxt->insn.operand[0],
				    emulate_condition(ctxt->state->rflags, ctxt->insn.opcode));
	if (ret)
		return ret;
	return emulate_complete(ctxt);
}

/* The decoded operand is at rBX; AL is the index behind it. */
enum emulate_result emulate_exec_xlat(struct emulate_ctxt *ctxt)
{
	const struct lodge_insn *insn = &ctxt->insn;
	enum emulate_result ret;
	u64 offset, value;
	gva_t linear;

	offset = emulate_effective_address(ctxt) + emulate_gpr_read(ctxt, LODGE_RAX, 1);
	ret = emulate_linearize(ctxt, insn->segment,
				offset & emulate_size_mask(insn->addr_size), 1,
				EMULATE_READ, &linear);
	if (ret)
		return ret;
	ret = emulate_mem_read(ctxt, linear, &value, 1);
	if (ret)
		return ret;
	emulate_gpr_write(ctxt, LODGE_RAX, 1, value);
	return emulate_complete(ctxt);
}

enum emulate_result emulate_exec_smsw(struct emulate_ctxt *ctxt)
{
	enum emulate_result ret;

	if (ctxt->cpl > 0 && (ctxt->state->cr4 & X86_CR4_UMIP))
		return emulate_raise(ctxt, LODGE_VECTOR_GP, 0);
	ret = emulate_operand_write(ctxt, &ctxt->insn.operand[0], ctxt->state->cr0);
	if (ret)
		return ret;
	return emulate_complete(ctxt);
}

/* CBW, CWDE, CDQE within rAX; CWD, CDQ, CQO from rAX into rDX. */
enum emulate_result emulate_exec_widen(struct emulate_ctxt *ctxt)
{
	unsigned int size = ctxt->insn.op_size;
	u64 value;

	if (ctxt->insn.op == LODGE_OP_CBW) {
		value = emulate_gpr_read(ctxt, LODGE_RAX, size / 2);
		emulate_gpr_write(ctxt, LODGE_RAX, size, emulate_sign_extend(value, size / 2));
	} else {
		value = emulate_gpr_read(ctxt, LODGE_RAX, size);
		emulate_gpr_write(ctxt, LODGE_RDX, size,
				  value & emulate_sign_bit(size) ? ~0ull : 0);
	}
	return emulate_complete(ctxt);
}

/* LAHF and SAHF move these, and bit 1, which always reads as one. */
#define AH_FLAGS (X86_EFLAGS_SF | X86_EFLAGS_ZF | X86_EFLAGS_AF | X86_EFLAGS_PF | X86_EFLAGS_CF)

enum emulate_result emulate_exec_flag(struct emulate_ctxt *ctxt)
{
	static const struct lodge_operand ah = {
		.kind = LODGE_OPERAND_GPR_HIGH, .size = 1, .reg = LODGE_RAX,
	};
	u64 *rflags = &ctxt->state->rflags;
	u64 value;

	switch (ctxt->insn.op) {
	case LODGE_OP_LAHF:
		emulate_operand_write(ctxt, &ah, (*rflags & AH_FLAGS) | X86_EFLAGS_FIXED);
		break;
	case LODGE_OP_SAHF:
		emulate_operand_read(ctxt, &ah, &value);
		*rflags = (*rflags & ~AH_FLAGS) | (value & AH_FLAGS);
		break;
	case LODGE_OP_CLC:
		*rflags &= ~X86_EFLAGS_CF;
		break;
	case LODGE_OP_STC:
		*rflags |= X86_EFLAGS_CF;
		break;
	case LODGE_OP_CMC:
		*rflags ^= X86_EFLAGS_CF;
		break;
	case LODGE_OP_CLD:
		*rflags &= ~X86_EFLAGS_DF;
		break;
	default:
		*rflags |= X86_EFLAGS_DF;
		break;
	}
	return emulate_complete(ctxt);
}

/*
 * CLI and STI (AMD APM volume 3, "Clear Interrupt Flag"):
 *
 *   CPL <= IOPL               IF changes
 *   V86 with VME, or PVI      the virtual interrupt flag: left out
 *   else                      #GP(0)
 */
enum emulate_result emulate_exec_interrupt_flag(struct emulate_ctxt *ctxt)
{
	struct lodge_x86_state *state = ctxt->state;
	u64 virtual_if = emulate_is_v86(ctxt) ? X86_CR4_VME : X86_CR4_PVI;

	if (ctxt->cpl > emulate_iopl(ctxt)) {
		if (ctxt->cpl == 3 && (state->cr4 & virtual_if))
			return EMULATE_UNKNOWN;
		return emulate_raise(ctxt, LODGE_VECTOR_GP, 0);
	}
	if (ctxt->insn.op == LODGE_OP_CLI) {
		state->rflags &= ~X86_EFLAGS_IF;
	} else {
		if (!(state->rflags & X86_EFLAGS_IF))
			ctxt->shadow = LODGE_SHADOW_STI;
		state->rflags |= X86_EFLAGS_IF;
	}
	return emulate_complete(ctxt);
}
