/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: what this host's SVM can do beyond the required minimum. Of interest
 * to this folder only; what common code may ask stands in struct lodge_caps.
 */
#ifndef LODGE_SVM_CAPS_H
#define LODGE_SVM_CAPS_H

#include <linux/types.h>

struct lodge_caps;

/**
 * struct svm_caps - filled by svm_caps_setup(), constant from then on
 * @nr_asids: ASIDs are 0 (the host's) to nr_asids - 1
 * @has_next_rip: next_rip of the VMCB holds the RIP behind an intercepted instruction
 * @has_decode_assists: instruction bytes and register operands come with the exit
 * @has_flush_by_asid: one ASID's translations can be dropped alone
 * @has_pause_filter: PAUSE exits only after a number of them
 * @has_pause_threshold: ... in close succession
 * @has_lbr: DEBUGCTL is switched by VMRUN
 * @has_tsc_ratio: the TSC_RATIO MSR is there and must hold 1.0
 * @has_virt_spec_ctrl_vmcb: SPEC_CTRL is switched by VMRUN
 * @has_spec_ctrl: enter.S, or VMRUN, switches SPEC_CTRL
 * @has_ssbd_by_host: VIRT_SPEC_CTRL is carried out by the kernel's SSBD code
 * @has_tsc_aux: the TSC_AUX MSR is there
 */
struct svm_caps {
	u32 nr_asids;
	bool has_next_rip;
	bool has_decode_assists;
	bool has_flush_by_asid;
	bool has_pause_filter;
	bool has_pause_threshold;
	bool has_lbr;
	bool has_tsc_ratio;
	bool has_virt_spec_ctrl_vmcb;
	bool has_spec_ctrl;
	bool has_ssbd_by_host;
	bool has_tsc_aux;
};

extern struct svm_caps svm_caps;

int svm_caps_setup(struct lodge_caps *caps);

#endif /* LODGE_SVM_CAPS_H */
