// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the MSRs. One table says of each where it lives and who may do what with
 * it; an MSR that is not there does not exist. MSRs that the hardware switches are in
 * the state blocks, those that only are remembered in struct lodge_msrs, and those
 * that do something belong to clock, LAPIC or control registers.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr.h>
#include <asm/mtrr.h>

#include "caps.h"
#include "clock.h"
#include "cpuid.h"
#include "ctrl_regs.h"
#include "irqchip/irqchip.h"
#include "mca.h"
#include "msr.h"
#include "regs.h"
#include "request.h"
#include "vendor.h"
#include "x86.h"

#define NR_MTRR_VAR		8
#define NR_MTRR_FIXED		11

/* MSR numbers and bits that the kernel's msr-index.h lacks or spells as a magic number. */
#define MSR_FSB_FREQUENCY	0xcd
#define MSR_MTRR_VAR_BASE0	0x200
#define HWCR_IGNORED		(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8))	/* cache and TLB tuning */
#define HWCR_MC_STATUS_WRITABLE	BIT_ULL(18)
#define SPEC_CTRL_PSFD_BIT	BIT_ULL(7)
#define MISC_ENABLE_NO_PMU	(MSR_IA32_MISC_ENABLE_BTS_UNAVAIL | \
				 MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL)
#define DEBUGCTL_ALLOWED	(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF)

/* Microcode levels that no guest takes for one with a known fault. */
#define UCODE_REV_AMD		0x01000065ull
#define UCODE_REV_INTEL		0x100000000ull

/* Errata 400 and 415 are not visible to guests: HLT and port accesses exit. */
#define OSVW_KNOWN_ERRATA	3

/* What lodge has of IA32_ARCH_CAPABILITIES: "this CPU does not suffer from". */
#define ARCH_CAPABILITIES_PASSED \
	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA | ARCH_CAP_SKIP_VMENTRY_L1DFLUSH | \
	 ARCH_CAP_SSB_NO | ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO | \
	 ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO | ARCH_CAP_FB_CLEAR | \
	 ARCH_CAP_RRSBA | ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO | \
	 ARCH_CAP_RFDS_CLEAR | ARCH_CAP_BHI_NO | ARCH_CAP_ITS_NO)

/* MSRs that are only remembered, each under its manual's name; what must be 0 is in zero. */
struct lodge_msrs {
	u64 zero;
	u64 misc_enable;
	u64 ucode_rev;
	u64 platform_info;
	u64 arch_capabilities;
	u64 hwcr;
	u64 de_cfg;
	u64 osvw_id_length;
	u64 osvw_status;
	u64 mtrr_def_type;
	u64 mtrr_fixed[NR_MTRR_FIXED];
	u64 mtrr_var[2 * NR_MTRR_VAR];
	struct lodge_mca *mca;
};

/* Who may write; everybody who may, may within writable bits and what check() allows. */
enum msr_write {
	WRITE_ALL,
	WRITE_USER,		/* user space restores it; guests get #GP */
	WRITE_USER_ELSE_IGNORE,	/* guests' writes have no effect */
	WRITE_IGNORE,
	WRITE_NONE,
};

enum msr_place {
	PLACE_OWN,		/* struct lodge_msrs at offset */
	PLACE_STATE,		/* struct lodge_x86_state at offset, block MSRS */
	PLACE_CONSTANT,		/* reads as value */
	PLACE_WRITE_ONLY,	/* #GP when read */
	PLACE_FUNCTIONS,	/* get() and set() */
};

/**
 * struct msr_entry - one MSR or a row of them
 * @first: index
 * @count: how many in a row
 * @feature: X86_FEATURE_* that a guest must have; X86_FEATURE_FPU if none
 * @write: enum msr_write
 * @place: enum msr_place
 * @is_saved: in KVM_GET_MSR_INDEX_LIST
 * @is_canonical: a value must be a canonical address
 * @offset: by @place
 * @value: by @place
 * @writable: bits that a write may set
 * @exists: if set and false, the MSR does not exist on this host
 * @check: -EINVAL for a value that is not allowed
 * @get: PLACE_FUNCTIONS
 * @set: PLACE_FUNCTIONS, and PLACE_WRITE_ONLY
 */
struct msr_entry {
	u32 first;
	u16 count;
	u16 feature;
	u8 write;
	u8 place;
	bool is_saved;
	bool is_canonical;
	u16 offset;
	u64 value;
	u64 writable;
	bool (*exists)(void);
	int (*check)(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);
	int (*get)(struct lodge_vcpu *vcpu, u32 index, u64 *data);
	int (*set)(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user);
};

/* Memory types that exist: UC, WC, WT, WP, WB; PAT has UC- besides. */
static bool is_memory_type(u8 type, bool is_pat)
{
	return type < 8 && (BIT(type) & (is_pat ? 0xf3 : 0x73));
}

static bool are_memory_types(u64 data, bool is_pat)
{
	int i;

	for (i = 0; i < 8; i++) {
		if (!is_memory_type(data >> (i * 8), is_pat))
			return false;
	}
	return true;
}

static int check_pat(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	return are_memory_types(data, true) ? 0 : -EINVAL;
}

static int check_mtrr_fixed(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	return are_memory_types(data, false) ? 0 : -EINVAL;
}

static int check_mtrr_def_type(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	return is_memory_type(data, false) ? 0 : -EINVAL;
}

/* Even: base and type; odd: mask and valid bit. */
static int check_mtrr_var(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	u64 reserved = vcpu->cpuid->gpa_reserved | (index & 1 ? 0x7ff : 0xf00);

	if (data & reserved)
		return -EINVAL;
	return index & 1 || is_memory_type(data, false) ? 0 : -EINVAL;
}

/* A guest cannot unset "no PEBS, no BTS". */
static int check_misc_enable(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	return from_user || !((data ^ vcpu->msrs->misc_enable) & MISC_ENABLE_NO_PMU) ? 0 : -EINVAL;
}

static u64 feature_de_cfg(void)
{
	return boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ? MSR_AMD64_DE_CFG_LFENCE_SERIALIZE : 0;
}

/* LFENCE serializes if the host says so; a guest may write only what is there. */
static int check_de_cfg(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (data & ~feature_de_cfg())
		return -EINVAL;
	return from_user || data == vcpu->msrs->de_cfg ? 0 : -EINVAL;
}

static int get_mca(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	return mca_read(vcpu->msrs->mca, index, data);
}

static int set_mca(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	bool any_status = from_user || (vcpu->msrs->hwcr & HWCR_MC_STATUS_WRITABLE);

	if (index == MSR_IA32_MCG_CTL && !from_user && !mca_has_ctl(vcpu->msrs->mca))
		return -EINVAL;
	return mca_write(vcpu->msrs->mca, index, data, any_status);
}

static int set_hwcr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	data &= ~HWCR_IGNORED;
	if (data & ~HWCR_MC_STATUS_WRITABLE)
		return -EINVAL;
	vcpu->msrs->hwcr = data;
	return 0;
}

static int get_hwcr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = vcpu->msrs->hwcr;
	return 0;
}

static int get_efer(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = lodge_regs_get(vcpu, LODGE_STATE_CRS)->efer;
	return 0;
}

static int set_efer(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	return ctrl_set_efer(vcpu, data, from_user);
}

static int get_segment_base(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	enum lodge_seg seg = index == MSR_FS_BASE ? LODGE_SEG_FS : LODGE_SEG_GS;

	*data = lodge_regs_get(vcpu, LODGE_STATE_SEGS)->segs[seg].base;
	return 0;
}

static int set_segment_base(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	enum lodge_seg seg = index == MSR_FS_BASE ? LODGE_SEG_FS : LODGE_SEG_GS;

	lodge_regs_change(vcpu, LODGE_STATE_SEGS)->segs[seg].base = data;
	return 0;
}

static u64 *sysenter_address(struct lodge_x86_state *state, u32 index)
{
	return index == MSR_IA32_SYSENTER_ESP ? &state->sysenter_esp : &state->sysenter_eip;
}

static int get_sysenter_address(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = *sysenter_address(lodge_regs_get(vcpu, LODGE_STATE_MSRS), index);
	return 0;
}

/* AMD CPUs keep 32 bits and do not fault; a canonical address of what is kept does for both. */
static int set_sysenter_address(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	unsigned int unused_bits = 64 - ctrl_linear_bits(vcpu);

	*sysenter_address(lodge_regs_change(vcpu, LODGE_STATE_MSRS), index) =
		(s64)(data << unused_bits) >> unused_bits;
	return 0;
}

static int get_tsc(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = clock_guest_tsc(vcpu);
	return 0;
}

static int set_tsc(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	clock_set_tsc(vcpu, data, from_user);
	lapic_timer_tsc_changed(vcpu);
	return 0;
}

static int get_tsc_adjust(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = clock_tsc_adjust(vcpu);
	return 0;
}

static int set_tsc_adjust(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	clock_set_tsc_adjust(vcpu, data, from_user);
	lapic_timer_tsc_changed(vcpu);
	return 0;
}

static bool is_wall_clock(u32 index)
{
	return index == MSR_KVM_WALL_CLOCK || index == MSR_KVM_WALL_CLOCK_NEW;
}

static int get_pvclock(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = is_wall_clock(index) ? clock_wall_clock_msr(vcpu) : clock_system_time_msr(vcpu);
	return 0;
}

static int set_pvclock(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (is_wall_clock(index))
		clock_set_wall_clock_msr(vcpu, data);
	else
		clock_set_system_time_msr(vcpu, data);
	return 0;
}

static int get_apic_base(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = vcpu->apic_base;
	return 0;
}

static int set_apic_base(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	const u64 reserved = vcpu->cpuid->gpa_reserved | GENMASK_ULL(7, 0) | BIT_ULL(9);

	if (vcpu->lapic)
		return lapic_set_base(vcpu, data, from_user);
	/* User space's own LAPIC: x2APIC would need MSR exits, which there are not. */
	if (data & (reserved | X2APIC_ENABLE))
		return -EINVAL;
	vcpu->apic_base = data;
	return 0;
}

/* Without a LAPIC in the kernel the deadline reads as zero and is ignored, as in KVM. */
static int get_lapic_msr(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = 0;
	if (vcpu->lapic)
		return lapic_msr_read(vcpu, index, data);
	return index == MSR_IA32_TSC_DEADLINE ? 0 : -ENOENT;
}

static int set_lapic_msr(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (vcpu->lapic)
		return lapic_msr_write(vcpu, index, data);
	return index == MSR_IA32_TSC_DEADLINE ? 0 : -ENOENT;
}

static bool has_spec_ctrl(void)
{
	return lodge_caps.has_spec_ctrl;
}

static bool has_virt_spec_ctrl(void)
{
	return lodge_caps.has_virt_spec_ctrl;
}

static bool has_tsc_aux(void)
{
	return lodge_caps.has_tsc_aux;
}

static bool has_ibpb(void)
{
	return boot_cpu_has(X86_FEATURE_IBPB);
}

static bool guest_has_spec_ctrl(struct lodge_vcpu *vcpu)
{
	return cpuid_has(vcpu, X86_FEATURE_SPEC_CTRL) || cpuid_has(vcpu, X86_FEATURE_AMD_IBRS) ||
	       cpuid_has(vcpu, X86_FEATURE_AMD_STIBP) || cpuid_has(vcpu, X86_FEATURE_AMD_SSBD);
}

static int get_spec_ctrl(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = lodge_regs_get(vcpu, LODGE_STATE_MSRS)->spec_ctrl;
	return 0;
}

/*
 * The host's bits, not the guest's CPUID, bound the value: it goes into the real MSR,
 * and a guest that has once written it does so without exits from then on.
 */
static int set_spec_ctrl(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	u64 allowed = 0;

	if (cpuid_is_supported(X86_FEATURE_AMD_IBRS))
		allowed |= SPEC_CTRL_IBRS;
	if (cpuid_is_supported(X86_FEATURE_AMD_STIBP))
		allowed |= SPEC_CTRL_STIBP;
	if (cpuid_is_supported(X86_FEATURE_AMD_SSBD))
		allowed |= SPEC_CTRL_SSBD;
	if (cpuid_is_supported(CPUID_8000_0008_EBX * 32 + 28))
		allowed |= SPEC_CTRL_PSFD_BIT;
	if (data & ~allowed)
		return -EINVAL;

	lodge_regs_change(vcpu, LODGE_STATE_MSRS)->spec_ctrl = data;
	if (data && !(vcpu->intercept_policy & LODGE_PASS_SPEC_CTRL)) {
		vcpu->intercept_policy |= LODGE_PASS_SPEC_CTRL;
		lodge_vendor->update_intercepts(vcpu);
	}
	return 0;
}

static int set_pred_cmd(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (!data)
		return 0;
	wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	if (!(vcpu->intercept_policy & LODGE_PASS_PRED_CMD)) {
		vcpu->intercept_policy |= LODGE_PASS_PRED_CMD;
		lodge_vendor->update_intercepts(vcpu);
	}
	return 0;
}

static int set_nothing(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	return 0;
}

/* MSRs that a guest must have one of several features for. */
static bool guest_lacks(struct lodge_vcpu *vcpu, const struct msr_entry *entry)
{
	switch (entry->first) {
	case MSR_IA32_SPEC_CTRL:
		return !guest_has_spec_ctrl(vcpu);
	case MSR_IA32_PRED_CMD:
		return !cpuid_has(vcpu, X86_FEATURE_SPEC_CTRL) &&
		       !cpuid_has(vcpu, X86_FEATURE_AMD_IBPB);
	case MSR_TSC_AUX:
		return !cpuid_has(vcpu, X86_FEATURE_RDTSCP) && !cpuid_has(vcpu, X86_FEATURE_RDPID);
	default:
		return entry->feature != X86_FEATURE_FPU && !cpuid_has(vcpu, entry->feature);
	}
}

#define ANY_BITS	.writable = ~0ull
#define OWN(field)	.place = PLACE_OWN, .offset = offsetof(struct lodge_msrs, field)
#define STATE(field)	.place = PLACE_STATE, .offset = offsetof(struct lodge_x86_state, field)
#define CALLS(name)	.place = PLACE_FUNCTIONS, .get = get_##name, .set = set_##name, ANY_BITS
#define READS(number)	.place = PLACE_CONSTANT, .value = (number)
#define SAVED		.is_saved = true
#define CANONICAL	.is_canonical = true
#define USER_WRITES	.write = WRITE_USER
#define NO_WRITES	.write = WRITE_NONE
#define NO_EFFECT	.write = WRITE_IGNORE
#define NEEDS(name)	.feature = X86_FEATURE_##name

/* In ascending order. */
static const struct msr_entry msr_table[] = {
	{ MSR_IA32_P5_MC_ADDR, 2, READS(0), NO_WRITES },
	{ MSR_IA32_TSC, 1, CALLS(tsc), SAVED },
	{ MSR_KVM_WALL_CLOCK, 2, CALLS(pvclock), SAVED },
	{ MSR_IA32_PLATFORM_ID, 1, READS(0), NO_WRITES },
	{ MSR_IA32_APICBASE, 1, CALLS(apic_base) },
	{ MSR_IA32_EBL_CR_POWERON, 1, READS(0), NO_WRITES },
	/* Ratio 1; a guest may divide by it. */
	{ MSR_EBC_FREQUENCY_ID, 1, READS(BIT_ULL(24)), NO_WRITES },
	{ MSR_IA32_TSC_ADJUST, 1, CALLS(tsc_adjust), SAVED, NEEDS(TSC_ADJUST) },
	{ MSR_IA32_SPEC_CTRL, 1, CALLS(spec_ctrl), SAVED, .exists = has_spec_ctrl },
	{ MSR_IA32_PRED_CMD, 1, .place = PLACE_WRITE_ONLY, .writable = PRED_CMD_IBPB,
	  .set = set_pred_cmd, .exists = has_ibpb },
	{ MSR_IA32_UCODE_WRITE, 1, .place = PLACE_WRITE_ONLY, ANY_BITS, .set = set_nothing },
	{ MSR_IA32_UCODE_REV, 1, OWN(ucode_rev), ANY_BITS, SAVED,
	  .write = WRITE_USER_ELSE_IGNORE },
	{ MSR_P6_PERFCTR0, 2, READS(0), NO_EFFECT },
	{ MSR_FSB_FREQUENCY, 1, READS(3), NO_WRITES },
	{ MSR_PLATFORM_INFO, 1, OWN(platform_info), SAVED, USER_WRITES,
	  .writable = ~(u64)MSR_PLATFORM_INFO_CPUID_FAULT },
	{ MSR_MTRRcap, 1, READS(BIT(10) | BIT(8) | NR_MTRR_VAR), NO_WRITES },
	{ MSR_IA32_ARCH_CAPABILITIES, 1, OWN(arch_capabilities), ANY_BITS, SAVED, USER_WRITES,
	  NEEDS(ARCH_CAPABILITIES) },
	/* Configured: 256 KiB, enabled. */
	{ MSR_IA32_BBL_CR_CTL3, 1, READS(0xbe702111), NO_EFFECT },
	{ MSR_MISC_FEATURES_ENABLES, 1, OWN(zero), SAVED },
	{ MSR_IA32_SYSENTER_CS, 1, STATE(sysenter_cs), ANY_BITS, SAVED },
	{ MSR_IA32_SYSENTER_ESP, 2, CALLS(sysenter_address), SAVED },
	{ MSR_IA32_MCG_CAP, 1, CALLS(mca), NO_WRITES },
	{ MSR_IA32_MCG_STATUS, 2, CALLS(mca), SAVED },
	{ MSR_P6_EVNTSEL0, 2, READS(0), NO_EFFECT },
	{ MSR_IA32_PERF_STATUS, 1, READS(1000 | 4ull << 40), NO_WRITES },
	{ MSR_IA32_PERF_CTL, 1, READS(0), NO_WRITES },
	{ MSR_IA32_MISC_ENABLE, 1, OWN(misc_enable), ANY_BITS, SAVED,
	  .check = check_misc_enable },
	{ MSR_IA32_DEBUGCTLMSR, 1, STATE(debugctl), .writable = DEBUGCTL_ALLOWED },
	{ MSR_IA32_LASTBRANCHFROMIP, 4, READS(0), NO_WRITES },
	{ MSR_MTRR_VAR_BASE0, 2 * NR_MTRR_VAR, OWN(mtrr_var), ANY_BITS,
	  .check = check_mtrr_var },
	{ MSR_MTRRfix64K_00000, 1, OWN(mtrr_fixed[0]), ANY_BITS, .check = check_mtrr_fixed },
	{ MSR_MTRRfix16K_80000, 2, OWN(mtrr_fixed[1]), ANY_BITS, .check = check_mtrr_fixed },
	{ MSR_MTRRfix4K_C0000, 8, OWN(mtrr_fixed[3]), ANY_BITS, .check = check_mtrr_fixed },
	{ MSR_IA32_CR_PAT, 1, STATE(pat), ANY_BITS, SAVED, .check = check_pat },
	{ MSR_MTRRdefType, 1, OWN(mtrr_def_type), .writable = 0xcff,
	  .check = check_mtrr_def_type },
	{ MSR_IA32_MC0_CTL, MCA_REGS_PER_BANK * LODGE_MCE_BANKS, CALLS(mca) },
	{ MSR_RAPL_POWER_UNIT, 1, READS(0), NO_WRITES },
	{ MSR_PKG_ENERGY_STATUS, 1, READS(0), NO_WRITES },
	{ MSR_DRAM_ENERGY_STATUS, 1, READS(0), NO_WRITES },
	{ MSR_PP0_ENERGY_STATUS, 1, READS(0), NO_WRITES },
	{ MSR_PP1_ENERGY_STATUS, 1, READS(0), NO_WRITES },
	{ MSR_IA32_TSC_DEADLINE, 1, CALLS(lapic_msr), SAVED },
	{ APIC_BASE_MSR, 0x100, CALLS(lapic_msr) },
	{ MSR_IA32_XSS, 1, OWN(zero), NEEDS(XSAVES) },
	{ MSR_KVM_WALL_CLOCK_NEW, 2, CALLS(pvclock), SAVED },
	{ MSR_EFER, 1, CALLS(efer) },
	{ MSR_STAR, 1, STATE(star), ANY_BITS, SAVED },
	{ MSR_LSTAR, 1, STATE(lstar), ANY_BITS, SAVED, CANONICAL },
	{ MSR_CSTAR, 1, STATE(cstar), ANY_BITS, SAVED, CANONICAL },
	{ MSR_SYSCALL_MASK, 1, STATE(sfmask), ANY_BITS, SAVED },
	{ MSR_FS_BASE, 2, CALLS(segment_base), CANONICAL },
	{ MSR_KERNEL_GS_BASE, 1, STATE(kernel_gs_base), ANY_BITS, SAVED, CANONICAL },
	{ MSR_TSC_AUX, 1, STATE(tsc_aux), .writable = U32_MAX, SAVED, .exists = has_tsc_aux },
	{ MSR_K7_EVNTSEL0, 8, READS(0), NO_EFFECT },
	{ MSR_AMD64_SYSCFG, 1, READS(0), NO_WRITES },
	{ MSR_K7_HWCR, 1, CALLS(hwcr), SAVED },
	/* Ramp-up count that K7 workarounds expect. */
	{ MSR_K7_CLK_CTL, 1, READS(0x20000000), NO_EFFECT },
	{ MSR_AMD64_NB_CFG, 1, READS(0), NO_EFFECT },
	{ MSR_AMD64_PATCH_LOADER, 1, .place = PLACE_WRITE_ONLY, ANY_BITS, .set = set_nothing },
	{ MSR_K8_INT_PENDING_MSG, 1, READS(0), NO_WRITES },
	{ MSR_FAM10H_MMIO_CONF_BASE, 1, OWN(zero) },
	{ MSR_K8_TSEG_ADDR, 2, READS(0), NO_WRITES },
	{ MSR_VM_HSAVE_PA, 1, READS(0), NO_EFFECT, SAVED },
	{ MSR_AMD64_VIRT_SPEC_CTRL, 1, STATE(virt_spec_ctrl), .writable = SPEC_CTRL_SSBD, SAVED,
	  NEEDS(VIRT_SSBD), .exists = has_virt_spec_ctrl },
	{ MSR_AMD64_OSVW_ID_LENGTH, 1, OWN(osvw_id_length), ANY_BITS, USER_WRITES, NEEDS(OSVW) },
	{ MSR_AMD64_OSVW_STATUS, 1, OWN(osvw_status), ANY_BITS, USER_WRITES, NEEDS(OSVW) },
	{ MSR_F15H_IC_CFG, 1, READS(0), NO_EFFECT },
	{ MSR_AMD64_DC_CFG, 2, READS(0), NO_EFFECT },		/* and TW_CFG */
	{ MSR_AMD64_DE_CFG, 1, OWN(de_cfg), ANY_BITS, .check = check_de_cfg },
	{ MSR_AMD64_BU_CFG2, 1, READS(0), NO_EFFECT },
	{ MSR_F15H_EX_CFG, 1, READS(0), NO_EFFECT },
};

/* NULL if there is no such MSR here. */
static const struct msr_entry *find_msr(u32 index)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(msr_table); i++) {
		const struct msr_entry *entry = &msr_table[i];

		if (index - entry->first < entry->count)
			return entry->exists && !entry->exists() ? NULL : entry;
	}
	return NULL;
}

static u64 *own_place(struct lodge_vcpu *vcpu, const struct msr_entry *entry, u32 index)
{
	u32 i = array_index_nospec(index - entry->first, entry->count);

	return (u64 *)((u8 *)vcpu->msrs + entry->offset) + i;
}

static u64 *state_place(struct lodge_x86_state *state, const struct msr_entry *entry)
{
	return (u64 *)((u8 *)state + entry->offset);
}

/**
 * msr_get() - RDMSR, and KVM_GET_MSRS
 * @vcpu: loaded vCPU
 * @index: which
 * @data: filled on success
 * @from_user: the guest's CPUID is not asked
 *
 * Return: 0; -ENOENT if there is no such MSR; -EINVAL if it cannot be read.
 */
int msr_get(struct lodge_vcpu *vcpu, u32 index, u64 *data, bool from_user)
{
	const struct msr_entry *entry;

	/* A busy guest's LAPIC accesses do not have to wait for the table. */
	if (index - APIC_BASE_MSR < 0x100)
		return get_lapic_msr(vcpu, index, data);

	entry = find_msr(index);
	if (!entry || (!from_user && guest_lacks(vcpu, entry)))
		return -ENOENT;

	switch (entry->place) {
	case PLACE_OWN:
		*data = *own_place(vcpu, entry, index);
		return 0;
	case PLACE_STATE:
		*data = *state_place(lodge_regs_get(vcpu, LODGE_STATE_MSRS), entry);
		return 0;
	case PLACE_CONSTANT:
		*data = entry->value;
		return 0;
	case PLACE_FUNCTIONS:
		return entry->get(vcpu, index, data);
	default:
		return -EINVAL;
	}
}

static int store_msr(struct lodge_vcpu *vcpu, const struct msr_entry *entry, u32 index, u64 data,
		     bool from_user)
{
	if (data & ~entry->writable)
		return -EINVAL;
	if (entry->is_canonical && !lodge_is_canonical(data, ctrl_linear_bits(vcpu)))
		return -EINVAL;
	if (entry->check && entry->check(vcpu, index, data, from_user))
		return -EINVAL;

	switch (entry->place) {
	case PLACE_OWN:
		*own_place(vcpu, entry, index) = data;
		return 0;
	case PLACE_STATE:
		*state_place(lodge_regs_change(vcpu, LODGE_STATE_MSRS), entry) = data;
		return 0;
	default:
		return entry->set(vcpu, index, data, from_user);
	}
}

/**
 * msr_set() - WRMSR, and KVM_SET_MSRS
 * @vcpu: loaded vCPU
 * @index: which
 * @data: new value
 * @from_user: user space restores: it may write what guests may only read, and the
 *             guest's CPUID is not asked
 *
 * Return: 0; -ENOENT if there is no such MSR; -EINVAL if it, or this value, cannot be
 * written.
 */
int msr_set(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	const struct msr_entry *entry;

	if (index - APIC_BASE_MSR < 0x100)
		return set_lapic_msr(vcpu, index, data, from_user);

	entry = find_msr(index);
	if (!entry || (!from_user && guest_lacks(vcpu, entry)))
		return -ENOENT;

	switch (entry->write) {
	case WRITE_ALL:
		break;
	case WRITE_USER:
		if (!from_user)
			return -EINVAL;
		break;
	case WRITE_USER_ELSE_IGNORE:
		if (!from_user)
			return 0;
		break;
	case WRITE_IGNORE:
		return 0;
	default:
		return -EINVAL;
	}
	return store_msr(vcpu, entry, index, data, from_user);
}

/**
 * msr_index_list() - KVM_GET_MSR_INDEX_LIST
 * @indices: room for *@count numbers
 * @count: in: room; out: how many there are
 *
 * Each of the list can be read and written back by user space at any time.
 *
 * Return: 0; -E2BIG if the room is too small.
 */
int msr_index_list(u32 *indices, u32 *count)
{
	u32 room = *count, total = 0, i, j;

	for (i = 0; i < ARRAY_SIZE(msr_table); i++) {
		const struct msr_entry *entry = &msr_table[i];

		if (!entry->is_saved || (entry->exists && !entry->exists()))
			continue;
		for (j = 0; j < entry->count; j++, total++) {
			if (total < room)
				indices[total] = entry->first + j;
		}
	}
	*count = total;
	return total > room ? -E2BIG : 0;
}

/* MSRs that describe the host to user space, by KVM_GET_MSRS on the system fd. */
static const u32 feature_msrs[] = {
	MSR_IA32_UCODE_REV, MSR_IA32_ARCH_CAPABILITIES, MSR_AMD64_DE_CFG,
};

/**
 * msr_feature_list() - KVM_GET_MSR_FEATURE_INDEX_LIST
 * @indices: room for *@count numbers
 * @count: in: room; out: how many there are
 *
 * Return: 0; -E2BIG if the room is too small.
 */
int msr_feature_list(u32 *indices, u32 *count)
{
	u32 room = *count;

	*count = ARRAY_SIZE(feature_msrs);
	if (room < ARRAY_SIZE(feature_msrs))
		return -E2BIG;
	memcpy(indices, feature_msrs, sizeof(feature_msrs));
	return 0;
}

/* The host's own value, completed by what the kernel knows of the CPU. */
static u64 feature_arch_capabilities(void)
{
	static const struct {
		u16 bug;
		u64 bit;
	} immune[] = {
		{ X86_BUG_CPU_MELTDOWN, ARCH_CAP_RDCL_NO },
		{ X86_BUG_SPEC_STORE_BYPASS, ARCH_CAP_SSB_NO },
		{ X86_BUG_MDS, ARCH_CAP_MDS_NO },
		{ X86_BUG_GDS, ARCH_CAP_GDS_NO },
	};
	u64 data = 0;
	int i;

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, data);
	data &= ARCH_CAPABILITIES_PASSED;

	/* A page-size change in a guest cannot stop the host: nested guests are not offered. */
	data |= ARCH_CAP_PSCHANGE_MC_NO;
	for (i = 0; i < ARRAY_SIZE(immune); i++) {
		if (!boot_cpu_has_bug(immune[i].bug))
			data |= immune[i].bit;
	}
	/* "Not affected" by TSX asynchronous abort says something only where there is TSX. */
	if (!boot_cpu_has(X86_FEATURE_RTM))
		data &= ~(u64)ARCH_CAP_TAA_NO;
	else if (!boot_cpu_has_bug(X86_BUG_TAA))
		data |= ARCH_CAP_TAA_NO;
	return data;
}

/**
 * msr_get_feature() - KVM_GET_MSRS on the system fd
 * @index: one of msr_feature_list()
 * @data: filled
 *
 * Return: 0; -ENOENT for another.
 */
int msr_get_feature(u32 index, u64 *data)
{
	switch (index) {
	case MSR_IA32_UCODE_REV:
		*data = 0;
		/* Some hypervisors beneath lack it; then there is nothing to tell. */
		rdmsrl_safe(MSR_IA32_UCODE_REV, data);
		return 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		*data = feature_arch_capabilities();
		return 0;
	case MSR_AMD64_DE_CFG:
		*data = feature_de_cfg();
		return 0;
	default:
		return -ENOENT;
	}
}

/**
 * msr_create() - give a vCPU its MSRs
 * @vcpu: vCPU in creation
 *
 * Return: 0; -ENOMEM. msr_destroy() undoes either.
 */
int msr_create(struct lodge_vcpu *vcpu)
{
	struct lodge_msrs *msrs = kzalloc(sizeof(*msrs), GFP_KERNEL_ACCOUNT);

	if (!msrs)
		return -ENOMEM;
	msrs->ucode_rev = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ? UCODE_REV_INTEL :
									 UCODE_REV_AMD;
	msrs->arch_capabilities = feature_arch_capabilities();
	msrs->osvw_id_length = OSVW_KNOWN_ERRATA;
	vcpu->msrs = msrs;
	msr_reset(vcpu, false);
	msrs->mca = mca_create();
	return msrs->mca ? 0 : -ENOMEM;
}

/* Counterpart of msr_create(), also of one that failed. */
void msr_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->msrs)
		return;
	mca_destroy(vcpu->msrs->mca);
	kfree(vcpu->msrs);
	vcpu->msrs = NULL;
}

/**
 * msr_reset() - values after RESET; INIT leaves all of them alone
 * @vcpu: vCPU, mutex held
 * @is_init: INIT
 *
 * Machine-check registers survive both. The state block's are regs.c's.
 */
void msr_reset(struct lodge_vcpu *vcpu, bool is_init)
{
	struct lodge_msrs *msrs = vcpu->msrs;

	if (is_init)
		return;
	msrs->misc_enable = MISC_ENABLE_NO_PMU;
	msrs->hwcr = 0;
	msrs->de_cfg = feature_de_cfg();
	msrs->mtrr_def_type = 0;
	memset(msrs->mtrr_fixed, 0, sizeof(msrs->mtrr_fixed));
	memset(msrs->mtrr_var, 0, sizeof(msrs->mtrr_var));
}

u64 msr_mce_cap_supported(void)
{
	return MCA_CAP_SUPPORTED;
}

/**
 * msr_setup_mce() - KVM_X86_SETUP_MCE
 * @vcpu: vCPU, mutex held
 * @mcg_cap: number of banks, and abilities
 *
 * Return: 0; -EINVAL for too many banks or none, or an ability that is not supported.
 */
int msr_setup_mce(struct lodge_vcpu *vcpu, u64 mcg_cap)
{
	return mca_setup(vcpu->msrs->mca, mcg_cap);
}

/**
 * msr_set_mce() - KVM_X86_SET_MCE: a machine-check error befalls the guest
 * @vcpu: loaded vCPU
 * @mce: where and what
 *
 * Uncorrected, it raises #MC, or shuts the guest down if that is not ready for one.
 *
 * Return: 0; -EINVAL for a bank that is not there, or a status that is not valid.
 */
int msr_set_mce(struct lodge_vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	bool is_ready = lodge_regs_get(vcpu, LODGE_STATE_CRS)->cr4 & X86_CR4_MCE;
	int ret = mca_record(vcpu->msrs->mca, mce, is_ready);

	/* The queue's rules are floor 4's; its place is in the vCPU. */
	switch (ret) {
	case MCA_RAISE:
		vcpu->events.exception = (struct lodge_event) {
			.class = LODGE_EVENT_EXCEPTION,
			.vector = LODGE_VECTOR_MC,
		};
		break;
	case MCA_SHUTDOWN:
		vcpu->events.triple_fault = true;
		break;
	default:
		return ret;
	}
	lodge_request_set(vcpu, LODGE_REQ_EVENT);
	return 0;
}
