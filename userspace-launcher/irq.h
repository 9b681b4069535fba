/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device's interrupt line into the in-kernel interrupt controllers. Floor 2 of the launcher.
 */
#ifndef LODGE_IRQ_H
#define LODGE_IRQ_H

#include <stdbool.h>
#include <stdint.h>

struct irq_line {
	int vm_fd;
	uint32_t gsi;
	bool level;		/* what was last told; under the device's lock */
};

void irq_set(struct irq_line *line, bool level);
int irq_setup_routing(int vm_fd);

#endif
