# SPDX-License-Identifier: BSD-3-Clause
"""Captures against the real programs: llpreplay plays one station, llpdrv is the other."""

import re

import pytest

from support import ROOT
from support.apps import App
from support.bridge import Bridge
from support.programs import BIN, until

CAPTURES = ROOT / "tests" / "captures"
SCALE = "0.05"
MESSAGE, REPLY = b"MSH|^~\\&|A\rPID|1\r", b"MSH|^~\\&|B\rMSA|AA|1\r"


class Capture:
    def __init__(self, name):
        self.path = CAPTURES / f"{name}.capture"
        self.text = self.path.read_text()
        self.protocol = re.search(r"^protocol (\w+)", self.text, re.M)[1]

    def options(self, side):
        """What llpdrv is told to take the part of `side`."""
        peer = [word for name in re.findall(rf"^{side}\.preset (.*)", self.text, re.M) for word in ("--peer", name)]
        settings = [word for pair in re.findall(rf"^{side}\.set (.*)", self.text, re.M) for word in ("--set", pair)]
        return [*peer, *settings, "--time-scale", SCALE]

    def received(self, side):
        return len(re.findall(rf"^\S+ {side} = received", self.text, re.M))


def bridge(stage, capture, side, kind, reply):
    b = Bridge(stage, capture.protocol, kind, *capture.options(side), *(["--set", "expect_out=none"] if not reply else []),
               app=App(stage, lambda _: reply))
    b.line.prepare()
    b.start()
    until(b.line.ready, "the line", program=b.drv)
    b.wait_dist()
    return b


def replay(stage, b, capture, side, **how):
    return stage.start([BIN / "llpreplay", "--line", b.line.sim, "--side", side, "--time-scale", SCALE,
                        "--lock-dir", stage.lock_dir, capture.path], **how)


@pytest.mark.core
@pytest.mark.parametrize("name, kind, reply", [
    ("x328/four_blocks", "unix-listen", b""),
    ("x328/number_wrap", "pty", b""),
    ("x328/nak_and_retransmission", "tcp-listen", b""),
    ("x328/lost_ack_block_sent_again", "unix-listen", b""),
    ("x328/block_abort", "unix-listen", b""),
    ("x328/sender_abort", "unix-listen", b""),
    ("x328/heading_check_from_blk", "unix-listen", b""),
    ("interop/vista_master_four_blocks", "unix-listen", b""),
    ("interop/cmop_sends", "unix-listen", b""),
    ("hllp/checksum_error", "tcp-listen", REPLY),
    ("mllp/release2", "unix-listen", REPLY),
])
def test_left_is_played(stage, name, kind, reply):
    """llpdrv takes messages as the right station of the capture does."""
    capture = Capture(name)
    b = bridge(stage, capture, "right", kind, reply)
    replay(stage, b, capture, "left").finish()
    b.app.wait(capture.received("right"), program=b.drv)
    assert len(b.app.requests) == capture.received("right")


@pytest.mark.core
@pytest.mark.parametrize("name, kind, reply", [
    ("x328/single_block", "unix-listen", b""),
    ("x328/nak_and_retransmission", "tcp-listen", b""),
    ("x328/lost_ack_block_sent_again", "pty", b""),
    ("hllp/checksum_error", "unix-listen", REPLY),
    ("mllp/release1", "tcp-listen", REPLY),
])
def test_right_is_played(stage, name, kind, reply):
    """llpdrv sends a client's message as the left station of the capture does."""
    capture = Capture(name)
    b = bridge(stage, capture, "left", kind, reply)
    player = replay(stage, b, capture, "right")
    player.wait_for("# ready", stdout=True)
    assert b.call(MESSAGE).result() == reply
    player.finish()


@pytest.mark.user
def test_a_difference_is_found(stage):
    capture = Capture("x328/single_block")
    b = bridge(stage, capture, "right", "unix-listen", b"")
    capture.path = stage.path("other.capture")
    capture.path.write_text(capture.text.replace("< ACK1 CR", "< ACK2 CR"))
    player = replay(stage, b, capture, "left", exit_status=1).finish()
    assert re.search(r"line \d+: came ACK1 CR, and the capture has ACK2 CR", player.log)


@pytest.mark.user
def test_what_never_comes(stage):
    capture = Capture("x328/single_block")
    b = bridge(stage, capture, "right", "unix-listen", b"")
    capture.path = stage.path("other.capture")
    capture.path.write_text(re.sub(r"^\+0.000 > STX.*\n", "", capture.text, flags=re.M))
    player = stage.start([BIN / "llpreplay", "--line", b.line.sim, "--patience", "0.5", capture.path], exit_status=1)
    assert "came nothing, and the capture has ACK1 CR" in player.finish().log


@pytest.mark.user
@pytest.mark.parametrize("text, status, says", [
    ("llp-capture 2\n", 64, ":1: the first line is 'llp-capture 1'"),
    ("llp-capture 1\nprotocol x328\n+0 > ENQ !parity CR\n+0 < ACK0 CR\n", 64, "line errors cannot be made"),
    ("llp-capture 1\nprotocol x328\n+0 > ENQ CR\n", 64, "sends nothing in this capture"),
    (None, 66, "cannot read "),
])
def test_what_cannot_be_played(stage, text, status, says):
    path = stage.path("x.capture")
    if text is not None:
        path.write_text(text)
    player = stage.start([BIN / "llpreplay", "--line", f"unix:{stage.path('nobody')}", path], exit_status=status)
    assert says in player.finish().log
