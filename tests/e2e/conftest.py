# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures and the report of the programs' command lines and words on failure."""

import os
import shutil
import sys
import tempfile
import zlib
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support import ENGINE, programs  # noqa: E402

# What is not served by a line of the kernel's.
NO_TTY = {"pty", "tcp", "unix", "tcp-connect", "tcp-listen", "unix-connect", "unix-listen"}


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
    if report.passed and report.when == "call" and ENGINE == "kernel" and not item.funcargs["stage"].in_kernel:
        report.outcome, report.longrepr = "failed", "no line of the kernel's was in this test: mark it user"


def served_by_the_kernel(item):
    """Whether a test is one of lines of which the kernel can run the protocol."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return ("stage" in item.fixturenames and not item.get_closest_marker("user")
            and not any(isinstance(value, str) and value in NO_TTY for value in parameters))


def chosen(item):
    """Whether a test is for where the protocols of this run are."""
    return served_by_the_kernel(item) if ENGINE == "kernel" else not item.get_closest_marker("kernel")


def in_part(item):
    """LLP_PART=2/3: whether a test is in the second of three parts, of about the same size, that together are all."""
    number, _, count = os.environ.get("LLP_PART", "1/1").partition("/")
    return zlib.crc32(item.nodeid.encode()) % int(count) == int(number) - 1


def pytest_collection_modifyitems(config, items):
    here = [item for item in items if chosen(item) and (in_part(item) or item.get_closest_marker("every_part"))]
    config.hook.pytest_deselected(items=[item for item in items if item not in here])
    items[:] = here
    missing = [name for name in ("llpdrv", "llpd", "llpsim") if not (programs.BIN / name).is_file()]
    if missing:
        pytest.exit(f"no {', '.join(missing)} in {programs.BIN}; build first, or name their place in LLP_BIN", 2)
