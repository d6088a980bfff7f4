# SPDX-License-Identifier: BSD-3-Clause
"""Applications under TLS, in both directions, against Python's ssl; the commands of docs/security.md are run."""

import os
import shutil
import signal
import socket
import ssl

import pytest

import illp
from support import PATIENCE, stations
from support import tls
from support.apps import Call
from support.content import hl7, reply_to
from support.lines import Line
from support.programs import free_port, listening, until
from support.tls import LIS, LLPD

pytestmark = [pytest.mark.user, pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")]


@pytest.fixture(scope="module", name="authorities")
def _authorities(tmp_path_factory):
    """Ours, and another that nobody trusts."""
    directory = tmp_path_factory.mktemp("tls")
    return tls.authority(directory / "ours"), tls.authority(directory / "other")


class Secured:
    """llpd with one MLLP line, whose files a test can change, and its application."""

    def __init__(self, stage, authority, app=..., more="", to=True):
        self.stage, self.line = stage, Line(stage, "unix-listen", "chem").prepare()
        self.files = stage.path("files")
        self.take(authority)
        self.app = tls.App(stage, tls.context(True, authority / f"{LIS}.pem", authority), reply_to) if app is ... else app
        self.port = free_port()
        self.config = stage.path("llpd.toml")
        self.more = more
        self.to = f'to = "{self.app.to}"' if to else ""
        self.write()
        self.llpd = stage.llpd("--config", self.config)
        until(lambda: listening(self.port), "dist", program=self.llpd)
        self._station = None

    def take(self, authority, certificate=f"{LLPD}.pem"):
        self.files.mkdir(exist_ok=True)
        for name, source in (("own.pem", certificate), ("own.key", f"{LLPD}.key"), ("ca.pem", "ca.pem")):
            shutil.copy(authority / source, self.files / f".{name}")
            os.replace(self.files / f".{name}", self.files / name)

    def write(self):
        self.config.write_text(f"""
            runtime_dir = "{self.stage.run_dir}"
            lock_dir = "{self.stage.lock_dir}"
            [line.chem]
            protocol = "mllp"
            port = "{self.line.toml}"
            {self.to}
            dist = "{self.port}"
            serve_at_once = true
            connect_tries = 1
            drain_time = "50ms"
            tls_server_name = "{LIS}"
            {self.more}
            [line.chem.tls]
            certificate = "{self.files}/own.pem"
            key = "{self.files}/own.key"
            authorities = "{self.files}/ca.pem"
            """)

    @property
    def station(self):
        if self._station is None:
            self._station = stations.Mllp(self.line.wire(self.llpd))
        return self._station

    def serves(self, how, tag="dist"):
        """A client with this context is served."""
        request = hl7(tag, 300)
        client = tls.Call(self.port, request, how)
        assert self.station.receive() == request
        self.station.send(reply_to(request))
        assert client.result() == reply_to(request)

    def asks(self, tag="to"):
        """The instrument's message reaches the application."""
        message = hl7(tag, 300)
        self.station.send(message)
        assert self.station.receive() == reply_to(message)

    def reload(self):
        said = len(self.llpd.log)
        self.llpd.send(signal.SIGHUP)
        until(lambda: "configuration applied" in self.llpd.log[said:] or "was not changed" in self.llpd.log[said:],
              "the reload", program=self.llpd)
        return self.llpd.log[said:]


@pytest.mark.core
def test_both_directions(stage, authorities):
    """By the commands of the manual; large messages as well."""
    ours, _ = authorities
    s = Secured(stage, ours)
    client = tls.context(False, ours / f"{LIS}.pem", ours)
    s.asks()
    s.serves(client)
    message = hl7("large", 300_000)
    s.station.send(message)
    assert s.station.receive() == reply_to(message)
    client_call = tls.Call(s.port, message, client)
    assert s.station.receive() == message
    s.station.send(reply_to(message, 200_000))
    assert client_call.result() == reply_to(message, 200_000)
    assert s.app.errors == []
    s.llpd.stop()
    assert "MSH" not in s.llpd.log


def refused(port, how, host=LLPD):
    """TLS clients with this context get no reply."""
    with pytest.raises((illp.Reset, OSError)):
        tls.call(port, hl7("BAD", 300), how, host)


@pytest.mark.core
def test_who_is_refused_at_dist(stage, authorities):
    """Nothing of theirs reaches the line; the next good client is served."""
    ours, other = authorities
    s = Secured(stage, ours, more='connect_timeout = "2s"')
    good = tls.context(False, ours / f"{LIS}.pem", ours)
    for case, how in (
            ("no certificate", tls.context(False, None, ours)),
            ("another authority", tls.context(False, other / f"{LIS}.pem", ours)),
            ("expired", tls.context(False, tls.expired(ours, LIS), ours)),
            ("TLS 1.2", tls.context(False, ours / f"{LIS}.pem", ours, newest=ssl.TLSVersion.TLSv1_2))):
        refused(s.port, how)
        s.serves(good, case)
    s.llpd.wait_for("peer did not return a certificate")  # the first one; the others came within ten seconds
    # We are not who the client asked for: it is the client that leaves.
    refused(s.port, good, host="other.example")
    # No TLS at all: never something that looks like a reply. And a call that never says anything.
    with pytest.raises((illp.Reset, illp.Cancelled)):
        illp.call(("127.0.0.1", s.port), hl7("PLAIN", 300))
    with socket.create_connection(("127.0.0.1", s.port), PATIENCE) as silent:
        with pytest.raises(ConnectionResetError):
            silent.recv(1)
            silent.recv(1)
    s.serves(good, "last")
    assert s.station.silent(0.2)


@pytest.mark.core
@pytest.mark.parametrize("how", ["fin", "reset", "urgent"])
def test_a_cut_request_is_none(stage, authorities, how):
    """Whole by its content, and without close_notify."""
    ours, _ = authorities
    s = Secured(stage, ours)
    good = tls.context(False, ours / f"{LIS}.pem", ours)
    s.station  # noqa: B018: the line is there
    with socket.create_connection(("127.0.0.1", s.port), PATIENCE) as client:
        stream = tls.Stream(client, good, host=LLPD)
        stream.send(hl7("CUT", 300))
        if how == "urgent":
            client.send(illp.CAN, socket.MSG_OOB)
            stream.finish()
        elif how == "reset":
            illp.arm(client)
            client.close()
        else:
            client.shutdown(socket.SHUT_WR)
        if how != "reset":
            with pytest.raises(illp.Reset):
                stream.receive()
    s.serves(good)
    assert s.station.silent(0.2)


def server(authority, **more):
    return tls.context(True, authority / f"{LIS}.pem", authority, **more)


@pytest.mark.parametrize("case", ["another authority", "another name", "expired", "TLS 1.2", "plain", "cut"])
def test_applications_that_are_not_trusted(stage, authorities, case):
    """None of them reads a byte of the message; nothing counts as their reply."""
    ours, other = authorities
    how = {"another authority": lambda: tls.context(True, other / f"{LIS}.pem"),
           "another name": lambda: tls.context(True, ours / f"{LLPD}.pem"),
           "expired": lambda: tls.context(True, tls.expired(ours, LIS)),
           "TLS 1.2": lambda: server(ours, newest=ssl.TLSVersion.TLSv1_2),
           "plain": lambda: None,
           "cut": lambda: server(ours)}[case]()
    words = {"another authority": "certificate verify failed", "another name": "hostname mismatch",
             "expired": "certificate has expired", "TLS 1.2": "protocol version", "plain": "was not set up in time",
             "cut": "without close_notify"}[case]
    if case == "plain":
        from support.apps import App  # noqa: PLC0415: the plain one
        app = App(stage, reply_to)
    else:
        app = tls.App(stage, how, reply_to, cut=case == "cut")
    s = Secured(stage, ours, app=app, more='connect_timeout = "1s"' if case == "plain" else "")
    s.station.send(hl7("SECRET", 300))
    s.llpd.wait_for(f"failed: .*{words}")
    assert s.station.silent(0.2)
    if case != "cut":
        assert all(b"SECRET" not in request for request in app.requests)


def test_new_files_at_a_reload(stage, authorities):
    """New ones count for new connections; bad ones change nothing."""
    ours, other = authorities
    s = Secured(stage, ours, app=None, to=False)
    before = tls.context(False, ours / f"{LIS}.pem", ours)
    after = tls.context(False, other / f"{LIS}.pem", other)
    s.serves(before, "before")
    # A connection that stands is not touched.
    stands = socket.create_connection(("127.0.0.1", s.port), PATIENCE)
    stage.cleanup(stands.close)
    stream = tls.Stream(stands, before, host=LLPD)

    (s.files / "own.key").chmod(0o644)
    assert f"line.chem.tls.key: {s.files}/own.key: mode 0644 lets others at the private key" in s.reload()
    s.serves(before, "bad key")
    s.take(ours)
    (s.files / "ca.pem").write_text("nothing\n")
    assert "line.chem.tls.authorities" in s.reload()
    s.serves(before, "bad authorities")

    s.take(other)
    assert "1 lines as before" in s.reload()
    s.serves(after, "after")
    refused(s.port, before)
    request = hl7("stands", 300)
    stream.send(request)
    stream.finish()
    assert s.station.receive() == request
    s.station.send(reply_to(request))
    assert stream.receive() == reply_to(request)


def test_revoked(stage, authorities, tmp_path):
    """By the manual's commands, too."""
    ours = tmp_path / "ours"
    shutil.copytree(authorities[0], ours)
    tls.howto("revoke", ours)
    s = Secured(stage, ours, app=None, to=False, more=f'tls_revoked = "{ours}/revoked.pem"')
    refused(s.port, tls.context(False, ours / f"{LIS}.pem", ours))
    s.llpd.wait_for("certificate revoked")
    s.serves(tls.context(False, ours / f"{LLPD}.pem", ours))


def test_an_ending_certificate_is_spoken_of(stage, authorities):
    ours, _ = authorities
    shutil.copy(tls.expired(ours, LLPD), ours / "old.pem")
    s = Secured(stage, ours, app=None, to=False)
    s.take(ours, "old.pem")
    assert "own.pem: the certificate has ended on " in s.reload()


def test_check_says_what_is_wrong(stage, authorities):
    ours, other = authorities
    config = stage.path("wrong.toml")
    config.write_text(f"""[line.a]
port = "pty:-"
to = "unix:/tmp/app"
tls = {{ certificate = "{ours}/{LLPD}.pem", key = "{ours}/{LLPD}.key" }}
[line.b]
port = "pty:-"
dist = "5001"
tls_certificate = "{ours}/{LLPD}.pem"
[line.c]
port = "pty:-"
dist = "5002"
tls = {{ certficate = "x" }}
""")
    program = stage.llpd("--check", "--config", config, exit_status=None)
    assert program.wait() == 78
    for words in (":1: line.a: TLS with applications at to needs tls_authorities", ":1: line.a: TLS is for TCP",
                  ":5: line.b: TLS is described, and not what for: tls_for is missing",
                  ":5: line.b: tls_certificate and tls_key go together",
                  ":12: line.c.tls.certficate: there is no such key; tls has for, certificate"):
        assert words in program.log, program.log
    assert "did you mean 'certificate'?" in program.log
    config.write_text(f"""[line.a]
port = "pty:-"
dist = "5001"
[line.a.tls]
certificate = "{ours}/{LLPD}.pem"
key = "{other}/{LLPD}.key"
authorities = "{ours}/ca.pem"
""")
    program = stage.llpd("--check", "--config", config, exit_status=None)
    assert program.wait() == 78
    assert f"{config}:6: line.a.tls.key: {other}/{LLPD}.key: is not the key of the certificate" in program.log


def test_llpdrv_can_it_too(stage, authorities):
    ours, _ = authorities
    line, port = Line(stage, "unix-listen", "chem").prepare(), free_port()
    drv = stage.llpdrv("-I", *stations.option("mllp"), *line.args, "-i", "-", "-i", str(port), "--tls-for", "dist",
                       "--tls-certificate", ours / f"{LLPD}.pem", "--tls-key", ours / f"{LLPD}.key",
                       "--tls-authorities", ours / "ca.pem")
    until(lambda: listening(port), "dist", program=drv)
    station = stations.Mllp(line.wire(drv))
    request = hl7("DRV", 300)
    client = tls.Call(port, request, tls.context(False, ours / f"{LIS}.pem", ours))
    assert station.receive() == request
    station.send(reply_to(request))
    assert client.result() == reply_to(request)
    assert Call(("127.0.0.1", port), request).refused()
