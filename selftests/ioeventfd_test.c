// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_IOEVENTFD: which writes of a guest signal the eventfd instead of going to user space,
 * which do not, and what is refused.
 */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vcpu.h"

#define PORT 0x4000
#define PIO KVM_IOEVENTFD_FLAG_PIO
#define MATCH KVM_IOEVENTFD_FLAG_DATAMATCH
#define DEASSIGN KVM_IOEVENTFD_FLAG_DEASSIGN

static int __set(struct vm *vm, int fd, uint32_t flags, uint64_t addr, uint32_t len,
		 uint64_t value)
{
	struct kvm_ioeventfd request = {
		.fd = fd,
		.flags = flags,
		.addr = addr,
		.len = len,
		.datamatch = value,
	};

	return __vm_ioctl(vm, KVM_IOEVENTFD, &request);
}

static int make_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	TEST_ASSERT(fd >= 0, "eventfd");
	return fd;
}

/* How often it was signalled since the last look. */
static uint64_t count(int fd)
{
	uint64_t value;

	return read(fd, &value, 8) == 8 ? value : 0;
}

static void bad_arguments(void)
{
	struct vm *vm;
	int fd = make_eventfd();

	REQUIRE_CAP(KVM_CAP_IOEVENTFD);
	vm = vm_create();
	ASSERT_ERRNO(__set(vm, fd, 1 << 5, PORT, 2, 0), EINVAL);
	ASSERT_ERRNO(__set(vm, fd, PIO, PORT, 3, 0), EINVAL);
	ASSERT_ERRNO(__set(vm, fd, PIO, PORT, 16, 0), EINVAL);
	ASSERT_ERRNO(__set(vm, fd, PIO | MATCH, PORT, 0, 0), EINVAL);
	ASSERT_ERRNO(__set(vm, fd, 0, ~0ull - 2, 4, 0), EINVAL);
	ASSERT_ERRNO(__set(vm, -1, PIO, PORT, 2, 0), EBADF);
	ASSERT_ERRNO(__set(vm, STDOUT_FILENO, PIO, PORT, 2, 0), EINVAL);
	ASSERT_ERRNO(__set(vm, fd, PIO | DEASSIGN, PORT, 2, 0), ENOENT);

	ASSERT_EQ(__set(vm, fd, PIO | MATCH, PORT, 2, 7), 0);
	ASSERT_ERRNO(__set(vm, fd, PIO | MATCH, PORT, 2, 7), EEXIST);
	ASSERT_ERRNO(__set(vm, fd, PIO, PORT, 2, 0), EEXIST);
	ASSERT_ERRNO(__set(vm, fd, PIO, PORT, 0, 0), EEXIST);
	ASSERT_EQ(__set(vm, fd, PIO | MATCH, PORT, 2, 8), 0);
	ASSERT_EQ(__set(vm, fd, PIO, PORT, 4, 0), 0);
	ASSERT_EQ(__set(vm, fd, 0, PORT, 2, 0), 0);
	ASSERT_ERRNO(__set(vm, fd, PIO | DEASSIGN, PORT, 2, 7), ENOENT);
	ASSERT_ERRNO(__set(vm, fd, PIO | MATCH | DEASSIGN, PORT, 2, 9), ENOENT);
	ASSERT_EQ(__set(vm, fd, PIO | MATCH | DEASSIGN, PORT, 2, 7), 0);
	ASSERT_ERRNO(__set(vm, fd, PIO | MATCH | DEASSIGN, PORT, 2, 7), ENOENT);
	/* Those that are left end with the VM. */
	vm_destroy(vm);
	ASSERT_EQ(count(fd), 0u);
	close(fd);
}

static void guest_ports(void)
{
	outw(PORT, 7);
	outw(PORT, 7);
	GUEST_SYNC(1);
	/* To user space: another value, length, port, or direction. */
	outw(PORT, 8);
	outb(PORT, 7);
	outl(PORT, 7);
	outw(PORT + 1, 7);
	inw(PORT);
	GUEST_SYNC(2);
	outb(PORT, 1);
	outl(PORT, 2);
	GUEST_SYNC(3);
}

static void expect_port(struct vcpu *vcpu, uint16_t port, uint8_t size, bool is_out)
{
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	TEST_ASSERT(vcpu->run->io.port == port && vcpu->run->io.size == size &&
		    (vcpu->run->io.direction == KVM_EXIT_IO_OUT) == is_out,
		    "port %#x, %u bytes", vcpu->run->io.port, vcpu->run->io.size);
}

static void ports(void)
{
	struct vcpu *vcpu;
	struct vm *vm;
	int fd = make_eventfd(), any = make_eventfd();

	REQUIRE_CAP(KVM_CAP_IOEVENTFD);
	vm = vm_create();
	vcpu = vcpu_add(vm, 0, guest_ports);
	ASSERT_EQ(__set(vm, fd, PIO | MATCH, PORT, 2, 7), 0);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(count(fd), 2u);
	expect_port(vcpu, PORT, 2, true);
	expect_port(vcpu, PORT, 1, true);
	expect_port(vcpu, PORT, 4, true);
	expect_port(vcpu, PORT + 1, 2, true);
	expect_port(vcpu, PORT, 2, false);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(count(fd), 0u);

	ASSERT_EQ(__set(vm, fd, PIO | MATCH | DEASSIGN, PORT, 2, 7), 0);
	ASSERT_EQ(__set(vm, any, PIO, PORT, 0, 0), 0);
	vcpu_run_sync(vcpu, 3);
	ASSERT_EQ(count(any), 2u);
	ASSERT_EQ(count(fd), 0u);
	vm_destroy(vm);
	close(fd);
	close(any);
}

static void guest_memory(void)
{
	*(volatile uint32_t *)GPA_MMIO = 1;
	*(volatile uint8_t *)(GPA_MMIO + 8) = 1;
	*(volatile uint64_t *)(GPA_MMIO + 8) = 2;
	*(volatile uint64_t *)(GPA_MMIO + 16) = 0x1122334455667788ull;
	GUEST_SYNC(1);
	*(volatile uint32_t *)(GPA_MMIO + 9) = 3;
	*(volatile uint64_t *)(GPA_MMIO + 16) = 0x1122334455667789ull;
	GUEST_ASSERT_EQ(*(volatile uint32_t *)GPA_MMIO, 0xabcd);
	GUEST_SYNC(2);
}

static void memory(void)
{
	struct vcpu *vcpu;
	struct vm *vm;
	int word = make_eventfd(), any = make_eventfd(), value = make_eventfd();

	REQUIRE_CAP(KVM_CAP_IOEVENTFD);
	vm = vm_create();
	vcpu = vcpu_add(vm, 0, guest_memory);
	ASSERT_EQ(__set(vm, word, 0, GPA_MMIO, 4, 0), 0);
	ASSERT_EQ(__set(vm, any, 0, GPA_MMIO + 8, 0, 0), 0);
	ASSERT_EQ(__set(vm, value, MATCH, GPA_MMIO + 16, 8, 0x1122334455667788ull), 0);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(count(word), 1u);
	ASSERT_EQ(count(any), 2u);
	ASSERT_EQ(count(value), 1u);

	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, GPA_MMIO + 9);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, GPA_MMIO + 16);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.is_write, 0);
	memcpy(vcpu->run->mmio.data, &(uint32_t){ 0xabcd }, 4);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(count(word) + count(any) + count(value), 0u);
	vm_destroy(vm);
	close(word);
	close(any);
	close(value);
}

static volatile uint64_t guest_stop;

static void guest_doorbell(void)
{
	while (!guest_stop)
		outw(PORT, 7);
}

/* Taken away and put back under the guest: each write goes one way or the other. */
static void changed_under_running_vcpu(void)
{
	struct vcpu *vcpu;
	struct vm *vm;
	int fd = make_eventfd(), still = make_eventfd();
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_IOEVENTFD);
	vm = vm_create();
	vcpu = vcpu_add(vm, 0, guest_doorbell);
	ASSERT_EQ(__set(vm, still, PIO, PORT, 2, 0), 0);
	vcpu_thread_start(vcpu);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(__set(vm, fd, PIO, PORT, 4, 0), 0);
		while (!count(still))
			test_sleep_ms(1);
		ASSERT_EQ(__set(vm, fd, PIO | DEASSIGN, PORT, 4, 0), 0);
	}
	GUEST(vm, guest_stop) = 1;
	vcpu_thread_join(vcpu);
	ASSERT_EQ(count(fd), 0u);
	vm_destroy(vm);
	close(fd);
	close(still);
}

static const struct test_case cases[] = {
	{ "bad_arguments", bad_arguments },
	{ "ports", ports },
	{ "memory", memory },
	{ "changed_under_running_vcpu", changed_under_running_vcpu },
};

TEST_MAIN(cases)
