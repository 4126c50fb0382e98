"""Forwarding: what a GSF does to the messages that pass it, and what becomes of those that are not sound."""

from typing import Final

from conformance.judge.expect import Expect
from conformance.judge.invariants.registration import ALTERED, invariant
from conformance.judge.invariants.wire import Wire, passing, wire
from traffic.recordings.decode import Fault, Rows
from traffic.recordings.recording import Recording

FOR_A_NODE: Final = ("DATA", "REQUEST", "GRANT", "BACKPRESSURE")


@invariant("FWD-HOP-LIMIT", hidden_by=ALTERED)
def a_hop_costs_one(recording: Recording, expect: Expect) -> None:
    """Each DATA leaves a GSF with a hop limit one lower than it came with, and the same octets."""
    seen = wire(recording)
    for name in seen.gsfs:
        came: dict[tuple[object, ...], set[tuple[int, bytes]]] = {}
        for key, hops, _, frame in _data(seen, name, arriving=True):
            came.setdefault(key, set()).add((hops - 1, frame))
        gone = _data(seen, name, arriving=False)
        wrong = [row for key, hops, row, frame in gone if (hops, frame) not in came.get(key, ())]
        if gone:
            what = f"DATA that {name} passed on with another hop limit or other octets"
            expect.that(not wrong, what, 0, len(wrong), wrong)


@invariant("FWD-HOP-LIMIT-EXPIRED")
def no_message_leaves_without_hops(recording: Recording, expect: Expect) -> None:
    """No message leaves a GSF with a hop limit of 0, and none at all that came with no hop to spare."""
    seen = wire(recording)
    for name in seen.gsfs:
        wrong, spent, checked = [], 0, 0
        for message in FOR_A_NODE:
            if message in recording.columns.profile.messages:
                table = recording.columns.tables[message]
                sound = table.valid_crc
                gone = sound & passing(seen.columns, name, arriving=False)[table.rows]
                wrong += recording.columns.numbered(table.rows[gone & (table["hop_limit"] == 0)])
                came = sound & passing(seen.columns, name, arriving=True)[table.rows]
                spent += int((came & (table["hop_limit"] <= 1)).sum())
                checked += int(gone.sum())
        counted = seen.counter(name, "drop.hop_limit")
        if checked or spent:
            expect.that(not wrong, f"messages that left {name} with a hop limit of 0", 0, len(wrong), wrong)
        if spent and counted is not None:
            what = f"growth of drop.hop_limit of {name} for {spent} messages without a hop to spare"
            expect.that(counted + _lost(seen, name) >= spent, what, spent, counted)


@invariant("FWD-CHECKSUM", hidden_by=ALTERED)
def damaged_messages_are_counted(recording: Recording, expect: Expect) -> None:
    """Expect that a device counts each message that came with a wrong checksum, and sends none itself."""
    _as_counted(recording, expect, (Fault.CHECKSUM,), "bad_checksum")
    seen = wire(recording)
    wrong = recording.columns.tables.faults(Fault.CHECKSUM)
    for name in seen.gsfs if len(wrong) else ():
        mine = recording.columns.numbered(wrong[passing(seen.columns, name, arriving=False)[wrong]])
        what = f"messages with a wrong checksum that {name} sent"
        expect.that(not mine, what, 0, len(mine), mine)


@invariant("FWD-UNKNOWN-VERSION", hidden_by=ALTERED)
def other_versions_are_counted(recording: Recording, expect: Expect) -> None:
    """Expect that a device counts each message of a version that it does not know."""
    _as_counted(recording, expect, (Fault.VERSION,), "bad_version")


@invariant("FWD-MALFORMED", hidden_by=ALTERED)
def malformed_messages_are_counted(recording: Recording, expect: Expect) -> None:
    """Expect that a device counts each message of an unknown type or too short for its own."""
    _as_counted(recording, expect, (Fault.TYPE, Fault.TRUNCATED), "bad_message")


@invariant("FWD-NOT-FOR-THIS-NODE", hidden_by=ALTERED)
def stray_data_is_counted(recording: Recording, expect: Expect) -> None:
    """Expect that a GSP counts the DATA that came to it and names another node."""
    seen = wire(recording)
    table = recording.columns.tables["DATA"]
    for name, node in seen.gsps.items():
        here = table.valid_crc & passing(seen.columns, name, arriving=True)[table.rows]
        stray = table.rows[here & (table["destination"] != node)]
        counted = seen.counter(name, "drop.not_for_this_node")
        if len(stray) and counted is not None:
            due = int(recording.columns.delivered[stray].sum())
            what = f"growth of drop.not_for_this_node of {name} for DATA to other nodes"
            expect.that(counted >= due, what, due, counted, recording.columns.numbered(stray))


def _as_counted(recording: Recording, expect: Expect, faults: tuple[Fault, ...], cause: str) -> None:
    """Expect each device to have counted the unsound messages that came to it under their cause.

    One that is wrong in several ways, or too short to tell, may be counted by its checksum as well.
    """
    seen = wire(recording)
    for name in (*seen.gsps, *seen.gsfs):
        rows = _unsound(seen, name, *faults)
        counted = seen.counter(name, f"drop.{cause}")
        by_checksum = seen.counter(name, "drop.bad_checksum")
        if not len(rows) or counted is None or by_checksum is None:
            continue
        damaged = _copies(seen, _unsound(seen, name, Fault.CHECKSUM))
        if cause != "bad_checksum":
            counted += max(by_checksum - damaged, 0)
        due = _copies(seen, rows)
        what = f"growth of drop.{cause} of {name} for {due} messages that are not sound"
        expect.that(counted >= due, what, due, counted, recording.columns.numbered(rows))


def _unsound(seen: Wire, name: str, *faults: Fault) -> Rows:
    """Return the rows of unsound messages that came to a device."""
    rows = seen.columns.tables.faults(*faults)
    return rows[passing(seen.columns, name, arriving=True)[rows]]


def _copies(seen: Wire, rows: Rows) -> int:
    return int(seen.columns.delivered[rows].sum())


def _lost(seen: Wire, name: str) -> int:
    return seen.dropped(name, ("no_path", "unknown_node", "hairpin")) or 0


def _data(seen: Wire, name: str, *, arriving: bool) -> list[tuple[tuple[object, ...], int, int, bytes]]:
    """List (place, hop limit, row, octets of the host frame) of sound DATA that reached a GSF or left it."""
    table = seen.columns.tables["DATA"]
    table = table.where(table.valid_crc & passing(seen.columns, name, arriving=arriving)[table.rows])
    hops = table["hop_limit"].tolist()
    return [
        ((item.queue, item.sequence, item.place), limit, item.row, item.frame)
        for item, limit in zip(seen.passing(name, arriving=arriving), hops, strict=True)
    ]
