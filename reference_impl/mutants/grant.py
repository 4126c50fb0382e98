"""Flaws of request and grant that show between a source and an egress which hear each other well."""

from collections import deque

from reference_impl.mutants import mutant
from reference_impl.parts.credit import PortCredit, Source
from reference_impl.parts.dgsq import Dgsq, DgsqTable
from reference_impl.parts.granter import Granter
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.requester import Requester
from reference_impl.parts.scheduler import Scheduler
from reference_impl.parts.window import CreditWindow
from reference_impl.sizes import OVERHEAD


@mutant("GRANT-NO-SEND-WITHOUT")
class SendsTheFrameThatOverdraws(Dgsq):
    """Sends as long as any credit is left, and so one frame beyond each grant."""

    def may_send(self, credit: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Look at what was sent before alone."""
        return not self.governed or self.position < self.grant


@mutant("GRANT-NO-SEND-WITHOUT")
class StartsOnItsOwnCredit(DgsqTable):
    """Begins each queue with a container of credit that nobody granted."""

    def first_grant(self) -> int:
        """Add a container."""
        return super().first_grant() + self.device.settings.container_bytes


@mutant("GRANT-WHOLE-FRAME", kind="by-little")
class RoundsCreditUp(Dgsq):
    """Sends a frame whose last octet the grant does not cover."""

    def may_send(self, credit: int) -> bool:
        """Want one octet less."""
        return super().may_send(credit - 1)


@mutant("GRANT-WHOLE-FRAME", kind="by-little")
class WantsCreditToSpare(Dgsq):
    """Holds a frame back that the grant covers to the last octet."""

    def may_send(self, credit: int) -> bool:
        """Want one octet more."""
        return super().may_send(credit + 1)


@mutant("GRANT-WHOLE-FRAME")
class SendsTheShortestFirst(Ingress):
    """Lets a short frame that the grant covers overtake a long one that it does not."""

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Bring the shortest frame to the front."""
        if dgsq.frames and not dgsq.may_send(dgsq.frames[0][1]):
            shortest = min(dgsq.frames, key=lambda waiting: waiting[1])
            dgsq.frames.remove(shortest)
            dgsq.frames.appendleft(shortest)
        super().pump(dgsq, now)


@mutant("GRANT-REQUEST-ON-DEMAND")
class AsksAtTheNextRefresh(Requester):
    """Leaves new demand to the next refresh."""

    def demanded(self, dgsq: Dgsq, now: int) -> None:
        """Ask for nothing."""


@mutant("GRANT-DEMAND-CUMULATIVE")
class AsksForTheBacklog(Dgsq):
    """Tells what is waiting now instead of all that ever arrived."""

    def account(self, credit: int) -> None:
        """Take what leaves out of the demand."""
        super().account(credit)
        self.demand -= credit


@mutant("GRANT-DEMAND-CUMULATIVE")
class LeavesOutTheOverhead(Dgsq):
    """Counts frames as sent without their FCS, preamble and gap."""

    def account(self, credit: int) -> None:
        """Count the octets of the frame alone."""
        super().account(credit - OVERHEAD)


@mutant("GRANT-REFRESH")
class RestsWhenNothingWaits(Requester):
    """Stops refreshing its requests once the backlog has been sent."""

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """End the refreshes with the backlog."""
        if dgsq.frames:
            super().refresh_due(now, dgsq)


@mutant("GRANT-REFRESH")
class RefreshesAfterAgeOut(Requester):
    """Goes on refreshing the requests of a queue that has aged out."""

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """Take no notice of the end of the queue."""
        self.send(dgsq, now)
        self.leaf.at(now + self.refresh, self.refresh_due, dgsq)


@mutant("GRANT-EGRESS-RATE")
class GrantsAsIfAlone(CreditWindow):
    """Gives every source the whole window, whatever is outstanding, queued or held."""

    def room(self, credit: PortCredit, now: int) -> int:
        """Find all of the window free."""
        return self.size(credit, now)


@mutant("GRANT-FABRIC-CAPACITY")
class CountsDeadUplinks(CreditWindow):
    """Takes all its uplinks for capacity, those that are down included."""

    def fabric_mbps(self) -> int:
        """Add up every uplink there is."""
        return sum(port.rate_mbps for port in self.leaf.ports if port.kind == "fabric")


@mutant("GRANT-NOT-BELOW-POSITION")
class KeepsItsOwnCount(Granter):
    """Grants from where it believes the source to be instead of from where the source says it is."""

    def not_below(self, granted: int, reported: int) -> int:  # noqa: ARG002 - that is the flaw
        """Disregard the report."""
        return granted


@mutant("GRANT-NO-DEMAND-NO-GRANT")
class RoundsDemandUp(Scheduler):
    """Grants whole quanta, however little is asked for."""

    def share(self, source: Source) -> int:
        """Return the allowance."""
        return self.allowance(source)


@mutant("GRANT-FAIR", kind="bystanders")
class ServesInOrderOfNodes(Scheduler):
    """Grants to the source with the lowest node number as long as it wants credit, then to the next."""

    def activate(self, credit: PortCredit, source: Source) -> None:
        """Sort the turns by node."""
        super().activate(credit, source)
        ring = credit.rings[source.cls]
        ring.sources = deque(sorted(ring.sources, key=lambda waiting: waiting.node))


@mutant("GRANT-CLASS-WEIGHTS")
class WeighsClassesAlike(Scheduler):
    """Gives every class the same share, whatever weight is declared."""

    def weight(self, cls: int) -> int:  # noqa: ARG002 - that is the flaw
        """Know one weight."""
        return 1


@mutant("GRANT-WORK-CONSERVING")
class KeepsTheWindowSmall(CreditWindow):
    """Hands out too little credit at a time to fill the round trip."""

    def size(self, credit: PortCredit, now: int) -> int:
        """Take a tenth of the window."""
        return super().size(credit, now) // 10


@mutant("GRANT-EXPIRY")
class KeepsExpiredCredit(Dgsq):
    """Gives up none of the credit that has expired, and sends on it."""

    def forfeit(self) -> int:
        """Give up nothing."""
        return 0


@mutant("GRANT-EXPIRY")
class IgnoresTheExpiredMark(Dgsq):
    """Reads no word of the egress that credit has expired."""

    def take_grant(self, granted: int, expired: int, validity: int, now: int) -> None:  # noqa: ARG002
        """Merge the rest."""
        super().take_grant(granted, 0, validity, now)


@mutant("GRANT-EXPIRY")
class IgnoresTheEndOfValidity(Dgsq):
    """Uses credit whose validity has run out, as long as the egress does not declare it expired."""

    def lapse(self) -> None:
        """Let nothing lapse."""


@mutant("GRANT-REQUEST-AGAIN", kind="history")
class ShutsOutSlowSources(Scheduler):
    """Grants nothing more in a generation in which credit has expired."""

    def wants(self, source: Source) -> bool:
        """Hear only sources that used all their credit."""
        return not source.expired and super().wants(source)


@mutant("GRANT-REQUEST-AGAIN")
class DropsWhatLostItsCredit(Ingress):
    """Drops the queue when its credit is void instead of asking again."""

    def forfeit(self, dgsq: Dgsq, now: int) -> None:
        """Drop the frames that wait."""
        if dgsq.expired > dgsq.position and dgsq.frames:
            self.dgsqs.abort(dgsq, "dgsq_aborted")
        else:
            super().forfeit(dgsq, now)


@mutant("GRANT-REGRANT")
class NeverTakesCreditBack(Granter):
    """Leaves credit that is not used in its validity with the source for good."""

    def expire(self, credit: PortCredit, source: Source, now: int) -> None:
        """Write nothing off."""


@mutant("GRANT-REMAINING-VALIDITY")
class RenewsValidity(Granter):
    """Gives a repeated GRANT the full validity again."""

    def remaining(self, source: Source, now: int) -> int:  # noqa: ARG002 - that is the flaw
        """Start the validity anew."""
        return self.validity
