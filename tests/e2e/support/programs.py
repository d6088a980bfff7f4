# SPDX-License-Identifier: BSD-3-Clause
"""Starting, watching and ending the programs under test.

A Stage belongs to one test: a directory, the processes started in it, and the
checks at its end: every program ends as it should, none says a sanitizer's
words, no process is left.
"""

import itertools
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from . import PATIENCE, PORTS, ROOT

BIN = Path(os.environ.get("LLP_BIN") or ROOT / "build" / "bin")
# sysexits.h, as llpdrv(8) and llpd(8) document them.
USAGE, NO_INPUT, UNAVAILABLE, OS_ERROR, IN_USE, NOT_PERMITTED = 64, 66, 69, 71, 75, 77
SANITIZER = re.compile(rb"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")
MARK = "LLP_E2E_STAGE"
_ports = itertools.count(20000 + os.getpid() * 17 % 9000)


def free_port():
    """A TCP port that nobody has, outside the range that the kernel gives away."""
    for port in _ports:
        port = 20000 + port % 12000
        with socket.socket() as s4, socket.socket(socket.AF_INET6) as s6:
            s6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                s4.bind(("0.0.0.0", port))
                s6.bind(("::", port))
            except OSError:
                continue
            return port


def until(condition, what, timeout=PATIENCE, program=None):
    """Waits for condition() to be true and returns its value; looks often, asserts at the end."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if program is not None and not program.running():
            raise AssertionError(f"{program.name} ended with {program.process.returncode} before {what}\n"
                                 f"{program.report()}")
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}" +
                                 (f"\n{program.report()}" if program is not None else ""))
        time.sleep(0.005)


def listening(port, host=None):
    """Whether somebody listens at this TCP port; asks the kernel, so that nobody gets a connection.

    host: whether connections to this address would find it; IPv4 may come later than IPv6.
    """
    wanted = f":{port:04X}"
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            fields = row.split()
            if fields[1].endswith(wanted) and fields[3] == "0A" and (
                    host is None or table.endswith("6") == (":" in host) or fields[1] == "0" * 32 + wanted):
                return True
    return False


def unix_listening(path):
    """Whether somebody listens at this UNIX socket."""
    for row in Path("/proc/self/net/unix").read_text().splitlines()[1:]:
        fields = row.split()
        if fields[-1] == str(path) and int(fields[3], 16) & 0x10000:
            return True
    return False


class Program:
    """One process, its standard error and output read as they come."""

    def __init__(self, argv, env, name, cwd, exit_status=0, **popen):
        self.argv = [str(a) for a in argv]
        self.name = name
        self.exit_status = exit_status  # that a regular end must have; None: any
        self.expected_end = False       # ended or killed by the test itself
        popen.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen(self.argv, env=env, cwd=cwd, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **popen)
        self.pid = self.process.pid
        self._changed = threading.Condition()
        self._out, self._err = bytearray(), bytearray()
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in ((self.process.stdout, self._out), (self.process.stderr, self._err))]
        for thread in self._readers:
            thread.start()

    def _read(self, pipe, buffer):
        with pipe:
            while part := os.read(pipe.fileno(), 65536):
                with self._changed:
                    buffer += part
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def err(self):
        with self._changed:
            return bytes(self._err)

    @property
    def out(self):
        with self._changed:
            return bytes(self._out)

    @property
    def log(self):
        return self.err.decode("utf-8", "replace")

    def running(self):
        return self.process.poll() is None

    def wait_for(self, pattern, timeout=PATIENCE, stdout=False):
        """Waits for a line on standard error (or output) and returns the match."""
        expression = re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.M)
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (match := expression.search(self._out if stdout else self._err)):
                left = deadline - time.monotonic()
                ended = self.process.poll() is not None and not any(t.is_alive() for t in self._readers)
                if left <= 0 or ended:
                    raise AssertionError(f"{self.name} did not say {pattern!r}" +
                                         (" and ended" if ended else f" within {timeout:g} s") +
                                         "\n" + self._report())
                self._changed.wait(min(left, 0.2))
            return match

    def send(self, signum):
        self.process.send_signal(signum)

    def ends_within(self, seconds):
        """Whether it ends by itself so soon: for telling what it was about when something else failed."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        for thread in self._readers:
            thread.join(1.0)
        return True

    def wait(self, timeout=PATIENCE):
        """Waits for the end; returns the exit status (negative: the signal that killed it)."""
        self.expected_end = True
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end\n{self.report()}") from None
        for thread in self._readers:
            thread.join(2.0)  # a background process may hold the pipes
        return status

    def finish(self, timeout=PATIENCE):
        """Waits for a regular end with the right status."""
        status = self.wait(timeout)
        assert self.exit_status is None or status == self.exit_status, \
            f"{self.name} ended with {status}, not {self.exit_status}\n{self.report()}"
        return self

    def stop(self, timeout=PATIENCE):
        """SIGTERM, and the right status."""
        if self.running():
            self.send(signal.SIGTERM)
        return self.finish(timeout)

    def kill(self):
        """SIGKILL; no status is right or wrong."""
        self.expected_end = True
        self.exit_status = None
        if self.running():
            self.process.kill()
        self.process.wait(PATIENCE)

    def _report(self):
        def tail(data):
            text = bytes(data).decode("utf-8", "replace").rstrip("\n")
            lines = text.split("\n") if text else []
            return [f"  ... {len(lines) - 40} lines before"] * (len(lines) > 40) + lines[-40:]

        status = self.process.poll()
        state = "running" if status is None else f"ended with {status}"
        return "\n".join([f"$ {shlex.join(self.argv)}   [pid {self.pid}, {state}]",
                          *("  1> " + line[:400] for line in tail(self._out)),
                          *("  2> " + line[:400] for line in tail(self._err))])

    def report(self):
        with self._changed:
            return self._report()


class Stage:
    def __init__(self, directory):
        self.dir = Path(directory)
        self.run_dir = self.dir / "run"
        self.lock_dir = self.dir / "lock"
        self.run_dir.mkdir()
        self.lock_dir.mkdir()
        self.programs = []
        self.in_kernel = 0  # lines of this test whose protocol the kernel runs
        self._ports = iter(PORTS)
        self._cleanups = []
        self._sanitizer_log = self.dir / "sanitizer"
        self.env = {**os.environ, MARK: str(self.dir), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                    "STATE_DIRECTORY": str(self.dir / "state")}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            self.env[name] = f"{os.environ.get(name, '')}:log_path={self._sanitizer_log}".lstrip(":")

    def path(self, name):
        return self.dir / name

    def ports(self):
        """Two ports with a cable between them that no other line of this test has."""
        if (pair := next(self._ports, None)) is None:
            pytest.skip(f"needs more pairs of serial ports than the {len(PORTS)} of LLP_PORTS")
        return pair

    def cleanup(self, function):
        """Called at the end, before the programs are ended; the last first."""
        self._cleanups.append(function)
        return function

    def start(self, argv, name=None, exit_status=0, env=None, **popen):
        program = Program(argv, {**self.env, **(env or {})}, name or Path(argv[0]).name,
                          popen.pop("cwd", self.dir), exit_status, **popen)
        self.programs.append(program)
        return program

    def llpdrv(self, *args, mode="-y", **how):
        """llpdrv in the foreground, with the directories of this test."""
        mode = [mode] if mode else []
        return self.start([BIN / "llpdrv", *mode, "--runtime-dir", self.run_dir, "--lock-dir", self.lock_dir,
                           *args], **how)

    def llpd(self, *args, **how):
        return self.start([BIN / "llpd", *args], **how)

    def llpsim(self, *args, **how):
        return self.start([BIN / "llpsim", *args], **how)

    def python(self, script, *args, **how):
        """A program of this directory's own in a process of its own."""
        script = Path(__file__).parent / script
        return self.start([sys.executable, "-B", script, *args], name=script.stem, **how)

    def left(self):
        """Processes of this test that live: {pid: command line}."""
        found = {}
        needle = f"{MARK}={self.dir}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if needle in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                    if command:  # a zombie has none
                        found[int(entry.name)] = command
            except OSError:
                pass
        return found

    def close(self):
        """Ends everything; returns what was wrong."""
        problems = []
        for function in reversed(self._cleanups):
            function()
        for program in reversed(self.programs):
            if program.running():
                program.send(signal.SIGTERM)
        for program in reversed(self.programs):
            try:
                status = program.process.wait(20)
            except subprocess.TimeoutExpired:
                problems.append(f"{program.name} did not end within 20 s of SIGTERM")
                program.process.kill()
                program.process.wait()
                continue
            if not program.expected_end and program.exit_status is not None and status != program.exit_status:
                problems.append(f"{program.name} ended with {status}, not {program.exit_status}")
        for program in self.programs:
            for thread in program._readers:
                thread.join(2.0)
            if SANITIZER.search(program.err):
                problems.append(f"{program.name}: a sanitizer has something to say")
        for log in self.dir.glob(self._sanitizer_log.name + ".*"):
            problems.append(log.read_text(errors="replace"))
        deadline = time.monotonic() + 5
        while (left := self.left()) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid, command in left.items():
            problems.append(f"left behind: {pid} {command}")
            os.kill(pid, signal.SIGKILL)
        return problems

    def report(self):
        return "\n".join(program.report() for program in self.programs)
