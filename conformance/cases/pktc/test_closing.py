"""When a part-filled container closes, and that none waits to be filled."""

from dataclasses import replace
from itertools import pairwise

from conformance.api.marks import clause, configure, needs, sweep, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from conformance.cases.pktc.containers import filling, full
from traffic.patterns import RFC2544, bursts, credit_bytes, elephant, gap_at, single
from traffic.recordings.recording import DOWN, UP
from traffic.scenario import GrantPolicy, Scenario, Signal, Trigger, Window


@clause("PKTC-FLUSH", "pause-in-the-load")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_pause_closes_the_container(bed, expect):
    """Frames a little further apart than the flush time share no container, in four queues at once."""
    size, flush = max(RFC2544), bed.parameter("flush_time")
    limit, apart = flush * 11 // 10, gap_at(size, bed.parameter("link_rate")) + flush * 23 // 20
    egress = replace(
        bed.peer(bed.gsps[-1]), grants=GrantPolicy("at-once", extra=1 << 20, validity=1000 * flush)
    )
    load = Scenario(peers=(egress,))
    for host, cls in ((2, 0), (2, 3), (3, 0), (3, 7)):
        pair, start = (bed.host(0), bed.host(host)), apart + bed.parameter("grant_round_trip")
        load += single(*pair, size=size, cls=cls)
        load += elephant(*pair, count=8, size=size, start=start, gap=apart, cls=cls)
    containers = bed.play(load).fabric.containers(at=bed.uplinks)
    sending = gap_at(size, bed.parameter("link_rate"))
    for container in containers:
        for before, after in pairwise(container.times):
            what = "time between two frames of a container"
            expect.at_most(after - sending - before, limit, what, "ns", rows=container.rows)
    expect.enough(len(containers), 4 * 9, "containers")
    expect.equal(
        max((container.frames for container in containers), default=1), 1, "frames that share a container"
    )


@clause("PKTC-FLUSH", "waiting-for-credit")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame", unsolicited_bytes=0)
def test_waiting_for_credit_closes_the_container(bed, expect):
    """Frames that waited longer than the flush time for a grant leave in a new container."""
    longest = bed.parameter("flush_time") + bed.parameter("latency_margin")
    egress = bed.peer(bed.gsps[-1])
    few, later = (
        replace(egress.grants, ceiling=3 * credit_bytes(size=594)),
        replace(egress.grants, during=Window(start=2 * longest)),
    )
    begun, resumed = replace(egress, grants=few), Scenario(peers=(replace(egress, grants=later),))
    wait = Scenario(peers=(begun,), triggers=(Trigger("DATA", resumed, count=3),))
    recording = bed.play(elephant(bed.host(0), bed.host(-1), count=8, size=594) + wait)
    waits = [
        (before, after)
        for before, after in pairwise(recording.fabric.messages("DATA", bed.uplinks, UP))
        if after.time - before.time > longest
    ]
    expect.enough(len(waits), 1, "waits for a grant")
    for before, after in waits:
        place = (after.sequence, after.index)
        rows = (before.row, after.row)
        expect.equal(place, (before.sequence + 1, 0), "sequence and index of the frame after the wait", rows)


@clause("PKTC-FLUSH", "held-back")
@testbed(SoloGsp())
@needs("fabric taps")
def test_being_held_back_closes_the_container(bed, expect):
    """Frames that back-pressure stopped for longer than the flush time leave in a new container."""
    flush, longest = bed.parameter("flush_time"), bed.parameter("flush_time") * 11 // 10
    gap = flush // 4
    ahead = GrantPolicy("at-once", extra=1 << 20, validity=1000 * flush)
    stop = Signal(about=bed.node("gsp1"), to=(bed.node("gsp0"),), validity=100 * flush, stop=3 * flush)
    egress = replace(bed.peer("gsp1"), grants=ahead, signals=(stop,))
    begun = Scenario(peers=(replace(egress, signals=()),))
    load = elephant(bed.host(0), bed.host(-1), count=30, size=594, gap=gap)
    held = Trigger("DATA", Scenario(peers=(egress,)), count=3)
    recording = bed.play(load + begun + Scenario(triggers=(held,)))
    waits = [
        (before, after)
        for before, after in pairwise(recording.fabric.messages("DATA", bed.uplinks, UP))
        if after.time - before.time > longest + gap
    ]
    expect.enough(len(waits), 1, "waits for the end of back-pressure")
    for before, after in waits:
        place = (after.sequence, after.index)
        rows = (before.row, after.row)
        expect.equal(place, (before.sequence + 1, 0), "sequence and index of the frame after the wait", rows)


@clause("PKTC-SINGLE-FRAME", "cold-and-alone")
@testbed(LeafSpine())
def test_a_lone_frame_arrives_in_time(bed, expect):
    """Single short frames, some time apart and in three classes, reach their host once each, and soon."""
    steps = ("grant_round_trip", "path_delay_max", "flush_time", "latency_margin")
    limit = sum(bed.parameter(step) for step in steps)
    load = single(bed.host(0), bed.host(-1))
    load += bursts(
        bed.host(0), bed.host(-1), repeat=3, frames=1, period=2 * limit, start=limit, size=66, cls=5
    )
    recording = bed.play(load + single(bed.host(0), bed.host(-1), size=66, start=10 * limit, cls=1))
    received = recording.hosts.frames(bed.host(-1), "received")
    expect.equal(len(received), 5, "frames that arrived", unit="frame")
    for latency in recording.hosts.latencies(bed.host(0), bed.host(-1)):
        expect.at_most(int(latency), limit, "delay of the frame", "ns")


@clause("PKTC-SINGLE-FRAME", "held-at-the-source")
@testbed(SoloGsp())
@needs("fabric taps")
@configure(dgsq_mode="on-first-frame", unsolicited_bytes=0)
def test_a_lone_frame_is_not_held_at_its_source(bed, expect):
    """From frame to REQUEST and from GRANT to DATA a source takes no longer than the flush time in all."""
    recording = bed.play(single(bed.host(0), bed.host(-1)))
    fabric = recording.fabric
    asked, left = (fabric.messages(name, bed.uplinks, UP) for name in ("REQUEST", "DATA"))
    granted = fabric.messages("GRANT", bed.uplinks, DOWN)
    sent = recording.hosts.frames(bed.host(0), "sent")
    if expect.enough(min(map(len, (asked, granted, left, sent))), 1, "frame, REQUEST, GRANT and DATA"):
        held = asked[0].time - int(recording.arrival[sent[0].row])
        held += left[0].time - int(recording.arrival[granted[0].row])
        limit = bed.parameter("flush_time")
        expect.at_most(held, limit, "time that the source held the frame", "ns", rows=[left[0].row])


@clause("PKTC-COUNTERS", "full-and-flushed")
@testbed(SoloGsp())
@needs("fabric taps", "counters")
@sweep("overflow_mode")
@configure(container_bytes=16384)
def test_containers_are_counted_by_what_closed_them(bed, expect, overflow_mode):
    """containers_built, closed_full and closed_flush grow by the containers that the uplinks show."""
    exact = bed.parameter("container_bytes") // 8 - 20
    load = filling(bed, 6, sizes=[exact])
    pause = 60 * gap_at(bed.parameter("container_bytes"), bed.parameter("link_rate"))
    load += elephant(bed.host(0), bed.host(-1), count=50, size=max(RFC2544), cls=3)
    load += bursts(
        bed.host(0), bed.host(-1), repeat=4, frames=1, period=2 * bed.parameter("flush_time"), start=pause
    )
    recording = bed.play(load + Scenario(settle=10 * bed.parameter("flush_time")))
    built, closed = recording.fabric.containers(at=bed.uplinks), full(bed, recording)
    last = {c.queue: c for c in sorted(built, key=lambda item: item.sequence)}
    ended = [c for c in last.values() if all(c.lasts[-1:]) and c not in closed]
    due = {"built": len(built), "closed_full": len(closed) + len(ended)}
    due["closed_flush"] = due["built"] - due["closed_full"]
    expect.enough(min(due.values()), 4, f"containers of each kind ({overflow_mode})")
    for name, count in due.items():
        counted = recording.devices.counter(f"containers_{name}", "gsp0")
        expect.equal(counted, count, f"growth of containers_{name}", unit="container")
