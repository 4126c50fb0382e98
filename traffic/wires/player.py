"""Drives the tester in real time, on the monotonic clock, over whatever wires it has."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic_ns
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from traffic.scenario import DOWN, UP, Scenario
from traffic.tester.tester import VirtualTester

if TYPE_CHECKING:
    from traffic.recordings import recording

LONGEST_SLEEP: Final = 0.005
"""Seconds after which the player looks whether the play is over."""
STALL: Final = 10_000_000
"""Time in ns that nothing but a machine that stands still takes."""


@dataclass(frozen=True)
class PortView:
    """A link as the tester sees it: at its `lower` end or the upper one.

    `port` is the tester's; None where both ends are devices and the link is only looked at.
    """

    name: str
    lower: bool
    port: int | None = None


class Seen(NamedTuple):
    """A frame that passed a line, in ns of the monotonic clock; `outgoing` left the end that is looked at."""

    time: int
    outgoing: bool
    frame: bytes


class Wires(Protocol):
    """Where the tester's frames leave and arrive: interfaces of this machine, or ports of a TRex server."""

    lines: Sequence[PortView]
    apart: int
    """How far apart, in ns, two frames have to pass on different lines for their order to be known."""
    whole: int | None
    """The longest frame, in octets, that is known to be received whole; None where none is ever cut."""

    @property
    def latest(self) -> int:
        """How late, in ns, a frame left at worst since the beginning, after the tester had given it."""

    def prepare(self, scenario: Scenario) -> None:
        """Get ready for what `begin` is going to be given, while the devices stand still."""

    def begin(self, scenario: Scenario, *, ahead: bool) -> tuple[int, Scenario]:
        """Forget what has passed, and begin what these wires play by themselves, if that may go `ahead`.

        Gives time 0 of the scenario, in ns of the monotonic clock, and what is left of it for the tester.
        """

    @property
    def busy(self) -> bool:
        """Whether something that the wires play by themselves has not left yet."""

    def passing(self, seconds: float) -> Iterator[tuple[int, Seen]]:
        """Return what passes, by number of the line; wait at most so long for the first frame."""

    def send(self, port: int, frame: bytes) -> None:
        """Send a frame; at the latest with the next call of `passing`."""

    def counted(self) -> "tuple[recording.Flow, ...] | None":
        """Return what became of each stream if the wires counted and kept no frame; None if they kept all."""

    def lost(self) -> int:
        """Frames that passed unseen since the beginning."""

    def unsent(self) -> int:
        """Frames that could not be sent since the beginning."""

    def trouble(self) -> str | None:
        """Say what else befell the wires since the beginning, for which no device can be blamed."""

    def mend(self) -> None:
        """Replace what broke since the beginning, or was interrupted; TrexGoneError where nobody answers."""

    def close(self) -> None:
        """Give the wires back."""


class Player:
    """Runs the tester's timers at the time they were due, however late, so that its ports keep their rate.

    `rows` is what passed on all lines, in ns from `start`; `latest` is how late, in ns, a timer ran or
    a frame was seen at worst, and `stalled` all the time, in ns, in which timers ran over `STALL` late.
    """

    def __init__(self, tester: VirtualTester, wires: Wires) -> None:
        self.tester = tester
        self.wires = wires
        self.rows: list[recording.Tap] = []
        self.start = 0
        self.now = 0
        self.moved = 0
        self.latest = 0
        self.stalled = 0
        self.noted = 0
        self.observing = False

    @property
    def busy(self) -> bool:
        """Whether some stream or timed frame has not left yet."""
        return self.tester.busy or self.wires.busy

    def begin(self, scenario: Scenario, *, ahead: bool = True) -> None:
        """Forget what passed before, and let one begin now; unless `ahead`, nothing leaves before `run`."""
        self.rows = []
        self.start, rest = self.wires.begin(scenario, ahead=ahead)
        self.moved = self.start
        self.latest = self.stalled = 0
        self.observing = bool(scenario.triggers)
        self.tester.play(rest, self.start)

    def run(self, goes_on: Callable[[int], bool]) -> None:
        """Play for as long as `goes_on(now)`."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            with hurried():
                while goes_on(monotonic_ns()):
                    self.step()
        finally:
            if enabled:
                gc.enable()

    def step(self) -> None:
        """Do what is due, wait for a frame or the next timer, and take what came."""
        self.catch_up(monotonic_ns())
        wait = min(LONGEST_SLEEP, max(0, self.tester.due - monotonic_ns()) / 1e9)
        lines = self.wires.lines
        for index, seen in self.wires.passing(wait):
            self.take(index, lines[index], seen)
            self.catch_up(monotonic_ns())

    def catch_up(self, now: int) -> None:
        """Run the timers that are due."""
        tester = self.tester
        while tester.due <= now:
            self.now = max(self.now, tester.due)
            sends = tester.wake(self.now)
            if sends:
                self.ran(self.now, monotonic_ns())
                self.send(sends)

    def take(self, index: int, line: PortView, seen: Seen) -> None:
        """Record a frame that passed on a line; one that arrived is for the tester."""
        self.record(index, seen, up=seen.outgoing == line.lower)
        if line.port is None:
            if self.observing:
                self.tester.observe(line.name, seen.frame, self.clock())
        elif not seen.outgoing:
            now = self.clock()
            self.latest = max(self.latest, now - seen.time)
            self.send(self.tester.receive(line.port, seen.frame, now))

    def ran(self, due: int, now: int) -> None:
        """Note that a timer that was due runs now."""
        self.latest = max(self.latest, now - due)
        if now - due > STALL:
            self.stalled += now - max(due, self.noted)
            self.noted = now

    def clock(self) -> int:
        """Return the time, which never goes back."""
        self.now = max(self.now, monotonic_ns())
        return self.now

    def record(self, index: int, seen: Seen, *, up: bool) -> None:
        """Note a frame."""
        if seen.time < self.start:
            return
        self.rows.append((seen.time - self.start, index, UP if up else DOWN, seen.frame, 1))
        if seen.time > self.moved and self.tester.is_data(seen.frame):
            self.moved = seen.time

    def send(self, sends: Iterable[tuple[int, bytes]]) -> None:
        """Put frames of the tester on their lines."""
        for port, frame in sends:
            self.wires.send(port, frame)


@contextmanager
def hurried() -> Iterator[None]:
    """Go ahead of ordinary processes meanwhile, where the kernel lets us: a late tester measures nothing."""
    usual = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.sched_setscheduler(0, *usual)
