# SPDX-License-Identifier: GPL-2.0
"""The AMD test host: QEMU's software emulation of a CPU with SVM and nested paging.

A vendor module offers NAME, CPU_MODELS (help text), PACKAGES, check() and command(). It knows
its emulator's command line and nothing of what runs inside.
"""

import shutil

NAME = "amd"
CPU_MODELS = "max (five-level paging), max,la57=off, EPYC, EPYC-Milan"
DEFAULT_CPU = "max"
PACKAGES = "qemu-system-x86"
EMULATOR = "qemu-system-x86_64"

# Serial port 0 carries the host's kernel log, serial port 1 COMMAND's input and output.
KERNEL_ARGS = "console=ttyS0"


def check():
    """Return what is missing to run this host, as one line, or None."""
    if shutil.which(EMULATOR) is None:
        return f"{EMULATOR} is not installed (Debian package {PACKAGES})"
    return None


def command(host):
    """The emulator's argument list for HOST; see struct Host in selftests/testhost."""
    return [
        EMULATOR,
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        # Naming tcg keeps the host the same machine where /dev/kvm exists.
        "-accel", "tcg,thread=multi",
        "-machine", "pc",
        "-cpu", host.cpu or DEFAULT_CPU,
        "-smp", str(host.cpus),
        "-m", str(host.memory_mib),
        "-chardev", f"socket,id=log,fd={host.log_fd}",
        "-chardev", f"socket,id=io,fd={host.io_fd}",
        "-serial", "chardev:log",
        "-serial", "chardev:io",
        "-kernel", host.kernel,
        "-initrd", host.initrd,
        "-append", f"{KERNEL_ARGS} {host.append}",
    ]
