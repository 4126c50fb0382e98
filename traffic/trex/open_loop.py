"""What of a scenario a server can play by itself: frames of real hosts whose times nothing can change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from traffic.frames.roce import identify
from traffic.scenario import HostAddress, Scenario, Stream
from traffic.tester.tester import TesterPort, VirtualTester
from traffic.trex.data import LONGEST, Counting, Load

MOST_SCHEDULED: Final = 2000
"""Single frames that a port is given in advance: each is a stream of the server's."""
_TAG: Final = b"\x81\x00"
_NS: Final = 1_000_000_000

Timed = tuple[int, bytes]
"""Time in ns from the start of the scenario, and frame."""


@dataclass(frozen=True)
class PortPlan:
    """What one port plays: streams that count, single frames, and the times at which all of them leave."""

    loads: tuple[Load, ...]
    frames: tuple[Timed, ...]
    times: tuple[int, ...]

    @property
    def end(self) -> int:
        """When the last frame leaves."""
        return self.times[-1]


def split(
    scenario: Scenario, ports: Sequence[TesterPort], hosts: Mapping[str, HostAddress], profile: str
) -> tuple[dict[int, PortPlan], Scenario]:
    """Part a scenario into what the server plays, by number of the tester's port, and what is left.

    A host stays with the tester if a trigger or a link event touches it, if a frame of it is too long,
    or if more than `MOST_SCHEDULED` of them are made by no counter; so do all where hosts pause.
    """
    if scenario.pauses:
        return {}, scenario
    touched = {event.link for event in scenario.links} | _later(scenario)
    plans = {}
    for number, port in enumerate(ports):
        if port.kind == "host" and port.name not in touched:
            alone = _of(scenario, port.name)
            plan = _plan(alone, number, ports, hosts, profile) if alone.streams or alone.frames else None
            if plan is not None:
                plans[number] = plan
    taken = {ports[number].name for number in plans}
    rest = replace(
        scenario,
        streams=tuple(stream for stream in scenario.streams if stream.source not in taken),
        frames=tuple(timed for timed in scenario.frames if timed.port not in taken),
    )
    return plans, rest


def _later(scenario: Scenario) -> set[str]:
    """Names of the ports that triggers of a scenario use."""
    found: set[str] = set()
    for trigger in scenario.triggers:
        then = trigger.then
        found |= {stream.source for stream in then.streams} | {timed.port for timed in then.frames}
        found |= {pause.host for pause in then.pauses} | {event.link for event in then.links} | _later(then)
    return found


def _of(scenario: Scenario, host: str) -> Scenario:
    return Scenario(
        streams=tuple(stream for stream in scenario.streams if stream.source == host),
        frames=tuple(timed for timed in scenario.frames if timed.port == host),
    )


def _plan(
    alone: Scenario,
    number: int,
    ports: Sequence[TesterPort],
    hosts: Mapping[str, HostAddress],
    profile: str,
) -> PortPlan | None:
    """Lay out the frames of one host at line rate, as a tester that plays nothing else would send them."""
    most = sum(stream.count for stream in alone.streams if not _countable(stream)) + len(alone.frames)
    if most > MOST_SCHEDULED:
        return None
    tester = VirtualTester(ports, hosts, profile)
    tester.play(alone, 0)
    sent: list[Timed] = []
    while tester.busy:
        now = tester.due
        sent += [(now, frame) for port, frame in tester.wake(now) if port == number]
    if any(len(frame) > LONGEST for _, frame in sent):
        return None
    times = tuple(at for at, _ in sent)
    loads = []
    for stream in filter(_countable, alone.streams):
        own = [(at, frame) for at, frame in sent if identify(frame) in _names(stream)]
        load = _counted(stream, own)
        if load is not None:
            loads.append(load)
            counted = {frame for _, frame in own}
            sent = [(at, frame) for at, frame in sent if frame not in counted]
    if len(sent) > MOST_SCHEDULED:
        return None
    return PortPlan(tuple(loads), tuple(sent), times)


def _names(stream: Stream) -> set[tuple[int, int]]:
    return {(stream.id, stream.first + number) for number in range(stream.count)}


def _countable(stream: Stream) -> bool:
    return stream.kind == "ethernet" and len(stream.sizes) == 1 and stream.count > 1


def _counted(stream: Stream, sent: Sequence[Timed]) -> Load | None:
    """Return frames as one load that counts; None when their times or octets follow no such rule."""
    times, first = [at for at, _ in sent], sent[0][1]
    gaps = {later - sooner for sooner, later in pairwise(times)}
    at = (16 if first[12:14] == _TAG else 12) + 6
    if len(gaps) != 1 or len(sent) != stream.count:
        return None
    for number, (_, frame) in enumerate(sent):
        if frame != first[:at] + (stream.first + number).to_bytes(4, "big") + first[at + 4 :]:
            return None
    return Load(
        f"stream {stream.id}",
        first,
        pps=_NS / gaps.pop(),
        count=stream.count,
        start=times[0],
        counting=(Counting(at, 4, stream.first),),
    )
