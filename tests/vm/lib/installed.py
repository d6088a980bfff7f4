# SPDX-License-Identifier: BSD-3-Clause
"""In the guest: the files of `make install` for systemd and udev; the programs stay where they were built.

As a program it runs before systemd does (init `installed`): it leaves a machine where all was installed, ttyS1 bound to
a line, and llpd enabled.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .paths import ROOT

BIN = Path(os.environ.get("LLP_BIN") or ROOT / "build" / "release" / "bin").resolve()
PREFIX = Path("/usr/local")
LINES = Path("/etc/llp/lines.d")


@dataclass(frozen=True)
class Bound:
    """What `llpctl bind` makes a line of."""

    name: str
    port: str
    to: int  # TCP ports of this machine
    dist: int

    def bind(self, *settings: str) -> subprocess.CompletedProcess:
        return subprocess.run([str(PREFIX / "bin" / "llpctl"), "bind", self.port, self.name, "protocol=x328", "baud=115200",
                               f"to={self.to}", f"dist={self.dist}", *settings], capture_output=True, text=True, check=False)


WARD = Bound("ward", "/dev/ttyS1", 6001, 6002)


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


def users() -> None:
    run("systemd-sysusers", "llp.conf")
    run("systemd-tmpfiles", "--create", "llp.conf")


def take_up() -> None:
    """What a start of the machine does with that; the tutorial says how to do without one."""
    users()
    run("systemctl", "daemon-reload")
    run("udevadm", "control", "--reload")
    run("udevadm", "trigger", "--settle", "--action=add", "--subsystem-match=tty")


def before_start() -> None:
    """The guest starts neither systemd-sysusers and -tmpfiles nor multi-user.target: both would do as much for the host."""
    install()
    users()
    said = WARD.bind("--no-trigger")
    print(said.stdout, said.stderr, sep="")
    os.environ["SYSTEMD_OFFLINE"] = "1"
    run("systemctl", "add-wants", "llp-vm.target", "llpd.service")


if __name__ == "__main__":
    before_start()
