// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_X2APIC_API: ids of 32 bits in KVM_GET_LAPIC, KVM_SET_LAPIC and MSIs, and a
 * destination of 0xff that is no broadcast. Also KVM_CAP_MAX_VCPU_ID's limit of ids.
 */
#include <string.h>

#include "apic.h"
#include "vcpu.h"

#define VECTOR 0x5c
#define HIGH_ID 0x113

static int __enable(struct vm *vm, uint32_t capability, uint64_t value)
{
	struct kvm_enable_cap cap = { .cap = capability, .args = { value } };

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

static struct vcpu *x2apic_vcpu(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = vcpu_create(vm, id);
	struct kvm_lapic_state state;

	vcpu_set_supported_cpuid(vcpu);
	vcpu_set_msr(vcpu, MSR_IA32_APICBASE, APIC_BASE | APICBASE_ENABLE | APICBASE_X2APIC |
		     (id ? 0 : APICBASE_BSP));
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state);
	*(uint32_t *)(state.regs + APIC_SVR) = APIC_SVR_ENABLE | 0xff;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &state);
	return vcpu;
}

static bool has_vector(struct vcpu *vcpu)
{
	struct kvm_lapic_state state;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state);
	return *(uint32_t *)(state.regs + APIC_IRR + VECTOR / 32 * 16) >> VECTOR % 32 & 1;
}

static uint32_t id_register(struct vcpu *vcpu)
{
	struct kvm_lapic_state state;

	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state);
	return *(uint32_t *)(state.regs + APIC_ID);
}

static int __signal(struct vm *vm, uint32_t high, uint32_t low)
{
	struct kvm_msi msi = { .address_lo = low, .address_hi = high, .data = VECTOR };

	return __vm_ioctl(vm, KVM_SIGNAL_MSI, &msi);
}

static void require_x2apic(void)
{
	REQUIRE_CAP(KVM_CAP_X2APIC_API);
	if (!CPUID_HAS_X2APIC())
		test_skip("no x2APIC");
}

static void ids(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct kvm_lapic_state state;
	struct vcpu *vcpu, *high;

	require_x2apic();
	ASSERT_ERRNO(__enable(vm, KVM_CAP_X2APIC_API, 4), EINVAL);
	ASSERT_ERRNO(__enable(vm, KVM_CAP_X2APIC_API, ~0ull), EINVAL);
	vcpu = x2apic_vcpu(vm, 3);
	ASSERT_EQ(id_register(vcpu), 3u << 24);
	ASSERT_EQ(__enable(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS), 0);
	ASSERT_EQ(id_register(vcpu), 3u);
	high = x2apic_vcpu(vm, HIGH_ID);
	ASSERT_EQ(id_register(high), (uint32_t)HIGH_ID);
	vcpu_ioctl(high, KVM_GET_LAPIC, &state);
	*(uint32_t *)(state.regs + APIC_ID) = 0x13;
	ASSERT_ERRNO(__vcpu_ioctl(high, KVM_SET_LAPIC, &state), EINVAL);
	vm_destroy(vm);
}

static void messages(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct {
		struct kvm_irq_routing header;
		struct kvm_irq_routing_entry entry;
	} routing = { .header.nr = 1, .entry = {
		.gsi = 30, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee13000, .address_hi = 0x100, .data = VECTOR },
	} };
	struct vcpu *vcpu, *high;

	require_x2apic();
	ASSERT_EQ(__enable(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS), 0);
	vcpu = x2apic_vcpu(vm, 0x13);
	high = x2apic_vcpu(vm, HIGH_ID);
	ASSERT_EQ(__signal(vm, 0x100, 0xfee13000), 1);
	ASSERT_EQ(has_vector(vcpu), false);
	ASSERT_EQ(has_vector(high), true);
	/* The lowest 8 bits stand in the lower half. */
	ASSERT_ERRNO(__signal(vm, 0x101, 0xfee13000), EINVAL);
	vm_ioctl(vm, KVM_SET_GSI_ROUTING, &routing);
	vm_irq_line(vm, 30, 1);
	ASSERT_EQ(has_vector(vcpu), false);
	routing.entry.u.msi.address_hi = 1;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SET_GSI_ROUTING, &routing), EINVAL);
	vm_destroy(vm);
}

static void broadcast(uint64_t flags, bool is_broadcast)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu, *last;

	ASSERT_EQ(__enable(vm, KVM_CAP_X2APIC_API, flags), 0);
	vcpu = x2apic_vcpu(vm, 3);
	last = x2apic_vcpu(vm, 0xff);
	ASSERT_EQ(__signal(vm, 0, 0xfeeff000), is_broadcast ? 2 : 1);
	ASSERT_EQ(has_vector(vcpu), is_broadcast);
	ASSERT_EQ(has_vector(last), true);
	vm_destroy(vm);
}

static void broadcasts(void)
{
	require_x2apic();
	broadcast(0, true);
	broadcast(KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK, false);
}

static void max_vcpu_id(void)
{
	struct vm *vm = vm_create_bare(), *used = vm_create_bare();
	long limit = node_check(KVM_CAP_MAX_VCPU_ID);

	ASSERT_ERRNO(__enable(vm, KVM_CAP_MAX_VCPU_ID, limit + 1), EINVAL);
	ASSERT_EQ(__enable(vm, KVM_CAP_MAX_VCPU_ID, 4), 0);
	ASSERT_EQ(__enable(vm, KVM_CAP_MAX_VCPU_ID, 4), 0);
	ASSERT_ERRNO(__enable(vm, KVM_CAP_MAX_VCPU_ID, 5), EINVAL);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_CREATE_VCPU, 4), EINVAL);
	vcpu_create(vm, 3);
	vcpu_create(used, 7);
	ASSERT_ERRNO(__enable(used, KVM_CAP_MAX_VCPU_ID, 4), EINVAL);
	vm_destroy(vm);
	vm_destroy(used);
}

static const struct test_case cases[] = {
	{ "ids", ids },
	{ "messages", messages },
	{ "broadcasts", broadcasts },
	{ "max_vcpu_id", max_vcpu_id },
};

TEST_MAIN(cases)
