"""Credit as the wire shows it: what a source asked for, was granted and used, and what an egress gave out."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traffic.recordings.columns import BeyondRecording, Columns, View
from traffic.recordings.decode import Rows, Table, credit_bytes
from traffic.recordings.hosts import HostView
from traffic.recordings.passed import QUEUE
from traffic.recordings.rows import Row, numbered
from traffic.recordings.seen import Queue
from traffic.scenario import DOWN, UP

_LARGEST = (1 << 62) - 1
_GRANT, _REQUEST, _DATA, _FREE = range(4)


@dataclass(frozen=True, eq=False)
class Account:
    """The credit of one DGSQ generation over time, one item an event, all values cumulative credit bytes.

    Events are GRANTs at their arrival at the source node, REQUESTs and DATA when their last bit leaves it;
    `time` is in ns, `row` the frame. `granted` starts at `unsolicited_bytes`, `sent` counts governed DATA on
    the wire. `expired` is what the source was told, `forfeited`, `demand` and `reported` (sent) what it told.
    Unless `opened`, container 0 was not seen, and an older grant may cover DATA ahead of the first GRANT.
    """

    queue: Queue
    time: NDArray[np.int64]
    row: Rows
    kind: NDArray[np.int64]
    granted: Rows
    expired: Rows
    demand: Rows
    reported: Rows
    forfeited: Rows
    sent: Rows
    ungoverned: Rows
    opened: bool
    play: int

    @property
    def governed(self) -> NDArray[np.bool_]:
        """Which events are governed DATA."""
        found: NDArray[np.bool_] = self.kind == _DATA
        return found

    @property
    def position(self) -> Rows:
        """Bytes sent plus bytes forfeited, which may never exceed `granted`."""
        return self.sent + self.forfeited

    @property
    def overdrawn(self) -> list[int]:
        """Rows of governed DATA that put the position above what had been granted by then."""
        return numbered(self.row[self._judged & (self.position > self.granted)], self.play)

    @property
    def overdraft(self) -> int:
        """Largest number of bytes that governed DATA went beyond the grant, 0 if none did."""
        over = (self.position - self.granted)[self._judged]
        return max(int(over.max()), 0) if len(over) else 0

    @property
    def _judged(self) -> NDArray[np.bool_]:
        known = np.maximum.accumulate(self.kind == _GRANT) | self.opened
        judged: NDArray[np.bool_] = self.governed & known
        return judged

    @property
    def first_grant(self) -> int | None:
        """Time at which the first GRANT reached the source, None if none did."""
        times = self.time[self.kind == _GRANT]
        return int(times[0]) if len(times) else None

    @property
    def requests(self) -> list[int]:
        """Rows of the REQUESTs."""
        return numbered(self.row[self.kind == _REQUEST], self.play)

    @property
    def grants(self) -> list[int]:
        """Rows of the GRANTs that arrived."""
        return numbered(self.row[self.kind == _GRANT], self.play)

    @property
    def data(self) -> list[int]:
        """Rows of the governed DATA."""
        return numbered(self.row[self.governed], self.play)


@dataclass(frozen=True, eq=False)
class Peak:
    """The largest value of something over time, with the row and the time (ns) it was reached at."""

    value: float
    row: int
    time: int


@dataclass(frozen=True, eq=False)
class Egress:
    """Credit and traffic of one egress port over time, one item an event, cumulative credit bytes.

    `granted` sums what GRANTs gave all sources as they left this node, beyond `unsolicited_bytes`; `arrived`
    counts DATA that reached the node and frames of local hosts, `left` the frames that went out to the host.
    `outstanding` is what was granted and neither arrived, nor was reported sent or forfeited, nor expired; a
    new generation of a source writes off the one before.
    """

    time: NDArray[np.int64]
    row: Rows
    granted: Rows
    outstanding: Rows
    arrived: Rows
    left: Rows
    play: int

    @property
    def queue(self) -> Rows:
        """Bytes that arrived and have not left: queued, held for ordering, or dropped."""
        return self.arrived - self.left

    @property
    def longest_queue(self) -> Peak:
        """Largest queue in bytes."""
        return self._peak(self.queue)

    @property
    def most_outstanding(self) -> Peak:
        """Largest outstanding credit in bytes."""
        return self._peak(self.outstanding)

    def granted_in(self, window: int) -> Peak:
        """Most bytes newly granted within any `window` ns, at the end of that window."""
        if not len(self.time):
            return Peak(0.0, -1, 0)
        first = np.searchsorted(self.time, self.time - window, side="right")
        before = np.r_[0, self.granted][first]
        return self._peak(self.granted - before)

    def _peak(self, values: Rows) -> Peak:
        if not len(values):
            return Peak(0.0, -1, 0)
        worst = int(values.argmax())
        return Peak(float(values[worst]), Row(int(self.row[worst]), self.play), int(self.time[worst]))


@dataclass
class _Book:
    """What an egress gave a DGSQ generation and got back, in credit bytes, as far as messages tell."""

    granted: int
    expired: int = 0
    position: int = 0
    returned: int = 0

    def grant(self, granted: int, expired: int) -> int:
        """Take a GRANT; gives the credit that it hands out, less what it takes back."""
        fresh = max(granted - self.granted, 0)
        self.granted += fresh
        back = max(expired - max(self.expired, self.position), 0)
        self.expired = max(self.expired, expired)
        self.returned += back
        return fresh - back

    def report(self, position: int, forfeited: int) -> int:
        """Take a REQUEST; gives the credit that comes back by it."""
        self.position = max(self.position, position)
        lift = max(position - self.granted, 0)
        self.granted += lift
        back = max(forfeited - self.returned, 0)
        self.returned += back
        return max(back - lift, 0)


class CreditView(View):
    """Questions to the request and grant cycle; they need every frame of the fabric links."""

    def __init__(self, data: Columns, hosts: HostView) -> None:
        super().__init__(data)
        self.hosts = hosts

    def account(self, queue: Queue) -> Account:
        """Return the credit of one DGSQ generation; KeyError if nothing of it was seen."""
        return self.all_accounts[queue]

    def accounts(
        self,
        source: str | int | None = None,
        destination: str | int | None = None,
        port: int | None = None,
        cls: int | None = None,
    ) -> list[Account]:
        """List the credit of each DGSQ generation seen, in order of its first event."""
        wanted = (
            None if source is None else self.data.node_id(source),
            None if destination is None else self.data.node_id(destination),
            port,
            cls,
        )
        return [
            account
            for queue, account in self.all_accounts.items()
            if all(value is None or value == got for value, got in zip(wanted, queue, strict=False))
        ]

    def overdrawn(self) -> list[int]:
        """List the rows of governed DATA that no grant covered when it left its source."""
        return sorted(row for account in self.all_accounts.values() for row in account.overdrawn)

    @cached_property
    def all_accounts(self) -> dict[Queue, Account]:
        """Every account by its DGSQ generation, in order of the first event."""
        self.data.need("fabric taps", whole=True)
        start = int(self.data.parameter("unsolicited_bytes"))
        grant, request, data = self._grants_reaching(), self._leaving("REQUEST"), self._leaving("DATA")
        free = data["flags"] & self.data.profile.flags.get("UNGOVERNED", 0) != 0
        kinds = np.repeat([_GRANT, _REQUEST, _DATA], [len(grant), len(request), len(data)])
        kinds[len(grant) + len(request) :][free] = _FREE
        rows = np.concatenate([grant.rows, request.rows, data.rows])
        time = np.concatenate(
            [self.data.arrival[grant.rows], self.data.time[request.rows], self.data.time[data.rows]]
        )
        ends = [
            [grant["destination"], grant["source"]],
            [request["source"], request["destination"]],
            [data["source"], data["destination"]],
        ]
        tables = (grant, request, data)
        keys = np.concatenate(
            [[*end, *(table[name] for name in QUEUE[2:])] for end, table in zip(ends, tables, strict=True)],
            axis=1,
        ).astype(np.int64)
        size = credit_bytes(data.octets)
        values = {
            "granted": np.maximum(_spread(kinds, {_GRANT: grant["granted"]}), start),
            "expired": _spread(kinds, {_GRANT: grant["expired"]}),
            "demand": _spread(kinds, {_REQUEST: request["demand"]}),
            "reported": _spread(kinds, {_REQUEST: request["sent"]}),
            "forfeited": _spread(kinds, {_REQUEST: request["forfeited"]}),
            "sent": _spread(kinds, {_DATA: size[~free]}),
            "ungoverned": _spread(kinds, {_FREE: size[free]}),
        }
        opening = np.r_[np.zeros(len(grant) + len(request), bool), data["sequence"] == 0]
        order = np.lexsort([kinds, time, *keys[::-1]])
        keys = keys[:, order]
        accounts = []
        for first, stop in _runs(keys):
            here = order[first:stop]
            merged = {
                name: np.cumsum(column[here])
                if name in {"sent", "ungoverned"}
                else np.maximum.accumulate(column[here])
                for name, column in values.items()
            }
            queue = Queue(*keys[:, first].tolist())
            opened = bool(opening[here].any())
            accounts.append(
                Account(
                    queue, time[here], rows[here], kinds[here], **merged, opened=opened, play=self.data.play
                )
            )
        return {
            account.queue: account for account in sorted(accounts, key=lambda account: int(account.row.min()))
        }

    def egress(self, host: str) -> Egress:
        """Return credit and traffic of the egress port that leads to a host with a link."""
        self.data.need("fabric taps", whole=True)
        if all(link.name != host for link in self.data.links):
            raise BeyondRecording(f"{host} has no link of its own here")
        node, port = self.data.facts.hosts[host].node, self.data.facts.hosts[host].port
        grant = self._leaving("GRANT")
        grant = grant.where((grant["source"] == node) & (grant["port"] == port))
        fresh = _increments(grant, "granted", int(self.data.parameter("unsolicited_bytes")))
        data = self._arriving("DATA", node, port)
        local, out = self._local_rows(host), self.hosts.rows_of(host, DOWN)
        change, change_time, change_row = self._outstanding(
            grant, data, self._arriving("REQUEST", node, port)
        )

        lengths = [len(grant), len(change), len(data), len(local), len(out)]
        kinds = np.repeat(np.arange(5), lengths)
        rows = np.concatenate([grant.rows, change_row, data.rows, local, out])
        starts = [self.data.time[grant.rows], change_time]
        ends = [self.data.arrival[data.rows], self.data.arrival[local], self.data.time[out]]
        time = np.concatenate([*starts, *ends])
        order = np.lexsort([kinds, time])

        def total(values: dict[int, Rows]) -> Rows:
            return np.cumsum(_spread(kinds, values)[order])

        arrived = credit_bytes(data.octets) * self.data.delivered[data.rows]
        return Egress(
            time=time[order],
            row=rows[order],
            granted=total({0: fresh}),
            outstanding=total({1: change}),
            arrived=total({2: arrived, 3: self._credit(local)}),
            left=total({4: self._credit(out)}),
            play=self.data.play,
        )

    def overgrant(self, hosts: str | Iterable[str], rate_mbps: float, start: int = 0) -> Peak:
        """Return the most credit bytes that GRANTs to the sources of egress ports gave out beyond a rate.

        That is over any span between two of them from `start` ns on: what was newly granted, less what
        expired or was forfeited, less what the rate carries in the span. Granting what a source reports as
        used gives out nothing. A queue generation that follows another of its source ends every span, because
        no message takes back what that one had left. The value is -inf without a GRANT.
        """
        books: dict[Queue, _Book] = {}
        net, lowest, worst = 0.0, math.inf, Peak(-math.inf, -1, start)
        first = int(self.data.parameter("unsolicited_bytes"))
        for time, row, queue, is_grant, total, lapsed in self._grants_and_positions(hosts):
            if queue not in books and any(queue[:-1] == known[:-1] for known in books):
                lowest = math.inf
            book = books.setdefault(queue, _Book(first))
            if not is_grant:
                net -= book.report(total, lapsed)
                continue
            carried = time * rate_mbps / 8000
            if time >= start:
                lowest = min(lowest, net - carried)
            net += book.grant(total, lapsed)
            if net - carried - lowest > worst.value:
                worst = Peak(net - carried - lowest, Row(row, self.data.play), time)
        return worst

    def _grants_and_positions(
        self, hosts: str | Iterable[str]
    ) -> list[tuple[int, int, Queue, bool, int, int]]:
        """List GRANTs of egress ports as they leave and REQUESTs as they arrive, in order of time.

        A GRANT is (time in ns, row, DGSQ, True, granted, expired), a REQUEST the same with False, sent plus
        forfeited, and forfeited.
        """
        events: list[tuple[int, int, Queue, bool, int, int]] = []
        for host in [hosts] if isinstance(hosts, str) else hosts:
            node, port = self.data.facts.hosts[host].node, self.data.facts.hosts[host].port
            grant = self._leaving("GRANT")
            grant = grant.where((grant["source"] == node) & (grant["port"] == port))
            request = self._arriving("REQUEST", node, port)
            position = request["sent"].astype(np.int64) + request["forfeited"].astype(np.int64)
            for table, end, time, total, lapsed in (
                (grant, "destination", self.data.time[grant.rows], grant["granted"], grant["expired"]),
                (request, "source", self.data.arrival[request.rows], position, request["forfeited"]),
            ):
                ends = zip(*(table[name].tolist() for name in (end, "class", "generation")), strict=True)
                queues = [Queue(source, node, port, cls, generation) for source, cls, generation in ends]
                kinds = [table is grant] * len(table)
                columns = (time.tolist(), table.rows.tolist(), queues, kinds, total.tolist(), lapsed.tolist())
                events += zip(*columns, strict=True)
        return sorted(events, key=lambda event: event[0])

    def _outstanding(self, grant: Table, data: Table, request: Table) -> tuple[Rows, Rows, Rows]:
        """Return the changes of outstanding credit, over all sources of an egress, with times and rows."""
        governed = data.where(data["flags"] & self.data.profile.flags.get("UNGOVERNED", 0) == 0)
        tables, ends = (grant, request, governed), ("destination", "source", "source")
        kinds = np.repeat([_GRANT, _REQUEST, _DATA], [len(table) for table in tables])
        rows = np.concatenate([table.rows for table in tables])
        time = np.where(kinds == _GRANT, self.data.time[rows], self.data.arrival[rows])
        keys = np.concatenate(
            [
                [table[name].astype(np.int64) for name in (end, "class", "generation")]
                for end, table in zip(ends, tables, strict=True)
            ],
            axis=1,
        )
        start = int(self.data.parameter("unsolicited_bytes"))
        granted = np.maximum(_spread(kinds, {_GRANT: grant["granted"]}), start)
        expired = _spread(kinds, {_GRANT: grant["expired"]})
        reported = _spread(kinds, {_REQUEST: request["sent"]})
        forfeited = _spread(kinds, {_REQUEST: request["forfeited"]})
        arrived = _spread(kinds, {_DATA: credit_bytes(governed.octets)})

        order = np.lexsort([kinds, time, *keys[::-1]])
        series: dict[tuple[int, ...], list[tuple[Rows, Rows]]] = {}
        for first, stop in _runs(keys[:, order]):
            here = order[first:stop]
            used = np.maximum(np.maximum.accumulate(reported[here]), np.cumsum(arrived[here]))
            used += np.maximum.accumulate(forfeited[here])
            used = np.maximum(used, np.maximum.accumulate(expired[here]))
            left = np.maximum.accumulate(granted[here]) - np.maximum(used, start)
            series.setdefault(tuple(keys[:2, here[0]].tolist()), []).append((here, left))

        changes, times, where = ([np.empty(0, np.int64)] for _ in range(3))
        for generations in series.values():
            generations.sort(key=lambda item: int(time[item[0][0]]))
            followers = [int(here[0]) for here, _ in generations[1:]]
            for (here, left), follower in zip_longest(generations, followers):
                if follower is None:
                    kept, values = here, left
                else:
                    live = time[here] < time[follower]
                    kept, values = np.append(here[live], follower), np.append(left[live], 0)
                changes.append(np.diff(values, prepend=0))
                times.append(time[kept])
                where.append(rows[kept])
        return np.concatenate(changes), np.concatenate(times), np.concatenate(where)

    def _local_rows(self, host: str) -> Rows:
        """Rows of the frames that hosts on the same node sent to a host."""
        address = self.data.facts.hosts[host]
        names = {link.name for link in self.data.links}
        neighbours = [
            name
            for name, other in self.data.facts.hosts.items()
            if other.node == address.node and name != host and name in names
        ]
        rows = [
            row
            for row in self.hosts.rows_of(neighbours, UP).tolist()
            if self.data.delivered[row] and self.data.frame(row)[:6] == address.mac
        ]
        return np.array(rows, np.int64)

    def _credit(self, rows: Rows) -> Rows:
        return credit_bytes(self.data.length[rows].astype(np.int64))

    def _arriving(self, name: str, node: int, port: int) -> Table:
        """Messages about an egress port that reach its node."""
        table = self.data.tables[name]
        there = (
            (table["destination"] == node) & (table["port"] == port) & (self.data.delivered[table.rows] > 0)
        )
        return table.where(table.valid_crc & self.data.reaching(table) & there)

    def _leaving(self, name: str) -> Table:
        table = self.data.tables[name]
        return table.where(table.valid_crc & self.data.leaving(table))

    def _grants_reaching(self) -> Table:
        table = self.data.tables["GRANT"]
        return table.where(
            table.valid_crc & self.data.reaching(table) & (self.data.delivered[table.rows] > 0)
        )


def _spread(kinds: Rows, values: Mapping[int, NDArray[np.integer[Any]]]) -> Rows:
    """Lay the values of events of some kinds into a column over all events, 0 for the others."""
    column = np.zeros(len(kinds), np.int64)
    for kind, part in values.items():
        column[kinds == kind] = np.minimum(part, _LARGEST).astype(np.int64)
    return column


def _increments(table: Table, name: str, start: int) -> Rows:
    """Tell by how much each message raises the highest value so far of its DGSQ generation."""
    raised = np.zeros(len(table), np.int64)
    value = np.maximum(np.minimum(table[name], _LARGEST).astype(np.int64), start)
    keys = np.array([table[part].astype(np.int64) for part in QUEUE])
    order = np.lexsort(keys[::-1])
    for first, stop in _runs(keys[:, order]):
        here = order[first:stop]
        raised[here] = np.diff(np.maximum.accumulate(value[here]), prepend=start)
    return raised


def _runs(keys: Rows) -> Iterable[tuple[int, int]]:
    """Find where runs of equal columns begin and end."""
    if not keys.shape[1]:
        return []
    begin = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)]).tolist()
    return zip(begin, [*begin[1:], keys.shape[1]], strict=True)
