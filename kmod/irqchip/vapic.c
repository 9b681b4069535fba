// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: accesses to the TPR told to user space, and the TPR that a guest keeps in its own
 * memory. User space patches the instructions it is told of, so that they read and write
 * four bytes of memory instead; the TPR is taken from there after an exit, and what the guest
 * needs to know of waiting interrupts is put there before an entry. All in the own thread.
 */
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <linux/minmax.h>

#include "../mmu/mmu.h"
#include "../regs.h"
#include "../request.h"
#include "lapic_timer.h"
#include "models.h"

int lapic_set_vapic(struct lodge_vcpu *vcpu, gpa_t gpa)
{
	struct lodge_vm *vm = vcpu->vm;

	if (gpa && (!gpa_is_ram(vm, gpa, true) ||
		    !gpa_is_ram(vm, gpa + sizeof(u32) - 1, true)))
		return -EINVAL;
	vcpu->vapic = gpa;
	return 0;
}

void lapic_vapic_load(struct lodge_vcpu *vcpu)
{
	u32 shared;

	/* Memory that user space has taken away since tells nothing. */
	if (guest_read(vcpu->vm, vcpu->vapic, &shared, sizeof(shared)))
		return;
	lapic_set_reg(&vcpu->lapic->model, APIC_TASKPRI, shared & 0xff);
}

void lapic_vapic_store(struct lodge_vcpu *vcpu)
{
	const struct lapic *lapic = &vcpu->lapic->model;
	u32 shared, isr, irr;

	if (!(vcpu->apic_base & MSR_IA32_APICBASE_ENABLE))
		return;
	isr = max(lapic_isr_highest(lapic), 0);
	irr = max(lapic_irr_highest(lapic), 0);
	shared = (lapic_reg(lapic, APIC_TASKPRI) & 0xff) | (isr & 0xf0) << 8 | irr << 24;
	guest_write(vcpu, vcpu->vapic, &shared, sizeof(shared));
}

/**
 * vapic_note_tpr_access() - the guest uses the TPR's register
 * @lapic: its LAPIC
 * @is_write: or it reads
 */
void vapic_note_tpr_access(struct lodge_lapic *lapic, bool is_write)
{
	if (!lapic->vcpu->reports_tpr)
		return;
	lapic->tpr_rip = lapic->vcpu->state.rip;
	lapic->tpr_is_written = is_write;
	lodge_request_set(lapic->vcpu, LODGE_REQ_TPR_ACCESS);
}
