// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 0: the seam to the host kernel: the guest-FPU swap, the work a thread owes
 * the kernel before it runs a guest and what it wants told when it does, signal masks,
 * the clocks, and the end of a kernel that cannot end in order. Holds no policy, and
 * nothing of guests but their FPU area.
 */
#include <linux/entry-kvm.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/kvm_host.h>
#include <linux/sched/cputime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/thread_info.h>
#include <linux/timekeeping.h>

#include <asm/cpu.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/sched.h>
#include <asm/fpu/types.h>
#include <asm/nospec-branch.h>
#include <asm/reboot.h>
#include <asm/tsc.h>

#include "host.h"

struct host_fpu {
	struct fpu_guest area;
};

/**
 * host_fpu_alloc() - make a guest FPU area in its initial configuration
 *
 * May sleep. Return: the area, or NULL without memory.
 */
struct host_fpu *host_fpu_alloc(void)
{
	struct host_fpu *fpu = kzalloc(sizeof(*fpu), GFP_KERNEL_ACCOUNT);

	if (!fpu)
		return NULL;
	if (!fpu_alloc_guest_fpstate(&fpu->area)) {
		kfree(fpu);
		return NULL;
	}
	return fpu;
}

/**
 * host_fpu_free() - counterpart of host_fpu_alloc()
 * @fpu: area that no thread has swapped in, or NULL
 */
void host_fpu_free(struct host_fpu *fpu)
{
	if (!fpu)
		return;
	fpu_free_guest_fpstate(&fpu->area);
	kfree(fpu);
}

/**
 * host_fpu_swap() - exchange the thread's registers and the guest's
 * @fpu: the guest's area
 * @enter_guest: guest's in, or the thread's own back
 *
 * Process context. In between the scheduler saves and restores the guest's registers
 * as if they were the thread's.
 */
void host_fpu_swap(struct host_fpu *fpu, bool enter_guest)
{
	fpu_swap_kvm_fpstate(&fpu->area, enter_guest);
}

/**
 * host_fpu_ensure_loaded() - have the thread's current area in the registers
 *
 * IRQs or softirqs off, and until the registers are no longer needed. A context switch
 * or a softirq that used the FPU may have left them to be loaded later.
 */
void host_fpu_ensure_loaded(void)
{
	fpregs_assert_state_consistent();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

/* Bytes that host_fpu_to_user() fills for all features of the area. */
unsigned int host_fpu_user_size(struct host_fpu *fpu)
{
	return fpu->area.uabi_size;
}

/**
 * host_fpu_to_user() - copy an area in the layout of KVM_GET_XSAVE
 * @fpu: area that is not swapped in
 * @buffer: at least @size bytes, 64-byte aligned
 * @size: at least 576
 * @xfeatures: components to copy; others read as their initial state
 */
void host_fpu_to_user(struct host_fpu *fpu, void *buffer, unsigned int size, u64 xfeatures)
{
	/* Guests have no PKRU: protection keys are not offered. */
	fpu_copy_guest_fpstate_to_uabi(&fpu->area, buffer, size, xfeatures, 0);
}

/**
 * host_fpu_from_user() - counterpart of host_fpu_to_user()
 * @fpu: area that is not swapped in
 * @buffer: host_fpu_user_size() bytes
 * @xfeatures: components that @buffer may have
 *
 * Return: 0; -EINVAL if the header is malformed, has other components, or MXCSR has
 * reserved bits.
 */
int host_fpu_from_user(struct host_fpu *fpu, const void *buffer, u64 xfeatures)
{
	u32 pkru;

	return fpu_copy_uabi_to_guest_fpstate(&fpu->area, buffer, xfeatures, &pkru);
}

/*
 * Takes what the kernel's own hypervisor wants noted of a signal: an exit reason and
 * a counter. Write-only, so all threads share it.
 */
static struct kvm_run noted_run;
static struct kvm_vcpu noted = { .run = &noted_run };

/**
 * host_work_before_guest() - do what a thread does on its way to user mode
 *
 * Reschedules and runs task work; a thread in a long run of its guest would else
 * owe both for ever. Process context, IRQs on; may sleep.
 *
 * Return: 0, or -EINTR when a signal is pending.
 */
int host_work_before_guest(void)
{
	if (!__xfer_to_guest_mode_work_pending())
		return 0;
	return xfer_to_guest_mode_handle_work(&noted);
}

/**
 * host_guest_enter() - tell the kernel that guest code is next
 *
 * IRQs off. To RCU, to the tick of a nohz_full CPU and to latency tracers the guest is
 * what user mode is: without this a guest that does not exit holds up RCU. From here to
 * host_guest_leave() RCU may not be watching: only noinstr code may run in between.
 */
noinstr void host_guest_enter(void)
{
	guest_state_enter_irqoff();
}

/**
 * host_guest_leave() - counterpart of host_guest_enter(), after the exit
 *
 * On CPUs with VMSCAPE the guest has trained branch prediction for the user space of the VMM:
 * the kernel sees to it before this CPU goes there.
 */
noinstr void host_guest_leave(void)
{
	guest_state_exit_irqoff();
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
}

/**
 * host_split_lock() - a guest made a locked access across two cache lines
 * @rip: where, in the guest
 *
 * Where the host watches for those, they raise #AC in guests too, which did not ask for it.
 * The kernel warns and slows the thread down, or sends it a SIGBUS. Process context; may
 * sleep.
 *
 * Return: false if the host does not watch: the #AC is the guest's own.
 */
bool host_split_lock(unsigned long rip)
{
	if (!boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT))
		return false;
	handle_guest_split_lock(rip);
	return true;
}

/**
 * host_sigmask_set() - block other signals for a while, as sigtimedwait() does
 * @mask: signals to block
 *
 * Process context. The old mask is kept where the kernel looks for it: a signal that is
 * let through only now must stay pending even if its default action ends the process.
 * Does not nest.
 */
void host_sigmask_set(const sigset_t *mask)
{
	sigset_t copy = *mask;

	sigprocmask(SIG_SETMASK, &copy, &current->real_blocked);
}

/**
 * host_sigmask_restore() - bring back what host_sigmask_set() replaced
 */
void host_sigmask_restore(void)
{
	sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
	sigemptyset(&current->real_blocked);
}

/**
 * host_emergency_register() - have root mode left where the kernel stops CPUs by force
 * @leave: called on each CPU: after a panic, before a crash kernel, and by a restart that
 *         asks nobody; in NMI context or with IRQs off
 *
 * Process context. There is one such function for the whole kernel; nobody else may have
 * one, which the caller sees to by owning KVM's place in CPU hotplug.
 */
void host_emergency_register(void (*leave)(void))
{
	cpu_emergency_register_virt_callback(leave);
}

/**
 * host_emergency_unregister() - counterpart of host_emergency_register()
 * @leave: what is registered
 *
 * May sleep: no CPU is inside of @leave afterwards.
 */
void host_emergency_unregister(void (*leave)(void))
{
	cpu_emergency_unregister_virt_callback(leave);
}

/**
 * host_time_now() - read TSC, boot time and wall clock of one moment
 * @now: filled
 *
 * Any context. The TSC is read on both sides of the clocks, with interrupts off and
 * again if an NMI or the hypervisor beneath came in between; the middle is
 * taken. The error is what two clock reads take, tens of nanoseconds.
 */
void host_time_now(struct host_time *now)
{
	u64 before, after, best = U64_MAX;
	unsigned long flags;
	int tries;

	local_irq_save(flags);
	for (tries = 0; tries < 4; tries++) {
		u64 boot, real;

		before = rdtsc_ordered();
		boot = ktime_get_boottime_ns();
		real = ktime_get_real_ns();
		after = rdtsc_ordered();

		if (after - before >= best)
			continue;
		best = after - before;
		now->tsc = before + best / 2;
		now->boot_ns = boot;
		now->real_ns = real;
	}
	local_irq_restore(flags);
}

/*
 * Does the TSC run at one rate, the same on all CPUs, as far as the kernel knows? May
 * become false, never true again.
 */
bool host_tsc_is_stable(void)
{
	return !check_tsc_unstable();
}

u32 host_tsc_khz(void)
{
	return tsc_khz;
}

/* CPU time that the calling thread has had, its guests' included. */
u64 host_thread_runtime_ns(void)
{
	u64 user_ns, system_ns;

	task_cputime_adjusted(current, &user_ns, &system_ns);
	return user_ns + system_ns;
}
