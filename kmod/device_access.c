// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 4: what the instruction emulator reaches for, in terms of this VM: linear
 * addresses become RAM, an in-kernel device or a question to user space; ports
 * likewise. Does not decide when to go to user space: emulation.c does, from what
 * is noted here.
 *
 * A device read is answered once. Its answer is kept until the iteration that
 * asked is complete, because an instruction that waits for user space is executed
 * again from its start.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "fpu.h"
#include "iobus.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "regs.h"
#include "run.h"
#include "x86.h"

/* A linear access, cut at the page boundary that it may cross. */
struct pieces {
	unsigned int nr;
	gpa_t gpa[2];
	unsigned int len[2];
};

static u32 access_rights(struct emulate_ctxt *ctxt, bool write)
{
	u32 access = write ? LODGE_ACCESS_WRITE : LODGE_ACCESS_READ;

	return ctxt->cpl == 3 ? access | LODGE_GVA_USER : access;
}

/* Both pieces, before either is touched. 0, or -EFAULT with *@fault filled. */
static int translate(struct lodge_vcpu *vcpu, gva_t linear, unsigned int len, u32 access,
		     struct pieces *pieces, struct lodge_event *fault)
{
	unsigned int i;

	pieces->len[0] = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(linear));
	pieces->len[1] = len - pieces->len[0];
	pieces->nr = pieces->len[1] ? 2 : 1;

	for (i = 0; i < pieces->nr; i++) {
		if (gva_to_gpa(vcpu, linear, access, &pieces->gpa[i], fault))
			return -EFAULT;
		linear += pieces->len[0];
	}
	return 0;
}

/**
 * device_access_system() - access a structure of the CPU's own, whatever the CPL
 * @vcpu: loaded vCPU
 * @linear: descriptor, TSS or the like
 * @data: read into, or written from
 * @len: at most a page
 * @write: direction
 * @fault: receives the page fault that the guest is to get
 *
 * Return: 0; -EFAULT with *@fault filled and nothing accessed; -EOPNOTSUPP if it is not
 * in RAM.
 */
int device_access_system(struct lodge_vcpu *vcpu, gva_t linear, void *data, unsigned int len,
			 bool write, struct lodge_event *fault)
{
	u32 access = (write ? LODGE_ACCESS_WRITE : LODGE_ACCESS_READ) | LODGE_GVA_IMPLICIT;
	struct pieces pieces;
	unsigned int i;
	int ret;

	ret = translate(vcpu, linear, len, access, &pieces, fault);
	for (i = 0; !ret && i < pieces.nr; i++) {
		ret = write ? guest_write(vcpu, pieces.gpa[i], data, pieces.len[i]) :
			      guest_read(vcpu->vm, pieces.gpa[i], data, pieces.len[i]);
		if (ret)
			return -EOPNOTSUPP;
		data += pieces.len[i];
	}
	return ret;
}

/* Answers belong to one iteration; those of an earlier one are history. */
static void sync_iteration(struct lodge_emulator *emulator)
{
	if (emulator->iteration == emulator->ctxt.iterations)
		return;
	emulator->iteration = emulator->ctxt.iterations;
	emulator->nr_reads = 0;
	emulator->next_read = 0;
}

/**
 * device_access_reset() - forget answers and unfinished transfers
 * @emulator: before an instruction that has not begun
 */
void device_access_reset(struct lodge_emulator *emulator)
{
	emulator->nr_reads = 0;
	emulator->next_read = 0;
	emulator->iteration = 0;
	emulator->nr_writes = 0;
	emulator->next_write = 0;
	emulator->has_wanted = false;
	emulator->has_pio = false;
	emulator->is_pio_answered = false;
}

static int kernel_device_read(struct lodge_vcpu *vcpu, struct lodge_mmio *mmio)
{
	if (lapic_mmio_owns(vcpu, mmio->gpa)) {
		lapic_mmio_read(vcpu, offset_in_page(mmio->gpa), mmio->len, mmio->data);
		return 0;
	}
	return iobus_read(vcpu, IOBUS_MMIO, mmio->gpa, mmio->len, mmio->data);
}

static int kernel_device_write(struct lodge_vcpu *vcpu, const struct lodge_mmio *mmio)
{
	if (lapic_mmio_owns(vcpu, mmio->gpa)) {
		lapic_mmio_write(vcpu, offset_in_page(mmio->gpa), mmio->len, mmio->data);
		return 0;
	}
	return iobus_write(vcpu, IOBUS_MMIO, mmio->gpa, mmio->len, mmio->data);
}

/* One fragment: from the answers kept, from the kernel, or a question to user space. */
static enum emulate_result fragment_read(struct lodge_emulator *emulator, gpa_t gpa,
					 void *data, unsigned int len)
{
	struct lodge_mmio *answer = &emulator->reads[emulator->next_read];

	/* User space may have changed registers between two attempts. */
	if (emulator->next_read < emulator->nr_reads && (answer->gpa != gpa || answer->len != len))
		emulator->nr_reads = emulator->next_read;

	if (emulator->next_read == emulator->nr_reads) {
		if (emulator->nr_reads == LODGE_MAX_DEVICE_READS)
			return EMULATE_UNKNOWN;
		answer->gpa = gpa;
		answer->len = len;
		if (kernel_device_read(emulator->ctxt.owner, answer)) {
			/* What was posted before must reach its device first. */
			emulator->has_wanted = emulator->nr_writes == 0;
			emulator->wanted = *answer;
			return EMULATE_NEED_IO;
		}
		emulator->nr_reads++;
	}
	memcpy(data, answer->data, len);
	emulator->next_read++;
	return EMULATE_DONE;
}

static enum emulate_result device_read(struct lodge_emulator *emulator, gpa_t gpa,
				       void *data, unsigned int len)
{
	enum emulate_result result;
	unsigned int step;

	sync_iteration(emulator);
	for (; len; len -= step, gpa += step, data += step) {
		step = min(len, 8u);
		result = fragment_read(emulator, gpa, data, step);
		if (result != EMULATE_DONE)
			return result;
	}
	return EMULATE_DONE;
}

/* Room for the largest access was checked by the caller. */
static void device_write(struct lodge_emulator *emulator, gpa_t gpa,
			 const void *data, unsigned int len)
{
	unsigned int step;

	for (; len; len -= step, gpa += step, data += step) {
		struct lodge_mmio *mmio = &emulator->writes[emulator->nr_writes];

		step = min(len, 8u);
		mmio->gpa = gpa;
		mmio->len = step;
		memcpy(mmio->data, data, step);
		if (kernel_device_write(emulator->ctxt.owner, mmio))
			emulator->nr_writes++;
	}
}

static enum emulate_result emulate_read(struct emulate_ctxt *ctxt, gva_t linear,
					void *data, unsigned int len)
{
	struct lodge_vcpu *vcpu = ctxt->owner;
	enum emulate_result result = EMULATE_DONE;
	struct pieces pieces;
	unsigned int i;

	if (translate(vcpu, linear, len, access_rights(ctxt, ctxt->rmw), &pieces, &ctxt->fault))
		return EMULATE_FAULT;
	for (i = 0; result == EMULATE_DONE && i < pieces.nr; i++) {
		if (guest_read(vcpu->vm, pieces.gpa[i], data, pieces.len[i]))
			result = device_read(vcpu->emulator, pieces.gpa[i], data, pieces.len[i]);
		data += pieces.len[i];
	}
	return result;
}

/* Write to places already translated; devices take what RAM does not. */
static enum emulate_result write_pieces(struct lodge_vcpu *vcpu, const struct pieces *pieces,
					const void *data)
{
	struct lodge_emulator *emulator = vcpu->emulator;
	/* Queueing starts empty and an access has at most LODGE_MAX_FRAGMENTS. */
	bool is_busy = emulator->nr_writes != 0;
	unsigned int i;

	for (i = 0; i < pieces->nr; i++) {
		if (guest_write(vcpu, pieces->gpa[i], data, pieces->len[i])) {
			if (is_busy)
				return EMULATE_NEED_IO;
			if (pieces->len[i] > 16)
				return EMULATE_UNKNOWN;
			device_write(emulator, pieces->gpa[i], data, pieces->len[i]);
		}
		data += pieces->len[i];
	}
	return EMULATE_DONE;
}

static enum emulate_result emulate_write(struct emulate_ctxt *ctxt, gva_t linear,
					 const void *data, unsigned int len)
{
	struct pieces pieces;

	if (translate(ctxt->owner, linear, len, access_rights(ctxt, true), &pieces, &ctxt->fault))
		return EMULATE_FAULT;
	return write_pieces(ctxt->owner, &pieces, data);
}

static enum emulate_result emulate_cmpxchg(struct emulate_ctxt *ctxt, gva_t linear,
					   const void *old, const void *new, unsigned int len)
{
	struct lodge_vcpu *vcpu = ctxt->owner;
	u8 found[16] __aligned(8);
	struct pieces pieces;
	int ret;

	if (translate(vcpu, linear, len, access_rights(ctxt, true), &pieces, &ctxt->fault))
		return EMULATE_FAULT;

	/* A split lock is atomic on hardware; here it is two writes, as in KVM. */
	if (pieces.nr == 1) {
		memcpy(found, old, len);
		ret = guest_cmpxchg(vcpu, pieces.gpa[0], found, new, len);
		if (ret == -EAGAIN)
			return EMULATE_CONTINUE;
		if (!ret)
			return EMULATE_DONE;
	}
	return write_pieces(vcpu, &pieces, new);
}

static enum emulate_result emulate_probe(struct emulate_ctxt *ctxt, gva_t linear,
					 unsigned int len, bool write)
{
	struct lodge_vcpu *vcpu = ctxt->owner;
	struct pieces pieces;

	if (translate(vcpu, linear, len, access_rights(ctxt, write), &pieces, &ctxt->fault))
		return EMULATE_FAULT;
	return gpa_is_ram(vcpu->vm, pieces.gpa[0], write) ? EMULATE_DONE : EMULATE_NEED_IO;
}

static enum emulate_result system_read(struct emulate_ctxt *ctxt, gva_t linear,
				       void *data, unsigned int len)
{
	int ret = device_access_system(ctxt->owner, linear, data, len, false, &ctxt->fault);

	if (ret == -EFAULT)
		return EMULATE_FAULT;
	return ret ? EMULATE_UNKNOWN : EMULATE_DONE;
}

#define TSS_TYPE_AVAILABLE_32	0x9	/* 32-bit or 64-bit; bit 1: busy */
#define TSS_IO_MAP_BASE		102	/* offset of the 16-bit field */

/*
 * The permission bitmap has a bit a port, set for "no". The CPU always reads two
 * bytes, so the one behind the last must exist (AMD APM volume 2, "I/O-Permission
 * Bitmap").
 */
static enum emulate_result emulate_io_allowed(struct emulate_ctxt *ctxt, u16 port,
					      unsigned int size)
{
	const struct lodge_segment *tr = &ctxt->state->segs[LODGE_SEG_TR];
	enum emulate_result result;
	u16 map_base, bits;
	u32 offset;

	if (!(tr->attr & LODGE_SEG_P) ||
	    (tr->attr & LODGE_SEG_TYPE_MASK & ~2u) != TSS_TYPE_AVAILABLE_32 ||
	    tr->limit < TSS_IO_MAP_BASE + 1)
		return emulate_raise(ctxt, LODGE_VECTOR_GP, 0);

	result = system_read(ctxt, tr->base + TSS_IO_MAP_BASE, &map_base, sizeof(map_base));
	if (result != EMULATE_DONE)
		return result;

	offset = map_base + port / 8;
	if (offset + 1 > tr->limit)
		return emulate_raise(ctxt, LODGE_VECTOR_GP, 0);
	result = system_read(ctxt, tr->base + offset, &bits, sizeof(bits));
	if (result != EMULATE_DONE)
		return result;

	if (bits >> (port & 7) & ((1u << size) - 1))
		return emulate_raise(ctxt, LODGE_VECTOR_GP, 0);
	return EMULATE_DONE;
}

static void pio_to_user(struct lodge_vcpu *vcpu, u8 direction, u16 port, unsigned int size,
			unsigned int count)
{
	vcpu->emulator->has_pio = true;
	vcpu->emulator->is_pio_in = direction == KVM_EXIT_IO_IN;
	vcpu->run->io.direction = direction;
	vcpu->run->io.size = size;
	vcpu->run->io.port = port;
	vcpu->run->io.count = count;
	vcpu->run->io.data_offset = PAGE_SIZE;
}

/* All elements from a device in the kernel? Each read is one that it sees. */
static bool kernel_port_read(struct lodge_vcpu *vcpu, u16 port, unsigned int size,
			     void *data, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (iobus_read(vcpu, IOBUS_PIO, port, size, data + i * size))
			return false;
	}
	return true;
}

static enum emulate_result emulate_pio_in(struct emulate_ctxt *ctxt, u16 port,
					  unsigned int size, void *data, unsigned int count)
{
	struct lodge_vcpu *vcpu = ctxt->owner;
	struct lodge_emulator *emulator = vcpu->emulator;

	if (emulator->is_pio_answered) {
		emulator->is_pio_answered = false;
		memcpy(data, vcpu->pio_data, size * count);
		return EMULATE_DONE;
	}
	if (emulator->nr_writes)
		return EMULATE_NEED_IO;
	if (kernel_port_read(vcpu, port, size, data, count))
		return EMULATE_DONE;
	pio_to_user(vcpu, KVM_EXIT_IO_IN, port, size, count);
	return EMULATE_NEED_IO;
}

static enum emulate_result emulate_pio_out(struct emulate_ctxt *ctxt, u16 port,
					   unsigned int size, const void *data,
					   unsigned int count)
{
	struct lodge_vcpu *vcpu = ctxt->owner;
	unsigned int i;

	if (vcpu->emulator->has_pio || vcpu->emulator->nr_writes)
		return EMULATE_NEED_IO;
	for (i = 0; i < count; i++) {
		if (iobus_write(vcpu, IOBUS_PIO, port, size, data + i * size))
			break;
	}
	if (i == count)
		return EMULATE_DONE;
	memcpy(vcpu->pio_data, data + i * size, (count - i) * size);
	pio_to_user(vcpu, KVM_EXIT_IO_OUT, port, size, count - i);
	return EMULATE_DONE;
}

static void emulate_get_xmm(struct emulate_ctxt *ctxt, unsigned int reg, u8 data[16])
{
	fpu_read_xmm(ctxt->owner, reg, data);
}

static void emulate_put_xmm(struct emulate_ctxt *ctxt, unsigned int reg, const u8 data[16])
{
	fpu_write_xmm(ctxt->owner, reg, data);
}

/* The emulator's callbacks; contracts in emulate/emulate.h. */
const struct emulate_ops device_access_ops = {
	.read		= emulate_read,
	.write		= emulate_write,
	.cmpxchg	= emulate_cmpxchg,
	.probe		= emulate_probe,
	.io_allowed	= emulate_io_allowed,
	.pio_in		= emulate_pio_in,
	.pio_out	= emulate_pio_out,
	.get_xmm	= emulate_get_xmm,
	.put_xmm	= emulate_put_xmm,
};
