// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: exits for port I/O and for faults of the second dimension. A plain IN or
 * OUT needs no decoding and is finished here; strings and memory-mapped devices
 * go through emulation.c.
 */
#include <linux/string.h>

#include "iobus.h"
#include "mmu/mmu.h"
#include "pv/pv.h"
#include "regs.h"
#include "run.h"
#include "vm.h"
#include "x86.h"

/* OUT to this port: user space sees RIP behind it already. */
#define PORT_RIP_IS_BEHIND	0x7e

/* IN zero-extends four bytes like every 32-bit result, and merges less. */
static void set_rax(struct lodge_vcpu *vcpu, u32 value, unsigned int size)
{
	u64 *rax = &vcpu->state.gprs[LODGE_RAX];

	switch (size) {
	case 1:
		*rax = (*rax & ~0xffull) | (value & 0xff);
		break;
	case 2:
		*rax = (*rax & ~0xffffull) | (value & 0xffff);
		break;
	default:
		*rax = value;
	}
}

static int complete_port_out(struct lodge_vcpu *vcpu)
{
	if (vcpu->state.rip == vcpu->emulator->rip)
		event_skip_insn(vcpu, vcpu->emulator->length);
	return LODGE_RESUME_GUEST;
}

static int complete_port_in(struct lodge_vcpu *vcpu)
{
	struct lodge_emulator *emulator = vcpu->emulator;
	u32 value = 0;

	if (vcpu->state.rip != emulator->rip)
		return LODGE_RESUME_GUEST;
	memcpy(&value, vcpu->pio_data, emulator->size);
	set_rax(vcpu, value, emulator->size);
	event_skip_insn(vcpu, emulator->length);
	return LODGE_RESUME_GUEST;
}

static int port_to_user(struct lodge_vcpu *vcpu, u32 value)
{
	const struct lodge_exit *exit = &vcpu->exit;
	struct lodge_emulator *emulator = vcpu->emulator;
	struct kvm_run *run = vcpu->run;

	emulator->rip = vcpu->state.rip;
	emulator->length = exit->inst_len;
	emulator->size = exit->io.size;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = exit->io.is_in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = exit->io.size;
	run->io.port = exit->io.port;
	run->io.count = 1;
	run->io.data_offset = PAGE_SIZE;
	if (!exit->io.is_in)
		memcpy(vcpu->pio_data, &value, exit->io.size);
	vcpu->completion = exit->io.is_in ? complete_port_in : complete_port_out;
	/* Firmware of VMMs finds its caller by RIP, in what was KVM's way at first. */
	if (exit->io.port == PORT_RIP_IS_BEHIND && !exit->io.is_in &&
	    lodge_has_quirk(vcpu->vm, KVM_X86_QUIRK_OUT_7E_INC_RIP)) {
		event_skip_insn(vcpu, exit->inst_len);
		vcpu->completion = NULL;
	}
	return LODGE_RETURN_TO_USER;
}

/**
 * exit_io_port() - IN, OUT, INS, OUTS
 * @vcpu: loaded vCPU, exit filled
 *
 * The CPU has checked the guest's permission (IOPL, TSS bitmap) before it exited.
 *
 * Return: as exit handlers do.
 */
int exit_io_port(struct lodge_vcpu *vcpu)
{
	const struct lodge_exit *exit = &vcpu->exit;
	u32 value = lodge_reg32(vcpu, LODGE_RAX);
	int ret;

	if (exit->io.is_string)
		return emulation_start(vcpu);
	if (!emulation_find_length(vcpu, LODGE_OP_IN, LODGE_OP_OUT, &ret))
		return ret;

	if (exit->io.is_in)
		ret = iobus_read(vcpu, IOBUS_PIO, exit->io.port, exit->io.size, &value);
	else
		ret = iobus_write(vcpu, IOBUS_PIO, exit->io.port, exit->io.size, &value);
	if (ret)
		return port_to_user(vcpu, value);

	if (exit->io.is_in)
		set_rax(vcpu, value, exit->io.size);
	event_skip_insn(vcpu, exit->inst_len);
	return LODGE_RESUME_GUEST;
}

/*
 * The delivery of an event needs memory that is a device. What is at RIP has nothing to
 * do with the access, so there is nothing to emulate.
 */
static int delivery_failure(struct lodge_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
	run->internal.ndata = 4;
	run->internal.data[0] = vcpu->events.injected.vector;
	run->internal.data[1] = vcpu->exit.hw_code;
	run->internal.data[2] = vcpu->exit.hw_info;
	run->internal.data[3] = vcpu->exit.tdp.gpa;
	return LODGE_RETURN_TO_USER;
}

/* "Not present" is a page fault at an address that is a token. */
static void tell_not_present(struct lodge_vcpu *vcpu, u32 token)
{
	const struct lodge_event fault = {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = LODGE_VECTOR_PF,
		.has_error = true,
		.has_payload = true,
		.payload = token,
	};

	event_raise(vcpu, &fault);
}

/*
 * As tdp_fault(), but where the guest can do something else, or can at least be interrupted,
 * while a page is brought in, it does not wait for it.
 */
static int fault_in(struct lodge_vcpu *vcpu)
{
	const struct lodge_event_queue *events = &vcpu->events;
	gpa_t gpa = vcpu->exit.tdp.gpa;
	u8 access = vcpu->exit.tdp.access;
	bool may_wait;
	u32 token;
	int ret;

	may_wait = !async_pf_is_wanted(vcpu) || events->injected.class ||
		   events->exception.class || !event_can_take_irq(vcpu);
	ret = tdp_fault(vcpu, gpa, access, may_wait);
	if (likely(ret != LODGE_TDP_FAULT_AWAY))
		return ret;

	switch (async_pf_begin(vcpu, gpa, access & LODGE_ACCESS_WRITE, &token)) {
	case ASYNC_PF_TELL:
		tell_not_present(vcpu, token);
		return LODGE_TDP_FAULT_FIXED;
	case ASYNC_PF_HALT:
		return LODGE_TDP_FAULT_FIXED;
	default:
		return tdp_fault(vcpu, gpa, access, true);
	}
}

/**
 * exit_io_tdp_fault() - the second dimension lacks a translation or a right
 * @vcpu: loaded vCPU, exit filled
 *
 * Return: as exit handlers do; -EFAULT if the memory of the slot is not there.
 */
int exit_io_tdp_fault(struct lodge_vcpu *vcpu)
{
	int ret = fault_in(vcpu);

	if (likely(ret == LODGE_TDP_FAULT_FIXED))
		return LODGE_RESUME_GUEST;
	if (ret < 0)
		return ret;
	if (vcpu->events.injected.class)
		return delivery_failure(vcpu);
	return emulation_start(vcpu);
}
