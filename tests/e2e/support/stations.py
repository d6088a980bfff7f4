# SPDX-License-Identifier: BSD-3-Clause
"""Instruments written byte for byte, so that the engine is not judged by itself.

They do what the protocols say in the plain case, let a test step in at any
point, and write down what went over the line and when (`Journal`).
"""

import functools
import operator
import threading
import time

from . import ENGINE, PATIENCE

STX, ETX, EOT, ENQ, DLE, NAK, ETB, CR = b"\x02", b"\x03", b"\x04", b"\x05", b"\x10", b"\x15", b"\x17", b"\r"
VT, FS = b"\x0b", b"\x1c"


class Journal:
    """What happened, in one order for all threads of a test."""

    def __init__(self):
        self._lock = threading.Lock()
        self.entries = []

    def note(self, who, what):
        with self._lock:
            self.entries.append((who, what))

    def index(self, who, what):
        return self.entries.index((who, what))

    def count(self, who, what):
        return self.entries.count((who, what))


class Silence(AssertionError):
    """Nothing came in time."""


class LineEnded(AssertionError):
    """The other side closed the line."""


class Station:
    def __init__(self, wire, journal=None):
        self.wire = wire
        self.journal = journal or Journal()
        self._in = bytearray()

    def put(self, data):
        self.wire.write(data)

    def _fill(self, deadline):
        part = self.wire.read(deadline - time.monotonic())
        if part is None:
            raise LineEnded("the line has ended")
        if not part and time.monotonic() >= deadline:
            raise Silence(f"nothing more came; so far {bytes(self._in)!r}")
        self._in += part

    def _take(self, n, deadline):
        while len(self._in) < n:
            self._fill(deadline)
        data = bytes(self._in[:n])
        del self._in[:n]
        return data

    def _take_to(self, mark, deadline, keep=b""):
        """All before `mark`, which goes as well."""
        while (at := self._in.find(mark)) < 0:
            self._fill(deadline)
        data = bytes(self._in[:at])
        del self._in[:at + len(mark)]
        return data

    def take(self, n, timeout=PATIENCE):
        """The next n bytes, whatever they are."""
        return self._take(n, time.monotonic() + timeout)

    def silent(self, seconds):
        """Whether nothing comes for so long."""
        try:
            self._fill(time.monotonic() + seconds)
        except Silence:
            return not self._in
        return False

    def pending(self, seconds):
        """Whether something is there, or comes within this time."""
        return bool(self._in) or not self.silent(seconds)

    def close(self):
        self.wire.close()


def bcc(data):
    return b"%02X" % functools.reduce(operator.xor, data, 0)


def block(number, text, last):
    """One block of X3.28, from STX to TERM."""
    body = b"%d%05d" % (number % 8, len(text)) + text + (ETX if last else ETB)
    return STX + body + bcc(body) + CR


class X328(Station):
    """Received sequences are named: ENQ, EOT, NAK, ACK0..ACK7, RINT, or (number, text, last)."""

    def get(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        first = self._take(1, deadline)
        if first == DLE:
            kind = self._take(1, deadline)
            name = "RINT" if kind == b"<" else f"ACK{int(kind)}"
            assert self._take(1, deadline) == CR
        elif first in (ENQ, EOT, NAK):
            name = {ENQ: "ENQ", EOT: "EOT", NAK: "NAK"}[first]
            assert self._take(1, deadline) == CR
        else:
            assert first == STX, f"{first!r} outside of a block"
            return self._get_block(deadline)
        self.journal.note("llpdrv", name)
        return name

    def _get_block(self, deadline):
        head = self._take(6, deadline)
        # The text has none of the control characters; its length is told and checked.
        text = self._take(int(head[1:]), deadline)
        end = self._take(1, deadline)
        assert end in (ETX, ETB), f"block of {len(text)} bytes ends with {end!r}"
        check = self._take(3, deadline)
        assert check == bcc(head + text + end) + CR, f"block check {check!r}"
        self.journal.note("llpdrv", f"block {int(head[:1])}")
        return int(head[:1]), text, end == ETX

    def expect(self, *names, timeout=PATIENCE):
        got = self.get(timeout)
        assert got in names, f"{got} came, not {' or '.join(names)}"
        return got

    def say(self, name):
        self.journal.note("instrument", name)
        sequence = {"ENQ": ENQ, "EOT": EOT, "NAK": NAK, "RINT": DLE + b"<"}.get(name) or DLE + name[3:].encode()
        self.put(sequence + CR)

    def expect_bid(self, timeout=PATIENCE):
        """ENQ, perhaps after an EOT: a bidder that does not know our state clears the line first."""
        if self.expect("ENQ", "EOT", timeout=timeout) == "EOT":
            self.expect("ENQ", timeout=timeout)

    def bid(self, tries=20):
        """Becomes master; a refused or crossed bid is made again."""
        for _ in range(tries):
            self.say("ENQ")
            answer = self.get()
            if answer == "ACK0":
                return
            assert answer in ("NAK", "EOT"), f"{answer} in answer to a bid"
            time.sleep(0.02)
        raise AssertionError("no bid was granted")

    def send_blocks(self, message, size=200):
        """The blocks of a message up to, not including, the answer to the last; its number and bytes."""
        parts = [message[i:i + size] for i in range(0, len(message), size)] or [b""]
        for i, part in enumerate(parts, 1):
            last = i == len(parts)
            data = block(i, part, last)
            self.journal.note("instrument", "last block" if last else f"block {i % 8}")
            self.put(data)
            if last:
                return i % 8, data
            self.expect(f"ACK{i % 8}")

    def send(self, message, size=200):
        """A whole transmission. A NAK for time to the last block is answered with the block again."""
        self.bid()
        number, data = self.send_blocks(message, size)
        while (answer := self.get()) == "NAK":
            self.put(data)
        if answer == f"ACK{number}":
            self.say("EOT")
            return True
        assert answer == "EOT", f"{answer} in answer to the last block"
        return False

    def receive(self, timeout=PATIENCE, granted=False, may_end=False):
        """A message of llpdrv's; every block is acknowledged. None if it may end before the first, and does."""
        if not granted:
            self.expect_bid(timeout)
            self.say("ACK0")
        text, expected = b"", 1
        while True:
            got = self.get(timeout)
            if may_end and not text and got == "EOT":
                return None
            assert isinstance(got, tuple), f"{got} in mid message"
            assert got[0] == expected % 8, f"block {got[0]}, not {expected % 8}"
            text += got[1]
            self.say(f"ACK{got[0]}")
            expected += 1
            if got[2]:
                break
        self.expect("EOT", timeout=timeout)
        return text


class Mllp(Station):
    def __init__(self, wire, journal=None, release=1):
        super().__init__(wire, journal)
        self.release = release
        self._held = []

    def put_block(self, data):
        self.put(VT + data + FS + CR)

    def get_block(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        lost = self._take_to(VT, deadline)
        assert not lost, f"{lost!r} between blocks"
        data = self._take_to(FS + CR, deadline)
        self.journal.note("llpdrv", {b"\x06": "ACK", b"\x15": "NAK"}.get(data, "block")
                          if self.release == 2 else "block")
        return data

    def held(self):
        """Blocks that crossed one of ours and are still to be received."""
        return len(self._held)

    def send(self, message):
        """Release 2: waits for the commit reply and tells it, keeping a block that crosses."""
        self.journal.note("instrument", "last block")
        self.put_block(message)
        if self.release == 1:
            return True
        while True:
            data = self.get_block()
            if data in (b"\x06", b"\x15"):
                return data == b"\x06"
            self._held.append(data)
            self.put_block(b"\x06")

    def receive(self, timeout=PATIENCE):
        if self._held:
            return self._held.pop(0)
        data = self.get_block(timeout)
        if self.release == 2:
            self.put_block(b"\x06")
        return data


class Hllp(Station):
    @staticmethod
    def block(kind, data, version=b"23"):
        body = VT + kind + version + CR + data
        return body + b"%05d%03d" % (len(body), functools.reduce(operator.xor, body, 0)) + FS + CR

    def get_block(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        lost = self._take_to(VT, deadline)
        assert not lost, f"{lost!r} between blocks"
        body = VT + self._take_to(FS + CR, deadline)
        body, trailer = body[:-8], body[-8:]
        assert trailer == b"%05d%03d" % (len(body), functools.reduce(operator.xor, body, 0)), f"trailer {trailer!r}"
        kind = body[1:2]
        self.journal.note("llpdrv", "block" if kind == b"D" else f"N {body[5:].decode()}")
        return kind, body[5:]

    def send(self, message):
        self.journal.note("instrument", "last block")
        self.put(self.block(b"D", message))
        return True

    def receive(self, timeout=PATIENCE):
        kind, data = self.get_block(timeout)
        assert kind == b"D", f"a NAK block came: {data!r}"
        return data


PROTOCOLS = {
    "x328": (["-a"], X328),
    "hllp": (["-h"], Hllp),
    "mllp": (["-m"], Mllp),
    "mllp2": (["-m", "--set", "release=2"], functools.partial(Mllp, release=2)),
}


def option(protocol):
    """What makes llpdrv speak it."""
    return PROTOCOLS[protocol][0]


def station(protocol, wire, journal=None):
    return PROTOCOLS[protocol][1](wire, journal)


class Instrument:
    """A station that starts transactions and answers others at the same time.

    Sends each of `messages`, waits for the reply to each, and acknowledges whatever else comes.
    It ends when it has all its replies and has answered `requests` requests.
    """

    def __init__(self, station, messages, requests, reply_to):
        self.station, self.reply_to = station, reply_to
        self.outgoing = list(messages)
        self.wanted = {reply_to(m) for m in messages}
        self.replies, self.requests, self._count = [], [], requests

    def done(self):
        return not self.outgoing and not self.wanted and len(self.requests) >= self._count

    def took(self, message):
        if message in self.wanted:
            self.wanted.remove(message)
            self.replies.append(message)
        else:
            self.requests.append(message)
            self.outgoing.insert(0, self.reply_to(message))

    def run(self, delay=None):
        """delay: X3.28, how long to wait after a crossed bid."""
        while not self.done():
            if isinstance(self.station, X328):
                self._turn(delay)
            else:
                self._duplex_turn()
        return self

    def cross(self, delay):
        """Answers a bid with a bid, as if both had been on the wire at once, and waits as the standard says."""
        self.station.say("ENQ")
        try:
            self.station.expect_bid(delay)
        except Silence:
            return self
        self.station.say("ACK0")
        self.took(self.station.receive(granted=True))
        return self

    def _duplex_turn(self):
        if self.outgoing:
            message = self.outgoing.pop(0)
            assert self.station.send(message), "the message was refused"
        # A message that is there is taken before the next is sent; with nothing to send it is waited for.
        elif not self.done():
            self.took(self.station.receive())

    def _turn(self, delay):
        s = self.station
        if not self.outgoing:
            got = s.get()
        else:
            s.say("ENQ")
            got = s.get()
            if got == "ENQ":
                try:
                    got = s.get(delay)
                except Silence:
                    return
        if got == "ENQ":
            s.say("ACK0")
            # A request that llpdrv takes back for our message's sake may be granted before the kernel hears of it.
            if (message := s.receive(granted=True, may_end=ENGINE == "kernel")) is not None:
                self.took(message)
        elif got == "ACK0":
            message = self.outgoing.pop(0)
            number, data = s.send_blocks(message)
            while (answer := s.get()) == "NAK":
                s.put(data)
            assert answer == f"ACK{number}", f"{answer} in answer to the last block"
            s.say("EOT")
        elif got == "NAK":
            time.sleep(0.01)
        else:
            assert got == "EOT", f"{got} in answer to a bid"  # a bidder that clears the line first
