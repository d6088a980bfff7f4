# SPDX-License-Identifier: BSD-3-Clause
"""The generator of the conformance tables finds what it is there to find."""

import subprocess
from pathlib import Path

import pytest

GENERATE = Path(__file__).resolve().parent / "generate"

REQUIREMENTS = '''title = "A protocol"

[[group]]
name = "Decisions"
[group.demands]
"D-1" = "what is | demanded"
'''

LISTING = """#!/bin/sh
echo "Suite."
echo "  Case"
echo "All/Suite."
echo "  Each/0"
echo "Files/Captures."
echo "  Played/p_one_as_left"
echo "  DISABLED_Off"
"""


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    """A tree in which all is well."""
    def put(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path
    put("tests/conformance/requirements/p.toml", REQUIREMENTS)
    put("tests/unit/p/p_test.cpp", "// A comment.\n// shows: p/D-1\nTEST_F(Suite, Case) {\n}\n")
    put("tests/captures/p/one.capture", "llp-capture 1\nshows p/D-1\n\n+0 > CR\n")
    put("tests/e2e/.keep", "")
    put("docs/.keep", "")
    for program in ("test_p", "test_captures"):
        put(f"bin/{program}", LISTING).chmod(0o755)
    run(tmp_path)
    return tmp_path


def run(tree, *check):
    done = subprocess.run([GENERATE, "--root", tree, *check], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def check(tree):
    return run(tree, "--check", "--bin", tree / "bin")


@pytest.fixture(name="put")
def make_put(tree):
    def put(name, text):
        (tree / name).write_text(text)
    return put


def test_all_well(tree):
    status, said = check(tree)
    assert status == 0, said
    assert "1 requirements, 1 shown, 2 tests" in said
    table = (tree / "docs/conformance/p.md").read_text()
    assert "| D-1 | what is \\| demanded | `Suite.Case`, [p/one.capture](../../tests/captures/p/one.capture) |" in table


def test_a_group_that_wants_captures(tree, put):
    put("tests/conformance/requirements/p.toml",
        REQUIREMENTS + '\n[[group]]\nname = "Examples"\ncaptures = true\n[group.demands]\n"1" = "an example"\n')
    put("tests/unit/p/p_test.cpp", "// shows: p/D-1 p/1\nTEST_F(Suite, Case) {\n}\n")
    run(tree)
    status, said = check(tree)
    assert (status, "p/1 is shown by no capture: an example" in said) == (1, True)
    put("tests/captures/p/one.capture", "llp-capture 1\nshows p/1\n\n+0 > CR\n")
    run(tree)
    assert check(tree)[0] == 0


def test_a_requirement_without_a_test(tree, put):
    put("tests/conformance/requirements/p.toml", REQUIREMENTS + '"D-2" = "something else"\n')
    run(tree)
    status, said = check(tree)
    assert status == 1
    assert "p/D-2 is shown by no test: something else" in said


def test_an_unknown_requirement(tree, put):
    put("tests/unit/p/p_test.cpp", "// shows: p/D-1 p/D-9\nTEST(Suite, Case) {}\n")
    status, said = check(tree)
    assert status == 1
    assert "`Suite.Case` shows p/D-9, which is no requirement" in said


def test_a_table_out_of_date(tree, put):
    put("docs/conformance/p.md", "old\n")
    status, said = check(tree)
    assert status == 1
    assert "docs/conformance/p.md is out of date" in said


@pytest.mark.parametrize("name, ok", [("Case", True), ("Each", True), ("Other", False), ("DISABLED_Off", False)])
def test_a_test_that_is_not_there(tree, put, name, ok):
    put("tests/unit/p/p_test.cpp", f"// shows: p/D-1\nTEST_P(Suite, {name}) {{}}\n")
    run(tree)
    status, said = check(tree)
    assert (status == 0) == ok
    assert ("is tagged and not among the tests of test_p" in said) != ok


def test_a_capture_that_is_not_played(tree, put):
    (tree / "tests/captures/p/two.capture").write_text("llp-capture 1\nshows p/D-1\n")
    run(tree)
    status, said = check(tree)
    assert status == 1
    assert "two.capture" in said and "test_captures" in said


def test_a_program_that_was_not_built(tree):
    (tree / "bin/test_p").unlink()
    status, said = check(tree)
    assert status == 1
    assert "not among the tests of test_p" in said


@pytest.mark.parametrize("between", ["int x;", "", "// Another test came between.\nTEST(Suite, Other) {}\n"])
def test_a_tag_that_stands_alone(tree, put, between):
    put("tests/unit/p/p_test.cpp", f"// shows: p/D-1\n{between}\nTEST(Suite, Case) {{}}\n")
    status, said = check(tree)
    assert status == 1
    assert "p_test.cpp:1: a tag must stand directly above its test" in said


def test_end_to_end_marks(tree, put):
    put("tests/e2e/test_it.py", "import pytest\nclass TestIt:\n    @pytest.mark.shows('p/D-1')\n"
        "    @pytest.mark.parametrize('x', [1, 2])\n    def test_a(self, x):\n        pass\n")
    run(tree)
    table = (tree / "docs/conformance/p.md").read_text()
    assert "`test_it.py::TestIt::test_a`" in table
    assert check(tree)[0] == 0
    put("tests/e2e/test_it.py", "import pytest\nif False:\n    class TestIt:\n        pass\n"
        "@pytest.mark.shows('p/D-1')\ndef nothing_that_pytest_runs():\n    pass\n")
    run(tree)
    status, said = check(tree)
    assert status == 1
    assert "not among the tests of e2e" in said
