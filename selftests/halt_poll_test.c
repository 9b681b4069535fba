// SPDX-License-Identifier: GPL-2.0
/*
 * The time that a halted vCPU looks for events before it sleeps: limits by user space, the
 * guest's own word, and that no event is lost with any of them.
 */
#include "apic.h"
#include "pv.h"
#include "vcpu.h"

#define VECTOR 0x50
#define ROUNDS 100u

static volatile uint64_t guest_taken[2];
static volatile bool guest_listens[2];

static void guest_values(void)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_POLL_CONTROL), 1);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_KVM_POLL_CONTROL, 2), GP_VECTOR);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_POLL_CONTROL), 1);
	wrmsr(MSR_KVM_POLL_CONTROL, 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_POLL_CONTROL), 0);
}

static void values(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_values);

	REQUIRE_PV(POLL_CONTROL);
	vcpu_run_done(vcpu);
	vcpu_set_msr(vcpu, MSR_KVM_POLL_CONTROL, 1);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_KVM_POLL_CONTROL), 1u);
	vm_destroy(vm);
}

static int set_limit(struct vm *vm, uint32_t flags, uint64_t ns)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_HALT_POLL, .flags = flags, .args[0] = ns,
	};

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

static void bad_limits(void)
{
	struct vm *vm = vm_create_bare();

	REQUIRE_CAP(KVM_CAP_HALT_POLL);
	ASSERT_ERRNO(set_limit(vm, 1, 0), EINVAL);
	ASSERT_ERRNO(set_limit(vm, 0, 1ull << 32), EINVAL);
	ASSERT_EQ(set_limit(vm, 0, 0xffffffff), 0);
	vm_destroy(vm);
}

static void guest_take(struct guest_regs *regs)
{
	guest_taken[xapic_read(APIC_ID) >> 24]++;
	xapic_eoi();
}

/* Two vCPUs wake one another out of HLT. */
static void guest_play(uint64_t me, uint64_t poll_control)
{
	unsigned int i;

	xapic_enable(0xff);
	guest_handlers[VECTOR] = guest_take;
	wrmsr(MSR_KVM_POLL_CONTROL, poll_control);
	/* An IPI before the other one listens would be lost. */
	guest_listens[me] = true;
	while (!guest_listens[!me])
		cpu_relax();
	for (i = 1; i <= ROUNDS; i++) {
		if (!me)
			xapic_ipi(1, VECTOR);
		while (guest_taken[me] < i) {
			sti_hlt();
			cli();
		}
		if (me)
			xapic_ipi(0, VECTOR);
	}
}

static void play(int64_t limit, uint64_t poll_control)
{
	struct vm *vm = vm_create_with_irqchip();
	struct kvm_mp_state runs = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct vcpu *vcpus[2];
	unsigned int i;

	if (limit >= 0)
		ASSERT_EQ(set_limit(vm, 0, limit), 0);
	for (i = 0; i < 2; i++) {
		vcpus[i] = vcpu_add(vm, i, (void (*)(void))guest_play);
		vcpu_set_arg(vcpus[i], 0, i);
		vcpu_set_arg(vcpus[i], 1, poll_control);
		vcpu_ioctl(vcpus[i], KVM_SET_MP_STATE, &runs);
	}
	vcpu_thread_start(vcpus[0]);
	vcpu_thread_start(vcpus[1]);
	vcpu_thread_join(vcpus[0]);
	vcpu_thread_join(vcpus[1]);
	ASSERT_EQ(GUEST(vm, guest_taken[0]), (uint64_t)ROUNDS);
	vm_destroy(vm);
}

static void by_default(void)
{
	play(-1, 1);
}

static void never(void)
{
	REQUIRE_CAP(KVM_CAP_HALT_POLL);
	play(0, 1);
}

static void at_length(void)
{
	REQUIRE_CAP(KVM_CAP_HALT_POLL);
	play(10000000, 1);
}

static void guest_does_it_itself(void)
{
	REQUIRE_PV(POLL_CONTROL);
	play(-1, 0);
}

static const struct test_case cases[] = {
	{ "values", values },
	{ "bad_limits", bad_limits },
	{ "by_default", by_default },
	{ "never", never },
	{ "at_length", at_length },
	{ "guest_does_it_itself", guest_does_it_itself },
};

TEST_MAIN(cases)
