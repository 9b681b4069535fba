/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the hypercalls of the KVM ABI.
 */
#ifndef LODGE_HYPERCALL_H
#define LODGE_HYPERCALL_H

#include "vcpu.h"

/*
 * Carry out what VMCALL or VMMCALL asks; the result is in RAX. vCPU loaded. The caller
 * skips the instruction.
 */
void hypercall_handle(struct lodge_vcpu *vcpu);

#endif /* LODGE_HYPERCALL_H */
