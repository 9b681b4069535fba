#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The tools of "make check" find what they are there to find. KTAP on stdout."""

import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import bench_report  # noqa: E402 (needs the path above)
import check_floors  # noqa: E402
import ktap  # noqa: E402
from hosts import log  # noqa: E402

# Output of tools/bench_host.sh.
BENCH = """\
node kvm
ok 1 a # SKIP not now
# figure 200 ticks of 7 operations
ok 1 a
# figure 9 KiB of 7 operations
ok 2 b
# figure 9 ticks of 7 operations
ok 3 c
node lodge
# figure 100 ticks of 7 operations
ok 1 a
ok 2 b # SKIP not offered
# b.c:1: failed
not ok 3 c
"""
BENCH_FIGURES = {
    "a": {"unit": "ticks", "kvm": 200, "lodge": 100},
    "b": {"unit": "KiB", "kvm": 9, "lodge": "not offered"},
    "c": {"unit": "ticks", "kvm": 9, "lodge": "FAILED"},
}
BENCH_BEFORE = {"a": {"lodge": 80}}
BENCH_LINES = (
    (1, "a 200 100 0.50 +25 % ticks"),
    (2, "b 9 - KiB"),
    (3, "c 9 FAILED ticks"),
    (4, "lodge has no b: not offered"),
)

TABLE = """\
| 0 | `types.h` |
| 1 | `vm.h` |
| 1 | `vcpu.h` |
| 2 | `mmu/`, `svm/` |
| 3 | `irqchip/`, `{cpuid,msr}.[ch]` |
| 6 | `main.c` |
"""

# File, its text, what check_floors.py must say ("" for nothing).
FLOORS = (
    ("types.h", "", ""),
    ("vm.h", '#include "types.h"\n', ""),
    ("vcpu.h", '#include "vm.h"\n', ""),
    ("mmu/mmu.h", '#include "../vm.h"\n', ""),
    ("mmu/tdp.h", '#include "mmu/mmu.h"\n', ""),
    ("svm/svm.h", '#include "vcpu.h"\n', ""),
    ("msr.h", "", ""),
    ("main.c", '#include "svm/svm.h"\nvoid *ops = &svm_ops;\n', ""),
    ("mmu/below.c", '#include "msr.h"\n', "above floor 2"),
    ("vm.c", "", "no row"),
    ("svm/blind.c", '#include "mmu/mmu.h"\n', "blind to one another"),
    ("irqchip/private.c", '#include "mmu/tdp.h"\n', "only mmu/mmu.h"),
    ("irqchip/backend.c", '#include "svm/svm.h"\n', "belongs to a backend"),
    ("irqchip/ops.c", "void *ops = &svm_ops;\n", "names svm_ops"),
    ("cpuid.c", "\n" * 901, "901 lines"),
)

# Output, status, sums.
KTAP = (
    ("1..2\nok 1 a\nok 2 b\n", 0, (2, 0, 0)),
    ("1..2\nok 1 a\nnot ok 2 b\n", 1, (1, 1, 0)),
    ("1..2\nok 1 a\nok 2 b # SKIP why\n", 0, (1, 0, 1)),
    ("1..3\nok 1 a\n", 0, (1, 1, 0)),
    ("1..1\nok 1 a\n", 139, (1, 1, 0)),
    ("1..0 # SKIP why\n", 4, (0, 0, 1)),
    ("", 0, (1, 0, 0)),
    ("", 1, (0, 1, 0)),
    ("1..2\n", 0, (0, 1, 0)),
)

# Line of a host's log, kind.
LOG = (
    ("WARNING: CPU: 1 PID: 133 at x.c:4 w+0x15/0x20 [lodge]", "report"),
    ("WARNING: possible circular locking dependency detected", "report"),
    ("BUG: KASAN: use-after-free in f+0x1/0x2", "report"),
    ("BUG: sleeping function called from invalid context at a.c:1", "report"),
    ("[    7.1] BUG: using smp_processor_id() in preemptible [00000000] code: a/1", "report"),
    ("[ BUG: Invalid wait context ]", "report"),
    ("BUG: workqueue leaked lock or atomic: kworker/0:1/0x00000001/7", "report"),
    ("[    7.1] WARNING: a/133 still has locks held!", "report"),
    ("[    7.1] WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected", "report"),
    ("[    7.1] INFO: trying to register non-static key.", "report"),
    ("UBSAN: shift-out-of-bounds in a.c:4:1", "report"),
    ("list_del corruption, ffff888 is LIST_POISON1 (dead000000000100)", "report"),
    ("ODEBUG: free active (active state 0) object type: timer_list hint: t+0x0/0x1", "report"),
    ("kmemleak: unreferenced object 0xffff888004a8f000 (size 1024):", "report"),
    ("kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)", None),
    ("watchdog: BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0", "stall"),
    ("BUG: kernel NULL pointer dereference, address: 0000000000000008", "crash"),
    ("Kernel panic - not syncing: Fatal exception", "crash"),
    ("watchdog: BUG: soft lockup - CPU#0 stuck for 26s!", "stall"),
    ("Speculative Return Stack Overflow: WARNING: See https://", None),
    ("lodge: refused: KVM owns the CPU", None),
)


def floors():
    with tempfile.TemporaryDirectory() as folder:
        for path, text, _ in FLOORS + (("README.md", TABLE, ""),):
            path = os.path.join(folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        table = check_floors.read_table(folder)
        for path, _, wanted in FLOORS:
            said = " ".join(check_floors.check(table, folder, path))
            yield f"floors: {path}", wanted in said if wanted else not said


def bench():
    figures = bench_report.read(BENCH)
    yield "bench: figures", figures == BENCH_FIGURES
    lines = bench_report.table({"figures": figures}, BENCH_BEFORE).splitlines()
    for number, words in BENCH_LINES:
        yield f"bench: {words}", lines[number].split() == words.split()
    yield "bench: failures", bench_report.failures(BENCH) == ["# b.c:1: failed", "not ok 3 c"]


def main():
    results = list(floors()) + list(bench())
    for output, status, wanted in KTAP:
        tally, _ = ktap.read(output, status)
        # A name with "# SKIP" in it would be a skip.
        results.append((f"ktap: {output!r} {status}".replace("#", "number"),
                        (tally.passed, tally.failed, tally.skipped) == wanted))
    for line, kind in LOG:
        results.append((f"log: {line[:40]}", log.scan(line)[0] == kind))
    print(f"TAP version 13\n1..{len(results)}")
    for number, (name, good) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} {name}")
    return 0 if all(good for _, good in results) else 1


if __name__ == "__main__":
    sys.exit(main())
