// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: what each neutral exit reason means. The table at the end is the answer
 * to "what happens when the guest does X"; handlers are in its order.
 *
 * The length of an instruction that a handler carries out is found before the handler is
 * called, because finding it may raise an exception instead.
 */
#include <asm/cpufeatures.h>

#include <linux/nospec.h>

#include "clock.h"
#include "cpuid.h"
#include "ctrl_regs.h"
#include "fpu.h"
#include "host.h"
#include "hypercall.h"
#include "hyperv/hyperv.h"
#include "irqchip/irqchip.h"
#include "msr.h"
#include "regs.h"
#include "request.h"
#include "run.h"
#include "task_switch.h"
#include "x86.h"

static int handle_nothing(struct lodge_vcpu *vcpu)
{
	return LODGE_RESUME_GUEST;
}

static int handle_deadline(struct lodge_vcpu *vcpu)
{
	lapic_timer_deadline_reached(vcpu);
	return LODGE_RESUME_GUEST;
}

static int handle_entry_failed(struct lodge_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	vcpu->run->fail_entry.hardware_entry_failure_reason = vcpu->exit.hw_code;
	vcpu->run->fail_entry.cpu = vcpu->last_cpu;
	return LODGE_RETURN_TO_USER;
}

static int handle_unknown(struct lodge_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON;
	run->internal.ndata = 2;
	run->internal.data[0] = vcpu->exit.hw_code;
	run->internal.data[1] = vcpu->last_cpu;
	return LODGE_RETURN_TO_USER;
}

static int raise_gp(struct lodge_vcpu *vcpu)
{
	event_raise_error(vcpu, LODGE_VECTOR_GP, 0);
	return LODGE_RESUME_GUEST;
}

static int raise_ud(struct lodge_vcpu *vcpu)
{
	event_raise_vector(vcpu, LODGE_VECTOR_UD);
	return LODGE_RESUME_GUEST;
}

static int handle_cpuid(struct lodge_vcpu *vcpu)
{
	u32 eax, ebx, ecx, edx;

	eax = lodge_reg32(vcpu, LODGE_RAX);
	ecx = lodge_reg32(vcpu, LODGE_RCX);
	cpuid_read(vcpu, &eax, &ebx, &ecx, &edx);
	vcpu->state.gprs[LODGE_RAX] = eax;
	vcpu->state.gprs[LODGE_RBX] = ebx;
	vcpu->state.gprs[LODGE_RCX] = ecx;
	vcpu->state.gprs[LODGE_RDX] = edx;
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

static int handle_hlt(struct lodge_vcpu *vcpu)
{
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	if (vcpu->lapic) {
		vcpu->mp_state = KVM_MP_STATE_HALTED;
		return LODGE_RESUME_GUEST;
	}
	vcpu->run->exit_reason = KVM_EXIT_HLT;
	return LODGE_RETURN_TO_USER;
}

static int handle_pause(struct lodge_vcpu *vcpu)
{
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	vcpu_give_way(vcpu);
	return LODGE_RESUME_GUEST;
}

static int handle_rdmsr(struct lodge_vcpu *vcpu)
{
	u64 value;

	if (msr_get(vcpu, lodge_reg32(vcpu, LODGE_RCX), &value, false))
		return raise_gp(vcpu);
	vcpu->state.gprs[LODGE_RAX] = (u32)value;
	vcpu->state.gprs[LODGE_RDX] = value >> 32;
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

static int handle_wrmsr(struct lodge_vcpu *vcpu)
{
	if (msr_set(vcpu, lodge_reg32(vcpu, LODGE_RCX), lodge_edx_eax(vcpu), false))
		return raise_gp(vcpu);
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

/* Have the operand of LMSW in the exit; if that cannot be, *@ret is what to return. */
static bool read_lmsw_source(struct lodge_vcpu *vcpu, int *ret)
{
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;
	enum emulate_result result;
	u64 source;

	device_access_reset(vcpu->emulator);
	result = emulate_source_value(ctxt, &source);
	if (result == EMULATE_DONE) {
		vcpu->exit.cr.lmsw_source = source;
		return true;
	}
	*ret = LODGE_RESUME_GUEST;
	if (result == EMULATE_FAULT)
		event_raise(vcpu, &ctxt->fault);
	else
		*ret = emulation_failure(vcpu);
	return false;
}

/*
 * Fill what the CPU did not say about an access to a control register, its length too.
 * If that cannot be, or the bytes have changed, *@ret is what to return.
 */
static bool complete_cr_exit(struct lodge_vcpu *vcpu, int *ret)
{
	struct lodge_exit *exit = &vcpu->exit;
	const struct lodge_insn *insn = &vcpu->emulator->ctxt.insn;

	if (exit->cr.has_operands && exit->inst_len)
		return true;
	if (!emulation_decode(vcpu, ret))
		return false;

	exit->inst_len = insn->length;
	switch (insn->op) {
	case LODGE_OP_MOV_TO_CR:
		exit->cr.op = LODGE_CR_MOV_TO;
		exit->cr.cr = insn->operand[0].reg;
		exit->cr.gpr = insn->operand[1].reg;
		return true;
	case LODGE_OP_MOV_FROM_CR:
		exit->cr.op = LODGE_CR_MOV_FROM;
		exit->cr.gpr = insn->operand[0].reg;
		exit->cr.cr = insn->operand[1].reg;
		return true;
	case LODGE_OP_CLTS:
		exit->cr.op = LODGE_CR_CLTS;
		return true;
	case LODGE_OP_SMSW:
		exit->cr.op = LODGE_CR_SMSW;
		return true;
	case LODGE_OP_LMSW:
		exit->cr.op = LODGE_CR_LMSW;
		return read_lmsw_source(vcpu, ret);
	default:
		*ret = LODGE_RESUME_GUEST;
		return false;
	}
}

static int set_cr(struct lodge_vcpu *vcpu, u8 cr, u64 value)
{
	switch (cr) {
	case 0:
		return ctrl_set_cr0(vcpu, value);
	case 3:
		return ctrl_set_cr3(vcpu, value);
	case 4:
		return ctrl_set_cr4(vcpu, value);
	case 8:
		if (value & ~0xfull)
			return -EINVAL;
		if (vcpu->lapic)
			lapic_set_cr8(vcpu, value);
		else
			vcpu->cr8 = value;
		return 0;
	default:
		return -EINVAL;
	}
}

static u64 get_cr(struct lodge_vcpu *vcpu, u8 cr)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_CRS);

	switch (cr) {
	case 0:
		return state->cr0;
	case 2:
		return state->cr2;
	case 3:
		return state->cr3;
	case 4:
		return state->cr4;
	default:
		return vcpu->lapic ? lapic_get_cr8(vcpu) : vcpu->cr8;
	}
}

/* A 32-bit MOV to or from a control register sees the lower half only. */
static u64 cr_operand_mask(struct lodge_vcpu *vcpu)
{
	return lodge_is_64bit(vcpu) ? ~0ull : 0xffffffffull;
}

static int handle_cr_access(struct lodge_vcpu *vcpu)
{
	struct lodge_exit *exit = &vcpu->exit;
	u64 *gpr;
	u8 cr8;
	int ret;

	if (!complete_cr_exit(vcpu, &ret))
		return ret;
	gpr = &vcpu->state.gprs[array_index_nospec(exit->cr.gpr & 15, LODGE_NR_GPRS)];

	switch (exit->cr.op) {
	case LODGE_CR_MOV_TO:
		cr8 = exit->cr8;
		if (set_cr(vcpu, exit->cr.cr, *gpr & cr_operand_mask(vcpu)))
			return raise_gp(vcpu);
		event_skip_insn(vcpu, vcpu->exit.inst_len);
		/* Without a LAPIC in the kernel user space decides what a lower TPR lets in. */
		if (exit->cr.cr == 8 && !vcpu->lapic && vcpu->cr8 < cr8) {
			vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
			return LODGE_RETURN_TO_USER;
		}
		return LODGE_RESUME_GUEST;
	case LODGE_CR_MOV_FROM:
		*gpr = get_cr(vcpu, exit->cr.cr) & cr_operand_mask(vcpu);
		break;
	case LODGE_CR_CLTS:
		ctrl_clts(vcpu);
		break;
	case LODGE_CR_LMSW:
		if (ctrl_lmsw(vcpu, exit->cr.lmsw_source))
			return raise_gp(vcpu);
		break;
	case LODGE_CR_SMSW:
		return emulation_start(vcpu);
	}
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

/* As complete_cr_exit(). */
static bool complete_dr_exit(struct lodge_vcpu *vcpu, int *ret)
{
	struct lodge_exit *exit = &vcpu->exit;
	const struct lodge_insn *insn = &vcpu->emulator->ctxt.insn;

	if (exit->dr.has_operands && exit->inst_len)
		return true;
	if (!emulation_decode(vcpu, ret))
		return false;

	exit->inst_len = insn->length;
	if (insn->op == LODGE_OP_MOV_TO_DR) {
		exit->dr.is_write = true;
		exit->dr.dr = insn->operand[0].reg;
		exit->dr.gpr = insn->operand[1].reg;
	} else if (insn->op == LODGE_OP_MOV_FROM_DR) {
		exit->dr.is_write = false;
		exit->dr.gpr = insn->operand[0].reg;
		exit->dr.dr = insn->operand[1].reg;
	} else {
		*ret = LODGE_RESUME_GUEST;
		return false;
	}
	return true;
}

static int handle_dr_access(struct lodge_vcpu *vcpu)
{
	struct lodge_event detect = {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = LODGE_VECTOR_DB,
		.has_payload = true,
		.payload = BIT(13),	/* DR6.BD */
	};
	struct lodge_exit *exit = &vcpu->exit;
	u64 *gpr, value;
	int ret;

	if (!complete_dr_exit(vcpu, &ret))
		return ret;
	if (lodge_cpl(vcpu))
		return raise_gp(vcpu);
	if (lodge_regs_get(vcpu, LODGE_STATE_DRS)->dr7 & BIT(13)) {
		event_raise(vcpu, &detect);
		return LODGE_RESUME_GUEST;
	}

	gpr = &vcpu->state.gprs[array_index_nospec(exit->dr.gpr & 15, LODGE_NR_GPRS)];
	if (exit->dr.is_write) {
		ret = ctrl_set_dr(vcpu, exit->dr.dr, *gpr & cr_operand_mask(vcpu));
	} else {
		ret = ctrl_get_dr(vcpu, exit->dr.dr, &value);
		if (!ret)
			*gpr = value & cr_operand_mask(vcpu);
	}
	if (ret)
		return ret == -EOPNOTSUPP ? raise_ud(vcpu) : raise_gp(vcpu);
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

static int handle_xsetbv(struct lodge_vcpu *vcpu)
{
	if (ctrl_set_xcr0(vcpu, lodge_reg32(vcpu, LODGE_RCX), lodge_edx_eax(vcpu)))
		return raise_gp(vcpu);
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

static int handle_hypercall(struct lodge_vcpu *vcpu)
{
	if (hyperv_has_calls(vcpu))
		return exit_hyperv_call(vcpu);
	hypercall_handle(vcpu);
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

/*
 * Guest memory is ordinary cached memory of the host and no device is assigned, so
 * there is nothing to write back; INVD must not lose the host's data.
 */
static int handle_wbinvd(struct lodge_vcpu *vcpu)
{
	event_skip_insn(vcpu, vcpu->exit.inst_len);
	return LODGE_RESUME_GUEST;
}

/* No PMU is offered: every counter index is invalid. */
static int handle_rdpmc(struct lodge_vcpu *vcpu)
{
	return raise_gp(vcpu);
}

/* A guest gets #AC for unaligned accesses of its user code, if it asked for that. */
static bool wants_alignment_checks(struct lodge_vcpu *vcpu)
{
	return (lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr0 & X86_CR0_AM) &&
	       (vcpu->state.rflags & X86_EFLAGS_AC) && lodge_cpl(vcpu) == 3;
}

/*
 * An exception that the backend intercepts for the host's sake goes on to the guest it
 * was meant for; the backend has seen that it cannot loop inside the CPU.
 */
static int handle_exception(struct lodge_vcpu *vcpu)
{
	/* The instruction is executed again, and now it may; or a signal ends the run. */
	if (vcpu->exit.exception.vector == LODGE_VECTOR_AC && !wants_alignment_checks(vcpu) &&
	    host_split_lock(vcpu->state.rip))
		return LODGE_RESUME_GUEST;
	event_raise(vcpu, &vcpu->exit.exception);
	return LODGE_RESUME_GUEST;
}

static int handle_triple_fault(struct lodge_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return LODGE_RETURN_TO_USER;
}

/**
 * struct exit_rule - what an exit means
 * @handle: acts on it; returns as all exit handlers do
 * @first: instruction whose length @handle needs and finds in exit.inst_len: this one,
 * @last: or one up to this; LODGE_OP_NONE if it needs none
 */
struct exit_rule {
	int (*handle)(struct lodge_vcpu *vcpu);
	u8 first;
	u8 last;
};

#define INSN_RULE(handler, op)	{ handler, LODGE_OP_##op, LODGE_OP_##op }

/* Ranges in the table. */
static_assert(LODGE_OP_VMMCALL + 1 == LODGE_OP_VMCALL);
static_assert(LODGE_OP_INVD + 2 == LODGE_OP_WBNOINVD);

static const struct exit_rule exit_rules[LODGE_NR_EXIT_REASONS] = {
	[LODGE_EXIT_NONE]		= { handle_nothing },
	[LODGE_EXIT_HOST_IRQ]		= { handle_nothing },	/* taken when IRQs went on */
	[LODGE_EXIT_HOST_NMI]		= { handle_nothing },
	[LODGE_EXIT_DEADLINE]		= { handle_deadline },
	[LODGE_EXIT_ENTRY_FAILED]	= { handle_entry_failed },
	[LODGE_EXIT_UNKNOWN]		= { handle_unknown },
	[LODGE_EXIT_TDP_FAULT]		= { exit_io_tdp_fault },
	[LODGE_EXIT_IO]			= { exit_io_port },
	[LODGE_EXIT_TPR_BELOW_THRESHOLD] = { handle_nothing },	/* the queue looks again */
	[LODGE_EXIT_CPUID]		= INSN_RULE(handle_cpuid, CPUID),
	[LODGE_EXIT_HLT]		= INSN_RULE(handle_hlt, HLT),
	[LODGE_EXIT_PAUSE]		= INSN_RULE(handle_pause, PAUSE),
	[LODGE_EXIT_RDMSR]		= INSN_RULE(handle_rdmsr, RDMSR),
	[LODGE_EXIT_WRMSR]		= INSN_RULE(handle_wrmsr, WRMSR),
	[LODGE_EXIT_CR_ACCESS]		= { handle_cr_access },
	[LODGE_EXIT_DR_ACCESS]		= { handle_dr_access },
	[LODGE_EXIT_XSETBV]		= INSN_RULE(handle_xsetbv, XSETBV),
	[LODGE_EXIT_HYPERCALL]		= { handle_hypercall, LODGE_OP_VMMCALL, LODGE_OP_VMCALL },
	[LODGE_EXIT_WBINVD]		= { handle_wbinvd, LODGE_OP_INVD, LODGE_OP_WBNOINVD },
	[LODGE_EXIT_RDPMC]		= { handle_rdpmc },
	[LODGE_EXIT_TASK_SWITCH]	= { handle_task_switch },
	[LODGE_EXIT_REFUSED]		= { raise_ud },
	[LODGE_EXIT_EXCEPTION]		= { handle_exception },
	[LODGE_EXIT_IRQ_WINDOW]		= { handle_nothing },	/* likewise */
	[LODGE_EXIT_NMI_WINDOW]		= { handle_nothing },	/* likewise */
	[LODGE_EXIT_TRIPLE_FAULT]	= { handle_triple_fault },
	[LODGE_EXIT_INIT]		= { handle_nothing },	/* stays pending in the host */
};

/**
 * exit_handle() - act on the exit in vcpu->exit
 * @vcpu: loaded vCPU, preemption and IRQs on
 *
 * Return: LODGE_RESUME_GUEST, LODGE_RETURN_TO_USER or a negative errno.
 */
int exit_handle(struct lodge_vcpu *vcpu)
{
	unsigned int reason = vcpu->exit.reason;
	const struct exit_rule *rule;
	int ret;

	if (reason >= LODGE_NR_EXIT_REASONS)
		return handle_unknown(vcpu);
	rule = &exit_rules[array_index_nospec(reason, LODGE_NR_EXIT_REASONS)];
	if (rule->first && !emulation_find_length(vcpu, rule->first, rule->last, &ret))
		return ret;
	return rule->handle(vcpu);
}
