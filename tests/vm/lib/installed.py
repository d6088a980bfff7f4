# SPDX-License-Identifier: BSD-3-Clause
"""In the guest: the files of `make install` for systemd and udev; the programs stay where they were built."""

import os
import shutil
import subprocess
from pathlib import Path

from .paths import ROOT

BIN = Path(os.environ.get("LLP_BIN") or ROOT / "build" / "release" / "bin").resolve()
PREFIX = Path("/usr/local")


def run(*words: str) -> None:
    """A command that has to succeed; what it printed, if it did not, for TAP."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"# {' '.join(words)}: {done.stdout}{done.stderr}".replace("\n", "\n# "), flush=True)


def install() -> None:
    """As `make install` leaves it."""
    run("mount", "--bind", str(BIN), str(PREFIX / "bin"))
    lib = PREFIX / "lib"
    udev = ROOT / "udev"
    places = {"systemd/system": [udev / "llpd-dist@.socket"], "udev/rules.d": sorted(udev.glob("*.rules")),
              "systemd/catalog": [udev / "llp.catalog"], "sysusers.d": [], "tmpfiles.d": []}
    for place, files in places.items():
        (lib / place).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copyfile(file, lib / place / file.name)
    for kind in ("sysusers", "tmpfiles"):
        shutil.copyfile(udev / f"llp.{kind}", lib / f"{kind}.d" / "llp.conf")
    for unit in ("llpd.service", "llp-attach@.service"):
        text = (udev / f"{unit}.in").read_text().replace("@BINDIR@", str(PREFIX / "bin"))
        (lib / "systemd" / "system" / unit).write_text(text)


def take_up() -> None:
    """What a start of the machine does with that; the tutorial says how to do without one."""
    run("systemd-sysusers", "llp.conf")
    run("systemd-tmpfiles", "--create", "llp.conf")
    run("systemctl", "daemon-reload")
    run("udevadm", "control", "--reload")
    run("udevadm", "trigger", "--settle", "--action=add", "--subsystem-match=tty")
