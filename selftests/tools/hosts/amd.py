# SPDX-License-Identifier: GPL-2.0
"""The AMD test host: QEMU's software emulation of a CPU with SVM and nested paging.

QEMU is the one that tools/build_emulator.sh has built, with its faults mended, or the package's.

A vendor module offers NAME, CPU_MODELS (help text), PACKAGES, EMULATOR, the limits below,
check(), channel(), command() and wants_terminal(). It knows its emulator's command line and
nothing of what runs inside.
"""

import shutil
import socket

from . import emulator

NAME = "amd"
CPU_MODELS = "max (five-level paging), max,la57=off, EPYC, EPYC-Milan"
DEFAULT_CPU = "max"
PACKAGES = "qemu-system-x86"
EMULATOR = "qemu-system-x86_64"

# Where the package's QEMU finds its firmware by itself.
FIRMWARE = ("/usr/share/seabios", "/usr/share/qemu")

# Serial port 0 carries the host's kernel log, serial port 1 COMMAND's input and output.
KERNEL_ARGS = "console=ttyS0 ignore_loglevel"

# Every report of KASAN, so that each is seen with the case it is of. Four-level paging: while 6.1
# finds out about its CPU it takes five levels for four, and KASAN the address of whatever an
# interrupt touches then for a wild one.
DEBUG_ARGS = "kasan_multi_shot no5lvl"

SMALL_KERNEL = False        # Debian's is quick enough
# The clock counts instructions, and jumps over what nobody has one to execute in. Each byte of a
# REP STOSB is one; -erms makes the kernel clear pages in eights.
COUNTING = ("-icount", "shift=0,sleep=off")
NO_BYTE_STRINGS = ",-erms"

BOOT_LIMIT_S = 90           # about 5 s are needed on an idle machine
HEARTBEAT_S = 0             # the host's time is ours


def check():
    """Return what is missing to run this host, as one line, or None."""
    if shutil.which(EMULATOR) is None:
        return f"{EMULATOR} is not installed (Debian package {PACKAGES})"
    return None


def channel(_interactive):
    """One serial port: the file descriptors of our end and of the emulator's."""
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


def wants_terminal(_command):
    return False


def command(host):
    """The emulator's argument list for HOST; see class Host in selftests/testhost."""
    # A few minutes are not worth it for one boot: "make check" has it built.
    built = emulator.built("qemu", builds=False)
    return [
        built or EMULATOR,
        *(part for folder in FIRMWARE for part in ("-L", folder) if built),
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        # Naming tcg keeps the host the same machine where /dev/kvm exists.
        "-accel", f"tcg,thread={'single' if host.counts_instructions else 'multi'}",
        *(COUNTING if host.counts_instructions else ()),
        *(("-plugin", host.plugin) if host.plugin else ()),
        "-machine", "pc",
        "-cpu", (host.cpu or DEFAULT_CPU) + (NO_BYTE_STRINGS if host.counts_instructions else ""),
        "-smp", str(host.cpus),
        "-m", str(host.memory_mib),
        "-chardev", f"socket,id=log,fd={host.log_fd}",
        "-chardev", f"socket,id=io,fd={host.io_fd}",
        "-serial", "chardev:log",
        "-serial", "chardev:io",
        # Registers on PCI, for tests that map a device into a guest.
        "-device", "edu",
        "-kernel", host.kernel,
        "-initrd", host.initrd,
        "-append", f"{KERNEL_ARGS} {DEBUG_ARGS if host.sanitizers else ''} {host.append}",
    ]
