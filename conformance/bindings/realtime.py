"""Plays in real time: a tester on wires of any kind, around devices that run by their own clock."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic_ns
from typing import Any, Final, Protocol, TypeVar

from conformance.api.binding import CASE_TIME, SHARE, Setup
from conformance.api.outcomes import BenchError, BenchGone, TesterLimited
from conformance.api.testbeds import tester_ports
from conformance.bindings.lasting import refuse_endless
from conformance.bindings.resting import Question, Rest, is_at_rest, is_quiesced
from conformance.bindings.undo import giving_back
from traffic.recordings.cut import cut_short
from traffic.recordings.recording import Event, Link, ParameterValue, Recording, Trouble
from traffic.recordings.uncertain import in_favour
from traffic.scenario import DOWN, UP, ManagementEvent, Scenario
from traffic.tester.course import Course
from traffic.tester.tester import VirtualTester
from traffic.trex.errors import TrexError, TrexGoneError, TrexUnableError
from traffic.wires.player import Player, Wires

T = TypeVar("T")
REPEATS: Final = 5
"""How often a play is repeated that was measured too badly, before its case is INCONCLUSIVE."""
CONFIRMED: Final = 2
"""How often a case that failed is played again, where nothing else is said."""
LONGEST: Final = 2
"""How many plays of a case may go on to their limit before it is taken to hang."""
STALLED: Final = 0.05
"""The share of a play during which the tester or a device may stand still."""


class Devices(Protocol):
    """The devices that are not emulated, as far as the bench can manage them."""

    names: tuple[str, ...]

    def halt(self) -> None:
        """Let no device take part in anything until it is renewed, where that can be had."""

    def renew(self, setup: Setup, seed: int, *, fresh: bool) -> None:
        """Give the devices the parameters in force, and start them anew where that is quick or `fresh`; mark.

        TesterLimited when the bench cannot do what is asked.
        """

    def quiesce_time(self, values: Mapping[str, Any]) -> int:
        """Say how long, in ns, devices that were renewed take at most to be quiesced beside neighbours."""

    def rest(self) -> Mapping[str, Rest] | None:
        """Read the rest of each device; None where one of them cannot be asked."""

    def mark(self) -> None:
        """Let `trouble`, and the events that are read, begin here."""

    def counters(self) -> dict[str, dict[str, int]]:
        """Read the counters of each device that shows any."""

    def events(self) -> list[Event]:
        """Read what happened since the mark, in ns of the monotonic clock."""

    def states(self) -> dict[str, Any]:
        """Read the state of each device that shows it."""

    def manage(self, order: ManagementEvent) -> None:
        """Have a device do what an operator asks."""

    def switch(self, link: str, *, up: bool) -> None:
        """Take a link's carrier, or give it back; a link that may be dark is the devices' to give back."""

    def restore(self) -> None:
        """Undo what was managed and switched; what cannot be undone is tried again the next time."""

    def trouble(self, *, switched: bool, unexplained: bool) -> Trouble | None:
        """Say what befell the devices since the mark that is not theirs.

        `switched`: links were; `unexplained`: more frames are missing than the devices count as dropped.
        """


def real_time(seconds: float, quiesce: int, parameters: Mapping[str, ParameterValue]) -> float:
    """Return how long, in s, a case may take that says it takes `seconds`; `quiesce` is the devices' ns."""
    longest = quiesce + int(parameters["play_limit"].value)
    return CASE_TIME + SHARE * seconds + LONGEST * longest / 1e9


@dataclass(frozen=True)
class Rig:
    """A bench that stands: the devices, the `links` with one end at least at a device, and the wires.

    `capabilities` is what it can do; `late` is how late, in ns, the tester may be before what it measured
    says nothing.
    """

    links: tuple[Link, ...]
    devices: Devices
    wires: Wires
    capabilities: frozenset[str]
    late: int


class RealTimeDriver:
    """The testbed of one case on a bench that stands."""

    def __init__(self, setup: Setup, rig: Rig) -> None:
        self.setup = setup
        self.rig = rig

    def play(self, scenario: Scenario, number: int, *, fresh: bool) -> Recording:
        """Play, again where the bench measured too badly to say anything of the devices.

        TesterLimited, before anything is begun, for what cannot end in time.
        """
        rates = {link.name: link.rate_mbps for link in self.setup.topology.links}
        refuse_endless(scenario, rates, int(self.setup.facts.parameters["play_limit"].value))
        recording = self.attempt(scenario, number, fresh=fresh)
        for _ in range(REPEATS):
            trouble = recording.columns.trouble
            if trouble is None or trouble.breaks != "measurement":
                break
            recording = self.attempt(scenario, number, fresh=fresh)
        return recording

    def attempt(self, scenario: Scenario, number: int, *, fresh: bool) -> Recording:
        """Renew the devices, warm up unless `fresh`, play until no data moves, and read everything.

        A tester that broke meanwhile is replaced; one that is gone is asked once more.
        """
        try:
            recording = _Play(self.setup, self.rig, number).run(scenario, fresh=fresh)
        except TrexUnableError as error:
            raise TesterLimited(str(error)) from error
        except TrexError as error:
            gone = self.mended()
            raise (BenchGone if gone else BenchError)(gone or str(error)) from error
        trouble = recording.columns.trouble
        if trouble is not None and trouble.breaks == "bench" and (gone := self.mended()):
            return recording.but(trouble=Trouble("gone", f"{trouble.words} Asked once more: {gone}"))
        return recording

    def mended(self) -> str:
        """Replace the tester's connection if it broke; say why it is gone, or nothing."""
        try:
            self.rig.wires.mend()
        except TrexGoneError as error:
            return str(error)
        except TrexError:  # the next play tries again, and says it
            pass
        return ""

    def close(self) -> None:
        """Leave the bench to the next case."""


@contextmanager
def operator() -> Iterator[ThreadPoolExecutor]:
    """Have somebody who does one thing after the other; of what waits at the end nothing is done any more."""
    pool = ThreadPoolExecutor(1)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _Play:
    """One play."""

    def __init__(self, setup: Setup, rig: Rig, number: int) -> None:
        self.setup = setup
        self.rig = rig
        self.devices = rig.devices
        self.values: dict[str, Any] = {name: item.value for name, item in setup.facts.parameters.items()}
        self.seed = setup.seed_for(f"play {number}")
        ports = tester_ports(setup.topology, rig.links)
        self.own = {port.name: index for index, port in enumerate(ports)}
        self.tester = VirtualTester(ports, setup.facts.hosts, setup.facts.wire_profile, self.carry_out)
        self.player = Player(self.tester, rig.wires)
        self.told: deque[tuple[int, bool]] = deque()
        self.switched = False
        self.pending: list[Future[None]] = []
        self.course: Course
        self.tardy = 0

    def run(self, scenario: Scenario, *, fresh: bool) -> Recording:
        """Play, and give what came of it."""
        before: dict[str, dict[str, int]] = {}
        self.course = Course(scenario, self.values)
        with giving_back(self.devices.restore), operator() as self.operator:
            self.at_rest = self.question(is_at_rest)
            self.devices.halt()
            if fresh:
                self.player.begin(scenario, ahead=False)
                self.meanwhile(partial(self.devices.renew, self.setup, self.seed, fresh=True))
                self.meanwhile(partial(self.prepare, scenario))
                self.player.moved = self.player.clock()
            else:
                self.rig.wires.prepare(scenario)
                self.player.begin(Scenario(peers=self.setup.peers), ahead=False)
                self.devices.renew(self.setup, self.seed, fresh=False)
                self.quiesce(monotonic_ns() + self.devices.quiesce_time(self.values))
                before = self.meanwhile(self.devices.counters)
                self.meanwhile(self.devices.mark)
                self.meanwhile(partial(self.prepare, scenario))
                self.player.begin(scenario)
            self.carry_out(scenario, self.player.start)
            self.course.begin(self.player.moved)
            try:
                self.player.run(partial(self.goes_on, scenario.counted))
                recording = self.recording(scenario, before)
            except TrexUnableError:
                raise
            except (BenchError, TrexError) as error:
                return self.remains(scenario, str(error))
        columns = in_favour(recording.columns, self.rig.wires.apart)
        return Recording(columns).but(trouble=self.trouble(recording), cut=self.course.cut)

    def quiesce(self, end: int) -> None:
        """Let the tester go on until the devices say that they are quiesced, at most until a time."""
        quiesced = self.question(partial(is_quiesced, topology=self.setup.topology))
        self.player.run(lambda now: now < end and not quiesced.answered(now))

    def question(self, holds: Callable[[Mapping[str, Rest]], bool]) -> Question:
        """Return the question whether something holds for what the devices say of their rest."""

        def ask() -> bool | None:
            found = self.devices.rest()
            return None if found is None else holds(found)

        return Question(ask, self.operator)

    def meanwhile(self, work: Callable[[], T]) -> T:
        """Have the operator do something while the tester goes on, so that no neighbour takes it for dead."""
        future = self.operator.submit(work)
        self.player.run(lambda _: not future.done())
        return future.result()

    def goes_on(self, counted: bool, now: int) -> bool:
        """Hear of what was done to links and devices; say whether the play goes on.

        What is `counted` moves unseen.
        """
        for done in [future for future in self.pending if future.done()]:
            self.pending.remove(done)
            done.result()
            self.course.note(now)
        while self.told:
            self.player.send(self.tester.carrier(*self.told.popleft(), self.player.clock()))
        busy = bool(self.pending) or self.player.busy
        self.course.note(now if counted and busy else self.player.moved)
        if self.course.may_end(now, busy=busy) and self.at_rest.answered(now, since=self.course.last):
            return False
        return self.course.goes_on(now, busy=busy)

    def carry_out(self, scenario: Scenario, start: int) -> None:
        """Plan what a scenario does to links and devices."""
        if scenario.impairments:
            raise TesterLimited("the wires of this bench cannot be impaired")
        for event in scenario.links:
            self.plan_action(start + event.at, partial(self.switch, event.link, up=event.up))
        for order in scenario.management:
            if order.at or start != self.player.start:
                self.plan_action(start + order.at, partial(self.manage, order))

    def prepare(self, scenario: Scenario) -> None:
        """Do what is to be managed at the start, so that no frame overtakes it."""
        for order in scenario.management:
            if not order.at:
                self.manage(order)

    def manage(self, order: ManagementEvent) -> None:
        """Have a device do what an operator asks."""
        if order.node not in self.devices.names:
            raise BenchError(f"the scenario manages {order.node}, which is no device of the bench")
        self.devices.manage(order)

    def plan_action(self, time: int, action: Callable[[], None]) -> None:
        """Have the operator do something at a time, beside the tester."""

        def act() -> None:
            action()
            self.tardy = max(self.tardy, monotonic_ns() - time)

        self.tester.at(time, lambda _: self.pending.append(self.operator.submit(act)))
        self.course.note(time)

    def switch(self, link: str, *, up: bool) -> None:
        """Switch a link, and have the tester told if one of its ends is its own."""
        self.switched = True
        self.devices.switch(link, up=up)
        if link in self.own:
            self.told.append((self.own[link], up))

    def recording(self, scenario: Scenario, before: Mapping[str, Mapping[str, int]]) -> Recording:
        """Read the devices, and give what the play was."""
        counted = self.rig.wires.counted()
        asked = self.player.clock()
        counters = self.meanwhile(self.devices.counters)
        states = self.meanwhile(self.devices.states)
        told = self.player.clock()
        return self.taken(
            scenario,
            holds="all" if counted is None else "counters",
            counted=counted or (),
            counters=counters,
            baseline=before,
            events=tuple(self.happened(self.meanwhile(self.devices.events))),
            states=states,
            read=(asked - self.player.start, told - self.player.start),
            tardy=self.tardy,
            capture_losses=self.rig.wires.lost(),
        )

    def remains(self, scenario: Scenario, words: str) -> Recording:
        """Return what was seen before the bench broke."""
        return self.taken(scenario, trouble=Trouble("bench", words))

    def taken(self, scenario: Scenario, **rest: Any) -> Recording:  # noqa: ANN401 - fields of a recording
        """Return what passed the wires, with the rest of what a recording holds."""
        return Recording.of_taps(
            self.rig.links,
            self.player.rows,
            facts=self.setup.facts,
            capabilities=self.rig.capabilities,
            scenario=scenario.digest(),
            seed=self.setup.seed,
            **rest,
        )

    def happened(self, events: Iterable[Event]) -> list[Event]:
        """Return events in order, with times from the start."""
        start = self.player.start
        found = [Event(event.time - start, event.node, event.name, event.details) for event in events]
        return sorted(found, key=lambda event: event.time)

    def trouble(self, recording: Recording) -> Trouble | None:
        """Say whether the bench lost frames, or was too late to have measured.

        Host frames sent into a link that had just gone dark are lost unseen, and neither side is to blame.
        """
        words = self.rig.wires.trouble()
        if words is not None:
            return Trouble("bench", words)
        cut = self.cut_short(recording)
        if cut is not None:
            return cut
        drops = sum(recording.devices.drops().values()) if "counters" in recording.capabilities else 0
        unexplained = recording.holds == "all" and len(recording.hosts.losses()) > drops
        unsent = self.rig.wires.unsent()
        if unsent and self.switched and unexplained:
            words = f"{unsent} frames of the tester met a dark link and were not recorded"
            return Trouble("measurement", words)
        if unsent and not self.switched:
            return Trouble("bench", f"ports of the tester refused {unsent} frames")
        found = self.devices.trouble(switched=self.switched, unexplained=unexplained)
        late = max(self.player.latest, self.rig.wires.latest)
        for who, worst, stalled in (
            ("the tester", late, self.player.stalled),
            ("what was ordered", self.tardy, 0),
        ):
            words = too_late(worst, stalled, self.rig.late, self.player.clock() - self.player.start)
            if found is None and words is not None:
                found = Trouble("measurement", f"{who} was {words}")
        return found

    def cut_short(self, recording: Recording) -> Trouble | None:
        """Say that frames came cut, of a length that the tester was never seen to receive whole."""
        wires = self.rig.wires
        if wires.whole is None or recording.holds != "all":
            return None
        ways = {line.name: DOWN if line.lower else UP for line in wires.lines if line.port is not None}
        wires.whole, cut = cut_short(recording, ways, wires.whole)
        if not cut:
            return None
        words = f"{len(cut)} frames came cut, one of {cut[0].claimed} octets with {cut[0].octets}"
        known = f"the tester is known to receive {wires.whole} whole"
        return Trouble("limit", f"{words}; {known}, and who cut them cannot be told")


def too_late(worst: int, stalled: int, most: int, span: int) -> str | None:
    """Say what was too much of a lateness in a time of `span`, if anything was; all are ns."""
    if worst > most:
        return f"{worst / 1e6:.1f} ms late"
    if stalled > STALLED * span:
        return f"at a standstill for {stalled / 1e6:.0f} of {span / 1e6:.0f} ms"
    return None
