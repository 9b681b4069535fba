// SPDX-License-Identifier: GPL-2.0
/*
 * SIGKILL in the middle of everything: vCPU threads running, halted, exiting,
 * timers armed, memory and slots changing.  Afterwards a new VM works.  That no
 * VM is left behind is looked at by the runner of the tests.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "apic.h"
#include "vcpu.h"

#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES (256 * PAGE_BYTES)
#define TIMER_VECTOR 0x62

static void guest_on_timer(struct guest_regs *regs)
{
	xapic_eoi();
}

static void guest_spin(void)
{
	volatile uint64_t *word = (uint64_t *)SLOT_GPA;
	unsigned int i = 0;

	for (;;)
		word[i++ % 256 * 512]++;
}

static void guest_exits(void)
{
	for (;;) {
		outb(0x510, 1);
		*(volatile uint32_t *)GPA_MMIO = 1;
	}
}

static void guest_timer_and_halt(void)
{
	guest_handlers[TIMER_VECTOR] = guest_on_timer;
	xapic_enable(0xff);
	xapic_write(APIC_TDCR, 0xb);
	xapic_write(APIC_LVTT, TIMER_VECTOR | APIC_LVTT_PERIODIC);
	xapic_write(APIC_TMICT, 300000);
	for (;;) {
		sti_hlt();
		cli();
	}
}

static void guest_sends_ipis(void)
{
	guest_handlers[TIMER_VECTOR] = guest_on_timer;
	xapic_enable(0xff);
	sti();
	for (;;)
		xapic_ipi(0, TIMER_VECTOR | APIC_DEST_ALL | APIC_INT_ASSERT);
}

static void *run_forever(void *arg)
{
	struct vcpu *vcpu = arg;

	for (;;)
		(void)__vcpu_run(vcpu);
	return NULL;
}

static void *change_memory(void *arg)
{
	struct vm *vm = arg;
	uint8_t *memory = host_alloc(SLOT_BYTES);

	for (;;) {
		(void)__vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
		madvise(memory, SLOT_BYTES, MADV_DONTNEED);
		(void)__vm_irq_line(vm, 5, 1);
		(void)__vm_irq_line(vm, 5, 0);
		(void)__vm_set_slot(vm, 1, 0, 0, 0, NULL);
	}
	return NULL;
}

/* Never returns: lives until it is killed. */
static void victim(int ready)
{
	static void (* const entries[])(void) = {
		guest_spin, guest_exits, guest_timer_and_halt, guest_sends_ipis,
	};
	struct vm *vm = vm_create_with_irqchip();
	struct kvm_pit_config pit = { 0 };
	pthread_t thread;
	unsigned int i;

	vm_ioctl(vm, KVM_CREATE_PIT2, &pit);
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		ASSERT_EQ(pthread_create(&thread, NULL, run_forever,
					 vcpu_add(vm, i, entries[i])), 0);
	ASSERT_EQ(pthread_create(&thread, NULL, change_memory, vm), 0);
	ASSERT_EQ(write(ready, "r", 1), 1);
	for (;;)
		pause();
}

static void kill_one(unsigned int delay_ms)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(pipe(ready), 0);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork");
	if (!pid)
		victim(ready[1]);
	close(ready[1]);
	TEST_ASSERT(read(ready[0], &byte, 1) == 1, "the victim did not start");
	close(ready[0]);
	test_sleep_ms(delay_ms);
	ASSERT_EQ(kill(pid, SIGKILL), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %#x", status);
}

static void check_new_vm(void)
{
	struct vm *vm = vm_create_with_irqchip();

	vcpu_run_done(vcpu_add(vm, 0, guest_return));
	vm_destroy(vm);
}

static void kill_running(void)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		kill_one(i * 13 % 60);
		check_new_vm();
	}
}

/* Two victims die at the same moment, while a third VM runs. */
static void kill_beside_a_living_vm(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		kill_one(20);
		vcpu_run_done(vcpu);
	}
	vm_destroy(vm);
}

/* Before the first KVM_RUN, half-way through the construction. */
static void kill_early(void)
{
	unsigned int i;
	pid_t pid;

	for (i = 0; i < 10; i++) {
		pid = fork();
		TEST_ASSERT(pid >= 0, "fork");
		if (!pid) {
			for (;;) {
				struct vm *vm = vm_create_with_irqchip();

				vcpu_add(vm, 0, guest_return);
				vm_destroy(vm);
			}
		}
		test_sleep_ms(5 + i * 3);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	check_new_vm();
}

/* Exit without closing anything, threads still inside KVM_RUN. */
static void exit_without_close(void)
{
	unsigned int i;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		pid = fork();
		TEST_ASSERT(pid >= 0, "fork");
		if (!pid) {
			struct vm *vm = vm_create_with_irqchip();
			pthread_t thread;

			pthread_create(&thread, NULL, run_forever,
				       vcpu_add(vm, 0, guest_timer_and_halt));
			pthread_create(&thread, NULL, run_forever,
				       vcpu_add(vm, 1, guest_exits));
			test_sleep_ms(20);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	check_new_vm();
}

static const struct test_case cases[] = {
	{ "kill_running", kill_running, 40 },
	{ "kill_beside_a_living_vm", kill_beside_a_living_vm },
	{ "kill_early", kill_early },
	{ "exit_without_close", exit_without_close },
};

TEST_MAIN(cases)
