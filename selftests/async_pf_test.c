// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous page faults: while a page is away (here: userfaultfd withholds it) the guest is
 * told so and goes on; when it is there, an interrupt says that. And whatever ends meanwhile:
 * slot, VM, process.
 */
#include <linux/userfaultfd.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apic.h"
#include "pv.h"
#include "vcpu.h"

#define VECTOR 0x60
#define LINE_VECTOR 0x50
#define LINE_GSI 5

#define AREA_GPA (GPA_TEST + 0x80)
#define AREA ((volatile struct kvm_vcpu_pv_apf_data *)AREA_GPA)
#define CODE_GPA (GPA_TEST + 0x1000)
#define STACK_GPA (GPA_TEST + 0x3000)
#define KERNEL_STACK_GPA (GPA_TEST + 0x4000)

#define SLOT 1
#define SLOT_GPA 0x20000000ull
#define PAGES 8u
#define SLOT_BYTES (PAGES * PAGE_BYTES)

#define ENABLED (KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT)
#define TOKEN_ALL 0xffffffffu

static volatile uint32_t guest_ready[2 * PAGES];
static volatile uint64_t guest_nr_ready, guest_lines, guest_vector, guest_cs;
static volatile uint32_t guest_token;
static volatile bool guest_is_there;

/* Host side: memory that is not there until it is given. */

struct away {
	int fd;
	uint8_t *memory;
};

static struct away away_create(struct vm *vm)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct away away;

	away.fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (away.fd < 0)
		test_skip("no userfaultfd: %s", strerror(errno));
	away.memory = host_alloc(SLOT_BYTES);
	TEST_ASSERT(!madvise(away.memory, SLOT_BYTES, MADV_NOHUGEPAGE), "madvise");
	fd_ioctl(away.fd, UFFDIO_API, &api);
	range.range.start = (uintptr_t)away.memory;
	range.range.len = SLOT_BYTES;
	fd_ioctl(away.fd, UFFDIO_REGISTER, &range);
	vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, away.memory);
	return away;
}

/* The page's first word is its number plus one. */
static void away_give(const struct away *away, unsigned int page)
{
	static uint64_t content[PAGE_BYTES / 8] __attribute__((aligned(PAGE_BYTES)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)away->memory + page * PAGE_BYTES,
		.src = (uintptr_t)content,
		.len = PAGE_BYTES,
	};

	content[0] = page + 1;
	fd_ioctl(away->fd, UFFDIO_COPY, &copy);
}

static struct vm *create(struct vcpu **vcpu, void (*entry)(void))
{
	struct vm *vm = vm_create_with_irqchip();

	REQUIRE_PV(ASYNC_PF);
	REQUIRE_PV(ASYNC_PF_INT);
	*vcpu = vcpu_add(vm, 0, entry);
	return vm;
}

/* Guest side. */

static void guest_take_ready(struct guest_regs *regs)
{
	GUEST_ASSERT(AREA->token);
	GUEST_ASSERT(guest_nr_ready < 2 * PAGES);
	guest_ready[guest_nr_ready] = AREA->token;
	guest_nr_ready++;
	AREA->token = 0;
	wrmsr(MSR_KVM_ASYNC_PF_ACK, 1);
	xapic_eoi();
}

static void guest_take_line(struct guest_regs *regs)
{
	guest_lines++;
	xapic_eoi();
}

static void wait_ready(uint64_t count)
{
	while (guest_nr_ready < count)
		cpu_relax();
}

/* Enable, and take the notice that nothing of before is waited for. */
static void begin(uint64_t flags)
{
	xapic_enable(0xff);
	guest_handlers[VECTOR] = guest_take_ready;
	guest_handlers[LINE_VECTOR] = guest_take_line;
	ioapic_set_pin(LINE_GSI, 0, LINE_VECTOR);
	wrmsr(MSR_KVM_ASYNC_PF_INT, VECTOR);
	wrmsr(MSR_KVM_ASYNC_PF_EN, AREA_GPA | ENABLED | flags);
	sti();
	wait_ready(1);
	GUEST_ASSERT_EQ(guest_ready[0], TOKEN_ALL);
	guest_nr_ready = 0;
}

static volatile uint64_t *page_of(unsigned int page)
{
	return (volatile uint64_t *)(SLOT_GPA + page * PAGE_BYTES);
}

/* Use a page that is away; the token for it. */
static uint32_t touch(unsigned int page)
{
	uint64_t value;

	asm volatile(GUEST_TRY("movq (%1), %0")
		     : "=r"(value) : "r"(page_of(page)) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, PF_VECTOR);
	GUEST_ASSERT_EQ(guest_recovery.error, 0);
	GUEST_ASSERT_EQ(AREA->flags, KVM_PV_REASON_PAGE_NOT_PRESENT);
	GUEST_ASSERT(guest_recovery.cr2 && guest_recovery.cr2 < TOKEN_ALL);
	AREA->flags = 0;
	return guest_recovery.cr2;
}

static void guest_values(void)
{
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_ASYNC_PF_EN), 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_ASYNC_PF_INT), 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_ASYNC_PF_ACK), 0);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_KVM_ASYNC_PF_EN, AREA_GPA | BIT(4)), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_KVM_ASYNC_PF_EN, AREA_GPA | BIT(5)), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_KVM_ASYNC_PF_INT, 0x100), GP_VECTOR);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_ASYNC_PF_EN), 0);
	/* Half of it is not enabled: no interrupt comes, no address is looked at. */
	wrmsr(MSR_KVM_ASYNC_PF_EN, GPA_MMIO | KVM_ASYNC_PF_ENABLED);
	wrmsr(MSR_KVM_ASYNC_PF_EN, GPA_MMIO | KVM_ASYNC_PF_DELIVERY_AS_INT);
	GUEST_ASSERT_EQ(guest_wrmsr_try(MSR_KVM_ASYNC_PF_EN, GPA_MMIO | ENABLED), GP_VECTOR);
	wrmsr(MSR_KVM_ASYNC_PF_INT, VECTOR);
	wrmsr(MSR_KVM_ASYNC_PF_EN, AREA_GPA | ENABLED);
	wrmsr(MSR_KVM_ASYNC_PF_ACK, 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_ASYNC_PF_EN), AREA_GPA | ENABLED);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_ASYNC_PF_INT), VECTOR);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_ASYNC_PF_ACK), 0);
}

static void values(void)
{
	struct vcpu *vcpu;
	struct vm *vm = create(&vcpu, guest_values);

	vcpu_run_done(vcpu);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_KVM_ASYNC_PF_EN), AREA_GPA | ENABLED);
	ASSERT_EQ(vcpu_get_msr(vcpu, MSR_KVM_ASYNC_PF_INT), (uint64_t)VECTOR);
	vm_destroy(vm);

	/* Page ready is an interrupt of the LAPIC in the kernel. */
	vm = vm_create();
	vcpu = vcpu_add(vm, 0, guest_values);
	ASSERT_NE(__vcpu_set_msr(vcpu, MSR_KVM_ASYNC_PF_EN, AREA_GPA | ENABLED), 0);
	ASSERT_NE(__vcpu_set_msr(vcpu, MSR_KVM_ASYNC_PF_INT, VECTOR), 0);
	ASSERT_EQ(__vcpu_set_msr(vcpu, MSR_KVM_ASYNC_PF_EN, 0), 0);
	vm_destroy(vm);
}

static void guest_many(void)
{
	uint32_t tokens[PAGES];
	unsigned int i, j, found;

	begin(KVM_ASYNC_PF_SEND_ALWAYS);
	for (i = 0; i < PAGES; i++)
		tokens[i] = touch(i);
	GUEST_ASSERT_EQ(guest_nr_ready, 0);
	GUEST_SYNC(1);
	wait_ready(PAGES);
	for (i = 0; i < PAGES; i++) {
		for (j = 0, found = 0; j < PAGES; j++)
			found += guest_ready[j] == tokens[i];
		GUEST_ASSERT_EQ(found, 1);
		GUEST_ASSERT_EQ(*page_of(i), i + 1);
	}
	GUEST_ASSERT_EQ(guest_nr_ready, PAGES);
}

/* Each page is told away and ready once, by a token of its own. */
static void many(void)
{
	struct vcpu *vcpu;
	struct vm *vm = create(&vcpu, guest_many);
	struct away away = away_create(vm);
	unsigned int i;

	vcpu_run_sync(vcpu, 1);
	for (i = PAGES; i-- > 0;)
		away_give(&away, i);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_in_kernel(void)
{
	begin(0);
	guest_is_there = true;
	GUEST_ASSERT_EQ(*page_of(0), 1);
	GUEST_ASSERT_EQ(guest_nr_ready, 0);
	GUEST_ASSERT_EQ(AREA->flags, 0);
	GUEST_ASSERT_EQ(AREA->token, 0);
	GUEST_ASSERT(guest_lines >= 3);
}

/* The guest's kernel is not told unless it wants that, but interrupts get through. */
static void in_kernel(void)
{
	struct vcpu *vcpu;
	struct vm *vm = create(&vcpu, guest_in_kernel);
	struct away away = away_create(vm);
	uint64_t i;

	vcpu_thread_start(vcpu);
	while (!GUEST(vm, guest_is_there))
		test_sleep_ms(1);
	for (i = 1; i <= 3; i++) {
		test_sleep_ms(5);
		vm_irq_line(vm, LINE_GSI, 1);
		vm_irq_line(vm, LINE_GSI, 0);
		while (GUEST(vm, guest_lines) < i)
			test_sleep_ms(1);
	}
	away_give(&away, 0);
	vcpu_thread_join(vcpu);
	vm_destroy(vm);
}

static void guest_told(struct guest_regs *regs)
{
	guest_token = read_cr2();
	guest_cs = regs->cs;
	GUEST_ASSERT_EQ(AREA->flags, KVM_PV_REASON_PAGE_NOT_PRESENT);
	AREA->flags = 0;
	GUEST_SYNC(1);
	sti();
	wait_ready(1);
	cli();
	GUEST_ASSERT_EQ(guest_ready[0], guest_token);
}

static void guest_from_user(struct guest_regs *regs)
{
	GUEST_ASSERT_EQ(guest_cs, SEL_USER_CODE64);
	GUEST_ASSERT_EQ(regs->rax, 1);
	GUEST_DONE();
}

static void guest_to_user(void)
{
	begin(0);
	guest_handlers[PF_VECTOR] = guest_told;
	guest_handlers[GP_VECTOR] = guest_from_user;
	asm volatile("pushq %0; pushq %1; pushq %2; pushq %3; pushq %4; iretq"
		     : : "r"((uint64_t)SEL_USER_DATA), "r"(STACK_GPA),
		       "r"(X86_EFLAGS_FIXED | X86_EFLAGS_IF), "r"((uint64_t)SEL_USER_CODE64),
		       "r"(CODE_GPA), "b"(SLOT_GPA) : "memory");
}

static void allow_user(struct vm *vm, uint64_t gva)
{
	*(uint64_t *)vm_hva(vm, GPA_PML4, 8) |= PTE_USER;
	*(uint64_t *)vm_hva(vm, GPA_PDPT + (gva >> 30) * 8, 8) |= PTE_USER;
	*(uint64_t *)vm_hva(vm, GPA_PD + (gva >> 21) * 8, 8) |= PTE_USER;
}

/* The case that it is made for: the guest's user space waits, its kernel goes on. */
static void in_user_space(void)
{
	static const uint8_t code[] = { 0x48, 0x8b, 0x03, 0xf4 };	/* mov (%rbx),%rax; hlt */
	struct vcpu *vcpu;
	struct vm *vm = create(&vcpu, guest_to_user);
	struct away away = away_create(vm);

	vm_copy_in(vm, CODE_GPA, code, sizeof(code));
	*(uint64_t *)vm_hva(vm, GPA_TSS + 4, 8) = KERNEL_STACK_GPA;
	allow_user(vm, CODE_GPA);
	allow_user(vm, SLOT_GPA);
	vcpu_run_sync(vcpu, 1);
	away_give(&away, 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_cannot(void)
{
	begin(KVM_ASYNC_PF_SEND_ALWAYS);
	cli();
	guest_is_there = true;
	GUEST_ASSERT_EQ(*page_of(0), 1);
	GUEST_ASSERT_EQ(guest_nr_ready, 0);
}

/* With interrupts off nothing could tell it "ready": the vCPU waits. */
static void interrupts_off(void)
{
	struct vcpu *vcpu;
	struct vm *vm = create(&vcpu, guest_cannot);
	struct away away = away_create(vm);

	vcpu_thread_start(vcpu);
	while (!GUEST(vm, guest_is_there))
		test_sleep_ms(1);
	test_sleep_ms(20);
	away_give(&away, 0);
	vcpu_thread_join(vcpu);
	vm_destroy(vm);
}

static void guest_one(void)
{
	uint32_t token;

	begin(KVM_ASYNC_PF_SEND_ALWAYS);
	token = touch(0);
	GUEST_SYNC(1);
	wait_ready(1);
	GUEST_ASSERT_EQ(guest_ready[0], token);
	GUEST_SYNC(2);
}

/* The slot goes while its page is on its way; the guest's task is woken nevertheless. */
static void slot_goes(void)
{
	struct vcpu *vcpu;
	struct vm *vm = create(&vcpu, guest_one);
	struct away away = away_create(vm);

	vcpu_run_sync(vcpu, 1);
	vm_set_slot(vm, SLOT, 0, SLOT_GPA, 0, away.memory);
	away_give(&away, 0);
	vcpu_run_sync(vcpu, 2);
	vm_destroy(vm);
}

static void guest_halts(void)
{
	uint32_t token;

	begin(KVM_ASYNC_PF_SEND_ALWAYS);
	token = touch(0);
	cli();
	guest_is_there = true;
	while (!guest_nr_ready) {
		sti_hlt();
		cli();
	}
	GUEST_ASSERT_EQ(guest_ready[0], token);
}

/* An idle guest halts; that the page is ready ends it. */
static void ends_halt(void)
{
	struct vcpu *vcpu;
	struct vm *vm = create(&vcpu, guest_halts);
	struct away away = away_create(vm);

	vcpu_thread_start(vcpu);
	while (!GUEST(vm, guest_is_there))
		test_sleep_ms(1);
	test_sleep_ms(20);
	away_give(&away, 0);
	vcpu_thread_join(vcpu);
	vm_destroy(vm);
}

static void guest_moved(void)
{
	touch(0);
	touch(1);
	GUEST_SYNC(1);
	wait_ready(1);
	GUEST_ASSERT_EQ(guest_ready[0], TOKEN_ALL);
	GUEST_SYNC(2);
}

static void guest_before_move(void)
{
	begin(KVM_ASYNC_PF_SEND_ALWAYS);
	guest_moved();
}

/*
 * What a new host does: the MSRs are written, and all that the guest waits for is ready, as
 * there is no work on the new host that could tell it one by one.
 */
static void restored(void)
{
	struct vcpu *vcpu;
	struct vm *vm = create(&vcpu, guest_before_move);
	struct away away = away_create(vm);
	uint64_t value;

	vcpu_run_sync(vcpu, 1);
	value = vcpu_get_msr(vcpu, MSR_KVM_ASYNC_PF_EN);
	if (node_is_lodge())
		vcpu_set_msr(vcpu, MSR_KVM_ASYNC_PF_EN, 0);
	vcpu_set_msr(vcpu, MSR_KVM_ASYNC_PF_EN, value);
	vcpu_run_sync(vcpu, 2);
	away_give(&away, 0);
	away_give(&away, 1);
	vm_destroy(vm);
}

/* A page that never comes keeps no VM alive. KVM would wait for it. */
static void vm_ends(void)
{
	struct vcpu *vcpu;
	struct vm *vm;
	struct away away;

	if (!node_is_lodge())
		test_skip("the end of the VM waits for the page");
	vm = create(&vcpu, guest_one);
	away = away_create(vm);
	vcpu_run_sync(vcpu, 1);
	vm_destroy(vm);
	away_give(&away, 0);
	close(away.fd);
}

/* Nor a process. */
static void process_ends(void)
{
	int pipe_fds[2], status;
	char byte = 0;
	pid_t child;

	if (!node_is_lodge())
		test_skip("the end of the VM waits for the page");
	TEST_ASSERT(!pipe(pipe_fds), "pipe");
	child = fork();
	TEST_ASSERT(child >= 0, "fork");
	if (!child) {
		struct vcpu *vcpu;
		struct vm *vm = create(&vcpu, guest_one);

		away_create(vm);
		vcpu_run_sync(vcpu, 1);
		TEST_ASSERT(write(pipe_fds[1], &byte, 1) == 1, "pipe");
		for (;;)
			pause();
	}
	TEST_ASSERT(read(pipe_fds[0], &byte, 1) == 1, "pipe");
	TEST_ASSERT(!kill(child, SIGKILL), "kill");
	TEST_ASSERT(waitpid(child, &status, 0) == child, "waitpid");
	ASSERT_EQ(WTERMSIG(status), SIGKILL);
}

static const struct test_case cases[] = {
	{ "values", values },
	{ "many", many },
	{ "in_kernel", in_kernel },
	{ "in_user_space", in_user_space },
	{ "interrupts_off", interrupts_off },
	{ "slot_goes", slot_goes },
	{ "ends_halt", ends_halt },
	{ "restored", restored },
	{ "vm_ends", vm_ends },
	{ "process_ends", process_ends },
};

TEST_MAIN(cases)
