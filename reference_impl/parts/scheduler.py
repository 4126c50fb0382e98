"""Whose turn it is: the order in which the sources of a host port are granted, and how much at a time."""

from collections.abc import Callable
from operator import attrgetter

from reference_impl.parts.credit import ClassRing, PortCredit, Source
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.window import CreditWindow

SMALL_GRANT = 4096

Give = Callable[[PortCredit, Source, int, int], None]
"""`(port, source, credit bytes, now)`: grant new credit."""


class Scheduler:
    """Deficit round robin (Shreedhar and Varghese, 1996) among the sources of each host port.

    1. A source that wants credit takes a place at the end of the ring of its class: it has need, and holds
       less than its allowance.
    2. The turn is that of the class that was least served by its weight, of those with sources in their ring
       that the host has not paused. A class that had nothing to ask for catches up by two quanta at most.
    3. The first source of its ring gets a quantum where its deficit is used up. A quantum is a container, or
       what a source may hold where that is less, so that a turn can be used up; the longest frame at least.
    4. The step is the least of its need, its allowance and its deficit, cut to the room in the window of the
       port, then to that in the fabric. A step that is not worth a GRANT is not made: the port waits until
       enough has come free, or for the fabric, in turn with the other ports.
    5. The step is granted, and charged to the deficit of the source and to its class. The turn passes on
       where the deficit is used up; a source that wants no more leaves the ring when its turn comes.
    6. What a source sent beyond its grant is charged to its deficit as well. While that is below 0 it gets
       no turn: each grant to others of its class pays a part off, and a debt that serves nobody ends.
    """

    def __init__(self, leaf: Leaf, window: CreditWindow, give: Give) -> None:
        self.leaf = leaf
        self.window = window
        self.give = give
        self.starved: dict[PortCredit, None] = {}
        """The ports that wait for the fabric, in order."""
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        settings = self.leaf.settings
        self.holding = self.holding_of(settings.grant_round_trip)
        self.quantum = max(min(settings.container_bytes, self.holding), self.window.longest)

    def holding_of(self, round_trip: int) -> int:
        """Return what a source may hold before a last quantum comes: three quarters of a round trip.

        Together they keep a port busy that has one source alone, and no window makes them more.
        """
        rate = max((port.rate_mbps for port in self.leaf.ports if port.kind == "host"), default=0)
        return max(self.window.longest, 3 * rate * round_trip // 32000)

    def weight(self, cls: int) -> int:
        """Return the declared weight of a class: 1 for class 0, `class_weight_ratio` for any other."""
        return self.leaf.settings.class_weight_ratio if cls else 1

    def activate(self, credit: PortCredit, source: Source) -> None:
        """Return a source that wants credit a place at the end of the turns of its class."""
        if source.ringed or not self.wants(source):
            return
        source.ringed = True
        source.deficit = min(source.deficit, 0)
        ring = credit.rings[source.cls]
        ring.sources.append(source)
        if ring not in credit.classes:
            ring.served = self.rejoined(credit, ring)
            credit.classes.append(ring)

    def wants(self, source: Source) -> bool:
        """Return whether a source gets new credit: it has need, and holds less than its allowance."""
        return not source.silent and source.need > 0 and source.held < self.allowance(source)

    def allowance(self, source: Source) -> int:
        """Credit that a source may hold, which is one longest frame once it let credit expire.

        So sources that ask and never send leave the window to others, which expiry alone would not achieve.
        """
        return self.window.longest if source.idle else self.holding

    def share(self, source: Source) -> int:
        """Size of the step that is due to a source: what it needs, its allowance at most."""
        return min(source.need, self.allowance(source))

    def rejoined(self, credit: PortCredit, ring: ClassRing) -> float:
        """Let a class that had nothing to ask for catch up by two quanta at most."""
        return max(ring.served, credit.served - 2 * self.quantum / self.weight(ring.cls))

    def serve(self, credit: PortCredit, now: int) -> None:
        """Grant at a port whose sources or room have changed, then at those that wait for the fabric."""
        self.run(credit, now)
        self.run_starved(now)

    def run(self, credit: PortCredit, now: int) -> None:
        """Grant to the sources of a port in turn, as long as there is room."""
        while self.grant_one(credit, now):
            pass
        if credit.classes:
            credit.port.watch("credit", now)
        else:
            credit.port.unwatch("credit")

    def run_starved(self, now: int) -> None:
        """Let the ports that wait for the fabric grant one step each in turn."""
        while self.starved:
            first = next(iter(self.starved))
            if self.grant_one(first, now):
                self.starved[first] = None
            elif first in self.starved:
                return

    def grant_one(self, credit: PortCredit, now: int) -> bool:
        """Grant the next step of a port; False when port or fabric have no room for it."""
        self.window.catch_up()
        ring = self.next_ring(credit, now)
        source = self.next_source(credit, ring) if ring else None
        if ring is None or source is None:
            self.starved.pop(credit, None)
            return False
        amount = self.fitting(credit, source, min(self.share(source), source.deficit), now)
        if amount and source.node != self.leaf.node:
            amount = self.fitting_fabric(credit, source, amount, now)
            if not amount:
                self.starved[credit] = None
                return False
        self.starved.pop(credit, None)
        if amount:
            self.give(credit, source, amount, now)
            self.end_turn(credit, ring, source, amount)
        return amount > 0

    def next_ring(self, credit: PortCredit, now: int) -> ClassRing | None:
        """Return the class whose turn it is: of those not paused the one least served by its weight."""
        for ring in tuple(credit.classes):
            while ring.sources and not self.wants(ring.sources[0]):
                ring.sources.popleft().ringed = False
            if not ring.sources:
                credit.classes.remove(ring)
        rings = (ring for ring in credit.classes if not self.window.is_paused(credit, ring.cls, now))
        return min(rings, key=attrgetter("served"), default=None)

    def next_source(self, credit: PortCredit, ring: ClassRing) -> Source | None:
        """Return the source whose turn it is, with a quantum; None while debtors wait for another one."""
        ready = next((source for source in ring.sources if source.deficit >= 0), None)
        if ready is None:
            if self.rivals(credit, ring.cls):
                return None
            ready = ring.sources[0]
            ready.deficit = 0
        ring.sources.rotate(-ring.sources.index(ready))
        if not ready.deficit:
            ready.deficit = self.quantum
        return ready

    def rivals(self, credit: PortCredit, cls: int) -> int:
        """Count the sources of a class that have something to send, and are in no debt."""
        return sum(self.is_served(other) for other in credit.sources.values() if other.cls == cls)

    def is_served(self, source: Source) -> bool:
        """Return whether a source has something to send, and is in no debt."""
        return source.demand > source.known_sent and source.deficit >= 0 and not source.silent

    def fitting(self, credit: PortCredit, source: Source, step: int, now: int) -> int:
        """Return how much of a step the window of the port has room for; 0 when it is not worth a GRANT."""
        window = self.window
        amount = window.room(credit, now)
        if amount >= step:
            return step
        least = self.least(step, window.size(credit, now))
        if amount < least:
            amount = self.last_part(source, step, window.last_room(credit, now))
        return amount if amount >= least else 0

    def fitting_fabric(self, credit: PortCredit, source: Source, step: int, now: int) -> int:
        """Return how much of a step the fabric has room for; 0 when too little or others come first."""
        if next(iter(self.starved), credit) is not credit:
            return 0
        room = self.window.fabric_room(now)
        if room >= step:
            return step
        amount = self.last_part(source, step, room)
        return amount if amount >= self.least(step, self.window.fabric_size(now)) else 0

    def last_part(self, source: Source, step: int, room: int) -> int:
        """Return how much of a step fits where one longest frame a source is not counted."""
        return min(step, room + self.window.spare(source)) if room > 0 else 0

    def least(self, step: int, window: int) -> int:
        """Smallest part of a step that is worth a GRANT of its own: an eighth of the window, or 4 KiB."""
        return min(step, max(window // 8, min(window // 2, SMALL_GRANT)))

    def end_turn(self, credit: PortCredit, ring: ClassRing, source: Source, amount: int) -> None:
        """Charge a grant to source and class, and pass the turn on where the deficit is used up."""
        source.deficit -= amount
        for debtor in ring.sources:
            if debtor.deficit < 0:
                debtor.deficit = min(debtor.deficit + amount // max(self.rivals(credit, ring.cls), 1), 0)
        credit.served = ring.served
        ring.served += amount / self.weight(ring.cls)
        if source.deficit <= 0:
            ring.sources.rotate(-1)

    def penalise(self, source: Source, octets: int) -> None:
        """Charge to a source what it sent beyond its grant, and as much as it had in its last turn."""
        if octets > 0:
            if source.deficit >= 0:
                source.deficit -= self.quantum
            source.deficit -= octets
