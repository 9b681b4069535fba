/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2, private to emulate/: the form of the opcode tables, shared by the
 * tables (decode_tables.c) and the decoder that interprets them (decode.c).
 */
#ifndef LODGE_EMULATE_OPCODE_H
#define LODGE_EMULATE_OPCODE_H

#include <linux/bits.h>
#include <linux/types.h>

/*
 * Operand specifications, spelled like the opcode maps of the manuals: a letter
 * for where the operand is, a letter for its size.
 *
 *   E r/m, M memory r/m, R register r/m, G register, S segment, C CR, D DR,
 *   V XMM register, W XMM r/m, I immediate, J branch displacement, O absolute
 *   offset, A accumulator, Z register in the opcode, T string element
 *
 *   B 1, W 2, D 4, Q 8, X 16 bytes; V operand size, Z operand size but at most
 *   4, Y 4 or with REX.W 8, P far pointer
 */
enum operand_spec {
	O_NONE,
	O_EB, O_EW, O_ED, O_EV, O_EY,
	O_EVW,			/* register of operand size, but a word in memory */
	O_M,			/* the address is what counts */
	O_MB, O_MW, O_MV, O_MY, O_MQ, O_MX, O_MP,
	O_M2Y,			/* two of Y */
	O_MTABLE,		/* limit and base of a descriptor table */
	O_RMODE,		/* as wide as registers are in this mode */
	O_GB, O_GV, O_GY, O_GMODE,
	O_SW, O_CMODE, O_DMODE,
	O_VD, O_VQ, O_VX, O_WD, O_WQ, O_WX,
	O_IB, O_IBS,		/* byte; byte sign extended to the operand size */
	O_IW, O_IZ, O_IV,
	O_IB2, O_IW2,		/* into lodge_insn.imm2 */
	O_IPTR,			/* offset of a far pointer */
	O_JB, O_JZ,
	O_OB, O_OV,
	O_AL, O_AV, O_AZ, O_DX, O_CL, O_ONE,
	O_ZB, O_ZV, O_ZSEG,
	O_TB, O_TV, O_TZ,
	O_XLAT,
	NR_OPERAND_SPECS,
};

#define OPC_MODRM	BIT(0)	/* a ModRM byte follows */
#define OPC_LOCK	BIT(1)	/* LOCK is allowed where operand 0 is memory */
#define OPC_D64		BIT(2)	/* in 64-bit mode 8 bytes unless 66 says 2 */
#define OPC_F64		BIT(3)	/* in 64-bit mode 8 bytes; vendors differ about 66 */
#define OPC_NO64	BIT(4)	/* #UD in 64-bit mode */
#define OPC_REG_ONLY	BIT(5)	/* ModRM.mod is ignored, r/m is a register */
#define OPC_BY_REG	BIT(6)	/* next[ModRM.reg] */
#define OPC_BY_MOD	BIT(7)	/* next[ModRM.mod == 3] */
#define OPC_BY_LOW6	BIT(8)	/* next[ModRM & 0x3f] */
#define OPC_BY_PREFIX	BIT(9)	/* next[none, 66, F3, F2] */
#define OPC_BY_MODE64	BIT(10)	/* next[64-bit mode] */
#define OPC_VEX		BIT(11)	/* a VEX or EVEX prefix in 64-bit mode or if ModRM.mod == 3 */

#define OPC_BY_ANY	(OPC_BY_REG | OPC_BY_MOD | OPC_BY_LOW6 | OPC_BY_PREFIX | OPC_BY_MODE64)

/**
 * struct emulate_opcode - one entry of an opcode table
 * @next: table to go on with, if one of the OPC_BY_* flags is set
 * @flags: OPC_* bits
 * @op: enum lodge_op; LODGE_OP_NONE if the encoding is not known
 * @spec: the operands, enum operand_spec
 */
struct emulate_opcode {
	const struct emulate_opcode *next;
	u16 flags;
	u8 op;
	u8 spec[3];
};

extern const struct emulate_opcode emulate_map_1byte[256];
extern const struct emulate_opcode emulate_map_0f[256];
extern const struct emulate_opcode emulate_map_0f38[256];
extern const struct emulate_opcode emulate_map_0f3a[256];

#endif /* LODGE_EMULATE_OPCODE_H */
