// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: Hyper-V's state, made when it is first needed, and the way from an MSR to the file
 * that knows it.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "state.h"

/**
 * hyperv_vm_get() - a VM's state
 * @vm: the VM
 *
 * Process context; several may come at once.
 *
 * Return: the state; NULL without memory.
 */
struct lodge_hyperv *hyperv_vm_get(struct lodge_vm *vm)
{
	/* Pairs with the cmpxchg() below. */
	struct lodge_hyperv *hyperv = smp_load_acquire(&vm->hyperv), *other;

	if (hyperv)
		return hyperv;
	hyperv = kzalloc(sizeof(*hyperv), GFP_KERNEL_ACCOUNT);
	if (!hyperv)
		return NULL;
	mutex_init(&hyperv->lock);
	xa_init(&hyperv->connections);
	/* A full barrier: who sees the pointer sees what is behind it. */
	other = cmpxchg(&vm->hyperv, NULL, hyperv);
	if (!other)
		return hyperv;
	kfree(hyperv);
	return other;
}

/**
 * hyperv_vcpu_get() - see to it that a vCPU, and its VM, have their state
 * @vcpu: vCPU; own thread
 *
 * Return: 0; -ENOMEM.
 */
int hyperv_vcpu_get(struct lodge_vcpu *vcpu)
{
	struct lodge_hyperv_vcpu *hyperv;

	if (vcpu->hyperv)
		return 0;
	if (!hyperv_vm_get(vcpu->vm))
		return -ENOMEM;
	hyperv = kzalloc(sizeof(*hyperv), GFP_KERNEL_ACCOUNT);
	if (!hyperv)
		return -ENOMEM;
	hyperv->vp_index = vcpu->index;
	hyperv->sversion = HV_SYNIC_VERSION_1;
	/* Pairs with the acquire in hyperv_vp_index(). */
	smp_store_release(&vcpu->hyperv, hyperv);
	stimer_create_all(vcpu);
	return 0;
}

/* The number by which hypercalls name a vCPU; any vCPU, any context. */
u32 hyperv_vp_index(struct lodge_vcpu *vcpu)
{
	/* Pairs with the release in hyperv_vcpu_get(). */
	struct lodge_hyperv_vcpu *hyperv = smp_load_acquire(&vcpu->hyperv);

	return hyperv ? READ_ONCE(hyperv->vp_index) : vcpu->index;
}

void hyperv_vcpu_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->hyperv)
		return;
	stimer_destroy_all(vcpu);
	kfree(vcpu->hyperv);
	vcpu->hyperv = NULL;
}

void hyperv_vm_destroy(struct lodge_vm *vm)
{
	if (!vm->hyperv)
		return;
	signal_destroy(vm->hyperv);
	mutex_destroy(&vm->hyperv->lock);
	kfree(vm->hyperv);
	vm->hyperv = NULL;
}

/* Who knows which MSRs, in ascending order. */
static const struct msr_range {
	u32 first;
	u32 last;
	int (*get)(struct lodge_vcpu *vcpu, u32 index, u64 *data);
	int (*set)(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);
} msr_ranges[] = {
	{ HV_X64_MSR_GUEST_OS_ID, HV_X64_MSR_HYPERCALL, partition_get_msr, partition_set_msr },
	{ HV_X64_MSR_VP_INDEX, HV_X64_MSR_VP_INDEX, processor_get_msr, processor_set_msr },
	{ HV_X64_MSR_RESET, HV_X64_MSR_RESET, partition_get_msr, partition_set_msr },
	{ HV_X64_MSR_VP_RUNTIME, HV_X64_MSR_VP_RUNTIME, processor_get_msr, processor_set_msr },
	{ HV_X64_MSR_TIME_REF_COUNT, HV_X64_MSR_APIC_FREQUENCY,
	  reference_time_get_msr, reference_time_set_msr },
	{ HV_X64_MSR_EOI, HV_X64_MSR_VP_ASSIST_PAGE, processor_get_msr, processor_set_msr },
	{ HV_X64_MSR_SCONTROL, HV_X64_MSR_SINT15, synic_get_msr, synic_set_msr },
	{ HV_X64_MSR_STIMER0_CONFIG, HV_X64_MSR_STIMER3_COUNT, stimer_get_msr, stimer_set_msr },
	{ HV_X64_MSR_SYNDBG_CONTROL, HV_X64_MSR_SYNDBG_OPTIONS, debug_get_msr, debug_set_msr },
	{ HV_X64_MSR_CRASH_P0, HV_X64_MSR_TSC_EMULATION_STATUS,
	  partition_get_msr, partition_set_msr },
};

static const struct msr_range *find_range(u32 index)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(msr_ranges); i++) {
		if (index >= msr_ranges[i].first && index <= msr_ranges[i].last)
			return &msr_ranges[i];
	}
	return NULL;
}

bool hyperv_is_msr_withheld(struct lodge_vcpu *vcpu, u32 index)
{
	return !vcpu->hyperv || !vcpu->hyperv->is_hyperv || !hyperv_grants_msr(vcpu, index);
}

int hyperv_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	const struct msr_range *range = find_range(index);
	int ret;

	if (!range)
		return -EINVAL;
	ret = hyperv_vcpu_get(vcpu);
	return ret ?: range->get(vcpu, index, data);
}

int hyperv_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	const struct msr_range *range = find_range(index);
	int ret;

	if (!range)
		return -EINVAL;
	ret = hyperv_vcpu_get(vcpu);
	return ret ?: range->set(vcpu, index, data, from_user);
}
