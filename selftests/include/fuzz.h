/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For fuzzers and stress: a generator whose seed reproduces a run, the time that it may
 * take, and a line that says both when something is wrong.
 *
 * Environment: LODGE_FUZZ_SEED, the seed (the clock); LODGE_FUZZ_SECONDS, how long a
 * case goes on (5). LODGE_STRESS_SEED and LODGE_STRESS_SECONDS (1) are the same for stress.
 */
#ifndef SELFTESTS_FUZZ_H
#define SELFTESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time limit of a case: what LODGE_..._SECONDS says ends it before. */
#define FUZZ_CASE_SECONDS 100000

/* Begin a case: take seed and time from the environment, print the seed. */
void fuzz_begin(void);
void fuzz_begin_stress(void);

/* A generator of its own for another thread of the case; the case's thread has number 0. */
void fuzz_begin_thread(unsigned int number);

/* Whether there is time for another round; counts it. */
bool fuzz_goes_on(void);

/* Print how many rounds there were. */
void fuzz_end(void);

uint64_t fuzz_u64(void);

/* 0 to @bound - 1. */
uint32_t fuzz_below(uint32_t bound);

/* One time in @n. */
bool fuzz_one_in(uint32_t n);

void fuzz_fill(void *data, size_t bytes);

/* A number from the places where mistakes live: small, page and power-of-two borders, -1. */
uint64_t fuzz_interesting(void);

#endif
