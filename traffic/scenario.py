"""What is played into a testbed, as frozen data: streams, timed frames, impairments, events, emulated peers.

All times are integer nanoseconds from the start of the play (inside `Trigger.then`, from the moment it
fires), all sizes bytes, all rates Mbit/s. A frame *size* counts the FCS (RFC 2544), its octets do not.
"""

import hashlib
import json
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from spec.errors import InputError

UP: Final = 0
"""Away from the hosts: host to GSP, GSP to GSF."""
DOWN: Final = 1
"""Towards the hosts."""

Direction = Literal[0, 1]
_STRICT: Final = ConfigDict(extra="forbid", strict=True, ser_json_bytes="hex", val_json_bytes="hex")

Time = Annotated[int, Field(ge=0)]
Node = Annotated[int, Field(ge=0, le=0xFFFF)]
TrafficClass = Annotated[int, Field(ge=0, le=7)]

SHORTEST: Final = 64
FCS: Final = 4
HEADER: Final = 14
SHORTEST_TAGGED_ROCE: Final = 66


def on_wire(frame: bytes) -> bytes:
    """Return the octets (without FCS) that a frame has on the wire: padded with zeros to 60, as a MAC does.

    What has no whole header is no frame, and stays as it is.
    """
    return frame.ljust(SHORTEST - FCS, b"\0") if len(frame) >= HEADER else frame


@dataclass(frozen=True, config=_STRICT)
class HostAddress:
    """A host of the testbed: its addresses, and the node and port of the GSP it sits on."""

    name: str
    mac: Annotated[bytes, Field(min_length=6, max_length=6)]
    ip: Annotated[bytes, Field(min_length=4, max_length=4)]
    node: Node
    port: Annotated[int, Field(ge=0, le=255)]


@dataclass(frozen=True, config=_STRICT)
class TimedFrame:
    """One frame (octets without FCS) that leaves the tester on a link at a time, as it is on the wire.

    What is shorter than 60 octets is padded with zeros, as every MAC does (IEEE 802.3, 4.2.3.3).
    On a fabric link zero MAC addresses are replaced by the neighbour's and the port's own when it is sent.
    What is `governed`, DATA of an emulated GSP, is asked for by that and leaves once it was granted; all that
    is scripted behind it leaves as much later.
    """

    at: Time
    port: str
    frame: Annotated[bytes, Field(min_length=14)]
    governed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", on_wire(self.frame))


@dataclass(frozen=True, config=_STRICT)
class Stream:
    """Frames of one host to one destination (a host name, or a MAC address as `aa:bb:cc:dd:ee:ff`).

    `sizes` repeat cyclically; `gap` is the time between frame starts, None is back to back at line rate.
    A class other than 0 adds an 802.1Q tag with that PCP. Frames are unique by (`id`, running number), which
    starts at `first`; the PSN of a RoCEv2 stream is its last 24 bits.
    """

    id: Annotated[int, Field(ge=1, lt=1 << 24)]
    source: str
    destination: str
    sizes: Annotated[tuple[Annotated[int, Field(ge=SHORTEST)], ...], Field(min_length=1)]
    count: Annotated[int, Field(ge=1, le=1 << 24)]
    start: Time = 0
    gap: Annotated[int, Field(ge=1)] | None = None
    cls: TrafficClass = 0
    kind: Literal["roce", "ethernet"] = "roce"
    first: Annotated[int, Field(ge=0, lt=1 << 24)] = 0

    def __post_init__(self) -> None:
        if self.kind == "roce" and self.cls and min(self.sizes) < SHORTEST_TAGGED_ROCE:
            raise ValueError(f"a tagged RoCEv2 frame has at least {SHORTEST_TAGGED_ROCE} bytes")


@dataclass(frozen=True, config=_STRICT)
class Impairment:
    """Harm done to frames on a link between `start` and `stop` (None: to the end), in one direction or both.

    `messages` (fabric message names, or HOST) narrows what is hit, then `ordinals` (from 1, among those),
    `every` nth of them, or each with `probability`. `value`: extra ns for delay, the most extra ns for
    reorder, extra copies for duplicate, flipped bits for corrupt, Mbit/s for rate; else unused.
    `voids` names the clauses whose invariants do not hold meanwhile.
    """

    link: str
    kind: Literal["loss", "duplicate", "delay", "reorder", "corrupt", "rate", "blackout"]
    direction: Direction | None = None
    start: Time = 0
    stop: Time | None = None
    value: Annotated[int, Field(ge=0)] = 1
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    messages: tuple[str, ...] = ()
    every: Annotated[int, Field(ge=1)] | None = None
    ordinals: tuple[Annotated[int, Field(ge=1)], ...] = ()
    voids: tuple[str, ...] = ()


@dataclass(frozen=True, config=_STRICT)
class LinkEvent:
    """Carrier of a link lost or restored."""

    at: Time
    link: str
    up: bool


@dataclass(frozen=True, config=_STRICT)
class ManagementEvent:
    """An action on a device by name: `table_set`, `table_withdraw`, `setting`.

    A setting that the device refuses shows as its event `setting_refused`.
    """

    at: Time
    node: str
    action: str
    arguments: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, config=_STRICT)
class Pause:
    """A host pauses classes for a duration by PFC (IEEE 802.1Qbb), refreshed as long as needed."""

    at: Time
    host: str
    classes: Annotated[tuple[TrafficClass, ...], Field(min_length=1)]
    duration: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=_STRICT)
class Window:
    """A span of time; `stop` None is open."""

    start: Time = 0
    stop: Time | None = None

    def holds(self, time: int) -> bool:
        """Whether the time lies in it."""
        return self.start <= time and (self.stop is None or time < self.stop)


@dataclass(frozen=True, config=_STRICT)
class Reach:
    """A node that an emulated GSF announces, with its rate, during a window."""

    node: Node
    rate_mbps: int
    during: Window = field(default_factory=Window)


@dataclass(frozen=True, config=_STRICT)
class Treatment:
    """What an emulated GSF does with some of the traffic it forwards.

    `unit` says what `ordinals` (from 1) and `every` count: containers in order of first appearance, or frames
    of the `messages` (empty: DATA). With neither, all are hit. A delay holds back only what is hit.
    """

    direction: Direction
    unit: Literal["container", "frame"] = "container"
    messages: tuple[str, ...] = ()
    ordinals: tuple[Annotated[int, Field(ge=1)], ...] = ()
    every: Annotated[int, Field(ge=1)] | None = None
    delay: Time = 0
    lose: bool = False
    copies: Annotated[int, Field(ge=1)] = 1
    during: Window = field(default_factory=Window)


@dataclass(frozen=True, config=_STRICT)
class Signal:
    """BACKPRESSURE from an emulated peer: data for node `about` is to slow down by `level`/255.

    Sent to the nodes `to` at `start`, again every `repeat` until `stop`; with `releases`, level 0 goes then.
    """

    about: Node
    to: Annotated[tuple[Node, ...], Field(min_length=1)]
    level: Annotated[int, Field(ge=0, le=255)] = 255
    validity: Annotated[int, Field(ge=0)] = 100_000
    start: Time = 0
    stop: Time | None = None
    repeat: Annotated[int, Field(ge=1)] | None = None
    releases: bool = True


@dataclass(frozen=True, config=_STRICT)
class GsfPeer:
    """An emulated GSF at the far end of one link of a GSP under test.

    It says HELLO every `hello_interval` except in the windows `silent`, hears nobody in `unheard`, and
    forwards between that link and the emulated GSPs after `delay` each way.
    """

    node: Node
    link: str
    reaches: tuple[Reach, ...] = ()
    rate_mbps: int = 8000
    hello_interval: Annotated[int, Field(ge=1)] = 100_000
    silent: tuple[Window, ...] = ()
    unheard: tuple[Window, ...] = ()
    forwards: bool = True
    delay: Time = 500
    treatments: tuple[Treatment, ...] = ()
    signals: tuple[Signal, ...] = ()
    voids: tuple[str, ...] = ()
    peer: Literal["GSF"] = "GSF"


@dataclass(frozen=True, config=_STRICT)
class GrantPolicy:
    """How an emulated egress answers requests; everything at its default is well behaved.

    `mode`: `window` shares at most `window` bytes of unused credit among the sources (None: 8 us at the port
    rate, at least two longest frames), `at-once` grants the whole demand, `withhold` nothing. `extra` adds to
    (or takes from) each cumulative grant, `ceiling` bounds it, `during` bounds the time. Each GRANT goes
    `copies` times after `delay`; every nth `lose_every` is lost, every nth `swap_every` leaves after its
    successor. `generations` says in turn which generation each carries: the right one, the one before it or
    after it, or 0. `expire_after` writes unused credit off that long after it was last raised.
    """

    mode: Literal["window", "at-once", "withhold"] = "window"
    window: Annotated[int, Field(ge=1)] | None = None
    extra: int = 0
    ceiling: Annotated[int, Field(ge=0)] | None = None
    during: Window = field(default_factory=Window)
    copies: Annotated[int, Field(ge=1)] = 1
    delay: Time = 0
    lose_every: Annotated[int, Field(ge=1)] | None = None
    swap_every: Annotated[int, Field(ge=2)] | None = None
    generations: Annotated[tuple[Literal["right", "before", "after", "zero"], ...], Field(min_length=1)] = (
        "right",
    )
    validity: Annotated[int, Field(ge=0)] = 200_000
    expire_after: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True, config=_STRICT)
class Demand:
    """Demand that an emulated source claims towards (node, port, class) without having a frame to send."""

    at: Time
    node: Node
    port: Annotated[int, Field(ge=0, le=255)]
    bytes: Annotated[int, Field(ge=1)]
    cls: TrafficClass = 0


@dataclass(frozen=True, config=_STRICT)
class ContainerOrder:
    """How an emulated source sends its finished containers, counted from 0 in each queue.

    Blocks of `len(order)` leave in that order; those in `missing` never leave, those in `twice` leave two
    times, at those in `restarts` a new queue generation begins.
    """

    order: tuple[Annotated[int, Field(ge=0)], ...] = ()
    missing: tuple[Annotated[int, Field(ge=0)], ...] = ()
    twice: tuple[Annotated[int, Field(ge=0)], ...] = ()
    restarts: tuple[Annotated[int, Field(ge=1)], ...] = ()

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.order))):
            raise ValueError(f"{list(self.order)} is no permutation of 0 to {len(self.order) - 1}")


@dataclass(frozen=True, config=_STRICT)
class GspPeer:
    """An emulated GSP: egress for what is sent to its `hosts` (in port order), source for what they send.

    It owns the fabric `links` named, or sits behind the emulated GSFs if there are none. As a source it
    requests, obeys grants and sprays containers; `overrun` bytes go beyond each grant, `ungoverned` data
    needs none, `silent` requests and never sends, `backs_off` honours BACKPRESSURE. In the windows `mute`
    nothing but HELLO leaves it, as if it were gone.
    """

    node: Node
    hosts: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    rate_mbps: int = 8000
    hello_interval: Annotated[int, Field(ge=1)] = 100_000
    silent_hello: tuple[Window, ...] = ()
    unheard: tuple[Window, ...] = ()
    grants: GrantPolicy = field(default_factory=GrantPolicy)
    container_bytes: Annotated[int, Field(ge=1)] = 16_384
    flush_time: Annotated[int, Field(ge=1)] = 20_000
    request_refresh: Annotated[int, Field(ge=1)] = 50_000
    age_out: Annotated[int, Field(ge=1)] = 1_000_000
    unsolicited_bytes: Annotated[int, Field(ge=0)] = 0
    demands: tuple[Demand, ...] = ()
    overrun: Annotated[int, Field(ge=0)] = 0
    silent: bool = False
    mute: tuple[Window, ...] = ()
    ungoverned: bool = False
    backs_off: bool = True
    containers: ContainerOrder = field(default_factory=ContainerOrder)
    signals: tuple[Signal, ...] = ()
    voids: tuple[str, ...] = ()
    peer: Literal["GSP"] = "GSP"


Peer = Annotated[GsfPeer | GspPeer, Field(discriminator="peer")]


@dataclass(frozen=True, config=_STRICT)
class Trigger:
    """Plays `then` when the tester has received `count` matching frames, or `after` ns later.

    `message` is a fabric message name, or HOST for a frame without fabric header; `port` a tester port (None:
    any); `fields` are values its header must have. How often a device sends a control message is its own
    affair, so that a span of time is asked for by `after`, and not by the `count` of what is repeated.
    """

    message: str
    then: "Scenario"
    port: str | None = None
    count: Annotated[int, Field(ge=1)] = 1
    fields: dict[str, int] = field(default_factory=dict)
    after: Time = 0


@dataclass(frozen=True, config=_STRICT)
class Scenario:
    """Everything that is played in one go; `limit` and `settle` (ns) override the suite's when given.

    `voids` names clauses whose invariants the scenario itself breaks, as impairments and peers may, too.
    `counted` asks no more than how many frames of each stream arrived, and in what order: a tester that
    counts by itself keeps none of them, and so plays them at any rate.
    """

    streams: tuple[Stream, ...] = ()
    frames: tuple[TimedFrame, ...] = ()
    impairments: tuple[Impairment, ...] = ()
    links: tuple[LinkEvent, ...] = ()
    management: tuple[ManagementEvent, ...] = ()
    pauses: tuple[Pause, ...] = ()
    peers: tuple[Peer, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    limit: Annotated[int, Field(ge=1)] | None = None
    settle: Annotated[int, Field(ge=1)] | None = None
    voids: tuple[str, ...] = ()
    counted: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        ids = self.stream_ids()
        if len(ids) != len(set(ids)):
            raise ValueError(f"stream ids occur twice: {sorted({i for i in ids if ids.count(i) > 1})}")

    def stream_ids(self) -> list[int]:
        """Ids of all streams, those that triggers start included."""
        return [s.id for s in self.streams] + [i for t in self.triggers for i in t.then.stream_ids()]

    def renumbered(self, above: int) -> Self:
        """Raise every stream id by `above`."""
        return replace(
            self,
            streams=tuple(replace(s, id=s.id + above) for s in self.streams),
            triggers=tuple(replace(t, then=t.then.renumbered(above)) for t in self.triggers),
        )

    def __add__(self, other: "Scenario") -> "Scenario":
        """Both at once: clashing stream ids of `other` move up, its peers replace those of equal key."""
        mine = self.stream_ids()
        if set(mine) & set(other.stream_ids()):
            other = other.renumbered(max(mine))
        peers = {peer_key(p): p for p in self.peers} | {peer_key(p): p for p in other.peers}
        return Scenario(
            streams=self.streams + other.streams,
            frames=self.frames + other.frames,
            impairments=self.impairments + other.impairments,
            links=self.links + other.links,
            management=self.management + other.management,
            pauses=self.pauses + other.pauses,
            peers=tuple(peers.values()),
            triggers=self.triggers + other.triggers,
            limit=max((v for v in (self.limit, other.limit) if v is not None), default=None),
            settle=max((v for v in (self.settle, other.settle) if v is not None), default=None),
            voids=tuple(dict.fromkeys(self.voids + other.voids)),
            counted=self.counted or other.counted,
            name=" + ".join(n for n in (self.name, other.name) if n),
        )

    def delayed(self, by: int) -> Self:
        """Move streams, frames, pauses, link and management events `by` ns later."""
        return replace(
            self,
            streams=tuple(replace(s, start=s.start + by) for s in self.streams),
            frames=tuple(replace(f, at=f.at + by) for f in self.frames),
            pauses=tuple(replace(p, at=p.at + by) for p in self.pauses),
            links=tuple(replace(e, at=e.at + by) for e in self.links),
            management=tuple(replace(e, at=e.at + by) for e in self.management),
        )

    def voided(self) -> frozenset[str]:
        """Ids of the clauses whose invariants the scenario, its impairments or its peers void."""
        own = {*self.voids, *(v for part in (*self.impairments, *self.peers) for v in part.voids)}
        return frozenset(own).union(*(t.then.voided() for t in self.triggers))

    def to_data(self) -> dict[str, Any]:
        """Plain JSON data; octets as hexadecimal."""
        data: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return data

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no blanks."""
        return json.dumps(self.to_data(), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @staticmethod
    def from_json(text: str | bytes, file: str | Path = "scenario") -> "Scenario":
        """Read what `to_json` wrote; anything else is an InputError that names `file` and the key."""
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "(whole)"
            mend = "write the scenario again with Scenario.to_json"
            raise InputError(file, key, first["msg"], mend) from error


def out_of_reach(error: ValidationError) -> str | None:
    """Say what part of a scenario cannot be made because a value is out of range; None for any other fault.

    That is how a count or a time ends that a case computed from parameters which leave no room for it.
    """
    faults = error.errors()
    if error.title not in _PARTS or not all(fault["type"] in _OUT_OF_RANGE for fault in faults):
        return None
    words = (f"{'.'.join(map(str, fault['loc']))} is {fault['input']!r}: {fault['msg']}" for fault in faults)
    return f"{error.title}: {'; '.join(words)}"


def peer_key(peer: GsfPeer | GspPeer) -> tuple[str, int, str]:
    """Identity of an emulated peer: its kind and node, and for a GSF also its link."""
    return (peer.peer, peer.node, peer.link if isinstance(peer, GsfPeer) else "")


_OUT_OF_RANGE: Final = frozenset(
    {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "too_short"}
)
_PARTS: Final = frozenset(
    part.__name__
    for part in (
        *(
            TimedFrame,
            Stream,
            Impairment,
            LinkEvent,
            ManagementEvent,
            Pause,
            Window,
            Reach,
            Treatment,
            Signal,
        ),
        *(GsfPeer, GrantPolicy, Demand, ContainerOrder, GspPeer, Trigger, Scenario),
    )
)
_ADAPTER: Final[TypeAdapter[Scenario]] = TypeAdapter(Scenario)
