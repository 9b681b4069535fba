// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads, one vCPU, one VM: every ioctl against every other for a bounded
 * time.  Nothing is asserted but that the host lives and a new VM works; lockdep
 * and KASAN of a debugging kernel see the rest.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "apic.h"
#include "vcpu.h"

#define RACE_MS 2500
#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES (64 * PAGE_BYTES)

static volatile bool is_over;

struct race {
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned int seed;
};

static void guest_busy(void)
{
	volatile uint64_t *word = (uint64_t *)SLOT_GPA;
	uint32_t regs[4];

	for (;;) {
		word[rdtsc() % 64 * 512]++;
		outb(0x510, 1);
		cpuid(0, 0, regs);
		(void)xapic_read(APIC_TPR);
	}
}

static void *race_run(void *arg)
{
	struct race *race = arg;

	while (!is_over) {
		(void)__vcpu_run(race->vcpu);
		/* Out of whatever state the others put it into. */
		if (race->vcpu->run->exit_reason == KVM_EXIT_SHUTDOWN ||
		    race->vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
			usleep(100);
	}
	return NULL;
}

static void *race_state(void *arg)
{
	struct race *race = arg;
	struct kvm_mp_state mp_state = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct kvm_lapic_state lapic;
	struct kvm_xsave xsave;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_xcrs xcrs;
	struct kvm_fpu fpu;

	while (!is_over) {
		if (!__vcpu_ioctl(race->vcpu, KVM_GET_REGS, &regs)) {
			regs.rip = (uintptr_t)guest_busy;
			regs.rsp = race->vcpu->stack_top - 8;
			(void)__vcpu_ioctl(race->vcpu, KVM_SET_REGS, &regs);
		}
		if (!__vcpu_ioctl(race->vcpu, KVM_GET_SREGS, &sregs))
			(void)__vcpu_ioctl(race->vcpu, KVM_SET_SREGS, &sregs);
		if (!__vcpu_ioctl(race->vcpu, KVM_GET_FPU, &fpu))
			(void)__vcpu_ioctl(race->vcpu, KVM_SET_FPU, &fpu);
		if (!__vcpu_ioctl(race->vcpu, KVM_GET_XSAVE, &xsave))
			(void)__vcpu_ioctl(race->vcpu, KVM_SET_XSAVE, &xsave);
		if (!__vcpu_ioctl(race->vcpu, KVM_GET_XCRS, &xcrs))
			(void)__vcpu_ioctl(race->vcpu, KVM_SET_XCRS, &xcrs);
		if (!__vcpu_ioctl(race->vcpu, KVM_GET_LAPIC, &lapic))
			(void)__vcpu_ioctl(race->vcpu, KVM_SET_LAPIC, &lapic);
		if (!__vcpu_ioctl(race->vcpu, KVM_GET_DEBUGREGS, &debugregs))
			(void)__vcpu_ioctl(race->vcpu, KVM_SET_DEBUGREGS, &debugregs);
		if (!__vcpu_ioctl(race->vcpu, KVM_GET_VCPU_EVENTS, &events))
			(void)__vcpu_ioctl(race->vcpu, KVM_SET_VCPU_EVENTS, &events);
		(void)__vcpu_ioctl(race->vcpu, KVM_SET_MP_STATE, &mp_state);
		(void)__vcpu_ioctl(race->vcpu, KVM_NMI, 0);
		(void)__vcpu_ioctl(race->vcpu, KVM_GET_TSC_KHZ, 0);
	}
	return NULL;
}

static void *race_msrs(void *arg)
{
	static const uint32_t indices[] = {
		MSR_IA32_TSC, MSR_STAR, MSR_IA32_APICBASE, MSR_KERNEL_GS_BASE, MSR_IA32_PAT,
		MSR_IA32_TSC_DEADLINE, 0x4b564d01, 0x4b564d00,
	};
	struct race *race = arg;
	uint64_t value;

	while (!is_over) {
		uint32_t index = indices[rand_r(&race->seed) % ARRAY_SIZE(indices)];

		if (!__vcpu_get_msr(race->vcpu, index, &value))
			(void)__vcpu_set_msr(race->vcpu, index, value);
		(void)__vcpu_ioctl(race->vcpu, KVM_SET_CPUID2, node_supported_cpuid());
	}
	return NULL;
}

static void *race_memory(void *arg)
{
	struct race *race = arg;
	uint8_t *memory = host_alloc(SLOT_BYTES);

	while (!is_over) {
		(void)__vm_set_slot(race->vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
		madvise(memory, SLOT_BYTES, MADV_DONTNEED);
		(void)__vm_set_slot(race->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_BYTES,
				    memory);
		(void)__vm_set_slot(race->vm, 1, 0, SLOT_GPA + SLOT_BYTES, SLOT_BYTES, memory);
		(void)__vm_set_slot(race->vm, 1, 0, 0, 0, NULL);
	}
	return NULL;
}

static void *race_interrupts(void *arg)
{
	struct race *race = arg;
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_msi msi = { .address_lo = APIC_BASE, .data = 0x55 };
	struct kvm_irq_routing routing = { .nr = 0 };
	struct kvm_clock_data clock = { 0 };
	struct kvm_pit_state2 pit;

	while (!is_over) {
		(void)__vm_irq_line(race->vm, rand_r(&race->seed) % 32, rand_r(&race->seed) & 1);
		if (!__vm_ioctl(race->vm, KVM_GET_IRQCHIP, &chip))
			(void)__vm_ioctl(race->vm, KVM_SET_IRQCHIP, &chip);
		(void)__vm_ioctl(race->vm, KVM_SIGNAL_MSI, &msi);
		if (!__vm_ioctl(race->vm, KVM_GET_PIT2, &pit))
			(void)__vm_ioctl(race->vm, KVM_SET_PIT2, &pit);
		if (!__vm_ioctl(race->vm, KVM_GET_CLOCK, &clock)) {
			clock.flags = 0;
			(void)__vm_ioctl(race->vm, KVM_SET_CLOCK, &clock);
		}
		if (!(rand_r(&race->seed) % 64))
			(void)__vm_ioctl(race->vm, KVM_SET_GSI_ROUTING, &routing);
	}
	return NULL;
}

static void *race_creation(void *arg)
{
	struct race *race = arg;
	unsigned int id = 1;
	int fd;

	while (!is_over) {
		fd = __vm_ioctl(race->vm, KVM_CREATE_VCPU, id % 8);
		if (fd >= 0)
			close(fd);
		(void)__vm_ioctl(race->vm, KVM_CREATE_IRQCHIP, 0);
		id++;
		usleep(1000);
	}
	return NULL;
}

static void on_signal(int number)
{
}

/* Everybody at once; the runner is kicked by signals all the time. */
static void everything(bool has_irqchip)
{
	static void *(* const bodies[])(void *) = {
		race_run, race_run, race_state, race_state, race_msrs, race_memory,
		race_interrupts, race_creation,
	};
	struct sigaction action = { .sa_handler = on_signal };
	struct vm *vm = has_irqchip ? vm_create_with_irqchip() : vm_create();
	struct kvm_pit_config pit_config = { 0 };
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_busy);
	pthread_t threads[ARRAY_SIZE(bodies)];
	struct race races[ARRAY_SIZE(bodies)];
	uint64_t end = test_now_ns() + RACE_MS * 1000000ull;
	unsigned int i;

	sigaction(SIGUSR1, &action, NULL);
	if (has_irqchip)
		vm_ioctl(vm, KVM_CREATE_PIT2, &pit_config);
	(void)node_supported_cpuid();
	is_over = false;
	for (i = 0; i < ARRAY_SIZE(bodies); i++) {
		races[i] = (struct race){ vm, vcpu, i };
		ASSERT_EQ(pthread_create(&threads[i], NULL, bodies[i], &races[i]), 0);
	}
	while (test_now_ns() < end) {
		test_sleep_ms(1);
		pthread_kill(threads[0], SIGUSR1);
		pthread_kill(threads[1], SIGUSR1);
	}
	is_over = true;
	/* A runner may sit in a halt, and others wait for it: go on kicking, runners first. */
	for (i = 0; i < ARRAY_SIZE(bodies); i++) {
		while (pthread_tryjoin_np(threads[i], NULL)) {
			pthread_kill(threads[i], SIGUSR1);
			if (!i)
				pthread_kill(threads[1], SIGUSR1);
			test_sleep_ms(1);
		}
	}
	vm_destroy(vm);
	vm_run_guest(guest_return);
}

static void with_irqchip(void)
{
	everything(true);
}

static void without_irqchip(void)
{
	everything(false);
}

/* Two threads run the same vCPU: one at a time, neither lost. */
static void *run_some(void *arg)
{
	unsigned int i;

	for (i = 0; i < 200; i++)
		vcpu_run((struct vcpu *)arg);
	return NULL;
}

static void guest_out(void)
{
	for (;;)
		outb(0x510, 1);
}

static void two_runners(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_out);
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, run_some, vcpu), 0);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
	vm_destroy(vm);
}

/* Two vCPUs fault on the same pages at the same time. */
static volatile uint64_t guest_go;

static void guest_fault_race(uint64_t id)
{
	uint64_t page;

	while (!guest_go)
		cpu_relax();
	for (page = 0; page < 1024; page++)
		__atomic_add_fetch((uint64_t *)(SLOT_GPA + page * PAGE_BYTES), id,
				   __ATOMIC_SEQ_CST);
}

static void parallel_faults(void)
{
	struct vm *vm = vm_create();
	uint64_t *memory = host_alloc(1024 * PAGE_BYTES);
	struct vcpu *vcpus[4];
	unsigned int i;

	vm_set_slot(vm, 1, 0, SLOT_GPA, 1024 * PAGE_BYTES, memory);
	for (i = 0; i < 4; i++) {
		vcpus[i] = vcpu_add(vm, i, (void (*)(void))guest_fault_race);
		vcpu_set_arg(vcpus[i], 0, 1ull << (8 * i));
		vcpu_thread_start(vcpus[i]);
	}
	GUEST(vm, guest_go) = 1;
	for (i = 0; i < 4; i++)
		vcpu_thread_join(vcpus[i]);
	for (i = 0; i < 1024; i++)
		ASSERT_EQ(memory[i * 512], 0x01010101u);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "with_irqchip", with_irqchip, 40 },
	{ "without_irqchip", without_irqchip, 40 },
	{ "two_runners", two_runners },
	{ "parallel_faults", parallel_faults },
};

TEST_MAIN(cases)
