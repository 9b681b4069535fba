// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: CPUID. The table of feature words and the table of leaves below say all
 * that guests are offered; what is not named there reads as zero. The second half
 * keeps what user space gives each vCPU and answers the CPUID instruction.
 *
 * Offered is only what works: no nested virtualization, no PMU, no protection keys,
 * no CET, no MPX, AMX or SGX. As in KVM, the bits that depend on how user space builds
 * its machine (TSC deadline, hypervisor present) are left to it.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xstate.h>
#include <asm/kvm_para.h>
#include <asm/processor.h>

#include "caps.h"
#include "cpuid.h"
#include "fpu.h"
#include "regs.h"
#include "vendor.h"

enum cpuid_register { REG_EAX, REG_EBX, REG_ECX, REG_EDX };

#define F(name)		BIT(X86_FEATURE_##name % 32)

/**
 * struct feature_word - one register of feature bits
 * @function: leaf
 * @index: sub-leaf
 * @reg: register of it
 * @word: where the kernel's X86_FEATURE_* numbers keep it
 * @offered: bits for guests if the host has them
 * @always: bits for guests whatever the host has, as they are emulated
 */
struct feature_word {
	u32 function;
	u32 index;
	u8 reg;
	u8 word;
	u32 offered;
	u32 always;
};

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

static const struct feature_word feature_words[] = {
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

/* Bits of vcpu->intercept_policy that follow from CPUID. */
#define INSTRUCTION_INTERCEPTS \
	(LODGE_INTERCEPT_RDTSCP | LODGE_INTERCEPT_INVPCID | LODGE_INTERCEPT_XSAVES)

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

static u32 *entry_reg(struct kvm_cpuid_entry2 *entry, u8 reg)
{
	switch (reg) {
	case REG_EAX:
		return &entry->eax;
	case REG_EBX:
		return &entry->ebx;
	case REG_ECX:
		return &entry->ecx;
	default:
		return &entry->edx;
	}
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

	for (i = 0; i < ARRAY_SIZE(feature_words); i++) {
		const struct feature_word *word = &feature_words[i];

		host_cpuid(word->function, word->index, &host);
		/* The CPU's word, less what the kernel has switched off. */
		supported_words[word->word] = (word->offered & *entry_reg(&host, word->reg) &
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

	for (i = 0; i < ARRAY_SIZE(feature_words); i++) {
		const struct feature_word *word = &feature_words[i];

		if (word->function == entry->function && word->index == entry->index)
			*entry_reg(entry, word->reg) = supported_words[word->word];
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
static u32 xsave_size(u64 xcr0, bool is_compacted)
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
	entry->ebx = xsave_size(xcr0, false);
	entry->ecx = entry->ebx;

	entry = add_entry(0xd, 1);
	if (!entry)
		return;
	fill_words(entry);
	if (entry->eax & (F(XSAVES) | F(XSAVEC)))
		entry->ebx = xsave_size(xcr0, true);

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
			     BIT(KVM_FEATURE_NOP_IO_DELAY);
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
				*entry_reg(entry, reg) = *entry_reg(&host, reg) & passed->mask[reg];
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
static u64 cr4_of_words(const u32 *words)
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

static u64 efer_of_words(const u32 *words)
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
	return cr4_of_words(supported_words);
}

u64 cpuid_supported_efer(void)
{
	return efer_of_words(supported_words);
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

static struct kvm_cpuid_entry2 *find_entry(const struct lodge_cpuid *cpuid, u32 function, u32 index)
{
	u32 i;

	for (i = 0; i < cpuid->nr_entries; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function != function)
			continue;
		if (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == index)
			return entry;
	}
	return NULL;
}

/* The vendors whose CPUs answer zero for a leaf that they do not have. */
static bool is_amd_vendor(const struct kvm_cpuid_entry2 *leaf0)
{
	static const char names[][12] = { "AuthenticAMD", "HygonGenuine", "AMDisbetter!" };
	u32 name[3] = { leaf0->ebx, leaf0->edx, leaf0->ecx };
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!memcmp(name, names[i], sizeof(name)))
			return true;
	}
	return false;
}

/* Work out the facts that depend on the entries. */
static void derive_facts(struct lodge_cpuid *cpuid)
{
	struct kvm_cpuid_entry2 *entry;
	int i;

	memset(cpuid->features, 0, sizeof(cpuid->features));
	for (i = 0; i < ARRAY_SIZE(feature_words); i++) {
		const struct feature_word *word = &feature_words[i];

		entry = find_entry(cpuid, word->function, word->index);
		if (entry)
			cpuid->features[word->word] = *entry_reg(entry, word->reg);
	}

	entry = find_entry(cpuid, 0, 0);
	cpuid->is_amd = entry && is_amd_vendor(entry);

	cpuid->phys_bits = 36;
	entry = find_entry(cpuid, 0x80000000, 0);
	if (entry && entry->eax >= 0x80000008) {
		entry = find_entry(cpuid, 0x80000008, 0);
		if (entry)
			cpuid->phys_bits = entry->eax;
	}
	cpuid->gpa_reserved = cpuid->phys_bits < 64 ? GENMASK_ULL(63, cpuid->phys_bits) : 0;

	cpuid->cr4_allowed = cr4_of_words(cpuid->features);
	cpuid->efer_allowed = efer_of_words(cpuid->features);

	cpuid->xcr0_allowed = XFEATURE_MASK_FP;
	entry = find_entry(cpuid, 0xd, 0);
	if (entry)
		cpuid->xcr0_allowed |= fpu_supported_xcr0() & ((u64)entry->edx << 32 | entry->eax);
}

static bool is_withheld(struct lodge_vcpu *vcpu, unsigned int feature)
{
	return cpuid_is_supported(feature) && !cpuid_has(vcpu, feature);
}

/*
 * Instructions that the host has and the guest was not given. Other features' instructions
 * depend on a bit of CR4 or XCR0, which is refused, or cannot be taken away.
 */
static u32 instruction_policy(struct lodge_vcpu *vcpu)
{
	u32 policy = 0;

	if (is_withheld(vcpu, X86_FEATURE_RDTSCP) && !cpuid_has(vcpu, X86_FEATURE_RDPID))
		policy |= LODGE_INTERCEPT_RDTSCP;
	if (is_withheld(vcpu, X86_FEATURE_INVPCID))
		policy |= LODGE_INTERCEPT_INVPCID;
	if (is_withheld(vcpu, X86_FEATURE_XSAVES))
		policy |= LODGE_INTERCEPT_XSAVES;
	return policy;
}

/**
 * cpuid_create() - give a vCPU an empty CPUID
 * @vcpu: vCPU in creation
 *
 * Until KVM_SET_CPUID2 every leaf reads as zero, but user space may load any control
 * register value that is supported.
 *
 * Return: 0; -ENOMEM.
 */
int cpuid_create(struct lodge_vcpu *vcpu)
{
	struct lodge_cpuid *cpuid = kzalloc(sizeof(*cpuid), GFP_KERNEL_ACCOUNT);

	if (!cpuid)
		return -ENOMEM;
	vcpu->cpuid = cpuid;
	derive_facts(cpuid);
	cpuid->cr4_allowed = cpuid_supported_cr4();
	cpuid->efer_allowed = cpuid_supported_efer();
	return 0;
}

/* Counterpart of cpuid_create(), also of one that failed. */
void cpuid_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->cpuid)
		return;
	kvfree(vcpu->cpuid->entries);
	kfree(vcpu->cpuid);
	vcpu->cpuid = NULL;
}

static void set_bits(u32 *reg, u32 bits, bool value)
{
	*reg = value ? *reg | bits : *reg & ~bits;
}

/* Bits of an answer that follow the vCPU's state. */
static void apply_state(struct lodge_vcpu *vcpu, struct kvm_cpuid_entry2 *entry)
{
	switch (entry->function) {
	case 0x1:
		set_bits(&entry->ecx, F(OSXSAVE),
			 lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr4 & X86_CR4_OSXSAVE);
		set_bits(&entry->edx, F(APIC), vcpu->apic_base & MSR_IA32_APICBASE_ENABLE);
		break;
	case 0x7:
		if (entry->index == 0)
			set_bits(&entry->ecx, F(OSPKE), false);
		break;
	case 0xd:
		if (entry->index == 0)
			entry->ebx = xsave_size(fpu_xcr0(vcpu), false);
		else if (entry->index == 1 && (entry->eax & (F(XSAVES) | F(XSAVEC))))
			entry->ebx = xsave_size(fpu_xcr0(vcpu), true);
		break;
	}
}

/* Whether @entries say the same as what is there; state-dependent bits do not count. */
static bool is_same(struct lodge_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	const struct lodge_cpuid *cpuid = vcpu->cpuid;
	u32 i;

	if (nent != cpuid->nr_entries)
		return false;
	for (i = 0; i < nent; i++) {
		struct kvm_cpuid_entry2 old = cpuid->entries[i], new = entries[i];

		apply_state(vcpu, &old);
		apply_state(vcpu, &new);
		if (memcmp(&old, &new, offsetof(struct kvm_cpuid_entry2, padding)))
			return false;
	}
	return true;
}

/* Linear addresses are 48 or 57 bits wide; 0 says nothing. */
static bool has_valid_width(const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	u32 i;

	for (i = 0; i < nent; i++) {
		u32 linear = entries[i].eax >> 8 & 0xff;

		if (entries[i].function == 0x80000008)
			return !linear || linear == 48 || linear == 57;
	}
	return true;
}

/**
 * cpuid_set() - KVM_SET_CPUID2
 * @vcpu: loaded vCPU
 * @entries: kernel copy of the entries
 * @nent: how many
 *
 * The caller tells the LAPIC afterwards (lapic_set_features()).
 *
 * Return: 0; -E2BIG for too many; -EINVAL for an impossible address width, or for a
 * change once the vCPU has run; -ENOMEM.
 */
int cpuid_set(struct lodge_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	struct lodge_cpuid *cpuid = vcpu->cpuid;
	struct kvm_cpuid_entry2 *copy = NULL;

	if (nent > LODGE_MAX_CPUID_ENTRIES)
		return -E2BIG;
	if (cpuid->is_frozen)
		return is_same(vcpu, entries, nent) ? 0 : -EINVAL;
	if (!has_valid_width(entries, nent))
		return -EINVAL;

	if (nent) {
		copy = kvmalloc_array(nent, sizeof(*copy), GFP_KERNEL_ACCOUNT);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, entries, nent * sizeof(*copy));
	}
	kvfree(cpuid->entries);
	cpuid->entries = copy;
	cpuid->nr_entries = nent;
	derive_facts(cpuid);
	vcpu->phys_bits = cpuid->phys_bits;
	vcpu->intercept_policy &= ~INSTRUCTION_INTERCEPTS;
	vcpu->intercept_policy |= instruction_policy(vcpu);
	lodge_vendor->update_intercepts(vcpu);
	return 0;
}

/**
 * cpuid_get() - KVM_GET_CPUID2: entries as the guest would read them now
 * @vcpu: loaded vCPU
 * @entries: room for *@nent entries
 * @nent: in: room; out: number of entries
 *
 * Return: 0; -E2BIG if the room is too small, nothing is copied then.
 */
int cpuid_get(struct lodge_vcpu *vcpu, struct kvm_cpuid_entry2 *entries, u32 *nent)
{
	const struct lodge_cpuid *cpuid = vcpu->cpuid;
	u32 room = *nent;
	u32 i;

	*nent = cpuid->nr_entries;
	if (room < cpuid->nr_entries)
		return -E2BIG;
	for (i = 0; i < cpuid->nr_entries; i++) {
		entries[i] = cpuid->entries[i];
		apply_state(vcpu, &entries[i]);
	}
	return 0;
}

/*
 * Which entry answers for a leaf that has none (Intel SDM volume 2, "CPUID"):
 *
 *   vendor | leaf                         | answer
 *   AMD    | any                          | zero
 *   other  | within its range's maximum   | zero
 *   other  | beyond it, or no such range  | the highest basic leaf, same sub-leaf
 *
 * Ranges: basic, extended, each 0x100 leaves of hypervisor, and Centaur's.
 */
static struct kvm_cpuid_entry2 *out_of_range_entry(const struct lodge_cpuid *cpuid,
						   u32 *function, u32 index)
{
	const struct kvm_cpuid_entry2 *basic = find_entry(cpuid, 0, 0);
	const struct kvm_cpuid_entry2 *range;

	if (!basic || cpuid->is_amd)
		return NULL;

	if (*function >> 28 == 0x4)
		range = find_entry(cpuid, *function & 0xffffff00, 0);
	else if (*function >= 0xc0000000)
		range = find_entry(cpuid, 0xc0000000, 0);
	else
		range = find_entry(cpuid, *function & 0x80000000, 0);
	if (range && *function <= range->eax)
		return NULL;

	*function = basic->eax;
	return find_entry(cpuid, basic->eax, index);
}

/**
 * cpuid_read() - what the CPUID instruction returns
 * @vcpu: loaded vCPU
 * @eax: leaf on call
 * @ebx: filled
 * @ecx: sub-leaf on call
 * @edx: filled
 *
 * Return: whether user space gave an entry for exactly this leaf.
 */
bool cpuid_read(struct lodge_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	const struct lodge_cpuid *cpuid = vcpu->cpuid;
	u32 function = *eax, index = *ecx;
	struct kvm_cpuid_entry2 *entry, answer = {};
	bool is_exact;

	entry = find_entry(cpuid, function, index);
	is_exact = entry;
	if (!entry)
		entry = out_of_range_entry(cpuid, &function, index);

	if (entry) {
		answer = *entry;
		apply_state(vcpu, &answer);
	} else if (function == 0xb || function == 0x1f) {
		/* Any sub-leaf of a topology leaf gives the x2APIC id, and CL back. */
		entry = find_entry(cpuid, function, 1);
		if (entry) {
			answer.ecx = index & 0xff;
			answer.edx = entry->edx;
		}
	}

	*eax = answer.eax;
	*ebx = answer.ebx;
	*ecx = answer.ecx;
	*edx = answer.edx;
	return is_exact;
}
