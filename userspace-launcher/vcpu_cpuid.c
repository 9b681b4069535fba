// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUID that a guest sees: what the module supports, with this vCPU's APIC id and a topology
 * of one package with one thread per core put in, and the one register whose state a CPUID bit
 * makes the firmware's duty. Floor 4 of the launcher.
 */
#include "vcpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "report.h"
#include "util.h"

#define CPUID_FIRST_GUESS	64
#define CPUID_MOST		4096

#define LEAF1_ECX_TSC_DEADLINE	(1u << 24)
#define LEAF1_ECX_HYPERVISOR	(1u << 31)
#define LEAF1_EDX_MTRR		(1u << 12)
#define LEAF1_EDX_HTT		(1u << 28)
#define EXT1_ECX_CMP_LEGACY	(1u << 1)

#define MSR_MTRR_DEF_TYPE	0x2ff
#define MTRR_ENABLED_WB		0x806	/* enabled, everything write-back */

/* Levels of leaves 0xb and 0x1f. */
#define TOPOLOGY_SMT		1
#define TOPOLOGY_CORE		2

struct fixup {
	uint32_t apic_id;
	uint32_t nr_cpus;
	uint32_t id_bits;	/* APIC id bits that tell the cores of the package apart */
	bool has_tsc_deadline;
};

static void fix_leaf1(struct kvm_cpuid_entry2 *entry, const struct fixup *fixup)
{
	uint32_t logical = 1u << fixup->id_bits;

	if (logical > 255)
		logical = 255;
	entry->ebx = (entry->ebx & 0xffff) | logical << 16 | (fixup->apic_id & 0xff) << 24;
	entry->ecx |= LEAF1_ECX_HYPERVISOR;
	/* The module announces the deadline timer by a capability: it needs the in-kernel LAPIC. */
	entry->ecx &= ~LEAF1_ECX_TSC_DEADLINE;
	if (fixup->has_tsc_deadline)
		entry->ecx |= LEAF1_ECX_TSC_DEADLINE;
	entry->edx &= ~LEAF1_EDX_HTT;
	if (fixup->nr_cpus > 1)
		entry->edx |= LEAF1_EDX_HTT;
}

/* Deterministic cache parameters: cores of the package, and every cache private to a core. */
static void fix_leaf4(struct kvm_cpuid_entry2 *entry, const struct fixup *fixup)
{
	uint32_t cores = 1u << fixup->id_bits;

	if (!(entry->eax & 0x1f))
		return;		/* no more caches */
	if (cores > 64)
		cores = 64;
	entry->eax = (entry->eax & 0x3fff) | (cores - 1) << 26;
}

static void fix_topology(struct kvm_cpuid_entry2 *entry, const struct fixup *fixup)
{
	entry->eax = 0;
	entry->ebx = 0;
	entry->ecx = entry->index & 0xff;
	entry->edx = fixup->apic_id;
	if (entry->index == 0) {
		entry->ebx = 1;
		entry->ecx |= TOPOLOGY_SMT << 8;
	} else if (entry->index == 1) {
		entry->eax = fixup->id_bits;
		entry->ebx = fixup->nr_cpus;
		entry->ecx |= TOPOLOGY_CORE << 8;
	}
}

static void fix_ext1(struct kvm_cpuid_entry2 *entry, const struct fixup *fixup)
{
	entry->ecx &= ~EXT1_ECX_CMP_LEGACY;
	if (fixup->nr_cpus > 1)
		entry->ecx |= EXT1_ECX_CMP_LEGACY;
}

static void fix_ext8(struct kvm_cpuid_entry2 *entry, const struct fixup *fixup)
{
	uint32_t cores = fixup->nr_cpus > 256 ? 256 : fixup->nr_cpus;

	entry->ecx = (entry->ecx & ~0xf0ffu) | (cores - 1) | fixup->id_bits << 12;
}

/* Cache topology of AMD: like leaf 4, the number of CPUs that share each cache is one. */
static void fix_ext1d(struct kvm_cpuid_entry2 *entry, const struct fixup *fixup)
{
	(void)fixup;
	entry->eax &= 0x3fff;
}

static void fix_ext1e(struct kvm_cpuid_entry2 *entry, const struct fixup *fixup)
{
	entry->eax = fixup->apic_id;
	entry->ebx = fixup->apic_id & 0xff;	/* core id; one thread per core */
	entry->ecx = 0;				/* one node */
}

/*
 * What differs from vCPU to vCPU, or depends on their number. A leaf that the module does not
 * list stays absent, but for 0xb: it is the only one that holds an APIC id of more than 8 bits.
 */
static const struct {
	uint32_t leaf;
	void (*fix)(struct kvm_cpuid_entry2 *entry, const struct fixup *fixup);
} fixups[] = {
	{ 0x00000001, fix_leaf1 },
	{ 0x00000004, fix_leaf4 },
	{ 0x0000000b, fix_topology },
	{ 0x0000001f, fix_topology },
	{ 0x80000001, fix_ext1 },
	{ 0x80000008, fix_ext8 },
	{ 0x8000001d, fix_ext1d },
	{ 0x8000001e, fix_ext1e },
};

static struct kvm_cpuid2 *get_supported(int dev_fd)
{
	uint32_t room;

	for (room = CPUID_FIRST_GUESS; room <= CPUID_MOST; room *= 2) {
		/* Two more for the topology leaf, should it have to be added. */
		struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
						  (room + 2) * sizeof(cpuid->entries[0]));

		if (!cpuid)
			break;
		cpuid->nent = room;
		if (!ioctl(dev_fd, KVM_GET_SUPPORTED_CPUID, cpuid))
			return cpuid;
		free(cpuid);
		if (errno != E2BIG)
			break;
	}
	report("KVM_GET_SUPPORTED_CPUID failed: %s", strerror(errno));
	return NULL;
}

static struct kvm_cpuid_entry2 *find_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf,
					   uint32_t index)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	return NULL;
}

static void add_topology(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *limit = find_entry(cpuid, 0, 0);
	uint32_t index;

	for (index = 0; index < 2; index++) {
		if (find_entry(cpuid, 0xb, index))
			continue;
		cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
			.function = 0xb, .index = index,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		};
	}
	if (limit && limit->eax < 0xb)
		limit->eax = 0xb;
}

static void apply_fixups(struct kvm_cpuid2 *cpuid, const struct fixup *fixup)
{
	uint32_t i;
	size_t j;

	for (i = 0; i < cpuid->nent; i++)
		for (j = 0; j < ARRAY_SIZE(fixups); j++)
			if (cpuid->entries[i].function == fixups[j].leaf)
				fixups[j].fix(&cpuid->entries[i], fixup);
}

/*
 * Firmware switches the MTRRs on, on every CPU and in the same way; Linux does without PAT where
 * they are off, and complains where they differ.
 */
static int set_mtrr(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head = { .nmsrs = 1 },
		.entry = { .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLED_WB },
	};
	int ret = vcpu_ioctl(vcpu, KVM_SET_MSRS, "KVM_SET_MSRS", &msrs.head);

	if (ret == 1 || ret < 0)
		return ret < 0 ? ret : 0;
	report("the module shows MTRRs in CPUID and refuses their register");
	return -EINVAL;
}

/**
 * vcpu_set_cpuid() - set what CPUID answers on this vCPU, and the MTRRs if it has them
 * @vcpu: created, has not run
 * @dev_fd: the module's node
 * @nr_cpus: of the guest
 *
 * Return: 0, or a negative errno after a message.
 */
int vcpu_set_cpuid(struct vcpu *vcpu, int dev_fd, unsigned int nr_cpus)
{
	struct kvm_cpuid2 *cpuid = get_supported(dev_fd);
	struct kvm_cpuid_entry2 *leaf1;
	struct fixup fixup = { .apic_id = vcpu->id, .nr_cpus = nr_cpus };
	int ret;

	if (!cpuid)
		return -EIO;
	while (1u << fixup.id_bits < nr_cpus)
		fixup.id_bits++;
	fixup.has_tsc_deadline =
		ioctl(dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	add_topology(cpuid);
	apply_fixups(cpuid, &fixup);
	ret = vcpu_ioctl(vcpu, KVM_SET_CPUID2, "KVM_SET_CPUID2", cpuid);
	leaf1 = find_entry(cpuid, 1, 0);
	if (!ret && leaf1 && leaf1->edx & LEAF1_EDX_MTRR)
		ret = set_mtrr(vcpu);
	free(cpuid);
	return ret;
}
