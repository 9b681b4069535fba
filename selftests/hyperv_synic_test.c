// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's synthetic interrupt controller and timers: what user space is told of, pages, sources
 * and their vectors, GSIs that lead to a source, ends of interrupts and messages; one-shot,
 * periodic and direct timers, messages that must wait, and timers that wake a halted vCPU.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "apic.h"
#include "hyperv.h"

#define VECTOR 0x55
#define OTHER_VECTOR 0x75
#define SINT 2
#define GSI 30

static uint8_t guest_events[PAGE_BYTES] __attribute__((aligned(4096)));
static struct hv_message guest_messages[16] __attribute__((aligned(4096)));

static volatile uint64_t guest_counts[256], guest_ends;

static void guest_on_vector(struct guest_regs *regs)
{
	guest_counts[regs->vector]++;
	if (guest_ends)
		xapic_eoi();
}

/* Interrupts are off when this returns. */
static void guest_begin(void)
{
	guest_handlers[VECTOR] = guest_on_vector;
	guest_handlers[OTHER_VECTOR] = guest_on_vector;
	guest_ends = 1;
	xapic_enable(0xff);
	guest_hyperv_begin();
}

/* Interrupts go on, for what waits to come: behind the instruction after STI at the earliest. */
static void guest_take_pending(void)
{
	unsigned int i;

	sti();
	for (i = 0; i < 1000; i++)
		cpu_relax();
}

static struct vcpu *start(struct vm *vm, void (*entry)(void), uint32_t capability)
{
	struct vcpu *vcpu = vcpu_add_hyperv(vm, 0, entry);

	ASSERT_EQ(__vcpu_enable_cap(vcpu, capability, 0), 0);
	return vcpu;
}

static void guest_set_registers(void)
{
	guest_messages[0].type = guest_events[0] = 1;
	GUEST_ASSERT_EQ(rdmsr(HV_SCONTROL), 1);
	GUEST_ASSERT_EQ(rdmsr(HV_SVERSION), 1);
	GUEST_ASSERT_EQ(rdmsr(HV_SINT(7)), HV_SINT_MASKED);
	wrmsr(HV_SIMP, (uintptr_t)guest_messages | 1);
	wrmsr(HV_SIEFP, (uintptr_t)guest_events | 1);
	wrmsr(HV_SCONTROL, 0);
	GUEST_SYNC_ARGS(1, guest_messages[0].type, guest_events[0], 0);
	/* No memory: the old one stays, unless nothing is to be zeroed. */
	GUEST_SYNC_ARGS(2, guest_wrmsr_try(HV_SIMP, GPA_MMIO | 1), 0, 0);
	/* Vectors of exceptions. */
	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_SINT(3), 15), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_SINT(3), HV_SINT_MASKED), GUEST_NO_TRAP);
	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_SINT(3), 16), GUEST_NO_TRAP);
	GUEST_ASSERT_EQ(rdmsr(HV_SINT(3)), 16);
	GUEST_ASSERT_EQ(rdmsr(HV_EOM), 0);
	GUEST_ASSERT_EQ(guest_wrmsr_try(HV_EOM, 0), GUEST_NO_TRAP);
}

static void check_exit(struct vcpu *vcpu, uint32_t msr, uint64_t control, uint64_t messages,
		       uint64_t events)
{
	vcpu_run_to(vcpu, KVM_EXIT_HYPERV);
	ASSERT_EQ(vcpu->run->hyperv.type, (uint32_t)KVM_EXIT_HYPERV_SYNIC);
	ASSERT_EQ(vcpu->run->hyperv.u.synic.msr, msr);
	ASSERT_EQ(vcpu->run->hyperv.u.synic.control, control);
	ASSERT_EQ(vcpu->run->hyperv.u.synic.msg_page, messages);
	ASSERT_EQ(vcpu->run->hyperv.u.synic.evt_page, events);
}

static void check_registers(uint32_t capability, bool keeps_pages)
{
	uint64_t messages = (uintptr_t)guest_messages | 1, events = (uintptr_t)guest_events | 1;
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = start(vm, guest_set_registers, capability);
	struct ucall ucall;

	check_exit(vcpu, HV_SIMP, 1, messages, 0);
	check_exit(vcpu, HV_SIEFP, 1, messages, events);
	check_exit(vcpu, HV_SCONTROL, 0, messages, events);
	ucall = vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(ucall.args[1], (uint64_t)keeps_pages);
	ASSERT_EQ(ucall.args[2], (uint64_t)keeps_pages);
	if (keeps_pages)
		check_exit(vcpu, HV_SIMP, 0, GPA_MMIO | 1, events);
	ASSERT_EQ(vcpu_run_sync(vcpu, 2).args[1],
		  keeps_pages ? (uint64_t)GUEST_NO_TRAP : GP_VECTOR);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void registers(void)
{
	REQUIRE_CAP(KVM_CAP_HYPERV_SYNIC2);
	check_registers(KVM_CAP_HYPERV_SYNIC, false);
	check_registers(KVM_CAP_HYPERV_SYNIC2, true);
}

static int __route(struct vm *vm, uint32_t vp_index, uint32_t sint, uint32_t flags)
{
	struct {
		struct kvm_irq_routing header;
		struct kvm_irq_routing_entry entry;
	} table = {
		.header.nr = 1,
		.entry = {
			.gsi = GSI,
			.type = KVM_IRQ_ROUTING_HV_SINT,
			.flags = flags,
			.u.hv_sint = { .vcpu = vp_index, .sint = sint },
		},
	};

	return __vm_ioctl(vm, KVM_SET_GSI_ROUTING, &table);
}

static int signal_gsi(struct vm *vm)
{
	struct kvm_irq_level irq = { .irq = GSI, .level = 1 };

	vm_ioctl(vm, KVM_IRQ_LINE_STATUS, &irq);
	return irq.status;
}

static void guest_take_routed(void)
{
	guest_begin();
	wrmsr(HV_SINT(SINT), VECTOR);
	GUEST_SYNC(1);
	guest_take_pending();
	GUEST_ASSERT_EQ(guest_counts[VECTOR], 1);
	cli();
	wrmsr(HV_SINT(SINT), VECTOR | HV_SINT_MASKED);
	GUEST_SYNC(2);
	guest_take_pending();
	GUEST_ASSERT_EQ(guest_counts[VECTOR], 1);
	cli();

	/* Ended by being delivered: nothing remains in service. */
	guest_ends = 0;
	wrmsr(HV_SINT(SINT), VECTOR | HV_SINT_AUTO_EOI);
	GUEST_SYNC(3);
	guest_take_pending();
	GUEST_ASSERT_EQ(guest_counts[VECTOR], 2);
	GUEST_ASSERT(!xapic_test_vector(APIC_ISR, VECTOR));
	GUEST_ASSERT_EQ(xapic_read(APIC_PPR), 0);
	cli();
	wrmsr(HV_SINT(SINT), VECTOR);
	GUEST_SYNC(4);
	guest_take_pending();
	GUEST_ASSERT_EQ(guest_counts[VECTOR], 3);
	GUEST_ASSERT(xapic_test_vector(APIC_ISR, VECTOR));
	xapic_eoi();
}

static void routes(void)
{
	struct vm *vm, *bare;
	struct vcpu *vcpu;

	REQUIRE_CAP(KVM_CAP_HYPERV_SYNIC);
	vm = vm_create_with_irqchip();
	vcpu = start(vm, guest_take_routed, KVM_CAP_HYPERV_SYNIC);
	vcpu_set_msr(vcpu, HV_VP_INDEX, 9);
	ASSERT_ERRNO(__route(vm, 9, SINT, 1), EINVAL);
	/* A vCPU or a source that is not there is found out by the signal. */
	ASSERT_EQ(__route(vm, 8, SINT, 0), 0);
	ASSERT_LE(signal_gsi(vm), -1);
	ASSERT_EQ(__route(vm, 9, 16, 0), 0);
	ASSERT_LE(signal_gsi(vm), -1);
	ASSERT_EQ(__route(vm, 9, SINT + 256, 0), 0);
	ASSERT_LE(signal_gsi(vm), -1);

	ASSERT_EQ(__route(vm, 9, SINT, 0), 0);
	ASSERT_LE(signal_gsi(vm), -1);
	vcpu_run_sync(vcpu, 1);
	ASSERT_GE(signal_gsi(vm), 1);
	vcpu_run_sync(vcpu, 2);
	ASSERT_LE(signal_gsi(vm), -1);
	vcpu_run_sync(vcpu, 3);
	ASSERT_GE(signal_gsi(vm), 1);
	vcpu_run_sync(vcpu, 4);
	ASSERT_GE(signal_gsi(vm), 1);
	vcpu_run_done(vcpu);
	vm_destroy(vm);

	bare = vm_create_bare();
	ASSERT_ERRNO(__route(bare, 0, SINT, 0), EINVAL);
	vm_destroy(bare);
}

static void guest_end_interrupts(void)
{
	guest_begin();
	wrmsr(HV_SINT(SINT), VECTOR);
	GUEST_SYNC(1);
	guest_ends = 0;
	guest_take_pending();
	GUEST_ASSERT_EQ(guest_counts[VECTOR], 1);
	cli();
	GUEST_SYNC(2);
	xapic_eoi();
	GUEST_SYNC(3);
	/* The end of a message counts as one, too. */
	wrmsr(HV_EOM, 0);
	GUEST_SYNC(4);
}

static uint64_t count_signals(int fd)
{
	uint64_t value;

	return read(fd, &value, 8) == 8 ? value : 0;
}

/* An irqfd with a second eventfd hears of the end of its source's interrupt. */
static void ends_of_interrupts(void)
{
	struct kvm_irqfd request = { .gsi = GSI, .flags = KVM_IRQFD_FLAG_RESAMPLE };
	uint64_t one = 1;
	struct vcpu *vcpu;
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_IRQFD_RESAMPLE);
	vm = vm_create_with_irqchip();
	vcpu = start(vm, guest_end_interrupts, KVM_CAP_HYPERV_SYNIC);
	request.fd = eventfd(0, EFD_NONBLOCK);
	request.resamplefd = eventfd(0, EFD_NONBLOCK);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(__route(vm, 0, SINT, 0), 0);
	vm_ioctl(vm, KVM_IRQFD, &request);
	ASSERT_EQ(write(request.fd, &one, 8), 8);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(count_signals(request.resamplefd), 0u);
	vcpu_run_sync(vcpu, 3);
	ASSERT_EQ(count_signals(request.resamplefd), 1u);
	vcpu_run_sync(vcpu, 4);
	ASSERT_EQ(count_signals(request.resamplefd), 1u);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
	close(request.fd);
	close(request.resamplefd);
}

static void guest_wait_for(uint8_t vector, uint64_t count)
{
	cli();
	while (guest_counts[vector] < count) {
		sti_hlt();
		cli();
	}
}

static void guest_check_message(uint32_t timer)
{
	struct hv_message *message = &guest_messages[SINT];

	GUEST_ASSERT_EQ(message->type, HV_MESSAGE_TIMER);
	GUEST_ASSERT_EQ(message->payload_size, 24);
	GUEST_ASSERT_EQ(message->timer.index, timer);
	GUEST_ASSERT(message->timer.delivery >= message->timer.expiration);
	GUEST_ASSERT(rdmsr(HV_TIME_REF_COUNT) >= message->timer.delivery);
}

static void guest_use_messages(void)
{
	struct hv_message *message = &guest_messages[SINT];
	uint64_t when;

	guest_begin();
	wrmsr(HV_SIMP, (uintptr_t)guest_messages | 1);
	wrmsr(HV_SINT(SINT), VECTOR);

	/* In the past: at once. The count enables. */
	wrmsr(HV_STIMER_CONFIG(0), HV_STIMER_AUTO_ENABLE | HV_STIMER_SINT(SINT));
	wrmsr(HV_STIMER_COUNT(0), 1);
	guest_wait_for(VECTOR, 1);
	guest_check_message(0);
	GUEST_ASSERT_EQ(message->timer.expiration, 1);
	/* A one-shot is disabled by its expiry. */
	GUEST_ASSERT_EQ(rdmsr(HV_STIMER_CONFIG(0)), HV_STIMER_AUTO_ENABLE | HV_STIMER_SINT(SINT));

	/* No room: the message waits, and says so, until there is. */
	when = rdmsr(HV_TIME_REF_COUNT) + 1000;
	wrmsr(HV_STIMER_COUNT(3), when);
	wrmsr(HV_STIMER_CONFIG(3), HV_STIMER_ENABLE | HV_STIMER_SINT(SINT));
	while (!message->flags)
		cpu_relax();
	GUEST_ASSERT_EQ(guest_counts[VECTOR], 1);
	message->type = 0;
	message->flags = 0;
	wrmsr(HV_EOM, 0);
	guest_wait_for(VECTOR, 2);
	guest_check_message(3);
	GUEST_ASSERT_EQ(message->timer.expiration, when);
	message->type = 0;

	/* To come, while the vCPU sleeps. */
	when = rdmsr(HV_TIME_REF_COUNT) + 20000;
	wrmsr(HV_STIMER_COUNT(1), when);
	wrmsr(HV_STIMER_CONFIG(1), HV_STIMER_ENABLE | HV_STIMER_SINT(SINT));
	guest_wait_for(VECTOR, 3);
	guest_check_message(1);
	message->type = 0;
	/* A count of zero disables. */
	wrmsr(HV_STIMER_CONFIG(1), HV_STIMER_ENABLE | HV_STIMER_PERIODIC | HV_STIMER_SINT(SINT));
	wrmsr(HV_STIMER_COUNT(1), 0);
	GUEST_ASSERT(!(rdmsr(HV_STIMER_CONFIG(1)) & HV_STIMER_ENABLE));
}

static void timer_messages(void)
{
	struct vm *vm;
	struct vcpu *vcpu;

	REQUIRE_CAP(KVM_CAP_HYPERV_SYNIC2);
	vm = vm_create_with_irqchip();
	vcpu = start(vm, guest_use_messages, KVM_CAP_HYPERV_SYNIC2);
	/* The page. */
	vcpu_run_to(vcpu, KVM_EXIT_HYPERV);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_use_periodic(void)
{
	struct hv_message *message = &guest_messages[SINT];
	uint64_t last = 0;
	unsigned int i;

	guest_begin();
	wrmsr(HV_SIMP, (uintptr_t)guest_messages | 1);
	wrmsr(HV_SINT(SINT), VECTOR);
	wrmsr(HV_STIMER_COUNT(2), 10000);
	wrmsr(HV_STIMER_CONFIG(2),
	      HV_STIMER_ENABLE | HV_STIMER_PERIODIC | HV_STIMER_SINT(SINT));
	for (i = 1; i <= 5; i++) {
		guest_wait_for(VECTOR, i);
		guest_check_message(2);
		/* The beat stays, whatever was lost. */
		GUEST_ASSERT(message->timer.expiration > last);
		if (last)
			GUEST_ASSERT_EQ((message->timer.expiration - last) % 10000, 0);
		last = message->timer.expiration;
		message->type = 0;
		wrmsr(HV_EOM, 0);
	}
	GUEST_ASSERT(rdmsr(HV_STIMER_CONFIG(2)) & HV_STIMER_ENABLE);

	/* Source 0 is none: a timer that runs ends. */
	wrmsr(HV_STIMER_CONFIG(2), HV_STIMER_ENABLE | HV_STIMER_PERIODIC);
	GUEST_ASSERT_EQ(rdmsr(HV_STIMER_CONFIG(2)), HV_STIMER_PERIODIC);
}

static void periodic_timer(void)
{
	struct vm *vm;
	struct vcpu *vcpu;

	REQUIRE_CAP(KVM_CAP_HYPERV_SYNIC2);
	vm = vm_create_with_irqchip();
	vcpu = start(vm, guest_use_periodic, KVM_CAP_HYPERV_SYNIC2);
	vcpu_run_to(vcpu, KVM_EXIT_HYPERV);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_use_direct(void)
{
	guest_begin();
	wrmsr(HV_STIMER_CONFIG(0),
	      HV_STIMER_DIRECT | HV_STIMER_AUTO_ENABLE | HV_STIMER_VECTOR(OTHER_VECTOR));
	wrmsr(HV_STIMER_COUNT(0), rdmsr(HV_TIME_REF_COUNT) + 20000);
	guest_wait_for(OTHER_VECTOR, 1);
	wrmsr(HV_STIMER_CONFIG(1), HV_STIMER_DIRECT | HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC |
	      HV_STIMER_VECTOR(VECTOR));
	wrmsr(HV_STIMER_COUNT(1), 5000);
	guest_wait_for(VECTOR, 3);
	wrmsr(HV_STIMER_CONFIG(1), 0);
	/* Farther away than any time. */
	wrmsr(HV_STIMER_COUNT(0), ~0ull);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(guest_counts[OTHER_VECTOR], 1);
}

static void direct_timers(void)
{
	struct vm *vm;
	struct vcpu *vcpu;

	REQUIRE_CAP(KVM_CAP_HYPERV_SYNIC2);
	vm = vm_create_with_irqchip();
	vcpu = start(vm, guest_use_direct, KVM_CAP_HYPERV_SYNIC2);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_done(vcpu);
	/* The VM goes with a timer that runs. */
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "registers", registers },
	{ "routes", routes },
	{ "ends_of_interrupts", ends_of_interrupts },
	{ "timer_messages", timer_messages },
	{ "periodic_timer", periodic_timer },
	{ "direct_timers", direct_timers },
};

TEST_MAIN(cases)
