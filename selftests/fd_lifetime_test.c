// SPDX-License-Identifier: GPL-2.0
/*
 * Who keeps a VM alive: its own descriptor, those of its vCPUs, copies of them in
 * other processes, and mappings of kvm_run.  Any order of closing is right.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "vcpu.h"

static void guest_report(void)
{
	uint64_t i;

	for (i = 0; ; i++)
		GUEST_SYNC(i);
}

static void vcpu_keeps_vm(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_report);

	vcpu_run_sync(vcpu, 0);
	ASSERT_EQ(close(vm->fd), 0);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(close(vcpu->fd), 0);
}

static void mapping_keeps_vcpu(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_report);

	vcpu_run_sync(vcpu, 0);
	ASSERT_EQ(close(vcpu->fd), 0);
	ASSERT_EQ(close(vm->fd), 0);
	/* Both are closed; the page is still there, to read and to write. */
	ASSERT_EQ(vcpu->run->exit_reason, (uint32_t)KVM_EXIT_IO);
	vcpu->run->immediate_exit = 1;
	ASSERT_EQ(vcpu->run->immediate_exit, 1);
	ASSERT_EQ(munmap(vcpu->run, vcpu->run_bytes), 0);
}

static void every_order(void)
{
	unsigned int order;

	for (order = 0; order < 6; order++) {
		struct vm *vm = vm_create_with_irqchip();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_report);
		unsigned int step, steps[3];

		/* The permutations of three. */
		steps[0] = order / 2;
		steps[1] = (steps[0] + 1 + order % 2) % 3;
		steps[2] = 3 - steps[0] - steps[1];
		vcpu_run_sync(vcpu, 0);
		for (step = 0; step < 3; step++) {
			switch (steps[step]) {
			case 0:
				ASSERT_EQ(close(vm->fd), 0);
				break;
			case 1:
				ASSERT_EQ(close(vcpu->fd), 0);
				break;
			default:
				ASSERT_EQ(munmap(vcpu->run, vcpu->run_bytes), 0);
				break;
			}
		}
	}
}

static void duplicate(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_report);
	int vm_copy = dup(vm->fd), vcpu_copy = dup(vcpu->fd);

	ASSERT_EQ(close(vm->fd), 0);
	ASSERT_EQ(close(vcpu->fd), 0);
	vm->fd = vm_copy;
	vcpu->fd = vcpu_copy;
	vcpu_run_sync(vcpu, 0);
	vm_destroy(vm);
}

/* The guest's memory is the creator's: a child may hold the descriptors but not run. */
static void other_process(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_report);
	struct kvm_regs regs;
	int status;
	pid_t pid;

	vcpu_run_sync(vcpu, 0);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		ASSERT_ERRNO(__vcpu_run(vcpu), EIO);
		ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_GET_REGS, &regs), EIO);
		ASSERT_ERRNO(__vm_set_slot(vm, 5, 0, 0x20000000, PAGE_BYTES, vm->ram), EIO);
		ASSERT_ERRNO(__vm_ioctl(vm, KVM_CREATE_VCPU, 1), EIO);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x", status);
	vcpu_run_sync(vcpu, 1);
	vm_destroy(vm);
}

/* The creator is gone, a child holds the last descriptors: a VM without memory. */
static void creator_dies_first(void)
{
	int done[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(pipe(done), 0);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		struct vm *vm = vm_create_with_irqchip();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_report);

		vcpu_run_sync(vcpu, 0);
		if (!fork()) {
			test_sleep_ms(200);
			ASSERT_ERRNO(__vcpu_run(vcpu), EIO);
			(void)!write(done[1], "x", 1);
			_exit(0);
		}
		_exit(0);
	}
	close(done[1]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(read(done[0], &byte, 1), 1);
}

static void *run_once(void *arg)
{
	(void)__vcpu_run((struct vcpu *)arg);
	return NULL;
}

static void guest_spin(void)
{
	for (;;)
		cpu_relax();
}

/* Closed while another thread is inside the ioctl: the call goes on, a signal ends it. */
static void close_while_running(void)
{
	int status;
	pid_t pid = fork();

	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin);

		pthread_create(&vcpu->thread, NULL, run_once, vcpu);
		test_sleep_ms(50);
		close(vcpu->fd);
		close(vm->fd);
		munmap(vm->ram, vm->ram_bytes);
		test_sleep_ms(20);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x", status);
}

/* The node can be closed at once. */
static void node_closed(void)
{
	int node = node_open(O_RDWR);
	int fd = fd_ioctl(node, KVM_CREATE_VM, 0);
	int vcpu_fd;

	close(node);
	vcpu_fd = fd_ioctl(fd, KVM_CREATE_VCPU, 0);
	close(fd);
	close(vcpu_fd);
}

static const struct test_case cases[] = {
	{ "vcpu_keeps_vm", vcpu_keeps_vm },
	{ "mapping_keeps_vcpu", mapping_keeps_vcpu },
	{ "every_order", every_order },
	{ "duplicate", duplicate },
	{ "other_process", other_process },
	{ "creator_dies_first", creator_dies_first },
	{ "close_while_running", close_while_running },
	{ "node_closed", node_closed },
};

TEST_MAIN(cases)
