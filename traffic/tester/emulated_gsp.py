"""An emulated GSP: grants what is sent to its hosts, requests and sends what its hosts send."""

from collections.abc import Mapping
from typing import Protocol

from traffic.frames.codec import Decoded
from traffic.frames.host import credit
from traffic.scenario import GspPeer, Window
from traffic.tester.emulated_egress import Egress
from traffic.tester.emulated_source import Source
from traffic.tester.emulation import Emulated, Neighbourhood


class Grantee(Protocol):
    """Whoever has asked for credit in the name of an emulated GSP."""

    def granted(self, values: Mapping[str, int], now: int) -> None:
        """Take the counters of a GRANT."""


class EmulatedGsp(Emulated[GspPeer]):
    """A GSP: egress for what its hosts receive, source for what they send."""

    role = "GSP"

    def __init__(self, around: Neighbourhood, spec: GspPeer, origin: int) -> None:
        ports = enumerate(spec.links, len(spec.hosts))
        super().__init__(around, spec, origin, [(link, number) for number, link in ports])
        self.egress = Egress(self)
        self.source = Source(self)
        self.claims: list[Grantee] = []
        """What else was asked for in its name."""
        self._tallies: dict[str, int] = {}

    def adopt(self, spec: GspPeer, origin: int) -> None:
        """Behave as specified from `origin` on, and begin to count anew; claim only what is new."""
        super().adopt(spec, origin)
        self.egress.grants = 0
        self.source.plan(origin)

    @property
    def hello_off(self) -> tuple[Window, ...]:
        """Windows without HELLO."""
        return self.spec.silent_hello

    def announced(self, now: int) -> list[dict[str, int]]:  # noqa: ARG002 - a GSP announces itself alone, always
        """Return itself."""
        return [{"node": self.spec.node, "rate": self.spec.rate_mbps}]

    def receive(self, message: Decoded, _frame: bytes, now: int) -> None:
        """Take a message that is for this node."""
        values = message.fields
        if values["destination"] != self.spec.node:
            return
        match message.message:
            case "DATA":
                self.egress.data(values, message.payload, now)
            case "REQUEST":
                self.egress.request(values, now)
            case "GRANT":
                self.source.granted(values, now)
                for claim in tuple(self.claims):
                    claim.granted(values, now)
            case "BACKPRESSURE":
                self.source.slow_down(values, now)

    def from_host(self, frame: bytes, now: int) -> None:
        """Queue a host frame for its destination; one for an unknown address is dropped."""
        host = self.around.by_mac.get(frame[:6])
        if host is None:
            return
        if host.node == self.spec.node:
            self.around.surroundings.deliver(host.name, frame, now)
            return
        self.source.take(host.node, host.port, frame, now)

    def drop_backlog(self) -> None:
        """Drop each queue that holds frames, as a play begins."""
        self.source.drop_backlog()

    def live(self, path: str, node: int, now: int) -> bool:
        """Return whether data for a node may take a path now."""
        return path in self._paths(node, now)

    def _paths(self, node: int, now: int) -> list[str]:
        """Links that data for a node may take now."""
        if not self.spec.links:
            return [path.link for path in self.around.paths if path.usable(node, now)]
        adjacent = self.around.adjacent
        interval = self.spec.hello_interval
        return [link for link in self.spec.links if adjacent[link].leads_to(node, now, interval)]

    def path(self, node: int, now: int) -> str:
        """Take the live path that has carried the least; empty when there is none."""
        return min(self._paths(node, now), key=lambda link: self._tallies.get(link, 0), default="")

    def send_data(self, path: str, values: Mapping[str, int], frame: bytes, now: int) -> None:
        """Send DATA on a path, and count what the path has carried."""
        self._tallies[path] = self._tallies.get(path, 0) + credit(frame)
        self._emit("DATA", path, values, frame, now)

    def control(self, message: str, values: Mapping[str, int], now: int) -> None:
        """Send a control message towards its destination, on the path that has carried the least."""
        if self.alive:
            self._emit(message, self.path(values["destination"], now), values, b"", now)

    def _emit(self, message: str, path: str, values: Mapping[str, int], payload: bytes, now: int) -> None:
        """Send a message on a path; without one, and while mute, it is lost."""
        if self._covered(self.spec.mute, now):
            return
        codec = self.around.codec
        if self.spec.links:
            if path:
                frame = codec.encode(message, values, payload=payload)
                self.around.surroundings.transmit(path, frame, now, control=message != "DATA")
            return
        hops = codec.profile.messages[message].hop_limit - 1
        for gsf in self.around.paths:
            if gsf.link == path:
                frame = codec.encode(message, {**values, "hop_limit": hops}, payload=payload)
                gsf.down(message, values, frame, now)
