# SPDX-License-Identifier: BSD-3-Clause
"""Boots Debian's kernels in QEMU and judges what runs in them; ../vm is the program."""
