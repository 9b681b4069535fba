// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_VCPU_EVENTS and KVM_SET_VCPU_EVENTS: injected exceptions with and
 * without error codes, interrupts, NMIs, the interrupt shadow, and values that
 * must be refused.
 */
#include <string.h>

#include "vcpu.h"

static struct guest_regs guest_seen;
static volatile uint64_t guest_count;

static void guest_record(struct guest_regs *regs)
{
	guest_seen.vector = regs->vector;
	guest_seen.error = regs->error;
	guest_seen.rip = regs->rip;
	guest_count++;
}

static void guest_wait_for_event(void)
{
	unsigned int i;

	for (i = 0; i < 255; i++)
		guest_handlers[i] = guest_record;
	for (;;)
		GUEST_SYNC(1);
}

static void complete_io(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
}

static void inject_exception(uint8_t vector, bool has_error, uint32_t error)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wait_for_event);
	struct kvm_vcpu_events events;
	uint64_t rip;

	vcpu_run_sync(vcpu, 1);
	complete_io(vcpu);
	rip = vcpu_regs(vcpu).rip;
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.exception.injected, 0);
	events.exception.injected = 1;
	events.exception.nr = vector;
	events.exception.has_error_code = has_error;
	events.exception.error_code = error;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	memset(&events, 0, sizeof(events));
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.exception.injected, 1);
	ASSERT_EQ(events.exception.nr, vector);
	ASSERT_EQ(events.exception.has_error_code, has_error);
	ASSERT_EQ(events.exception.error_code, error);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_count), 1u);
	ASSERT_EQ(GUEST(vm, guest_seen).vector, vector);
	ASSERT_EQ(GUEST(vm, guest_seen).error, error);
	ASSERT_EQ(GUEST(vm, guest_seen).rip, rip);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.exception.injected, 0);
	vm_destroy(vm);
}

static void exceptions(void)
{
	inject_exception(DE_VECTOR, false, 0);
	inject_exception(UD_VECTOR, false, 0);
	inject_exception(DB_VECTOR, false, 0);
}

static void exceptions_with_error_code(void)
{
	inject_exception(GP_VECTOR, true, 0);
	inject_exception(GP_VECTOR, true, 0x1234);
	inject_exception(PF_VECTOR, true, PFERR_WRITE | PFERR_USER);
	inject_exception(SS_VECTOR, true, 0x18);
	inject_exception(TS_VECTOR, true, 0x40);
}

static void nmi_and_interrupt(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wait_for_event);
	struct kvm_vcpu_events events;
	struct kvm_regs regs;

	vcpu_run_sync(vcpu, 1);
	complete_io(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	events.nmi.pending = 1;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_seen).vector, (uint64_t)NMI_VECTOR);
	complete_io(vcpu);

	/* It was acknowledged while IF was set: some CPUs check. */
	regs = vcpu_regs(vcpu);
	regs.rflags |= X86_EFLAGS_IF;
	vcpu_set_regs(vcpu, &regs);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	events.interrupt.injected = 1;
	events.interrupt.nr = 0x77;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.interrupt.injected, 1);
	ASSERT_EQ(events.interrupt.nr, 0x77);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_seen).vector, 0x77u);
	ASSERT_EQ(GUEST(vm, guest_count), 2u);
	vm_destroy(vm);
}

/* Masked NMIs stay pending until user space lifts the mask. */
static void nmi_mask(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wait_for_event);
	struct kvm_vcpu_events events;

	vcpu_run_sync(vcpu, 1);
	complete_io(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	events.nmi.masked = 1;
	events.nmi.pending = 1;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_count), 0u);
	complete_io(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.nmi.masked, 1);
	ASSERT_EQ(events.nmi.pending, 1);
	events.nmi.masked = 0;
	events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_count), 1u);
	vm_destroy(vm);
}

extern char guest_shadow_code[];
asm(".pushsection .text\n"
	"guest_shadow_code:\n"
	"nop\n"
	"nop\n"
	"outb %al, $0x10\n"
	".popsection\n");

/*
 * A shadow that user space sets is there, and gone once an instruction ran.  That
 * it holds interrupts back is shown by interrupt_window_test, with a STI of the
 * guest: QEMU's emulation ignores a shadow that comes by VMRUN.
 */
static void shadow(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_shadow_code);
	struct kvm_vcpu_events events;

	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.interrupt.shadow, 0);
	events.flags = KVM_VCPUEVENT_VALID_SHADOW;
	events.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_NE(events.interrupt.shadow, 0);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.interrupt.shadow, 0);
	vm_destroy(vm);
}

static void bad_values(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_vcpu_events good, bad;

	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &good);
	good.flags = 0;
	bad = good;
	bad.flags = BIT(30);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &bad), EINVAL);
	bad = good;
	bad.exception.injected = 1;
	bad.exception.nr = 32;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &bad), EINVAL);
	bad = good;
	bad.exception.injected = 1;
	bad.exception.nr = NMI_VECTOR;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &bad), EINVAL);
	bad = good;
	bad.exception.injected = 1;
	bad.exception.nr = 0xff;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &bad), EINVAL);
	ASSERT_EQ(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &good), 0);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* Any bytes: refused, or the guest's trouble. */
static void hostile_values(void)
{
	struct kvm_vcpu_events events;
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	unsigned int i;

	for (i = 0; i < sizeof(events); i++) {
		memset(&events, 0, sizeof(events));
		((uint8_t *)&events)[i] = 0xff;
		vcpu_set_entry(vcpu, guest_return);
		if (!__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events))
			(void)__vcpu_run(vcpu);
		memset(&events, 0, sizeof(events));
		(void)__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	}
	vm_destroy(vm);
	vm_run_guest(guest_return);
}

static const struct test_case cases[] = {
	{ "exceptions", exceptions },
	{ "exceptions_with_error_code", exceptions_with_error_code },
	{ "nmi_and_interrupt", nmi_and_interrupt },
	{ "nmi_mask", nmi_mask },
	{ "shadow", shadow },
	{ "bad_values", bad_values },
	{ "hostile_values", hostile_values },
};

TEST_MAIN(cases)
