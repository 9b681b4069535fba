/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: delayed work is only noted; the test runs it. */
#ifndef SHIM_LINUX_WORKQUEUE_H
#define SHIM_LINUX_WORKQUEUE_H

#include <linux/kernel.h>

struct work_struct {
	void (*func)(struct work_struct *work);
};

struct delayed_work {
	struct work_struct work;
	bool is_pending;
};

#define to_delayed_work(pointer)	container_of(pointer, struct delayed_work, work)
#define INIT_DELAYED_WORK(dwork, f)	((dwork)->work.func = (f), (dwork)->is_pending = false)
#define schedule_delayed_work(dwork, delay)	((dwork)->is_pending = true)
#define cancel_delayed_work_sync(dwork)	((dwork)->is_pending = false)

#endif /* SHIM_LINUX_WORKQUEUE_H */
