# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures and the report of the programs' command lines and words on failure."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support import programs  # noqa: E402


@pytest.fixture
def stage():
    """Processes and files of one test. Its path is short: UNIX sockets have 107 bytes."""
    directory = tempfile.mkdtemp(prefix="llp-e2e-")
    s = programs.Stage(directory)
    try:
        yield s
    finally:
        problems = s.close()
        shutil.rmtree(directory, ignore_errors=True)
    if problems:
        pytest.fail("\n".join(problems) + "\n" + s.report(), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and report.when == "call" and (s := item.funcargs.get("stage")) is not None:
        report.sections.append(("programs", s.report()))


def pytest_collection_modifyitems(items):
    missing = [name for name in ("llpdrv", "llpd", "llpsim") if not (programs.BIN / name).is_file()]
    if missing:
        pytest.exit(f"no {', '.join(missing)} in {programs.BIN}; build first, or name their place in LLP_BIN", 2)
