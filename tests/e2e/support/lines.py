# SPDX-License-Identifier: BSD-3-Clause
"""The kinds of line: how llpdrv is told of one, and how the other station reaches it.

    kind                llpdrv            llpsim or a station of ours
    pty                 -p PATH           opens the terminal
    tty                 -t PATH,BAUD      makes a pseudo terminal, PATH leads to it
    tcp-connect         -i PORT%HOST      listens
    tcp-listen          -i PORT           connects
    unix-connect        -u %PATH          listens
    unix-listen         -u PATH           connects
    ports               -t PORT,BAUD      opens the port at the other end of the cable
"""

import fcntl
import glob
import os
import select
import socket
import struct
import termios
import time
import tty

from . import ENGINE, PATIENCE, PORTS
from .programs import free_port, listening, unix_listening, until

KINDS = ("pty", "tty", "tcp-connect", "tcp-listen", "unix-connect", "unix-listen")
# Of a test that does not care, and of one that wants a serial line.
ANY = "ports" if PORTS else "tty" if ENGINE else "unix-listen"
SERIAL = ANY if ENGINE else "pty"
# Nothing between the ports paces it; the most that every UART can.
_PORT_BAUD = 115200


class Wire:
    """A station's end of a line: bytes out, bytes in, nothing more."""

    def __init__(self, fd, owner=None):
        self._fd, self._owner = fd, owner
        os.set_blocking(fd, False)

    def read(self, timeout):
        """What has come; b"" after `timeout` s without a byte; None when the line has ended."""
        if not select.select([self._fd], [], [], max(0.0, timeout))[0]:
            return b""
        try:
            return os.read(self._fd, 65536) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def write(self, data):
        data = memoryview(data)
        deadline = time.monotonic() + PATIENCE
        while data:
            try:
                data = data[os.write(self._fd, data):]
            except BlockingIOError:
                left = deadline - time.monotonic()
                assert left > 0, "the line takes nothing"
                select.select([], [self._fd], [], left)

    def close(self):
        if self._owner is not None:
            self._owner.close()
        elif self._fd >= 0:
            os.close(self._fd)
        self._fd, self._owner = -1, None


# LLP_IOC_INFO of <llp.h>: size of its structure, place and bits of its flags, place of its tty's name.
_INFO_SIZE, _INFO_FLAGS, _INFO_READY, _INFO_TTY = 160, 12, 0x01 | 0x04, slice(64, 96)
_INFO = 2 << 30 | _INFO_SIZE << 16 | 0xE1 << 8


def kernel_line_ready(device):
    """Whether the kernel's line on this tty is up and has a receiver: what comes before that is not looked at."""
    name = os.path.realpath(device).removeprefix("/dev/").replace("/", "").encode()
    for path in glob.glob("/dev/llp[0-9]*"):
        try:
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            info = fcntl.ioctl(fd, _INFO, bytes(_INFO_SIZE))
            if (info[_INFO_TTY].rstrip(b"\0") == name
                    and struct.unpack_from("I", info, _INFO_FLAGS)[0] & _INFO_READY == _INFO_READY):
                return True
        except OSError:
            pass
        finally:
            os.close(fd)
    return False


def _raw(fd, speed=None):
    tty.setraw(fd, termios.TCSANOW)
    if speed is not None:
        mode = termios.tcgetattr(fd)
        mode[2] |= termios.CLOCAL
        mode[4] = mode[5] = speed
        termios.tcsetattr(fd, termios.TCSANOW, mode)


def drain(*devices):
    """Throws away what an earlier test left on a cable."""
    fds = [os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) for device in devices]
    for fd in fds:
        _raw(fd, termios.B115200)
    while ready := select.select(fds, [], [], 0.1)[0]:
        for fd in ready:
            os.read(fd, 65536)
    for fd in fds:
        os.close(fd)


class Line:
    """A line of one kind. `args` for llpdrv, `sim()` for llpsim, or `wire()` for a station of ours.

    llpdrv must find the device of a tty and the listener of a connecting line: `prepare()` makes
    them for a station of ours, before llpdrv is started.
    """

    def __init__(self, stage, kind, name="line", baud=921600):
        if PORTS and kind in ("tty", "ports"):
            kind, baud = "ports", _PORT_BAUD
        self.kind, self.baud = kind, baud
        self.path, self._other = stage.ports() if kind == "ports" else (str(stage.path(name)), "")
        if kind == "ports":
            drain(self.path, self._other)
        if ENGINE == "kernel" and kind in ("tty", "ports"):
            stage.in_kernel += 1
        self.port = free_port() if kind.startswith("tcp") else 0
        self._listener = self._master = None
        self._stage = stage
        self.args = {
            "pty": ["-p", self.path],
            "tty": ["-t", f"{self.path},{baud}", *(["--engine", ENGINE] if ENGINE else [])],
            "tcp-connect": ["-i", f"{self.port}%127.0.0.1"],
            "tcp-listen": ["-i", str(self.port)],
            "unix-connect": ["-u", "%" + self.path],
            "unix-listen": ["-u", self.path],
            "ports": ["-t", f"{self.path},{baud}", "--engine", ENGINE],
        }[kind]
        self.toml = {
            "pty": f"pty:{self.path}",
            "tty": f"tty:{self.path},{baud}",
            "tcp-connect": f"tcp:{self.port}%127.0.0.1",
            "tcp-listen": f"tcp:{self.port}",
            "unix-connect": f"unix:%{self.path}",
            "unix-listen": f"unix:{self.path}",
            "ports": f"tty:{self.path},{baud}",
        }[kind]
        self.sim = {
            "pty": f"tty:{self.path},{baud}",
            "tty": f"pty:{self.path}",
            "tcp-connect": f"tcp-listen:127.0.0.1:{self.port}",
            "tcp-listen": f"tcp:127.0.0.1:{self.port}",
            "unix-connect": f"unix-listen:{self.path}",
            "unix-listen": f"unix:{self.path}",
            "ports": f"tty:{self._other},{baud}",
        }[kind]

    @property
    def sim_first(self):
        """Whether the other station makes what llpdrv opens."""
        return self.kind in ("tty", "tcp-connect", "unix-connect")

    def sim_ready(self):
        """Whether a program at the other end has made what llpdrv opens."""
        return {"tty": lambda: os.path.exists(self.path),
                "tcp-connect": lambda: listening(self.port),
                "unix-connect": lambda: unix_listening(self.path)}.get(self.kind, lambda: True)()

    def ready(self):
        """Whether llpdrv has made what the other station opens."""
        return {"pty": lambda: os.path.exists(self.path),
                "tcp-listen": lambda: listening(self.port),
                "unix-listen": lambda: unix_listening(self.path),
                "ports": lambda: kernel_line_ready(self.path)}.get(self.kind, lambda: True)()

    def prepare(self):
        """Makes what llpdrv opens, for a station of ours."""
        if self.kind == "tty":
            self._master, slave = os.openpty()
            _raw(slave)
            os.symlink(os.ttyname(slave), self.path)
            self._stage.cleanup(lambda: os.close(slave))  # kept open: the line does not hang up meanwhile
        elif self.kind == "tcp-connect":
            self._listener = socket.create_server(("127.0.0.1", self.port))
        elif self.kind == "unix-connect":
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(self.path)
            self._listener.listen(4)
        if self._listener is not None:
            self._stage.cleanup(self._listener.close)
        return self

    def wire(self, program=None):
        """The other station's end, connected."""
        until(self.ready, f"line {self.kind}", program=program)
        if self.kind == "tty":
            if ENGINE == "kernel":
                until(lambda: kernel_line_ready(self.path), "the kernel's line", program=program)
            wire = Wire(self._master)
        elif self.kind == "pty":
            fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
            _raw(fd)
            wire = Wire(fd)
        elif self.kind == "ports":
            fd = os.open(self._other, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            _raw(fd, termios.B115200)
            wire = Wire(fd)
        elif self._listener is not None:
            self._listener.settimeout(PATIENCE)
            s, _ = self._listener.accept()
            if s.family != socket.AF_UNIX:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(s.fileno(), s)
        elif self.kind == "tcp-listen":
            s = socket.create_connection(("127.0.0.1", self.port))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(s.fileno(), s)
        else:
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.path)
            wire = Wire(s.fileno(), s)
        self._stage.cleanup(wire.close)
        return wire
