/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that keeps writing its memory and knows at any time what must be in there, for
 * tests that do things to that memory meanwhile. What a page holds follows from its number
 * and from how often it was written, so any page can be checked by itself.
 *
 * Each vCPU writes pages of its own and reads all of them. Their numbers begin with the
 * slot "plain"; behind it those of the slot "moving", which the guest looks for in two
 * places: where it is not, and where a slot is gone, the access comes as MMIO and the vCPU's
 * thread does it in the memory itself.
 */
#ifndef SELFTESTS_STRESS_H
#define SELFTESTS_STRESS_H

#include "vcpu.h"

#define STRESS_VCPUS 3

#define PLAIN_SLOT 1
#define PLAIN_GPA 0x10000000ull
#define PLAIN_PAGES 2048ull
#define PLAIN_BYTES (PLAIN_PAGES * PAGE_BYTES)

#define MOVING_SLOT 2
#define MOVING_GPA(place) (0x20000000ull + (place) * 0x400000ull)
#define MOVING_PAGES 64ull
#define MOVING_BYTES (MOVING_PAGES * PAGE_BYTES)

/* These pages of the plain slot may be zeroed at any time; nothing else may happen to them. */
#define LOSSY_FIRST 1536ull
#define LOSSY_PAGES 256ull

struct stress;

struct stress_vcpu {
	struct stress *stress;
	struct vcpu *vcpu;
	pthread_t thread;
};

struct stress {
	struct vm *vm;
	struct stress_vcpu vcpus[STRESS_VCPUS];
	/* What backs the slots; the moving slot's may become another one. */
	uint8_t *plain, *moving;
	/*
	 * Held to access the memory from the host's side, and while it cannot be accessed or
	 * is about to be other memory.
	 */
	pthread_mutex_t memory_lock;
	/* Whether KVM_RUN may fail for want of memory, of the guest's or of the kernel's. */
	volatile bool may_fault;
	/* How often it did, and how many accesses came as MMIO. */
	volatile uint64_t faults, mmio;
};

/* A guest that runs already. */
struct stress *stress_start(void);

/* How many pages it has checked so far. */
uint64_t stress_pages(const struct stress *stress);

/* Stop the vCPUs; each has checked all pages that it ever wrote once more. */
void stress_stop(struct stress *stress);

/* Check the memory from the host's side and destroy the stopped VM. */
void stress_finish(struct stress *stress);

#endif
