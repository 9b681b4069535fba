/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: struct lodge_vcpu, field by field, with what protects each. The
 * legend of lock tags stands in vm.h. Functions live with the floor that acts.
 */
#ifndef LODGE_VCPU_H
#define LODGE_VCPU_H

#include <linux/atomic.h>
#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/signal.h>

#include "types.h"
#include "event.h"
#include "exit.h"
#include "state.h"

struct lodge_vm;
struct svm_vcpu;
struct vmx_vcpu;
struct lodge_cpuid;
struct lodge_fpu;
struct lodge_msrs;
struct lodge_vcpu_clock;
struct lodge_lapic;
struct lodge_pv;
struct lodge_hyperv_vcpu;
struct lodge_emulator;
struct lodge_dirty_ring;

/*
 * Run states, in vcpu->mode. The vCPU's own thread makes every transition but
 * one; the decision table of who sends an IPI stands in request.c.
 *
 *   OUTSIDE_GUEST -> IN_GUEST        thread, IRQs off, before it looks at requests
 *   IN_GUEST      -> EXITING         anybody: "leave the guest and look"
 *   IN_GUEST, EXITING -> OUTSIDE_GUEST   thread, IRQs off, after the exit
 */
enum lodge_vcpu_mode {
	LODGE_OUTSIDE_GUEST,
	LODGE_IN_GUEST,
	LODGE_EXITING,
};

/* What update_intercepts() derives intercepts from; set by floors 3 and 4. */
#define LODGE_INTERCEPT_DR		BIT(0)	/* DR0-7 are the host's; the guest's access exits */
#define LODGE_INTERCEPT_BP		BIT(1)	/* #BP exits */
#define LODGE_INTERCEPT_RDTSCP		BIT(2)	/* RDTSCP, where possible RDPID: #UD */
#define LODGE_INTERCEPT_INVPCID		BIT(3)	/* INVPCID: #UD */
#define LODGE_INTERCEPT_XSAVES		BIT(4)	/* XSAVES, where possible: #UD */
#define LODGE_PASS_SPEC_CTRL		BIT(5)	/* guest has written SPEC_CTRL: no exits */
#define LODGE_PASS_PRED_CMD		BIT(6)	/* guest may issue IBPB itself */
#define LODGE_NOTE_WRITES		BIT(7)	/* CPU notes pages written, if it can */
#define LODGE_INTERCEPT_EXCEPTIONS	BIT(8)	/* all do that an instruction can raise */
#define LODGE_INTERCEPT_HLT		BIT(16)	/* HLT exits */
#define LODGE_INTERCEPT_PAUSE		BIT(17)	/* loops of PAUSE exit */
#define LODGE_INTERCEPT_MWAIT		BIT(18)	/* MONITOR and MWAIT exit */
#define LODGE_INTERCEPT_UD		BIT(19)	/* #UD exits */
#define LODGE_PASS_CSTATE		BIT(20)	/* guest may read the CPU's residency counters */

/*
 * Events that wait for the guest. event_queue.c says in which order they go in.
 * All [v].
 */
struct lodge_event_queue {
	struct lodge_event injected;	/* delivery began and was cut off: goes first */
	struct lodge_event exception;	/* raised, delivery not begun */
	u32 nr_nmis;			/* NMIs waiting, at most 2 */
	bool has_user_irq;		/* KVM_INTERRUPT; with a LAPIC it waits at LINT0 */
	u8 user_vector;
	bool triple_fault;
};

/**
 * struct lodge_debug - guest debugging by the VM's owner; all [v]
 * @control: KVM_GUESTDBG_*, 0 for none
 * @user_dr: breakpoints with KVM_GUESTDBG_USE_HW_BP
 * @user_dr7: what they are
 * @dr: with LODGE_INTERCEPT_DR: DR0-3 as the CPU has them; the guest's are in its state alone
 * @dr7: likewise DR7
 * @step: enum debug_step, how the stay in the guest that comes ends; guest_debug.c's own
 * @step_slot: number of the breakpoint that ends it
 * @step_tf: the guest's own RFLAGS.TF before it
 * @has_stepped: an instruction has been completed since the last report
 */
struct lodge_debug {
	u32 control;
	u64 user_dr[4];
	u64 user_dr7;
	u64 dr[4];
	u64 dr7;
	u8 step;
	u8 step_slot;
	bool step_tf;
	bool has_stepped;
};

/*
 * What KVM_RUN must finish when user space comes back, set by exit_io.c and
 * friends; NULL if nothing. Returns as exit handlers do.
 */
struct lodge_vcpu;
typedef int (*lodge_completion_t)(struct lodge_vcpu *vcpu);

struct lodge_vcpu {
	/* Identity. */
	struct lodge_vm *vm;		/* [i] */
	u32 id;				/* [i] initial APIC id, the number user space gave */
	u32 index;			/* [i] place in vm->vcpus */
	struct kvm_run *run;		/* [i] first of the pages shared with user space */
	void *pio_data;			/* [i] the page behind it */

	/* Thread and residence. */
	struct mutex mutex;		/* one ioctl, KVM_RUN included, at a time */
	struct preempt_notifier preempt_notifier;	/* [v] */
	int cpu;			/* [p] pCPU it is loaded on, -1 for none */
	int last_cpu;			/* [p] pCPU it was loaded on before, -1 for none */
	int mode;			/* [a] enum lodge_vcpu_mode */
	unsigned long requests;		/* [a] LODGE_REQ_* bits, request.h */
	atomic_t nmi_queued;		/* [a] NMIs sent by others, at most 2; LODGE_REQ_NMI */
	struct rcuwait wait;		/* where a halted vCPU sleeps */
	struct task_struct *thread;	/* [a] that it is loaded for; stays for a grace period */
	bool is_preempted;		/* [a] its thread could run, but waits for a CPU */
	bool is_at_boundary;		/* [v] nothing of an instruction is under way here */
	sigset_t sigset;		/* [v] KVM_SET_SIGNAL_MASK */
	bool has_sigset;		/* [v] */
	u32 mp_state;			/* [v] KVM_MP_STATE_* */

	/* Architectural state; use through regs.h. */
	struct lodge_x86_state state;	/* [v] */
	u32 state_valid;		/* [v] blocks whose copy in state is current */
	u32 state_dirty;		/* [v] blocks to be written before the next entry */
	u64 cr8;			/* [v] without in-kernel LAPIC only */
	u64 apic_base;			/* [v] IA32_APIC_BASE */
	u64 misc_enable;		/* [v] IA32_MISC_ENABLE */

	/* Backend. */
	union {
		struct svm_vcpu *svm;	/* [v] */
		struct vmx_vcpu *vmx;	/* [v] */
	};
	u64 deadline;			/* [v] guest TSC at which run() ends; 0 for never */
	u32 intercept_policy;		/* [v] LODGE_INTERCEPT_*, LODGE_PASS_*, ... */

	struct lodge_dirty_ring *dirty_ring;	/* [i] pointer; NULL if the VM has none */

	/* Hardware the guest sees, floor 3. */
	struct lodge_cpuid *cpuid;	/* [v] never NULL once created */
	u8 phys_bits;			/* [v] guest physical-address width, set from CPUID */
	struct lodge_fpu *fpu;		/* [i] pointer */
	struct lodge_msrs *msrs;	/* [i] pointer */
	struct lodge_vcpu_clock *clock;	/* [i] pointer */
	struct lodge_lapic *lapic;	/* [i] NULL where user space has the LAPICs */
	gpa_t vapic;			/* [v] where the guest keeps its TPR; 0: in the LAPIC */
	bool reports_tpr;		/* [v] KVM_TPR_ACCESS_REPORTING */
	struct lodge_pv *pv;		/* [i] pointer */
	struct lodge_hyperv_vcpu *hyperv;	/* [v] set once; NULL until there is a use for it */

	/* Policy, floor 4. */
	struct lodge_event_queue events;	/* [v] */
	struct lodge_exit exit;		/* [v] the last one */
	struct lodge_emulator *emulator;	/* [i] pointer; exit_io.c's scratch space */
	lodge_completion_t completion;	/* [v] */
	struct lodge_debug debug;		/* [v] */
};

#endif /* LODGE_VCPU_H */
