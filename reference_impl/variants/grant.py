"""Correct devices that ask and grant otherwise."""

from functools import partial

from reference_impl import codec
from reference_impl.codec import Header
from reference_impl.device import Device
from reference_impl.parts.backpressure import BackpressureSender
from reference_impl.parts.credit import PortCredit, Source
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.egress import Egress
from reference_impl.parts.granter import Granter, Of
from reference_impl.parts.requester import Requester
from reference_impl.parts.scheduler import Scheduler
from reference_impl.parts.streams import INDEX_BITS
from reference_impl.port import NEVER
from reference_impl.sizes import credit_of
from reference_impl.variants import variant


@variant("GRANT-REMAINING-VALIDITY", "GRANT-DUPLICATE")
class AnswersEveryRequest(Granter):
    """Answers each REQUEST with a GRANT, whether there is anything new to say or not.

    A GRANT that repeats a value is allowed as long as it says what is left of its validity.
    """

    def may_be_lost(self, source: Source, now: int) -> bool:
        """Repeat what was not said just now."""
        return now != source.announced_at or not source.granted


@variant("GRANT-LOST-GRANT")
class NeverRepeatsGrants(Granter):
    """Sends each GRANT once; one that is lost runs out, and its credit is granted anew.

    The clause bounds the time until traffic is back, and says nothing of the means.
    """

    def may_be_lost(self, source: Source, now: int) -> bool:  # noqa: ARG002 - it does not care
        """Repeat nothing."""
        return False


@variant("GRANT-DUPLICATE", "GRANT-REMAINING-VALIDITY")
class SendsGrantsTwice(Granter):
    """Sends each GRANT twice, one behind the other.

    A GRANT that arrives twice counts once.
    """

    def announce(self, credit: PortCredit, source: Source, now: int) -> None:
        """Send it, and again."""
        super().announce(credit, source, now)
        super().announce(credit, source, now)


@variant("GRANT-DEMAND-CUMULATIVE")
class SendsRequestsTwice(Requester):
    """Sends each REQUEST twice, one behind the other.

    Its counters are cumulative, so that a second copy says nothing new.
    """

    def send(self, dgsq: Dgsq, now: int) -> None:
        """Send it, and again."""
        super().send(dgsq, now)
        super().send(dgsq, now)


@variant("GRANT-FAIR", "GRANT-WORK-CONSERVING")
class GrantsFrameByFrame(Scheduler):
    """Grants one longest frame at a time at the most.

    The size of a step is the egress's choice, as long as shares and rate are right.
    """

    def share(self, source: Source) -> int:
        """Keep it short."""
        return min(super().share(source), self.window.longest)


@variant("GRANT-FAIR", "GRANT-WORK-CONSERVING")
class GrantsWholeSteps(Scheduler):
    """Grants a step only when there is room for all of it.

    The size of a step is the egress's choice, as long as shares and rate are right.
    """

    def least(self, step: int, window: int) -> int:  # noqa: ARG002 - the whole step
        """Take no part of it."""
        return step


@variant("GRANT-OVERRUN-CONTAINED", "GRANT-NO-SEND-WITHOUT")
class PolicesCredit(Egress):
    """Drops DATA that comes without credit, and counts it as `queue_full`.

    Every source has to stay within its grant, so that no frame of a correct one is lost by that. What comes
    of a generation that has just ended is let in, because REQUEST of the next one overtakes it.
    """

    def receive(self, header: Header, frame: bytes, now: int) -> None:
        """Let in what was granted, and leave what is late or double to the reorderer."""
        _, cls, flags, source, _, port, _ = header
        sequence, generation, index, *_, host_frame = codec.unwrap(frame)
        stream = self.reorderer.streams.get((source, port, cls))
        if stream is not None and generation in (stream.generation, stream.ended):
            place = (self.reorderer.unwrap(stream, sequence) << INDEX_BITS) + index
            if generation == stream.ended or self.reorderer.refusal(stream, place):
                super().receive(header, frame, now)
                return
        known = self.granter.ports[port].sources.get((source, cls))
        granted, arrived = self.window.unsolicited, 0
        if known is not None and known.generation == generation:
            granted, arrived = known.granted, known.arrived
        elif known is not None and known.ended == generation:
            granted = NEVER
        if flags & codec.UNGOVERNED or arrived + credit_of(len(host_frame)) <= granted:
            super().receive(header, frame, now)
        else:
            self.leaf.drop("queue_full")


@variant("GRANT-FAIR", "GRANT-LATE-JOINER")
class PlacesSourcesAtRandom(Scheduler):
    """Gives a source that wants credit again a random place among those that wait.

    The clause is about what each gets, not about the order.
    """

    def activate(self, credit: PortCredit, source: Source) -> None:
        """Turn the ring by a random number of places first."""
        ring = credit.rings[source.cls].sources
        if not source.ringed and ring and ring[0].deficit <= 0:
            ring.rotate(self.leaf.random.randrange(len(ring)))
        super().activate(credit, source)


@variant("GRANT-FAIR", "GRANT-WORK-CONSERVING")
class TakesSmallTurns(Scheduler):
    """Passes the turn on after one longest frame.

    The clause is about what each gets, not about the length of a turn.
    """

    def configure(self) -> None:
        """Make the quantum small."""
        super().configure()
        self.quantum = self.window.longest


@variant("GRANT-EGRESS-RATE", "GRANT-LATE-JOINER")
class LetsASourceHoldAWindow(Scheduler):
    """Lets a source hold a whole window where nobody else asks.

    The window bounds what all hold together; how much of it one may hold is open.
    """

    def holding_of(self, window_time: int) -> int:
        """Take twice as much."""
        return super().holding_of(2 * window_time)


@variant("GRANT-EGRESS-RATE", "GRANT-NO-DEMAND-NO-GRANT")
class GrantsInCells(Scheduler):
    """Grants whole cells of 256 octets, but for the end of a backlog.

    The size of a step is the egress's choice, as long as shares and rate are right.
    """

    def share(self, source: Source) -> int:
        """Round what is not the rest down."""
        share = super().share(source)
        return share if share == source.need else max(share // 256 * 256, self.window.longest)


@variant("GRANT-REGRANT", "GRANT-EXPIRY")
class TakesCreditBackLate(Granter):
    """Waits half a round trip longer than it must before it takes unused credit back.

    The clause bounds the time until others have it, with `convergence_max`.
    """

    def expiry_due(self, now: int, of: Of) -> int:
        """Wait for what may still be under way."""
        usual, self.round_trip = self.round_trip, self.round_trip * 3 // 2
        due = super().expiry_due(now, of)
        self.round_trip = usual
        return due


@variant("GRANT-WORK-CONSERVING", "GRANT-CONTROL-FIRST")
class ThinksBeforeItGrants(Granter):
    """Acts on each REQUEST 2 us after it has come in.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

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
        """Put it off."""
        take = partial(super().request, node, port, cls, generation, demand, sent, forfeited)
        self.leaf.at(now + 2_000, take)


@variant("GRANT-REFRESH")
class RefreshesOften(Requester):
    """Repeats its REQUEST after three quarters of `request_refresh`.

    Two are at most an interval apart; less is as good.
    """

    def configure(self) -> None:
        """Take less."""
        super().configure()
        self.refresh = self.refresh * 3 // 4


@variant("GRANT-REQUEST-ON-DEMAND", "GRANT-OVERHEAD")
class AsksLessOften(Requester):
    """Takes twice as long between two REQUESTs for further demand.

    The clause asks for one within `latency_margin` when a queue has a demand that was not announced.
    """

    def configure(self) -> None:
        """Space them out."""
        super().configure()
        self.spacing *= 2


@variant("GRANT-UNSOLICITED", unsolicited_bytes=16_384)
class SendsAFirstBurstUnasked(Device):
    """Sends 16 KiB in a generation before it is granted anything.

    The allowance is declared.
    """


@variant("GRANT-REMAINING-VALIDITY", grant_validity=120_000)
class GrantsForAShortTime(Device):
    """Grants credit for 120 us.

    The time is declared.
    """


@variant("GRANT-CLASS-WEIGHTS", class_weight_ratio=4)
class PrefersHigherClasses(Device):
    """Gives each class above 0 four times the weight.

    The weights are declared.
    """


@variant("DGSQ-ON-CONGESTION-CREATED", "DGSQ-BACKPRESSURE-RATE")
class AsksForASteadyHalf(BackpressureSender):
    """Asks its sources to withhold half as long as its queue is not twice as long as the threshold.

    A source obeys the level it is given; which one an egress gives is open.
    """

    def level(self, port: int, now: int) -> int:
        """Take one of two levels."""
        return 255 if super().level(port, now) == 255 else 128


@variant("GRANT-WORK-CONSERVING", "GRANT-FAIR")
class GrantsNowAndThen(Scheduler):
    """Shares out what may be granted at a port once in a twentieth of `grant_round_trip`, all at once.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def configure(self) -> None:
        """Begin with no port that waits."""
        super().configure()
        self.due: set[int] = set()

    def run(self, credit: PortCredit, now: int) -> None:
        """Put it off to the next round."""
        step = max(self.leaf.settings.grant_round_trip // 20, 1)
        if credit.port.index not in self.due:
            self.due.add(credit.port.index)
            self.leaf.at(now + step - now % step, self.round, credit)

    def round(self, now: int, credit: PortCredit) -> None:
        """Share out what has come together."""
        self.due.discard(credit.port.index)
        super().run(credit, now)


@variant("GRANT-COUNTED", "GRANT-REMAINING-VALIDITY", "GRANT-LOST-GRANT")
class GathersGrants(Granter):
    """Puts each GRANT off for a twentieth of `grant_round_trip`, so that one says what several would have.

    Its counters are cumulative, so that the last one says all. What it takes back it says at once.
    """

    def configure(self) -> None:
        """Begin with nothing to say."""
        super().configure()
        self.gathered: set[Source] = set()

    def announce(self, credit: PortCredit, source: Source, now: int) -> None:
        """Say it a little later."""
        source.announced_at = now
        if source.granted == source.expired:
            super().announce(credit, source, now)
        elif source not in self.gathered:
            self.gathered.add(source)
            self.leaf.at(now + self.round_trip // 20, self.say, credit, source)

    def say(self, now: int, credit: PortCredit, source: Source) -> None:
        """Say all that has come together."""
        self.gathered.discard(source)
        if credit.sources.get((source.node, source.cls)) is source:
            super().announce(credit, source, now)


@variant("GRANT-REMAINING-VALIDITY", "GRANT-LOST-GRANT", "GRANT-OVERHEAD")
class RepeatsGrantsUnasked(Granter):
    """Repeats the last GRANT to each source every `grant_round_trip` as long as it holds credit.

    A GRANT that repeats a value is allowed as long as it says what is left of its validity.
    """

    def give(self, credit: PortCredit, source: Source, amount: int, now: int) -> None:
        """Plan to repeat it."""
        super().give(credit, source, amount, now)
        self.leaf.at(now + self.round_trip, self.repeat, credit, source)

    def repeat(self, now: int, credit: PortCredit, source: Source) -> None:
        """Repeat it where nothing was said since."""
        known = credit.sources.get((source.node, source.cls)) is source
        if known and source.held and now - source.announced_at >= self.round_trip:
            self.announce(credit, source, now)
            self.leaf.at(now + self.round_trip, self.repeat, credit, source)


@variant("GRANT-REFRESH", "GRANT-OVERHEAD")
class RefreshesAllAtOnce(Requester):
    """Repeats the REQUESTs of all queues together, once in `request_refresh`.

    Two of a queue are at most an interval apart; where its beat begins is open.
    """

    def start(self, dgsq: Dgsq, now: int) -> None:
        """Fall in with the beat."""
        self.leaf.at(now + self.refresh - now % self.refresh, self.refresh_due, dgsq)

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """Repeat it on every beat."""
        if not dgsq.dead:
            self.send(dgsq, now)
            self.leaf.at(now + self.refresh, self.refresh_due, dgsq)
