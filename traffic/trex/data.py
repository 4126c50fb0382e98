"""What a TRex server is told and tells, as plain data.

Ports are numbers, times ns, frames octets without FCS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from traffic.frames.host import VLAN

SHORTEST: Final = 14
LONGEST: Final = 9238


@dataclass(frozen=True)
class Access:
    """How a server is reached, under which name, and how long, in s, each answer may take."""

    host: str
    rpc_port: int
    async_port: int
    user: str
    timeout: float


@dataclass(frozen=True)
class Port:
    """A port of the server; `owner` is empty while nobody has it."""

    number: int
    mac: bytes
    speed_mbps: int
    up: bool
    owner: str
    driver: str
    description: str


@dataclass(frozen=True)
class Captured:
    """A frame that a port sent or received; `time` is ns after the capture began, on the server's clock."""

    time: int
    port: int
    sent: bool
    frame: bytes


@dataclass(frozen=True)
class Capture:
    """A capture that runs on the server; `start` is ns on the server's clock."""

    number: int
    start: int


@dataclass(frozen=True)
class Caught:
    """What a capture caught since it was last fetched, and how many matching frames it had no room for."""

    frames: tuple[Captured, ...]
    lost: int


@dataclass(frozen=True)
class Counting:
    """A big-endian number of 1, 2, 4 or 8 octets at an offset that counts up by one a frame from `first`."""

    offset: int
    size: int = 4
    first: int = 0


@dataclass(frozen=True)
class Load:
    """Frames of one stream: `count` of them (None: until stopped) at `pps`, from `start` ns on.

    `follower` names the load that begins when this one ends. `group` counts the stream, and with `latency`
    also its sequence errors and times, for which the last 16 octets of each frame are overwritten.
    """

    name: str
    frame: bytes
    pps: float
    count: int | None = None
    start: int = 0
    follower: str | None = None
    counting: tuple[Counting, ...] = ()
    group: int | None = None
    latency: bool = False

    def __post_init__(self) -> None:
        check_size(self.frame)
        if self.count is None and self.follower is not None:
            raise ValueError(f"load {self.name} never ends, so {self.follower} cannot follow it")
        if self.latency and self.group is None:
            raise ValueError(f"load {self.name} measures latency without a group")
        if self.group is not None and not self.latency and self.frame[12:14] != b"\x08\x00":
            at = 16 if self.frame[12:14] == VLAN else 12
            if self.frame[at : at + 2] != b"\x08\x00":
                raise ValueError(f"load {self.name} is no IPv4: its group can only count with latency=True")


@dataclass(frozen=True)
class PortCounters:
    """What a port counted since it was acquired; octets include the FCS."""

    sent: int
    received: int
    sent_octets: int
    received_octets: int
    send_errors: int
    receive_errors: int


@dataclass(frozen=True)
class GroupCounters:
    """What was counted of a group: frames by port, and of a latency group its sequence errors and times.

    `lost`, `reordered` and `duplicated` are the server's own reading of the sequence numbers.
    """

    sent: Mapping[int, int]
    received: Mapping[int, int]
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    too_high: int = 0
    too_low: int = 0
    average_us: float = 0.0
    longest_us: float = 0.0
    shortest_us: float = 0.0
    jitter_us: float = 0.0


def check_size(frame: bytes) -> None:
    """ValueError for a frame that TRex does not send."""
    if not SHORTEST <= len(frame) <= LONGEST:
        raise ValueError(f"TRex sends frames of {SHORTEST} to {LONGEST} octets, not of {len(frame)}")
