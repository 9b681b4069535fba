// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_IRQFD: signals of an eventfd become interrupts, edge-triggered, as messages, and
 * level-triggered with a second eventfd that tells of the end; what is refused; and
 * eventfds that are closed or taken away while they are signalled.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "apic.h"
#include "vcpu.h"

#define PIN 10
#define VECTOR 0x53
#define DEASSIGN KVM_IRQFD_FLAG_DEASSIGN
#define RESAMPLE KVM_IRQFD_FLAG_RESAMPLE

static volatile uint64_t guest_count, guest_ready, guest_stop, guest_holds_eoi;

static int __set(struct vm *vm, int fd, uint32_t gsi, uint32_t flags, int resample_fd)
{
	struct kvm_irqfd request = {
		.fd = fd,
		.gsi = gsi,
		.flags = flags,
		.resamplefd = resample_fd,
	};

	return __vm_ioctl(vm, KVM_IRQFD, &request);
}

static int make_eventfd(uint64_t count)
{
	int fd = eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC);

	TEST_ASSERT(fd >= 0, "eventfd");
	return fd;
}

static void signal_eventfd(int fd)
{
	uint64_t one = 1;

	ASSERT_EQ(write(fd, &one, 8), 8);
}

static uint64_t count_signals(int fd)
{
	uint64_t value;

	return read(fd, &value, 8) == 8 ? value : 0;
}

static void bad_arguments(void)
{
	int fd = make_eventfd(0), other = make_eventfd(0);
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_IRQFD);
	vm = vm_create_bare();
	ASSERT_ERRNO(__set(vm, fd, PIN, 0, 0), EINVAL);
	vm_destroy(vm);

	vm = vm_create_with_irqchip();
	ASSERT_ERRNO(__set(vm, fd, PIN, 1 << 4, 0), EINVAL);
	ASSERT_ERRNO(__set(vm, -1, PIN, 0, 0), EBADF);
	ASSERT_ERRNO(__set(vm, STDOUT_FILENO, PIN, 0, 0), EINVAL);
	ASSERT_ERRNO(__set(vm, fd, PIN, RESAMPLE, -1), EBADF);
	ASSERT_ERRNO(__set(vm, fd, PIN, RESAMPLE, STDOUT_FILENO), EINVAL);
	ASSERT_EQ(__set(vm, fd, PIN, 0, 0), 0);
	ASSERT_ERRNO(__set(vm, fd, PIN, 0, 0), EBUSY);
	ASSERT_ERRNO(__set(vm, fd, PIN + 1, RESAMPLE, other), EBUSY);
	ASSERT_EQ(__set(vm, other, PIN, 0, 0), 0);
	/* What is not there can be taken away. */
	ASSERT_EQ(__set(vm, fd, PIN + 1, DEASSIGN, 0), 0);
	ASSERT_EQ(__set(vm, fd, PIN, DEASSIGN, 0), 0);
	ASSERT_EQ(__set(vm, fd, PIN, DEASSIGN, 0), 0);
	ASSERT_EQ(__set(vm, fd, PIN, 0, 0), 0);
	vm_destroy(vm);
	/* Nobody takes the signals any more. */
	signal_eventfd(fd);
	ASSERT_EQ(count_signals(fd), 1u);
	close(fd);
	close(other);
}

static void guest_on_interrupt(struct guest_regs *regs)
{
	guest_count++;
	while (guest_holds_eoi)
		cpu_relax();
	xapic_eoi();
}

static void guest_receive(uint64_t entry)
{
	guest_handlers[VECTOR] = guest_on_interrupt;
	xapic_enable(0xff);
	ioapic_set_pin(PIN, 0, entry);
	guest_ready = 1;
	sti();
	while (!guest_stop)
		cpu_relax();
}

static struct vcpu *start(uint64_t entry)
{
	struct vm *vm;
	struct vcpu *vcpu;

	REQUIRE_CAP(KVM_CAP_IRQFD);
	vm = vm_create_with_irqchip();
	vcpu = vcpu_add(vm, 0, (void (*)(void))guest_receive);
	vcpu_set_arg(vcpu, 0, entry);
	vcpu_thread_start(vcpu);
	while (!GUEST(vm, guest_ready))
		test_sleep_ms(1);
	return vcpu;
}

static void stop(struct vcpu *vcpu)
{
	GUEST(vcpu->vm, guest_stop) = 1;
	vcpu_thread_join(vcpu);
	vm_destroy(vcpu->vm);
}

static void wait_for(struct vm *vm, uint64_t count)
{
	while (GUEST(vm, guest_count) != count)
		test_sleep_ms(1);
}

static void edge(void)
{
	struct vcpu *vcpu = start(VECTOR);
	int fd = make_eventfd(0), early = make_eventfd(3);
	unsigned int i;

	ASSERT_EQ(__set(vcpu->vm, fd, PIN, 0, 0), 0);
	for (i = 1; i <= 20; i++) {
		signal_eventfd(fd);
		wait_for(vcpu->vm, i);
	}
	/* The module has read them. */
	ASSERT_EQ(count_signals(fd), 0u);

	ASSERT_EQ(__set(vcpu->vm, fd, PIN, DEASSIGN, 0), 0);
	signal_eventfd(fd);
	test_sleep_ms(20);
	ASSERT_EQ(GUEST(vcpu->vm, guest_count), 20u);
	/* One that was signalled before counts. */
	ASSERT_EQ(__set(vcpu->vm, early, PIN, 0, 0), 0);
	wait_for(vcpu->vm, 21);
	stop(vcpu);
	close(fd);
	close(early);
}

static void message(void)
{
	struct vcpu *vcpu = start(IOAPIC_MASKED);
	struct {
		struct kvm_irq_routing header;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.header.nr = 1,
		.entry = {
			.gsi = 100,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = 0xfee00000, .data = VECTOR },
		},
	};
	int fd = make_eventfd(0);
	unsigned int i;

	ASSERT_EQ(__set(vcpu->vm, fd, 100, 0, 0), 0);
	/* Without a route a signal comes to nothing. */
	signal_eventfd(fd);
	vm_ioctl(vcpu->vm, KVM_SET_GSI_ROUTING, &routing);
	for (i = 1; i <= 20; i++) {
		signal_eventfd(fd);
		wait_for(vcpu->vm, i);
	}
	stop(vcpu);
	close(fd);
}

static void level(void)
{
	struct vcpu *vcpu = start(VECTOR | IOAPIC_LEVEL);
	int fd = make_eventfd(0), end = make_eventfd(0), second = make_eventfd(0);
	int second_end = make_eventfd(0);
	struct pollfd ended = { .fd = end, .events = POLLIN };
	unsigned int i;

	ASSERT_EQ(__set(vcpu->vm, fd, PIN, RESAMPLE, end), 0);
	for (i = 1; i <= 10; i++) {
		GUEST(vcpu->vm, guest_holds_eoi) = 1;
		signal_eventfd(fd);
		wait_for(vcpu->vm, i);
		/* It is held until the guest has ended it, and lets go then. */
		test_sleep_ms(2);
		ASSERT_EQ(count_signals(end), 0u);
		GUEST(vcpu->vm, guest_holds_eoi) = 0;
		ASSERT_EQ(poll(&ended, 1, -1), 1);
		ASSERT_EQ(count_signals(end), 1u);
		test_sleep_ms(2);
		ASSERT_EQ(GUEST(vcpu->vm, guest_count), i);
	}

	/* Two devices on one line both hear of the end. */
	ASSERT_EQ(__set(vcpu->vm, second, PIN, RESAMPLE, second_end), 0);
	signal_eventfd(second);
	ASSERT_EQ(poll(&ended, 1, -1), 1);
	ASSERT_EQ(count_signals(end), 1u);
	ASSERT_EQ(GUEST(vcpu->vm, guest_count), 11u);
	ended.fd = second_end;
	ASSERT_EQ(poll(&ended, 1, -1), 1);

	/* The first goes, the second stays. */
	ASSERT_EQ(__set(vcpu->vm, fd, PIN, DEASSIGN, 0), 0);
	count_signals(second_end);
	signal_eventfd(second);
	ASSERT_EQ(poll(&ended, 1, -1), 1);
	ASSERT_EQ(GUEST(vcpu->vm, guest_count), 12u);
	ASSERT_EQ(count_signals(end), 0u);
	stop(vcpu);
	close(fd);
	close(end);
	close(second);
	close(second_end);
}

/* An eventfd that is closed without being taken away takes its line along. */
static void closed(void)
{
	struct vcpu *vcpu = start(VECTOR | IOAPIC_LEVEL | IOAPIC_MASKED);
	int fd = make_eventfd(0), end = make_eventfd(0);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	ASSERT_EQ(__set(vcpu->vm, fd, PIN, RESAMPLE, end), 0);
	signal_eventfd(fd);
	vm_ioctl(vcpu->vm, KVM_GET_IRQCHIP, &chip);
	ASSERT_EQ(chip.chip.ioapic.irr >> PIN & 1, 1u);
	close(fd);
	do {
		test_sleep_ms(1);
		vm_ioctl(vcpu->vm, KVM_GET_IRQCHIP, &chip);
	} while (chip.chip.ioapic.irr >> PIN & 1);
	stop(vcpu);
	close(end);
}

static volatile bool is_over;

static void *keep_signalling(void *fds)
{
	uint64_t one = 1;
	unsigned int i;

	for (i = 0; !is_over; i++)
		(void)!write(((int *)fds)[i % 2], &one, 8);
	return NULL;
}

/* Assigned and taken away while another thread signals; the VM ends under it. */
static void race(void)
{
	int fds[2] = { make_eventfd(0), make_eventfd(0) }, end = make_eventfd(0);
	struct vcpu *vcpu = start(VECTOR | IOAPIC_LEVEL);
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(pthread_create(&thread, NULL, keep_signalling, fds), 0);
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(__set(vcpu->vm, fds[0], PIN, RESAMPLE, end), 0);
		ASSERT_EQ(__set(vcpu->vm, fds[1], PIN, i & 1 ? RESAMPLE : 0, end), 0);
		ASSERT_EQ(__set(vcpu->vm, fds[0], PIN, DEASSIGN, 0), 0);
		if (i < 199)
			ASSERT_EQ(__set(vcpu->vm, fds[1], PIN, DEASSIGN, 0), 0);
	}
	while (!GUEST(vcpu->vm, guest_count))
		test_sleep_ms(1);
	stop(vcpu);
	is_over = true;
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	close(fds[0]);
	close(fds[1]);
	close(end);
}

static const struct test_case cases[] = {
	{ "bad_arguments", bad_arguments },
	{ "edge", edge },
	{ "message", message },
	{ "level", level },
	{ "closed", closed },
	{ "race", race },
};

TEST_MAIN(cases)
