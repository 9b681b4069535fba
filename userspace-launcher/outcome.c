// SPDX-License-Identifier: GPL-2.0
/*
 * The box that holds how the guest ended. Several vCPU threads and the main thread may want to
 * fill it at once: the first one counts, later ones are consequences. Floor 1 of the launcher.
 */
#include "outcome.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "report.h"

/**
 * outcome_open() - make an empty box
 * @box: to fill
 *
 * Return: 0, or a negative errno when the host has no file descriptor left.
 */
int outcome_open(struct outcome_box *box)
{
	int ret;

	atomic_store(&box->value, OUTCOME_RUNNING);
	box->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (box->event_fd >= 0)
		return 0;
	ret = -errno;
	report("cannot create an eventfd: %s", strerror(-ret));
	return ret;
}

/**
 * outcome_close() - free what outcome_open() took
 * @box: no thread may use it any more
 */
void outcome_close(struct outcome_box *box)
{
	close(box->event_fd);
}

/**
 * outcome_set() - end the run
 * @box: of this run
 * @outcome: why
 *
 * Any thread. Does not wait: the main thread sees the event and stops the vCPUs.
 */
void outcome_set(struct outcome_box *box, enum outcome outcome)
{
	int running = OUTCOME_RUNNING;

	if (atomic_compare_exchange_strong(&box->value, &running, outcome))
		eventfd_write(box->event_fd, 1);
}

/**
 * outcome_get() - how the run ended
 * @box: of this run
 *
 * Return: OUTCOME_RUNNING while it has not.
 */
enum outcome outcome_get(struct outcome_box *box)
{
	return atomic_load(&box->value);
}
