// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: registers and events that travel with KVM_RUN in the page that user space maps
 * (KVM_CAP_SYNC_REGS), instead of by ioctls of their own. User space may write there at any
 * time: everything is looked at once, and copied before it is checked.
 */
#include "ioctl.h"
#include "run.h"

/* One set of registers: its flag, its place, and the ioctls that have the same structure. */
struct sync_set {
	u64 flag;
	u16 offset;
	u16 size;
	long (*get)(struct ioctl_args *args);
	long (*set)(struct ioctl_args *args);
};

#define SYNC_SET(_flag, _member, _get, _set) {				\
	.flag = (_flag),						\
	.offset = offsetof(struct kvm_sync_regs, _member),		\
	.size = sizeof_field(struct kvm_sync_regs, _member),		\
	.get = (_get),							\
	.set = (_set),							\
}

static const struct sync_set sync_sets[] = {
	SYNC_SET(KVM_SYNC_X86_REGS, regs, vcpu_get_regs, vcpu_set_regs),
	SYNC_SET(KVM_SYNC_X86_SREGS, sregs, vcpu_get_sregs, vcpu_set_sregs),
	SYNC_SET(KVM_SYNC_X86_EVENTS, events, vcpu_get_events, vcpu_set_events),
};

/* Any of them. */
union sync_copy {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
};

/* Take over what user space has marked as changed; each mark goes when that is done. */
static long take(struct ioctl_args *args, u64 dirty)
{
	struct kvm_run *run = args->vcpu->run;
	union sync_copy copy;
	unsigned int i;
	long ret;

	args->data = &copy;
	for (i = 0; i < ARRAY_SIZE(sync_sets); i++) {
		const struct sync_set *set = &sync_sets[i];

		if (!(dirty & set->flag))
			continue;
		memcpy(&copy, (u8 *)&run->s.regs + set->offset, set->size);
		ret = set->set(args);
		if (ret)
			return -EINVAL;
		dirty &= ~set->flag;
		WRITE_ONCE(run->kvm_dirty_regs, dirty);
	}
	return 0;
}

static void give(struct ioctl_args *args, u64 valid)
{
	struct kvm_run *run = args->vcpu->run;
	union sync_copy copy;
	unsigned int i;

	args->data = &copy;
	for (i = 0; i < ARRAY_SIZE(sync_sets); i++) {
		const struct sync_set *set = &sync_sets[i];

		if (!(valid & set->flag))
			continue;
		memset(&copy, 0, sizeof(copy));
		set->get(args);
		memcpy((u8 *)&run->s.regs + set->offset, &copy, set->size);
	}
}

/**
 * sync_regs_run() - KVM_RUN, with registers and events on the way in and out
 * @args: vcpu loaded
 *
 * Return: as vcpu_run(); -EINVAL for sets that do not exist or a state that no CPU can be in.
 */
long sync_regs_run(struct ioctl_args *args)
{
	struct kvm_run *run = args->vcpu->run;
	u64 dirty = READ_ONCE(run->kvm_dirty_regs);
	u64 valid = READ_ONCE(run->kvm_valid_regs);
	long ret;

	if ((dirty | valid) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	ret = dirty ? take(args, dirty) : 0;
	if (!ret)
		ret = vcpu_run(args->vcpu);
	/* User space may have asked for others meanwhile: that is for the next call. */
	if (valid)
		give(args, valid);
	return ret;
}
