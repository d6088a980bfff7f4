# SPDX-License-Identifier: BSD-3-Clause
"""Reads and writes TAP, the kernel's form of test output.

The reader is strict about what counts: one plan, every number in its turn,
as many results as planned. Lines of other kinds may stand between.
"""

import re
from typing import Iterable

from .case import FAILED, PASSED, SKIPPED, Case

PLAN = re.compile(r"1\.\.(\d+)(?:\s+#\s*(?i:skip)\S*\s*(.*))?$")
RESULT = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:-\s)?\s*(.*?)\s*$")
SKIP = re.compile(r"(.*?)\s*(?:^|\s)#\s*(?i:skip)\S*\s*(.*)$")


def parse(text: str, stem: str) -> list[Case]:
    """The cases of one program's output, named STEM/DESCRIPTION; what is wrong with the output is a failed case."""
    cases: list[Case] = []
    problems: list[str] = []
    planned = None
    count = 0
    for line in text.splitlines():
        if line.startswith("Bail out!"):
            problems.append(line)
        elif plan := PLAN.match(line):
            if planned is not None:
                problems.append(f"a second plan: {line}")
            planned = int(plan.group(1))
            if planned == 0:
                cases.append(Case(f"{stem}/all", SKIPPED, plan.group(2) or "no reason given"))
        elif result := RESULT.match(line):
            count += 1
            failed, number, said = result.groups()
            if number and int(number) != count:
                problems.append(f"result {count} has the number {number}: {line}")
            skip = SKIP.match(said)
            name = f"{stem}/{(skip.group(1) if skip else said) or count}"
            if failed:
                cases.append(Case(name, FAILED, "not ok"))
            elif skip:
                cases.append(Case(name, SKIPPED, skip.group(2) or "no reason given"))
            else:
                cases.append(Case(name, PASSED))
    if planned is None:
        problems.append("no plan")
    elif planned != count:
        problems.append(f"{planned} planned, {count} results")
    return cases + [Case(f"{stem}/tap", FAILED, problem) for problem in problems]


def write(cases: Iterable[Case]) -> str:
    """The cases as TAP; a failure's detail goes before it, as a comment."""
    lines = ["TAP version 13"]
    number = 0
    for number, case in enumerate(cases, 1):
        if case.outcome == FAILED:
            lines += [f"# {line}" for line in case.detail.splitlines()]
        verdict = "not ok" if case.outcome == FAILED else "ok"
        skip = f" # SKIP {case.detail}" if case.outcome == SKIPPED else ""
        lines.append(f"{verdict} {number} {case.name}{skip}")
    return "\n".join([*lines, f"1..{number}", ""])
