# SPDX-License-Identifier: BSD-3-Clause
"""What the reader of TAP must not be talked into."""

import pytest

from harness import tap
from harness.suite import FAILED, PASSED, SKIPPED, Case


def parse(text):
    return [(case.name, case.outcome) for case in tap.parse(text, "p")]


def problems(text):
    return [case.detail for case in tap.parse(text, "p") if case.name == "p/tap"]


def test_kselftest_output():
    text = """TAP version 13
1..3
# Starting 3 tests from 1 test cases.
#  RUN           global.attach ...
#            OK  global.attach
ok 1 global.attach
# attach.c:20:busy:Expected 0 (0) == -1 (18446744073709551615)
not ok 2 global.busy
ok 3 global.usb # SKIP no USB here
# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:0
"""
    assert parse(text) == [("p/global.attach", PASSED), ("p/global.busy", FAILED), ("p/global.usb", SKIPPED)]
    assert tap.parse(text, "p")[2].detail == "no USB here"


def test_plan_may_come_last_and_numbers_and_names_may_be_missing():
    assert parse("ok\nok - named\n1..2\n") == [("p/1", PASSED), ("p/named", PASSED)]


def test_dash_and_sharp_are_no_part_of_the_name():
    assert parse("1..2\nok 1 - a b # SKIP\nok 2 c #5\n") == [("p/a b", SKIPPED), ("p/c #5", PASSED)]


def test_skip_of_all():
    assert parse("1..0 # SKIP no module\n") == [("p/all", SKIPPED)]


def test_no_plan_is_a_failure():
    assert problems("ok 1 a\n") == ["no plan"]
    assert problems("") == ["no plan"]


@pytest.mark.parametrize("text", ["1..2\nok 1 a\n", "1..1\nok 1 a\nok 2 b\n", "1..3\n"])
def test_count_must_be_as_planned(text):
    assert len(problems(text)) == 1 and "planned" in problems(text)[0]


def test_number_out_of_turn_is_a_failure():
    assert "number 3" in problems("1..2\nok 1 a\nok 3 b\n")[0]
    assert "number 1" in problems("1..2\nok 1 a\nok 1 a\n")[0]


def test_second_plan_and_bail_out_are_failures():
    assert problems("1..1\nok 1 a\n1..1\n") == ["a second plan: 1..1"]
    assert problems("1..1\nok 1 a\nBail out! gone\n") == ["Bail out! gone"]


def test_noise_counts_for_nothing():
    assert parse("1..1\nokay then\n  ok 1 indented\nit is ok 2\nok 1 a\n") == [("p/a", PASSED)]


def test_failure_with_skip_stays_a_failure():
    assert parse("1..1\nnot ok 1 a # SKIP later\n") == [("p/a", FAILED)]


def test_written_is_read_again():
    cases = [Case("a", PASSED), Case("b c", FAILED, "two\nlines"), Case("d", SKIPPED, "why")]
    text = tap.write(cases)
    assert parse(text) == [("p/a", PASSED), ("p/b c", FAILED), ("p/d", SKIPPED)]
    assert "# two\n# lines\nnot ok 2 b c" in text


def test_nothing_written_is_nothing_planned():
    assert parse(tap.write([])) == [("p/all", SKIPPED)]
