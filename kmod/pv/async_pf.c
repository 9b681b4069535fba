// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: asynchronous page faults. The guest uses memory that the host has not at hand
 * (swapped out, not yet migrated). Instead of the whole vCPU only the guest's task waits:
 *
 *   vCPU's thread   finds the page away, queues work that brings it in, and tells the guest
 *                   "not present": a page fault whose address is a token
 *   guest           runs another task
 *   work            waits for the page; then it sets is_there and LODGE_REQ_ASYNC_PF
 *   vCPU's thread   tells the guest "ready": the token in the shared area, and an interrupt
 *   guest           wakes the task; it reads the token, clears it and writes
 *                   MSR_KVM_ASYNC_PF_ACK: there is room for the next one
 *
 * Where the guest cannot be told (in its kernel, unless it wants that, too), it does not go on
 * until the page is there, but interrupts get through.
 *
 * Who frees a page's structure: it has two owners. The vCPU drops it when the page has been
 * told or when the vCPU ends, the work when it is done: it may wait for user space for ever,
 * and nothing waits for it but the module's end. What the work needs of the VM it therefore
 * has itself, but for the vCPU, which it may use under the structure's lock while it is set.
 */
#include <linux/errno.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/stddef.h>
#include <linux/workqueue.h>

#include "../cpuid.h"
#include "../irqchip/irqchip.h"
#include "../mmu/mmu.h"
#include "../regs.h"
#include "../request.h"
#include "../vm.h"
#include "pv.h"

/* Pages that a vCPU may wait for at a time, as KVM: each has a kernel thread waiting. */
#define MAX_PAGES	64

/* Tokens tell vCPUs apart by their id, which has so many bits, and are never 0. */
#define TOKEN_ID_SHIFT	12

/* The token for "all that you wait for". */
#define TOKEN_ALL	(~0u)

#define ASYNC_PF_ADDRESS	(~GENMASK_ULL(5, 0))
#define ASYNC_PF_RESERVED	GENMASK_ULL(5, 4)
#define ASYNC_PF_WANTED		(KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT)

static_assert(LODGE_MAX_VCPU_ID <= 1 << TOKEN_ID_SHIFT);

static struct workqueue_struct *async_pf_workers;

/**
 * struct async_page - a page on its way
 * @link: in pv->pages
 * @work: brings it in
 * @refs: the vCPU's and the work's
 * @mm: whose page; its structure, not its memory, is held
 * @hva: where in @mm
 * @gfn: where in the guest
 * @write: the guest wants to write
 * @token: by which the guest knows it
 * @is_told: the guest has been told that it is away
 * @lock: @vcpu
 * @vcpu: NULL when it has ended
 * @is_there: the work is done
 * @has_failed: for nothing
 */
struct async_page {
	struct list_head link;
	struct work_struct work;
	refcount_t refs;
	struct mm_struct *mm;
	hva_t hva;
	gfn_t gfn;
	bool write;
	u32 token;
	bool is_told;
	spinlock_t lock;
	struct lodge_vcpu *vcpu;
	bool is_there;
	bool has_failed;
};

/* Module init. Return: 0; -ENOMEM. */
int async_pf_setup(void)
{
	async_pf_workers = alloc_workqueue("lodge_async_pf", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return async_pf_workers ? 0 : -ENOMEM;
}

/* Module exit: waits for works that have outlived their VMs. */
void async_pf_teardown(void)
{
	destroy_workqueue(async_pf_workers);
}

static void put_page_record(struct async_page *page)
{
	if (!refcount_dec_and_test(&page->refs))
		return;
	mmdrop(page->mm);
	kfree(page);
}

static void bring_in(struct work_struct *work)
{
	struct async_page *page = container_of(work, struct async_page, work);
	int ret = -EFAULT;

	/* A process that has ended needs nothing any more. */
	if (mmget_not_zero(page->mm)) {
		ret = bring_in_page(page->mm, page->hva, page->write);
		mmput(page->mm);
	}

	spin_lock(&page->lock);
	if (page->vcpu) {
		page->has_failed = ret;
		/* Pairs with the acquire of the vCPU's thread. */
		smp_store_release(&page->is_there, true);
		lodge_request(page->vcpu, LODGE_REQ_ASYNC_PF);
	}
	spin_unlock(&page->lock);
	put_page_record(page);
}

static void forget_page(struct lodge_vcpu *vcpu, struct async_page *page)
{
	list_del(&page->link);
	vcpu->pv->nr_pages--;
	put_page_record(page);
}

/**
 * async_pf_destroy() - the vCPU ends
 * @vcpu: vCPU that nobody uses any more
 */
void async_pf_destroy(struct lodge_vcpu *vcpu)
{
	struct async_page *page, *next;

	list_for_each_entry_safe(page, next, &vcpu->pv->pages, link) {
		spin_lock(&page->lock);
		page->vcpu = NULL;
		spin_unlock(&page->lock);
		/* Work that has not begun need not. */
		if (cancel_work(&page->work))
			put_page_record(page);
		forget_page(vcpu, page);
	}
}

/* The guest waits for nothing any more. What is on its way still counts until it is there. */
static void stop_telling(struct lodge_pv *pv)
{
	struct async_page *page;

	list_for_each_entry(page, &pv->pages, link)
		page->is_told = false;
	pv->wakes_all = false;
}

/**
 * async_pf_reset() - RESET or INIT
 * @vcpu: vCPU, mutex held
 */
void async_pf_reset(struct lodge_vcpu *vcpu)
{
	struct lodge_pv *pv = vcpu->pv;

	pv->async_pf = 0;
	pv->async_pf_vector = 0;
	pv->waits_for_page = false;
	stop_telling(pv);
}

/**
 * async_pf_is_wanted() - whether the guest has asked for it
 * @vcpu: vCPU, mutex held
 */
bool async_pf_is_wanted(struct lodge_vcpu *vcpu)
{
	return (vcpu->pv->async_pf & ASYNC_PF_WANTED) == ASYNC_PF_WANTED;
}

static gpa_t area_of(const struct lodge_pv *pv)
{
	return pv->async_pf & ASYNC_PF_ADDRESS;
}

/**
 * async_pf_set() - write MSR_KVM_ASYNC_PF_EN
 * @vcpu: loaded vCPU
 * @value: address and KVM_ASYNC_PF_*
 *
 * A guest that comes from another host may wait for pages of that one: it is told that all
 * are ready. "Page ready" comes as an interrupt, which is the only way offered.
 *
 * Return: 0; -EINVAL for reserved bits, features that the guest lacks, no memory at the
 * address, or without a LAPIC in the kernel.
 */
int async_pf_set(struct lodge_vcpu *vcpu, u64 value)
{
	struct lodge_pv *pv = vcpu->pv;

	if (value & ASYNC_PF_RESERVED)
		return -EINVAL;
	if ((value & KVM_ASYNC_PF_DELIVERY_AS_PF_VMEXIT) &&
	    !cpuid_allows_pv(vcpu, KVM_FEATURE_ASYNC_PF_VMEXIT))
		return -EINVAL;
	if ((value & KVM_ASYNC_PF_DELIVERY_AS_INT) &&
	    !cpuid_allows_pv(vcpu, KVM_FEATURE_ASYNC_PF_INT))
		return -EINVAL;
	if (!vcpu->lapic)
		return value ? -EINVAL : 0;

	if ((value & ASYNC_PF_WANTED) == ASYNC_PF_WANTED &&
	    !gpa_is_ram(vcpu->vm, value & ASYNC_PF_ADDRESS, true))
		return -EINVAL;
	pv->async_pf = value;
	if (!async_pf_is_wanted(vcpu)) {
		stop_telling(pv);
		return 0;
	}
	pv->wakes_all = true;
	lodge_request_set(vcpu, LODGE_REQ_ASYNC_PF);
	return 0;
}

/**
 * async_pf_set_vector() - write MSR_KVM_ASYNC_PF_INT
 * @vcpu: loaded vCPU
 * @value: vector
 *
 * Return: 0; -EINVAL for more than a vector, or without a LAPIC in the kernel.
 */
int async_pf_set_vector(struct lodge_vcpu *vcpu, u64 value)
{
	if (value > 0xff || !vcpu->lapic)
		return -EINVAL;
	vcpu->pv->async_pf_vector = value;
	return 0;
}

static bool is_on_its_way(struct lodge_pv *pv, gfn_t gfn)
{
	struct async_page *page;

	list_for_each_entry(page, &pv->pages, link) {
		if (page->gfn == gfn && !READ_ONCE(page->is_there))
			return true;
	}
	return false;
}

static u32 next_token(struct lodge_vcpu *vcpu)
{
	u32 number = (vcpu->pv->last_token >> TOKEN_ID_SHIFT) + 1;

	if (!(number << TOKEN_ID_SHIFT))
		number = 1;
	vcpu->pv->last_token = number << TOKEN_ID_SHIFT | vcpu->id;
	return vcpu->pv->last_token;
}

/* Whether the guest takes "not present" where it is now, and has been told why. */
static bool tell_not_present(struct lodge_vcpu *vcpu)
{
	const u32 reason = KVM_PV_REASON_PAGE_NOT_PRESENT;
	struct lodge_pv *pv = vcpu->pv;

	if (!(pv->async_pf & KVM_ASYNC_PF_SEND_ALWAYS) && !lodge_cpl(vcpu))
		return false;
	/* Without paging a guest has no handler of page faults. */
	if (!(lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr0 & X86_CR0_PG))
		return false;
	return !guest_write(vcpu, area_of(pv) + offsetof(struct kvm_vcpu_pv_apf_data, flags),
			    &reason, sizeof(reason));
}

/**
 * async_pf_begin() - the guest has used a page that is away
 * @vcpu: loaded vCPU that could take an interrupt now; async_pf_is_wanted()
 * @gpa: where
 * @write: for writing
 * @token: filled for ASYNC_PF_TELL
 *
 * May sleep, but not for the page.
 *
 * Return: enum async_pf_answer.
 */
enum async_pf_answer async_pf_begin(struct lodge_vcpu *vcpu, gpa_t gpa, bool write, u32 *token)
{
	gfn_t gfn = gpa >> PAGE_SHIFT;
	struct lodge_pv *pv = vcpu->pv;
	enum async_pf_answer answer;
	struct async_page *page;
	hva_t hva;

	if (is_on_its_way(pv, gfn)) {
		pv->waits_for_page = true;
		return ASYNC_PF_HALT;
	}
	hva = gpa_to_hva(vcpu->vm, gpa);
	if (!hva || pv->must_wait || pv->nr_pages >= MAX_PAGES) {
		pv->must_wait = false;
		return ASYNC_PF_REFUSED;
	}
	/* Rather than wait for memory it may wait for the page. */
	page = kzalloc(sizeof(*page), GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT);
	if (!page)
		return ASYNC_PF_REFUSED;

	INIT_WORK(&page->work, bring_in);
	refcount_set(&page->refs, 2);
	page->mm = vcpu->vm->mm;
	mmgrab(page->mm);
	page->hva = hva;
	page->gfn = gfn;
	page->write = write;
	spin_lock_init(&page->lock);
	page->vcpu = vcpu;
	page->token = next_token(vcpu);
	page->is_told = tell_not_present(vcpu);
	list_add_tail(&page->link, &pv->pages);
	pv->nr_pages++;

	*token = page->token;
	answer = page->is_told ? ASYNC_PF_TELL : ASYNC_PF_HALT;
	pv->waits_for_page = !page->is_told;
	queue_work(async_pf_workers, &page->work);
	return answer;
}

/* Whether the guest has read the last token, and can be told another. */
static bool can_tell_ready(struct lodge_vcpu *vcpu)
{
	gpa_t gpa = area_of(vcpu->pv) + offsetof(struct kvm_vcpu_pv_apf_data, token);
	u32 last;

	return lapic_can_raise(vcpu) && !guest_read(vcpu->vm, gpa, &last, sizeof(last)) && !last;
}

static void tell_ready(struct lodge_vcpu *vcpu, u32 token)
{
	gpa_t gpa = area_of(vcpu->pv) + offsetof(struct kvm_vcpu_pv_apf_data, token);

	if (!guest_write(vcpu, gpa, &token, sizeof(token)))
		lapic_raise(vcpu, vcpu->pv->async_pf_vector);
}

/**
 * async_pf_deliver() - tell the guest what is ready, as far as it can take it
 * @vcpu: loaded vCPU; upon LODGE_REQ_ASYNC_PF, and when its LAPIC may have been switched on
 *
 * May sleep.
 */
void async_pf_deliver(struct lodge_vcpu *vcpu)
{
	struct lodge_pv *pv = vcpu->pv;
	struct async_page *page, *next;

	if (unlikely(pv->wakes_all) && can_tell_ready(vcpu)) {
		pv->wakes_all = false;
		tell_ready(vcpu, TOKEN_ALL);
	}
	list_for_each_entry_safe(page, next, &pv->pages, link) {
		/* Pairs with the release in bring_in(). */
		if (!smp_load_acquire(&page->is_there))
			continue;
		pv->waits_for_page = false;
		pv->must_wait |= page->has_failed;
		if (page->is_told) {
			if (!can_tell_ready(vcpu))
				continue;
			tell_ready(vcpu, page->token);
		}
		forget_page(vcpu, page);
	}
}
