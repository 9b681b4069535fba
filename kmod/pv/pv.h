/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: what a guest that knows it is one may ask for: the paravirtual features of the
 * KVM ABI (Documentation/virt/kvm/x86/msr.rst, cpuid.rst), but for the clock and for
 * hypercalls. The folder's only header; prototypes are grouped by the file that defines them.
 * All is for the vCPU's own thread unless said otherwise.
 */
#ifndef LODGE_PV_PV_H
#define LODGE_PV_PV_H

#include <linux/list.h>

#include <asm/kvm_para.h>

#include "../types.h"
#include "../vcpu.h"

/**
 * struct lodge_pv - one vCPU's share
 * @steal_time: MSR_KVM_STEAL_TIME: address of the area, and whether it is wanted
 * @last_run_delay: of the thread's waiting, in ns, what the guest has been told
 * @is_marked_preempted: the area says that the vCPU has no CPU
 * @eoi: MSR_KVM_PV_EOI_EN: address of the flag, and whether it is wanted
 * @needs_eoi_page: the flag could not be set, as its page was away
 * @is_eoi_offered: the flag is set: the guest may end its interrupt by clearing it
 * @async_pf: MSR_KVM_ASYNC_PF_EN: address of the area, and how it is wanted
 * @async_pf_vector: MSR_KVM_ASYNC_PF_INT
 * @pages: on their way, or there and not yet told; struct async_page
 * @nr_pages: how many
 * @last_token: what the last page was told by
 * @wakes_all: all pages that the guest still waits for are to be told ready
 * @waits_for_page: the guest cannot go on before a page is there or an event comes
 * @must_wait: a page did not come: the next one is waited for as by any process
 * @poll_control: MSR_KVM_POLL_CONTROL
 * @halt_poll_ns: how long the next halt looks for events before it sleeps
 * @is_kicked: KVM_HC_KICK_CPU: the halt, this or the next, is over; set by other vCPUs
 */
struct lodge_pv {
	u64 steal_time;
	u64 last_run_delay;
	bool is_marked_preempted;

	u64 eoi;
	bool needs_eoi_page;
	bool is_eoi_offered;

	u64 async_pf;
	u8 async_pf_vector;
	struct list_head pages;
	u32 nr_pages;
	u32 last_token;
	bool wakes_all;
	bool waits_for_page;
	bool must_wait;

	u64 poll_control;
	u32 halt_poll_ns;
	bool is_kicked;
};

/* pv.c */
int pv_create(struct lodge_vcpu *vcpu);
void pv_destroy(struct lodge_vcpu *vcpu);
void pv_reset(struct lodge_vcpu *vcpu);
int pv_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int pv_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

/* steal_time.c */
int steal_time_set(struct lodge_vcpu *vcpu, u64 value);
void steal_time_load(struct lodge_vcpu *vcpu);
void steal_time_preempted(struct lodge_vcpu *vcpu);
void steal_time_update(struct lodge_vcpu *vcpu);

/* eoi.c */
int pv_eoi_set(struct lodge_vcpu *vcpu, u64 value);
void pv_eoi_offer(struct lodge_vcpu *vcpu);
void pv_eoi_take_back(struct lodge_vcpu *vcpu);

/**
 * enum async_pf_answer - what becomes of a fault on a page that is away
 * @ASYNC_PF_REFUSED: wait for the page
 * @ASYNC_PF_TELL: the guest is to get a page fault with the token for its address
 * @ASYNC_PF_HALT: the guest does not go on until something happens (waits_for_page)
 */
enum async_pf_answer {
	ASYNC_PF_REFUSED,
	ASYNC_PF_TELL,
	ASYNC_PF_HALT,
};

/* async_pf.c; setup and teardown are the module's. */
int async_pf_setup(void);
void async_pf_teardown(void);
void async_pf_destroy(struct lodge_vcpu *vcpu);
void async_pf_reset(struct lodge_vcpu *vcpu);
int async_pf_set(struct lodge_vcpu *vcpu, u64 value);
int async_pf_set_vector(struct lodge_vcpu *vcpu, u64 value);
bool async_pf_is_wanted(struct lodge_vcpu *vcpu);
enum async_pf_answer async_pf_begin(struct lodge_vcpu *vcpu, gpa_t gpa, bool write, u32 *token);
void async_pf_deliver(struct lodge_vcpu *vcpu);

#endif /* LODGE_PV_PV_H */
