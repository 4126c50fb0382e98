"""Ordering at the egress: early frames wait for the missing ones, but not for ever."""

from collections.abc import Callable
from typing import Any

from reference_impl import codec
from reference_impl.parts.leaf import Leaf
from reference_impl.parts.streams import INDEX_BITS, INDEX_MASK, ORDERED, Stream, Streams

Deliver = Callable[[int, int, bytes, int, int], None]
"""`(port, class, host frame, credit, now)`: send a frame to its host."""

Lose = Callable[[int, int, int, int, int], None]
"""`(source, port, class, generation, credit)`: learn of credit bytes that a closed gap has swallowed."""


class Reorderer:
    """Releases the frames of each (source, port, class) in order; late and duplicate ones are dropped.

    1. The stream of a frame is found or begun. A generation that begins with container sequence 0 is ordered
       from there; with another one, its frames are collected first. What is held of the old generation is
       released then, and frames of it that come later are late.
    2. The frame at the place (sequence, index) that is due goes to its host at once. A container is complete
       with its LAST, or when "frames in the previous container" of the next one says so.
    3. A frame before that place is late where a gap was closed, else a duplicate; one that is held already is
       a duplicate, too. A frame behind it is held, `reorder_timeout` from its own arrival at the longest.
    4. What is held goes as soon as it is due. A frame whose time is over goes with all that is held before
       it, and the gaps before it are closed: counted, remembered to know late frames by, and what they
       swallowed is told the granter as lost.
    5. With `reorder_bytes` held, the oldest gap is closed at once. A collecting stream starts at its lowest
       frame instead.
    6. A stream that was silent for twice `age_out` is forgotten; its source has ended the generation since.
    """

    def __init__(self, leaf: Leaf, deliver: Deliver, lose: Lose) -> None:
        self.leaf = leaf
        self.deliver = deliver
        self.lose = lose
        self.streams = Streams(leaf.at)
        self.held_bytes = leaf.held_bytes
        self.configure()

    def configure(self) -> None:
        """Take the settings over."""
        settings = self.leaf.settings
        self.timeout = settings.reorder_timeout
        self.limit = settings.reorder_bytes
        self.idle_limit = self.streams.idle_limit = 2 * settings.age_out

    def receive(  # noqa: PLR0917 - the data path
        self,
        source: int,
        port: int,
        cls: int,
        generation: int,
        sequence: int,
        index: int,
        previous: int,
        fill: int,
        last: bool,
        frame: bytes,
        credit: int,
        now: int,
    ) -> bool:
        """Take one DATA frame; False when it was late or a duplicate and so was dropped."""
        stream = self.streams.get((source, port, cls))
        if (
            stream is None
            or generation != stream.generation
            or stream.state is not ORDERED
            or now - stream.heard > self.idle_limit
        ):
            stream = self.admit(stream, source, port, cls, generation, sequence, now)
            if stream is None:
                return False
        stream.heard = now
        if stream.state is ORDERED:
            ahead = (sequence - stream.sequence) & codec.SEQUENCE_MASK
            if ahead == 1 and index == 0 and self.completes(stream, previous):
                self.next_container(stream)
                ahead = 0
            if ahead == 0 and index == stream.index:
                self.deliver(port, cls, frame, credit, now)
                self.pass_over(stream, last, fill + credit)
                if stream.held:
                    self.advance(stream, now)
                return True
        return self.sort_in(stream, sequence, index, previous, fill, last, frame, credit, now)

    def admit(  # noqa: PLR0917 - the fields of DATA
        self,
        stream: Stream | None,
        source: int,
        port: int,
        cls: int,
        generation: int,
        sequence: int,
        now: int,
    ) -> Stream | None:
        """Find or begin the stream of a frame; None when it is of no generation or of the one just ended."""
        if self.is_void(generation):
            self.leaf.drop("bad_message")
            return None
        if stream is None:
            stream = self.streams.add(source, port, cls, now)
            self.begin(stream, generation, sequence)
        elif self.is_forgotten(stream, now):
            self.release_all(stream, now)
            stream.happen("forgotten")
            stream.ended = 0
            self.begin(stream, generation, sequence)
        elif generation != stream.generation:
            if self.is_ended(stream, generation):
                self.leaf.drop("late")
                return None
            self.release_all(stream, now)
            stream.ended = stream.generation
            self.begin(stream, generation, sequence)
        elif stream.collecting and self.is_start(stream, sequence):
            stream.happen("start-found")
            stream.sequence = self.unwrap(stream, sequence)
        return stream

    def is_void(self, generation: int) -> bool:
        """Return whether a generation is 0, which stands for none."""
        return generation == 0

    def is_ended(self, stream: Stream, generation: int) -> bool:
        """Return whether a generation is the one that ended last."""
        return generation == stream.ended

    def is_forgotten(self, stream: Stream, now: int) -> bool:
        """Return whether a stream was silent for so long that its source has ended the generation since."""
        return now - stream.heard > self.idle_limit

    def begin(self, stream: Stream, generation: int, sequence: int) -> None:
        """Start a generation: at once when it starts with sequence 0, else by collecting first."""
        stream.generation = generation
        stream.sequence = sequence
        stream.index = 0
        stream.fill = stream.usual = 0
        stream.totals.clear()
        stream.gaps.clear()
        stream.happen("begins-later" if self.collects(sequence) else "begins")

    def collects(self, sequence: int) -> bool:
        """Return whether an unknown stream may lack frames before its first one."""
        return sequence != 0

    def is_start(self, stream: Stream, sequence: int) -> bool:
        """Return whether a collecting stream has found the very first container of its generation."""
        return sequence == 0 and all(self.unwrap(stream, 0) << INDEX_BITS <= key for key in stream.held)

    def unwrap(self, stream: Stream, sequence: int) -> int:
        """Extend a sequence to the number nearest to what is due (RFC 1982)."""
        ahead = (sequence - stream.sequence) & codec.SEQUENCE_MASK
        return stream.sequence + (
            ahead if ahead <= codec.SEQUENCE_MASK >> 1 else ahead - codec.SEQUENCE_MASK - 1
        )

    def completes(self, stream: Stream, previous: int) -> bool:
        """Return whether "frames in the previous container" shows that the container in hand is complete."""
        return stream.index == previous != 0

    def pass_over(self, stream: Stream, last: bool, fill: int) -> None:
        """Step over the frame that is due, and over its container where the frame is its last."""
        stream.fill = fill
        if last:
            self.next_container(stream)
        else:
            stream.index += 1

    def next_container(self, stream: Stream) -> None:
        """Step to the start of the next container."""
        stream.usual = stream.fill
        stream.sequence += 1
        stream.index = stream.fill = 0

    def sort_in(  # noqa: PLR0917 - the fields of DATA
        self,
        stream: Stream,
        sequence: int,
        index: int,
        previous: int,
        fill: int,
        last: bool,
        frame: bytes,
        credit: int,
        now: int,
    ) -> bool:
        """Hold a frame that is early, drop one that is late or double."""
        unwrapped = self.unwrap(stream, sequence)
        key = (unwrapped << INDEX_BITS) + index
        cause = self.refusal(stream, key)
        if cause is not None:
            self.leaf.drop(cause)
            return False
        stream.totals[unwrapped - 1] = previous
        self.hold(stream, key, (frame, credit, last, fill), now)
        if stream.state is ORDERED:
            self.advance(stream, now)
        while stream.held_bytes >= self.limit:
            self.close_oldest(stream, now)
        return True

    def refusal(self, stream: Stream, key: int) -> str | None:
        """Return the cause to drop a frame at a place, None when it is still wanted there."""
        if key in stream.held:
            return "duplicate"
        if stream.state is not ORDERED or key >= stream.place:
            return None
        return "late" if self.was_skipped(stream, key) else "duplicate"

    def was_skipped(self, stream: Stream, key: int) -> bool:
        """Return whether a place lies in a closed gap or before the joined one: late, not double."""
        return any(start <= key < end for start, end in stream.gaps)

    def hold(self, stream: Stream, key: int, early: tuple[bytes, int, bool, int], now: int) -> None:
        """Keep an early frame, until `reorder_timeout` from now at the longest."""
        self.leaf.count["reorder_held"] += 1
        stream.held[key] = early
        stream.held_bytes += early[1]
        self.held_bytes[stream.port] += early[1]
        deadline = self.deadline(now)
        stream.deadlines.append((deadline, key))
        if not stream.armed:
            stream.armed = True
            self.leaf.at(deadline, self.overdue, stream)

    def deadline(self, now: int) -> int:
        """Return until when a frame that arrives now may be held."""
        return now + self.timeout

    def release(self, stream: Stream, key: int, now: int) -> None:
        """Send one held frame to its host and step over it."""
        frame, credit, last, fill = stream.held.pop(key)
        stream.held_bytes -= credit
        self.held_bytes[stream.port] -= credit
        stream.sequence, stream.index = key >> INDEX_BITS, key & INDEX_MASK
        self.deliver(stream.port, stream.cls, frame, credit, now)
        self.pass_over(stream, last, fill + credit)

    def advance(self, stream: Stream, now: int) -> None:
        """Release what has come in order."""
        held = stream.held
        while held:
            key = stream.place
            if key in held:
                self.release(stream, key, now)
            elif self.completes(stream, stream.totals.get(stream.sequence, 0)):
                stream.totals.pop(stream.sequence, None)
                self.next_container(stream)
            else:
                return
        stream.totals.clear()

    def overdue(self, now: int, stream: Stream) -> None:
        """Give up on what is missing before a frame that was held for `reorder_timeout`."""
        deadlines = stream.deadlines
        stream.armed = False
        while deadlines:
            deadline, key = deadlines[0]
            if key in stream.held:
                if deadline > now:
                    stream.armed = True
                    self.leaf.at(deadline, self.overdue, stream)
                    return
                if stream.collecting:
                    self.close_oldest(stream, now)
                else:
                    self.leaf.count["reorder_timeouts"] += 1
                    self.release_through(stream, key, now)
            else:
                deadlines.popleft()

    def close_oldest(self, stream: Stream, now: int) -> None:
        """Close the oldest gap, or start a collecting stream at its lowest frame."""
        lowest = min(stream.held)
        if stream.collecting:
            stream.happen("start-found")
            stream.sequence, stream.index = lowest >> INDEX_BITS, lowest & INDEX_MASK
            stream.gaps.append((lowest - (codec.SEQUENCE_MASK + 1 << INDEX_BITS - 1), lowest))
            self.advance(stream, now)
        else:
            self.release_through(stream, lowest, now)

    def release_through(self, stream: Stream, limit: int, now: int) -> None:
        """Release everything held up to a place in order, and close the gaps before it."""
        for key in sorted(stream.held):
            if key > limit:
                break
            if key not in stream.held:
                continue
            if key != stream.place:
                self.close_gap(stream, key)
            self.release(stream, key, now)
            self.advance(stream, now)

    def close_gap(self, stream: Stream, key: int) -> None:
        """Count one gap as closed, and remember it to know a late frame by."""
        stream.totals = {
            sequence: total for sequence, total in stream.totals.items() if sequence >= key >> INDEX_BITS
        }
        self.leaf.count["gaps_closed"] += 1
        stream.gaps.append((stream.place, key))
        lost = max(self.swallowed(stream, key), 0)
        self.lose(stream.source, stream.port, stream.cls, stream.generation, lost)

    def swallowed(self, stream: Stream, key: int) -> int:
        """Reckon the credit bytes in a gap: exact within a container, by the usual fill beyond it."""
        containers = (key >> INDEX_BITS) - stream.sequence
        fill = stream.held[key][3]
        if containers == 0:
            return fill - stream.fill
        return fill + containers * stream.usual - min(stream.fill, stream.usual)

    def release_all(self, stream: Stream, now: int) -> None:
        """Release everything held, in order, because its generation is over."""
        if stream.collecting:
            self.close_oldest(stream, now)
        if stream.held:
            self.release_through(stream, max(stream.held), now)
        stream.deadlines.clear()

    def state(self) -> list[dict[str, Any]]:
        """Show every stream, as JSON."""
        return [
            {
                "source": stream.source,
                "port": stream.port,
                "class": stream.cls,
                "generation": stream.generation,
                "sequence": stream.sequence & codec.SEQUENCE_MASK,
                "index": stream.index,
                "held": len(stream.held),
                "held_bytes": stream.held_bytes,
                "state": stream.state.value,
                "collecting": stream.collecting,
            }
            for stream in self.streams.values()
        ]
