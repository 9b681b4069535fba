// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the life of a vCPU's hardware half: create, destroy, residence on a pCPU,
 * and the intercept policy as a table.
 */
#include <linux/atomic.h>
#include <linux/slab.h>

#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>

#include "regs.h"
#include "svm/svm.h"
#include "x86.h"

/* A PAUSE exits when so many have been executed ... */
#define PAUSE_FILTER_COUNT	3000
/* ... each within so many cycles of the one before: a spin loop, not a stray one. */
#define PAUSE_FILTER_THRESHOLD	128

struct intercept_rule {
	u16 bit;
	u32 policy;	/* LODGE_INTERCEPT_* that asks for it; 0 for always */
};

#define EXCEPTION(vector)	(INTERCEPT_EXCEPTION_OFFSET + LODGE_VECTOR_##vector)

/*
 * What makes a guest exit, and why. What stands nowhere here runs without an exit:
 * CR2, CR3, CR4 reads, INVLPG and #PF (nested paging makes them the guest's own),
 * RDTSC(P) (TSC_OFFSET serves it), descriptor-table and task-register instructions,
 * POPF, INTn, the other exceptions.
 *
 * Not fixed, and so not here: IRET, VINTR and writes of CR8 (inject.c), full
 * intercepts of CR0 (state.c), MSRs one by one (msr.c), debug registers (below).
 */
static const struct intercept_rule intercept_rules[] = {
	/* The host's own events: the host must get them. */
	{ INTERCEPT_INTR },
	{ INTERCEPT_NMI },
	{ INTERCEPT_SMI },
	{ INTERCEPT_INIT },
	/* A triple fault must end the guest's world, not the host's. */
	{ INTERCEPT_SHUTDOWN },
	/* A machine check concerns the hardware. */
	{ EXCEPTION(MC) },
	/*
	 * #AC and #DB can be raised by their own delivery, for ever, without an
	 * instruction boundary at which the host's interrupts could get through
	 * (CVE-2015-5307, CVE-2015-8104).
	 */
	{ EXCEPTION(AC) },
	{ EXCEPTION(DB) },
	/* Guest debugging. */
	{ EXCEPTION(BP),	LODGE_INTERCEPT_BP },
	{ EXCEPTION(DE),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(BR),	LODGE_INTERCEPT_EXCEPTIONS },
	/* Or the other vendor's hypercall. */
	{ EXCEPTION(UD),	LODGE_INTERCEPT_EXCEPTIONS | LODGE_INTERCEPT_UD },
	{ EXCEPTION(NM),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(DF),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(TS),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(NP),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(SS),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(GP),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(PF),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(MF),	LODGE_INTERCEPT_EXCEPTIONS },
	{ EXCEPTION(XM),	LODGE_INTERCEPT_EXCEPTIONS },
	/* Instructions that the guest's CPUID does not have. RDPID and XSAVES cannot exit. */
	{ INTERCEPT_RDTSCP,	LODGE_INTERCEPT_RDTSCP },
	{ INTERCEPT_INVPCID,	LODGE_INTERCEPT_INVPCID },

	/* Writes of CR0 that change more than TS and MP, and of CR4: may be refused. */
	{ INTERCEPT_SELECTIVE_CR0 },
	{ INTERCEPT_CR4_WRITE },
	/* All ports and all MSRs but those of msr.c are lodge's or user space's. */
	{ INTERCEPT_IOIO_PROT },
	{ INTERCEPT_MSR_PROT },
	/* The guest's CPUID is a table of its own. */
	{ INTERCEPT_CPUID },
	/* Give the pCPU to somebody else. */
	{ INTERCEPT_HLT,	LODGE_INTERCEPT_HLT },
	{ INTERCEPT_PAUSE,	LODGE_INTERCEPT_PAUSE },
	/* XCR0 is switched by the FPU code. */
	{ INTERCEPT_XSETBV },
	{ INTERCEPT_VMMCALL },
	/* No virtual PMU behind it. */
	{ INTERCEPT_RDPMC },
	/* INVD would throw away the host's data, WBINVD stalls the host. */
	{ INTERCEPT_INVD },
	{ INTERCEPT_WBINVD },
	/* Not carried out by nested paging hardware without the host's help. */
	{ INTERCEPT_TASK_SWITCH },
	/* The CPU would stand still and wait for a line that no guest has. */
	{ INTERCEPT_FERR_FREEZE },

	/* Guests have no SVM and no SMM. */
	{ INTERCEPT_VMRUN },
	{ INTERCEPT_VMLOAD },
	{ INTERCEPT_VMSAVE },
	{ INTERCEPT_STGI },
	{ INTERCEPT_CLGI },
	{ INTERCEPT_SKINIT },
	{ INTERCEPT_INVLPGA },
	{ INTERCEPT_RSM },
	/* Would act on the host: its clock counters, its idle states, its TLBs. */
	{ INTERCEPT_RDPRU },
	{ INTERCEPT_MONITOR,	LODGE_INTERCEPT_MWAIT },
	{ INTERCEPT_MWAIT,	LODGE_INTERCEPT_MWAIT },
	{ INTERCEPT_INVLPGB },
	{ INTERCEPT_INVLPGB_ILLEGAL },
	{ INTERCEPT_MCOMMIT },
	{ INTERCEPT_TLBSYNC },
};

/* DR0-7, reads in the lower and writes in the upper half of the intercept word. */
#define ALL_DEBUG_ACCESS	GENMASK(7, 0)
#define DR6_ACCESS		(BIT(4) | BIT(6))	/* DR4 is its other name */

/*
 * VMRUN switches DR6 and DR7 but not DR0-3, which few guests ever touch:
 *
 *   guest debugging    | guest touched | what exits
 *   (policy)           | them          |
 *   yes                | -             | all: they belong to user space
 *   no                 | no            | all but DR6, which the VMCB holds; the first access
 *                      |               | hands all of them over (svm_give_debug())
 *   no                 | just now      | none, until the next exit
 */
static void intercept_debug(struct lodge_vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	u32 *word = &svm->vmcb->control.intercepts[INTERCEPT_DR];
	u32 access = ALL_DEBUG_ACCESS;

	if (!(vcpu->intercept_policy & LODGE_INTERCEPT_DR))
		access = svm->owns_debug ? 0 : ALL_DEBUG_ACCESS & ~DR6_ACCESS;
	*word = access | access << 16;
	vmcb_set_dirty(svm->vmcb, SVM_CLEAN_INTERCEPTS);
}

/**
 * svm_give_debug() - let the guest have the debug registers in the next run
 * @vcpu: loaded vCPU, just exited for an access
 *
 * The access is executed again and does not exit.
 */
void svm_give_debug(struct lodge_vcpu *vcpu)
{
	vcpu->svm->owns_debug = true;
	intercept_debug(vcpu);
}

/**
 * svm_take_debug() - after the run: note DR0-3, the host may need the registers
 * @vcpu: loaded vCPU, IRQs off; the guest owned them
 *
 * DR7 is off since the exit: none of the guest's breakpoints can hit here.
 */
void svm_take_debug(struct lodge_vcpu *vcpu)
{
	u64 *dr = vcpu->state.dr;

	get_debugreg(dr[0], 0);
	get_debugreg(dr[1], 1);
	get_debugreg(dr[2], 2);
	get_debugreg(dr[3], 3);
	vcpu->svm->owns_debug = false;
	intercept_debug(vcpu);
}

/*
 * While all accesses exit, the VMCB's DR6 is kept at its reset value, so that what a #DB
 * put into it is that #DB's cause alone, and its DR7 is the debugger's.
 */
static void choose_debug(struct lodge_vcpu *vcpu)
{
	bool keep = vcpu->intercept_policy & LODGE_INTERCEPT_DR;
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb *vmcb = svm->vmcb;

	if (keep == svm->keeps_debug)
		return;
	if (keep) {
		/* A changed copy is the newer one; it was not written out yet. */
		if (!(vcpu->state_dirty & LODGE_STATE_DRS)) {
			vcpu->state.dr6 = vmcb->save.dr6;
			vcpu->state.dr7 = vmcb->save.dr7;
		}
		vmcb->save.dr6 = LODGE_DR6_RESET;
	} else {
		vmcb->save.dr6 = vcpu->state.dr6;
	}
	svm->keeps_debug = keep;
	vmcb->save.dr7 = lodge_effective_dr7(vcpu);
	vmcb_set_dirty(vmcb, SVM_CLEAN_DR);
}

/**
 * svm_update_intercepts() - derive intercepts and MSR permissions anew
 * @vcpu: loaded vCPU, intercept_policy set
 */
void svm_update_intercepts(struct lodge_vcpu *vcpu)
{
	struct vmcb *vmcb = vcpu->svm->vmcb;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(intercept_rules); i++) {
		const struct intercept_rule *rule = &intercept_rules[i];

		vmcb_intercept(vmcb, rule->bit,
			       !rule->policy || (rule->policy & vcpu->intercept_policy));
	}
	choose_debug(vcpu);
	if (vcpu->intercept_policy & LODGE_INTERCEPT_DR)
		vcpu->svm->owns_debug = false;
	intercept_debug(vcpu);

	vmcb->control.msrpm_base_pa = svm_msrpm_pa(vcpu);
	vmcb_set_dirty(vmcb, SVM_CLEAN_PERMISSIONS);
	vcpu->svm->enter.spec_ctrl_is_passed =
		!!(vcpu->intercept_policy & LODGE_PASS_SPEC_CTRL);
}

/**
 * svm_vcpu_create() - allocate the hardware half and set up its controls
 * @vcpu: being created
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int svm_vcpu_create(struct lodge_vcpu *vcpu)
{
	static atomic64_t last_id;
	struct svm_vcpu *svm;
	struct vmcb_control_area *control;

	svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);
	if (!svm)
		return -ENOMEM;
	vcpu->svm = svm;
	svm->id = atomic64_inc_return(&last_id);

	svm->vmcb = vmcb_alloc(&svm->enter.vmcb_pa);
	if (!svm->vmcb)
		return -ENOMEM;

	control = &svm->vmcb->control;
	control->iopm_base_pa = svm_iopm_pa();
	control->nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	/* The guest's IF and TPR hold off virtual interrupts only. */
	control->int_ctl = V_INTR_MASKING_MASK;
	if (svm_caps.has_pause_filter)
		control->pause_filter_count = PAUSE_FILTER_COUNT;
	if (svm_caps.has_pause_threshold)
		control->pause_filter_thresh = PAUSE_FILTER_THRESHOLD;
	svm_update_intercepts(vcpu);
	return 0;
}

/**
 * svm_vcpu_destroy() - free what svm_vcpu_create() allocated, or a part of it
 * @vcpu: not loaded
 */
void svm_vcpu_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->svm)
		return;
	vmcb_free(vcpu->svm->vmcb);
	kfree(vcpu->svm);
	vcpu->svm = NULL;
}

/**
 * svm_vcpu_load() - take up residence on a pCPU
 * @vcpu: vCPU whose thread runs here
 * @cpu: this pCPU
 *
 * Preemption off.
 */
void svm_vcpu_load(struct lodge_vcpu *vcpu, int cpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct svm_cpu *here = per_cpu_ptr(&svm_cpu, cpu);

	if (svm->cpu != here) {
		svm->cpu = here;
		svm->enter.host_pa = here->host_pa;
		svm->asid_generation = 0;
	}
	/*
	 * One vCPU must not steer the branch prediction of another. Where each exit
	 * does it already, it is not done twice.
	 */
	if (here->last_id != svm->id) {
		here->last_id = svm->id;
		if (!boot_cpu_has(X86_FEATURE_IBPB_ON_VMEXIT))
			indirect_branch_prediction_barrier();
	}
	svm_save_host(here);
	svm->tsc_aux = here->host_tsc_aux;
	svm_set_tsc_aux(svm, vcpu->state.tsc_aux);
}

/**
 * svm_vcpu_put() - leave a pCPU
 * @vcpu: loaded vCPU
 *
 * Preemption off. After an exit all but TSC_AUX is the host's already; that one
 * matters to user space alone.
 */
void svm_vcpu_put(struct lodge_vcpu *vcpu)
{
	svm_set_tsc_aux(vcpu->svm, vcpu->svm->cpu->host_tsc_aux);
}
