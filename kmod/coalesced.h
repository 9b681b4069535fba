/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: coalesced I/O: writes to some addresses wait in a ring that user space
 * empties when it is there anyway, instead of a round trip for each.
 */
#ifndef LODGE_COALESCED_H
#define LODGE_COALESCED_H

#include "types.h"

struct kvm_coalesced_mmio_zone;
struct lodge_vm;

int coalesced_create(struct lodge_vm *vm);
void coalesced_destroy(struct lodge_vm *vm);
int coalesced_register(struct lodge_vm *vm, const struct kvm_coalesced_mmio_zone *zone);
int coalesced_unregister(struct lodge_vm *vm, const struct kvm_coalesced_mmio_zone *zone);
void *coalesced_page(struct lodge_vm *vm);

#endif /* LODGE_COALESCED_H */
