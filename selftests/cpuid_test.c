// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_CPUID2 and KVM_GET_CPUID2: limits, what the guest sees, the leaves
 * that follow other state, and the paravirtual leaves.
 */
#include <stdlib.h>
#include <string.h>

#include "vcpu.h"

#define KVM_LEAF_SIGNATURE 0x40000000
#define KVM_LEAF_FEATURES 0x40000001

static struct kvm_cpuid2 *copy_supported(uint32_t extra)
{
	const struct kvm_cpuid2 *supported = node_supported_cpuid();
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + (supported->nent + extra) * sizeof(cpuid->entries[0]));
	TEST_ASSERT(cpuid, "out of memory");
	memcpy(cpuid, supported,
	       sizeof(*cpuid) + supported->nent * sizeof(cpuid->entries[0]));
	return cpuid;
}

static void limits(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 300 * sizeof(cpuid->entries[0]));
	unsigned int i;

	for (i = 0; i < 300; i++)
		cpuid->entries[i].function = 0x10000 + i;
	cpuid->nent = 257;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid), E2BIG);
	cpuid->nent = 0xffffffff;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid), E2BIG);
	cpuid->nent = 256;
	ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid), 0);
	cpuid->nent = 0;
	ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid), 0);
	vm_destroy(vm);
}

static void get_back(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct kvm_cpuid2 *cpuid = copy_supported(0), *back = copy_supported(1);
	uint32_t i;

	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	back->nent = cpuid->nent - 1;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_GET_CPUID2, back), E2BIG);
	back->nent = cpuid->nent;
	vcpu_ioctl(vcpu, KVM_GET_CPUID2, back);
	ASSERT_EQ(back->nent, cpuid->nent);
	for (i = 0; i < back->nent; i++) {
		ASSERT_EQ(back->entries[i].function, cpuid->entries[i].function);
		ASSERT_EQ(back->entries[i].index, cpuid->entries[i].index);
		ASSERT_EQ(back->entries[i].eax, cpuid->entries[i].eax);
	}
	vm_destroy(vm);
}

static uint32_t guest_regs[4];

static void guest_cpuid(uint64_t leaf, uint64_t index)
{
	for (;;) {
		cpuid(leaf, index, guest_regs);
		GUEST_SYNC(1);
	}
}

/* What the guest gets for each leaf is what was set, but for bits that follow CR4 and XCR0. */
static void guest_sees_supported(void)
{
	const struct kvm_cpuid2 *supported = node_supported_cpuid();
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_cpuid);
	uint32_t i;

	for (i = 0; i < supported->nent; i++) {
		const struct kvm_cpuid_entry2 *entry = &supported->entries[i];
		volatile uint32_t *seen = &GUEST(vm, guest_regs[0]);

		if (entry->function == 1 || entry->function == 0xb || entry->function == 0xd ||
		    entry->function == 7 || entry->function == 0x80000001)
			continue;
		vcpu_set_entry(vcpu, (void (*)(void))guest_cpuid);
		vcpu_set_arg(vcpu, 0, entry->function);
		vcpu_set_arg(vcpu, 1, entry->index);
		vcpu_run_sync(vcpu, 1);
		TEST_ASSERT(seen[0] == entry->eax && seen[1] == entry->ebx &&
			    seen[2] == entry->ecx && seen[3] == entry->edx,
			    "leaf %#x.%u: %#x %#x %#x %#x instead of %#x %#x %#x %#x",
			    entry->function, entry->index, seen[0], seen[1], seen[2], seen[3],
			    entry->eax, entry->ebx, entry->ecx, entry->edx);
	}
	vm_destroy(vm);
}

static void guest_osxsave(void)
{
	uint32_t regs[4];

	cpuid(1, 0, regs);
	GUEST_ASSERT_EQ(regs[2] & BIT(27), 0);
	write_cr4(read_cr4() | X86_CR4_OSXSAVE);
	cpuid(1, 0, regs);
	GUEST_ASSERT_EQ(regs[2] & BIT(27), BIT(27));
	/* Size of the enabled state: legacy area and header only. */
	cpuid(0xd, 0, regs);
	GUEST_ASSERT_EQ(regs[1], 576);
	write_cr4(read_cr4() & ~X86_CR4_OSXSAVE);
	cpuid(1, 0, regs);
	GUEST_ASSERT_EQ(regs[2] & BIT(27), 0);
}

static void bits_that_follow_cr4(void)
{
	struct vm *vm = vm_create();

	if (!CPUID_HAS_XSAVE())
		test_skip("XSAVE is not offered");
	vcpu_run_done(vcpu_add(vm, 0, guest_osxsave));
	vm_destroy(vm);
}

static void own_values(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_cpuid);
	struct kvm_cpuid2 *cpuid = copy_supported(1);
	struct kvm_cpuid_entry2 *entry = &cpuid->entries[cpuid->nent++];

	memset(entry, 0, sizeof(*entry));
	entry->function = 0x40005000;
	entry->eax = 0x11112222;
	entry->ebx = 0x33334444;
	entry->ecx = 0x55556666;
	entry->edx = 0x77778888;
	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	vcpu_set_arg(vcpu, 0, 0x40005000);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_regs[0]), 0x11112222u);
	ASSERT_EQ(GUEST(vm, guest_regs[1]), 0x33334444u);
	ASSERT_EQ(GUEST(vm, guest_regs[2]), 0x55556666u);
	ASSERT_EQ(GUEST(vm, guest_regs[3]), 0x77778888u);
	vm_destroy(vm);
}

/* Once the guest has run, a different CPUID is refused, the same one is not. */
static void after_run(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct kvm_cpuid2 *cpuid = copy_supported(0);
	struct kvm_cpuid_entry2 *entry;

	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	vcpu_set_entry(vcpu, guest_return);
	vcpu_run_done(vcpu);
	ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid), 0);
	entry = cpuid_find(cpuid, 0, 0);
	TEST_ASSERT(entry, "leaf 0");
	entry->ebx ^= 1;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid), EINVAL);
	vm_destroy(vm);
}

static void paravirtual_leaves(void)
{
	const struct kvm_cpuid2 *supported = node_supported_cpuid();
	struct kvm_cpuid_entry2 *entry = cpuid_find(supported, KVM_LEAF_SIGNATURE, 0);
	char signature[13] = "";

	TEST_ASSERT(entry, "leaf %#x", KVM_LEAF_SIGNATURE);
	memcpy(signature, &entry->ebx, 4);
	memcpy(signature + 4, &entry->ecx, 4);
	memcpy(signature + 8, &entry->edx, 4);
	TEST_ASSERT(!strcmp(signature, "KVMKVMKVM"), "signature '%s'", signature);
	ASSERT_GE(entry->eax, (uint32_t)KVM_LEAF_FEATURES);
	entry = cpuid_find(supported, KVM_LEAF_FEATURES, 0);
	TEST_ASSERT(entry, "leaf %#x", KVM_LEAF_FEATURES);
	/* The clock in its second form, and that it is stable. */
	ASSERT_EQ(entry->eax >> 3 & 1, 1u);
	ASSERT_EQ(entry->eax >> 24 & 1, 1u);
}

/* Without the CPUID that offers a feature its use is #GP or #UD. */
static void guest_denied(void)
{
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME), GP_VECTOR);
	asm volatile(GUEST_TRY("mov %0, %%cr4") : : "r"(read_cr4() | X86_CR4_OSXSAVE)
		     : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);
	asm volatile(GUEST_TRY("mov %0, %%cr4") : : "r"(read_cr4() | X86_CR4_SMEP)
		     : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);
}

static void features_taken_away(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct kvm_cpuid2 *cpuid = copy_supported(0);
	struct kvm_cpuid_entry2 *entry;

	entry = cpuid_find(cpuid, 1, 0);
	TEST_ASSERT(entry, "leaf 1");
	entry->ecx &= ~BIT(26);
	entry = cpuid_find(cpuid, 7, 0);
	if (entry)
		entry->ebx &= ~BIT(7);
	entry = cpuid_find(cpuid, 0x80000001, 0);
	if (entry)
		entry->ecx &= ~BIT(2);
	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	vcpu_set_entry(vcpu, guest_denied);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static volatile uint64_t guest_rdtscp, guest_invpcid;

static void guest_denied_instructions(void)
{
	uint64_t descriptor[2] = { 0, 0 };

	asm volatile(GUEST_TRY("rdtscp") : : : "rax", "rcx", "rdx", "r11", "memory");
	guest_rdtscp = guest_recovery.vector;
	asm volatile(GUEST_TRY("invpcid (%0), %1") : : "r"(descriptor), "r"(2ull)
		     : "r11", "memory");
	guest_invpcid = guest_recovery.vector;
}

/* Instructions that a guest is not offered are #UD for it, where the hardware can do that. */
static void instructions_taken_away(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct kvm_cpuid2 *cpuid = copy_supported(0);
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, 0x80000001, 0);

	TEST_ASSERT(entry, "leaf 0x80000001");
	entry->edx &= ~BIT(27);
	entry = cpuid_find(cpuid, 7, 0);
	if (entry) {
		entry->ebx &= ~BIT(10);
		entry->ecx &= ~BIT(22);
	}
	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	vcpu_set_entry(vcpu, guest_denied_instructions);
	vcpu_run_done(vcpu);
	/* "Auth": AuthenticAMD */
	if (GUEST(vm, guest_rdtscp) == GUEST_NO_TRAP &&
	    cpuid_find(cpuid, 0, 0)->ebx == 0x68747541)
		test_skip("QEMU's emulation does not intercept RDTSCP and INVPCID");
	ASSERT_EQ(GUEST(vm, guest_rdtscp), (uint64_t)UD_VECTOR);
	ASSERT_EQ(GUEST(vm, guest_invpcid), (uint64_t)UD_VECTOR);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "limits", limits },
	{ "get_back", get_back },
	{ "guest_sees_supported", guest_sees_supported },
	{ "bits_that_follow_cr4", bits_that_follow_cr4 },
	{ "own_values", own_values },
	{ "after_run", after_run },
	{ "paravirtual_leaves", paravirtual_leaves },
	{ "features_taken_away", features_taken_away },
	{ "instructions_taken_away", instructions_taken_away },
};

TEST_MAIN(cases)
