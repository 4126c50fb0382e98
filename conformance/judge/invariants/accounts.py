"""Request and grant: what a GSP counts of its signalling and credit, against what its links show."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain

from conformance.judge.expect import Expect
from conformance.judge.invariants.counters import growths
from conformance.judge.invariants.credit import COARSE, LOST, grants, reports, requests
from conformance.judge.invariants.registration import ALTERED, FROM_AFAR, invariant
from conformance.judge.invariants.wire import Wire, wire
from traffic.recordings.recording import Recording

Said = tuple[str, int, int]
"""Counter, time in ns, and by how much it has to grow for what passed then."""


@invariant(
    "GRANT-COUNTED",
    hidden_by=LOST | FROM_AFAR | ALTERED | {"setting", "table_withdraw", "script", "odd spine"},
)
def signalling_is_counted(recording: Recording, expect: Expect) -> None:
    """Counters of REQUEST, GRANT and credit grow by what passed, on GSPs that began idle and drop nothing."""
    seen = wire(recording)
    if not {"REQUEST", "GRANT"} <= recording.columns.profile.messages.keys():
        return
    if not all(seen.began(name) and seen.counter(name, "dropped_frames") == 0 for name in seen.gsps):
        return
    for name, node in seen.gsps.items():
        growths(seen, expect, name, chain(_messages(seen, node), _credit(seen, node)))


def _messages(seen: Wire, node: int) -> Iterator[Said]:
    """Yield the messages that a node sent and received; one that was duplicated on its way came twice."""
    columns = seen.columns
    for message in ("REQUEST", "GRANT"):
        table = seen.from_gsps(message)
        for row in table.rows[table["source"] == node].tolist():
            yield f"{message.lower()}s_sent", int(columns.time[row]), 1
        table = seen.to_gsps(message)
        for row in table.rows[table["destination"] == node].tolist():
            yield f"{message.lower()}s_received", int(columns.arrival[row]), int(columns.delivered[row])


def _credit(seen: Wire, node: int) -> Iterator[Said]:
    """Yield the credit that a node gave to others, and gave up itself where all of that is told."""
    start = int(seen.recording.parameter("unsolicited_bytes"))
    for queue, items in grants(seen).items():
        told = start
        for item in items if queue.destination == node else ():
            yield "granted_bytes", item.time, max(item.granted - told, 0)
            told = max(item.granted, told)
    for queue, asked in requests(seen).items() if not _has_local(seen, node) else ():
        told = 0
        for each in asked if queue.source == node else ():
            yield "forfeited_bytes", each.time, max(each.forfeited - told, 0)
            told = max(each.forfeited, told)


def _has_local(seen: Wire, node: int) -> bool:
    """Whether a host of a node may have sent to a host of the same node, of which no message tells."""
    hosts = seen.columns.facts.hosts
    return any(
        hosts[item.host].node == node and ((key := seen.key_of(frame)) is None or key.node == node)
        for frame, items in seen.sent.items()
        for item in items
    )


@invariant("GRANT-REGRANT", hidden_by={"setting"} | FROM_AFAR | ALTERED)
def valid_credit_is_not_taken_back(recording: Recording, expect: Expect) -> None:
    """No GRANT declares credit expired of which the last GRANT said that it is valid for longer.

    What the source has reported as sent or given up may count as expired at any time.
    """
    seen = wire(recording)
    start = int(recording.parameter("unsolicited_bytes"))
    slack = COARSE + expect.uncertainty.get("ns", 0)
    told = reports(seen)
    wrong, checked = [], 0
    for queue, items in grants(seen).items():
        times, positions = told.get(queue, ((), ()))
        void = start
        valid: list[tuple[int, int]] = []
        for item in items:
            ended = [granted for until, granted in valid if until <= item.time + slack]
            reported = positions[: bisect_right(times, item.time)]
            void = max(void, *ended, *reported[-1:]) if ended or len(reported) else void
            checked += item.expired > start
            wrong += [item.row] if item.expired > void else []
            valid = [each for each in valid if each[0] > item.time + slack]
            valid.append((item.time + item.validity, item.granted))
    if checked:
        expect.that(not wrong, "GRANT that takes valid credit back", 0, len(wrong), wrong)
