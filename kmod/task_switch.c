// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: hardware task switches (AMD APM volume 2, "Task Management"; Intel SDM volume
 * 3, "Task Switching"). Both vendors exit on each, with the old task's state untouched.
 *
 * Order: everything that can fault in the old task is checked; the old task is saved; the
 * new one's registers are loaded; only then are its segment descriptors, whose faults
 * belong to the new task.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "ctrl_regs.h"
#include "mmu/mmu.h"
#include "regs.h"
#include "request.h"
#include "run.h"
#include "task_switch.h"
#include "x86.h"

#define TSS_TYPE_BUSY		BIT(1)
#define TSS_TYPE_32BIT		BIT(3)
#define TSS_LIMIT_MIN_16	0x2b
#define TSS_LIMIT_MIN_32	0x67
#define SELECTOR_TI		BIT(2)
#define SELECTOR_RPL		3
#define DESCRIPTOR_P		BIT_ULL(47)

/* Offsets in the two forms of a TSS; static fields as the CPU lays them out. */
struct tss_layout {
	u8 width;		/* of a general register: 2 or 4 */
	u8 ip, flags, gprs;	/* gprs: eight, in the encoding's order */
	u8 segs;		/* ES CS SS DS (FS GS), each @seg_stride bytes */
	u8 seg_stride;
	u8 nr_segs;
	u8 ldt;
	u8 size;
};

static const struct tss_layout tss16 = {
	.width = 2, .ip = 14, .flags = 16, .gprs = 18, .segs = 34, .seg_stride = 2,
	.nr_segs = 4, .ldt = 42, .size = 44,
};

static const struct tss_layout tss32 = {
	.width = 4, .ip = 32, .flags = 36, .gprs = 40, .segs = 72, .seg_stride = 4,
	.nr_segs = 6, .ldt = 96, .size = 104,
};

#define TSS32_CR3	28
#define TSS32_TRAP	100

/* One switch in progress. */
struct task_switch {
	struct lodge_vcpu *vcpu;
	struct lodge_x86_state *state;
	const struct tss_layout *old_layout;
	const struct tss_layout *layout;
	u16 selector;
	u64 descriptor;
	gva_t old_base;
	gva_t base;
	u8 tss[104];		/* the new task's */
};

/*
 * All of these: 0, or -EFAULT after raising the exception, or -EOPNOTSUPP where the
 * structure is not in RAM.
 */
static int system_access(struct lodge_vcpu *vcpu, gva_t linear, void *data, unsigned int len,
			 bool write)
{
	struct lodge_event fault;
	int ret;

	/* There are no task switches in long mode, so addresses have 32 bits. */
	ret = device_access_system(vcpu, (u32)linear, data, len, write, &fault);
	if (ret == -EFAULT)
		event_raise(vcpu, &fault);
	return ret;
}

static int raise(struct lodge_vcpu *vcpu, u8 vector, u16 selector)
{
	event_raise_error(vcpu, vector, selector & ~SELECTOR_RPL);
	return -EFAULT;
}

static u32 descriptor_limit(u64 descriptor)
{
	u32 limit = (descriptor & 0xffff) | (descriptor >> 32 & 0xf0000);

	return descriptor & BIT_ULL(55) ? limit << 12 | 0xfff : limit;
}

static u8 descriptor_type(u64 descriptor)
{
	return descriptor >> 40 & 0xf;
}

/* Type, S, DPL, P; AVL, L, D/B, G: the bits lie as in LODGE_SEG_*. */
static u32 descriptor_attr(u64 descriptor)
{
	return descriptor >> 40 & 0xf0ff;
}

static void set_segment(struct lodge_segment *segment, u16 selector, u64 descriptor)
{
	*segment = (struct lodge_segment) {
		.base = descriptor_base(descriptor),
		.limit = descriptor_limit(descriptor),
		.selector = selector,
		.attr = descriptor_attr(descriptor),
	};
}

/* Address of a descriptor; @vector is raised if the table does not reach so far. */
static int descriptor_address(struct task_switch *task, u16 selector, u8 vector, gva_t *linear)
{
	const struct lodge_segment *ldtr = &task->state->segs[LODGE_SEG_LDTR];
	u32 offset = selector & ~7u;

	if (!(selector & SELECTOR_TI)) {
		if (offset + 7 > task->state->gdtr.limit)
			return raise(task->vcpu, vector, selector);
		*linear = task->state->gdtr.base + offset;
		return 0;
	}
	if ((ldtr->attr & LODGE_SEG_UNUSABLE) || !(ldtr->attr & LODGE_SEG_P) ||
	    offset + 7 > ldtr->limit)
		return raise(task->vcpu, vector, selector);
	*linear = ldtr->base + offset;
	return 0;
}

static int read_descriptor(struct task_switch *task, u16 selector, u8 vector, u64 *descriptor)
{
	gva_t linear;
	int ret;

	ret = descriptor_address(task, selector, vector, &linear);
	if (ret)
		return ret;
	return system_access(task->vcpu, linear, descriptor, sizeof(*descriptor), false);
}

static int set_busy(struct task_switch *task, u16 selector, bool busy)
{
	gva_t linear;
	u8 type;
	int ret;

	ret = descriptor_address(task, selector, LODGE_VECTOR_GP, &linear);
	if (ret)
		return ret;
	ret = system_access(task->vcpu, linear + 5, &type, sizeof(type), false);
	if (ret)
		return ret;
	type = busy ? type | TSS_TYPE_BUSY : type & ~TSS_TYPE_BUSY;
	return system_access(task->vcpu, linear + 5, &type, sizeof(type), true);
}

/* Everything about the new TSS that faults in the old task. */
static int check_target(struct task_switch *task)
{
	const struct lodge_exit *exit = &task->vcpu->exit;
	bool is_iret = exit->task.cause == LODGE_TASK_SWITCH_IRET;
	u8 vector = is_iret ? LODGE_VECTOR_TS : LODGE_VECTOR_GP;
	u8 type;
	int ret;

	if (task->selector & SELECTOR_TI || !(task->selector & ~SELECTOR_RPL))
		return raise(task->vcpu, vector, task->selector);
	ret = read_descriptor(task, task->selector, vector, &task->descriptor);
	if (ret)
		return ret;

	type = descriptor_type(task->descriptor);
	/*
	 * Privilege was checked by the CPU before it exited: with the DPL of the gate, if
	 * there was one, else with the TSS's. What remains: a system descriptor of type
	 * 1, 3, 9 or 11; busy is what only IRET wants.
	 */
	if (task->descriptor & BIT_ULL(44) || (type & ~(TSS_TYPE_BUSY | TSS_TYPE_32BIT)) != 1 ||
	    !!(type & TSS_TYPE_BUSY) != is_iret)
		return raise(task->vcpu, vector, task->selector);
	if (!(task->descriptor & DESCRIPTOR_P))
		return raise(task->vcpu, LODGE_VECTOR_NP, task->selector);
	if (descriptor_limit(task->descriptor) <
	    (type & TSS_TYPE_32BIT ? TSS_LIMIT_MIN_32 : TSS_LIMIT_MIN_16))
		return raise(task->vcpu, LODGE_VECTOR_TS, task->selector);

	task->layout = type & TSS_TYPE_32BIT ? &tss32 : &tss16;
	task->base = descriptor_base(task->descriptor);
	return system_access(task->vcpu, task->base, task->tss, task->layout->size, false);
}

static void put_field(u8 *tss, unsigned int offset, unsigned int width, u32 value)
{
	memcpy(tss + offset, &value, width);
}

static u32 get_field(const u8 *tss, unsigned int offset, unsigned int width)
{
	u32 value = 0;

	memcpy(&value, tss + offset, width);
	return value;
}

/* Write the dynamic fields, from the instruction pointer on, into the old TSS. */
static int save_old_task(struct task_switch *task, u64 rip, u64 rflags)
{
	const struct tss_layout *layout = task->old_layout;
	unsigned int end = layout->segs + layout->nr_segs * layout->seg_stride;
	u8 tss[104];
	unsigned int i;
	int ret;

	ret = system_access(task->vcpu, task->old_base, tss, end, false);
	if (ret)
		return ret;
	put_field(tss, layout->ip, layout->width, rip);
	put_field(tss, layout->flags, layout->width, rflags);
	for (i = 0; i < 8; i++)
		put_field(tss, layout->gprs + i * layout->width, layout->width,
			  task->state->gprs[i]);
	for (i = 0; i < layout->nr_segs; i++)
		put_field(tss, layout->segs + i * layout->seg_stride, 2,
			  task->state->segs[i].selector);
	return system_access(task->vcpu, task->old_base + layout->ip, tss + layout->ip,
			     end - layout->ip, true);
}

/* What changes in memory at the commit point: link, busy bits, the old task. */
static int write_memory(struct task_switch *task, u64 rip)
{
	u8 cause = task->vcpu->exit.task.cause;
	u16 old = task->state->segs[LODGE_SEG_TR].selector;
	u64 rflags = task->state->rflags;
	int ret;

	if (cause == LODGE_TASK_SWITCH_IRET)
		rflags &= ~(u64)X86_EFLAGS_NT;
	ret = save_old_task(task, rip, rflags);
	if (ret)
		return ret;

	if (cause == LODGE_TASK_SWITCH_IRET || cause == LODGE_TASK_SWITCH_JMP) {
		ret = set_busy(task, old, false);
		if (ret)
			return ret;
	}
	if (cause == LODGE_TASK_SWITCH_CALL || cause == LODGE_TASK_SWITCH_GATE) {
		ret = system_access(task->vcpu, task->base, &old, sizeof(old), true);
		if (ret)
			return ret;
	}
	if (cause != LODGE_TASK_SWITCH_IRET)
		return set_busy(task, task->selector, true);
	return 0;
}

static int load_registers(struct task_switch *task)
{
	const struct tss_layout *layout = task->layout;
	struct lodge_x86_state *state = task->state;
	u8 cause = task->vcpu->exit.task.cause;
	unsigned int i;

	if (layout == &tss32 && (state->cr0 & X86_CR0_PG)) {
		if (ctrl_set_cr3(task->vcpu, get_field(task->tss, TSS32_CR3, 4)))
			return raise(task->vcpu, LODGE_VECTOR_TS, task->selector);
	}
	state->rip = get_field(task->tss, layout->ip, layout->width);
	state->rflags = get_field(task->tss, layout->flags, layout->width) | X86_EFLAGS_FIXED;
	if (cause == LODGE_TASK_SWITCH_CALL || cause == LODGE_TASK_SWITCH_GATE)
		state->rflags |= X86_EFLAGS_NT;
	for (i = 0; i < 8; i++)
		state->gprs[i] = get_field(task->tss, layout->gprs + i * layout->width,
					   layout->width);

	set_segment(&state->segs[LODGE_SEG_TR], task->selector & ~SELECTOR_RPL,
		    task->descriptor | (u64)TSS_TYPE_BUSY << 40);
	state->cr0 |= X86_CR0_TS;
	lodge_regs_change(task->vcpu, LODGE_STATE_DRS)->dr7 &= ~0x155ull;	/* L0-3, LE */
	return 0;
}

static int load_ldt(struct task_switch *task)
{
	struct lodge_segment *ldtr = &task->state->segs[LODGE_SEG_LDTR];
	u16 selector = get_field(task->tss, task->layout->ldt, 2);
	u64 descriptor;
	int ret;

	*ldtr = (struct lodge_segment) { .selector = selector, .attr = LODGE_SEG_UNUSABLE };
	if (!(selector & ~SELECTOR_RPL))
		return 0;
	if (selector & SELECTOR_TI)
		return raise(task->vcpu, LODGE_VECTOR_TS, selector);
	ret = read_descriptor(task, selector, LODGE_VECTOR_TS, &descriptor);
	if (ret)
		return ret;
	if (descriptor_type(descriptor) != 2 || descriptor & BIT_ULL(44) ||
	    !(descriptor & DESCRIPTOR_P))
		return raise(task->vcpu, LODGE_VECTOR_TS, selector);
	set_segment(ldtr, selector, descriptor);
	return 0;
}

/*
 * May @seg hold @descriptor, for a task that runs at @cpl?
 *
 *   CS      code; DPL = CPL, conforming: DPL <= CPL
 *   SS      writable data; DPL = CPL = RPL
 *   others  data or readable code; unless conforming: DPL >= CPL and RPL
 */
static bool is_loadable(enum lodge_seg seg, u16 selector, u64 descriptor, unsigned int cpl)
{
	unsigned int rpl = selector & SELECTOR_RPL, dpl = descriptor >> 45 & 3;
	u8 type = descriptor_type(descriptor);
	bool is_code = type & BIT(3), is_conforming = is_code && (type & BIT(2));

	if (!(descriptor & BIT_ULL(44)))
		return false;
	switch (seg) {
	case LODGE_SEG_CS:
		return is_code && (is_conforming ? dpl <= cpl : dpl == cpl);
	case LODGE_SEG_SS:
		return !is_code && (type & BIT(1)) && dpl == cpl && rpl == cpl;
	default:
		return (!is_code || (type & BIT(1))) &&
		       (is_conforming || (dpl >= cpl && dpl >= rpl));
	}
}

static int load_segment(struct task_switch *task, enum lodge_seg seg, u16 selector,
			unsigned int cpl)
{
	struct lodge_segment *segment = &task->state->segs[seg];
	u64 descriptor;
	gva_t linear;
	u8 type;
	int ret;

	*segment = (struct lodge_segment) { .selector = selector, .attr = LODGE_SEG_UNUSABLE };
	if (!(selector & ~SELECTOR_RPL)) {
		if (seg == LODGE_SEG_CS || seg == LODGE_SEG_SS)
			return raise(task->vcpu, LODGE_VECTOR_TS, selector);
		return 0;
	}
	ret = read_descriptor(task, selector, LODGE_VECTOR_TS, &descriptor);
	if (ret)
		return ret;
	if (!is_loadable(seg, selector, descriptor, cpl))
		return raise(task->vcpu, LODGE_VECTOR_TS, selector);
	if (!(descriptor & DESCRIPTOR_P))
		return raise(task->vcpu, seg == LODGE_SEG_SS ? LODGE_VECTOR_SS : LODGE_VECTOR_NP,
			     selector);

	if (!(descriptor & BIT_ULL(40))) {
		descriptor |= BIT_ULL(40);	/* accessed */
		type = descriptor >> 40;
		ret = descriptor_address(task, selector, LODGE_VECTOR_TS, &linear);
		if (ret)
			return ret;
		ret = system_access(task->vcpu, linear + 5, &type, sizeof(type), true);
		if (ret)
			return ret;
	}
	set_segment(segment, selector, descriptor);
	return 0;
}

/* Virtual-8086 mode has no descriptors: base and rights follow from the selector. */
static void load_v86_segments(struct task_switch *task)
{
	struct lodge_segment *segs = task->state->segs;
	unsigned int i;
	u16 selector;

	for (i = LODGE_SEG_ES; i <= LODGE_SEG_GS; i++) {
		selector = get_field(task->tss,
				     task->layout->segs + i * task->layout->seg_stride, 2);
		segs[i] = (struct lodge_segment) {
			.base = selector << 4,
			.limit = 0xffff,
			.selector = selector,
			.attr = 0x3 | LODGE_SEG_S | LODGE_SEG_P | LODGE_SEG_DPL_MASK,
		};
	}
}

static int load_segments(struct task_switch *task)
{
	static const u8 order[] = {
		LODGE_SEG_CS, LODGE_SEG_SS, LODGE_SEG_ES, LODGE_SEG_DS, LODGE_SEG_FS, LODGE_SEG_GS,
	};
	const struct tss_layout *layout = task->layout;
	unsigned int cpl, i;
	u16 selector;
	int ret;

	ret = load_ldt(task);
	if (ret)
		return ret;
	if (layout == &tss32 && (task->state->rflags & X86_EFLAGS_VM)) {
		load_v86_segments(task);
		return 0;
	}
	cpl = get_field(task->tss, layout->segs + LODGE_SEG_CS * layout->seg_stride, 2) &
	      SELECTOR_RPL;
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		/* A 16-bit TSS has no FS and GS: they become null. */
		selector = order[i] < layout->nr_segs ?
			   get_field(task->tss,
				     layout->segs + order[i] * layout->seg_stride, 2) : 0;
		ret = load_segment(task, order[i], selector, cpl);
		if (ret)
			return ret;
	}
	return 0;
}

/* An exception that came through a task gate leaves its error code on the new stack. */
static int push_error_code(struct task_switch *task)
{
	const struct lodge_segment *ss = &task->state->segs[LODGE_SEG_SS];
	u64 mask = ss->attr & LODGE_SEG_DB ? 0xffffffff : 0xffff;
	u64 *rsp = &task->state->gprs[LODGE_RSP];
	u64 top = (*rsp - task->layout->width) & mask;
	u32 error_code = task->vcpu->exit.task.error_code;

	*rsp = (*rsp & ~mask) | top;
	return system_access(task->vcpu, ss->base + top, &error_code, task->layout->width, true);
}

/*
 * Where the old task goes on: behind the instruction that switched, or at the one that an
 * event interrupted. If that cannot be told, *@ret is what to return.
 */
static bool find_return_address(struct lodge_vcpu *vcpu, u64 *rip, int *ret)
{
	const struct lodge_exit *exit = &vcpu->exit;

	*rip = vcpu->state.rip;
	if (exit->task.cause == LODGE_TASK_SWITCH_GATE && exit->interrupted.class)
		return true;
	if (exit->inst_len) {
		*rip += exit->inst_len;
		return true;
	}
	if (!emulation_decode(vcpu, ret))
		return false;
	*rip += vcpu->emulator->ctxt.insn.length;
	return true;
}

/*
 * An NMI is being handled from now on, whatever becomes of the switch; a fault of the
 * switch takes the place of an interrupt. An exception stays, to merge with the fault.
 */
static void accept_event(struct lodge_vcpu *vcpu)
{
	struct lodge_event *injected = &vcpu->events.injected;

	if (injected->class == LODGE_EVENT_NMI)
		lodge_regs_change(vcpu, LODGE_STATE_INTR)->nmi_blocked = true;
	if (injected->class != LODGE_EVENT_EXCEPTION)
		injected->class = LODGE_EVENT_NONE;
}

static int switch_task(struct task_switch *task, u64 rip)
{
	int ret;

	ret = check_target(task);
	if (ret)
		return ret;
	ret = write_memory(task, rip);
	if (ret)
		return ret;
	/* The exception has found its handler: it is not delivered again. */
	task->vcpu->events.injected.class = LODGE_EVENT_NONE;
	ret = load_registers(task);
	if (ret)
		return ret;
	ret = load_segments(task);
	if (ret)
		return ret;
	if (task->vcpu->exit.task.has_error)
		return push_error_code(task);
	return 0;
}

/**
 * handle_task_switch() - carry out the task switch of the exit
 * @vcpu: loaded vCPU, exit filled
 *
 * Return: as exit handlers do.
 */
int handle_task_switch(struct lodge_vcpu *vcpu)
{
	struct lodge_event trap = {
		.class = LODGE_EVENT_EXCEPTION,
		.vector = LODGE_VECTOR_DB,
		.has_payload = true,
		.payload = LODGE_DR6_BT,
	};
	struct task_switch task = {
		.vcpu = vcpu,
		.state = lodge_regs_change(vcpu, LODGE_STATE_SEGS | LODGE_STATE_CRS),
		.selector = vcpu->exit.task.selector,
	};
	const struct lodge_segment *tr = &task.state->segs[LODGE_SEG_TR];
	u64 rip;
	int ret;

	if (!find_return_address(vcpu, &rip, &ret))
		return ret;
	accept_event(vcpu);
	task.old_base = tr->base;
	task.old_layout = tr->attr & TSS_TYPE_32BIT ? &tss32 : &tss16;

	ret = switch_task(&task, rip);
	if (ret == -EOPNOTSUPP)
		return emulation_failure(vcpu);
	if (!ret && task.layout == &tss32 && (task.tss[TSS32_TRAP] & 1))
		event_raise(vcpu, &trap);
	if (!ret)
		event_after_insn(vcpu, false);
	return LODGE_RESUME_GUEST;
}
