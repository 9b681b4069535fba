// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: hypercalls for a set of virtual processors: flush their TLBs, send them an
 * interrupt.
 *
 * A set is a mask of the first 64 or, in the calls that end in "Ex", sparse: a mask says which
 * banks of 64 follow (TLFS, "Virtual Processor Sets").
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/stddef.h>

#include "../irqchip/irqchip.h"
#include "../mmu/mmu.h"
#include "../request.h"
#include "call.h"

#define MAX_BANKS	(LODGE_MAX_VCPUS / 64)
#define ALL_BANKS	64

/**
 * struct vp_set - whom a call is for
 * @all: all of them
 * @banks: mask by VP index, unless @all
 */
struct vp_set {
	bool all;
	DECLARE_BITMAP(banks, LODGE_MAX_VCPUS);
};

static_assert(LODGE_MAX_VCPUS % 64 == 0 && MAX_BANKS <= ALL_BANKS);

static bool contains(const struct vp_set *set, struct lodge_vcpu *vcpu)
{
	u32 vp_index = hyperv_vp_index(vcpu);

	return set->all || (vp_index < LODGE_MAX_VCPUS && test_bit(vp_index, set->banks));
}

static void set_first_bank(struct vp_set *set, u64 mask)
{
	set->all = false;
	bitmap_zero(set->banks, LODGE_MAX_VCPUS);
	bitmap_from_u64(set->banks, mask);
}

/*
 * The words of the banks that can name a vCPU: from @xmm_word on in the registers, or at
 * @offset of the input. As many as there are, at most MAX_BANKS. Return false if they are
 * not there.
 */
static bool read_banks(struct lodge_vcpu *vcpu, const struct call *call, unsigned int xmm_word,
		       unsigned int offset, u64 words[MAX_BANKS])
{
	unsigned int nr = min_t(unsigned int, call->var_cnt, MAX_BANKS);

	if (!call->is_fast)
		return !guest_read(vcpu->vm, call->params[0] + offset, words, nr * sizeof(*words));
	if (call->var_cnt > CALL_XMM_WORDS - xmm_word)
		return false;
	memcpy(words, &call->xmm[xmm_word], nr * sizeof(*words));
	return true;
}

/* Put each word where the mask says. */
static void set_banks(struct vp_set *set, u64 valid_banks, const u64 words[MAX_BANKS])
{
	unsigned int bank, next = 0;

	set->all = false;
	bitmap_zero(set->banks, LODGE_MAX_VCPUS);
	for (bank = 0; bank < MAX_BANKS; bank++) {
		if (valid_banks & BIT_ULL(bank))
			set->banks[bank] = words[next++];
	}
}

/* All TLB contents go, of whatever address space; the caller is told that the list is done. */
static u64 flush(struct lodge_vcpu *vcpu, const struct call *call, const struct vp_set *set)
{
	struct lodge_vcpu *target;
	unsigned long index;

	lodge_for_each_vcpu(vcpu->vm, index, target) {
		if (contains(set, target))
			lodge_request_and_wait(target, LODGE_REQ_TLB_FLUSH_GUEST);
	}
	return HV_STATUS_SUCCESS | (u64)call->rep_cnt << HV_HYPERCALL_REP_COMP_OFFSET;
}

u64 call_flush(struct lodge_vcpu *vcpu, const struct call *call)
{
	struct hv_tlb_flush input;
	struct vp_set set;

	if (call->is_fast) {
		input.flags = call->params[1];
		input.processor_mask = call->xmm[0];
	} else if (guest_read(vcpu->vm, call->params[0], &input, sizeof(input))) {
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	set_first_bank(&set, input.processor_mask);
	/* Windows Server 2012 has been seen to mean all by none. */
	set.all = (input.flags & HV_FLUSH_ALL_PROCESSORS) || !input.processor_mask;
	return flush(vcpu, call, &set);
}

u64 call_flush_ex(struct lodge_vcpu *vcpu, const struct call *call)
{
	struct hv_tlb_flush_ex input;
	struct vp_set set = { .all = true };
	u64 words[MAX_BANKS];

	if (call->is_fast) {
		input.hv_vp_set.format = call->xmm[0];
		input.hv_vp_set.valid_bank_mask = call->xmm[1];
	} else if (guest_read(vcpu->vm, call->params[0], &input, sizeof(input))) {
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	if (call->var_cnt != hweight64(input.hv_vp_set.valid_bank_mask))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;

	if (input.hv_vp_set.format == HV_GENERIC_SET_SPARSE_4K) {
		if (!read_banks(vcpu, call, 2,
				offsetof(struct hv_tlb_flush_ex, hv_vp_set.bank_contents), words))
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		set_banks(&set, input.hv_vp_set.valid_bank_mask, words);
	}
	return flush(vcpu, call, &set);
}

static u64 send_ipi(struct lodge_vcpu *vcpu, u32 vector, const struct vp_set *set)
{
	struct lodge_vcpu *target;
	unsigned long index;

	if (vector < HV_IPI_LOW_VECTOR || vector > HV_IPI_HIGH_VECTOR)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	lodge_for_each_vcpu(vcpu->vm, index, target) {
		if (contains(set, target))
			lapic_raise_vector(target, vector);
	}
	return HV_STATUS_SUCCESS;
}

u64 call_send_ipi(struct lodge_vcpu *vcpu, const struct call *call)
{
	struct hv_send_ipi input;
	struct vp_set set;

	if (!vcpu->lapic)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (!call->is_fast) {
		if (guest_read(vcpu->vm, call->params[0], &input, sizeof(input)))
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
	} else {
		if (call->params[0] >> 32)
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		input.vector = call->params[0];
		input.cpu_mask = call->params[1];
	}
	set_first_bank(&set, input.cpu_mask);
	return send_ipi(vcpu, input.vector, &set);
}

u64 call_send_ipi_ex(struct lodge_vcpu *vcpu, const struct call *call)
{
	struct hv_send_ipi_ex input;
	struct vp_set set = { .all = true };
	u64 words[MAX_BANKS];

	if (!vcpu->lapic)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (call->is_fast) {
		input.vector = call->params[0];
		input.vp_set.format = call->params[1];
		input.vp_set.valid_bank_mask = call->xmm[0];
	} else if (guest_read(vcpu->vm, call->params[0], &input, sizeof(input))) {
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	}
	if (call->var_cnt != hweight64(input.vp_set.valid_bank_mask))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;

	if (input.vp_set.format != HV_GENERIC_SET_ALL) {
		/* Nobody: whatever the vector, that is done. */
		if (!call->var_cnt)
			return HV_STATUS_SUCCESS;
		if (!read_banks(vcpu, call, 1,
				offsetof(struct hv_send_ipi_ex, vp_set.bank_contents), words))
			return HV_STATUS_INVALID_HYPERCALL_INPUT;
		set_banks(&set, input.vp_set.valid_bank_mask, words);
	}
	return send_ipi(vcpu, input.vector, &set);
}
