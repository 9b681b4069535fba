// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once: guests that write to their LAPICs, IOAPIC, PICs and PIT without
 * sense, while host threads drive lines, send MSIs, replace the routing and load
 * chips with rubbish.  Passes if the host stays whole and every vCPU still answers.
 */
#include <string.h>
#include <time.h>

#include "apic.h"
#include "vcpu.h"

#define NR_VCPUS 2
#define NR_ACTORS 2
#define SECONDS 3
#define FIRST_VECTOR 0x20

static volatile uint64_t guest_stop, guest_count;

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void guest_on_interrupt(struct guest_regs *regs)
{
	guest_count++;
	xapic_eoi();
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static uint8_t guest_vector(uint32_t random)
{
	uint8_t vector = random;

	return vector < FIRST_VECTOR ? vector + FIRST_VECTOR : vector;
}

/* One senseless access; nothing that resets a CPU, stops it or renames vectors. */
static void guest_act(uint32_t *seed)
{
	uint32_t action = next_random(seed) % 12, random = next_random(seed);

	switch (action) {
	case 0:		/* fixed or lowest priority to anybody, by any shorthand */
		xapic_write(APIC_ICR2, random << 24);
		xapic_write(APIC_ICR, guest_vector(random) | (random & 0xcc900));
		break;
	case 1:
		xapic_write(APIC_TPR, random & 0x7f);
		break;
	case 2:
		xapic_write(APIC_LDR, random << 24);
		xapic_write(APIC_DFR, random & 0x100 ? 0xffffffff : 0x0fffffff);
		break;
	case 3:
		xapic_write(APIC_LVTT, guest_vector(random) | (random & 0x30000));
		xapic_write(APIC_TDCR, random >> 4);
		xapic_write(APIC_TMICT, random & 0xfffff);
		break;
	case 4:
		xapic_write(APIC_LVT_ERROR, guest_vector(random) | (random & 0x10000));
		xapic_write(APIC_ESR, 0);
		xapic_write(random & 0x70, random);
		break;
	case 5:
		xapic_write(APIC_SVR, random & 0x2ff);
		xapic_write(APIC_SVR, 0x1ff);
		break;
	case 6:
		ioapic_write(IOAPIC_REDTBL(random % 24) + 1, random << 24);
		ioapic_write(IOAPIC_REDTBL(random % 24),
			     guest_vector(random) | (random & 0x1a900));
		break;
	case 7:
		outb(random & 1 ? 0x20 : 0xa0, random >> 4 & ~0x10);
		inb(random & 1 ? 0x20 : 0xa0);
		break;
	case 8:
		outb(random & 1 ? 0x21 : 0xa1, (random >> 4 & 0xff) | FIRST_VECTOR);
		outb(random & 1 ? 0x4d0 : 0x4d1, random >> 4);
		break;
	case 9:
		outb(0x43, random);
		outb(0x40 + random % 3, random >> 8);
		inb(0x40 + random % 3);
		break;
	case 10:
		outb(0x61, random);
		inb(0x61);
		break;
	case 11:
		xapic_eoi();
		break;
	}
}

static void guest_main(uint64_t seed)
{
	uint32_t random = seed;
	unsigned int vector;

	for (vector = FIRST_VECTOR; vector < 256; vector++)
		guest_handlers[vector] = guest_on_interrupt;
	xapic_enable(0xff);
	while (!guest_stop) {
		guest_act(&random);
		sti();
		asm volatile("nop; nop");
		cli();
	}
}

static struct vm *actors_vm;

static void set_random_chip(uint32_t *seed)
{
	struct kvm_irqchip chip = { .chip_id = next_random(seed) % 3 };
	uint8_t *bytes = (uint8_t *)&chip.chip;
	unsigned int i;

	vm_ioctl(actors_vm, KVM_GET_IRQCHIP, &chip);
	for (i = 0; i < sizeof(chip.chip); i++)
		if (next_random(seed) % 8 == 0)
			bytes[i] = next_random(seed);
	if (chip.chip_id < 2)
		chip.chip.pic.irq_base |= FIRST_VECTOR;
	for (i = 0; chip.chip_id == 2 && i < KVM_IOAPIC_NUM_PINS; i++) {
		chip.chip.ioapic.redirtbl[i].fields.vector |= FIRST_VECTOR;
		chip.chip.ioapic.redirtbl[i].fields.delivery_mode &= 1;
	}
	vm_ioctl(actors_vm, KVM_SET_IRQCHIP, &chip);
}

/*
 * Chips without any request. The PICs' vectors would be those of exceptions until
 * somebody initializes them. At the end a level-triggered line that nobody lowers must
 * not keep a guest in its handler for ever.
 */
static void set_quiet_chips(void)
{
	struct kvm_irqchip chip = { };
	unsigned int i;

	for (; chip.chip_id < 2; chip.chip_id++) {
		memset(&chip.chip, 0, sizeof(chip.chip));
		chip.chip.pic.irq_base = 0x80 + 8 * chip.chip_id;
		vm_ioctl(actors_vm, KVM_SET_IRQCHIP, &chip);
	}
	memset(&chip.chip, 0, sizeof(chip.chip));
	for (i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		chip.chip.ioapic.redirtbl[i].fields.mask = 1;
	vm_ioctl(actors_vm, KVM_SET_IRQCHIP, &chip);
}

static void set_random_pit(uint32_t *seed)
{
	struct kvm_pit_state2 pit;
	uint8_t *bytes = (uint8_t *)&pit;
	unsigned int i;

	vm_ioctl(actors_vm, KVM_GET_PIT2, &pit);
	for (i = 0; i < sizeof(pit); i++)
		if (next_random(seed) % 8 == 0)
			bytes[i] = next_random(seed);
	vm_ioctl(actors_vm, KVM_SET_PIT2, &pit);
}

static void set_random_routes(uint32_t *seed)
{
	struct {
		struct kvm_irq_routing header;
		struct kvm_irq_routing_entry entries[48];
	} table = { .header.nr = next_random(seed) % 48 };
	unsigned int i;

	for (i = 0; i < table.header.nr; i++) {
		table.entries[i].gsi = i;
		table.entries[i].type = KVM_IRQ_ROUTING_IRQCHIP;
		table.entries[i].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		table.entries[i].u.irqchip.pin = next_random(seed) % 24;
		if (next_random(seed) % 2)
			continue;
		table.entries[i].type = KVM_IRQ_ROUTING_MSI;
		table.entries[i].u.msi.address_lo = 0xfee00000 | next_random(seed) << 12;
		table.entries[i].u.msi.data = FIRST_VECTOR | (next_random(seed) & 0x1ff);
	}
	vm_ioctl(actors_vm, KVM_SET_GSI_ROUTING, &table);
}

static void *act(void *argument)
{
	uint32_t seed = (uintptr_t)argument;
	struct kvm_msi msi = { };
	time_t end = time(NULL) + SECONDS;

	while (time(NULL) < end) {
		switch (next_random(&seed) % 64) {
		case 0:
			set_random_chip(&seed);
			break;
		case 1:
			set_random_pit(&seed);
			break;
		case 2:
			set_random_routes(&seed);
			break;
		case 3 ... 20:
			msi.address_lo = 0xfee00000 | (next_random(&seed) & 0xff00c);
			msi.data = FIRST_VECTOR | (next_random(&seed) & 0xc1ff);
			vm_ioctl(actors_vm, KVM_SIGNAL_MSI, &msi);
			break;
		default:
			vm_irq_line(actors_vm, next_random(&seed) % 50, next_random(&seed) % 2);
			break;
		}
	}
	return NULL;
}

static void all_at_once(void)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct vm *vm = vm_create_with_irqchip();
	pthread_t actors[NR_ACTORS];
	struct vcpu *vcpus[NR_VCPUS];
	unsigned int i;

	vm_ioctl(vm, KVM_CREATE_PIT2, &config);
	actors_vm = vm;
	set_quiet_chips();
	for (i = 0; i < NR_VCPUS; i++) {
		vcpus[i] = vcpu_add(vm, i, (void (*)(void))guest_main);
		vcpu_set_arg(vcpus[i], 0, 77 + i);
	}
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_thread_start(vcpus[i]);
	for (i = 0; i < NR_ACTORS; i++)
		pthread_create(&actors[i], NULL, act, (void *)(uintptr_t)(5 + i));
	for (i = 0; i < NR_ACTORS; i++)
		pthread_join(actors[i], NULL);
	GUEST(vm, guest_stop) = 1;
	set_quiet_chips();
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_thread_join(vcpus[i]);
	ASSERT_GE(GUEST(vm, guest_count), 100ull);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "all_at_once", all_at_once },
};

TEST_MAIN(cases)
