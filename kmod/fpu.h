/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the guest's FPU, SSE and AVX registers and XCR0. The registers live
 * in a guest area of the kernel's, swapped with the thread's own for the
 * length of KVM_RUN, so a context switch in between is the scheduler's business.
 */
#ifndef LODGE_FPU_H
#define LODGE_FPU_H

#include <linux/kvm.h>

#include "vcpu.h"

/* Module: what the host has enabled. Before any vCPU and before cpuid_setup(). */
void fpu_setup(void);
u64 fpu_supported_xcr0(void);

/* vCPU life; may sleep. fpu_reset() not between fpu_load() and fpu_put() unless @is_init. */
int fpu_create(struct lodge_vcpu *vcpu);
void fpu_destroy(struct lodge_vcpu *vcpu);
void fpu_reset(struct lodge_vcpu *vcpu, bool is_init);

/* Around KVM_RUN: guest registers in, guest registers out. Preemption may be on. */
void fpu_load(struct lodge_vcpu *vcpu);
void fpu_put(struct lodge_vcpu *vcpu);

/* Around each run(): IRQs off, registers certain to be in the CPU, XCR0 the guest's. */
void fpu_enter_guest(struct lodge_vcpu *vcpu);
void fpu_leave_guest(struct lodge_vcpu *vcpu);

/* XCR0. fpu_set_xcr0() is XSETBV's check and effect; -EINVAL is #GP. */
u64 fpu_xcr0(struct lodge_vcpu *vcpu);
int fpu_set_xcr0(struct lodge_vcpu *vcpu, u64 xcr0);

/*
 * ioctls; not between fpu_load() and fpu_put(). The buffer of fpu_get_xsave() is 64-byte
 * aligned and @size at least sizeof(struct kvm_xsave); that of fpu_set_xsave() has
 * fpu_xsave_size() bytes.
 */
void fpu_get_fpu(struct lodge_vcpu *vcpu, struct kvm_fpu *regs);
int fpu_set_fpu(struct lodge_vcpu *vcpu, const struct kvm_fpu *regs);
unsigned int fpu_xsave_size(struct lodge_vcpu *vcpu);
void fpu_get_xsave(struct lodge_vcpu *vcpu, void *buffer, unsigned int size);
int fpu_set_xsave(struct lodge_vcpu *vcpu, const void *buffer);
int fpu_get_xcrs(struct lodge_vcpu *vcpu, struct kvm_xcrs *xcrs);
int fpu_set_xcrs(struct lodge_vcpu *vcpu, const struct kvm_xcrs *xcrs);

/* Single registers, for the emulator; between fpu_load() and fpu_put(). @reg 0 to 15. */
void fpu_read_xmm(struct lodge_vcpu *vcpu, unsigned int reg, u8 data[16]);
void fpu_write_xmm(struct lodge_vcpu *vcpu, unsigned int reg, const u8 data[16]);

#endif /* LODGE_FPU_H */
