"""Spraying: what HELLO and FAULT say of the paths, and which of them carry data, and how much."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.greetings import (
    Hello,
    frame_time,
    greetings,
    was_alive,
    was_dark,
)
from conformance.judge.invariants.registration import ALTERED, FROM_AFAR, invariant
from conformance.judge.invariants.wire import Wire, wire
from traffic.recordings.recording import Recording

ROLES: Final = {"GSP": "GSP", "GSF": "GSF"}


@invariant("SPRAY-HELLO-CONTENT", hidden_by=FROM_AFAR | ALTERED | {"duplicate", "loss", "blackout"})
def greetings_tell_the_truth(recording: Recording, expect: Expect) -> None:
    """HELLO come in time, count up, and tell role, port, rate, what is reached and what was last heard."""
    told = greetings(recording)
    margin = recording.parameter("latency_margin")
    margin += expect.uncertainty.get("ns", 0)
    roles = {name: recording.columns.profile.code("HELLO", "role", name) for name in ROLES}
    nodes = recording.facts.nodes
    wrong: dict[str, list[int]] = defaultdict(list)
    checked = 0
    for index, link, _, name, node, own, heard in told.ends:
        arrivals = [item for item in heard if item.delivered]
        times = [item.arrival for item in arrivals]
        checked += len(own)
        for item in own:
            if nodes[name].role in roles and item.role != roles[nodes[name].role]:
                wrong["another role"].append(item.row)
            if nodes[name].role == "GSP" and item.reach.keys() != {node}:
                wrong["other nodes than itself at a GSP"].append(item.row)
            if item.rate != link.rate_mbps:
                wrong["another rate"].append(item.row)
            last, early = bisect_right(times, item.time), bisect_right(times, item.time - margin)
            said = (item.heard_node, item.heard_sequence)
            recent = reversed(arrivals[max(early - 1, 0) : last])
            if item.heard_node and early and all((each.source, each.sequence) != said for each in recent):
                wrong["another HELLO than the one last heard"].append(item.row)
        for what, row in _out_of_step(recording, index, own, margin):
            wrong[what].append(row)
    if checked:
        rows = sorted(row for found in wrong.values() for row in found)
        got = "; ".join(f"{len(found)} with {what}" for what, found in wrong.items()) or 0
        expect.that(not wrong, "HELLO that are not as due", 0, got, told.seen.numbered(rows))


def _out_of_step(
    recording: Recording, index: int, own: list[Hello], margin: int
) -> Iterator[tuple[str, int]]:
    """Yield what is wrong with HELLO of one end after the one before, and its row."""
    limit = recording.parameter("hello_interval") + margin
    numbers = recording.columns.profile.numbers("HELLO", "sequence")
    for before, after in pairwise(own):
        apart = after.time - before.time
        if (after.sequence - before.sequence) % numbers != 1:
            yield "a sequence that does not count up", after.row
        if after.port != before.port:
            yield "another port than before", after.row
        if limit < apart and was_alive(wire(recording), index, before.time + limit, after.time - margin):
            yield "a HELLO too few before it", after.row


@invariant("SPRAY-HELLO-LOSS", hidden_by=FROM_AFAR | {"setting"})
def silent_links_are_left(recording: Recording, expect: Expect) -> None:
    """No DATA leaves on a link long after the last HELLO that came over it."""
    limit = _patience(recording) + expect.uncertainty.get("ns", 0)
    _judge_after(recording, expect, limit, "silent")


@invariant("SPRAY-TWO-WAY", hidden_by=FROM_AFAR | {"setting"})
def deaf_links_are_left(recording: Recording, expect: Expect) -> None:
    """No DATA leaves on a link long after the last HELLO over it that shows that the own ones arrive."""
    limit = _patience(recording) + recording.parameter("hello_interval") + expect.uncertainty.get("ns", 0)
    limit += recording.parameter("hello_misses") * recording.parameter("hello_interval")
    _judge_after(recording, expect, limit, "one-way", heard=True)


@invariant("SPRAY-LIVE-PATHS-ONLY", hidden_by={"loss", "blackout"})
def dark_links_are_left(recording: Recording, expect: Expect) -> None:
    """No source goes on sending for longer than latency_margin on a link where everything is lost."""
    told = greetings(recording)
    limit = (
        recording.parameter("latency_margin") + 2 * frame_time(recording) + expect.uncertainty.get("ns", 0)
    )
    delivered, time = recording.columns.delivered, recording.time
    wrong, checked = [], 0
    for index, _, way, name, _, _, _ in told.ends:
        rows = told.rows[index, way]
        checked += len(rows)
        start = None
        for row in rows.tolist() if name in told.seen.gsps else ():
            if delivered[row]:
                start = None
                continue
            start = int(time[row]) if start is None else start
            if time[row] - start > limit:
                wrong.append(row)
    if checked:
        expect.that(
            not wrong, "DATA on links that have long been dark", 0, len(wrong), told.seen.numbered(wrong)
        )


@invariant("SPRAY-REMOTE-FAULT", hidden_by=FROM_AFAR | ALTERED)
def lost_nodes_are_left(recording: Recording, expect: Expect) -> None:
    """No DATA for a node goes up a link whose HELLO had left that node out well before."""
    wrong, checked = _unannounced(recording, expect)
    if checked:
        expect.that(not wrong, "DATA for nodes that the GSF no longer announces", 0, len(wrong), wrong)


@invariant("SPRAY-NO-PATH", hidden_by=FROM_AFAR | ALTERED)
def nodes_without_path_get_nothing(recording: Recording, expect: Expect) -> None:
    """No DATA leaves for a node that no GSF announces, and a frame without path is counted."""
    told = greetings(recording)
    margin = recording.parameter("latency_margin") + recording.parameter("hello_interval")
    margin += 2 * frame_time(recording) + expect.uncertainty.get("ns", 0)
    wrong, checked = [], 0
    for name, node in told.seen.gsps.items():
        ups = told.seen.links_up(name)
        for item in told.seen.left:
            if item.queue.source == node:
                checked += 1
                if ups and all(
                    told.left_out(up, item.queue.destination, item.time - margin, item.time) for up in ups
                ):
                    wrong.append(item.row)
    if checked:
        expect.that(not wrong, "DATA for nodes that no GSF announces", 0, len(wrong), wrong)
    for name in told.seen.gsfs:
        total = told.seen.counter(name, "dropped_frames")
        gone = _swallowed(told.seen, name)
        if total is not None and gone:
            what = f"DATA that came to {name} and neither left nor was counted as dropped"
            expect.that(len(gone) <= total, what, f"at most {total}", len(gone), gone)


class Told(NamedTuple):
    """A FAULT as it left: its time in ns, the node that is lost, and the event (origin and sequence)."""

    time: int
    about: int
    event: tuple[int, int]


@invariant("SPRAY-FAULT-ANNOUNCED")
def losses_are_announced(recording: Recording, expect: Expect) -> None:
    """Before HELLO leave a node out, FAULT for it was sent on the link, fault_repeats times for an event."""
    if "FAULT" not in recording.columns.profile.messages:
        return
    told = greetings(recording)
    repeats = recording.parameter("fault_repeats")
    spread = repeats * recording.parameter("hello_interval")
    margin = recording.parameter("latency_margin") + frame_time(recording)
    unsaid: list[int] = []
    again: list[int] = []
    few: list[str] = []
    checked = 0
    for index, _, way, name, node, own, _ in told.ends:
        if name not in told.seen.gsfs:
            continue
        faults = _faults(recording, index, way, node)
        proven = recording.parameter("flap_hold") + 8 * recording.parameter("hello_interval")
        downs = _downs(told.seen, name, own[0].port if own else -1)
        lost = [
            item
            for item in _lost(own)
            if not any(min(item[0].time, item[1].time - proven) < down < item[1].time for down in downs)
        ]
        checked += len(lost) + len(faults)
        for before, after, about in lost:
            spoken = (fault.time for fault in faults if fault.about == about)
            if not any(before.time - spread <= time <= after.time for time in spoken):
                unsaid.append(after.row)
        for event, count in Counter((fault.about, fault.event) for fault in faults).items():
            since = min(fault.time for fault in faults if (fault.about, fault.event) == event)
            back = [item for item in own if since < item.time <= since + spread and event[0] in item.reach]
            if told.seen.counter(name, "path_up") == 0:
                again += [item.row for item in back]
            over = since + spread < recording.time[-1]
            if (
                count != repeats
                and over
                and not back
                and not was_dark(told.seen, name, since - margin, since + spread)
            ):
                few.append(f"{count} for node {event[0]} on {told.links[index].name}")
    if checked:
        number = told.seen.numbered
        expect.that(not unsaid, "nodes left out of HELLO without a FAULT", 0, len(unsaid), number(unsaid))
        expect.that(not few, f"events that were not told {repeats} times", 0, "; ".join(few[:3]) or 0)
        expect.that(not again, "HELLO that announce a node just lost", 0, len(again), number(again))


def _downs(seen: Wire, name: str, port: int) -> list[int]:
    """List when (ns) a device took the link at a port out of use."""
    seen.recording.need("events")
    events = seen.recording.devices.events("link_down", name)
    return [event.time for event in events if event.details.get("port") == port]


def _faults(recording: Recording, index: int, way: int, node: int) -> list[Told]:
    """List the FAULT that a node sent on a link."""
    columns, table = recording.columns, recording.columns.tables["FAULT"]
    here = table.valid_crc & (columns.link[table.rows] == index) & (columns.direction[table.rows] == way)
    table = table.where(here & (table["source"] == node))
    events = zip(table["origin"].tolist(), table["sequence"].tolist(), strict=True)
    return list(map(Told, columns.time[table.rows].tolist(), table["node"].tolist(), events))


def _lost(own: list[Hello]) -> Iterator[tuple[Hello, Hello, int]]:
    """Yield each node that a HELLO leaves out which the one before announced."""
    for before, after in pairwise(own):
        for about in before.reach.keys() - after.reach.keys():
            yield before, after, about


@invariant("SPRAY-FLAP-DAMPED", hidden_by={"setting"})
def returning_links_are_held(recording: Recording, expect: Expect) -> None:
    """No link that a device took out of use carries its DATA within flap_hold after that."""
    recording.need("events")
    told = greetings(recording)
    hold = recording.parameter("flap_hold") - expect.uncertainty.get("ns", 0)
    margin = recording.parameter("latency_margin") + 2 * frame_time(recording)
    wrong, checked = [], 0
    for index, _, way, name, _, own, _ in told.ends:
        port = own[0].port if own else None
        for event in recording.devices.events("link_down", name):
            if port is None or event.details.get("port") != port:
                continue
            checked += 1
            rows = told.rows[index, way]
            time = recording.time[rows]
            early = rows[(time > event.time + margin) & (time < event.time + hold)]
            wrong += told.seen.numbered(early.tolist())
    if checked:
        expect.that(
            not wrong, f"DATA on links that went down less than {hold} ns before", 0, len(wrong), wrong
        )


@invariant("SPRAY-GSF-CONTAINER-ORDER", hidden_by=FROM_AFAR | {"duplicate", "carrier"})
def containers_pass_in_order(recording: Recording, expect: Expect) -> None:
    """Expect that the frames of a container leave a GSF in the order in which they came, on one link."""
    wrong, checked = [], 0
    seen = wire(recording)
    for name in seen.gsfs:
        for came, gone in _passages(seen, name):
            checked += 1
            order = [place for place in came if place in gone]
            left = [place for _, place in sorted((item, place) for place, item in gone.items())]
            if order != left:
                wrong += [row for _, row in gone.values()]
    if checked:
        expect.that(
            not wrong,
            "frames of containers that a GSF put into another order",
            0,
            len(wrong),
            seen.numbered(wrong),
        )


@invariant("SPRAY-GSF-ONE-LINK", hidden_by={"carrier", "loss", "blackout"} | FROM_AFAR)
def containers_keep_to_one_link(recording: Recording, expect: Expect) -> None:
    """All frames of a container leave a GSF on one link while the paths stay as they are."""
    seen = wire(recording)
    wrong, checked = [], 0
    for name in seen.gsfs:
        if seen.counter(name, "path_down") != 0:
            continue
        for _, gone in _passages(seen, name):
            checked += 1
            if len({int(seen.columns.link[row]) for _, row in gone.values()}) > 1:
                wrong += [row for _, row in gone.values()]
    if checked:
        expect.that(
            not wrong, "frames of containers on several links of a GSF", 0, len(wrong), seen.numbered(wrong)
        )


def _patience(recording: Recording) -> int:
    """How long after the last HELLO of a neighbour DATA may leave towards it, in ns."""
    interval = recording.parameter("hello_interval")
    limit = (recording.parameter("hello_misses") + 1) * interval + recording.parameter("latency_margin")
    return int(limit + frame_time(recording))


def _judge_after(
    recording: Recording, expect: Expect, limit: float, what: str, *, heard: bool = False
) -> None:
    """Expect no DATA on a link later than a limit (ns) after a HELLO over it, or one that `heard` it."""
    told = greetings(recording)
    wrong, checked = [], 0
    for index, _, way, _, node, _, came in told.ends:
        proving = [item for item in came if item.delivered and (not heard or item.heard_node == node)]
        proofs = np.array([item.arrival for item in proving], np.int64)
        rows = told.rows[index, way]
        checked += len(rows)
        last = np.searchsorted(proofs, recording.time[rows], side="right")
        since = recording.time[rows] - np.r_[0, proofs][last]
        wrong += told.seen.numbered(rows[since > limit].tolist())
    if checked:
        expect.that(not wrong, f"DATA on links that have long been {what}", 0, len(wrong), wrong)


def _unannounced(recording: Recording, expect: Expect) -> tuple[list[int], int]:
    """List the rows of DATA that went up to GSFs which had left its node out of HELLO, and count all DATA."""
    told = greetings(recording)
    margin = (
        recording.parameter("latency_margin") + 2 * frame_time(recording) + expect.uncertainty.get("ns", 0)
    )
    wrong, checked = [], 0
    mine = set(told.seen.gsps.values())
    for item in told.seen.left:
        if item.queue.source in mine and told.links[item.link].fabric:
            checked += 1
            arrivals, heard = told.heard_down(item.link)
            last = bisect_right(arrivals, item.time)
            if last and item.queue.destination not in heard[last - 1].reach:
                wrong += [item.row] if arrivals[last - 1] + margin < item.time else []
    return wrong, checked


def _passages(seen: Wire, name: str) -> Iterator[tuple[list[int], dict[int, tuple[int, int]]]]:
    """Yield, by container, the places in order of arrival at a GSF, and when and as which row each left."""
    came: dict[object, list[tuple[int, int]]] = {}
    for item in seen.passing(name, arriving=True):
        came.setdefault((item.queue, item.sequence), []).append((seen.arrival[item.row], item.place))
    gone: dict[object, dict[int, tuple[int, int]]] = {}
    for item in seen.passing(name, arriving=False):
        gone.setdefault((item.queue, item.sequence), {})[item.place] = (item.time, int(item.row))
    for key, left in gone.items():
        places = [place for _, place in sorted(came.get(key, []), key=itemgetter(0))]
        if len(set(places)) == len(places):
            yield places, left


def _swallowed(seen: Wire, name: str) -> list[int]:
    """Rows of DATA that came to a GSF and did not leave it."""
    gone = {(item.queue, item.sequence, item.place) for item in seen.passing(name, arriving=False)}
    came = seen.passing(name, arriving=True)
    return [item.row for item in came if (item.queue, item.sequence, item.place) not in gone]
