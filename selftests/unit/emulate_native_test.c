// SPDX-License-Identifier: GPL-2.0
/*
 * The executor against the CPU that runs this test: each instruction is executed
 * natively and emulated on the same registers, flags and memory, over many operand
 * values, and everything that the manual defines must be the same. 64-bit code
 * only; segmentation and faults on memory are emulate_exec_test.c's.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <linux/kernel.h>

#include "emulate/emulate.h"
#include "ktap.h"
#include "x86.h"

#define CF	X86_EFLAGS_CF
#define PF	X86_EFLAGS_PF
#define AF	X86_EFLAGS_AF
#define ZF	X86_EFLAGS_ZF
#define SF	X86_EFLAGS_SF
#define OF	X86_EFLAGS_OF
#define ALL_FLAGS (CF | PF | AF | ZF | SF | OF)

#define MEMORY_BYTES	256

/* The order is run_native()'s. */
struct native {
	u64 rax, rcx, rdx, rbx, rsi, rdi, r8, r9;
	u64 rflags;
};

static const u8 native_gprs[] = {
	LODGE_RAX, LODGE_RCX, LODGE_RDX, LODGE_RBX, LODGE_RSI, LODGE_RDI, LODGE_R8, LODGE_R9,
};

void run_native(struct native *registers, const void *code);

asm(
	".text\n"
	".globl run_native\n"
	"run_native:\n"
	"push %rbx\n"
	"push %rbp\n"
	"push %r12\n"
	"push %r13\n"
	"mov %rdi, %r12\n"
	"mov %rsi, %r13\n"
	"mov 0(%r12), %rax\n"
	"mov 8(%r12), %rcx\n"
	"mov 16(%r12), %rdx\n"
	"mov 24(%r12), %rbx\n"
	"mov 32(%r12), %rsi\n"
	"mov 40(%r12), %rdi\n"
	"mov 48(%r12), %r8\n"
	"mov 56(%r12), %r9\n"
	"push 64(%r12)\n"
	"popf\n"
	"call *%r13\n"
	"pushf\n"
	"pop 64(%r12)\n"
	"cld\n"
	"mov %rax, 0(%r12)\n"
	"mov %rcx, 8(%r12)\n"
	"mov %rdx, 16(%r12)\n"
	"mov %rbx, 24(%r12)\n"
	"mov %rsi, 32(%r12)\n"
	"mov %rdi, 40(%r12)\n"
	"mov %r8, 48(%r12)\n"
	"mov %r9, 56(%r12)\n"
	"pop %r13\n"
	"pop %r12\n"
	"pop %rbp\n"
	"pop %rbx\n"
	"ret\n");

static u8 *code;
static u8 memory[MEMORY_BYTES] __aligned(16);
static sigjmp_buf divide_error;

static void on_sigfpe(int signal)
{
	siglongjmp(divide_error, 1);
}

/* Linear addresses are this program's own. */
static enum emulate_result host_read(struct emulate_ctxt *ctxt, gva_t linear, void *data,
				     unsigned int len)
{
	memcpy(data, (void *)linear, len);
	return EMULATE_DONE;
}

static enum emulate_result host_write(struct emulate_ctxt *ctxt, gva_t linear,
				      const void *data, unsigned int len)
{
	memcpy((void *)linear, data, len);
	return EMULATE_DONE;
}

static enum emulate_result host_cmpxchg(struct emulate_ctxt *ctxt, gva_t linear,
					const void *old, const void *new, unsigned int len)
{
	if (memcmp((void *)linear, old, len))
		return EMULATE_UNKNOWN;
	return host_write(ctxt, linear, new, len);
}

static const struct emulate_ops host_ops = {
	.read = host_read,
	.write = host_write,
	.cmpxchg = host_cmpxchg,
};

/* What an instruction leaves undefined, given the operands. */
enum undefined {
	DEFINED,
	UNDEFINED_AF,
	UNDEFINED_SHIFT,	/* AF; OF unless the count is one; CF above the width */
	UNDEFINED_ROTATE,	/* OF unless the count is one */
	UNDEFINED_DOUBLE,	/* as shifts; the result above the width */
	UNDEFINED_MULTIPLY,
	UNDEFINED_DIVIDE,
	UNDEFINED_BIT,
	UNDEFINED_SCAN,
};

struct test {
	const char *name;
	u8 bytes[16];
	unsigned int nr_bytes;
	unsigned int size;	/* of the operands */
	enum undefined undefined;
	int count;		/* of a shift; -1: in CL */
};

static const u64 values[] = {
	0, 1, 2, 7, 8, 0x0f, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xff, 0x100, 0x7fff,
	0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
	0x7fffffffffffffff, 0x8000000000000000, 0x8000000080008080, 0xffffffffffffffff,
	0xfffffffffffffffe, 0x123456789abcdef0, 0xaaaaaaaaaaaaaaaa, 0x5555555555555555,
};

static u64 defined_flags(const struct test *test, const struct native *before)
{
	unsigned int bits = 8 * test->size;
	unsigned int count = test->count < 0 ? before->rcx : test->count;

	count &= bits == 64 ? 63 : 31;
	switch (test->undefined) {
	case UNDEFINED_AF:
		return ALL_FLAGS & ~AF;
	case UNDEFINED_SHIFT:
	case UNDEFINED_DOUBLE:
		if (!count)
			return ALL_FLAGS;
		return ALL_FLAGS & ~(AF | (count > 1 ? OF : 0) | (count > bits ? CF : 0));
	case UNDEFINED_ROTATE:
		return ALL_FLAGS & ~(count > 1 ? OF : 0);
	case UNDEFINED_MULTIPLY:
		return CF | OF;
	case UNDEFINED_DIVIDE:
		return 0;
	case UNDEFINED_BIT:
		return CF | ZF;
	case UNDEFINED_SCAN:
		return ZF;
	default:
		return ALL_FLAGS;
	}
}

/* The double shifts of 16 bits by more than that have no defined result. */
static bool has_result(const struct test *test, const struct native *before)
{
	unsigned int count = test->count < 0 ? before->rcx : test->count;

	if (test->undefined == UNDEFINED_DOUBLE)
		return (count & (test->size == 8 ? 63 : 31)) <= 8 * test->size;
	return true;
}

static enum emulate_result emulate(const struct test *test, struct native *native)
{
	static struct emulate_ctxt ctxt;
	struct lodge_x86_state state = {
		.rip = (u64)code, .rflags = native->rflags, .cr0 = X86_CR0_PE, .efer = EFER_LMA,
	};
	u64 *values = &native->rax;
	enum emulate_result ret;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(native_gprs); i++)
		state.gprs[native_gprs[i]] = values[i];
	ctxt.state = &state;
	ctxt.ops = &host_ops;
	ctxt.mode = LODGE_MODE_64;
	if (emulate_decode(&ctxt.insn, test->bytes, test->nr_bytes, LODGE_MODE_64) ||
	    ctxt.insn.length != test->nr_bytes)
		return EMULATE_UNKNOWN;
	ret = emulate_exec(&ctxt);
	for (i = 0; i < ARRAY_SIZE(native_gprs); i++)
		values[i] = state.gprs[native_gprs[i]];
	native->rflags = state.rflags;
	if (ret == EMULATE_DONE && state.rip != (u64)code + test->nr_bytes)
		return EMULATE_UNKNOWN;
	if (ret == EMULATE_FAULT && ctxt.fault.vector != LODGE_VECTOR_DE)
		return EMULATE_UNKNOWN;
	return ret;
}

static void note_difference(const struct test *test, const struct native *before,
			    const struct native *native, const struct native *emulated)
{
	ktap_note("rax %lx rcx %lx rdx %lx rbx %lx memory at %ld flags %lx:",
		  (long)before->rax, (long)before->rcx, (long)before->rdx, (long)before->rbx,
		  (long)(before->rsi - (u64)memory), (long)before->rflags);
	ktap_note("CPU rax %lx rcx %lx rdx %lx flags %lx", (long)native->rax, (long)native->rcx,
		  (long)native->rdx, (long)native->rflags);
	ktap_note("emulated rax %lx rcx %lx rdx %lx flags %lx", (long)emulated->rax,
		  (long)emulated->rcx, (long)emulated->rdx, (long)emulated->rflags);
}

/* One combination of operands: returns whether both agree. */
static bool compare(const struct test *test, const struct native *before)
{
	u8 initial[MEMORY_BYTES], result[MEMORY_BYTES];
	struct native native = *before;
	struct native emulated = *before;
	volatile bool faulted = false;
	enum emulate_result ret;
	bool same;

	memcpy(initial, memory, MEMORY_BYTES);
	if (sigsetjmp(divide_error, 1))
		faulted = true;
	else
		run_native(&native, code);
	memcpy(result, memory, MEMORY_BYTES);
	memcpy(memory, initial, MEMORY_BYTES);

	ret = emulate(test, &emulated);
	if (faulted)
		return ret == EMULATE_FAULT && !memcmp(&emulated, before, sizeof(emulated));
	if (!has_result(test, before))
		return ret == EMULATE_DONE;
	same = ret == EMULATE_DONE &&
	       !((native.rflags ^ emulated.rflags) & defined_flags(test, before)) &&
	       !memcmp(&native, &emulated, offsetof(struct native, rflags)) &&
	       !memcmp(memory, result, MEMORY_BYTES);
	if (!same)
		note_difference(test, before, &native, &emulated);
	return same;
}

/* Whether all tests since the last result were passed. */
static bool all_same = true;

static void report(const char *name)
{
	ktap_result(all_same, "%s", name);
	all_same = true;
}

static void run_test(const struct test *test)
{
	/* Clear, set, and two mixtures. */
	static const unsigned int flags[] = { 0, ALL_FLAGS, CF | ZF | AF, SF | OF | PF };
	struct native before;
	bool same = true;
	unsigned int i, j;

	memcpy(code, test->bytes, test->nr_bytes);
	code[test->nr_bytes] = 0xc3;	/* ret */
	for (i = 0; i < ARRAY_SIZE(values) && same; i++) {
		for (j = 0; j < ARRAY_SIZE(values) * 4 && same; j++) {
			u64 other = values[j / 4];

			before = (struct native) {
				.rax = values[i], .rcx = other, .rdx = values[(i + j) % 31],
				.rbx = other ^ values[i], .r8 = values[i], .r9 = other,
				.rsi = (u64)memory + 128, .rdi = (u64)memory + 64,
				.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF | flags[j % 4],
			};
			memset(memory, i + j, MEMORY_BYTES);
			memcpy(memory + 128, &values[i], 8);
			memcpy(memory + 136, &other, 8);
			memcpy(memory + 64, &other, 8);
			same = compare(test, &before);
		}
	}
	if (!same)
		ktap_note("%s", test->name);
	all_same &= same;
}

/* "66" for words, REX.W for quadwords; the opcode's low bit for all but bytes. */
static unsigned int put_size(u8 *bytes, unsigned int size)
{
	if (size == 2)
		bytes[0] = 0x66;
	else if (size == 8)
		bytes[0] = 0x48;
	return size == 2 || size == 8;
}

/*
 * One instruction in one size with register and memory operands. @opcode: with the
 * byte form's low bit clear, 0F in front if above 0xff; @reg: ModRM.reg; @imm: bytes
 * of immediate that follow, with value @value.
 */
static void run_sized(const char *name, unsigned int opcode, unsigned int size,
		      unsigned int reg, unsigned int imm, u32 value, enum undefined undefined,
		      int count)
{
	/* rcx; memory at rsi; memory at rsi+8 with SIB and displacement. */
	static const struct {
		const char *name;
		unsigned int nr;
		u8 modrm[3];
	} forms[] = {
		{ "register", 1, { 0xc1 } },
		{ "memory", 1, { 0x06 } },
		{ "memory with SIB", 3, { 0x44, 0x26, 0x08 } },
	};
	struct test test = { .size = size, .undefined = undefined, .count = count };
	unsigned int form, n;
	char text[96];

	for (form = 0; form < ARRAY_SIZE(forms); form++) {
		n = put_size(test.bytes, size);
		if (opcode > 0xff)
			test.bytes[n++] = 0x0f;
		test.bytes[n++] = opcode;
		memcpy(test.bytes + n, forms[form].modrm, forms[form].nr);
		test.bytes[n] |= reg << 3;
		n += forms[form].nr;
		memcpy(test.bytes + n, &value, imm);
		test.nr_bytes = n + imm;
		snprintf(text, sizeof(text), "%s, %u bytes, %s", name, size, forms[form].name);
		test.name = text;
		run_test(&test);
	}
}

/* All four sizes; the opcode is that of the byte form. */
static void run_sizes(const char *name, unsigned int opcode, unsigned int reg,
		      enum undefined undefined, int count)
{
	unsigned int size;

	for (size = 1; size <= 8; size *= 2)
		run_sized(name, opcode | (size > 1), size, reg, 0, 0, undefined, count);
}

/* Word, doubleword, quadword. */
static void run_wide(const char *name, unsigned int opcode, unsigned int reg, unsigned int imm,
		     u32 value, enum undefined undefined, int count)
{
	unsigned int size;

	for (size = 2; size <= 8; size *= 2)
		run_sized(name, opcode, size, reg, imm, value, undefined, count);
}

static void test_binary(void)
{
	static const char *const names[] = {
		"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp",
	};
	enum undefined undefined;
	unsigned int i, size;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		/* The logical ones leave AF undefined. */
		undefined = i == 1 || i == 4 || i == 6 ? UNDEFINED_AF : DEFINED;
		run_sizes(names[i], i << 3, LODGE_RAX, undefined, 0);
		run_sizes(names[i], i << 3 | 2, LODGE_RDX, undefined, 0);
		run_sized(names[i], 0x80, 1, i, 1, 0x81, undefined, 0);
		for (size = 2; size <= 8; size *= 2) {
			run_sized(names[i], 0x83, size, i, 1, 0x81, undefined, 0);
			run_sized(names[i], 0x81, size, i, size == 2 ? 2 : 4, 0x87654321,
				  undefined, 0);
		}
		report(names[i]);
	}
	run_sizes("test", 0x84, LODGE_RAX, UNDEFINED_AF, 0);
	run_sized("test imm", 0xf6, 1, 0, 1, 0x81, UNDEFINED_AF, 0);
	run_sized("test imm", 0xf7, 8, 0, 4, 0x80000001, UNDEFINED_AF, 0);
	report("test");
	run_sized("add to ah", 0x00, 1, LODGE_RSP, 0, 0, DEFINED, 0);
	report("add to ah");
}

static void test_unary(void)
{
	run_sizes("inc", 0xfe, 0, DEFINED, 0);
	report("inc");
	run_sizes("dec", 0xfe, 1, DEFINED, 0);
	report("dec");
	run_sizes("not", 0xf6, 2, DEFINED, 0);
	report("not");
	run_sizes("neg", 0xf6, 3, DEFINED, 0);
	report("neg");
	run_sizes("mul", 0xf6, 4, UNDEFINED_MULTIPLY, 0);
	report("mul");
	run_sizes("imul", 0xf6, 5, UNDEFINED_MULTIPLY, 0);
	report("imul");
	run_sizes("div", 0xf6, 6, UNDEFINED_DIVIDE, 0);
	report("div");
	run_sizes("idiv", 0xf6, 7, UNDEFINED_DIVIDE, 0);
	report("idiv");
	run_wide("imul reg, r/m", 0x1af, LODGE_RAX, 0, 0, UNDEFINED_MULTIPLY, 0);
	run_wide("imul reg, r/m, imm8", 0x6b, LODGE_RAX, 1, 0x83, UNDEFINED_MULTIPLY, 0);
	run_sized("imul reg, r/m, imm32", 0x69, 8, LODGE_RAX, 4, 0x80000003,
		  UNDEFINED_MULTIPLY, 0);
	report("imul with two and three operands");
}

static void test_shifts(void)
{
	static const char *const names[] = {
		"rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar",
	};
	static const u8 counts[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 0xff };
	enum undefined undefined;
	unsigned int i, j, size;
	char name[32];

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		undefined = i < 4 ? UNDEFINED_ROTATE : UNDEFINED_SHIFT;
		snprintf(name, sizeof(name), "%s by 1", names[i]);
		run_sizes(name, 0xd0, i, undefined, 1);
		snprintf(name, sizeof(name), "%s by cl", names[i]);
		run_sizes(name, 0xd2, i, undefined, -1);
		for (j = 0; j < ARRAY_SIZE(counts); j++) {
			snprintf(name, sizeof(name), "%s by %u", names[i], counts[j]);
			for (size = 1; size <= 8; size *= 2)
				run_sized(name, 0xc0 | (size > 1), size, i, 1, counts[j],
					  undefined, counts[j]);
		}
		report(names[i]);
	}
	for (j = 0; j < ARRAY_SIZE(counts); j++) {
		snprintf(name, sizeof(name), "shld by %u", counts[j]);
		run_wide(name, 0x1a4, LODGE_RAX, 1, counts[j], UNDEFINED_DOUBLE, counts[j]);
		snprintf(name, sizeof(name), "shrd by %u", counts[j]);
		run_wide(name, 0x1ac, LODGE_RAX, 1, counts[j], UNDEFINED_DOUBLE, counts[j]);
	}
	run_wide("shld by cl", 0x1a5, LODGE_RAX, 0, 0, UNDEFINED_DOUBLE, -1);
	run_wide("shrd by cl", 0x1ad, LODGE_RAX, 0, 0, UNDEFINED_DOUBLE, -1);
	report("shld and shrd");
}

/* A bit number from a register would reach outside memory[]: immediates only there. */
static void test_bits(void)
{
	static const char *const names[] = { "bt", "bts", "btr", "btc" };
	static const u8 register_form[][4] = {
		{ 0x0f, 0xa3, 0xc1 }, { 0x0f, 0xab, 0xc1 }, { 0x0f, 0xb3, 0xc1 },
		{ 0x0f, 0xbb, 0xc1 },
	};
	struct test test = { .undefined = UNDEFINED_BIT };
	unsigned int i, n, size;
	char name[64];

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		run_wide(names[i], 0x1ba, 4 + i, 1, 0x05, UNDEFINED_BIT, 0);
		run_wide(names[i], 0x1ba, 4 + i, 1, 0xff, UNDEFINED_BIT, 0);
		for (size = 2; size <= 8; size *= 2) {
			n = put_size(test.bytes, size);
			memcpy(test.bytes + n, register_form[i], 3);
			test.nr_bytes = n + 3;
			test.size = size;
			snprintf(name, sizeof(name), "%s, number in a register, %u bytes",
				 names[i], size);
			test.name = name;
			run_test(&test);
		}
		report(names[i]);
	}
	run_wide("bsf", 0x1bc, LODGE_RAX, 0, 0, UNDEFINED_SCAN, 0);
	run_wide("bsr", 0x1bd, LODGE_RAX, 0, 0, UNDEFINED_SCAN, 0);
	report("bsf and bsr");
}

static void test_moves(void)
{
	unsigned int i;
	char name[32];

	run_sizes("mov r/m, reg", 0x88, LODGE_RAX, DEFINED, 0);
	run_sizes("mov reg, r/m", 0x8a, LODGE_RDX, DEFINED, 0);
	report("mov");
	run_sizes("xchg", 0x86, LODGE_RAX, DEFINED, 0);
	report("xchg");
	run_sizes("xadd", 0x1c0, LODGE_RAX, DEFINED, 0);
	report("xadd");
	run_sizes("cmpxchg", 0x1b0, LODGE_RDX, DEFINED, 0);
	report("cmpxchg");
	run_wide("movzx byte", 0x1b6, LODGE_RAX, 0, 0, DEFINED, 0);
	run_wide("movzx word", 0x1b7, LODGE_RAX, 0, 0, DEFINED, 0);
	report("movzx");
	run_wide("movsx byte", 0x1be, LODGE_RAX, 0, 0, DEFINED, 0);
	run_wide("movsx word", 0x1bf, LODGE_RAX, 0, 0, DEFINED, 0);
	run_sized("movsxd", 0x63, 8, LODGE_RAX, 0, 0, DEFINED, 0);
	report("movsx and movsxd");
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "cmov, condition %u", i);
		run_wide(name, 0x140 + i, LODGE_RAX, 0, 0, DEFINED, 0);
		snprintf(name, sizeof(name), "setcc, condition %u", i);
		run_sized(name, 0x190 + i, 1, 0, 0, 0, DEFINED, 0);
	}
	report("cmov and setcc");
}

/* Instructions that have one form only. */
static void test_single(void)
{
	static const struct test tests[] = {
		{ "cbw", { 0x66, 0x98 }, 2 }, { "cwde", { 0x98 }, 1 }, { "cdqe", { 0x48, 0x98 }, 2 },
		{ "cwd", { 0x66, 0x99 }, 2 }, { "cdq", { 0x99 }, 1 }, { "cqo", { 0x48, 0x99 }, 2 },
		{ "lahf", { 0x9f }, 1 }, { "sahf", { 0x9e }, 1 },
		{ "clc", { 0xf8 }, 1 }, { "stc", { 0xf9 }, 1 }, { "cmc", { 0xf5 }, 1 },
		{ "cld", { 0xfc }, 1 }, { "nop", { 0x90 }, 1 },
		{ "xchg eax, ecx", { 0x91 }, 1 }, { "xchg rax, r8", { 0x49, 0x90 }, 2 },
		{ "bswap ecx", { 0x0f, 0xc9 }, 2 }, { "bswap rcx", { 0x48, 0x0f, 0xc9 }, 3 },
		{ "lea", { 0x48, 0x8d, 0x44, 0x8b, 0x10 }, 5 },
		{ "lea, 32-bit", { 0x67, 0x8d, 0x44, 0x8b, 0x10 }, 5 },
		{ "lea, 16-bit result", { 0x66, 0x8d, 0x04, 0x11 }, 4 },
		{ "lea, 32-bit address, 64-bit result", { 0x67, 0x48, 0x8d, 0x04, 0x11 }, 5 },
		{ "mov ah, bh", { 0x88, 0xfc }, 2 }, { "mov cl, cl with REX", { 0x40, 0x88, 0xc9 }, 3 },
		{ "add r8b, r9b", { 0x45, 0x00, 0xc8 }, 3 },
		{ "movsx eax, ch", { 0x0f, 0xbe, 0xc5 }, 3 },
		{ "cmpxchg8b", { 0x0f, 0xc7, 0x0e }, 3 },
		{ "lock cmpxchg8b", { 0xf0, 0x0f, 0xc7, 0x0f }, 4 },
		{ "cmpxchg16b", { 0x48, 0x0f, 0xc7, 0x0e }, 4 },
		{ "lock add", { 0xf0, 0x48, 0x01, 0x06 }, 4 },
		{ "lock xadd", { 0xf0, 0x0f, 0xc1, 0x06 }, 4 },
		{ "movnti", { 0x48, 0x0f, 0xc3, 0x06 }, 4 },
		{ "movsb", { 0xa4 }, 1 }, { "movsq", { 0x48, 0xa5 }, 2 },
		{ "stosw", { 0x66, 0xab }, 2 }, { "lodsb", { 0xac }, 1 }, { "lodsd", { 0xad }, 1 },
		{ "cmpsb", { 0xa6 }, 1 }, { "cmpsw", { 0x66, 0xa7 }, 2 }, { "cmpsd", { 0xa7 }, 1 },
		{ "cmpsq", { 0x48, 0xa7 }, 2 }, { "scasb", { 0xae }, 1 },
		{ "scasw", { 0x66, 0xaf }, 2 }, { "scasq", { 0x48, 0xaf }, 2 },
		{ "add eax, imm", { 0x05, 1, 0, 0, 0x80 }, 5 },
		{ "sbb rax, imm", { 0x48, 0x1d, 1, 0, 0, 0x80 }, 6 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		run_test(&tests[i]);
		report(tests[i].name);
	}
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_sigfpe };

	ktap_begin();
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (code == MAP_FAILED) {
		ktap_skip("native", "no memory that is writable and executable");
		return ktap_end();
	}
	sigaction(SIGFPE, &action, NULL);
	test_binary();
	test_unary();
	test_shifts();
	test_bits();
	test_moves();
	test_single();
	return ktap_end();
}
