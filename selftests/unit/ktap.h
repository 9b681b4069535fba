/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a unit test needs to report results in KTAP. A test program calls
 * ktap_begin(), ktap_result() for each case, and returns ktap_end() from main().
 */
#ifndef LODGE_UNIT_KTAP_H
#define LODGE_UNIT_KTAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned int ktap_nr, ktap_failed;

static inline void ktap_begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n");
}

/* One case. The name must not contain a hash sign. */
__attribute__((format(printf, 2, 3)))
static inline void ktap_result(bool passed, const char *format, ...)
{
	va_list args;

	ktap_nr++;
	ktap_failed += !passed;
	printf("%sok %u ", passed ? "" : "not ", ktap_nr);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static inline void ktap_skip(const char *name, const char *reason)
{
	printf("ok %u %s # SKIP %s\n", ++ktap_nr, name, reason);
}

/* Why a case fails; print it before the result. */
__attribute__((format(printf, 1, 2)))
static inline void ktap_note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* Returns the exit status. */
static inline int ktap_end(void)
{
	printf("1..%u\n", ktap_nr);
	return ktap_failed != 0;
}

#endif /* LODGE_UNIT_KTAP_H */
