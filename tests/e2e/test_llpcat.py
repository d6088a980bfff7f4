# SPDX-License-Identifier: BSD-3-Clause
"""llpcat against llpdrv, llpsim and itself; its words and exit statuses."""

import os
import pty
import re
import socket
import subprocess
import threading
import time

import pytest

from support import PATIENCE, ROOT
from support.bridge import Bridge
from support.content import hl7, reply_to
from support.programs import BIN, free_port, listening, until

pytestmark = [pytest.mark.user,
              pytest.mark.skipif(not (BIN / "llpcat").is_file(), reason=f"no llpcat in {BIN}")]

LINES = ("x328", "hllp", "mllp", "mllp2")
REFUSED, TIMEOUT, BROKEN, NEGATIVE, USAGE, DATA, NO_INPUT, UNAVAILABLE, CANNOT_CREATE, IN_USE, NO_PERMISSION = \
    1, 2, 3, 4, 64, 65, 66, 69, 73, 75, 77
PATIENT = ["--timeout", f"{PATIENCE:g}s"]


def cat(stage, *args, patient=True, **how):
    return stage.start([BIN / "llpcat", *(PATIENT if patient else []), "--lock-dir", stage.lock_dir, *args],
                       name="llpcat", **how)


def server(stage, *args, **how):
    """An llpcat that listens, and where."""
    program = cat(stage, "-l", *args, **how)
    where = program.wait_for(r"^listening: (.*)$").group(1).decode()
    return program, where


def message_file(stage, content=None, name="message.hl7"):
    path = stage.path(name)
    path.write_bytes(hl7("M1", 300) if content is None else content)
    return path


def plain_peer(stage, talk):
    """A socket that holds one conversation; returns its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    stage.cleanup(lambda: (listener.close(), thread.join(PATIENCE)))
    return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.core
@pytest.mark.parametrize("protocol", ("illp", "mllp", "mllp2", "hllp"))
def test_itself_over_tcp(stage, protocol):
    listener, where = server(stage, f"--{protocol}", "127.0.0.1:0", "--ack", "--out", stage.dir, "-n", "2")
    content = hl7("M1", 20000)
    sender = cat(stage, f"--{protocol}", where, message_file(stage, content), "-n", "2").finish()
    listener.finish()
    assert sender.out.count(b"\rMSA|AA|M1\r") == 2, sender.report()
    assert stage.path("000001.msg").read_bytes() == stage.path("000002.msg").read_bytes() == content


@pytest.mark.parametrize("protocol", ("illp", *LINES))
def test_itself_over_unix(stage, protocol):
    address = f"unix:{stage.path('s')}"
    listener, _ = server(stage, f"--{protocol}", address, "--ack", "-n", "1")
    content = hl7("M1", 1000)
    sender = cat(stage, f"--{protocol}", address, stdin=open(message_file(stage, content), "rb")).finish()
    listener.finish()
    assert b"\rMSA|AA|M1\r" in sender.out and listener.out == content


@pytest.mark.parametrize("protocol", LINES)
def test_itself_over_a_terminal(stage, protocol):
    path = stage.path("line")
    # It stays to the end: what a terminal that goes away still held is gone with it.
    listener, _ = server(stage, f"--{protocol}", f"pty:{path}", "--ack")
    sender = cat(stage, f"--{protocol}", f"{path},115200", message_file(stage)).finish()
    listener.stop()
    assert b"\rMSA|AA|M1\r" in sender.out


@pytest.mark.parametrize("protocol", LINES)
def test_llpsim_answers(stage, protocol):
    sim = stage.llpsim("--protocol", protocol, "--line", "tcp-listen:127.0.0.1:0", "ack", "--count", "1")
    where = sim.wait_for(r"^line: (.*)$").group(1).decode()
    sim.wait_for("^ready: ")
    assert b"\rMSA|AA|M1\r" in cat(stage, f"--{protocol}", where, message_file(stage)).finish().out


@pytest.mark.parametrize("protocol", LINES)
def test_llpsim_asks(stage, protocol):
    listener, where = server(stage, f"--{protocol}", "127.0.0.1:0", "--ack", "-n", "1")
    content = hl7("M1", 500)
    stage.llpsim("--protocol", protocol, "--line", f"tcp:{where}", "send", message_file(stage, content)).finish()
    assert listener.finish().out == content


@pytest.mark.core
def test_through_llpdrv(stage):
    """llpcat is the instrument (MLLP) and the application (ILLP) at once."""
    application, to = server(stage, "127.0.0.1:0", "--ack", "-n", "1")
    line = free_port()
    drv = stage.llpdrv("-m", "-i", str(line), "-i", to.rsplit(":", 1)[1], "-i", "-")
    until(lambda: listening(line), "llpdrv to listen", program=drv)
    assert b"\rMSA|AA|M1\r" in cat(stage, "--mllp", f"127.0.0.1:{line}", message_file(stage)).finish().out
    assert application.finish().out == hl7("M1", 300)


@pytest.mark.parametrize("protocol", LINES)
def test_an_application_reaches_the_instrument(stage, protocol):
    """ILLP to llpdrv's dist port; the instrument is a station of the tests' own."""
    bridge = Bridge(stage, protocol, "pty")
    station = bridge.station
    program = cat(stage, f"127.0.0.1:{bridge.dist_port}", message_file(stage))
    request = station.receive()
    assert request == hl7("M1", 300)
    assert station.send(reply_to(request))
    assert b"MSA|AA|M1" in program.finish().out


def test_lost_bytes(stage):
    where = plain_peer(stage, lambda c: (c.recv(4096), c.sendall(b"GAR\x0bMSH|^~\\&|x\rMSA|AA|1\r\x1c\r"),
                                         c.shutdown(socket.SHUT_WR), c.recv(1)))
    program = cat(stage, "--mllp", "--lost", where, message_file(stage)).finish()
    assert program.log.splitlines() == ["lost: 3 bytes: 'GAR'"], program.report()
    listener, where = server(stage, "--mllp", "--lost", "127.0.0.1:0", "-n", "1")
    host, port = where.split(":")
    with socket.create_connection((host, int(port))) as s:
        s.sendall(b"no\x0bMSH|x\r\x1c\r")
        listener.finish()
    assert "lost: 2 bytes: 'no'" in listener.log


def test_many_messages_of_one_text_file(stage):
    listener, where = server(stage, "--mllp", "127.0.0.1:0", "--out", stage.dir, "-n", "6")
    text = message_file(stage, b"MSH|^~\\&|1\nPID|1\n\nMSH|^~\\&|2\r\nPID|2\r\n", "day.txt")
    cat(stage, "--mllp", "--no-reply", "--split", "--text", "--rate", "200", "-n", "3", where, text).finish()
    listener.finish()
    assert [p.read_bytes() for p in sorted(stage.dir.glob("*.msg"))] == \
        [b"MSH|^~\\&|1\rPID|1\r", b"MSH|^~\\&|2\rPID|2\r"] * 3


def test_answers_by_command_and_from_a_file(stage):
    listener, where = server(stage, "127.0.0.1:0", "--exec", "tr a-z A-Z; exit $(test -e fail && echo 1 || echo 0)",
                             cwd=stage.dir)
    sender = cat(stage, where, message_file(stage, b"lower"))
    assert sender.finish().out == b"LOWER"
    stage.path("fail").touch()
    sender = cat(stage, where, message_file(stage, b"lower"), exit_status=REFUSED).finish()
    assert "CAN" in sender.log
    listener.stop()
    assert "--exec: ended with status 1" in listener.log
    answer = message_file(stage, b"MSH|fixed\r", "answer")
    listener, where = server(stage, "--mllp", "127.0.0.1:0", "--reply", answer, "-n", "1")
    assert cat(stage, "--mllp", where, message_file(stage)).finish().out == b"MSH|fixed\r"


def test_progress_is_for_terminals(stage):
    listener, where = server(stage, "--mllp", "127.0.0.1:0", "--ack", "--out", stage.dir)
    ours, theirs = pty.openpty()
    command = [BIN / "llpcat", *PATIENT, "--mllp", where, message_file(stage), "-n", "25"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, env=stage.env, timeout=PATIENCE)
    os.close(theirs)
    shown = b""
    while part := read_terminal(ours):
        shown += part
    assert done.returncode == 0 and b"25 of 25" in shown, shown
    assert cat(stage, "--mllp", where, message_file(stage), "-n", "25").finish().err == b""
    assert listener.err.startswith(b"listening: ") and listener.err.count(b"\n") == 1


def test_progress_of_a_listener_and_quiet(stage):
    """How many were taken, while files are written; -q says nothing at all."""
    for quiet, expected in ((), b"30 messages"), (("-q",), b""):
        taken = stage.path(f"in{len(quiet)}")
        taken.mkdir()
        ours, theirs = pty.openpty()
        port = free_port()
        listener = subprocess.Popen([BIN / "llpcat", *quiet, "--mllp", "-l", f"127.0.0.1:{port}", "--ack", "--out", taken,
                                     "-n", "30"], stdout=subprocess.DEVNULL, stderr=theirs, env=stage.env)
        stage.cleanup(listener.kill)
        os.close(theirs)
        until(lambda: listening(port), "llpcat to listen")
        cat(stage, "--mllp", f"127.0.0.1:{port}", message_file(stage), "-n", "30").finish()
        shown = b""
        while part := read_terminal(ours):
            shown += part
        assert listener.wait(PATIENCE) == 0
        assert (expected in shown) if expected else shown == b"", shown
        assert len(list(taken.iterdir())) == 30


def test_rate_is_a_bound(stage):
    """Never faster than asked for; how much slower is the machine's affair."""
    came = []

    def talk(connection):
        while data := connection.recv(65536):
            came.extend([time.monotonic()] * data.count(b"\x1c\r"))

    where = plain_peer(stage, talk)
    began = time.monotonic()
    cat(stage, "--mllp", "--no-reply", "--rate", "20", "-n", "9", where, message_file(stage)).finish()
    until(lambda: len(came) == 9, "all messages")
    assert all(at - began >= i / 20 for i, at in enumerate(came)), came


def test_out_leaves_what_is_there(stage):
    """Numbers go on from what is there; replies and messages have names of their own."""
    taken = stage.path("in")
    taken.mkdir()
    (taken / "000001.reply").write_bytes(b"old")
    (taken / "000003.reply").write_bytes(b"old")
    _, where = server(stage, "--mllp", "127.0.0.1:0", "--ack", "--out", taken)
    program = cat(stage, "--mllp", "--out", taken, "-n", "2", where, message_file(stage)).finish()
    assert program.out == b""
    assert sorted(p.name for p in taken.iterdir()) == \
        ["000001.msg", "000001.reply", "000002.msg", "000002.reply", "000003.reply", "000004.reply"]
    assert (taken / "000001.reply").read_bytes() == (taken / "000003.reply").read_bytes() == b"old"
    assert all(b"MSA|AA|M1" in (taken / f"00000{i}.reply").read_bytes() for i in (2, 4))


def test_a_known_peer(stage):
    """Its settings are on the wire; --set comes after them."""
    seen = []
    for args in ((), ("--peer", "vista-hllp"), ("--peer", "vista-hllp", "--set", "vv=21")):
        where = plain_peer(stage, lambda c: seen.append(c.recv(4096)[:4]))
        cat(stage, "--hllp", *args, where, message_file(stage), exit_status=BROKEN).finish()
    assert seen == [b"\x0bD23", b"\x0bD22", b"\x0bD21"]
    for protocol, peer in (("hllp", "nobody"), ("mllp", "vista-hllp")):
        program = cat(stage, f"--{protocol}", "--peer", peer, "1", message_file(stage), exit_status=USAGE).finish()
        assert peer in program.log, program.report()


def read_terminal(fd):
    try:
        return os.read(fd, 4096)
    except OSError:  # EIO: the other end is closed
        return b""


# What happened, and the status that tells it.
def test_exit_statuses(stage):
    message = message_file(stage)

    def status(expected, *args, **how):
        program = cat(stage, *args, exit_status=expected, **how).finish()
        assert len(program.log.splitlines()) == 1 and program.log.startswith("llpcat: "), program.report()

    nobody = f"127.0.0.1:{free_port()}"
    status(UNAVAILABLE, "--mllp", nobody, message)
    status(UNAVAILABLE, nobody, message)
    status(UNAVAILABLE, "127.0.0.1:no-such-service", message)
    status(NO_INPUT, "unix:/none/such", message)
    status(NO_INPUT, nobody, stage.path("missing"))
    status(NO_INPUT, "--x328", "/dev/none-such", message)
    status(TIMEOUT, "--mllp", plain_peer(stage, lambda c: c.recv(1 << 20) and c.recv(1)), message, "--timeout",
           "300ms", patient=False)
    status(BROKEN, "--mllp", plain_peer(stage, lambda c: c.recv(1 << 20)), message)
    status(REFUSED, plain_peer(stage, lambda c: (c.recv(1 << 20), c.send(b"\x18", socket.MSG_OOB))), message)
    status(DATA, "--mllp", plain_peer(stage, lambda c: c.recv(1)), message_file(stage, b"a\x1cb", "bad"))
    _, where = server(stage, "--mllp", "127.0.0.1:0", "--ack", "--ack-code", "AE")
    status(NEGATIVE, "--mllp", where, message)
    status(IN_USE, "-l", "--mllp", where)
    status(NO_INPUT, "--out", stage.path("missing"), nobody, message)
    _, where = server(stage, "--mllp", "127.0.0.1:0", "--ack", "--out", stage.dir)
    status(NO_INPUT, "/dev/llp0", message)
    status(NO_INPUT, "llp:none-such", message)
    status(NO_INPUT, "-l", "/dev/llp0")
    status(DATA, "--max-message", "1k", plain_peer(stage, lambda c: (c.recv(1 << 20), c.sendall(b"x" * 2000))), message)
    secret = message_file(stage, name="secret.hl7")
    secret.chmod(0)
    nobody_else = ["setpriv", "--reuid=65534", "--clear-groups"] if os.getuid() == 0 else []
    stage.dir.chmod(0o755)
    refused = stage.start([*nobody_else, BIN / "llpcat", "--mllp", where, secret], exit_status=NO_PERMISSION).finish()
    assert "Permission denied" in refused.log
    full = stage.start(["sh", "-c", '"$0" --mllp "$1" "$2" > /dev/full', BIN / "llpcat", where, message],
                       exit_status=CANNOT_CREATE).finish()
    assert "cannot write standard output" in full.log


WRONG = {
    "no address": ([], "ADDRESS"),
    "no port": (["lab:"], "port"),
    "two protocols": (["--mllp", "--hllp", "1"], "--hllp"),
    "unknown option": (["--frobnicate", "1"], "frobnicate"),
    "bad time-out": (["--timeout", "soon", "1"], "--timeout"),
    "bad setting": (["--mllp", "--set", "sb=999", "1"], "sb=999"),
    "setting of ILLP": (["--set", "sb=1", "1"], "ILLP"),
    "files when listening": (["-l", "1", "file"], "-l"),
    "answers when sending": (["--ack", "1"], "-l"),
    "two answers": (["-l", "--ack", "--exec", "true", "1"], "exclude"),
    "rate when listening": (["-l", "--rate", "1", "1"], "--rate"),
    "every address": (["*:1"], "-l"),
    "ILLP on a port": (["-l", "/dev/ttyS0"], "ILLP"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage(stage, case):
    args, word = WRONG[case]
    program = cat(stage, *args, exit_status=USAGE, stdin=open(message_file(stage), "rb")).finish()
    lines = program.log.splitlines()
    assert len(lines) == 1 and word in lines[0], program.report()


def test_help_and_manual_name_the_same_options(stage):
    shown = cat(stage, "--help").finish().out.decode()
    page = (ROOT / "docs" / "llpcat.1").read_text().replace("\\-", "-")
    for option in sorted(set(re.findall(r"(--[a-z][a-z0-9-]+)", shown))):
        assert option in page, option
