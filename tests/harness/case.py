# SPDX-License-Identifier: BSD-3-Clause
"""What every kind of result is turned into."""

from dataclasses import dataclass

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Case:
    """One thing that was checked, or was not."""

    name: str
    outcome: str
    detail: str = ""
