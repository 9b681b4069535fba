// SPDX-License-Identifier: GPL-2.0
/*
 * What user space needs to keep a guest's TPR in memory: KVM_TPR_ACCESS_REPORTING tells it
 * which instructions use the register, KVM_SET_VAPIC_ADDR names the memory that they use
 * once they are patched.
 */
#include "apic.h"
#include "vcpu.h"

#define VECTOR 0x55
#define VAPIC (GPA_TEST + 0x10)

static volatile uint64_t guest_count;

static void set_reporting(struct vcpu *vcpu, uint32_t enabled)
{
	struct kvm_tpr_access_ctl control = { .enabled = enabled };

	vcpu_ioctl(vcpu, KVM_TPR_ACCESS_REPORTING, &control);
}

static int __set_vapic(struct vcpu *vcpu, uint64_t gpa)
{
	struct kvm_vapic_addr address = { .vapic_addr = gpa };

	return __vcpu_ioctl(vcpu, KVM_SET_VAPIC_ADDR, &address);
}

extern char guest_tpr_write[], guest_tpr_read[];

static void guest_use_tpr(void)
{
	uint32_t value;

	GUEST_SYNC(1);
	asm volatile("guest_tpr_write: movl %0, (%1)"
		     : : "r"(0x30), "r"(APIC_BASE + APIC_TPR) : "memory");
	GUEST_SYNC(2);
	asm volatile("guest_tpr_read: movl (%1), %0"
		     : "=r"(value) : "r"(APIC_BASE + APIC_TPR) : "memory");
	GUEST_ASSERT_EQ(value, 0x30);
	/* Others of its registers are not meant. */
	GUEST_ASSERT_EQ(xapic_read(APIC_PPR), 0x30);
	GUEST_SYNC(3);
	xapic_write(APIC_TPR, 0x40);
}

static void reported(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_use_tpr);
	struct kvm_tpr_access_ctl bad = { .enabled = 1, .flags = 1 };

	REQUIRE_CAP(KVM_CAP_VAPIC);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_TPR_ACCESS_REPORTING, &bad), EINVAL);
	set_reporting(vcpu, 1);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_to(vcpu, KVM_EXIT_TPR_ACCESS);
	ASSERT_EQ(vcpu->run->tpr_access.rip, (uintptr_t)guest_tpr_write);
	ASSERT_EQ(vcpu->run->tpr_access.is_write, 1u);
	/* The access itself has happened. */
	ASSERT_NE(vcpu_regs(vcpu).rip, (uintptr_t)guest_tpr_write);
	vcpu_run_sync(vcpu, 2);
	vcpu_run_to(vcpu, KVM_EXIT_TPR_ACCESS);
	ASSERT_EQ(vcpu->run->tpr_access.rip, (uintptr_t)guest_tpr_read);
	ASSERT_EQ(vcpu->run->tpr_access.is_write, 0u);
	vcpu_run_sync(vcpu, 3);
	set_reporting(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_use_memory(void)
{
	volatile uint8_t *tpr = (uint8_t *)VAPIC;

	xapic_enable(0xff);
	*tpr = 0x60;
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(*tpr, 0x60);
	GUEST_ASSERT_EQ(xapic_read(APIC_TPR), 0x60);
	/* Held back: its vector stands in the highest byte. */
	xapic_write(APIC_ICR, APIC_DEST_SELF | VECTOR);
	GUEST_ASSERT_EQ(*(volatile uint32_t *)tpr, (uint32_t)VECTOR << 24 | 0x60);
}

static uint8_t lapic_tpr(struct vcpu *vcpu)
{
	struct kvm_lapic_state state;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state);
	return state.regs[APIC_TPR];
}

static void in_memory(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_use_memory);

	REQUIRE_CAP(KVM_CAP_VAPIC);
	ASSERT_EQ(__set_vapic(vcpu, VAPIC), 0);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(lapic_tpr(vcpu), 0x60);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_count_interrupt(struct guest_regs *regs)
{
	guest_count++;
	xapic_eoi();
}

/* What the patched code of a guest does that lowers its TPR with an interrupt waiting. */
static void guest_lower(void)
{
	volatile uint8_t *tpr = (uint8_t *)VAPIC;

	guest_handlers[VECTOR] = guest_count_interrupt;
	xapic_enable(0xff);
	*tpr = 0x60;
	xapic_write(APIC_ICR, APIC_DEST_SELF | VECTOR);
	sti();
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(guest_count, 0);
	*tpr = 0;
	GUEST_SYNC(2);
	while (!guest_count)
		cpu_relax();
	GUEST_ASSERT_EQ(guest_count, 1);
}

static void lowered(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_lower);

	REQUIRE_CAP(KVM_CAP_VAPIC);
	ASSERT_EQ(__set_vapic(vcpu, VAPIC), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void refused(void)
{
	struct vm *vm = vm_create_with_irqchip(), *bare = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct vcpu *without = vcpu_add(bare, 0, guest_return);

	REQUIRE_CAP(KVM_CAP_VAPIC);
	ASSERT_ERRNO(__set_vapic(vcpu, GPA_MMIO), EINVAL);
	ASSERT_ERRNO(__set_vapic(vcpu, ~0ull), EINVAL);
	ASSERT_ERRNO(__set_vapic(vcpu, VM_RAM_BYTES - 2), EINVAL);
	ASSERT_EQ(__set_vapic(vcpu, 0), 0);
	ASSERT_ERRNO(__set_vapic(without, VAPIC), EINVAL);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
	vm_destroy(bare);
}

/* Memory that goes away under the guest: no harm. */
static void memory_gone(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);

	REQUIRE_CAP(KVM_CAP_VAPIC);
	vm_set_slot(vm, 1, 0, GPA_MMIO, PAGE_BYTES, host_alloc(PAGE_BYTES));
	ASSERT_EQ(__set_vapic(vcpu, GPA_MMIO), 0);
	vm_set_slot(vm, 1, 0, GPA_MMIO, 0, NULL);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "reported", reported },
	{ "in_memory", in_memory },
	{ "lowered", lowered },
	{ "refused", refused },
	{ "memory_gone", memory_gone },
};

TEST_MAIN(cases)
