// SPDX-License-Identifier: GPL-2.0
/*
 * The IOAPIC: registers, what a pin sends and when, remote IRR, EOI, storms, state. The
 * bus to the LAPICs is this file's: it notes messages and accepts or refuses them.
 */
#include <string.h>

#include <linux/kernel.h>

#include "irqchip/models.h"
#include "ktap.h"

#define LEVEL		0x8000u
#define REMOTE_IRR	0x4000u
#define MASKED		0x10000u

static struct ioapic ioapic;
static struct lapic_message sent;
static int nr_sent, nr_accept = 1;
static u32 unmasked;

int apic_bus_send(struct lodge_vm *vm, struct lodge_vcpu *source,
		  const struct lapic_message *message)
{
	sent = *message;
	nr_sent++;
	return nr_accept;
}

void irqchip_pins_unmasked(struct lodge_vm *vm, u32 first_pin, u32 mask)
{
	if (first_pin == IRQCHIP_IOAPIC_PIN0)
		unmasked |= mask;
}

static u32 reg_read(u8 reg)
{
	u32 value = 0;

	ioapic.iodev.ops->write(&ioapic.iodev, NULL, IOAPIC_BASE, 1, &reg);
	ioapic.iodev.ops->read(&ioapic.iodev, NULL, IOAPIC_BASE + 0x10, 4, &value);
	return value;
}

static void reg_write(u8 reg, u32 value)
{
	ioapic.iodev.ops->write(&ioapic.iodev, NULL, IOAPIC_BASE, 1, &reg);
	ioapic.iodev.ops->write(&ioapic.iodev, NULL, IOAPIC_BASE + 0x10, 4, &value);
}

/* Starts each case: all pins masked, nothing sent, everything accepted. */
static void restart(void)
{
	memset(&ioapic, 0, sizeof(ioapic));
	ioapic_create(&ioapic, NULL);
	nr_sent = 0;
	nr_accept = 1;
	unmasked = 0;
}

static void set_pin(u32 pin, u32 high, u32 low)
{
	reg_write(0x11 + 2 * pin, high);
	reg_write(0x10 + 2 * pin, low);
}

static u32 pin_low(u32 pin)
{
	return reg_read(0x10 + 2 * pin);
}

static int line(u32 pin, int level)
{
	return ioapic_set_line(&ioapic, pin, IRQCHIP_SOURCE_USER, level);
}

static void eoi(u8 vector, bool is_level)
{
	ioapic_eoi(&ioapic, ioapic_pins_of(&ioapic, vector, is_level));
}

static void test_registers(void)
{
	u32 pin, reg;
	bool passed;

	restart();
	passed = reg_read(1) == 0x170011 && reg_read(0) == 0;
	reg_write(0, 0xff123456);
	passed &= reg_read(0) == 0x0f000000 && reg_read(2) == 0x0f000000;
	reg_write(1, 0);
	passed &= reg_read(1) == 0x170011;
	ktap_result(passed, "id_and_version");

	passed = true;
	for (pin = 0; pin < 24; pin++) {
		passed &= pin_low(pin) == MASKED && reg_read(0x11 + 2 * pin) == 0;
		set_pin(pin, 0xffffffff, 0xffffffff);
		passed &= pin_low(pin) == 0x1afff && reg_read(0x11 + 2 * pin) == 0xff000000;
	}
	ktap_result(passed && !nr_sent, "redirection_writable_bits");

	passed = true;
	for (reg = 3; reg < 256; reg++) {
		if (reg >= 0x10 && reg < 0x40)
			continue;
		reg_write(reg, 0x12345678);
		passed &= reg_read(reg) == 0xffffffff;
	}
	ktap_result(passed && reg_read(0x3e) == 0x1afff, "nothing_beyond_the_table");
}

static void test_message(void)
{
	restart();
	set_pin(5, 0xa5000000, 0x0941);
	ktap_result(line(5, 1) == 1 && nr_sent == 1 && sent.dest == 0xa5 && sent.vector == 0x41 &&
		    sent.delivery == LAPIC_DELIVERY_LOWEST && sent.is_logical && !sent.is_level &&
		    sent.is_asserted && !sent.is_ipi && !sent.shorthand, "message");
}

static void test_edge(void)
{
	bool passed;

	restart();
	passed = line(3, 1) == -1 && nr_sent == 0;	/* masked: lost */
	line(3, 0);
	set_pin(3, 0, 0x33);
	passed &= unmasked == BIT(3) && nr_sent == 0;
	passed &= line(3, 1) == 1 && nr_sent == 1;
	passed &= line(3, 1) == 0 && nr_sent == 1;	/* still high: coalesced */
	passed &= line(3, 0) == 1 && line(3, 1) == 1 && nr_sent == 2;
	passed &= !(pin_low(3) & REMOTE_IRR);
	eoi(0x33, false);
	passed &= nr_sent == 2;
	ktap_result(passed, "edge");

	restart();
	set_pin(3, 0, 0x33);
	nr_accept = 0;
	ktap_result(line(3, 1) == 0 && nr_sent == 1, "edge_refused");
}

static void test_level(void)
{
	bool passed;

	restart();
	set_pin(9, 0, LEVEL | 0x61);
	passed = line(9, 1) == 1 && nr_sent == 1 && sent.is_level;
	passed &= (pin_low(9) & REMOTE_IRR) && ioapic_watches(&ioapic, 0x61);
	passed &= line(9, 1) == -1 && nr_sent == 1;
	eoi(0x62, true);
	passed &= (pin_low(9) & REMOTE_IRR) && nr_sent == 1;
	eoi(0x61, true);				/* still asserted: again */
	passed &= (pin_low(9) & REMOTE_IRR) && nr_sent == 2;
	line(9, 0);
	eoi(0x61, true);
	passed &= !(pin_low(9) & REMOTE_IRR) && nr_sent == 2;
	ktap_result(passed, "level");

	restart();
	passed = line(9, 1) == -1;
	set_pin(9, 0, LEVEL | 0x61);
	passed &= nr_sent == 1 && (pin_low(9) & REMOTE_IRR);
	set_pin(9, 0, MASKED | LEVEL | 0x61);
	eoi(0x61, true);
	passed &= nr_sent == 1 && !(pin_low(9) & REMOTE_IRR);
	set_pin(9, 0, LEVEL | 0x61);
	passed &= nr_sent == 2;
	ktap_result(passed, "level_masked");

	set_pin(9, 0, 0x61);
	passed = !(pin_low(9) & REMOTE_IRR);
	ktap_result(passed, "edge_mode_clears_remote_irr");

	restart();
	set_pin(9, 0, LEVEL | 0x61);
	nr_accept = 0;
	ktap_result(line(9, 1) == 0 && !(pin_low(9) & REMOTE_IRR), "level_refused");
}

/* A line is the OR of its sources. */
static void test_sources(void)
{
	bool passed;

	restart();
	set_pin(9, 0, LEVEL | 0x61);
	line(9, 1);
	ioapic_set_line(&ioapic, 9, IRQCHIP_SOURCE_RESAMPLE, 1);
	line(9, 0);
	eoi(0x61, true);
	passed = nr_sent == 2;
	ioapic_set_line(&ioapic, 9, IRQCHIP_SOURCE_RESAMPLE, 0);
	eoi(0x61, true);
	ktap_result(passed && nr_sent == 2, "sources");
}

/* Two pins with one vector end together; an edge pin counts only when watched. */
static void test_watch(void)
{
	bool passed;

	restart();
	set_pin(1, 0, LEVEL | 0x50);
	set_pin(2, 0, 0x50);
	set_pin(3, 0, LEVEL | 0x50);
	set_pin(4, 0, 0x51);
	passed = ioapic_pins_of(&ioapic, 0x50, true) == 0xa &&
		 ioapic_pins_of(&ioapic, 0x50, false) == 0 && !ioapic_watches(&ioapic, 0x51);
	ioapic_watch(&ioapic, BIT(2) | BIT(4));
	passed &= ioapic_pins_of(&ioapic, 0x50, false) == 0x4 && ioapic_watches(&ioapic, 0x51) &&
		  ioapic_pins_of(&ioapic, 0x50, true) == 0xe;
	set_pin(4, 0, 0x52);
	passed &= !ioapic_watches(&ioapic, 0x51) && ioapic_watches(&ioapic, 0x52);
	ktap_result(passed, "watched_pins");
}

/* A guest that never quiets its device gets a pause. */
static void test_storm(void)
{
	int i;

	restart();
	set_pin(9, 0, LEVEL | 0x61);
	line(9, 1);
	for (i = 0; i < 20000 && !ioapic.storm_work.is_pending; i++)
		eoi(0x61, true);
	nr_sent = 0;
	eoi(0x62, true);
	if (ioapic.storm_work.is_pending)
		ioapic.storm_work.work.func(&ioapic.storm_work.work);
	ktap_result(i == 10000 && nr_sent == 1 && (pin_low(9) & REMOTE_IRR), "storm");
}

static void test_state(void)
{
	struct kvm_ioapic_state state, again;
	bool passed;

	restart();
	set_pin(3, 0x07000000, 0x33);
	set_pin(9, 0, LEVEL | 0x61);
	line(3, 1);
	line(9, 1);
	reg_write(0, 0x0b000000);
	ioapic_get_state(&ioapic, &state);
	passed = state.base_address == IOAPIC_BASE && state.id == 0xb && state.irr == BIT(9) &&
		 state.redirtbl[3].fields.vector == 0x33 && state.redirtbl[3].fields.dest_id == 7 &&
		 state.redirtbl[9].fields.remote_irr && state.redirtbl[9].fields.trig_mode;
	restart();
	ioapic_set_state(&ioapic, &state);
	passed &= nr_sent == 0;		/* waits for its EOI */
	ioapic_get_state(&ioapic, &again);
	passed &= !memcmp(&state, &again, sizeof(state));
	eoi(0x61, true);
	ktap_result(passed && nr_sent == 1, "state_round_trip");

	restart();
	memset(&state, 0xff, sizeof(state));
	ioapic_set_state(&ioapic, &state);
	ioapic_get_state(&ioapic, &state);
	ktap_result(state.base_address == IOAPIC_BASE && state.irr == 0xffffff && state.id == 0xf &&
		    state.redirtbl[23].bits == 0xff0000000001efffull, "state_hostile");
}

int main(void)
{
	ktap_begin();
	test_registers();
	test_message();
	test_edge();
	test_level();
	test_sources();
	test_watch();
	test_storm();
	test_state();
	return ktap_end();
}
