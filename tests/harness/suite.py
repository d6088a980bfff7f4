# SPDX-License-Identifier: BSD-3-Clause
"""A suite is one command whose results are counted as cases."""

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Sequence

from . import tap
from .case import FAILED, PASSED, SKIPPED, Case


@dataclass(frozen=True)
class Suite:
    """How to run one command, and how to count what it did.

    results: "exit"  the command is one case, passed if it exits with 0;
             "xml"   it writes reports (JUnit's or GoogleTest's form) as *.xml
                     into its results directory;
             "ctest" as "xml", and every program that the CTest tree `tree`
                     knows must have written one;
             "tap"   it writes TAP as *.tap into its results directory.
    In `command` and `env`, {results} stands for the results directory.
    `slots` is the number of cores the command keeps busy, in parts of one
    if it waits for much of its time: 0 for one that mostly waits. `absent` returns why the suite cannot run here, or "".
    """

    name: str
    command: Sequence[str]
    results: str = "exit"
    timeout: float = 120
    after: Sequence[str] = ()
    slots: float = 1
    env: dict = field(default_factory=dict)
    tree: str = ""
    absent: Callable[[], str] = lambda: ""


def parse_report(path: Path) -> list[Case]:
    """The cases of one XML report of pytest or GoogleTest."""
    cases = []
    for node in ElementTree.parse(path).getroot().iter("testcase"):
        group = node.get("classname") or ""
        name = f"{path.stem}/{group}.{node.get('name')}" if group else f"{path.stem}/{node.get('name')}"
        failure = next((node.find(tag) for tag in ("failure", "error") if node.find(tag) is not None), None)
        skipped = node.find("skipped")
        if failure is not None:
            cases.append(Case(name, FAILED, failure.get("message") or ""))
        elif skipped is not None:
            cases.append(Case(name, SKIPPED, skipped.get("message") or "no reason given"))
        elif node.get("status") == "notrun":
            cases.append(Case(name, SKIPPED, "disabled"))
        else:
            cases.append(Case(name, PASSED))
    return cases


def ctest_programs(tree: str) -> list[str]:
    """Names of the test programs that a CTest tree knows."""
    listing = subprocess.run(
        ["ctest", "--test-dir", tree, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    return [test["name"] for test in json.loads(listing.stdout)["tests"]]


def collect(suite: Suite, directory: Path, exit_status: int) -> list[Case]:
    """Counts what a finished command did; nothing counted is itself a failure."""
    if suite.results == "exit":
        outcome = PASSED if exit_status == 0 else FAILED
        return [Case(suite.name, outcome, f"exit status {exit_status}" if exit_status else "")]

    cases = []
    reports = sorted(directory.glob("*.tap" if suite.results == "tap" else "*.xml"))
    for report in reports:
        try:
            found = tap.parse(report.read_text(errors="replace"), report.stem) if suite.results == "tap" else (
                parse_report(report))
        except ElementTree.ParseError as error:
            found = [Case(f"{report.stem}/report", FAILED, f"unreadable report: {error}")]
        if not any(case.outcome != SKIPPED for case in found):
            found.append(Case(f"{report.stem}/count", FAILED, "no test was executed"))
        cases += found
    if suite.results == "ctest":
        written = {report.stem for report in reports}
        cases += [Case(f"{program}/report", FAILED, "wrote no report (crashed, or never started)")
                  for program in ctest_programs(suite.tree) if program not in written]
    if not cases:
        cases.append(Case(f"{suite.name}/count", FAILED, "no test was executed"))
    if exit_status != 0 and not any(case.outcome == FAILED for case in cases):
        cases.append(Case(f"{suite.name}/exit", FAILED, f"exit status {exit_status}"))
    return cases
