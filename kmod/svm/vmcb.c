// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: allocation of VMCBs and the check that the kernel's picture of a VMCB
 * is the manual's.
 */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>

#include <asm/io.h>

#include "svm/vmcb.h"

/* AMD APM volume 2, "Layout of VMCB". */
static_assert(offsetof(struct vmcb, control.msrpm_base_pa) == 0x48);
static_assert(offsetof(struct vmcb, control.asid) == 0x58);
static_assert(offsetof(struct vmcb, control.int_ctl) == 0x60);
static_assert(offsetof(struct vmcb, control.exit_code) == 0x70);
static_assert(offsetof(struct vmcb, control.exit_int_info) == 0x88);
static_assert(offsetof(struct vmcb, control.event_inj) == 0xa8);
static_assert(offsetof(struct vmcb, control.nested_cr3) == 0xb0);
static_assert(offsetof(struct vmcb, control.clean) == 0xc0);
static_assert(offsetof(struct vmcb, control.next_rip) == 0xc8);
static_assert(offsetof(struct vmcb, control.insn_len) == 0xd0);
static_assert(offsetof(struct vmcb, save) == 0x400);
static_assert(offsetof(struct vmcb, save.cpl) == 0x400 + 0xcb);
static_assert(offsetof(struct vmcb, save.efer) == 0x400 + 0xd0);
static_assert(offsetof(struct vmcb, save.cr4) == 0x400 + 0x148);
static_assert(offsetof(struct vmcb, save.dr6) == 0x400 + 0x168);
static_assert(offsetof(struct vmcb, save.rflags) == 0x400 + 0x170);
static_assert(offsetof(struct vmcb, save.rsp) == 0x400 + 0x1d8);
static_assert(offsetof(struct vmcb, save.rax) == 0x400 + 0x1f8);
static_assert(offsetof(struct vmcb, save.cr2) == 0x400 + 0x240);
static_assert(offsetof(struct vmcb, save.g_pat) == 0x400 + 0x268);
static_assert(offsetof(struct vmcb, save.spec_ctrl) == 0x400 + 0x2e0);

/**
 * vmcb_alloc() - allocate a VMCB, all zero
 * @pa: where to put the address as VMRUN takes it
 *
 * May sleep. Return: the VMCB, or NULL for lack of memory.
 */
struct vmcb *vmcb_alloc(hpa_t *pa)
{
	struct vmcb *vmcb = (struct vmcb *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

	if (vmcb)
		*pa = __sme_set(virt_to_phys(vmcb));
	return vmcb;
}

/**
 * vmcb_free() - free a VMCB that no CPU runs
 * @vmcb: from vmcb_alloc(), or NULL
 */
void vmcb_free(struct vmcb *vmcb)
{
	free_page((unsigned long)vmcb);
}
