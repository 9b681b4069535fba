// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the cases of a test program and words their results in KTAP; the
 * assertions end here.  Knows nothing of VMs.
 *
 * Each case is a child in a process group of its own: a failed assertion, a
 * crash or a hang then costs one case, and its VMs die with it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "test.h"

#define SKIP_REASON_BYTES 256

/* Shared with the children: why the last case was skipped. */
static char *skip_reason;

static void print_diagnostic(const char *format, va_list args)
{
	char line[512];

	vsnprintf(line, sizeof(line), format, args);
	printf("# %s\n", line);
	fflush(stdout);
}

void test_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_diagnostic(format, args);
	va_end(args);
}

void test_fail(const char *file, int line, int error, const char *what, const char *format, ...)
{
	va_list args;

	if (what)
		test_note("%s:%d: %s: does not hold", file, line, what);
	else
		test_note("%s:%d: failed", file, line);
	va_start(args, format);
	print_diagnostic(format, args);
	va_end(args);
	test_note("errno %d (%s)", error, strerror(error));
	/* _exit(): another thread may hold a lock of stdio or of an atexit(). */
	_exit(1);
}

void test_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	/* A helper program without cases says it on its own output. */
	if (skip_reason)
		vsnprintf(skip_reason, SKIP_REASON_BYTES, format, args);
	else
		print_diagnostic(format, args);
	va_end(args);
	_exit(TEST_EXIT_SKIP);
}

void test_sleep_ms(unsigned int ms)
{
	struct timespec left = { ms / 1000, (ms % 1000) * 1000000L };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

uint64_t test_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static unsigned int case_limit_seconds(const struct test_case *test)
{
	const char *slowness = getenv("LODGE_TEST_SLOWNESS");
	unsigned int seconds = test->seconds ? test->seconds : TEST_DEFAULT_SECONDS;

	return slowness && atoi(slowness) > 0 ? seconds * atoi(slowness) : seconds;
}

/*
 * Wait for @pid with a limit.  SIGCHLD is blocked by test_main(), so it stays
 * pending if the child ends before the wait begins.
 */
static bool wait_limited(pid_t pid, unsigned int seconds, int *status)
{
	uint64_t end = test_now_ns() + seconds * 1000000000ull;
	struct timespec step = { 0, 200000000 };
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	for (;;) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		if (test_now_ns() > end)
			return false;
		sigtimedwait(&chld, NULL, &step);
	}
}

/* Returns the case's exit status, 128 + signal, or -1 for a time-out. */
static int run_case(const struct test_case *test)
{
	sigset_t none;
	bool ended;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		test_note("fork: %s", strerror(errno));
		return 1;
	}
	if (!pid) {
		setpgid(0, 0);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		errno = 0;
		test->run();
		fflush(stdout);
		_exit(0);
	}
	setpgid(pid, pid);
	ended = wait_limited(pid, case_limit_seconds(test), &status);
	/* Stray grandchildren too; the group is gone if there are none. */
	kill(-pid, SIGKILL);
	if (!ended) {
		waitpid(pid, &status, 0);
		return -1;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool is_selected(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2;
}

int test_main(const struct test_case *cases, size_t count, int argc, char **argv)
{
	unsigned int number = 0, failed = 0, skipped = 0;
	bool nofork = getenv("LODGE_TEST_NOFORK");
	sigset_t chld;
	size_t i;

	skip_reason = mmap(NULL, SKIP_REASON_BYTES, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (skip_reason == MAP_FAILED)
		return 1;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);

	for (i = 0; i < count; i++)
		number += is_selected(cases[i].name, argc, argv);
	printf("TAP version 13\n1..%u\n", number);
	number = 0;
	for (i = 0; i < count; i++) {
		const char *name = cases[i].name;
		int status = 0;

		if (!is_selected(name, argc, argv))
			continue;
		number++;
		skip_reason[0] = '\0';
		if (nofork)
			cases[i].run();
		else
			status = run_case(&cases[i]);
		if (!status) {
			printf("ok %u %s\n", number, name);
		} else if (status == TEST_EXIT_SKIP) {
			skipped++;
			printf("ok %u %s # SKIP %s\n", number, name, skip_reason);
		} else {
			failed++;
			if (status < 0)
				test_note("no end after %u seconds", case_limit_seconds(&cases[i]));
			else if (status > 128)
				test_note("killed by signal %d", status - 128);
			printf("not ok %u %s\n", number, name);
		}
		fflush(stdout);
	}
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n",
	       number - failed - skipped, failed, skipped);
	if (failed || !number)
		return 1;
	return skipped == number ? TEST_EXIT_SKIP : 0;
}
