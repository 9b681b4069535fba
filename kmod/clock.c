// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the guest's TSC and the paravirtual clock. Holds no timer: those are
 * the irqchip's, which asks here what the TSC reads.
 *
 * Guest TSC = host TSC + offset. The paravirtual clock gives a guest one line per
 * vCPU: (TSC, nanoseconds, rate). Where the host's TSC is stable and all vCPUs' TSCs
 * agree, all get the same line (the "master" line) and are told so by the stable bit;
 * otherwise each gets a line of its own, drawn anew when it changes CPU:
 *
 *   host's TSC | vCPUs' TSCs | line and stable bit
 *   stable     | agree       | master, set
 *   stable     | differ      | its own, clear
 *   unstable   | whatever    | its own, clear
 */
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <uapi/linux/kvm_para.h>

#include <asm/kvm_para.h>
#include <asm/msr.h>
#include <asm/pvclock.h>

#include "clock.h"
#include "host.h"
#include "mmu/mmu.h"
#include "regs.h"
#include "request.h"

/* Without a stable TSC a vCPU's line is drawn anew at least that often while it runs. */
#define CLOCK_REFRESH_NS	NSEC_PER_SEC

/* User space's writes of TSCs count as one if they differ by less than this. */
#define CLOCK_TSC_SLACK_SECONDS	1

/* KVM_SET_TSC_KHZ accepts the host's rate within this: NTP could correct it. */
#define CLOCK_TSC_TOLERANCE_PPM	250

/* Bit 0 of the system-time MSR. */
#define CLOCK_MSR_ENABLED	BIT_ULL(0)

/**
 * struct lodge_vm_clock - what all vCPUs of a VM share
 * @lock: guards all of it
 * @has_master: the master line is in use
 * @master_tsc: host TSC (see host_tsc()) where it begins
 * @master_ns: time since the host's boot there
 * @offset_ns: guest's clock minus time since the host's boot
 * @nr_resumes: the master line was drawn after so many host resumes
 * @tsc_generation: number of the TSC write that no earlier one agrees with
 * @tsc_offset: offset that this write gave
 * @last_write_tsc: what the TSC became by the last write
 * @last_write_ns: when
 * @has_written: @last_write_* are valid
 * @wall_clock: MSR_KVM_WALL_CLOCK, which is one for all
 */
struct lodge_vm_clock {
	spinlock_t lock;	/* all of this structure */

	bool has_master;
	u64 master_tsc;
	u64 master_ns;
	u64 offset_ns;
	u32 nr_resumes;

	u64 tsc_generation;
	u64 tsc_offset;
	u64 last_write_tsc;
	u64 last_write_ns;
	bool has_written;

	u64 wall_clock;
};

/**
 * struct lodge_vcpu_clock - one vCPU's share
 * @offset: guest TSC minus host_tsc()
 * @tsc_adjust: IA32_TSC_ADJUST
 * @tsc_khz: rate that user space was told or has set
 * @tsc_generation: see struct lodge_vm_clock; under its lock
 * @is_stale: the state block does not have the offset yet
 * @nr_resumes: host resumes that the state block's offset takes into account
 * @last_host_tsc: host_tsc() when it last left a CPU
 * @last_cpu: which
 * @drawn_at_tsc: host_tsc() where its own line begins
 * @system_time: MSR_KVM_SYSTEM_TIME: address of the line, and whether it is wanted
 * @was_stopped: tell the guest that it was stopped, with the next line
 */
struct lodge_vcpu_clock {
	u64 offset;
	u64 tsc_adjust;
	u32 tsc_khz;
	u64 tsc_generation;
	bool is_stale;
	u32 nr_resumes;
	u64 last_host_tsc;
	int last_cpu;
	u64 drawn_at_tsc;
	u64 system_time;
	bool was_stopped;
};

/*
 * Host ticks lost over suspends, when the TSC began anew. Module-wide, as the TSC is;
 * written with one CPU running and interrupts off, so readers need no lock.
 */
static u64 tsc_lost;
static u64 tsc_at_suspend;
static u32 nr_host_resumes;

/* The host's TSC as it would read had the host never been suspended. */
static u64 host_tsc(void)
{
	return rdtsc() + tsc_lost;
}

static void take_time(struct host_time *now)
{
	host_time_now(now);
	now->tsc += tsc_lost;
}

/* Host goes to sleep. Syscore callback: one CPU, IRQs off. */
void clock_suspend(void)
{
	tsc_at_suspend = rdtsc();
}

/**
 * clock_resume() - host is back
 *
 * Syscore callback: one CPU, IRQs off. A guest's TSC must not go back; each vCPU takes
 * over the difference when it is next loaded.
 */
void clock_resume(void)
{
	u64 now = rdtsc();

	if (now < tsc_at_suspend)
		tsc_lost += tsc_at_suspend - now;
	nr_host_resumes++;
}

/*
 * Multiplier and shift of a line: ns = ((ticks << shift) * mul) >> 32, a negative shift
 * going right. The shifted rate lies in (1 GHz, 2 GHz], so mul has its top bit set.
 */
static void tsc_scale(u64 tsc_hz, u32 *mul, s8 *shift)
{
	*shift = 0;
	while (tsc_hz > 2 * NSEC_PER_SEC) {
		tsc_hz >>= 1;
		(*shift)--;
	}
	while (tsc_hz <= NSEC_PER_SEC) {
		tsc_hz <<= 1;
		(*shift)++;
	}
	*mul = div64_u64((u64)NSEC_PER_SEC << 32, tsc_hz);
}

static u64 ticks_to_ns(u64 ticks)
{
	u32 mul;
	s8 shift;

	tsc_scale(host_tsc_khz() * 1000ull, &mul, &shift);
	return pvclock_scale_delta(ticks, mul, shift);
}

/* Guest's paravirtual clock at a moment. clock->lock held. */
static u64 guest_ns_locked(const struct lodge_vm_clock *clock, const struct host_time *now)
{
	lockdep_assert_held(&clock->lock);

	if (!clock->has_master)
		return now->boot_ns + clock->offset_ns;
	return clock->master_ns + clock->offset_ns + ticks_to_ns(now->tsc - clock->master_tsc);
}

static void draw_master_locked(struct lodge_vm_clock *clock)
{
	struct host_time now;

	lockdep_assert_held(&clock->lock);

	take_time(&now);
	clock->master_tsc = now.tsc;
	clock->master_ns = now.boot_ns;
	clock->nr_resumes = nr_host_resumes;
}

static bool do_tscs_agree_locked(struct lodge_vm *vm)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;

	lockdep_assert_held(&vm->clock->lock);

	lodge_for_each_vcpu(vm, index, vcpu) {
		if (vcpu->clock->tsc_generation != vm->clock->tsc_generation)
			return false;
	}
	return true;
}

/* Begin or end the use of the master line as the table above says; return if that changed. */
static bool review_master_locked(struct lodge_vm *vm)
{
	struct lodge_vm_clock *clock = vm->clock;
	bool can = host_tsc_is_stable() && do_tscs_agree_locked(vm);

	if (can == clock->has_master)
		return false;
	if (can)
		draw_master_locked(clock);
	clock->has_master = can;
	return true;
}

/**
 * clock_vm_create() - give a VM its clock, which begins at zero
 * @vm: VM in creation; vm->vcpus is initialised and empty
 *
 * Return: 0; -ENOMEM.
 */
int clock_vm_create(struct lodge_vm *vm)
{
	struct lodge_vm_clock *clock = kzalloc(sizeof(*clock), GFP_KERNEL_ACCOUNT);
	struct host_time now;

	if (!clock)
		return -ENOMEM;
	spin_lock_init(&clock->lock);
	take_time(&now);
	clock->offset_ns = -now.boot_ns;
	vm->clock = clock;
	return 0;
}

/* Counterpart of clock_vm_create(), also of one that failed. */
void clock_vm_destroy(struct lodge_vm *vm)
{
	kfree(vm->clock);
	vm->clock = NULL;
}

/* Give the offset to the backend. */
static void write_offset(struct lodge_vcpu *vcpu)
{
	struct lodge_vcpu_clock *clock = vcpu->clock;

	/* First: clock_vcpu_load() may come in between and mark a newer one. */
	WRITE_ONCE(clock->is_stale, false);
	barrier();
	lodge_regs_change(vcpu, LODGE_STATE_MSRS)->tsc_offset = READ_ONCE(clock->offset) + tsc_lost;
}

/* And the guest a line that fits. */
static void publish_offset(struct lodge_vcpu *vcpu)
{
	write_offset(vcpu);
	lodge_request_set(vcpu, LODGE_REQ_CLOCK);
}

/**
 * clock_vcpu_create() - give a vCPU its clock; its TSC joins that of the other vCPUs
 * @vcpu: vCPU in creation, registers reset, not yet published
 *
 * Return: 0; -ENOMEM.
 */
int clock_vcpu_create(struct lodge_vcpu *vcpu)
{
	struct lodge_vcpu_clock *clock = kzalloc(sizeof(*clock), GFP_KERNEL_ACCOUNT);

	if (!clock)
		return -ENOMEM;
	clock->tsc_khz = host_tsc_khz();
	clock->nr_resumes = nr_host_resumes;
	clock->last_cpu = -1;
	vcpu->clock = clock;
	clock_set_tsc(vcpu, 0, true);
	return 0;
}

/* Counterpart of clock_vcpu_create(), also of one that failed. */
void clock_vcpu_destroy(struct lodge_vcpu *vcpu)
{
	kfree(vcpu->clock);
	vcpu->clock = NULL;
}

/* The host has found out that its TSC is not to be trusted. Preemption may be off. */
static void give_up_master(struct lodge_vm *vm)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;
	bool had_master;

	spin_lock(&vm->clock->lock);
	had_master = vm->clock->has_master;
	vm->clock->has_master = false;
	spin_unlock(&vm->clock->lock);

	if (!had_master)
		return;
	lodge_for_each_vcpu(vm, index, vcpu)
		lodge_request(vcpu, LODGE_REQ_CLOCK);
}

/**
 * clock_vcpu_load() - the vCPU has come to a CPU
 * @vcpu: loaded vCPU
 *
 * Preemption off. Called between any two instructions of the vCPU's thread, so the state
 * block is left to clock_update_guest(), which comes before the next entry.
 */
void clock_vcpu_load(struct lodge_vcpu *vcpu)
{
	struct lodge_vcpu_clock *clock = vcpu->clock;
	bool has_moved = clock->last_cpu != vcpu->cpu;
	u64 now;

	if (unlikely(clock->nr_resumes != nr_host_resumes)) {
		clock->nr_resumes = nr_host_resumes;
		clock->is_stale = true;
		lodge_request_set(vcpu, LODGE_REQ_CLOCK);
	}
	if (host_tsc_is_stable())
		return;

	if (unlikely(READ_ONCE(vcpu->vm->clock->has_master)))
		give_up_master(vcpu->vm);

	/* This CPU's TSC may be behind the other's: the guest's must not go back. */
	now = host_tsc();
	if (has_moved && now < clock->last_host_tsc) {
		WRITE_ONCE(clock->offset, clock->offset + (clock->last_host_tsc - now));
		clock->is_stale = true;
	}
	if (has_moved || ticks_to_ns(now - clock->drawn_at_tsc) > CLOCK_REFRESH_NS)
		lodge_request_set(vcpu, LODGE_REQ_CLOCK);
}

/* The vCPU leaves its CPU. Preemption off, perhaps IRQs too. */
void clock_vcpu_put(struct lodge_vcpu *vcpu)
{
	vcpu->clock->last_host_tsc = host_tsc();
	vcpu->clock->last_cpu = vcpu->cpu;
}

/**
 * clock_draw_line() - choose a vCPU's line, by the table at the head of the file
 * @vcpu: loaded vCPU
 * @line: filled but for its version
 */
void clock_draw_line(struct lodge_vcpu *vcpu, struct pvclock_vcpu_time_info *line)
{
	struct lodge_vm_clock *shared = vcpu->vm->clock;
	struct lodge_vcpu_clock *clock = vcpu->clock;
	struct host_time now;
	u64 offset_ns;
	s8 shift;
	u32 mul;

	spin_lock(&shared->lock);
	/* Boot time went on while the host slept, its TSC may not have. */
	if (shared->has_master && shared->nr_resumes != nr_host_resumes)
		draw_master_locked(shared);
	line->flags = shared->has_master ? PVCLOCK_TSC_STABLE_BIT : 0;
	now.tsc = shared->master_tsc;
	now.boot_ns = shared->master_ns;
	offset_ns = shared->offset_ns;
	spin_unlock(&shared->lock);

	if (!line->flags) {
		take_time(&now);
		clock->drawn_at_tsc = now.tsc;
	}

	tsc_scale(host_tsc_khz() * 1000ull, &mul, &shift);
	line->tsc_to_system_mul = mul;
	line->tsc_shift = shift;
	line->tsc_timestamp = now.tsc + clock->offset;
	line->system_time = now.boot_ns + offset_ns;
}

/**
 * clock_update_guest() - bring the TSC offset and the vCPU's line up to date
 * @vcpu: loaded vCPU, upon LODGE_REQ_CLOCK
 *
 * The guest, on any of its vCPUs, may read at the same time: it discards what it read
 * while the version was odd or changed (asm/pvclock-abi.h). Memory that is not there is
 * the guest's own fault and passed over, as in KVM.
 */
void clock_update_guest(struct lodge_vcpu *vcpu)
{
	struct lodge_vcpu_clock *clock = vcpu->clock;
	gpa_t gpa = clock->system_time & ~CLOCK_MSR_ENABLED;
	struct pvclock_vcpu_time_info line, old;
	struct lodge_vm *vm = vcpu->vm;

	if (unlikely(READ_ONCE(clock->is_stale)))
		write_offset(vcpu);

	if (!(clock->system_time & CLOCK_MSR_ENABLED))
		return;
	if (guest_read(vm, gpa, &old, sizeof(old)))
		return;

	memset(&line, 0, sizeof(line));
	clock_draw_line(vcpu, &line);
	/* The guest clears the flag itself once it has taken note. */
	line.flags |= old.flags & PVCLOCK_GUEST_STOPPED;
	if (clock->was_stopped)
		line.flags |= PVCLOCK_GUEST_STOPPED;

	line.version = (old.version & ~1u) + 1;
	if (guest_write(vcpu, gpa, &line.version, sizeof(line.version)))
		return;
	/* Odd version, then content, then even version: readers rely on the order. */
	smp_wmb();
	if (guest_write(vcpu, gpa, &line, sizeof(line)))
		return;
	/* As above. */
	smp_wmb();
	line.version++;
	if (guest_write(vcpu, gpa, &line.version, sizeof(line.version)))
		return;
	clock->was_stopped = false;
}

/**
 * clock_guest_tsc() - what RDTSC in the guest would give now
 * @vcpu: any vCPU, any context
 */
u64 clock_guest_tsc(struct lodge_vcpu *vcpu)
{
	return host_tsc() + READ_ONCE(vcpu->clock->offset);
}

u32 clock_tsc_khz(struct lodge_vcpu *vcpu)
{
	return vcpu->clock->tsc_khz;
}

/**
 * clock_set_tsc_khz() - KVM_SET_TSC_KHZ
 * @vcpu: vCPU, mutex held
 * @khz: wanted rate; 0 for the host's
 *
 * Return: 0; -EINVAL for a rate that is not the host's: there is no scaling.
 */
int clock_set_tsc_khz(struct lodge_vcpu *vcpu, u32 khz)
{
	u32 host_khz = host_tsc_khz();
	u64 slack = div_u64((u64)host_khz * CLOCK_TSC_TOLERANCE_PPM, 1000000);

	if (!khz)
		khz = host_khz;
	if (khz > host_khz + slack || khz < host_khz - slack)
		return -EINVAL;
	vcpu->clock->tsc_khz = khz;
	return 0;
}

/**
 * clock_get() - KVM_GET_CLOCK
 * @vm: VM
 * @data: filled; wall clock and host TSC only where they belong to one moment
 */
void clock_get(struct lodge_vm *vm, struct kvm_clock_data *data)
{
	struct lodge_vm_clock *clock = vm->clock;
	struct host_time now;

	memset(data, 0, sizeof(*data));
	spin_lock(&clock->lock);
	take_time(&now);
	data->clock = guest_ns_locked(clock, &now);
	if (clock->has_master) {
		data->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
		data->realtime = now.real_ns;
		data->host_tsc = now.tsc - tsc_lost;
	}
	spin_unlock(&clock->lock);
}

/**
 * clock_set() - KVM_SET_CLOCK
 * @vm: VM
 * @data: with KVM_CLOCK_REALTIME the clock went on since data->realtime
 *
 * Every vCPU gets a new line before it runs on. May sleep.
 *
 * Return: 0; -EINVAL for an unknown flag.
 */
int clock_set(struct lodge_vm *vm, const struct kvm_clock_data *data)
{
	const u32 known = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
	struct lodge_vm_clock *clock = vm->clock;
	u64 guest_ns = data->clock;
	struct host_time now;

	if (data->flags & ~known)
		return -EINVAL;

	spin_lock(&clock->lock);
	take_time(&now);
	if (data->flags & KVM_CLOCK_REALTIME && now.real_ns > data->realtime)
		guest_ns += now.real_ns - data->realtime;
	if (clock->has_master) {
		clock->master_tsc = now.tsc;
		clock->master_ns = now.boot_ns;
	}
	clock->offset_ns = guest_ns - now.boot_ns;
	spin_unlock(&clock->lock);

	lodge_request_all_and_wait(vm, LODGE_REQ_CLOCK);
	return 0;
}

/**
 * clock_guest_stopped() - KVM_KVMCLOCK_CTRL: its watchdogs are to be told
 * @vcpu: vCPU, mutex held
 *
 * Return: 0; -EINVAL if the guest has not enabled the clock.
 */
int clock_guest_stopped(struct lodge_vcpu *vcpu)
{
	if (!(vcpu->clock->system_time & CLOCK_MSR_ENABLED))
		return -EINVAL;
	vcpu->clock->was_stopped = true;
	lodge_request_set(vcpu, LODGE_REQ_CLOCK);
	return 0;
}

/*
 * User space writes TSCs one vCPU after the other and means one moment. A write counts
 * as agreeing with the one before if it is zero (a new or reset vCPU), or if it is
 * within a second of what that would have become by now.
 */
static bool is_same_moment_locked(const struct lodge_vm_clock *clock, u64 tsc, u64 elapsed_ns)
{
	u64 slack = host_tsc_khz() * 1000ull * CLOCK_TSC_SLACK_SECONDS;
	u64 expected;

	lockdep_assert_held(&clock->lock);

	if (!clock->has_written)
		return false;
	if (!tsc)
		return true;
	expected = clock->last_write_tsc + mul_u64_u32_div(elapsed_ns, host_tsc_khz(), 1000000);
	return tsc < expected + slack && tsc + slack > expected;
}

/* The vCPU's TSC is @now's plus @offset from now on; vCPUs with one offset agree. */
static void join_offset_locked(struct lodge_vcpu *vcpu, const struct host_time *now, u64 offset)
{
	struct lodge_vm_clock *shared = vcpu->vm->clock;

	lockdep_assert_held(&shared->lock);

	if (!shared->has_written || offset != shared->tsc_offset) {
		shared->tsc_generation++;
		shared->tsc_offset = offset;
	}
	shared->last_write_ns = now->boot_ns;
	shared->last_write_tsc = now->tsc + offset;
	shared->has_written = true;
	vcpu->clock->tsc_generation = shared->tsc_generation;
	WRITE_ONCE(vcpu->clock->offset, offset);
}

/* After join_offset_locked(), the lock dropped. */
static void publish_join(struct lodge_vcpu *vcpu, bool has_changed)
{
	publish_offset(vcpu);
	if (has_changed)
		lodge_request_all_and_wait(vcpu->vm, LODGE_REQ_CLOCK);
}

/* A TSC that user space sets, in step with the other vCPUs'. */
static void synchronize_tsc(struct lodge_vcpu *vcpu, u64 tsc)
{
	struct lodge_vm_clock *shared = vcpu->vm->clock;
	struct host_time now;
	bool has_changed;
	u64 offset;

	spin_lock(&shared->lock);
	take_time(&now);
	offset = shared->tsc_offset;
	if (!is_same_moment_locked(shared, tsc, now.boot_ns - shared->last_write_ns))
		offset = tsc - now.tsc;
	join_offset_locked(vcpu, &now, offset);
	has_changed = review_master_locked(vcpu->vm);
	spin_unlock(&shared->lock);

	publish_join(vcpu, has_changed);
}

u64 clock_tsc_offset(struct lodge_vcpu *vcpu)
{
	return READ_ONCE(vcpu->clock->offset) + tsc_lost;
}

/**
 * clock_set_tsc_offset() - KVM_VCPU_TSC_OFFSET
 * @vcpu: loaded vCPU
 * @offset: guest's TSC minus the host's; TSC_ADJUST stays
 */
void clock_set_tsc_offset(struct lodge_vcpu *vcpu, u64 offset)
{
	struct lodge_vm_clock *shared = vcpu->vm->clock;
	struct host_time now;
	bool has_changed;

	spin_lock(&shared->lock);
	take_time(&now);
	join_offset_locked(vcpu, &now, offset - tsc_lost);
	has_changed = review_master_locked(vcpu->vm);
	spin_unlock(&shared->lock);

	publish_join(vcpu, has_changed);
}

/**
 * clock_set_tsc() - write IA32_TSC
 * @vcpu: loaded vCPU
 * @tsc: new value
 * @from_user: user space restores or resets: TSC_ADJUST stays, vCPUs are kept in step.
 *             A guest's write shows in TSC_ADJUST (Intel SDM volume 3,
 *             "IA32_TSC_ADJUST MSR").
 */
void clock_set_tsc(struct lodge_vcpu *vcpu, u64 tsc, bool from_user)
{
	struct lodge_vcpu_clock *clock = vcpu->clock;
	u64 change;

	if (from_user) {
		synchronize_tsc(vcpu, tsc);
		return;
	}
	change = tsc - clock_guest_tsc(vcpu);
	clock_set_tsc_adjust(vcpu, clock->tsc_adjust + change, false);
}

u64 clock_tsc_adjust(struct lodge_vcpu *vcpu)
{
	return vcpu->clock->tsc_adjust;
}

/**
 * clock_set_tsc_adjust() - write IA32_TSC_ADJUST
 * @vcpu: loaded vCPU
 * @adjust: new value
 * @from_user: restore the register only; a guest's write moves the TSC by the difference
 */
void clock_set_tsc_adjust(struct lodge_vcpu *vcpu, u64 adjust, bool from_user)
{
	struct lodge_vcpu_clock *clock = vcpu->clock;

	if (!from_user) {
		/* Against clock_vcpu_load(), which may change it too. */
		preempt_disable();
		WRITE_ONCE(clock->offset, clock->offset + (adjust - clock->tsc_adjust));
		preempt_enable();
		publish_offset(vcpu);
	}
	clock->tsc_adjust = adjust;
}

u64 clock_system_time_msr(struct lodge_vcpu *vcpu)
{
	return vcpu->clock->system_time;
}

/* MSR_KVM_SYSTEM_TIME(_NEW): where the guest wants its line; the next entry is preceded by it. */
void clock_set_system_time_msr(struct lodge_vcpu *vcpu, u64 value)
{
	vcpu->clock->system_time = value;
	lodge_request_set(vcpu, LODGE_REQ_CLOCK);
}

u64 clock_wall_clock_msr(struct lodge_vcpu *vcpu)
{
	return READ_ONCE(vcpu->vm->clock->wall_clock);
}

/**
 * clock_set_wall_clock_msr() - MSR_KVM_WALL_CLOCK(_NEW): write the time of the guest's boot
 * @vcpu: loaded vCPU; may sleep
 * @value: address; nothing happens for 0
 *
 * Wall clock = this + paravirtual clock.
 */
void clock_set_wall_clock_msr(struct lodge_vcpu *vcpu, u64 value)
{
	struct lodge_vm_clock *clock = vcpu->vm->clock;
	struct pvclock_wall_clock wall;
	struct host_time now;
	u64 boot_ns;
	u32 version;
	u32 nsec;

	WRITE_ONCE(clock->wall_clock, value);
	if (!value || guest_read(vcpu->vm, value, &version, sizeof(version)))
		return;

	spin_lock(&clock->lock);
	take_time(&now);
	boot_ns = now.real_ns - guest_ns_locked(clock, &now);
	spin_unlock(&clock->lock);

	wall.version = (version & ~1u) + 1;
	wall.sec = div_u64_rem(boot_ns, NSEC_PER_SEC, &nsec);
	wall.nsec = nsec;
	if (guest_write(vcpu, value, &wall.version, sizeof(wall.version)))
		return;
	/* The order that clock_update_guest() keeps, too. */
	smp_wmb();
	if (guest_write(vcpu, value, &wall, sizeof(wall)))
		return;
	/* As above. */
	smp_wmb();
	wall.version++;
	guest_write(vcpu, value, &wall.version, sizeof(wall.version));
}

/**
 * clock_pair() - KVM_HC_CLOCK_PAIRING: the host's wall clock and the guest's TSC at one moment
 * @vcpu: loaded vCPU; may sleep
 * @gpa: where struct kvm_clock_pairing goes
 * @type: KVM_CLOCK_PAIRING_WALLCLOCK
 *
 * Return: what the hypercall answers: 0; -KVM_EOPNOTSUPP for another clock, or if the TSC does
 * not run at the rate of the wall clock; -KVM_EFAULT.
 */
long clock_pair(struct lodge_vcpu *vcpu, gpa_t gpa, u64 type)
{
	struct kvm_clock_pairing pairing;
	struct host_time now;
	u32 nsec;

	if (type != KVM_CLOCK_PAIRING_WALLCLOCK || !host_tsc_is_stable())
		return -KVM_EOPNOTSUPP;

	take_time(&now);
	memset(&pairing, 0, sizeof(pairing));
	pairing.sec = div_u64_rem(now.real_ns, NSEC_PER_SEC, &nsec);
	pairing.nsec = nsec;
	pairing.tsc = now.tsc + vcpu->clock->offset;
	return guest_write(vcpu, gpa, &pairing, sizeof(pairing)) ? -KVM_EFAULT : 0;
}
