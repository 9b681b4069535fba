// SPDX-License-Identifier: GPL-2.0
/*
 * Exits that are handled in the kernel, of the CPU itself: instructions that a
 * hypervisor watches.  A figure of a few ticks says that this one does not.
 */
#include "bench.h"

/* The vendor's own instruction: KVM rewrites the other's, which would be measured only once. */
#define VMCALL ".byte 0x0f, 0x01, 0xc1"
#define VMMCALL ".byte 0x0f, 0x01, 0xd9"
#define HYPERCALL_POLL_IRQ 1

static volatile uint64_t wanted;

static void guest_cpuid(void)
{
	uint32_t regs[4];

	GUEST_LOOP(, cpuid(1, 0, regs), regs[1] >> 31);
}

static void cpuid_exit(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_cpuid);

	/* An APIC id that the CPU itself has not. */
	vcpu_set_cpuid_bit(vcpu, 1, 0, CPUID_EBX, 31);
	bench_guest(vcpu, 0);
	vm_destroy(vm);
}

static void guest_rdmsr(void)
{
	uint64_t value;

	GUEST_LOOP(, value = rdmsr(MSR_IA32_MISC_ENABLE), value == wanted);
}

static void rdmsr_exit(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_rdmsr);

	GUEST(vm, wanted) = vcpu_get_msr(vcpu, MSR_IA32_MISC_ENABLE);
	bench_guest(vcpu, 0);
	vm_destroy(vm);
}

static void guest_wrmsr(void)
{
	GUEST_LOOP(, wrmsr(MSR_IA32_MISC_ENABLE, wanted), true);
}

static void wrmsr_exit(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wrmsr);
	uint64_t value = vcpu_get_msr(vcpu, MSR_IA32_MISC_ENABLE) ^ BIT(0);

	GUEST(vm, wanted) = value;
	bench_guest(vcpu, 0);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_IA32_MISC_ENABLE), value);
	vm_destroy(vm);
}

static void guest_vmcall(void)
{
	int64_t value;

	GUEST_LOOP(,
		   asm volatile(VMCALL : "=a"(value) : "a"(HYPERCALL_POLL_IRQ) : "memory"),
		   !value);
}

static void guest_vmmcall(void)
{
	int64_t value;

	GUEST_LOOP(,
		   asm volatile(VMMCALL : "=a"(value) : "a"(HYPERCALL_POLL_IRQ) : "memory"),
		   !value);
}

static void hypercall(void)
{
	bool is_amd = cpuid_find(node_supported_cpuid(), 0, 0)->ecx == 0x444d4163;

	bench_guest_code(is_amd ? guest_vmmcall : guest_vmcall, 0);
}

static void guest_cr0_read(void)
{
	uint64_t value;

	GUEST_LOOP(, value = read_cr0(), value & X86_CR0_PG);
}

static void cr0_read(void)
{
	bench_guest_code(guest_cr0_read, 0);
}

static void guest_cr0_write(void)
{
	uint64_t value = read_cr0();

	/* Not TS or MP, which a CPU may let pass. */
	GUEST_LOOP(, value ^= X86_CR0_AM; write_cr0(value), read_cr0() == value);
}

static void cr0_write(void)
{
	bench_guest_code(guest_cr0_write, 0);
}

static void guest_cr3_write(void)
{
	uint64_t value = read_cr3();

	GUEST_LOOP(, write_cr3(value), read_cr3() == value);
}

static void cr3_write(void)
{
	bench_guest_code(guest_cr3_write, 0);
}

static void guest_cr4_write(void)
{
	uint64_t value = read_cr4();

	GUEST_LOOP(, value ^= X86_CR4_PGE; write_cr4(value), read_cr4() == value);
}

static void cr4_write(void)
{
	bench_guest_code(guest_cr4_write, 0);
}

static void guest_cr8_write(void)
{
	uint64_t value = 0;

	GUEST_LOOP(, value ^= 5; write_cr8(value), read_cr8() == value);
}

static void cr8_write(void)
{
	bench_guest_code_with_irqchip(guest_cr8_write);
}

static void guest_cr8_read(void)
{
	uint64_t value;

	write_cr8(7);
	GUEST_LOOP(, value = read_cr8(), value == 7);
}

static void cr8_read(void)
{
	bench_guest_code_with_irqchip(guest_cr8_read);
}

static void guest_dr7_write(void)
{
	uint64_t value = 0x400;

	/* A breakpoint that is not reached, on and off. */
	asm volatile("mov %0, %%dr0" : : "r"(0x1000ull));
	GUEST_LOOP(,
		   value ^= 3; asm volatile("mov %0, %%dr7" : : "r"(value) : "memory"),
		   true);
}

static void dr7_write(void)
{
	bench_guest_code(guest_dr7_write, 0);
}

static void guest_dr_read(void)
{
	uint64_t value;

	asm volatile("mov %0, %%dr1" : : "r"(0x1234ull));
	GUEST_LOOP(, asm volatile("mov %%dr1, %0" : "=r"(value) : : "memory"), value == 0x1234);
}

static void dr_read(void)
{
	bench_guest_code(guest_dr_read, 0);
}

static void guest_pause(void)
{
	GUEST_LOOP(, cpu_relax(), true);
}

static void pause_loop(void)
{
	bench_guest_code(guest_pause, 0);
}

static void guest_invlpg(void)
{
	GUEST_LOOP(, invlpg(GPA_TEST), true);
}

static void invlpg_plain(void)
{
	bench_guest_code(guest_invlpg, 0);
}

static void guest_wbinvd(void)
{
	GUEST_LOOP(, asm volatile("wbinvd" : : : "memory"), true);
}

static void wbinvd(void)
{
	bench_guest_code(guest_wbinvd, 0);
}

static const struct test_case cases[] = {
	{ "cpuid", cpuid_exit },
	{ "rdmsr", rdmsr_exit },
	{ "wrmsr", wrmsr_exit },
	{ "hypercall", hypercall },
	{ "cr0_read", cr0_read },
	{ "cr0_write", cr0_write },
	{ "cr3_write", cr3_write },
	{ "cr4_write", cr4_write },
	{ "cr8_read", cr8_read },
	{ "cr8_write", cr8_write },
	{ "dr_read", dr_read },
	{ "dr7_write", dr7_write },
	{ "pause", pause_loop },
	{ "invlpg", invlpg_plain },
	{ "wbinvd", wbinvd },
};

const struct figures exit_figures = { cases, ARRAY_SIZE(cases) };
