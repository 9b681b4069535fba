// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_DEBUGREGS and KVM_SET_DEBUGREGS, and breakpoints of the guest's own:
 * code, data and single-step through DR7 and DR6.
 */
#include <string.h>

#include "vcpu.h"

#define DR6_FIXED 0xffff0ff0ull
#define DR7_FIXED 0x400ull
#define DR6_BS BIT(14)

static void reset_state(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_debugregs regs;
	unsigned int i;

	vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &regs);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(regs.db[i], 0u);
	ASSERT_EQ(regs.dr6, DR6_FIXED);
	ASSERT_EQ(regs.dr7, DR7_FIXED);
	ASSERT_EQ(regs.flags, 0u);
	vm_destroy(vm);
}

static uint64_t guest_dr[8];

static void guest_read_debug(void)
{
	asm volatile("mov %%dr0, %0" : "=r"(guest_dr[0]));
	asm volatile("mov %%dr1, %0" : "=r"(guest_dr[1]));
	asm volatile("mov %%dr2, %0" : "=r"(guest_dr[2]));
	asm volatile("mov %%dr3, %0" : "=r"(guest_dr[3]));
	asm volatile("mov %%dr6, %0" : "=r"(guest_dr[6]));
	asm volatile("mov %%dr7, %0" : "=r"(guest_dr[7]));
	GUEST_SYNC(1);
	asm volatile("mov %0, %%dr0" : : "r"(0x5000ull));
	asm volatile("mov %0, %%dr3" : : "r"(0x8000ull));
	asm volatile("mov %0, %%dr7" : : "r"(DR7_FIXED | 0x100));
}

static void round_trip(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_debug);
	struct kvm_debugregs regs, back;
	unsigned int i;

	memset(&regs, 0, sizeof(regs));
	for (i = 0; i < 4; i++)
		regs.db[i] = 0x1000 * (i + 1);
	regs.dr6 = DR6_FIXED | 1;
	regs.dr7 = DR7_FIXED;
	vcpu_ioctl(vcpu, KVM_SET_DEBUGREGS, &regs);
	vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &back);
	ASSERT_EQ(memcmp(&regs, &back, sizeof(regs)), 0);
	vcpu_run_sync(vcpu, 1);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(GUEST(vm, guest_dr[i]), regs.db[i]);
	ASSERT_EQ(GUEST(vm, guest_dr[6]), regs.dr6);
	ASSERT_EQ(GUEST(vm, guest_dr[7]), regs.dr7);
	vcpu_run_done(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &back);
	ASSERT_EQ(back.db[0], 0x5000u);
	ASSERT_EQ(back.db[1], 0x2000u);
	ASSERT_EQ(back.db[3], 0x8000u);
	ASSERT_EQ(back.dr7, DR7_FIXED | 0x100);
	vm_destroy(vm);
}

static void bad_values(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_debugregs good, bad;

	vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &good);
	bad = good;
	bad.flags = 1;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_DEBUGREGS, &bad), EINVAL);
	bad = good;
	bad.dr6 |= BIT(32);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_DEBUGREGS, &bad), EINVAL);
	bad = good;
	bad.dr7 |= BIT(40);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_DEBUGREGS, &bad), EINVAL);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static volatile uint64_t guest_hits, guest_hit_rip, guest_hit_dr6;
static volatile uint32_t guest_watched;

static void guest_on_debug(struct guest_regs *regs)
{
	uint64_t dr6;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	asm volatile("mov %0, %%dr6" : : "r"(DR6_FIXED));
	guest_hits++;
	guest_hit_rip = regs->rip;
	guest_hit_dr6 = dr6;
	/* RF: do not stop again on the instruction that a code breakpoint is on. */
	regs->rflags |= X86_EFLAGS_RF;
}

extern char debug_code_here[], debug_data_behind[];

static void guest_breakpoints(void)
{
	guest_handlers[DB_VECTOR] = guest_on_debug;
	/* Code. */
	asm volatile("mov %0, %%dr0" : : "r"((uint64_t)debug_code_here));
	asm volatile("mov %0, %%dr7" : : "r"(DR7_FIXED | 2));
	asm volatile("nop\n debug_code_here: nop" : : : "memory");
	GUEST_ASSERT_EQ(guest_hits, 1);
	GUEST_ASSERT_EQ(guest_hit_rip, (uintptr_t)debug_code_here);
	GUEST_ASSERT_EQ(guest_hit_dr6 & 0xf, 1);
	/* Data write of 4 bytes, in DR1: a trap, behind the instruction. */
	asm volatile("mov %0, %%dr1" : : "r"((uint64_t)&guest_watched));
	asm volatile("mov %0, %%dr7" : : "r"(DR7_FIXED | 8 | 0xd00000));
	asm volatile("movl $5, %0\n debug_data_behind: nop" : "=m"(guest_watched) : : "memory");
	GUEST_ASSERT_EQ(guest_hits, 2);
	GUEST_ASSERT_EQ(guest_hit_rip, (uintptr_t)debug_data_behind);
	GUEST_ASSERT_EQ(guest_hit_dr6 & 0xf, 2);
	/* A read does not match. */
	GUEST_ASSERT_EQ(guest_watched, 5);
	GUEST_ASSERT_EQ(guest_hits, 2);
	/* They stay armed over an exit. */
	GUEST_SYNC(1);
	asm volatile("movl $6, %0" : "=m"(guest_watched) : : "memory");
	GUEST_ASSERT_EQ(guest_hits, 3);
	asm volatile("mov %0, %%dr7" : : "r"(DR7_FIXED));
	asm volatile("movl $7, %0" : "=m"(guest_watched) : : "memory");
	GUEST_ASSERT_EQ(guest_hits, 3);
}

static void breakpoints_of_the_guest(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_breakpoints);

	vcpu_run_sync(vcpu, 1);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_step_dr6(void)
{
	guest_handlers[DB_VECTOR] = guest_on_debug;
	asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; pushfq; andq $~0x100, (%%rsp); popfq"
		     : : : "memory", "cc");
	GUEST_ASSERT(guest_hits >= 2);
	GUEST_ASSERT_EQ(guest_hit_dr6 & DR6_BS, DR6_BS);
}

static void single_step_sets_dr6(void)
{
	vm_run_guest(guest_step_dr6);
}

static const struct test_case cases[] = {
	{ "reset_state", reset_state },
	{ "round_trip", round_trip },
	{ "bad_values", bad_values },
	{ "breakpoints_of_the_guest", breakpoints_of_the_guest },
	{ "single_step_sets_dr6", single_step_sets_dr6 },
};

TEST_MAIN(cases)
