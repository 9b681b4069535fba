/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The machine that the tests run on, as an administrator sees it: settings, counters, swap.
 */
#ifndef SELFTESTS_HOST_H
#define SELFTESTS_HOST_H

#include <stdbool.h>

/* Write @text to the file; whether that went well. */
bool host_write(const char *path, const char *text);

/* The number that the file holds, or -1. */
long host_number(const char *path);

/* The number behind @name in a file of such lines, as /proc/meminfo is, or -1. */
long host_field(const char *path, const char *name);

/* Change settings, and put back what was there. */
struct host_setting {
	const char *path;
	const char *wanted;
	long before;
};

void host_change(struct host_setting *settings, unsigned int count);
void host_put_back(const struct host_setting *settings, unsigned int count);

/* Have swap, in compressed memory where the machine has none; whether there is some. */
bool host_swap_begin(void);
void host_swap_end(void);

#endif
