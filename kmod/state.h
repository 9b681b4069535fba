/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: the architectural state of a vCPU as one structure, moved between
 * here and the hardware in blocks. Who may look at a block and when is the
 * business of regs.h; nobody but a backend and regs.h touches the masks.
 */
#ifndef LODGE_STATE_H
#define LODGE_STATE_H

#include <linux/bits.h>
#include <linux/types.h>

/**
 * enum lodge_state_block - units in which state moves
 * @LODGE_STATE_GPRS: general registers, RIP, RFLAGS. The backend's run() always
 *                    writes and reads this block itself: it is valid whenever
 *                    common code runs.
 * @LODGE_STATE_SEGS: segment registers, LDTR, TR, GDTR, IDTR
 * @LODGE_STATE_CRS:  CR0, CR2, CR3, CR4, EFER, PDPTEs (CR8 lives in the LAPIC or in
 *                    vcpu->cr8, XCR0 in the FPU code)
 * @LODGE_STATE_DRS:  DR0-3, DR6, DR7
 * @LODGE_STATE_MSRS: the MSRs of struct lodge_x86_state
 * @LODGE_STATE_INTR: interrupt shadow, NMI blocking
 */
enum lodge_state_block {
	LODGE_STATE_GPRS = BIT(0),
	LODGE_STATE_SEGS = BIT(1),
	LODGE_STATE_CRS	 = BIT(2),
	LODGE_STATE_DRS	 = BIT(3),
	LODGE_STATE_MSRS = BIT(4),
	LODGE_STATE_INTR = BIT(5),
};

#define LODGE_STATE_ALL		0x3f

/* Register numbers as instructions encode them. */
enum lodge_gpr {
	LODGE_RAX, LODGE_RCX, LODGE_RDX, LODGE_RBX,
	LODGE_RSP, LODGE_RBP, LODGE_RSI, LODGE_RDI,
	LODGE_R8,  LODGE_R9,  LODGE_R10, LODGE_R11,
	LODGE_R12, LODGE_R13, LODGE_R14, LODGE_R15,
	LODGE_NR_GPRS,
};

/* Segment numbers as instructions encode them; LDTR and TR behind. */
enum lodge_seg {
	LODGE_SEG_ES, LODGE_SEG_CS, LODGE_SEG_SS, LODGE_SEG_DS,
	LODGE_SEG_FS, LODGE_SEG_GS, LODGE_SEG_LDTR, LODGE_SEG_TR,
	LODGE_NR_SEGS,
};

/*
 * Segment attributes, in the packing of the VMX access-rights field. SVM packs
 * them otherwise; svm/state.c converts.
 */
#define LODGE_SEG_TYPE_MASK	0x0000fu	/* as in the descriptor */
#define LODGE_SEG_S		BIT(4)		/* code or data, not system */
#define LODGE_SEG_DPL_SHIFT	5
#define LODGE_SEG_DPL_MASK	0x00060u
#define LODGE_SEG_P		BIT(7)		/* present */
#define LODGE_SEG_AVL		BIT(12)
#define LODGE_SEG_L		BIT(13)		/* 64-bit code */
#define LODGE_SEG_DB		BIT(14)		/* 32-bit default size */
#define LODGE_SEG_G		BIT(15)		/* limit in pages */
#define LODGE_SEG_UNUSABLE	BIT(16)		/* loaded with a null selector */

/**
 * struct lodge_segment - one segment register with its hidden part
 * @base: linear address of the first byte
 * @limit: offset of the last byte, in bytes whatever the granularity
 * @selector: visible part
 * @attr: LODGE_SEG_* bits
 */
struct lodge_segment {
	u64 base;
	u32 limit;
	u32 attr;
	u16 selector;
};

/* GDTR or IDTR. */
struct lodge_table {
	u64 base;
	u16 limit;
};

/**
 * struct lodge_x86_state - what a guest would call "the CPU"
 * @shadow: LODGE_SHADOW_* while delivery is held off by STI or MOV SS
 * @nmi_blocked: an NMI handler has not yet executed IRET
 * @pdptrs: the entries that PAE paging outside of long mode loads with CR3; meaningless
 *          in other modes, and a backend whose hardware reads them itself ignores them
 * @tsc_offset: guest TSC minus host TSC (scaled by nothing)
 * @dr6: as the guest sees it, fixed bits included
 */
struct lodge_x86_state {
	/* LODGE_STATE_GPRS */
	u64 gprs[LODGE_NR_GPRS];
	u64 rip;
	u64 rflags;

	/* LODGE_STATE_SEGS */
	struct lodge_segment segs[LODGE_NR_SEGS];
	struct lodge_table gdtr;
	struct lodge_table idtr;

	/* LODGE_STATE_CRS */
	u64 cr0;
	u64 cr2;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u64 pdptrs[4];

	/* LODGE_STATE_DRS */
	u64 dr[4];
	u64 dr6;
	u64 dr7;

	/* LODGE_STATE_MSRS */
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 pat;
	u64 debugctl;
	u64 spec_ctrl;
	u64 virt_spec_ctrl;
	u64 tsc_aux;
	u64 tsc_offset;

	/* LODGE_STATE_INTR */
	u8 shadow;
	bool nmi_blocked;
};

#define LODGE_SHADOW_STI	BIT(0)
#define LODGE_SHADOW_MOV_SS	BIT(1)

#endif /* LODGE_STATE_H */
