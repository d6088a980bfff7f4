# SPDX-License-Identifier: BSD-3-Clause
"""The programs of line/: two stations and a reader, for measurements in a virtual machine."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINE = Path(__file__).resolve().parent / "line"
GUEST = LINE / "guest"
# Where each program is linked: what the plugin tells them apart by.
REGION = {"reader": 1, "engine": 2, "peer": 3}
FLAGS = ["-O2", "-g0", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror"]


def build(directory: Path, plugin: bool = True) -> None:
    """The programs of line/ and the plugin; statically linked, each at a place of its own."""
    for name, region in REGION.items():
        more = ["-I", ROOT / "kmod", *sorted((ROOT / "kmod" / "proto").glob("*.c"))] if name == "engine" else []
        subprocess.run(["gcc", *FLAGS, "-static", "-no-pie", f"-Wl,-Ttext-segment={region << 28:#x}",
                        LINE / f"{name}.c", *more, "-o", directory / name], check=True)
    if plugin:
        subprocess.run(["gcc", *FLAGS, "-shared", "-fPIC", "-fvisibility=hidden", LINE / "count.c",
                        "-o", directory / "count.so"], check=True)
