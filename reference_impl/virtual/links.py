"""Links that carry real octets, each direction on its own, and what can go wrong on them."""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappush
from random import Random
from typing import Literal, Protocol

from reference_impl import codec
from reference_impl.device import Device, Send
from reference_impl.port import NEVER, OutPort, WireTimes, wire_times
from reference_impl.virtual.timeline import SHIFT, TIME, Timeline

Kind = Literal["loss", "duplicate", "delay", "reorder", "corrupt", "rate", "blackout"]


class Node(Protocol):
    """What a network can host: `due` says when `wake` is wanted, every call yields the frames to send."""

    @property
    def due(self) -> int:
        """Time of the next wake, in ns."""

    def receive(self, port: int, frame: bytes, now: int) -> Sequence[Send]:
        """Take a frame whose last bit has arrived."""

    def wake(self, now: int) -> Sequence[Send]:
        """Do what is due."""

    def carrier(self, port: int, up: bool, now: int) -> Sequence[Send]:
        """Learn of a change of the carrier."""


@dataclass(frozen=True)
class Impairment:
    """What befalls frames on a link from `start` to `stop` (ns; None: for good), in one direction or both.

    Of the frames whose message is in `messages` (all when empty; HOST is any that is no message of the
    fabric), `ordinals` (from 1) are hit, or every `every`th, or each with `probability`. `value` is the
    extra ns of a delay, the most extra ns of a reorder, extra copies, flipped bits, or Mbit/s.
    """

    link: str
    kind: Kind
    direction: int | None = None
    start: int = 0
    stop: int | None = None
    value: int = 1
    probability: float = 1.0
    messages: tuple[str, ...] = ()
    every: int | None = None
    ordinals: tuple[int, ...] = ()


class ActiveImpairment:
    """An impairment at work on one direction, with its own count and its own random numbers."""

    def __init__(self, impairment: Impairment, seed: str) -> None:
        self.spec = impairment
        self.kind = impairment.kind
        self.random = Random(seed)
        self.seen = 0
        names = impairment.messages
        self.types = {codec.KINDS[name] for name in names if name in codec.KINDS}
        self.all = not names
        if "HOST" in names:
            self.types.add(-1)

    def hits(self, frame: bytes) -> bool:
        """Count a frame, and say whether it is hit."""
        impairment = self.spec
        if not self.all and message_type(frame) not in self.types:
            return False
        self.seen += 1
        if impairment.ordinals:
            return self.seen in impairment.ordinals
        if impairment.every is not None:
            return self.seen % impairment.every == 0
        return impairment.probability >= 1 or self.random.random() < impairment.probability

    def corrupt(self, frame: bytes) -> bytes:
        """Flip bits under the checksum of a fabric message, or anywhere behind the MACs of a host frame."""
        known = message_type(frame) >= 0 and codec.kind_of(frame) is not None
        places = codec.protected(frame) if known else list(range(min(12, len(frame)) * 8, len(frame) * 8))
        damaged = bytearray(frame)
        for bit in self.random.sample(places, min(self.spec.value, len(places))):
            damaged[bit // 8] ^= 0x80 >> bit % 8
        return bytes(damaged)


def message_type(frame: bytes) -> int:
    """Kind of a fabric message, -1 for any other frame."""
    if frame[12:14] != codec.ETHERTYPE or len(frame) < codec.HEADER_END:
        return -1
    return codec.peek(frame)[0]


class Direction:
    """One direction of a link: the wire of the sender's port, and the way to the receiver.

    `feed` is the port of a device that is attached to the wire: each arrival advances it. Such a device gives
    nothing back, therefore, and what it receives goes straight to the ingress handler of its port.
    """

    __slots__ = (
        "delay",
        "down",
        "feed",
        "free_at",
        "impairments",
        "index",
        "last",
        "link",
        "name",
        "port",
        "receive",
        "seat",
        "slow",
        "tapped",
        "timeline",
        "times",
    )

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        timeline: Timeline,
        name: str,
        link: int,
        index: int,
        seat: "Seat",
        port: int,
        rate_mbps: int,
        delay: int,
        tapped: bool,
    ) -> None:
        self.timeline = timeline
        self.name = name
        self.link = link
        self.index = index
        self.seat = seat
        node = seat.node
        self.receive = node.ingress_handlers[port] if isinstance(node, Device) else node.receive
        self.port = port
        self.times: WireTimes = wire_times(rate_mbps)
        self.delay = delay
        self.tapped = tapped
        self.feed: OutPort | None = None
        self.free_at = 0
        self.down = False
        self.slow = False
        self.impairments: list[ActiveImpairment] = []
        self.last = 0

    @property
    def rate_mbps(self) -> int:
        """Rate of the wire."""
        return self.times.rate_mbps

    def send(self, frame: bytes, start: int) -> int:
        """Take a frame that starts to leave at a time, or once the wire is free; tell when it will have."""
        if start < self.free_at:  # noqa: PLR1730 - the data path
            start = self.free_at
        self.free_at = left = start + self.times[len(frame)]
        timeline = self.timeline
        if self.slow:
            self.carry(frame, left)
            return left
        if self.tapped:
            timeline.tapped.append((left, self.link, self.index, frame, 1))
        arrive = left + self.delay
        slot = arrive >> SHIFT
        events = timeline.slots.get(slot)
        if events is not None:
            events.append((arrive, self, frame))
        elif slot != timeline.slot:
            timeline.slots[slot] = [(arrive, self, frame)]
            heappush(timeline.order, slot)
        else:
            insort(timeline.playing, (arrive, self, frame), key=TIME)
        return left

    def carry(self, frame: bytes, left: int) -> None:  # noqa: C901 - one arm a kind
        """Bring a frame whose last bit leaves at `left` to the other end, with the impairment due to it."""
        copies = 0 if self.down else 1
        sent = frame
        extra = 0
        ordered = True
        for impairment in self.impairments:
            if not impairment.hits(sent):
                continue
            match impairment.kind:
                case "loss" | "blackout":
                    copies = 0
                case "duplicate":
                    copies += impairment.spec.value if copies else 0
                case "delay":
                    extra += impairment.spec.value
                case "reorder":
                    extra += impairment.random.randint(0, impairment.spec.value)
                    ordered = False
                case "corrupt":
                    frame = impairment.corrupt(frame)
        if self.tapped:
            self.timeline.tapped.append((left, self.link, self.index, sent, copies))
        arrive = left + self.delay + extra
        if ordered:
            arrive = max(arrive, self.last)
            self.last = arrive
        for copy in range(copies):
            self.timeline.insert((arrive + copy, self, frame))
        if self.feed is not None:
            self.timeline.insert((left, self, None))

    def advance_to(self, now: int) -> None:
        """See that what has started by now is on the wire."""
        if self.feed is not None:
            self.feed.advance_to(now)

    def happen(self, now: int) -> None:
        """Settle the port that feeds the wire, when the frame before may be lost and not arrive."""
        self.advance_to(now)


class Seat:
    """A node in the network, with the directions that its ports send on.

    `transmit(seat, sends, now)` takes what the node sends when it is woken.
    """

    __slots__ = ("armed", "node", "outs", "pending", "transmit")

    def __init__(self, node: Node, transmit: "Callable[[Seat, Sequence[Send], int], None]") -> None:
        self.node = node
        self.transmit = transmit
        self.outs: dict[int, Direction] = {}
        self.armed = NEVER
        self.pending: set[int] = set()

    def happen(self, now: int) -> None:
        """Wake the node if it still wants to be woken."""
        self.pending.discard(now)
        if self.node.due <= now:
            self.armed = NEVER
            self.transmit(self, self.node.wake(now), now)
