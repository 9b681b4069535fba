/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the VMCS as an object: allocation, becoming current on a pCPU, leaving it,
 * typed access to fields. What goes into it is the business of vcpu.c, state.c and
 * inject.c.
 */
#ifndef LODGE_VMX_VMCS_H
#define LODGE_VMX_VMCS_H

#include <linux/list.h>
#include <linux/types.h>

#include <asm/asm.h>

#include "types.h"

/**
 * struct vmcs - a VMCS and where it is
 * @region: the page that the CPU keeps it in
 * @pa: its address
 * @cpu: pCPU on which it is active (its data may be in that CPU only); -1 for none
 * @is_launched: VMRESUME, not VMLAUNCH; a VMCLEAR ends that
 * @list: in that pCPU's list of active VMCSs; touched on that pCPU only, IRQs off
 */
struct vmcs {
	void *region;
	hpa_t pa;
	int cpu;
	bool is_launched;
	struct list_head list;
};

int vmcs_create(struct vmcs *vmcs);
void vmcs_destroy(struct vmcs *vmcs);
bool vmcs_load(struct vmcs *vmcs);
void vmcs_unload(struct vmcs *vmcs);
void vmcs_clear_all_here(void);
void vmcs_cpu_init(int cpu);

/*
 * Access to the current VMCS. Preemption off. A field that the CPU does not have is
 * never asked for, so failure is not looked at: VMREAD leaves 0 then. After VMXOFF by a
 * reboot the instructions fault; the extable makes them do nothing.
 */
static __always_inline u64 vmcs_read(unsigned long field)
{
	unsigned long value = 0;

	asm volatile("1: vmread %1, %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+r" (value) : "r" (field) : "cc");
	return value;
}

static __always_inline void vmcs_write(unsigned long field, u64 value)
{
	asm volatile("1: vmwrite %0, %1\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "r" ((unsigned long)value), "r" (field) : "cc");
}

#endif /* LODGE_VMX_VMCS_H */
