// SPDX-License-Identifier: GPL-2.0
/*
 * Steal time: the sum of what the host took from a vCPU, the byte that says that it is
 * taking now, and the flush of the TLB that can be asked for by it.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "pv.h"
#include "vcpu.h"

#define AREA_GPA (GPA_TEST + 0x40)
#define AREA_BYTES 64

/* What is to be stolen at least. */
#define STOLEN_NS 200000000ull

static void run_on_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(set), &set), "CPU %u", cpu);
}

/* How long the calling thread has waited for a CPU, in ns. */
static uint64_t run_delay(void)
{
	unsigned long long on_cpu, delay;
	FILE *file = fopen("/proc/thread-self/schedstat", "r");

	TEST_ASSERT(file && fscanf(file, "%llu %llu", &on_cpu, &delay) == 2, "schedstat");
	fclose(file);
	return delay;
}

static volatile bool takes_cpu;

/* Somebody else who wants the same CPU. */
static void *take_cpu(void *unused)
{
	run_on_cpu(0);
	while (takes_cpu)
		;
	return NULL;
}

static void guest_values(void)
{
	unsigned int bit;

	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_STEAL_TIME), 0);
	for (bit = 1; bit <= 5; bit++)
		GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_KVM_STEAL_TIME, AREA_GPA | BIT(bit)),
				GP_VECTOR);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_STEAL_TIME), 0);
	wrmsr(MSR_KVM_STEAL_TIME, AREA_GPA | KVM_MSR_ENABLED);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_STEAL_TIME), AREA_GPA | KVM_MSR_ENABLED);
}

static void values(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_values);

	REQUIRE_PV(STEAL_TIME);
	vcpu_run_done(vcpu);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_KVM_STEAL_TIME), AREA_GPA | KVM_MSR_ENABLED);
	ASSERT_NE(__vcpu_set_msr(vcpu, MSR_KVM_STEAL_TIME, AREA_GPA | 2), 0);
	vcpu_set_msr(vcpu, MSR_KVM_STEAL_TIME, 0);
	vm_destroy(vm);
}

static void guest_report(void)
{
	volatile struct kvm_steal_time *area = (void *)AREA_GPA;

	wrmsr(MSR_KVM_STEAL_TIME, AREA_GPA | KVM_MSR_ENABLED);
	for (;;) {
		GUEST_ASSERT_EQ(area->version & 1, 0);
		GUEST_ASSERT_EQ(area->flags, 0);
		GUEST_ASSERT_EQ(area->preempted, 0);
		GUEST_SYNC_ARGS(1, area->steal, area->version, 0);
	}
}

/* The guest is told at least what the thread has waited between two runs. */
static void counts(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_report);
	volatile struct kvm_steal_time *area = vm_hva(vm, AREA_GPA, AREA_BYTES);
	struct ucall before, after;
	pthread_t thread;
	uint64_t delay;

	REQUIRE_PV(STEAL_TIME);
	run_on_cpu(0);
	/* What is there at first may be anything. */
	area->version = 0xffffffff;
	vcpu_run_sync(vcpu, 1);
	before = vcpu_run_sync(vcpu, 1);

	delay = run_delay();
	takes_cpu = true;
	TEST_ASSERT(!pthread_create(&thread, NULL, take_cpu, NULL), "thread");
	while (run_delay() - delay < STOLEN_NS)
		sched_yield();
	takes_cpu = false;
	pthread_join(thread, NULL);
	delay = run_delay() - delay;

	after = vcpu_run_sync(vcpu, 1);
	ASSERT_GE(after.args[1] - before.args[1], delay);
	ASSERT_NE(after.args[2], before.args[2]);
	vm_destroy(vm);
}

static volatile bool guest_ends;
static volatile uint64_t guest_rounds;

static void guest_spin(void)
{
	volatile struct kvm_steal_time *area = (void *)AREA_GPA;

	wrmsr(MSR_KVM_STEAL_TIME, AREA_GPA | KVM_MSR_ENABLED);
	while (!guest_ends) {
		GUEST_ASSERT_EQ(area->preempted, 0);
		guest_rounds++;
	}
}

static void *run_on_cpu_0(void *vcpu)
{
	run_on_cpu(0);
	vcpu_run_done((struct vcpu *)vcpu);
	return NULL;
}

/* Wait until the vCPU is marked; whoever sets a bit by that is told whether it came in time. */
static bool mark_is_changed(volatile struct kvm_steal_time *area, uint8_t to)
{
	uint8_t expected = KVM_VCPU_PREEMPTED;

	return __atomic_compare_exchange_n((uint8_t *)&area->preempted, &expected, to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/*
 * While another thread has the CPU the vCPU is marked as preempted, and never sees so itself.
 * A flush that is asked for then has come to pass when the guest goes on.
 */
static void preempted(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_spin);
	volatile struct kvm_steal_time *area = vm_hva(vm, AREA_GPA, AREA_BYTES);
	pthread_t runner, taker;
	unsigned int seen = 0;
	uint64_t rounds;

	REQUIRE_PV(STEAL_TIME);
	REQUIRE_PV(PV_TLB_FLUSH);
	takes_cpu = true;
	TEST_ASSERT(!pthread_create(&taker, NULL, take_cpu, NULL), "thread");
	TEST_ASSERT(!pthread_create(&runner, NULL, run_on_cpu_0, vcpu), "thread");
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		run_on_cpu(1);
	while (seen < 5) {
		if (!mark_is_changed(area, KVM_VCPU_PREEMPTED | KVM_VCPU_FLUSH_TLB)) {
			sched_yield();
			continue;
		}
		seen++;
		while (area->preempted)
			sched_yield();
		rounds = GUEST(vm, guest_rounds);
		while (GUEST(vm, guest_rounds) == rounds)
			sched_yield();
	}
	GUEST(vm, guest_ends) = true;
	takes_cpu = false;
	pthread_join(runner, NULL);
	pthread_join(taker, NULL);
	vm_destroy(vm);
}

#define FLUSHED_GVA 0x40000000ull
#define FIRST_GPA (GPA_TEST + 0x1000)
#define SECOND_GPA (GPA_TEST + 0x2000)

static void guest_follow(void)
{
	volatile uint64_t *page = (void *)FLUSHED_GVA;

	GUEST_ASSERT_EQ(*page, 1);
	wrmsr(MSR_KVM_STEAL_TIME, AREA_GPA | KVM_MSR_ENABLED);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(*page, 2);
	GUEST_SYNC(2);
}

/* By the letter: marked as if preempted, the page table is changed, the flush is asked for. */
static void flushes(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_follow);
	volatile struct kvm_steal_time *area = vm_hva(vm, AREA_GPA, AREA_BYTES);
	uint64_t *table;

	REQUIRE_PV(PV_TLB_FLUSH);
	table = vm_split_large_page(vm, FLUSHED_GVA);
	table[0] = FIRST_GPA | PTE_PRESENT | PTE_WRITE;
	*(uint64_t *)vm_hva(vm, FIRST_GPA, 8) = 1;
	*(uint64_t *)vm_hva(vm, SECOND_GPA, 8) = 2;
	vcpu_run_sync(vcpu, 1);
	table[0] = SECOND_GPA | PTE_PRESENT | PTE_WRITE;
	area->preempted = KVM_VCPU_PREEMPTED | KVM_VCPU_FLUSH_TLB;
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(area->preempted, 0);
	vm_destroy(vm);
}

#define SLOT_GPA 0x20000000ull

static void guest_elsewhere(void)
{
	wrmsr(MSR_KVM_STEAL_TIME, SLOT_GPA | KVM_MSR_ENABLED);
	for (;;)
		GUEST_SYNC(1);
}

/* The area's memory may go, be another, be read-only: it is written if it can be. */
static void memory_goes(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_elsewhere);
	struct kvm_steal_time *first = host_alloc(PAGE_BYTES), *second = host_alloc(PAGE_BYTES);
	uint32_t version;

	REQUIRE_PV(STEAL_TIME);
	vcpu_run_sync(vcpu, 1);
	vm_set_slot(vm, 1, 0, SLOT_GPA, PAGE_BYTES, first);
	vcpu_run_sync(vcpu, 1);
	ASSERT_NE(first->version, 0u);
	version = first->version;
	vm_set_slot(vm, 1, 0, SLOT_GPA, 0, first);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(first->version, version);
	vm_set_slot(vm, 1, 0, SLOT_GPA, PAGE_BYTES, second);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(first->version, version);
	ASSERT_NE(second->version, 0u);

	version = second->version;
	vm_set_slot(vm, 1, 0, SLOT_GPA, 0, second);
	vm_set_slot(vm, 1, KVM_MEM_READONLY, SLOT_GPA, PAGE_BYTES, second);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(second->version, version);
	vm_destroy(vm);
}

/* What the module writes there is in the dirty log. */
static void is_logged(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_elsewhere);
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bitmap };

	REQUIRE_PV(STEAL_TIME);
	vm_set_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, PAGE_BYTES, host_alloc(PAGE_BYTES));
	vcpu_run_sync(vcpu, 1);
	vm_ioctl(vm, KVM_GET_DIRTY_LOG, &log);
	vcpu_run_sync(vcpu, 1);
	vm_ioctl(vm, KVM_GET_DIRTY_LOG, &log);
	ASSERT_EQ(bitmap, 1u);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "values", values },
	{ "counts", counts },
	{ "preempted", preempted },
	{ "flushes", flushes },
	{ "memory_goes", memory_goes },
	{ "is_logged", is_logged },
};

TEST_MAIN(cases)
