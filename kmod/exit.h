/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: why a guest stopped, in neutral terms. A backend's run() fills one
 * struct lodge_exit; the table in exit_handlers.c acts on it. A backend says
 * nothing to common code by any other way.
 */
#ifndef LODGE_EXIT_H
#define LODGE_EXIT_H

#include <linux/bits.h>
#include "types.h"
#include "event.h"

/**
 * enum lodge_exit_reason - what ended the guest's run, in groups
 *
 * Host:
 * @LODGE_EXIT_NONE: dealt with inside the backend; enter again
 * @LODGE_EXIT_HOST_IRQ: a host interrupt is pending; it is taken when common
 *                       code enables interrupts
 * @LODGE_EXIT_HOST_NMI: a host NMI, already serviced by the backend
 * @LODGE_EXIT_DEADLINE: the guest's TSC has reached vcpu->deadline, or it is time to look
 * @LODGE_EXIT_ENTRY_FAILED: the CPU refused the guest state; hw_code says why
 * @LODGE_EXIT_UNKNOWN: the backend has no meaning for hw_code
 * Memory:
 * @LODGE_EXIT_TDP_FAULT: the second dimension lacks a translation or a right
 * Devices:
 * @LODGE_EXIT_IO: IN, OUT, INS or OUTS
 * @LODGE_EXIT_TPR_BELOW_THRESHOLD: the TPR fell below what update_tpr() set
 * Instructions:
 * @LODGE_EXIT_CPUID ... @LODGE_EXIT_RDPMC: by name
 * @LODGE_EXIT_MWAIT: MONITOR or MWAIT
 * @LODGE_EXIT_WBINVD: WBINVD or INVD
 * @LODGE_EXIT_TASK_SWITCH: a hardware task switch
 * @LODGE_EXIT_REFUSED: an instruction that guests do not get: #UD
 * Events:
 * @LODGE_EXIT_EXCEPTION: an intercepted exception
 * @LODGE_EXIT_IRQ_WINDOW: an IRQ can be taken now
 * @LODGE_EXIT_NMI_WINDOW: an NMI can be taken now
 * @LODGE_EXIT_TRIPLE_FAULT: the guest shut down
 * @LODGE_EXIT_INIT: an INIT reached the CPU itself; not for the guest
 */
enum lodge_exit_reason {
	LODGE_EXIT_NONE,
	LODGE_EXIT_HOST_IRQ,
	LODGE_EXIT_HOST_NMI,
	LODGE_EXIT_DEADLINE,
	LODGE_EXIT_ENTRY_FAILED,
	LODGE_EXIT_UNKNOWN,

	LODGE_EXIT_TDP_FAULT,

	LODGE_EXIT_IO,
	LODGE_EXIT_TPR_BELOW_THRESHOLD,

	LODGE_EXIT_CPUID,
	LODGE_EXIT_HLT,
	LODGE_EXIT_PAUSE,
	LODGE_EXIT_MWAIT,
	LODGE_EXIT_RDMSR,
	LODGE_EXIT_WRMSR,
	LODGE_EXIT_CR_ACCESS,
	LODGE_EXIT_DR_ACCESS,
	LODGE_EXIT_XSETBV,
	LODGE_EXIT_HYPERCALL,
	LODGE_EXIT_WBINVD,
	LODGE_EXIT_RDPMC,
	LODGE_EXIT_TASK_SWITCH,
	LODGE_EXIT_REFUSED,

	LODGE_EXIT_EXCEPTION,
	LODGE_EXIT_IRQ_WINDOW,
	LODGE_EXIT_NMI_WINDOW,
	LODGE_EXIT_TRIPLE_FAULT,
	LODGE_EXIT_INIT,

	LODGE_NR_EXIT_REASONS,
};

/* Access that a TDP fault attempted. */
#define LODGE_ACCESS_READ	BIT(0)
#define LODGE_ACCESS_WRITE	BIT(1)
#define LODGE_ACCESS_EXEC	BIT(2)

enum lodge_cr_op {
	LODGE_CR_MOV_TO,
	LODGE_CR_MOV_FROM,
	LODGE_CR_CLTS,
	LODGE_CR_LMSW,
	LODGE_CR_SMSW,
};

/* What made a task switch (order of the CPU manuals' own encoding on VMX). */
enum lodge_task_switch_cause {
	LODGE_TASK_SWITCH_CALL,
	LODGE_TASK_SWITCH_IRET,
	LODGE_TASK_SWITCH_JMP,
	LODGE_TASK_SWITCH_GATE,
};

#define LODGE_MAX_INST_BYTES	15

/**
 * struct lodge_exit - one exit's facts
 * @reason: enum lodge_exit_reason; selects the member of the union
 * @inst_len: bytes to skip to get behind the instruction; 0 if the CPU did not
 *            say, then the decoder is asked
 * @nr_inst: how many bytes of @inst are valid; 0 if the CPU does not say
 * @cr8: the guest's CR8 at the exit (it may change without exiting); filled for
 *       every exit
 * @hw_code: the raw code, for tracing and for what is not understood
 * @hw_info: raw detail of it (EXITINFO1, or the exit qualification)
 * @interrupted: event whose delivery this exit cut off; class NONE if none
 * @inst: the instruction's bytes as the CPU fetched them
 * @nr_written: how many pages the CPU has noted since the exit before, at most
 *              lodge_caps.nr_written_max; a backend that cannot have any leaves it 0
 * @written: guest physical addresses in them; valid until the next entry
 */
struct lodge_exit {
	u8 reason;
	u8 inst_len;
	u8 nr_inst;
	u8 cr8;
	u32 hw_code;
	u64 hw_info;
	struct lodge_event interrupted;
	u8 inst[LODGE_MAX_INST_BYTES];
	u16 nr_written;
	const u64 *written;

	union {
		/* LODGE_EXIT_TDP_FAULT */
		struct {
			gpa_t gpa;
			u8 access;		/* LODGE_ACCESS_* */
		} tdp;

		/* LODGE_EXIT_IO */
		struct {
			u16 port;
			u8 size;		/* 1, 2, 4 */
			bool is_in;
			bool is_string;
			bool is_rep;
		} io;

		/* LODGE_EXIT_CR_ACCESS; without operands the decoder fills @op and @gpr */
		struct {
			u8 cr;
			u8 op;			/* enum lodge_cr_op */
			u8 gpr;
			bool has_operands;
			u16 lmsw_source;
		} cr;

		/* LODGE_EXIT_DR_ACCESS; likewise */
		struct {
			u8 dr;
			u8 gpr;
			bool is_write;
			bool has_operands;
		} dr;

		/* LODGE_EXIT_TASK_SWITCH */
		struct {
			u16 selector;
			u8 cause;		/* enum lodge_task_switch_cause */
			bool has_error;
			u32 error_code;
		} task;

		/* LODGE_EXIT_EXCEPTION: what would have been delivered */
		struct lodge_event exception;
	};
};

#endif /* LODGE_EXIT_H */
