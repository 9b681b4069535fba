/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: an event that is to be delivered to a guest, in the one form that
 * backends, the event queue, the emulator and the guest page-table walker share.
 */
#ifndef LODGE_EVENT_H
#define LODGE_EVENT_H

#include <linux/types.h>

/**
 * enum lodge_event_class - what kind of event, in the guest's terms
 * @LODGE_EVENT_NONE: nothing
 * @LODGE_EVENT_IRQ: maskable external interrupt
 * @LODGE_EVENT_NMI: non-maskable interrupt (vector is always 2)
 * @LODGE_EVENT_EXCEPTION: hardware exception
 *
 * Software interrupts and INT3/INTO have no class: when an exit cuts off their
 * delivery, RIP still points at the instruction, and executing it again is the
 * delivery. Backends report LODGE_EVENT_NONE for them.
 */
enum lodge_event_class {
	LODGE_EVENT_NONE,
	LODGE_EVENT_IRQ,
	LODGE_EVENT_NMI,
	LODGE_EVENT_EXCEPTION,
};

/**
 * struct lodge_event - one event
 * @class: see the enum
 * @vector: IDT index
 * @has_error: deliver @error_code on the stack
 * @has_payload: @payload is to be put into CR2 (#PF) or merged into DR6 (#DB)
 *               at the moment of delivery, not before
 * @error_code: pushed for the exceptions that have one
 * @payload: faulting linear address of #PF; DR6 bits of #DB, positive logic
 */
struct lodge_event {
	u8 class;
	u8 vector;
	bool has_error;
	bool has_payload;
	u32 error_code;
	u64 payload;
};

#endif /* LODGE_EVENT_H */
