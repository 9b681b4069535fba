// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254: counting and read-back, channel 0 as an interrupt source on GSI 0,
 * channel 2 with the speaker port, and KVM_GET_PIT2 and KVM_SET_PIT2.
 */
#include <string.h>

#include "apic.h"
#include "vcpu.h"

#define PIT_CHANNEL0 0x40
#define PIT_CHANNEL2 0x42
#define PIT_MODE 0x43
#define SPEAKER 0x61

#define VECTOR 0x55

static volatile uint64_t guest_ticks;

static void guest_on_tick(struct guest_regs *regs)
{
	guest_ticks++;
	xapic_eoi();
}

static struct vm *vm_create_with_pit(uint32_t flags)
{
	struct vm *vm = vm_create_with_irqchip();
	struct kvm_pit_config config = { .flags = flags };

	REQUIRE_CAP(KVM_CAP_PIT2);
	vm_ioctl(vm, KVM_CREATE_PIT2, &config);
	return vm;
}

static void guest_load(uint16_t port, uint8_t mode, uint16_t count)
{
	outb(PIT_MODE, mode);
	outb(port, count & 0xff);
	outb(port, count >> 8);
}

static uint16_t guest_latch(uint16_t port, uint8_t channel)
{
	uint8_t low;

	outb(PIT_MODE, channel << 6);
	low = inb(port);
	return low | inb(port) << 8;
}

static void guest_periodic(void)
{
	guest_handlers[VECTOR] = guest_on_tick;
	xapic_enable(0xff);
	/* GSI 0 is pin 0 until user space routes it to pin 2, as a PC has it. */
	ioapic_set_pin(0, 0, VECTOR);
	guest_load(PIT_CHANNEL0, 0x34, 2386);
	while (guest_ticks < 10) {
		sti_hlt();
		cli();
	}
	/* Mode 0 fires once. */
	guest_load(PIT_CHANNEL0, 0x30, 2386);
	sti_nop_cli();
	guest_ticks = 0;
	while (!guest_ticks) {
		sti_hlt();
		cli();
	}
}

static void interrupts(void)
{
	struct vm *vm = vm_create_with_pit(0);

	vcpu_run_done(vcpu_add(vm, 0, guest_periodic));
	vm_destroy(vm);
}

static void guest_count(void)
{
	uint16_t first, second, i;

	guest_load(PIT_CHANNEL0, 0x34, 0xffff);
	first = guest_latch(PIT_CHANNEL0, 0);
	for (i = 0; i < 10000; i++)
		cpu_relax();
	second = guest_latch(PIT_CHANNEL0, 0);
	GUEST_ASSERT(first != second || guest_latch(PIT_CHANNEL0, 0) != first);
	/* Read-back: status of channel 0 is output, null count, access, mode. */
	outb(PIT_MODE, 0xe2);
	GUEST_ASSERT_EQ(inb(PIT_CHANNEL0) & 0x3f, 0x34);
	/* The latched count stays until it is read. */
	outb(PIT_MODE, 0xd2);
	first = inb(PIT_CHANNEL0);
	first |= inb(PIT_CHANNEL0) << 8;
	GUEST_ASSERT(first != 0 || guest_latch(PIT_CHANNEL0, 0) != 0);
}

static void counting(void)
{
	struct vm *vm = vm_create_with_pit(0);

	vcpu_run_done(vcpu_add(vm, 0, guest_count));
	vm_destroy(vm);
}

static void guest_speaker(void)
{
	/* Gate of channel 2 on, speaker off; mode 0 ends with its output high. */
	outb(SPEAKER, 1);
	GUEST_ASSERT_EQ(inb(SPEAKER) & 3, 1);
	guest_load(PIT_CHANNEL2, 0xb0, 1000);
	while (!(inb(SPEAKER) & 0x20))
		cpu_relax();
	outb(SPEAKER, 2);
	GUEST_ASSERT_EQ(inb(SPEAKER) & 3, 2);
}

/* The way kernels measure the TSC with. */
static void speaker_port(void)
{
	struct vm *vm = vm_create_with_pit(KVM_PIT_SPEAKER_DUMMY);

	vcpu_run_done(vcpu_add(vm, 0, guest_speaker));
	vm_destroy(vm);
}

static void guest_port_out(void)
{
	outb(SPEAKER, 1);
}

static void speaker_in_user_space(void)
{
	struct vm *vm = vm_create_with_pit(0);
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_port_out);

	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->io.port, SPEAKER);
	vm_destroy(vm);
}

static void guest_program(void)
{
	guest_load(PIT_CHANNEL0, 0x34, 0x1234);
	guest_load(PIT_CHANNEL2, 0xb6, 0x4321);
	GUEST_SYNC(1);
	outb(PIT_MODE, 0xe8);
	GUEST_ASSERT_EQ(inb(PIT_CHANNEL2) & 0x3e, 0x34);
}

static void get_and_set(void)
{
	struct vm *vm = vm_create_with_pit(KVM_PIT_SPEAKER_DUMMY);
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_program);
	struct kvm_pit_state2 state;

	REQUIRE_CAP(KVM_CAP_PIT_STATE2);
	vcpu_run_sync(vcpu, 1);
	vm_ioctl(vm, KVM_GET_PIT2, &state);
	ASSERT_EQ(state.channels[0].count, 0x1234u);
	ASSERT_EQ(state.channels[0].mode, 2);
	ASSERT_EQ(state.channels[2].count, 0x4321u);
	ASSERT_EQ(state.channels[2].mode, 3);
	state.channels[2].mode = 2;
	state.channels[2].count = 0x1111;
	vm_ioctl(vm, KVM_SET_PIT2, &state);
	vm_ioctl(vm, KVM_GET_PIT2, &state);
	ASSERT_EQ(state.channels[2].mode, 2);
	ASSERT_EQ(state.channels[2].count, 0x1111u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void bad_arguments(void)
{
	struct vm *vm = vm_create_bare(), *with_pit = vm_create_with_pit(0);
	struct kvm_pit_config config = { 0 };
	struct kvm_pit_state2 state;
	unsigned int i;

	memset(&state, 0, sizeof(state));
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_GET_PIT2, &state), ENXIO);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SET_PIT2, &state), ENXIO);
	/* Without an irqchip it has nowhere to send interrupts; KVM 6.1 makes it all the same. */
	(void)__vm_ioctl(vm, KVM_CREATE_PIT2, &config);
	ASSERT_ERRNO(__vm_ioctl(with_pit, KVM_CREATE_PIT2, &config), EEXIST);
	for (i = 0; i < 256; i += 17) {
		memset(&state, i, sizeof(state));
		(void)__vm_ioctl(with_pit, KVM_SET_PIT2, &state);
		ASSERT_EQ(__vm_ioctl(with_pit, KVM_GET_PIT2, &state), 0);
	}
	vm_destroy(vm);
	vm_destroy(with_pit);
}

/* The smallest count, with a host timer behind it: the host must stay alive. */
static void guest_fastest(void)
{
	guest_handlers[VECTOR] = guest_on_tick;
	xapic_enable(0xff);
	ioapic_set_pin(0, 0, VECTOR);
	guest_load(PIT_CHANNEL0, 0x34, 2);
	while (guest_ticks < 20) {
		sti_hlt();
		cli();
	}
}

static void shortest_period(void)
{
	struct vm *vm = vm_create_with_pit(0);

	vcpu_run_done(vcpu_add(vm, 0, guest_fastest));
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "interrupts", interrupts },
	{ "counting", counting },
	{ "speaker_port", speaker_port },
	{ "speaker_in_user_space", speaker_in_user_space },
	{ "get_and_set", get_and_set },
	{ "bad_arguments", bad_arguments },
	{ "shortest_period", shortest_period },
};

TEST_MAIN(cases)
