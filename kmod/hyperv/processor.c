// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: MSRs of one virtual processor: its index, the time that it has run, its assist
 * page, and the LAPIC's busiest registers as MSRs.
 */
#include <linux/errno.h>
#include <linux/math64.h>

#include <asm/apicdef.h>

#include "../host.h"
#include "../irqchip/irqchip.h"
#include "../mmu/mmu.h"
#include "state.h"

static u64 thread_runtime(void)
{
	return div_u64(host_thread_runtime_ns(), 100);
}

/*
 * The page has a word in which the hypervisor may say that an interrupt needs no EOI, and much
 * that concerns nested guests. The word is cleared, what else is there may have been restored.
 */
static int set_assist_page(struct lodge_vcpu *vcpu, u64 data)
{
	gpa_t gpa = data & HV_X64_MSR_VP_ASSIST_PAGE_ADDRESS_MASK;
	const u32 none = 0;

	if ((data & HV_X64_MSR_VP_ASSIST_PAGE_ENABLE) &&
	    guest_write(vcpu, gpa + offsetof(struct hv_vp_assist_page, apic_assist), &none,
			sizeof(none)))
		return -EINVAL;
	vcpu->hyperv->assist_page = data;
	return 0;
}

static int set_vp_index(struct lodge_vcpu *vcpu, u64 data)
{
	if ((u32)data >= LODGE_MAX_VCPUS)
		return -EINVAL;
	WRITE_ONCE(vcpu->hyperv->vp_index, (u32)data);
	sint_set_vp_index(vcpu, data);
	return 0;
}

static u32 lapic_offset(u32 index)
{
	switch (index) {
	case HV_X64_MSR_EOI:
		return APIC_EOI;
	case HV_X64_MSR_ICR:
		return APIC_ICR;
	default:
		return APIC_TASKPRI;
	}
}

int processor_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	struct lodge_hyperv_vcpu *hyperv = vcpu->hyperv;

	switch (index) {
	case HV_X64_MSR_VP_INDEX:
		*data = hyperv->vp_index;
		return 0;
	case HV_X64_MSR_VP_RUNTIME:
		*data = thread_runtime() + hyperv->runtime_offset;
		return 0;
	case HV_X64_MSR_VP_ASSIST_PAGE:
		*data = hyperv->assist_page;
		return 0;
	case HV_X64_MSR_EOI:
	case HV_X64_MSR_ICR:
	case HV_X64_MSR_TPR:
		if (!vcpu->lapic)
			return -EINVAL;
		return lapic_command_read(vcpu, lapic_offset(index), data);
	default:
		return -EINVAL;
	}
}

int processor_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	switch (index) {
	case HV_X64_MSR_VP_INDEX:
		return from_user ? set_vp_index(vcpu, data) : -EINVAL;
	case HV_X64_MSR_VP_RUNTIME:
		if (!from_user)
			return -EINVAL;
		vcpu->hyperv->runtime_offset = data - thread_runtime();
		return 0;
	case HV_X64_MSR_VP_ASSIST_PAGE:
		return set_assist_page(vcpu, data);
	case HV_X64_MSR_EOI:
	case HV_X64_MSR_ICR:
	case HV_X64_MSR_TPR:
		if (!vcpu->lapic)
			return -EINVAL;
		return lapic_command_write(vcpu, lapic_offset(index), data);
	default:
		return -EINVAL;
	}
}
