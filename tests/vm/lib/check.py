# SPDX-License-Identifier: BSD-3-Clause
"""Runs a list of TAP programs in the guest, and turns what came of it into cases."""

import re
from pathlib import Path

from harness import tap
from harness.case import FAILED, PASSED, Case

from . import guest, splats
from .paths import VM, RigError

LISTS = VM / "lists"
SKIP_ALL = 4  # what kselftest programs exit with when they skipped everything


def read_list(path: Path) -> list[guest.Program]:
    """The programs of a list: NAME SECONDS MODULES COMMAND on each line, # starts a comment line."""
    programs = []
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 3)
        if len(words) != 4 or not re.fullmatch(r"[a-z0-9_-]+", words[0]) or not words[1].isdecimal():
            raise RigError(f"{path}: not NAME SECONDS MODULES COMMAND: {line}")
        programs.append(guest.Program(words[0], int(words[1]), words[2], words[3]))
    names = [program.name for program in programs]
    if len(set(names)) != len(names):
        raise RigError(f"{path}: a name comes twice")
    return programs


def lists(name: str = "") -> dict[str, Path]:
    """The lists by init level: none is run without udev, and so on; those in lists/NAME instead of lists, if it is there."""
    directory = LISTS / name
    if not directory.is_dir():
        directory = LISTS
    return {path.name: path for path in sorted(directory.iterdir()) if path.name in guest.INITS}


def ended(name: str, status: str) -> list[str]:
    """What a program's end says against it."""
    code, _, rest = status.partition(" ")
    said = []
    if code == "load":
        said.append("its modules cannot be loaded")
    elif code in ("124", "137"):
        said.append("the time was up")
    elif code not in ("0", str(SKIP_ALL)):
        said.append(f"exit status {code}")
    if rest:
        said.append("its modules cannot be unloaded")
    return said


def judge(program: guest.Program, result: guest.Result, log: list[splats.Line], allow: list[re.Pattern]) -> list[Case]:
    """The cases of one program: what it reported, how it ended, and what the kernel said meanwhile."""
    status, out, err = result.program(program.name)
    if status is None:
        # What the guest makes first for a program it starts is the file of its errors.
        started = (result.directory / "programs" / f"{program.name}.err").exists()
        why = ("the time was up" if not result.in_time else "the guest died") + (
            " while it ran" if started else " before it")
        return [Case(program.name, FAILED, "\n".join([why, *(result.complaints if started else [])]))]
    cases = tap.parse(out, program.name)
    said = ended(program.name, status)
    if said and not (said == [f"exit status {status}"] and any(case.outcome == FAILED for case in cases)):
        cases.append(Case(f"{program.name}/end", FAILED, "\n".join([*said, *err.splitlines()[-20:]])))
    complaints = splats.complaints(log, allow)
    cases.append(Case(f"{program.name}/kernel-log", FAILED if complaints else PASSED, "\n".join(complaints)))
    return cases


def run(job: guest.Job) -> dict[str, list[Case]]:
    """The cases of each program, and under "guest" those of the run itself."""
    result = guest.run(job)
    allow = splats.read_allow(VM / "splats.allow")
    parts = splats.divide(result.kmsg, result.nonce)
    cases = {program.name: judge(program, result, parts.get(program.name, []), allow) for program in job.programs}
    found = []
    if result.exit_status == guest.TIMEOUT:
        found.append("the time was up")
    elif result.exit_status == guest.DIED:
        found.append("the guest died")
    found += result.complaints
    cases["guest"] = [Case("guest/whole", FAILED if found else PASSED, "\n".join(found))]
    return cases
