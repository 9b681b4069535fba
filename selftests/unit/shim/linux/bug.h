/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: a kernel warning is a failed test: the program aborts. */
#ifndef SHIM_LINUX_BUG_H
#define SHIM_LINUX_BUG_H

#include <stdio.h>
#include <stdlib.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>

#define BUG_ON(condition) ({						\
	if (unlikely(condition)) {					\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);	\
		abort();						\
	}								\
})
#define BUG()			BUG_ON(1)
#define WARN_ON(condition)	({ BUG_ON(condition); false; })
#define WARN_ON_ONCE(condition)	WARN_ON(condition)
#define WARN_ONCE(condition, ...)	WARN_ON(condition)

#endif /* SHIM_LINUX_BUG_H */
