// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_SREGS and KVM_SET_SREGS: reset values, segments and control registers
 * as the guest sees them, combinations that must be refused, and the interrupt
 * bitmap.
 */
#include <string.h>

#include "vcpu.h"

static void reset_state(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct kvm_sregs sregs = vcpu_sregs(vcpu);

	ASSERT_EQ(sregs.cs.selector, 0xf000);
	ASSERT_EQ(sregs.cs.base, 0xffff0000u);
	ASSERT_EQ(sregs.cs.limit, 0xffffu);
	ASSERT_EQ(sregs.ds.base, 0u);
	ASSERT_EQ(sregs.ds.limit, 0xffffu);
	ASSERT_EQ(sregs.idt.limit, 0xffff);
	ASSERT_EQ(sregs.cr0, X86_CR0_CD | X86_CR0_NW | X86_CR0_ET);
	ASSERT_EQ(sregs.cr2, 0u);
	ASSERT_EQ(sregs.cr3, 0u);
	ASSERT_EQ(sregs.cr4, 0u);
	ASSERT_EQ(sregs.cr8, 0u);
	ASSERT_EQ(sregs.efer, 0u);
	/* APIC at its usual place, enabled, boot processor. */
	ASSERT_EQ(sregs.apic_base & ~0xfffull, 0xfee00000u);
	vm_destroy(vm);
}

static uint64_t guest_cr[5];

static void guest_read_control(void)
{
	guest_cr[0] = read_cr0();
	guest_cr[2] = read_cr2();
	guest_cr[3] = read_cr3();
	guest_cr[4] = read_cr4();
	GUEST_SYNC_ARGS(1, read_cr8(), rdmsr(MSR_EFER), 0);
	write_cr2(0x1234567812345000);
	write_cr8(5);
	write_cr4(read_cr4() | X86_CR4_PGE);
	write_cr0(read_cr0() | X86_CR0_TS);
	write_cr3(read_cr3());
}

static void control_registers(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_control);
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	struct ucall ucall;

	sregs.cr2 = 0xfedcba9876543000;
	sregs.cr4 |= X86_CR4_DE;
	sregs.cr8 = 3;
	vcpu_set_sregs(vcpu, &sregs);
	/* Without an irqchip user space owns the TPR: CR8 goes through kvm_run. */
	vcpu->run->cr8 = 3;
	ucall = vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(ucall.args[1], 3u);
	ASSERT_EQ(ucall.args[2], sregs.efer);
	ASSERT_EQ(GUEST(vm, guest_cr[0]), sregs.cr0);
	ASSERT_EQ(GUEST(vm, guest_cr[2]), sregs.cr2);
	ASSERT_EQ(GUEST(vm, guest_cr[3]), sregs.cr3);
	ASSERT_EQ(GUEST(vm, guest_cr[4]), sregs.cr4);
	do {
		vcpu_run(vcpu);
	} while (vcpu->run->exit_reason == KVM_EXIT_SET_TPR);
	vcpu_ucall(vcpu);
	sregs = vcpu_sregs(vcpu);
	ASSERT_EQ(sregs.cr2, 0x1234567812345000ull);
	ASSERT_EQ(sregs.cr8, 5u);
	ASSERT_EQ(vcpu->run->cr8, 5u);
	ASSERT_EQ(sregs.cr4 & X86_CR4_PGE, X86_CR4_PGE);
	ASSERT_EQ(sregs.cr0 & X86_CR0_TS, X86_CR0_TS);
	vm_destroy(vm);
}

static void guest_read_segments(void)
{
	uint64_t fs_word, gs_word;
	uint16_t ds, es, tr;
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) gdt, idt;

	asm volatile("movq %%fs:0, %0" : "=r"(fs_word));
	asm volatile("movq %%gs:8, %0" : "=r"(gs_word));
	asm volatile("mov %%ds, %0" : "=r"(ds));
	asm volatile("mov %%es, %0" : "=r"(es));
	asm volatile("str %0" : "=r"(tr));
	asm volatile("sgdt %0" : "=m"(gdt));
	asm volatile("sidt %0" : "=m"(idt));
	GUEST_ASSERT_EQ(fs_word, 0xf5f5f5f5f5f5f5f5ull);
	GUEST_ASSERT_EQ(gs_word, 0x6565656565656565ull);
	GUEST_ASSERT_EQ(ds, SEL_DATA);
	GUEST_ASSERT_EQ(es, SEL_DATA);
	GUEST_ASSERT_EQ(tr, SEL_TSS);
	GUEST_ASSERT_EQ(gdt.base, GPA_GDT);
	GUEST_ASSERT_EQ(idt.base, GPA_IDT);
	GUEST_ASSERT_EQ(idt.limit, 0xfff);
	GUEST_ASSERT_EQ(rdmsr(MSR_FS_BASE), GPA_TEST);
	GUEST_ASSERT_EQ(rdmsr(MSR_GS_BASE), GPA_TEST + 0x1000);
	wrmsr(MSR_FS_BASE, GPA_TEST + 0x2000);
	asm volatile("mov %0, %%ds" : : "r"((uint16_t)SEL_DATA16));
}

static void segments(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_read_segments);
	struct kvm_sregs sregs = vcpu_sregs(vcpu), back;
	uint64_t fs_word = 0xf5f5f5f5f5f5f5f5ull, gs_word = 0x6565656565656565ull;

	sregs.fs.base = GPA_TEST;
	sregs.gs.base = GPA_TEST + 0x1000;
	vm_copy_in(vm, GPA_TEST, &fs_word, 8);
	vm_copy_in(vm, GPA_TEST + 0x1008, &gs_word, 8);
	vcpu_set_sregs(vcpu, &sregs);
	back = vcpu_sregs(vcpu);
	ASSERT_EQ(memcmp(&sregs.cs, &back.cs, sizeof(sregs.cs)), 0);
	ASSERT_EQ(memcmp(&sregs.ds, &back.ds, sizeof(sregs.ds)), 0);
	ASSERT_EQ(memcmp(&sregs.fs, &back.fs, sizeof(sregs.fs)), 0);
	ASSERT_EQ(memcmp(&sregs.gs, &back.gs, sizeof(sregs.gs)), 0);
	ASSERT_EQ(memcmp(&sregs.ss, &back.ss, sizeof(sregs.ss)), 0);
	ASSERT_EQ(memcmp(&sregs.tr, &back.tr, sizeof(sregs.tr)), 0);
	ASSERT_EQ(back.ldt.unusable, 1);
	vcpu_run_done(vcpu);
	back = vcpu_sregs(vcpu);
	ASSERT_EQ(back.fs.base, GPA_TEST + 0x2000);
	ASSERT_EQ(back.ds.selector, SEL_DATA16);
	ASSERT_EQ(back.ds.limit, 0xffffu);
	ASSERT_EQ(back.ds.type & 3, 3);
	ASSERT_EQ(back.cs.l, 1);
	ASSERT_EQ(back.cs.db, 0);
	vm_destroy(vm);
}

static void refused(struct vcpu *vcpu, const struct kvm_sregs *sregs, const char *what)
{
	struct kvm_sregs before = vcpu_sregs(vcpu), after;
	int ret = __vcpu_ioctl(vcpu, KVM_SET_SREGS, sregs);

	TEST_ASSERT(ret == -EINVAL, "%s: %d", what, ret);
	after = vcpu_sregs(vcpu);
	TEST_ASSERT(!memcmp(&before, &after, sizeof(before)), "%s changed the state", what);
}

static void bad_combinations(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	const struct kvm_sregs good = vcpu_sregs(vcpu);
	struct kvm_sregs bad;

	bad = good;
	bad.cr0 &= ~X86_CR0_PE;
	refused(vcpu, &bad, "CR0.PG without PE");
	bad = good;
	bad.cr4 &= ~X86_CR4_PAE;
	refused(vcpu, &bad, "long mode without CR4.PAE");
	bad = good;
	bad.efer &= ~EFER_LMA;
	refused(vcpu, &bad, "EFER.LME and CR0.PG without LMA");
	bad = good;
	bad.efer &= ~EFER_LME;
	refused(vcpu, &bad, "EFER.LMA without LME");
	bad = good;
	bad.cr0 &= ~X86_CR0_PG;
	refused(vcpu, &bad, "EFER.LMA without CR0.PG");
	bad = good;
	bad.cr4 |= BIT(63);
	refused(vcpu, &bad, "CR4 bit 63");
	bad = good;
	bad.cr4 |= X86_CR4_VMXE;
	refused(vcpu, &bad, "CR4.VMXE that CPUID does not offer");
	bad = good;
	bad.cr3 |= BIT(62);
	refused(vcpu, &bad, "CR3 bit 62");
	bad = good;
	bad.cr0 |= BIT(40);
	refused(vcpu, &bad, "CR0 bit 40");
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static uint64_t guest_interrupts;

static void guest_count_interrupt(struct guest_regs *regs)
{
	guest_interrupts = guest_interrupts * 1000 + regs->vector;
}

static void guest_take_interrupt(void)
{
	guest_handlers[0x44] = guest_count_interrupt;
	GUEST_SYNC(1);
	sti_nop_cli();
	GUEST_ASSERT_EQ(guest_interrupts, 0x44);
	GUEST_SYNC(2);
}

static void set_interrupt_flag(struct vcpu *vcpu)
{
	struct kvm_regs regs = vcpu_regs(vcpu);

	regs.rflags |= X86_EFLAGS_IF;
	vcpu_set_regs(vcpu, &regs);
}

/* One bit of the bitmap is one interrupt that user space already acknowledged. */
static void interrupt_bitmap(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_take_interrupt);
	struct kvm_sregs sregs;

	vcpu_run_sync(vcpu, 1);
	/* Exits of I/O kind complete at the next entry only. */
	vcpu->run->immediate_exit = 1;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	/* It was acknowledged while IF was set: some CPUs check. */
	set_interrupt_flag(vcpu);
	sregs = vcpu_sregs(vcpu);
	sregs.interrupt_bitmap[0x44 / 64] = BIT(0x44 % 64);
	vcpu_set_sregs(vcpu, &sregs);
	ASSERT_EQ(vcpu_sregs(vcpu).interrupt_bitmap[0x44 / 64], BIT(0x44 % 64));
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(vcpu_sregs(vcpu).interrupt_bitmap[0x44 / 64], 0u);
	vm_destroy(vm);
}

static void hostile_values(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	const struct kvm_sregs good = vcpu_sregs(vcpu);
	struct kvm_sregs bad;
	unsigned int i;

	memset(&bad, 0xff, sizeof(bad));
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_SREGS, &bad), EINVAL);
	/* Each byte in turn: refused or taken, then the guest may do as it likes. */
	for (i = 0; i < offsetof(struct kvm_sregs, interrupt_bitmap); i += 3) {
		bad = good;
		((uint8_t *)&bad)[i] ^= 0xff;
		if (__vcpu_ioctl(vcpu, KVM_SET_SREGS, &bad))
			continue;
		vcpu->run->immediate_exit = 1;
		(void)__vcpu_run(vcpu);
		vcpu->run->immediate_exit = 0;
		ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_SET_SREGS, &good), 0);
	}
	vcpu_set_sregs(vcpu, &good);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "reset_state", reset_state },
	{ "control_registers", control_registers },
	{ "segments", segments },
	{ "bad_combinations", bad_combinations },
	{ "interrupt_bitmap", interrupt_bitmap },
	{ "hostile_values", hostile_values },
};

TEST_MAIN(cases)
