/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine for the executor's tests: some RAM, a device region, ports and XMM
 * registers behind struct emulate_ops, and a small language to describe states:
 *
 *   rax=HEX ... r15=HEX rip=HEX     registers
 *   fl=LETTERS                      CF c, PF p, AF a, ZF z, SF s, OF o, DF d, IF i; "-" none
 *   m4:ADDR=HEX                     memory, size in bytes
 *   x0=HEX                          XMM register, 32 digits
 *   r4:ADDR=HEX  w4:ADDR=HEX        answer of a device read, device write
 *   in4:PORT=HEX out4:PORT=HEX      the same for ports
 *   ds.base= ds.limit= ds.attr= ds.sel=   segments
 *   cpl= iopl= cr0= cr4=            the rest
 *
 * Linear addresses are "physical". The first read of a device, and of a port,
 * answers EMULATE_NEED_IO, as user space would have to be asked; so does a second
 * write while the first is still posted.
 */
#ifndef LODGE_UNIT_EMULATE_MACHINE_H
#define LODGE_UNIT_EMULATE_MACHINE_H

#include <stdlib.h>
#include <string.h>

#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <linux/kernel.h>

#include "emulate/emulate.h"
#include "ktap.h"
#include "x86.h"

#define RAM_SIZE	0x20000u
#define READ_ONLY_PAGE	0x1e000u
#define MISSING_PAGE	0x1f000u
#define DEVICE_START	0xa0000u
#define DEVICE_END	0x200000u
#define MAX_IO		64
#define START_RIP	0x100

enum io_kind { IO_READ, IO_WRITE, IO_IN, IO_OUT };

struct io {
	enum io_kind kind;
	unsigned int size;
	u64 address;
	u64 value;
};

struct machine {
	struct lodge_x86_state state;
	u8 ram[RAM_SIZE];
	u8 xmm[16][16];
	u8 cpl;

	struct io answers[MAX_IO];	/* to reads, in order */
	unsigned int nr_answers;
	unsigned int next_answer;
	unsigned int nr_ready;		/* user space has given these */
	unsigned int base;		/* where the current iteration began */
	unsigned int iteration;

	struct io log[MAX_IO];		/* writes, in order */
	unsigned int nr_log;
	bool posted;			/* a write is still on its way */

	unsigned int need_io;		/* how often that was answered */
	unsigned int probes;
	unsigned int lost_races;	/* let this many cmpxchg fail */
	u16 allowed_port;
	bool saw_rmw;
	const char *error;		/* a broken contract */
};

enum machine_kind { REAL, V86, P16, P32, C64 };

static const char *const machine_names[] = { "real", "v86", "p16", "p32", "64-bit" };

static bool is_device(u64 linear)
{
	return linear >= DEVICE_START && linear < DEVICE_END;
}

static enum emulate_result page_check(struct emulate_ctxt *ctxt, u64 linear, unsigned int len,
				      bool write)
{
	u32 error = (ctxt->cpl == 3 ? LODGE_PFERR_USER : 0) | (write ? LODGE_PFERR_WRITE : 0);
	unsigned int i;

	for (i = 0; i < len; i++) {
		u64 address = linear + i;

		if (is_device(address))
			continue;
		if (address < RAM_SIZE && (address & ~0xfffull) == READ_ONLY_PAGE && write)
			error |= LODGE_PFERR_PRESENT;
		else if (address < MISSING_PAGE)
			continue;
		ctxt->fault = (struct lodge_event) {
			.class = LODGE_EVENT_EXCEPTION,
			.vector = LODGE_VECTOR_PF,
			.has_error = true,
			.has_payload = true,
			.error_code = error,
			.payload = address,
		};
		return EMULATE_FAULT;
	}
	return EMULATE_DONE;
}

/*
 * The next scripted answer must be the one that is asked for. Answers stay until
 * the iteration that they belong to is complete.
 */
static enum emulate_result take_answer(struct emulate_ctxt *ctxt, enum io_kind kind,
				       u64 address, unsigned int size, void *data)
{
	struct machine *m = ctxt->owner;
	const struct io *answer = &m->answers[m->next_answer];

	if (m->iteration != ctxt->iterations) {
		m->iteration = ctxt->iterations;
		m->base = m->next_answer;
	}
	if (m->posted) {
		m->need_io++;
		return EMULATE_NEED_IO;
	}
	if (m->next_answer == m->nr_answers || answer->kind != kind ||
	    answer->address != address || answer->size != size) {
		m->error = "unexpected device or port read";
		return EMULATE_UNKNOWN;
	}
	if (m->next_answer == m->nr_ready) {
		m->nr_ready++;
		m->need_io++;
		return EMULATE_NEED_IO;
	}
	memcpy(data, &answer->value, min(size, 8u));
	m->next_answer++;
	return EMULATE_DONE;
}

static void log_io(struct machine *m, enum io_kind kind, u64 address, unsigned int size,
		   const void *data)
{
	struct io *io = &m->log[m->nr_log];

	if (m->nr_log == MAX_IO) {
		m->error = "too many writes";
		return;
	}
	*io = (struct io) { .kind = kind, .address = address, .size = size };
	memcpy(&io->value, data, min(size, 8u));
	m->nr_log++;
}

static enum emulate_result machine_read(struct emulate_ctxt *ctxt, gva_t linear, void *data,
					unsigned int len)
{
	struct machine *m = ctxt->owner;
	enum emulate_result ret;
	unsigned int step;

	m->saw_rmw |= ctxt->rmw;
	ret = page_check(ctxt, linear, len, ctxt->rmw);
	if (ret)
		return ret;
	if (!is_device(linear)) {
		memcpy(data, m->ram + linear, len);
		return EMULATE_DONE;
	}
	for (; len; len -= step, linear += step, data = (u8 *)data + step) {
		step = min(len, 8u);
		ret = take_answer(ctxt, IO_READ, linear, step, data);
		if (ret)
			return ret;
	}
	return EMULATE_DONE;
}

static enum emulate_result machine_write(struct emulate_ctxt *ctxt, gva_t linear,
					 const void *data, unsigned int len)
{
	struct machine *m = ctxt->owner;
	enum emulate_result ret;
	unsigned int step;

	ret = page_check(ctxt, linear, len, true);
	if (ret)
		return ret;
	if (!is_device(linear)) {
		memcpy(m->ram + linear, data, len);
		return EMULATE_DONE;
	}
	if (m->posted) {
		m->need_io++;
		return EMULATE_NEED_IO;
	}
	for (; len; len -= step, linear += step, data = (const u8 *)data + step) {
		step = min(len, 8u);
		log_io(m, IO_WRITE, linear, step, data);
	}
	m->posted = true;
	return EMULATE_DONE;
}

static enum emulate_result machine_cmpxchg(struct emulate_ctxt *ctxt, gva_t linear,
					   const void *old, const void *new, unsigned int len)
{
	struct machine *m = ctxt->owner;
	enum emulate_result ret;

	ret = page_check(ctxt, linear, len, true);
	if (ret)
		return ret;
	if (is_device(linear))
		return machine_write(ctxt, linear, new, len);
	if (m->lost_races) {
		m->lost_races--;
		return EMULATE_CONTINUE;
	}
	if (memcmp(m->ram + linear, old, len)) {
		m->error = "cmpxchg with a stale value";
		return EMULATE_CONTINUE;
	}
	memcpy(m->ram + linear, new, len);
	return EMULATE_DONE;
}

static enum emulate_result machine_probe(struct emulate_ctxt *ctxt, gva_t linear,
					 unsigned int len, bool write)
{
	struct machine *m = ctxt->owner;
	enum emulate_result ret;

	m->probes++;
	if ((linear & 0xfff) + len > 0x1000)
		m->error = "probe across a page";
	ret = page_check(ctxt, linear, len, write);
	if (ret)
		return ret;
	return is_device(linear) ? EMULATE_NEED_IO : EMULATE_DONE;
}

static enum emulate_result machine_io_allowed(struct emulate_ctxt *ctxt, u16 port,
					      unsigned int size)
{
	struct machine *m = ctxt->owner;

	if (port == m->allowed_port)
		return EMULATE_DONE;
	return emulate_raise(ctxt, LODGE_VECTOR_GP, 0);
}

/* A batch is one answer; element i of it is the answer's value plus i. */
static enum emulate_result machine_pio_in(struct emulate_ctxt *ctxt, u16 port,
					  unsigned int size, void *data, unsigned int count)
{
	enum emulate_result ret;
	unsigned int i;
	u64 value = 0;

	if (size * count > EMULATE_PIO_BYTES)
		((struct machine *)ctxt->owner)->error = "batch too long";
	ret = take_answer(ctxt, IO_IN, port, size, &value);
	for (i = 0; !ret && i < count; i++) {
		u64 element = value + i;

		memcpy((u8 *)data + i * size, &element, size);
	}
	return ret;
}

static enum emulate_result machine_pio_out(struct emulate_ctxt *ctxt, u16 port,
					   unsigned int size, const void *data,
					   unsigned int count)
{
	struct machine *m = ctxt->owner;
	unsigned int i;

	if (m->posted) {
		m->need_io++;
		return EMULATE_NEED_IO;
	}
	for (i = 0; i < count; i++)
		log_io(m, IO_OUT, port, size, (const u8 *)data + i * size);
	m->posted = true;
	return EMULATE_DONE;
}

static void machine_get_xmm(struct emulate_ctxt *ctxt, unsigned int reg, u8 data[16])
{
	memcpy(data, ((struct machine *)ctxt->owner)->xmm[reg], 16);
}

static void machine_put_xmm(struct emulate_ctxt *ctxt, unsigned int reg, const u8 data[16])
{
	memcpy(((struct machine *)ctxt->owner)->xmm[reg], data, 16);
}

static const struct emulate_ops machine_ops = {
	.read = machine_read,
	.write = machine_write,
	.cmpxchg = machine_cmpxchg,
	.probe = machine_probe,
	.io_allowed = machine_io_allowed,
	.pio_in = machine_pio_in,
	.pio_out = machine_pio_out,
	.get_xmm = machine_get_xmm,
	.put_xmm = machine_put_xmm,
};

/*
 * Segments: 16-bit machines have CS at 1000, DS 2000, ES 3000, SS 4000, FS 5000,
 * GS 6000; the others are flat, in 64-bit mode with FS at 5000 and GS at 6000.
 * General registers count up from 1000 in steps of 100; all else is zero.
 */
static void machine_init(struct machine *m, enum machine_kind kind)
{
	static const u16 bases[] = { 0x3000, 0x1000, 0x4000, 0x2000, 0x5000, 0x6000 };
	struct lodge_x86_state *state = &m->state;
	unsigned int i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < LODGE_NR_GPRS; i++)
		state->gprs[i] = 0x1000 + 0x100 * i;
	for (i = 0; i < LODGE_SEG_LDTR; i++) {
		struct lodge_segment *segment = &state->segs[i];

		segment->attr = LODGE_SEG_P | LODGE_SEG_S | (i == LODGE_SEG_CS ? 0xb : 3);
		segment->base = bases[i];
		segment->selector = bases[i] >> 4;
		segment->limit = 0xffff;
		if (kind == P32 || kind == C64) {
			segment->base = 0;
			segment->limit = U32_MAX;
			segment->attr |= LODGE_SEG_G | LODGE_SEG_DB;
			segment->selector = 8 * (i + 1);
		}
		if (kind == V86)
			segment->attr |= LODGE_SEG_DPL_MASK;
	}
	state->rip = START_RIP;
	state->rflags = X86_EFLAGS_FIXED | (kind == V86 ? X86_EFLAGS_VM : 0);
	state->cr0 = kind == REAL ? 0 : X86_CR0_PE;
	state->cr4 = X86_CR4_OSFXSR;
	m->cpl = kind == V86 ? 3 : 0;
	if (kind == C64) {
		state->efer = EFER_LMA | EFER_LME;
		state->segs[LODGE_SEG_CS].attr ^= LODGE_SEG_L | LODGE_SEG_DB;
		state->segs[LODGE_SEG_FS].base = 0x5000;
		state->segs[LODGE_SEG_GS].base = 0x6000;
	}
}

/* emulate_exec() and what an owner does around it: posted writes reach their device. */
static enum emulate_result machine_exec(struct emulate_ctxt *ctxt)
{
	struct machine *m = ctxt->owner;
	enum emulate_result ret;

	m->next_answer = m->base;
	m->iteration = 0;
	ret = emulate_exec(ctxt);
	if (ret != EMULATE_NEED_IO || m->iteration != ctxt->iterations)
		m->base = m->next_answer;
	m->posted = false;
	return ret;
}

static void bad_token(const char *token)
{
	fprintf(stderr, "cannot read \"%s\"\n", token);
	exit(2);
}

static int find_name(const char *const *names, unsigned int nr, const char *token, size_t len)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (strlen(names[i]) == len && !strncmp(names[i], token, len))
			return i;
	}
	return -1;
}

static void set_segment_field(struct machine *m, int seg, const char *field, u64 value)
{
	struct lodge_segment *segment = &m->state.segs[seg];

	if (!strncmp(field, "base=", 5))
		segment->base = value;
	else if (!strncmp(field, "limit=", 6))
		segment->limit = value;
	else if (!strncmp(field, "attr=", 5))
		segment->attr = value;
	else if (!strncmp(field, "sel=", 4))
		segment->selector = value;
	else
		bad_token(field);
}

static void set_flags(struct machine *m, const char *letters)
{
	static const struct {
		char letter;
		u64 flag;
	} flags[] = {
		{ 'c', X86_EFLAGS_CF }, { 'p', X86_EFLAGS_PF }, { 'a', X86_EFLAGS_AF },
		{ 'z', X86_EFLAGS_ZF }, { 's', X86_EFLAGS_SF }, { 'o', X86_EFLAGS_OF },
		{ 'd', X86_EFLAGS_DF }, { 'i', X86_EFLAGS_IF },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		m->state.rflags &= ~flags[i].flag;
		if (strchr(letters, flags[i].letter))
			m->state.rflags |= flags[i].flag;
	}
}

static void set_xmm(struct machine *m, const char *token)
{
	unsigned int i, byte, reg = strtoul(token + 1, (char **)&token, 10);

	for (i = 0; i < 16; i++) {
		if (sscanf(token + 1 + 2 * (15 - i), "%2x", &byte) != 1)
			bad_token(token);
		m->xmm[reg][i] = byte;
	}
}

static void add_io(struct machine *m, enum io_kind kind, const char *token, u64 value)
{
	struct io io = { .kind = kind, .value = value };
	char *end;

	io.size = strtoul(token, &end, 10);
	io.address = strtoull(end + 1, NULL, 16);
	if (kind == IO_READ || kind == IO_IN)
		m->answers[m->nr_answers++] = io;
	else
		m->log[m->nr_log++] = io;
}

static void set_memory(struct machine *m, const char *token, u64 value)
{
	unsigned int size = strtoul(token, (char **)&token, 10);
	u64 address = strtoull(token + 1, NULL, 16);

	if (address + size > RAM_SIZE)
		bad_token(token);
	memcpy(m->ram + address, &value, size);
}

static void set_token(struct machine *m, const char *token)
{
	static const char *const gprs[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs" };
	const char *equals = strchr(token, '=');
	u64 value = equals ? strtoull(equals + 1, NULL, 16) : 0;
	size_t len = equals ? (size_t)(equals - token) : 0;
	int i;

	if (!equals)
		bad_token(token);
	i = find_name(gprs, ARRAY_SIZE(gprs), token, len);
	if (i >= 0) {
		m->state.gprs[i] = value;
		return;
	}
	i = find_name(segs, ARRAY_SIZE(segs), token, 2);
	if (i >= 0 && token[2] == '.')
		set_segment_field(m, i, token + 3, value);
	else if (!strncmp(token, "rip=", 4))
		m->state.rip = value;
	else if (!strncmp(token, "fl=", 3))
		set_flags(m, token + 3);
	else if (!strncmp(token, "cpl=", 4))
		m->cpl = value;
	else if (!strncmp(token, "iopl=", 5))
		m->state.rflags |= value << X86_EFLAGS_IOPL_BIT;
	else if (!strncmp(token, "cr0=", 4))
		m->state.cr0 = value;
	else if (!strncmp(token, "cr4=", 4))
		m->state.cr4 = value;
	else if (!strncmp(token, "out", 3))
		add_io(m, IO_OUT, token + 3, value);
	else if (!strncmp(token, "in", 2))
		add_io(m, IO_IN, token + 2, value);
	else if (token[0] == 'r')
		add_io(m, IO_READ, token + 1, value);
	else if (token[0] == 'w')
		add_io(m, IO_WRITE, token + 1, value);
	else if (token[0] == 'm')
		set_memory(m, token + 1, value);
	else if (token[0] == 'x')
		set_xmm(m, token);
	else
		bad_token(token);
}

/* Apply a description; tokens that begin with # or ! are not states. */
static void machine_set(struct machine *m, const char *text)
{
	char *copy = strdup(text), *save, *token;

	for (token = strtok_r(copy, " ", &save); token; token = strtok_r(NULL, " ", &save)) {
		if (*token != '#' && *token != '!')
			set_token(m, token);
	}
	free(copy);
}

static unsigned int parse_bytes(const char *text, u8 *bytes)
{
	unsigned int nr = 0;

	while (*text) {
		bytes[nr++] = strtoul(text, NULL, 16);
		text += 2;
		while (*text == ' ')
			text++;
	}
	return nr;
}

#endif /* LODGE_UNIT_EMULATE_MACHINE_H */
