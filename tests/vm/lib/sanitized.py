# SPDX-License-Identifier: BSD-3-Clause
"""Kernels that are built here, with sanitizers, from Debian's source of 6.12; see ../configs.

Built once: what is kept is named by the configuration, the source's version
and the compiler, and holds the image and the tree that modules are built
against, not the source.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import debs
from .kernels import Kernel
from .paths import VM, RigError, cache, locked

SOURCE = "linux-source-6.12"
CONFIGS = VM / "configs"
LAYOUT = "1"  # of the directories in the cache: a new number builds anew
SAID_EVERY = 15  # seconds
# Of the source's 90,000 files, most of those that no kernel here is made of; what Kconfig reads stays.
UNUSED = ["arch/[!ux]*/*.[chS]", "arch/xtensa/*.[chS]", "Documentation/*/*", "samples/*.[ch]", "sound/*.[ch]",
          "*.dts", "*.dtsi", "*.rst"]
UNUSED_IN_UM = ["tools/[!i]*/*", *(f"drivers/{part}/*/*.[ch]" for part in (
    "[c-f]*", "[g-l]*", "[m-s]*", "[u-z]*", "accel", "acpi", "ata", "atm", "block", "bus"))]
UNUSED_IN_X86 = [f"drivers/{part}/*.[ch]" for part in (
    "accel", "ata", "atm", "gpu", "iio", "infiniband", "isdn", "media", "mfd", "mtd", "scsi", "staging")]


@dataclass(frozen=True)
class Recipe:
    """How a kernel is made."""

    arch: str  # make's ARCH
    image: str  # what is booted, beneath the build's directory
    configs: tuple[str, ...]
    unused: list[str]


NAMES = {
    "um-san": Recipe("um", "linux", ("base", "sanitizers", "um"), UNUSED_IN_UM),
    "x86-san": Recipe("x86_64", "vmlinux", ("base", "sanitizers", "x86"), UNUSED_IN_X86),
}


def configuration(name: str) -> str:
    """What is asked of allnoconfig; its release ends with its name."""
    parts = [(CONFIGS / part).read_text() for part in NAMES[name].configs]
    lines = [line for part in parts for line in part.splitlines() if line and not line.startswith("#")]
    return "\n".join([*lines, f'CONFIG_LOCALVERSION="-{name}"', ""])


def refused(wanted: str, got: str) -> list[str]:
    """The lines of a configuration that the kernel's Kconfig did not follow."""
    have = set(got.splitlines())
    bad = []
    for line in wanted.splitlines():
        key, _, value = line.partition("=")
        if value == "n" and any(other.startswith(f"{key}=") for other in have):
            bad.append(line)
        elif value and value != "n" and line not in have:
            bad.append(line)
    return bad


def key(name: str, version: str, compiler: str) -> str:
    text = "\n".join([LAYOUT, name, version, compiler, configuration(name)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def compiler() -> str:
    try:
        return subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError) as error:
        raise RigError("no gcc: install the packages of the purpose `kernel` in packages.txt") from error


class Build:
    """One build, in a scratch directory that holds the source as well."""

    def __init__(self, name: str, scratch: Path) -> None:
        self.name = name
        self.recipe = NAMES[name]
        self.source = scratch / SOURCE
        self.out = scratch / "out"
        self.out.mkdir()
        self.log = scratch / "log"

    def make(self, *words: str, count: bool = False) -> None:
        """Runs make; says from time to time how far it is. PYTHON3: whatever else is on the path."""
        command = ["make", "-C", str(self.source), f"O={self.out}", f"ARCH={self.recipe.arch}",
                   "PYTHON3=/usr/bin/python3", *words]
        clean = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        done, begin, ended = 0, time.monotonic(), threading.Event()

        def tell() -> None:
            while not ended.wait(SAID_EVERY):
                print(f"vm: {self.name}: {done} steps of the build in {time.monotonic() - begin:.0f} s",
                      file=sys.stderr, flush=True)

        if count:
            threading.Thread(target=tell, daemon=True).start()
        tail: list[str] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean) as process:
            for line in process.stdout:
                done += 1
                tail = [*tail[-40:], line]
        ended.set()
        if process.returncode:
            raise RigError(f"{self.name} does not build:\n{''.join(tail)}")

    def configure(self) -> None:
        wanted = configuration(self.name)
        seed = self.out / "wanted"
        seed.write_text(wanted)
        self.make("-s", f"KCONFIG_ALLCONFIG={seed}", "allnoconfig")
        if bad := refused(wanted, (self.out / ".config").read_text()):
            raise RigError(f"{SOURCE} has another mind about tests/vm/configs:\n" + "\n".join(bad))

    def headers(self, tree: Path) -> None:
        """The tree for out-of-tree modules, as Debian's packages make it; of UML they forget the processor's half."""
        script = self.source / "scripts" / "package" / "install-extmod-build"
        self.make("-s", "run-command", f"KBUILD_RUN_COMMAND=sh {script} {tree}")
        shutil.copyfile(self.out / ".config", tree / ".config")
        if self.recipe.arch != "um":
            return
        for base, parts in ((self.source, ("arch/x86/include", "arch/x86/um")),
                            (self.out, ("arch/x86/include", "arch/x86/um", "arch/um/include"))):
            for part in parts:
                for path in (base / part).rglob("*"):
                    if path.is_file() and (path.suffix == ".h" or path.name.startswith(("Makefile", "Kbuild"))):
                        copy = tree / path.relative_to(base)
                        copy.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(path, copy)
        for path in (self.source / "arch" / "x86").glob("Makefile*"):
            shutil.copyfile(path, tree / "arch" / "x86" / path.name)

    def install(self, directory: Path) -> None:
        """Puts what is kept where lib/kernels.py would."""
        release = (self.out / "include" / "config" / "kernel.release").read_text().strip()
        image = directory / "vmlinux"
        shutil.copyfile(self.out / self.recipe.image, image)
        image.chmod(0o755)
        subprocess.run(["strip", "-g", str(image)], check=True)
        modules = directory / "lib" / "modules" / release
        modules.mkdir(parents=True)
        for file in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
            if (self.out / file).exists():
                shutil.copyfile(self.out / file, modules / file)
            else:
                (modules / file).touch()
        subprocess.run(["depmod", "-b", str(directory), release], check=True)
        self.headers(directory / "usr" / "src" / f"linux-headers-{release}")
        (directory / "release").write_text(release + "\n")


def unpack(deb: Path, directory: Path, unused: list[str]) -> None:
    """The source inside its package, less what is unused."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as package, \
            subprocess.Popen(["tar", "-xO", "--wildcards", f"./usr/src/{SOURCE}.tar.xz"], stdin=package.stdout,
                             stdout=subprocess.PIPE) as archive:
        said = subprocess.run(["tar", "-xJ", "--no-same-owner", "-C", str(directory),
                               *(f"--exclude={SOURCE}/{pattern}" for pattern in (*UNUSED, *unused))], stdin=archive.stdout,
                              capture_output=True, text=True, check=False)
    if said.returncode or package.returncode or archive.returncode:
        raise RigError(f"{deb.name} is not made as expected: {said.stderr}")


def fetch(name: str, jobs: int = 0) -> Kernel:
    """The kernel: from the cache, or built now by so many jobs (0: one for each processor), which takes minutes."""
    store = cache() / "kernels"
    with locked(store / f"{name}.lock"):
        version = debs.candidates([SOURCE]).get(SOURCE)
        known = sorted(store.glob(f"{name}-*/complete"), key=lambda mark: mark.stat().st_mtime)
        if not version:  # no package lists here: the source that was used last
            version = known[-1].read_text().split()[-1] if known else None
        if not version:
            debs.update()
            version = debs.candidates([SOURCE]).get(SOURCE)
        if not version:
            raise RigError(f"apt knows no {SOURCE}: are these Debian 12's sources, with its security suite?")
        final = store / f"{name}-{key(name, version, compiler())}"
        if (final / "complete").exists():
            return Kernel(name, final)
        shutil.rmtree(final, ignore_errors=True)
        print(f"vm: building {name} from {SOURCE}={version}: some minutes, once", file=sys.stderr, flush=True)
        begin = time.monotonic()
        with debs.scratch(store) as temporary:
            scratch = Path(temporary)
            (scratch / "debs").mkdir()
            new = scratch / "kernel"
            new.mkdir()
            (deb,) = debs.download([f"{SOURCE}={version}"], scratch / "debs")
            unpack(deb, scratch, NAMES[name].unused)
            build = Build(name, scratch)
            build.configure()
            build.make(f"-j{jobs or os.cpu_count() or 2}", count=True)
            build.install(new)
            (new / "complete").write_text(f"{SOURCE} {version}\n")
            new.rename(final)
        for mark in known:
            shutil.rmtree(mark.parent, ignore_errors=True)
        print(f"vm: {name} was built in {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        return Kernel(name, final)
