# SPDX-License-Identifier: BSD-3-Clause
"""The Lua module in real interpreters: the script of its manual against llpd, a plain MLLP server and the simulator."""

import shutil
import socket

import pytest

from support import PATIENCE, ROOT
from support.apps import App
from support.content import hl7, reply_to
from support.programs import BIN, free_port, listening, until

BUILT = BIN.parent / "lua"
SCRIPT = ROOT / "tests" / "e2e" / "scripts" / "keep_connection.lua"
INTERPRETERS = [(name, version) for name, version in (("lua5.4", "5.4"), ("lua5.1", "5.1"), ("luajit", "5.1"))]

pytestmark = [pytest.mark.user,
              pytest.mark.skipif(not (BUILT / "5.4" / "llp" / "core.so").is_file(),
                                 reason=f"no Lua module in {BUILT} (sanitized programs have none)")]


@pytest.fixture(params=INTERPRETERS, ids=[name for name, _ in INTERPRETERS])
def lua(request, stage):
    """Starts a script in one interpreter."""
    name, version = request.param
    if shutil.which(name) is None or not (BUILT / version / "llp" / "core.so").is_file():
        pytest.skip(f"{name} or the module for it is not there")
    env = {"LUA_PATH": f"{ROOT}/tools/lua/?.lua", "LUA_CPATH": f"{BUILT}/{version}/?.so",
           "LLP_TIMEOUT": f"{PATIENCE:g}"}

    def start(*args, more=None, **how):
        return stage.start([name, *args], env={**env, **(more or {})}, **how)

    return start


def messages(stage, count):
    paths = [stage.path(f"m{i}.hl7") for i in range(count)]
    for i, path in enumerate(paths):
        path.write_bytes(hl7(f"M{i}", 300))
    return paths


def test_against_llpd(stage, lua):
    app, port = App(stage, reply_to), free_port()
    config = stage.path("llpd.toml")
    config.write_text(f'[line.lab]\nport = "tcp:{port}"\nprotocol = "mllp"\nto = "{app.to}"\n')
    llpd = stage.llpd("--config", config, "--runtime-dir", stage.run_dir)
    until(lambda: listening(port), "llpd to listen", program=llpd)
    script = lua(SCRIPT, "127.0.0.1", str(port), *messages(stage, 3)).finish()
    assert [f"MSA|AA|M{i}" in script.out.decode() for i in range(3)] == [True] * 3, script.report()
    assert len(app.requests) == 3


def test_against_a_plain_server_that_breaks_off(stage, lua):
    """It loses the second message's connection; the third makes a new one."""
    listener = socket.create_server(("127.0.0.1", 0))
    stage.cleanup(listener.close)
    script = lua(SCRIPT, "127.0.0.1", str(listener.getsockname()[1]), *messages(stage, 3))
    for answers in (2, 1):
        connection, _ = listener.accept()
        with connection:
            for i in range(answers):
                data = b""
                while not data.endswith(b"\x1c\r"):
                    data += connection.recv(65536)
                if answers == 2 and i == 1:
                    break
                connection.sendall(b"lost\x0b" + reply_to(data[1:-2]) + b"\x1c\r")
    lines = script.finish().out.decode().split("\n")
    assert [line for line in lines if line.startswith(("MSA", "failed"))] == ["MSA|AA|M0", "failed", "MSA|AA|M2"], \
        script.report()
    assert script.log.count("warning: lost data: lost") == 2 and "error: " in script.log


def test_against_the_simulator(stage, lua):
    script = lua(SCRIPT, "nowhere.invalid", "1", *messages(stage, 2), more={"LLP_SIMULATE": "1"}).finish()
    assert script.out.count(b"MSA|AA|M") == 2


def test_help(lua):
    assert b"timeout" in lua("-e", "print(require('llp').help())").finish().out
