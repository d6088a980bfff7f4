# SPDX-License-Identifier: BSD-3-Clause
"""llpd is ended at random moments while both ends start transactions, and the ends' own records are compared.

Nothing that llpd acknowledged is missing: messages at the application, replies at the client, which lives. No
reply without its request at the instrument, no repeat by llpd that it did not say, nothing cut, no line stuck.
"""

import collections
import itertools
import os
import random
import re
import signal
import threading
import time

import pytest

import illp
from support import PATIENCE, SOAK, stations
from support.apps import App
from support.content import control_id, hl7, reply_to
from support.lines import Line
from support.programs import free_port, until

pytestmark = pytest.mark.user

# Signals in one run: of the four with SIGKILL together 200, in `make soak` 2,000.
SIGNALS = {signal.SIGKILL: 500 if SOAK else 50, signal.SIGTERM: 250 if SOAK else 16}
# What happens at most between two signals: messages and replies that got to their ends; then so many seconds.
STEPS, PAUSE = 8, 0.02


class Instrument(threading.Thread):
    """Sends numbered messages without end, answers requests, and takes up a new wire when llpd is back."""

    def __init__(self, protocol, ending):
        super().__init__(daemon=True)
        self.protocol, self.ending = protocol, ending
        self.sent = []           # begun, in order
        self.acknowledged = []   # by llpd, in order
        self.requests = []       # as they came
        self.replied = []        # replies that llpd acknowledged
        self.failure = None
        self._replies = collections.deque()
        self._message = None     # not acknowledged yet
        self._station = None
        self._changed = threading.Condition()
        self._wanted = True      # new messages

    def connect(self, station):
        with self._changed:
            self._station = station
            self._changed.notify_all()

    def wait_released(self):
        """Until it has seen that its wire has ended, and closed it: nobody else may while it waits there."""
        with self._changed:
            gone = self._changed.wait_for(lambda: self._station is None or self.failure, PATIENCE)
        assert gone, "the instrument does not see that its wire has ended"

    def enough(self):
        self._wanted = False

    def idle(self):
        return not self._wanted and self._message is None and not self._replies

    def run(self):
        station = None
        try:
            while True:
                with self._changed:
                    while self._station is None:
                        self._changed.wait()
                    if station is not self._station:
                        station = self._station
                        # Whoever asked is gone with the llpd that was.
                        self._replies.clear()
                    if station == "end":
                        return
                try:
                    self._turn(station)
                except (AssertionError, OSError):
                    # In the middle of a message it ends the protocol's way, or with the wire.
                    if not self.ending.is_set():
                        raise
                    station.close()
                    with self._changed:
                        self._station = None
                        self._changed.notify_all()
        except BaseException as e:  # told by the test
            with self._changed:
                self.failure = e
                self._changed.notify_all()

    def _next(self):
        if self._replies:
            return self._replies[0]
        if self._message is None and self._wanted:
            number = len(self.sent)
            self._message = hl7(f"M{number}", 250 + number % 997)
            self.sent.append(self._message)
        return self._message

    def _passed(self, message):
        if self._replies and message is self._replies[0]:
            self.replied.append(self._replies.popleft())
        else:
            self.acknowledged.append(message)
            self._message = None

    def _took(self, request):
        self.requests.append(request)
        self._replies.append(reply_to(request))

    def _turn(self, s):
        message = self._next()
        if self.protocol == "mllp2":
            if message is not None:
                if s.send(message):
                    self._passed(message)
                else:
                    time.sleep(0.005)
            # Requests that crossed, and what comes while there is nothing to do.
            while s.held() or s.pending(0 if self._wanted else 0.02):
                self._took(s.receive())
            return
        if message is None or s.pending(0):
            if not s.pending(0.02):
                return
            got = s.get()
        else:
            s.say("ENQ")
            got = s.get()
        if got == "ENQ":
            s.say("ACK0")
            if (request := s.receive(granted=True, may_end=True)) is not None:
                self._took(request)
        elif got == "ACK0":
            number, data = s.send_blocks(message)
            while (answer := s.get()) == "NAK":
                s.put(data)
            if answer == f"ACK{number}":
                s.say("EOT")
                self._passed(message)
            else:
                assert answer == "EOT", f"{answer} in answer to the last block"
        elif got == "NAK":
            time.sleep(0.005)
        else:
            assert got == "EOT", f"{got} in answer to a bid"


class Client(threading.Thread):
    """Asks without end, one request after the other; a request that failed is asked again, as ILLP has it."""

    def __init__(self, name, address):
        super().__init__(daemon=True)
        self.address = address
        self.prefix = name
        self.replies = {}                        # request: reply
        self.attempts = collections.Counter()    # connections on which it was sent
        self.failure = None
        self._wanted = True

    def enough(self):
        self._wanted = False

    def run(self):
        try:
            for i in itertools.count():
                if not self._wanted:
                    return
                request = hl7(f"{self.prefix}{i}", 250 + i % 997)
                while request not in self.replies:
                    self._ask(request)
        except BaseException as e:  # told by the test
            self.failure = e

    def _ask(self, request):
        sent = []
        try:
            reply = illp.call(self.address, request, PATIENCE, lambda name, size: sent.append(name))
            self.replies[request] = reply
        except (illp.Cancelled, illp.Reset, OSError):
            time.sleep(0.01)
        # From the first byte on it may be on the line.
        self.attempts[request] += "connect" in sent


class Lab:
    def __init__(self, stage, protocol, spool):
        self.stage, self.protocol = stage, protocol
        self.line = Line(stage, "unix-listen")
        self.spool = stage.path("spool")
        self.app = App(stage, reply_to, path=str(stage.path("app")))
        self.address = ("127.0.0.1", free_port())
        self.config = stage.path("llpd.toml")
        self.config.write_text("\n".join([
            f'runtime_dir = "{stage.run_dir}"', f'lock_dir = "{stage.lock_dir}"', "[line.chem]",
            f'protocol = "{protocol}"', f'port = "{self.line.toml}"', f'to = "{self.app.to}"',
            f'dist = "{self.address[1]}"', "serve_at_once = true", 'match = "msa_id"', 'stop_grace = "200ms"',
            'spool_retry_min = "20ms"', 'spool_retry_max = "100ms"', 'params.expect_in = "none"',
            *(['params.cont_primary = "20ms"', 'params.cont_secondary = "60ms"'] if protocol == "x328" else []),
            *([f'spool = {{ dir = "{self.spool}" }}'] if spool else []), ""]))
        self.ending = threading.Event()
        self.instrument = Instrument(protocol, self.ending)
        self.instrument.start()
        self.llpd = None
        self.said = collections.Counter()  # by size: repeats that llpd said when it delivered them
        self.log = ""

    def start(self):
        self.llpd = self.stage.llpd("--config", self.config)
        self.ending.clear()
        self.instrument.connect(stations.station(self.protocol, self.line.wire(self.llpd)))

    def end(self, signum):
        self.ending.set()
        if signum == signal.SIGKILL:
            self.llpd.kill()
        else:
            self.llpd.stop()
        self.instrument.wait_released()
        self._read_log()

    def _read_log(self):
        log = self.llpd.log
        assert "MSH" not in log
        for size in re.findall(r"in the spool, (\d+) bytes, may have been delivered before", log) + re.findall(
                r"message of (\d+) bytes is a possible duplicate of one before: delivered", log):
            self.said[int(size)] += 1

    def healthy(self, *clients):
        for who in (self.instrument, *clients):
            if who.failure is not None:
                raise AssertionError(f"{type(who).__name__}: {who.failure!r}\n{self.llpd.report()}") from who.failure

    def go_on(self, steps, clients):
        """Until so much has got to its end since llpd came back: no line is stuck."""
        def done():
            return len(self.instrument.acknowledged) + sum(len(client.replies) for client in clients)

        def gone_on():
            self.healthy(*clients)
            return done() >= wanted
        wanted = done() + steps
        until(gone_on, f"{steps} more messages and replies", program=self.llpd)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
@pytest.mark.parametrize("protocol, spool", [
    pytest.param("x328", True, id="x328-spooled", marks=pytest.mark.core), pytest.param("mllp2", True, id="mllp2-spooled"),
    pytest.param("x328", False, id="x328-received"), pytest.param("mllp2", False, id="mllp2-received")])
def test_both_directions(stage, protocol, spool, signum):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    lab = Lab(stage, protocol, spool)
    lab.start()
    clients = [Client(name, lab.address) for name in ("A", "B")]
    for client in clients:
        client.start()
    for _ in range(int(os.environ.get("LLP_KILLS", "0")) or SIGNALS[signum]):
        lab.go_on(rng.randrange(STEPS), clients)
        time.sleep(rng.uniform(0, PAUSE))
        lab.end(signum)
        lab.start()
    lab.instrument.enough()
    for client in clients:
        client.enough()
    for client in clients:
        client.join(PATIENCE)
        lab.healthy(client)
        assert not client.is_alive(), f"a client still waits\n{lab.llpd.report()}"
    until(lambda: lab.instrument.failure or lab.instrument.idle(), "the instrument's last message", program=lab.llpd)
    lab.healthy(*clients)
    until(lambda: set(lab.app.requests) >= set(lab.instrument.acknowledged),
          "every acknowledged message at the application", program=lab.llpd)
    if spool:
        until(lambda: not list((lab.spool / "chem" / "queue").glob("*.msg")), "an empty spool", program=lab.llpd)
    lab.end(signal.SIGTERM)
    lab.instrument.connect("end")
    compare(lab, clients)


def compare(lab, clients):
    instrument, seen = lab.instrument, collections.Counter(lab.app.requests)
    assert set(seen) == set(instrument.acknowledged) == set(instrument.sent), "lost, cut, or sent by nobody"
    assert list(dict.fromkeys(lab.app.requests)) == instrument.sent, "out of order"
    repeats = collections.Counter()
    for message, count in seen.items():
        repeats[len(message)] += count - 1
    for size, count in repeats.items():
        assert lab.said[size] >= count, f"{size} bytes: repeated {count} times, said {lab.said[size]} times"

    asked = collections.Counter(instrument.requests)
    replies = {request: reply for client in clients for request, reply in client.replies.items()}
    attempts = sum((client.attempts for client in clients), collections.Counter())
    assert set(asked) == set(replies), "a reply without its request, or a request of nobody"
    for request, reply in replies.items():
        assert reply == reply_to(request), f"{len(reply)} bytes in answer to {control_id(request)}"
        assert asked[request] <= attempts[request], "llpd sent a request again by itself"
    # Who lives reads a reply whose last block was acknowledged, and asks no more.
    delivered = collections.Counter(instrument.replied)
    assert set(delivered) <= set(replies.values())
    assert not [reply for reply, count in delivered.items() if count > 1], "acknowledged, and not with the client"
    print(f"{len(instrument.sent)} messages, {sum(repeats.values())} repeats; {len(replies)} requests, "
          f"{sum(asked.values()) - len(asked)} asked again")
