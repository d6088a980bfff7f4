# SPDX-License-Identifier: BSD-3-Clause
"""Finds the kernel's complaints in its log."""

import re
from pathlib import Path

SPLAT = re.compile(
    r"BUG: |BUG \S+ \(|WARNING: |INFO: (task|rcu|possible|trying|suspicious|lockdep)|KASAN|KCSAN|UBSAN|KFENCE|ODEBUG|"
    r"Oops|Kernel panic|general protection|refcount_t|possible (circular|recursive|irq|deadlock)|inconsistent lock|"
    r"suspicious RCU|unreferenced object|sleeping function|scheduling while atomic|kmemleak: [1-9]|"
    r"list_(add|del) corruption|invalid wait|soft lockup|hard LOCKUP|self-detected stall|detected stalls|"
    r"double fault|bad page|Bad page|nobody cared|sysfs: cannot create duplicate|tty_port: .*not released|"
    r"tty->count|Trying to free already-free|stack-protector")
# Bits of /proc/sys/kernel/tainted that a flood of other lines cannot hide.
TAINT = {4: "machine check", 5: "bad page", 7: "the kernel died", 9: "a warning", 14: "soft lockup"}
KERNEL = 0  # the facility that only the kernel's own lines have


def read_allow(path: Path) -> list[re.Pattern]:
    """The known noise: one regular expression a line, # starts a comment."""
    lines = (line.split("#", 1)[0].strip() for line in path.read_text().splitlines())
    return [re.compile(line) for line in lines if line]


def kernel_lines(dmesg: str) -> list[str]:
    """What the kernel itself said, of `dmesg --raw`; user space writes under other facilities."""
    lines = []
    for line in dmesg.splitlines():
        found = re.match(r"<(\d+)>(.*)", line)
        if not found or int(found.group(1)) >> 3 == KERNEL:
            lines.append(found.group(2) if found else line)
    return lines


def find(lines: list[str], allow: list[re.Pattern] = ()) -> list[str]:
    """The lines that complain."""
    return [line for line in lines if SPLAT.search(line) and not any(known.search(line) for known in allow)]


def taints(value: int) -> list[str]:
    """What the taint flags say went wrong; out-of-tree and unsigned modules are none of it."""
    return [meaning for bit, meaning in TAINT.items() if value >> bit & 1]


def divide(dmesg: str, nonce: str) -> dict[str, str]:
    """The parts of a raw log between the marks of guest/run, by name; "" is what came before the first."""
    parts: dict[str, list[str]] = {"": []}
    name = ""
    mark = re.compile(rf"llp-vm {re.escape(nonce)} begin (\S+)$")
    for line in dmesg.splitlines():
        if found := mark.search(line):
            name = found.group(1)
        parts.setdefault(name, []).append(line)
    return {name: "\n".join(lines) for name, lines in parts.items()}
