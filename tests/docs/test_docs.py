# SPDX-License-Identifier: BSD-3-Clause
"""The manual's links and index; and that a page which is wrong is noticed. The pages themselves: tests/e2e/test_manual.py."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import links  # noqa: E402
import manual  # noqa: E402

ROOT = manual.ROOT


def test_no_link_is_dead():
    assert [problem for page in links.manual() for problem in links.dead(page)] == []


def test_the_index_leads_to_every_page():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target.partition("#")[0]).resolve()
              for line in links.prose(index.read_text()) for target in links.LINK.findall(line)}
    pages = {page for page in links.manual() if ROOT / "docs" in page.parents and page != index}
    pages = {page for page in pages if page.parent.name != "conformance"}  # one link to the directory
    assert sorted(str(page.relative_to(ROOT)) for page in pages - linked) == []


def test_the_index_names_every_manual_page():
    text = (ROOT / "docs" / "README.md").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.[1-8]") if f"({page.name})" not in text] == []


def test_what_is_not_run_says_why(record_property):
    reasons = [f"{page.relative_to(ROOT)}:{block.line}: {block.reason}" for page in manual.pages()
               for block in manual.blocks_in(page) if block.reason]
    record_property("not_run", "\n".join(reasons))
    print(f"{len(reasons)} blocks of commands are not run\n" + "\n".join(reasons))
    assert [reason for reason in reasons if len(reason.split(": ", 1)[1].split()) < 3] == []


def test_the_security_page_is_run_or_says_why():
    """Its commands make certificates: the tests of TLS run them, by the names in their first lines."""
    sources = "".join(path.read_text() for path in (ROOT / "tests/e2e").rglob("*.py"))
    used = set(re.findall(r'howto\("(\w+)"', sources))
    blocks = re.findall(r"(?:^<!-- not run: (.+) -->\n)?^```sh\n(?:# howto: (\w+)\n)?", (ROOT / "docs/security.md").read_text(),
                        re.M)
    assert len(blocks) >= 4 and {name for _, name in blocks if name} == used
    assert [reason for reason, name in blocks if not name and len(reason.split()) < 3] == []


def test_examples_of_man_pages_are_read():
    page = '.\\" first: touch a\n.\\" background: a.log\n.EX\nllpcat \\-l \\(aqx\\(aq \\e\n  \\fB\\-\\-ack\\fP\n.EE\n'
    (block,) = manual.blocks_of_man(page)
    assert [command.text for command in block.first] == ["touch a"]
    assert [command.text for command in block.commands] == ["llpcat -l 'x' \\\n  --ack > a.log 2>&1 &"]
    (block,) = manual.blocks_of_man('.\\" not run: what it prints is long\n.EX\nline\n.EE\n')
    assert block.reason == "what it prints is long"
    for wrong in (".EX\nx\n", '.\\" not run:\n.EX\nx\n.EE\n', '.\\" not run: because of it\ntext\n'):
        with pytest.raises(manual.PageError):
            manual.blocks_of_man(wrong)


def test_places_exist():
    places = {block.place for page in manual.pages() for block in manual.blocks_in(page)} - {"", "any"}
    assert [place for place in places if not (ROOT / "tests" / "vm" / "lists" / place).is_file()] == []


def ladders():
    """(capture, what the page shows) of each ladder of the manual."""
    return [found for page in manual.pages()
            for found in re.findall(r"^<!-- ladder: (\S+) -->\n```text\n(.*?)^```$", page.read_text(), re.M | re.S)]


def test_ladders_are_those_that_the_library_draws():
    kept = {path.stem: path.read_text() for path in (ROOT / "tests/unit/ladder/golden").glob("*.txt")}
    shown = {name: text for name, text in ladders() if name.split("/")[1] in kept}
    assert len(shown) >= 4
    assert [name for name, text in shown.items() if text != kept[name.split("/")[1]]] == []
    assert [name for name, _ in ladders() if not (ROOT / "tests/captures" / f"{name}.capture").is_file()] == []


def write(directory, text):
    page = directory / "page.md"
    page.write_text(text)
    return page


@pytest.mark.parametrize("text, why", [
    ("[x](nothing.md)", "nothing.md is not there"),
    ("[x](page.md#nowhere)", "no such heading"),
    ("# A `word`, and *more*\n\n[x](#a-word-and-more) [y](#a-word)", "page.md:3: #a-word: no such heading"),
])
def test_a_dead_link_is_noticed(tmp_path, text, why):
    (problem,) = links.dead(write(tmp_path, text))
    assert why in problem


@pytest.mark.parametrize("text", [
    "# Title\n\n[x](#title) [y](page.md) [z](https://host.example/nothing)",
    "`[x](nothing.md)`\n\n```toml\n[x](nothing.md)\n```",
    "## Same\n## Same\n[x](#same-1)",
])
def test_a_link_that_leads_somewhere_is_good(tmp_path, text):
    assert not list(links.dead(write(tmp_path, text)))


def run(tmp_path, text, **how):
    return manual.run_page(write(tmp_path, text), tmp_path, "/nonexistent", **how)


@pytest.mark.parametrize("text, why", [
    ("```console\n$ echo one\ntwo\n```", "--- printed (status 0)\none"),
    ("```console\n$ echo one\n```", "--- printed (status 0)\none"),
    ("```console\n$ printf 'one\\ntwo\\n'\none\n```", "--- printed (status 0)\none\ntwo"),
    ("```console\n$ true\none\n```", "--- printed"),
    ("```console\n$ llpnothing\n…\n```", "ended with 127"),
    ("```console\n$ false\n```", "ended with 1"),
    ("```console\n$ false\n$ echo $?\n0\n```", "--- printed"),
    ("```sh\nls\n```", "```console"),
    ("    llpctl list", "a command in no block"),
    ("```console\none\n```", "a block begins with a command"),
    ("```console\n$ ls", "does not end"),
    ("<!-- not run: -->\n```console\n$ ls\n```", "without a reason"),
    ("<!-- not run: no hardware -->\n\nText.\n\n```console\n$ ls\n```", "no block follows"),
])
def test_a_page_that_is_wrong_is_noticed(tmp_path, text, why):
    with pytest.raises(manual.PageError) as error:
        run(tmp_path, text)
    assert why in str(error.value)


def test_a_page_that_is_right_passes(tmp_path):
    text = """
A file:

```text one.txt
1 /tmp/llp/x
```

```console
$ cat one.txt
1 /tmp/llp/x
$ cd /tmp/llp && pwd
/tmp/llp
$ seq 5
1
…
5
$ date +%s.%N
….…
$ cat << END \\
  | sort
b
a
END
a
b
$ (sleep 0.2; touch there) &
```

<!-- when: test -e there -->
```console
$ rm there; false
$ echo $?
1
```

<!-- not run: it would end the machine -->
```console
# poweroff
```

<!-- run in: elsewhere -->
```console
# poweroff
```
"""
    ran, left_out = run(tmp_path, text)
    assert (ran, [reason for _, reason in left_out]) == (8, ["it would end the machine", "run in: elsewhere"])


def test_what_a_page_leaves_running_is_ended(tmp_path):
    run(tmp_path, "```console\n$ sleep 4321.25 &\n```")
    running = [path for path in Path("/proc").glob("[0-9]*/cmdline") if re.search(rb"sleep\x004321\.25", read(path))]
    assert running == []


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
