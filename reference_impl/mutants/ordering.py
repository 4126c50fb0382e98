"""Egresses that bring frames back into order wrongly."""

from collections import deque
from typing import Any

from reference_impl import codec
from reference_impl.mutants import mutant
from reference_impl.parts.egress import Egress
from reference_impl.parts.reorder import Reorderer
from reference_impl.parts.streams import Stream


@mutant("ORDER-PER-FLOW")
class DeliversOnArrival(Reorderer):
    """Sends every frame to its host as it comes, in whatever order the paths bring it."""

    def sort_in(self, stream: Stream, *rest: Any) -> bool:  # noqa: ANN401
        """Hold nothing."""
        *_, frame, credit, now = rest
        self.deliver(stream.port, stream.cls, frame, credit, now)
        return True


@mutant("ORDER-ROCE-PSN")
class ReleasesNewestFirst(Reorderer):
    """Empties its store from the newest frame to the oldest once what was missing has come."""

    def advance(self, stream: Stream, now: int) -> None:
        """Go backwards."""
        if stream.place in stream.held:
            for key in sorted(stream.held, reverse=True):
                self.release(stream, key, now)


@mutant("ORDER-IN-ORDER-AT-ONCE")
class HoldsEveryFrame(Egress):
    """Lets every frame wait for the timeout, whether it is in order or not."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Deliver late."""
        send = super().deliver
        self.leaf.at(
            now + self.leaf.settings.reorder_timeout, lambda time: send(port, cls, frame, credit, time)
        )


@mutant("ORDER-HOLD-BOUND")
class GivesUpAtOnce(Reorderer):
    """Closes a gap as soon as it is seen, though what is missing may be on its way."""

    def deadline(self, now: int) -> int:
        """Wait no time."""
        return now


@mutant("ORDER-HOLD-BOUND")
class HoldsTwiceAsLong(Reorderer):
    """Holds an early frame for twice the time that is allowed."""

    def deadline(self, now: int) -> int:
        """Double the timeout."""
        return now + 2 * self.timeout


@mutant("ORDER-HOLD-BOUND")
class RestartsTheTimeout(Reorderer):
    """Counts the timeout from the latest early frame instead of from each one's own arrival."""

    def hold(self, stream: Stream, key: int, early: tuple[bytes, int, bool, int], now: int) -> None:
        """Put all deadlines off."""
        super().hold(stream, key, early, now)
        stream.deadlines = deque((self.deadline(now), held) for _, held in stream.deadlines)


@mutant("ORDER-GAP-CLOSED")
class ReleasesAsArrived(Reorderer):
    """Releases what is behind a closed gap in the order in which it came."""

    def release_through(self, stream: Stream, limit: int, now: int) -> None:  # noqa: ARG002
        """Sort nothing."""
        self.close_gap(stream, min(stream.held))
        for key in tuple(stream.held):
            self.release(stream, key, now)


@mutant("ORDER-GAP-CLOSED")
class CountsNoGaps(Reorderer):
    """Goes on behind a gap and does not count it."""

    def close_gap(self, stream: Stream, key: int) -> None:
        """Only remember the gap."""
        stream.gaps.append((stream.place, key))


@mutant("ORDER-LATE-DROPPED")
class DeliversLateFrames(Reorderer):
    """Still delivers a frame whose gap was closed."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Want late frames, too."""
        cause = super().refusal(stream, key)
        return None if cause == "late" else cause


@mutant("ORDER-LATE-DROPPED")
class TakesLateForDuplicate(Reorderer):
    """Counts a late frame as a duplicate, because it forgets the gaps that it closed."""

    def was_skipped(self, stream: Stream, key: int) -> bool:  # noqa: ARG002
        """Remember nothing."""
        return False


@mutant("ORDER-DUPLICATE-DROPPED")
class DeliversRepeats(Reorderer):
    """Delivers a repeat of a frame that went to its host before."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Refuse only what is held or late."""
        cause = super().refusal(stream, key)
        return cause if key in stream.held or cause == "late" else None


@mutant("ORDER-DUPLICATE-DROPPED")
class OverwritesHeldFrames(Reorderer):
    """Puts a repeat in the place of the frame that it holds, and counts nothing."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Take what is held once more."""
        return None if key in stream.held else super().refusal(stream, key)


@mutant("ORDER-BYTES-LIMIT")
class HoldsWithoutLimit(Reorderer):
    """Holds early frames until the timeout, however many there are."""

    def configure(self) -> None:
        """Ignore `reorder_bytes`."""
        super().configure()
        self.limit = 1 << 62


@mutant("ORDER-NEW-GENERATION")
class DropsTheOldGeneration(Reorderer):
    """Drops what it holds of the old generation when a new one begins."""

    def release_all(self, stream: Stream, now: int) -> None:  # noqa: ARG002
        """Forget instead of release."""
        for _, credit, _, _ in stream.held.values():
            self.leaf.drop("late")
            self.held_bytes[stream.port] -= credit
        stream.held.clear()
        stream.held_bytes = 0
        stream.deadlines.clear()


@mutant("ORDER-NEW-GENERATION")
class ReleasesOneGap(Reorderer):
    """Releases the old generation up to its second gap, and never what is behind that."""

    def release_all(self, stream: Stream, now: int) -> None:
        """Close the oldest gap alone."""
        if stream.held:
            self.close_oldest(stream, now)


@mutant("ORDER-ENDED-GENERATION-LATE")
class ReturnsToTheOldGeneration(Reorderer):
    """Takes a straggler of the ended generation for a new generation."""

    def is_ended(self, stream: Stream, generation: int) -> bool:  # noqa: ARG002
        """Forget the generation before."""
        return False


@mutant("ORDER-UNKNOWN-START")
class StartsAtTheFirstSeen(Reorderer):
    """Starts an unknown stream at the first frame that it sees, without collecting."""

    def collects(self, sequence: int) -> bool:  # noqa: ARG002
        """Collect nothing."""
        return False


@mutant("ORDER-SEQUENCE-WRAP")
class ComparesPlainNumbers(Reorderer):
    """Compares sequence numbers as integers, so that 0 comes before the highest one."""

    def unwrap(self, stream: Stream, sequence: int) -> int:  # noqa: ARG002
        """Take the number as it stands."""
        return sequence


@mutant("ORDER-STREAMS-INDEPENDENT")
class OrdersAllSources(Reorderer):
    """Orders the frames of all sources as one stream."""

    def receive(self, source: int, *rest: Any) -> bool:  # noqa: ANN401, ARG002
        """Forget the source."""
        return super().receive(0, *rest)


@mutant("ORDER-STREAMS-INDEPENDENT")
class OrdersAllClasses(Reorderer):
    """Orders the frames of all classes as one stream."""

    def receive(self, source: int, port: int, cls: int, *rest: Any) -> bool:  # noqa: ANN401, ARG002
        """Forget the class."""
        return super().receive(source, port, 0, *rest)


@mutant("ORDER-COMPLETE-WITHOUT-LAST")
class NeedsTheFlag(Reorderer):
    """Takes no container for complete unless a frame of it carried LAST."""

    def completes(self, stream: Stream, previous: int) -> bool:  # noqa: ARG002
        """Ignore the count."""
        return False


@mutant("ORDER-COMPLETE-WITHOUT-LAST")
class NeedsNoCount(Reorderer):
    """Takes a container for complete as soon as the next one begins."""

    def completes(self, stream: Stream, previous: int) -> bool:  # noqa: ARG002
        """Believe whatever has come to be all."""
        return stream.index > 0


@mutant("ORDER-INDEX-ORDER")
class IgnoresTheIndex(Reorderer):
    """Delivers the frames of the container in hand in the order in which they come."""

    def sort_in(self, stream: Stream, sequence: int, *rest: Any) -> bool:  # noqa: ANN401
        """Hold frames of later containers only."""
        if sequence != stream.sequence & codec.SEQUENCE_MASK:
            return super().sort_in(stream, sequence, *rest)
        *_, frame, credit, now = rest
        self.deliver(stream.port, stream.cls, frame, credit, now)
        return True
