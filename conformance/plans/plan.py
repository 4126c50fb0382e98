"""A plan of what to explore, as frozen data: a testbed, settings, and steps that happen in it.

Hosts, links and nodes are given by number and taken modulo how many there are, so that a plan with a step or
a device less is a plan again. Times are ns from the start of the play, sizes count the FCS.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from spec.errors import InputError
from traffic.scenario import Time

SETTINGS: Final[Mapping[str, tuple[int | str, ...]]] = {
    "overflow_mode": ("close-early", "overflow", "overflow-borrow"),
    "dgsq_mode": ("on-first-frame", "on-congestion"),
    "container_bytes": (16_384, 9_240, 32_768),
    "unsolicited_bytes": (0, 9_240),
    "unknown_unicast": ("drop", "flood"),
    "dgsq_max": (1_024, 16),
    "reorder_bytes": (1_048_576, 65_536),
    "bp_threshold": (65_536,),
    "class_weight_ratio": (1, 4),
}
"""Values that a plan may set, the first of each being the simplest."""

_STRICT: Final = ConfigDict(extra="forbid", strict=True)
Number = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(ge=1)]
OddKind = Literal[
    "shortest",
    "longest",
    "too long",
    "tagged",
    "double tagged",
    "marked",
    "multicast",
    "broadcast",
    "unknown",
    "link local",
    "hairpin",
    "fabric type",
]
StrayKind = Literal[
    "checksum",
    "version",
    "type",
    "short",
    "other node",
    "no hops",
    "old grant",
    "wrong generation",
    "twice",
]
OddPeer = Literal[
    "grants late",
    "grants twice",
    "grants lost",
    "grants swapped",
    "grants of other generations",
    "credit expires",
    "withholds",
    "overruns",
    "out of order",
    "leaves out",
    "repeats",
    "restarts",
    "signals",
    "silent spine",
    "deaf spine",
]


@dataclass(frozen=True, config=_STRICT)
class Bed:
    """A testbed: a whole `fabric` under test, or one `gsp` or `gsf` among emulated devices.

    `slower` divides the rate, and `delays` (ns) sets the delay, of the fabric link of that number.
    """

    kind: Literal["fabric", "gsp", "gsf"] = "fabric"
    gsps: Annotated[int, Field(ge=2, le=8)] = 2
    gsfs: Annotated[int, Field(ge=1, le=6)] = 1
    hosts: Annotated[int, Field(ge=1, le=3)] = 1
    parallel: Annotated[int, Field(ge=1, le=3)] = 1
    slower: tuple[tuple[Number, Some], ...] = ()
    delays: tuple[tuple[Number, Number], ...] = ()


@dataclass(frozen=True, config=_STRICT)
class Flow:
    """Frames of a host to another, back to back or `gap` ns apart, in `bursts` that begin each `period`.

    With `spread` each burst goes to another host, and in another class, than the one before.
    """

    source: Number
    destination: Number
    sizes: Annotated[tuple[Annotated[int, Field(ge=66)], ...], Field(min_length=1)] = (66,)
    count: Some = 1
    start: Time = 0
    gap: Some | None = None
    cls: Annotated[int, Field(ge=0, le=7)] = 0
    kind: Literal["roce", "ethernet"] = "roce"
    bursts: Some = 1
    period: Number = 0
    spread: Number = 0
    step: Literal["flow"] = "flow"


@dataclass(frozen=True, config=_STRICT)
class Oddity:
    """One frame of a host that is out of the ordinary: by its kind, to a host or to what the kind says."""

    kind: OddKind
    source: Number
    destination: Number
    at: Time = 0
    step: Literal["oddity"] = "oddity"


@dataclass(frozen=True, config=_STRICT)
class Harm:
    """Harm to frames on a fabric link for `length` ns: to one in `every`, of these messages or of all."""

    link: Number
    what: Literal["loss", "duplicate", "delay", "reorder", "corrupt"]
    direction: Literal[0, 1]
    at: Time
    length: Some
    value: Some = 1
    every: Some = 1
    messages: tuple[str, ...] = ()
    step: Literal["harm"] = "harm"


@dataclass(frozen=True, config=_STRICT)
class Cut:
    """The carrier of a fabric link goes for `length` ns."""

    link: Number
    at: Time
    length: Some
    step: Literal["cut"] = "cut"


@dataclass(frozen=True, config=_STRICT)
class Halt:
    """A host pauses a class by PFC for `length` ns."""

    host: Number
    cls: Annotated[int, Field(ge=0, le=7)]
    at: Time
    length: Some
    step: Literal["halt"] = "halt"


@dataclass(frozen=True, config=_STRICT)
class Withdrawal:
    """All GSPs under test forget the entry of a host, and get it back after `length` ns."""

    host: Number
    at: Time
    length: Some
    step: Literal["withdrawal"] = "withdrawal"


@dataclass(frozen=True, config=_STRICT)
class Stray:
    """A message that should not be, sent towards a device under test on a fabric link."""

    kind: StrayKind
    link: Number
    at: Time
    step: Literal["stray"] = "stray"


@dataclass(frozen=True, config=_STRICT)
class Misbehaviour:
    """What an emulated peer does otherwise than it should."""

    kind: OddPeer
    at: Time = 0
    length: Some = 200_000
    step: Literal["misbehaviour"] = "misbehaviour"


Step = Annotated[
    Flow | Oddity | Harm | Cut | Halt | Withdrawal | Stray | Misbehaviour, Field(discriminator="step")
]


@dataclass(frozen=True, config=_STRICT)
class Plan:
    """A testbed, the parameters that are set there, and what happens in it; `seed` is that of all chance."""

    bed: Bed = Field(default_factory=Bed)
    settings: dict[str, int | str] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    seed: Number = 0

    def to_data(self) -> dict[str, Any]:
        """Plain JSON data."""
        data: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return data

    @property
    def name(self) -> str:
        """A name that is the same for the same plan, and for no other."""
        text = json.dumps(self.to_data(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


_ADAPTER: Final[TypeAdapter[Plan]] = TypeAdapter(Plan)


def read_plan(text: str | bytes, file: str | Path) -> Plan:
    """Read a plan from JSON; InputError names the file and the key."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole)"
        raise InputError(file, key, first["msg"], "name a file that explore wrote") from error
