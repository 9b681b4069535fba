/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Floor 3: what cpuid_supported.c, which knows what guests are offered, and cpuid.c, which
 * knows what each was given, share: where the feature bits are.
 */
#ifndef LODGE_CPUID_WORDS_H
#define LODGE_CPUID_WORDS_H

#include <linux/bits.h>
#include <linux/kvm.h>

#include <asm/cpufeatures.h>

enum cpuid_register { REG_EAX, REG_EBX, REG_ECX, REG_EDX };

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

extern const struct feature_word cpuid_words[];
extern const unsigned int cpuid_nr_words;

static inline u32 *cpuid_entry_reg(struct kvm_cpuid_entry2 *entry, u8 reg)
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

u32 cpuid_xsave_size(u64 xcr0, bool is_compacted);
u64 cpuid_cr4_of_words(const u32 *words);
u64 cpuid_efer_of_words(const u32 *words);

#endif /* LODGE_CPUID_WORDS_H */
