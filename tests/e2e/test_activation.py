# SPDX-License-Identifier: BSD-3-Clause
"""Listening sockets that a service manager hands over take the place of those that llpd makes for dist."""

import os
import shutil
import socket
import sys

import pytest

import illp
from support import PATIENCE, stations
from support.apps import Call
from support.content import hl7, reply_to
from support.lines import Line
from support.programs import BIN, free_port, listening, until

pytestmark = pytest.mark.user

# Puts what it was given where a service manager puts it, and becomes the program.
HAND_OVER = """
import fcntl, os, sys
# First out of the way of where they go.
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for place, fd in enumerate(high, 3):
    os.dup2(fd, place, inheritable=True)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


def handed_over(stage, sockets, names, *args, **how):
    fds = [s.fileno() for s in sockets]
    return stage.start([sys.executable, "-c", HAND_OVER, ",".join(map(str, fds)), names, BIN / "llpd", *args],
                       name="llpd", pass_fds=fds, **how)


def configure(stage, line, dist, more=""):
    config = stage.path("llpd.toml")
    config.write_text(f"""
        runtime_dir = "{stage.run_dir}"
        lock_dir = "{stage.lock_dir}"
        [line.chem]
        protocol = "mllp"
        port = "{line.toml}"
        dist = "{dist}"
        {more}
        """)
    return config


def serve(station, call):
    assert station.receive() == call.request
    station.send(reply_to(call.request))
    assert call.result() == reply_to(call.request)


@pytest.mark.core
@pytest.mark.parametrize("by", ["name", "address", "unix"])
def test_a_call_before_llpd_waits(stage, by):
    """The socket is there first; its queue keeps who calls, before the start and over a restart."""
    line = Line(stage, "unix-listen", "chem").prepare()
    if by == "unix":
        address = str(stage.path("dist"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        dist = f"unix:{address}"
    else:
        listener = socket.socket()
        listener.bind(("127.0.0.1", free_port()))
        address = listener.getsockname()
        dist = str(address[1]) if by == "address" else str(free_port())
    listener.listen(8)
    stage.cleanup(listener.close)
    config = configure(stage, line, dist)
    early = Call(address, hl7("EARLY", 300))
    llpd = handed_over(stage, [listener], "chem" if by == "name" else "any", "--config", config)
    station = stations.Mllp(line.wire(llpd))
    serve(station, early)
    serve(station, Call(address, hl7("SECOND", 300)))
    if by == "name":
        assert not listening(int(dist)), "the socket stands for the address"
    llpd.stop()
    between = Call(address, hl7("BETWEEN", 300))
    line.prepare()
    llpd = handed_over(stage, [listener], "chem" if by == "name" else "any", "--config", config)
    serve(stations.Mllp(line.wire(llpd)), between)
    llpd.stop()
    if by == "unix":
        assert os.path.exists(address), "its file is not ours"


def test_what_does_not_fit_is_said(stage):
    line, port = Line(stage, "unix-listen", "chem").prepare(), free_port()
    other = socket.create_server(("127.0.0.1", free_port()))
    stage.cleanup(other.close)
    config = configure(stage, line, port)
    llpd = handed_over(stage, [other], "serum", "--config", config)
    llpd.wait_for(r"no line has a dist for the socket serum \(127\.0\.0\.1:\d+\)")
    until(lambda: listening(port), "its own dist", program=llpd)
    serve(stations.Mllp(line.wire(llpd)), Call(("127.0.0.1", port), hl7("OWN", 300)))
    llpd.stop()
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    stage.cleanup(datagrams.close)
    wrong = handed_over(stage, [datagrams], "chem", "--config", config, exit_status=None)
    assert wrong.wait() != 0
    assert "is no listening stream socket" in wrong.log


def test_limits_hold_there_too(stage):
    """allow is asked of who comes by a socket that was handed over."""
    line = Line(stage, "unix-listen", "chem").prepare()
    listener = socket.create_server(("127.0.0.1", free_port()))
    stage.cleanup(listener.close)
    config = configure(stage, line, free_port(), 'allow = "127.0.0.1"')
    llpd = handed_over(stage, [listener], "chem", "--config", config)
    station = stations.Mllp(line.wire(llpd))
    address = listener.getsockname()
    with pytest.raises((illp.Reset, OSError)):  # perhaps before connect() has returned
        with socket.create_connection(address, PATIENCE, source_address=("127.0.0.2", 0)) as s:
            illp.receive(s)
    serve(station, Call(address, hl7("ALLOWED", 300)))
    llpd.stop()


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd-socket-activate")
def test_by_systemd(stage):
    line, port = Line(stage, "unix-listen", "chem").prepare(), free_port()
    config = configure(stage, line, free_port())
    llpd = stage.start(["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=chem", BIN / "llpd", "--config",
                        config], name="llpd")
    until(lambda: listening(port), "systemd-socket-activate", program=llpd)
    call = Call(("127.0.0.1", port), hl7("CALLS", 300))
    serve(stations.Mllp(line.wire(llpd)), call)
    llpd.stop()
