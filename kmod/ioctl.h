/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 6: an ioctl as data: number, preconditions, handler. The dispatcher copies,
 * locks and unlocks once for all, so a handler is only its own subject.
 */
#ifndef LODGE_IOCTL_H
#define LODGE_IOCTL_H

#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>

#include "vcpu.h"
#include "vm.h"

/* What a handler gets: the copied structure, the raw argument, and who is meant. */
struct ioctl_args {
	struct lodge_vm *vm;		/* NULL for the device's own ioctls */
	struct lodge_vcpu *vcpu;	/* NULL but for a vCPU's */
	unsigned long value;		/* the argument as it came */
	void __user *user;		/* the same as a pointer */
	void *data;			/* kernel copy, with IOCTL_IN or IOCTL_OUT */
};

/*
 * Preconditions and conventions.
 *   IOCTL_IN            copy the structure in before the handler
 *   IOCTL_OUT           copy it out afterwards, upon success or -E2BIG (counts)
 *   IOCTL_VM_LOCK       hold vm->lock
 *   IOCTL_SLOTS_LOCK    hold vm->slots_lock
 *   IOCTL_NEEDS_IRQCHIP -ENXIO without an in-kernel irqchip
 *   IOCTL_NEEDS_LAPIC   -EINVAL without an in-kernel LAPIC
 *   IOCTL_UNLOADED      a vCPU's ioctl that is not to load the vCPU
 */
#define IOCTL_IN		BIT(0)
#define IOCTL_OUT		BIT(1)
#define IOCTL_VM_LOCK		BIT(2)
#define IOCTL_SLOTS_LOCK	BIT(3)
#define IOCTL_NEEDS_IRQCHIP	BIT(4)
#define IOCTL_NEEDS_LAPIC	BIT(5)
#define IOCTL_UNLOADED		BIT(6)

/**
 * struct ioctl_entry - one ioctl of a table that is indexed by IOCTL_INDEX()
 * @cmd: the whole number; what does not match is -ENOTTY
 * @flags: IOCTL_*
 * @handler: returns what the ioctl returns
 */
struct ioctl_entry {
	unsigned int cmd;
	u32 flags;
	long (*handler)(struct ioctl_args *args);
};

/* Numbers are unique among those of one direction. */
#define IOCTL_INDEX(cmd)	(_IOC_NR(cmd) | _IOC_DIR(cmd) << 8)
#define IOCTL_TABLE_SIZE	1024

/* Place an entry; the number is also its index. */
#define IOCTL_ENTRY(_cmd, _flags, _handler) \
	[IOCTL_INDEX(_cmd)] = { .cmd = (_cmd), .flags = (_flags), .handler = (_handler) }

/* ioctl.c */
const struct ioctl_entry *ioctl_find(const struct ioctl_entry table[IOCTL_TABLE_SIZE],
				     unsigned int cmd);
long ioctl_call(const struct ioctl_entry *entry, struct ioctl_args *args);

/* vm_setting.c */
#define VM_SETTING_QUIRKS	(KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_CD_NW_CLEARED | \
				 KVM_X86_QUIRK_LAPIC_MMIO_HOLE | KVM_X86_QUIRK_OUT_7E_INC_RIP | \
				 KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT | \
				 KVM_X86_QUIRK_FIX_HYPERCALL_INSN | \
				 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)
#define VM_SETTING_HYPERCALLS	BIT(KVM_HC_MAP_GPA_RANGE)
u64 vm_setting_insns(void);
int vm_setting_enable(struct lodge_vm *vm, const struct kvm_enable_cap *cap);

/* capability.c */
int capability_value(struct lodge_vm *vm, unsigned long number);

/* hyperv_ioctl.c */
long hyperv_get_supported_cpuid(struct ioctl_args *args);
long hyperv_enable_cap(struct lodge_vcpu *vcpu, const struct kvm_enable_cap *cap);
long hyperv_eventfd(struct ioctl_args *args);

/* vcpu_ioctl.c */
int vcpu_fd_create(struct lodge_vm *vm, u32 id);

/* vcpu_state.c: handlers of ioctls that get and set registers and events */
long vcpu_get_regs(struct ioctl_args *args);
long vcpu_set_regs(struct ioctl_args *args);
long vcpu_get_sregs(struct ioctl_args *args);
long vcpu_set_sregs(struct ioctl_args *args);
long vcpu_get_sregs2(struct ioctl_args *args);
long vcpu_set_sregs2(struct ioctl_args *args);
long vcpu_get_debugregs(struct ioctl_args *args);
long vcpu_set_debugregs(struct ioctl_args *args);
long vcpu_get_events(struct ioctl_args *args);
long vcpu_set_events(struct ioctl_args *args);
long vcpu_get_mp_state(struct ioctl_args *args);
long vcpu_set_mp_state(struct ioctl_args *args);

/* sync_regs.c */
long sync_regs_run(struct ioctl_args *args);
/* device_attr.c: handlers of KVM_HAS_DEVICE_ATTR and its kin */
long device_attr_has(struct ioctl_args *args);
long device_attr_get(struct ioctl_args *args);
long vcpu_attr_has(struct ioctl_args *args);
long vcpu_attr_get(struct ioctl_args *args);
long vcpu_attr_set(struct ioctl_args *args);

/* vm_ioctl.c */
int vm_fd_create(void);

/* dev.c */
int dev_register(const char *node);
void dev_unregister(void);
long dev_copy_msrs(struct ioctl_args *args,
		   int (*one)(struct lodge_vcpu *vcpu, struct kvm_msr_entry *entry),
		   bool write_back);

#endif /* LODGE_IOCTL_H */
