"""What a container may hold: one destination, one class, whole frames, nothing else."""

from collections import Counter

from conformance.api.marks import clause, needs, testbed
from conformance.api.testbeds import SoloGsp
from conformance.cases.pktc.containers import filling
from traffic.frames.roce import TEST_ETHERTYPE, identify
from traffic.patterns import RFC2544, elephant, interleaved, sweep
from traffic.recordings.recording import UP
from traffic.scenario import FCS, SHORTEST_TAGGED_ROCE, Scenario, TimedFrame


@clause("PKTC-ONE-DESTINATION")
@testbed(SoloGsp(hosts=4, remotes=2))
@needs("fabric taps")
def test_one_egress_a_container(bed, expect):
    """Frames sent in turn to eight hosts share containers only with frames for the same egress."""
    egress = {host.mac: (host.node, host.port) for host in bed.addresses.values()}
    fabric = bed.play(interleaved(bed.host(0), bed.hosts[4:], count=40)).fabric
    expect.each(
        fabric.containers(at=bed.uplinks),
        "egresses of the frames in a container",
        lambda container: (
            {egress[fabric.payload(row)[:6]] for row in container.rows}
            == {(container.destination, container.port)}
        ),
        at_least=8,
        expected="the one that its header names",
        show=lambda container: (
            f"{container}; {len({egress[fabric.payload(row)[:6]] for row in container.rows})} egresses"
        ),
    )


@clause("PKTC-CLASS-SEPARATION")
@testbed(SoloGsp())
@needs("fabric taps")
def test_one_class_a_container(bed, expect):
    """Frames of all priorities to one host travel in containers of their own, labelled with that class."""
    source, destination = bed.host(0), bed.host(-1)
    octets = 2 * bed.parameter("container_bytes")
    loads = [elephant(source, destination, bytes=octets, cls=cls) for cls in range(8)]
    recording = bed.play(sum(loads, Scenario()))
    priority = {frame.frame: frame.cls for frame in recording.hosts.frames(source)}
    expect.each(
        recording.fabric.containers(at=bed.uplinks),
        "priorities of the frames in a container",
        lambda container: (
            {priority.get(recording.fabric.payload(row)) for row in container.rows} == {container.cls}
        ),
        at_least=16,
        expected="the class that its header names",
        show=lambda container: {priority.get(recording.fabric.payload(row)) for row in container.rows},
        unit="class",
    )


@clause("PKTC-WHOLE-FRAME", "size-mix")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_frame_crosses_whole(bed, expect):
    """Frames of every size up to the longest each cross in one DATA frame, octet for octet."""
    sizes = (*RFC2544, bed.parameter("max_frame"))
    recording = bed.play(sweep(bed.host(0), bed.host(-1), sizes=sizes, count=8))
    sent = {frame.frame for frame in recording.hosts.frames(bed.host(0))}
    data = recording.fabric.messages("DATA", bed.uplinks, UP)
    expect.equal(len(data), len(sent), "DATA frames for the host frames sent")
    expect.each(
        data,
        "host frame inside a DATA frame",
        lambda message: recording.fabric.payload(message.row) in sent,
        at_least=len(sizes),
        expected="one of those sent, whole",
        show=lambda message: recording.fabric.payload(message.row),
    )


@clause("PKTC-WHOLE-FRAME", "tagged-frames")
@testbed(SoloGsp())
@needs("fabric taps", "service tags")
def test_a_tagged_frame_crosses_whole(bed, expect):
    """Frames with a customer tag, a service tag or both each cross in one DATA frame, octet for octet."""
    here, there = bed.addresses[bed.host(0)].mac, bed.addresses[bed.host(-1)].mac
    customer, service, apart = b"\x81\x00\x60\x07", b"\x88\xa8\x60\x09", bed.parameter("flush_time")
    starts = [there + here + tags for tags in (customer, service, service + customer, customer + customer)]
    sent = [
        (start + TEST_ETHERTYPE.to_bytes(2, "big")).ljust(size - FCS, bytes([size & 0xFF]))
        for start in starts
        for size in (*RFC2544, bed.parameter("max_frame"))
    ]
    frames = [TimedFrame(number * apart, bed.host(0), frame) for number, frame in enumerate(sent)]
    fabric = bed.play(Scenario(frames=tuple(frames))).fabric
    carried = [fabric.payload(data.row) for data in fabric.messages("DATA", bed.uplinks, UP)]
    expect.equal(sorted(carried), sorted(sent), "host frames inside DATA frames", unit="frame")


@clause("PKTC-ONE-CONTAINER-A-FRAME")
@testbed(SoloGsp())
@needs("fabric taps")
def test_a_frame_is_in_one_container(bed, expect):
    """Frames of three classes that meet the borders of containers each have one place in one container."""
    recording = bed.play(filling(bed, 12, sizes=[1000], classes=(0, 2, 5)))
    containers = recording.fabric.containers(at=bed.uplinks)
    places = Counter(recording.fabric.payload(row) for container in containers for row in container.rows)
    expect.enough(len(containers), 12, "containers")
    expect.each(
        recording.hosts.frames(bed.host(0)),
        "places of a frame in containers",
        lambda frame: places[frame.frame] == 1,
        expected=1,
        show=lambda frame: places[frame.frame],
    )


@clause("PKTC-NO-PADDING")
@testbed(SoloGsp())
@needs("fabric taps")
def test_nothing_is_padded(bed, expect):
    """Frames of every size, alone in their containers, gain the header in the fabric and nothing else."""
    sizes = (*RFC2544, bed.parameter("max_frame"))
    pause = bed.parameter("flush_time") + bed.parameter("latency_margin")
    load = sweep(bed.host(0), bed.host(-1), sizes=sizes, count=2, gap=pause)
    tagged = sweep(
        bed.host(0), bed.host(-1), sizes=(SHORTEST_TAGGED_ROCE, *sizes[1:]), gap=pause, count=2, cls=3
    )
    recording = bed.play(load + tagged)
    length = {identify(frame.frame): len(frame.frame) for frame in recording.hosts.frames(bed.host(0))}
    carried = [
        recording.fabric.payload(message.row)
        for message in recording.fabric.messages("DATA", bed.uplinks, UP)
    ]
    expect.each(
        carried,
        "octets of a DATA frame after its header",
        lambda frame: length.get(identify(frame)) == len(frame),
        at_least=len(sizes),
        expected="a host frame and no more",
    )
