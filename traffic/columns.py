"""The plain data of a recording: frames in numpy columns, and the facts that a judge needs beside them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spec.wire import WireProfile
    from traffic.decode import Decoded

Holds = Literal["all", "window", "counters"]
Rows = NDArray[np.int64]
Tap = tuple[int, int, int, bytes, int]


class Direction(IntEnum):
    """UP leads away from the hosts (host to GSP, GSP to GSF), DOWN towards them."""

    UP = 0
    DOWN = 1


UP, DOWN = Direction.UP, Direction.DOWN


class BeyondRecording(Exception):  # noqa: N818 - it is the fact, not an error of the program
    """A question that the recording cannot answer, because the binding could not see that much."""


@dataclass(frozen=True)
class Link:
    """One link; `lower` is the end nearer the hosts. A host link is called like its host."""

    name: str
    lower: str
    upper: str
    rate_mbps: int = 8000
    delay_ns: int = 500

    @property
    def fabric(self) -> bool:
        """Whether this is a link between devices of the fabric."""
        return self.name != self.lower


@dataclass(frozen=True)
class Node:
    """A device: its node id, its role, what the vendor declared of it, and its standing in this play."""

    id: int
    role: str
    standing: Literal["under test", "reference", "emulated"] = "reference"
    ics: Mapping[str, bool | int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Address:
    """Where a host sits: its MAC address, and the node id and host port that lead to it."""

    mac: bytes
    node: int
    port: int


@dataclass(frozen=True)
class ParameterValue:
    """A value in force during the play, with its unit and origin (`suite default`, `declared by the vendor`)."""

    value: int | float | str
    unit: str = ""
    origin: str = "suite default"


@dataclass(frozen=True)
class Facts:
    """What has to be known to judge the frames: nodes, hosts, parameters and the wire profile."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    hosts: Mapping[str, Address] = field(default_factory=dict)
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    wire_profile: str = "open-1"
    wire_digest: str = ""


@dataclass(frozen=True)
class Event:
    """Something a device reported, at its time in ns."""

    time: int
    node: str
    name: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Columns:
    """Frames as columns, one row a frame in order of `time` (ns, last bit leaves the sender), and the facts.

    `link` indexes `links`, `delivered` is the number of copies that reached the far end (0: lost on the link),
    `offset` and `length` point into `blob`. `counters` are differences against `baseline`.
    """

    links: tuple[Link, ...]
    time: NDArray[np.int64]
    link: NDArray[np.int16]
    direction: NDArray[np.int8]
    delivered: NDArray[np.int8]
    offset: NDArray[np.int64]
    length: NDArray[np.int32]
    blob: bytes
    facts: Facts = field(default_factory=Facts)
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    baseline: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    states: Mapping[str, Any] = field(default_factory=dict)
    capabilities: frozenset[str] = frozenset()
    holds: Holds = "all"
    capture_losses: int = 0
    scenario: str = ""
    seed: int = 0

    @classmethod
    def of_taps(
        cls,
        links: Sequence[Link],
        taps: Iterable[Tap],
        *,
        counters: Mapping[str, Mapping[str, int]] | None = None,
        baseline: Mapping[str, Mapping[str, int]] | None = None,
        **rest: Any,  # noqa: ANN401 - the other fields of the class, by name
    ) -> Self:
        """Build from taps (time ns, link index, direction, frame bytes, delivered copies), in any order.

        `counters` are the readings after the play; what is kept is their difference against `baseline`.
        """
        ordered = sorted(taps, key=lambda tap: tap[0])
        frames = [tap[3] for tap in ordered]
        length = np.fromiter(map(len, frames), np.int32, len(frames))
        offset = np.cumsum(length, dtype=np.int64) - length
        before = baseline or {}
        return cls(
            links=tuple(links),
            time=np.array([tap[0] for tap in ordered], np.int64),
            link=np.array([tap[1] for tap in ordered], np.int16),
            direction=np.array([tap[2] for tap in ordered], np.int8),
            delivered=np.array([tap[4] for tap in ordered], np.int8),
            offset=offset,
            length=length,
            blob=b"".join(frames),
            counters={
                node: {name: value - before.get(node, {}).get(name, 0) for name, value in readings.items()}
                for node, readings in (counters or {}).items()
            },
            baseline=before,
            **rest,
        )

    def __len__(self) -> int:
        return len(self.time)

    def frame(self, row: int) -> bytes:
        """Return the bytes of a row as captured, without FCS."""
        start = int(self.offset[row])
        return self.blob[start : start + int(self.length[row])]

    def need(self, capability: str, *, whole: bool = False) -> None:
        """Raise BeyondRecording unless the play had the capability (and, if `whole`, kept every frame)."""
        if capability not in self.capabilities:
            raise BeyondRecording(f"the binding offers no {capability}")
        if whole and self.holds != "all":
            raise BeyondRecording(f"the recording holds {self.holds}, not all frames")

    def parameter(self, name: str) -> Any:  # noqa: ANN401 - integer, number or enumerated word
        """Return the value of a parameter in force during the play; BeyondRecording if none was recorded."""
        try:
            return self.facts.parameters[name].value
        except KeyError:
            raise BeyondRecording(f"no value of {name} was recorded") from None

    @cached_property
    def link_index(self) -> dict[str, int]:
        """Index of each link by its name."""
        return {link.name: index for index, link in enumerate(self.links)}

    @cached_property
    def profile(self) -> "WireProfile":
        """The wire profile that the fabric frames are read with."""
        from spec.wire import load_profile

        return load_profile(self.facts.wire_profile)

    @cached_property
    def fabric_rows(self) -> Rows:
        """Rows seen on links of the fabric."""
        fabric = np.array([link.fabric for link in self.links], bool)
        return np.flatnonzero(fabric[self.link]) if len(self) else np.empty(0, np.int64)

    @cached_property
    def fabric(self) -> "Decoded":
        """All fabric frames decoded, one position for each of `fabric_rows`."""
        from traffic.decode import decode

        self.need("fabric taps")
        return decode(self.profile, self.blob, self.offset, self.length, self.fabric_rows)
