// SPDX-License-Identifier: GPL-2.0
/*
 * Random bytes as guest code, in every mode, with devices around that give random
 * answers. Whatever the guest does, KVM_RUN ends in one of the ways that it may end in,
 * the host lives, and a new VM works. LODGE_FUZZ_SEED repeats a run.
 */
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "fuzz.h"
#include "vcpu.h"

#define CODE_GPA 0x9000ull
#define CODE_BYTES 64
#define MAX_EXITS 50
#define SLICE_US 3000

/* Beginnings of instructions that exit, or that the emulator knows. */
static const struct {
	uint8_t len;
	uint8_t bytes[5];
} beginnings[] = {
	{ 2, { 0x0f, 0xa2 } },			/* CPUID */
	{ 2, { 0x0f, 0x30 } },			/* WRMSR */
	{ 2, { 0x0f, 0x32 } },			/* RDMSR */
	{ 2, { 0x0f, 0x20 } },			/* MOV from CR */
	{ 2, { 0x0f, 0x22 } },			/* MOV to CR */
	{ 2, { 0x0f, 0x21 } },			/* MOV from DR */
	{ 2, { 0x0f, 0x23 } },			/* MOV to DR */
	{ 2, { 0x0f, 0x01 } },			/* LGDT, LMSW, INVLPG, VMCALL, XSETBV, ... */
	{ 2, { 0x0f, 0x00 } },			/* LTR, LLDT, ... */
	{ 2, { 0x0f, 0xc7 } },			/* CMPXCHG8B, RDRAND, VMPTRLD, ... */
	{ 2, { 0x0f, 0xae } },			/* FXSAVE, XRSTOR, fences, ... */
	{ 2, { 0x0f, 0x05 } },			/* SYSCALL */
	{ 2, { 0x0f, 0x34 } },			/* SYSENTER */
	{ 2, { 0x0f, 0x09 } },			/* WBINVD */
	{ 2, { 0x0f, 0x31 } },			/* RDTSC */
	{ 2, { 0xf3, 0x6c } },			/* REP INSB */
	{ 2, { 0xf3, 0x6f } },			/* REP OUTSD */
	{ 2, { 0xf3, 0xa4 } },			/* REP MOVSB */
	{ 2, { 0xf3, 0xab } },			/* REP STOSD */
	{ 2, { 0xf3, 0x90 } },			/* PAUSE */
	{ 1, { 0xec } },			/* IN */
	{ 1, { 0xef } },			/* OUT */
	{ 1, { 0xf4 } },			/* HLT */
	{ 1, { 0xcc } },			/* INT3 */
	{ 1, { 0xcd } },			/* INT */
	{ 1, { 0xcf } },			/* IRET */
	{ 1, { 0xfb } },			/* STI */
	{ 1, { 0x9d } },			/* POPF */
	{ 1, { 0x8e } },			/* MOV to a segment register */
	{ 1, { 0xea } },			/* far JMP */
	{ 2, { 0xf0, 0x0f } },			/* LOCK of something */
	{ 2, { 0x66, 0x0f } },			/* SSE */
	{ 1, { 0x88 } },			/* MOV, the size below */
	{ 1, { 0x89 } },
	{ 1, { 0x8b } },
	{ 1, { 0xa3 } },
	{ 1, { 0x01 } },			/* ADD to memory */
	{ 1, { 0x87 } },			/* XCHG */
};

static void on_alarm(int number)
{
}

static void make_code(uint8_t *code)
{
	unsigned int at = 0;

	fuzz_fill(code, CODE_BYTES);
	while (at < CODE_BYTES - 8) {
		unsigned int i = fuzz_below(ARRAY_SIZE(beginnings));

		if (!fuzz_one_in(3)) {
			memcpy(code + at, beginnings[i].bytes, beginnings[i].len);
			at += beginnings[i].len;
		}
		at += fuzz_below(5);
	}
}

static void set_registers(struct vcpu *vcpu)
{
	struct kvm_regs regs = vcpu_regs(vcpu);
	uint64_t *gprs = (uint64_t *)&regs;
	unsigned int i;

	/* The first 16 are the general registers; RSP may stay usable. */
	for (i = 0; i < 16; i++) {
		switch (fuzz_below(5)) {
		case 0:
			gprs[i] = GPA_MMIO + fuzz_below(0x2000);
			break;
		case 1:
			gprs[i] = GPA_TEST + fuzz_below(0x10000);
			break;
		case 2:
			gprs[i] = fuzz_below(2) ? 0xc0000080 + fuzz_below(16) : fuzz_below(0x300);
			break;
		default:
			gprs[i] = fuzz_interesting();
		}
	}
	if (!fuzz_one_in(4))
		regs.rsp = GPA_TEST + 0x8000;
	regs.rip = CODE_GPA;
	/* TF and VM now and then; all else that there is. */
	regs.rflags = X86_EFLAGS_FIXED | (fuzz_u64() & 0x244ed5);
	if (fuzz_one_in(4))
		regs.rflags |= X86_EFLAGS_TF;
	if (fuzz_one_in(8))
		regs.rflags |= 1 << 17;
	(void)__vcpu_ioctl(vcpu, KVM_SET_REGS, &regs);
}

static void set_mode(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	switch (fuzz_below(4)) {
	case 0:
		vcpu_set_real_mode(vcpu, CODE_GPA);
		break;
	case 1:
		vcpu_set_flat_mode(vcpu, CODE_GPA);
		break;
	default:
		vcpu_set_entry(vcpu, guest_return);
		break;
	}
	sregs = vcpu_sregs(vcpu);
	/* 16-bit protected and compatibility mode, CPL 3, or what a wild CR0 makes of it. */
	switch (fuzz_below(8)) {
	case 0:
		sregs.cs.l = 0;
		sregs.cs.db = fuzz_below(2);
		break;
	case 1:
		sregs.cs.dpl = 3;
		sregs.ss.dpl = 3;
		sregs.cs.selector |= 3;
		sregs.ss.selector |= 3;
		break;
	case 2:
		sregs.cr0 ^= 1ull << fuzz_below(32);
		sregs.cr4 ^= 1ull << fuzz_below(23);
		break;
	}
	(void)__vcpu_ioctl(vcpu, KVM_SET_SREGS, &sregs);
	set_registers(vcpu);
}

/* Fill what the guest reads; what user space may answer is anything. */
static void answer(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (run->exit_reason == KVM_EXIT_MMIO && !run->mmio.is_write)
		fuzz_fill(run->mmio.data, sizeof(run->mmio.data));
	if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN) {
		TEST_ASSERT(run->io.data_offset + (uint64_t)run->io.size * run->io.count <=
			    vcpu->run_bytes, "data outside of the mapping");
		fuzz_fill((uint8_t *)run + run->io.data_offset, run->io.size * run->io.count);
	}
}

/* Whether the run may go on. What is not among these is a mistake. */
static bool check_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
	case KVM_EXIT_HLT:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_IOAPIC_EOI:
		return true;
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_FAIL_ENTRY:
	case KVM_EXIT_INTERNAL_ERROR:
	case KVM_EXIT_SYSTEM_EVENT:
		return false;
	}
	vcpu_describe(vcpu);
	TEST_FAIL("exit reason %u", vcpu->run->exit_reason);
}

static void disturb(struct vcpu *vcpu, bool has_irqchip)
{
	struct kvm_interrupt interrupt = { .irq = fuzz_below(256) };

	if (fuzz_one_in(8))
		(void)__vcpu_ioctl(vcpu, KVM_NMI, 0);
	if (!fuzz_one_in(8))
		return;
	if (has_irqchip)
		(void)__vm_irq_line(vcpu->vm, fuzz_below(24), fuzz_below(2));
	else
		(void)__vcpu_ioctl(vcpu, KVM_INTERRUPT, &interrupt);
}

static void run_program(struct vcpu *vcpu, bool has_irqchip)
{
	/* More than once: the first may come before KVM_RUN has begun. */
	struct itimerval soon = {
		.it_value.tv_usec = SLICE_US,
		.it_interval.tv_usec = SLICE_US,
	};
	struct itimerval never = { 0 };
	unsigned int i;
	int ret;

	setitimer(ITIMER_REAL, &soon, NULL);
	for (i = 0; i < MAX_EXITS; i++) {
		disturb(vcpu, has_irqchip);
		ret = __vcpu_run(vcpu);
		if (ret == -EINTR)
			break;
		TEST_ASSERT(!ret, "KVM_RUN returned %d", ret);
		if (!check_exit(vcpu))
			break;
		answer(vcpu);
	}
	setitimer(ITIMER_REAL, &never, NULL);
}

static void fuzz(bool has_irqchip)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct vcpu *vcpu;
	struct vm *vm;
	unsigned int i;

	sigaction(SIGALRM, &action, NULL);
	fuzz_begin();
	while (fuzz_goes_on()) {
		vm = has_irqchip ? vm_create_with_irqchip() : vm_create();
		vcpu = vcpu_add(vm, 0, guest_return);
		/* Several on what the one before has left, as far as it can be run. */
		for (i = 0; i < 10; i++) {
			make_code(vm_hva(vm, CODE_GPA, CODE_BYTES));
			if (fuzz_one_in(4))
				fuzz_fill(vm_hva(vm, GPA_GDT + 8 * fuzz_below(64), 16), 16);
			set_mode(vcpu);
			run_program(vcpu, has_irqchip);
		}
		vm_destroy(vm);
	}
	fuzz_end();

	vm_run_guest(guest_return);
}

static void without_irqchip(void)
{
	fuzz(false);
}

static void with_irqchip(void)
{
	fuzz(true);
}

static const struct test_case cases[] = {
	{ "without_irqchip", without_irqchip, FUZZ_CASE_SECONDS },
	{ "with_irqchip", with_irqchip, FUZZ_CASE_SECONDS },
};

TEST_MAIN(cases)
