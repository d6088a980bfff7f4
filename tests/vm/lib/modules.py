# SPDX-License-Identifier: BSD-3-Clause
"""Compiles the tree's kernel modules for one kernel, and puts them where modprobe finds them."""

import filecmp
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .kernels import Kernel
from .paths import ROOT, RigError, locked

SOURCES = ("kmod", "tests/kmod")
BASE = ROOT / "build" / "vm"


@dataclass(frozen=True)
class Modules:
    """What was built for a kernel."""

    root: Path  # modprobe -d
    release: str

    @property
    def directory(self) -> Path:
        """What /lib/modules/RELEASE is in the guest."""
        return self.root / "lib" / "modules" / self.release


def mirror(source: Path, target: Path) -> bool:
    """Copies what changed, so that make builds no more than that; and tells whether something did.

    Kbuild writes beside its sources, hence the copy. Objects of an earlier build stay.
    """
    changed = False
    wanted = set()
    for path in sorted(source.rglob("*")):
        if not path.is_file() or path.suffix in (".o", ".ko", ".cmd", ".mod", ".cpp", ".hpp", ".md"):
            continue
        copy = target / path.relative_to(source)
        wanted.add(copy)
        if not copy.exists() or not filecmp.cmp(path, copy, shallow=False):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            changed = True
    for path in target.rglob("*"):
        # A source that is gone takes its objects with it.
        if path.suffix in (".c", ".h") and not path.name.endswith(".mod.c") and path not in wanted:
            path.unlink()
            path.with_suffix(".o").unlink(missing_ok=True)
            changed = True
    return changed


def compile_all(kernel: Kernel, tree: Path) -> None:
    """Every module of the tree by the kernel's own build; a warning is an error."""
    command = ["make", "-s", "-j", str(os.cpu_count() or 2), "-C", str(kernel.headers), f"M={tree}", *kernel.make, "W=1",
               "KCFLAGS=-Werror", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]
    if kernel.abroad:
        kernel.abroad.make_root()
        command = kernel.abroad.inside([kernel.directory, tree], command)
    said = subprocess.run(
        command, capture_output=True, text=True, check=False,
        env={key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")})
    if said.returncode:
        raise RigError(f"the modules do not compile for {kernel.release}:\n{said.stdout}{said.stderr}")


def link(source: str, target: str) -> None:
    """A hard link, or a copy where the cache is on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def holds_module(source: Path) -> bool:
    """Whether Kbuild would make a module of what lies there."""
    return any("MODULE_LICENSE(" in path.read_text(errors="replace") for path in source.rglob("*.c"))


def collect(kernel: Kernel, base: Path, made: list[Path]) -> Modules:
    """The kernel's modules and those that were made, in a directory named by their content.

    A guest that runs keeps what it started with, whatever is built meanwhile.
    """
    content = hashlib.sha256(str(kernel.directory).encode())
    for module in made:
        content.update(module.name.encode() + module.read_bytes())
    modules = Modules(base / f"modules-{content.hexdigest()[:16]}", kernel.release)
    if modules.root.exists():
        os.utime(modules.root)
        return modules
    for old in base.glob("modules-*"):
        if time.time() - old.stat().st_mtime > 86400:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=base, prefix=".new-") as temporary:
        new = Modules(Path(temporary) / "root", kernel.release)
        shutil.copytree(kernel.modules, new.directory, symlinks=True, copy_function=link)
        updates = new.directory / "updates"
        updates.mkdir()
        for module in made:
            shutil.copyfile(module, updates / module.name)
        for index in new.directory.glob("modules.*"):  # depmod must not write into the cache
            if index.name not in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
                index.unlink()
        subprocess.run(["depmod", "-b", str(new.root), kernel.release], check=True)
        new.root.rename(modules.root)
    return modules


def build(kernel: Kernel, base: Path = BASE, sources: tuple[str, ...] = SOURCES) -> Modules:
    """The modules of the tree as it is now, built for the kernel beneath `base`."""
    base = base.resolve() / kernel.name
    tree = base / "src"
    with locked(base / "lock"):
        parts = [source for source in sources if holds_module(ROOT / source)]
        for source in parts:
            mirror(ROOT / source, tree / source)
        tree.mkdir(exist_ok=True)
        kbuild = "".join(f"obj-y += {source}/\n" for source in parts)
        if not (tree / "Kbuild").exists() or (tree / "Kbuild").read_text() != kbuild:
            (tree / "Kbuild").write_text(kbuild)
        if parts:
            compile_all(kernel, tree)
        return collect(kernel, base, sorted(path for part in parts for path in (tree / part).rglob("*.ko")))
