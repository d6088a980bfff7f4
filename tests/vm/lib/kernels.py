# SPDX-License-Identifier: BSD-3-Clause
"""Debian's stock kernels, those of 12 and the newest: an image to boot, its modules, and headers to build against."""

import lzma
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from . import debs
from .foreign import Release, Unreachable
from .paths import RigError, cache, locked


@dataclass(frozen=True)
class Packages:
    """Whose linux-image- and linux-headers- a kernel's are."""

    suffix: str
    release: str = ""  # another Debian than the machine's: its backports


NAMES = {"6.1": Packages("amd64"), "6.12": Packages("6.12-amd64"), "newest": Packages("amd64", "trixie")}
HERE = tuple(sorted(name for name, packages in NAMES.items() if not packages.release))  # of the machine's own Debian
# A kernel is in several packages, which its image and its headers need; others have no version in their names.
PARTS_OF_ONE = r"linux-((image|headers|kbuild)-|(modules|binary|base)-\d)(?!.*-unsigned$)"
LAYOUT = "1"  # of the directories in the cache: a new number fetches anew

# Of the image package's 300 MB, what a guest here can have a use for.
PARTS = ["boot/vmlinuz-*", "lib/modules/*/vmlinuz", "lib/modules/*/modules.*"] + [f"lib/modules/*/kernel/{part}/*" for part in (
    "drivers/char", "drivers/tty", "drivers/usb/class", "drivers/usb/common", "drivers/usb/core", "drivers/usb/host",
    "drivers/usb/serial", "drivers/virtio", "fs/9p", "fs/autofs", "fs/configfs", "fs/fscache", "fs/netfs",
    "fs/overlayfs", "lib", "net/9p")]
PARTS += [f"usr/{part}" for part in PARTS]  # where newer packages have them


@dataclass(frozen=True)
class Kernel:
    """A kernel as it lies in the cache."""

    name: str  # "6.1"
    directory: Path

    @property
    def uml(self) -> bool:
        """Whether it is a program of the host's: User Mode Linux."""
        return self.name.startswith("um-")

    @property
    def package(self) -> str:
        """What it is of, with its version."""
        said = (self.directory / "complete").read_text().split()
        return next((word for word in said if word.startswith("linux-image-")), " ".join(said))

    @property
    def compiler(self) -> str:
        """What it was compiled with, and its modules are."""
        found = re.search(r"^CONFIG_CC_VERSION_TEXT=\"(.*)\"$", (self.headers / ".config").read_text(), re.M)
        return found.group(1) if found else "unknown"

    @property
    def abroad(self) -> Release | None:
        """The release whose compiler its modules want, if that is not the machine's."""
        packages = NAMES.get(self.name)
        return Release(packages.release) if packages and packages.release else None

    @property
    def memory(self) -> int:
        """MiB that a guest with it wants: sanitizers keep what was freed, and a shadow of all."""
        return 2048 if self.name.startswith("x86-") else 1024

    @property
    def make(self) -> list[str]:
        """What make is to be told for its modules."""
        return ["LLP_KUNIT=y"] * self.name.endswith("-san") + ["ARCH=um"] * self.uml

    @property
    def release(self) -> str:
        """What uname -r says in the guest."""
        return (self.directory / "release").read_text().strip()

    @property
    def image(self) -> Path:
        """The uncompressed ELF file: QEMU enters it by PVH, without firmware or decompression."""
        return self.directory / "vmlinux"

    @property
    def modules(self) -> Path:
        return self.directory / "lib" / "modules" / self.release

    @property
    def headers(self) -> Path:
        """The directory for make -C."""
        return self.directory / "usr" / "src" / f"linux-headers-{self.release}"


def unzstd(data: bytes) -> bytes:
    """By the zstd program, which Python's library has not; what follows the frame is not its matter."""
    return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False).stdout


OPENERS = {b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor().decompress(data),
           b"\x1f\x8b\x08": lambda data: zlib.decompressobj(31).decompress(data),
           b"\x28\xb5\x2f\xfd": unzstd}


def extract(bzimage: Path, out: Path) -> None:
    """Writes the ELF kernel inside a bzImage."""
    data = bzimage.read_bytes()
    for magic, opener in OPENERS.items():
        for found in re.finditer(re.escape(magic), data):
            try:
                kernel = opener(data[found.start():])
            except (lzma.LZMAError, zlib.error):
                continue
            if kernel.startswith(b"\x7fELF"):
                out.write_bytes(kernel)
                return
    raise RigError(f"{bzimage} holds no kernel compressed by xz, gzip or zstd")


def wanted(name: str, options: debs.Options) -> list[str]:
    """The packages of a kernel as "name=version"; empty if apt knows none."""
    metas = {f"linux-{kind}-{NAMES[name].suffix}" for kind in ("image", "headers")}
    names = debs.depends(metas, PARTS_OF_ONE, options)
    versions = debs.candidates(names, options)
    if not metas < names or names - set(versions):
        return []
    return sorted(f"{package}={versions[package]}" for package in names - metas)


def relocate(headers: Path, root: Path) -> None:
    """Makes unpacked headers find their other halves where they are, not in /usr."""
    makefile = headers / "Makefile"
    text = makefile.read_text()
    makefile.write_text(re.sub(r"(?<![\w/])/usr/(src|lib)/", rf"{root}/usr/\1/", text))


def fill(directory: Path, final: Path, packages: list[str], options: debs.Options) -> None:
    """Fetches and unpacks; paths that must be absolute will be those of `final`."""
    with debs.scratch(directory) as temporary:
        for deb in debs.download(packages, Path(temporary), options):
            whole = deb.name.startswith(("linux-headers", "linux-kbuild"))
            debs.unpack(deb, directory, () if whole else PARTS)
    if not (directory / "lib").exists():
        (directory / "lib").symlink_to("usr/lib")
    release = next((directory / "lib" / "modules").glob("*/modules.builtin")).parent.name
    image = next(path for path in (directory / "boot" / f"vmlinuz-{release}", directory / "lib" / "modules" / release / "vmlinuz")
                 if path.exists())
    relocate(directory / "usr" / "src" / f"linux-headers-{release}", final)
    extract(image, directory / "vmlinux")
    image.unlink()
    subprocess.run(["depmod", "-b", str(directory), release], check=True)
    (directory / "release").write_text(release + "\n")


def fetch(name: str) -> Kernel:
    """The kernel: from the cache, unless the archive has a newer one. apt is asked once a day."""
    store = cache() / "kernels"
    with locked(store / f"{name}.lock"):
        known = sorted(store.glob(f"{name}-*/complete"), key=lambda mark: mark.stat().st_mtime)
        known = [mark for mark in known if mark.read_text().startswith(f"layout {LAYOUT}\n")]
        if known and time.time() - known[-1].stat().st_mtime < 86400:
            return Kernel(name, known[-1].parent)
        abroad = Kernel(name, store).abroad
        options = abroad.options if abroad else ()
        if abroad:
            abroad.update()
        packages = wanted(name, options)
        if not packages and known:  # no package lists here: what was fetched once will do
            return Kernel(name, known[-1].parent)
        if not packages:
            debs.update(options)
            packages = wanted(name, options)
        if not packages:
            suffix = NAMES[name].suffix
            raise RigError(f"apt knows no linux-image-{suffix} and linux-headers-{suffix}: are these Debian "
                           f"{abroad.name if abroad else 12}'s sources, with its security suite?")
        stamp = "\n".join([f"layout {LAYOUT}", *packages, ""])
        for mark in known:
            if mark.read_text() == stamp:
                os.utime(mark)
                return Kernel(name, mark.parent)
        image = next(package for package in packages if package.startswith("linux-image-"))
        final = store / f"{name}-{image.split('=')[1]}"
        shutil.rmtree(final, ignore_errors=True)
        print(f"vm: fetching Debian's kernel {name}: {image}", file=sys.stderr, flush=True)
        with debs.scratch(store) as temporary:
            new = Path(temporary) / "kernel"
            new.mkdir()
            try:
                fill(new, final, packages, options)
            except RigError as error:
                raise Unreachable(f"{name} cannot be fetched: {error}") if abroad else error
            (new / "complete").write_text(stamp)
            new.rename(final)
        return Kernel(name, final)
