# SPDX-License-Identifier: BSD-3-Clause
"""An instrument, llpdrv and an application: what most tests begin with."""

from . import stations
from .apps import App, Call
from .content import reply_to
from .lines import ANY, Line
from .programs import free_port, listening, until
from .stations import Journal


class Bridge:
    """llpdrv between a line of one kind and an application.

    app: an object with `to`, or None for no proximal server; left out, an App that answers with
    `reply`. The station is made by `station()`, when llpdrv has the line.
    """

    def __init__(self, stage, protocol, kind=ANY, *options, app=..., reply=reply_to, dist=True,
                 at_once=True, name="line"):
        self.stage, self.protocol = stage, protocol
        self.journal = Journal()
        self.app = App(stage, reply, self.journal) if app is ... else app
        self.line = Line(stage, kind, name)
        self.dist_port = free_port() if dist else 0
        self.dist = ("127.0.0.1", self.dist_port)
        self.at_once = at_once
        self.args = [*(["-I"] if at_once else []), *stations.option(protocol), *self.line.args,
                     "-i", self.app.to if self.app is not None else "-",
                     "-i", str(self.dist_port) if dist else "-", *options]
        self.drv = self.sim = None
        self._station = None

    def start(self, **how):
        self.drv = self.stage.llpdrv(*self.args, **how)
        return self

    def wait_dist(self):
        until(lambda: listening(self.dist_port, self.dist[0]), "dist to listen", program=self.drv)
        return self

    @property
    def station(self):
        """The instrument, of our own making."""
        if self._station is None:
            if self.drv is None:
                self.line.prepare()
                self.start()
            self._station = stations.station(self.protocol, self.line.wire(self.drv), self.journal)
            if self.at_once and self.dist_port:
                self.wait_dist()
        return self._station

    def simulate(self, *args):
        """llpdrv and llpsim, whichever must be there first."""
        program = ["--protocol", self.protocol, "--line", self.line.sim, *args]
        if self.line.sim_first:
            self.sim = self.stage.llpsim(*program)
            until(self.line.sim_ready, "llpsim to make the line", program=self.sim)
            self.start()
        else:
            self.start()
            until(self.line.ready, "llpdrv to make the line", program=self.drv)
            self.sim = self.stage.llpsim(*program)
            if self.line.kind == "ports":
                self.sim.wait_for("ready:")  # a port that nobody has open hears nothing
        return self.sim

    def reconnect(self):
        """A new station on the same line."""
        if self._station is not None:
            self._station.close()
        self._station = stations.station(self.protocol, self.line.wire(self.drv), self.journal)
        return self._station

    def call(self, request, **how):
        """A client at dist, beside the test."""
        if self.drv is None:
            assert self.station
        return Call(self.dist, request, journal=self.journal, **how)

    def ask(self, message, size=200):
        """The instrument sends a message and returns the reply."""
        taken = self.station.send(message) if self.protocol != "x328" else self.station.send(message, size)
        assert taken, "the message was not acknowledged"
        return self.station.receive()

    def serve(self, request, reply):
        """A client asks, the instrument answers; what each got."""
        call = self.call(request)
        got = self.station.receive()
        assert self.station.send(reply), "the reply was not acknowledged"
        return got, call.result()
