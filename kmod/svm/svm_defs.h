/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 0: facts of SVM that the kernel's asm/svm.h and msr-index.h lack, and the
 * offsets that enter.S shares with svm.h. The assembler reads this file too.
 */
#ifndef LODGE_SVM_DEFS_H
#define LODGE_SVM_DEFS_H

/* struct svm_switch; svm.h asserts that they fit. */
#define SVM_SWITCH_VMCB_PA		0
#define SVM_SWITCH_HOST_PA		8
#define SVM_SWITCH_SPEC_CTRL		16
#define SVM_SWITCH_SPEC_CTRL_PASSED	20

/* Places in lodge_x86_state.gprs, in bytes. */
#define SVM_GPR_RCX			(1 * 8)
#define SVM_GPR_RDX			(2 * 8)
#define SVM_GPR_RBX			(3 * 8)
#define SVM_GPR_RBP			(5 * 8)
#define SVM_GPR_RSI			(6 * 8)
#define SVM_GPR_RDI			(7 * 8)
#define SVM_GPR_R8			(8 * 8)
#define SVM_GPR_R9			(9 * 8)
#define SVM_GPR_R10			(10 * 8)
#define SVM_GPR_R11			(11 * 8)
#define SVM_GPR_R12			(12 * 8)
#define SVM_GPR_R13			(13 * 8)
#define SVM_GPR_R14			(14 * 8)
#define SVM_GPR_R15			(15 * 8)

#ifndef __ASSEMBLY__

#include <linux/bits.h>

/* VMCB clean bits (AMD APM volume 2, "VMCB State Caching"). */
enum svm_clean_bit {
	SVM_CLEAN_INTERCEPTS	= BIT(0),	/* intercepts, TSC offset, pause filter */
	SVM_CLEAN_PERMISSIONS	= BIT(1),	/* IOPM and MSRPM addresses */
	SVM_CLEAN_ASID		= BIT(2),
	SVM_CLEAN_TPR		= BIT(3),	/* V_TPR, V_IRQ and their like */
	SVM_CLEAN_NPT		= BIT(4),	/* nested CR3, guest PAT */
	SVM_CLEAN_CR		= BIT(5),	/* CR0, CR3, CR4, EFER */
	SVM_CLEAN_DR		= BIT(6),	/* DR6, DR7 */
	SVM_CLEAN_DT		= BIT(7),	/* GDT, IDT */
	SVM_CLEAN_SEG		= BIT(8),	/* CS, DS, SS, ES, CPL */
	SVM_CLEAN_CR2		= BIT(9),
	SVM_CLEAN_LBR		= BIT(10),	/* DBGCTL and the branch records */
};

/*
 * What may be called clean after an exit. The TPR and CR2 groups are left out:
 * they change with nearly every entry, so nobody has to note it.
 */
#define SVM_CLEAN_AFTER_EXIT	(SVM_CLEAN_INTERCEPTS | SVM_CLEAN_PERMISSIONS |	\
				 SVM_CLEAN_ASID | SVM_CLEAN_NPT | SVM_CLEAN_CR |	\
				 SVM_CLEAN_DR | SVM_CLEAN_DT | SVM_CLEAN_SEG |	\
				 SVM_CLEAN_LBR)

/* EXITINFO1 of a control-register access, with decode assists. */
#define SVM_CR_IS_MOV			BIT_ULL(63)

/* EXITINFO1 of an I/O access. */
#define SVM_IO_IN			BIT(0)
#define SVM_IO_STRING			BIT(2)
#define SVM_IO_REP			BIT(3)
#define SVM_IO_SIZE_SHIFT		4
#define SVM_IO_SIZE_MASK		7
#define SVM_IO_PORT_SHIFT		16

/* EXITINFO2 of a task switch. */
#define SVM_TASK_IRET			BIT_ULL(36)
#define SVM_TASK_JMP			BIT_ULL(38)
#define SVM_TASK_HAS_ERROR		BIT_ULL(44)

/* Exit codes of instructions that concern the TLBs of all CPUs. */
#define SVM_EXIT_INVLPGB		0x0a0
#define SVM_EXIT_INVLPGB_ILLEGAL	0x0a1
#define SVM_EXIT_MCOMMIT		0x0a3
#define SVM_EXIT_TLBSYNC		0x0a4

/* MSR permission map: two bits per MSR, three ranges of 2 KiB. */
#define SVM_MSRPM_BYTES			0x2000
#define SVM_MSRPM_RANGE_BYTES		0x800
#define SVM_MSRPM_READ			BIT(0)
#define SVM_MSRPM_WRITE			BIT(1)

/* I/O permission map: one bit per port and a few behind port 0xffff. */
#define SVM_IOPM_BYTES			0x3000

#endif /* __ASSEMBLY__ */

#endif /* LODGE_SVM_DEFS_H */
