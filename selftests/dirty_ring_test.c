// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_DIRTY_LOG_RING: which writes are noted in a vCPU's ring, what a full ring does,
 * that copying what is noted makes a true copy of a running guest's memory, and that a ring
 * with nonsense in it harms nobody.
 */
#include <linux/kvm_para.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vcpu.h"

#define SLOT 1
#define SLOT_GPA 0x10000000ull
#define SLOT_PAGES 2048ull
#define SLOT_BYTES (SLOT_PAGES * PAGE_BYTES)
#define LOG KVM_MEM_LOG_DIRTY_PAGES

/* Room for what a CPU that notes pages itself keeps free. */
#define RING_BYTES 16384ull
#define RING_ENTRIES (RING_BYTES / sizeof(struct kvm_dirty_gfn))
#define RING_OFFSET (KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_BYTES)

#define PORT 0x4000

struct ring {
	struct kvm_dirty_gfn *entries;
	uint32_t next;
};

/* How often each page of the slot was found in a ring since forget(). */
static unsigned int noted[SLOT_PAGES];
static unsigned int nr_other;

static int __enable(struct vm *vm, uint64_t bytes)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { bytes } };

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

static struct vm *create(uint8_t **memory)
{
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_DIRTY_LOG_RING);
	vm = vm_create();
	ASSERT_EQ(__enable(vm, RING_BYTES), 0);
	*memory = host_alloc(SLOT_BYTES);
	vm_set_slot(vm, SLOT, LOG, SLOT_GPA, SLOT_BYTES, *memory);
	return vm;
}

static void *__map(struct vcpu *vcpu, uint64_t bytes, int protection, int flags)
{
	return mmap(NULL, bytes, protection, flags, vcpu->fd, RING_OFFSET);
}

static struct ring map_ring(struct vcpu *vcpu)
{
	void *entries = __map(vcpu, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED);

	TEST_ASSERT(entries != MAP_FAILED, "mmap of the ring");
	return (struct ring){ .entries = entries };
}

static void forget(void)
{
	memset(noted, 0, sizeof(noted));
	nr_other = 0;
}

/* Take what is in the ring and mark it as taken; return how many. */
static unsigned int harvest(struct ring *ring)
{
	unsigned int count;

	for (count = 0; count < RING_ENTRIES; count++) {
		struct kvm_dirty_gfn *entry = &ring->entries[ring->next % RING_ENTRIES];

		if (__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			break;
		if (entry->slot == SLOT && entry->offset < SLOT_PAGES)
			noted[entry->offset]++;
		else
			nr_other++;
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		ring->next++;
	}
	return count;
}

static int reset_rings(struct vm *vm)
{
	return __vm_ioctl(vm, KVM_RESET_DIRTY_RINGS, NULL);
}

static unsigned int count_noted(void)
{
	unsigned int count = 0;
	uint64_t page;

	for (page = 0; page < SLOT_PAGES; page++)
		count += noted[page] != 0;
	return count;
}

static void bad_arguments(void)
{
	struct kvm_clear_dirty_log clear = { .slot = SLOT, .num_pages = 64 };
	struct kvm_dirty_log log = { .slot = SLOT };
	struct vm *vm;
	uint64_t max;

	REQUIRE_CAP(KVM_CAP_DIRTY_LOG_RING);
	max = node_check(KVM_CAP_DIRTY_LOG_RING);
	ASSERT_EQ(max, 65536 * sizeof(struct kvm_dirty_gfn));

	vm = vm_create();
	ASSERT_ERRNO(reset_rings(vm), EINVAL);
	ASSERT_ERRNO(__enable(vm, 0), EINVAL);
	ASSERT_ERRNO(__enable(vm, PAGE_BYTES / 2), EINVAL);
	ASSERT_ERRNO(__enable(vm, 3 * PAGE_BYTES), EINVAL);
	ASSERT_ERRNO(__enable(vm, 2 * max), E2BIG);
	ASSERT_EQ(__enable(vm, max), 0);
	ASSERT_ERRNO(__enable(vm, max), EINVAL);
	ASSERT_EQ(reset_rings(vm), 0);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_GET_DIRTY_LOG, &log), ENXIO);
	ASSERT_ERRNO(__vm_ioctl(vm, KVM_CLEAR_DIRTY_LOG, &clear), ENXIO);
	vm_destroy(vm);

	vm = vm_create();
	vcpu_create(vm, 0);
	ASSERT_ERRNO(__enable(vm, RING_BYTES), EINVAL);
	vm_destroy(vm);
}

/* The signal that reading one byte ends in, 0 for none. */
static int signal_of_reading(const volatile uint8_t *address)
{
	int status;
	pid_t pid = fork();

	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		_exit(*address & 0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void mapping(void)
{
	uint8_t *memory, *pages;
	struct vm *vm = create(&memory);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	ASSERT_EQ(__map(vcpu, RING_BYTES, PROT_READ, MAP_PRIVATE) == MAP_FAILED, 1);
	ASSERT_EQ(errno, EINVAL);
	ASSERT_EQ(__map(vcpu, RING_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED) == MAP_FAILED, 1);
	ASSERT_EQ(errno, EINVAL);
	pages = __map(vcpu, RING_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED);
	TEST_ASSERT(pages != MAP_FAILED, "mmap");
	ASSERT_EQ(signal_of_reading(pages), 0);
	ASSERT_EQ(signal_of_reading(pages + RING_BYTES - 1), 0);
	ASSERT_EQ(signal_of_reading(pages + RING_BYTES), SIGBUS);
	/* It outlives its vCPU. */
	pages[0] = 7;
	vm_destroy(vm);
	ASSERT_EQ(pages[0], 7);
	munmap(pages, RING_BYTES + PAGE_BYTES);
}

static void touch(uint64_t page, uint64_t value)
{
	*(volatile uint64_t *)(SLOT_GPA + page * PAGE_BYTES) = value;
}

static void guest_pages(void)
{
	uint64_t page, sum = 0;

	for (page = 0; page < 100; page++)
		sum += *(volatile uint64_t *)(SLOT_GPA + page * PAGE_BYTES);
	GUEST_ASSERT_EQ(sum, 0);
	GUEST_SYNC(1);
	touch(0, 1);
	touch(63, 1);
	touch(SLOT_PAGES - 1, 1);
	GUEST_SYNC(2);
	touch(63, 2);
	GUEST_SYNC(3);
	touch(63, 3);
	GUEST_SYNC(4);
	/* Written by the module on the guest's behalf, over a page boundary. */
	asm volatile("rep insb"
		     : : "D"(SLOT_GPA + 8 * PAGE_BYTES - 2), "c"(4ull), "d"(PORT) : "memory");
	GUEST_SYNC(5);
}

static void noted_pages(void)
{
	uint8_t *memory;
	struct vm *vm = create(&memory);
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_pages);
	struct ring ring = map_ring(vcpu);
	struct ucall ucall;

	vcpu_run_sync(vcpu, 1);
	harvest(&ring);
	TEST_ASSERT(!count_noted(), "reads were noted: %u", count_noted());
	ASSERT_EQ(nr_other, 0u);

	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(harvest(&ring), 3u);
	TEST_ASSERT(count_noted() == 3 && noted[0] && noted[63] && noted[SLOT_PAGES - 1],
		    "%u pages", count_noted());

	/* Not again before it is reset, and then once more. */
	forget();
	vcpu_run_sync(vcpu, 3);
	ASSERT_EQ(harvest(&ring), 0u);
	ASSERT_EQ(reset_rings(vm), 3);
	ASSERT_EQ(reset_rings(vm), 0);
	vcpu_run_sync(vcpu, 4);
	ASSERT_EQ(harvest(&ring), 1u);
	TEST_ASSERT(noted[63] == 1, "%u times", noted[63]);

	forget();
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	while (!vcpu_is_ucall(vcpu, &ucall)) {
		memset((uint8_t *)vcpu->run + vcpu->run->io.data_offset, 0x5a,
		       vcpu->run->io.size * vcpu->run->io.count);
		vcpu_run_to(vcpu, KVM_EXIT_IO);
	}
	harvest(&ring);
	TEST_ASSERT(count_noted() == 2 && noted[7] && noted[8], "%u pages", count_noted());
	vm_destroy(vm);
}

static void guest_all_pages(void)
{
	uint64_t page, round;

	for (round = 1; ; round++) {
		for (page = 0; page < SLOT_PAGES; page++)
			touch(page, round);
		GUEST_SYNC(round);
	}
}

/* The guest does not run while nobody empties the ring, and loses nothing. */
static void full_ring(void)
{
	uint8_t *memory;
	struct vm *vm = create(&memory);
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_all_pages);
	struct ring ring = map_ring(vcpu);
	unsigned int nr_full = 0, count;
	uint64_t page;

	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason != KVM_EXIT_DIRTY_RING_FULL)
			break;
		nr_full++;
		vcpu_run_to(vcpu, KVM_EXIT_DIRTY_RING_FULL);
		count = harvest(&ring);
		TEST_ASSERT(count > 256 && count < RING_ENTRIES, "%u entries", count);
		/* Taken, but not given back. */
		vcpu_run_to(vcpu, KVM_EXIT_DIRTY_RING_FULL);
		ASSERT_EQ((unsigned int)reset_rings(vm), count);
	}
	ASSERT_EXIT(vcpu, KVM_EXIT_IO);
	TEST_ASSERT(nr_full >= SLOT_PAGES / RING_ENTRIES, "full %u times", nr_full);
	harvest(&ring);
	for (page = 0; page < SLOT_PAGES; page++)
		TEST_ASSERT(noted[page], "page %llu", (unsigned long long)page);
	vm_destroy(vm);
}

/* Whatever user space writes there, the kernel takes each entry once at most. */
static void nonsense(void)
{
	uint8_t *memory;
	struct vm *vm = create(&memory);
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_all_pages);
	struct ring ring = map_ring(vcpu);
	uint64_t seed = 88172645463325252ull;
	unsigned int round, i;
	int nr;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < RING_ENTRIES; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			ring.entries[i].slot = round & 1 ? seed >> 32 : SLOT;
			ring.entries[i].offset = round & 2 ? seed : seed % (2 * SLOT_PAGES);
			ring.entries[i].flags = round & 4 ? seed : KVM_DIRTY_GFN_F_RESET;
		}
		nr = reset_rings(vm);
		TEST_ASSERT(nr >= 0 && nr <= (int)RING_ENTRIES, "%d entries", nr);
		ASSERT_EQ(__vcpu_run(vcpu), 0);
	}
	vm_destroy(vm);
}

/* Guest memory that ioctls write is logged, too; at the last entry they stop. */
static void written_by_ioctls(void)
{
	uint8_t *memory;
	struct vm *vm;
	struct vcpu *vcpu;
	struct ring ring;
	uint64_t page;

	/* KVM writes over what nobody has read yet, and warns. */
	if (!node_is_lodge())
		test_skip("KVM does not guard its ring here");
	vm = create(&memory);
	vcpu = vcpu_add(vm, 0, guest_all_pages);
	ring = map_ring(vcpu);
	for (page = 0; page < SLOT_PAGES; page++)
		vcpu_set_msr(vcpu, MSR_KVM_WALL_CLOCK_NEW, SLOT_GPA + page * PAGE_BYTES);
	ASSERT_EQ(harvest(&ring), (unsigned int)RING_ENTRIES);
	for (page = 0; page < SLOT_PAGES; page++)
		TEST_ASSERT(!memory[page * PAGE_BYTES] || noted[page], "page %llu",
			    (unsigned long long)page);
	TEST_ASSERT(count_noted() > RING_ENTRIES / 4, "%u pages", count_noted());
	vcpu_run_to(vcpu, KVM_EXIT_DIRTY_RING_FULL);
	ASSERT_EQ((unsigned int)reset_rings(vm), (unsigned int)RING_ENTRIES);
	vcpu_run_to(vcpu, KVM_EXIT_DIRTY_RING_FULL);
	vm_destroy(vm);
}

static volatile uint64_t guest_stop;

static void guest_write_at_random(void)
{
	uint64_t value = (rdtsc() << 1) | 1;

	while (!guest_stop) {
		value ^= value << 13;
		value ^= value >> 7;
		value ^= value << 17;
		touch(value % SLOT_PAGES, value);
	}
}

/* One vCPU's thread waits here while its ring is full. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t emptied = PTHREAD_COND_INITIALIZER;
static unsigned int nr_resets;

static void *run_vcpu(void *argument)
{
	struct vcpu *vcpu = argument;
	struct ucall ucall;
	unsigned int seen;

	for (;;) {
		pthread_mutex_lock(&lock);
		seen = nr_resets;
		pthread_mutex_unlock(&lock);
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason != KVM_EXIT_DIRTY_RING_FULL)
			break;
		pthread_mutex_lock(&lock);
		while (seen == nr_resets)
			pthread_cond_wait(&emptied, &lock);
		pthread_mutex_unlock(&lock);
	}
	ASSERT_EXIT(vcpu, KVM_EXIT_IO);
	TEST_ASSERT(vcpu_is_ucall(vcpu, &ucall) && ucall.command == UCALL_DONE, "no end");
	return NULL;
}

/* Harvest, reset, copy; the order is what makes the copy true. */
static unsigned int copy_noted(struct vm *vm, struct ring *rings, uint8_t *copy,
			       const uint8_t *memory)
{
	unsigned int count;
	uint64_t page;

	forget();
	count = harvest(&rings[0]);
	count += harvest(&rings[1]);
	ASSERT_EQ((unsigned int)reset_rings(vm), count);
	pthread_mutex_lock(&lock);
	nr_resets++;
	pthread_cond_broadcast(&emptied);
	pthread_mutex_unlock(&lock);
	for (page = 0; page < SLOT_PAGES; page++) {
		if (noted[page])
			memcpy(copy + page * PAGE_BYTES, memory + page * PAGE_BYTES, PAGE_BYTES);
	}
	return count;
}

static void copy_of_a_running_guest(void)
{
	uint8_t *memory, *copy = host_alloc(SLOT_BYTES);
	struct vm *vm = create(&memory);
	struct vcpu *vcpus[2] = {
		vcpu_add(vm, 0, guest_write_at_random),
		vcpu_add(vm, 1, guest_write_at_random),
	};
	struct ring rings[2] = { map_ring(vcpus[0]), map_ring(vcpus[1]) };
	unsigned int round, count = 0, i;
	pthread_t threads[2];
	uint64_t page;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, run_vcpu, vcpus[i]), 0);
	for (round = 0; round < 60; round++) {
		test_sleep_ms(round % 8);
		count += copy_noted(vm, rings, copy, memory);
		/* The host moves memory around meanwhile. */
		if (round % 4 == 0)
			madvise(memory, SLOT_BYTES, round % 8 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	}
	GUEST(vm, guest_stop) = 1;
	copy_noted(vm, rings, copy, memory);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_join(threads[i], NULL), 0);
	count += copy_noted(vm, rings, copy, memory);
	TEST_ASSERT(count > SLOT_PAGES, "only %u pages", count);
	for (page = 0; page < SLOT_PAGES; page++)
		TEST_ASSERT(!memcmp(copy + page * PAGE_BYTES, memory + page * PAGE_BYTES,
				    PAGE_BYTES),
			    "page %llu differs", (unsigned long long)page);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "bad_arguments", bad_arguments },
	{ "mapping", mapping },
	{ "noted_pages", noted_pages },
	{ "full_ring", full_ring },
	{ "nonsense", nonsense },
	{ "written_by_ioctls", written_by_ioctls },
	{ "copy_of_a_running_guest", copy_of_a_running_guest, 40 },
};

TEST_MAIN(cases)
