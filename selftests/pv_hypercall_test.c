// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls: IPIs to many, the end of another vCPU's halt, a CPU lent, a pair of clocks; and
 * what there is not.
 */
#include <time.h>

#include "apic.h"
#include "pv.h"
#include "vcpu.h"

#define VECTOR 0x50
#define NR_VCPUS 4
#define PAIRING_GPA (GPA_TEST + 0x100)

static volatile uint64_t guest_ready, guest_taken[NR_VCPUS], guest_nmis;
static volatile bool guest_ends, guest_halts;

/* Who a vCPU is stands in its xAPIC. */
static unsigned int me(void)
{
	return xapic_read(APIC_ID) >> 24;
}

static void guest_take(struct guest_regs *regs)
{
	guest_taken[me()]++;
	xapic_eoi();
}

static void guest_take_nmi(struct guest_regs *regs)
{
	__atomic_fetch_add(&guest_nmis, 1, __ATOMIC_SEQ_CST);
}

static void guest_wait(void)
{
	xapic_enable(0xff);
	__atomic_fetch_add(&guest_ready, 1, __ATOMIC_SEQ_CST);
	while (!guest_ends) {
		sti();
		cpu_relax();
		cli();
	}
}

static void wait_until_taken(unsigned int index, uint64_t count)
{
	while (guest_taken[index] < count)
		cpu_relax();
}

static void guest_send(void)
{
	xapic_enable(0xff);
	guest_handlers[VECTOR] = guest_take;
	guest_handlers[NMI_VECTOR] = guest_take_nmi;
	while (guest_ready < NR_VCPUS - 1)
		cpu_relax();

	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, 0xe, 0, 0, VECTOR), 3);
	wait_until_taken(1, 1);
	wait_until_taken(2, 1);
	wait_until_taken(3, 1);
	/* The lowest bit may stand for another than 0; bits without a vCPU count for nothing. */
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, 0xfd, 0, 1, VECTOR), 2);
	wait_until_taken(1, 2);
	wait_until_taken(3, 2);
	GUEST_ASSERT_EQ(guest_taken[2], 1);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, 0, ~0ull, 0, VECTOR), 0);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, ~0ull, ~0ull, 0xffffffff, VECTOR), 0);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, ~0ull, ~0ull, 4000, VECTOR), 0);

	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, 0xc, 0, 0, APIC_DM_NMI), 2);
	while (guest_nmis < 2)
		cpu_relax();
	/* Destinations are the bits', not the ICR's. */
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, 2, 0, 0, VECTOR | APIC_DEST_LOGICAL), -22);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, 2, 0, 0, VECTOR | APIC_DEST_ALL), -22);
	guest_ends = true;
}

static void ipis(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpus[NR_VCPUS];
	struct kvm_mp_state runs = { .mp_state = KVM_MP_STATE_RUNNABLE };
	unsigned int i;

	REQUIRE_PV(PV_SEND_IPI);
	for (i = 0; i < NR_VCPUS; i++) {
		vcpus[i] = vcpu_add(vm, i, i ? guest_wait : guest_send);
		vcpu_ioctl(vcpus[i], KVM_SET_MP_STATE, &runs);
	}
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_thread_start(vcpus[i]);
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_thread_join(vcpus[i]);
	ASSERT_EQ(GUEST(vm, guest_taken[2]), 1u);
	vm_destroy(vm);
}

static void guest_halt(void)
{
	/* KVM does not know of a LAPIC that nobody ever used. */
	xapic_enable(0xff);
	guest_halts = true;
	/* Interrupts are off: only a kick ends these. */
	hlt();
	GUEST_SYNC(1);
	hlt();
	GUEST_SYNC(2);
}

static void guest_kick(void)
{
	while (!guest_halts)
		cpu_relax();
	GUEST_ASSERT_EQ(hypercall(KVM_HC_KICK_CPU, 0, 1, 0, 0), 0);
	GUEST_SYNC(1);
	/* Before it halts: the kick is kept. */
	GUEST_ASSERT_EQ(hypercall(KVM_HC_KICK_CPU, 0, 1, 0, 0), 0);
	/* Nobody there. */
	GUEST_ASSERT_EQ(hypercall(KVM_HC_KICK_CPU, 0, 77, 0, 0), 0);
	GUEST_SYNC(2);
}

static void *run_kicker(void *vcpu)
{
	vcpu_run_sync((struct vcpu *)vcpu, 1);
	return NULL;
}

static void kick(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *kicker = vcpu_add(vm, 0, guest_kick);
	struct vcpu *halter = vcpu_add(vm, 1, guest_halt);
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_RUNNABLE };
	pthread_t thread;

	REQUIRE_PV(PV_UNHALT);
	vcpu_ioctl(halter, KVM_SET_MP_STATE, &state);
	TEST_ASSERT(!pthread_create(&thread, NULL, run_kicker, kicker), "thread");
	vcpu_run_sync(halter, 1);
	pthread_join(thread, NULL);
	vcpu_run_sync(kicker, 2);
	vcpu_run_sync(halter, 2);
	vm_destroy(vm);
}

static void guest_others(void)
{
	GUEST_ASSERT_EQ(hypercall(KVM_HC_VAPIC_POLL_IRQ, 0, 0, 0, 0), 0);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SCHED_YIELD, 0, 0, 0, 0), 0);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SCHED_YIELD, 1, 0, 0, 0), 0);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SCHED_YIELD, ~0ull, 0, 0, 0), 0);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_MMU_OP, 0, 0, 0, 0), -KVM_ENOSYS);
	GUEST_ASSERT_EQ(hypercall(1000, 0, 0, 0, 0), -KVM_ENOSYS);
}

static void others(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_others);

	REQUIRE_PV(PV_SCHED_YIELD);
	vcpu_add(vm, 1, guest_others);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_without_irqchip(void)
{
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SEND_IPI, 1, 0, 0, VECTOR), -95);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_SCHED_YIELD, 0, 0, 0, 0), 0);
}

static void without_irqchip(void)
{
	REQUIRE_PV(PV_SEND_IPI);
	vm_run_guest(guest_without_irqchip);
}

static void guest_pair(void)
{
	struct kvm_clock_pairing *pairing = (void *)PAIRING_GPA;
	uint64_t before = rdtsc();
	int64_t ret = hypercall(KVM_HC_CLOCK_PAIRING, PAIRING_GPA, KVM_CLOCK_PAIRING_WALLCLOCK,
				0, 0);

	if (ret) {
		GUEST_SYNC_ARGS(1, ret, 0, 0);
		return;
	}
	GUEST_ASSERT(pairing->tsc >= before && pairing->tsc <= rdtsc());
	GUEST_ASSERT_EQ(pairing->flags, 0);
	GUEST_ASSERT(pairing->nsec >= 0 && pairing->nsec < 1000000000);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_CLOCK_PAIRING, PAIRING_GPA, 1, 0, 0), -95);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_CLOCK_PAIRING, GPA_MMIO, 0, 0, 0), -14);
	GUEST_SYNC_ARGS(1, 0, pairing->sec, 0);
}

static void clock_pairing(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct ucall ucall = vcpu_run_sync(vcpu_add(vm, 0, guest_pair), 1);
	int64_t difference;

	if ((int64_t)ucall.args[1] == -95)
		test_skip("the host's clock is not its TSC");
	ASSERT_EQ(ucall.args[1], 0u);
	difference = time(NULL) - ucall.args[2];
	ASSERT_GE(difference, -2);
	ASSERT_LE(difference, 20);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "ipis", ipis },
	{ "kick", kick },
	{ "others", others },
	{ "without_irqchip", without_irqchip },
	{ "clock_pairing", clock_pairing },
};

TEST_MAIN(cases)
