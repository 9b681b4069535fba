// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the synthetic interrupt controller (SynIC): its MSRs, and the page in which it
 * posts messages. Its interrupt sources are the LAPIC's (irqchip/sint.c); event flags are set
 * by user space, in the page that the guest names here.
 *
 * TLFS, "Virtual Interrupt Controller", "Inter-Partition Communication".
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/stddef.h>

#include "../irqchip/irqchip.h"
#include "../mmu/mmu.h"
#include "state.h"

/* Enable bit of the pages' MSRs, which is the same for both. */
static_assert(HV_SYNIC_SIMP_ENABLE == HV_SYNIC_SIEFP_ENABLE);

int hyperv_activate_synic(struct lodge_vcpu *vcpu, bool keep_pages)
{
	int ret;

	if (!vcpu->lapic)
		return -EINVAL;
	ret = hyperv_vcpu_get(vcpu);
	if (ret)
		return ret;
	ret = sint_activate(vcpu, vcpu->hyperv->vp_index);
	if (ret)
		return ret;
	vcpu->hyperv->has_synic = true;
	vcpu->hyperv->keeps_pages = keep_pages;
	vcpu->hyperv->scontrol = HV_SYNIC_CONTROL_ENABLE;
	return 0;
}

/* User space has the other ends of messages and events: it is told of each change. */
static void tell_user(struct lodge_vcpu *vcpu, u32 index)
{
	struct lodge_hyperv_vcpu *hyperv = vcpu->hyperv;

	hyperv->exit = (struct kvm_hyperv_exit) {
		.type = KVM_EXIT_HYPERV_SYNIC,
		.u.synic = {
			.msr = index,
			.control = hyperv->scontrol,
			.evt_page = hyperv->siefp,
			.msg_page = hyperv->simp,
		},
	};
	user_exit_request(vcpu, HYPERV_EXIT_SYNIC);
}

static int zero_page(struct lodge_vcpu *vcpu, gpa_t gpa)
{
	return guest_write(vcpu, gpa, page_address(ZERO_PAGE(0)), PAGE_SIZE);
}

static int set_page(struct lodge_vcpu *vcpu, u64 *page, u64 data, bool from_user)
{
	bool must_zero = (data & HV_SYNIC_SIMP_ENABLE) && !from_user &&
			 !vcpu->hyperv->keeps_pages;

	if (must_zero && zero_page(vcpu, data & PAGE_MASK))
		return -EINVAL;
	*page = data;
	return 0;
}

static int set_sint(struct lodge_vcpu *vcpu, unsigned int sint, u64 data, bool from_user)
{
	/* A masked source may have any vector; guests write such values while they boot. */
	if ((data & HV_SYNIC_SINT_VECTOR_MASK) < HV_SYNIC_FIRST_VALID_VECTOR && !from_user &&
	    !(data & HV_SYNIC_SINT_MASKED))
		return -EINVAL;
	sint_write(vcpu, sint, data);
	return 0;
}

/* The guest has taken messages away: there may be room for those that waited. */
static void end_of_message(struct lodge_vcpu *vcpu)
{
	unsigned int sint;

	for (sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		sint_ended(vcpu, sint);
}

int synic_get_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	struct lodge_hyperv_vcpu *hyperv = vcpu->hyperv;

	switch (index) {
	case HV_X64_MSR_SCONTROL:
		*data = hyperv->scontrol;
		return 0;
	case HV_X64_MSR_SVERSION:
		*data = hyperv->sversion;
		return 0;
	case HV_X64_MSR_SIEFP:
		*data = hyperv->siefp;
		return 0;
	case HV_X64_MSR_SIMP:
		*data = hyperv->simp;
		return 0;
	case HV_X64_MSR_EOM:
		*data = 0;
		return 0;
	case HV_X64_MSR_SINT0 ... HV_X64_MSR_SINT15:
		*data = sint_read(vcpu, index - HV_X64_MSR_SINT0);
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	struct lodge_hyperv_vcpu *hyperv = vcpu->hyperv;

	switch (index) {
	case HV_X64_MSR_SCONTROL:
		hyperv->scontrol = data;
		return 0;
	case HV_X64_MSR_SVERSION:
		if (!from_user)
			return -EINVAL;
		hyperv->sversion = data;
		return 0;
	case HV_X64_MSR_SIEFP:
		return set_page(vcpu, &hyperv->siefp, data, from_user);
	case HV_X64_MSR_SIMP:
		return set_page(vcpu, &hyperv->simp, data, from_user);
	case HV_X64_MSR_EOM:
		end_of_message(vcpu);
		return 0;
	case HV_X64_MSR_SINT0 ... HV_X64_MSR_SINT15:
		return set_sint(vcpu, index - HV_X64_MSR_SINT0, data, from_user);
	default:
		return -EINVAL;
	}
}

int synic_set_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	int ret;

	/* User space may restore the zeros of one that was not activated. */
	if (!vcpu->hyperv->has_synic)
		return from_user && !data ? 0 : -EINVAL;
	ret = set_msr(vcpu, index, data, from_user);
	if (!ret && !from_user && index >= HV_X64_MSR_SCONTROL && index <= HV_X64_MSR_SIMP)
		tell_user(vcpu, index);
	return ret;
}

/**
 * synic_post() - post a message, and raise the interrupt of its source
 * @vcpu: vCPU; own thread, so that the guest does not look meanwhile
 * @sint: source, and place in the page
 * @message: what; payload_size bytes of payload
 * @will_retry: where there is no room the guest is asked to say when there is
 *
 * Return: 0, also if a message without retry was dropped; -EAGAIN if there is no room; -ENOENT
 * if the guest has no page or has masked the source; -EFAULT if the page is no memory or the
 * LAPIC is disabled.
 */
int synic_post(struct lodge_vcpu *vcpu, unsigned int sint, const struct hv_message *message,
	       bool will_retry)
{
	u64 simp = vcpu->hyperv->simp;
	union hv_message_flags flags = { .msg_pending = 1 };
	gpa_t place = (simp & PAGE_MASK) + offsetof(struct hv_message_page, sint_message[sint]);
	u32 type;
	int ret;

	if (!(simp & HV_SYNIC_SIMP_ENABLE))
		return -ENOENT;
	ret = guest_read(vcpu->vm, place + offsetof(struct hv_message, header.message_type), &type,
			 sizeof(type));
	if (ret)
		return ret;

	if (type != HVMSG_NONE) {
		if (!will_retry)
			return 0;
		ret = guest_write(vcpu, place + offsetof(struct hv_message, header.message_flags),
				  &flags, sizeof(flags));
		return ret ?: -EAGAIN;
	}

	ret = guest_write(vcpu, place, message,
			  sizeof(message->header) + message->header.payload_size);
	if (ret)
		return ret;
	ret = sint_raise(vcpu, sint);
	if (ret < 0)
		return ret;
	return ret ? 0 : -EFAULT;
}
