// SPDX-License-Identifier: GPL-2.0
/*
 * An event whose IDT, stack or handler, in all combinations, nested paging does not map: it is
 * mapped while the event is on its way, by an exit in the middle of the delivery or at the
 * handler's first fetch. The handler is entered once, with the right frame.
 */
#include <string.h>

#include "vcpu.h"

#define COLD_GPA	0x10000000ull
#define COLD_IDT	COLD_GPA
#define COLD_STACK_TOP	(COLD_GPA + 2 * PAGE_BYTES)
#define COLD_CODE	(COLD_GPA + 2 * PAGE_BYTES)
/* One slot for each page. */
#define COLD_SLOT	5
#define COLD_PAGES	3
/* Of the first stack of the interrupt stack table in a TSS. */
#define TSS_IST1	0x24

#define ROUNDS		BIT(COLD_PAGES)

/* Not static: the handlers name them. */
extern volatile uint64_t cold_count, cold_rip, cold_error, cold_skip;
volatile uint64_t cold_count, cold_rip, cold_error, cold_skip;

extern char cold_handlers[], cold_handler_error[], cold_handlers_end[];
asm(".pushsection .text\n"
	"cold_handlers:\n"
	"incq cold_count\n"
	"pushq %rax\n"
	"movq 8(%rsp), %rax\n"
	"movq %rax, cold_rip\n"
	"movq cold_skip, %rax\n"
	"addq %rax, 8(%rsp)\n"
	"popq %rax\n"
	"iretq\n"
	"cold_handler_error:\n"
	"popq cold_error\n"
	"jmp cold_handlers\n"
	"cold_handlers_end:\n"
	".popsection\n");

struct cold {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *memory;
};

/* The slot of a page; without @bytes, none. */
static void set_page(struct cold *cold, unsigned int i, uint64_t bytes)
{
	vm_set_slot(cold->vm, COLD_SLOT + i, 0, COLD_GPA + i * PAGE_BYTES, bytes,
		    cold->memory + i * PAGE_BYTES);
}

/* Take the mapping of the pages in @mask away. */
static void make_cold(struct cold *cold, unsigned int mask)
{
	unsigned int i;

	for (i = 0; i < COLD_PAGES; i++) {
		if (!(mask & BIT(i)))
			continue;
		set_page(cold, i, 0);
		set_page(cold, i, PAGE_BYTES);
	}
}

static void set_gate(struct cold *cold, unsigned int vector, uint64_t handler)
{
	uint64_t *gate = (uint64_t *)cold->memory + 2 * vector;

	gate[0] = (handler & 0xffff) | SEL_CODE64 << 16 | 0x8e01ull << 32 |
		  (handler & 0xffff0000) << 32;
	gate[1] = handler >> 32;
}

static struct cold cold_create(void (*entry)(void))
{
	struct cold cold = { .vm = vm_create(), .memory = host_alloc(COLD_PAGES * PAGE_BYTES) };
	struct kvm_sregs sregs;
	unsigned int i;

	cold.vcpu = vcpu_add(cold.vm, 0, entry);
	memcpy(cold.memory + 2 * PAGE_BYTES, cold_handlers, cold_handlers_end - cold_handlers);
	for (i = 0; i < 256; i++)
		set_gate(&cold, i, COLD_CODE);
	set_gate(&cold, GP_VECTOR, COLD_CODE + (cold_handler_error - cold_handlers));
	memcpy((uint8_t *)vm_hva(cold.vm, GPA_TSS, 256) + TSS_IST1,
	       &(uint64_t){ COLD_STACK_TOP }, 8);
	for (i = 0; i < COLD_PAGES; i++)
		set_page(&cold, i, PAGE_BYTES);
	sregs = vcpu_sregs(cold.vcpu);
	sregs.idt.base = COLD_IDT;
	sregs.idt.limit = PAGE_BYTES - 1;
	vcpu_set_sregs(cold.vcpu, &sregs);
	return cold;
}

/* @text is one instruction, of which the handler skips @skip bytes. */
#define RAISE(text, skip, rip)							\
	do {									\
		cold_skip = (skip);						\
		asm volatile("leaq 1f(%%rip), %0; 1: " text : "=&r"(rip)		\
			     : : "rax", "memory", "cc");				\
	} while (0)

static void guest_raise(void)
{
	uint64_t i, rip;

	for (i = 0; i < ROUNDS; i++) {
		GUEST_SYNC(3 * i);
		RAISE("ud2", 2, rip);
		GUEST_ASSERT_EQ(cold_count, 3 * i + 1);
		GUEST_ASSERT_EQ(cold_rip, rip);
		GUEST_SYNC(3 * i + 1);
		RAISE("int $0x80", 0, rip);
		GUEST_ASSERT_EQ(cold_count, 3 * i + 2);
		GUEST_ASSERT_EQ(cold_rip, rip + 2);
		GUEST_SYNC(3 * i + 2);
		/* A selector beyond the GDT. */
		cold_skip = 2;
		asm volatile("mov %%eax, %%fs" : : "a"(0x5550) : "memory");
		GUEST_ASSERT_EQ(cold_count, 3 * i + 3);
		GUEST_ASSERT_EQ(cold_error, 0x5550);
	}
}

static void exceptions(void)
{
	struct cold cold = cold_create(guest_raise);
	unsigned int i;

	for (i = 0; i < 3 * ROUNDS; i++) {
		vcpu_run_sync(cold.vcpu, i);
		make_cold(&cold, i / 3);
	}
	vcpu_run_done(cold.vcpu);
	vm_destroy(cold.vm);
}

static void guest_wait(void)
{
	uint64_t i;

	cold_skip = 0;
	sti();
	for (i = 0; i < ROUNDS; i++) {
		GUEST_SYNC(i);
		GUEST_ASSERT_EQ(cold_count, i + 1);
	}
}

static void interrupts(void)
{
	struct cold cold = cold_create(guest_wait);
	struct kvm_interrupt interrupt = { .irq = 0x41 };
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		vcpu_run_sync(cold.vcpu, i);
		make_cold(&cold, i);
		ASSERT_EQ(__vcpu_ioctl(cold.vcpu, KVM_INTERRUPT, &interrupt), 0);
	}
	vcpu_run_done(cold.vcpu);
	vm_destroy(cold.vm);
}

static void nmis(void)
{
	struct cold cold = cold_create(guest_wait);
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		vcpu_run_sync(cold.vcpu, i);
		make_cold(&cold, i);
		ASSERT_EQ(__vcpu_ioctl(cold.vcpu, KVM_NMI, NULL), 0);
	}
	vcpu_run_done(cold.vcpu);
	vm_destroy(cold.vm);
}

static const struct test_case cases[] = {
	{ "exceptions", exceptions },
	{ "interrupts", interrupts },
	{ "nmis", nmis },
};

TEST_MAIN(cases)
