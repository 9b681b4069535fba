// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_VCPU_EVENTS and KVM_SET_VCPU_EVENTS: injected exceptions with and
 * without error codes, payloads, interrupts, NMIs, the interrupt shadow, triple
 * faults, no system-management mode, and values that must be refused.
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

static int __enable(struct vm *vm, uint32_t cap, uint64_t value)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { value } };

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &enable);
}

static volatile uint64_t guest_cr2, guest_dr6;

static void guest_record_payload(struct guest_regs *regs)
{
	guest_record(regs);
	asm volatile("mov %%cr2, %0" : "=r"(guest_cr2));
	asm volatile("mov %%dr6, %0" : "=r"(guest_dr6));
}

static void guest_wait_for_payload(void)
{
	guest_handlers[PF_VECTOR] = guest_record_payload;
	guest_handlers[DB_VECTOR] = guest_record_payload;
	for (;;)
		GUEST_SYNC(1);
}

static void payload_of_page_fault(struct vm *vm, struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { .flags = KVM_VCPUEVENT_VALID_PAYLOAD }, back;

	events.exception.pending = 1;
	events.exception.nr = 32;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events), EINVAL);
	events.exception.nr = PF_VECTOR;
	events.exception.has_error_code = 1;
	events.exception.error_code = PFERR_WRITE;
	events.exception_has_payload = 1;
	events.exception_payload = 0x12345000;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &back);
	ASSERT_EQ(back.exception.pending, 1);
	ASSERT_EQ(back.exception.injected, 0);
	ASSERT_EQ(back.exception_has_payload, 1);
	ASSERT_EQ(back.exception_payload, 0x12345000u);
	ASSERT_NE(vcpu_sregs(vcpu).cr2, 0x12345000u);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_seen).vector, (uint64_t)PF_VECTOR);
	ASSERT_EQ(GUEST(vm, guest_seen).error, (uint64_t)PFERR_WRITE);
	ASSERT_EQ(GUEST(vm, guest_cr2), 0x12345000u);
}

static void payload_of_debug(struct vm *vm, struct vcpu *vcpu)
{
	const uint64_t causes = BIT(14) | BIT(2);
	struct kvm_vcpu_events events = { .flags = KVM_VCPUEVENT_VALID_PAYLOAD };
	struct kvm_debugregs debug;

	events.exception.pending = 1;
	events.exception.nr = DB_VECTOR;
	events.exception_has_payload = 1;
	events.exception_payload = causes;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &debug);
	ASSERT_EQ(debug.dr6 & causes, 0u);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(GUEST(vm, guest_seen).vector, (uint64_t)DB_VECTOR);
	ASSERT_EQ(GUEST(vm, guest_dr6) & causes, causes);
}

/* An exception that waits, with what its delivery puts into CR2 or DR6. */
static void payloads(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wait_for_payload);
	struct kvm_vcpu_events events;

	REQUIRE_CAP(KVM_CAP_EXCEPTION_PAYLOAD);
	vcpu_run_sync(vcpu, 1);
	complete_io(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.flags & KVM_VCPUEVENT_VALID_PAYLOAD, 0u);
	events.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events), EINVAL);

	ASSERT_EQ(__enable(vm, KVM_CAP_EXCEPTION_PAYLOAD, 1), 0);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_NE(events.flags & KVM_VCPUEVENT_VALID_PAYLOAD, 0u);
	ASSERT_EQ(events.exception.pending, 0);
	payload_of_page_fault(vm, vcpu);
	complete_io(vcpu);
	payload_of_debug(vm, vcpu);
	vm_destroy(vm);
}

/* A triple fault that waits: seen, set and cleared, once that is enabled. */
static void triple_fault(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_wait_for_event);
	struct kvm_vcpu_events events;

	REQUIRE_CAP(KVM_CAP_X86_TRIPLE_FAULT_EVENT);
	vcpu_run_sync(vcpu, 1);
	complete_io(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT, 0u);
	events.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events), EINVAL);

	ASSERT_EQ(__enable(vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1), 0);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_NE(events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT, 0u);
	ASSERT_EQ(events.triple_fault.pending, 0);
	events.triple_fault.pending = 1;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.triple_fault.pending, 1);
	events.triple_fault.pending = 0;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_run_sync(vcpu, 1);
	complete_io(vcpu);
	events.triple_fault.pending = 1;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_run_to(vcpu, KVM_EXIT_SHUTDOWN);
	vm_destroy(vm);
}

/* No vCPU is in system-management mode, and where there is none, none can be put there. */
static void system_management(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_vcpu_events events;

	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_NE(events.flags & KVM_VCPUEVENT_VALID_SMM, 0u);
	ASSERT_EQ(events.smi.smm, 0);
	ASSERT_EQ(events.smi.pending, 0);
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	if (!node_check(KVM_CAP_X86_SMM)) {
		ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SMI, 0), ENOTTY);
		events.smi.smm = 1;
		ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events), EINVAL);
		events.smi.smm = 0;
		events.smi.pending = 1;
		ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events), EINVAL);
	}
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* An INIT that has arrived is reported as one held back; taken away it has no effect. */
static void latched_init(void)
{
	struct vm *vm = vm_create_with_irqchip();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_return);
	struct kvm_vcpu_events events;

	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.smi.latched_init, 0);
	events.smi.latched_init = 1;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(events.smi.latched_init, 1);
	events.smi.latched_init = 0;
	vcpu_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
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
	{ "payloads", payloads },
	{ "triple_fault", triple_fault },
	{ "system_management", system_management },
	{ "latched_init", latched_init },
	{ "bad_values", bad_values },
	{ "hostile_values", hostile_values },
};

TEST_MAIN(cases)
