/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the synthetic interrupt sources that Hyper-V adds to a LAPIC: 16 inputs, each with
 * a vector of its own. For this folder only; what the registers mean beyond interrupts is
 * hyperv/synic.c's.
 */
#ifndef LODGE_IRQCHIP_SINT_H
#define LODGE_IRQCHIP_SINT_H

#include <asm/hyperv-tlfs.h>
#include <linux/types.h>

struct lodge_vm;
struct lodge_vcpu;

/**
 * struct lapic_sints - behind lapic->sints
 * @vp_index: by which routes name the vCPU
 * @values: the SINTx registers
 * @connected: vectors of which an end is of interest
 * @auto_eoi: vectors that are ended by being delivered
 * @ended: sources whose interrupt was ended since anybody looked
 *
 * The own thread writes; others, in any context, read @vp_index and @values.
 */
struct lapic_sints {
	u32 vp_index;
	u64 values[HV_SYNIC_SINT_COUNT];
	DECLARE_BITMAP(connected, 256);
	DECLARE_BITMAP(auto_eoi, 256);
	u16 ended;
};

int sint_raise_by_route(struct lodge_vm *vm, u32 vp_index, u32 sint);
void sint_vector_ended(struct lodge_vcpu *vcpu, u8 vector);
bool sint_is_auto_eoi(struct lodge_vcpu *vcpu, u8 vector);

#endif /* LODGE_IRQCHIP_SINT_H */
