# SPDX-License-Identifier: BSD-3-Clause
"""The library as it is installed, and the applications of docs/examples on it."""

import os
import subprocess
import sys

import pytest

from support import PATIENCE, ROOT
from support.content import hl7
from support.programs import BIN, free_port, listening, until

EXAMPLES = ROOT / "docs" / "examples"
TREE = BIN.parent

pytestmark = [pytest.mark.user,
              pytest.mark.skipif(not (BIN / "llpcat").is_file(), reason=f"no llpcat in {BIN}")]
installable = pytest.mark.skipif(not list(TREE.glob("tools/libllp/libllp.a")),
                                 reason=f"no libllp.a in {TREE} (sanitized trees have none)")


def run(*command, **how):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=10 * PATIENCE, **how)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The library and the Lua module, in a root of their own."""
    root = tmp_path_factory.mktemp("root")
    for component in ("devel", "lua"):
        run("cmake", "--install", TREE, "--prefix", "/usr", "--component", component,
            env={**os.environ, "DESTDIR": str(root)})
    return root


@pytest.fixture(scope="module")
def by_pkg_config(installed, tmp_path_factory):
    """The example in C++, built as its first lines say."""
    program = tmp_path_factory.mktemp("pkg-config") / "application"
    pc = next(installed.glob("**/llp.pc"))
    env = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}
    flags = run("pkg-config", "--cflags", "--libs", "llp", env=env).split()
    run("c++", "-std=c++23", "-Wall", "-Wextra", "-Werror", EXAMPLES / "application.cpp", "-o", program, *flags)
    return program


def ask(stage, address):
    """llpcat asks the application, twice."""
    message = stage.path("m.hl7")
    message.write_bytes(hl7("M1", 300))
    client = stage.start([BIN / "llpcat", "--timeout", f"{PATIENCE:g}s", "-n", "2", address, message]).finish()
    assert client.out.count(b"MSA|AA|M1") == 2, client.report()


@installable
def test_in_cpp(stage, by_pkg_config):
    port = free_port()
    program = stage.start([by_pkg_config, f"127.0.0.1:{port}"], exit_status=-15)
    until(lambda: listening(port), "the application to listen", program=program)
    ask(stage, f"127.0.0.1:{port}")


@installable
def test_by_find_package(stage, installed):
    source = stage.path("source")
    source.mkdir()
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES CXX)\nfind_package(llp REQUIRED)\n"
        "add_executable(x x.cpp)\ntarget_link_libraries(x PRIVATE llp::llp)\n")
    (source / "x.cpp").write_text(
        "#include <llp/async_client.hpp>\n#include <llp/llp.hpp>\n#include <iostream>\n"
        'int main() { std::cout << llp::parse_address("lab").value().service << "\\n"; }\n')
    run("cmake", "-S", source, "-B", stage.path("build"), "-G", "Ninja", f"-Dllp_ROOT={installed}/usr",
        f"-DCMAKE_PREFIX_PATH={installed}/usr")
    run("cmake", "--build", stage.path("build"))
    assert run(stage.path("build") / "x") == "lab\n"


def test_in_python(stage):
    port = free_port()
    program = stage.start([sys.executable, EXAMPLES / "application.py", str(port)], exit_status=-15)
    until(lambda: listening(port), "the application to listen", program=program)
    ask(stage, f"127.0.0.1:{port}")


def test_in_shell(stage):
    port = free_port()
    program = stage.start(["sh", EXAMPLES / "application.sh", f"127.0.0.1:{port}", stage.run_dir],
                          env={"PATH": f"{BIN}:{os.environ['PATH']}"})
    until(lambda: listening(port), "the application to listen", program=program)
    ask(stage, f"127.0.0.1:{port}")
    program.stop()
    assert [p.read_bytes() for p in sorted(stage.run_dir.glob("*.msg"))] == [hl7("M1", 300)] * 2


def test_in_lua(stage):
    """Run by llpcat for each request; one that it cannot make sense of is refused."""
    program = stage.start([BIN / "llpcat", "-l", "127.0.0.1:0", "--exec", f"lua5.4 {EXAMPLES / 'application.lua'}"])
    where = program.wait_for(r"^listening: (.*)$").group(1).decode()
    ask(stage, where)
    message = stage.path("no.hl7")
    message.write_bytes(b"no HL7")
    assert "CAN" in stage.start([BIN / "llpcat", where, message], exit_status=1).finish().log
    program.stop()
    assert "not HL7" in program.log


@installable
def test_a_client_in_lua(stage, installed):
    """With the module as it is installed, in the places where the interpreter of the system looks below its root."""
    listener = stage.start([BIN / "llpcat", "--mllp", "-l", "127.0.0.1:0", "--ack", "-n", "1"])
    host, port = listener.wait_for(r"^listening: (.*)$").group(1).decode().split(":")
    message = stage.path("m.hl7")
    message.write_bytes(hl7("M1", 300))
    script = stage.start(["lua5.4", EXAMPLES / "client.lua", host, port, message],
                         env={"LUA_PATH": f"{installed}/usr/share/lua/5.4/?.lua",
                              "LUA_CPATH": f"{installed}/usr/lib/lua/5.4/?.so"}).finish()
    assert b"MSA|AA|M1" in script.out
    listener.finish()
