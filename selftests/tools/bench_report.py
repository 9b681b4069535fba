# SPDX-License-Identifier: GPL-2.0
"""Figures of the benchmark: read from its output, and shown as a table and as a bar chart.

A result is {"host", "kernel", "commit", "figures"}; figures are {name: {"unit", node: number}}, a
node being "kvm" or "lodge". One that could not be had has no number but a text. The history has a
result in each line.
"""

import json
import re
from html import escape

NODES = ("kvm", "lodge")

# A change by less than this part is not called one: the compiler moves a few instructions about.
NOTABLE = 0.02

ROW = 14                    # of the chart, in pixels
NAME_WIDTH, BAR_WIDTH, NUMBER_WIDTH = 190, 420, 190
MOST = 2                    # times what KVM takes; a longer bar is cut off there


def read(output):
    """The figures in the output of tools/bench_host.sh."""
    figures = {}
    node = value = None
    for line in output.splitlines():
        begin = re.match(r"node (\w+)$", line)
        number = re.match(r"# figure (\d+) (\S+)", line)
        end = re.match(r"(not )?ok \d+ (\w+)(?: # SKIP (.*))?", line)
        if begin:
            node = begin[1]
        elif number:
            value = number
        elif end and node:
            figure = figures.setdefault(end[2], {})
            if value and not end[1]:
                figure["unit"] = value[2]
                figure[node] = int(value[1])
            else:
                figure.setdefault(node, "FAILED" if end[1] else end[3])
            value = None
    return figures


def failures(output):
    """What the program said about figures that failed, and whatever else is no result."""
    lines = []
    said = []
    for line in output.splitlines():
        if re.match(r"not ok ", line):
            lines += said + [line]
        said = said + [line] if line.startswith("# ") else []
        if not re.match(r"# |(not )?ok |TAP |1\.\.|node ", line):
            lines.append(line)
    return lines


def last_entry(path, host):
    """The figures of HOST that were kept last, or nothing."""
    try:
        with open(path, encoding="utf-8") as file:
            entries = [json.loads(line) for line in file]
    except FileNotFoundError:
        return {}
    found = [entry["figures"] for entry in entries if entry["host"] == host]
    return found[-1] if found else {}


def number(figure, node):
    value = figure.get(node)
    return value if isinstance(value, int) else None


def ratio(figure):
    kvm, lodge = (number(figure, node) for node in NODES)
    return lodge / kvm if kvm and lodge is not None else None


def change(figure, before):
    """How lodge's number differs from the one that was kept."""
    now, then = number(figure, "lodge"), number(before, "lodge")
    if now is None or not then or abs(now - then) <= NOTABLE * then:
        return ""
    return f"{100 * (now - then) / then:+.0f} %"


def shown(figure, node):
    value = figure.get(node, "-")
    return f"{value:,}" if isinstance(value, int) else "FAILED" if value == "FAILED" else "-"


def table(result, before):
    """One line a figure; what is not there for either, and why, at the end."""
    lines = [f"{'':26}{'KVM':>14}{'lodge':>14}{'lodge/KVM':>11}{'since kept':>12}"]
    reasons = {}
    for name, figure in result["figures"].items():
        times = ratio(figure)
        lines.append(f"{name:26}{shown(figure, 'kvm'):>14}{shown(figure, 'lodge'):>14}"
                     f"{'' if times is None else f'{times:.2f}':>11}"
                     f"{change(figure, before.get(name, {})):>12} {figure.get('unit', '')}".rstrip())
        for node in NODES:
            if figure.get(node, "FAILED") != "FAILED" and number(figure, node) is None:
                reasons.setdefault((node, figure[node]), []).append(name)
    lines += [f"{node} has no {', '.join(names)}: {why}" for (node, why), names in reasons.items()]
    return "\n".join(lines)


def bar(row, name, figure):
    """A bar as long as lodge takes, in times of what KVM does."""
    y = row * ROW
    texts = [f'<text x="{NAME_WIDTH - 6}" y="{y + ROW - 4}" text-anchor="end">{escape(name)}</text>']
    times = ratio(figure)
    words = f"{shown(figure, 'lodge')} / {shown(figure, 'kvm')} {figure.get('unit', '')}"
    if times is not None:
        width = min(times, MOST) / MOST * BAR_WIDTH
        colour = "#3b7dd8" if times <= 1 else "#d8863b"
        texts.append(f'<rect x="{NAME_WIDTH}" y="{y + 2}" width="{width:.1f}" height="{ROW - 4}" '
                     f'fill="{colour}"/>')
        words += f" = {times:.2f}"
    texts.append(f'<text x="{NAME_WIDTH + BAR_WIDTH + 6}" y="{y + ROW - 4}">{escape(words)}</text>')
    return texts


def chart(result):
    """An SVG: how much lodge takes beside KVM, whose length is the line."""
    figures = result["figures"]
    height = (len(figures) + 3) * ROW
    width = NAME_WIDTH + BAR_WIDTH + NUMBER_WIDTH + 60
    line = NAME_WIDTH + BAR_WIDTH / MOST
    title = f"lodge {result['commit']} / KVM, Linux {result['kernel']}, host {result['host']}"
    texts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="10">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="{NAME_WIDTH}" y="{ROW - 2}" font-size="12">{escape(title)}</text>']
    for row, (name, figure) in enumerate(figures.items(), 2):
        texts += bar(row, name, figure)
    texts += [f'<line x1="{line}" y1="{ROW * 2}" x2="{line}" y2="{height - ROW}" stroke="black"/>',
              f'<text x="{line}" y="{height - 3}" text-anchor="middle">KVM</text>', "</svg>"]
    return "\n".join(texts) + "\n"
