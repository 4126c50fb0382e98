"""Flaws of queues and credit that miss a bound by little, miscount, or need a history."""

from reference_impl.mutants import mutant
from reference_impl.parts.backpressure import BackpressureReceiver
from reference_impl.parts.credit import PortCredit, Source
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.granter import Granter
from reference_impl.parts.requester import Requester
from reference_impl.parts.scheduler import Scheduler


@mutant("GRANT-UNSOLICITED", kind="by-little")
class AllowsALittleMore(DgsqTable):
    """Sends 1.5 % more than the unsolicited bytes before the first grant."""

    def first_grant(self) -> int:
        """Round up."""
        return super().first_grant() * 203 // 200


@mutant("GRANT-UNSOLICITED", kind="by-little")
class AllowsALittleLess(DgsqTable):
    """Sends 1.5 % less than the unsolicited bytes before the first grant."""

    def first_grant(self) -> int:
        """Round down."""
        return super().first_grant() * 197 // 200


@mutant("GRANT-EXPIRY", kind="by-little")
class LapsesALittleLate(Dgsq):
    """Uses credit for a fifth longer than it is valid."""

    def take_grant(self, granted: int, expired: int, validity: int, now: int) -> None:
        """Stretch the validity."""
        super().take_grant(granted, expired, validity * 6 // 5, now)


@mutant("GRANT-REMAINING-VALIDITY", kind="by-little")
class TellsALittleTooMuch(Granter):
    """Tells of a fifth more validity than is left."""

    def remaining(self, source: Source, now: int) -> int:
        """Stretch it."""
        return super().remaining(source, now) * 6 // 5


@mutant("GRANT-NO-DEMAND-NO-GRANT", kind="by-little")
class GrantsALittleMore(Scheduler):
    """Grants 1.5 % more than is asked for."""

    def share(self, source: Source) -> int:
        """Round up."""
        return super().share(source) * 203 // 200


@mutant("DGSQ-AGE-OUT", kind="by-little")
class ReleasesALittleEarly(DgsqTable):
    """Releases a queue a tenth of age_out too early."""

    def configure(self) -> None:
        """Shorten it."""
        super().configure()
        self.age_out -= self.age_out // 10


@mutant("DGSQ-AGE-OUT", kind="by-little")
class ReleasesALittleLate(DgsqTable):
    """Releases a queue a tenth of age_out too late."""

    def configure(self) -> None:
        """Stretch it."""
        super().configure()
        self.age_out += self.age_out // 10


@mutant("DGSQ-BACKPRESSURE-RATE", kind="by-little")
class WithholdsALittleMore(BackpressureReceiver):
    """Leaves a fifth less of the rate than the level does."""

    def allowed_mbps(self, dgsq: Dgsq) -> float:
        """Take a little off."""
        return super().allowed_mbps(dgsq) * 0.8


@mutant("DGSQ-BACKPRESSURE-RATE", kind="by-little")
class WithholdsALittleLess(BackpressureReceiver):
    """Leaves a fifth more of the rate than the level does."""

    def allowed_mbps(self, dgsq: Dgsq) -> float:
        """Add a little."""
        return super().allowed_mbps(dgsq) * 1.2


@mutant("DGSQ-EXHAUSTION", kind="by-little")
class HoldsOneQueueMore(DgsqTable):
    """Holds one queue more than dgsq_max."""

    def is_exhausted(self) -> bool:
        """Compare strictly."""
        return len(self.queues) > self.bound


@mutant("DGSQ-EXHAUSTION", kind="by-little")
class HoldsOneQueueLess(DgsqTable):
    """Holds one queue less than dgsq_max."""

    def is_exhausted(self) -> bool:
        """Keep one in reserve."""
        return len(self.queues) >= self.bound - 1


@mutant("DGSQ-EXHAUSTION", kind="meeting")
class NeverFreesItsBound(DgsqTable):
    """Goes on counting queues that were released, so that a new one finds no place after an exhaustion."""

    def is_exhausted(self) -> bool:
        """Count every key that ever had a queue."""
        return len(self.generations) >= self.bound


@mutant("GRANT-DEMAND-CUMULATIVE", kind="history")
class CountsInSixteenBits(Dgsq):
    """Counts what was sent in 16 bits."""

    def account(self, credit: int) -> None:
        """Drop the carry."""
        super().account(credit)
        self.sent &= 0xFFFF


@mutant("GRANT-NOT-BELOW-POSITION", kind="history")
class ComparesInThirtyTwoBits(Granter):
    """Takes the lowest 32 bits of a reported position for all of it."""

    def not_below(self, granted: int, reported: int) -> int:
        """Drop the carry."""
        return super().not_below(granted, reported & 0xFFFFFFFF)


@mutant("GRANT-REFRESH", kind="history")
class TiresOfRefreshing(Requester):
    """Repeats the REQUEST of a queue at the first occasions only."""

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """Count the occasions."""
        asked: dict[int, int] = self.__dict__.setdefault("asked", {})
        asked[id(dgsq)] = asked.get(id(dgsq), 0) + 1
        if asked[id(dgsq)] <= 12:
            super().refresh_due(now, dgsq)


@mutant("DGSQ-GENERATION-CHANGES", kind="history")
class SkipsTheFourthGeneration(DgsqTable):
    """Leaves a generation out when a queue is created for the fourth time."""

    def next_generation(self, key: Key) -> int:
        """Count the creations."""
        made: dict[Key, int] = self.__dict__.setdefault("made", {})
        made[key] = made.get(key, 0) + 1
        if made[key] % 4 == 0:
            self.generations[key] = super().next_generation(key)
        return super().next_generation(key)


@mutant("GRANT-COUNTED", kind="counters")
class CountsForfeitsTwice(Requester):
    """Counts credit that it gives up two times."""

    def forfeited(self, dgsq: Dgsq, octets: int, now: int) -> None:
        """Add it again."""
        super().forfeited(dgsq, octets, now)
        self.leaf.count["forfeited_bytes"] += octets


@mutant("GRANT-COUNTED", kind="counters")
class LeavesRefreshesOut(Requester):
    """Does not count a REQUEST that repeats what it said before."""

    def send(self, dgsq: Dgsq, now: int) -> None:
        """Take the count back."""
        repeats = dgsq.reported == dgsq.demand
        super().send(dgsq, now)
        self.leaf.count["requests_sent"] -= repeats


@mutant("GRANT-COUNTED", kind="counters")
class CountsRepeatsAsGranted(Granter):
    """Counts credit as granted again whenever it repeats a GRANT."""

    def announce(self, credit: PortCredit, source: Source, now: int) -> None:
        """Count what the source holds."""
        super().announce(credit, source, now)
        if source.expires < now + self.validity:
            self.leaf.count["granted_bytes"] += source.held


@mutant("GRANT-COUNTED", kind="counters")
class CountsNoExpiry(Granter):
    """Takes unused credit back and does not count it."""

    def take_back(self, credit: PortCredit, source: Source, now: int) -> None:
        """Take the count back."""
        held = source.held
        super().take_back(credit, source, now)
        self.leaf.count["expired_bytes"] -= held


@mutant("GRANT-COUNTED", kind="counters")
class LeavesBareGrantsOut(Granter):
    """Does not count a GRANT without new credit."""

    def announce(self, credit: PortCredit, source: Source, now: int) -> None:
        """Take the count back."""
        super().announce(credit, source, now)
        if source.expires < now + self.validity:
            self.leaf.count["grants_sent"] -= 1
