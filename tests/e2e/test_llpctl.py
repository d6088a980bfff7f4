# SPDX-License-Identifier: BSD-3-Clause
"""llpctl against a running llpd: its lines, its orders, its spool; and what doctor finds on a real terminal."""

import itertools
import json
import os
from types import SimpleNamespace

import pytest

from support import ROOT, stations
from support.apps import App
from support.content import hl7, reply_to
from support.lines import Line
from support.programs import BIN, until

pytestmark = pytest.mark.user

CAPTURE = ROOT / "tests" / "captures" / "x328" / "lost_ack_block_sent_again.capture"


class Lab:
    """llpd with an X3.28 line on a terminal, and no application yet."""

    def __init__(self, stage, *keys):
        self.stage = stage
        self.line = Line(stage, "tty").prepare()
        self.app_path = str(stage.path("app"))
        self.config = stage.path("llpd.toml")
        self.text = "\n".join([
            f'runtime_dir = "{stage.run_dir}"', f'lock_dir = "{stage.lock_dir}"', "[line.chem]",
            'protocol = "x328"', f'port = "{self.line.toml}"', f'to = "unix:{self.app_path}"',
            'expect = "none"', 'connect_tries = 1', *keys, ""])
        self.config.write_text(self.text)
        self.llpd = stage.llpd("--config", self.config)
        self.station = stations.station("x328", self.line.wire(self.llpd))
        until(lambda: self.status()["state"] == "running", "a line that runs", program=self.llpd)

    def ctl(self, *words, status=0, **how):
        program = self.stage.start([BIN / "llpctl", "--control", self.stage.run_dir / "llpd.control", *words],
                                   exit_status=status, **how)
        program.finish()
        return SimpleNamespace(status=program.process.returncode, out=program.out.decode("latin-1"), err=program.log)

    def json(self, *words, status=0):
        return json.loads(self.ctl(*words, "--json", status=status).out)

    def status(self):
        said = self.ctl("status", "chem", "--json", status=None)
        return json.loads(said.out) if said.status in (0, 1) else {"state": "unknown"}


@pytest.mark.core
def test_lines_and_orders(stage):
    lab = Lab(stage)
    table = lab.ctl("status").out
    assert table.startswith("LINE  HEALTH") and "chem" in table
    assert all(len(line) <= 80 for line in table.splitlines()), table
    lab.ctl("stop", "chem")
    until(lambda: lab.status()["state"] == "stopped", "a line that stopped", program=lab.llpd)
    assert "stopped on request" in lab.ctl("status").out
    lab.ctl("start", "chem")
    until(lambda: lab.status()["state"] == "running", "a line that runs again", program=lab.llpd)
    wrong = lab.ctl("stop", "chme", status=69)
    assert "did you mean 'chem'" in wrong.err
    lab.config.write_text(lab.text + "bald = 9600\n")
    refused = lab.ctl("reload", status=78)
    assert "bald" in refused.err
    lab.config.write_text(lab.text)
    lab.ctl("reload")
    lab.llpd.stop()
    assert "does it run?" in lab.ctl("status", status=69).err


@pytest.mark.core
def test_a_line_that_llpd_runs_itself(stage):
    """list, show, stats, monitor and send know it as they know a line of the kernel's."""
    lab = Lab(stage, f'dist = "unix:{stage.path("dist")}"', "serve_at_once = true", 'params = { timer_a = "8s" }')
    app = App(stage, reply_to, path=lab.app_path)
    monitor = stage.start([BIN / "llpctl", "--control", stage.run_dir / "llpd.control", "monitor", "chem", "--json"],
                          exit_status=None)

    def heard(**wanted):
        rows = [json.loads(row) for row in monitor.out.decode().splitlines()]
        return any(wanted.items() <= row.items() for row in rows)

    number = itertools.count()
    until(lambda: lab.station.send(hl7(f"M1{next(number)}", 300)) and heard(event="delivered"), "a monitor that listens", program=monitor)
    assert heard(type="message", event="received", length=300) and "PID" not in monitor.out.decode()
    # A block whose check is wrong, and the same once more.
    message = hl7("M2", 150)
    lab.station.bid()
    good = stations.block(1, message, True)
    lab.station.put(good.replace(b"OBX", b"OBY", 1))
    lab.station.expect("NAK")
    lab.station.put(good)
    lab.station.expect("ACK1")
    lab.station.say("EOT")
    until(lambda: heard(type="exception", event="frame", frame="block", verdict="bad check"), "a damaged block",
          program=monitor)
    monitor.kill()
    assert app.requests[-1] == message

    (line,) = [line for line in lab.json("list") if line["name"] == "chem"]
    assert (line["engine"], line["line"], line["protocol"], line["up"]) == ("user", None, "x328", True)
    assert line["rx_messages"] == len(app.requests)
    table = lab.ctl("list").out
    assert "chem" in table and all(len(row) <= 80 for row in table.splitlines()), table
    shown = lab.json("show", "chem")
    assert shown["changed"]["timer_a"] == {"value": "8s", "default": "6s"} and shown["peer"] == ""
    assert shown["turnaround"]["count"] >= 2 * len(app.requests) and shown["turnaround"]["p99_ns"] > 0
    assert [f["counter"] for f in shown["findings"]] == ["nak_check"]
    errors = shown["served"]["last_errors"]
    assert [(e["kind"], e["verdict"], "advice" in e) for e in errors] == [("frame", "bad check", True)]
    text = lab.ctl("show", "chem").out
    assert "timer_a=8s (6s)" in text and "block received: bad check" in text and "Use parity" not in text
    assert "target" in text and lab.app_path in text
    counters = lab.json("stats", "chem")["counters"]
    assert counters["nak_check"] == 1 and counters["rx_messages"] == len(app.requests)
    assert lab.status()["params"]["timer_a"] == "8s"

    order = stage.path("order.hl7")
    order.write_bytes(hl7("O1", 200))
    sender = stage.start([BIN / "llpctl", "--control", stage.run_dir / "llpd.control", "send", "chem", order, "--json"])
    assert lab.station.receive() == hl7("O1", 200)
    said = json.loads(sender.finish().out)
    assert said["delivered"] is True and said["name"] == "chem" and said["length"] == 200
    assert lab.json("list")[0]["tx_messages"] == 1
    gone = lab.ctl("show", "chme", status=69)
    assert "did you mean 'chem'" in gone.err


def test_results_are_json(stage):
    """What each verb prints as its result for programs can be read by them."""
    lab = Lab(stage, f'spool = {{ dir = "{stage.path("spool")}" }}')
    App(stage, reply_to, path=lab.app_path)
    assert lab.station.send(hl7("J1", 300))
    port = str(lab.line.path)
    done = set()
    for words, status in ((["list"], 0), (["show", "chem"], 0), (["stats", "chem"], 0), (["status"], 0),
                          (["reload"], 0), (["spool", "list", "chem"], 0), (["spool", "retry", "chem"], 0),
                          (["spool", "drop", "chem", "--yes"], 0), (["doctor", "chem"], None), (["doctor", port], None),
                          (["top", "--once", "--interval", "0.05"], 0),
                          (["bind", "serial=7", "gas", "protocol=x328", "--dry-run"], 0),
                          (["capture", "chem", "-w", stage.path("a.pcapng"), "--for", "0.1"], 0),
                          (["capture", CAPTURE, "-w", stage.path("b.pcapng")], 0),
                          (["stop", "chem"], 0), (["start", "chem"], 0)):
        lab.json(*words, status=status)
        done.add(words[0])
    # monitor, send: above; replay, ladder: with captures; the kernel's own verbs: their unit tests.
    rest = {"set", "up", "down", "attach", "detach", "monitor", "send", "replay", "ladder", "unbind", "completion"}
    said = lab.ctl("--help").out.partition("Subcommands:\n")[2].partition("\n\n")[0]
    assert {row.split()[0] for row in said.splitlines() if row.startswith("  ") and row[2] != " "} == done | rest


def test_what_could_not_be_delivered(stage):
    """A letter is given up, looked at, tried again and delivered; another one is dropped. Its content is no log's."""
    lab = Lab(stage, f'spool = {{ dir = "{stage.path("spool")}", max_age = "50ms" }}', 'spool_retry_min = "20ms"',
              'spool_retry_max = "50ms"')
    first, second = hl7("A1", 300), hl7("A2", 5000)
    for message in (first, second):
        assert lab.station.send(message)
    until(lambda: lab.status()["spool"]["dead"] == 2, "two dead letters", program=lab.llpd)
    letters = lab.json("spool", "list", "chem")
    assert [(letter["place"], letter["bytes"]) for letter in letters] == [("dead", 300), ("dead", 5000)]
    one, two = (str(letter["id"]) for letter in letters)
    assert "it was not delivered within" in lab.ctl("spool", "list", "chem").out
    assert lab.ctl("spool", "show", "chem", two, "--content").out.encode("latin-1") == second
    lab.llpd.wait_for(rf"asks for spool-show 'chem' {two} with its content")
    assert "--yes" in lab.ctl("spool", "drop", "chem", two, status=64).err
    assert lab.json("spool", "drop", "chem", two, "--yes") == {"done": 1, "asked": 1}
    assert "there is no letter" in lab.ctl("spool", "show", "chem", two, status=69).err
    app = App(stage, reply_to, path=lab.app_path)
    lab.ctl("spool", "retry", "chem")
    assert app.wait(1, program=lab.llpd) == [first]
    until(lambda: lab.json("spool", "list", "chem") == [], "an empty spool", program=lab.llpd)
    assert one in lab.llpd.log and "MSH" not in lab.llpd.log


def test_doctor_on_a_terminal(stage):
    """Who else has the port, and what llpd says of the line; nothing more when both are over."""
    lab = Lab(stage)
    locks = ["--lock-dir", stage.lock_dir]  # not those of the machine, where other programs come and go
    us = f"({os.getpid()})"  # the cable's maker has the terminal open, too
    assert us in lab.ctl("doctor", "chem", *locks, status=1).out
    # Whoever leads a session and opens a terminal would be hung up with it.
    with open(lab.line.path, "rb", buffering=0, opener=lambda path, how: os.open(path, how | os.O_NOCTTY)) as port:
        other = stage.start(["sleep", "1000"], stdin=port, exit_status=None)
    said = lab.ctl("doctor", "chem", *locks, status=1)
    assert f"sleep ({other.pid})" in said.out and "error [port-held] chem" in said.out
    assert [f["id"] for f in lab.json("doctor", lab.line.path, *locks, status=1)] == ["port-held"]
    other.kill()
    assert "sleep" not in lab.ctl("doctor", "chem", *locks, status=1).out
    lab.ctl("stop", "chem")
    until(lambda: lab.status()["state"] == "stopped", "a line that stopped", program=lab.llpd)
    assert [f["id"] for f in lab.json("doctor", "chem", *locks, status=1)] == ["port-held", "line-waits"]
    lab.ctl("doctor", "chme", status=69)
    gone = stage.path("gone")
    assert f"{gone} is not there." in lab.ctl("doctor", gone, *locks, status=1).out
