# SPDX-License-Identifier: GPL-2.0
"""What in a host's kernel log makes a run fail, whatever COMMAND's own status says."""

import re

# The kernel cannot be trusted any more, or has ended.
CRASH = re.compile(
    # Nothing but a test asks for a panic by sysrq, and only a crash kernel can tell of it.
    r"Kernel panic(?! - not syncing: sysrq triggered crash)|Oops[: ]"
    r"|BUG: (?!soft lockup|workqueue lockup|sleeping|scheduling|KASAN|KFENCE)"
    r"|kernel BUG at|general protection fault.*(?:SMP|PREEMPT)"
    r"|double fault|unable to handle")

# The kernel found its own state wrong and went on. Also read by grep -E in the host.
REPORT_PATTERN = (
    "WARNING: (CPU|possible|suspicious|inconsistent|bad|nested|chain|at )"
    "|BUG: (sleeping|scheduling|KASAN|KFENCE)|INFO: (possible|suspicious|inconsistent)"
    "|possible (circular|recursive) locking|inconsistent lock state"
    "|suspicious RCU|UBSAN:|KCSAN:|ODEBUG:|refcount_t:|kmemleak: [0-9]+ new"
    "|Bad page state|Bad rss-counter|list_(add|del) corruption"
    "|unchecked MSR access|Voluntary context switch within RCU|DEBUG_LOCKS_WARN"
    "|VFS: Busy inodes|detected buffer overflow|trying to register non-static key")
REPORT = re.compile(REPORT_PATTERN)

# The kernel found that nothing moves.
STALL = re.compile(
    r"soft lockup|hard LOCKUP|workqueue lockup|rcu.*(?:self-detected stall|detected stalls)"
    r"|INFO: task .* blocked for more than|rcu.*kthread starved")


def scan(text):
    """Return (kind, line) for the gravest finding in a kernel log, or (None, None)."""
    for kind, pattern in (("crash", CRASH), ("report", REPORT), ("stall", STALL)):
        for line in text.splitlines():
            if pattern.search(line):
                return kind, line.strip()
    return None, None
