// SPDX-License-Identifier: GPL-2.0
/*
 * Devices in the kernel: registers of LAPIC, IOAPIC and PIC, interrupts that a
 * vCPU sends itself or another, halting and waking, timers.
 */
#include <unistd.h>

#include "apic.h"
#include "bench.h"

#define VECTOR 0x51
#define PIC_IMR 0x21

/* Far enough that a timer does not fire while it is measured. */
#define FAR 0x40000000

#define PEER_VECTOR 0x61
#define PEER_DESTINATION (1ull << 32)

static void guest_pic_read(void)
{
	uint8_t value;

	outb(PIC_IMR, 0xa5);
	GUEST_LOOP(, value = inb(PIC_IMR), value == 0xa5);
}

static void pio_pic_read(void)
{
	bench_guest_code_with_irqchip(guest_pic_read);
}

static void guest_pic_write(void)
{
	uint8_t value = 0;

	GUEST_LOOP(, value ^= 0xff; outb(PIC_IMR, value), inb(PIC_IMR) == value);
}

static void pio_pic_write(void)
{
	bench_guest_code_with_irqchip(guest_pic_write);
}

static void guest_ioapic_read(void)
{
	uint32_t value;

	ioapic_write(IOAPIC_REDTBL(3), IOAPIC_MASKED | VECTOR);
	GUEST_LOOP(,
		   value = *(volatile uint32_t *)(IOAPIC_BASE + 0x10),
		   value == (IOAPIC_MASKED | VECTOR));
}

static void mmio_ioapic_read(void)
{
	bench_guest_code_with_irqchip(guest_ioapic_read);
}

static void guest_xapic_read(void)
{
	uint32_t value;

	xapic_enable(0xff);
	xapic_write(APIC_LVT_ERROR, APIC_LVT_MASKED | VECTOR);
	GUEST_LOOP(, value = xapic_read(APIC_LVT_ERROR), value == (APIC_LVT_MASKED | VECTOR));
}

static void xapic_read_register(void)
{
	bench_guest_code_with_irqchip(guest_xapic_read);
}

static void guest_xapic_write(void)
{
	uint32_t value = APIC_LVT_MASKED;

	xapic_enable(0xff);
	GUEST_LOOP(,
		   value ^= VECTOR; xapic_write(APIC_LVT_ERROR, value),
		   xapic_read(APIC_LVT_ERROR) == value);
}

static void xapic_write_register(void)
{
	bench_guest_code_with_irqchip(guest_xapic_write);
}

static void guest_xapic_eoi(void)
{
	xapic_enable(0xff);
	GUEST_LOOP(, xapic_eoi(), true);
}

static void xapic_eoi_alone(void)
{
	bench_guest_code_with_irqchip(guest_xapic_eoi);
}

static void guest_x2apic_read(void)
{
	uint32_t value;

	x2apic_enable(0xff);
	x2apic_write(APIC_LVT_ERROR, APIC_LVT_MASKED | VECTOR);
	GUEST_LOOP(, value = x2apic_read(APIC_LVT_ERROR), value == (APIC_LVT_MASKED | VECTOR));
}

static void x2apic_read_register(void)
{
	bench_guest_code_with_irqchip(guest_x2apic_read);
}

static void guest_x2apic_write(void)
{
	uint32_t value = APIC_LVT_MASKED;

	x2apic_enable(0xff);
	GUEST_LOOP(,
		   value ^= VECTOR; x2apic_write(APIC_LVT_ERROR, value),
		   x2apic_read(APIC_LVT_ERROR) == value);
}

static void x2apic_write_register(void)
{
	bench_guest_code_with_irqchip(guest_x2apic_write);
}

static void guest_x2apic_eoi(void)
{
	x2apic_enable(0xff);
	GUEST_LOOP(, x2apic_write(APIC_EOI, 0), true);
}

static void x2apic_eoi_alone(void)
{
	bench_guest_code_with_irqchip(guest_x2apic_eoi);
}

static void guest_x2apic_begin(void)
{
	guest_handlers[VECTOR] = bench_x2apic_handler;
	x2apic_enable(0xff);
}

static void guest_xapic_self_ipi(void)
{
	guest_handlers[VECTOR] = bench_xapic_handler;
	xapic_enable(0xff);
	sti();
	GUEST_LOOP(, xapic_write(APIC_ICR, APIC_DEST_SELF | VECTOR), bench_seen == count);
}

static void xapic_self_ipi(void)
{
	bench_guest_code_with_irqchip(guest_xapic_self_ipi);
}

static void guest_x2apic_self_ipi(void)
{
	guest_x2apic_begin();
	sti();
	GUEST_LOOP(, x2apic_write(APIC_ICR, APIC_DEST_SELF | VECTOR), bench_seen == count);
}

static void x2apic_self_ipi(void)
{
	bench_guest_code_with_irqchip(guest_x2apic_self_ipi);
}

static void guest_window(void)
{
	guest_x2apic_begin();
	GUEST_LOOP(,
		   x2apic_write(APIC_ICR, APIC_DEST_SELF | VECTOR); sti_nop_cli(),
		   bench_seen == count);
}

static void interrupt_window(void)
{
	bench_guest_code_with_irqchip(guest_window);
}

static void guest_halt_pending(void)
{
	guest_x2apic_begin();
	GUEST_LOOP(,
		   x2apic_write(APIC_ICR, APIC_DEST_SELF | VECTOR); sti_hlt(); cli(),
		   bench_seen == count);
}

static void hlt_pending(void)
{
	bench_guest_code_with_irqchip(guest_halt_pending);
}

static void guest_deadline(void)
{
	uint64_t value = rdtsc() + FAR;

	x2apic_enable(0xff);
	x2apic_write(APIC_LVTT, APIC_LVTT_DEADLINE | APIC_LVT_MASKED | VECTOR);
	GUEST_LOOP(,
		   value ^= 1; wrmsr(MSR_IA32_TSC_DEADLINE, value),
		   rdmsr(MSR_IA32_TSC_DEADLINE) == value);
}

static void timer_deadline(void)
{
	struct vcpu *vcpu;
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_TSC_DEADLINE_TIMER);
	vm = vm_create_with_irqchip();
	vcpu = vcpu_add(vm, 0, guest_deadline);
	vcpu_set_cpuid_bit(vcpu, 1, 0, CPUID_ECX, 24);
	bench_guest(vcpu, 0);
	vm_destroy(vm);
}

static void guest_oneshot(void)
{
	x2apic_enable(0xff);
	x2apic_write(APIC_LVTT, APIC_LVT_MASKED | VECTOR);
	GUEST_LOOP(, x2apic_write(APIC_TMICT, FAR), x2apic_read(APIC_TMCCT));
}

static void timer_oneshot(void)
{
	bench_guest_code_with_irqchip(guest_oneshot);
}

/*
 * Two vCPUs that answer each other; one operation is the way there and back.  The peer halts
 * between two interrupts, or spins.
 */
static volatile bool peer_is_ready, peer_may_end;

static void answer_handler(struct guest_regs *regs)
{
	x2apic_write(APIC_EOI, 0);
	x2apic_write(APIC_ICR, VECTOR);
}

static void peer_begin(void)
{
	guest_handlers[PEER_VECTOR] = answer_handler;
	x2apic_enable(0xff);
	peer_is_ready = true;
}

static void guest_halting_peer(void)
{
	peer_begin();
	while (!peer_may_end) {
		sti_hlt();
		cli();
	}
}

static void guest_spinning_peer(void)
{
	peer_begin();
	sti();
	while (!peer_may_end)
		;
}

static inline void send_and_halt(uint64_t number)
{
	x2apic_write(APIC_ICR, PEER_DESTINATION | PEER_VECTOR);
	do {
		sti_hlt();
		cli();
	} while (bench_seen != number);
}

static void guest_send_and_halt(void)
{
	guest_x2apic_begin();
	GUEST_LOOP(, send_and_halt(count - left + 1), true);
}

static inline void send_and_spin(uint64_t number)
{
	x2apic_write(APIC_ICR, PEER_DESTINATION | PEER_VECTOR);
	while (bench_seen != number)
		;
}

static void guest_send_and_spin(void)
{
	guest_x2apic_begin();
	sti();
	GUEST_LOOP(, send_and_spin(count - left + 1), true);
}

static void measure_pair(void (*sender)(void), void (*peer)(void))
{
	struct kvm_msi wake = { .address_lo = 0xfee01000, .data = PEER_VECTOR };
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *first = vcpu_add(vm, 0, sender);
	struct vcpu *second = vcpu_add(vm, 1, peer);

	vcpu_thread_start(second);
	while (!GUEST(vm, peer_is_ready))
		test_sleep_ms(1);
	bench_guest(first, 0);
	GUEST(vm, peer_may_end) = true;
	vm_ioctl(vm, KVM_SIGNAL_MSI, &wake);
	vcpu_thread_join(second);
	vm_destroy(vm);
}

static void ipi_halted(void)
{
	measure_pair(guest_send_and_halt, guest_halting_peer);
}

static void ipi_running(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("two vCPUs that run at once need two CPUs");
	measure_pair(guest_send_and_spin, guest_spinning_peer);
}

static const struct test_case cases[] = {
	{ "pio_pic_read", pio_pic_read },
	{ "pio_pic_write", pio_pic_write },
	{ "mmio_ioapic_read", mmio_ioapic_read },
	{ "xapic_read", xapic_read_register },
	{ "xapic_write", xapic_write_register },
	{ "xapic_eoi", xapic_eoi_alone },
	{ "xapic_self_ipi_eoi", xapic_self_ipi },
	{ "x2apic_read", x2apic_read_register },
	{ "x2apic_write", x2apic_write_register },
	{ "x2apic_eoi", x2apic_eoi_alone },
	{ "x2apic_self_ipi_eoi", x2apic_self_ipi },
	{ "interrupt_window", interrupt_window },
	{ "hlt_pending", hlt_pending },
	{ "ipi_halted_both_ways", ipi_halted },
	{ "ipi_running_both_ways", ipi_running },
	{ "timer_oneshot", timer_oneshot },
	{ "timer_deadline", timer_deadline },
};

const struct figures device_figures = { cases, ARRAY_SIZE(cases) };
