// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_SREGS2 and KVM_SET_SREGS2: the same registers as without the 2, and the PDPTEs of
 * a guest in PAE paging.
 */
#include <string.h>

#include "vcpu.h"

static struct kvm_sregs2 get(struct vcpu *vcpu)
{
	struct kvm_sregs2 sregs;

	vcpu_ioctl(vcpu, KVM_GET_SREGS2, &sregs);
	return sregs;
}

static int __set(struct vcpu *vcpu, const struct kvm_sregs2 *sregs)
{
	return __vcpu_ioctl(vcpu, KVM_SET_SREGS2, sregs);
}

static void same_registers(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_sregs old = vcpu_sregs(vcpu);
	struct kvm_sregs2 sregs = get(vcpu);

	REQUIRE_CAP(KVM_CAP_SREGS2);
	ASSERT_EQ(memcmp(&old, &sregs, offsetof(struct kvm_sregs2, flags)), 0);
	ASSERT_EQ(sregs.flags, 0u);
	sregs.cr2 = 0x123456;
	sregs.fs.base = 0xabcd000;
	ASSERT_EQ(__set(vcpu, &sregs), 0);
	ASSERT_EQ(vcpu_sregs(vcpu).cr2, 0x123456u);
	ASSERT_EQ(vcpu_sregs(vcpu).fs.base, 0xabcd000u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void refused(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_sregs2 good = get(vcpu), bad = good;
	unsigned int bit;

	REQUIRE_CAP(KVM_CAP_SREGS2);
	for (bit = 1; bit < 64; bit++) {
		bad.flags = BIT(bit);
		ASSERT_ERRNO(__set(vcpu, &bad), EINVAL);
	}
	/* Long mode has no PDPTEs. */
	bad.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	ASSERT_ERRNO(__set(vcpu, &bad), EINVAL);
	bad = good;
	bad.cr4 &= ~X86_CR4_PAE;
	ASSERT_ERRNO(__set(vcpu, &bad), EINVAL);
	ASSERT_EQ(__set(vcpu, &good), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

extern char guest_pae[], guest_pae_end[];
asm(".pushsection .text\n"
	".code32\n"
	"guest_pae:\n"
	"movl 0xc00000, %eax\n"
	"outl %eax, $0x10\n"
	"guest_pae_end:\n"
	".code64\n"
	".popsection\n");

/* Identity-mapped PAE tables at GPA_PDPT, the vCPU at the snippet. */
static struct kvm_sregs2 enter_pae(struct vm *vm, struct vcpu *vcpu)
{
	uint64_t *pdpt = vm_hva(vm, GPA_PDPT, PAGE_BYTES);
	struct kvm_sregs2 sregs;

	pdpt[0] = GPA_PD | PTE_PRESENT;
	memset(&pdpt[1], 0, 3 * sizeof(*pdpt));
	vm_copy_snippet(vm, GPA_SNIPPET, guest_pae, guest_pae_end);
	*(uint32_t *)vm_hva(vm, 0xc00000, 4) = 0x1234567;
	vcpu_set_flat_mode(vcpu, GPA_SNIPPET);
	sregs = get(vcpu);
	sregs.cr3 = GPA_PDPT;
	sregs.cr4 |= X86_CR4_PAE;
	sregs.cr0 |= X86_CR0_PG;
	return sregs;
}

static void expect_value(struct vcpu *vcpu)
{
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->io.port, 0x10u);
	ASSERT_EQ(*(uint32_t *)((uint8_t *)vcpu->run + vcpu->run->io.data_offset), 0x1234567u);
}

static void pdptes_from_memory(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_sregs2 sregs = enter_pae(vm, vcpu);

	REQUIRE_CAP(KVM_CAP_SREGS2);
	ASSERT_EQ(__set(vcpu, &sregs), 0);
	sregs = get(vcpu);
	ASSERT_EQ(sregs.flags, (uint64_t)KVM_SREGS2_FLAGS_PDPTRS_VALID);
	ASSERT_EQ(sregs.pdptrs[0], GPA_PD | PTE_PRESENT);
	ASSERT_EQ(sregs.pdptrs[1], 0u);
	expect_value(vcpu);
	ASSERT_EQ(get(vcpu).pdptrs[0], GPA_PD | PTE_PRESENT);
	vm_destroy(vm);
}

static void pdptes_given(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_sregs2 sregs = enter_pae(vm, vcpu);

	REQUIRE_CAP(KVM_CAP_SREGS2);
	sregs.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	sregs.pdptrs[0] = GPA_PD | PTE_PRESENT;
	ASSERT_EQ(__set(vcpu, &sregs), 0);
	ASSERT_EQ(get(vcpu).flags, (uint64_t)KVM_SREGS2_FLAGS_PDPTRS_VALID);
	expect_value(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "same_registers", same_registers },
	{ "refused", refused },
	{ "pdptes_from_memory", pdptes_from_memory },
	{ "pdptes_given", pdptes_given },
};

TEST_MAIN(cases)
