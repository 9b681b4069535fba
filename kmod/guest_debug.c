// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: guest debugging by the VM's owner (KVM_SET_GUEST_DEBUG): breakpoints and single
 * steps that the guest sees nothing of.
 *
 * The debug registers: while they are the debugger's, the CPU has vcpu->debug.dr and all
 * accesses of the guest exit and act on the copy in its state.
 *
 * A single step is one stay in the guest that ends behind one instruction. How, is chosen
 * before each entry:
 *
 *   what comes next     | the stay ends by            | and RFLAGS.TF
 *   an event goes in    | an IPI to this pCPU, before | is not touched
 *                       | the handler's first         |
 *                       | instruction                 |
 *   INT, SYSCALL, ...   | a breakpoint at the place   | is not touched: it would be saved, and
 *                       | where they lead             | clear behind them
 *   POPF, IRET          | the trap                    | is what they loaded
 *   PUSHF               | the trap                    | is taken out of what was pushed
 *   another instruction | the trap                    | is given back
 *
 * All exceptions exit meanwhile, as they would save TF, too; they go in as events. So a step
 * over an instruction that faults ends in the handler. What lodge carries out instead of the
 * CPU says so by event_after_insn(). MOV SS holds off the trap: two instructions are a step,
 * as on a CPU.
 */
#include <linux/kvm.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "mmu/mmu.h"
#include "regs.h"
#include "run.h"
#include "task_switch.h"
#include "x86.h"

/* How the stay in the guest that comes ends behind one instruction; see above. */
enum debug_step {
	STEP_NONE,
	STEP_EVENT,
	STEP_TARGET,
	STEP_LOADS_FLAGS,
	STEP_SAVES_FLAGS,
	STEP_TRAP,
};

#define OWNS_DEBUG_REGISTERS	(KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP)

#define NR_BREAKPOINTS		4
#define GATE_TYPE_TASK		5
#define SELECTOR_TI		BIT(2)

/* The debug registers for the CPU: the debugger's or, under his eyes, the guest's own. */
static void load_breakpoints(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = lodge_regs_change(vcpu, LODGE_STATE_DRS);
	struct lodge_debug *debug = &vcpu->debug;

	if (debug->control & KVM_GUESTDBG_USE_HW_BP) {
		memcpy(debug->dr, debug->user_dr, sizeof(debug->dr));
		debug->dr7 = debug->user_dr7;
	} else {
		memcpy(debug->dr, state->dr, sizeof(debug->dr));
		/* The guest's accesses exit: its own detection of them is looked at then. */
		debug->dr7 = state->dr7 & ~(u64)LODGE_DR7_GD;
	}
}

/* One more, for execution; if all are in use the last has to give way for this one stay. */
static void add_breakpoint(struct lodge_debug *debug, gva_t target)
{
	unsigned int slot = 0;

	while (slot < NR_BREAKPOINTS - 1 && (debug->dr7 & LODGE_DR7_ENABLE(slot)))
		slot++;
	debug->dr[slot] = target;
	debug->dr7 &= ~(u64)LODGE_DR7_KIND(slot);
	debug->dr7 |= LODGE_DR7_ENABLE(slot);
	debug->step_slot = slot;
}

static int read_system(struct lodge_vcpu *vcpu, gva_t linear, void *data, unsigned int len)
{
	struct lodge_event fault;

	return device_access_system(vcpu, linear, data, len, false, &fault);
}

/* Base of a code segment outside of long mode. */
static bool find_code_base(struct lodge_vcpu *vcpu, u16 selector, u64 *base)
{
	const struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_SEGS);
	u64 table = selector & SELECTOR_TI ? state->segs[LODGE_SEG_LDTR].base :
					     state->gdtr.base;
	u64 descriptor;

	if (read_system(vcpu, (u32)(table + (selector & ~7u)), &descriptor, sizeof(descriptor)))
		return false;
	*base = descriptor_base(descriptor);
	return true;
}

/* Where an interrupt table's entry leads: gates of 16 bytes in long mode, of 8 otherwise. */
static bool find_gate_target(struct lodge_vcpu *vcpu, u8 vector, gva_t *target)
{
	const struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_SEGS);
	bool is_long = lodge_is_long_mode(vcpu);
	unsigned int size = is_long ? 16 : 8;
	u64 base = 0, gate[2] = {};

	if (vector * size + size - 1 > state->idtr.limit ||
	    read_system(vcpu, state->idtr.base + vector * size, gate, size))
		return false;
	*target = (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000);
	if (is_long) {
		*target |= gate[1] << 32;
		return true;
	}
	if ((gate[0] >> 40 & 0xf) == GATE_TYPE_TASK)
		return false;
	if (!(gate[0] >> 40 & 8))
		*target &= 0xffff;
	if (!find_code_base(vcpu, gate[0] >> 16, &base))
		return false;
	*target = (u32)(base + *target);
	return true;
}

/* Likewise in real mode: an offset and a segment each. */
static bool find_vector_target(struct lodge_vcpu *vcpu, u8 vector, gva_t *target)
{
	const struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_SEGS);
	u16 entry[2];

	if (read_system(vcpu, state->idtr.base + vector * sizeof(entry), entry, sizeof(entry)))
		return false;
	*target = entry[0] + 16 * (u32)entry[1];
	return true;
}

static bool find_interrupt_target(struct lodge_vcpu *vcpu, u8 vector, gva_t *target)
{
	if (!lodge_is_protected(vcpu))
		return find_vector_target(vcpu, vector, target);
	/* Where it leads in this mode hangs on more than a table. */
	if ((vcpu->state.rflags & X86_EFLAGS_VM) && !lodge_is_long_mode(vcpu))
		return false;
	return find_gate_target(vcpu, vector, target);
}

/* SYSCALL has an entry for each kind of code, SYSENTER one, SYSRET comes with its own. */
static gva_t find_call_target(struct lodge_vcpu *vcpu, const struct lodge_insn *insn)
{
	const struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_MSRS);
	bool is_long = lodge_is_long_mode(vcpu);

	if (insn->op == LODGE_OP_SYSRET)
		return insn->op_size == 8 ? state->gprs[LODGE_RCX] : (u32)state->gprs[LODGE_RCX];
	if (insn->op == LODGE_OP_SYSENTER)
		return is_long ? state->sysenter_eip : (u32)state->sysenter_eip;
	if (!is_long)
		return (u32)state->star;
	return lodge_is_64bit(vcpu) ? state->lstar : state->cstar;
}

static enum debug_step choose(struct lodge_vcpu *vcpu, gva_t *target)
{
	const struct lodge_insn *insn = emulation_peek(vcpu);
	u8 vector = LODGE_VECTOR_BP;

	if (!insn)
		return STEP_TRAP;
	switch (insn->op) {
	case LODGE_OP_PUSHF:
		return STEP_SAVES_FLAGS;
	case LODGE_OP_POPF:
	case LODGE_OP_IRET:
		return STEP_LOADS_FLAGS;
	case LODGE_OP_SYSCALL:
	case LODGE_OP_SYSRET:
	case LODGE_OP_SYSENTER:
		*target = find_call_target(vcpu, insn);
		return STEP_TARGET;
	case LODGE_OP_INTO:
		if (!(vcpu->state.rflags & X86_EFLAGS_OF))
			return STEP_TRAP;
		vector = LODGE_VECTOR_OF;
		break;
	case LODGE_OP_INT:
		vector = insn->imm;
		break;
	case LODGE_OP_INT3:
		break;
	default:
		return STEP_TRAP;
	}
	return find_interrupt_target(vcpu, vector, target) ? STEP_TARGET : STEP_TRAP;
}

/**
 * guest_debug_choose_step() - decide how the next stay in the guest ends
 * @vcpu: loaded vCPU with KVM_GUESTDBG_SINGLESTEP
 *
 * Reads guest memory: may sleep.
 */
void guest_debug_choose_step(struct lodge_vcpu *vcpu)
{
	gva_t target;

	load_breakpoints(vcpu);
	vcpu->debug.step = choose(vcpu, &target);
	if (vcpu->debug.step == STEP_TARGET)
		add_breakpoint(&vcpu->debug, target);
}

/**
 * guest_debug_begin_step() - arm what guest_debug_choose_step() chose
 * @vcpu: loaded vCPU, IRQs off, the event for this entry placed
 */
void guest_debug_begin_step(struct lodge_vcpu *vcpu)
{
	struct lodge_debug *debug = &vcpu->debug;

	if (vcpu->events.injected.class) {
		debug->step = STEP_EVENT;
		smp_send_reschedule(smp_processor_id());
		return;
	}
	if (debug->step == STEP_TARGET)
		return;
	debug->step_tf = vcpu->state.rflags & X86_EFLAGS_TF;
	vcpu->state.rflags |= X86_EFLAGS_TF;
	/*
	 * A shadow with TF would say that the trap of the instruction before is due. No event
	 * goes in, so there is nothing to be held off.
	 */
	if (lodge_regs_get(vcpu, LODGE_STATE_INTR)->shadow)
		lodge_regs_change(vcpu, LODGE_STATE_INTR)->shadow = 0;
}

/* The second byte of what PUSHF pushed begins with TF. */
static void mend_pushed_flags(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_SEGS);
	const struct lodge_segment *ss = &state->segs[LODGE_SEG_SS];
	gva_t linear = state->gprs[LODGE_RSP];
	u32 access = LODGE_ACCESS_WRITE;
	struct lodge_event fault;
	gpa_t gpa;
	u8 flags;

	if (!lodge_is_64bit(vcpu)) {
		if (!(ss->attr & LODGE_SEG_DB))
			linear &= 0xffff;
		linear = (u32)(ss->base + linear);
	}
	if (lodge_cpl(vcpu) == 3)
		access |= LODGE_GVA_USER;
	/* If it is gone meanwhile, then by the guest's own doing. */
	if (gva_to_gpa(vcpu, linear + 1, access, &gpa, &fault) ||
	    guest_read(vcpu->vm, gpa, &flags, sizeof(flags)))
		return;
	flags &= ~(X86_EFLAGS_TF >> 8);
	guest_write(vcpu, gpa, &flags, sizeof(flags));
}

static bool is_step_trap(const struct lodge_exit *exit)
{
	return exit->reason == LODGE_EXIT_EXCEPTION && exit->exception.vector == LODGE_VECTOR_DB &&
	       (exit->exception.payload & LODGE_DR6_BS);
}

/**
 * guest_debug_end_step() - after a stay that was to end by a step: take TF back
 * @vcpu: loaded vCPU, exit filled and not yet handled, a cut-off delivery queued again
 *
 * The exit may be another one, before the instruction was complete. May sleep.
 */
void guest_debug_end_step(struct lodge_vcpu *vcpu)
{
	const struct lodge_exit *exit = &vcpu->exit;
	struct lodge_debug *debug = &vcpu->debug;

	switch (debug->step) {
	case STEP_EVENT:
		debug->has_stepped = exit->reason != LODGE_EXIT_ENTRY_FAILED &&
				     exit->reason != LODGE_EXIT_TRIPLE_FAULT &&
				     !exit->interrupted.class;
		return;
	case STEP_TARGET:
		return;
	case STEP_LOADS_FLAGS:
		if (is_step_trap(exit))
			return;
		break;
	case STEP_SAVES_FLAGS:
		if (is_step_trap(exit) && !debug->step_tf)
			mend_pushed_flags(vcpu);
		break;
	}
	if (!debug->step_tf)
		vcpu->state.rflags &= ~(u64)X86_EFLAGS_TF;
}

/**
 * guest_debug_exit() - tell user space of a breakpoint or a step
 * @vcpu: loaded vCPU
 * @vector: #BP or #DB
 * @dr6_bits: the cause of #DB, positive logic
 *
 * Return: LODGE_RETURN_TO_USER.
 */
int guest_debug_exit(struct lodge_vcpu *vcpu, u8 vector, u64 dr6_bits)
{
	lodge_regs_get(vcpu, LODGE_STATE_DRS);
	vcpu->debug.has_stepped = false;
	vcpu->run->exit_reason = KVM_EXIT_DEBUG;
	vcpu->run->debug.arch = (struct kvm_debug_exit_arch) {
		.exception = vector,
		.pc = emulation_linear_rip(vcpu),
		.dr6 = LODGE_DR6_RESET ^ dr6_bits,
		.dr7 = lodge_effective_dr7(vcpu),
	};
	return LODGE_RETURN_TO_USER;
}

/**
 * guest_debug_has_stepped() - has lodge completed the instruction that was to be stepped over?
 * @vcpu: loaded vCPU
 * @ret: if so: what to return to user space, which is told
 */
bool guest_debug_has_stepped(struct lodge_vcpu *vcpu, int *ret)
{
	if (likely(!vcpu->debug.has_stepped))
		return false;
	*ret = guest_debug_exit(vcpu, LODGE_VECTOR_DB, LODGE_DR6_BS);
	return true;
}

/**
 * guest_debug_takes_exception() - is the exception that exited the debugger's?
 * @vcpu: loaded vCPU that is debugged, exit filled
 * @ret: if so: what the exit handler is to return
 */
bool guest_debug_takes_exception(struct lodge_vcpu *vcpu, int *ret)
{
	const struct lodge_event *exception = &vcpu->exit.exception;
	struct lodge_debug *debug = &vcpu->debug;
	u64 cause = exception->payload;

	if (exception->vector == LODGE_VECTOR_BP && (debug->control & KVM_GUESTDBG_USE_SW_BP)) {
		*ret = guest_debug_exit(vcpu, LODGE_VECTOR_BP, 0);
		return true;
	}
	if (exception->vector != LODGE_VECTOR_DB || !(debug->control & OWNS_DEBUG_REGISTERS))
		return false;

	if (debug->step == STEP_TARGET && (cause & BIT(debug->step_slot)))
		cause = (cause & ~BIT_ULL(debug->step_slot)) | LODGE_DR6_BS;
	else if (debug->step >= STEP_LOADS_FLAGS && debug->step_tf && (cause & LODGE_DR6_BS))
		/* The guest steps itself, too, and has its trap with the next entry. */
		event_after_insn(vcpu, true);
	*ret = guest_debug_exit(vcpu, LODGE_VECTOR_DB, cause);
	return true;
}

/**
 * guest_debug_detects_access() - does the debugger want to see accesses to debug registers?
 * @vcpu: loaded vCPU
 */
bool guest_debug_detects_access(const struct lodge_vcpu *vcpu)
{
	return (vcpu->debug.control & KVM_GUESTDBG_USE_HW_BP) &&
	       (vcpu->debug.user_dr7 & LODGE_DR7_GD);
}

/**
 * guest_debug_skip_trap_insn() - before user space raises #BP or #OF: go behind its cause
 * @vcpu: loaded vCPU, not in KVM_RUN
 * @vector: of the exception that user space raises, any
 *
 * They are traps, but a debugger that has taken one away finds RIP at the instruction.
 */
void guest_debug_skip_trap_insn(struct lodge_vcpu *vcpu, u8 vector)
{
	enum lodge_op op = vector == LODGE_VECTOR_BP ? LODGE_OP_INT3 : LODGE_OP_INTO;
	const struct lodge_insn *insn;

	if ((vector != LODGE_VECTOR_BP && vector != LODGE_VECTOR_OF) || vcpu->completion)
		return;
	insn = emulation_peek(vcpu);
	if (insn && insn->op == op)
		lodge_skip_insn(vcpu, insn->length);
}

static int inject(struct lodge_vcpu *vcpu, u8 vector)
{
	if (vcpu->events.exception.class || vcpu->events.triple_fault)
		return -EBUSY;
	guest_debug_skip_trap_insn(vcpu, vector);
	event_raise_vector(vcpu, vector);
	return 0;
}

static u32 intercept_policy(u32 control)
{
	u32 policy = 0;

	if (control & OWNS_DEBUG_REGISTERS)
		policy |= LODGE_INTERCEPT_DR;
	if (control & KVM_GUESTDBG_USE_SW_BP)
		policy |= LODGE_INTERCEPT_BP;
	if (control & KVM_GUESTDBG_SINGLESTEP)
		policy |= LODGE_INTERCEPT_EXCEPTIONS;
	return policy;
}

/**
 * guest_debug_set() - KVM_SET_GUEST_DEBUG
 * @vcpu: loaded vCPU, not in KVM_RUN
 * @wanted: from user space
 *
 * Bits of DR7 that no CPU has are left out.
 *
 * Return: 0; -EBUSY if an exception is to be injected and another one waits.
 */
int guest_debug_set(struct lodge_vcpu *vcpu, const struct kvm_guest_debug *wanted)
{
	struct lodge_debug *debug = &vcpu->debug;
	u32 control = wanted->control;
	int ret;

	if (control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)) {
		ret = inject(vcpu, control & KVM_GUESTDBG_INJECT_DB ? LODGE_VECTOR_DB :
								      LODGE_VECTOR_BP);
		if (ret)
			return ret;
	}
	/* Fetched while the CPU's are still those that @control was before. */
	lodge_regs_change(vcpu, LODGE_STATE_DRS);

	memset(debug, 0, sizeof(*debug));
	if (control & KVM_GUESTDBG_ENABLE)
		debug->control = control;
	if (debug->control & KVM_GUESTDBG_USE_HW_BP) {
		memcpy(debug->user_dr, wanted->arch.debugreg, sizeof(debug->user_dr));
		debug->user_dr7 = (wanted->arch.debugreg[7] & LODGE_DR7_VOLATILE) |
				  LODGE_DR7_FIXED_1;
	}
	load_breakpoints(vcpu);

	vcpu->intercept_policy &= ~(LODGE_INTERCEPT_DR | LODGE_INTERCEPT_BP |
				    LODGE_INTERCEPT_EXCEPTIONS);
	vcpu->intercept_policy |= intercept_policy(debug->control);
	lodge_vendor->update_intercepts(vcpu);
	return 0;
}
