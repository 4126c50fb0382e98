"""What a question to the links of a fabric is answered with: queues, messages, containers, deviations."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from spec.layout import MESSAGE_FIELDS, NotInProfile

UNSAID = frozenset({"version", "type", "crc", "reserved", "count"})
"""Fields that say nothing of what a message is about."""


class Queue(NamedTuple):
    """One DGSQ in one generation: source node, and final egress as node, port and class."""

    source: int
    destination: int
    port: int
    cls: int
    generation: int


@dataclass(frozen=True, slots=True)
class Message:
    """A fabric message as seen on a link; its fields read as attributes, `class` as `cls`.

    HELLO has `entries`, a tuple of mappings; DATA has `credit`, the credit bytes of its host frame.
    """

    name: str
    row: int
    time: int
    link: str
    direction: int
    delivered: int
    valid_crc: bool
    fields: Mapping[str, Any]

    @property
    def packet(self) -> int:
        """Number of the packet in the stored recording."""
        return self.row + 1

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - integers, and tuples of mappings
        try:
            return self.fields["class" if name == "cls" else name]
        except KeyError:
            if name in MESSAGE_FIELDS.get(self.name, ()):
                raise NotInProfile("of the play", f"{name} in its {self.name}") from None
            raise AttributeError(f"{self.name} has no field {name}") from None

    def __str__(self) -> str:
        told = {name: value for name, value in self.fields.items() if name not in UNSAID and value != ()}
        words = [f"{name.replace('_', ' ')} {_entries(value)}" for name, value in told.items()]
        spoilt = "" if self.valid_crc else ", with a wrong checksum"
        return f"{self.name} on {self.link} at {self.time:,} ns{spoilt}: {', '.join(words)}"


class Untold(tuple[Any, ...]):  # noqa: SLOT001 - a tuple can have no slots that are not empty
    """Stands for what containers have no field or flag for: whoever looks into it is told so."""

    missing: NotInProfile

    @classmethod
    def because(cls, missing: NotInProfile) -> "Untold":
        """Make one that raises this."""
        made = cls()
        made.missing = missing
        return made

    def __iter__(self) -> Iterator[Any]:
        raise self.missing

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - as of any tuple
        raise self.missing


@dataclass(frozen=True, slots=True)
class Container:
    """The frames of one container seen on some links in one direction; tuples have one item a frame.

    `sizes` are credit bytes, `lasts` tells which frames carry the LAST flag. `announced` is the number of its
    frames as the next container states it, None if that was not seen.
    """

    source: int
    destination: int
    port: int
    cls: int
    generation: int
    sequence: int
    rows: tuple[int, ...]
    times: tuple[int, ...]
    links: frozenset[str]
    indices: tuple[int, ...]
    fills: tuple[int, ...]
    sizes: tuple[int, ...]
    previous_frames: tuple[int, ...]
    ungoverned: tuple[bool, ...]
    lasts: tuple[bool, ...]
    announced: int | None

    @property
    def queue(self) -> Queue:
        """The DGSQ and generation that it belongs to."""
        return Queue(self.source, self.destination, self.port, self.cls, self.generation)

    @property
    def uplinks(self) -> frozenset[str]:
        """The links it took, under the name that fits upwards."""
        return self.links

    @property
    def packets(self) -> tuple[int, ...]:
        """Numbers of its packets in the stored recording."""
        return tuple(row + 1 for row in self.rows)

    @property
    def last(self) -> bool:
        """Whether its last frame carries the LAST flag."""
        return self.lasts[-1]

    @property
    def frames(self) -> int:
        """Number of frames seen."""
        return len(self.rows)

    @property
    def bytes(self) -> int:
        """Credit bytes of the frames seen."""
        return sum(self.sizes)

    @property
    def whole(self) -> bool:
        """Whether indices run from 0 without gap in order of time, up to the announced number if known."""
        known = self.announced is None or self.announced == self.frames
        return known and self.indices == tuple(range(self.frames))

    def __str__(self) -> str:
        span = f"{self.times[0]:,} to {self.times[-1]:,} ns" if self.frames > 1 else f"{self.times[0]:,} ns"
        frames = f"{self.frames} frame{'' if self.frames == 1 else 's'}, {self.bytes:,} octets"
        return (
            f"container {self.sequence} of generation {self.generation} from node {self.source} to "
            f"node {self.destination} port {self.port} class {self.cls}: {frames} on "
            f"{', '.join(sorted(self.links))}, {span}"
        )


@dataclass(frozen=True, slots=True)
class Deviation:
    """The largest gap between weighted tallies of links in credit bytes, and where it stood."""

    bytes: float
    row: int
    time: int


@dataclass(frozen=True, slots=True)
class Improper:
    """A frame of a device that the wire profile does not allow, and what is wrong with it."""

    row: int
    wrong: str

    def __str__(self) -> str:
        return f"{self.wrong}, packet {self.row + 1}"


def _entries(value: int | Iterable[Mapping[str, int]]) -> str:
    """Write the value of a field, entry by entry where it has several."""
    if isinstance(value, int):
        return str(value)
    return "; ".join(" ".join(f"{name} {item}" for name, item in entry.items()) for entry in value)
