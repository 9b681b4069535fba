// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: handlers of the SSE moves, which guests use on frame buffers and
 * other device memory. The registers are the owner's: no FPU is touched here.
 * SSE arithmetic, MMX and AVX are not emulated.
 */
#include <asm/processor-flags.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "exec.h"

#define XMM_BYTES	16

/* Whether SSE may be used at all (AMD APM volume 4, "Exceptions"). */
static enum emulate_result check_sse(struct emulate_ctxt *ctxt)
{
	const struct lodge_x86_state *state = ctxt->state;

	if ((state->cr0 & X86_CR0_EM) || !(state->cr4 & X86_CR4_OSFXSR))
		return emulate_raise(ctxt, LODGE_VECTOR_UD, 0);
	if (state->cr0 & X86_CR0_TS)
		return emulate_raise(ctxt, LODGE_VECTOR_NM, 0);
	return EMULATE_DONE;
}

static enum emulate_result memory_linear(struct emulate_ctxt *ctxt,
					 const struct lodge_operand *operand,
					 enum emulate_access access, gva_t *linear)
{
	enum emulate_result ret;

	ret = emulate_operand_linear(ctxt, operand->size, access, linear);
	if (ret)
		return ret;
	if (ctxt->insn.op == LODGE_OP_SSE_MOV_ALIGNED && (*linear & (XMM_BYTES - 1)))
		return emulate_raise(ctxt, LODGE_VECTOR_GP, 0);
	return EMULATE_DONE;
}

static enum emulate_result source_read(struct emulate_ctxt *ctxt, u8 data[XMM_BYTES])
{
	const struct lodge_operand *source = &ctxt->insn.operand[1];
	enum emulate_result ret;
	gva_t linear;
	u64 value;

	memset(data, 0, XMM_BYTES);
	switch (source->kind) {
	case LODGE_OPERAND_XMM:
		ctxt->ops->get_xmm(ctxt, source->reg, data);
		return EMULATE_DONE;
	case LODGE_OPERAND_MEM:
		ret = memory_linear(ctxt, source, EMULATE_READ, &linear);
		if (ret)
			return ret;
		return ctxt->ops->read(ctxt, linear, data, source->size);
	default:
		ret = emulate_operand_read(ctxt, source, &value);
		if (!ret)
			memcpy(data, &value, sizeof(value));
		return ret;
	}
}

/*
 * What a destination register becomes:
 *
 *                 source in memory          source in a register
 *   MOV, ALIGNED  all of it                 all of it
 *   SCALAR        low part, rest zero       low part, rest kept
 *   ZERO          low part, rest zero       low part, rest zero
 *   LOW           low half, rest kept       low half = high half of the source
 *   HIGH          high half, rest kept      high half = low half of the source
 */
static void merge(struct emulate_ctxt *ctxt, const u8 data[XMM_BYTES])
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	bool from_register = operand[1].kind == LODGE_OPERAND_XMM;
	u8 result[XMM_BYTES] = { 0 };

	switch (ctxt->insn.op) {
	case LODGE_OP_SSE_MOV_SCALAR:
		if (from_register)
			ctxt->ops->get_xmm(ctxt, operand[0].reg, result);
		memcpy(result, data, operand[1].size);
		break;
	case LODGE_OP_SSE_MOV_LOW:
		ctxt->ops->get_xmm(ctxt, operand[0].reg, result);
		memcpy(result, from_register ? data + 8 : data, 8);
		break;
	case LODGE_OP_SSE_MOV_HIGH:
		ctxt->ops->get_xmm(ctxt, operand[0].reg, result);
		memcpy(result + 8, data, 8);
		break;
	default:
		memcpy(result, data, operand[1].size);
		break;
	}
	ctxt->ops->put_xmm(ctxt, operand[0].reg, result);
}

/**
 * emulate_exec_sse() - handler of LODGE_OP_SSE_MOV to LODGE_OP_SSE_MOV_HIGH
 * @ctxt: the emulation
 *
 * Return: see enum emulate_result; #UD, #NM and #GP as for any SSE instruction.
 */
enum emulate_result emulate_exec_sse(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *target = &ctxt->insn.operand[0];
	u8 data[XMM_BYTES] __aligned(8);
	enum emulate_result ret;
	const u8 *from = data;
	gva_t linear;
	u64 value;

	ret = check_sse(ctxt);
	if (ret)
		return ret;
	ret = source_read(ctxt, data);
	if (ret)
		return ret;

	switch (target->kind) {
	case LODGE_OPERAND_XMM:
		merge(ctxt, data);
		break;
	case LODGE_OPERAND_MEM:
		ret = memory_linear(ctxt, target, EMULATE_WRITE, &linear);
		if (ret)
			return ret;
		if (ctxt->insn.op == LODGE_OP_SSE_MOV_HIGH)
			from = data + 8;
		ret = ctxt->ops->write(ctxt, linear, from, target->size);
		if (ret)
			return ret;
		break;
	default:
		memcpy(&value, data, sizeof(value));
		emulate_operand_write(ctxt, target, value);
		break;
	}
	return emulate_complete(ctxt);
}
