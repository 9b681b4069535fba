// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU that counts the instructions executed between the marks of
 * the benchmark (selftests/bench/bench.h), for each translated block.  Its
 * argument is a file that it makes a table of: an address and a count, 64 bits
 * each.  The table is mapped, so it is there however QEMU ends.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

/* What is used of qemu-plugin.h, which no package has. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*called)(qemu_plugin_id_t,
							  struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*called)(unsigned int, void *), int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*called)(unsigned int, void *), int flags,
					    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

int qemu_plugin_version = 1;
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);

/* A block translated anew gets another entry. */
#define ENTRIES_MAX (4u << 20)

#define MARK_BYTES 7
static const uint8_t begin_mark[] = { 0x0f, 0x1f, 0x80, 'b', 'e', 'g', 0 };
static const uint8_t end_mark[] = { 0x0f, 0x1f, 0x80, 'e', 'n', 'd', 0 };

struct entry {
	uint64_t address;
	uint64_t count;
};

static struct entry *entries;
static uint32_t used;
/* Of each entry, how many instructions its block has. */
static uint16_t lengths[ENTRIES_MAX];
static bool counting;

static void block_executed(unsigned int cpu, void *data)
{
	uintptr_t entry = (uintptr_t)data;

	if (counting)
		entries[entry].count += lengths[entry];
}

static void mark_executed(unsigned int cpu, void *data)
{
	counting = data;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t length = qemu_plugin_tb_n_insns(tb), i;

	for (i = 0; i < length; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const void *bytes = qemu_plugin_insn_data(insn);

		if (qemu_plugin_insn_size(insn) != MARK_BYTES)
			continue;
		if (!memcmp(bytes, begin_mark, MARK_BYTES))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_executed, 0, entries);
		if (!memcmp(bytes, end_mark, MARK_BYTES))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_executed, 0, NULL);
	}
	if (used == ENTRIES_MAX)
		return;
	entries[used].address = qemu_plugin_tb_vaddr(tb);
	lengths[used] = length;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_executed, 0, (void *)(uintptr_t)used);
	used++;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	size_t bytes = ENTRIES_MAX * sizeof(*entries);
	const char *name = argc == 1 ? strchr(argv[0], '=') : NULL;
	int file = name ? open(name + 1, O_RDWR) : -1;

	if (file < 0 || ftruncate(file, bytes))
		return 1;
	entries = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (entries == MAP_FAILED)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	return 0;
}
