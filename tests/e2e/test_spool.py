# SPDX-License-Identifier: BSD-3-Clause
"""The spool and the attempt journal: nothing that was acknowledged is lost, whatever ends llpd."""

import collections
import os
import random
import re
import signal
import stat
import threading

import pytest

from support import stations
from support.apps import App
from support.content import hl7, reply_to
from support.lines import Line
from support.programs import until

# Signals in one run of the kill test; more in a long run.
KILLS = int(os.environ.get("LLP_KILLS", "12"))


pytestmark = pytest.mark.user


class Lab:
    """llpd with one line, ended and started again at will; the instrument is ours."""

    def __init__(self, stage, protocol, *keys, spool=True):
        self.stage, self.protocol = stage, protocol
        self.line = Line(stage, "unix-listen")
        self.app_path = str(stage.path("app"))
        self.spool = stage.path("spool")
        self.config = stage.path("llpd.toml")
        self.config.write_text("\n".join([
            f'runtime_dir = "{stage.run_dir}"', f'lock_dir = "{stage.lock_dir}"', "[line.chem]",
            f'protocol = "{protocol}"', f'port = "{self.line.toml}"', f'to = "unix:{self.app_path}"',
            'connect_tries = 1', 'expect = "none"', 'spool_retry_min = "20ms"', 'spool_retry_max = "100ms"',
            *([f'spool = {{ dir = "{self.spool}" }}'] if spool else []), *keys, ""]))
        self.llpd = self.station = None
        self.ending = False  # a signal is on its way
        self.logs = []

    def start(self):
        self.llpd = self.stage.llpd("--config", self.config)
        self.station = stations.station(self.protocol, self.line.wire(self.llpd))
        return self

    def end(self, signum):
        """Ends it if it runs, as the signal says; the station's wire is gone then."""
        if self.llpd.running():
            if signum == signal.SIGKILL:
                self.llpd.kill()
            else:
                self.llpd.stop()
        self.llpd.wait()
        self.logs.append(self.llpd.log)
        self.station.close()
        self.ending = False

    def again(self, signum=signal.SIGKILL):
        self.end(signum)
        return self.start()

    def app(self, **how):
        return App(self.stage, reply_to, path=self.app_path, **how)

    def log(self):
        return "\n".join([*self.logs, self.llpd.log])

    def send(self, message):
        """Whether it was acknowledged; not when llpd ended meanwhile."""
        try:
            return self.station.send(message)
        except (AssertionError, OSError):
            # In the middle of a message it ends the protocol's way, with an EOT, or with the wire.
            if not self.ending:
                raise
            return False

    def queued(self):
        return sorted((self.spool / "chem" / "queue").glob("*.msg"))


def numbered(count):
    """Messages that the log can tell apart by their lengths."""
    return [hl7(f"K{i}", 300 + i) for i in range(count)]


def marks(log, size):
    """How often a message of this size was said to be a possible duplicate when it was delivered."""
    stored = re.findall(rf"in the spool, {size} bytes, may have been delivered before", log)
    direct = re.findall(rf"message of {size} bytes is a possible duplicate of one before: delivered", log)
    return len(stored) + len(direct)


@pytest.mark.core
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
@pytest.mark.parametrize("protocol,spool", [("x328", True), ("mllp2", True), ("x328", False)],
                         ids=["x328-spooled", "mllp2-spooled", "x328-received"])
def test_ended_at_any_moment(stage, protocol, spool, signum):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    lab = Lab(stage, protocol, spool=spool).start()
    app = lab.app()
    messages = numbered(KILLS * 8)
    ends = set(rng.sample(range(len(messages)), KILLS))
    for i, message in enumerate(messages):
        hit = None
        if i in ends:
            hit = threading.Timer(rng.uniform(0, 0.03), lab.llpd.send, [signum])
            lab.llpd.expected_end, lab.llpd.exit_status, lab.ending = True, None, True
            hit.start()
        while not lab.send(message):
            if hit is not None:
                hit.join()
                hit = None
                lab.again(signum)
        if hit is not None:
            hit.join()
            lab.again(signum)
    until(lambda: set(app.requests) >= set(messages), "every acknowledged message at the application",
          program=lab.llpd)
    if spool:
        until(lambda: not lab.queued(), "an empty spool", program=lab.llpd)
    lab.llpd.stop()
    log = lab.log()
    seen = collections.Counter(app.requests)
    assert set(seen) == set(messages), "a message that nobody sent"
    for message, count in seen.items():
        assert marks(log, len(message)) >= count - 1, \
            f"{len(message)} bytes, delivered {count} times, marked {marks(log, len(message))} times"
    print(f"{len(messages)} messages, {sum(seen.values()) - len(seen)} repeats")
    first = list(dict.fromkeys(app.requests))
    assert first == messages, "out of order"
    assert "MSH" not in log


@pytest.mark.core
@pytest.mark.parametrize("protocol", ["x328", "mllp2"])
def test_a_dead_application(stage, protocol):
    """Acknowledged all the same; delivered in order when it comes back, over a kill in between."""
    lab = Lab(stage, protocol).start()
    messages = numbered(12)
    for message in messages[:8]:
        assert lab.send(message)
    assert len(lab.queued()) == 8
    lab.again()
    lab.llpd.wait_for("in the spool: 8 messages wait")
    for message in messages[8:]:
        assert lab.send(message)
    for path in [lab.spool / "chem", lab.spool / "chem" / "queue"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in lab.queued():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes().endswith(b"\r")
    app = lab.app()
    assert app.wait(12, program=lab.llpd) == messages
    until(lambda: not lab.queued(), "an empty spool", program=lab.llpd)
    assert marks(lab.log(), len(messages[0])) == 0, "nobody had seen it before"


@pytest.mark.core
def test_a_full_spool_makes_the_instrument_wait(stage):
    lab = Lab(stage, "x328", "spool_max_messages = 3").start()
    messages = numbered(4)
    for message in messages[:3]:
        assert lab.send(message)
    lab.llpd.wait_for("the spool is full")
    for _ in range(3):
        lab.station.say("ENQ")
        lab.station.expect("NAK")
    app = lab.app()
    lab.llpd.wait_for("the spool has room again")
    assert lab.send(messages[3])
    assert app.wait(4, program=lab.llpd) == messages


@pytest.mark.core
def test_torn_files_are_moved_aside(stage):
    lab = Lab(stage, "x328").start()
    messages = numbered(3)
    for message in messages:
        assert lab.send(message)
    lab.end(signal.SIGKILL)
    first, second, _ = lab.queued()
    second.write_bytes(second.read_bytes()[:-1])
    (first.parent / "00000000000000000099.tmp").write_bytes(first.read_bytes())
    lab.start()
    lab.llpd.wait_for(r"00000000000000000099\.tmp was moved aside")
    lab.llpd.wait_for(rf"{second.name} was moved aside")
    app = lab.app()
    assert app.wait(2, program=lab.llpd) == [messages[0], messages[2]]
    assert len(list((lab.spool / "chem" / "aside").iterdir())) == 2


@pytest.mark.core
def test_one_process_has_the_spool(stage):
    lab = Lab(stage, "x328").start()
    other = stage.llpdrv("-a", "-u", stage.path("other"), "-i", f"unix:{lab.app_path}", "-i", "-", "--name", "chem",
                         "--runtime-dir", stage.dir, "--spool-dir", lab.spool, exit_status=None)
    assert other.wait() != 0
    assert "used by another process" in other.log


WRONG = {
    "an unknown key": ('spool = { dir = "/s", max_age = "1h", size = 3 }', ["line.chem.spool.size", "max_bytes"]),
    "no table": ("spool = 3", ["must be a table"]),
    "a relative directory": ('spool_dir = "spool"', ["'spool'", "must begin with /"]),
    "a bound": ('spool = { dir = "/s", max_messages = 0 }', ["max_messages", "1 to 1000000"]),
    "no spool": ('commit = "spooled"', ["spool_dir"]),
    "no such address": ('on_duplicate = "deliver it"', ["on_duplicate", "deliver or drop"]),
    "no such journal": ('journal = "maybe"', ["journal", "auto, on, off"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_check(stage, case):
    key, words = WRONG[case]
    config = stage.path("bad.toml")
    config.write_text(f'[line.chem]\nport = "pty:-"\nto = "5001"\n{key}\n')
    program = stage.llpd("--check", "--config", config, exit_status=None)
    assert program.wait() != 0
    for word in words:
        assert word in program.log, program.report()
