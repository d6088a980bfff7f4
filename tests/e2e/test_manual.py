# SPDX-License-Identifier: BSD-3-Clause
"""Every command of the manual, page by page, and what it prints."""

import shutil
import subprocess
import sys
import tempfile

import pytest

from support import ROOT
from support.programs import BIN

sys.path.insert(0, str(ROOT / "tests" / "docs"))
import manual  # noqa: E402

pytestmark = [pytest.mark.user,
              pytest.mark.skipif(not all((BIN / name).is_file() for name in ("llpcat", "llpctl")),
                                 reason=f"no llpcat, or no llpctl, in {BIN}")]


def draws_ladders():
    try:
        return "ladder" in subprocess.run([BIN / "llpctl", "--help"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False


def runs_here(page):
    return any(block.commands and not block.reason and block.place in ("", "any")
               for block in manual.blocks_in(page))


@pytest.mark.parametrize("page", filter(runs_here, manual.pages()), ids=lambda page: page.stem)
def test_page(page):
    directory = tempfile.mkdtemp(prefix="llp-doc-")  # short: UNIX sockets have 107 bytes
    try:
        ran, _ = manual.run_page(page, directory, BIN)
    except manual.PageError as error:
        pytest.fail(str(error), pytrace=False)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    assert ran > 0


@pytest.mark.skipif(not draws_ladders(), reason=f"llpctl in {BIN} draws no ladders")
def test_ladders():
    done = subprocess.run([sys.executable, ROOT / "tests" / "docs" / "ladders", "--bin", BIN, "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}: run tests/docs/ladders"
