"""Flaws of packet containers that act seldom: for some classes, at some size, after a history, by little."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from reference_impl.mutants import mutant
from reference_impl.parts.container import Container
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.forwarding import Forwarder
from reference_impl.parts.gsp_ports import Uplink
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.packer import Packer
from reference_impl.parts.sprayer import PathShare
from reference_impl.roles.gsp import Gsp


def number_together(dgsq: Dgsq, others: Iterable[Dgsq]) -> int:
    """Take the next number of several queues, which thereby all have used it."""
    number = max(other.sequence for other in others)
    dgsq.sequence = number + 1
    return number


def queues(packer: Packer) -> Iterable[Dgsq]:
    """Return the queues of the device of a packer."""
    assert isinstance(packer.device, Gsp)
    return packer.device.dgsqs.queues.values()


@mutant("PKTC-ONE-DESTINATION", kind="at-size")
class PacksLaterPortsTogether(Ingress):
    """Puts the frames for the third port of a node and those behind it into one queue."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Tell two ports of a node apart."""
        node, port, cls = key
        super().enqueue((node, min(port, 2), cls), frame, now)


@mutant("PKTC-CLASS-SEPARATION", kind="not-the-first")
class MixesTheHighestClasses(Forwarder):
    """Takes the frames of class 7 for such of class 6."""

    def class_of(self, frame: bytes) -> int:
        """Tell seven classes apart."""
        return min(super().class_of(frame), 6)


@mutant("PKTC-ONE-PATH", kind="not-the-first")
class SpraysFramesOfHighClasses(Packer):
    """Chooses an uplink for each frame of the classes from 4 on."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Take the uplinks in turn."""
        assert isinstance(self.device, Gsp)
        if dgsq.cls >= 4:
            shares = self.device.sprayer.shares_to(dgsq.node)
            share = shares[container.index % len(shares)]
            port = self.device.ports[share.path.port]
            assert isinstance(port, Uplink)
            container.share, container.port, container.prefix = share, port, share.path.prefix
        super().pack(dgsq, container, frame, credit, now)


@mutant("PKTC-PATH-UNDISTURBED", kind="bystanders")
class MovesTheWholePort(Ingress):
    """Moves every frame that waits for an uplink when that loses one node, whatever node it is for."""

    def reroute(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Take all that wait for those uplinks."""
        for index in {port for port, _ in lost}:
            self.move(self.leaf.ports[index].withdraw(now)[1], now)
        super().reroute(lost, now)


@mutant("PKTC-WHOLE-FRAME", kind="frame-kinds")
class DropsServiceTags(Packer):
    """Leaves the service tag of a frame out in the fabric."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Cut the tag out."""
        cut = frame[:12] + frame[16:] if frame[12:14] == b"\x88\xa8" else frame
        super().pack(dgsq, container, cut, credit, now)


@mutant("PKTC-ONE-CONTAINER-A-FRAME", kind="not-the-first")
class RepeatsBorderFrameOfAnotherQueue(Packer):
    """Puts the last frame of a full container into the next one, too, while another queue has one open."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Send the frame again when its container closed behind it."""
        super().pack(dgsq, container, frame, credit, now)
        if dgsq.container is None and any(other.container for other in queues(self)):
            again = self.open(dgsq, container.share, now)
            super().pack(dgsq, again, frame, credit, now)


@mutant("PKTC-SEQUENCE-START", kind="history")
class SkipsZeroOfTheThirdGeneration(DgsqTable):
    """Starts at 0 in the first two generations of a queue only."""

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Begin a later generation at 1."""
        born: list[Key] = self.__dict__.setdefault("born", [])
        born.append(key)
        dgsq = super().create(key, now)
        if dgsq is not None and born.count(key) > 2:
            dgsq.sequence = 1
        return dgsq


@mutant("PKTC-SEQUENCE-CONSECUTIVE", kind="not-the-first")
class SharesNumbersOfClasses(Packer):
    """Numbers the containers of all classes above 0 to one egress together."""

    def next_sequence(self, dgsq: Dgsq) -> int:
        """Count for all of them."""
        if not dgsq.cls:
            return super().next_sequence(dgsq)
        place = dgsq.node, dgsq.port
        return number_together(dgsq, [it for it in queues(self) if it.cls and (it.node, it.port) == place])


@mutant("PKTC-SEQUENCE-CONSECUTIVE", kind="not-the-first")
class SharesNumbersOfNodes(Packer):
    """Numbers the containers to the same port and class of all nodes together."""

    def next_sequence(self, dgsq: Dgsq) -> int:
        """Count for all of them."""
        place = dgsq.port, dgsq.cls
        return number_together(dgsq, [it for it in queues(self) if (it.port, it.cls) == place])


@mutant("PKTC-SEQUENCE-CONSECUTIVE", kind="meeting")
class RepeatsTheNumberOfALostPath(Ingress):
    """Gives the container after one that was cut off by the loss of its path the same number."""

    def reroute(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Go one back."""
        for dgsq in self.dgsqs.queues.values():
            container = dgsq.container
            if container is not None and (container.port.index, dgsq.node) in lost:
                dgsq.sequence = container.sequence
        super().reroute(lost, now)


@mutant("PKTC-FRAME-INDEX", kind="history")
class IndexesInOneOctet(Packer):
    """Begins to index anew behind 256 frames of a container."""

    def place(self, container: Container, credit: int) -> tuple[int, int]:
        """Keep the lower octet."""
        index, fill = super().place(container, credit)
        return index & 0xFF, fill


@mutant("PKTC-FILL-FIELD", kind="history")
class FillsInTwoOctets(Packer):
    """Tells the fill of a container in 16 bits."""

    def place(self, container: Container, credit: int) -> tuple[int, int]:
        """Keep the lower two octets."""
        index, fill = super().place(container, credit)
        return index, fill & 0xFFFF


@mutant("PKTC-FILL-FIELD", kind="not-the-first")
class LendsToAnotherQueue(Packer):
    """Charges the excess of a container to another queue, where there is one."""

    def close(self, dgsq: Dgsq) -> None:
        """Hand it over."""
        super().close(dgsq)
        for other in [each for each in queues(self) if each is not dgsq][:1]:
            other.borrowed_fill += dgsq.borrowed_fill
            dgsq.borrowed_fill = 0


@mutant("PKTC-PREVIOUS-FRAMES", kind="history")
class CountsPredecessorsInOneOctet(Packer):
    """Tells of a container of 256 frames and more 256 too few."""

    def frames_of(self, container: Container) -> int:
        """Keep the lower octet."""
        return super().frames_of(container) & 0xFF


@mutant("PKTC-PREVIOUS-FRAMES", kind="history")
class RemembersTheGenerationBefore(Packer):
    """Tells in the first container of a generation of one of the generation before."""

    def open(self, dgsq: Dgsq, share: PathShare, now: int) -> Container:
        """Tell the first container what the latest one told."""
        container = super().open(dgsq, share, now)
        told: dict[Key, int] = self.__dict__.setdefault("told", {})
        key = dgsq.node, dgsq.port, dgsq.cls
        if container.sequence:
            told[key] = dgsq.previous_frames
        else:
            dgsq.previous_frames = told.get(key, 0)
        return container


@mutant("PKTC-PREVIOUS-FRAMES", kind="meeting")
class ForgetsWhatALostPathCut(Ingress):
    """Tells after a container that was cut off by the loss of its path of the one before that."""

    def reroute(self, lost: AbstractSet[tuple[int, int]], now: int) -> None:
        """Let such a container go without closing it."""
        for dgsq in self.dgsqs.queues.values():
            container = dgsq.container
            if container is not None and (container.port.index, dgsq.node) in lost:
                dgsq.container = None
        super().reroute(lost, now)


@mutant("PKTC-PREVIOUS-FRAMES", kind="not-the-first")
class TellsOfAnotherQueue(Packer):
    """Tells in a container how many frames the last one held that the device closed, of whatever queue."""

    def close(self, dgsq: Dgsq) -> None:
        """Tell all queues to the same egress."""
        container = dgsq.container
        super().close(dgsq)
        for other in queues(self):
            if container is not None and other.sequence and other.cls and dgsq.cls:
                other.previous_frames = dgsq.previous_frames


@mutant("PKTC-SIZE", kind="by-little")
class FallsShortByLittle(Packer):
    """Closes containers that lack 1.5 % of their length."""

    def configure(self) -> None:
        """Take over a shorter length."""
        super().configure()
        self.limit = self.limit * 985 // 1000


@mutant("PKTC-SIZE", kind="not-the-first")
class KeepsHighClassesSmall(Packer):
    """Fills containers of class 5 and above to half of their length."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Close what is half full."""
        super().pack(dgsq, container, frame, credit, now)
        if dgsq.cls >= 5 and dgsq.container is container and container.fill * 2 >= self.limit:
            self.close_full(dgsq)


@mutant("PKTC-BORROW-AVERAGE", kind="not-the-first")
class LendsInClassZeroOnly(Packer):
    """Charges the excess of a container to nobody in the classes above 0."""

    def close(self, dgsq: Dgsq) -> None:
        """Forget it."""
        super().close(dgsq)
        if dgsq.cls:
            dgsq.borrowed_fill = 0


@mutant("PKTC-FLUSH", kind="by-little")
class FlushesABitLate(Packer):
    """Closes a part-filled container a fifth of the flush time too late."""

    def configure(self) -> None:
        """Take over a longer time."""
        super().configure()
        self.flush_time = self.flush_time * 6 // 5


@mutant("PKTC-FLUSH", kind="not-the-first")
class FlushesClassZeroOnly(Packer):
    """Leaves a part-filled container of the classes above 0 open until it is full."""

    def flush_due(self, now: int, dgsq: Dgsq) -> None:
        """Pass over the others."""
        if not dgsq.cls:
            super().flush_due(now, dgsq)


@mutant("PKTC-FLUSH", kind="at-size")
class FlushesOneQueueAtATime(Packer):
    """Leaves a part-filled container open while two further queues have one open."""

    def flush_due(self, now: int, dgsq: Dgsq) -> None:
        """Come back later."""
        if sum(each.container is not None for each in queues(self)) > 2:
            self.device.at(now + 4 * self.flush_time, self.flush_due, dgsq)
        else:
            super().flush_due(now, dgsq)


@mutant("PKTC-FLUSH", kind="meeting")
class FlushesNothingUnderPressure(Packer):
    """Leaves a part-filled container open while back-pressure holds the next frame."""

    def flush_due(self, now: int, dgsq: Dgsq) -> None:
        """Come back later."""
        if dgsq.level and dgsq.frames:
            self.device.at(now + self.flush_time, self.flush_due, dgsq)
        else:
            super().flush_due(now, dgsq)


@mutant("PKTC-SINGLE-FRAME", kind="by-little")
class LingersABit(Ingress):
    """Looks at a frame only after twice the flush time, in case others come."""

    def receive(self, port: int, frame: bytes, now: int) -> None:
        """Wait."""
        late = now + 2 * self.leaf.settings.flush_time
        self.leaf.at(late, lambda then: Ingress.receive(self, port, frame, then))


@mutant("PKTC-SINGLE-FRAME", kind="history")
class WaitsForCompanyLater(Dgsq):
    """Holds the last frame of a queue back when the queue has sent before."""

    def may_send(self, credit: int) -> bool:
        """Keep it."""
        return (len(self.frames) > 1 or not self.sequence) and super().may_send(credit)


@mutant("PKTC-LAST-TRUTHFUL", kind="not-the-first")
class MarksHighClassesLast(Packer):
    """Sets LAST on every frame of class 3 and above."""

    def flags(self, dgsq: Dgsq, last: bool) -> int:
        """Say so."""
        return super().flags(dgsq, last or dgsq.cls >= 3)


@mutant("PKTC-NO-PADDING", kind="frame-kinds")
class PadsTaggedFrames(Packer):
    """Fills short frames that have a tag up to 68 octets, as a bridge may on a wire."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Pad them."""
        tagged = frame[12:14] in (b"\x81\x00", b"\x88\xa8")
        super().pack(dgsq, container, frame.ljust(68, b"\0") if tagged else frame, credit, now)


@mutant("PKTC-MOVED-TOGETHER", kind="meeting")
class ScattersAtTheSecondLoss(Ingress):
    """Spreads the frames of a container over all paths when a second path is lost."""

    moves = 0

    def move(self, frames: list[bytes], now: int) -> None:
        """Move each frame as if it were alone, but for the first time."""
        self.moves += bool(frames)
        for part in [frames] if self.moves < 2 else [[frame] for frame in frames]:
            super().move(part, now)


@mutant("PKTC-MOVED-TOGETHER", kind="at-size")
class MovesInPortions(Ingress):
    """Chooses a path for each four frames of those that it moves."""

    def move(self, frames: list[bytes], now: int) -> None:
        """Move four at a time."""
        for start in range(0, len(frames), 4):
            super().move(frames[start : start + 4], now)


@mutant("PKTC-COUNTERS", kind="counters")
class CountsFullTwice(Packer):
    """Counts a container twice that was known to be full when its last frame left."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Count it once more."""
        super().pack(dgsq, container, frame, credit, now)
        self.device.count["containers_closed_full"] += dgsq.container is None


@mutant("PKTC-COUNTERS", kind="counters")
class CountsFullWhereNoFrameFits(Packer):
    """Does not count a container as full that closes before a frame which would not fit."""

    def close_full(self, dgsq: Dgsq) -> None:
        """Count only what is full to the last octet."""
        container = dgsq.container
        super().close_full(dgsq)
        if container is not None and container.fill < self.limit and self.close_early:
            self.device.count["containers_closed_full"] -= bool(dgsq.frames)


@mutant("PKTC-COUNTERS", kind="counters")
class TakesFlushedForFull(Packer):
    """Counts a container that was flushed as one that was full."""

    def flush_due(self, now: int, dgsq: Dgsq) -> None:
        """Move the count over."""
        before = self.device.count["containers_closed_flush"]
        super().flush_due(now, dgsq)
        moved = self.device.count["containers_closed_flush"] - before
        self.device.count["containers_closed_flush"] -= moved
        self.device.count["containers_closed_full"] += moved


@mutant("PKTC-COUNTERS", kind="counters")
class CountsMovedFrames(Ingress):
    """Counts each frame that it moves as a container."""

    def move(self, frames: list[bytes], now: int) -> None:
        """Count the rest as well."""
        before = self.leaf.count["containers_moved"]
        super().move(frames, now)
        self.leaf.count["containers_moved"] += max(len(frames) - 1, 0) if frames else 0
        self.leaf.count["containers_moved"] = max(self.leaf.count["containers_moved"], before)
