/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 1: the vendor interface. One table of 17 functions and two names is all
 * that common code knows of SVM or VMX, and this header with the rest of
 * floors 0 and 1 is all that a backend knows of lodge: no LAPIC, no memslot,
 * no ioctl.
 *
 * State goes in blocks, facts come out in struct lodge_exit, events are one
 * structure. A new operation needs a sentence here that says why neither a
 * state block nor an exit field will do.
 */
#ifndef LODGE_VENDOR_H
#define LODGE_VENDOR_H

#include <linux/percpu.h>

#include "types.h"
#include "caps.h"
#include "event.h"
#include "exit.h"
#include "state.h"

struct lodge_vcpu;

/**
 * struct lodge_pte_format - what the bits of a TDP entry mean
 * @present: the entry is present if any of these is set
 * @table: every bit of an entry that points to a table, but for the address
 * @leaf: bits that every present leaf has, beside rights, type and address
 * @writable: the leaf may be written
 * @exec: set in a leaf that may be executed (EPT); 0 if @noexec does it
 * @noexec: set in a leaf that may not be executed (NPT); 0 if @exec does it
 * @large: a leaf above the lowest level
 * @accessed: set by the CPU on any use; 0 if the CPU does not track it
 * @dirty: set by the CPU on a write; 0 if the CPU does not track it
 * @memtype_wb: type bits for ordinary memory: write-back; the guest's PAT has a say only
 *              where the CPU keeps differently cached views of a page in step
 * @memtype_uc: type bits for device memory: uncached, or write-combined where the guest's PAT
 *              says so
 * @address: bits that hold the address
 * @levels: depth of the tables, 4 or 5
 * @max_leaf_level: largest leaf: 1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB
 *
 * Filled by setup(); a guest-frame number that does not fit @levels has no
 * translation.
 */
struct lodge_pte_format {
	u64 present;
	u64 table;
	u64 leaf;
	u64 writable;
	u64 exec;
	u64 noexec;
	u64 large;
	u64 accessed;
	u64 dirty;
	u64 memtype_wb;
	u64 memtype_uc;
	u64 address;
	u8 levels;
	u8 max_leaf_level;
};

/**
 * enum lodge_tlb_scope - what tlb_flush() drops
 * @LODGE_TLB_GUEST: this vCPU's own (linear) translations, as the guest would
 *                   by writing CR3 and CR4
 * @LODGE_TLB_TDP: everything derived from the second dimension, too
 */
enum lodge_tlb_scope {
	LODGE_TLB_GUEST,
	LODGE_TLB_TDP,
};

/* Threshold for update_tpr(): user space has the LAPIC and must see each write. */
#define LODGE_TPR_ANY		0xff

/* Events for request_window(). */
#define LODGE_WINDOW_IRQ	BIT(0)
#define LODGE_WINDOW_NMI	BIT(1)

/**
 * struct lodge_vendor_ops - one backend
 * @name: "svm" or "vmx", for logs and tests
 * @pte: bits of a TDP entry; valid after setup()
 *
 * Context is given per group. "vCPU loaded" means: preemption is off, or a
 * preempt notifier calls vcpu_put()/vcpu_load() around a change of thread;
 * vcpu->cpu is this CPU and vcpu->mutex is held.
 */
struct lodge_vendor_ops {
	const char *name;
	const struct lodge_pte_format *pte;

	/*
	 * Machine. Process context, may sleep, called once each.
	 *
	 * setup(): look whether every CPU has what is required, fill @caps,
	 * allocate what all CPUs share. 0; -EOPNOTSUPP if this CPU is another
	 * vendor's (no message, the next backend is asked) or lacks a required
	 * feature or firmware switched it off (one line in the log names it);
	 * -ENOMEM.
	 */
	int (*setup)(struct lodge_caps *caps);
	void (*teardown)(void);

	/*
	 * This CPU. IRQs off.
	 *
	 * cpu_enable(): enter root mode. 0; -EBUSY if another hypervisor has this
	 * CPU; -EIO if the CPU refuses. cpu_disable(): leave it; harmless where
	 * it is not entered; also the emergency path, from NMI context: no locks,
	 * no prints.
	 */
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);

	/*
	 * vCPU life. May sleep. vcpu_create() allocates vcpu->svm or vcpu->vmx
	 * and sets up intercepts; guest state arrives later by state_write().
	 * 0 or -ENOMEM. vcpu_destroy() also undoes a create that failed.
	 */
	int (*vcpu_create)(struct lodge_vcpu *vcpu);
	void (*vcpu_destroy)(struct lodge_vcpu *vcpu);

	/*
	 * Residence on a CPU. Preemption off. vcpu_load(): IRQs on, as it may have to
	 * wait for another CPU; the vCPU may have run there since; barriers between
	 * different guests (IBPB) and tag changes happen here. vcpu_put(): what must
	 * not stay on a CPU that runs something else leaves it.
	 */
	void (*vcpu_load)(struct lodge_vcpu *vcpu, int cpu);
	void (*vcpu_put)(struct lodge_vcpu *vcpu);

	/*
	 * State blocks (LODGE_STATE_*) between the hardware and vcpu->state.
	 * vCPU loaded; state_read() may be preempted, state_write() comes with IRQs
	 * off, before run(). Common code has checked values by architecture; what the
	 * CPU still refuses ends that run() with LODGE_EXIT_ENTRY_FAILED.
	 * Neither touches the masks of valid and dirty blocks (regs.h does).
	 */
	void (*state_read)(struct lodge_vcpu *vcpu, u32 blocks);
	void (*state_write)(struct lodge_vcpu *vcpu, u32 blocks);

	/*
	 * Events. vCPU loaded.
	 *
	 * inject(): deliver @event with the next entry; at most one per entry.
	 * The caller has put any payload into CR2 or DR6. IRQs are off from here
	 * until run(), so the entry does come to pass.
	 * request_window(): exit as soon as an event of each set LODGE_WINDOW_*
	 * can be taken; replaces the set of the call before; 0 for none.
	 * update_tpr(): the guest's TPR is @tpr (0-15, CR8's scale); exit with
	 * LODGE_EXIT_TPR_BELOW_THRESHOLD, or with LODGE_EXIT_CR_ACCESS for CR8, when it
	 * falls below @threshold; 0 for never, LODGE_TPR_ANY for every write of CR8.
	 */
	void (*inject)(struct lodge_vcpu *vcpu, const struct lodge_event *event);
	void (*request_window)(struct lodge_vcpu *vcpu, u32 events);
	void (*update_tpr)(struct lodge_vcpu *vcpu, u8 tpr, u8 threshold);

	/* Memory. vCPU loaded. tdp_load(): @root is the top table's address. */
	void (*tdp_load)(struct lodge_vcpu *vcpu, hpa_t root);
	void (*tlb_flush)(struct lodge_vcpu *vcpu, enum lodge_tlb_scope scope);

	/*
	 * Derive intercepts and the MSR permission map anew from
	 * vcpu->intercept_policy, and from the VM's filter of MSRs (msr_filter.h). vCPU
	 * loaded.
	 */
	void (*update_intercepts)(struct lodge_vcpu *vcpu);

	/*
	 * One entry and one exit. IRQs off on call and on return; never sleeps,
	 * never loops. The GPRS block goes in and comes out here. Fills @exit
	 * whole. Guest FPU state is loaded by the caller. Where the backend has said
	 * has_deadline, ends at vcpu->deadline at the latest. Calls host_guest_enter() and
	 * host_guest_leave() around the entry proper.
	 */
	void (*run)(struct lodge_vcpu *vcpu, struct lodge_exit *exit);
};

/* The chosen backend: set once before the device node appears, then constant. */
extern const struct lodge_vendor_ops *lodge_vendor;

/*
 * Whether this CPU is in root mode and it was lodge that put it there. Read with IRQs off
 * before each entry: reboot and hotplug take CPUs away under running vCPUs.
 */
DECLARE_PER_CPU(bool, lodge_in_root_mode);

#endif /* LODGE_VENDOR_H */
