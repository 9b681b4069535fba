/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 4: hardware task switches, which no CPU carries out for a guest.
 */
#ifndef LODGE_TASK_SWITCH_H
#define LODGE_TASK_SWITCH_H

#include "vcpu.h"

/* The base that a descriptor of eight bytes gives. */
static inline u64 descriptor_base(u64 descriptor)
{
	return (descriptor >> 16 & 0xffffff) | (descriptor >> 56 & 0xff) << 24;
}

int handle_task_switch(struct lodge_vcpu *vcpu);

#endif /* LODGE_TASK_SWITCH_H */
