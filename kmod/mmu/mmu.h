/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: guest memory, for the floors above: all that they may call, grouped
 * by the file that defines it. Contracts stand there as kernel-doc. The shapes
 * of slots, tables and entries are the folder's own.
 */
#ifndef LODGE_MMU_H
#define LODGE_MMU_H

#include <linux/bits.h>

#include "../event.h"
#include "../exit.h"
#include "../types.h"

struct kvm_clear_dirty_log;
struct kvm_dirty_log;
struct kvm_userspace_memory_region;
struct lodge_memslot;
struct lodge_vcpu;
struct lodge_vm;
struct mm_struct;
struct page;

/*
 * Life of a VM, in this order:
 *
 *   memslots_create()      needs vm->srcu, slots_lock, mmu_lock initialised
 *   tdp_create()           needs lodge_vendor
 *   mmu_notifier_setup()   needs vm->mm == current->mm; from now on memory moves
 *   ... vCPUs run; the last of them is gone before ...
 *   mmu_notifier_teardown()
 *   tdp_destroy()
 *   memslots_destroy()
 */

/* Slots that user space may name, as KVM_CAP_NR_MEMSLOTS answers. */
#define LODGE_NR_MEMSLOTS	32764

/* memslot.c */
int memslots_create(struct lodge_vm *vm);
void memslots_destroy(struct lodge_vm *vm);
int memslot_set_region(struct lodge_vm *vm,
		       const struct kvm_userspace_memory_region *region);
struct lodge_memslot *memslot_find(struct lodge_vm *vm, gfn_t gfn);

/* guest_mem.c */
int guest_read(struct lodge_vm *vm, gpa_t gpa, void *data, unsigned int len);
int guest_write(struct lodge_vcpu *vcpu, gpa_t gpa, const void *data, unsigned int len);
int guest_write_nofault(struct lodge_vcpu *vcpu, gpa_t gpa, u8 value);
int guest_cmpxchg(struct lodge_vcpu *vcpu, gpa_t gpa, void *old, const void *new,
		  unsigned int len);
bool gpa_is_ram(struct lodge_vm *vm, gpa_t gpa, bool write);

/* Beside exactly one of LODGE_ACCESS_READ, _WRITE and _EXEC, gva_to_gpa() takes: */
#define LODGE_GVA_USER		BIT(3)	/* with the rights of CPL 3 */
#define LODGE_GVA_IMPLICIT	BIT(4)	/* of a descriptor or table: EFLAGS.AC does not help */

/* gva.c */
int gva_to_gpa(struct lodge_vcpu *vcpu, gva_t gva, u32 access, gpa_t *gpa,
	       struct lodge_event *fault);

/* tdp.c */
int tdp_create(struct lodge_vm *vm);
void tdp_destroy(struct lodge_vm *vm);
hpa_t tdp_root(struct lodge_vm *vm);

/**
 * enum lodge_tdp_fault_result - what tdp_fault() found, where that is no error
 * @LODGE_TDP_FAULT_MMIO: there is no memory for this access: no slot, or a write
 *                        to a read-only one
 * @LODGE_TDP_FAULT_FIXED: enter the guest again; the access succeeds or faults anew
 * @LODGE_TDP_FAULT_AWAY: the page has to be waited for, which the caller did not want
 */
enum lodge_tdp_fault_result {
	LODGE_TDP_FAULT_MMIO,
	LODGE_TDP_FAULT_FIXED,
	LODGE_TDP_FAULT_AWAY,
};

/* fault.c */
int tdp_fault(struct lodge_vcpu *vcpu, gpa_t gpa, u8 access, bool may_wait);
hva_t gpa_to_hva(struct lodge_vm *vm, gpa_t gpa);
int bring_in_page(struct mm_struct *mm, hva_t hva, bool write);

/* notifier.c */
int mmu_notifier_setup(struct lodge_vm *vm);
void mmu_notifier_teardown(struct lodge_vm *vm);

/* dirty.c */
void dirty_log_take_written(struct lodge_vcpu *vcpu, const u64 *gpas, unsigned int nr);
bool dirty_log_needs_cpu(struct lodge_vm *vm);
int dirty_log_get(struct lodge_vm *vm, struct kvm_dirty_log *log);
int dirty_log_clear(struct lodge_vm *vm, struct kvm_clear_dirty_log *log);
int dirty_log_set_mode(struct lodge_vm *vm, u64 mode);

/* dirty_ring.c */
unsigned int dirty_ring_max_bytes(void);
int dirty_ring_enable(struct lodge_vm *vm, u64 bytes);
int dirty_ring_create(struct lodge_vcpu *vcpu);
void dirty_ring_destroy(struct lodge_vcpu *vcpu);
bool dirty_ring_is_full(struct lodge_vcpu *vcpu);
int dirty_ring_reset_all(struct lodge_vm *vm);
struct page *dirty_ring_page(struct lodge_vcpu *vcpu, unsigned long index);

#endif /* LODGE_MMU_H */
