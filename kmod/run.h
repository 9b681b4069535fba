/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 4: the floor's only header. Prototypes grouped by the file that defines
 * them; contracts stand at the definitions.
 *
 * Exit handlers and completions return LODGE_RESUME_GUEST, LODGE_RETURN_TO_USER
 * (vcpu->run is filled) or a negative errno that KVM_RUN gives to user space.
 */
#ifndef LODGE_RUN_H
#define LODGE_RUN_H

#include "types.h"
#include "event.h"
#include "vcpu.h"
#include "emulate/emulate.h"

#define LODGE_RETURN_TO_USER	0
#define LODGE_RESUME_GUEST	1

/* Device accesses that one instruction can need: 16 bytes, across a page. */
#define LODGE_MAX_FRAGMENTS	4

/* Device reads that one iteration can need: CMPS has two memory operands. */
#define LODGE_MAX_DEVICE_READS	(2 * LODGE_MAX_FRAGMENTS)

/**
 * struct lodge_mmio - one device access of at most eight bytes
 * @gpa: where
 * @len: bytes of @data
 * @data: what was read, or is to be written
 */
struct lodge_mmio {
	gpa_t gpa;
	u8 len;
	u8 data[8];
};

/**
 * struct lodge_emulator - one instruction's emulation, which may take several
 * round trips to user space
 * @ctxt: the emulator's own part
 * @last: what emulate_exec() answered last
 * @reads: answers to device reads of the iteration in progress, in order; a
 *         restarted instruction gets them from here, so that no device sees a
 *         read twice
 * @nr_reads: how many are there
 * @next_read: the one that the next device read is to get
 * @iteration: iteration that @reads belong to
 * @writes: device writes on their way to user space
 * @nr_writes: how many are there
 * @next_write: the first that user space has not seen
 * @wanted: the device read that user space has to answer
 * @has_wanted: @wanted is to be asked
 * @has_pio: the page of PIO data holds a transfer for user space
 * @is_pio_in: it is one that user space is to fill
 * @is_pio_answered: user space has filled that page
 * @rip: where the guest was when it went to user space; if RIP is another when it
 *       comes back, user space has moved the guest elsewhere and nothing is completed
 * @length: of the port instruction at @rip
 * @size: bytes it transfers
 */
struct lodge_emulator {
	struct emulate_ctxt ctxt;
	enum emulate_result last;

	struct lodge_mmio reads[LODGE_MAX_DEVICE_READS];
	unsigned int nr_reads;
	unsigned int next_read;
	unsigned int iteration;

	struct lodge_mmio writes[LODGE_MAX_FRAGMENTS];
	unsigned int nr_writes;
	unsigned int next_write;

	struct lodge_mmio wanted;
	bool has_wanted;
	bool has_pio;
	bool is_pio_in;
	bool is_pio_answered;

	u64 rip;
	u8 length;
	u8 size;
};

/* event_queue.c */
void event_raise(struct lodge_vcpu *vcpu, const struct lodge_event *event);
void event_raise_vector(struct lodge_vcpu *vcpu, u8 vector);
void event_raise_error(struct lodge_vcpu *vcpu, u8 vector, u32 error_code);
void event_after_insn(struct lodge_vcpu *vcpu, bool was_stepped);
void event_skip_insn(struct lodge_vcpu *vcpu, unsigned int length);
void event_requeue(struct lodge_vcpu *vcpu, const struct lodge_event *interrupted);
bool event_can_take_irq(struct lodge_vcpu *vcpu);
bool event_has_work(struct lodge_vcpu *vcpu);
bool event_is_ready_for_user_irq(struct lodge_vcpu *vcpu);
bool event_wants_user_irq(struct lodge_vcpu *vcpu);
void event_collect_nmis(struct lodge_vcpu *vcpu);
void event_deliver_payload(struct lodge_vcpu *vcpu);
void event_inject(struct lodge_vcpu *vcpu);

/* emulation.c */
bool emulation_decode(struct lodge_vcpu *vcpu, int *ret);
const struct lodge_insn *emulation_peek(struct lodge_vcpu *vcpu);
gva_t emulation_linear_rip(struct lodge_vcpu *vcpu);
bool emulation_find_length(struct lodge_vcpu *vcpu, enum lodge_op first, enum lodge_op last,
			   int *ret);
int emulation_start(struct lodge_vcpu *vcpu);
int emulation_failure(struct lodge_vcpu *vcpu);
int emulation_invalid_opcode(struct lodge_vcpu *vcpu);

/* device_access.c */
extern const struct emulate_ops device_access_ops;
void device_access_reset(struct lodge_emulator *emulator);
int device_access_system(struct lodge_vcpu *vcpu, gva_t linear, void *data, unsigned int len,
			 bool write, struct lodge_event *fault);

/* exit_io.c */
int exit_io_port(struct lodge_vcpu *vcpu);
int exit_io_tdp_fault(struct lodge_vcpu *vcpu);

/* guest_debug.c */
struct kvm_guest_debug;
int guest_debug_set(struct lodge_vcpu *vcpu, const struct kvm_guest_debug *wanted);
void guest_debug_skip_trap_insn(struct lodge_vcpu *vcpu, u8 vector);
bool guest_debug_detects_access(const struct lodge_vcpu *vcpu);
bool guest_debug_takes_exception(struct lodge_vcpu *vcpu, int *ret);
int guest_debug_exit(struct lodge_vcpu *vcpu, u8 vector, u64 dr6_bits);
void guest_debug_choose_step(struct lodge_vcpu *vcpu);
void guest_debug_begin_step(struct lodge_vcpu *vcpu);
void guest_debug_end_step(struct lodge_vcpu *vcpu);
bool guest_debug_has_stepped(struct lodge_vcpu *vcpu, int *ret);

/* exit_msr.c */
int exit_rdmsr(struct lodge_vcpu *vcpu);
int exit_wrmsr(struct lodge_vcpu *vcpu);

/* exit_hypercall.c */
int exit_hypercall(struct lodge_vcpu *vcpu);

/* halt.c */
bool halt_is_over(struct lodge_vcpu *vcpu);
void halt_wait(struct lodge_vcpu *vcpu);
/* exit_hyperv.c */
int exit_hyperv_call(struct lodge_vcpu *vcpu);
bool exit_hyperv_tell_user(struct lodge_vcpu *vcpu);

/* exit_handlers.c */
int exit_handle(struct lodge_vcpu *vcpu);

/* run.c */
int vcpu_run(struct lodge_vcpu *vcpu);
void vcpu_load(struct lodge_vcpu *vcpu);
void vcpu_put(struct lodge_vcpu *vcpu);
void vcpu_follow_settings(struct lodge_vcpu *vcpu);
void vcpu_reset(struct lodge_vcpu *vcpu, bool is_init);
void vcpu_take_init_sipi(struct lodge_vcpu *vcpu);

#endif /* LODGE_RUN_H */
