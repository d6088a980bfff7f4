# SPDX-License-Identifier: BSD-3-Clause
"""Links of Markdown pages: files that are there, and headings of theirs."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
FENCE = re.compile(r"^(```+|~~~+)")
CODE = re.compile(r"`[^`\n]*`")


def prose(text):
    """The page without its blocks of code and its comments, line by line."""
    fence = ""
    for line in re.sub(r"<!--.*?-->", lambda m: "\n" * m.group().count("\n"), text, flags=re.S).split("\n"):
        if found := FENCE.match(line):
            fence = "" if fence and line.startswith(fence) else fence or found.group(1)
            yield ""
        else:
            yield "" if fence else line


def anchors(text):
    """What headings are called in links, as the usual readers of Markdown have it."""
    names, seen = set(), {}
    for line in prose(text):
        if heading := re.match(r"^#{1,6}\s+(.*?)\s*#*$", line):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).replace("`", "")
            name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            seen[name] = seen.get(name, -1) + 1
            names.add(f"{name}-{seen[name]}" if seen[name] else name)
    return names


def dead(page):
    """What is wrong with the links of a page, a sentence each."""
    page = Path(page)
    for number, line in enumerate(prose(page.read_text()), 1):
        for target in LINK.findall(CODE.sub("", line)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            to = (page.parent / name) if name else page
            if not to.exists():
                yield f"{page}:{number}: {target} is not there"
            elif anchor and (to.suffix != ".md" or anchor not in anchors(to.read_text())):
                yield f"{page}:{number}: {target}: no such heading"


def manual():
    """Every page of the tree that people read."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "--", "*.md"], capture_output=True, text=True,
                            check=True)
    return [ROOT / name for name in sorted(filter(None, listed.stdout.split("\0"))) if (ROOT / name).is_file()]
