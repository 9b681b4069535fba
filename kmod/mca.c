// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: machine-check registers and what an error that user space reports does to
 * them (Intel SDM volume 3, "Machine-Check Architecture"; AMD APM volume 2, "Machine
 * Check Architecture"). Errors of the host are the host's; nothing comes here by itself.
 */
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include <asm/msr-index.h>

#include "mca.h"

/* Registers of a bank, in the order of their MSRs. */
enum { MCA_CTL, MCA_STATUS, MCA_ADDR, MCA_MISC };

/**
 * struct lodge_mca - one vCPU's registers
 * @cap: MCG_CAP; its low byte is the number of banks
 * @status: MCG_STATUS
 * @ctl: MCG_CTL
 * @banks: MCA_REGS_PER_BANK registers each
 */
struct lodge_mca {
	u64 cap;
	u64 status;
	u64 ctl;
	u64 banks[LODGE_MCE_BANKS][MCA_REGS_PER_BANK];
};

/**
 * mca_create() - registers of a vCPU before KVM_X86_SETUP_MCE: all banks, no abilities
 *
 * Return: the registers, or NULL without memory.
 */
struct lodge_mca *mca_create(void)
{
	struct lodge_mca *mca = kzalloc(sizeof(*mca), GFP_KERNEL_ACCOUNT);

	if (mca)
		mca_setup(mca, LODGE_MCE_BANKS);
	return mca;
}

/* Counterpart of mca_create(). NULL is fine. */
void mca_destroy(struct lodge_mca *mca)
{
	kfree(mca);
}

static u32 nr_banks(const struct lodge_mca *mca)
{
	return mca->cap & MCG_BANKCNT_MASK;
}

/**
 * mca_setup() - choose banks and abilities; all errors become enabled
 * @mca: registers
 * @mcg_cap: MCG_CAP as the guest shall read it
 *
 * Return: 0; -EINVAL for too many banks or none, or an ability that is not supported.
 */
int mca_setup(struct lodge_mca *mca, u64 mcg_cap)
{
	u32 banks = mcg_cap & MCG_BANKCNT_MASK, i;

	if (!banks || banks > LODGE_MCE_BANKS)
		return -EINVAL;
	if (mcg_cap & ~(MCA_CAP_SUPPORTED | MCG_BANKCNT_MASK | MCG_EXT_CNT_MASK))
		return -EINVAL;

	mca->cap = mcg_cap;
	if (mca_has_ctl(mca))
		mca->ctl = ~0ull;
	for (i = 0; i < banks; i++)
		mca->banks[i][MCA_CTL] = ~0ull;
	return 0;
}

/* Whether MCG_CTL exists for the guest. */
bool mca_has_ctl(const struct lodge_mca *mca)
{
	return mca->cap & MCG_CTL_P;
}

/**
 * mca_read() - read MCG_CAP, MCG_STATUS, MCG_CTL or a bank's register
 * @mca: registers
 * @index: MSR
 * @data: filled
 *
 * Return: 0; -ENOENT for a bank that is not there.
 */
int mca_read(const struct lodge_mca *mca, u32 index, u64 *data)
{
	u32 reg = index - MSR_IA32_MC0_CTL;
	u32 bank = reg / MCA_REGS_PER_BANK;

	switch (index) {
	case MSR_IA32_MCG_CAP:
		*data = mca->cap;
		return 0;
	case MSR_IA32_MCG_STATUS:
		*data = mca->status;
		return 0;
	case MSR_IA32_MCG_CTL:
		*data = mca->ctl;
		return 0;
	}
	if (bank >= nr_banks(mca))
		return -ENOENT;
	bank = array_index_nospec(bank, LODGE_MCE_BANKS);
	*data = mca->banks[bank][reg % MCA_REGS_PER_BANK];
	return 0;
}

/**
 * mca_write() - write MCG_STATUS, MCG_CTL or a bank's register
 * @mca: registers
 * @index: MSR
 * @data: new value
 * @any_status: a status register takes more than zero: for user space, and for guests
 *              that have set AMD's HWCR.McStatusWrEn
 *
 * Control registers take all zeros and all ones; some guests clear bit 10 (GART errors of
 * bank 4 on K8) or bit 0 (correctable errors) of the latter.
 *
 * Return: 0; -EINVAL for a value that is not allowed; -ENOENT for a bank that is not there.
 */
int mca_write(struct lodge_mca *mca, u32 index, u64 data, bool any_status)
{
	u32 reg = index - MSR_IA32_MC0_CTL;
	u32 bank = reg / MCA_REGS_PER_BANK;

	switch (index) {
	case MSR_IA32_MCG_STATUS:
		mca->status = data;
		return 0;
	case MSR_IA32_MCG_CTL:
		if (data && (data != ~0ull || !mca_has_ctl(mca)))
			return -EINVAL;
		mca->ctl = data;
		return 0;
	}
	if (bank >= nr_banks(mca))
		return -ENOENT;
	bank = array_index_nospec(bank, LODGE_MCE_BANKS);
	reg %= MCA_REGS_PER_BANK;
	if (reg == MCA_CTL && data && (data | BIT_ULL(10) | BIT_ULL(0)) != ~0ull)
		return -EINVAL;
	if (reg == MCA_STATUS && data && !any_status)
		return -EINVAL;
	mca->banks[bank][reg] = data;
	return 0;
}

/**
 * mca_record() - an error befalls the guest
 * @mca: registers
 * @error: where and what
 * @is_ready: CR4.MCE is set
 *
 *   error       | bank holds              | effect
 *   uncorrected | (reporting is off)      | none
 *   uncorrected | anything                | recorded and #MC; not ready for it: shutdown
 *   corrected   | nothing or a corrected  | recorded
 *   corrected   | an uncorrected          | overflow bit only
 *
 * Return: enum mca_effect; -EINVAL for a bank that is not there, or no valid status.
 */
int mca_record(struct lodge_mca *mca, const struct kvm_x86_mce *error, bool is_ready)
{
	bool is_uncorrected = error->status & MCI_STATUS_UC;
	bool has_overflow;
	u64 *bank;

	if (error->bank >= nr_banks(mca) || !(error->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = mca->banks[array_index_nospec(error->bank, LODGE_MCE_BANKS)];

	if (is_uncorrected) {
		if ((mca_has_ctl(mca) && mca->ctl != ~0ull) || bank[MCA_CTL] != ~0ull)
			return MCA_NONE;
		if (!is_ready || (mca->status & MCG_STATUS_MCIP))
			return MCA_SHUTDOWN;
		mca->status = error->mcg_status;
	}

	has_overflow = bank[MCA_STATUS] & MCI_STATUS_VAL;
	if (!is_uncorrected && has_overflow && (bank[MCA_STATUS] & MCI_STATUS_UC)) {
		bank[MCA_STATUS] |= MCI_STATUS_OVER;
		return MCA_NONE;
	}
	bank[MCA_ADDR] = error->addr;
	bank[MCA_MISC] = error->misc;
	bank[MCA_STATUS] = error->status | (has_overflow ? MCI_STATUS_OVER : 0);
	return is_uncorrected ? MCA_RAISE : MCA_NONE;
}
