/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One VM with its bus and devices: the machine that main.c builds, runs and takes apart
 * once for every boot of the guest. Floor 4 of the launcher.
 */
#ifndef LODGE_VM_H
#define LODGE_VM_H

#include "boot/linux.h"
#include "dev/device.h"
#include "guest_ram.h"
#include "iobus.h"
#include "options.h"
#include "outcome.h"
#include "term.h"
#include "vcpu.h"

struct vm {
	int dev_fd;
	int fd;
	struct iobus ports;
	struct iobus memory;
	struct outcome_box outcome;
	struct vcpu_shared shared;	/* what every vCPU thread needs of the above */

	struct serial *serial;
	struct rtc rtc;
	struct power power;

	struct vcpu *vcpus;
	unsigned int nr_vcpus;		/* how many of them are created */
};

int vm_open_node(const char *node, unsigned int cpus);
int vm_create(struct vm *vm, const struct options *options, const struct guest_ram *ram,
	      struct term *term);
void vm_destroy(struct vm *vm);
int vm_set_entry(struct vm *vm, const struct linux_entry *entry);
enum outcome vm_run(struct vm *vm, struct term *term, int signal_fd, int *signal);

#endif
