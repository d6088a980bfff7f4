# SPDX-License-Identifier: BSD-3-Clause
"""A sanitized kernel must tell of each kind of mistake, and the rig must fail the program that made it."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness.case import FAILED, PASSED  # noqa: E402
from lib import check, guest, sanitized  # noqa: E402

# What llp_splat does, and what the kernel says of it. Lock checking ends with its first report, and with KASAN's.
MISTAKES = {
    "sleep": "BUG: sleeping function called from invalid context",
    "rcu": "WARNING: suspicious RCU usage",
    "lock-order": "possible circular locking dependency",
    "use-after-free": "KASAN: slab-use-after-free in splat_use_after_free",
    "out-of-bounds": "KASAN: slab-out-of-bounds in splat_out_of_bounds",
    "double-free": "KASAN: double-free in splat_double_free",
    "index": "UBSAN: array-index-out-of-bounds",
    "shift": "UBSAN: shift-out-of-bounds",
    "timer": "ODEBUG: free active",
}
TAP = "echo 1..1; echo ok 1 a"


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """One boot, in which every program passes by its own account. A leak is told at the end."""
    programs = [
        guest.Program("clean", 60, "llp_testtty", TAP),
        guest.Program("leak", 60, "-", f"{TAP}; modprobe llp_splat do=leak; rmmod llp_splat"),
        guest.Program("innocent", 60, "-", TAP),
        *[guest.Program(how, 60, "-", f"{TAP}; modprobe llp_splat do={how}; rmmod llp_splat") for how in MISTAKES],
    ]
    job = guest.Job(sanitized.fetch("um-san"), programs=programs, timeout=300, sources=("tests/kmod",),
                    log=tmp_path_factory.mktemp("sanitizers") / "log")
    return check.run(job)


def said(found):
    return "\n".join(case.detail for case in found if case.outcome == FAILED)


@pytest.mark.parametrize("how", MISTAKES)
def test_mistake_fails_its_program(cases, how):
    assert MISTAKES[how] in said(cases[how])
    # Nothing else failed: the program itself was content.
    assert [case.name for case in cases[how] if case.outcome == FAILED] == [f"{how}/kernel-log"]


@pytest.mark.parametrize("name", ["clean", "innocent"])
def test_nobody_else_is_blamed(cases, name):
    assert [case.outcome for case in cases[name]] == [PASSED, PASSED]


def test_leak_fails_the_run(cases):
    assert "unreferenced object" in said(cases["guest"])
    assert 'comm "modprobe"' in said(cases["guest"])
