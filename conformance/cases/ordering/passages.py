"""Containers scripted for a host of the GSP under test, and how their frames pass through it."""

from collections.abc import Iterable
from dataclasses import dataclass

from conformance.api.testbed import Testbed
from traffic.frames.crafted import Container, data_frames
from traffic.frames.roce import identify
from traffic.patterns import gap_at
from traffic.recordings.recording import DOWN, Recording
from traffic.scenario import Scenario

SIZE = 1000


@dataclass(frozen=True)
class Passage:
    """A host frame from its arrival as DATA to its departure; `number` is its PSN.

    `arrived` is when its last bit reached the GSP, `begun` when its first bit left, `free` when the frame
    before it at that host had left, all ns; `rows` are those of the DATA and of the host frame.
    """

    number: int
    rows: tuple[int, int]
    arrived: int
    begun: int
    free: int

    @property
    def stay(self) -> int:
        """Time in ns from arrival to departure, without the time of sending."""
        return self.begun - self.arrived

    def wait(self, held: int = 0) -> int:
        """Time in ns that it waited, but for its turn, beyond the time that it may be held."""
        return self.begun - max(self.arrived + held, self.free)


def scripted(
    bed: Testbed,
    containers: Iterable[Container],
    *,
    source: int = 2,
    destination: int = 0,
    cls: int = 0,
    size: int = SIZE,
) -> Scenario:
    """Send containers from a host behind an emulated GSP to one of the GSP under test, by their numbers.

    The PSNs of their host frames count up in the order of delivery; each flow has a queue pair of its own.
    """
    there, here = bed.host(source), bed.host(destination)
    flow = 1 + source + len(bed.hosts) * (destination + len(bed.hosts) * cls)
    return data_frames(
        there, here, containers, bed.addresses, size=size, cls=cls, stream=flow, profile=bed.wire_profile
    )


def received(recording: Recording, host: str) -> list[int]:
    """PSNs of the frames that a host received, in that order; -1 for a frame without one."""
    found = (identify(frame.frame) for frame in recording.hosts.frames(host, "received"))
    return [-1 if label is None else label[1] for label in found]


def passages(
    recording: Recording, host: str, *, source: str | None = None, cls: int | None = None
) -> list[Passage]:
    """List the passages of the frames that a host received, in that order; of a node or class, or of all."""
    rate = next(link.rate_mbps for link in recording.links if link.name == host)
    came: dict[bytes, list[int]] = {}
    for message in recording.fabric.messages("DATA", direction=DOWN, source=source):
        if cls in {None, message.cls}:
            came.setdefault(recording.fabric.payload(message.row), []).append(message.row)
    found = []
    free = 0
    for frame in recording.hosts.frames(host, "received"):
        label = identify(frame.frame)
        rows = came.get(frame.frame)
        if rows and label:
            row = rows.pop(0)
            begun = frame.time - gap_at(frame.size, rate)
            found.append(Passage(label[1], (row, frame.row), int(recording.arrival[row]), begun, free))
        free = frame.time
    return found
