/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the VMCB as memory: allocation, intercept bits, clean bits. What goes
 * into it is the business of vcpu.c, state.c and inject.c.
 */
#ifndef LODGE_SVM_VMCB_H
#define LODGE_SVM_VMCB_H

#include <asm/svm.h>

#include "svm/svm_defs.h"
#include "types.h"

struct vmcb *vmcb_alloc(hpa_t *pa);
void vmcb_free(struct vmcb *vmcb);

/**
 * vmcb_set_dirty() - note that the CPU must read groups of fields anew
 * @vmcb: VMCB of the loaded vCPU
 * @groups: SVM_CLEAN_* mask
 */
static inline void vmcb_set_dirty(struct vmcb *vmcb, u32 groups)
{
	vmcb->control.clean &= ~groups;
}

/**
 * vmcb_intercept() - switch one intercept
 * @vmcb: VMCB of the loaded vCPU
 * @bit: INTERCEPT_*, counted from the start of the VMCB
 * @on: exit or not
 */
static inline void vmcb_intercept(struct vmcb *vmcb, unsigned int bit, bool on)
{
	u32 *word = &vmcb->control.intercepts[bit / 32];
	u32 old = *word;

	if (on)
		*word = old | BIT(bit % 32);
	else
		*word = old & ~BIT(bit % 32);
	if (*word != old)
		vmcb_set_dirty(vmcb, SVM_CLEAN_INTERCEPTS);
}

#endif /* LODGE_SVM_VMCB_H */
