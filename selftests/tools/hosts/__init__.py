# SPDX-License-Identifier: GPL-2.0
"""What selftests/testhost is made of: one module for each vendor's emulated machine (amd),
the initial RAM disk every one of them boots (initramfs, init.sh), and what is looked for in
the host's kernel log (log)."""
