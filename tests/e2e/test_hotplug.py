# SPDX-License-Identifier: BSD-3-Clause
"""Ports that are plugged in, pulled out and plugged in again: pseudo terminals under a name that comes and goes."""

import os
import tty

import pytest

from support import stations
from support.apps import App, Call
from support.content import hl7, reply_to
from support.control import Control
from support.lines import Wire
from support.programs import free_port, listening, until

pytestmark = pytest.mark.user


class Adapter:
    """A serial adapter: plugged in, its name is there."""

    def __init__(self, stage, path):
        self.path = path
        self._wire = None
        stage.cleanup(self.unplug)

    def plug(self):
        master, slave = os.openpty()
        tty.setraw(slave)
        self._wire = Wire(master)
        os.symlink(os.ttyname(slave), self.path)
        os.close(slave)
        return self._wire

    def unplug(self):
        if self._wire is None:
            return
        os.unlink(self.path)
        self._wire.close()
        self._wire = None


@pytest.mark.parametrize("where", [pytest.param("dev", marks=pytest.mark.core), "dev/by-id/lab"])
def test_plug_unplug_replug(stage, where):
    """The line keeps its name, its clients' requests and its settings; what was under way is ended as the protocol has it."""
    directory = stage.path(where)
    app, port = App(stage, reply_to), free_port()
    config = stage.path("llpd.toml")
    config.write_text(f'runtime_dir = "{stage.run_dir}"\nlock_dir = "{stage.lock_dir}"\n'
                      f'[line.lab]\nprotocol = "mllp"\nport = "tty:{directory}/analyser,9600,8n1"\nto = "{app.to}"\n'
                      f'dist = "{port}"\nserve_at_once = true\n'
                      'params = { reply_timeout = "60s", connect_pause = "100ms", connect_retries = 1 }\n')
    llpd = stage.llpd("--config", config)
    until(lambda: listening(port), "dist", program=llpd)
    control = Control(stage)
    until(lambda: control.line("lab").get("reason") == "the port is not there", "the line to wait", program=llpd)
    os.makedirs(directory)  # comes after llpd, too
    adapter = Adapter(stage, directory / "analyser")
    station = stations.station("mllp", adapter.plug())
    until(lambda: control.line("lab")["connected"], "the line to be there", program=llpd)
    message = hl7("first", 400)
    assert station.send(message)
    assert station.receive() == reply_to(message)

    request = hl7("pulled", 300)
    call = Call(("127.0.0.1", port), request)
    assert station.receive() == request
    adapter.unplug()
    call.refused()
    until(lambda: not control.line("lab")["connected"], "the line to be gone", program=llpd)
    assert control.line("lab")["counters"]["distal_failed"] == 1

    station = stations.station("mllp", adapter.plug())
    until(lambda: control.line("lab")["connected"], "the line to be back", program=llpd)
    message, request = hl7("third", 400), hl7("fourth", 300)
    assert station.send(message)
    assert station.receive() == reply_to(message)
    call = Call(("127.0.0.1", port), request)
    assert station.receive() == request
    assert station.send(reply_to(request))
    assert call.result() == reply_to(request)
    assert control.line("lab")["counters"]["proximal_ok"] == 2, "the same line all the time"
    llpd.stop()
