"""The virtual-time network: devices, links that carry real octets, and what can go wrong on them.

Time is integer ns. The same nodes, links, impairments and seed give the same run.

The devices attach their ports to the links: what waits in a port leaves at times that are known beforehand,
so there is no event for it. The arrival of each frame puts on the wire what has started behind it meanwhile.
"""

import gc
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import chain, count
from typing import Any

from reference_impl.device import Device, Send
from reference_impl.port import NEVER, wire_times
from reference_impl.virtual.links import ActiveImpairment, Direction, Impairment, Node, Seat
from reference_impl.virtual.timeline import SHIFT, TIME, Event, Tap, Timeline


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


class Network:
    """Nodes and links in virtual time."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.now = 0
        self.timeline = Timeline()
        self.ticket = count().__next__
        self.seats: list[Seat] = []
        self.seat_of: dict[int, Seat] = {}
        self.links: list[tuple[Direction, Direction]] = []
        self.link_names: list[str] = []

    def add(self, node: Node) -> None:
        """Take a node in."""
        seat = Seat(node, self.transmit)
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
        there = Direction(self.timeline, name, index, 0, second, b[1], rate_mbps, delay_ns, tap)
        back = Direction(self.timeline, name, index, 1, first, a[1], rate_mbps, delay_ns, tap)
        for seat, port, direction in ((first, a[1], there), (second, b[1], back)):
            if port in seat.outs:
                raise ValueError(f"link {name!r}: port {port} has a link already")
            seat.outs[port] = direction
            if isinstance(seat.node, Device):
                direction.feed = seat.node.ports[port]
                direction.feed.attach(direction.send)
        self.links.append((there, back))
        self.link_names.append(name)
        return index

    def hurry(self) -> None:
        """Put every frame on its wire at once from now on, for the sake of taps that are watched."""
        for direction in chain.from_iterable(self.links):
            if direction.feed is not None:
                direction.feed.attach(direction.send, eager=True)

    def directions(self, link: str, direction: int | None = None) -> tuple[Direction, ...]:
        """Return one or both directions of a link; KeyError for an unknown one."""
        if link not in self.link_names:
            raise KeyError(f"no link {link!r}")
        pair = self.links[self.link_names.index(link)]
        return pair if direction is None else (pair[direction],)

    @property
    def tapped(self) -> list[Tap]:
        """Every frame sent on a tapped link, in the order of sending; another list may take its place."""
        return self.timeline.tapped

    @tapped.setter
    def tapped(self, taps: list[Tap]) -> None:
        self.timeline.tapped = taps

    @property
    def taps(self) -> list[Tap]:
        """Every frame sent on a tapped link, in the order in which the last bits left."""
        self.tapped.sort(key=TIME)
        return self.tapped

    def impair(self, impairment: Impairment, offset: int = 0) -> None:
        """Plan an impairment, its times counted from `offset`."""
        for direction in self.directions(impairment.link, impairment.direction):
            number = self.ticket()
            active = ActiveImpairment(impairment, f"{self.seed}/{direction.name}/{direction.index}/{number}")
            self.call(offset + impairment.start, self.begin(direction, active))
            if impairment.stop is not None:
                self.call(offset + impairment.stop, self.end(direction, active))

    def begin(self, direction: Direction, impairment: ActiveImpairment) -> Callable[[int], None]:
        """Make the call that starts an impairment."""

        def begin(now: int) -> None:
            if impairment.kind == "rate":
                impairment.seen = direction.rate_mbps
                self.change_rate(direction, impairment.spec.value, now)
                return
            direction.advance_to(now)
            direction.impairments.append(impairment)
            direction.slow = True
            self.timeline.insert((max(now, direction.free_at), direction, None))

        return begin

    def end(self, direction: Direction, impairment: ActiveImpairment) -> Callable[[int], None]:
        """Make the call that ends an impairment."""

        def end(now: int) -> None:
            if impairment.kind == "rate":
                self.change_rate(direction, impairment.seen, now)
                return
            direction.advance_to(now)
            direction.impairments.remove(impairment)
            direction.slow = bool(direction.impairments) or direction.down or direction.last > now

        return end

    def change_rate(self, direction: Direction, rate_mbps: int, now: int) -> None:
        """Run a direction at another rate, and tell its sender where that can be told."""
        direction.advance_to(now)
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
                direction.advance_to(now)
                direction.down = not up
                direction.slow = direction.down or bool(direction.impairments)
                if not up:
                    self.purge(direction, now)
                    direction.free_at = direction.last = now
                    self.timeline.insert((now, direction, None))
            for direction in pair:
                seat = direction.seat
                self.transmit(seat, seat.node.carrier(direction.port, up, now), now)

        self.call(time, change)

    def call(self, time: int, function: Callable[[int], None]) -> None:
        """Call a function at a time, before what is planned later for the same ns."""
        self.timeline.insert((max(time, self.now), Call(self, function), None))

    def manage(self, time: int, node: Any, action: str, arguments: dict[str, Any]) -> None:  # noqa: ANN401 - any device with management
        """Ask a node to do something at a time."""
        seat = self.seat_of[id(node)]
        self.call(time, lambda now: self.transmit(seat, node.manage(action, arguments, now), now))

    def start(self) -> None:
        """Start every node that has a start, in the order they were added."""
        for seat in self.seats:
            begin = getattr(seat.node, "start", None)
            self.transmit(seat, begin(self.now) if begin is not None else (), self.now)

    def arm(self, seat: Seat, now: int) -> None:
        """See that a node is woken when it wants to be."""
        due = seat.node.due
        seat.armed = due
        if due < NEVER and due not in seat.pending:
            due = max(due, now)
            seat.pending.add(due)
            self.timeline.insert((due, seat, None))

    def transmit(self, seat: Seat, sends: Sequence[Send], now: int) -> None:
        """Put frames on the links of a node, then see when it wants to be woken."""
        for port, frame in sends:
            direction = seat.outs.get(port)
            if direction is None:
                continue
            direction.send(frame, now)
        if seat.node.due != seat.armed:
            self.arm(seat, now)

    def purge(self, direction: Direction, now: int) -> None:
        """Lose the frames that are on a direction, and say so in the taps."""

        def on_wire(event: Event) -> bool:
            return event[1] is direction and event[2] is not None and event[0] > now

        lost: Counter[int] = Counter()
        for events in (self.timeline.playing, *self.timeline.slots.values()):
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
        timeline = self.timeline
        slots, order = timeline.slots, timeline.order
        last = until >> SHIFT
        collecting = gc.isenabled()
        gc.disable()
        try:
            while order and order[0] <= last:
                timeline.slot = slot = heappop(order)
                timeline.playing = events = slots.pop(slot)
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
        timeline.slot = -1
        timeline.playing = []
        self.now = until
        for direction in chain.from_iterable(self.links):
            direction.advance_to(until)

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
                feed.advance_to(now)
            sends = target.receive(target.port, frame, now)
            seat = target.seat
            if sends:
                outs = seat.outs
                for out, data in sends:
                    if out in outs:
                        outs[out].send(data, now)
            if seat.node.due != seat.armed:
                self.arm(seat, now)
