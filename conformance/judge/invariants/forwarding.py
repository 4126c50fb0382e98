"""Forwarding: nothing is lost or doubled, drops are counted, messages are as the profile says."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from conformance.judge.expect import Expect
from conformance.judge.invariants.messages import FOR_A_NODE
from conformance.judge.invariants.parties import under_test
from conformance.judge.invariants.registration import ALTERED, invariant
from conformance.judge.invariants.wire import MAC, MAC_CONTROL, Wire, passing, wire
from traffic.recordings.comparison import altered
from traffic.recordings.recording import DOWN, UP, Recording

EXCUSED: Final = (
    "unknown_destination",
    "frame_too_long",
    "link_local",
    "hairpin",
    "no_path",
    "dgsq_exhausted",
    "dgsq_aborted",
    "table_withdrawn",
    "queue_full",
)
"""Causes for which a device may drop a frame; whether it had the right to is for the cause's own cases."""


@invariant("FWD-ZERO-LOSS", hidden_by=ALTERED | {"table_withdraw"})
def nothing_is_lost(recording: Recording, expect: Expect) -> None:
    """Every frame between two hosts arrives, but for those that a drop counter accounts for."""
    if _harmed(recording) or not recording.hosts.delivered():
        return
    lost = recording.hosts.losses()
    excused = recording.devices.drops() if "counters" in recording.capabilities else {}
    allowed = sum(excused.get(cause, 0) for cause in EXCUSED)
    if len(lost) <= allowed:
        expect.that(True, "host frames lost", allowed, len(lost))
        return
    passage = next(altered(lost[:1], recording.hosts.strays()))
    rows = [*passage.rows, *(frame.row for frame in lost[1:])]
    got = f"{len(lost)}; the first: {passage}"
    expect.that(False, "host frames lost", f"at most the {allowed} accounted for", got, rows)


@invariant("FWD-EXACTLY-ONCE")
def nothing_is_delivered_twice(recording: Recording, expect: Expect) -> None:
    """No host receives a unicast frame more often than it was sent to it."""
    if recording.hosts.delivered():
        twice = [frame for frame in recording.hosts.duplicates() if not frame.frame[0] & 1]
        expect.that(
            not twice, "unicast frames delivered twice", 0, len(twice), [frame.row for frame in twice]
        )


@invariant("FWD-DROP-CAUSES-SUM", hidden_by=ALTERED)
def drop_causes_make_the_total(recording: Recording, expect: Expect) -> None:
    """On each device the causes add up to the frames dropped."""
    recording.need("counters")
    for node in under_test(recording):
        counters = recording.columns.counters.get(node, {})
        if "dropped_frames" in counters:
            causes = sum(value for name, value in counters.items() if name.startswith("drop."))
            expect.equal(causes, counters["dropped_frames"], f"sum over drop.* of {node}")
    _judge_passage(recording, expect)
    _judge_ends(recording, expect)


@invariant("FWD-WELL-FORMED")
def messages_are_as_the_profile_says(recording: Recording, expect: Expect) -> None:
    """Each message that a device sends has a layout, codes and values of the wire profile."""
    for name in under_test(recording):
        if recording.fabric.frames_of(name):
            wrong = recording.fabric.improper(name)
            got = f"{len(wrong)}; the first: {wrong[0].wrong}" if wrong else 0
            what = f"frames of {name} that the wire profile does not allow"
            expect.that(not wrong, what, 0, got, [item.row for item in wrong])


def _harmed(recording: Recording) -> bool:
    """Whether a link lost frames of the play, so that their loss says nothing of a device."""
    return bool((recording.columns.delivered == 0).any())


def _judge_passage(recording: Recording, expect: Expect) -> None:
    """Expect what came to a GSF and did not leave it to be what it counts as dropped.

    A message about links that it refuses may be counted as well; what came just before the counters were
    read may be under way.
    """
    seen, tables, columns = wire(recording), recording.columns.tables, recording.columns
    just_come = columns.arrival > columns.read[0] - recording.parameter("latency_margin")
    for name, node in seen.gsfs.items():
        arriving, leaving = (passing(seen.columns, name, arriving=way) for way in (True, False))
        due = refused = 0
        for message, table in tables.tables.items():
            rows = table.rows[table.valid_crc]
            came = int(columns.delivered[rows[arriving[rows]]].sum())
            if message in FOR_A_NODE:
                own = table["source"][table.valid_crc] == node
                due += came - int((leaving[rows] & ~own).sum())
            elif message == "FAULT":
                refused += came
        unsound = tables.faults()
        due += int(columns.delivered[unsound[arriving[unsound]]].sum())
        under_way = int((arriving & just_come).sum())
        dropped = seen.counter(name, "dropped_frames")
        if dropped is not None and arriving.any():
            what = f"growth of dropped_frames of {name}, to which more came than left it by {due}"
            expect.that(due - under_way <= dropped <= due + refused, what, due, dropped)


def _judge_ends(recording: Recording, expect: Expect) -> None:
    """Expect what came to a GSP from hosts and fabric to have left it, or to be counted as dropped.

    Only where hosts sent to each other, once each, and no queue is left in which a frame may wait.
    """
    seen, tables, columns = wire(recording), recording.columns.tables, recording.columns
    data = tables["DATA"].rows[tables["DATA"].valid_crc]
    for name, node in seen.gsps.items():
        hosts = seen.hosts_of([node])
        sent = [row for host in hosts for row in seen.host_rows(host, UP)]
        sent = [row for row in sent if recording.frame(row)[2 * MAC : 2 * MAC + 2] != MAC_CONTROL]
        dropped = seen.counter(name, "dropped_frames")
        if dropped is None or any(recording.frame(row)[:MAC] not in seen.by_mac for row in sent):
            continue
        if _floods(seen, node):
            continue
        arriving, leaving = (passing(seen.columns, name, arriving=way) for way in (True, False))
        unsound = tables.faults()
        due = int(columns.delivered[sent].sum()) if sent else 0
        due += int(columns.delivered[data[arriving[data]]].sum()) - int(leaving[data].sum())
        due += int(columns.delivered[unsound[arriving[unsound]]].sum())
        due -= sum(len(seen.host_rows(host, DOWN)) for host in hosts)
        refused = sum(
            _strange(seen, message, node, arriving) for message in tables.tables if message != "HELLO"
        )
        if due or dropped:
            what = f"growth of dropped_frames of {name}, to which more came than left it by {due}"
            idle = seen.began(name) and seen.counter(name, "dgsq_active") == 0
            expect.that((due if idle else 0) <= dropped <= due + refused, what, due, dropped)


def _floods(seen: Wire, node: int) -> bool:
    """Whether a GSP sent a frame elsewhere than to the seat of its host, which its table lacks then."""
    seats = {mac: (host.node, host.port) for mac, host in seen.by_mac.items()}
    own = {name: (host.node, host.port) for name, host in seen.hosts_of([node]).items()}
    gone = [(item.frame, item.queue[1:3]) for item in seen.left if item.queue.source == node]
    gone += [(frame, own[host]) for _, host, frame in seen.received if host in own]
    return any(seats.get(frame[:MAC], seat) != seat for frame, seat in gone)


def _strange(seen: Wire, message: str, node: int, arriving: NDArray[np.bool_]) -> int:
    """How many messages came to a GSP that it may refuse: for others, no host or no generation, of links."""
    table = seen.columns.tables[message]
    table = table.where(table.valid_crc & arriving[table.rows])
    if message == "DATA":
        return 0
    if message == "FAULT":
        return int(seen.columns.delivered[table.rows].sum())
    strange = (table["destination"] != node) | ~np.isin(table["source"], list(_nodes(seen) - {node}))
    if message in {"REQUEST", "GRANT"}:
        strange |= table["generation"] == 0
    if message == "REQUEST":
        strange |= ~np.isin(table["port"], [host.port for host in seen.hosts_of([node]).values()])
    return int(seen.columns.delivered[table.rows[strange]].sum())


def _nodes(seen: Wire) -> set[int]:
    return {node.id for node in seen.columns.facts.nodes.values()}
