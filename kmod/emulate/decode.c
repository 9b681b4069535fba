// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the instruction decoder, an interpreter of the opcode tables in
 * decode_tables.c. It looks at bytes only: no guest access, no register values.
 * What an instruction does is exec*.c's business.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "emulate.h"
#include "opcode.h"

/* Where operands come from. */
enum where {
	AT_NONE, AT_RM, AT_RM_MEM, AT_RM_GPR, AT_RM_XMM,
	AT_REG, AT_REG_SEG, AT_REG_CR, AT_REG_DR, AT_REG_XMM,
	AT_OPCODE_REG, AT_OPCODE_SEG, AT_ACC, AT_DX, AT_CL, AT_ONE,
	AT_IMM, AT_IMM2, AT_OFFSET, AT_STRING, AT_XLAT,
};

/* Sizes that prefixes or the mode decide; 0 to 16 stand for themselves. */
enum {
	SIZE_V = 32,	/* operand size */
	SIZE_VW,	/* operand size in a register, 2 in memory */
	SIZE_Z,		/* operand size, at most 4 */
	SIZE_Y,		/* 4, or 8 with REX.W */
	SIZE_2Y,
	SIZE_P,		/* far pointer: operand size and a selector */
	SIZE_MODE,	/* 8 in 64-bit mode, else 4 */
	SIZE_TABLE,	/* descriptor table register: limit and base */
};

static const struct {
	u8 where;
	u8 size;
	u8 fetch;	/* bytes of immediate in the instruction */
} specs[NR_OPERAND_SPECS] = {
	[O_EB]	  = { AT_RM, 1 },		[O_EW]	  = { AT_RM, 2 },
	[O_ED]	  = { AT_RM, 4 },		[O_EV]	  = { AT_RM, SIZE_V },
	[O_EY]	  = { AT_RM, SIZE_Y },		[O_EVW]	  = { AT_RM, SIZE_VW },
	[O_M]	  = { AT_RM_MEM, 0 },		[O_MB]	  = { AT_RM_MEM, 1 },
	[O_MW]	  = { AT_RM_MEM, 2 },		[O_MV]	  = { AT_RM_MEM, SIZE_V },
	[O_MY]	  = { AT_RM_MEM, SIZE_Y },	[O_MQ]	  = { AT_RM_MEM, 8 },
	[O_MX]	  = { AT_RM_MEM, 16 },		[O_MP]	  = { AT_RM_MEM, SIZE_P },
	[O_M2Y]	  = { AT_RM_MEM, SIZE_2Y },	[O_MTABLE] = { AT_RM_MEM, SIZE_TABLE },
	[O_RMODE] = { AT_RM_GPR, SIZE_MODE },	[O_GMODE] = { AT_REG, SIZE_MODE },
	[O_GB]	  = { AT_REG, 1 },		[O_GV]	  = { AT_REG, SIZE_V },
	[O_GY]	  = { AT_REG, SIZE_Y },		[O_SW]	  = { AT_REG_SEG, 2 },
	[O_CMODE] = { AT_REG_CR, SIZE_MODE },	[O_DMODE] = { AT_REG_DR, SIZE_MODE },
	[O_VD]	  = { AT_REG_XMM, 4 },		[O_VQ]	  = { AT_REG_XMM, 8 },
	[O_VX]	  = { AT_REG_XMM, 16 },		[O_WD]	  = { AT_RM_XMM, 4 },
	[O_WQ]	  = { AT_RM_XMM, 8 },		[O_WX]	  = { AT_RM_XMM, 16 },
	[O_IB]	  = { AT_IMM, 1, 1 },		[O_IBS]	  = { AT_IMM, SIZE_V, 1 },
	[O_IW]	  = { AT_IMM, 2, 2 },		[O_IZ]	  = { AT_IMM, SIZE_V, SIZE_Z },
	[O_IV]	  = { AT_IMM, SIZE_V, SIZE_V },	[O_IPTR]  = { AT_IMM, SIZE_V, SIZE_V },
	[O_IB2]	  = { AT_IMM2, 1, 1 },		[O_IW2]	  = { AT_IMM2, 2, 2 },
	[O_JB]	  = { AT_IMM, SIZE_V, 1 },	[O_JZ]	  = { AT_IMM, SIZE_V, SIZE_Z },
	[O_OB]	  = { AT_OFFSET, 1 },		[O_OV]	  = { AT_OFFSET, SIZE_V },
	[O_AL]	  = { AT_ACC, 1 },		[O_AV]	  = { AT_ACC, SIZE_V },
	[O_AZ]	  = { AT_ACC, SIZE_Z },		[O_DX]	  = { AT_DX, 2 },
	[O_CL]	  = { AT_CL, 1 },		[O_ONE]	  = { AT_ONE, 1 },
	[O_ZB]	  = { AT_OPCODE_REG, 1 },	[O_ZV]	  = { AT_OPCODE_REG, SIZE_V },
	[O_ZSEG]  = { AT_OPCODE_SEG, 2 },
	[O_TB]	  = { AT_STRING, 1 },		[O_TV]	  = { AT_STRING, SIZE_V },
	[O_TZ]	  = { AT_STRING, SIZE_Z },	[O_XLAT]  = { AT_XLAT, 1 },
};

struct decoder {
	struct lodge_insn *insn;
	const u8 *bytes;
	unsigned int nr_bytes;
	unsigned int pos;
	enum lodge_cpu_mode mode;
};

#define REX_W	BIT(3)
#define REX_R	BIT(2)
#define REX_X	BIT(1)
#define REX_B	BIT(0)

/* The register number extended by a REX bit. */
static u8 extend(const struct decoder *d, u8 reg, u8 rex_bit)
{
	return reg + ((d->insn->rex & rex_bit) ? 8 : 0);
}

/* A little-endian number of @size bytes, sign extended. */
static int fetch(struct decoder *d, unsigned int size, s64 *value)
{
	unsigned int i;
	u64 raw = 0;

	if (d->nr_bytes - d->pos < size)
		return d->nr_bytes < LODGE_INSN_MAX ? -EAGAIN : -E2BIG;
	for (i = 0; i < size; i++)
		raw |= (u64)d->bytes[d->pos++] << (8 * i);
	*value = (s64)(raw << (64 - 8 * size)) >> (64 - 8 * size);
	return 0;
}

static int fetch_byte(struct decoder *d, u8 *value)
{
	if (d->pos >= d->nr_bytes)
		return d->nr_bytes < LODGE_INSN_MAX ? -EAGAIN : -E2BIG;
	*value = d->bytes[d->pos++];
	return 0;
}

/* In 64-bit mode only FS and GS overrides have an effect. */
static void set_segment(struct decoder *d, u8 segment)
{
	if (d->mode == LODGE_MODE_64 && segment < LODGE_SEG_FS)
		return;
	d->insn->prefixes |= LODGE_PREFIX_SEGMENT;
	d->insn->segment = segment;
}

/* Returns false if @byte is no legacy prefix. */
static bool take_prefix(struct decoder *d, u8 byte)
{
	struct lodge_insn *insn = d->insn;

	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		set_segment(d, (byte >> 3) & 3);
		break;
	case 0x64:
	case 0x65:
		set_segment(d, byte & 7);
		break;
	case 0x66:
		insn->prefixes |= LODGE_PREFIX_OPSIZE;
		break;
	case 0x67:
		insn->prefixes |= LODGE_PREFIX_ADDRSIZE;
		break;
	case 0xf0:
		insn->prefixes |= LODGE_PREFIX_LOCK;
		break;
	case 0xf2:
		insn->prefixes &= ~LODGE_PREFIX_REP;
		insn->prefixes |= LODGE_PREFIX_REPNE;
		break;
	case 0xf3:
		insn->prefixes &= ~LODGE_PREFIX_REPNE;
		insn->prefixes |= LODGE_PREFIX_REP;
		break;
	default:
		return false;
	}
	return true;
}

/* Prefixes, REX and the escape bytes: leaves the last opcode byte in insn->opcode. */
static int decode_opcode(struct decoder *d)
{
	struct lodge_insn *insn = d->insn;
	u8 byte;
	int ret;

	for (;;) {
		ret = fetch_byte(d, &byte);
		if (ret)
			return ret;
		if (d->mode == LODGE_MODE_64 && (byte & 0xf0) == 0x40)
			insn->rex = byte;
		else if (take_prefix(d, byte))
			insn->rex = 0;	/* REX counts only right before the opcode */
		else
			break;
	}

	insn->map = LODGE_MAP_1BYTE;
	if (byte == 0x0f) {
		insn->map = LODGE_MAP_0F;
		ret = fetch_byte(d, &byte);
		if (!ret && (byte == 0x38 || byte == 0x3a)) {
			insn->map = byte == 0x38 ? LODGE_MAP_0F38 : LODGE_MAP_0F3A;
			ret = fetch_byte(d, &byte);
		}
	}
	insn->opcode = byte;
	return ret;
}

static void set_sizes(struct decoder *d)
{
	struct lodge_insn *insn = d->insn;
	bool opsize = insn->prefixes & LODGE_PREFIX_OPSIZE;
	bool addrsize = insn->prefixes & LODGE_PREFIX_ADDRSIZE;

	switch (d->mode) {
	case LODGE_MODE_16:
		insn->op_size = opsize ? 4 : 2;
		insn->addr_size = addrsize ? 4 : 2;
		break;
	case LODGE_MODE_32:
		insn->op_size = opsize ? 2 : 4;
		insn->addr_size = addrsize ? 2 : 4;
		break;
	case LODGE_MODE_64:
		insn->op_size = (insn->rex & REX_W) ? 8 : opsize ? 2 : 4;
		insn->addr_size = addrsize ? 4 : 8;
		break;
	}
}

/* The mandatory prefix as an index; F3 and F2 go before 66. */
static unsigned int prefix_index(const struct lodge_insn *insn)
{
	if (insn->prefixes & LODGE_PREFIX_REP)
		return 2;
	if (insn->prefixes & LODGE_PREFIX_REPNE)
		return 3;
	return insn->prefixes & LODGE_PREFIX_OPSIZE ? 1 : 0;
}

static bool is_register_form(const struct lodge_insn *insn)
{
	return insn->modrm >= 0xc0;
}

/* Follow the tables to the entry that describes the instruction itself. */
static int find_opcode(struct decoder *d, const struct emulate_opcode **found)
{
	static const struct emulate_opcode *const maps[] = {
		[LODGE_MAP_1BYTE] = emulate_map_1byte,
		[LODGE_MAP_0F] = emulate_map_0f,
		[LODGE_MAP_0F38] = emulate_map_0f38,
		[LODGE_MAP_0F3A] = emulate_map_0f3a,
	};
	struct lodge_insn *insn = d->insn;
	const struct emulate_opcode *opcode = &maps[insn->map][insn->opcode];
	bool no64 = opcode->flags & OPC_NO64;
	int ret;

	if (opcode->flags & OPC_MODRM) {
		ret = fetch_byte(d, &insn->modrm);
		if (ret)
			return ret;
		insn->flags |= LODGE_INSN_MODRM;
	}

	while (opcode->flags & OPC_BY_ANY) {
		if (opcode->flags & OPC_BY_REG)
			opcode = &opcode->next[(insn->modrm >> 3) & 7];
		else if (opcode->flags & OPC_BY_MOD)
			opcode = &opcode->next[is_register_form(insn)];
		else if (opcode->flags & OPC_BY_LOW6)
			opcode = &opcode->next[insn->modrm & 0x3f];
		else if (opcode->flags & OPC_BY_PREFIX)
			opcode = &opcode->next[prefix_index(insn)];
		else
			opcode = &opcode->next[d->mode == LODGE_MODE_64];
	}

	insn->op = opcode->op;
	if (d->mode == LODGE_MODE_64 && no64)
		insn->op = LODGE_OP_UNDEFINED;
	if ((opcode->flags & OPC_VEX) && (d->mode == LODGE_MODE_64 || is_register_form(insn)))
		insn->op = LODGE_OP_NONE;
	*found = opcode;
	return insn->op == LODGE_OP_NONE ? -EOPNOTSUPP : 0;
}

/* 16-bit addressing: eight fixed pairs (AMD APM volume 3, "ModRM and SIB Bytes"). */
static int decode_address16(struct decoder *d)
{
	static const u8 base[8] = {
		LODGE_RBX, LODGE_RBX, LODGE_RBP, LODGE_RBP,
		LODGE_RSI, LODGE_RDI, LODGE_RBP, LODGE_RBX,
	};
	static const u8 index[8] = {
		LODGE_RSI, LODGE_RDI, LODGE_RSI, LODGE_RDI,
		LODGE_NO_REG, LODGE_NO_REG, LODGE_NO_REG, LODGE_NO_REG,
	};
	struct lodge_insn *insn = d->insn;
	u8 mod = insn->modrm >> 6;
	u8 rm = insn->modrm & 7;

	if (mod == 0 && rm == 6)
		return fetch(d, 2, &insn->disp);
	insn->base = base[rm];
	insn->index = index[rm];
	return mod ? fetch(d, mod, &insn->disp) : 0;
}

static int decode_address(struct decoder *d)
{
	struct lodge_insn *insn = d->insn;
	u8 mod = insn->modrm >> 6;
	u8 rm = insn->modrm & 7;
	u8 base = rm;
	u8 sib;
	int ret;

	if (rm == 4) {
		ret = fetch_byte(d, &sib);
		if (ret)
			return ret;
		base = sib & 7;
		insn->scale = sib >> 6;
		insn->index = extend(d, (sib >> 3) & 7, REX_X);
		if (insn->index == LODGE_RSP)
			insn->index = LODGE_NO_REG;
	}

	/* No base: with mod 0 and number 5, whatever REX.B says. */
	if (mod == 0 && base == 5) {
		if (rm == 5 && d->mode == LODGE_MODE_64)
			insn->flags |= LODGE_INSN_RIP_RELATIVE;
		return fetch(d, 4, &insn->disp);
	}
	insn->base = extend(d, base, REX_B);
	if (mod)
		return fetch(d, mod == 1 ? 1 : 4, &insn->disp);
	return 0;
}

/* The memory operand of ModRM, with its default segment. */
static int decode_memory(struct decoder *d)
{
	struct lodge_insn *insn = d->insn;
	int ret;

	if (insn->addr_size == 2)
		ret = decode_address16(d);
	else
		ret = decode_address(d);
	if (!(insn->prefixes & LODGE_PREFIX_SEGMENT) &&
	    (insn->base == LODGE_RSP || insn->base == LODGE_RBP))
		insn->segment = LODGE_SEG_SS;
	return ret;
}

static unsigned int resolve_size(const struct decoder *d, u8 size, bool in_memory)
{
	const struct lodge_insn *insn = d->insn;
	unsigned int y = (insn->rex & REX_W) ? 8 : 4;

	switch (size) {
	case SIZE_V:
		return insn->op_size;
	case SIZE_VW:
		return in_memory ? 2 : insn->op_size;
	case SIZE_Z:
		return insn->op_size == 2 ? 2 : 4;
	case SIZE_Y:
		return y;
	case SIZE_2Y:
		return 2 * y;
	case SIZE_P:
		return insn->op_size + 2;
	case SIZE_MODE:
		return d->mode == LODGE_MODE_64 ? 8 : 4;
	case SIZE_TABLE:
		return d->mode == LODGE_MODE_64 ? 10 : 6;
	default:
		return size;
	}
}

static void set_operand(struct lodge_operand *operand, u8 kind, u8 reg)
{
	operand->kind = kind;
	operand->reg = reg;
}

/* Byte registers 4 to 7 without REX are AH, CH, DH, BH. */
static void set_gpr(const struct decoder *d, struct lodge_operand *operand, u8 reg)
{
	if (operand->size == 1 && !d->insn->rex && reg >= 4)
		set_operand(operand, LODGE_OPERAND_GPR_HIGH, reg - 4);
	else
		set_operand(operand, LODGE_OPERAND_GPR, reg);
}

/* ModRM.reg as a segment, control or debug register; others than exist are #UD. */
static void decode_special_register(struct decoder *d, struct lodge_operand *operand,
				    enum where where)
{
	struct lodge_insn *insn = d->insn;
	u8 number = (insn->modrm >> 3) & 7;

	switch (where) {
	case AT_REG_SEG:
		set_operand(operand, LODGE_OPERAND_SEG, number);
		if (number > LODGE_SEG_GS ||
		    (insn->op == LODGE_OP_MOV_TO_SEG && number == LODGE_SEG_CS))
			insn->op = LODGE_OP_UNDEFINED;
		break;
	case AT_REG_DR:
		number = extend(d, number, REX_R);
		set_operand(operand, LODGE_OPERAND_DR, number);
		if (number > 7)
			insn->op = LODGE_OP_UNDEFINED;
		break;
	default:
		/* AMD: LOCK names CR8 where REX cannot ("MOV CRn"). */
		number = extend(d, number, REX_R);
		if ((insn->prefixes & LODGE_PREFIX_LOCK) && number == 0) {
			insn->prefixes &= ~LODGE_PREFIX_LOCK;
			number = 8;
		}
		set_operand(operand, LODGE_OPERAND_CR, number);
		if (!(BIT(number) & (BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(8))))
			insn->op = LODGE_OP_UNDEFINED;
		break;
	}
}

static void decode_rm(struct decoder *d, struct lodge_operand *operand, enum where where)
{
	struct lodge_insn *insn = d->insn;
	u8 reg = extend(d, insn->modrm & 7, REX_B);

	if (where != AT_RM_GPR && !is_register_form(insn)) {
		set_operand(operand, LODGE_OPERAND_MEM, 0);
		return;
	}
	switch (where) {
	case AT_RM:
	case AT_RM_GPR:
		set_gpr(d, operand, reg);
		break;
	case AT_RM_XMM:
		set_operand(operand, LODGE_OPERAND_XMM, reg);
		break;
	default:
		insn->op = LODGE_OP_UNDEFINED;	/* memory only */
		break;
	}
}

static int decode_immediate(struct decoder *d, unsigned int size, bool second)
{
	s64 value;
	int ret;

	ret = fetch(d, size, &value);
	if (ret)
		return ret;
	if (second)
		d->insn->imm2 = value;
	else
		d->insn->imm = value;
	return 0;
}

/* An absolute offset is as wide as an address, and unsigned. */
static int decode_offset(struct decoder *d, struct lodge_operand *operand)
{
	struct lodge_insn *insn = d->insn;
	int ret;

	set_operand(operand, LODGE_OPERAND_MEM, 0);
	ret = fetch(d, insn->addr_size, &insn->disp);
	if (!ret && insn->addr_size < 8)
		insn->disp &= (1ull << (8 * insn->addr_size)) - 1;
	return ret;
}

static int decode_operand(struct decoder *d, struct lodge_operand *operand, u8 spec)
{
	struct lodge_insn *insn = d->insn;
	enum where where = specs[spec].where;
	u8 fetch_size = resolve_size(d, specs[spec].fetch, false);

	operand->size = resolve_size(d, specs[spec].size,
				     (insn->flags & LODGE_INSN_MODRM) && !is_register_form(insn));
	switch (where) {
	case AT_RM:
	case AT_RM_MEM:
	case AT_RM_GPR:
	case AT_RM_XMM:
		decode_rm(d, operand, where);
		return 0;
	case AT_REG:
		set_gpr(d, operand, extend(d, (insn->modrm >> 3) & 7, REX_R));
		return 0;
	case AT_REG_SEG:
	case AT_REG_CR:
	case AT_REG_DR:
		decode_special_register(d, operand, where);
		return 0;
	case AT_REG_XMM:
		set_operand(operand, LODGE_OPERAND_XMM,
			    extend(d, (insn->modrm >> 3) & 7, REX_R));
		return 0;
	case AT_OPCODE_REG:
		set_gpr(d, operand, extend(d, insn->opcode & 7, REX_B));
		return 0;
	case AT_OPCODE_SEG:
		set_operand(operand, LODGE_OPERAND_SEG, (insn->opcode >> 3) & 7);
		return 0;
	case AT_ACC:
		set_operand(operand, LODGE_OPERAND_GPR, LODGE_RAX);
		return 0;
	case AT_DX:
		set_operand(operand, LODGE_OPERAND_GPR, LODGE_RDX);
		return 0;
	case AT_CL:
		set_operand(operand, LODGE_OPERAND_GPR, LODGE_RCX);
		return 0;
	case AT_ONE:
		set_operand(operand, LODGE_OPERAND_ONE, 0);
		return 0;
	case AT_IMM:
		set_operand(operand, LODGE_OPERAND_IMM, 0);
		return decode_immediate(d, fetch_size, false);
	case AT_IMM2:
		return decode_immediate(d, fetch_size, true);
	case AT_OFFSET:
		return decode_offset(d, operand);
	case AT_XLAT:
		set_operand(operand, LODGE_OPERAND_MEM, 0);
		insn->base = LODGE_RBX;
		return 0;
	default:
		return 0;
	}
}

/* Operand size rules of stack and branch instructions in 64-bit mode. */
static int adjust_op_size(struct decoder *d, u16 flags)
{
	struct lodge_insn *insn = d->insn;

	if (d->mode != LODGE_MODE_64)
		return 0;
	if ((flags & OPC_D64) && insn->op_size == 4)
		insn->op_size = 8;
	if (flags & OPC_F64) {
		/* AMD: 16-bit branch. Intel: 66 ignored. Even the lengths differ. */
		if (insn->op_size == 2)
			return -EOPNOTSUPP;
		insn->op_size = 8;
	}
	return 0;
}

/* LOCK needs an instruction that allows it and a destination in memory. */
static void check_lock(struct lodge_insn *insn, u16 flags)
{
	if (!(insn->prefixes & LODGE_PREFIX_LOCK))
		return;
	if (!(flags & OPC_LOCK) || insn->operand[0].kind != LODGE_OPERAND_MEM)
		insn->op = LODGE_OP_UNDEFINED;
}

static int decode_operands(struct decoder *d, const struct emulate_opcode *opcode)
{
	struct lodge_insn *insn = d->insn;
	unsigned int i;
	int ret;

	if ((insn->flags & LODGE_INSN_MODRM) && !(opcode->flags & OPC_REG_ONLY) &&
	    !is_register_form(insn)) {
		ret = decode_memory(d);
		if (ret)
			return ret;
	}
	for (i = 0; i < ARRAY_SIZE(insn->operand) && opcode->spec[i]; i++) {
		ret = decode_operand(d, &insn->operand[i], opcode->spec[i]);
		if (ret)
			return ret;
	}
	return 0;
}

int emulate_decode(struct lodge_insn *insn, const u8 *bytes, unsigned int nr_bytes,
		   enum lodge_cpu_mode mode)
{
	const struct emulate_opcode *opcode;
	struct decoder d = {
		.insn = insn,
		.bytes = bytes,
		.nr_bytes = min_t(unsigned int, nr_bytes, LODGE_INSN_MAX),
		.mode = mode,
	};
	int ret;

	*insn = (struct lodge_insn) {
		.segment = LODGE_SEG_DS,
		.base = LODGE_NO_REG,
		.index = LODGE_NO_REG,
	};

	ret = decode_opcode(&d);
	if (ret)
		return ret;
	ret = find_opcode(&d, &opcode);
	if (ret)
		return ret;
	if (insn->op == LODGE_OP_UNDEFINED) {
		/* The CPU stops here too: what follows may be in a missing page. */
		insn->length = d.pos;
		return 0;
	}
	set_sizes(&d);
	ret = adjust_op_size(&d, opcode->flags);
	if (ret)
		return ret;
	ret = decode_operands(&d, opcode);
	if (ret)
		return ret;
	check_lock(insn, opcode->flags);

	/* XCHG of the accumulator with itself is NOP; with F3 in front, PAUSE. */
	if (insn->op == LODGE_OP_XCHG && insn->opcode == 0x90 &&
	    insn->operand[0].reg == LODGE_RAX) {
		insn->op = insn->prefixes & LODGE_PREFIX_REP ? LODGE_OP_PAUSE : LODGE_OP_NOP;
		memset(insn->operand, 0, sizeof(insn->operand));
	}
	insn->length = d.pos;
	return 0;
}
