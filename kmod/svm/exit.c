// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: from the VMCB's exit fields to struct lodge_exit. The table gives each
 * exit code its neutral reason; the functions add the details that a reason has.
 * Nothing is acted on here but what concerns the hardware alone.
 */
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/percpu.h>
#include <linux/string.h>

#include <asm/mce.h>
#include <asm/ptrace.h>

#include "svm/svm.h"
#include "x86.h"

/* What beside the reason must be filled in, or done. */
enum detail {
	DETAIL_NO_RULE,
	DETAIL_NONE,
	DETAIL_CR,
	DETAIL_DR,
	DETAIL_EXCEPTION,
	DETAIL_IO,
	DETAIL_IRET,
	DETAIL_MSR,
	DETAIL_TASK,
	DETAIL_VINTR,
};

struct exit_rule {
	u8 reason;
	u8 detail;
};

#define LAST_CODE	SVM_EXIT_TLBSYNC

/* In the order of AMD APM volume 2, "SVM Intercept Exit Codes". */
static const struct exit_rule exit_rules[LAST_CODE + 1] = {
	[SVM_EXIT_READ_CR0 ... SVM_EXIT_READ_CR0 + 15] = { LODGE_EXIT_CR_ACCESS, DETAIL_CR },
	[SVM_EXIT_WRITE_CR0 ... SVM_EXIT_WRITE_CR0 + 15] = { LODGE_EXIT_CR_ACCESS, DETAIL_CR },
	[SVM_EXIT_READ_DR0 ... SVM_EXIT_READ_DR7] = { LODGE_EXIT_DR_ACCESS, DETAIL_DR },
	[SVM_EXIT_WRITE_DR0 ... SVM_EXIT_WRITE_DR7] = { LODGE_EXIT_DR_ACCESS, DETAIL_DR },
	[SVM_EXIT_EXCP_BASE ... SVM_EXIT_LAST_EXCP] = { LODGE_EXIT_EXCEPTION, DETAIL_EXCEPTION },
	[SVM_EXIT_INTR]		= { LODGE_EXIT_HOST_IRQ, DETAIL_NONE },
	[SVM_EXIT_NMI]		= { LODGE_EXIT_HOST_NMI, DETAIL_NONE },	/* taken at STGI */
	[SVM_EXIT_SMI]		= { LODGE_EXIT_NONE, DETAIL_NONE },	/* taken at STGI */
	[SVM_EXIT_INIT]		= { LODGE_EXIT_INIT, DETAIL_NONE },
	[SVM_EXIT_VINTR]	= { LODGE_EXIT_IRQ_WINDOW, DETAIL_VINTR },
	[SVM_EXIT_CR0_SEL_WRITE] = { LODGE_EXIT_CR_ACCESS, DETAIL_CR },
	[SVM_EXIT_RDPMC]	= { LODGE_EXIT_RDPMC, DETAIL_NONE },
	[SVM_EXIT_CPUID]	= { LODGE_EXIT_CPUID, DETAIL_NONE },
	[SVM_EXIT_RSM]		= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_IRET]		= { LODGE_EXIT_NONE, DETAIL_IRET },
	[SVM_EXIT_INVD]		= { LODGE_EXIT_WBINVD, DETAIL_NONE },
	[SVM_EXIT_PAUSE]	= { LODGE_EXIT_PAUSE, DETAIL_NONE },
	[SVM_EXIT_HLT]		= { LODGE_EXIT_HLT, DETAIL_NONE },
	[SVM_EXIT_INVLPGA]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_IOIO]		= { LODGE_EXIT_IO, DETAIL_IO },
	[SVM_EXIT_MSR]		= { LODGE_EXIT_RDMSR, DETAIL_MSR },
	[SVM_EXIT_TASK_SWITCH]	= { LODGE_EXIT_TASK_SWITCH, DETAIL_TASK },
	[SVM_EXIT_SHUTDOWN]	= { LODGE_EXIT_TRIPLE_FAULT, DETAIL_NONE },
	[SVM_EXIT_VMRUN]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_VMMCALL]	= { LODGE_EXIT_HYPERCALL, DETAIL_NONE },
	[SVM_EXIT_VMLOAD]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_VMSAVE]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_STGI]		= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_CLGI]		= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_SKINIT]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_WBINVD]	= { LODGE_EXIT_WBINVD, DETAIL_NONE },
	[SVM_EXIT_RDTSCP]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_MONITOR]	= { LODGE_EXIT_MWAIT, DETAIL_NONE },
	[SVM_EXIT_MWAIT]	= { LODGE_EXIT_MWAIT, DETAIL_NONE },
	[SVM_EXIT_XSETBV]	= { LODGE_EXIT_XSETBV, DETAIL_NONE },
	[SVM_EXIT_RDPRU]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_INVLPGB]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_INVLPGB_ILLEGAL] = { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_INVPCID]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_MCOMMIT]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	[SVM_EXIT_TLBSYNC]	= { LODGE_EXIT_REFUSED, DETAIL_NONE },
	/* FERR_FREEZE has no rule: user space is told, rather than wait for ever. */
};

/*
 * The event whose delivery the exit cut off. A software interrupt is delivered by
 * executing its instruction again: RIP still points there. So are INT3 and INTO,
 * which look like exceptions; unless it was injected as one, with RIP behind it.
 */
static void fill_interrupted(const struct vmcb_control_area *control, u32 injected,
			     struct lodge_event *event)
{
	u32 info = control->exit_int_info;
	u8 vector = info & SVM_EXITINTINFO_VEC_MASK;

	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		event->class = LODGE_EVENT_IRQ;
		break;
	case SVM_EXITINTINFO_TYPE_NMI:
		event->class = LODGE_EVENT_NMI;
		vector = LODGE_VECTOR_NMI;
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		if ((vector == LODGE_VECTOR_BP || vector == LODGE_VECTOR_OF) &&
		    (!(injected & SVM_EVTINJ_VALID) ||
		     (injected & SVM_EVTINJ_VEC_MASK) != vector))
			return;
		event->class = LODGE_EVENT_EXCEPTION;
		break;
	default:
		return;
	}
	event->vector = vector;
	event->has_error = info & SVM_EXITINTINFO_VALID_ERR;
	event->error_code = control->exit_int_info_err;
	/* CR2 and DR6 were written when the delivery began. */
	event->has_payload = false;
	event->payload = 0;
}

/*
 * AMD APM volume 2, "State Saved on Exit": the RIP behind the instruction, for most
 * intercepted instructions; 0 for the rest.
 */
static u8 instruction_length(const struct vmcb *vmcb, u64 next_rip)
{
	u64 length = next_rip - vmcb->save.rip;

	return next_rip && length <= LODGE_MAX_INST_BYTES ? length : 0;
}

static void fill_tdp_fault(const struct vmcb *vmcb, struct lodge_exit *exit)
{
	const struct vmcb_control_area *control = &vmcb->control;
	u64 error = control->exit_info_1;

	exit->reason = LODGE_EXIT_TDP_FAULT;
	exit->tdp.gpa = control->exit_info_2;
	if (error & LODGE_PFERR_WRITE)
		exit->tdp.access = LODGE_ACCESS_WRITE;
	else if (error & LODGE_PFERR_FETCH)
		exit->tdp.access = LODGE_ACCESS_EXEC;
	else
		exit->tdp.access = LODGE_ACCESS_READ;

	/* The bytes are those of the instruction only if it was not its own fetch. */
	if (svm_caps.has_decode_assists && !(error & LODGE_PFERR_FETCH)) {
		exit->nr_inst = min_t(u8, control->insn_len & 0xf, LODGE_MAX_INST_BYTES);
		memcpy(exit->inst, control->insn_bytes, LODGE_MAX_INST_BYTES);
	}
}

static void fill_cr_access(const struct vmcb_control_area *control, struct lodge_exit *exit)
{
	u32 code = control->exit_code;
	u64 info = control->exit_info_1;

	exit->cr.cr = code == SVM_EXIT_CR0_SEL_WRITE ? 0 : code & 0xf;
	exit->cr.op = code < SVM_EXIT_WRITE_CR0 ? LODGE_CR_MOV_FROM : LODGE_CR_MOV_TO;
	exit->cr.gpr = info & SVM_EXITINFO_REG_MASK;
	/* CLTS, LMSW and SMSW come here too; only MOV has its register named. */
	exit->cr.has_operands = svm_caps.has_decode_assists && (info & SVM_CR_IS_MOV);
	exit->cr.lmsw_source = 0;
}

static void fill_dr_access(struct lodge_vcpu *vcpu, struct lodge_exit *exit)
{
	const struct vmcb_control_area *control = &vcpu->svm->vmcb->control;
	u32 code = control->exit_code;

	exit->dr.dr = code & 0xf;
	exit->dr.is_write = code >= SVM_EXIT_WRITE_DR0;
	exit->dr.gpr = control->exit_info_1 & SVM_EXITINFO_REG_MASK;
	exit->dr.has_operands = svm_caps.has_decode_assists;

	/* Nobody but the guest is interested: it may do this itself. */
	if (!(vcpu->intercept_policy & LODGE_INTERCEPT_DR)) {
		exit->reason = LODGE_EXIT_NONE;
		svm_give_debug(vcpu);
	}
}

static void fill_io(const struct vmcb *vmcb, struct lodge_exit *exit)
{
	u64 info = vmcb->control.exit_info_1;

	exit->io.port = info >> SVM_IO_PORT_SHIFT;
	exit->io.size = info >> SVM_IO_SIZE_SHIFT & SVM_IO_SIZE_MASK;
	exit->io.is_in = info & SVM_IO_IN;
	exit->io.is_string = info & SVM_IO_STRING;
	exit->io.is_rep = info & SVM_IO_REP;
	/* Here every CPU gives the next RIP. */
	exit->inst_len = instruction_length(vmcb, vmcb->control.exit_info_2);
}

static void fill_task_switch(const struct vmcb_control_area *control, struct lodge_exit *exit)
{
	u64 info = control->exit_info_2;

	exit->task.selector = control->exit_info_1;
	exit->task.has_error = info & SVM_TASK_HAS_ERROR;
	exit->task.error_code = info;
	if (info & SVM_TASK_IRET)
		exit->task.cause = LODGE_TASK_SWITCH_IRET;
	else if (info & SVM_TASK_JMP)
		exit->task.cause = LODGE_TASK_SWITCH_JMP;
	else if (control->exit_int_info & SVM_EXITINTINFO_VALID)
		exit->task.cause = LODGE_TASK_SWITCH_GATE;
	else
		exit->task.cause = LODGE_TASK_SWITCH_CALL;
}

/*
 * The guest's machine check is the host's: its handler is called as if the vCPU
 * thread had been in user space, which is as far as the damage reaches.
 */
static void service_machine_check(struct lodge_exit *exit)
{
	struct pt_regs regs = { .cs = USER_RPL, .flags = X86_EFLAGS_IF };

	if (IS_ENABLED(CONFIG_X86_MCE))
		do_machine_check(&regs);
	exit->reason = LODGE_EXIT_HOST_NMI;
}

static void fill_debug_exception(struct svm_vcpu *svm, struct lodge_exit *exit)
{
	struct vmcb *vmcb = svm->vmcb;

	if (svm->has_stepped) {
		svm->has_stepped = false;
		exit->reason = LODGE_EXIT_NMI_WINDOW;
		return;
	}
	/* Bits that are 0 when they tell something are turned round by the reset value. */
	exit->exception.has_payload = true;
	exit->exception.payload = (vmcb->save.dr6 ^ LODGE_DR6_RESET) & LODGE_DR6_VOLATILE;
	if (svm->keeps_debug) {
		vmcb->save.dr6 = LODGE_DR6_RESET;
		vmcb_set_dirty(vmcb, SVM_CLEAN_DR);
	}
}

static void fill_exception(struct svm_vcpu *svm, struct lodge_exit *exit)
{
	const struct vmcb_control_area *control = &svm->vmcb->control;
	u8 vector = control->exit_code - SVM_EXIT_EXCP_BASE;

	exit->exception = (struct lodge_event) {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = lodge_exception_has_error(vector),
		.error_code = control->exit_info_1,
	};
	if (vector == LODGE_VECTOR_DB) {
		fill_debug_exception(svm, exit);
	} else if (vector == LODGE_VECTOR_PF) {
		exit->exception.has_payload = true;
		exit->exception.payload = control->exit_info_2;
	} else if (vector == LODGE_VECTOR_MC) {
		service_machine_check(exit);
	}
}

/**
 * svm_exit_decode() - fill a struct lodge_exit from the VMCB
 * @vcpu: loaded vCPU, just exited, IRQs off
 * @exit: to be filled whole
 * @injected: EVENTINJ as the entry had it
 */
void svm_exit_decode(struct lodge_vcpu *vcpu, struct lodge_exit *exit, u32 injected)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb *vmcb = svm->vmcb;
	struct vmcb_control_area *control = &vmcb->control;
	u32 code = control->exit_code;
	const struct exit_rule *rule;

	exit->hw_code = code;
	exit->hw_info = control->exit_info_1;
	exit->cr8 = control->int_ctl & V_TPR_MASK;
	exit->inst_len = 0;
	exit->nr_inst = 0;
	exit->interrupted.class = LODGE_EVENT_NONE;
	if (unlikely(control->exit_int_info & SVM_EXITINTINFO_VALID))
		fill_interrupted(control, injected, &exit->interrupted);

	if (code == SVM_EXIT_NPF) {
		fill_tdp_fault(vmcb, exit);
		return;
	}
	if (unlikely(code > LAST_CODE)) {
		exit->reason = code == (u32)SVM_EXIT_ERR ? LODGE_EXIT_ENTRY_FAILED :
							   LODGE_EXIT_UNKNOWN;
		return;
	}

	rule = &exit_rules[array_index_nospec(code, LAST_CODE + 1)];
	exit->reason = rule->reason;
	if (svm_caps.has_next_rip)
		exit->inst_len = instruction_length(vmcb, control->next_rip);

	switch (rule->detail) {
	case DETAIL_NONE:
		break;
	case DETAIL_CR:
		fill_cr_access(control, exit);
		break;
	case DETAIL_DR:
		fill_dr_access(vcpu, exit);
		break;
	case DETAIL_EXCEPTION:
		fill_exception(svm, exit);
		break;
	case DETAIL_IO:
		fill_io(vmcb, exit);
		break;
	case DETAIL_IRET:
		svm_iret_begins(svm);
		break;
	case DETAIL_MSR:
		if (control->exit_info_1 & 1)
			exit->reason = LODGE_EXIT_WRMSR;
		break;
	case DETAIL_TASK:
		fill_task_switch(control, exit);
		break;
	case DETAIL_VINTR:
		/* The window stays open until another set is requested. */
		control->int_ctl |= V_IRQ_MASK;
		break;
	default:
		exit->reason = LODGE_EXIT_UNKNOWN;
		break;
	}
}
