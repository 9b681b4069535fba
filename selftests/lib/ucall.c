// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's half of the ucall.  The host's half is vcpu_check_ucall().
 */
#include "ucall.h"
#include "x86.h"

void guest_ucall(enum ucall_command command, uint64_t arg0, uint64_t arg1, uint64_t arg2,
		 uint64_t arg3, uint64_t arg4)
{
	struct ucall ucall;

	ucall.command = command;
	ucall.args[0] = arg0;
	ucall.args[1] = arg1;
	ucall.args[2] = arg2;
	ucall.args[3] = arg3;
	ucall.args[4] = arg4;
	ucall.args[5] = 0;
	/* All guest memory is below 4 GiB, stacks too. */
	outl(UCALL_PORT, (uint32_t)(uintptr_t)&ucall);
}
