# SPDX-License-Identifier: BSD-3-Clause
"""A thousand messages a run over a line with faults, at several seeds, timers scaled.

What each protocol promises, no more and no less:

    X3.28   one damaged, lost, doubled or inserted byte a block, lost and late acknowledgements, silence: every
            message whole, in order and once, or its sender is told; a repeat is marked
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
from support.content import control_id, hl7, reply_to
from support.lines import ANY

COUNT = 1000
SEEDS = (11, 12, 13, 14, 15, 16, 17, 18) if SOAK else (11, 12, 13)
BOTH_SEEDS = SEEDS if SOAK else SEEDS[:1]
RUN = 600.0 if ENGINE != "kernel" else 3600.0  # a bound for hangs

# Faults of llpsim: on what it sends and, for bytes and blocks, on what it gets.
FAULTS = {
    # Single damaged bytes, and lost ones, which the block's length shows: what the check cannot miss.
    "x328": ["--flip-block", "0.03", "--lose-ack", "0.005", "--delay-ack", "0.005,150", "--silence", "0.001,300"],
    "hllp": ["--flip-block", "0.03", "--silence", "0.002,300"],
    "mllp2": ["--lose-ack", "0.015", "--delay-ack", "0.015,100", "--silence", "0.001,300"],
    "mllp": [],
}
LOST = {"x328": ["--lose", "0.0001"], "hllp": ["--lose", "0.00001"], "mllp2": [], "mllp": []}
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


def write_files(directory, messages):
    directory.mkdir()
    files = [directory / f"{i:04d}.hl7" for i in range(len(messages))]
    for file, message in zip(files, messages):
        file.write_bytes(message)
    return files


def arrived_at_the_application(b, messages):
    """All, whole, in order, and once or marked."""
    got = b.app.requests
    sent = set(messages)
    assert all(request in sent for request in got), "the application got something that was never sent"
    assert first_seen(got) == messages, "not all, or not in order"
    repeats = len(got) - len(messages)
    marked = len(re.findall("possible duplicate", b.drv.log))
    assert repeats <= marked, f"{repeats} repeats, {marked} of them marked"
    return f"{len(got)} delivered, {repeats} repeats, {marked} marked"


def received(directory, *kinds):
    """What llpsim has stored, in order."""
    return [file.read_bytes() for file in sorted(directory.iterdir()) if file.suffix in kinds]


def arrived_at_the_instrument(b, out, messages, report, refused, answers=()):
    """All, whole, in order, and once unless there was a reason for a repeat, which is counted.

    answers: to what it sent itself; one that comes when it waits no more, or again, is kept with the rest.
    """
    stored = received(out, ".msg", ".repeat")
    got = [message for message in stored if message not in answers]
    assert len(stored) - len(got) == report["messages"]["late"], "a late answer was not known for one"
    assert len(received(out, ".repeat")) == report["messages"]["repeats"], "a repeat was not counted"
    sent = set(messages)
    assert all(request in sent for request in got), "the instrument got something that was never sent"
    assert first_seen(got) == messages, "not all, or not in order"
    repeats = len(got) - len(messages)
    allowed = refused + commit_replies_lost(b.protocol, report["faults"])
    if b.protocol == "hllp" and answers:
        # A NAK names no block: where both send, one for noise or for a reply may bring a request once more.
        allowed += report["frames"]["naks_out"]
    assert repeats <= allowed, f"{repeats} repeats, only {allowed} had a reason: {report['faults']}"
    return f"{len(got)} received, {repeats} repeats, {refused} refused"


def commit_replies_lost(protocol, faults):
    """MLLP 2: each lost or late one may cost a repeat, and so may each of those in a silence."""
    if protocol != "mllp2":
        return 0
    return faults["acks_lost"] + faults["acks_delayed"] + 4 * faults["silences"]


class Clients(threading.Thread):
    """Callers of dist, one after the other as an application does it; each sends again what was refused."""

    def __init__(self, b, messages):
        super().__init__(daemon=True)
        self.b, self.messages = b, messages
        self.refused, self.wrong = 0, []
        b.wait_dist()
        self.start()

    def run(self):
        for message in self.messages:
            try:
                reply, refused = call_until_taken(self.b.dist, message, RUN)
            except Exception as e:  # told in check()
                if isinstance(e, ConnectionRefusedError):
                    self.b.drv.ends_within(5)  # its last words are in the report
                self.wrong.append(f"{control_id(message)}: {type(e).__name__} {e}")
                return
            self.refused += refused
            if b"\rMSA|AA|" + control_id(message) + b"\r" not in reply:
                self.wrong.append(f"{control_id(message)} got the reply {reply[:120]!r}")

    def check(self):
        self.join(RUN)
        assert not self.is_alive(), "the clients still wait"
        assert not self.wrong, self.wrong


class Inward:
    """llpsim sends, an application takes."""

    def __init__(self, stage, protocol, seed, count=COUNT, options=()):
        self.seed, self.messages = seed, batch(f"I{seed}-", count)
        self.json = stage.path(f"in{seed}.json")
        options = [*SETTINGS[protocol], *options]
        files = write_files(stage.path(f"in{seed}"), self.messages)
        self.b = Bridge(stage, protocol, ANY, *options, dist=False, name=f"in{seed}.s")
        self.sim = self.b.simulate(*options, "--seed", seed, *FAULTS[protocol], *LOST[protocol],
                                   "--fault-dir", "both", "--json", self.json,
                                   "send", "--retry-failed", "100", "--retry-unknown", *files)

    def check(self):
        self.sim.finish(RUN)
        self.b.drv.stop()
        told = arrived_at_the_application(self.b, self.messages)
        faults = injected(self.b.protocol, len(self.messages), self.json)
        return f"in, seed {self.seed}: {told}; {faults}"


class Outward:
    """Clients of dist send; llpsim takes and answers."""

    def __init__(self, stage, protocol, seed, count=COUNT, options=()):
        self.seed, self.messages = seed, batch(f"O{seed}-", count)
        options = [*SETTINGS[protocol], *options]
        self.out = stage.path(f"out{seed}")
        self.out.mkdir()
        self.json = stage.path(f"out{seed}.json")
        self.b = Bridge(stage, protocol, ANY, *options, app=None, name=f"out{seed}.s")
        self.sim = self.b.simulate(*options, "--seed", seed, *FAULTS[protocol], *LOST[protocol],
                                   "--fault-dir", "both", "--out", self.out, "--json", self.json, "ack")
        self.clients = Clients(self.b, self.messages)

    @property
    def refused(self):
        return self.clients.refused

    def check(self):
        self.clients.check()
        self.b.drv.stop()
        self.sim.stop()
        report = json.loads(self.json.read_text())
        told = arrived_at_the_instrument(self.b, self.out, self.messages, report, self.refused)
        faults = injected(self.b.protocol, len(self.messages), self.json)
        return f"out, seed {self.seed}: {told}; {faults}"


class Both:
    """The instrument sends while clients of dist do: both servers of llpdrv at once, over every kind of line."""

    KIND = {"x328": "pty", "hllp": "tty", "mllp2": "tcp-listen", "mllp": "unix-listen"}
    # Bytes that come twice, and bytes that nobody sent, instead of those that get lost: one of each in a block
    # leaves its length as it was, and one such block in 128 its check.
    MORE = {"x328": ["--double", "0.0002", "--insert", "0.0002"],
            "hllp": ["--double", "0.0001", "--insert", "0.0001"]}

    def __init__(self, stage, protocol, seed):
        self.seed = seed
        count = 40 if ENGINE == "kernel" else 80 if protocol == "x328" else 200
        self.inward, self.outward = batch(f"I{seed}-", count), batch(f"O{seed}-", count)
        self.out, self.json = stage.path(f"both{seed}"), stage.path(f"both{seed}.json")
        self.out.mkdir()
        files = write_files(stage.path(f"in{seed}"), self.inward)
        role = ["--role", "primary"] if protocol == "x328" else []
        self.b = Bridge(stage, protocol, ANY if ENGINE else self.KIND[protocol], *SETTINGS[protocol],
                        name=f"both{seed}.s")
        faults = [*FAULTS[protocol], *self.MORE.get(protocol, [])]
        self.sim = self.b.simulate(*SETTINGS[protocol], *role, "--seed", seed, *faults, "--fault-dir", "both",
                                   "--out", self.out, "--json", self.json,
                                   "send", "--retry-failed", "100", "--retry-unknown", "--also-serve", "ack", "--stay", *files)
        self.clients = Clients(self.b, self.outward)

    def check(self):
        self.clients.check()
        self.sim.wait_for("^all sent$", RUN)
        self.b.drv.stop()
        self.sim.exit_status = None  # what it says is looked at below
        self.sim.stop()
        report = json.loads(self.json.read_text())
        failed = [result for result in report["results"] if not (result["good"] and result["replied"])]
        assert not failed and len(report["results"]) == len(self.inward), failed
        answers = [reply_to(message) for message in self.inward]
        told = [arrived_at_the_application(self.b, self.inward),
                arrived_at_the_instrument(self.b, self.out, self.outward, report, self.clients.refused, answers)]
        assert first_seen(received(self.out, ".reply")) == answers, "not every answer, or not to its message"
        faults = {name: number for name, number in report["faults"].items() if number}
        if self.MORE.get(self.b.protocol):
            assert "doubled" in faults and "inserted" in faults, faults
        return f"both, seed {self.seed}: in {told[0]}; out {told[1]}; {faults}"


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


@pytest.mark.core
@pytest.mark.parametrize("protocol", ["x328", "hllp", "mllp2", "mllp"])
def test_both_ways_at_once(stage, protocol):
    """Each protocol over a kind of line of its own, its two servers competing for the line; MLLP 1 without faults."""
    print("seeds", *BOTH_SEEDS)
    for run in [Both(stage, protocol, seed) for seed in BOTH_SEEDS]:
        print(run.check())


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
