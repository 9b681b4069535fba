// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the questions to CPUID, to the feature-control MSR and to the VMX
 * capability MSRs that decide whether and how this host runs guests. What is
 * required and what is used where it is offered stands in one table.
 */
#define pr_fmt(fmt) "lodge: " fmt

#include <linux/cpu.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/vmx.h>

#include "vmx/caps.h"
#include "vmx/vmx_defs.h"
#include "vendor.h"

struct vmx_caps vmx_caps __ro_after_init;

/* The words that controls live in. */
enum control_word {
	WORD_PIN,
	WORD_PRIMARY,
	WORD_SECONDARY,
	WORD_ENTRY,
	WORD_EXIT,
	NR_WORDS,
};

/* Where each word's capabilities stand; all CPUs with unrestricted guest have TRUE ones. */
static const u32 capability_msrs[NR_WORDS] = {
	[WORD_PIN]	 = MSR_IA32_VMX_TRUE_PINBASED_CTLS,
	[WORD_PRIMARY]	 = MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
	[WORD_SECONDARY] = MSR_IA32_VMX_PROCBASED_CTLS2,
	[WORD_ENTRY]	 = MSR_IA32_VMX_TRUE_ENTRY_CTLS,
	[WORD_EXIT]	 = MSR_IA32_VMX_TRUE_EXIT_CTLS,
};

struct control {
	u8 word;
	bool is_required;
	u32 bit;
	const char *name;	/* for the message that it is missing */
};

#define REQUIRED(word, bit, name)	{ word, true, bit, name }
#define OPTIONAL(word, bit)		{ word, false, bit, NULL }

/*
 * What every VMCS begins with, as far as the CPU offers it. What stands nowhere here is
 * off: CR3, INVLPG and RDTSC do not exit, interrupts are not acknowledged by the exit.
 */
static const struct control controls[] = {
	/* The host's own events: the host must get them. */
	REQUIRED(WORD_PIN, PIN_BASED_EXT_INTR_MASK, "external-interrupt exiting"),
	REQUIRED(WORD_PIN, PIN_BASED_NMI_EXITING, "NMI exiting"),
	REQUIRED(WORD_PIN, PIN_BASED_VIRTUAL_NMIS, "virtual NMIs"),
	/* Off until there is a deadline (run.c). */
	OPTIONAL(WORD_PIN, PIN_BASED_VMX_PREEMPTION_TIMER),

	/* Give the pCPU to somebody else. */
	REQUIRED(WORD_PRIMARY, CPU_BASED_HLT_EXITING, "HLT exiting"),
	/* Would act on the host's idle states and counters. */
	REQUIRED(WORD_PRIMARY, CPU_BASED_MWAIT_EXITING, "MWAIT exiting"),
	REQUIRED(WORD_PRIMARY, CPU_BASED_MONITOR_EXITING, "MONITOR exiting"),
	REQUIRED(WORD_PRIMARY, CPU_BASED_RDPMC_EXITING, "RDPMC exiting"),
	REQUIRED(WORD_PRIMARY, CPU_BASED_USE_TSC_OFFSETTING, "TSC offsetting"),
	/* All ports and all MSRs but those of msr.c are lodge's or user space's. */
	REQUIRED(WORD_PRIMARY, CPU_BASED_UNCOND_IO_EXITING, "unconditional I/O exiting"),
	REQUIRED(WORD_PRIMARY, CPU_BASED_USE_MSR_BITMAPS, "MSR bitmaps"),
	/* DR0-3 and DR6 are not switched by VM entry. */
	REQUIRED(WORD_PRIMARY, CPU_BASED_MOV_DR_EXITING, "MOV-DR exiting"),
	REQUIRED(WORD_PRIMARY, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, "secondary controls"),
	OPTIONAL(WORD_PRIMARY, CPU_BASED_TPR_SHADOW),

	REQUIRED(WORD_SECONDARY, SECONDARY_EXEC_ENABLE_EPT, "extended page tables (EPT)"),
	REQUIRED(WORD_SECONDARY, SECONDARY_EXEC_UNRESTRICTED_GUEST, "unrestricted guest"),
	OPTIONAL(WORD_SECONDARY, SECONDARY_EXEC_ENABLE_VPID),
	OPTIONAL(WORD_SECONDARY, SECONDARY_EXEC_ENABLE_RDTSCP),
	OPTIONAL(WORD_SECONDARY, SECONDARY_EXEC_ENABLE_INVPCID),
	OPTIONAL(WORD_SECONDARY, SECONDARY_EXEC_XSAVES),
	OPTIONAL(WORD_SECONDARY, SECONDARY_EXEC_WBINVD_EXITING),
	OPTIONAL(WORD_SECONDARY, SECONDARY_EXEC_PAUSE_LOOP_EXITING),
	/* Off until a slot is logged (vcpu.c). */
	OPTIONAL(WORD_SECONDARY, SECONDARY_EXEC_ENABLE_PML),
	/* Where it is not offered, ENCLS is not there at all, or SGX is not. */
	OPTIONAL(WORD_SECONDARY, SECONDARY_EXEC_ENCLS_EXITING),

	REQUIRED(WORD_ENTRY, VM_ENTRY_LOAD_DEBUG_CONTROLS, "loading of debug controls at entry"),
	REQUIRED(WORD_ENTRY, VM_ENTRY_LOAD_IA32_EFER, "loading of EFER at entry"),
	REQUIRED(WORD_ENTRY, VM_ENTRY_LOAD_IA32_PAT, "loading of PAT at entry"),

	REQUIRED(WORD_EXIT, VM_EXIT_HOST_ADDR_SPACE_SIZE, "64-bit hosts"),
	REQUIRED(WORD_EXIT, VM_EXIT_SAVE_DEBUG_CONTROLS, "saving of debug controls at exit"),
	REQUIRED(WORD_EXIT, VM_EXIT_SAVE_IA32_EFER, "saving of EFER at exit"),
	REQUIRED(WORD_EXIT, VM_EXIT_LOAD_IA32_EFER, "loading of EFER at exit"),
	REQUIRED(WORD_EXIT, VM_EXIT_SAVE_IA32_PAT, "saving of PAT at exit"),
	REQUIRED(WORD_EXIT, VM_EXIT_LOAD_IA32_PAT, "loading of PAT at exit"),
};

/* What EPT itself must be able to do (Intel SDM volume 3, "VPID and EPT Capabilities"). */
static const struct {
	u64 bit;
	const char *name;
} ept_required[] = {
	{ VMX_EPT_PAGE_WALK_4_BIT, "EPT of four levels" },
	{ VMX_EPTP_WB_BIT, "EPT in write-back memory" },
	{ VMX_EPT_INVEPT_BIT, "INVEPT" },
};

/* What a CPU may lack, found on each of them. */
struct missing {
	atomic_t vmx;
	atomic_t locked;
};

/**
 * struct offer - what all CPUs can do: a VMCS moves between them
 * @lock: taken by each CPU for its turn
 * @basic: IA32_VMX_BASIC, the bits that all have set
 * @ept_vpid: IA32_VMX_EPT_VPID_CAP, likewise
 * @must: bits that must be 1 in each control word
 * @may: bits that may be
 */
struct offer {
	raw_spinlock_t lock;
	u64 basic;
	u64 ept_vpid;
	u32 must[NR_WORDS];
	u32 may[NR_WORDS];
};

/*
 * IPI. An MSR that firmware left unlocked is ours to set; the kernel has done so at boot
 * where it could.
 */
static void look_at_cpu(void *data)
{
	const u64 wanted = FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX;
	struct missing *missing = data;
	u64 control;

	if (!(cpuid_ecx(1) & BIT(5))) {
		atomic_inc(&missing->vmx);
		return;
	}
	if (rdmsrl_safe(MSR_IA32_FEAT_CTL, &control)) {
		atomic_inc(&missing->locked);
		return;
	}
	if (!(control & FEAT_CTL_LOCKED)) {
		wrmsrl_safe(MSR_IA32_FEAT_CTL, control | wanted);
		rdmsrl(MSR_IA32_FEAT_CTL, control);
	}
	if ((control & wanted) != wanted)
		atomic_inc(&missing->locked);
}

static int check_cpus(void)
{
	struct missing missing = { };

	/* Another vendor's CPU is no error: the next backend is asked. */
	switch (boot_cpu_data.x86_vendor) {
	case X86_VENDOR_INTEL:
	case X86_VENDOR_CENTAUR:
	case X86_VENDOR_ZHAOXIN:
		break;
	default:
		return -EOPNOTSUPP;
	}

	cpus_read_lock();
	on_each_cpu(look_at_cpu, &missing, 1);
	cpus_read_unlock();

	if (atomic_read(&missing.vmx)) {
		pr_err("the CPU has no VT-x (VMX)\n");
		return -EOPNOTSUPP;
	}
	if (atomic_read(&missing.locked)) {
		pr_err("VT-x (VMX) is switched off by firmware (IA32_FEATURE_CONTROL): enable it in the BIOS set-up\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* IPI. Lower half of a capability MSR: bits that must be 1; upper: bits that may be. */
static void ask_cpu(void *data)
{
	struct offer *offer = data;
	unsigned int i;
	u64 value = 0;
	u32 must, may;

	raw_spin_lock(&offer->lock);
	rdmsrl(MSR_IA32_VMX_BASIC, value);
	offer->basic &= value;
	if (rdmsrl_safe(MSR_IA32_VMX_EPT_VPID_CAP, &value))
		value = 0;
	offer->ept_vpid &= value;
	for (i = 0; i < NR_WORDS; i++) {
		if (rdmsr_safe(capability_msrs[i], &must, &may))
			must = may = 0;
		offer->must[i] |= must;
		offer->may[i] &= may;
	}
	raw_spin_unlock(&offer->lock);
}

static void ask_cpus(struct offer *offer)
{
	memset(offer, 0xff, sizeof(*offer));
	raw_spin_lock_init(&offer->lock);
	memset(offer->must, 0, sizeof(offer->must));
	on_each_cpu(ask_cpu, offer, 1);
}

static int negotiate(const struct offer *offer, u32 words[NR_WORDS])
{
	const u32 *may = offer->may;
	unsigned int i;

	if (!(offer->basic & VMX_BASIC_TRUE_CONTROLS)) {
		pr_err("the CPU's VT-x lacks the TRUE control MSRs\n");
		return -EOPNOTSUPP;
	}
	memcpy(words, offer->must, sizeof(offer->must));
	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		const struct control *control = &controls[i];

		if (may[control->word] & control->bit) {
			words[control->word] |= control->bit;
		} else if (control->is_required) {
			pr_err("the CPU's VT-x has no %s\n", control->name);
			return -EOPNOTSUPP;
		}
	}
	/* Set and cleared with the guest's state; they must be possible. */
	if (!(may[WORD_ENTRY] & VM_ENTRY_IA32E_MODE) ||
	    !(may[WORD_PRIMARY] & CPU_BASED_INTR_WINDOW_EXITING) ||
	    !(may[WORD_PRIMARY] & CPU_BASED_NMI_WINDOW_EXITING) ||
	    !(may[WORD_PRIMARY] & CPU_BASED_CR8_LOAD_EXITING) ||
	    !(may[WORD_PRIMARY] & CPU_BASED_CR8_STORE_EXITING)) {
		pr_err("the CPU's VT-x has no 64-bit guests, or no event windows\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int check_ept(u64 ept_vpid)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ept_required); i++) {
		if (!(ept_vpid & ept_required[i].bit)) {
			pr_err("the CPU's VT-x has no %s\n", ept_required[i].name);
			return -EOPNOTSUPP;
		}
	}
	/* Either form of INVEPT will do. */
	if (!(ept_vpid & (VMX_EPT_EXTENT_CONTEXT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT))) {
		pr_err("the CPU's INVEPT knows no form\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/*
 * Whether the first-level data cache is flushed before guests run, as the kernel's
 * parameter l1tf= asks. The variable is the kernel's, which shows it in sysfs.
 */
static void choose_l1d_flush(void)
{
	u64 abilities = 0;

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, abilities);

	if (!boot_cpu_has_bug(X86_BUG_L1TF) || (abilities & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH)) {
		l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_NOT_REQUIRED;
		return;
	}
	switch (l1tf_mitigation) {
	case L1TF_MITIGATION_OFF:
		l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_NEVER;
		break;
	case L1TF_MITIGATION_FULL:
	case L1TF_MITIGATION_FULL_FORCE:
		l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_ALWAYS;
		break;
	default:
		l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_COND;
		break;
	}
}

/* Signatures of CPUs whose preemption timer does not count as it should, by their errata. */
static const u32 bad_timers[] = {
	0x206e6,		/* Xeon 7500: BA86 */
	0x20652, 0x20655,	/* Core i3, i5, i7 of the first generation: AAT59, AAU65 */
	0x306a8,		/* Xeon E3-1220 v2 */
};

static void choose_timer(struct vmx_caps *own)
{
	u32 signature = cpuid_eax(1);
	unsigned int i;
	u64 misc;

	own->has_timer = own->pin & PIN_BASED_VMX_PREEMPTION_TIMER;
	own->pin &= ~PIN_BASED_VMX_PREEMPTION_TIMER;
	rdmsrl(MSR_IA32_VMX_MISC, misc);
	own->timer_shift = misc & VMX_MISC_PREEMPTION_TIMER_RATE_MASK;
	for (i = 0; i < ARRAY_SIZE(bad_timers); i++) {
		if (signature == bad_timers[i])
			own->has_timer = false;
	}
}

/*
 * On some CPUs a guest that changes the size of a page that it executes can cause a machine
 * check ("Machine Check Error on Page Size Change", CVE-2018-12207). With code in small leaves of
 * the second dimension only, no TLB of instructions holds a large translation.
 */
static bool needs_small_exec(void)
{
	return boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off();
}

/**
 * vmx_caps_setup() - find out what the host's CPUs can do
 * @caps: the part for common code
 *
 * Process context, may sleep. Return: 0, or -EOPNOTSUPP for another vendor's CPU
 * (silently) or for a CPU that lacks something required (a line in the log).
 */
int vmx_caps_setup(struct lodge_caps *caps)
{
	struct vmx_caps *own = &vmx_caps;
	u32 words[NR_WORDS];
	struct offer offer;
	int ret;

	ret = check_cpus();
	if (ret)
		return ret;
	ask_cpus(&offer);
	ret = negotiate(&offer, words);
	if (ret)
		return ret;
	ret = check_ept(offer.ept_vpid);
	if (ret)
		return ret;

	own->ept_vpid = offer.ept_vpid;
	own->revision = offer.basic & VMX_BASIC_REVISION_MASK;
	own->pin = words[WORD_PIN];
	own->primary = words[WORD_PRIMARY];
	own->secondary = words[WORD_SECONDARY];
	own->entry = words[WORD_ENTRY];
	own->exit = words[WORD_EXIT];
	rdmsrl(MSR_IA32_VMX_CR0_FIXED0, own->cr0_fixed);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, own->cr4_fixed);

	own->has_ept_ad = own->ept_vpid & VMX_EPT_AD_BIT;
	/* The log is written when a dirty bit is set. */
	if (!own->has_ept_ad)
		own->secondary &= ~SECONDARY_EXEC_ENABLE_PML;
	/* A tag without a way to drop what it marks would be no help. */
	own->has_vpid = (own->secondary & SECONDARY_EXEC_ENABLE_VPID) &&
			(own->ept_vpid & VMX_VPID_INVVPID_CAP) &&
			(own->ept_vpid & (VMX_VPID_EXTENT_SINGLE_CONTEXT_CAP |
					  VMX_VPID_EXTENT_ALL_CONTEXT_CAP));
	if (!own->has_vpid)
		own->secondary &= ~SECONDARY_EXEC_ENABLE_VPID;
	own->has_tpr_shadow = own->primary & CPU_BASED_TPR_SHADOW;
	own->has_tsc_aux = (own->secondary & SECONDARY_EXEC_ENABLE_RDTSCP) &&
			   boot_cpu_has(X86_FEATURE_RDTSCP);
	own->has_spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL);
	choose_timer(own);
	choose_l1d_flush();

	*caps = (struct lodge_caps) {
		.has_next_rip = true,
		.has_spec_ctrl = own->has_spec_ctrl,
		.has_tsc_aux = own->has_tsc_aux,
		.has_xsaves = (own->secondary & SECONDARY_EXEC_XSAVES) &&
			      boot_cpu_has(X86_FEATURE_XSAVES),
		.has_invpcid = (own->secondary & SECONDARY_EXEC_ENABLE_INVPCID) &&
			       boot_cpu_has(X86_FEATURE_INVPCID),
		.has_deadline = own->has_timer,
		.needs_small_exec = needs_small_exec(),
		.has_pdptes = true,
		.nr_written_max = own->secondary & SECONDARY_EXEC_ENABLE_PML ?
				  VMX_PML_ENTRIES : 0,
		/* EPT's depth has nothing to do with the guest's. */
		.has_la57 = boot_cpu_has(X86_FEATURE_LA57),
		.hypercall_insn = { 0x0f, 0x01, 0xc1 },	/* VMCALL */
	};
	return 0;
}
