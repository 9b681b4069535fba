// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: VMCSs come and go. A pCPU may hold the data of any number of active VMCSs
 * inside itself; before one is used elsewhere, or its memory given back, VMCLEAR on that
 * pCPU must write it out (Intel SDM volume 3, "Software Use of Virtual-Machine Control
 * Structures").
 *
 *   vmcs->cpu is | and it is loaded on | what happens
 *   -1           | any                 | VMPTRLD, into this pCPU's list
 *   this one     | this one            | VMPTRLD if another is current
 *   another      | this one            | IPI: VMCLEAR there; then as for -1
 */
#include <linux/gfp.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include <asm/io.h>

#include "vmx/caps.h"
#include "vmx/vmcs.h"

static DEFINE_PER_CPU(struct list_head, active_vmcss);
static DEFINE_PER_CPU(struct vmcs *, current_vmcs);

static void vmclear(const struct vmcs *vmcs)
{
	asm volatile("1: vmclear %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (vmcs->pa) : "cc", "memory");
}

static void vmptrld(const struct vmcs *vmcs)
{
	asm volatile("1: vmptrld %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (vmcs->pa) : "cc", "memory");
}

/**
 * vmcs_create() - allocate a VMCS
 * @vmcs: filled
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int vmcs_create(struct vmcs *vmcs)
{
	vmcs->region = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmcs->region)
		return -ENOMEM;
	*(u32 *)vmcs->region = vmx_caps.revision;
	vmcs->pa = virt_to_phys(vmcs->region);
	vmcs->cpu = -1;
	vmcs->is_launched = false;
	INIT_LIST_HEAD(&vmcs->list);
	return 0;
}

/* On the pCPU where it is active, IRQs off. */
static void clear_here(void *data)
{
	struct vmcs *vmcs = data;

	/* A pCPU that went offline meanwhile has cleared it already. */
	if (vmcs->cpu != smp_processor_id())
		return;
	vmclear(vmcs);
	if (this_cpu_read(current_vmcs) == vmcs)
		this_cpu_write(current_vmcs, NULL);
	list_del_init(&vmcs->list);
	vmcs->is_launched = false;
	/* Whoever sees -1 sees the rest, and memory is up to date. */
	smp_store_release(&vmcs->cpu, -1);
}

static void vmcs_clear(struct vmcs *vmcs)
{
	/* Pairs with the release in clear_here(). */
	int cpu = smp_load_acquire(&vmcs->cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, clear_here, vmcs, 1);
}

/**
 * vmcs_destroy() - give a VMCS back
 * @vmcs: not loaded; one whose creation failed is fine
 *
 * IRQs on; may send an IPI and wait.
 */
void vmcs_destroy(struct vmcs *vmcs)
{
	if (!vmcs->region)
		return;
	vmcs_clear(vmcs);
	free_page((unsigned long)vmcs->region);
	vmcs->region = NULL;
}

/**
 * vmcs_load() - make a VMCS current on this pCPU
 * @vmcs: which
 *
 * Preemption off, IRQs on. May wait for another pCPU.
 *
 * Return: true if it was not active here before.
 */
bool vmcs_load(struct vmcs *vmcs)
{
	int cpu = smp_processor_id();
	bool is_new = vmcs->cpu != cpu;
	unsigned long flags;

	if (is_new) {
		vmcs_clear(vmcs);
		local_irq_save(flags);
		/* VMCLEAR also brings a new region into a defined state. */
		vmclear(vmcs);
		vmcs->cpu = cpu;
		list_add(&vmcs->list, this_cpu_ptr(&active_vmcss));
		local_irq_restore(flags);
	}
	if (this_cpu_read(current_vmcs) != vmcs) {
		this_cpu_write(current_vmcs, vmcs);
		vmptrld(vmcs);
	}
	return is_new;
}

/**
 * vmcs_unload() - write a VMCS out to memory
 * @vmcs: active on this pCPU
 *
 * Preemption off.
 */
void vmcs_unload(struct vmcs *vmcs)
{
	unsigned long flags;

	local_irq_save(flags);
	clear_here(vmcs);
	local_irq_restore(flags);
}

/**
 * vmcs_clear_all_here() - write out all VMCSs that are active on this pCPU
 *
 * IRQs off; also the emergency path. Before VMXOFF: a pCPU without VMX can no longer.
 *
 * An emergency's NMI may find the list in the middle of a change: forward it can be
 * followed at any time, so it is, and then forgotten as a whole.
 */
void vmcs_clear_all_here(void)
{
	struct list_head *list = this_cpu_ptr(&active_vmcss);
	struct vmcs *vmcs, *next;

	list_for_each_entry_safe(vmcs, next, list, list) {
		vmclear(vmcs);
		vmcs->is_launched = false;
		/* Pairs with vmcs_clear(); from here on another pCPU may have it. */
		smp_store_release(&vmcs->cpu, -1);
	}
	INIT_LIST_HEAD(list);
	this_cpu_write(current_vmcs, NULL);
}

/**
 * vmcs_cpu_init() - prepare a pCPU's list
 * @cpu: possible pCPU that has no VMCS
 */
void vmcs_cpu_init(int cpu)
{
	INIT_LIST_HEAD(per_cpu_ptr(&active_vmcss, cpu));
	per_cpu(current_vmcs, cpu) = NULL;
}
