"""Packet containers: what is in one, how it is numbered, when it closes, and the way it takes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from conformance.judge.expect import Expect
from conformance.judge.invariants.greetings import greetings
from conformance.judge.invariants.parties import ids_under_test
from conformance.judge.invariants.registration import ALTERED, invariant
from conformance.judge.invariants.wire import Key, Left, Wire, wire
from traffic.frames.host import traffic_class
from traffic.recordings.recording import Container, Queue, Recording

MAC_OCTETS: Final = 6
HEAD: Final = 60
"""Octets by which a frame is known again that was cut or filled up."""
GAP: Final = 20
"""Preamble and gap of a frame whose size counts its FCS, in octets."""


@invariant("PKTC-ONE-DESTINATION", hidden_by={"table_withdraw"})
def containers_have_one_egress(recording: Recording, expect: Expect) -> None:
    """Each frame in a container is for the host behind the node and port that the container names."""
    table = recording.columns.tables["DATA"]
    table = table.where(table.valid_crc & recording.columns.leaving(table) & (table.octets >= MAC_OCTETS))
    table = table.where(np.isin(table["source"], ids_under_test(recording, "GSP")))
    if not len(table):
        return
    octets = np.frombuffer(recording.columns.blob, np.uint8)[table.start[:, None] + np.arange(MAC_OCTETS)]
    weights = 1 << np.arange(8 * MAC_OCTETS - 8, -1, -8, dtype=np.int64)
    address = octets.astype(np.int64) @ weights
    known = {int.from_bytes(host.mac): host.node << 8 | host.port for host in recording.facts.hosts.values()}
    macs = np.array(sorted(known), np.int64)
    place = np.minimum(np.searchsorted(macs, address), len(macs) - 1)
    seat = np.array([known[mac] for mac in macs.tolist()], np.int64)[place]
    named = table["destination"].astype(np.int64) << 8 | table["port"]
    astray = recording.columns.numbered(table.rows[(macs[place] == address) & (seat != named)])
    expect.that(not astray, "frames in a container for another egress", 0, len(astray), astray)


@invariant("PKTC-CLASS-SEPARATION")
def containers_hold_one_class(recording: Recording, expect: Expect) -> None:
    """Expect that the frames of one container have one priority."""
    seen: dict[tuple[Queue, int], tuple[int, int]] = {}
    mixed = []
    for item in wire(recording).left:
        cls = traffic_class(item.frame)
        first, row = seen.setdefault((item.queue, item.sequence), (cls, item.row))
        if first != cls:
            mixed += [row, item.row]
    if seen:
        expect.that(not mixed, "containers with frames of several classes", 0, len(mixed) // 2, mixed)


@invariant("PKTC-ONE-PATH")
def containers_keep_to_one_uplink(recording: Recording, expect: Expect) -> None:
    """Expect that a container is on several uplinks only where the device says that it moved it."""
    seen = wire(recording)
    for name, node in seen.gsps.items():
        moved = seen.counter(name, "containers_moved")
        mine = [item for item in every(seen) if item.source == node]
        if moved is None or not mine:
            continue
        split = [item for item in mine if len(item.links) > 1]
        rows = [row for item in split for row in item.rows]
        what = f"containers of {name} on several uplinks, beside {moved} that it moved"
        expect.that(len(split) <= moved, what, 0, len(split), rows)


@invariant(
    "PKTC-COUNTERS",
    hidden_by=ALTERED | {"carrier", "restart", "setting", "table_withdraw", "signal", "odd spine"},
)
def containers_are_counted(recording: Recording, expect: Expect) -> None:
    """Each container that began is counted once, and once as full or flushed where nothing else closed it.

    A GSP that drops nothing, and began idle, shows all of them on its links.
    """
    seen = wire(recording)
    for name, node in seen.gsps.items():
        built = seen.counter(name, "containers_built")
        if built is None or seen.counter(name, "dropped_frames") != 0 or not seen.began(name):
            continue
        begun = {(item.queue, item.sequence) for item in seen.left if item.queue.source == node}
        expect.equal(built, len(begun), f"growth of containers_built of {name}", unit="container")
        causes = [seen.counter(name, f"containers_closed_{cause}") for cause in ("full", "flush")]
        if None not in causes and greetings(recording).steady:
            closed = sum(cause for cause in causes if cause is not None)
            what = f"containers of {name} counted as closed, full or after the flush time"
            expect.equal(closed, len(begun), what, unit="container")


@invariant("PKTC-MOVED-TOGETHER")
def moved_frames_stay_together(recording: Recording, expect: Expect) -> None:
    """Each container on several uplinks goes on on each where it ended on the one before."""
    split = [item for item in every(wire(recording)) if len(item.links) > 1]
    if not split:
        return
    links = recording.columns.link
    wrong: list[int] = []
    for item in split:
        order = sorted(range(item.frames), key=item.indices.__getitem__)
        ways = [int(links[item.rows[place]]) for place in order]
        changes = sum(before != after for before, after in pairwise(ways))
        if changes != len(item.links) - 1:
            wrong += item.rows
    expect.that(not wrong, "frames of containers that were scattered over uplinks", 0, len(wrong), wrong)


@invariant("PKTC-WHOLE-FRAME", hidden_by=ALTERED)
def frames_are_not_cut(recording: Recording, expect: Expect) -> None:
    """Expect that a fabric frame carries a whole frame that a host sent, never a part or more than one."""
    seen = wire(recording)
    if not seen.left or not seen.sent:
        return
    shorter = [item.row for item, lengths in foreign(seen) if not lengths or len(item.frame) < min(lengths)]
    expect.that(not shorter, "DATA without a whole frame of a host", 0, len(shorter), shorter)


@invariant("PKTC-NO-PADDING", hidden_by=ALTERED)
def frames_are_not_filled_up(recording: Recording, expect: Expect) -> None:
    """Expect that a fabric frame carries no octet that the host did not send."""
    seen = wire(recording)
    if not seen.left or not seen.sent:
        return
    longer = [item.row for item, lengths in foreign(seen) if lengths and len(item.frame) > max(lengths)]
    expect.that(not longer, "DATA with octets that no host sent", 0, len(longer), longer)


@invariant("PKTC-ONE-CONTAINER-A-FRAME", hidden_by=ALTERED)
def frames_are_in_one_container(recording: Recording, expect: Expect) -> None:
    """No frame leaves its source for a final egress more often than a host sent it."""
    seen = wire(recording)
    if not seen.left:
        return
    times = Counter(
        (item.frame, item.queue.source, item.queue.destination, item.queue.port) for item in seen.left
    )
    again = {key for key, count in times.items() if count > _sent_by(seen, key[0], key[1])}
    known = [key for key in again if key[0] in seen.sent]
    rows = [
        item.row
        for item in (seen.left if known else ())
        if (item.frame, item.queue.source, item.queue.destination, item.queue.port) in again
    ]
    expect.that(
        not known, "frames that left their source more often than they were sent", 0, len(known), rows
    )


def _sent_by(seen: Wire, frame: bytes, node: int) -> int:
    hosts = seen.columns.facts.hosts
    return sum(item.copies for item in seen.sent.get(frame, ()) if hosts[item.host].node == node)


@invariant("PKTC-SEQUENCE-START")
def generations_begin_with_container_nought(recording: Recording, expect: Expect) -> None:
    """Each generation that began in the recording has a container 0."""
    seen = wire(recording)
    wrong: list[int] = []
    checked = 0
    names = {node: name for name, node in seen.gsps.items()}
    for queue, items in seen.containers.items():
        known = seen.generations[queue.source, Key(*queue[1:4])]
        if queue.generation != known[0] or seen.began(names[queue.source]):
            checked += 1
            if items[0].sequence and all(item.sequence for item in items):
                wrong += items[0].rows[:1]
    if checked:
        expect.that(not wrong, "generations without a container 0", 0, len(wrong), wrong)


@invariant("PKTC-SEQUENCE-CONSECUTIVE")
def sequences_have_no_gap(recording: Recording, expect: Expect) -> None:
    """Within a generation no container sequence is left out."""
    numbers = recording.columns.profile.numbers()
    pairs = [pair for items in undropped(wire(recording)) for pair in pairwise(items)]
    wrong = [after for before, after in pairs if after.sequence != (before.sequence + 1) % numbers]
    if pairs:
        rows = [item.rows[0] for item in wrong]
        got = f"{len(wrong)}; the first: {wrong[0]}" if wrong else 0
        expect.that(not wrong, "containers that do not follow the one before", 0, got, rows)


@invariant("PKTC-FRAME-INDEX")
def indices_count_from_nought(recording: Recording, expect: Expect) -> None:
    """Expect that the frames of a container have the indices 0, 1, 2 and so on."""
    wrong, checked = [], 0
    for items in undropped(wire(recording)):
        for item in begun_here(items):
            checked += 1
            if sorted(item.indices) != list(range(item.frames)):
                wrong.append(item)
    if checked:
        rows = [row for item in wrong for row in item.rows]
        got = f"{len(wrong)}; the first: {wrong[0]}" if wrong else 0
        expect.that(not wrong, "containers whose indices are not 0, 1, 2, ...", 0, got, rows)


@invariant("PKTC-FILL-FIELD", hidden_by={"setting"})
def fill_counts_the_frames_before(recording: Recording, expect: Expect) -> None:
    """Expect that the fill of a frame is what the frames before it count, and what the container borrowed."""
    borrows = recording.parameter("overflow_mode") == "overflow-borrow"
    wrong, checked = [], 0
    for items in undropped(wire(recording)):
        for item in begun_here(items):
            checked += 1
            order = sorted(range(item.frames), key=item.indices.__getitem__)
            due = item.fills[order[0]] if borrows else 0
            for place in order:
                if item.fills[place] != due:
                    wrong.append(item.rows[place])
                    break
                due += item.sizes[place]
    if checked:
        expect.that(not wrong, "frames whose fill is not that of the frames before", 0, len(wrong), wrong)


@invariant("PKTC-PREVIOUS-FRAMES")
def previous_frames_are_counted(recording: Recording, expect: Expect) -> None:
    """Each frame tells how many frames the container before held, and the first container tells of none."""
    if not recording.columns.profile.has("DATA", "previous_frames"):
        return
    wrong, checked = [], 0
    for items in undropped(wire(recording)):
        for before, after in pairwise([None, *items]):
            if after is None or (before is None and after.sequence):
                continue
            if before is items[0] and before.sequence:
                continue
            checked += 1
            due = before.frames if before is not None else 0
            wrong += [row for row, told in zip(after.rows, after.previous_frames, strict=True) if told != due]
    if checked:
        expect.that(not wrong, "frames that miscount the container before", 0, len(wrong), wrong)


@invariant("PKTC-SIZE", hidden_by={"setting"})
def containers_keep_to_their_length(recording: Recording, expect: Expect) -> None:
    """No container exceeds its nominal length by a longest frame, or is closed as full with room for one."""
    length = recording.parameter("container_bytes")
    longest = recording.parameter("max_frame") + GAP
    most = recording.columns.profile.numbers("DATA", "index") - 1
    containers = every(wire(recording))
    long = [item for item in containers if item.bytes >= length + longest]
    short = []
    for items in wire(recording).containers.values():
        for before, after in pairwise(begun_here(items)):
            if before.lasts[-1] and before.frames < most and follows(recording, before, after):
                full = before.fills[0] + before.bytes + after.sizes[0] > length - longest
                short += [] if full else [before]
    if containers:
        wrong = [*long, *short]
        got = f"{len(wrong)}; the first: {wrong[0]}" if wrong else 0
        rows = [row for item in wrong for row in item.rows]
        expect.that(not wrong, f"containers not of {length} octets to within a longest frame", 0, got, rows)


@invariant("PKTC-CLOSE-EARLY", hidden_by={"setting"})
def containers_close_early(recording: Recording, expect: Expect) -> None:
    """In the mode close-early no container exceeds its nominal length."""
    if recording.parameter("overflow_mode") != "close-early":
        return
    length = recording.parameter("container_bytes")
    containers = every(wire(recording))
    long = [item for item in containers if item.bytes > length]
    if containers:
        rows = [row for item in long for row in item.rows]
        expect.that(not long, f"containers of more than {length} octets", 0, len(long), rows)


@invariant("PKTC-OVERFLOW", hidden_by={"setting"})
def full_containers_take_no_frame(recording: Recording, expect: Expect) -> None:
    """In the overflow modes no frame joins a container that has reached its nominal length."""
    if recording.parameter("overflow_mode") == "close-early":
        return
    length = recording.parameter("container_bytes")
    containers = every(wire(recording))
    late = [
        row
        for item in containers
        for row, index, fill in zip(item.rows, item.indices, item.fills, strict=True)
        if index and fill >= length
    ]
    if containers:
        expect.that(not late, f"frames in a container that held {length} octets", 0, len(late), late)


@invariant("PKTC-BORROW-AVERAGE", hidden_by={"setting"})
def excess_is_charged_to_the_next(recording: Recording, expect: Expect) -> None:
    """In the mode overflow-borrow a container begins with what the one before had too much, and no more."""
    if recording.parameter("overflow_mode") != "overflow-borrow":
        return
    length = recording.parameter("container_bytes")
    wrong, checked = [], 0
    for items in undropped(wire(recording)):
        for before, after in pairwise(begun_here(items)):
            checked += 1
            excess = max(before.fills[before.indices.index(0)] + before.bytes - length, 0)
            if after.fills[after.indices.index(0)] != excess:
                wrong.append(after.rows[0])
    if checked:
        expect.that(not wrong, "containers that do not begin with the excess before", 0, len(wrong), wrong)


@invariant("PKTC-FLUSH")
def containers_are_flushed(recording: Recording, expect: Expect) -> None:
    """No frame joins a container whose last frame left more than the flush time before it could have left."""
    seen = wire(recording)
    longest = recording.parameter("flush_time") + recording.parameter("latency_margin")
    longest += expect.uncertainty.get("ns", 0)
    late, pairs = [], 0
    for item in every(seen):
        for before, after in pairwise(item.rows):
            pairs += 1
            gap = int(recording.time[after] - recording.time[before])
            if gap > longest and seen.idle_before(after) > longest:
                late.append(after)
    if pairs:
        what = f"frames that joined a container after {longest} ns of rest"
        expect.that(not late, what, 0, len(late), recording.columns.numbered(np.array(late, np.int64)))


@invariant("PKTC-LAST-TRUTHFUL")
def last_is_the_final_frame(recording: Recording, expect: Expect) -> None:
    """Expect that a frame that carries LAST has the highest index of its container."""
    containers = every(wire(recording))
    if not containers or "LAST" not in recording.columns.profile.flags:
        return
    wrong = [
        row
        for item in containers
        for row, index, last in zip(item.rows, item.indices, item.lasts, strict=True)
        if last and index != max(item.indices)
    ]
    expect.that(not wrong, "frames with LAST that are not the last of their container", 0, len(wrong), wrong)


def every(seen: Wire) -> list[Container]:
    """List the containers that left GSPs under test."""
    return [item for items in seen.containers.values() for item in items]


def undropped(seen: Wire) -> list[list[Container]]:
    """List the containers, by generation, of sources that dropped no frame which they had queued."""
    whole = {node for name, node in seen.gsps.items() if seen.dropped(name) == 0}
    return [items for queue, items in seen.containers.items() if queue.source in whole]


def begun_here(items: Sequence[Container]) -> Sequence[Container]:
    """Return the containers of a generation without one that may have begun before the recording."""
    return items if 0 in items[0].indices else items[1:]


def follows(recording: Recording, before: Container, after: Container) -> bool:
    """Whether a container began on the one link of the one before as soon as that had ended."""
    if before.links != after.links or len(before.links) > 1:
        return False
    idle = wire(recording).idle_before(int(after.rows[0]))
    return idle < recording.parameter("flush_time") and after.times[0] > before.times[-1]


def foreign(seen: Wire) -> Iterator[tuple[Left, set[int]]]:
    """Yield DATA that carries what no host sent, with the lengths of sent frames that begin as it does."""
    heads: dict[bytes, set[int]] = {}
    for frame in seen.sent:
        heads.setdefault(frame[:HEAD], set()).add(len(frame))
    for item in seen.left:
        if item.frame not in seen.sent:
            yield item, heads.get(item.frame[:HEAD], set())
