// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: from the VMCS's exit fields to struct lodge_exit. The table gives each
 * exit reason its neutral one; the functions add the details that a reason has.
 * Nothing is acted on here but what concerns the hardware alone.
 */
#include <linux/nospec.h>

#include <asm/mce.h>
#include <asm/ptrace.h>

#include "vmx/vmx.h"
#include "x86.h"

/* What beside the reason must be filled in, or done. */
enum detail {
	DETAIL_NO_RULE,
	DETAIL_NONE,
	DETAIL_INSN,		/* the length of the instruction, no more */
	DETAIL_CR,
	DETAIL_DR,
	DETAIL_EPT,
	DETAIL_PML,
	DETAIL_EXCEPTION,
	DETAIL_IO,
	DETAIL_TASK,
};

struct exit_rule {
	u8 reason;
	u8 detail;
};

#define LAST_CODE	EXIT_REASON_TPAUSE

/* In the order of Intel SDM volume 3, "VMX Basic Exit Reasons". */
static const struct exit_rule exit_rules[LAST_CODE + 1] = {
	[EXIT_REASON_EXCEPTION_NMI]	= { LODGE_EXIT_EXCEPTION, DETAIL_EXCEPTION },
	[EXIT_REASON_EXTERNAL_INTERRUPT] = { LODGE_EXIT_HOST_IRQ, DETAIL_NONE },
	[EXIT_REASON_TRIPLE_FAULT]	= { LODGE_EXIT_TRIPLE_FAULT, DETAIL_NONE },
	[EXIT_REASON_INIT_SIGNAL]	= { LODGE_EXIT_INIT, DETAIL_NONE },
	[EXIT_REASON_INTERRUPT_WINDOW]	= { LODGE_EXIT_IRQ_WINDOW, DETAIL_NONE },
	[EXIT_REASON_NMI_WINDOW]	= { LODGE_EXIT_NMI_WINDOW, DETAIL_NONE },
	[EXIT_REASON_TASK_SWITCH]	= { LODGE_EXIT_TASK_SWITCH, DETAIL_TASK },
	[EXIT_REASON_CPUID]		= { LODGE_EXIT_CPUID, DETAIL_INSN },
	[VMX_REASON_GETSEC]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_HLT]		= { LODGE_EXIT_HLT, DETAIL_INSN },
	[EXIT_REASON_INVD]		= { LODGE_EXIT_WBINVD, DETAIL_INSN },
	[EXIT_REASON_RDPMC]		= { LODGE_EXIT_RDPMC, DETAIL_INSN },
	[VMX_REASON_RSM]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMCALL]		= { LODGE_EXIT_HYPERCALL, DETAIL_INSN },
	[EXIT_REASON_VMCLEAR]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMLAUNCH]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMPTRLD]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMPTRST]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMREAD]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMRESUME]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMWRITE]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMOFF]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_VMON]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_CR_ACCESS]		= { LODGE_EXIT_CR_ACCESS, DETAIL_CR },
	[EXIT_REASON_DR_ACCESS]		= { LODGE_EXIT_DR_ACCESS, DETAIL_DR },
	[EXIT_REASON_IO_INSTRUCTION]	= { LODGE_EXIT_IO, DETAIL_IO },
	[EXIT_REASON_MSR_READ]		= { LODGE_EXIT_RDMSR, DETAIL_INSN },
	[EXIT_REASON_MSR_WRITE]		= { LODGE_EXIT_WRMSR, DETAIL_INSN },
	[EXIT_REASON_MWAIT_INSTRUCTION]	= { LODGE_EXIT_MWAIT, DETAIL_INSN },
	[EXIT_REASON_MONITOR_INSTRUCTION] = { LODGE_EXIT_MWAIT, DETAIL_INSN },
	[EXIT_REASON_PAUSE_INSTRUCTION]	= { LODGE_EXIT_PAUSE, DETAIL_INSN },
	[EXIT_REASON_TPR_BELOW_THRESHOLD] = { LODGE_EXIT_TPR_BELOW_THRESHOLD, DETAIL_NONE },
	[EXIT_REASON_EPT_VIOLATION]	= { LODGE_EXIT_TDP_FAULT, DETAIL_EPT },
	/* EPT_MISCONFIG has no rule: lodge makes no such entry, so user space is told. */
	[EXIT_REASON_INVEPT]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_PREEMPTION_TIMER]	= { LODGE_EXIT_DEADLINE, DETAIL_NONE },
	[EXIT_REASON_INVVPID]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_WBINVD]		= { LODGE_EXIT_WBINVD, DETAIL_INSN },
	[EXIT_REASON_XSETBV]		= { LODGE_EXIT_XSETBV, DETAIL_INSN },
	[EXIT_REASON_VMFUNC]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_ENCLS]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	/* What is in it is taken at every exit. */
	[EXIT_REASON_PML_FULL]		= { LODGE_EXIT_NONE, DETAIL_PML },
	[EXIT_REASON_UMWAIT]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
	[EXIT_REASON_TPAUSE]		= { LODGE_EXIT_REFUSED, DETAIL_INSN },
};

/*
 * The event whose delivery the exit cut off. A software interrupt is delivered by
 * executing its instruction again: RIP still points there. So are INT3 and INTO; where
 * one was injected, it went in as a hardware exception and comes back as such.
 */
static void fill_interrupted(u32 vectoring, struct lodge_event *event)
{
	switch (vectoring & VECTORING_INFO_TYPE_MASK) {
	case INTR_TYPE_EXT_INTR:
		event->class = LODGE_EVENT_IRQ;
		break;
	case INTR_TYPE_NMI_INTR:
		event->class = LODGE_EVENT_NMI;
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		event->class = LODGE_EVENT_EXCEPTION;
		break;
	default:
		return;
	}
	event->vector = vectoring & VECTORING_INFO_VECTOR_MASK;
	event->has_error = vectoring & VECTORING_INFO_DELIVER_CODE_MASK;
	event->error_code = event->has_error ? vmcs_read(IDT_VECTORING_ERROR_CODE) : 0;
	/* CR2 and DR6 were written when the delivery began. */
	event->has_payload = false;
	event->payload = 0;
}

/* Valid for exits by instructions only; else it is that of another exit. */
static u8 instruction_length(void)
{
	u64 length = vmcs_read(VM_EXIT_INSTRUCTION_LEN);

	return length <= LODGE_MAX_INST_BYTES ? length : 0;
}

/* IRET had ended the blocking of NMIs when memory stopped it; it will be executed again. */
static void keep_nmi_blocking(const struct lodge_exit *exit, u32 vectoring)
{
	if (unlikely(exit->hw_info & VMX_EPT_UNBLOCKED_NMI) &&
	    !(vectoring & VECTORING_INFO_VALID_MASK))
		vmx_nmi_set_blocked();
}

static void fill_tdp_fault(struct lodge_exit *exit, u32 vectoring)
{
	u64 info = exit->hw_info;

	exit->tdp.gpa = vmcs_read(GUEST_PHYSICAL_ADDRESS);
	if (info & VMX_EPT_WRITE)
		exit->tdp.access = LODGE_ACCESS_WRITE;
	else if (info & VMX_EPT_FETCH)
		exit->tdp.access = LODGE_ACCESS_EXEC;
	else
		exit->tdp.access = LODGE_ACCESS_READ;
	keep_nmi_blocking(exit, vectoring);
}

/*
 * Pages are noted from the end of the log to its begin, and the index names the next free
 * entry: the one behind it is the last that was written (Intel SDM volume 3,
 * "Page-Modification Logging").
 */
static void take_written(struct vmx_vcpu *vmx, struct lodge_exit *exit)
{
	/* Of 16 bits: from the first entry on it wraps to the largest number. */
	u16 first = vmcs_read(GUEST_PML_INDEX) + 1;

	if (first >= VMX_PML_ENTRIES)
		return;
	exit->written = &vmx->pml[array_index_nospec(first, VMX_PML_ENTRIES)];
	exit->nr_written = VMX_PML_ENTRIES - first;
	vmcs_write(GUEST_PML_INDEX, VMX_PML_ENTRIES - 1);
}

static void fill_cr_access(struct lodge_exit *exit)
{
	u64 info = exit->hw_info;

	exit->cr.cr = info & VMX_CR_NUMBER_MASK;
	exit->cr.op = info >> VMX_CR_TYPE_SHIFT & VMX_CR_TYPE_MASK;
	exit->cr.gpr = info >> VMX_CR_GPR_SHIFT & VMX_GPR_NUMBER_MASK;
	exit->cr.lmsw_source = info >> VMX_CR_LMSW_SHIFT;
	exit->cr.has_operands = true;
}

static void fill_dr_access(struct lodge_exit *exit)
{
	u64 info = exit->hw_info;

	exit->dr.dr = info & VMX_DR_NUMBER_MASK;
	exit->dr.is_write = !(info & VMX_DR_IS_READ);
	exit->dr.gpr = info >> VMX_DR_GPR_SHIFT & VMX_GPR_NUMBER_MASK;
	exit->dr.has_operands = true;
}

static void fill_io(struct lodge_exit *exit)
{
	u64 info = exit->hw_info;

	exit->io.port = info >> VMX_IO_PORT_SHIFT;
	exit->io.size = (info & VMX_IO_SIZE_MASK) + 1;
	exit->io.is_in = info & VMX_IO_IN;
	exit->io.is_string = info & VMX_IO_STRING;
	exit->io.is_rep = info & VMX_IO_REP;
}

/* An event from outside has no instruction; the length is that of another exit then. */
static void fill_task_switch(struct lodge_exit *exit, u32 vectoring)
{
	bool is_event = exit->interrupted.class != LODGE_EVENT_NONE;

	exit->task.selector = exit->hw_info;
	exit->task.cause = exit->hw_info >> VMX_TASK_CAUSE_SHIFT & VMX_TASK_CAUSE_MASK;
	exit->task.has_error = is_event && exit->interrupted.has_error;
	exit->task.error_code = exit->interrupted.error_code;
	if (exit->task.cause != LODGE_TASK_SWITCH_GATE || !is_event)
		exit->inst_len = instruction_length();
}

/*
 * The guest's machine check is the host's: its handler is called as if the vCPU
 * thread had been in user space, which is as far as the damage reaches.
 */
static void service_machine_check(void)
{
	struct pt_regs regs = { .cs = USER_RPL, .flags = X86_EFLAGS_IF };

	if (IS_ENABLED(CONFIG_X86_MCE))
		do_machine_check(&regs);
}

static void fill_debug_exception(struct lodge_vcpu *vcpu, struct lodge_exit *exit, u32 info)
{
	/* DR6 is not written by the exit: the causes are here, and here alone. */
	exit->exception.has_payload = true;
	exit->exception.payload = exit->hw_info & LODGE_DR6_VOLATILE;
	/*
	 * A trap may come while a shadow lies on the guest; the exit saves the shadow but
	 * not the pending single step that an entry demands beside it.
	 */
	vcpu->vmx->checks_shadow = true;
	/* INT1 traps, but the exit comes before it has completed. */
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_PRIV_SW_EXCEPTION) {
		exit->inst_len = instruction_length();
		vcpu->state.rip += exit->inst_len;
		vmcs_write(GUEST_INTERRUPTIBILITY_INFO,
			   vmcs_read(GUEST_INTERRUPTIBILITY_INFO) &
			   ~(u64)(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS));
	}
}

static void fill_exception(struct lodge_vcpu *vcpu, struct lodge_exit *exit, u32 vectoring)
{
	u32 info = vmcs_read(VM_EXIT_INTR_INFO);
	u8 vector = info & INTR_INFO_VECTOR_MASK;

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR) {
		vmx_raise_host_nmi();
		exit->reason = LODGE_EXIT_HOST_NMI;
		return;
	}
	exit->exception = (struct lodge_event) {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = info & INTR_INFO_DELIVER_CODE_MASK,
	};
	if (exit->exception.has_error)
		exit->exception.error_code = vmcs_read(VM_EXIT_INTR_ERROR_CODE);

	/* A double fault leaves no IRET to go back to. */
	if (unlikely(info & INTR_INFO_UNBLOCK_NMI) && vector != LODGE_VECTOR_DF &&
	    !(vectoring & VECTORING_INFO_VALID_MASK))
		vmx_nmi_set_blocked();

	switch (vector) {
	case LODGE_VECTOR_DB:
		fill_debug_exception(vcpu, exit, info);
		break;
	case LODGE_VECTOR_BP:
		exit->inst_len = instruction_length();
		break;
	case LODGE_VECTOR_PF:
		exit->exception.has_payload = true;
		exit->exception.payload = exit->hw_info;
		break;
	case LODGE_VECTOR_MC:
		service_machine_check();
		exit->reason = LODGE_EXIT_HOST_NMI;
		break;
	}
}

/* The checks of the guest's state: the entry has become an exit that says why. */
static void fill_entry_failed(struct lodge_exit *exit)
{
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	if ((exit->hw_code & VMX_REASON_BASIC_MASK) == EXIT_REASON_MCE_DURING_VMENTRY)
		service_machine_check();
	exit->reason = LODGE_EXIT_ENTRY_FAILED;
}

static void fill_detail(struct lodge_vcpu *vcpu, struct lodge_exit *exit, u8 detail,
			u32 vectoring)
{
	switch (detail) {
	case DETAIL_NONE:
		break;
	case DETAIL_INSN:
		exit->inst_len = instruction_length();
		break;
	case DETAIL_CR:
		exit->inst_len = instruction_length();
		fill_cr_access(exit);
		break;
	case DETAIL_DR:
		exit->inst_len = instruction_length();
		fill_dr_access(exit);
		break;
	case DETAIL_EPT:
		fill_tdp_fault(exit, vectoring);
		vcpu->vmx->touched_memory = true;
		break;
	case DETAIL_PML:
		keep_nmi_blocking(exit, vectoring);
		break;
	case DETAIL_EXCEPTION:
		fill_exception(vcpu, exit, vectoring);
		break;
	case DETAIL_IO:
		exit->inst_len = instruction_length();
		fill_io(exit);
		vcpu->vmx->touched_memory = true;
		break;
	case DETAIL_TASK:
		fill_task_switch(exit, vectoring);
		vcpu->vmx->touched_memory = true;
		break;
	default:
		exit->reason = LODGE_EXIT_UNKNOWN;
		break;
	}
}

/**
 * vmx_exit_decode() - fill a struct lodge_exit from the VMCS
 * @vcpu: loaded vCPU, just exited, IRQs off
 * @exit: to be filled whole
 *
 * A host NMI is serviced here: NMIs are blocked until that.
 */
void vmx_exit_decode(struct lodge_vcpu *vcpu, struct lodge_exit *exit)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	u32 code = vmcs_read(VM_EXIT_REASON);
	const struct exit_rule *rule;
	u32 vectoring;

	exit->hw_code = code;
	exit->hw_info = vmcs_read(EXIT_QUALIFICATION);
	exit->cr8 = vmx_cr8(vmx);
	exit->inst_len = 0;
	exit->nr_inst = 0;
	exit->nr_written = 0;
	exit->interrupted.class = LODGE_EVENT_NONE;

	if (unlikely(code & VMX_REASON_ENTRY_FAILED)) {
		fill_entry_failed(exit);
		return;
	}
	vmx->vmcs.is_launched = true;
	if (unlikely(vmx->notes_writes))
		take_written(vmx, exit);

	vectoring = vmcs_read(IDT_VECTORING_INFO_FIELD);
	if (unlikely(vectoring & VECTORING_INFO_VALID_MASK))
		fill_interrupted(vectoring, &exit->interrupted);

	code &= VMX_REASON_BASIC_MASK;
	if (unlikely(code > LAST_CODE)) {
		exit->reason = LODGE_EXIT_UNKNOWN;
		return;
	}
	rule = &exit_rules[array_index_nospec(code, LAST_CODE + 1)];
	exit->reason = rule->reason;
	fill_detail(vcpu, exit, rule->detail, vectoring);
}
