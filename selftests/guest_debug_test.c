// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_GUEST_DEBUG: software and hardware breakpoints, single steps over all kinds of
 * instructions, injected exceptions, interrupts held back; and that the guest sees nothing.
 */
#include <string.h>

#include "vcpu.h"

#define DR6_CLEAR 0xffff0ff0ull
#define DR6_BD BIT(13)
#define DR6_BS BIT(14)
#define DR7_FIXED 0x400ull
#define DR7_GD BIT(13)

static int __debug(struct vcpu *vcpu, uint32_t control)
{
	struct kvm_guest_debug debug = { .control = control };

	return __vcpu_ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug);
}

static void debug_set(struct vcpu *vcpu, uint32_t control)
{
	ASSERT_EQ(__debug(vcpu, control ? KVM_GUESTDBG_ENABLE | control : 0), 0);
}

static void breakpoint_set(struct vcpu *vcpu, unsigned int slot, uint64_t address, uint64_t kind)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
	};

	debug.arch.debugreg[slot] = address;
	debug.arch.debugreg[7] = DR7_FIXED | 2ull << 2 * slot | kind << (16 + 4 * slot);
	vcpu_ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug);
}

static void expect_debug(struct vcpu *vcpu, uint32_t exception, const void *pc, uint64_t dr6)
{
	const struct kvm_debug_exit_arch *arch = &vcpu->run->debug.arch;

	ASSERT_EXIT(vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(arch->pc, (uintptr_t)pc);
	ASSERT_EQ(arch->exception, exception);
	if (exception == DB_VECTOR)
		ASSERT_EQ(arch->dr6, dr6 | DR6_CLEAR);
	ASSERT_EQ(vcpu_regs(vcpu).rip, (uintptr_t)pc);
}

/* One step of the vCPU, which ends at @pc. */
#define step_to(vcpu, pc)						\
	do {								\
		vcpu_run(vcpu);						\
		expect_debug(vcpu, DB_VECTOR, pc, DR6_BS);		\
	} while (0)

static struct guest_regs guest_seen;
static volatile uint64_t guest_count, guest_value, guest_flags, guest_dr[8];

static void guest_record(struct guest_regs *regs)
{
	guest_seen = *regs;
	guest_count++;
}

/* Software breakpoints. */

extern char guest_int3[], guest_int3_behind[];

static void guest_break(void)
{
	guest_handlers[BP_VECTOR] = guest_record;
	asm volatile("guest_int3: int3\n guest_int3_behind:" : : : "memory");
	GUEST_SYNC(guest_count);
	asm volatile("int3" : : : "memory");
	GUEST_ASSERT_EQ(guest_count, 2);
}

/* Run to the INT3. */
static struct vcpu *run_to_int3(struct vm *vm)
{
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_break);

	debug_set(vcpu, KVM_GUESTDBG_USE_SW_BP);
	vcpu_run(vcpu);
	if (vcpu->run->exit_reason == KVM_EXIT_IO)
		test_skip("this CPU's INT3 does not exit (QEMU's emulation)");
	expect_debug(vcpu, BP_VECTOR, guest_int3, 0);
	return vcpu;
}

static void software_breakpoint(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = run_to_int3(vm);

	/* It stays there until user space moves it, or gives the guest what is its own. */
	vcpu_run(vcpu);
	expect_debug(vcpu, BP_VECTOR, guest_int3, 0);
	debug_set(vcpu, KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_INJECT_BP);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_seen).rip, (uintptr_t)guest_int3_behind);
	/* Off: the next is the guest's. */
	debug_set(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* As QEMU gives the guest a breakpoint of its own. */
static void software_breakpoint_by_events(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = run_to_int3(vm);
	struct kvm_vcpu_events events;

	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.exception.injected, 0);
	events.exception.injected = 1;
	events.exception.nr = BP_VECTOR;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_seen).rip, (uintptr_t)guest_int3_behind);
	debug_set(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Without ENABLE nothing is on, whatever else is asked for. */
static void not_enabled(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_break);

	ASSERT_EQ(__debug(vcpu, KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_SINGLESTEP), 0);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_done(vcpu);
	ASSERT_ERRNO(ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, (void *)8) < 0 ? -errno : 0, EFAULT);
	vm_destroy(vm);
}

/* Hardware breakpoints. */

extern char guest_code_bp[], guest_data_behind[], guest_dr_access[];

static void guest_watched(void)
{
	asm volatile("mov %0, %%dr0" : : "r"(0x1234ull));
	asm volatile("mov %0, %%dr7" : : "r"(DR7_FIXED | 0x100));
	asm volatile("guest_code_bp: nop\n movq $5, %0\n guest_data_behind: nop"
		     : "=m"(guest_value) : : "memory");
	asm volatile("mov %%dr0, %0" : "=r"(guest_dr[0]));
	asm volatile("mov %%dr1, %0" : "=r"(guest_dr[1]));
	asm volatile("mov %%dr6, %0" : "=r"(guest_dr[6]));
	asm volatile("mov %%dr7, %0" : "=r"(guest_dr[7]));
	GUEST_ASSERT_EQ(guest_dr[0], 0x1234);
	GUEST_ASSERT_EQ(guest_dr[1], 0);
	GUEST_ASSERT_EQ(guest_dr[6], DR6_CLEAR);
	GUEST_ASSERT_EQ(guest_dr[7], DR7_FIXED | 0x100);
}

static void hardware_breakpoints(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_watched);
	struct kvm_debugregs regs;
	unsigned int slot;

	for (slot = 0; slot < 4; slot++) {
		breakpoint_set(vcpu, slot, (uintptr_t)guest_code_bp, 0);
		vcpu_run(vcpu);
		expect_debug(vcpu, DB_VECTOR, guest_code_bp, BIT(slot));
		ASSERT_EQ(vcpu->run->debug.arch.dr7, DR7_FIXED | 2ull << 2 * slot);
	}
	/* A write of eight bytes. */
	breakpoint_set(vcpu, 1, (uintptr_t)&guest_value, 9);
	vcpu_run(vcpu);
	expect_debug(vcpu, DB_VECTOR, guest_data_behind, BIT(1));
	vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &regs);
	ASSERT_EQ(regs.db[0], 0x1234u);
	ASSERT_EQ(regs.db[1], 0u);
	ASSERT_EQ(regs.dr6, DR6_CLEAR);
	ASSERT_EQ(regs.dr7, DR7_FIXED | 0x100);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* When the debugger goes, the guest's own breakpoints are on again. */
static void guest_with_breakpoint(void)
{
	guest_handlers[DB_VECTOR] = guest_record;
	asm volatile("mov %0, %%dr2" : : "r"(&guest_value));
	asm volatile("mov %0, %%dr7" : : "r"(DR7_FIXED | 0x20 | 9ull << 24));
	GUEST_SYNC(1);
	guest_value = 1;
	GUEST_SYNC(2);
	guest_value = 2;
	GUEST_ASSERT_EQ(guest_count, 1);
}

static void breakpoints_come_back(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_with_breakpoint);

	vcpu_run_sync(vcpu, 1);
	breakpoint_set(vcpu, 0, 0x1000, 0);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(GUEST(vm, guest_count), 0u);
	debug_set(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_access_debug(void)
{
	asm volatile("guest_dr_access: mov %%dr3, %%rax" : : : "rax");
}

static void access_detection(void)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg[7] = DR7_FIXED | DR7_GD,
	};
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_access_debug);

	vcpu_ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug);
	vcpu_run(vcpu);
	expect_debug(vcpu, DB_VECTOR, guest_dr_access, DR6_BD);
	debug_set(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Single steps. */

extern char guest_step[], guest_step_1[], guest_step_2[], guest_step_3[], guest_step_4[],
	    guest_step_5[], guest_step_6[], guest_step_7[], guest_step_8[], guest_step_9[];

static void guest_stepped(void)
{
	asm volatile("guest_step: nop\n"
		     "guest_step_1: xor %%eax, %%eax\n"
		     "guest_step_2: cpuid\n"
		     "guest_step_3: mov $0xc0000080, %%ecx\n"
		     "guest_step_4: rdmsr\n"
		     "guest_step_5: out %%al, $0x50\n"
		     "guest_step_6: in $0x50, %%al\n"
		     "guest_step_7: mov %0, %%edx\n"
		     "mov (%%rdx), %%eax\n"
		     "guest_step_8: mov %%eax, (%%rdx)\n"
		     "guest_step_9: nop\n"
		     : : "i"(GPA_MMIO) : "eax", "ebx", "ecx", "edx", "memory");
}

/* Stop at the NOP @label, and step from there on. */
static struct vcpu *start_steps(struct vm *vm, void (*entry)(void), const char *label)
{
	struct vcpu *vcpu = vcpu_add(vm, 0, entry);

	breakpoint_set(vcpu, 0, (uintptr_t)label, 0);
	vcpu_run(vcpu);
	expect_debug(vcpu, DB_VECTOR, label, BIT(0));
	debug_set(vcpu, KVM_GUESTDBG_SINGLESTEP);
	vcpu_run(vcpu);
	expect_debug(vcpu, DB_VECTOR, label + 1, DR6_BS);
	return vcpu;
}

static void single_step(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = start_steps(vm, guest_stepped, guest_step);

	step_to(vcpu, guest_step_2);
	ASSERT_EQ(vcpu_regs(vcpu).rflags & X86_EFLAGS_TF, 0u);
	step_to(vcpu, guest_step_3);
	step_to(vcpu, guest_step_4);
	step_to(vcpu, guest_step_5);
	/* What user space is asked for comes first, the end of the step behind it. */
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	step_to(vcpu, guest_step_6);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	step_to(vcpu, guest_step_7);
	vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	step_to(vcpu, guest_step_8);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	step_to(vcpu, guest_step_9);
	ASSERT_EQ(vcpu_regs(vcpu).rflags & X86_EFLAGS_TF, 0u);
	debug_set(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* MOV SS holds off the trap, and on some CPUs STI does: the next instruction is in the step. */
extern char guest_shadow[], guest_shadow_1[], guest_shadow_2[], guest_shadow_3[], guest_shadow_4[];

static void guest_shadows(void)
{
	asm volatile("mov %%ss, %%eax\n guest_shadow: nop\n mov %%eax, %%ss\n"
		     "guest_shadow_1: nop\n"
		     "guest_shadow_2: sti\n"
		     "guest_shadow_3: nop\n"
		     "guest_shadow_4: cli\n" : : : "eax");
}

static void step_over_shadows(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = start_steps(vm, guest_shadows, guest_shadow);

	vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	if (vcpu_regs(vcpu).rip == (uintptr_t)guest_shadow_1)
		vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	expect_debug(vcpu, DB_VECTOR, guest_shadow_2, DR6_BS);
	vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	if (vcpu_regs(vcpu).rip == (uintptr_t)guest_shadow_3)
		vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	expect_debug(vcpu, DB_VECTOR, guest_shadow_4, DR6_BS);
	debug_set(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Steps that must leave no trace. KVM leaves some. */

static void skip_if_kvm(void)
{
	if (!node_is_lodge())
		test_skip("KVM lets the guest see RFLAGS.TF");
}

/* Step until the guest is at @pc; the number of steps is bounded. */
static void step_until(struct vcpu *vcpu, const void *pc)
{
	unsigned int i;

	for (i = 0; i < 100 && vcpu_regs(vcpu).rip != (uintptr_t)pc; i++)
		vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(vcpu_regs(vcpu).rip, (uintptr_t)pc);
}

extern char guest_saves[], guest_flags_end[];

static void guest_saves_flags(void)
{
	asm volatile("guest_saves: nop\n"
		     "pushfq\n popq %0\n"
		     "pushfq\n popfq\n"
		     "mov %%rsp, %%rcx\n mov %%ss, %%eax\n push %%rax\n push %%rcx\n pushfq\n"
		     "mov %%cs, %%eax\n push %%rax\n lea 1f(%%rip), %%rax\n push %%rax\n"
		     "iretq\n"
		     "1: pushfq\n popq %1\n"
		     "guest_flags_end: nop"
		     : "=m"(guest_flags), "=m"(guest_value) : : "rax", "rcx", "memory");
	GUEST_ASSERT_EQ(guest_flags & X86_EFLAGS_TF, 0);
	GUEST_ASSERT_EQ(guest_value & X86_EFLAGS_TF, 0);
}

static void flags_on_the_stack(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu;

	skip_if_kvm();
	vcpu = start_steps(vm, guest_saves_flags, guest_saves);
	step_until(vcpu, guest_flags_end);
	debug_set(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

extern char guest_enters[], guest_int_behind[], guest_fault[],
	    guest_fault_behind[];

/* The saved RFLAGS.RF holds off breakpoints on the instruction behind it. */
static void guest_skip_ud2(struct guest_regs *regs)
{
	guest_record(regs);
	regs->rip += 2;
}

static void guest_enters_handlers(void)
{
	guest_handlers[0x80] = guest_record;
	guest_handlers[UD_VECTOR] = guest_skip_ud2;
	asm volatile("guest_enters: nop\n"
		     "int $0x80\n"
		     "guest_int_behind: nop\n"
		     "guest_fault: ud2\n nop\n"
		     "guest_fault_behind: nop" : : : "memory");
	GUEST_SYNC(guest_count);
}

/* The handler's first instruction is where a step into it ends. */
static const void *stub(uint8_t vector)
{
	return guest_stubs + vector * GUEST_STUB_BYTES;
}

static void into_handlers(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu;

	skip_if_kvm();
	vcpu = start_steps(vm, guest_enters_handlers, guest_enters);
	step_to(vcpu, stub(0x80));
	debug_set(vcpu, 0);
	breakpoint_set(vcpu, 0, (uintptr_t)guest_int_behind, 0);
	vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(GUEST(vm, guest_seen).rip, (uintptr_t)guest_int_behind);
	ASSERT_EQ(GUEST(vm, guest_seen).rflags & X86_EFLAGS_TF, 0u);
	debug_set(vcpu, KVM_GUESTDBG_SINGLESTEP);
	step_to(vcpu, guest_fault);
	step_to(vcpu, stub(UD_VECTOR));
	debug_set(vcpu, 0);
	breakpoint_set(vcpu, 0, (uintptr_t)guest_fault_behind, 0);
	vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(GUEST(vm, guest_seen).vector, (uint64_t)UD_VECTOR);
	ASSERT_EQ(GUEST(vm, guest_seen).rip, (uintptr_t)guest_fault);
	ASSERT_EQ(GUEST(vm, guest_seen).rflags & X86_EFLAGS_TF, 0u);
	debug_set(vcpu, 0);
	vcpu_run_sync(vcpu, 2);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

extern char guest_call[], guest_syscall_entry[], guest_syscall_behind[];

static void guest_calls(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (uint64_t)SEL_CODE64 << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)guest_syscall_entry);
	wrmsr(MSR_SYSCALL_MASK, X86_EFLAGS_IF);
	asm volatile("guest_call: nop\n syscall\n"
		     "guest_syscall_behind: nop\n jmp 1f\n"
		     "guest_syscall_entry: mov %%r11, %0\n jmp *%%rcx\n 1:"
		     : "=m"(guest_flags) : : "rcx", "r11", "memory");
	GUEST_ASSERT_EQ(guest_flags & X86_EFLAGS_TF, 0);
}

static void into_system_call(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu;

	skip_if_kvm();
	vcpu = start_steps(vm, guest_calls, guest_call);
	step_to(vcpu, guest_syscall_entry);
	step_until(vcpu, guest_syscall_behind);
	debug_set(vcpu, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* A guest that steps itself has its traps beside the debugger's. */
extern char guest_own[], guest_own_first[], guest_own_last[];

static void guest_steps_itself(void)
{
	guest_handlers[DB_VECTOR] = guest_record;
	asm volatile("guest_own: nop\n pushfq\n orq $0x100, (%%rsp)\n popfq\n"
		     "guest_own_first: nop\n"
		     "pushfq\n andq $~0x100, (%%rsp)\n popfq\n"
		     "guest_own_last: nop" : : : "memory", "cc");
	GUEST_SYNC(guest_count);
}

static void guest_steps_too(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu;

	skip_if_kvm();
	vcpu = start_steps(vm, guest_steps_itself, guest_own);
	step_until(vcpu, guest_own_first);
	ASSERT_NE(vcpu_regs(vcpu).rflags & X86_EFLAGS_TF, 0u);
	step_to(vcpu, guest_own_first + 1);
	step_to(vcpu, stub(DB_VECTOR));
	debug_set(vcpu, 0);
	/* Behind NOP, PUSHF, AND and POPF. */
	vcpu_run_sync(vcpu, 4);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* What comes from outside. */

extern char guest_open[], guest_open_1[], guest_open_2[], guest_open_3[];

static void guest_opens(void)
{
	guest_handlers[0x40] = guest_record;
	asm volatile("sti\n nop\n guest_open: nop\n"
		     "guest_open_1: nop\n"
		     "guest_open_2: nop\n"
		     "guest_open_3: nop\n" : : : "memory");
	GUEST_SYNC(guest_count);
	guest_handlers[NMI_VECTOR] = guest_record;
	GUEST_SYNC(guest_count);
}

static void block_interrupts(void)
{
	struct kvm_interrupt irq = { .irq = 0x40 };
	struct vm *vm = vm_create();
	struct vcpu *vcpu = start_steps(vm, guest_opens, guest_open);

	debug_set(vcpu, KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ);
	step_to(vcpu, guest_open_2);
	vcpu_ioctl(vcpu, KVM_INTERRUPT, &irq);
	step_to(vcpu, guest_open_3);
	ASSERT_EQ(GUEST(vm, guest_count), 0u);
	debug_set(vcpu, 0);
	vcpu_run_sync(vcpu, 1);
	vm_destroy(vm);
}

static void step_into_interrupt(void)
{
	struct kvm_interrupt irq = { .irq = 0x40 };
	struct vm *vm = vm_create();
	struct vcpu *vcpu;

	skip_if_kvm();
	vcpu = start_steps(vm, guest_opens, guest_open);
	step_to(vcpu, guest_open_2);
	vcpu_ioctl(vcpu, KVM_INTERRUPT, &irq);
	step_to(vcpu, stub(0x40));
	debug_set(vcpu, 0);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_seen).rflags & X86_EFLAGS_TF, 0u);
	ASSERT_EQ(GUEST(vm, guest_seen).rip, (uintptr_t)guest_open_2);
	vm_destroy(vm);
}

/* Exceptions of the debugger's making. */

static void guest_takes_debug(void)
{
	guest_handlers[DB_VECTOR] = guest_record;
	GUEST_SYNC(1);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(guest_count, 1);
}

static void inject(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_takes_debug);

	vcpu_run_sync(vcpu, 1);
	debug_set(vcpu, KVM_GUESTDBG_INJECT_DB);
	ASSERT_ERRNO(__debug(vcpu, KVM_GUESTDBG_INJECT_DB), EBUSY);
	ASSERT_ERRNO(__debug(vcpu, KVM_GUESTDBG_INJECT_BP), EBUSY);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(GUEST(vm, guest_seen).vector, (uint64_t)DB_VECTOR);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* 16-bit code: INC AX, INT 0x21, and a handler that returns. */
static const uint8_t real_code[] = { 0x40, 0xcd, 0x21, 0xf4 };

static void real_mode(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	/* Segment 0: in another QEMU's emulation ends upon the step's breakpoint. */
	uint16_t vector[2] = { GPA_SNIPPET + 0x100, 0 };
	uint8_t iret = 0xcf;

	vm_copy_in(vm, GPA_SNIPPET, real_code, sizeof(real_code));
	vm_copy_in(vm, GPA_SNIPPET + 0x100, &iret, 1);
	vm_copy_in(vm, 0x21 * 4, vector, sizeof(vector));
	vcpu_set_real_mode(vcpu, GPA_SNIPPET);
	debug_set(vcpu, KVM_GUESTDBG_SINGLESTEP);
	vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(vcpu->run->debug.arch.pc, GPA_SNIPPET + 1);
	if (node_is_lodge()) {
		vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
		ASSERT_EQ(vcpu->run->debug.arch.pc, GPA_SNIPPET + 0x100);
		vcpu_run_to(vcpu, KVM_EXIT_DEBUG);
		ASSERT_EQ(vcpu->run->debug.arch.pc, GPA_SNIPPET + 3);
	}
	debug_set(vcpu, 0);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

static void capabilities(void)
{
	ASSERT_EQ(node_check(KVM_CAP_SET_GUEST_DEBUG), 1);
	ASSERT_EQ(node_check(KVM_CAP_X86_ROBUST_SINGLESTEP), 1);
	ASSERT_EQ(node_check(KVM_CAP_SET_GUEST_DEBUG2),
		  KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP |
		  KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |
		  KVM_GUESTDBG_BLOCKIRQ);
}

static const struct test_case cases[] = {
	{ "capabilities", capabilities },
	{ "software_breakpoint", software_breakpoint },
	{ "software_breakpoint_by_events", software_breakpoint_by_events },
	{ "not_enabled", not_enabled },
	{ "hardware_breakpoints", hardware_breakpoints },
	{ "breakpoints_come_back", breakpoints_come_back },
	{ "access_detection", access_detection },
	{ "single_step", single_step },
	{ "step_over_shadows", step_over_shadows },
	{ "flags_on_the_stack", flags_on_the_stack },
	{ "into_handlers", into_handlers },
	{ "into_system_call", into_system_call },
	{ "guest_steps_too", guest_steps_too },
	{ "block_interrupts", block_interrupts },
	{ "step_into_interrupt", step_into_interrupt },
	{ "inject", inject },
	{ "real_mode", real_mode },
};

TEST_MAIN(cases)
