"""What came of a play as plain data: frames, counters, events, facts; and the questions a judge asks it."""

from dataclasses import dataclass

from traffic.columns import BeyondRecording, Event, Facts, Holds, Link, Node, ParameterValue, Tap
from traffic.delivery import HostViews
from traffic.scenario import DOWN, UP, HostAddress
from traffic.views import FabricViews

__all__ = [
    "DOWN",
    "UP",
    "BeyondRecording",
    "Event",
    "Facts",
    "Holds",
    "HostAddress",
    "Link",
    "Node",
    "ParameterValue",
    "Recording",
    "Tap",
]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Recording(FabricViews, HostViews):
    """The result of a play. Row r is packet r + 1 of the stored pcapng; all times are integer ns."""
