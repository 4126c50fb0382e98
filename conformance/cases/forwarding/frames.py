"""Single host frames, well apart, so that what became of each can be told."""

from collections.abc import Iterable

from conformance.api.testbed import Testbed
from traffic.frames.roce import TEST_ETHERTYPE
from traffic.patterns import gap_at
from traffic.scenario import FCS, SHORTEST, Scenario, TimedFrame

MIN_OCTETS = SHORTEST - FCS


def plain(bed: Testbed, source: str, destination: str | bytes, number: int, size: int = 128) -> bytes:
    """One frame of `size` bytes with FCS, unique by its number, to a host or a MAC address."""
    target = bed.addresses[destination].mac if isinstance(destination, str) else destination
    head = target + bed.addresses[source].mac + TEST_ETHERTYPE.to_bytes(2, "big") + number.to_bytes(4, "big")
    return head.ljust(size - 4, bytes([number & 0xFF]))


def tagged(frame: bytes, tag: bytes = b"\x81\x00\x70\x07") -> bytes:
    """Put a tag, by default of class 3 and drop-eligible, into a frame, which keeps its length."""
    return (frame[:12] + tag + frame[12:])[: max(len(frame), MIN_OCTETS)]


def apart(bed: Testbed, source: str, frames: Iterable[bytes], *, after: int = 0) -> Scenario:
    """Send frames on a link, each as far from the next as two frames of the longest size take."""
    gap = 2 * gap_at(bed.parameter("max_frame"), bed.parameter("link_rate"))
    timed = (TimedFrame(after + number * gap, source, frame) for number, frame in enumerate(frames, 1))
    return Scenario(frames=tuple(timed), name="single frames")
