// SPDX-License-Identifier: GPL-2.0
/*
 * NMIs: by KVM_NMI, by IPI and through LINT1; held back inside their handler
 * until IRET, and not by RFLAGS.IF.
 */
#include "apic.h"
#include "vcpu.h"

static volatile uint64_t guest_nmis, guest_in_handler, guest_seen_in_handler;

static void guest_on_nmi(struct guest_regs *regs)
{
	guest_nmis++;
}

static void guest_count_nmis(void)
{
	guest_handlers[NMI_VECTOR] = guest_on_nmi;
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(guest_nmis, 1);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(guest_nmis, 2);
}

static void from_user_space(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_count_nmis);

	REQUIRE_CAP(KVM_CAP_USER_NMI);
	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_NMI, 0);
	/* IF is clear: it comes all the same. */
	vcpu_run_sync(vcpu, 2);
	vcpu_ioctl(vcpu, KVM_NMI, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_slow_nmi(struct guest_regs *regs)
{
	guest_nmis++;
	if (guest_nmis > 1)
		return;
	guest_in_handler = 1;
	GUEST_SYNC(2);
	/* The second one waits for IRET. */
	guest_seen_in_handler = guest_nmis;
	guest_in_handler = 0;
}

static void guest_wait_in_handler(void)
{
	guest_handlers[NMI_VECTOR] = guest_slow_nmi;
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(guest_nmis, 2);
	GUEST_ASSERT_EQ(guest_seen_in_handler, 1);
	GUEST_SYNC(3);
}

static void blocked_until_iret(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wait_in_handler);
	struct kvm_vcpu_events events;

	REQUIRE_CAP(KVM_CAP_USER_NMI);
	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_NMI, 0);
	vcpu_run_sync(vcpu, 2);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.nmi.masked, 1);
	ASSERT_EQ(events.nmi.pending, 0);
	vcpu_ioctl(vcpu, KVM_NMI, 0);
	vcpu_run_sync(vcpu, 3);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.nmi.masked, 0);
	vm_destroy(vm);
}

static void guest_ipi_nmi(void)
{
	guest_handlers[NMI_VECTOR] = guest_on_nmi;
	xapic_enable(0xff);
	xapic_ipi(0, APIC_DM_NMI | APIC_INT_ASSERT);
	GUEST_ASSERT_EQ(guest_nmis, 1);
	/* The vector field does not count. */
	xapic_ipi(0, APIC_DM_NMI | APIC_INT_ASSERT | 0x55);
	GUEST_ASSERT_EQ(guest_nmis, 2);
}

static void by_ipi(void)
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add(vm, 0, guest_ipi_nmi));
	vm_destroy(vm);
}

static void guest_halt_for_nmi(void)
{
	guest_handlers[NMI_VECTOR] = guest_on_nmi;
	xapic_enable(0xff);
	GUEST_SYNC(1);
	while (!guest_nmis)
		hlt();
}

/* An NMI wakes a vCPU that halted with interrupts off. */
static void wakes_halt(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt_for_nmi);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = APIC_DM_NMI };

	vcpu_run_sync(vcpu, 1);
	vcpu_thread_start(vcpu);
	test_sleep_ms(50);
	/* As an MSI: the vCPU is inside KVM_RUN, so its own ioctl would wait for it. */
	ASSERT_EQ(vm_ioctl(vm, KVM_SIGNAL_MSI, &msi), 1);
	vcpu_thread_join(vcpu);
	ASSERT_EQ(GUEST(vm, guest_nmis), 1u);
	vm_destroy(vm);
}

/* Many in a row are one or two, never zero, and nothing is left over. */
static void merged(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wait_in_handler);
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_USER_NMI);
	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_NMI, 0);
	vcpu_run_sync(vcpu, 2);
	for (i = 0; i < 10; i++)
		vcpu_ioctl(vcpu, KVM_NMI, 0);
	vcpu_run_sync(vcpu, 3);
	ASSERT_EQ(GUEST(vm, guest_nmis), 2u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "from_user_space", from_user_space },
	{ "blocked_until_iret", blocked_until_iret },
	{ "by_ipi", by_ipi },
	{ "wakes_halt", wakes_halt },
	{ "merged", merged },
};

TEST_MAIN(cases)
