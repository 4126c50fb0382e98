"""Streams at any rate: the server plays them, counts what comes, and reads the order of those slow enough."""

from collections.abc import Mapping, Sequence
from typing import Final

from traffic.patterns import gap_at
from traffic.recording import Flow
from traffic.roce import frame_maker
from traffic.scenario import HostAddress, Scenario, Stream
from traffic.tester import TesterPort
from traffic.trex.client import GroupCounters, Load

MOST_READ: Final = 20_000
"""Frames a second of a stream whose order is read: software ports lost none at that rate, some at more."""
NS: Final = 1_000_000_000


def loads(
    scenario: Scenario, ports: Sequence[TesterPort], hosts: Mapping[str, HostAddress]
) -> dict[int, list[Load]]:
    """Give the loads of each port of the tester, by its number; ValueError for what no server can count.

    A stream is the group of its number. Its frames are all alike, but for what the server writes into them.
    """
    asks = (scenario.frames, scenario.pauses, scenario.peers, scenario.triggers)
    if any(asks):
        raise ValueError("a tester that counts its frames neither reacts to any nor stands in for devices")
    numbers = {port.name: number for number, port in enumerate(ports)}
    found: dict[int, list[Load]] = {}
    for stream in scenario.streams:
        number = numbers[stream.source]
        found.setdefault(number, []).append(_load(stream, ports[number].rate_mbps, hosts))
    return found


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


def flow(load: Load, counters: GroupCounters) -> Flow:
    """Give what became of the stream of a load."""
    assert load.group is not None
    sent, received = sum(counters.sent.values()), sum(counters.received.values())
    lost = max(0, sent - received + counters.duplicated)
    reordered = counters.reordered if load.latency else None
    return Flow(load.group, sent, lost, counters.duplicated, reordered)
