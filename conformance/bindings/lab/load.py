"""A short load between two hosts: how much of it arrives, how fast, and how late the tester is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from time import monotonic_ns
from typing import Final

from traffic.frames.roce import identify
from traffic.scenario import FCS, Scenario, Stream
from traffic.tester.tester import TesterPort, VirtualTester
from traffic.wires.player import Player, PortView, Seen, Wires

SIZE: Final = 1500
COUNT: Final = 300
SHARE: Final = 10
"""The load is one part of so many of the link's rate."""
LEAST_GAP: Final = 10_000
"""The least time, in ns, between two of its frames."""
STREAM: Final = 1
QUIET: Final = 500_000_000
"""Time in ns without a frame after which what has not come will not."""


@dataclass
class Load:
    """What became of a load of frames of one `size`; times are ns, `octets` what each had with its FCS."""

    size: int
    sent: int
    arrivals: list[int] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)
    octets: list[int] = field(default_factory=list)
    late: int = 0

    @property
    def lost(self) -> int:
        """How many frames did not arrive."""
        return self.sent - len(self.arrivals)

    @property
    def rate_mbps(self) -> float:
        """Rate at which frames arrived."""
        if len(self.arrivals) < 2:
            return 0.0
        span = max(1, self.arrivals[-1] - self.arrivals[0])
        return (len(self.arrivals) - 1) * self.size * 8000 / span

    @property
    def reaction(self) -> tuple[int, int]:
        """How long the tester took to notice a frame: the median and the worst."""
        return (round(median(self.lags)), max(self.lags)) if self.lags else (0, 0)


class _Watch(Player):
    """Notes when frames of the load arrive, and when the tester notices."""

    def __init__(self, tester: VirtualTester, wires: Wires, line: str, load: Load) -> None:
        super().__init__(tester, wires)
        self.line = line
        self.load = load

    def take(self, index: int, line: PortView, seen: Seen) -> None:
        """Take a frame."""
        super().take(index, line, seen)
        found = identify(seen.frame)
        if line.name == self.line and not seen.outgoing and found is not None and found[0] == STREAM:
            self.load.arrivals.append(seen.time)
            self.load.octets.append(len(seen.frame) + FCS)
            self.load.lags.append(monotonic_ns() - seen.time)


def measure(
    wires: Wires,
    ports: Sequence[TesterPort],
    tester: VirtualTester,
    ends: tuple[str, str],
    *,
    size: int = SIZE,
    count: int = COUNT,
) -> Load:
    """Play a load of `count` frames of `size` octets, FCS included, from one host to another."""
    here, there = ends
    rate = min(port.rate_mbps for port in ports if port.name in {here, there})
    gap = max(LEAST_GAP, size * 8000 * SHARE // rate)
    load = Load(size, count)
    player = _Watch(tester, wires, there, load)
    player.begin(Scenario(streams=(Stream(STREAM, here, there, (size,), count, gap=gap),)))
    player.run(lambda now: len(load.arrivals) < count and (player.busy or now < player.moved + QUIET))
    load.late = max(player.latest, wires.latest)
    return load
