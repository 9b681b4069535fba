// SPDX-License-Identifier: GPL-2.0
/*
 * HLT: an exit to user space without an irqchip in the kernel, a sleep of the
 * vCPU thread with one, ended by an interrupt.
 */
#include <signal.h>
#include <sys/time.h>

#include "apic.h"
#include "vcpu.h"

static void guest_halt(void)
{
	hlt();
	GUEST_SYNC(1);
	hlt();
}

static void exit_without_irqchip(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt);
	uint64_t rip;

	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	/* RIP is behind the HLT, so another run continues. */
	rip = vcpu_regs(vcpu).rip;
	ASSERT_EQ(*(uint8_t *)vm_hva(vm, rip - 1, 1), 0xf4);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static volatile uint64_t guest_woken;

static void guest_wake(struct guest_regs *regs)
{
	guest_woken++;
	xapic_eoi();
}

static void guest_sleep(void)
{
	guest_handlers[0x50] = guest_wake;
	xapic_enable(0xff);
	ioapic_set_pin(5, 0, 0x50);
	GUEST_SYNC(1);
	while (guest_woken < 3) {
		sti_hlt();
		cli();
	}
}

static void block_with_irqchip(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_sleep);
	unsigned int i;

	vcpu_run_sync(vcpu, 1);
	vcpu_thread_start(vcpu);
	for (i = 1; i <= 3; i++) {
		/* Time to fall asleep; nothing depends on its length. */
		test_sleep_ms(20);
		ASSERT_EQ(GUEST(vm, guest_woken), i - 1);
		vm_irq_line(vm, 5, 1);
		vm_irq_line(vm, 5, 0);
		while (GUEST(vm, guest_woken) < i)
			test_sleep_ms(1);
	}
	vcpu_thread_join(vcpu);
	vm_destroy(vm);
}

static void on_signal(int number)
{
}

/* With interrupts off nothing but a signal ends the sleep. */
static void signal_ends_sleep(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt);
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct kvm_mp_state state;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	ASSERT_EXIT(vcpu, KVM_EXIT_INTR);
	vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &state);
	ASSERT_EQ(state.mp_state, (uint32_t)KVM_MP_STATE_HALTED);

	/* User space may end the halt. */
	state.mp_state = KVM_MP_STATE_RUNNABLE;
	vcpu_ioctl(vcpu, KVM_SET_MP_STATE, &state);
	vcpu_run_sync(vcpu, 1);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "exit_without_irqchip", exit_without_irqchip },
	{ "block_with_irqchip", block_with_irqchip },
	{ "signal_ends_sleep", signal_ends_sleep },
};

TEST_MAIN(cases)
