"""Flaws of spraying that act seldom: for some links or nodes, at some size, after a history, by little."""

from collections.abc import Iterable

from reference_impl import codec
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


def is_later(liveness: Liveness, link: Link) -> bool:
    """Return whether a link is not the first of its device."""
    return link.port != min(liveness.links)


@mutant("SPRAY-SINGLE-FLOW-ALL-PATHS", kind="at-size")
class UsesFourPaths(Sprayer):
    """Spreads the load over the first four paths, however many there are."""

    def fresh_shares(self, node: int) -> list[PathShare]:
        """Leave the others out."""
        return super().fresh_shares(node)[:4]


@mutant("SPRAY-SINGLE-FLOW-ALL-PATHS", kind="not-the-first")
class KeepsHighClassesOnOnePath(Packer):
    """Sends everything of class 5 and above up one uplink."""

    def open(self, dgsq: Dgsq, share: PathShare, now: int) -> Container:
        """Take the first one."""
        assert isinstance(self.device, Gsp)
        first = self.device.sprayer.shares_to(dgsq.node)[0]
        return super().open(dgsq, first if dgsq.cls >= 5 else share, now)


@mutant("SPRAY-EVEN", kind="history")
class TalliesInTwentyBits(Sprayer):
    """Keeps what a path has carried in 20 bits."""

    def choose(self, node: int) -> PathShare | None:
        """Let it wrap."""
        for share in self.shares_to(node):
            share.carried &= 0xFFFFF
        return super().choose(node)


@mutant("SPRAY-EVEN", kind="frame-kinds")
class ForgetsShortFrames(Packer):
    """Adds the octets of the shortest frames to no path."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Take them off again."""
        super().pack(dgsq, container, frame, credit, now)
        if len(frame) <= 60:
            container.share.carried -= credit


@mutant("SPRAY-PER-DESTINATION", kind="at-size")
class BalancesNodesInPairs(Sprayer):
    """Keeps one account for nodes whose numbers differ in the upper two of eight bits."""

    def shares_to(self, node: int) -> list[PathShare]:
        """Take that of the lowest."""
        return super().shares_to(min(each for each in (*self.paths.nodes(), node) if (each ^ node) & 63 == 0))


@mutant("SPRAY-PER-DESTINATION", kind="bystanders")
class StartsAllAnew(Sprayer):
    """Starts the accounts of all nodes anew, on the first path, when the paths to one have changed."""

    def shares_to(self, node: int) -> list[PathShare]:
        """Forget what was carried."""
        if self.versions.get(node) != self.paths.version:
            self.shares.pop(node, None)
            self.starts[node] = 0
        return super().shares_to(node)


@mutant("SPRAY-WEIGHT-BY-RATE", kind="at-size")
class KnowsTwoRates(Sprayer):
    """Gives every path that is slower than the fastest half of its weight."""

    def fresh_shares(self, node: int) -> list[PathShare]:
        """Weigh full or half."""
        shares = super().fresh_shares(node)
        most = max((share.weight for share in shares), default=0)
        for share in shares:
            share.weight = most if share.weight == most else most / 2
        return shares


@mutant("SPRAY-WEIGHT-BY-RATE", kind="by-little")
class FavoursSlowPaths(Sprayer):
    """Gives a path of less than the full rate a tenth more than its weight."""

    def weight(self, path: Path) -> float:
        """Add it."""
        weight = super().weight(path)
        return weight * 1.1 if path.rate < max(port.rate_mbps for port in self.device.ports) else weight


@mutant("SPRAY-WEIGHT-BY-RATE", kind="not-the-first")
class WeighsTheFirstPathFull(Sprayer):
    """Gives the first uplink the weight of the full rate."""

    def weight(self, path: Path) -> float:
        """Take the rate of a host port for it."""
        first = min(port.index for port in self.device.ports if port.kind == "fabric")
        return self.device.ports[0].rate_mbps if path.port == first else super().weight(path)


@mutant("SPRAY-PATH-WEIGHT", kind="at-size")
class KeepsTheFirstRateHeard(PathTable):
    """Takes the least rate that a neighbour announces for that of all nodes, when there are more than two."""

    def learn(self, entries: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Level them."""
        rates = super().learn(entries)
        least = min(rates.values(), default=0)
        return rates if self.transit() or len(rates) < 3 else dict.fromkeys(rates, least)


@mutant("SPRAY-PATH-WEIGHT", kind="history")
class KeepsTheRateOfOld(PathTable):
    """Does not follow a neighbour that announces another rate for a node than before."""

    def weight(self, link: Link, node: int, rate: int) -> float:
        """Weigh by what was announced first."""
        told: dict[tuple[int, int], int] = self.__dict__.setdefault("told", {})
        return super().weight(link, node, told.setdefault((link.port, node), rate))


@mutant("SPRAY-LIVE-PATHS-ONLY", kind="not-the-first")
class OverlooksLaterCarriers(Liveness):
    """Notices the carrier of its first uplink only."""

    def carrier(self, port: int, up: bool, now: int) -> None:
        """Look at no other."""
        if not is_later(self, self.links[port]):
            super().carrier(port, up, now)


@mutant("SPRAY-LIVE-PATHS-ONLY", kind="meeting")
class OverlooksASecondCarrier(Liveness):
    """Notices no loss of carrier while another uplink is without one."""

    def carrier(self, port: int, up: bool, now: int) -> None:
        """Look at one at a time."""
        if up or not any(link.state.value == "dark" for link in self.links.values()):
            super().carrier(port, up, now)


@mutant("SPRAY-LIVE-PATHS-ONLY", kind="history")
class OverlooksTheSecondLoss(Liveness):
    """Does not notice the loss of carrier of a link that had come back."""

    def carrier(self, port: int, up: bool, now: int) -> None:
        """Notice the first."""
        if up or not self.links[port].fallen:
            super().carrier(port, up, now)


@mutant("SPRAY-HELLO-LOSS", kind="by-little")
class WaitsABitTooLongForHello(Liveness):
    """Believes a silent neighbour alive for a quarter longer than it may."""

    def lifetime(self) -> int:
        """Add a quarter."""
        return super().lifetime() * 5 // 4


@mutant("SPRAY-HELLO-LOSS", kind="by-little")
class LosesPatienceABitEarly(Liveness):
    """Gives a link up a sixth too early, shortly before the next HELLO could prove it alive."""

    def lifetime(self) -> int:
        """Take a sixth off."""
        return super().lifetime() * 5 // 6


@mutant("SPRAY-HELLO-LOSS", kind="not-the-first")
class TrustsItsFirstLink(Liveness):
    """Believes the neighbour on its first link alive as long as there is a carrier."""

    def check(self, now: int, link: Link) -> None:
        """Check the others only."""
        if is_later(self, link):
            super().check(now, link)


@mutant("SPRAY-HELLO-LOSS", kind="bystanders")
class LeavesAllSilentLinks(Liveness):
    """Leaves the link beside one that fell silent, too."""

    def check(self, now: int, link: Link) -> None:
        """Take the next one down as well."""
        was_up = link.up
        super().check(now, link)
        for other in self.links.values():
            if was_up and not link.up and other.port == link.port - 1:
                self.down(other, "a silent link beside it", now)
                self.reach.rebuild(now)


@mutant("SPRAY-HELLO-CONTENT", kind="by-little")
class GreetsABitSlowly(Liveness):
    """Sends HELLO at intervals that are 15 % too long."""

    def tick(self, now: int) -> None:
        """Wait a little more."""
        self.device.at(now + self.device.settings.hello_interval * 3 // 20, super().tick)


@mutant("SPRAY-HELLO-CONTENT", kind="not-the-first")
class TellsOneRateOnAllLinks(PathTable):
    """Announces itself on all links with the rate of its first one."""

    def announcement(self, link: Link) -> dict[int, int]:
        """Take that of another port."""
        if self.transit():
            return super().announcement(link)
        return {self.device.node: self.device.ports[min(self.links)].rate_mbps}


@mutant("SPRAY-HELLO-CONTENT", kind="at-size")
class AnnouncesThreeNodes(PathTable):
    """Announces three nodes at the most."""

    def announcement(self, link: Link) -> dict[int, int]:
        """Cut the list."""
        return dict(sorted(super().announcement(link).items())[:3])


@mutant("SPRAY-TWO-WAY", kind="not-the-first")
class TrustsItsFirstDeafNeighbour(Liveness):
    """Takes its first link for good when HELLO comes in, whether or not its own arrives."""

    def fresh(self, link: Link, heard_node: int, heard_sequence: int, now: int) -> bool:
        """Suppose that the last one was heard."""
        if is_later(self, link):
            return super().fresh(link, heard_node, heard_sequence, now)
        return super().fresh(link, self.device.node, link.sequence, now)


@mutant("SPRAY-REMOTE-FAULT", kind="bystanders")
class LosesTheNodeBeside(PathTable):
    """Leaves a GSF for the node after the one that FAULT names, too."""

    def take_fault(self, port: int, frame: bytes, now: int) -> None:
        """Take both out."""
        node = codec.decode_fault(frame)[1]
        if not self.transit():
            self.links[port].reach.pop(node + 1, None)
        super().take_fault(port, frame, now)


@mutant("SPRAY-REMOTE-FAULT", kind="at-size")
class UnlearnsOneNode(PathTable):
    """Goes on using a GSF for the second node and further ones that it no longer announces."""

    def learn(self, entries: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Leave one out at the most."""
        now = super().learn(entries)
        if self.transit():
            return now
        missing = sorted(self.heard_of - now.keys() - {self.device.node})
        return dict.fromkeys(missing[1:], max(now.values(), default=0)) | now


@mutant("SPRAY-FAULT-ANNOUNCED", kind="not-the-first")
class AnnouncesTheLossOfTheLastNode(PathTable):
    """Sends FAULT only for a node that has a higher number than all that are left."""

    def tell(self, lost: Iterable[int], cause: tuple[int, int] | None, now: int) -> None:
        """Leave the others out."""
        most = max(self.known, default=0)
        super().tell([node for node in lost if node > most], cause, now)


@mutant("SPRAY-FAULT-ANNOUNCED", kind="history")
class AnnouncesALossOnce(PathTable):
    """Sends FAULT for the first loss of a node only."""

    def tell(self, lost: Iterable[int], cause: tuple[int, int] | None, now: int) -> None:
        """Leave what was told before out."""
        told: set[int] = self.__dict__.setdefault("told", set())
        new = [node for node in lost if node not in told]
        told.update(new)
        super().tell(new, cause, now)


@mutant("SPRAY-FAULT-ANNOUNCED", kind="meeting")
class AnnouncesOneLossAtATime(PathTable):
    """Sends no FAULT for a node that is lost while another one is."""

    def tell(self, lost: Iterable[int], cause: tuple[int, int] | None, now: int) -> None:
        """Leave it out."""
        gone = self.heard_of - self.known.keys()
        super().tell(lost if len(gone) < 2 else (), cause, now)


@mutant("SPRAY-RECOVERY-SHARE", kind="history")
class ReturnsOnce(Liveness):
    """Leaves a link out of use for ever that was down twice."""

    def release(self, now: int, link: Link) -> None:
        """Let it return once."""
        returns = self.device.count["path_down"] // max(len(link.reach), 1)
        if returns < 2:
            super().release(now, link)


@mutant("SPRAY-RECOVERY-SHARE", kind="by-little")
class HoldsTooLong(Liveness):
    """Holds a link that was down for two and a half times `flap_hold`."""

    def release(self, now: int, link: Link) -> None:
        """Wait on."""
        if link.held_until == now:
            link.held_until = now + self.device.settings.flap_hold * 3 // 2
            self.device.at(link.held_until, super().release, link)


@mutant("SPRAY-RECOVERY-HITLESS", kind="bystanders")
class StallsOnRecovery(Sprayer):
    """Sends nothing on the other paths for some turns when one has come back."""

    def choose(self, node: int) -> PathShare | None:
        """Drop the frame that comes then."""
        fresh = self.versions.get(node) not in (None, self.paths.version)
        if fresh and self.device.count["path_up"] > len(self.paths.links) * len(list(self.paths.nodes())):
            self.device.drop("no_path")
            return None
        return super().choose(node)


@mutant("SPRAY-FLAP-DAMPED", kind="by-little")
class HoldsABitShort(Liveness):
    """Holds a link that was down for four fifths of `flap_hold` only."""

    def damped(self, link: Link) -> bool:
        """Plan an earlier end."""

        def end(now: int) -> None:
            link.held_until = now
            self.release(now, link)

        if super().damped(link):
            self.device.at(link.heard_at + self.device.settings.flap_hold * 4 // 5, end)
        return super().damped(link)


@mutant("SPRAY-FLAP-DAMPED", kind="meeting")
class HoldsFromTheFirstReturn(Liveness):
    """Counts `flap_hold` from the first return, though the link flapped again while it was held."""

    def release(self, now: int, link: Link) -> None:
        """Believe the first timer."""
        if link.state.value == "held":
            link.held_until = now
        super().release(now, link)


@mutant("SPRAY-FLAP-DAMPED", kind="not-the-first")
class DampsLossesOfCarrierOnly(Liveness):
    """Uses a link again at once that was down because HELLO was lost, not its carrier."""

    def down(self, link: Link, reason: str, now: int) -> None:
        """Forget such a loss."""
        super().down(link, reason, now)
        if reason != "carrier":
            link.fallen = False


@mutant("SPRAY-BACKPRESSURE-WEIGHT", kind="bystanders")
class PressesAllNodes(PathTable):
    """Lowers the weight of a path for every node when its GSF asks so for one."""

    def scale(self, reporter: int, about: int, level: int, validity: int, now: int) -> bool:  # noqa: ARG002
        """Take it for a word about all of them."""
        found = False
        for node in sorted(self.known):
            found = super().scale(reporter, node, level, validity, now) or found
        return found


@mutant("SPRAY-BACKPRESSURE-WEIGHT", kind="history")
class YieldsOnce(PathTable):
    """Obeys the first episode of back-pressure on a path only."""

    def scale(self, reporter: int, about: int, level: int, validity: int, now: int) -> bool:
        """Take the level of a later one for 0."""
        ends: list[int] = self.__dict__.setdefault(f"ends-{reporter}-{about}", [])
        if level and (not ends or now > ends[-1]):
            ends.append(now)
        ends[-1:] = [now + validity]
        return super().scale(reporter, about, level if len(ends) < 2 else 0, validity, now)


@mutant("SPRAY-BACKPRESSURE-WEIGHT", kind="by-little")
class YieldsABitLess(PathTable):
    """Lowers the weight of a path by nine tenths of the level that is asked for."""

    def weight(self, link: Link, node: int, rate: int) -> float:
        """Withhold less."""
        full, due = self.path_rate(link, rate), super().weight(link, node, rate)
        return full - (full - due) * 0.9


@mutant("SPRAY-BACKPRESSURE-WEIGHT", kind="meeting")
class ForgetsPressureOnFault(PathTable):
    """Forgets the back-pressure of all GSFs when a path is lost."""

    def rebuild(self, now: int, cause: tuple[int, int] | None = None) -> None:
        """Clear the levels beside a link that is down."""
        if not self.transit() and any(link.fallen and not link.up for link in self.links.values()):
            for link in self.links.values():
                link.levels.clear()
        super().rebuild(now, cause)


@mutant("SPRAY-GSF-CONTAINER-ORDER", kind="frame-kinds")
class PrefersShortTaggedFrames(TransitForwarder):
    """Sends short frames of the classes above 0 ahead of the longer ones that wait."""

    def data(self, port: int, frame: bytes, header: Header, now: int) -> None:
        """Send them with the priority of control messages."""
        if header[1] and len(frame) < 300:
            self.control(port, frame, header, now)
        else:
            super().data(port, frame, header, now)


@mutant("SPRAY-GSF-ONE-LINK", kind="not-the-first")
class KnowsContainersByNumber(TransitForwarder):
    """Remembers the link of a container by its source and number alone, whatever its class and generation."""

    def choose(self, paths: tuple[Path, ...], frame: bytes, destination: int, now: int) -> Path:
        """Forget what was noted for the same number of another queue."""
        key = codec.container(frame)
        for other in [each for each in self.links if each != key and (each[0], each[5]) == (key[0], key[5])]:
            del self.links[other]
        return super().choose(paths, frame, destination, now)


@mutant("SPRAY-GSF-ONE-LINK", kind="at-size")
class RemembersFourContainers(TransitForwarder):
    """Remembers the links of the latest four containers."""

    def choose(self, paths: tuple[Path, ...], frame: bytes, destination: int, now: int) -> Path:
        """Forget the oldest."""
        while len(self.links) > 4:
            del self.links[next(iter(self.links))]
        return super().choose(paths, frame, destination, now)


@mutant("SPRAY-GSF-ONE-LINK", kind="bystanders")
class ChoosesAnewOnAnyChange(TransitForwarder):
    """Chooses the links of all containers under way anew when the paths to any node change."""

    def restart(self, now: int) -> None:
        """Forget them."""
        self.links.clear()
        super().restart(now)


@mutant("SPRAY-GSF-EVEN", kind="at-size")
class UsesTwoOfParallelLinks(TransitForwarder):
    """Spreads the containers for a node over the first two of its links."""

    def least_used(self, paths: tuple[Path, ...], destination: int) -> Path:
        """Leave the others out."""
        return super().least_used(paths[:2], destination)


@mutant("SPRAY-NO-PATH", kind="bystanders")
class DropsForAllNodes(TransitForwarder):
    """Drops all that waits for a link when one node behind it is lost."""

    def cause_of_no_path(self, destination: int) -> str:
        """Drop what waits anywhere."""
        for port in self.ports:
            for _ in port.withdraw(0)[1]:
                self.device.drop("no_path")
        return super().cause_of_no_path(destination)


@mutant("SPRAY-COUNTERS", kind="counters")
class CountsFaultsByEvent(PathTable):
    """Counts the FAULT messages of one event as one."""

    def send_fault(self, now: int, link: Link, node: int, cause: tuple[int, int], copies: int) -> None:
        """Count the last copy only."""
        super().send_fault(now, link, node, cause, copies)
        self.device.count["faults_sent"] -= copies > 1 and self.device.count["faults_sent"] > 0


@mutant("SPRAY-COUNTERS", kind="counters")
class CountsNewFaultsOnly(PathTable):
    """Does not count a FAULT that tells it nothing new."""

    def take_fault(self, port: int, frame: bytes, now: int) -> None:
        """Take the count back."""
        news = codec.decode_fault(frame)[1] in self.links[port].reach
        super().take_fault(port, frame, now)
        self.device.count["faults_received"] -= not news


@mutant("SPRAY-COUNTERS", kind="counters")
class CountsNewHelloOnly(Liveness):
    """Does not count a HELLO on a link that is not up."""

    def hear(self, port: int, frame: bytes, now: int) -> None:
        """Take the count back."""
        super().hear(port, frame, now)
        self.device.count["hellos_received"] -= not self.links[port].up


@mutant("SPRAY-COUNTERS", kind="counters")
class CountsLinksForPaths(PathTable):
    """Counts the loss of a link as that of one path, however many nodes it led to."""

    def rebuild(self, now: int, cause: tuple[int, int] | None = None) -> None:
        """Count one."""
        before = self.device.count["path_down"]
        super().rebuild(now, cause)
        self.device.count["path_down"] = min(self.device.count["path_down"], before + 1)


@mutant("SPRAY-NO-PATH", kind="counters")
class CountsDroppedControlTwice(Gsf):
    """Counts a control message for which it has no path twice."""

    def handle(self, port: int, frame: bytes, now: int) -> None:
        """Count it here as well."""
        before = self.count["drop.no_path"]
        super().handle(port, frame, now)
        if self.count["drop.no_path"] > before and codec.kind_of(frame) != codec.DATA:
            self.drop("no_path")
