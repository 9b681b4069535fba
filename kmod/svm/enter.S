/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the world switch: from C with the host's state to the guest and back.
 * VMRUN itself switches RAX, RSP, RIP, RFLAGS, control and segment registers, VMLOAD
 * and VMSAVE what the manual calls additional state (FS, GS, TR, LDTR, the MSRs of
 * SYSCALL and SYSENTER); the other general registers and SPEC_CTRL are switched here.
 * FPU, debug registers and TSC_AUX are the business of the C side.
 */
#include <linux/linkage.h>

#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>

#include "svm/svm_defs.h"

	.section .noinstr.text, "ax"

/*
 * int svm_enter(struct svm_switch *enter, u64 *gprs)
 *
 * IRQs off. Returns 0 after an exit, or -1 if SVM was switched off under the vCPU
 * (reboot, panic): then nothing was entered and nothing has changed.
 *
 * GIF is 0 from CLGI to STGI. So neither IRQ nor NMI reaches the host while GS and
 * TR are the guest's, and RFLAGS.IF can be set ahead of VMRUN, as it must be: with
 * V_INTR_MASKING the host's IF at VMRUN decides whether physical interrupts end the
 * guest's run. An NMI that caused the exit is taken at STGI, an IRQ when the caller
 * enables interrupts.
 */
SYM_FUNC_START(svm_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi
	push	%rsi

	/* With EFER.SVME clear this is the one that faults; see the table below. */
.Lclgi:
	clgi
	/* Far enough from VMRUN that the guest does not inherit the shadow of STI. */
	sti

	/*
	 * The guest's SPEC_CTRL, if it differs. No return and no indirect branch from
	 * here to VMRUN: they would run under the guest's choice of barriers.
	 */
	ALTERNATIVE_2 "jmp .Lguest_spec_ctrl_done", \
		"", X86_FEATURE_MSR_SPEC_CTRL, \
		"jmp .Lguest_spec_ctrl_done", X86_FEATURE_V_SPEC_CTRL
	movl	SVM_SWITCH_SPEC_CTRL(%rdi), %eax
	cmpl	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	je	.Lguest_spec_ctrl_done
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	xorl	%edx, %edx
	wrmsr
.Lguest_spec_ctrl_done:

	movq	SVM_SWITCH_VMCB_PA(%rdi), %rax
	vmload	%rax

	movq	SVM_GPR_RCX(%rsi), %rcx
	movq	SVM_GPR_RDX(%rsi), %rdx
	movq	SVM_GPR_RBX(%rsi), %rbx
	movq	SVM_GPR_RBP(%rsi), %rbp
	movq	SVM_GPR_RDI(%rsi), %rdi
	movq	SVM_GPR_R8(%rsi), %r8
	movq	SVM_GPR_R9(%rsi), %r9
	movq	SVM_GPR_R10(%rsi), %r10
	movq	SVM_GPR_R11(%rsi), %r11
	movq	SVM_GPR_R12(%rsi), %r12
	movq	SVM_GPR_R13(%rsi), %r13
	movq	SVM_GPR_R14(%rsi), %r14
	movq	SVM_GPR_R15(%rsi), %r15
	movq	SVM_GPR_RSI(%rsi), %rsi

	/* No host data is left in the CPU's buffers (TSA). Clobbers RFLAGS.ZF only. */
	VM_CLEAR_CPU_BUFFERS

	vmrun	%rax

	/* RAX and RSP are the host's again, all else the guest's. */
	popq	%rax
	movq	%rcx, SVM_GPR_RCX(%rax)
	movq	%rdx, SVM_GPR_RDX(%rax)
	movq	%rbx, SVM_GPR_RBX(%rax)
	movq	%rbp, SVM_GPR_RBP(%rax)
	movq	%rsi, SVM_GPR_RSI(%rax)
	movq	%rdi, SVM_GPR_RDI(%rax)
	movq	%r8, SVM_GPR_R8(%rax)
	movq	%r9, SVM_GPR_R9(%rax)
	movq	%r10, SVM_GPR_R10(%rax)
	movq	%r11, SVM_GPR_R11(%rax)
	movq	%r12, SVM_GPR_R12(%rax)
	movq	%r13, SVM_GPR_R13(%rax)
	movq	%r14, SVM_GPR_R14(%rax)
	movq	%r15, SVM_GPR_R15(%rax)
	popq	%rdi

	movq	SVM_SWITCH_VMCB_PA(%rdi), %rax
	vmsave	%rax
	/* Brings back GS, and with it the per-CPU variables. */
	movq	SVM_SWITCH_HOST_PA(%rdi), %rax
	vmload	%rax

	/* No RET may use what the guest left in the return stack buffer. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE

	ALTERNATIVE_2 "jmp .Lhost_spec_ctrl_done", \
		"", X86_FEATURE_MSR_SPEC_CTRL, \
		"jmp .Lhost_spec_ctrl_done", X86_FEATURE_V_SPEC_CTRL
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	/* What the guest may write without an exit has to be read. */
	cmpl	$0, SVM_SWITCH_SPEC_CTRL_PASSED(%rdi)
	je	.Lguest_spec_ctrl_known
	rdmsr
	movl	%eax, SVM_SWITCH_SPEC_CTRL(%rdi)
.Lguest_spec_ctrl_known:
	movl	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	cmpl	SVM_SWITCH_SPEC_CTRL(%rdi), %eax
	je	.Lhost_spec_ctrl_done
	xorl	%edx, %edx
	wrmsr
.Lhost_spec_ctrl_done:

	/* Return prediction trained by the guest (Retbleed, SRSO): before the first RET. */
	UNTRAIN_RET
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT

	/* Speculation must find no guest value in a register that C did not write. */
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%ebx, %ebx
	xorl	%ebp, %ebp
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d

	/* IRQs off ahead of GIF: the caller decides when they are taken. */
	cli
	stgi

	xorl	%eax, %eax
.Lleave:
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	RET

.Lno_svm:
	popq	%rsi
	popq	%rdi
	movl	$-1, %eax
	jmp	.Lleave

	_ASM_EXTABLE(.Lclgi, .Lno_svm)
SYM_FUNC_END(svm_enter)
