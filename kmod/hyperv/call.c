// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: hypercalls: takes input from the registers, asks whether the guest may make the
 * call, and looks up in a table what it is.
 *
 * TLFS, "Hypercall Interface": where input and result are, which bits of the input value say
 * what, and what a fast call has in XMM registers.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "../fpu.h"
#include "../mmu/mmu.h"
#include "../regs.h"
#include "../x86.h"
#include "call.h"

/* Bits 63:32 of the input of HvCallSignalEvent: flag number, and reserved. */
#define SIGNAL_FLAG_NUMBER	GENMASK_ULL(47, 32)

bool hyperv_has_calls(struct lodge_vcpu *vcpu)
{
	return vcpu->hyperv && vcpu->hyperv->is_hyperv &&
	       READ_ONCE(vcpu->vm->hyperv->guest_os_id);
}

static u64 register_pair(struct lodge_vcpu *vcpu, enum lodge_gpr high, enum lodge_gpr low)
{
	return (u64)lodge_reg32(vcpu, high) << 32 | lodge_reg32(vcpu, low);
}

static void take_input(struct lodge_vcpu *vcpu, struct call *call)
{
	const u64 *gprs = vcpu->state.gprs;

	if (lodge_is_64bit(vcpu)) {
		call->input = gprs[LODGE_RCX];
		call->params[0] = gprs[LODGE_RDX];
		call->params[1] = gprs[LODGE_R8];
	} else {
		call->input = lodge_edx_eax(vcpu);
		call->params[0] = register_pair(vcpu, LODGE_RBX, LODGE_RCX);
		call->params[1] = register_pair(vcpu, LODGE_RDI, LODGE_RSI);
	}
	call->code = call->input & 0xffff;
	call->is_fast = call->input & HV_HYPERCALL_FAST_BIT;
	call->var_cnt = (call->input & HV_HYPERCALL_VARHEAD_MASK) >> HV_HYPERCALL_VARHEAD_OFFSET;
	call->rep_cnt = (call->input & HV_HYPERCALL_REP_COMP_MASK) >> HV_HYPERCALL_REP_COMP_OFFSET;
	call->rep_idx = (call->input & HV_HYPERCALL_REP_START_MASK) >>
			HV_HYPERCALL_REP_START_OFFSET;
}

static void take_xmm(struct lodge_vcpu *vcpu, struct call *call)
{
	unsigned int reg;

	for (reg = 0; reg < HV_HYPERCALL_MAX_XMM_REGISTERS; reg++)
		fpu_read_xmm(vcpu, reg, (u8 *)&call->xmm[2 * reg]);
}

static void give_result(struct lodge_vcpu *vcpu, u64 result)
{
	u64 *gprs = vcpu->state.gprs;

	if (lodge_is_64bit(vcpu)) {
		gprs[LODGE_RAX] = result;
	} else {
		gprs[LODGE_RAX] = (u32)result;
		gprs[LODGE_RDX] = result >> 32;
	}
}

static u64 call_notify_spin(struct lodge_vcpu *vcpu, const struct call *call)
{
	return HV_STATUS_SUCCESS;
}

static u64 call_post_message(struct lodge_vcpu *vcpu, const struct call *call)
{
	/* Without a SynIC nobody in user space can have a port. */
	return vcpu->hyperv->has_synic ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_HYPERCALL_INPUT;
}

static u64 call_signal_event(struct lodge_vcpu *vcpu, const struct call *call)
{
	u64 input = call->params[0];

	if (!call->is_fast &&
	    (!IS_ALIGNED(input, sizeof(input)) ||
	     guest_read(vcpu->vm, input, &input, sizeof(input))))
		return HV_STATUS_INVALID_ALIGNMENT;
	/* A flag number has no meaning for an eventfd; no guest is known that has one. */
	if (input & SIGNAL_FLAG_NUMBER)
		return HV_STATUS_INVALID_PORT_ID;
	if (input & ~(u64)KVM_HYPERV_CONN_ID_MASK)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	return signal_connection(vcpu, input) ? HV_STATUS_INVALID_PORT_ID : HV_STATUS_SUCCESS;
}

static u64 call_debug(struct lodge_vcpu *vcpu, const struct call *call)
{
	if (call->is_fast && call->code != HVCALL_RESET_DEBUG_SESSION)
		return HV_STATUS_INVALID_PARAMETER;
	return debug_refusal(vcpu);
}

/* What a call's header may have, and what follows success. */
#define CALL_VAR	BIT(0)	/* a variable part */
#define CALL_REP	BIT(1)	/* it is a list, done from its beginning; others are none */
#define CALL_ANY_REP	BIT(2)	/* user space looks at that */
#define CALL_XMM	BIT(3)	/* fast input may be in XMM registers */
#define CALL_TO_USER	BIT(4)	/* user space carries it out */
#define CALL_YIELD	BIT(5)	/* another vCPU should have the CPU */

static const struct call_rule {
	u16 code;
	u8 flags;
	u64 (*handle)(struct lodge_vcpu *vcpu, const struct call *call);
} call_rules[] = {
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE, CALL_XMM, call_flush },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST, CALL_XMM | CALL_REP, call_flush },
	{ HVCALL_NOTIFY_LONG_SPIN_WAIT, CALL_YIELD, call_notify_spin },
	{ HVCALL_SEND_IPI, 0, call_send_ipi },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE_EX, CALL_XMM | CALL_VAR, call_flush_ex },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST_EX, CALL_XMM | CALL_VAR | CALL_REP, call_flush_ex },
	{ HVCALL_SEND_IPI_EX, CALL_XMM | CALL_VAR, call_send_ipi_ex },
	{ HVCALL_POST_MESSAGE, CALL_TO_USER, call_post_message },
	{ HVCALL_SIGNAL_EVENT, 0, call_signal_event },
	{ HVCALL_POST_DEBUG_DATA, CALL_VAR | CALL_ANY_REP | CALL_TO_USER, call_debug },
	{ HVCALL_RETRIEVE_DEBUG_DATA, CALL_VAR | CALL_ANY_REP | CALL_TO_USER, call_debug },
	{ HVCALL_RESET_DEBUG_SESSION, CALL_VAR | CALL_ANY_REP | CALL_TO_USER, call_debug },
};

static const struct call_rule *find_rule(u16 code)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(call_rules); i++) {
		if (call_rules[i].code == code)
			return &call_rules[i];
	}
	return NULL;
}

static bool has_valid_header(const struct call *call, u8 flags)
{
	if (call->var_cnt && !(flags & CALL_VAR))
		return false;
	if (flags & CALL_ANY_REP)
		return true;
	if (flags & CALL_REP)
		return call->rep_cnt && !call->rep_idx;
	return !call->rep_cnt && !call->rep_idx;
}

static enum hyperv_call_result send_to_user(struct lodge_vcpu *vcpu, const struct call *call)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_HYPERV;
	run->hyperv.type = KVM_EXIT_HYPERV_HCALL;
	run->hyperv.u.hcall.input = call->input;
	run->hyperv.u.hcall.params[0] = call->params[0];
	run->hyperv.u.hcall.params[1] = call->params[1];
	return HYPERV_CALL_TO_USER;
}

static enum hyperv_call_result carry_out(struct lodge_vcpu *vcpu, const struct call_rule *rule,
					 struct call *call)
{
	u64 result = HV_STATUS_INVALID_HYPERCALL_INPUT;

	if (has_valid_header(call, rule->flags))
		result = rule->handle(vcpu, call);

	if ((rule->flags & CALL_TO_USER) && result == HV_STATUS_SUCCESS)
		return send_to_user(vcpu, call);
	/* User space may know the connection. */
	if (rule->code == HVCALL_SIGNAL_EVENT && result == HV_STATUS_INVALID_PORT_ID) {
		if (vcpu->hyperv->has_synic)
			return send_to_user(vcpu, call);
		result = HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	give_result(vcpu, result);
	return (rule->flags & CALL_YIELD) && result == HV_STATUS_SUCCESS ? HYPERV_CALL_YIELD :
									   HYPERV_CALL_DONE;
}

/**
 * hyperv_call() - carry out VMCALL or VMMCALL
 * @vcpu: loaded vCPU in KVM_RUN, of which hyperv_has_calls() is true
 *
 * May sleep. The caller does what the result says, see enum hyperv_call_result.
 */
enum hyperv_call_result hyperv_call(struct lodge_vcpu *vcpu)
{
	const struct call_rule *rule;
	struct call call = {};

	if (lodge_cpl(vcpu) || !lodge_is_protected(vcpu))
		return HYPERV_CALL_REFUSED;
	take_input(vcpu, &call);

	if (!hyperv_grants_call(vcpu, call.code)) {
		give_result(vcpu, HV_STATUS_ACCESS_DENIED);
		return HYPERV_CALL_DONE;
	}
	if (call.input & HV_HYPERCALL_RSVD_MASK) {
		give_result(vcpu, HV_STATUS_INVALID_HYPERCALL_INPUT);
		return HYPERV_CALL_DONE;
	}
	rule = find_rule(call.code);
	if (!rule) {
		give_result(vcpu, HV_STATUS_INVALID_HYPERCALL_CODE);
		return HYPERV_CALL_DONE;
	}
	if (call.is_fast && (rule->flags & CALL_XMM)) {
		if (!hyperv_has(vcpu, HYPERV_FEATURES_EDX, HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE))
			return HYPERV_CALL_REFUSED;
		take_xmm(vcpu, &call);
	}
	return carry_out(vcpu, rule, &call);
}

/* User space has carried out the call. Own thread. The caller skips the instruction. */
void hyperv_complete_call(struct lodge_vcpu *vcpu)
{
	give_result(vcpu, READ_ONCE(vcpu->run->hyperv.u.hcall.result));
}
