// SPDX-License-Identifier: GPL-2.0
/*
 * The guest of stress.h, the threads of its vCPUs, and the same checks from the host's side.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "stress.h"

#define ALL_PAGES (PLAIN_PAGES + MOVING_PAGES)

/* Words of a page that are used: in the moving slot each may be an exit to user space. */
#define PLAIN_WORDS LAST_WORD
#define MOVING_WORDS 8

/* What is written here comes back from here: for OUTS and INS. */
#define ECHO_PORT 0x5000

/* Each fourth page holds the same as others that were written as often, to be merged. */
#define TWINS 4

/*
 * The last word of a plain page is another matter: in a few pages all vCPUs count it up, in
 * others only the host's kernel writes it, for its page's vCPU.
 */
#define LAST_WORD 511
#define COUNTER_STEP 512

/* The guest's own; its image is memory that nobody disturbs. */
static volatile bool guest_stop;
static volatile uint32_t guest_generations[ALL_PAGES];
static volatile uint32_t guest_echoes[ALL_PAGES];
static volatile struct {
	uint64_t pages;
	uint64_t counted;
	uint64_t padding[6];
} guest_done[STRESS_VCPUS];

static bool is_moving(uint64_t page)
{
	return page >= PLAIN_PAGES;
}

static bool is_lossy(uint64_t page)
{
	return page - LOSSY_FIRST < LOSSY_PAGES;
}

static bool is_twin(uint64_t page)
{
	return !is_moving(page) && page % TWINS == 0;
}

static bool has_counter(uint64_t page)
{
	return !is_moving(page) && !is_lossy(page) && page % COUNTER_STEP == 0;
}

static bool has_echo(uint64_t page)
{
	return !is_moving(page) && !is_lossy(page) && !is_twin(page);
}

static unsigned int nr_words(uint64_t page)
{
	return is_moving(page) ? MOVING_WORDS : PLAIN_WORDS;
}

/* Word 0 tells the generation, twice, and is odd while the page is written. */
static uint64_t word_of(uint64_t page, uint32_t generation, unsigned int index)
{
	uint64_t word = is_twin(page) ? 0 : page + 1;

	if (!generation || !index)
		return 2ull * generation;
	word = word * 0x9e3779b97f4a7c15ull + generation * 0xd1342543de82ef95ull +
	       index * 0xaf251af3b0f025b5ull;
	word = (word ^ word >> 29) * 0xbf58476d1ce4e5b9ull;
	return (word ^ word >> 32) | 1;
}

static uint64_t guest_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 16;
}

/* The moving slot's pages are looked for in a place by chance. */
static volatile uint64_t *guest_page(uint64_t page, uint64_t random)
{
	if (!is_moving(page))
		return (uint64_t *)(PLAIN_GPA + page * PAGE_BYTES);
	return (uint64_t *)(MOVING_GPA(random & 1) + (page - PLAIN_PAGES) * PAGE_BYTES);
}

/* Of those that may be zeroed, any word may be gone, but none may come back. */
static void guest_check_own(uint64_t page, volatile uint64_t *words)
{
	uint32_t generation = guest_generations[page];
	unsigned int i;

	for (i = 0; i < nr_words(page); i++) {
		uint64_t word = words[i], wanted = word_of(page, generation, i);

		if (word != wanted && (word || !is_lossy(page))) {
			GUEST_SYNC_ARGS(page, generation, i, word);
			GUEST_ASSERT_EQ(word, wanted);
		}
	}
	if (has_echo(page))
		GUEST_ASSERT_EQ(words[LAST_WORD], guest_echoes[page]);
}

/*
 * Another vCPU may be writing the page: then its first word has changed, too. But it must be
 * no older than what the writer said to be done before this one looked.
 */
static void guest_check_other(uint64_t page, volatile uint64_t *words)
{
	uint32_t generation = guest_generations[page];
	uint64_t first = words[0];
	unsigned int i;

	GUEST_ASSERT(first / 2 >= generation);
	for (i = 1; i < nr_words(page) && !(first & 1); i++) {
		uint64_t word = words[i];

		if (word == word_of(page, first / 2, i))
			continue;
		if (words[0] != first)
			break;
		GUEST_SYNC_ARGS(page, first / 2, i, word);
		GUEST_ASSERT_EQ(word, word_of(page, first / 2, i));
	}
}

/* The host's kernel writes half of the last word and reads it back, for the guest. */
static void guest_echo(uint64_t page, volatile uint64_t *words)
{
	uint32_t value = guest_echoes[page] + 1;
	volatile uint64_t *at = &words[LAST_WORD];

	outl(ECHO_PORT, value);
	asm volatile("insl" : "+D"(at) : "d"(ECHO_PORT) : "memory");
	at = &words[LAST_WORD];
	asm volatile("outsl" : "+S"(at) : "d"(ECHO_PORT) : "memory");
	GUEST_ASSERT_EQ(inl(ECHO_PORT), value);
	guest_echoes[page] = value;
}

static void guest_write(uint64_t page, volatile uint64_t *words)
{
	uint32_t generation = guest_generations[page] + 1;
	unsigned int i;

	words[0] = 2ull * generation - 1;
	for (i = 1; i < nr_words(page); i++)
		words[i] = word_of(page, generation, i);
	words[0] = 2ull * generation;
	guest_generations[page] = generation;
}

/* Twins are left alone for long, or nobody would merge them. */
static void guest_change(uint64_t page, volatile uint64_t *words, uint64_t random)
{
	if (has_echo(page) && random % 16 == 0)
		guest_echo(page, words);
	else if (!is_twin(page) || random % 8 == 0)
		guest_write(page, words);
}

static void guest_count(unsigned int id, uint64_t random)
{
	uint64_t page = random % (PLAIN_PAGES / COUNTER_STEP) * COUNTER_STEP;

	if (!has_counter(page))
		return;
	asm volatile("lock incq %0" : "+m"(guest_page(page, 0)[LAST_WORD]));
	guest_done[id].counted++;
}

static void guest_stress(uint64_t id, uint64_t random)
{
	uint64_t page;

	while (!guest_stop) {
		volatile uint64_t *words;

		page = guest_random(&random) % ALL_PAGES;
		words = guest_page(page, guest_random(&random));
		if (page % STRESS_VCPUS == id) {
			guest_check_own(page, words);
			guest_change(page, words, guest_random(&random));
		} else if (!is_lossy(page)) {
			guest_check_other(page, words);
		}
		guest_count(id, guest_random(&random));
		guest_done[id].pages++;
	}
	for (page = id; page < ALL_PAGES; page += STRESS_VCPUS)
		if (guest_generations[page] || guest_echoes[page])
			guest_check_own(page, guest_page(page, page >> 3));
}

static uint8_t *page_memory(struct stress *stress, uint64_t page)
{
	return is_moving(page) ? stress->moving + (page - PLAIN_PAGES) * PAGE_BYTES :
				 stress->plain + page * PAGE_BYTES;
}

/* The address of memory that the guest took for a device's. Under memory_lock. */
static uint8_t *mmio_memory(struct stress *stress, uint64_t gpa, uint32_t bytes)
{
	unsigned int place;

	if (gpa - PLAIN_GPA < PLAIN_BYTES)
		return stress->plain + (gpa - PLAIN_GPA);
	for (place = 0; place < 2; place++)
		if (gpa - MOVING_GPA(place) < MOVING_BYTES)
			return stress->moving + (gpa - MOVING_GPA(place));
	TEST_FAIL("MMIO at %#llx, %u bytes", (unsigned long long)gpa, bytes);
}

static void handle_mmio(struct stress *stress, struct kvm_run *run)
{
	uint8_t *memory;

	pthread_mutex_lock(&stress->memory_lock);
	memory = mmio_memory(stress, run->mmio.phys_addr, run->mmio.len);
	if (run->mmio.is_write)
		memcpy(memory, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, memory, run->mmio.len);
	stress->mmio++;
	pthread_mutex_unlock(&stress->memory_lock);
}

static void handle_echo(struct kvm_run *run, uint32_t *echo)
{
	void *data = (uint8_t *)run + run->io.data_offset;

	ASSERT_EQ(run->io.count * run->io.size, (uint32_t)sizeof(*echo));
	if (run->io.direction == KVM_EXIT_IO_IN)
		memcpy(data, echo, sizeof(*echo));
	else
		memcpy(echo, data, sizeof(*echo));
}

/* SYNC comes only ahead of an assertion that fails, to say where. */
static bool handle_ucall(struct vcpu *vcpu)
{
	struct ucall ucall = vcpu_ucall(vcpu);

	if (ucall.command == UCALL_SYNC)
		test_note("page %llu, generation %llu, word %llu: %#llx",
			  (unsigned long long)ucall.args[0], (unsigned long long)ucall.args[1],
			  (unsigned long long)ucall.args[2], (unsigned long long)ucall.args[3]);
	return ucall.command == UCALL_DONE;
}

/* Whether KVM_RUN, or an instruction that it emulates, failed for want of memory. */
static bool is_want_of_memory(const struct kvm_run *run, int ret)
{
	return ret == -EFAULT || ret == -ENOMEM ||
	       (!ret && run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
		run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION);
}

/* Until the memory can be accessed again. */
static void wait_for_memory(struct stress *stress)
{
	pthread_mutex_lock(&stress->memory_lock);
	stress->faults++;
	pthread_mutex_unlock(&stress->memory_lock);
}

static void *run_vcpu(void *data)
{
	struct stress *stress = ((struct stress_vcpu *)data)->stress;
	struct vcpu *vcpu = ((struct stress_vcpu *)data)->vcpu;
	uint32_t echo = 0;

	for (;;) {
		int ret = __vcpu_run(vcpu);

		if (stress->may_fault && is_want_of_memory(vcpu->run, ret)) {
			wait_for_memory(stress);
			continue;
		}
		TEST_ASSERT(!ret, "KVM_RUN of vCPU %u returned %d", vcpu->id, ret);
		if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
			handle_mmio(stress, vcpu->run);
		else if (vcpu->run->exit_reason == KVM_EXIT_IO &&
			 vcpu->run->io.port == ECHO_PORT)
			handle_echo(vcpu->run, &echo);
		else if (handle_ucall(vcpu))
			return NULL;
	}
}

struct stress *stress_start(void)
{
	struct stress *stress = calloc(1, sizeof(*stress));
	unsigned int i;

	TEST_ASSERT(stress, "out of memory");
	pthread_mutex_init(&stress->memory_lock, NULL);
	stress->vm = vm_create();
	stress->plain = host_alloc(PLAIN_BYTES);
	stress->moving = host_alloc(MOVING_BYTES);
	vm_set_slot(stress->vm, PLAIN_SLOT, 0, PLAIN_GPA, PLAIN_BYTES, stress->plain);
	vm_set_slot(stress->vm, MOVING_SLOT, 0, MOVING_GPA(0), MOVING_BYTES, stress->moving);
	for (i = 0; i < STRESS_VCPUS; i++) {
		struct vcpu *vcpu = vcpu_add(stress->vm, i, (void (*)(void))guest_stress);

		vcpu_set_arg(vcpu, 0, i);
		vcpu_set_arg(vcpu, 1, fuzz_u64() | 1);
		stress->vcpus[i].stress = stress;
		stress->vcpus[i].vcpu = vcpu;
	}
	for (i = 0; i < STRESS_VCPUS; i++)
		TEST_ASSERT(!pthread_create(&stress->vcpus[i].thread, NULL, run_vcpu,
					    &stress->vcpus[i]), "pthread_create");
	return stress;
}

uint64_t stress_pages(const struct stress *stress)
{
	uint64_t pages = 0;
	unsigned int i;

	for (i = 0; i < STRESS_VCPUS; i++)
		pages += GUEST(stress->vm, guest_done[i].pages);
	return pages;
}

void stress_stop(struct stress *stress)
{
	unsigned int i;

	GUEST(stress->vm, guest_stop) = true;
	for (i = 0; i < STRESS_VCPUS; i++)
		TEST_ASSERT(!pthread_join(stress->vcpus[i].thread, NULL), "pthread_join");
}

static void check_counters(struct stress *stress)
{
	uint64_t page, counted = 0, wanted = 0;
	unsigned int i;

	for (page = 0; page < PLAIN_PAGES; page++)
		if (has_counter(page))
			counted += ((uint64_t *)page_memory(stress, page))[LAST_WORD];
	for (i = 0; i < STRESS_VCPUS; i++)
		wanted += GUEST(stress->vm, guest_done[i].counted);
	ASSERT_EQ(counted, wanted);
}

static void check_page(struct stress *stress, uint64_t page)
{
	const uint64_t *words = (uint64_t *)page_memory(stress, page);
	uint32_t generation = GUEST(stress->vm, guest_generations[page]);
	unsigned int i;

	for (i = 0; i < nr_words(page); i++)
		TEST_ASSERT(words[i] == word_of(page, generation, i) ||
			    (!words[i] && is_lossy(page)),
			    "page %llu, generation %u, word %u: %#llx", (unsigned long long)page,
			    generation, i, (unsigned long long)words[i]);
	if (has_echo(page))
		ASSERT_EQ(words[LAST_WORD], (uint64_t)GUEST(stress->vm, guest_echoes[page]));
}

void stress_finish(struct stress *stress)
{
	uint64_t page;
	unsigned int i;

	check_counters(stress);
	for (page = 0; page < ALL_PAGES; page++)
		check_page(stress, page);
	/* A vCPU that has done nothing has proved nothing. */
	for (i = 0; i < STRESS_VCPUS; i++)
		ASSERT_NE(GUEST(stress->vm, guest_done[i].pages), 0u);
	vm_destroy(stress->vm);
	munmap(stress->plain, PLAIN_BYTES);
	munmap(stress->moving, MOVING_BYTES);
	free(stress);
}
