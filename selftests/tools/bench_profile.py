# SPDX-License-Identifier: GPL-2.0
"""Where the instructions of one figure go: functions of the host's kernel and its modules, by what
hosts/profile.c has counted between the figure's marks."""

import base64
import bisect
import contextlib
import gzip
import os
import re
import struct
import subprocess
import tempfile

TOOLS = os.path.dirname(os.path.realpath(__file__))

KERNEL = 1 << 63            # addresses above are the host's kernel's
LEAST = 0.002               # of the whole: what is less is summed up in one line
OUTSIDE = "(the program and the guest)"


class Error(Exception):
    """The profiler cannot be built, or has seen nothing."""


@contextlib.contextmanager
def plugin():
    """The argument of QEMU for the plugin, and the file in which the counts will be."""
    with tempfile.TemporaryDirectory(prefix="lodge-bench-") as folder:
        library, counts = f"{folder}/profile.so", f"{folder}/counts"
        try:
            subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library,
                            f"{TOOLS}/hosts/profile.c"], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Error(f"profile.c cannot be built: {error}") from error
        with open(counts, "wb"):
            pass
        yield f"{library},counts={counts}", counts


def read_counts(path):
    """Instructions by the address of their block."""
    counts = {}
    with open(path, "rb") as file:
        for address, count in struct.iter_unpack("<QQ", file.read()):
            if count:
                counts[address] = counts.get(address, 0) + count
    return counts


def read_symbols(output):
    """Addresses in order, and their names, from what bench_host.sh has printed."""
    packed = re.search(r"^symbols\n(.*?)\n\n", output, re.M | re.S)
    if not packed:
        raise Error("the host has not told the addresses of its functions")
    text = gzip.decompress(base64.b64decode(packed[1])).decode()
    symbols = sorted((int(address, 16), f"{name} {module}".strip())
                     for address, name, module
                     in re.findall(r"^(\w+) \w (\S+)\s*(\S*)$", text, re.M))
    return [address for address, _ in symbols], [name for _, name in symbols]


def by_function(counts, output):
    addresses, names = read_symbols(output)
    functions = {}
    for address, count in counts.items():
        at = bisect.bisect(addresses, address) - 1
        name = names[at] if address >= KERNEL and at >= 0 else OUTSIDE
        functions[name] = functions.get(name, 0) + count
    return functions


def table(node, output, path):
    """Lines for each function: instructions for one operation, part of the whole, name."""
    figure = re.search(r"^# figure (\d+) (\w+) of (\d+) operations$", output, re.M)
    functions = by_function(read_counts(path), output)
    total = sum(functions.values())
    if not figure or not total:
        raise Error(f"there is no such figure on {node}, or nothing of it was counted")
    operations = int(figure[3]) or 1
    lines = [f"{node}: {int(figure[1]):,} {figure[2]}; counted for one of {operations} operations, "
             "with what they have in common:"]
    small = 0
    for name, count in sorted(functions.items(), key=lambda item: -item[1]):
        if count < LEAST * total:
            small += count
        else:
            lines.append(f"{count / operations:12,.1f} {100 * count / total:5.1f} %  {name}")
    lines.append(f"{small / operations:12,.1f} {100 * small / total:5.1f} %  (functions below "
                 f"{100 * LEAST} %)")
    lines.append(f"{total / operations:12,.1f}          together")
    return "\n".join(lines)
