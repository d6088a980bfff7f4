# SPDX-License-Identifier: BSD-3-Clause
"""No private function hides one that a header declares.

Sources of a directory are compiled together, several as one. There, an
unnamed namespace is everybody's: a private function with the name of one that
a header declares for the same or an enclosing namespace is what the source
beside it calls, without a word from the compiler.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = r"[A-Za-z_]\w*"
DEFINED = re.compile(rf"(?:^|[;}}])\s*(?:template\s*<[^>]*>\s*)?(?:\[\[\w+\]\]\s*)?[\w:<>,&*\s]+?[\s&*>]({NAME})\s*"
                     r"\([^;{}]*\)[^;{}]*\{")
DECLARED = re.compile(rf"(?:^|;)\s*(?:template\s*<[^;]*?>\s*)?(?:\[\[[^\]]*\]\]\s*)*[\w:<>,&*\s]+?[\s&*>]({NAME})\s*\(")


def plain(text):
    """Without comments, literals and directives."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r'R"\(.*?\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', '""', text, flags=re.S)
    return re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)


def spaces(text):
    """Each namespace with its name ("": none) and what stands in it itself, braces emptied."""
    for opening in re.finditer(rf"namespace(?:\s+([\w:]+))?\s*\{{", text):
        depth, own = 1, []
        for char in text[opening.end():]:
            depth += {"{": 1, "}": -1}.get(char, 0)
            if depth == 0:
                break
            own.append(char if depth == 1 or (depth == 2 and char == "{") else "")
        yield opening.group(1) or "", "".join(own)


def declared(headers):
    """The namespaces that declare a free function of each name."""
    found = {}
    for text in headers:
        for space, own in spaces(plain(text)):
            for match in DECLARED.finditer(own.replace("{}", ";").replace("{", ";")):
                found.setdefault(match.group(1), set()).add(space)
    return found


def hidden(source, free):
    """Private functions of a source that hide a declared one."""
    parts = list(spaces(plain(source)))
    home = max((name for name, _ in parts), key=len, default="")
    around = {home[:i] for i in range(len(home) + 1) if home[i:i + 2] in ("::", "")}
    return sorted({match.group(1) for name, own in parts if not name for match in DEFINED.finditer(own)
                   if free.get(match.group(1), set()) & around})


def texts(pattern):
    names = subprocess.run(["git", "ls-files", "-z", "--", f"daemon/{pattern}", f"tools/{pattern}"], cwd=ROOT,
                           check=True, capture_output=True, text=True).stdout.split("\0")
    return {name: (ROOT / name).read_text() for name in names if name}


def test_no_private_function_hides_a_declared_one():
    free = declared(texts("*.hpp").values())
    assert len(free) > 200, "the headers' functions are seen"
    found = {name: names for name, text in texts("*.cpp").items() if (names := hidden(text, free))}
    assert not found


HEADER = "namespace llp {\n[[nodiscard]] Result<std::string> read_file(const std::string& name);\n}"
SOURCE = "namespace llp::{space} {{\nnamespace {{\nint {name}(const char* a) {{ return a[0]; }}\n}}\n}}"


def test_a_hidden_one_is_seen():
    free = declared([HEADER])
    assert hidden(SOURCE.format(space="ctl", name="read_file"), free) == ["read_file"]
    assert hidden(SOURCE.format(space="ctl", name="read_page"), free) == []


def test_elsewhere_it_hides_nothing():
    free = declared([HEADER.replace("namespace llp", "namespace llp::cat")])
    assert hidden(SOURCE.format(space="ctl", name="read_file"), free) == []
    assert hidden(SOURCE.format(space="cat", name="read_file"), free) == ["read_file"]


def test_members_and_public_functions_hide_nothing():
    free = declared([HEADER])
    assert hidden("namespace llp {\nstruct A { int read_file(int a) { return a; } };\nint read_file() { return 1; }\n}", free) == []
