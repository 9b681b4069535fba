// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the end of an interrupt without an exit. While an interrupt is being served whose
 * end nobody but the LAPIC has to know of, a flag in the guest's memory says so; a guest that
 * finds it set clears it instead of writing to the LAPIC.
 *
 *   before an entry   set, if the end of the interrupt in service changes nothing else
 *   after each exit   taken back: still set: not ended yet; cleared: ended, so the LAPIC is told
 *
 * An interrupt that comes while the flag is set makes the guest exit, so it is never overlooked
 * that the next one can be delivered.
 */
#include <linux/errno.h>

#include "../irqchip/irqchip.h"
#include "../mmu/mmu.h"
#include "../vm.h"
#include "pv.h"

static gpa_t flag_of(const struct lodge_pv *pv)
{
	return pv->eoi & ~(u64)KVM_MSR_ENABLED;
}

/**
 * pv_eoi_set() - write MSR_KVM_PV_EOI_EN
 * @vcpu: loaded vCPU
 * @value: address and KVM_MSR_ENABLED
 *
 * Return: 0; -EINVAL for an address that is not aligned to four bytes, or, to be enabled,
 * is no memory.
 */
int pv_eoi_set(struct lodge_vcpu *vcpu, u64 value)
{
	gpa_t flag = value & ~(u64)KVM_MSR_ENABLED;

	if (!IS_ALIGNED(flag, 4))
		return -EINVAL;
	if ((value & KVM_MSR_ENABLED) && !gpa_is_ram(vcpu->vm, flag, true))
		return -EINVAL;
	vcpu->pv->eoi = value;
	return 0;
}

/**
 * pv_eoi_offer() - set the flag, if that is right now
 * @vcpu: loaded vCPU, IRQs off; the event of the entry that follows is placed
 */
void pv_eoi_offer(struct lodge_vcpu *vcpu)
{
	struct lodge_pv *pv = vcpu->pv;

	if (likely(!(pv->eoi & KVM_MSR_ENABLED)) || !vcpu->lapic || !lapic_can_skip_eoi(vcpu))
		return;
	if (guest_write_nofault(vcpu, flag_of(pv), KVM_PV_EOI_ENABLED))
		pv->needs_eoi_page = true;
	else
		pv->is_eoi_offered = true;
}

/* Have the flag's page at hand the next time. */
static void bring_in_flag(struct lodge_vcpu *vcpu)
{
	hva_t hva = gpa_to_hva(vcpu->vm, flag_of(vcpu->pv));

	vcpu->pv->needs_eoi_page = false;
	if (hva)
		bring_in_page(vcpu->vm->mm, hva, true);
}

/* Whether the guest has left the flag as it was set, which is cleared then. */
static bool has_left_flag(struct lodge_vcpu *vcpu)
{
	gpa_t gpa = flag_of(vcpu->pv);
	u8 flag;

	if (guest_read(vcpu->vm, gpa, &flag, sizeof(flag)) || !(flag & KVM_PV_EOI_ENABLED))
		return false;
	flag &= ~KVM_PV_EOI_ENABLED;
	/* Without its memory the guest cannot have a flag that says "not yet". */
	return !guest_write(vcpu, gpa, &flag, sizeof(flag));
}

/**
 * pv_eoi_take_back() - the guest has exited: see what it did
 * @vcpu: loaded vCPU; before anything asks the LAPIC. May sleep.
 */
void pv_eoi_take_back(struct lodge_vcpu *vcpu)
{
	struct lodge_pv *pv = vcpu->pv;

	if (unlikely(pv->needs_eoi_page))
		bring_in_flag(vcpu);
	if (likely(!pv->is_eoi_offered))
		return;
	pv->is_eoi_offered = false;
	if (!has_left_flag(vcpu))
		lapic_end_interrupt(vcpu);
}
