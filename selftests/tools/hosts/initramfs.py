# SPDX-License-Identifier: GPL-2.0
"""The initial RAM disk of a test host, written straight as a newc archive (no root, no staging).

Holds busybox, init.sh, a few of the kernel's own modules with a modules.dep for modprobe, and
what the user adds: programs with the libraries they need, modules uncompressed.
"""

import lzma
import os
import re
import stat
import subprocess

BUSYBOX = "/bin/busybox"

# Not loaded, only there: KVM as the peer of comparisons, what machine monitors use, and swap
# in memory with the compressor that the kernel asks for by another name.
MODULES = ("kvm-amd", "kvm-intel", "tun", "vhost_net", "msr", "cpuid", "zram", "lzo-rle")


class Error(Exception):
    """Something named by the user cannot go into the archive."""


class Initramfs:
    """Collects files by their path in the host, then writes them as one archive."""

    def __init__(self):
        self.entries = {}

    def put(self, path, mode, data=b"", rdev=(0, 0)):
        """Add one inode; parent folders come by themselves."""
        path = os.path.normpath("/" + path).lstrip("/")
        if path == ".":
            return
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.put(parent, stat.S_IFDIR | 0o755)
        self.entries[path] = (mode, data, rdev)

    def add_text(self, path, text, mode=0o644):
        self.put(path, stat.S_IFREG | mode, text.encode())

    def add(self, source, path=None):
        """Add a file or folder; PATH ending in '/' is a folder, without PATH it goes to /."""
        name = os.path.basename(os.path.normpath(source))
        if path is None:
            path = "/" + name
        elif path.endswith("/"):
            path += name
        if os.path.isdir(source):
            self.put(path, stat.S_IFDIR | 0o755)
            for entry in sorted(os.listdir(source)):
                self.add(os.path.join(source, entry), f"{path}/{entry}")
            return
        if not os.path.isfile(source):
            raise Error(f"--add {source}: no such file")
        if not os.access(source, os.R_OK):
            raise Error(f"--add {source}: no permission to read it")
        with open(source, "rb") as file:
            data = file.read()
        path, data = decompress_module(path, data)
        mode = 0o755 if os.access(source, os.X_OK) else 0o644
        self.put(path, stat.S_IFREG | mode, data)
        if is_dynamic_elf(data):
            for library in libraries(source):
                if library.lstrip("/") not in self.entries:
                    with open(library, "rb") as file:
                        self.put(library, stat.S_IFREG | 0o755, file.read())

    def add_base(self, init, release, modules_dir):
        """busybox, the first process, /dev/console, and MODULES of the kernel RELEASE."""
        self.add(BUSYBOX, BUSYBOX)
        self.put("/bin/sh", stat.S_IFLNK | 0o777, b"busybox")
        self.add(init, "/init")
        self.entries["init"] = (stat.S_IFREG | 0o755,) + self.entries["init"][1:]
        self.put("/dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))
        self.add_text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                      "nobody:x:65534:65534:nobody:/:/bin/sh\n")
        self.add_text("/etc/group", "root:x:0:\nkvm:x:104:\nnogroup:x:65534:\n")
        if release:
            self.add_modules(release, modules_dir)

    def add_modules(self, release, modules_dir):
        """MODULES and what they depend on, with a modules.dep that names just these."""
        depends = {}
        try:
            with open(f"{modules_dir}/modules.dep", encoding="utf-8") as file:
                for line in file:
                    module, _, needs = line.partition(":")
                    depends[module] = needs.split()
        except OSError:
            return
        by_name = {re.sub(r"\.ko.*", "", os.path.basename(m)).replace("-", "_"): m
                   for m in depends}
        wanted = set()
        for name in MODULES:
            module = by_name.get(name.replace("-", "_"))
            if module:
                wanted.update([module] + depends[module])
        lines = []
        plain = lambda m: re.sub(r"\.ko\..*", ".ko", m)
        for module in sorted(wanted):
            self.add(f"{modules_dir}/{module}", f"/lib/modules/{release}/{module}")
            lines.append(f"{plain(module)}: {' '.join(plain(m) for m in depends[module])}\n")
        self.add_text(f"/lib/modules/{release}/modules.dep", "".join(lines))

    def write(self, out):
        """Write the archive to a file, parents before children (the order of insertion)."""
        for inode, (name, entry) in enumerate(self.entries.items(), 1):
            self.write_entry(out, inode, name, *entry)
        self.write_entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))
        out.flush()

    @staticmethod
    def write_entry(out, inode, name, mode, data, rdev):
        name = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out.write(head + b"\0" * (-len(head) % 4))
        out.write(data)
        out.write(b"\0" * (-len(data) % 4))


def decompress_module(path, data):
    """A module as insmod of busybox takes it: plain ELF under a name that ends in .ko."""
    if path.endswith(".ko.xz"):
        return path[:-3], lzma.decompress(data)
    if path.endswith(".ko.zst"):
        done = subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True)
        return path[:-4], done.stdout
    return path, data


def is_dynamic_elf(data):
    """True for a 64-bit ELF program that names an interpreter (PT_INTERP)."""
    if data[:4] != b"\x7fELF" or data[4] != 2:
        return False
    offset = int.from_bytes(data[32:40], "little")
    size = int.from_bytes(data[54:56], "little")
    count = int.from_bytes(data[56:58], "little")
    types = (data[offset + i * size:offset + i * size + 4] for i in range(count))
    return any(int.from_bytes(t, "little") == 3 for t in types)


def libraries(program):
    """Paths of the shared libraries and of the interpreter that PROGRAM loads."""
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    missing = re.search(r"^\s*(\S+) => not found", done.stdout, re.M)
    if missing:
        raise Error(f"{program} needs {missing.group(1)}, which is not installed")
    return re.findall(r"(?:=> |^\s+)(/\S+)", done.stdout, re.M)
