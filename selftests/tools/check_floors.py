#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Checks the rule of floors: the include graph of a folder against the table in its README.md.

A row of the table begins with a floor number; its second cell lists files and folders between
backticks. A file may include headers of lower floors, of rows above its own on its floor, of its
own row and its own header. Prints one KTAP line for each file.

usage: check_floors.py FOLDER
"""

import glob
import os
import re
import sys

MAX_LINES = 900

# Of a mechanism's folder others may see only what is written for them.
PUBLIC = {"mmu": "mmu/mmu.h", "emulate": "emulate/emulate.h"}
# The backends are reached through their table only, and one file alone names the tables.
BACKENDS = ("vmx", "svm")
NAMES_BACKENDS = "main.c"
MECHANISMS = 2


def read_table(folder):
    """Return [(floor, row number, pattern)] from the README; several patterns share a row."""
    table = []
    if not os.path.exists(os.path.join(folder, "README.md")):
        return table
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as file:
        for number, line in enumerate(file):
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) < 4 or not re.fullmatch(r"\d", cells[1]):
                continue
            for pattern in expand(re.findall(r"`([^`]+)`", cells[2])):
                table.append((int(cells[1]), number, pattern))
    return table


def expand(patterns):
    """`a.[ch]` and `{a,b}.c` are written out; `mmu/` covers what is in the folder."""
    for pattern in patterns:
        match = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", pattern)
        names = ([match[1] + part.strip() + match[3] for part in match[2].split(",")]
                 if match else [pattern])
        for name in names:
            yield name + "*" if name.endswith("/") else name


def place(table, path):
    """Floor and row of a file; a row that names it exactly wins over one with a wildcard."""
    best = None
    for floor, row, pattern in table:
        if pattern == path:
            return floor, row
        if best is None and re.fullmatch(glob_to_re(pattern), path):
            best = (floor, row)
    return best


def glob_to_re(pattern):
    parts = re.split(r"(\*|\[[^\]]*\])", pattern)
    return "".join(".*" if part == "*" else part if part.startswith("[") else re.escape(part)
                   for part in parts)


def top(path):
    return path.split("/")[0] if "/" in path else ""


def includes(folder, path):
    """Quoted includes of a file, as paths from the folder, with their line numbers."""
    with open(os.path.join(folder, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            beside = os.path.normpath(os.path.join(os.path.dirname(path), match[1]))
            if os.path.exists(os.path.join(folder, beside)):
                yield number, beside
            else:
                yield number, os.path.normpath(match[1])


def verdict(table, folder, path, header):
    """Why PATH must not include HEADER, or None."""
    if not os.path.exists(os.path.join(folder, header)):
        return None             # outside of the floors: uapi/, the kernel's own
    floor, row = place(table, path)
    where = place(table, header)
    if where is None:
        return f"{header} is in no row of the table"
    if os.path.splitext(header)[0] == os.path.splitext(path)[0]:
        return None
    there, its_row = where
    if there > floor:
        return f"{header} is on floor {there}, above floor {floor}"
    if path == NAMES_BACKENDS and header in (f"{name}/{name}.h" for name in BACKENDS):
        return None
    if top(header) in BACKENDS and top(header) != top(path):
        return f"{header} belongs to a backend"
    public = PUBLIC.get(top(header))
    if public and top(header) != top(path) and header != public:
        return f"outside of {top(header)}/ only {public} may be included"
    if there < floor:
        return None
    if floor == MECHANISMS and top(header) != top(path):
        return f"{header}: mechanisms of floor 2 are blind to one another"
    if its_row > row:
        return f"{header} stands below it in the table of floor {floor}"
    return None


def check(table, folder, path):
    """All findings for one file."""
    findings = []
    if place(table, path) is None:
        return ["is in no row of the table in README.md"]
    for number, header in includes(folder, path):
        why = verdict(table, folder, path, header)
        if why:
            findings.append(f"line {number}: {why}")
    with open(os.path.join(folder, path), encoding="utf-8") as file:
        text = file.read()
    lines = text.count("\n")
    if lines > MAX_LINES:
        findings.append(f"has {lines} lines, more than {MAX_LINES}")
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    named = re.search(r"&\s*((?:vmx|svm)_ops)\b", code)
    if named and path != NAMES_BACKENDS and top(path) not in BACKENDS:
        findings.append(f"names {named[1]}, which {NAMES_BACKENDS} alone may")
    return findings


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 2
    folder = sys.argv[1].rstrip("/")
    table = read_table(folder)
    if not table:
        print(f"{folder}/README.md has no table of floors", file=sys.stderr)
        return 1
    paths = sorted(os.path.relpath(path, folder)
                   for path in glob.glob(f"{folder}/**/*.[chS]", recursive=True)
                   if not path.endswith(".mod.c"))
    print(f"TAP version 13\n1..{len(paths)}")
    failed = 0
    for number, path in enumerate(paths, 1):
        findings = check(table, folder, path)
        failed += bool(findings)
        for finding in findings:
            print(f"# {path}: {finding}")
        print(f"{'not ok' if findings else 'ok'} {number} floors: {path}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
