/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Local and I/O APIC registers as guest code reaches them.  Holds no model of
 * the devices.
 */
#ifndef SELFTESTS_APIC_H
#define SELFTESTS_APIC_H

#include <stdint.h>
#include "x86.h"

#define APIC_BASE 0xfee00000ull
#define APIC_ID 0x20
#define APIC_VERSION 0x30
#define APIC_TPR 0x80
#define APIC_PPR 0xa0
#define APIC_EOI 0xb0
#define APIC_LDR 0xd0
#define APIC_DFR 0xe0
#define APIC_SVR 0xf0
#define APIC_ISR 0x100
#define APIC_TMR 0x180
#define APIC_IRR 0x200
#define APIC_ESR 0x280
#define APIC_ICR 0x300
#define APIC_ICR2 0x310
#define APIC_LVTT 0x320
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TMICT 0x380
#define APIC_TMCCT 0x390
#define APIC_TDCR 0x3e0

#define APIC_SVR_ENABLE BIT(8)
#define APIC_LVT_MASKED BIT(16)
#define APIC_LVTT_PERIODIC BIT(17)
#define APIC_LVTT_DEADLINE BIT(18)
#define APIC_LVT_LEVEL BIT(15)

#define APIC_DM_FIXED 0x000
#define APIC_DM_LOWEST 0x100
#define APIC_DM_NMI 0x400
#define APIC_DM_INIT 0x500
#define APIC_DM_STARTUP 0x600
#define APIC_DM_EXTINT 0x700
#define APIC_DEST_LOGICAL 0x800
#define APIC_INT_ASSERT 0x4000
#define APIC_INT_LEVEL 0x8000
#define APIC_DEST_SELF 0x40000
#define APIC_DEST_ALL 0x80000
#define APIC_DEST_ALL_BUT 0xc0000

#define APICBASE_BSP BIT(8)
#define APICBASE_X2APIC BIT(10)
#define APICBASE_ENABLE BIT(11)

#define X2APIC_MSR(reg) (0x800 + ((reg) >> 4))

static inline uint32_t xapic_read(uint32_t reg)
{
	return *(volatile uint32_t *)(APIC_BASE + reg);
}

static inline void xapic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(APIC_BASE + reg) = value;
}

/*
 * LINT0 is masked: after reset it passes on what the PIC says, and a PIC that
 * nobody initialized speaks vectors of exceptions.
 */
static inline void xapic_enable(uint8_t spurious_vector)
{
	xapic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	xapic_write(APIC_SVR, APIC_SVR_ENABLE | spurious_vector);
	xapic_write(APIC_TPR, 0);
}

static inline void xapic_eoi(void)
{
	xapic_write(APIC_EOI, 0);
}

static inline void xapic_ipi(uint8_t destination, uint32_t icr)
{
	xapic_write(APIC_ICR2, (uint32_t)destination << 24);
	xapic_write(APIC_ICR, icr);
}

static inline int xapic_test_vector(uint32_t bank, uint8_t vector)
{
	return xapic_read(bank + (vector / 32) * 0x10) >> (vector % 32) & 1;
}

static inline uint64_t x2apic_read(uint32_t reg)
{
	return rdmsr(X2APIC_MSR(reg));
}

static inline void x2apic_write(uint32_t reg, uint64_t value)
{
	wrmsr(X2APIC_MSR(reg), value);
}

static inline void x2apic_enable(uint8_t spurious_vector)
{
	wrmsr(MSR_IA32_APICBASE,
	      rdmsr(MSR_IA32_APICBASE) | APICBASE_ENABLE | APICBASE_X2APIC);
	x2apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	x2apic_write(APIC_SVR, APIC_SVR_ENABLE | spurious_vector);
}

#define IOAPIC_BASE 0xfec00000ull
#define IOAPIC_REG_ID 0
#define IOAPIC_REG_VERSION 1
#define IOAPIC_REDTBL(pin) (0x10 + 2 * (pin))
#define IOAPIC_REMOTE_IRR BIT(14)
#define IOAPIC_LEVEL BIT(15)
#define IOAPIC_MASKED BIT(16)

static inline uint32_t ioapic_read(uint8_t reg)
{
	*(volatile uint32_t *)IOAPIC_BASE = reg;
	return *(volatile uint32_t *)(IOAPIC_BASE + 0x10);
}

static inline void ioapic_write(uint8_t reg, uint32_t value)
{
	*(volatile uint32_t *)IOAPIC_BASE = reg;
	*(volatile uint32_t *)(IOAPIC_BASE + 0x10) = value;
}

/* High half first: the entry goes live with the low half. */
static inline void ioapic_set_pin(uint8_t pin, uint8_t apic_id, uint32_t low)
{
	ioapic_write(IOAPIC_REDTBL(pin) + 1, (uint32_t)apic_id << 24);
	ioapic_write(IOAPIC_REDTBL(pin), low);
}

#endif
