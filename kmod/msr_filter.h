/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: which MSRs user space keeps from a VM's guest (KVM_X86_SET_MSR_FILTER). The MSR
 * exits ask here, and so do the backends, which pass some MSRs to the guest without an exit.
 */
#ifndef LODGE_MSR_FILTER_H
#define LODGE_MSR_FILTER_H

#include <linux/kvm.h>
#include <linux/rcupdate.h>

#include "vm.h"

int msr_filter_set(struct lodge_vm *vm, const struct kvm_msr_filter *request);
void msr_filter_destroy(struct lodge_vm *vm);
bool msr_filter_look_up(struct lodge_vm *vm, u32 index, u32 access);

static inline bool msr_filter_exists(const struct lodge_vm *vm)
{
	return rcu_access_pointer(vm->msr_filter);
}

/**
 * msr_filter_allows() - whether a guest may reach an MSR
 * @vm: VM; vm->srcu is taken inside
 * @index: the MSR
 * @access: KVM_MSR_FILTER_READ or KVM_MSR_FILTER_WRITE
 *
 * Process context; preemption may be off.
 */
static inline bool msr_filter_allows(struct lodge_vm *vm, u32 index, u32 access)
{
	return likely(!msr_filter_exists(vm)) || msr_filter_look_up(vm, index, access);
}

#endif /* LODGE_MSR_FILTER_H */
