/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2, private to emulate/: what the executor's files share. Registers,
 * operands and guest memory are reached through exec.c's helpers only; the
 * handlers in exec_*.c hold what single instructions do.
 *
 * Order inside every handler: read, compute, write memory, then change
 * registers. A failed memory access thus leaves nothing half done.
 */
#ifndef LODGE_EMULATE_EXEC_H
#define LODGE_EMULATE_EXEC_H

#include "../event.h"
#include "../state.h"
#include "../x86.h"
#include "emulate.h"

/* What an access to memory is for; decides which segment rights it needs. */
enum emulate_access {
	EMULATE_READ,
	EMULATE_WRITE,		/* also read-modify-write */
	EMULATE_ADDRESS,	/* only the address is wanted, nothing is checked */
};

static inline u64 emulate_size_mask(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1;
}

/* The sign bit of a number of @size bytes. */
static inline u64 emulate_sign_bit(unsigned int size)
{
	return 1ull << (8 * size - 1);
}

static inline s64 emulate_sign_extend(u64 value, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (s64)(value << shift) >> shift;
}

/* exec.c: registers, addresses, operands */
u64 emulate_gpr_read(const struct emulate_ctxt *ctxt, u8 reg, unsigned int size);
void emulate_gpr_write(struct emulate_ctxt *ctxt, u8 reg, unsigned int size, u64 value);
bool emulate_is_protected(const struct emulate_ctxt *ctxt);
bool emulate_is_v86(const struct emulate_ctxt *ctxt);
unsigned int emulate_iopl(const struct emulate_ctxt *ctxt);
u64 emulate_effective_address(const struct emulate_ctxt *ctxt);
enum emulate_result emulate_linearize(struct emulate_ctxt *ctxt, u8 seg, u64 offset,
				      unsigned int len, enum emulate_access access,
				      gva_t *linear);
enum emulate_result emulate_mem_read(struct emulate_ctxt *ctxt, gva_t linear, u64 *value,
				     unsigned int size);
enum emulate_result emulate_mem_write(struct emulate_ctxt *ctxt, gva_t linear, u64 value,
				      unsigned int size);
enum emulate_result emulate_operand_linear(struct emulate_ctxt *ctxt, unsigned int size,
					   enum emulate_access access, gva_t *linear);
enum emulate_result emulate_operand_read(struct emulate_ctxt *ctxt,
					 const struct lodge_operand *operand, u64 *value);
enum emulate_result emulate_operand_write(struct emulate_ctxt *ctxt,
					  const struct lodge_operand *operand, u64 value);
enum emulate_result emulate_complete(struct emulate_ctxt *ctxt);
bool emulate_condition(u64 rflags, u8 condition);

/* alu.c: pure computation */
struct emulate_alu {
	u64 dst;
	u64 src;
	u64 src2;
	u64 rflags;
	unsigned int size;
};

u64 emulate_alu(enum lodge_op op, struct emulate_alu *alu);
bool emulate_divide(struct emulate_alu *alu, bool is_signed, u64 *low, u64 *high);
void emulate_multiply(struct emulate_alu *alu, bool is_signed, u64 *low, u64 *high);

/*
 * Handlers, one prototype for each row of the table in exec.c. Each carries out
 * ctxt->insn, whose operation is one of its row, and returns what emulate_exec()
 * returns: see enum emulate_result. The context is that of the owner's callbacks.
 */

/* exec_alu.c */
enum emulate_result emulate_exec_modify(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_compare(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_bit(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_imul(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_multiply(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_divide(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_bit_scan(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_xchg(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_xadd(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_cmpxchg(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_cmpxchg8b(struct emulate_ctxt *ctxt);

/* exec_move.c */
void emulate_load_segment(struct emulate_ctxt *ctxt, u8 reg, u16 selector);
enum emulate_result emulate_exec_mov(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_movsx(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_movbe(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_mov_to_seg(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_lea(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_cmov(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_setcc(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_xlat(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_smsw(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_widen(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_bswap(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_flag(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_interrupt_flag(struct emulate_ctxt *ctxt);

/* exec_flow.c */
enum emulate_result emulate_exec_push(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_pop(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_pop_seg(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_leave(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_call(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_jmp(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_ret(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_jcc(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_loop(struct emulate_ctxt *ctxt);

/* exec_string.c */
enum emulate_result emulate_exec_string(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_ins(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_outs(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_in(struct emulate_ctxt *ctxt);
enum emulate_result emulate_exec_out(struct emulate_ctxt *ctxt);

/* exec_sse.c */
enum emulate_result emulate_exec_sse(struct emulate_ctxt *ctxt);

#endif /* LODGE_EMULATE_EXEC_H */
