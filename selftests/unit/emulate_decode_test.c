// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction decoder: lengths and operands from a table, prefixes in all
 * places, truncation at every byte, random bytes under the address sanitizer, and
 * binutils' disassembler as a second opinion on lengths.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/errno.h>
#include <linux/kernel.h>

#include "emulate/emulate.h"
#include "ktap.h"

#define M16	BIT(LODGE_MODE_16)
#define M32	BIT(LODGE_MODE_32)
#define M64	BIT(LODGE_MODE_64)
#define ALL	(M16 | M32 | M64)

struct length_case {
	const char *name;
	const char *bytes;
	unsigned int modes;
	u8 op;
};

#define C(_name, _bytes, _modes, _op) { _name, _bytes, _modes, LODGE_OP_##_op }

/* Everything that may be intercepted on a CPU that reports no instruction length. */
static const struct length_case intercepted[] = {
	C("CPUID", "0f a2", ALL, CPUID),
	C("RDMSR", "0f 32", ALL, RDMSR),
	C("WRMSR", "0f 30", ALL, WRMSR),
	C("HLT", "f4", ALL, HLT),
	C("PAUSE", "f3 90", ALL, PAUSE),
	C("VMMCALL", "0f 01 d9", ALL, VMMCALL),
	C("VMCALL", "0f 01 c1", ALL, VMCALL),
	C("XSETBV", "0f 01 d1", ALL, XSETBV),
	C("XGETBV", "0f 01 d0", ALL, XGETBV),
	C("RDPMC", "0f 33", ALL, RDPMC),
	C("RDTSC", "0f 31", ALL, RDTSC),
	C("RDTSCP", "0f 01 f9", ALL, RDTSCP),
	C("RDPRU", "0f 01 fd", ALL, RDPRU),
	C("INVD", "0f 08", ALL, INVD),
	C("WBINVD", "0f 09", ALL, WBINVD),
	C("WBNOINVD", "f3 0f 09", ALL, WBNOINVD),
	C("CLTS", "0f 06", ALL, CLTS),
	C("INVLPGA", "0f 01 df", ALL, INVLPGA),
	C("MONITOR", "0f 01 c8", ALL, MONITOR),
	C("MONITORX", "0f 01 fa", ALL, MONITOR),
	C("MWAIT", "0f 01 c9", ALL, MWAIT),
	C("MWAITX", "0f 01 fb", ALL, MWAIT),
	C("RSM", "0f aa", ALL, RSM),
	C("IRET", "cf", ALL, IRET),
	C("IRETQ", "48 cf", M64, IRET),
	C("INT", "cd 80", ALL, INT),
	C("INT3", "cc", ALL, INT3),
	C("INTO", "ce", M16 | M32, INTO),
	C("INTO, 64-bit", "ce", M64, UNDEFINED),
	C("ICEBP", "f1", ALL, ICEBP),
	C("VMRUN", "0f 01 d8", ALL, VMRUN),
	C("VMLOAD", "0f 01 da", ALL, VMLOAD),
	C("VMSAVE", "0f 01 db", ALL, VMSAVE),
	C("STGI", "0f 01 dc", ALL, STGI),
	C("CLGI", "0f 01 dd", ALL, CLGI),
	C("SKINIT", "0f 01 de", ALL, SKINIT),
	C("SWAPGS", "0f 01 f8", ALL, SWAPGS),
	C("PUSHF", "9c", ALL, PUSHF),
	C("POPF", "9d", ALL, POPF),
	C("IN AL, imm", "e4 60", ALL, IN),
	C("IN eAX, imm", "e5 60", ALL, IN),
	C("OUT imm, AL", "e6 80", ALL, OUT),
	C("OUT imm, eAX", "e7 80", ALL, OUT),
	C("IN AL, DX", "ec", ALL, IN),
	C("IN eAX, DX", "ed", ALL, IN),
	C("OUT DX, AL", "ee", ALL, OUT),
	C("OUT DX, eAX", "ef", ALL, OUT),
	C("INSB", "6c", ALL, INS),
	C("INSD", "6d", ALL, INS),
	C("OUTSB", "6e", ALL, OUTS),
	C("OUTSD", "6f", ALL, OUTS),
	C("MOV eax, cr0", "0f 20 c0", ALL, MOV_FROM_CR),
	C("MOV cr3, ecx", "0f 22 d9", ALL, MOV_TO_CR),
	C("MOV cr4, mod 0", "0f 22 20", ALL, MOV_TO_CR),
	C("MOV from cr0, SIB-like ModRM", "0f 20 04", ALL, MOV_FROM_CR),
	C("MOV from cr2, mod 1", "0f 20 54", ALL, MOV_FROM_CR),
	C("MOV cr1", "0f 20 c8", ALL, UNDEFINED),
	C("MOV cr8", "44 0f 20 c0", M64, MOV_FROM_CR),
	C("MOV cr8, by LOCK", "f0 0f 20 c0", ALL, MOV_FROM_CR),
	C("LOCK MOV cr3", "f0 0f 20 d8", ALL, UNDEFINED),
	C("MOV dr7, ebx", "0f 23 fb", ALL, MOV_TO_DR),
	C("MOV edx, dr6", "0f 21 f2", ALL, MOV_FROM_DR),
	C("MOV dr8", "44 0f 21 c0", M64, UNDEFINED),
	C("LMSW ax", "0f 01 f0", ALL, LMSW),
	C("SMSW eax", "0f 01 e0", ALL, SMSW),
	C("LMSW [disp16]", "0f 01 36 34 12", M16, LMSW),
	C("LMSW [disp32]", "0f 01 35 78 56 34 12", M32 | M64, LMSW),
	C("SMSW [bp+1]", "0f 01 66 01", ALL, SMSW),
	C("INVLPG [rax], [bx+si]", "0f 01 38", ALL, INVLPG),
	C("INVLPG [SIB, disp8]", "0f 01 7c 24 08", M32 | M64, INVLPG),
	C("INVPCID", "66 0f 38 82 08", ALL, INVPCID),
	C("SGDT", "0f 01 00", ALL, SGDT),
	C("SIDT", "0f 01 08", ALL, SIDT),
	C("LGDT", "0f 01 10", ALL, LGDT),
	C("LIDT", "0f 01 18", ALL, LIDT),
	C("SLDT", "0f 00 c0", ALL, SLDT),
	C("STR", "0f 00 08", ALL, STR),
	C("LLDT", "0f 00 d0", ALL, LLDT),
	C("LTR", "0f 00 d8", ALL, LTR),
	C("JMP ptr16:16", "ea 00 01 00 f0", M16, JMP_FAR),
	C("JMP ptr16:32", "ea 00 01 00 f0 08 00", M32, JMP_FAR),
	C("JMP ptr16:32, 16-bit", "66 ea 00 01 00 f0 08 00", M16, JMP_FAR),
	C("JMP ptr16:16, 32-bit", "66 ea 00 01 08 00", M32, JMP_FAR),
	C("JMP far, 64-bit", "ea", M64, UNDEFINED),
	C("CALL ptr16:16", "9a 00 01 00 f0", M16, CALL_FAR),
	C("CALL ptr16:32", "9a 00 01 00 f0 08 00", M32, CALL_FAR),
	C("JMP far [mem]", "ff 28", ALL, JMP_FAR),
	C("JMP far [RIP+disp]", "48 ff 2d 10 00 00 00", M64, JMP_FAR),
	C("CALL far [mem+disp8]", "ff 58 10", ALL, CALL_FAR),
	C("JMP far, register", "ff e8", ALL, UNDEFINED),
	C("RETF", "cb", ALL, RET_FAR),
	C("RETF imm", "ca 08 00", ALL, RET_FAR),
	C("SYSCALL", "0f 05", ALL, SYSCALL),
	C("SYSRET", "48 0f 07", M64, SYSRET),
	C("SYSENTER", "0f 34", ALL, SYSENTER),
	C("SYSEXIT", "0f 35", ALL, SYSEXIT),
};

/* What else there is in shapes of encoding. */
static const struct length_case shapes[] = {
	C("NOP", "90", ALL, NOP),
	C("XCHG r8, rax is no NOP", "49 90", M64, XCHG),
	C("NOP with REX.W", "48 90", M64, NOP),
	C("long NOP", "66 2e 0f 1f 84 00 00 00 00 00", M32 | M64, NOP),
	C("MOV r/m, imm32", "c7 05 00 00 00 00 01 00 00 00", M32 | M64, MOV),
	C("MOV r/m, imm16", "c7 06 00 00 01 00", M16, MOV),
	C("MOV r/m, imm16 by 66", "66 c7 00 01 00", M32 | M64, MOV),
	C("MOV r64, imm64", "48 b8 01 02 03 04 05 06 07 08", M64, MOV),
	C("MOV r32, imm32", "b8 01 02 03 04", M32 | M64, MOV),
	C("MOV al, moffs16", "a0 34 12", M16, MOV),
	C("MOV al, moffs32", "a0 78 56 34 12", M32, MOV),
	C("MOV al, moffs64", "a0 01 02 03 04 05 06 07 08", M64, MOV),
	C("MOV al, moffs32, 64-bit", "67 a0 78 56 34 12", M64, MOV),
	C("MOV [rsp+r12*8+disp32]", "42 89 84 e4 00 01 00 00", M64, MOV),
	C("MOV [r12]", "41 89 04 24", M64, MOV),
	C("MOV [r13+0]", "41 89 45 00", M64, MOV),
	C("MOV, SIB without base", "89 04 25 00 00 00 00", M32 | M64, MOV),
	C("MOV Sreg 6", "8e f0", ALL, UNDEFINED),
	C("MOV CS, ax", "8e c8", ALL, UNDEFINED),
	C("MOV DS, ax", "8e d8", ALL, MOV_TO_SEG),
	C("MOV eax, CS", "8c c8", ALL, MOV_FROM_SEG),
	C("TEST imm8", "f6 00 01", ALL, TEST),
	C("TEST imm32", "f7 c0 01 02 03 04", M32 | M64, TEST),
	C("NOT has no immediate", "f7 10", ALL, NOT),
	C("ADD imm8", "83 00 01", ALL, ADD),
	C("ADD, opcode 82", "82 00 01", M16 | M32, ADD),
	C("ADD, opcode 82, 64-bit", "82 00 01", M64, UNDEFINED),
	C("IMUL imm32", "69 c0 01 02 03 04", M32 | M64, IMUL),
	C("MOVSXD", "48 63 c8", M64, MOVSX),
	C("ARPL", "63 c8", M16 | M32, OTHER),
	C("LES", "c4 00", M16 | M32, OTHER),
	C("BOUND", "62 00", M16 | M32, OTHER),
	C("ENTER", "c8 10 00 01", ALL, OTHER),
	C("LEA register", "8d c0", ALL, UNDEFINED),
	C("MOVBE", "0f 38 f0 00", ALL, MOVBE),
	C("MOVBE register", "0f 38 f0 c0", ALL, UNDEFINED),
	C("CRC32", "f2 0f 38 f0 c0", ALL, OTHER),
	C("PALIGNR", "66 0f 3a 0f c1 08", ALL, OTHER),
	C("PSHUFD", "66 0f 70 c0 1b", ALL, OTHER),
	C("MOVDQU load", "f3 0f 6f 00", ALL, SSE_MOV),
	C("MOVDQA store", "66 0f 7f 00", ALL, SSE_MOV_ALIGNED),
	C("MOVSD, F2 wins over 66", "66 f2 0f 10 00", ALL, SSE_MOV_SCALAR),
	C("MOVHLPS", "0f 12 c1", ALL, SSE_MOV_LOW),
	C("MOVLPD register", "66 0f 12 c1", ALL, UNDEFINED),
	C("MOVNTI", "0f c3 00", ALL, MOV),
	C("CMPXCHG16B", "48 0f c7 08", M64, CMPXCHG8B),
	C("LOCK CMPXCHG8B", "f0 0f c7 08", ALL, CMPXCHG8B),
	C("LOCK ADD mem", "f0 01 00", ALL, ADD),
	C("LOCK ADD register", "f0 01 c0", ALL, UNDEFINED),
	C("LOCK ADD to register from mem", "f0 03 00", ALL, UNDEFINED),
	C("LOCK CMP", "f0 39 00", ALL, UNDEFINED),
	C("LOCK MOV", "f0 89 00", ALL, UNDEFINED),
	C("LOCK BT", "f0 0f a3 00", ALL, UNDEFINED),
	C("LOCK BTS", "f0 0f ab 00", ALL, BTS),
	C("LOCK XCHG", "f0 87 00", ALL, XCHG),
	C("LOCK NOT", "f0 f7 10", ALL, NOT),
	C("LOCK SHL", "f0 d1 20", ALL, UNDEFINED),
	C("LOCK HLT", "f0 f4", ALL, UNDEFINED),
	C("UD2", "0f 0b", ALL, UNDEFINED),
	C("JMP rel8", "eb fe", ALL, JMP),
	C("JMP rel16", "e9 00 01", M16, JMP),
	C("JMP rel32", "e9 00 01 00 00", M32 | M64, JMP),
	C("Jcc rel16", "0f 84 00 01", M16, JCC),
	C("Jcc rel32", "0f 84 00 01 00 00", M32 | M64, JCC),
	C("PUSH imm32", "68 01 02 03 04", M32 | M64, PUSH),
	C("PUSH imm16 by 66", "66 68 01 02", M32 | M64, PUSH),
	C("PUSH ES, 64-bit", "06", M64, UNDEFINED),
	C("PUSH FS", "0f a0", ALL, PUSH_SEG),
	C("POP r/m", "8f 00", ALL, POP),
	C("REX before a prefix is lost", "48 66 b8 01 02", M64, MOV),
	C("x87", "d9 45 10", ALL, OTHER),
	C("[bp]", "8b 46 00", ALL, MOV),
	C("[bx+di+disp16]", "8b 81 00 10", M16, MOV),
	C("32-bit address in 16-bit code", "67 8b 04 24", M16, MOV),
	C("16-bit address in 32-bit code", "67 8b 06 34 12", M32, MOV),
};

static unsigned int parse(const char *text, u8 *bytes)
{
	unsigned int nr = 0;

	while (*text) {
		bytes[nr++] = strtoul(text, NULL, 16);
		text += 2;
		while (*text == ' ')
			text++;
	}
	return nr;
}

/* From a heap buffer of exactly the right size, so that overruns are seen. */
static int decode(struct lodge_insn *insn, const u8 *bytes, unsigned int nr,
		  enum lodge_cpu_mode mode)
{
	u8 *copy = malloc(nr ? nr : 1);
	int ret;

	memcpy(copy, bytes, nr);
	ret = emulate_decode(insn, copy, nr, mode);
	free(copy);
	return ret;
}

static bool check_length(const struct length_case *c, const u8 *bytes, unsigned int nr,
			 enum lodge_cpu_mode mode, u8 op)
{
	struct lodge_insn insn;
	u8 padded[32];
	unsigned int i;
	int ret;

	/* Undefined ones end where that becomes clear, which may be early. */
	if (op == LODGE_OP_UNDEFINED) {
		ret = decode(&insn, bytes, nr, mode);
		return !ret && insn.op == op && insn.length <= nr;
	}
	for (i = 0; i < nr; i++) {
		ret = decode(&insn, bytes, i, mode);
		if (ret != -EAGAIN) {
			ktap_note("mode %d, %u of %u bytes: %d", mode, i, nr, ret);
			return false;
		}
	}
	memcpy(padded, bytes, nr);
	memset(padded + nr, 0xcc, sizeof(padded) - nr);
	for (i = nr; i <= 20; i++) {
		ret = decode(&insn, padded, i, mode);
		if (ret || insn.length != nr || insn.op != op) {
			ktap_note("mode %d, %u bytes: %d, length %u of %u, op %u of %u",
				  mode, i, ret, insn.length, nr, insn.op, op);
			return false;
		}
	}
	return true;
}

static void test_lengths(const struct length_case *cases, unsigned int nr_cases)
{
	unsigned int i, mode, nr;
	u8 bytes[16];
	bool passed;

	for (i = 0; i < nr_cases; i++) {
		nr = parse(cases[i].bytes, bytes);
		passed = true;
		for (mode = LODGE_MODE_16; mode <= LODGE_MODE_64; mode++) {
			if (cases[i].modes & BIT(mode))
				passed &= check_length(&cases[i], bytes, nr, mode, cases[i].op);
		}
		ktap_result(passed, "%s (%s)", cases[i].name, cases[i].bytes);
	}
}

/*
 * Prefixes that change neither length nor meaning of an intercepted instruction,
 * except where the table has that as a case of its own.
 */
static bool prefix_matters(const struct length_case *c, u8 prefix)
{
	bool has_mandatory = !strncmp(c->bytes, "f3", 2) || !strncmp(c->bytes, "66", 2);
	bool has_far_immediate = !strncmp(c->bytes, "ea", 2) || !strncmp(c->bytes, "9a", 2);

	if (has_far_immediate && prefix == 0x66)
		return true;
	/* A 16-bit displacement becomes a 32-bit one, and the reverse. */
	if (prefix == 0x67)
		return strlen(c->bytes) >= 8;
	if (prefix == 0xf2 || prefix == 0xf3)
		return has_mandatory || c->op == LODGE_OP_WBINVD;
	return false;
}

static void test_prefixes(void)
{
	static const u8 prefixes[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3,
	};
	unsigned int i, j, k, mode, nr;
	u8 bytes[20];
	bool passed;

	for (i = 0; i < ARRAY_SIZE(intercepted); i++) {
		const struct length_case *c = &intercepted[i];

		nr = parse(c->bytes, bytes + 2);
		passed = true;
		for (j = 0; j < ARRAY_SIZE(prefixes) * ARRAY_SIZE(prefixes); j++) {
			bytes[0] = prefixes[j % ARRAY_SIZE(prefixes)];
			bytes[1] = prefixes[j / ARRAY_SIZE(prefixes)];
			if (prefix_matters(c, bytes[0]) || prefix_matters(c, bytes[1]))
				continue;
			for (mode = LODGE_MODE_16; mode <= LODGE_MODE_64; mode++) {
				if (!(c->modes & BIT(mode)))
					continue;
				for (k = 0; k < 2; k++)
					passed &= check_length(c, bytes + k, nr + 2 - k, mode,
							       c->op);
			}
		}
		ktap_result(passed, "%s behind one and two prefixes", c->name);
	}
}

static void test_too_long(void)
{
	struct lodge_insn insn;
	u8 bytes[20];
	int ret;

	memset(bytes, 0x66, sizeof(bytes));
	bytes[14] = 0x90;
	ret = decode(&insn, bytes, 20, LODGE_MODE_64);
	ktap_result(!ret && insn.length == 15, "15 bytes are an instruction");
	bytes[14] = 0x66;
	ktap_result(decode(&insn, bytes, 20, LODGE_MODE_64) == -E2BIG, "16 bytes are too long");
	ktap_result(decode(&insn, bytes, 15, LODGE_MODE_64) == -E2BIG, "15 prefixes are too long");
	ktap_result(decode(&insn, bytes, 14, LODGE_MODE_64) == -EAGAIN, "14 prefixes: more bytes");
	ktap_result(decode(&insn, bytes, 0, LODGE_MODE_64) == -EAGAIN, "no bytes: more bytes");
}

static void test_unknown(void)
{
	static const char *const texts[] = {
		"62 f1 7c 48 10 00", "c5 f8 10 00", "c4 e1 78 10 00", "8f e8 78 a0 c1",
		"0f 04", "0f 0a", "0f 24 c0", "0f 36", "d6 00", "66 e9 00 00 00 00", "66 c3",
		"0f 01 c5", "0f ba 00 00", "c7 08 00 00 00 00",
	};
	struct lodge_insn insn;
	unsigned int i, nr;
	u8 bytes[16];
	int ret;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		nr = parse(texts[i], bytes);
		ret = decode(&insn, bytes, nr, LODGE_MODE_64);
		ktap_result(ret == -EOPNOTSUPP || (!ret && insn.op == LODGE_OP_UNDEFINED),
			    "not known: %s", texts[i]);
	}
}

/* Operands: destination, source, sizes. */
struct operand_case {
	const char *bytes;
	enum lodge_cpu_mode mode;
	u8 op_size, addr_size, segment, base, index, scale;
	s64 disp, imm;
	struct lodge_operand operand[2];
};

#define GPR(_size, _reg)	{ LODGE_OPERAND_GPR, _size, LODGE_##_reg }
#define HIGH(_reg)		{ LODGE_OPERAND_GPR_HIGH, 1, LODGE_##_reg }
#define MEM(_size)		{ LODGE_OPERAND_MEM, _size, 0 }
#define IMM(_size)		{ LODGE_OPERAND_IMM, _size, 0 }
#define CR(_size, _reg)		{ LODGE_OPERAND_CR, _size, _reg }
#define DR(_size, _reg)		{ LODGE_OPERAND_DR, _size, _reg }
#define XMM(_size, _reg)	{ LODGE_OPERAND_XMM, _size, _reg }
#define SEG(_reg)		{ LODGE_OPERAND_SEG, 2, LODGE_SEG_##_reg }
#define NO			LODGE_NO_REG
#define DS			LODGE_SEG_DS
#define SS			LODGE_SEG_SS

static const struct operand_case operand_cases[] = {
	{ "0f 20 c3", 2, 4, 8, DS, NO, NO, 0, 0, 0, { GPR(8, RBX), CR(8, 0) } },
	{ "0f 20 c3", 1, 4, 4, DS, NO, NO, 0, 0, 0, { GPR(4, RBX), CR(4, 0) } },
	{ "0f 20 c3", 0, 2, 2, DS, NO, NO, 0, 0, 0, { GPR(4, RBX), CR(4, 0) } },
	{ "66 0f 22 e7", 2, 2, 8, DS, NO, NO, 0, 0, 0, { CR(8, 4), GPR(8, RDI) } },
	{ "45 0f 22 c1", 2, 4, 8, DS, NO, NO, 0, 0, 0, { CR(8, 8), GPR(8, R9) } },
	{ "f0 0f 22 c1", 1, 4, 4, DS, NO, NO, 0, 0, 0, { CR(4, 8), GPR(4, RCX) } },
	{ "0f 22 1c", 2, 4, 8, DS, NO, NO, 0, 0, 0, { CR(8, 3), GPR(8, RSP) } },
	{ "41 0f 23 f8", 2, 4, 8, DS, NO, NO, 0, 0, 0, { DR(8, 7), GPR(8, R8) } },
	{ "0f 01 f2", 2, 4, 8, DS, NO, NO, 0, 0, 0, { GPR(2, RDX) } },
	{ "0f 01 36 34 12", 0, 2, 2, DS, NO, NO, 0, 0x1234, 0, { MEM(2) } },
	{ "48 0f 01 e0", 2, 8, 8, DS, NO, NO, 0, 0, 0, { GPR(8, RAX) } },
	{ "0f 01 65 f8", 1, 4, 4, SS, LODGE_RBP, NO, 0, -8, 0, { MEM(2) } },
	{ "88 e0", 2, 4, 8, DS, NO, NO, 0, 0, 0, { GPR(1, RAX), HIGH(RAX) } },
	{ "40 88 e0", 2, 4, 8, DS, NO, NO, 0, 0, 0, { GPR(1, RAX), GPR(1, RSP) } },
	{ "b7 7f", 1, 4, 4, DS, NO, NO, 0, 0, 0x7f, { HIGH(RBX), IMM(1) } },
	{ "48 c7 44 8c 10 fe ff ff ff", 2, 8, 8, SS, LODGE_RSP, LODGE_RCX, 2, 16, -2,
	  { MEM(8), IMM(8) } },
	{ "65 48 8b 04 25 28 00 00 00", 2, 8, 8, LODGE_SEG_GS, NO, NO, 0, 0x28, 0,
	  { GPR(8, RAX), MEM(8) } },
	{ "64 26 8b 00", 2, 4, 8, LODGE_SEG_FS, LODGE_RAX, NO, 0, 0, 0,
	  { GPR(4, RAX), MEM(4) } },
	{ "64 26 8b 00", 1, 4, 4, LODGE_SEG_ES, LODGE_RAX, NO, 0, 0, 0,
	  { GPR(4, RAX), MEM(4) } },
	{ "36 8b 07", 0, 2, 2, LODGE_SEG_SS, LODGE_RBX, NO, 0, 0, 0,
	  { GPR(2, RAX), MEM(2) } },
	{ "8b 43 fe", 0, 2, 2, SS, LODGE_RBP, LODGE_RDI, 0, -2, 0,
	  { GPR(2, RAX), MEM(2) } },
	{ "3e 8b 02", 0, 2, 2, DS, LODGE_RBP, LODGE_RSI, 0, 0, 0,
	  { GPR(2, RAX), MEM(2) } },
	{ "a1 f0 ff", 0, 2, 2, DS, NO, NO, 0, 0xfff0, 0, { GPR(2, RAX), MEM(2) } },
	{ "a3 f0 ff ff ff", 1, 4, 4, DS, NO, NO, 0, 0xfffffff0, 0, { MEM(4), GPR(4, RAX) } },
	{ "e5 80", 2, 4, 8, DS, NO, NO, 0, 0, -128, { GPR(4, RAX), IMM(1) } },
	{ "48 ef", 2, 8, 8, DS, NO, NO, 0, 0, 0, { GPR(2, RDX), GPR(4, RAX) } },
	{ "66 f3 0f 7e 01", 2, 2, 8, DS, LODGE_RCX, NO, 0, 0, 0, { XMM(16, 0), MEM(8) } },
	{ "66 48 0f 6e c8", 2, 8, 8, DS, NO, NO, 0, 0, 0, { XMM(16, 1), GPR(8, RAX) } },
	{ "44 0f 29 3f", 2, 4, 8, DS, LODGE_RDI, NO, 0, 0, 0, { MEM(16), XMM(16, 15) } },
	{ "8c 18", 2, 4, 8, DS, LODGE_RAX, NO, 0, 0, 0, { MEM(2), SEG(DS) } },
	{ "48 8c d8", 2, 8, 8, DS, NO, NO, 0, 0, 0, { GPR(8, RAX), SEG(DS) } },
	{ "ff 30", 2, 8, 8, DS, LODGE_RAX, NO, 0, 0, 0, { MEM(8) } },
	{ "66 ff 30", 2, 2, 8, DS, LODGE_RAX, NO, 0, 0, 0, { MEM(2) } },
	{ "6a ff", 2, 8, 8, DS, NO, NO, 0, 0, -1, { IMM(8) } },
	{ "67 8b 44 45 01", 2, 4, 4, SS, LODGE_RBP, LODGE_RAX, 1, 1, 0,
	  { GPR(4, RAX), MEM(4) } },
	{ "8b 04 61", 1, 4, 4, DS, LODGE_RCX, NO, 1, 0, 0, { GPR(4, RAX), MEM(4) } },
	{ "42 8b 04 61", 2, 4, 8, DS, LODGE_RCX, LODGE_R12, 1, 0, 0,
	  { GPR(4, RAX), MEM(4) } },
};

static void test_operands(void)
{
	struct lodge_insn insn;
	unsigned int i, nr;
	u8 bytes[16];
	bool passed;

	for (i = 0; i < ARRAY_SIZE(operand_cases); i++) {
		const struct operand_case *c = &operand_cases[i];

		nr = parse(c->bytes, bytes);
		passed = !decode(&insn, bytes, nr, c->mode) && insn.length == nr &&
			 insn.op_size == c->op_size && insn.addr_size == c->addr_size &&
			 insn.segment == c->segment && insn.base == c->base &&
			 insn.index == c->index && insn.scale == c->scale &&
			 insn.disp == c->disp && insn.imm == c->imm &&
			 !memcmp(insn.operand, c->operand, sizeof(c->operand));
		ktap_result(passed, "operands of %s in mode %d", c->bytes, c->mode);
	}
}

static u64 random_state = 0x9e3779b97f4a7c15;

static u64 random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Any bytes: no overrun, a length within bounds, operands that can be used as indices. */
static void test_fuzz(void)
{
	struct lodge_insn insn;
	bool passed = true;
	unsigned int i, j, nr;
	u8 bytes[16];
	int ret;

	for (i = 0; i < 2000000 && passed; i++) {
		for (j = 0; j < 16; j++)
			bytes[j] = random64() >> 32;
		if (i & 1)
			bytes[i >> 1 & 3] = 0x0f;
		nr = random64() % 17;
		if (i % 16 == 0)
			ret = decode(&insn, bytes, nr, i % 3);
		else
			ret = emulate_decode(&insn, bytes, nr, i % 3);
		if (ret == 0) {
			passed = insn.length >= 1 && insn.length <= LODGE_INSN_MAX &&
				 insn.length <= nr && insn.op < LODGE_NR_OPS && insn.op &&
				 insn.segment <= LODGE_SEG_GS &&
				 (insn.base == LODGE_NO_REG || insn.base < LODGE_NR_GPRS) &&
				 (insn.index == LODGE_NO_REG || insn.index < LODGE_NR_GPRS);
			for (j = 0; j < 3; j++)
				passed = passed && insn.operand[j].reg < LODGE_NR_GPRS &&
					 insn.operand[j].size <= 16;
		} else {
			passed = ret == -EAGAIN || ret == -EOPNOTSUPP || ret == -E2BIG;
			if (ret == -EAGAIN)
				passed = passed && nr < LODGE_INSN_MAX;
			if (ret == -E2BIG)
				passed = passed && nr >= LODGE_INSN_MAX;
		}
	}
	ktap_result(passed, "two million random byte strings");
}

#define SLOT	32
#define SAMPLES	6000

/* Prefixes that objdump shows on a line of their own are not worth arguing about. */
static bool is_lone_prefix(const char *mnemonic)
{
	static const char *const names[] = {
		"(bad)", "data16", "data32", "addr16", "addr32", "lock", "rep", "repz", "repnz", "rex",
		"cs", "ds", "es", "fs", "gs", "ss", "fwait", ".byte", "xacquire", "xrelease", "bnd",
	};
	unsigned int i;
	size_t len;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		len = strlen(names[i]);
		if (!strncmp(mnemonic, names[i], len) && strchr(" \t\n.", mnemonic[len]))
			return true;
	}
	return strstr(mnemonic, "(bad)");
}

static void make_sample(u8 *bytes, enum lodge_cpu_mode mode)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x65 };
	unsigned int i = 0, j, kind = random64() % 8;

	memset(bytes, 0x90, SLOT);
	if (random64() % 4 == 0)
		bytes[i++] = prefixes[random64() % ARRAY_SIZE(prefixes)];
	if (mode == LODGE_MODE_64 && random64() % 2)
		bytes[i++] = 0x40 | (random64() & 15);
	if (kind >= 4)
		bytes[i++] = 0x0f;
	if (kind == 7)
		bytes[i++] = random64() & 1 ? 0x38 : 0x3a;
	for (j = 0; j < 12; j++)
		bytes[i++] = random64() >> 24;
}

/* Lengths that objdump found, by the addresses of the lines; 0: no opinion. */
static int read_objdump(const char *path, const char *machine, u8 *lengths)
{
	char command[256], line[512];
	unsigned long address, start = 1;
	bool wanted = false;
	char *mnemonic;
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "objdump -D -b binary -m %s --insn-width=16 %s 2>/dev/null", machine, path);
	pipe = popen(command, "r");
	if (!pipe)
		return -1;
	memset(lengths, 0, SAMPLES);
	while (fgets(line, sizeof(line), pipe)) {
		if (sscanf(line, " %lx:\t", &address) != 1)
			continue;
		if (wanted && address / SLOT == start / SLOT)
			lengths[start / SLOT] = address - start;
		mnemonic = strrchr(line, '\t');
		wanted = address % SLOT == 0 && address / SLOT < SAMPLES && mnemonic &&
			 !is_lone_prefix(mnemonic + 1);
		start = address;
	}
	return pclose(pipe);
}

static void test_objdump(enum lodge_cpu_mode mode)
{
	static const char *const machines[] = { "i8086", "i386", "i386:x86-64" };
	static u8 samples[SAMPLES][SLOT], lengths[SAMPLES];
	char path[] = "/tmp/lodge-decode-XXXXXX", name[64];
	unsigned int i, compared = 0, differing = 0;
	struct lodge_insn insn;
	int fd, ret;

	snprintf(name, sizeof(name), "lengths as objdump -m %s sees them", machines[mode]);
	fd = mkstemp(path);
	for (i = 0; i < SAMPLES; i++)
		make_sample(samples[i], mode);
	ret = fd < 0 || write(fd, samples, sizeof(samples)) != sizeof(samples);
	if (!ret)
		ret = read_objdump(path, machines[mode], lengths);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	if (ret) {
		ktap_skip(name, "objdump (package binutils) is not there");
		return;
	}
	for (i = 0; i < SAMPLES; i++) {
		if (!lengths[i] || emulate_decode(&insn, samples[i], LODGE_INSN_MAX, mode) ||
		    insn.op == LODGE_OP_UNDEFINED)
			continue;
		compared++;
		if (lengths[i] == insn.length)
			continue;
		if (differing++ < 20)
			ktap_note("%02x %02x %02x %02x %02x %02x: %u, objdump %u", samples[i][0],
				  samples[i][1], samples[i][2], samples[i][3], samples[i][4],
				  samples[i][5], insn.length, lengths[i]);
	}
	ktap_note("%u instructions compared", compared);
	ktap_result(!differing && compared > SAMPLES / 4, "%s", name);
}

int main(void)
{
	ktap_begin();
	test_lengths(intercepted, ARRAY_SIZE(intercepted));
	test_lengths(shapes, ARRAY_SIZE(shapes));
	test_prefixes();
	test_too_long();
	test_unknown();
	test_operands();
	test_fuzz();
	test_objdump(LODGE_MODE_16);
	test_objdump(LODGE_MODE_32);
	test_objdump(LODGE_MODE_64);
	return ktap_end();
}
