// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the SVM backend's table of operations; the machine and each pCPU in and
 * out of SVM; the format of nested page-table entries.
 */
#define pr_fmt(fmt) "lodge: " fmt

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/string.h>

#include <asm/io.h>
#include <asm/msr.h>
#include <asm/perf_event.h>
#include <asm/pgtable_types.h>
#include <asm/special_insns.h>
#include <asm/svm.h>

#include "svm/svm.h"

DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

/* All ones: every port exits. */
static void *iopm;

/* Physical addresses end below bit 52 in any x86 page table. */
#define NPT_ADDRESS_MASK	GENMASK_ULL(51, 12)

static struct lodge_pte_format npt_format __ro_after_init;

/*
 * NPT entries are ordinary x86 entries in the format and depth that the host itself
 * uses (AMD APM volume 2, "Nested Paging"); the walk counts as a user access, hence
 * the user bit. The type bits select from the host's PAT, whose first entry is
 * write-back and whose fourth is uncached; the guest's PAT then has its say about
 * write-back memory. Where the host's memory is encrypted (SME), so is the guest's,
 * but no device.
 */
static void set_npt_format(void)
{
	bool has_five_levels = native_read_cr4() & X86_CR4_LA57;

	npt_format = (struct lodge_pte_format) {
		.present	= _PAGE_PRESENT,
		.table		= _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED |
				  sme_me_mask,
		.leaf		= _PAGE_PRESENT | _PAGE_USER,
		.writable	= _PAGE_RW,
		.noexec		= _PAGE_NX,
		.large		= _PAGE_PSE,
		.accessed	= _PAGE_ACCESSED,
		.dirty		= _PAGE_DIRTY,
		.memtype_wb	= sme_me_mask,
		.memtype_uc	= _PAGE_PCD | _PAGE_PWT,
		.address	= NPT_ADDRESS_MASK & ~sme_me_mask,
		.levels		= has_five_levels ? 5 : 4,
		.max_leaf_level	= boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2,
	};
}

static void free_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *data = per_cpu_ptr(&svm_cpu, cpu);

		if (data->host_page)
			__free_page(data->host_page);
		if (data->save_page)
			__free_page(data->save_page);
		memset(data, 0, sizeof(*data));
	}
}

/* On failure the caller frees what there is. */
static int alloc_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *data = per_cpu_ptr(&svm_cpu, cpu);
		int node = cpu_to_node(cpu);

		data->host_page = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, 0);
		data->save_page = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, 0);
		if (!data->host_page || !data->save_page)
			return -ENOMEM;
		data->host_pa = __sme_set(page_to_phys(data->host_page));
		data->save_pa = __sme_set(page_to_phys(data->save_page));
	}
	return 0;
}

static void svm_teardown(void)
{
	free_cpus();
	svm_msr_teardown();
	if (iopm)
		free_pages_exact(iopm, SVM_IOPM_BYTES);
	iopm = NULL;
}

static int svm_setup(struct lodge_caps *caps)
{
	int ret = svm_caps_setup(caps);

	if (ret)
		return ret;
	set_npt_format();

	iopm = alloc_pages_exact(SVM_IOPM_BYTES, GFP_KERNEL);
	if (!iopm)
		return -ENOMEM;
	memset(iopm, 0xff, SVM_IOPM_BYTES);

	ret = svm_msr_setup();
	if (ret)
		goto teardown;
	ret = alloc_cpus();
	if (ret)
		goto teardown;
	return 0;

teardown:
	svm_teardown();
	return ret;
}

/**
 * svm_iopm_pa() - the I/O permission map that all vCPUs share
 *
 * Return: address as the VMCB takes it.
 */
hpa_t svm_iopm_pa(void)
{
	return __sme_set(virt_to_phys(iopm));
}

static int svm_cpu_enable(void)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;

	/* Before the deed: an emergency's NMI may come in right after it. */
	cpu->is_enabled = true;
	barrier();
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, cpu->save_pa);
	/* Another hypervisor may have left a ratio; guests get the host's rate. */
	if (svm_caps.has_tsc_ratio)
		wrmsr(MSR_AMD64_TSC_RATIO, lower_32_bits(SVM_TSC_RATIO_DEFAULT),
		      upper_32_bits(SVM_TSC_RATIO_DEFAULT));
	if (svm_caps.has_tsc_aux)
		rdmsrl(MSR_TSC_AUX, cpu->host_tsc_aux);

	/* The host's counters can tell host from guest from now on. */
	amd_pmu_enable_virt();

	svm_tlb_cpu_reset(cpu);
	cpu->last_id = 0;
	return 0;
}

/*
 * GIF is set first: with SVME clear nothing but a reset could set it, and a CPU
 * without it answers no INIT (AMD APM volume 2, "Global Interrupt Flag, STGI and CLGI
 * Instructions").
 */
static void svm_cpu_disable(void)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	u64 efer;

	if (!cpu->is_enabled)
		return;

	efer = native_read_msr(MSR_EFER);
	if (efer & EFER_SVME) {
		asm volatile("stgi" : : : "memory");
		native_wrmsrl(MSR_VM_HSAVE_PA, 0);
		native_wrmsrl(MSR_EFER, efer & ~(u64)EFER_SVME);
	}
	/* Not by an emergency, which may have interrupted the counters' own code. */
	if (!in_nmi())
		amd_pmu_disable_virt();
	barrier();
	cpu->is_enabled = false;
}

const struct lodge_vendor_ops svm_ops = {
	.name			= "svm",
	.pte			= &npt_format,
	.setup			= svm_setup,
	.teardown		= svm_teardown,
	.cpu_enable		= svm_cpu_enable,
	.cpu_disable		= svm_cpu_disable,
	.vcpu_create		= svm_vcpu_create,
	.vcpu_destroy		= svm_vcpu_destroy,
	.vcpu_load		= svm_vcpu_load,
	.vcpu_put		= svm_vcpu_put,
	.state_read		= svm_state_read,
	.state_write		= svm_state_write,
	.inject			= svm_inject,
	.request_window		= svm_request_window,
	.update_tpr		= svm_update_tpr,
	.tdp_load		= svm_tdp_load,
	.tlb_flush		= svm_tlb_flush,
	.update_intercepts	= svm_update_intercepts,
	.run			= svm_run,
};
