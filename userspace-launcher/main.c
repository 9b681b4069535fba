// SPDX-License-Identifier: GPL-2.0
/*
 * lodge: the order of construction, the loop over the guest's reboots, and the process's exit
 * statuses. Nothing else ends the process. Top floor of the launcher.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "boot/acpi.h"
#include "boot/image.h"
#include "boot/initramfs.h"
#include "boot/linux.h"
#include "options.h"
#include "outcome.h"
#include "report.h"
#include "term.h"
#include "util.h"
#include "vm.h"

#define LODGE_VERSION "0.1"

enum status {
	STATUS_OK = 0,
	STATUS_HOST_ERROR = 1,
	STATUS_USAGE = 2,
	STATUS_TRIPLE_FAULT = 3,
	STATUS_PANIC = 4,
	STATUS_INTERNAL_ERROR = 5,
	STATUS_ESCAPE = 6,
	STATUS_SIGNAL = 128,	/* plus the signal's number */
};

/*
 * How a run ends the process. OUTCOME_REBOOT gets here with --no-reboot only; a host error has
 * said its line where it was found.
 */
static const struct { enum status status; const char *message; } endings[] = {
	[OUTCOME_RUNNING] = { STATUS_HOST_ERROR, "the guest was not run" },
	[OUTCOME_POWER_OFF] = { STATUS_OK, "the guest powered off" },
	[OUTCOME_REBOOT] = { STATUS_OK, "the guest asked for a reboot; --no-reboot ends here" },
	[OUTCOME_PANIC] = { STATUS_PANIC, "the guest's kernel panicked: see its last lines" },
	[OUTCOME_TRIPLE_FAULT] = { STATUS_TRIPLE_FAULT, "the guest ended with a triple fault" },
	[OUTCOME_INTERNAL_ERROR] = { STATUS_INTERNAL_ERROR,
				     "the guest ended with an internal error" },
	[OUTCOME_ESCAPE] = { STATUS_ESCAPE, "stopped with Ctrl-A x" },
	[OUTCOME_SIGNAL] = { STATUS_SIGNAL, "stopped by a signal" },
	[OUTCOME_HOST_ERROR] = { STATUS_HOST_ERROR, NULL },
};

/* What is booted: read once, loaded again at each reboot. */
struct boot_files {
	struct image kernel;
	struct image initrd;
	char *command_line;
};

static int read_kernel(struct image *kernel, const struct options *options)
{
	char *path;
	int ret;

	if (options->kernel)
		return image_read(kernel, "--kernel", options->kernel);
	ret = host_kernel_find(&path);
	if (ret)
		return ret;
	report("booting %s", path);
	ret = image_read(kernel, "the host's kernel", path);
	free(path);
	return ret;
}

static int read_initrd(struct image *initrd, const struct options *options)
{
	if (!options->initrd)
		return initramfs_build(initrd, options->exec);
	if (!strcmp(options->initrd, "none"))
		return 0;
	return image_read(initrd, "--initrd", options->initrd);
}

static int read_files(struct boot_files *files, const struct options *options)
{
	int ret;

	*files = (struct boot_files){ 0 };
	ret = linux_command_line(&files->command_line, options->append);
	if (!ret)
		ret = read_kernel(&files->kernel, options);
	if (!ret)
		ret = read_initrd(&files->initrd, options);
	return ret;
}

static void free_files(struct boot_files *files)
{
	image_free(&files->kernel);
	image_free(&files->initrd);
	free(files->command_line);
}

static int load(const struct guest_ram *ram, const struct options *options,
		const struct boot_files *files, struct linux_entry *entry)
{
	gpa_t rsdp;
	int ret = acpi_build(ram, options->cpus, &rsdp);

	return ret ? ret : linux_load(ram, &files->kernel, &files->initrd, files->command_line,
				      rsdp, entry);
}

/*
 * One boot of the guest on a machine that is built for it and taken apart after it. The RAM
 * comes first and goes last: what is wrong with the files is then known before the module is
 * asked for anything.
 */
static enum outcome run_once(const struct options *options, const struct boot_files *files,
			     struct term *term, int signal_fd, int *signal)
{
	enum outcome outcome = OUTCOME_HOST_ERROR;
	struct linux_entry entry;
	struct guest_ram ram;
	struct vm vm;

	if (guest_ram_create(&ram, options->memory_bytes))
		return outcome;
	if (load(&ram, options, files, &entry) || vm_create(&vm, options, &ram, term))
		goto destroy_ram;
	if (!vm_set_entry(&vm, &entry))
		outcome = vm_run(&vm, term, signal_fd, signal);
	if (outcome == OUTCOME_REBOOT && linux_reset_was_panic(&ram, files->command_line))
		outcome = OUTCOME_PANIC;
	vm_destroy(&vm);
destroy_ram:
	guest_ram_destroy(&ram);
	return outcome;
}

/*
 * Signals that end the launcher arrive as data on the main thread; threads inherit the mask. A
 * reader of the output that went away is seen as an error of write(), not as a signal.
 */
static int open_signal_fd(void)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t set;
	size_t i;
	int fd;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&set, ending[i]);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		report("cannot create a signalfd: %s", strerror(errno));
	return fd;
}

static int run_guest(const struct options *options, const struct boot_files *files)
{
	int signal_fd = open_signal_fd();
	enum outcome outcome;
	struct term term;
	int signal = 0;

	if (signal_fd < 0 || term_open(&term, options->console, !options->initrd))
		return STATUS_HOST_ERROR;
	for (;;) {
		outcome = run_once(options, files, &term, signal_fd, &signal);
		if (outcome != OUTCOME_REBOOT || options->no_reboot)
			break;
		report("the guest reboots");
	}
	term_close(&term);
	close(signal_fd);
	if (endings[outcome].message)
		report("%s", endings[outcome].message);
	return endings[outcome].status + signal;
}

static int command_run(const struct options *options)
{
	struct boot_files files;
	int status = STATUS_HOST_ERROR;

	if (!read_files(&files, options))
		status = run_guest(options, &files);
	free_files(&files);
	return status;
}

static int command_check(const struct options *options)
{
	int fd = vm_open_node(options->device_node, options->cpus);
	int most, vm_fd;

	if (fd < 0)
		return STATUS_HOST_ERROR;
	most = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	vm_fd = ioctl(fd, KVM_CREATE_VM, 0);
	if (vm_fd < 0)
		report("cannot create a VM: %s (see the host's kernel log)", strerror(errno));
	else
		printf("%s works: API version %d, up to %d vCPUs\n", options->device_node,
		       KVM_API_VERSION, most);
	if (vm_fd >= 0)
		close(vm_fd);
	close(fd);
	return vm_fd < 0 ? STATUS_HOST_ERROR : STATUS_OK;
}

int main(int argc, char **argv)
{
	struct options options;

	if (options_parse(&options, argc, argv))
		return STATUS_USAGE;
	switch (options.command) {
	case OPTIONS_RUN:
		return command_run(&options);
	case OPTIONS_CHECK:
		return command_check(&options);
	case OPTIONS_HELP:
		options_help();
		return STATUS_OK;
	case OPTIONS_VERSION:
		printf("lodge %s\n", LODGE_VERSION);
		return STATUS_OK;
	}
	return STATUS_USAGE;
}
