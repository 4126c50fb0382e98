"""What became of the frames of hosts: delivered, lost, delivered twice, strayed, reordered, and how fast."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from traffic.frames.host import credit, traffic_class
from traffic.frames.roce import identify
from traffic.recordings.columns import BeyondRecording, Flow, View
from traffic.recordings.decode import Rows, credit_bytes
from traffic.recordings.measured import Measured
from traffic.recordings.ordering import Reordering, reordering_of
from traffic.recordings.rows import Row
from traffic.scenario import DOWN, FCS, UP

LINK_LOCAL = bytes.fromhex("0180c20000")
NO_STREAM = 0


@dataclass(frozen=True, slots=True)
class HostFrame:
    """A frame on its way from or to a host, at its time in ns; `direction` UP is sent, DOWN received.

    `host` is the host at this end. For a host without a link the row is the DATA message that carried it.
    """

    row: int
    time: int
    host: str
    direction: int
    delivered: int
    frame: bytes

    @property
    def packet(self) -> int:
        """Number of the packet in the stored recording."""
        return self.row + 1

    @property
    def size(self) -> int:
        """Frame size with FCS, as RFC 2544 counts it."""
        return len(self.frame) + FCS

    @property
    def credit(self) -> int:
        """Credit bytes of the frame."""
        return credit(self.frame)

    @property
    def cls(self) -> int:
        """Class: the PCP of an outer 802.1Q tag, else 0."""
        return traffic_class(self.frame)

    def __str__(self) -> str:
        return f"packet {self.packet} of {self.host}: {len(self.frame)} octets, {self.frame[:24].hex(' ')}"


@dataclass(frozen=True, eq=False)
class Deliveries:
    """One item for each copy of a host frame that some host had to receive, in order of sending.

    `sent` and `received` are rows, `received` is -1 for a loss; `source` and `destination` index `hosts`.
    `duplicates` are rows received beyond what was sent, `strays` rows of frames nobody sent to that host, and
    `duplicate_hosts` and `stray_hosts` the hosts that received them.
    """

    hosts: tuple[str, ...]
    linked: NDArray[np.bool_]
    sent: Rows
    received: Rows
    source: Rows
    destination: Rows
    cls: Rows
    duplicates: Rows
    duplicate_hosts: Rows
    strays: Rows
    stray_hosts: Rows


class HostView(View):
    """Questions to the frames of hosts.

    A host frame is known by its octets; of equal frames to one host the k-th sent is the k-th received.
    Frames from or to hosts without a link, which emulated peers stand for, count only with `emulated`.
    """

    def frames(
        self, host: str | Iterable[str] | None = None, way: Literal["sent", "received"] = "sent"
    ) -> list[HostFrame]:
        """List the frames that hosts (default: all with a link) sent or received, in order of time."""
        direction = UP if way == "sent" else DOWN
        return [self._host_frame(int(row)) for row in self.rows_of(host, direction)]

    def matches(self) -> dict[int, list[int]]:
        """Map the row of each frame sent by a host to the rows at which hosts received it."""
        found: dict[int, list[int]] = {}
        all_of = self.deliveries
        for sent, received in zip(*map(self.data.numbered, (all_of.sent, all_of.received)), strict=True):
            rows = found.setdefault(sent, [])
            if received >= 0:
                rows.append(received)
        return found

    def losses(
        self,
        source: str | None = None,
        destination: str | None = None,
        cls: int | None = None,
        *,
        emulated: bool = False,
    ) -> list[HostFrame]:
        """List the frames, as sent, that did not reach a host they were for (once for each such host)."""
        chosen = self._flow(source, destination, cls, emulated) & (self.deliveries.received < 0)
        rows, hosts = self.deliveries.sent[chosen], self.deliveries.source[chosen]
        return [
            self._host_frame(row, host, UP) for row, host in zip(rows.tolist(), hosts.tolist(), strict=True)
        ]

    def delivered(
        self,
        source: str | None = None,
        destination: str | None = None,
        cls: int | None = None,
        *,
        emulated: bool = False,
    ) -> int:
        """Count the frames that reached a host they were for."""
        chosen = self._flow(source, destination, cls, emulated)
        return int((self.deliveries.received[chosen] >= 0).sum())

    def duplicates(self, host: str | None = None, *, emulated: bool = False) -> list[HostFrame]:
        """List the frames received by a host (default: any) more often than they were sent to it."""
        return self._surplus(self.deliveries.duplicates, self.deliveries.duplicate_hosts, host, emulated)

    def strays(self, host: str | None = None, *, emulated: bool = False) -> list[HostFrame]:
        """List the frames received by a host (default: any) that nobody sent to it, altered ones included."""
        return self._surplus(self.deliveries.strays, self.deliveries.stray_hosts, host, emulated)

    def reordering(
        self,
        source: str | None = None,
        destination: str | None = None,
        cls: int | None = None,
        *,
        emulated: bool = False,
    ) -> Reordering:
        """Return how far frames were received out of order, by flow (source, destination, class)."""
        table = self.deliveries
        chosen = np.flatnonzero(self._flow(source, destination, cls, emulated) & (table.received >= 0))
        group = (table.source[chosen] * len(table.hosts) + table.destination[chosen]) * 8 + table.cls[chosen]
        order = np.argsort(table.received[chosen], kind="stable")
        return reordering_of(group[order], chosen[order], table.received[chosen][order], self.data.play)

    def flows(self) -> list[Flow]:
        """List what became of the frames of each stream, counted by the tester or from the frames."""
        if self.data.holds == "counters":
            return list(self.data.counted)
        table = self.deliveries
        stream = np.array([self._stream(row) for row in table.sent.tolist()], np.int64)
        again = Counter(self._stream(row) for row in table.duplicates.tolist())
        found = []
        for number in sorted(set(stream.tolist()) - {NO_STREAM}):
            own = stream == number
            came = np.flatnonzero(own & (table.received >= 0))
            came = came[np.argsort(table.received[came], kind="stable")]
            order = reordering_of(np.zeros(len(came), np.int64), came, table.received[came], self.data.play)
            lost = int(own.sum()) - len(came)
            found.append(Flow(number, int(own.sum()), lost, again[number], order.reordered))
        return found

    def latencies(
        self,
        source: str | None = None,
        destination: str | None = None,
        cls: int | None = None,
        *,
        emulated: bool = False,
    ) -> NDArray[np.int64]:
        """Return ns from last bit out of the host to last bit towards the other host, in order of sending."""
        table = self.deliveries
        chosen = self._flow(source, destination, cls, emulated) & (table.received >= 0)
        return self.data.time[table.received[chosen]] - self.data.time[table.sent[chosen]]

    def received_bytes(
        self, host: str, *, source: str | None = None, start: int = 0, stop: int | None = None
    ) -> int:
        """Return the credit bytes that reached a host in [start, stop) ns, of one sender or of all."""
        rows = self._received_rows(host, source)
        inside = self.data.time[rows] >= start
        if stop is not None:
            inside &= self.data.time[rows] < stop
        return int(credit_bytes(self.data.length[rows[inside]].astype(np.int64)).sum())

    def throughput(self, host: str, start: int, stop: int, *, source: str | None = None) -> Measured:
        """Return the Mbit/s of credit bytes (FCS, preamble, gap included) received in [start, stop) ns.

        It is uncertain by the longest frame of that sender, or of all, at each end of the window.
        """
        octets = self.received_bytes(host, source=source, start=start, stop=stop)
        return Measured.over(octets, self._longest(host, source), stop - start)

    def _longest(self, host: str, source: str | None) -> int:
        lengths = self.data.length[self._received_rows(host, source)]
        return int(credit_bytes(lengths.astype(np.int64)).max(initial=0))

    def _received_rows(self, host: str, source: str | None) -> Rows:
        if source is None:
            return self.rows_of(host, DOWN)
        received = self.deliveries.received[self._flow(source, host, None, emulated=True)]
        return received[received >= 0]

    def throughput_bins(
        self, host: str, start: int, stop: int, width: int, *, source: str | None = None
    ) -> list[float]:
        """Return the throughput in Mbit/s of each whole bin of `width` ns within [start, stop)."""
        starts = range(start, stop - width + 1, width)
        return [self.throughput(host, first, first + width, source=source) for first in starts]

    @cached_property
    def deliveries(self) -> Deliveries:
        """All deliveries of the play; needs every frame."""
        if self.data.holds != "all":
            raise BeyondRecording(f"the recording holds {self.data.holds}, not all frames")
        hosts = tuple(self.data.facts.hosts)
        linked = np.array([host in {link.name for link in self.data.links} for host in hosts], bool)
        sent, received = self._ends(hosts, linked, UP), self._ends(hosts, linked, DOWN)
        by_mac = {self.data.facts.hosts[host].mac: index for index, host in enumerate(hosts)}
        everyone = range(len(hosts))
        floods, groups = self._floods(), self._carries_groups()

        waiting: dict[tuple[int, int], deque[int]] = {}
        items: list[tuple[int, int, int, int]] = []
        for row, source, start, stop, copies in sent:
            frame = self.data.blob[start:stop]
            known = by_mac.get(frame[:6])
            if known is not None:
                receivers: Iterable[int] = () if known == source else (known,)
            elif frame[:5] == LINK_LOCAL and frame[5] < 16:
                receivers = ()
            elif groups if frame[0] & 1 else floods:
                receivers = (host for host in everyone if host != source)
            else:
                receivers = ()
            cls = traffic_class(frame)
            identity = hash(frame)
            for host in receivers:
                queue = waiting.setdefault((host, identity), deque())
                for _ in range(copies):
                    queue.append(len(items))
                    items.append((row, source, host, cls))

        arrived = np.full(len(items), -1, np.int64)
        duplicates: list[tuple[int, int]] = []
        strays: list[tuple[int, int]] = []
        for row, host, start, stop, _ in received:
            expected = waiting.get((host, hash(self.data.blob[start:stop])))
            if expected:
                arrived[expected.popleft()] = row
            else:
                (strays if expected is None else duplicates).append((row, host))
        columns = np.array(items, np.int64).reshape(-1, 4).T
        return Deliveries(
            hosts,
            linked,
            columns[0],
            arrived,
            *columns[1:],
            *np.array(duplicates, np.int64).reshape(-1, 2).T,
            *np.array(strays, np.int64).reshape(-1, 2).T,
        )

    def _stream(self, row: int) -> int:
        label = identify(self._host_frame(row, 0, UP).frame)
        return NO_STREAM if label is None else label[0]

    def _floods(self) -> bool:
        found = self.data.facts.parameters.get("unknown_unicast")
        return found is not None and found.value == "flood"

    def _carries_groups(self) -> bool:
        """Whether frames to groups have to arrive: unless a device says in its ICS that it carries none."""
        return not any(
            node.ics.get("MULTICAST") is False
            for node in self.data.facts.nodes.values()
            if node.role != "GSF"
        )

    def _ends(
        self, hosts: tuple[str, ...], linked: NDArray[np.bool_], direction: int
    ) -> list[tuple[int, int, int, int, int]]:
        """List (row, host, start and end in the blob, copies) of the frames that enter or leave at hosts.

        For a host without a link these are the DATA messages that its emulated node sends, or is sent.
        """
        names = {host: index for index, host in enumerate(hosts) if linked[index]}
        owner = np.array([names.get(link.name, -1) for link in self.data.links] or [-1], np.int64)[
            self.data.link
        ]
        rows = np.flatnonzero((owner >= 0) & (self.data.direction == direction))
        host, start, stop = (
            owner[rows],
            self.data.offset[rows],
            self.data.offset[rows] + self.data.length[rows],
        )
        if not linked.all() and "fabric taps" in self.data.capabilities:
            table = self.data.decoded["DATA"]
            seen = self.data.leaving(table) if direction == UP else self.data.reaching(table)
            table = table.where(table.valid_crc & seen)
            seats = {
                (self.data.facts.hosts[name].node, self.data.facts.hosts[name].port): index
                for index, name in enumerate(hosts)
                if not linked[index]
            }
            macs = {self.data.facts.hosts[hosts[index]].mac: index for index in seats.values()}
            if direction == UP:
                at = (macs.get(self.data.blob[first + 6 : first + 12], -1) for first in table.start.tolist())
            else:
                ends = zip(table["destination"].tolist(), table["port"].tolist(), strict=True)
                at = (seats.get(end, -1) for end in ends)
            found = np.fromiter(at, np.int64, len(table))
            mine = found >= 0
            rows = np.r_[rows, table.rows[mine]]
            host, start = np.r_[host, found[mine]], np.r_[start, table.start[mine]]
            stop = np.r_[stop, (table.start + table.octets)[mine]]
        order = np.argsort(rows, kind="stable")
        columns = (rows, host, start, stop, self.data.delivered[rows])
        return list(zip(*(column[order].tolist() for column in columns), strict=True))

    def rows_of(self, host: str | Iterable[str] | None, direction: int) -> Rows:
        """Return the rows on the links of hosts (default: all) in a direction."""
        if self.data.holds == "counters":
            raise BeyondRecording("the recording holds counters, no frames")
        if host is None:
            host = [link.name for link in self.data.links if not link.fabric]
        return np.flatnonzero(self.data.on_links(host)[self.data.link] & (self.data.direction == direction))

    def _host_frame(self, row: int, host: int | None = None, direction: int | None = None) -> HostFrame:
        link = self.data.links[self.data.link[row]]
        frame = self.data.frame(row)
        if link.fabric:
            table = self.data.decoded["DATA"]
            position = int(np.searchsorted(table.rows, row))
            start = int(table.start[position])
            frame = self.data.blob[start : start + int(table.octets[position])]
        return HostFrame(
            Row(row, self.data.play),
            int(self.data.time[row]),
            link.name if host is None else self.deliveries.hosts[host],
            int(self.data.direction[row]) if direction is None else direction,
            int(self.data.delivered[row]),
            frame,
        )

    def _flow(
        self, source: str | None, destination: str | None, cls: int | None, emulated: bool
    ) -> NDArray[np.bool_]:
        table = self.deliveries
        chosen = np.ones(len(table.sent), bool)
        if not emulated:
            chosen &= table.linked[table.source] & table.linked[table.destination]
        if source is not None:
            chosen &= table.source == table.hosts.index(source)
        if destination is not None:
            chosen &= table.destination == table.hosts.index(destination)
        if cls is not None:
            chosen &= table.cls == cls
        return chosen

    def _surplus(self, rows: Rows, hosts: Rows, host: str | None, emulated: bool) -> list[HostFrame]:
        table = self.deliveries
        return [
            self._host_frame(row, index, DOWN)
            for row, index in zip(rows.tolist(), hosts.tolist(), strict=True)
            if (emulated or table.linked[index]) and host in {None, table.hosts[index]}
        ]
