// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 1: the filter of MSRs. It is replaced whole; lookups are under vm->srcu. After a
 * change every vCPU derives its MSR permissions anew before it runs on (LODGE_REQ_INTERCEPTS).
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/apicdef.h>

#include "msr_filter.h"
#include "request.h"

/* The MSRs of the x2APIC are never filtered: what makes them exit depends on the LAPIC. */
#define X2APIC_MSRS	0x100

/**
 * struct msr_range - accesses of which the bitmap decides
 * @base: first MSR
 * @count: how many
 * @accesses: KVM_MSR_FILTER_READ, _WRITE or both
 * @allowed: a bit for each MSR
 */
struct msr_range {
	u32 base;
	u32 count;
	u32 accesses;
	unsigned long *allowed;
};

/**
 * struct lodge_msr_filter - what user space has set
 * @allows_others: MSRs that no range names
 * @nr_ranges: how many; the first that fits decides
 * @ranges: see above
 */
struct lodge_msr_filter {
	bool allows_others;
	u32 nr_ranges;
	struct msr_range ranges[KVM_MSR_FILTER_MAX_RANGES];
};

static bool is_allowed(const struct lodge_msr_filter *filter, u32 index, u32 access)
{
	u32 i;

	for (i = 0; i < filter->nr_ranges; i++) {
		const struct msr_range *range = &filter->ranges[i];
		u32 offset = index - range->base;

		if (offset < range->count && (range->accesses & access))
			return test_bit(array_index_nospec(offset, range->count), range->allowed);
	}
	return filter->allows_others;
}

/* msr_filter_allows() where there is a filter. */
bool msr_filter_look_up(struct lodge_vm *vm, u32 index, u32 access)
{
	const struct lodge_msr_filter *filter;
	bool ret = true;
	int srcu;

	if (index - APIC_BASE_MSR < X2APIC_MSRS)
		return true;
	srcu = srcu_read_lock(&vm->srcu);
	filter = srcu_dereference(vm->msr_filter, &vm->srcu);
	if (filter)
		ret = is_allowed(filter, index, access);
	srcu_read_unlock(&vm->srcu, srcu);
	return ret;
}

static void free_filter(struct lodge_msr_filter *filter)
{
	u32 i;

	if (!filter)
		return;
	for (i = 0; i < filter->nr_ranges; i++)
		kfree(filter->ranges[i].allowed);
	kfree(filter);
}

static int add_filter_range(struct lodge_msr_filter *filter,
			    const struct kvm_msr_filter_range *request)
{
	const u32 known = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE;
	struct msr_range *range = &filter->ranges[filter->nr_ranges];
	size_t bytes;

	if (!request->nmsrs)
		return 0;
	if (!request->flags || (request->flags & ~known))
		return -EINVAL;
	bytes = BITS_TO_LONGS((u64)request->nmsrs) * sizeof(long);
	if (bytes > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;

	range->allowed = memdup_user((const void __user *)request->bitmap, bytes);
	if (IS_ERR(range->allowed))
		return PTR_ERR(range->allowed);
	range->base = request->base;
	range->count = request->nmsrs;
	range->accesses = request->flags;
	filter->nr_ranges++;
	return 0;
}

static struct lodge_msr_filter *make_filter(const struct kvm_msr_filter *request)
{
	struct lodge_msr_filter *filter = kzalloc(sizeof(*filter), GFP_KERNEL_ACCOUNT);
	unsigned int i;
	int ret;

	if (!filter)
		return ERR_PTR(-ENOMEM);
	filter->allows_others = !(request->flags & KVM_MSR_FILTER_DEFAULT_DENY);
	for (i = 0; i < ARRAY_SIZE(request->ranges); i++) {
		ret = add_filter_range(filter, &request->ranges[i]);
		if (ret)
			goto free_filter;
	}
	/* That would be no MSR at all. */
	ret = -EINVAL;
	if (!filter->nr_ranges && !filter->allows_others)
		goto free_filter;
	return filter;

free_filter:
	free_filter(filter);
	return ERR_PTR(ret);
}

/**
 * msr_filter_set() - KVM_X86_SET_MSR_FILTER
 * @vm: VM; vm->lock is taken inside
 * @request: kernel copy; its bitmaps are in user space
 *
 * Process context, may sleep. When it returns no vCPU runs by the filter before.
 *
 * Return: 0; -EINVAL for an unknown flag, a range without an access or with a bitmap that is
 * too large, or a filter that denies everything; -EFAULT; -ENOMEM.
 */
int msr_filter_set(struct lodge_vm *vm, const struct kvm_msr_filter *request)
{
	struct lodge_msr_filter *filter, *old;

	if (request->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	filter = make_filter(request);
	if (IS_ERR(filter))
		return PTR_ERR(filter);
	/* Nothing is denied: as good as none, and cheaper. */
	if (!filter->nr_ranges) {
		free_filter(filter);
		filter = NULL;
	}

	mutex_lock(&vm->lock);
	old = rcu_replace_pointer(vm->msr_filter, filter, lockdep_is_held(&vm->lock));
	lodge_request_all_and_wait(vm, LODGE_REQ_INTERCEPTS);
	synchronize_srcu(&vm->srcu);
	mutex_unlock(&vm->lock);
	free_filter(old);
	return 0;
}

/**
 * msr_filter_destroy() - free a VM's filter, if it has one
 * @vm: VM that nobody can reach any more
 */
void msr_filter_destroy(struct lodge_vm *vm)
{
	free_filter(rcu_dereference_protected(vm->msr_filter, true));
	RCU_INIT_POINTER(vm->msr_filter, NULL);
}
