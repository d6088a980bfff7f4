# SPDX-License-Identifier: BSD-3-Clause
"""Every verb of llpctl and its help; and what bash and zsh offer is every verb and every option that there is."""

import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from support.programs import BIN
from support.shells import Zsh, bash_offers

pytestmark = [pytest.mark.user, pytest.mark.skipif(not (BIN / "llpctl").is_file(), reason=f"no llpctl in {BIN}")]


def helped(*words):
    said = subprocess.run([BIN / "llpctl", *words, "--help"], capture_output=True, text=True, check=False)
    assert said.returncode == 0 and not said.stderr, (words, said.stderr)
    return said.stdout


def verbs_in(text):
    return re.findall(r"^  ([a-z]+) {2,}\S", text.partition("Subcommands:\n")[2].partition("\n\n")[0], re.M)


def options_in(text):
    """Those of the table of options, not of the examples below it."""
    table = text.partition("Options:\n")[2]
    rows = re.findall(r"^  (?:-\S,)?(--[a-z-]+(?:,--[a-z-]+)*)", table, re.M)
    return {name for row in rows for name in row.split(",")}


def all_verbs():
    """("list",), ..., ("spool", "list"), ..."""
    for verb in verbs_in(helped()):
        yield (verb,)
        for part in verbs_in(helped(verb)):
            yield (verb, part)


@pytest.fixture(scope="module")
def program():
    verbs = {words: options_in(helped(*words)) for words in all_verbs()}
    assert len(verbs) > 20 and {("show",), ("spool", "drop")} <= set(verbs), verbs
    assert "--restart" in verbs[("set",)] and "--yes" in verbs[("spool", "drop")]
    return SimpleNamespace(verbs=verbs, first=[words[0] for words in verbs if len(words) == 1], options=options_in(helped()))


def test_every_verb_has_examples(program):
    for words in program.verbs:
        # A verb's parts are shown with it.
        text = helped(*words[:1])
        examples = text[text.find("Example"):]
        assert f"llpctl {' '.join(words)}" in examples, words


def test_bash_offers_all_of_them(program):
    assert bash_offers("llpctl", "") == program.first
    assert bash_offers("llpctl", "mo") == ["monitor"]
    assert set(bash_offers("llpctl", "--")) == program.options
    for words, options in program.verbs.items():
        assert set(bash_offers("llpctl", *words, "--")) == options | {"--json", "--control"}, words
    assert bash_offers("llpctl", "spool", "") == ["list", "show", "retry", "drop"]
    assert bash_offers("llpctl", "--control", "/tmp/socket", "spool", "l") == ["list"]
    assert bash_offers("llpctl", "capture", "chem.pcapng", "--end", "") == ["left", "right"]
    assert bash_offers("llpctl", "top", "--sort", "n") == ["name", "naks"]
    assert bash_offers("llpctl", "set", "chem", "timer_") == ["timer_a=", "timer_b=", "timer_d=", "timer_e="]


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
def test_zsh_offers_all_of_them(program, tmp_path):
    script = subprocess.run([BIN / "llpctl", "completion", "zsh"], capture_output=True, text=True, check=True).stdout
    zsh = Zsh(tmp_path, script)
    try:
        assert sorted(zsh.offers("llpctl ")) == sorted(program.first)
        assert set(zsh.offers("llpctl --")) == program.options
        for words, options in program.verbs.items():
            assert set(zsh.offers(f"llpctl {' '.join(words)} --")) == options | {"--json", "--control"}, words
        assert zsh.offers("llpctl spool ") == ["list", "show", "retry", "drop"]
        assert zsh.offers("llpctl --control /tmp/socket spool l") == ["list"]
        assert zsh.offers("llpctl capture chem.pcapng --end ") == ["left", "right"]
        assert sorted(zsh.offers("llpctl top --sort n")) == ["naks", "name"]
        assert "timer_a=" in zsh.offers("llpctl set chem timer_")
    finally:
        zsh.close()
