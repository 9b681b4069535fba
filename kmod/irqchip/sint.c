// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the synthetic interrupt sources that Hyper-V adds to a LAPIC. A LAPIC has them
 * from their activation on. Messages, event flags and timers, which use them, are hyperv/'s.
 *
 * Names and rules: Hypervisor Top-Level Functional Specification, "Virtual Interrupt
 * Controller".
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "../request.h"
#include "apic_bus.h"
#include "lapic_timer.h"
#include "models.h"
#include "sint.h"

static struct lapic_sints *sints_of(struct lodge_vcpu *vcpu)
{
	/* Pairs with the release in sint_activate(). */
	return vcpu->lapic ? smp_load_acquire(&vcpu->lapic->sints) : NULL;
}

/* The vector that a register's value asks for; -1 if it is masked. */
static int vector_of(u64 value)
{
	return value & HV_SYNIC_SINT_MASKED ? -1 : value & HV_SYNIC_SINT_VECTOR_MASK;
}

int sint_activate(struct lodge_vcpu *vcpu, u32 vp_index)
{
	struct lapic_sints *sints;
	int i;

	if (vcpu->lapic->sints)
		return 0;
	sints = kzalloc(sizeof(*sints), GFP_KERNEL_ACCOUNT);
	if (!sints)
		return -ENOMEM;
	sints->vp_index = vp_index;
	for (i = 0; i < HV_SYNIC_SINT_COUNT; i++)
		sints->values[i] = HV_SYNIC_SINT_MASKED;
	/* Other threads raise interrupts from now on: it is complete. */
	smp_store_release(&vcpu->lapic->sints, sints);
	return 0;
}

void sint_set_vp_index(struct lodge_vcpu *vcpu, u32 vp_index)
{
	struct lapic_sints *sints = sints_of(vcpu);

	if (sints)
		WRITE_ONCE(sints->vp_index, vp_index);
}

u64 sint_read(struct lodge_vcpu *vcpu, unsigned int sint)
{
	struct lapic_sints *sints = sints_of(vcpu);

	if (!sints)
		return HV_SYNIC_SINT_MASKED;
	return sints->values[array_index_nospec(sint, HV_SYNIC_SINT_COUNT)];
}

void sint_write(struct lodge_vcpu *vcpu, unsigned int sint, u64 value)
{
	struct lapic_sints *sints = sints_of(vcpu);
	int i, vector;

	WRITE_ONCE(sints->values[array_index_nospec(sint, HV_SYNIC_SINT_COUNT)], value);

	/* Several sources may have one vector. */
	bitmap_zero(sints->connected, 256);
	bitmap_zero(sints->auto_eoi, 256);
	for (i = 0; i < HV_SYNIC_SINT_COUNT; i++) {
		vector = vector_of(sints->values[i]);
		if (vector < HV_SYNIC_FIRST_VALID_VECTOR)
			continue;
		__set_bit(vector, sints->connected);
		if (sints->values[i] & HV_SYNIC_SINT_AUTO_EOI)
			__set_bit(vector, sints->auto_eoi);
	}
}

int sint_raise(struct lodge_vcpu *vcpu, unsigned int sint)
{
	struct lapic_sints *sints = sints_of(vcpu);
	int vector;

	if (!sints || sint >= HV_SYNIC_SINT_COUNT)
		return -EINVAL;
	sint = array_index_nospec(sint, HV_SYNIC_SINT_COUNT);
	vector = vector_of(READ_ONCE(sints->values[sint]));
	if (vector < 0)
		return -ENOENT;
	return lapic_raise_vector(vcpu, vector);
}

/* A route's GSI was signalled. Any context. Return as sint_raise(). */
int sint_raise_by_route(struct lodge_vm *vm, u32 vp_index, u32 sint)
{
	struct lapic_sints *sints;
	struct lodge_vcpu *vcpu;
	unsigned long index;

	lodge_for_each_vcpu(vm, index, vcpu) {
		sints = sints_of(vcpu);
		if (sints && READ_ONCE(sints->vp_index) == vp_index)
			return sint_raise(vcpu, sint);
	}
	return -EINVAL;
}

void sint_ended(struct lodge_vcpu *vcpu, unsigned int sint)
{
	struct lapic_sints *sints = sints_of(vcpu);

	if (!sints)
		return;
	sints->ended |= BIT(sint);
	lodge_request_set(vcpu, LODGE_REQ_STIMER);
	irqchip_sint_ended(vcpu->vm, READ_ONCE(sints->vp_index), sint);
}

/* The guest has ended the interrupt of a vector. Own thread. */
void sint_vector_ended(struct lodge_vcpu *vcpu, u8 vector)
{
	struct lapic_sints *sints = sints_of(vcpu);
	int i;

	if (!sints || !test_bit(vector, sints->connected))
		return;
	for (i = 0; i < HV_SYNIC_SINT_COUNT; i++) {
		if (vector_of(sints->values[i]) == vector)
			sint_ended(vcpu, i);
	}
}

u16 sint_take_ended(struct lodge_vcpu *vcpu)
{
	struct lapic_sints *sints = sints_of(vcpu);
	u16 ended;

	if (!sints)
		return 0;
	ended = sints->ended;
	sints->ended = 0;
	return ended;
}

/* Is the interrupt of a vector ended by its delivery? Own thread. */
bool sint_is_auto_eoi(struct lodge_vcpu *vcpu, u8 vector)
{
	struct lapic_sints *sints = sints_of(vcpu);

	return sints && test_bit(vector, sints->auto_eoi);
}
