"""What emulated devices share: their surroundings, what a link knows of its neighbour, HELLO and signals."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from traffic.frames.codec import NEIGHBOUR, Codec, Decoded
from traffic.scenario import GsfPeer, GspPeer, HostAddress, Signal, Window

MISSES: Final = 3
"""Hello intervals after which what was heard is stale."""
BEFORE_WRAP: Final = 12
"""HELLO of an emulated device on a link before their sequence wraps, so that it does so in most plays."""
QueueKey = tuple[int, int, int]
"""Node (the other end), egress port, class."""
Spec = TypeVar("Spec", GsfPeer, GspPeer)


class Surroundings(Protocol):
    """What the peers need of the tester that hosts them."""

    def at(self, time: int, call: Callable[[int], None]) -> None:
        """Call back at a time."""

    def transmit(self, link: str, frame: bytes, now: int, *, control: bool) -> None:
        """Queue a frame on a fabric link; control goes first."""

    def deliver(self, host: str, frame: bytes, now: int) -> None:
        """Hand a host frame to a host behind an emulated GSP."""


class Path(Protocol):
    """An emulated GSF, as the GSPs behind it see it."""

    @property
    def link(self) -> str:
        """The link to the device under test."""

    def usable(self, node: int, now: int) -> bool:
        """Whether data for a node may take this path."""

    def down(self, message: str, values: Mapping[str, int], frame: bytes, now: int) -> None:
        """Forward a frame to the device under test."""


class End(Protocol):
    """An emulated GSP, as the GSFs before it see it."""

    def receive(self, message: Decoded, frame: bytes, now: int) -> None:
        """Take a message."""


@dataclass
class Adjacency:
    """What a fabric link knows of its neighbour."""

    address: bytes = NEIGHBOUR
    node: int = 0
    sequence: int = 0
    heard_at: int | None = None
    two_way: bool = False
    reaches: set[int] = field(default_factory=set)

    def fresh(self, now: int, interval: int) -> bool:
        """Whether the neighbour was heard lately."""
        return self.heard_at is not None and now - self.heard_at <= MISSES * interval

    def leads_to(self, node: int, now: int, interval: int) -> bool:
        """Whether the link is up both ways and the neighbour announces the node."""
        return self.two_way and node in self.reaches and self.fresh(now, interval)


@dataclass
class Neighbourhood:
    """What emulated devices know of each other and of the testbed."""

    surroundings: Surroundings
    codec: Codec
    hosts: Mapping[str, HostAddress]
    adjacent: dict[str, Adjacency]
    paths: list[Path] = field(default_factory=list)
    ends: dict[int, End] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_mac = {host.mac: host for host in self.hosts.values()}

    def later(self, time: int, now: int, call: Callable[[int], None]) -> None:
        """Call back at a time, at once where that is not after now."""
        if time > now:
            self.surroundings.at(time, call)
        else:
            call(now)


class Leaf(Protocol):
    """What the two halves of an emulated GSP need of it."""

    around: Neighbourhood
    spec: GspPeer
    alive: bool

    def time(self, now: int) -> int:
        """Time in the play, 0 before it starts."""

    def control(self, message: str, values: Mapping[str, int], now: int) -> None:
        """Send a control message towards its destination."""

    def live(self, path: str, node: int, now: int) -> bool:
        """Return whether data for a node may take a path now."""

    def path(self, node: int, now: int) -> str:
        """Take the live path that has carried the least; empty when there is none."""

    def send_data(self, path: str, values: Mapping[str, int], frame: bytes, now: int) -> None:
        """Send DATA on a path."""


class Emulated(Generic[Spec]):
    """An emulated device: a specification that may change, and an origin from which its times count."""

    role: str

    def __init__(
        self, around: Neighbourhood, spec: Spec, origin: int, links: Iterable[tuple[str, int]]
    ) -> None:
        self.around = around
        self.spec: Spec = spec
        self.origin = origin
        self.alive = True
        self._links = tuple(links)
        self._numbers = around.codec.profile.numbers("HELLO")
        self._sequences = dict.fromkeys((link for link, _ in self._links), self._numbers - BEFORE_WRAP)

    def adopt(self, spec: Spec, origin: int) -> None:
        """Behave as specified from `origin` on, and begin to count anew."""
        self.spec = spec
        self.origin = origin
        for signal in spec.signals:
            self._plan(signal)

    def greet(self, now: int) -> None:
        """Say HELLO on every link, and again after each interval."""
        if not self.alive:
            return
        for link, port_id in self._links:
            if not self._covered(self.hello_off, now):
                self._sequences[link] = (self._sequences[link] + 1) % self._numbers
                self._hello(link, port_id, now)
        self.around.surroundings.at(now + self.spec.hello_interval, self.greet)

    @property
    def hello_off(self) -> tuple[Window, ...]:
        """Windows without HELLO."""
        raise NotImplementedError

    def announced(self, now: int) -> list[dict[str, int]]:
        """Return the entries of a HELLO."""
        raise NotImplementedError

    def control(self, message: str, values: Mapping[str, int], now: int) -> None:
        """Send a control message towards its destination."""
        raise NotImplementedError

    def time(self, now: int) -> int:
        """Time in the play, 0 before it starts."""
        return max(0, now - self.origin)

    def _covered(self, windows: Iterable[Window], now: int) -> bool:
        return now >= self.origin and any(window.holds(now - self.origin) for window in windows)

    def _hello(self, link: str, port_id: int, now: int) -> None:
        profile = self.around.codec.profile
        adjacency = self.around.adjacent[link]
        heard = adjacency.fresh(now, self.spec.hello_interval) and not self._covered(self.spec.unheard, now)
        values = {
            "source": self.spec.node,
            "role": profile.code("HELLO", "role", self.role),
            "sequence": self._sequences[link],
            "rate": self.spec.rate_mbps,
            "heard_node": adjacency.node if heard else 0,
            "heard_sequence": adjacency.sequence if heard else 0,
        }
        if profile.has("HELLO", "port_id"):
            values["port_id"] = port_id
        frame = self.around.codec.encode("HELLO", values, entries=self.announced(now))
        self.around.surroundings.transmit(link, frame, now, control=True)

    def _plan(self, signal: Signal) -> None:
        origin = self.origin
        stop = None if signal.stop is None else origin + signal.stop

        longest = self.around.codec.profile.field("BACKPRESSURE", "validity").most

        def say(level: int, now: int) -> None:
            for node in signal.to:
                values = {
                    "source": self.spec.node,
                    "destination": node,
                    "about": signal.about,
                    "level": level,
                    "validity": min(signal.validity, longest),
                }
                self.control("BACKPRESSURE", values, now)

        def repeat(now: int) -> None:
            if not self.alive or self.origin != origin or (stop is not None and now >= stop):
                return
            say(signal.level, now)
            if signal.repeat is not None:
                self.around.surroundings.at(now + signal.repeat, repeat)

        def release(now: int) -> None:
            if self.alive and self.origin == origin:
                say(0, now)

        self.around.surroundings.at(origin + signal.start, repeat)
        if stop is not None and signal.releases:
            self.around.surroundings.at(stop, release)
