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

#include "caps.h"
#include "mmu/mmu.h"
#include "regs.h"
#include "run.h"
#include "vm.h"
#include "x86.h"

static gva_t fetch_address(const struct lodge_x86_state *state, enum lodge_cpu_mode mode)
{
	if (mode == LODGE_MODE_64)
		return state->rip;
	return (u32)(state->segs[LODGE_SEG_CS].base + state->rip);
}

/*
 * Read @len instruction bytes that do not cross a page. -EFAULT with *@fault filled;
 * -EOPNOTSUPP if the code is not in RAM.
 */
static int fetch(struct lodge_vcpu *vcpu, gva_t linear, u8 *bytes, unsigned int len,
		 struct lodge_event *fault)
{
	u32 access = LODGE_ACCESS_EXEC;
	gpa_t gpa;

	if (lodge_cpl(vcpu) == 3)
		access |= LODGE_GVA_USER;
	if (gva_to_gpa(vcpu, linear, access, &gpa, fault))
		return -EFAULT;
	return guest_read(vcpu->vm, gpa, bytes, len) ? -EOPNOTSUPP : 0;
}

static int fetch_and_decode(struct lodge_vcpu *vcpu, struct emulate_ctxt *ctxt,
			    struct lodge_event *fault)
{
	gva_t linear = fetch_address(ctxt->state, ctxt->mode);
	u8 bytes[LODGE_INSN_MAX];
	unsigned int first = min_t(unsigned int, LODGE_INSN_MAX,
				   PAGE_SIZE - offset_in_page(linear));
	int ret;

	ret = fetch(vcpu, linear, bytes, first, fault);
	if (ret)
		return ret;
	ret = emulate_decode(&ctxt->insn, bytes, first, ctxt->mode);
	if (ret != -EAGAIN || first == LODGE_INSN_MAX)
		return ret;

	/* The next page is touched only if the instruction really goes on there. */
	ret = fetch(vcpu, linear + first, bytes + first, LODGE_INSN_MAX - first, fault);
	if (ret)
		return ret;
	return emulate_decode(&ctxt->insn, bytes, LODGE_INSN_MAX, ctxt->mode);
}

/* What of the state the emulator looks at. */
static void take_state(struct lodge_vcpu *vcpu)
{
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;

	ctxt->state = lodge_regs_get(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS);
	ctxt->mode = emulate_cpu_mode(ctxt->state);
	ctxt->cpl = lodge_cpl(vcpu);
}

/* 0; -EFAULT if an exception was raised; -EOPNOTSUPP if the bytes are unknown or not there. */
static int decode(struct lodge_vcpu *vcpu)
{
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;
	struct lodge_event fault;
	int ret;

	take_state(vcpu);
	if (vcpu->exit.nr_inst)
		ret = emulate_decode(&ctxt->insn, vcpu->exit.inst, vcpu->exit.nr_inst, ctxt->mode);
	else
		ret = -EAGAIN;
	/* The CPU's bytes end where its fetch ended, which may be too early. */
	if (ret == -EAGAIN)
		ret = fetch_and_decode(vcpu, ctxt, &fault);

	if (ret == -EFAULT) {
		event_raise(vcpu, &fault);
	} else if (ret == -E2BIG) {
		event_raise_error(vcpu, LODGE_VECTOR_GP, 0);
		ret = -EFAULT;
	}
	return ret;
}

/**
 * emulation_decode() - decode the instruction at RIP into the emulator's context
 * @vcpu: loaded vCPU, exit filled
 * @ret: if it cannot be: what the exit handler is to return, an exception being raised or
 *       user space being told
 *
 * Return: whether the context holds the instruction.
 */
bool emulation_decode(struct lodge_vcpu *vcpu, int *ret)
{
	int error = decode(vcpu);

	if (!error)
		return true;
	*ret = error == -EFAULT ? LODGE_RESUME_GUEST : emulation_failure(vcpu);
	return false;
}

/**
 * emulation_peek() - decode the instruction that is to be executed next
 * @vcpu: loaded vCPU, no emulation in progress
 *
 * Return: the instruction; NULL if it cannot be read or is unknown. Raises nothing: that is
 * left to its execution.
 */
const struct lodge_insn *emulation_peek(struct lodge_vcpu *vcpu)
{
	struct emulate_ctxt *ctxt = &vcpu->emulator->ctxt;
	struct lodge_event fault;

	take_state(vcpu);
	return fetch_and_decode(vcpu, ctxt, &fault) ? NULL : &ctxt->insn;
}

/**
 * emulation_linear_rip() - where RIP is in the linear address space
 * @vcpu: loaded vCPU
 */
gva_t emulation_linear_rip(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state;

	state = lodge_regs_get(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS);
	return fetch_address(state, emulate_cpu_mode(state));
}

/**
 * emulation_find_length() - have the length of the instruction that exited in the exit
 * @vcpu: loaded vCPU, exit filled
 * @first: what the instruction must be: this,
 * @last: or any up to this
 * @ret: if it cannot be had: what the exit handler is to return. The guest goes on as it
 *       is if the bytes are no longer those that exited (another vCPU wrote them): the
 *       CPU executes what is there now
 *
 * Return: whether exit.inst_len tells.
 */
bool emulation_find_length(struct lodge_vcpu *vcpu, enum lodge_op first, enum lodge_op last,
			   int *ret)
{
	const struct lodge_insn *insn = &vcpu->emulator->ctxt.insn;

	if (vcpu->exit.inst_len)
		return true;
	if (!emulation_decode(vcpu, ret))
		return false;
	if (insn->op < first || insn->op > last) {
		*ret = LODGE_RESUME_GUEST;
		return false;
	}
	vcpu->exit.inst_len = insn->length;
	return true;
}

/**
 * emulation_failure() - the instruction at RIP cannot be emulated
 * @vcpu: loaded vCPU
 *
 * Code with privilege is the guest's kernel or firmware: user space gets the bytes to
 * see what is missing. Less privileged code must not be able to stop its VM: #UD, unless user
 * space wants to see that, too (KVM_CAP_EXIT_ON_EMULATION_FAILURE).
 *
 * Return: as exit handlers do.
 */
int emulation_failure(struct lodge_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct lodge_x86_state *state;
	struct lodge_event fault;
	u8 bytes[LODGE_INSN_MAX];
	unsigned int len;
	gva_t linear;

	if (lodge_cpl(vcpu) > 0 && !READ_ONCE(vcpu->vm->exits_on_failure)) {
		event_raise_vector(vcpu, LODGE_VECTOR_UD);
		return LODGE_RESUME_GUEST;
	}

	memset(&run->emulation_failure, 0, sizeof(run->emulation_failure));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	/* In 64-bit units: flags; size with bytes; raw exit code and its detail. */
	run->emulation_failure.ndata = 5;

	state = lodge_regs_get(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS);
	linear = fetch_address(state, emulate_cpu_mode(state));
	len = min_t(unsigned int, LODGE_INSN_MAX, PAGE_SIZE - offset_in_page(linear));
	/* A page fault would not be the guest's doing: it is told without bytes then. */
	if (!fetch(vcpu, linear, bytes, len, &fault)) {
		memcpy(run->emulation_failure.insn_bytes, bytes, len);
		run->emulation_failure.insn_size = len;
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
		/* What was posted goes first; then the guest comes to this point again. */
		if (!emulator->nr_writes && !emulator->has_pio)
			return emulation_failure(vcpu);
		break;
	case EMULATE_CONTINUE:
	case EMULATE_NEED_IO:
		break;
	}
	return to_user(vcpu);
}

/*
 * Is the guest where it was when it went to user space? If not, then user space has given
 * it other registers, and the decoded instruction has nothing to do with what is at RIP.
 */
static bool is_where_it_was(struct lodge_vcpu *vcpu)
{
	const struct lodge_emulator *emulator = vcpu->emulator;
	const struct lodge_x86_state *state;

	state = lodge_regs_get(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS);
	return state->rip == emulator->rip && emulate_cpu_mode(state) == emulator->ctxt.mode;
}

/* What user space had to do is done: go on with the instruction or behind it. */
static int proceed(struct lodge_vcpu *vcpu)
{
	struct lodge_emulator *emulator = vcpu->emulator;

	if (emulator->next_write < emulator->nr_writes || emulator->has_pio)
		return to_user(vcpu);
	emulator->nr_writes = 0;
	emulator->next_write = 0;
	if (emulator->last == EMULATE_NEED_IO && is_where_it_was(vcpu))
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
	emulator->is_pio_answered = emulator->is_pio_in;
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

	emulator->rip = vcpu->state.rip;
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

/* The opcode of the host's vendor over that of the other, as if the guest had written it. */
static int write_hypercall(struct lodge_vcpu *vcpu)
{
	struct lodge_emulator *emulator = vcpu->emulator;
	struct emulate_ctxt *ctxt = &emulator->ctxt;

	device_access_reset(emulator);
	emulator->last = ctxt->ops->write(ctxt, fetch_address(ctxt->state, ctxt->mode),
					  lodge_caps.hypercall_insn, ctxt->insn.length);
	if (emulator->last == EMULATE_FAULT)
		event_raise(vcpu, &ctxt->fault);
	return to_user(vcpu);
}

/**
 * emulation_invalid_opcode() - the guest has raised #UD; a hypercall may be why
 * @vcpu: loaded vCPU, exit filled
 *
 * A guest that has moved here from the other vendor's host calls by that one's opcode
 * (KVM_X86_QUIRK_FIX_HYPERCALL_INSN). It gets this host's and executes it then.
 *
 * Return: as exit handlers do.
 */
int emulation_invalid_opcode(struct lodge_vcpu *vcpu)
{
	bool is_vmcall_native = lodge_caps.hypercall_insn[2] == 0xc1;
	enum lodge_op other = is_vmcall_native ? LODGE_OP_VMMCALL : LODGE_OP_VMCALL;
	const struct lodge_insn *insn = &vcpu->emulator->ctxt.insn;
	int ret = decode(vcpu);

	/* The code has gone meanwhile: that is an exception of its own, raised by now. */
	if (ret == -EFAULT)
		return LODGE_RESUME_GUEST;
	if (!ret && insn->op == other && insn->length == sizeof(lodge_caps.hypercall_insn))
		return write_hypercall(vcpu);
	event_raise(vcpu, &vcpu->exit.exception);
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
	int ret;

	if (!emulation_decode(vcpu, &ret))
		return ret;
	device_access_reset(vcpu->emulator);
	return execute(vcpu);
}
