# SPDX-License-Identifier: BSD-3-Clause
"""What the measurements of lines make of what they are told."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.script import load  # noqa: E402

COUNT, LINES = load(HERE / "instructions"), load(HERE / "lines")

SAID = """run x328 kernel
module n_llp 0xffffffffc0300000 8192
module llp_testtty 0xffffffffc0302000 4096
10 0.5
0
"""
COUNTED = """mark 1
user 1 999999
mark 2
other 40
kernel 1000
user 1 200
user 3 70
module 0xffffffffc0300000 100
module 0xffffffffc0301000 20
module 0xffffffffc0302000 500
module 0xffffffffc0309000 60
"""


def test_instructions_are_told_apart():
    (run,) = COUNT.read_runs(SAID, COUNTED)
    assert (run.protocol, run.variant, run.messages) == ("x328", "kernel", 10)
    assert run.programs == 20 and run.module("n_llp") == 12 and run.module("llp_testtty") == 50
    assert run.total == (40 + 1000 + 200 + 100 + 20 + 60) / 10


@pytest.mark.parametrize("said, counted", [(SAID, ""), (SAID + SAID, COUNTED), ("", ""), ("run x328 kernel\n", COUNTED)])
def test_a_run_that_did_not_end(said, counted):
    with pytest.raises(COUNT.RigError):
        COUNT.read_runs(said, counted)


def test_the_gate():
    figures = COUNT.recorded("# comment\nkernel-1 gcc-1 1000  # more\n")
    assert COUNT.verdict(1030, "kernel-1", "gcc-1", figures)[0]
    good, text = COUNT.verdict(1031, "kernel-1", "gcc-1", figures)
    assert not good and "3 %" in text


def test_what_nothing_is_recorded_for_is_printed():
    good, text = COUNT.verdict(1e9, "kernel-2", "gcc-1", {("kernel-1", "gcc-1"): 1.0})
    assert good and "kernel-2 gcc-1 1000000000" in text


def test_figures_recorded_are_readable():
    assert COUNT.recorded(COUNT.FIGURES.read_text())


def test_lines_by_variant():
    runs = LINES.read_runs("run x328 kernel\nmodule n_llp 0xf 1\n2 0.5\n1000\n3000\nrun x328 user\n2 1.0\n5000\n4000\n")
    assert [run.rate for run in runs["kernel"]] == [4.0] and runs["user"][0].turnarounds == [5.0, 4.0]
    assert runs["kernel"][0].percentile(0.5) == 1.0 and runs["kernel"][0].percentile(1) == 3.0


def test_the_99th_percentile_of_a_hundred_is_not_the_greatest():
    run = LINES.Run([float(number) for number in range(100, 0, -1)], 1)
    assert [run.percentile(share) for share in (0.01, 0.5, 0.99, 1)] == [1, 50, 99, 100]
