// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions that the guest raises itself reach its own handlers with the right
 * vector, error code and RIP; double fault; triple fault as KVM_EXIT_SHUTDOWN.
 * Page faults have a test of their own, paging_test.
 */
#include <string.h>

#include "vcpu.h"

static void guest_faults(void)
{
	uint64_t zero = 0, scratch = 1;

	asm volatile(GUEST_TRY("divq %1") : "+a"(scratch) : "r"(zero) : "rdx", "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, DE_VECTOR);
	GUEST_ASSERT_EQ(guest_recovery.error, 0);

	asm volatile(GUEST_TRY("ud2") : : : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, UD_VECTOR);
	GUEST_ASSERT_EQ(*(uint16_t *)guest_recovery.fault_rip, 0x0b0f);

	/* A selector beyond the GDT's limit is the error code, without its RPL. */
	asm volatile(GUEST_TRY("mov %0, %%ds") : : "r"(0x5553) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);
	GUEST_ASSERT_EQ(guest_recovery.error, 0x5550);

	asm volatile(GUEST_TRY("movb $1, (%0)") : : "r"(0x8000000000000000ull) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);
	GUEST_ASSERT_EQ(guest_recovery.error, 0);

	asm volatile(GUEST_TRY("mov %0, %%cr4") : : "r"(read_cr4() | BIT(15)) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);

	asm volatile(GUEST_TRY("mov %0, %%cr0") : : "r"(read_cr0() & ~X86_CR0_PE)
		     : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);

	asm volatile(GUEST_TRY("mov %0, %%cr8") : : "r"(16ull) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);

	/* A NULL code selector cannot be returned to. */
	asm volatile(GUEST_TRY("pushq $0; pushq $0; lretq") : : : "r11", "memory", "cc");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);
	GUEST_DONE();
}

static void faults(void)
{
	vm_run_guest(guest_faults);
}

static struct guest_regs guest_seen;

static void guest_record(struct guest_regs *regs)
{
	guest_seen.vector = regs->vector;
	guest_seen.error = regs->error;
	guest_seen.rip = regs->rip;
	guest_seen.rflags = regs->rflags;
}

/* Traps push the address behind the instruction, faults its own. */
static void guest_software_events(void)
{
	uint64_t behind;

	guest_handlers[BP_VECTOR] = guest_record;
	guest_handlers[0x80] = guest_record;
	guest_handlers[0xfe] = guest_record;

	asm volatile("leaq 1f(%%rip), %0; int3; 1:" : "=&r"(behind) : : "memory");
	GUEST_ASSERT_EQ(guest_seen.vector, BP_VECTOR);
	GUEST_ASSERT_EQ(guest_seen.rip, behind);

	asm volatile("leaq 1f(%%rip), %0; int $0x80; 1:" : "=&r"(behind) : : "memory");
	GUEST_ASSERT_EQ(guest_seen.vector, 0x80);
	GUEST_ASSERT_EQ(guest_seen.rip, behind);

	asm volatile("leaq 1f(%%rip), %0; int $0xfe; 1:" : "=&r"(behind) : : "memory");
	GUEST_ASSERT_EQ(guest_seen.vector, 0xfe);
	GUEST_ASSERT_EQ(guest_seen.rip, behind);
}

static void software_events(void)
{
	vm_run_guest(guest_software_events);
}

/* INTO exists in 32-bit code only: OF set traps, OF clear does not. */
extern char flat_into[], flat_into_handler[], flat_into_end[];
asm(".pushsection .text\n"
	".code32\n"
	"flat_into:\n"
	"xorl %ecx, %ecx\n"
	"xorl %eax, %eax\n"
	"into\n"
	"movb $0x7f, %al\n"
	"addb $1, %al\n"
	"into\n"
	"movl %ecx, %eax\n"
	"outl %eax, $0x10\n"
	"hlt\n"
	".balign 16\n"
	"flat_into_handler:\n"
	"incl %ecx\n"
	"iretl\n"
	"flat_into_end:\n"
	".code64\n"
	".popsection\n");

static void overflow_trap(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	uint64_t handler = GPA_SNIPPET + (flat_into_handler - flat_into);
	uint64_t *idt = vm_hva(vm, GPA_TEST, PAGE_BYTES);
	struct kvm_sregs sregs;
	uint32_t count;

	vm_copy_snippet(vm, GPA_SNIPPET, flat_into, flat_into_end);
	vcpu_set_flat_mode(vcpu, GPA_SNIPPET);
	/* A 32-bit interrupt gate for vector 4. */
	idt[OF_VECTOR] = (handler & 0xffff) | SEL_CODE32 << 16 | 0x8eull << 40 |
			 (handler >> 16) << 48;
	sregs = vcpu_sregs(vcpu);
	sregs.idt.base = GPA_TEST;
	vcpu_set_sregs(vcpu, &sregs);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	memcpy(&count, (uint8_t *)vcpu->run + vcpu->run->io.data_offset, 4);
	ASSERT_EQ(count, 1u);
	vm_destroy(vm);
}

static volatile uint64_t guest_steps[16], guest_step_count;

static void guest_step(struct guest_regs *regs)
{
	if (guest_step_count < 16)
		guest_steps[guest_step_count] = regs->rip;
	guest_step_count++;
}

extern char step_1[], step_2[], step_3[], step_4[];

static void guest_single_step(void)
{
	guest_handlers[DB_VECTOR] = guest_step;
	asm volatile("pushfq\n"
		     "orq $0x100, (%%rsp)\n"
		     "popfq\n"
		     "nop\n"
		     "step_1: movq %%rax, %%rcx\n"
		     "step_2: cpuid\n"
		     "step_3: pushfq\n"
		     "andq $~0x100, (%%rsp)\n"
		     "step_4: popfq\n"
		     : : : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	/* One trap behind each instruction; CPUID is carried out by the hypervisor. */
	GUEST_ASSERT_EQ(guest_steps[0], (uintptr_t)step_1);
	GUEST_ASSERT_EQ(guest_steps[1], (uintptr_t)step_2);
	GUEST_ASSERT_EQ(guest_steps[2], (uintptr_t)step_3);
	GUEST_ASSERT_EQ(guest_steps[4], (uintptr_t)step_4);
	GUEST_ASSERT(guest_step_count == 5 || guest_step_count == 6);
}

static void single_step(void)
{
	vm_run_guest(guest_single_step);
}

extern char branch_1[], branch_2[];

/*
 * DEBUGCTL.BTF lets steps end behind branches only, and goes with the first #DB. Emulated
 * CPUs may step by instruction all the same; CPUID is the hypervisor's.
 */
static void guest_step_by_branch(void)
{
	uint64_t i;

	guest_handlers[DB_VECTOR] = guest_step;
	wrmsr(MSR_IA32_DEBUGCTL, BIT(1));
	GUEST_ASSERT_EQ(rdmsr(MSR_IA32_DEBUGCTL), BIT(1));
	asm volatile("xorl %%eax, %%eax\n"
		     "xorl %%ecx, %%ecx\n"
		     "pushfq\n"
		     "orq $0x100, (%%rsp)\n"
		     "popfq\n"
		     "cpuid\n"
		     "branch_1: jmp 1f\n"
		     "1: nop\n"
		     "branch_2: pushfq\n"
		     "andq $~0x100, (%%rsp)\n"
		     "popfq\n"
		     : : : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	for (i = 0; i < 16; i++)
		GUEST_ASSERT(guest_steps[i] != (uintptr_t)branch_1);
	GUEST_ASSERT(guest_step_count);
	GUEST_ASSERT_EQ(rdmsr(MSR_IA32_DEBUGCTL), 0);
}

static void step_by_branch(void)
{
	vm_run_guest(guest_step_by_branch);
}

extern char shadow_1[], shadow_2[], shadow_3[];

/*
 * STI holds off interrupts for one instruction but no trap, MOV SS both: a trap is taken while
 * a shadow lies on the guest, or is lost in one. QEMU's emulation loses the one behind STI, too.
 */
static void guest_step_in_shadow(void)
{
	uint64_t i, found = 0;

	guest_handlers[DB_VECTOR] = guest_step;
	asm volatile("movl %%ss, %%eax\n"
		     "cli\n"
		     "pushfq\n"
		     "orq $0x100, (%%rsp)\n"
		     "popfq\n"
		     "sti\n"
		     "shadow_1: nop\n"
		     "movl %%eax, %%ss\n"
		     "nop\n"
		     "shadow_2: cli\n"
		     "movl %%eax, %%ss\n"
		     "cpuid\n"
		     "shadow_3: pushfq\n"
		     "andq $~0x100, (%%rsp)\n"
		     "popfq\n"
		     : : : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	GUEST_ASSERT(guest_steps[0] == (uintptr_t)shadow_1 ||
		     guest_steps[0] == (uintptr_t)shadow_1 + 1);
	for (i = 0; i < 16; i++) {
		if (guest_steps[i] == (uintptr_t)shadow_2 || guest_steps[i] == (uintptr_t)shadow_3)
			found++;
	}
	GUEST_ASSERT_EQ(found, 2);
}

static void step_in_shadow(void)
{
	vm_run_guest(guest_step_in_shadow);
}

extern char int1_1[], int1_2[];

/* INT1 raises #DB, as a trap, and is no single step; with a shadow that ends with it, or not. */
static void guest_int1(void)
{
	guest_handlers[DB_VECTOR] = guest_step;
	asm volatile(".byte 0xf1\n"
		     "int1_1: movl %%ss, %%eax\n"
		     "pushfq\n"
		     "orq $0x100, (%%rsp)\n"
		     "popfq\n"
		     "movl %%eax, %%ss\n"
		     ".byte 0xf1\n"
		     "int1_2: pushfq\n"
		     "andq $~0x100, (%%rsp)\n"
		     "popfq\n"
		     : : : "rax", "memory", "cc");
	GUEST_ASSERT_EQ(guest_steps[0], (uintptr_t)int1_1);
	GUEST_ASSERT_EQ(guest_steps[1], (uintptr_t)int1_2);
}

static void int1(void)
{
	const struct kvm_cpuid_entry2 *name = cpuid_find(node_supported_cpuid(), 0, 0);
	struct vm *vm = vm_create();

	/* "Auth": AuthenticAMD */
	if (name->ebx == 0x68747541)
		test_skip("QEMU's emulation takes INT1 for a breakpoint of its own debugger");
	vcpu_run_done(vcpu_add(vm, 0, guest_int1));
	vm_destroy(vm);
}

static volatile uint64_t guest_double_faults;

static void guest_on_double_fault(struct guest_regs *regs)
{
	guest_double_faults++;
	GUEST_ASSERT_EQ(regs->error, 0);
	GUEST_DONE();
}

static void guest_double_fault(void)
{
	guest_handlers[DF_VECTOR] = guest_on_double_fault;
	/*
	 * One #GP that is delivered: then all that a delivery touches is mapped, and
	 * the two below meet in the CPU. A nested fault in the middle of a delivery has
	 * the hypervisor inject the #GP, and an emulated CPU then loses the first fault.
	 */
	asm volatile(GUEST_TRY("movb $1, (%0)") : : "r"(0x8000000000000000ull) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, GP_VECTOR);
	/* The #GP's own gate is not present: a contributory fault on top of another. */
	*(volatile uint64_t *)(GPA_IDT + GP_VECTOR * 16) &= ~(1ull << 47);
	asm volatile("movb $1, (%0)" : : "r"(0x8000000000000000ull) : "memory");
}

static void double_fault(void)
{
	struct vm *vm = vm_create();

	vcpu_run_done(vcpu_add(vm, 0, guest_double_fault));
	ASSERT_EQ(GUEST(vm, guest_double_faults), 1u);
	vm_destroy(vm);
}

static void guest_triple_fault(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idt = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m"(idt) : "memory");
}

static void triple_fault(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_triple_fault);
	struct vm *next;

	vcpu_run_to(vcpu, KVM_EXIT_SHUTDOWN);
	vm_destroy(vm);
	next = vm_create();
	vcpu_run_done(vcpu_add(next, 0, guest_return));
	vm_destroy(next);
}

static void triple_fault_with_irqchip(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_triple_fault);

	vcpu_run_to(vcpu, KVM_EXIT_SHUTDOWN);
	vm_destroy(vm);
}

/* An exception inside a handler, at depth, returns through every level. */
static volatile uint64_t guest_depth;

static void guest_nest(struct guest_regs *regs)
{
	if (++guest_depth < 8)
		asm volatile("int3" : : : "memory");
}

static void guest_nested(void)
{
	guest_handlers[BP_VECTOR] = guest_nest;
	asm volatile("int3" : : : "memory");
	GUEST_ASSERT_EQ(guest_depth, 8);
}

static void nested_exceptions(void)
{
	vm_run_guest(guest_nested);
}

static const struct test_case cases[] = {
	{ "faults", faults },
	{ "software_events", software_events },
	{ "overflow_trap", overflow_trap },
	{ "single_step", single_step },
	{ "step_by_branch", step_by_branch },
	{ "step_in_shadow", step_in_shadow },
	{ "int1", int1 },
	{ "double_fault", double_fault },
	{ "triple_fault", triple_fault },
	{ "triple_fault_with_irqchip", triple_fault_with_irqchip },
	{ "nested_exceptions", nested_exceptions },
};

TEST_MAIN(cases)
