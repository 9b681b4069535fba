/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the SVM backend's own structures and the prototypes of its files,
 * grouped by file. Outside this folder only main.c includes it, for svm_ops.
 */
#ifndef LODGE_SVM_H
#define LODGE_SVM_H

#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/percpu.h>
#include <linux/stddef.h>

#include "svm/caps.h"
#include "svm/svm_defs.h"
#include "svm/vmcb.h"
#include "state.h"
#include "types.h"
#include "vcpu.h"
#include "vendor.h"

/**
 * struct svm_cpu - what a pCPU needs to run guests; touched with preemption off
 * @host_pa: area that VMSAVE and VMLOAD keep the host's part of the state in
 * @save_pa: area that VMRUN itself keeps host state in, opaque to software
 * @generation: of the ASIDs handed out; 0 never
 * @next_asid: next one to hand out in this generation
 * @last_id: svm_vcpu.id of the vCPU that was loaded last
 * @host_tsc_aux: the host's TSC_AUX on this CPU
 * @host_page: page of @host_pa
 * @save_page: page of @save_pa
 * @is_enabled: EFER.SVME was set by this module
 */
struct svm_cpu {
	hpa_t host_pa;
	hpa_t save_pa;
	u64 generation;
	u32 next_asid;
	u64 last_id;
	u64 host_tsc_aux;
	struct page *host_page;
	struct page *save_page;
	bool is_enabled;
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

/* What enter.S works on. */
struct svm_switch {
	hpa_t vmcb_pa;
	hpa_t host_pa;			/* of the pCPU it is loaded on */
	u32 spec_ctrl;			/* the guest's */
	u32 spec_ctrl_is_passed;	/* the guest writes it without exiting */
};

static_assert(offsetof(struct svm_switch, vmcb_pa) == SVM_SWITCH_VMCB_PA);
static_assert(offsetof(struct svm_switch, host_pa) == SVM_SWITCH_HOST_PA);
static_assert(offsetof(struct svm_switch, spec_ctrl) == SVM_SWITCH_SPEC_CTRL);
static_assert(offsetof(struct svm_switch, spec_ctrl_is_passed) == SVM_SWITCH_SPEC_CTRL_PASSED);
static_assert(LODGE_RCX * 8 == SVM_GPR_RCX && LODGE_RDX * 8 == SVM_GPR_RDX);
static_assert(LODGE_RBX * 8 == SVM_GPR_RBX && LODGE_RBP * 8 == SVM_GPR_RBP);
static_assert(LODGE_RSI * 8 == SVM_GPR_RSI && LODGE_RDI * 8 == SVM_GPR_RDI);
static_assert(LODGE_R8 * 8 == SVM_GPR_R8 && LODGE_R15 * 8 == SVM_GPR_R15);

/*
 * NMI masking, in software: no CPU without virtual NMIs tells it.
 *
 *   OPEN    -> BLOCKED   an NMI is injected; IRET is intercepted
 *   BLOCKED -> IN_IRET   an IRET was intercepted; it runs now, unintercepted
 *   IN_IRET -> OPEN      an exit shows that the IRET is behind us
 */
enum svm_nmi_state {
	SVM_NMI_OPEN,
	SVM_NMI_BLOCKED,
	SVM_NMI_IN_IRET,
};

/**
 * struct svm_vcpu - a vCPU's hardware half; [v] throughout
 * @enter: for enter.S
 * @vmcb: its VMCB
 * @cpu: per-CPU data of the pCPU it is loaded on; stale while it is not
 * @asid_generation: generation that the VMCB's ASID is of; 0 for none
 * @needs_care: something rare must be done before the next entry or after the next
 *              exit: a window or an IRET to watch. The usual run looks here only.
 * @nmi: enum svm_nmi_state
 * @windows: LODGE_WINDOW_*, as last requested
 * @tpr_threshold: as last given to update_tpr()
 * @is_stepping: RFLAGS.TF is ours during this run, for the NMI window
 * @has_stepped: the exit is the #DB of that step
 * @keeps_debug: the guest's DR6 and DR7 are in vcpu->state, the VMCB's are ours: while
 *               guest debugging is on, the cause of a #DB is read from a clean DR6
 * @owns_debug: the guest accesses DR0-7 without exits, in the next run only
 * @iret_rip: where the IRET of SVM_NMI_IN_IRET stands
 * @step_rflags: the guest's RFLAGS while @is_stepping
 * @step_dr6: the guest's DR6 while @is_stepping
 * @cr0_hidden: bits of the guest's CR0 that the VMCB's lacks
 * @tsc_aux: what the TSC_AUX MSR holds while the vCPU is loaded
 * @id: never used again for another vCPU
 */
struct svm_vcpu {
	struct svm_switch enter;
	struct vmcb *vmcb;
	struct svm_cpu *cpu;
	u64 asid_generation;
	bool needs_care;
	u8 nmi;
	u8 windows;
	u8 tpr_threshold;
	bool is_stepping;
	bool has_stepped;
	bool keeps_debug;
	bool owns_debug;
	u64 iret_rip;
	u64 step_rflags;
	u64 step_dr6;
	u64 cr0_hidden;
	u64 tsc_aux;
	u64 id;
} ____cacheline_aligned;

/* svm.c */
extern const struct lodge_vendor_ops svm_ops;
hpa_t svm_iopm_pa(void);

/* vcpu.c */
int svm_vcpu_create(struct lodge_vcpu *vcpu);
void svm_vcpu_destroy(struct lodge_vcpu *vcpu);
void svm_vcpu_load(struct lodge_vcpu *vcpu, int cpu);
void svm_vcpu_put(struct lodge_vcpu *vcpu);
void svm_update_intercepts(struct lodge_vcpu *vcpu);
void svm_give_debug(struct lodge_vcpu *vcpu);
void svm_take_debug(struct lodge_vcpu *vcpu);

/* state.c */
void svm_state_read(struct lodge_vcpu *vcpu, u32 blocks);
void svm_state_write(struct lodge_vcpu *vcpu, u32 blocks);
void svm_set_tsc_aux(struct svm_vcpu *svm, u64 value);

/* run.c, enter.S */
void svm_run(struct lodge_vcpu *vcpu, struct lodge_exit *exit);
void svm_save_host(struct svm_cpu *cpu);
int svm_enter(struct svm_switch *enter, u64 *gprs);

/* exit.c */
void svm_exit_decode(struct lodge_vcpu *vcpu, struct lodge_exit *exit, u32 injected);

/* inject.c */
void svm_inject(struct lodge_vcpu *vcpu, const struct lodge_event *event);
void svm_request_window(struct lodge_vcpu *vcpu, u32 events);
void svm_update_tpr(struct lodge_vcpu *vcpu, u8 tpr, u8 threshold);
void svm_nmi_set_blocked(struct svm_vcpu *svm, bool is_blocked);
void svm_care_before(struct lodge_vcpu *vcpu);
void svm_care_after(struct lodge_vcpu *vcpu);
void svm_iret_begins(struct svm_vcpu *svm);

/* msr.c */
int svm_msr_setup(void);
void svm_msr_teardown(void);
hpa_t svm_msrpm_pa(const struct lodge_vcpu *vcpu);

/* tlb.c */
void svm_tlb_cpu_reset(struct svm_cpu *cpu);
void svm_tlb_new_asid(struct svm_vcpu *svm);
void svm_tdp_load(struct lodge_vcpu *vcpu, hpa_t root);
void svm_tlb_flush(struct lodge_vcpu *vcpu, enum lodge_tlb_scope scope);

#endif /* LODGE_SVM_H */
