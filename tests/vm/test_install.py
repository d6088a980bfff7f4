# SPDX-License-Identifier: BSD-3-Clause
"""What `make install` leaves for DKMS is built as DKMS would, for a kernel that is not running."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from lib import kernels  # noqa: E402

# As DKMS knows them when it reads dkms.conf.
NAMES = ("PACKAGE_NAME", "PACKAGE_VERSION", "MAKE[0]", "CLEAN", "BUILT_MODULE_NAME[0]", "BUILT_MODULE_LOCATION[0]")


def run(*words, **more):
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    said = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False,
                          env=env | more.pop("env", {}), **more)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


def install(destination):
    run(ROOT / "tools/dev/module-install", env={"DESTDIR": str(destination), "PREFIX": "/usr"})
    (tree,) = (destination / "usr/src").iterdir()
    return tree


@pytest.fixture(name="tree")
def _tree(tmp_path):
    return install(tmp_path / "root")


def test_make_install_installs_the_module(tmp_path):
    said = run("make", "-n", "install", f"DESTDIR={tmp_path}", "PREFIX=/usr", cwd=ROOT)
    assert f'DESTDIR="{tmp_path}" PREFIX="/usr" tools/dev/module-install --if-possible' in said
    assert "cmake --install build" in said


def test_programs_find_the_headers(tree):
    headers = tree.parent.parent / "include/llp"
    assert sorted(path.name for path in headers.iterdir()) == ["llp.h", "llp_netlink.h"]
    run("cc", "-fsyntax-only", "-Wall", "-Werror", "-I", headers.parent, "-x", "c", "-", input="#include <llp/llp.h>\n")


def test_nothing_of_an_older_version_is_left(tree):
    (tree / "kmod/proto/older.c").write_text("#error\n")
    assert install(tree.parents[2]) == tree
    assert not (tree / "kmod/proto/older.c").exists() and (tree / "kmod/main.c").exists()


def test_the_tree_is_no_place_for_the_build(tree):
    names = {path.name for path in tree.rglob("*")}
    assert "dkms.conf" in names and not names & {"CMakeLists.txt", ".clang-tidy", "n_llp.ko", "main.o"}


def test_dkms_conf_builds_the_module(tree, tmp_path):
    kernel = kernels.fetch("6.1")
    text = (tree / "dkms.conf").read_text()
    assert "@" not in text
    said = run("bash", "-euc", 'source "$1"; shift; for name; do declare -n value=$name; echo "$value"; done', "bash",
               tree / "dkms.conf", *NAMES, env={"kernel_source_dir": str(kernel.headers), "dkms_tree": str(tmp_path / "dkms")})
    conf = dict(zip(NAMES, said.splitlines(), strict=True))
    assert tree.name == f"{conf['PACKAGE_NAME']}-{conf['PACKAGE_VERSION']}"
    build = tmp_path / "dkms" / conf["PACKAGE_NAME"] / conf["PACKAGE_VERSION"] / "build"
    shutil.copytree(tree, build)
    run("bash", "-euc", conf["MAKE[0]"], cwd=build)
    module = build / conf["BUILT_MODULE_LOCATION[0]"] / f"{conf['BUILT_MODULE_NAME[0]']}.ko"
    assert run("modinfo", "-F", "vermagic", module).split()[0] == kernel.release
    assert run("modinfo", "-F", "name", module).strip() == "n_llp"
    run("bash", "-euc", conf["CLEAN"], cwd=build)
    assert not module.exists()
