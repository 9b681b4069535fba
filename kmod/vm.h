/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: struct lodge_vm, field by field, and the legend of lock tags.
 *
 * Legend: who may write a field, and what a reader holds
 *   [i]  immutable once the object is published
 *   [m]  vm->lock
 *   [s]  written under vm->slots_lock, read under vm->srcu
 *   [t]  vm->mmu_lock
 *   [v]  vcpu->mutex
 *   [p]  only the CPU that the vCPU is loaded on, preemption off
 *   [q]  the irqchip's lock, IRQ-safe
 *   [a]  atomic
 *
 * Order, outermost first:
 *   vm->lock -> vcpu->mutex (ascending index) -> vm->slots_lock -> vm->irq_lock
 *   -> vm->srcu (read side) -> vm->mmu_lock -> model locks (pic, ioapic before lapic)
 */
#ifndef LODGE_VM_H
#define LODGE_VM_H

#include <linux/kvm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "types.h"

struct lodge_vcpu;
struct lodge_memslots;
struct lodge_tdp;
struct lodge_irqchip;
struct lodge_irq_routing;
struct lodge_vm_clock;
struct lodge_msr_filter;
struct lodge_hyperv;
struct iobus;

/* As KVM: the answers to KVM_CAP_MAX_VCPUS and KVM_CAP_MAX_VCPU_ID. */
#define LODGE_MAX_VCPUS		1024
#define LODGE_MAX_VCPU_ID	4096

struct lodge_vm {
	struct mm_struct *mm;		/* [i] whose memory the slots name */
	refcount_t users;		/* [a] fds of the VM and of its vCPUs */

	struct mutex lock;		/* creation of vCPUs and irqchip, VM-wide settings */
	struct mutex slots_lock;	/* changes of slots and of I/O buses */
	struct mutex irq_lock;		/* changes of routing and of irqfds */
	struct srcu_struct srcu;

	struct xarray vcpus;		/* [m] index -> vCPU; entries never go before the VM */
	u32 nr_vcpus;			/* [m] */
	u32 bsp_id;			/* [m] id of the bootstrap processor */
	bool shows_payloads;		/* [m] vCPU events: pending exceptions and payloads */
	bool shows_triple_fault;	/* [m] vCPU events: a triple fault that waits */
	u32 max_vcpu_ids;		/* [m] ids are below; 0 until it is enabled or needed */
	u32 x2apic_api;			/* [m] KVM_X2APIC_API_*, which only come; read anywhere */

	/* Settings by KVM_ENABLE_CAP: [m], vCPUs read them at any time. */
	u64 user_msr_reasons;		/* KVM_MSR_EXIT_REASON_*: user space decides then */
	u64 disabled_quirks;		/* KVM_X86_QUIRK_* */
	u64 passed_insns;		/* KVM_X86_DISABLE_EXITS_*; not once there is a vCPU */
	u64 hypercall_exits;		/* bits of KVM_HC_* */
	u64 shows_platform_info;	/* guests may read MSR_PLATFORM_INFO if not 0 */
	u64 exits_on_failure;		/* user space sees what cannot be emulated, if not 0 */
	bool allows_large_exec;		/* in spite of lodge_caps.needs_small_exec */

	struct lodge_msr_filter __rcu *msr_filter;	/* [m], read under srcu */

	/* Memory, kmod/mmu. */
	struct lodge_memslots __rcu *memslots;	/* [s] */
	struct lodge_memslots *spare_memslots;	/* under slots_lock */
	u64 dirty_log_mode;		/* KVM_DIRTY_LOG_*, under slots_lock */
	u32 dirty_ring_bytes;		/* [m] not once there is a vCPU; 0 for bitmaps */
	u32 nr_logged_slots;		/* written under slots_lock, read by vCPUs */
	rwlock_t mmu_lock;
	struct lodge_tdp *tdp;		/* [i] pointer; content [t] */
	struct mmu_notifier mmu_notifier;
	unsigned long invalidate_seq;	/* [t] */
	long nr_invalidating;		/* [t] ranges being invalidated now */
	hva_t invalidate_start;		/* [t] hull of those ranges */
	hva_t invalidate_end;		/* [t] */

	/* Devices in the kernel. */
	struct iobus *pio_bus;		/* [s] */
	struct iobus *mmio_bus;		/* [s] */
	struct lodge_coalesced *coalesced;	/* [i] pointer */
	struct list_head ioeventfds;	/* under slots_lock */
	struct list_head irqfds;	/* under irq_lock */
	struct list_head resamplers;	/* under irq_lock */
	struct work_struct irqfd_reaper;
	struct lodge_irqchip *irqchip;	/* [m] set once; NULL without in-kernel LAPICs */
	struct lodge_irq_routing *routing;	/* written under irq_lock, read under srcu */
	struct lodge_vm_clock *clock;	/* [i] pointer */
	struct lodge_hyperv *hyperv;	/* set once, by whoever needs it first; NULL until then */

	s64 halt_poll_max_ns;		/* [m] see halt.c; -1: the module's */
};

/* Whether a VM behaves in a way that KVM once did and guests rely on (KVM_X86_QUIRK_*). */
static inline bool lodge_has_quirk(const struct lodge_vm *vm, u64 quirk)
{
	return !(READ_ONCE(vm->disabled_quirks) & quirk);
}

#endif /* LODGE_VM_H */
