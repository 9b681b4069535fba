// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt lines and the wiring of GSIs to the PIC pair and the IOAPIC, as on a PC. Floor 2 of
 * the launcher.
 */
#include "irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "layout.h"
#include "report.h"

#define PIC_PINS	8
#define PIC_CASCADE	2

/**
 * irq_set() - drive an interrupt line
 * @line: of the device
 * @level: true to assert
 *
 * Context: the caller holds the device's lock, so that levels reach the controllers in the
 * order in which the device decided them. A level that did not change costs no system call.
 */
void irq_set(struct irq_line *line, bool level)
{
	struct kvm_irq_level irq = { .irq = line->gsi, .level = level };

	if (line->level == level)
		return;
	line->level = level;
	if (ioctl(line->vm_fd, KVM_IRQ_LINE, &irq))
		report("KVM_IRQ_LINE for GSI %u failed: %s", line->gsi, strerror(errno));
}

static void add_route(struct kvm_irq_routing *routing, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	struct kvm_irq_routing_entry *entry = &routing->entries[routing->nr++];

	entry->gsi = gsi;
	entry->type = KVM_IRQ_ROUTING_IRQCHIP;
	entry->u.irqchip.irqchip = chip;
	entry->u.irqchip.pin = pin;
}

/**
 * irq_setup_routing() - wire GSIs to the interrupt controllers
 * @vm_fd: VM with an in-kernel irqchip
 *
 * GSI 0, the PIT, arrives at pin 2 of the IOAPIC, as on every PC since the pin of the PIC's
 * cascade was free; the ACPI tables say the same by an interrupt source override. GSI 2 itself
 * does not exist.
 *
 * Return: 0, or a negative errno after a message.
 */
int irq_setup_routing(int vm_fd)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[2 * PIC_PINS + GSI_IOAPIC_PINS];
	} table = { 0 };
	uint32_t gsi;
	int ret;

	for (gsi = 0; gsi < GSI_IOAPIC_PINS; gsi++) {
		if (gsi == PIC_CASCADE)
			continue;
		if (gsi < PIC_PINS)
			add_route(&table.head, gsi, KVM_IRQCHIP_PIC_MASTER, gsi);
		else if (gsi < 2 * PIC_PINS)
			add_route(&table.head, gsi, KVM_IRQCHIP_PIC_SLAVE, gsi - PIC_PINS);
		add_route(&table.head, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : PIC_CASCADE);
	}
	if (!ioctl(vm_fd, KVM_SET_GSI_ROUTING, &table.head))
		return 0;
	ret = -errno;
	report("KVM_SET_GSI_ROUTING failed: %s", strerror(-ret));
	return ret;
}
