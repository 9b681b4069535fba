// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of the device node itself, with good, bad and hostile arguments.
 * What the lists contain is the business of cpuid_test and msr_test.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "vcpu.h"

/* An address no process has: the last page below the canonical hole. */
#define BAD_POINTER ((void *)0x7ffffffff000)

static void api_version(void)
{
	int fd = node_open(O_RDWR);

	ASSERT_EQ(fd_ioctl(fd, KVM_GET_API_VERSION, 0), 12);
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_API_VERSION, 1), EINVAL);
}

static void read_only_fd(void)
{
	int fd = node_open(O_RDONLY);

	ASSERT_EQ(fd_ioctl(fd, KVM_GET_API_VERSION, 0), 12);
	ASSERT_EQ(fd_ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY), 1);
	ASSERT_GE(fd_ioctl(fd, KVM_CREATE_VM, 0), 0);
}

static void check_extension(void)
{
	static const struct {
		long capability;
		int at_least;
	} needed[] = {
		{ KVM_CAP_IRQCHIP, 1 },
		{ KVM_CAP_HLT, 1 },
		{ KVM_CAP_USER_MEMORY, 1 },
		{ KVM_CAP_SET_TSS_ADDR, 1 },
		{ KVM_CAP_EXT_CPUID, 1 },
		{ KVM_CAP_MP_STATE, 1 },
		{ KVM_CAP_SYNC_MMU, 1 },
		{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
		{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
		{ KVM_CAP_NR_VCPUS, 1 },
		{ KVM_CAP_MAX_VCPUS, 4 },
		{ KVM_CAP_MAX_VCPU_ID, 4 },
		{ KVM_CAP_NR_MEMSLOTS, 32 },
		{ KVM_CAP_READONLY_MEM, 1 },
		{ KVM_CAP_IRQ_ROUTING, 24 },
		{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
		{ KVM_CAP_PIT2, 1 },
		{ KVM_CAP_PIT_STATE2, 1 },
		{ KVM_CAP_ADJUST_CLOCK, 1 },
		{ KVM_CAP_VCPU_EVENTS, 1 },
		{ KVM_CAP_DEBUGREGS, 1 },
		{ KVM_CAP_XSAVE, 1 },
		{ KVM_CAP_XCRS, 1 },
		{ KVM_CAP_SIGNAL_MSI, 1 },
		{ KVM_CAP_USER_NMI, 1 },
		{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
		{ KVM_CAP_GET_TSC_KHZ, 1 },
		{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
		{ KVM_CAP_IMMEDIATE_EXIT, 1 },
		{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	};
	int fd = node_open(O_RDWR);
	int vm_fd = fd_ioctl(fd, KVM_CREATE_VM, 0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		int ret = __fd_ioctl(fd, KVM_CHECK_EXTENSION, needed[i].capability);

		TEST_ASSERT(ret >= needed[i].at_least, "capability %ld: %d",
			    needed[i].capability, ret);
		TEST_ASSERT(__fd_ioctl(vm_fd, KVM_CHECK_EXTENSION, needed[i].capability) == ret,
			    "capability %ld differs on the VM", needed[i].capability);
	}
}

static void unknown_extension(void)
{
	static const long unknown[] = { 9999, 0x7fffffff, -1, 0x100000000, (long)(1ul << 63) };
	int fd = node_open(O_RDWR);
	int vm_fd = fd_ioctl(fd, KVM_CREATE_VM, 0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		ASSERT_EQ(__fd_ioctl(fd, KVM_CHECK_EXTENSION, unknown[i]), 0);
		ASSERT_EQ(__fd_ioctl(vm_fd, KVM_CHECK_EXTENSION, unknown[i]), 0);
	}
}

static void create_vm_bad_type(void)
{
	int fd = node_open(O_RDWR);

	ASSERT_ERRNO(__fd_ioctl(fd, KVM_CREATE_VM, 1), EINVAL);
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_CREATE_VM, -1), EINVAL);
}

static void many_vms(void)
{
	int fds[64];
	int fd = node_open(O_RDWR);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = fd_ioctl(fd, KVM_CREATE_VM, 0);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		ASSERT_EQ(close(fds[i]), 0);
}

/* The VM and vCPU descriptors must not leak into programs started later. */
static void close_on_exec(void)
{
	struct vm *vm = vm_create_bare();
	struct vcpu *vcpu = vcpu_create(vm, 0);

	ASSERT_EQ(fcntl(vm->fd, F_GETFD), FD_CLOEXEC);
	ASSERT_EQ(fcntl(vcpu->fd, F_GETFD), FD_CLOEXEC);
}

static void vcpu_mmap_size(void)
{
	int fd = node_open(O_RDWR);
	int bytes = fd_ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	ASSERT_GE(bytes, (int)sizeof(struct kvm_run));
	ASSERT_EQ(bytes % (int)PAGE_BYTES, 0);
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 1), EINVAL);
}

static void supported_cpuid(void)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 257 * sizeof(cpuid->entries[0]));
	int fd = node_open(O_RDWR);
	uint32_t nent;
	int ret;

	/* As clients do: double until it fits. */
	for (nent = 1; nent <= 256; nent *= 2) {
		cpuid->nent = nent;
		ret = __fd_ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid);
		if (!ret)
			break;
		ASSERT_EQ(ret, -E2BIG);
	}
	ASSERT_LE(nent, 256u);
	ASSERT_LE(cpuid->nent, nent);
	ASSERT_GE(cpuid->nent, 3u);

	nent = cpuid->nent;
	ASSERT_EQ(fd_ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid), 0);
	ASSERT_EQ(cpuid->nent, nent);
	cpuid->nent = nent - 1;
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid), E2BIG);
	cpuid->nent = 0;
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid), E2BIG);
	/* More than there can be is cut down, not allocated. */
	cpuid->nent = 0xffffffff;
	ret = __fd_ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid);
	ASSERT_EQ(ret, 0);
	ASSERT_EQ(cpuid->nent, nent);
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_SUPPORTED_CPUID, BAD_POINTER), EFAULT);
}

static void msr_index_list(void)
{
	struct kvm_msr_list *list;
	struct kvm_msr_list probe = { .nmsrs = 0 };
	int fd = node_open(O_RDWR);
	uint32_t count, i, j;

	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_MSR_INDEX_LIST, &probe), E2BIG);
	count = probe.nmsrs;
	ASSERT_GE(count, 10u);
	ASSERT_LE(count, 4096u);
	list = calloc(1, sizeof(*list) + count * sizeof(list->indices[0]));
	list->nmsrs = count - 1;
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_MSR_INDEX_LIST, list), E2BIG);
	ASSERT_EQ(list->nmsrs, count);
	ASSERT_EQ(fd_ioctl(fd, KVM_GET_MSR_INDEX_LIST, list), 0);
	ASSERT_EQ(list->nmsrs, count);
	for (i = 0; i < count; i++)
		for (j = 0; j < i; j++)
			TEST_ASSERT(list->indices[i] != list->indices[j], "%#x twice",
				    list->indices[i]);
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_MSR_INDEX_LIST, BAD_POINTER), EFAULT);
}

/* The count can be read but the array is not there. */
static void half_mapped_argument(void)
{
	uint8_t *area = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_cpuid2 *cpuid = (void *)(area + PAGE_BYTES - sizeof(*cpuid));
	struct kvm_msr_list *list = (void *)(area + PAGE_BYTES - sizeof(*list));
	int fd = node_open(O_RDWR);

	TEST_ASSERT(area != MAP_FAILED, "mmap");
	munmap(area + PAGE_BYTES, PAGE_BYTES);
	cpuid->nent = 100;
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid), EFAULT);
	list->nmsrs = 4096;
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_MSR_INDEX_LIST, list), EFAULT);
}

/* KVM answers ENOTTY or EINVAL by the level; clients take both for "not there". */
static bool is_refused(int ret)
{
	return ret == -ENOTTY || ret == -EINVAL;
}

static void unknown_ioctl(void)
{
	/* Our own letter with a free number, other letters, and other levels' calls. */
	static const unsigned long common[] = {
		_IO(KVMIO, 0xff), _IOW(KVMIO, 0xff, uint64_t), _IO('Z', 0x00), 0, 0xffffffff,
	};
	struct vm *vm = vm_create_bare();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	int fd = node_open(O_RDWR);
	uint8_t buffer[4096] = { 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(common); i++) {
		TEST_ASSERT(is_refused(__fd_ioctl(fd, common[i], buffer)), "%#lx", common[i]);
		TEST_ASSERT(is_refused(__vm_ioctl(vm, common[i], buffer)), "%#lx", common[i]);
		TEST_ASSERT(is_refused(__vcpu_ioctl(vcpu, common[i], buffer)), "%#lx", common[i]);
	}
	TEST_ASSERT(is_refused(__fd_ioctl(fd, KVM_RUN, 0)), "node");
	TEST_ASSERT(is_refused(__fd_ioctl(fd, KVM_CREATE_VCPU, 0)), "node");
	TEST_ASSERT(is_refused(__vm_ioctl(vm, KVM_RUN, 0)), "VM");
	TEST_ASSERT(is_refused(__vm_ioctl(vm, KVM_GET_API_VERSION, 0)), "VM");
	TEST_ASSERT(is_refused(__vcpu_ioctl(vcpu, KVM_CREATE_VCPU, 0)), "vCPU");
	TEST_ASSERT(is_refused(__vcpu_ioctl(vcpu, KVM_CREATE_VM, 0)), "vCPU");
}

static void create_vcpu_limits(void)
{
	struct vm *vm = vm_create_bare();
	int max_id = node_check(KVM_CAP_MAX_VCPU_ID);
	int fd;

	fd = vm_ioctl(vm, KVM_CREATE_VCPU, 0);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_CREATE_VCPU, 0), EEXIST);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_CREATE_VCPU, max_id), EINVAL);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_CREATE_VCPU, 0xffffffff), EINVAL);
	/* The id stays taken after its descriptor is closed. */
	close(fd);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_CREATE_VCPU, 0), EEXIST);
}

static void vcpu_mmap_limits(void)
{
	struct vm *vm = vm_create_bare();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	volatile uint8_t *beyond;
	pid_t pid;

	/* What lies behind the offered size is no memory. */
	beyond = mmap(NULL, vcpu->run_bytes + 16 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		      vcpu->fd, 0);
	if (beyond == MAP_FAILED)
		return;
	(void)beyond[0];
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		(void)beyond[vcpu->run_bytes + 15 * PAGE_BYTES];
		_exit(0);
	} else {
		int status;

		waitpid(pid, &status, 0);
		TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "status %#x instead of SIGBUS", status);
	}
}

static void bad_pointers(void)
{
	/* Some calls of the VM want that there is no vCPU yet. */
	struct vm *empty_vm = vm_create_bare();
	struct vm *pit_vm = vm_create_bare();
	struct kvm_pit_config pit = { 0 };
	struct vm *vm = vm_create_bare();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	static const unsigned long vcpu_commands[] = {
		KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_FPU, KVM_SET_FPU,
		KVM_GET_MSRS, KVM_SET_MSRS, KVM_SET_CPUID2, KVM_GET_CPUID2, KVM_GET_MP_STATE,
		KVM_SET_MP_STATE, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_GET_DEBUGREGS,
		KVM_SET_DEBUGREGS, KVM_GET_XSAVE, KVM_SET_XSAVE, KVM_GET_XCRS, KVM_SET_XCRS,
		KVM_INTERRUPT, KVM_SET_SIGNAL_MASK,
	};
	static const unsigned long vm_commands[] = {
		KVM_SET_USER_MEMORY_REGION, KVM_GET_CLOCK, KVM_SET_CLOCK,
		KVM_SET_IDENTITY_MAP_ADDR, KVM_SIGNAL_MSI, KVM_SET_GSI_ROUTING,
		KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, KVM_CREATE_PIT2,
		KVM_IRQ_LINE, KVM_IRQ_LINE_STATUS,
	};
	size_t i;

	vcpu_set_supported_cpuid(vcpu);
	vm_ioctl(empty_vm, KVM_CREATE_IRQCHIP, 0);
	vm_ioctl(pit_vm, KVM_CREATE_IRQCHIP, 0);
	vm_ioctl(pit_vm, KVM_CREATE_PIT2, &pit);
	for (i = 0; i < ARRAY_SIZE(vcpu_commands); i++) {
		int ret = __vcpu_ioctl(vcpu, vcpu_commands[i], BAD_POINTER);

		TEST_ASSERT(ret == -EFAULT, "vCPU ioctl %#lx: %d", vcpu_commands[i], ret);
	}
	for (i = 0; i < ARRAY_SIZE(vm_commands); i++) {
		int ret = __vm_ioctl(empty_vm, vm_commands[i], BAD_POINTER);

		TEST_ASSERT(ret == -EFAULT, "VM ioctl %#lx: %d", vm_commands[i], ret);
	}
	ASSERT_ERRNO(__vm_ioctl(pit_vm, KVM_GET_PIT2, BAD_POINTER), EFAULT);
	ASSERT_ERRNO(__vm_ioctl(pit_vm, KVM_SET_PIT2, BAD_POINTER), EFAULT);
}

static const struct test_case cases[] = {
	{ "api_version", api_version },
	{ "read_only_fd", read_only_fd },
	{ "check_extension", check_extension },
	{ "unknown_extension", unknown_extension },
	{ "create_vm_bad_type", create_vm_bad_type },
	{ "many_vms", many_vms },
	{ "close_on_exec", close_on_exec },
	{ "vcpu_mmap_size", vcpu_mmap_size },
	{ "supported_cpuid", supported_cpuid },
	{ "msr_index_list", msr_index_list },
	{ "half_mapped_argument", half_mapped_argument },
	{ "unknown_ioctl", unknown_ioctl },
	{ "create_vcpu_limits", create_vcpu_limits },
	{ "vcpu_mmap_limits", vcpu_mmap_limits },
	{ "bad_pointers", bad_pointers },
};

TEST_MAIN(cases)
