/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: time as the guest sees it: the TSC (host TSC plus an offset, never
 * scaled), TSC_ADJUST, and the paravirtual clock and wall clock of the KVM leaves.
 */
#ifndef LODGE_CLOCK_H
#define LODGE_CLOCK_H

#include <linux/kvm.h>

#include "vcpu.h"
#include "vm.h"

struct pvclock_vcpu_time_info;

/* Host suspend: the host's TSC may restart. Module's syscore callbacks, one CPU, IRQs off. */
void clock_suspend(void);
void clock_resume(void);

/*
 * Objects; may sleep. clock_vcpu_create() after lodge_regs_reset(), before the vCPU is
 * published: it gives the TSC its value and sets the offset in the state block.
 */
int clock_vm_create(struct lodge_vm *vm);
void clock_vm_destroy(struct lodge_vm *vm);
int clock_vcpu_create(struct lodge_vcpu *vcpu);
void clock_vcpu_destroy(struct lodge_vcpu *vcpu);

/* Residence. Preemption off; load after vcpu->cpu is set and the backend loaded. */
void clock_vcpu_load(struct lodge_vcpu *vcpu);
void clock_vcpu_put(struct lodge_vcpu *vcpu);

/* The line from which the guest's clock follows: TSC, nanoseconds, rate. */
void clock_draw_line(struct lodge_vcpu *vcpu, struct pvclock_vcpu_time_info *line);

/* Upon LODGE_REQ_CLOCK: vCPU loaded, may sleep. */
void clock_update_guest(struct lodge_vcpu *vcpu);

/* The guest's TSC now; any context. */
u64 clock_guest_tsc(struct lodge_vcpu *vcpu);
u32 clock_tsc_khz(struct lodge_vcpu *vcpu);

/* ioctls: KVM_GET/SET_CLOCK, KVM_SET_TSC_KHZ, KVM_KVMCLOCK_CTRL. */
void clock_get(struct lodge_vm *vm, struct kvm_clock_data *data);
int clock_set(struct lodge_vm *vm, const struct kvm_clock_data *data);
int clock_set_tsc_khz(struct lodge_vcpu *vcpu, u32 khz);
int clock_guest_stopped(struct lodge_vcpu *vcpu);

/* KVM_VCPU_TSC_OFFSET: guest's TSC minus the host's; vCPU loaded. */
u64 clock_tsc_offset(struct lodge_vcpu *vcpu);
void clock_set_tsc_offset(struct lodge_vcpu *vcpu, u64 offset);
/* KVM_HC_CLOCK_PAIRING; vCPU loaded, may sleep. */
long clock_pair(struct lodge_vcpu *vcpu, gpa_t gpa, u64 type);

/* MSRs of this file, called by msr.c; vCPU loaded, may sleep. */
void clock_set_tsc(struct lodge_vcpu *vcpu, u64 tsc, bool from_user);
u64 clock_tsc_adjust(struct lodge_vcpu *vcpu);
void clock_set_tsc_adjust(struct lodge_vcpu *vcpu, u64 adjust, bool from_user);
u64 clock_system_time_msr(struct lodge_vcpu *vcpu);
void clock_set_system_time_msr(struct lodge_vcpu *vcpu, u64 value);
u64 clock_wall_clock_msr(struct lodge_vcpu *vcpu);
void clock_set_wall_clock_msr(struct lodge_vcpu *vcpu, u64 value);

#endif /* LODGE_CLOCK_H */
