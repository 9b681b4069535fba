// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: handlers of string instructions and of port I/O. Memory strings go
 * element by element; strings to and from ports go in batches of up to a page,
 * whose size depends on registers only, so that an instruction which user space
 * had to complete asks for the same batch again.
 */
#include <asm/processor-flags.h>
#include <linux/kernel.h>
#include <linux/minmax.h>

#include "exec.h"

#define GUEST_PAGE_SIZE	4096u

static bool has_rep(const struct emulate_ctxt *ctxt)
{
	return ctxt->insn.prefixes & (LODGE_PREFIX_REP | LODGE_PREFIX_REPNE);
}

static u64 repeat_count(const struct emulate_ctxt *ctxt)
{
	return emulate_gpr_read(ctxt, LODGE_RCX, ctxt->insn.addr_size);
}

/* Move rSI or rDI over @count elements, wrapping at the address size. */
static void advance(struct emulate_ctxt *ctxt, u8 reg, unsigned int count)
{
	const struct lodge_insn *insn = &ctxt->insn;
	u64 step = (u64)count * insn->operand[0].size;

	if (ctxt->state->rflags & X86_EFLAGS_DF)
		step = -step;
	emulate_gpr_write(ctxt, reg, insn->addr_size, ctxt->state->gprs[reg] + step);
}

static enum emulate_result source_read(struct emulate_ctxt *ctxt, u64 *value)
{
	const struct lodge_insn *insn = &ctxt->insn;
	unsigned int size = insn->operand[0].size;
	enum emulate_result ret;
	gva_t linear;

	ret = emulate_linearize(ctxt, insn->segment,
				emulate_gpr_read(ctxt, LODGE_RSI, insn->addr_size),
				size, EMULATE_READ, &linear);
	if (ret)
		return ret;
	return emulate_mem_read(ctxt, linear, value, size);
}

/* The destination is in ES; no prefix changes that. */
static enum emulate_result destination(struct emulate_ctxt *ctxt, enum emulate_access access,
				       gva_t *linear)
{
	const struct lodge_insn *insn = &ctxt->insn;

	return emulate_linearize(ctxt, LODGE_SEG_ES,
				 emulate_gpr_read(ctxt, LODGE_RDI, insn->addr_size),
				 insn->operand[0].size, access, linear);
}

static enum emulate_result destination_read(struct emulate_ctxt *ctxt, u64 *value)
{
	enum emulate_result ret;
	gva_t linear;

	ret = destination(ctxt, EMULATE_READ, &linear);
	if (ret)
		return ret;
	return emulate_mem_read(ctxt, linear, value, ctxt->insn.operand[0].size);
}

static enum emulate_result destination_write(struct emulate_ctxt *ctxt, u64 value)
{
	enum emulate_result ret;
	gva_t linear;

	ret = destination(ctxt, EMULATE_WRITE, &linear);
	if (ret)
		return ret;
	return emulate_mem_write(ctxt, linear, value, ctxt->insn.operand[0].size);
}

static void compare(struct emulate_ctxt *ctxt, u64 first, u64 second)
{
	struct emulate_alu alu = {
		.dst = first,
		.src = second,
		.rflags = ctxt->state->rflags,
		.size = ctxt->insn.operand[0].size,
	};

	emulate_alu(LODGE_OP_CMP, &alu);
	ctxt->state->rflags = alu.rflags;
}

/*
 * One element: memory first, then the registers named in this table.
 *
 *          source     destination    pointers moved
 *   MOVS   DS:rSI     ES:rDI         both
 *   CMPS   DS:rSI     ES:rDI         both
 *   STOS   rAX        ES:rDI         rDI
 *   SCAS   rAX        ES:rDI         rDI
 *   LODS   DS:rSI     rAX            rSI
 */
static enum emulate_result string_element(struct emulate_ctxt *ctxt)
{
	unsigned int size = ctxt->insn.operand[0].size;
	u64 accumulator = emulate_gpr_read(ctxt, LODGE_RAX, size);
	u8 op = ctxt->insn.op;
	bool moves_rsi = op == LODGE_OP_MOVS || op == LODGE_OP_CMPS || op == LODGE_OP_LODS;
	u64 value = accumulator;
	u64 other = 0;
	enum emulate_result ret = EMULATE_DONE;

	if (moves_rsi)
		ret = source_read(ctxt, &value);
	if (ret)
		return ret;
	if (op == LODGE_OP_MOVS || op == LODGE_OP_STOS)
		ret = destination_write(ctxt, value);
	else if (op == LODGE_OP_CMPS || op == LODGE_OP_SCAS)
		ret = destination_read(ctxt, &other);
	if (ret)
		return ret;

	if (op == LODGE_OP_CMPS || op == LODGE_OP_SCAS)
		compare(ctxt, value, other);
	if (op == LODGE_OP_LODS)
		emulate_gpr_write(ctxt, LODGE_RAX, size, value);
	if (moves_rsi)
		advance(ctxt, LODGE_RSI, 1);
	if (op != LODGE_OP_LODS)
		advance(ctxt, LODGE_RDI, 1);
	return EMULATE_DONE;
}

/* Only CMPS and SCAS look at ZF; with the others REPNE is the same as REP. */
static bool ends_by_zf(const struct emulate_ctxt *ctxt)
{
	bool zero = ctxt->state->rflags & X86_EFLAGS_ZF;

	if (ctxt->insn.op != LODGE_OP_CMPS && ctxt->insn.op != LODGE_OP_SCAS)
		return false;
	return ctxt->insn.prefixes & LODGE_PREFIX_REP ? !zero : zero;
}

/* MOVS, CMPS, STOS, LODS, SCAS. */
enum emulate_result emulate_exec_string(struct emulate_ctxt *ctxt)
{
	enum emulate_result ret;
	u64 count;

	if (!has_rep(ctxt)) {
		ret = string_element(ctxt);
		return ret ? ret : emulate_complete(ctxt);
	}
	for (count = repeat_count(ctxt); count; ) {
		ret = string_element(ctxt);
		if (ret)
			return ret;
		count--;
		emulate_gpr_write(ctxt, LODGE_RCX, ctxt->insn.addr_size, count);
		ctxt->iterations++;
		if (ends_by_zf(ctxt))
			break;
		if (count && ctxt->iterations >= EMULATE_MAX_ITERATIONS)
			return EMULATE_CONTINUE;
	}
	return emulate_complete(ctxt);
}

/* AMD APM volume 2, "I/O-Permission Bitmap": who needs to be asked. */
static enum emulate_result check_port(struct emulate_ctxt *ctxt, u16 port, unsigned int size)
{
	if (!emulate_is_v86(ctxt) &&
	    (!emulate_is_protected(ctxt) || ctxt->cpl <= emulate_iopl(ctxt)))
		return EMULATE_DONE;
	return ctxt->ops->io_allowed(ctxt, port, size);
}

/* The port is an unsigned byte in the instruction, or DX. */
static u16 port_number(const struct emulate_ctxt *ctxt, const struct lodge_operand *operand)
{
	if (operand->kind == LODGE_OPERAND_IMM)
		return (u8)ctxt->insn.imm;
	return emulate_gpr_read(ctxt, LODGE_RDX, 2);
}

enum emulate_result emulate_exec_in(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	u16 port = port_number(ctxt, &operand[1]);
	enum emulate_result ret;
	u64 value = 0;

	ret = check_port(ctxt, port, operand[0].size);
	if (ret)
		return ret;
	ret = ctxt->ops->pio_in(ctxt, port, operand[0].size, &value, 1);
	if (ret)
		return ret;
	emulate_operand_write(ctxt, &operand[0], value);
	return emulate_complete(ctxt);
}

enum emulate_result emulate_exec_out(struct emulate_ctxt *ctxt)
{
	const struct lodge_operand *operand = ctxt->insn.operand;
	u16 port = port_number(ctxt, &operand[0]);
	enum emulate_result ret;
	u64 value;

	ret = check_port(ctxt, port, operand[1].size);
	if (ret)
		return ret;
	emulate_operand_read(ctxt, &operand[1], &value);
	ret = ctxt->ops->pio_out(ctxt, port, operand[1].size, &value, 1);
	if (ret)
		return ret;
	return emulate_complete(ctxt);
}

/* The memory side of INS or OUTS. */
struct port_string {
	u8 segment;
	u8 reg;
	enum emulate_access access;
	gva_t linear;
	unsigned int count;	/* elements of this batch */
};

/*
 * As many elements as fit into the buffer, the page and the address space of
 * rSI or rDI; one without REP or when going down.
 */
static unsigned int batch_size(const struct emulate_ctxt *ctxt, const struct port_string *string)
{
	const struct lodge_insn *insn = &ctxt->insn;
	unsigned int size = insn->operand[0].size;
	u64 offset = emulate_gpr_read(ctxt, string->reg, insn->addr_size);
	u64 room = emulate_size_mask(insn->addr_size) - offset;
	u64 page_room = GUEST_PAGE_SIZE - (string->linear & (GUEST_PAGE_SIZE - 1));
	u64 bytes;

	if (!has_rep(ctxt) || (ctxt->state->rflags & X86_EFLAGS_DF))
		return 1;
	bytes = min_t(u64, EMULATE_PIO_BYTES, page_room);
	if (room < bytes)
		bytes = room + 1;
	return max_t(u64, 1, min_t(u64, repeat_count(ctxt), bytes / size));
}

/* An element may straddle two pages; a batch never does. */
static enum emulate_result probe(struct emulate_ctxt *ctxt, const struct port_string *string,
				 unsigned int len)
{
	bool write = string->access == EMULATE_WRITE;
	unsigned int first = GUEST_PAGE_SIZE - (string->linear & (GUEST_PAGE_SIZE - 1));
	enum emulate_result ret;

	if (len <= first)
		return ctxt->ops->probe(ctxt, string->linear, len, write);
	ret = ctxt->ops->probe(ctxt, string->linear, first, write);
	if (ret && ret != EMULATE_NEED_IO)
		return ret;
	return ctxt->ops->probe(ctxt, string->linear + first, len - first, write);
}

/*
 * Settle address and size of the next batch. Every fault that the memory side
 * can raise is raised here, before the port sees anything: what has been read
 * from a port could not be given back.
 */
static enum emulate_result prepare_batch(struct emulate_ctxt *ctxt, struct port_string *string)
{
	const struct lodge_insn *insn = &ctxt->insn;
	unsigned int size = insn->operand[0].size;
	u64 offset = emulate_gpr_read(ctxt, string->reg, insn->addr_size);
	enum emulate_result ret;

	ret = check_port(ctxt, emulate_gpr_read(ctxt, LODGE_RDX, 2), size);
	if (ret)
		return ret;
	ret = emulate_linearize(ctxt, string->segment, offset, size, string->access,
				&string->linear);
	if (ret)
		return ret;
	string->count = batch_size(ctxt, string);
	if (emulate_linearize(ctxt, string->segment, offset, size * string->count,
			      string->access, &string->linear))
		string->count = 1;	/* the limit cuts it */

	ret = probe(ctxt, string, size * string->count);
	if (ret == EMULATE_NEED_IO) {
		string->count = 1;
		ret = EMULATE_DONE;
	}
	return ret;
}

/* The batch has gone through. Look for pending work before the next one. */
static enum emulate_result finish_batch(struct emulate_ctxt *ctxt,
					const struct port_string *string)
{
	u64 count;

	advance(ctxt, string->reg, string->count);
	if (!has_rep(ctxt))
		return emulate_complete(ctxt);
	count = repeat_count(ctxt) - string->count;
	emulate_gpr_write(ctxt, LODGE_RCX, ctxt->insn.addr_size, count);
	ctxt->iterations += string->count;
	return count ? EMULATE_CONTINUE : emulate_complete(ctxt);
}

enum emulate_result emulate_exec_ins(struct emulate_ctxt *ctxt)
{
	struct port_string string = {
		.segment = LODGE_SEG_ES,
		.reg = LODGE_RDI,
		.access = EMULATE_WRITE,
	};
	unsigned int size = ctxt->insn.operand[0].size;
	enum emulate_result ret;

	if (has_rep(ctxt) && !repeat_count(ctxt))
		return emulate_complete(ctxt);
	ret = prepare_batch(ctxt, &string);
	if (ret)
		return ret;
	ret = ctxt->ops->pio_in(ctxt, emulate_gpr_read(ctxt, LODGE_RDX, 2), size,
				ctxt->buffer, string.count);
	if (ret)
		return ret;
	ret = ctxt->ops->write(ctxt, string.linear, ctxt->buffer, size * string.count);
	if (ret)
		return ret;
	return finish_batch(ctxt, &string);
}

enum emulate_result emulate_exec_outs(struct emulate_ctxt *ctxt)
{
	struct port_string string = {
		.segment = ctxt->insn.segment,
		.reg = LODGE_RSI,
		.access = EMULATE_READ,
	};
	unsigned int size = ctxt->insn.operand[0].size;
	enum emulate_result ret;

	if (has_rep(ctxt) && !repeat_count(ctxt))
		return emulate_complete(ctxt);
	ret = prepare_batch(ctxt, &string);
	if (ret)
		return ret;
	ret = ctxt->ops->read(ctxt, string.linear, ctxt->buffer, size * string.count);
	if (ret)
		return ret;
	ret = ctxt->ops->pio_out(ctxt, emulate_gpr_read(ctxt, LODGE_RDX, 2), size,
				 ctxt->buffer, string.count);
	if (ret)
		return ret;
	return finish_batch(ctxt, &string);
}
