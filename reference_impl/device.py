"""What every device of the reference has: settings, ports, a timer heap, counters and events."""

from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count, islice
from random import Random
from typing import Any, ClassVar, Protocol, TypeVar

from reference_impl import codec
from reference_impl.config import DeviceConfig
from reference_impl.port import NEVER, HostPort, OutPort

Send = tuple[int, bytes]
"""A port index and the frame that starts to leave on it, without its FCS."""

Handler = Callable[[int, bytes, int], None]
"""Takes a frame that came in: `(port, frame, now)`."""

REMEMBERED_HEADERS = 65_536
REMEMBERED_EVENTS = 65_536

T = TypeVar("T")


class Resolve(Protocol):
    """Return the class to make in the place of a part, which is that part or derives from it."""

    def __call__(self, kind: type[T], /) -> type[T]:
        """Return it."""


def as_it_is(kind: type[T]) -> type[T]:
    """Return the part itself: nothing is to take its place."""
    return kind


class Role(IntEnum):
    """Roles by their number in the reference, the codec has their codes; SPINE is of the second tier."""

    GSP = 1
    GSF = 2
    NIC = 3
    SPINE = 4


DROP_CAUSES = (
    "unknown_destination",
    "frame_too_long",
    "link_local",
    "hairpin",
    "dgsq_exhausted",
    "no_path",
    "bad_checksum",
    "bad_version",
    "bad_message",
    "hop_limit",
    "not_for_this_node",
    "unknown_node",
    "late",
    "duplicate",
    "dgsq_aborted",
    "table_withdrawn",
    "queue_full",
)
"""The closed set of reasons to drop a frame."""

COUNTERS = (
    "rx_frames",
    "rx_fabric_frames",
    "containers_built",
    "containers_closed_flush",
    "containers_closed_full",
    "containers_moved",
    "dgsq_created",
    "dgsq_released",
    "dgsq_active",
    "requests_sent",
    "requests_received",
    "grants_sent",
    "grants_received",
    "granted_bytes",
    "expired_bytes",
    "forfeited_bytes",
    "backpressure_sent",
    "backpressure_received",
    "reorder_held",
    "reorder_timeouts",
    "gaps_closed",
    "hellos_sent",
    "hellos_received",
    "faults_sent",
    "faults_received",
    "path_down",
    "path_up",
    "dropped_frames",
    *(f"drop.{cause}" for cause in DROP_CAUSES),
)
"""The counters that a device keeps itself; the ports add what they sent."""


class EventLog:
    """What happened, as (time in ns, name, details); of too many events the oldest are forgotten."""

    def __init__(self) -> None:
        self.noted = 0
        self.kept: deque[tuple[int, str, dict[str, Any]]] = deque(maxlen=REMEMBERED_EVENTS)

    def note(self, now: int, name: str, details: dict[str, Any]) -> None:
        """Note an event."""
        self.noted += 1
        self.kept.append((now, name, details))

    def since(self, number: int) -> list[tuple[int, str, dict[str, Any]]]:
        """Return the events after the first `number` of all that were ever noted, as far as they are kept."""
        return list(islice(self.kept, max(number - self.noted + len(self.kept), 0), None))


class Device:
    """A sans-IO state machine: frames and the time go in, frames come out, `due` says when to wake it.

    Every rule lives in a part, made by `make`, so that `assembly` can put another class in the place of one.
    """

    role: ClassVar[Role]
    host_port: ClassVar[type[HostPort]] = HostPort
    fabric_port: ClassVar[type[OutPort]] = OutPort

    def __init__(self, config: DeviceConfig, resolve: Resolve = as_it_is) -> None:
        config.check()
        self.config = config
        self.node = config.node
        self.settings = config.settings
        self.resolve = resolve
        self.due = NEVER
        self.timers: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.ticket = count().__next__
        self.sends: list[Send] = []
        self.count: dict[str, int] = dict.fromkeys(COUNTERS, 0)
        self.events = EventLog()
        self.random = Random(config.seed)
        self.ports: list[OutPort] = [
            self.make(self.host_port if port.kind == "host" else self.fabric_port, self, index, port)
            for index, port in enumerate(config.ports)
        ]
        self.ingress_handlers: list[Handler] = [self.handle for _ in self.ports]
        """What takes the frames that come in, by port; a driver with attached ports calls it itself."""
        self.received = 0
        self.known: list[dict[bytes, tuple[codec.Header, int, int, int]]] = [{} for _ in self.ports]
        """What is known of messages for each port by their octets up to the end of the header.

        The header, the end of the extension, the CRC of the header, and what that of both has to come to.
        """

    def make(self, kind: type[T], *arguments: object) -> T:
        """Instantiate a part, or what `assembly` puts in its place."""
        return self.resolve(kind)(*arguments)

    def at(self, time: int, callback: Callable[..., None], *arguments: object) -> None:
        """Call `callback(now, *arguments)` at `time`; there is no way back, so a callback checks itself."""
        heappush(self.timers, (time, self.ticket(), callback, arguments))
        if time < self.due:  # noqa: PLR1730 - the data path
            self.due = time

    def start(self, now: int) -> list[Send]:
        """Begin to work; called once, with every link of the device up."""
        self.started(now)
        return self.flush()

    def receive(self, port: int, frame: bytes, now: int) -> list[Send]:
        """Take one frame whose last bit has arrived on `port`."""
        self.ingress_handlers[port](port, frame, now)
        sends = self.sends
        if sends:
            self.sends = []
        return sends

    def check(self, port: int, frame: bytes) -> codec.Header:
        """Return the header of a frame that is whole and meant for this port; `BadFrame` for any other."""
        known = self.known[port].get(frame[: codec.HEADER_END])
        if known is None:
            return self.check_anew(port, frame)
        header, end, crc, whole = known
        if len(frame) < end:
            raise codec.BadFrame("bad_message")
        if codec.update(frame[codec.HEADER_END : end], crc) != whole:
            raise codec.BadFrame("bad_checksum")
        return header

    def check_anew(self, port: int, frame: bytes) -> codec.Header:
        """Check a frame with a header that is not known, and know it from now on."""
        self.check_address(port, frame)
        header = codec.parse(frame)
        self.check_concern(header)
        outline = codec.outline(frame)
        if outline is not None:
            known = self.known[port]
            if len(known) >= REMEMBERED_HEADERS:
                known.clear()
            known[frame[: codec.HEADER_END]] = (header, *outline)
        return header

    def check_address(self, port: int, frame: bytes) -> None:
        """Let a frame of the fabric in that is meant for this port; `BadFrame` for any other."""
        if frame[12:14] != codec.ETHERTYPE:
            raise codec.BadFrame("bad_message")
        if frame[:6] not in (self.ports[port].mac, codec.HELLO_ADDRESS):
            raise codec.BadFrame("not_for_this_node")

    def check_concern(self, header: codec.Header) -> None:
        """Let a message in that is meant for this node; for the role to fill in."""

    def wake(self, now: int) -> list[Send]:
        """Run every timer that is due."""
        timers = self.timers
        while timers and timers[0][0] <= now:
            _, _, callback, arguments = heappop(timers)
            callback(now, *arguments)
        self.due = timers[0][0] if timers else NEVER
        sends = self.sends
        if sends:
            self.sends = []
        return sends

    def carrier(self, port: int, up: bool, now: int) -> list[Send]:
        """Learn that the light on a port went on or off."""
        self.carrier_changed(port, up, now)
        return self.flush()

    def rate(self, port: int, rate_mbps: int, now: int) -> list[Send]:
        """Learn that the link on a port now runs at another rate."""
        self.ports[port].advance_to(now)
        self.ports[port].run_at(rate_mbps)
        self.rate_changed(port, now)
        return self.flush()

    def manage(self, action: str, arguments: Mapping[str, Any], now: int) -> list[Send]:
        """Do what GSOS or an operator asks: `setting` takes `name` and `value`; a role adds its own."""
        method = getattr(self, f"manage_{action}", None)
        if method is None:
            raise ValueError(f"{self.config.name}: no management action {action!r}")
        method(now, **arguments)
        return self.flush()

    def manage_setting(self, now: int, name: str, value: int | str) -> None:
        """Change one setting while the device runs, or refuse to."""
        cause = self.refusal(name, value)
        if cause is not None:
            self.event(now, "setting_refused", name=name, value=value, cause=cause)
            return
        self.settings = replace(self.settings, **{name: value})  # type: ignore[arg-type]
        self.event(now, "setting", name=name, value=value)

    def refusal(self, name: str, value: int | str) -> str | None:
        """Return why a setting cannot work with the others, None when it can."""
        if not hasattr(self.settings, name):
            return f"{name} {value} is no setting"
        cause = replace(self.settings, **{name: value}).faults().get(name)  # type: ignore[arg-type]
        return cause and f"{value} {cause}"

    def flush(self) -> list[Send]:
        """Hand over the frames that started to leave."""
        sends, self.sends = self.sends, []
        return sends

    def drop(self, cause: str) -> None:
        """Count a frame that goes no further, under one of `DROP_CAUSES`."""
        counters = self.count
        counters["drop." + cause] += 1
        counters["dropped_frames"] += 1

    def event(self, now: int, name: str, /, **details: object) -> None:
        """Note what an operator would want to read in the log."""
        self.events.note(now, name, details)

    def counters(self) -> dict[str, int]:
        """Read every counter, those of the ports included."""
        result = dict(self.count)
        result["rx_fabric_frames"] += self.received
        result["tx_frames"] = sum(port.sent_frames for port in self.ports if port.kind == "host")
        result["tx_fabric_frames"] = sum(port.sent_frames for port in self.ports if port.kind == "fabric")
        for port in self.ports:
            if port.kind == "fabric":
                result[f"tx_bytes.{port.index}"] = port.sent_bytes
        return result

    def state(self) -> dict[str, Any]:
        """Show what the device knows, as JSON."""
        return {"name": self.config.name, "node": self.node, "role": self.role.name}

    def started(self, now: int) -> None:
        """Begin to work; for the role to fill in."""

    def handle(self, port: int, frame: bytes, now: int) -> None:
        """Act on one frame; for the role to fill in."""
        raise NotImplementedError

    def carrier_changed(self, port: int, up: bool, now: int) -> None:
        """Act on a change of the carrier; for the role to fill in."""

    def rate_changed(self, port: int, now: int) -> None:
        """Act on a change of a link rate; for the role to fill in."""

    def paths_lost(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Save what waits on (port, node) pairs that lead nowhere any more; for the role to fill in."""

    def paths_changed(self, now: int) -> None:
        """Act on other paths or weights; for the role to fill in."""
