// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzers' generator (xorshift64*) and clock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"
#include "test.h"

static uint64_t seed;
static __thread uint64_t state;
static uint64_t rounds;
static time_t end;

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static uint64_t from_environment(const char *prefix, const char *what, uint64_t otherwise)
{
	char name[64];
	const char *text;

	snprintf(name, sizeof(name), "%s_%s", prefix, what);
	text = getenv(name);
	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void begin(const char *prefix, unsigned int seconds)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	seed = from_environment(prefix, "SEED", time.tv_sec * 1000000007ull + time.tv_nsec);
	printf("# %s_SEED=%#llx\n", prefix, (unsigned long long)seed);
	fflush(stdout);
	fuzz_begin_thread(0);
	rounds = 0;
	end = now() + from_environment(prefix, "SECONDS", seconds);
}

void fuzz_begin(void)
{
	begin("LODGE_FUZZ", 5);
}

void fuzz_begin_stress(void)
{
	begin("LODGE_STRESS", 1);
}

void fuzz_begin_thread(unsigned int number)
{
	/* Never 0, from which the generator does not come away. */
	state = (seed + number * 0x9e3779b97f4a7c15ull) | 1;
}

bool fuzz_goes_on(void)
{
	if (now() >= end)
		return false;
	rounds++;
	return true;
}

void fuzz_end(void)
{
	printf("# %llu rounds\n", (unsigned long long)rounds);
	TEST_ASSERT(rounds, "no round in the time given");
}

uint64_t fuzz_u64(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

uint32_t fuzz_below(uint32_t bound)
{
	return (fuzz_u64() >> 32) * bound >> 32;
}

bool fuzz_one_in(uint32_t n)
{
	return !fuzz_below(n);
}

void fuzz_fill(void *data, size_t bytes)
{
	uint8_t *to = data;

	while (bytes) {
		uint64_t value = fuzz_u64();
		size_t step = bytes < sizeof(value) ? bytes : sizeof(value);

		memcpy(to, &value, step);
		to += step;
		bytes -= step;
	}
}

uint64_t fuzz_interesting(void)
{
	switch (fuzz_below(8)) {
	case 0:
		return fuzz_below(16);
	case 1:
		return fuzz_below(16) * 4096;
	case 2:
		return 1ull << fuzz_below(64);
	case 3:
		return (1ull << fuzz_below(64)) - 1;
	case 4:
		return -(uint64_t)fuzz_below(4096);
	case 5:
		return fuzz_below(0x10000);
	case 6:
		return fuzz_u64() & 0xffffffff;
	default:
		return fuzz_u64();
	}
}
