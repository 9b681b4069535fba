/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: struct lodge_irqchip, one VM's set of models, and what the models tell one
 * another through irqchip.c. For this folder only.
 */
#ifndef LODGE_IRQCHIP_MODELS_H
#define LODGE_IRQCHIP_MODELS_H

#include "apic_bus.h"
#include "ioapic.h"
#include "pic.h"

struct lodge_irq_routing;
struct pit_device;

/* One numbering for the pins of all chips, for masks of them. */
#define IRQCHIP_PIC_PIN0	0
#define IRQCHIP_IOAPIC_PIN0	PIC_NR_PINS

/* The PIT's output; every routing table that wants one maps it. */
#define IRQCHIP_PIT_GSI		0

/**
 * struct lodge_irqchip - behind vm->irqchip
 * @is_split: PIC, IOAPIC and PIT are user space's: those here are not used
 * @nr_user_pins: GSIs from 0 on that are the pins of user space's IOAPIC
 * @bus: messages to LAPICs
 * @pic: the 8259 pair; its own lock
 * @ioapic: its own lock
 * @pit: NULL until pit_create() has finished; [m], read anywhere with acquire
 * @pit_pins: pins of any chip to which IRQCHIP_PIT_GSI is routed; vm->irq_lock, read
 *            anywhere
 * @watchers: struct irqchip_watcher; vm->irq_lock, read under srcu
 */
struct lodge_irqchip {
	bool is_split;
	u32 nr_user_pins;
	struct apic_bus bus;
	struct pic pic;
	struct ioapic ioapic;
	struct pit_device *pit;
	u64 pit_pins;
	struct list_head watchers;
};

/*
 * irqchip.c: any context, no model's lock held. Pins in @mask count from @first_pin.
 * ended: the guest has ended (EOI) these interrupts, or nobody ever will;
 * unmasked: these pins were masked until now.
 */
void irqchip_pins_ended(struct lodge_vm *vm, u32 first_pin, u32 mask);
void irqchip_sint_ended(struct lodge_vm *vm, u32 vp_index, u32 sint);
void irqchip_pins_unmasked(struct lodge_vm *vm, u32 first_pin, u32 mask);
void irqchip_wake_for_pic(struct lodge_vm *vm);
void irqchip_routing_changed(struct lodge_vm *vm, const struct lodge_irq_routing *routing);

#endif /* LODGE_IRQCHIP_MODELS_H */
