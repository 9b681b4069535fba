/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What guest code may call: exception and interrupt handlers, and a way to try
 * an instruction that may fault.  Guest code is ordinary C of the test program:
 * the library copies the program's image into each VM at its own address and
 * maps all memory below 4 GiB one to one, so addresses mean the same on both
 * sides, but each VM has variables of its own (GUEST() of vm.h reaches them).
 *
 * Guest code must not call the C library.
 */
#ifndef SELFTESTS_GUEST_H
#define SELFTESTS_GUEST_H

#include <stdint.h>

/* GDT of every VM; the TSS of vCPU n is at SEL_TSS + 16 * n. */
#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_CODE32 0x18
#define SEL_CODE16 0x20
#define SEL_DATA16 0x28
#define SEL_USER_DATA 0x33
#define SEL_USER_CODE64 0x3b
#define SEL_TSS 0x40

/* What the entry stubs of guest_entry.S leave on the stack. */
struct guest_regs {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector;
	/* Zero for vectors that have none. */
	uint64_t error;
	uint64_t rip, cs, rflags, rsp, ss;
};

typedef void (*guest_handler)(struct guest_regs *regs);

/* A vector without a handler becomes UCALL_TRAP. */
extern guest_handler guest_handlers[256];

/* Result of the last GUEST_TRY(). */
struct guest_recovery {
	uint64_t rip;
	uint64_t vector;
	uint64_t error;
	uint64_t cr2;
	/* RIP the exception was raised at. */
	uint64_t fault_rip;
};

#define GUEST_NO_TRAP 0x100

extern volatile struct guest_recovery guest_recovery;

/*
 * Text for asm(): run @insn; if it raises an exception, continue behind it with
 * guest_recovery filled, else guest_recovery.vector is GUEST_NO_TRAP.  Clobbers
 * r11.  One vCPU at a time.
 */
#define GUEST_TRY(insn)							\
	"leaq 771f(%%rip), %%r11\n\t"					\
	"movq %%r11, guest_recovery(%%rip)\n\t"				\
	"movq $0x100, guest_recovery + 8(%%rip)\n\t"			\
	insn "\n"							\
	"771:\tmovq $0, guest_recovery(%%rip)\n\t"

/* Return: the vector raised, or GUEST_NO_TRAP. */
static inline uint64_t guest_rdmsr_try(uint32_t msr, uint64_t *value)
{
	uint32_t low = 0, high = 0;

	asm volatile(GUEST_TRY("rdmsr") : "+a"(low), "+d"(high) : "c"(msr) : "r11", "memory");
	*value = low | (uint64_t)high << 32;
	return guest_recovery.vector;
}

static inline uint64_t guest_wrmsr_try(uint32_t msr, uint64_t value)
{
	asm volatile(GUEST_TRY("wrmsr")
		     : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "r11", "memory");
	return guest_recovery.vector;
}

/* Image of guest_entry.S: stub n is at guest_stubs + n * GUEST_STUB_BYTES. */
#define GUEST_STUB_BYTES 16
extern char guest_stubs[];

/* Where a guest function lands when it returns: reports UCALL_DONE. */
void guest_return(void);

#endif
