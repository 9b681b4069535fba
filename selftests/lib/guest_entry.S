/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry stubs of the guest's IDT, one per vector, and the common path to
 * guest_dispatch(). Runs in the guest only.
 */
	.text
	.balign	16
	.globl	guest_stubs
guest_stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	/* Vectors with an error code of the CPU: #DF, #TS to #PF, #AC, #CP, #VC, #SX. */
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || \
		  vector == 21 || vector == 29 || vector == 30)
	pushq	$0
	.endif
	pushq	$vector
	jmp	guest_entry_common
	.set	vector, vector + 1
	.endr

guest_entry_common:
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cld
	movq	%rsp, %rdi
	movq	%rsp, %rbp
	andq	$-16, %rsp
	call	guest_dispatch
	movq	%rbp, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
	addq	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
