// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes of the device (which XCR0 guests can have) and of a vCPU (its TSC's offset).
 */
#include <unistd.h>

#include "vcpu.h"

static long attr_call(int fd, unsigned long command, uint32_t group, uint64_t attr, void *place)
{
	struct kvm_device_attr request = {
		.group = group, .attr = attr, .addr = (uintptr_t)place,
	};

	return __fd_ioctl(fd, command, &request);
}

static void guest_xcr0(void)
{
	const struct kvm_cpuid_entry2 *leaf = cpuid_find(node_supported_cpuid(), 0xd, 0);
	uint64_t xcr0 = 0;
	int fd = node_open(O_RDWR);

	REQUIRE_CAP(KVM_CAP_SYS_ATTRIBUTES);
	ASSERT_EQ(attr_call(fd, KVM_HAS_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP, NULL), 0);
	ASSERT_EQ(attr_call(fd, KVM_GET_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP, &xcr0), 0);
	if (leaf)
		ASSERT_EQ(xcr0, leaf->eax | (uint64_t)leaf->edx << 32);

	ASSERT_ERRNO(attr_call(fd, KVM_HAS_DEVICE_ATTR, 1, KVM_X86_XCOMP_GUEST_SUPP, NULL), ENXIO);
	ASSERT_ERRNO(attr_call(fd, KVM_HAS_DEVICE_ATTR, 0, 1, NULL), ENXIO);
	ASSERT_ERRNO(attr_call(fd, KVM_GET_DEVICE_ATTR, 1, 0, &xcr0), ENXIO);
	ASSERT_ERRNO(attr_call(fd, KVM_GET_DEVICE_ATTR, 0, ~0ull, &xcr0), ENXIO);
	ASSERT_ERRNO(attr_call(fd, KVM_GET_DEVICE_ATTR, 0, 0, NULL), EFAULT);
	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_DEVICE_ATTR, NULL), EFAULT);
	close(fd);
}

static long tsc_offset(struct vcpu *vcpu, unsigned long command, uint64_t *offset)
{
	return attr_call(vcpu->fd, command, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, offset);
}

static void guest_read_tsc(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		GUEST_SYNC_ARGS(i, rdtsc(), 0, 0);
}

static uint32_t clock_flags(struct vm *vm)
{
	struct kvm_clock_data data;

	vm_ioctl(vm, KVM_GET_CLOCK, &data);
	return data.flags & KVM_CLOCK_TSC_STABLE;
}

/* Where the host's CPUs disagree about the time, offsets are mended whenever a vCPU moves. */
static uint64_t mending(struct vm *vm)
{
	return clock_flags(vm) ? 0 : 1ull << 32;
}

/* The guest's TSC is the host's plus the offset, which the host can bracket. */
static void offset_is_seen(void)
{
	static const uint64_t offsets[] = { 0, 180 * 1000000000ull, -1000ull };
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_tsc);
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_VCPU_ATTRIBUTES);
	ASSERT_EQ(tsc_offset(vcpu, KVM_HAS_DEVICE_ATTR, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		uint64_t offset = offsets[i], slack = mending(vm), before, seen;

		ASSERT_EQ(tsc_offset(vcpu, KVM_SET_DEVICE_ATTR, &offset), 0);
		offset = 1;
		ASSERT_EQ(tsc_offset(vcpu, KVM_GET_DEVICE_ATTR, &offset), 0);
		ASSERT_LE(offset - offsets[i] + slack, 2 * slack);
		before = rdtsc();
		seen = vcpu_run_sync(vcpu, i).args[1];
		ASSERT_GE(seen - offset + slack, before);
		ASSERT_LE(seen - offset, rdtsc() + slack);
	}
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* vCPUs whose offsets are the same have one clock; and none once they differ. */
static void same_offset(void)
{
	struct vm *vm = vm_create();
	struct vcpu *first = vcpu_add(vm, 0, guest_return);
	struct vcpu *second = vcpu_add(vm, 1, guest_return);
	uint64_t offset = 1ull << 40, other = 1ull << 41, slack = mending(vm);

	REQUIRE_CAP(KVM_CAP_VCPU_ATTRIBUTES);
	ASSERT_EQ(tsc_offset(first, KVM_SET_DEVICE_ATTR, &offset), 0);
	ASSERT_EQ(tsc_offset(second, KVM_SET_DEVICE_ATTR, &other), 0);
	ASSERT_EQ(clock_flags(vm), 0u);
	ASSERT_EQ(tsc_offset(first, KVM_SET_DEVICE_ATTR, &other), 0);
	ASSERT_EQ(tsc_offset(second, KVM_GET_DEVICE_ATTR, &offset), 0);
	ASSERT_LE(offset - other + slack, 2 * slack);
	vm_destroy(vm);
}

static void bad_arguments(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	uint64_t value;

	REQUIRE_CAP(KVM_CAP_VCPU_ATTRIBUTES);
	ASSERT_ERRNO(attr_call(vcpu->fd, KVM_HAS_DEVICE_ATTR, 1, 0, NULL), ENXIO);
	ASSERT_ERRNO(attr_call(vcpu->fd, KVM_HAS_DEVICE_ATTR, 0, 1, NULL), ENXIO);
	ASSERT_ERRNO(attr_call(vcpu->fd, KVM_GET_DEVICE_ATTR, 0, 1, &value), ENXIO);
	ASSERT_ERRNO(attr_call(vcpu->fd, KVM_SET_DEVICE_ATTR, 2, 0, &value), ENXIO);
	ASSERT_ERRNO(tsc_offset(vcpu, KVM_GET_DEVICE_ATTR, NULL), EFAULT);
	ASSERT_ERRNO(tsc_offset(vcpu, KVM_SET_DEVICE_ATTR, NULL), EFAULT);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_HAS_DEVICE_ATTR, NULL), EFAULT);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "guest_xcr0", guest_xcr0 },
	{ "offset_is_seen", offset_is_seen },
	{ "same_offset", same_offset },
	{ "bad_arguments", bad_arguments },
};

TEST_MAIN(cases)
