"""Whose turn it is: the order in which the sources of a host port are granted, and how much at a time."""

from collections import deque
from collections.abc import Callable

from reference_impl.parts.credit import ClassRing, PortCredit, Source
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.window import CreditWindow
from reference_impl.port import NEVER

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
       where the deficit is used up; a source that wants no more leaves the ring.
    6. A source that sent beyond its grant has a penalty of as much: it gets nothing until the others of its
       class got that. Each grant to one of them works a part off; one that nobody has the good of is lifted.
    """

    def __init__(self, leaf: Leaf, window: CreditWindow, give: Give) -> None:
        self.leaf = leaf
        self.window = window
        self.give = give
        self.starved: deque[PortCredit] = deque()
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
        if source.ringed:
            return
        if not self.wants(source):
            source.look_at = source.arrived + self.slack(source)
            return
        source.ringed = True
        source.deficit = 0
        ring = credit.rings[source.cls]
        ring.sources.append(source)
        credit.waiting += 1
        credit.shortage = 0
        if not ring.listed:
            ring.listed = True
            ring.served = self.rejoined(credit, ring)
            credit.classes.append(ring)

    def wants(self, source: Source) -> bool:
        """Return whether a source gets new credit: it has need, and holds less than its allowance."""
        if source.silent or source.penalty:
            return False
        return source.need > 0 and source.held < self.allowance(source)

    def allowance(self, source: Source) -> int:
        """Credit that a source may hold, which is one longest frame once it let credit expire.

        So sources that ask and never send leave the window to others, which expiry alone would not achieve.
        """
        return self.window.longest if source.idle else self.holding

    def share(self, source: Source) -> int:
        """Size of the step that is due to a source: what it needs, its allowance at most."""
        return min(source.need, self.allowance(source))

    def slack(self, source: Source) -> int:
        """Credit bytes that have to arrive before a source can want credit: it has need, but holds enough."""
        return max(source.held - self.holding, 0) + 1 if source.need else NEVER

    def rejoined(self, credit: PortCredit, ring: ClassRing) -> float:
        """Let a class that had nothing to ask for catch up by two quanta at most."""
        return max(ring.served, credit.served - 2 * self.quantum / self.weight(ring.cls))

    def retire(self, credit: PortCredit, ring: ClassRing) -> None:
        """Take the first source of a class out of the turns."""
        source = ring.sources.popleft()
        source.ringed = False
        source.look_at = source.arrived + self.slack(source)
        credit.waiting -= 1

    def freed(self, credit: PortCredit, credit_bytes: int, now: int) -> None:
        """Look at a port again once enough has come free for a grant."""
        credit.shortage -= credit_bytes
        if credit.shortage <= 0:
            self.run(credit, now)

    def serve(self, credit: PortCredit, now: int) -> None:
        """Grant at a port whose sources or room have changed, then at those that wait for the fabric."""
        self.run(credit, now)
        self.run_starved(now)

    def run(self, credit: PortCredit, now: int) -> None:
        """Grant to the sources of a port in turn, as long as there is room."""
        while self.grant_one(credit, now):
            pass
        if credit.waiting:
            credit.port.watch("credit", now)
        elif credit.port.watchers:
            credit.port.unwatch("credit")

    def run_starved(self, now: int) -> None:
        """Let the ports that wait for the fabric grant one step each in turn."""
        while self.starved:
            first = self.starved[0]
            if self.grant_one(first, now):
                self.starve(first)
            elif first.starved:
                return

    def grant_one(self, credit: PortCredit, now: int) -> bool:
        """Grant the next step of a port; False when port or fabric have no room for it."""
        if self.window.stale:
            self.window.catch_up()
        ring = self.next_ring(credit, now)
        if ring is None:
            self.unstarve(credit)
            return bool(credit.penalised) and self.lift_idle_penalties(credit)
        source = ring.sources[0]
        if source.deficit <= 0:
            source.deficit += self.quantum
        amount = self.fitting(credit, source, min(self.share(source), source.deficit), now)
        if not amount:
            self.unstarve(credit)
            return False
        if source.node != self.leaf.node:
            amount = self.fitting_fabric(credit, source, amount, now)
            if not amount:
                self.starve(credit)
                return False
            self.unstarve(credit)
        self.give(credit, source, amount, now)
        self.end_turn(credit, ring, source, amount)
        return True

    def next_ring(self, credit: PortCredit, now: int) -> ClassRing | None:
        """Return the class whose turn it is: of those not paused the one least served by its weight."""
        best: ClassRing | None = None
        for ring in tuple(credit.classes):
            while ring.sources and not self.wants(ring.sources[0]):
                self.retire(credit, ring)
            if not ring.sources:
                ring.listed = False
                credit.classes.remove(ring)
            elif not self.window.is_paused(credit, ring.cls, now) and (
                best is None or ring.served < best.served
            ):
                best = ring
        return best

    def fitting(self, credit: PortCredit, source: Source, step: int, now: int) -> int:
        """Return how much of a step the window of the port has room for; 0 when it is not worth a GRANT."""
        window = self.window
        amount = window.room(credit, now)
        if amount >= step:
            return step
        least = self.least(step, window.size(credit, now))
        if amount < least:
            lacking = least - amount
            last_room = window.last_room(credit, now)
            amount = min(step, last_room + window.spare(source)) if last_room > 0 else 0
            if amount < least:
                credit.shortage = self.shortage(credit, lacking, now)
                return 0
        return amount

    def fitting_fabric(self, credit: PortCredit, source: Source, step: int, now: int) -> int:
        """Return how much of a step the fabric has room for; 0 when too little or others come first."""
        if self.starved and self.starved[0] is not credit:
            return 0
        room = self.window.fabric_room(now)
        if room >= step:
            return step
        amount = min(step, room + self.window.spare(source)) if room > 0 else 0
        return amount if amount >= self.least(step, self.window.fabric_size(now)) else 0

    def least(self, step: int, window: int) -> int:
        """Smallest part of a step that is worth a GRANT of its own: an eighth of the window, or 4 KiB."""
        return min(step, max(window // 8, min(window // 2, SMALL_GRANT), 1))

    def shortage(self, credit: PortCredit, octets: int, now: int) -> int:
        """Return the credit bytes to come free before a port can grant: what it lacks, less if it is dry."""
        excess = self.window.excess(credit, now)
        return min(octets, excess) if excess > 0 else octets

    def starve(self, credit: PortCredit) -> None:
        """Let a port wait for the fabric, behind the others that do."""
        if not credit.starved:
            credit.starved = True
            self.starved.append(credit)

    def unstarve(self, credit: PortCredit) -> None:
        """End the wait of a port for the fabric."""
        if credit.starved:
            credit.starved = False
            self.starved.remove(credit)

    def end_turn(self, credit: PortCredit, ring: ClassRing, source: Source, amount: int) -> None:
        """Charge a grant to source and class, and pass the turn on where the deficit is used up."""
        source.deficit -= amount
        if credit.penalised:
            self.work_off(credit, source, amount)
        credit.served = ring.served
        ring.served += amount / self.weight(ring.cls)
        if not self.wants(source):
            self.retire(credit, ring)
        elif source.deficit <= 0:
            ring.sources.rotate(-1)

    def penalise(self, credit: PortCredit, source: Source, octets: int) -> None:
        """Charge what was sent beyond the grant to its source: it gets nothing until others got as much.

        They get as much as it had in its last turn, too, which may not have been theirs.
        """
        if octets > 0:
            if not source.penalty:
                credit.penalised.append(source)
                source.penalty = self.quantum - source.deficit
            source.penalty += octets

    def work_off(self, credit: PortCredit, source: Source, octets: int) -> None:
        """Pay the debts in the class of a source by its part of what was granted."""
        for penalised_source in tuple(credit.penalised):
            if penalised_source.cls == source.cls:
                penalised_source.penalty -= octets // max(self.rivals(credit, penalised_source), 1)
                if penalised_source.penalty <= 0:
                    self.lift_penalty(credit, penalised_source)

    def rivals(self, credit: PortCredit, penalised_source: Source) -> int:
        """Count the sources without penalty in the class of one in penalty that have something to send."""
        return sum(
            other.demand > other.known_sent and not other.penalty and not other.silent
            for other in credit.sources.values()
            if other.cls == penalised_source.cls
        )

    def lift_penalty(self, credit: PortCredit, penalised_source: Source) -> None:
        """End the penalty of a source."""
        penalised_source.penalty = 0
        credit.penalised.remove(penalised_source)
        self.activate(credit, penalised_source)

    def lift_idle_penalties(self, credit: PortCredit) -> bool:
        """End the debts that nobody has the good of; False when there are none."""
        alone = [
            penalised_source
            for penalised_source in credit.penalised
            if not self.rivals(credit, penalised_source)
        ]
        for penalised_source in alone:
            self.lift_penalty(credit, penalised_source)
        return bool(alone)
