"""What a recording shows of the devices under test, worked out once for the invariants of all chapters."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conformance.judge.invariants.kept import kept
from conformance.judge.invariants.parties import ids_under_test, under_test
from traffic.frames.host import traffic_class
from traffic.recordings.columns import Columns
from traffic.recordings.decode import Rows, Table, credit_bytes
from traffic.recordings.recording import DOWN, UP, Container, HostAddress, Queue, Recording

MAC: Final = 6
TAGS: Final = frozenset({b"\x81\x00", b"\x88\xa8"})
LINK_LOCAL: Final = bytes.fromhex("0180c20000")
MAC_CONTROL: Final = b"\x88\x08"
FCS: Final = 4
WITHDRAWN: Final = ("no_path", "dgsq_aborted", "table_withdrawn", "queue_full", "dgsq_exhausted")
"""Causes under which a source may drop frames that it had queued or numbered."""


class Key(NamedTuple):
    """A final egress as a source sees it."""

    node: int
    port: int
    cls: int


class Sent(NamedTuple):
    """A frame as a host sent it: row, time in ns at which it reached its GSP, host, copies that arrived."""

    row: int
    time: int
    host: str
    copies: int


class Left(NamedTuple):
    """A DATA message as it left its source GSP; time in ns, `link` indexes the links of the recording."""

    row: int
    time: int
    link: int
    queue: Queue
    sequence: int
    place: int
    frame: bytes


class Wire:
    """What left and reached the devices under test; each part is worked out when it is first asked for."""

    def __init__(self, recording: Recording) -> None:
        recording.need("fabric taps", whole=True)
        self.columns = recording.columns
        self.recording = recording

    @cached_property
    def gsps(self) -> dict[str, int]:
        """Node ids by name of the GSPs under test all hosts of which have a link that was seen."""
        links = {link.name for link in self.columns.links}
        hosts = self.columns.facts.hosts.values()
        return {
            name: node
            for name in under_test(self.recording, "GSP")
            for node in [self.columns.facts.nodes[name].id]
            if all(host.name in links for host in hosts if host.node == node)
        }

    @cached_property
    def gsfs(self) -> dict[str, int]:
        """Node ids by name of the GSFs under test."""
        nodes = zip(under_test(self.recording, "GSF"), ids_under_test(self.recording, "GSF"), strict=True)
        return dict(nodes)

    @cached_property
    def arrival(self) -> list[int]:
        """Time in ns at which each row reaches the far end of its link."""
        found: list[int] = self.columns.arrival.tolist()
        return found

    def hosts_of(self, nodes: Iterable[int]) -> dict[str, HostAddress]:
        """Hosts by name that sit on some nodes."""
        known = set(nodes)
        return {name: host for name, host in self.columns.facts.hosts.items() if host.node in known}

    def host_rows(self, host: str, direction: int) -> list[int]:
        """Rows on the link of a host in a direction, in order of time."""
        return self._host_rows.get((host, direction), [])

    @cached_property
    def _host_rows(self) -> dict[tuple[str, int], list[int]]:
        found: dict[tuple[str, int], list[int]] = {}
        for index, link in enumerate(self.columns.links):
            if not link.fabric:
                own = self.columns.link == index
                for direction in (UP, DOWN):
                    found[link.name, direction] = np.flatnonzero(
                        own & (self.columns.direction == direction)
                    ).tolist()
        return found

    @cached_property
    def sent(self) -> dict[bytes, list[Sent]]:
        """What the hosts of GSPs under test sent, by octets, each in order of time; pauses are left out."""
        found: dict[bytes, list[Sent]] = {}
        arrival, copies = self.columns.arrival, self.columns.delivered
        for host in self.hosts_of(self.gsps.values()):
            for row in self.host_rows(host, UP):
                frame = self.columns.frame(row)
                if frame[12:14] != MAC_CONTROL:
                    item = Sent(row, int(arrival[row]), host, int(copies[row]))
                    found.setdefault(frame, []).append(item)
        return found

    @cached_property
    def received(self) -> list[tuple[int, str, bytes]]:
        """What hosts of GSPs under test received, as (row, host, octets); MAC control is left out."""
        found = []
        for host in self.hosts_of(self.gsps.values()):
            for row in self.host_rows(host, DOWN):
                frame = self.columns.frame(row)
                if frame[12:14] != MAC_CONTROL:
                    found.append((row, host, frame))
        return found

    @cached_property
    def every_sent(self) -> Counter[bytes]:
        """How often each frame was sent by any host, those that emulated devices stand for included."""
        found: Counter[bytes] = Counter()
        for frame, times in self.sent.items():
            found[frame] += sum(item.copies for item in times)
        others = [name for name in self.columns.facts.hosts if name not in self.hosts_of(self.gsps.values())]
        for host in others:
            for row in self.host_rows(host, UP):
                found[self.columns.frame(row)] += int(self.columns.delivered[row])
        copies = self.columns.delivered[self.reaching.rows].tolist()
        for item, count in zip(self.came, copies, strict=True):
            found[item.frame] += count
        return found

    @cached_property
    def data(self) -> Table:
        """Sound DATA where it leaves a GSP under test."""
        return self.from_gsps("DATA")

    @cached_property
    def reaching(self) -> Table:
        """Sound DATA that was not lost where it reaches a GSP under test."""
        return self.to_gsps("DATA")

    def to_gsps(self, name: str) -> Table:
        """Sound messages that were not lost where they reach the GSP under test that they are for."""
        if name not in self._to_gsps:
            self._to_gsps[name] = self._reaching(name)
        return self._to_gsps[name]

    @cached_property
    def _to_gsps(self) -> dict[str, Table]:
        return {}

    def _reaching(self, name: str) -> Table:
        table = self.columns.tables[name]
        mine = np.isin(table["destination"], list(self.gsps.values()))
        there = self.columns.reaching(table) & (self.columns.delivered[table.rows] > 0)
        return table.where(table.valid_crc & there & mine)

    def from_gsps(self, name: str) -> Table:
        """Sound messages where they leave the GSP under test that made them."""
        if name not in self._from_gsps:
            self._from_gsps[name] = self._leaving(name)
        return self._from_gsps[name]

    @cached_property
    def _from_gsps(self) -> dict[str, Table]:
        return {}

    def _leaving(self, name: str) -> Table:
        table = self.columns.tables[name]
        mine = np.isin(table["source"], list(self.gsps.values()))
        return table.where(table.valid_crc & self.columns.leaving(table) & mine)

    @cached_property
    def left(self) -> list[Left]:
        """DATA as it left GSPs under test, in order of time."""
        return self.frames_of(self.data)

    @cached_property
    def came(self) -> list[Left]:
        """DATA as it reached GSPs under test, in order of time; `time` is that of leaving the link before."""
        return self.frames_of(self.reaching)

    def frames_of(self, table: Table) -> list[Left]:
        """List sound DATA messages frame by frame."""
        rows, frames = self._frames
        return [frames[position] for position in np.searchsorted(rows, table.rows).tolist()]

    @cached_property
    def _frames(self) -> tuple[Rows, list[Left]]:
        """Rows of all sound DATA, and the messages in them."""
        table = self.columns.tables["DATA"]
        table = table.where(table.valid_crc)
        blob = self.columns.blob
        names = ("source", "destination", "port", "class", "generation")
        queues = map(Queue._make, zip(*(table[name].tolist() for name in names), strict=True))
        octets = zip(table.start.tolist(), (table.start + table.octets).tolist(), strict=True)
        columns = (
            self.columns.numbered(table.rows),
            self.columns.time[table.rows].tolist(),
            self.columns.link[table.rows].tolist(),
            _shared(queues),
            table["sequence"].tolist(),
            table["index"].tolist(),
            [blob[start:stop] for start, stop in octets],
        )
        return table.rows, list(map(Left._make, zip(*columns, strict=True)))

    @cached_property
    def lost(self) -> list[Left]:
        """Sound DATA that was lost on a link."""
        table = self.columns.tables["DATA"]
        return self.frames_of(table.where(table.valid_crc & (self.columns.delivered[table.rows] == 0)))

    def passing(self, name: str, *, arriving: bool) -> list[Left]:
        """Sound DATA, in order of time, that reached a device over the fabric, or left it."""
        known = self._passing
        if (name, arriving) not in known:
            table = self.columns.tables["DATA"]
            mine = passing(self.columns, name, arriving=arriving)[table.rows]
            known[name, arriving] = self.frames_of(table.where(table.valid_crc & mine))
        return known[name, arriving]

    @cached_property
    def _passing(self) -> dict[tuple[str, bool], list[Left]]:
        return {}

    @cached_property
    def copies(self) -> dict[bytes, list[Left]]:
        """DATA as it left GSPs under test, by the frame that it carries."""
        found: dict[bytes, list[Left]] = {}
        for item in self.left:
            found.setdefault(item.frame, []).append(item)
        return found

    @cached_property
    def containers(self) -> dict[Queue, list[Container]]:
        """Containers that left GSPs under test, by DGSQ generation, each list by sequence.

        The first of a list is the first that was seen; after it sequences go on around their wrap.
        """
        mine = set(self.gsps.values())
        found: dict[Queue, list[Container]] = {}
        for container in self.recording.fabric.containers():
            if container.source in mine:
                found.setdefault(container.queue, []).append(container)
        numbers = self.columns.profile.numbers()
        for items in found.values():
            first = items[0].sequence
            items.sort(key=lambda item: (item.sequence - first + numbers // 2) % numbers)
        return found

    @cached_property
    def generations(self) -> dict[tuple[int, Key], list[int]]:
        """Generations of each source and final egress in DATA and REQUEST, in order of appearance."""
        seen: dict[tuple[int, Key], dict[int, int]] = {}
        for name in ("DATA", "REQUEST"):
            if name not in self.columns.profile.messages:
                continue
            table = self.data if name == "DATA" else self.from_gsps(name)
            fields = ("source", "destination", "port", "class", "generation")
            columns = (table[field].tolist() for field in fields)
            for row, source, node, port, cls, generation in zip(table.rows.tolist(), *columns, strict=True):
                mine = seen.setdefault((source, Key(node, port, cls)), {})
                mine[generation] = min(mine.get(generation, row), row)
        return {key: sorted(items, key=items.__getitem__) for key, items in seen.items()}

    def numbered(self, rows: Iterable[int]) -> list[int]:
        """List rows as what they are: rows of this play."""
        return self.columns.numbered(np.fromiter(rows, np.int64))

    def began(self, name: str) -> bool:
        """Whether a GSP held no queue when the recording began, as far as its counters tell."""
        if self.counter(name, "dgsq_active") is None:
            return False
        governed = self.recording.parameter("dgsq_mode") == "on-first-frame"
        return governed and self.columns.baseline.get(name, {}).get("dgsq_active", 0) == 0

    def dropped(self, name: str, causes: Iterable[str] = WITHDRAWN) -> int | None:
        """How many frames a device dropped under some causes, None where its counters are not read."""
        counters = self.columns.counters.get(name)
        if counters is None or "counters" not in self.columns.capabilities:
            return None
        return sum(counters.get(f"drop.{cause}", 0) for cause in causes)

    def counter(self, node: str, name: str) -> int | None:
        """How far a counter of a device rose, None where it was not read."""
        if "counters" not in self.columns.capabilities:
            return None
        return self.columns.counters.get(node, {}).get(name)

    @cached_property
    def by_mac(self) -> Mapping[bytes, HostAddress]:
        """Hosts by their MAC address."""
        return {host.mac: host for host in self.columns.facts.hosts.values()}

    def key_of(self, frame: bytes) -> Key | None:
        """Return the final egress of a frame to a host of the testbed, None for any other frame."""
        host = self.by_mac.get(frame[:MAC])
        return None if host is None else Key(host.node, host.port, traffic_class(frame))

    def links_up(self, name: str) -> list[int]:
        """Return indices of the fabric links that lead up from a node."""
        links = self.columns.links
        return [index for index, link in enumerate(links) if link.fabric and link.lower == name]

    def idle_before(self, row: int) -> int:
        """How long in ns a link carried nothing, the same way, before a frame began to leave on it."""
        return self._idle[row]

    def wire_time(self, row: int) -> int:
        """How long in ns a frame takes on its link, with FCS, preamble and gap."""
        return self._wire_times[row]

    @cached_property
    def _wire_times(self) -> list[int]:
        rates = np.array([link.rate_mbps for link in self.columns.links] or [1], np.int64)
        times: list[int] = (
            credit_bytes(self.columns.length.astype(np.int64)) * 8000 // rates[self.columns.link]
        ).tolist()
        return times

    @cached_property
    def _idle(self) -> list[int]:
        columns = self.columns
        idle = columns.time - np.array(self._wire_times, np.int64)
        line = columns.link.astype(np.int64) * 2 + columns.direction
        order = np.argsort(line, kind="stable")
        before, after = order[:-1], order[1:]
        same = line[before] == line[after]
        idle[after[same]] -= columns.time[before[same]]
        found: list[int] = idle.tolist()
        return found


@kept
def wire(recording: Recording) -> Wire:
    """Return what is known of a recording; BeyondRecording unless every frame of the fabric was seen."""
    return Wire(recording)


def passing(columns: Columns, name: str, *, arriving: bool) -> NDArray[np.bool_]:
    """Tell which rows reach a device over the fabric, or leave it; those lost on the way reach nobody."""
    lower = np.array([link.fabric and link.lower == name for link in columns.links], bool)[columns.link]
    upper = np.array([link.fabric and link.upper == name for link in columns.links], bool)[columns.link]
    up = columns.direction == UP
    down = columns.direction == DOWN
    if arriving:
        found: NDArray[np.bool_] = ((lower & down) | (upper & up)) & (columns.delivered > 0)
        return found
    gone: NDArray[np.bool_] = (lower & up) | (upper & down)
    return gone


def _shared(queues: Iterable[Queue]) -> list[Queue]:
    """List queues, equal ones as the same object."""
    known: dict[Queue, Queue] = {}
    return [known.setdefault(queue, queue) for queue in queues]


def untagged(frame: bytes) -> bytes:
    """Return a frame without its 802.1Q and 802.1ad tags."""
    at = 2 * MAC
    while frame[at : at + 2] in TAGS:
        at += 4
    return frame[: 2 * MAC] + frame[at:]


def is_link_local(frame: bytes) -> bool:
    """Whether a frame is for 01-80-C2-00-00-00 to -0F."""
    return frame.startswith(LINK_LOCAL) and frame[5] < 16
