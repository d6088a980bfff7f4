# SPDX-License-Identifier: BSD-3-Clause
"""What is said about a run, and what a run must have had."""

import fnmatch
from pathlib import Path
from typing import Iterable

from .schedule import Outcome
from .suite import FAILED, PASSED, SKIPPED, Case

LOG_LINES = 150


def read_required(path: Path) -> list[str]:
    """The patterns of a REQUIRED file: one a line, # starts a comment."""
    lines = (line.split("#", 1)[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def check_required(patterns: Iterable[str], outcomes: list[Outcome]) -> list[Case]:
    """A failed case for each pattern of which something was skipped or nothing ran.

    A pattern is a suite's name (all its cases) or SUITE/CASE with wildcards.
    """
    problems = []
    for pattern in patterns:
        cases = [case for outcome in outcomes for case in outcome.cases
                 if outcome.suite.name == pattern
                 or fnmatch.fnmatchcase(f"{outcome.suite.name}/{case.name}", pattern)]
        skipped = [case for case in cases if case.outcome == SKIPPED]
        if not cases:
            problems.append(Case(f"REQUIRED/{pattern}", FAILED, "did not run"))
        elif skipped:
            problems.append(Case(f"REQUIRED/{pattern}", FAILED,
                                 f"was skipped: {skipped[0].name}: {skipped[0].detail}"))
    return problems


def tail(log: Path) -> str:
    """The end of a log, and how much was left out."""
    lines = log.read_text(errors="replace").splitlines()
    head = [f"... {len(lines) - LOG_LINES} lines before: {log}"] if len(lines) > LOG_LINES else []
    return "\n".join("    | " + line for line in head + lines[-LOG_LINES:])


def summary(outcome: Outcome) -> str:
    """One line: how a suite ended."""
    counts = count(outcome.cases)
    parts = [f"{counts[kind]} {kind}" for kind in (PASSED, FAILED, SKIPPED) if counts[kind]]
    verdict = "ok" if outcome.ok else "FAILED"
    if outcome.log is None and outcome.ok:
        verdict = "SKIPPED"
    cpu = f", {outcome.cpu:.0f} s of one core" if outcome.cpu >= 0.5 else ""
    return f"{outcome.suite.name:<16} {verdict:<8} {', '.join(parts)} in {outcome.seconds:.1f} s{cpu}"


def details(outcome: Outcome) -> str:
    """What failed, with its output, and what was skipped, with its reason."""
    lines = [f"  {case.outcome.upper()}: {outcome.suite.name}: {case.name}: {case.detail}".rstrip(": ")
             for case in outcome.cases if case.outcome != PASSED]
    if not outcome.ok and outcome.log:
        lines.append(tail(outcome.log))
    return "\n".join(lines)


def count(cases: Iterable[Case]) -> dict[str, int]:
    """Cases by outcome."""
    counts = {PASSED: 0, FAILED: 0, SKIPPED: 0}
    for case in cases:
        counts[case.outcome] += 1
    return counts


def last_line(cases: Iterable[Case]) -> str:
    """The line that ends a run."""
    counts = count(cases)
    return f"{counts[PASSED]} passed, {counts[FAILED]} failed, {counts[SKIPPED]} skipped"
