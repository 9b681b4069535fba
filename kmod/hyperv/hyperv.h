/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: what a guest finds of Microsoft's hypervisor ("enlightenments", which Windows and
 * Linux know how to use): its CPUID leaves, MSRs, hypercalls, reference time, synthetic
 * interrupts and timers. The only header of this folder that outsiders include; prototypes
 * are grouped by the file that defines them.
 *
 * Names and rules are those of the Hypervisor Top-Level Functional Specification (TLFS) and
 * of asm/hyperv-tlfs.h. A VM and a vCPU have state only once something here was used: others
 * pay a test of a pointer.
 *
 * "Own thread" means: the thread that holds vcpu->mutex, the vCPU loaded.
 */
#ifndef LODGE_HYPERV_H
#define LODGE_HYPERV_H

#include <linux/kvm.h>

#include "../vcpu.h"
#include "../vm.h"

/* MSRs that asm/hyperv-tlfs.h lacks: the synthetic debugger's. */
#define HV_X64_MSR_SYNDBG_CONTROL		0x400000f1
#define HV_X64_MSR_SYNDBG_STATUS		0x400000f2
#define HV_X64_MSR_SYNDBG_SEND_BUFFER		0x400000f3
#define HV_X64_MSR_SYNDBG_RECV_BUFFER		0x400000f4
#define HV_X64_MSR_SYNDBG_PENDING_BUFFER	0x400000f5
#define HV_X64_MSR_SYNDBG_OPTIONS		0x400000ff

/* How many leaves hyperv_supported_cpuid() fills. */
#define HYPERV_NR_LEAVES	10

/* hyperv.c: life, and the MSRs as one set. */

/* Free what there is. The vCPU's before its LAPIC; the VM's when all vCPUs are gone. */
void hyperv_vcpu_destroy(struct lodge_vcpu *vcpu);
void hyperv_vm_destroy(struct lodge_vm *vm);

/**
 * hyperv_is_msr_withheld() - whether the guest may not use one of the MSRs
 * @vcpu: vCPU; own thread
 * @index: an MSR of msr_table.c's rows of this folder
 *
 * None exists for a guest whose CPUID does not say that this is Hyper-V; with
 * KVM_CAP_HYPERV_ENFORCE_CPUID each needs the bit that offers it.
 */
bool hyperv_is_msr_withheld(struct lodge_vcpu *vcpu, u32 index);

/* As struct msr_entry wants them. -EINVAL for what may not be; -ENOMEM. Own thread; may sleep. */
int hyperv_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data);
int hyperv_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);

/* cpuid.c: which parts there are, and which of them the guest was told of. */
void hyperv_supported_cpuid(struct kvm_cpuid_entry2 entries[HYPERV_NR_LEAVES], bool has_lapic);

/**
 * hyperv_take_cpuid() - look at what CPUID says after KVM_SET_CPUID2
 * @vcpu: vCPU; own thread
 *
 * Return: 0; -ENOMEM.
 */
int hyperv_take_cpuid(struct lodge_vcpu *vcpu);

/**
 * hyperv_enforce_cpuid() - KVM_CAP_HYPERV_ENFORCE_CPUID
 * @vcpu: vCPU; own thread
 * @enforce: MSRs and hypercalls that the guest was not told of are refused
 *
 * Return: 0; -ENOMEM.
 */
int hyperv_enforce_cpuid(struct lodge_vcpu *vcpu, bool enforce);

/* reference_time.c */

/* Upon LODGE_REQ_CLOCK, behind clock_update_guest(). Own thread, may sleep. */
void hyperv_clock_changed(struct lodge_vcpu *vcpu);

/* synic.c */

/**
 * hyperv_activate_synic() - KVM_CAP_HYPERV_SYNIC and _SYNIC2
 * @vcpu: vCPU; own thread
 * @keep_pages: a page that the guest enables is not zeroed (SYNIC2)
 *
 * Return: 0; -EINVAL without an in-kernel LAPIC; -ENOMEM.
 */
int hyperv_activate_synic(struct lodge_vcpu *vcpu, bool keep_pages);

/* stimer.c: upon LODGE_REQ_STIMER. Own thread, may sleep. */
void hyperv_process_timers(struct lodge_vcpu *vcpu);

/* user_exit.c */

/**
 * hyperv_fill_exit() - fill kvm_run with what user space is to hear; upon LODGE_REQ_HYPERV_EXIT
 * @vcpu: vCPU; own thread
 *
 * Where there is more than one thing to say, the request is set again.
 *
 * Return: false if there is nothing.
 */
bool hyperv_fill_exit(struct lodge_vcpu *vcpu);

/* User space has come back from such an exit. */
void hyperv_complete_exit(struct lodge_vcpu *vcpu);

/* call.c: hypercalls */

/* What remains to be done for a hypercall. */
enum hyperv_call_result {
	HYPERV_CALL_DONE,	/* the result is in the registers; skip the instruction */
	HYPERV_CALL_YIELD,	/* likewise, and another vCPU should have this CPU */
	HYPERV_CALL_REFUSED,	/* #UD */
	HYPERV_CALL_TO_USER,	/* kvm_run is filled; hyperv_complete_call() when it is back */
};

/* Whether VMCALL and VMMCALL are Hyper-V's: the guest has said who it is. */
bool hyperv_has_calls(struct lodge_vcpu *vcpu);
enum hyperv_call_result hyperv_call(struct lodge_vcpu *vcpu);
void hyperv_complete_call(struct lodge_vcpu *vcpu);

/* signal.c */

/**
 * hyperv_set_eventfd() - KVM_HYPERV_EVENTFD
 * @vm: the VM
 * @request: copy in kernel memory
 *
 * Return: 0; -EINVAL for other flags, a connection id beyond 24 bits, or a file that is no
 * eventfd; -EBADF; -EEXIST if the id has one; -ENOENT if there is none to take away; -ENOMEM.
 */
int hyperv_set_eventfd(struct lodge_vm *vm, const struct kvm_hyperv_eventfd *request);

#endif /* LODGE_HYPERV_H */
