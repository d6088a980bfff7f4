# SPDX-License-Identifier: BSD-3-Clause
"""Locks between processes: the transaction lock, the receiver's role, the port."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import termios
from pathlib import Path

import pytest

from support.bridge import Bridge
from support.content import hl7, reply_to
from support.lines import ANY
from support.programs import IN_USE, until


@pytest.mark.core
def test_a_transaction_waits_for_the_lock(stage):
    """Another program holds NAME.lock: a request waits, and goes out when the lock is free."""
    b = Bridge(stage, "mllp", ANY, "--name", "chem", app=None)
    b.station
    with open(stage.run_dir / "chem.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        request = hl7("LK1", 300)
        call = b.call(request)
        assert b.station.silent(0.3), "a request went out without the lock"
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert b.station.receive() == request
        # It is llpdrv's now, from the first byte of the request to the end of the reply.
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        b.station.send(reply_to(request))
        assert call.result() == reply_to(request)

        def free():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
        until(free, "the lock to be released", program=b.drv)


@pytest.mark.core
def test_receiving_never_waits_for_the_lock(stage):
    """What the instrument sends is committed and answered while another program has the lock."""
    b = Bridge(stage, "x328", ANY, "--name", "chem", dist=False)
    b.station
    with open(stage.run_dir / "chem.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        message = hl7("LK2", 300)
        assert b.ask(message) == reply_to(message)


def test_two_programs_take_turns(stage):
    """flock(1) as the other program, again and again: both get their turns."""
    b = Bridge(stage, "mllp", ANY, "--name", "chem", app=None)
    b.station
    other = stage.start(["bash", "-c", 'for i in $(seq 30); do flock "$0" true; done', stage.run_dir / "chem.lock"])
    for i in range(30):
        request = hl7(f"T{i}", 200)
        got, reply = b.serve(request, reply_to(request))
        assert got == request and reply == reply_to(request)
    other.finish()


@pytest.mark.core
def test_one_receiver_for_a_line(stage):
    """A second llpdrv under the same name says who has it, on one line."""
    first = Bridge(stage, "mllp", ANY, "--name", "chem", name="a")
    first.station
    second = Bridge(stage, "mllp", ANY, "--name", "chem", name="b").start(exit_status=IN_USE)
    second.drv.finish()
    assert str(first.drv.pid) in second.drv.log
    assert len(second.drv.log.splitlines()) == 1


@pytest.fixture
def port(stage):
    """A serial port, as far as a pseudo terminal can be one: its device and our end."""
    master, slave = os.openpty()
    device = os.ttyname(slave)
    stage.cleanup(lambda: [os.close(fd) for fd in (master, slave)])
    return device, slave


def lock_file(stage, device):
    """As picocom and minicom name it."""
    return stage.lock_dir / ("LCK.." + device.removeprefix("/dev/").replace("/", "_"))


def content(file):
    """Of a lock file, which may be replaced at any time."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def drv(stage, device, *more, **how):
    return stage.llpdrv("-m", "-t", device, "-i", "9%127.0.0.1", *more, **how)


@pytest.mark.user
class TestPort:
    @pytest.mark.core
    def test_a_second_llpdrv(self, stage, port):
        """It says who holds the port, on one line."""
        device, _ = port
        first = drv(stage, device, "--name", "one")
        until(lock_file(stage, device).exists, "the lock file", program=first)
        second = drv(stage, device, "--name", "two", exit_status=IN_USE).finish()
        assert device in second.log and str(first.pid) in second.log
        assert len(second.log.splitlines()) == 1

    def test_what_it_takes_and_leaves(self, stage, port):
        """While it runs: the lock file with its process id, and flock. (TIOCEXCL is for serial ports only.)"""
        device, slave = port
        first = drv(stage, device)
        until(lock_file(stage, device).exists, "the lock file", program=first)

        def locked():
            try:
                fcntl.flock(slave, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as e:
                return e.errno == errno.EWOULDBLOCK
            fcntl.flock(slave, fcntl.LOCK_UN)
            return False
        until(locked, "flock on the port", program=first)
        assert lock_file(stage, device).read_text() == f"{first.pid:10d}\n"
        first.stop()
        assert not lock_file(stage, device).exists()
        assert not locked()

    @pytest.mark.core
    def test_respects_a_living_owner(self, stage, port):
        device, _ = port
        other = stage.start(["sleep", "1000"], exit_status=None)
        lock_file(stage, device).write_text(f"{other.pid:10d}\n")
        second = drv(stage, device, exit_status=IN_USE).finish()
        assert str(other.pid) in second.log and "sleep" in second.log
        assert lock_file(stage, device).read_text() == f"{other.pid:10d}\n"

    @pytest.mark.core
    @pytest.mark.parametrize("binary", [False, True])
    def test_takes_over_a_stale_file(self, stage, port, binary):
        device, _ = port
        gone = subprocess.Popen(["true"])
        gone.wait()
        file = lock_file(stage, device)
        file.write_bytes(gone.pid.to_bytes(4, "little") if binary else b"%10d\n" % gone.pid)
        first = drv(stage, device)
        # The old file is removed and the new one is put in its place.
        until(lambda: content(file) == b"%10d\n" % first.pid, "the lock file", program=first)

    def test_respects_an_flock(self, stage, port):
        """As picocom and tio take it."""
        device, slave = port
        fcntl.flock(slave, fcntl.LOCK_EX)
        second = drv(stage, device, exit_status=IN_USE).finish()
        assert device in second.log
        assert not lock_file(stage, device).exists()

    def test_sets_the_line_raw(self, stage, port):
        device, slave = port
        first = stage.llpdrv("-m", "-t", f"{device},19200,7e1", "-i", "9%127.0.0.1")
        until(lock_file(stage, device).exists, "the lock file", program=first)

        def raw():
            iflag, oflag, _, lflag, ispeed, ospeed, _ = termios.tcgetattr(slave)
            return (not lflag & (termios.ICANON | termios.ECHO | termios.ISIG) and not oflag & termios.OPOST
                    and not iflag & (termios.ICRNL | termios.IXON | termios.ISTRIP)
                    and ispeed == ospeed == termios.B19200)
        until(raw, "the port to be raw at 19200", program=first)


@pytest.mark.user
@pytest.mark.parametrize("name, command, ready", [
    ("picocom", "picocom", "Terminal ready"), ("tio", "tio", "Connected"), ("minicom", "minicom -D", "Press CTRL-A")])
class TestTerminalPrograms:
    """Those of Debian, each with its own way to lock a port; minicom's files are in /var/lock whatever we say."""

    @pytest.fixture
    def terminal(self, stage, port, name, command, ready):
        if shutil.which(name) is None:
            pytest.skip(f"no {name} (packages.txt)")
        # They want a terminal of their own, which script(1) gives.
        return lambda: stage.start(["script", "-qec", f"exec {command} {port[0]}", "/dev/null"], name=name,
                                   env={"TERM": "xterm"}, stdin=subprocess.PIPE, exit_status=None)

    @pytest.fixture
    def llpd(self, stage, port):
        stage.lock_dir = Path("/var/lock")
        config = stage.path("llpd.toml")
        config.write_text(f'runtime_dir = "{stage.run_dir}"\nretry_interval = "100ms"\n'
                          f'[line.chem]\nprotocol = "mllp"\nport = "tty:{port[0]},19200,8n1"\nto = "9%127.0.0.1"\n')
        stage.cleanup(lambda: lock_file(stage, port[0]).unlink(missing_ok=True))
        return lambda: stage.llpd("--config", config)

    def test_they_keep_off(self, stage, port, llpd, terminal, name):
        device, slave = port
        holder = llpd()
        until(lambda: lock_file(stage, device).exists() and termios.tcgetattr(slave)[4] == termios.B19200,
              "llpd to have the port", program=holder)
        before = termios.tcgetattr(slave)
        assert terminal().wait() != 0, f"{name} opened a port that llpd holds"
        assert termios.tcgetattr(slave) == before, "and changed its settings"
        assert lock_file(stage, device).read_text() == f"{holder.pid:10d}\n"
        holder.stop()

    def test_llpd_keeps_off(self, stage, port, llpd, terminal, name, ready):
        """It names who has the port, and has it when that one was killed, whatever it left behind."""
        device, slave = port
        terminal().wait_for(ready, stdout=True)
        before = termios.tcgetattr(slave)
        waits = llpd()
        pid = waits.wait_for(rf"{device} is locked by process (\d+) \({name}\)").group(1)
        assert termios.tcgetattr(slave) == before, "a port of somebody else's was touched"
        os.kill(int(pid), signal.SIGKILL)
        until(lambda: content(lock_file(stage, device)) == b"%10d\n" % waits.pid, "llpd to have the port", program=waits)
        until(lambda: termios.tcgetattr(slave)[4] == termios.B19200, "the port to be set up", program=waits)
        waits.stop()
        assert not lock_file(stage, device).exists()


@pytest.mark.user
@pytest.mark.core
def test_a_terminal_that_hangs_up(stage):
    """The instrument's end of a pseudo terminal is closed and opened again: llpdrv goes on."""
    b = Bridge(stage, "mllp", "pty")
    for ident in ("P1", "P2", "P3"):
        message = hl7(ident, 300)
        assert b.ask(message) == reply_to(message)
        b.reconnect()
