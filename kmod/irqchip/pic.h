/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the pair of 8259 PICs. For this folder only.
 */
#ifndef LODGE_IRQCHIP_PIC_H
#define LODGE_IRQCHIP_PIC_H

#include <linux/kvm.h>
#include <linux/spinlock.h>

#include "../iobus.h"
#include "irqchip.h"

#define PIC_NR_CHIPS	2
#define PIC_NR_PINS	16	/* of both, the slave's behind the master's */

/**
 * struct pic - both chips, [q] all but the last four
 * @lock: IRQ-safe
 * @chips: master and slave, in the form of the ABI
 * @sources: by pin: which sources assert its line, bits of enum irqchip_source
 * @output: the master's INT; read anywhere
 * @vm: whose vCPUs it interrupts
 * @command: iodevs of the command and mask ports, by chip
 * @elcr: iodev of the edge/level control registers
 */
struct pic {
	raw_spinlock_t lock;
	struct kvm_pic_state chips[PIC_NR_CHIPS];
	u8 sources[PIC_NR_PINS];
	bool output;
	struct lodge_vm *vm;
	struct iodev command[PIC_NR_CHIPS];
	struct iodev elcr;
};

void pic_create(struct pic *pic, struct lodge_vm *vm);
int pic_set_line(struct pic *pic, u32 pin, enum irqchip_source source, int level);
int pic_acknowledge(struct pic *pic);
void pic_get_state(struct pic *pic, u32 chip, struct kvm_pic_state *state);
void pic_set_state(struct pic *pic, u32 chip, const struct kvm_pic_state *state);

/* Any context: does the pair ask for an interrupt? */
static inline bool pic_has_irq(const struct pic *pic)
{
	return READ_ONCE(pic->output);
}

#endif /* LODGE_IRQCHIP_PIC_H */
