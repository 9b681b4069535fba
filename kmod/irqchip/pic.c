// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the pair of 8259 PICs of a PC, with the edge/level control registers of the
 * chip sets that followed. By Intel's data sheet of the 8259A; single mode, the 8085's
 * vectors and level triggering for a whole chip (ICW1.LTIM) do not exist here.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "models.h"

#define MASTER		0
#define SLAVE		1
#define CASCADE_PIN	2	/* the master's pin that the slave drives */
#define SPURIOUS_PIN	7	/* what a chip answers if nobody asks any more */
#define NO_PRIORITY	8

#define PORT_MASTER	0x20
#define PORT_SLAVE	0xa0
#define PORT_ELCR	0x4d0

/* Pins that may be level-triggered: not timer, keyboard, cascade, RTC, coprocessor. */
static const u8 elcr_masks[PIC_NR_CHIPS] = { 0xf8, 0xde };

/* Command port: which word a value is. */
#define ICW1		BIT(4)
#define ICW1_ICW4	BIT(0)
#define OCW3		BIT(3)
#define OCW3_READ_ISR	BIT(0)
#define OCW3_READ	BIT(1)
#define OCW3_POLL	BIT(2)
#define OCW3_SMM	BIT(5)
#define OCW3_SET_SMM	BIT(6)
#define ICW4_AEOI	BIT(1)
#define ICW4_SFNM	BIT(4)

/* OCW2, bits 7:5. */
enum pic_ocw2 {
	OCW2_CLEAR_ROTATE_AEOI,
	OCW2_EOI,
	OCW2_NOTHING,
	OCW2_SPECIFIC_EOI,
	OCW2_SET_ROTATE_AEOI,
	OCW2_ROTATE_EOI,
	OCW2_SET_PRIORITY,
	OCW2_ROTATE_SPECIFIC_EOI,
};

/* What the mask port expects next, chip->init_state. */
enum pic_init_state {
	PIC_READY,
	PIC_EXPECTS_ICW2,
	PIC_EXPECTS_ICW3,
	PIC_EXPECTS_ICW4,
};

/* What happened under the lock and is to be told after it, as masks of the pair's pins. */
struct pic_news {
	u32 acked;
	u32 unmasked;
	bool wake;
};

static int chip_index(struct pic *pic, const struct kvm_pic_state *chip)
{
	return chip - pic->chips;
}

static u32 pair_pin(struct pic *pic, const struct kvm_pic_state *chip, u32 pin)
{
	return chip_index(pic, chip) * 8 + pin;
}

/* The highest priority in @mask, 0 being the highest; NO_PRIORITY if it is empty. */
static u32 highest_priority(const struct kvm_pic_state *chip, u8 mask)
{
	u32 rotated;

	if (!mask)
		return NO_PRIORITY;
	rotated = (mask | mask << 8) >> chip->priority_add;
	return __ffs(rotated);
}

static u32 priority_to_pin(const struct kvm_pic_state *chip, u32 priority)
{
	return (priority + chip->priority_add) & 7;
}

/* In special mask mode a masked level does not hold back those below it. */
static u8 in_service(const struct kvm_pic_state *chip)
{
	return chip->special_mask ? chip->isr & ~chip->imr : chip->isr;
}

/* The pin that a chip wants served, or -1. */
static int requested_pin(struct pic *pic, const struct kvm_pic_state *chip)
{
	u32 priority = highest_priority(chip, chip->irr & ~chip->imr);
	u8 serving = in_service(chip);

	if (priority == NO_PRIORITY)
		return -1;
	/* Special fully nested: the slave may interrupt its own interrupt. */
	if (chip->special_fully_nested_mode && chip_index(pic, chip) == MASTER)
		serving &= ~BIT(CASCADE_PIN);
	if (priority >= highest_priority(chip, serving))
		return -1;
	return priority_to_pin(chip, priority);
}

/* Returns whether the line made a new request. */
static bool chip_set_line(struct kvm_pic_state *chip, u32 pin, bool level)
{
	u8 bit = BIT(pin);
	bool is_new = false;

	if (!level) {
		if (chip->elcr & bit)
			chip->irr &= ~bit;
		chip->last_irr &= ~bit;
		return true;
	}
	if ((chip->elcr & bit) || !(chip->last_irr & bit)) {
		is_new = !(chip->irr & bit);
		chip->irr |= bit;
	}
	chip->last_irr |= bit;
	return is_new;
}

/* Anything has changed: propagate the slave's INT to the master, the master's to a CPU. */
static void update_locked(struct pic *pic, struct pic_news *news)
{
	struct kvm_pic_state *master = &pic->chips[MASTER];
	bool slave_int = requested_pin(pic, &pic->chips[SLAVE]) >= 0;
	bool output;

	chip_set_line(master, CASCADE_PIN, slave_int);
	/* The slave took its request back: what is not asked for is not served. */
	if (!slave_int)
		master->irr &= ~BIT(CASCADE_PIN);
	output = requested_pin(pic, master) >= 0;
	if (output && !pic->output)
		news->wake = true;
	WRITE_ONCE(pic->output, output);
}

/* Tell what was left to tell: those who wait for an EOI, and a CPU. */
static void tell(struct pic *pic, const struct pic_news *news)
{
	if (news->wake)
		irqchip_wake_for_pic(pic->vm);
	if (news->unmasked)
		irqchip_pins_unmasked(pic->vm, IRQCHIP_PIC_PIN0, news->unmasked);
	if (news->acked)
		irqchip_pins_ended(pic->vm, IRQCHIP_PIC_PIN0, news->acked);
}

/**
 * pic_set_line() - a source drives a pin's line
 * @pic: the pair
 * @pin: below PIC_NR_PINS; the cascade pin has no line of its own
 * @source: who
 * @level: 0 or 1; the pin's line is the OR of all sources
 *
 * Any context.
 *
 * Return: as irqchip_set_line().
 */
int pic_set_line(struct pic *pic, u32 pin, enum irqchip_source source, int level)
{
	struct pic_news news = {};
	struct kvm_pic_state *chip;
	unsigned long flags;
	int ret;

	pin = array_index_nospec(pin, PIC_NR_PINS);
	if (pin == CASCADE_PIN)
		return -1;
	chip = &pic->chips[pin / 8];

	raw_spin_lock_irqsave(&pic->lock, flags);
	if (level)
		pic->sources[pin] |= BIT(source);
	else
		pic->sources[pin] &= ~BIT(source);
	ret = chip_set_line(chip, pin % 8, pic->sources[pin]);
	if (chip->imr & BIT(pin % 8))
		ret = -1;
	update_locked(pic, &news);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, &news);
	return ret;
}

static void end_of_interrupt(struct pic *pic, struct kvm_pic_state *chip, u32 pin,
			     struct pic_news *news)
{
	chip->isr &= ~BIT(pin);
	news->acked |= BIT(pair_pin(pic, chip, pin));
}

/* The acknowledge cycle of one chip. */
static void acknowledge_pin(struct pic *pic, struct kvm_pic_state *chip, u32 pin,
			    struct pic_news *news)
{
	if (!(chip->elcr & BIT(pin)))
		chip->irr &= ~BIT(pin);
	chip->isr |= BIT(pin);
	if (!chip->auto_eoi)
		return;
	if (chip->rotate_on_auto_eoi)
		chip->priority_add = (pin + 1) & 7;
	end_of_interrupt(pic, chip, pin, news);
}

/* One chip answers: the pin it wants served, or a spurious one. */
static u32 acknowledge_chip(struct pic *pic, struct kvm_pic_state *chip,
			    struct pic_news *news)
{
	int pin = requested_pin(pic, chip);

	if (pin < 0)
		return SPURIOUS_PIN;
	acknowledge_pin(pic, chip, pin, news);
	return pin;
}

/**
 * pic_acknowledge() - the CPU's interrupt acknowledge cycle
 * @pic: the pair
 *
 * Context as irqchip_accept().
 *
 * Return: the vector; that of pin 7 if the request has gone meanwhile.
 */
int pic_acknowledge(struct pic *pic)
{
	struct kvm_pic_state *chip = &pic->chips[MASTER];
	struct pic_news news = {};
	unsigned long flags;
	u32 pin;

	raw_spin_lock_irqsave(&pic->lock, flags);
	pin = requested_pin(pic, chip) == CASCADE_PIN ? CASCADE_PIN : SPURIOUS_PIN;
	if (pin == CASCADE_PIN) {
		/* The master selects the slave, whose vector counts. */
		acknowledge_pin(pic, chip, CASCADE_PIN, &news);
		chip = &pic->chips[SLAVE];
	}
	pin = acknowledge_chip(pic, chip, &news);
	WRITE_ONCE(pic->output, false);
	update_locked(pic, &news);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, &news);
	return chip->irq_base + pin;
}

/* ICW1: begins the initialization, forgets edges, mask and priorities. */
static void initialize(struct pic *pic, struct kvm_pic_state *chip, u8 value,
		       struct pic_news *news)
{
	u32 lost = (chip->irr & ~chip->elcr) | chip->isr;

	chip->last_irr = 0;
	chip->irr &= chip->elcr;
	chip->isr = 0;
	chip->imr = 0;
	chip->priority_add = 0;
	chip->special_mask = 0;
	chip->read_reg_select = 0;
	chip->poll = 0;
	chip->init4 = value & ICW1_ICW4;
	if (!chip->init4) {
		chip->special_fully_nested_mode = 0;
		chip->auto_eoi = 0;
		chip->rotate_on_auto_eoi = 0;
	}
	chip->init_state = PIC_EXPECTS_ICW2;
	/* Nobody will ever end these: whoever waits for that waits no longer. */
	news->acked |= lost << pair_pin(pic, chip, 0);
}

static void write_ocw2(struct pic *pic, struct kvm_pic_state *chip, u8 value,
		       struct pic_news *news)
{
	enum pic_ocw2 command = value >> 5;
	u32 pin = value & 7, priority;

	switch (command) {
	case OCW2_CLEAR_ROTATE_AEOI:
	case OCW2_SET_ROTATE_AEOI:
		chip->rotate_on_auto_eoi = command == OCW2_SET_ROTATE_AEOI;
		break;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		priority = highest_priority(chip, in_service(chip));
		if (priority == NO_PRIORITY)
			break;
		pin = priority_to_pin(chip, priority);
		if (command == OCW2_ROTATE_EOI)
			chip->priority_add = (pin + 1) & 7;
		end_of_interrupt(pic, chip, pin, news);
		break;
	case OCW2_ROTATE_SPECIFIC_EOI:
		chip->priority_add = (pin + 1) & 7;
		fallthrough;
	case OCW2_SPECIFIC_EOI:
		end_of_interrupt(pic, chip, pin, news);
		break;
	case OCW2_SET_PRIORITY:
		chip->priority_add = (pin + 1) & 7;
		break;
	case OCW2_NOTHING:
		break;
	}
}

static void write_command(struct pic *pic, struct kvm_pic_state *chip, u8 value,
			  struct pic_news *news)
{
	if (value & ICW1) {
		initialize(pic, chip, value, news);
		return;
	}
	if (!(value & OCW3)) {
		write_ocw2(pic, chip, value, news);
		return;
	}
	if (value & OCW3_POLL)
		chip->poll = 1;
	if (value & OCW3_READ)
		chip->read_reg_select = value & OCW3_READ_ISR;
	if (value & OCW3_SET_SMM)
		chip->special_mask = !!(value & OCW3_SMM);
}

static void write_mask(struct pic *pic, struct kvm_pic_state *chip, u8 value,
		       struct pic_news *news)
{
	switch (chip->init_state) {
	case PIC_EXPECTS_ICW2:
		chip->irq_base = value & 0xf8;
		chip->init_state = PIC_EXPECTS_ICW3;
		break;
	case PIC_EXPECTS_ICW3:
		/* How the chips are wired is no choice on a PC. */
		chip->init_state = chip->init4 ? PIC_EXPECTS_ICW4 : PIC_READY;
		break;
	case PIC_EXPECTS_ICW4:
		chip->special_fully_nested_mode = !!(value & ICW4_SFNM);
		chip->auto_eoi = !!(value & ICW4_AEOI);
		chip->init_state = PIC_READY;
		break;
	default:
		news->unmasked |= (u32)(chip->imr & ~value & 0xff) << pair_pin(pic, chip, 0);
		chip->imr = value;
		break;
	}
}

/* A read after OCW3's poll command is an acknowledge cycle. */
static u8 read_poll(struct pic *pic, struct kvm_pic_state *chip, struct pic_news *news)
{
	int pin = requested_pin(pic, chip);

	chip->poll = 0;
	if (pin < 0)
		return SPURIOUS_PIN;
	acknowledge_pin(pic, chip, pin, news);
	return BIT(7) | pin;
}

static u8 read_port(struct pic *pic, struct kvm_pic_state *chip, u32 port,
		    struct pic_news *news)
{
	if (chip->poll)
		return read_poll(pic, chip, news);
	if (port & 1)
		return chip->imr;
	return chip->read_reg_select ? chip->isr : chip->irr;
}

/* The chip that a port belongs to; the ELCRs stand side by side. */
static struct kvm_pic_state *chip_of(struct pic *pic, u32 port)
{
	if (port >= PORT_ELCR)
		return &pic->chips[port & 1];
	return &pic->chips[port >= PORT_SLAVE ? SLAVE : MASTER];
}

/* Wider accesses reach byte after byte, as the bus of a PC splits them. */
static void pic_read(struct pic *pic, u32 port, unsigned int len, u8 *data)
{
	struct pic_news news = {};
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	for (; len; len--, port++, data++) {
		if (port >= PORT_ELCR)
			*data = chip_of(pic, port)->elcr;
		else
			*data = read_port(pic, chip_of(pic, port), port, &news);
	}
	update_locked(pic, &news);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, &news);
}

static void pic_write(struct pic *pic, u32 port, unsigned int len, const u8 *data)
{
	struct pic_news news = {};
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	for (; len; len--, port++, data++) {
		struct kvm_pic_state *chip = chip_of(pic, port);

		if (port >= PORT_ELCR)
			chip->elcr = *data & elcr_masks[chip_index(pic, chip)];
		else if (port & 1)
			write_mask(pic, chip, *data, &news);
		else
			write_command(pic, chip, *data, &news);
	}
	update_locked(pic, &news);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, &news);
}

static struct pic *iodev_to_pic(struct iodev *dev)
{
	switch (dev->addr) {
	case PORT_MASTER:
		return container_of(dev, struct pic, command[MASTER]);
	case PORT_SLAVE:
		return container_of(dev, struct pic, command[SLAVE]);
	default:
		return container_of(dev, struct pic, elcr);
	}
}

static int pic_pio_read(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			unsigned int len, void *data)
{
	pic_read(iodev_to_pic(dev), addr, len, data);
	return 0;
}

static int pic_pio_write(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			 unsigned int len, const void *data)
{
	pic_write(iodev_to_pic(dev), addr, len, data);
	return 0;
}

static const struct iodev_ops pic_ops = {
	.read = pic_pio_read,
	.write = pic_pio_write,
};

/**
 * pic_create() - the pair as it is before any initialization, not yet on the bus
 * @pic: zeroed
 * @vm: the VM
 */
void pic_create(struct pic *pic, struct lodge_vm *vm)
{
	raw_spin_lock_init(&pic->lock);
	pic->vm = vm;
	pic->chips[MASTER].elcr_mask = elcr_masks[MASTER];
	pic->chips[SLAVE].elcr_mask = elcr_masks[SLAVE];
	pic->command[MASTER] = (struct iodev) { &pic_ops, PORT_MASTER, 2 };
	pic->command[SLAVE] = (struct iodev) { &pic_ops, PORT_SLAVE, 2 };
	pic->elcr = (struct iodev) { &pic_ops, PORT_ELCR, 2 };
}

/**
 * pic_get_state() - KVM_GET_IRQCHIP
 * @pic: the pair
 * @chip: 0 for the master, 1 for the slave
 * @state: filled
 */
void pic_get_state(struct pic *pic, u32 chip, struct kvm_pic_state *state)
{
	unsigned long flags;

	chip = array_index_nospec(chip, PIC_NR_CHIPS);
	raw_spin_lock_irqsave(&pic->lock, flags);
	*state = pic->chips[chip];
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

/**
 * pic_set_state() - KVM_SET_IRQCHIP
 * @pic: the pair
 * @chip: 0 for the master, 1 for the slave
 * @state: from user space; what a chip cannot hold is made right
 */
void pic_set_state(struct pic *pic, u32 chip, const struct kvm_pic_state *state)
{
	struct pic_news news = {};
	struct kvm_pic_state new;
	unsigned long flags;

	chip = array_index_nospec(chip, PIC_NR_CHIPS);
	new = *state;
	new.priority_add &= 7;
	new.irq_base &= 0xf8;
	new.read_reg_select &= 1;
	new.poll = !!new.poll;
	new.special_mask = !!new.special_mask;
	new.init_state = min_t(u8, new.init_state, PIC_EXPECTS_ICW4);
	new.auto_eoi = !!new.auto_eoi;
	new.rotate_on_auto_eoi = !!new.rotate_on_auto_eoi;
	new.special_fully_nested_mode = !!new.special_fully_nested_mode;
	new.init4 = !!new.init4;
	new.elcr_mask = elcr_masks[chip];
	new.elcr &= new.elcr_mask;

	raw_spin_lock_irqsave(&pic->lock, flags);
	pic->chips[chip] = new;
	update_locked(pic, &news);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, &news);
}
