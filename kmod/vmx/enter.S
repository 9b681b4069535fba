/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the world switch: from C with the host's state to the guest and back.
 * VM entry and VM exit themselves switch RSP, RIP, RFLAGS, control and segment
 * registers and the MSRs that have a field in the VMCS; the other general registers and
 * SPEC_CTRL are switched here. FPU, debug registers, CR2 and the remaining MSRs are
 * the business of the C side. Also the way on which a host NMI that ended the guest's
 * run reaches its handler.
 */
#include <linux/linkage.h>

#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#include "vmx/vmx_defs.h"

	.section .noinstr.text, "ax"

/*
 * int vmx_enter(struct vmx_switch *enter, u64 *gprs)
 *
 * IRQs off; the vCPU's VMCS is current. Returns VMX_ENTER_*: 0 after an exit, 1 if the
 * CPU refused the entry, -1 if VMX was switched off under the vCPU (reboot, panic). In
 * the last two cases nothing of the guest has changed.
 *
 * An exit leaves IRQs off, whatever caused it: the caller decides when they are taken.
 */
SYM_FUNC_START(vmx_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi
	push	%rsi

	/* An exit comes back to this stack. A thread's stack rarely differs from last time. */
	cmpq	%rsp, VMX_SWITCH_HOST_RSP(%rdi)
	je	.Lhost_rsp_known
	movl	$VMX_FIELD_HOST_RSP, %eax
.Lvmwrite:
	vmwrite	%rsp, %rax
	movq	%rsp, VMX_SWITCH_HOST_RSP(%rdi)
.Lhost_rsp_known:

	/*
	 * The guest's SPEC_CTRL, if it differs. No return and no indirect branch from
	 * here to the entry: they would run under the guest's choice of barriers.
	 */
	ALTERNATIVE "jmp .Lguest_spec_ctrl_done", "", X86_FEATURE_MSR_SPEC_CTRL
	movl	VMX_SWITCH_SPEC_CTRL(%rdi), %eax
	cmpl	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	je	.Lguest_spec_ctrl_done
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	xorl	%edx, %edx
	wrmsr
.Lguest_spec_ctrl_done:

	/* Into CF, the one flag that nothing below changes: VERW sets ZF. */
	btl	$0, VMX_SWITCH_IS_LAUNCHED(%rdi)

	movq	VMX_GPR_RAX(%rsi), %rax
	movq	VMX_GPR_RCX(%rsi), %rcx
	movq	VMX_GPR_RDX(%rsi), %rdx
	movq	VMX_GPR_RBX(%rsi), %rbx
	movq	VMX_GPR_RBP(%rsi), %rbp
	movq	VMX_GPR_RDI(%rsi), %rdi
	movq	VMX_GPR_R8(%rsi), %r8
	movq	VMX_GPR_R9(%rsi), %r9
	movq	VMX_GPR_R10(%rsi), %r10
	movq	VMX_GPR_R11(%rsi), %r11
	movq	VMX_GPR_R12(%rsi), %r12
	movq	VMX_GPR_R13(%rsi), %r13
	movq	VMX_GPR_R14(%rsi), %r14
	movq	VMX_GPR_R15(%rsi), %r15
	movq	VMX_GPR_RSI(%rsi), %rsi

	/* No host data is left in the CPU's buffers (MDS, TAA, RFDS). */
	CLEAR_CPU_BUFFERS

	/* What follows an entry that succeeds is vmx_exit_point, with this same stack. */
	UNWIND_HINT_SAVE
	jnc	.Lvmlaunch
.Lvmresume:
	vmresume
	jmp	.Lrefused
.Lvmlaunch:
	vmlaunch
	jmp	.Lrefused

	/* HOST_RIP. RSP and the segment bases are the host's again, all else the guest's. */
SYM_INNER_LABEL(vmx_exit_point, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	push	%rax
	movq	8(%rsp), %rax
	popq	VMX_GPR_RAX(%rax)
	movq	%rcx, VMX_GPR_RCX(%rax)
	movq	%rdx, VMX_GPR_RDX(%rax)
	movq	%rbx, VMX_GPR_RBX(%rax)
	movq	%rbp, VMX_GPR_RBP(%rax)
	movq	%rsi, VMX_GPR_RSI(%rax)
	movq	%rdi, VMX_GPR_RDI(%rax)
	movq	%r8, VMX_GPR_R8(%rax)
	movq	%r9, VMX_GPR_R9(%rax)
	movq	%r10, VMX_GPR_R10(%rax)
	movq	%r11, VMX_GPR_R11(%rax)
	movq	%r12, VMX_GPR_R12(%rax)
	movq	%r13, VMX_GPR_R13(%rax)
	movq	%r14, VMX_GPR_R14(%rax)
	movq	%r15, VMX_GPR_R15(%rax)
	xorl	%ebx, %ebx

.Lback_in_host:
	popq	%rsi
	popq	%rdi

	/* No RET may use what the guest left in the return stack buffer. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	ALTERNATIVE "jmp .Lhost_spec_ctrl_done", "", X86_FEATURE_MSR_SPEC_CTRL
	movl	$MSR_IA32_SPEC_CTRL, %ecx
	/* What the guest may write without an exit has to be read. */
	cmpl	$0, VMX_SWITCH_SPEC_CTRL_PASSED(%rdi)
	je	.Lguest_spec_ctrl_known
	/* A refused entry leaves the guest's value in the MSR, so this holds then, too. */
	rdmsr
	movl	%eax, VMX_SWITCH_SPEC_CTRL(%rdi)
.Lguest_spec_ctrl_known:
	movl	PER_CPU_VAR(x86_spec_ctrl_current), %eax
	/* Old IBRS works from its write on: the value being the same is not enough. */
	ALTERNATIVE "", "jmp .Lwrite_host_spec_ctrl", X86_FEATURE_KERNEL_IBRS
	cmpl	VMX_SWITCH_SPEC_CTRL(%rdi), %eax
	je	.Lhost_spec_ctrl_done
.Lwrite_host_spec_ctrl:
	xorl	%edx, %edx
	wrmsr
.Lhost_spec_ctrl_done:
	/* Not past the write by speculation, and not without it. */
	lfence

	/* Prediction trained by the guest: before the first RET and indirect branch. */
	UNTRAIN_RET
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT
	CLEAR_BRANCH_HISTORY_VMEXIT

	movl	%ebx, %eax

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

	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	RET

	/* Outside VMX operation the instructions fault; see the table below. */
.Lno_vmx:
	movl	$-1, %ebx
	jmp	.Lback_in_host
.Lrefused:
	movl	$1, %ebx
	jmp	.Lback_in_host

	_ASM_EXTABLE(.Lvmwrite, .Lno_vmx)
	_ASM_EXTABLE(.Lvmresume, .Lno_vmx)
	_ASM_EXTABLE(.Lvmlaunch, .Lno_vmx)
SYM_FUNC_END(vmx_enter)

/*
 * void vmx_raise_host_nmi(void)
 *
 * An NMI that ended the guest's run has been taken by the exit and comes no second time.
 * This builds the frame that the CPU would have built and goes to the kernel's entry
 * point for NMIs on the thread's own stack. The IRET there comes back here and unblocks
 * NMIs, which an exit for an NMI leaves blocked (Intel SDM volume 3, "Saving Non-Register
 * State" and "Loading Host State").
 */
SYM_FUNC_START(vmx_raise_host_nmi)
	push	%rbp
	movq	%rsp, %rbp
	/* In 64-bit mode the CPU aligns the stack before it pushes. */
	andq	$-16, %rsp
	pushq	$__KERNEL_DS
	pushq	%rbp
	pushfq
	pushq	$__KERNEL_CS
	/* Pushes RIP, the last part of the frame. */
	call	asm_exc_nmi_noist
	movq	%rbp, %rsp
	popq	%rbp
	RET
SYM_FUNC_END(vmx_raise_host_nmi)
