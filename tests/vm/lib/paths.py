# SPDX-License-Identifier: BSD-3-Clause
"""Where things lie, and the one error that the user is told without a traceback."""

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path

VM = Path(__file__).resolve().parent.parent
ROOT = VM.parent.parent
GUEST = VM / "guest"


class RigError(Exception):
    """Something that the machine lacks or the caller got wrong; its text says what to do."""


def cache() -> Path:
    """Where what is fetched is kept between runs: LLP_CACHE, or ~/.cache/llpdrv."""
    path = Path(os.environ.get("LLP_CACHE") or Path.home() / ".cache" / "llpdrv")
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(path: Path):
    """Holds an advisory lock: what is fetched or built at the same path is so once at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
