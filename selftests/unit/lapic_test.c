// SPDX-License-Identifier: GPL-2.0
/*
 * The LAPIC's register model: what each register accepts in both modes, priorities,
 * EOI, messages and whom they are for, IA32_APIC_BASE. No vCPU, timer or bus.
 */
#include <string.h>

#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <linux/errno.h>
#include <linux/kernel.h>

#include "irqchip/lapic.h"
#include "ktap.h"

#define XAPIC	(APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE)
#define X2APIC	(XAPIC | X2APIC_ENABLE)

static const struct lapic_features all_features = {
	.x2apic = true, .tsc_deadline = true, .phys_bits = 40,
};

static void make(struct lapic *lapic, u32 id, bool x2apic, bool software_enabled)
{
	memset(lapic, 0, sizeof(*lapic));
	lapic_model_create(lapic, id);
	lapic_model_reset(lapic, id == 0, id == 0, false);
	lapic->features = all_features;
	if (x2apic)
		lapic_model_set_base(lapic, X2APIC, false);
	if (software_enabled)
		lapic_set_reg(lapic, APIC_SPIV, 0x1ff);
}

/* Who may touch which register: "r" and "w", for xAPIC and x2APIC. */
static const struct {
	const char *name;
	u32 first, last;
	const char *xapic, *x2apic;
} accesses[] = {
	{ "reserved_0", 0x000, 0x010, "", "" },
	{ "id", 0x020, 0x020, "rw", "r" },
	{ "version", 0x030, 0x030, "r", "r" },
	{ "reserved_4", 0x040, 0x070, "", "" },
	{ "tpr", 0x080, 0x080, "rw", "rw" },
	{ "apr", 0x090, 0x090, "r", "" },
	{ "ppr", 0x0a0, 0x0a0, "r", "r" },
	{ "eoi", 0x0b0, 0x0b0, "w", "w" },
	{ "remote_read", 0x0c0, 0x0c0, "", "" },
	{ "ldr", 0x0d0, 0x0d0, "rw", "r" },
	{ "dfr", 0x0e0, 0x0e0, "rw", "" },
	{ "svr", 0x0f0, 0x0f0, "rw", "rw" },
	{ "isr_tmr_irr", 0x100, 0x270, "r", "r" },
	{ "esr", 0x280, 0x280, "rw", "rw" },
	{ "reserved_29_cmci", 0x290, 0x2f0, "", "" },
	{ "icr_32_bits", 0x300, 0x310, "rw", "" },
	{ "lvts", 0x320, 0x370, "rw", "rw" },
	{ "initial_count", 0x380, 0x380, "rw", "rw" },
	{ "current_count", 0x390, 0x390, "r", "r" },
	{ "reserved_3a", 0x3a0, 0x3d0, "", "" },
	{ "divide", 0x3e0, 0x3e0, "rw", "rw" },
	{ "self_ipi", 0x3f0, 0x3f0, "", "w" },
};

static bool access_is(u32 offset, bool x2apic, const char *allowed)
{
	struct lapic_effect effect = {};
	struct lapic lapic;
	u32 value;

	make(&lapic, 1, x2apic, true);
	if ((lapic_register_read(&lapic, offset, &value) == 0) != !!strchr(allowed, 'r'))
		return false;
	/* A vector for what sends, zero for what takes nothing else in x2APIC mode. */
	value = offset == APIC_SELF_IPI || offset == APIC_ICR ? 0x40 : 0;
	if ((lapic_register_write(&lapic, offset, value, &effect) == 0) !=
	    !!strchr(allowed, 'w'))
		return false;
	/* A write to nothing is an error that the ESR shows, in xAPIC mode. */
	return (lapic.errors == APIC_ESR_ILLREGA) == (!x2apic && !*allowed) &&
	       !(effect.what & LAPIC_EFFECT_ERROR) == !lapic.errors;
}

static void test_accesses(void)
{
	u32 i, offset, covered = 0;

	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		bool passed = true;

		for (offset = accesses[i].first; offset <= accesses[i].last; offset += 0x10) {
			passed &= access_is(offset, false, accesses[i].xapic);
			passed &= access_is(offset, true, accesses[i].x2apic);
			covered++;
		}
		ktap_result(passed, "access_%s", accesses[i].name);
	}
	ktap_result(covered == 64, "access_table_covers_the_page");
}

static const struct {
	const char *name;
	u8 tpr;
	int in_service, requested;
	u8 ppr;
	int deliverable;
} priorities[] = {
	{ "nothing", 0, -1, -1, 0, -1 },
	{ "request", 0, -1, 0x31, 0, 0x31 },
	{ "lowest_class", 0, -1, 0x10, 0, 0x10 },
	{ "tpr_same_class", 0x30, -1, 0x3f, 0x30, -1 },
	{ "tpr_below", 0x2f, -1, 0x30, 0x2f, 0x30 },
	{ "tpr_above", 0xf0, -1, 0xef, 0xf0, -1 },
	{ "service_same_class", 0, 0x41, 0x4f, 0x40, -1 },
	{ "service_below", 0, 0x41, 0x50, 0x40, 0x50 },
	{ "service_over_tpr", 0x35, 0x41, 0x42, 0x40, -1 },
	{ "tpr_over_service", 0x52, 0x41, 0x60, 0x52, 0x60 },
	{ "tpr_equals_service", 0x4a, 0x41, 0x50, 0x4a, 0x50 },
	{ "highest", 0xe0, 0xef, 0xff, 0xe0, 0xff },
};

static void send_self(struct lapic *lapic, u8 vector, bool is_level)
{
	struct lapic_message message = {
		.vector = vector, .is_level = is_level, .is_asserted = true,
	};

	lapic_receive(lapic, &message);
}

static void test_priorities(void)
{
	struct lapic lapic;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(priorities); i++) {
		make(&lapic, 0, false, true);
		if (priorities[i].in_service >= 0) {
			send_self(&lapic, priorities[i].in_service, false);
			lapic_acknowledge(&lapic, priorities[i].in_service);
		}
		lapic_set_reg(&lapic, APIC_TASKPRI, priorities[i].tpr);
		if (priorities[i].requested >= 0)
			send_self(&lapic, priorities[i].requested, false);
		ktap_result(lapic_ppr(&lapic) == priorities[i].ppr &&
			    lapic_deliverable(&lapic) == priorities[i].deliverable &&
			    lapic_irr_highest(&lapic) == priorities[i].requested,
			    "priority_%s", priorities[i].name);
	}
}

/* Nested interrupts end from the highest down; the trigger mode comes with each EOI. */
static void test_eoi(void)
{
	static const u8 vectors[] = { 0x21, 0x5f, 0x60, 0xff };
	struct lapic_effect effect;
	struct lapic lapic;
	bool passed = true;
	int i;

	make(&lapic, 0, true, true);
	for (i = 0; i < 4; i++) {
		send_self(&lapic, vectors[i], i & 1);
		passed &= lapic_deliverable(&lapic) == vectors[i];
		lapic_acknowledge(&lapic, vectors[i]);
	}
	for (i = 3; i >= 0; i--) {
		effect.what = 0;
		passed &= lapic_register_write(&lapic, APIC_EOI, 0, &effect) == 0;
		passed &= effect.what == (LAPIC_EFFECT_EOI | LAPIC_EFFECT_LOOK);
		passed &= effect.eoi_vector == vectors[i] && effect.eoi_is_level == (i & 1);
	}
	effect.what = 0;
	passed &= lapic_register_write(&lapic, APIC_EOI, 0, &effect) == 0 && !effect.what;
	ktap_result(passed, "eoi_nested");
	ktap_result(lapic_register_write(&lapic, APIC_EOI, 1, &effect) == -EINVAL,
		    "eoi_nonzero_in_x2apic");
}

static const struct {
	const char *name;
	u32 id;
	bool x2apic;
	u32 ldr, dfr;		/* xAPIC */
	u32 dest;
	bool is_logical, is_ipi;
	bool matches;
} matches[] = {
	{ "physical", 3, false, 0, ~0u, 3, false, true, true },
	{ "physical_other", 3, false, 0, ~0u, 4, false, true, false },
	{ "physical_broadcast", 3, false, 0, ~0u, 0xff, false, true, true },
	{ "physical_x2apic", 3, true, 0, 0, 3, false, true, true },
	{ "physical_x2apic_high", 300, true, 0, 0, 300, false, true, true },
	{ "physical_x2apic_no_wrap", 300, true, 0, 0, 44, false, true, false },
	{ "physical_high_in_xapic", 300, false, 0, ~0u, 300, false, true, true },
	{ "physical_high_in_xapic_no_wrap", 300, false, 0, ~0u, 44, false, true, false },
	{ "x2apic_ff_by_ipi", 3, true, 0, 0, 0xff, false, true, false },
	{ "x2apic_ff_by_device", 3, true, 0, 0, 0xff, false, false, true },
	{ "x2apic_ff_id_255", 255, true, 0, 0, 0xff, false, true, true },
	{ "x2apic_broadcast", 3, true, 0, 0, ~0u, false, true, true },
	{ "x2apic_broadcast_logical", 3, true, 0, 0, ~0u, true, true, true },
	{ "xapic_x2apic_broadcast", 3, false, 0, ~0u, ~0u, false, true, false },
	{ "flat", 1, false, 0x02000000, ~0u, 0x06, true, true, true },
	{ "flat_other", 1, false, 0x02000000, ~0u, 0x05, true, true, false },
	{ "flat_several_bits", 1, false, 0x82000000, ~0u, 0x80, true, true, true },
	{ "flat_none", 1, false, 0, ~0u, 0x7f, true, true, false },
	{ "flat_broadcast", 1, false, 0, ~0u, 0xff, true, true, true },
	{ "cluster", 1, false, 0x32000000, 0x0fffffff, 0x33, true, true, true },
	{ "cluster_other_bit", 1, false, 0x32000000, 0x0fffffff, 0x3d, true, true, false },
	{ "cluster_other", 1, false, 0x32000000, 0x0fffffff, 0x22, true, true, false },
	{ "cluster_0", 1, false, 0x01000000, 0x0fffffff, 0x01, true, true, true },
	{ "odd_dfr", 1, false, 0x01000000, 0x1fffffff, 0x01, true, true, false },
	{ "x2apic_logical", 0x25, true, 0, 0, 0x20020, true, true, true },
	{ "x2apic_logical_several", 0x25, true, 0, 0, 0x2ffff, true, true, true },
	{ "x2apic_logical_other_bit", 0x25, true, 0, 0, 0x20040, true, true, false },
	{ "x2apic_logical_other_cluster", 0x25, true, 0, 0, 0x10020, true, true, false },
	{ "x2apic_logical_by_device", 0x5, true, 0, 0, 0x20, true, false, true },
};

static void test_matches(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(matches); i++) {
		struct lapic_message message = {
			.dest = matches[i].dest, .is_logical = matches[i].is_logical,
			.is_ipi = matches[i].is_ipi, .vector = 0x40,
		};
		struct lapic lapic;
		bool passed;

		make(&lapic, matches[i].id, matches[i].x2apic, true);
		if (!matches[i].x2apic) {
			lapic_set_reg(&lapic, APIC_LDR, matches[i].ldr);
			lapic_set_reg(&lapic, APIC_DFR, matches[i].dfr);
		}
		passed = lapic_matches(&lapic, &message) == matches[i].matches;
		lapic.base &= ~(u64)(MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE);
		passed &= !lapic_matches(&lapic, &message);
		ktap_result(passed, "dest_%s", matches[i].name);
	}
}

static const struct {
	const char *name;
	u64 from, to;
	bool from_user, allowed;
} bases[] = {
	{ "same", XAPIC, XAPIC, false, true },
	{ "enter_x2apic", XAPIC, X2APIC, false, true },
	{ "leave_x2apic_to_off", X2APIC, 0xfee00000, false, true },
	{ "leave_x2apic_to_xapic", X2APIC, XAPIC, false, false },
	{ "leave_x2apic_to_xapic_user", X2APIC, XAPIC, true, true },
	{ "off_to_xapic", 0xfee00000, XAPIC, false, true },
	{ "off_to_x2apic", 0xfee00000, X2APIC, false, false },
	{ "off_to_x2apic_user", 0xfee00000, X2APIC, true, true },
	{ "x2apic_without_enable", XAPIC, 0xfee00000 | X2APIC_ENABLE, false, false },
	{ "x2apic_without_enable_user", XAPIC, 0xfee00000 | X2APIC_ENABLE, true, false },
	{ "moved", XAPIC, 0x12345000 | MSR_IA32_APICBASE_ENABLE, false, true },
	{ "bsp", XAPIC, XAPIC | MSR_IA32_APICBASE_BSP, false, true },
	{ "reserved_low", XAPIC, XAPIC | 1, true, false },
	{ "reserved_9", XAPIC, XAPIC | 0x200, true, false },
	{ "highest_address", XAPIC, 0xfffffff000ull | MSR_IA32_APICBASE_ENABLE, false, true },
	{ "above_phys_bits", XAPIC, 0x10000000000ull | XAPIC, true, false },
};

static void test_bases(void)
{
	struct lapic lapic;
	bool passed;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		make(&lapic, 7, false, true);
		lapic.base = bases[i].from;
		passed = (lapic_model_set_base(&lapic, bases[i].to, bases[i].from_user) == 0) ==
			 bases[i].allowed;
		passed &= lapic.base == (bases[i].allowed ? bases[i].to : bases[i].from);
		ktap_result(passed, "base_%s", bases[i].name);
	}

	make(&lapic, 0x25, false, true);
	passed = lapic_reg(&lapic, APIC_ID) == 0x25000000;
	passed &= lapic_model_set_base(&lapic, X2APIC, false) == 0;
	passed &= lapic_reg(&lapic, APIC_ID) == 0x25 && lapic_reg(&lapic, APIC_LDR) == 0x20020;
	ktap_result(passed, "base_x2apic_ids");

	make(&lapic, 0, false, true);
	lapic.features.x2apic = false;
	ktap_result(lapic_model_set_base(&lapic, X2APIC, true) == -EINVAL,
		    "base_x2apic_without_cpuid");
}

static const struct {
	const char *name;
	struct lapic_message message;
	bool software_enabled;
	enum lapic_receipt first, second;
} receipts[] = {
	{ "fixed", { .vector = 0x40 }, true, LAPIC_TAKEN_IRQ, LAPIC_TAKEN_BEFORE },
	{ "lowest", { .vector = 0x40, .delivery = LAPIC_DELIVERY_LOWEST }, true,
	  LAPIC_TAKEN_IRQ, LAPIC_TAKEN_BEFORE },
	{ "disabled", { .vector = 0x40 }, false, LAPIC_REFUSED, LAPIC_REFUSED },
	{ "level_deassert", { .vector = 0x40, .is_level = true }, true, LAPIC_REFUSED,
	  LAPIC_REFUSED },
	{ "illegal_vector", { .vector = 0xf }, true, LAPIC_TAKEN_ERROR, LAPIC_REFUSED },
	{ "nmi", { .delivery = LAPIC_DELIVERY_NMI }, false, LAPIC_TAKEN_NMI, LAPIC_TAKEN_NMI },
	{ "smi", { .delivery = LAPIC_DELIVERY_SMI }, true, LAPIC_REFUSED, LAPIC_REFUSED },
	{ "reserved", { .delivery = 3 }, true, LAPIC_REFUSED, LAPIC_REFUSED },
	{ "extint", { .delivery = LAPIC_DELIVERY_EXTINT }, true, LAPIC_REFUSED, LAPIC_REFUSED },
	{ "init", { .delivery = LAPIC_DELIVERY_INIT, .is_asserted = true }, false,
	  LAPIC_TAKEN_INIT_SIPI, LAPIC_TAKEN_INIT_SIPI },
	{ "init_deassert", { .delivery = LAPIC_DELIVERY_INIT, .is_level = true }, true,
	  LAPIC_REFUSED, LAPIC_REFUSED },
	{ "sipi", { .delivery = LAPIC_DELIVERY_STARTUP, .vector = 0x9a }, false,
	  LAPIC_TAKEN_INIT_SIPI, LAPIC_TAKEN_INIT_SIPI },
};

static void test_receipts(void)
{
	struct lapic lapic;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(receipts); i++) {
		make(&lapic, 0, false, receipts[i].software_enabled);
		ktap_result(lapic_receive(&lapic, &receipts[i].message) == receipts[i].first &&
			    lapic_receive(&lapic, &receipts[i].message) == receipts[i].second,
			    "receive_%s", receipts[i].name);
	}

	make(&lapic, 0, false, false);
	lapic_receive(&lapic, &receipts[ARRAY_SIZE(receipts) - 1].message);
	lapic_receive(&lapic, &receipts[ARRAY_SIZE(receipts) - 3].message);
	ktap_result(lapic.arrived == BIT(LAPIC_ARRIVED_INIT), "receive_init_forgets_sipi");
}

/* What an ICR write sends, and what it may not be. */
static void test_icr(void)
{
	struct lapic_effect effect = {};
	struct lapic lapic;
	bool passed;

	make(&lapic, 0, true, true);
	passed = lapic_icr_write(&lapic, 0x12345ull << 32 | 0x4c0d1, &effect) == 0 &&
		 effect.what == LAPIC_EFFECT_SEND && effect.message.dest == 0x12345 &&
		 effect.message.vector == 0xd1 && effect.message.shorthand == LAPIC_TO_SELF &&
		 effect.message.is_level && effect.message.is_asserted &&
		 !effect.message.is_logical && effect.message.is_ipi;
	ktap_result(passed, "icr_x2apic");
	passed = lapic_icr_write(&lapic, 1u << 13 | 0x40, &effect) == -EINVAL &&
		 lapic_icr_write(&lapic, 1u << 17 | 0x40, &effect) == -EINVAL &&
		 lapic_icr_write(&lapic, 1u << 20 | 0x40, &effect) == -EINVAL &&
		 lapic_icr_write(&lapic, 1u << 12 | 0x40, &effect) == 0;
	ktap_result(passed, "icr_x2apic_reserved");

	effect.what = 0;
	passed = lapic_icr_write(&lapic, 0x0f, &effect) == 0 &&
		 effect.what == LAPIC_EFFECT_ERROR && lapic.errors == APIC_ESR_SENDILL;
	effect.what = 0;
	passed &= lapic_register_write(&lapic, APIC_ESR, 1, &effect) == -EINVAL &&
		  lapic_register_write(&lapic, APIC_ESR, 0, &effect) == 0 &&
		  lapic_reg(&lapic, APIC_ESR) == APIC_ESR_SENDILL;
	lapic_register_write(&lapic, APIC_ESR, 0, &effect);
	passed &= lapic_reg(&lapic, APIC_ESR) == 0;
	ktap_result(passed, "icr_illegal_vector_and_esr");

	make(&lapic, 0, false, true);
	effect.what = 0;
	lapic_register_write(&lapic, APIC_ICR2, 0xabcdef01, &effect);
	lapic_register_write(&lapic, APIC_ICR, APIC_DEST_LOGICAL | 0x1941, &effect);
	passed = effect.what == LAPIC_EFFECT_SEND && effect.message.dest == 0xab &&
		 effect.message.is_logical && effect.message.delivery == LAPIC_DELIVERY_LOWEST &&
		 lapic_reg(&lapic, APIC_ICR) == 0x941 && lapic_reg(&lapic, APIC_ICR2) == 0xab000000;
	ktap_result(passed, "icr_xapic");
}

static void test_lvts(void)
{
	struct lapic_effect effect = {};
	struct lapic_message message;
	struct lapic lapic;
	bool passed;

	make(&lapic, 1, false, false);
	lapic_register_write(&lapic, APIC_LVTERR, 0x33, &effect);
	passed = lapic_reg(&lapic, APIC_LVTERR) == (APIC_LVT_MASKED | 0x33);
	lapic_register_write(&lapic, APIC_SPIV, 0x1ff, &effect);
	lapic_register_write(&lapic, APIC_LVTERR, 0x33, &effect);
	passed &= lapic_reg(&lapic, APIC_LVTERR) == 0x33;
	passed &= lapic_lvt_message(&lapic, APIC_LVTERR, &message) && message.vector == 0x33;
	effect.what = 0;
	lapic_register_write(&lapic, APIC_SPIV, 0xff, &effect);
	passed &= lapic_reg(&lapic, APIC_LVTERR) == (APIC_LVT_MASKED | 0x33) &&
		  (effect.what & LAPIC_EFFECT_MODE) && (effect.what & LAPIC_EFFECT_MAP);
	passed &= !lapic_lvt_message(&lapic, APIC_LVTERR, &message);
	ktap_result(passed, "lvt_mask_follows_svr");

	lapic_register_write(&lapic, APIC_SPIV, 0x1ff, &effect);
	lapic_register_write(&lapic, APIC_LVTT, ~0u, &effect);
	passed = lapic_reg(&lapic, APIC_LVTT) == 0x710ff;
	lapic.features.tsc_deadline = false;
	lapic_register_write(&lapic, APIC_LVTT, ~0u, &effect);
	passed &= lapic_reg(&lapic, APIC_LVTT) == 0x310ff;
	lapic_register_write(&lapic, APIC_LVT1, ~0u, &effect);
	passed &= lapic_reg(&lapic, APIC_LVT1) == 0x1f7ff;
	lapic_register_write(&lapic, APIC_LVTERR, ~0u, &effect);
	passed &= lapic_reg(&lapic, APIC_LVTERR) == 0x110ff;
	ktap_result(passed, "lvt_writable_bits");

	make(&lapic, 0, false, true);
	passed = lapic_accepts_pic(&lapic);
	lapic_set_reg(&lapic, APIC_LVT0, APIC_LVT_MASKED | APIC_DM_EXTINT);
	passed &= !lapic_accepts_pic(&lapic);
	lapic.base = APIC_DEFAULT_PHYS_BASE;
	passed &= lapic_accepts_pic(&lapic);
	ktap_result(passed, "lint0_lets_the_pic_through");
}

static void test_divisor(void)
{
	static const u32 divisors[16] = {
		2, 4, 8, 16, 2, 4, 8, 16, 32, 64, 128, 1, 32, 64, 128, 1,
	};
	struct lapic_effect effect = {};
	struct lapic lapic;
	bool passed = true;
	u32 i;

	make(&lapic, 0, false, true);
	for (i = 0; i < 16; i++) {
		lapic_register_write(&lapic, APIC_TDCR, i, &effect);
		passed &= lapic_divisor(&lapic) == divisors[i] &&
			  lapic_reg(&lapic, APIC_TDCR) == (i & 0xb);
	}
	ktap_result(passed, "divide_configuration");
}

static void test_state(void)
{
	struct kvm_lapic_state state, again;
	struct lapic lapic;
	bool passed;

	make(&lapic, 0x13, true, true);
	send_self(&lapic, 0x77, true);
	lapic_model_get_state(&lapic, &state, false);
	passed = *(u32 *)(state.regs + APIC_ID) == 0x13000000;
	make(&lapic, 0x13, true, false);
	passed &= lapic_model_set_state(&lapic, &state, false) == 0 &&
		  lapic_irr_highest(&lapic) == 0x77;
	lapic_model_get_state(&lapic, &again, false);
	passed &= !memcmp(&state, &again, sizeof(state));
	*(u32 *)(state.regs + APIC_ID) = 0x14000000;
	passed &= lapic_model_set_state(&lapic, &state, false) == -EINVAL;
	ktap_result(passed, "state_round_trip_x2apic");

	lapic_model_get_state(&lapic, &state, true);
	passed = *(u32 *)(state.regs + APIC_ID) == 0x13 &&
		 lapic_model_set_state(&lapic, &state, true) == 0;
	*(u32 *)(state.regs + APIC_ID) = 0x13000000;
	passed &= lapic_model_set_state(&lapic, &state, true) == -EINVAL;
	ktap_result(passed, "state_full_ids");

	/* Whatever comes, the model stays in bounds and every register readable. */
	memset(&state, 0xff, sizeof(state));
	make(&lapic, 5, false, false);
	passed = lapic_model_set_state(&lapic, &state, false) == 0 &&
		 lapic_reg(&lapic, APIC_LVR) == 0x50014 && lapic_deliverable(&lapic) == -1 &&
		 lapic_reg(&lapic, APIC_ID) == 0xff000000 && lapic_divisor(&lapic) == 1;
	ktap_result(passed, "state_hostile");

	make(&lapic, 5, true, true);
	send_self(&lapic, 0x77, true);
	lapic_model_reset(&lapic, false, false, true);
	passed = lapic.base == X2APIC && lapic_reg(&lapic, APIC_ID) == 5 &&
		 lapic_reg(&lapic, APIC_SPIV) == 0xff && lapic_irr_highest(&lapic) == -1;
	lapic_model_reset(&lapic, false, false, false);
	passed &= lapic.base == XAPIC && lapic_reg(&lapic, APIC_ID) == 0x05000000;
	ktap_result(passed, "reset_and_init");
}

int main(void)
{
	ktap_begin();
	test_accesses();
	test_priorities();
	test_eoi();
	test_matches();
	test_bases();
	test_receipts();
	test_icr();
	test_lvts();
	test_divisor();
	test_state();
	return ktap_end();
}
