/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the VMX backend's own structures and the prototypes of its files,
 * grouped by file. Outside this folder only main.c includes it, for vmx_ops.
 */
#ifndef LODGE_VMX_H
#define LODGE_VMX_H

#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/percpu.h>
#include <linux/stddef.h>

#include <asm/vmx.h>

#include "vmx/caps.h"
#include "vmx/vmcs.h"
#include "vmx/vmx_defs.h"
#include "state.h"
#include "types.h"
#include "vcpu.h"
#include "vendor.h"

/**
 * struct vmx_cpu - what a pCPU needs to run guests; touched with preemption off
 * @vmxon_pa: area that the CPU keeps for itself while it is in VMX operation
 * @vmxon_page: page of @vmxon_pa
 * @last_id: vmx_vcpu.id of the vCPU that was loaded last
 * @host_star: the host's STAR on this CPU
 * @host_lstar: likewise
 * @host_sfmask: likewise
 * @host_tsc_aux: likewise
 * @is_enabled: CR4.VMXE was set by this module
 */
struct vmx_cpu {
	hpa_t vmxon_pa;
	struct page *vmxon_page;
	u64 last_id;
	u64 host_star;
	u64 host_lstar;
	u64 host_sfmask;
	u64 host_tsc_aux;
	bool is_enabled;
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpu);

/* What enter.S works on. */
struct vmx_switch {
	u64 host_rsp;			/* as the VMCS has it */
	u32 spec_ctrl;			/* the guest's */
	u32 spec_ctrl_is_passed;	/* the guest writes it without exiting */
	u32 is_launched;		/* VMRESUME, not VMLAUNCH */
};

static_assert(offsetof(struct vmx_switch, host_rsp) == VMX_SWITCH_HOST_RSP);
static_assert(offsetof(struct vmx_switch, spec_ctrl) == VMX_SWITCH_SPEC_CTRL);
static_assert(offsetof(struct vmx_switch, spec_ctrl_is_passed) == VMX_SWITCH_SPEC_CTRL_PASSED);
static_assert(offsetof(struct vmx_switch, is_launched) == VMX_SWITCH_IS_LAUNCHED);
static_assert(LODGE_RAX * 8 == VMX_GPR_RAX && LODGE_RCX * 8 == VMX_GPR_RCX);
static_assert(LODGE_RDX * 8 == VMX_GPR_RDX && LODGE_RBX * 8 == VMX_GPR_RBX);
static_assert(LODGE_RBP * 8 == VMX_GPR_RBP && LODGE_RSI * 8 == VMX_GPR_RSI);
static_assert(LODGE_RDI * 8 == VMX_GPR_RDI && LODGE_R8 * 8 == VMX_GPR_R8);
static_assert(LODGE_R15 * 8 == VMX_GPR_R15);
static_assert(HOST_RSP == VMX_FIELD_HOST_RSP);

/* What vmx_enter() returns. */
#define VMX_ENTER_EXITED	0
#define VMX_ENTER_REFUSED	1	/* VMLAUNCH or VMRESUME failed; see VM_INSTRUCTION_ERROR */
#define VMX_ENTER_NO_VMX	(-1)	/* the CPU is not in VMX operation */

/* What vmx_vcpu.flushes may ask for before the next entry. */
#define VMX_FLUSH_VPID		BIT(0)
#define VMX_FLUSH_EPT		BIT(1)

/* The kernel names two or three. */
#define VMX_MAX_PERF_MSRS	4

/**
 * struct vmx_host_state - what of the vCPU's thread an exit destroys and nobody in the
 *                         kernel needs; valid while vmx_vcpu.is_resident
 * @kernel_gs_base: the thread's GS base
 * @fs_base: its FS base
 * @fs: selector that an exit loads with 0, likewise below
 * @gs: likewise
 * @ds: likewise
 * @es: likewise
 * @ldt: likewise; 0 for a thread without an LDT, as all but a few are
 * @debugctl: as the host had it
 */
struct vmx_host_state {
	u64 kernel_gs_base;
	u64 fs_base;
	u64 debugctl;
	u16 fs;
	u16 gs;
	u16 ds;
	u16 es;
	u16 ldt;
};

/**
 * struct vmx_vcpu - a vCPU's hardware half; [v] throughout
 * @enter: for enter.S
 * @vmcs: its VMCS
 * @vapic: page with the TPR where the CPU virtualizes it, else NULL
 * @pml: page that the CPU notes written pages in, where it does; else NULL
 * @host: what vcpu_put() brings back
 * @is_resident: @host is valid and the MSRs that VM entry does not switch are the
 *               guest's; from the first run() after vcpu_load() to vcpu_put()
 * @is_timed: the preemption timer is on
 * @notes_writes: the CPU notes them now
 * @primary: primary processor-based controls as in the VMCS
 * @host_cr3: HOST_CR3 as in the VMCS, likewise below
 * @host_cr4: likewise
 * @eptp: EPT_POINTER as in the VMCS
 * @vpid: tag of its translations; 0 if there was none left
 * @flushes: VMX_FLUSH_*: due before the next entry
 * @rip: GUEST_RIP as in the VMCS, likewise below
 * @rsp: likewise
 * @rflags: likewise
 * @checks_shadow: RFLAGS, the interrupt shadow or DEBUGCTL was changed, or a #DB taken
 *                 out: entry demands that they fit each other
 * @has_breakpoints: DR7 enables a breakpoint: DR0-3 are loaded for the run
 * @touched_memory: the host read or wrote for the guest since the last run (L1TF)
 * @entry_event: VM_ENTRY_INTR_INFO_FIELD as in the VMCS; 0 for none
 * @cr2: no VMCS holds it
 * @cr8: the guest's, where no @vapic has it
 * @tpr_threshold: TPR_THRESHOLD as in the VMCS
 * @kernel_gs_base: the guest's while not @is_resident
 * @tsc_aux: what the TSC_AUX MSR holds while @is_resident
 * @id: never used again for another vCPU
 * @nr_perf: MSRs in the two lists of perf's, as the VMCS has it
 * @guest_perf: what VM entry loads into them
 * @host_perf: what VM exit does
 */
struct vmx_vcpu {
	struct vmx_switch enter;
	struct vmcs vmcs;
	u8 *vapic;
	u64 *pml;
	struct vmx_host_state host;
	bool is_resident;
	bool is_timed;
	bool notes_writes;
	u32 primary;
	u64 host_cr3;
	u64 host_cr4;
	u64 eptp;
	u16 vpid;
	u8 flushes;
	u64 rip;
	u64 rsp;
	u64 rflags;
	bool checks_shadow;
	bool has_breakpoints;
	bool touched_memory;
	u32 entry_event;
	u64 cr2;
	u8 cr8;
	u8 tpr_threshold;
	u64 kernel_gs_base;
	u64 tsc_aux;
	u64 id;
	unsigned int nr_perf;
	struct vmx_msr_entry guest_perf[VMX_MAX_PERF_MSRS];
	struct vmx_msr_entry host_perf[VMX_MAX_PERF_MSRS];
} ____cacheline_aligned;

/* vmx.c */
extern const struct lodge_vendor_ops vmx_ops;

/* vcpu.c */
int vmx_vcpu_create(struct lodge_vcpu *vcpu);
void vmx_vcpu_destroy(struct lodge_vcpu *vcpu);
void vmx_vcpu_load(struct lodge_vcpu *vcpu, int cpu);
void vmx_vcpu_put(struct lodge_vcpu *vcpu);
void vmx_update_intercepts(struct lodge_vcpu *vcpu);
void vmx_set_primary(struct vmx_vcpu *vmx, u32 bits, bool on);

/* state.c */
void vmx_state_read(struct lodge_vcpu *vcpu, u32 blocks);
void vmx_state_write(struct lodge_vcpu *vcpu, u32 blocks);
void vmx_load_guest_msrs(struct lodge_vcpu *vcpu);
void vmx_load_host_msrs(struct lodge_vcpu *vcpu);

/* run.c, enter.S */
void vmx_run(struct lodge_vcpu *vcpu, struct lodge_exit *exit);
void vmx_leave_residence(struct lodge_vcpu *vcpu);
int vmx_enter(struct vmx_switch *enter, u64 *gprs);
void vmx_exit_point(void);
void vmx_raise_host_nmi(void);

/* exit.c */
void vmx_exit_decode(struct lodge_vcpu *vcpu, struct lodge_exit *exit);

/* inject.c */
void vmx_inject(struct lodge_vcpu *vcpu, const struct lodge_event *event);
void vmx_request_window(struct lodge_vcpu *vcpu, u32 events);
void vmx_update_tpr(struct lodge_vcpu *vcpu, u8 tpr, u8 threshold);
u8 vmx_cr8(const struct vmx_vcpu *vmx);
bool vmx_is_injecting_nmi(const struct vmx_vcpu *vmx);
void vmx_nmi_set_blocked(void);

/* msr.c */
int vmx_msr_setup(void);
void vmx_msr_teardown(void);
hpa_t vmx_msr_bitmap_pa(const struct lodge_vcpu *vcpu);
void vmx_msr_note_perf(struct vmx_vcpu *vmx);

/* tlb.c */
void vmx_vpid_alloc(struct vmx_vcpu *vmx);
void vmx_vpid_free(struct vmx_vcpu *vmx);
void vmx_tlb_carry_out(struct vmx_vcpu *vmx);
void vmx_tdp_load(struct lodge_vcpu *vcpu, hpa_t root);
void vmx_tlb_flush(struct lodge_vcpu *vcpu, enum lodge_tlb_scope scope);

#endif /* LODGE_VMX_H */
