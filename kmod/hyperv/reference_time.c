// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the partition's reference time, in units of 100 ns: as a counter MSR, and as a page
 * by which the guest computes it from the TSC without an exit; and the frequencies.
 *
 * Reference time is the paravirtual clock's. The page holds what that clock's line says, in
 * another form:
 *
 *   line: ns = (TSC - timestamp) * mul * 2^(shift - 32) + system time
 *   page: ns / 100 = TSC * scale / 2^64 + offset
 *
 * so scale = mul * 2^(32 + shift) / 100, and the offset is what is left at the timestamp. It
 * can be had while all vCPUs share a line; otherwise the page's sequence number is 0, which
 * sends the guest to the counter (TLFS, "Partition Reference Time Enlightenment").
 *
 * A guest that has its TSC emulated after a migration expects the page to stay as it is until
 * it has taken note (TSC_EMULATION_CONTROL): meanwhile the page is the truth, not the clock.
 */
#include <linux/errno.h>
#include <linux/math64.h>

#include <asm/pvclock-abi.h>

#include "../clock.h"
#include "../mmu/mmu.h"
#include "../request.h"
#include "state.h"

#define UNIT_NS		100

/* The rate of the LAPIC's timer that guests are told: see irqchip/lapic_timer.c. */
#define APIC_BUS_HZ	1000000000ull

static gpa_t tsc_page_gpa(const struct lodge_hyperv *hyperv)
{
	return hyperv->reference_tsc >> HV_X64_MSR_TSC_REFERENCE_ADDRESS_SHIFT << PAGE_SHIFT;
}

/* The guest relies on the page as it is. */
static bool is_frozen(const struct lodge_hyperv *hyperv)
{
	return hyperv->tsc_emulation_control && hyperv->tsc_page != HYPERV_TSC_PAGE_ENABLED;
}

/* Return false if the line cannot be told by a page. */
static bool convert_line(const struct pvclock_vcpu_time_info *line, u64 *scale, s64 *offset)
{
	if (!(line->flags & PVCLOCK_TSC_STABLE_BIT))
		return false;
	/* A TSC below 10 MHz: the scale would not fit. */
	if (line->tsc_to_system_mul >= (u64)UNIT_NS << (32 - line->tsc_shift))
		return false;
	*scale = mul_u64_u32_div(1ull << (32 + line->tsc_shift), line->tsc_to_system_mul, UNIT_NS);
	*offset = div_u64(line->system_time, UNIT_NS) -
		  mul_u64_u64_shr(line->tsc_timestamp, *scale, 64);
	return true;
}

static u32 next_sequence(u32 sequence)
{
	sequence++;
	/* Neither "use the counter" nor what older guests took for that. */
	return sequence == 0 || sequence == U32_MAX ? 1 : sequence;
}

/*
 * Write the page: sequence 0, content, sequence, in this order for the guest's vCPUs, which
 * may be reading. Return false if there is no memory.
 */
static bool write_page_locked(struct lodge_vcpu *vcpu, struct lodge_hyperv *hyperv, u32 sequence)
{
	gpa_t gpa = tsc_page_gpa(hyperv);
	struct ms_hyperv_tsc_page *page = &hyperv->tsc_ref;

	lockdep_assert_held(&hyperv->lock);

	page->tsc_sequence = 0;
	if (guest_write(vcpu, gpa, page, sizeof(page->tsc_sequence)))
		return false;
	if (!sequence)
		return true;
	/* See above. */
	smp_wmb();
	if (guest_write(vcpu, gpa, page, sizeof(*page)))
		return false;
	/* See above. */
	smp_wmb();
	page->tsc_sequence = sequence;
	return !guest_write(vcpu, gpa, page, sizeof(page->tsc_sequence));
}

/*
 * Bring the page up to date. Without a line that fits it waits for the next one, with the
 * guest using the counter.
 */
static void update_page_locked(struct lodge_vcpu *vcpu, struct lodge_hyperv *hyperv)
{
	struct ms_hyperv_tsc_page *page = &hyperv->tsc_ref;
	struct pvclock_vcpu_time_info line = {};
	bool is_valid;
	u32 sequence;
	s64 offset;
	u64 scale;

	lockdep_assert_held(&hyperv->lock);

	if (guest_read(vcpu->vm, tsc_page_gpa(hyperv), &sequence, sizeof(sequence)))
		goto broken;
	if (is_frozen(hyperv) && sequence) {
		/* After a migration: what is there holds. */
		if (hyperv->tsc_page == HYPERV_TSC_PAGE_RESTORED &&
		    guest_read(vcpu->vm, tsc_page_gpa(hyperv), page, sizeof(*page)))
			goto broken;
		hyperv->tsc_page = HYPERV_TSC_PAGE_VALID;
		return;
	}

	clock_draw_line(vcpu, &line);
	is_valid = convert_line(&line, &scale, &offset);
	if (is_valid && hyperv->tsc_page == HYPERV_TSC_PAGE_VALID && scale == page->tsc_scale &&
	    offset == page->tsc_offset)
		return;
	if (is_valid) {
		page->tsc_scale = scale;
		page->tsc_offset = offset;
	}
	if (!write_page_locked(vcpu, hyperv, is_valid ? next_sequence(sequence) : 0))
		goto broken;
	hyperv->tsc_page = is_valid ? HYPERV_TSC_PAGE_VALID : HYPERV_TSC_PAGE_ENABLED;
	return;

broken:
	hyperv->tsc_page = HYPERV_TSC_PAGE_BROKEN;
}

static bool is_page_wanted(const struct lodge_hyperv *hyperv)
{
	enum hyperv_tsc_page page = READ_ONCE(hyperv->tsc_page);

	return page != HYPERV_TSC_PAGE_OFF && page != HYPERV_TSC_PAGE_BROKEN;
}

void hyperv_clock_changed(struct lodge_vcpu *vcpu)
{
	/* Pairs with the cmpxchg() in hyperv_vm_get(). */
	struct lodge_hyperv *hyperv = smp_load_acquire(&vcpu->vm->hyperv);

	if (likely(!hyperv) || !is_page_wanted(hyperv))
		return;
	mutex_lock(&hyperv->lock);
	if (is_page_wanted(hyperv))
		update_page_locked(vcpu, hyperv);
	mutex_unlock(&hyperv->lock);
}

static void set_reference_tsc(struct lodge_vcpu *vcpu, u64 data, bool from_user)
{
	struct lodge_hyperv *hyperv = vcpu->vm->hyperv;

	mutex_lock(&hyperv->lock);
	hyperv->reference_tsc = data;
	if (!(data & HV_X64_MSR_TSC_REFERENCE_ENABLE)) {
		hyperv->tsc_page = HYPERV_TSC_PAGE_OFF;
	} else if (from_user) {
		/* Memory and clock may follow yet: before the next entry. */
		hyperv->tsc_page = HYPERV_TSC_PAGE_RESTORED;
		lodge_request_set(vcpu, LODGE_REQ_CLOCK);
	} else {
		hyperv->tsc_page = HYPERV_TSC_PAGE_ENABLED;
		update_page_locked(vcpu, hyperv);
	}
	mutex_unlock(&hyperv->lock);
}

/**
 * reference_time() - the partition's reference time
 * @vcpu: vCPU; own thread
 *
 * While the page is valid it is what the page says, so that both agree to the unit.
 */
u64 reference_time(struct lodge_vcpu *vcpu)
{
	struct lodge_hyperv *hyperv = vcpu->vm->hyperv;
	struct kvm_clock_data clock;
	u64 time = 0;
	bool by_page;

	mutex_lock(&hyperv->lock);
	by_page = hyperv->tsc_page == HYPERV_TSC_PAGE_VALID &&
		  (is_frozen(hyperv) || !test_bit(LODGE_REQ_CLOCK, &vcpu->requests));
	if (by_page)
		time = mul_u64_u64_shr(clock_guest_tsc(vcpu), hyperv->tsc_ref.tsc_scale, 64) +
		       hyperv->tsc_ref.tsc_offset;
	mutex_unlock(&hyperv->lock);
	if (by_page)
		return time;

	clock_get(vcpu->vm, &clock);
	return div_u64(clock.clock, UNIT_NS);
}

int reference_time_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	switch (index) {
	case HV_X64_MSR_TIME_REF_COUNT:
		*data = reference_time(vcpu);
		return 0;
	case HV_X64_MSR_REFERENCE_TSC:
		*data = READ_ONCE(vcpu->vm->hyperv->reference_tsc);
		return 0;
	case HV_X64_MSR_TSC_FREQUENCY:
		*data = clock_tsc_khz(vcpu) * 1000ull;
		return 0;
	case HV_X64_MSR_APIC_FREQUENCY:
		*data = APIC_BUS_HZ;
		return 0;
	default:
		return -EINVAL;
	}
}

int reference_time_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (index == HV_X64_MSR_REFERENCE_TSC) {
		set_reference_tsc(vcpu, data, from_user);
		return 0;
	}
	/* The others cannot be written; user space that restores all that it read may try. */
	return from_user ? 0 : -EINVAL;
}
