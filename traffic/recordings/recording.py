"""What came of a play as plain data: frames, counters, events, facts; and the questions a judge asks it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from traffic.recordings.columns import (
    BeyondRecording,
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
from traffic.recordings.credit import Account, CreditViews, Egress, Peak
from traffic.recordings.decode import Fault
from traffic.recordings.delivery import HostFrame
from traffic.recordings.dissect import describe
from traffic.recordings.measured import Measured, jain
from traffic.recordings.ordering import Reordering
from traffic.recordings.seen import Container, Deviation, Improper, Message, Queue
from traffic.scenario import DOWN, UP, HostAddress

__all__ = [
    "DOWN",
    "UP",
    "Account",
    "BeyondRecording",
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


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Recording(CreditViews):
    """The result of a play. Row r is packet r + 1 of the stored pcapng; all times are integer ns."""

    def __repr__(self) -> str:
        return f"<Recording of {len(self)} frames on {len(self.links)} links, holds {self.holds}>"

    def counter(self, name: str, node: str | None = None) -> int:
        """Return how far a counter rose during the play, on a node or summed over all that have it.

        BeyondRecording if the binding reads no counters or no such node has it.
        """
        values = [counters[name] for counters in self._counters(node) if name in counters]
        if not values:
            raise BeyondRecording(f"no counter {name} was read on {node or 'any node'}")
        return sum(values)

    def drops(self, node: str | None = None) -> dict[str, int]:
        """Return the frames dropped by cause, on a node or summed over all; causes at 0 are left out."""
        total: Counter[str] = Counter()
        for counters in self._counters(node):
            for name, value in counters.items():
                if name.startswith("drop.") and value:
                    total[name.removeprefix("drop.")] += value
        return dict(sorted(total.items()))

    def events_of(self, name: str, node: str | None = None) -> list[Event]:
        """List the events of a name, of a node or of all, in order of time."""
        self.need("events")
        return [event for event in self.events if event.name == name and node in {None, event.node}]

    def state(self, node: str) -> Any:  # noqa: ANN401 - whatever JSON the device gave
        """Return the state that a node showed after the play; BeyondRecording if it showed none."""
        self.need("state")
        if node not in self.states:
            raise BeyondRecording(f"{node} shows no state")
        return self.states[node]

    def dissect(self, rows: Iterable[int]) -> list[str]:
        """Describe rows, one line each, as a finding prints them."""
        return [describe(self, row) for row in rows]

    def _counters(self, node: str | None) -> list[Mapping[str, int]]:
        self.need("counters")
        return list(self.counters.values()) if node is None else [self.counters.get(node, {})]
