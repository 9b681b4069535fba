// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the opcode maps as tables (AMD APM volume 3, "Opcode and Operand
 * Encodings"; Intel SDM volume 2, "Opcode Map"). Data only; decode.c interprets
 * them. Instructions that can neither touch a device nor be intercepted appear
 * as OTHER, with just what their length depends on.
 */
#include "emulate.h"
#include "opcode.h"

#define I(_op, _flags, ...) \
	{ .op = LODGE_OP_##_op, .flags = (_flags), .spec = { __VA_ARGS__ } }
#define NEXT(_table, _flags) \
	{ .next = (_table), .flags = (_flags) }

#define M	OPC_MODRM
#define L	OPC_LOCK
#define D64	OPC_D64
#define F64	OPC_F64
#define NO64	OPC_NO64

/* 80, 81, 83: the destination decides the table. CMP writes nothing to lock. */
static const struct emulate_opcode group1_eb_ib[8] = {
	I(ADD, M | L, O_EB, O_IB), I(OR, M | L, O_EB, O_IB),
	I(ADC, M | L, O_EB, O_IB), I(SBB, M | L, O_EB, O_IB),
	I(AND, M | L, O_EB, O_IB), I(SUB, M | L, O_EB, O_IB),
	I(XOR, M | L, O_EB, O_IB), I(CMP, M, O_EB, O_IB),
};

static const struct emulate_opcode group1_ev_iz[8] = {
	I(ADD, M | L, O_EV, O_IZ), I(OR, M | L, O_EV, O_IZ),
	I(ADC, M | L, O_EV, O_IZ), I(SBB, M | L, O_EV, O_IZ),
	I(AND, M | L, O_EV, O_IZ), I(SUB, M | L, O_EV, O_IZ),
	I(XOR, M | L, O_EV, O_IZ), I(CMP, M, O_EV, O_IZ),
};

static const struct emulate_opcode group1_ev_ib[8] = {
	I(ADD, M | L, O_EV, O_IBS), I(OR, M | L, O_EV, O_IBS),
	I(ADC, M | L, O_EV, O_IBS), I(SBB, M | L, O_EV, O_IBS),
	I(AND, M | L, O_EV, O_IBS), I(SUB, M | L, O_EV, O_IBS),
	I(XOR, M | L, O_EV, O_IBS), I(CMP, M, O_EV, O_IBS),
};

/* The other encodings of 8F are AMD's XOP prefix. */
static const struct emulate_opcode group1a[8] = {
	[0] = I(POP, M | D64, O_EV),
};

/* Shifts; encoding 6 is a second SHL. */
static const struct emulate_opcode group2_eb_ib[8] = {
	I(ROL, M, O_EB, O_IB), I(ROR, M, O_EB, O_IB), I(RCL, M, O_EB, O_IB),
	I(RCR, M, O_EB, O_IB), I(SHL, M, O_EB, O_IB), I(SHR, M, O_EB, O_IB),
	I(SHL, M, O_EB, O_IB), I(SAR, M, O_EB, O_IB),
};

static const struct emulate_opcode group2_ev_ib[8] = {
	I(ROL, M, O_EV, O_IB), I(ROR, M, O_EV, O_IB), I(RCL, M, O_EV, O_IB),
	I(RCR, M, O_EV, O_IB), I(SHL, M, O_EV, O_IB), I(SHR, M, O_EV, O_IB),
	I(SHL, M, O_EV, O_IB), I(SAR, M, O_EV, O_IB),
};

static const struct emulate_opcode group2_eb_1[8] = {
	I(ROL, M, O_EB, O_ONE), I(ROR, M, O_EB, O_ONE), I(RCL, M, O_EB, O_ONE),
	I(RCR, M, O_EB, O_ONE), I(SHL, M, O_EB, O_ONE), I(SHR, M, O_EB, O_ONE),
	I(SHL, M, O_EB, O_ONE), I(SAR, M, O_EB, O_ONE),
};

static const struct emulate_opcode group2_ev_1[8] = {
	I(ROL, M, O_EV, O_ONE), I(ROR, M, O_EV, O_ONE), I(RCL, M, O_EV, O_ONE),
	I(RCR, M, O_EV, O_ONE), I(SHL, M, O_EV, O_ONE), I(SHR, M, O_EV, O_ONE),
	I(SHL, M, O_EV, O_ONE), I(SAR, M, O_EV, O_ONE),
};

static const struct emulate_opcode group2_eb_cl[8] = {
	I(ROL, M, O_EB, O_CL), I(ROR, M, O_EB, O_CL), I(RCL, M, O_EB, O_CL),
	I(RCR, M, O_EB, O_CL), I(SHL, M, O_EB, O_CL), I(SHR, M, O_EB, O_CL),
	I(SHL, M, O_EB, O_CL), I(SAR, M, O_EB, O_CL),
};

static const struct emulate_opcode group2_ev_cl[8] = {
	I(ROL, M, O_EV, O_CL), I(ROR, M, O_EV, O_CL), I(RCL, M, O_EV, O_CL),
	I(RCR, M, O_EV, O_CL), I(SHL, M, O_EV, O_CL), I(SHR, M, O_EV, O_CL),
	I(SHL, M, O_EV, O_CL), I(SAR, M, O_EV, O_CL),
};

/* TEST has an immediate here, the others have none; encoding 1 is a second TEST. */
static const struct emulate_opcode group3_eb[8] = {
	I(TEST, M, O_EB, O_IB), I(TEST, M, O_EB, O_IB), I(NOT, M | L, O_EB),
	I(NEG, M | L, O_EB), I(MUL1, M, O_EB), I(IMUL1, M, O_EB),
	I(DIV, M, O_EB), I(IDIV, M, O_EB),
};

static const struct emulate_opcode group3_ev[8] = {
	I(TEST, M, O_EV, O_IZ), I(TEST, M, O_EV, O_IZ), I(NOT, M | L, O_EV),
	I(NEG, M | L, O_EV), I(MUL1, M, O_EV), I(IMUL1, M, O_EV),
	I(DIV, M, O_EV), I(IDIV, M, O_EV),
};

static const struct emulate_opcode group4[8] = {
	[0] = I(INC, M | L, O_EB), [1] = I(DEC, M | L, O_EB),
	[2 ... 7] = I(UNDEFINED, M),
};

static const struct emulate_opcode group5[8] = {
	I(INC, M | L, O_EV), I(DEC, M | L, O_EV),
	I(CALL, M | F64, O_EV), I(CALL_FAR, M, O_MP),
	I(JMP, M | F64, O_EV), I(JMP_FAR, M, O_MP),
	I(PUSH, M | D64, O_EV), I(UNDEFINED, M),
};

static const struct emulate_opcode group11_eb[8] = {
	[0] = I(MOV, M, O_EB, O_IB),
};

static const struct emulate_opcode group11_ev[8] = {
	[0] = I(MOV, M, O_EV, O_IZ),
};

static const struct emulate_opcode arpl_or_movsxd[2] = {
	I(OTHER, M), I(MOVSX, M, O_GV, O_ED),
};

const struct emulate_opcode emulate_map_1byte[256] = {
	[0x00] = I(ADD, M | L, O_EB, O_GB),	[0x01] = I(ADD, M | L, O_EV, O_GV),
	[0x02] = I(ADD, M, O_GB, O_EB),		[0x03] = I(ADD, M, O_GV, O_EV),
	[0x04] = I(ADD, 0, O_AL, O_IB),		[0x05] = I(ADD, 0, O_AV, O_IZ),
	[0x06] = I(PUSH_SEG, NO64, O_ZSEG),	[0x07] = I(POP_SEG, NO64, O_ZSEG),
	[0x08] = I(OR, M | L, O_EB, O_GB),	[0x09] = I(OR, M | L, O_EV, O_GV),
	[0x0a] = I(OR, M, O_GB, O_EB),		[0x0b] = I(OR, M, O_GV, O_EV),
	[0x0c] = I(OR, 0, O_AL, O_IB),		[0x0d] = I(OR, 0, O_AV, O_IZ),
	[0x0e] = I(PUSH_SEG, NO64, O_ZSEG),
	[0x10] = I(ADC, M | L, O_EB, O_GB),	[0x11] = I(ADC, M | L, O_EV, O_GV),
	[0x12] = I(ADC, M, O_GB, O_EB),		[0x13] = I(ADC, M, O_GV, O_EV),
	[0x14] = I(ADC, 0, O_AL, O_IB),		[0x15] = I(ADC, 0, O_AV, O_IZ),
	[0x16] = I(PUSH_SEG, NO64, O_ZSEG),	[0x17] = I(POP_SEG, NO64, O_ZSEG),
	[0x18] = I(SBB, M | L, O_EB, O_GB),	[0x19] = I(SBB, M | L, O_EV, O_GV),
	[0x1a] = I(SBB, M, O_GB, O_EB),		[0x1b] = I(SBB, M, O_GV, O_EV),
	[0x1c] = I(SBB, 0, O_AL, O_IB),		[0x1d] = I(SBB, 0, O_AV, O_IZ),
	[0x1e] = I(PUSH_SEG, NO64, O_ZSEG),	[0x1f] = I(POP_SEG, NO64, O_ZSEG),
	[0x20] = I(AND, M | L, O_EB, O_GB),	[0x21] = I(AND, M | L, O_EV, O_GV),
	[0x22] = I(AND, M, O_GB, O_EB),		[0x23] = I(AND, M, O_GV, O_EV),
	[0x24] = I(AND, 0, O_AL, O_IB),		[0x25] = I(AND, 0, O_AV, O_IZ),
	[0x27] = I(OTHER, NO64),
	[0x28] = I(SUB, M | L, O_EB, O_GB),	[0x29] = I(SUB, M | L, O_EV, O_GV),
	[0x2a] = I(SUB, M, O_GB, O_EB),		[0x2b] = I(SUB, M, O_GV, O_EV),
	[0x2c] = I(SUB, 0, O_AL, O_IB),		[0x2d] = I(SUB, 0, O_AV, O_IZ),
	[0x2f] = I(OTHER, NO64),
	[0x30] = I(XOR, M | L, O_EB, O_GB),	[0x31] = I(XOR, M | L, O_EV, O_GV),
	[0x32] = I(XOR, M, O_GB, O_EB),		[0x33] = I(XOR, M, O_GV, O_EV),
	[0x34] = I(XOR, 0, O_AL, O_IB),		[0x35] = I(XOR, 0, O_AV, O_IZ),
	[0x37] = I(OTHER, NO64),
	[0x38] = I(CMP, M, O_EB, O_GB),		[0x39] = I(CMP, M, O_EV, O_GV),
	[0x3a] = I(CMP, M, O_GB, O_EB),		[0x3b] = I(CMP, M, O_GV, O_EV),
	[0x3c] = I(CMP, 0, O_AL, O_IB),		[0x3d] = I(CMP, 0, O_AV, O_IZ),
	[0x3f] = I(OTHER, NO64),

	/* In 64-bit mode these are the REX prefixes, which never come here. */
	[0x40 ... 0x47] = I(INC, 0, O_ZV),
	[0x48 ... 0x4f] = I(DEC, 0, O_ZV),

	[0x50 ... 0x57] = I(PUSH, D64, O_ZV),
	[0x58 ... 0x5f] = I(POP, D64, O_ZV),
	[0x60] = I(OTHER, NO64),		[0x61] = I(OTHER, NO64),
	[0x62] = I(OTHER, M | OPC_VEX),
	[0x63] = NEXT(arpl_or_movsxd, M | OPC_BY_MODE64),
	[0x68] = I(PUSH, D64, O_IZ),		[0x69] = I(IMUL, M, O_GV, O_EV, O_IZ),
	[0x6a] = I(PUSH, D64, O_IBS),		[0x6b] = I(IMUL, M, O_GV, O_EV, O_IBS),
	[0x6c] = I(INS, 0, O_TB),		[0x6d] = I(INS, 0, O_TZ),
	[0x6e] = I(OUTS, 0, O_TB),		[0x6f] = I(OUTS, 0, O_TZ),
	[0x70 ... 0x7f] = I(JCC, F64, O_JB),
	[0x80] = NEXT(group1_eb_ib, M | OPC_BY_REG),
	[0x81] = NEXT(group1_ev_iz, M | OPC_BY_REG),
	[0x82] = NEXT(group1_eb_ib, M | NO64 | OPC_BY_REG),
	[0x83] = NEXT(group1_ev_ib, M | OPC_BY_REG),
	[0x84] = I(TEST, M, O_EB, O_GB),	[0x85] = I(TEST, M, O_EV, O_GV),
	[0x86] = I(XCHG, M | L, O_EB, O_GB),	[0x87] = I(XCHG, M | L, O_EV, O_GV),
	[0x88] = I(MOV, M, O_EB, O_GB),		[0x89] = I(MOV, M, O_EV, O_GV),
	[0x8a] = I(MOV, M, O_GB, O_EB),		[0x8b] = I(MOV, M, O_GV, O_EV),
	[0x8c] = I(MOV_FROM_SEG, M, O_EVW, O_SW),
	[0x8d] = I(LEA, M, O_GV, O_M),
	[0x8e] = I(MOV_TO_SEG, M, O_SW, O_EW),
	[0x8f] = NEXT(group1a, M | OPC_BY_REG),
	/* 90 with REX.B is a real exchange; the decoder makes NOP and PAUSE. */
	[0x90 ... 0x97] = I(XCHG, 0, O_ZV, O_AV),
	[0x98] = I(CBW, 0, O_AV),		[0x99] = I(CWD, 0, O_AV),
	[0x9a] = I(CALL_FAR, NO64, O_IPTR, O_IW2),
	[0x9b] = I(OTHER, 0),
	[0x9c] = I(PUSHF, D64),			[0x9d] = I(POPF, D64),
	[0x9e] = I(SAHF, 0),			[0x9f] = I(LAHF, 0),
	[0xa0] = I(MOV, 0, O_AL, O_OB),		[0xa1] = I(MOV, 0, O_AV, O_OV),
	[0xa2] = I(MOV, 0, O_OB, O_AL),		[0xa3] = I(MOV, 0, O_OV, O_AV),
	[0xa4] = I(MOVS, 0, O_TB),		[0xa5] = I(MOVS, 0, O_TV),
	[0xa6] = I(CMPS, 0, O_TB),		[0xa7] = I(CMPS, 0, O_TV),
	[0xa8] = I(TEST, 0, O_AL, O_IB),	[0xa9] = I(TEST, 0, O_AV, O_IZ),
	[0xaa] = I(STOS, 0, O_TB),		[0xab] = I(STOS, 0, O_TV),
	[0xac] = I(LODS, 0, O_TB),		[0xad] = I(LODS, 0, O_TV),
	[0xae] = I(SCAS, 0, O_TB),		[0xaf] = I(SCAS, 0, O_TV),
	[0xb0 ... 0xb7] = I(MOV, 0, O_ZB, O_IB),
	[0xb8 ... 0xbf] = I(MOV, 0, O_ZV, O_IV),
	[0xc0] = NEXT(group2_eb_ib, M | OPC_BY_REG),
	[0xc1] = NEXT(group2_ev_ib, M | OPC_BY_REG),
	[0xc2] = I(RET, F64, O_IW),		[0xc3] = I(RET, F64),
	[0xc4] = I(OTHER, M | OPC_VEX),		[0xc5] = I(OTHER, M | OPC_VEX),
	[0xc6] = NEXT(group11_eb, M | OPC_BY_REG),
	[0xc7] = NEXT(group11_ev, M | OPC_BY_REG),
	[0xc8] = I(OTHER, D64, O_IW, O_IB2),	[0xc9] = I(LEAVE, D64),
	[0xca] = I(RET_FAR, 0, O_IW),		[0xcb] = I(RET_FAR, 0),
	[0xcc] = I(INT3, 0),			[0xcd] = I(INT, 0, O_IB),
	[0xce] = I(INTO, NO64),			[0xcf] = I(IRET, 0),
	[0xd0] = NEXT(group2_eb_1, M | OPC_BY_REG),
	[0xd1] = NEXT(group2_ev_1, M | OPC_BY_REG),
	[0xd2] = NEXT(group2_eb_cl, M | OPC_BY_REG),
	[0xd3] = NEXT(group2_ev_cl, M | OPC_BY_REG),
	[0xd4] = I(OTHER, NO64, O_IB),		[0xd5] = I(OTHER, NO64, O_IB),
	[0xd6] = I(OTHER, NO64),		[0xd7] = I(XLAT, 0, O_AL, O_XLAT),
	[0xd8 ... 0xdf] = I(OTHER, M),
	[0xe0 ... 0xe2] = I(LOOP, F64, O_JB),	[0xe3] = I(JCXZ, F64, O_JB),
	[0xe4] = I(IN, 0, O_AL, O_IB),		[0xe5] = I(IN, 0, O_AZ, O_IB),
	[0xe6] = I(OUT, 0, O_IB, O_AL),		[0xe7] = I(OUT, 0, O_IB, O_AZ),
	[0xe8] = I(CALL, F64, O_JZ),		[0xe9] = I(JMP, F64, O_JZ),
	[0xea] = I(JMP_FAR, NO64, O_IPTR, O_IW2),
	[0xeb] = I(JMP, F64, O_JB),
	[0xec] = I(IN, 0, O_AL, O_DX),		[0xed] = I(IN, 0, O_AZ, O_DX),
	[0xee] = I(OUT, 0, O_DX, O_AL),		[0xef] = I(OUT, 0, O_DX, O_AZ),
	[0xf1] = I(ICEBP, 0),
	[0xf4] = I(HLT, 0),			[0xf5] = I(CMC, 0),
	[0xf6] = NEXT(group3_eb, M | OPC_BY_REG),
	[0xf7] = NEXT(group3_ev, M | OPC_BY_REG),
	[0xf8] = I(CLC, 0),			[0xf9] = I(STC, 0),
	[0xfa] = I(CLI, 0),			[0xfb] = I(STI, 0),
	[0xfc] = I(CLD, 0),			[0xfd] = I(STD, 0),
	[0xfe] = NEXT(group4, M | OPC_BY_REG),
	[0xff] = NEXT(group5, M | OPC_BY_REG),
};

static const struct emulate_opcode group6[8] = {
	I(SLDT, M, O_EVW), I(STR, M, O_EVW), I(LLDT, M, O_EW), I(LTR, M, O_EW),
	I(OTHER, M), I(OTHER, M), I(UNDEFINED, M), I(UNDEFINED, M),
};

static const struct emulate_opcode group7_mem[8] = {
	[0] = I(SGDT, M, O_MTABLE), [1] = I(SIDT, M, O_MTABLE),
	[2] = I(LGDT, M, O_MTABLE), [3] = I(LIDT, M, O_MTABLE),
	[4] = I(SMSW, M, O_EVW), [6] = I(LMSW, M, O_EW), [7] = I(INVLPG, M, O_M),
};

static const struct emulate_opcode group7_reg[64] = {
	[0x01] = I(VMCALL, M),
	[0x08] = I(MONITOR, M), [0x09] = I(MWAIT, M),
	[0x0a] = I(OTHER, M), [0x0b] = I(OTHER, M),	/* CLAC, STAC */
	[0x10] = I(XGETBV, M), [0x11] = I(XSETBV, M),
	[0x15] = I(OTHER, M), [0x16] = I(OTHER, M),	/* XEND, XTEST */
	[0x18] = I(VMRUN, M), [0x19] = I(VMMCALL, M),
	[0x1a] = I(VMLOAD, M), [0x1b] = I(VMSAVE, M),
	[0x1c] = I(STGI, M), [0x1d] = I(CLGI, M),
	[0x1e] = I(SKINIT, M), [0x1f] = I(INVLPGA, M),
	[0x20 ... 0x27] = I(SMSW, M, O_EVW),
	[0x2e] = I(OTHER, M), [0x2f] = I(OTHER, M),	/* RDPKRU, WRPKRU */
	[0x30 ... 0x37] = I(LMSW, M, O_EW),
	[0x38] = I(SWAPGS, M), [0x39] = I(RDTSCP, M),
	[0x3a] = I(MONITOR, M), [0x3b] = I(MWAIT, M),	/* MONITORX, MWAITX */
	[0x3c] = I(OTHER, M), [0x3d] = I(RDPRU, M),	/* CLZERO */
	[0x3e] = I(OTHER, M), [0x3f] = I(OTHER, M),	/* INVLPGB, TLBSYNC */
};

static const struct emulate_opcode group7[2] = {
	NEXT(group7_mem, M | OPC_BY_REG), NEXT(group7_reg, M | OPC_BY_LOW6),
};

static const struct emulate_opcode group8[8] = {
	[4] = I(BT, M, O_EV, O_IB), [5] = I(BTS, M | L, O_EV, O_IB),
	[6] = I(BTR, M | L, O_EV, O_IB), [7] = I(BTC, M | L, O_EV, O_IB),
};

static const struct emulate_opcode group9_mem[8] = {
	[1] = I(CMPXCHG8B, M | L, O_M2Y),
	[3 ... 7] = I(OTHER, M),
};

static const struct emulate_opcode group9_reg[8] = {
	[6] = I(OTHER, M), [7] = I(OTHER, M),		/* RDRAND, RDSEED, RDPID */
};

static const struct emulate_opcode group9[2] = {
	NEXT(group9_mem, M | OPC_BY_REG), NEXT(group9_reg, M | OPC_BY_REG),
};

/* 08, 09 and AE..B8 mean something else behind a mandatory prefix. */
static const struct emulate_opcode by_prefix_09[4] = {
	I(WBINVD, 0), I(WBINVD, 0), I(WBNOINVD, 0), I(WBINVD, 0),
};

static const struct emulate_opcode by_prefix_78[4] = {
	[0] = I(OTHER, M),
	[1] = I(OTHER, M, O_IB, O_IB2), [3] = I(OTHER, M, O_IB, O_IB2),
};

static const struct emulate_opcode by_prefix_bc[4] = {
	I(BSF, M, O_GV, O_EV), I(BSF, M, O_GV, O_EV), I(OTHER, M), I(BSF, M, O_GV, O_EV),
};

static const struct emulate_opcode by_prefix_bd[4] = {
	I(BSR, M, O_GV, O_EV), I(BSR, M, O_GV, O_EV), I(OTHER, M), I(BSR, M, O_GV, O_EV),
};

/* SSE moves: none, 66, F3, F2. */
static const struct emulate_opcode by_prefix_10[4] = {
	I(SSE_MOV, M, O_VX, O_WX), I(SSE_MOV, M, O_VX, O_WX),
	I(SSE_MOV_SCALAR, M, O_VD, O_WD), I(SSE_MOV_SCALAR, M, O_VQ, O_WQ),
};

static const struct emulate_opcode by_prefix_11[4] = {
	I(SSE_MOV, M, O_WX, O_VX), I(SSE_MOV, M, O_WX, O_VX),
	I(SSE_MOV_SCALAR, M, O_WD, O_VD), I(SSE_MOV_SCALAR, M, O_WQ, O_VQ),
};

/* MOVSLDUP, MOVDDUP and MOVSHDUP share these opcodes; they are OTHER. */
static const struct emulate_opcode by_prefix_12[4] = {
	I(SSE_MOV_LOW, M, O_VQ, O_WQ), I(SSE_MOV_LOW, M, O_VQ, O_MQ),
	I(OTHER, M), I(OTHER, M),
};

static const struct emulate_opcode by_prefix_13[4] = {
	I(SSE_MOV_LOW, M, O_MQ, O_VQ), I(SSE_MOV_LOW, M, O_MQ, O_VQ),
};

static const struct emulate_opcode by_prefix_16[4] = {
	I(SSE_MOV_HIGH, M, O_VQ, O_WQ), I(SSE_MOV_HIGH, M, O_VQ, O_MQ), I(OTHER, M),
};

static const struct emulate_opcode by_prefix_17[4] = {
	I(SSE_MOV_HIGH, M, O_MQ, O_VQ), I(SSE_MOV_HIGH, M, O_MQ, O_VQ),
};

static const struct emulate_opcode by_prefix_28[4] = {
	I(SSE_MOV_ALIGNED, M, O_VX, O_WX), I(SSE_MOV_ALIGNED, M, O_VX, O_WX),
};

static const struct emulate_opcode by_prefix_29[4] = {
	I(SSE_MOV_ALIGNED, M, O_WX, O_VX), I(SSE_MOV_ALIGNED, M, O_WX, O_VX),
};

static const struct emulate_opcode by_prefix_2b[4] = {
	I(SSE_MOV_ALIGNED, M, O_MX, O_VX), I(SSE_MOV_ALIGNED, M, O_MX, O_VX),
	I(OTHER, M), I(OTHER, M),
};

/* Without prefix the operands of 6E to 7F are MMX registers, which are left out. */
static const struct emulate_opcode by_prefix_6e[4] = {
	[0] = I(OTHER, M), [1] = I(SSE_MOV_ZERO, M, O_VX, O_EY),
};

static const struct emulate_opcode by_prefix_6f[4] = {
	[0] = I(OTHER, M), [1] = I(SSE_MOV_ALIGNED, M, O_VX, O_WX),
	[2] = I(SSE_MOV, M, O_VX, O_WX),
};

static const struct emulate_opcode by_prefix_7e[4] = {
	[0] = I(OTHER, M), [1] = I(SSE_MOV_ZERO, M, O_EY, O_VX),
	[2] = I(SSE_MOV_ZERO, M, O_VX, O_WQ),
};

static const struct emulate_opcode by_prefix_7f[4] = {
	[0] = I(OTHER, M), [1] = I(SSE_MOV_ALIGNED, M, O_WX, O_VX),
	[2] = I(SSE_MOV, M, O_WX, O_VX),
};

static const struct emulate_opcode by_prefix_d6[4] = {
	[1] = I(SSE_MOV_ZERO, M, O_WQ, O_VQ),
	[2] = I(OTHER, M), [3] = I(OTHER, M),
};

static const struct emulate_opcode by_prefix_e7[4] = {
	[0] = I(OTHER, M), [1] = I(SSE_MOV_ALIGNED, M, O_MX, O_VX),
};

static const struct emulate_opcode by_prefix_f0[4] = {
	[3] = I(SSE_MOV, M, O_VX, O_MX),
};

const struct emulate_opcode emulate_map_0f[256] = {
	[0x00] = NEXT(group6, M | OPC_BY_REG),
	[0x01] = NEXT(group7, M | OPC_BY_MOD),
	[0x02] = I(OTHER, M),			[0x03] = I(OTHER, M),
	[0x05] = I(SYSCALL, 0),			[0x06] = I(CLTS, 0),
	[0x07] = I(SYSRET, 0),			[0x08] = I(INVD, 0),
	[0x09] = NEXT(by_prefix_09, OPC_BY_PREFIX),
	[0x0b] = I(UNDEFINED, 0),		[0x0d] = I(NOP, M),
	[0x0e] = I(OTHER, 0),			[0x0f] = I(OTHER, M, O_IB),
	[0x10] = NEXT(by_prefix_10, M | OPC_BY_PREFIX),
	[0x11] = NEXT(by_prefix_11, M | OPC_BY_PREFIX),
	[0x12] = NEXT(by_prefix_12, M | OPC_BY_PREFIX),
	[0x13] = NEXT(by_prefix_13, M | OPC_BY_PREFIX),
	[0x14] = I(OTHER, M),			[0x15] = I(OTHER, M),
	[0x16] = NEXT(by_prefix_16, M | OPC_BY_PREFIX),
	[0x17] = NEXT(by_prefix_17, M | OPC_BY_PREFIX),
	[0x18 ... 0x1f] = I(NOP, M),
	[0x20] = I(MOV_FROM_CR, M | OPC_REG_ONLY, O_RMODE, O_CMODE),
	[0x21] = I(MOV_FROM_DR, M | OPC_REG_ONLY, O_RMODE, O_DMODE),
	[0x22] = I(MOV_TO_CR, M | OPC_REG_ONLY, O_CMODE, O_RMODE),
	[0x23] = I(MOV_TO_DR, M | OPC_REG_ONLY, O_DMODE, O_RMODE),
	[0x28] = NEXT(by_prefix_28, M | OPC_BY_PREFIX),
	[0x29] = NEXT(by_prefix_29, M | OPC_BY_PREFIX),
	[0x2a] = I(OTHER, M),
	[0x2b] = NEXT(by_prefix_2b, M | OPC_BY_PREFIX),
	[0x2c ... 0x2f] = I(OTHER, M),
	[0x30] = I(WRMSR, 0),			[0x31] = I(RDTSC, 0),
	[0x32] = I(RDMSR, 0),			[0x33] = I(RDPMC, 0),
	[0x34] = I(SYSENTER, 0),		[0x35] = I(SYSEXIT, 0),
	[0x40 ... 0x4f] = I(CMOV, M, O_GV, O_EV),
	[0x50 ... 0x6d] = I(OTHER, M),
	[0x6e] = NEXT(by_prefix_6e, M | OPC_BY_PREFIX),
	[0x6f] = NEXT(by_prefix_6f, M | OPC_BY_PREFIX),
	[0x70 ... 0x73] = I(OTHER, M, O_IB),
	[0x74 ... 0x76] = I(OTHER, M),		[0x77] = I(OTHER, 0),
	[0x78] = NEXT(by_prefix_78, M | OPC_BY_PREFIX),
	[0x79] = I(OTHER, M),
	[0x7c ... 0x7d] = I(OTHER, M),
	[0x7e] = NEXT(by_prefix_7e, M | OPC_BY_PREFIX),
	[0x7f] = NEXT(by_prefix_7f, M | OPC_BY_PREFIX),
	[0x80 ... 0x8f] = I(JCC, F64, O_JZ),
	[0x90 ... 0x9f] = I(SETCC, M, O_EB),
	[0xa0] = I(PUSH_SEG, D64, O_ZSEG),	[0xa1] = I(POP_SEG, D64, O_ZSEG),
	[0xa2] = I(CPUID, 0),			[0xa3] = I(BT, M, O_EV, O_GV),
	[0xa4] = I(SHLD, M, O_EV, O_GV, O_IB),	[0xa5] = I(SHLD, M, O_EV, O_GV, O_CL),
	[0xa8] = I(PUSH_SEG, D64, O_ZSEG),	[0xa9] = I(POP_SEG, D64, O_ZSEG),
	[0xaa] = I(RSM, 0),			[0xab] = I(BTS, M | L, O_EV, O_GV),
	[0xac] = I(SHRD, M, O_EV, O_GV, O_IB),	[0xad] = I(SHRD, M, O_EV, O_GV, O_CL),
	[0xae] = I(OTHER, M),			[0xaf] = I(IMUL, M, O_GV, O_GV, O_EV),
	[0xb0] = I(CMPXCHG, M | L, O_EB, O_GB),	[0xb1] = I(CMPXCHG, M | L, O_EV, O_GV),
	[0xb2] = I(OTHER, M),			[0xb3] = I(BTR, M | L, O_EV, O_GV),
	[0xb4] = I(OTHER, M),			[0xb5] = I(OTHER, M),
	[0xb6] = I(MOVZX, M, O_GV, O_EB),	[0xb7] = I(MOVZX, M, O_GV, O_EW),
	[0xb8] = I(OTHER, M),			[0xb9] = I(UNDEFINED, M),
	[0xba] = NEXT(group8, M | OPC_BY_REG),
	[0xbb] = I(BTC, M | L, O_EV, O_GV),
	[0xbc] = NEXT(by_prefix_bc, M | OPC_BY_PREFIX),
	[0xbd] = NEXT(by_prefix_bd, M | OPC_BY_PREFIX),
	[0xbe] = I(MOVSX, M, O_GV, O_EB),	[0xbf] = I(MOVSX, M, O_GV, O_EW),
	[0xc0] = I(XADD, M | L, O_EB, O_GB),	[0xc1] = I(XADD, M | L, O_EV, O_GV),
	[0xc2] = I(OTHER, M, O_IB),		[0xc3] = I(MOV, M, O_MY, O_GY),
	[0xc4 ... 0xc6] = I(OTHER, M, O_IB),
	[0xc7] = NEXT(group9, M | OPC_BY_MOD),
	[0xc8 ... 0xcf] = I(BSWAP, 0, O_ZV),
	[0xd0 ... 0xd5] = I(OTHER, M),
	[0xd6] = NEXT(by_prefix_d6, M | OPC_BY_PREFIX),
	[0xd7 ... 0xe6] = I(OTHER, M),
	[0xe7] = NEXT(by_prefix_e7, M | OPC_BY_PREFIX),
	[0xe8 ... 0xef] = I(OTHER, M),
	[0xf0] = NEXT(by_prefix_f0, M | OPC_BY_PREFIX),
	[0xf1 ... 0xfe] = I(OTHER, M),
	[0xff] = I(UNDEFINED, M),
};

/* MOVBE: none and 66; behind F2 the same opcodes are CRC32. */
static const struct emulate_opcode by_prefix_38f0[4] = {
	I(MOVBE, M, O_GV, O_MV), I(MOVBE, M, O_GV, O_MV), [3] = I(OTHER, M),
};

static const struct emulate_opcode by_prefix_38f1[4] = {
	I(MOVBE, M, O_MV, O_GV), I(MOVBE, M, O_MV, O_GV), [3] = I(OTHER, M),
};

static const struct emulate_opcode by_prefix_382a[4] = {
	[1] = I(SSE_MOV_ALIGNED, M, O_VX, O_MX),
};

static const struct emulate_opcode by_prefix_3882[4] = {
	[1] = I(INVPCID, M, O_GMODE, O_MX),
};

const struct emulate_opcode emulate_map_0f38[256] = {
	[0x00 ... 0x29] = I(OTHER, M),
	[0x2a] = NEXT(by_prefix_382a, M | OPC_BY_PREFIX),
	[0x2b ... 0x81] = I(OTHER, M),
	[0x82] = NEXT(by_prefix_3882, M | OPC_BY_PREFIX),
	[0x83 ... 0xef] = I(OTHER, M),
	[0xf0] = NEXT(by_prefix_38f0, M | OPC_BY_PREFIX),
	[0xf1] = NEXT(by_prefix_38f1, M | OPC_BY_PREFIX),
	[0xf2 ... 0xff] = I(OTHER, M),
};

const struct emulate_opcode emulate_map_0f3a[256] = {
	[0x00 ... 0xff] = I(OTHER, M, O_IB),
};
