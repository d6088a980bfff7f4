# SPDX-License-Identifier: BSD-3-Clause
"""llpctl top on a terminal: what it draws, its keys, a change of size; and the terminal as it was, whatever ends it."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

import pytest

from support import PATIENCE
from support.content import hl7
from support.programs import BIN, until
from test_llpctl import Lab

pytestmark = pytest.mark.user

FRAME = re.compile(r"\x1b\[H((?:(?!\x1b\[H).)*?)\x1b\[J", re.S)


class Terminal:
    """A terminal with llpctl top on it, and what it shows."""

    def __init__(self, stage, *words):
        self.master, self.slave = pty.openpty()
        self.resize(24, 80)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [BIN / "llpctl", "--control", stage.run_dir / "llpd.control", "top", "-i", "0.05", *words],
            stdin=self.slave, stdout=self.slave, stderr=subprocess.PIPE, env={**stage.env, "TERM": "xterm"})
        self.data = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        stage.cleanup(self._end)

    def _read(self):
        try:
            while part := os.read(self.master, 65536):
                self.data += part
        except OSError:
            pass

    def _end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        self.process.stderr.close()
        os.close(self.slave)
        self._reader.join(2.0)
        os.close(self.master)

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.master, keys)

    def lines(self):
        """Of the newest whole page, without colours; none yet: []."""
        pages = FRAME.findall(self.data.decode())
        return re.sub(r"\x1b\[[0-9]*[mK]", "", pages[-1]).split("\r\n") if pages else []

    def see(self, condition, what):
        def holds():
            assert self.process.poll() is None, self.process.stderr.read().decode()
            return (lines := self.lines()) and condition(lines) and lines
        return until(holds, what)

    def row(self, name):
        return next((line for line in self.lines()[2:] if line.startswith(name + " ")), None)


def test_it_shows_a_line_and_obeys(stage):
    lab = Lab(stage)
    screen = Terminal(stage)
    lines = screen.see(lambda page: any(line.startswith("chem ") for line in page), "the line")
    assert len(lines) == 24 and all(len(line) <= 80 for line in lines), lines
    assert lines[0].startswith("llpctl top: 1 line") and "q: quit" in lines[23]
    assert not termios.tcgetattr(screen.slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    screen.press(b"/nothing\r")
    screen.see(lambda page: 'only "nothing"' in page[0] and screen.row("chem") is None, "a filter")
    screen.press(b"\x1b")
    screen.see(lambda page: screen.row("chem"), "no filter")
    screen.press(b"sss")
    screen.see(lambda page: "by bytes" in page[0], "another order")
    screen.resize(8, 60)
    screen.process.send_signal(signal.SIGWINCH)
    lines = screen.see(lambda page: len(page) == 8, "a smaller screen")
    assert all(len(line) <= 60 for line in lines), lines
    screen.resize(30, 100)
    screen.process.send_signal(signal.SIGWINCH)
    screen.see(lambda page: len(page) == 30, "a larger screen")
    screen.press(b"\x1b[B\r")
    screen.see(lambda page: page[1].startswith("chem: "), "one line")
    assert lab.station.send(hl7("A1", 3000)) is not None
    screen.see(lambda page: any(re.match(r"rx_blocks +\d", line) for line in page), "its counters")
    screen.press(b"\x1b")
    screen.see(lambda page: screen.row("chem"), "all lines again")
    lab.llpd.stop()
    screen.see(lambda page: "no llpd answers" in page[0], "that nobody answers")
    screen.press(b"q")
    assert screen.process.wait(PATIENCE) == 0
    assert termios.tcgetattr(screen.slave) == screen.before


@pytest.mark.parametrize("end,status", [(b"q", 0), (b"\x03", 0), (signal.SIGTERM, 143), (signal.SIGINT, 130),
                                        (signal.SIGHUP, 129)], ids=["q", "ctrl-c", "term", "int", "hup"])
def test_the_terminal_is_as_it_was(stage, end, status):
    Lab(stage)
    screen = Terminal(stage)
    screen.see(lambda page: len(page) == 24, "a page")
    assert termios.tcgetattr(screen.slave) != screen.before
    if isinstance(end, bytes):
        screen.press(end)
    else:
        screen.process.send_signal(end)
    assert screen.process.wait(PATIENCE) == status
    assert termios.tcgetattr(screen.slave) == screen.before
    until(lambda: screen.data.endswith(b"\x1b[?25h\x1b[?1049l"), "its cursor and its first page")
    assert screen.data.startswith(b"\x1b[?1049h\x1b[?25l")


def test_without_a_terminal_it_is_a_table(stage):
    lab = Lab(stage)
    table = lab.ctl("top", "-i", "0.05").out.splitlines()
    assert table[0].startswith("LINE ") and table[1].startswith("chem ") and len(table) == 2
    assert "\x1b" not in "".join(table)
    assert lab.json("top", "-i", "0.05")[0]["name"] == "chem"
