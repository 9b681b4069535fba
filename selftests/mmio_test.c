// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_EXIT_MMIO: what the emulator makes of every form of access to memory that
 * no slot backs.  A register file in user space stands behind the address, so
 * the guest checks results and flags, the host widths and order.
 */
#include <string.h>

#include "vcpu.h"

#define FILE_BYTES (2 * PAGE_BYTES)

/* The device: plain bytes.  Values for the guest's checks are at their offsets. */
static uint8_t device[FILE_BYTES];

/* What the host saw, to check widths: one character for an access. */
static char trace[256];
static unsigned int trace_count;

static void serve(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint64_t offset = run->mmio.phys_addr - GPA_MMIO;

	TEST_ASSERT(offset < FILE_BYTES && run->mmio.len >= 1 && run->mmio.len <= 8 &&
		    run->mmio.len <= FILE_BYTES - offset, "%#llx, %u bytes",
		    (unsigned long long)run->mmio.phys_addr, run->mmio.len);
	if (run->mmio.is_write)
		memcpy(device + offset, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, device + offset, run->mmio.len);
	if (trace_count < sizeof(trace) - 1) {
		trace[trace_count++] = (run->mmio.is_write ? 'A' : 'a') + run->mmio.len - 1;
		trace[trace_count] = '\0';
	}
}

/* Run until the guest is done, as the device. */
static void run_device(struct vcpu *vcpu)
{
	struct ucall ucall;

	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason == KVM_EXIT_MMIO) {
			serve(vcpu);
			continue;
		}
		ucall = vcpu_ucall(vcpu);
		if (ucall.command == UCALL_DONE)
			return;
	}
}

static void run_guest(void (*entry)(void))
{
	struct vm *vm = vm_create();
	unsigned int i;

	for (i = 0; i < FILE_BYTES; i++)
		device[i] = i * 3 + 1;
	run_device(vcpu_add(vm, 0, entry));
	vm_destroy(vm);
}

#define MMIO8(offset) (*(volatile uint8_t *)(GPA_MMIO + (offset)))
#define MMIO16(offset) (*(volatile uint16_t *)(GPA_MMIO + (offset)))
#define MMIO32(offset) (*(volatile uint32_t *)(GPA_MMIO + (offset)))
#define MMIO64(offset) (*(volatile uint64_t *)(GPA_MMIO + (offset)))

static void guest_widths(void)
{
	MMIO8(0) = 0x11;
	MMIO16(2) = 0x2222;
	MMIO32(4) = 0x33333333;
	MMIO64(8) = 0x4444444455555555;
	GUEST_ASSERT_EQ(MMIO8(0), 0x11);
	GUEST_ASSERT_EQ(MMIO16(2), 0x2222);
	GUEST_ASSERT_EQ(MMIO32(4), 0x33333333);
	GUEST_ASSERT_EQ(MMIO64(8), 0x4444444455555555);
	/* Not aligned. */
	MMIO32(0x21) = 0xdeadbeef;
	GUEST_ASSERT_EQ(MMIO32(0x21), 0xdeadbeef);
}

static void widths(void)
{
	run_guest(guest_widths);
	TEST_ASSERT(!strcmp(trace, "ABDHabdhDd"), "accesses %s", trace);
	ASSERT_EQ(device[8], 0x55);
	ASSERT_EQ(device[15], 0x44);
	ASSERT_EQ(device[0x21], 0xef);
}

/* Loads: upper parts of the register are kept, zeroed or sign-extended. */
#define LOAD(insn, constraint_init)					\
	({								\
		uint64_t __value = (constraint_init);			\
									\
		asm volatile(insn : "+a"(__value)			\
			     : "b"(GPA_MMIO), "c"(2ull) : "memory");	\
		__value;						\
	})

static void guest_loads(void)
{
	MMIO64(0x10) = 0x8899aabbccddeeffull;
	GUEST_ASSERT_EQ(LOAD("movb 0x10(%%rbx), %%al", ~0ull), ~0ull);
	GUEST_ASSERT_EQ(LOAD("movb 0x10(%%rbx), %%ah", 0ull), 0xff00);
	GUEST_ASSERT_EQ(LOAD("movw 0x10(%%rbx), %%ax", 0x1111111111111111ull),
			0x111111111111eeffull);
	GUEST_ASSERT_EQ(LOAD("movl 0x10(%%rbx), %%eax", ~0ull), 0xccddeeffull);
	GUEST_ASSERT_EQ(LOAD("movq 0x10(%%rbx), %%rax", 0ull), 0x8899aabbccddeeffull);
	GUEST_ASSERT_EQ(LOAD("movzbw 0x10(%%rbx), %%ax", ~0ull), 0xffffffffffff00ffull);
	GUEST_ASSERT_EQ(LOAD("movzbl 0x10(%%rbx), %%eax", ~0ull), 0xff);
	GUEST_ASSERT_EQ(LOAD("movzbq 0x11(%%rbx), %%rax", ~0ull), 0xee);
	GUEST_ASSERT_EQ(LOAD("movzwl 0x10(%%rbx), %%eax", ~0ull), 0xeeff);
	GUEST_ASSERT_EQ(LOAD("movzwq 0x10(%%rbx), %%rax", ~0ull), 0xeeff);
	GUEST_ASSERT_EQ(LOAD("movsbw 0x10(%%rbx), %%ax", 0ull), 0xffff);
	GUEST_ASSERT_EQ(LOAD("movsbl 0x10(%%rbx), %%eax", 0ull), 0xffffffff);
	GUEST_ASSERT_EQ(LOAD("movsbq 0x10(%%rbx), %%rax", 0ull), ~0ull);
	GUEST_ASSERT_EQ(LOAD("movswl 0x10(%%rbx), %%eax", 0ull), 0xffffeeff);
	GUEST_ASSERT_EQ(LOAD("movswq 0x10(%%rbx), %%rax", 0ull), 0xffffffffffffeeffull);
	GUEST_ASSERT_EQ(LOAD("movslq 0x10(%%rbx), %%rax", 0ull), 0xffffffffccddeeffull);
	/* Address forms: index with scale, negative displacement, moffs, RIP-relative. */
	GUEST_ASSERT_EQ(LOAD("movl 8(%%rbx,%%rcx,4), %%eax", ~0ull), 0xccddeeffull);
	GUEST_ASSERT_EQ(LOAD("leaq 0x20(%%rbx), %%rdx; movl -16(%%rdx), %%eax", ~0ull),
			0xccddeeffull);
	GUEST_ASSERT_EQ(LOAD("movabsl 0xd0000010, %%eax", ~0ull), 0xccddeeffull);
	GUEST_ASSERT_EQ(LOAD("movabsb 0xd0000011, %%al", 0ull), 0xee);
}

static void loads(void)
{
	run_guest(guest_loads);
}

static void guest_stores(void)
{
	uint64_t base = GPA_MMIO;

	MMIO64(0x18) = 0;
	asm volatile("movb $0x5a, 0x18(%0)" : : "r"(base) : "memory");
	asm volatile("movw $0x1234, 0x1a(%0)" : : "r"(base) : "memory");
	asm volatile("movl $0x89abcdef, 0x1c(%0)" : : "r"(base) : "memory");
	GUEST_ASSERT_EQ(MMIO64(0x18), 0x89abcdef1234005aull);
	/* A 32-bit immediate is sign-extended to 64. */
	asm volatile("movq $-2, 0x18(%0)" : : "r"(base) : "memory");
	GUEST_ASSERT_EQ(MMIO64(0x18), -2ull);
	asm volatile("movabsl %%eax, 0xd0000018" : : "a"(0x600dcafe) : "memory");
	GUEST_ASSERT_EQ(MMIO32(0x18), 0x600dcafe);
	asm volatile("movb %%ah, 0x18(%0)" : : "r"(base), "a"(0x7700) : "memory");
	GUEST_ASSERT_EQ(MMIO8(0x18), 0x77);
	asm volatile("movb %b1, 0x19(%0)" : : "r"(base), "S"(0x66ull) : "memory");
	GUEST_ASSERT_EQ(MMIO8(0x19), 0x66);
}

static void stores(void)
{
	run_guest(guest_stores);
}

#define FLAGS_CF 1
#define FLAGS_ZF 0x40
#define FLAGS_SF 0x80
#define FLAGS_OF 0x800
#define FLAGS_ALL (FLAGS_CF | FLAGS_ZF | FLAGS_SF | FLAGS_OF)

/* Run one instruction on memory at RBX with RAX and RCX, return flags. */
#define MEMORY_OP(insn, rax)						\
	({								\
		uint64_t __flags;					\
									\
		asm volatile(insn "\n\tpushfq\n\tpopq %0"		\
			     : "=&r"(__flags), "+a"(rax)		\
			     : "b"(GPA_MMIO + 0x40), "c"(5ull)		\
			     : "memory", "cc");				\
		__flags & FLAGS_ALL;					\
	})

static void guest_arithmetic(void)
{
	uint64_t rax = 0x0f0f;
	uint64_t flags;

	MMIO32(0x40) = 0xf0f0;
	GUEST_ASSERT_EQ(MEMORY_OP("orl %%eax, (%%rbx)", rax), 0);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0xffff);
	flags = MEMORY_OP("andl $0, (%%rbx)", rax);
	GUEST_ASSERT_EQ(flags, FLAGS_ZF);
	MMIO32(0x40) = 0xffffffff;
	flags = MEMORY_OP("addl $1, (%%rbx)", rax);
	GUEST_ASSERT_EQ(flags, FLAGS_CF | FLAGS_ZF);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0);
	flags = MEMORY_OP("subl $1, (%%rbx)", rax);
	GUEST_ASSERT_EQ(flags, FLAGS_CF | FLAGS_SF);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0xffffffff);
	MMIO8(0x40) = 0x7f;
	flags = MEMORY_OP("addb $1, (%%rbx)", rax);
	GUEST_ASSERT_EQ(flags, FLAGS_OF | FLAGS_SF);
	MMIO16(0x40) = 0x1234;
	MEMORY_OP("xorw $0xffff, (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO16(0x40), 0xedcb);
	MMIO64(0x40) = 0x100000000ull;
	MEMORY_OP("subq $1, (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO64(0x40), 0xffffffffull);
	MEMORY_OP("incl (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO64(0x40), 0);
	MEMORY_OP("decb (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO64(0x40), 0xff);
	MEMORY_OP("notl (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0xffffff00);
	MEMORY_OP("negl (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0x100);
	MEMORY_OP("stc; adcl $0, (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0x101);
	MEMORY_OP("stc; sbbl $1, (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0xff);
	/* Memory as the source. */
	rax = 1;
	MEMORY_OP("addl (%%rbx), %%eax", rax);
	GUEST_ASSERT_EQ(rax, 0x100);
	rax = 0xf0;
	MEMORY_OP("andb (%%rbx), %%al", rax);
	GUEST_ASSERT_EQ(rax, 0xf0);
}

static void arithmetic(void)
{
	run_guest(guest_arithmetic);
}

static void guest_compare(void)
{
	uint64_t rax = 0x80;

	MMIO64(0x40) = 0x80;
	GUEST_ASSERT_EQ(MEMORY_OP("cmpl $0x80, (%%rbx)", rax), FLAGS_ZF);
	GUEST_ASSERT_EQ(MEMORY_OP("cmpb $0x81, (%%rbx)", rax), FLAGS_CF | FLAGS_SF);
	GUEST_ASSERT_EQ(MEMORY_OP("cmpq %%rax, (%%rbx)", rax), FLAGS_ZF);
	GUEST_ASSERT_EQ(MEMORY_OP("cmpw (%%rbx), %%ax", rax), FLAGS_ZF);
	GUEST_ASSERT_EQ(MEMORY_OP("testb $0x80, (%%rbx)", rax), FLAGS_SF);
	GUEST_ASSERT_EQ(MEMORY_OP("testl $0x7f, (%%rbx)", rax), FLAGS_ZF);
	GUEST_ASSERT_EQ(MEMORY_OP("testl %%eax, (%%rbx)", rax), 0);
	GUEST_ASSERT_EQ(MMIO64(0x40), 0x80);
}

static void compare(void)
{
	run_guest(guest_compare);
	/* Comparisons read and do not write. */
	TEST_ASSERT(!strcmp(trace, "Hdahbaddh"), "accesses %s", trace);
}

static void guest_exchange(void)
{
	uint64_t rax = 0x1111111122222222ull;

	MMIO64(0x40) = 0x3333333344444444ull;
	MEMORY_OP("xchgl %%eax, (%%rbx)", rax);
	GUEST_ASSERT_EQ(rax, 0x44444444);
	GUEST_ASSERT_EQ(MMIO64(0x40), 0x3333333322222222ull);
	MEMORY_OP("xchgb %%al, (%%rbx)", rax);
	GUEST_ASSERT_EQ(rax, 0x44444422);
	/* Compare and exchange: equal, then not. */
	rax = 0x22222244;
	GUEST_ASSERT_EQ(MEMORY_OP("lock cmpxchgl %%ecx, (%%rbx)", rax) & FLAGS_ZF, FLAGS_ZF);
	GUEST_ASSERT_EQ(MMIO32(0x40), 5);
	rax = 77;
	GUEST_ASSERT_EQ(MEMORY_OP("lock cmpxchgl %%ecx, (%%rbx)", rax) & FLAGS_ZF, 0);
	GUEST_ASSERT_EQ(rax, 5);
	MMIO64(0x40) = 0x100;
	rax = 7;
	MEMORY_OP("lock xaddl %%eax, (%%rbx)", rax);
	GUEST_ASSERT_EQ(rax, 0x100);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0x107);
	MEMORY_OP("lock orb $8, (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0x10f);
}

static void exchange(void)
{
	run_guest(guest_exchange);
}

static void guest_bits(void)
{
	uint64_t rax = 0;

	MMIO64(0x40) = 0;
	GUEST_ASSERT_EQ(MEMORY_OP("btsl $4, (%%rbx)", rax) & FLAGS_CF, 0);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0x10);
	GUEST_ASSERT_EQ(MEMORY_OP("btsl $4, (%%rbx)", rax) & FLAGS_CF, FLAGS_CF);
	GUEST_ASSERT_EQ(MEMORY_OP("btl $4, (%%rbx)", rax) & FLAGS_CF, FLAGS_CF);
	GUEST_ASSERT_EQ(MEMORY_OP("btcl $5, (%%rbx)", rax) & FLAGS_CF, 0);
	GUEST_ASSERT_EQ(MEMORY_OP("btrl $4, (%%rbx)", rax) & FLAGS_CF, FLAGS_CF);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0x20);
	/* A bit number in a register reaches beyond the operand. */
	rax = 37;
	GUEST_ASSERT_EQ(MEMORY_OP("btsl %%eax, (%%rbx)", rax) & FLAGS_CF, 0);
	GUEST_ASSERT_EQ(MMIO64(0x40), 0x2000000020ull);
	rax = -1;
	MMIO32(0x3c) = 0;
	MEMORY_OP("btsl %%eax, (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO32(0x3c), 0x80000000);
	/* Shifts. */
	MMIO32(0x40) = 0x81;
	MEMORY_OP("shll $4, (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0x810);
	MEMORY_OP("shrl %%cl, (%%rbx)", rax);
	GUEST_ASSERT_EQ(MMIO32(0x40), 0x40);
}

static void bits(void)
{
	run_guest(guest_bits);
}

static void guest_strings(void)
{
	uint8_t *ram = (uint8_t *)GPA_TEST;
	uint64_t source, target, count;
	unsigned int i;

	for (i = 0; i < 256; i++)
		ram[i] = i ^ 0x5a;
	/* RAM to device, device to RAM, with a width each. */
	source = GPA_TEST;
	target = GPA_MMIO + 0x100;
	count = 16;
	asm volatile("rep movsb" : "+S"(source), "+D"(target), "+c"(count) : : "memory");
	GUEST_ASSERT_EQ(source, GPA_TEST + 16);
	GUEST_ASSERT_EQ(target, GPA_MMIO + 0x110);
	GUEST_ASSERT_EQ(count, 0);
	source = GPA_MMIO + 0x100;
	target = GPA_TEST + 0x200;
	count = 4;
	asm volatile("rep movsl" : "+S"(source), "+D"(target), "+c"(count) : : "memory");
	for (i = 0; i < 16; i++)
		GUEST_ASSERT_EQ(ram[0x200 + i], i ^ 0x5a);
	/* Device to device, backward. */
	source = GPA_MMIO + 0x108;
	target = GPA_MMIO + 0x188;
	count = 2;
	asm volatile("std; rep movsq; cld" : "+S"(source), "+D"(target), "+c"(count)
		     : : "memory");
	GUEST_ASSERT_EQ(source, GPA_MMIO + 0xf8);
	GUEST_ASSERT_EQ(MMIO64(0x188), MMIO64(0x108));
	GUEST_ASSERT_EQ(MMIO64(0x180), MMIO64(0x100));

	target = GPA_MMIO + 0x1c0;
	count = 5;
	asm volatile("rep stosw" : "+D"(target), "+c"(count) : "a"(0xbeef) : "memory");
	GUEST_ASSERT_EQ(target, GPA_MMIO + 0x1ca);
	GUEST_ASSERT_EQ(MMIO64(0x1c0), 0xbeefbeefbeefbeefull);
	GUEST_ASSERT_EQ(MMIO16(0x1c8), 0xbeef);

	source = GPA_MMIO + 0x1c0;
	asm volatile("lodsl" : "+S"(source), "=a"(count) : : "memory");
	GUEST_ASSERT_EQ(count, 0xbeefbeef);
	GUEST_ASSERT_EQ(source, GPA_MMIO + 0x1c4);
}

static void strings(void)
{
	run_guest(guest_strings);
}

static void guest_stack_and_calls(void)
{
	uint64_t value = 0;

	MMIO64(0x60) = 0x12345678;
	asm volatile("pushq 0x60(%1); popq %0" : "=r"(value) : "r"(GPA_MMIO) : "memory");
	GUEST_ASSERT_EQ(value, 0x12345678);
	asm volatile("pushq %1; popq 0x68(%0)" : : "r"(GPA_MMIO), "r"(0x55aaull) : "memory");
	GUEST_ASSERT_EQ(MMIO64(0x68), 0x55aa);
}

static void stack(void)
{
	run_guest(guest_stack_and_calls);
}

static void guest_sse(void)
{
	uint64_t *ram = (uint64_t *)GPA_TEST;

	ram[0] = 0x1122334455667788ull;
	ram[1] = 0x99aabbccddeeff00ull;
	asm volatile("movdqu (%0), %%xmm1\n\t"
		     "movdqu %%xmm1, 0x80(%1)\n\t"
		     "movdqa 0x80(%1), %%xmm2\n\t"
		     "movups %%xmm2, 16(%0)\n\t"
		     "movaps %%xmm2, 0x90(%1)\n\t"
		     "movups 0x90(%1), %%xmm3\n\t"
		     "movdqu %%xmm3, 32(%0)"
		     : : "r"(ram), "r"(GPA_MMIO) : "memory");
	GUEST_ASSERT_EQ(MMIO64(0x80), ram[0]);
	GUEST_ASSERT_EQ(MMIO64(0x88), ram[1]);
	GUEST_ASSERT_EQ(ram[2], ram[0]);
	GUEST_ASSERT_EQ(ram[3], ram[1]);
	GUEST_ASSERT_EQ(ram[4], ram[0]);
	GUEST_ASSERT_EQ(ram[5], ram[1]);
}

static void sse(void)
{
	run_guest(guest_sse);
}

static void guest_cross_page(void)
{
	MMIO32(0xffe) = 0xa1b2c3d4;
	GUEST_ASSERT_EQ(MMIO32(0xffe), 0xa1b2c3d4);
	MMIO64(0xffd) = 0x1020304050607080ull;
	GUEST_ASSERT_EQ(MMIO64(0xffd), 0x1020304050607080ull);
}

static void cross_page(void)
{
	run_guest(guest_cross_page);
	ASSERT_EQ(device[0xffd], 0x80);
	ASSERT_EQ(device[0x1000], 0x50);
	ASSERT_EQ(device[0x1004], 0x10);
}

/* An access that begins in RAM and ends in the device, and the other way round. */
#define EDGE_GPA 0x20000000ull

static void guest_half_backed(void)
{
	*(volatile uint32_t *)(EDGE_GPA + PAGE_BYTES - 2) = 0x44332211;
	GUEST_ASSERT_EQ(*(volatile uint32_t *)(EDGE_GPA + PAGE_BYTES - 2), 0x66552211);
}

static void half_backed(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_half_backed);
	uint8_t *memory = host_alloc(PAGE_BYTES);

	vm_set_slot(vm, 1, 0, EDGE_GPA, PAGE_BYTES, memory);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, EDGE_GPA + PAGE_BYTES);
	ASSERT_EQ(vcpu->run->mmio.len, 2u);
	ASSERT_EQ(vcpu->run->mmio.is_write, 1);
	ASSERT_EQ(vcpu->run->mmio.data[0], 0x33);
	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.is_write, 0);
	ASSERT_EQ(memory[PAGE_BYTES - 2], 0x11);
	ASSERT_EQ(memory[PAGE_BYTES - 1], 0x22);
	vcpu->run->mmio.data[0] = 0x55;
	vcpu->run->mmio.data[1] = 0x66;
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* The read completes at the next KVM_RUN; until then RIP stays. */
static void guest_read_once(void)
{
	uint64_t value = LOAD("movl 0x10(%%rbx), %%eax", 0ull);

	GUEST_ASSERT_EQ(value, 0x600d);
}

static void completion(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_once);
	uint32_t value = 0x600d;
	uint64_t rip;

	vcpu_run_to(vcpu, KVM_EXIT_MMIO);
	rip = vcpu_regs(vcpu).rip;
	memcpy(vcpu->run->mmio.data, &value, 4);
	vcpu->run->immediate_exit = 1;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	ASSERT_EQ(vcpu_regs(vcpu).rip, rip + 3);
	ASSERT_EQ(vcpu_regs(vcpu).rax, 0x600du);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void hostile_kvm_run(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_strings);
	unsigned int i;

	for (i = 0; i < 40; i++) {
		(void)__vcpu_run(vcpu);
		if (vcpu->run->exit_reason != KVM_EXIT_MMIO)
			break;
		vcpu->run->mmio.len = 0xffffffff;
		vcpu->run->mmio.phys_addr = ~0ull;
		vcpu->run->mmio.is_write ^= 1;
	}
	vm_destroy(vm);
	run_guest(guest_widths);
}

static const struct test_case cases[] = {
	{ "widths", widths },
	{ "loads", loads },
	{ "stores", stores },
	{ "arithmetic", arithmetic },
	{ "compare", compare },
	{ "exchange", exchange },
	{ "bits", bits },
	{ "strings", strings },
	{ "stack", stack },
	{ "sse", sse },
	{ "cross_page", cross_page },
	{ "half_backed", half_backed },
	{ "completion", completion },
	{ "hostile_kvm_run", hostile_kvm_run },
};

TEST_MAIN(cases)
