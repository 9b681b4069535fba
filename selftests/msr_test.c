// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_MSRS and KVM_SET_MSRS: every MSR of the index list can be read and
 * written back, counts for unknown ones, values seen by the guest, and #GP for
 * what does not exist.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vcpu.h"

/* In no processor's list. */
#define MSR_NOWHERE 0x12345678

static struct kvm_msr_list *index_list(void)
{
	struct kvm_msr_list probe = { 0 }, *list;
	int fd = node_open(O_RDWR);

	ASSERT_ERRNO(__fd_ioctl(fd, KVM_GET_MSR_INDEX_LIST, &probe), E2BIG);
	list = calloc(1, sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
	list->nmsrs = probe.nmsrs;
	fd_ioctl(fd, KVM_GET_MSR_INDEX_LIST, list);
	close(fd);
	return list;
}

static void list_round_trip(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_msr_list *list = index_list();
	unsigned int i, unreadable = 0;

	for (i = 0; i < list->nmsrs; i++) {
		uint32_t index = list->indices[i];
		uint64_t value;

		/* KVM lists some that the CPUID given to the vCPU may forbid. */
		if (__vcpu_get_msr(vcpu, index, &value)) {
			test_note("MSR %#x is listed and cannot be read", index);
			unreadable++;
			continue;
		}
		if (__vcpu_set_msr(vcpu, index, value))
			TEST_FAIL("MSR %#x: its own value %#llx is refused", index,
				  (unsigned long long)value);
	}
	TEST_ASSERT(unreadable * 4 < list->nmsrs, "%u of %u", unreadable, list->nmsrs);
	if (node_is_lodge())
		ASSERT_EQ(unreadable, 0u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void needed_msrs_are_listed(void)
{
	static const uint32_t needed[] = {
		MSR_IA32_TSC, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK, MSR_KERNEL_GS_BASE,
		MSR_IA32_PAT,
	};
	struct kvm_msr_list *list = index_list();
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		for (j = 0; j < list->nmsrs && list->indices[j] != needed[i]; j++)
			;
		TEST_ASSERT(j < list->nmsrs, "MSR %#x", needed[i]);
	}
}

struct msr_block {
	struct kvm_msrs header;
	struct kvm_msr_entry entries[8];
};

/* The return value is how many were done; the first unknown one ends the walk. */
static void counts(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct msr_block block;

	memset(&block, 0, sizeof(block));
	block.header.nmsrs = 4;
	block.entries[0].index = MSR_STAR;
	block.entries[1].index = MSR_LSTAR;
	block.entries[2].index = MSR_NOWHERE;
	block.entries[3].index = MSR_CSTAR;
	ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_GET_MSRS, &block), 2);
	block.entries[0].data = 0x1111;
	block.entries[1].data = 0x2222;
	block.entries[3].data = 0x4444;
	ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_SET_MSRS, &block), 2);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_STAR), 0x1111u);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_LSTAR), 0x2222u);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_CSTAR), 0u);

	block.header.nmsrs = 0;
	ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_GET_MSRS, &block), 0);
	block.header.nmsrs = 0xffffffff;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_GET_MSRS, &block), E2BIG);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_MSRS, &block), E2BIG);
	block.header.nmsrs = 100000;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_GET_MSRS, &block), E2BIG);
	vm_destroy(vm);
}

static void bad_values(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);

	ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_NOWHERE, 0), ENOENT);
	/* PAT type 2 does not exist; neither do bits beyond the physical address. */
	ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_IA32_PAT, 0x0202020202020202ull), ENOENT);
	ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_IA32_APICBASE, ~0ull), ENOENT);
	ASSERT_ERRNO(__vcpu_set_msr(vcpu, MSR_IA32_APICBASE, 0xfee00000 | BIT(10)), ENOENT);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct {
	uint32_t index;
	uint64_t from_host, from_guest;
} plain_msrs[] = {
	{ MSR_IA32_SYSENTER_CS, 0x10, 0x18 },
	/* AMD's SYSENTER exists in 32-bit code only, so 32 bits of these are sure. */
	{ MSR_IA32_SYSENTER_ESP, 0x12345678, 0x80001000 },
	{ MSR_IA32_SYSENTER_EIP, 0x87654321, 0x80002000 },
	{ MSR_STAR, 0x0123456789abcdef, 0xfedcba9876543210 },
	{ MSR_LSTAR, 0xffff800011111000, 0x00007f0011111000 },
	{ MSR_CSTAR, 0xffff800022222000, 0x00007f0022222000 },
	{ MSR_SYSCALL_MASK, 0x47700, 0x300 },
	{ MSR_KERNEL_GS_BASE, 0x00007f0033333000, 0xffff800033333000 },
	{ MSR_IA32_PAT, 0x0007040600070406, 0x0007010600070106 },
};

static void guest_read_msrs(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(plain_msrs); i++) {
		GUEST_ASSERT_EQ(rdmsr(plain_msrs[i].index), plain_msrs[i].from_host);
		wrmsr(plain_msrs[i].index, plain_msrs[i].from_guest);
		GUEST_ASSERT_EQ(rdmsr(plain_msrs[i].index), plain_msrs[i].from_guest);
	}
}

static void guest_sees_values(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_msrs);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(plain_msrs); i++)
		vcpu_set_msr(vcpu, plain_msrs[i].index, plain_msrs[i].from_host);
	vcpu_run_done(vcpu);
	for (i = 0; i < ARRAY_SIZE(plain_msrs); i++)
		ASSERT_EQ(vcpu_get_msr(vcpu, plain_msrs[i].index), plain_msrs[i].from_guest);
	vm_destroy(vm);
}

static void guest_faults(void)
{
	uint64_t value;

	GUEST_ASSERT_EQ(guest_rdmsr_try(MSR_NOWHERE, &value), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_recovery.error, 0);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_NOWHERE, 0), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_EFER, rdmsr(MSR_EFER) | BIT(1)), GP_VECTOR);
	/* Long mode cannot be left by EFER while paging is on. */
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_LME), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_IA32_PAT, 0x0202020202020202ull), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_IA32_APICBASE, ~0ull), GP_VECTOR);
	/* SYSCALL's enable bit may change, and it works from ring 0 on. */
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	GUEST_ASSERT_EQ(rdmsr(MSR_EFER) & EFER_SCE, EFER_SCE);
}

static void guest_faults_on_bad_access(void)
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add(vm, 0, guest_faults));
	vm_destroy(vm);
}

static void guest_swapgs(void)
{
	wrmsr(MSR_GS_BASE, 0x1000);
	wrmsr(MSR_KERNEL_GS_BASE, 0x2000);
	asm volatile("swapgs" : : : "memory");
	GUEST_ASSERT_EQ(rdmsr(MSR_GS_BASE), 0x2000);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(rdmsr(MSR_GS_BASE), 0x2000);
	GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0x1000);
}

/* SWAPGS changes an MSR without an exit. */
static void swapgs(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_swapgs);

	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_KERNEL_GS_BASE), 0x1000u);
	ASSERT_EQ(vcpu_sregs(vcpu).gs.base, 0x2000u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_tsc_aux(uint64_t expected)
{
	uint32_t aux;

	asm volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
	GUEST_ASSERT_EQ(aux, expected);
}

/* Two vCPUs on the same thread: each has its own. */
static void tsc_aux(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpus[2];
	unsigned int i;

	if (!CPUID_HAS_RDTSCP())
		test_skip("RDTSCP is not offered");
	for (i = 0; i < 2; i++) {
		vcpus[i] = vcpu_add(vm, i, (void (*)(void))guest_tsc_aux);
		vcpu_set_arg(vcpus[i], 0, 100 + i);
		vcpu_set_msr(vcpus[i], MSR_TSC_AUX, 100 + i);
	}
	for (i = 0; i < 2; i++)
		vcpu_run_done(vcpus[i]);
	vm_destroy(vm);
}

#define MTRR_CAP 0xfe
#define MTRR_BASE0 0x200
#define MTRR_MASK0 0x201
#define MTRR_MASK7 0x20f
#define MTRR_FIX64K 0x250
#define MTRR_FIX4K_F8000 0x26f
#define MTRR_DEF_TYPE 0x2ff
#define MTRR_ENABLE (BIT(11) | BIT(10))

static const struct {
	uint32_t index;
	uint64_t value;
	bool is_good;
} mtrr_values[] = {
	{ MTRR_DEF_TYPE, MTRR_ENABLE | 6, true },
	{ MTRR_DEF_TYPE, 0, true },
	/* Types 2, 3 and 7 do not exist here; bits 8, 9 and 12 upwards are reserved. */
	{ MTRR_DEF_TYPE, MTRR_ENABLE | 2, false },
	{ MTRR_DEF_TYPE, MTRR_ENABLE | 7, false },
	{ MTRR_DEF_TYPE, BIT(8), false },
	{ MTRR_DEF_TYPE, BIT(12), false },
	{ MTRR_DEF_TYPE, BIT(63), false },
	{ MTRR_BASE0, 0x80000000 | 6, true },
	{ MTRR_BASE0, 0xc0000000, true },
	{ MTRR_BASE0, 0x80000000 | 3, false },
	{ MTRR_BASE0, 0x80000000 | 0x100, false },
	{ MTRR_BASE0, BIT(63), false },
	{ MTRR_MASK0, 0xf80000000 | BIT(11), true },
	{ MTRR_MASK0, 0xf80000000, true },
	{ MTRR_MASK0, 0xf80000000 | 6, false },
	{ MTRR_MASK0, BIT(63) | BIT(11), false },
	{ MTRR_MASK7, 0xfffff000 | BIT(11), true },
	{ MTRR_FIX64K, 0x0605040100060606, true },
	{ MTRR_FIX64K, 0x0602060606060606, false },
	{ MTRR_FIX4K_F8000, 0x0505050505050505, true },
	{ MTRR_FIX4K_F8000, 0x0505050505050508, false },
};

static void guest_mtrrs(void)
{
	uint64_t before;
	unsigned int i;

	/* Eight variable ones, fixed ones, and write-combining. */
	GUEST_ASSERT_EQ(rdmsr(MTRR_CAP), 0x508);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MTRR_CAP, 0x508), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MTRR_MASK7 + 1, 0), GP_VECTOR);
	GUEST_ASSERT_EQ(rdmsr(MTRR_DEF_TYPE), 0);
	for (i = 0; i < ARRAY_SIZE(mtrr_values); i++) {
		before = rdmsr(mtrr_values[i].index);
		GUEST_ASSERT_EQ(guest_wrmsr_try(mtrr_values[i].index, mtrr_values[i].value),
				mtrr_values[i].is_good ? GUEST_NO_TRAP : GP_VECTOR);
		GUEST_ASSERT_EQ(rdmsr(mtrr_values[i].index),
				mtrr_values[i].is_good ? mtrr_values[i].value : before);
	}
}

/* What a guest's firmware and kernel set; user space may write what the guest may. */
static void mtrrs(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_mtrrs);
	unsigned int i;

	vcpu_run_done(vcpu);
	for (i = 0; i < ARRAY_SIZE(mtrr_values); i++) {
		int ret = __vcpu_set_msr(vcpu, mtrr_values[i].index, mtrr_values[i].value);

		TEST_ASSERT(!ret == mtrr_values[i].is_good, "MSR %#x, %#llx: %d",
			    mtrr_values[i].index, (unsigned long long)mtrr_values[i].value, ret);
		if (!ret)
			ASSERT_EQ(vcpu_get_msr(vcpu, mtrr_values[i].index),
				  mtrr_values[i].value);
	}
	vm_destroy(vm);
}

static void random_indices(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	static const uint32_t ranges[] = { 0, 0x170, 0x200, 0x400, 0x800, 0x40000000, 0x4b564d00,
					   0xc0000080, 0xc0010000, 0xc0011000, 0xffffff00 };
	unsigned int i, j;
	uint64_t value;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (j = 0; j < 0x100; j++) {
			(void)__vcpu_get_msr(vcpu, ranges[i] + j, &value);
			(void)__vcpu_set_msr(vcpu, ranges[i] + j, 0xfffffffffffff000ull);
		}
	}
	vm_destroy(vm);
	vm = vm_create_with_irqchip();
	vcpu_run_done(vcpu_add(vm, 0, guest_return));
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "list_round_trip", list_round_trip },
	{ "needed_msrs_are_listed", needed_msrs_are_listed },
	{ "counts", counts },
	{ "bad_values", bad_values },
	{ "guest_sees_values", guest_sees_values },
	{ "guest_faults_on_bad_access", guest_faults_on_bad_access },
	{ "swapgs", swapgs },
	{ "tsc_aux", tsc_aux },
	{ "mtrrs", mtrrs },
	{ "random_indices", random_indices },
};

TEST_MAIN(cases)
