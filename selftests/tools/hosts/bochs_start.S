/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The option ROM of the Intel test host. The firmware calls it after it has made its tables;
 * kernel, initial RAM disk and the page that bochs_start.py lays out are in memory by then, so
 * all that is left is to switch to 64-bit mode and to jump. The same image stands in for the
 * video BIOS, where it does nothing. A second call follows a reset, which ends the emulator.
 */

	.set	BASE, 0xd0000		/* where bochs_start.py puts this ROM */
	.set	FLAG, 0x1800		/* offsets in its page */
	.set	ENTRY, 0x1808
	.set	PML4, 0x2000

	.set	CODE32, 0x08
	.set	DATA, 0x10
	.set	CODE64, 0x18

	.text
	.code16
rom:
	.byte	0x55, 0xaa, 1		/* signature, length in units of 512 bytes */
	mov	%cs, %ax
	cmp	$0xc000, %ax
	jne	start16
	lret

start16:
	cli
	cld
	lgdtl	%cs:gdt_pointer - rom
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$CODE32, $BASE + (start32 - rom)

	.code32
start32:
	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$PAGE, %esi		/* the boot protocol wants struct boot_params here */
	cmpl	$0, FLAG(%esi)
	jne	shut_down
	incl	FLAG(%esi)

	mov	%cr4, %eax
	or	$1 << 5, %eax		/* PAE */
	mov	%eax, %cr4
	lea	PML4(%esi), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	or	$1 << 8, %eax		/* LME */
	wrmsr
	mov	%cr0, %eax
	or	$1 << 31, %eax		/* PG */
	mov	%eax, %cr0
	ljmpl	$CODE64, $BASE + (start64 - rom)

	/* Bochs ends when it reads this word at this port. */
shut_down:
	mov	$BASE + (word - rom), %esi
	mov	$8, %ecx
	mov	$0x8900, %edx
	rep outsb
	hlt

	.code64
start64:
	mov	ENTRY(%rsi), %rax
	jmp	*%rax

word:
	.ascii	"Shutdown"

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00af9b000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	BASE + (gdt - rom)
