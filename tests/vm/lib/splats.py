# SPDX-License-Identifier: BSD-3-Clause
"""Finds the kernel's complaints in its log."""

import re
from dataclasses import dataclass
from pathlib import Path

SPLAT = re.compile(
    r"BUG: |BUG \S+ \(|WARNING: |INFO: (task|rcu|possible|trying|suspicious|lockdep)|KASAN|KCSAN|UBSAN|KFENCE|ODEBUG|"
    r"Oops|Kernel panic|general protection|refcount_t|possible (circular|recursive|irq|deadlock)|inconsistent lock|"
    r"suspicious RCU|unreferenced object|sleeping function|scheduling while atomic|kmemleak: [1-9]|"
    r"list_(add|del) corruption|invalid wait|soft lockup|hard LOCKUP|self-detected stall|detected stalls|"
    r"double fault|bad page|Bad page|nobody cared|sysfs: cannot create duplicate|kobject_add_internal failed|tty_port: .*not released|"
    r"tty->count|Trying to free already-free|stack-protector")
# Bits of /proc/sys/kernel/tainted that a flood of other lines cannot hide.
TAINT = {4: "machine check", 5: "bad page", 7: "the kernel died", 9: "a warning", 14: "soft lockup"}
KERNEL = 0  # the facility that only the kernel's own lines have


def read_allow(path: Path) -> list[re.Pattern]:
    """The known noise: one regular expression a line, # starts a comment."""
    lines = (line.split("#", 1)[0].strip() for line in path.read_text().splitlines())
    return [re.compile(line) for line in lines if line]


@dataclass(frozen=True)
class Line:
    """A record of /dev/kmsg."""

    facility: int
    seconds: float
    text: str

    def __str__(self) -> str:
        return f"[{self.seconds:12.6f}] {self.text}"


def read_kmsg(text: str) -> list[Line]:
    """What was read from /dev/kmsg: "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT" and, indented, a record's variables."""
    lines = []
    for line in text.splitlines():
        if found := re.match(r"(\d+),\d+,(\d+),[^;]*;(.*)", line):
            lines.append(Line(int(found.group(1)) >> 3, int(found.group(2)) / 1e6, found.group(3)))
    return lines


def complaints(lines: list[Line], allow: list[re.Pattern] = ()) -> list[str]:
    """What the kernel itself complained of; user space writes to its log under other facilities."""
    return find([str(line) for line in lines if line.facility == KERNEL], allow)


def find(lines: list[str], allow: list[re.Pattern] = ()) -> list[str]:
    """The lines that complain."""
    return [line for line in lines if SPLAT.search(line) and not any(known.search(line) for known in allow)]


def taints(value: int) -> list[str]:
    """What the taint flags say went wrong; out-of-tree and unsigned modules are none of it."""
    return [meaning for bit, meaning in TAINT.items() if value >> bit & 1]


def divide(lines: list[Line], nonce: str) -> dict[str, list[Line]]:
    """The lines by the program of the list that ran, by the marks of guest/run; "" while none did."""
    parts: dict[str, list[Line]] = {"": []}
    name = ""
    mark = re.compile(rf"llp-vm {re.escape(nonce)} (begin|end) (\S+)$")
    for line in lines:
        found = mark.match(line.text) if line.facility != KERNEL else None
        if found:
            name = found.group(2) if found.group(1) == "begin" else ""
        parts.setdefault(name, []).append(line)
    return parts
