// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the synthetic timers, four for each vCPU. They go by the partition's reference
 * time; an expiry is a message through the SynIC, or ("direct mode") an interrupt.
 *
 * The hrtimer's callback notes the expiry and kicks the vCPU; all else is done in the own
 * thread. A periodic timer is armed anew there too, so a guest that does not take its ticks
 * gets no more of them and costs the host nothing.
 *
 * TLFS, "Timers".
 */
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "../irqchip/irqchip.h"
#include "../request.h"
#include "state.h"

/* Reference time farther away than this is never. */
#define MAX_UNITS	(KTIME_MAX / 100)

/* The timer is to be looked at before the next entry. Own thread. */
static void mark_due(struct hyperv_timer *timer)
{
	set_bit(timer->index, &timer->vcpu->hyperv->timers_due);
	lodge_request_set(timer->vcpu, LODGE_REQ_STIMER);
}

/* Hard interrupt. */
static enum hrtimer_restart stimer_callback(struct hrtimer *hrtimer)
{
	struct hyperv_timer *timer = container_of(hrtimer, struct hyperv_timer, hrtimer);

	mark_due(timer);
	lodge_vcpu_kick(timer->vcpu);
	return HRTIMER_NORESTART;
}

void stimer_create_all(struct lodge_vcpu *vcpu)
{
	int i;

	for (i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		struct hyperv_timer *timer = &vcpu->hyperv->timers[i];

		timer->vcpu = vcpu;
		timer->index = i;
		hrtimer_init(&timer->hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
		timer->hrtimer.function = stimer_callback;
	}
}

/* Stop the timer and forget its expiry. */
static void stop(struct hyperv_timer *timer)
{
	hrtimer_cancel(&timer->hrtimer);
	clear_bit(timer->index, &timer->vcpu->hyperv->timers_due);
	timer->is_undelivered = false;
	timer->expiration = 0;
}

void stimer_destroy_all(struct lodge_vcpu *vcpu)
{
	int i;

	for (i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		stop(&vcpu->hyperv->timers[i]);
}

/* An enabled timer with a count is armed for its next expiry. */
static void start(struct hyperv_timer *timer)
{
	u64 now = reference_time(timer->vcpu);
	u64 left;

	if (!timer->config.periodic) {
		timer->expiration = timer->count;
		/* "If the count is in the past, it will expire immediately." */
		if (now >= timer->count) {
			mark_due(timer);
			return;
		}
	} else if (!timer->expiration) {
		timer->expiration = now + timer->count;
	} else if (now >= timer->expiration) {
		/* Ticks that nobody saw are lost, the beat stays. */
		div64_u64_rem(now - timer->expiration, timer->count, &left);
		timer->expiration = now + timer->count - left;
	}
	left = min_t(u64, timer->expiration - now, MAX_UNITS);
	hrtimer_start(&timer->hrtimer, ktime_add_safe(ktime_get(), left * 100),
		      HRTIMER_MODE_ABS_HARD);
}

/* Return 0 if the guest has it, or will not get it any more. */
static int send_message(struct hyperv_timer *timer)
{
	struct hv_message message = {
		.header = {
			.message_type = HVMSG_TIMER_EXPIRED,
			.payload_size = sizeof(struct hv_timer_message_payload),
		},
	};
	struct hv_timer_message_payload payload = {
		.timer_index = timer->index,
		.expiration_time = timer->expiration,
		.delivery_time = reference_time(timer->vcpu),
	};

	memcpy(message.u.payload, &payload, sizeof(payload));
	/* Ticks of a periodic timer do not pile up. */
	return synic_post(timer->vcpu, timer->config.sintx, &message, !timer->config.periodic);
}

static int send_interrupt(struct hyperv_timer *timer)
{
	if (!timer->vcpu->lapic)
		return 0;
	return lapic_raise_vector(timer->vcpu, timer->config.apic_vector) ? 0 : -EFAULT;
}

static void expire(struct hyperv_timer *timer)
{
	timer->is_undelivered = true;
	if (timer->config.direct_mode ? send_interrupt(timer) : send_message(timer))
		return;
	timer->is_undelivered = false;
	if (!timer->config.periodic)
		timer->config.enable = 0;
}

static void process(struct hyperv_timer *timer)
{
	if (!timer->config.enable)
		return;
	if (timer->expiration && reference_time(timer->vcpu) >= timer->expiration)
		expire(timer);
	if (!timer->config.enable || !timer->count)
		stop(timer);
	else if (!timer->is_undelivered)
		start(timer);
}

/* The guest is done with messages of these sources: what found no room is tried again. */
static void retry(struct lodge_vcpu *vcpu, u16 ended)
{
	int i;

	for (i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		struct hyperv_timer *timer = &vcpu->hyperv->timers[i];

		if (timer->is_undelivered && timer->config.enable && !timer->config.direct_mode &&
		    (ended & BIT(timer->config.sintx)))
			set_bit(i, &vcpu->hyperv->timers_due);
	}
}

void hyperv_process_timers(struct lodge_vcpu *vcpu)
{
	int i;

	if (!vcpu->hyperv)
		return;
	retry(vcpu, sint_take_ended(vcpu));
	for (i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		if (test_and_clear_bit(i, &vcpu->hyperv->timers_due))
			process(&vcpu->hyperv->timers[i]);
	}
}

static int set_config(struct hyperv_timer *timer, u64 data, bool from_user)
{
	union hv_stimer_config config = { .as_uint64 = data };

	if (config.direct_mode && !from_user &&
	    !hyperv_has(timer->vcpu, HYPERV_FEATURES_EDX, HV_STIMER_DIRECT_MODE_AVAILABLE))
		return -EINVAL;
	stop(timer);
	/* A timer that runs and has no source any more, source 0 being none, is disabled. */
	if (timer->config.enable && !config.direct_mode && !config.sintx)
		config.enable = 0;
	timer->config = config;
	if (config.enable)
		mark_due(timer);
	return 0;
}

static int set_count(struct hyperv_timer *timer, u64 count, bool from_user)
{
	stop(timer);
	timer->count = count;
	/* User space restores count and configuration as they were, in any order. */
	if (!from_user && !count)
		timer->config.enable = 0;
	else if (!from_user && timer->config.auto_enable)
		timer->config.enable = 1;
	if (timer->config.enable)
		mark_due(timer);
	return 0;
}

/* Configuration and count of each timer are neighbours. */
static struct hyperv_timer *timer_of(struct lodge_vcpu *vcpu, u32 index)
{
	u32 i = (index - HV_X64_MSR_STIMER0_CONFIG) / 2;

	return &vcpu->hyperv->timers[array_index_nospec(i, HV_SYNIC_STIMER_COUNT)];
}

static bool is_config(u32 index)
{
	return (index - HV_X64_MSR_STIMER0_CONFIG) % 2 == 0;
}

int stimer_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	struct hyperv_timer *timer = timer_of(vcpu, index);

	*data = is_config(index) ? timer->config.as_uint64 : timer->count;
	return 0;
}

int stimer_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	struct hyperv_timer *timer = timer_of(vcpu, index);

	/* As with the SynIC's own. */
	if (!vcpu->hyperv->has_synic && (!from_user || data))
		return -EINVAL;
	return is_config(index) ? set_config(timer, data, from_user) :
				  set_count(timer, data, from_user);
}
