// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259 PICs: initialization, priorities and their rotation, EOI commands,
 * masks, cascade, polling, spurious interrupts, edge and level, state.
 */
#include <string.h>

#include <linux/kernel.h>

#include "irqchip/models.h"
#include "ktap.h"

static struct pic pic;
static u32 ended, unmasked;
static int nr_wakes;

void irqchip_pins_ended(struct lodge_vm *vm, u32 first_pin, u32 mask)
{
	ended |= mask;
}

void irqchip_pins_unmasked(struct lodge_vm *vm, u32 first_pin, u32 mask)
{
	unmasked |= mask;
}

void irqchip_wake_for_pic(struct lodge_vm *vm)
{
	nr_wakes++;
}

static struct iodev *iodev_of(u16 port)
{
	return port >= 0x4d0 ? &pic.elcr : &pic.command[port >= 0xa0];
}

static void out(u16 port, u8 value)
{
	iodev_of(port)->ops->write(iodev_of(port), NULL, port, 1, &value);
}

static u8 in(u16 port)
{
	u8 value = 0;

	iodev_of(port)->ops->read(iodev_of(port), NULL, port, 1, &value);
	return value;
}

static int line(u32 pin, int level)
{
	return pic_set_line(&pic, pin, IRQCHIP_SOURCE_USER, level);
}

static void pulse(u32 pin)
{
	line(pin, 1);
	line(pin, 0);
}

static void initialize(u8 icw4_master)
{
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, icw4_master);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 0x02);
	out(0xa1, 0x01);
}

/* Starts each case: vectors 0x30 and 0x38, nothing masked. */
static void restart(u8 icw4_master)
{
	memset(&pic, 0, sizeof(pic));
	pic_create(&pic, NULL);
	initialize(icw4_master);
	ended = 0;
	unmasked = 0;
	nr_wakes = 0;
}

static bool takes(int vector)
{
	return pic_has_irq(&pic) && pic_acknowledge(&pic) == vector;
}

static void test_initialization(void)
{
	bool passed;

	restart(1);
	out(0x21, 0xab);
	passed = in(0x21) == 0xab && in(0xa1) == 0;
	line(0, 1);
	out(0x20, 0x11);
	passed &= in(0x21) == 0 && ended == 1;		/* the edge is forgotten, and told so */
	out(0x21, 0x47);
	out(0x21, 4);
	out(0x21, 1);
	line(0, 0);
	pulse(3);
	passed &= takes(0x43);				/* the low three bits come from the pin */
	ktap_result(passed, "initialization");

	memset(&pic, 0, sizeof(pic));
	pic_create(&pic, NULL);
	out(0x20, 0x10);				/* without ICW4 */
	out(0x21, 0x20);
	out(0x21, 4);
	out(0x21, 0xfe);				/* a mask already */
	pulse(0);
	ktap_result(in(0x21) == 0xfe && takes(0x20), "initialization_without_icw4");
}

/* The vector that is taken first, of all pins requesting, by the lowest priority. */
static void test_rotation(void)
{
	bool passed = true;
	u32 lowest, pin;

	for (lowest = 0; lowest < 8; lowest++) {
		restart(1);
		out(0x20, 0xc0 | lowest);
		for (pin = 0; pin < 8; pin++)
			pulse(pin == 2 ? 8 : pin);
		for (pin = 1; pin <= 8; pin++) {
			u32 expected = (lowest + pin) & 7;

			passed &= takes(expected == 2 ? 0x38 : 0x30 + expected);
			if (expected == 2)
				out(0xa0, 0x20);
			out(0x20, 0x60 | expected);
		}
		passed &= !pic_has_irq(&pic);
	}
	ktap_result(passed, "rotation_by_command");

	restart(1);
	pulse(3);
	pulse(4);
	passed = takes(0x33);
	out(0x20, 0xa0);		/* rotate on EOI: 3 is the lowest now */
	pulse(3);
	passed &= takes(0x34);
	out(0x20, 0xe4);		/* the same, specific */
	pulse(4);
	passed &= takes(0x33);
	ktap_result(passed && ended == (BIT(3) | BIT(4)), "rotation_on_eoi");

	restart(3);
	out(0x20, 0x80);
	pulse(3);
	pulse(4);
	passed = takes(0x33) && ended == BIT(3);	/* ended by being taken */
	pulse(3);
	passed &= takes(0x34) && takes(0x33) && !pic_has_irq(&pic);
	ktap_result(passed, "rotation_on_automatic_eoi");
}

static void test_nesting(void)
{
	bool passed;

	restart(1);
	pulse(4);
	passed = takes(0x34);
	pulse(5);
	passed &= !pic_has_irq(&pic);
	pulse(1);
	passed &= takes(0x31);
	out(0x20, 0x20);
	passed &= ended == BIT(1) && !pic_has_irq(&pic);
	out(0x20, 0x20);
	passed &= ended == (BIT(1) | BIT(4)) && takes(0x35);
	out(0x20, 0x0b);
	passed &= in(0x20) == BIT(5);
	out(0x20, 0x0a);
	passed &= in(0x20) == 0;
	ktap_result(passed, "nesting");

	restart(1);
	pulse(4);
	takes(0x34);
	out(0x20, 0x68);		/* special mask mode */
	out(0x21, BIT(4));
	pulse(5);
	passed = takes(0x35);
	out(0x20, 0x20);		/* ends 5: 4 is masked */
	passed &= ended == BIT(5);
	out(0x20, 0x48);
	out(0x20, 0x20);
	ktap_result(passed && ended == (BIT(5) | BIT(4)), "special_mask_mode");
}

static void test_masks(void)
{
	bool passed;

	restart(1);
	out(0x21, 0xff);
	passed = line(3, 1) == -1 && !pic_has_irq(&pic);
	line(3, 0);
	out(0x21, 0xf7);
	passed &= unmasked == BIT(3) && nr_wakes == 1 && takes(0x33);	/* was latched */
	ktap_result(passed, "mask_keeps_the_edge");

	restart(1);
	passed = line(3, 1) == 1 && line(3, 1) == 0;
	passed &= takes(0x33) && line(3, 1) == 0;
	line(3, 0);
	passed &= line(3, 1) == 1;
	ktap_result(passed, "results");
}

static void test_cascade(void)
{
	bool passed;

	restart(1);
	pulse(12);
	passed = takes(0x3c);
	pulse(14);
	passed &= !pic_has_irq(&pic);
	out(0xa0, 0x20);
	passed &= ended == BIT(12) && !pic_has_irq(&pic);
	out(0x20, 0x20);
	passed &= takes(0x3e);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	passed &= !pic_has_irq(&pic) && line(2, 1) == -1;
	ktap_result(passed, "cascade");

	restart(0x11);			/* special fully nested */
	pulse(12);
	passed = takes(0x3c);
	pulse(9);			/* the slave interrupts its own */
	ktap_result(passed && takes(0x39), "special_fully_nested");

	restart(1);
	pulse(12);
	out(0xa1, 0xff);		/* taken back before it was acknowledged */
	passed = !pic_has_irq(&pic) && pic_acknowledge(&pic) == 0x37;
	ktap_result(passed, "spurious");
}

static void test_level(void)
{
	bool passed;

	restart(1);
	out(0x4d0, 0xff);
	out(0x4d1, 0xff);
	passed = in(0x4d0) == 0xf8 && in(0x4d1) == 0xde;
	line(10, 1);
	passed &= takes(0x3a);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	passed &= takes(0x3a);		/* still asserted */
	line(10, 0);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	passed &= !pic_has_irq(&pic);
	line(11, 1);
	line(11, 0);
	passed &= !pic_has_irq(&pic);	/* gone with the line */
	ktap_result(passed, "level");

	restart(1);
	out(0x4d1, 0x04);
	line(10, 1);
	pic_set_line(&pic, 10, IRQCHIP_SOURCE_RESAMPLE, 1);
	line(10, 0);
	passed = pic_has_irq(&pic);
	pic_set_line(&pic, 10, IRQCHIP_SOURCE_RESAMPLE, 0);
	ktap_result(passed && !pic_has_irq(&pic), "sources");
}

static void test_poll(void)
{
	bool passed;

	restart(1);
	out(0x20, 0x0c);
	passed = in(0x20) == 7;
	pulse(5);
	out(0x20, 0x0c);
	passed &= in(0x20) == 0x85 && !pic_has_irq(&pic);
	out(0x20, 0x0b);
	passed &= in(0x20) == BIT(5);	/* polling acknowledges */
	ktap_result(passed, "poll");
}

static void test_state(void)
{
	struct kvm_pic_state master, slave, again;
	bool passed;

	restart(1);
	pulse(12);
	line(3, 1);
	takes(0x3c);
	pulse(15);
	pic_get_state(&pic, 0, &master);
	pic_get_state(&pic, 1, &slave);
	passed = master.irq_base == 0x30 && master.isr == BIT(2) && (master.irr & BIT(3)) &&
		 slave.isr == BIT(4) && slave.irr == BIT(7) && slave.elcr_mask == 0xde;
	restart(3);
	pic_set_state(&pic, 0, &master);
	pic_set_state(&pic, 1, &slave);
	pic_get_state(&pic, 0, &again);
	passed &= !memcmp(&master, &again, sizeof(again));
	pic_get_state(&pic, 1, &again);
	passed &= !memcmp(&slave, &again, sizeof(again));
	out(0xa0, 0x20);
	out(0x20, 0x20);
	ktap_result(passed && takes(0x3f), "state_round_trip");

	memset(&master, 0xff, sizeof(master));
	pic_set_state(&pic, 0, &master);
	pic_set_state(&pic, 1, &master);
	pic_get_state(&pic, 0, &again);
	passed = again.priority_add == 7 && again.irq_base == 0xf8 && again.init_state == 3 &&
		 again.elcr == 0xf8 && !pic_has_irq(&pic);
	initialize(1);
	pulse(1);
	ktap_result(passed && takes(0x31), "state_hostile");
}

/* A 16-bit access reaches both ports. */
static void test_word(void)
{
	u16 value = 0x5a0b;

	restart(1);
	pic.command[0].ops->write(&pic.command[0], NULL, 0x20, 2, &value);
	value = 0;
	pic.command[0].ops->read(&pic.command[0], NULL, 0x20, 2, &value);
	ktap_result(value == 0x5a00, "word_access");
}

int main(void)
{
	ktap_begin();
	test_initialization();
	test_rotation();
	test_nesting();
	test_masks();
	test_cascade();
	test_level();
	test_poll();
	test_state();
	test_word();
	return ktap_end();
}
