# SPDX-License-Identifier: BSD-3-Clause
"""Further listeners to what the instrument sends."""

import pytest

from support.apps import App, Dead
from support.bridge import Bridge
from support.content import hl7, reply_to
from support.lines import ANY
from support.programs import until


@pytest.mark.core
@pytest.mark.parametrize("protocol", ["x328", "mllp"])
def test_all_listen_and_none_delays(stage, protocol):
    """One takes them and talks nonsense, one never answers, one is not there."""
    archive, absent = App(stage, lambda request: b"what it says is nobody's"), App(stage, reply_to)
    absent.stop()
    others = ",".join([archive.to, Dead(stage).to, absent.to])
    bridge = Bridge(stage, protocol, ANY, "--copies", others, dist=False)
    station = bridge.station
    messages = [hl7(f"C{i}", 3000) for i in range(5)]
    for message in messages:
        assert station.send(message)
        assert station.receive() == reply_to(message)
    assert bridge.app.requests == messages
    until(lambda: archive.requests == messages, "the copies", program=bridge.drv)
    bridge.drv.stop()
