// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction executor: the table of emulate_exec_cases.h, and what does not
 * fit a table: bounded batches, restart after every kind of wait, lost races.
 * Flags and results over many operand values are emulate_native_test.c's.
 */
#include "emulate_exec_cases.h"

static struct machine actual, expected;
static struct emulate_ctxt ctxt;

static const char *const vectors[] = {
	[LODGE_VECTOR_DE] = "DE", [LODGE_VECTOR_UD] = "UD", [LODGE_VECTOR_NM] = "NM",
	[LODGE_VECTOR_SS] = "SS", [LODGE_VECTOR_GP] = "GP", [LODGE_VECTOR_PF] = "PF",
};

static void describe_result(enum emulate_result ret, char *text, size_t size)
{
	const struct lodge_event *fault = &ctxt.fault;
	int len;

	switch (ret) {
	case EMULATE_DONE:
		snprintf(text, size, "%s", ctxt.shadow == LODGE_SHADOW_STI ? "!sti" :
			 ctxt.shadow == LODGE_SHADOW_MOV_SS ? "!movss" : "");
		break;
	case EMULATE_FAULT:
		len = snprintf(text, size, "!%s",
			       fault->vector < ARRAY_SIZE(vectors) && vectors[fault->vector] ?
			       vectors[fault->vector] : "?");
		if (fault->has_error)
			len += snprintf(text + len, size - len, "(%x)", fault->error_code);
		if (fault->has_payload)
			snprintf(text + len, size - len, "@%lx", (unsigned long)fault->payload);
		break;
	case EMULATE_UNKNOWN:
		snprintf(text, size, "!unknown");
		break;
	default:
		snprintf(text, size, "!result%d", ret);
		break;
	}
}

/* The token of @text that begins with @mark, or "". */
static void find_mark(const char *text, char mark, char *token, size_t size)
{
	const char *found = strchr(text, mark);

	snprintf(token, size, "%.*s", found ? (int)strcspn(found, " ") : 0, found ? found : "");
}

static void prepare(enum machine_kind kind, const char *before)
{
	char mark[32];

	machine_init(&actual, kind);
	machine_set(&actual, before);
	find_mark(before, '#', mark, sizeof(mark));
	if (!strncmp(mark, "#allow", 6))
		actual.allowed_port = strtoul(mark + 6, NULL, 16);
	memset(&ctxt, 0, sizeof(ctxt));
	ctxt.state = &actual.state;
	ctxt.ops = &machine_ops;
	ctxt.owner = &actual;
	ctxt.cpl = actual.cpl;
	ctxt.mode = emulate_cpu_mode(&actual.state);
}

static int decode_text(const char *text)
{
	u8 bytes[16];
	unsigned int nr = parse_bytes(text, bytes);

	return emulate_decode(&ctxt.insn, bytes, nr, ctxt.mode);
}

/*
 * Execute until it is over, as an owner would. As long as an instruction waits,
 * nothing but completed iterations may show.
 */
static enum emulate_result run_to_end(void)
{
	struct lodge_x86_state before;
	enum emulate_result ret;
	unsigned int i;

	for (i = 0; i < 10000; i++) {
		before = actual.state;
		ret = machine_exec(&ctxt);
		if (ret == EMULATE_DONE || ret == EMULATE_UNKNOWN || ret == EMULATE_FAULT)
			return ret;
		if (!ctxt.iterations && memcmp(&before, &actual.state, sizeof(before)))
			actual.error = "a waiting instruction changed registers";
		if (before.rip != actual.state.rip)
			actual.error = "a waiting instruction moved RIP";
	}
	actual.error = "does not end";
	return ret;
}

static bool same(void)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < LODGE_NR_GPRS; i++) {
		if (actual.state.gprs[i] != expected.state.gprs[i]) {
			ktap_note("register %u: %lx, expected %lx", i,
				  (unsigned long)actual.state.gprs[i],
				  (unsigned long)expected.state.gprs[i]);
			ok = false;
		}
	}
	if (actual.state.rip != expected.state.rip ||
	    actual.state.rflags != expected.state.rflags) {
		ktap_note("rip %lx rflags %lx, expected %lx %lx",
			  (unsigned long)actual.state.rip, (unsigned long)actual.state.rflags,
			  (unsigned long)expected.state.rip, (unsigned long)expected.state.rflags);
		ok = false;
	}
	for (i = 0; i < RAM_SIZE; i++) {
		if (actual.ram[i] != expected.ram[i]) {
			ktap_note("memory %x: %x, expected %x", i, actual.ram[i], expected.ram[i]);
			ok = false;
			break;
		}
	}
	for (i = 0; i < MAX_IO && i < max(actual.nr_log, expected.nr_log); i++) {
		if (memcmp(&actual.log[i], &expected.log[i], sizeof(struct io))) {
			ktap_note("access %u: kind %d size %u %lx=%lx", i, actual.log[i].kind,
				  actual.log[i].size, (unsigned long)actual.log[i].address,
				  (unsigned long)actual.log[i].value);
			ok = false;
		}
	}
	if (memcmp(actual.xmm, expected.xmm, sizeof(actual.xmm)) ||
	    memcmp(actual.state.segs, expected.state.segs, sizeof(actual.state.segs))) {
		ktap_note("XMM or segment registers differ");
		ok = false;
	}
	return ok;
}

static void run_case(const struct exec_case *c)
{
	char result[64], wanted[64], mark[32];
	enum emulate_result ret;
	bool segs_differ, ok;

	prepare(c->kind, c->before);
	if (decode_text(c->bytes)) {
		ktap_result(false, "%s (%s): not decoded", c->name, c->bytes);
		return;
	}
	expected = actual;
	find_mark(c->after, '!', wanted, sizeof(wanted));
	if (!*wanted || !strcmp(wanted, "!sti") || !strcmp(wanted, "!movss")) {
		expected.state.rip += ctxt.insn.length;
		if (ctxt.mode != LODGE_MODE_64)
			expected.state.rip &= U32_MAX;
	}
	machine_set(&expected, c->after);
	segs_differ = memcmp(expected.state.segs, actual.state.segs, sizeof(actual.state.segs));

	ret = run_to_end();
	describe_result(ret, result, sizeof(result));
	ok = same();
	if (strcmp(result, wanted)) {
		ktap_note("result \"%s\", expected \"%s\"", result, wanted);
		ok = false;
	}
	if (actual.next_answer != actual.nr_answers || actual.error) {
		ktap_note("%s", actual.error ? actual.error : "an answer was not asked for");
		ok = false;
	}
	find_mark(c->after, '#', mark, sizeof(mark));
	if (actual.saw_rmw != !strcmp(mark, "#rmw") && c->bytes[0]) {
		ktap_note("rmw was %s", actual.saw_rmw ? "set" : "not set");
		ok = false;
	}
	if (ctxt.segs_written != segs_differ) {
		ktap_note("segs_written is wrong");
		ok = false;
	}
	ktap_result(ok, "%s: %s (%s)", machine_names[c->kind], c->name, c->bytes);
}

#define run_cases(cases) do {						\
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)		\
		run_case(&cases[i]);					\
} while (0)

/* All sixteen conditions against all flags that they look at. */
static void test_conditions(void)
{
	unsigned int condition, combination;
	bool met, ok;
	char bytes[16];

	for (condition = 0; condition < 16; condition++) {
		ok = true;
		for (combination = 0; combination < 32; combination++) {
			bool cf = combination & 1;
			bool pf = combination & 2;
			bool zf = combination & 4;
			bool sf = combination & 8;
			bool of = combination & 16;
			const bool met_even[] = {
				of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of,
			};

			met = met_even[condition / 2] != (condition & 1);
			prepare(C64, "");
			actual.state.rflags |= cf * X86_EFLAGS_CF | pf * X86_EFLAGS_PF |
					       zf * X86_EFLAGS_ZF | sf * X86_EFLAGS_SF |
					       of * X86_EFLAGS_OF;
			snprintf(bytes, sizeof(bytes), "%02x 10", 0x70 + condition);
			ok = ok && !decode_text(bytes) && run_to_end() == EMULATE_DONE;
			ok = ok && actual.state.rip == START_RIP + 2 + (met ? 0x10 : 0);
		}
		ktap_result(ok, "condition %u with all flags", condition);
	}
}

static void test_bounded_batch(void)
{
	enum emulate_result ret;
	unsigned int calls = 1;

	prepare(C64, "rcx=2000 rdi=4000 rax=55");
	decode_text("f3 aa");
	ret = machine_exec(&ctxt);
	ktap_result(ret == EMULATE_CONTINUE && ctxt.iterations == EMULATE_MAX_ITERATIONS &&
		    actual.state.rip == START_RIP &&
		    actual.state.gprs[LODGE_RCX] == 0x2000 - 1024 &&
		    actual.state.gprs[LODGE_RDI] == 0x4400, "rep stos stops after its batch");
	while (ret == EMULATE_CONTINUE && calls++ < 100)
		ret = machine_exec(&ctxt);
	ktap_result(ret == EMULATE_DONE && calls == 8 && actual.ram[0x5fff] == 0x55 &&
		    actual.ram[0x6000] == 0 && actual.state.rip == START_RIP + 2,
		    "rep stos ends after all batches");

	prepare(C64, "rcx=400 rdi=4000 rax=55");
	decode_text("f3 aa");
	ktap_result(machine_exec(&ctxt) == EMULATE_DONE && ctxt.iterations == 1024,
		    "exactly one batch is not continued");

	/* The largest count there is must not be a large loop. */
	prepare(C64, "rcx=ffffffffffffffff rdi=4000");
	decode_text("f3 ab");
	ktap_result(machine_exec(&ctxt) == EMULATE_CONTINUE, "rep stos with the largest count");
	prepare(C64, "rcx=ffffffffffffffff rdi=4000 in4:1200=5");
	decode_text("f3 6d");
	ktap_result(machine_exec(&ctxt) == EMULATE_NEED_IO &&
		    machine_exec(&ctxt) == EMULATE_CONTINUE && ctxt.iterations == 256 &&
		    actual.state.gprs[LODGE_RDI] == 0x4400,
		    "rep ins with the largest count moves 1024 bytes");
}

/* A batch from a port asks for the same count again, and consumes one answer. */
static void test_port_batch(void)
{
	prepare(C64, "rcx=600 rdi=4100 in1:1200=0 in1:1200=0");
	decode_text("f3 6c");
	ktap_result(machine_exec(&ctxt) == EMULATE_NEED_IO && !ctxt.iterations &&
		    actual.state.gprs[LODGE_RCX] == 0x600, "rep ins waits with nothing changed");
	ktap_result(machine_exec(&ctxt) == EMULATE_CONTINUE && ctxt.iterations == 1024 &&
		    actual.state.gprs[LODGE_RCX] == 0x200 && actual.ram[0x4101] == 1,
		    "rep ins stores its first batch");
	ktap_result(run_to_end() == EMULATE_DONE && actual.next_answer == 2 && !actual.error &&
		    actual.state.gprs[LODGE_RDI] == 0x4700 && actual.probes == 4,
		    "rep ins stores its second batch");
}

static void test_lost_race(void)
{
	prepare(C64, "m4:1300=5 rcx=3");
	decode_text("f0 0f c1 0b");
	actual.lost_races = 2;
	ktap_result(machine_exec(&ctxt) == EMULATE_CONTINUE &&
		    actual.state.gprs[LODGE_RCX] == 3 && actual.state.rip == START_RIP,
		    "a lost race changes nothing");
	actual.ram[0x1300] = 6;
	ktap_result(run_to_end() == EMULATE_DONE && actual.state.gprs[LODGE_RCX] == 6 &&
		    actual.ram[0x1300] == 9, "after a lost race memory is read again");
}

static void test_resume_flag(void)
{
	prepare(C64, "");
	actual.state.rflags |= X86_EFLAGS_RF;
	decode_text("90");
	run_to_end();
	ktap_result(!(actual.state.rflags & X86_EFLAGS_RF), "completion clears RF");

	prepare(C64, "");
	actual.state.rflags |= X86_EFLAGS_RF;
	decode_text("eb 00");
	run_to_end();
	ktap_result(!(actual.state.rflags & X86_EFLAGS_RF), "a branch clears RF");

	prepare(C64, "rbx=1f000");
	actual.state.rflags |= X86_EFLAGS_RF;
	decode_text("8b 03");
	run_to_end();
	ktap_result(actual.state.rflags & X86_EFLAGS_RF, "a fault keeps RF");
}

static void test_source_value(void)
{
	gva_t linear;
	u64 value;

	prepare(REAL, "m2:3300=fff1");
	decode_text("0f 01 37");
	ktap_result(emulate_source_value(&ctxt, &value) == EMULATE_DONE && value == 0xfff1,
		    "source of LMSW [bx]");
	prepare(C64, "rax=ffffffff00000031");
	decode_text("0f 22 c0");
	ktap_result(emulate_source_value(&ctxt, &value) == EMULATE_DONE &&
		    value == 0xffffffff00000031, "source of MOV CR0, RAX");
	prepare(P32, "rax=ffffffff00000031");
	decode_text("0f 22 c0");
	ktap_result(emulate_source_value(&ctxt, &value) == EMULATE_DONE && value == 0x31,
		    "source of MOV CR0, EAX");
	decode_text("0f 20 c0");
	ktap_result(emulate_source_value(&ctxt, &value) == EMULATE_UNKNOWN,
		    "a control register has no value here");
	decode_text("0f 01 10");
	ktap_result(emulate_source_value(&ctxt, &value) == EMULATE_UNKNOWN,
		    "a descriptor table register has no single value");
	prepare(C64, "rbx=800000000000");
	decode_text("0f 01 3b");
	ktap_result(emulate_linear_address(&ctxt, &linear) == EMULATE_DONE &&
		    linear == 0x800000000000, "address of INVLPG, not canonical");
	decode_text("65 0f 01 3b");
	ktap_result(emulate_linear_address(&ctxt, &linear) == EMULATE_DONE &&
		    linear == 0x800000006000, "address of INVLPG gs:");
}

static void test_cpu_mode(void)
{
	struct machine *m = &actual;

	machine_init(m, REAL);
	ktap_result(emulate_cpu_mode(&m->state) == LODGE_MODE_16, "real mode is 16-bit");
	m->state.segs[LODGE_SEG_CS].attr |= LODGE_SEG_DB;
	ktap_result(emulate_cpu_mode(&m->state) == LODGE_MODE_32, "CS.D counts in real mode");
	machine_init(m, P32);
	ktap_result(emulate_cpu_mode(&m->state) == LODGE_MODE_32, "protected mode, CS.D");
	m->state.segs[LODGE_SEG_CS].attr |= LODGE_SEG_L;
	ktap_result(emulate_cpu_mode(&m->state) == LODGE_MODE_32, "CS.L without long mode");
	machine_init(m, C64);
	ktap_result(emulate_cpu_mode(&m->state) == LODGE_MODE_64, "64-bit mode");
	m->state.segs[LODGE_SEG_CS].attr ^= LODGE_SEG_L | LODGE_SEG_DB;
	ktap_result(emulate_cpu_mode(&m->state) == LODGE_MODE_32, "compatibility mode");
}

static u64 random_state = 0x2545f4914f6cdd1d;

static u64 random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/*
 * Random instructions on random registers: no overrun, and a result that is not
 * completion leaves RIP alone. Ports and devices answer whatever is asked.
 */
static void test_fuzz(void)
{
	unsigned int i, j, tried = 0;
	struct lodge_x86_state before;
	enum emulate_result ret;
	bool ok = true;
	u8 bytes[16];

	machine_init(&actual, C64);
	for (i = 0; i < 150000 && ok; i++) {
		enum machine_kind kind = i % 5;

		if (i % 1000 < 5)
			prepare(kind, "");
		machine_init(&actual, kind);
		ctxt.mode = emulate_cpu_mode(&actual.state);
		ctxt.cpl = actual.cpl;
		for (j = 0; j < 16; j++) {
			bytes[j] = random64() >> 40;
			actual.state.gprs[j] = random64() >> (random64() & 63);
			if (kind != C64)
				actual.state.gprs[j] &= U32_MAX;
		}
		if (emulate_decode(&ctxt.insn, bytes, 15, ctxt.mode))
			continue;
		before = actual.state;
		ret = machine_exec(&ctxt);
		tried += ret != EMULATE_UNKNOWN;
		if (ret == EMULATE_UNKNOWN || ret == EMULATE_FAULT || ret == EMULATE_NEED_IO)
			ok = actual.state.rip == before.rip &&
			     (ctxt.iterations || !memcmp(&before, &actual.state, sizeof(before)));
		if (ret == EMULATE_FAULT)
			ok = ok && ctxt.fault.class == LODGE_EVENT_EXCEPTION;
		if (!ok)
			ktap_note("%02x %02x %02x %02x: result %d", bytes[0], bytes[1], bytes[2],
				  bytes[3], ret);
	}
	ktap_result(ok && tried > 20000, "random instructions on random registers");
}

int main(void)
{
	ktap_begin();
	run_cases(mov_cases);
	run_cases(alu_cases);
	run_cases(segment_cases);
	run_cases(flow_cases);
	run_cases(string_cases);
	run_cases(port_cases);
	run_cases(device_cases);
	run_cases(sse_cases);
	test_conditions();
	test_bounded_batch();
	test_port_batch();
	test_lost_race();
	test_resume_flag();
	test_source_value();
	test_cpu_mode();
	test_fuzz();
	return ktap_end();
}
