/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: the interrupt controllers and timers that a guest finds in the
 * kernel: a LAPIC for each vCPU, and for each VM an IOAPIC, a pair of 8259 PICs,
 * an 8254 PIT and the routing of GSIs to them. The only header of this folder
 * that outsiders include; prototypes are grouped by the file that defines them.
 *
 * "Own thread" means: the thread that holds vcpu->mutex. "Any context" means:
 * hard interrupt included, NMI excluded; no lock of lodge's above the model locks
 * is taken. Whatever makes a vCPU look (an interrupt, an NMI, INIT, SIPI, a timer)
 * sets a request (request.h) and kicks; nothing here calls up.
 */
#ifndef LODGE_IRQCHIP_IRQCHIP_H
#define LODGE_IRQCHIP_IRQCHIP_H

#include <linux/kvm.h>
#include <linux/list.h>

#include "../types.h"

struct lodge_vm;
struct lodge_vcpu;

/* Who drives a line: the lines of all sources are ORed at each pin. */
enum irqchip_source {
	IRQCHIP_SOURCE_USER,		/* KVM_IRQ_LINE, irqfd */
	IRQCHIP_SOURCE_PIT,
	IRQCHIP_SOURCE_RESAMPLE,	/* level-triggered irqfd */
};

/* What KVM_CAP_IRQ_ROUTING answers: the highest GSI plus one. */
#define IRQCHIP_MAX_GSIS	4096

/* irqchip.c: the VM's set of controllers. */

/**
 * irqchip_create() - KVM_CREATE_IRQCHIP: PIC pair, IOAPIC, default routing
 * @vm: VM without vCPUs, vm->lock held
 *
 * Process context. Takes vm->slots_lock and vm->irq_lock. vm->irqchip is set last.
 *
 * Return: 0; -EEXIST if there is one; -EINVAL if the VM has vCPUs; -ENOMEM;
 * -ENOSPC if the I/O bus is full.
 */
int irqchip_create(struct lodge_vm *vm);

/**
 * irqchip_create_split() - KVM_CAP_SPLIT_IRQCHIP: LAPICs only, the rest is user space's
 * @vm: VM without vCPUs, vm->lock held
 * @nr_pins: GSIs from 0 on that are the pins of user space's IOAPIC: the end of a
 *           level-triggered MSI that is routed to one of them is KVM_EXIT_IOAPIC_EOI
 *
 * As irqchip_create(); the routing table is empty.
 *
 * Return: 0; -EINVAL for more than IRQCHIP_MAX_GSIS; -EEXIST if there is an irqchip or a
 * vCPU; -ENOMEM.
 */
int irqchip_create_split(struct lodge_vm *vm, u64 nr_pins);

/**
 * irqchip_set_x2apic_api() - KVM_CAP_X2APIC_API
 * @vm: VM, vm->lock held
 * @flags: KVM_X2APIC_API_*; what was set before stays
 *
 * Return: 0; -EINVAL for other flags.
 */
int irqchip_set_x2apic_api(struct lodge_vm *vm, u64 flags);

/**
 * irqchip_has_pic() - are PIC, IOAPIC and PIT in the kernel?
 * @vm: any VM
 */
bool irqchip_has_pic(struct lodge_vm *vm);

/**
 * irqchip_takes_user_irq() - does an interrupt of user space's PIC reach the CPU?
 * @vcpu: vCPU of a VM without PIC in the kernel; any LAPIC's LINT0 decides
 */
bool irqchip_takes_user_irq(struct lodge_vcpu *vcpu);

/**
 * irqchip_destroy() - free what irqchip_create() and pit_create() made
 * @vm: VM that nobody uses any more: no fd, no vCPU thread, no irqfd
 *
 * Process context, during the VM's destruction and before the vCPUs (with their
 * LAPICs) are freed. Harmless without an irqchip.
 * Does not wait for SRCU; the I/O buses may not be used afterwards.
 */
void irqchip_destroy(struct lodge_vm *vm);

/**
 * irqchip_get_state() - KVM_GET_IRQCHIP
 * @vm: VM with irqchip
 * @chip: chip_id is read, the state filled in
 *
 * Return: 0; -EINVAL for an unknown chip_id; -ENXIO if the chips are user space's.
 */
int irqchip_get_state(struct lodge_vm *vm, struct kvm_irqchip *chip);

/**
 * irqchip_set_state() - KVM_SET_IRQCHIP
 * @vm: VM with irqchip
 * @chip: which chip and its new state
 *
 * Values that the hardware could not have are forced to ones that it could.
 *
 * Return: 0; -EINVAL for an unknown chip_id; -ENXIO if the chips are user space's.
 */
int irqchip_set_state(struct lodge_vm *vm, const struct kvm_irqchip *chip);

/**
 * irqchip_set_line() - drive the line of a GSI
 * @vm: VM with irqchip
 * @source: who drives it
 * @gsi: any number; one without a route is ignored
 * @level: 0 or 1; for a GSI routed to an MSI, 1 sends it
 *
 * Any context; vm->srcu is entered inside.
 *
 * Return: as KVM_IRQ_LINE_STATUS reports it: negative if the interrupt was ignored
 * (masked, or no route), 0 if it was coalesced with one that is still pending,
 * positive if it was delivered.
 */
int irqchip_set_line(struct lodge_vm *vm, enum irqchip_source source, u32 gsi, int level);

/**
 * irqchip_send_msi() - KVM_SIGNAL_MSI
 * @vm: VM
 * @msi: address and data; flags must be 0
 *
 * Any context.
 *
 * Return: how many LAPICs took it, -EINVAL for flags or without an irqchip.
 */
int irqchip_send_msi(struct lodge_vm *vm, const struct kvm_msi *msi);

/**
 * irqchip_send_ipis() - an IPI to many vCPUs at once
 * @vcpu: vCPU with LAPIC, which sends; own thread
 * @targets: APIC ids, a bit each
 * @first_id: the id of the first bit
 * @nr_bits: how many bits
 * @icr: vector, delivery mode and trigger mode, as in the lower half of the ICR
 *
 * Return: how many LAPICs took it.
 */
int irqchip_send_ipis(struct lodge_vcpu *vcpu, const unsigned long *targets, u32 first_id,
		      unsigned int nr_bits, u32 icr);

/**
 * irqchip_find_vcpu() - the vCPU with an APIC id
 * @vm: VM
 * @apic_id: as a physical destination
 *
 * Return: the vCPU, which lives as long as the VM; NULL if there is none, without irqchip, or
 * where ids are not unambiguous.
 */
struct lodge_vcpu *irqchip_find_vcpu(struct lodge_vm *vm, u32 apic_id);

/**
 * irqchip_has_irq() - is there an interrupt that the guest would take now?
 * @vcpu: vCPU with LAPIC
 *
 * Considers the PPR, and the PIC where the LAPIC lets it through; not RFLAGS.IF
 * and the shadow. Own thread, or the vCPU sleeps (a hint then).
 */
bool irqchip_has_irq(struct lodge_vcpu *vcpu);

/**
 * irqchip_next_vector() - the LAPIC's highest deliverable vector
 * @vcpu: vCPU with LAPIC
 *
 * Own thread. The PIC is not asked: its vector is known only by acknowledging.
 *
 * Return: vector, or -1 if none has priority over the PPR.
 */
int irqchip_next_vector(struct lodge_vcpu *vcpu);

/**
 * irqchip_accept() - acknowledge the interrupt that goes in next
 * @vcpu: vCPU with LAPIC
 *
 * Own thread, when delivery is certain: IRR becomes ISR, or the PIC sees its
 * acknowledge cycle. A PIC interrupt goes before a LAPIC's.
 *
 * Return: vector, or -1 if there is none any more.
 */
int irqchip_accept(struct lodge_vcpu *vcpu);

/**
 * irqchip_report() - tell user space what it wants to know of the LAPIC's doings
 * @vcpu: vCPU with LAPIC and pending requests; own thread
 *
 * Return: whether vcpu->run was filled for an exit: KVM_EXIT_TPR_ACCESS,
 * KVM_EXIT_IOAPIC_EOI.
 */
bool irqchip_report(struct lodge_vcpu *vcpu);

/**
 * struct irqchip_watcher - somebody who wants to know when the guest has ended an interrupt
 * @list: irqchip.c's
 * @gsi: which
 * @ended: called then, in any context, with vm->srcu held
 */
struct irqchip_watcher {
	struct list_head list;
	u32 gsi;
	void (*ended)(struct irqchip_watcher *watcher);
};

/**
 * irqchip_watch() - begin to call a watcher
 * @vm: VM with irqchip, vm->irq_lock held
 * @watcher: gsi and ended filled in
 */
void irqchip_watch(struct lodge_vm *vm, struct irqchip_watcher *watcher);

/**
 * irqchip_unwatch() - stop calling a watcher
 * @vm: VM with irqchip, vm->irq_lock held
 * @watcher: from irqchip_watch(); no call is under way when this returns
 */
void irqchip_unwatch(struct lodge_vm *vm, struct irqchip_watcher *watcher);

/* routing.c: GSI -> pin or message. */

/**
 * routing_set() - KVM_SET_GSI_ROUTING: replace the whole table
 * @vm: VM
 * @entries: kernel copy of the entries
 * @nr: how many, at most IRQCHIP_MAX_GSIS
 * @flags: must be 0
 *
 * Process context; takes vm->irq_lock; waits for SRCU readers.
 *
 * Return: 0; -EINVAL for a bad entry, flag or number (nothing is changed then), or
 * without an irqchip; -ENOMEM.
 */
int routing_set(struct lodge_vm *vm, const struct kvm_irq_routing_entry *entries,
		u32 nr, u32 flags);

/* pit_device.c: the 8254. */

/**
 * pit_create() - KVM_CREATE_PIT2
 * @vm: VM with irqchip, vm->lock held
 * @config: flags: KVM_PIT_SPEAKER_DUMMY adds port 0x61
 *
 * Process context; takes vm->slots_lock. No other flag is an error, as in KVM.
 *
 * Return: 0; -EEXIST if there is one; -ENOENT without an irqchip; -ENOMEM;
 * -ENOSPC if the I/O bus is full.
 */
int pit_create(struct lodge_vm *vm, const struct kvm_pit_config *config);

/**
 * pit_get_state() - KVM_GET_PIT2 (and, by its first 3 channels, KVM_GET_PIT)
 * @vm: VM
 * @state: filled
 *
 * Return: 0; -ENXIO without a PIT.
 */
int pit_get_state(struct lodge_vm *vm, struct kvm_pit_state2 *state);

/**
 * pit_set_state() - KVM_SET_PIT2 (and KVM_SET_PIT, with flags 0)
 * @vm: VM
 * @state: new state; channel 0's timer starts anew from its count
 *
 * What the chip cannot hold is made right.
 *
 * Return: 0; -ENXIO without a PIT.
 */
int pit_set_state(struct lodge_vm *vm, const struct kvm_pit_state2 *state);

/* lapic_vcpu.c: the LAPIC as the vCPU meets it. All in the own thread. */

/**
 * struct lapic_features - what the guest's CPUID says of its LAPIC
 * @x2apic: CPUID.1:ECX.x2APIC
 * @tsc_deadline: CPUID.1:ECX.TSC-Deadline
 * @phys_bits: MAXPHYADDR
 */
struct lapic_features {
	bool x2apic;
	bool tsc_deadline;
	u8 phys_bits;
};

/**
 * lapic_create() - make a vCPU's LAPIC, in its reset state
 * @vcpu: vCPU that is not yet published; id is set, apic_base is set by this
 *
 * Return: 0; -ENOMEM.
 */
int lapic_create(struct lodge_vcpu *vcpu);

/**
 * lapic_published() - the vCPU has become visible in vm->vcpus
 * @vcpu: vCPU with LAPIC; vm->lock held
 *
 * From now on messages find it.
 */
void lapic_published(struct lodge_vcpu *vcpu);

/**
 * lapic_destroy() - stop the timer, free the LAPIC
 * @vcpu: vCPU that nobody uses any more, or a failed creation. NULL lapic is fine.
 */
void lapic_destroy(struct lodge_vcpu *vcpu);

/**
 * lapic_reset() - registers to their values after RESET or INIT
 * @vcpu: vCPU with LAPIC
 * @is_init: INIT: IA32_APIC_BASE and the APIC id stay
 *
 * RESET sets vcpu->apic_base too.
 */
void lapic_reset(struct lodge_vcpu *vcpu, bool is_init);

/**
 * lapic_set_features() - take over what CPUID says
 * @vcpu: vCPU with LAPIC
 * @features: the guest's
 *
 * To be called after KVM_SET_CPUID2. Until then: no x2APIC, no TSC deadline, 36 bits.
 */
void lapic_set_features(struct lodge_vcpu *vcpu, const struct lapic_features *features);

/**
 * lapic_get_state() - KVM_GET_LAPIC
 * @vcpu: vCPU with LAPIC
 * @state: the register page, filled
 */
void lapic_get_state(struct lodge_vcpu *vcpu, struct kvm_lapic_state *state);

/**
 * lapic_set_state() - KVM_SET_LAPIC
 * @vcpu: vCPU with LAPIC; vcpu->apic_base is already what it shall be
 * @state: the register page
 *
 * The timer goes on from the current count.
 *
 * Return: 0; -EINVAL if the id register is not the vCPU's, in x2APIC mode.
 */
int lapic_set_state(struct lodge_vcpu *vcpu, const struct kvm_lapic_state *state);

/**
 * lapic_set_base() - write IA32_APIC_BASE
 * @vcpu: vCPU with LAPIC (without one the caller keeps vcpu->apic_base itself)
 * @base: new value
 * @from_user: KVM_SET_SREGS or KVM_SET_MSRS: any valid mode may follow any
 *
 * Intel SDM volume 3, "Extended XAPIC (x2APIC)", table of transitions.
 *
 * Return: 0; -EINVAL (#GP) for reserved bits, x2APIC without its CPUID bit or
 * without the enable bit, or a transition that the CPU refuses.
 */
int lapic_set_base(struct lodge_vcpu *vcpu, u64 base, bool from_user);

/**
 * lapic_msr_read() - RDMSR of 0x800-0x8ff or IA32_TSC_DEADLINE
 * @vcpu: vCPU with LAPIC
 * @msr: which
 * @value: filled
 *
 * Return: 0; -EINVAL (#GP): not in x2APIC mode, no such register, write-only.
 */
int lapic_msr_read(struct lodge_vcpu *vcpu, u32 msr, u64 *value);

/**
 * lapic_msr_write() - WRMSR of 0x800-0x8ff or IA32_TSC_DEADLINE
 * @vcpu: vCPU with LAPIC
 * @msr: which
 * @value: new value
 *
 * Return: 0; -EINVAL (#GP): not in x2APIC mode, no such register, read-only,
 * reserved bits.
 */
int lapic_msr_write(struct lodge_vcpu *vcpu, u32 msr, u64 value);

/**
 * lapic_mmio_owns() - does an access at @gpa belong to this vCPU's LAPIC?
 * @vcpu: any vCPU; false without LAPIC
 * @gpa: first byte
 */
bool lapic_mmio_owns(struct lodge_vcpu *vcpu, gpa_t gpa);

/**
 * lapic_mmio_read() - read registers
 * @vcpu: vCPU with LAPIC
 * @offset: from the start of the page that lapic_mmio_owns() recognized
 * @len: 1 to 8 bytes, within the page
 * @data: filled
 *
 * Never fails: what the hardware leaves undefined reads as zero, and a LAPIC that
 * is disabled or in x2APIC mode as ones.
 */
void lapic_mmio_read(struct lodge_vcpu *vcpu, u32 offset, unsigned int len, void *data);

/**
 * lapic_mmio_write() - write a register
 * @vcpu: vCPU with LAPIC
 * @offset: from the start of the page
 * @len: bytes; only aligned accesses of four bytes do anything
 * @data: the value
 */
void lapic_mmio_write(struct lodge_vcpu *vcpu, u32 offset, unsigned int len,
		      const void *data);

/* TPR in CR8's scale, 0-15. A write may make an interrupt deliverable (LODGE_REQ_EVENT). */
u8 lapic_get_cr8(struct lodge_vcpu *vcpu);
void lapic_set_cr8(struct lodge_vcpu *vcpu, u8 cr8);

/**
 * lapic_highest_irr() - highest vector requested, whatever the priority
 * @vcpu: vCPU with LAPIC
 *
 * For the TPR threshold. Return: vector, or -1.
 */
int lapic_highest_irr(struct lodge_vcpu *vcpu);

/**
 * lapic_can_skip_eoi() - does the end of the interrupt in service matter to the LAPIC only?
 * @vcpu: vCPU with LAPIC
 *
 * Any context. No interrupt waits for it, and neither IOAPIC nor anybody outside. False
 * without one in service.
 */
bool lapic_can_skip_eoi(struct lodge_vcpu *vcpu);

/**
 * lapic_end_interrupt() - the guest has ended its interrupt without a write of the EOI register
 * @vcpu: vCPU with LAPIC
 */
void lapic_end_interrupt(struct lodge_vcpu *vcpu);

/**
 * lapic_raise() - an interrupt of the vCPU for itself
 * @vcpu: vCPU with LAPIC
 * @vector: edge-triggered
 *
 * Return: whether the LAPIC took it, which it does if lapic_can_raise() and @vector is legal.
 */
bool lapic_raise(struct lodge_vcpu *vcpu, u8 vector);
bool lapic_can_raise(struct lodge_vcpu *vcpu);

/*
 * INIT and SIPI. The LAPIC that receives one sets LODGE_REQ_INIT_SIPI and kicks;
 * what it means for mp_state is floor 4's. An INIT forgets a SIPI before it.
 * An INIT must be taken first.
 */
bool lapic_take_init(struct lodge_vcpu *vcpu);
bool lapic_has_init(struct lodge_vcpu *vcpu);
void lapic_set_init(struct lodge_vcpu *vcpu, bool has_arrived);
bool lapic_take_sipi(struct lodge_vcpu *vcpu, u8 *vector);
void lapic_raise_sipi(struct lodge_vcpu *vcpu);		/* with the vector that is there */
void lapic_set_sipi_vector(struct lodge_vcpu *vcpu, u8 vector);

/* vapic.c: the TPR in the guest's memory. All in the own thread, which may sleep. */

/**
 * lapic_set_vapic() - KVM_SET_VAPIC_ADDR
 * @vcpu: vCPU with LAPIC
 * @gpa: four bytes of guest memory, or 0: the TPR is the LAPIC's alone again, as after RESET
 *       and INIT
 *
 * Return: 0; -EINVAL if there is no memory that can be written.
 */
int lapic_set_vapic(struct lodge_vcpu *vcpu, gpa_t gpa);

/* With vcpu->vapic, after each exit: take the TPR over; before each entry: the reverse. */
void lapic_vapic_load(struct lodge_vcpu *vcpu);
void lapic_vapic_store(struct lodge_vcpu *vcpu);
/**
 * lapic_raise_vector() - an interrupt for one LAPIC that no message brings
 * @vcpu: vCPU with LAPIC
 * @vector: which; edge-triggered
 *
 * Any context.
 *
 * Return: 1 if it was accepted, 0 if software has the LAPIC disabled or the vector is no
 * legal one.
 */
int lapic_raise_vector(struct lodge_vcpu *vcpu, u8 vector);

/**
 * lapic_command_read() - read ICR or TPR, whatever mode the LAPIC is in
 * @vcpu: vCPU with LAPIC
 * @offset: the register's, in the page
 * @value: filled
 *
 * Return: 0; -EINVAL for a register that cannot be read.
 */
int lapic_command_read(struct lodge_vcpu *vcpu, u32 offset, u64 *value);

/**
 * lapic_command_write() - write EOI, ICR or TPR, whatever mode the LAPIC is in
 * @vcpu: vCPU with LAPIC
 * @offset: the register's, in the page
 * @value: new value; the ICR's has the destination in the upper half, as the mode puts it
 *
 * Return: 0; -EINVAL (#GP) for reserved bits.
 */
int lapic_command_write(struct lodge_vcpu *vcpu, u32 offset, u64 value);

/* sint.c: synthetic interrupt sources. Own thread unless said otherwise. */

/**
 * sint_activate() - give a LAPIC its sources, all masked
 * @vcpu: vCPU with LAPIC
 * @vp_index: by which routes name it
 *
 * Harmless if it has them.
 *
 * Return: 0; -ENOMEM.
 */
int sint_activate(struct lodge_vcpu *vcpu, u32 vp_index);
void sint_set_vp_index(struct lodge_vcpu *vcpu, u32 vp_index);

/* Register @sint, below HV_SYNIC_SINT_COUNT. Masked if not active; written only if active. */
u64 sint_read(struct lodge_vcpu *vcpu, unsigned int sint);
void sint_write(struct lodge_vcpu *vcpu, unsigned int sint, u64 value);

/**
 * sint_raise() - raise the interrupt of a source
 * @vcpu: any vCPU
 * @sint: any number
 *
 * Any context.
 *
 * Return: as lapic_raise_vector(); -ENOENT if the source is masked; -EINVAL if there is no such
 * source or the vCPU has none.
 */
int sint_raise(struct lodge_vcpu *vcpu, unsigned int sint);

/* The guest is done with what a source told it (as an EOI says, or the end of a message). */
void sint_ended(struct lodge_vcpu *vcpu, unsigned int sint);

/* Mask of sources that were ended since the last call; LODGE_REQ_STIMER tells of them. */
u16 sint_take_ended(struct lodge_vcpu *vcpu);

/* lapic_timer.c: expiry sets LODGE_REQ_TIMER and kicks. */

/**
 * lapic_timer_deliver() - turn an expired timer into an interrupt
 * @vcpu: vCPU with LAPIC; own thread, upon LODGE_REQ_TIMER
 */
void lapic_timer_deliver(struct lodge_vcpu *vcpu);

/**
 * lapic_timer_deadline_reached() - run() has ended at vcpu->deadline, or early
 * @vcpu: loaded vCPU
 */
void lapic_timer_deadline_reached(struct lodge_vcpu *vcpu);

/**
 * lapic_timer_halt() - the vCPU is about to sleep: its deadline needs a timer of the host's
 * @vcpu: loaded vCPU
 */
void lapic_timer_halt(struct lodge_vcpu *vcpu);

/**
 * lapic_timer_tsc_changed() - the guest's TSC jumped: a TSC deadline is armed anew
 * @vcpu: vCPU (without LAPIC nothing happens); state.tsc_offset is the new one
 */
void lapic_timer_tsc_changed(struct lodge_vcpu *vcpu);

#endif /* LODGE_IRQCHIP_IRQCHIP_H */
