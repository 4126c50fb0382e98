"""Forwarding: host frames arrive where they are for, as they were sent, and none that no host sent does."""

from collections.abc import Callable, Iterator
from typing import Final

from conformance.judge.expect import Expect
from conformance.judge.invariants.registration import ALTERED, invariant
from conformance.judge.invariants.wire import FCS, MAC, Wire, is_link_local, untagged, wire
from traffic.recordings.recording import DOWN, UP, Recording

IPV4: Final = b"\x08\x00"
ECT: Final = frozenset({1, 2})
CE: Final = 3
TABLE: Final = frozenset({"table_set", "table_withdraw"})


@invariant("FWD-BYTE-EXACT", hidden_by=ALTERED)
def frames_arrive_as_they_were_sent(recording: Recording, expect: Expect) -> None:
    """Expect that what a host receives from another host has the octets that some host sent."""
    seen = wire(recording)
    if seen.received:
        rows = [row for row, _ in _altered(seen)]
        expect.that(not rows, "frames at hosts with octets that no host sent", 0, len(rows), rows)


@invariant("FWD-VLAN-PRESERVED", hidden_by=ALTERED)
def tags_are_kept(recording: Recording, expect: Expect) -> None:
    """No host receives a frame that was sent with other tags."""
    seen = wire(recording)
    if not seen.received:
        return
    bare = {untagged(frame) for frame in seen.every_sent}
    rows = [row for row, frame in _altered(seen) if untagged(frame) in bare]
    expect.that(not rows, "frames at hosts that were sent with other tags", 0, len(rows), rows)


@invariant("FWD-ECN-DSCP", hidden_by=ALTERED)
def dscp_and_ecn_are_kept(recording: Recording, expect: Expect) -> None:
    """No host receives a packet whose DSCP was changed, or its ECN otherwise than from ECT to CE."""
    seen = wire(recording)
    if not seen.received:
        return
    known = {_unmarked(frame): _mark(frame) for frame in seen.every_sent}
    rows = []
    for row, frame in _altered(seen):
        sent, got = known.get(_unmarked(frame)), _mark(frame)
        if (
            sent is not None
            and got is not None
            and not (sent >> 2 == got >> 2 and _may_mark(sent & 3, got & 3))
        ):
            rows.append(row)
    expect.that(not rows, "packets at hosts with another DSCP or ECN than was sent", 0, len(rows), rows)


@invariant("FWD-NO-ENCAPSULATION-AT-HOST", hidden_by=ALTERED)
def hosts_see_no_message(recording: Recording, expect: Expect) -> None:
    """No host receives a frame with the fabric's EtherType that no host sent."""
    seen = wire(recording)
    if not seen.received:
        return
    kind = recording.columns.profile.ethertype.to_bytes(2, "big")
    rows = [row for row, _, frame in seen.received if frame[12:14] == kind and not seen.every_sent[frame]]
    expect.that(not rows, "messages of the fabric at hosts", 0, len(rows), seen.numbered(rows))


@invariant("FWD-EGRESS-PORT", hidden_by=TABLE)
def frames_leave_at_their_port(recording: Recording, expect: Expect) -> None:
    """No host receives a unicast frame for another host of the testbed."""
    seen = wire(recording)
    if not seen.received:
        return
    rows = [
        row
        for row, host, frame in seen.received
        if frame[:MAC] in seen.by_mac and seen.by_mac[frame[:MAC]].name != host
    ]
    expect.that(not rows, "frames at a host that are for another", 0, len(rows), seen.numbered(rows))


@invariant("FWD-LONG-FRAME-DROPPED", hidden_by={"setting"} | ALTERED)
def long_frames_go_nowhere(recording: Recording, expect: Expect) -> None:
    """No frame longer than max_frame enters the fabric or reaches a host, and each one is counted."""
    seen = wire(recording)
    longest = recording.parameter("max_frame") - FCS
    if not any(len(frame) > longest for frame in seen.sent):
        return
    rows = [item.row for item in seen.left if len(item.frame) > longest]
    rows += seen.numbered([row for row, _, frame in seen.received if len(frame) > longest])
    expect.that(not rows, f"frames of more than {longest + FCS} octets that were carried", 0, len(rows), rows)
    _as_counted(seen, expect, "frame_too_long", lambda frame: len(frame) > longest)


@invariant("FWD-FRAME-SIZES", hidden_by={"setting"} | ALTERED)
def no_length_is_refused(recording: Recording, expect: Expect) -> None:
    """Expect that a GSP drops no frame for its length that is not longer than max_frame."""
    seen = wire(recording)
    longest = recording.parameter("max_frame") - FCS
    for name, node in seen.gsps.items():
        dropped = seen.counter(name, "drop.frame_too_long")
        if dropped is None or not seen.sent:
            continue
        long = _count(seen, node, lambda frame: len(frame) > longest)
        what = f"frames that {name} dropped for their length, of {long} that are too long"
        expect.that(dropped <= long, what, f"at most {long}", dropped)


@invariant("FWD-LINK-LOCAL", hidden_by=ALTERED)
def link_local_frames_stay(recording: Recording, expect: Expect) -> None:
    """No frame to a reserved address that a host sent enters the fabric or reaches another host."""
    seen = wire(recording)
    if not any(is_link_local(frame) for frame in seen.sent):
        return
    rows = [item.row for item in seen.left if is_link_local(item.frame)]
    found = [row for row, _, frame in seen.received if is_link_local(frame) and frame in seen.sent]
    rows += seen.numbered(found)
    expect.that(not rows, "link-local frames that were forwarded", 0, len(rows), rows)


@invariant("FWD-UNKNOWN-DROP", hidden_by=TABLE | ALTERED)
def unknown_destinations_are_dropped(recording: Recording, expect: Expect) -> None:
    """Unicast frames to an address of no host go nowhere where the device drops them."""
    if recording.parameter("unknown_unicast") != "drop":
        return
    seen = wire(recording)
    strange = {frame for frame in seen.sent if not frame[0] & 1 and frame[:MAC] not in seen.by_mac}
    if not strange:
        return
    rows = [item.row for item in seen.left if item.frame in strange]
    rows += seen.numbered([row for row, _, frame in seen.received if frame in strange])
    expect.that(not rows, "frames to unknown destinations that were carried", 0, len(rows), rows)


@invariant("FWD-HAIRPIN", hidden_by=TABLE | ALTERED)
def nothing_goes_back(recording: Recording, expect: Expect) -> None:
    """No host receives a frame that it alone sent."""
    seen = wire(recording)
    back = {
        frame: items[0].host
        for frame, items in seen.sent.items()
        if (host := seen.by_mac.get(frame[:MAC])) is not None and {item.host for item in items} == {host.name}
    }
    if back:
        rows = [row for row, host, frame in seen.received if back.get(frame) == host]
        expect.that(not rows, "frames that went back to their host", 0, len(rows), seen.numbered(rows))


@invariant("FWD-LOCAL-SWITCHING", hidden_by=TABLE | ALTERED)
def local_frames_are_switched(recording: Recording, expect: Expect) -> None:
    """Frames between hosts of one GSP arrive, but for those that it counts as dropped."""
    seen = wire(recording)
    hosts = recording.facts.hosts
    for name, node in seen.gsps.items():
        dropped = seen.counter(name, "dropped_frames")
        mine = seen.hosts_of([node])
        if dropped is None or len(mine) < 2:
            continue
        local = [
            frame
            for frame, items in seen.sent.items()
            if (host := seen.by_mac.get(frame[:MAC])) is not None
            and host.node == node
            and any(
                hosts[item.host].node == node and item.host != host.name and item.copies for item in items
            )
        ]
        if local:
            arrived = {frame for row, _, frame in seen.received if recording.columns.delivered[row]}
            lost = [frame for frame in local if frame not in arrived]
            rows = seen.numbered([seen.sent[frame][0].row for frame in lost])
            known = seen.dropped(name, EXCUSING) or 0
            what = f"frames between hosts of {name} that did not arrive, beside {known} dropped"
            expect.that(len(lost) <= known, what, 0, len(lost), rows)


EXCUSING: Final = ("frame_too_long", "dgsq_exhausted", "queue_full", "dgsq_aborted")
"""Causes that excuse the loss of a frame between hosts of one GSP."""


@invariant("FWD-ETHERTYPE-OPAQUE", hidden_by=TABLE | ALTERED | {"loss", "blackout", "carrier"})
def hosts_may_use_any_ethertype(recording: Recording, expect: Expect) -> None:
    """Expect that a frame of a host with the fabric's EtherType is carried like any other."""
    seen = wire(recording)
    kind = recording.columns.profile.ethertype.to_bytes(2, "big")
    alike = [frame for frame in seen.sent if frame[12:14] == kind and seen.key_of(frame) is not None]
    own = set(seen.gsps.values())
    alike = [frame for frame in alike if seen.by_mac[frame[:MAC]].node in own]
    if not alike or any(seen.counter(name, "dropped_frames") is None for name in seen.gsps):
        return
    arrived = {frame for _, _, frame in seen.received}
    lost = [seen.sent[frame][0].row for frame in alike if frame not in arrived]
    excused = sum(seen.dropped(name, (*EXCUSING, "hairpin", "no_path")) or 0 for name in seen.gsps)
    what = "frames of hosts with the fabric's EtherType that did not arrive"
    expect.that(len(lost) <= excused, what, f"at most {excused}", len(lost), seen.numbered(lost))


@invariant("FWD-GROUP-COPIES", hidden_by=TABLE | ALTERED)
def groups_get_one_copy_each(recording: Recording, expect: Expect) -> None:
    """Each frame to a group leaves its source once for each egress port behind other nodes."""
    seen = wire(recording)
    hosts = recording.facts.hosts
    if any(node.ics.get("MULTICAST") is False for node in recording.facts.nodes.values()):
        return
    groups = {f: i for f, i in seen.sent.items() if f[0] & 1 and not is_link_local(f)}
    longest = recording.parameter("max_frame") - FCS
    groups = {frame: items for frame, items in groups.items() if len(frame) <= longest}
    clean = {node for name, node in seen.gsps.items() if seen.dropped(name) == 0}
    wrong, checked = [], 0
    for frame, items in groups.items():
        sources = {hosts[item.host].node for item in items}
        if len(items) == 1 and items[0].copies == 1 and sources <= clean:
            checked += 1
            due = sorted((host.node, host.port) for host in hosts.values() if host.node not in sources)
            left = seen.copies.get(frame, ())
            if sorted((item.queue.destination, item.queue.port) for item in left) != due:
                wrong.append(items[0].row)
    if checked:
        what = "group frames not copied once to each egress port"
        expect.that(not wrong, what, 0, len(wrong), seen.numbered(wrong))


@invariant("FWD-UNKNOWN-FLOOD", hidden_by=TABLE | ALTERED)
def unknown_destinations_are_flooded(recording: Recording, expect: Expect) -> None:
    """Each unicast frame to an address of no host leaves once for each egress port behind other nodes."""
    if recording.parameter("unknown_unicast") != "flood":
        return
    seen = wire(recording)
    hosts = recording.facts.hosts
    clean = {node for name, node in seen.gsps.items() if seen.dropped(name) == 0}
    longest = recording.parameter("max_frame") - FCS
    wrong, checked = [], 0
    for frame, items in seen.sent.items():
        if frame[0] & 1 or frame[:MAC] in seen.by_mac or len(items) > 1 or len(frame) > longest:
            continue
        node = hosts[items[0].host].node
        if node in clean and items[0].copies == 1:
            checked += 1
            due = sorted((host.node, host.port) for host in hosts.values() if host.node != node)
            left = seen.copies.get(frame, ())
            if sorted((item.queue.destination, item.queue.port) for item in left) != due:
                wrong.append(items[0].row)
    if checked:
        what = "frames to unknown destinations not copied once to each egress port"
        expect.that(not wrong, what, 0, len(wrong), seen.numbered(wrong))


@invariant("FWD-FRAME-COUNTERS")
def host_frames_are_counted(recording: Recording, expect: Expect) -> None:
    """rx_frames and tx_frames of a GSP grow by what its hosts sent and received."""
    seen = wire(recording)
    for name, node in seen.gsps.items():
        hosts = seen.hosts_of([node])
        sent = sum(
            int(recording.columns.delivered[row]) for host in hosts for row in seen.host_rows(host, UP)
        )
        received = sum(len(seen.host_rows(host, DOWN)) for host in hosts)
        for counter, due in (("rx_frames", sent), ("tx_frames", received)):
            got = seen.counter(name, counter)
            if got is not None:
                expect.equal(got, due, f"growth of {counter} of {name}")


def _altered(seen: Wire) -> Iterator[tuple[int, bytes]]:
    """Yield what hosts received from hosts that no host sent."""
    for row, _, frame in seen.received:
        if not seen.every_sent[frame] and frame not in seen.sent and frame[MAC : 2 * MAC] in seen.by_mac:
            yield seen.numbered([row])[0], frame


def _count(seen: Wire, node: int, chosen: Callable[[bytes], bool]) -> int:
    """Count the frames that hosts of a node sent to it, of those chosen."""
    hosts = seen.columns.facts.hosts
    return sum(
        item.copies
        for frame, items in seen.sent.items()
        if chosen(frame)
        for item in items
        if hosts[item.host].node == node
    )


def _as_counted(seen: Wire, expect: Expect, cause: str, chosen: Callable[[bytes], bool]) -> None:
    """Expect a drop counter of each GSP to have grown by the frames chosen that its hosts sent."""
    for name, node in seen.gsps.items():
        got = seen.counter(name, f"drop.{cause}")
        if got is not None:
            expect.equal(got, _count(seen, node, chosen), f"growth of drop.{cause} of {name}")


def _mark(frame: bytes) -> int | None:
    """Return DSCP and ECN of an IPv4 packet, None of any other frame."""
    bare = untagged(frame)
    return bare[15] if bare[12:14] == IPV4 and len(bare) >= 34 else None


def _unmarked(frame: bytes) -> bytes:
    """Return a frame with DSCP, ECN and the header checksum of IPv4 set to nought."""
    bare = untagged(frame)
    if bare[12:14] != IPV4 or len(bare) < 34:
        return bare
    return bare[:15] + b"\0" + bare[16:24] + b"\0\0" + bare[26:]


def _may_mark(sent: int, got: int) -> bool:
    return sent == got or (sent in ECT and got == CE)
