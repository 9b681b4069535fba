/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: one hypercall, taken apart. For this folder only.
 */
#ifndef LODGE_HYPERV_CALL_H
#define LODGE_HYPERV_CALL_H

#include "state.h"

/* Each XMM register holds two words of input. */
#define CALL_XMM_WORDS	(2 * HV_HYPERCALL_MAX_XMM_REGISTERS)

/**
 * struct call - a hypercall's input
 * @input: the input value
 * @params: addresses of input and output; of a fast call the input itself
 * @code: which call
 * @var_cnt: words of the variable part of the header
 * @rep_cnt: elements of a list
 * @rep_idx: the first that is not done
 * @is_fast: input is in registers
 * @xmm: of a fast call that takes more than two words: the rest
 */
struct call {
	u64 input;
	u64 params[2];
	u16 code;
	u16 var_cnt;
	u16 rep_cnt;
	u16 rep_idx;
	bool is_fast;
	u64 xmm[CALL_XMM_WORDS];
};

/* targets.c: each returns the result value. Own thread, may sleep. */
u64 call_flush(struct lodge_vcpu *vcpu, const struct call *call);
u64 call_flush_ex(struct lodge_vcpu *vcpu, const struct call *call);
u64 call_send_ipi(struct lodge_vcpu *vcpu, const struct call *call);
u64 call_send_ipi_ex(struct lodge_vcpu *vcpu, const struct call *call);

#endif /* LODGE_HYPERV_CALL_H */
