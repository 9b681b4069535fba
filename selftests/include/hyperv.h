/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hyper-V as guests and VMMs see it: numbers of the Top-Level Functional Specification, how a
 * vCPU is given its CPUID leaves, and hypercalls from guest code. Holds no tests.
 */
#ifndef SELFTESTS_HYPERV_H
#define SELFTESTS_HYPERV_H

#include "vcpu.h"

#define HV_LEAF_INTERFACE 0x40000001
#define HV_LEAF_FEATURES 0x40000003
#define HV_LEAF_HINTS 0x40000004
#define HV_NR_LEAVES 10

/* HV_LEAF_FEATURES */
#define HV_EAX_RUNTIME BIT(0)
#define HV_EAX_REFERENCE_COUNTER BIT(1)
#define HV_EAX_SYNIC BIT(2)
#define HV_EAX_TIMERS BIT(3)
#define HV_EAX_APIC BIT(4)
#define HV_EAX_HYPERCALL BIT(5)
#define HV_EAX_VP_INDEX BIT(6)
#define HV_EAX_RESET BIT(7)
#define HV_EAX_REFERENCE_TSC BIT(9)
#define HV_EAX_FREQUENCIES BIT(11)
#define HV_EAX_REENLIGHTENMENT BIT(13)
#define HV_EBX_POST_MESSAGES BIT(4)
#define HV_EBX_SIGNAL_EVENTS BIT(5)
#define HV_EDX_XMM_INPUT BIT(4)
#define HV_EDX_CRASH BIT(10)
#define HV_EDX_DIRECT_TIMERS BIT(19)

/* HV_LEAF_HINTS */
#define HV_HINT_TLB_FLUSH BIT(2)
#define HV_HINT_IPI BIT(10)
#define HV_HINT_EX_MASKS BIT(11)

#define HV_GUEST_OS_ID 0x40000000
#define HV_HYPERCALL 0x40000001
#define HV_VP_INDEX 0x40000002
#define HV_RESET 0x40000003
#define HV_VP_RUNTIME 0x40000010
#define HV_TIME_REF_COUNT 0x40000020
#define HV_REFERENCE_TSC 0x40000021
#define HV_TSC_FREQUENCY 0x40000022
#define HV_APIC_FREQUENCY 0x40000023
#define HV_EOI 0x40000070
#define HV_ICR 0x40000071
#define HV_TPR 0x40000072
#define HV_VP_ASSIST_PAGE 0x40000073
#define HV_SCONTROL 0x40000080
#define HV_SVERSION 0x40000081
#define HV_SIEFP 0x40000082
#define HV_SIMP 0x40000083
#define HV_EOM 0x40000084
#define HV_SINT(n) (0x40000090 + (n))
#define HV_STIMER_CONFIG(n) (0x400000b0 + 2 * (n))
#define HV_STIMER_COUNT(n) (0x400000b1 + 2 * (n))
#define HV_SYNDBG_CONTROL 0x400000f1
#define HV_SYNDBG_STATUS 0x400000f2
#define HV_SYNDBG_OPTIONS 0x400000ff
#define HV_CRASH_P(n) (0x40000100 + (n))
#define HV_CRASH_CTL 0x40000105
#define HV_REENLIGHTENMENT_CONTROL 0x40000106
#define HV_TSC_EMULATION_CONTROL 0x40000107
#define HV_TSC_EMULATION_STATUS 0x40000108

#define HV_CRASH_NOTIFY BIT(63)
#define HV_SINT_MASKED BIT(16)
#define HV_SINT_AUTO_EOI BIT(17)

#define HV_STIMER_ENABLE BIT(0)
#define HV_STIMER_PERIODIC BIT(1)
#define HV_STIMER_AUTO_ENABLE BIT(3)
#define HV_STIMER_VECTOR(vector) ((uint64_t)(vector) << 4)
#define HV_STIMER_DIRECT BIT(12)
#define HV_STIMER_SINT(sint) ((uint64_t)(sint) << 16)

#define HV_MESSAGE_TIMER 0x80000010

/* A place of the message page. */
struct hv_message {
	volatile uint32_t type;
	volatile uint8_t payload_size;
	volatile uint8_t flags;
	uint8_t reserved[2];
	uint64_t sender;
	union {
		volatile uint64_t payload[30];
		struct {
			volatile uint32_t index;
			uint32_t reserved;
			volatile uint64_t expiration;
			volatile uint64_t delivery;
		} timer;
	};
};

_Static_assert(sizeof(struct hv_message) == 256, "16 in a page");

#define HV_CALL_FLUSH_SPACE 0x0002
#define HV_CALL_FLUSH_LIST 0x0003
#define HV_CALL_SPIN 0x0008
#define HV_CALL_IPI 0x000b
#define HV_CALL_FLUSH_SPACE_EX 0x0013
#define HV_CALL_FLUSH_LIST_EX 0x0014
#define HV_CALL_IPI_EX 0x0015
#define HV_CALL_POST_MESSAGE 0x005c
#define HV_CALL_SIGNAL_EVENT 0x005d
#define HV_CALL_RESET_DEBUG 0x006b

#define HV_CALL_FAST BIT(16)
#define HV_CALL_VAR(words) ((uint64_t)(words) << 17)
#define HV_CALL_REPS(reps) ((uint64_t)(reps) << 32)
#define HV_CALL_REP_START(rep) ((uint64_t)(rep) << 48)

#define HV_FLUSH_ALL_PROCESSORS BIT(0)
#define HV_SET_SPARSE 0
#define HV_SET_ALL 1

#define HV_SUCCESS 0
#define HV_INVALID_CODE 2
#define HV_INVALID_INPUT 3
#define HV_INVALID_ALIGNMENT 4
#define HV_ACCESS_DENIED 6
#define HV_OPERATION_DENIED 8
#define HV_INVALID_PORT 17

/* Linux, of no distribution. */
#define HV_OS_ID (0x8100ull << 48)

/* KVM_GET_SUPPORTED_HV_CPUID of the node; static storage, do not change. */
const struct kvm_cpuid2 *node_hyperv_cpuid(void);

/* Give the vCPU the supported CPUID with Hyper-V's leaves in place of KVM's. */
void vcpu_set_hyperv_cpuid(struct vcpu *vcpu);

/* The same with only these bits of HV_LEAF_FEATURES and HV_LEAF_HINTS, and it is enforced. */
struct hyperv_bits {
	uint32_t features_eax, features_ebx, features_edx, hints_eax, hints_ebx;
};

void vcpu_enforce_hyperv(struct vcpu *vcpu, const struct hyperv_bits *bits);

/* vcpu_add() with vcpu_set_hyperv_cpuid(). */
struct vcpu *vcpu_add_hyperv(struct vm *vm, unsigned int id, void (*entry)(void));

/* Guest code: the page through which it calls, and what it says to get it. */
extern uint8_t guest_hypercall_page[];
void guest_hyperv_begin(void);

/* A hypercall; the result value. */
static inline uint64_t guest_hypercall(uint64_t input, uint64_t in, uint64_t out)
{
	register uint64_t r8 asm("r8") = out;
	uint64_t result;

	asm volatile("call guest_hypercall_page"
		     : "=a"(result), "+c"(input), "+d"(in), "+r"(r8)
		     : : "r9", "r10", "r11", "memory", "cc");
	return result;
}

/* The same, which may raise an exception: see guest_recovery. */
static inline uint64_t guest_hypercall_try(uint64_t input, uint64_t in, uint64_t out)
{
	register uint64_t r8 asm("r8") = out;
	uint64_t result, rsp;

	/* The exception is raised inside the page: the return address is still on the stack. */
	asm volatile("movq %%rsp, %[rsp]\n\t"
		     GUEST_TRY("call guest_hypercall_page")
		     "movq %[rsp], %%rsp\n\t"
		     : "=a"(result), "+c"(input), "+d"(in), "+r"(r8), [rsp] "=&b"(rsp)
		     : : "r9", "r10", "r11", "memory", "cc");
	return result;
}

#endif
