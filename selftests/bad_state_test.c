// SPDX-License-Identifier: GPL-2.0
/*
 * Guest state that no processor could be in, given by user space: refused when
 * set, or a defined exit (FAIL_ENTRY, INTERNAL_ERROR, SHUTDOWN, ...) when run;
 * never harm to the host, and the next VM works.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "vcpu.h"

static void on_alarm(int number)
{
}

/* Run a little: a guest in a wild state may loop, or ask for devices, for ever. */
static void run_a_little(struct vcpu *vcpu)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value.tv_usec = 20000 }, never = { 0 };
	unsigned int i;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	for (i = 0; i < 20; i++) {
		if (__vcpu_run(vcpu) < 0)
			break;
		if (vcpu->run->exit_reason != KVM_EXIT_MMIO &&
		    vcpu->run->exit_reason != KVM_EXIT_IO)
			break;
	}
	setitimer(ITIMER_REAL, &never, NULL);
}

/* Set if the module lets it, run if it was set. */
static void try_sregs(const struct kvm_sregs *sregs, uint64_t rflags)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_regs regs = vcpu_regs(vcpu);

	regs.rflags = rflags;
	if (!__vcpu_ioctl(vcpu, KVM_SET_SREGS, sregs) &&
	    !__vcpu_ioctl(vcpu, KVM_SET_REGS, &regs))
		run_a_little(vcpu);
	vm_destroy(vm);
}

static struct kvm_sregs good_sregs(void)
{
	struct vm *vm = vm_create();
	struct kvm_sregs sregs = vcpu_sregs(vcpu_add(vm, 0, guest_return));

	vm_destroy(vm);
	return sregs;
}

static void segments(void)
{
	const struct kvm_sregs good = good_sregs();
	struct kvm_sregs bad;
	unsigned int i;

	bad = good;
	bad.cs.unusable = 1;
	try_sregs(&bad, X86_EFLAGS_FIXED);
	bad = good;
	bad.cs.present = 0;
	try_sregs(&bad, X86_EFLAGS_FIXED);
	bad = good;
	bad.cs.db = 1;
	try_sregs(&bad, X86_EFLAGS_FIXED);
	for (i = 0; i < 16; i++) {
		bad = good;
		bad.cs.type = i;
		bad.ss.type = i;
		bad.tr.type = i;
		bad.ldt.unusable = 0;
		bad.ldt.type = i;
		try_sregs(&bad, X86_EFLAGS_FIXED);
	}
	for (i = 0; i < 4; i++) {
		bad = good;
		bad.cs.dpl = i;
		bad.ss.dpl = 3 - i;
		try_sregs(&bad, X86_EFLAGS_FIXED);
	}
	bad = good;
	bad.tr.unusable = 1;
	try_sregs(&bad, X86_EFLAGS_FIXED);
	bad = good;
	memset(&bad.cs, 0xff, sizeof(bad.cs));
	memset(&bad.ss, 0xff, sizeof(bad.ss));
	try_sregs(&bad, X86_EFLAGS_FIXED);
	vm_run_guest(guest_return);
}

static void flags(void)
{
	const struct kvm_sregs good = good_sregs();

	/* Virtual-8086 mode in long mode, and every bit at once. */
	try_sregs(&good, X86_EFLAGS_FIXED | BIT(17));
	try_sregs(&good, ~0ull);
	try_sregs(&good, BIT(63));
	vm_run_guest(guest_return);
}

static void control_registers(void)
{
	static const uint64_t cr0s[] = {
		0, X86_CR0_PG, X86_CR0_PE, X86_CR0_NW, X86_CR0_NW | X86_CR0_PE | X86_CR0_PG,
		~0ull, BIT(32), 0x10,
	};
	static const uint64_t cr4s[] = { 0, X86_CR4_PAE, ~0ull, BIT(31), X86_CR4_LA57, 0x1ffff };
	static const uint64_t efers[] = {
		0, EFER_LME, EFER_LMA, EFER_LME | EFER_LMA, ~0ull, EFER_SVME, BIT(40),
	};
	const struct kvm_sregs good = good_sregs();
	struct kvm_sregs bad = good;
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_SIZE(cr0s); i++) {
		struct vm *vm = vm_create();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);

		for (j = 0; j < ARRAY_SIZE(cr4s); j++) {
			for (k = 0; k < ARRAY_SIZE(efers); k++) {
				bad.cr0 = cr0s[i];
				bad.cr4 = cr4s[j];
				bad.efer = efers[k];
				if (!__vcpu_ioctl(vcpu, KVM_SET_SREGS, &bad))
					run_a_little(vcpu);
				/* Back to sense, whatever became of it. */
				(void)__vcpu_ioctl(vcpu, KVM_SET_SREGS, &good);
				vcpu_set_entry(vcpu, guest_return);
			}
		}
		vm_destroy(vm);
	}
	vm_run_guest(guest_return);
}

static void addresses(void)
{
	static const uint64_t values[] = {
		0x8000000000000000ull, 0x0000800000000000ull, ~0ull, 0xfffffffffffff000ull,
	};
	const struct kvm_sregs good = good_sregs();
	struct kvm_sregs bad;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		bad = good;
		bad.gdt.base = values[i];
		bad.idt.base = values[i];
		bad.tr.base = values[i];
		bad.ldt.base = values[i];
		try_sregs(&bad, X86_EFLAGS_FIXED);
		bad = good;
		bad.cs.base = values[i];
		bad.ss.base = values[i];
		bad.fs.base = values[i];
		try_sregs(&bad, X86_EFLAGS_FIXED);
		bad = good;
		bad.cr3 = values[i];
		try_sregs(&bad, X86_EFLAGS_FIXED);
		bad = good;
		bad.apic_base = values[i];
		try_sregs(&bad, X86_EFLAGS_FIXED);
		bad = good;
		bad.cr8 = values[i];
		try_sregs(&bad, X86_EFLAGS_FIXED);
	}
	vm_run_guest(guest_return);
}

/* Random bytes over the whole of the state; the seed is fixed, so a failure repeats. */
static void random_state(void)
{
	unsigned int round, i, seed = 20260101;

	for (round = 0; round < 100; round++) {
		struct vm *vm = round & 1 ? vm_create() : vm_create_with_irqchip();
		struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
		struct kvm_sregs sregs = vcpu_sregs(vcpu);
		struct kvm_regs regs = vcpu_regs(vcpu);

		for (i = 0; i < 1 + round % 8; i++) {
			unsigned int at = rand_r(&seed) % sizeof(sregs);

			((uint8_t *)&sregs)[at] = rand_r(&seed);
			at = rand_r(&seed) % sizeof(regs);
			((uint8_t *)&regs)[at] = rand_r(&seed);
		}
		(void)__vcpu_ioctl(vcpu, KVM_SET_SREGS, &sregs);
		(void)__vcpu_ioctl(vcpu, KVM_SET_REGS, &regs);
		run_a_little(vcpu);
		vm_destroy(vm);
	}
	vm_run_guest(guest_return);
}

/* Everything that an ioctl of its own moves, as a whole. */
struct whole_state {
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_mp_state mp_state;
	struct {
		struct kvm_msrs info;
		struct kvm_msr_entry entries[12];
	} msrs;
};

static void get_whole_state(struct vcpu *vcpu, struct whole_state *state)
{
	static const uint32_t msrs[] = {
		0x10, 0x174, 0x175, 0x176, 0x1d9, 0x277, 0xc0000080, 0xc0000081, 0xc0000082,
		0xc0000084, 0xc0000102, 0xc0000103,
	};
	unsigned int i;

	memset(state, 0, sizeof(*state));
	state->sregs = vcpu_sregs(vcpu);
	state->regs = vcpu_regs(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &state->events);
	vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &state->debug);
	vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &state->mp_state);
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		state->msrs.entries[i].index = msrs[i];
	state->msrs.info.nmsrs = ARRAY_SIZE(msrs);
	(void)__vcpu_ioctl(vcpu, KVM_GET_MSRS, &state->msrs);
}

/* Each part that is refused stays as it was. */
static void set_whole_state(struct vcpu *vcpu, const struct whole_state *state)
{
	(void)__vcpu_ioctl(vcpu, KVM_SET_MSRS, &state->msrs);
	(void)__vcpu_ioctl(vcpu, KVM_SET_SREGS, &state->sregs);
	(void)__vcpu_ioctl(vcpu, KVM_SET_REGS, &state->regs);
	(void)__vcpu_ioctl(vcpu, KVM_SET_DEBUGREGS, &state->debug);
	(void)__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &state->events);
	(void)__vcpu_ioctl(vcpu, KVM_SET_MP_STATE, &state->mp_state);
}

static void spoil(struct whole_state *state, unsigned int *seed)
{
	unsigned int nmsrs = state->msrs.info.nmsrs;
	int i;

	for (i = 0; i < 1 + rand_r(seed) % 6; i++) {
		unsigned int at = rand_r(seed) % sizeof(*state);

		((uint8_t *)state)[at] = rand_r(seed);
	}
	/* Events are small but can go wrong in most ways. */
	for (i = 0; i < rand_r(seed) % 4; i++) {
		unsigned int at = rand_r(seed) % offsetof(struct kvm_vcpu_events, smi);

		((uint8_t *)&state->events)[at] = rand_r(seed) & 0x0f;
	}
	if (rand_r(seed) & 1)
		state->regs.rflags ^= BIT(rand_r(seed) % 22);
	state->msrs.info.nmsrs = nmsrs;
}

/* A vCPU that was in any state at all, and may have failed in it, works once it has a good one. */
static void random_state_recovers(void)
{
	unsigned int round, seed = 20260102;
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct whole_state good, bad;

	get_whole_state(vcpu, &good);
	good.events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	for (round = 0; round < 200; round++) {
		bad = good;
		spoil(&bad, &seed);
		set_whole_state(vcpu, &bad);
		run_a_little(vcpu);
		/* What the first pass refuses, as the rest is still bad, the second takes. */
		set_whole_state(vcpu, &good);
		set_whole_state(vcpu, &good);
		vcpu_run_done(vcpu);
	}
	vm_destroy(vm);
	vm_run_guest(guest_return);
}

/* A vCPU nobody set up, in a VM without memory. */
static void no_memory(void)
{
	struct vm *vm = vm_create_bare();
	struct vcpu *vcpu = vcpu_create(vm, 0);

	run_a_little(vcpu);
	vm_destroy(vm);
	vm_run_guest(guest_return);
}

static const struct test_case cases[] = {
	{ "segments", segments, 60 },
	{ "flags", flags },
	{ "control_registers", control_registers, 60 },
	{ "addresses", addresses, 60 },
	{ "random_state", random_state, 60 },
	{ "random_state_recovers", random_state_recovers, 60 },
	{ "no_memory", no_memory },
};

TEST_MAIN(cases)
