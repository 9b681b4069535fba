// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: handlers of stack instructions and of near control transfers. Far
 * ones, interrupts and IRET need descriptor tables and are not emulated.
 */
#include <asm/processor-flags.h>
#include <linux/kernel.h>

#include "exec.h"

/* How much of rSP counts. */
static unsigned int stack_size(const struct emulate_ctxt *ctxt)
{
	if (ctxt->mode == LODGE_MODE_64)
		return 8;
	return ctxt->state->segs[LODGE_SEG_SS].attr & LODGE_SEG_DB ? 4 : 2;
}

static enum emulate_result stack_push(struct emulate_ctxt *ctxt, u64 value, unsigned int size)
{
	unsigned int width = stack_size(ctxt);
	u64 sp = (ctxt->state->gprs[LODGE_RSP] - size) & emulate_size_mask(width);
	enum emulate_result ret;
	gva_t linear;

	ret = emulate_linearize(ctxt, LODGE_SEG_SS, sp, size, EMULATE_WRITE, &linear);
	if (ret)
		return ret;
	ret = emulate_mem_write(ctxt, linear, value, size);
	if (ret)
		return ret;
	emulate_gpr_write(ctxt, LODGE_RSP, width, sp);
	return EMULATE_DONE;
}

/* Read at offset @sp of the stack; moving rSP is the caller's next step. */
static enum emulate_result stack_read(struct emulate_ctxt *ctxt, u64 sp, u64 *value,
				      unsigned int size)
{
	enum emulate_result ret;
	gva_t linear;

	ret = emulate_linearize(ctxt, LODGE_SEG_SS, sp & emulate_size_mask(stack_size(ctxt)),
				size, EMULATE_READ, &linear);
	if (ret)
		return ret;
	return emulate_mem_read(ctxt, linear, value, size);
}

static void stack_move(struct emulate_ctxt *ctxt, unsigned int bytes)
{
	emulate_gpr_write(ctxt, LODGE_RSP, stack_size(ctxt), ctxt->state->gprs[LODGE_RSP] + bytes);
}

/* PUSH of anything; segment registers are zero extended to the operand size. */
enum emulate_result emulate_exec_push(struct emulate_ctxt *ctxt)
{
	enum emulate_result ret;
	u64 value;

	ret = emulate_operand_read(ctxt, &ctxt->insn.operand[0], &value);
	if (ret)
		return ret;
	ret = stack_push(ctxt, value, ctxt->insn.op_size);
	if (ret)
		return ret;
	return emulate_complete(ctxt);
}

/*
 * POP: a memory destination's address is computed with rSP already incremented
 * (AMD APM volume 3, "Pop Stack"), so rSP moves first and back on failure. A
 * popped rSP overwrites the increment.
 */
enum emulate_result emulate_exec_pop(struct emulate_ctxt *ctxt)
{
	u64 rsp = ctxt->state->gprs[LODGE_RSP];
	unsigned int size = ctxt->insn.op_size;
	enum emulate_result ret;
	u64 value;

	ret = stack_read(ctxt, rsp, &value, size);
	if (ret)
		return ret;
	stack_move(ctxt, size);
	ret = emulate_operand_write(ctxt, &ctxt->insn.operand[0], value);
	if (ret) {
		ctxt->state->gprs[LODGE_RSP] = rsp;
		return ret;
	}
	return emulate_complete(ctxt);
}

enum emulate_result emulate_exec_pop_seg(struct emulate_ctxt *ctxt)
{
	enum emulate_result ret;
	u64 selector;

	if (emulate_is_protected(ctxt))
		return EMULATE_UNKNOWN;
	ret = stack_read(ctxt, ctxt->state->gprs[LODGE_RSP], &selector, ctxt->insn.op_size);
	if (ret)
		return ret;
	stack_move(ctxt, ctxt->insn.op_size);
	emulate_load_segment(ctxt, ctxt->insn.operand[0].reg, selector);
	return emulate_complete(ctxt);
}

enum emulate_result emulate_exec_leave(struct emulate_ctxt *ctxt)
{
	struct lodge_x86_state *state = ctxt->state;
	unsigned int size = ctxt->insn.op_size;
	enum emulate_result ret;
	u64 value;

	ret = stack_read(ctxt, state->gprs[LODGE_RBP], &value, size);
	if (ret)
		return ret;
	emulate_gpr_write(ctxt, LODGE_RSP, stack_size(ctxt), state->gprs[LODGE_RBP] + size);
	emulate_gpr_write(ctxt, LODGE_RBP, size, value);
	return emulate_complete(ctxt);
}

/* Cut a branch target to the operand size and check it before anything changes. */
static enum emulate_result check_target(struct emulate_ctxt *ctxt, u64 *target)
{
	const struct lodge_x86_state *state = ctxt->state;
	bool is_ok;

	*target &= emulate_size_mask(ctxt->insn.op_size);
	if (ctxt->mode == LODGE_MODE_64)
		is_ok = lodge_is_canonical(*target, state->cr4 & X86_CR4_LA57 ? 57 : 48);
	else
		is_ok = *target <= state->segs[LODGE_SEG_CS].limit;
	return is_ok ? EMULATE_DONE : emulate_raise(ctxt, LODGE_VECTOR_GP, 0);
}

static enum emulate_result complete_at(struct emulate_ctxt *ctxt, u64 target)
{
	ctxt->state->rip = target;
	ctxt->state->rflags &= ~X86_EFLAGS_RF;
	return EMULATE_DONE;
}

/* An immediate is relative to the next instruction, anything else is the target. */
static enum emulate_result read_target(struct emulate_ctxt *ctxt, u64 *target)
{
	const struct lodge_insn *insn = &ctxt->insn;
	enum emulate_result ret;

	if (insn->operand[0].kind == LODGE_OPERAND_IMM) {
		*target = ctxt->state->rip + insn->length + insn->imm;
	} else {
		ret = emulate_operand_read(ctxt, &insn->operand[0], target);
		if (ret)
			return ret;
	}
	return check_target(ctxt, target);
}

enum emulate_result emulate_exec_jmp(struct emulate_ctxt *ctxt)
{
	enum emulate_result ret;
	u64 target;

	ret = read_target(ctxt, &target);
	if (ret)
		return ret;
	return complete_at(ctxt, target);
}

enum emulate_result emulate_exec_call(struct emulate_ctxt *ctxt)
{
	enum emulate_result ret;
	u64 target;

	ret = read_target(ctxt, &target);
	if (ret)
		return ret;
	ret = stack_push(ctxt, ctxt->state->rip + ctxt->insn.length, ctxt->insn.op_size);
	if (ret)
		return ret;
	return complete_at(ctxt, target);
}

enum emulate_result emulate_exec_ret(struct emulate_ctxt *ctxt)
{
	unsigned int size = ctxt->insn.op_size;
	enum emulate_result ret;
	u64 target;

	ret = stack_read(ctxt, ctxt->state->gprs[LODGE_RSP], &target, size);
	if (ret)
		return ret;
	ret = check_target(ctxt, &target);
	if (ret)
		return ret;
	stack_move(ctxt, size + (u16)ctxt->insn.imm);
	return complete_at(ctxt, target);
}

enum emulate_result emulate_exec_jcc(struct emulate_ctxt *ctxt)
{
	if (!emulate_condition(ctxt->state->rflags, ctxt->insn.opcode))
		return emulate_complete(ctxt);
	return emulate_exec_jmp(ctxt);
}

/* LOOPNE, LOOPE, LOOP and JCXZ; the counter is as wide as an address. */
enum emulate_result emulate_exec_loop(struct emulate_ctxt *ctxt)
{
	const struct lodge_insn *insn = &ctxt->insn;
	u64 count = emulate_gpr_read(ctxt, LODGE_RCX, insn->addr_size);
	bool zero = ctxt->state->rflags & X86_EFLAGS_ZF;
	enum emulate_result ret;
	bool taken;

	if (insn->op == LODGE_OP_JCXZ)
		return count ? emulate_complete(ctxt) : emulate_exec_jmp(ctxt);

	count = (count - 1) & emulate_size_mask(insn->addr_size);
	taken = count != 0;
	if (insn->opcode == 0xe0)
		taken = taken && !zero;
	else if (insn->opcode == 0xe1)
		taken = taken && zero;
	ret = taken ? emulate_exec_jmp(ctxt) : emulate_complete(ctxt);
	if (!ret)
		emulate_gpr_write(ctxt, LODGE_RCX, insn->addr_size, count);
	return ret;
}
