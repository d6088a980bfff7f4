# SPDX-License-Identifier: BSD-3-Clause
"""Real timers: one message per protocol with nothing scaled, and time-outs seen at their real values.

Bounded from below only, and measured from before what starts the timer: a shared machine may be late, a
timer must never be early.
"""

import time

import pytest

import illp
from support import SOAK
from support.apps import Dead
from support.bridge import Bridge
from support.content import hl7, reply_to
from support.lines import ANY, SERIAL


@pytest.mark.core
@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp", "mllp2"])
def test_a_message(stage, protocol):
    """Defaults throughout."""
    b = Bridge(stage, protocol, SERIAL)
    message, request = hl7("T1", 2000), hl7("T2", 2000)
    assert b.ask(message) == reply_to(message)
    assert b.serve(request, reply_to(request)) == (request, reply_to(request))


@pytest.mark.shows("common/2", "x328/D-21")
def test_x328_timer_a(stage):
    """6 s without an answer to its bid, then the bid again."""
    b = Bridge(stage, "x328", app=None)
    station = b.station
    begin = time.monotonic()
    call = b.call(hl7("A", 300), timeout=120)
    station.expect_bid()
    station.expect_bid(timeout=120)
    assert time.monotonic() - begin >= 6
    station.say("ACK0")
    assert station.receive(granted=True) == call.request
    station.send(reply_to(call.request))
    assert call.result() == reply_to(call.request)


@pytest.mark.shows("x328/D-21")
def test_x328_timer_b(stage):
    """A block that does not end in 3 s and its margins: EOT."""
    b = Bridge(stage, "x328", ANY, "--set", "b_margin=1ms", dist=False)
    b.station.bid()
    begin = time.monotonic()
    b.station.put(b"\x02100100MSH|half a block")
    b.station.expect("EOT")
    assert time.monotonic() - begin >= 3


@pytest.mark.shows("common/2")
def test_hllp_t_in(stage):
    """Silence inside a block: N G. 4 s instead of 10."""
    b = Bridge(stage, "hllp", ANY, "--set", "t_in=4s", dist=False)
    station = b.station
    begin = time.monotonic()
    station.put(b"\x0bD23\rMSH|half a block")
    assert station.get_block() == (b"N", b"G")
    assert time.monotonic() - begin >= 4


@pytest.mark.shows("common/2")
def test_mllp2_t_c(stage):
    """The block again when the commit reply does not come. 4 s instead of 30."""
    b = Bridge(stage, "mllp2", ANY, "--set", "t_c=4s", app=None)
    station, request = b.station, hl7("TC", 300)
    begin = time.monotonic()
    call = b.call(request)
    assert station.get_block() == request
    assert station.get_block() == request
    assert time.monotonic() - begin >= 4
    station.put_block(b"\x06")
    station.send(reply_to(request))
    assert call.result() == reply_to(request)


@pytest.mark.shows("mllp/5/reply")
def test_mllp_reply_timeout(stage):
    """The client learns that no reply came, not earlier. 3 s instead of 30."""
    b = Bridge(stage, "mllp", ANY, "--set", "reply_timeout=3s", app=None)
    station = b.station
    begin = time.monotonic()
    call = b.call(hl7("RT", 300))
    station.receive()
    assert call.refused() is illp.Cancelled
    assert time.monotonic() - begin >= 3


@pytest.mark.parametrize("peer_timer_a, least", [("500ms", 1.5), *([("6s", 18)] if SOAK else [])])
def test_x328_whole_budget(stage, peer_timer_a, least):
    """0.6 x peer A x L by NAK, then EOT."""
    b = Bridge(stage, "x328", ANY, "--set", f"peer_timer_a={peer_timer_a}", app=Dead(stage), dist=False)
    station = b.station
    begin = time.monotonic()
    assert not station.send(hl7("BUDGET", 300))
    assert time.monotonic() - begin >= least


@pytest.mark.parametrize("scale, least", [("0.5", 3.0), ("0.1", 0.6)])
def test_time_scale(stage, scale, least):
    """--time-scale multiplies: timer A of 6 s."""
    b = Bridge(stage, "x328", ANY, "--time-scale", scale, app=None)
    station = b.station
    begin = time.monotonic()
    b.call(hl7("S", 300))
    station.expect_bid()
    station.expect_bid(timeout=120)
    assert time.monotonic() - begin >= least
