// SPDX-License-Identifier: GPL-2.0
/*
 * vCPU creation, the modes a test starts a guest in, running and the host's
 * half of the ucall.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "vcpu.h"

#define STACK_PAGES 4

static const char *exit_name(uint32_t reason)
{
	static const char * const names[] = {
		[KVM_EXIT_UNKNOWN] = "UNKNOWN",
		[KVM_EXIT_EXCEPTION] = "EXCEPTION",
		[KVM_EXIT_IO] = "IO",
		[KVM_EXIT_HYPERCALL] = "HYPERCALL",
		[KVM_EXIT_DEBUG] = "DEBUG",
		[KVM_EXIT_HLT] = "HLT",
		[KVM_EXIT_MMIO] = "MMIO",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
		[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
		[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
		[KVM_EXIT_INTR] = "INTR",
		[KVM_EXIT_SET_TPR] = "SET_TPR",
		[KVM_EXIT_TPR_ACCESS] = "TPR_ACCESS",
		[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
		[KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
		[KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
	};

	if (reason < ARRAY_SIZE(names) && names[reason])
		return names[reason];
	return "?";
}

static void describe_exit_data(const struct kvm_run *run)
{
	uint32_t i;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		test_note("io: %s port %#x, size %u, count %u",
			  run->io.direction == KVM_EXIT_IO_IN ? "in" : "out", run->io.port,
			  run->io.size, run->io.count);
		break;
	case KVM_EXIT_MMIO:
		test_note("mmio: %s %#llx, %u bytes", run->mmio.is_write ? "write" : "read",
			  (unsigned long long)run->mmio.phys_addr, run->mmio.len);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		test_note("hardware reason %#llx",
			  (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_UNKNOWN:
		test_note("hardware reason %#llx",
			  (unsigned long long)run->hw.hardware_exit_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		test_note("suberror %u, %u data", run->internal.suberror, run->internal.ndata);
		for (i = 0; i < run->internal.ndata && i < ARRAY_SIZE(run->internal.data); i++)
			test_note("data[%u] %#llx", i, (unsigned long long)run->internal.data[i]);
		break;
	}
}

void vcpu_describe(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	uint64_t linear;

	test_note("vCPU %u: exit %u (%s)", vcpu->id, vcpu->run->exit_reason,
		  exit_name(vcpu->run->exit_reason));
	describe_exit_data(vcpu->run);
	if (__vcpu_ioctl(vcpu, KVM_GET_REGS, &regs) ||
	    __vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return;
	linear = sregs.cs.base + regs.rip;
	test_note("rip %#llx rsp %#llx rflags %#llx cs %#x cr0 %#llx cr2 %#llx cr3 %#llx cr4 %#llx efer %#llx",
		  (unsigned long long)regs.rip, (unsigned long long)regs.rsp,
		  (unsigned long long)regs.rflags, sregs.cs.selector,
		  (unsigned long long)sregs.cr0, (unsigned long long)sregs.cr2,
		  (unsigned long long)sregs.cr3, (unsigned long long)sregs.cr4,
		  (unsigned long long)sregs.efer);
	if (linear < vcpu->vm->ram_bytes - 8) {
		const uint8_t *bytes = vcpu->vm->ram + linear;

		test_note("bytes %02x %02x %02x %02x %02x %02x %02x %02x", bytes[0], bytes[1],
			  bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
	}
}

struct vcpu *vcpu_create(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int node;

	TEST_ASSERT(vcpu, "out of memory");
	TEST_ASSERT(id < VM_MAX_VCPUS && !vm->vcpus[id], "vCPU %u", id);
	node = node_open(O_RDWR);
	vcpu->run_bytes = fd_ioctl(node, KVM_GET_VCPU_MMAP_SIZE, 0);
	close(node);
	TEST_ASSERT(vcpu->run_bytes >= sizeof(*vcpu->run), "%zu bytes", vcpu->run_bytes);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = vm_ioctl(vm, KVM_CREATE_VCPU, id);
	vcpu->run = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	TEST_ASSERT(vcpu->run != MAP_FAILED, "vCPU %u", id);
	vm->vcpus[id] = vcpu;
	return vcpu;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	vcpu->vm->vcpus[vcpu->id] = NULL;
	munmap(vcpu->run, vcpu->run_bytes);
	TEST_ASSERT(!close(vcpu->fd), "close of vCPU %u", vcpu->id);
	free(vcpu);
}

/* The supported CPUID with the vCPU's APIC id in it; the caller frees it. */
static struct kvm_cpuid2 *make_cpuid(struct vcpu *vcpu)
{
	const struct kvm_cpuid2 *supported = node_supported_cpuid();
	size_t bytes = sizeof(*supported) + supported->nent * sizeof(supported->entries[0]);
	struct kvm_cpuid2 *cpuid = malloc(bytes);
	uint32_t i;

	TEST_ASSERT(cpuid, "out of memory");
	memcpy(cpuid, supported, bytes);
	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == 1)
			entry->ebx = (entry->ebx & 0xffffff) | vcpu->id << 24;
		else if (entry->function == 0xb)
			entry->edx = vcpu->id;
	}
	return cpuid;
}

void vcpu_set_supported_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = make_cpuid(vcpu);

	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

void vcpu_set_cpuid_bit(struct vcpu *vcpu, uint32_t function, uint32_t index,
			enum cpuid_register reg, unsigned int bit)
{
	struct kvm_cpuid2 *cpuid = make_cpuid(vcpu);
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, function, index);

	TEST_ASSERT(entry, "leaf %#x.%u", function, index);
	/* EAX to EDX lie side by side. */
	(&entry->eax)[reg] |= 1u << bit;
	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static struct kvm_segment make_segment(uint16_t selector, uint8_t type, bool is_long)
{
	struct kvm_segment segment = {
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = !is_long,
		.l = is_long,
	};

	return segment;
}

static void set_data_segments(struct kvm_sregs *sregs, struct kvm_segment data)
{
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
}

static void set_tables(struct kvm_sregs *sregs, unsigned int id)
{
	sregs->gdt.base = GPA_GDT;
	sregs->gdt.limit = SEL_TSS + 16 * VM_MAX_VCPUS - 1;
	sregs->idt.base = GPA_IDT;
	sregs->idt.limit = PAGE_BYTES - 1;
	memset(&sregs->tr, 0, sizeof(sregs->tr));
	sregs->tr.base = GPA_TSS + 256 * id;
	sregs->tr.limit = 0x67;
	sregs->tr.selector = SEL_TSS + 16 * id;
	sregs->tr.type = 11;
	sregs->tr.present = 1;
	memset(&sregs->ldt, 0, sizeof(sregs->ldt));
	sregs->ldt.unusable = 1;
	sregs->ldt.type = 2;
}

void vcpu_set_entry(struct vcpu *vcpu, void (*entry)(void))
{
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	struct kvm_regs regs = { .rflags = X86_EFLAGS_FIXED, .rip = (uintptr_t)entry };
	uint64_t return_address = (uintptr_t)guest_return;

	sregs.cs = make_segment(SEL_CODE64, 11, true);
	set_data_segments(&sregs, make_segment(SEL_DATA, 3, false));
	set_tables(&sregs, vcpu->id);
	sregs.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
	sregs.cr3 = GPA_PML4;
	sregs.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	sregs.efer = EFER_LME | EFER_LMA | EFER_NX;
	vcpu_set_sregs(vcpu, &sregs);

	if (!vcpu->stack_top)
		vcpu->stack_top = vm_alloc_pages(vcpu->vm, STACK_PAGES) + STACK_PAGES * PAGE_BYTES;
	/* As after a CALL: the return address makes RSP 8 modulo 16. */
	regs.rsp = vcpu->stack_top - 8;
	vm_copy_in(vcpu->vm, regs.rsp, &return_address, sizeof(return_address));
	vcpu_set_regs(vcpu, &regs);
}

void vcpu_set_arg(struct vcpu *vcpu, unsigned int index, uint64_t value)
{
	struct kvm_regs regs = vcpu_regs(vcpu);

	switch (index) {
	case 0:
		regs.rdi = value;
		break;
	case 1:
		regs.rsi = value;
		break;
	case 2:
		regs.rdx = value;
		break;
	default:
		regs.rcx = value;
		break;
	}
	vcpu_set_regs(vcpu, &regs);
}

struct vcpu *vcpu_add(struct vm *vm, unsigned int id, void (*entry)(void))
{
	struct vcpu *vcpu = vcpu_create(vm, id);
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	vcpu_set_supported_cpuid(vcpu);
	vcpu_set_entry(vcpu, entry);
	/* With an irqchip in the kernel, others than vCPU 0 wait for INIT and SIPI. */
	if (vm->has_irqchip && id)
		vcpu_ioctl(vcpu, KVM_SET_MP_STATE, &runnable);
	return vcpu;
}

void vcpu_set_real_mode(struct vcpu *vcpu, uint64_t gpa)
{
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	struct kvm_regs regs = { .rflags = X86_EFLAGS_FIXED, .rip = gpa, .rsp = 0x7000 };
	struct kvm_segment segment = {
		.limit = 0xffff, .type = 3, .present = 1, .s = 1,
	};

	set_data_segments(&sregs, segment);
	segment.type = 11;
	sregs.cs = segment;
	sregs.idt.base = 0;
	sregs.idt.limit = 0x3ff;
	sregs.cr0 = X86_CR0_ET;
	sregs.cr3 = 0;
	sregs.cr4 = 0;
	sregs.efer = 0;
	vcpu_set_sregs(vcpu, &sregs);
	vcpu_set_regs(vcpu, &regs);
}

void vcpu_set_flat_mode(struct vcpu *vcpu, uint64_t gpa)
{
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	struct kvm_regs regs = { .rflags = X86_EFLAGS_FIXED, .rip = gpa, .rsp = 0x7000 };

	sregs.cs = make_segment(SEL_CODE32, 11, false);
	set_data_segments(&sregs, make_segment(SEL_DATA, 3, false));
	set_tables(&sregs, vcpu->id);
	sregs.cr0 = X86_CR0_PE | X86_CR0_ET;
	sregs.cr3 = 0;
	sregs.cr4 = X86_CR4_OSFXSR;
	sregs.efer = 0;
	vcpu_set_sregs(vcpu, &sregs);
	vcpu_set_regs(vcpu, &regs);
}

int __vcpu_enable_cap(struct vcpu *vcpu, uint32_t capability, uint64_t arg)
{
	struct kvm_enable_cap cap = { .cap = capability, .args = { arg } };

	return __vcpu_ioctl(vcpu, KVM_ENABLE_CAP, &cap);
}

struct kvm_regs vcpu_regs(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	vcpu_ioctl(vcpu, KVM_GET_REGS, &regs);
	return regs;
}

void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	vcpu_ioctl(vcpu, KVM_SET_REGS, regs);
}

struct kvm_sregs vcpu_sregs(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs);
	return sregs;
}

void vcpu_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	vcpu_ioctl(vcpu, KVM_SET_SREGS, sregs);
}

/* struct kvm_msrs ends in an empty array, so one entry is spelled out. */
struct one_msr {
	struct kvm_msrs header;
	struct kvm_msr_entry entry;
};

int __vcpu_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	struct one_msr msr = { .header.nmsrs = 1, .entry.index = index };
	int ret = __vcpu_ioctl(vcpu, KVM_GET_MSRS, &msr);

	if (ret == 1)
		*value = msr.entry.data;
	return ret < 0 ? ret : ret == 1 ? 0 : -ENOENT;
}

int __vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct one_msr msr = { .header.nmsrs = 1, .entry.index = index, .entry.data = value };
	int ret = __vcpu_ioctl(vcpu, KVM_SET_MSRS, &msr);

	return ret < 0 ? ret : ret == 1 ? 0 : -ENOENT;
}

uint64_t vcpu_get_msr(struct vcpu *vcpu, uint32_t index)
{
	uint64_t value = 0;
	int ret = __vcpu_get_msr(vcpu, index, &value);

	TEST_ASSERT(!ret, "MSR %#x: %d", index, ret);
	return value;
}

void vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	int ret = __vcpu_set_msr(vcpu, index, value);

	TEST_ASSERT(!ret, "MSR %#x = %#llx: %d", index, (unsigned long long)value, ret);
}

int __vcpu_run(struct vcpu *vcpu)
{
	return __vcpu_ioctl(vcpu, KVM_RUN, 0);
}

void vcpu_check_exit(struct vcpu *vcpu, uint32_t reason, const char *file, int line)
{
	struct ucall ucall;

	if (vcpu->run->exit_reason == reason)
		return;
	/* A guest that complains says more than the wrong exit does. */
	if (vcpu_is_ucall(vcpu, &ucall))
		vcpu_check_ucall(vcpu, file, line);
	vcpu_describe(vcpu);
	test_fail(file, line, 0, NULL, "exit %u (%s) instead of %u (%s)",
		  vcpu->run->exit_reason, exit_name(vcpu->run->exit_reason), reason,
		  exit_name(reason));
}

bool vcpu_is_ucall(struct vcpu *vcpu, struct ucall *ucall)
{
	const struct kvm_run *run = vcpu->run;
	uint32_t gpa;

	if (run->exit_reason != KVM_EXIT_IO || run->io.port != UCALL_PORT ||
	    run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4 || run->io.count != 1)
		return false;
	memcpy(&gpa, (const uint8_t *)run + run->io.data_offset, sizeof(gpa));
	memcpy(ucall, vm_hva(vcpu->vm, gpa, sizeof(*ucall)), sizeof(*ucall));
	return true;
}

struct ucall vcpu_check_ucall(struct vcpu *vcpu, const char *file, int line)
{
	struct ucall ucall;

	if (!vcpu_is_ucall(vcpu, &ucall)) {
		vcpu_describe(vcpu);
		test_fail(file, line, 0, NULL, "the guest did not report");
	}
	switch (ucall.command) {
	case UCALL_SYNC:
	case UCALL_DONE:
		return ucall;
	case UCALL_ASSERT:
		/* The strings are in the image, the same in host and guest. */
		test_fail((const char *)(uintptr_t)ucall.args[0], ucall.args[1], 0,
			  (const char *)(uintptr_t)ucall.args[2],
			  "in vCPU %u of the guest: %#llx, %#llx", vcpu->id,
			  (unsigned long long)ucall.args[3], (unsigned long long)ucall.args[4]);
	case UCALL_TRAP:
		test_fail(file, line, 0, NULL,
			  "vCPU %u took vector %llu, error %#llx, RIP %#llx, CR2 %#llx", vcpu->id,
			  (unsigned long long)ucall.args[0], (unsigned long long)ucall.args[1],
			  (unsigned long long)ucall.args[2], (unsigned long long)ucall.args[3]);
	default:
		test_fail(file, line, 0, NULL, "ucall %#llx", (unsigned long long)ucall.command);
	}
}

static struct ucall run_to_ucall(struct vcpu *vcpu, const char *file, int line)
{
	int ret;

	/* EAGAIN: the vCPU waited for its start-up IPI, which has come. */
	do {
		ret = __vcpu_run(vcpu);
	} while (ret == -EAGAIN);
	if (ret)
		test_fail(file, line, -ret, NULL, "KVM_RUN of vCPU %u", vcpu->id);
	return vcpu_check_ucall(vcpu, file, line);
}

struct ucall vcpu_run_check_sync(struct vcpu *vcpu, uint64_t stage, const char *file, int line)
{
	struct ucall ucall = run_to_ucall(vcpu, file, line);

	if (ucall.command != UCALL_SYNC || ucall.args[0] != stage)
		test_fail(file, line, 0, NULL, "ucall %llu, stage %llu, not stage %llu",
			  (unsigned long long)ucall.command, (unsigned long long)ucall.args[0],
			  (unsigned long long)stage);
	return ucall;
}

void vcpu_run_check_done(struct vcpu *vcpu, const char *file, int line)
{
	while (run_to_ucall(vcpu, file, line).command != UCALL_DONE)
		;
}

void vm_run_check_guest(void (*entry)(void), const char *file, int line)
{
	struct vm *vm = vm_create();

	vcpu_run_check_done(vcpu_add(vm, 0, entry), file, line);
	vm_destroy(vm);
}

static void *run_thread(void *arg)
{
	vcpu_run_done((struct vcpu *)arg);
	return NULL;
}

void vcpu_thread_start(struct vcpu *vcpu)
{
	int error = pthread_create(&vcpu->thread, NULL, run_thread, vcpu);

	TEST_ASSERT(!error, "thread of vCPU %u: %s", vcpu->id, strerror(error));
}

void vcpu_thread_join(struct vcpu *vcpu)
{
	int error = pthread_join(vcpu->thread, NULL);

	TEST_ASSERT(!error, "thread of vCPU %u: %s", vcpu->id, strerror(error));
}
