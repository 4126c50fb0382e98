"""Correct devices that fill and close their containers otherwise."""

from reference_impl.device import Device
from reference_impl.parts.dgsq import Dgsq
from reference_impl.parts.ingress import Ingress
from reference_impl.parts.packer import Packer
from reference_impl.parts.sprayer import PathShare
from reference_impl.variants import variant


@variant("PKTC-FLUSH")
class ClosesEarly(Packer):
    """Closes a part-filled container half of `flush_time` after its last frame left.

    The clause says when a container is closed at the latest.
    """

    def configure(self) -> None:
        """Take half of the time."""
        super().configure()
        self.flush_time //= 2


@variant("PKTC-LAST-TRUTHFUL", "ORDER-COMPLETE-WITHOUT-LAST")
class NeverSetsLast(Packer):
    """Never sets the flag LAST.

    A source that does not know yet leaves the flag clear, and the egress does without it.
    """

    def flags(self, dgsq: Dgsq, last: bool) -> int:  # noqa: ARG002 - it does not know
        """Leave it clear."""
        return super().flags(dgsq, last=False)


@variant("PKTC-FLUSH")
class ClosesALittleLate(Packer):
    """Closes a part-filled container a twentieth of `flush_time` later than `flush_time`.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def configure(self) -> None:
        """Take a little longer."""
        super().configure()
        self.flush_time += self.flush_time // 20


@variant("PKTC-OVERFLOW", overflow_mode="overflow")
class LetsContainersOverflow(Device):
    """Admits a frame as long as a container is not full, where nothing else is set.

    The three modes are declared, and which one a device has by itself is the vendor's choice.
    """


@variant("PKTC-BORROW-AVERAGE", overflow_mode="overflow-borrow")
class BorrowsFromTheNext(Device):
    """Charges the excess of a container to the next one, where nothing else is set.

    The three modes are declared, and which one a device has by itself is the vendor's choice.
    """


@variant("PKTC-SIZE", container_bytes=32_768)
class HasLargeContainers(Device):
    """Has containers of 32 KiB, where nothing else is set.

    The length is declared.
    """


@variant("PKTC-MOVED-TOGETHER")
class MovesToAnyPath(Ingress):
    """Draws the path to which the rest of a container is moved when its own is lost.

    All of it has to go to one live path; which one is open.
    """

    def move(self, frames: list[bytes], now: int) -> None:
        """Draw among the shares for as long as that lasts."""
        chosen, self.sprayer.choose = self.sprayer.choose, self.drawn  # type: ignore[method-assign]
        super().move(frames, now)
        self.sprayer.choose = chosen  # type: ignore[method-assign]

    def drawn(self, node: int) -> PathShare | None:
        """Draw a path to a node."""
        shares = self.sprayer.shares_to(node)
        return self.leaf.random.choice(shares) if shares else None


@variant("PKTC-FLUSH", "PKTC-COUNTERS")
class LooksForOldContainersNowAndThen(Packer):
    """Looks for containers to close ten times in `flush_time`, and so closes them up to so much later.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def flush_due(self, now: int, dgsq: Dgsq) -> None:
        """Wait for the next look."""
        step = max(self.flush_time // 10, 1)
        if now % step:
            self.device.at(now + step - now % step, self.flush_due, dgsq)
        else:
            super().flush_due(now, dgsq)
