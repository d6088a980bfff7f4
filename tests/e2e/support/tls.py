# SPDX-License-Identifier: BSD-3-Clause
"""ILLP under TLS with Python's ssl, and certificates by the commands of docs/security.md."""

import re
import socket
import ssl
import subprocess
import threading

import illp

from . import PATIENCE, ROOT
from .programs import free_port

LLPD, LIS = "llpd.lab.example", "lis.lab.example"


def howto(name, directory):
    """Runs a block of commands of docs/security.md as it stands there."""
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    block = re.search(rf"^```sh\n# howto: {name}\n(.*?)^```", text, re.M | re.S).group(1)
    subprocess.run(["bash", "-euc", block], cwd=directory, check=True, capture_output=True, text=True, timeout=PATIENCE)


def authority(directory):
    """An authority with certificates for both hosts."""
    directory.mkdir()
    howto("authority", directory)
    howto("hosts", directory)
    return directory


def expired(directory, host):
    """A certificate of the host's that ended yesterday."""
    out = directory / f"{host}.expired.pem"
    subprocess.run(["openssl", "x509", "-req", "-in", f"{host}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "-1",
                    "-copy_extensions", "copy", "-out", out.name], cwd=directory, check=True, capture_output=True,
                   timeout=PATIENCE)
    return out


def context(server, own=None, trusts=None, key=None, newest=None):
    """own: a certificate's path; its key beside it. trusts: an authority's directory, or nobody is asked."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if newest is not None:
        made.maximum_version = newest
    if own is not None:
        made.load_cert_chain(own, key or own.with_name(re.sub(r"(\.expired)?\.pem$", ".key", own.name)))
    if trusts is not None:
        made.load_verify_locations(trusts / "ca.pem")
        made.verify_mode = ssl.CERT_REQUIRED
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


class Stream:
    """TLS on a socket, whose directions end one by one. Whatever breaks it is illp.Reset."""

    def __init__(self, s, how, server=False, host=None):
        self.socket, self._in, self._out = s, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = how.wrap_bio(self._in, self._out, server_side=server, server_hostname=host)
        self._do(self._tls.do_handshake)

    def _flush(self):
        if self._out.pending:
            self.socket.sendall(self._out.read())

    def _do(self, call):
        try:
            while True:
                try:
                    result = call()
                    self._flush()
                    return result
                except ssl.SSLWantReadError:
                    self._flush()
                    if part := self.socket.recv(65536):
                        self._in.write(part)
                    else:
                        self._in.write_eof()
        except (ssl.SSLZeroReturnError, socket.timeout):
            raise
        except OSError as e:
            try:
                self._flush()  # the alert that says why
            except OSError:
                pass
            raise illp.Reset(str(e)) from e

    def send(self, data):
        self._do(lambda: self._tls.write(data))

    def finish(self):
        """close_notify, and no more."""
        try:
            self._tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLSyscallError):
            pass
        self._flush()

    def receive(self):
        """To the peer's close_notify; an end without it is illp.Reset."""
        data = b""
        try:
            while part := self._do(lambda: self._tls.read(65536)):
                data += part
        except ssl.SSLZeroReturnError:
            pass
        return data


def call(port, request, how, host=LLPD, host_address="127.0.0.1"):
    """A client at dist."""
    with socket.create_connection((host_address, port), PATIENCE) as s:
        illp.arm(s)
        stream = Stream(s, how, host=host)
        stream.send(request)
        stream.finish()
        reply = stream.receive()
        illp.arm(s, False)
        return reply


class Call(threading.Thread):
    """The same, beside the test."""

    def __init__(self, *args, **more):
        super().__init__(daemon=True)
        self._args, self._more, self.reply, self.error = args, more, None, None
        self.start()

    def run(self):
        try:
            self.reply = call(*self._args, **self._more)
        except (illp.Reset, OSError) as e:
            self.error = e

    def result(self):
        self.join(PATIENCE + 5)
        assert not self.is_alive(), "the client still waits"
        if self.error is not None:
            raise AssertionError(f"the client got no reply: {self.error!r}")
        return self.reply


class App:
    """An application that llpd calls; `cut`: it ends its reply without close_notify."""

    def __init__(self, stage, how, reply, cut=False):
        self.how, self.reply, self.cut = how, reply, cut
        self.requests, self.errors = [], []
        self.listener = socket.create_server(("127.0.0.1", free_port()), backlog=16)
        self.to = f"{self.listener.getsockname()[1]}%127.0.0.1"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        stage.cleanup(self.stop)

    def stop(self):
        self.listener.close()

    def _serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with s:
                s.settimeout(PATIENCE)
                try:
                    self._one(s)
                except (illp.Reset, OSError) as e:
                    self.errors.append(e)

    def _one(self, s):
        stream = Stream(s, self.how, server=True)
        request = stream.receive()
        self.requests.append(request)
        stream.send(self.reply(request))
        if self.cut:
            s.shutdown(socket.SHUT_WR)
        else:
            stream.finish()
        while s.recv(65536):
            pass
