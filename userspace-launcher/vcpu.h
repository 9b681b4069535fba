/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One vCPU and its thread. Floor 4 of the launcher.
 */
#ifndef LODGE_VCPU_H
#define LODGE_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>

#include "boot/linux.h"
#include "guest_ram.h"
#include "iobus.h"
#include "outcome.h"

/* Constant while vCPU threads run. */
struct vcpu_shared {
	const struct guest_ram *ram;
	const struct iobus *ports;
	const struct iobus *memory;
	struct outcome_box *outcome;
	const char *device_node;	/* for messages */
};

struct vcpu {
	unsigned int id;		/* index, APIC id and processor UID in one */
	int fd;
	struct kvm_run *run;
	size_t run_size;
	const struct vcpu_shared *shared;
	pthread_t thread;
	bool is_started;
};

int vcpu_create(struct vcpu *vcpu, int vm_fd, size_t run_size, unsigned int id,
		const struct vcpu_shared *shared);
void vcpu_destroy(struct vcpu *vcpu);
int vcpu_ioctl(const struct vcpu *vcpu, unsigned long request, const char *name, void *arg);
int vcpu_set_entry(struct vcpu *vcpu, const struct linux_entry *entry);
int vcpu_start(struct vcpu *vcpu);
void vcpu_stop(struct vcpu *vcpu);

/* vcpu_cpuid.c */
int vcpu_set_cpuid(struct vcpu *vcpu, int dev_fd, unsigned int nr_cpus);

/* vcpu_report.c */
void vcpu_report_state(const struct vcpu *vcpu);

#endif
