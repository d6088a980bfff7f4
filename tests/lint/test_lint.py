# SPDX-License-Identifier: BSD-3-Clause
"""The project's own checkers must find what they are there to find."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
GOOD = """
#include <stddef.h>
void *memcpy(void *d, const void *s, size_t n);
struct ops { int (*rx)(int); int (*event)(int); };
int outer(const struct ops *ops, int n);
static int leaf(int n) { return n * 3; }
static const struct ops table = {
	.rx = leaf,
};
int outer(const struct ops *ops, int n) { return ops->rx(n) + ops->event(n) + table.rx(n); }
"""


def engine(tmp_path, source):
    proto = tmp_path / "proto"
    proto.mkdir()
    (proto / "one.c").write_text(source)
    return subprocess.run([HERE / "engine", tmp_path], capture_output=True, text=True)


def test_engine_that_keeps_the_rules(tmp_path):
    result = engine(tmp_path, GOOD)
    assert result.returncode == 0, result.stderr
    assert "calls back event" in result.stdout


@pytest.mark.parametrize("source, complaint", [
    ("int f(int n); int f(int n) { return n ? n + f(n / 2) * f(n / 3) : 0; }", "recursion: f -> f"),
    ("int f(int); int g(int);"
     "int __attribute__((noinline)) f(int n) { return n ? 1 + g(n - 1) * g(n - 2) : 0; }"
     "int __attribute__((noinline)) g(int n) { return n ? 2 + f(n - 1) * f(n - 3) : 1; }", "recursion:"),
    ("struct ops { int (*rx)(int); }; extern const struct ops *volatile ops; int f(int);\n"
     "int f(int n) { return n ? 1 +\n ops->rx(n - 1) : 0; }\nstatic const struct ops t = {\n\t.rx = f,\n};\n"
     "const struct ops *const p; const struct ops *const q = &t;", "recursion:"),
    ("double f(double); double f(double x) { return x * 2; }", ""),
    ("void *malloc(unsigned long); void *f(void); void *f(void) { return malloc(3); }", "needs malloc"),
    ("int f(void); int f(void) { static int n; return ++n; }", "writable data"),
    ("void use(char *); extern void memset(char *, int, unsigned long); char f(int); "
     "char f(int n) { volatile char b[2000]; b[n] = 1; return b[n / 2]; }", "allowed are 1024"),
    ("char f(int); char f(int n) { volatile char b[n]; b[0] = 1; return b[n / 2]; }", ""),
])
def test_engine_that_breaks_a_rule(tmp_path, source, complaint):
    result = engine(tmp_path, source)
    assert result.returncode != 0
    assert complaint in result.stderr


def test_deep_chain_of_small_frames_is_found(tmp_path):
    functions = "".join(
        f"int f{n}(int); int __attribute__((noinline)) f{n}(int i) "
        f"{{ volatile char b[200]; b[i] = 1; return {f'f{n - 1}(i) + ' if n else ''} b[i / 2]; }}\n"
        for n in range(8))
    result = engine(tmp_path, functions)
    assert result.returncode != 0 and "bytes of stack" in result.stderr


def licences(tmp_path, name, text):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    (tmp_path / "LICENSES").mkdir()
    for licence in ("BSD-3-Clause", "GPL-2.0"):
        (tmp_path / "LICENSES" / f"{licence}.txt").write_text("text\n")
    subprocess.run(["git", "-C", tmp_path, "add", "-A"], check=True)
    return subprocess.run([HERE / "licences"], cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize("name, tag, accepted", [
    ("daemon/a.cpp", "// SPDX-License-Identifier: BSD-3-Clause", True),
    ("daemon/a.cpp", "// SPDX-License-Identifier: GPL-2.0", False),
    ("daemon/a.cpp", "// no tag", False),
    ("kmod/proto/a.c", "/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */", True),
    ("kmod/proto/a.c", "/* SPDX-License-Identifier: GPL-2.0 */", False),
    ("kmod/n_llp.c", "// SPDX-License-Identifier: GPL-2.0", True),
    ("kmod/uapi/llp.h", "/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */", False),
])
def test_licences(tmp_path, name, tag, accepted):
    # The last row is right but for the text of the exception, which is missing.
    result = licences(tmp_path, name, f"{tag}\n")
    assert (result.returncode == 0) == accepted, result.stdout
