# SPDX-License-Identifier: BSD-3-Clause
"""llpd's control socket, and a strict reader of its metrics."""

import json
import re
import socket

from . import PATIENCE


class Control:
    """A connection: one request out, its answer in; events are kept for `event()`."""

    def __init__(self, stage):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(stage.run_dir / "llpd.control"))
        stage.cleanup(self._socket.close)
        self._file = self._socket.makefile("rw", encoding="utf-8", newline="\n")
        self._events = []
        self.greeting = self._line()

    def _line(self):
        text = self._file.readline()
        assert text.endswith("\n"), "the daemon closed the connection"
        return json.loads(text)

    def ask(self, op, **more):
        self._file.write(json.dumps({"op": op, "id": 7, **more}) + "\n")
        self._file.flush()
        while "event" in (answer := self._line()):
            self._events.append(answer)
        assert answer.pop("id") == 7
        return answer

    def raw(self, text):
        self._file.write(text)
        self._file.flush()
        return self._line()

    def event(self, **wanted):
        """The next event that has these values."""
        while True:
            event = self._events.pop(0) if self._events else self._line()
            if "event" in event and all(event.get(key) == value for key, value in wanted.items()):
                return event

    def line(self, name):
        answer = self.ask("status", line=name)
        assert answer["ok"], answer
        return answer["lines"][0]


_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABELS = r'(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABELS})\}})? ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf|NaN))")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')


def read_metrics(text):
    """{(name, ((label, value), ...)): number} of text in the exposition format, or an assertion says what is wrong.

    Beyond the grammar: each family is in one piece with HELP and TYPE before it, no sample comes
    twice, counters end in _total, buckets grow up to +Inf, which is the count.
    """
    assert text.endswith("\n")
    samples, types, helps, family, closed = {}, {}, set(), None, set()
    for line in text.splitlines():
        if line.startswith("# "):
            match = re.fullmatch(rf"# (HELP|TYPE) ({_NAME}) (.+)", line)
            assert match, line
            kind, name, rest = match.groups()
            if name != family:
                assert name not in closed, f"{name} is in two pieces"
                closed.add(family)
                family = name
            if kind == "HELP":
                assert name not in helps, line
                helps.add(name)
            else:
                assert rest in ("counter", "gauge", "histogram") and name not in types and name in helps, line
                types[name] = rest
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        name, labels, number = match.groups()
        base = name
        if types.get(family) == "histogram":
            base = re.sub("_(bucket|sum|count)$", "", name)
            assert base != name, line
        assert base == family, f"{line} stands under {family}"
        assert types[family] != "counter" or name.endswith("_total"), line
        key = (name, tuple(_LABEL.findall(labels or "")))
        assert len(dict(key[1])) == len(key[1]) and key not in samples, line
        samples[key] = float(number)
    _check_histograms(samples, types)
    return samples


def _check_histograms(samples, types):
    series = {}
    for (name, labels), number in samples.items():
        base = name.removesuffix("_bucket")
        if types.get(base) == "histogram" and base != name:
            plain = dict(labels)
            bound = float(plain.pop("le"))
            series.setdefault((base, tuple(plain.items())), []).append((bound, number))
    assert all(kind != "histogram" or any(base == name for base, _ in series) for name, kind in types.items())
    for (base, labels), buckets in series.items():
        assert buckets == sorted(buckets) and [n for _, n in buckets] == sorted(n for _, n in buckets), base
        assert buckets[-1] == (float("inf"), samples[(base + "_count", labels)])
        assert (base + "_sum", labels) in samples
