// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the executor's core: which handler carries out which operation, and
 * the helpers through which all handlers reach registers, operands and guest
 * memory. Segmentation is checked here and nowhere else. Guest paging, devices
 * and ports are the owner's, behind struct emulate_ops.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/string.h>

#include "exec.h"

/*
 * Operations without a handler are EMULATE_UNKNOWN: they need descriptor tables
 * or other state that a callback would have to supply, and never touch a device.
 */
static enum emulate_result (*const handlers[LODGE_OP_FIRST_EXTERN])(struct emulate_ctxt *) = {
	[LODGE_OP_ADD ... LODGE_OP_XOR]		= emulate_exec_modify,
	[LODGE_OP_CMP ... LODGE_OP_TEST]	= emulate_exec_compare,
	[LODGE_OP_INC ... LODGE_OP_SHRD]	= emulate_exec_modify,
	[LODGE_OP_BT ... LODGE_OP_BTC]		= emulate_exec_bit,
	[LODGE_OP_BSF ... LODGE_OP_BSR]		= emulate_exec_bit_scan,
	[LODGE_OP_BSWAP]			= emulate_exec_bswap,
	[LODGE_OP_IMUL]				= emulate_exec_imul,
	[LODGE_OP_MUL1 ... LODGE_OP_IMUL1]	= emulate_exec_multiply,
	[LODGE_OP_DIV ... LODGE_OP_IDIV]	= emulate_exec_divide,
	[LODGE_OP_XCHG]				= emulate_exec_xchg,
	[LODGE_OP_XADD]				= emulate_exec_xadd,
	[LODGE_OP_CMPXCHG]			= emulate_exec_cmpxchg,
	[LODGE_OP_CMPXCHG8B]			= emulate_exec_cmpxchg8b,
	[LODGE_OP_MOV ... LODGE_OP_MOVZX]	= emulate_exec_mov,
	[LODGE_OP_MOVSX]			= emulate_exec_movsx,
	[LODGE_OP_MOVBE]			= emulate_exec_movbe,
	[LODGE_OP_MOV_FROM_SEG]			= emulate_exec_mov,
	[LODGE_OP_MOV_TO_SEG]			= emulate_exec_mov_to_seg,
	[LODGE_OP_LEA]				= emulate_exec_lea,
	[LODGE_OP_CMOV]				= emulate_exec_cmov,
	[LODGE_OP_SETCC]			= emulate_exec_setcc,
	[LODGE_OP_XLAT]				= emulate_exec_xlat,
	[LODGE_OP_SMSW]				= emulate_exec_smsw,
	[LODGE_OP_PUSH]				= emulate_exec_push,
	[LODGE_OP_POP]				= emulate_exec_pop,
	[LODGE_OP_PUSH_SEG]			= emulate_exec_push,
	[LODGE_OP_POP_SEG]			= emulate_exec_pop_seg,
	[LODGE_OP_LEAVE]			= emulate_exec_leave,
	[LODGE_OP_CALL]				= emulate_exec_call,
	[LODGE_OP_JMP]				= emulate_exec_jmp,
	[LODGE_OP_RET]				= emulate_exec_ret,
	[LODGE_OP_JCC]				= emulate_exec_jcc,
	[LODGE_OP_LOOP ... LODGE_OP_JCXZ]	= emulate_exec_loop,
	[LODGE_OP_NOP]				= emulate_complete,
	[LODGE_OP_CBW ... LODGE_OP_CWD]		= emulate_exec_widen,
	[LODGE_OP_LAHF ... LODGE_OP_STD]	= emulate_exec_flag,
	[LODGE_OP_CLI ... LODGE_OP_STI]		= emulate_exec_interrupt_flag,
	[LODGE_OP_MOVS ... LODGE_OP_SCAS]	= emulate_exec_string,
	[LODGE_OP_INS]				= emulate_exec_ins,
	[LODGE_OP_OUTS]				= emulate_exec_outs,
	[LODGE_OP_IN]				= emulate_exec_in,
	[LODGE_OP_OUT]				= emulate_exec_out,
	[LODGE_OP_SSE_MOV ... LODGE_OP_SSE_MOV_HIGH] = emulate_exec_sse,
};

/**
 * emulate_exec() - carry out the instruction in ctxt->insn
 * @ctxt: filled as struct emulate_ctxt says
 *
 * Context: that of the owner's callbacks; takes no locks, allocates nothing. A
 * REP instruction does a bounded number of iterations per call.
 *
 * Return: see enum emulate_result.
 */
enum emulate_result emulate_exec(struct emulate_ctxt *ctxt)
{
	u8 op = ctxt->insn.op;

	ctxt->fault = (struct lodge_event) { .class = LODGE_EVENT_NONE };
	ctxt->shadow = 0;
	ctxt->segs_written = false;
	ctxt->iterations = 0;
	ctxt->rmw = false;

	if (op == LODGE_OP_UNDEFINED)
		return emulate_raise(ctxt, LODGE_VECTOR_UD, 0);
	if (op >= LODGE_OP_FIRST_EXTERN || !handlers[op])
		return EMULATE_UNKNOWN;
	return handlers[op](ctxt);
}

/**
 * emulate_raise() - let the instruction end with an exception
 * @ctxt: the emulation
 * @vector: the exception; of those with an error code, not #PF
 * @error_code: ignored where the vector has none, and in real mode
 *
 * For the owner's callbacks too, which fill ctxt->fault themselves for #PF.
 *
 * Return: always EMULATE_FAULT.
 */
enum emulate_result emulate_raise(struct emulate_ctxt *ctxt, u8 vector, u32 error_code)
{
	bool has_error = (ctxt->state->cr0 & X86_CR0_PE) && lodge_exception_has_error(vector);

	ctxt->fault = (struct lodge_event) {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = has_error,
		.error_code = has_error ? error_code : 0,
	};
	return EMULATE_FAULT;
}

/**
 * emulate_cpu_mode() - which decoding rules the current code segment sets
 * @state: blocks SEGS and CRS valid
 *
 * CS.D counts in real mode too: it stays set until the far jump that usually
 * follows the clearing of CR0.PE. In virtual-8086 mode it is never set.
 *
 * Return: the mode.
 */
enum lodge_cpu_mode emulate_cpu_mode(const struct lodge_x86_state *state)
{
	u32 attr = state->segs[LODGE_SEG_CS].attr;

	if ((state->efer & EFER_LMA) && (attr & LODGE_SEG_L))
		return LODGE_MODE_64;
	return attr & LODGE_SEG_DB ? LODGE_MODE_32 : LODGE_MODE_16;
}

/**
 * emulate_source_value() - the value of the instruction's last operand
 * @ctxt: the emulation; the instruction need not be one that emulate_exec() knows
 * @value: result, zero extended
 *
 * For exits that carry no operand, such as LMSW or MOV to CR.
 *
 * Return: EMULATE_DONE; a callback's answer; EMULATE_FAULT; EMULATE_UNKNOWN if
 * the operand is not one that has a value here.
 */
enum emulate_result emulate_source_value(struct emulate_ctxt *ctxt, u64 *value)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	unsigned int last = 0;

	while (last + 1 < ARRAY_SIZE(ctxt->insn.operand) &&
	       operand[last + 1].kind != LODGE_OPERAND_NONE)
		last++;
	ctxt->rmw = false;
	return emulate_operand_read(ctxt, &operand[last], value);
}

/**
 * emulate_linear_address() - the linear address of the memory operand
 * @ctxt: the emulation
 * @linear: result; neither limits nor rights nor canonical form are checked
 *
 * For INVLPG, which never faults on its address.
 *
 * Return: EMULATE_DONE.
 */
enum emulate_result emulate_linear_address(struct emulate_ctxt *ctxt, gva_t *linear)
{
	return emulate_operand_linear(ctxt, 1, EMULATE_ADDRESS, linear);
}

/**
 * emulate_is_protected() - whether segments have rights and are loaded from descriptors
 * @ctxt: the emulation
 *
 * Return: true in protected and long mode, false in real and virtual-8086 mode.
 */
bool emulate_is_protected(const struct emulate_ctxt *ctxt)
{
	return (ctxt->state->cr0 & X86_CR0_PE) && !emulate_is_v86(ctxt);
}

/**
 * emulate_is_v86() - whether the guest is in virtual-8086 mode
 * @ctxt: the emulation
 *
 * Return: the answer; never in long mode, which ignores RFLAGS.VM.
 */
bool emulate_is_v86(const struct emulate_ctxt *ctxt)
{
	return (ctxt->state->rflags & X86_EFLAGS_VM) && (ctxt->state->cr0 & X86_CR0_PE) &&
	       !(ctxt->state->efer & EFER_LMA);
}

/**
 * emulate_iopl() - the privilege level that ports and the interrupt flag need
 * @ctxt: the emulation
 *
 * Return: 0 to 3.
 */
unsigned int emulate_iopl(const struct emulate_ctxt *ctxt)
{
	return (ctxt->state->rflags & X86_EFLAGS_IOPL) >> X86_EFLAGS_IOPL_BIT;
}

/**
 * emulate_gpr_read() - the low part of a general register
 * @ctxt: the emulation
 * @reg: enum lodge_gpr
 * @size: in bytes
 *
 * Return: its value, zero extended.
 */
u64 emulate_gpr_read(const struct emulate_ctxt *ctxt, u8 reg, unsigned int size)
{
	return ctxt->state->gprs[reg] & emulate_size_mask(size);
}

/**
 * emulate_gpr_write() - write a general register as an instruction does
 * @ctxt: the emulation
 * @reg: enum lodge_gpr
 * @size: in bytes; 4 clear the upper half, 1 and 2 leave the rest alone
 * @value: only its low @size bytes count
 */
void emulate_gpr_write(struct emulate_ctxt *ctxt, u8 reg, unsigned int size, u64 value)
{
	u64 mask = emulate_size_mask(size);
	u64 *gpr = &ctxt->state->gprs[reg];

	if (size < 4)
		*gpr = (*gpr & ~mask) | (value & mask);
	else
		*gpr = value & mask;
}

/**
 * emulate_effective_address() - offset of the memory operand within its segment
 * @ctxt: the emulation
 *
 * Return: the offset, cut to the address size.
 */
u64 emulate_effective_address(const struct emulate_ctxt *ctxt)
{
	const struct lodge_insn *insn = &ctxt->insn;
	const struct lodge_x86_state *state = ctxt->state;
	u64 offset = insn->disp;

	if (insn->base != LODGE_NO_REG)
		offset += state->gprs[insn->base];
	if (insn->index != LODGE_NO_REG)
		offset += state->gprs[insn->index] << insn->scale;
	if (insn->flags & LODGE_INSN_RIP_RELATIVE)
		offset += state->rip + insn->length;
	return offset & emulate_size_mask(insn->addr_size);
}

/* AMD APM volume 2, "Segment Registers": the rights that need no descriptor. */
static bool has_segment_right(const struct lodge_segment *segment, enum emulate_access access)
{
	u32 attr = segment->attr;
	bool is_code = attr & BIT(3);
	bool bit1 = attr & BIT(1);	/* writable data or readable code */

	if (attr & LODGE_SEG_UNUSABLE)
		return false;
	if (access == EMULATE_WRITE)
		return !is_code && bit1;
	return !is_code || bit1;
}

static bool is_within_limit(const struct lodge_segment *segment, bool is_protected,
			    u64 offset, unsigned int len)
{
	u64 last = offset + len - 1;
	bool expand_down = is_protected && (segment->attr & (BIT(3) | BIT(2))) == BIT(2);

	if (expand_down)
		return offset > segment->limit &&
		       last <= (segment->attr & LODGE_SEG_DB ? 0xffffffffu : 0xffff);
	return last <= segment->limit;
}

/**
 * emulate_linearize() - segmentation: offset to linear address
 * @ctxt: the emulation
 * @seg: enum lodge_seg
 * @offset: already cut to the address size
 * @len: bytes that will be accessed
 * @access: the rights needed
 * @linear: result
 *
 * Rules: AMD APM volume 2, "Segmented Virtual Memory". Real mode uses the cached
 * limits as they are, without rights, as the hardware does.
 *
 * Return: EMULATE_DONE; EMULATE_FAULT: #SS(0) for the stack segment, else #GP(0);
 * EMULATE_UNKNOWN for an access that wraps around at 4 GiB.
 */
enum emulate_result emulate_linearize(struct emulate_ctxt *ctxt, u8 seg, u64 offset,
				      unsigned int len, enum emulate_access access,
				      gva_t *linear)
{
	const struct lodge_segment *segment = &ctxt->state->segs[seg];
	bool is_protected = emulate_is_protected(ctxt);
	bool is_ok = true;

	if (ctxt->mode == LODGE_MODE_64) {
		unsigned int bits = ctxt->state->cr4 & X86_CR4_LA57 ? 57 : 48;
		u64 address = offset;

		if (seg >= LODGE_SEG_FS)
			address += segment->base;
		if (access != EMULATE_ADDRESS)
			is_ok = lodge_is_canonical(address, bits) &&
				lodge_is_canonical(address + len - 1, bits);
		*linear = address;
	} else {
		*linear = (u32)(segment->base + offset);
		if (access != EMULATE_ADDRESS) {
			is_ok = is_within_limit(segment, is_protected, offset, len) &&
				(!is_protected || has_segment_right(segment, access));
			if (is_ok && *linear + len - 1 > U32_MAX)
				return EMULATE_UNKNOWN;
		}
	}
	if (is_ok)
		return EMULATE_DONE;
	return emulate_raise(ctxt, seg == LODGE_SEG_SS ? LODGE_VECTOR_SS : LODGE_VECTOR_GP, 0);
}

/**
 * emulate_mem_read() - read a number from guest memory
 * @ctxt: the emulation
 * @linear: from emulate_linearize()
 * @value: result, zero extended: guest and host are both little-endian
 * @size: 1, 2, 4 or 8
 *
 * Return: the owner's answer.
 */
enum emulate_result emulate_mem_read(struct emulate_ctxt *ctxt, gva_t linear, u64 *value,
				     unsigned int size)
{
	enum emulate_result ret;
	u64 data = 0;

	ret = ctxt->ops->read(ctxt, linear, &data, size);
	*value = data;
	return ret;
}

/**
 * emulate_mem_write() - write a number to guest memory
 * @ctxt: the emulation
 * @linear: from emulate_linearize()
 * @value: only its low @size bytes count
 * @size: 1, 2, 4 or 8
 *
 * Return: the owner's answer.
 */
enum emulate_result emulate_mem_write(struct emulate_ctxt *ctxt, gva_t linear, u64 value,
				      unsigned int size)
{
	return ctxt->ops->write(ctxt, linear, &value, size);
}

/**
 * emulate_operand_linear() - linear address of the memory operand
 * @ctxt: the emulation
 * @size: of the access
 * @access: what it is for
 * @linear: result
 *
 * Return: as emulate_linearize().
 */
enum emulate_result emulate_operand_linear(struct emulate_ctxt *ctxt, unsigned int size,
					   enum emulate_access access, gva_t *linear)
{
	return emulate_linearize(ctxt, ctxt->insn.segment, emulate_effective_address(ctxt),
				 size, access, linear);
}

/**
 * emulate_operand_read() - the value of an operand that is a number
 * @ctxt: the emulation
 * @operand: any but XMM, control and debug registers
 * @value: result, zero extended
 *
 * Only operands in memory can fail: handlers need not check others.
 *
 * Return: EMULATE_DONE; what the memory access ended with; EMULATE_UNKNOWN for
 * operands that are no numbers of up to 8 bytes.
 */
enum emulate_result emulate_operand_read(struct emulate_ctxt *ctxt,
					 const struct lodge_operand *operand, u64 *value)
{
	enum emulate_result ret;
	gva_t linear;

	switch (operand->kind) {
	case LODGE_OPERAND_GPR:
		*value = emulate_gpr_read(ctxt, operand->reg, operand->size);
		return EMULATE_DONE;
	case LODGE_OPERAND_GPR_HIGH:
		*value = emulate_gpr_read(ctxt, operand->reg, 2) >> 8;
		return EMULATE_DONE;
	case LODGE_OPERAND_IMM:
		*value = ctxt->insn.imm & emulate_size_mask(operand->size);
		return EMULATE_DONE;
	case LODGE_OPERAND_ONE:
		*value = 1;
		return EMULATE_DONE;
	case LODGE_OPERAND_SEG:
		*value = ctxt->state->segs[operand->reg].selector;
		return EMULATE_DONE;
	case LODGE_OPERAND_MEM:
		/* Far pointers, descriptor table registers and the like are no numbers. */
		if (!is_power_of_2(operand->size) || operand->size > sizeof(*value))
			return EMULATE_UNKNOWN;
		ret = emulate_operand_linear(ctxt, operand->size, EMULATE_READ, &linear);
		if (ret)
			return ret;
		return emulate_mem_read(ctxt, linear, value, operand->size);
	default:
		return EMULATE_UNKNOWN;
	}
}

/**
 * emulate_operand_write() - write a general register or memory
 * @ctxt: the emulation
 * @operand: where to
 * @value: only the low bytes that the operand has count
 *
 * Only operands in memory can fail: handlers need not check others.
 *
 * Return: EMULATE_DONE; what the memory access ended with; EMULATE_UNKNOWN for
 * other operands.
 */
enum emulate_result emulate_operand_write(struct emulate_ctxt *ctxt,
					  const struct lodge_operand *operand, u64 value)
{
	enum emulate_result ret;
	gva_t linear;

	switch (operand->kind) {
	case LODGE_OPERAND_GPR:
		emulate_gpr_write(ctxt, operand->reg, operand->size, value);
		return EMULATE_DONE;
	case LODGE_OPERAND_GPR_HIGH:
		emulate_gpr_write(ctxt, operand->reg, 2,
				  emulate_gpr_read(ctxt, operand->reg, 1) | (value & 0xff) << 8);
		return EMULATE_DONE;
	case LODGE_OPERAND_MEM:
		ret = emulate_operand_linear(ctxt, operand->size, EMULATE_WRITE, &linear);
		if (ret)
			return ret;
		return emulate_mem_write(ctxt, linear, value, operand->size);
	default:
		return EMULATE_UNKNOWN;
	}
}

/**
 * emulate_complete() - the instruction is done: step over it
 * @ctxt: the emulation
 *
 * Outside 64-bit mode the instruction pointer has 32 bits even in 16-bit code;
 * running past 0xffff is for the code segment's limit to catch, at the next fetch.
 * RF suppresses breakpoints for one instruction only (AMD APM volume 2, "Debug and
 * Performance Resources").
 *
 * Return: EMULATE_DONE.
 */
enum emulate_result emulate_complete(struct emulate_ctxt *ctxt)
{
	struct lodge_x86_state *state = ctxt->state;

	state->rip += ctxt->insn.length;
	if (ctxt->mode != LODGE_MODE_64)
		state->rip &= U32_MAX;
	state->rflags &= ~X86_EFLAGS_RF;
	return EMULATE_DONE;
}

/**
 * emulate_condition() - one of the sixteen conditions of Jcc, SETcc and CMOVcc
 * @rflags: the flags
 * @condition: low four bits of the opcode, more are ignored; odd ones are negated
 *
 * Return: whether it is met.
 */
bool emulate_condition(u64 rflags, u8 condition)
{
	bool sign_differs = !!(rflags & X86_EFLAGS_SF) != !!(rflags & X86_EFLAGS_OF);
	bool is_met;

	switch ((condition >> 1) & 7) {
	case 0:
		is_met = rflags & X86_EFLAGS_OF;
		break;
	case 1:
		is_met = rflags & X86_EFLAGS_CF;
		break;
	case 2:
		is_met = rflags & X86_EFLAGS_ZF;
		break;
	case 3:
		is_met = rflags & (X86_EFLAGS_CF | X86_EFLAGS_ZF);
		break;
	case 4:
		is_met = rflags & X86_EFLAGS_SF;
		break;
	case 5:
		is_met = rflags & X86_EFLAGS_PF;
		break;
	case 6:
		is_met = sign_differs;
		break;
	default:
		is_met = sign_differs || (rflags & X86_EFLAGS_ZF);
		break;
	}
	return is_met != (condition & 1);
}
