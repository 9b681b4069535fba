// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the register model of a LAPIC: priorities, what each register accepts in
 * xAPIC and x2APIC mode, which messages are for it and what they do. A write returns
 * its effect; nothing is sent, armed or woken here (lapic_vcpu.c does), so that the
 * file can be tested in user space.
 *
 * Rules are those of Intel SDM volume 3, "Advanced Programmable Interrupt Controller
 * (APIC)". Directed EOI, CMCI and the AMD extended space are not offered.
 */
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "lapic.h"

#define LAPIC_VERSION		0x14u
#define LAPIC_NR_LVTS		6u
#define LAPIC_X2APIC_BROADCAST	0xffffffffu
#define LAPIC_XAPIC_BROADCAST	0xffu

/* Vectors below are the CPU's exceptions; a message with one is an error. */
#define LAPIC_FIRST_VECTOR	16

/* Bits of IA32_APIC_BASE that are neither mode, BSP flag nor address. */
#define LAPIC_BASE_RESERVED	(GENMASK_ULL(7, 0) | BIT_ULL(9))

/* Bits of the x2APIC ICR that must be zero; delivery status (12) is ignored. */
#define LAPIC_X2APIC_ICR_RESERVED \
	(GENMASK_ULL(31, 20) | GENMASK_ULL(17, 16) | BIT_ULL(13))

/* Who may do what to a register: read and write, in xAPIC (X) and x2APIC (2) mode. */
#define XR	BIT(0)
#define XW	BIT(1)
#define R2	BIT(2)
#define W2	BIT(3)
#define ALL	(XR | XW | R2 | W2)

static const u8 register_access[KVM_APIC_REG_SIZE >> 4] = {
	[APIC_ID >> 4]		= XR | XW | R2,
	[APIC_LVR >> 4]		= XR | R2,
	[APIC_TASKPRI >> 4]	= ALL,
	[APIC_ARBPRI >> 4]	= XR,
	[APIC_PROCPRI >> 4]	= XR | R2,
	[APIC_EOI >> 4]		= XW | W2,
	[APIC_LDR >> 4]		= XR | XW | R2,
	[APIC_DFR >> 4]		= XR | XW,
	[APIC_SPIV >> 4]	= ALL,
	[APIC_ISR >> 4 ... (APIC_ISR >> 4) + 7] = XR | R2,
	[APIC_TMR >> 4 ... (APIC_TMR >> 4) + 7] = XR | R2,
	[APIC_IRR >> 4 ... (APIC_IRR >> 4) + 7] = XR | R2,
	[APIC_ESR >> 4]		= ALL,
	[APIC_ICR >> 4]		= XR | XW,	/* 64 bits wide in x2APIC mode: lapic_icr_write() */
	[APIC_ICR2 >> 4]	= XR | XW,
	[APIC_LVTT >> 4 ... APIC_LVTERR >> 4] = ALL,
	[APIC_TMICT >> 4]	= ALL,
	[APIC_TMCCT >> 4]	= XR | R2,
	[APIC_TDCR >> 4]	= ALL,
	[APIC_SELF_IPI >> 4]	= W2,
};

#define LVT_COMMON	(APIC_VECTOR_MASK | APIC_SEND_PENDING | APIC_LVT_MASKED)
#define LVT_LINT	(LVT_COMMON | APIC_MODE_MASK | APIC_INPUT_POLARITY | \
			 APIC_LVT_REMOTE_IRR | APIC_LVT_LEVEL_TRIGGER)

/* Writable bits of each LVT entry; the timer's mode bits depend on the features. */
static const u32 lvt_writable[LAPIC_NR_LVTS] = {
	LVT_COMMON,			/* timer */
	LVT_COMMON | APIC_MODE_MASK,	/* thermal sensor */
	LVT_COMMON | APIC_MODE_MASK,	/* performance counters */
	LVT_LINT,			/* LINT0 */
	LVT_LINT,			/* LINT1 */
	LVT_COMMON,			/* error */
};

static bool is_enabled(const struct lapic *lapic)
{
	return READ_ONCE(lapic->base) & MSR_IA32_APICBASE_ENABLE;
}

static bool is_x2apic(const struct lapic *lapic)
{
	return READ_ONCE(lapic->base) & X2APIC_ENABLE;
}

static bool is_software_enabled(const struct lapic *lapic)
{
	return lapic_reg(lapic, APIC_SPIV) & APIC_SPIV_APIC_ENABLED;
}

/* The 32-bit register of a 256-bit bank that holds @vector, as a bitmap. */
static unsigned long *bank_word(struct lapic *lapic, u32 bank, u8 vector)
{
	return (unsigned long *)(lapic->regs + bank + (vector / 32) * 0x10);
}

static int bank_highest(const struct lapic *lapic, u32 bank)
{
	int word;

	for (word = 7; word >= 0; word--) {
		u32 bits = lapic_reg(lapic, bank + word * 0x10);

		if (bits)
			return word * 32 + __fls(bits);
	}
	return -1;
}

static u32 x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | BIT(id & 0xf);
}

/* The id register's content follows from the mode; only xAPIC lets the guest alter it. */
static void set_ids(struct lapic *lapic)
{
	if (is_x2apic(lapic)) {
		lapic_set_reg(lapic, APIC_ID, lapic->id);
		lapic_set_reg(lapic, APIC_LDR, x2apic_ldr(lapic->id));
	} else {
		lapic_set_reg(lapic, APIC_ID, lapic->id << 24);
		lapic_set_reg(lapic, APIC_LDR, 0);
	}
}

/**
 * lapic_model_create() - a LAPIC before its first reset
 * @lapic: zeroed
 * @id: x2APIC id
 */
void lapic_model_create(struct lapic *lapic, u32 id)
{
	lapic->id = id;
	lapic->features.phys_bits = 36;
}

/**
 * lapic_model_reset() - values after RESET or INIT
 * @lapic: the LAPIC
 * @is_bsp: the bootstrap processor
 * @opens_lint0: LINT0 lets the PIC through, as firmware-less guests expect of the bootstrap
 *               processor and KVM does
 * @is_init: INIT keeps IA32_APIC_BASE and the id
 */
void lapic_model_reset(struct lapic *lapic, bool is_bsp, bool opens_lint0, bool is_init)
{
	const u32 id = lapic_reg(lapic, APIC_ID);
	u32 lvt;

	if (!is_init)
		WRITE_ONCE(lapic->base, APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE |
			   (is_bsp ? MSR_IA32_APICBASE_BSP : 0));
	memset(lapic->regs, 0, sizeof(lapic->regs));
	lapic_set_reg(lapic, APIC_LVR, LAPIC_VERSION | (LAPIC_NR_LVTS - 1) << 16);
	for (lvt = APIC_LVTT; lvt <= APIC_LVTERR; lvt += 0x10)
		lapic_set_reg(lapic, lvt, APIC_LVT_MASKED);
	if (opens_lint0)
		lapic_set_reg(lapic, APIC_LVT0, APIC_DM_EXTINT);
	lapic_set_reg(lapic, APIC_DFR, APIC_DFR_FLAT);
	lapic_set_reg(lapic, APIC_SPIV, 0xff);
	set_ids(lapic);
	if (is_init && !is_x2apic(lapic))
		lapic_set_reg(lapic, APIC_ID, id);
	lapic->errors = 0;
}

/**
 * lapic_model_set_base() - write IA32_APIC_BASE
 * @lapic: the LAPIC
 * @base: new value
 * @from_user: user space may go from any valid mode to any
 *
 * The enable bit (EN) and the x2APIC bit (EXTD), by SDM "Extended XAPIC (x2APIC)":
 *
 *   from \ to     | disabled | xAPIC | EXTD without EN | x2APIC
 *   disabled      |   ok     |  ok   |      #GP        |  #GP
 *   xAPIC         |   ok     |  ok   |      #GP        |  ok
 *   x2APIC        |   ok     |  #GP  |      #GP        |  ok
 *
 * Return: 0, or -EINVAL for #GP.
 */
int lapic_model_set_base(struct lapic *lapic, u64 base, bool from_user)
{
	const u64 mode_bits = MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE;
	u64 old_mode = lapic->base & mode_bits;
	u64 mode = base & mode_bits;
	u64 reserved = LAPIC_BASE_RESERVED;

	if (lapic->features.phys_bits < 52)
		reserved |= GENMASK_ULL(63, lapic->features.phys_bits);
	else
		reserved |= GENMASK_ULL(63, 52);
	if (!lapic->features.x2apic)
		reserved |= X2APIC_ENABLE;
	if ((base & reserved) || mode == X2APIC_ENABLE)
		return -EINVAL;
	if (!from_user && mode != old_mode) {
		if (mode == mode_bits && !old_mode)
			return -EINVAL;
		if (mode == MSR_IA32_APICBASE_ENABLE && old_mode == mode_bits)
			return -EINVAL;
	}

	WRITE_ONCE(lapic->base, base);
	/* Leaving for "disabled" keeps the registers; entering a mode sets the id anew. */
	if (mode != old_mode && mode)
		set_ids(lapic);
	return 0;
}

/**
 * lapic_model_get_state() - registers in the form of the ABI
 * @lapic: the LAPIC
 * @state: filled, but for the timer's current count
 * @has_full_ids: in x2APIC mode the id has its 32 bits; else it stands in the uppermost
 *                byte in either mode
 */
void lapic_model_get_state(const struct lapic *lapic, struct kvm_lapic_state *state,
			   bool has_full_ids)
{
	u32 *id = (u32 *)(state->regs + APIC_ID);

	memcpy(state->regs, lapic->regs, sizeof(lapic->regs));
	*(u32 *)(state->regs + APIC_PROCPRI) = lapic_ppr(lapic);
	if (is_x2apic(lapic) && !has_full_ids)
		*id <<= 24;
}

/**
 * lapic_model_set_state() - take over registers from user space
 * @lapic: the LAPIC; its base decides in which mode they are read
 * @state: from user space; what no LAPIC could hold is made right
 * @has_full_ids: as above
 *
 * Return: 0; -EINVAL if in x2APIC mode the id is another vCPU's.
 */
int lapic_model_set_state(struct lapic *lapic, const struct kvm_lapic_state *state,
			  bool has_full_ids)
{
	u32 id;

	memcpy(&id, state->regs + APIC_ID, sizeof(id));
	if (is_x2apic(lapic) &&
	    (has_full_ids ? id != lapic->id : id >> 24 != (lapic->id & 0xff)))
		return -EINVAL;

	memcpy(lapic->regs, state->regs, sizeof(lapic->regs));
	if (is_x2apic(lapic)) {
		set_ids(lapic);
	} else {
		lapic_set_reg(lapic, APIC_ID, id & 0xff000000);
		lapic_set_reg(lapic, APIC_LDR, lapic_reg(lapic, APIC_LDR) & APIC_LDR_MASK);
	}
	lapic_set_reg(lapic, APIC_LVR, LAPIC_VERSION | (LAPIC_NR_LVTS - 1) << 16);
	lapic_set_reg(lapic, APIC_DFR, lapic_reg(lapic, APIC_DFR) | 0x0fffffff);
	lapic_set_reg(lapic, APIC_SPIV, lapic_reg(lapic, APIC_SPIV) & 0x3ff);
	lapic_set_reg(lapic, APIC_ICR, lapic_reg(lapic, APIC_ICR) & ~APIC_ICR_BUSY);
	lapic_set_reg(lapic, APIC_TDCR, lapic_reg(lapic, APIC_TDCR) & 0xb);
	lapic_set_reg(lapic, APIC_TMCCT, 0);
	return 0;
}

/* May the guest touch this register in this mode? Shifted to the x2APIC flags. */
static bool is_allowed(const struct lapic *lapic, u32 offset, u8 xapic, u8 x2apic)
{
	u32 index = array_index_nospec(offset >> 4, ARRAY_SIZE(register_access));

	return register_access[index] & (is_x2apic(lapic) ? x2apic : xapic);
}

/* A refused write: in xAPIC mode one to a reserved register is an error for the ESR. */
static int refuse_write(struct lapic *lapic, u32 offset, struct lapic_effect *effect)
{
	if (!is_x2apic(lapic) && !is_allowed(lapic, offset, XR | XW, 0) &&
	    !test_and_set_bit(ilog2(APIC_ESR_ILLREGA), &lapic->errors))
		effect->what |= LAPIC_EFFECT_ERROR;
	return -EINVAL;
}

/**
 * lapic_register_read() - read a 32-bit register
 * @lapic: enabled LAPIC
 * @offset: in the page, multiple of 16, below KVM_APIC_REG_SIZE
 * @value: filled; the current count is the caller's to know
 *
 * Return: 0; -EINVAL if the mode has no such register.
 */
int lapic_register_read(const struct lapic *lapic, u32 offset, u32 *value)
{
	if (!is_allowed(lapic, offset, XR, R2))
		return -EINVAL;
	*value = offset == APIC_PROCPRI ? lapic_ppr(lapic) : lapic_reg(lapic, offset);
	return 0;
}

/**
 * lapic_in_service() - the interrupt that the next EOI ends
 * @lapic: the LAPIC
 * @is_level: filled: it is level-triggered
 *
 * Return: vector, or -1.
 */
int lapic_in_service(const struct lapic *lapic, bool *is_level)
{
	int vector = lapic_isr_highest(lapic);

	*is_level = vector >= 0 &&
		    (lapic_reg(lapic, APIC_TMR + vector / 32 * 0x10) & BIT(vector % 32));
	return vector;
}

static void end_of_interrupt(struct lapic *lapic, struct lapic_effect *effect)
{
	int vector = lapic_in_service(lapic, &effect->eoi_is_level);

	/* Linux ends interrupts that it has not got, while it looks for the timer. */
	if (vector < 0)
		return;
	__clear_bit(vector % 32, bank_word(lapic, APIC_ISR, vector));
	effect->what |= LAPIC_EFFECT_EOI | LAPIC_EFFECT_LOOK;
	effect->eoi_vector = vector;
}

static void write_svr(struct lapic *lapic, u32 value, struct lapic_effect *effect)
{
	bool was_enabled = is_software_enabled(lapic);
	u32 lvt;

	lapic_set_reg(lapic, APIC_SPIV, value & 0x3ff);
	if (is_software_enabled(lapic) != was_enabled)
		effect->what |= LAPIC_EFFECT_MAP | LAPIC_EFFECT_LOOK;
	if (is_software_enabled(lapic))
		return;
	for (lvt = APIC_LVTT; lvt <= APIC_LVTERR; lvt += 0x10)
		lapic_set_reg(lapic, lvt, lapic_reg(lapic, lvt) | APIC_LVT_MASKED);
	effect->what |= LAPIC_EFFECT_MODE;
}

static void write_lvt(struct lapic *lapic, u32 offset, u32 value,
		      struct lapic_effect *effect)
{
	u32 index = array_index_nospec((offset - APIC_LVTT) >> 4, LAPIC_NR_LVTS);
	u32 writable = lvt_writable[index];

	if (offset == APIC_LVTT) {
		writable |= APIC_LVT_TIMER_PERIODIC;
		if (lapic->features.tsc_deadline)
			writable |= APIC_LVT_TIMER_TSCDEADLINE;
		effect->what |= LAPIC_EFFECT_MODE;
	}
	value &= writable;
	/* While software has the LAPIC disabled, mask bits cannot be cleared. */
	if (!is_software_enabled(lapic))
		value |= APIC_LVT_MASKED;
	lapic_set_reg(lapic, offset, value);
	/* LINT0 may let the PIC through from now on. */
	if (offset == APIC_LVT0)
		effect->what |= LAPIC_EFFECT_LOOK;
}

/**
 * lapic_ipi_message() - the message that an ICR describes
 * @low: lower half of the ICR
 * @dest: destination
 * @message: filled
 */
void lapic_ipi_message(u32 low, u32 dest, struct lapic_message *message)
{
	*message = (struct lapic_message) {
		.dest = dest,
		.vector = low & APIC_VECTOR_MASK,
		.delivery = GET_APIC_DELIVERY_MODE(low),
		.shorthand = low >> 18 & 3,
		.is_logical = low & APIC_DEST_LOGICAL,
		.is_level = low & APIC_INT_LEVELTRIG,
		.is_asserted = low & APIC_INT_ASSERT,
		.is_ipi = true,
	};
}

/* What the ICR says to send; nothing if it names an illegal vector. */
static void send(struct lapic *lapic, u32 low, u32 dest, struct lapic_effect *effect)
{
	struct lapic_message *message = &effect->message;

	lapic_ipi_message(low, dest, message);
	if (message->delivery <= LAPIC_DELIVERY_LOWEST && message->vector < LAPIC_FIRST_VECTOR) {
		if (!test_and_set_bit(ilog2(APIC_ESR_SENDILL), &lapic->errors))
			effect->what |= LAPIC_EFFECT_ERROR;
		return;
	}
	effect->what |= LAPIC_EFFECT_SEND;
}

/**
 * lapic_icr_write() - write the 64-bit ICR of x2APIC mode
 * @lapic: LAPIC in x2APIC mode
 * @value: new value
 * @effect: receives the message
 *
 * Return: 0; -EINVAL (#GP) for reserved bits.
 */
int lapic_icr_write(struct lapic *lapic, u64 value, struct lapic_effect *effect)
{
	if (value & LAPIC_X2APIC_ICR_RESERVED)
		return -EINVAL;
	value &= ~APIC_ICR_BUSY;
	lapic_set_reg(lapic, APIC_ICR, value);
	lapic_set_reg(lapic, APIC_ICR2, value >> 32);
	send(lapic, value, value >> 32, effect);
	return 0;
}

/* The registers that x2APIC mode lacks: who listens to which destination. */
static void write_identity(struct lapic *lapic, u32 offset, u32 value,
			   struct lapic_effect *effect)
{
	switch (offset) {
	case APIC_ID:
		value &= 0xff000000;
		break;
	case APIC_LDR:
		value &= APIC_LDR_MASK;
		break;
	case APIC_DFR:
		value |= 0x0fffffff;
		break;
	}
	if (lapic_reg(lapic, offset) == value)
		return;
	lapic_set_reg(lapic, offset, value);
	effect->what |= LAPIC_EFFECT_MAP;
}

/* TPR, EOI, ICR, ESR: what guests write all the time, or what is odd. -EINVAL for #GP. */
static int write_command(struct lapic *lapic, u32 offset, u32 value,
			 struct lapic_effect *effect)
{
	switch (offset) {
	case APIC_TASKPRI:
		if (is_x2apic(lapic) && value > 0xff)
			return -EINVAL;
		lapic_set_reg(lapic, APIC_TASKPRI, value & 0xff);
		effect->what |= LAPIC_EFFECT_LOOK;
		return 0;
	case APIC_EOI:
		/* x2APIC: any value but zero is #GP. */
		if (is_x2apic(lapic) && value)
			return -EINVAL;
		end_of_interrupt(lapic, effect);
		return 0;
	case APIC_ICR:
		value &= ~APIC_ICR_BUSY;
		lapic_set_reg(lapic, APIC_ICR, value);
		send(lapic, value, GET_XAPIC_DEST_FIELD(lapic_reg(lapic, APIC_ICR2)), effect);
		return 0;
	case APIC_SELF_IPI:
		if (value & ~APIC_VECTOR_MASK)
			return -EINVAL;
		send(lapic, APIC_DEST_SELF | APIC_INT_ASSERT | value, 0, effect);
		return 0;
	default:	/* APIC_ESR: a write of anything shows the errors since the last */
		if (is_x2apic(lapic) && value)
			return -EINVAL;
		lapic_set_reg(lapic, APIC_ESR, xchg(&lapic->errors, 0));
		return 0;
	}
}

/**
 * lapic_register_write() - write a 32-bit register
 * @lapic: enabled LAPIC; the own thread
 * @offset: in the page, multiple of 16, below KVM_APIC_REG_SIZE
 * @value: new value
 * @effect: what must follow is added
 *
 * Return: 0; -EINVAL if the mode has no such register or refuses the value: #GP in
 * x2APIC mode, ignored in xAPIC mode (the ESR may show it).
 */
int lapic_register_write(struct lapic *lapic, u32 offset, u32 value,
			 struct lapic_effect *effect)
{
	if (!is_allowed(lapic, offset, XW, W2))
		return refuse_write(lapic, offset, effect);

	switch (offset) {
	case APIC_ID:
	case APIC_LDR:
	case APIC_DFR:
		write_identity(lapic, offset, value, effect);
		return 0;
	case APIC_SPIV:
		if (is_x2apic(lapic) && (value & ~0x3ffu))
			return -EINVAL;
		write_svr(lapic, value, effect);
		return 0;
	case APIC_ICR2:
		lapic_set_reg(lapic, APIC_ICR2, value & 0xff000000);
		return 0;
	case APIC_LVTT ... APIC_LVTERR:
		write_lvt(lapic, offset, value, effect);
		return 0;
	case APIC_TMICT:
		/* SDM, "TSC-Deadline Mode": writes are ignored there. */
		if ((lapic_reg(lapic, APIC_LVTT) >> 17 & 3) == LAPIC_TIMER_TSC_DEADLINE)
			return 0;
		lapic_set_reg(lapic, APIC_TMICT, value);
		effect->what |= LAPIC_EFFECT_COUNT;
		return 0;
	case APIC_TDCR:
		lapic_set_reg(lapic, APIC_TDCR, value & 0xb);
		effect->what |= LAPIC_EFFECT_DIVIDE;
		return 0;
	default:
		return write_command(lapic, offset, value, effect);
	}
}

/**
 * lapic_ppr() - processor priority
 * @lapic: the LAPIC
 *
 * Return: the TPR or the class of the highest vector in service, whichever class is
 * higher (SDM, "Task and Processor Priorities").
 */
u8 lapic_ppr(const struct lapic *lapic)
{
	u32 tpr = lapic_reg(lapic, APIC_TASKPRI) & 0xff;
	int isr = lapic_isr_highest(lapic);

	if (isr < 0 || (tpr & 0xf0) >= (isr & 0xf0))
		return tpr;
	return isr & 0xf0;
}

/**
 * lapic_irr_highest() - highest vector requested
 * @lapic: the LAPIC
 *
 * Return: vector, or -1.
 */
int lapic_irr_highest(const struct lapic *lapic)
{
	return bank_highest(lapic, APIC_IRR);
}

/**
 * lapic_isr_highest() - highest vector in service
 * @lapic: the LAPIC
 *
 * Return: vector, or -1.
 */
int lapic_isr_highest(const struct lapic *lapic)
{
	return bank_highest(lapic, APIC_ISR);
}

/**
 * lapic_deliverable() - highest vector requested, if its class is above the PPR's
 * @lapic: the LAPIC
 *
 * A LAPIC that software disabled still delivers what it had accepted before; one that
 * is off (IA32_APIC_BASE) delivers nothing.
 *
 * Return: vector, or -1.
 */
int lapic_deliverable(const struct lapic *lapic)
{
	int vector;

	if (!is_enabled(lapic))
		return -1;
	vector = lapic_irr_highest(lapic);
	if (vector < 0 || (vector & 0xf0) <= (lapic_ppr(lapic) & 0xf0))
		return -1;
	return vector;
}

/**
 * lapic_acknowledge() - the guest takes an interrupt: IRR becomes ISR
 * @lapic: the LAPIC; the own thread
 * @vector: what lapic_deliverable() said
 */
void lapic_acknowledge(struct lapic *lapic, u8 vector)
{
	clear_bit(vector % 32, bank_word(lapic, APIC_IRR, vector));
	__set_bit(vector % 32, bank_word(lapic, APIC_ISR, vector));
}

/**
 * lapic_acknowledge_ended() - the guest takes an interrupt that ends by that
 * @lapic: the LAPIC; the own thread
 * @vector: what lapic_deliverable() said
 */
void lapic_acknowledge_ended(struct lapic *lapic, u8 vector)
{
	clear_bit(vector % 32, bank_word(lapic, APIC_IRR, vector));
}

/**
 * lapic_accepts_pic() - does the PIC's interrupt reach this CPU?
 * @lapic: any LAPIC
 *
 * Any context. A LAPIC that is off lets INTR through,
 * an enabled one by LINT0 in ExtINT mode.
 */
bool lapic_accepts_pic(const struct lapic *lapic)
{
	u32 lint0 = lapic_reg(lapic, APIC_LVT0);

	if (!is_enabled(lapic))
		return true;
	return (lint0 & (APIC_LVT_MASKED | APIC_MODE_MASK)) == APIC_DM_EXTINT;
}

static bool matches_physical(const struct lapic *lapic, u32 dest)
{
	/*
	 * An id above 255 does not fit an xAPIC: such a CPU hears its full one in either
	 * mode, so that INIT and SIPI from a CPU in x2APIC mode find it.
	 */
	if (is_x2apic(lapic) || lapic->id > 0xff)
		return dest == lapic->id;
	return dest == lapic_reg(lapic, APIC_ID) >> 24;
}

/* SDM, "Logical Destination Mode" and "Logical Destination Mode in x2APIC Mode". */
static bool matches_logical(const struct lapic *lapic, u32 dest)
{
	u32 ldr = lapic_reg(lapic, APIC_LDR);

	if (is_x2apic(lapic))
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);

	ldr >>= 24;
	switch (lapic_reg(lapic, APIC_DFR)) {
	case APIC_DFR_FLAT:
		return ldr & dest;
	case APIC_DFR_CLUSTER:
		return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
	default:
		return false;
	}
}

/**
 * lapic_matches() - is a message without shorthand for this LAPIC?
 * @lapic: any LAPIC
 * @message: the message
 *
 * Any context. A LAPIC that is off hears nothing.
 */
bool lapic_matches(const struct lapic *lapic, const struct lapic_message *message)
{
	u32 dest = message->dest;

	if (!is_enabled(lapic))
		return false;
	/* IOAPIC and MSI have 8 bits: their 0xff means everybody in either mode. */
	if (is_x2apic(lapic) && !message->is_ipi && dest == LAPIC_XAPIC_BROADCAST)
		return true;
	if (dest == (is_x2apic(lapic) ? LAPIC_X2APIC_BROADCAST : LAPIC_XAPIC_BROADCAST))
		return true;
	return message->is_logical ? matches_logical(lapic, dest) : matches_physical(lapic, dest);
}

static enum lapic_receipt receive_vector(struct lapic *lapic, u8 vector, bool is_level)
{
	unsigned long *tmr = bank_word(lapic, APIC_TMR, vector);

	if (!is_software_enabled(lapic))
		return LAPIC_REFUSED;
	if (vector < LAPIC_FIRST_VECTOR) {
		if (test_and_set_bit(ilog2(APIC_ESR_RECVILL), &lapic->errors))
			return LAPIC_REFUSED;
		return LAPIC_TAKEN_ERROR;
	}
	/* TMR before IRR: once the IRR bit is seen, the EOI must know the trigger mode. */
	if (test_bit(vector % 32, tmr) != is_level) {
		if (is_level)
			set_bit(vector % 32, tmr);
		else
			clear_bit(vector % 32, tmr);
	}
	/*
	 * Not preceded by a plain test: the locked operation is the barrier between what
	 * the sender wrote and the IRR, which makes it safe to merge with an interrupt
	 * that the guest is just about to take.
	 */
	if (test_and_set_bit(vector % 32, bank_word(lapic, APIC_IRR, vector)))
		return LAPIC_TAKEN_BEFORE;
	return LAPIC_TAKEN_IRQ;
}

/**
 * lapic_receive() - a message arrives
 * @lapic: a LAPIC that it is for
 * @message: the message
 *
 * Any context, lock-free.
 *
 * Return: what the vCPU's thread must be told.
 */
enum lapic_receipt lapic_receive(struct lapic *lapic, const struct lapic_message *message)
{
	if (!is_enabled(lapic))
		return LAPIC_REFUSED;

	switch (message->delivery) {
	case LAPIC_DELIVERY_FIXED:
	case LAPIC_DELIVERY_LOWEST:
		if (message->is_level && !message->is_asserted)
			return LAPIC_REFUSED;
		return receive_vector(lapic, message->vector, message->is_level);
	case LAPIC_DELIVERY_NMI:
		return LAPIC_TAKEN_NMI;
	case LAPIC_DELIVERY_INIT:
		/* The de-assert message only ever synchronized arbitration ids. */
		if (message->is_level && !message->is_asserted)
			return LAPIC_REFUSED;
		/* Forgets a SIPI that came before. */
		WRITE_ONCE(lapic->arrived, BIT(LAPIC_ARRIVED_INIT));
		return LAPIC_TAKEN_INIT_SIPI;
	case LAPIC_DELIVERY_STARTUP:
		WRITE_ONCE(lapic->sipi_vector, message->vector);
		/* Pairs with the barrier in lapic_take_sipi(): the vector before the bit. */
		smp_mb__before_atomic();
		set_bit(LAPIC_ARRIVED_SIPI, &lapic->arrived);
		return LAPIC_TAKEN_INIT_SIPI;
	default:
		/* SMI is not offered; ExtINT reaches the CPU by irqchip_has_irq(). */
		return LAPIC_REFUSED;
	}
}

/**
 * lapic_lvt_message() - the message that a local source sends by its LVT entry
 * @lapic: the LAPIC
 * @lvt: offset of the entry
 * @message: filled
 *
 * Return: false if the entry is masked, or would report one error by another.
 */
bool lapic_lvt_message(const struct lapic *lapic, u32 lvt, struct lapic_message *message)
{
	u32 entry = lapic_reg(lapic, lvt);

	if (entry & APIC_LVT_MASKED)
		return false;
	if (lvt == APIC_LVTERR && (entry & APIC_VECTOR_MASK) < LAPIC_FIRST_VECTOR)
		return false;
	*message = (struct lapic_message) {
		.vector = entry & APIC_VECTOR_MASK,
		.delivery = GET_APIC_DELIVERY_MODE(entry),
		.shorthand = LAPIC_TO_SELF,
		.is_level = entry & APIC_LVT_LEVEL_TRIGGER,
		.is_asserted = true,
	};
	return true;
}

/**
 * lapic_is_on() - whether it can take interrupts
 * @lapic: any LAPIC
 */
bool lapic_is_on(const struct lapic *lapic)
{
	return is_enabled(lapic) && is_software_enabled(lapic);
}

/**
 * lapic_divisor() - by how much the timer's clock is divided
 * @lapic: the LAPIC
 *
 * Return: 1 to 128 (SDM, "Divide Configuration Register": bits 3, 1 and 0 make a
 * number; 7 stands for 1, the others for two to the power of one more).
 */
u32 lapic_divisor(const struct lapic *lapic)
{
	u32 tdcr = lapic_reg(lapic, APIC_TDCR);
	u32 code = (tdcr & 3) | (tdcr & 8) >> 1;

	return 1u << ((code + 1) & 7);
}
