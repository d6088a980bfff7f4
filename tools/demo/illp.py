# SPDX-License-Identifier: BSD-3-Clause
"""ILLP for small programs: one connection is one transaction.

A message ends with a half-close. One urgent byte STX voids what came before in
its direction, one urgent byte CAN ends the transaction. Both ends arm their
sockets (SO_LINGER 1,0), so that a process that dies in mid message resets the
connection and never makes a short message look whole.

    reply = illp.call(("localhost", 5002), request)

    with illp.Application(("localhost", 0), lambda request: b"MSH|...") as app:
        ...                                 # app.address is where it listens
"""

import fcntl
import os
import select
import socket
import struct
import threading
import time

STX, CAN = b"\x02", b"\x18"
SIOCATMARK = 0x8905


class Cancelled(Exception):
    """The peer sent CAN."""


class Reset(Exception):
    """The connection broke, or the peer died."""


class TimedOut(Exception):
    """Nothing came in time."""


def arm(s, on=True):
    """Armed, a close() that was not prepared resets the connection."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", int(on), 0))


def _prepare(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    if s.family != socket.AF_UNIX:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    arm(s)


def connect(address, timeout=10.0):
    """A connected, armed socket to (host, port), or to a UNIX socket's path."""
    if isinstance(address, str):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(timeout)
        s.connect(address)
    else:
        s = socket.create_connection(address, timeout)
    _prepare(s)
    return s


def _at_mark(s):
    return struct.unpack("i", fcntl.ioctl(s.fileno(), SIOCATMARK, b"\0\0\0\0"))[0] != 0


def receive(s, timeout=60.0, request=False):
    """One message: what lies between the last STX and EOF.

    `request`: the peer is the client, which on a UNIX socket is dead if it hung
    up together with its EOF.
    """
    data = bytearray()
    poller = select.poll()
    poller.register(s, select.POLLIN)
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise TimedOut()
        # Asked after poll said that something came, never before: no byte can slip between.
        mark = _at_mark(s)
        try:
            part = s.recv(1 if mark else 65536)
        except OSError as e:
            raise Reset(str(e)) from e
        if mark and part == STX:
            data.clear()
        elif mark and part == CAN:
            raise Cancelled()
        elif mark:
            pass
        elif part:
            data += part
        elif request and s.family == socket.AF_UNIX and poller.poll(0)[0][1] & select.POLLHUP:
            raise Reset("the client died")
        else:
            return bytes(data)


def call(address, request, timeout=60.0, on_event=lambda name, size: None):
    """Sends a request and returns the reply; raises Cancelled, Reset or TimedOut."""
    with connect(address) as s:
        on_event("connect", 0)
        s.settimeout(timeout)
        try:
            s.sendall(request)
            on_event("request", len(request))
            s.shutdown(socket.SHUT_WR)
            on_event("half-close", 0)
        except OSError as e:
            # The server may have refused early: its CAN is still to be read.
            receive(s, 1.0)
            raise Reset(str(e)) from e
        reply = receive(s, timeout)
        on_event("reply", len(reply))
        arm(s, False)
        return reply


class Application:
    """Accepts transactions and answers each with handler(request).

    The handler returns the reply's bytes, or raises Cancelled to refuse.
    """

    def __init__(self, address, handler, on_event=lambda name, size: None):
        self._handler, self._event = handler, on_event
        self._path = address if isinstance(address, str) else None
        if self._path:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(address)
            self.address = address
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self._listener = socket.create_server(address, family=family)
            self.address = self._listener.getsockname()[:2]
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        self._listener.listen(64)
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self):
        self._thread.start()
        return self

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        os.write(self._stop_w, b"x")
        self._thread.join()
        self._listener.close()
        if self._path and os.path.exists(self._path):
            os.unlink(self._path)
        os.close(self._stop_r)
        os.close(self._stop_w)

    def _serve(self):
        while True:
            ready, _, _ = select.select([self._listener, self._stop_r], [], [])
            if self._stop_r in ready:
                return
            s, _ = self._listener.accept()
            threading.Thread(target=self._transaction, args=(s,), daemon=True).start()

    def _transaction(self, s):
        with s:
            _prepare(s)
            self._event("accept", 0)
            try:
                request = receive(s, request=True)
                self._event("request", len(request))
                if not request:
                    s.shutdown(socket.SHUT_WR)
                    return
                reply = self._handler(request)
                s.sendall(reply)
                self._event("reply", len(reply))
                s.shutdown(socket.SHUT_WR)
                arm(s, False)
            except Cancelled:
                self._cancel(s)
            except (Reset, TimedOut, OSError):
                self._event("reset", 0)

    def _cancel(self, s):
        self._event("cancel", 0)
        try:
            s.send(CAN, socket.MSG_OOB)
            s.shutdown(socket.SHUT_WR)
            s.settimeout(1.0)
            while s.recv(65536):
                pass
        except OSError:
            pass
