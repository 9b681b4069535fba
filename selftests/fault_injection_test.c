// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations and copies from and to user space fail inside of one operation after the other,
 * at its first call site, its second, and so on, until an attempt meets no further one. Each
 * attempt ends with success or with an error that tells; the state of the VM and the guest's
 * data are as they were, and the operation succeeds when nothing fails.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "host.h"
#include "stress.h"

#define FAIL_NTH "/proc/thread-self/fail-nth"
#define INJECTORS "/sys/kernel/debug"

/* No operation has so many sites. */
#define MAX_SITES 2000

#define SLOT 1
#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES (4 * LARGE_PAGE_BYTES)
#define SPARE_SLOT 2
#define SPARE_GPA 0x20000000ull
#define SPARE_BYTES LARGE_PAGE_BYTES
#define LOG KVM_MEM_LOG_DIRTY_PAGES

#define ECHO_PORT 0x5000

/* How often a running guest is to be hit at least. */
#define MIN_FAULTS 20

/* What operations work on; made anew for each case. */
static struct vm *vm;
static struct vcpu *vcpu;
static uint8_t *memory;
static uint32_t rounds;

/* A VM without anything, for one attempt. */
static int bare = -1;

/* The argument of the ioctl that is tried. */
static union {
	uint8_t bytes[64 << 10];
	struct kvm_cpuid2 cpuid;
	struct kvm_msrs msrs;
	struct kvm_msr_list msr_list;
	struct kvm_irqchip irqchip;
	struct kvm_enable_cap cap;
	struct kvm_irq_routing routing;
	struct kvm_coalesced_mmio_zone zone;
	struct kvm_pit_config pit_config;
	struct kvm_signal_mask signal_mask;
} argument;

/**
 * struct operation - what is tried
 * @name: for notes
 * @prepare: before each attempt; may be NULL
 * @run: the attempt: at least 0, or a negative errno
 * @undo: after each attempt, with what it returned; may be NULL
 */
struct operation {
	const char *name;
	void (*prepare)(void);
	long (*run)(void);
	void (*undo)(long ret);
};

static int fail_nth = -1;

/* This may itself be what the injection meets. */
static void write_nth(unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth), tries = 0;

	while (pwrite(fail_nth, text, length, 0) != length)
		TEST_ASSERT(++tries < 3, "%s", FAIL_NTH);
}

/* Whether the failure that was asked for has happened since. */
static bool is_injected(void)
{
	char text[16] = "";

	/* Reading fails where the next site would have been the one. */
	return pread(fail_nth, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
}

static void set_injectors(const char *name, const char *value)
{
	static const char * const injectors[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char path[128];
	unsigned int i;

	/* Not each has each setting. */
	for (i = 0; i < ARRAY_SIZE(injectors); i++) {
		snprintf(path, sizeof(path), INJECTORS "/%s/%s", injectors[i], name);
		host_write(path, value);
	}
}

static void begin_injection(void)
{
	fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_nth < 0 || access(INJECTORS "/fail_usercopy", F_OK))
		test_skip("the kernel has no fault injection");
	set_injectors("ignore-gfp-wait", "N");
	set_injectors("ignore-gfp-highmem", "N");
	set_injectors("min-order", "0");
	set_injectors("verbose", "0");
}

static volatile uint32_t guest_round;

/* First faults, strings of ports, a device in memory, and back. */
static void guest_work(void)
{
	for (;;) {
		uint32_t round = ++guest_round;
		uint64_t gpa;

		for (gpa = SLOT_GPA; gpa < SLOT_GPA + SLOT_BYTES; gpa += LARGE_PAGE_BYTES) {
			volatile uint32_t *word = (uint32_t *)gpa;
			volatile uint32_t *at = word + 1, *from = word;

			*word = round;
			outl(ECHO_PORT, round);
			asm volatile("insl" : "+D"(at) : "d"(ECHO_PORT) : "memory");
			asm volatile("outsl" : "+S"(from) : "d"(ECHO_PORT) : "memory");
			GUEST_ASSERT_EQ(word[1], round);
		}
		*(volatile uint32_t *)GPA_MMIO = round;
		GUEST_ASSERT_EQ(*(volatile uint32_t *)GPA_MMIO, round);
		GUEST_SYNC(round);
	}
}

/* One KVM_RUN and what it asks for: 1 at the end of a round, 0 on the way, or -errno. */
static int run_once(void)
{
	struct kvm_run *run = vcpu->run;
	void *io;
	int ret;

	ret = __vcpu_run(vcpu);
	if (ret)
		return ret;
	io = (uint8_t *)run + run->io.data_offset;
	if (run->exit_reason == KVM_EXIT_MMIO && !run->mmio.is_write) {
		memcpy(run->mmio.data, &rounds, sizeof(rounds));
	} else if (run->exit_reason == KVM_EXIT_IO && run->io.port == ECHO_PORT) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			memcpy(io, &rounds, sizeof(rounds));
		else
			TEST_ASSERT(!memcmp(io, &rounds, sizeof(rounds)), "round %u", rounds);
	} else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
		/* The bytes of the instruction could not be copied. */
		ASSERT_EQ(run->internal.suberror, (uint32_t)KVM_INTERNAL_ERROR_EMULATION);
		return -EFAULT;
	} else if (run->exit_reason != KVM_EXIT_MMIO) {
		ASSERT_EQ(vcpu_ucall(vcpu).args[0], (uint64_t)rounds);
		return 1;
	}
	return 0;
}

static long run_round(void)
{
	int ret;

	do {
		ret = run_once();
	} while (!ret);
	return ret < 0 ? ret : 0;
}

/* Nothing is mapped, so each part needs a page of the host's, and tables. */
static void forget_memory(void)
{
	ASSERT_EQ(madvise(memory, SLOT_BYTES, MADV_DONTNEED), 0);
	rounds++;
}

/* What was cut off goes on where it was. */
static void end_round(long ret)
{
	uint32_t offset;

	if (ret)
		ret = run_round();
	ASSERT_EQ(ret, 0);
	for (offset = 0; offset < SLOT_BYTES; offset += LARGE_PAGE_BYTES)
		ASSERT_EQ(*(uint32_t *)(memory + offset), rounds);
}

static void close_fd(long ret)
{
	if (ret >= 0)
		close(ret);
}

static long open_node(void)
{
	return ioctl_result(open(node_path(), O_RDWR | O_CLOEXEC));
}

static int node;

static long create_vm(void)
{
	return __fd_ioctl(node, KVM_CREATE_VM, 0);
}

static void make_bare(void)
{
	bare = fd_ioctl(node, KVM_CREATE_VM, 0);
}

static void make_bare_with_irqchip(void)
{
	make_bare();
	fd_ioctl(bare, KVM_CREATE_IRQCHIP, 0);
}

static void drop_bare(long ret)
{
	close(bare);
}

static void drop_bare_and_fd(long ret)
{
	close_fd(ret);
	close(bare);
}

static long create_vcpu(void)
{
	return __fd_ioctl(bare, KVM_CREATE_VCPU, 0);
}

static long create_irqchip(void)
{
	return __fd_ioctl(bare, KVM_CREATE_IRQCHIP, 0);
}

static long create_pit(void)
{
	memset(&argument.pit_config, 0, sizeof(argument.pit_config));
	return __fd_ioctl(bare, KVM_CREATE_PIT2, &argument.pit_config);
}

static long map_vcpu(void)
{
	void *address = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd,
			     0);

	if (address == MAP_FAILED)
		return -errno;
	munmap(address, vcpu->run_bytes);
	return 0;
}

static long set_spare(uint32_t flags, uint64_t gpa, uint64_t bytes)
{
	return __vm_set_slot(vm, SPARE_SLOT, flags, gpa, bytes, memory);
}

static void add_spare(void)
{
	ASSERT_EQ(set_spare(0, SPARE_GPA, SPARE_BYTES), 0);
}

static void add_logged_spare(void)
{
	ASSERT_EQ(set_spare(LOG, SPARE_GPA, SPARE_BYTES), 0);
}

/* It is there whether the attempt has succeeded or not. */
static void remove_spare(long ret)
{
	ASSERT_EQ(set_spare(0, 0, 0), 0);
}

static void expect_no_spare(long ret)
{
	ASSERT_ERRNO(set_spare(0, 0, 0), ret ? 0 : EINVAL);
}

static void expect_spare(long ret)
{
	ASSERT_ERRNO(set_spare(0, 0, 0), ret ? EINVAL : 0);
}

static long create_slot(void)
{
	return set_spare(0, SPARE_GPA, SPARE_BYTES);
}

static long create_logged_slot(void)
{
	return set_spare(LOG, SPARE_GPA, SPARE_BYTES);
}

static long move_slot(void)
{
	return set_spare(0, 2 * SPARE_GPA, SPARE_BYTES);
}

static long move_logged_slot(void)
{
	return set_spare(LOG, 2 * SPARE_GPA, SPARE_BYTES);
}

static long remove_slot(void)
{
	return set_spare(0, 0, 0);
}

static long get_log(void)
{
	struct kvm_dirty_log log = { .slot = SPARE_SLOT, .dirty_bitmap = argument.bytes };

	return __vm_ioctl(vm, KVM_GET_DIRTY_LOG, &log);
}

static long clear_log(void)
{
	struct kvm_clear_dirty_log log = {
		.slot = SPARE_SLOT,
		.num_pages = SPARE_BYTES / PAGE_BYTES,
		.dirty_bitmap = argument.bytes,
	};

	memset(&argument, 0xff, SPARE_BYTES / PAGE_BYTES / 8);
	return __vm_ioctl(vm, KVM_CLEAR_DIRTY_LOG, &log);
}

static long set_routing(void)
{
	struct kvm_irq_routing *routing = &argument.routing;
	unsigned int i;

	memset(&argument, 0, sizeof(argument));
	routing->nr = 24;
	for (i = 0; i < routing->nr; i++) {
		routing->entries[i].gsi = i;
		routing->entries[i].type = KVM_IRQ_ROUTING_IRQCHIP;
		routing->entries[i].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		routing->entries[i].u.irqchip.pin = i;
	}
	return __vm_ioctl(vm, KVM_SET_GSI_ROUTING, routing);
}

static void make_zone(void)
{
	memset(&argument, 0, sizeof(argument));
	argument.zone.addr = GPA_MMIO + PAGE_BYTES;
	argument.zone.size = PAGE_BYTES;
}

static void add_zone(void)
{
	make_zone();
	vm_ioctl(vm, KVM_REGISTER_COALESCED_MMIO, &argument);
}

static long register_zone(void)
{
	return __vm_ioctl(vm, KVM_REGISTER_COALESCED_MMIO, &argument);
}

static long unregister_zone(void)
{
	return __vm_ioctl(vm, KVM_UNREGISTER_COALESCED_MMIO, &argument);
}

static void remove_zone(long ret)
{
	__vm_ioctl(vm, KVM_UNREGISTER_COALESCED_MMIO, &argument);
}

static void make_signal_mask(void)
{
	memset(&argument, 0, sizeof(argument));
	argument.signal_mask.len = 8;
}

static long set_signal_mask(void)
{
	return __vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, &argument);
}

static void remove_signal_mask(long ret)
{
	vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, NULL);
}

static const struct operation operations[] = {
	{ "open of the node", NULL, open_node, close_fd },
	{ "KVM_CREATE_VM", NULL, create_vm, close_fd },
	{ "KVM_CREATE_VCPU", make_bare, create_vcpu, drop_bare_and_fd },
	{ "KVM_CREATE_VCPU with an irqchip", make_bare_with_irqchip, create_vcpu, drop_bare_and_fd },
	{ "KVM_CREATE_IRQCHIP", make_bare, create_irqchip, drop_bare },
	{ "KVM_CREATE_PIT2", make_bare_with_irqchip, create_pit, drop_bare },
	{ "mmap of a vCPU", NULL, map_vcpu },
	{ "slot, new", NULL, create_slot, expect_spare },
	{ "slot, new with log", NULL, create_logged_slot, expect_spare },
	{ "slot, log switched on", add_spare, create_logged_slot, remove_spare },
	{ "slot, log switched off", add_logged_spare, create_slot, remove_spare },
	{ "slot, moved", add_spare, move_slot, remove_spare },
	{ "slot, moved with log", add_logged_spare, move_logged_slot, remove_spare },
	{ "slot, removed", add_spare, remove_slot, expect_no_spare },
	{ "KVM_GET_DIRTY_LOG", add_logged_spare, get_log, remove_spare },
	{ "KVM_CLEAR_DIRTY_LOG", add_logged_spare, clear_log, remove_spare },
	{ "KVM_SET_GSI_ROUTING", NULL, set_routing },
	{ "KVM_REGISTER_COALESCED_MMIO", make_zone, register_zone, remove_zone },
	{ "KVM_UNREGISTER_COALESCED_MMIO", add_zone, unregister_zone, remove_zone },
	{ "KVM_SET_SIGNAL_MASK", make_signal_mask, set_signal_mask, remove_signal_mask },
	{ "KVM_RUN", forget_memory, run_round, end_round },
};

/* Ioctls with one structure: what was got is set again. */
#define PAIR(what)							\
	{								\
		KVM_GET_##what, KVM_SET_##what, "KVM_GET_" #what, "KVM_SET_" #what \
	}
#define ALONE(what) { what, 0, #what, NULL }

static const struct pair {
	unsigned long get, set;
	const char *get_name, *set_name;
} vcpu_pairs[] = {
	PAIR(REGS), PAIR(SREGS), PAIR(FPU), PAIR(XSAVE), PAIR(XCRS), PAIR(DEBUGREGS), PAIR(LAPIC),
	PAIR(MP_STATE), PAIR(VCPU_EVENTS), PAIR(MSRS), PAIR(CPUID2), ALONE(KVM_TRANSLATE),
}, vm_pairs[] = {
	PAIR(IRQCHIP), PAIR(PIT2), PAIR(CLOCK), ALONE(KVM_IRQ_LINE), ALONE(KVM_IRQ_LINE_STATUS),
	ALONE(KVM_ENABLE_CAP),
}, node_pairs[] = {
	ALONE(KVM_GET_SUPPORTED_CPUID), ALONE(KVM_GET_EMULATED_CPUID),
	ALONE(KVM_GET_MSR_INDEX_LIST), ALONE(KVM_GET_MSR_FEATURE_INDEX_LIST),
	ALONE(KVM_X86_GET_MCE_CAP_SUPPORTED),
};

/* The pair that is tried, on this file descriptor. */
static const struct pair *pair;
static int pair_fd;

/* What the kernel wants to know before it answers. */
static void make_argument(void)
{
	memset(&argument, 0, sizeof(argument));
	switch (pair->get) {
	case KVM_GET_MSRS:
		argument.msrs.nmsrs = 2;
		argument.msrs.entries[0].index = MSR_LSTAR;
		argument.msrs.entries[1].index = MSR_IA32_PAT;
		break;
	case KVM_GET_SUPPORTED_CPUID:
	case KVM_GET_EMULATED_CPUID:
	case KVM_GET_CPUID2:
		argument.cpuid.nent = 256;
		break;
	case KVM_GET_MSR_INDEX_LIST:
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		argument.msr_list.nmsrs = 512;
		break;
	case KVM_GET_IRQCHIP:
		argument.irqchip.chip_id = KVM_IRQCHIP_IOAPIC;
		break;
	case KVM_ENABLE_CAP:
		argument.cap.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
		break;
	}
}

static void make_full_argument(void)
{
	make_argument();
	fd_ioctl(pair_fd, pair->get, &argument);
}

static long get_pair(void)
{
	return __fd_ioctl(pair_fd, pair->get, &argument);
}

static long set_pair(void)
{
	return __fd_ioctl(pair_fd, pair->set, &argument);
}

/* What an attempt that fails, or one that sets what was there, must not change. */
struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_debugregs debugregs;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	struct kvm_vcpu_events events;
	struct kvm_irqchip ioapic;
};

static void take_state(struct state *state)
{
	memset(state, 0, sizeof(*state));
	vcpu_ioctl(vcpu, KVM_GET_REGS, &state->regs);
	vcpu_ioctl(vcpu, KVM_GET_SREGS, &state->sregs);
	vcpu_ioctl(vcpu, KVM_GET_FPU, &state->fpu);
	vcpu_ioctl(vcpu, KVM_GET_DEBUGREGS, &state->debugregs);
	vcpu_ioctl(vcpu, KVM_GET_XCRS, &state->xcrs);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &state->lapic);
	vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &state->mp_state);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &state->events);
	state->ioapic.chip_id = KVM_IRQCHIP_IOAPIC;
	vm_ioctl(vm, KVM_GET_IRQCHIP, &state->ioapic);
}

/* What may come of a failure within: an error that names it, or success in another way. */
static void check_result(const struct operation *operation, unsigned int nth, long ret)
{
	TEST_ASSERT(ret >= 0 || ret == -ENOMEM || ret == -EFAULT, "%s, site %u: %ld",
		    operation->name, nth, ret);
}

/* One operation, with each of its sites failing in turn; returns how many these are. */
static unsigned int try_sites(const struct operation *operation)
{
	unsigned int nth, nr_failed = 0;
	bool injected;
	long ret;

	for (nth = 1; nth < MAX_SITES; nth++) {
		if (operation->prepare)
			operation->prepare();
		write_nth(nth);
		ret = operation->run();
		injected = is_injected();
		write_nth(0);

		if (injected)
			check_result(operation, nth, ret);
		else
			TEST_ASSERT(ret >= 0, "%s: %ld", operation->name, ret);
		nr_failed += ret < 0;
		if (operation->undo)
			operation->undo(ret);
		if (!injected)
			break;
	}
	TEST_ASSERT(nth < MAX_SITES, "%s never ends", operation->name);
	test_note("%s: %u sites, %u of them fatal", operation->name, nth - 1, nr_failed);
	return nth - 1;
}

static void begin(void)
{
	begin_injection();
	node = node_open(O_RDWR);
	vm = vm_create_with_irqchip();
	memset(&argument, 0, sizeof(argument));
	vm_ioctl(vm, KVM_CREATE_PIT2, &argument);
	vcpu = vcpu_add(vm, 0, guest_work);
	memory = host_alloc(SLOT_BYTES);
	vm_set_slot(vm, SLOT, 0, SLOT_GPA, SLOT_BYTES, memory);
	rounds = 1;
	ASSERT_EQ(run_round(), 0);
}

static void end(unsigned int sites)
{
	vm_destroy(vm);
	vm_run_guest(guest_return);
	test_note("%u sites in all", sites);
}

static void each_site(void)
{
	unsigned int sites = 0;
	size_t i;

	begin();
	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		sites += try_sites(&operations[i]);
		forget_memory();
		end_round(run_round());
	}
	end(sites);
}

static unsigned int try_pairs(int fd, const struct pair *pairs, size_t count)
{
	static struct state before, after;
	unsigned int sites = 0;

	pair_fd = fd;
	take_state(&before);
	for (pair = pairs; pair < pairs + count; pair++) {
		struct operation get = { pair->get_name, make_argument, get_pair };
		struct operation set = { pair->set_name, make_full_argument, set_pair };

		sites += try_sites(&get);
		if (pair->set)
			sites += try_sites(&set);
		take_state(&after);
		TEST_ASSERT(!memcmp(&before, &after, sizeof(before)),
			    "%s or its pair changed the state", pair->get_name);
	}
	return sites;
}

static void each_site_of_state(void)
{
	unsigned int sites;

	begin();
	sites = try_pairs(vcpu->fd, vcpu_pairs, ARRAY_SIZE(vcpu_pairs));
	sites += try_pairs(vm->fd, vm_pairs, ARRAY_SIZE(vm_pairs));
	sites += try_pairs(node, node_pairs, ARRAY_SIZE(node_pairs));
	forget_memory();
	end_round(run_round());
	end(sites);
}

/* Where the module's code is; skips if it is not the one under test. */
static void find_module(unsigned long *start, unsigned long *end)
{
	FILE *file = fopen("/sys/module/lodge/sections/.text", "re");
	long bytes = host_number("/sys/module/lodge/coresize");

	if (!file || bytes < 0)
		test_skip("the module under test has another name");
	ASSERT_EQ(fscanf(file, "%lx", start), 1);
	fclose(file);
	*end = *start + bytes;
}

static void set_injectors_to(const char *name, unsigned long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", value);
	set_injectors(name, text);
}

/* One call in so many fails that comes from the module, in threads that are marked. */
static void fail_at_random(void)
{
	unsigned long start, end;

	find_module(&start, &end);
	set_injectors_to("require-start", start);
	set_injectors_to("require-end", end);
	set_injectors_to("stacktrace-depth", 32);
	set_injectors_to("task-filter", 1);
	set_injectors_to("times", 1000000000);
	set_injectors_to("probability", 10);
}

static void mark_other_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	char path[64];

	TEST_ASSERT(tasks, "/proc/self/task");
	while ((task = readdir(tasks))) {
		int id = atoi(task->d_name);

		snprintf(path, sizeof(path), "/proc/self/task/%d/make-it-fail", id);
		if (id && id != getpid())
			TEST_ASSERT(host_write(path, "1"), "%s", path);
	}
	closedir(tasks);
}

/* Reasons for new faults: the log goes on and off, pages that may be lost are. */
static void make_faults(struct stress *stress)
{
	vm_set_slot(stress->vm, PLAIN_SLOT, LOG, PLAIN_GPA, PLAIN_BYTES, stress->plain);
	test_sleep_ms(fuzz_below(20));
	vm_set_slot(stress->vm, PLAIN_SLOT, 0, PLAIN_GPA, PLAIN_BYTES, stress->plain);
	test_sleep_ms(fuzz_below(20));
	madvise(stress->plain + LOSSY_FIRST * PAGE_BYTES, LOSSY_PAGES * PAGE_BYTES, MADV_DONTNEED);
}

/* Any site at any time, under vCPUs that check their memory. */
static void running_guest(void)
{
	struct stress *stress;

	begin_injection();
	fuzz_begin_stress();
	stress = stress_start();
	stress->may_fault = true;
	mark_other_threads();
	fail_at_random();
	while (fuzz_goes_on() || stress->faults < MIN_FAULTS)
		make_faults(stress);
	set_injectors("probability", "0");
	test_note("%llu pages checked by the guest, KVM_RUN failed %llu times",
		  (unsigned long long)stress_pages(stress), (unsigned long long)stress->faults);
	stress_stop(stress);
	stress_finish(stress);
}

static const struct test_case cases[] = {
	{ "each_site", each_site, 200 },
	{ "each_site_of_state", each_site_of_state, 100 },
	{ "running_guest", running_guest, FUZZ_CASE_SECONDS },
};

TEST_MAIN(cases)
