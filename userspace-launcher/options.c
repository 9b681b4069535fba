// SPDX-License-Identifier: GPL-2.0
/*
 * Command line to struct options, driven by one table that also prints the help text. Checks
 * what can be checked without the host (spelling, numbers, combinations); whether a file or the
 * device node is any good is found out by who opens it. Floor 1 of the launcher.
 */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "util.h"

#define MEMORY_LEAST	(16ull << 20)
#define PAGE_BYTES	4096u

struct option_spec {
	const char *name;
	const char *argument;	/* NULL: a switch */
	const char *help;
	int (*parse)(struct options *options, const char *value);
};

static int parse_kernel(struct options *options, const char *value)
{
	options->kernel = value;
	return 0;
}

static int parse_initrd(struct options *options, const char *value)
{
	options->initrd = value;
	return 0;
}

static int parse_append(struct options *options, const char *value)
{
	options->append = value;
	return 0;
}

static int parse_exec(struct options *options, const char *value)
{
	options->exec = value;
	return 0;
}

static int parse_console(struct options *options, const char *value)
{
	options->console = value;
	return 0;
}

static int parse_device_node(struct options *options, const char *value)
{
	options->device_node = value;
	return 0;
}

static int parse_no_reboot(struct options *options, const char *value)
{
	(void)value;
	options->no_reboot = true;
	return 0;
}

/* Power of two of a unit letter; -1 for anything else. No letter means MiB. */
static int unit_shift(const char *unit)
{
	static const char letters[] = "KMGT";
	const char *found;

	if (!*unit)
		return 20;
	found = strchr(letters, toupper((unsigned char)unit[0]));
	if (!found || unit[1])
		return -1;
	return 10 * (int)(found - letters + 1);
}

static int parse_memory(struct options *options, const char *value)
{
	unsigned long long number;
	char *unit;
	int shift;

	errno = 0;
	number = strtoull(value, &unit, 10);
	shift = unit_shift(unit);
	if (!isdigit((unsigned char)value[0]) || shift < 0) {
		report("--memory %s is no size: give a number with K, M, G or T, such as 512M",
		       value);
		return -EINVAL;
	}
	if (errno || number > (UINT64_MAX >> 1) >> shift) {
		report("--memory %s is more than any machine has: give less", value);
		return -EINVAL;
	}
	options->memory_bytes = (uint64_t)number << shift;
	if (options->memory_bytes < MEMORY_LEAST) {
		report("--memory %s is too little for a guest: give at least %" PRIu64 "M", value,
		       (uint64_t)(MEMORY_LEAST >> 20));
		return -EINVAL;
	}
	if (options->memory_bytes % PAGE_BYTES) {
		report("--memory %s is no multiple of 4K", value);
		return -EINVAL;
	}
	return 0;
}

static int parse_cpus(struct options *options, const char *value)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end) {
		report("--cpus %s is no number", value);
		return -EINVAL;
	}
	if (!number) {
		report("--cpus 0: a guest needs at least one vCPU");
		return -EINVAL;
	}
	/* How many the module offers is asked of it later; this only bounds the type. */
	if (errno || number > INT_MAX) {
		report("--cpus %s is more than any machine has: give less", value);
		return -EINVAL;
	}
	options->cpus = number;
	return 0;
}

static const struct option_spec option_specs[] = {
	{ "--kernel", "FILE",
	  "Linux bzImage to boot (default: this host's own kernel from /boot)", parse_kernel },
	{ "--initrd", "FILE",
	  "initramfs, or \"none\" (default: a shell made from this host's busybox)", parse_initrd },
	{ "--append", "STRING",
	  "more for the kernel's command line, after what lodge puts there", parse_append },
	{ "--exec", "COMMAND",
	  "run COMMAND in the default initramfs instead of a shell, then power off", parse_exec },
	{ "--memory", "SIZE", "guest memory, such as 512M or 2G (default: 512M)", parse_memory },
	{ "--cpus", "N", "number of vCPUs (default: 1)", parse_cpus },
	{ "--console", "WHERE",
	  "serial console: stdio, none, or the path of a file or terminal (default: stdio)",
	  parse_console },
	{ "--no-reboot", NULL, "end with status 0 when the guest reboots", parse_no_reboot },
	{ "--device-node", "PATH", "the module's node (default: /dev/lodge)", parse_device_node },
};

static const struct {
	const char *name;
	enum options_command command;
	const char *help;
} commands[] = {
	{ "run", OPTIONS_RUN, "boot a Linux guest with its console on this terminal" },
	{ "check", OPTIONS_CHECK, "say whether the module's node works" },
	{ "help", OPTIONS_HELP, "print this text" },
	{ "version", OPTIONS_VERSION, "print the version" },
};

/**
 * options_help() - print what the command line may hold
 */
void options_help(void)
{
	size_t i;

	printf("Usage: lodge COMMAND [OPTION]...\n\nCommands:\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-24s%s\n", commands[i].name, commands[i].help);
	printf("\nOptions of run (check takes --device-node and --cpus):\n");
	for (i = 0; i < ARRAY_SIZE(option_specs); i++) {
		const struct option_spec *spec = &option_specs[i];
		char left[40];

		snprintf(left, sizeof(left), "%s %s", spec->name,
			 spec->argument ? spec->argument : "");
		printf("  %-24s%s\n", left, spec->help);
	}
	printf("\nOn the terminal Ctrl-A x stops the guest, Ctrl-A h lists the keys.\n"
	       "\nExit status of run:\n"
	       "  0  the guest powered off, or rebooted with --no-reboot\n"
	       "  1  the guest could not be started, or the host failed it\n"
	       "  2  wrong command line\n"
	       "  3  triple fault in the guest\n"
	       "  4  the guest's kernel panicked\n"
	       "  5  internal error: the module could not go on with the guest\n"
	       "  6  stopped with Ctrl-A x\n"
	       "  128+N  ended by signal N\n");
}

static int parse_command(struct options *options, const char *name)
{
	size_t i;

	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version"))
		name = "version";
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		options->command = commands[i].command;
		return 0;
	}
	report("%s is no command: see lodge help", name);
	return -EINVAL;
}

static const struct option_spec *find_spec(const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(option_specs); i++) {
		const char *name = option_specs[i].name;

		if (strlen(name) == len && !memcmp(name, word, len))
			return &option_specs[i];
	}
	return NULL;
}

static int check_combination(const struct options *options)
{
	if (options->exec && options->initrd) {
		report("--exec works in the default initramfs only: leave --initrd out");
		return -EINVAL;
	}
	return 0;
}

/**
 * options_parse() - read the command line
 * @options: to fill; keeps pointers into @argv
 * @argc: of main()
 * @argv: of main()
 *
 * Both "--name value" and "--name=value" are understood.
 *
 * Return: 0, or -EINVAL after a message that names the word at fault.
 */
int options_parse(struct options *options, int argc, char **argv)
{
	int i, ret;

	*options = (struct options){
		.append = "", .console = "stdio", .device_node = "/dev/lodge",
		.memory_bytes = 512ull << 20, .cpus = 1,
	};
	if (argc < 2) {
		report("no command given: \"lodge run\" boots a guest, \"lodge help\" lists all");
		return -EINVAL;
	}
	ret = parse_command(options, argv[1]);
	for (i = 2; !ret && i < argc; i++) {
		size_t len = strcspn(argv[i], "=");
		const struct option_spec *spec = find_spec(argv[i], len);
		const char *value = argv[i][len] ? argv[i] + len + 1 : NULL;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			options->command = OPTIONS_HELP;
			return 0;
		}
		if (!spec) {
			report("%s is no option: see lodge help", argv[i]);
			return -EINVAL;
		}
		if (spec->argument && !value)
			value = argv[++i];	/* NULL behind the last word */
		if (!spec->argument != !value) {
			report("%s %s", spec->name, spec->argument ? "needs a value" :
			       "takes no value");
			return -EINVAL;
		}
		ret = spec->parse(options, value);
	}
	return ret ? ret : check_combination(options);
}
