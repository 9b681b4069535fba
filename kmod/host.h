/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 0: the seam to the host kernel. Symbols that vary between kernel versions
 * or may vanish are called behind these functions and nowhere else.
 */
#ifndef LODGE_HOST_H
#define LODGE_HOST_H

#include <linux/signal_types.h>
#include <linux/types.h>

/* A guest's FPU registers while no CPU holds them; the content is the kernel's. */
struct host_fpu;

struct host_fpu *host_fpu_alloc(void);
void host_fpu_free(struct host_fpu *fpu);
void host_fpu_swap(struct host_fpu *fpu, bool enter_guest);
void host_fpu_ensure_loaded(void);
unsigned int host_fpu_user_size(struct host_fpu *fpu);
void host_fpu_to_user(struct host_fpu *fpu, void *buffer, unsigned int size, u64 xfeatures);
int host_fpu_from_user(struct host_fpu *fpu, const void *buffer, u64 xfeatures);

/**
 * struct host_time - one moment on the host's clocks
 * @tsc: host TSC
 * @boot_ns: time since boot, suspend included
 * @real_ns: wall clock
 */
struct host_time {
	u64 tsc;
	u64 boot_ns;
	u64 real_ns;
};

void host_time_now(struct host_time *now);
int host_work_before_guest(void);
void host_guest_enter(void);
void host_guest_leave(void);
bool host_split_lock(unsigned long rip);
void host_sigmask_set(const sigset_t *mask);
void host_sigmask_restore(void);
void host_emergency_register(void (*leave)(void));
void host_emergency_unregister(void (*leave)(void));
bool host_tsc_is_stable(void);
u32 host_tsc_khz(void);
u64 host_thread_runtime_ns(void);

#endif /* LODGE_HOST_H */
