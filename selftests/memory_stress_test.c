// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that checks its memory all the time (stress.h), while the host does to that memory
 * whatever a host may do: one kind of disturbance after the other, then all at once. At the
 * end nothing is lost, the dirty log has told of every write, and the host is as it was.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "host.h"
#include "stress.h"

#define LOG KVM_MEM_LOG_DIRTY_PAGES
#define MANUAL KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE

/* Of <linux/mman.h> and <linux/mempolicy.h>, which an older C library does not name. */
#define COLLAPSE 25
#define MOVE_MINE (1 << 1)

#define MAX_DISTURBANCES 10
#define MAX_PAUSE_MS 200

/* What a case does at least, whatever time it takes on a slow host. */
#define MIN_PAGES 300
#define MIN_ROUNDS 3
#define MIN_LOGS 5
#define QUIET_PAGES 2000

#define CGROUPS "/sys/fs/cgroup"
#define CGROUP CGROUPS "/lodge-stress"
#define CGROUP_LIMIT "6291456"

/* Lines of /proc/meminfo, whether they grow with a leak, and by how many kB without one. */
static struct {
	const char *name;
	int sign;
	long slack;
	long before;
} meminfo[] = {
	{ "SecPageTables:", 1, 0 },
	/* A sanitizer keeps what was freed, up to a 32nd of the memory. */
	{ "Slab:", 1, 96 << 10 },
	{ "MemAvailable:", -1, 160 << 10 },
};

static bool has_swap;

/**
 * struct disturbance - one thing that the host does again and again
 * @name: for notes
 * @begin: returns why it cannot be had here, or NULL; may be NULL
 * @round: does it once
 * @end: undoes @begin; may be NULL
 * @may_fault: KVM_RUN may see memory that cannot be accessed
 */
struct disturbance {
	const char *name;
	const char *(*begin)(void);
	void (*round)(struct stress *stress);
	void (*end)(void);
	bool may_fault;
};

/* Pages of the plain slot. */
struct range {
	uint8_t *address;
	uint64_t bytes;
};

static struct range random_range(struct stress *stress, unsigned int max_pages)
{
	uint64_t first = fuzz_below(PLAIN_PAGES), nr = 1 + fuzz_below(max_pages);
	struct range range = { .address = stress->plain + first * PAGE_BYTES };

	if (nr > PLAIN_PAGES - first)
		nr = PLAIN_PAGES - first;
	range.bytes = nr * PAGE_BYTES;
	return range;
}

static const char *begin_swap(void)
{
	return has_swap ? NULL : "no swap";
}

static void swap_out(struct stress *stress)
{
	struct range range = random_range(stress, 128);

	madvise(range.address, range.bytes, MADV_PAGEOUT);
	pthread_mutex_lock(&stress->memory_lock);
	if (fuzz_one_in(8))
		madvise(stress->moving, MOVING_BYTES, MADV_PAGEOUT);
	pthread_mutex_unlock(&stress->memory_lock);
}

static const struct disturbance swapping = {
	.name = "swap", .begin = begin_swap, .round = swap_out,
};

static void drop(struct stress *stress)
{
	uint64_t first = LOSSY_FIRST + fuzz_below(LOSSY_PAGES - 16);
	int advice = fuzz_one_in(3) ? MADV_FREE : MADV_DONTNEED;

	madvise(stress->plain + first * PAGE_BYTES, (1 + fuzz_below(16)) * PAGE_BYTES, advice);
}

static const struct disturbance dropping = { .name = "dontneed", .round = drop };

/* Away and back; nothing else takes the place meanwhile, as a mapping without memory stays. */
static void move_away(const struct range *range)
{
	void *place;

	mprotect(range->address, range->bytes, PROT_NONE);
	place = mremap(range->address, range->bytes, range->bytes,
		       MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	test_sleep_ms(fuzz_below(2));
	if (place != MAP_FAILED) {
		void *back = mremap(place, range->bytes, range->bytes,
				    MREMAP_MAYMOVE | MREMAP_FIXED, range->address);

		TEST_ASSERT(back == range->address, "mremap");
	}
}

static void protect(struct stress *stress)
{
	struct range range = random_range(stress, 256);

	pthread_mutex_lock(&stress->memory_lock);
	switch (fuzz_below(3)) {
	case 0:
		ASSERT_EQ(mprotect(range.address, range.bytes, PROT_READ), 0);
		test_sleep_ms(fuzz_below(3));
		break;
	case 1:
		ASSERT_EQ(mprotect(range.address, range.bytes, PROT_NONE), 0);
		test_sleep_ms(fuzz_below(3));
		break;
	default:
		move_away(&range);
		break;
	}
	ASSERT_EQ(mprotect(range.address, range.bytes, PROT_READ | PROT_WRITE), 0);
	pthread_mutex_unlock(&stress->memory_lock);
}

static const struct disturbance protection = {
	.name = "mprotect", .round = protect, .may_fault = true,
};

static uint64_t sum_of(const uint8_t *memory)
{
	const uint64_t *words = (const uint64_t *)memory;
	uint64_t sum = 0, i;

	for (i = 0; i < PLAIN_BYTES / sizeof(*words); i++)
		sum = (sum ^ words[i]) * 0x100000001b3ull;
	return sum;
}

/* What the child has does not change any more, and what it writes nobody sees. */
static bool is_frozen(struct stress *stress)
{
	uint64_t sum = sum_of(stress->plain);
	struct range range;

	test_sleep_ms(2);
	if (sum_of(stress->plain) != sum)
		return false;
	range = random_range(stress, 64);
	memset(range.address, 0xee, range.bytes);
	return true;
}

static void fork_child(struct stress *stress)
{
	int status;
	pid_t pid;

	pthread_mutex_lock(&stress->memory_lock);
	pid = fork();
	if (!pid)
		_exit(!is_frozen(stress));
	pthread_mutex_unlock(&stress->memory_lock);
	TEST_ASSERT(pid > 0, "fork");
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	TEST_ASSERT(!status, "the child's memory has changed, status %#x", status);
}

static const struct disturbance forking = { .name = "fork", .round = fork_child };

static const char *begin_huge(void)
{
	return access("/sys/kernel/mm/transparent_hugepage", F_OK) ? "no huge pages" : NULL;
}

/* Huge pages are made, and split by a boundary in the middle of their mapping. */
static void change_size(struct stress *stress)
{
	uint64_t part = fuzz_below(PLAIN_BYTES / LARGE_PAGE_BYTES);
	struct range range = random_range(stress, 16);

	if (fuzz_one_in(2)) {
		uint8_t *address = stress->plain + part * LARGE_PAGE_BYTES;

		madvise(address, LARGE_PAGE_BYTES, MADV_HUGEPAGE);
		madvise(address, LARGE_PAGE_BYTES, COLLAPSE);
	} else {
		madvise(range.address, range.bytes, MADV_DONTDUMP);
		madvise(range.address, range.bytes, MADV_DODUMP);
		if (fuzz_one_in(4))
			madvise(range.address, range.bytes, MADV_NOHUGEPAGE);
	}
}

static const struct disturbance sizes = {
	.name = "huge pages", .begin = begin_huge, .round = change_size,
};

static struct host_setting ksm_settings[] = {
	{ "/sys/kernel/mm/ksm/pages_to_scan", "2000" },
	{ "/sys/kernel/mm/ksm/sleep_millisecs", "5" },
	{ "/sys/kernel/mm/ksm/run", "1" },
};

static const char *begin_ksm(void)
{
	if (access("/sys/kernel/mm/ksm/run", W_OK))
		return "no merging of pages";
	host_change(ksm_settings, ARRAY_SIZE(ksm_settings));
	return NULL;
}

static void merge(struct stress *stress)
{
	struct range range = random_range(stress, 512);

	madvise(stress->plain, PLAIN_BYTES, MADV_MERGEABLE);
	test_sleep_ms(10 + fuzz_below(40));
	madvise(range.address, range.bytes, MADV_UNMERGEABLE);
}

static void end_ksm(void)
{
	host_put_back(ksm_settings, ARRAY_SIZE(ksm_settings));
}

static const struct disturbance merging = {
	.name = "ksm", .begin = begin_ksm, .round = merge, .end = end_ksm,
};

static struct host_setting numa_settings[] = {
	{ "/proc/sys/kernel/numa_balancing", "1" },
};

static bool has_nodes;

static const char *begin_migration(void)
{
	has_nodes = !access("/sys/devices/system/node/node1", F_OK);
	if (!has_nodes && access("/proc/sys/vm/compact_memory", W_OK))
		return "neither a second node nor compaction";
	if (has_nodes)
		host_change(numa_settings, ARRAY_SIZE(numa_settings));
	return NULL;
}

/* To another node where there is one, else to wherever compaction puts pages. */
static void migrate(struct stress *stress)
{
	struct range range = random_range(stress, 64);
	unsigned long i, nr = range.bytes / PAGE_BYTES;
	int nodes[64], status[64];
	void *pages[64];

	if (!has_nodes) {
		host_write("/proc/sys/vm/compact_memory", "1");
		return;
	}
	for (i = 0; i < nr; i++) {
		pages[i] = range.address + i * PAGE_BYTES;
		nodes[i] = fuzz_below(2);
	}
	ASSERT_GE(syscall(SYS_move_pages, 0, nr, pages, nodes, status, MOVE_MINE), 0);
}

static void end_migration(void)
{
	if (has_nodes)
		host_put_back(numa_settings, ARRAY_SIZE(numa_settings));
}

static const struct disturbance migration = {
	.name = "migration", .begin = begin_migration, .round = migrate, .end = end_migration,
};

/* What the moving slot was in before: poison, to be seen where it still is looked at. */
static uint8_t *poisoned;
static unsigned int place;

static const char *begin_slots(void)
{
	poisoned = host_alloc(MOVING_BYTES);
	place = 0;
	return NULL;
}

/* The slot goes to its other place, or comes back as other memory that holds the same. */
static void move_slot(struct stress *stress)
{
	uint8_t *before = stress->moving;

	place ^= fuzz_below(2);
	if (fuzz_one_in(2)) {
		vm_set_slot(stress->vm, MOVING_SLOT, 0, MOVING_GPA(place), MOVING_BYTES, before);
	} else {
		vm_set_slot(stress->vm, MOVING_SLOT, 0, 0, 0, NULL);
		test_sleep_ms(fuzz_below(2));
		pthread_mutex_lock(&stress->memory_lock);
		memcpy(poisoned, before, MOVING_BYTES);
		stress->moving = poisoned;
		memset(before, 0xee, MOVING_BYTES);
		poisoned = before;
		pthread_mutex_unlock(&stress->memory_lock);
		vm_set_slot(stress->vm, MOVING_SLOT, 0, MOVING_GPA(place), MOVING_BYTES,
			    stress->moving);
	}
}

static const struct disturbance slots = {
	.name = "slots", .begin = begin_slots, .round = move_slot,
};

static unsigned long bitmap[PLAIN_PAGES / 64];

static void set_log_mode(struct vm *vm, uint64_t mode)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { mode },
	};

	vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

/* Take the log; where reading does not clear it, clear what was read, in two parts. */
static void take_log(struct vm *vm, bool is_manual)
{
	uint32_t half = PLAIN_PAGES / 2;
	struct kvm_dirty_log log = { .slot = PLAIN_SLOT, .dirty_bitmap = bitmap };
	struct kvm_clear_dirty_log clear = { .slot = PLAIN_SLOT, .num_pages = half };

	vm_ioctl(vm, KVM_GET_DIRTY_LOG, &log);
	if (!is_manual)
		return;
	for (; clear.first_page < PLAIN_PAGES; clear.first_page += half) {
		clear.dirty_bitmap = &bitmap[clear.first_page / 64];
		vm_ioctl(vm, KVM_CLEAR_DIRTY_LOG, &clear);
	}
}

static void switch_log(struct stress *stress)
{
	bool is_manual = fuzz_one_in(2);
	unsigned int i;

	set_log_mode(stress->vm, is_manual ? MANUAL | fuzz_below(2) << 1 : 0);
	vm_set_slot(stress->vm, PLAIN_SLOT, LOG, PLAIN_GPA, PLAIN_BYTES, stress->plain);
	for (i = fuzz_below(4); i; i--) {
		test_sleep_ms(fuzz_below(5));
		take_log(stress->vm, is_manual);
	}
	vm_set_slot(stress->vm, PLAIN_SLOT, 0, PLAIN_GPA, PLAIN_BYTES, stress->plain);
}

static const struct disturbance logging = { .name = "dirty log", .round = switch_log };

/* A disturbance at work in a thread of its own. */
struct disturber {
	const struct disturbance *disturbance;
	struct stress *stress;
	unsigned int number;
	volatile uint64_t rounds;
	pthread_t thread;
};

static struct disturber disturbers[MAX_DISTURBANCES];
static unsigned int nr_disturbers;
static volatile bool is_over;

/* When a case ended. */
static long kb_in_swap;

/* The guest is to get along, however many disturb it and however long that takes. */
static void pause_after(uint64_t ns)
{
	uint64_t ms = ns / 1000000 * nr_disturbers;

	test_sleep_ms(1 + fuzz_below(2 * nr_disturbers + (ms < MAX_PAUSE_MS ? ms : MAX_PAUSE_MS)));
}

static void *disturb(void *data)
{
	struct disturber *disturber = data;

	fuzz_begin_thread(disturber->number);
	while (!is_over) {
		uint64_t begin = test_now_ns();

		disturber->disturbance->round(disturber->stress);
		disturber->rounds++;
		pause_after(test_now_ns() - begin);
	}
	return NULL;
}

static void start(struct stress *stress, const struct disturbance *disturbance)
{
	struct disturber *disturber = &disturbers[nr_disturbers];

	disturber->disturbance = disturbance;
	disturber->stress = stress;
	disturber->number = ++nr_disturbers;
	stress->may_fault |= disturbance->may_fault;
	TEST_ASSERT(!pthread_create(&disturber->thread, NULL, disturb, disturber),
		    "pthread_create");
}

/* What a slow host must be given time for. */
static bool is_enough(struct stress *stress)
{
	unsigned int i;

	for (i = 0; i < nr_disturbers; i++)
		if (disturbers[i].rounds < MIN_ROUNDS)
			return false;
	return stress_pages(stress) >= MIN_PAGES;
}

/* Wait for the disturbers; say what was done. */
static void finish(struct stress *stress)
{
	unsigned int i;

	is_over = true;
	kb_in_swap = host_field("/proc/meminfo", "SwapTotal:") -
		     host_field("/proc/meminfo", "SwapFree:");
	for (i = 0; i < nr_disturbers; i++) {
		const struct disturber *disturber = &disturbers[i];

		TEST_ASSERT(!pthread_join(disturber->thread, NULL), "pthread_join");
		test_note("%s: %llu rounds", disturber->disturbance->name,
			  (unsigned long long)disturber->rounds);
		if (disturber->disturbance->end)
			disturber->disturbance->end();
	}
	test_note("%llu pages checked by the guest, %llu accesses as MMIO, %llu faults",
		  (unsigned long long)stress_pages(stress), (unsigned long long)stress->mmio,
		  (unsigned long long)stress->faults);
}

/* Those of a list that can be had; a list of one must. */
static struct stress *start_all(const struct disturbance *const *list, unsigned int count)
{
	struct stress *stress;
	const char *missing[MAX_DISTURBANCES];
	unsigned int i;

	for (i = 0; i < count; i++) {
		missing[i] = list[i]->begin ? list[i]->begin() : NULL;
		if (missing[i] && count == 1)
			test_skip("%s", missing[i]);
	}
	fuzz_begin_stress();
	stress = stress_start();
	for (i = 0; i < count; i++)
		if (!missing[i])
			start(stress, list[i]);
	return stress;
}

static void run(struct stress *stress)
{
	while (fuzz_goes_on() || !is_enough(stress))
		test_sleep_ms(20);
	finish(stress);
	stress_stop(stress);
	stress_finish(stress);
}

static void run_one(const struct disturbance *disturbance)
{
	run(start_all(&disturbance, 1));
}

static void swap(void)
{
	run_one(&swapping);
	test_note("%ld kB in swap at the end", kb_in_swap);
	ASSERT_NE(kb_in_swap, 0);
}

static void dontneed(void)
{
	run_one(&dropping);
}

static void protection_and_moves(void)
{
	run_one(&protection);
}

static void fork_and_copy_on_write(void)
{
	run_one(&forking);
}

static void huge_pages(void)
{
	run_one(&sizes);
}

static void same_pages(void)
{
	run_one(&merging);
}

static void page_migration(void)
{
	run_one(&migration);
}

static void moving_slots(void)
{
	run_one(&slots);
}

static void dirty_log_on_and_off(void)
{
	REQUIRE_CAP(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	run_one(&logging);
}

static const struct disturbance *const all[] = {
	&swapping, &dropping, &protection, &forking, &sizes, &merging, &migration, &slots,
	&logging,
};

static void everything(void)
{
	run(start_all(all, ARRAY_SIZE(all)));
}

/* Copy what the log tells of; returns how many pages. */
static uint64_t copy_dirty(struct stress *stress, uint8_t *copy, bool is_manual)
{
	uint64_t page, copied = 0;

	take_log(stress->vm, is_manual);
	for (page = 0; page < PLAIN_PAGES; page++) {
		if (!(bitmap[page / 64] >> (page % 64) & 1))
			continue;
		memcpy(copy + page * PAGE_BYTES, stress->plain + page * PAGE_BYTES, PAGE_BYTES);
		copied++;
	}
	return copied;
}

/*
 * What live migration does, as long as time allows, under all that leaves the content alone
 * and the memory readable; then without, as what zaps a page hides that it was not protected.
 * In the end the copy is true.
 */
static void follow_log(bool is_manual)
{
	static const struct disturbance *const harmless[] = {
		&swapping, &forking, &sizes, &merging, &migration, &slots,
	};
	struct stress *stress = start_all(harmless, ARRAY_SIZE(harmless));
	uint8_t *copy = host_alloc(PLAIN_BYTES);
	uint64_t page, copied = 0, logs = 0, last;

	set_log_mode(stress->vm, is_manual ? MANUAL | KVM_DIRTY_LOG_INITIALLY_SET : 0);
	vm_set_slot(stress->vm, PLAIN_SLOT, LOG, PLAIN_GPA, PLAIN_BYTES, stress->plain);
	memcpy(copy, stress->plain, PLAIN_BYTES);
	for (; fuzz_goes_on() || !is_enough(stress) || logs < MIN_LOGS; logs++) {
		copied += copy_dirty(stress, copy, is_manual);
		test_sleep_ms(fuzz_below(8));
	}
	finish(stress);
	for (last = stress_pages(stress) + QUIET_PAGES; stress_pages(stress) < last; logs++) {
		copied += copy_dirty(stress, copy, is_manual);
		test_sleep_ms(fuzz_below(8));
	}
	stress_stop(stress);
	copied += copy_dirty(stress, copy, is_manual);
	ASSERT_EQ(copy_dirty(stress, copy, is_manual), 0u);
	test_note("%llu pages copied, by %llu logs", (unsigned long long)copied,
		  (unsigned long long)logs);
	for (page = 0; page < PLAIN_PAGES; page++)
		TEST_ASSERT(!memcmp(copy + page * PAGE_BYTES,
				    stress->plain + page * PAGE_BYTES, PAGE_BYTES),
			    "page %llu differs", (unsigned long long)page);
	stress_finish(stress);
}

static void dirty_log_is_complete(void)
{
	follow_log(false);
}

static void dirty_log_is_complete_by_clearing(void)
{
	REQUIRE_CAP(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	follow_log(true);
}

/* A group with less memory than the guest has; skips where there are no such groups. */
static void make_group(const char *swap_limit)
{
	host_write(CGROUPS "/cgroup.subtree_control", "+memory");
	rmdir(CGROUP);
	if (mkdir(CGROUP, 0755) || !host_write(CGROUP "/memory.max", CGROUP_LIMIT))
		test_skip("no memory limit of a cgroup");
	host_write(CGROUP "/memory.swap.max", swap_limit);
}

/* Whoever was in it is gone, or nearly so. */
static void remove_group(void)
{
	unsigned int tries = 0;

	while (rmdir(CGROUP)) {
		TEST_ASSERT(errno == EBUSY && ++tries < 1000, "rmdir");
		test_sleep_ms(10);
	}
}

static void enter_group(void)
{
	TEST_ASSERT(host_write(CGROUP "/cgroup.procs", "0"), "cgroup.procs");
}

/* Beside the guest, which may be doing so too. */
static void touch_all(struct stress *stress)
{
	madvise(stress->plain, PLAIN_BYTES, MADV_POPULATE_WRITE);
}

static void memory_limit(void)
{
	struct stress *stress;

	if (!has_swap)
		test_skip("no swap");
	make_group("max");
	enter_group();
	stress = start_all(NULL, 0);
	touch_all(stress);
	run(stress);
	test_note("%ld kB in swap at the end", kb_in_swap);
	ASSERT_NE(kb_in_swap, 0);
	TEST_ASSERT(host_write(CGROUPS "/cgroup.procs", "0"), "cgroup.procs");
	remove_group();
}

/* The killer ends a VMM in whatever it does; the group is empty then, and others live on. */
static void out_of_memory(void)
{
	long kills = 0;

	fuzz_begin_stress();
	make_group("0");
	while (fuzz_goes_on()) {
		bool is_guest_alone = fuzz_one_in(2);
		pid_t pid = fork();
		int status;

		TEST_ASSERT(pid >= 0, "fork");
		if (!pid) {
			struct stress *stress;

			enter_group();
			stress = stress_start();
			if (!is_guest_alone)
				touch_all(stress);
			pause();
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		TEST_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %#x",
			    status);
		kills++;
		ASSERT_EQ(host_field(CGROUP "/memory.events", "oom_kill"), kills);
		vm_run_guest(guest_return);
	}
	test_note("%ld VMs out of memory", kills);
	remove_group();
}

static long meminfo_now(const char *name)
{
	/* What the CPUs have counted by themselves is added up. */
	host_number("/proc/sys/vm/stat_refresh");
	return host_field("/proc/meminfo", name);
}

/* The last processes may still be on their way out. */
static void nothing_is_left(void)
{
	unsigned int i, tries;
	long now, grown;

	for (i = 0; i < ARRAY_SIZE(meminfo); i++) {
		for (tries = 0; tries < 50; tries++) {
			now = meminfo_now(meminfo[i].name);
			grown = (now - meminfo[i].before) * meminfo[i].sign;
			if (grown <= meminfo[i].slack)
				break;
			test_sleep_ms(100);
		}
		test_note("%s %ld kB before, %ld kB now", meminfo[i].name, meminfo[i].before, now);
		ASSERT_LE(grown, meminfo[i].slack);
	}
}

static const struct test_case cases[] = {
	{ "swap", swap, FUZZ_CASE_SECONDS },
	{ "dontneed", dontneed, FUZZ_CASE_SECONDS },
	{ "protection_and_moves", protection_and_moves, FUZZ_CASE_SECONDS },
	{ "fork_and_copy_on_write", fork_and_copy_on_write, FUZZ_CASE_SECONDS },
	{ "huge_pages", huge_pages, FUZZ_CASE_SECONDS },
	{ "same_pages", same_pages, FUZZ_CASE_SECONDS },
	{ "page_migration", page_migration, FUZZ_CASE_SECONDS },
	{ "moving_slots", moving_slots, FUZZ_CASE_SECONDS },
	{ "dirty_log_on_and_off", dirty_log_on_and_off, FUZZ_CASE_SECONDS },
	{ "everything", everything, FUZZ_CASE_SECONDS },
	{ "dirty_log_is_complete", dirty_log_is_complete, FUZZ_CASE_SECONDS },
	{ "dirty_log_is_complete_by_clearing", dirty_log_is_complete_by_clearing,
	  FUZZ_CASE_SECONDS },
	{ "memory_limit", memory_limit, FUZZ_CASE_SECONDS },
	{ "out_of_memory", out_of_memory, FUZZ_CASE_SECONDS },
	{ "nothing_is_left", nothing_is_left },
};

/* Swap and the first look at memory are the whole program's. */
int main(int argc, char **argv)
{
	unsigned int i;
	int status;

	has_swap = host_swap_begin();
	for (i = 0; i < ARRAY_SIZE(meminfo); i++)
		meminfo[i].before = meminfo_now(meminfo[i].name);
	status = test_main(cases, ARRAY_SIZE(cases), argc, argv);
	host_swap_end();
	return status;
}
