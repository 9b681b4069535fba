// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU: creation, the registers of the 64-bit boot entry, its thread, and what each exit to
 * user space means. Floor 4 of the launcher.
 */
#include "vcpu.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "report.h"
#include "util.h"

#define CR0_PE			0x00000001u
#define CR0_ET			0x00000010u
#define CR0_PG			0x80000000u
#define CR4_PAE			0x00000020u
#define EFER_LME		0x00000100u
#define EFER_LMA		0x00000400u
#define RFLAGS_ALWAYS_1		0x00000002u

#define SEGMENT_CODE		0xb	/* execute, read, accessed */
#define SEGMENT_DATA		0x3	/* read, write, accessed */
#define SEGMENT_TSS_BUSY	0xb

/* LAPIC register page offsets and values (manual: Advanced Programmable Interrupt Controller). */
#define LAPIC_LVT_LINT0		0x350
#define LAPIC_LVT_LINT1		0x360
#define LAPIC_DELIVERY_NMI	0x400
#define LAPIC_DELIVERY_EXTINT	0x700

/* The signal that gets a vCPU thread out of KVM_RUN; its handler does nothing. */
#define KICK_SIGNAL		SIGUSR1
#define KICK_PERIOD_NS		(50 * 1000 * 1000)

/**
 * vcpu_ioctl() - one ioctl on the vCPU, with a message when it fails
 * @vcpu: created
 * @request: number
 * @name: for the message
 * @arg: of the ioctl
 *
 * Return: the ioctl's result, or a negative errno after the message.
 */
int vcpu_ioctl(const struct vcpu *vcpu, unsigned long request, const char *name, void *arg)
{
	int ret = ioctl(vcpu->fd, request, arg);

	if (ret >= 0)
		return ret;
	ret = -errno;
	report("%s on vCPU %u failed: %s", name, vcpu->id, strerror(-ret));
	return ret;
}

/**
 * vcpu_create() - create a vCPU
 * @vcpu: to fill
 * @vm_fd: of the VM
 * @run_size: size of the mapping behind struct kvm_run
 * @id: its index and APIC id
 * @shared: of the VM
 *
 * Return: 0, or a negative errno after a message; nothing is left behind then.
 */
int vcpu_create(struct vcpu *vcpu, int vm_fd, size_t run_size, unsigned int id,
		const struct vcpu_shared *shared)
{
	int ret;

	*vcpu = (struct vcpu){ .id = id, .run_size = run_size, .shared = shared };
	vcpu->fd = ioctl(vm_fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0) {
		ret = -errno;
		report("cannot create vCPU %u: %s", id, strerror(-ret));
		return ret;
	}
	vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run != MAP_FAILED)
		return 0;
	ret = -errno;
	report("cannot map vCPU %u: %s", id, strerror(-ret));
	close(vcpu->fd);
	return ret;
}

/**
 * vcpu_destroy() - undo vcpu_create()
 * @vcpu: its thread does not run
 */
void vcpu_destroy(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->run_size);
	close(vcpu->fd);
}

/*
 * As the firmware of a PC leaves the first CPU's LAPIC: the PIC's output arrives at LINT0, NMIs
 * at LINT1. Without it a guest that starts on the PIC gets no timer interrupt.
 */
static int set_lapic(struct vcpu *vcpu)
{
	static const struct { unsigned int offset; uint32_t value; } pins[] = {
		{ LAPIC_LVT_LINT0, LAPIC_DELIVERY_EXTINT },
		{ LAPIC_LVT_LINT1, LAPIC_DELIVERY_NMI },
	};
	struct kvm_lapic_state lapic;
	size_t i;
	int ret;

	ret = vcpu_ioctl(vcpu, KVM_GET_LAPIC, "KVM_GET_LAPIC", &lapic);
	if (ret < 0)
		return ret;
	for (i = 0; i < ARRAY_SIZE(pins); i++)
		memcpy(lapic.regs + pins[i].offset, &pins[i].value, sizeof(pins[i].value));
	return vcpu_ioctl(vcpu, KVM_SET_LAPIC, "KVM_SET_LAPIC", &lapic);
}

static struct kvm_segment make_segment(uint16_t selector, uint8_t type, bool is_64bit_code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = type, .present = 1, .s = 1,
		.g = 1, .l = is_64bit_code, .db = !is_64bit_code,
	};
}

static int set_sregs(struct vcpu *vcpu, const struct linux_entry *entry)
{
	struct kvm_segment data = make_segment(LINUX_BOOT_DS, SEGMENT_DATA, false);
	struct kvm_sregs sregs;
	int ret;

	ret = vcpu_ioctl(vcpu, KVM_GET_SREGS, "KVM_GET_SREGS", &sregs);
	if (ret < 0)
		return ret;
	sregs.cs = make_segment(LINUX_BOOT_CS, SEGMENT_CODE, true);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	/* Entry checks want a busy TSS in 64-bit mode, though nothing uses it. */
	sregs.tr = (struct kvm_segment){ .limit = 0x67, .type = SEGMENT_TSS_BUSY, .present = 1 };
	sregs.gdt.base = entry->gdt;
	sregs.gdt.limit = entry->gdt_limit;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_PG;
	sregs.cr3 = entry->cr3;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LME | EFER_LMA;
	return vcpu_ioctl(vcpu, KVM_SET_SREGS, "KVM_SET_SREGS", &sregs);
}

/**
 * vcpu_set_entry() - set the registers of the 64-bit boot protocol
 * @vcpu: the first one, created, with its CPUID set
 * @entry: of the loaded kernel
 *
 * Return: 0, or a negative errno after a message.
 */
int vcpu_set_entry(struct vcpu *vcpu, const struct linux_entry *entry)
{
	struct kvm_regs regs = {
		.rip = entry->rip, .rsi = entry->rsi, .rflags = RFLAGS_ALWAYS_1,
	};
	int ret;

	ret = set_sregs(vcpu, entry);
	if (!ret)
		ret = vcpu_ioctl(vcpu, KVM_SET_REGS, "KVM_SET_REGS", &regs);
	if (!ret)
		ret = set_lapic(vcpu);
	return ret;
}

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t i;

	for (i = 0; i < run->io.count; i++, data += run->io.size)
		iobus_access(vcpu->shared->ports, run->io.port, data, run->io.size,
			     run->io.direction == KVM_EXIT_IO_OUT);
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	iobus_access(vcpu->shared->memory, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
		     run->mmio.is_write);
}

static void end_with_state(struct vcpu *vcpu, enum outcome outcome)
{
	vcpu_report_state(vcpu);
	outcome_set(vcpu->shared->outcome, outcome);
}

static void handle_shutdown(struct vcpu *vcpu)
{
	report("vCPU %u: triple fault, the guest could not handle an exception", vcpu->id);
	end_with_state(vcpu, OUTCOME_TRIPLE_FAULT);
}

static void handle_system_event(struct vcpu *vcpu)
{
	static const struct { uint32_t type; enum outcome outcome; } events[] = {
		{ KVM_SYSTEM_EVENT_SHUTDOWN, OUTCOME_POWER_OFF },
		{ KVM_SYSTEM_EVENT_RESET, OUTCOME_REBOOT },
		{ KVM_SYSTEM_EVENT_CRASH, OUTCOME_PANIC },
	};
	uint32_t type = vcpu->run->system_event.type;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		if (type != events[i].type)
			continue;
		outcome_set(vcpu->shared->outcome, events[i].outcome);
		return;
	}
	report("internal error: system event %u is not known to this launcher", type);
	end_with_state(vcpu, OUTCOME_INTERNAL_ERROR);
}

static void handle_fail_entry(struct vcpu *vcpu)
{
	report("internal error: the CPU refused to enter the guest on vCPU %u, reason 0x%" PRIx64,
	       vcpu->id, (uint64_t)vcpu->run->fail_entry.hardware_entry_failure_reason);
	report("try: look at the host's kernel log; boot with --cpus 1; report the lines below");
	end_with_state(vcpu, OUTCOME_INTERNAL_ERROR);
}

/* What the module could not do, and what a person can try. */
static const struct { uint32_t suberror; const char *what; const char *advice; } suberrors[] = {
	{ KVM_INTERNAL_ERROR_EMULATION, "an instruction that the module cannot emulate",
	  "another kernel or fewer devices in --append; report the bytes below" },
	{ KVM_INTERNAL_ERROR_SIMUL_EX, "two events at once that the CPU cannot deliver",
	  "--cpus 1; report the lines below and the host's kernel log" },
	{ KVM_INTERNAL_ERROR_DELIVERY_EV, "an exit while an event was being delivered",
	  "another kernel; report the lines below and the host's kernel log" },
	{ KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, "an exit that the module does not know",
	  "report the lines below with the host's CPU model" },
};

static void report_error_data(const struct kvm_run *run)
{
	uint32_t i, count = run->internal.ndata;

	if (count > ARRAY_SIZE(run->internal.data))
		count = ARRAY_SIZE(run->internal.data);
	for (i = 0; i < count; i++)
		report("  data[%u] = 0x%" PRIx64, i, (uint64_t)run->internal.data[i]);
}

static void handle_internal_error(struct vcpu *vcpu)
{
	uint32_t suberror = vcpu->run->internal.suberror;
	const char *what = "an error that this launcher does not know";
	const char *advice = "the launcher that was built with the module; report the lines below";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suberrors); i++) {
		if (suberrors[i].suberror != suberror)
			continue;
		what = suberrors[i].what;
		advice = suberrors[i].advice;
	}
	report("internal error %u on vCPU %u: %s", suberror, vcpu->id, what);
	report("try: %s", advice);
	report_error_data(vcpu->run);
	end_with_state(vcpu, OUTCOME_INTERNAL_ERROR);
}

static void handle_unknown(struct vcpu *vcpu)
{
	report("internal error: exit %u on vCPU %u is not known to this launcher (hardware 0x%"
	       PRIx64 ")", vcpu->run->exit_reason, vcpu->id,
	       (uint64_t)vcpu->run->hw.hardware_exit_reason);
	report("try: report the lines below with the host's CPU model and kernel log");
	end_with_state(vcpu, OUTCOME_INTERNAL_ERROR);
}

/* A signal or a request that needed no device: just enter again. */
static void handle_nothing(struct vcpu *vcpu)
{
	(void)vcpu;
}

/* HLT never gets here: the interrupt controllers, and so halting, are in the module. */
static void (*const exit_handlers[])(struct vcpu *vcpu) = {
	[KVM_EXIT_IO] = handle_io,
	[KVM_EXIT_MMIO] = handle_mmio,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = handle_nothing,
	[KVM_EXIT_INTR] = handle_nothing,
	[KVM_EXIT_SHUTDOWN] = handle_shutdown,
	[KVM_EXIT_SYSTEM_EVENT] = handle_system_event,
	[KVM_EXIT_FAIL_ENTRY] = handle_fail_entry,
	[KVM_EXIT_INTERNAL_ERROR] = handle_internal_error,
};

static void handle_exit(struct vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;

	if (reason < ARRAY_SIZE(exit_handlers) && exit_handlers[reason])
		exit_handlers[reason](vcpu);
	else
		handle_unknown(vcpu);
}

static void *run_thread(void *argument)
{
	struct vcpu *vcpu = argument;

	while (outcome_get(vcpu->shared->outcome) == OUTCOME_RUNNING) {
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			handle_exit(vcpu);
		} else if (errno != EINTR && errno != EAGAIN) {
			/* EAGAIN: a vCPU that was waiting for INIT has got it. */
			report("internal error: KVM_RUN on vCPU %u failed: %s", vcpu->id,
			       strerror(errno));
			end_with_state(vcpu, OUTCOME_INTERNAL_ERROR);
		}
	}
	return NULL;
}

static void handle_kick(int signal)
{
	(void)signal;
}

/**
 * vcpu_start() - run the vCPU in a thread of its own
 * @vcpu: created
 *
 * Return: 0, or a negative errno after a message.
 */
int vcpu_start(struct vcpu *vcpu)
{
	/* No SA_RESTART: a write to a stuck terminal must end, too. */
	struct sigaction action = { .sa_handler = handle_kick };
	int ret;

	sigaction(KICK_SIGNAL, &action, NULL);
	ret = pthread_create(&vcpu->thread, NULL, run_thread, vcpu);
	if (ret) {
		report("cannot start the thread of vCPU %u: %s", vcpu->id, strerror(ret));
		return -ret;
	}
	vcpu->is_started = true;
	return 0;
}

/**
 * vcpu_stop() - end the vCPU's thread
 * @vcpu: the outcome of its VM is set
 *
 * immediate_exit closes the gap between the thread's look at the outcome and KVM_RUN: a signal
 * that comes just before KVM_RUN would be lost without it. The kick is repeated for the same
 * gap before a write to the terminal, which has no such flag.
 */
void vcpu_stop(struct vcpu *vcpu)
{
	struct timespec deadline;

	if (!vcpu->is_started)
		return;
	vcpu->is_started = false;
	*(volatile uint8_t *)&vcpu->run->immediate_exit = 1;
	do {
		pthread_kill(vcpu->thread, KICK_SIGNAL);
		clock_gettime(CLOCK_REALTIME, &deadline);
		deadline.tv_nsec += KICK_PERIOD_NS;
		if (deadline.tv_nsec >= 1000000000) {
			deadline.tv_nsec -= 1000000000;
			deadline.tv_sec++;
		}
	} while (pthread_timedjoin_np(vcpu->thread, NULL, &deadline) == ETIMEDOUT);
}
