# SPDX-License-Identifier: BSD-3-Clause
"""A process that dies in mid message never makes a short message look whole.

Over TCP for peers that arm; over UNIX sockets for requests, and for replies under check=hl7. No byte at all
of a reply is one where arming does not help, unless empty_reply=refuse. And applications of the 1990s, who know
none of this, work all the same.
"""

import signal
import socket
import subprocess

import pytest

import illp
from support import stations
from support.apps import App
from support.bridge import Bridge
from support.content import hl7, plain, reply_to
from support.lines import ANY
from support.programs import free_port, until

# Cut inside a segment: exactly at a segment's end a reply of a peer that does not arm looks whole.
MESSAGE = hl7("CRASH", 4000)
REPLY = reply_to(MESSAGE, 3000)
CUT = 1234
assert MESSAGE[CUT - 1:CUT] != b"\r" and REPLY[CUT - 1:CUT] != b"\r"


class AppProcess:
    """An application in a process of its own that stops in mid reply."""

    def __init__(self, stage, *, unix=False, arming="--armed", cut=CUT, how="wait", reply=REPLY):
        self.address = str(stage.path("app")) if unix else str(free_port())
        self.to = f"unix:{self.address}" if unix else f"{self.address}%127.0.0.1"
        file = stage.path("reply")
        file.write_bytes(reply)
        self.program = stage.python("app_process.py", "app", self.address, arming, file, cut, how,
                                    stdin=subprocess.PIPE, exit_status=None)
        self.program.wait_for("ready", stdout=True)

    def half(self):
        self.program.wait_for("half", stdout=True)


class ClientProcess:
    """A client of dist in a process of its own that stops in mid request."""

    def __init__(self, stage, address, *, arming="--armed", cut=CUT, how="wait", request=MESSAGE):
        file = stage.path("request")
        file.write_bytes(request)
        address = address if isinstance(address, str) else str(address[1])
        self.program = stage.python("app_process.py", "client", address, arming, file, cut, how,
                                    stdin=subprocess.PIPE, exit_status=None)

    def half(self):
        self.program.wait_for("half", stdout=True)
        return self


def no_acknowledgement(b):
    """The instrument's message was refused: nothing like an acknowledgement, and no reply."""
    if b.protocol == "x328":
        assert b.station.get() in ("NAK", "EOT")
    elif b.protocol == "mllp2":
        assert b.station.get_block() == b"\x15"
    b.drv.wait_for("from the instrument failed")
    if b.protocol in ("mllp", "hllp"):
        assert b.station.silent(0.2), "something was sent to the instrument"


def offer(b, message):
    if b.protocol == "x328":
        b.station.bid()
        b.station.send_blocks(message)
    elif b.protocol == "mllp2":
        b.station.put_block(message)
    else:
        b.station.send(message)


class TestApplicationInMidReply:
    @pytest.mark.parametrize("protocol", [pytest.param("x328", marks=pytest.mark.core), "hllp", "mllp",
                                          pytest.param("mllp2", marks=pytest.mark.core)])
    @pytest.mark.parametrize("how", ["killed", "exception"])
    def test_armed_over_tcp(self, stage, protocol, how):
        app = AppProcess(stage, how="wait" if how == "killed" else "exception")
        b = Bridge(stage, protocol, app=app, dist=False)
        b.station
        offer(b, MESSAGE)
        app.half()
        if how == "killed":
            app.program.kill()
        no_acknowledgement(b)

    @pytest.mark.parametrize("unix", [pytest.param(True, marks=pytest.mark.core), False])
    def test_unarmed_under_check_hl7(self, stage, unix):
        """Death looks like the reply's end: check=hl7, the default for HL7, sees that it is cut."""
        app = AppProcess(stage, unix=unix, arming="--unarmed")
        b = Bridge(stage, "x328", app=app, dist=False)
        b.station
        offer(b, MESSAGE)
        app.half()
        app.program.kill()
        no_acknowledgement(b)

    def test_cut_at_the_end_of_a_segment(self, stage):
        """Documented: without arming this cannot be told from a whole reply. It can with it."""
        cut = REPLY.index(b"\r", CUT) + 1
        app = AppProcess(stage, cut=cut)
        b = Bridge(stage, "x328", app=app, dist=False)
        b.station
        offer(b, MESSAGE)
        app.half()
        app.program.kill()
        no_acknowledgement(b)

    def test_text_that_is_not_hl7(self, stage):
        """Arming needs no knowledge of the content."""
        app = AppProcess(stage, reply=plain(3000))
        b = Bridge(stage, "mllp2", app=app, dist=False)
        b.station
        offer(b, plain(2000))
        app.half()
        app.program.kill()
        no_acknowledgement(b)

    @pytest.mark.parametrize("unix, arming, empty, taken", [
        (False, "--armed", "accept", False),
        # Documented: without a byte of reply, its death reads as the empty reply, which says "taken".
        pytest.param(True, "--armed", "accept", True, marks=pytest.mark.core),
        (False, "--unarmed", "accept", True),
        pytest.param(True, "--armed", "refuse", False, marks=pytest.mark.core),
        (False, "--unarmed", "refuse", False),
    ])
    def test_died_before_its_reply(self, stage, unix, arming, empty, taken):
        app = AppProcess(stage, unix=unix, arming=arming, cut=0)
        b = Bridge(stage, "mllp2", ANY, "--empty-reply", empty, app=app, dist=False)
        b.station
        offer(b, MESSAGE)
        app.half()
        app.program.kill()
        if taken:
            assert b.station.get_block() == b"\x06"
            assert b.station.silent(0.2), "an empty reply was sent to the instrument"
        else:
            no_acknowledgement(b)

    @pytest.mark.parametrize("empty", ["accept", "refuse"])
    def test_an_empty_reply_of_a_living_one(self, stage, empty):
        """Where applications always reply, nothing is a failure; what they reply is taken as ever."""
        replies = iter([b"", reply_to(MESSAGE)])
        b = Bridge(stage, "mllp2", ANY, "--empty-reply", empty, app=App(stage, lambda request: next(replies)), dist=False)
        b.station
        offer(b, MESSAGE)
        assert b.station.get_block() == (b"\x06" if empty == "accept" else b"\x15")
        if empty == "refuse":
            b.drv.wait_for("the reply is empty")
            assert b.ask(MESSAGE) == reply_to(MESSAGE)


class TestClientInMidRequest:
    @pytest.mark.parametrize("unix, arming", [
        pytest.param(False, "--armed", marks=pytest.mark.core), pytest.param(True, "--armed", marks=pytest.mark.core),
        (True, "--unarmed"), (False, "--unarmed")])
    @pytest.mark.parametrize("how", ["killed", "exception"])
    @pytest.mark.shows("illp/9/client")
    def test_nothing_reaches_the_line(self, stage, unix, arming, how):
        """Over TCP armed; over a UNIX socket EOF together with HUP; unarmed over TCP by check=hl7."""
        b = Bridge(stage, "mllp", app=None)
        if unix:
            b.dist = str(stage.path("dist"))
            b.args[b.args.index(str(b.dist_port))] = "unix:" + b.dist
            b.dist_port = 0
        b.station
        if unix:
            until(lambda: stage.path("dist").exists(), "dist", program=b.drv)
        client = ClientProcess(stage, b.dist, arming=arming, how="wait" if how == "killed" else "exception").half()
        if how == "killed":
            client.program.kill()
        else:
            client.program.wait()
        # The next request is served at once, and the dead client's never was.
        request = hl7("NEXT", 300)
        got, reply = b.serve(request, reply_to(request))
        assert got == request and reply == reply_to(request)

    def test_gone_after_its_half_close(self, stage):
        """A client that dies while it waits: its request is complete, its reply has no taker; the line goes on."""
        b = Bridge(stage, "mllp", app=None)
        b.station
        client = ClientProcess(stage, b.dist, cut=-1).half()
        assert b.station.receive() == MESSAGE
        client.program.kill()
        b.drv.wait_for("client went")
        b.station.send(reply_to(MESSAGE))
        request = hl7("AFTER", 300)
        got, reply = b.serve(request, reply_to(request))
        assert got == request and reply == reply_to(request)


class TestDriverKilled:
    """llpdrv itself: SIGKILL in the middle of what it sends."""

    @pytest.mark.core
    @pytest.mark.shows("illp/D-6")
    def test_in_mid_request_to_the_application(self, stage):
        big = hl7("BIG", 8_000_000)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # it cannot get rid of all
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        stage.cleanup(listener.close)
        app = type("Slow", (), {"to": f"{listener.getsockname()[1]}%127.0.0.1"})
        b = Bridge(stage, "mllp", app=app, dist=False)
        b.station.send(big)
        listener.settimeout(60)
        s, _ = listener.accept()
        stage.cleanup(s.close)
        assert s.recv(1000)
        b.drv.kill()
        with pytest.raises(illp.Reset):
            illp.receive(s)

    def test_in_mid_request_over_a_unix_socket(self, stage):
        big = hl7("BIG", 8_000_000)
        path = str(stage.path("app"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        stage.cleanup(listener.close)
        app = type("Slow", (), {"to": "unix:" + path})
        b = Bridge(stage, "mllp", app=app, dist=False)
        b.station.send(big)
        listener.settimeout(60)
        s, _ = listener.accept()
        stage.cleanup(s.close)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        assert s.recv(1000)
        b.drv.kill()
        with pytest.raises(illp.Reset):
            illp.receive(s, request=True)

    @pytest.mark.core
    @pytest.mark.shows("illp/D-6")
    def test_in_mid_reply_to_the_client(self, stage):
        b = Bridge(stage, "mllp", app=None)
        b.station
        request = hl7("KR", 300)
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(b.dist)
        stage.cleanup(s.close)
        s.sendall(request)
        s.shutdown(socket.SHUT_WR)
        assert b.station.receive() == request
        b.station.send(reply_to(request, 8_000_000))
        s.settimeout(60)
        assert s.recv(1000)
        b.drv.kill()
        with pytest.raises(illp.Reset):
            illp.receive(s)

    def test_while_the_instrument_waits(self, stage):
        """Nobody has acknowledged: the instrument's timer tells."""
        app = AppProcess(stage)
        b = Bridge(stage, "x328", app=app, dist=False)
        b.station
        offer(b, MESSAGE)
        app.half()
        b.drv.kill()
        with pytest.raises(stations.LineEnded):
            while b.station.get() == "NAK":
                pass


class TestThe1990s:
    """Forks for each connection, does not arm, SIGURG handler with recv(MSG_OOB), not inline."""

    @pytest.mark.core
    @pytest.mark.shows("illp/D-9")
    def test_as_application(self, stage):
        port = free_port()
        old = stage.python("app_1990s.py", "server", port, exit_status=None)
        old.wait_for("ready", stdout=True)
        b = Bridge(stage, "x328", app=type("Old", (), {"to": f"{port}%127.0.0.1"}), dist=False)
        for size in (300, 10_000):
            message = hl7(f"OLD{size}", size)
            assert b"MSA|AA|OLD%d\r" % size in b.ask(message)
            old.wait_for(f"message {size}", stdout=True)

    @pytest.mark.core
    def test_as_client(self, stage):
        b = Bridge(stage, "x328", app=None)
        b.station
        request, file = hl7("OLDC", 5000), stage.path("request")
        file.write_bytes(request)
        old = stage.python("app_1990s.py", "client", b.dist_port, file)
        assert b.station.receive() == request
        assert b.station.send(reply_to(request, 2000))
        assert old.finish().out == reply_to(request, 2000)

    @pytest.mark.user
    @pytest.mark.core
    def test_hears_a_cancel(self, stage):
        """The instrument does not answer: the client's handler gets CAN out of band."""
        b = Bridge(stage, "mllp", "unix-listen", "--set", "reply_timeout=100ms", app=None)
        b.station
        file = stage.path("request")
        file.write_bytes(hl7("OLDX", 5000))
        old = stage.python("app_1990s.py", "client", b.dist_port, file)
        b.station.receive()
        assert old.finish().out == b"cancelled\n"

    def test_dies_in_mid_reply(self, stage):
        """It never armed: check=hl7 sees its death."""
        app = AppProcess(stage, arming="--unarmed")
        b = Bridge(stage, "mllp2", app=app, dist=False)
        b.station
        offer(b, MESSAGE)
        app.half()
        app.program.send(signal.SIGKILL)
        no_acknowledgement(b)

    def test_many_at_once(self, stage):
        """Its children end while others work."""
        port = free_port()
        old = stage.python("app_1990s.py", "server", port, exit_status=None)
        old.wait_for("ready", stdout=True)
        b = Bridge(stage, "mllp", app=type("Old", (), {"to": f"{port}%127.0.0.1"}), dist=False)
        for i in range(20):
            assert b"MSA|AA|MANY%d\r" % i in b.ask(hl7(f"MANY{i}", 400))


@pytest.mark.shows("hllp/10/client-stx")
def test_a_restart_voids_what_came_before(stage):
    """A client's STX: only what follows it is sent to the instrument."""
    b = Bridge(stage, "mllp", app=None)
    b.station
    request = hl7("STX", 300)
    s = illp.connect(b.dist)
    stage.cleanup(s.close)
    s.sendall(b"MSH|this is void\r")
    s.send(illp.STX, socket.MSG_OOB)
    s.sendall(request)
    s.shutdown(socket.SHUT_WR)
    assert b.station.receive() == request
    b.station.send(reply_to(request))
    assert illp.receive(s) == reply_to(request)


class Restarting(App):
    """Half a reply, STX, then the right one."""

    def _transaction(self, s):
        with s:
            request = illp.receive(s, request=True)
            s.sendall(b"MSH|half of it")
            s.send(illp.STX, socket.MSG_OOB)
            s.sendall(reply_to(request))
            s.shutdown(socket.SHUT_WR)


def test_an_application_restarts_its_reply(stage):
    b = Bridge(stage, "x328", app=Restarting(stage, reply_to), dist=False)
    message = hl7("STX2", 300)
    assert b.ask(message) == reply_to(message)


@pytest.mark.core
@pytest.mark.shows("hllp/10/client-can")
def test_a_cancelled_request_never_reaches_the_line(stage):
    b = Bridge(stage, "mllp", app=None)
    b.station
    s = illp.connect(b.dist)
    s.sendall(hl7("CAN", 300))
    s.send(illp.CAN, socket.MSG_OOB)
    s.close()
    request = hl7("AFTERCAN", 300)
    got, _ = b.serve(request, reply_to(request))
    assert got == request
