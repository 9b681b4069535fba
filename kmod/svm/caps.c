// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the questions to CPUID and VM_CR that decide whether and how this host
 * runs guests. Required are SVM, nested paging and two ASIDs; all else is optional.
 */
#define pr_fmt(fmt) "lodge: " fmt

#include <linux/cc_platform.h>
#include <linux/cpu.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/svm.h>

#include "svm/caps.h"
#include "vendor.h"

struct svm_caps svm_caps __ro_after_init;

/* What a CPU may lack, found on each of them. */
struct missing {
	atomic_t svm;
	atomic_t npt;
	atomic_t locked;
};

/* IPI: ask this CPU, not the summary that the kernel made of all of them. */
static void look_at_cpu(void *data)
{
	struct missing *missing = data;
	u64 vm_cr;

	if (cpuid_eax(0x80000000) < SVM_CPUID_FUNC || !(cpuid_ecx(0x80000001) & BIT(2))) {
		atomic_inc(&missing->svm);
		return;
	}
	if (!(cpuid_edx(SVM_CPUID_FUNC) & BIT(0)))
		atomic_inc(&missing->npt);
	if (!rdmsrl_safe(MSR_VM_CR, &vm_cr) && (vm_cr & SVM_VM_CR_SVM_DIS_MASK))
		atomic_inc(&missing->locked);
}

static int check_cpus(void)
{
	struct missing missing = { };
	int vendor = boot_cpu_data.x86_vendor;

	/* Another vendor's CPU is no error: the next backend is asked. */
	if (vendor != X86_VENDOR_AMD && vendor != X86_VENDOR_HYGON)
		return -EOPNOTSUPP;

	/* A guest whose memory is encrypted cannot give plain tables to VMRUN. */
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)) {
		pr_err("not possible inside a guest with encrypted memory (SEV)\n");
		return -EOPNOTSUPP;
	}

	cpus_read_lock();
	on_each_cpu(look_at_cpu, &missing, 1);
	cpus_read_unlock();

	if (atomic_read(&missing.svm)) {
		pr_err("the CPU has no AMD-V (SVM)\n");
		return -EOPNOTSUPP;
	}
	if (atomic_read(&missing.locked)) {
		pr_err("AMD-V (SVM) is switched off by firmware (VM_CR.SVMDIS): enable it in the BIOS set-up\n");
		return -EOPNOTSUPP;
	}
	if (atomic_read(&missing.npt)) {
		pr_err("the CPU has no nested paging (NPT)\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * svm_caps_setup() - find out what the host's CPUs can do
 * @caps: the part for common code
 *
 * Process context, may sleep. Return: 0, or -EOPNOTSUPP for another vendor's CPU
 * (silently) or for a CPU that lacks something required (a line in the log).
 */
int svm_caps_setup(struct lodge_caps *caps)
{
	struct svm_caps *own = &svm_caps;
	int ret = check_cpus();

	if (ret)
		return ret;

	own->nr_asids = cpuid_ebx(SVM_CPUID_FUNC);
	if (own->nr_asids < 2) {
		pr_err("the CPU has no address-space identifiers for guests\n");
		return -EOPNOTSUPP;
	}
	own->has_next_rip = boot_cpu_has(X86_FEATURE_NRIPS);
	own->has_decode_assists = boot_cpu_has(X86_FEATURE_DECODEASSISTS);
	own->has_flush_by_asid = boot_cpu_has(X86_FEATURE_FLUSHBYASID);
	own->has_pause_filter = boot_cpu_has(X86_FEATURE_PAUSEFILTER);
	own->has_pause_threshold = boot_cpu_has(X86_FEATURE_PFTHRESHOLD);
	own->has_lbr = boot_cpu_has(X86_FEATURE_LBRV);
	own->has_tsc_ratio = boot_cpu_has(X86_FEATURE_TSCRATEMSR);
	own->has_virt_spec_ctrl_vmcb = boot_cpu_has(X86_FEATURE_V_SPEC_CTRL);
	own->has_spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) ||
			     own->has_virt_spec_ctrl_vmcb;
	/* Where VMRUN switches SPEC_CTRL, SSBD is switched there with it. */
	own->has_ssbd_by_host = !own->has_virt_spec_ctrl_vmcb &&
				(boot_cpu_has(X86_FEATURE_LS_CFG_SSBD) ||
				 boot_cpu_has(X86_FEATURE_VIRT_SSBD));
	own->has_tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID);

	*caps = (struct lodge_caps) {
		.has_next_rip = own->has_next_rip,
		.has_spec_ctrl = own->has_spec_ctrl,
		.has_virt_spec_ctrl = own->has_ssbd_by_host,
		.has_tsc_aux = own->has_tsc_aux,
		.has_xsaves = boot_cpu_has(X86_FEATURE_XSAVES),
		.has_invpcid = boot_cpu_has(X86_FEATURE_INVPCID),
		/* NPT has the depth of the host's own tables. */
		.has_la57 = !!(native_read_cr4() & X86_CR4_LA57),
		.hypercall_insn = { 0x0f, 0x01, 0xd9 },	/* VMMCALL */
	};
	return 0;
}
