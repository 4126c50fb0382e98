"""Flaws of credit that show for a later port or class alone, the second time, or under back-pressure."""

from reference_impl.mutants import mutant
from reference_impl.parts.credit import ClassRing, PortCredit, Source
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.granter import Granter
from reference_impl.parts.requester import Requester
from reference_impl.parts.scheduler import Scheduler
from reference_impl.parts.window import CreditWindow


@mutant("GRANT-REQUEST-AGAIN", kind="not-the-first")
class ShutsOutSlowHighClasses(Scheduler):
    """Grants nothing more in a generation of a class above 0 in which credit has expired."""

    def wants(self, source: Source) -> bool:
        """Look at the class."""
        return not (source.cls and source.expired) and super().wants(source)


@mutant("GRANT-REGRANT", kind="not-the-first")
class TakesBackCreditOfClassZeroOnly(Granter):
    """Leaves unused credit of a class above 0 with its source."""

    def expire(self, credit: PortCredit, source: Source, now: int) -> None:
        """Look at the class."""
        if not source.cls:
            super().expire(credit, source, now)


@mutant("GRANT-SILENT-STATE", kind="not-the-first")
class WaitsForSilentHighClasses(Granter):
    """Keeps the state of a silent source of a class above 0."""

    def silence_due(self, now: int, of: tuple[PortCredit, Source]) -> int:
        """Look at the class."""
        return now + self.silence if of[1].cls else super().silence_due(now, of)


@mutant("GRANT-BLACKOUT", kind="not-the-first")
class WritesOneSourceOffForGood(Granter):
    """Never listens again to the first source whose state it has dropped."""

    def enter(self, source: Source, generation: int) -> bool:
        """Remember who was met, and refuse the first one that comes back without its state."""
        known, key = self.__dict__.setdefault("known", {"gone": None}), (source.node, source.cls)
        if source.generation == 0 and known.setdefault(key, source) is not source:
            known["gone"] = known["gone"] or key
        return known["gone"] != key and super().enter(source, generation)


@mutant("GRANT-FAIR", kind="not-the-first")
class FavoursSourcesAtTheSecondPort(Scheduler):
    """Shares port 1 out in the order of nodes instead of in equal parts."""

    def end_turn(self, credit: PortCredit, ring: ClassRing, source: Source, amount: int) -> None:
        """Let the turn stay where it is."""
        super().end_turn(credit, ring, source, amount)
        if credit.port.index == 1 and ring.sources:
            first = min(ring.sources, key=lambda waiting: waiting.node)
            ring.sources.rotate(-ring.sources.index(first))


@mutant("GRANT-CLASS-WEIGHTS", kind="not-the-first")
class WeighsClassesOfLaterPortsAlike(Scheduler):
    """Gives all classes one weight at any port but the first."""

    def end_turn(self, credit: PortCredit, ring: ClassRing, source: Source, amount: int) -> None:
        """Charge as if the weight were 1."""
        before = ring.served
        super().end_turn(credit, ring, source, amount)
        if credit.port.index:
            ring.served = before + amount


@mutant("GRANT-LATE-JOINER", kind="not-the-first")
class DistrustsNewcomersOfHighClasses(Scheduler):
    """Lets a source of a class above 0 hold one frame's credit until it was served for long."""

    def allowance(self, source: Source) -> int:
        """Wait for a million octets."""
        if source.cls and source.arrived < 1_000_000:
            return self.window.longest
        return super().allowance(source)


@mutant("GRANT-OVERRUN-CONTAINED", kind="not-the-first")
class ForgivesOverrunsOfHighClasses(Scheduler):
    """Charges nothing for what came beyond the grant in a class above 0."""

    def penalise(self, source: Source, octets: int) -> None:
        """Do so in class 0."""
        if not source.cls:
            super().penalise(source, octets)


@mutant("GRANT-PAUSED-CLASS", kind="not-the-first")
class HeedsPausesOfTheFirstPortOnly(CreditWindow):
    """Grants on to a class that the host at a later port has paused."""

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:
        """Look at the port."""
        return credit.port.index == 0 and super().is_paused(credit, cls, now)


@mutant("GRANT-PAUSED-CLASS", kind="history")
class HeedsOnePause(CreditWindow):
    """Heeds the first pause of a class and no later one."""

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:
        """Remember when the first one ends."""
        ends, key = self.__dict__.setdefault("ends", {}), (credit.port.index, cls)
        if not super().is_paused(credit, cls, now) or now > ends.get(key, now):
            return False
        ends[key] = credit.port.paused_until[cls]
        return True


@mutant("GRANT-NO-SEND-WITHOUT", kind="meeting")
class OverdrawsUnderBackpressure(Dgsq):
    """Sends a frame of which only a part was granted while back-pressure holds."""

    def may_send(self, credit: int) -> bool:
        """Look at what was sent before alone."""
        return super().may_send(credit) or (self.level > 0 and self.position < self.grant)


@mutant("GRANT-EXPIRY", kind="meeting")
class KeepsVoidCreditUnderBackpressure(Dgsq):
    """Keeps credit whose validity ends while back-pressure holds."""

    def lapse(self) -> None:
        """Look at the level."""
        if not self.level:
            super().lapse()


@mutant("GRANT-REFRESH", kind="by-little")
class RefreshesABitLate(Requester):
    """Repeats its REQUEST a fifth later than it has to."""

    def configure(self) -> None:
        """Take longer."""
        super().configure()
        self.refresh = self.refresh * 6 // 5


@mutant("GRANT-REQUEST-ON-DEMAND", kind="at-size")
class AsksForFourQueuesAtOnce(Requester):
    """Leaves new demand of the fifth and later queues to the next refresh."""

    def demanded(self, dgsq: Dgsq, now: int) -> None:
        """Look how many queues are older."""
        if dgsq in list(self.leaf.dgsqs.queues.values())[:4]:
            super().demanded(dgsq, now)


@mutant("GRANT-REQUEST-ON-DEMAND", kind="history")
class AsksAtOnceInTheFirstGenerationOnly(Requester):
    """Leaves new demand of a queue that was created again to the next refresh."""

    def demanded(self, dgsq: Dgsq, now: int) -> None:
        """Remember the first generation."""
        first = self.__dict__.setdefault("first", {})
        if first.setdefault((dgsq.node, dgsq.port, dgsq.cls), dgsq.generation) == dgsq.generation:
            super().demanded(dgsq, now)
