"""The virtual-time network: devices, links that carry real octets, and what can go wrong on them.

Time is integer ns. Events wait in slots of 512 ns, in the order they were made within one ns; a heap holds
the numbers of the slots that are in use. The same nodes, links, impairments and seed give the same run.

The devices lend their ports to the links: what waits in a port leaves at times that are known beforehand, so
there is no event for it. The arrival of each frame puts on the wire what has started behind it meanwhile.
"""

import gc
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import chain, count
from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol

from reference_impl import codec
from reference_impl.device import NEVER, Device, Send
from reference_impl.port import WireTimes, wire_times

if TYPE_CHECKING:
    from reference_impl.port import OutPort

SHIFT = 9
TIME = itemgetter(0)

Tap = tuple[int, int, int, bytes, int]
"""When the last bit left the sender (ns), link index, direction (0 is a to b), frame, copies delivered."""

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
    """Harm done to frames on a link from `start` to `stop` (ns; None: for good), in one direction or both.

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


class Harm:
    """An impairment at work on one direction, with its own count and its own random numbers."""

    def __init__(self, impairment: Impairment, seed: str) -> None:
        self.impairment = impairment
        self.kind = impairment.kind
        self.random = Random(seed)
        self.seen = 0
        names = impairment.messages
        messages = codec.PROFILE.messages
        self.types = {messages[name].type_code for name in names if name != "HOST"}
        self.all = not names
        if "HOST" in names:
            self.types.add(-1)

    def hits(self, frame: bytes) -> bool:
        """Count a frame, and say whether it is hit."""
        impairment = self.impairment
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
        first, last = checked_octets(frame)
        places = [
            bit for bit in range(first * 8, last * 8) if not first < last or bit // 8 != codec.HOP_LIMIT_OCTET
        ]
        if message_type(frame) < 0:
            places = list(range(first * 8, last * 8))
        damaged = bytearray(frame)
        for bit in self.random.sample(places, min(self.impairment.value, len(places))):
            damaged[bit // 8] ^= 0x80 >> bit % 8
        return bytes(damaged)


def message_type(frame: bytes) -> int:
    """Type code of a fabric message, -1 for any other frame."""
    if frame[12:14] != codec.ETHERTYPE or len(frame) <= codec.HOP_LIMIT_OCTET:
        return -1
    return codec.peek(frame)[0]


def checked_octets(frame: bytes) -> tuple[int, int]:
    """First octet and end of where a bit error is to fall: header and extension, or all but the MACs."""
    kind = message_type(frame)
    message = codec.PROFILE.message_of(kind)
    if message is None:
        return min(12, len(frame)), len(frame)
    return codec.START, min(len(frame), codec.START + codec.PROFILE.header.octets + message.fields.octets)


class Direction:
    """One direction of a link: the wire of the sender's port, and the way to the receiver.

    `feed` is the port of a device that lent its frames to the wire: each arrival settles it. A device gives
    nothing back, therefore, and what it receives goes straight to the entrance of its port.
    """

    __slots__ = (
        "delay",
        "down",
        "feed",
        "free_at",
        "harms",
        "index",
        "last",
        "link",
        "name",
        "network",
        "port",
        "receive",
        "seat",
        "slow",
        "tapped",
        "times",
    )

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        network: "Network",
        name: str,
        link: int,
        index: int,
        seat: "Seat",
        port: int,
        rate_mbps: int,
        delay: int,
        tapped: bool,
    ) -> None:
        self.network = network
        self.name = name
        self.link = link
        self.index = index
        self.seat = seat
        node = seat.node
        self.receive = node.entrances[port] if isinstance(node, Device) else node.receive
        self.port = port
        self.times: WireTimes = wire_times(rate_mbps)
        self.delay = delay
        self.tapped = tapped
        self.feed: OutPort | None = None
        self.free_at = 0
        self.down = False
        self.slow = False
        self.harms: list[Harm] = []
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
        network = self.network
        if self.slow:
            network.carry(self, frame, left)
            return left
        if self.tapped:
            network.tapped.append((left, self.link, self.index, frame, 1))
        arrive = left + self.delay
        slot = arrive >> SHIFT
        events = network.slots.get(slot)
        if events is not None:
            events.append((arrive, self, frame))
        elif slot != network.slot:
            network.slots[slot] = [(arrive, self, frame)]
            heappush(network.order, slot)
        else:
            insort(network.playing, (arrive, self, frame), key=TIME)
        return left

    def settle(self, now: int) -> None:
        """See that what has started by now is on the wire."""
        if self.feed is not None:
            self.feed.settle(now)

    def happen(self, now: int) -> None:
        """Settle the port that feeds the wire, when the frame before may be lost and not arrive."""
        self.settle(now)


class Seat:
    """A node in the network, with the directions that its ports send on."""

    __slots__ = ("armed", "index", "network", "node", "outs", "pending")

    def __init__(self, network: "Network", node: Node, index: int) -> None:
        self.network = network
        self.node = node
        self.index = index
        self.outs: dict[int, Direction] = {}
        self.armed = NEVER
        self.pending: set[int] = set()

    def happen(self, now: int) -> None:
        """Wake the node if it still wants to be woken."""
        self.pending.discard(now)
        if self.node.due <= now:
            self.armed = NEVER
            self.network.transmit(self, self.node.wake(now), now)


class Call:
    """A function of the time to call."""

    __slots__ = ("function", "network")

    def __init__(self, network: "Network", function: Callable[[int], None]) -> None:
        self.network = network
        self.function = function

    def happen(self, now: int) -> None:
        """Call it."""
        self.network.now = now
        self.function(now)


Event = tuple[int, Any, bytes | None]
"""Time, and a direction with the frame that arrives on it, or whatever `happen`s then and None."""


class Network:
    """Nodes and links in virtual time."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.now = 0
        self.slots: dict[int, list[Event]] = {}
        self.order: list[int] = []
        self.slot = -1
        self.playing: list[Event] = []
        """The events of the slot that is being played, which is in `slots` no longer."""
        self.ticket = count().__next__
        self.seats: list[Seat] = []
        self.seat_of: dict[int, Seat] = {}
        self.links: list[tuple[Direction, Direction]] = []
        self.link_names: list[str] = []
        self.tapped: list[Tap] = []

    def add(self, node: Node) -> None:
        """Take a node in."""
        seat = Seat(self, node, len(self.seats))
        self.seats.append(seat)
        self.seat_of[id(node)] = seat

    def link(
        self,
        name: str,
        a: tuple[Node, int],
        b: tuple[Node, int],
        *,
        rate_mbps: int = 8000,
        delay_ns: int = 500,
        tap: bool = True,
    ) -> int:
        """Join `a` and `b`, each (node, port number); direction 0 is from a to b. Gives the link's index."""
        index = len(self.links)
        first, second = self.seat_of[id(a[0])], self.seat_of[id(b[0])]
        there = Direction(self, name, index, 0, second, b[1], rate_mbps, delay_ns, tap)
        back = Direction(self, name, index, 1, first, a[1], rate_mbps, delay_ns, tap)
        for seat, port, direction in ((first, a[1], there), (second, b[1], back)):
            if port in seat.outs:
                raise ValueError(f"link {name!r}: port {port} has a link already")
            seat.outs[port] = direction
            if isinstance(seat.node, Device):
                direction.feed = seat.node.ports[port]
                direction.feed.lend(direction.send)
        self.links.append((there, back))
        self.link_names.append(name)
        return index

    def hurry(self) -> None:
        """Put every frame on its wire at once from now on, for the sake of taps that are watched."""
        for direction in chain.from_iterable(self.links):
            if direction.feed is not None:
                direction.feed.lend(direction.send, prompt=True)

    def directions(self, link: str, direction: int | None = None) -> tuple[Direction, ...]:
        """Give one or both directions of a link; KeyError for an unknown one."""
        if link not in self.link_names:
            raise KeyError(f"no link {link!r}")
        pair = self.links[self.link_names.index(link)]
        return pair if direction is None else (pair[direction],)

    @property
    def taps(self) -> list[Tap]:
        """Every frame sent on a tapped link, in the order in which the last bits left."""
        self.tapped.sort(key=TIME)
        return self.tapped

    def impair(self, impairment: Impairment, offset: int = 0) -> None:
        """Plan an impairment, its times counted from `offset`."""
        for direction in self.directions(impairment.link, impairment.direction):
            number = self.ticket()
            harm = Harm(impairment, f"{self.seed}/{direction.name}/{direction.index}/{number}")
            self.call(offset + impairment.start, self.begin(direction, harm))
            if impairment.stop is not None:
                self.call(offset + impairment.stop, self.end(direction, harm))

    def begin(self, direction: Direction, harm: Harm) -> Callable[[int], None]:
        """Make the call that starts an impairment."""

        def begin(now: int) -> None:
            if harm.kind == "rate":
                harm.seen = direction.rate_mbps
                self.change_rate(direction, harm.impairment.value, now)
                return
            direction.settle(now)
            direction.harms.append(harm)
            direction.slow = True
            self.insert((max(now, direction.free_at), direction, None))

        return begin

    def end(self, direction: Direction, harm: Harm) -> Callable[[int], None]:
        """Make the call that ends an impairment."""

        def end(now: int) -> None:
            if harm.kind == "rate":
                self.change_rate(direction, harm.seen, now)
                return
            direction.settle(now)
            direction.harms.remove(harm)
            direction.slow = bool(direction.harms) or direction.down or direction.last > now

        return end

    def change_rate(self, direction: Direction, rate_mbps: int, now: int) -> None:
        """Run a direction at another rate, and tell its sender where that can be told."""
        direction.settle(now)
        direction.times = wire_times(rate_mbps)
        back = self.links[direction.link][1 - direction.index]
        hook = getattr(back.seat.node, "rate", None)
        if hook is not None:
            self.transmit(back.seat, hook(back.port, rate_mbps, now), now)

    def link_event(self, time: int, link: str, up: bool) -> None:
        """Cut or mend a link; what is on it when it is cut is lost, and both ends learn of the carrier."""
        pair = self.directions(link)

        def change(now: int) -> None:
            if pair[0].down is not up:
                return
            for direction in pair:
                direction.settle(now)
                direction.down = not up
                direction.slow = direction.down or bool(direction.harms)
                if not up:
                    self.purge(direction, now)
                    direction.free_at = direction.last = now
                    self.insert((now, direction, None))
            for direction in pair:
                seat = direction.seat
                self.transmit(seat, seat.node.carrier(direction.port, up, now), now)

        self.call(time, change)

    def call(self, time: int, function: Callable[[int], None]) -> None:
        """Call a function at a time, before what is planned later for the same ns."""
        self.insert((max(time, self.now), Call(self, function), None))

    def manage(self, time: int, node: Any, action: str, arguments: dict[str, Any]) -> None:  # noqa: ANN401 - any device with management
        """Ask a node to do something at a time."""
        seat = self.seat_of[id(node)]
        self.call(time, lambda now: self.transmit(seat, node.manage(action, arguments, now), now))

    def start(self) -> None:
        """Start every node that has a start, in the order they were added."""
        for seat in self.seats:
            begin = getattr(seat.node, "start", None)
            self.transmit(seat, begin(self.now) if begin is not None else (), self.now)

    def insert(self, event: Event) -> None:
        """Put an event in its place; its time is not before the current one."""
        slot = event[0] >> SHIFT
        events = self.slots.get(slot)
        if events is not None:
            events.append(event)
        elif slot != self.slot:
            self.slots[slot] = [event]
            heappush(self.order, slot)
        else:
            insort(self.playing, event, key=TIME)

    def arm(self, seat: Seat, now: int) -> None:
        """See that a node is woken when it wants to be."""
        due = seat.node.due
        seat.armed = due
        if due < NEVER and due not in seat.pending:
            due = max(due, now)
            seat.pending.add(due)
            self.insert((due, seat, None))

    def transmit(self, seat: Seat, sends: Sequence[Send], now: int) -> None:
        """Put frames on the links of a node, then see when it wants to be woken."""
        for port, frame in sends:
            direction = seat.outs.get(port)
            if direction is None:
                continue
            direction.send(frame, now)
        if seat.node.due != seat.armed:
            self.arm(seat, now)

    def carry(self, direction: Direction, frame: bytes, left: int) -> None:  # noqa: C901 - one arm a kind
        """Bring a frame whose last bit leaves at `left` to the other end, with the harm due to it."""
        copies = 0 if direction.down else 1
        sent = frame
        extra = 0
        ordered = True
        for harm in direction.harms:
            if not harm.hits(sent):
                continue
            match harm.kind:
                case "loss" | "blackout":
                    copies = 0
                case "duplicate":
                    copies += harm.impairment.value if copies else 0
                case "delay":
                    extra += harm.impairment.value
                case "reorder":
                    extra += harm.random.randint(0, harm.impairment.value)
                    ordered = False
                case "corrupt":
                    frame = harm.corrupt(frame)
        if direction.tapped:
            self.tapped.append((left, direction.link, direction.index, sent, copies))
        arrive = left + direction.delay + extra
        if ordered:
            arrive = max(arrive, direction.last)
            direction.last = arrive
        for copy in range(copies):
            self.insert((arrive + copy, direction, frame))
        if direction.feed is not None:
            self.insert((left, direction, None))

    def purge(self, direction: Direction, now: int) -> None:
        """Lose the frames that are on a direction, and say so in the taps."""

        def on_wire(event: Event) -> bool:
            return event[1] is direction and event[2] is not None and event[0] > now

        lost: Counter[int] = Counter()
        for events in (self.playing, *self.slots.values()):
            gone = [id(event[2]) for event in events if on_wire(event)]
            if gone:
                lost.update(gone)
                events[:] = [event for event in events if not on_wire(event)]
        for index in range(len(self.tapped) - 1, -1, -1):
            if not lost:
                break
            time, link, way, frame, _ = self.tapped[index]
            if link == direction.link and way == direction.index and id(frame) in lost:
                lost.subtract([id(frame)])
                lost = +lost
                self.tapped[index] = (time, link, way, frame, 0)

    def run(self, until: int) -> None:
        """Let everything happen up to and including a time."""
        for seat in self.seats:
            if seat.node.due != seat.armed:
                self.arm(seat, self.now)
        slots, order = self.slots, self.order
        last = until >> SHIFT
        collecting = gc.isenabled()
        gc.disable()
        try:
            while order and order[0] <= last:
                self.slot = slot = heappop(order)
                self.playing = events = slots.pop(slot)
                if len(events) > 1:
                    events.sort(key=TIME)
                self.play(events, until)
                if slot == last:
                    del events[: bisect_right(events, until, key=TIME)]
                    if events:
                        slots[slot] = events
                        heappush(order, slot)
                        break
        finally:
            if collecting:
                gc.enable()
        self.slot = -1
        self.playing = []
        self.now = until
        for direction in chain.from_iterable(self.links):
            direction.settle(until)

    def play(self, events: list[Event], until: int) -> None:
        """Let the events of a slot happen, and those that come to it meanwhile; the hot loop."""
        for now, target, frame in events:
            if now > until:
                break
            if frame is None:
                target.happen(now)
                continue
            feed = target.feed
            if feed is not None and feed.queued:
                feed.settle(now)
            sends = target.receive(target.port, frame, now)
            seat = target.seat
            if sends:
                outs = seat.outs
                for out, data in sends:
                    if out in outs:
                        outs[out].send(data, now)
            if seat.node.due != seat.armed:
                self.arm(seat, now)

    def run_until_quiet(
        self,
        settle: int,
        limit: int,
        is_data: Callable[[bytes], bool],
        busy: Callable[[], bool] = lambda: False,
    ) -> int:
        """Run until no data frame was seen for `settle` ns and nothing is `busy`, or to the time `limit`.

        Gives the time at which the run ended.
        """
        quiet_from = self.now
        seen = len(self.tapped)
        while self.now < limit:
            self.run(min(limit, max(quiet_from, self.now) + settle if busy() else quiet_from + settle))
            fresh = [time for time, _, _, frame, _ in self.tapped[seen:] if is_data(frame)]
            seen = len(self.tapped)
            quiet_from = max([quiet_from, *fresh])
            if self.now >= quiet_from + settle and not busy():
                break
        return self.now
