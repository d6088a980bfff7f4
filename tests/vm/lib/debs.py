# SPDX-License-Identifier: BSD-3-Clause
"""Debian packages that are fetched and unpacked, never installed.

Everything goes through the machine's own apt configuration, unless `options` of
apt's name another (foreign.py).
"""

import fnmatch
import os
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Iterable

from .paths import RigError

Options = tuple[str, ...]


def apt(program: str, *words: str, options: Options = (), cwd: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([program, *options, *words], capture_output=True, text=True, cwd=cwd, check=False)


def update(options: Options = ()) -> None:
    """Fetches the package lists, which only root can."""
    if os.geteuid() != 0:
        raise RigError("apt's package lists are missing or out of date; as root: apt-get update")
    said = apt("apt-get", "-q", "-q", "-o", "DPkg::Lock::Timeout=600", "update", options=options)
    if said.returncode:
        raise RigError(f"apt-get update failed:\n{said.stderr}")


def candidates(packages: Iterable[str], options: Options = ()) -> dict[str, str]:
    """The versions that apt would install; a package that it does not know is left out."""
    said = apt("apt-cache", "policy", *sorted(packages), options=options).stdout
    found = re.findall(r"^(\S+):\n +Installed: .*\n +Candidate: (\S+)", said, re.M)
    return {name: version for name, version in found if version != "(none)"}


def depends(packages: Iterable[str], pattern: str, options: Options = ()) -> set[str]:
    """The packages and what they need, at any depth, as far as the names match."""
    found: set[str] = set()
    queue = set(packages)
    while queue:
        found |= queue
        listing = apt("apt-cache", "depends", "--important", *sorted(queue), options=options).stdout
        needed = re.findall(r"^ +\|?(?:Pre)?Depends: (\S+)", listing, re.M)
        queue = {name for name in needed if re.match(pattern, name)} - found
    return found


def download(packages: Iterable[str], directory: Path, options: Options = ()) -> list[Path]:
    """Fetches "name=version" packages into an empty directory."""
    command = ["apt-get", "-q", "-q", "-o", "APT::Sandbox::User=root", "download", *packages]
    said = apt(*command, options=options, cwd=directory)
    if said.returncode:  # most likely lists older than what the archive holds
        update(options)
        said = apt(*command, options=options, cwd=directory)
    if said.returncode:
        raise RigError(f"{' '.join(command)} failed:\n{said.stderr}")
    return sorted(directory.glob("*.deb"))


def unpack(deb: Path, directory: Path, patterns: Iterable[str] = ()) -> None:
    """Unpacks a package, or only the files of it whose paths (as "usr/...") match."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as archive:
        if not patterns:
            subprocess.run(["tar", "-x", "--no-same-owner", "-C", str(directory)], stdin=archive.stdout, check=True)
        else:
            with tarfile.open(fileobj=archive.stdout, mode="r|") as members:
                for member in members:
                    if any(fnmatch.fnmatchcase(member.name.removeprefix("./"), pattern) for pattern in patterns):
                        members.extract(member, directory)
        archive.stdout.read()  # what follows the archive's end mark
    if archive.returncode:
        raise RigError(f"{deb} cannot be unpacked")


def scratch(directory: Path):
    """A temporary directory beside what it will become, so that a rename ends the work."""
    directory.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=directory, prefix=".new-")
