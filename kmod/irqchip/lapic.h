/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the register model of a LAPIC. It knows no vCPU, no timer and no other
 * controller: a write returns its effect in struct lapic_effect, and lapic_vcpu.c
 * carries that out. For this folder only.
 */
#ifndef LODGE_IRQCHIP_LAPIC_H
#define LODGE_IRQCHIP_LAPIC_H

#include <linux/bits.h>
#include <linux/kvm.h>
#include <linux/types.h>

#include "irqchip.h"

/* Delivery modes, as bits 10:8 of the ICR, of an LVT entry and of MSI data. */
enum lapic_delivery {
	LAPIC_DELIVERY_FIXED	= 0,
	LAPIC_DELIVERY_LOWEST	= 1,
	LAPIC_DELIVERY_SMI	= 2,
	LAPIC_DELIVERY_NMI	= 4,
	LAPIC_DELIVERY_INIT	= 5,
	LAPIC_DELIVERY_STARTUP	= 6,
	LAPIC_DELIVERY_EXTINT	= 7,
};

/* Bits 19:18 of the ICR. */
enum lapic_shorthand {
	LAPIC_TO_DESTINATION,
	LAPIC_TO_SELF,
	LAPIC_TO_ALL,
	LAPIC_TO_OTHERS,
};

/* Timer modes, bits 18:17 of LVTT; 3 is reserved and runs nothing. */
enum lapic_timer_mode {
	LAPIC_TIMER_ONESHOT,
	LAPIC_TIMER_PERIODIC,
	LAPIC_TIMER_TSC_DEADLINE,
	LAPIC_TIMER_RESERVED,
};

/**
 * struct lapic_message - what travels between LAPICs, IOAPIC and MSIs
 * @dest: physical id or logical mask
 * @vector: for the delivery modes that have one
 * @delivery: enum lapic_delivery
 * @shorthand: enum lapic_shorthand; only a LAPIC sends one
 * @is_logical: @dest is logical
 * @is_level: level-triggered
 * @is_asserted: false for the de-assert that only INIT once had
 * @is_ipi: sent by a LAPIC, or KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK is on; a destination
 *          of 0xff then is no broadcast to LAPICs in x2APIC mode
 */
struct lapic_message {
	u32 dest;
	u8 vector;
	u8 delivery;
	u8 shorthand;
	bool is_logical;
	bool is_level;
	bool is_asserted;
	bool is_ipi;
};

/* lapic->arrived */
#define LAPIC_ARRIVED_INIT	0
#define LAPIC_ARRIVED_SIPI	1

/**
 * struct lapic - the registers
 * @regs: as in the register page (and in struct kvm_lapic_state), but: the ICR is
 *        split into ICR and ICR2 in x2APIC mode too; PPR and the timer's current
 *        count are computed when read
 * @base: IA32_APIC_BASE
 * @id: x2APIC id, which no guest can change
 * @features: see struct lapic_features
 * @errors: ESR bits since the guest last wrote the ESR
 * @arrived: LAPIC_ARRIVED_* bits
 * @sipi_vector: of the last SIPI
 *
 * The own thread writes. Others set bits in IRR, TMR, @errors and @arrived,
 * atomically, and read @base, SVR, ID, LDR, DFR and LVT0 to learn whether a message
 * is for this LAPIC: a message that races with such a write may be decided by either
 * value, as on a real bus.
 */
struct lapic {
	u8 regs[KVM_APIC_REG_SIZE] __aligned(8);
	u64 base;
	u32 id;
	struct lapic_features features;
	unsigned long errors;
	unsigned long arrived;
	u8 sipi_vector;
};

/* What a register write asks for; more than one may be set. */
#define LAPIC_EFFECT_EOI	BIT(0)	/* @eoi_vector was ended */
#define LAPIC_EFFECT_SEND	BIT(1)	/* send @message */
#define LAPIC_EFFECT_COUNT	BIT(2)	/* initial count written: start the timer */
#define LAPIC_EFFECT_MODE	BIT(3)	/* timer mode may have changed */
#define LAPIC_EFFECT_DIVIDE	BIT(4)	/* divide configuration may have changed */
#define LAPIC_EFFECT_MAP	BIT(5)	/* who listens to which destination changed */
#define LAPIC_EFFECT_LOOK	BIT(6)	/* an interrupt may have become deliverable */
#define LAPIC_EFFECT_ERROR	BIT(7)	/* raise the LVT error interrupt */

struct lapic_effect {
	u32 what;
	u8 eoi_vector;
	bool eoi_is_level;
	struct lapic_message message;
};

/* What the thread of a vCPU whose LAPIC took a message must be told. */
enum lapic_receipt {
	LAPIC_REFUSED,		/* disabled, or a mode that is not offered */
	LAPIC_TAKEN_BEFORE,	/* was pending already: nothing to tell */
	LAPIC_TAKEN_IRQ,
	LAPIC_TAKEN_NMI,
	LAPIC_TAKEN_INIT_SIPI,
	LAPIC_TAKEN_ERROR,	/* refused, and the error interrupt is to be raised */
};

void lapic_model_create(struct lapic *lapic, u32 id);
void lapic_model_reset(struct lapic *lapic, bool is_bsp, bool opens_lint0, bool is_init);
int lapic_model_set_base(struct lapic *lapic, u64 base, bool from_user);
void lapic_model_get_state(const struct lapic *lapic, struct kvm_lapic_state *state,
			   bool has_full_ids);
int lapic_model_set_state(struct lapic *lapic, const struct kvm_lapic_state *state,
			  bool has_full_ids);

int lapic_register_read(const struct lapic *lapic, u32 offset, u32 *value);
int lapic_register_write(struct lapic *lapic, u32 offset, u32 value,
			 struct lapic_effect *effect);
int lapic_icr_write(struct lapic *lapic, u64 value, struct lapic_effect *effect);

u8 lapic_ppr(const struct lapic *lapic);
int lapic_irr_highest(const struct lapic *lapic);
int lapic_isr_highest(const struct lapic *lapic);
int lapic_deliverable(const struct lapic *lapic);
void lapic_acknowledge(struct lapic *lapic, u8 vector);
int lapic_in_service(const struct lapic *lapic, bool *is_level);
void lapic_acknowledge_ended(struct lapic *lapic, u8 vector);

bool lapic_is_on(const struct lapic *lapic);
bool lapic_accepts_pic(const struct lapic *lapic);
bool lapic_matches(const struct lapic *lapic, const struct lapic_message *message);
enum lapic_receipt lapic_receive(struct lapic *lapic, const struct lapic_message *message);
void lapic_ipi_message(u32 low, u32 dest, struct lapic_message *message);
bool lapic_lvt_message(const struct lapic *lapic, u32 lvt, struct lapic_message *message);
u32 lapic_divisor(const struct lapic *lapic);

static inline u32 lapic_reg(const struct lapic *lapic, u32 offset)
{
	return READ_ONCE(*(const u32 *)(lapic->regs + offset));
}

static inline void lapic_set_reg(struct lapic *lapic, u32 offset, u32 value)
{
	WRITE_ONCE(*(u32 *)(lapic->regs + offset), value);
}

#endif /* LODGE_IRQCHIP_LAPIC_H */
