# SPDX-License-Identifier: BSD-3-Clause
"""Draws a conversation over three parties as a ladder of text.

The frames on the line come from llpsim (its --ladder-file), what happens
between llpdrv and the application as (time, name, size).
"""

WIDTH = 36
FOLD_AFTER = 6  # so many frames of a long run are shown at its start and its end


def _parse(frames):
    """(time, sent by the instrument, text) of each frame; timers and the like left out."""
    out = []
    for line in frames.splitlines():
        stamp, direction, text = line.split(" ", 2)
        if direction in "<>":
            out.append((float(stamp), direction == ">", text))
    return out


def _size(n):
    return f"{n:,} bytes"


def _arrow(text, to_right):
    body = f" {text} "[:WIDTH - 4]
    fill = "-" * (WIDTH - 3 - len(body))
    return f"{body}{fill}>" if to_right else f"<{fill}{body}"


def _fold(rows):
    """Of many blocks and their acknowledgements only the first and the last."""
    if len(rows) <= 3 * FOLD_AFTER:
        return rows
    hidden = rows[FOLD_AFTER:-FOLD_AFTER]
    blocks = sum(1 for r in hidden if "block" in r[2])
    note = (hidden[0][0], None, f"{blocks:,} blocks, {len(hidden) - blocks:,} answers")
    return [*rows[:FOLD_AFTER], note, *rows[-FOLD_AFTER:]]


_APPLICATION = {
    # name: (text, from llpdrv to the application)
    "accept": ("connect", True),
    "request": ("{size}, half-close", True),
    "reply": ("reply, {size}, half-close", False),
    "cancel": ("CAN", False),
    "reset": ("reset", True),
}
_CLIENT = {
    "connect": ("connect", True),
    "request": ("{size}", True),
    "half-close": ("half-close", True),
    "reply": ("reply, {size}, half-close", False),
}


def draw(frames, events, parties, instrument_first):
    """A ladder as lines of text; times are seconds since its first row."""
    rows = [(t, "line", None if sent is None else sent == instrument_first, text)
            for t, sent, text in _fold_runs(_parse(frames), events)]
    names = _APPLICATION if instrument_first else _CLIENT
    for t, name, size in events:
        if name in names:
            text, to_right = names[name]
            rows.append((t, "illp", to_right, text.format(size=_size(size))))
    rows.sort(key=lambda r: r[0])
    start = rows[0][0] if rows else 0
    left, middle, right = parties
    out = [f"{'':>8}  {left:<{WIDTH}}{middle:<{WIDTH}}{right}"]
    for t, where, to_right, text in rows:
        if to_right is None:
            columns = [f"   ... {text} ..."[:WIDTH - 1], ""]
        else:
            columns = [_arrow(text, to_right), ""]
        if (where == "line") != instrument_first:
            columns = ["", columns[0]]
        first, second = (c.ljust(WIDTH - 1) for c in columns)
        out.append(f"{t - start:7.3f}s  |{first}|{second}|")
    return "\n".join(line.rstrip() for line in out)


def _fold_runs(frames, events):
    """Folds each run of frames that no event of the application interrupts."""
    out, run = [], []
    times = sorted(t for t, _, _ in events)
    at = 0
    for frame in frames:
        while at < len(times) and times[at] < frame[0]:
            out += _fold(run)
            run = []
            at += 1
        run.append(frame)
    out += _fold(run)
    return out
