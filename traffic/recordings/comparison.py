"""Frames sent held against frames received: which came unaltered, which altered, and which not at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from traffic.recordings.hosts import HostFrame

LOOKED_AT: Final = 256
"""Received frames among which the altered copy of a frame is looked for."""


@dataclass(frozen=True)
class Passage:
    """A frame as it was sent and as it was received; None where it never came, or nobody sent it."""

    sent: HostFrame | None
    received: HostFrame | None

    @property
    def same(self) -> bool:
        """Whether every octet arrived as it was sent."""
        return self.sent is not None and self.received is not None and self.sent.frame == self.received.frame

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows of the recording at which it was received and sent."""
        return tuple(frame.row for frame in (self.received, self.sent) if frame is not None)

    def __str__(self) -> str:
        if self.received is None:
            return f"never received, sent as {self.sent}"
        if self.sent is None:
            return f"{self.received}, which nobody sent"
        got, sent = self.received.frame, self.sent.frame
        sizes = (
            f"packet {self.received.packet}: {len(got)} octets, sent {len(sent)} as packet {self.sent.packet}"
        )
        if got == sent:
            return f"{sizes}; no difference"
        place = _common(got, sent)
        octets = f"got {_octet(got, place)}, sent {_octet(sent, place)}"
        return f"{sizes}; first difference at octet {place}: {octets}"


def compare(sent: Sequence[HostFrame], received: Sequence[HostFrame]) -> list[Passage]:
    """Pair frames, equal ones first, what is left by likeness; gives an item for each one sent or surplus."""
    waiting: dict[bytes, list[HostFrame]] = {}
    for frame in reversed(received):
        waiting.setdefault(frame.frame, []).append(frame)
    passages, missing = [], []
    for frame in sent:
        equal = waiting.get(frame.frame)
        if equal:
            passages.append(Passage(frame, equal.pop()))
        else:
            missing.append(frame)
    left = sorted((frame for frames in waiting.values() for frame in frames), key=lambda frame: frame.row)
    return passages + list(altered(missing, left))


def altered(missing: Sequence[HostFrame], surplus: Sequence[HostFrame]) -> Iterator[Passage]:
    """Pair each missing frame with the surplus frame that is most like it, if any is half alike."""
    left = list(surplus)
    for frame in missing:
        likeness, place = max(
            (
                (_likeness(frame.frame, other.frame), -place)
                for place, other in enumerate(islice(left, LOOKED_AT))
            ),
            default=(0.0, 0),
        )
        yield Passage(frame, left.pop(-place) if likeness >= 1 / 2 else None)
    yield from (Passage(None, frame) for frame in left)


def _likeness(one: bytes, other: bytes) -> float:
    """Return the share of the shorter frame's octets that agree from the front, and from the back."""
    shorter = min(len(one), len(other))
    front = _common(one, other)
    back = min(_common(one[::-1], other[::-1]), shorter - front)
    return (front + back) / shorter if shorter else 0.0


def _common(one: bytes, other: bytes) -> int:
    """Count the leading octets that two frames have in common."""
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def _octet(frame: bytes, place: int) -> str:
    return f"0x{frame[place]:02x}" if place < len(frame) else "its end"
