"""When a part-filled container closes, and that none waits to be filled."""

from dataclasses import replace
from itertools import pairwise

from conformance.api.marks import clause, configure, needs, testbed
from conformance.api.testbeds import LeafSpine, SoloGsp
from traffic.patterns import bursts, credit_bytes, elephant, single
from traffic.recordings.recording import UP
from traffic.scenario import Scenario, Trigger, Window


@clause("PKTC-FLUSH", "pause-in-the-load")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_pause_closes_the_container(bed, expect):
    """Bursts too short to fill a container, with pauses between them, do not share one."""
    longest = bed.parameter("flush_time") + bed.parameter("latency_margin")
    recording = bed.play(bursts(bed.host(0), bed.host(-1), repeat=5, frames=3, period=3 * longest))
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        "time between two frames of a container",
        lambda container: all(after - before <= longest for before, after in pairwise(container.times)),
        at_least=5,
        expected=f"at most {longest} ns",
        show=lambda container: container.times,
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


@clause("PKTC-SINGLE-FRAME")
@testbed(LeafSpine())
def test_a_lone_frame_arrives_in_time(bed, expect):
    """One short frame and nothing else reaches its host once, and soon."""
    steps = ("grant_round_trip", "path_delay_max", "flush_time", "latency_margin")
    recording = bed.play(single(bed.host(0), bed.host(-1)))
    received = recording.hosts.frames(bed.host(-1), "received")
    expect.equal(len(received), 1, "copies of the frame that arrived")
    for latency in recording.hosts.latencies(bed.host(0), bed.host(-1)):
        expect.at_most(int(latency), sum(bed.parameter(step) for step in steps), "delay of the frame", "ns")
