/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: what this host can do, filled once by the backend's setup() and
 * read-only from then on. Common code asks here, never which vendor it is.
 */
#ifndef LODGE_CAPS_H
#define LODGE_CAPS_H

#include <linux/types.h>

/**
 * struct lodge_caps - abilities of the host's virtualization hardware
 * @has_next_rip: exits carry the instruction length; otherwise the decoder is
 *                asked before an instruction is skipped
 * @has_spec_ctrl: the backend switches SPEC_CTRL between host and guest
 * @has_virt_spec_ctrl: the same for VIRT_SPEC_CTRL
 * @has_tsc_aux: the backend switches TSC_AUX, so RDTSCP and RDPID can be offered
 * @has_xsaves: guests may execute XSAVES (XSS stays zero)
 * @has_invpcid: guests may execute INVPCID
 * @has_la57: the second dimension can translate what a guest with five-level
 *            paging of its own needs
 * @has_deadline: run() ends by itself when the guest's TSC reaches vcpu->deadline
 * @has_pdptes: the CPU keeps the PDPTEs of PAE paging in registers; otherwise it reads them
 *              from memory when it needs them, and those in the state mean nothing
 * @needs_small_exec: code that is run from a large leaf of the second dimension can be made
 *                    to stop the machine, so large leaves must not be executable
 * @nr_written_max: the CPU notes each page that it writes first, up to so many in a run (see
 *                  exit.h), for vCPUs with LODGE_NOTE_WRITES; 0 if it cannot
 * @hypercall_insn: the vendor's hypercall opcode, three bytes
 */
struct lodge_caps {
	bool has_next_rip;
	bool has_spec_ctrl;
	bool has_virt_spec_ctrl;
	bool has_tsc_aux;
	bool has_xsaves;
	bool has_invpcid;
	bool has_la57;
	bool has_deadline;
	bool has_pdptes;
	bool needs_small_exec;
	u16 nr_written_max;
	u8 hypercall_insn[3];
};

extern struct lodge_caps lodge_caps;

#endif /* LODGE_CAPS_H */
