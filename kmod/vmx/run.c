// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: one entry and one exit, around enter.S: what C can do of the switch, in
 * the order in which it has to be done. This is the hottest function of the module;
 * what is seldom needed stands behind one test each.
 *
 * What an exit destroys of the host is brought back at one of two moments: at once what
 * the kernel itself needs, at vcpu_put() what only user space and the scheduler see
 * ("residence": from the first run() after a load to that put).
 */
#include <linux/hardirq.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/mmu.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#include "host.h"
#include "regs.h"
#include "vmx/vmx.h"
#include "x86.h"

/* Pages enough to replace what the largest first-level data cache with L1TF holds. */
static u8 l1d_filler[16 * PAGE_SIZE] __aligned(PAGE_SIZE);

/* Note what the exits of this residence will destroy of the thread. */
static void enter_residence(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	struct vmx_host_state *host = &vmx->host;

	savesegment(fs, host->fs);
	savesegment(gs, host->gs);
	savesegment(ds, host->ds);
	savesegment(es, host->es);
	rdmsrl(MSR_FS_BASE, host->fs_base);
	host->ldt = 0;
	vmcs_write(HOST_FS_BASE, host->fs_base);
	vmcs_write(HOST_CR0, read_cr0());
	vmx_load_guest_msrs(vcpu);
	vmx->is_resident = true;
	vmx->touched_memory = true;
}

/**
 * vmx_leave_residence() - make the CPU again what the vCPU's thread left behind
 * @vcpu: resident vCPU
 *
 * Preemption off. LDTR is first, because selectors may be of the LDT; GS is before the
 * MSRs, because loading its selector writes the user's GS base. The limits of the TSS
 * and of the GDT are those that an exit gives, larger or smaller than the host's (Intel SDM
 * volume 3, "Loading Host Segment and Descriptor-Table Registers").
 */
void vmx_leave_residence(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	struct vmx_host_state *host = &vmx->host;

	vmx->is_resident = false;
	if (unlikely(host->ldt))
		asm volatile("lldt %0" : : "rm" (host->ldt));
	if (unlikely(host->fs)) {
		loadsegment(fs, host->fs);
		wrmsrl(MSR_FS_BASE, host->fs_base);
	}
	if (unlikely(host->gs))
		load_gs_index(host->gs);
	if (unlikely(host->ds | host->es)) {
		loadsegment(ds, host->ds);
		loadsegment(es, host->es);
	}
	vmx_load_host_msrs(vcpu);
	invalidate_tss_limit();
	load_fixmap_gdt(smp_processor_id());
}

/*
 * Another thread of the process may install an LDT at any time; an IPI then loads LDTR
 * here, and the next exit clears it. A selector in LDTR means that this CPU's GDT has
 * the descriptor.
 */
static void note_ldt(struct vmx_host_state *host)
{
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	u16 ldt;

	if (likely(!READ_ONCE(current->mm->context.ldt)))
		return;
	store_ldt(ldt);
	if (ldt)
		host->ldt = ldt;
#endif
}

/* Host state that may have changed since the last entry of this thread. */
static void refresh_host_state(struct vmx_vcpu *vmx)
{
	unsigned long cr3 = __get_current_cr3_fast();
	unsigned long cr4 = cr4_read_shadow();

	if (unlikely(cr3 != vmx->host_cr3)) {
		vmx->host_cr3 = cr3;
		vmcs_write(HOST_CR3, cr3);
	}
	if (unlikely(cr4 != vmx->host_cr4)) {
		vmx->host_cr4 = cr4;
		vmcs_write(HOST_CR4, cr4);
	}
	/* An IPI of perf's may have switched branch records on or off. */
	vmx->host.debugctl = get_debugctlmsr();
	note_ldt(&vmx->host);
}

/* VM entry switches DR7; no breakpoint of the host's hits before that. */
static void load_guest_breakpoints(struct lodge_vcpu *vcpu)
{
	const u64 *dr = lodge_breakpoints(vcpu);

	set_debugreg(0, 7);
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

/* An exit leaves DR7 off, and DEBUGCTL clear; DR6 it does not touch. */
static void restore_host_debug(const struct vmx_host_state *host)
{
	if (unlikely(hw_breakpoint_active()))
		hw_breakpoint_restore();
	if (unlikely(host->debugctl))
		update_debugctlmsr(host->debugctl);
}

/*
 * VM entry demands that a shadow fits RFLAGS (Intel SDM volume 3, "Checks on Guest
 * Non-Register State"):
 *
 *   shadow  | RFLAGS                        | then
 *   STI     | IF clear                      | no shadow
 *   either  | TF set, DEBUGCTL.BTF clear    | a single-step trap is pending
 *   either  | otherwise                     | none is
 *   none    | any                           | none is made up
 */
static void fit_shadow(struct lodge_vcpu *vcpu)
{
	u64 info = vmcs_read(GUEST_INTERRUPTIBILITY_INFO);
	u64 pending = vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS) & ~(u64)VMX_PENDING_DEBUG_BS;
	u64 rflags = vcpu->state.rflags;

	vcpu->vmx->checks_shadow = false;
	if ((info & GUEST_INTR_STATE_STI) && !(rflags & X86_EFLAGS_IF)) {
		info &= ~(u64)GUEST_INTR_STATE_STI;
		vmcs_write(GUEST_INTERRUPTIBILITY_INFO, info);
	}
	if ((info & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)) &&
	    (rflags & X86_EFLAGS_TF) &&
	    !(vmcs_read(GUEST_IA32_DEBUGCTL) & DEBUGCTLMSR_BTF))
		pending |= VMX_PENDING_DEBUG_BS;
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, pending);
}

/* An error code for real mode is refused; user space may ask for one. */
static void fit_event(struct vmx_vcpu *vmx)
{
	if (!(vmx->entry_event & INTR_INFO_DELIVER_CODE_MASK) ||
	    (vmcs_read(GUEST_CR0) & X86_CR0_PE))
		return;
	vmx->entry_event &= ~INTR_INFO_DELIVER_CODE_MASK;
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, vmx->entry_event);
}

/*
 * On a CPU with L1TF a guest can read what is in the first-level data cache. The host's
 * policy says whether that is flushed at each entry, or only if the host may have brought in
 * what is not this guest's: by interrupts, other threads, or work on the guest's memory.
 */
static noinstr void flush_l1d(struct vmx_vcpu *vmx)
{
	unsigned int i;

	if (l1tf_vmx_mitigation == VMENTER_L1D_FLUSH_COND &&
	    !vmx->touched_memory && !kvm_get_cpu_l1tf_flush_l1d())
		return;
	vmx->touched_memory = false;
	kvm_clear_cpu_l1tf_flush_l1d();

	if (static_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		native_wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
		return;
	}
	/* Translations first: a walk in the second round would bring in other lines. */
	for (i = 0; i < sizeof(l1d_filler); i += PAGE_SIZE)
		READ_ONCE(l1d_filler[i]);
	rmb();	/* the translations are there before the lines are */
	for (i = 0; i < sizeof(l1d_filler); i += L1_CACHE_BYTES)
		READ_ONCE(l1d_filler[i]);
	rmb();	/* the lines are there before the guest is */
}

static void write_gprs(struct lodge_vcpu *vcpu)
{
	const struct lodge_x86_state *state = &vcpu->state;
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (state->rip != vmx->rip)
		vmcs_write(GUEST_RIP, state->rip);
	if (state->gprs[LODGE_RSP] != vmx->rsp)
		vmcs_write(GUEST_RSP, state->gprs[LODGE_RSP]);
	if (state->rflags != vmx->rflags) {
		vmcs_write(GUEST_RFLAGS, state->rflags);
		vmx->checks_shadow = true;
	}
}

static void read_gprs(struct lodge_vcpu *vcpu)
{
	struct lodge_x86_state *state = &vcpu->state;
	struct vmx_vcpu *vmx = vcpu->vmx;

	vmx->rip = vmcs_read(GUEST_RIP);
	vmx->rsp = vmcs_read(GUEST_RSP);
	vmx->rflags = vmcs_read(GUEST_RFLAGS);
	state->rip = vmx->rip;
	state->gprs[LODGE_RSP] = vmx->rsp;
	state->rflags = vmx->rflags;
}

/*
 * The timer counts down from each entry on, at a fraction of the TSC's rate (Intel SDM volume 3,
 * "VMX-Preemption Timer"). Rounded up, so that the exit finds the deadline reached; one that
 * is too far away for the counter ends the run early.
 */
static void set_timer(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	bool is_timed = vcpu->deadline;
	u64 now, count = 0;

	if (is_timed != vmx->is_timed) {
		vmx->is_timed = is_timed;
		vmcs_write(PIN_BASED_VM_EXEC_CONTROL,
			   vmx_caps.pin | (is_timed ? PIN_BASED_VMX_PREEMPTION_TIMER : 0));
	}
	if (!is_timed)
		return;
	now = rdtsc() + vcpu->state.tsc_offset;
	if (vcpu->deadline > now)
		count = ((vcpu->deadline - now) >> vmx_caps.timer_shift) + 1;
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, min_t(u64, count, U32_MAX));
}

static void prepare(struct lodge_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (unlikely(!vmx->is_resident))
		enter_residence(vcpu);
	refresh_host_state(vmx);
	write_gprs(vcpu);

	if (unlikely(vmx->entry_event))
		fit_event(vmx);
	if (unlikely(vmx->checks_shadow))
		fit_shadow(vcpu);
	if (unlikely(vmx->flushes))
		vmx_tlb_carry_out(vmx);
	if (unlikely(vmx->has_breakpoints))
		load_guest_breakpoints(vcpu);
	vmx_msr_note_perf(vmx);
	if (vcpu->deadline || vmx->is_timed)
		set_timer(vcpu);
	vmx->enter.is_launched = vmx->vmcs.is_launched;
}

/*
 * Nothing that can be traced may stand between the two calls of host.h, which can be: a
 * tracer's page fault in them would change CR2. The flush is last, so that it catches what
 * the first of them touches.
 */
static noinstr int enter(struct vmx_vcpu *vmx, u64 *gprs)
{
	int ret;

	host_guest_enter();
	if (native_read_cr2() != vmx->cr2)
		native_write_cr2(vmx->cr2);
	if (l1tf_vmx_mitigation == VMENTER_L1D_FLUSH_COND ||
	    l1tf_vmx_mitigation == VMENTER_L1D_FLUSH_ALWAYS)
		flush_l1d(vmx);
	ret = vmx_enter(&vmx->enter, gprs);
	vmx->cr2 = native_read_cr2();
	host_guest_leave();
	return ret;
}

/*
 * The checks of VMLAUNCH itself: controls and host state. Or VMX is off on this CPU: the
 * machine is going down, the thread with it.
 */
static void report_refusal(struct vmx_vcpu *vmx, struct lodge_exit *exit, int ret)
{
	*exit = (struct lodge_exit) {
		.reason = LODGE_EXIT_ENTRY_FAILED,
		.cr8 = vmx_cr8(vmx),
		.hw_code = ret == VMX_ENTER_REFUSED ? vmcs_read(VM_INSTRUCTION_ERROR) : 0,
	};
}

/**
 * vmx_run() - one entry and one exit
 * @vcpu: loaded vCPU
 * @exit: to be filled
 *
 * IRQs off on call and return.
 */
void vmx_run(struct lodge_vcpu *vcpu, struct lodge_exit *exit)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	int ret;

	prepare(vcpu);

	ret = enter(vmx, vcpu->state.gprs);

	restore_host_debug(&vmx->host);
	/* An exit takes the event out of the VMCS; a failed entry leaves it there. */
	if (unlikely(ret)) {
		vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
		vmx->entry_event = 0;
		report_refusal(vmx, exit, ret);
		return;
	}
	read_gprs(vcpu);
	vmx_exit_decode(vcpu, exit);
	vmx->entry_event = 0;
}
