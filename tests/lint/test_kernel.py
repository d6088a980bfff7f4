# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel's checkers say is neither lost nor too easily allowed."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.script import load  # noqa: E402

TOOL = load(HERE / "kernel")
SAID = ("kmod/a.c:7: WARNING:VOLATILE: Use of volatile is usually wrong\n"
        "total: 0 errors, 1 warnings, 0 checks, 9 lines checked\n")


def test_a_complaint_is_one():
    assert TOOL.judge(SAID, []) == [SAID.splitlines()[0]]


def test_an_exception_is_for_its_type_and_its_files():
    assert TOOL.judge(SAID, [("VOLATILE", "kmod/*")]) == []
    assert len(TOOL.judge(SAID, [("VOLATILE", "tests/*")])) == 2
    assert len(TOOL.judge(SAID, [("LONG_LINE", "kmod/*")])) == 2


def test_an_exception_that_nothing_needs():
    assert TOOL.judge("", [("VOLATILE", "*")]) == ["kernel.txt: nothing needs VOLATILE *"]


def test_exceptions_have_reasons():
    text = (HERE / "kernel.txt").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(TOOL.read_exceptions(text)) == len(lines)
    assert TOOL.read_exceptions("VOLATILE kmod/a.c\n") == []


def test_long_lines_are_for_their_files():
    long = TOOL.widths([("VOLATILE", "kmod/*"), ("LONG_LINE=120", "kmod/proto/*")])
    assert long == {"kmod/proto/*": 120}
    assert TOOL.width_of("kmod/proto/x328.c", long) == 120 and TOOL.width_of("kmod/tty.c", long) == 100


def test_programs_of_user_space_are_checkpatchs():
    assert "tests/kselftest/wire.c" in TOOL.files(".c", parts=(*TOOL.PARTS, TOOL.USER))
    assert "tests/kselftest/wire.c" not in TOOL.files(".c")


def test_all_of_the_kernels_code_is_checked():
    names = TOOL.files(".c", ".h")
    for name in ("kmod/netlink_set.c", "kmod/proto/x328_dec.c", "kmod/uapi/llp_netlink.h", "tests/kmod/testtty_line.c"):
        assert name in names


HEADER = """extern int number;
struct a {
\tint (*call)(int x);
};
int a_one(struct a *a);
const struct a *a_two(struct a *a,
\t\t      int more);
static inline bool a_three(void)
{
\treturn a_one(NULL);
}
"""


def test_a_function_that_files_share_has_a_description():
    code = "".join(f"/**\n * {name}() - what it does\n */\n" for name in ("a_one", "a_two", "a_three"))
    assert TOOL.undescribed(HEADER, "") == ["a_one", "a_two", "a_three"]
    assert TOOL.undescribed(HEADER, code) == []
    assert TOOL.undescribed(HEADER, code.replace("a_two() - what", "a_two() -\n * what")) == ["a_two"]
    assert TOOL.undescribed(HEADER, code.replace("/**\n * a_one", "/*\n * a_one")) == ["a_one"]


def test_shared_headers_are_understood():
    for name, least in (("kmod/line.h", 90), ("kmod/netlink.h", 4)):
        assert len(TOOL.undescribed((TOOL.ROOT / name).read_text(), "")) >= least


def test_what_semantic_patches_say():
    assert TOOL.opinions("kfree", "kmod/a.c:7:1: double free\n\n") == ["kfree: kmod/a.c:7:1: double free"]
    assert TOOL.opinions("minmax", "kmod/proto/a.c:7:1: opportunity\nkmod/a.c:7:1: opportunity\n") == [
        "minmax: kmod/a.c:7:1: opportunity"]
    assert TOOL.opinions("kfree", "kmod/proto/a.c:7:1: double free\n")


def test_semantic_patches_that_can_run(tmp_path):
    for name, text in (("a", "virtual report\n@r@\n"), ("b", "virtual patch\n"), ("c", "virtual report\n@initialize:ocaml@\n")):
        (tmp_path / f"{name}.cocci").write_text(text)
    assert [path.stem for path in TOOL.rules(tmp_path)] == ["a"]
