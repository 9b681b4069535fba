/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: Hyper-V's state of a VM ("partition") and of a vCPU ("virtual processor"), and what
 * the files of this folder tell one another. For this folder only.
 */
#ifndef LODGE_HYPERV_STATE_H
#define LODGE_HYPERV_STATE_H

#include <asm/hyperv-tlfs.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "hyperv.h"

/* What asm/hyperv-tlfs.h lacks: "Hv#1", and the synthetic debugger, which the TLFS leaves out. */
#define HYPERV_INTERFACE_SIGNATURE		0x31237648
#define HYPERV_CPUID_SYNDBG_MAX_FUNCTION	0x40000080
#define HYPERV_CPUID_SYNDBG_INTERFACE		0x40000081
#define HYPERV_CPUID_SYNDBG_CAPABILITIES	0x40000082
#define HV_X64_SYNDBG_CAP_ALLOW_KERNEL_DEBUGGING	BIT(1)
#define HV_X64_SYNDBG_OPTION_USE_HCALLS		BIT(2)

/* The reference TSC page. */
enum hyperv_tsc_page {
	HYPERV_TSC_PAGE_OFF,
	HYPERV_TSC_PAGE_ENABLED,	/* by the guest: it has no content yet */
	HYPERV_TSC_PAGE_RESTORED,	/* by user space: its content may count */
	HYPERV_TSC_PAGE_VALID,
	HYPERV_TSC_PAGE_BROKEN,		/* it cannot be written */
};

/* Registers of the synthetic debugger; they have no effect in the kernel. */
struct hyperv_debug {
	u64 control;
	u64 status;
	u64 send_page;
	u64 recv_page;
	u64 pending_page;
	u64 options;
};

/**
 * struct lodge_hyperv - behind vm->hyperv: what all vCPUs share
 * @lock: all of this but @connections; guest memory may be accessed under it, no lock but
 *        those of that is taken inside
 * @guest_os_id: who the guest says that it is; also read without the lock
 * @hypercall: HV_X64_MSR_HYPERCALL
 * @tsc_page: enum hyperv_tsc_page
 * @reference_tsc: HV_X64_MSR_REFERENCE_TSC
 * @tsc_ref: what the page holds, if it is valid
 * @crash_ctl: HV_X64_MSR_CRASH_CTL
 * @crash_params: HV_X64_MSR_CRASH_P0 and its kin
 * @reenlightenment_control: the MSR
 * @tsc_emulation_control: likewise
 * @tsc_emulation_status: likewise
 * @debug: the synthetic debugger
 * @connections: connection id -> eventfd; an entry is used under vm->srcu
 */
struct lodge_hyperv {
	struct mutex lock;	/* see above */
	u64 guest_os_id;
	u64 hypercall;
	enum hyperv_tsc_page tsc_page;
	u64 reference_tsc;
	struct ms_hyperv_tsc_page tsc_ref;
	u64 crash_ctl;
	u64 crash_params[HV_X64_MSR_CRASH_PARAMS];
	u64 reenlightenment_control;
	u64 tsc_emulation_control;
	u64 tsc_emulation_status;
	struct hyperv_debug debug;
	struct xarray connections;
};

/* Words of CPUID that offer something, as the guest was given them; all 0 for another guest. */
enum hyperv_word {
	HYPERV_FEATURES_EAX,
	HYPERV_FEATURES_EBX,
	HYPERV_FEATURES_EDX,
	HYPERV_HINTS_EAX,
	HYPERV_HINTS_EBX,
	HYPERV_SYNDBG_EAX,
	HYPERV_NR_WORDS,
};

/* What user space is to hear of, bits of lodge_hyperv_vcpu.exits in the order of telling. */
enum hyperv_exit {
	HYPERV_EXIT_CRASH,
	HYPERV_EXIT_RESET,
	HYPERV_EXIT_SYNIC,
	HYPERV_EXIT_SYNDBG,
};

/**
 * struct hyperv_timer - one synthetic timer
 * @hrtimer: runs while an expiry is to come
 * @vcpu: whose
 * @index: which
 * @config: HV_X64_MSR_STIMER0_CONFIG and its kin
 * @count: HV_X64_MSR_STIMER0_COUNT and its kin, in 100 ns
 * @expiration: reference time of the expiry to come; 0 for none
 * @is_undelivered: it has expired, and its message found no room
 */
struct hyperv_timer {
	struct hrtimer hrtimer;
	struct lodge_vcpu *vcpu;
	unsigned int index;
	union hv_stimer_config config;
	u64 count;
	u64 expiration;
	bool is_undelivered;
};

/**
 * struct lodge_hyperv_vcpu - behind vcpu->hyperv
 * @vp_index: the vCPU's number in hypercalls; read by all vCPUs
 * @is_hyperv: CPUID says that this is Hyper-V
 * @enforces_cpuid: what CPUID does not offer is refused
 * @words: by enum hyperv_word
 * @runtime_offset: virtual processor runtime minus the thread's, in 100 ns
 * @assist_page: HV_X64_MSR_VP_ASSIST_PAGE
 * @has_synic: user space has activated the synthetic interrupt controller
 * @keeps_pages: a page that the guest enables for messages or events is not zeroed
 * @scontrol: HV_X64_MSR_SCONTROL, likewise the next three
 * @sversion: its version
 * @siefp: the page of event flags, which user space sets
 * @simp: the page of messages
 * @timers: the synthetic timers
 * @timers_due: bits of timers that are to be looked at; set by their callbacks too
 * @exits: mask of enum hyperv_exit
 * @exit: what HYPERV_EXIT_SYNIC or _SYNDBG has to say
 * @completes_debug: user space is answering HV_X64_MSR_SYNDBG_CONTROL
 *
 * The own thread's but for what is said.
 */
struct lodge_hyperv_vcpu {
	u32 vp_index;
	bool is_hyperv;
	bool enforces_cpuid;
	u32 words[HYPERV_NR_WORDS];
	u64 runtime_offset;
	u64 assist_page;
	bool has_synic;
	bool keeps_pages;
	u64 scontrol;
	u64 sversion;
	u64 siefp;
	u64 simp;
	struct hyperv_timer timers[HV_SYNIC_STIMER_COUNT];
	unsigned long timers_due;
	u32 exits;
	struct kvm_hyperv_exit exit;
	bool completes_debug;
};

/* hyperv.c */
struct lodge_hyperv *hyperv_vm_get(struct lodge_vm *vm);
int hyperv_vcpu_get(struct lodge_vcpu *vcpu);
u32 hyperv_vp_index(struct lodge_vcpu *vcpu);

/* cpuid.c */
bool hyperv_has(struct lodge_vcpu *vcpu, enum hyperv_word word, u32 bit);
bool hyperv_grants_msr(struct lodge_vcpu *vcpu, u32 index);
bool hyperv_grants_call(struct lodge_vcpu *vcpu, u16 code);

/* partition.c */
int partition_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int partition_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

/* reference_time.c: in units of 100 ns */
u64 reference_time(struct lodge_vcpu *vcpu);
int reference_time_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int reference_time_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

/* processor.c */
int processor_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int processor_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

/* synic.c */
int synic_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int synic_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);
int synic_post(struct lodge_vcpu *vcpu, unsigned int sint, const struct hv_message *message,
	       bool will_retry);

/* stimer.c */
void stimer_create_all(struct lodge_vcpu *vcpu);
void stimer_destroy_all(struct lodge_vcpu *vcpu);
int stimer_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int stimer_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

/* debug.c */
bool debug_is_enabled(struct lodge_vcpu *vcpu);
u64 debug_refusal(struct lodge_vcpu *vcpu);
int debug_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int debug_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

/* user_exit.c */
void user_exit_request(struct lodge_vcpu *vcpu, enum hyperv_exit exit);

/* signal.c */
void signal_destroy(struct lodge_hyperv *hyperv);
int signal_connection(struct lodge_vcpu *vcpu, u32 id);

#endif /* LODGE_HYPERV_STATE_H */
