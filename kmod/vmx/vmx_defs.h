/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 0: facts of VMX that the kernel's asm/vmx.h and msr-index.h lack, and the
 * offsets that enter.S shares with vmx.h. The assembler reads this file too.
 */
#ifndef LODGE_VMX_DEFS_H
#define LODGE_VMX_DEFS_H

/* struct vmx_switch; vmx.h asserts that they fit. */
#define VMX_SWITCH_HOST_RSP		0
#define VMX_SWITCH_SPEC_CTRL		8
#define VMX_SWITCH_SPEC_CTRL_PASSED	12
#define VMX_SWITCH_IS_LAUNCHED		16

/* Places in lodge_x86_state.gprs, in bytes. */
#define VMX_GPR_RAX			(0 * 8)
#define VMX_GPR_RCX			(1 * 8)
#define VMX_GPR_RDX			(2 * 8)
#define VMX_GPR_RBX			(3 * 8)
#define VMX_GPR_RBP			(5 * 8)
#define VMX_GPR_RSI			(6 * 8)
#define VMX_GPR_RDI			(7 * 8)
#define VMX_GPR_R8			(8 * 8)
#define VMX_GPR_R9			(9 * 8)
#define VMX_GPR_R10			(10 * 8)
#define VMX_GPR_R11			(11 * 8)
#define VMX_GPR_R12			(12 * 8)
#define VMX_GPR_R13			(13 * 8)
#define VMX_GPR_R14			(14 * 8)
#define VMX_GPR_R15			(15 * 8)

/* VMCS field that enter.S writes (Intel SDM volume 3, "Field Encoding in VMCS"). */
#define VMX_FIELD_HOST_RSP		0x6c14

#ifndef __ASSEMBLY__

#include <linux/bits.h>

/* IA32_VMX_BASIC (Intel SDM volume 3, "Basic VMX Information"). */
#define VMX_BASIC_REVISION_MASK		GENMASK_ULL(30, 0)
#define VMX_BASIC_TRUE_CONTROLS		BIT_ULL(55)

/* Exit qualification of a control-register access. */
#define VMX_CR_NUMBER_MASK		0xf
#define VMX_CR_TYPE_SHIFT		4
#define VMX_CR_TYPE_MASK		3	/* enum lodge_cr_op, but for SMSW */
#define VMX_CR_GPR_SHIFT		8
#define VMX_GPR_NUMBER_MASK		0xf
#define VMX_CR_LMSW_SHIFT		16

/* ... of a debug-register access. */
#define VMX_DR_NUMBER_MASK		7
#define VMX_DR_IS_READ			BIT(4)
#define VMX_DR_GPR_SHIFT		8

/* ... of an I/O instruction. */
#define VMX_IO_SIZE_MASK		7
#define VMX_IO_IN			BIT(3)
#define VMX_IO_STRING			BIT(4)
#define VMX_IO_REP			BIT(5)
#define VMX_IO_PORT_SHIFT		16

/* ... of a task switch. */
#define VMX_TASK_CAUSE_SHIFT		30	/* enum lodge_task_switch_cause */
#define VMX_TASK_CAUSE_MASK		3

/* ... of an EPT violation. */
#define VMX_EPT_WRITE			BIT(1)
#define VMX_EPT_FETCH			BIT(2)
#define VMX_EPT_UNBLOCKED_NMI		BIT(12)	/* also when the page-modification log is full */

/*
 * IA32_VMX_EPT_VPID_CAP, upper half; the kernel's VMX_VPID_* of the same meaning count
 * from bit 32.
 */
#define VMX_VPID_INVVPID_CAP		BIT_ULL(32)
#define VMX_VPID_EXTENT_SINGLE_CONTEXT_CAP BIT_ULL(41)
#define VMX_VPID_EXTENT_ALL_CONTEXT_CAP	BIT_ULL(42)

/* MSR bitmap: 1 KiB for each of two ranges, reads before writes. */
#define VMX_MSR_BITMAP_RANGE_BYTES	0x400
#define VMX_MSR_BITMAP_WRITES		0x800

/* Exit reasons without a name in the kernel. */
#define VMX_REASON_GETSEC		11
#define VMX_REASON_RSM			17

/* Page-modification log: a page of addresses, filled from its end. */
#define VMX_PML_ENTRIES			512

/* Place of the TPR in the virtual-APIC page. */
#define VMX_VAPIC_TPR			0x80

/* An EPT entry above the lowest level that maps memory. */
#define VMX_EPT_LARGE_BIT		BIT_ULL(7)

/* Bit 31 of the exit reason: the entry failed behind the checks of VMLAUNCH itself. */
#define VMX_REASON_ENTRY_FAILED		BIT(31)
#define VMX_REASON_BASIC_MASK		0xffff

/* Breakpoints 0 to 3 in DR7, local and global. */
#define VMX_DR7_ENABLED			0xff

/* Guest pending debug exceptions. */
#define VMX_PENDING_DEBUG_BS		BIT(14)

#endif /* __ASSEMBLY__ */

#endif /* LODGE_VMX_DEFS_H */
