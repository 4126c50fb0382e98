"""Request and grant: what sources say of their demand, and what egresses answer, message by message."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, TypeVar

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.kept import kept
from conformance.judge.invariants.registration import ALTERED, FROM_AFAR, invariant
from conformance.judge.invariants.wire import MAC_CONTROL, Key, Wire, wire
from traffic.recordings.decode import Table, credit_bytes
from traffic.recordings.recording import DOWN, UP, Account, Queue, Recording


class Asked(NamedTuple):
    """A REQUEST as it left its source, at a time in ns on one of the links of the recording."""

    row: int
    time: int
    link: int
    demand: int
    sent: int
    forfeited: int


class Given(NamedTuple):
    """A GRANT as it left its egress, at a time in ns on one of the links of the recording."""

    row: int
    time: int
    link: int
    granted: int
    expired: int
    validity: int


LOST = frozenset({"blackout", "loss", "odd source", "carrier"})
"""What keeps messages of a source from its egress for long."""
Message = TypeVar("Message", Asked, Given)


@invariant("GRANT-DEMAND-CUMULATIVE")
def demand_never_falls(recording: Recording, expect: Expect) -> None:
    """In a generation demand, sent and forfeited never fall, and sent is what has left or is about to."""
    seen = wire(recording)
    asked = requests(seen)
    wrong = []
    for items in asked.values():
        for before, after in on_one_link(items):
            if after.demand < before.demand or after.sent < before.sent or after.forfeited < before.forfeited:
                wrong.append(after.row)
    if asked:
        expect.that(not wrong, "REQUEST with a lower number than the one before", 0, len(wrong), wrong)
    more, less = [], []
    wait = recording.parameter("latency_margin") + 2 * _frame_time(recording)
    for queue, items in asked.items():
        account = recording.credit.all_accounts.get(queue)
        if account is None or not account.opened:
            continue
        times = account.time[account.governed].tolist()
        sent = account.sent[account.governed].tolist()
        total = sent[-1] if sent else 0
        for item in items:
            left = bisect_right(times, item.time - wait)
            gone = sent[left - 1] if left else 0
            less += [item.row] if item.sent < gone else []
            more += [item.row] if item.sent > total or item.demand < item.sent else []
    if asked:
        expect.that(not less, "REQUEST that report less than has left", 0, len(less), less)
    if asked and all(seen.dropped(name) == 0 for name in seen.gsps):
        expect.that(not more, "REQUEST that report more than was sent or asked for", 0, len(more), more)


@invariant(
    "GRANT-REQUEST-ON-DEMAND", hidden_by={"carrier", "odd spine", "blackout", "loss", "setting"} | FROM_AFAR
)
def demand_is_announced(recording: Recording, expect: Expect) -> None:
    """After the first frame for a queue that is not known yet a REQUEST leaves at once."""
    if recording.parameter("dgsq_mode") != "on-first-frame" or recording.parameter("unsolicited_bytes"):
        return
    seen = wire(recording)
    limit = recording.parameter("latency_margin") + _frame_time(recording) + expect.uncertainty.get("ns", 0)
    asked: dict[tuple[int, Key], list[int]] = {}
    for queue, items in requests(seen).items():
        asked.setdefault((queue.source, Key(*queue[1:4])), []).extend(item.time for item in items)
    for times in asked.values():
        times.sort()
    hosts = recording.facts.hosts
    late: list[int] = []
    known: set[tuple[int, Key]] = set()
    quiet = {node for name, node in seen.gsps.items() if seen.counter(name, "dropped_frames") == 0}
    for frame, times_sent in seen.sent.items():
        key = seen.key_of(frame)
        for item in times_sent[:1]:
            node = hosts[item.host].node
            if key is None or key.node == node or not item.copies or node not in quiet:
                continue
            known.add((node, key))
            times = asked.get((node, key), [])
            if (
                not times
                or times[-1] < item.time
                or (times[0] > item.time + limit and times[0] == times[bisect_left(times, item.time)])
            ):
                late.append(item.row)
    if known:
        what = f"frames for which no REQUEST left within {limit} ns"
        expect.that(not late, what, 0, len(late), seen.numbered(late))


@invariant(
    "GRANT-REFRESH",
    hidden_by={"carrier", "odd spine", "blackout", "loss", "setting", "table_withdraw"} | FROM_AFAR,
)
def requests_are_repeated(recording: Recording, expect: Expect) -> None:
    """In a generation two REQUEST are at most request_refresh apart, and they go on until age-out."""
    seen = wire(recording)
    limit = recording.parameter("request_refresh") + recording.parameter("latency_margin")
    limit += _frame_time(recording) + expect.uncertainty.get("ns", 0)
    rest = recording.parameter("age_out")
    last = int(recording.time[-1]) if len(recording) else 0
    quiet = {node for name, node in seen.gsps.items() if seen.dropped(name) == 0}
    wrong, stopped, going_on, checked = [], [], [], 0
    for queue, items in requests(seen).items():
        if queue.source not in quiet:
            continue
        checked += 1
        wrong += [after.row for before, after in pairwise(items) if after.time - before.time > limit]
        final = [item for item in items if item.sent == items[-1].sent]
        if items[-1].sent == items[-1].demand and len(final) < len(items):
            due = min(items[-len(final) - 1].time + rest, last) - limit
            stopped += [items[-1].row] if items[-1].time < due else []
            over = final[0].time + rest + limit + recording.parameter("latency_margin")
            going_on += [item.row for item in final if item.time > over]
    if checked:
        what = f"REQUEST more than {limit} ns after the one before"
        expect.that(not wrong, what, 0, len(wrong), wrong)
        expect.that(not stopped, "queues that ceased to ask before age-out", 0, len(stopped), stopped)
        expect.that(not going_on, "REQUEST after age-out", 0, len(going_on), going_on)


@invariant("GRANT-NOT-BELOW-POSITION", hidden_by=FROM_AFAR | ALTERED)
def grants_are_not_below_position(recording: Recording, expect: Expect) -> None:
    """Expect that a GRANT is not lower than the position that its source had reported well before."""
    seen = wire(recording)
    margin = recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0)
    heard = reports(seen)
    wrong, checked = [], 0
    for queue, items in grants(seen).items():
        told = heard.get(queue)
        if told is None:
            continue
        for item in items:
            checked += 1
            before = bisect_left(told[0], item.time - margin)
            if before and told[1][before - 1] > item.granted:
                wrong.append(item.row)
    if checked:
        expect.that(not wrong, "GRANT below the position reported", 0, len(wrong), wrong)


@invariant("GRANT-NO-DEMAND-NO-GRANT", hidden_by={"odd source", "duplicate"})
def grants_keep_to_the_backlog(recording: Recording, expect: Expect) -> None:
    """No GRANT covers more than the demand that its source has announced, with what it gave up."""
    seen = wire(recording)
    free = int(recording.parameter("unsolicited_bytes"))
    table = seen.columns.tables["REQUEST"]
    asked = _by_queue(_asked(seen, table.where(table.valid_crc & seen.columns.leaving(table))))
    wrong, checked = [], 0
    for queue, items in grants(seen).items():
        known = asked.get(queue, [])
        if not known:
            continue
        times = [item.time for item in known]
        most = list(accumulate((item.demand for item in known), max))
        lost = list(accumulate((item.forfeited for item in known), max))
        for given in items:
            before = bisect_right(times, given.time)
            if before:
                checked += 1
                due = most[before - 1] + max(lost[before - 1], given.expired) + free
                wrong += [given.row] if given.granted > due else []
    if checked:
        expect.that(not wrong, "GRANT beyond the demand that was announced", 0, len(wrong), wrong)


@invariant("GRANT-OLDER-IGNORED", hidden_by=LOST | FROM_AFAR | ALTERED)
def grants_never_fall(recording: Recording, expect: Expect) -> None:
    """In a generation granted and expired of an egress never fall, until it may have forgotten the source."""
    seen = wire(recording)
    given = grants(seen)
    anew = _asked_anew(seen, recording.parameter("refresh_misses") * recording.parameter("request_refresh"))
    wrong = [
        after.row
        for queue, items in given.items()
        for before, after in on_one_link(items)
        if (after.granted < before.granted or after.expired < before.expired)
        and not any(before.time < time <= after.time for time in anew.get(queue, ()))
    ]
    if given:
        expect.that(not wrong, "GRANT with a lower number than the one before", 0, len(wrong), wrong)


@invariant("GRANT-REMAINING-VALIDITY", hidden_by={"setting"})
def repeated_grants_extend_nothing(recording: Recording, expect: Expect) -> None:
    """Expect that a GRANT that repeats a cumulative value says what is left of its validity.

    Once that is over the egress may have forgotten the source, and grant it the same anew.
    """
    margin = recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0) + COARSE
    wrong, pairs = [], 0
    for items in grants(wire(recording)).values():
        for before, after in on_one_link(items):
            left = before.validity - (after.time - before.time)
            if after.granted == before.granted and left >= 0:
                pairs += 1
                wrong += [after.row] if after.validity > left + margin else []
    if pairs:
        expect.that(not wrong, "repeated GRANT with a fresh validity", 0, len(wrong), wrong)


COARSE = 8_000
"""The coarsest unit in which a wire profile of the suite tells a time, in ns."""


@invariant("GRANT-EXPIRY", hidden_by={"delay", "reorder", "duplicate"})
def void_credit_is_not_used(recording: Recording, expect: Expect) -> None:
    """No governed DATA leaves on credit whose validity had run out well before."""
    seen = wire(recording)
    start = int(recording.parameter("unsolicited_bytes"))
    margin = recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0) + COARSE
    slack = _frame_time(recording)
    margin += 2 * slack
    table = seen.to_gsps("GRANT")
    given: dict[Queue, list[tuple[int, int, int]]] = {}
    ends = (table[name].tolist() for name in ("destination", "source", "port", "class", "generation"))
    times = seen.columns.arrival[table.rows].tolist()
    values = zip(times, table["granted"].tolist(), table["validity"].tolist(), *ends, strict=True)
    for time, granted, validity, *parts in values:
        given.setdefault(Queue(*parts), []).append((time, granted, time + validity))
    wrong, checked = [], 0
    for queue, items in given.items():
        account = recording.credit.all_accounts.get(queue)
        if account is None or not account.opened:
            continue
        valid = Validity(items)
        for row, time, position in _positions(account):
            checked += 1
            until = valid.until(position, time)
            if (
                until is not None
                and until + margin < time
                and position > start
                and seen.idle_before(row) > slack
            ):
                wrong.append(row)
    if checked:
        expect.that(not wrong, "DATA on credit that was void", 0, len(wrong), seen.numbered(wrong))


class Validity:
    """How long credit holds, by GRANTs (when it came, cumulative credit, until when it holds; all ns).

    Of those that came only the ones are kept that no other beats in both credit and time.
    """

    def __init__(self, grants: Iterable[tuple[int, int, int]]) -> None:
        self.coming = sorted(grants, reverse=True)
        self.granted: list[int] = []
        self.ends: list[int] = []

    def until(self, position: int, time: int) -> int | None:
        """Return until when a position is covered by what came by a time, None if never; times only rise."""
        while self.coming and self.coming[-1][0] <= time:
            _, granted, end = self.coming.pop()
            place = bisect_left(self.granted, granted)
            if place < len(self.ends) and self.ends[place] >= end:
                continue
            stop = place + (self.granted[place : place + 1] == [granted])
            while place and self.ends[place - 1] <= end:
                place -= 1
            self.granted[place:stop], self.ends[place:stop] = [granted], [end]
        covering = bisect_left(self.granted, position)
        return self.ends[covering] if covering < len(self.ends) else None


@invariant("GRANT-SILENT-STATE", hidden_by={"delay", "reorder"})
def silent_sources_get_nothing(recording: Recording, expect: Expect) -> None:
    """No GRANT goes to a source that was silent beyond its refreshes and the validity of its credit."""
    seen = wire(recording)
    limit = recording.parameter("refresh_misses") * recording.parameter("request_refresh")
    limit += recording.parameter("grant_validity") + recording.parameter("grant_round_trip")
    limit += 2 * recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0)
    heard: dict[Queue, list[int]] = {}
    for name in ("REQUEST", "DATA"):
        table = seen.to_gsps(name)
        fields = (table[field].tolist() for field in ("source", "destination", "port", "class", "generation"))
        arrival = seen.columns.arrival[table.rows].tolist()
        for time, *parts in zip(arrival, *fields, strict=True):
            heard.setdefault(Queue(*parts), []).append(time)
    wrong, checked = [], 0
    for queue, items in grants(seen).items():
        times = sorted(heard.get(queue, [0]))
        for item in items:
            checked += 1
            before = bisect_right(times, item.time)
            if before and item.time - times[before - 1] > limit:
                wrong.append(item.row)
    if checked:
        expect.that(not wrong, "GRANT to a source that had long been silent", 0, len(wrong), wrong)


@invariant("GRANT-PAUSED-CLASS")
def paused_classes_get_nothing(recording: Recording, expect: Expect) -> None:
    """While a host pauses a class, no GRANT for it hands out new credit."""
    seen = wire(recording)
    margin = recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0)
    wrong, checked = [], 0
    given = grants(seen)
    for name, host in seen.hosts_of(seen.gsps.values()).items():
        for cls, spans in pauses(seen, name).items():
            for queue, items in given.items():
                if (queue.destination, queue.port, queue.cls) != (host.node, host.port, cls):
                    continue
                for before, after in pairwise(items):
                    inside = any(start + margin < after.time < stop for start, stop in spans)
                    checked += inside
                    wrong += [after.row] if inside and after.granted > before.granted else []
    if checked:
        expect.that(not wrong, "GRANT of new credit for a paused class", 0, len(wrong), wrong)


@invariant("GRANT-OVERHEAD", hidden_by={"setting"})
def signalling_keeps_to_its_share(recording: Recording, expect: Expect) -> None:
    """While a link is full, REQUEST and GRANT take a small share of it only."""
    columns = recording.columns
    wire(recording)
    small = np.zeros(len(columns), bool)
    for name in ("REQUEST", "GRANT"):
        if name in columns.profile.messages:
            small[columns.tables[name].rows] = True
    octets = credit_bytes(columns.length.astype(np.int64))
    for index, link in enumerate(columns.links):
        for way in (UP, DOWN) if link.fabric else ():
            rows = np.flatnonzero((columns.link == index) & (columns.direction == way))
            if len(rows) < FULL:
                continue
            span = int(columns.time[rows[-1]] - columns.time[rows[0]])
            room = link.rate_mbps * span / 8000
            if octets[rows].sum() >= room / 2:
                share = float(octets[rows[small[rows]]].sum()) / room
                limit = recording.parameter("grant_overhead_max")
                expect.that(
                    share <= limit,
                    f"share of {link.name} for signalling",
                    f"at most {limit}",
                    round(share, 4),
                )


FULL = 200
"""Fewest frames by which the share of a link is judged."""


@kept
def requests(seen: Wire) -> Mapping[Queue, list[Asked]]:
    """Return REQUESTs of the GSPs under test by DGSQ generation, in order of time."""
    return _by_queue(_asked(seen, seen.from_gsps("REQUEST")))


@kept
def grants(seen: Wire) -> Mapping[Queue, list[Given]]:
    """Return GRANTs of the GSPs under test by DGSQ generation of the source, in order of time."""
    return _by_queue(_given(seen))


def _given(seen: Wire) -> Iterator[tuple[Queue, Given]]:
    table = seen.from_gsps("GRANT")
    names = ("destination", "source", "port", "class", "generation", "granted", "expired", "validity")
    columns = (table[name].tolist() for name in names)
    rows = seen.columns.numbered(table.rows)
    times, links = seen.columns.time[table.rows].tolist(), seen.columns.link[table.rows].tolist()
    for row, time, link, *values in zip(rows, times, links, *columns, strict=True):
        yield Queue(*values[:5]), Given(row, time, link, *values[5:])


def _by_queue(messages: Iterable[tuple[Queue, Message]]) -> dict[Queue, list[Message]]:
    found: dict[Queue, list[Message]] = {}
    for queue, item in messages:
        found.setdefault(queue, []).append(item)
    return found


def on_one_link(items: Sequence[Message]) -> Iterator[tuple[Message, Message]]:
    """Yield each message with the one before it on its link; on two links they may leave in another order."""
    latest: dict[int, Message] = {}
    for item in items:
        if item.link in latest:
            yield latest[item.link], item
        latest[item.link] = item


def _asked_anew(seen: Wire, silence: int) -> dict[Queue, list[int]]:
    """Return when REQUESTs reached GSPs under test after so many ns without a word about their queues."""
    times: dict[Queue, list[int]] = {}
    for queue, item in _asked(seen, seen.to_gsps("REQUEST")):
        times.setdefault(queue, []).append(item.time)
    for data in seen.came:
        times.setdefault(data.queue, []).append(data.time)
    return {
        queue: [after for before, after in pairwise(sorted(found)) if after - before >= silence]
        for queue, found in times.items()
    }


def _asked(seen: Wire, table: Table) -> Iterator[tuple[Queue, Asked]]:
    names = ("source", "destination", "port", "class", "generation", "demand", "sent", "forfeited")
    columns = (table[name].tolist() for name in names)
    rows = seen.columns.numbered(table.rows)
    times, links = seen.columns.time[table.rows].tolist(), seen.columns.link[table.rows].tolist()
    for row, time, link, *values in zip(rows, times, links, *columns, strict=True):
        yield Queue(*values[:5]), Asked(row, time, link, *values[5:])


def reports(seen: Wire) -> dict[Queue, tuple[list[int], list[int]]]:
    """When REQUESTs came to their egress, and the highest position told by then, by DGSQ generation."""
    table = seen.to_gsps("REQUEST")
    names = ("source", "destination", "port", "class", "generation", "sent", "forfeited")
    columns = (table[name].tolist() for name in names)
    found: dict[Queue, list[tuple[int, int]]] = {}
    for time, *values in zip(seen.columns.arrival[table.rows].tolist(), *columns, strict=True):
        found.setdefault(Queue(*values[:5]), []).append((time, values[5] + values[6]))
    result = {}
    for queue, items in found.items():
        items.sort()
        highest = list(accumulate((position for _, position in items), max))
        result[queue] = ([time for time, _ in items], highest)
    return result


def _positions(account: Account) -> Iterator[tuple[int, int, int]]:
    """Yield (row, time, position) of the governed DATA of a generation."""
    columns = (account.row, account.time, account.position)
    yield from zip(*(column[account.governed].tolist() for column in columns), strict=True)


def _frame_time(recording: Recording) -> int:
    """Time of the longest frame on the slowest link, in ns."""
    rate = min((link.rate_mbps for link in recording.links), default=1)
    return int((recording.parameter("max_frame") + 60) * 8000 // rate)


def pauses(seen: Wire, host: str) -> dict[int, list[tuple[int, int]]]:
    """Return the spans (ns) in which a host paused each class by PFC."""
    columns = seen.columns
    link = next(link for link in columns.links if link.name == host)
    found: dict[int, list[tuple[int, int]]] = {}
    for row in seen.host_rows(host, UP):
        frame = columns.frame(row)
        if frame[12:16] != MAC_CONTROL + b"\x01\x01" or not columns.delivered[row]:
            continue
        start = int(columns.arrival[row])
        for cls in range(8):
            if frame[17] >> cls & 1:
                quanta = int.from_bytes(frame[18 + 2 * cls : 20 + 2 * cls])
                spans = found.setdefault(cls, [])
                spans[:] = [(begin, min(end, start)) for begin, end in spans]
                spans.append((start, start + quanta * 512 * 1000 // link.rate_mbps))
    for spans in found.values():
        merged: list[tuple[int, int]] = []
        for begin, end in spans:
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((begin, end))
        spans[:] = merged
    return found
