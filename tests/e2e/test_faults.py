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

import json
import re
import threading

import pytest

from support import ENGINE, SOAK
from support.apps import call_until_taken
from support.bridge import Bridge
from support.content import control_id, hl7
from support.lines import ANY
from support.programs import until

COUNT = 1000
SEEDS = (11, 12, 13, 14, 15, 16, 17, 18) if SOAK else (11, 12, 13)
RUN = 600.0 if ENGINE != "kernel" else 3600.0  # a bound for hangs

# Faults of llpsim: on what it sends and, for bytes and blocks, on what it gets.
FAULTS = {
    # Single damaged bytes, and lost ones, which the block's length shows: what the check cannot miss.
    "x328": ["--flip-block", "0.03", "--lose", "0.0001", "--lose-ack", "0.005", "--delay-ack", "0.005,150",
             "--silence", "0.001,300"],
    "hllp": ["--flip-block", "0.03", "--lose", "0.00001", "--silence", "0.002,300"],
    "mllp2": ["--lose-ack", "0.015", "--delay-ack", "0.015,100", "--silence", "0.001,300"],
    "mllp": [],
}
# Times that make a fault cost little and still leave a busy machine room: a message that is only late is
# sent again, which the promise allows, and is marked. A virtual machine is slower still.
SCALE = ["--time-scale", "0.5" if ENGINE == "kernel" else "0.05"]
SETTINGS = {
    "x328": SCALE,
    # A damaged reply is asked for again by an N block: so the request is not repeated.
    "hllp": [*SCALE, "--set", "reply_timeout=10s", "--set", "bad_response=nak"],
    "mllp2": [*SCALE, "--set", "t_c=6s", "--set", "peer_t_c=6s"],
    "mllp": [],
}


def batch(prefix, count):
    """Messages of one to a dozen blocks, each different."""
    return [hl7(f"{prefix}{i:04d}", 150 + 97 * i % 1500) for i in range(count)]


def first_seen(items):
    return list(dict.fromkeys(items))


def injected(protocol, count, json_file):
    """The faults that llpsim tells of; in a long run there are some, or it shows nothing."""
    faults = {name: number for name, number in json.loads(json_file.read_text())["faults"].items() if number}
    assert faults or count < COUNT or not FAULTS[protocol], "no fault was injected"
    return faults


class Inward:
    """llpsim sends, an application takes."""

    def __init__(self, stage, protocol, seed, count=COUNT, options=()):
        self.seed, self.messages = seed, batch(f"I{seed}-", count)
        self.json = stage.path(f"in{seed}.json")
        options = [*SETTINGS[protocol], *options]
        directory = stage.path(f"in{seed}")
        directory.mkdir()
        files = []
        for i, message in enumerate(self.messages):
            files.append(directory / f"{i:04d}.hl7")
            files[-1].write_bytes(message)
        self.b = Bridge(stage, protocol, ANY, *options, dist=False, name=f"in{seed}.s")
        self.sim = self.b.simulate(*options, "--seed", seed, *FAULTS[protocol], "--fault-dir", "both",
                                   "--json", self.json, "send", "--retry-failed", "100", "--retry-unknown", *files)

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
        faults = injected(self.b.protocol, len(self.messages), self.json)
        return f"in, seed {self.seed}: {len(got)} delivered, {repeats} repeats, {marked} marked; {faults}"


class Outward:
    """Clients of dist send, one after the other as an application does; llpsim takes and answers."""

    def __init__(self, stage, protocol, seed, count=COUNT, options=()):
        self.seed, self.messages = seed, batch(f"O{seed}-", count)
        options = [*SETTINGS[protocol], *options]
        self.out = stage.path(f"out{seed}")
        self.out.mkdir()
        self.json = stage.path(f"out{seed}.json")
        self.b = Bridge(stage, protocol, ANY, *options, app=None, name=f"out{seed}.s")
        self.sim = self.b.simulate(*options, "--seed", seed, *FAULTS[protocol], "--fault-dir", "both",
                                   "--out", self.out, "--json", self.json, "ack")
        self.b.wait_dist()
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
        report = json.loads(self.json.read_text())
        got = [file.read_bytes() for file in sorted(self.out.iterdir())]
        sent = set(self.messages)
        assert all(request in sent for request in got), "the instrument got something that was never sent"
        assert first_seen(got) == self.messages, "not all, or not in order"
        repeats = len(got) - len(self.messages)
        allowed = self.refused + self._commit_replies_lost(report["faults"])
        assert repeats <= allowed, f"{repeats} repeats, only {allowed} had a reason: {report['faults']}"
        assert repeats == report["messages"]["repeats"], "a repeat was not counted"
        faults = injected(self.b.protocol, len(self.messages), self.json)
        return f"out, seed {self.seed}: {len(got)} received, {repeats} repeats, {self.refused} refused; {faults}"

    def _commit_replies_lost(self, faults):
        """MLLP 2: each lost or late one may cost a repeat, and so may each of those in a silence."""
        if self.b.protocol != "mllp2":
            return 0
        return faults["acks_lost"] + faults["acks_delayed"] + 4 * faults["silences"]


@pytest.mark.parametrize("direction", [Inward, Outward])
@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp2"])
def test_a_thousand_messages(stage, protocol, direction):
    print("seeds", *SEEDS)
    # At the same time: most of a run is waiting for timers.
    runs = [direction(stage, protocol, seed) for seed in SEEDS]
    for run in runs:
        print(run.check())


@pytest.mark.kernel
@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp2", "mllp"])
def test_two_thousand_messages(stage, protocol):
    """A thousand in each direction, over two lines of the kernel's at the same time."""
    runs = [Inward(stage, protocol, 31), Outward(stage, protocol, 32)]
    for run in runs:
        print(run.check())


@pytest.mark.core
@pytest.mark.parametrize("direction", [Inward, Outward])
@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp2"])
@pytest.mark.shows("hllp/10/bad", "illp/9/nothing")
def test_some_messages(stage, protocol, direction):
    """The same, short."""
    print(direction(stage, protocol, 7, count=60).check())


@pytest.mark.parametrize("direction", [Inward, Outward])
def test_stations_that_give_up_soon(stage, direction):
    """X3.28 without a second try after silence: transmissions end for every lost acknowledgement, and those of
    last blocks leave it open whether the message arrived. It is sent again, and a repeat is marked."""
    runs = [direction(stage, "x328", seed, count=300, options=["--set", "retries_n=0"]) for seed in SEEDS]
    for run in runs:
        print(run.check())


@pytest.mark.parametrize("direction", [Inward, Outward])
def test_mllp1_without_faults(stage, direction):
    """Nothing is promised under faults; without them everything arrives once."""
    run = direction(stage, "mllp", 21)
    print(run.check())
    if direction is Inward:
        assert run.b.app.requests == run.messages
    else:
        assert run.refused == 0
