# SPDX-License-Identifier: BSD-3-Clause
"""llpdrv's command line: every option, every wrong one, start and end."""

import fcntl
import os
import pty
import re
import signal
import socket
import termios

import pytest

import illp
from support import stations
from support.apps import App
from support.bridge import Bridge
from support.content import hl7, reply_to
from support.lines import ANY, Line
from support.programs import (BIN, IN_USE, NO_INPUT, NOT_PERMITTED, OS_ERROR, UNAVAILABLE, USAGE, free_port,
                              listening, until)


def one_line(program, *words):
    """Exactly one line on standard error, in which all the words are."""
    lines = program.log.splitlines()
    assert len(lines) == 1, f"{len(lines)} lines on standard error\n{program.report()}"
    for word in words:
        assert word.lower() in lines[0].lower(), f"{word!r} is not in {lines[0]!r}"


def busy_port(stage):
    s = socket.create_server(("127.0.0.1", 0))
    stage.cleanup(s.close)
    return s.getsockname()[1]


WRONG = {
    "no arguments": ([], USAGE, []),
    "unknown option": (["--frobnicate"], USAGE, ["frobnicate"]),
    "unknown letter": (["-x"], USAGE, ["-x"]),
    "two protocols": (["-a", "-h", "-p", "-", "-i", "1"], USAGE, []),
    "no line": (["-a"], USAGE, []),
    "nothing to do": (["-m", "-p", "-"], USAGE, []),
    "two lines": (["-m", "-p", "-", "-t", "/dev/null", "-i", "5001"], USAGE, []),
    "too many -i": (["-m", "-p", "-", "-i", "1", "-i", "2", "-i", "3"], USAGE, []),
    "unknown parameter": (["-a", "-p", "-", "-i", "1", "--set", "timer_x=1s"], USAGE, ["timer_x"]),
    "parameter of another protocol": (["-m", "-p", "-", "-i", "1", "--set", "timer_a=1s"], USAGE, ["timer_a"]),
    "parameter without value": (["-a", "-p", "-", "-i", "1", "--set", "timer_a"], USAGE, ["timer_a"]),
    "parameter out of bounds": (["-a", "-p", "-", "-i", "1", "--set", "retries_l=101"], USAGE, ["retries_l", "100"]),
    "parameter of the wrong kind": (["-a", "-p", "-", "-i", "1", "--set", "role=master"], USAGE, ["role", "master"]),
    "unknown peer": (["-a", "-p", "-", "-i", "1", "--peer", "vista"], USAGE, ["vista"]),
    "peer of another protocol": (["-m", "-p", "-", "-i", "1", "--peer", "vista-x328"], USAGE, ["vista-x328"]),
    "bad time scale": (["-a", "-p", "-", "-i", "1", "--time-scale", "0"], USAGE, ["time-scale"]),
    "bad match": (["-a", "-p", "-", "-i", "1", "--match", "perhaps"], USAGE, ["match", "perhaps"]),
    "bad expect": (["-a", "-p", "-", "-i", "1", "--expect", "perhaps"], USAGE, ["expect", "perhaps"]),
    "port out of range": (["-m", "-i", "70000", "-i", "5001"], USAGE, ["70000"]),
    "bad baud rate": (["-m", "-t", "/dev/null,fast", "-i", "5001"], USAGE, ["fast"]),
    "bad mode": (["-m", "-t", "/dev/null,9600,8x1", "-i", "5001"], USAGE, ["8x1"]),
    "socket path too long": (["-m", "-u", "/" + "x" * 200, "-i", "5001"], USAGE, ["socket"]),
    "unknown service": (["-m", "-p", "-", "-i", "-", "-i", "no-such-service"], UNAVAILABLE, ["no-such-service"]),
    "unknown service to call": (["-m", "-p", "-", "-i", "no-such-service"], UNAVAILABLE, ["no-such-service"]),
    "unknown service of the line": (["-m", "-i", "no-such-service%127.0.0.1", "-i", "5001"], UNAVAILABLE,
                                    ["no-such-service"]),
    "missing device": (["-m", "-t", "/dev/no-such-port", "-i", "5001"], NO_INPUT, ["/dev/no-such-port"]),
    "no serial port": (["-m", "-t", "/dev/null", "-i", "5001"], OS_ERROR, ["/dev/null"]),
    "socket in no directory": (["-m", "-u", "/no/such/dir/s", "-i", "5001"], NO_INPUT, ["/no/such/dir/s"]),
    "symlink in no directory": (["-m", "-p", "/no/such/dir/s", "-i", "5001"], NO_INPUT, ["/no/such/dir/s"]),
}


@pytest.mark.user
@pytest.mark.parametrize("case", WRONG)
def test_wrong(stage, case):
    """One clear line on standard error that names what is wrong, and the documented exit status."""
    args, status, words = WRONG[case]
    program = stage.llpdrv(*args, exit_status=None)
    assert program.wait() == status, program.report()
    one_line(program, *words)


@pytest.mark.user
@pytest.mark.core
class TestNotPermitted:
    """The system refuses. Root, whom nothing is refused, does without its capabilities."""

    @pytest.fixture
    def closed(self, stage):
        """A directory in which nothing can be made."""
        directory = stage.path("closed")
        directory.mkdir(mode=0o500)
        return directory

    def refused(self, stage, *args):
        without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        return stage.start([*without, BIN / "llpdrv", "-y", "--runtime-dir", stage.run_dir, "--lock-dir", stage.lock_dir,
                            *args], exit_status=NOT_PERMITTED).finish()

    def test_line(self, stage, closed):
        path = closed / "line"
        one_line(self.refused(stage, "-m", "-u", path, "-i", "5001"), str(path))

    def test_dist(self, stage, closed):
        """Said at the start, though it is to listen there later."""
        path = closed / "dist"
        one_line(self.refused(stage, "-m", "-u", stage.run_dir / "s", "-i", "5001", "-i", f"unix:{path}"), str(path))

    def test_port(self, stage, closed):
        master, slave = os.openpty()
        stage.cleanup(lambda: [os.close(fd) for fd in (master, slave)])
        device = os.ttyname(slave)
        os.chmod(device, 0)
        one_line(self.refused(stage, "-m", "-t", device, "-i", "5001"), device)


@pytest.mark.user
class TestInUse:
    @pytest.mark.core
    def test_dist(self, stage):
        port = busy_port(stage)
        program = stage.llpdrv("-I", "-m", "-p", "-", "-i", "-", "-i", port, exit_status=IN_USE).finish()
        lines = [line for line in program.log.splitlines() if not line.startswith("line: ")]
        assert len(lines) == 1 and str(port) in lines[0]

    def test_line(self, stage):
        port = busy_port(stage)
        program = stage.llpdrv("-m", "-i", port, "-i", "5001", exit_status=IN_USE).finish()
        one_line(program, str(port))

    def test_unix_socket(self, stage):
        path = str(stage.path("s"))
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        s.listen(1)
        stage.cleanup(s.close)
        one_line(stage.llpdrv("-m", "-u", path, "-i", "5001", exit_status=IN_USE).finish(), path)

    def test_symlink(self, stage):
        path = stage.path("link")
        path.write_text("a file of somebody's")
        one_line(stage.llpdrv("-m", "-p", path, "-i", "5001", exit_status=IN_USE).finish(), str(path))
        assert path.read_text() == "a file of somebody's"


@pytest.mark.user
class TestInformation:
    @pytest.mark.core
    def test_help(self, stage):
        program = stage.llpdrv("--help", mode=None).finish()
        text = program.out.decode()
        for option in ("-a", "-h", "-m", "-i", "-u", "-p", "-t", "-d", "-y", "-Y", "-I", "-1", "--peer", "--set",
                       "--match", "--expect", "--time-scale", "--version", "--list-params", "--runtime-dir"):
            assert re.search(rf"(^|[\s,(\[|]){re.escape(option)}\b", text, re.M), f"{option} is not explained"
        assert program.err == b""

    def test_version(self, stage):
        for name in ("llpdrv", "llpd", "llpsim"):
            program = stage.start([BIN / name, "--version"]).finish()
            assert re.fullmatch(rb".*\d+\.\d+.*\n", program.out), program.report()

    @pytest.mark.parametrize("protocol, name", [("x328", "timer_a"), ("hllp", "xor_scope"), ("mllp", "release")])
    def test_list_params(self, stage, protocol, name):
        program = stage.llpdrv(f"--list-params={protocol}", mode=None).finish()
        assert name in program.out.decode()


class TestOptions:
    def test_parameters_are_used(self, stage):
        """--set, --peer, --match and --expect change what goes over the line."""
        b = Bridge(stage, "x328", ANY, "--set", "block_max=50", "--set", "blocking=size", app=None)
        b.station
        b.call(hl7("B", 300))
        b.station.expect_bid()
        b.station.say("ACK0")
        number, text, last = b.station.get()
        assert (number, len(text), last) == (1, 50, False)

    def test_peer(self, stage):
        """vista-x328: NAK goes without CR."""
        b = Bridge(stage, "x328", ANY, "--peer", "vista-x328", dist=False)
        b.station.bid()
        b.station.put(b"\x02100003ABC\x0300\r")
        assert b.station.take(1) == stations.NAK
        assert b.station.silent(0.2), "something came after the NAK"

    def test_expect_none(self, stage):
        """The client gets an empty reply when the line has acknowledged."""
        b = Bridge(stage, "x328", ANY, "--expect", "none", app=None)
        b.station
        call = b.call(hl7("N", 300))
        b.station.receive()
        assert call.result() == b""

    def test_match_lockstep(self, stage):
        """The next message is the reply, whatever it says."""
        b = Bridge(stage, "mllp", ANY, "--match", "lockstep", app=None)
        reply = hl7("SOMETHING-ELSE", 300)
        assert b.serve(hl7("M", 300), reply)[1] == reply

    def test_match_msa_id(self, stage):
        """Another message is no reply: it goes to the application."""
        b = Bridge(stage, "mllp", ANY, "--match", "msa_id")
        b.station
        request, other = hl7("M", 300), hl7("OTHER", 300)
        call = b.call(request)
        assert b.station.receive() == request
        b.station.send(other)
        assert b.station.receive() == reply_to(other)
        b.station.send(reply_to(request))
        assert call.result() == reply_to(request)
        assert b.app.requests == [other]

    @pytest.mark.user
    def test_long_and_combined_options(self, stage):
        """-yI in one word, and --set more than once."""
        line, port = Line(stage, "unix-listen"), free_port()
        drv = stage.llpdrv("-Im", *line.args, "-i", "-", "-i", port, "--set", "t_in=5s", "--set", "reply_timeout=7s")
        until(lambda: listening(port), "dist", program=drv)
        drv.stop()

    @pytest.mark.user
    @pytest.mark.core
    def test_pty_says_its_name(self, stage):
        """`line: /dev/pts/N` on standard error, with a link and without one."""
        for where in ("-", str(stage.path("link"))):
            drv = stage.llpdrv("-m", "-p", where, "-i", "9")
            name = drv.wait_for(r"^line: (/dev/pts/\d+)$").group(1).decode()
            assert os.path.exists(name)
            if where != "-":
                assert os.readlink(where) == name
            drv.stop()
            assert not os.path.lexists(where)

    @pytest.mark.user
    @pytest.mark.shows("hllp/5/a")
    def test_one_shot(self, stage):
        """-1: the line is left after each transaction, and taken again."""
        line = Line(stage, "tcp-connect").prepare()
        app = App(stage, reply_to)
        drv = stage.llpdrv("-1", "-m", *line.args, "-i", app.to)
        for i in range(3):
            station = stations.Mllp(line.wire(drv))
            message = hl7(f"ONE{i}", 300)
            station.send(message)
            assert station.receive() == reply_to(message)
            with pytest.raises(stations.LineEnded):
                station.get_block()
            station.close()
        assert len(app.requests) == 3

    @pytest.mark.user
    def test_debug_names_control_bytes(self, stage):
        """-d: what goes over the line by name, not one byte of content; -dd: content as well."""
        marker = b"VERYPRIVATE"
        message = hl7("DBG", 300)[:-1] + b"|" + marker + b"\r"
        for option, shown in (("-d", False), ("-dd", True)):
            b = Bridge(stage, "x328", "unix-listen", option, dist=False, name="line" + option)
            assert b.ask(message) == reply_to(message)
            for name in ("ENQ", "ACK0", "STX", "ETX", "EOT"):
                b.drv.wait_for(name)
            assert (marker in b.drv.err) == shown
            assert (b"DBG" in b.drv.err) == shown
            b.drv.stop()

    @pytest.mark.core
    @pytest.mark.shows("common/9")
    def test_nothing_of_a_message_in_the_log(self, stage):
        b = Bridge(stage, "x328")
        message, request = hl7("SECRETA", 300), hl7("SECRETB", 300)
        b.ask(message)
        b.serve(request, reply_to(request))
        b.drv.stop()
        assert "SECRET" not in b.drv.log and "PROBE" not in b.drv.log


class TestEnd:
    @pytest.mark.user
    @pytest.mark.core
    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    def test_idle(self, stage, signum):
        b = Bridge(stage, "mllp", "unix-listen")
        b.station
        b.drv.send(signum)
        b.drv.finish()
        assert not os.path.exists(b.line.path), "the socket is left"
        assert not listening(b.dist_port)

    @pytest.mark.core
    def test_in_mid_message_from_the_instrument(self, stage):
        """Ended the protocol's way: EOT, and nothing acknowledged that the application has not answered."""
        b = Bridge(stage, "x328", app=type("A", (), {"to": f"{busy_port(stage)}%127.0.0.1"}), dist=False)
        b.station.bid()
        number, data = b.station.send_blocks(hl7("TERM", 700))
        b.drv.send(signal.SIGTERM)
        while (answer := b.station.get()) == "NAK":
            b.station.put(data)
        assert answer == "EOT", f"{answer} instead of the end of the transmission"
        b.drv.finish()

    def test_in_mid_message_to_the_instrument(self, stage):
        """A block is out and not answered: EOT; the client gets CAN."""
        b = Bridge(stage, "x328", app=None)
        b.station
        call = b.call(hl7("TERM", 2000))
        b.station.expect_bid()
        b.station.say("ACK0")
        got = b.station.get()
        assert got[0] == 1, f"{got} instead of block 1"
        b.drv.send(signal.SIGTERM)
        while isinstance(got, tuple):  # within its grace it may go on
            b.station.say(f"ACK{got[0]}")
            got = b.station.get()
        assert got == "EOT", b.journal.entries
        assert call.refused() in (illp.Cancelled, illp.Reset)
        b.drv.finish()

    def test_waiting_for_a_reply(self, stage):
        """The client is told; the program ends within its grace."""
        b = Bridge(stage, "mllp", app=None)
        b.station
        call = b.call(hl7("TERM", 300))
        b.station.receive()
        b.drv.send(signal.SIGTERM)
        assert call.refused() in (illp.Cancelled, illp.Reset)
        b.drv.finish()

    def test_a_transaction_in_hand_is_finished(self, stage):
        """Within its grace: the client still gets the reply."""
        b = Bridge(stage, "mllp", ANY, "--stop-grace", "60s", app=None)
        b.station
        request = hl7("GRACE", 300)
        call = b.call(request)
        b.station.receive()
        b.drv.send(signal.SIGTERM)
        until(lambda: not listening(b.dist_port), "dist to close", program=b.drv)
        b.station.send(reply_to(request))
        assert call.result() == reply_to(request)
        b.drv.finish()


@pytest.mark.user
class TestBackground:
    def start(self, stage, *args, **how):
        return stage.llpdrv("--pid-file", stage.path("pid"), *args, mode=None, **how)

    @pytest.mark.core
    def test_ready_when_it_returns(self, stage):
        """The parent's 0 means: line and ports are there, the pid file names the process."""
        line, port = Line(stage, "unix-listen"), free_port()
        parent = self.start(stage, "-I", "-m", *line.args, "-i", "-", "-i", port).finish()
        assert listening(port) and line.ready()
        pid = int(stage.path("pid").read_text())
        assert pid != parent.pid and pid in stage.left()
        assert os.getsid(pid) != os.getsid(0) and os.getpgid(pid) != os.getpgid(0)
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        for fd in (0, 1, 2):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
        os.kill(pid, signal.SIGTERM)
        until(lambda: pid not in stage.left(), "the background process to end")
        assert not stage.path("pid").exists()

    @pytest.mark.core
    def test_errors_of_the_start(self, stage):
        """They are still on the caller's standard error, with the exit status."""
        port = busy_port(stage)
        parent = self.start(stage, "-I", "-m", "-u", stage.path("s"), "-i", "-", "-i", port, exit_status=IN_USE)
        parent.finish()
        one_line(parent, str(port))
        assert not stage.path("pid").exists()
        assert not stage.left()

    def test_it_works(self, stage):
        line = Line(stage, "unix-listen")
        app = App(stage, reply_to)
        self.start(stage, "-m", *line.args, "-i", app.to).finish()
        pid = int(stage.path("pid").read_text())
        station = stations.Mllp(line.wire())
        message = hl7("BG", 300)
        station.send(message)
        assert station.receive() == reply_to(message)
        os.kill(pid, signal.SIGTERM)
        until(lambda: pid not in stage.left(), "the background process to end")


@pytest.mark.user
class TestForeground:
    @pytest.mark.core
    def test_supervised(self, stage):
        """-Y: does not fork, ignores SIGHUP."""
        line = Line(stage, "unix-listen")
        app = App(stage, reply_to)
        drv = stage.llpdrv("-m", *line.args, "-i", app.to, mode="-Y")
        station = stations.Mllp(line.wire(drv))
        drv.send(signal.SIGHUP)
        message = hl7("HUP", 300)
        station.send(message)
        assert station.receive() == reply_to(message)
        assert set(stage.left()) == {drv.pid}
        drv.stop()

    def test_keeps_the_terminal(self, stage):
        """-y on a terminal: it stays this terminal's, and the interrupt key ends it."""
        master, slave = pty.openpty()
        stage.cleanup(lambda: os.close(master))
        line = Line(stage, "unix-listen")
        drv = stage.start([BIN / "llpdrv", "-y", "--runtime-dir", stage.run_dir, "-m", *line.args, "-i", "9"],
                          stdin=slave, start_new_session=True,
                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        until(line.ready, "the line", program=drv)
        os.write(master, b"\x03")
        drv.finish()


@pytest.mark.user
def test_usage_does_not_touch_anything(stage):
    """A wrong option among right ones: no port, no file, no process."""
    path = stage.path("s")
    stage.llpdrv("-I", "-m", "-u", path, "-i", "-", "-i", free_port(), "--no-such-option", exit_status=USAGE).finish()
    assert not path.exists() and not list(stage.run_dir.iterdir())


