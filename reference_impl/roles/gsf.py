"""GSF: passes containers on, keeps each on one link, and says when a queue grows."""

from collections.abc import Set as AbstractSet
from typing import Any

from reference_impl import codec
from reference_impl.codec import BadFrame
from reference_impl.config import DeviceConfig
from reference_impl.device import Device, Resolve, Role, as_it_is
from reference_impl.parts.paths import PathTable
from reference_impl.parts.transit import TransitBackpressure, TransitForwarder, TransitPort


class Gsf(Device):
    """A fabric node: no host ports, no ordering, no containers of its own."""

    role = Role.GSF
    fabric_port = TransitPort

    def __init__(self, config: DeviceConfig, resolve: Resolve = as_it_is) -> None:
        super().__init__(config, resolve)
        self.paths = self.make(PathTable, self)
        self.backpressure = self.make(TransitBackpressure, self, self.paths)
        self.forwarder = self.make(TransitForwarder, self, self.paths, self.backpressure)

    def started(self, now: int) -> None:
        """Say hello."""
        self.paths.start(now)

    def handle(self, port: int, frame: bytes, now: int) -> None:
        """Check a frame of the fabric and act on its type."""
        self.received += 1
        try:
            header = self.check(port, frame)
        except BadFrame as bad:
            self.drop(bad.cause)
            return
        kind = header[0]
        if kind == codec.DATA:
            self.forwarder.data(port, frame, header, now)
        elif kind == codec.HELLO:
            self.paths.hear(port, frame, now)
        elif kind == codec.FAULT:
            self.paths.take_fault(port, frame, now)
        else:
            self.forwarder.control(port, frame, header, now)

    def carrier_changed(self, port: int, up: bool, now: int) -> None:
        """Follow the carrier."""
        self.paths.carrier(port, up, now)

    def rate_changed(self, port: int, now: int) -> None:
        """Follow the rate of a link."""
        self.paths.rate_changed(port, now)

    def paths_lost(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Send what waits for a lost path another way."""
        self.forwarder.reroute(lost, now)

    def paths_changed(self, now: int) -> None:
        """Start the tallies of the links anew."""
        self.forwarder.restart(now)

    def state(self) -> dict[str, Any]:
        """Show the links, the queues and the episodes of back-pressure, as JSON."""
        return super().state() | {
            "paths": self.paths.state(),
            "queues": {str(port.index): port.queued for port in self.ports},
            "backpressure": self.backpressure.state(),
        }


class Spine(Gsf):
    """A GSF of the second tier, whose neighbours are GSFs."""

    role = Role.SPINE
