# SPDX-License-Identifier: BSD-3-Clause
"""What `make install` gives to systemd, udev and the shells."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
UDEV = ROOT / "udev"
BIN = Path(os.environ["LLP_BIN"]).resolve()
UNITS = ("llpd.service", "llp-attach@.service")

# Of udev(7), those that these rules may use.
MATCHES = {"ACTION", "SUBSYSTEM", "KERNEL", "ENV", "ATTR"}
ASSIGNS = {"GROUP", "MODE", "SYMLINK", "TAG", "ENV", "GOTO", "LABEL"}
TERM = re.compile(r'\s*([A-Z]+)(?:\{([A-Za-z0-9_./]+)\})?(==|!=|\+=|=)"((?:[^"\\]|\\.)*)"\s*')


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=False, **more)


@pytest.fixture(name="units")
def _units(tmp_path):
    for unit in UNITS:
        text = (UDEV / f"{unit}.in").read_text(encoding="utf-8").replace("@BINDIR@", str(BIN))
        assert "@" not in text.replace("llp-attach@", "").replace("modprobe@n_llp", "").replace("@system-service", "") \
            .replace("@privileged", "").replace("@resources", ""), "a word that the build does not replace"
        (tmp_path / unit).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS)
def test_units_are_hardened(units, unit):
    said = run("systemd-analyze", "security", "--offline=true", units / unit)
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert level, said.stdout + said.stderr
    assert float(level.group(1)) <= 2.0, said.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_units_are_correct(units):
    instance = units / "llp-attach@chem-1.service"
    shutil.copyfile(units / "llp-attach@.service", instance)
    socket = units / "llpd-dist@chem.socket"
    shutil.copyfile(UDEV / "llpd-dist@.socket", socket)
    said = run("systemd-analyze", "verify", "--man=no", units / "llpd.service", instance, socket)
    # What other units of the machine are blamed for is not ours.
    ours = [line for line in said.stderr.splitlines() if "llp" in line]
    assert not ours, said.stderr


def terms(line):
    at, found = 0, []
    while at < len(line):
        term = TERM.match(line, at)
        assert term, f"not a term of udev: {line[at:]}"
        found.append(term.groups())
        at = term.end()
        if at < len(line):
            assert line[at] == ",", line
            at += 1
    return found


@pytest.mark.parametrize("name", ["60-llp.rules", "90-llp-attach.rules"])
def test_rules_are_correct(name):
    labels, jumps = set(), set()
    for line in (UDEV / name).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        for key, _, operator, value in terms(line):
            assert key in (MATCHES if operator in ("==", "!=") else ASSIGNS), line
            if key == "LABEL":
                labels.add(value)
            if key == "GOTO":
                jumps.add(value)
    assert jumps <= labels


def test_only_a_tagged_port_is_bound():
    """No line of ours sets anything on a tty before the tag was looked at."""
    lines = [line for line in (UDEV / "90-llp-attach.rules").read_text(encoding="utf-8").splitlines()
             if line.strip() and not line.startswith("#")]
    guard = next(i for i, line in enumerate(lines) if terms(line)[0] == ("ENV", "LLP_LINE", "!=", "?*"))
    assert terms(lines[guard])[1][0] == "GOTO" and lines[-1].startswith("LABEL=")
    for line in lines[:guard]:
        assert all(operator in ("==", "!=") or key == "GOTO" for key, _, operator, _ in terms(line)), line
    # Nothing else knows serial ports.
    assert 'SUBSYSTEM!="llp", GOTO=' in (UDEV / "60-llp.rules").read_text(encoding="utf-8")


@pytest.mark.parametrize("unit", UNITS)
def test_the_configuration_is_not_the_units(unit):
    """llp.tmpfiles gives /etc/llp its mode, or the administrator does; of another one than its own systemd complains."""
    text = (UDEV / f"{unit}.in").read_text(encoding="utf-8")
    assert "/etc/llp" in text and "ConfigurationDirectory" not in text


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("systemd-sysusers"), reason="needs root and systemd-sysusers")
def test_the_user_and_the_directories(tmp_path):
    (tmp_path / "etc").mkdir()
    said = run("systemd-sysusers", f"--root={tmp_path}", UDEV / "llp.sysusers")
    assert said.returncode == 0 and not said.stderr.count("Failed"), said.stderr
    assert re.search(r"^llp:x:\d+:\d+:[^:]+:/var/lib/llp:/usr/sbin/nologin$", (tmp_path / "etc/passwd").read_text(),
                     re.M)
    said = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", UDEV / "llp.tmpfiles")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "etc/llp/lines.d").stat().st_mode & 0o777 == 0o750


def test_what_is_installed(tmp_path):
    said = run("cmake", "--install", BIN.parent, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(tmp_path)})
    assert said.returncode == 0, said.stderr
    prefix = tmp_path / "usr"
    for file in ("bin/llpd", "bin/llpctl", "bin/llpattach", "lib/systemd/system/llpd.service",
                 "lib/systemd/system/llp-attach@.service", "lib/systemd/system/llpd-dist@.socket",
                 "share/doc/llpdrv/llp.logrotate", "lib/udev/rules.d/60-llp.rules",
                 "lib/udev/rules.d/90-llp-attach.rules", "lib/sysusers.d/llp.conf", "lib/tmpfiles.d/llp.conf",
                 "lib/systemd/catalog/llp.catalog",
                 "share/doc/llpdrv/grafana/llpd.json", "share/man/man1/llpctl.1", "share/man/man8/llpattach.8",
                 "share/bash-completion/completions/llpctl", "share/zsh/site-functions/_llpctl"):
        assert (prefix / file).is_file(), file
    assert "ExecStart=/usr/bin/llpd\n" in (prefix / "lib/systemd/system/llpd.service").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"usr"}, "nothing beside the prefix"


@pytest.mark.parametrize("program", ["llpctl", "llpattach"])
def test_help_and_manual_know_every_option(program):
    said = run(BIN / program, "--help")
    assert said.returncode == 0 and "Examples:" in said.stdout and "Exit status:" in said.stdout
    page = next(ROOT.glob(f"docs/{program}.[1-8]")).read_text(encoding="utf-8").replace("\\-", "-")
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said.stdout)) - {"--help", "--version", "--protocol", "--trouble"}
    for option in sorted(options):
        assert option in page, option


def test_wrong_usage():
    for words in (["llpctl"], ["llpctl", "lst"], ["llpctl", "show"], ["llpattach"], ["llpattach", "-b", "x", "/dev/ttyS1"]):
        said = run(BIN / words[0], *words[1:])
        assert said.returncode == 64 and "--help" in said.stderr, words
