# SPDX-License-Identifier: BSD-3-Clause
"""Another release of Debian beside the machine's own: its packages, and a root in which its compiler runs.

The newest kernel that Debian offers on a stable compiler is in the backports of
its newest stable release. The machine's own apt stays as it is: what this knows
of the other release lies in the cache, and comes from where the machine's own
packages do.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import debs
from .paths import RigError, cache, locked

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOOLS = ("make", "kmod", "libelf1t64", "gcc-14")  # what modules are compiled with; Debian's headers name the compiler
DAY = 86400


class Unreachable(RigError):
    """The release cannot be had from here: no network, no such suite. Nothing of the project's is wrong."""


def site() -> str:
    """Where the machine's own apt gets Debian from."""
    listing = debs.apt("apt-get", "indextargets", "--format", "$(SITE)").stdout.split()
    sites = sorted(word.rstrip("/") for word in set(listing) if word.rstrip("/").endswith("/debian"))
    if not sites:
        raise Unreachable("apt has no source whose address ends with /debian, so that of another release is not known")
    return sites[0]


class Release:
    """One release, `name`, and its backports."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.base = cache() / f"debian-{name}"
        self.root = self.base / "root"
        apt = self.base / "apt"
        self.lists = apt / "lists"
        self.sources = apt / "sources.list"
        # What apt is told to see this and nothing else.
        self.options = tuple(word for option in (
            f"Dir::Etc::SourceList={self.sources}", "Dir::Etc::SourceParts=/dev/null", "Dir::Etc::PreferencesParts=/dev/null",
            f"Dir::State::Lists={self.lists}", f"Dir::State::Status={apt / 'status'}", f"Dir::Cache={apt / 'cache'}",
            f"APT::Default-Release={name}-backports", "APT::Sandbox::User=root", "Acquire::Languages=none",
            "Acquire::Retries=2", "Acquire::http::Timeout=20") for word in ("-o", option))

    def update(self) -> None:
        """The lists of packages, once a day; those of before will do if there are none to be had."""
        with locked(self.base / "apt.lock"):
            mark = self.base / "updated"
            if mark.exists() and time.time() - mark.stat().st_mtime < DAY:
                return
            for directory in (self.lists / "partial", self.base / "apt" / "cache" / "archives" / "partial"):
                directory.mkdir(parents=True, exist_ok=True)
            (self.base / "apt" / "status").touch()
            where = site()
            self.sources.write_text("".join(f"deb [signed-by={KEYS}] {where} {suite} main\n"
                                            for suite in (self.name, f"{self.name}-backports")))
            try:
                debs.update(self.options)
            except RigError as error:
                if not mark.exists():
                    raise Unreachable(f"Debian's {self.name} cannot be reached: {error}") from error
                print(f"vm: {self.name}: the package lists of before are used", file=sys.stderr)
                return
            mark.touch()

    def make_root(self) -> Path:
        """The root directory with the tools, made once."""
        if os.geteuid() != 0:
            raise RigError(f"modules for {self.name}'s kernel are compiled in a root directory of its own: run this as root")
        with locked(self.base / "root.lock"):
            if self.root.exists():
                return self.root
            print(f"vm: making a root of Debian's {self.name} for its compiler", file=sys.stderr, flush=True)
            with debs.scratch(self.base) as temporary:
                new = Path(temporary) / "root"
                said = subprocess.run(["debootstrap", "--variant=minbase", f"--include={','.join(TOOLS)}", f"--keyring={KEYS}",
                                       self.name, str(new), site()], capture_output=True, text=True, check=False)
                if said.returncode:
                    raise Unreachable(f"Debian's {self.name} cannot be installed:\n"
                                      + "\n".join((said.stdout + said.stderr).splitlines()[-10:]))
                for left in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man",
                             "usr/share/locale"):
                    shutil.rmtree(new / left, ignore_errors=True)
                new.rename(self.root)
        return self.root

    def inside(self, places: list[Path], command: list[str]) -> list[str]:
        """The command, as it is run in the root directory, where `places` are what they are outside.

        What is mounted for it is seen by nobody else and gone with it.
        """
        script = ('root=$1; shift; while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --bind "$1" "$root$1"; shift; done; shift; '
                  'mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; '
                  'exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 "$@"')
        return ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", script, "sh", str(self.root),
                *map(str, places), "--", *command]
