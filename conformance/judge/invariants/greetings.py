"""HELLO as a recording shows it: what each end of a fabric link said and heard, and the DATA beside it."""

from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np

from conformance.judge.invariants.kept import kept
from conformance.judge.invariants.wire import Wire, wire
from traffic.recordings.recording import DOWN, UP, Link, Recording


class Hello(NamedTuple):
    """A HELLO on a link: its row, when it left and came (ns), copies that came, and what it says."""

    row: int
    time: int
    arrival: int
    delivered: int
    source: int
    sequence: int
    port: int
    role: int
    rate: int
    heard_node: int
    heard_sequence: int
    reach: Mapping[int, int]


class Greetings:
    """The HELLO of a recording, by (index of the link, direction), each list in order of time."""

    def __init__(self, seen: Wire) -> None:
        self.seen = seen
        self.links = seen.columns.links

    @cached_property
    def lines(self) -> dict[tuple[int, int], list[Hello]]:
        """All of them with a checksum that is right."""
        columns = self.seen.columns
        table = columns.tables["HELLO"]
        bounds = np.searchsorted(table.owner, np.arange(len(table) + 1)).tolist()
        nodes, rates = table.entries["node"].tolist(), table.entries["rate"].tolist()
        names = ("source", "sequence", "port_id", "role", "rate", "heard_node", "heard_sequence")
        fields = zip(*(table[name].tolist() for name in names), strict=True)
        seen = (columns.time, columns.arrival, columns.delivered, columns.link, columns.direction)
        time, arrival, copies, links, ways = (column[table.rows].tolist() for column in seen)
        found: dict[tuple[int, int], list[Hello]] = {}
        latest: dict[tuple[int, int], tuple[tuple[list[int], list[int]], dict[int, int]]] = {}
        valid = table.valid_crc.tolist()
        for position, (row, values) in enumerate(zip(table.rows.tolist(), fields, strict=True)):
            if valid[position]:
                line = (links[position], ways[position])
                first, stop = bounds[position], bounds[position + 1]
                said = (nodes[first:stop], rates[first:stop])
                if line not in latest or latest[line][0] != said:
                    latest[line] = (said, dict(zip(*said, strict=True)))
                reach = latest[line][1]
                item = Hello(row, time[position], arrival[position], copies[position], *values, reach=reach)  # type: ignore[misc]  # seven values
                found.setdefault(line, []).append(item)
        return found

    def heard_down(self, index: int) -> tuple[list[int], list[Hello]]:
        """HELLO that came down a link, and when (ns)."""
        return self._heard_down.get(index, ([], []))

    @cached_property
    def _heard_down(self) -> dict[int, tuple[list[int], list[Hello]]]:
        found = {}
        for (index, way), items in self.lines.items():
            heard = [item for item in items if item.delivered] if way == DOWN else []
            if heard:
                found[index] = ([item.arrival for item in heard], heard)
        return found

    def left_out(self, index: int, node: int, since: int, until: int) -> bool:
        """Whether all HELLO down a link in a span (ns), the one before and the one after too, omit a node."""
        arrivals, heard = self.heard_down(index)
        last = bisect_right(arrivals, since)
        after = max(last + 1, bisect_right(arrivals, until))
        return last > 0 and all(node not in item.reach for item in heard[last - 1 : after])

    @cached_property
    def ends(self) -> list[tuple[int, Link, int, str, int, list[Hello], list[Hello]]]:
        """(Index, link, direction, name, node id, its HELLO, HELLO to it) of each end under test."""
        known, found = {**self.seen.gsps, **self.seen.gsfs}, []
        for index, link in enumerate(self.links):
            for way, name in ((UP, link.lower), (DOWN, link.upper)):
                if link.fabric and name in known:
                    own = [item for item in self.lines.get((index, way), []) if item.source == known[name]]
                    heard = self.lines.get((index, 1 - way), [])
                    found.append((index, link, way, name, known[name], own, heard))
        return found

    @cached_property
    def rows(self) -> dict[tuple[int, int], np.ndarray]:
        """Rows of sound DATA by (index of the link, direction)."""
        columns = self.seen.columns
        table = columns.tables["DATA"]
        sound = table.rows[table.valid_crc]
        return {
            (index, way): sound[(columns.link[sound] == index) & (columns.direction[sound] == way)]
            for index in range(len(self.links))
            for way in (UP, DOWN)
        }

    @cached_property
    def steady(self) -> bool:
        """Whether every path stayed as it was: no FAULT, no back-pressure, and all HELLO say the same."""
        columns = self.seen.columns
        for name in ("FAULT", "BACKPRESSURE"):
            if name in columns.profile.messages and len(columns.tables[name]):
                return False
        if any(seen != 0 for seen in (self.seen.counter(name, "path_down") for name in self.seen.gsps)):
            return False
        return all(
            item.reach == items[0].reach and item.rate == items[0].rate
            for items in self.lines.values()
            for item in items
        )


@kept
def greetings(recording: Recording) -> Greetings:
    """Return the HELLO of a recording."""
    return Greetings(wire(recording))


def was_alive(seen: Wire, index: int, start: int, stop: int) -> bool:
    """Whether a link carried a frame in a span of time (ns), its ends excluded."""
    columns = seen.columns
    inside = (
        (columns.link == index) & (columns.time > start) & (columns.time < stop) & (columns.delivered > 0)
    )
    return bool(inside.any())


def was_dark(seen: Wire, name: str, start: int, stop: int) -> bool:
    """Whether a device noted the end of a link in a span, or cannot tell."""
    if "events" not in seen.columns.capabilities:
        return True
    return any(
        start <= event.time <= stop and event.node == name and event.name in {"link_down", "neighbour"}
        for event in seen.columns.events
    )


def frame_time(recording: Recording) -> int:
    """Time of the longest frame on the slowest link, in ns."""
    rate = min((link.rate_mbps for link in recording.links), default=1)
    return int((recording.parameter("max_frame") + 60) * 8000 // rate)
