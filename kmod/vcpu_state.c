// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: the ioctls that move a vCPU's registers, events and run state, between
 * lodge's own form and the structures of the KVM ABI.
 *
 * Context of every handler: vcpu->mutex held, vCPU loaded, not in KVM_RUN.
 */
#include "clock.h"
#include "ctrl_regs.h"
#include "ioctl.h"
#include "irqchip/irqchip.h"
#include "msr.h"
#include "pv/pv.h"
#include "regs.h"
#include "request.h"
#include "run.h"
#include "x86.h"

/**
 * vcpu_get_regs() - KVM_GET_REGS
 * @args: data is a struct kvm_regs
 */
long vcpu_get_regs(struct ioctl_args *args)
{
	const struct lodge_x86_state *state = &args->vcpu->state;
	struct kvm_regs *regs = args->data;

	*regs = (struct kvm_regs) {
		.rax = state->gprs[LODGE_RAX], .rbx = state->gprs[LODGE_RBX],
		.rcx = state->gprs[LODGE_RCX], .rdx = state->gprs[LODGE_RDX],
		.rsi = state->gprs[LODGE_RSI], .rdi = state->gprs[LODGE_RDI],
		.rsp = state->gprs[LODGE_RSP], .rbp = state->gprs[LODGE_RBP],
		.r8  = state->gprs[LODGE_R8],  .r9  = state->gprs[LODGE_R9],
		.r10 = state->gprs[LODGE_R10], .r11 = state->gprs[LODGE_R11],
		.r12 = state->gprs[LODGE_R12], .r13 = state->gprs[LODGE_R13],
		.r14 = state->gprs[LODGE_R14], .r15 = state->gprs[LODGE_R15],
		.rip = state->rip, .rflags = state->rflags,
	};
	return 0;
}

/**
 * vcpu_set_regs() - KVM_SET_REGS
 * @args: data is a struct kvm_regs
 *
 * An exception that waits belongs to the old RIP and is forgotten.
 */
long vcpu_set_regs(struct ioctl_args *args)
{
	struct lodge_x86_state *state = &args->vcpu->state;
	const struct kvm_regs *regs = args->data;

	state->gprs[LODGE_RAX] = regs->rax;
	state->gprs[LODGE_RBX] = regs->rbx;
	state->gprs[LODGE_RCX] = regs->rcx;
	state->gprs[LODGE_RDX] = regs->rdx;
	state->gprs[LODGE_RSI] = regs->rsi;
	state->gprs[LODGE_RDI] = regs->rdi;
	state->gprs[LODGE_RSP] = regs->rsp;
	state->gprs[LODGE_RBP] = regs->rbp;
	state->gprs[LODGE_R8]  = regs->r8;
	state->gprs[LODGE_R9]  = regs->r9;
	state->gprs[LODGE_R10] = regs->r10;
	state->gprs[LODGE_R11] = regs->r11;
	state->gprs[LODGE_R12] = regs->r12;
	state->gprs[LODGE_R13] = regs->r13;
	state->gprs[LODGE_R14] = regs->r14;
	state->gprs[LODGE_R15] = regs->r15;
	state->rip = regs->rip;
	state->rflags = regs->rflags | X86_EFLAGS_FIXED;

	args->vcpu->events.exception.class = LODGE_EVENT_NONE;
	return 0;
}

static void to_kvm_segment(struct kvm_segment *to, const struct lodge_segment *from)
{
	*to = (struct kvm_segment) {
		.base = from->base,
		.limit = from->limit,
		.selector = from->selector,
		.type = from->attr & LODGE_SEG_TYPE_MASK,
		.s = !!(from->attr & LODGE_SEG_S),
		.dpl = (from->attr & LODGE_SEG_DPL_MASK) >> LODGE_SEG_DPL_SHIFT,
		.present = !!(from->attr & LODGE_SEG_P),
		.avl = !!(from->attr & LODGE_SEG_AVL),
		.l = !!(from->attr & LODGE_SEG_L),
		.db = !!(from->attr & LODGE_SEG_DB),
		.g = !!(from->attr & LODGE_SEG_G),
		.unusable = !!(from->attr & LODGE_SEG_UNUSABLE),
	};
}

static void from_kvm_segment(struct lodge_segment *to, const struct kvm_segment *from)
{
	*to = (struct lodge_segment) {
		.base = from->base,
		.limit = from->limit,
		.selector = from->selector,
		.attr = (from->type & LODGE_SEG_TYPE_MASK) |
			(from->s ? LODGE_SEG_S : 0) |
			(from->dpl & 3) << LODGE_SEG_DPL_SHIFT |
			(from->present ? LODGE_SEG_P : 0) |
			(from->avl ? LODGE_SEG_AVL : 0) |
			(from->l ? LODGE_SEG_L : 0) |
			(from->db ? LODGE_SEG_DB : 0) |
			(from->g ? LODGE_SEG_G : 0) |
			(from->unusable ? LODGE_SEG_UNUSABLE : 0),
	};
}

/* The two structures begin alike; what follows in each is its ioctl's own. */
static_assert(offsetof(struct kvm_sregs, interrupt_bitmap) == offsetof(struct kvm_sregs2, flags));

/* Fill the part that both have. */
static void get_common_sregs(struct lodge_vcpu *vcpu, struct kvm_sregs *sregs)
{
	struct lodge_x86_state *state = lodge_regs_get(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS);

	to_kvm_segment(&sregs->cs, &state->segs[LODGE_SEG_CS]);
	to_kvm_segment(&sregs->ds, &state->segs[LODGE_SEG_DS]);
	to_kvm_segment(&sregs->es, &state->segs[LODGE_SEG_ES]);
	to_kvm_segment(&sregs->fs, &state->segs[LODGE_SEG_FS]);
	to_kvm_segment(&sregs->gs, &state->segs[LODGE_SEG_GS]);
	to_kvm_segment(&sregs->ss, &state->segs[LODGE_SEG_SS]);
	to_kvm_segment(&sregs->tr, &state->segs[LODGE_SEG_TR]);
	to_kvm_segment(&sregs->ldt, &state->segs[LODGE_SEG_LDTR]);
	sregs->gdt.base = state->gdtr.base;
	sregs->gdt.limit = state->gdtr.limit;
	sregs->idt.base = state->idtr.base;
	sregs->idt.limit = state->idtr.limit;

	sregs->cr0 = state->cr0;
	sregs->cr2 = state->cr2;
	sregs->cr3 = state->cr3;
	sregs->cr4 = state->cr4;
	sregs->cr8 = vcpu->lapic ? lapic_get_cr8(vcpu) : vcpu->cr8;
	sregs->efer = state->efer;
	sregs->apic_base = vcpu->apic_base;
}

/**
 * vcpu_get_sregs() - KVM_GET_SREGS
 * @args: data is a struct kvm_sregs
 */
long vcpu_get_sregs(struct ioctl_args *args)
{
	struct lodge_vcpu *vcpu = args->vcpu;
	const struct lodge_event *injected = &vcpu->events.injected;
	struct kvm_sregs *sregs = args->data;
	int irq = -1;

	get_common_sregs(vcpu, sregs);
	if (injected->class == LODGE_EVENT_IRQ)
		irq = injected->vector;
	else if (vcpu->events.has_user_irq && !vcpu->lapic)
		irq = vcpu->events.user_vector;
	if (irq >= 0)
		__set_bit(irq, (unsigned long *)sregs->interrupt_bitmap);
	return 0;
}

/**
 * vcpu_get_sregs2() - KVM_GET_SREGS2
 * @args: data is a struct kvm_sregs2
 */
long vcpu_get_sregs2(struct ioctl_args *args)
{
	struct kvm_sregs2 *sregs = args->data;

	get_common_sregs(args->vcpu, args->data);
	if (ctrl_get_pdptes(args->vcpu, sregs->pdptrs))
		sregs->flags |= KVM_SREGS2_FLAGS_PDPTRS_VALID;
	return 0;
}

static void load_segments(struct lodge_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct lodge_x86_state *state = lodge_regs_change(vcpu, LODGE_STATE_SEGS);

	from_kvm_segment(&state->segs[LODGE_SEG_CS], &sregs->cs);
	from_kvm_segment(&state->segs[LODGE_SEG_DS], &sregs->ds);
	from_kvm_segment(&state->segs[LODGE_SEG_ES], &sregs->es);
	from_kvm_segment(&state->segs[LODGE_SEG_FS], &sregs->fs);
	from_kvm_segment(&state->segs[LODGE_SEG_GS], &sregs->gs);
	from_kvm_segment(&state->segs[LODGE_SEG_SS], &sregs->ss);
	from_kvm_segment(&state->segs[LODGE_SEG_TR], &sregs->tr);
	from_kvm_segment(&state->segs[LODGE_SEG_LDTR], &sregs->ldt);
	state->gdtr.base = sregs->gdt.base;
	state->gdtr.limit = sregs->gdt.limit;
	state->idtr.base = sregs->idt.base;
	state->idtr.limit = sregs->idt.limit;
}

static void load_control_registers(struct lodge_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct lodge_x86_state *state = lodge_regs_change(vcpu, LODGE_STATE_CRS);

	state->cr0 = sregs->cr0 | X86_CR0_ET;
	state->cr2 = sregs->cr2;
	state->cr3 = sregs->cr3;
	state->cr4 = sregs->cr4;
	state->efer = sregs->efer;
	if (vcpu->lapic)
		lapic_set_cr8(vcpu, sregs->cr8);
	else
		vcpu->cr8 = sregs->cr8 & 0xf;
}

/* VMMs reset a halted bootstrap processor by its registers alone and expect it to run. */
static void unhalt_if_reset(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;

	if ((vcpu->apic_base & MSR_IA32_APICBASE_BSP) && state->rip == 0xfff0 &&
	    state->segs[LODGE_SEG_CS].selector == 0xf000 &&
	    state->segs[LODGE_SEG_CS].base == 0xffff0000 && !(state->cr0 & X86_CR0_PE))
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

/* Take over the part that both structures have. */
static long set_common_sregs(struct lodge_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	int ret;

	if (!ctrl_sregs_valid(vcpu, sregs))
		return -EINVAL;
	if (sregs->apic_base != vcpu->apic_base) {
		if (vcpu->lapic) {
			ret = lapic_set_base(vcpu, sregs->apic_base, true);
			if (ret)
				return ret;
		} else {
			vcpu->apic_base = sregs->apic_base;
		}
	}

	load_segments(vcpu, sregs);
	load_control_registers(vcpu, sregs);
	ctrl_reload_pdptes(vcpu);
	unhalt_if_reset(vcpu);
	lodge_request_set(vcpu, LODGE_REQ_TLB_FLUSH_GUEST);
	return 0;
}

/**
 * vcpu_set_sregs() - KVM_SET_SREGS
 * @args: data is a struct kvm_sregs
 *
 * Return: 0; -EINVAL if no CPU could be in that state.
 */
long vcpu_set_sregs(struct ioctl_args *args)
{
	struct lodge_vcpu *vcpu = args->vcpu;
	const struct kvm_sregs *sregs = args->data;
	long ret = set_common_sregs(vcpu, sregs);
	unsigned int irq;

	if (ret)
		return ret;
	irq = find_first_bit((const unsigned long *)sregs->interrupt_bitmap, 256);
	/* An exception or NMI that is half delivered comes first; there is room for one. */
	if (irq < 256 && vcpu->events.injected.class <= LODGE_EVENT_IRQ)
		vcpu->events.injected = (struct lodge_event) {
			.class = LODGE_EVENT_IRQ,
			.vector = irq,
		};
	return 0;
}

/**
 * vcpu_set_sregs2() - KVM_SET_SREGS2
 * @args: data is a struct kvm_sregs2
 *
 * With PDPTEs given, memory is not asked for them: it may hold others by now.
 *
 * Return: 0; -EINVAL if no CPU could be in that state, for other flags, or for PDPTEs in a
 * paging mode that has none.
 */
long vcpu_set_sregs2(struct ioctl_args *args)
{
	struct lodge_vcpu *vcpu = args->vcpu;
	const struct kvm_sregs2 *sregs = args->data;
	bool has_pdptes = sregs->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	bool is_pae = (sregs->cr0 & X86_CR0_PG) && (sregs->cr4 & X86_CR4_PAE) &&
		      !(sregs->efer & EFER_LMA);
	long ret;

	if ((sregs->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID) || (has_pdptes && !is_pae))
		return -EINVAL;
	ret = set_common_sregs(vcpu, args->data);
	if (!ret && has_pdptes)
		memcpy(vcpu->state.pdptrs, sregs->pdptrs, sizeof(vcpu->state.pdptrs));
	return ret;
}

/**
 * vcpu_get_debugregs() - KVM_GET_DEBUGREGS
 * @args: data is a struct kvm_debugregs
 */
long vcpu_get_debugregs(struct ioctl_args *args)
{
	struct lodge_x86_state *state = lodge_regs_get(args->vcpu, LODGE_STATE_DRS);
	struct kvm_debugregs *debug = args->data;

	memcpy(debug->db, state->dr, sizeof(debug->db));
	debug->dr6 = state->dr6;
	debug->dr7 = state->dr7;
	return 0;
}

/**
 * vcpu_set_debugregs() - KVM_SET_DEBUGREGS
 * @args: data is a struct kvm_debugregs
 *
 * Return: 0; -EINVAL for flags or bits above 31 of DR6 or DR7.
 */
long vcpu_set_debugregs(struct ioctl_args *args)
{
	const struct kvm_debugregs *debug = args->data;
	struct lodge_x86_state *state;

	if (debug->flags || debug->dr6 >> 32 || debug->dr7 >> 32)
		return -EINVAL;
	state = lodge_regs_change(args->vcpu, LODGE_STATE_DRS);
	memcpy(state->dr, debug->db, sizeof(state->dr));
	state->dr6 = debug->dr6 | LODGE_DR6_FIXED_1;
	state->dr7 = (debug->dr7 & LODGE_DR7_VOLATILE) | LODGE_DR7_FIXED_1;
	return 0;
}

/* There is one that waits or one whose delivery has begun, never both. */
static void get_exception(struct lodge_vcpu *vcpu, struct kvm_vcpu_events *events)
{
	bool shows_payloads = READ_ONCE(vcpu->vm->shows_payloads);
	const struct lodge_event *exception = &vcpu->events.injected;
	bool is_pending = vcpu->events.exception.class == LODGE_EVENT_EXCEPTION;

	if (shows_payloads)
		events->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	else
		event_deliver_payload(vcpu);
	if (is_pending)
		exception = &vcpu->events.exception;
	else if (exception->class != LODGE_EVENT_EXCEPTION)
		return;

	events->exception.injected = !is_pending || !shows_payloads;
	events->exception.pending = is_pending;
	events->exception.nr = exception->vector;
	events->exception.has_error_code = exception->has_error;
	events->exception.error_code = exception->error_code;
	events->exception_has_payload = exception->has_payload;
	if (exception->has_payload)
		events->exception_payload = exception->payload;
}

/**
 * vcpu_get_events() - KVM_GET_VCPU_EVENTS
 * @args: data is a struct kvm_vcpu_events
 *
 * Without KVM_CAP_EXCEPTION_PAYLOAD payloads have no place in what is reported: one that waits
 * takes effect now. Nor is an exception that waits told from one whose delivery has begun.
 */
long vcpu_get_events(struct ioctl_args *args)
{
	struct lodge_vcpu *vcpu = args->vcpu;
	struct lodge_event_queue *queue = &vcpu->events;
	struct kvm_vcpu_events *events = args->data;
	struct lodge_x86_state *state;

	event_collect_nmis(vcpu);
	state = lodge_regs_get(vcpu, LODGE_STATE_INTR);
	get_exception(vcpu, events);

	if (queue->injected.class == LODGE_EVENT_IRQ) {
		events->interrupt.injected = 1;
		events->interrupt.nr = queue->injected.vector;
	} else if (queue->has_user_irq && !vcpu->lapic) {
		events->interrupt.injected = 1;
		events->interrupt.nr = queue->user_vector;
	}
	if (state->shadow & LODGE_SHADOW_STI)
		events->interrupt.shadow |= KVM_X86_SHADOW_INT_STI;
	if (state->shadow & LODGE_SHADOW_MOV_SS)
		events->interrupt.shadow |= KVM_X86_SHADOW_INT_MOV_SS;

	events->nmi.injected = queue->injected.class == LODGE_EVENT_NMI;
	events->nmi.pending = queue->nr_nmis != 0;
	events->nmi.masked = state->nmi_blocked;
	/* There is no system-management mode; an INIT that waits is reported in its place. */
	if (vcpu->lapic)
		events->smi.latched_init = lapic_has_init(vcpu);
	events->flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
			 KVM_VCPUEVENT_VALID_SMM;
	if (READ_ONCE(vcpu->vm->shows_triple_fault)) {
		events->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
		events->triple_fault.pending = queue->triple_fault;
	}
	return 0;
}

/* Without payloads all exceptions are reported as injected, so that is what counts then. */
static bool is_exception_pending(const struct kvm_vcpu_events *events)
{
	return (events->flags & KVM_VCPUEVENT_VALID_PAYLOAD) && events->exception.pending;
}

/* Only one event's delivery can have begun; the order is that of their priority. */
static void set_injected(struct lodge_vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	struct lodge_event *injected = &vcpu->events.injected;
	bool is_pending = is_exception_pending(events);
	struct lodge_event exception = {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = events->exception.nr,
		.has_error = events->exception.has_error_code,
		.error_code = events->exception.error_code,
		.has_payload = is_pending && events->exception_has_payload,
		.payload = events->exception_payload,
	};

	memset(injected, 0, sizeof(*injected));
	vcpu->events.exception.class = LODGE_EVENT_NONE;
	/* What waits at LINT0 is not part of this. */
	if (!vcpu->lapic)
		vcpu->events.has_user_irq = false;

	if (is_pending) {
		vcpu->events.exception = exception;
	} else if (events->exception.injected) {
		*injected = exception;
	} else if (events->nmi.injected) {
		injected->class = LODGE_EVENT_NMI;
		injected->vector = LODGE_VECTOR_NMI;
	} else if (events->interrupt.injected) {
		injected->class = LODGE_EVENT_IRQ;
		injected->vector = events->interrupt.nr;
	}
}

#define EVENTS_VALID_FLAGS	(KVM_VCPUEVENT_VALID_NMI_PENDING | \
				 KVM_VCPUEVENT_VALID_SIPI_VECTOR | \
				 KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM | \
				 KVM_VCPUEVENT_VALID_PAYLOAD | KVM_VCPUEVENT_VALID_TRIPLE_FAULT)

static bool are_events_valid(struct lodge_vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	u32 offered = EVENTS_VALID_FLAGS;

	if (!READ_ONCE(vcpu->vm->shows_payloads))
		offered &= ~KVM_VCPUEVENT_VALID_PAYLOAD;
	if (!READ_ONCE(vcpu->vm->shows_triple_fault))
		offered &= ~KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	if (events->flags & ~offered)
		return false;
	if ((events->exception.injected || is_exception_pending(events)) &&
	    (events->exception.nr > 31 || events->exception.nr == LODGE_VECTOR_NMI))
		return false;
	return !(events->flags & KVM_VCPUEVENT_VALID_SMM) ||
	       !(events->smi.smm || events->smi.pending || events->smi.smm_inside_nmi);
}

/**
 * vcpu_set_events() - KVM_SET_VCPU_EVENTS
 * @args: data is a struct kvm_vcpu_events
 *
 * Return: 0; -EINVAL for flags that are not offered, an exception that is none, or SMM.
 */
long vcpu_set_events(struct ioctl_args *args)
{
	const struct kvm_vcpu_events *events = args->data;
	struct lodge_vcpu *vcpu = args->vcpu;
	struct lodge_x86_state *state;

	if (!are_events_valid(vcpu, events))
		return -EINVAL;

	event_collect_nmis(vcpu);
	if (events->exception.injected || is_exception_pending(events))
		guest_debug_skip_trap_insn(vcpu, events->exception.nr);
	set_injected(vcpu, events);

	state = lodge_regs_change(vcpu, LODGE_STATE_INTR);
	state->nmi_blocked = events->nmi.masked;
	if (events->flags & KVM_VCPUEVENT_VALID_SHADOW) {
		state->shadow = 0;
		if (events->interrupt.shadow & KVM_X86_SHADOW_INT_STI)
			state->shadow |= LODGE_SHADOW_STI;
		if (events->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS)
			state->shadow |= LODGE_SHADOW_MOV_SS;
	}
	if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		vcpu->events.nr_nmis = events->nmi.pending ? 1 : 0;
	if ((events->flags & KVM_VCPUEVENT_VALID_SMM) && vcpu->lapic)
		lapic_set_init(vcpu, events->smi.latched_init);
	if (events->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		vcpu->events.triple_fault = events->triple_fault.pending;
	if ((events->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR) && vcpu->lapic)
		lapic_set_sipi_vector(vcpu, events->sipi_vector);
	return 0;
}

/**
 * vcpu_get_mp_state() - KVM_GET_MP_STATE
 * @args: data is a struct kvm_mp_state
 *
 * An INIT or SIPI that has arrived takes effect first: no other part of the state that
 * user space can save would tell of it.
 *
 * Return: 0.
 */
long vcpu_get_mp_state(struct ioctl_args *args)
{
	struct kvm_mp_state *mp_state = args->data;

	vcpu_take_init_sipi(args->vcpu);
	mp_state->mp_state = args->vcpu->mp_state;
	/* A halt that another vCPU has ended, though this one has not yet gone on. */
	if (mp_state->mp_state == KVM_MP_STATE_HALTED && READ_ONCE(args->vcpu->pv->is_kicked))
		mp_state->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

/**
 * vcpu_set_mp_state() - KVM_SET_MP_STATE
 * @args: data is a struct kvm_mp_state
 *
 * Return: 0; -EINVAL for a state of other architectures, or any but RUNNABLE without an
 * in-kernel LAPIC.
 */
long vcpu_set_mp_state(struct ioctl_args *args)
{
	const struct kvm_mp_state *mp_state = args->data;
	struct lodge_vcpu *vcpu = args->vcpu;

	switch (mp_state->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_SIPI_RECEIVED:
	case KVM_MP_STATE_HALTED:
		if (vcpu->lapic)
			break;
		fallthrough;
	default:
		return -EINVAL;
	}

	vcpu->mp_state = mp_state->mp_state;
	if (mp_state->mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		/* Saved between the SIPI's arrival and its effect. */
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		lapic_raise_sipi(vcpu);
	}
	return 0;
}
