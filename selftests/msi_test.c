// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SIGNAL_MSI: delivery to one vCPU, to a logical set and to nobody, its
 * return values, and messages that must be refused or come to nothing.
 */
#include "apic.h"
#include "vcpu.h"

#define VECTOR 0x5c

static volatile uint64_t guest_counts[2], guest_ready[2], guest_stop;

static void guest_on_interrupt(struct guest_regs *regs)
{
	guest_counts[xapic_read(APIC_ID) >> 24]++;
	xapic_eoi();
}

static void guest_receive(uint64_t id)
{
	guest_handlers[VECTOR] = guest_on_interrupt;
	xapic_enable(0xff);
	xapic_write(APIC_LDR, 1u << (24 + id));
	guest_ready[id] = 1;
	sti();
	while (!guest_stop)
		cpu_relax();
}

static int __signal(struct vm *vm, uint32_t address, uint32_t data)
{
	struct kvm_msi msi = { .address_lo = address, .data = data };

	return __vm_ioctl(vm, KVM_SIGNAL_MSI, &msi);
}

static void wait_for(struct vm *vm, unsigned int id, uint64_t count)
{
	while (GUEST(vm, guest_counts[id]) != count)
		test_sleep_ms(1);
}

static void destinations(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpus[2];
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_SIGNAL_MSI);
	for (i = 0; i < 2; i++) {
		vcpus[i] = vcpu_add(vm, i, (void (*)(void))guest_receive);
		vcpu_set_arg(vcpus[i], 0, i);
		vcpu_thread_start(vcpus[i]);
	}
	for (i = 0; i < 2; i++)
		while (!GUEST(vm, guest_ready[i]))
			test_sleep_ms(1);
	/* Physical: bits 12 to 19 of the address. */
	ASSERT_EQ(__signal(vm, 0xfee00000, VECTOR), 1);
	wait_for(vm, 0, 1);
	ASSERT_EQ(__signal(vm, 0xfee01000, VECTOR), 1);
	wait_for(vm, 1, 1);
	/* Logical (bit 2), both of them. */
	ASSERT_EQ(__signal(vm, 0xfee03004, VECTOR), 2);
	wait_for(vm, 0, 2);
	wait_for(vm, 1, 2);
	/* Broadcast. */
	ASSERT_EQ(__signal(vm, 0xfeeff000, VECTOR), 2);
	wait_for(vm, 0, 3);
	wait_for(vm, 1, 3);
	/* Nobody there. */
	ASSERT_LE(__signal(vm, 0xfee77000, VECTOR), 0);
	/* Lowest priority: one of the two. */
	ASSERT_EQ(__signal(vm, 0xfee03004, VECTOR | APIC_DM_LOWEST), 1);
	while (GUEST(vm, guest_counts[0]) + GUEST(vm, guest_counts[1]) != 7)
		test_sleep_ms(1);
	GUEST(vm, guest_stop) = 1;
	for (i = 0; i < 2; i++)
		vcpu_thread_join(vcpus[i]);
	vm_destroy(vm);
}

static void bad_messages(void)
{
	struct vm *vm = vm_create_with_irqchip(), *bare = vm_create_bare();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = VECTOR, .flags = 2 };
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_SIGNAL_MSI);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SIGNAL_MSI, &msi), EINVAL);
	msi.flags = 0xffffffff;
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SIGNAL_MSI, &msi), EINVAL);
	/* No LAPIC in the kernel. */
	ASSERT_ERRNO(__signal(bare, 0xfee00000, VECTOR), EINVAL);
	/* Each delivery mode and odd vectors: no harm. */
	for (i = 0; i < 8; i++) {
		if (i == 4 || i == 5)
			continue;
		(void)__signal(vm, 0xfee00000, i << 8);
		(void)__signal(vm, 0xfee00000, i << 8 | 0xff);
		(void)__signal(vm, 0xffffffff, i << 8 | 0xffff00ff);
	}
	vcpu_run_done(vcpu);
	vm_destroy(vm);
	vm_destroy(bare);
}

static const struct test_case cases[] = {
	{ "destinations", destinations },
	{ "bad_messages", bad_messages },
};

TEST_MAIN(cases)
