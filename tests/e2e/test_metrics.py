# SPDX-License-Identifier: BSD-3-Clause
"""What llpd tells Prometheus, judged by Prometheus's own tool; and the dashboard that shows it."""

import json
import re
import shutil
import subprocess
import urllib.request

import pytest

from support import ROOT, stations
from support.apps import App
from support.content import hl7, reply_to
from support.control import read_metrics
from support.lines import Line
from support.programs import free_port, listening, until

pytestmark = pytest.mark.user

DASHBOARD = ROOT / "docs" / "grafana" / "llpd.json"
PROMTOOL = shutil.which("promtool")


@pytest.fixture
def metrics(stage):
    """The text that llpd with a spool serves after a message, and when it has one line without a port."""
    line, app, port = Line(stage, "unix-listen"), App(stage, reply_to), free_port()
    config = stage.path("llpd.toml")
    config.write_text(f'''
runtime_dir = "{stage.run_dir}"
lock_dir = "{stage.lock_dir}"
metrics = "{port}"
[line.chem]
protocol = "x328"
port = "{line.toml}"
to = "{app.to}"
expect = "none"
spool = {{ dir = "{stage.path("spool")}" }}
[line."a-b.c"]
protocol = "mllp"
port = 'unix:{stage.path('a "quoted" name')}'
to = "{app.to}"
''')
    llpd = stage.llpd("--config", config)
    station = stations.station("x328", line.wire(llpd))
    assert station.send(hl7("A1", 300))
    app.wait(1, program=llpd)
    until(lambda: listening(port), "metrics", program=llpd)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return answer.read().decode()


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool (package prometheus)")
def test_prometheus_finds_nothing_wrong(metrics):
    def check(text):
        return subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True, capture_output=True, timeout=60)

    said = check(metrics)
    assert said.returncode == 0 and not said.stdout and not said.stderr, said.stdout + said.stderr
    assert check(metrics.replace("llp_proximal_ok_total", "llp_proximalOk")).returncode != 0, "it finds nothing at all"


def expressions(panel):
    return [target["expr"] for target in panel["targets"]]


def unit_of(expression):
    """The unit that a number has, by the rules for names of metrics."""
    inner = re.search(r"rate\((llp_\w+)", expression)
    if "histogram_quantile" in expression:
        assert inner and inner[1].endswith("_seconds_bucket"), expression
        return {"s"}
    if inner:
        assert inner[1].endswith("_total"), f"{expression}: a rate of what is no counter"
        return {"Bps"} if inner[1].endswith("_bytes_total") else {"cps"}
    name = re.match(r"llp_\w+", expression)[0]
    assert not name.endswith("_total"), f"{expression}: a counter without its rate"
    return {"bytes"} if name.endswith("_bytes") else {"short", "none"}


def test_the_dashboard_shows_what_there_is(metrics):
    names = {name for name, _ in read_metrics(metrics)}
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) and dashboard["uid"]
    for panel in panels:
        assert panel["title"] and panel["description"] and expressions(panel)
        for expression in expressions(panel):
            assert set(re.findall(r"\bllp_\w+", expression)) <= names, expression
            unit = panel["fieldConfig"]["defaults"]["unit"]
            assert unit in unit_of(expression), f"{panel['title']}: {expression} is not in {unit}"
    for variable in dashboard["templating"]["list"]:
        assert set(re.findall(r"\bllp_\w+", json.dumps(variable))) <= names
    shown = {name for panel in panels for e in expressions(panel) for name in re.findall(r"\bllp_\w+", e)}
    gauges = {name for name in re.findall(r"^# TYPE (\w+) gauge$", metrics, re.M)}
    assert gauges - shown == {"llp_line_state", "llp_line_connected"}, "a gauge that nobody sees"


def test_panels_lie_side_by_side():
    taken = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        g = panel["gridPos"]
        assert 0 <= g["x"] and g["x"] + g["w"] <= 24
        for cell in ((x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])):
            assert taken.setdefault(cell, panel["title"]) == panel["title"], f"{panel['title']} covers {taken[cell]}"


def test_expressions_are_promql(tmp_path):
    """Each of them as a rule, which promtool reads."""
    if PROMTOOL is None:
        pytest.skip("no promtool (package prometheus)")
    all_expressions = [e for panel in json.loads(DASHBOARD.read_text())["panels"] for e in expressions(panel)]
    rules = [{"record": f"r{i}", "expr": e.replace("$__rate_interval", "1m").replace("$line", ".*")}
             for i, e in enumerate(all_expressions)]
    file = tmp_path / "rules.yml"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    said = subprocess.run([PROMTOOL, "check", "rules", str(file)], text=True, capture_output=True, timeout=60)
    assert said.returncode == 0, said.stdout + said.stderr
