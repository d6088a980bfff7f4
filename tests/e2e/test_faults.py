# SPDX-License-Identifier: BSD-3-Clause
"""A thousand messages a run over a line with faults, at several seeds, timers scaled.

What each protocol promises, no more and no less:

    X3.28   one damaged byte a block, lost and late acknowledgements, silence: every message whole, in order
            and once, or its sender is told; a repeat is marked
    HLLP    the same; a lost reply is told to the sender, who sends again
    MLLP 2  no check characters, so no damage: lost and late commit replies and silence lose and mix nothing
    MLLP 1  promises nothing: no faults

Whoever is told that a message failed sends it again: llpsim of itself, clients of dist as in `Clients`.
"""

import re
import threading

import pytest

from support import SOAK
from support.apps import call_until_taken
from support.bridge import Bridge
from support.content import control_id, hl7
from support.programs import until

COUNT = 1000
SEEDS = (11, 12, 13, 14, 15, 16, 17, 18) if SOAK else (11, 12)
RUN = 600.0  # a bound for hangs

X328 = ["--flip-block", "0.03", "--lose-ack", "0.01", "--delay-ack", "0.01,150", "--silence", "0.002,300"]
HLLP = ["--flip-block", "0.03", "--silence", "0.002,300"]
MLLP2 = ["--lose-ack", "0.02", "--delay-ack", "0.02,100", "--silence", "0.002,300"]
# Times that make a fault cost little and still leave a busy machine room: a message that is only late is
# sent again, which the promise allows, and is marked.
SCALE = ["--time-scale", "0.05"]
FAULTS = {"x328": X328, "hllp": HLLP, "mllp2": MLLP2, "mllp": []}
SETTINGS = {
    "x328": SCALE,
    "hllp": [*SCALE, "--set", "reply_timeout=10s"],
    "mllp2": [*SCALE, "--set", "t_c=6s", "--set", "peer_t_c=6s"],
    "mllp": [],
}


def batch(prefix, count):
    """Messages of one to a dozen blocks, each different."""
    return [hl7(f"{prefix}{i:04d}", 150 + 97 * i % 1500) for i in range(count)]


def first_seen(items):
    return list(dict.fromkeys(items))


class Inward:
    """llpsim sends, an application takes."""

    def __init__(self, stage, protocol, seed, count=COUNT):
        self.seed, self.messages = seed, batch(f"I{seed}-", count)
        directory = stage.path(f"in{seed}")
        directory.mkdir()
        files = []
        for i, message in enumerate(self.messages):
            files.append(directory / f"{i:04d}.hl7")
            files[-1].write_bytes(message)
        self.b = Bridge(stage, protocol, "unix-listen", *SETTINGS[protocol], dist=False, name=f"in{seed}.s").start()
        until(self.b.line.ready, "the line", program=self.b.drv)
        self.sim = stage.llpsim("--protocol", protocol, "--line", self.b.line.sim, *SETTINGS[protocol], "--seed", seed,
                                *FAULTS[protocol], "--fault-dir", "both", "send", "--retry-failed", "100", "--retry-unknown", *files)

    def check(self):
        self.sim.finish(RUN)
        self.b.drv.stop()
        got = self.b.app.requests
        sent = set(self.messages)
        assert all(request in sent for request in got), "the application got something that was never sent"
        assert first_seen(got) == self.messages, "not all, or not in order"
        repeats = len(got) - len(self.messages)
        marked = len(re.findall("possible duplicate", self.b.drv.log))
        assert repeats <= marked, f"{repeats} repeats, {marked} of them marked"
        return f"in, seed {self.seed}: {len(got)} delivered, {repeats} repeats, {marked} marked"


class Outward:
    """Clients of dist send, one after the other as an application does; llpsim takes and answers."""

    def __init__(self, stage, protocol, seed, count=COUNT):
        self.seed, self.messages = seed, batch(f"O{seed}-", count)
        self.out = stage.path(f"out{seed}")
        self.out.mkdir()
        self.b = Bridge(stage, protocol, "unix-listen", *SETTINGS[protocol], app=None, name=f"out{seed}.s").start()
        self.b.wait_dist()
        until(self.b.line.ready, "the line", program=self.b.drv)
        self.sim = stage.llpsim("--protocol", protocol, "--line", self.b.line.sim, *SETTINGS[protocol], "--seed", seed,
                                *FAULTS[protocol], "--fault-dir", "both", "--out", self.out, "ack")
        self.refused, self.wrong = 0, []
        self.thread = threading.Thread(target=self._clients, daemon=True)
        self.thread.start()

    def _clients(self):
        for message in self.messages:
            try:
                reply, refused = call_until_taken(self.b.dist, message, RUN)
            except Exception as e:  # told in check()
                self.wrong.append(f"{control_id(message)}: {type(e).__name__} {e}")
                return
            self.refused += refused
            if b"\rMSA|AA|" + control_id(message) + b"\r" not in reply:
                self.wrong.append(f"{control_id(message)} got the reply {reply[:120]!r}")

    def check(self):
        self.thread.join(RUN)
        assert not self.thread.is_alive(), "the clients still wait"
        assert not self.wrong, self.wrong
        self.b.drv.stop()
        self.sim.stop()
        got = [file.read_bytes() for file in sorted(self.out.iterdir())]
        sent = set(self.messages)
        assert all(request in sent for request in got), "the instrument got something that was never sent"
        assert first_seen(got) == self.messages, "not all, or not in order"
        repeats = len(got) - len(self.messages)
        assert repeats <= self.refused, f"{repeats} repeats, but the clients were refused {self.refused} times only"
        return f"out, seed {self.seed}: {len(got)} received, {repeats} repeats, {self.refused} refused"


@pytest.mark.parametrize("direction", [Inward, Outward])
@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp2"])
def test_a_thousand_messages(stage, protocol, direction):
    print("seeds", *SEEDS)
    # At the same time: most of a run is waiting for timers.
    runs = [direction(stage, protocol, seed) for seed in SEEDS]
    for run in runs:
        print(run.check())


@pytest.mark.core
@pytest.mark.parametrize("direction", [Inward, Outward])
@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp2"])
def test_some_messages(stage, protocol, direction):
    """The same, short."""
    print(direction(stage, protocol, 7, count=60).check())


@pytest.mark.parametrize("direction", [Inward, Outward])
def test_mllp1_without_faults(stage, direction):
    """Nothing is promised under faults; without them everything arrives once."""
    run = direction(stage, "mllp", 21)
    print(run.check())
    if direction is Inward:
        assert run.b.app.requests == run.messages
    else:
        assert run.refused == 0
