/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: which writes of control and debug registers are legal, and what
 * follows from a legal one. Guest writes only, but for ctrl_sregs_valid(), which
 * checks what user space wants to load at one stroke.
 *
 * Context of everything here: vcpu->mutex held, vCPU loaded, may sleep (PAE reads guest
 * memory). 0, or -EINVAL: nothing has changed and #GP(0) is due.
 */
#ifndef LODGE_CTRL_REGS_H
#define LODGE_CTRL_REGS_H

#include <linux/kvm.h>

#include "vcpu.h"

int ctrl_set_cr0(struct lodge_vcpu *vcpu, u64 value);
int ctrl_set_cr3(struct lodge_vcpu *vcpu, u64 value);
int ctrl_set_cr4(struct lodge_vcpu *vcpu, u64 value);
int ctrl_set_efer(struct lodge_vcpu *vcpu, u64 value, bool from_user);
int ctrl_lmsw(struct lodge_vcpu *vcpu, u16 source);
void ctrl_clts(struct lodge_vcpu *vcpu);

/* XSETBV of register @index (ECX). That CR4.OSXSAVE is set is the caller's business. */
int ctrl_set_xcr0(struct lodge_vcpu *vcpu, u32 index, u64 value);

/*
 * Debug registers, @dr 0 to 7. -EINVAL: #GP; -EOPNOTSUPP: #UD (DR4/DR5 with CR4.DE).
 * General detect (DR7.GD) and CPL are the caller's business.
 */
int ctrl_get_dr(struct lodge_vcpu *vcpu, unsigned int dr, u64 *value);
int ctrl_set_dr(struct lodge_vcpu *vcpu, unsigned int dr, u64 value);

/* Width of a canonical linear address now, 48 or 57. */
unsigned int ctrl_linear_bits(struct lodge_vcpu *vcpu);

void ctrl_reload_pdptes(struct lodge_vcpu *vcpu);
bool ctrl_get_pdptes(struct lodge_vcpu *vcpu, u64 pdptes[4]);
bool ctrl_sregs_valid(struct lodge_vcpu *vcpu, const struct kvm_sregs *sregs);

#endif /* LODGE_CTRL_REGS_H */
