// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: which event the guest gets next. Exceptions raised by handlers, NMIs
 * and interrupts wait here; one goes in per entry, in the architectural order:
 *
 *   1. an exception whose delivery an exit cut off (it has begun, so it is finished)
 *   2. an exception of the instruction that was just handled, or of the delivery of an
 *      NMI or interrupt, which is lost then, as on a CPU
 *   3. an NMI or interrupt whose delivery an exit cut off
 *   4. an NMI, unless one is being handled or a shadow holds it off
 *   5. an interrupt, if RFLAGS.IF is set and no shadow holds it off
 *
 * What must wait opens a window: the guest exits at the first moment it fits.
 */
#include "event.h"
#include "irqchip/irqchip.h"
#include "regs.h"
#include "request.h"
#include "run.h"
#include "x86.h"

/* Bus lock and RTM: clear in DR6, set in a payload if they are the cause. */
#define DR6_ACTIVE_LOW	(LODGE_DR6_VOLATILE & LODGE_DR6_RESET)

static void make_double_fault(struct lodge_event *event)
{
	*event = (struct lodge_event) {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = LODGE_VECTOR_DF,
		.has_error = true,
	};
}

/*
 * What becomes of @second, raised while @first was being delivered:
 *
 *   first \ second | benign    | contributory | page fault
 *   benign         | second    | second       | second
 *   contributory   | second    | #DF          | second
 *   page fault     | second    | #DF          | #DF
 *   #DF            | shutdown for anything
 *
 * (Intel SDM volume 3, "Conditions for Generating a Double Fault"). Return false
 * for shutdown.
 */
static bool merge_exceptions(const struct lodge_event *first, struct lodge_event *second)
{
	enum lodge_exception_class a = lodge_exception_class(first->vector);
	enum lodge_exception_class b = lodge_exception_class(second->vector);

	if (first->vector == LODGE_VECTOR_DF)
		return false;
	if ((a == LODGE_EXCEPTION_CONTRIBUTORY && b == LODGE_EXCEPTION_CONTRIBUTORY) ||
	    (a == LODGE_EXCEPTION_PAGE_FAULT && b != LODGE_EXCEPTION_BENIGN))
		make_double_fault(second);
	return true;
}

/**
 * event_raise() - raise an exception for the instruction at RIP
 * @vcpu: loaded vCPU
 * @event: class LODGE_EVENT_EXCEPTION
 *
 * A delivery of an exception that was cut off merges with the new one.
 */
void event_raise(struct lodge_vcpu *vcpu, const struct lodge_event *event)
{
	struct lodge_event_queue *events = &vcpu->events;
	struct lodge_event merged = *event;
	struct lodge_event *first = NULL;

	if (events->injected.class == LODGE_EVENT_EXCEPTION)
		first = &events->injected;
	else if (events->exception.class == LODGE_EVENT_EXCEPTION)
		first = &events->exception;

	if (first) {
		if (!merge_exceptions(first, &merged)) {
			events->triple_fault = true;
			return;
		}
		first->class = LODGE_EVENT_NONE;
	}
	events->exception = merged;
}

/**
 * event_raise_vector() - raise an exception that has no error code
 * @vcpu: loaded vCPU
 * @vector: which
 */
void event_raise_vector(struct lodge_vcpu *vcpu, u8 vector)
{
	struct lodge_event event = { .class = LODGE_EVENT_EXCEPTION, .vector = vector };

	event_raise(vcpu, &event);
}

/**
 * event_raise_error() - raise an exception that has an error code
 * @vcpu: loaded vCPU
 * @vector: which
 * @error_code: for the guest's stack
 */
void event_raise_error(struct lodge_vcpu *vcpu, u8 vector, u32 error_code)
{
	struct lodge_event event = {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = true,
		.error_code = error_code,
	};

	event_raise(vcpu, &event);
}

/**
 * event_after_insn() - raise the trap that follows a single-stepped instruction
 * @vcpu: loaded vCPU
 * @was_stepped: RFLAGS.TF was set when the instruction began
 *
 * For instructions that are carried out here instead of by the CPU. A debugger's step
 * ends behind each of them, too.
 */
void event_after_insn(struct lodge_vcpu *vcpu, bool was_stepped)
{
	struct lodge_event step = {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = LODGE_VECTOR_DB,
		.has_payload = true,
		.payload = LODGE_DR6_BS,
	};

	if (unlikely(was_stepped))
		event_raise(vcpu, &step);
	if (unlikely(vcpu->debug.control & KVM_GUESTDBG_SINGLESTEP))
		vcpu->debug.has_stepped = true;
}

/* With DEBUGCTL.BTF the step goes on to the next branch, which no skipped instruction is. */
static bool steps_by_instruction(struct lodge_vcpu *vcpu)
{
	return unlikely(vcpu->state.rflags & X86_EFLAGS_TF) &&
	       !(lodge_regs_get(vcpu, LODGE_STATE_MSRS)->debugctl & DEBUGCTLMSR_BTF);
}

/**
 * event_skip_insn() - go on behind an instruction that a handler carried out
 * @vcpu: loaded vCPU
 * @length: the instruction's
 */
void event_skip_insn(struct lodge_vcpu *vcpu, unsigned int length)
{
	lodge_skip_insn(vcpu, length);
	/* It held off breakpoints for this one instruction. */
	vcpu->state.rflags &= ~(u64)X86_EFLAGS_RF;
	event_after_insn(vcpu, steps_by_instruction(vcpu));
}

/**
 * event_requeue() - after an exit: an event's delivery was cut off
 * @vcpu: loaded vCPU
 * @interrupted: from struct lodge_exit, any class
 *
 * Called after every exit, so that what was injected is either delivered or
 * queued again.
 */
void event_requeue(struct lodge_vcpu *vcpu, const struct lodge_event *interrupted)
{
	vcpu->events.injected = *interrupted;
	/* The NMI has not reached its handler: it must not block itself. */
	if (interrupted->class == LODGE_EVENT_NMI)
		lodge_regs_change(vcpu, LODGE_STATE_INTR)->nmi_blocked = false;
}

static bool can_take_nmi(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_INTR);

	return !state->nmi_blocked && !state->shadow;
}

/**
 * event_can_take_irq() - does the CPU, not the LAPIC, allow an interrupt now?
 * @vcpu: loaded vCPU
 */
bool event_can_take_irq(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_INTR);

	return (state->rflags & X86_EFLAGS_IF) && !state->shadow;
}

/* An interrupt of user space's PIC, or of user space's whole irqchip. */
static bool has_user_irq(struct lodge_vcpu *vcpu)
{
	return vcpu->events.has_user_irq && irqchip_takes_user_irq(vcpu);
}

static bool has_irq(struct lodge_vcpu *vcpu)
{
	return has_user_irq(vcpu) || (vcpu->lapic && irqchip_has_irq(vcpu));
}

/**
 * event_wants_user_irq() - does user space want to know when it may inject?
 * @vcpu: loaded vCPU
 */
bool event_wants_user_irq(struct lodge_vcpu *vcpu)
{
	return vcpu->run->request_interrupt_window && !irqchip_has_pic(vcpu->vm);
}

/* Is there a place for one more, and a way for it to the CPU? */
static bool has_place_for_user_irq(struct lodge_vcpu *vcpu)
{
	return !vcpu->events.has_user_irq && irqchip_takes_user_irq(vcpu);
}

/**
 * event_collect_nmis() - take over NMIs that other threads sent
 * @vcpu: loaded vCPU; LODGE_REQ_NMI was set
 *
 * A CPU handles one and latches one; what comes on top of that is lost.
 */
void event_collect_nmis(struct lodge_vcpu *vcpu)
{
	u32 sent = atomic_xchg(&vcpu->nmi_queued, 0);
	bool is_handling = vcpu->events.injected.class == LODGE_EVENT_NMI ||
			   lodge_regs_get(vcpu, LODGE_STATE_INTR)->nmi_blocked;

	vcpu->events.nr_nmis = min_t(u64, (u64)vcpu->events.nr_nmis + sent, is_handling ? 1 : 2);
}

/**
 * event_has_work() - is there anything that ends a halt?
 * @vcpu: loaded vCPU
 *
 * Called with the task state already set for sleeping: must not sleep.
 */
bool event_has_work(struct lodge_vcpu *vcpu)
{
	struct lodge_event_queue *events = &vcpu->events;

	return events->triple_fault || events->injected.class || events->exception.class ||
	       (events->nr_nmis && can_take_nmi(vcpu)) ||
	       (event_can_take_irq(vcpu) && has_irq(vcpu));
}

/**
 * event_is_ready_for_user_irq() - would KVM_INTERRUPT be delivered at once?
 * @vcpu: loaded vCPU
 *
 * This is kvm_run's ready_for_interrupt_injection. With an in-kernel PIC user
 * space injects nothing and is always told yes, as KVM does.
 */
bool event_is_ready_for_user_irq(struct lodge_vcpu *vcpu)
{
	struct lodge_event_queue *events = &vcpu->events;

	if (irqchip_has_pic(vcpu->vm))
		return true;
	return event_can_take_irq(vcpu) && has_place_for_user_irq(vcpu) &&
	       !events->injected.class && !events->exception.class;
}

/*
 * #PF puts its address into CR2, #DB its cause into DR6 only when they are
 * delivered: an event that user space takes away must leave no trace.
 */
static void deliver_payload(struct lodge_vcpu *vcpu, struct lodge_event *event)
{
	struct lodge_x86_state *state;

	if (!event->has_payload)
		return;
	event->has_payload = false;

	if (event->vector == LODGE_VECTOR_PF) {
		lodge_regs_change(vcpu, LODGE_STATE_CRS)->cr2 = event->payload;
	} else if (event->vector == LODGE_VECTOR_DB) {
		state = lodge_regs_change(vcpu, LODGE_STATE_DRS);
		/* Breakpoint bits and those that tell by being 0 are replaced, others sticky. */
		state->dr6 = (state->dr6 & ~LODGE_DR6_BREAKPOINTS) | DR6_ACTIVE_LOW;
		state->dr6 = (state->dr6 | event->payload) ^ (event->payload & DR6_ACTIVE_LOW);
	}
}

/**
 * event_deliver_payload() - let a waiting exception's payload take effect now
 * @vcpu: loaded vCPU
 *
 * For user space that reads registers and events without knowing of payloads.
 */
void event_deliver_payload(struct lodge_vcpu *vcpu)
{
	if (vcpu->events.exception.class)
		deliver_payload(vcpu, &vcpu->events.exception);
}

/* A fault, not a trap: RFLAGS.RF is set in the image on the stack. */
static bool is_fault(u8 vector)
{
	return vector != LODGE_VECTOR_BP && vector != LODGE_VECTOR_OF &&
	       vector != LODGE_VECTOR_DB && vector != LODGE_VECTOR_DF &&
	       vector != LODGE_VECTOR_MC;
}

/*
 * The handler of #DB may use the debug registers, and is neither stepped through nor
 * recorded (Intel SDM volume 3, "Debug Exceptions"). An exit for #DB leaves both undone.
 */
static void begin_debug_handler(struct lodge_vcpu *vcpu)
{
	const u64 cleared = DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF;

	if (lodge_regs_get(vcpu, LODGE_STATE_DRS)->dr7 & LODGE_DR7_GD)
		lodge_regs_change(vcpu, LODGE_STATE_DRS)->dr7 &= ~(u64)LODGE_DR7_GD;
	if (lodge_regs_get(vcpu, LODGE_STATE_MSRS)->debugctl & cleared)
		lodge_regs_change(vcpu, LODGE_STATE_MSRS)->debugctl &= ~cleared;
}

static void inject_exception(struct lodge_vcpu *vcpu)
{
	struct lodge_event *event = &vcpu->events.exception;

	deliver_payload(vcpu, event);
	if (event->vector == LODGE_VECTOR_DB)
		begin_debug_handler(vcpu);
	if (is_fault(event->vector))
		vcpu->state.rflags |= X86_EFLAGS_RF;
	/* Real mode pushes no error codes. */
	if (!lodge_is_protected(vcpu))
		event->has_error = false;

	vcpu->events.injected = *event;
	event->class = LODGE_EVENT_NONE;
	lodge_vendor->inject(vcpu, &vcpu->events.injected);
}

static void inject_nmi(struct lodge_vcpu *vcpu)
{
	struct lodge_event event = { .class = LODGE_EVENT_NMI, .vector = LODGE_VECTOR_NMI };

	vcpu->events.nr_nmis--;
	vcpu->events.injected = event;
	lodge_regs_change(vcpu, LODGE_STATE_INTR)->nmi_blocked = true;
	lodge_vendor->inject(vcpu, &vcpu->events.injected);
}

static void inject_irq(struct lodge_vcpu *vcpu)
{
	struct lodge_event event = { .class = LODGE_EVENT_IRQ };

	if (has_user_irq(vcpu)) {
		event.vector = vcpu->events.user_vector;
		vcpu->events.has_user_irq = false;
	} else {
		int vector = irqchip_accept(vcpu);

		if (vector < 0)
			return;
		event.vector = vector;
	}
	vcpu->events.injected = event;
	lodge_vendor->inject(vcpu, &vcpu->events.injected);
}

/* KVM_GUESTDBG_BLOCKIRQ: what comes from outside waits until the debugger is done. */
static bool is_blocked_by_debugger(const struct lodge_vcpu *vcpu)
{
	return unlikely(vcpu->debug.control & KVM_GUESTDBG_BLOCKIRQ);
}

/* Return whether the place of this entry's event is taken. */
static bool inject_first(struct lodge_vcpu *vcpu)
{
	struct lodge_event_queue *events = &vcpu->events;

	/* A new exception has merged with an older one: there is one or the other. */
	if (events->exception.class) {
		inject_exception(vcpu);
		return true;
	}
	if (events->injected.class) {
		lodge_vendor->inject(vcpu, &events->injected);
		return true;
	}
	if (events->nr_nmis && can_take_nmi(vcpu) && !is_blocked_by_debugger(vcpu)) {
		inject_nmi(vcpu);
		return true;
	}
	return false;
}

/*
 * The guest exits when its TPR falls below the class of the highest interrupt that
 * the TPR holds back now. One that the TPR does not hold back needs no exit here:
 * it goes in, or its window is open.
 */
static void update_tpr(struct lodge_vcpu *vcpu)
{
	u8 tpr, threshold = 0;
	int irr;

	if (!vcpu->lapic) {
		lodge_vendor->update_tpr(vcpu, vcpu->cr8, LODGE_TPR_ANY);
		return;
	}
	tpr = lapic_get_cr8(vcpu);
	irr = lapic_highest_irr(vcpu);
	if (irr >= 0 && irr >> 4 <= tpr)
		threshold = irr >> 4;
	lodge_vendor->update_tpr(vcpu, tpr, threshold);
}

/**
 * event_inject() - choose and place the event for the entry that follows
 * @vcpu: loaded vCPU
 *
 * IRQs off, immediately before the entry. Also opens the windows that waiting
 * events need and tells the backend about the TPR.
 */
void event_inject(struct lodge_vcpu *vcpu)
{
	struct lodge_event_queue *events = &vcpu->events;
	bool is_taken = inject_first(vcpu);
	u32 windows = 0;

	if (!is_taken && has_irq(vcpu) && event_can_take_irq(vcpu) &&
	    !is_blocked_by_debugger(vcpu)) {
		inject_irq(vcpu);
		is_taken = true;
	}

	if (events->nr_nmis)
		windows |= LODGE_WINDOW_NMI;
	/* An exception that did not go in yet is looked at after the next exit. */
	if (has_irq(vcpu) || (event_wants_user_irq(vcpu) && has_place_for_user_irq(vcpu)))
		windows |= LODGE_WINDOW_IRQ;
	/* A step is over before a window could open. */
	if (unlikely(vcpu->debug.control & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ)))
		windows = 0;
	lodge_vendor->request_window(vcpu, windows);

	update_tpr(vcpu);
}
