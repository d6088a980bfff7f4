# SPDX-License-Identifier: BSD-3-Clause
"""Both sides start at once, again and again: everything arrives, nothing hangs, nothing is taken for
something else. The instrument is ours; X3.28 in both roles.
"""

import pytest

from support import SOAK
from support.bridge import Bridge
from support.content import hl7, reply_to
from support.lines import ANY
from support.stations import Instrument

ROUNDS = 200 if SOAK else 10
# What each role of ours waits after a crossed bid. A secondary takes a bid for a crossed one until half of the primary's
# delay has passed, and its own delay ends with the primary's second bid: both may be long, for a slow machine's sake.
DELAYS = {"primary": ["cont_primary=100ms", "cont_secondary=300ms"],
          "secondary": ["cont_primary=4s", "cont_secondary=6s"]}
# And what the instrument waits: as a primary in vain, as a secondary until our second bid is there.
DELAY_OF_THE_OTHER = {"primary": 5.0, "secondary": 0.1}


def settings(role):
    return [word for option in [f"role={role}", *DELAYS[role]] for word in ("--set", option)] if role else []


@pytest.mark.parametrize("protocol, role", [
    pytest.param("x328", "secondary", id="x328-secondary", marks=pytest.mark.core),
    pytest.param("x328", "primary", id="x328-primary", marks=pytest.mark.core),
    pytest.param("mllp", None, id="mllp"),
    pytest.param("mllp2", None, id="mllp2", marks=pytest.mark.core),
    pytest.param("hllp", None, id="hllp", marks=pytest.mark.core),
])
def test_everything_arrives(stage, protocol, role):
    b = Bridge(stage, protocol, ANY, *settings(role))
    delay = DELAY_OF_THE_OTHER.get(role)
    station = b.station
    for i in range(ROUNDS):
        messages = [hl7(f"IN{i}-{k}", 300 + 100 * k) for k in range(3)]
        # Not one after the other: they compete for the line, with each other and with the instrument.
        calls = [b.call(hl7(f"OUT{i}-{k}", 300 + 100 * k)) for k in range(3)]
        instrument = Instrument(station, messages, len(calls), reply_to).run(delay)
        for call in calls:
            assert call.result() == reply_to(call.request)
        assert sorted(instrument.requests) == sorted(call.request for call in calls)
        assert b.app.requests[-3:] == messages, "not in the order in which they were sent"
    assert len(b.app.requests) == 3 * ROUNDS
    assert "duplicate of one before" not in b.drv.log


@pytest.mark.parametrize("role", ["secondary", "primary"])
def test_bids_cross(stage, role):
    """The primary goes first, then the other: both messages go, whoever is which."""
    b = Bridge(stage, "x328", ANY, *settings(role))
    delay = DELAY_OF_THE_OTHER[role]
    station = b.station
    for i in range(5):
        request, message = hl7(f"OUT{i}", 300), hl7(f"IN{i}", 300)
        call = b.call(request)
        station.expect_bid()
        instrument = Instrument(station, [message], 1, reply_to).cross(delay)
        # A primary's message is here; a secondary still waits for ours.
        assert bool(instrument.requests) == (role == "primary")
        instrument.run(delay)
        assert call.result() == reply_to(request)
        assert b.app.requests[-1] == message


@pytest.mark.core
@pytest.mark.parametrize("protocol", ["x328", "mllp", "mllp2", "hllp"])
def test_a_message_while_a_reply_is_waited_for(stage, protocol):
    """The instrument asks something before it answers: it gets its answer at once, then gives its own."""
    b = Bridge(stage, protocol)
    station = b.station
    request, message = hl7("Q", 300), hl7("BEFORE", 300)
    call = b.call(request)
    assert station.receive() == request
    assert b.ask(message) == reply_to(message)
    assert station.send(reply_to(request))
    assert call.result() == reply_to(request)
    assert b.app.requests == [message]
