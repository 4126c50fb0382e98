"""Dynamic global scheduling queues: when they exist, what is in one, and how they end."""

from collections import Counter
from itertools import pairwise

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.credit import requests
from conformance.judge.invariants.registration import ALTERED, FROM_AFAR, invariant
from conformance.judge.invariants.transparency import TABLE
from conformance.judge.invariants.wire import Key, Wire, wire
from traffic.recordings.recording import Queue, Recording

HELD_BACK = frozenset({"carrier", "odd spine", "odd egress", "signal", "pause", "blackout", "loss"})
"""What may keep frames in their queues for good."""


@invariant("DGSQ-GENERATION-NONZERO")
def generations_are_not_nought(recording: Recording, expect: Expect) -> None:
    """No DATA, REQUEST or GRANT of a GSP has the generation 0."""
    seen = wire(recording)
    rows, checked = [], 0
    for name in ("DATA", "REQUEST", "GRANT"):
        if name in recording.columns.profile.messages:
            table = seen.from_gsps(name)
            checked += len(table)
            rows += recording.columns.numbered(table.rows[table["generation"] == 0])
    if checked:
        expect.that(not rows, "messages with generation 0", 0, len(rows), rows)


@invariant("DGSQ-GENERATION-CHANGES")
def generations_follow_each_other(recording: Recording, expect: Expect) -> None:
    """Each queue that is created again has the next generation, and none of its places is used twice."""
    seen = wire(recording)
    profile = recording.columns.profile
    wrong = []
    for (source, key), known in seen.generations.items():
        for before, after in pairwise(known):
            if after != profile.after(before):
                wrong.append(f"{after} after {before} from node {source} to {key.node}.{key.port}.{key.cls}")
    places: set[tuple[Queue, int, int]] = set()
    twice = []
    for item in seen.left:
        place = (item.queue, item.sequence, item.place)
        twice += [item.row] if place in places else []
        places.add(place)
    if seen.generations:
        expect.that(not wrong, "generations that do not follow the last", 0, "; ".join(wrong[:3]) or 0)
        expect.that(not twice, "places of a generation that were used twice", 0, len(twice), twice)


@invariant("DGSQ-KEY", hidden_by=TABLE | ALTERED)
def queues_hold_one_egress(recording: Recording, expect: Expect) -> None:
    """All frames of a queue are for the node, port and class that it names."""
    seen = wire(recording)
    wrong, checked = [], 0
    for item in seen.left:
        key = seen.key_of(item.frame)
        if key is not None and item.frame in seen.sent:
            checked += 1
            wrong += [item.row] if key != Key(*item.queue[1:4]) else []
    if checked:
        expect.that(not wrong, "frames in a queue for another egress or class", 0, len(wrong), wrong)


@invariant("DGSQ-NO-LEAK")
def creation_and_release_balance(recording: Recording, expect: Expect) -> None:
    """On each GSP the queues held are those created less those released."""
    recording.need("counters")
    for name in wire(recording).gsps:
        counters = recording.columns.counters.get(name, {})
        if {"dgsq_created", "dgsq_released", "dgsq_active"} <= counters.keys():
            held = counters["dgsq_created"] - counters["dgsq_released"]
            expect.equal(counters["dgsq_active"], held, f"growth of dgsq_active of {name}")


@invariant("DGSQ-ON-FIRST-FRAME", hidden_by=TABLE)
def one_queue_is_created_for_each(recording: Recording, expect: Expect) -> None:
    """Expect that a GSP counts no more queues as created than there were generations, and one for each."""
    if recording.parameter("dgsq_mode") != "on-first-frame":
        return
    seen = wire(recording)
    hosts = recording.facts.hosts
    for name, node in seen.gsps.items():
        created = seen.counter(name, "dgsq_created")
        if created is None or not seen.began(name) or seen.counter(name, "dropped_frames"):
            continue
        shown = sum(len(known) for (source, _), known in seen.generations.items() if source == node)
        local = any(
            hosts[item.host].node == node
            for frame, items in seen.sent.items()
            for item in items
            if (target := seen.by_mac.get(frame[:6])) is None or target.node == node
        )
        if created or shown:
            expect.that(
                created == shown if not local else created >= shown,
                f"growth of dgsq_created of {name}",
                f"{'at least ' if local else ''}{shown}",
                created,
            )


@invariant("DGSQ-NONE-AT-IDLE")
def idle_sources_hold_no_queue(recording: Recording, expect: Expect) -> None:
    """Expect that a GSP the hosts of which sent nothing creates no queue and asks for no credit."""
    seen = wire(recording)
    hosts = recording.facts.hosts
    busy = {hosts[item.host].node for items in seen.sent.values() for item in items}
    asked = requests(seen) if "REQUEST" in recording.columns.profile.messages else {}
    for name, node in seen.gsps.items():
        if node in busy or not seen.began(name):
            continue
        rows = [item.row for queue, items in asked.items() if queue.source == node for item in items]
        created = seen.counter(name, "dgsq_created")
        expect.that(not created, f"queues that {name} created without traffic", 0, created)
        expect.that(not rows, f"REQUEST of {name} without traffic", 0, len(rows), rows)


@invariant("DGSQ-AGE-OUT", hidden_by=TABLE | FROM_AFAR | {"setting", "carrier", "odd spine"})
def queues_age_out_in_time(recording: Recording, expect: Expect) -> None:
    """No queue ends within age_out of its last frame, and none is left well after that."""
    seen = wire(recording)
    age, margin = recording.parameter("age_out"), recording.parameter("latency_margin")
    margin += expect.uncertainty.get("ns", 0)
    first: dict[Queue, int] = {}
    last: dict[Queue, int] = {}
    at_once: dict[Queue, bool] = {}
    for item in seen.left:
        first.setdefault(item.queue, item.time)
        last[item.queue] = item.time
        at_once[item.queue] = seen.idle_before(int(item.row)) > 0
    if "REQUEST" in recording.columns.profile.messages:
        for queue, items in requests(seen).items():
            first[queue] = min(first.get(queue, items[0].time), items[0].time)
    quiet = {node: name for name, node in seen.gsps.items() if seen.counter(name, "dropped_frames") == 0}
    early, checked = [], 0
    for (source, key), known in seen.generations.items():
        queues = [Queue(source, *key, generation) for generation in known]
        for before, after in pairwise(queues):
            if source in quiet and at_once.get(before) and after in first:
                checked += 1
                if first[after] - last[before] < age - margin:
                    rest = first[after] - last[before]
                    early.append(f"after {rest:,} ns that to node {key.node} port {key.port} class {key.cls}")
    if checked:
        expect.that(
            not early, "queues that ended within age_out of their last frame", 0, "; ".join(early[:3]) or 0
        )
    _left_over(seen, expect, age + recording.parameter("request_refresh") + 2 * margin, last, quiet)


def _left_over(seen: Wire, expect: Expect, limit: int, last: dict[Queue, int], quiet: dict[int, str]) -> None:
    """Expect GSPs to hold no queue well after all their traffic; `last` is when DATA of a queue last left."""
    hosts = seen.columns.facts.hosts
    gone = Counter(item.queue.source for item in seen.left)
    for node, name in quiet.items():
        active = seen.counter(name, "dgsq_active")
        sent = [item.time for items in seen.sent.values() for item in items if hosts[item.host].node == node]
        if gone[node] < len(sent):  # a queue that still holds frames is not idle
            continue
        used = max((*sent, *(time for queue, time in last.items() if queue.source == node)), default=None)
        if active is not None and used is not None and seen.began(name):
            ends = (seen.key_of(frame) for frame in seen.sent)
            local = any(end is not None and end.node == node for end in ends)
            if not local and seen.columns.read[0] > used + limit:
                what = f"queues that {name} holds {limit} ns after the last frame"
                expect.that(active <= 0, what, 0, active)


@invariant("DGSQ-EXHAUSTION", hidden_by={"setting"})
def queues_are_bounded(recording: Recording, expect: Expect) -> None:
    """Expect that a GSP never has more than dgsq_max queues at a time, as far as their messages show."""
    seen = wire(recording)
    most = recording.parameter("dgsq_max")
    spans: dict[int, list[tuple[int, int]]] = {}
    ends: dict[Queue, tuple[int, int]] = {}
    for item in seen.left:
        start, _ = ends.get(item.queue, (item.time, 0))
        ends[item.queue] = (start, item.time)
    for queue, (start, stop) in ends.items():
        spans.setdefault(queue.source, []).extend([(start, 1), (stop, -1)])
    for name, node in seen.gsps.items():
        if node in spans:
            changes = np.cumsum([step for _, step in sorted(spans[node])])
            expect.that(int(changes.max()) <= most, f"queues of {name} at a time", most, int(changes.max()))


@invariant("DGSQ-FIFO", hidden_by=FROM_AFAR | ALTERED | {"duplicate"})
def queues_keep_the_order_of_arrival(recording: Recording, expect: Expect) -> None:
    """Frames of a queue are numbered in the order in which their host sent them."""
    seen = wire(recording)
    numbers = recording.columns.profile.numbers()
    start: dict[Queue, int] = {}
    places: dict[tuple[Queue, str], list[tuple[int, int, int, int]]] = {}
    for item in seen.left:
        sent = seen.sent.get(item.frame, ())
        if len(sent) == 1:
            base = start.setdefault(item.queue, item.sequence)
            ahead = (item.sequence - base + numbers // 2) % numbers
            places.setdefault((item.queue, sent[0].host), []).append(
                (ahead, item.place, sent[0].row, item.row)
            )
    wrong = []
    for items in places.values():
        items.sort()
        wrong += [after[3] for before, after in pairwise(items) if after[2] < before[2]]
    if places:
        expect.that(not wrong, "frames numbered before one that was sent earlier", 0, len(wrong), wrong)


@invariant("DGSQ-LOCAL-WITHOUT-MESSAGES")
def local_traffic_shows_no_message(recording: Recording, expect: Expect) -> None:
    """No DATA, REQUEST or GRANT names its sender as destination, or carries a frame for a host of its own."""
    seen = wire(recording)
    rows, checked = [], 0
    for name in ("DATA", "REQUEST", "GRANT"):
        if name in recording.columns.profile.messages:
            table = seen.from_gsps(name)
            checked += len(table)
            rows += recording.columns.numbered(table.rows[table["source"] == table["destination"]])
    if checked:
        expect.that(not rows, "messages of a node to itself", 0, len(rows), rows)


@invariant("DGSQ-WHOLE-DROP", hidden_by=HELD_BACK | TABLE)
def nothing_is_missing_in_a_generation(recording: Recording, expect: Expect) -> None:
    """Within a generation no place before one that was used is left out, whatever was dropped."""
    seen = wire(recording)
    numbers = recording.columns.profile.numbers()
    for name, node in seen.gsps.items():
        full = seen.counter(name, "drop.queue_full") or 0
        gaps: list[int] = []
        checked = 0
        for queue, items in seen.containers.items():
            if queue.source != node:
                continue
            for item in items[1:] if 0 not in items[0].indices else items:
                checked += 1
                gaps += item.rows[:1] * (max(item.indices) + 1 - len(set(item.indices)))
            for before, after in pairwise(items):
                gaps += after.rows[: after.sequence != (before.sequence + 1) % numbers]
        if checked:
            what = f"places of {name} that are missing in their generation, beside frames that no buffer took"
            expect.that(len(gaps) <= full, what, f"at most {full}", len(gaps), gaps)
    hosts = recording.facts.hosts
    for name, node in seen.gsps.items():
        if seen.counter(name, "dropped_frames") == 0 and seen.began(name):
            _all_left(seen, expect, name, [host for host in hosts if hosts[host].node == node])


@invariant("DGSQ-ON-CONGESTION-FREE", hidden_by={"setting", "signal"})
def nothing_is_asked_without_congestion(recording: Recording, expect: Expect) -> None:
    """Without congestion a source in the mode on-congestion asks for nothing and marks its DATA."""
    if (
        recording.parameter("dgsq_mode") != "on-congestion"
        or "BACKPRESSURE" not in recording.columns.profile.messages
    ):
        return
    seen = wire(recording)
    if not len(seen.data):
        return
    told = seen.to_gsps("BACKPRESSURE")
    for name, node in seen.gsps.items():
        here = told["destination"] == node
        first = (
            int(seen.columns.time[told.rows[here]].min()) if here.any() else int(seen.columns.time[-1]) + 1
        )
        rows = [
            item.row
            for queue, items in requests(seen).items()
            if queue.source == node
            for item in items
            if item.time < first
        ]
        data = seen.data.where((seen.data["source"] == node) & (seen.columns.time[seen.data.rows] < first))
        bare = data.rows[data["flags"] & seen.columns.profile.flag("UNGOVERNED") == 0]
        if seen.counter(name, "backpressure_sent") in {None, 0} and len(data):
            expect.that(not rows, f"REQUEST of {name} before any congestion", 0, len(rows), rows)
            marked = seen.numbered(bare.tolist())
            expect.that(not marked, f"DATA of {name} without UNGOVERNED", 0, len(marked), marked)


@invariant("DGSQ-ON-CONGESTION-CREATED", hidden_by={"setting", "signal"} | FROM_AFAR | ALTERED)
def congestion_ends_free_sending(recording: Recording, expect: Expect) -> None:
    """No DATA is ungoverned in the mode on-first-frame, nor while congestion of its destination is told."""
    profile = recording.columns.profile
    if "UNGOVERNED" not in profile.flags or "BACKPRESSURE" not in profile.messages:
        return
    seen = wire(recording)
    free = seen.data.where(seen.data["flags"] & profile.flag("UNGOVERNED") != 0)
    if recording.parameter("dgsq_mode") == "on-first-frame":
        if len(seen.data):
            rows = recording.columns.numbered(free.rows)
            expect.that(not rows, "ungoverned DATA in the mode on-first-frame", 0, len(rows), rows)
        return
    table = seen.to_gsps("BACKPRESSURE")
    margin = 2 * recording.parameter("latency_margin") + expect.uncertainty.get("ns", 0)
    fields = (table[name].tolist() for name in ("destination", "about", "level", "validity"))
    arrival = seen.columns.arrival[table.rows].tolist()
    wrong: list[int] = []
    for time, source, about, level, validity in zip(arrival, *fields, strict=True):
        if level:
            mine = (free["source"] == source) & (free["destination"] == about)
            times = seen.columns.time[free.rows]
            mine &= (times > time + margin) & (times < time + validity)
            wrong += [row for row in recording.columns.numbered(free.rows[mine]) if seen.idle_before(row) > 0]
    if len(table):
        expect.that(not wrong, "ungoverned DATA while congestion is told", 0, len(wrong), wrong)


def _all_left(seen: Wire, expect: Expect, name: str, hosts: list[str]) -> None:
    """Expect every frame to another node to have left, where a source dropped nothing."""
    node = seen.gsps[name]
    gone = {item.frame for item in seen.left if item.queue.source == node}
    kept = []
    for frame, items in seen.sent.items():
        target = seen.by_mac.get(frame[:6])
        if target is not None and target.node != node and frame not in gone:
            kept += [item.row for item in items if item.host in hosts and item.copies]
    rows = seen.numbered(kept)
    expect.that(not rows, f"frames that {name} neither sent on nor counted as dropped", 0, len(rows), rows)
