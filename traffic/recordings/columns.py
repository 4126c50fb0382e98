"""The plain data of a recording: frames in numpy columns, and the facts that a judge needs beside them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass as plain
from dataclasses import field
from functools import cached_property
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, JsonValue
from pydantic.dataclasses import dataclass

from spec.errors import InputError
from spec.wire import WireProfile, load_profile
from traffic.recordings.decode import Decoded, Rows, Table, decode
from traffic.recordings.rows import numbered
from traffic.scenario import DOWN, UP, HostAddress, on_wire

Holds = Literal["all", "window", "counters"]
Tap = tuple[int, int, int, bytes, int]
"""Time in ns, index of the link, direction, octets of the frame, copies that reached the far end."""

_STRICT: Final = ConfigDict(extra="forbid", strict=True)


class BeyondRecording(Exception):  # noqa: N818 - it is the fact, not an error of the program
    """A question that the recording cannot answer, because the binding could not see that much."""


@dataclass(frozen=True, config=_STRICT)
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


@dataclass(frozen=True, config=_STRICT)
class Node:
    """A device: its node id, its role, what was declared of it, and its status in this play."""

    id: int
    role: str
    status: Literal["under test", "reference", "emulated"] = "reference"
    ics: Mapping[str, bool | int | str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, config=_STRICT)
class ParameterValue:
    """A value in force during the play, with its unit and origin (`declared by the vendor`, ...)."""

    value: int | float | str
    unit: str = ""
    origin: str = "suite default"


@dataclass(frozen=True, config=_STRICT)
class Facts:
    """What has to be known to judge the frames: nodes and hosts by name, parameters, the wire profile."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    hosts: Mapping[str, HostAddress] = field(default_factory=dict)
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    wire_profile: str = ""
    wire_digest: str = ""


@dataclass(frozen=True, config=_STRICT)
class Event:
    """Something a device reported, at its time in ns."""

    time: int
    node: str
    name: str
    details: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, config=_STRICT)
class Trouble:
    """What befell a play: the bench, for which no device can be blamed, or a device, which `node` names then.

    `breaks` is `bench` where it broke, `measurement` where it went on and measured too badly to judge by,
    `limit` where it is known that it cannot measure this, `gone` where it broke for good, `device` where a
    device stopped working.
    """

    breaks: Literal["bench", "measurement", "limit", "gone", "device"]
    words: str
    node: str = ""


@dataclass(frozen=True, config=_STRICT)
class Flow:
    """What became of the frames of a stream: `lost` ones never came, `duplicated` ones came again.

    `reordered` is None where the tester counted frames and could not read their order.
    """

    stream: int
    sent: int
    lost: int = 0
    duplicated: int = 0
    reordered: int | None = None


@plain(frozen=True, eq=False, repr=False, kw_only=True)
class Columns:
    """Frames as columns, one row a frame in order of `time` (ns, last bit leaves the sender), and the facts.

    `link` indexes `links`, `delivered` counts the copies that reached the far end (0: lost on the link),
    `offset` and `length` point into `blob`. `counters` are differences against `baseline`. `counted` are the
    streams of which the tester kept no frames. `cut` names the limit at which a play was broken off that did
    not end by itself: what it shows may be true, what it lacks may have been on its way. `read` is the time
    (ns) before the first reading of the devices after the play, and after the last one. `tardy` is how long
    (ns), at worst, after its time in the scenario an order to a device or link was known to be obeyed. `play`
    counts the plays of a case from 1.
    """

    links: tuple[Link, ...]
    time: NDArray[np.int64]
    link: NDArray[np.int32]
    direction: NDArray[np.int8]
    delivered: NDArray[np.int32]
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
    counted: tuple[Flow, ...] = ()
    capture_losses: int = 0
    trouble: Trouble | None = None
    cut: str = ""
    read: tuple[int, int] = (0, 0)
    tardy: int = 0
    scenario: str = ""
    seed: int = 0
    play: int = 1

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

        A tap that is no wire, such as a virtual link, shows short frames without padding; here they have it.
        `counters` are the readings after the play; what is kept is their difference against `baseline`.
        """
        ordered = sorted(taps, key=lambda tap: tap[0])
        frames = [on_wire(tap[3]) for tap in ordered]
        length = np.fromiter(map(len, frames), np.int32, len(frames))
        offset = np.cumsum(length, dtype=np.int64) - length
        before = baseline or {}
        return cls(
            links=tuple(links),
            time=np.array([tap[0] for tap in ordered], np.int64),
            link=np.array([tap[1] for tap in ordered], np.int32),
            direction=np.array([tap[2] for tap in ordered], np.int8),
            delivered=np.array([tap[4] for tap in ordered], np.int32),
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

    def numbered(self, rows: Rows) -> list[int]:
        """List rows as what they are: rows of this play."""
        return numbered(rows, self.play)

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
    def profile(self) -> WireProfile:
        """The wire profile of the play; InputError if it is another one by now, BeyondRecording without."""
        if not self.facts.wire_profile:
            raise BeyondRecording("no wire profile was recorded")
        profile = load_profile(self.facts.wire_profile)
        if self.facts.wire_digest not in {"", profile.digest}:
            fault = "is not the one that the play was recorded with"
            raise InputError(self.facts.wire_profile, "digest", fault, "restore that profile or play again")
        return profile

    @cached_property
    def fabric_rows(self) -> Rows:
        """Rows seen on links of the fabric."""
        fabric = np.array([link.fabric for link in self.links], bool)
        return np.flatnonzero(fabric[self.link]) if len(self) else np.empty(0, np.int64)

    @cached_property
    def decoded(self) -> Decoded:
        """All fabric frames decoded, one position for each of `fabric_rows`."""
        return decode(self.profile, self.blob, self.offset, self.length, self.fabric_rows)

    @property
    def tables(self) -> Decoded:
        """All fabric frames decoded, as an answer to who may see them."""
        self.need("fabric taps")
        if self.holds == "counters":
            raise BeyondRecording("the recording holds counters, no frames")
        return self.decoded

    @cached_property
    def arrival(self) -> NDArray[np.int64]:
        """Time in ns at which the last bit of each row reaches the far end of an unimpaired link."""
        return self.time + np.array([link.delay_ns for link in self.links] or [0], np.int64)[self.link]

    def node_id(self, node: str | int) -> int:
        """Return the id of a node given by name or id."""
        return node if isinstance(node, int) else self.facts.nodes[node].id

    def on_links(self, at: str | Iterable[str] | None) -> NDArray[np.bool_]:
        """Tell for each link whether it is one of these (None: all); KeyError names the one there is not."""
        if at is None:
            return np.ones(len(self.links), bool)
        wanted = {at} if isinstance(at, str) else set(at)
        names = [link.name for link in self.links]
        if unknown := wanted.difference(names):
            raise KeyError(f"no link {min(unknown)} among {', '.join(names)}")
        return np.array([name in wanted for name in names], bool)

    def leaving(self, table: Table) -> NDArray[np.bool_]:
        """Tell which messages were seen where they leave their source node.

        That is upwards on a link of that node; one that emulated spines stand for has none, and theirs count.
        """
        return self._at_node(table, "source", UP)

    def reaching(self, table: Table) -> NDArray[np.bool_]:
        """Tell which messages were seen where they reach their destination node, lost on that link or not."""
        return self._at_node(table, "destination", DOWN)

    def _at_node(self, table: Table, end: str, direction: int) -> NDArray[np.bool_]:
        lower = np.array([self._link_node(link) for link in self.links] or [-1], np.int64)
        node = table[end].astype(np.int64)
        seen = self.direction[table.rows]
        own = (lower[self.link[table.rows]] == node) & (seen == direction)
        there: NDArray[np.bool_] = own | (~np.isin(node, lower) & (seen != direction))
        return there

    def _link_node(self, link: Link) -> int:
        return self.facts.nodes[link.lower].id if link.fabric and link.lower in self.facts.nodes else -1


class View:
    """Questions to a recording; what its source did not see raises BeyondRecording."""

    def __init__(self, data: Columns) -> None:
        self.data = data
