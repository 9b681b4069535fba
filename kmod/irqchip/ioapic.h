/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the IOAPIC. For this folder only.
 */
#ifndef LODGE_IRQCHIP_IOAPIC_H
#define LODGE_IRQCHIP_IOAPIC_H

#include <linux/bitmap.h>
#include <linux/kvm.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../iobus.h"
#include "irqchip.h"

#define IOAPIC_BASE		0xfec00000u
#define IOAPIC_NR_PINS		KVM_IOAPIC_NUM_PINS

/**
 * struct ioapic - registers and lines, [q] all but the last three
 * @lock: IRQ-safe; LAPICs take messages under it
 * @select: IOREGSEL
 * @id: bits 27:24 of the id register, as a number
 * @redirection: redirection table
 * @lines: pins whose line is asserted
 * @edges_sent: edge-triggered pins whose asserted line has been delivered
 * @sources: by pin: which sources assert it, bits of enum irqchip_source
 * @streaks: by pin: EOIs in a row that found the line still asserted
 * @watched_pins: pins whose EOI somebody outside waits for, even of an edge
 * @watched_vectors: vectors of level-triggered or watched pins; read without the lock
 * @storm_work: delivers what a storm held back
 * @vm: to whom the interrupts go
 * @iodev: on the MMIO bus
 */
struct ioapic {
	raw_spinlock_t lock;
	u8 select;
	u8 id;
	u64 redirection[IOAPIC_NR_PINS];
	u32 lines;
	u32 edges_sent;
	u8 sources[IOAPIC_NR_PINS];
	u16 streaks[IOAPIC_NR_PINS];
	u32 watched_pins;
	DECLARE_BITMAP(watched_vectors, 256);
	struct delayed_work storm_work;
	struct lodge_vm *vm;
	struct iodev iodev;
};

void ioapic_create(struct ioapic *ioapic, struct lodge_vm *vm);
void ioapic_destroy(struct ioapic *ioapic);
int ioapic_set_line(struct ioapic *ioapic, u32 pin, enum irqchip_source source, int level);
u32 ioapic_pins_of(struct ioapic *ioapic, u8 vector, bool is_level);
void ioapic_eoi(struct ioapic *ioapic, u32 pins);
void ioapic_watch(struct ioapic *ioapic, u32 pins);
void ioapic_get_state(struct ioapic *ioapic, struct kvm_ioapic_state *state);
void ioapic_set_state(struct ioapic *ioapic, const struct kvm_ioapic_state *state);

/* Any context: must the IOAPIC, or who watches a pin of it, hear of this vector's EOI? */
static inline bool ioapic_watches(const struct ioapic *ioapic, u8 vector)
{
	return test_bit(vector, ioapic->watched_vectors);
}

#endif /* LODGE_IRQCHIP_IOAPIC_H */
