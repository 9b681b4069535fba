// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: events into the guest, and exits at the moment when one can be taken.
 * Which event goes in when is not decided here.
 *
 * Windows, by what holds the event off:
 *
 *   IRQ   IF clear, shadow      a dummy virtual interrupt; its intercept (VINTR) comes
 *                               at the first moment that the guest would take it
 *   NMI   NMI handler running   the intercept of IRET, then one single step over it
 *   NMI   shadow                one single step
 *   NMI   an event goes in now  an IPI to this pCPU: exit when that is delivered
 *
 * The single step uses RFLAGS.TF and the #DB intercept, which is always on. TF is
 * taken back at the exit, whatever exit it is; but after an IRET RFLAGS came from the
 * guest's stack and is left alone. Known limit: an instruction that pushes RFLAGS
 * (or faults) in that one step pushes TF too.
 */
#include <linux/smp.h>

#include <uapi/asm/debugreg.h>

#include <asm/processor-flags.h>

#include "svm/svm.h"
#include "x86.h"

/* The highest priority there is, so that the virtual interrupt hangs on IF alone. */
#define DUMMY_INTERRUPT	(V_IRQ_MASK | V_INTR_PRIO_MASK | V_IGN_TPR_MASK)

/* Breakpoint causes in DR6. */
#define DR6_BREAKPOINTS	0xfull

static void update_care(struct svm_vcpu *svm)
{
	svm->needs_care = (svm->windows & LODGE_WINDOW_NMI) || svm->nmi == SVM_NMI_IN_IRET;
}

/*
 * CR8 writes exit when they may open the way for an interrupt. They also do while the
 * dummy interrupt is pending: with V_IRQ set, QEMU's emulation aborts on them.
 */
static void update_cr8_intercept(struct svm_vcpu *svm)
{
	vmcb_intercept(svm->vmcb, INTERCEPT_CR8_WRITE,
		       svm->tpr_threshold || (svm->windows & LODGE_WINDOW_IRQ));
}

/**
 * svm_inject() - deliver an event with the next entry
 * @vcpu: loaded vCPU, IRQs off until run()
 * @event: class other than NONE
 */
void svm_inject(struct lodge_vcpu *vcpu, const struct lodge_event *event)
{
	struct vmcb_control_area *control = &vcpu->svm->vmcb->control;
	u32 inject = event->vector | SVM_EVTINJ_VALID;

	switch (event->class) {
	case LODGE_EVENT_IRQ:
		inject |= SVM_EVTINJ_TYPE_INTR;
		break;
	case LODGE_EVENT_NMI:
		inject |= SVM_EVTINJ_TYPE_NMI;
		break;
	default:
		inject |= SVM_EVTINJ_TYPE_EXEPT;
		if (event->has_error) {
			inject |= SVM_EVTINJ_VALID_ERR;
			control->event_inj_err = event->error_code;
		}
		break;
	}
	control->event_inj = inject;

	if (event->class == LODGE_EVENT_NMI) {
		svm_nmi_set_blocked(vcpu->svm, true);
		/* If the INTR block is still to be written, it says the same. */
		vcpu->state.nmi_blocked = true;
	}
}

/**
 * svm_request_window() - exit when an event can be taken
 * @vcpu: loaded vCPU
 * @events: LODGE_WINDOW_*; stays in force until the next call
 */
void svm_request_window(struct lodge_vcpu *vcpu, u32 events)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_control_area *control = &svm->vmcb->control;
	bool wants_irq = events & LODGE_WINDOW_IRQ;

	if (events == svm->windows)
		return;
	svm->windows = events;

	if (wants_irq) {
		control->int_ctl |= DUMMY_INTERRUPT;
		control->int_vector = 0;
	} else {
		control->int_ctl &= ~DUMMY_INTERRUPT;
	}
	vmcb_intercept(svm->vmcb, INTERCEPT_VINTR, wants_irq);
	vmcb_set_dirty(svm->vmcb, SVM_CLEAN_TPR);
	update_cr8_intercept(svm);
	update_care(svm);
}

/**
 * svm_update_tpr() - set the guest's TPR
 * @vcpu: loaded vCPU
 * @tpr: 0-15
 * @threshold: 0, or exit when the TPR falls below; any write of CR8 exits then
 */
void svm_update_tpr(struct lodge_vcpu *vcpu, u8 tpr, u8 threshold)
{
	struct svm_vcpu *svm = vcpu->svm;
	u32 *int_ctl = &svm->vmcb->control.int_ctl;

	*int_ctl = (*int_ctl & ~V_TPR_MASK) | (tpr & V_TPR_MASK);
	if (threshold != svm->tpr_threshold) {
		svm->tpr_threshold = threshold;
		update_cr8_intercept(svm);
	}
}

static bool is_injecting_nmi(const struct vmcb_control_area *control)
{
	return (control->event_inj & SVM_EVTINJ_VALID) &&
	       (control->event_inj & SVM_EVTINJ_TYPE_MASK) == SVM_EVTINJ_TYPE_NMI;
}

/**
 * svm_nmi_set_blocked() - begin or end the masking of NMIs
 * @svm: loaded vCPU
 * @is_blocked: false is not obeyed while an NMI goes in with the next entry
 *
 * An IRET that is under way stays so: the NMI is masked until it has completed.
 */
void svm_nmi_set_blocked(struct svm_vcpu *svm, bool is_blocked)
{
	if (is_injecting_nmi(&svm->vmcb->control))
		is_blocked = true;

	if (!is_blocked)
		svm->nmi = SVM_NMI_OPEN;
	else if (svm->nmi == SVM_NMI_OPEN)
		svm->nmi = SVM_NMI_BLOCKED;
	vmcb_intercept(svm->vmcb, INTERCEPT_IRET, svm->nmi == SVM_NMI_BLOCKED);
	update_care(svm);
}

/**
 * svm_iret_begins() - the IRET intercept fired: let the IRET run
 * @svm: loaded vCPU
 */
void svm_iret_begins(struct svm_vcpu *svm)
{
	svm->nmi = SVM_NMI_IN_IRET;
	svm->iret_rip = svm->vmcb->save.rip;
	vmcb_intercept(svm->vmcb, INTERCEPT_IRET, false);
	update_care(svm);
}

/**
 * svm_care_before() - arm what an NMI window needs in this one entry
 * @vcpu: loaded vCPU; RFLAGS are in the VMCB
 */
void svm_care_before(struct lodge_vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb *vmcb = svm->vmcb;

	if (!(svm->windows & LODGE_WINDOW_NMI) || svm->nmi == SVM_NMI_BLOCKED)
		return;

	if (vmcb->control.event_inj & SVM_EVTINJ_VALID) {
		smp_send_reschedule(smp_processor_id());
		return;
	}
	svm->is_stepping = true;
	svm->step_rflags = vmcb->save.rflags;
	svm->step_dr6 = vmcb->save.dr6;
	vmcb->save.rflags |= X86_EFLAGS_TF;
	vmcb->save.dr6 &= ~(u64)DR_STEP;
	vmcb_set_dirty(vmcb, SVM_CLEAN_DR);
}

/* Take TF and DR6.BS back, and see whether the exit is the step's own #DB. */
static void end_step(struct svm_vcpu *svm, bool is_behind_iret)
{
	struct vmcb_save_area *save = &svm->vmcb->save;
	bool is_db = svm->vmcb->control.exit_code == SVM_EXIT_EXCP_BASE + LODGE_VECTOR_DB;
	bool is_trap = is_db && (save->dr6 & DR_STEP);

	svm->is_stepping = false;
	if (!is_behind_iret)
		save->rflags = (save->rflags & ~(u64)X86_EFLAGS_TF) |
			       (svm->step_rflags & X86_EFLAGS_TF);

	/* The guest steps itself: the #DB is its own, and the exit serves us as well. */
	if (is_trap && (svm->step_rflags & X86_EFLAGS_TF))
		return;

	save->dr6 = (save->dr6 & ~(u64)DR_STEP) | (svm->step_dr6 & DR_STEP);
	vmcb_set_dirty(svm->vmcb, SVM_CLEAN_DR);
	/* A breakpoint that hit in the same instruction still has to reach the guest. */
	svm->has_stepped = is_trap && !(save->dr6 & ~svm->step_dr6 & DR6_BREAKPOINTS);
}

/**
 * svm_care_after() - see how far an IRET or a single step came in this one run
 * @vcpu: loaded vCPU; RFLAGS are in the VMCB
 */
void svm_care_after(struct lodge_vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	bool is_behind_iret = svm->nmi == SVM_NMI_IN_IRET &&
			      svm->vmcb->save.rip != svm->iret_rip;

	if (svm->is_stepping)
		end_step(svm, is_behind_iret);
	if (is_behind_iret) {
		svm->nmi = SVM_NMI_OPEN;
		update_care(svm);
	}
}
