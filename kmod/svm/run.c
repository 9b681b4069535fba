// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: one entry and one exit, around enter.S: what C can do of the switch, in
 * the order in which it has to be done. This is the hottest function of the module;
 * what is seldom needed stands behind one test each.
 */
#include <linux/sched.h>
#include <linux/smp.h>

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/mmu.h>
#include <asm/processor.h>
#include <asm/spec-ctrl.h>

#include "host.h"
#include "regs.h"
#include "svm/svm.h"
#include "x86.h"

/* Breakpoints 0 to 3, local and global. */
#define DR7_ENABLED	0xffull

/**
 * svm_save_host() - note the host state that VMRUN does not
 * @cpu: this pCPU's data
 *
 * Preemption off. FS, GS, TR, LDTR and the SYSCALL and SYSENTER MSRs; enter.S loads
 * them back after each exit. They stay as they are while a thread is in the kernel,
 * but for LDTR. Does nothing if SVM was switched off for a reboot.
 */
void svm_save_host(struct svm_cpu *cpu)
{
	asm volatile("1: vmsave %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "a" (cpu->host_pa) : "memory");
}

/*
 * Another thread of the process may change the LDT at any time; an IPI then loads
 * LDTR here. What enter.S would load back after that is gone, so such a process has
 * it noted at each entry.
 */
static bool host_ldt_may_change(void)
{
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	return READ_ONCE(current->mm->context.ldt);
#else
	return false;
#endif
}

/* VMRUN switches DR6 and DR7; no breakpoint of the host's hits before that. */
static void load_guest_breakpoints(struct lodge_vcpu *vcpu)
{
	const u64 *dr = lodge_breakpoints(vcpu);

	set_debugreg(0, 7);
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

/*
 * An exit leaves DR7 off and may leave the guest's DR6. Address registers without an
 * enabled breakpoint harm nobody.
 */
static void restore_host_debug(const struct vmcb *vmcb)
{
	if (unlikely(hw_breakpoint_active()))
		hw_breakpoint_restore();
	else if (unlikely(vmcb->save.dr6 != LODGE_DR6_RESET))
		set_debugreg(DR6_RESERVED, 6);
}

static void prepare(struct lodge_vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct lodge_x86_state *state = &vcpu->state;
	struct vmcb_save_area *save = &svm->vmcb->save;

	save->rax = state->gprs[LODGE_RAX];
	save->rsp = state->gprs[LODGE_RSP];
	save->rip = state->rip;
	save->rflags = state->rflags;

	if (unlikely(svm->needs_care))
		svm_care_before(vcpu);
	if (unlikely(svm->asid_generation != svm->cpu->generation))
		svm_tlb_new_asid(svm);
	if (unlikely(host_ldt_may_change()))
		svm_save_host(svm->cpu);
	if (unlikely((save->dr7 & DR7_ENABLED) || svm->owns_debug))
		load_guest_breakpoints(vcpu);
	/* On such CPUs a division leaves its result where the guest can find it. */
	if (static_cpu_has_bug(X86_BUG_DIV0))
		amd_clear_divider();
	if (unlikely(svm_caps.has_ssbd_by_host))
		x86_spec_ctrl_set_guest(state->virt_spec_ctrl);
}

/* SVM is off on this CPU: the machine is going down, the thread with it. */
static void report_no_svm(struct lodge_exit *exit)
{
	*exit = (struct lodge_exit) {
		.reason = LODGE_EXIT_ENTRY_FAILED,
		.hw_code = (u32)SVM_EXIT_ERR,
	};
}

/* Nothing that can be traced may stand between the two calls of host.h. */
static noinstr int enter(struct svm_vcpu *svm, u64 *gprs)
{
	int ret;

	host_guest_enter();
	ret = svm_enter(&svm->enter, gprs);
	host_guest_leave();
	return ret;
}

/**
 * svm_run() - one entry and one exit
 * @vcpu: loaded vCPU
 * @exit: to be filled
 *
 * IRQs off on call and return.
 */
void svm_run(struct lodge_vcpu *vcpu, struct lodge_exit *exit)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct lodge_x86_state *state = &vcpu->state;
	struct vmcb *vmcb = svm->vmcb;
	u32 injected;
	int ret;

	prepare(vcpu);
	injected = vmcb->control.event_inj;

	ret = enter(svm, state->gprs);

	if (unlikely(svm_caps.has_ssbd_by_host))
		x86_spec_ctrl_restore_host(state->virt_spec_ctrl);
	if (unlikely(svm->owns_debug))
		svm_take_debug(vcpu);
	restore_host_debug(vmcb);

	vmcb->control.event_inj = 0;
	vmcb->control.tlb_ctl = TLB_CONTROL_DO_NOTHING;
	vmcb->control.clean = SVM_CLEAN_AFTER_EXIT;
	if (unlikely(svm->needs_care))
		svm_care_after(vcpu);

	if (unlikely(ret)) {
		report_no_svm(exit);
		return;
	}

	state->gprs[LODGE_RAX] = vmcb->save.rax;
	state->gprs[LODGE_RSP] = vmcb->save.rsp;
	state->rip = vmcb->save.rip;
	state->rflags = vmcb->save.rflags;
	svm_exit_decode(vcpu, exit, injected);
}
