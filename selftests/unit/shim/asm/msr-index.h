/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: the MSR bits and numbers that unit-tested code names. */
#ifndef SHIM_ASM_MSR_INDEX_H
#define SHIM_ASM_MSR_INDEX_H

#include <linux/bits.h>

#define EFER_SCE			BIT(0)
#define EFER_LME			BIT(8)
#define EFER_LMA			BIT(10)
#define EFER_NX				BIT(11)
#define EFER_SVME			BIT(12)

#define MSR_IA32_APICBASE		0x0000001b
#define MSR_IA32_APICBASE_BSP		BIT(8)
#define MSR_IA32_APICBASE_ENABLE	BIT(11)
#define X2APIC_ENABLE			BIT(10)
#define MSR_IA32_TSC_DEADLINE		0x000006e0
#define APIC_BASE_MSR			0x800

#endif /* SHIM_ASM_MSR_INDEX_H */
