# SPDX-License-Identifier: BSD-3-Clause
"""The catalogue of systemd's journal reads, as journalctl does it."""

import re
import shutil
import subprocess

import pytest

from support import ROOT

pytestmark = pytest.mark.user

CATALOGUE = ROOT / "udev" / "llp.catalog"


@pytest.mark.skipif(shutil.which("journalctl") is None, reason="no journalctl (package systemd)")
def test_the_catalogue_reads(tmp_path):
    def journalctl(*words):
        said = subprocess.run(["journalctl", f"--root={tmp_path}", *words], text=True, capture_output=True, timeout=60)
        assert said.returncode == 0 and not said.stderr, said.stderr
        return said.stdout

    place = tmp_path / "usr" / "lib" / "systemd" / "catalog"
    place.mkdir(parents=True)
    shutil.copy(CATALOGUE, place)
    journalctl("--update-catalog")
    ids = re.findall(r"^-- ([0-9a-f]{32})$", CATALOGUE.read_text(), re.M)
    assert sorted(ids) == sorted(line.split()[0] for line in journalctl("--list-catalog").splitlines())
    for entry in ids:
        text = journalctl("--dump-catalog", entry)
        head, _, body = text.partition("\n\n")
        assert "Subject: " in head and "Defined-By: llpdrv" in head and body.strip(), text
        assert all(len(line) <= 90 for line in body.splitlines()), text
