# SPDX-License-Identifier: BSD-3-Clause
"""llpctl capture and ladder at a working line, and Wireshark's view of what was recorded."""

import json
import os
import shutil
import stat
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from support import ROOT, stations
from support.apps import App
from support.content import hl7, reply_to
from support.lines import Line
from support.programs import BIN, until, unix_listening

pytestmark = [pytest.mark.user,
              pytest.mark.skipif(not (BIN / "llpctl").is_file(), reason=f"no llpctl in {BIN}")]

CAPTURES = ROOT / "tests" / "captures"
DISSECTOR = ROOT / "tools" / "wireshark" / "llp.lua"
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark")


def ctl(stage, *args, **how):
    return stage.start([BIN / "llpctl", "--control", stage.run_dir / "llpd.control", *args], name="llpctl", **how)


def served(stage, protocol="x328", kind="tcp-listen"):
    """llpd with one line, chem; its instrument's end, and the application."""
    app = App(stage, reply_to)
    line = Line(stage, kind, "chem").prepare()
    config = stage.path("llpd.toml")
    config.write_text(f"""runtime_dir = "{stage.run_dir}"
lock_dir = "{stage.lock_dir}"
[line.chem]
protocol = "{protocol}"
port = "{line.toml}"
to = "{app.to}"
""")
    llpd = stage.llpd("--config", config)
    until(lambda: unix_listening(stage.run_dir / "llpd.control"), "the control socket", program=llpd)
    return llpd, line, app


def tshark(file, *args):
    done = subprocess.run(["tshark", "-X", f"lua_script:{DISSECTOR}", "-r", file, *args], check=True,
                          capture_output=True, text=True, timeout=120)
    assert "Lua" not in done.stderr and "Lua Error" not in done.stdout, done.stderr + done.stdout
    return done.stdout


def frames(file):
    """(sent by this end, frame) as the dissector has them."""
    rows = tshark(file, "-T", "fields", "-e", "llp.out", "-e", "llp.frame", "-E", "aggregator=;").splitlines()
    return [(out in ("1", "True"), frame) for out, _, all_ in (row.partition("\t") for row in rows)
            for frame in all_.split(";") if frame]


def rungs(stage, file):
    """The same as ladders have them."""
    lines = ctl(stage, "--json", "ladder", file).finish().out.decode().splitlines()
    return [(row["out"], row["what"] + (": " + row["trouble"] if row["trouble"] else ""))
            for row in map(json.loads, lines) if "frame" in row]


@pytest.mark.core
def test_a_line_is_recorded(stage):
    """What passes is in the file with its direction; the ladder shows it as it happens."""
    llpd, line, _ = served(stage)
    file = stage.path("chem.pcapng")
    recording = ctl(stage, "capture", "chem", "-w", file)
    ladder = ctl(stage, "ladder", "chem")
    recording.wait_for("listening to chem, x328 on tcp listen")
    until(lambda: llpd.log.count("listens to line") == 2, "two listeners", program=llpd)
    station = stations.station("x328", line.wire(llpd))
    message = hl7("REC1", 700)
    assert station.send(message)
    assert station.receive() == reply_to(message)
    ladder.wait_for("EOT.*\n(.*\n)*.*EOT", stdout=True)
    for program in (recording, ladder):
        program.stop()
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    shown = ladder.out.decode()
    assert "|<" in shown and "block 1, " in shown and "ACK1" in shown
    assert all(len(row) <= 80 for row in shown.splitlines())
    assert "MSH" not in shown and "PID" not in shown
    seen = rungs(stage, file)
    texts = [what for _, what in seen]
    assert texts.count("ENQ") == 2 and texts.count("EOT") >= 2
    assert (False, "ENQ") in seen and (True, "ENQ") in seen and (True, "ACK0") in seen
    content = ctl(stage, "ladder", file, "--content").finish().out.decode()
    assert "REC1" in content.replace("\n", "")
    llpd.stop()


@pytest.mark.core
def test_a_recording_of_every_protocol_is_whole(stage):
    """Every byte of the message is in it once, also where llpctl is asked for text."""
    llpd, line, _ = served(stage, "mllp2", "unix-listen")
    file = stage.path("chem.capture")
    recording = ctl(stage, "capture", "chem", "-w", file)
    until(lambda: llpd.log.count("listens to line") == 1, "a listener", program=llpd)
    station = stations.station("mllp2", line.wire(llpd))
    message = hl7("REC2", 40_000)
    assert station.send(message)
    assert station.receive() == reply_to(message)
    recording.stop()
    text = file.read_text()
    assert text.startswith("llp-capture 1\n") and "set release=2" in text
    seen = rungs(stage, file)
    assert [what for out, what in seen if not out][0] == f"data block, {len(message)} bytes"
    assert (True, "commit ACK") in seen
    llpd.stop()


@pytest.mark.core
@pytest.mark.parametrize("protocol", ("mllp2", "x328"))
def test_a_recording_is_played_again(stage, protocol):
    """The instrument's side against the line, faster: the same answers come, and the application gets it again."""
    llpd, line, app = served(stage, protocol)
    file = stage.path("chem.pcapng")
    recording = ctl(stage, "capture", "chem", "-w", file)
    until(lambda: llpd.log.count("listens to line") == 1, "a listener", program=llpd)
    station = stations.station(protocol, line.wire(llpd))
    message = hl7("PLAY1", 700)
    assert station.send(message)
    assert station.receive() == reply_to(message)
    station.close()
    # Until the packet that says that the line is gone is in it.
    until(lambda: b"\x01\x03\x00" in file.read_bytes(), "all of it recorded", program=recording)
    recording.stop()
    how = ["--any-answer"] if protocol == "x328" else []
    played = ctl(stage, "--json", "replay", file, "--to", "chem", "--speed", "10", *how).finish()
    assert json.loads(played.out) == {"file": str(file), "to": "chem", "side": "right", "as_recorded": True}
    until(lambda: len(app.requests) == 2, "the message at the application again", program=llpd)
    assert app.requests == [message, message]
    llpd.stop()


@pytest.mark.core
def test_a_replay_tells_what_differs(stage):
    llpd, _, _ = served(stage, "mllp")
    text = stage.path("other.capture")
    text.write_text('llp-capture 1\nprotocol mllp\n\n+0.000 > VT "abc" FS CR\n+0.100 < VT "no" FS CR\n')
    program = ctl(stage, "replay", text, "--to", "chem", exit_status=1)
    program.finish()
    assert "line 5" in program.log and "the capture has" in program.log, program.report()
    program = ctl(stage, "replay", text, "--to", "haem", exit_status=69).finish()
    assert "haem" in program.log
    llpd.stop()


def test_what_cannot_be_recorded(stage):
    llpd, _, _ = served(stage)
    for args, status, word in ((("capture", "haem", "-w", "x"), 69, "haem"),
                               (("ladder", "./none.pcapng"), 66, "none.pcapng"),
                               (("ladder", str(DISSECTOR)), None, "llp-capture"),
                               (("capture", "chem", "-w", "/nowhere/x"), 66, "/nowhere/x")):
        program = ctl(stage, *args, exit_status=None)
        found = program.wait()
        assert found != 0 and (status is None or found == status), program.report()
        assert word in program.log, program.report()
        assert not stage.path("x").exists()
    llpd.stop()
    program = ctl(stage, "ladder", "chem", exit_status=None)
    assert program.wait() == 69 and "llpd" in program.log, program.report()


def picture(svg, png):
    """What librsvg draws: width, height and the number of colours in it."""
    subprocess.run(["rsvg-convert", "-f", "png", "-o", png, svg], check=True, timeout=60)
    import zlib  # noqa: PLC0415
    data = png.read_bytes()
    width, height = (int.from_bytes(data[at:at + 4], "big") for at in (16, 20))
    pixels, at = b"", 8
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            pixels += data[at + 8:at + 8 + size]
        at += 12 + size
    raw = zlib.decompress(pixels)
    return width, height, len(set(raw))


def test_a_picture_can_be_looked_at(stage):
    """Valid XML that needs nothing else, and that a browser's library draws."""
    svg = stage.path("ladder.svg")
    ctl(stage, "ladder", CAPTURES / "x328" / "nak_and_retransmission.capture", "--svg", "-o", svg).finish()
    root = ElementTree.parse(svg).getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = [t.text for t in root.iter(space + "text")]
    assert root.tag == space + "svg" and "ENQ" in texts and "block 1, 11 bytes, again" in texts
    assert "href" not in svg.read_text() and "@import" not in svg.read_text()
    if shutil.which("rsvg-convert"):
        width, height, values = picture(svg, stage.path("ladder.png"))
        assert width == int(root.get("width")) and height == int(root.get("height"))
        assert values > 20, "the picture is blank"


# Worked examples, whose stations use no option that changes how bytes are read.
EXAMPLES = ("x328/single_block", "x328/four_blocks", "x328/nak_and_retransmission", "x328/contention",
            "x328/number_wrap", "x328/reverse_interrupt", "x328/termination_interrupt", "x328/block_abort",
            "x328/lost_ack_block_sent_again", "x328/first_bid", "x328/empty_message", "hllp/request_and_response",
            "hllp/checksum_error", "hllp/duplicate_while_busy", "mllp/release1", "mllp/release2",
            "mllp/release2_nak", "mllp/junk_before_the_block", "mllp/cut_block")


def examples(stage):
    """All of them as one file of recordings, as mergecap could make one; each is a section."""
    merged = b""
    parts = []
    for name in EXAMPLES:
        part = stage.path(name.replace("/", "-") + ".pcapng")
        ctl(stage, "capture", CAPTURES / f"{name}.capture", "--end", "right", "-w", part).finish()
        parts.append(part)
        merged += part.read_bytes()
    whole = stage.path("all.pcapng")
    whole.write_bytes(merged)
    return whole, parts


@needs_tshark
def test_the_dissector_sees_what_the_engine_sees(stage):
    """Two decoders that have no line in common agree about every frame of the examples."""
    whole, parts = examples(stage)
    expected = [row for part in parts for row in rungs(stage, part)]
    assert len(expected) > 100
    assert frames(whole) == expected


@needs_tshark
def test_the_dissector_by_its_fields(stage):
    """Checks, refusals and repeats are fields and expert infos, and the text goes to the HL7 dissector."""
    whole, _ = examples(stage)

    experts = ("llp.nak", "llp.check", "llp.repeat", "llp.garbage", "llp.incomplete", "llp.abort")
    names = ("x328.bcc.good", "hllp.check.good", "x328.sequence", "mllp.type", "x328.blk", "llp.message", *experts)
    rows = [dict(zip(names, row.split("\t"))) for row in
            tshark(whole, "-T", "fields", *(word for name in names for word in ("-e", name))).splitlines()]

    def count(name, *values):
        return sum(row[name] in values for row in rows)

    assert count("x328.bcc.good", "0", "False") == 1 and count("x328.bcc.good", "1", "True") > 20
    assert count("hllp.check.good", "0", "False") == 1
    assert count("x328.sequence", "RINT") == 1 and count("mllp.type", "commit NAK") == 1
    for name in experts:
        assert any(row[name] for row in rows) and not all(row[name] for row in rows), name
    # Four blocks are one message.
    messages = [bytes.fromhex(row["llp.message"].replace(":", "")) for row in rows if row["x328.blk"] == "4"]
    assert any(m.count(b"\r") == 4 for m in messages), messages


@needs_tshark
def test_frames_over_packets(stage):
    """However the bytes were read, a frame is shown once, where it ends."""
    message = hl7("SPLIT", 300)
    block = b"\x0b" + message + b"\x1c\r"
    rows = "".join(f'+0.001 > {" ".join(f"0x{b:02X}" for b in block[at:at + 7])}\n' for at in range(0, len(block), 7))
    text = stage.path("split.capture")
    text.write_text("llp-capture 1\nprotocol mllp\n\n" + rows)
    file = stage.path("split.pcapng")
    ctl(stage, "capture", text, "-w", file).finish()
    assert frames(file) == [(True, f"data block, {len(message)} bytes")] == rungs(stage, file)
    fields = tshark(file, "-Y", "llp.message", "-T", "fields", "-e", "llp.message", "-e", "llp.packets",
                    "-e", "frame.number").split("\t")
    packets = (len(block) + 6) // 7
    assert bytes.fromhex(fields[0].replace(":", "")) == message
    assert int(fields[1]) == packets == int(fields[2])
    hl7_types = tshark(file, "-Y", "hl7", "-T", "fields", "-e", "hl7.message.type").split()
    assert hl7_types == [message.split(b"|")[8].split(b"^")[0].decode()]


@needs_tshark
def test_what_the_line_says_is_seen(stage):
    """Parity errors have a place and an expert info."""
    file = stage.path("parity.pcapng")
    ctl(stage, "capture", CAPTURES / "x328" / "parity_error.capture", "--end", "right", "-w", file).finish()
    marks = tshark(file, "-Y", "llp.line_error", "-T", "fields", "-e", "llp.mark", "-e", "llp.flag").split()
    assert len(marks) == 2 and marks[1] == "3"
    ladder = ctl(stage, "ladder", file).finish().out.decode()
    assert "1 parity error" in ladder
