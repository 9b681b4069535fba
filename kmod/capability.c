// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: KVM_CHECK_EXTENSION. An entry here is a promise that clients act upon:
 * what is not complete has none and answers 0, as every unknown number does.
 */
#include <linux/kvm.h>
#include <linux/nospec.h>

#include "cpuid.h"
#include "ioctl.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "msr.h"

/* Answers that are the same on every host. */
static const int constant[] = {
	[KVM_CAP_IRQCHIP]			= 1,
	[KVM_CAP_HLT]				= 1,
	[KVM_CAP_VAPIC]				= 1,
	[KVM_CAP_USER_MEMORY]			= 1,
	[KVM_CAP_SET_TSS_ADDR]			= 1,
	[KVM_CAP_EXT_CPUID]			= 1,
	[KVM_CAP_MAX_VCPUS]			= LODGE_MAX_VCPUS,
	[KVM_CAP_NR_MEMSLOTS]			= LODGE_NR_MEMSLOTS,
	[KVM_CAP_COALESCED_MMIO]		= KVM_COALESCED_MMIO_PAGE_OFFSET,
	[KVM_CAP_COALESCED_PIO]			= 1,
	[KVM_CAP_PIT]				= 1,
	[KVM_CAP_NOP_IO_DELAY]			= 1,
	[KVM_CAP_MP_STATE]			= 1,
	[KVM_CAP_SYNC_MMU]			= 1,
	[KVM_CAP_DESTROY_MEMORY_REGION_WORKS]	= 1,
	[KVM_CAP_JOIN_MEMORY_REGIONS_WORKS]	= 1,
	[KVM_CAP_USER_NMI]			= 1,
	[KVM_CAP_IRQ_ROUTING]			= IRQCHIP_MAX_GSIS,
	[KVM_CAP_IRQ_INJECT_STATUS]		= 1,
	[KVM_CAP_MCE]				= LODGE_MCE_BANKS,
	[KVM_CAP_PIT2]				= 1,
	[KVM_CAP_SET_BOOT_CPU_ID]		= 1,
	[KVM_CAP_PIT_STATE2]			= 1,
	[KVM_CAP_SET_IDENTITY_MAP_ADDR]		= 1,
	[KVM_CAP_IRQFD]				= 1,
	[KVM_CAP_IRQFD_RESAMPLE]		= 1,
	[KVM_CAP_IOEVENTFD]			= 1,
	[KVM_CAP_IOEVENTFD_NO_LENGTH]		= 1,
	[KVM_CAP_IOEVENTFD_ANY_LENGTH]		= 1,
	[KVM_CAP_ENABLE_CAP]			= 1,
	[KVM_CAP_ENFORCE_PV_FEATURE_CPUID]	= 1,
	[KVM_CAP_DISABLE_QUIRKS]		= 1,
	[KVM_CAP_DISABLE_QUIRKS2]		= VM_SETTING_QUIRKS,
	[KVM_CAP_MSR_PLATFORM_INFO]		= 1,
	[KVM_CAP_EXIT_HYPERCALL]		= VM_SETTING_HYPERCALLS,
	[KVM_CAP_EXIT_ON_EMULATION_FAILURE]	= 1,
	[KVM_CAP_VCPU_ATTRIBUTES]		= 1,
	[KVM_CAP_SYS_ATTRIBUTES]		= 1,
	[KVM_CAP_VM_DISABLE_NX_HUGE_PAGES]	= 1,
	[KVM_CAP_X86_USER_SPACE_MSR]		= 1,
	[KVM_CAP_X86_MSR_FILTER]		= 1,
	[KVM_CAP_HYPERV]			= 1,
	[KVM_CAP_HYPERV_VAPIC]			= 1,
	[KVM_CAP_HYPERV_SPIN]			= 1,
	[KVM_CAP_HYPERV_TIME]			= 1,
	[KVM_CAP_HYPERV_SYNIC]			= 1,
	[KVM_CAP_HYPERV_SYNIC2]			= 1,
	[KVM_CAP_HYPERV_VP_INDEX]		= 1,
	[KVM_CAP_HYPERV_EVENTFD]		= 1,
	[KVM_CAP_HYPERV_TLBFLUSH]		= 1,
	[KVM_CAP_HYPERV_SEND_IPI]		= 1,
	[KVM_CAP_HYPERV_CPUID]			= 1,
	[KVM_CAP_SYS_HYPERV_CPUID]		= 1,
	[KVM_CAP_HYPERV_ENFORCE_CPUID]		= 1,
	[KVM_CAP_ADJUST_CLOCK]			= KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME |
						  KVM_CLOCK_HOST_TSC,
	[KVM_CAP_VCPU_EVENTS]			= 1,
	[KVM_CAP_INTERNAL_ERROR_DATA]		= 1,
	[KVM_CAP_SET_GUEST_DEBUG]		= 1,
	[KVM_CAP_X86_ROBUST_SINGLESTEP]		= 1,
	[KVM_CAP_DEBUGREGS]			= 1,
	[KVM_CAP_XSAVE]				= 1,
	[KVM_CAP_ASYNC_PF]			= 1,
	[KVM_CAP_GET_TSC_KHZ]			= 1,
	[KVM_CAP_MAX_VCPU_ID]			= LODGE_MAX_VCPU_ID,
	[KVM_CAP_TSC_DEADLINE_TIMER]		= 1,
	[KVM_CAP_SPLIT_IRQCHIP]			= 1,
	[KVM_CAP_X2APIC_API]			= KVM_X2APIC_API_USE_32BIT_IDS |
						  KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK,
	[KVM_CAP_KVMCLOCK_CTRL]			= 1,
	[KVM_CAP_SIGNAL_MSI]			= 1,
	[KVM_CAP_READONLY_MEM]			= 1,
	[KVM_CAP_EXT_EMUL_CPUID]		= 1,
	[KVM_CAP_CHECK_EXTENSION_VM]		= 1,
	[KVM_CAP_IMMEDIATE_EXIT]		= 1,
	[KVM_CAP_SYNC_REGS]			= KVM_SYNC_X86_VALID_FIELDS,
	[KVM_CAP_GET_MSR_FEATURES]		= 1,
	[KVM_CAP_EXCEPTION_PAYLOAD]		= 1,
	[KVM_CAP_X86_TRIPLE_FAULT_EVENT]	= 1,
	[KVM_CAP_ENABLE_CAP_VM]			= 1,
	[KVM_CAP_SREGS2]			= 1,
	[KVM_CAP_HALT_POLL]			= 1,
	[KVM_CAP_ASYNC_PF_INT]			= 1,
	[KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2]	= KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
						  KVM_DIRTY_LOG_INITIALLY_SET,
	[KVM_CAP_SET_GUEST_DEBUG2]		= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
						  KVM_GUESTDBG_USE_SW_BP |
						  KVM_GUESTDBG_USE_HW_BP |
						  KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |
						  KVM_GUESTDBG_BLOCKIRQ,
};

/**
 * capability_value() - answer KVM_CHECK_EXTENSION
 * @vm: the VM that is asked, NULL for the device; answers do not differ
 * @number: KVM_CAP_*
 *
 * Return: 0 for what is not offered.
 */
int capability_value(struct lodge_vm *vm, unsigned long number)
{
	switch (number) {
	case KVM_CAP_NR_VCPUS:
		return min_t(unsigned int, num_online_cpus(), LODGE_MAX_VCPUS);
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return dirty_ring_max_bytes();
	case KVM_CAP_X86_DISABLE_EXITS:
		return vm_setting_insns();
	case KVM_CAP_XCRS:
		return boot_cpu_has(X86_FEATURE_XSAVE);
	case KVM_CAP_XSAVE2:
		/* No feature whose state is larger can be given to a guest. */
		return sizeof(struct kvm_xsave);
	}
	if (number >= ARRAY_SIZE(constant))
		return 0;
	return constant[array_index_nospec(number, ARRAY_SIZE(constant))];
}
