# SPDX-License-Identifier: GPL-2.0
"""The Intel test host: Bochs, whose CPU has VMX, EPT, unrestricted guest and VPID.

Same interface as amd.py. Bochs comes from tools/build_emulator.sh, or, four times slower, from the
package; the kernel, where none is named, from tools/build_kernel.sh. Virtual time is counted in
instructions (IPS of them are a second) and skips what all CPUs sleep through.
"""

import os
import pty
import shutil
import subprocess
import tempfile

from . import bochs_start, emulator

NAME = "intel"
CPU_MODELS = "corei7_skylake_x, or another of Bochs (bochs --help cpu)"
DEFAULT_CPU = "corei7_skylake_x"
PACKAGES = "bochs bochs-term bochsbios"
EMULATOR = "bochs-bin"
BIOS = "/usr/share/bochs/BIOS-bochs-latest"
TOOLS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

IPS = 100000000
SMALL_KERNEL = True
BOOT_LIMIT_S = 600          # for the slowest: the package's Bochs, Debian's kernel, a busy machine
HEARTBEAT_S = 2             # of the host's time
SILENCE_S = 150             # of ours, without a heartbeat

KERNEL_ARGS = ("console=ttyS0,115200 no_timer_check tsc=reliable "
               f"tsc_early_khz={IPS // 1000} mitigations=off")

# The whole configuration but for memory, CPUs, images and ports.
CONFIGURATION = """\
config_interface: textconfig
display_library: {display}
romimage: file={bios}
vgaromimage: file={rom}
optromimage1: file={rom}, address={rom_address:#x}
cpu: model={cpu}, count=1:{cpus}:1, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={memory}
pci: enabled=1, chipset=i440fx
vga: extension=none
ata0: enabled=0
ata1: enabled=0
clock: sync={sync}
log: /dev/null
debug: action=ignore
info: action=ignore
error: action=ignore
panic: action=fatal
"""

# The package's Bochs stops in its debugger first.
DEBUGGER_COMMANDS = b"c\n"


def check():
    """Return what is missing to run this host, as one line, or None."""
    if not os.path.exists(BIOS):
        return f"{BIOS} is not there (Debian package bochsbios)"
    if shutil.which(EMULATOR) is None and emulator.built("bochs") is None:
        return (f"{EMULATOR} is not installed (Debian packages {PACKAGES}) "
                "and could not be built")
    return None


def channel(interactive):
    """One serial port: the file descriptors of our end and of the emulator's."""
    if interactive:
        ours, theirs = pty.openpty()
    else:
        ours, theirs = os.pipe()
    return ours, theirs


def wants_terminal(arguments):
    """Only the package's Bochs does."""
    return EMULATOR in arguments


def store(host, data):
    """Keep DATA in a file without a name; returns the path under which Bochs finds it."""
    # host.files keeps it open.
    file = tempfile.TemporaryFile(prefix="testhost-")  # pylint: disable=consider-using-with
    file.write(data)
    file.flush()
    return host.pass_file(file)


def short_reads():
    """The library of bochs_read.c."""
    with tempfile.TemporaryDirectory(prefix="testhost-") as directory:
        library = f"{directory}/bochs_read.so"
        try:
            subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library,
                            f"{TOOLS}/hosts/bochs_read.c"], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise bochs_start.Error(f"bochs_read.c cannot be built: {error}") from error
        with open(library, "rb") as file:
            return file.read()


def command(host):
    """The emulator's argument list for HOST; see class Host in selftests/testhost."""
    built = emulator.built("bochs")
    text = CONFIGURATION.format(
        display="nogui" if built else "term", bios=BIOS,
        rom=store(host, bochs_start.option_rom()), rom_address=bochs_start.ROM_ADDRESS,
        cpu=host.cpu or DEFAULT_CPU, cpus=host.cpus, ips=IPS, memory=host.memory_mib,
        sync="slowdown" if host.interactive else "none")
    # Each character costs the machine time, so the boot is quiet; init.sh ends that.
    loudness = "ignore_loglevel" if host.whole_log else "quiet"
    images, initrd = bochs_start.images(
        host.kernel, f"{KERNEL_ARGS} {loudness} {host.append}", host.initrd_size,
        host.memory_mib)
    places = [(address, store(host, data)) for address, data in images] + [(initrd, host.initrd)]
    for number, (address, path) in enumerate(places, 1):
        text += f"optramimage{number}: file={path}, address={address:#x}\n"
    mode = "term" if host.interactive else "file"
    text += (f"com1: enabled=1, mode=file, dev=/dev/fd/{host.log_fd}\n"
             f"com2: enabled=1, mode={mode}, dev=/dev/fd/{host.io_fd}\n")
    if not built:
        text += "sound: driver=dummy\n"
    configuration = store(host, text.encode())
    if built:
        return [built, "-q", "-f", configuration]
    return ["env", f"LD_PRELOAD={store(host, short_reads())}",
            EMULATOR, "-q", "-f", configuration, "-rc", store(host, DEBUGGER_COMMANDS)]
