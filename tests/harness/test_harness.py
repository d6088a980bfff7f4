# SPDX-License-Identifier: BSD-3-Clause
"""The runner's own tests: it must not call anything passed that was not."""

import time

import pytest

from harness import report, schedule
from harness.suite import FAILED, PASSED, SKIPPED, Case, Suite

GTEST = """<?xml version="1.0"?><testsuites><testsuite name="S">
<testcase name="A" classname="S" status="run" result="completed"/>
<testcase name="B" classname="S" status="run" result="completed"><failure message="B &lt; 2"/></testcase>
<testcase name="C" classname="S" status="run" result="skipped"><skipped message="no tty"/></testcase>
<testcase name="DISABLED_D" classname="S" status="notrun" result="suppressed"/>
</testsuite></testsuites>"""
ONE = '<testsuites><testsuite><testcase name="t" classname="c"/></testsuite></testsuites>'
NONE = "<testsuites><testsuite tests='0'/></testsuites>"
ALL_SKIPPED = '<testsuites><testsuite><testcase name="t"><skipped message="why"/></testcase></testsuite></testsuites>'


def sh(name, script, **more):
    return Suite(name, ["/bin/sh", "-c", script], **more)


def writes(name, xml, *, status=0, **more):
    return sh(name, f"cat > $OUT/r.xml <<'END'\n{xml}\nEND\nexit {status}", results="xml",
              env={"OUT": "{results}"}, **more)


@pytest.fixture
def run(tmp_path):
    def runner(*suites, slots=2):
        return schedule.run(list(suites), tmp_path, slots, lambda s: None, lambda o: None, lambda n: None)
    return runner


def outcomes(result):
    return [case.outcome for case in result.cases]


def test_exit_status_is_one_case(run):
    good, bad = run(sh("good", "exit 0"), sh("bad", "echo why; exit 3"))
    assert outcomes(good) == [PASSED] and good.ok
    assert outcomes(bad) == [FAILED] and not bad.ok
    assert "exit status 3" in report.details(bad) and "| why" in report.details(bad)


def test_command_that_does_not_exist_fails(run):
    (result,) = run(Suite("absent", ["/nonexistent/program"]))
    assert outcomes(result) == [FAILED]


def test_report_cases_are_counted(run):
    (result,) = run(writes("gtest", GTEST, status=1))
    assert outcomes(result) == [PASSED, FAILED, SKIPPED, SKIPPED]
    text = report.details(result)
    assert "B < 2" in text and "no tty" in text and "disabled" in text


@pytest.mark.parametrize("xml", [NONE, ALL_SKIPPED, "not xml"])
def test_nothing_executed_is_a_failure(run, xml):
    (result,) = run(writes("empty", xml))
    assert FAILED in outcomes(result)


def test_no_report_at_all_is_a_failure(run):
    (result,) = run(sh("silent", "exit 0", results="xml"))
    assert outcomes(result) == [FAILED]


def test_one_empty_report_among_others_is_a_failure(run):
    (result,) = run(sh("mixed", f"echo '{ONE}' > $OUT/a.xml; echo \"{NONE}\" > $OUT/b.xml", results="xml",
                       env={"OUT": "{results}"}))
    assert outcomes(result) == [PASSED, FAILED]


def test_failing_command_with_passing_report_fails(run):
    (result,) = run(writes("crash", ONE, status=139))
    assert outcomes(result) == [PASSED, FAILED]


def test_reports_of_an_earlier_run_do_not_count(run):
    first, = run(writes("again", ONE))
    second, = run(sh("again", "exit 0", results="xml"))
    assert first.ok and outcomes(second) == [FAILED]


def test_tap_is_counted_and_nothing_executed_is_a_failure(run):
    def tap(name, text):
        return sh(name, f"printf '{text}' > $OUT/p.tap", results="tap", env={"OUT": "{results}"})
    good, skipped, silent = run(tap("good", "1..2\\nok 1 a\\nnot ok 2 b\\n"), tap("skipped", "1..0 # SKIP why\\n"),
                                sh("silent", "exit 0", results="tap"))
    assert outcomes(good) == [PASSED, FAILED]
    assert outcomes(skipped) == [SKIPPED, FAILED] and outcomes(silent) == [FAILED]


def test_ctest_program_without_report_fails(run, monkeypatch):
    monkeypatch.setattr("harness.suite.ctest_programs", lambda tree: ["r", "crashed"])
    (result,) = run(Suite(**{**vars(writes("unit", ONE)), "results": "ctest"}))
    assert outcomes(result) == [PASSED, FAILED]
    assert "crashed/report" in report.details(result)


def test_time_is_bounded_and_nothing_is_left_running(run, tmp_path):
    mark = tmp_path / "mark"
    begin = time.monotonic()
    (result,) = run(sh("slow", f"(trap '' TERM; sleep 60; touch {mark}) & sleep 60", timeout=0.3))
    assert outcomes(result) == [FAILED] and "timed out" in report.details(result)
    assert time.monotonic() - begin < 30
    assert not mark.exists()


def test_what_a_suite_leaves_behind_is_killed(run, tmp_path):
    pid = tmp_path / "pid"
    (result,) = run(sh("litter", f"sleep 60 & echo $! > {pid}"))
    assert result.ok
    deadline = time.monotonic() + 30
    stat = tmp_path.__class__(f"/proc/{pid.read_text().strip()}/stat")
    while stat.exists() and " Z " not in stat.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not stat.exists() or " Z " in stat.read_text()


def test_suite_after_a_failed_one_is_not_run_and_fails(run, tmp_path):
    mark = tmp_path / "mark"
    build, unit = run(sh("build", "exit 1"), sh("unit", f"touch {mark}", after=["build"]))
    assert outcomes(build) == [FAILED] and outcomes(unit) == [FAILED]
    assert not mark.exists()


def test_absent_suite_is_skipped_with_its_reason_and_so_is_what_needs_it(run):
    first, second = run(sh("vm", "exit 0", absent=lambda: "no qemu"), sh("next", "exit 0", after=["vm"]))
    assert outcomes(first) == [SKIPPED] and outcomes(second) == [SKIPPED]
    assert "no qemu" in report.details(first)
    assert "SKIPPED" in report.summary(first)


def test_waiting_for_what_is_not_there_is_an_error(run):
    with pytest.raises(ValueError, match="bulid"):
        run(sh("unit", "exit 0", after=["bulid"]))


def test_order_and_slots(run, tmp_path):
    log = tmp_path / "order"
    step = "echo +{0} >> {1}; sleep 0.2; echo -{0} >> {1}"
    run(sh("a", step.format("a", log), slots=1), sh("whole", step.format("w", log), slots=2),
        sh("b", step.format("b", log), slots=1), sh("idle", step.format("i", log), slots=0))
    order = log.read_text().split()
    assert order.index("-a") < order.index("+w") < order.index("-w") < order.index("+b")
    assert order.index("+i") < order.index("-a")


def test_time_of_processors_is_told(run):
    busy = "import os\nwhile sum(os.times()[:2]) < 0.6: pass"
    works, waits = run(sh("works", f"/usr/bin/python3 -c '{busy}'"), sh("waits", "sleep 0.6"))
    assert works.cpu >= 0.6 and report.summary(works).endswith("of one core")
    assert waits.cpu < 0.5 and report.summary(waits).endswith(" s")


def test_suites_that_wait_share_a_core(run, tmp_path):
    log = tmp_path / "order"
    step = "echo +{0} >> {1}; sleep 0.2; echo -{0} >> {1}"
    run(*(sh(name, step.format(name, log), slots=0.5) for name in "abc"), slots=1)
    order = log.read_text().split()
    assert {order[0], order[1]} == {"+a", "+b"} and order.index("+c") > min(order.index("-a"), order.index("-b"))


def test_suite_wider_than_the_machine_runs_alone(run):
    results = run(sh("wide", "exit 0", slots=64), sh("narrow", "exit 0"), slots=1)
    assert all(result.ok for result in results)


def test_required(run):
    results = run(writes("unit", GTEST), writes("clean", ONE), sh("vm", "exit 0", absent=lambda: "no qemu"))
    assert report.check_required(["clean", "unit/r/S.A", "c*/*"], results) == []
    problems = report.check_required(["unit", "vm", "e2e", "unit/*.C"], results)
    assert [(case.name, case.outcome) for case in problems] == [
        ("REQUIRED/unit", FAILED), ("REQUIRED/vm", FAILED), ("REQUIRED/e2e", FAILED), ("REQUIRED/unit/*.C", FAILED)]
    assert "did not run" in problems[2].detail and "no tty" in problems[0].detail


def test_required_file(tmp_path):
    path = tmp_path / "REQUIRED"
    path.write_text("# list\nunit  # all\n\nvm/*\n")
    assert report.read_required(path) == ["unit", "vm/*"]


def test_last_line():
    cases = [Case("a", PASSED), Case("b", PASSED), Case("c", FAILED), Case("d", SKIPPED)]
    assert report.last_line(cases) == "2 passed, 1 failed, 1 skipped"
    assert report.last_line([]) == "0 passed, 0 failed, 0 skipped"
