# SPDX-License-Identifier: BSD-3-Clause
"""The few files of the kernel's source package that tests and checks use.

The package is 150 MB to get and holds one compressed archive; only what is
named here is kept. Nothing of it is copied into the project.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from . import debs
from .paths import RigError, cache, locked

PACKAGE = "linux-source-6.12"
LAYOUT = "1"
PARTS = [
    "tools/testing/selftests/kselftest.h",
    "tools/testing/selftests/kselftest_harness.h",
    "scripts/checkpatch.pl",
    "scripts/const_structs.checkpatch",
    "scripts/kernel-doc",
    "scripts/spelling.txt",
    "scripts/coccinelle",
    "tools/net/ynl",
    "Documentation/netlink/*.yaml",
]


def extract(deb: Path, directory: Path) -> None:
    """Streams the archive inside the package; keeps PARTS of it."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as package, \
            subprocess.Popen(["tar", "-xO", "--wildcards", f"./usr/src/{PACKAGE}.tar.xz"], stdin=package.stdout,
                             stdout=subprocess.PIPE) as archive:
        wanted = [f"{PACKAGE}/{part}" for part in PARTS]
        said = subprocess.run(
            ["tar", "-xJ", "--no-same-owner", "--strip-components=1", "--wildcards", "-C", str(directory), *wanted],
            stdin=archive.stdout, capture_output=True, text=True, check=False)
    if said.returncode or package.returncode or archive.returncode:
        raise RigError(f"{deb.name} is not made as expected: {said.stderr}")


def fetch() -> Path:
    """The directory of the files, as they lie in the kernel's tree."""
    store = cache() / "source"
    with locked(store / "lock"):
        known = sorted(store.glob(f"{LAYOUT}-*"), key=lambda path: path.stat().st_mtime)
        # They are used as tools: a newer one is as good, so the cache is not asked to keep up.
        if known:
            return known[-1]
        version = debs.candidates([PACKAGE]).get(PACKAGE)
        if not version:
            debs.update()
            version = debs.candidates([PACKAGE]).get(PACKAGE)
        if not version:
            raise RigError(f"apt knows no {PACKAGE}: are these Debian 12's sources, with its security suite?")
        print(f"vm: fetching {PACKAGE}={version} for a few of its files", file=sys.stderr, flush=True)
        with debs.scratch(store) as temporary:
            debs_at, new = Path(temporary) / "debs", Path(temporary) / "tree"
            debs_at.mkdir()
            new.mkdir()
            (deb,) = debs.download([f"{PACKAGE}={version}"], debs_at)
            extract(deb, new)
            final = store / f"{LAYOUT}-{re.sub(r'[^0-9A-Za-z.+~-]', '_', version)}"
            shutil.rmtree(final, ignore_errors=True)
            new.rename(final)
        return final


def selftests() -> Path:
    """Where kselftest_harness.h is."""
    return fetch() / "tools" / "testing" / "selftests"
