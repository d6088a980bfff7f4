# SPDX-License-Identifier: BSD-3-Clause
"""What `make demo` shows, small: the first thing that people run must not break unseen."""

import re
import sys

import pytest

from support import ROOT
from support.programs import BIN

pytestmark = pytest.mark.user

DEMO = ROOT / "tools" / "demo" / "run"


def test_the_demo(stage):
    demo = stage.start([sys.executable, DEMO, "--bin", BIN, "--seed", "1", "--messages", "5"],
                       env={"TMPDIR": str(stage.dir)}).finish()
    text = demo.out.decode()
    assert text.endswith("\nEvery byte arrived as it was sent.\n")
    assert re.search(r"^  messages +5$", text, re.M) and re.search(r"^  lost +0$", text, re.M)
    # The ladders: a bid, a block, the connection to the application, the end.
    for word in ("ENQ", "ACK0", "block 1, ", "half-close", "EOT"):
        assert word in text, f"{word} is in no ladder"


def test_replies_are_compared(stage):
    """An application whose replies are others than those that it is asked to give fails the demo."""
    script = stage.path("changed.py")
    script.write_text(f"""
import pathlib, sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from harness.script import load
demo = load(pathlib.Path({str(DEMO)!r}))
given = demo.Journal.take
demo.Journal.take = lambda self, request: given(self, request).replace(b"MSA|AA|F00001", b"MSA|AE|F00001")
sys.exit(demo.main())
""")
    demo = stage.start([sys.executable, script, "--bin", BIN, "--seed", "1", "--messages", "3"],
                       env={"TMPDIR": str(stage.dir)}, exit_status=1).finish()
    assert "the analyser got other replies than were given" in demo.log
