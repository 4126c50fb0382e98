"""What came of a play: frames, counters, events and facts as plain data, and the judge's questions to them."""

from dataclasses import dataclass

from traffic.columns import (
    DOWN,
    UP,
    Address,
    BeyondRecording,
    Columns,
    Direction,
    Event,
    Facts,
    Holds,
    Link,
    Node,
    ParameterValue,
    Tap,
)

__all__ = [
    "DOWN",
    "UP",
    "Address",
    "BeyondRecording",
    "Direction",
    "Event",
    "Facts",
    "Holds",
    "Link",
    "Node",
    "ParameterValue",
    "Recording",
    "Tap",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class Recording(Columns):
    """The result of a play. Row r is packet r + 1 of the stored pcapng; all times are integer ns."""
