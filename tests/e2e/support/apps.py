# SPDX-License-Identifier: BSD-3-Clause
"""Applications at the other end of ILLP, inside the test."""

import socket
import threading
import time

import illp

from . import PATIENCE
from .programs import free_port, until


class App(illp.Application):
    """Answers with reply(request) and keeps what it was asked, whole and in order."""

    def __init__(self, stage, reply, journal=None, path=None, host="127.0.0.1"):
        self.requests = []
        self.resets = 0
        self._reply = reply
        self._journal = journal
        super().__init__(path or (host, free_port()), self._answer, self._happened)
        stage.cleanup(self._end)
        self.start()

    def _answer(self, request):
        self.requests.append(request)
        return self._reply(request)

    def _happened(self, name, size):
        if name == "reset":
            self.resets += 1
        if self._journal is not None:
            self._journal.note("application", name)

    def _end(self):
        if self._thread is not None and self._thread.is_alive():
            self.stop()

    @property
    def to(self):
        """As llpdrv wants it."""
        return f"unix:{self.address}" if isinstance(self.address, str) else f"{self.address[1]}%{self.address[0]}"

    def wait(self, count, timeout=PATIENCE, program=None):
        until(lambda: len(self.requests) >= count, f"{count} requests at the application", timeout, program)
        return self.requests


class Dead:
    """Accepts as the kernel does for it, and never answers."""

    def __init__(self, stage):
        self._listener = socket.create_server(("127.0.0.1", free_port()), backlog=64)
        stage.cleanup(self._listener.close)
        self.to = f"{self._listener.getsockname()[1]}%127.0.0.1"


class Call(threading.Thread):
    """A client at dist, in a thread of its own: `reply`, or the `error` it ended with."""

    def __init__(self, address, request, timeout=PATIENCE, journal=None):
        super().__init__(daemon=True)
        self.address, self.request, self.timeout = address, request, timeout
        self.reply = self.error = None
        self._journal = journal
        self.start()

    def run(self):
        try:
            self.reply = illp.call(self.address, self.request, self.timeout)
        except (illp.Cancelled, illp.Reset, illp.TimedOut, OSError) as e:
            self.error = e
        if self._journal is not None:
            self._journal.note("client", "reply" if self.error is None else type(self.error).__name__)

    def result(self):
        self.join(self.timeout + 5)
        assert not self.is_alive(), "the client still waits"
        if self.error is not None:
            raise AssertionError(f"the client got no reply: {type(self.error).__name__} {self.error}")
        return self.reply

    def refused(self):
        """How it failed."""
        self.join(self.timeout + 5)
        assert not self.is_alive(), "the client still waits"
        assert self.error is not None, f"the client got a reply of {len(self.reply)} bytes"
        return type(self.error)


def call_until_taken(address, request, patience=PATIENCE):
    """As a client that repeats what was refused; the reply and how often it was refused."""
    deadline = time.monotonic() + patience
    refused = 0
    while True:
        try:
            return illp.call(address, request, patience), refused
        except (illp.Cancelled, illp.Reset):
            refused += 1
            if time.monotonic() > deadline:
                raise
