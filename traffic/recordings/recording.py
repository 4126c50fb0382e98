"""What came of a play as plain data: frames, counters, events, facts; and the questions a judge asks it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from traffic.recordings.columns import (
    BeyondRecording,
    Columns,
    Event,
    Facts,
    Flow,
    Holds,
    Link,
    Node,
    ParameterValue,
    Tap,
    Trouble,
)
from traffic.recordings.credit import Account, CreditView, Egress, Peak
from traffic.recordings.decode import Fault
from traffic.recordings.devices import DeviceView
from traffic.recordings.dissect import describe
from traffic.recordings.fabric import FabricView
from traffic.recordings.hosts import HostFrame, HostView
from traffic.recordings.measured import Measured, jain
from traffic.recordings.ordering import Reordering
from traffic.recordings.seen import Container, Deviation, Improper, Message, Queue
from traffic.scenario import DOWN, UP, HostAddress

__all__ = [
    "DOWN",
    "UP",
    "Account",
    "BeyondRecording",
    "Columns",
    "Container",
    "Deviation",
    "Egress",
    "Event",
    "Facts",
    "Fault",
    "Flow",
    "Holds",
    "HostAddress",
    "HostFrame",
    "Improper",
    "Link",
    "Measured",
    "Message",
    "Node",
    "ParameterValue",
    "Peak",
    "Queue",
    "Recording",
    "Reordering",
    "Tap",
    "Trouble",
    "jain",
]


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """The result of a play: its data as columns, and four views that answer questions to them.

    Row r is packet r + 1 of the stored pcapng; all times are integer ns.
    """

    columns: Columns

    @classmethod
    def of_taps(cls, links: Sequence[Link], taps: Iterable[Tap], **rest: Any) -> Self:  # noqa: ANN401 - of Columns
        """Build from taps, as `Columns.of_taps`."""
        return cls(Columns.of_taps(links, taps, **rest))

    @cached_property
    def fabric(self) -> FabricView:
        """What the links of the fabric show: messages, containers, the spread over uplinks."""
        return FabricView(self.columns)

    @cached_property
    def hosts(self) -> HostView:
        """What became of the frames of hosts."""
        return HostView(self.columns)

    @cached_property
    def credit(self) -> CreditView:
        """What sources asked for, were granted and used."""
        return CreditView(self.columns, self.hosts)

    @cached_property
    def devices(self) -> DeviceView:
        """What the devices report: counters, drops, events, state."""
        return DeviceView(self.columns)

    @property
    def links(self) -> tuple[Link, ...]:
        """Links whose frames were seen."""
        return self.columns.links

    @property
    def facts(self) -> Facts:
        """What has to be known to judge the frames."""
        return self.columns.facts

    @property
    def holds(self) -> Holds:
        """How much of the play was kept."""
        return self.columns.holds

    @property
    def capabilities(self) -> frozenset[str]:
        """What the binding could see and do."""
        return self.columns.capabilities

    @property
    def time(self) -> NDArray[np.int64]:
        """Time in ns of each row, at which the last bit left its sender."""
        return self.columns.time

    @property
    def arrival(self) -> NDArray[np.int64]:
        """Time in ns at which the last bit of each row reached the far end of its link."""
        return self.columns.arrival

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        return f"<Recording of {len(self)} frames on {len(self.links)} links, holds {self.holds}>"

    def frame(self, row: int) -> bytes:
        """Return the bytes of a row as captured, without FCS."""
        return self.columns.frame(row)

    def need(self, capability: str, *, whole: bool = False) -> None:
        """Raise BeyondRecording unless the play had the capability (and, if `whole`, kept every frame)."""
        self.columns.need(capability, whole=whole)

    def parameter(self, name: str) -> Any:  # noqa: ANN401 - integer, number or enumerated word
        """Return the value of a parameter in force during the play; BeyondRecording if none was recorded."""
        return self.columns.parameter(name)

    def but(self, **values: Any) -> Self:  # noqa: ANN401 - fields of Columns
        """Return the recording with other values of its data."""
        return type(self)(replace(self.columns, **values))

    def dissect(self, rows: Iterable[int]) -> list[str]:
        """Describe rows, one line each, as a finding prints them."""
        return [describe(self.fabric, row) for row in rows]
