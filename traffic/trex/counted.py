"""Streams at any rate: the server plays them, counts what comes, and reads the order of those slow enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from traffic.frames.roce import frame_maker
from traffic.patterns import gap_at
from traffic.recordings.recording import Flow
from traffic.scenario import HostAddress, Scenario, Stream
from traffic.tester.tester import TesterPort
from traffic.trex.data import GroupCounters, Load, PortCounters

MOST_READ: Final = 20_000
"""Frames a second of a stream whose order is read: software ports lost none at that rate, some at more."""
NS: Final = 1_000_000_000


@dataclass(frozen=True)
class Tally:
    """Loads that the server plays and counts, by its port; each is the group of its stream's number."""

    loads: Mapping[int, Sequence[Load]]

    @property
    def groups(self) -> list[int]:
        """All groups."""
        return [_group(load) for loads in self.loads.values() for load in loads]

    @property
    def seconds(self) -> float:
        """How long it takes until the last frame has left."""
        return max(
            load.start / NS + (load.count or 0) / load.pps for loads in self.loads.values() for load in loads
        )

    def flows(self, groups: Mapping[int, GroupCounters]) -> tuple[Flow, ...]:
        """Return what became of each stream, in order of their numbers."""
        found = [_flow(load, groups[_group(load)]) for loads in self.loads.values() for load in loads]
        return tuple(sorted(found, key=lambda flow: flow.stream))

    def contradiction(
        self,
        groups: Mapping[int, GroupCounters],
        before: Mapping[int, PortCounters],
        after: Mapping[int, PortCounters],
    ) -> str | None:
        """Say which stream was not sent whole, or which port counted less than its streams."""
        for port, loads in self.loads.items():
            sent = [groups[_group(load)].sent.get(port, 0) for load in loads]
            for load, count in zip(loads, sent, strict=True):
                if count != load.count:
                    return f"of the {load.count} frames of {load.name} it sent {count}"
            told = after[port].sent - before[port].sent
            if told < sum(sent):
                return f"port {port} counted {told} frames sent, its streams {sum(sent)}"
        for port in after:
            came = sum(group.received.get(port, 0) for group in groups.values())
            told = after[port].received - before[port].received
            if told < came:
                return f"port {port} counted {told} frames received, the streams to it {came}"
        return None


def tally(
    scenario: Scenario,
    ports: Sequence[TesterPort],
    numbers: Mapping[int, int],
    hosts: Mapping[str, HostAddress],
) -> Tally:
    """Return the loads of a scenario; `numbers` are the server's ports by those of the tester.

    ValueError for what no server can count. The frames of a stream are all alike, but for what the server
    writes into them.
    """
    asks = (scenario.frames, scenario.pauses, scenario.peers, scenario.triggers)
    if any(asks):
        raise ValueError("a tester that counts its frames neither reacts to any nor stands in for devices")
    named = {port.name: number for number, port in enumerate(ports)}
    found: dict[int, list[Load]] = {}
    for stream in scenario.streams:
        number = named[stream.source]
        found.setdefault(numbers[number], []).append(_load(stream, ports[number].rate_mbps, hosts))
    return Tally(found)


def _load(stream: Stream, rate_mbps: int, hosts: Mapping[str, HostAddress]) -> Load:
    if len(stream.sizes) > 1:
        raise ValueError(f"stream {stream.id} has frames of several sizes, and counted ones have one")
    pps = NS / (stream.gap or gap_at(stream.sizes[0], rate_mbps))
    return Load(
        f"stream {stream.id}",
        frame_maker(stream, hosts)(0),
        pps,
        count=stream.count,
        start=stream.start,
        group=stream.id,
        latency=pps <= MOST_READ,
    )


def _group(load: Load) -> int:
    assert load.group is not None
    return load.group


def _flow(load: Load, counters: GroupCounters) -> Flow:
    sent, received = sum(counters.sent.values()), sum(counters.received.values())
    lost = max(0, sent - received + counters.duplicated)
    return Flow(_group(load), sent, lost, counters.duplicated, counters.reordered if load.latency else None)
