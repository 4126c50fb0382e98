"""Ordering: what a host receives is in the order in which it was sent, and waits no longer than it has to."""

from collections import Counter
from itertools import pairwise

from conformance.judge.expect import Expect
from conformance.judge.invariants.kept import kept
from conformance.judge.invariants.registration import ALTERED, FROM_AFAR, invariant
from conformance.judge.invariants.wire import Left, Wire, wire
from traffic.frames.host import traffic_class
from traffic.frames.roce import identify
from traffic.recordings.recording import Queue, Recording


@invariant("ORDER-PER-FLOW")
def flows_stay_in_order(recording: Recording, expect: Expect) -> None:
    """Frames of a flow are received in the order in which they were sent."""
    order = recording.hosts.reordering()
    if order.received:
        expect.that(
            not order.rows, "reordered frames (RFC 4737) at the hosts", 0, order.reordered, order.rows
        )


@invariant("ORDER-ROCE-PSN", hidden_by=ALTERED)
def packet_numbers_rise(recording: Recording, expect: Expect) -> None:
    """At each host the PSN of a RoCEv2 queue pair never falls, and none comes twice, modulo 2^24."""
    seen = wire(recording)
    highest: dict[tuple[object, ...], int] = {}
    sent_order = _in_order(seen)
    wrong, checked = [], 0
    for row, host, frame in seen.received:
        label = identify(frame)
        if label is None or frame not in sent_order:
            continue
        checked += 1
        pair = (host, frame[6:12], traffic_class(frame), label[0])
        place = sent_order[frame]
        if place <= highest.get(pair, -1):
            wrong.append(row)
        highest[pair] = max(highest.get(pair, -1), place)
    if checked:
        what = "packets at a host whose PSN is not above those before"
        expect.that(not wrong, what, 0, len(wrong), seen.numbered(wrong))


@invariant("ORDER-INDEX-ORDER", hidden_by=ALTERED)
def containers_leave_by_index(recording: Recording, expect: Expect) -> None:
    """Expect that the frames of one container reach their host by ascending index."""
    seen = wire(recording)
    highest: dict[tuple[Queue, int], int] = {}
    current: dict[tuple[int, ...], Queue] = {}
    wrong, checked = [], 0
    for row, item in _passed(seen):
        checked += 1
        if current.setdefault(item.queue[:4], item.queue) != item.queue:
            highest = {known: index for known, index in highest.items() if known[0] != item.queue}
            current[item.queue[:4]] = item.queue
        place = (item.queue, item.sequence)
        if item.place < highest.get(place, -1):
            wrong.append(row)
        highest[place] = max(highest.get(place, -1), item.place)
    if checked:
        expect.that(not wrong, "frames that left behind a higher index", 0, len(wrong), seen.numbered(wrong))


@invariant("ORDER-ENDED-GENERATION-LATE", hidden_by=ALTERED)
def ended_generations_stay_ended(recording: Recording, expect: Expect) -> None:
    """Once a frame of the next generation has reached its host, none of the one before does."""
    seen = wire(recording)
    current: dict[tuple[int, ...], list[int]] = {}
    wrong, checked = [], 0
    for row, item in _passed(seen):
        checked += 1
        known = current.setdefault(item.queue[:4], [])
        if item.queue.generation not in known:
            known.append(item.queue.generation)
        elif known[-1] != item.queue.generation and known[-2] == item.queue.generation:
            wrong.append(row)
    if checked:
        expect.that(not wrong, "frames of an ended generation at a host", 0, len(wrong), seen.numbered(wrong))


@invariant("ORDER-DUPLICATE-DROPPED", hidden_by=ALTERED)
def repeats_are_counted(recording: Recording, expect: Expect) -> None:
    """Each frame that comes to a GSP once more is dropped, and counted as a duplicate or as late."""
    seen = wire(recording)
    for name, node in seen.gsps.items():
        counted = seen.dropped(
            name, ("duplicate", "late", "unknown_destination", "unknown_node", "queue_full")
        )
        again = _repeats(seen, node)
        if counted is not None and again:
            what = f"frames dropped by {name} as duplicate or late, of those that came again"
            expect.that(counted >= len(again), what, f"at least {len(again)}", counted, again)


@invariant("ORDER-LATE-DROPPED", hidden_by=ALTERED | {"script"})
def only_repeats_are_duplicates(recording: Recording, expect: Expect) -> None:
    """Expect that a GSP counts no frame as a duplicate that did not come before."""
    seen = wire(recording)
    for name, node in seen.gsps.items():
        counted = seen.counter(name, "drop.duplicate")
        if counted is not None and any(item.queue.destination == node for item in seen.came):
            again = _repeats(seen, node, alike=False)
            what = f"frames that {name} dropped as duplicates, of {len(again)} that came again"
            expect.that(counted <= len(again), what, f"at most {len(again)}", counted, again)


@invariant("ORDER-GAP-CLOSED", hidden_by=ALTERED | {"odd source"})
def gaps_are_counted(recording: Recording, expect: Expect) -> None:
    """Expect that a GSP that delivers what follows a missing frame counts a gap as closed."""
    seen = wire(recording)
    if not recording.columns.profile.has("DATA", "previous_frames"):
        return
    for name, node in seen.gsps.items():
        counted = seen.counter(name, "gaps_closed")
        places: dict[Queue, set[tuple[int, int]]] = {}
        for item in seen.came:
            if item.queue.destination == node:
                places.setdefault(item.queue, set()).add((item.sequence, item.place))
        gone: dict[Queue, set[tuple[int, int]]] = {}
        for item in seen.left:
            gone.setdefault(item.queue, set()).add((item.sequence, item.place))
        delivered = {(item.queue, item.sequence, item.place) for _, item in _passed(seen)}
        missing = sum(
            any((queue, *place) in delivered for place in came if place > lost)
            and any((queue, *place) in delivered for place in came if place < lost)
            for queue, came in places.items()
            for lost in sorted(gone.get(queue, set()) - came)[:1]
            if max(sequence for sequence, _ in came) < SMALL
        )
        if counted is not None and places:
            what = f"gaps that {name} counted as closed"
            expect.that(counted >= missing, what, f"at least {missing}", counted)


@invariant("ORDER-IN-ORDER-AT-ONCE", hidden_by=FROM_AFAR | ALTERED | {"duplicate", "pause", "odd source"})
def frames_in_order_wait_for_nothing(recording: Recording, expect: Expect) -> None:
    """In a stream whose frames come in order none waits while the port of its host is idle.

    Where DATA does not tell how many frames the container before had, an egress cannot know what is next.
    """
    if not recording.columns.profile.has("DATA", "previous_frames"):
        return
    seen = wire(recording)
    margin = recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0)
    ordered = _ordered_streams(seen)
    wrong, checked = [], 0
    for row, item in _passed(seen):
        if item.queue not in ordered:
            continue
        checked += 1
        if _held(seen, row, item) > margin:
            wrong.append(row)
    if checked:
        expect.that(not wrong, "frames in order that were held", 0, len(wrong), seen.numbered(wrong))


@invariant("ORDER-HOLD-BOUND", hidden_by=FROM_AFAR | ALTERED | {"duplicate", "pause", "setting"})
def frames_are_held_for_a_time(recording: Recording, expect: Expect) -> None:
    """No frame is held longer than reorder_timeout from its arrival while the port of its host is idle."""
    seen = wire(recording)
    margin = recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0)
    limit = recording.parameter("reorder_timeout") + margin
    wrong, checked = [], 0
    for row, item in _passed(seen):
        checked += 1
        if _held(seen, row, item) > limit:
            wrong.append(row)
    if checked:
        what = f"frames held for more than {limit} ns"
        expect.that(not wrong, what, 0, len(wrong), seen.numbered(wrong))


SMALL = 1 << 15
"""Below this sequences are compared as plain numbers."""


@kept
def _passed(seen: Wire) -> list[tuple[int, Left]]:
    """List (row at the host, DATA that brought it) of frames that reached hosts of GSPs under test.

    A frame that came, or was sent, several times is left out, since which one it was cannot be told.
    """
    came: dict[tuple[bytes, int, int], list[Left]] = {}
    for item in seen.came:
        came.setdefault((item.frame, item.queue.destination, item.queue.port), []).append(item)
    hosts = seen.columns.facts.hosts
    ambiguous = {frame for frame, items in seen.sent.items() if len(items) > 1}
    found = []
    for row, host, frame in seen.received:
        items = came.get((frame, hosts[host].node, hosts[host].port), [])
        if len(items) == 1 and frame not in ambiguous:
            found.append((row, items[0]))
    return found


def _held(seen: Wire, row: int, item: Left) -> int:
    """Least time in ns that a frame was held although it might have gone: its port was idle meanwhile."""
    columns = seen.columns
    arrived = int(columns.arrival[int(item.row)])
    began = int(columns.time[row]) - seen.wire_time(row)
    return min(began - arrived, seen.idle_before(row))


def _in_order(seen: Wire) -> dict[bytes, int]:
    """Place of each RoCEv2 packet among all that were sent, of those sent once, in order of time."""
    once = [(items[0].time, frame) for frame, items in seen.sent.items() if len(items) == 1]
    return {frame: place for place, (_, frame) in enumerate(sorted(once))}


def _repeats(seen: Wire, node: int, *, alike: bool = True) -> list[int]:
    """Rows of DATA that came to a node with a place that had come before, once for each copy too many.

    Where they have to be `alike`, another frame in the same place is none of them.
    """
    known = set()
    rows = []
    for item in seen.came:
        if item.queue.destination == node:
            place = (item.queue, item.sequence, item.place, item.frame if alike else b"")
            copies = int(seen.columns.delivered[int(item.row)])
            rows += [item.row] * (copies if place in known else copies - 1)
            known.add(place)
    return rows


def _ordered_streams(seen: Wire) -> set[Queue]:
    """Return the generations of which no frame was lost and all came in order, from 0 without a gap.

    The end of a container came where the next one says that it had no more frames.
    """
    columns = seen.columns
    places: dict[Queue, list[tuple[int, int, int, int]]] = {}
    for item, previous in zip(seen.came, seen.reaching["previous_frames"].tolist(), strict=True):
        arrival = int(columns.arrival[int(item.row)])
        places.setdefault(item.queue, []).append((arrival, item.sequence, item.place, previous))
    good = set()
    for queue, items in places.items():
        items.sort(key=lambda place: place[0])
        steps = pairwise(place[1:] for place in items)
        gaps = any(
            after[:2] != (before[0], before[1] + 1) and after != (before[0] + 1, 0, before[1] + 1)
            for before, after in steps
        )
        if items[0][1:3] == (0, 0) and not gaps:
            good.add(queue)
    good -= {item.queue for item in seen.lost}
    streams = Counter(queue[:4] for queue in places)
    return {queue for queue in good if streams[queue[:4]] == 1}
