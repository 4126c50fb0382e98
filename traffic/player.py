"""Drives the tester in real time, on network interfaces and the monotonic clock."""

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from select import select
from time import monotonic_ns
from typing import TYPE_CHECKING, Final

from traffic.afpacket import Seen, Sender, Tap
from traffic.scenario import DOWN, UP
from traffic.tester import VirtualTester

if TYPE_CHECKING:
    from traffic import recording

LONGEST_SLEEP: Final = 0.005
"""Seconds after which the player looks whether the play is over."""


@dataclass(frozen=True)
class Line:
    """A link as the player sees it, with a tap at its `lower` end or the upper.

    `port` and `sender` are the tester's; None where both ends are devices.
    """

    name: str
    tap: Tap
    lower: bool
    port: int | None = None
    sender: Sender | None = None


class Player:
    """Runs the tester's timers at the time they were due, however late, so that its ports keep their rate.

    `rows` is what passed on all lines, in ns from `start`; `latest` is how late a timer ran at worst, in ns.
    """

    def __init__(
        self, tester: VirtualTester, lines: Sequence[Line], is_data: Callable[[bytes], bool]
    ) -> None:
        self.tester = tester
        self.lines = lines
        self.senders = {line.port: line.sender for line in lines if line.sender is not None}
        self.is_data = is_data
        self.rows: list[recording.Tap] = []
        self.start = 0
        self.now = 0
        self.moved = 0
        self.latest = 0
        self.observing = False

    def begin(self, start: int) -> None:
        """Forget what passed before; times count from `start`."""
        for line in self.lines:
            line.tap.discard()
            line.tap.synchronise()
            if line.sender is not None:
                line.sender.unsent = 0
        self.rows = []
        self.start = self.moved = start
        self.latest = 0

    def run(self, goes_on: Callable[[int], bool]) -> None:
        """Play for as long as `goes_on(now)`."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            while goes_on(monotonic_ns()):
                self.step()
        finally:
            if enabled:
                gc.enable()

    def step(self) -> None:
        """Do what is due, wait for a frame or the next timer, and take what came."""
        self.catch_up(monotonic_ns())
        wait = min(LONGEST_SLEEP, max(0, self.tester.due - monotonic_ns()) / 1e9)
        ready, _, _ = select([line.tap for line in self.lines], (), (), wait)
        for index, line in enumerate(self.lines):
            if line.tap in ready:
                self.take(index, line)

    def catch_up(self, now: int) -> None:
        """Run the timers that are due."""
        tester = self.tester
        while tester.due <= now:
            self.now = max(self.now, tester.due)
            sends = tester.wake(self.now)
            if sends:
                self.latest = max(self.latest, monotonic_ns() - self.now)
                self.send(sends)

    def take(self, index: int, line: Line) -> None:
        """Record what passed on a line; what arrived is for the tester."""
        for seen in line.tap.take():
            self.record(index, seen, up=seen.outgoing == line.lower)
            if line.port is None:
                if self.observing:
                    self.tester.observe(line.name, seen.frame, self.clock())
            elif not seen.outgoing:
                self.send(self.tester.receive(line.port, seen.frame, self.clock()))
            self.catch_up(monotonic_ns())

    def clock(self) -> int:
        """Give the time, which never goes back."""
        self.now = max(self.now, monotonic_ns())
        return self.now

    def record(self, index: int, seen: Seen, *, up: bool) -> None:
        """Note a frame."""
        if seen.time < self.start:
            return
        self.rows.append((seen.time - self.start, index, UP if up else DOWN, seen.frame, 1))
        if seen.time > self.moved and self.is_data(seen.frame):
            self.moved = seen.time

    def send(self, sends: Iterable[tuple[int, bytes]]) -> None:
        """Put frames of the tester on their lines."""
        for port, frame in sends:
            self.senders[port].send(frame)
