// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_MP_STATE and KVM_SET_MP_STATE with and without an irqchip in the
 * kernel, and what KVM_RUN does in each state.
 */
#include <signal.h>
#include <sys/time.h>

#include "vcpu.h"

static int __set_state(struct vcpu *vcpu, uint32_t state)
{
	struct kvm_mp_state mp_state = { .mp_state = state };

	return __vcpu_ioctl(vcpu, KVM_SET_MP_STATE, &mp_state);
}

static uint32_t get_state(struct vcpu *vcpu)
{
	struct kvm_mp_state mp_state;

	vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &mp_state);
	return mp_state.mp_state;
}

static void first_states(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *boot = vcpu_create(vm, 0), *other = vcpu_create(vm, 1);

	ASSERT_EQ(get_state(boot), (uint32_t)KVM_MP_STATE_RUNNABLE);
	ASSERT_EQ(get_state(other), (uint32_t)KVM_MP_STATE_UNINITIALIZED);
	vm_destroy(vm);

	vm = vm_create();
	ASSERT_EQ(get_state(vcpu_create(vm, 0)), (uint32_t)KVM_MP_STATE_RUNNABLE);
	ASSERT_EQ(get_state(vcpu_create(vm, 1)), (uint32_t)KVM_MP_STATE_RUNNABLE);
	vm_destroy(vm);
}

static void round_trip(void)
{
	static const uint32_t states[] = {
		KVM_MP_STATE_HALTED, KVM_MP_STATE_UNINITIALIZED, KVM_MP_STATE_INIT_RECEIVED,
		KVM_MP_STATE_RUNNABLE,
	};
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		ASSERT_EQ(__set_state(vcpu, states[i]), 0);
		ASSERT_EQ(get_state(vcpu), states[i]);
	}
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void bad_values(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);

	ASSERT_ERRNO(__set_state(vcpu, 0xffffffff), EINVAL);
	ASSERT_ERRNO(__set_state(vcpu, 100), EINVAL);
	ASSERT_ERRNO(__set_state(vcpu, KVM_MP_STATE_STOPPED), EINVAL);
	vcpu_run_done(vcpu);
	vm_destroy(vm);

	/* Nobody could wake it: without LAPICs only "runnable" makes sense. */
	vm = vm_create();
	vcpu = vcpu_add(vm, 0, guest_return);
	ASSERT_ERRNO(__set_state(vcpu, KVM_MP_STATE_HALTED), EINVAL);
	ASSERT_ERRNO(__set_state(vcpu, KVM_MP_STATE_UNINITIALIZED), EINVAL);
	ASSERT_EQ(__set_state(vcpu, KVM_MP_STATE_RUNNABLE), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void on_alarm(int number)
{
}

static void alarm_soon(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value.tv_usec = 50000 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
}

/* Waiting for SIPI, KVM_RUN sleeps; a signal ends it. */
static void run_uninitialized(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_create(vm, 1);

	vcpu_set_supported_cpuid(vcpu);
	alarm_soon();
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	ASSERT_EQ(get_state(vcpu), (uint32_t)KVM_MP_STATE_UNINITIALIZED);
	vm_destroy(vm);
}

static void run_halted(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);

	ASSERT_EQ(__set_state(vcpu, KVM_MP_STATE_HALTED), 0);
	alarm_soon();
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	ASSERT_EQ(get_state(vcpu), (uint32_t)KVM_MP_STATE_HALTED);
	ASSERT_EQ(vcpu_regs(vcpu).rip, (uintptr_t)guest_return);
	ASSERT_EQ(__set_state(vcpu, KVM_MP_STATE_RUNNABLE), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "first_states", first_states },
	{ "round_trip", round_trip },
	{ "bad_values", bad_values },
	{ "run_uninitialized", run_uninitialized },
	{ "run_halted", run_halted },
};

TEST_MAIN(cases)
