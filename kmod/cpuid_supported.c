// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: CPUID as it is offered to guests. The table of feature words and the table of
 * leaves below say all of it; what is not named there reads as zero.
 *
 * Offered is only what works: no nested virtualization, no PMU, no protection keys,
 * no CET, no MPX, AMX or SGX. As in KVM, the bits that depend on how user space builds
 * its machine (TSC deadline, hypervisor present) are left to it.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sched/stat.h>
#include <linux/string.h>

#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xstate.h>
#include <asm/kvm_para.h>
#include <asm/processor.h>

#include "caps.h"
#include "cpuid.h"
#include "cpuid_words.h"
#include "fpu.h"
#include "vendor.h"

#define F(name)		BIT(X86_FEATURE_##name % 32)

/*
 * 0x80000021:EAX has names in the kernel for part of its bits only: NO_NESTED_DATA_BP,
 * LFENCE_ALWAYS_SERIALIZING, VERW_CLEAR, NULL_SELECT_CLEARS_BASE, NO_SMM_CTL_MSR.
 */
#define EXT21_NO_NESTED_DATA_BP	BIT(0)
#define EXT21_LFENCE_SERIALIZES	BIT(2)
#define EXT21_NULL_CLEARS_BASE	BIT(6)
#define EXT21_NO_SMM_CTL_MSR	BIT(9)

/* 0x80000008:EBX bit 28: predictive store forwarding can be disabled. */
#define EXT8_PSFD		BIT(28)

#define LEAF1_AND_EXT1_EDX \
	(F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) | F(CX8) | \
	 F(APIC) | F(MTRR) | F(PGE) | F(MCA) | F(CMOV) | F(PAT) | F(PSE36) | F(MMX) | F(FXSR))

const struct feature_word cpuid_words[] = {
	{ 0x1, 0, REG_EDX, CPUID_1_EDX,
	  LEAF1_AND_EXT1_EDX | F(SEP) | F(CLFLUSH) | F(XMM) | F(XMM2) | F(SELFSNOOP), 0 },

	{ 0x1, 0, REG_ECX, CPUID_1_ECX,
	  F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) | F(XMM4_1) |
	  F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) | F(AVX) | F(F16C) | F(RDRAND),
	  F(X2APIC) },

	{ 0x7, 0, REG_EBX, CPUID_7_0_EBX,
	  F(FSGSBASE) | F(BMI1) | F(HLE) | F(AVX2) | F(FDP_EXCPTN_ONLY) | F(SMEP) | F(BMI2) |
	  F(ERMS) | F(INVPCID) | F(RTM) | F(ZERO_FCS_FDS) | F(AVX512F) | F(AVX512DQ) |
	  F(RDSEED) | F(ADX) | F(SMAP) | F(AVX512IFMA) | F(CLFLUSHOPT) | F(CLWB) |
	  F(AVX512PF) | F(AVX512ER) | F(AVX512CD) | F(SHA_NI) | F(AVX512BW) | F(AVX512VL),
	  F(TSC_ADJUST) },

	{ 0x7, 0, REG_ECX, CPUID_7_ECX,
	  F(AVX512VBMI) | F(LA57) | F(RDPID) | F(AVX512_VPOPCNTDQ) | F(UMIP) |
	  F(AVX512_VBMI2) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) | F(AVX512_VNNI) |
	  F(AVX512_BITALG) | F(CLDEMOTE) | F(MOVDIRI) | F(MOVDIR64B), 0 },

	{ 0x7, 0, REG_EDX, CPUID_7_EDX,
	  F(AVX512_4VNNIW) | F(AVX512_4FMAPS) | F(SPEC_CTRL) | F(SPEC_CTRL_SSBD) |
	  F(INTEL_STIBP) | F(MD_CLEAR) | F(AVX512_VP2INTERSECT) | F(FSRM) | F(SERIALIZE) |
	  F(TSXLDTRK) | F(AVX512_FP16),
	  F(ARCH_CAPABILITIES) },

	{ 0x7, 1, REG_EAX, CPUID_7_1_EAX, F(AVX_VNNI) | F(AVX512_BF16), 0 },

	{ 0xd, 1, REG_EAX, CPUID_D_1_EAX, F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) | F(XSAVES), 0 },

	{ 0x80000001, 0, REG_EDX, CPUID_8000_0001_EDX,
	  LEAF1_AND_EXT1_EDX | F(SYSCALL) | F(NX) | F(MMXEXT) | F(FXSR_OPT) | F(GBPAGES) |
	  F(RDTSCP) | F(LM) | F(3DNOWEXT) | F(3DNOW), 0 },

	{ 0x80000001, 0, REG_ECX, CPUID_8000_0001_ECX,
	  F(LAHF_LM) | F(CMP_LEGACY) | F(ABM) | F(SSE4A) | F(MISALIGNSSE) | F(3DNOWPREFETCH) |
	  F(OSVW) | F(XOP) | F(FMA4) | F(TBM) | F(TOPOEXT), 0 },

	{ 0x80000008, 0, REG_EBX, CPUID_8000_0008_EBX,
	  F(CLZERO) | F(XSAVEERPTR) | F(WBNOINVD) | F(AMD_IBPB) | F(AMD_IBRS) | F(AMD_SSBD) |
	  F(VIRT_SSBD) | F(AMD_SSB_NO) | F(AMD_STIBP) | F(AMD_STIBP_ALWAYS_ON) | EXT8_PSFD, 0 },

	{ 0x80000021, 0, REG_EAX, CPUID_8000_0021_EAX,
	  EXT21_NO_NESTED_DATA_BP | EXT21_LFENCE_SERIALIZES | F(VERW_CLEAR) |
	  EXT21_NULL_CLEARS_BASE | F(SRSO_NO),
	  EXT21_NO_SMM_CTL_MSR },
};

const unsigned int cpuid_nr_words = ARRAY_SIZE(cpuid_words);

/**
 * struct passed_leaf - a leaf whose bits, feature words aside, come from the host
 * @function: leaf
 * @mask: bits that pass, by register
 * @is_cache_list: sub-leaves up to the first without a cache type belong to it
 */
struct passed_leaf {
	u32 function;
	u32 mask[4];
	bool is_cache_list;
};

static const struct passed_leaf passed_leaves[] = {
	{ 0x00000000, { ~0u, ~0u, ~0u, ~0u } },		/* range, vendor */
	{ 0x00000001, { ~0u, 0xffff, 0, 0 } },		/* signature; EBX: CLFLUSH size, no ids */
	{ 0x00000002, { ~0u, ~0u, ~0u, ~0u } },		/* cache descriptors */
	{ 0x00000004, { ~0u, ~0u, ~0u, ~0u }, true },	/* caches */
	{ 0x00000007, { ~0u, 0, 0, 0 } },		/* number of sub-leaves */
	{ 0x80000000, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000001, { ~0u, 0xf000ffff, 0, 0 } },
	{ 0x80000002, { ~0u, ~0u, ~0u, ~0u } },		/* name */
	{ 0x80000003, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000004, { ~0u, ~0u, ~0u, ~0u } },
	{ 0x80000005, { ~0u, ~0u, ~0u, ~0u } },		/* L1 */
	{ 0x80000006, { ~0u, ~0u, ~0u, 0xfffcffff } },	/* L2, L3 */
	{ 0x80000008, { 0xffff, 0, 0xf0ff, 0 } },	/* address widths, number of threads */
	{ 0x80000019, { ~0u, ~0u, 0, 0 } },		/* 1 GiB TLBs */
	{ 0x8000001a, { 0x7, 0, 0, 0 } },		/* width of the FPU */
	{ 0x8000001d, { ~0u, ~0u, ~0u, ~0u }, true },	/* caches */
};

#define MAX_CACHE_LEAVES	16

/* CR4 bits that every guest may set, and those that need a feature. */
#define CR4_ALWAYS \
	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | X86_CR4_PAE | \
	 X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

static const struct {
	u64 bit;
	unsigned int feature;
} cr4_features[] = {
	{ X86_CR4_UMIP, X86_FEATURE_UMIP },
	{ X86_CR4_LA57, X86_FEATURE_LA57 },
	{ X86_CR4_FSGSBASE, X86_FEATURE_FSGSBASE },
	{ X86_CR4_PCIDE, X86_FEATURE_PCID },
	{ X86_CR4_OSXSAVE, X86_FEATURE_XSAVE },
	{ X86_CR4_SMEP, X86_FEATURE_SMEP },
	{ X86_CR4_SMAP, X86_FEATURE_SMAP },
};

static const struct {
	u64 bits;
	unsigned int feature;
} efer_features[] = {
	{ EFER_LME | EFER_LMA, X86_FEATURE_LM },
	{ EFER_NX, X86_FEATURE_NX },
	{ EFER_FFXSR, X86_FEATURE_FXSR_OPT },
};

/* Constant once cpuid_setup() is done. */
static u32 supported_words[NCAPINTS];
static struct kvm_cpuid_entry2 supported[LODGE_MAX_CPUID_ENTRIES];
static u32 nr_supported;
static struct { u32 size, offset, flags; } xsave_components[XFEATURE_MAX];

bool cpuid_is_supported(unsigned int feature)
{
	return supported_words[feature / 32] & BIT(feature % 32);
}

static void offer(unsigned int feature, bool condition)
{
	if (condition)
		supported_words[feature / 32] |= BIT(feature % 32);
}

static void refuse_unless(bool condition, unsigned int feature)
{
	if (!condition)
		supported_words[feature / 32] &= ~BIT(feature % 32);
}

/* The host's own answer; zero beyond its last leaf, where Intel CPUs repeat another. */
static void host_cpuid(u32 function, u32 index, struct kvm_cpuid_entry2 *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->function = function;
	entry->index = index;
	if (function <= cpuid_eax(function & 0x80000000))
		cpuid_count(function, index, &entry->eax, &entry->ebx, &entry->ecx, &entry->edx);
}

/*
 * Bits of speculation control. The kernel folds Intel's and AMD's ways of saying the
 * same into bits of its own; a guest of either kind gets all of them.
 */
static void offer_speculation_control(void)
{
	static const unsigned int need_spec_ctrl[] = {
		X86_FEATURE_SPEC_CTRL, X86_FEATURE_INTEL_STIBP, X86_FEATURE_SPEC_CTRL_SSBD,
		X86_FEATURE_AMD_IBRS, X86_FEATURE_AMD_STIBP, X86_FEATURE_AMD_STIBP_ALWAYS_ON,
		X86_FEATURE_AMD_SSBD, CPUID_8000_0008_EBX * 32 + 28,
	};
	int i;

	offer(X86_FEATURE_SPEC_CTRL, boot_cpu_has(X86_FEATURE_IBPB) &&
	      boot_cpu_has(X86_FEATURE_IBRS));
	offer(X86_FEATURE_INTEL_STIBP, boot_cpu_has(X86_FEATURE_STIBP));
	offer(X86_FEATURE_SPEC_CTRL_SSBD, boot_cpu_has(X86_FEATURE_AMD_SSBD));
	offer(X86_FEATURE_AMD_IBRS, boot_cpu_has(X86_FEATURE_IBRS));
	offer(X86_FEATURE_AMD_STIBP, boot_cpu_has(X86_FEATURE_STIBP));
	offer(X86_FEATURE_AMD_SSBD, boot_cpu_has(X86_FEATURE_SPEC_CTRL_SSBD));
	for (i = 0; i < ARRAY_SIZE(need_spec_ctrl); i++)
		refuse_unless(lodge_caps.has_spec_ctrl, need_spec_ctrl[i]);

	offer(X86_FEATURE_AMD_IBPB, boot_cpu_has(X86_FEATURE_IBPB));
	offer(X86_FEATURE_AMD_SSB_NO, !boot_cpu_has_bug(X86_BUG_SPEC_STORE_BYPASS));

	/* SPEC_CTRL is the better way to the same end. */
	refuse_unless(false, X86_FEATURE_VIRT_SSBD);
	offer(X86_FEATURE_VIRT_SSBD, lodge_caps.has_virt_spec_ctrl &&
	      boot_cpu_has(X86_FEATURE_LS_CFG_SSBD) && !boot_cpu_has(X86_FEATURE_AMD_SSBD));
}

static void setup_words(void)
{
	struct kvm_cpuid_entry2 host;
	int i;

	for (i = 0; i < cpuid_nr_words; i++) {
		const struct feature_word *word = &cpuid_words[i];

		host_cpuid(word->function, word->index, &host);
		/* The CPU's word, less what the kernel has switched off. */
		supported_words[word->word] = (word->offered & *cpuid_entry_reg(&host, word->reg) &
					       boot_cpu_data.x86_capability[word->word]) |
					      word->always;
	}

	/* The host may run with four levels on a CPU that has five. */
	offer(X86_FEATURE_LA57, cpuid_eax(0) >= 7 && (cpuid_ecx(7) & F(LA57)));

	refuse_unless(lodge_caps.has_la57, X86_FEATURE_LA57);
	refuse_unless(lodge_caps.has_tsc_aux, X86_FEATURE_RDTSCP);
	refuse_unless(lodge_caps.has_tsc_aux, X86_FEATURE_RDPID);
	refuse_unless(lodge_caps.has_invpcid, X86_FEATURE_INVPCID);
	refuse_unless(lodge_caps.has_xsaves, X86_FEATURE_XSAVES);
	offer_speculation_control();

	offer(CPUID_8000_0021_EAX * 32 + 2, boot_cpu_has(X86_FEATURE_LFENCE_RDTSC));
	offer(CPUID_8000_0021_EAX * 32 + 6, !boot_cpu_has_bug(X86_BUG_NULL_SEG));
	offer(X86_FEATURE_SRSO_NO, boot_cpu_has(X86_FEATURE_SRSO_NO));
	offer(X86_FEATURE_VERW_CLEAR, boot_cpu_has(X86_FEATURE_VERW_CLEAR));
}

/* Leaves whose sub-leaf matters; others answer alike for any ECX. */
static bool is_indexed(u32 function)
{
	return function == 0x4 || function == 0x7 || function == 0xb || function == 0xd ||
	       function == 0x1f || function == 0x8000001d;
}

static struct kvm_cpuid_entry2 *add_entry(u32 function, u32 index)
{
	struct kvm_cpuid_entry2 *entry;

	if (nr_supported == ARRAY_SIZE(supported))
		return NULL;
	entry = &supported[nr_supported++];
	memset(entry, 0, sizeof(*entry));
	entry->function = function;
	entry->index = index;
	if (is_indexed(function))
		entry->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	return entry;
}

static void fill_words(struct kvm_cpuid_entry2 *entry)
{
	int i;

	for (i = 0; i < cpuid_nr_words; i++) {
		const struct feature_word *word = &cpuid_words[i];

		if (word->function == entry->function && word->index == entry->index)
			*cpuid_entry_reg(entry, word->reg) = supported_words[word->word];
	}
}

static const struct passed_leaf *find_passed(u32 function)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(passed_leaves); i++) {
		if (passed_leaves[i].function == function)
			return &passed_leaves[i];
	}
	return NULL;
}

/* Bytes of an XSAVE area with components @xcr0 (Intel SDM volume 1, "XSAVE Area"). */
u32 cpuid_xsave_size(u64 xcr0, bool is_compacted)
{
	u32 size = FXSAVE_SIZE + XSAVE_HDR_SIZE;
	int i;

	for (i = XFEATURE_YMM; i < XFEATURE_MAX; i++) {
		u32 offset = xsave_components[i].offset;

		if (!(xcr0 & BIT_ULL(i)))
			continue;
		if (is_compacted)
			offset = xsave_components[i].flags & BIT(1) ? ALIGN(size, 64) : size;
		size = max(size, offset + xsave_components[i].size);
	}
	return size;
}

static void add_xsave_leaves(void)
{
	u64 xcr0 = cpuid_is_supported(X86_FEATURE_XSAVE) ? fpu_supported_xcr0() : 0;
	struct kvm_cpuid_entry2 *entry = add_entry(0xd, 0);
	int i;

	if (!entry || !xcr0)
		return;
	for (i = XFEATURE_YMM; i < XFEATURE_MAX; i++) {
		u32 unused;

		if (xcr0 & BIT_ULL(i))
			cpuid_count(0xd, i, &xsave_components[i].size, &xsave_components[i].offset,
				    &xsave_components[i].flags, &unused);
	}

	entry->eax = xcr0;
	entry->edx = xcr0 >> 32;
	entry->ebx = cpuid_xsave_size(xcr0, false);
	entry->ecx = entry->ebx;

	entry = add_entry(0xd, 1);
	if (!entry)
		return;
	fill_words(entry);
	if (entry->eax & (F(XSAVES) | F(XSAVEC)))
		entry->ebx = cpuid_xsave_size(xcr0, true);

	for (i = XFEATURE_YMM; i < XFEATURE_MAX; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		entry = add_entry(0xd, i);
		if (!entry)
			return;
		entry->eax = xsave_components[i].size;
		entry->ebx = xsave_components[i].offset;
		entry->ecx = xsave_components[i].flags & BIT(1);
	}
}

/* What neither table can say of a leaf. */
static void adjust_entry(struct kvm_cpuid_entry2 *entry)
{
	u32 linear, physical, signature[3];

	switch (entry->function) {
	case 0x0:
		entry->eax = min(entry->eax, 0x1fu);
		break;
	case 0x6:
		entry->eax = BIT(2);	/* ARAT: the LAPIC timer never stops */
		break;
	case 0x7:
		/* Sub-leaf 0 counts them; 1 is the last that is known here. */
		entry->eax = entry->index ? entry->eax : min(entry->eax, 1u);
		break;
	case KVM_CPUID_SIGNATURE:
		entry->eax = KVM_CPUID_FEATURES;
		memcpy(signature, KVM_SIGNATURE, sizeof(signature));
		entry->ebx = signature[0];
		entry->ecx = signature[1];
		entry->edx = signature[2];
		break;
	case KVM_CPUID_FEATURES:
		entry->eax = BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_CLOCKSOURCE2) |
			     BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT) |
			     BIT(KVM_FEATURE_NOP_IO_DELAY) | BIT(KVM_FEATURE_ASYNC_PF) |
			     BIT(KVM_FEATURE_ASYNC_PF_INT) | BIT(KVM_FEATURE_PV_EOI) |
			     BIT(KVM_FEATURE_PV_UNHALT) | BIT(KVM_FEATURE_PV_TLB_FLUSH) |
			     BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_POLL_CONTROL) |
			     BIT(KVM_FEATURE_PV_SCHED_YIELD);
		if (sched_info_on())
			entry->eax |= BIT(KVM_FEATURE_STEAL_TIME);
		break;
	case 0x80000000:
		/*
		 * 0x80000021 is wanted for its emulated bits; but where the host ends before
		 * 0x8000001d, QEMU would ask the host for that leaf and read nonsense.
		 */
		entry->eax = entry->eax >= 0x8000001d ? 0x80000021 : entry->eax;
		break;
	case 0x80000007:
		/* Invariant TSC, if the host's kernel relies on it too. */
		entry->edx = boot_cpu_data.x86_power & BIT(8);
		break;
	case 0x80000008:
		linear = max(entry->eax >> 8 & 0xff, 48u);
		/* Guest physical addresses end where the second dimension does. */
		physical = min_t(u32, entry->eax & 0xff, lodge_vendor->pte->levels * 9 + 12);
		entry->eax = linear << 8 | physical;
		break;
	}
}

static void add_leaf(u32 function)
{
	const struct passed_leaf *passed = find_passed(function);
	struct kvm_cpuid_entry2 *entry, host;
	u32 index;
	int reg;

	if (function == 0xd) {
		add_xsave_leaves();
		return;
	}
	for (index = 0; index < MAX_CACHE_LEAVES; index++) {
		entry = add_entry(function, index);
		if (!entry)
			return;
		if (passed) {
			host_cpuid(function, index, &host);
			for (reg = REG_EAX; reg <= REG_EDX; reg++)
				*cpuid_entry_reg(entry, reg) = *cpuid_entry_reg(&host, reg) &
							       passed->mask[reg];
		}
		fill_words(entry);
		adjust_entry(entry);
		/* A cache list ends with the first entry of type 0, which is part of it. */
		if (passed && passed->is_cache_list && (entry->eax & 0x1f))
			continue;
		if (function == 0x7 && !index && entry->eax)
			continue;
		return;
	}
}

/**
 * cpuid_setup() - work out what this host's guests are offered
 *
 * Module init, after the backend's setup() and fpu_setup().
 */
void cpuid_setup(void)
{
	static const u32 ranges[] = { 0x0, 0x80000000, KVM_CPUID_SIGNATURE };
	u32 function, last;
	int i;

	setup_words();
	nr_supported = 0;
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		u32 first = nr_supported;

		add_leaf(ranges[i]);
		last = supported[first].eax;
		for (function = ranges[i] + 1; function <= last; function++)
			add_leaf(function);
	}
}

/* CR4 bits that a guest with features @words may set. */
u64 cpuid_cr4_of_words(const u32 *words)
{
	u64 cr4 = CR4_ALWAYS;
	int i;

	for (i = 0; i < ARRAY_SIZE(cr4_features); i++) {
		unsigned int feature = cr4_features[i].feature;

		if (words[feature / 32] & supported_words[feature / 32] & BIT(feature % 32))
			cr4 |= cr4_features[i].bit;
	}
	return cr4;
}

/* EFER bits that a guest with features @words may set. */
u64 cpuid_efer_of_words(const u32 *words)
{
	u64 efer = EFER_SCE;
	int i;

	for (i = 0; i < ARRAY_SIZE(efer_features); i++) {
		unsigned int feature = efer_features[i].feature;

		if (words[feature / 32] & supported_words[feature / 32] & BIT(feature % 32))
			efer |= efer_features[i].bits;
	}
	return efer;
}

u64 cpuid_supported_cr4(void)
{
	return cpuid_cr4_of_words(supported_words);
}

u64 cpuid_supported_efer(void)
{
	return cpuid_efer_of_words(supported_words);
}

/**
 * cpuid_get_supported() - KVM_GET_SUPPORTED_CPUID
 * @entries: room for *@nent entries
 * @nent: in: room; out: number of entries
 *
 * Return: 0; -E2BIG if the room is too small, nothing is copied then.
 */
int cpuid_get_supported(struct kvm_cpuid_entry2 *entries, u32 *nent)
{
	u32 room = *nent;

	*nent = nr_supported;
	if (room < nr_supported)
		return -E2BIG;
	memcpy(entries, supported, nr_supported * sizeof(*entries));
	return 0;
}

/**
 * cpuid_get_emulated() - KVM_GET_EMULATED_CPUID: nothing is emulated that the host lacks
 * @entries: room for *@nent entries
 * @nent: in: room; out: number of entries
 *
 * Return: 0; -E2BIG without room for one entry, as in KVM.
 */
int cpuid_get_emulated(struct kvm_cpuid_entry2 *entries, u32 *nent)
{
	if (!*nent)
		return -E2BIG;
	memset(entries, 0, sizeof(*entries));
	*nent = 1;
	return 0;
}
