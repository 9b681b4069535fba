# SPDX-License-Identifier: GPL-2.0
"""Runs the cases of selftests/tests.cfg in test hosts.

Cases that want the same host share a boot. What happens to a boot in the middle (crash, hang)
is the failure of the case that ran then; the cases after it get another boot. A host that hung
or that ended between two cases is started once more, and that is said; a case that failed is not
repeated.
"""

import concurrent.futures
import configparser
import fnmatch
import functools
import os
import re
import secrets
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

import ktap
from hosts import bochs_start, kernels, log

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
SELFTESTS = os.path.join(TOP, "selftests")
TESTHOST = os.path.join(SELFTESTS, "testhost")

BOOT_MARGIN_S = 30
HOST_REPORTED, HOST_HUNG = 122, 124
UNLOAD = "unload"         # the last thing run_cases.sh does, not a case of tests.cfg


class Host(NamedTuple):
    """A test host that cases run in, and what is built for its kernel."""

    options: tuple          # of selftests/testhost
    emulator: str           # as tools/build_emulator.sh names it
    module: str             # from the top
    modules: str            # where the tests' own are, from the top
    cases_per_boot: int
    slowness: int           # by what time limits are multiplied
    kernel: bool = True     # module_release() is what it boots


HOSTS = {
    "amd": Host(("--vendor", "amd"), "qemu", "kmod/lodge.ko", "selftests/build/modules", 12, 1),
    "intel": Host(("--vendor", "intel"), "bochs", "kmod/lodge.ko", "selftests/build/modules", 12, 1),
    # Each boot ends with a search for leaks, of about a minute.
    "debug": Host(("--debug",), "qemu", "selftests/build/debug/kmod/lodge.ko",
                  "selftests/build/debug/modules", 50, kernels.DEBUG_SLOWNESS, False),
}
# For the fuzzers and for stress: each of their cases takes that long, and how many of these one
# program has at most.
LENGTHS = {"LODGE_FUZZ_SECONDS": 2, "LODGE_STRESS_SECONDS": 14}
PASSED_ON = (*LENGTHS, "LODGE_FUZZ_SEED", "LODGE_STRESS_SEED")      # into the hosts

# Debian's QEMU, its firmware and its snapshots' tool, a guest's kernel and drivers.
QEMU_FILES = " ".join((
    "/usr/bin/qemu-system-x86_64:/usr/bin/", "/usr/bin/qemu-img:/usr/bin/",
    "/usr/lib/qemu/virtiofsd:/usr/lib/qemu/", "/usr/share/seabios:/usr/share/",
    *(f"/usr/share/qemu/{name}:/usr/share/qemu/"
      for name in ("kvmvapic.bin", "linuxboot_dma.bin", "pvh.bin", "bios-microvm.bin")),
    "/usr/share/OVMF/OVMF_CODE_4M.fd:/usr/share/OVMF/",
    "/usr/share/OVMF/OVMF_VARS_4M.fd:/usr/share/OVMF/", "/boot/memtest86+x64.bin:/boot/",
    "@kernel@:/boot/",
    *(f"@drivers@/{name}.ko:/guest/"
      for name in ("drivers/virtio/virtio", "drivers/virtio/virtio_ring",
                   "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci_modern_dev",
                   "drivers/virtio/virtio_pci", "drivers/block/virtio_blk", "net/core/failover",
                   "drivers/net/net_failover", "drivers/net/virtio_net", "fs/fuse/fuse",
                   "fs/fuse/virtiofs"))))

DEFAULTS = {"program": "", "args": "", "timeout": "60", "cpus": "2", "memory": "2048M", "cpu": "",
            "append": "", "hosts": " ".join(HOSTS), "group": "", "module": "load", "files": ""}
SHAPE = ("host", "cpus", "memory", "cpu", "append", "group")


class Error(Exception):
    """tests.cfg or a file it names is wrong."""


class Case:
    """One stanza of tests.cfg on one host."""

    def __init__(self, name, stanza, host):
        unknown = set(stanza) - set(DEFAULTS)
        if unknown:
            raise Error(f"tests.cfg: [{name}]: unknown key {', '.join(sorted(unknown))}")
        if not re.fullmatch(r"[\w.,+-]+", name):
            raise Error(f"tests.cfg: [{name}]: a name is letters, digits and .,+-_")
        values = {**DEFAULTS, **stanza, "host": host}
        self.name = name
        self.timeout = (int(values["timeout"]) * HOSTS[host].slowness +
                        sum(count * int(os.environ.get(name) or 0)
                            for name, count in LENGTHS.items()))
        self.module = values["module"]
        if self.module not in ("load", "unload"):
            raise Error(f"tests.cfg: [{name}]: module is load or unload")
        self.args = values["args"]
        self.host = host
        self.shape = tuple(values[key] for key in SHAPE)
        self.files = values["files"].split()
        self.program = find_program(values["program"] or name)


def find_program(name):
    for folder in ("build", "."):
        path = os.path.join(SELFTESTS, folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise Error(f"tests.cfg: {name} is neither in selftests/build/ nor in selftests/")


def module_release():
    """The kernel that kmod/lodge.ko was built for, of which guests and test hosts are made."""
    module = HOSTS["amd"].module
    try:
        with open(os.path.join(TOP, module), "rb") as file:
            found = re.search(rb"\0vermagic=(\S+) ", file.read())
    except OSError as error:
        raise Error(f"{module} is not built: make module") from error
    release = found[1].decode()
    if not os.path.exists(f"/boot/vmlinuz-{release}"):
        raise Error(f"lodge.ko is for kernel {release}, which is not in /boot: "
                    f"install linux-image-{release}, or build with another KDIR=")
    return release


@functools.lru_cache(1)
def vmlinux(release):
    """What is packed in the kernel's image."""
    image = f"/boot/vmlinuz-{release}"
    try:
        with open(image, "rb") as source:
            return bochs_start.decompress(image, bochs_start.payload(source.read()))
    except (OSError, bochs_start.Error) as error:
        raise Error(str(error)) from error


def write_vmlinux(directory, release):
    path = os.path.join(directory, "vmlinux")
    with open(path, "wb") as file:
        file.write(vmlinux(release))
    return path


def wanted_hosts(stanza, hosts):
    named = stanza.get("hosts", DEFAULTS["hosts"]).split()
    unknown = set(named) - set(HOSTS)
    if unknown:
        raise Error(f"tests.cfg: hosts {', '.join(sorted(unknown))}: want {DEFAULTS['hosts']}")
    return [host for host in named if host in hosts]


def read_cases(patterns, hosts):
    """The cases of tests.cfg whose name matches one of the patterns, for each of HOSTS."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(os.path.join(SELFTESTS, "tests.cfg"), encoding="utf-8")
    names = [name for name in parser.sections()
             if not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    return [Case(name, dict(parser[name]), host) for name in names
            for host in wanted_hosts(parser[name], hosts)]


def boots(cases):
    """Group cases by the host they want; long groups become several boots."""
    groups = {}
    for case in cases:
        groups.setdefault(case.shape, []).append(case)
    parts = []
    for group in groups.values():
        count = -(-len(group) // HOSTS[group[0].host].cases_per_boot)
        parts += [group[i::count] for i in range(count)]
    # The longest first, so that two hosts end at about the same time.
    return sorted(parts, key=lambda part: -sum(case.timeout for case in part))


class End:
    """How one host ended: what ran then, what it had said, what the host's log says."""

    def __init__(self, host):
        self.host = host
        self.finished = 0
        self.failed = False
        self.running = None
        self.status = None
        self.output = ""
        self.text = ""
        self.begin = time.monotonic()

    @property
    def seconds(self):
        return time.monotonic() - self.begin


def indent(text, lines):
    return [f"      | {line}" for line in text.splitlines()[-lines:]]


class Run:
    """All boots of one invocation, their results and what is printed about them."""

    def __init__(self, out=sys.stdout):
        self.tallies = {}       # by host
        self.lock = threading.Lock()
        self.out = out
        self.hosts = set()
        self.stopped = False

    def stop(self):
        """End all hosts; what waits for them comes back by itself."""
        self.stopped = True
        for process in list(self.hosts):
            process.terminate()

    def say(self, *lines):
        with self.lock:
            for line in lines:
                print(line, file=self.out)
            self.out.flush()

    def result(self, host, name, output, status, seconds):
        """Count one case, print its line, and its output where it failed."""
        tally, reasons = ktap.read(output, status)
        with self.lock:
            self.tallies.setdefault(host, ktap.Tally())
            self.tallies[host] += tally
        state = "FAIL" if tally.failed else "skip" if not tally.passed else "pass"
        lines = [f"  {state}  {host} {name}: {tally} ({seconds:.0f} s)"]
        if tally.failed:
            lines += [f"        {reason}" for reason in reasons]
            lines += indent(output, 400)
        elif state == "skip":
            why = re.search(r"#\s*SKIP\s*(.*)", output, re.I)
            lines[0] += f": {why[1]}" if why else ""
        self.say(*lines)

    def boot(self, cases):
        """Run CASES in one host, and in further ones where a host ends before its time."""
        repeated = False
        while cases and not self.stopped:
            end = self.boot_once(cases)
            cases = cases[end.finished:]
            text = end.output + end.text
            if cases and not repeated and (end.status == HOST_HUNG or not end.running):
                repeated = True
                self.say(f"  the {end.host} host ended with status {end.status} "
                         f"({end.running or 'outside of a case'}), it is started once more",
                         *indent(text, 60))
                continue
            if end.running:
                self.result(end.host, end.running, text, end.status or 1, end.seconds)
                cases = cases[1:]
            elif end.status not in (0, HOST_REPORTED) or cases:
                self.result(end.host, "host", text, end.status or 1, 0)
                return
            elif end.status == HOST_REPORTED and not end.failed:
                # The kernel complained where no case could be blamed.
                self.result(end.host, "host", text, end.status, 0)
            repeated = False

    def boot_once(self, cases):
        """Run one host to its end, and count each case as soon as it is finished."""
        mark = "testcase-" + secrets.token_hex(6)
        end = End(cases[0].host)
        with tempfile.TemporaryDirectory(prefix="lodge-test-") as directory, \
             open(os.path.join(directory, "errors"), "w+", encoding="utf-8",
                  errors="replace") as errors:
            command = self.command(cases, directory) + ["--", f"MARK={mark} sh /run_cases.sh"]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=errors) as process:
                with self.lock:
                    self.hosts.add(process)
                for line in process.stdout:
                    self.take_line(line, mark, end)
                end.status = process.wait()
                with self.lock:
                    self.hosts.remove(process)
            errors.seek(0)
            end.text = errors.read()
        at = end.text.rfind(f"{mark} begin {end.running}\n") if end.running else -1
        end.text = end.text[max(at, 0):]
        return end

    def take_line(self, line, mark, end):
        """A line of a host's output: a case's own, or the mark of its begin or end."""
        # A case whose output lacks a last newline has the mark behind it.
        before, found, words = line.partition(mark + " ")
        if before:
            end.output += before if not found else before + "\n"
        if not found:
            return
        words = words.split()
        if words[0] == "begin":
            # A case that ends the host's kernel begins once more in the next one.
            if words[1] != end.running:
                end.running, end.output, end.begin = words[1], "", time.monotonic()
            return
        status = int(words[2])
        self.result(end.host, words[1], end.output, status, end.seconds)
        end.failed |= status != 0
        end.output = ""
        end.finished += words[1] != UNLOAD
        end.running = None

    @staticmethod
    def command(cases, directory):
        """The command line of selftests/testhost, without COMMAND."""
        name, cpus, memory, cpu, append, _ = cases[0].shape
        host = HOSTS[name]
        release = module_release()
        listing = os.path.join(directory, "cases")
        pattern = os.path.join(directory, "report_pattern")
        with open(pattern, "w", encoding="utf-8") as file:
            print(log.REPORT_PATTERN, file=file)
        files = {f"{TOP}/{host.module}:/", f"{SELFTESTS}/tools/run_cases.sh:/", f"{listing}:/",
                 f"{pattern}:/"}
        with open(listing, "w", encoding="utf-8") as file:
            for case in cases:
                files.add(f"{case.program}:/selftests/")
                for item in " ".join(case.files).replace("@qemu@", QEMU_FILES).split():
                    item = item.replace("@kernel@", f"/boot/vmlinuz-{release}")
                    item = item.replace("@drivers@", f"/lib/modules/{release}/kernel")
                    item = item.replace("@modules@", host.modules)
                    if "@vmlinux@" in item:
                        item = item.replace("@vmlinux@", write_vmlinux(directory, release))
                    files.add(item if item.startswith("/") else f"{TOP}/{item}")
                program = "./" + os.path.basename(case.program)
                variables = "".join(f"{name}={shlex.quote(os.environ[name])} "
                                    for name in PASSED_ON if os.environ.get(name))
                print(case.name, case.timeout, case.module,
                      f"cd /selftests && {variables}exec {program} {case.args}", file=file)
        limit = sum(case.timeout + 10 for case in cases) + BOOT_MARGIN_S
        command = [TESTHOST, *host.options, "--cpus", cpus, "--memory", memory,
                   "--append", append, "--timeout", str(limit)]
        if host.kernel:
            command += ["--kernel", release]
        if cpu:
            command += ["--cpu", cpu]
        for item in sorted(files):
            command += ["--add", item]
        return command


def hosts_named(name):
    """The hosts that VENDOR=NAME stands for: one, or all where it is empty."""
    if name and name not in HOSTS:
        raise Error(f"VENDOR={name}: want one of {', '.join(HOSTS)}, or nothing for all")
    return [name] if name else list(HOSTS)


def run(patterns, hosts, jobs):
    """Run what matches on HOSTS; returns the Tally."""
    cases = read_cases(patterns, hosts)
    if not cases:
        raise Error("no case matches" if patterns else "tests.cfg has no case")
    module_release()
    parts = boots(cases)
    this = Run()
    this.say(f"{len(cases)} cases in {len(parts)} test hosts, {jobs} at a time")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            for future in [pool.submit(this.boot, part) for part in parts]:
                future.result()
        except BaseException:
            this.stop()
            raise
    total = ktap.Tally()
    for name, tally in sorted(this.tallies.items()):
        this.say(f"  on the {name} host: {tally}")
        total += tally
    return total
