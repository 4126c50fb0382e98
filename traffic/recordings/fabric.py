"""What the fabric links show: messages, containers, the spread over uplinks and the order of arrival."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.recordings.columns import View
from traffic.recordings.decode import Fault, Rows, Table, credit_bytes
from traffic.recordings.ordering import Reordering, reordering_of
from traffic.recordings.passed import QUEUE, containers_of, messages_of
from traffic.recordings.rows import Row
from traffic.recordings.seen import Container, Deviation, Improper, Message
from traffic.scenario import UP

Links = str | Iterable[str] | None


class FabricView(View):
    """Questions to the frames on fabric links."""

    def messages(
        self,
        name: str,
        at: Links = None,
        direction: int | None = None,
        *,
        source: str | int | None = None,
        destination: str | int | None = None,
        valid: bool | None = True,
    ) -> list[Message]:
        """List the messages of a type on links in order of time; nodes are given by name or id.

        `valid` chooses by checksum, None takes both. A message that crosses several links is listed at each.
        """
        table = self.data.tables[name]
        chosen = self._seen(table, at, direction, valid) & self._between(table, source, destination)
        return messages_of(self.data, table, np.flatnonzero(chosen))

    def message_at(self, row: int) -> Message | None:
        """Return the message of a row, None if the row holds none that is long enough to read."""
        for table in self.data.tables.tables.values():
            position = int(np.searchsorted(table.rows, row))
            if position < len(table) and table.rows[position] == row:
                return messages_of(self.data, table, np.array([position]))[0]
        return None

    def payload(self, row: int) -> bytes:
        """Return the host frame inside the DATA message of a row; KeyError if there is none."""
        table = self.data.tables["DATA"]
        position = int(np.searchsorted(table.rows, row))
        if position == len(table) or table.rows[position] != row:
            raise KeyError(f"packet {row + 1} is no DATA message")
        start = int(table.start[position])
        return self.data.blob[start : start + int(table.octets[position])]

    def malformed(self, *kinds: Fault, at: Links = None, direction: int | None = None) -> list[int]:
        """List the rows on fabric links that are no sound message, for these reasons or for any."""
        rows = self.data.tables.faults(*kinds)
        chosen = self.data.on_links(at)[self.data.link[rows]]
        if direction is not None:
            chosen &= self.data.direction[rows] == direction
        return self.data.numbered(rows[chosen])

    def improper(self, node: str) -> list[Improper]:
        """List what a node sent on fabric links that is no sound message, or has a value it may not have.

        Frames of other protocols are nobody's messages, and values of messages that it passes on not its own.
        """
        own = self._sent_by(node)
        unsound = self.data.tables.faults(*(set(Fault) - {Fault.SOUND, Fault.FOREIGN}))
        found = [Improper(row, "no sound message") for row in self.data.numbered(unsound[own[unsound]])]
        for item in self.data.tables.illegal():
            table = self.data.tables[item.message]
            source = table["source"][np.searchsorted(table.rows, item.row)]
            if own[item.row] and source == self.data.node_id(node):
                found.append(
                    Improper(Row(item.row, self.data.play), f"{item.field} {item.value} in {item.message}")
                )
        return sorted(found, key=lambda improper: improper.row)

    def frames_of(self, node: str) -> int:
        """Count the frames that a node sent on fabric links."""
        return int(self._sent_by(node)[self.data.tables.rows].sum())

    def _sent_by(self, node: str) -> NDArray[np.bool_]:
        """Tell which rows a node sent."""
        ends = [(link.lower, link.upper) for link in self.data.links]
        way = np.array([end.index(node) if node in end else -1 for end in ends], np.int64)
        sent: NDArray[np.bool_] = way[self.data.link] == self.data.direction
        return sent

    def uplinks(self, node: str) -> list[str]:
        """List the fabric links that lead up from a node."""
        return [link.name for link in self.data.links if link.fabric and link.lower == node]

    def containers(
        self,
        at: Links = None,
        direction: int = UP,
        *,
        source: str | int | None = None,
        destination: str | int | None = None,
        port: int | None = None,
        cls: int | None = None,
    ) -> list[Container]:
        """List the containers seen on links, in order of their first frame.

        Without `at`: upwards where they leave their source node, downwards where they reach theirs.
        """
        table = self.data.tables["DATA"]
        chosen = self._seen(table, at, direction, valid=True)
        if at is None:
            chosen &= self.data.leaving(table) if direction == UP else self.data.reaching(table)
        chosen &= self._between(table, source, destination)
        if port is not None:
            chosen &= table["port"] == port
        if cls is not None:
            chosen &= table["class"] == cls
        return containers_of(self.data, table.where(chosen))

    def uplink_bytes(
        self,
        at: Iterable[str],
        *,
        source: str | int | None = None,
        destination: str | int | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> dict[str, int]:
        """Return the credit bytes of DATA that went up each link in [start, stop) ns."""
        names = list(at)
        rows, sizes = self._upward(names, source, destination, start, stop)
        tally = np.bincount(self.data.link[rows], sizes, len(self.data.links))
        by_name = {link.name: int(total) for link, total in zip(self.data.links, tally, strict=False)}
        return {name: by_name[name] for name in names}

    def deviation(
        self,
        at: Iterable[str],
        weights: Mapping[str, float] | None = None,
        *,
        source: str | int | None = None,
        destination: str | int | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> Deviation:
        """Return the largest gap there ever was between links' tallies of credit bytes divided by weight.

        Weights are scaled to a mean of 1 (default: equal); tallies start at 0 at `start`. Needs every frame.
        """
        self.data.need("fabric taps", whole=True)
        names = list(at)
        rows, sizes = self._upward(names, source, destination, start, stop)
        if not len(rows):
            return Deviation(0.0, -1, start)
        weight = np.array([(weights or {}).get(name, 1.0) for name in names])
        index = {link.name: position for position, link in enumerate(self.data.links)}
        link = self.data.link[rows][:, None] == np.array([index[name] for name in names])
        tally = np.cumsum(link * sizes[:, None], axis=0) / (weight / weight.mean())
        gap = tally.max(axis=1) - tally.min(axis=1)
        worst = int(gap.argmax())
        return Deviation(
            float(gap[worst]), Row(int(rows[worst]), self.data.play), int(self.data.time[rows[worst]])
        )

    def reordering(
        self,
        *,
        source: str | int | None = None,
        destination: str | int | None = None,
        port: int | None = None,
        cls: int | None = None,
    ) -> Reordering:
        """Return how far DATA arrives at its destination node out of the order of (sequence, index)."""
        table = self.data.tables["DATA"]
        chosen = table.valid_crc & self.data.reaching(table) & (self.data.delivered[table.rows] > 0)
        chosen &= self._between(table, source, destination)
        if port is not None:
            chosen &= table["port"] == port
        if cls is not None:
            chosen &= table["class"] == cls
        table = table.where(chosen)
        table = table.where(np.argsort(self.data.arrival[table.rows], kind="stable"))
        group = _groups(table, QUEUE)
        indices = self.data.profile.numbers("DATA", "index")
        rank = serial(table["sequence"], group, self.data.profile.numbers()) * indices + table["index"]
        return reordering_of(group, rank, table.rows, self.data.play)

    def wire_bytes(
        self, names: Iterable[str] | None = None, at: Links = None, direction: int | None = None
    ) -> int:
        """Sum the bytes on the wire (FCS, preamble and gap included) of messages, by default of all types."""
        total = 0
        for name in self.data.profile.messages if names is None else names:
            table = self.data.tables[name]
            rows = table.rows[self._seen(table, at, direction, valid=None)]
            total += int(credit_bytes(self.data.length[rows].astype(np.int64)).sum())
        return total

    @cached_property
    def data_credit(self) -> Rows:
        """Credit bytes of each DATA message of `fabric["DATA"]`."""
        return credit_bytes(self.data.tables["DATA"].octets)

    def _seen(self, table: Table, at: Links, direction: int | None, valid: bool | None) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = self.data.on_links(at)[self.data.link[table.rows]]
        if direction is not None:
            chosen &= self.data.direction[table.rows] == direction
        if valid is not None:
            chosen &= table.valid_crc == valid
        return chosen

    def _between(
        self, table: Table, source: str | int | None, destination: str | int | None
    ) -> NDArray[np.bool_]:
        chosen = np.ones(len(table), bool)
        if source is not None:
            chosen &= table["source"] == self.data.node_id(source)
        if destination is not None:
            chosen &= table["destination"] == self.data.node_id(destination)
        return chosen

    def _upward(
        self,
        at: list[str],
        source: str | int | None,
        destination: str | int | None,
        start: int,
        stop: int | None,
    ) -> tuple[Rows, Rows]:
        """Rows and credit bytes of the DATA that went up links in [start, stop)."""
        table = self.data.tables["DATA"]
        chosen = self._seen(table, at, UP, valid=True) & self._between(table, source, destination)
        time = self.data.time[table.rows]
        chosen &= time >= start
        if stop is not None:
            chosen &= time < stop
        return table.rows[chosen], self.data_credit[chosen]


def _groups(table: Table, names: Iterable[str]) -> Rows:
    """Return a number for each position, equal where the fields are."""
    if not len(table):
        return np.empty(0, np.int64)
    key = np.stack([table[name].astype(np.int64) for name in names])
    return np.unique(key, axis=1, return_inverse=True)[1].astype(np.int64)


def serial(sequence: NDArray[Any], group: Rows, numbers: int) -> Rows:
    """Unwrap sequence numbers, of which there are `numbers` (RFC 1982), around the first of each group."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    start = sequence[first][inverse].astype(np.int64)
    return (sequence.astype(np.int64) - start + numbers // 2) % numbers - numbers // 2
