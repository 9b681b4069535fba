// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 2: the guest used memory that TDP does not map, or not so. Finds the page
 * in the VMM's address space, as a user's own access would, and maps it. Pages are
 * never pinned: the reference that finding took is dropped once the page is
 * mapped, the notifier keeps the mapping true from then on.
 *
 * Races:
 *   the host's changes    see notifier.c
 *   changes of slots      see memslot.c: the slot table is held (srcu) from finding
 *                         the slot to storing the entry
 *   the dirty log         see dirty.c: bit and entry are set under one hold of the lock
 *   other faults          see tdp.c
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>

#include <asm/e820/api.h>
#include <asm/memtype.h>

#include "../vcpu.h"
#include "dirty.h"
#include "memslot.h"
#include "tdp.h"

/**
 * struct host_page - what backs a guest page, at one moment
 * @page: with a reference; NULL if the frame has none to be taken
 * @pfn: its frame
 * @is_writable: the host's own entry lets user space write
 * @is_device: no ordinary memory
 */
struct host_page {
	struct page *page;
	lodge_pfn_t pfn;
	bool is_writable;
	bool is_device;
};

/**
 * struct fault - one fault on its way
 * @vm: the VM
 * @vcpu: whose
 * @slot: where it lies; held by srcu
 * @gfn: which page
 * @hva: where that is backed
 * @seq: vm->invalidate_seq before the host's tables were looked at
 * @is_write: the access was a write
 * @is_exec: it was a fetch
 * @may_wait: for I/O, for userfaultfd
 * @host: what backs it
 */
struct fault {
	struct lodge_vm *vm;
	struct lodge_vcpu *vcpu;
	struct lodge_memslot *slot;
	gfn_t gfn;
	hva_t hva;
	unsigned long seq;
	bool is_write;
	bool is_exec;
	bool may_wait;
	struct host_page host;
};

/*
 * Whether a frame that has no page to be taken is a device's. RAM that the kernel leaves
 * alone ("mem=", persistent memory) is cached as any other: it has no pages or reserved
 * ones, and the firmware's map, or the type that it is mapped by, tells it from a device.
 */
static bool is_device_frame(lodge_pfn_t pfn)
{
	u64 address = pfn << PAGE_SHIFT;

	if (!pfn_valid(pfn))
		return !e820__mapped_raw_any(address, address + PAGE_SIZE - 1, E820_TYPE_RAM);
	if (!PageReserved(pfn_to_page(pfn)))
		return false;
	return !pat_enabled() || pat_pfn_immune_to_uc_mtrr(pfn);
}

/* Memory that has frames but no pages that may be taken: device memory, mostly. */
static int find_raw_locked(struct fault *fault, struct vm_area_struct *vma)
{
	unsigned int flags = fault->is_write ? FAULT_FLAG_WRITE : 0;
	unsigned long right = fault->is_write ? VM_WRITE : VM_READ;
	struct host_page *host = &fault->host;
	bool is_unlocked = false;
	spinlock_t *lock;
	pte_t *pte;
	int ret;

	/* An entry can be there, and count as present, without any right. */
	if (!(vma->vm_flags & right))
		return -EFAULT;

	/* Nothing faults these in but an access; make one. */
	if (follow_pte(vma->vm_mm, fault->hva, &pte, &lock)) {
		ret = fixup_user_fault(vma->vm_mm, fault->hva, flags, &is_unlocked);
		/* The vma may be another one now. */
		if (is_unlocked)
			return -EAGAIN;
		if (!ret)
			ret = follow_pte(vma->vm_mm, fault->hva, &pte, &lock);
		if (ret)
			return ret;
	}

	/* For sparse, which cannot know what follow_pte() took. */
	__acquire(lock);
	host->pfn = pte_pfn(*pte);
	host->is_writable = pte_write(*pte);
	pte_unmap_unlock(pte, lock);

	if (fault->is_write && !host->is_writable)
		return -EFAULT;
	host->is_device = is_device_frame(host->pfn);
	return 0;
}

/* find_page() for what get_user_pages_unlocked() refuses. */
static int find_raw(struct fault *fault)
{
	struct vm_area_struct *vma;
	int ret;

	do {
		mmap_read_lock(fault->vm->mm);
		vma = vma_lookup(fault->vm->mm, fault->hva);
		if (vma && (vma->vm_flags & (VM_IO | VM_PFNMAP)))
			ret = find_raw_locked(fault, vma);
		else
			ret = -EFAULT;
		mmap_read_unlock(fault->vm->mm);
		if (ret == -EAGAIN && fatal_signal_pending(current))
			ret = -EINTR;
	} while (ret == -EAGAIN);
	return ret;
}

/*
 * Find the page as an access by user space would: swap in, copy on write, wait for
 * userfaultfd. Return 0; -EFAULT if user space could not access it either; -EINTR
 * for a fatal signal; -EHWPOISON; -ENOMEM; -EAGAIN where it would wait and may not.
 *
 * A page that is only read is mapped writable where the host has it writable
 * already, to save the fault of the first write; not where the dirty log wants that
 * fault.
 */
static int find_page(struct fault *fault)
{
	bool wants_write = fault->is_write || (!memslot_traps_writes(fault->slot) &&
					       !memslot_is_readonly(fault->slot));
	unsigned int flags = FOLL_HWPOISON | (fault->is_write ? FOLL_WRITE : 0) |
			     (fault->may_wait ? 0 : FOLL_NOWAIT);
	struct host_page *host = &fault->host;
	long nr;

	if (wants_write && get_user_page_fast_only(fault->hva, FOLL_WRITE, &host->page)) {
		host->is_writable = true;
	} else {
		nr = get_user_pages_unlocked(fault->hva, 1, &host->page, flags);
		if (nr != 1)
			host->page = NULL;
		if (nr == -EFAULT)
			return find_raw(fault);
		if (!nr && !fault->may_wait)
			return -EAGAIN;
		if (nr != 1)
			return nr < 0 ? nr : -EFAULT;
		host->is_writable = fault->is_write;
	}
	host->pfn = page_to_pfn(host->page);
	return 0;
}

static void put_host_page(struct host_page *host)
{
	if (host->page)
		put_page(host->page);
	host->page = NULL;
}

/* Whether what find_page() found may be out of date. Under mmu_lock. */
static bool is_outdated(const struct fault *fault)
{
	const struct lodge_vm *vm = fault->vm;

	lockdep_assert_held(&vm->mmu_lock);

	if (vm->nr_invalidating && fault->hva >= vm->invalidate_start &&
	    fault->hva < vm->invalidate_end)
		return true;
	return vm->invalidate_seq != fault->seq;
}

/*
 * Level of the host's own entry for @hva.
 *
 * The entry and not the compound page decides: after a split of the entry the page
 * is still huge, but its parts have rights of their own by then (copy on write,
 * mprotect), and what holds for one must not be given to all.
 *
 * Under mmu_lock with is_outdated() false: a change of the entry waits in its
 * notifier, so what is read is what find_page() saw. Tables can still be freed
 * when a huge entry takes their place: IRQs off hold off the freeing, and each
 * entry is read once.
 */
static int host_level(struct mm_struct *mm, hva_t hva)
{
	int level = TDP_LEVEL_4K;
	unsigned long flags;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(mm, hva));
	if (!pgd_present(pgd))
		goto restore_irqs;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (!p4d_present(p4d))
		goto restore_irqs;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (!pud_present(pud))
		goto restore_irqs;
	if (pud_large(pud)) {
		level = TDP_LEVEL_1G;
		goto restore_irqs;
	}
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (pmd_present(pmd) && pmd_large(pmd))
		level = TDP_LEVEL_2M;
restore_irqs:
	local_irq_restore(flags);
	return level;
}

/* User space that may reboot the machine may also let a guest stop it. */
static bool needs_small_exec(const struct lodge_vm *vm)
{
	return lodge_caps.needs_small_exec && !vm->allows_large_exec;
}

/*
 * The largest leaf that may map the page: no larger than the host's, whole inside the
 * slot, and with guest and host addresses congruent. Under mmu_lock.
 */
static int mapping_level(const struct fault *fault)
{
	const struct lodge_memslot *slot = fault->slot;
	int level;

	/* The dirty log counts small pages; raw frames come one by one. */
	if (memslot_is_logged(slot) || !fault->host.page ||
	    (fault->is_exec && needs_small_exec(fault->vm)))
		return TDP_LEVEL_4K;

	level = min_t(int, host_level(fault->vm->mm, fault->hva),
		      fault->vm->tdp->format->max_leaf_level);
	for (; level > TDP_LEVEL_4K; level--) {
		u64 mask = tdp_level_pages(level) - 1;
		gfn_t first = fault->gfn & ~mask;

		if ((fault->gfn & mask) == (fault->host.pfn & mask) &&
		    first >= slot->base_gfn &&
		    first + mask < slot->base_gfn + slot->nr_pages)
			break;
	}
	return level;
}

/* One try under the lock for read. Returns as tdp_map(), or -ESTALE if outdated. */
static int map_page(struct fault *fault, struct tdp_cache *cache)
{
	struct host_page *host = &fault->host;
	struct lodge_vm *vm = fault->vm;
	struct tdp_mapping mapping = {
		.gfn = fault->gfn,
		.pfn = host->pfn,
	};
	bool can_write = host->is_writable && !memslot_is_readonly(fault->slot) &&
			 (fault->is_write || !memslot_traps_writes(fault->slot));
	int ret = -ESTALE;

	if (can_write)
		mapping.flags |= TDP_LEAF_WRITABLE;
	/* The CPU notes a write when it sets the bit: never where nobody asks. */
	if (fault->is_write || !memslot_is_logged(fault->slot))
		mapping.flags |= TDP_LEAF_DIRTY;
	if (host->is_device)
		mapping.flags |= TDP_LEAF_DEVICE;

	read_lock(&vm->mmu_lock);
	if (!is_outdated(fault)) {
		mapping.level = mapping_level(fault);
		if (mapping.level > TDP_LEVEL_4K && needs_small_exec(vm))
			mapping.flags |= TDP_LEAF_NOEXEC;
		ret = tdp_map(vm, cache, &mapping);
	}
	if (!ret && can_write) {
		if (fault->is_write)
			memslot_mark_dirty(fault->vcpu, fault->slot, fault->gfn);
		/*
		 * Now, not when the mapping goes: if the host cleans the page or
		 * takes it away, it zaps the mapping first.
		 */
		if (host->page && !PageReserved(host->page))
			SetPageDirty(host->page);
	}
	read_unlock(&vm->mmu_lock);
	return ret;
}

/* Remove whatever is in the way of the mapping. */
static void zap_page(struct fault *fault)
{
	struct lodge_vm *vm = fault->vm;

	write_lock(&vm->mmu_lock);
	if (tdp_zap_range(vm, fault->gfn, fault->gfn + 1, false))
		tdp_flush(vm);
	write_unlock(&vm->mmu_lock);
}

/*
 * Find the page and map it. What turns out to be outdated or in the way is not tried
 * again here: the guest faults anew if it still wants the page, and on the way
 * there the vCPU's thread sees its signals.
 */
static int fix_fault(struct fault *fault)
{
	struct lodge_vm *vm = fault->vm;
	struct tdp_cache cache = {};
	int ret;

	fault->seq = READ_ONCE(vm->invalidate_seq);
	/* The number is read before the host's tables; pairs with the unlock in end. */
	smp_rmb();

	ret = find_page(fault);
	if (ret == -EHWPOISON) {
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)fault->hva, PAGE_SHIFT, current);
		return -EINTR;
	}
	if (ret)
		return ret;

	for (;;) {
		ret = map_page(fault, &cache);
		if (ret != -ENOBUFS)
			break;
		ret = tdp_cache_fill(vm, &cache);
		if (ret)
			break;
	}
	put_host_page(&fault->host);
	tdp_cache_drain(&cache);

	if (ret == -EEXIST)
		zap_page(fault);
	if (ret == -EEXIST || ret == -ESTALE)
		ret = 0;
	return ret;
}

/**
 * tdp_fault() - deal with an access that TDP did not translate
 * @vcpu: the vCPU that faulted; its thread, mm is vm->mm, no srcu held
 * @gpa: what it accessed
 * @access: how, LODGE_ACCESS_*
 * @may_wait: for a page that is not at hand: it may take as long as user space likes
 *            (userfaultfd)
 *
 * May sleep in either case.
 *
 * Return: LODGE_TDP_FAULT_FIXED, LODGE_TDP_FAULT_MMIO, LODGE_TDP_FAULT_AWAY without
 * @may_wait, or -EFAULT if user space has no memory there that allows it; -EINTR if a
 * fatal signal or memory error cut it short (a signal is pending then); -ENOMEM.
 */
int tdp_fault(struct lodge_vcpu *vcpu, gpa_t gpa, u8 access, bool may_wait)
{
	struct fault fault = {
		.vm = vcpu->vm,
		.vcpu = vcpu,
		.gfn = gpa >> PAGE_SHIFT,
		.is_write = access & LODGE_ACCESS_WRITE,
		.is_exec = access & LODGE_ACCESS_EXEC,
		.may_wait = may_wait,
	};
	int idx = srcu_read_lock(&fault.vm->srcu);
	int ret;

	fault.slot = memslots_find(memslots_get(fault.vm), fault.gfn);
	if (!fault.slot || (fault.is_write && memslot_is_readonly(fault.slot))) {
		ret = LODGE_TDP_FAULT_MMIO;
	} else if (READ_ONCE(fault.slot->is_leaving)) {
		/* Not MMIO yet: a slot that moves may overlap its old place. */
		ret = LODGE_TDP_FAULT_FIXED;
	} else {
		fault.hva = memslot_hva(fault.slot, fault.gfn);
		ret = fix_fault(&fault) ?: LODGE_TDP_FAULT_FIXED;
		if (ret == -EAGAIN)
			ret = LODGE_TDP_FAULT_AWAY;
	}
	srcu_read_unlock(&fault.vm->srcu, idx);
	return ret;
}

/**
 * gpa_to_hva() - where a guest address is backed
 * @vm: the VM
 * @gpa: guest address
 *
 * What it says may be out of date at once: for hints only.
 *
 * Return: the host address of its page; 0 without a slot.
 */
hva_t gpa_to_hva(struct lodge_vm *vm, gpa_t gpa)
{
	int idx = srcu_read_lock(&vm->srcu);
	const struct lodge_memslot *slot = memslot_find(vm, gpa >> PAGE_SHIFT);
	hva_t hva = slot ? memslot_hva(slot, gpa >> PAGE_SHIFT) : 0;

	srcu_read_unlock(&vm->srcu, idx);
	return hva;
}

/**
 * bring_in_page() - have a page at hand that tdp_fault() found away
 * @mm: whose; the caller has a reference to its users
 * @hva: where
 * @write: for writing
 *
 * Process context, of any process; as long as user space likes (userfaultfd).
 *
 * Return: 0; -EFAULT if there is none.
 */
int bring_in_page(struct mm_struct *mm, hva_t hva, bool write)
{
	int is_locked = 1;
	long nr;

	mmap_read_lock(mm);
	nr = get_user_pages_remote(mm, hva, 1, write ? FOLL_WRITE : 0, NULL, NULL, &is_locked);
	if (is_locked)
		mmap_read_unlock(mm);
	return nr == 1 ? 0 : -EFAULT;
}
