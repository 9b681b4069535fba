# SPDX-License-Identifier: GPL-2.0
"""Finds the kernel of a test host: Debian's in /boot, one of those that build_kernel.sh makes
(the small one, the sanitizers' one), or a bzImage by its path."""

import glob
import os
import re
import subprocess

TOOLS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


class Error(Exception):
    """There is no such kernel."""


SMALL, DEBUG = "small", "debug"     # what build_kernel.sh makes

# By what time limits are multiplied where the sanitizers run.
DEBUG_SLOWNESS = 5


class Kernel:
    """A kernel image, and where known its release, modules and build tree."""

    def __init__(self, image, release=None, modules=None, kdir=None, kind=None):
        self.image = image
        self.release = release
        self.modules = modules
        self.kdir = kdir
        self.kind = kind        # SMALL, DEBUG, or None for all others


def built(kind, *where):
    """The kernel that build_kernel.sh makes, or with "where" has made; None where it has not."""
    done = subprocess.run([f"{TOOLS}/build_kernel.sh", kind, *where], check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if done.returncode:
        return None
    folder = done.stdout.strip()
    with open(f"{folder}/release", encoding="utf-8") as file:
        release = file.read().strip()
    return Kernel(f"{folder}/bzImage", release, f"{folder}/lib/modules/{release}",
                  f"{folder}/tree", kind)


def debian(release):
    image = f"/boot/vmlinuz-{release}"
    if not os.access(image, os.R_OK):
        raise Error(f"{image} is not there or not readable: install linux-image-{release}")
    return Kernel(image, release, f"/lib/modules/{release}",
                  f"/usr/src/linux-headers-{release}")


def newest_debian():
    number = lambda path: [int(n) for n in re.findall(r"\d+", path)]
    for kind in ("*-cloud-amd64", "*-amd64"):
        found = sorted(glob.glob(f"/boot/vmlinuz-{kind}"), key=number)
        if found:
            return debian(found[-1][len("/boot/vmlinuz-"):])
    raise Error("no Debian kernel in /boot: install linux-image-cloud-amd64")


def sanitizers():
    """The kernel with the sanitizers; nothing else can stand in for it."""
    kernel = built(DEBUG)
    if kernel is None:
        raise Error("the sanitizer host's kernel was not built")
    return kernel


def find(wanted, prefer_small):
    """The kernel that --kernel names; without it, the vendor's choice."""
    if wanted and "/" in wanted:
        if not os.path.isfile(wanted):
            raise Error(f"--kernel {wanted}: no such file")
        return Kernel(wanted)
    if wanted:
        for kind in (SMALL, DEBUG):
            kernel = built(kind, "where")
            if kernel and kernel.release == wanted:
                return kernel
        return debian(wanted)
    return prefer_small and built(SMALL) or newest_debian()
