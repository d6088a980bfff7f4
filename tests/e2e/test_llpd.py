# SPDX-License-Identifier: BSD-3-Clause
"""llpd: several lines from a file, and what --check says about a wrong one."""

import pytest

from support import ENGINE, ROOT, stations
from support.apps import App, Call
from support.content import hl7, reply_to
from support.lines import ANY, SERIAL, Line
from support.programs import free_port, listening, until


@pytest.mark.core
def test_three_lines(stage):
    """Of three kinds, in three protocols, in one process; each with its application and its clients."""
    table = {"chem": ("x328", SERIAL), "haem": ("hllp", ENGINE and ANY or "tcp-listen"),
             "urine": ("mllp2", ENGINE and ANY or "unix-connect")}
    apps = {name: App(stage, reply_to) for name in table}
    lines = {name: Line(stage, kind, name).prepare() for name, (_, kind) in table.items()}
    ports = {name: free_port() for name in table}
    text = f'runtime_dir = "{stage.run_dir}"\nlock_dir = "{stage.lock_dir}"\n'
    for name, (protocol, _) in table.items():
        text += f"""
            [line.{name}]
            protocol = "{protocol}"
            port = "{lines[name].toml}"
            to = "{apps[name].to}"
            dist = "{ports[name]}"
            serve_at_once = true
            """ + (f'engine = "{ENGINE}"\n' if ENGINE else "")
    config = stage.path("llpd.toml")
    config.write_text(text)
    stage.llpd("--check", "--config", config).finish()
    llpd = stage.llpd("--config", config)
    for name, (protocol, _) in table.items():
        until(lambda port=ports[name]: listening(port), f"dist of {name}", program=llpd)
    ends = {name: stations.station(protocol, lines[name].wire(llpd)) for name, (protocol, _) in table.items()}
    for i in range(3):
        for name, station in ends.items():
            message, request = hl7(f"{name}{i}", 700), hl7(f"{name}-{i}", 700)
            assert station.send(message)
            assert station.receive() == reply_to(message)
            call = Call(("127.0.0.1", ports[name]), request)
            assert station.receive() == request
            assert station.send(reply_to(request))
            assert call.result() == reply_to(request)
    for name in table:
        assert len(apps[name].requests) == 3
    llpd.stop()


GOOD = '[line.chem]\nprotocol = "x328"\nport = "pty:-"\nto = "5001"\n'
WRONG = {
    "syntax": (GOOD + 'dist = \n', 5, []),
    "unknown key": (GOOD + 'colour = "red"\n', 5, ["line.chem.colour"]),
    "misspelt key": (GOOD + 'comit = "received"\n', 5, ["comit", "commit"]),
    "unknown global key": ('runtime = "/x"\n' + GOOD, 1, ["runtime"]),
    "unknown protocol": (GOOD.replace("x328", "x329"), 2, ["x329"]),
    "bad line": (GOOD.replace("pty:-", "ptty:-"), 3, ["ptty"]),
    "bad baud rate": (GOOD.replace("pty:-", "tty:/dev/ttyS0,quick"), 3, ["quick"]),
    "bad service": (GOOD.replace('"5001"', '"70000"'), 4, ["70000"]),
    "no port": (GOOD.replace('port = "pty:-"\n', ""), 1, ["chem"]),
    "nothing to do": (GOOD.replace('to = "5001"\n', ""), 1, ["chem"]),
    "parameter out of bounds": (GOOD + "params.retries_l = 101\n", 5, ["retries_l", "100"]),
    "parameter of another protocol": (GOOD + 'params.release = 2\n', 5, ["release"]),
    "unknown peer": (GOOD + 'peer = "vista"\n', 5, ["vista"]),
    "one address twice": (GOOD + 'dist = "5002"\n' + GOOD.replace("chem", "haem") + 'dist = "5002"\n', 6, ["5002"]),
    "the same name twice": (GOOD + GOOD, 5, ["chem"]),
    "a name that is no file's": (GOOD.replace("line.chem", 'line."a/b"'), 1, ["a/b"]),
    "a bound": (GOOD + "max_connections = 0\n", 5, ["max_connections"]),
    "relative directory": ('runtime_dir = "run"\n' + GOOD, 1, ["runtime_dir", "run"]),
}


@pytest.mark.user
@pytest.mark.parametrize("case", WRONG)
def test_check(stage, case):
    """File, line, key and what is allowed; nothing is started."""
    text, line, words = WRONG[case]
    config = stage.path("bad.toml")
    config.write_text(text)
    program = stage.llpd("--check", "--config", config, exit_status=None)
    assert program.wait() != 0
    assert f"bad.toml:{line}" in program.log, program.report()
    for word in words:
        assert word in program.log, program.report()


@pytest.mark.user
@pytest.mark.core
def test_check_finds_everything_at_once(stage):
    config = stage.path("bad.toml")
    config.write_text(GOOD + 'colour = 1\n[line.haem]\nprotocol = "hllp"\nport = "pty:-"\nto = "70000"\n')
    program = stage.llpd("--check", "--config", config, exit_status=None)
    assert program.wait() != 0
    assert "bad.toml:5" in program.log and "bad.toml:9" in program.log


@pytest.mark.user
def test_check_is_right_about_the_example(stage):
    """What the documentation shows can be read."""
    examples = sorted((ROOT / "docs" / "examples").glob("*.toml"))
    assert examples
    for example in examples:
        stage.llpd("--check", "--config", example).finish()


@pytest.mark.user
def test_no_file(stage):
    program = stage.llpd("--config", stage.path("none.toml"), exit_status=None)
    assert program.wait() != 0
    assert len(program.log.splitlines()) == 1 and "none.toml" in program.log


@pytest.mark.user
def test_a_wrong_file_starts_nothing(stage):
    config = stage.path("bad.toml")
    path = stage.path("s")
    config.write_text(f'[line.a]\nprotocol = "mllp"\nport = "unix:{path}"\nto = "5001"\n'
                      '[line.b]\nprotocol = "mllp"\n')
    program = stage.llpd("--config", config, exit_status=None)
    assert program.wait() != 0
    assert not path.exists()
