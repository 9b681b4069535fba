// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: the table of all MSRs, and what those do that do something. An MSR that is not
 * here does not exist.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/hyperv-tlfs.h>
#include <asm/kvm_para.h>
#include <asm/msr.h>
#include <asm/mtrr.h>

#include "caps.h"
#include "clock.h"
#include "cpuid.h"
#include "ctrl_regs.h"
#include "hyperv/hyperv.h"
#include "irqchip/irqchip.h"
#include "mca.h"
#include "msr_table.h"
#include "pv/pv.h"
#include "regs.h"
#include "vendor.h"
#include "x86.h"

/* MSR numbers and bits that the kernel's msr-index.h lacks or spells as a magic number. */
#define MSR_FSB_FREQUENCY	0xcd
#define MSR_MTRR_VAR_BASE0	0x200
#define HWCR_IGNORED		(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8))	/* cache and TLB tuning */
#define HWCR_MC_STATUS_WRITABLE	BIT_ULL(18)
#define SPEC_CTRL_PSFD_BIT	BIT_ULL(7)
#define DEBUGCTL_ALLOWED	(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF)

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

static int get_misc_enable(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = vcpu->misc_enable;
	return 0;
}

/*
 * A guest cannot unset "no PEBS, no BTS", nor change whether performance is monitored. MWAIT
 * goes with SSE3, where CPUID follows it.
 */
static int set_misc_enable(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	u64 changed = data ^ vcpu->misc_enable;

	if (!from_user) {
		if (changed & MISC_ENABLE_NO_PMU)
			return -EINVAL;
		data ^= changed & MSR_IA32_MISC_ENABLE_EMON;
	}
	if ((changed & MSR_IA32_MISC_ENABLE_MWAIT) && !cpuid_has(vcpu, X86_FEATURE_XMM3) &&
	    !lodge_has_quirk(vcpu->vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT))
		return -EINVAL;
	vcpu->misc_enable = data;
	return 0;
}

static int get_platform_info(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = vcpu->msrs->platform_info;
	return 0;
}

static int set_platform_info(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	/* It says whether CPUID can be made to fault: not while it does. */
	if (!(data & MSR_PLATFORM_INFO_CPUID_FAULT) && vcpu->msrs->misc_features)
		return -EINVAL;
	vcpu->msrs->platform_info = data;
	return 0;
}

static int get_misc_features(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = vcpu->msrs->misc_features;
	return 0;
}

static int set_misc_features(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (data & ~(u64)MSR_MISC_FEATURES_ENABLES_CPUID_FAULT)
		return -EINVAL;
	if (data && !(vcpu->msrs->platform_info & MSR_PLATFORM_INFO_CPUID_FAULT))
		return -EINVAL;
	vcpu->msrs->misc_features = data;
	vcpu->cpuid->is_privileged = data;
	return 0;
}

/* What this host has of AMD's DE_CFG. */
u64 msr_host_de_cfg(void)
{
	return boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ? MSR_AMD64_DE_CFG_LFENCE_SERIALIZE : 0;
}

/* LFENCE serializes if the host says so; a guest may write only what is there. */
static int check_de_cfg(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (data & ~msr_host_de_cfg())
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

/* Either pair of MSRs has a bit of its own in CPUID. */
static bool is_pvclock_allowed(struct lodge_vcpu *vcpu, u32 index)
{
	return cpuid_allows_pv(vcpu, index >= MSR_KVM_WALL_CLOCK_NEW ? KVM_FEATURE_CLOCKSOURCE2 :
								       KVM_FEATURE_CLOCKSOURCE);
}

static int get_pvclock(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	if (!is_pvclock_allowed(vcpu, index))
		return -EINVAL;
	*data = is_wall_clock(index) ? clock_wall_clock_msr(vcpu) : clock_system_time_msr(vcpu);
	return 0;
}

static int set_pvclock(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (!is_pvclock_allowed(vcpu, index))
		return -EINVAL;
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
int msr_get_lapic(struct lodge_vcpu *vcpu, u32 index, u64 *data)
{
	*data = 0;
	if (vcpu->lapic)
		return lapic_msr_read(vcpu, index, data);
	return index == MSR_IA32_TSC_DEADLINE ? 0 : -EINVAL;
}

int msr_set_lapic(struct lodge_vcpu *vcpu, u32 index, u64 data, bool from_user)
{
	if (vcpu->lapic)
		return lapic_msr_write(vcpu, index, data);
	return index == MSR_IA32_TSC_DEADLINE ? 0 : -EINVAL;
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

/**
 * msr_guest_lacks() - whether a guest was not given what an MSR belongs to
 * @vcpu: vCPU, mutex held
 * @entry: the MSR, or its row; some need one of several features
 * @index: which of the row
 */
bool msr_guest_lacks(struct lodge_vcpu *vcpu, const struct msr_entry *entry, u32 index)
{
	if (entry->is_withheld)
		return entry->is_withheld(vcpu, index);

	switch (entry->first) {
	case MSR_IA32_SPEC_CTRL:
		return !guest_has_spec_ctrl(vcpu);
	case MSR_IA32_PRED_CMD:
		return !cpuid_has(vcpu, X86_FEATURE_SPEC_CTRL) &&
		       !cpuid_has(vcpu, X86_FEATURE_AMD_IBPB);
	case MSR_PLATFORM_INFO:
		return !READ_ONCE(vcpu->vm->shows_platform_info);
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
#define LAPIC_CALLS	.place = PLACE_FUNCTIONS, .get = msr_get_lapic, .set = msr_set_lapic, \
			ANY_BITS
#define READS(number)	.place = PLACE_CONSTANT, .value = (number)
#define SAVED		.is_saved = true
#define CANONICAL	.is_canonical = true
#define HYPERV_CALLS	.place = PLACE_FUNCTIONS, .get = hyperv_get_msr, .set = hyperv_set_msr, \
			ANY_BITS, .is_withheld = hyperv_is_msr_withheld
#define USER_WRITES	.write = WRITE_USER
#define NO_WRITES	.write = WRITE_NONE
#define NO_EFFECT	.write = WRITE_IGNORE
#define NEEDS(name)	.feature = X86_FEATURE_##name

const struct msr_entry msr_table[] = {
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
	{ MSR_PLATFORM_INFO, 1, CALLS(platform_info), SAVED, USER_WRITES },
	{ MSR_MTRRcap, 1, READS(BIT(10) | BIT(8) | NR_MTRR_VAR), NO_WRITES },
	{ MSR_IA32_ARCH_CAPABILITIES, 1, OWN(arch_capabilities), ANY_BITS, SAVED, USER_WRITES,
	  NEEDS(ARCH_CAPABILITIES) },
	/* Configured: 256 KiB, enabled. */
	{ MSR_IA32_BBL_CR_CTL3, 1, READS(0xbe702111), NO_EFFECT },
	{ MSR_MISC_FEATURES_ENABLES, 1, CALLS(misc_features), SAVED },
	{ MSR_IA32_SYSENTER_CS, 1, STATE(sysenter_cs), ANY_BITS, SAVED },
	{ MSR_IA32_SYSENTER_ESP, 2, CALLS(sysenter_address), SAVED },
	{ MSR_IA32_MCG_CAP, 1, CALLS(mca), NO_WRITES },
	{ MSR_IA32_MCG_STATUS, 2, CALLS(mca), SAVED },
	{ MSR_P6_EVNTSEL0, 2, READS(0), NO_EFFECT },
	{ MSR_IA32_PERF_STATUS, 1, READS(1000 | 4ull << 40), NO_WRITES },
	{ MSR_IA32_PERF_CTL, 1, READS(0), NO_WRITES },
	{ MSR_IA32_MISC_ENABLE, 1, CALLS(misc_enable), SAVED },
	{ MSR_IA32_DEBUGCTLMSR, 1, STATE(debugctl), .writable = DEBUGCTL_ALLOWED },
	{ MSR_IA32_LASTBRANCHFROMIP, 4, READS(0), NO_WRITES },
	{ MSR_IA32_POWER_CTL, 1, OWN(power_ctl), ANY_BITS, SAVED },
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
	{ MSR_IA32_TSC_DEADLINE, 1, LAPIC_CALLS, SAVED },
	{ APIC_BASE_MSR, 0x100, LAPIC_CALLS },
	{ MSR_IA32_XSS, 1, OWN(zero), NEEDS(XSAVES) },
	/* Saved as in KVM: of a group the first, by which user space knows that all are there. */
	{ HV_X64_MSR_GUEST_OS_ID, 4, HYPERV_CALLS, SAVED },	/* up to RESET */
	{ HV_X64_MSR_VP_RUNTIME, 1, HYPERV_CALLS, SAVED },
	{ HV_X64_MSR_TIME_REF_COUNT, 4, HYPERV_CALLS, SAVED },	/* up to APIC_FREQUENCY */
	{ HV_X64_MSR_EOI, 3, HYPERV_CALLS },			/* ICR, TPR */
	{ HV_X64_MSR_VP_ASSIST_PAGE, 1, HYPERV_CALLS, SAVED },
	{ HV_X64_MSR_SCONTROL, 1, HYPERV_CALLS, SAVED },
	{ HV_X64_MSR_SVERSION, 4, HYPERV_CALLS },		/* SIEFP, SIMP, EOM */
	{ HV_X64_MSR_SINT0, HV_SYNIC_SINT_COUNT, HYPERV_CALLS },
	{ HV_X64_MSR_STIMER0_CONFIG, 1, HYPERV_CALLS, SAVED },
	{ HV_X64_MSR_STIMER0_COUNT, 2 * HV_SYNIC_STIMER_COUNT - 1, HYPERV_CALLS },
	{ HV_X64_MSR_SYNDBG_CONTROL, 5, HYPERV_CALLS, SAVED },	/* up to PENDING_BUFFER */
	{ HV_X64_MSR_SYNDBG_OPTIONS, 1, HYPERV_CALLS, SAVED },
	{ HV_X64_MSR_CRASH_P0, 9, HYPERV_CALLS, SAVED },	/* up to TSC_EMULATION_STATUS */
	{ MSR_KVM_WALL_CLOCK_NEW, 2, CALLS(pvclock), SAVED },
	{ MSR_KVM_ASYNC_PF_EN, 6, .place = PLACE_FUNCTIONS, .get = pv_get_msr, .set = pv_set_msr,
	  ANY_BITS, SAVED },
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

const unsigned int msr_table_size = ARRAY_SIZE(msr_table);
