/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line as one constant structure. Floor 1 of the launcher.
 */
#ifndef LODGE_OPTIONS_H
#define LODGE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum options_command {
	OPTIONS_RUN,
	OPTIONS_CHECK,
	OPTIONS_HELP,
	OPTIONS_VERSION,
};

struct options {
	enum options_command command;
	const char *kernel;		/* NULL: the host's own */
	const char *initrd;		/* NULL: the built-in one; "none": no initrd */
	const char *append;		/* "" when not given */
	const char *exec;		/* NULL: an interactive shell */
	const char *console;		/* "stdio", "none" or a path */
	const char *device_node;
	uint64_t memory_bytes;
	unsigned int cpus;
	bool no_reboot;
};

int options_parse(struct options *options, int argc, char **argv);
void options_help(void);

#endif
