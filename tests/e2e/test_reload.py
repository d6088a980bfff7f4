# SPDX-License-Identifier: BSD-3-Clause
"""llpd takes a changed configuration while it runs; the control socket and the metrics say how it is."""

import os
import signal
import socket
import urllib.request

import pytest

from support import stations
from support.apps import App, Call
from support.content import hl7, reply_to
from support.control import Control, read_metrics
from support.lines import Line
from support.programs import free_port, listening, until

pytestmark = pytest.mark.user


class Laboratory:
    """llpd with lines that a test changes: {name: (protocol, kind)}."""

    def __init__(self, stage, **lines):
        self.stage = stage
        self.table, self.ports, self.extra, self.globals = {}, {}, {}, ""
        self.app = App(stage, reply_to)
        for name, (protocol, kind) in lines.items():
            self.add(name, protocol, kind)
        self.config = stage.path("llpd.toml")
        self.llpd = None

    def add(self, name, protocol, kind):
        self.table[name] = (protocol, Line(self.stage, kind, name).prepare())
        self.ports[name] = free_port()

    def write(self):
        text = f'runtime_dir = "{self.stage.run_dir}"\nlock_dir = "{self.stage.lock_dir}"\n{self.globals}'
        for name, (protocol, line) in self.table.items():
            text += (f'[line.{name}]\nprotocol = "{protocol}"\nport = "{line.toml}"\nto = "{self.app.to}"\n'
                     f'dist = "{self.ports[name]}"\nserve_at_once = true\n{self.extra.get(name, "")}')
        self.config.write_text(text)

    def start(self, **how):
        self.write()
        self.llpd = self.stage.llpd("--config", self.config, **how)
        for name in self.table:
            self.wait(name)
        return self

    def wait(self, name):
        until(lambda: listening(self.ports[name]), f"dist of {name}", program=self.llpd)

    def station(self, name):
        protocol, line = self.table[name]
        return stations.station(protocol, line.wire(self.llpd))

    def call(self, name, request):
        return Call(("127.0.0.1", self.ports[name]), request)


def serve(laboratory, name, station, tag):
    """One transaction each way."""
    message, request = hl7(f"{tag}-in", 300), hl7(f"{tag}-out", 300)
    assert station.send(message)
    assert station.receive() == reply_to(message)
    call = laboratory.call(name, request)
    assert station.receive() == request
    assert station.send(reply_to(request))
    assert call.result() == reply_to(request)


@pytest.mark.core
def test_untouched_lines_never_notice(stage):
    """A request is on the wire of one line while another is changed, one goes and one comes."""
    lab = Laboratory(stage, stays=("mllp", "unix-listen"), changes=("mllp", "unix-listen"),
                     goes=("hllp", "unix-listen")).start()
    stays, changes, goes = (lab.station(name) for name in ("stays", "changes", "goes"))
    serve(lab, "changes", changes, "before")
    request = hl7("in-flight", 500)
    call = lab.call("stays", request)
    assert stays.receive() == request
    del lab.table["goes"]
    lab.add("comes", "mllp2", "tcp-listen")
    lab.extra["changes"] = "max_queue = 7\n"
    lab.write()
    control = Control(stage)
    lab.llpd.send(signal.SIGHUP)
    lab.llpd.wait_for(r"configuration applied: 1 lines as before, 1 changed, 1 new, 1 gone")
    until(lambda: not listening(lab.ports["goes"]), "dist of the line that went to close", program=lab.llpd)
    lab.wait("comes")
    lab.wait("changes")
    # The reply to what was asked before comes after all that.
    assert stays.send(reply_to(request))
    assert call.result() == reply_to(request)
    for name, tag in (("stays", "a"), ("changes", "b"), ("comes", "c")):
        station = stays if name == "stays" else lab.station(name)
        serve(lab, name, station, tag)
    assert [line["name"] for line in control.ask("status")["lines"]] == ["changes", "stays", "comes"]
    assert control.line("stays")["counters"]["distal_ok"] == 2
    assert control.line("changes")["counters"]["distal_ok"] == 1, "a changed line begins anew"
    assert goes is not None
    lab.llpd.stop()


def test_a_bad_file_changes_nothing(stage):
    lab = Laboratory(stage, a=("mllp", "unix-listen")).start()
    station = lab.station("a")
    good = lab.config.read_text()
    lab.config.write_text(good + "colour = 1\n[line.b]\nport = \"pty:-\"\nto = \"70000\"\n")
    lab.llpd.send(signal.SIGHUP)
    lab.llpd.wait_for("the configuration was not changed")
    assert "llpd.toml:" in lab.llpd.log and "colour" in lab.llpd.log and "70000" in lab.llpd.log
    serve(lab, "a", station, "after")
    answer = Control(stage).ask("reload")
    assert not answer["ok"] and len(answer["errors"]) == 2, answer
    lab.config.write_text(good)
    assert Control(stage).ask("reload") == {"ok": True}
    serve(lab, "a", station, "again")
    lab.llpd.stop()


@pytest.mark.core
def test_the_last_line_goes_and_another_comes(stage):
    """As after `llpctl unbind` of the last one, which waits for its port, and `llpctl bind`."""
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    place = stage.path("etc")
    place.mkdir()
    lab.config = place / "a.toml"

    def bind():
        lab.write()
        settings, line = lab.config.read_text().split("[line.a]")
        (place / "llpd.toml").write_text(settings)
        lab.config.write_text("[line.a]" + line)
    bind()
    waits = place / "waits.toml"
    waits.write_text(f'[line.waits]\nport = "tty:{stage.path("unplugged")}"\nprotocol = "x328"\nto = "{lab.app.to}"\n')
    lab.llpd = stage.llpd("--config", place)
    lab.wait("a")
    control = Control(stage)
    lab.config.unlink()
    assert control.ask("reload") == {"ok": True}
    until(lambda: [line["name"] for line in control.ask("status")["lines"]] == ["waits"], "the other to remain")
    # Lines went with their files; a file that lost its text is an accident.
    waits.write_text("")
    assert "is empty" in control.ask("reload")["errors"][0]
    assert list(control.ask("health")["lines"]) == ["waits"]
    waits.unlink()
    lab.llpd.send(signal.SIGHUP)
    lab.llpd.wait_for("waits: no longer served")
    assert "no line is configured: waiting for one" in lab.llpd.log
    assert control.ask("status")["lines"] == []
    bind()
    assert control.ask("reload") == {"ok": True}
    lab.wait("a")
    serve(lab, "a", lab.station("a"), "again")
    lab.llpd.stop()


def test_without_a_line_it_ends_when_told(stage):
    """Settings alone, as after a restart; a directory without any file is rather the wrong one."""
    place = stage.path("etc")
    place.mkdir()
    wrong = stage.llpd("--config", place, exit_status=None)
    wrong.finish()
    assert "has no file *.toml" in wrong.log
    (place / "llpd.toml").write_text(f'runtime_dir = "{stage.run_dir}"\n')
    stage.llpd("--check", "--config", place).finish()
    llpd = stage.llpd("--config", place)
    llpd.wait_for("no line is configured: waiting for one")
    until(lambda: (stage.run_dir / "llpd.control").exists(), "the control socket", program=llpd)
    assert Control(stage).ask("status")["lines"] == []
    llpd.stop()


@pytest.mark.core
def test_ports_change_hands(stage):
    """Two lines swap their addresses: each gets the other's when that was left."""
    lab = Laboratory(stage, a=("mllp", "unix-listen"), b=("mllp", "unix-listen")).start()
    lab.table["a"], lab.table["b"] = lab.table["b"], lab.table["a"]
    lab.ports["a"], lab.ports["b"] = lab.ports["b"], lab.ports["a"]
    lab.write()
    assert Control(stage).ask("reload") == {"ok": True}
    for name in ("a", "b"):
        lab.wait(name)
        serve(lab, name, lab.station(name), name)
    assert "trying again" not in lab.llpd.log
    lab.llpd.stop()


def test_systemd_is_told(stage):
    """Readiness, the lines in words, the reload with its time, and the watchdog."""
    path = stage.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(60)

        def heard(what):
            while True:
                text = manager.recv(4096).decode()
                if text.startswith(what):
                    return text

        lab = Laboratory(stage, a=("mllp", "unix-listen"))
        lab.start(env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"})
        heard("READY=1")
        for _ in range(3):
            heard("WATCHDOG=1")
        station = lab.station("a")
        assert heard("STATUS=1 line: 1 good")
        lab.llpd.send(signal.SIGHUP)
        assert heard("RELOADING=1").splitlines()[1].split("=")[0] == "MONOTONIC_USEC"
        heard("READY=1")
        station.close()
        assert heard("STATUS=1 line: 0 good, 1 waiting (a: nobody has connected)")
        lab.llpd.stop()
        heard("STOPPING=1")


@pytest.mark.core
def test_control(stage):
    """Status, health, stop and start, events; what is no request is said so."""
    lab = Laboratory(stage, a=("mllp", "unix-listen"), b=("hllp", "unix-listen")).start()
    control, watcher = Control(stage), Control(stage)
    assert control.greeting["llpd"] and control.greeting["protocol"] == 1
    assert os.stat(stage.run_dir / "llpd.control").st_mode & 0o777 == 0o660
    assert watcher.ask("subscribe", line="a") == {"ok": True}
    assert control.ask("health")["health"] == "waiting"
    station = lab.station("a")
    watcher.event(event="line", name="a", connected=True, health="good")
    serve(lab, "a", station, "x")
    status = control.line("a")
    assert status["state"] == "running" and status["health"] == "good" and status["protocol"] == "mllp"
    assert status["counters"]["proximal_ok"] == status["counters"]["distal_ok"] == 1
    assert status["times"]["proximal"]["count"] == status["times"]["distal"]["count"] == 1
    assert status["targets"][0]["present"] and status["targets"][0]["failures"] == 0
    assert control.ask("stop", line="a") == {"ok": True}
    watcher.event(event="line", name="a", state="stopped")
    assert control.line("a")["state"] == "stopped" and not listening(lab.ports["a"])
    assert control.line("b")["state"] == "running"
    assert control.ask("start", line="a") == {"ok": True}
    lab.wait("a")
    serve(lab, "a", lab.station("a"), "y")
    assert "there is no line 'c'" in control.ask("stop", line="c")["error"]
    assert "did you mean 'status'" in control.ask("statsu")["error"]
    for nonsense in ("{\n", "[]\n", "\n", '{"op": "status", "line": 1}\n'):
        answer = control.raw(nonsense)
        assert answer["ok"] is False and answer["error"], answer
    lab.llpd.stop()


@pytest.mark.core
def test_a_flood_ends_the_connection_only(stage):
    lab = Laboratory(stage, a=("mllp", "unix-listen")).start()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(stage.run_dir / "llpd.control"))
        s.settimeout(60)
        try:
            s.sendall(b"x" * 100_000)
            while s.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert Control(stage).ask("health")["ok"]
    lab.llpd.stop()


def test_metrics(stage):
    lab = Laboratory(stage, a=("x328", "unix-listen"), b=("mllp", "unix-listen"))
    port = free_port()
    lab.globals = f'metrics = "{port}"\n'
    lab.start()
    serve(lab, "a", lab.station("a"), "m")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        samples = read_metrics(answer.read().decode())
    a, b = ("line", "a"), ("line", "b")
    assert samples["llp_proximal_ok_total", (a,)] == samples["llp_distal_ok_total", (a,)] == 1
    assert samples["llp_line_connected", (a,)] == 1 and samples["llp_line_connected", (b,)] == 0
    assert samples["llp_line_state", (a, ("state", "running"))] == 1
    assert samples["llp_transaction_seconds_count", (a, ("direction", "proximal"))] == 1
    assert samples["llp_transaction_seconds_count", (b, ("direction", "distal"))] == 0
    assert samples["llp_target_up", (a, ("target", f"127.0.0.1:{lab.app.address[1]}"))] == 1
    for path, status in (("/", 404), ("/metrics?x=1", 200)):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                assert answer.status == status
        except urllib.error.HTTPError as e:
            assert e.code == status
    lab.llpd.stop()
