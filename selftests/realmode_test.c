// SPDX-License-Identifier: GPL-2.0
/*
 * 16-bit real mode and the way out of it: arithmetic, segments, string
 * instructions, software interrupts through the IVT, HLT, and real -> protected
 * -> long mode and back.
 */
#include <string.h>

#include "vcpu.h"

#define PORT 0x510

static uint32_t io_value(struct vcpu *vcpu)
{
	uint32_t value = 0;

	memcpy(&value, (uint8_t *)vcpu->run + vcpu->run->io.data_offset, vcpu->run->io.size);
	return value;
}

static void expect_out(struct vcpu *vcpu, uint16_t port, uint32_t value)
{
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	if (vcpu->run->io.port == port && io_value(vcpu) == value)
		return;
	vcpu_describe(vcpu);
	TEST_FAIL("port %#x value %#x instead of %#x, %#x", vcpu->run->io.port, io_value(vcpu),
		  port, value);
}

static struct vcpu *real_mode_vcpu(struct vm *vm, const char *start, const char *end)
{
	struct vcpu *vcpu = vcpu_create(vm, 0);

	vcpu_set_supported_cpuid(vcpu);
	vm_copy_snippet(vm, GPA_SNIPPET, start, end);
	vcpu_set_real_mode(vcpu, GPA_SNIPPET);
	return vcpu;
}

extern char real_arithmetic[], real_arithmetic_end[];
asm(".pushsection .text\n"
	".code16\n"
	"real_arithmetic:\n"
	"movw $0x510, %dx\n"
	"movw $0x1234, %ax\n"
	"addw $0x1111, %ax\n"
	"outw %ax, %dx\n"
    /* Operand-size and address-size prefixes. */
	"movl $0x12345678, %eax\n"
	"roll $8, %eax\n"
	"outl %eax, %dx\n"
    /* A segment register shifts by four. */
	"movw $0x3000, %ax\n"
	"movw %ax, %es\n"
	"movw $0xbeef, %es:(0x10)\n"
	"xorw %ax, %ax\n"
	"movw %ax, %ds\n"
	"movl $0x30010, %ebx\n"
	"addr32 movw (%ebx), %ax\n"
	"outw %ax, %dx\n"
	"pushw $0x77\n"
	"popw %ax\n"
	"outb %al, %dx\n"
	"hlt\n"
	"real_arithmetic_end:\n"
	".code64\n"
	".popsection\n");

static void arithmetic(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = real_mode_vcpu(vm, real_arithmetic, real_arithmetic_end);
	struct kvm_sregs sregs = vcpu_sregs(vcpu);

	/* Unreal: the limit of DS lets 32-bit addresses through. */
	sregs.ds.limit = 0xffffffff;
	sregs.ds.g = 1;
	vcpu_set_sregs(vcpu, &sregs);
	expect_out(vcpu, PORT, 0x2345);
	expect_out(vcpu, PORT, 0x34567812);
	expect_out(vcpu, PORT, 0xbeef);
	expect_out(vcpu, PORT, 0x77);
	ASSERT_EQ(*(uint16_t *)vm_hva(vm, 0x30010, 2), 0xbeef);
	ASSERT_EQ(vcpu_sregs(vcpu).es.base, 0x30000u);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

extern char real_strings[], real_strings_end[];
asm(".pushsection .text\n"
	".code16\n"
	"real_strings:\n"
	"cld\n"
	"movw $0x3000, %ax\n"
	"movw %ax, %ds\n"
	"movw $0x4000, %ax\n"
	"movw %ax, %es\n"
	"xorw %si, %si\n"
	"xorw %di, %di\n"
	"movw $64, %cx\n"
	"rep movsb\n"
	"movw $0x510, %dx\n"
	"movw %di, %ax\n"
	"outw %ax, %dx\n"
	"xorw %si, %si\n"
	"movw $16, %cx\n"
	"rep outsb\n"
	"movw %si, %ax\n"
	"outw %ax, %dx\n"
	"movw $0x100, %di\n"
	"movw $4, %cx\n"
	"rep insw\n"
	"movw %di, %ax\n"
	"outw %ax, %dx\n"
	"std\n"
	"movw $15, %si\n"
	"movw $4, %cx\n"
	"rep outsb\n"
	"cld\n"
	"hlt\n"
	"real_strings_end:\n"
	".code64\n"
	".popsection\n");

/* A REP may come as one exit or several; collect @bytes of it. */
static void collect_string(struct vcpu *vcpu, uint8_t *wire, unsigned int bytes, bool is_in)
{
	unsigned int done = 0;

	while (done < bytes) {
		struct kvm_run *run = vcpu->run;
		uint8_t *data = (uint8_t *)run;
		unsigned int part;

		vcpu_run_to(vcpu, KVM_EXIT_IO);
		data += run->io.data_offset;
		part = run->io.size * run->io.count;
		TEST_ASSERT(part <= bytes - done, "%u bytes", part);
		if (is_in)
			memcpy(data, wire + done, part);
		else
			memcpy(wire + done, data, part);
		done += part;
	}
}

static void strings(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = real_mode_vcpu(vm, real_strings, real_strings_end);
	uint8_t *source = vm_hva(vm, 0x30000, 64), wire[16], i;

	for (i = 0; i < 64; i++)
		source[i] = i + 100;
	expect_out(vcpu, PORT, 64);
	ASSERT_EQ(memcmp(source, vm_hva(vm, 0x40000, 64), 64), 0);
	collect_string(vcpu, wire, 16, false);
	ASSERT_EQ(memcmp(wire, source, 16), 0);
	expect_out(vcpu, PORT, 16);
	for (i = 0; i < 8; i++)
		wire[i] = 0xe0 + i;
	collect_string(vcpu, wire, 8, true);
	expect_out(vcpu, PORT, 0x108);
	ASSERT_EQ(memcmp(wire, vm_hva(vm, 0x40100, 8), 8), 0);
	collect_string(vcpu, wire, 4, false);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(wire[i], 115 - i);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

extern char real_interrupts[], real_interrupts_handler[], real_interrupts_end[];
asm(".pushsection .text\n"
	".code16\n"
	"real_interrupts:\n"
	"movw $0x510, %dx\n"
	"xorl %ecx, %ecx\n"
	"sti\n"
	"int $0x21\n"
	"movw %cx, %ax\n"
	"outw %ax, %dx\n"
	"int3\n"
	"movw %cx, %ax\n"
	"outw %ax, %dx\n"
	"xorw %bx, %bx\n"
	"cli\n"
	"pushfw\n"
	"popw %ax\n"
	"outw %ax, %dx\n"
	"sti\n"
	"hlt\n"
	"movw %cx, %ax\n"
	"outw %ax, %dx\n"
	"hlt\n"
	"real_interrupts_handler:\n"
	"incw %cx\n"
	"iretw\n"
	"real_interrupts_end:\n"
	".code64\n"
	".popsection\n");

static void interrupts(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = real_mode_vcpu(vm, real_interrupts, real_interrupts_end);
	uint32_t handler = GPA_SNIPPET + (real_interrupts_handler - real_interrupts);
	uint32_t *ivt = vm_hva(vm, 0, 1024);
	struct kvm_interrupt interrupt = { .irq = 0x33 };

	ivt[0x21] = handler;
	ivt[BP_VECTOR] = handler;
	ivt[0x33] = handler;
	expect_out(vcpu, PORT, 1);
	expect_out(vcpu, PORT, 2);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(io_value(vcpu) & X86_EFLAGS_IF, 0u);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 1);
	vcpu_ioctl(vcpu, KVM_INTERRUPT, &interrupt);
	expect_out(vcpu, PORT, 3);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

extern char mode_real[], mode_flat[], mode_long[], mode_back[], mode_real_again[];
extern char mode_compat[], mode_compat_pointer[], mode_gdt_pointer[], mode_end[];
asm(".pushsection .text\n"
	".code16\n"
	"mode_real:\n"
	"movw $1, %ax\n"
	"outw %ax, $0x10\n"
	"xorw %ax, %ax\n"
	"movw %ax, %ds\n"
	"lgdtl 0x8000 + mode_gdt_pointer - mode_real\n"
	"movl %cr0, %eax\n"
	"orl $1, %eax\n"
	"movl %eax, %cr0\n"
	"ljmpl $0x18, $(0x8000 + mode_flat - mode_real)\n"
	".code32\n"
	"mode_flat:\n"
	"movw $0x10, %ax\n"
	"movw %ax, %ds\n"
	"movw %ax, %es\n"
	"movw %ax, %ss\n"
	"movl $0x7000, %esp\n"
	"movw $2, %ax\n"
	"outw %ax, $0x10\n"
	"movl %cr4, %eax\n"
	"orl $0x20, %eax\n"
	"movl %eax, %cr4\n"
	"movl $0x20000, %eax\n"
	"movl %eax, %cr3\n"
	"movl $0xc0000080, %ecx\n"
	"rdmsr\n"
	"orl $0x100, %eax\n"
	"wrmsr\n"
	"movl %cr0, %eax\n"
	"orl $0x80000000, %eax\n"
	"movl %eax, %cr0\n"
    /* Compatibility mode until the far jump: LMA is set, CS.L is not. */
	"movw $3, %ax\n"
	"outw %ax, $0x10\n"
	"ljmpl $0x08, $(0x8000 + mode_long - mode_real)\n"
	".code64\n"
	"mode_long:\n"
	"movq $0x123456789abcdef0, %rbx\n"
	"shrq $32, %rbx\n"
	"movl %ebx, %eax\n"
	"outl %eax, $0x10\n"
	"ljmpl *(0x8000 + mode_compat_pointer - mode_real)\n"
	".code32\n"
	"mode_compat:\n"
	"movl %cr0, %eax\n"
	"andl $0x7fffffff, %eax\n"
	"movl %eax, %cr0\n"
	"movl $0xc0000080, %ecx\n"
	"rdmsr\n"
	"andl $~0x100, %eax\n"
	"wrmsr\n"
	"movw $5, %ax\n"
	"outw %ax, $0x10\n"
	"movw $0x28, %ax\n"
	"movw %ax, %ds\n"
	"movw %ax, %ss\n"
	"ljmpl $0x20, $(0x8000 + mode_back - mode_real)\n"
	".code16\n"
	"mode_back:\n"
	"movl %cr0, %eax\n"
	"andl $~1, %eax\n"
	"movl %eax, %cr0\n"
	"ljmpw $0, $(0x8000 + mode_real_again - mode_real)\n"
	"mode_real_again:\n"
	"movw $6, %ax\n"
	"outw %ax, $0x10\n"
	"hlt\n"
	".balign 8\n"
	"mode_compat_pointer:\n"
	".long 0x8000 + mode_compat - mode_real\n"
	".word 0x18\n"
	"mode_gdt_pointer:\n"
	".word 0xff\n"
	".long 0x10000\n"
	"mode_end:\n"
	".code64\n"
	".popsection\n");

_Static_assert(GPA_SNIPPET == 0x8000 && GPA_GDT == 0x10000 && GPA_PML4 == 0x20000,
	       "the snippets above spell these out");

static void switch_modes(unsigned int tss_type)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = real_mode_vcpu(vm, mode_real, mode_end);
	struct kvm_sregs sregs = vcpu_sregs(vcpu);

	sregs.tr.type = tss_type;
	vcpu_set_sregs(vcpu, &sregs);
	expect_out(vcpu, 0x10, 1);
	ASSERT_EQ(vcpu_sregs(vcpu).cr0 & X86_CR0_PE, 0u);
	expect_out(vcpu, 0x10, 2);
	sregs = vcpu_sregs(vcpu);
	ASSERT_EQ(sregs.cr0 & (X86_CR0_PE | X86_CR0_PG), X86_CR0_PE);
	ASSERT_EQ(sregs.cs.selector, SEL_CODE32);
	ASSERT_EQ(sregs.cs.db, 1);
	expect_out(vcpu, 0x10, 3);
	sregs = vcpu_sregs(vcpu);
	ASSERT_EQ(sregs.efer, EFER_LME | EFER_LMA);
	ASSERT_EQ(sregs.cs.l, 0);
	expect_out(vcpu, 0x10, 0x12345678);
	ASSERT_EQ(vcpu_sregs(vcpu).cs.l, 1);
	expect_out(vcpu, 0x10, 5);
	ASSERT_EQ(vcpu_sregs(vcpu).efer, 0u);
	expect_out(vcpu, 0x10, 6);
	sregs = vcpu_sregs(vcpu);
	ASSERT_EQ(sregs.cr0 & (X86_CR0_PE | X86_CR0_PG), 0u);
	ASSERT_EQ(sregs.cs.base, 0u);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

static void mode_switches(void)
{
	switch_modes(11);
}

/* Long mode knows 64-bit TSSs only, but nothing reloads TR on the way into it. */
static void mode_switches_with_16_bit_tss(void)
{
	switch_modes(3);
}

/* A new vCPU, untouched, starts at the reset vector, in ROM at the top of 4 GiB. */
extern char reset_code[], reset_code_end[];
asm(".pushsection .text\n"
	".code16\n"
	"reset_code:\n"
	"movw %cs, %ax\n"
	"outw %ax, $0x10\n"
	"hlt\n"
	"reset_code_end:\n"
	".code64\n"
	".popsection\n");

static void reset_vector(void)
{
	struct vm *vm = vm_create_bare();
	uint8_t *rom = host_alloc(0x10000);
	struct vcpu *vcpu;

	memcpy(rom + 0xfff0, reset_code, reset_code_end - reset_code);
	vm_set_slot(vm, 1, KVM_MEM_READONLY, 0xffff0000, 0x10000, rom);
	vcpu = vcpu_create(vm, 0);
	expect_out(vcpu, 0x10, 0xf000);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

/* MMIO from 16-bit code: the emulator works with segments there. */
extern char real_mmio[], real_mmio_end[];
asm(".pushsection .text\n"
	".code16\n"
	"real_mmio:\n"
	"movl $0xd0000010, %ebx\n"
	"movw $0xabcd, %ax\n"
	"addr32 movw %ax, (%ebx)\n"
	"addr32 movl 4(%ebx), %eax\n"
	"outl %eax, $0x10\n"
	"addr32 movb $0x5a, 1(%ebx)\n"
	"hlt\n"
	"real_mmio_end:\n"
	".code64\n"
	".popsection\n");

static void mmio(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = real_mode_vcpu(vm, real_mmio, real_mmio_end);
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	const struct kvm_run *run = vcpu->run;

	sregs.ds.limit = 0xffffffff;
	sregs.ds.g = 1;
	vcpu_set_sregs(vcpu, &sregs);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, GPA_MMIO + 0x10);
	ASSERT_EQ(run->mmio.len, 2u);
	ASSERT_EQ(run->mmio.is_write, 1);
	ASSERT_EQ(run->mmio.data[0], 0xcd);
	ASSERT_EQ(run->mmio.data[1], 0xab);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, GPA_MMIO + 0x14);
	ASSERT_EQ(run->mmio.len, 4u);
	ASSERT_EQ(run->mmio.is_write, 0);
	memcpy(vcpu->run->mmio.data, "\x44\x33\x22\x11", 4);
	expect_out(vcpu, 0x10, 0x11223344);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.len, 1u);
	ASSERT_EQ(run->mmio.data[0], 0x5a);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "arithmetic", arithmetic },
	{ "strings", strings },
	{ "interrupts", interrupts },
	{ "mode_switches", mode_switches },
	{ "mode_switches_with_16_bit_tss", mode_switches_with_16_bit_tss },
	{ "reset_vector", reset_vector },
	{ "mmio", mmio },
};

TEST_MAIN(cases)
