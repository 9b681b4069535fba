// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: emulating the instruction at RIP, from fetching its bytes to the last
 * round trip to user space. The emulator proper is kmod/emulate, its hands are
 * device_access.c.
 *
 *   emulation_start() -> fetch, decode -> execute() -> done: guest goes on
 *                                           |   ^
 *                               device access   completion: answer noted,
 *                               for user space  executed again from its start
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "mmu/mmu.h"
#include "regs.h"
#include "run.h"
#include "x86.h"

static gva_t fetch_address(const struct lodge_x86_state *state, enum lodge_cpu_mode mode)
{
	if (mode == LODGE_MODE_64)
		return state->rip;
	return (u32)(state->segs[LODGE_SEG_CS].base + state->rip);
}

/*
 * Read @len instruction bytes that do not cross a page. -EFAULT after raising a
 * page fault; -EOPNOTSUPP if the code is not in RAM.
 */
static int fetch(struct lodge_vcpu *vcpu, gva_t linear, u8 *bytes, unsigned int len)
{
	u32 access = LODGE_ACCESS_EXEC;
	struct lodge_event fault;
	gpa_t gpa;

	if (vcpu->emulator->ctxt.cpl == 3)
		access |= LODGE_GVA_USER;
	if (gva_to_gpa(vcpu, linear, access, &gpa, &fault)) {
		event_raise(vcpu, &fault);
		return -EFAULT;
	}
	return guest_read(vcpu->vm, gpa, bytes, len) ? -EOPNOTSUPP : 0;
}

static int fetch_and_decode(struct lodge_vcpu *vcpu, struct emulate_ctxt *ctxt)
{
	gva_t linear = fetch_address(ctxt->state, ctxt->mode);
	u8 bytes[LODGE_INSN_MAX];
	unsigned int first = min_t(unsigned int, LODGE_INSN_MAX,
				   PAGE_SIZE - offset_in_page(linear));
	int ret;

	ret = fetch(vcpu, linear, bytes, first);
	if (ret)
		return ret;
	ret = emulate_decode(&ctxt->insn, bytes, first, ctxt->mode);
	if (ret != -EAGAIN || first == LODGE_INSN_MAX)
		return ret;

	/* The next page is touched only if the instruction really goes on there. */
	ret = fetch(vcpu, linear + first, bytes + first, LODGE_INSN_MAX - first);
	if (ret)
		return ret;
	return emulate_decode(&ctxt->insn, bytes, LODGE_INSN_MAX, ctxt->mode);
}

/**
 * emulation_decode() - decode the instruction at RIP into the emulator's context
 * @vcpu: loaded vCPU
 *
 * Return: 0; -EFAULT if an exception was raised instead (the guest goes on with it);
 * -EOPNOTSUPP if the bytes are not to be had or not known.
 */
int emulation_decode(struct lodge_vcpu *vcpu)
{
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;
	int ret;

	ctxt->state = lodge_regs_get(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS);
	ctxt->mode = emulate_cpu_mode(ctxt->state);
	ctxt->cpl = lodge_cpl(vcpu);

	if (vcpu->exit.nr_inst)
		ret = emulate_decode(&ctxt->insn, vcpu->exit.inst, vcpu->exit.nr_inst, ctxt->mode);
	else
		ret = -EAGAIN;
	/* The CPU's bytes end where its fetch ended, which may be too early. */
	if (ret == -EAGAIN)
		ret = fetch_and_decode(vcpu, ctxt);

	if (ret == -E2BIG) {
		event_raise_error(vcpu, LODGE_VECTOR_GP, 0);
		ret = -EFAULT;
	}
	return ret;
}

/**
 * emulation_insn_length() - length of the instruction that exited
 * @vcpu: loaded vCPU, exit filled
 * @op: what it must be
 *
 * Return: length, positive. 0 if the guest is to go on as it is: an exception was
 * raised, or the bytes are no longer those that exited (another vCPU wrote them), so
 * the CPU executes what is there now.
 */
int emulation_insn_length(struct lodge_vcpu *vcpu, enum lodge_op op)
{
	if (vcpu->exit.inst_len)
		return vcpu->exit.inst_len;
	if (emulation_decode(vcpu) || vcpu->emulator->ctxt.insn.op != op)
		return 0;
	return vcpu->emulator->ctxt.insn.length;
}

/**
 * emulation_failure() - the instruction at RIP cannot be emulated
 * @vcpu: loaded vCPU
 *
 * Code with privilege is the guest's kernel or firmware: user space gets the bytes to
 * see what is missing. Less privileged code must not be able to stop its VM: #UD.
 *
 * Return: as exit handlers do.
 */
int emulation_failure(struct lodge_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;
	gva_t linear;

	if (lodge_cpl(vcpu) > 0) {
		event_raise_vector(vcpu, LODGE_VECTOR_UD);
		return LODGE_RESUME_GUEST;
	}

	memset(&run->emulation_failure, 0, sizeof(run->emulation_failure));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	/* In 64-bit units: flags; size with bytes; raw exit code and its detail. */
	run->emulation_failure.ndata = 5;

	ctxt->state = lodge_regs_get(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS);
	linear = fetch_address(ctxt->state, emulate_cpu_mode(ctxt->state));
	run->emulation_failure.insn_size = min_t(unsigned int, LODGE_INSN_MAX,
						 PAGE_SIZE - offset_in_page(linear));
	if (fetch(vcpu, linear, run->emulation_failure.insn_bytes,
		  run->emulation_failure.insn_size)) {
		/* The raised page fault, if any, is not the guest's doing. */
		vcpu->events.exception.class = LODGE_EVENT_NONE;
		run->emulation_failure.insn_size = 0;
	} else {
		run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	}
	run->internal.data[3] = vcpu->exit.hw_code;
	run->internal.data[4] = vcpu->exit.hw_info;
	return LODGE_RETURN_TO_USER;
}

/* After a completed instruction: what the CPU would do besides going on. */
static void finish_instruction(struct lodge_vcpu *vcpu, bool was_single_stepped)
{
	u8 shadow = vcpu->emulator->ctxt.shadow;

	if (lodge_regs_get(vcpu, LODGE_STATE_INTR)->shadow != shadow)
		lodge_regs_change(vcpu, LODGE_STATE_INTR)->shadow = shadow;
	vcpu->state.rflags &= ~(u64)X86_EFLAGS_RF;
	/* MOV SS holds back the trap as it does interrupts. */
	event_after_insn(vcpu, was_single_stepped && !(shadow & LODGE_SHADOW_MOV_SS));
}

static int to_user(struct lodge_vcpu *vcpu);

/* Execute the decoded instruction, from its start or again. */
static int execute(struct lodge_vcpu *vcpu)
{
	struct lodge_emulator *emulator = vcpu->emulator;
	struct emulate_ctxt *ctxt = &emulator->ctxt;
	bool is_single_stepped = vcpu->state.rflags & X86_EFLAGS_TF;

	/* User space may have looked at the state, or changed it, meanwhile. */
	ctxt->state = lodge_regs_get(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS);
	ctxt->cpl = lodge_cpl(vcpu);
	emulator->next_read = 0;
	emulator->iteration = 0;
	emulator->has_wanted = false;

	emulator->last = emulate_exec(ctxt);
	if (ctxt->segs_written)
		lodge_regs_change(vcpu, LODGE_STATE_SEGS);

	switch (emulator->last) {
	case EMULATE_DONE:
		finish_instruction(vcpu, is_single_stepped);
		break;
	case EMULATE_FAULT:
		event_raise(vcpu, &ctxt->fault);
		break;
	case EMULATE_UNKNOWN:
		return emulation_failure(vcpu);
	case EMULATE_CONTINUE:
	case EMULATE_NEED_IO:
		break;
	}
	return to_user(vcpu);
}

/* What user space had to do is done: go on with the instruction or behind it. */
static int proceed(struct lodge_vcpu *vcpu)
{
	struct lodge_emulator *emulator = vcpu->emulator;

	if (emulator->next_write < emulator->nr_writes || emulator->has_pio)
		return to_user(vcpu);
	emulator->nr_writes = 0;
	emulator->next_write = 0;
	if (emulator->last == EMULATE_NEED_IO)
		return execute(vcpu);
	return LODGE_RESUME_GUEST;
}

static int complete_mmio_write(struct lodge_vcpu *vcpu)
{
	vcpu->emulator->next_write++;
	return proceed(vcpu);
}

static int complete_mmio_read(struct lodge_vcpu *vcpu)
{
	struct lodge_emulator *emulator = vcpu->emulator;
	struct lodge_mmio *answer = &emulator->reads[emulator->nr_reads++];

	*answer = emulator->wanted;
	memcpy(answer->data, vcpu->run->mmio.data, answer->len);
	return proceed(vcpu);
}

static int complete_pio(struct lodge_vcpu *vcpu)
{
	struct lodge_emulator *emulator = vcpu->emulator;

	emulator->has_pio = false;
	emulator->is_pio_answered = emulator->last == EMULATE_NEED_IO;
	return proceed(vcpu);
}

static void mmio_to_user(struct lodge_vcpu *vcpu, const struct lodge_mmio *mmio, bool write)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = mmio->gpa;
	run->mmio.len = mmio->len;
	run->mmio.is_write = write;
	if (write)
		memcpy(run->mmio.data, mmio->data, mmio->len);
}

/*
 * Leave to user space if it has something to do, in the order in which the guest did
 * it: posted writes, then ports, then the read that waits for an answer.
 */
static int to_user(struct lodge_vcpu *vcpu)
{
	struct lodge_emulator *emulator = vcpu->emulator;

	if (emulator->next_write < emulator->nr_writes) {
		mmio_to_user(vcpu, &emulator->writes[emulator->next_write], true);
		vcpu->completion = complete_mmio_write;
		return LODGE_RETURN_TO_USER;
	}
	if (emulator->has_pio) {
		/* Direction, port and counts were filled in with the data. */
		vcpu->run->exit_reason = KVM_EXIT_IO;
		vcpu->completion = complete_pio;
		return LODGE_RETURN_TO_USER;
	}
	if (emulator->has_wanted) {
		mmio_to_user(vcpu, &emulator->wanted, false);
		vcpu->completion = complete_mmio_read;
		return LODGE_RETURN_TO_USER;
	}
	return LODGE_RESUME_GUEST;
}

/**
 * emulation_start() - emulate the instruction at RIP
 * @vcpu: loaded vCPU, exit filled
 *
 * Return: as exit handlers do.
 */
int emulation_start(struct lodge_vcpu *vcpu)
{
	int ret = emulation_decode(vcpu);

	if (ret == -EFAULT)
		return LODGE_RESUME_GUEST;
	if (ret)
		return emulation_failure(vcpu);

	device_access_reset(vcpu->emulator);
	return execute(vcpu);
}
