// SPDX-License-Identifier: GPL-2.0
/*
 * Signals and KVM_RUN: immediate_exit, KVM_SET_SIGNAL_MASK, a kick out of a guest
 * that never exits and out of a halt.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "vcpu.h"

static volatile uint64_t guest_rounds;

static void guest_spin(void)
{
	for (;;)
		guest_rounds++;
}

static volatile sig_atomic_t handled[_NSIG];

static void on_signal(int number)
{
	handled[number]++;
}

static void catch_signal(int number)
{
	/* No SA_RESTART needed: KVM_RUN is never restarted. */
	struct sigaction action = { .sa_handler = on_signal };

	ASSERT_EQ(sigaction(number, &action, NULL), 0);
}

/* Again and again: on a slow machine the first may come before KVM_RUN. */
static void run_until_alarm(struct vcpu *vcpu)
{
	struct itimerval often = { { .tv_usec = 30000 }, { .tv_usec = 30000 } }, never = { 0 };
	int before = handled[SIGALRM];

	ASSERT_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	ASSERT_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
	ASSERT_GE(handled[SIGALRM], before + 1);
	ASSERT_EXIT(vcpu, KVM_EXIT_INTR);
}

static void immediate_exit(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin);
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_IMMEDIATE_EXIT);
	vcpu->run->immediate_exit = 1;
	for (i = 0; i < 10; i++)
		ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	/* Not a single instruction ran. */
	ASSERT_EQ(GUEST(vm, guest_rounds), 0u);
	ASSERT_EQ(vcpu_regs(vcpu).rip, (uintptr_t)guest_spin);
	vm_destroy(vm);
}

static void kick_out_of_spin(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin);
	unsigned int i;

	catch_signal(SIGALRM);
	for (i = 0; i < 5; i++) {
		uint64_t rounds = GUEST(vm, guest_rounds);

		/* The case's time limit is the guest's, too. */
		do {
			run_until_alarm(vcpu);
		} while (GUEST(vm, guest_rounds) == rounds);
	}
	vm_destroy(vm);
}

static void *run_until_signal(void *arg)
{
	struct vcpu *vcpu = arg;

	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	return NULL;
}

static void kick_by_another_thread(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin);
	unsigned int i;

	catch_signal(SIGUSR1);
	for (i = 0; i < 5; i++) {
		uint64_t rounds = GUEST(vm, guest_rounds);

		ASSERT_EQ(pthread_create(&vcpu->thread, NULL, run_until_signal, vcpu), 0);
		while (GUEST(vm, guest_rounds) == rounds)
			test_sleep_ms(1);
		ASSERT_EQ(pthread_kill(vcpu->thread, SIGUSR1), 0);
		ASSERT_EQ(pthread_join(vcpu->thread, NULL), 0);
	}
	vm_destroy(vm);
}

static int __set_mask(struct vcpu *vcpu, const uint64_t *mask, uint32_t len)
{
	struct {
		struct kvm_signal_mask header;
		uint64_t mask;
	} __attribute__((packed)) argument;

	if (!mask)
		return __vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, NULL);
	argument.header.len = len;
	argument.mask = *mask;
	return __vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, &argument);
}

/* Blocked outside, open inside KVM_RUN: it ends the run and stays pending. */
static void signal_mask(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin);
	uint64_t open_all = 0, block_usr1 = BIT(SIGUSR1 - 1);
	sigset_t set, pending;
	int number;

	catch_signal(SIGUSR1);
	catch_signal(SIGALRM);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	ASSERT_EQ(__set_mask(vcpu, &open_all, 8), 0);
	ASSERT_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	ASSERT_EQ(handled[SIGUSR1], 0);
	sigpending(&pending);
	ASSERT_EQ(sigismember(&pending, SIGUSR1), 1);
	ASSERT_EQ(sigwait(&set, &number), 0);
	ASSERT_EQ(number, SIGUSR1);
	/* The mask of the thread is back after the run. */
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	ASSERT_EQ(sigismember(&set, SIGUSR1), 1);
	ASSERT_EQ(sigismember(&set, SIGALRM), 0);

	/* Blocked inside: only the alarm gets through. */
	ASSERT_EQ(__set_mask(vcpu, &block_usr1, 8), 0);
	ASSERT_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
	run_until_alarm(vcpu);
	ASSERT_EQ(handled[SIGUSR1], 0);
	/* No mask: the thread's own counts, in which SIGUSR1 is blocked. */
	ASSERT_EQ(__set_mask(vcpu, NULL, 0), 0);
	run_until_alarm(vcpu);
	ASSERT_EQ(handled[SIGUSR1], 0);
	vm_destroy(vm);
}

static void bad_masks(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	uint64_t all = ~0ull;

	ASSERT_ERRNO(__set_mask(vcpu, &all, 0), EINVAL);
	ASSERT_ERRNO(__set_mask(vcpu, &all, 4), EINVAL);
	ASSERT_ERRNO(__set_mask(vcpu, &all, 128), EINVAL);
	ASSERT_ERRNO(__set_mask(vcpu, &all, 0xffffffff), EINVAL);
	ASSERT_EQ(__set_mask(vcpu, &all, 8), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_halt_forever(void)
{
	for (;;)
		hlt();
}

static void kick_out_of_halt(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt_forever);
	unsigned int i;

	catch_signal(SIGUSR1);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(pthread_create(&vcpu->thread, NULL, run_until_signal, vcpu), 0);
		do {
			/* One that comes before KVM_RUN is in vain. */
			test_sleep_ms(20);
			ASSERT_EQ(pthread_kill(vcpu->thread, SIGUSR1), 0);
		} while (pthread_tryjoin_np(vcpu->thread, NULL) == EBUSY);
	}
	vm_destroy(vm);
}

/* A signal between two I/O exits loses nothing and repeats nothing. */
static void guest_count_out(void)
{
	uint64_t i;

	for (i = 0; i < 2000; i++)
		outl(0x510, i);
}

static void nothing_lost(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_count_out);
	struct itimerval often = { .it_value.tv_usec = 1000, .it_interval.tv_usec = 3000 };
	struct itimerval never = { 0 };
	struct ucall ucall;
	uint32_t next = 0, value;

	catch_signal(SIGALRM);
	ASSERT_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (;;) {
		int ret = __vcpu_run(vcpu);

		if (ret == -EINTR)
			continue;
		ASSERT_EQ(ret, 0);
		if (vcpu_is_ucall(vcpu, &ucall))
			break;
		ASSERT_EXIT(vcpu, KVM_EXIT_IO);
		memcpy(&value, (uint8_t *)vcpu->run + vcpu->run->io.data_offset, 4);
		ASSERT_EQ(value, next);
		next++;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	ASSERT_EQ(next, 2000u);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "immediate_exit", immediate_exit },
	{ "kick_out_of_spin", kick_out_of_spin },
	{ "kick_by_another_thread", kick_by_another_thread },
	{ "signal_mask", signal_mask },
	{ "bad_masks", bad_masks },
	{ "kick_out_of_halt", kick_out_of_halt },
	{ "nothing_lost", nothing_lost },
};

TEST_MAIN(cases)
