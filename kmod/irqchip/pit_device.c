// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the PIT as a device: ports, channel 0's timer, and its interrupt.
 *
 * A guest that counts ticks must get every one, so a tick that comes before the guest
 * has ended the one before is kept and injected upon that EOI. Ticks are injected in
 * the timer's softirq and in whatever context ends the interrupt; @awaits_eoi, changed
 * under the lock, makes sure that one of them does.
 */
#include <linux/hrtimer.h>
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../vm.h"
#include "models.h"
#include "pit.h"
#include "pit_device.h"

#define PORT_PIT		0x40
#define PORT_PIT_CONTROL	0x43
#define PORT_SPEAKER		0x61

/* Port 0x61. */
#define SPEAKER_GATE		BIT(0)
#define SPEAKER_DATA		BIT(1)
#define SPEAKER_REFRESH_SHIFT	4
#define SPEAKER_OUTPUT_SHIFT	5
/* The refresh bit toggles about every 15 us: by 2^14 ns here. */
#define REFRESH_SHIFT		14

/* As for LAPIC timers: what a guest may ask of the host without exiting. */
#define MIN_PERIOD_NS		200000

/*
 * A guest may take the tick away from under the controller (new vector, reset of the
 * LAPIC) so that its EOI is never seen here: after this time without one the line is
 * pulsed all the same.
 */
#define EOI_PATIENCE_NS		NSEC_PER_SEC

/**
 * struct pit_device - the PIT of a VM
 * @lock: IRQ-safe; protects the model and the rest up to @timer; outside of all
 *        other models' locks, and never held while injecting
 * @model: registers
 * @period_ns: between ticks
 * @is_periodic: of the running timer
 * @is_armed: a tick is to come; false tells a callback that it came too late
 * @awaits_eoi: a tick has been injected and the guest has not ended it
 * @missed: ticks that wait for that
 * @timer: channel 0
 * @vm: whose GSI 0 it drives
 * @ports: iodev of ports 0x40-0x43
 * @speaker: iodev of port 0x61; len 0 if not asked for
 */
struct pit_device {
	raw_spinlock_t lock;
	struct pit model;
	u64 period_ns;
	bool is_periodic;
	bool is_armed;
	bool awaits_eoi;
	u32 missed;
	struct hrtimer timer;
	struct lodge_vm *vm;
	struct iodev ports;
	struct iodev speaker;
};

/* An edge on GSI 0. Returns whether somebody will end it. */
static bool pulse(struct pit_device *device)
{
	int ret = irqchip_set_line(device->vm, IRQCHIP_SOURCE_PIT, IRQCHIP_PIT_GSI, 1);

	irqchip_set_line(device->vm, IRQCHIP_SOURCE_PIT, IRQCHIP_PIT_GSI, 0);
	return ret > 0;
}

/*
 * Inject a tick that was claimed by setting @awaits_eoi. If every pin is masked nobody
 * ends it: it is lost, with all that were missed, as on hardware.
 */
static void inject_claimed(struct pit_device *device)
{
	unsigned long flags;

	if (pulse(device))
		return;
	raw_spin_lock_irqsave(&device->lock, flags);
	device->awaits_eoi = false;
	device->missed = 0;
	raw_spin_unlock_irqrestore(&device->lock, flags);
}

/**
 * pit_tick_ended() - the guest has ended the tick's interrupt
 * @device: the PIT
 *
 * Any context, no model's lock held.
 */
void pit_tick_ended(struct pit_device *device)
{
	unsigned long flags;
	bool inject;

	raw_spin_lock_irqsave(&device->lock, flags);
	inject = device->awaits_eoi && device->missed;
	if (inject)
		device->missed--;
	else
		device->awaits_eoi = false;
	raw_spin_unlock_irqrestore(&device->lock, flags);
	if (inject)
		inject_claimed(device);
}

/**
 * pit_tick_unmasked() - a pin of GSI 0 was masked until now
 * @device: the PIT
 *
 * Whatever was injected before may have got lost with another controller: start anew,
 * and do not pour out what was missed meanwhile.
 */
void pit_tick_unmasked(struct pit_device *device)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&device->lock, flags);
	device->awaits_eoi = false;
	device->missed = 0;
	raw_spin_unlock_irqrestore(&device->lock, flags);
}

static enum hrtimer_restart pit_timer_callback(struct hrtimer *timer)
{
	struct pit_device *device = container_of(timer, struct pit_device, timer);
	enum hrtimer_restart restart = HRTIMER_NORESTART;
	bool inject = false;
	unsigned long flags;
	u64 ticks = 1;

	raw_spin_lock_irqsave(&device->lock, flags);
	/* Stopped, or started anew, while this waited for the lock. */
	if (!device->is_armed || hrtimer_is_queued(timer))
		goto unlock;
	if (device->is_periodic) {
		ticks = hrtimer_forward_now(timer, ns_to_ktime(device->period_ns));
		restart = HRTIMER_RESTART;
	} else {
		device->is_armed = false;
	}
	if (!device->awaits_eoi) {
		device->awaits_eoi = true;
		inject = true;
		ticks--;
	}
	device->missed = min_t(u64, device->missed + ticks, U32_MAX);
	/* A pulse too many merges with the one that waits; a lost one is made up for. */
	if (device->missed * device->period_ns >= EOI_PATIENCE_NS)
		inject = true;
unlock:
	raw_spin_unlock_irqrestore(&device->lock, flags);
	if (inject)
		inject_claimed(device);
	return restart;
}

static void stop_timer_locked(struct pit_device *device)
{
	lockdep_assert_held(&device->lock);
	device->is_armed = false;
	/* Not hrtimer_cancel(): a callback may be waiting for the lock. */
	hrtimer_try_to_cancel(&device->timer);
}

static void start_timer_locked(struct pit_device *device)
{
	u64 period_ns;

	stop_timer_locked(device);
	device->awaits_eoi = false;
	device->missed = 0;
	period_ns = pit_period_ns(&device->model, &device->is_periodic);
	if (!period_ns)
		return;
	if (device->is_periodic)
		period_ns = max_t(u64, period_ns, MIN_PERIOD_NS);
	device->period_ns = period_ns;
	device->is_armed = true;
	hrtimer_start(&device->timer, ktime_add_ns(ktime_get(), period_ns),
		      HRTIMER_MODE_ABS_SOFT);
}

static void change_timer_locked(struct pit_device *device, enum pit_timer_change change)
{
	if (change == PIT_TIMER_STOP)
		stop_timer_locked(device);
	else if (change == PIT_TIMER_START)
		start_timer_locked(device);
}

/* Wider accesses reach byte after byte, as the bus of a PC splits them. */
static int pit_pio_write(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			 unsigned int len, const void *data)
{
	struct pit_device *device = container_of(dev, struct pit_device, ports);
	const u8 *byte = data;
	unsigned long flags;

	raw_spin_lock_irqsave(&device->lock, flags);
	for (; len; len--, addr++, byte++) {
		u64 now_ns = ktime_get_ns();
		enum pit_timer_change change;

		if (addr == PORT_PIT_CONTROL)
			change = pit_write_control(&device->model, *byte, now_ns);
		else
			change = pit_write_count(&device->model, addr - PORT_PIT, *byte, now_ns);
		change_timer_locked(device, change);
	}
	raw_spin_unlock_irqrestore(&device->lock, flags);
	return 0;
}

static int pit_pio_read(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			unsigned int len, void *data)
{
	struct pit_device *device = container_of(dev, struct pit_device, ports);
	unsigned long flags;
	u8 *byte = data;

	raw_spin_lock_irqsave(&device->lock, flags);
	for (; len; len--, addr++, byte++) {
		/* The control word cannot be read. */
		if (addr == PORT_PIT_CONTROL)
			*byte = 0;
		else
			*byte = pit_read_count(&device->model, addr - PORT_PIT, ktime_get_ns());
	}
	raw_spin_unlock_irqrestore(&device->lock, flags);
	return 0;
}

static int speaker_pio_write(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			     unsigned int len, const void *data)
{
	struct pit_device *device = container_of(dev, struct pit_device, speaker);
	u8 value = *(const u8 *)data;
	unsigned long flags;

	raw_spin_lock_irqsave(&device->lock, flags);
	if (value & SPEAKER_DATA)
		device->model.flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	else
		device->model.flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	pit_set_gate(&device->model, 2, value & SPEAKER_GATE, ktime_get_ns());
	raw_spin_unlock_irqrestore(&device->lock, flags);
	return 0;
}

static int speaker_pio_read(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
			    unsigned int len, void *data)
{
	struct pit_device *device = container_of(dev, struct pit_device, speaker);
	unsigned long flags;
	u64 now_ns;
	u8 value;

	raw_spin_lock_irqsave(&device->lock, flags);
	now_ns = ktime_get_ns();
	value = device->model.channels[2].gate |
		(device->model.flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON ? SPEAKER_DATA : 0) |
		(now_ns >> REFRESH_SHIFT & 1) << SPEAKER_REFRESH_SHIFT |
		pit_output(&device->model, 2, now_ns) << SPEAKER_OUTPUT_SHIFT;
	raw_spin_unlock_irqrestore(&device->lock, flags);
	*(u8 *)data = value;
	return 0;
}

static const struct iodev_ops pit_ops = {
	.read = pit_pio_read,
	.write = pit_pio_write,
};

static const struct iodev_ops speaker_ops = {
	.read = speaker_pio_read,
	.write = speaker_pio_write,
};

static int register_ports(struct lodge_vm *vm, struct pit_device *device, bool has_speaker)
{
	int ret;

	mutex_lock(&vm->slots_lock);
	device->ports = (struct iodev) { &pit_ops, PORT_PIT, 4 };
	ret = iobus_register(vm, IOBUS_PIO, &device->ports);
	if (!ret && has_speaker) {
		device->speaker = (struct iodev) { &speaker_ops, PORT_SPEAKER, 1 };
		ret = iobus_register(vm, IOBUS_PIO, &device->speaker);
		if (ret)
			iobus_unregister(vm, IOBUS_PIO, &device->ports);
	}
	mutex_unlock(&vm->slots_lock);
	return ret;
}

int pit_create(struct lodge_vm *vm, const struct kvm_pit_config *config)
{
	struct pit_device *device;
	int ret;

	lockdep_assert_held(&vm->lock);
	if (!irqchip_has_pic(vm))
		return -ENOENT;
	if (vm->irqchip->pit)
		return -EEXIST;
	device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device)
		return -ENOMEM;
	raw_spin_lock_init(&device->lock);
	device->vm = vm;
	hrtimer_init(&device->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	device->timer.function = pit_timer_callback;
	pit_reset(&device->model, ktime_get_ns());
	ret = register_ports(vm, device, config->flags & KVM_PIT_SPEAKER_DUMMY);
	if (ret) {
		pit_destroy(device);
		return ret;
	}
	/* Pairs with the acquires here and in irqchip.c: the PIT is complete. */
	smp_store_release(&vm->irqchip->pit, device);
	return 0;
}

/**
 * pit_destroy() - stop the timer, free the PIT
 * @device: PIT whose ports nobody uses any more
 */
void pit_destroy(struct pit_device *device)
{
	unsigned long flags;

	/* So that a callback that still runs does not start it again. */
	raw_spin_lock_irqsave(&device->lock, flags);
	device->is_armed = false;
	raw_spin_unlock_irqrestore(&device->lock, flags);
	hrtimer_cancel(&device->timer);
	kfree(device);
}

static struct pit_device *device_of(struct lodge_vm *vm)
{
	/* Pairs with the release in pit_create(). */
	return vm->irqchip ? smp_load_acquire(&vm->irqchip->pit) : NULL;
}

int pit_get_state(struct lodge_vm *vm, struct kvm_pit_state2 *state)
{
	struct pit_device *device = device_of(vm);
	unsigned long flags;

	if (!device)
		return -ENXIO;
	memset(state, 0, sizeof(*state));
	raw_spin_lock_irqsave(&device->lock, flags);
	memcpy(state->channels, device->model.channels, sizeof(state->channels));
	state->flags = device->model.flags;
	raw_spin_unlock_irqrestore(&device->lock, flags);
	return 0;
}

int pit_set_state(struct lodge_vm *vm, const struct kvm_pit_state2 *state)
{
	struct pit_device *device = device_of(vm);
	unsigned long flags;

	if (!device)
		return -ENXIO;
	raw_spin_lock_irqsave(&device->lock, flags);
	pit_load_state(&device->model, state, ktime_get_ns());
	start_timer_locked(device);
	raw_spin_unlock_irqrestore(&device->lock, flags);
	return 0;
}
