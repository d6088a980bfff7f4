# SPDX-License-Identifier: BSD-3-Clause
"""Two llpsim processes at the ends of one line: whoever tests others must work itself."""

import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from support import PATIENCE
from support.content import hl7
from support.programs import BIN, free_port, listening, unix_listening, until

pytestmark = pytest.mark.user

PROTOCOLS = ("x328", "hllp", "mllp", "mllp2")
SCALED = ["--time-scale", "0.05"]


class Ends:
    """How the one that makes the line and the other name it."""

    def __init__(self, stage, kind):
        path, port = str(stage.path("line")), free_port()
        self.maker, self.other, self.there = {
            "pty": (f"pty:{path}", f"tty:{path},921600", lambda: stage.path("line").is_symlink()),
            "unix": (f"unix-listen:{path}", f"unix:{path}", lambda: unix_listening(path)),
            "tcp": (f"tcp-listen:127.0.0.1:{port}", f"tcp:127.0.0.1:{port}", lambda: listening(port)),
        }[kind]


def start_maker(stage, ends, protocol, *args):
    maker = stage.llpsim("--protocol", protocol, "--line", ends.maker, "--lock-dir", stage.lock_dir, *args)
    until(ends.there, "llpsim to make the line", program=maker)
    return maker


def other(stage, ends, protocol, *args, **how):
    return stage.llpsim("--protocol", protocol, "--line", ends.other, "--lock-dir", stage.lock_dir, *args, **how)


def files(stage, *sizes):
    """Messages and the files that hold them."""
    messages = [hl7(f"M{i}", size) for i, size in enumerate(sizes)]
    paths = [stage.path(f"message{i}.hl7") for i in range(len(messages))]
    for path, message in zip(paths, messages):
        path.write_bytes(message)
    return messages, paths


def stored(directory, kind):
    return [path.read_bytes() for path in sorted(directory.glob(f"*.{kind}"))]


@pytest.mark.core
@pytest.mark.parametrize("terminal", (True, False))
def test_progress(stage, terminal):
    """Of many messages: a counter on a terminal, and nothing into a file; of few, each by its name."""
    ends = Ends(stage, "unix")
    start_maker(stage, ends, "mllp", "ack")
    _, (path,) = files(stage, 200)
    for count in (21, 20):
        command = [BIN / "llpsim", "--protocol", "mllp", "--line", ends.other, "send", "--repeat", str(count),
                   "--unique-ids", path]
        if terminal:  # which script(1) gives
            command = ["script", "-qec", shlex.join(str(word) for word in command), "/dev/null"]
        sender = stage.start(command, stdin=subprocess.PIPE).finish()
        said = (sender.out if terminal else sender.err).decode()
        counted = "".join(f"\r{i + 1} of {count}" for i in range(count))
        assert (counted in said) == (terminal and count > 20), said
        assert (" of 2" in said) == (terminal and count > 20), said
        assert said.count("message0.hl7: ") == (count if count <= 20 else 0)


def test_stays(stage):
    """It answers after its last message as before, and ends with the status of what it sent."""
    ends = Ends(stage, "unix")
    _, paths = files(stage, 300, 400)
    got = stage.path("got")
    got.mkdir()
    maker = start_maker(stage, ends, "mllp", "--out", got, "send", "--also-serve", "ack", "--stay", paths[0])
    sender = other(stage, ends, "mllp", "send", "--also-serve", "ack", "--stay", paths[1])
    for program in (maker, sender):
        program.wait_for("^all sent$")
    assert maker.running() and sender.running()
    sender.stop()
    other(stage, ends, "mllp", "send", paths[1]).finish()
    maker.stop()
    assert len(stored(got, "msg")) + len(stored(got, "repeat")) == 2


@pytest.mark.core
@pytest.mark.parametrize("kind", ("pty", "unix", "tcp"))
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sends_and_answers(stage, protocol, kind):
    """Every message arrives as it was, every one is acknowledged by its number, once."""
    ends = Ends(stage, kind)
    got, replies = stage.path("got"), stage.path("replies")
    got.mkdir()
    replies.mkdir()
    messages, paths = files(stage, 100, 3000, 50_000)
    taker = start_maker(stage, ends, protocol, "--out", got, "--json", stage.path("taker.json"), "ack")
    sender = other(stage, ends, protocol, "--out", replies, "--json", stage.path("sender.json"), "send", *paths)
    sender.finish()
    taker.stop()
    assert stored(got, "msg") == messages
    for i, reply in enumerate(stored(replies, "reply")):
        assert b"\rMSA|AA|M%d\r" % i in reply
    sent = json.loads(stage.path("sender.json").read_text())
    took = json.loads(stage.path("taker.json").read_text())
    assert sent["messages"]["delivered"] == sent["messages"]["replies"] == 3
    assert took["messages"]["received"] == took["messages"]["answered"] == 3
    assert took["messages"]["repeats"] == 0
    assert [result["bytes"] for result in sent["results"]] == [len(m) for m in messages]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_send(stage, protocol):
    """Messages that cross on the line: each finds its reply."""
    ends = Ends(stage, "unix")
    _, paths = files(stage, 500)
    role = ["--role", "primary"] if protocol == "x328" else []
    a = start_maker(stage, ends, protocol, *SCALED, *role, "--json", stage.path("a.json"), "send", "--repeat", "400",
                    "--unique-ids", "--also-serve", "ack", *paths)
    b = other(stage, ends, protocol, *SCALED, "--json", stage.path("b.json"), "send", "--repeat", "50",
              "--unique-ids", "--also-serve", "ack", *paths, exit_status=None)
    # Whoever is done leaves; the other may lose what it was about to say.
    b.wait()
    a.send(signal.SIGTERM)
    a.expected_end = True
    a.wait()
    result = json.loads(stage.path("b.json").read_text())
    assert result["messages"]["delivered"] > 0
    assert result["messages"]["received"] > 0
    for one in result["results"]:
        assert one["good"], one


@pytest.mark.parametrize("protocol", ("x328", "hllp"))
def test_damaged_blocks_are_repaired(stage, protocol):
    """Damage in one block of ten, seen by the check: everything arrives whole and once, or is marked."""
    ends = Ends(stage, "unix")
    got = stage.path("got")
    got.mkdir()
    messages, paths = files(stage, 400, 2000, 9000)
    taker = start_maker(stage, ends, protocol, *SCALED, "--out", got, "--json", stage.path("taker.json"), "ack")
    sender = other(stage, ends, protocol, *SCALED, "--seed", "7", "--flip-block", "0.1", "--fault-dir", "out",
                   "--json", stage.path("sender.json"), "send", "--repeat", "10", "--retry-failed", "20", *paths)
    sender.finish()
    taker.stop()
    assert "seed: 7" in sender.err.decode()
    result = json.loads(stage.path("sender.json").read_text())
    assert result["faults"]["blocks"] > 0
    assert result["frames"]["again_out"] > 0
    assert result["messages"]["failed"] == 0
    assert set(stored(got, "msg") + stored(got, "repeat")) == set(messages)


@pytest.mark.parametrize("kind", ("pty", "unix"))
def test_ladder(stage, kind):
    """The conversation, a frame a line."""
    ends = Ends(stage, kind)
    _, paths = files(stage, 300)
    taker = start_maker(stage, ends, "x328", "serve", "--reply", "none")
    sender = other(stage, ends, "x328", "--expect", "none", "--ladder", "send", *paths)
    sender.finish()
    taker.stop()
    lines = sender.out.decode().splitlines()
    frames = []
    for line in lines:
        match = re.fullmatch(r"\d+\.\d{6} ([<>.]) (.+)", line)
        assert match, line
        if match[1] != ".":
            frames.append(f"{match[1]} {match[2]}")
    assert frames[0].startswith("> ") and "ENQ" in frames[1] + frames[0]
    blocks = [frame for frame in frames if frame.startswith("> block")]
    assert len(blocks) == 2 and blocks[-1].endswith("last")
    assert "EOT" in frames[-1]


def test_paced_line_takes_its_time(stage):
    """Two hundred characters at 2400 baud cannot be over in less than 0.8 s."""
    ends = Ends(stage, "unix")
    _, paths = files(stage, 200)
    taker = start_maker(stage, ends, "mllp2", "serve", "--reply", "none")
    sender = other(stage, ends, "mllp2", "--expect", "none", "--pace", "2400", "--ladder", "send", *paths)
    sender.finish()
    taker.stop()
    times = [float(line.split()[0]) for line in sender.out.decode().splitlines() if line.split()[1] in "<>"]
    assert times[-1] - times[0] >= 0.8


@pytest.mark.parametrize("args, status, says", [
    (["--protocol", "ymodem", "--line", "pty:-", "ack"], 64, "ymodem"),
    (["--protocol", "x328", "--line", "usb:1", "ack"], 64, "usb"),
    (["--protocol", "x328", "--line", "tty:/dev/no-such-port", "ack"], 66, "/dev/no-such-port"),
    (["--protocol", "x328", "--line", "pty:-", "send", "/no/such/file"], 66, "/no/such/file"),
    (["--protocol", "x328", "--line", "pty:-", "--set", "timer_a=never", "ack"], 64, "timer_a"),
    (["--protocol", "x328", "--line", "pty:-", "--flip", "2", "ack"], 64, "flip"),
    (["--protocol", "x328", "--line", "pty:-", "--peer", "nobody", "ack"], 64, "nobody"),
    (["--protocol", "x328", "ack"], 64, "--line"),
    (["--protocol", "x328", "--line", "pty:-"], 64, "send, serve or ack"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_said_in_one_line(stage, args, status, says):
    program = stage.llpsim(*args, exit_status=status)
    assert program.wait() == status
    text = program.err.decode()
    assert says in text
    assert text.startswith("llpsim: ") and text.count("\n") == 1


def test_failure_is_told(stage):
    """Nobody answers: exit status 1, and why."""
    ends = Ends(stage, "unix")
    _, paths = files(stage, 100)
    taker = start_maker(stage, ends, "x328", "serve", "--reply", "none")
    sender = other(stage, ends, "x328", *SCALED, "--set", "reply_timeout=2s", "--json", "-", "send", *paths, exit_status=1)
    assert sender.wait() == 1
    taker.stop()
    result = json.loads(sender.out)
    assert result["messages"]["failed"] == 1
    assert result["results"][0]["outcome"] == "delivered"
    assert "reply" in result["results"][0]["reply_error"]


def test_ends_with_its_summary(stage):
    taker = stage.llpsim("--protocol", "x328", "--line", "pty:-", "ack")
    taker.wait_for("line: /dev/pts/")
    taker.send(signal.SIGTERM)
    assert taker.wait() == 0
    assert "received 0" in taker.err.decode()


def test_told_to_end_before_its_line_is_up(stage):
    """SIGTERM while llpsim says its line's name, held up by a full pipe: an end like any other."""
    reader, writer = os.pipe()
    filled = os.write(writer, b"\n" * fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096))
    with subprocess.Popen([BIN / "llpsim", "--protocol", "x328", "--line", "pty:-", "ack"], env=stage.env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer) as llpsim:
        stage.cleanup(llpsim.kill)
        os.close(writer)
        caught = re.compile(r"^SigCgt:\s*(\w+)$", re.M)
        status = Path(f"/proc/{llpsim.pid}/status")
        until(lambda: int(caught.search(status.read_text())[1], 16) >> (signal.SIGTERM - 1) & 1, "a handler of SIGTERM")
        llpsim.send_signal(signal.SIGTERM)
        with open(reader, "rb") as said:
            text = said.read()[filled:].decode()
        assert llpsim.wait(PATIENCE) == 0, text
    assert "received 0" in text


def test_parameters_are_listed(stage):
    program = stage.llpsim("--protocol", "hllp", "--list-params")
    assert program.wait() == 0
    text = program.out.decode()
    for word in ("reply_timeout", "xor_scope", "vista-hllp", "60s"):
        assert word in text


def test_sending_waits_for_who_calls(stage):
    """It listens: nothing is tried before the other end is there."""
    _, paths = files(stage, 100, 200)
    sender = stage.llpsim("--protocol", "mllp2", "--line", "tcp-listen:127.0.0.1:0", "--json", "-", "send", *paths)
    where = sender.wait_for(r"^line: (.*)$").group(1).decode()
    sender.wait_for("^ready: ")
    taker = stage.llpsim("--protocol", "mllp2", "--line", f"tcp:{where}", "ack")
    sender.finish()
    taker.stop()
    result = json.loads(sender.out)
    assert result["messages"]["failed"] == 0 and [r["tries"] for r in result["results"]] == [1, 1], result


def test_sending_does_not_wait_for_ever(stage):
    _, paths = files(stage, 100)
    args = ["--protocol", "mllp2", "--line", "tcp-listen:127.0.0.1:0", "send", *paths]
    late = stage.llpsim(*args, "--connect-wait", "0.1", exit_status=69).finish()
    assert "nobody connected in time" in late.log
    ended = stage.llpsim(*args, exit_status=1)
    ended.wait_for("^ready: ")
    ended.stop()
