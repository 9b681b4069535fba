/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One way to say something to the person at the terminal. Floor 1 of the launcher.
 */
#ifndef LODGE_REPORT_H
#define LODGE_REPORT_H

void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
