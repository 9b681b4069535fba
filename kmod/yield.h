/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: lending this CPU to another vCPU of the VM.
 */
#ifndef LODGE_YIELD_H
#define LODGE_YIELD_H

#include "vcpu.h"

void yield_to_any(struct lodge_vcpu *vcpu);
void yield_to_vcpu(struct lodge_vcpu *vcpu, struct lodge_vcpu *other);

#endif /* LODGE_YIELD_H */
