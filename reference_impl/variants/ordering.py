"""Correct devices that put frames in order otherwise."""

from reference_impl.device import Device
from reference_impl.parts.egress import Egress
from reference_impl.parts.reorder import Reorderer
from reference_impl.variants import variant


@variant("ORDER-HOLD-BOUND", "ORDER-GAP-CLOSED")
class LooksAtTheClockNowAndThen(Reorderer):
    """Looks for overdue frames every twentieth of `reorder_timeout` only, and so up to that much too early.

    The allowance for processing covers it.
    """

    def deadline(self, now: int) -> int:
        """Round it down."""
        step = max(self.timeout // 20, 1)
        return max(super().deadline(now) // step * step, now)


@variant("ORDER-HOLD-BOUND", "ORDER-GAP-CLOSED")
class HoldsALittleLonger(Reorderer):
    """Holds an early frame an eighth of `grant_round_trip` longer than `reorder_timeout`.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def deadline(self, now: int) -> int:
        """Add a little."""
        return super().deadline(now) + self.leaf.settings.grant_round_trip // 8


@variant("ORDER-IN-ORDER-AT-ONCE", "ORDER-PER-FLOW")
class TakesTimeAtTheEgress(Egress):
    """Hands each frame to the queue of its port 2 us after it is due.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Put it off; it counts as held meanwhile."""
        self.leaf.held_bytes[port] += credit
        self.leaf.at(now + 2_000, self.put_down, port, cls, frame, credit)

    def put_down(self, now: int, port: int, cls: int, frame: bytes, credit: int) -> None:
        """Send it to its host."""
        self.leaf.held_bytes[port] -= credit
        super().deliver(port, cls, frame, credit, now)


@variant("ORDER-BYTES-LIMIT", reorder_bytes=131_072)
class HoldsFewOctets(Device):
    """Holds 128 KiB for ordering at the most.

    The limit is declared.
    """


@variant("ORDER-UNKNOWN-START", "ORDER-ENDED-GENERATION-LATE")
class ForgetsStreamsLate(Reorderer):
    """Forgets a stream after four times `age_out`.

    Its source has ended the generation after `age_out`; how long the egress remembers it is open.
    """

    def configure(self) -> None:
        """Remember it for twice as long."""
        super().configure()
        self.idle_limit = self.streams.idle_limit = 2 * self.idle_limit


@variant("ORDER-HOLD-BOUND", reorder_timeout=150_000)
class WaitsLonger(Device):
    """Waits 150 us for what is missing.

    The time is declared.
    """


@variant("ORDER-IN-ORDER-AT-ONCE", "ORDER-PER-FLOW")
class DeliversInRounds(Egress):
    """Hands frames to the queues of its ports once in a twentieth of `grant_round_trip`, all at once.

    Every limit on time has an allowance for processing, `latency_margin`.
    """

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Put it off to the next round; it counts as held meanwhile."""
        step = max(self.leaf.settings.grant_round_trip // 20, 1)
        self.leaf.held_bytes[port] += credit
        self.leaf.at(now + step - now % step, self.put_down, port, cls, frame, credit)

    def put_down(self, now: int, port: int, cls: int, frame: bytes, credit: int) -> None:
        """Send it to its host."""
        self.leaf.held_bytes[port] -= credit
        super().deliver(port, cls, frame, credit, now)


@variant("ORDER-UNKNOWN-START", "ORDER-ENDED-GENERATION-LATE")
class ForgetsStreamsSooner(Reorderer):
    """Forgets a stream after one and a half times `age_out`.

    Its source has ended the generation after `age_out`; how long the egress remembers it is open.
    """

    def configure(self) -> None:
        """Remember it for three quarters of the time."""
        super().configure()
        self.idle_limit = self.streams.idle_limit = self.idle_limit * 3 // 4
