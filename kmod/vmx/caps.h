/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: what this host's VMX can do beyond the required minimum, and the control
 * words that follow from it. Of interest to this folder only; what common code may
 * ask stands in struct lodge_caps.
 */
#ifndef LODGE_VMX_CAPS_H
#define LODGE_VMX_CAPS_H

#include <linux/types.h>

struct lodge_caps;

/**
 * struct vmx_caps - filled by vmx_caps_setup(), constant from then on
 * @revision: first word of every VMXON region and VMCS
 * @pin: pin-based controls, as every VMCS begins with
 * @primary: primary processor-based controls, likewise
 * @secondary: secondary processor-based controls, likewise
 * @entry: VM-entry controls, likewise
 * @exit: VM-exit controls, likewise
 * @cr0_fixed: bits that CR0 must have in VMX operation; PE and PG are exempt in a guest
 * @cr4_fixed: likewise for CR4
 * @ept_vpid: IA32_VMX_EPT_VPID_CAP
 * @has_ept_ad: EPT entries have accessed and dirty bits
 * @has_vpid: translations are tagged by vCPU
 * @has_tpr_shadow: CR8 is virtualized without exits
 * @has_tsc_aux: the TSC_AUX MSR is there, and guests may execute RDTSCP
 * @has_spec_ctrl: enter.S switches SPEC_CTRL
 * @has_timer: the preemption timer ends a guest's run
 * @timer_shift: it counts once in 2^timer_shift ticks of the TSC
 */
struct vmx_caps {
	u32 revision;
	u32 pin;
	u32 primary;
	u32 secondary;
	u32 entry;
	u32 exit;
	u64 cr0_fixed;
	u64 cr4_fixed;
	u64 ept_vpid;
	bool has_ept_ad;
	bool has_vpid;
	bool has_tpr_shadow;
	bool has_tsc_aux;
	bool has_spec_ctrl;
	bool has_timer;
	u8 timer_shift;
};

extern struct vmx_caps vmx_caps;

int vmx_caps_setup(struct lodge_caps *caps);

#endif /* LODGE_VMX_CAPS_H */
