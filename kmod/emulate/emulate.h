/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the instruction emulator's contract. emulate_decode() turns bytes
 * into a struct lodge_insn, emulate_exec() carries out one such instruction
 * through a small table of callbacks. The emulator knows no VM, no vCPU and no
 * page table: guest memory, ports and XMM registers are the owner's, behind
 * struct emulate_ops. Builds in the kernel and, for the unit tests, in user space.
 */
#ifndef LODGE_EMULATE_H
#define LODGE_EMULATE_H

#include <linux/bits.h>
#include <linux/types.h>

#include "../event.h"
#include "../state.h"
#include "../types.h"

/* No instruction is longer (AMD APM volume 3, "Instruction Encoding"). */
#define LODGE_INSN_MAX		15

/* Bytes that one string port instruction moves per call at most. */
#define EMULATE_PIO_BYTES	1024

/* Iterations of a REP memory string instruction per call at most. */
#define EMULATE_MAX_ITERATIONS	1024

/**
 * enum lodge_cpu_mode - the default operand and address size of the code
 * @LODGE_MODE_16: real mode, virtual-8086 mode, 16-bit protected and compatibility code
 * @LODGE_MODE_32: 32-bit protected and compatibility code
 * @LODGE_MODE_64: 64-bit code
 *
 * Only what decoding depends on. Whether segments are protected, and whether
 * the guest is in virtual-8086 mode, emulate_exec() takes from CR0 and RFLAGS.
 */
enum lodge_cpu_mode {
	LODGE_MODE_16,
	LODGE_MODE_32,
	LODGE_MODE_64,
};

/*
 * What an instruction does.
 *
 * The ones below LODGE_OP_FIRST_EXTERN may be carried out by emulate_exec()
 * (the others are EMULATE_UNKNOWN to it): those behind exist for their length
 * and operands, so that the owner can check that the instruction in memory is
 * the one the exit was about. LODGE_OP_OTHER is an instruction of which only
 * the length is known; LODGE_OP_UNDEFINED is one that raises #UD, as such, in this
 * mode, with these operands or with LOCK.
 */
enum lodge_op {
	LODGE_OP_NONE,
	LODGE_OP_OTHER,
	LODGE_OP_UNDEFINED,

	/* read, compute, write; order within the first eight is the encoding's */
	LODGE_OP_ADD, LODGE_OP_OR, LODGE_OP_ADC, LODGE_OP_SBB,
	LODGE_OP_AND, LODGE_OP_SUB, LODGE_OP_XOR, LODGE_OP_CMP,
	LODGE_OP_TEST, LODGE_OP_INC, LODGE_OP_DEC, LODGE_OP_NEG, LODGE_OP_NOT,
	LODGE_OP_ROL, LODGE_OP_ROR, LODGE_OP_RCL, LODGE_OP_RCR,
	LODGE_OP_SHL, LODGE_OP_SHR, LODGE_OP_SAR, LODGE_OP_SHLD, LODGE_OP_SHRD,
	LODGE_OP_BT, LODGE_OP_BTS, LODGE_OP_BTR, LODGE_OP_BTC,
	LODGE_OP_BSF, LODGE_OP_BSR, LODGE_OP_BSWAP,
	LODGE_OP_IMUL, LODGE_OP_MUL1, LODGE_OP_IMUL1, LODGE_OP_DIV, LODGE_OP_IDIV,
	LODGE_OP_XCHG, LODGE_OP_XADD, LODGE_OP_CMPXCHG, LODGE_OP_CMPXCHG8B,

	/* moves */
	LODGE_OP_MOV, LODGE_OP_MOVZX, LODGE_OP_MOVSX, LODGE_OP_MOVBE,
	LODGE_OP_MOV_FROM_SEG, LODGE_OP_MOV_TO_SEG, LODGE_OP_LEA, LODGE_OP_CMOV,
	LODGE_OP_SETCC, LODGE_OP_XLAT, LODGE_OP_SMSW,

	/* stack and control transfer */
	LODGE_OP_PUSH, LODGE_OP_POP, LODGE_OP_PUSH_SEG, LODGE_OP_POP_SEG,
	LODGE_OP_LEAVE, LODGE_OP_CALL, LODGE_OP_JMP, LODGE_OP_RET, LODGE_OP_JCC,
	LODGE_OP_LOOP, LODGE_OP_JCXZ,

	/* flags and register-only odds and ends */
	LODGE_OP_NOP, LODGE_OP_CBW, LODGE_OP_CWD, LODGE_OP_LAHF, LODGE_OP_SAHF,
	LODGE_OP_CLC, LODGE_OP_STC, LODGE_OP_CMC, LODGE_OP_CLD, LODGE_OP_STD,
	LODGE_OP_CLI, LODGE_OP_STI,

	/* strings and ports */
	LODGE_OP_MOVS, LODGE_OP_STOS, LODGE_OP_LODS, LODGE_OP_CMPS, LODGE_OP_SCAS,
	LODGE_OP_INS, LODGE_OP_OUTS, LODGE_OP_IN, LODGE_OP_OUT,

	/* SSE moves */
	LODGE_OP_SSE_MOV,		/* whole destination */
	LODGE_OP_SSE_MOV_ALIGNED,	/* the same, #GP where memory is not aligned */
	LODGE_OP_SSE_MOV_SCALAR,	/* MOVSS, MOVSD: a register source merges */
	LODGE_OP_SSE_MOV_ZERO,		/* MOVD, MOVQ: the rest of the register becomes 0 */
	LODGE_OP_SSE_MOV_LOW,		/* MOVLPx; MOVHLPS between registers */
	LODGE_OP_SSE_MOV_HIGH,		/* MOVHPx; MOVLHPS between registers */

	LODGE_OP_FIRST_EXTERN,

	LODGE_OP_CPUID = LODGE_OP_FIRST_EXTERN,
	LODGE_OP_RDMSR, LODGE_OP_WRMSR, LODGE_OP_HLT, LODGE_OP_PAUSE,
	LODGE_OP_VMMCALL, LODGE_OP_VMCALL, LODGE_OP_XSETBV, LODGE_OP_XGETBV,
	LODGE_OP_RDPMC, LODGE_OP_RDTSC, LODGE_OP_RDTSCP, LODGE_OP_RDPRU,
	LODGE_OP_INVD, LODGE_OP_WBINVD, LODGE_OP_WBNOINVD,
	LODGE_OP_MOV_FROM_CR, LODGE_OP_MOV_TO_CR,
	LODGE_OP_MOV_FROM_DR, LODGE_OP_MOV_TO_DR,
	LODGE_OP_LMSW, LODGE_OP_CLTS, LODGE_OP_INVLPG, LODGE_OP_INVLPGA,
	LODGE_OP_INVPCID, LODGE_OP_MONITOR, LODGE_OP_MWAIT, LODGE_OP_RSM, LODGE_OP_IRET,
	LODGE_OP_INT, LODGE_OP_INT3, LODGE_OP_INTO, LODGE_OP_ICEBP,
	LODGE_OP_JMP_FAR, LODGE_OP_CALL_FAR, LODGE_OP_RET_FAR,
	LODGE_OP_VMRUN, LODGE_OP_VMLOAD, LODGE_OP_VMSAVE, LODGE_OP_STGI,
	LODGE_OP_CLGI, LODGE_OP_SKINIT, LODGE_OP_PUSHF, LODGE_OP_POPF,
	LODGE_OP_SGDT, LODGE_OP_SIDT, LODGE_OP_LGDT, LODGE_OP_LIDT,
	LODGE_OP_SLDT, LODGE_OP_STR, LODGE_OP_LLDT, LODGE_OP_LTR,
	LODGE_OP_SWAPGS, LODGE_OP_SYSCALL, LODGE_OP_SYSRET,
	LODGE_OP_SYSENTER, LODGE_OP_SYSEXIT,

	LODGE_NR_OPS,
};

/**
 * enum lodge_operand_kind - where an operand lives
 * @LODGE_OPERAND_NONE: there is none
 * @LODGE_OPERAND_GPR: general register number reg
 * @LODGE_OPERAND_GPR_HIGH: bits 8 to 15 of general register number reg
 * @LODGE_OPERAND_MEM: memory at the address that struct lodge_insn describes
 * @LODGE_OPERAND_IMM: the immediate
 * @LODGE_OPERAND_SEG: segment register number reg
 * @LODGE_OPERAND_CR: control register number reg
 * @LODGE_OPERAND_DR: debug register number reg
 * @LODGE_OPERAND_XMM: XMM register number reg
 * @LODGE_OPERAND_ONE: the constant one (shifts by one)
 */
enum lodge_operand_kind {
	LODGE_OPERAND_NONE,
	LODGE_OPERAND_GPR,
	LODGE_OPERAND_GPR_HIGH,
	LODGE_OPERAND_MEM,
	LODGE_OPERAND_IMM,
	LODGE_OPERAND_SEG,
	LODGE_OPERAND_CR,
	LODGE_OPERAND_DR,
	LODGE_OPERAND_XMM,
	LODGE_OPERAND_ONE,
};

/**
 * struct lodge_operand - one operand
 * @kind: enum lodge_operand_kind
 * @size: in bytes
 * @reg: register number, for the kinds that have one
 */
struct lodge_operand {
	u8 kind;
	u8 size;
	u8 reg;
};

#define LODGE_PREFIX_LOCK	BIT(0)
#define LODGE_PREFIX_REPNE	BIT(1)	/* F2 */
#define LODGE_PREFIX_REP	BIT(2)	/* F3 */
#define LODGE_PREFIX_OPSIZE	BIT(3)	/* 66 */
#define LODGE_PREFIX_ADDRSIZE	BIT(4)	/* 67 */
#define LODGE_PREFIX_SEGMENT	BIT(5)	/* an override that has effect in this mode */

#define LODGE_INSN_MODRM	BIT(0)	/* has a ModRM byte */
#define LODGE_INSN_RIP_RELATIVE	BIT(1)	/* displacement counts from the next instruction */

#define LODGE_NO_REG		0xff	/* base or index: none */

enum lodge_opcode_map {
	LODGE_MAP_1BYTE,
	LODGE_MAP_0F,
	LODGE_MAP_0F38,
	LODGE_MAP_0F3A,
};

/**
 * struct lodge_insn - one decoded instruction
 * @length: in bytes, prefixes and immediates included
 * @op: enum lodge_op
 * @prefixes: LODGE_PREFIX_* bits; of REP and REPNE only the last one counts
 * @rex: the REX byte, 0 if none
 * @flags: LODGE_INSN_* bits
 * @map: enum lodge_opcode_map
 * @opcode: last opcode byte; its low four bits are the condition of
 *          JCC, SETCC and CMOV
 * @modrm: the raw byte, where LODGE_INSN_MODRM is set
 * @op_size: effective operand size in bytes (2, 4, 8), of the operands that
 *           follow it; byte operations have it in their operands only
 * @addr_size: effective address size in bytes (2, 4, 8)
 * @segment: enum lodge_seg of the memory operand, override applied. For string
 *           instructions that of the source; their destination is always ES
 * @base: general register or LODGE_NO_REG
 * @index: general register or LODGE_NO_REG
 * @scale: shift count for the index
 * @operand: destination first; unused ones are LODGE_OPERAND_NONE. String
 *           instructions have only the element size here, in operand[0].size
 * @disp: displacement, sign extended (zero extended for MOV with an absolute offset)
 * @imm: immediate, sign extended; offset part of a far pointer
 * @imm2: second immediate: nesting level of ENTER, selector of a far pointer
 *
 * For MOV to and from CR and DR: operand[] holds a CR or DR and a GPR of the
 * mode's register size (AMD's LOCK MOV CR0 is already turned into MOV CR8, and the
 * prefix is gone).
 */
struct lodge_insn {
	u8 length;
	u8 op;
	u8 prefixes;
	u8 rex;
	u8 flags;
	u8 map;
	u8 opcode;
	u8 modrm;
	u8 op_size;
	u8 addr_size;
	u8 segment;
	u8 base;
	u8 index;
	u8 scale;
	struct lodge_operand operand[3];
	u16 imm2;
	s64 disp;
	s64 imm;
};

/**
 * emulate_decode() - decode the instruction that @bytes begin with
 * @insn: filled; contents undefined unless 0 is returned
 * @bytes: instruction bytes
 * @nr_bytes: how many there are; at most LODGE_INSN_MAX are looked at
 * @mode: default sizes of the code segment
 *
 * Pure function: no guest access, no state, any context.
 *
 * Return: 0; -EAGAIN if @nr_bytes ended before the instruction did: call again
 * with more; -E2BIG if it is longer than LODGE_INSN_MAX, which a CPU answers
 * with #GP(0); -EOPNOTSUPP if the instruction is not known.
 */
int emulate_decode(struct lodge_insn *insn, const u8 *bytes, unsigned int nr_bytes,
		   enum lodge_cpu_mode mode);

/**
 * enum emulate_result - what became of an instruction, or of a callback
 * @EMULATE_DONE: complete: RIP behind it, flags and registers updated. As a
 *                callback's answer: success
 * @EMULATE_CONTINUE: RIP still at the instruction, registers show the completed
 *                    iterations (possibly none): look for pending work, then
 *                    execute it again
 * @EMULATE_FAULT: ctxt->fault holds the exception to raise; nothing changed
 *                 beyond completed iterations
 * @EMULATE_NEED_IO: user space has to complete an access first; nothing changed
 *                   beyond completed iterations. Execute the same instruction
 *                   again when the data is there
 * @EMULATE_UNKNOWN: cannot be emulated; nothing changed
 */
enum emulate_result {
	EMULATE_DONE,
	EMULATE_CONTINUE,
	EMULATE_FAULT,
	EMULATE_NEED_IO,
	EMULATE_UNKNOWN,
};

struct emulate_ctxt;

/**
 * struct emulate_ops - the owner's side: memory, ports, XMM registers
 *
 * Every callback answers EMULATE_DONE, or EMULATE_FAULT after emulate_raise()
 * (or after filling ctxt->fault itself), or EMULATE_NEED_IO, or EMULATE_UNKNOWN
 * to give up. emulate_exec() hands the answer on to its caller unchanged, except
 * where said otherwise. Addresses are linear; segmentation, canonical form and
 * the alignment rules of SSE are checked before. An access may cross a page,
 * or lie partly in RAM and partly in a device: that is the owner's business.
 *
 * An instruction is executed from its start after EMULATE_NEED_IO, with the same
 * sequence of accesses: the owner keeps the answers it got from user space until
 * the iteration they belong to is complete (emulate_exec() returned anything but
 * EMULATE_NEED_IO, or ctxt->iterations advanced). A write is the last access of
 * an instruction or iteration, so it may be posted (answer EMULATE_DONE now, let
 * user space have it later); while a posted one is still on its way, answer
 * EMULATE_NEED_IO to the next access to a device.
 */
struct emulate_ops {
	/**
	 * @read: read @len bytes (1, 2, 4, 8, 16; up to EMULATE_PIO_BYTES after
	 * @probe answered EMULATE_DONE). ctxt->rmw is set where a write to the
	 * same place follows: a page fault is to be reported as one of a write.
	 */
	enum emulate_result (*read)(struct emulate_ctxt *ctxt, gva_t linear,
				    void *data, unsigned int len);

	/** @write: the reverse of @read, with the same lengths. */
	enum emulate_result (*write)(struct emulate_ctxt *ctxt, gva_t linear,
				     const void *data, unsigned int len);

	/**
	 * @cmpxchg: write @new if memory still holds @old, as one atomic access
	 * (@len 1 to 16). Used for every read-modify-write instruction, LOCKed or
	 * not. EMULATE_CONTINUE: memory held something else, nothing was written.
	 * On a device: just a write.
	 */
	enum emulate_result (*cmpxchg)(struct emulate_ctxt *ctxt, gva_t linear,
				       const void *old, const void *new, unsigned int len);

	/**
	 * @probe: would an access to @len bytes, which do not cross a page, fault?
	 * EMULATE_DONE: no, it is memory. EMULATE_NEED_IO: no, but it is a device,
	 * so access it element by element (not handed on to the caller).
	 */
	enum emulate_result (*probe)(struct emulate_ctxt *ctxt, gva_t linear,
				     unsigned int len, bool write);

	/**
	 * @io_allowed: consult the TSS permission bitmap for @size ports from
	 * @port on; only asked where IOPL does not allow the access already.
	 */
	enum emulate_result (*io_allowed)(struct emulate_ctxt *ctxt, u16 port,
					  unsigned int size);

	/**
	 * @pio_in: read @count elements of @size bytes from @port. After
	 * EMULATE_NEED_IO the instruction comes again with the same @count.
	 */
	enum emulate_result (*pio_in)(struct emulate_ctxt *ctxt, u16 port, unsigned int size,
				      void *data, unsigned int count);

	/** @pio_out: write @count elements; may be posted, like @write. */
	enum emulate_result (*pio_out)(struct emulate_ctxt *ctxt, u16 port, unsigned int size,
				       const void *data, unsigned int count);

	/** @get_xmm: the guest's XMM register @reg (0 to 15); cannot fail. */
	void (*get_xmm)(struct emulate_ctxt *ctxt, unsigned int reg, u8 data[16]);

	/** @put_xmm: the reverse; the upper part of YMM/ZMM stays as it is. */
	void (*put_xmm)(struct emulate_ctxt *ctxt, unsigned int reg, const u8 data[16]);
};

/**
 * struct emulate_ctxt - one emulation in progress
 * @state: registers. The blocks GPRS, SEGS and CRS must be valid. gprs, rip and
 *         rflags are changed; segs only as @segs_written says; the rest is read
 * @ops: the owner's callbacks; all must be there
 * @owner: for the callbacks, not looked at here
 * @mode: from emulate_cpu_mode()
 * @cpl: current privilege level: 0 in real mode, 3 in virtual-8086 mode
 * @insn: from emulate_decode()
 * @fault: result: the exception, valid with EMULATE_FAULT
 * @shadow: result: LODGE_SHADOW_* that EMULATE_DONE leaves behind, 0 for nearly
 *          all instructions: the caller stores it into the state, which also
 *          ends an older shadow
 * @segs_written: result: a segment register was loaded
 * @iterations: result: completed iterations of a string instruction so far
 * @rmw: for the callbacks: this read is the first half of a read-modify-write
 * @buffer: bytes of a string port instruction on their way
 *
 * The owner fills the fields down to @insn, the rest needs no initialisation.
 * RFLAGS.TF, breakpoints and CPUID are not looked at: the caller of emulate_exec()
 * raises the single-step #DB after EMULATE_DONE.
 */
struct emulate_ctxt {
	struct lodge_x86_state *state;
	const struct emulate_ops *ops;
	void *owner;
	enum lodge_cpu_mode mode;
	u8 cpl;
	struct lodge_insn insn;

	struct lodge_event fault;
	u8 shadow;
	bool segs_written;
	unsigned int iterations;

	bool rmw;
	u8 buffer[EMULATE_PIO_BYTES] __aligned(8);
};

enum emulate_result emulate_exec(struct emulate_ctxt *ctxt);
enum emulate_result emulate_raise(struct emulate_ctxt *ctxt, u8 vector, u32 error_code);
enum emulate_result emulate_source_value(struct emulate_ctxt *ctxt, u64 *value);
enum emulate_result emulate_linear_address(struct emulate_ctxt *ctxt, gva_t *linear);
enum lodge_cpu_mode emulate_cpu_mode(const struct lodge_x86_state *state);

#endif /* LODGE_EMULATE_H */
