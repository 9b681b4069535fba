/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the PIT as a device: what irqchip.c tells it. For this folder only; the
 * outside finds pit_create() and its like in irqchip.h.
 */
#ifndef LODGE_IRQCHIP_PIT_DEVICE_H
#define LODGE_IRQCHIP_PIT_DEVICE_H

struct pit_device;

void pit_destroy(struct pit_device *device);
void pit_tick_ended(struct pit_device *device);
void pit_tick_unmasked(struct pit_device *device);

#endif /* LODGE_IRQCHIP_PIT_DEVICE_H */
