/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The harness of the selftests: a test program is a table of cases, each run
 * in a child process of its own with a time limit, reported as KTAP.  Holds the
 * host-side assertions too; guest code uses GUEST_ASSERT() of ucall.h instead.
 */
#ifndef SELFTESTS_TEST_H
#define SELFTESTS_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Exit status of a skipped program or case, as kselftest defines it. */
#define TEST_EXIT_SKIP 4

/* Limit of one case unless it names its own; an emulated host is slow. */
#define TEST_DEFAULT_SECONDS 20

/**
 * struct test_case - one behaviour, one KTAP line
 * @name: the line's text, lower case with underscores
 * @run: returns if the behaviour is right; asserts or skips otherwise
 * @seconds: time limit, 0 for TEST_DEFAULT_SECONDS; LODGE_TEST_SLOWNESS in the
 *           environment multiplies it
 */
struct test_case {
	const char *name;
	void (*run)(void);
	unsigned int seconds;
};

/**
 * test_main() - run every case of a program and report in KTAP
 * @cases: the table
 * @count: its number of entries
 * @argc: arguments of main(); a program takes names of cases to run only these
 * @argv: see @argc
 *
 * LODGE_TEST_NOFORK in the environment runs the cases in this process, for a
 * debugger; the first failure then ends the program.
 *
 * Return: exit status: 0 all passed, 1 something failed, 4 everything skipped.
 */
int test_main(const struct test_case *cases, size_t count, int argc, char **argv);

#define TEST_MAIN(cases)						\
	int main(int argc, char **argv)					\
	{								\
		return test_main(cases, ARRAY_SIZE(cases), argc, argv);	\
	}

/* Print one KTAP diagnostic line. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* End the case as failed; @error is the errno to show, 0 for none. */
void test_fail(const char *file, int line, int error, const char *what, const char *format, ...)
	__attribute__((noreturn, format(printf, 5, 6)));

/* End the case as skipped. */
void test_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define TEST_FAIL(format, ...)						\
	test_fail(__FILE__, __LINE__, 0, NULL, format, ##__VA_ARGS__)

#define TEST_ASSERT(condition, format, ...)				\
	do {								\
		if (!(condition))					\
			test_fail(__FILE__, __LINE__, errno, #condition,\
				  format, ##__VA_ARGS__);		\
	} while (0)

#define ASSERT_COMPARE(left, op, right)					\
	do {								\
		typeof(left) __left = (left);				\
		typeof(right) __right = (right);			\
									\
		if (!(__left op __right))				\
			test_fail(__FILE__, __LINE__, errno,		\
				  #left " " #op " " #right,		\
				  "%#llx (%lld) against %#llx (%lld)",	\
				  (unsigned long long)__left,		\
				  (long long)__left,			\
				  (unsigned long long)__right,		\
				  (long long)__right);			\
	} while (0)

#define ASSERT_EQ(left, right) ASSERT_COMPARE(left, ==, right)
#define ASSERT_NE(left, right) ASSERT_COMPARE(left, !=, right)
#define ASSERT_GE(left, right) ASSERT_COMPARE(left, >=, right)
#define ASSERT_LE(left, right) ASSERT_COMPARE(left, <=, right)

/* For the `__` helpers, which return a value or a negative errno. */
#define ASSERT_ERRNO(call, error)					\
	do {								\
		long __ret = (call);					\
									\
		if (__ret != -(error))					\
			test_fail(__FILE__, __LINE__,			\
				  __ret < 0 ? -__ret : 0, #call,	\
				  "returned %ld, not -" #error, __ret);	\
	} while (0)

/* Sleep of the host side; never a thing to measure by. */
void test_sleep_ms(unsigned int ms);

/* Monotonic clock, for sanity bounds only. */
uint64_t test_now_ns(void);

#endif
