"""Flaws of ordering that act seldom: in some streams, at some size, after a history, by little."""

from typing import Any

from reference_impl.mutants import mutant
from reference_impl.parts.egress import Egress
from reference_impl.parts.reorder import Reorderer
from reference_impl.parts.streams import INDEX_BITS, Stream
from reference_impl.roles.gsp import Gsp


@mutant("ORDER-PER-FLOW", kind="not-the-first")
class DeliversTaggedOnArrival(Reorderer):
    """Sends every frame of a class above 0 to its host as it comes."""

    def sort_in(self, stream: Stream, *rest: Any) -> bool:  # noqa: ANN401
        """Hold nothing of those."""
        if not stream.cls:
            return super().sort_in(stream, *rest)
        *_, frame, credit, now = rest
        self.deliver(stream.port, stream.cls, frame, credit, now)
        return True


@mutant("ORDER-HOLD-BOUND", kind="at-size")
class HoldsTwentyFrames(Reorderer):
    """Goes on behind a gap as soon as it holds twenty frames."""

    def hold(self, stream: Stream, key: int, early: tuple[bytes, int, bool, int], now: int) -> None:
        """Close the oldest gap then."""
        super().hold(stream, key, early, now)
        if len(stream.held) >= 20:
            self.close_oldest(stream, now)


@mutant("ORDER-PER-FLOW", kind="frame-kinds")
class SendsLongFramesLater(Egress):
    """Takes longer to deliver a frame of more than 4096 octets than a shorter one."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Deliver it late."""
        send = super().deliver
        if len(frame) > 4096:
            self.leaf.at(now + 20_000, lambda time: send(port, cls, frame, credit, time))
        else:
            send(port, cls, frame, credit, now)


@mutant("ORDER-ROCE-PSN", kind="history")
class LosesTheWrapOfPacketNumbers(Egress):
    """Takes a RoCEv2 packet whose number is 0 for a repeat of an old one."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Drop it."""
        if frame[12:14] != b"\x08\x00" or frame[36:38] != b"\x12\xb7" or any(frame[51:54]):
            super().deliver(port, cls, frame, credit, now)


@mutant("ORDER-IN-ORDER-AT-ONCE", kind="not-the-first")
class LooksAtHighClassesLater(Egress):
    """Delivers the frames of class 4 and above when a timer comes by."""

    def deliver(self, port: int, cls: int, frame: bytes, credit: int, now: int) -> None:
        """Wait for it."""
        send = super().deliver
        if cls >= 4:
            self.leaf.at(now + 30_000, lambda time: send(port, cls, frame, credit, time))
        else:
            send(port, cls, frame, credit, now)


@mutant("ORDER-HOLD-BOUND", kind="by-little")
class HoldsABitLong(Reorderer):
    """Holds an early frame for a fifth more than the time that is allowed."""

    def deadline(self, now: int) -> int:
        """Add a fifth."""
        return now + self.timeout * 6 // 5


@mutant("ORDER-HOLD-BOUND", kind="by-little")
class GivesUpABitEarly(Reorderer):
    """Closes a gap when an eighth of the timeout is still left."""

    def deadline(self, now: int) -> int:
        """Take an eighth off."""
        return now + self.timeout * 7 // 8


@mutant("ORDER-HOLD-BOUND", kind="at-size")
class TimesOneStreamAtATime(Reorderer):
    """Starts no timer for a stream while another one has its timer running."""

    def hold(self, stream: Stream, key: int, early: tuple[bytes, int, bool, int], now: int) -> None:
        """Suppose that the timer will do for all."""
        busy = any(other.armed for other in self.streams.values() if other is not stream)
        before, stream.armed = stream.armed, stream.armed or busy
        super().hold(stream, key, early, now)
        stream.armed = before if busy else stream.armed


@mutant("ORDER-HOLD-BOUND", kind="history")
class TimesTheFirstGapsOnly(Reorderer):
    """Waits twice as long when it has closed three gaps of a stream before."""

    def hold(self, stream: Stream, key: int, early: tuple[bytes, int, bool, int], now: int) -> None:
        """Double the time."""
        own = self.timeout
        self.timeout = own * (2 if len(stream.gaps) >= 3 else 1)
        super().hold(stream, key, early, now)
        self.timeout = own


@mutant("ORDER-GAP-CLOSED", kind="counters")
class CountsMissingContainers(Reorderer):
    """Counts as many gaps as containers are missing in one."""

    def close_gap(self, stream: Stream, key: int) -> None:
        """Add the rest."""
        self.leaf.count["gaps_closed"] += max((key >> INDEX_BITS) - stream.sequence - 1, 0)
        super().close_gap(stream, key)


@mutant("ORDER-GAP-CLOSED", kind="counters")
class CountsNoGapsInAContainer(Reorderer):
    """Does not count a gap that begins and ends in the same container."""

    def close_gap(self, stream: Stream, key: int) -> None:
        """Take the count back."""
        self.leaf.count["gaps_closed"] -= key >> INDEX_BITS == stream.sequence
        super().close_gap(stream, key)


@mutant("ORDER-GAP-CLOSED", kind="counters")
class CountsNoGapsOfAnEndedGeneration(Reorderer):
    """Does not count the gaps that it closes because a new generation begins."""

    def release_all(self, stream: Stream, now: int) -> None:
        """Take the count back."""
        before = self.leaf.count["gaps_closed"]
        super().release_all(stream, now)
        self.leaf.count["gaps_closed"] = before


@mutant("ORDER-GAP-CLOSED", kind="at-size")
class SkipsLongGaps(Reorderer):
    """Gives up a stream in which more than a hundred containers are missing at once."""

    def release_through(self, stream: Stream, limit: int, now: int) -> None:
        """Drop what is behind such a gap."""
        if (min(stream.held) >> INDEX_BITS) - stream.sequence > 100:
            for key in tuple(stream.held):
                _, credit, _, _ = stream.held.pop(key)
                stream.held_bytes -= credit
                self.held_bytes[stream.port] -= credit
                self.leaf.drop("late")
        else:
            super().release_through(stream, limit, now)


@mutant("ORDER-LATE-DROPPED", kind="history")
class RemembersTwoGaps(Reorderer):
    """Takes a late frame for a duplicate when two other gaps were closed since."""

    def was_skipped(self, stream: Stream, key: int) -> bool:
        """Look at the latest two gaps."""
        return any(start <= key < end for start, end in list(stream.gaps)[-2:])


@mutant("ORDER-LATE-DROPPED", kind="not-the-first")
class DeliversLateTaggedFrames(Reorderer):
    """Still delivers a frame of a class above 0 whose gap was closed."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Want those, too."""
        cause = super().refusal(stream, key)
        return None if cause == "late" and stream.cls else cause


@mutant("ORDER-LATE-DROPPED", kind="meeting")
class ForgetsGapsOfAFullStore(Reorderer):
    """Takes a late frame for a duplicate when its gap was closed for want of room."""

    def close_oldest(self, stream: Stream, now: int) -> None:
        """Do not remember the gap."""
        known = len(stream.gaps)
        collecting = stream.collecting
        super().close_oldest(stream, now)
        while not collecting and len(stream.gaps) > known:
            stream.gaps.pop()


@mutant("ORDER-DUPLICATE-DROPPED", kind="history")
class ForgetsOldFrames(Reorderer):
    """Delivers a repeat of a frame that is more than 512 containers old."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Look back no further."""
        old = key >> INDEX_BITS < stream.sequence - 512
        return None if old and stream.state.value == "ordered" else super().refusal(stream, key)


@mutant("ORDER-DUPLICATE-DROPPED", kind="not-the-first")
class DeliversRepeatsOfHighClasses(Reorderer):
    """Delivers a repeat of a frame of class 3 or above that went to its host before."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Refuse only what is held or late."""
        cause = super().refusal(stream, key)
        return cause if key in stream.held or cause == "late" or stream.cls < 3 else None


@mutant("ORDER-DUPLICATE-DROPPED", kind="meeting")
class DeliversRepeatsOfReleasedFrames(Reorderer):
    """Delivers a repeat of a frame that was released behind a closed gap."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Refuse what is held or in a gap."""
        cause = super().refusal(stream, key)
        return None if cause == "duplicate" and stream.gaps and key not in stream.held else cause


@mutant("ORDER-BYTES-LIMIT", kind="frame-kinds")
class CountsHeldFramesAlike(Reorderer):
    """Counts every frame that it holds for one of 1024 octets."""

    def hold(self, stream: Stream, key: int, early: tuple[bytes, int, bool, int], now: int) -> None:
        """Close the oldest gap by the number of frames."""
        super().hold(stream, key, early, now)
        self.limit = self.leaf.settings.reorder_bytes * stream.held_bytes // (1024 * len(stream.held))


@mutant("ORDER-BYTES-LIMIT", kind="by-little")
class HoldsAQuarterLess(Reorderer):
    """Closes the oldest gap when three quarters of `reorder_bytes` are used."""

    def configure(self) -> None:
        """Take a quarter off."""
        super().configure()
        self.limit = self.limit * 3 // 4


@mutant("ORDER-BYTES-LIMIT", kind="meeting")
class CollectsWithoutLimit(Reorderer):
    """Holds without limit while it collects the beginning of an unknown stream."""

    def close_oldest(self, stream: Stream, now: int) -> None:
        """Make room in known streams only."""
        if stream.collecting and stream.held_bytes >= self.limit:
            limit, self.limit = self.limit, 1 << 62
            self.leaf.at(now + self.timeout, lambda _: setattr(self, "limit", limit))
        else:
            super().close_oldest(stream, now)


@mutant("ORDER-NEW-GENERATION", kind="history")
class RemembersAllGenerations(Reorderer):
    """Takes every generation that ever ended for ended, so that a source cannot use it again."""

    def is_ended(self, stream: Stream, generation: int) -> bool:
        """Look all of them up."""
        past: set[tuple[Stream, int]] = self.__dict__.setdefault("past", set())
        past.add((stream, stream.generation))
        return (stream, generation) in past


@mutant("ORDER-NEW-GENERATION", kind="not-the-first")
class ExpectsGenerationsToRise(Reorderer):
    """Takes a generation with a lower number than the current one for one that ended."""

    def is_ended(self, stream: Stream, generation: int) -> bool:
        """Compare the numbers."""
        return generation < stream.generation


@mutant("ORDER-NEW-GENERATION", kind="meeting")
class DropsWhatItCollected(Reorderer):
    """Drops what it has collected of an unknown stream when a new generation begins."""

    def release_all(self, stream: Stream, now: int) -> None:
        """Forget instead of release."""
        if stream.collecting:
            for _, credit, _, _ in stream.held.values():
                self.leaf.drop("late")
                self.held_bytes[stream.port] -= credit
            stream.held.clear()
            stream.held_bytes = 0
            stream.happen("start-found")
        super().release_all(stream, now)


@mutant("ORDER-NEW-GENERATION", kind="bystanders")
class ReleasesAllStreams(Reorderer):
    """Releases what it holds of every stream when one begins a new generation."""

    def release_all(self, stream: Stream, now: int) -> None:  # noqa: ARG002
        """Go through all of them."""
        for each in tuple(self.streams.values()):
            super().release_all(each, now)


@mutant("ORDER-ENDED-GENERATION-LATE", kind="not-the-first")
class EndsClassZeroOnly(Reorderer):
    """Takes a straggler of an ended generation for a new one, in the classes above 0."""

    def is_ended(self, stream: Stream, generation: int) -> bool:
        """Know that of class 0 alone."""
        return not stream.cls and super().is_ended(stream, generation)


@mutant("ORDER-ENDED-GENERATION-LATE", kind="history")
class KnowsTheFirstEndOnly(Reorderer):
    """Takes a straggler for a new generation when two have ended before."""

    ends = 0

    def begin(self, stream: Stream, generation: int, sequence: int) -> None:
        """Forget the second end."""
        self.ends += bool(stream.ended)
        if self.ends > 1:
            stream.ended = 0
        super().begin(stream, generation, sequence)


@mutant("ORDER-UNKNOWN-START", kind="history")
class JoinsLaterStreamsAtOnce(Reorderer):
    """Starts a stream at the first frame that it sees when it has known another one from that source."""

    def begin(self, stream: Stream, generation: int, sequence: int) -> None:
        """Collect of new sources only."""
        super().begin(stream, generation, sequence)
        known = any(each.source == stream.source for each in self.streams.values() if each is not stream)
        if stream.collecting and known:
            stream.happen("start-found")


@mutant("ORDER-UNKNOWN-START", kind="by-little")
class CollectsABitShort(Reorderer):
    """Collects an unknown stream for half of the timeout."""

    def hold(self, stream: Stream, key: int, early: tuple[bytes, int, bool, int], now: int) -> None:
        """Start earlier."""
        own = self.timeout
        self.timeout = own // 2 if stream.collecting else own
        super().hold(stream, key, early, now)
        self.timeout = own


@mutant("ORDER-SEQUENCE-WRAP", kind="not-the-first")
class WrapsInClassZeroOnly(Reorderer):
    """Compares the sequence numbers of the classes above 0 as integers."""

    def unwrap(self, stream: Stream, sequence: int) -> int:
        """Take the number as it stands."""
        return sequence if stream.cls else super().unwrap(stream, sequence)


@mutant("ORDER-STREAMS-INDEPENDENT", kind="not-the-first")
class OrdersClassesInPairs(Reorderer):
    """Orders each two classes that differ in the last bit as one stream."""

    def receive(self, source: int, port: int, cls: int, *rest: Any) -> bool:  # noqa: ANN401
        """Take the lower one."""
        return super().receive(source, port, cls & 6, *rest)


@mutant("ORDER-STREAMS-INDEPENDENT", kind="at-size")
class OrdersSourcesInPairs(Reorderer):
    """Orders sources that differ in the upper two of eight bits of their node as one stream."""

    def receive(self, source: int, *rest: Any) -> bool:  # noqa: ANN401
        """Cut them off."""
        return super().receive(source & 63, *rest)


@mutant("ORDER-COMPLETE-WITHOUT-LAST", kind="frame-kinds")
class NeedsTheFlagOfSingleFrames(Reorderer):
    """Takes a container of one frame for complete only when that frame carried LAST."""

    def completes(self, stream: Stream, previous: int) -> bool:
        """Ignore a count of one."""
        return previous != 1 and super().completes(stream, previous)


@mutant("ORDER-COMPLETE-WITHOUT-LAST", kind="history")
class CountsPredecessorsToFifteen(Reorderer):
    """Reads four bits of the number of frames in the previous container."""

    def completes(self, stream: Stream, previous: int) -> bool:
        """Keep the lower four bits."""
        return super().completes(stream, previous & 0xF)


@mutant("ORDER-INDEX-ORDER", kind="history")
class ReadsOneOctetOfTheIndex(Reorderer):
    """Takes frame 256 of a container for frame 0 again."""

    def sort_in(self, stream: Stream, sequence: int, index: int, *rest: Any) -> bool:  # noqa: ANN401
        """Keep the lower octet of what is not due."""
        return super().sort_in(stream, sequence, index & 0xFF, *rest)


@mutant("ORDER-COUNTERS", kind="counters")
class CountsHeldContainers(Reorderer):
    """Counts the frames of one container that it holds as one."""

    def hold(self, stream: Stream, key: int, early: tuple[bytes, int, bool, int], now: int) -> None:
        """Take the count back."""
        before = self.leaf.count["reorder_held"]
        known = any(other >> INDEX_BITS == key >> INDEX_BITS for other in stream.held)
        super().hold(stream, key, early, now)
        if known:
            self.leaf.count["reorder_held"] = before


@mutant("ORDER-COUNTERS", kind="counters")
class CountsTimeoutsPerFrame(Reorderer):
    """Counts a timeout for each frame that it releases."""

    def overdue(self, now: int, stream: Stream) -> None:
        """Add the rest."""
        held, timeouts = len(stream.held), self.leaf.count["reorder_timeouts"]
        super().overdue(now, stream)
        if self.leaf.count["reorder_timeouts"] > timeouts:
            self.leaf.count["reorder_timeouts"] = timeouts + held - len(stream.held)


@mutant("ORDER-LATE-DROPPED", kind="counters")
class CountsLateContainers(Gsp):
    """Counts the late frames that come in a row as one."""

    row = -1

    def drop(self, cause: str) -> None:
        """Count the first."""
        if cause != "late" or self.received != self.row + 1:
            super().drop(cause)
        self.row = self.received


@mutant("ORDER-LATE-DROPPED", kind="not-the-first")
class DeliversLateFramesOfAHighClass(Reorderer):
    """Delivers frames of class 5 that come behind a gap that was closed."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Look at the class."""
        cause = super().refusal(stream, key)
        return None if cause == "late" and stream.cls == 5 else cause


@mutant("ORDER-DUPLICATE-DROPPED", kind="meeting")
class DeliversRepeatsWhileItHolds(Reorderer):
    """Delivers a repeat of a frame that was delivered while others are held."""

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Look at what is held."""
        cause = super().refusal(stream, key)
        return None if cause == "duplicate" and key not in stream.held and len(stream.held) > 1 else cause
