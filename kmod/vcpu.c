// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 5: a vCPU's creation and destruction. What it consists of is created in the
 * order of the floors and destroyed in reverse; nobody can see it in between.
 */
#include <asm/apicdef.h>
#include <asm/msr-index.h>

#include <linux/gfp.h>
#include <linux/slab.h>

#include "clock.h"
#include "cpuid.h"
#include "fpu.h"
#include "hyperv/hyperv.h"
#include "irqchip/irqchip.h"
#include "lifecycle.h"
#include "mmu/mmu.h"
#include "msr.h"
#include "pv/pv.h"
#include "regs.h"
#include "request.h"
#include "run.h"

/* The pages that user space maps. They are separate: user space may keep one mapped. */
static int create_shared_pages(struct lodge_vcpu *vcpu)
{
	vcpu->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->pio_data = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vcpu->run && vcpu->pio_data ? 0 : -ENOMEM;
}

static void destroy_shared_pages(struct lodge_vcpu *vcpu)
{
	free_page((unsigned long)vcpu->pio_data);
	free_page((unsigned long)vcpu->run);
}

/* What the guest sees of the vCPU, all of it allocated, nothing loaded yet. */
static int create_parts(struct lodge_vcpu *vcpu)
{
	int ret;

	ret = create_shared_pages(vcpu);
	if (ret)
		return ret;
	vcpu->emulator = kzalloc(sizeof(*vcpu->emulator), GFP_KERNEL_ACCOUNT);
	if (!vcpu->emulator)
		return -ENOMEM;
	vcpu->emulator->ctxt.ops = &device_access_ops;
	vcpu->emulator->ctxt.owner = vcpu;

	ret = lodge_vendor->vcpu_create(vcpu);
	if (ret)
		return ret;
	ret = cpuid_create(vcpu);
	if (ret)
		return ret;
	ret = fpu_create(vcpu);
	if (ret)
		return ret;
	if (vcpu->vm->irqchip) {
		ret = lapic_create(vcpu);
		if (ret)
			return ret;
	}
	ret = pv_create(vcpu);
	if (ret)
		return ret;
	return dirty_ring_create(vcpu);
}

static void set_initial_state(struct lodge_vcpu *vcpu)
{
	bool is_bsp = vcpu->id == vcpu->vm->bsp_id;

	vcpu->mp_state = is_bsp || !vcpu->lapic ? KVM_MP_STATE_RUNNABLE :
						  KVM_MP_STATE_UNINITIALIZED;
	if (!vcpu->lapic)
		vcpu->apic_base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE |
				  (is_bsp ? MSR_IA32_APICBASE_BSP : 0);
	vcpu_reset(vcpu, false);
	if (lodge_caps.nr_written_max)
		lodge_request_set(vcpu, LODGE_REQ_DIRTY_LOG);
}

/**
 * vcpu_create() - make a vCPU in its reset state
 * @vm: its VM, vm->lock held
 * @id: initial APIC id, below LODGE_MAX_VCPU_ID
 *
 * Process context of the VM's process. The vCPU is not published.
 *
 * Return: the vCPU, or ERR_PTR(-ENOMEM).
 */
struct lodge_vcpu *vcpu_create(struct lodge_vm *vm, u32 id)
{
	struct lodge_vcpu *vcpu;
	int ret;

	lockdep_assert_held(&vm->lock);
	vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return ERR_PTR(-ENOMEM);

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->index = vm->nr_vcpus;
	vcpu->cpu = -1;
	vcpu->last_cpu = -1;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	lodge_regs_reset(vcpu, false);

	ret = create_parts(vcpu);
	if (ret)
		goto destroy_vcpu;
	ret = clock_vcpu_create(vcpu);
	if (ret)
		goto destroy_vcpu;
	ret = msr_create(vcpu);
	if (ret)
		goto destroy_vcpu;

	mutex_lock(&vcpu->mutex);
	vcpu_load(vcpu);
	set_initial_state(vcpu);
	lodge_vendor->tdp_load(vcpu, tdp_root(vm));
	vcpu_follow_settings(vcpu);
	vcpu_put(vcpu);
	mutex_unlock(&vcpu->mutex);
	return vcpu;

destroy_vcpu:
	vcpu_destroy(vcpu);
	return ERR_PTR(ret);
}

/**
 * vcpu_destroy() - free a vCPU
 * @vcpu: one that nobody can reach any more, or whose creation failed at any point
 *
 * Every part's destroy function takes a part that was never created.
 */
void vcpu_destroy(struct lodge_vcpu *vcpu)
{
	dirty_ring_destroy(vcpu);
	pv_destroy(vcpu);
	hyperv_vcpu_destroy(vcpu);
	lapic_destroy(vcpu);
	msr_destroy(vcpu);
	clock_vcpu_destroy(vcpu);
	fpu_destroy(vcpu);
	cpuid_destroy(vcpu);
	lodge_vendor->vcpu_destroy(vcpu);
	kfree(vcpu->emulator);
	destroy_shared_pages(vcpu);
	kfree(vcpu);
}
