// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the IOAPIC: 24 pins, registers behind a select and a window register, level
 * and edge triggering, remote IRR. By the data sheet of Intel's 82093AA; as in KVM the
 * polarity bit is stored and has no meaning, and there is no EOI register (version
 * 0x11), so EOIs arrive by LAPIC broadcast only.
 */
#include <linux/bitops.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "models.h"

#define IOAPIC_LENGTH		0x100
#define IOAPIC_SELECT		0x00
#define IOAPIC_WINDOW		0x10

#define IOAPIC_REG_ID		0x00
#define IOAPIC_REG_VERSION	0x01
#define IOAPIC_REG_ARBITRATION	0x02
#define IOAPIC_REG_TABLE	0x10
#define IOAPIC_VERSION		0x11u

/* Redirection table entry. */
#define ENTRY_VECTOR		GENMASK_ULL(7, 0)
#define ENTRY_DELIVERY_SHIFT	8
#define ENTRY_LOGICAL		BIT_ULL(11)
#define ENTRY_POLARITY		BIT_ULL(13)
#define ENTRY_REMOTE_IRR	BIT_ULL(14)
#define ENTRY_LEVEL		BIT_ULL(15)
#define ENTRY_MASKED		BIT_ULL(16)
#define ENTRY_DEST_SHIFT	56
#define ENTRY_WRITABLE		(GENMASK_ULL(11, 0) | ENTRY_POLARITY | ENTRY_LEVEL | \
				 ENTRY_MASKED | GENMASK_ULL(63, ENTRY_DEST_SHIFT))

/*
 * A guest that ends a level-triggered interrupt without quieting its device gets it
 * again at once, for ever, and never runs anything else. Real hardware leaves it some
 * instructions in between; after so many times in a row it gets a pause here.
 */
#define STORM_STREAK		10000
#define STORM_PAUSE_JIFFIES	(HZ / 100)

/*
 * Send a pin's interrupt. A level-triggered one waits for the EOI (remote IRR) if any
 * LAPIC accepted it. Returns how many did, or -1 if the pin may not send now.
 */
static int service_locked(struct ioapic *ioapic, u32 pin)
{
	u64 entry = ioapic->redirection[pin];
	struct lapic_message message;
	int ret;

	if ((entry & ENTRY_MASKED) || ((entry & ENTRY_LEVEL) && (entry & ENTRY_REMOTE_IRR)))
		return -1;
	message = (struct lapic_message) {
		.dest = entry >> ENTRY_DEST_SHIFT,
		.vector = entry & ENTRY_VECTOR,
		.delivery = entry >> ENTRY_DELIVERY_SHIFT & 7,
		.is_logical = entry & ENTRY_LOGICAL,
		.is_level = entry & ENTRY_LEVEL,
		.is_asserted = true,
	};
	/* An EOI that comes while this still sends waits for the lock. */
	ret = apic_bus_send(ioapic->vm, NULL, &message);
	if (entry & ENTRY_LEVEL) {
		if (ret > 0)
			ioapic->redirection[pin] |= ENTRY_REMOTE_IRR;
	} else {
		ioapic->edges_sent |= BIT(pin);
	}
	return ret;
}

/* The line of a pin is @level now. Result as irqchip_set_line(). */
static int change_locked(struct ioapic *ioapic, u32 pin, bool level)
{
	bool was_asserted = ioapic->lines & BIT(pin);

	if (!level) {
		ioapic->lines &= ~BIT(pin);
		ioapic->edges_sent &= ~BIT(pin);
		return 1;
	}
	ioapic->lines |= BIT(pin);
	if (!(ioapic->redirection[pin] & ENTRY_LEVEL)) {
		/* No edge without a low level before. */
		if (was_asserted)
			return 0;
		ioapic->edges_sent &= ~BIT(pin);
	}
	return service_locked(ioapic, pin);
}

/**
 * ioapic_set_line() - a source drives a pin's line
 * @ioapic: the IOAPIC
 * @pin: below IOAPIC_NR_PINS
 * @source: who
 * @level: 0 or 1; the pin's line is the OR of all sources
 *
 * Any context.
 *
 * Return: as irqchip_set_line().
 */
int ioapic_set_line(struct ioapic *ioapic, u32 pin, enum irqchip_source source, int level)
{
	unsigned long flags;
	int ret;

	pin = array_index_nospec(pin, IOAPIC_NR_PINS);
	raw_spin_lock_irqsave(&ioapic->lock, flags);
	if (level)
		ioapic->sources[pin] |= BIT(source);
	else
		ioapic->sources[pin] &= ~BIT(source);
	ret = change_locked(ioapic, pin, ioapic->sources[pin]);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	return ret;
}

/**
 * ioapic_pins_of() - pins to which the EOI of a vector matters
 * @ioapic: the IOAPIC
 * @vector: that a LAPIC ended
 * @is_level: as the LAPIC's TMR had it
 *
 * Any context; without the lock, as entries may change at any time anyhow.
 *
 * Return: level-triggered pins with this vector if @is_level, and watched ones.
 */
u32 ioapic_pins_of(struct ioapic *ioapic, u8 vector, bool is_level)
{
	u32 watched = READ_ONCE(ioapic->watched_pins), pins = 0, pin;

	for (pin = 0; pin < IOAPIC_NR_PINS; pin++) {
		u64 entry = READ_ONCE(ioapic->redirection[pin]);

		if ((entry & ENTRY_VECTOR) != vector)
			continue;
		if ((is_level && (entry & ENTRY_LEVEL)) || (watched & BIT(pin)))
			pins |= BIT(pin);
	}
	return pins;
}

/**
 * ioapic_eoi() - the interrupts of these pins have been ended
 * @ioapic: the IOAPIC
 * @pins: of ioapic_pins_of(), after those who watch them have been told (so that a
 *        device that lowers its line then gets no further interrupt)
 *
 * A line that is still asserted sends again. Any context.
 */
void ioapic_eoi(struct ioapic *ioapic, u32 pins)
{
	unsigned long flags;
	u32 pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++) {
		u64 *entry = &ioapic->redirection[pin];

		if (!(pins & BIT(pin)) || !(*entry & ENTRY_LEVEL))
			continue;
		*entry &= ~ENTRY_REMOTE_IRR;
		if ((*entry & ENTRY_MASKED) || !(ioapic->lines & BIT(pin))) {
			ioapic->streaks[pin] = 0;
		} else if (++ioapic->streaks[pin] >= STORM_STREAK) {
			ioapic->streaks[pin] = 0;
			schedule_delayed_work(&ioapic->storm_work, STORM_PAUSE_JIFFIES);
		} else {
			service_locked(ioapic, pin);
		}
	}
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

/* After a storm's pause: send what is asserted and waits for nothing. */
static void storm_work(struct work_struct *work)
{
	struct ioapic *ioapic = container_of(to_delayed_work(work), struct ioapic, storm_work);
	unsigned long flags;
	u32 pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++)
		if ((ioapic->redirection[pin] & ENTRY_LEVEL) && (ioapic->lines & BIT(pin)))
			service_locked(ioapic, pin);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

static void update_watched_locked(struct ioapic *ioapic)
{
	DECLARE_BITMAP(vectors, 256);
	u32 pin;

	bitmap_zero(vectors, 256);
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++) {
		u64 entry = ioapic->redirection[pin];

		if ((entry & ENTRY_LEVEL) || (ioapic->watched_pins & BIT(pin)))
			__set_bit(entry & ENTRY_VECTOR, vectors);
	}
	/* A reader sees old or new words; what matters to it is set in both. */
	for (pin = 0; pin < BITS_TO_LONGS(256); pin++)
		WRITE_ONCE(ioapic->watched_vectors[pin], vectors[pin]);
}

/**
 * ioapic_watch() - of which pins somebody outside waits for the EOI
 * @ioapic: the IOAPIC
 * @pins: replaces the set of before
 */
void ioapic_watch(struct ioapic *ioapic, u32 pins)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	WRITE_ONCE(ioapic->watched_pins, pins);
	update_watched_locked(ioapic);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

static u32 window_read_locked(struct ioapic *ioapic)
{
	u32 pin;

	switch (ioapic->select) {
	case IOAPIC_REG_ID:
	case IOAPIC_REG_ARBITRATION:
		return ioapic->id << 24;
	case IOAPIC_REG_VERSION:
		return (IOAPIC_NR_PINS - 1) << 16 | IOAPIC_VERSION;
	}
	pin = (ioapic->select - IOAPIC_REG_TABLE) / 2u;
	if (ioapic->select < IOAPIC_REG_TABLE || pin >= IOAPIC_NR_PINS)
		return ~0u;
	pin = array_index_nospec(pin, IOAPIC_NR_PINS);
	return ioapic->redirection[pin] >> (ioapic->select & 1 ? 32 : 0);
}

/* Returns the pin if the write unmasked one, else -1. */
static int entry_write_locked(struct ioapic *ioapic, u32 pin, u32 value)
{
	u64 old = ioapic->redirection[pin], entry, written;

	if (ioapic->select & 1) {
		entry = (u32)old;
		written = (u64)value << 32;
	} else {
		entry = old & GENMASK_ULL(63, 32);
		written = value;
	}
	entry |= (written & ENTRY_WRITABLE) | (old & ENTRY_REMOTE_IRR);
	/* Guests without an EOI register end a stuck interrupt by this detour. */
	if (!(entry & ENTRY_LEVEL))
		entry &= ~ENTRY_REMOTE_IRR;
	WRITE_ONCE(ioapic->redirection[pin], entry);
	update_watched_locked(ioapic);
	if ((entry & ENTRY_LEVEL) && (ioapic->lines & BIT(pin)))
		service_locked(ioapic, pin);
	return (old & ENTRY_MASKED) && !(entry & ENTRY_MASKED) ? (int)pin : -1;
}

static int window_write_locked(struct ioapic *ioapic, u32 value)
{
	u32 pin;

	if (ioapic->select == IOAPIC_REG_ID) {
		ioapic->id = value >> 24 & 0xf;
		return -1;
	}
	pin = (ioapic->select - IOAPIC_REG_TABLE) / 2u;
	if (ioapic->select < IOAPIC_REG_TABLE || pin >= IOAPIC_NR_PINS)
		return -1;
	return entry_write_locked(ioapic, array_index_nospec(pin, IOAPIC_NR_PINS), value);
}

static int ioapic_mmio_read(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			    unsigned int len, void *data)
{
	struct ioapic *ioapic = container_of(dev, struct ioapic, iodev);
	u32 value = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	switch (addr & (IOAPIC_LENGTH - 1)) {
	case IOAPIC_SELECT:
		value = ioapic->select;
		break;
	case IOAPIC_WINDOW:
		value = window_read_locked(ioapic);
		break;
	}
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);

	memset(data, 0, len);
	memcpy(data, &value, min_t(unsigned int, len, sizeof(value)));
	return 0;
}

static int ioapic_mmio_write(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			     unsigned int len, const void *data)
{
	struct ioapic *ioapic = container_of(dev, struct ioapic, iodev);
	int unmasked = -1;
	unsigned long flags;
	u32 value = 0;

	memcpy(&value, data, min_t(unsigned int, len, sizeof(value)));
	raw_spin_lock_irqsave(&ioapic->lock, flags);
	switch (addr & (IOAPIC_LENGTH - 1)) {
	case IOAPIC_SELECT:
		ioapic->select = value;
		break;
	case IOAPIC_WINDOW:
		unmasked = window_write_locked(ioapic, value);
		break;
	}
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);

	if (unmasked >= 0)
		irqchip_pins_unmasked(ioapic->vm, IRQCHIP_IOAPIC_PIN0, BIT(unmasked));
	return 0;
}

static const struct iodev_ops ioapic_ops = {
	.read = ioapic_mmio_read,
	.write = ioapic_mmio_write,
};

/**
 * ioapic_create() - an IOAPIC after reset, not yet on the bus
 * @ioapic: zeroed
 * @vm: the VM
 */
void ioapic_create(struct ioapic *ioapic, struct lodge_vm *vm)
{
	u32 pin;

	raw_spin_lock_init(&ioapic->lock);
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++)
		ioapic->redirection[pin] = ENTRY_MASKED;
	INIT_DELAYED_WORK(&ioapic->storm_work, storm_work);
	ioapic->vm = vm;
	ioapic->iodev.ops = &ioapic_ops;
	ioapic->iodev.addr = IOAPIC_BASE;
	ioapic->iodev.len = IOAPIC_LENGTH;
}

/**
 * ioapic_destroy() - wait for what still runs
 * @ioapic: IOAPIC that no vCPU uses any more
 */
void ioapic_destroy(struct ioapic *ioapic)
{
	cancel_delayed_work_sync(&ioapic->storm_work);
}

/**
 * ioapic_get_state() - KVM_GET_IRQCHIP
 * @ioapic: the IOAPIC
 * @state: filled
 */
void ioapic_get_state(struct ioapic *ioapic, struct kvm_ioapic_state *state)
{
	unsigned long flags;
	u32 pin;

	memset(state, 0, sizeof(*state));
	raw_spin_lock_irqsave(&ioapic->lock, flags);
	state->base_address = IOAPIC_BASE;
	state->ioregsel = ioapic->select;
	state->id = ioapic->id;
	/* An edge that has been delivered must not be so again after a restore. */
	state->irr = ioapic->lines & ~ioapic->edges_sent;
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++)
		state->redirtbl[pin].bits = ioapic->redirection[pin];
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

/**
 * ioapic_set_state() - KVM_SET_IRQCHIP
 * @ioapic: the IOAPIC
 * @state: from user space; bits that no IOAPIC has are dropped. The address is fixed.
 *
 * Lines that it says are asserted send as if they had just become so.
 */
void ioapic_set_state(struct ioapic *ioapic, const struct kvm_ioapic_state *state)
{
	unsigned long flags;
	u32 pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	ioapic->select = state->ioregsel;
	ioapic->id = state->id & 0xf;
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++) {
		u64 entry = state->redirtbl[pin].bits & (ENTRY_WRITABLE | ENTRY_REMOTE_IRR);

		if (!(entry & ENTRY_LEVEL))
			entry &= ~ENTRY_REMOTE_IRR;
		WRITE_ONCE(ioapic->redirection[pin], entry);
	}
	update_watched_locked(ioapic);
	ioapic->lines = 0;
	ioapic->edges_sent = 0;
	for (pin = 0; pin < IOAPIC_NR_PINS; pin++)
		if (state->irr & BIT(pin))
			change_locked(ioapic, pin, true);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}
