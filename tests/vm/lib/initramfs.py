# SPDX-License-Identifier: BSD-3-Clause
"""A small initramfs: busybox, the modules that reach the host's files, and guest/initramfs-init."""

import io
import lzma
import os
import re
import stat
from pathlib import Path

from .kernels import Kernel
from .paths import GUEST, RigError

BUSYBOX = Path("/bin/busybox")
MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")


class Archive:
    """Writes the "newc" form of cpio that the kernel unpacks."""

    def __init__(self) -> None:
        self.out = io.BytesIO()
        self.inode = 0

    def add(self, name: str, mode: int, data: bytes = b"") -> None:
        self.inode += 1
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        self.out.write(b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0")
        self.pad()
        self.out.write(data)
        self.pad()

    def pad(self) -> None:
        self.out.write(b"\0" * (-self.out.tell() % 4))

    def end(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return self.out.getvalue()


def key(path: str) -> str:
    """A module's name, of its file's name: they differ in dashes and suffixes."""
    return re.sub(r"\.ko(\.xz)?$", "", path.rsplit("/", 1)[-1]).replace("-", "_")


def in_order(modules: Path, names: tuple[str, ...]) -> list[Path]:
    """Files of the modules and of what they need, in the order to load them."""
    needs, files = {}, {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        files[key(path)] = modules / path
        needs[key(path)] = [key(word) for word in reversed(rest.split())]
    builtin = {key(line) for line in (modules / "modules.builtin").read_text().splitlines()}
    order: list[str] = []
    for name in names:
        if name not in files and name not in builtin:
            raise RigError(f"the kernel in {modules} has no module {name}")
        order += [word for word in [*needs.get(name, []), name] if word in files and word not in order]
    return [files[name] for name in order]


def content(path: Path) -> bytes:
    """A module as insmod wants it."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def make(kernel: Kernel) -> Path:
    """The initramfs of a kernel, made anew when what is in it is newer."""
    out = kernel.directory / "initramfs.cpio"
    init = GUEST / "initramfs-init"
    if not BUSYBOX.exists():
        raise RigError("no /bin/busybox: install busybox-static")
    newest = max(path.stat().st_mtime for path in (init, BUSYBOX, Path(__file__), kernel.directory / "complete"))
    if out.exists() and out.stat().st_mtime > newest:
        return out
    archive = Archive()
    for directory in ("bin", "dev", "host", "mod", "new", "proc", "rw", "sys"):
        archive.add(directory, stat.S_IFDIR | 0o755)
    archive.add("bin/busybox", stat.S_IFREG | 0o755, BUSYBOX.read_bytes())
    archive.add("init", stat.S_IFREG | 0o755, init.read_bytes())
    files = in_order(kernel.modules, MODULES)
    for file in files:
        archive.add(f"mod/{key(file.name)}.ko", stat.S_IFREG | 0o644, content(file))
    archive.add("modules", stat.S_IFREG | 0o644, "".join(f"{key(file.name)}\n" for file in files).encode())
    new = out.with_suffix(f".{os.getpid()}")
    new.write_bytes(archive.end())
    new.rename(out)
    return out
