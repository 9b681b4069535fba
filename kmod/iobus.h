/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 2: the registry of devices that the kernel itself answers for on the
 * guest's two buses, port I/O and memory-mapped I/O. An address that no device
 * takes is user space's business. What the devices are is not known here.
 */
#ifndef LODGE_IOBUS_H
#define LODGE_IOBUS_H

#include "types.h"

struct lodge_vm;
struct lodge_vcpu;
struct iodev;

enum iobus_id {
	IOBUS_PIO,
	IOBUS_MMIO,
};

/* Devices a bus can hold: bounds what user space can make the kernel copy. */
#define IOBUS_MAX_DEVICES	1000

/**
 * struct iodev_ops - what a device does
 * @read: fill @data with @len bytes; 0, or -EOPNOTSUPP to let the next one try
 * @write: take @len bytes; likewise
 *
 * The access lies within the range that was registered. vm->srcu is held, so
 * neither may wait for SRCU; preemptible context of the vCPU's thread.
 */
struct iodev_ops {
	int (*read)(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
		    unsigned int len, void *data);
	int (*write)(struct iodev *dev, struct lodge_vcpu *vcpu, gpa_t addr,
		     unsigned int len, const void *data);
};

/**
 * struct iodev - one range of a device, embedded in the device
 * @ops: what it does
 * @addr: first port or guest physical address
 * @len: bytes; never 0
 *
 * Immutable while registered. A device with several ranges embeds several.
 */
struct iodev {
	const struct iodev_ops *ops;
	gpa_t addr;
	u64 len;
};

int iobus_register(struct lodge_vm *vm, enum iobus_id bus, struct iodev *dev);
void iobus_unregister(struct lodge_vm *vm, enum iobus_id bus, struct iodev *dev);
void iobus_destroy(struct lodge_vm *vm);

int iobus_read(struct lodge_vcpu *vcpu, enum iobus_id bus, gpa_t addr,
	       unsigned int len, void *data);
int iobus_write(struct lodge_vcpu *vcpu, enum iobus_id bus, gpa_t addr,
		unsigned int len, const void *data);

#endif /* LODGE_IOBUS_H */
