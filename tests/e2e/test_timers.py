# SPDX-License-Identifier: BSD-3-Clause
"""Real timers: one message per protocol with nothing scaled, and one time-out of each seen at its real
value, bounded from below only: a shared machine may be late, a timer must never be early.
"""

import time

import pytest

import illp
from support import SOAK
from support.apps import Dead
from support.bridge import Bridge
from support.content import hl7, reply_to


def elapsed(action):
    begin = time.monotonic()
    value = action()
    return value, time.monotonic() - begin


@pytest.mark.core
@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp", "mllp2"])
def test_a_message(stage, protocol):
    """Defaults throughout."""
    b = Bridge(stage, protocol, "pty")
    message, request = hl7("T1", 2000), hl7("T2", 2000)
    assert b.ask(message) == reply_to(message)
    assert b.serve(request, reply_to(request)) == (request, reply_to(request))


def test_x328_timer_a(stage):
    """6 s without an answer to its bid, then the bid again."""
    b = Bridge(stage, "x328", app=None)
    b.station
    call = b.call(hl7("A", 300), timeout=120)
    b.station.expect_bid()
    # Some milliseconds for the wake-ups of both processes.
    _, waited = elapsed(lambda: b.station.get(timeout=60))
    assert waited > 5.8
    if b.journal.entries[-1] == ("llpdrv", "EOT"):
        b.station.expect("ENQ")
    b.station.say("ACK0")
    got = b.station.receive(granted=True)
    assert got == call.request
    b.station.send(reply_to(got))
    assert call.result() == reply_to(got)


def test_x328_timer_b(stage):
    """A block that does not end in 3 s and its margins: EOT."""
    b = Bridge(stage, "x328", "unix-listen", "--set", "b_margin=1ms", dist=False)
    b.station.bid()
    b.station.put(b"\x02100100MSH|half a block")
    answer, waited = elapsed(b.station.get)
    assert answer in ("EOT", "NAK")
    assert waited > 2.8


def test_hllp_t_in(stage):
    """10 s of silence inside a block: N G. The value is set to 4 s to save time, not scaled."""
    b = Bridge(stage, "hllp", "unix-listen", "--set", "t_in=4s", dist=False)
    b.station.put(b"\x0bD23\rMSH|half a block")
    answer, waited = elapsed(b.station.get_block)
    assert answer == (b"N", b"G")
    assert waited > 3.8


def test_mllp2_t_c(stage):
    """The block again when the commit reply does not come."""
    b = Bridge(stage, "mllp2", "unix-listen", "--set", "t_c=4s", app=None)
    request = hl7("TC", 300)
    b.station
    call = b.call(request)
    assert b.station.get_block() == request
    again, waited = elapsed(b.station.get_block)
    assert again == request
    assert waited > 3.8
    b.station.put_block(b"\x06")
    b.station.send(reply_to(request))
    assert call.result() == reply_to(request)


def test_mllp_reply_timeout(stage):
    """The client learns that no reply came, not earlier."""
    b = Bridge(stage, "mllp", "unix-listen", "--set", "reply_timeout=3s", app=None)
    b.station
    call = b.call(hl7("RT", 300))
    b.station.receive()
    kind, waited = elapsed(call.refused)
    assert kind is illp.Cancelled
    assert waited > 2.8


@pytest.mark.skipif(not SOAK, reason="18 s of an application's budget: only in the soak")
def test_x328_whole_budget(stage):
    """0.6 x peer A x L by NAK, then EOT."""
    b = Bridge(stage, "x328", app=Dead(stage), dist=False)
    taken, waited = elapsed(lambda: b.station.send(hl7("BUDGET", 300)))
    assert not taken
    assert waited > 17


@pytest.mark.parametrize("scale, least", [("0.5", 2.9), ("0.1", 0.55)])
def test_time_scale(stage, scale, least):
    """--time-scale multiplies: timer A of 6 s."""
    b = Bridge(stage, "x328", "unix-listen", "--time-scale", scale, app=None)
    b.station
    b.call(hl7("S", 300))
    b.station.expect_bid()
    _, waited = elapsed(lambda: b.station.get(timeout=30))
    assert waited > least
