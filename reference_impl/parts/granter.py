"""Credit at the egress: what its messages say of each source, and when credit is taken back."""

from typing import Any

from reference_impl import codec
from reference_impl.parts.credit import PortCredit, Source
from reference_impl.parts.gsp_ports import EgressPort
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.scheduler import Scheduler
from reference_impl.parts.timers import EndTimers
from reference_impl.parts.window import CreditWindow

Of = tuple[PortCredit, Source]
"""A source of a port."""


class Granter:
    """Keeps what each source said and was told, and has the scheduler share out what may be granted.

    1. REQUEST and DATA are merged into what is known of a source by maximum; a generation that ended is late.
    2. What a source needs beyond what it holds makes it want credit; the scheduler says when it gets some.
    3. What it is given it hears of in a GRANT, cumulative, with the time for which new credit is valid.
    4. Credit not used in its validity and the round trip after it is taken back, and shared out anew.
    5. A source that was silent for `refresh_misses` refreshes gets nothing; once its credit is void, it is
       forgotten.
    """

    def __init__(self, leaf: Leaf, window: CreditWindow) -> None:
        self.leaf = leaf
        self.window = window
        self.scheduler = leaf.make(Scheduler, leaf, window, self.give)
        self.expiries: EndTimers[Of] = EndTimers(leaf.at, self.expiry_due)
        self.silences: EndTimers[Of] = EndTimers(leaf.at, self.silence_due)
        self.ports: dict[int, PortCredit] = {}
        for port in leaf.ports:
            if isinstance(port, EgressPort):
                self.ports[port.index] = PortCredit(port, leaf.settings.bp_window)
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        settings = self.leaf.settings
        self.scheduler.configure()
        self.round_trip = settings.grant_round_trip
        self.transit = settings.path_delay_max + settings.window_time
        self.validity = settings.grant_validity
        self.silence = settings.refresh_misses * settings.request_refresh
        self.unsolicited = settings.unsolicited_bytes

    def source(self, credit: PortCredit, node: int, cls: int, now: int) -> Source:
        """Find or begin the state of a source."""
        source = credit.sources.get((node, cls))
        if source is None:
            source = credit.sources[node, cls] = Source(node, cls, now)
            if node != self.leaf.node:
                self.silences.arm((credit, source), now + self.silence)
        return source

    def is_ended(self, source: Source, generation: int) -> bool:
        """Return whether a generation is the one that ended last, whose messages come late."""
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
        is_known = source.demand > 0
        if not is_known and sent > self.unsolicited:
            source.lost = sent - source.arrived
        self.merge(source, demand, sent, forfeited)
        self.reckon(source, now)
        lifted = self.not_below(source.granted, source.reported)
        if is_known:
            self.scheduler.penalise(source, lifted - source.granted)
        source.granted = lifted
        self.window.settle(credit, source)
        self.scheduler.activate(credit, source)
        self.scheduler.serve(credit, now)
        if self.may_be_lost(source, now):
            self.announce(credit, source, now)

    def merge(self, source: Source, demand: int, sent: int, forfeited: int) -> None:
        """Merge the counters of a REQUEST by maximum."""
        source.demand = max(source.demand, demand)
        source.sent = max(source.sent, sent)
        source.forfeited = max(source.forfeited, forfeited)

    def reckon(self, source: Source, now: int) -> None:
        """Keep the reckoned loss within what REQUEST proves: no more is lost than was sent.

        What was sent is lost when for `path_delay_max`, and a window on one link besides, nothing more was
        sent and nothing arrived. A source that goes on sending shows its losses by the gaps in its stream.
        """
        missing = max(source.sent - source.arrived, 0)
        if source.checked != (source.sent, source.arrived):
            source.checked, source.checked_at = (source.sent, source.arrived), now
        elif now - source.checked_at >= self.transit:
            source.lost = missing
        source.lost = min(source.lost, missing)

    def lost(self, node: int, port: int, cls: int, generation: int, octets: int) -> None:
        """Take note of credit bytes that a closed gap has swallowed."""
        credit = self.ports[port]
        source = credit.sources.get((node, cls))
        if source is not None and source.generation == generation:
            source.lost += octets
            self.window.settle(credit, source)

    def not_below(self, granted: int, reported: int) -> int:
        """Keep the cumulative grant from falling below the position a source has reported."""
        return max(granted, reported)

    def may_be_lost(self, source: Source, now: int) -> bool:
        """Return whether a source seems not to have heard its last GRANT."""
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
        if not self.enter(source, generation):
            return
        source.arrived += credit_bytes
        source.idle = source.silent = False
        source.heard = now
        self.window.stale[source] = credit
        if not source.ringed and source.demand + source.forfeited > source.granted:
            self.scheduler.activate(credit, source)
        if credit.classes:
            self.scheduler.serve(credit, now)

    def departed(self, port: int, now: int) -> None:
        """Use the room that a frame made which left for its host."""
        self.scheduler.run(self.ports[port], now)

    def resumed(self, now: int, port: int) -> None:
        """Grant again after a pause."""
        self.scheduler.run(self.ports[port], now)

    def give(self, credit: PortCredit, source: Source, amount: int, now: int) -> None:
        """Grant new credit to a source, valid for `grant_validity`."""
        source.granted += amount
        source.expires = now + self.validity
        self.window.settle(credit, source)
        if source.node != self.leaf.node:
            self.leaf.count["granted_bytes"] += amount
        self.announce(credit, source, now)
        self.expiries.arm((credit, source), source.expires + self.round_trip)

    def remaining(self, source: Source, now: int) -> int:
        """Return the validity in ns that is left of the credit of a source."""
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

    def expiry_due(self, now: int, of: Of) -> int:
        """Take credit back that was not used in its validity and the round trip after it; tell when to."""
        credit, source = of
        due = source.expires + self.round_trip
        if now >= due and source.granted > max(source.settled, self.unsolicited):
            self.expire(credit, source, now)
        return due

    def expire(self, credit: PortCredit, source: Source, now: int) -> None:
        """Take the unused credit of a source back, and grant to whoever is next."""
        self.take_back(credit, source, now)
        source.idle = True
        self.scheduler.activate(credit, source)
        self.scheduler.serve(credit, now)

    def take_back(self, credit: PortCredit, source: Source, now: int) -> None:
        """Write the unused credit of a source into `expired`, and tell it so."""
        self.leaf.count["expired_bytes"] += source.held
        source.expired = source.granted
        self.window.settle(credit, source)
        self.announce(credit, source, now)

    def silence_due(self, now: int, of: Of) -> int:
        """Grant nothing after three silent refreshes, and drop the state once its credit is void."""
        credit, source = of
        due = source.heard + self.silence
        if now >= due:
            source.silent = True
            due = max(due, source.expires + self.round_trip)
        if now >= due:
            self.write_off(credit, source, now)
        return due

    def write_off(self, credit: PortCredit, source: Source, now: int) -> None:
        """Write the state of a silent source off, and grant to whoever is next."""
        self.drop(credit, source)
        self.scheduler.serve(credit, now)

    def drop(self, credit: PortCredit, source: Source) -> None:
        """Drop the state of a source."""
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
