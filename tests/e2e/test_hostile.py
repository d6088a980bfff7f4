# SPDX-License-Identifier: BSD-3-Clause
"""Hostile peers at dist, at a line that listens and at the metrics: others' transactions pass all the while."""

import os
import random
import socket
import struct
import threading
import time

import pytest

import illp
from support import PATIENCE
from support.content import hl7
from support.control import Control
from support.programs import free_port, until
from test_reload import Laboratory, serve

pytestmark = pytest.mark.user

HERE, THERE = "127.0.0.1", "127.0.0.2"
ATTACKERS = 4
# Each attacker has done so many rounds, and so many transactions have passed meanwhile.
ROUNDS, TRANSACTIONS = 25, 8


def connect(port):
    s = socket.create_connection((HERE, port), PATIENCE, source_address=(THERE, 0))
    s.settimeout(0.2)
    return s


def loris(port, held):
    """Many requests, each a byte at a time, none of them ever whole."""
    if len(held) < 12:
        held.append(connect(port))
    for s in list(held):
        try:
            s.send(random.choice(b"MSH|").to_bytes(1, "big"))
        except OSError:
            held.remove(s)
            s.close()


def flood(port, _held):
    """Connections, as many as there can be, closed at once in every way."""
    for i in range(10):
        s = connect(port)
        if i % 3 == 0:
            illp.arm(s)
        elif i % 3 == 1:
            s.shutdown(socket.SHUT_WR)
        s.close()


def oversized(port, _held):
    """Requests without an end."""
    with connect(port) as s:
        for _ in range(64):
            s.send(b"MSH|^~\\&|" + b"x" * 65536)


def garbage(port, _held):
    """Any bytes, urgent ones among them, then any end."""
    with connect(port) as s:
        for _ in range(random.randrange(1, 8)):
            s.send(os.urandom(random.randrange(1, 3000)), random.choice((0, 0, socket.MSG_OOB)))
        if random.random() < 0.5:
            s.shutdown(socket.SHUT_WR)
            s.recv(4096)


def half_open(port, held):
    """A request and its end, and nobody there for the reply; or no word at all, for ever."""
    if len(held) > 12:
        held.pop(0).close()
    s = connect(port)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    if len(held) % 2:
        s.send(b"\x18", socket.MSG_OOB)
    held.append(s)


def hello(port, _held):
    """The beginning of TLS, of HTTP, of what scanners say."""
    with connect(port) as s:
        s.send(random.choice((b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"SSH-2.0-x\r\n",
                              b"\x00" * 100, struct.pack(">I", 0xffffffff), b"\x0bMSH|\x1c\r")))
        s.recv(4096)


class Attack:
    """Several threads that do it again and again, until they are stopped."""

    def __init__(self, stage, what, port):
        self.rounds = [0] * ATTACKERS
        self._what, self._port, self._stop = what, port, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(ATTACKERS)]
        for thread in self._threads:
            thread.start()
        stage.cleanup(self.stop)

    def _run(self, i):
        held = []
        while not self._stop.is_set():
            try:
                self._what(self._port, held)
            except OSError:
                pass
            self.rounds[i] += 1
            time.sleep(0.001)
        for s in held:
            s.close()

    def under_way(self):
        return all(rounds >= ROUNDS for rounds in self.rounds)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def transactions_during(lab, name, station, attack):
    """Transactions of others, until the attack has done what it can."""
    passed = 0
    deadline = time.monotonic() + PATIENCE
    while passed < TRANSACTIONS or not attack.under_way():
        serve(lab, name, station, f"t{passed}")
        passed += 1
        assert time.monotonic() < deadline, f"{attack.rounds} rounds, {passed} transactions"
    attack.stop()


@pytest.mark.core
@pytest.mark.parametrize("what", [loris, flood, oversized, garbage, half_open, hello], ids=lambda f: f.__name__)
def test_at_dist(stage, what):
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    lab.extra["a"] = ('max_connections = 24\nmax_per_address = 16\nmax_message = 100000\ncheck = "hl7"\n'
                      'drain_time = "20ms"\nidle_timeout = "2s"\n')
    lab.start()
    station = lab.station("a")
    serve(lab, "a", station, "before")
    transactions_during(lab, "a", station, Attack(stage, what, lab.ports["a"]))
    serve(lab, "a", station, "after")
    assert station.silent(0.1), "nothing of theirs is on the line"
    assert Control(stage).ask("health")["ok"]
    # The log says that it happens, not each time that it does.
    assert len(lab.llpd.log) < 500_000
    lab.llpd.stop()


@pytest.mark.parametrize("what", [flood, garbage, loris], ids=lambda f: f.__name__)
def test_at_a_line_that_listens(stage, what):
    """Who is not the instrument does not take its place."""
    lab = Laboratory(stage, a=("mllp", "tcp-listen"))
    lab.extra["a"] = f'port_allow = "{HERE}"\n'
    lab.start()
    station = lab.station("a")
    line_port = int(lab.table["a"][1].toml.split(":")[1].split("%")[0])
    serve(lab, "a", station, "before")
    transactions_during(lab, "a", station, Attack(stage, what, line_port))
    assert "replaces the old one" not in lab.llpd.log
    lab.llpd.stop()


@pytest.mark.parametrize("what", [loris, garbage, half_open], ids=lambda f: f.__name__)
def test_at_the_metrics(stage, what):
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    port = free_port()
    lab.globals = f'metrics = "{port}"\n'
    lab.start()
    station = lab.station("a")
    transactions_during(lab, "a", station, Attack(stage, what, port))
    # They keep all its places for ten seconds at most.
    def answers():
        try:
            with socket.create_connection((HERE, port), PATIENCE) as s:
                s.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                return s.recv(15) == b"HTTP/1.1 200 OK"
        except OSError:
            return False
    until(answers, "the metrics", program=lab.llpd)
    lab.llpd.stop()
