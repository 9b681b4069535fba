// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the VMX backend's table of operations; the machine and each pCPU in and
 * out of VMX operation; the format of EPT entries.
 */
#define pr_fmt(fmt) "lodge: " fmt

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/string.h>

#include <asm/asm.h>
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/tlbflush.h>

#include "vmx/vmx.h"

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpu);

/* Physical addresses end below bit 52 in any x86 page table. */
#define EPT_ADDRESS_MASK	GENMASK_ULL(51, 12)

/* Memory types in an EPT entry (Intel SDM volume 3, "EPT and Memory Typing"). */
#define EPT_TYPE_UC		(0ull << VMX_EPT_MT_EPTE_SHIFT)
#define EPT_TYPE_WB		(6ull << VMX_EPT_MT_EPTE_SHIFT)

static struct lodge_pte_format ept_format __ro_after_init;

/*
 * Intel SDM volume 3, "The Extended Page Table Mechanism". "Ignore PAT" for RAM: the host has
 * the same pages cached, and a CPU need not keep cached and uncached views of one page in step.
 * Not for a device's memory, which nobody has cached: a guest may combine its writes to it.
 */
static void set_ept_format(void)
{
	u64 offered = vmx_caps.ept_vpid;

	ept_format = (struct lodge_pte_format) {
		.present	= VMX_EPT_RWX_MASK,
		.table		= VMX_EPT_RWX_MASK,
		.leaf		= VMX_EPT_READABLE_MASK,
		.writable	= VMX_EPT_WRITABLE_MASK,
		.exec		= VMX_EPT_EXECUTABLE_MASK,
		.large		= VMX_EPT_LARGE_BIT,
		.accessed	= vmx_caps.has_ept_ad ? VMX_EPT_ACCESS_BIT : 0,
		.dirty		= vmx_caps.has_ept_ad ? VMX_EPT_DIRTY_BIT : 0,
		.memtype_wb	= EPT_TYPE_WB | VMX_EPT_IPAT_BIT,
		.memtype_uc	= EPT_TYPE_UC,
		.address	= EPT_ADDRESS_MASK,
		.levels		= 4,
		.max_leaf_level	= 1,
	};
	if (offered & VMX_EPT_2MB_PAGE_BIT)
		ept_format.max_leaf_level = offered & VMX_EPT_1GB_PAGE_BIT ? 3 : 2;
}

static void free_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *data = per_cpu_ptr(&vmx_cpu, cpu);

		if (data->vmxon_page)
			__free_page(data->vmxon_page);
		memset(data, 0, sizeof(*data));
	}
}

/* On failure the caller frees what there is. */
static int alloc_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *data = per_cpu_ptr(&vmx_cpu, cpu);

		data->vmxon_page = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);
		if (!data->vmxon_page)
			return -ENOMEM;
		*(u32 *)page_address(data->vmxon_page) = vmx_caps.revision;
		data->vmxon_pa = page_to_phys(data->vmxon_page);
		vmcs_cpu_init(cpu);
	}
	return 0;
}

static void vmx_teardown(void)
{
	free_cpus();
	vmx_msr_teardown();
	l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_AUTO;
}

static int vmx_setup(struct lodge_caps *caps)
{
	int ret = vmx_caps_setup(caps);

	if (ret)
		return ret;
	set_ept_format();

	ret = vmx_msr_setup();
	if (ret)
		goto teardown;
	ret = alloc_cpus();
	if (ret)
		goto teardown;
	return 0;

teardown:
	vmx_teardown();
	return ret;
}

static int vmxon(hpa_t pa)
{
	bool is_on = false;

	asm volatile("1: vmxon %1\n"
		     "seta %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+qm" (is_on) : "m" (pa) : "cc", "memory");
	if (is_on)
		return 0;
	return -EIO;
}

/*
 * CR4.VMXE that is set already belongs to somebody else. VMXON faults where firmware has
 * not switched VMX on for this CPU, as setup() saw it for those that were there then.
 */
static int vmx_cpu_enable(void)
{
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);
	int ret;

	if (__read_cr4() & X86_CR4_VMXE)
		return -EBUSY;

	/* Before the deed: an emergency's NMI may come in right after it. */
	cpu->is_enabled = true;
	barrier();
	intel_pt_handle_vmx(1);
	cr4_set_bits(X86_CR4_VMXE);
	ret = vmxon(cpu->vmxon_pa);
	if (ret) {
		cpu->is_enabled = false;
		cr4_clear_bits(X86_CR4_VMXE);
		intel_pt_handle_vmx(0);
		return ret;
	}

	rdmsrl(MSR_STAR, cpu->host_star);
	rdmsrl(MSR_LSTAR, cpu->host_lstar);
	rdmsrl(MSR_SYSCALL_MASK, cpu->host_sfmask);
	if (vmx_caps.has_tsc_aux)
		rdmsrl(MSR_TSC_AUX, cpu->host_tsc_aux);
	cpu->last_id = 0;
	return 0;
}

/*
 * All VMCSs are written out first: later the CPU could not, and a page that it still
 * holds data of would be spoiled at any time. A CPU in VMX operation answers no INIT
 * (Intel SDM volume 3, "Restrictions on VMX Operation"), so it must be left in any case. An
 * emergency's NMI may interrupt this or vmx_cpu_enable() anywhere and does not return: what
 * is done twice, or too early, faults and that is all.
 */
static void vmx_cpu_disable(void)
{
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);

	if (!cpu->is_enabled)
		return;

	vmcs_clear_all_here();
	asm volatile("1: vmxoff\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : : "cc", "memory");
	cr4_clear_bits(X86_CR4_VMXE);
	intel_pt_handle_vmx(0);
	barrier();
	cpu->is_enabled = false;
}

const struct lodge_vendor_ops vmx_ops = {
	.name			= "vmx",
	.pte			= &ept_format,
	.setup			= vmx_setup,
	.teardown		= vmx_teardown,
	.cpu_enable		= vmx_cpu_enable,
	.cpu_disable		= vmx_cpu_disable,
	.vcpu_create		= vmx_vcpu_create,
	.vcpu_destroy		= vmx_vcpu_destroy,
	.vcpu_load		= vmx_vcpu_load,
	.vcpu_put		= vmx_vcpu_put,
	.state_read		= vmx_state_read,
	.state_write		= vmx_state_write,
	.inject			= vmx_inject,
	.request_window		= vmx_request_window,
	.update_tpr		= vmx_update_tpr,
	.tdp_load		= vmx_tdp_load,
	.tlb_flush		= vmx_tlb_flush,
	.update_intercepts	= vmx_update_intercepts,
	.run			= vmx_run,
};
