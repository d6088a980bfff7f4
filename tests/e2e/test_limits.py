# SPDX-License-Identifier: BSD-3-Clause
"""Whatever a peer does is bounded, and touches only its own line."""

import socket
import threading

import pytest

import illp
from support import PATIENCE, stations
from support.apps import App, Call, Dead
from support.bridge import Bridge
from support.content import hl7, reply_to
from support.lines import ANY, Line
from support.programs import free_port, listening, until


class TestSlowApplications:
    @pytest.mark.parametrize("kind", [pytest.param("dead", marks=pytest.mark.core), "slow"])
    def test_two_drivers(self, stage, kind):
        """One llpdrv hangs with its application; the other does not notice."""
        release = threading.Event()
        stage.cleanup(release.set)
        bad = Dead(stage) if kind == "dead" else App(stage, lambda r: release.wait(PATIENCE) and reply_to(r))
        # Our estimate of how long the instrument waits must not run out on a slow machine.
        stuck = Bridge(stage, "x328", ANY, "--set", "peer_timer_a=10min", app=bad, name="stuck", dist=False)
        stuck.station.bid()
        stuck.station.send_blocks(hl7("STUCK", 300))
        good = Bridge(stage, "x328", name="good", dist=False)
        for i in range(20):
            message = hl7(f"G{i}", 300)
            assert good.ask(message) == reply_to(message)
        if kind == "slow":
            release.set()
            until(lambda: stuck.station.get() == "ACK2", "the slow application's reply")

    @pytest.mark.user
    @pytest.mark.core
    def test_two_lines_of_llpd(self, stage):
        """In one process as well."""
        good = App(stage, reply_to)
        lines = {name: Line(stage, "unix-listen", name) for name in ("stuck", "good")}
        ports = {name: free_port() for name in lines}
        config = stage.path("llpd.toml")
        config.write_text(f"""
            runtime_dir = "{stage.run_dir}"
            lock_dir = "{stage.lock_dir}"
            [line.stuck]
            protocol = "x328"
            port = "{lines['stuck'].toml}"
            to = "{Dead(stage).to}"
            dist = "{ports['stuck']}"
            serve_at_once = true
            [line.good]
            protocol = "mllp"
            port = "{lines['good'].toml}"
            to = "{good.to}"
            dist = "{ports['good']}"
            serve_at_once = true
            """)
        llpd = stage.llpd("--config", config)
        until(lambda: listening(ports["good"]) and listening(ports["stuck"]), "both lines", program=llpd)
        stuck = stations.X328(lines["stuck"].wire(llpd))
        stuck.bid()
        stuck.send_blocks(hl7("STUCK", 300))
        waits = Call(("127.0.0.1", ports["stuck"]), hl7("WAITS", 300), timeout=10 * PATIENCE)
        station = stations.Mllp(lines["good"].wire(llpd))
        for i in range(20):
            message, request = hl7(f"G{i}", 300), hl7(f"H{i}", 300)
            station.send(message)
            assert station.receive() == reply_to(message)
            call = Call(("127.0.0.1", ports["good"]), request)
            assert station.receive() == request
            station.send(reply_to(request))
            assert call.result() == reply_to(request)
        assert waits.is_alive()
        llpd.stop()
        waits.refused()

    def test_a_dead_application_is_given_up(self, stage):
        """Its time is over: the instrument is told, the next message goes through to one that lives."""
        b = Bridge(stage, "x328", ANY, "--set", "peer_timer_a=200ms", "--set", "retries_l=1",
                   app=Dead(stage), dist=False)
        assert not b.station.send(hl7("DEAD", 300))
        b.drv.wait_for("out of time while|took too long while")

    @pytest.mark.parametrize("protocol", ["hllp", "mllp"])
    @pytest.mark.shows("hllp/D-19")
    def test_app_timeout_without_acknowledgements(self, stage, protocol):
        b = Bridge(stage, protocol, ANY, "--set", "app_timeout=200ms", app=Dead(stage), dist=False)
        b.station.send(hl7("DEAD", 300))
        b.drv.wait_for("out of time|timed? ?out|failed")
        assert b.station.silent(0.2)


class TestClients:
    @pytest.mark.core
    def test_a_flood_is_bounded(self, stage):
        """Connections beyond the bound are turned away; who is served stays served, and room comes back."""
        b = Bridge(stage, "mllp", ANY, "--max-connections", "8", "--drain-time", "20ms",
                   app=None)
        b.station
        request = hl7("FIRST", 300)
        first = b.call(request)
        assert b.station.receive() == request  # it is being served
        idle = []
        for _ in range(100):
            try:
                s = socket.create_connection(b.dist, timeout=PATIENCE)
            except (BrokenPipeError, ConnectionResetError):
                continue  # turned away before connect() had returned
            stage.cleanup(s.close)
            idle.append(s)
        b.drv.wait_for("refused: 8 connections are being served, at most 8 are allowed")
        # Of a hundred that say nothing, all but seven are turned away.
        gone = 100 - len(idle)
        def turned_away():
            count = gone
            for s in idle:
                s.setblocking(False)
                try:
                    count += not s.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                except BlockingIOError:
                    pass
                except OSError:
                    count += 1
            return count
        until(lambda: turned_away() >= 93, "most of the flood to be turned away", program=b.drv)
        b.station.send(reply_to(request))
        assert first.result() == reply_to(request)
        for s in idle:
            s.close()

        def served():
            call = b.call(hl7("LAST", 300), timeout=10)
            try:
                got = b.station.receive(timeout=2)
            except stations.Silence:
                assert call.refused()
                return False
            b.station.send(reply_to(got))
            return call.result() == reply_to(got)
        until(served, "room after the flood")

    @pytest.mark.core
    def test_a_request_too_long(self, stage):
        """CAN as soon as it is too long, and a line in the log."""
        b = Bridge(stage, "x328", ANY, "--set", "max_message=1000", app=None)
        b.station
        assert b.call(hl7("LONG", 5000)).refused() in (illp.Cancelled, illp.Reset)
        b.drv.wait_for("refused.*1000")
        s = illp.connect(b.dist)
        stage.cleanup(s.close)
        s.sendall(hl7("LONG", 5000))  # not half-closed: the refusal does not wait for the end
        with pytest.raises(illp.Cancelled):
            illp.receive(s)
        request = hl7("FITS", 1000)
        got, reply = b.serve(request, reply_to(request))
        assert got == request and reply == reply_to(request)

    def test_a_reply_too_long(self, stage):
        """From the application: not passed on, not acknowledged."""
        b = Bridge(stage, "mllp2", ANY, "--set", "max_message=1000",
                   reply=lambda request: reply_to(request, 5000), dist=False)
        b.station.put_block(hl7("R", 300))
        assert b.station.get_block() == b"\x15"
        b.drv.wait_for("failed.*1000")

    def test_a_message_too_long_from_the_instrument(self, stage):
        b = Bridge(stage, "x328", ANY, "--set", "max_message=1000", dist=False)
        station = b.station
        station.bid()
        with pytest.raises(AssertionError, match="EOT came"):
            station.send_blocks(hl7("LONG", 5000))
            station.expect("ACK1")
        assert b.app.requests == []
        message = hl7("FITS", 1000)
        assert b.ask(message) == reply_to(message)

    @pytest.mark.core
    def test_too_many_requests(self, stage):
        """The queue is full: CAN at once, the others keep their place."""
        b = Bridge(stage, "mllp", ANY, "--max-queue", "3", "--max-connections", "50",
                   "--set", "reply_timeout=60s", app=None)
        b.station
        first = b.call(hl7("Q0", 300))
        assert b.station.receive() == first.request
        calls = [b.call(hl7(f"Q{i}", 300)) for i in range(1, 11)]
        until(lambda: sum(not c.is_alive() for c in calls) == 7, "seven refusals", program=b.drv)
        assert all(c.error is not None for c in calls if not c.is_alive())
        b.drv.wait_for("refused")
        b.station.send(reply_to(first.request))
        first.result()
        waiting = {c.request: c for c in calls if c.is_alive()}
        for _ in range(3):
            request = b.station.receive()
            b.station.send(reply_to(request))
            assert waiting.pop(request).result() == reply_to(request)
        assert not waiting

    def test_a_request_waits_so_long_at_most(self, stage):
        b = Bridge(stage, "mllp", ANY, "--queue-timeout", "1s", "--set", "reply_timeout=60s", app=None)
        b.station
        first = b.call(hl7("W0", 300))
        assert b.station.receive() == first.request
        assert b.call(hl7("W1", 300)).refused() is illp.Cancelled
        b.station.send(reply_to(first.request))
        first.result()

    @pytest.mark.core
    @pytest.mark.shows("illp/3/recv+idle")
    def test_an_idle_client(self, stage):
        """T_idle: no byte of a request for so long: CAN."""
        b = Bridge(stage, "mllp", ANY, "--idle-timeout", "200ms", app=None)
        b.station
        s = illp.connect(b.dist)
        stage.cleanup(s.close)
        s.sendall(b"MSH|")
        with pytest.raises(illp.Cancelled):
            illp.receive(s)

    def test_a_client_that_does_not_take_its_reply(self, stage):
        """It is given up; the line goes on."""
        b = Bridge(stage, "mllp", ANY, "--idle-timeout", "1s", app=None)
        b.station
        request = hl7("NT", 300)
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(b.dist)
        stage.cleanup(s.close)
        s.sendall(request)
        s.shutdown(socket.SHUT_WR)
        assert b.station.receive() == request
        b.station.send(reply_to(request, 8_000_000))
        again = hl7("NT2", 300)
        got, reply = b.serve(again, reply_to(again))
        assert got == again and reply == reply_to(again)

    @pytest.mark.shows("illp/D-3")
    def test_an_empty_request(self, stage):
        """A protocol error: closed without a reply, nothing on the line."""
        b = Bridge(stage, "mllp", app=None)
        b.station
        assert illp.call(b.dist, b"") == b""
        assert b.station.silent(0.2)


@pytest.mark.parametrize("protocol, byte", [("x328", b"\x03"), ("mllp", b"\x1c"), ("hllp", b"\x0b"),
                                            ("mllp2", b"\x07")])
def test_a_character_the_protocol_cannot_carry(stage, protocol, byte):
    """Refused before anything is on the line; never sent cut short."""
    b = Bridge(stage, protocol, app=None)
    b.station
    assert b.call(b"MSH|^~\\&|A\rNTE|" + byte + b"|x\r").refused() is illp.Cancelled
    request = hl7("GOOD", 300)
    got, reply = b.serve(request, reply_to(request))
    assert got == request and reply == reply_to(request)
