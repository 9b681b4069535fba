// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SPLIT_IRQCHIP: LAPICs in the kernel, PIC, IOAPIC and PIT in user space. MSIs of
 * the IOAPIC's pins and the end of level-triggered ones, the PIC's interrupt at LINT0.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "apic.h"
#include "vcpu.h"

#define NR_PINS 24
#define PIN 5
#define LEVEL_VECTOR 0x41
#define EDGE_VECTOR 0x52
#define PIC_VECTOR 0x20
#define MSI_DATA_LEVEL 0xc000

static volatile uint64_t guest_counts[256];

static int __enable(struct vm *vm, uint32_t capability, uint64_t value)
{
	struct kvm_enable_cap cap = { .cap = capability, .args = { value } };

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

static struct vm *split_vm(void)
{
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_SPLIT_IRQCHIP);
	vm = vm_create();
	ASSERT_EQ(__enable(vm, KVM_CAP_SPLIT_IRQCHIP, NR_PINS), 0);
	return vm;
}

static int __route(struct vm *vm, unsigned int nr, const struct kvm_irq_routing_entry *entries)
{
	struct {
		struct kvm_irq_routing header;
		struct kvm_irq_routing_entry entries[4];
	} routing = { .header.nr = nr };
	unsigned int i;

	for (i = 0; i < nr; i++)
		routing.entries[i] = entries[i];
	return __vm_ioctl(vm, KVM_SET_GSI_ROUTING, &routing);
}

static struct kvm_irq_routing_entry msi(uint32_t gsi, unsigned int apic_id, uint32_t data)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000 | apic_id << 12, .data = data },
	};
}

static void enabling(void)
{
	struct vm *vm = vm_create_bare(), *full = vm_create_with_irqchip(), *late = vm_create();
	struct kvm_enable_cap flags = { .cap = KVM_CAP_SPLIT_IRQCHIP, .flags = 1 };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	REQUIRE_CAP(KVM_CAP_SPLIT_IRQCHIP);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_ENABLE_CAP, &flags), EINVAL);
	ASSERT_ERRNO(__enable(vm, KVM_CAP_SPLIT_IRQCHIP, 4097), EINVAL);
	ASSERT_ERRNO(__enable(vm, KVM_CAP_SPLIT_IRQCHIP, ~0ull), EINVAL);
	ASSERT_EQ(__enable(vm, KVM_CAP_SPLIT_IRQCHIP, 4096), 0);
	ASSERT_ERRNO(__enable(vm, KVM_CAP_SPLIT_IRQCHIP, NR_PINS), EEXIST);
	ASSERT_ERRNO(__enable(full, KVM_CAP_SPLIT_IRQCHIP, NR_PINS), EEXIST);
	vcpu_create(late, 0);
	ASSERT_ERRNO(__enable(late, KVM_CAP_SPLIT_IRQCHIP, NR_PINS), EEXIST);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_CREATE_IRQCHIP, 0), EEXIST);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_GET_IRQCHIP, &chip), ENXIO);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_SET_IRQCHIP, &chip), ENXIO);
	vm_destroy(vm);
	vm_destroy(full);
	vm_destroy(late);
}

static void routes(void)
{
	struct vm *vm = split_vm();
	struct kvm_irq_routing_entry pin = { .gsi = 1, .type = KVM_IRQ_ROUTING_IRQCHIP,
					     .u.irqchip = { KVM_IRQCHIP_IOAPIC, 1 } };
	struct kvm_irq_routing_entry message = msi(PIN, 0, EDGE_VECTOR);
	int event = eventfd(0, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC);
	struct kvm_irqfd irqfd = { .fd = event, .gsi = PIN };
	struct kvm_irqfd resample = { .fd = event, .gsi = PIN, .resamplefd = other,
				      .flags = KVM_IRQFD_FLAG_RESAMPLE };

	/* No chip, no pins. */
	ASSERT_ERRNO(__route(vm, 1, &pin), EINVAL);
	pin.u.irqchip.irqchip = KVM_IRQCHIP_PIC_MASTER;
	ASSERT_ERRNO(__route(vm, 1, &pin), EINVAL);
	ASSERT_EQ(__route(vm, 1, &message), 0);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_IRQFD, &resample), EINVAL);
	ASSERT_EQ(__vm_ioctl(vm, KVM_IRQFD, &irqfd), 0);
	close(event);
	close(other);
	vm_destroy(vm);
}

static void guest_on_interrupt(struct guest_regs *regs)
{
	guest_counts[regs->vector]++;
	xapic_eoi();
}

static void guest_get_interrupts(void)
{
	guest_handlers[LEVEL_VECTOR] = guest_on_interrupt;
	guest_handlers[EDGE_VECTOR] = guest_on_interrupt;
	xapic_enable(0xff);
	sti();
	for (;;)
		GUEST_SYNC_ARGS(1, guest_counts[LEVEL_VECTOR], guest_counts[EDGE_VECTOR], 0);
}

/* Raise @gsi; the end of its interrupt is reported, or not. */
static void raise_line(struct vm *vm, struct vcpu *vcpu, uint32_t gsi, uint8_t ended)
{
	vm_irq_line(vm, gsi, 1);
	if (ended) {
		vcpu_run_to(vcpu, KVM_EXIT_IOAPIC_EOI);
		ASSERT_EQ(vcpu->run->eoi.vector, ended);
	}
	vcpu_run_sync(vcpu, 1);
}

static void ends(void)
{
	struct vm *vm = split_vm();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_get_interrupts);
	struct kvm_irq_routing_entry entries[] = {
		msi(PIN, 0, LEVEL_VECTOR | MSI_DATA_LEVEL),
		msi(PIN + 1, 0, EDGE_VECTOR),
	};
	struct kvm_irq_routing_entry others[] = {
		/* Another LAPIC's, and a GSI that is no pin of the IOAPIC. */
		msi(PIN, 1, LEVEL_VECTOR | MSI_DATA_LEVEL),
		msi(NR_PINS, 0, LEVEL_VECTOR | MSI_DATA_LEVEL),
	};

	vcpu_add(vm, 1, guest_return);
	ASSERT_EQ(__route(vm, 2, entries), 0);
	vcpu_run_sync(vcpu, 1);
	raise_line(vm, vcpu, PIN, LEVEL_VECTOR);
	raise_line(vm, vcpu, PIN + 1, 0);
	raise_line(vm, vcpu, PIN, LEVEL_VECTOR);
	ASSERT_EQ(GUEST(vm, guest_counts[LEVEL_VECTOR]), 2u);
	ASSERT_EQ(GUEST(vm, guest_counts[EDGE_VECTOR]), 1u);
	ASSERT_EQ(__route(vm, 2, others), 0);
	raise_line(vm, vcpu, NR_PINS, 0);
	ASSERT_EQ(GUEST(vm, guest_counts[LEVEL_VECTOR]), 3u);
	vm_destroy(vm);
}

static int __interrupt(struct vcpu *vcpu, uint32_t vector)
{
	struct kvm_interrupt interrupt = { .irq = vector };

	return __vcpu_ioctl(vcpu, KVM_INTERRUPT, &interrupt);
}

static void guest_count_pic(struct guest_regs *regs)
{
	guest_counts[regs->vector]++;
}

static void guest_use_pic(void)
{
	guest_handlers[PIC_VECTOR] = guest_count_pic;
	xapic_enable(0xff);
	sti();
	/* LINT0 is masked. */
	GUEST_SYNC(1);
	xapic_write(APIC_LVT_LINT0, APIC_DM_EXTINT);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(guest_counts[PIC_VECTOR], 1);
	cli();
	GUEST_SYNC(3);
	sti_nop_cli();
	GUEST_SYNC(4);
	GUEST_ASSERT_EQ(guest_counts[PIC_VECTOR], 2);
	sti();
	asm volatile("hlt");
	GUEST_ASSERT_EQ(guest_counts[PIC_VECTOR], 3);
}

static void pic(void)
{
	struct vm *vm = split_vm();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_use_pic);

	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(vcpu->run->if_flag, 1);
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 0);
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 1);
	ASSERT_ERRNO(__interrupt(vcpu, 256), EINVAL);
	ASSERT_EQ(__interrupt(vcpu, PIC_VECTOR), 0);
	/* One place, until the guest takes it. */
	ASSERT_ERRNO(__interrupt(vcpu, PIC_VECTOR), EEXIST);
	vcpu_run_sync(vcpu, 3);
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 0);
	vcpu->run->request_interrupt_window = 1;
	vcpu_run_to(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 1);
	vcpu->run->request_interrupt_window = 0;
	ASSERT_EQ(__interrupt(vcpu, PIC_VECTOR), 0);
	vcpu_run_sync(vcpu, 4);
	/* It ends a halt, which the kernel keeps. */
	ASSERT_EQ(__interrupt(vcpu, PIC_VECTOR), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "enabling", enabling },
	{ "routes", routes },
	{ "ends", ends },
	{ "pic", pic },
};

TEST_MAIN(cases)
