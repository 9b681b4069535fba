# SPDX-License-Identifier: GPL-2.0
"""Counts test results: KTAP output of one program, and sums of several."""

import re

SKIP_STATUS = 4


class Tally:
    """Passed, failed, skipped."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read(output, status):
    """Return (Tally, reasons) of one program from its output and exit status.

    A result line counts once; a program without any counts as one test. A program whose status,
    plan and lines contradict one another has failed.
    """
    tally = Tally()
    reasons = []
    planned = None
    for line in output.splitlines():
        line = line.strip("\r")
        plan = re.match(r"1\.\.(\d+)(\s*# SKIP.*)?$", line)
        result = re.match(r"(not )?ok\b\s*\d*\s*(.*)", line)
        if plan and planned is None:
            planned = int(plan[1])
        elif result and re.search(r"#\s*SKIP", line, re.I):
            tally.skipped += 1
        elif result and result[1]:
            tally.failed += 1
            reasons.append(result[2] or line)
        elif result:
            tally.passed += 1
    seen = tally.passed + tally.failed + tally.skipped
    if status == SKIP_STATUS and not tally.failed:
        tally.skipped += not seen
    elif status != 0 and not tally.failed:
        tally.failed += 1
        reasons.append(f"exit status {status}")
    elif planned and seen != planned:
        tally.failed += 1
        reasons.append(f"{seen} results of {planned} planned")
    elif not seen and planned is None:
        tally.passed += 1
    return tally, reasons
