"""Flaws of credit that show for one class, port or source alone, for many at once, or next to something."""

from reference_impl.mutants import mutant
from reference_impl.parts.credit import ClassRing, PortCredit, Source
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.granter import Granter
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.requester import Requester
from reference_impl.parts.scheduler import Scheduler
from reference_impl.parts.window import CreditWindow
from reference_impl.sizes import OVERHEAD


@mutant("GRANT-NO-SEND-WITHOUT", kind="not-the-first")
class OverdrawsInAHighClass(Dgsq):
    """Sends in class 5 as long as any credit is left."""

    def may_send(self, credit: int) -> bool:
        """Look at what was sent before alone, in that class."""
        return super().may_send(credit) or (self.cls == 5 and self.position < self.grant)


@mutant("GRANT-NO-SEND-WITHOUT", kind="not-the-first")
class TrustsTheSecondPort(DgsqTable):
    """Begins each queue to port 1 of a node with a container of credit that nobody granted."""

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Add a container."""
        dgsq = super().create(key, now)
        if dgsq is not None and dgsq.port == 1:
            dgsq.grant += self.device.settings.container_bytes
        return dgsq


@mutant("GRANT-REQUEST-ON-DEMAND", kind="not-the-first")
class AsksAtOnceInClassZeroOnly(Requester):
    """Leaves new demand of any class but 0 to the next refresh."""

    def demanded(self, dgsq: Dgsq, now: int) -> None:
        """Look at the class."""
        if dgsq.cls == 0:
            super().demanded(dgsq, now)


@mutant("GRANT-REFRESH", kind="not-the-first")
class RefreshesClassZeroOnly(Requester):
    """Never repeats the REQUEST of a queue of another class than 0."""

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """Look at the class."""
        if dgsq.cls == 0:
            super().refresh_due(now, dgsq)


@mutant("GRANT-REFRESH", kind="not-the-first")
class RefreshesTheFirstPortOnly(Requester):
    """Never repeats the REQUEST of a queue to another port than the first of a node."""

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """Look at the port."""
        if dgsq.port == 0:
            super().refresh_due(now, dgsq)


@mutant("GRANT-REFRESH", kind="at-size")
class RefreshesThreeQueues(Requester):
    """Repeats the REQUEST of the three oldest queues only."""

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """Look how many queues are older."""
        if dgsq in list(self.leaf.dgsqs.queues.values())[:3]:
            super().refresh_due(now, dgsq)


@mutant("GRANT-DEMAND-CUMULATIVE", kind="not-the-first")
class MiscountsASecondClass(Dgsq):
    """Counts frames of another class than 0 as sent without their FCS, preamble and gap."""

    def account(self, credit: int) -> None:
        """Look at the class."""
        super().account(credit - (OVERHEAD if self.cls else 0))


@mutant("GRANT-EXPIRY", kind="not-the-first")
class KeepsExpiredCreditOfHighClasses(Dgsq):
    """Gives up expired credit in class 0 only."""

    def forfeit(self) -> int:
        """Look at the class."""
        return 0 if self.cls else super().forfeit()


@mutant("GRANT-EXPIRY", kind="not-the-first")
class LetsCreditForTheFirstPortLapse(Dgsq):
    """Uses credit for any port of a node but the first beyond its validity."""

    def lapse(self) -> None:
        """Look at the port."""
        if self.port == 0:
            super().lapse()


@mutant("GRANT-OLDER-IGNORED", kind="not-the-first")
class TakesTheLastGrantOfHighClasses(Dgsq):
    """Takes over each grant of another class than 0 as it comes, be it lower than the one before."""

    def take_grant(self, granted: int, expired: int, validity: int, now: int) -> None:
        """Look at the class."""
        super().take_grant(granted, expired, validity, now)
        if self.cls:
            self.grant = granted


@mutant("GRANT-OLDER-IGNORED", kind="not-the-first")
class TrimsHighClassesToTheLastRequest(Granter):
    """Takes credit of another class than 0 back that the last request does not ask for."""

    def merge(self, source: Source, demand: int, sent: int, forfeited: int) -> None:
        """Let the grant fall to the demand."""
        super().merge(source, demand, sent, forfeited)
        if source.cls:
            source.demand = demand
            source.granted = min(source.granted, demand + forfeited)


@mutant("GRANT-DUPLICATE", kind="not-the-first")
class AddsRepeatsForHighClasses(Dgsq):
    """Counts a grant of another class than 0 that comes again as new credit."""

    def take_grant(self, granted: int, expired: int, validity: int, now: int) -> None:
        """Add a longest frame for each repeat."""
        repeated = granted == self.grant
        super().take_grant(granted, expired, validity, now)
        if repeated and self.cls:
            self.grant += 9240


@mutant("GRANT-WRONG-GENERATION", kind="not-the-first")
class TakesAnyGenerationInHighClasses(Ingress):
    """Compares the generation of a grant in class 0 only."""

    def concerns(self, dgsq: Dgsq, generation: int) -> bool:
        """Look at the class."""
        return dgsq.governed if dgsq.cls else super().concerns(dgsq, generation)


@mutant("GRANT-NOT-BELOW-POSITION", kind="not-the-first")
class DisbelievesHighClasses(Granter):
    """Follows the position that a source reports in class 0 only."""

    def merge(self, source: Source, demand: int, sent: int, forfeited: int) -> None:
        """Forget the report of another class."""
        super().merge(source, demand, sent, forfeited)
        if source.cls:
            source.sent = source.forfeited = 0


@mutant("GRANT-NO-DEMAND-NO-GRANT", kind="not-the-first")
class RoundsDemandOfHighClassesUp(Scheduler):
    """Grants whole quanta to classes other than 0."""

    def share(self, source: Source) -> int:
        """Return the allowance."""
        return self.allowance(source) if source.cls else super().share(source)


@mutant("GRANT-PAUSED-CLASS", kind="not-the-first")
class KnowsLowClassesOnly(CreditWindow):
    """Goes on granting to a paused class above 3."""

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:
        """Look at the class."""
        return cls < 4 and super().is_paused(credit, cls, now)


@mutant("GRANT-PAUSED-CLASS", kind="bystanders")
class PausesEveryPort(CreditWindow):
    """Grants to no port in a class that one host has paused."""

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Look at all ports."""
        ports = self.leaf.host_ports.values()
        return any(port.paused_until[cls] > now for port in ports)


@mutant("GRANT-PAUSED-CLASS", kind="meeting")
class KeepsOnePauseAtATime(CreditWindow):
    """Grants on to the higher of two classes that a host has paused."""

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:
        """Look for a pause of a lower class."""
        paused = super().is_paused(credit, cls, now)
        return paused and not any(until > now for until in credit.port.paused_until[:cls])


@mutant("GRANT-REGRANT", kind="at-size")
class TakesCreditBackFromTwo(Granter):
    """Takes unused credit back from two sources of a port and leaves it with all others."""

    def expire(self, credit: PortCredit, source: Source, now: int) -> None:
        """Count those that let credit expire."""
        if sum(other.idle for other in credit.sources.values() if other is not source) < 2:
            super().expire(credit, source, now)


@mutant("GRANT-REMAINING-VALIDITY", kind="not-the-first")
class RenewsValidityOfHighClasses(Granter):
    """Gives a repeated GRANT of another class than 0 the full validity again."""

    def remaining(self, source: Source, now: int) -> int:
        """Look at the class."""
        return self.validity if source.cls else super().remaining(source, now)


@mutant("GRANT-UNSOLICITED", kind="not-the-first")
class AllowsClassZeroOnly(DgsqTable):
    """Waits in any class but 0 for a grant even for the frames that need none."""

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Take the allowance back."""
        dgsq = super().create(key, now)
        if dgsq is not None and dgsq.cls:
            dgsq.grant = 0
        return dgsq


@mutant("GRANT-CLASS-WEIGHTS", kind="not-the-first")
class ForgetsTheWeightOfTheHighestClass(Scheduler):
    """Serves class 7 with the weight of class 0."""

    def weight(self, cls: int) -> int:
        """Look for that class."""
        return 1 if cls == 7 else super().weight(cls)


@mutant("GRANT-CLASS-WEIGHTS", kind="at-size")
class WeighsTwoClasses(Scheduler):
    """Weighs all classes alike while three or more have backlog."""

    def end_turn(self, credit: PortCredit, ring: ClassRing, source: Source, amount: int) -> None:
        """Take the weight back where many classes have backlog."""
        if len(credit.classes) > 2:
            amount_weighed = amount / self.weight(ring.cls)
            ring.served += amount - amount_weighed
        super().end_turn(credit, ring, source, amount)


@mutant("GRANT-EGRESS-RATE", kind="not-the-first")
class BoundsTheFirstPortOnly(CreditWindow):
    """Gives every source of any port but the first the whole window."""

    def room(self, credit: PortCredit, now: int) -> int:
        """Find all of the window free."""
        return super().room(credit, now) if credit.port.index == 0 else self.size(credit, now)


@mutant("GRANT-EGRESS-RATE", kind="at-size")
class AddsAWindowForMany(CreditWindow):
    """Hands out a second window where more than three sources share a port."""

    def size(self, credit: PortCredit, now: int) -> int:
        """Double it."""
        return super().size(credit, now) * (2 if len(credit.sources) > 3 else 1)


@mutant("GRANT-FAIR", kind="not-the-first")
class FavoursAHighClass(Scheduler):
    """Shares class 5 out in the order of nodes instead of in equal parts."""

    def end_turn(self, credit: PortCredit, ring: ClassRing, source: Source, amount: int) -> None:
        """Let the turn stay where it is."""
        super().end_turn(credit, ring, source, amount)
        if ring.cls == 5 and ring.sources:
            first = min(ring.sources, key=lambda waiting: waiting.node)
            ring.sources.rotate(-ring.sources.index(first))


@mutant("GRANT-FAIR", kind="at-size")
class ServesTheFifthSourceLast(Scheduler):
    """Grants to the fifth and later sources of a port only while no other one waits."""

    def activate(self, credit: PortCredit, source: Source) -> None:
        """Count the sources before it."""
        place = list(credit.sources.values()).index(source)
        if place < 4 or not credit.rings[source.cls].sources:
            super().activate(credit, source)
