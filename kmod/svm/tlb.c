// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: ASIDs. Translations in the TLB carry the ASID they were made under, so
 * a vCPU that gets an ASID never used before sees none of the old ones.
 *
 * Each pCPU hands out its ASIDs in ascending order, under a generation number.
 * When they run out, a new generation begins with a flush of everything.
 *
 *   at an entry                                    ASID     TLB_CONTROL
 *   same pCPU, same generation, no flush asked     stays    nothing
 *   flush asked, flush by ASID offered             stays    flush this ASID
 *   flush asked, not offered                       new      nothing
 *   other pCPU than before                         new      nothing
 *   generation of the pCPU is over                 new      nothing
 *   new one needed and none left                   first    flush all ASIDs
 *
 * A vCPU that comes back to a pCPU gets a new ASID even if its old one is still of
 * the generation: what it was told to flush elsewhere may live on under the old one.
 */
#include <linux/mem_encrypt.h>

#include "svm/svm.h"

/* ASID 0 is the host's. */
#define FIRST_ASID	1

/**
 * svm_tlb_cpu_reset() - no ASID of this pCPU is valid any more
 * @cpu: this pCPU's data
 *
 * IRQs off. The next entry flushes all: the TLB may hold another hypervisor's
 * translations.
 */
void svm_tlb_cpu_reset(struct svm_cpu *cpu)
{
	cpu->generation++;
	cpu->next_asid = svm_caps.nr_asids;
}

/**
 * svm_tlb_new_asid() - give the loaded vCPU an unused ASID
 * @svm: vCPU, about to be entered
 *
 * IRQs off.
 */
void svm_tlb_new_asid(struct svm_vcpu *svm)
{
	struct vmcb *vmcb = svm->vmcb;
	struct svm_cpu *cpu = svm->cpu;

	if (cpu->next_asid >= svm_caps.nr_asids) {
		/* Ends the ASIDs of all vCPUs, this reset's own included. */
		cpu->generation++;
		cpu->next_asid = FIRST_ASID;
		vmcb->control.tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	}
	vmcb->control.asid = cpu->next_asid++;
	svm->asid_generation = cpu->generation;
	/*
	 * Seldom enough to be the place where a VMCB's cached fields are dropped
	 * too, as they must be after a change of pCPU or a power-down.
	 */
	vmcb->control.clean = 0;
}

/**
 * svm_tdp_load() - use another table of the second dimension
 * @vcpu: loaded vCPU
 * @root: address of the top table
 *
 * What was translated through the old one goes: nothing in the TLB tells them apart.
 */
void svm_tdp_load(struct lodge_vcpu *vcpu, hpa_t root)
{
	struct vmcb *vmcb = vcpu->svm->vmcb;

	vmcb->control.nested_cr3 = __sme_set(root);
	vmcb_set_dirty(vmcb, SVM_CLEAN_NPT);
	svm_tlb_flush(vcpu, LODGE_TLB_TDP);
}

/**
 * svm_tlb_flush() - drop translations with the next entry
 * @vcpu: loaded vCPU
 * @scope: either; an ASID holds the combined translations of both dimensions, so
 *         there is nothing smaller to drop
 */
void svm_tlb_flush(struct lodge_vcpu *vcpu, enum lodge_tlb_scope scope)
{
	struct svm_vcpu *svm = vcpu->svm;

	if (svm_caps.has_flush_by_asid)
		svm->vmcb->control.tlb_ctl = TLB_CONTROL_FLUSH_ASID;
	else
		svm->asid_generation = 0;
}
