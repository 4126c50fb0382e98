"""Flaws of packet containers."""

from reference_impl import codec
from reference_impl.mutants import mutant
from reference_impl.parts.container import Container
from reference_impl.parts.dgsq import Dgsq, DgsqTable, Key
from reference_impl.parts.forwarding import Forwarder
from reference_impl.parts.gsp_ports import Uplink
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.packer import Packer
from reference_impl.roles.gsp import Gsp
from reference_impl.sizes import OVERHEAD


@mutant("PKTC-ONE-DESTINATION")
class PacksByNode(Ingress):
    """Puts the frames for all ports of a node into the queue, and so the containers, of its first port."""

    def enqueue(self, key: Key, frame: bytes, now: int) -> None:
        """Forget the port."""
        node, _, cls = key
        super().enqueue((node, 0, cls), frame, now)


@mutant("PKTC-CLASS-SEPARATION")
class MixesClasses(Forwarder):
    """Takes every frame for one of class 0, so that containers hold frames of several priorities."""

    def class_of(self, frame: bytes) -> int:  # noqa: ARG002 - that is the flaw
        """Read nothing."""
        return 0


@mutant("PKTC-ONE-PATH")
class SpraysFrames(Packer):
    """Chooses an uplink for each frame instead of for each container."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Take the uplinks in turn."""
        assert isinstance(self.device, Gsp)
        shares = self.device.sprayer.shares_to(dgsq.node)
        share = shares[container.index % len(shares)]
        port = self.device.ports[share.path.port]
        assert isinstance(port, Uplink)
        container.share, container.port, container.prefix = share, port, share.path.prefix
        super().pack(dgsq, container, frame, credit, now)


@mutant("PKTC-WHOLE-FRAME")
class CutsLongFrames(Packer):
    """Sends a long frame as two pieces, as a cell switch would."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Cut after 1024 octets."""
        head, tail = frame[:1024], frame[1024:]
        if tail:
            part = len(head) + OVERHEAD
            super().pack(dgsq, container, head, part, now)
            super().pack(dgsq, container, tail, credit - part, now)
        else:
            super().pack(dgsq, container, frame, credit, now)


@mutant("PKTC-ONE-CONTAINER-A-FRAME")
class RepeatsBorderFrame(Packer):
    """Puts the last frame of a full container into the next one, too."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Send the frame again when its container closed behind it."""
        super().pack(dgsq, container, frame, credit, now)
        if dgsq.container is None:
            again = self.open(dgsq, container.share, now)
            super().pack(dgsq, again, frame, credit, now)


@mutant("PKTC-SEQUENCE-START")
class NumbersFromOne(Packer):
    """Gives the first container of a generation the number 1."""

    def next_sequence(self, dgsq: Dgsq) -> int:
        """Count one too many."""
        return super().next_sequence(dgsq) + 1


@mutant("PKTC-SEQUENCE-START")
class SkipsZeroOfLaterGenerations(DgsqTable):
    """Starts at 0 in the first generation of a queue only."""

    def create(self, key: Key, now: int) -> Dgsq | None:
        """Begin a later generation at 1."""
        known = key in self.generations
        dgsq = super().create(key, now)
        if dgsq is not None and known:
            dgsq.sequence = 1
        return dgsq


@mutant("PKTC-SEQUENCE-CONSECUTIVE")
class SkipsNumbers(Packer):
    """Numbers the containers of a queue 0, 2, 4 and so on."""

    def next_sequence(self, dgsq: Dgsq) -> int:
        """Return every other number."""
        return 2 * super().next_sequence(dgsq)


@mutant("PKTC-SEQUENCE-CONSECUTIVE")
class CountsForAllQueues(Packer):
    """Numbers the containers of all queues together."""

    def next_sequence(self, dgsq: Dgsq) -> int:  # noqa: ARG002 - that is the flaw
        """Count what the device has built."""
        return self.device.count["containers_built"]


@mutant("PKTC-FRAME-INDEX")
class IndexesFromOne(Packer):
    """Gives the first frame of a container the index 1."""

    def place(self, container: Container, credit: int) -> tuple[int, int]:
        """Index one too high."""
        index, fill = super().place(container, credit)
        return index + 1, fill


@mutant("PKTC-FILL-FIELD")
class FillIncludesFrame(Packer):
    """Counts a frame into the fill that it carries itself."""

    def place(self, container: Container, credit: int) -> tuple[int, int]:
        """Return the fill after the frame."""
        index, fill = super().place(container, credit)
        return index, fill + credit


@mutant("PKTC-PREVIOUS-FRAMES")
class MiscountsPredecessor(Packer):
    """Tells of one frame less than the container before had."""

    def frames_of(self, container: Container) -> int:
        """Count to the last index instead of the number of frames."""
        return super().frames_of(container) - 1


@mutant("PKTC-SIZE")
class IgnoresContainerLength(Packer):
    """Fills containers of 16384 octets whatever length is set."""

    def configure(self) -> None:
        """Take over every setting but the length."""
        super().configure()
        self.limit = 16384


@mutant("PKTC-SIZE")
class CountsFramesNotOctets(Packer):
    """Closes a container after ten frames, of whatever size they are."""

    def is_full(self, fill: int, credit: int) -> bool:
        """Reckon with frames of the size of this one."""
        return super().is_full(fill, credit) or fill >= 10 * credit


@mutant("PKTC-CLOSE-EARLY")
class NeverClosesEarly(Packer):
    """Lets a frame in as long as the container is not full, in the mode close-early, too."""

    def configure(self) -> None:
        """Take over every setting but this mode."""
        super().configure()
        self.close_early = False


@mutant("PKTC-OVERFLOW")
class AlwaysClosesEarly(Packer):
    """Closes before a frame that would not fit, in the overflow modes, too."""

    def configure(self) -> None:
        """Take over every setting but the overflow modes."""
        super().configure()
        self.close_early = True


@mutant("PKTC-OVERFLOW")
class OverfillsByAFrame(Packer):
    """Lets frames in after a container has reached its length, up to one longest frame more."""

    def is_full(self, fill: int, credit: int) -> bool:
        """Overlook as much as the longest frame."""
        return super().is_full(fill - self.device.settings.max_frame, credit)


@mutant("PKTC-BORROW-AVERAGE")
class ForgetsExcess(Packer):
    """Charges the excess of a container to nobody."""

    def borrowed(self, container: Container) -> int:  # noqa: ARG002 - that is the flaw
        """Open the next container empty."""
        return 0


@mutant("PKTC-FLUSH")
class NeverFlushes(Packer):
    """Leaves a part-filled container open until it is full."""

    def flush_due(self, now: int, dgsq: Dgsq) -> None:
        """Do nothing."""


@mutant("PKTC-FLUSH")
class FlushesEmptyQueuesOnly(Packer):
    """Leaves a part-filled container open while the next frame waits for credit."""

    def flush_due(self, now: int, dgsq: Dgsq) -> None:
        """Wait until no frame waits."""
        if dgsq.frames:
            self.device.at(now + self.flush_time, self.flush_due, dgsq)
        else:
            super().flush_due(now, dgsq)


@mutant("PKTC-SINGLE-FRAME")
class WaitsForCompany(Dgsq):
    """Holds a frame back until another one follows it."""

    def may_send(self, credit: int) -> bool:
        """Keep the last frame of a queue."""
        return len(self.frames) > 1 and super().may_send(credit)


@mutant("PKTC-SINGLE-FRAME")
class LingersForCompany(Ingress):
    """Looks at a frame only after it could have been joined by many others."""

    def receive(self, port: int, frame: bytes, now: int) -> None:
        """Wait ten flush times."""
        self.leaf.at(
            now + 10 * self.leaf.settings.flush_time, lambda late: Ingress.receive(self, port, frame, late)
        )


@mutant("PKTC-LAST-TRUTHFUL")
class MarksEveryFrameLast(Packer):
    """Sets LAST on every frame."""

    def flags(self, dgsq: Dgsq, last: bool) -> int:
        """Add the flag."""
        return super().flags(dgsq, last) | codec.LAST


@mutant("PKTC-MINIMUM-REFUSED")
class TakesAnyContainerLength(Gsp):
    """Takes over a container length that the longest frame does not fit into."""

    def refusal(self, name: str, value: int | str) -> str | None:  # noqa: ARG002 - that is the flaw
        """Refuse nothing."""
        return None


@mutant("PKTC-NO-PADDING")
class PadsShortFrames(Packer):
    """Fills short frames up with zeros on their way through the fabric."""

    def pack(self, dgsq: Dgsq, container: Container, frame: bytes, credit: int, now: int) -> None:
        """Pad to 128 octets."""
        super().pack(dgsq, container, frame.ljust(128, b"\0"), credit, now)


@mutant("PKTC-FILL-RATIO")
class PacksFramesAlone(Packer):
    """Gives every frame a container of its own."""

    def is_last(self, fill: int, following: int) -> bool:  # noqa: ARG002 - that is the flaw
        """Close behind any frame."""
        return True


@mutant("PKTC-MOVED-TOGETHER")
class ScattersMovedFrames(Ingress):
    """Spreads the frames of a container that lost its path over all others."""

    def move(self, frames: list[bytes], now: int) -> None:
        """Move each frame as if it were alone."""
        for frame in frames:
            super().move([frame], now)


@mutant("PKTC-MOVED-TOGETHER")
class ReversesMovedFrames(Ingress):
    """Moves the frames of a container that lost its path in reverse."""

    def move(self, frames: list[bytes], now: int) -> None:
        """Begin with the last one."""
        super().move(frames[::-1], now)
