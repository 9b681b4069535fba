/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a guest reports to its test: it writes the address of a struct ucall to
 * one I/O port, with a 32-bit OUT, and the host reads the structure from guest
 * memory.  Needs nothing but KVM_EXIT_IO, so it works from the first exit on,
 * and in 16-bit code too.
 */
#ifndef SELFTESTS_UCALL_H
#define SELFTESTS_UCALL_H

#include <stdint.h>

#define UCALL_PORT 0x10c0
#define UCALL_ARGS 6

enum ucall_command {
	UCALL_NONE,
	/* args[0]: stage number; the rest is the test's own. */
	UCALL_SYNC,
	UCALL_DONE,
	/* args: file name, line, expression (addresses), left, right. */
	UCALL_ASSERT,
	/* args: vector, error code, RIP, CR2: nobody handles this event. */
	UCALL_TRAP,
};

struct ucall {
	uint64_t command;
	uint64_t args[UCALL_ARGS];
};

/* Guest side. */
void guest_ucall(enum ucall_command command, uint64_t arg0, uint64_t arg1, uint64_t arg2,
		 uint64_t arg3, uint64_t arg4);

#define GUEST_SYNC(stage) guest_ucall(UCALL_SYNC, stage, 0, 0, 0, 0)
#define GUEST_SYNC_ARGS(stage, arg1, arg2, arg3)			\
	guest_ucall(UCALL_SYNC, stage, arg1, arg2, arg3, 0)
#define GUEST_DONE() guest_ucall(UCALL_DONE, 0, 0, 0, 0, 0)

#define GUEST_ASSERT(condition)						\
	do {								\
		if (!(condition))					\
			guest_ucall(UCALL_ASSERT, (uintptr_t)__FILE__,	\
				    __LINE__, (uintptr_t)#condition,	\
				    0, 0);				\
	} while (0)

#define GUEST_ASSERT_EQ(left, right)					\
	do {								\
		uint64_t __l = (uint64_t)(left);			\
		uint64_t __r = (uint64_t)(right);			\
									\
		if (__l != __r)						\
			guest_ucall(UCALL_ASSERT, (uintptr_t)__FILE__,	\
				    __LINE__,				\
				    (uintptr_t)(#left " == " #right),	\
				    __l, __r);				\
	} while (0)

#endif
