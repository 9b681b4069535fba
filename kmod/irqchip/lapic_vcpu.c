// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the LAPIC as its vCPU meets it: creation, IA32_APIC_BASE, MMIO, MSRs, CR8,
 * state for user space, INIT and SIPI. Carries out what the register model returns as
 * the effect of a write. All in the own thread unless said otherwise.
 */
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "../request.h"
#include "apic_bus.h"
#include "ioapic.h"
#include "lapic_timer.h"
#include "models.h"
#include "routing.h"
#include "sint.h"

static bool is_bsp(struct lodge_vcpu *vcpu)
{
	return vcpu->id == vcpu->vm->bsp_id;
}

/* Is the vector one that user space's IOAPIC has this LAPIC get by a level? */
static bool user_ioapic_waits(struct lodge_vcpu *vcpu, u8 vector)
{
	int srcu = srcu_read_lock(&vcpu->vm->srcu);
	const struct lodge_irq_routing *routing = READ_ONCE(vcpu->vm->routing);
	const struct route *route, *end;
	bool waits = false;

	end = routing_end(routing, vcpu->vm->irqchip->nr_user_pins);
	for (route = routing ? routing->routes : NULL; route < end && !waits; route++)
		waits = route->message.is_level && route->message.vector == vector &&
			apic_bus_reaches(vcpu, &route->message);
	srcu_read_unlock(&vcpu->vm->srcu, srcu);
	return waits;
}

static bool opens_lint0(struct lodge_vcpu *vcpu)
{
	return is_bsp(vcpu) && lodge_has_quirk(vcpu->vm, KVM_X86_QUIRK_LINT0_REENABLED);
}

/*
 * Who waits for the end of an interrupt: first those who watch a pin, then the pin, so
 * that a device which lowers its line now gets no further interrupt.
 */
static void broadcast_eoi(struct lodge_vcpu *vcpu, u8 vector, bool is_level)
{
	struct ioapic *ioapic = &vcpu->vm->irqchip->ioapic;
	u32 pins;

	if (unlikely(vcpu->lapic->sints))
		sint_vector_ended(vcpu, vector);
	if (vcpu->vm->irqchip->is_split) {
		if (user_ioapic_waits(vcpu, vector)) {
			vcpu->lapic->ended = vector;
			lodge_request_set(vcpu, LODGE_REQ_IOAPIC_EOI);
		}
		return;
	}
	if (!is_level && !ioapic_watches(ioapic, vector))
		return;
	pins = ioapic_pins_of(ioapic, vector, is_level);
	if (!pins)
		return;
	irqchip_pins_ended(vcpu->vm, IRQCHIP_IOAPIC_PIN0, pins);
	if (is_level)
		ioapic_eoi(ioapic, pins);
}

/* Carry out what a register write asked for. May sleep for LAPIC_EFFECT_MAP only. */
static void carry_out(struct lodge_vcpu *vcpu, const struct lapic_effect *effect)
{
	struct lodge_lapic *lapic = vcpu->lapic;
	struct lapic_message error;

	if (effect->what & LAPIC_EFFECT_LOOK)
		lodge_request_set(vcpu, LODGE_REQ_EVENT);
	if (effect->what & LAPIC_EFFECT_EOI)
		broadcast_eoi(vcpu, effect->eoi_vector, effect->eoi_is_level);
	if (effect->what & LAPIC_EFFECT_SEND)
		apic_bus_send(vcpu->vm, vcpu, &effect->message);
	if (effect->what & LAPIC_EFFECT_COUNT)
		lapic_timer_start(lapic);
	if (effect->what & LAPIC_EFFECT_MODE)
		lapic_timer_set_mode(lapic);
	if (effect->what & LAPIC_EFFECT_DIVIDE)
		lapic_timer_set_divisor(lapic);
	if (effect->what & LAPIC_EFFECT_MAP)
		apic_bus_rebuild(vcpu->vm);
	if ((effect->what & LAPIC_EFFECT_ERROR) &&
	    lapic_lvt_message(&lapic->model, APIC_LVTERR, &error))
		apic_bus_deliver(vcpu, vcpu, &error);
}

int lapic_create(struct lodge_vcpu *vcpu)
{
	struct lodge_lapic *lapic;

	lapic = kzalloc(sizeof(*lapic), GFP_KERNEL_ACCOUNT);
	if (!lapic)
		return -ENOMEM;
	lapic->vcpu = vcpu;
	lapic_model_create(&lapic->model, vcpu->id);
	lapic_timer_create(lapic);
	vcpu->lapic = lapic;
	lapic_model_reset(&lapic->model, is_bsp(vcpu), opens_lint0(vcpu), false);
	vcpu->apic_base = lapic->model.base;
	return 0;
}

void lapic_published(struct lodge_vcpu *vcpu)
{
	if (vcpu->lapic)
		apic_bus_rebuild(vcpu->vm);
}

void lapic_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->lapic)
		return;
	hrtimer_cancel(&vcpu->lapic->timer.hrtimer);
	kfree(vcpu->lapic->sints);
	kfree(vcpu->lapic);
	vcpu->lapic = NULL;
}

void lapic_reset(struct lodge_vcpu *vcpu, bool is_init)
{
	struct lodge_lapic *lapic = vcpu->lapic;

	lapic_model_reset(&lapic->model, is_bsp(vcpu), opens_lint0(vcpu), is_init);
	lapic_timer_reset(lapic);
	vcpu->vapic = 0;
	if (!is_init)
		vcpu->apic_base = lapic->model.base;
	apic_bus_rebuild(vcpu->vm);
}

void lapic_set_features(struct lodge_vcpu *vcpu, const struct lapic_features *features)
{
	vcpu->lapic->model.features = *features;
}

static bool has_full_ids(struct lodge_vcpu *vcpu)
{
	return READ_ONCE(vcpu->vm->x2apic_api) & KVM_X2APIC_API_USE_32BIT_IDS;
}

void lapic_get_state(struct lodge_vcpu *vcpu, struct kvm_lapic_state *state)
{
	lapic_model_get_state(&vcpu->lapic->model, state, has_full_ids(vcpu));
	*(u32 *)(state->regs + APIC_TMCCT) = lapic_timer_current_count(vcpu->lapic);
}

int lapic_set_state(struct lodge_vcpu *vcpu, const struct kvm_lapic_state *state)
{
	int ret;

	ret = lapic_model_set_state(&vcpu->lapic->model, state, has_full_ids(vcpu));
	if (ret)
		return ret;
	lapic_timer_resume(vcpu->lapic, *(const u32 *)(state->regs + APIC_TMCCT));
	apic_bus_rebuild(vcpu->vm);
	lodge_request_set(vcpu, LODGE_REQ_EVENT);
	return 0;
}

int lapic_set_base(struct lodge_vcpu *vcpu, u64 base, bool from_user)
{
	int ret;

	ret = lapic_model_set_base(&vcpu->lapic->model, base, from_user);
	if (ret || base == vcpu->apic_base)
		return ret;
	vcpu->apic_base = base;
	apic_bus_rebuild(vcpu->vm);
	lodge_request_set(vcpu, LODGE_REQ_EVENT);
	return 0;
}

static bool is_mode(struct lodge_vcpu *vcpu, bool x2apic)
{
	const u64 mode_bits = MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE;

	return (vcpu->lapic->model.base & mode_bits) ==
	       (x2apic ? mode_bits : MSR_IA32_APICBASE_ENABLE);
}

int lapic_msr_read(struct lodge_vcpu *vcpu, u32 msr, u64 *value)
{
	struct lodge_lapic *lapic = vcpu->lapic;
	u32 offset = (msr - APIC_BASE_MSR) << 4, low;
	int ret;

	if (msr == MSR_IA32_TSC_DEADLINE) {
		*value = lapic_timer_deadline(lapic);
		return 0;
	}
	if (!is_mode(vcpu, true) || offset >= KVM_APIC_REG_SIZE)
		return -EINVAL;
	if (offset == APIC_ICR) {
		*value = lapic_reg(&lapic->model, APIC_ICR) |
			 (u64)lapic_reg(&lapic->model, APIC_ICR2) << 32;
		return 0;
	}
	if (offset == APIC_TMCCT) {
		*value = lapic_timer_current_count(lapic);
		return 0;
	}
	if (offset == APIC_TASKPRI)
		vapic_note_tpr_access(lapic, false);
	ret = lapic_register_read(&lapic->model, offset, &low);
	if (!ret)
		*value = low;
	return ret;
}

int lapic_msr_write(struct lodge_vcpu *vcpu, u32 msr, u64 value)
{
	struct lodge_lapic *lapic = vcpu->lapic;
	u32 offset = (msr - APIC_BASE_MSR) << 4;
	struct lapic_effect effect;
	int ret;

	if (msr == MSR_IA32_TSC_DEADLINE) {
		lapic_timer_set_deadline(lapic, value);
		return 0;
	}
	if (!is_mode(vcpu, true) || offset >= KVM_APIC_REG_SIZE)
		return -EINVAL;
	if (offset == APIC_TASKPRI)
		vapic_note_tpr_access(lapic, true);
	effect.what = 0;
	if (offset == APIC_ICR)
		ret = lapic_icr_write(&lapic->model, value, &effect);
	else if (value >> 32)
		ret = -EINVAL;
	else
		ret = lapic_register_write(&lapic->model, offset, value, &effect);
	if (!ret)
		carry_out(vcpu, &effect);
	return ret;
}

bool lapic_mmio_owns(struct lodge_vcpu *vcpu, gpa_t gpa)
{
	if (!vcpu->lapic ||
	    (gpa & PAGE_MASK) != (vcpu->lapic->model.base & MSR_IA32_APICBASE_BASE))
		return false;
	/* Off, or in x2APIC mode, it answers all the same, as KVM's did. */
	return is_mode(vcpu, false) || lodge_has_quirk(vcpu->vm, KVM_X86_QUIRK_LAPIC_MMIO_HOLE);
}

void lapic_mmio_read(struct lodge_vcpu *vcpu, u32 offset, unsigned int len, void *data)
{
	struct lodge_lapic *lapic = vcpu->lapic;
	u32 reg = offset & ~0xfu, value = 0;

	if (!is_mode(vcpu, false)) {
		memset(data, 0xff, len);
		return;
	}
	memset(data, 0, len);
	/* The upper 12 bytes of each register's 16 are nothing. */
	if (offset - reg + len > sizeof(value) || reg >= KVM_APIC_REG_SIZE)
		return;
	if (reg == APIC_TASKPRI)
		vapic_note_tpr_access(lapic, false);
	if (reg == APIC_TMCCT)
		value = lapic_timer_current_count(lapic);
	else if (lapic_register_read(&lapic->model, reg, &value))
		return;
	memcpy(data, (u8 *)&value + (offset - reg), len);
}

void lapic_mmio_write(struct lodge_vcpu *vcpu, u32 offset, unsigned int len,
		      const void *data)
{
	struct lapic_effect effect;

	/* SDM, "The Local APIC Block Diagram": only aligned accesses of 32 bits. */
	if (!is_mode(vcpu, false) || len != 4 || (offset & 0xf) ||
	    offset >= KVM_APIC_REG_SIZE)
		return;
	if (offset == APIC_TASKPRI)
		vapic_note_tpr_access(vcpu->lapic, true);
	effect.what = 0;
	lapic_register_write(&vcpu->lapic->model, offset, *(const u32 *)data, &effect);
	/* A refused write has an effect too: the error interrupt. */
	carry_out(vcpu, &effect);
}

u8 lapic_get_cr8(struct lodge_vcpu *vcpu)
{
	return lapic_reg(&vcpu->lapic->model, APIC_TASKPRI) >> 4 & 0xf;
}

void lapic_set_cr8(struct lodge_vcpu *vcpu, u8 cr8)
{
	/* Called after every exit: mostly nothing has changed. */
	if (lapic_get_cr8(vcpu) == cr8)
		return;
	lapic_set_reg(&vcpu->lapic->model, APIC_TASKPRI, (cr8 & 0xf) << 4);
	lodge_request_set(vcpu, LODGE_REQ_EVENT);
}

int lapic_highest_irr(struct lodge_vcpu *vcpu)
{
	return lapic_irr_highest(&vcpu->lapic->model);
}

bool lapic_can_skip_eoi(struct lodge_vcpu *vcpu)
{
	const struct lapic *model = &vcpu->lapic->model;
	bool is_level;
	int vector = lapic_in_service(model, &is_level);

	/* Whoever waits for this very EOI has to hear of it. */
	if (vector < 0 || is_level || lapic_irr_highest(model) >= 0 || vcpu->lapic->sints)
		return false;
	if (vcpu->vm->irqchip->is_split)
		return !user_ioapic_waits(vcpu, vector);
	return !ioapic_watches(&vcpu->vm->irqchip->ioapic, vector);
}

void lapic_end_interrupt(struct lodge_vcpu *vcpu)
{
	struct lapic_effect effect = {};

	lapic_register_write(&vcpu->lapic->model, APIC_EOI, 0, &effect);
	carry_out(vcpu, &effect);
}

bool lapic_raise(struct lodge_vcpu *vcpu, u8 vector)
{
	const struct lapic_message message = {
		.vector = vector,
		.delivery = LAPIC_DELIVERY_FIXED,
		.shorthand = LAPIC_TO_SELF,
	};

	return apic_bus_deliver(vcpu, vcpu, &message);
}

bool lapic_can_raise(struct lodge_vcpu *vcpu)
{
	return lapic_is_on(&vcpu->lapic->model);
}

bool lapic_take_init(struct lodge_vcpu *vcpu)
{
	struct lapic *model = &vcpu->lapic->model;

	return test_and_clear_bit(LAPIC_ARRIVED_INIT, &model->arrived);
}

bool lapic_has_init(struct lodge_vcpu *vcpu)
{
	return test_bit(LAPIC_ARRIVED_INIT, &vcpu->lapic->model.arrived);
}

void lapic_set_init(struct lodge_vcpu *vcpu, bool has_arrived)
{
	assign_bit(LAPIC_ARRIVED_INIT, &vcpu->lapic->model.arrived, has_arrived);
	lodge_request(vcpu, LODGE_REQ_INIT_SIPI);
}

bool lapic_take_sipi(struct lodge_vcpu *vcpu, u8 *vector)
{
	struct lapic *model = &vcpu->lapic->model;

	/* A full barrier: the vector is read after the bit, see lapic_receive(). */
	if (!test_and_clear_bit(LAPIC_ARRIVED_SIPI, &model->arrived))
		return false;
	*vector = READ_ONCE(model->sipi_vector);
	return true;
}

void lapic_raise_sipi(struct lodge_vcpu *vcpu)
{
	set_bit(LAPIC_ARRIVED_SIPI, &vcpu->lapic->model.arrived);
	lodge_request(vcpu, LODGE_REQ_INIT_SIPI);
}

void lapic_set_sipi_vector(struct lodge_vcpu *vcpu, u8 vector)
{
	WRITE_ONCE(vcpu->lapic->model.sipi_vector, vector);
}

int lapic_raise_vector(struct lodge_vcpu *vcpu, u8 vector)
{
	struct lapic_message message = {
		.vector = vector,
		.delivery = LAPIC_DELIVERY_FIXED,
		.shorthand = LAPIC_TO_SELF,
		.is_asserted = true,
	};

	return apic_bus_deliver(vcpu, NULL, &message);
}

int lapic_command_read(struct lodge_vcpu *vcpu, u32 offset, u64 *value)
{
	struct lapic *model = &vcpu->lapic->model;
	u32 low;
	int ret;

	/* Its halves are kept apart in either mode. */
	if (offset == APIC_ICR) {
		*value = lapic_reg(model, APIC_ICR) | (u64)lapic_reg(model, APIC_ICR2) << 32;
		return 0;
	}
	ret = lapic_register_read(model, offset, &low);
	if (!ret)
		*value = low;
	return ret;
}

int lapic_command_write(struct lodge_vcpu *vcpu, u32 offset, u64 value)
{
	struct lapic *model = &vcpu->lapic->model;
	struct lapic_effect effect = {};
	int ret;

	if (offset == APIC_ICR && (model->base & X2APIC_ENABLE)) {
		ret = lapic_icr_write(model, value, &effect);
	} else if (offset == APIC_ICR) {
		lapic_set_reg(model, APIC_ICR2, (value >> 32) & 0xff000000);
		ret = lapic_register_write(model, APIC_ICR, value, &effect);
	} else if (value >> 32) {
		ret = -EINVAL;
	} else {
		/* x2APIC mode takes no EOI but zero, and no TPR above 255. */
		ret = lapic_register_write(model, offset, offset == APIC_EOI ? 0 : value & 0xff,
					   &effect);
	}
	if (!ret)
		carry_out(vcpu, &effect);
	return ret;
}
