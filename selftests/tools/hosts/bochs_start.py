# SPDX-License-Identifier: GPL-2.0
"""Starts a Linux kernel in Bochs without a boot loader and without decompression in the machine.

Turns a bzImage into what Bochs puts into memory: the kernel's segments as one flat image, one
image with boot_params, command line and page tables (PAGE), and the option ROM that jumps. The
boot protocol is the kernel's Documentation/x86/boot.rst, "64-bit Boot Protocol". The firmware
still runs, for the ACPI tables, the other CPUs and the feature-control MSR.
"""

import lzma
import os
import struct
import subprocess
import tempfile
import zlib

HERE = os.path.dirname(os.path.realpath(__file__))

ROM_ADDRESS = 0xd0000
PAGE = 0x800000             # below the kernel, kept from it as reserved memory
PAGE_SIZE = 0x8000
COMMAND_LINE, FLAG, ENTRY, PML4 = 0x1000, 0x1800, 0x1808, 0x2000
COMMAND_LINE_MAX = FLAG - COMMAND_LINE - 1

# The firmware's ACPI and MP tables lie at the end of memory.
TABLES_SIZE = 0x20000
# Memory further up is not in one piece.
MEMORY_MAX_MIB = 3072

RAM, RESERVED, ACPI = 1, 2, 3


class Error(Exception):
    """The kernel cannot be started this way."""


class Kernel:
    """A kernel's flat image, where it lies, where it is entered, and its setup header."""

    def __init__(self, path):
        with open(path, "rb") as file:
            image = file.read()
        if image[0x202:0x206] != b"HdrS":
            raise Error(f"{path} is not a Linux bzImage")
        self.header = image[0x1f1:0x202 + image[0x201]]
        elf = decompress(path, payload(image))
        if elf[:4] != b"\x7fELF":
            raise Error(f"{path}: its payload is not an ELF file")
        segments = list(load_segments(elf))
        self.entry = struct.unpack_from("<Q", elf, 24)[0]
        self.address = min(segment[1] for segment in segments)
        self.end = max(address + size for _, address, _, size in segments)
        flat = bytearray(max(address + count for _, address, count, _ in segments)
                         - self.address)
        for offset, address, count, _ in segments:
            at = address - self.address
            flat[at:at + count] = elf[offset:offset + count]
        self.flat = flat


def payload(image):
    """The compressed kernel inside of a bzImage."""
    setup_sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = (setup_sectors + 1) * 512 + offset
    return image[begin:begin + length]


def decompress(path, data):
    if data[:2] == b"\x1f\x8b":
        return zlib.decompressobj(31).decompress(data)
    if data[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(data)
    for magic, program in ((b"\x02\x21\x4c\x18", "lz4"), (b"\x28\xb5\x2f\xfd", "zstd")):
        if data[:4] != magic:
            continue
        try:
            # Without the kernel's own trailer.
            return subprocess.run([program, "-dc"], input=data[:-4], stdout=subprocess.PIPE,
                                  check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise Error(f"{path} cannot be decompressed (Debian package {program}): {error}") \
                from error
    raise Error(f"{path}: its compression is none of gzip, xz, lz4 and zstd")


def load_segments(elf):
    """Yield (offset, physical address, bytes in the file, bytes in memory) of each PT_LOAD."""
    table, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    for i in range(count):
        kind, _, offset, _, address, in_file, in_memory, _ = struct.unpack_from(
            "<IIQQQQQQ", elf, table + i * size)
        if kind == 1:
            yield offset, address, in_file, in_memory


def page_image(kernel, command_line, initrd, memory_mib):
    """boot_params, command line, what the ROM reads, and an identity map of 4 GiB."""
    line = command_line.encode()
    if len(line) > COMMAND_LINE_MAX:
        raise Error(f"kernel parameters are longer than {COMMAND_LINE_MAX} characters")
    initrd_address, initrd_size = initrd
    page = bytearray(PAGE_SIZE)
    page[0x1f1:0x1f1 + len(kernel.header)] = kernel.header
    page[0x210] = 0xff                      # type_of_loader: none of the known ones
    struct.pack_into("<I", page, 0x218, initrd_address)
    struct.pack_into("<I", page, 0x21c, initrd_size)
    struct.pack_into("<I", page, 0x228, PAGE + COMMAND_LINE)
    end = memory_mib << 20
    ranges = ((0, 0x9f000, RAM), (0x9f000, 0x100000, RESERVED), (0x100000, PAGE, RAM),
              (PAGE, PAGE + PAGE_SIZE, RESERVED), (PAGE + PAGE_SIZE, end - TABLES_SIZE, RAM),
              (end - TABLES_SIZE, end, ACPI), (0xfffc0000, 1 << 32, RESERVED))
    page[0x1e8] = len(ranges)
    for i, (begin, stop, kind) in enumerate(ranges):
        struct.pack_into("<QQI", page, 0x2d0 + i * 20, begin, stop - begin, kind)
    page[COMMAND_LINE:COMMAND_LINE + len(line)] = line
    struct.pack_into("<Q", page, ENTRY, kernel.entry)
    # Three levels with 2 MiB pages: present, writable (3), large (0x80).
    struct.pack_into("<Q", page, PML4, (PAGE + PML4 + 0x1000) | 3)
    for i in range(4):
        struct.pack_into("<Q", page, PML4 + 0x1000 + i * 8,
                         (PAGE + PML4 + 0x2000 + i * 0x1000) | 3)
    for i in range(2048):
        struct.pack_into("<Q", page, PML4 + 0x2000 + i * 8, (i << 21) | 0x83)
    return page


def option_rom():
    """The ROM of bochs_start.S, with the checksum that makes the firmware call it."""
    with tempfile.TemporaryDirectory(prefix="testhost-") as directory:
        built, image = f"{directory}/rom.o", f"{directory}/rom"
        try:
            subprocess.run(["as", "--64", f"--defsym=PAGE={PAGE}", "-o", built,
                            f"{HERE}/bochs_start.S"], check=True)
            subprocess.run(["objcopy", "-O", "binary", "-j", ".text", built, image], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Error(f"the option ROM cannot be built (Debian package binutils): {error}") \
                from error
        with open(image, "rb") as file:
            rom = bytearray(file.read())
    rom += bytes(512 - len(rom))
    rom[511] = -sum(rom) & 0xff
    return rom


def images(kernel_path, command_line, initrd_size, memory_mib):
    """Return (address, bytes) of the images to load, and the address of the initial RAM disk."""
    if memory_mib > MEMORY_MAX_MIB:
        raise Error(f"Bochs has {MEMORY_MAX_MIB}M of memory at most here")
    kernel = Kernel(kernel_path)
    # The kernel puts its first allocations right behind itself.
    initrd = (kernel.end + (8 << 20)) & ~0x1fffff
    if initrd + initrd_size + (32 << 20) > memory_mib << 20:
        raise Error(f"{memory_mib}M of memory are too little for an initial RAM disk of "
                    f"{initrd_size >> 20} MiB")
    page = page_image(kernel, command_line, (initrd, initrd_size), memory_mib)
    return [(kernel.address, kernel.flat), (PAGE, page)], initrd
