# SPDX-License-Identifier: GPL-2.0
"""What in a host's kernel log makes a run fail, whatever COMMAND's own status says."""

import re

# The kernel cannot be trusted any more, or has ended.
CRASH = re.compile(
    r"Kernel panic|Oops[: ]"
    r"|BUG: (?:unable to handle|kernel NULL pointer)|stack guard page was hit"
    r"|kernel BUG at|general protection fault.*(?:SMP|PREEMPT)"
    r"|double fault|unable to handle")

# The kernel found its own state wrong and went on. Also read by grep -E in the host, which knows
# no negative lookahead: a "BUG: " is one here unless it is a soft lockup or a workqueue lockup.
# kmemleak's "N new" is not: init.sh looks again before it believes a leak, and then says so. Nor
# is one that scans more than it must, for want of memory.
REPORT_PATTERN = (
    "(^|\\] )WARNING: "
    "|BUG: ([^sw]|s[^o]|w[^o]|workqueue le)|BUG [^ ]+ \\("
    "|INFO: (possible|suspicious|inconsistent|trying)"
    "|DEBUG_LOCKS_WARN|Voluntary context switch within RCU|suspicious RCU"
    "|UBSAN:|KCSAN:|ODEBUG:|refcount_t:|list_(add|del) corruption|page dumped because"
    "|kmemleak: (unreferenced|Kernel memory leak detector disabled|Cannot (allocate a kmem|insert)"
    "|Freeing|Partially)"
    "|unchecked MSR access|VFS: Busy inodes|detected buffer overflow")
REPORT = re.compile(REPORT_PATTERN)

# The kernel found that nothing moves.
STALL = re.compile(
    r"soft lockup|hard LOCKUP|workqueue lockup|rcu.*(?:self-detected stall|detected stalls)"
    r"|INFO: task .* blocked for more than|rcu.*kthread starved")


# Nothing but a test asks for it; a host that lives on is that test's crash kernel.
WANTED_PANIC = "Kernel panic - not syncing: sysrq triggered crash"


def scan(text, ended=False):
    """Return (kind, line) for the gravest finding in a kernel log, or (None, None).

    ENDED: no kernel has taken over from the one of the log.
    """
    for kind, pattern in (("crash", CRASH), ("report", REPORT), ("stall", STALL)):
        for line in text.splitlines():
            if WANTED_PANIC in line and not ended:
                continue
            if pattern.search(line):
                return kind, line.strip()
    return None, None
