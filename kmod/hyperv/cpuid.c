// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: Hyper-V's CPUID leaves: what is offered, and, where user space wants that enforced,
 * which MSRs and hypercalls a guest may use because its leaves name them.
 *
 * User space hands the leaves to the guest; many change or leave out some.
 */
#include <linux/cpu.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "../cpuid.h"
#include "state.h"

/* Not a host of Microsoft's: who cares finds it out by this. */
#define VENDOR_SIGNATURE	"Linux KVM Hv"

/* The version of Windows Server 2016, whose functions these are. */
#define VERSION_BUILD		0x3839
#define VERSION_NUMBER		(10u << 16)

/* Times that a guest tries a spin lock before it tells the hypervisor, and CPUs of a host. */
#define SPIN_RETRIES		0xfff
#define MAX_HOST_CPUS		64

#define FEATURES_EAX \
	(HV_MSR_VP_RUNTIME_AVAILABLE | HV_MSR_TIME_REF_COUNT_AVAILABLE | HV_MSR_SYNIC_AVAILABLE | \
	 HV_MSR_SYNTIMER_AVAILABLE | HV_MSR_APIC_ACCESS_AVAILABLE | HV_MSR_HYPERCALL_AVAILABLE | \
	 HV_MSR_VP_INDEX_AVAILABLE | HV_MSR_RESET_AVAILABLE | HV_MSR_REFERENCE_TSC_AVAILABLE | \
	 HV_ACCESS_FREQUENCY_MSRS | HV_ACCESS_REENLIGHTENMENT)
#define FEATURES_EBX		(HV_POST_MESSAGES | HV_SIGNAL_EVENTS | HV_DEBUGGING)
#define FEATURES_EDX \
	(HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE | HV_FEATURE_FREQUENCY_MSRS_AVAILABLE | \
	 HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE | HV_X64_GUEST_DEBUGGING_AVAILABLE | \
	 HV_FEATURE_DEBUG_MSRS_AVAILABLE)
#define HINTS_EAX \
	(HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED | HV_X64_APIC_ACCESS_RECOMMENDED | \
	 HV_X64_RELAXED_TIMING_RECOMMENDED | HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED | \
	 HV_DEPRECATING_AEOI_RECOMMENDED)

static void set_signature(struct kvm_cpuid_entry2 *entry, u32 max_leaf)
{
	u32 signature[3];

	memcpy(signature, VENDOR_SIGNATURE, sizeof(signature));
	entry->eax = max_leaf;
	entry->ebx = signature[0];
	entry->ecx = signature[1];
	entry->edx = signature[2];
}

/* What depends on the vCPU or the host. */
static void complete_leaf(struct kvm_cpuid_entry2 *entry, bool has_lapic)
{
	switch (entry->function) {
	case HYPERV_CPUID_VENDOR_AND_MAX_FUNCTIONS:
		set_signature(entry, HYPERV_CPUID_SYNDBG_CAPABILITIES);
		break;
	case HYPERV_CPUID_SYNDBG_MAX_FUNCTION:
		set_signature(entry, 0);
		break;
	case HYPERV_CPUID_FEATURES:
		if (has_lapic)
			entry->edx |= HV_STIMER_DIRECT_MODE_AVAILABLE;
		break;
	case HYPERV_CPUID_ENLIGHTMENT_INFO:
		if (has_lapic)
			entry->eax |= HV_X64_CLUSTER_IPI_RECOMMENDED;
		if (!cpu_smt_possible())
			entry->eax |= HV_X64_NO_NONARCH_CORESHARING;
		break;
	}
}

/**
 * hyperv_supported_cpuid() - KVM_GET_SUPPORTED_HV_CPUID
 * @entries: filled
 * @has_lapic: the vCPU, or any, has its LAPIC in the kernel
 */
void hyperv_supported_cpuid(struct kvm_cpuid_entry2 entries[HYPERV_NR_LEAVES], bool has_lapic)
{
	static const struct kvm_cpuid_entry2 leaves[] = {
		{ .function = HYPERV_CPUID_VENDOR_AND_MAX_FUNCTIONS },
		{ .function = HYPERV_CPUID_INTERFACE, .eax = HYPERV_INTERFACE_SIGNATURE },
		{ .function = HYPERV_CPUID_VERSION, .eax = VERSION_BUILD, .ebx = VERSION_NUMBER },
		{ .function = HYPERV_CPUID_FEATURES, .eax = FEATURES_EAX, .ebx = FEATURES_EBX,
		  .edx = FEATURES_EDX },
		{ .function = HYPERV_CPUID_ENLIGHTMENT_INFO, .eax = HINTS_EAX,
		  .ebx = SPIN_RETRIES },
		{ .function = HYPERV_CPUID_IMPLEMENT_LIMITS, .eax = LODGE_MAX_VCPUS,
		  .ebx = MAX_HOST_CPUS },
		{ .function = HYPERV_CPUID_SYNDBG_MAX_FUNCTION },
		{ .function = HYPERV_CPUID_SYNDBG_INTERFACE,
		  .eax = HYPERV_VS_INTERFACE_EAX_SIGNATURE },
		{ .function = HYPERV_CPUID_SYNDBG_CAPABILITIES,
		  .eax = HV_X64_SYNDBG_CAP_ALLOW_KERNEL_DEBUGGING },
		/*
		 * No guest has VMX or SVM, so nothing here can be used; programs want to see that
		 * the bitmap of a nested guest's MSRs would be understood.
		 */
		{ .function = HYPERV_CPUID_NESTED_FEATURES, .eax = HV_X64_NESTED_MSR_BITMAP },
	};
	int i;

	static_assert(ARRAY_SIZE(leaves) == HYPERV_NR_LEAVES);
	memcpy(entries, leaves, sizeof(leaves));
	for (i = 0; i < HYPERV_NR_LEAVES; i++)
		complete_leaf(&entries[i], has_lapic);
}

/* The guest's own leaf; zero if it was given none. */
static struct kvm_cpuid_entry2 guest_leaf(struct lodge_vcpu *vcpu, u32 function)
{
	struct kvm_cpuid_entry2 leaf = { .eax = function };

	if (!cpuid_read(vcpu, &leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx))
		memset(&leaf, 0, sizeof(leaf));
	return leaf;
}

int hyperv_take_cpuid(struct lodge_vcpu *vcpu)
{
	bool is_hyperv = guest_leaf(vcpu, HYPERV_CPUID_INTERFACE).eax ==
			 HYPERV_INTERFACE_SIGNATURE;
	struct kvm_cpuid_entry2 leaf;
	u32 *words;
	int ret;

	if (!is_hyperv && !vcpu->hyperv)
		return 0;
	ret = hyperv_vcpu_get(vcpu);
	if (ret)
		return ret;
	vcpu->hyperv->is_hyperv = is_hyperv;
	words = vcpu->hyperv->words;
	memset(words, 0, sizeof(vcpu->hyperv->words));
	if (!is_hyperv)
		return 0;

	leaf = guest_leaf(vcpu, HYPERV_CPUID_FEATURES);
	words[HYPERV_FEATURES_EAX] = leaf.eax;
	words[HYPERV_FEATURES_EBX] = leaf.ebx;
	words[HYPERV_FEATURES_EDX] = leaf.edx;
	leaf = guest_leaf(vcpu, HYPERV_CPUID_ENLIGHTMENT_INFO);
	words[HYPERV_HINTS_EAX] = leaf.eax;
	words[HYPERV_HINTS_EBX] = leaf.ebx;
	words[HYPERV_SYNDBG_EAX] = guest_leaf(vcpu, HYPERV_CPUID_SYNDBG_CAPABILITIES).eax;
	return 0;
}

int hyperv_enforce_cpuid(struct lodge_vcpu *vcpu, bool enforce)
{
	int ret;

	if (!enforce && !vcpu->hyperv)
		return 0;
	ret = hyperv_vcpu_get(vcpu);
	if (!ret)
		vcpu->hyperv->enforces_cpuid = enforce;
	return ret;
}

/* Whether the guest was given all bits of @bits, or need not have been. */
bool hyperv_has(struct lodge_vcpu *vcpu, enum hyperv_word word, u32 bits)
{
	return !vcpu->hyperv->enforces_cpuid || (vcpu->hyperv->words[word] & bits) == bits;
}

/* Which bit offers which MSRs. */
static const struct {
	u32 first;
	u32 last;
	enum hyperv_word word;
	u32 bit;
} msr_offers[] = {
	{ HV_X64_MSR_GUEST_OS_ID, HV_X64_MSR_HYPERCALL,
	  HYPERV_FEATURES_EAX, HV_MSR_HYPERCALL_AVAILABLE },
	{ HV_X64_MSR_VP_INDEX, HV_X64_MSR_VP_INDEX,
	  HYPERV_FEATURES_EAX, HV_MSR_VP_INDEX_AVAILABLE },
	{ HV_X64_MSR_RESET, HV_X64_MSR_RESET, HYPERV_FEATURES_EAX, HV_MSR_RESET_AVAILABLE },
	{ HV_X64_MSR_VP_RUNTIME, HV_X64_MSR_VP_RUNTIME,
	  HYPERV_FEATURES_EAX, HV_MSR_VP_RUNTIME_AVAILABLE },
	{ HV_X64_MSR_TIME_REF_COUNT, HV_X64_MSR_TIME_REF_COUNT,
	  HYPERV_FEATURES_EAX, HV_MSR_TIME_REF_COUNT_AVAILABLE },
	{ HV_X64_MSR_REFERENCE_TSC, HV_X64_MSR_REFERENCE_TSC,
	  HYPERV_FEATURES_EAX, HV_MSR_REFERENCE_TSC_AVAILABLE },
	{ HV_X64_MSR_TSC_FREQUENCY, HV_X64_MSR_APIC_FREQUENCY,
	  HYPERV_FEATURES_EAX, HV_ACCESS_FREQUENCY_MSRS },
	{ HV_X64_MSR_EOI, HV_X64_MSR_VP_ASSIST_PAGE,
	  HYPERV_FEATURES_EAX, HV_MSR_APIC_ACCESS_AVAILABLE },
	{ HV_X64_MSR_SCONTROL, HV_X64_MSR_SINT15, HYPERV_FEATURES_EAX, HV_MSR_SYNIC_AVAILABLE },
	{ HV_X64_MSR_STIMER0_CONFIG, HV_X64_MSR_STIMER3_COUNT,
	  HYPERV_FEATURES_EAX, HV_MSR_SYNTIMER_AVAILABLE },
	{ HV_X64_MSR_SYNDBG_CONTROL, HV_X64_MSR_SYNDBG_OPTIONS,
	  HYPERV_FEATURES_EDX, HV_FEATURE_DEBUG_MSRS_AVAILABLE },
	{ HV_X64_MSR_CRASH_P0, HV_X64_MSR_CRASH_CTL,
	  HYPERV_FEATURES_EDX, HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE },
	{ HV_X64_MSR_REENLIGHTENMENT_CONTROL, HV_X64_MSR_TSC_EMULATION_STATUS,
	  HYPERV_FEATURES_EAX, HV_ACCESS_REENLIGHTENMENT },
};

/*
 * May the guest use this MSR? What needs an activated SynIC, or a debugger that the guest was
 * told of, is not there without, enforced or not.
 */
bool hyperv_grants_msr(struct lodge_vcpu *vcpu, u32 index)
{
	int i;

	if (index >= HV_X64_MSR_SCONTROL && index <= HV_X64_MSR_SINT15 &&
	    !vcpu->hyperv->has_synic)
		return false;
	if (index >= HV_X64_MSR_SYNDBG_CONTROL && index <= HV_X64_MSR_SYNDBG_OPTIONS &&
	    !debug_is_enabled(vcpu))
		return false;

	for (i = 0; i < ARRAY_SIZE(msr_offers); i++) {
		if (index >= msr_offers[i].first && index <= msr_offers[i].last)
			return hyperv_has(vcpu, msr_offers[i].word, msr_offers[i].bit);
	}
	return false;
}

/* May the guest use this hypercall? One that does not exist is answered elsewhere. */
bool hyperv_grants_call(struct lodge_vcpu *vcpu, u16 code)
{
	const u32 *words = vcpu->hyperv->words;
	u32 hints = 0;

	if (!vcpu->hyperv->enforces_cpuid)
		return true;

	switch (code) {
	case HVCALL_NOTIFY_LONG_SPIN_WAIT:
		/* The number of retries; all ones are "never tell". */
		return words[HYPERV_HINTS_EBX] && words[HYPERV_HINTS_EBX] != U32_MAX;
	case HVCALL_POST_MESSAGE:
		return words[HYPERV_FEATURES_EBX] & HV_POST_MESSAGES;
	case HVCALL_SIGNAL_EVENT:
		return words[HYPERV_FEATURES_EBX] & HV_SIGNAL_EVENTS;
	case HVCALL_POST_DEBUG_DATA:
	case HVCALL_RETRIEVE_DEBUG_DATA:
	case HVCALL_RESET_DEBUG_SESSION:
		/* Without a debugger there is no such call. */
		return !debug_is_enabled(vcpu) || (words[HYPERV_FEATURES_EBX] & HV_DEBUGGING);
	case HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST_EX:
	case HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE_EX:
		hints = HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED;
		fallthrough;
	case HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST:
	case HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE:
		hints |= HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED;
		break;
	case HVCALL_SEND_IPI_EX:
		hints = HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED;
		fallthrough;
	case HVCALL_SEND_IPI:
		hints |= HV_X64_CLUSTER_IPI_RECOMMENDED;
		break;
	}
	return (words[HYPERV_HINTS_EAX] & hints) == hints;
}
