"""Flaws of spraying: load on the wrong paths, on too few, too late, or on one that is not there."""

from collections.abc import Iterable
from zlib import crc32

from reference_impl.codec import Header
from reference_impl.mutants import mutant
from reference_impl.parts.container import Container
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.liveness import Link, Liveness
from reference_impl.parts.packer import Packer
from reference_impl.parts.paths import Path, PathTable
from reference_impl.parts.sprayer import PathShare, Sprayer
from reference_impl.parts.transit import TransitForwarder
from reference_impl.roles.gsf import Gsf
from reference_impl.roles.gsp import Gsp

HEADERS = 42
"""Octets of an untagged frame up to the end of its UDP header, the five-tuple."""
SHORT = 300


@mutant("SPRAY-SINGLE-FLOW-ALL-PATHS")
class KeepsToOnePath(Sprayer):
    """Sends everything for a node up one uplink as long as that lives."""

    def choose(self, node: int) -> PathShare | None:
        """Take the first one."""
        return next(iter(self.shares_to(node)), None)


@mutant("SPRAY-EVEN")
class SpraysAtRandom(Sprayer):
    """Draws the uplink of each container, so that the load is equal on average and at no instant."""

    def choose(self, node: int) -> PathShare | None:
        """Draw one."""
        shares = self.shares_to(node)
        return self.device.random.choice(shares) if shares else None


@mutant("SPRAY-EVEN")
class CountsContainers(Sprayer):
    """Takes the uplinks to a node in turn, however many octets the containers hold."""

    def choose(self, node: int) -> PathShare | None:
        """Take the next one."""
        shares = self.shares_to(node)
        turn = self.turns[-node] = self.turns.get(-node, 0) + 1
        return shares[turn % len(shares)] if shares else None


@mutant("SPRAY-PER-DESTINATION")
class BalancesAllTogether(Sprayer):
    """Takes the uplinks in turn for the containers to all nodes together."""

    def choose(self, node: int) -> PathShare | None:
        """Count the containers of the device."""
        shares = sorted(self.shares_to(node), key=lambda share: share.path.port)
        return shares[self.device.count["containers_built"] % len(shares)] if shares else None


@mutant("SPRAY-NO-STICKINESS")
class HashesHeaders(Packer):
    """Chooses the uplink of a container by a hash over the headers of its first frame, as ECMP does."""

    def open(self, dgsq: Dgsq, share: PathShare, now: int) -> Container:  # noqa: ARG002 - that is the flaw
        """Let the hash choose."""
        assert isinstance(self.device, Gsp)
        shares = self.device.sprayer.shares_to(dgsq.node)
        hashed = crc32(dgsq.frames[0][0][:HEADERS]) % len(shares)
        return super().open(dgsq, shares[hashed], now)


@mutant("SPRAY-WEIGHT-BY-RATE")
class WeighsAllPathsEqually(Sprayer):
    """Gives every live path the same weight."""

    def weight(self, path: Path) -> int:  # noqa: ARG002 - that is the flaw
        """Know no rate."""
        return 1


@mutant("SPRAY-PATH-WEIGHT")
class SeesItsOwnLinkAlone(PathTable):
    """Weighs a path by the rate of its first link, whatever the neighbour announces."""

    def path_rate(self, link: Link, announced: int) -> int:  # noqa: ARG002 - that is the flaw
        """Leave the announced rate out."""
        return min(self.device.ports[link.port].rate_mbps, link.rate_mbps)


@mutant("SPRAY-LIVE-PATHS-ONLY")
class OverlooksCarrier(Liveness):
    """Notices the loss of a link by its silence only, not by its carrier."""

    def carrier(self, port: int, up: bool, now: int) -> None:
        """Look away."""


@mutant("SPRAY-LIVE-PATHS-ONLY")
class RestartsEveryLink(Liveness):
    """Leaves all links when one loses its carrier, and greets on each of them as if it were new."""

    def carrier(self, port: int, up: bool, now: int) -> None:
        """Take the others down, too."""
        for link in self.links.values():
            if not up:
                self.down(link, "carrier of another link", now)
                self.forget(link)
        super().carrier(port, up, now)


@mutant("SPRAY-HELLO-LOSS")
class WaitsTooLongForHello(Liveness):
    """Believes a silent neighbour alive for twice as long as it may."""

    def lifetime(self) -> int:
        """Double it."""
        return 2 * super().lifetime()


@mutant("SPRAY-HELLO-LOSS")
class LosesPatience(Liveness):
    """Gives a link up one HELLO too early."""

    def lifetime(self) -> int:
        """Wait one interval less."""
        return super().lifetime() - self.device.settings.hello_interval


@mutant("SPRAY-HELLO-CONTENT")
class GreetsAtHalfPace(Liveness):
    """Sends every other HELLO only."""

    def tick(self, now: int) -> None:
        """Wait one interval more."""
        self.device.at(now + self.device.settings.hello_interval, super().tick)


@mutant("SPRAY-HELLO-CONTENT")
class SkipsHelloNumbers(Liveness):
    """Numbers its HELLO messages 2, 4, 6 and so on."""

    def send_hello(self, link: Link, now: int) -> None:
        """Count twice."""
        link.sequence += 1
        super().send_hello(link, now)


@mutant("SPRAY-HELLO-CONTENT")
class AnnouncesAllItKnows(PathTable):
    """Announces at a GSP also the nodes that it learned of from others, as if they lay behind it."""

    def announcement(self, link: Link) -> dict[int, int]:
        """Add them."""
        known = {node: paths[0].rate for node, paths in self.known.items()}
        return super().announcement(link) | ({} if self.transit() else known)


@mutant("SPRAY-HELLO-CONTENT")
class HearsOldHello(Liveness):
    """Says that it heard the HELLO before the one that it last heard."""

    def heard(self, link: Link) -> tuple[int, int]:
        """Go one back."""
        node, sequence = super().heard(link)
        return node, max(sequence - 1, 0)


@mutant("SPRAY-TWO-WAY")
class TrustsDeafNeighbours(Liveness):
    """Takes a link for good when HELLO comes in, whether or not its own arrives."""

    def fresh(self, link: Link, heard_node: int, heard_sequence: int, now: int) -> bool:  # noqa: ARG002
        """Suppose that the last one was heard."""
        return super().fresh(link, self.device.node, link.sequence, now)


@mutant("SPRAY-REMOTE-FAULT")
class NeverUnlearns(PathTable):
    """Goes on using a GSF for a node that it no longer announces."""

    def learn(self, entries: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Add every node that was ever announced."""
        now = super().learn(entries)
        past = () if self.transit() else self.heard_of
        return dict.fromkeys(past, max(now.values(), default=0)) | now


@mutant("SPRAY-REMOTE-FAULT")
class ShunsTheWholeSpine(PathTable):
    """Leaves a GSF altogether when that loses one node."""

    def learn(self, entries: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Learn nothing where something is missing."""
        now = super().learn(entries)
        return now if self.transit() or now.keys() >= self.heard_of else {}


@mutant("SPRAY-FAULT-ANNOUNCED")
class LeavesLossToHello(PathTable):
    """Sends no FAULT, since the next HELLO says the same."""

    def tell(self, lost: Iterable[int], cause: tuple[int, int] | None, now: int) -> None:  # noqa: ARG002
        """Hide what was lost."""
        super().tell((), cause, now)


@mutant("SPRAY-FAULT-ANNOUNCED")
class SaysFaultOnce(PathTable):
    """Sends one copy of each FAULT."""

    def send_fault(self, now: int, link: Link, node: int, cause: tuple[int, int], copies: int) -> None:
        """Leave the copies out."""
        super().send_fault(now, link, node, cause, min(copies, 1))


@mutant("SPRAY-FAULT-ANNOUNCED")
class KeepsAnnouncingTheLost(PathTable):
    """Goes on announcing in HELLO what it can no longer reach."""

    def announcement(self, link: Link) -> dict[int, int]:
        """Add what an earlier HELLO said."""
        return link.announced | super().announcement(link)


@mutant("SPRAY-RECOVERY-HITLESS")
class RenumbersOnRecovery(Liveness):
    """Numbers containers from 0 again when a link comes back."""

    def release(self, now: int, link: Link) -> None:
        """Reset the queues."""
        super().release(now, link)
        if isinstance(self.device, Gsp):
            for dgsq in self.device.dgsqs.queues.values():
                dgsq.sequence = 0


@mutant("SPRAY-RECOVERY-SHARE")
class NeverReturns(Liveness):
    """Leaves a link that was down once out of use for ever."""

    def release(self, now: int, link: Link) -> None:
        """Do nothing."""


@mutant("SPRAY-RECOVERY-SHARE")
class MakesUpForAbsence(Sprayer):
    """Lets a path that comes back carry all until it has caught up with the others."""

    def fresh_shares(self, node: int) -> list[PathShare]:
        """Keep the tallies of the other paths."""
        shares = super().fresh_shares(node)
        tallies = {share.path.port: share.carried for share in self.shares.get(node, [])}
        for share in shares:
            share.carried = tallies.get(share.path.port, 0)
        return shares


@mutant("SPRAY-FLAP-DAMPED")
class TrustsEveryReturn(Liveness):
    """Uses a link again as soon as it comes back, however often it went."""

    def damped(self, link: Link) -> bool:  # noqa: ARG002 - that is the flaw
        """Hold none."""
        return False


@mutant("SPRAY-BACKPRESSURE-WEIGHT")
class IgnoresSpines(PathTable):
    """Keeps the weight of a path whose GSF asks it to hold back."""

    def weight(self, link: Link, node: int, rate: int) -> int:  # noqa: ARG002 - that is the flaw
        """Leave the level out."""
        return self.path_rate(link, rate)


@mutant("SPRAY-BACKPRESSURE-WEIGHT")
class NeverForgivesSpines(PathTable):
    """Keeps a path at its lowered weight when back-pressure is over."""

    def expire(self, now: int, link: Link, about: int) -> None:
        """Do nothing."""


@mutant("SPRAY-BACKPRESSURE-WEIGHT")
class LeavesPressedPaths(PathTable):
    """Stops using a path at the first sign of back-pressure, whatever its level."""

    def weight(self, link: Link, node: int, rate: int) -> int:
        """Take any level for the highest."""
        return 0 if node in link.levels else self.path_rate(link, rate)


@mutant("SPRAY-GSF-CONTAINER-ORDER")
class PrefersShortFrames(TransitForwarder):
    """Sends short frames ahead of the longer ones that wait."""

    def data(self, port: int, frame: bytes, header: Header, now: int) -> None:
        """Send short frames with the priority of control messages."""
        if len(frame) < SHORT:
            self.control(port, frame, header, now)
        else:
            super().data(port, frame, header, now)


@mutant("SPRAY-GSF-ONE-LINK")
class SpraysFramesAgain(TransitForwarder):
    """Chooses the link of each frame anew."""

    def memory(self) -> int:
        """Remember no container."""
        return -1


@mutant("SPRAY-GSF-EVEN")
class UsesOneOfParallelLinks(TransitForwarder):
    """Sends everything for a node on the first of its links."""

    def least_used(self, paths: tuple[Path, ...], destination: int) -> Path:  # noqa: ARG002 - the flaw
        """Take the first."""
        return paths[0]


@mutant("SPRAY-GSF-EVEN")
class DrawsParallelLinks(TransitForwarder):
    """Draws the link of each container, so that the links are equal on average only."""

    def least_used(self, paths: tuple[Path, ...], destination: int) -> Path:  # noqa: ARG002 - the flaw
        """Draw one."""
        return self.device.random.choice(paths)


@mutant("SPRAY-NO-PATH")
class ClingsToTheLastPath(PathTable):
    """Goes on sending to a node on the last path that it had."""

    def rebuild(self, now: int, cause: tuple[int, int] | None = None) -> None:
        """Keep what would leave nothing."""
        known, usable = self.known, self.usable
        super().rebuild(now, cause)
        if not self.transit():
            self.known = known | self.known
            self.usable = usable | self.usable
            self.version += 1


@mutant("SPRAY-NO-PATH")
class GspDropsSilently(Gsp):
    """A GSP that does not count the frames for which it has no path."""

    def drop(self, cause: str) -> None:
        """Count all others."""
        if cause != "no_path":
            super().drop(cause)


@mutant("SPRAY-NO-PATH")
class GsfDropsSilently(Gsf):
    """A GSF that does not count the frames for which it has no path."""

    def drop(self, cause: str) -> None:
        """Count all others."""
        if cause != "no_path":
            super().drop(cause)
