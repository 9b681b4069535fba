// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that user space injects, KVM_INTERRUPT, and the window it asks
 * for: request_interrupt_window, if_flag and ready_for_interrupt_injection,
 * with the shadow of STI and MOV SS.  No irqchip in the kernel.
 */
#include "vcpu.h"

#define VECTOR 0x41

static volatile uint64_t guest_count, guest_last_rip;

static void guest_count_interrupt(struct guest_regs *regs)
{
	guest_count++;
	guest_last_rip = regs->rip;
}

static int __interrupt(struct vcpu *vcpu, uint32_t vector)
{
	struct kvm_interrupt interrupt = { .irq = vector };

	return __vcpu_ioctl(vcpu, KVM_INTERRUPT, &interrupt);
}

static void guest_open_window(void)
{
	guest_handlers[VECTOR] = guest_count_interrupt;
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(guest_count, 0);
	sti_nop_cli();
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(guest_count, 1);
}

static void window_exit(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_open_window);

	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(vcpu->run->if_flag, 0);
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 0);
	vcpu->run->request_interrupt_window = 1;
	vcpu_run_to(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	ASSERT_EQ(vcpu->run->if_flag, 1);
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 1);
	vcpu->run->request_interrupt_window = 0;
	ASSERT_EQ(__interrupt(vcpu, VECTOR), 0);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(GUEST(vm, guest_count), 1u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_spin_open(void)
{
	guest_handlers[VECTOR] = guest_count_interrupt;
	sti();
	GUEST_SYNC(1);
	while (guest_count < 100)
		GUEST_SYNC(2);
}

/* With IF set each exit is a moment to inject. */
static void inject_while_open(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin_open);
	unsigned int i;

	vcpu_run_sync(vcpu, 1);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(vcpu->run->if_flag, 1);
		ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 1);
		ASSERT_EQ(GUEST(vm, guest_count), i);
		ASSERT_EQ(__interrupt(vcpu, VECTOR), 0);
		vcpu_run(vcpu);
	}
	vcpu_ucall(vcpu);
	vcpu_run_done(vcpu);
	ASSERT_EQ(GUEST(vm, guest_count), 100u);
	vm_destroy(vm);
}

extern char guest_sti_shadow[], guest_sti_shadow_end[];
asm(".pushsection .text\n"
	"guest_sti_shadow:\n"
	"outb %al, $0x10\n"
	"sti\n"
	"nop\n"
	"guest_sti_shadow_end:\n"
	"nop\n"
	"nop\n"
	"cli\n"
	"outb %al, $0x11\n"
	".popsection\n");

/* The instruction behind STI still runs with interrupts held back. */
static void sti_shadow(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_sti_shadow);

	GUEST(vm, guest_handlers[VECTOR]) = guest_count_interrupt;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	vcpu->run->request_interrupt_window = 1;
	vcpu_run_to(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	ASSERT_EQ(vcpu_regs(vcpu).rip, (uintptr_t)guest_sti_shadow_end);
	ASSERT_EQ(__interrupt(vcpu, VECTOR), 0);
	vcpu->run->request_interrupt_window = 0;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->io.port, 0x11);
	ASSERT_EQ(GUEST(vm, guest_count), 1u);
	ASSERT_EQ(GUEST(vm, guest_last_rip), (uintptr_t)guest_sti_shadow_end);
	vm_destroy(vm);
}

static void guest_halt_open(void)
{
	guest_handlers[VECTOR] = guest_count_interrupt;
	GUEST_SYNC(1);
	sti_hlt();
	GUEST_ASSERT_EQ(guest_count, 1);
}

/* HLT leaves the guest with IF set; the injected interrupt continues it. */
static void halt_then_interrupt(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt_open);

	vcpu_run_sync(vcpu, 1);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	ASSERT_EQ(vcpu->run->if_flag, 1);
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 1);
	ASSERT_EQ(__interrupt(vcpu, VECTOR), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Injected with IF clear: user space must not, but only the guest may suffer. */
static void inject_while_closed(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_open_window);

	vcpu_run_sync(vcpu, 1);
	(void)__interrupt(vcpu, VECTOR);
	(void)__vcpu_run(vcpu);
	vm_destroy(vm);
}

static void bad_vectors(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin_open);

	ASSERT_ERRNO(__interrupt(vcpu, 256), EINVAL);
	ASSERT_ERRNO(__interrupt(vcpu, 0xffffffff), EINVAL);
	ASSERT_ERRNO(__interrupt(vcpu, 0x80000041), EINVAL);
	vm_destroy(vm);
}

/* With the PIC in the kernel an interrupt from user space has no meaning. */
static void refused_with_irqchip(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin_open);

	ASSERT_ERRNO(__interrupt(vcpu, VECTOR), ENXIO);
	vcpu_run_sync(vcpu, 1);
	vm_destroy(vm);
}

/* A window that is asked for but never opens does not get in the way. */
static void guest_never_open(void)
{
	int i;

	for (i = 0; i < 10; i++)
		GUEST_SYNC(i);
}

static void window_never_opens(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_never_open);
	unsigned int i;

	vcpu->run->request_interrupt_window = 1;
	for (i = 0; i < 10; i++)
		vcpu_run_sync(vcpu, i);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "window_exit", window_exit },
	{ "inject_while_open", inject_while_open },
	{ "sti_shadow", sti_shadow },
	{ "halt_then_interrupt", halt_then_interrupt },
	{ "inject_while_closed", inject_while_closed },
	{ "bad_vectors", bad_vectors },
	{ "refused_with_irqchip", refused_with_irqchip },
	{ "window_never_opens", window_never_opens },
};

TEST_MAIN(cases)
