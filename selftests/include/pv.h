/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Paravirtual features as guest code reaches them: hypercalls; MSRs, bits and structures are
 * those of <asm/kvm_para.h>.
 */
#ifndef SELFTESTS_PV_H
#define SELFTESTS_PV_H

#include <linux/kvm_para.h>

#include "vm.h"
#include "x86.h"

/* Skip unless CPUID offers KVM_FEATURE_@name. */
#define REQUIRE_PV(name)						\
	do {								\
		if (!cpuid_has(KVM_CPUID_FEATURES, 0, CPUID_EAX,	\
			       KVM_FEATURE_##name))			\
			test_skip(#name " is not offered");		\
	} while (0)

/* The instruction is AMD's or Intel's: the other one is #UD, or patched by KVM. */
static inline int64_t hypercall(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2,
				uint64_t arg3)
{
	uint32_t eax = 0, ebx, ecx = 0, edx;
	int64_t ret;

	asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (ebx == 0x68747541)	/* "Auth" */
		asm volatile("vmmcall" : "=a"(ret)
			     : "a"(number), "b"(arg0), "c"(arg1), "d"(arg2), "S"(arg3) : "memory");
	else
		asm volatile("vmcall" : "=a"(ret)
			     : "a"(number), "b"(arg0), "c"(arg1), "d"(arg2), "S"(arg3) : "memory");
	return ret;
}

#endif
