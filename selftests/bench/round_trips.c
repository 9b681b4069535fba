// SPDX-License-Identifier: GPL-2.0
/*
 * Round trips to user space and calls from there: ports and memory that the
 * program answers, interrupts that it raises, state that it reads and writes.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "apic.h"
#include "bench.h"

#define PORT 0x4000
#define ANSWER 0x5a5a5a5a
#define VECTOR 0x51
#define GSI 24

#define CALLS 200
#define STRING_BYTES PAGE_BYTES
#define MSRS_MAX 512

static void guest_out(void)
{
	GUEST_LOOP(, outb(PORT, 1), true);
}

static void pio_out(void)
{
	bench_guest_code(guest_out, KVM_EXIT_IO);
}

static void guest_in(void)
{
	uint32_t value;

	GUEST_LOOP(, value = inl(PORT), value == ANSWER);
}

static void pio_in(void)
{
	bench_guest_code(guest_in, KVM_EXIT_IO);
}

static void guest_write(void)
{
	GUEST_LOOP(, *(volatile uint32_t *)GPA_MMIO = 1, true);
}

static void mmio_write(void)
{
	bench_guest_code(guest_write, KVM_EXIT_MMIO);
}

static void guest_read(void)
{
	uint32_t value;

	GUEST_LOOP(, value = *(volatile uint32_t *)GPA_MMIO, value == ANSWER);
}

static void mmio_read(void)
{
	bench_guest_code(guest_read, KVM_EXIT_MMIO);
}

static void guest_halt(void)
{
	GUEST_LOOP(, hlt(), true);
}

static void hlt_exit(void)
{
	bench_guest_code(guest_halt, KVM_EXIT_HLT);
}

/* One instruction for all bytes; the host counts those that come. */
static void guest_string_out(void)
{
	GUEST_LOOP(uint64_t bytes = count * 64; left = 1; uint64_t from = GPA_TEST,
		   asm volatile("rep outsb" : "+c"(bytes), "+S"(from) : "d"(PORT) : "memory"),
		   !bytes);
}

static void guest_string_in(void)
{
	GUEST_LOOP(uint64_t bytes = count * 64; left = 1; uint64_t to = GPA_TEST,
		   asm volatile("rep insb" : "+c"(bytes), "+D"(to) : "d"(PORT) : "memory"),
		   !bytes && *(volatile uint32_t *)(GPA_TEST + 1024) == ANSWER);
}

static uint64_t sample_string(void *context, uint64_t count)
{
	struct vcpu *vcpu = context;
	struct kvm_run *run = vcpu->run;
	uint64_t bytes = 0;

	GUEST(vcpu->vm, bench_count) = count / 64;
	for (;;) {
		vcpu_run_to(vcpu, KVM_EXIT_IO);
		if (run->io.port == UCALL_PORT)
			break;
		bytes += run->io.size * run->io.count;
		if (run->io.direction == KVM_EXIT_IO_IN)
			memset((uint8_t *)run + run->io.data_offset, ANSWER & 0xff,
			       run->io.size * run->io.count);
	}
	ASSERT_EQ(bytes, count);
	return vcpu_ucall(vcpu).args[1];
}

static void measure_string(void (*code)(void))
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, code);

	bench_report(bench_measure(sample_string, vcpu, STRING_BYTES), "ticks");
	vm_destroy(vm);
}

static void string_out(void)
{
	measure_string(guest_string_out);
}

static void string_in(void)
{
	measure_string(guest_string_in);
}

/* Writes that end at an eventfd: the guest does not wait for whoever reads it. */
static void measure_ioeventfd(void (*code)(void), uint64_t address, uint32_t bytes, uint32_t flags)
{
	struct kvm_ioeventfd event = { .addr = address, .len = bytes, .flags = flags };
	struct vcpu *vcpu;
	uint64_t seen;
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_IOEVENTFD);
	vm = vm_create();
	vcpu = vcpu_add(vm, 0, code);
	event.fd = eventfd(0, EFD_NONBLOCK);
	vm_ioctl(vm, KVM_IOEVENTFD, &event);
	bench_guest(vcpu, 0);
	ASSERT_EQ(read(event.fd, &seen, sizeof(seen)), (ssize_t)sizeof(seen));
	TEST_ASSERT(seen > CALLS, "%llu events", (unsigned long long)seen);
	close(event.fd);
	vm_destroy(vm);
}

static void ioeventfd_pio(void)
{
	measure_ioeventfd(guest_out, PORT, 1, KVM_IOEVENTFD_FLAG_PIO);
}

static void ioeventfd_mmio(void)
{
	measure_ioeventfd(guest_write, GPA_MMIO, 4, 0);
}

/* Each round: the host raises, the guest's handler counts, ends it and reports. */

static void report_handler(struct guest_regs *regs)
{
	bench_x2apic_handler(regs);
	outb(PORT, bench_seen);
}

static void guest_wait(void)
{
	guest_handlers[VECTOR] = report_handler;
	x2apic_enable(0xff);
	sti();
	GUEST_SYNC(1);
	for (;;)
		;
}

struct raiser {
	struct vcpu *vcpu;
	int fd;
};

static uint64_t sample_raise(void *context, uint64_t count)
{
	static const struct kvm_msi msi = { .address_lo = 0xfee00000, .data = VECTOR };
	static const uint64_t one = 1;
	struct raiser *raiser = context;
	struct vcpu *vcpu = raiser->vcpu;
	uint64_t begin, before = GUEST(vcpu->vm, bench_seen), ticks, left = count;

	begin = bench_begin();
	do {
		if (raiser->fd >= 0)
			ASSERT_EQ(write(raiser->fd, &one, sizeof(one)), (ssize_t)sizeof(one));
		else
			vm_ioctl(vcpu->vm, KVM_SIGNAL_MSI, &msi);
		if (ioctl(vcpu->fd, KVM_RUN, 0) || vcpu->run->exit_reason != KVM_EXIT_IO)
			ASSERT_EXIT(vcpu, KVM_EXIT_IO);
	} while (--left);
	ticks = bench_end(begin);
	ASSERT_EQ(GUEST(vcpu->vm, bench_seen), before + count);
	return ticks;
}

static void measure_raise(bool irqfd)
{
	struct vm *vm = vm_create_with_irqchip();
	struct raiser raiser = { vcpu_add(vm, 0, guest_wait), -1 };
	struct {
		struct kvm_irq_routing header;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.header.nr = 1,
		.entry = {
			.gsi = GSI,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = 0xfee00000, .data = VECTOR },
		},
	};
	struct kvm_irqfd request = { .gsi = GSI };

	vcpu_run_sync(raiser.vcpu, 1);
	if (irqfd) {
		raiser.fd = eventfd(0, 0);
		request.fd = raiser.fd;
		vm_ioctl(vm, KVM_SET_GSI_ROUTING, &routing);
		vm_ioctl(vm, KVM_IRQFD, &request);
	}
	bench_report(bench_measure(sample_raise, &raiser, CALLS), "ticks");
	vm_destroy(vm);
}

static void msi(void)
{
	measure_raise(false);
}

static void irqfd(void)
{
	REQUIRE_CAP(KVM_CAP_IRQFD);
	measure_raise(true);
}

/* Calls of the host alone. */

static uint64_t sample_version(void *context, uint64_t count)
{
	int node = *(int *)context;
	uint64_t begin = bench_begin(), left = count;

	do {
		if (ioctl(node, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
			TEST_FAIL("KVM_GET_API_VERSION");
	} while (--left);
	return bench_end(begin);
}

static void ioctl_empty(void)
{
	int node = node_open(O_RDWR);

	bench_report(bench_measure(sample_version, &node, CALLS), "ticks");
}

static uint64_t sample_immediate(void *context, uint64_t count)
{
	struct vcpu *vcpu = context;
	uint64_t begin = bench_begin(), left = count;

	do {
		if (!ioctl(vcpu->fd, KVM_RUN, 0) || errno != EINTR)
			TEST_FAIL("KVM_RUN did not end at once");
	} while (--left);
	return bench_end(begin);
}

static void run_immediate_exit(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt);

	vcpu->run->immediate_exit = 1;
	bench_report(bench_measure(sample_immediate, vcpu, CALLS), "ticks");
	vm_destroy(vm);
}

/* A signal that is blocked but for KVM_RUN; taking it back belongs to the round. */
static uint64_t sample_signal(void *context, uint64_t count)
{
	static const struct timespec none;
	struct vcpu *vcpu = context;
	uint64_t begin, left = count;
	pid_t thread = syscall(SYS_gettid);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	begin = bench_begin();
	do {
		syscall(SYS_tkill, thread, SIGUSR1);
		if (!ioctl(vcpu->fd, KVM_RUN, 0) || errno != EINTR)
			TEST_FAIL("KVM_RUN did not end with the signal");
		if (sigtimedwait(&set, NULL, &none) != SIGUSR1)
			TEST_FAIL("the signal is gone");
	} while (--left);
	return bench_end(begin);
}

static void signal_pending(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt);
	struct {
		struct kvm_signal_mask header;
		uint64_t set;
	} mask = { .header.len = 8 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, &mask);
	bench_report(bench_measure(sample_signal, vcpu, CALLS), "ticks");
	vm_destroy(vm);
}

/* State of a vCPU, read and written again. */

static uint64_t sample_regs(void *context, uint64_t count)
{
	struct vcpu *vcpu = context;
	struct kvm_regs regs;
	uint64_t begin = bench_begin(), left = count;

	do {
		vcpu_ioctl(vcpu, KVM_GET_REGS, &regs);
		regs.rax++;
		vcpu_ioctl(vcpu, KVM_SET_REGS, &regs);
	} while (--left);
	return bench_end(begin);
}

static void regs_get_set(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt);
	uint64_t before = vcpu_regs(vcpu).rax;

	bench_report(bench_measure(sample_regs, vcpu, CALLS), "ticks");
	TEST_ASSERT(vcpu_regs(vcpu).rax > before, "RAX was not written");
	vm_destroy(vm);
}

static uint64_t sample_sregs(void *context, uint64_t count)
{
	struct vcpu *vcpu = context;
	struct kvm_sregs sregs;
	uint64_t begin = bench_begin(), left = count;

	do {
		vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs);
		sregs.cr2++;
		vcpu_ioctl(vcpu, KVM_SET_SREGS, &sregs);
	} while (--left);
	return bench_end(begin);
}

static void sregs_get_set(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_halt);
	uint64_t before = vcpu_sregs(vcpu).cr2;

	bench_report(bench_measure(sample_sregs, vcpu, CALLS), "ticks");
	TEST_ASSERT(vcpu_sregs(vcpu).cr2 > before, "CR2 was not written");
	vm_destroy(vm);
}

struct all_msrs {
	struct vcpu *vcpu;
	struct kvm_msrs *msrs;
};

static uint64_t sample_msrs(void *context, uint64_t count)
{
	struct all_msrs *all = context;
	uint64_t begin = bench_begin(), left = count;

	do {
		int done = vcpu_ioctl(all->vcpu, KVM_GET_MSRS, all->msrs);

		if (done != (int)all->msrs->nmsrs)
			TEST_FAIL("%d MSRs of %u", done, all->msrs->nmsrs);
	} while (--left);
	return bench_end(begin);
}

/* Those that both nodes list and give: a longer list would be no slower a call. */
static void msr_get_each(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct all_msrs all = { vcpu_add(vm, 0, guest_halt) };
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + MSRS_MAX * sizeof(uint32_t));
	int node = node_open(O_RDWR);
	uint64_t value, ticks;
	uint32_t i;

	all.msrs = calloc(1, sizeof(*all.msrs) + MSRS_MAX * sizeof(struct kvm_msr_entry));
	TEST_ASSERT(list && all.msrs, "out of memory");
	list->nmsrs = MSRS_MAX;
	fd_ioctl(node, KVM_GET_MSR_INDEX_LIST, list);
	for (i = 0; i < list->nmsrs; i++)
		if (!__vcpu_get_msr(all.vcpu, list->indices[i], &value))
			all.msrs->entries[all.msrs->nmsrs++].index = list->indices[i];
	ticks = bench_measure(sample_msrs, &all, 20);
	test_note("%u MSRs", all.msrs->nmsrs);
	bench_report(ticks / all.msrs->nmsrs, "ticks");
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "pio_out", pio_out },
	{ "pio_in", pio_in },
	{ "pio_string_out_byte", string_out },
	{ "pio_string_in_byte", string_in },
	{ "mmio_write", mmio_write },
	{ "mmio_read", mmio_read },
	{ "hlt_to_user", hlt_exit },
	{ "ioeventfd_pio", ioeventfd_pio },
	{ "ioeventfd_mmio", ioeventfd_mmio },
	{ "msi_eoi_pio_out", msi },
	{ "irqfd_eoi_pio_out", irqfd },
	{ "signal_pending", signal_pending },
	{ "run_immediate_exit", run_immediate_exit },
	{ "ioctl_empty", ioctl_empty },
	{ "regs_get_set", regs_get_set },
	{ "sregs_get_set", sregs_get_set },
	{ "msrs_get_each", msr_get_each },
};

const struct figures round_trip_figures = { cases, ARRAY_SIZE(cases) };
