/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a run of the guest ends, and the box in which the first one to know it says so. Floor 1
 * of the launcher; the process's exit statuses live in main.c alone.
 */
#ifndef LODGE_OUTCOME_H
#define LODGE_OUTCOME_H

#include <stdatomic.h>

enum outcome {
	OUTCOME_RUNNING,
	OUTCOME_POWER_OFF,
	OUTCOME_REBOOT,
	OUTCOME_PANIC,
	OUTCOME_TRIPLE_FAULT,
	OUTCOME_INTERNAL_ERROR,
	OUTCOME_ESCAPE,		/* the person pressed the escape key */
	OUTCOME_SIGNAL,		/* the launcher got a signal to end */
	OUTCOME_HOST_ERROR,	/* something failed on the host's side */
};

struct outcome_box {
	_Atomic int value;	/* enum outcome; set once, by whoever is first */
	int event_fd;		/* readable once value is set */
};

int outcome_open(struct outcome_box *box);
void outcome_close(struct outcome_box *box);
void outcome_set(struct outcome_box *box, enum outcome outcome);
enum outcome outcome_get(struct outcome_box *box);

#endif
