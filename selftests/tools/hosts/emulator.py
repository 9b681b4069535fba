# SPDX-License-Identifier: GPL-2.0
"""The emulators that tools/build_emulator.sh builds."""

import os
import subprocess

BUILDER = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))),
                       "build_emulator.sh")

# The package's although the other could be had: to test with it, too.
PACKAGED = os.environ.get("TESTHOST_EMULATOR") == "package"


def built(name, *, builds=True):
    """The path of the emulator NAME, built now if it was not and @builds; or None."""
    if PACKAGED:
        return None
    done = subprocess.run([BUILDER, name] + ([] if builds else ["where"]), check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return done.stdout.strip() if done.returncode == 0 else None
