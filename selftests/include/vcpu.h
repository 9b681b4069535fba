/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vCPU side of the library: creation in a given mode, register access,
 * running until the guest reports, and threads.  Plain helpers assert, their
 * `__` twins return the ioctl's result or a negative errno.
 */
#ifndef SELFTESTS_VCPU_H
#define SELFTESTS_VCPU_H

#include <pthread.h>

#include "guest.h"
#include "ucall.h"
#include "vm.h"
#include "x86.h"

struct vcpu {
	struct vm *vm;
	int fd;
	unsigned int id;
	struct kvm_run *run;
	size_t run_bytes;
	uint64_t stack_top;
	pthread_t thread;
};

#define __vcpu_ioctl(vcpu, command, arg) __fd_ioctl((vcpu)->fd, command, arg)
#define vcpu_ioctl(vcpu, command, arg) fd_ioctl((vcpu)->fd, command, arg)

/* KVM_CREATE_VCPU and the mapping of kvm_run; state as the module made it. */
struct vcpu *vcpu_create(struct vm *vm, unsigned int id);

/* The same, ready to run @entry(arg) in 64-bit mode with the supported CPUID. */
struct vcpu *vcpu_add(struct vm *vm, unsigned int id, void (*entry)(void));

void vcpu_destroy(struct vcpu *vcpu);

/* Put the vCPU at @entry in 64-bit mode on a fresh stack. */
void vcpu_set_entry(struct vcpu *vcpu, void (*entry)(void));

/* Argument @index (0 to 3) of the entry function. */
void vcpu_set_arg(struct vcpu *vcpu, unsigned int index, uint64_t value);

/* 16-bit real mode at 0:@gpa, or 32-bit flat mode without paging at @gpa. */
void vcpu_set_real_mode(struct vcpu *vcpu, uint64_t gpa);
void vcpu_set_flat_mode(struct vcpu *vcpu, uint64_t gpa);

/* Give the vCPU the supported CPUID with its own APIC id. */
void vcpu_set_supported_cpuid(struct vcpu *vcpu);

/* The same with one more bit set. */
void vcpu_set_cpuid_bit(struct vcpu *vcpu, uint32_t function, uint32_t index,
			enum cpuid_register reg, unsigned int bit);

/* KVM_ENABLE_CAP with one argument; 0 or -errno. */
int __vcpu_enable_cap(struct vcpu *vcpu, uint32_t capability, uint64_t arg);

struct kvm_regs vcpu_regs(struct vcpu *vcpu);
void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
struct kvm_sregs vcpu_sregs(struct vcpu *vcpu);
void vcpu_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);

/* One MSR; return 0, -ENOENT if the module does not know it, or -errno. */
int __vcpu_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int __vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
uint64_t vcpu_get_msr(struct vcpu *vcpu, uint32_t index);
void vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);

/* KVM_RUN: 0 or -errno. */
int __vcpu_run(struct vcpu *vcpu);
#define vcpu_run(vcpu)							\
	do {								\
		int __run_ret = __vcpu_run(vcpu);			\
									\
		TEST_ASSERT(!__run_ret, "KVM_RUN returned %d", __run_ret);\
	} while (0)

/* Assert the reason of the last exit; describes the exit if it is another. */
void vcpu_check_exit(struct vcpu *vcpu, uint32_t reason, const char *file, int line);
#define ASSERT_EXIT(vcpu, reason)					\
	vcpu_check_exit(vcpu, reason, __FILE__, __LINE__)

/* KVM_RUN, then ASSERT_EXIT(). */
#define vcpu_run_to(vcpu, reason)					\
	do {								\
		vcpu_run(vcpu);						\
		ASSERT_EXIT(vcpu, reason);				\
	} while (0)

/* Assert that the last exit is a plain ucall and return it; fails on a guest assertion. */
struct ucall vcpu_check_ucall(struct vcpu *vcpu, const char *file, int line);
#define vcpu_ucall(vcpu) vcpu_check_ucall(vcpu, __FILE__, __LINE__)

/* Run until the guest reports; expect SYNC with this stage. */
struct ucall vcpu_run_check_sync(struct vcpu *vcpu, uint64_t stage, const char *file, int line);
#define vcpu_run_sync(vcpu, stage)					\
	vcpu_run_check_sync(vcpu, stage, __FILE__, __LINE__)

/* Run until the guest is done, through any SYNC. */
void vcpu_run_check_done(struct vcpu *vcpu, const char *file, int line);
#define vcpu_run_done(vcpu) vcpu_run_check_done(vcpu, __FILE__, __LINE__)

/* Run @entry to its end in a VM made for it: also how to see that the host still works. */
void vm_run_check_guest(void (*entry)(void), const char *file, int line);
#define vm_run_guest(entry) vm_run_check_guest(entry, __FILE__, __LINE__)

/* Whether the last exit is a ucall, without asserting anything. */
bool vcpu_is_ucall(struct vcpu *vcpu, struct ucall *ucall);

/* Print exit, RIP and the bytes there as diagnostics. */
void vcpu_describe(struct vcpu *vcpu);

/* A thread that does vcpu_run_done(); join waits for it. */
void vcpu_thread_start(struct vcpu *vcpu);
void vcpu_thread_join(struct vcpu *vcpu);

#endif
