"""Ports of a TRex server as the tester's wires: pushes out, one capture of all ports in.

The server's clock is the one clock of all frames. How far it is from the local one, and how long the server
takes from a push to the frame in the capture, is measured and told.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from statistics import median
from time import monotonic, monotonic_ns, sleep
from typing import Final

from traffic.recordings.recording import Flow
from traffic.scenario import HostAddress, Scenario
from traffic.tester.tester import TesterPort
from traffic.trex.account import Account
from traffic.trex.counted import Tally, tally
from traffic.trex.data import Capture, Captured, PortCounters, check_size
from traffic.trex.errors import TrexError, TrexGoneError, TrexRefusedError, TrexUnableError
from traffic.trex.open_loop import PortPlan, split
from traffic.trex.pushes import Pushes, clock_of
from traffic.trex.reach import PATIENCE, PAUSE, PROBE, QUIET, Reach, measured
from traffic.trex.trex import Trex
from traffic.wires.player import PortView, Seen

ROOM: Final = 200_000
"""Frames that the capture holds between two fetches."""
APART: Final = 1_000_000
"""How far, in ns, stamps of a server may be off that polls its ports one after the other: a millisecond."""
PROMPT: Final = 2_000_000
"""How long, in ns, a frame may wait to be pushed while captured ones are looked at."""
PUSHES: Final = 10
"""Pushes of which the median gives the reaction."""


class TrexWires:
    """A line for each port of the server that is a port of the tester's, both by its number.

    It closes the connection when it cannot begin. `again` makes a new one when the old one broke. Ports that
    an earlier run of the same user left are taken over, those of others are a TrexTakenError. `reaction`,
    `uncertainty` and `latest` are ns, as measured; `reach` is what the ports send, `whole` the longest frame,
    in octets, that is known to be received whole. `known` has the reach of the server's ports that were
    measured before, and gets that of the others.
    """

    def __init__(
        self,
        trex: Trex,
        lines: Sequence[PortView],
        ports: Mapping[int, int],
        described: Sequence[TesterPort],
        hosts: Mapping[str, HostAddress],
        *,
        profile: str,
        again: Callable[[], Trex] | None = None,
        known: dict[int, Reach] | None = None,
    ) -> None:
        self.trex = trex
        self.lines = lines
        self.ports = ports
        self.described = described
        self.hosts = hosts
        self.profile = profile
        self.again = again
        self.known = {} if known is None else known
        self.broken = False
        self.reaction = 0
        self.uncertainty = 0
        self.reach = Reach()
        self.apart = APART
        self.whole: int | None = 0
        self.line_of = {ports[line.port]: index for index, line in enumerate(lines) if line.port is not None}
        self.server_ports = tuple(sorted(self.line_of))
        self.names = {ports[number]: port.name for number, port in enumerate(described)}
        self.pushes = Pushes()
        self.capture: Capture | None = None
        self.account = Account(self.line_of)
        self.deadline = 0.0
        self.behind = False
        """Whether more was captured than was fetched."""
        self.loaded: set[int] = set()
        self.prepared: tuple[Scenario, dict[int, PortPlan], Scenario] | None = None
        self.counting: Tally | None = None
        """What the server plays and counts by itself, while nothing is captured."""
        self.darkened: frozenset[str] = frozenset()
        try:
            self._set_up()
        except BaseException:
            self.trex.close()
            raise

    def prepare(self, scenario: Scenario) -> None:
        """Give the server what it is going to play by itself; each single frame takes it up to 0.4 ms."""
        self.mend()
        if scenario.counted:
            return
        plans, rest = split(scenario, self.described, self.hosts, self.profile)
        for plan in plans.values():
            self._check_streamed(frame for _, frame in plan.frames)
            self._check_streamed(load.frame for load in plan.loads)
        with self._watched():
            self._clear()
            for number, plan in plans.items():
                self.loaded.add(self.ports[number])
                if plan.loads:
                    self.trex.add(self.ports[number], plan.loads)
                if plan.frames:
                    self.trex.schedule(self.ports[number], plan.frames)
        self.prepared = scenario, plans, rest

    def begin(self, scenario: Scenario, *, ahead: bool = True) -> tuple[int, Scenario]:
        """End what ran, capture anew, and start what the server plays by itself."""
        self.mend()
        if scenario.counted and ahead:
            return self._count(scenario)
        plans: dict[int, PortPlan] = {}
        rest = scenario
        if ahead:
            if self.prepared is None or self.prepared[0] is not scenario:
                self.prepare(scenario)
            assert self.prepared is not None
            _, plans, rest = self.prepared
        self.darkened = frozenset(event.link for event in scenario.links)
        self.pushes.clear()
        with self._watched():
            if self.prepared is None:
                self._clear()
            self._capture()
            self.account.by_itself = frozenset(self.loaded)
            start = monotonic_ns() - self.uncertainty
            if plans:
                self.prepared = None
                self.trex.start([self.ports[number] for number in plans])
        for number, plan in plans.items():
            self.account.give(self.ports[number], *(start + at for at in plan.times))
        last = max((plan.end for plan in plans.values()), default=0)
        self.deadline = monotonic() + last / 1e9 + PATIENCE
        return start, rest

    @property
    def latest(self) -> int:
        """How late, in ns, a frame left at worst."""
        return self.account.latest

    @property
    def busy(self) -> bool:
        """Whether a frame that the server was given, or captured, was not seen yet, and may still be."""
        if self.behind:
            return True
        if monotonic() >= self.deadline:
            return False
        if self.counting is not None:
            with self._watched():
                return self.trex.sends(self.counting.loads)
        return self.account.unsent > 0

    def passing(self, seconds: float) -> Iterator[tuple[int, Seen]]:
        """Push what waits, then give at most 50 captured frames in order of time."""
        end = monotonic() + seconds
        if self.counting is not None:
            sleep(seconds)
            return
        while True:
            frames = self._exchange()
            pushed = monotonic_ns()
            for captured in frames:
                seen = Seen(self.account.zero + captured.time, captured.sent, captured.frame)
                yield self.line_of[captured.port], seen
                if self.pushes and monotonic_ns() > pushed + PROMPT:
                    with self._watched():
                        self.pushes.leave(self.trex)
                    pushed = monotonic_ns()
            if frames or monotonic() >= end:
                return
            sleep(PAUSE)

    def send(self, port: int, frame: bytes) -> None:
        """Have a frame pushed with the next call of `passing`; TrexUnableError if TRex sends none such."""
        try:
            check_size(frame)
        except ValueError as error:
            mend = "set max_frame so low that its containers fit"
            raise TrexUnableError(self.trex.server.host, str(error), mend) from error
        if len(frame) > self.reach.pushed:
            raise self._beyond("pushed", len(frame), self.reach.pushed)
        self.pushes.add(self.ports[port], frame)
        self.account.give(self.ports[port], monotonic_ns())

    def counted(self) -> tuple[Flow, ...] | None:
        """Stop counting, and give what became of each stream; None where every frame was captured.

        TrexRefusedError if the server's counters do not agree with each other.
        """
        if self.counting is None:
            return None
        with self._watched():
            self.trex.stop(self.counting.loads, settle=0)
            ports = self._counters()
            groups = self.trex.groups(self.counting.groups)
        fault = self.counting.contradiction(groups, self.account.before, ports)
        if fault is not None:
            mend = "lower the rate, or look for what disturbs the server"
            raise TrexRefusedError(self.trex.server.host, fault, mend)
        return self.counting.flows(groups)

    def lost(self) -> int:
        """Frames that the capture had no room for, or that ports counted and the capture never saw."""
        if self.counting is not None:
            return 0
        assert self.capture is not None
        self._await_given()
        with self._watched():
            counted = self._counters()
            self.account.note(self.trex.fetch(self.capture))
            return max(self.trex.missed(self.capture), self.account.unseen(counted))

    def unsent(self) -> int:
        """Frames that the server was given and that were not seen to leave."""
        return self.account.unsent

    def trouble(self) -> str | None:
        """Say which port lost its owner or its link, or that the server went away."""
        try:
            with self._watched():
                ports = self.trex.ports()
        except TrexError as error:
            return str(error)
        for number in sorted(self.line_of):
            port = ports[number]
            if port.owner != self.trex.user:
                return f"port {number} of TRex was taken by {port.owner or 'nobody'} during the play"
            if not port.up and self.names[number] not in self.darkened:
                return f"port {number} of TRex, {self.names[number]}, lost its link"
        return None

    def mend(self) -> None:
        """Replace a connection that broke or was interrupted; TrexGoneError if nobody answers."""
        if self.broken:
            self._reconnect()

    def close(self) -> None:
        """Stop everything and give the ports back, over another connection where this one is broken."""
        if self.broken:
            self.trex.abandon()
            with suppress(TrexError):
                if self.again is not None:
                    with self.again() as fresh:
                        fresh.acquire(self.line_of, force=True)
            return
        try:
            with suppress(TrexError):
                self._clear()
        finally:
            self.trex.close()

    # Inside

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Note of a connection whose request was ended by anything that a reply may still be due on it."""
        try:
            yield
        except BaseException:
            self.broken = True
            raise

    def _set_up(self) -> None:
        """Take the ports, and measure the reaction and the clocks."""
        with self._watched():
            ports = self.trex.ports()
            owners = {ports[number].owner for number in self.line_of if number in ports}
            self.trex.acquire(self.line_of, force=owners <= {"", self.trex.user})
            self._capture()
            self.reaction = round(median(self._answered(number) for number in range(PUSHES)))
            new = [port for port in self.server_ports if port not in self.known]
            self.known |= measured(self.trex, new) if new else {}
            self.reach = Reach.common(self.known[port] for port in self.server_ports)

    def _reconnect(self) -> None:
        """Connect anew, take the ports again and clear them; the old connection is asked nothing any more."""
        self.trex.abandon()
        if self.again is None:
            raise TrexGoneError(
                self.trex.server.host, "the connection broke in an earlier play", "connect anew"
            )
        self.trex = self.again()
        self.broken = False
        self.capture = self.prepared = None
        self.counting = None
        self.loaded.clear()
        self._set_up()

    def _clear(self) -> None:
        """Stop what the server plays by itself, and take it away."""
        self.prepared = None
        if self.loaded:
            self.trex.stop(self.loaded, settle=0)
            for port in self.loaded:
                self.trex.clear(port)
            self.loaded.clear()

    def _count(self, scenario: Scenario) -> tuple[int, Scenario]:
        """Have the server play and count all streams, out of the service mode, in which it keeps no rate."""
        try:
            found = tally(scenario, self.described, self.ports, self.hosts)
        except ValueError as error:
            mend = "play this case on another bench"
            raise TrexUnableError(self.trex.server.host, str(error), mend) from error
        self.pushes.clear()
        self.account = Account(self.line_of)
        with self._watched():
            self._clear()
            self._end_capture()
            self.trex.serve(self.line_of, enabled=False)
            self.counting = found
            for port, loads in found.loads.items():
                self.loaded.add(port)
                self.trex.add(port, loads)
            self.account.before = self._counters()
            start = monotonic_ns()
            self.trex.start(found.loads)
        self.deadline = monotonic() + found.seconds + PATIENCE
        return start, replace(scenario, streams=())

    def _end_capture(self) -> None:
        if self.capture is not None:
            capture, self.capture = self.capture, None
            self.trex.discard(capture)

    def _capture(self) -> None:
        """Begin a new capture of all ports, on the local clock as well as that can be told."""
        self._end_capture()
        if self.counting is not None:
            self.counting = None
            self.trex.serve(self.line_of, enabled=True)
        offset, self.uncertainty = clock_of(self.trex)
        self.capture = self.trex.capture(received=self.line_of, sent=self.line_of, limit=ROOM)
        self.behind = False
        self.account = Account(self.line_of, self.capture.start - offset)
        self.account.before = self._counters()

    def _answered(self, number: int) -> int:
        """Push a frame, and give the ns after which it was fetched as sent."""
        port = min(self.line_of)
        frame = (PROBE + number.to_bytes(4, "big")).ljust(60, b"\0")
        start = monotonic_ns()
        self.pushes.add(port, frame)
        self.account.give(port, start)
        while all(captured.frame != frame for captured in self._exchange()):
            if monotonic_ns() - start > PATIENCE * 1e9:
                fault, mend = f"port {port} does not send", "see that its link is up"
                raise TrexRefusedError(self.trex.server.host, fault, mend)
        return monotonic_ns() - start

    def _await_given(self) -> None:
        """Let what the server was given last leave, and be seen to, as long as any of it still does."""
        left, end = self.unsent(), monotonic() + QUIET
        while left and monotonic() < end:
            self._exchange()
            if self.unsent() < left:
                left, end = self.unsent(), monotonic() + QUIET

    def _counters(self) -> dict[int, PortCounters]:
        """Read the counters of the ports when they tell what has passed by now."""
        sleep(self.reach.lag)
        return self.trex.counters()

    def _check_streamed(self, frames: Iterable[bytes]) -> None:
        worst = max(map(len, frames), default=0)
        if worst > self.reach.streamed:
            raise self._beyond("streamed", worst, self.reach.streamed)

    def _beyond(self, how: str, octets: int, reach: int) -> TrexUnableError:
        fault = f"a frame of {octets} octets is to be {how}, and those above {reach} were seen not to leave"
        return TrexUnableError(self.trex.server.host, fault, "play this case on another bench")

    def _exchange(self) -> list[Captured]:
        """Push what waits, and fetch what came."""
        assert self.capture is not None
        with self._watched():
            self.pushes.leave(self.trex)
            frames, self.behind = self.trex.fetch_some(self.capture)
        self.account.note(frames)
        return self.account.in_order(frames)
