// SPDX-License-Identifier: GPL-2.0
/*
 * Start-up of application processors by INIT and SIPI, IPIs among four vCPUs,
 * broadcast and lowest-priority delivery, and IPIs to nobody.
 */
#include <string.h>

#include "apic.h"
#include "vcpu.h"

#define NR_VCPUS 4
#define IPI_VECTOR 0x60
#define QUIT_VECTOR 0x61
#define LOWEST_VECTOR 0x71

/*
 * What a start-up IPI runs: 16-bit code at the page of the vector.  Goes through
 * 32-bit mode into 64-bit mode with the tables of the library and calls
 * guest_ap_main() on a stack of its own.
 */
extern char ap_start[], ap_end[], ap_gdt_pointer[], ap_flat[], ap_long[];
asm(".pushsection .text\n"
	".code16\n"
	"ap_start:\n"
	"cli\n"
	"xorw %ax, %ax\n"
	"movw %ax, %ds\n"
	"lgdtl 0x8000 + ap_gdt_pointer - ap_start\n"
	"movl %cr0, %eax\n"
	"orl $1, %eax\n"
	"movl %eax, %cr0\n"
	"ljmpl $0x18, $(0x8000 + ap_flat - ap_start)\n"
	".code32\n"
	"ap_flat:\n"
	"movw $0x10, %ax\n"
	"movw %ax, %ds\n"
	"movw %ax, %es\n"
	"movw %ax, %ss\n"
	"movl %cr4, %eax\n"
	"orl $0x620, %eax\n"
	"movl %eax, %cr4\n"
	"movl $0x20000, %eax\n"
	"movl %eax, %cr3\n"
	"movl $0xc0000080, %ecx\n"
	"rdmsr\n"
	"orl $0x900, %eax\n"
	"wrmsr\n"
	"movl %cr0, %eax\n"
	"orl $0x80010000, %eax\n"
	"movl %eax, %cr0\n"
	"ljmpl $0x08, $(0x8000 + ap_long - ap_start)\n"
	".code64\n"
	"ap_long:\n"
	"movq $guest_ap_stack, %rsp\n"
	"movl $1, %eax\n"
	"cpuid\n"
	"shrl $24, %ebx\n"
	"movl %ebx, %edi\n"
	"incl %ebx\n"
	"shll $13, %ebx\n"
	"addq %rbx, %rsp\n"
	"movq $guest_ap_main, %rax\n"
	"pushq $0\n"
	"jmp *%rax\n"
	".balign 8\n"
	"ap_gdt_pointer:\n"
	".word 0xff\n"
	".long 0x10000\n"
	"ap_end:\n"
	".popsection\n");

_Static_assert(GPA_SNIPPET == 0x8000 && GPA_GDT == 0x10000 && GPA_PML4 == 0x20000 &&
	       SEL_CODE64 == 0x08 && SEL_DATA == 0x10 && SEL_CODE32 == 0x18,
	       "the snippet above spells these out");

uint8_t guest_ap_stack[NR_VCPUS * 8192] __attribute__((aligned(16)));

static volatile uint64_t guest_alive[NR_VCPUS], guest_ipis[NR_VCPUS], guest_stop;

static uint32_t guest_id(void)
{
	return xapic_read(APIC_ID) >> 24;
}

static void guest_on_ipi(struct guest_regs *regs)
{
	guest_ipis[guest_id()]++;
	xapic_eoi();
}

static void guest_on_quit(struct guest_regs *regs)
{
	guest_stop = 1;
	xapic_eoi();
}

/* Started by ap_start only. */
void guest_ap_main(uint64_t id);

void guest_ap_main(uint64_t id)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idt = { 0xfff, GPA_IDT };

	asm volatile("lidt %0" : : "m"(idt));
	xapic_enable(0xff);
	/* Flat logical addressing, which is the mode after reset: a bit for each. */
	xapic_write(APIC_LDR, 1u << (24 + id));
	GUEST_ASSERT_EQ(guest_id(), id);
	guest_alive[id] = 1;
	while (!guest_stop) {
		sti_hlt();
		cli();
	}
	GUEST_DONE();
}

static void guest_start_ap(uint8_t id)
{
	xapic_ipi(id, APIC_DM_INIT | APIC_INT_ASSERT | APIC_INT_LEVEL);
	xapic_ipi(id, APIC_DM_STARTUP | GPA_SNIPPET >> 12);
	while (!guest_alive[id])
		cpu_relax();
}

static void guest_wait_ipis(uint64_t self, uint64_t others)
{
	unsigned int id;

	for (id = 0; id < NR_VCPUS; id++)
		while (guest_ipis[id] != (id ? others : self)) {
			sti_nop_cli();
			cpu_relax();
		}
}

static void guest_setup(void)
{
	guest_handlers[IPI_VECTOR] = guest_on_ipi;
	guest_handlers[QUIT_VECTOR] = guest_on_quit;
	xapic_enable(0xff);
	xapic_write(APIC_LDR, 1u << 24);
	GUEST_ASSERT_EQ(guest_id(), 0);
}

static void guest_quit(void)
{
	xapic_ipi(0, QUIT_VECTOR | APIC_DEST_ALL_BUT | APIC_INT_ASSERT);
}

static void guest_boot_all(void)
{
	unsigned int id;

	guest_setup();
	for (id = 1; id < NR_VCPUS; id++)
		guest_start_ap(id);
	GUEST_ASSERT_EQ(xapic_read(APIC_ICR) & BIT(12), 0);
	/* A second SIPI finds a running processor and is lost. */
	xapic_ipi(1, APIC_DM_STARTUP | 0xff);
	guest_quit();
}

static void run_guest(void (*entry)(void), bool has_all)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpus[NR_VCPUS];
	unsigned int i;

	vm_copy_snippet(vm, GPA_SNIPPET, ap_start, ap_end);
	vcpus[0] = vcpu_add(vm, 0, entry);
	for (i = 1; i < NR_VCPUS && has_all; i++) {
		struct kvm_mp_state state;

		vcpus[i] = vcpu_create(vm, i);
		vcpu_set_supported_cpuid(vcpus[i]);
		vcpu_ioctl(vcpus[i], KVM_GET_MP_STATE, &state);
		ASSERT_EQ(state.mp_state, (uint32_t)KVM_MP_STATE_UNINITIALIZED);
		vcpu_thread_start(vcpus[i]);
	}
	vcpu_run_done(vcpus[0]);
	for (i = 1; i < NR_VCPUS && has_all; i++)
		vcpu_thread_join(vcpus[i]);
	vm_destroy(vm);
}

static void boot_all(void)
{
	run_guest(guest_boot_all, true);
}

static void guest_send_ipis(void)
{
	unsigned int id, i;

	guest_setup();
	for (id = 1; id < NR_VCPUS; id++)
		guest_start_ap(id);

	/* One by one, each waited for, so that none is merged with the next. */
	for (i = 1; i <= 50; i++) {
		for (id = 1; id < NR_VCPUS; id++)
			xapic_ipi(id, IPI_VECTOR | APIC_INT_ASSERT);
		guest_wait_ipis(0, i);
	}
	/* All but self, all, self. */
	xapic_ipi(0, IPI_VECTOR | APIC_DEST_ALL_BUT | APIC_INT_ASSERT);
	guest_wait_ipis(0, 51);
	xapic_ipi(0, IPI_VECTOR | APIC_DEST_ALL | APIC_INT_ASSERT);
	guest_wait_ipis(1, 52);
	xapic_ipi(0, IPI_VECTOR | APIC_DEST_SELF | APIC_INT_ASSERT);
	guest_wait_ipis(2, 52);
	/* Physical broadcast address. */
	xapic_ipi(0xff, IPI_VECTOR | APIC_INT_ASSERT);
	guest_wait_ipis(3, 53);
	/* Logical addressing: vCPUs 1 to 3, then vCPU 0. */
	xapic_ipi(0x0e, IPI_VECTOR | APIC_DEST_LOGICAL | APIC_INT_ASSERT);
	guest_wait_ipis(3, 54);
	xapic_ipi(0x01, IPI_VECTOR | APIC_DEST_LOGICAL | APIC_INT_ASSERT);
	guest_wait_ipis(4, 54);
	/* To an APIC that is not there. */
	xapic_ipi(77, IPI_VECTOR | APIC_INT_ASSERT);
	xapic_ipi(0xf0, IPI_VECTOR | APIC_DEST_LOGICAL | APIC_INT_ASSERT);
	guest_wait_ipis(4, 54);
	guest_quit();
}

static void ipis(void)
{
	run_guest(guest_send_ipis, true);
}

static void guest_alone(void)
{
	guest_setup();
	xapic_ipi(1, APIC_DM_INIT | APIC_INT_ASSERT | APIC_INT_LEVEL);
	xapic_ipi(1, APIC_DM_STARTUP | GPA_SNIPPET >> 12);
	xapic_ipi(0, IPI_VECTOR | APIC_DEST_ALL_BUT | APIC_INT_ASSERT);
	GUEST_ASSERT_EQ(guest_alive[1], 0);
}

static void start_of_missing_vcpu(void)
{
	run_guest(guest_alone, false);
}

static volatile uint64_t guest_lowest;

static void guest_on_lowest(struct guest_regs *regs)
{
	__atomic_add_fetch(&guest_lowest, 1, __ATOMIC_SEQ_CST);
	xapic_eoi();
}

/*
 * Exactly one of the addressed processors takes a lowest-priority interrupt.  In
 * logical mode: a physical broadcast of this kind is not defined.
 */
static void guest_send_lowest(void)
{
	unsigned int id, i;

	guest_setup();
	guest_handlers[LOWEST_VECTOR] = guest_on_lowest;
	for (id = 1; id < NR_VCPUS; id++)
		guest_start_ap(id);
	for (i = 1; i <= 20; i++) {
		xapic_ipi(0x0f, LOWEST_VECTOR | APIC_DM_LOWEST | APIC_DEST_LOGICAL |
				APIC_INT_ASSERT);
		while (guest_lowest < i)
			sti_nop_cli();
	}
	for (i = 0; i < 10; i++)
		sti_nop_cli();
	GUEST_ASSERT_EQ(guest_lowest, 20);
	guest_quit();
}

static void lowest_priority(void)
{
	run_guest(guest_send_lowest, true);
}

/* INIT sends a running processor back to wait for SIPI, with its registers reset. */
static void guest_restart(void)
{
	unsigned int i;

	guest_setup();
	for (i = 0; i < 5; i++) {
		guest_alive[1] = 0;
		guest_start_ap(1);
	}
	guest_start_ap(2);
	guest_start_ap(3);
	guest_quit();
}

static void restart_by_init(void)
{
	run_guest(guest_restart, true);
}

static const struct test_case cases[] = {
	{ "boot_all", boot_all },
	{ "ipis", ipis },
	{ "start_of_missing_vcpu", start_of_missing_vcpu },
	{ "lowest_priority", lowest_priority },
	{ "restart_by_init", restart_by_init },
};

TEST_MAIN(cases)
