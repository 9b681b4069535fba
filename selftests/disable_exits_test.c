// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_X86_DISABLE_EXITS: HLT, PAUSE, MONITOR and MWAIT that the guest has for itself.
 */
#include <linux/kvm_para.h>
#include <stdlib.h>
#include <string.h>

#include "apic.h"
#include "vcpu.h"

#define TIMER_VECTOR 0x40
#define HALTS 20

static volatile uint64_t nr_interrupts;

static void guest_on_timer(struct guest_regs *regs)
{
	nr_interrupts++;
	xapic_write(APIC_EOI, 0);
}

/* A timer of the LAPIC ends each halt, whoever it is that halts. */
static void guest_halts(void)
{
	unsigned int i;

	guest_handlers[TIMER_VECTOR] = guest_on_timer;
	xapic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	xapic_write(APIC_TDCR, 0xb);
	xapic_write(APIC_LVTT, TIMER_VECTOR);
	for (i = 0; i < HALTS; i++) {
		xapic_write(APIC_TMICT, 1000000);
		/* A wake-up for no reason is none. */
		while (nr_interrupts == i) {
			sti_hlt();
			cli();
		}
		GUEST_ASSERT_EQ(nr_interrupts, i + 1);
		cpu_relax();
	}
}

static struct vm *create(uint64_t passed)
{
	struct vm *vm;

	passed &= node_check(KVM_CAP_X86_DISABLE_EXITS);
	vm = vm_create_with_irqchip();
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, passed), 0);
	return vm;
}

static void halts(void)
{
	struct vm *vm = create(KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE |
			       KVM_X86_DISABLE_EXITS_CSTATE);

	vcpu_add(vm, 0, guest_halts);
	vcpu_run_done(vm->vcpus[0]);
	vm_destroy(vm);
}

static void guest_halt_once(void)
{
	GUEST_SYNC(1);
	sti_hlt();
}

/* By default it comes to user space, where there is no LAPIC in the kernel. */
static void halt_is_seen(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt_once);

	vcpu_run_sync(vcpu, 1);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

static void guest_mwaits(void)
{
	unsigned int i;

	guest_handlers[TIMER_VECTOR] = guest_on_timer;
	xapic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	xapic_write(APIC_TDCR, 0xb);
	xapic_write(APIC_LVTT, TIMER_VECTOR);
	for (i = 0; i < HALTS; i++) {
		xapic_write(APIC_TMICT, 1000000);
		while (nr_interrupts == i) {
			asm volatile("monitor" : : "a"(&nr_interrupts), "c"(0), "d"(0));
			asm volatile("sti; mwait; cli" : : "a"(0), "c"(0) : "memory");
		}
	}
}

static void mwaits(void)
{
	struct vm *vm;

	if (!(node_check(KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_MWAIT))
		test_skip("MWAIT cannot be given to guests here");
	vm = create(KVM_X86_DISABLE_EXITS_MWAIT);
	vcpu_add(vm, 0, guest_mwaits);
	vcpu_run_done(vm->vcpus[0]);
	vm_destroy(vm);
}

/* A guest that halts by itself is not told that others could wake it by a hypercall. */
static void no_pv_unhalt(void)
{
	const struct kvm_cpuid2 *supported = node_supported_cpuid();
	size_t bytes = sizeof(*supported) + supported->nent * sizeof(supported->entries[0]);
	struct kvm_cpuid2 *cpuid = malloc(bytes);
	unsigned int is_passed;

	for (is_passed = 0; is_passed < 2; is_passed++) {
		struct vm *vm = create(is_passed ? KVM_X86_DISABLE_EXITS_HLT : 0);
		struct vcpu *vcpu = vcpu_create(vm, 0);
		uint32_t bit = 1u << KVM_FEATURE_PV_UNHALT;

		memcpy(cpuid, supported, bytes);
		cpuid_find(cpuid, KVM_CPUID_FEATURES, 0)->eax |= bit;
		vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
		/* KVM finds the leaf in what was there before. */
		vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
		vcpu_ioctl(vcpu, KVM_GET_CPUID2, cpuid);
		ASSERT_EQ(cpuid_find(cpuid, KVM_CPUID_FEATURES, 0)->eax & bit,
			  is_passed ? 0u : bit);
		vm_destroy(vm);
	}
	free(cpuid);
}

static void bad_arguments(void)
{
	const uint64_t always = KVM_X86_DISABLE_EXITS_PAUSE | KVM_X86_DISABLE_EXITS_HLT |
				KVM_X86_DISABLE_EXITS_CSTATE;
	struct vm *vm = vm_create();

	ASSERT_EQ((uint64_t)node_check(KVM_CAP_X86_DISABLE_EXITS) & always, always);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, BIT(4)), EINVAL);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, ~0ull), EINVAL);
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, 0), 0);
	vcpu_add(vm, 0, guest_return);
	/* KVM refuses this in later versions; before that it has no effect. */
	if (node_is_lodge())
		ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, always), EINVAL);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "halts", halts },
	{ "halt_is_seen", halt_is_seen },
	{ "mwaits", mwaits },
	{ "no_pv_unhalt", no_pv_unhalt },
	{ "bad_arguments", bad_arguments },
};

TEST_MAIN(cases)
