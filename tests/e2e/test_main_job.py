# SPDX-License-Identifier: BSD-3-Clause
"""The main job: messages and replies both ways, over each kind of line, in each protocol."""

import re

import pytest

from support import PORTS, SOAK
from support.apps import App, Call
from support.bridge import Bridge
from support.content import hl7, plain, reply_to
from support.lines import ANY
from support.programs import listening, until

SMALL, MEDIUM, LARGE, HUGE = 300, 10_000, 90_000, 200_000

# Every pair of a protocol and a kind of line; sizes of what the instrument sends and of what it gets, spread
# so that each protocol carries each size once in each direction. HLLP ends at 99,994 bytes.
PAIRS = [
    ("x328", "pty", SMALL, LARGE), ("x328", "tty", MEDIUM, SMALL), ("x328", "tcp-connect", LARGE, MEDIUM),
    ("x328", "tcp-listen", HUGE, SMALL), ("x328", "unix-connect", MEDIUM, HUGE), ("x328", "unix-listen", SMALL, MEDIUM),
    ("hllp", "pty", LARGE, SMALL), ("hllp", "tty", SMALL, MEDIUM), ("hllp", "tcp-connect", SMALL, LARGE),
    ("hllp", "tcp-listen", MEDIUM, SMALL), ("hllp", "unix-connect", 99_994, MEDIUM), ("hllp", "unix-listen", SMALL, 99_994),
    ("mllp", "pty", MEDIUM, HUGE), ("mllp", "tty", HUGE, SMALL), ("mllp", "tcp-connect", SMALL, MEDIUM),
    ("mllp", "tcp-listen", LARGE, LARGE), ("mllp", "unix-connect", SMALL, SMALL), ("mllp", "unix-listen", HUGE, MEDIUM),
    ("mllp2", "pty", SMALL, MEDIUM), ("mllp2", "tty", LARGE, HUGE), ("mllp2", "tcp-connect", HUGE, SMALL),
    ("mllp2", "tcp-listen", SMALL, LARGE), ("mllp2", "unix-connect", MEDIUM, SMALL), ("mllp2", "unix-listen", LARGE, SMALL),
]
CORE = {("x328", "pty"), ("x328", "tcp-connect"), ("hllp", "tty"), ("mllp", "unix-connect"), ("mllp2", "tcp-listen")}


def case(protocol, kind, *sizes):
    marks = [pytest.mark.every_part] + ([pytest.mark.core] if (protocol, kind) in CORE else [])
    return pytest.param(protocol, kind, *sizes, id=f"{protocol}-{kind}", marks=marks)


@pytest.mark.parametrize("protocol, kind, inward, outward", [case(*pair) for pair in PAIRS])
@pytest.mark.shows("hllp/10/request", "hllp/10/response", "mllp/5/complete")
def test_both_directions(stage, protocol, kind, inward, outward):
    """HL7 and other text, both servers; every byte as it was sent."""
    if PORTS and kind == "tty":
        # Nothing stops who sends over these; what the kernel keeps of what nobody has read yet is 64 KiB.
        inward, outward = min(inward, 40_000), min(outward, 40_000)
    sizes = iter([outward, SMALL, 1])
    b = Bridge(stage, protocol, kind, reply=lambda request: reply_to(request, next(sizes)))
    station = b.station

    for message, reply_size in ((hl7("IN1", inward), outward), (hl7("IN2", SMALL), SMALL), (plain(1), 1)):
        answer = b.ask(message, size=4000)
        assert b.app.requests[-1] == message
        assert answer == reply_to(message, reply_size)
    for request, reply_size in ((hl7("OUT1", outward), inward), (hl7("OUT2", SMALL), SMALL), (plain(1), 1),
                                (plain(SMALL), SMALL)):
        reply = reply_to(request, reply_size)
        got, answer = b.serve(request, reply)
        assert got == request
        assert answer == reply
    assert len(b.app.requests) == 3
    station.close()
    b.drv.stop()


# llpsim at the other end: what it does must fit the stations of ours, over each kind of line.
SIM = [("x328", "pty"), ("hllp", "tty"), ("mllp", "tcp-connect"), ("mllp2", "tcp-listen"), ("x328", "unix-connect"),
       ("mllp2", "unix-listen")]


@pytest.mark.parametrize("protocol, kind", [
    pytest.param(*pair, id="-".join(pair), marks=[pytest.mark.core] if pair[1] in ("pty", "tcp-connect") else [])
    for pair in SIM])
class TestSimulator:
    def test_sends(self, stage, protocol, kind):
        b = Bridge(stage, protocol, kind, dist=False)
        messages = [hl7(f"S{i}", size) for i, size in enumerate((SMALL, MEDIUM, 40_000))]
        files = []
        for i, message in enumerate(messages):
            files.append(stage.path(f"m{i}.hl7"))
            files[-1].write_bytes(message)
        out = stage.path("out")
        out.mkdir()
        b.simulate("--out", out, "send", *files).finish()
        assert b.app.requests == messages
        assert sorted(f.read_bytes() for f in out.iterdir()) == sorted(reply_to(m) for m in messages)

    def test_serves(self, stage, protocol, kind):
        b = Bridge(stage, protocol, kind, app=None)
        b.simulate("ack")
        b.wait_dist()
        for i, size in enumerate((SMALL, MEDIUM, 40_000)):
            message = hl7(f"R{i}", size)
            reply = b.call(message).result()
            assert b"\rMSA|AA|R%d" % i in reply
        b.drv.stop()
        b.sim.stop()


@pytest.mark.core
@pytest.mark.parametrize("to_unix, dist_unix", [(True, True), (True, False), (False, True)])
def test_applications_on_unix_sockets(stage, to_unix, dist_unix):
    """unix:PATH is taken for to and dist."""
    app = App(stage, reply_to, path=str(stage.path("app"))) if to_unix else App(stage, reply_to)
    b = Bridge(stage, "mllp", ANY, app=app)
    if dist_unix:
        b.dist = str(stage.path("dist"))
        b.args[b.args.index(str(b.dist_port))] = "unix:" + b.dist
        b.at_once = False
        b.args.insert(0, "-I")
    message, request = hl7("U1", MEDIUM), hl7("U2", MEDIUM)
    assert b.ask(message) == reply_to(message)
    if dist_unix:
        until(lambda: stage.path("dist").exists(), "dist to listen", program=b.drv)
    call = Call(b.dist, request)
    assert b.station.receive() == request
    b.station.send(reply_to(request))
    assert call.result() == reply_to(request)


def test_ipv6(stage):
    """Hosts and bind addresses may be IPv6."""
    try:
        app = App(stage, reply_to, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    b = Bridge(stage, "mllp", ANY, app=app)
    b.args[b.args.index(str(b.dist_port))] = f"{b.dist_port}%::1"
    b.dist = ("::1", b.dist_port)
    message, request = hl7("V6", SMALL), hl7("V7", SMALL)
    assert b.ask(message) == reply_to(message)
    assert b.serve(request, reply_to(request)) == (request, reply_to(request))


@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp", "mllp2"])
def test_many_in_a_row(stage, protocol):
    """Nothing is left behind by a message that the next one could stumble over."""
    b = Bridge(stage, protocol, ANY)
    station = b.station
    for i in range(1000 if SOAK else 50):
        message = hl7(f"IN{i}", 200 + 37 * i % 900)
        assert b.ask(message) == reply_to(message)
        request = hl7(f"OUT{i}", 200 + 53 * i % 900)
        got, reply = b.serve(request, reply_to(request))
        assert got == request and reply == reply_to(request)
    assert len(b.app.requests) == (1000 if SOAK else 50)
    assert not re.search("duplicate|late", b.drv.log)
    station.close()


def test_dist_waits_for_the_first_message(stage):
    """Without -I, dist is served after the line's first message, not before."""
    b = Bridge(stage, "mllp", ANY, at_once=False)
    station = b.station
    assert not listening(b.dist_port)
    message = hl7("FIRST", SMALL)
    assert b.ask(message) == reply_to(message)
    b.wait_dist()
    request = hl7("SECOND", SMALL)
    got, _ = b.serve(request, reply_to(request))
    assert got == request
    station.close()


@pytest.mark.parametrize("kind", ["tcp-connect", pytest.param("tcp-listen", marks=pytest.mark.core),
                                  pytest.param("unix-connect", marks=pytest.mark.core), "unix-listen"])
@pytest.mark.shows("illp/9/abort", "interop/8/reconnect")
def test_the_other_station_comes_again(stage, kind):
    """Its connection ends between messages and in the middle of one; the next one is served, nothing is mixed."""
    b = Bridge(stage, "mllp", kind)
    for i in range(3):
        message, request = hl7(f"AGAIN{i}", SMALL), hl7(f"BACK{i}", SMALL)
        assert b.ask(message) == reply_to(message)
        assert b.serve(request, reply_to(request)) == (request, reply_to(request))
        b.station.put(b"\x0bMSH|half a message")
        b.reconnect()
    assert len(b.app.requests) == 3
