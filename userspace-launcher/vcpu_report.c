// SPDX-License-Identifier: GPL-2.0
/*
 * What a vCPU was doing when the guest ended badly: registers and the bytes at RIP, found by a
 * walk of the guest's own page tables. Read-only. Floor 4 of the launcher.
 */
#include "vcpu.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "report.h"
#include "util.h"

#define CR0_PE		0x00000001ull
#define CR0_PG		0x80000000ull
#define CR4_PAE		0x00000020ull
#define CR4_LA57	0x00001000ull
#define EFER_LMA	0x00000400ull
#define RFLAGS_VM	0x00020000ull
#define PTE_PRESENT	0x001ull
#define PTE_LARGE	0x080ull
#define PTE_ADDRESS	0x000ffffffffff000ull
#define LEVEL_BITS	9
#define PAGE_SHIFT	12

#define SHOWN_BYTES	16

/*
 * Levels of the tables: five or four in long mode, three with PAE. The old 32-bit format is not
 * walked: no 64-bit guest gets there by itself.
 */
static int table_levels(const struct kvm_sregs *sregs)
{
	if (!(sregs->cr4 & CR4_PAE))
		return 0;
	if (!(sregs->efer & EFER_LMA))
		return 3;
	return sregs->cr4 & CR4_LA57 ? 5 : 4;
}

static bool translate(const struct vcpu *vcpu, const struct kvm_sregs *sregs, uint64_t address,
		      gpa_t *gpa)
{
	int level = table_levels(sregs);
	gpa_t table = sregs->cr3 & (level == 3 ? 0xffffffe0ull : PTE_ADDRESS);

	if (!(sregs->cr0 & CR0_PG)) {
		*gpa = address;
		return true;
	}
	for (; level > 0; level--) {
		unsigned int shift = PAGE_SHIFT + LEVEL_BITS * (level - 1);
		uint64_t index = address >> shift & ((1 << LEVEL_BITS) - 1);
		const uint64_t *entry = guest_ram_ptr(vcpu->shared->ram, table + 8 * index, 8);

		if (!entry || !(*entry & PTE_PRESENT))
			return false;
		table = *entry & PTE_ADDRESS;
		if (level == 1 || (level <= 3 && *entry & PTE_LARGE)) {
			uint64_t offset_mask = (1ull << shift) - 1;

			*gpa = (table & ~offset_mask) | (address & offset_mask);
			return true;
		}
	}
	return false;
}

static void report_bytes(const struct vcpu *vcpu, const struct kvm_regs *regs,
			 const struct kvm_sregs *sregs)
{
	bool is_64bit = (sregs->efer & EFER_LMA) && sregs->cs.l;
	uint64_t address = is_64bit ? regs->rip : (uint32_t)(sregs->cs.base + regs->rip);
	char text[3 * SHOWN_BYTES + 1] = "";
	unsigned int i;

	for (i = 0; i < SHOWN_BYTES; i++) {
		const uint8_t *byte;
		gpa_t gpa;

		if (!translate(vcpu, sregs, address + i, &gpa))
			break;
		byte = guest_ram_ptr(vcpu->shared->ram, gpa, 1);
		if (!byte)
			break;
		snprintf(text + 3 * i, 4, " %02x", *byte);
	}
	report("  bytes at RIP:%s", i ? text : " (not in the guest's memory)");
}

static void report_segment(const char *name, const struct kvm_segment *segment)
{
	report("  %s %04x base %016" PRIx64 " limit %08x type %x dpl %u%s%s", name,
	       segment->selector, (uint64_t)segment->base, segment->limit, segment->type,
	       segment->dpl, segment->l ? " 64-bit" : "", segment->unusable ? " unusable" : "");
}

static void report_regs(const struct kvm_regs *regs)
{
	const struct { const char *name; uint64_t value; } shown[] = {
		{ "RIP", regs->rip }, { "RFL", regs->rflags }, { "RSP", regs->rsp },
		{ "RAX", regs->rax }, { "RBX", regs->rbx }, { "RCX", regs->rcx },
		{ "RDX", regs->rdx }, { "RSI", regs->rsi }, { "RDI", regs->rdi },
		{ "RBP", regs->rbp }, { "R8 ", regs->r8 }, { "R9 ", regs->r9 },
		{ "R10", regs->r10 }, { "R11", regs->r11 }, { "R12", regs->r12 },
		{ "R13", regs->r13 }, { "R14", regs->r14 }, { "R15", regs->r15 },
	};
	size_t i;

	for (i = 0; i + 2 < ARRAY_SIZE(shown); i += 3)
		report("  %s %016" PRIx64 "  %s %016" PRIx64 "  %s %016" PRIx64,
		       shown[i].name, shown[i].value, shown[i + 1].name, shown[i + 1].value,
		       shown[i + 2].name, shown[i + 2].value);
}

/**
 * vcpu_report_state() - print registers and the bytes at RIP
 * @vcpu: its own thread calls, outside KVM_RUN
 */
void vcpu_report_state(const struct vcpu *vcpu)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (vcpu_ioctl(vcpu, KVM_GET_REGS, "KVM_GET_REGS", &regs) < 0 ||
	    vcpu_ioctl(vcpu, KVM_GET_SREGS, "KVM_GET_SREGS", &sregs) < 0)
		return;
	report_regs(&regs);
	report("  CR0 %016" PRIx64 "  CR2 %016" PRIx64 "  CR3 %016" PRIx64, (uint64_t)sregs.cr0,
	       (uint64_t)sregs.cr2, (uint64_t)sregs.cr3);
	report("  CR4 %016" PRIx64 "  CR8 %016" PRIx64 "  EFER %016" PRIx64, (uint64_t)sregs.cr4,
	       (uint64_t)sregs.cr8, (uint64_t)sregs.efer);
	report_segment("CS", &sregs.cs);
	report_segment("SS", &sregs.ss);
	report_bytes(vcpu, &regs, &sregs);
}
