// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own page tables: small and large pages, and page faults that reach
 * the guest with the right error code and CR2; NX, WP, SMEP, SMAP.  Reserved-bit
 * faults are left out: QEMU's emulation gives them a wrong error code.
 */
#include <string.h>

#include "vcpu.h"

/* GVA range of the test, mapped by a table of small pages to GPA_TEST. */
#define TEST_GVA 0x40000000ull

static uint64_t *test_table;

static uint64_t entry_of(unsigned int page, uint64_t flags)
{
	return (GPA_TEST + page * PAGE_BYTES) | flags;
}

/* Replaces the large page at TEST_GVA by small ones that lead to GPA_TEST. */
static void map_test_range(struct vm *vm)
{
	unsigned int i;

	test_table = vm_split_large_page(vm, TEST_GVA);
	for (i = 0; i < 512; i++)
		test_table[i] = entry_of(i, PTE_PRESENT | PTE_WRITE);
}

static void guest_expect(uint64_t vector, uint64_t gva, uint64_t error)
{
	GUEST_ASSERT_EQ(guest_recovery.vector, vector);
	GUEST_ASSERT_EQ(guest_recovery.cr2, gva);
	GUEST_ASSERT_EQ(guest_recovery.error, error);
}

static void guest_try_read(uint64_t gva)
{
	asm volatile(GUEST_TRY("movb (%0), %%al") : : "r"(gva) : "rax", "r11", "memory");
}

static void guest_try_write(uint64_t gva)
{
	asm volatile(GUEST_TRY("movb $1, (%0)") : : "r"(gva) : "r11", "memory");
}

static void guest_try_call(uint64_t gva)
{
	uint64_t rsp;

	/* The return address of the call that faults has to come off again. */
	asm volatile("movq %%rsp, %0\n\t"
		     GUEST_TRY("call *%1")
		     "movq %0, %%rsp"
		     : "=&r"(rsp) : "r"(gva) : "rax", "r11", "memory");
}

static void guest_translations(void)
{
	volatile uint64_t *small = (uint64_t *)TEST_GVA;
	volatile uint64_t *direct = (uint64_t *)GPA_TEST;

	small[0] = 0x1111;
	GUEST_ASSERT_EQ(direct[0], 0x1111);
	/* Page 1 leads to page 5. */
	small[512] = 0x5555;
	GUEST_ASSERT_EQ(direct[5 * 512], 0x5555);
	/* A word across two pages that lie apart. */
	*(volatile uint32_t *)(TEST_GVA + PAGE_BYTES - 2) = 0x44332211;
	GUEST_ASSERT_EQ(*(volatile uint16_t *)(GPA_TEST + PAGE_BYTES - 2), 0x2211);
	GUEST_ASSERT_EQ(*(volatile uint16_t *)(GPA_TEST + 5 * PAGE_BYTES), 0x4433);
	/* The host changes an entry; INVLPG makes it count. */
	GUEST_SYNC(1);
	invlpg(TEST_GVA + PAGE_BYTES);
	small[512] = 0x6666;
	GUEST_ASSERT_EQ(direct[6 * 512], 0x6666);
	GUEST_SYNC(2);
	write_cr3(read_cr3());
	small[512] = 0x7777;
	GUEST_ASSERT_EQ(direct[7 * 512], 0x7777);
}

static void translations(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_translations);

	map_test_range(vm);
	test_table[1] = entry_of(5, PTE_PRESENT | PTE_WRITE);
	vcpu_run_sync(vcpu, 1);
	/* Accessed and dirty bits are the CPU's work. */
	ASSERT_EQ(test_table[1] & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
	ASSERT_EQ(test_table[3] & (PTE_ACCESSED | PTE_DIRTY), 0u);
	test_table[1] = entry_of(6, PTE_PRESENT | PTE_WRITE);
	vcpu_run_sync(vcpu, 2);
	test_table[1] = entry_of(7, PTE_PRESENT | PTE_WRITE);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_basic_faults(void)
{
	guest_try_read(TEST_GVA + 0x2123);
	guest_expect(PF_VECTOR, TEST_GVA + 0x2123, 0);
	guest_try_write(TEST_GVA + 0x2123);
	guest_expect(PF_VECTOR, TEST_GVA + 0x2123, PFERR_WRITE);
	guest_try_call(TEST_GVA + 0x2000);
	guest_expect(PF_VECTOR, TEST_GVA + 0x2000, PFERR_FETCH);
	/* No entry at the top level. */
	guest_try_read(0x0000700000000000ull);
	guest_expect(PF_VECTOR, 0x0000700000000000ull, 0);
	/* Read-only. */
	guest_try_read(TEST_GVA + 0x3008);
	GUEST_ASSERT_EQ(guest_recovery.vector, GUEST_NO_TRAP);
	guest_try_write(TEST_GVA + 0x3008);
	guest_expect(PF_VECTOR, TEST_GVA + 0x3008, PFERR_PRESENT | PFERR_WRITE);
	write_cr0(read_cr0() & ~X86_CR0_WP);
	guest_try_write(TEST_GVA + 0x3008);
	GUEST_ASSERT_EQ(guest_recovery.vector, GUEST_NO_TRAP);
	write_cr0(read_cr0() | X86_CR0_WP);
	guest_try_write(TEST_GVA + 0x3010);
	guest_expect(PF_VECTOR, TEST_GVA + 0x3010, PFERR_PRESENT | PFERR_WRITE);
	/* No execute. */
	guest_try_read(TEST_GVA + 0x4000);
	GUEST_ASSERT_EQ(guest_recovery.vector, GUEST_NO_TRAP);
	guest_try_call(TEST_GVA + 0x4000);
	guest_expect(PF_VECTOR, TEST_GVA + 0x4000, PFERR_PRESENT | PFERR_FETCH);
	/* The second page of an access that begins well. */
	asm volatile(GUEST_TRY("movl $1, (%0)") : : "r"(TEST_GVA + 0x1ffe) : "r11", "memory");
	guest_expect(PF_VECTOR, TEST_GVA + 0x2000, PFERR_WRITE);
	/* Executable code does run. */
	guest_try_call(TEST_GVA + 0x5000);
	GUEST_ASSERT_EQ(guest_recovery.vector, GUEST_NO_TRAP);
}

static void faults(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_basic_faults);

	map_test_range(vm);
	test_table[2] = entry_of(2, 0);
	test_table[3] = entry_of(3, PTE_PRESENT);
	test_table[4] = entry_of(4, PTE_PRESENT | PTE_NX);
	/* RET */
	*(uint8_t *)vm_hva(vm, GPA_TEST + 4 * PAGE_BYTES, 1) = 0xc3;
	*(uint8_t *)vm_hva(vm, GPA_TEST + 5 * PAGE_BYTES, 1) = 0xc3;
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Every level's entries carry the user bit for TEST_GVA here. */
static void allow_user(struct vm *vm)
{
	uint64_t *pml4 = vm_hva(vm, GPA_PML4, PAGE_BYTES);
	uint64_t *pdpt = vm_hva(vm, GPA_PDPT, PAGE_BYTES);
	uint64_t *pd = vm_hva(vm, GPA_PD, 4 * PAGE_BYTES);

	pml4[0] |= PTE_USER;
	pdpt[TEST_GVA >> 30] |= PTE_USER;
	pd[TEST_GVA / LARGE_PAGE_BYTES] |= PTE_USER;
}

static void guest_smep_smap(uint64_t has_smep, uint64_t has_smap)
{
	guest_try_call(TEST_GVA + 0x6000);
	GUEST_ASSERT_EQ(guest_recovery.vector, GUEST_NO_TRAP);
	if (has_smep) {
		write_cr4(read_cr4() | X86_CR4_SMEP);
		guest_try_call(TEST_GVA + 0x6000);
		guest_expect(PF_VECTOR, TEST_GVA + 0x6000, PFERR_PRESENT | PFERR_FETCH);
		write_cr4(read_cr4() & ~X86_CR4_SMEP);
		guest_try_call(TEST_GVA + 0x6000);
		GUEST_ASSERT_EQ(guest_recovery.vector, GUEST_NO_TRAP);
	}
	if (has_smap) {
		write_cr4(read_cr4() | X86_CR4_SMAP);
		guest_try_read(TEST_GVA + 0x6000);
		guest_expect(PF_VECTOR, TEST_GVA + 0x6000, PFERR_PRESENT);
		asm volatile("stac" : : : "memory");
		guest_try_read(TEST_GVA + 0x6000);
		GUEST_ASSERT_EQ(guest_recovery.vector, GUEST_NO_TRAP);
		asm volatile("clac" : : : "memory");
		guest_try_write(TEST_GVA + 0x6000);
		guest_expect(PF_VECTOR, TEST_GVA + 0x6000, PFERR_PRESENT | PFERR_WRITE);
		write_cr4(read_cr4() & ~X86_CR4_SMAP);
	}
}

static void supervisor_protection(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_smep_smap);

	if (!CPUID_HAS_SMEP() && !CPUID_HAS_SMAP())
		test_skip("neither SMEP nor SMAP is offered");
	map_test_range(vm);
	allow_user(vm);
	test_table[6] = entry_of(6, PTE_PRESENT | PTE_WRITE | PTE_USER);
	*(uint8_t *)vm_hva(vm, GPA_TEST + 6 * PAGE_BYTES, 1) = 0xc3;
	vcpu_set_arg(vcpu, 0, CPUID_HAS_SMEP());
	vcpu_set_arg(vcpu, 1, CPUID_HAS_SMAP());
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/*
 * User code: at TEST_GVA + 0x7000, reads what RBX points to, then INT 0x80.  The
 * faults of CPL 3 carry the user bit.
 */
extern char user_code[], user_code_end[];
asm(".pushsection .text\n"
	"user_code:\n"
	"movb (%rbx), %al\n"
	"1: int $0x80\n"
	"jmp 1b\n"
	"user_code_end:\n"
	".popsection\n");

static volatile uint64_t guest_user_vector, guest_user_error, guest_user_cr2;

static void guest_back_from_user(struct guest_regs *regs)
{
	guest_user_vector = regs->vector;
	guest_user_error = regs->error;
	guest_user_cr2 = read_cr2();
	GUEST_ASSERT_EQ(regs->cs, SEL_USER_CODE64);
	GUEST_DONE();
}

static void guest_enter_user(uint64_t target)
{
	guest_handlers[PF_VECTOR] = guest_back_from_user;
	guest_handlers[0x80] = guest_back_from_user;
	guest_handlers[GP_VECTOR] = guest_back_from_user;
	/* INT 0x80 needs a gate of DPL 3. */
	*(volatile uint8_t *)(GPA_IDT + 0x80 * 16 + 5) |= 0x60;
	asm volatile("pushq %0; pushq %1; pushq $2; pushq %2; pushq %3; iretq"
		     : : "r"((uint64_t)SEL_USER_DATA), "r"(TEST_GVA + 0x8800),
		       "r"((uint64_t)SEL_USER_CODE64), "r"(TEST_GVA + 0x7000), "b"(target)
		     : "memory");
}

static void run_user(uint64_t target, uint64_t vector, uint64_t error)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_enter_user);
	uint64_t stack = vm_alloc_pages(vm, 1) + PAGE_BYTES;

	map_test_range(vm);
	allow_user(vm);
	test_table[7] = entry_of(7, PTE_PRESENT | PTE_USER);
	test_table[8] = entry_of(8, PTE_PRESENT | PTE_WRITE | PTE_USER);
	vm_copy_snippet(vm, GPA_TEST + 7 * PAGE_BYTES, user_code, user_code_end);
	/* RSP0 of the TSS. */
	vm_copy_in(vm, GPA_TSS + 4, &stack, sizeof(stack));
	vcpu_set_arg(vcpu, 0, target);
	vcpu_run_done(vcpu);
	ASSERT_EQ(GUEST(vm, guest_user_vector), vector);
	if (vector == PF_VECTOR) {
		ASSERT_EQ(GUEST(vm, guest_user_error), error);
		ASSERT_EQ(GUEST(vm, guest_user_cr2), target);
	}
	vm_destroy(vm);
}

static void user_mode(void)
{
	run_user(TEST_GVA + 0x8000, 0x80, 0);
	run_user(TEST_GVA + 0x1000, PF_VECTOR, PFERR_PRESENT | PFERR_USER);
	run_user(0x0000700000000000ull, PF_VECTOR, PFERR_USER);
	run_user(GPA_TEST, PF_VECTOR, PFERR_PRESENT | PFERR_USER);
}

/* MMIO through page tables that forbid it is a page fault, not an exit. */
static void guest_mmio_faults(void)
{
	guest_try_write(TEST_GVA + 0x9000);
	guest_expect(PF_VECTOR, TEST_GVA + 0x9000, PFERR_PRESENT | PFERR_WRITE);
	guest_try_write(TEST_GVA + 0xa000);
	GUEST_ASSERT_EQ(guest_recovery.vector, GUEST_NO_TRAP);
	/* An emulated instruction whose other operand faults. */
	asm volatile(GUEST_TRY("movsb")
		     : : "S"(TEST_GVA + 0xb000), "D"(TEST_GVA + 0xa000) : "r11", "memory");
	guest_expect(PF_VECTOR, TEST_GVA + 0xb000, 0);
	/* And the other way round: the source is the device, the target not writable. */
	asm volatile(GUEST_TRY("movsb")
		     : : "S"(TEST_GVA + 0xa000), "D"(TEST_GVA + 0xc000) : "r11", "memory");
	guest_expect(PF_VECTOR, TEST_GVA + 0xc000, PFERR_PRESENT | PFERR_WRITE);
}

static void mmio_behind_page_tables(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_mmio_faults);
	struct ucall ucall;
	unsigned int writes = 0;

	map_test_range(vm);
	test_table[9] = GPA_MMIO | PTE_PRESENT;
	test_table[10] = GPA_MMIO | PTE_PRESENT | PTE_WRITE;
	test_table[11] = 0;
	test_table[12] = entry_of(12, PTE_PRESENT);
	for (;;) {
		vcpu_run(vcpu);
		if (vcpu_is_ucall(vcpu, &ucall))
			break;
		ASSERT_EXIT(vcpu, KVM_EXIT_MMIO);
		ASSERT_EQ(vcpu->run->mmio.phys_addr, GPA_MMIO);
		writes += vcpu->run->mmio.is_write;
	}
	ASSERT_EQ(vcpu_ucall(vcpu).command, (uint64_t)UCALL_DONE);
	ASSERT_EQ(writes, 1u);
	vm_destroy(vm);
}

/* 32-bit guests: PAE tables and the two-level kind with 4 MiB pages. */
extern char flat_paging[], flat_paging_end[];
asm(".pushsection .text\n"
	".code32\n"
	"flat_paging:\n"
	"movl %ebx, %cr4\n"
	"movl %esi, %cr3\n"
	"movl %cr0, %eax\n"
	"orl $0x80000000, %eax\n"
	"movl %eax, %cr0\n"
	"movl $0x40000000, %edi\n"
	"movl $0xabcd1234, (%edi)\n"
	"movl 0xc00000, %eax\n"
	"outl %eax, $0x10\n"
    /* A device access, to have the emulator walk these tables too. */
	"movl $0xd0000000, %edi\n"
	"movl %eax, 4(%edi)\n"
	"movl 8(%edi), %eax\n"
	"outl %eax, $0x10\n"
	"hlt\n"
	"flat_paging_end:\n"
	".code64\n"
	".popsection\n");

static void run_flat(struct vm *vm, uint64_t cr3, uint64_t cr4)
{
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_regs regs;
	uint32_t value;

	vm_copy_snippet(vm, GPA_SNIPPET, flat_paging, flat_paging_end);
	vcpu_set_flat_mode(vcpu, GPA_SNIPPET);
	regs = vcpu_regs(vcpu);
	regs.rbx = cr4;
	regs.rsi = cr3;
	vcpu_set_regs(vcpu, &regs);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	memcpy(&value, (uint8_t *)vcpu->run + vcpu->run->io.data_offset, 4);
	ASSERT_EQ(value, 0xabcd1234u);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, GPA_MMIO + 4);
	ASSERT_EQ(vcpu->run->mmio.is_write, 1);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	value = 0x77665544;
	memcpy(vcpu->run->mmio.data, &value, 4);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	memcpy(&value, (uint8_t *)vcpu->run + vcpu->run->io.data_offset, 4);
	ASSERT_EQ(value, 0x77665544u);
	vcpu_run_to(vcpu, KVM_EXIT_HLT);
	vm_destroy(vm);
}

static void pae_tables(void)
{
	struct vm *vm = vm_create();
	uint64_t *pdpt = vm_hva(vm, GPA_PDPT, PAGE_BYTES);
	unsigned int i;

	map_test_range(vm);
	/* PAE's top level has four entries without write and user bits. */
	for (i = 0; i < 4; i++)
		pdpt[i] &= ~PTE_WRITE;
	run_flat(vm, GPA_PDPT, X86_CR4_PAE);
}

static void two_level_tables(void)
{
	struct vm *vm = vm_create();
	uint64_t directory = vm_alloc_pages(vm, 1), table = vm_alloc_pages(vm, 1);
	uint32_t *entries = vm_hva(vm, directory, PAGE_BYTES);
	uint32_t *small = vm_hva(vm, table, PAGE_BYTES);
	unsigned int i;

	for (i = 0; i < 1024; i++) {
		entries[i] = i << 22 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
		small[i] = (GPA_TEST + i * PAGE_BYTES) | PTE_PRESENT | PTE_WRITE;
	}
	entries[TEST_GVA >> 22] = table | PTE_PRESENT | PTE_WRITE;
	run_flat(vm, directory, X86_CR4_PSE);
}

static const struct test_case cases[] = {
	{ "translations", translations },
	{ "faults", faults },
	{ "supervisor_protection", supervisor_protection },
	{ "user_mode", user_mode },
	{ "mmio_behind_page_tables", mmio_behind_page_tables },
	{ "pae_tables", pae_tables },
	{ "two_level_tables", two_level_tables },
};

TEST_MAIN(cases)
