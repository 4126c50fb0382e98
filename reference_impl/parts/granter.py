"""Credit at the egress: who may send how much to which host port, and when it is taken back."""

from collections import deque
from typing import Any

from reference_impl import codec
from reference_impl.parts.credit import ClassRing, PortCredit, Source
from reference_impl.parts.gsp_ports import EgressPort
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.window import CreditWindow
from reference_impl.port import NEVER

SILENT_REFRESHES = 3
SMALL_GRANT = 4096


class Granter:
    """Grants by deficit round robin among backlogged sources, within the credit windows."""

    def __init__(self, leaf: Leaf, window: CreditWindow) -> None:
        self.leaf = leaf
        self.window = window
        self.starved: deque[PortCredit] = deque()
        self.ports: dict[int, PortCredit] = {}
        for port in leaf.ports:
            if isinstance(port, EgressPort):
                self.ports[port.index] = PortCredit(port, leaf.settings.bp_window)
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        settings = self.leaf.settings
        self.holding = self.holding_of(settings.grant_round_trip)
        self.quantum = max(settings.container_bytes, self.window.longest)
        self.round_trip = settings.grant_round_trip
        self.transit = settings.path_delay_max + 3 * settings.grant_round_trip // 2
        self.validity = settings.grant_validity
        self.silence = SILENT_REFRESHES * settings.request_refresh
        self.unsolicited = settings.unsolicited_bytes

    def holding_of(self, round_trip: int) -> int:
        """Give what a source may hold: half a window, so that one alone can keep a port busy."""
        rate = max((port.rate_mbps for port in self.leaf.ports if port.kind == "host"), default=0)
        return max(self.window.longest, 3 * rate * round_trip // 32000)

    def weight(self, cls: int) -> int:
        """Give the declared weight of a class: 1 for class 0, `class_weight_ratio` for any other."""
        return self.leaf.settings.class_weight_ratio if cls else 1

    def source(self, credit: PortCredit, node: int, cls: int, now: int) -> Source:
        """Find or begin the state of a source."""
        source = credit.sources.get((node, cls))
        if source is None:
            source = credit.sources[node, cls] = Source(node, cls, now)
            if node != self.leaf.node:
                self.leaf.at(now + self.silence, self.silence_due, credit, source)
        return source

    def is_ended(self, source: Source, generation: int) -> bool:
        """Say whether a generation is the one that ended last, whose messages come late."""
        return generation == source.ended

    def enter(self, source: Source, generation: int) -> bool:
        """Follow the source into a generation; False when that one has ended already."""
        if generation != source.generation:
            if self.is_ended(source, generation):
                return False
            source.restart(generation, self.first_grant())
        return True

    def first_grant(self) -> int:
        """Cumulative grant of a new generation, the same as at the source."""
        return self.unsolicited

    def wants(self, source: Source) -> bool:
        """Say whether a source gets new credit: it has need, and holds less than its allowance."""
        if source.silent or source.penalty:
            return False
        return source.need > 0 and source.held < self.allowance(source)

    def allowance(self, source: Source) -> int:
        """Credit that a source may hold: half a window, or one longest frame once it let credit expire.

        So sources that ask and never send leave the window to others, which expiry alone would not achieve.
        """
        return self.window.longest if source.idle else self.holding

    def share(self, source: Source) -> int:
        """Size of the step that is due to a source: what it needs, its allowance at most."""
        return min(source.need, self.allowance(source))

    def request(  # noqa: PLR0917 - the fields of REQUEST
        self,
        node: int,
        port: int,
        cls: int,
        generation: int,
        demand: int,
        sent: int,
        forfeited: int,
        now: int,
    ) -> None:
        """Take a REQUEST: merge by maximum, grant what is possible, repeat what may have been lost."""
        credit = self.ports[port]
        source = self.source(credit, node, cls, now)
        if not self.enter(source, generation):
            return
        source.heard = now
        source.silent = False
        if self.is_met_midway(source, sent):
            source.lost = sent - source.arrived
        is_known = source.demand > 0
        self.merge(source, demand, sent, forfeited)
        self.reckon(source, now)
        lifted = self.not_below(source.granted, source.reported)
        if is_known:
            self.penalise(credit, source, lifted - source.granted)
        source.granted = lifted
        self.window.settle(credit, source)
        self.activate(credit, source)
        self.run(credit, now)
        self.run_starved(now)
        if self.may_be_lost(source, now):
            self.announce(credit, source, now)

    def is_met_midway(self, source: Source, sent: int) -> bool:
        """Say whether a source has sent on credit of a state that was written off, and so long ago."""
        return not source.demand and not source.arrived and sent > self.unsolicited

    def merge(self, source: Source, demand: int, sent: int, forfeited: int) -> None:
        """Merge the counters of a REQUEST by maximum."""
        source.demand = max(source.demand, demand)
        source.sent = max(source.sent, sent)
        source.forfeited = max(source.forfeited, forfeited)
        source.reported = max(source.reported, sent + forfeited)

    def reckon(self, source: Source, now: int) -> None:
        """Keep the reckoned loss within what REQUEST proves: no more is lost than was sent.

        What was sent is lost when for `path_delay_max`, and a window on one link besides, nothing more was
        sent and nothing arrived. A source that goes on sending shows its losses by the gaps in its stream.
        """
        missing = max(source.sent - source.arrived, 0)
        if (source.sent, source.arrived) != (source.checked_sent, source.checked_arrived):
            source.checked_sent, source.checked_arrived = source.sent, source.arrived
            source.checked_at = now
        elif now - source.checked_at >= self.transit:
            source.lost = missing
        source.lost = min(source.lost, missing)

    def lost(self, node: int, port: int, cls: int, generation: int, octets: int) -> None:
        """Take note of credit bytes that a closed gap has swallowed."""
        credit = self.ports[port]
        source = credit.sources.get((node, cls))
        if source is not None and source.generation == generation:
            source.lost += octets
            source.look_at = 0
            self.window.settle(credit, source)

    def not_below(self, granted: int, reported: int) -> int:
        """Keep the cumulative grant from falling below the position a source has reported."""
        return max(granted, reported)

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

    def may_be_lost(self, source: Source, now: int) -> bool:
        """Say whether a source seems not to have heard its last GRANT."""
        return (
            now - source.announced_at >= self.round_trip
            and source.granted > self.unsolicited
            and (source.held > 0 or source.expired > source.reported)
        )

    def arrived(  # noqa: PLR0917 - the data path
        self, node: int, port: int, cls: int, generation: int, credit_bytes: int, governed: bool, now: int
    ) -> None:
        """Count DATA as sent at once; what is ungoverned counts against the rate instead."""
        credit = self.ports[port]
        if not governed:
            self.window.note_ungoverned(credit, node, credit_bytes, now)
            return
        source = credit.sources.get((node, cls)) or self.source(credit, node, cls, now)
        if generation != source.generation and not self.enter(source, generation):
            return
        source.arrived += credit_bytes
        source.idle = source.silent = False
        source.heard = now
        if not source.stale:
            self.window.put_off(credit, source)
        if source.arrived >= source.look_at and not source.ringed:
            self.activate(credit, source)
        if credit.waiting and not credit.starved:
            self.freed(credit, credit_bytes, now)
        if self.starved:
            self.run_starved(now)

    def departed(self, port: int, credit_bytes: int, now: int) -> None:
        """Use the room that a frame made which left for its host."""
        credit = self.ports[port]
        if credit.waiting:
            self.freed(credit, credit_bytes, now)

    def freed(self, credit: PortCredit, credit_bytes: int, now: int) -> None:
        """Look at a port again once enough has come free for a grant."""
        credit.shortage -= credit_bytes
        if credit.shortage <= 0:
            self.run(credit, now)

    def resumed(self, now: int, port: int) -> None:
        """Grant again after a pause."""
        self.run(self.ports[port], now)

    def activate(self, credit: PortCredit, source: Source) -> None:
        """Give a source that wants credit a place at the end of the turns of its class."""
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

    def rejoined(self, credit: PortCredit, ring: ClassRing) -> float:
        """Let a class that had nothing to ask for catch up by two quanta at most."""
        return max(ring.served, credit.served - 2 * self.quantum / self.weight(ring.cls))

    def slack(self, source: Source) -> int:
        """Credit bytes that have to arrive before a source can want credit: it has need, but holds enough."""
        return max(source.held - self.holding, 0) + 1 if source.need else NEVER

    def retire(self, credit: PortCredit, ring: ClassRing) -> None:
        """Take the first source of a class out of the turns."""
        source = ring.sources.popleft()
        source.ringed = False
        source.look_at = source.arrived + self.slack(source)
        credit.waiting -= 1

    def next_ring(self, credit: PortCredit, now: int) -> ClassRing | None:
        """Find the class whose turn it is: of those not paused the one least served by its weight."""
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

    def run(self, credit: PortCredit, now: int) -> None:
        """Grant to the sources of a port in turn, as long as there is room."""
        while self.grant_one(credit, now):
            pass
        if credit.waiting:
            credit.port.watch("credit", now)
        elif credit.port.watchers:
            credit.port.unwatch("credit")

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

    def fitting(self, credit: PortCredit, source: Source, step: int, now: int) -> int:
        """Find how much of a step the window of the port has room for; 0 when it is not worth a GRANT."""
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
        """Find how much of a step the fabric has room for; 0 when that is too little or others come first."""
        if self.starved and self.starved[0] is not credit:
            return 0
        room = self.window.fabric_room(now)
        if room >= step:
            return step
        amount = min(step, room + self.window.spare(source)) if room > 0 else 0
        return amount if amount >= self.least(step, self.window.fabric_size(now)) else 0

    def shortage(self, credit: PortCredit, octets: int, now: int) -> int:
        """Tell the credit bytes to come free before a port can grant: what it lacks, less if it runs dry."""
        excess = self.window.excess(credit, now)
        return min(octets, excess) if excess > 0 else octets

    def least(self, step: int, window: int) -> int:
        """Smallest part of a step that is worth a GRANT of its own: an eighth of the window, or 4 KiB."""
        return min(step, max(window // 8, min(window // 2, SMALL_GRANT), 1))

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

    def run_starved(self, now: int) -> None:
        """Let the ports that wait for the fabric grant one step each in turn."""
        while self.starved:
            first = self.starved[0]
            if self.grant_one(first, now):
                self.starve(first)
            elif first.starved:
                return

    def give(self, credit: PortCredit, source: Source, amount: int, now: int) -> None:
        """Grant new credit to a source, valid for `grant_validity`."""
        source.granted += amount
        source.expires = now + self.validity
        self.window.settle(credit, source)
        if source.node != self.leaf.node:
            self.leaf.count["granted_bytes"] += amount
        self.announce(credit, source, now)
        if not source.expiry_armed:
            source.expiry_armed = True
            self.leaf.at(source.expires + self.round_trip, self.expiry_due, credit, source)

    def remaining(self, source: Source, now: int) -> int:
        """Tell the validity in ns that is left of the credit of a source."""
        return max(source.expires - now, 0)

    def announce(self, credit: PortCredit, source: Source, now: int) -> None:
        """Send GRANT with the counters as they are; the own queue hears of it without a message."""
        source.announced_at = now
        leaf = self.leaf
        port = credit.port.index
        validity = self.remaining(source, now)
        if source.node == leaf.node:
            key = (leaf.node, port, source.cls)
            leaf.at(now, leaf.granted, key, source.generation, source.granted, source.expired, validity)
            return
        path = leaf.sprayer.control_path(source.node)
        if path is not None:
            message = codec.encode_grant(
                path.prefix,
                source.cls,
                leaf.node,
                source.node,
                port,
                source.generation,
                source.granted,
                source.expired,
                validity,
            )
            leaf.count["grants_sent"] += 1
            leaf.ports[path.port].send_control(message, now)

    def expiry_due(self, now: int, credit: PortCredit, source: Source) -> None:
        """Take credit back that was not used in its validity and the round trip after it."""
        source.expiry_armed = False
        if source.written_off or source.granted <= source.settled:
            return
        due = source.expires + self.round_trip
        if now < due:
            source.expiry_armed = True
            self.leaf.at(due, self.expiry_due, credit, source)
        elif source.granted > self.unsolicited:
            self.expire(credit, source, now)

    def expire(self, credit: PortCredit, source: Source, now: int) -> None:
        """Take the unused credit of a source back, and grant to whoever is next."""
        self.take_back(credit, source, now)
        source.idle = True
        source.deficit = 0
        self.activate(credit, source)
        self.run(credit, now)
        self.run_starved(now)

    def take_back(self, credit: PortCredit, source: Source, now: int) -> None:
        """Write the unused credit of a source into `expired`, and tell it so."""
        self.leaf.count["expired_bytes"] += source.held
        source.expired = source.granted
        self.window.settle(credit, source)
        self.announce(credit, source, now)

    def silence_due(self, now: int, credit: PortCredit, source: Source) -> None:
        """Grant nothing after three silent refreshes, and drop the state once its credit is void."""
        if source.written_off:
            return
        due = source.heard + self.silence
        if now >= due:
            source.silent = True
            due = source.heard + max(self.silence, self.validity + self.round_trip)
        if now < due:
            self.leaf.at(due, self.silence_due, credit, source)
        else:
            self.write_off(credit, source, now)

    def write_off(self, credit: PortCredit, source: Source, now: int) -> None:
        """Write the credit of a silent source off, and say so should it still listen."""
        if source.held and source.granted > self.unsolicited:
            self.take_back(credit, source, now)
        self.drop(credit, source)
        self.run(credit, now)
        self.run_starved(now)

    def drop(self, credit: PortCredit, source: Source) -> None:
        """Drop the state of a source."""
        source.written_off = True
        if source.penalty:
            credit.penalised.remove(source)
        source.granted = source.demand = 0
        self.window.settle(credit, source)
        del credit.sources[source.node, source.cls]

    def forget(self, port: int, cls: int) -> None:
        """Drop the state of a queue of this GSP that has ended."""
        credit = self.ports[port]
        source = credit.sources.get((self.leaf.node, cls))
        if source is not None:
            self.drop(credit, source)

    def state(self) -> list[dict[str, Any]]:
        """Show every source, as JSON."""
        return [
            {
                "source": source.node,
                "port": port,
                "class": source.cls,
                "generation": source.generation,
                "demand": source.demand,
                "sent": source.known_sent,
                "granted": source.granted,
                "expired": source.expired,
                "forfeited": source.forfeited,
            }
            for port, credit in self.ports.items()
            for source in credit.sources.values()
        ]
