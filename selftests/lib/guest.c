// SPDX-License-Identifier: GPL-2.0
/*
 * Guest-side run time: dispatch of exceptions and interrupts, and recovery for
 * GUEST_TRY().  Everything here runs in the guest.
 */
#include "guest.h"
#include "ucall.h"
#include "x86.h"

guest_handler guest_handlers[256];
volatile struct guest_recovery guest_recovery = { .vector = GUEST_NO_TRAP };

/* Called by guest_entry.S only. */
void guest_dispatch(struct guest_regs *regs);

void guest_dispatch(struct guest_regs *regs)
{
	uint64_t cr2 = read_cr2();

	/* Recovery is for exceptions; an NMI may hit in the middle of a try. */
	if (guest_recovery.rip && regs->vector < 32 && regs->vector != NMI_VECTOR) {
		guest_recovery.vector = regs->vector;
		guest_recovery.error = regs->error;
		guest_recovery.cr2 = cr2;
		guest_recovery.fault_rip = regs->rip;
		regs->rip = guest_recovery.rip;
		guest_recovery.rip = 0;
		return;
	}
	if (guest_handlers[regs->vector])
		guest_handlers[regs->vector](regs);
	else
		guest_ucall(UCALL_TRAP, regs->vector, regs->error, regs->rip, cr2, 0);
}

void guest_return(void)
{
	for (;;)
		GUEST_DONE();
}
