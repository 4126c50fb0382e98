"""Back-pressure as a recording shows it: how long queues of GSFs and host ports were, and who was told."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.counters import growths
from conformance.judge.invariants.credit import COARSE
from conformance.judge.invariants.kept import kept
from conformance.judge.invariants.registration import ALTERED, FROM_AFAR, invariant
from conformance.judge.invariants.transparency import TABLE
from conformance.judge.invariants.wire import Wire, passing, wire
from traffic.recordings.decode import Rows
from traffic.recordings.recording import DOWN, Recording

UNCLEAR: Final = (
    FROM_AFAR | ALTERED | TABLE | {"setting", "carrier", "duplicate", "loss", "blackout", "pause"}
)
"""What hides when a frame came into a queue, or to whom a message can be sent."""


class Waiting(NamedTuple):
    """A frame in a queue: its row there, when it came and when it began to leave (ns), and whose it is."""

    row: int
    came: int
    left: int
    octets: int
    source: int
    about: int


@dataclass(frozen=True)
class Line:
    """The queue of one port, in order of departure: frames with a source and the node they are for."""

    name: str
    node: int
    frames: list[Waiting]

    @cached_property
    def depth(self) -> Rows:
        """Octets that wait when each frame has come, itself included."""
        waiting: Rows = _sum_until(self._came, self._octets, self._came)
        waiting -= _sum_until(self._left, self._octets, self._came)
        return waiting

    @cached_property
    def abouts(self) -> frozenset[int]:
        """The nodes for which something waited."""
        return frozenset(item.about for item in self.frames)

    def longest(self, start: int, stop: int) -> int:
        """Octets that waited at most in a span of time, ends included (ns)."""
        inside = (self._came >= start) & (self._came <= stop)
        before = self._octets[(self._came <= start) & (self._left > start)]
        return max(int(self.depth[inside].max(initial=0)), int(before.sum()))

    @cached_property
    def _came(self) -> Rows:
        return np.array([item.came for item in self.frames], np.int64)

    @cached_property
    def _left(self) -> Rows:
        return np.array([item.left for item in self.frames], np.int64)

    @cached_property
    def _octets(self) -> Rows:
        return np.array([item.octets for item in self.frames], np.int64)


def _sum_until(times: Rows, octets: Rows, moments: Rows) -> Rows:
    order = np.argsort(times, kind="stable")
    total = np.r_[0, np.cumsum(octets[order])]
    result: Rows = total[np.searchsorted(times[order], moments, side="right")]
    return result


class Told(NamedTuple):
    """A BACKPRESSURE where it leaves its reporter; times in ns."""

    row: int
    time: int
    level: int
    validity: int


class Congestion:
    """What the reporters under test had to tell, and what they told."""

    def __init__(self, seen: Wire) -> None:
        self.seen = seen
        self.longest = int(seen.recording.parameter("max_frame")) + 64
        self.threshold = int(seen.recording.parameter("bp_threshold"))

    @cached_property
    def told(self) -> dict[tuple[int, int, int], list[Told]]:
        """BACKPRESSURE by (reporter, node it is about, source it goes to), in order of time."""
        columns, table = self.seen.columns, self.seen.columns.tables["BACKPRESSURE"]
        found: dict[tuple[int, int, int], list[Told]] = {}
        for name, node in {**self.seen.gsfs, **self.seen.gsps}.items():
            mine = table.valid_crc & (table["source"] == node)
            own = table.where(mine & passing(self.seen.columns, name, arriving=False)[table.rows])
            fields = [own[each].tolist() for each in ("about", "destination", "level", "validity")]
            times = columns.time[own.rows].tolist()
            for row, time, about, source, *rest in zip(own.rows.tolist(), times, *fields, strict=True):
                found.setdefault((node, about, source), []).append(Told(row, time, *rest))
        return found

    @cached_property
    def lines(self) -> list[Line]:
        """The queues of GSFs, and those of host ports whose frames came over the fabric."""
        return [*self._transit(), *self.egress]

    @cached_property
    def egress(self) -> list[Line]:
        """The queues of host ports."""
        return list(self._egress())

    def towards(self, node: int, about: int) -> list[Line]:
        """List the queues of a reporter in which something for a node waited."""
        return [line for line in self.lines if line.node == node and about in line.abouts]

    def _transit(self) -> Iterator[Line]:
        columns, arrival = self.seen.columns, self.seen.arrival
        for name, node in self.seen.gsfs.items():
            came: dict[object, list[int]] = {}
            for item in self.seen.passing(name, arriving=True):
                came.setdefault((item.queue, item.sequence, item.place), []).append(arrival[item.row])
            by_port: dict[int, list[Waiting]] = {}
            for item in self.seen.passing(name, arriving=False):
                times = came.get((item.queue, item.sequence, item.place))
                if times:
                    ends = item.queue.source, item.queue.destination
                    by_port.setdefault(item.link, []).append(self._waiting(item.row, times.pop(0), *ends))
            for link, frames in by_port.items():
                yield Line(f"{name} to {columns.links[link].name}", node, frames)

    def _egress(self) -> Iterator[Line]:
        columns = self.seen.columns
        came: dict[bytes, list[tuple[int, int]]] = {}
        for item in self.seen.came:
            came.setdefault(item.frame, []).append((self.seen.arrival[item.row], item.queue.source))
        for name, node in self.seen.gsps.items():
            if any(self.seen.counter(name, counter) != 0 for counter in ("gaps_closed", "reorder_timeouts")):
                continue
            for host in self.seen.hosts_of([node]):
                frames: list[Waiting] = []
                latest: dict[int, int] = {}
                for row in self.seen.host_rows(host, DOWN):
                    times = came.get(columns.frame(row))
                    if times:
                        time, source = times.pop(0)
                        latest[source] = max(latest.get(source, 0), time)
                        frames.append(self._waiting(row, latest[source], source, node))
                if frames:
                    yield Line(f"{name} to {host}", node, frames)

    def _waiting(self, row: int, came: int, source: int, about: int) -> Waiting:
        columns = self.seen.columns
        left = int(columns.time[row]) - self.seen.wire_time(row)
        return Waiting(row, came, left, int(columns.length[row]), source, about)


@kept
def congestion(recording: Recording) -> Congestion:
    """Return what is known of the queues of a recording."""
    return Congestion(wire(recording))


@invariant("DGSQ-BACKPRESSURE-TOLD", hidden_by=UNCLEAR)
def long_queues_are_told(recording: Recording, expect: Expect) -> None:
    """Who adds to a queue well over bp_threshold holds a BACKPRESSURE soon after; nobody else is told any."""
    if "BACKPRESSURE" not in recording.columns.profile.messages:
        return
    known = congestion(recording)
    margin = int(recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0))
    for line in known.lines:
        over = line.depth >= known.threshold + 2 * known.longest
        unheard = [
            item.row
            for item, long in zip(line.frames, over.tolist(), strict=True)
            if long and item.source != item.about and not _holds(known, line, item, margin)
        ]
        if over.any():
            what = f"frames over bp_threshold in the queue of {line.name} whose source was not told soon"
            expect.that(not unheard, what, 0, len(unheard), known.seen.numbered(unheard))
    _told_rightly(known, expect, margin)


def _holds(known: Congestion, line: Line, item: Waiting, margin: int) -> bool:
    """Whether a source holds a BACKPRESSURE in force, as soon after a frame as may be asked for."""
    due = item.came + margin
    told = [each for each in known.told.get((line.node, item.about, item.source), []) if each.time <= due]
    return bool(told) and told[-1].level > 0 and told[-1].time + told[-1].validity >= item.came


def _told_rightly(known: Congestion, expect: Expect, margin: int) -> None:
    """Expect nobody to be told of a queue that he added nothing to, that was not long, or that is empty."""
    lasting = int(known.seen.recording.parameter("bp_validity"))
    faults = (
        "that added to no such queue",
        "though it was not long",
        "though it is empty",
        "for another time",
    )
    wrong: dict[str, list[int]] = {fault: [] for fault in faults}
    for (node, about, source), told in known.told.items():
        lines = known.towards(node, about)
        first = min(
            (each.came for line in lines for each in line.frames if each.source == source), default=None
        )
        since = 0
        for item in told if lines else ():
            if item.level == 0:
                since = item.time
                continue
            long = max(line.longest(since, item.time) for line in lines)
            now = max(line.longest(item.time - margin, item.time) for line in lines)
            found = (
                first is None or first > item.time,
                long < known.threshold - 2 * known.longest,
                now == 0,
                not lasting <= item.validity <= lasting + COARSE,
            )
            for fault, is_so in zip(faults, found, strict=True):
                wrong[fault] += [item.row] if is_so else []
    for fault, rows in wrong.items() if known.told else ():
        expect.that(not rows, f"BACKPRESSURE {fault}", 0, len(rows), known.seen.numbered(rows))


@invariant("DGSQ-BACKPRESSURE-COUNTED", hidden_by=ALTERED)
def back_pressure_is_counted(recording: Recording, expect: Expect) -> None:
    """Expect a device to count each BACKPRESSURE that it made, and a GSP each that reached it."""
    if "BACKPRESSURE" not in recording.columns.profile.messages:
        return
    seen = wire(recording)
    made = [(node, item.time) for (node, _, _), told in congestion(recording).told.items() for item in told]
    came = seen.to_gsps("BACKPRESSURE")
    moments = (recording.columns.arrival[came.rows].tolist(), recording.columns.delivered[came.rows].tolist())
    received = list(zip(came["destination"].tolist(), *moments, strict=True))
    for name, node in {**seen.gsfs, **seen.gsps}.items():
        said = [("backpressure_sent", 0, 0), ("backpressure_received", 0, 0)]  # none is counted without any
        said += [("backpressure_sent", time, 1) for each, time in made if each == node]
        said += [("backpressure_received", time, copies) for each, time, copies in received if each == node]
        growths(seen, expect, name, said)
