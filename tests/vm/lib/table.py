# SPDX-License-Identifier: BSD-3-Clause
"""Which kernels the module was built for and run on: what a run leaves, and the page made of it."""

import json
import re
from pathlib import Path
from typing import Iterable

from harness import report
from harness.case import SKIPPED, Case

from .kernels import Kernel

FILE = "kernel.json"
HEAD = """# Kernels

Written by `tests/vm/table`, which `make check` calls with what it has just done: the module is compiled for each of these
kernels at W=1, where a warning is an error, and its tests run on it, in a virtual machine or, for those that begin with
`um`, as a process. What differs between kernels stands in `kmod/compat/`. The newest is that of the newest stable Debian's
backports, compiled by that Debian's compiler; it is left out, and said to be, where that Debian cannot be reached.

| kernel | release | of Debian's | compiler | tests |
|---|---|---|---|---|
"""


def record(results: Path, kernel: Kernel | None, name: str, cases: Iterable[Case]) -> None:
    """Leaves for the table what was run; without a kernel, why not."""
    cases = list(cases)
    failed = report.count(cases)["failed"]
    said = {"name": name, "tests": f"{failed} failed" if failed else "passed"}
    if kernel:
        said |= {"release": kernel.release, "package": kernel.package, "compiler": kernel.compiler}
    else:
        said["reason"] = next(case.detail for case in cases if case.outcome == SKIPPED)
    (results / FILE).write_text(json.dumps(said, indent=1) + "\n")


def page(found: Iterable[dict]) -> str:
    """The table, the oldest kernel first."""
    def order(row: dict) -> tuple:
        numbers = re.match(r"[\d.]*", row.get("release", "")).group().strip(".").split(".")
        return "-" in row["name"], "release" not in row, [int(number) for number in numbers if number]

    def line(row: dict) -> str:
        if "release" not in row:
            return f"| {row['name']} | not run: {row['reason'][:200]} | | | |"
        return f"| {row['name']} | {row['release']} | {row['package']} | {row['compiler']} | {row['tests']} |"

    return HEAD + "".join(f"{line(row)}\n" for row in sorted(found, key=order))
