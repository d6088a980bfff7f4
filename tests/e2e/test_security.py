# SPDX-License-Identifier: BSD-3-Clause
"""Who may call a port, and what the others cannot do."""

import socket
import urllib.request

import pytest

import illp
from support import PATIENCE
from support.content import hl7, reply_to
from support.control import read_metrics
from support.programs import free_port, listening, until
from support import stations
from test_reload import Laboratory, serve

pytestmark = pytest.mark.user

HERE, THERE = "127.0.0.1", "127.0.0.2"


def call_from(address, port, request=b""):
    """A connection from an address of this host's: what is read from it, None for a reset."""
    try:  # the reset may be there before connect() has returned
        with socket.create_connection((HERE, port), PATIENCE, source_address=(address, 0)) as s:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
            return illp.receive(s, PATIENCE)
    except (illp.Reset, OSError):
        return None


@pytest.mark.core
def test_who_may_call(stage):
    """dist, a listening line and the metrics; refused callers are counted and the log is not flooded."""
    lab = Laboratory(stage, dist=("mllp", "unix-listen"), port=("mllp", "tcp-listen"))
    metrics = free_port()
    lab.globals = f'metrics = "{metrics}"\nmetrics_allow = ["{HERE}"]\n'
    lab.extra["dist"] = f'allow = ["{HERE}/32", "2001:db8::/32"]\n'
    lab.extra["port"] = f'port_allow = "{HERE}"\n'
    lab.start()
    line_port = int(lab.table["port"][1].toml.split(":")[1].split("%")[0])
    stations_of = {name: lab.station(name) for name in ("dist", "port")}
    for name in ("dist", "port"):
        serve(lab, name, stations_of[name], "before")
    for _ in range(50):
        assert call_from(THERE, lab.ports["dist"], hl7("BAD", 300)) is None
        # The station has the line: a caller that is let in would take its place.
        assert call_from(THERE, line_port, b"\x0b" + hl7("BAD", 300) + b"\x1c\r") is None
        assert call_from(THERE, metrics, b"GET /metrics HTTP/1.1\r\n\r\n") is None
    for name in ("dist", "port"):
        serve(lab, name, stations_of[name], "after")
    with urllib.request.urlopen(f"http://{HERE}:{metrics}/metrics", timeout=PATIENCE) as answer:
        samples = read_metrics(answer.read().decode())
    assert samples["llp_peers_refused_total", (("line", "dist"),)] == 50
    assert samples["llp_peers_refused_total", (("line", "port"),)] == 50
    assert samples["llp_metrics_refused_total", ()] == 50
    # Once at first, and again only after ten seconds each; however slow the machine is, not each time.
    for words in ("allow does not have this address", "metrics_allow does not have this address"):
        assert 1 <= lab.llpd.log.count(words) < 150
    lab.llpd.stop()


def test_an_address_has_so_many_places(stage):
    """One host holds all that it may; another is served all the same."""
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    lab.extra["a"] = 'max_connections = 8\nmax_per_address = 3\ndrain_time = "20ms"\n'
    lab.start()
    station = lab.station("a")
    held = []
    for _ in range(30):
        s = socket.create_connection((HERE, lab.ports["a"]), PATIENCE, source_address=(THERE, 0))
        stage.cleanup(s.close)
        held.append(s)
    lab.llpd.wait_for("3 connections of this address are being served, at most 3 are allowed")
    for i in range(5):
        serve(lab, "a", station, f"m{i}")
    assert lab.llpd.log.count("connections are being served, at most 8") == 0
    lab.llpd.stop()


def test_a_request_takes_so_long_at_most(stage):
    """A byte now and then does not keep a place."""
    lab = Laboratory(stage, a=("mllp", "unix-listen"))
    lab.extra["a"] = 'request_timeout = "300ms"\nidle_timeout = "60s"\n'
    lab.start()
    station = lab.station("a")
    s = illp.connect(("127.0.0.1", lab.ports["a"]))
    stage.cleanup(s.close)

    def drip():
        try:
            s.send(b"x")
            return False
        except OSError:
            return True
    until(drip, "the end of a request that never ends", program=lab.llpd)
    lab.llpd.wait_for("refused: the request takes too long")
    serve(lab, "a", station, "m")
    lab.llpd.stop()


def test_check_names_the_place(stage):
    config = stage.path("wrong.toml")
    config.write_text('metrics_allow = "10.0.0.1/8"\n[line.a]\nport = "pty:-"\ndist = "5001"\n'
                      'allow = [\n  "192.0.2.0/24",\n  "lis.example",\n]\n')
    program = stage.llpd("--check", "--config", config, exit_status=None)
    assert program.wait() == 78
    assert f"{config}:1: metrics_allow: '10.0.0.1/8' has bits behind its prefix; the network is 10.0.0.0/8" in program.log
    assert f"{config}:7: line.a.allow: 'lis.example' is no network" in program.log
