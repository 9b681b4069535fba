/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 5: the floor's only header: making and unmaking VMs and vCPUs, and what ties them
 * to eventfds. Prototypes grouped by the file that defines them; contracts stand at the
 * definitions.
 */
#ifndef LODGE_LIFECYCLE_H
#define LODGE_LIFECYCLE_H

#include "vcpu.h"
#include "vm.h"

/* Pages that user space maps at a vCPU's fd: struct kvm_run, data of port I/O, the VM's ring. */
#define LODGE_VCPU_MMAP_PAGES	3

/* irqfd.c */
void irqfd_create(struct lodge_vm *vm);
void irqfd_destroy(struct lodge_vm *vm);
int irqfd_set(struct lodge_vm *vm, const struct kvm_irqfd *request);

/* ioeventfd.c */
int ioeventfd_set(struct lodge_vm *vm, const struct kvm_ioeventfd *request);
void ioeventfd_destroy(struct lodge_vm *vm);

/* vcpu.c */
struct lodge_vcpu *vcpu_create(struct lodge_vm *vm, u32 id);
void vcpu_destroy(struct lodge_vcpu *vcpu);

/* vm.c */
struct lodge_vm *vm_create(void);
void vm_get(struct lodge_vm *vm);
void vm_put(struct lodge_vm *vm);
int vm_publish_vcpu(struct lodge_vm *vm, struct lodge_vcpu *vcpu);

#endif /* LODGE_LIFECYCLE_H */
