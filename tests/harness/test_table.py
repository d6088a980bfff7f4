# SPDX-License-Identifier: BSD-3-Clause
"""The table of suites: nothing that is there to be tested is left out of it."""

import subprocess
from pathlib import Path, PurePath

from harness.script import load

ROOT = Path(__file__).resolve().parents[2]


def table():
    return load(ROOT / "tests" / "run").PROFILES["check"]


def tracked(*patterns):
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *patterns]
    return [PurePath(name) for name in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0") if name]


def left_out(files, suites):
    """The files that are no suite's argument, and in no directory that is one."""
    given = {PurePath(word) for suite in suites for word in suite.command if "/" in word}
    return [str(file) for file in files if not given & {file, *file.parents}]


def test_every_file_of_tests_is_run():
    files = tracked("tests/**/test_*.py")
    assert len(files) > 20
    assert not left_out(files, table())


def test_a_file_that_is_left_out_is_found():
    suites = [suite for suite in table() if suite.name != "vm-rig"]
    assert "tests/vm/test_rig.py" in left_out(tracked("tests/**/test_*.py"), suites)


def test_required_names_suites():
    names = {suite.name for suite in table()}
    lines = [line.split("#")[0].strip() for line in (ROOT / "tests" / "REQUIRED").read_text().splitlines()]
    assert {line.split("/")[0] for line in lines if line} <= names
