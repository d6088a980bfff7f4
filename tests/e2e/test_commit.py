# SPDX-License-Identifier: BSD-3-Clause
"""The commit point `received`: nothing is acknowledged to the instrument before the application's
whole reply was read to a valid end. Watched on the wire by stations that do not use the engine.
"""

import socket

import pytest

import illp
from support import ENGINE
from support.apps import App
from support.bridge import Bridge
from support.content import hl7, reply_to
from support.lines import ANY
from support.programs import free_port, until
from support.stations import block

# Long enough that an acknowledgement sent too early is seen; a slow machine only makes the test blind, never red.
WATCH = 0.3


class Gate:
    """An application that does one step of its reply at a time, as the test says."""

    def __init__(self, stage):
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self._listener.settimeout(60)
        stage.cleanup(self._listener.close)
        self.to = f"{self._listener.getsockname()[1]}%127.0.0.1"
        self.socket = None
        self.accepted = 0

    def request(self):
        self.socket, _ = self._listener.accept()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        self.accepted += 1
        illp.arm(self.socket)
        return illp.receive(self.socket)

    def reply(self, data):
        self.socket.sendall(data)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)
        illp.arm(self.socket, False)
        self.socket.close()

    def die(self):
        """Armed: the connection is reset."""
        self.socket.close()

    def nobody_calls(self, seconds):
        self._listener.settimeout(seconds)
        try:
            s, _ = self._listener.accept()
        except TimeoutError:
            return True
        finally:
            self._listener.settimeout(60)
        s.close()
        return False


class LineX328:
    """The last block of a message, and what may answer it."""

    def __init__(self, station):
        self.station = station
        self.number = self.data = None

    def offer(self, message):
        self.station.bid()
        self.number, self.data = self.station.send_blocks(message)

    def acknowledged(self):
        while (answer := self.station.get()) == "NAK":  # gaining time: the block comes again
            self.station.put(self.data)
        assert answer in (f"ACK{self.number}", "EOT")
        if answer == "EOT":
            return False
        self.station.say("EOT")
        return True


class LineMllp2:
    def __init__(self, station):
        self.station = station
        self.message = None

    def offer(self, message):
        self.message = message
        self.station.put_block(message)

    def acknowledged(self, tries=3):
        for _ in range(tries):
            answer = self.station.get_block()
            assert answer in (b"\x06", b"\x15"), "a block came before the commit reply"
            if answer == b"\x06":
                return True
            self.station.put_block(self.message)
        return False


LINES = {"x328": LineX328, "mllp2": LineMllp2}


@pytest.fixture(params=[pytest.param("x328", marks=pytest.mark.core), pytest.param("mllp2", marks=pytest.mark.core)])
def protocol(request):
    return request.param


@pytest.mark.shows("illp/9/end")
def test_not_before_the_reply_is_whole(stage, protocol):
    gate = Gate(stage)
    # Far from the time at which it would have to say that it needs more of it.
    patient = ["--set", "peer_timer_a=10min"] if protocol == "x328" else ["--set", "peer_t_c=10min"]
    b = Bridge(stage, protocol, ANY, *patient, app=gate, dist=False)
    line = LINES[protocol](b.station)
    message = hl7("C1", 700)
    reply = reply_to(message, 500)
    line.offer(message)
    assert gate.request() == message
    assert b.station.silent(WATCH), "answered before the application said a word"
    gate.reply(reply[:250])
    assert b.station.silent(WATCH), "answered to half a reply"
    gate.reply(reply[250:])
    assert b.station.silent(WATCH), "answered before the reply's end"
    gate.end()
    assert line.acknowledged()
    assert b.station.receive() == reply


@pytest.mark.shows("illp/9/end", "illp/9/abort", "illp/9/nothing")
def test_nobody_is_called_before_the_message_is_whole(stage):
    """A damaged block, a repeated one and a transmission that is given up are the line's own affair."""
    gate = Gate(stage)
    b = Bridge(stage, "x328", ANY, "--set", "peer_timer_a=10min", app=gate, dist=False)
    station, message = b.station, hl7("C8", 500)
    first = block(1, message[:200], False)

    def begin():
        station.bid()
        station.put(first.replace(b"MSH", b"MSX"))
        station.expect("NAK")
        for _ in range(2):
            station.put(first)
            station.expect("ACK1")

    begin()
    station.say("EOT")
    assert gate.nobody_calls(WATCH), "called for a message that was given up"
    begin()
    station.put(block(2, message[200:400], False))
    station.expect("ACK2")
    assert gate.nobody_calls(WATCH), "called in mid message"
    station.put(block(3, message[400:], True))
    assert gate.request() == message
    gate.reply(reply_to(message))
    gate.end()
    station.expect("ACK3")
    station.say("EOT")
    assert station.receive() == reply_to(message)


def test_an_empty_reply_is_acceptance(stage, protocol):
    gate = Gate(stage)
    b = Bridge(stage, protocol, app=gate, dist=False)
    line = LINES[protocol](b.station)
    line.offer(hl7("C2", 300))
    gate.request()
    gate.end()
    assert line.acknowledged()
    assert b.station.silent(WATCH), "an empty reply is not sent to the instrument"


@pytest.mark.parametrize("how", ["dies", "cancels", "cut"])
@pytest.mark.shows("illp/9/refused")
def test_not_after_a_reply_that_failed(stage, protocol, how):
    """The application's death, its CAN, and a reply that is no whole HL7: no acknowledgement."""
    gate = Gate(stage)
    b = Bridge(stage, protocol, ANY, "--set", "resends=0" if protocol == "mllp2" else "retries_l=2",
               app=gate, dist=False)
    line = LINES[protocol](b.station)
    message = hl7("C3", 300)
    line.offer(message)
    gate.request()
    gate.reply(reply_to(message, 400)[:210])
    if how == "dies":
        gate.die()
    elif how == "cancels":
        gate.socket.send(illp.CAN, socket.MSG_OOB)
        gate.die()
    else:
        gate.end()
    if protocol == "x328":
        answer = b.station.get()
        assert answer in ("NAK", "EOT"), f"{answer} after a reply that failed"
    else:
        assert b.station.get_block() == b"\x15"
    b.drv.wait_for("from the instrument failed")


@pytest.mark.shows("illp/9/refused")
def test_no_application(stage, protocol):
    """Nobody listens: nothing is acknowledged, and the instrument learns it."""
    nobody = type("Nobody", (), {"to": f"{free_port()}%127.0.0.1"})
    b = Bridge(stage, protocol, ANY, "--connect-tries", "1", app=nobody, dist=False)
    line = LINES[protocol](b.station)
    line.offer(hl7("C4", 300))
    assert not line.acknowledged()
    b.drv.wait_for(r"127\.0\.0\.1:\d+.*[Rr]efused|[Rr]efused.*127\.0\.0\.1:\d+")


@pytest.mark.core
def test_no_application_hllp(stage):
    """HLLP has no acknowledgement; a reject block tells that nobody has the message."""
    nobody = type("Nobody", (), {"to": f"{free_port()}%127.0.0.1"})
    b = Bridge(stage, "hllp", ANY, "--connect-tries", "1", app=nobody, dist=False)
    b.station.send(hl7("C5", 300))
    assert b.station.get_block() == (b"N", b"G")


def test_hllp_says_nothing_once_an_application_has_it(stage):
    """A reject block would bring a message again that an application has seen."""
    gate = Gate(stage)
    b = Bridge(stage, "hllp", app=gate, dist=False)
    b.station.send(hl7("C6", 300))
    gate.request()
    gate.die()
    b.drv.wait_for("from the instrument failed")
    assert b.station.silent(WATCH)


def test_no_application_mllp1(stage):
    nobody = type("Nobody", (), {"to": f"{free_port()}%127.0.0.1"})
    b = Bridge(stage, "mllp", ANY, "--connect-tries", "1", app=nobody, dist=False)
    b.station.send(hl7("C7", 300))
    b.drv.wait_for("from the instrument failed")
    assert b.station.silent(WATCH)


# How long its instrument waits for an acknowledgement. In it the application is called; on a busy virtual
# machine that takes its time, and a message whose time is up before is not delivered at all.
BRIEFLY = "1500ms" if ENGINE == "kernel" else "150ms"


def too_late(stage, protocol):
    """A bridge whose instrument waits only briefly for its acknowledgement."""
    gate = Gate(stage)
    options = (["--set", f"peer_timer_a={BRIEFLY}", "--set", "retries_l=1"] if protocol == "x328" else
               ["--set", f"peer_t_c={BRIEFLY}", "--set", "peer_resends=0"])
    return gate, Bridge(stage, protocol, ANY, *options, "--set", "app_timeout=0", app=gate, dist=False)


def given_up(b, line):
    """llpdrv runs out of time while the application works: the message is not acknowledged."""
    if b.protocol == "x328":
        assert not line.acknowledged()
    else:
        assert b.station.get_block() == b"\x15"


def test_too_late_and_again(stage, protocol):
    """The reply came after the transmission had ended: the repeat gets it, the application sees one message."""
    gate, b = too_late(stage, protocol)
    line = LINES[protocol](b.station)
    message = hl7("L1", 500)
    reply = reply_to(message, 300)
    line.offer(message)
    assert gate.request() == message
    given_up(b, line)
    gate.reply(reply)
    gate.end()
    b.drv.wait_for("is kept for its repeat")  # whichever it saw first, the end or the reply
    line.offer(message)
    assert line.acknowledged()
    assert b.station.receive() == reply
    assert gate.nobody_calls(WATCH), "the repeat was delivered again"
    assert "possible duplicate" not in b.drv.log


def test_the_repeat_joins_the_delivery(stage, protocol):
    """The application still works when the message comes again: it is asked once."""
    gate, b = too_late(stage, protocol)
    line = LINES[protocol](b.station)
    message = hl7("L2", 500)
    reply = reply_to(message, 300)
    line.offer(message)
    assert gate.request() == message
    given_up(b, line)
    line.offer(message)
    b.drv.wait_for("came again while")
    gate.reply(reply)
    gate.end()
    if not line.acknowledged():  # on a slow machine this one ran out of time as well
        line.offer(message)
        assert line.acknowledged()
    assert b.station.receive() == reply
    assert gate.accepted == 1


def test_a_failed_delivery_makes_the_repeat_a_possible_duplicate(stage, protocol):
    """An application has seen the message and died; the repeat is delivered and marked."""
    gate = Gate(stage)
    b = Bridge(stage, protocol, ANY, app=gate, dist=False)
    line = LINES[protocol](b.station)
    message = hl7("L3", 300)
    line.offer(message)
    gate.request()
    gate.die()
    if protocol == "x328":
        assert b.station.get() == "EOT"
    else:
        assert b.station.get_block() == b"\x15"
    line.offer(message)
    assert gate.request() == message
    gate.reply(reply_to(message))
    gate.end()
    assert line.acknowledged()
    assert b.station.receive() == reply_to(message)
    b.drv.wait_for("possible duplicate")


def test_an_acknowledgement_that_was_lost(stage, protocol):
    """Acknowledged, but the instrument did not hear it and begins anew: delivered again, and marked."""
    b = Bridge(stage, protocol, dist=False)
    line = LINES[protocol](b.station)
    message = hl7("L4", 300)
    for _ in range(2):
        line.offer(message)
        assert line.acknowledged()
        assert b.station.receive() == reply_to(message)
    assert b.app.requests == [message] * 2
    b.drv.wait_for("possible duplicate")
    assert b.drv.log.count("possible duplicate") == 1


def test_a_retransmitted_last_block_is_answered_again(stage):
    """X3.28: the acknowledgement of the last block was lost inside the transmission; nothing is repeated."""
    b = Bridge(stage, "x328", dist=False)
    station = b.station
    message = hl7("L5", 300)
    station.bid()
    number, data = station.send_blocks(message)
    station.expect(f"ACK{number}")
    for _ in range(3):
        station.put(data)
        station.expect(f"ACK{number}")
    station.say("EOT")
    assert station.receive() == reply_to(message)
    assert b.app.requests == [message]
    assert "duplicate of one before" not in b.drv.log


def gone_client(b, request):
    """A client of dist that resets its connection when its request is on the line."""
    client = illp.connect(b.dist)
    client.sendall(request)
    client.shutdown(socket.SHUT_WR)
    assert b.station.receive() == request
    return client


@pytest.mark.core
@pytest.mark.parametrize("when", ["before", "during"])
def test_a_reply_without_a_client(stage, when):
    """Or, if its bid was granted already, kept as a dead letter. The line goes on."""
    b = Bridge(stage, "x328", app=None)
    b.station
    request = hl7("D1", 300)
    client = gone_client(b, request)
    line = LineX328(b.station)
    if when == "before":
        client.close()  # armed: a reset
        b.drv.wait_for("client went")
        b.station.say("ENQ")
        b.station.expect("NAK")
    else:
        b.station.bid()
        b.station.put(block(1, reply_to(request)[:30], False))
        b.station.expect("ACK1")
        client.close()
        b.drv.wait_for("client went")
        line.data = block(2, reply_to(request)[30:], True)
        line.number = 2
        b.station.put(line.data)
        if line.acknowledged():
            b.drv.wait_for("kept as a dead letter")
    again = hl7("D2", 300)
    got, reply = b.serve(again, reply_to(again))
    assert got == again and reply == reply_to(again)


class TestOtherPolicies:
    def test_commit_sent(self, stage, protocol):
        """Opt-in and lossy: the bytes are with the application's host."""
        gate = Gate(stage)
        b = Bridge(stage, protocol, ANY, "--commit", "sent", app=gate, dist=False)
        line = LINES[protocol](b.station)
        message = hl7("P1", 300)
        line.offer(message)
        assert line.acknowledged()
        assert gate.request() == message
        gate.reply(reply_to(message))
        gate.end()
        assert b.station.receive() == reply_to(message)

    def test_ready_while_a_target_answers(self, stage):
        """ready=target_up: bids are refused while no application answers, and granted when one does."""
        path = str(stage.path("app"))
        nobody = type("Nobody", (), {"to": "unix:" + path})
        b = Bridge(stage, "x328", ANY, "--ready", "target_up", "--connect-tries", "1", app=nobody,
                   dist=False)
        station = b.station
        assert not station.send(hl7("P0", 300))  # from which it learns

        def refused():
            station.say("ENQ")
            if station.expect("NAK", "ACK0") == "NAK":
                return True
            station.say("EOT")
            return False
        until(refused, "bids to be refused", program=b.drv)
        App(stage, reply_to, path=path)
        until(lambda: not refused(), "bids to be granted", program=b.drv)
        message = hl7("P2", 300)
        assert b.ask(message) == reply_to(message)

    def test_expect_in_none(self, stage, protocol):
        """The instrument wants no reply: the application's is read for the commit point and discarded."""
        b = Bridge(stage, protocol, ANY, "--set", "expect_in=none", dist=False)
        line = LINES[protocol](b.station)
        message = hl7("P3", 300)
        line.offer(message)
        assert line.acknowledged()
        assert b.station.silent(WATCH)
        assert b.app.requests == [message]
