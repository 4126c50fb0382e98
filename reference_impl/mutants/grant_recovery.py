"""Flaws of request and grant that show when messages are lost, late, damaged or many sources meet."""

from collections import deque

from reference_impl import codec
from reference_impl.codec import BadFrame, Header
from reference_impl.mutants import mutant
from reference_impl.parts.credit import ClassRing, PortCredit, Source
from reference_impl.parts.dgsq import Dgsq, DgsqTable
from reference_impl.parts.granter import Granter, Of
from reference_impl.parts.gsp_ports import EgressPort, Uplink
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.requester import Requester
from reference_impl.parts.scheduler import Scheduler
from reference_impl.parts.transit import TransitPort
from reference_impl.parts.window import CreditWindow
from reference_impl.roles.gsp import Gsp


@mutant("GRANT-LOST-GRANT")
class RefusesJumps(Dgsq):
    """Takes a grant that rises by more than it expects from one message for an error."""

    def take_grant(self, granted: int, expired: int, validity: int, now: int) -> None:
        """Ignore what rises by more than two of the longest frames."""
        if granted - self.grant <= 20_000:
            super().take_grant(granted, expired, validity, now)


@mutant("GRANT-LOST-REQUEST")
class RefreshesOnceAnswered(Requester):
    """Repeats its requests only when the egress has answered one."""

    def refresh_due(self, now: int, dgsq: Dgsq) -> None:
        """Wait for a first grant."""
        if dgsq.grant:
            super().refresh_due(now, dgsq)
        elif not dgsq.dead:
            self.leaf.at(now + self.refresh, self.refresh_due, dgsq)


@mutant("GRANT-DUPLICATE")
class AddsRepeatedGrants(Dgsq):
    """Counts a grant that comes again as new credit."""

    def take_grant(self, granted: int, expired: int, validity: int, now: int) -> None:
        """Add a longest frame for each repeat."""
        repeated = granted == self.grant
        super().take_grant(granted, expired, validity, now)
        if repeated:
            self.grant += 9240


@mutant("GRANT-OLDER-IGNORED")
class TakesTheLastGrant(Dgsq):
    """Takes over each grant as it comes, be it lower than the one before."""

    def take_grant(self, granted: int, expired: int, validity: int, now: int) -> None:
        """Merge nothing."""
        super().take_grant(granted, expired, validity, now)
        self.grant = granted


@mutant("GRANT-OLDER-IGNORED")
class TrimsToTheLastRequest(Granter):
    """Takes credit back that the last request, be it an old one, does not ask for."""

    def merge(self, source: Source, demand: int, sent: int, forfeited: int) -> None:
        """Let the grant fall to the demand."""
        super().merge(source, demand, sent, forfeited)
        source.demand = demand
        source.granted = min(source.granted, demand + forfeited)


@mutant("GRANT-WRONG-GENERATION")
class TakesGrantsOfAnyGeneration(Ingress):
    """Takes a grant for another generation of the queue for one of its own."""

    def concerns(self, dgsq: Dgsq, generation: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Compare nothing."""
        return dgsq.governed


@mutant("GRANT-CORRUPTED", kind="malformed")
class TrustsDamagedGrants(Gsp):
    """Acts on a grant whose checksum is wrong."""

    def check(self, port: int, frame: bytes) -> Header:
        """Read on behind a wrong checksum."""
        try:
            return super().check(port, frame)
        except BadFrame as bad:
            header = codec.peek(frame)
            if bad.cause == "bad_checksum" and header[0] == codec.GRANT:
                return header
            raise


@mutant("GRANT-BLACKOUT", kind="history")
class ShutsOutWrittenOffSources(Granter):
    """Never listens again to a queue generation that it has written off."""

    def enter(self, source: Source, generation: int) -> bool:
        """Remember every generation met, and refuse one that returns without its state."""
        met: set[tuple[int, int, int]] = self.__dict__.setdefault("met", set())
        key = (source.node, source.cls, generation)
        if generation != source.generation and key in met:
            return False
        met.add(key)
        return super().enter(source, generation)


@mutant("GRANT-SILENT-STATE")
class WaitsForSilentSources(Granter):
    """Keeps the state of a silent source, and grants to it again and again."""

    def silence_due(self, now: int, of: Of) -> int:  # noqa: ARG002 - that is the flaw
        """Do nothing."""
        return now


@mutant("GRANT-UNSOLICITED")
class LeavesTheAllowanceUnused(DgsqTable):
    """Waits for a grant even for the frames that need none."""

    def first_grant(self) -> int:
        """Start from nothing."""
        return 0


@mutant("GRANT-UNSOLICITED")
class DoublesTheAllowance(DgsqTable):
    """Sends twice the unsolicited bytes before the first grant."""

    def first_grant(self) -> int:
        """Start too high."""
        return 2 * super().first_grant()


@mutant("GRANT-QUEUE-BOUND")
class OverlooksItsQueue(CreditWindow):
    """Grants as if nothing waited at the egress port."""

    def waiting(self, credit: PortCredit, now: int) -> int:  # noqa: ARG002 - that is the flaw
        """Count nothing."""
        return 0


@mutant("GRANT-INCAST-LOSSLESS")
class HasAShallowBuffer(EgressPort):
    """Drops what does not fit into a buffer shorter than the grant window."""

    def enqueue(self, queue: deque[bytes], frame: bytes) -> bool:
        """Keep three of the longest frames."""
        if self.queued + len(frame) > 28_000:
            self.device.drop("queue_full")
            return False
        return super().enqueue(queue, frame)


@mutant("GRANT-INCAST-LOSSLESS")
class GrantsCrumbs(CreditWindow):
    """Keeps so little credit outstanding that the egress runs dry between two grants."""

    def size(self, credit: PortCredit, now: int) -> int:
        """Take an eighth of the window."""
        return super().size(credit, now) // 8


@mutant("GRANT-LATE-JOINER", kind="history")
class DistrustsNewcomers(Scheduler):
    """Lets a source hold one frame's credit at a time until it has been served for long."""

    def allowance(self, source: Source) -> int:
        """Wait for a million octets."""
        return super().allowance(source) if source.granted > 1_000_000 else self.window.longest


@mutant("GRANT-VICTIM-ISOLATED", kind="bystanders")
class WaitsBehindOtherQueues(Ingress):
    """Lets no frame go while one waits in an older queue."""

    def pump(self, dgsq: Dgsq, now: int) -> None:
        """Look at the queues before."""
        for other in self.dgsqs.queues.values():
            if other is dgsq:
                super().pump(dgsq, now)
            if other is dgsq or other.frames:
                return


@mutant("GRANT-OVERRUN-CONTAINED")
class ForgivesOverruns(Scheduler):
    """Raises the grant to what a source has sent, and goes on serving it like the others."""

    def penalise(self, source: Source, octets: int) -> None:
        """Charge nothing."""


@mutant("GRANT-CONTROL-FIRST")
class QueuesControlBehindData(Uplink):
    """Lets a GSP's control messages wait behind all data on the uplink."""

    def send_control(self, frame: bytes, now: int) -> None:
        """Send it as if it were data."""
        self.send_of(None, frame, now)


@mutant("GRANT-CONTROL-FIRST")
class ForwardsControlBehindData(TransitPort):
    """Lets control messages wait behind all data on the links of a GSF."""

    def send_control(self, frame: bytes, now: int) -> None:
        """Send it as if it were data."""
        self.send(frame, now)


@mutant("GRANT-OVERHEAD")
class RequestsForEveryFrame(Requester):
    """Sends a request for each frame that comes in."""

    def demanded(self, dgsq: Dgsq, now: int) -> None:
        """Know no pace."""
        self.send(dgsq, now)


@mutant("GRANT-PAUSED-CLASS")
class GrantsToPausedClasses(CreditWindow):
    """Goes on granting for a class that the host has paused."""

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Overlook the pause."""
        return False


@mutant("GRANT-PAUSED-CLASS")
class PausesEveryClass(CreditWindow):
    """Grants for no class of a port while one of them is paused."""

    def is_paused(self, credit: PortCredit, cls: int, now: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Look at the port instead of the class."""
        return credit.port.pause_end > now


@mutant("GRANT-REGRANT")
class TakesValidCreditBack(Granter):
    """Takes unused credit back after half of its validity."""

    def configure(self) -> None:
        """Reckon with a round trip that ends before it begins."""
        super().configure()
        self.round_trip = -self.validity // 2


@mutant("GRANT-WORK-CONSERVING")
class HearsRequestsAlone(Granter):
    """Takes a source for silent while only its DATA comes."""

    def arrived(  # noqa: PLR0917 - as the part itself
        self, node: int, port: int, cls: int, generation: int, credit_bytes: int, governed: bool, now: int
    ) -> None:
        """Forget that it was heard."""
        known = self.ports[port].sources.get((node, cls))
        if known and known.silent:
            known.arrived += credit_bytes
            return
        heard = known.heard if known else now
        super().arrived(node, port, cls, generation, credit_bytes, governed, now)
        if known:
            known.heard = heard


@mutant("GRANT-FAIR")
class ShortensTheTurnsOfANode(Scheduler):
    """Gives one source seven tenths of a quantum in its turn."""

    def next_source(self, credit: PortCredit, ring: ClassRing) -> Source | None:
        """Look at the node."""
        source = super().next_source(credit, ring)
        if source and source.node % 5 == 0:
            source.deficit = min(source.deficit, self.quantum * 7 // 10)
        return source
