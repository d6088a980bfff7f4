# SPDX-License-Identifier: BSD-3-Clause
"""Builds the C test programs of tests/kselftest."""

import os
import subprocess
from pathlib import Path

from . import source
from .paths import ROOT, RigError, locked

OUT = ROOT / "build" / "vm" / "kselftest"


def build() -> Path:
    """The directory of the programs; they run on every kernel."""
    with locked(OUT / "lock"):
        said = subprocess.run(
            ["make", "-s", "-j", str(os.cpu_count() or 2), "-C", str(ROOT / "tests" / "kselftest"), f"OUT={OUT}",
             f"KSELFTEST={source.selftests()}"], capture_output=True, text=True, check=False,
            env={key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")})
    if said.returncode:
        raise RigError(f"tests/kselftest does not build:\n{said.stdout}{said.stderr}")
    return OUT
