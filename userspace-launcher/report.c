// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of the launcher: one line each, on standard error, beginning "lodge: ". Floor 1 of
 * the launcher.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/**
 * report() - print one line
 * @format: as for printf(), without the line end
 *
 * Any thread. The line goes out in one write, so lines of several threads do not mix. On a
 * terminal it ends in CR LF: the terminal may be in raw mode, where LF alone does not return to
 * the first column, and in cooked mode the CR does no harm.
 */
void report(const char *format, ...)
{
	const char *end = isatty(STDERR_FILENO) ? "\r\n" : "\n";
	char line[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len >= 0)
		dprintf(STDERR_FILENO, "lodge: %s%s", line, end);
}
