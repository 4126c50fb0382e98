"""What the devices themselves report of a play: counters, drops by cause, events and state."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from traffic.recordings.columns import BeyondRecording, Event, View


class DeviceView(View):
    """Questions to what the devices report; BeyondRecording where the binding reads none of it."""

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

    def events(self, name: str, node: str | None = None) -> list[Event]:
        """List the events of a name, of a node or of all, in order of time."""
        self.data.need("events")
        return [event for event in self.data.events if event.name == name and node in {None, event.node}]

    def state(self, node: str) -> Any:  # noqa: ANN401 - whatever JSON the device gave
        """Return the state that a node showed after the play; BeyondRecording if it showed none."""
        self.data.need("state")
        if node not in self.data.states:
            raise BeyondRecording(f"{node} shows no state")
        return self.data.states[node]

    def _counters(self, node: str | None) -> list[Mapping[str, int]]:
        self.data.need("counters")
        return list(self.data.counters.values()) if node is None else [self.data.counters.get(node, {})]
