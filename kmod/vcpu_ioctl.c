// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: a vCPU's file descriptor: its ioctl table, the handlers that are not
 * about registers (those stand in vcpu_state.c), and its mmap.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "clock.h"
#include "coalesced.h"
#include "cpuid.h"
#include "fpu.h"
#include "hyperv/hyperv.h"
#include "ioctl.h"
#include "irqchip/irqchip.h"
#include "lifecycle.h"
#include "mmu/mmu.h"
#include "msr.h"
#include "regs.h"
#include "request.h"
#include "run.h"

static long run(struct ioctl_args *args)
{
	return args->value ? -EINVAL : sync_regs_run(args);
}

static int get_one_msr(struct lodge_vcpu *vcpu, struct kvm_msr_entry *entry)
{
	return msr_get(vcpu, entry->index, &entry->data, true);
}

static int set_one_msr(struct lodge_vcpu *vcpu, struct kvm_msr_entry *entry)
{
	return msr_set(vcpu, entry->index, entry->data, true);
}

static long get_msrs(struct ioctl_args *args)
{
	return dev_copy_msrs(args, get_one_msr, true);
}

static long set_msrs(struct ioctl_args *args)
{
	return dev_copy_msrs(args, set_one_msr, false);
}

/* The LAPIC's rules depend on a few CPUID bits. */
static void tell_lapic_features(struct lodge_vcpu *vcpu)
{
	struct lapic_features features = {
		.x2apic = cpuid_has(vcpu, X86_FEATURE_X2APIC),
		.tsc_deadline = cpuid_has(vcpu, X86_FEATURE_TSC_DEADLINE_TIMER),
		.phys_bits = vcpu->cpuid->phys_bits,
	};

	if (vcpu->lapic)
		lapic_set_features(vcpu, &features);
}

static long apply_cpuid(struct lodge_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	int ret = cpuid_set(vcpu, entries, nent);

	if (ret)
		return ret;
	tell_lapic_features(vcpu);
	lodge_vendor->update_intercepts(vcpu);
	return hyperv_take_cpuid(vcpu);
}

static long set_cpuid2(struct ioctl_args *args)
{
	struct kvm_cpuid2 __user *user = args->user;
	const struct kvm_cpuid2 *header = args->data;
	struct kvm_cpuid_entry2 *entries = NULL;
	long ret;

	if (header->nent > LODGE_MAX_CPUID_ENTRIES)
		return -E2BIG;
	if (header->nent) {
		entries = vmemdup_user(user->entries,
				       array_size(header->nent, sizeof(*entries)));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	ret = apply_cpuid(args->vcpu, entries, header->nent);
	kvfree(entries);
	return ret;
}

/* The older form of entries: no index. */
static long set_cpuid(struct ioctl_args *args)
{
	struct kvm_cpuid __user *user = args->user;
	const struct kvm_cpuid *header = args->data;
	struct kvm_cpuid_entry2 *entries;
	struct kvm_cpuid_entry *old;
	long ret;
	u32 i;

	if (header->nent > LODGE_MAX_CPUID_ENTRIES)
		return -E2BIG;
	if (!header->nent)
		return apply_cpuid(args->vcpu, NULL, 0);
	old = vmemdup_user(user->entries, array_size(header->nent, sizeof(*old)));
	if (IS_ERR(old))
		return PTR_ERR(old);
	entries = kvcalloc(header->nent, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries) {
		ret = -ENOMEM;
		goto free_old;
	}
	for (i = 0; i < header->nent; i++) {
		entries[i].function = old[i].function;
		entries[i].eax = old[i].eax;
		entries[i].ebx = old[i].ebx;
		entries[i].ecx = old[i].ecx;
		entries[i].edx = old[i].edx;
	}
	ret = apply_cpuid(args->vcpu, entries, header->nent);
	kvfree(entries);
free_old:
	kvfree(old);
	return ret;
}

static long get_cpuid2(struct ioctl_args *args)
{
	struct kvm_cpuid2 __user *user = args->user;
	struct kvm_cpuid2 *header = args->data;
	struct kvm_cpuid_entry2 *entries;
	long ret;

	header->nent = min_t(u32, header->nent, LODGE_MAX_CPUID_ENTRIES);
	entries = kvcalloc(LODGE_MAX_CPUID_ENTRIES, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries)
		return -ENOMEM;
	ret = cpuid_get(args->vcpu, entries, &header->nent);
	if (!ret && copy_to_user(user->entries, entries,
				 array_size(header->nent, sizeof(*entries))))
		ret = -EFAULT;
	kvfree(entries);
	return ret;
}

static long get_fpu(struct ioctl_args *args)
{
	fpu_get_fpu(args->vcpu, args->data);
	return 0;
}

static long set_fpu(struct ioctl_args *args)
{
	return fpu_set_fpu(args->vcpu, args->data);
}

/* KVM_GET_XSAVE and KVM_GET_XSAVE2, whose size is the same (see capability.c). */
static long get_xsave(struct ioctl_args *args)
{
	fpu_get_xsave(args->vcpu, args->data, sizeof(struct kvm_xsave));
	return 0;
}

static long set_xsave(struct ioctl_args *args)
{
	return fpu_set_xsave(args->vcpu, args->data);
}

static long get_xcrs(struct ioctl_args *args)
{
	return fpu_get_xcrs(args->vcpu, args->data);
}

static long set_xcrs(struct ioctl_args *args)
{
	return fpu_set_xcrs(args->vcpu, args->data);
}

static long get_lapic(struct ioctl_args *args)
{
	lapic_get_state(args->vcpu, args->data);
	return 0;
}

static long set_lapic(struct ioctl_args *args)
{
	return lapic_set_state(args->vcpu, args->data);
}

static long tpr_access_reporting(struct ioctl_args *args)
{
	const struct kvm_tpr_access_ctl *control = args->data;

	if (control->flags)
		return -EINVAL;
	args->vcpu->reports_tpr = control->enabled;
	return 0;
}

static long set_vapic_addr(struct ioctl_args *args)
{
	const struct kvm_vapic_addr *address = args->data;

	return lapic_set_vapic(args->vcpu, address->vapic_addr);
}

static long queue_interrupt(struct ioctl_args *args)
{
	const struct kvm_interrupt *interrupt = args->data;
	struct lodge_vcpu *vcpu = args->vcpu;

	if (interrupt->irq >= 256)
		return -EINVAL;
	if (irqchip_has_pic(vcpu->vm))
		return -ENXIO;
	/* A LAPIC holds what its PIC sends until it can be taken: there is one place. */
	if (vcpu->lapic && vcpu->events.has_user_irq)
		return -EEXIST;
	vcpu->events.has_user_irq = true;
	vcpu->events.user_vector = interrupt->irq;
	return 0;
}

static long queue_nmi(struct ioctl_args *args)
{
	atomic_inc(&args->vcpu->nmi_queued);
	lodge_request_set(args->vcpu, LODGE_REQ_NMI);
	return 0;
}

static long set_signal_mask(struct ioctl_args *args)
{
	struct kvm_signal_mask __user *user = args->user;
	struct lodge_vcpu *vcpu = args->vcpu;
	sigset_t sigset;
	u32 len;

	if (!user) {
		vcpu->has_sigset = false;
		return 0;
	}
	if (get_user(len, &user->len))
		return -EFAULT;
	if (len != sizeof(sigset))
		return -EINVAL;
	if (copy_from_user(&sigset, user->sigset, sizeof(sigset)))
		return -EFAULT;
	sigdelsetmask(&sigset, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = sigset;
	vcpu->has_sigset = true;
	return 0;
}

static long get_tsc_khz(struct ioctl_args *args)
{
	return clock_tsc_khz(args->vcpu);
}

static long set_tsc_khz(struct ioctl_args *args)
{
	/* 0 asks for the host's own; a number of kHz fits 32 bits. */
	if (args->value > U32_MAX)
		return -EINVAL;
	return clock_set_tsc_khz(args->vcpu, args->value);
}

static long kvmclock_ctrl(struct ioctl_args *args)
{
	return clock_guest_stopped(args->vcpu);
}

static long setup_mce(struct ioctl_args *args)
{
	return msr_setup_mce(args->vcpu, *(u64 *)args->data);
}

static long set_mce(struct ioctl_args *args)
{
	return msr_set_mce(args->vcpu, args->data);
}

static long enable_cap(struct ioctl_args *args)
{
	const struct kvm_enable_cap *cap = args->data;

	if (cap->flags)
		return -EINVAL;
	switch (cap->cap) {
	case KVM_CAP_ENFORCE_PV_FEATURE_CPUID:
		args->vcpu->cpuid->enforces_pv = cap->args[0];
		return 0;
	default:
		return hyperv_enable_cap(args->vcpu, cap);
	}
}

static long translate(struct ioctl_args *args)
{
	struct kvm_translation *translation = args->data;
	struct lodge_event fault;
	gpa_t gpa;

	translation->valid = !gva_to_gpa(args->vcpu, translation->linear_address,
					 LODGE_ACCESS_READ, &gpa, &fault);
	translation->physical_address = translation->valid ? gpa : LODGE_INVALID_GPA;
	translation->writeable = 1;
	translation->usermode = 0;
	return 0;
}

static long set_guest_debug(struct ioctl_args *args)
{
	return guest_debug_set(args->vcpu, args->data);
}

static const struct ioctl_entry vcpu_ioctls[IOCTL_TABLE_SIZE] = {
	IOCTL_ENTRY(KVM_RUN, 0, run),
	IOCTL_ENTRY(KVM_GET_REGS, IOCTL_OUT, vcpu_get_regs),
	IOCTL_ENTRY(KVM_SET_REGS, IOCTL_IN, vcpu_set_regs),
	IOCTL_ENTRY(KVM_GET_SREGS, IOCTL_OUT, vcpu_get_sregs),
	IOCTL_ENTRY(KVM_SET_SREGS, IOCTL_IN, vcpu_set_sregs),
	IOCTL_ENTRY(KVM_GET_SREGS2, IOCTL_OUT, vcpu_get_sregs2),
	IOCTL_ENTRY(KVM_SET_SREGS2, IOCTL_IN, vcpu_set_sregs2),
	IOCTL_ENTRY(KVM_GET_FPU, IOCTL_OUT, get_fpu),
	IOCTL_ENTRY(KVM_SET_FPU, IOCTL_IN, set_fpu),
	IOCTL_ENTRY(KVM_GET_XSAVE, IOCTL_OUT, get_xsave),
	IOCTL_ENTRY(KVM_GET_XSAVE2, IOCTL_OUT, get_xsave),
	IOCTL_ENTRY(KVM_SET_XSAVE, IOCTL_IN, set_xsave),
	IOCTL_ENTRY(KVM_GET_XCRS, IOCTL_OUT, get_xcrs),
	IOCTL_ENTRY(KVM_SET_XCRS, IOCTL_IN, set_xcrs),
	IOCTL_ENTRY(KVM_GET_DEBUGREGS, IOCTL_OUT, vcpu_get_debugregs),
	IOCTL_ENTRY(KVM_SET_DEBUGREGS, IOCTL_IN, vcpu_set_debugregs),
	IOCTL_ENTRY(KVM_SET_GUEST_DEBUG, IOCTL_IN, set_guest_debug),
	IOCTL_ENTRY(KVM_GET_MSRS, IOCTL_IN, get_msrs),
	IOCTL_ENTRY(KVM_SET_MSRS, IOCTL_IN, set_msrs),
	IOCTL_ENTRY(KVM_SET_CPUID, IOCTL_IN, set_cpuid),
	IOCTL_ENTRY(KVM_SET_CPUID2, IOCTL_IN, set_cpuid2),
	IOCTL_ENTRY(KVM_GET_CPUID2, IOCTL_IN | IOCTL_OUT, get_cpuid2),
	IOCTL_ENTRY(KVM_GET_LAPIC, IOCTL_OUT | IOCTL_NEEDS_LAPIC, get_lapic),
	IOCTL_ENTRY(KVM_SET_LAPIC, IOCTL_IN | IOCTL_NEEDS_LAPIC, set_lapic),
	IOCTL_ENTRY(KVM_TPR_ACCESS_REPORTING, IOCTL_IN | IOCTL_OUT, tpr_access_reporting),
	IOCTL_ENTRY(KVM_SET_VAPIC_ADDR, IOCTL_IN | IOCTL_NEEDS_LAPIC, set_vapic_addr),
	IOCTL_ENTRY(KVM_GET_MP_STATE, IOCTL_OUT, vcpu_get_mp_state),
	IOCTL_ENTRY(KVM_SET_MP_STATE, IOCTL_IN, vcpu_set_mp_state),
	IOCTL_ENTRY(KVM_GET_VCPU_EVENTS, IOCTL_OUT, vcpu_get_events),
	IOCTL_ENTRY(KVM_SET_VCPU_EVENTS, IOCTL_IN, vcpu_set_events),
	IOCTL_ENTRY(KVM_INTERRUPT, IOCTL_IN, queue_interrupt),
	IOCTL_ENTRY(KVM_NMI, 0, queue_nmi),
	IOCTL_ENTRY(KVM_SET_SIGNAL_MASK, IOCTL_UNLOADED, set_signal_mask),
	IOCTL_ENTRY(KVM_GET_TSC_KHZ, 0, get_tsc_khz),
	IOCTL_ENTRY(KVM_SET_TSC_KHZ, 0, set_tsc_khz),
	IOCTL_ENTRY(KVM_KVMCLOCK_CTRL, 0, kvmclock_ctrl),
	IOCTL_ENTRY(KVM_X86_SETUP_MCE, IOCTL_IN, setup_mce),
	IOCTL_ENTRY(KVM_X86_SET_MCE, IOCTL_IN, set_mce),
	IOCTL_ENTRY(KVM_HAS_DEVICE_ATTR, IOCTL_IN, vcpu_attr_has),
	IOCTL_ENTRY(KVM_GET_DEVICE_ATTR, IOCTL_IN, vcpu_attr_get),
	IOCTL_ENTRY(KVM_SET_DEVICE_ATTR, IOCTL_IN, vcpu_attr_set),
	IOCTL_ENTRY(KVM_ENABLE_CAP, IOCTL_IN, enable_cap),
	IOCTL_ENTRY(KVM_GET_SUPPORTED_HV_CPUID, IOCTL_IN | IOCTL_OUT, hyperv_get_supported_cpuid),
	IOCTL_ENTRY(KVM_TRANSLATE, IOCTL_IN | IOCTL_OUT, translate),
};

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long value)
{
	const struct ioctl_entry *entry = ioctl_find(vcpu_ioctls, cmd);
	struct lodge_vcpu *vcpu = file->private_data;
	struct ioctl_args args = { .vm = vcpu->vm, .vcpu = vcpu, .value = value };

	return entry ? ioctl_call(entry, &args) : -ENOTTY;
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct lodge_vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page = NULL;

	switch (vmf->pgoff) {
	case 0:
		page = virt_to_page(vcpu->run);
		break;
	case 1:
		page = virt_to_page(vcpu->pio_data);
		break;
	case KVM_COALESCED_MMIO_PAGE_OFFSET:
		page = virt_to_page(coalesced_page(vcpu->vm));
		break;
	default:
		if (vmf->pgoff >= KVM_DIRTY_LOG_PAGE_OFFSET)
			page = dirty_ring_page(vcpu, vmf->pgoff - KVM_DIRTY_LOG_PAGE_OFFSET);
	}
	if (!page)
		return VM_FAULT_SIGBUS;
	/* A mapping may outlive the vCPU: it has the page by its own reference. */
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct lodge_vcpu *vcpu = file->private_data;
	unsigned long end = vma->vm_pgoff + vma_pages(vma);
	unsigned long ring_pages = vcpu->vm->dirty_ring_bytes >> PAGE_SHIFT;
	bool has_ring = end > KVM_DIRTY_LOG_PAGE_OFFSET &&
			vma->vm_pgoff < KVM_DIRTY_LOG_PAGE_OFFSET + ring_pages;

	/* What user space writes in the ring is for the kernel: a private copy is no use. */
	if (has_ring && ((vma->vm_flags & VM_EXEC) || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct lodge_vcpu *vcpu = file->private_data;

	/* NULL if the vCPU could not be published. */
	if (vcpu)
		vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

static int check_new_id(struct lodge_vm *vm, u32 id)
{
	struct lodge_vcpu *vcpu;
	unsigned long index;

	if (vm->nr_vcpus >= LODGE_MAX_VCPUS)
		return -EINVAL;
	if (!vm->max_vcpu_ids)
		vm->max_vcpu_ids = LODGE_MAX_VCPU_ID;
	if (id >= vm->max_vcpu_ids)
		return -EINVAL;
	lodge_for_each_vcpu(vm, index, vcpu) {
		if (vcpu->id == id)
			return -EEXIST;
	}
	return 0;
}

/**
 * vcpu_fd_create() - KVM_CREATE_VCPU
 * @vm: vm->lock held
 * @id: initial APIC id
 *
 * Return: file descriptor; -EINVAL if the id or the number of vCPUs is too large;
 * -EEXIST; -ENOMEM; -EMFILE and the like.
 */
int vcpu_fd_create(struct lodge_vm *vm, u32 id)
{
	struct lodge_vcpu *vcpu;
	struct file *file;
	char name[32];
	int fd, ret;

	lockdep_assert_held(&vm->lock);
	ret = check_new_id(vm, id);
	if (ret)
		return ret;
	vcpu = vcpu_create(vm, id);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		ret = fd;
		goto destroy_vcpu;
	}
	snprintf(name, sizeof(name), "lodge-vcpu:%u", id);
	vm_get(vm);
	file = anon_inode_getfile(name, &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		vm_put(vm);
		goto put_fd;
	}
	ret = vm_publish_vcpu(vm, vcpu);
	if (ret)
		goto put_file;
	fd_install(fd, file);
	return fd;

put_file:
	/* The file's release may run later than this and must not find a freed vCPU. */
	file->private_data = NULL;
	fput(file);
	vm_put(vm);
put_fd:
	put_unused_fd(fd);
destroy_vcpu:
	vcpu_destroy(vcpu);
	return ret;
}
