# SPDX-License-Identifier: BSD-3-Clause
"""The audit log of llpd: a line of JSON for what became of each message, by its hash."""

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import urllib.request

import pytest

import illp
from support import PATIENCE, ROOT
from support.content import hl7, reply_to
from support.control import read_metrics
from support.programs import free_port, until
from test_reload import Laboratory, serve

pytestmark = pytest.mark.user


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def outcomes(path, count):
    """The first `count` records, as (line, direction, outcome)."""
    until(lambda: len(records(path)) >= count, f"{count} records in the audit log")
    assert len(records(path)) == count, records(path)
    return [(r["line"], r["direction"], r["outcome"]) for r in records(path)]


@pytest.mark.core
def test_each_transaction_has_a_line(stage):
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    audit = stage.path("audit.jsonl")
    lab.globals = f'audit_log = "{audit}"\naudit_message_id = true\n'
    lab.start()
    station = lab.station("a")
    message, request = hl7("IN", 300), hl7("OUT", 400)
    station.send(message)
    assert station.receive() == reply_to(message)
    call = lab.call("a", request)
    assert station.receive() == request
    station.send(reply_to(request))
    assert call.result() == reply_to(request)
    assert outcomes(audit, 2) == [("a", "proximal", "delivered"), ("a", "distal", "answered")]
    first, second = records(audit)
    for record, content in ((first, message), (second, request)):
        assert record["size"] == len(content)
        assert record["sha256"] == hashlib.sha256(content).hexdigest()
        assert record["reply_size"] == len(reply_to(content))
        assert record["id"] == content.split(b"|")[9].decode()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record["time"])
    assert first["peer"] == f"127.0.0.1:{lab.app.address[1]}"
    assert second["peer"].startswith("127.0.0.1:")
    assert stat.S_IMODE(audit.stat().st_mode) == 0o640
    # Nothing of the content.
    assert b"PID" not in audit.read_bytes()

    lab.app.stop()
    station.send(hl7("LOST", 300))
    assert outcomes(audit, 3)[-1] == ("a", "proximal", "failed")
    s = illp.connect(("127.0.0.1", lab.ports["a"]))
    s.sendall(hl7("GONE", 300))
    s.shutdown(1)
    assert station.receive() == hl7("GONE", 300)
    s.close()  # armed: a reset
    assert outcomes(audit, 4)[-1] == ("a", "distal", "client-gone")
    lab.llpd.stop()


def test_without_numbers_of_messages(stage):
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    audit = stage.path("audit.jsonl")
    lab.globals = f'audit_log = "{audit}"\n'
    lab.start()
    serve(lab, "a", lab.station("a"), "m")
    outcomes(audit, 2)
    assert all("id" not in record for record in records(audit))
    lab.llpd.stop()


def test_from_the_spool(stage):
    """Stored, and later delivered: two lines."""
    lab = Laboratory(stage, a=("x328", "unix-listen"))
    audit = stage.path("audit.jsonl")
    lab.globals = f'audit_log = "{audit}"\naudit_message_id = true\n'
    lab.extra["a"] = f'commit = "spooled"\nspool_dir = "{stage.path("spool")}"\n'
    stage.path("spool").mkdir(mode=0o700)
    lab.start()
    station = lab.station("a")
    message = hl7("SPOOL", 300)
    assert station.send(message)
    assert station.receive() == reply_to(message)
    assert outcomes(audit, 2) == [("a", "proximal", "stored"), ("a", "proximal", "delivered")]
    assert len({(r["sha256"], r["size"], r["id"]) for r in records(audit)}) == 1
    lab.llpd.stop()


def rotate(lab, audit, number):
    audit.rename(audit.with_suffix(f".{number}"))
    lab.llpd.send(signal.SIGHUP)


def test_rotated(stage):
    """SIGHUP opens a new file; no record is lost or doubled."""
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    audit = stage.path("audit.jsonl")
    lab.globals = f'audit_log = "{audit}"\n'
    lab.start()
    station = lab.station("a")
    for i in range(6):
        serve(lab, "a", station, f"m{i}")
        outcomes(audit, 2 + 2 * (i % 2))
        if i % 2:
            rotate(lab, audit, i)
            until(lambda i=i: lab.llpd.log.count("configuration applied") == (i + 1) // 2, "the reload")
    assert sum(len(records(path)) for path in stage.dir.glob("audit*")) == 12
    lab.llpd.stop()


def test_a_disk_that_takes_nothing(stage):
    """Lines go on; it is said once, and counted; and it goes on when the disk does."""
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    place, port = stage.path("logs"), free_port()
    place.mkdir()
    audit = place / "audit.jsonl"
    lab.globals = f'audit_log = "{audit}"\nmetrics = "{port}"\n'
    lab.start()
    station = lab.station("a")
    serve(lab, "a", station, "before")
    outcomes(audit, 2)
    shutil.rmtree(place)
    lab.llpd.send(signal.SIGHUP)
    lab.llpd.wait_for("configuration applied")
    for i in range(5):
        serve(lab, "a", station, f"m{i}")

    def lost():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
            return read_metrics(answer.read().decode())["llp_audit_lost_total", ()]
    until(lambda: lost() == 10, "ten lost records", program=lab.llpd)
    assert lab.llpd.log.count("the audit log cannot be written, records are lost") == 1
    place.mkdir()
    serve(lab, "a", station, "after")
    assert outcomes(audit, 2) == [("a", "proximal", "delivered"), ("a", "distal", "answered")]
    lab.llpd.wait_for("the audit log is written again; 10 records are lost")
    lab.llpd.stop()


def test_it_must_be_possible_at_the_start(stage):
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    lab.globals = f'audit_log = "{stage.path("nowhere")}/audit.jsonl"\n'
    lab.write()
    program = stage.llpd("--config", lab.config, exit_status=None)
    assert program.wait() != 0
    assert "audit_log: " in program.log and "No such file" in program.log


@pytest.mark.skipif(not shutil.which("logrotate"), reason="no logrotate")
def test_the_example_for_logrotate(tmp_path):
    text = (ROOT / "udev/llp.logrotate").read_text().replace("su llp llp", "").replace("llp llp", "root root")
    (tmp_path / "conf").write_text(text.replace("/var/log/llp", str(tmp_path)))
    said = subprocess.run(["logrotate", "-d", "-s", tmp_path / "state", tmp_path / "conf"], capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert said.returncode == 0 and "error" not in said.stderr, said.stderr


def test_no_core_dumps(stage):
    """Messages would be in them."""
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    lab.start()
    limits = open(f"/proc/{lab.llpd.pid}/limits", encoding="ascii").read() if os.geteuid() == 0 else None
    if limits is not None:
        assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M), limits
    # The files of a process that must not be dumped belong to root, whoever runs it.
    assert os.stat(f"/proc/{lab.llpd.pid}/limits").st_uid == 0
    serve(lab, "a", lab.station("a"), "m")
    lab.llpd.stop()
